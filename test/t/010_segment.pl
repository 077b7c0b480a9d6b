# Segments against models in memory: written, read, deleted from, merged; on the
# primary, on a standby, after a crash; temporary ones. The module test/segmod is
# compiled here, because the extension exports nothing of src/segment.
# covers: segment_read segment_write segment_postings segment_delete segment_block segment_section segment_dict segment_dict_build segment_write_docs segment_write_postings segment_write_terms segment_spool
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = abs_path(dirname(__FILE__) . '/../segmod');
my $build = abs_path(PostgreSQL::Test::Utils::tempdir());
my $log = `cd '$build' && make -f '$source/Makefile' with_llvm=no all 2>&1`;
die "the test module did not compile:\n$log" if $? != 0;
my $library = "$build/segmod";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"wal_consistency_checking = 'generic'\nfsync = off\nwal_keep_size = 8GB\nautovacuum = off\nshared_buffers = 64MB\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', qq{
	CREATE FUNCTION segmod_write(regclass, int, int, int) RETURNS bytea LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_delete(regclass, bytea, int, int) RETURNS bytea LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_merge(regclass, int, int, bytea[]) RETURNS bytea LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_check(regclass, bytea, int, int[], int[], bool) RETURNS bool LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_temporary(int, int[]) RETURNS bool LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_damage(regclass, int, int) RETURNS void LANGUAGE c AS '$library';
	CREATE FUNCTION segmod_blocks(int) RETURNS bool LANGUAGE c AS '$library';
	CREATE TABLE pages (i int);    -- the segments' pages
	CREATE TABLE segments (number int, shape int, seeds int[], percents int[], merged bool, root bytea);
});

# the seed of everything
my $seed = $ENV{SEED} // 1;
note "SEED=$seed";
sub sql { return $primary->safe_psql('postgres', $_[0]); }

is(sql("SELECT segmod_blocks($seed)"), 't', 'blocks of all widths');

# shapes: norms; norms and positions; 3 fields; positions of 2 fields; impacts
my @shapes = (4 * 1 + 1, 4 * 1 + 3, 4 * 3 + 1, 4 * 2 + 3, 4 * 1);
splice @shapes, 2, 1 if $ENV{PGR_BRIEF};    # ./check: all of them on one server is enough
splice @shapes, -1 if $ENV{PGR_BRIEF};
my $generation = 1;
my $next = $seed * 1000;
my $verdict = 'SELECT bool_and(segmod_check(\'pages\', root, shape, seeds, percents, merged)) FROM segments';

for my $shape (@shapes)
{
	# eight segments: the first all dead, the second all alive; sizes go by seed
	for my $i (0 .. 7)
	{
		my $percent = $i == 0 ? 100 : $i == 1 ? 0 : 5 * $i;
		sql("INSERT INTO segments SELECT $i, $shape, ARRAY[$next], ARRAY[0], false, "
			  . "segmod_write('pages', $generation, $shape, $next)");
		if ($i == 5)
		{
			is(sql("$verdict WHERE shape = $shape"), 't', "shape $shape: segments as written");
		}
		sql("UPDATE segments SET percents = ARRAY[$percent], root = segmod_delete('pages', root, $shape, $percent) "
			  . "WHERE shape = $shape AND number = $i");
		$next++;
		$generation++;
	}
	is(sql("$verdict WHERE shape = $shape"), 't', "shape $shape: segments with dead rows");
	sql("INSERT INTO segments SELECT 8, $shape, array_agg(seeds[1] ORDER BY number), "
		  . "array_agg(percents[1] ORDER BY number), true, "
		  . "segmod_merge('pages', $generation, $shape, array_agg(root ORDER BY number)) "
		  . "FROM segments WHERE shape = $shape");
	$generation++;
	is(sql("$verdict WHERE shape = $shape AND merged"), 't', "shape $shape: merged");
	is(sql("SELECT segmod_temporary($shape, ARRAY[$next, $next + 1, $next + 3])"), 't',
		"shape $shape: temporary");
}

$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is($standby->safe_psql('postgres', $verdict), 't', 'all of them on the standby');
$primary->stop('immediate');
$primary->start;
is(sql($verdict), 't', 'all of them after a crash');

# A damaged page is an error at worst, never a crash. The bytes changed may lie
# where nothing is or hold a hash: most damage is noticed, not all.
my $noticed = sql(qq{
	CREATE FUNCTION damage(n int) RETURNS int LANGUAGE plpgsql AS \$\$
	DECLARE
		s segments;
		noticed int := 0;
		block int;
	BEGIN
		FOR i IN 1 .. n LOOP
			SELECT * INTO s FROM segments ORDER BY hashint4extended(i, $seed) # hashint4extended(number * 16 + shape, 7) LIMIT 1;
			-- from the root on are the first pages of the segment, beyond them others
			block := get_byte(s.root, 12) + get_byte(s.root, 13) * 256 + get_byte(s.root, 14) * 65536 + i % 16;
			CONTINUE WHEN block >= pg_relation_size('pages') / 8192;
			PERFORM segmod_damage('pages', block, i);
			BEGIN
				PERFORM segmod_check('pages', s.root, s.shape, s.seeds, s.percents, s.merged);
			EXCEPTION WHEN OTHERS THEN
				noticed := noticed + 1;
				RAISE LOG 'noticed: %', SQLERRM;
			END;
			PERFORM segmod_damage('pages', block, i);
		END LOOP;
		RETURN noticed;
	END \$\$;
	SELECT damage(60)});
cmp_ok($noticed, '>=', 20, "damage is noticed ($noticed of 60)");
is(sql($verdict), 't', 'and was healed');

$standby->stop;
$primary->stop;
done_testing();
