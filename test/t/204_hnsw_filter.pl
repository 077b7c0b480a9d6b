# Recall of hnsw searches with conditions on filter columns, on a real collection
# (environment PGR_DATA), for every way an index comes to be; all rows that LIMIT asks
# for; how many pages of the index a search reads.
# covers: hnsw_filtered hnsw_match hnsw_filter
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{PGR_DATA} // '';
plan skip_all => 'no collections (set PGR_DATA)' unless -d "$data/mlnotes-bge-micro";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\nshared_buffers = 256MB\nmax_wal_size = 4GB\nautovacuum = off\nmax_parallel_maintenance_workers = 2\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

sub copy_text
{
	my ($file, $path, $most, $step) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	open my $out, '>', $file or die "$file: $!";
	for (my $i = 0; $i < $most && read($in, my $row, 1536) == 1536; $i++)
	{
		print $out "$i\t[", join(',', map { sprintf '%.7g', $_ } unpack 'f<*', $row), "]\n" if $i % $step == 0;
	}
	close $out;
	return;
}

my $base = $node->basedir;
copy_text("$base/rows", "$data/mlnotes-bge-micro/docs.bin", 20000, 1);
copy_text("$base/queries", "$data/mlnotes-bge-micro/queries.bin", 300, 6);    # neighbours are alike
# thousand is spread at random, day follows the order of the rows, lang is text
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE raw (id int, v vector(384));
	CREATE TABLE q (id int, v vector(384));
	COPY raw FROM '$base/rows';
	COPY q FROM '$base/queries';
	CREATE TABLE t AS SELECT id, v, (hashint4(id) & 2147483647) % 1000 AS thousand, id / 100 AS day,
	  (ARRAY['de', 'en', 'fr', 'en', 'en', 'it'])[hashint4(-id) % 3 + 4] AS lang FROM raw;
	VACUUM ANALYZE t;
	CREATE TABLE truth (cond text, v vector(384), kth float8, n int);
	CREATE FUNCTION make_truth(cond text) RETURNS void LANGUAGE plpgsql AS \$\$
	BEGIN
	  SET LOCAL enable_indexscan = off;
	  EXECUTE format('INSERT INTO truth SELECT %L, q.v, max(d), count(*) FROM q, LATERAL (SELECT t.v <=> q.v AS d FROM t WHERE %s ORDER BY 1 LIMIT 10) x GROUP BY q.v', cond, cond);
	END \$\$;
	-- share of the exact ten nearest, and of the rows asked for
	CREATE FUNCTION recall(cond text, OUT recall numeric, OUT filled numeric) LANGUAGE plpgsql AS \$\$
	DECLARE
	  q record;
	  n int;
	  m int;
	  found float8 := 0;
	  total float8 := 0;
	  rows float8 := 0;
	BEGIN
	  SET LOCAL enable_seqscan = off;
	  SET LOCAL enable_sort = off;
	  FOR q IN SELECT * FROM truth x WHERE x.cond = recall.cond LOOP
	    EXECUTE format('SELECT count(*) FILTER (WHERE d <= \$2 + 1e-6), count(*) FROM (SELECT v <=> \$1 AS d FROM t WHERE %s ORDER BY v <=> \$1 LIMIT 10) x', cond) INTO n, m USING q.v, q.kth;
	    found := found + n;
	    rows := rows + m;
	    total := total + q.n;
	  END LOOP;
	  recall := round((found / total)::numeric, 4);
	  filled := round((rows / total)::numeric, 4);
	END \$\$});

# most pages of the index a search may read, at each condition
my %conditions = (
	'thousand < 500' => 150,
	'thousand < 100' => 900,
	'thousand < 10' => 600,
	'thousand = 7' => 250,
	"thousand < 200 AND lang IN ('de', 'en')" => 1500,
	'day BETWEEN 30 AND 45' => 1800);    # all 1,600 rows, wherever their nodes lie
delete @conditions{ 'thousand < 500', 'thousand < 100', 'thousand = 7' } if $ENV{PGR_BRIEF};    # ./check: all on one server

sub truth
{
	$node->safe_psql('postgres', 'TRUNCATE truth');
	$node->safe_psql('postgres', 'SELECT make_truth($$' . $_ . '$$)') for sort keys %conditions;
	return;
}

sub check_index
{
	my ($what, $server) = @_;
	$server //= $node;
	for my $cond (sort keys %conditions)
	{
		my ($recall, $filled, $pages) = split /\|/, $server->safe_psql('postgres', qq{
			-- a search first, which reads what a backend keeps
			SET enable_seqscan = off;
			SET enable_sort = off;
			SELECT id FROM t WHERE $cond ORDER BY v <=> (SELECT v FROM q LIMIT 1) LIMIT 1;
			SELECT pg_stat_force_next_flush();
			SELECT idx_blks_hit + idx_blks_read AS before FROM pg_statio_user_indexes WHERE indexrelname = 't_i' \\gset
			SELECT * FROM recall(\$\$$cond\$\$) \\gset
			SELECT pg_stat_force_next_flush();
			SELECT 'x', :recall, :filled, round((idx_blks_hit + idx_blks_read - :before) / 50.0) FROM pg_statio_user_indexes WHERE indexrelname = 't_i'}) =~ s/.*^x\|//msr;
		note("$what, $cond: recall\@10 $recall, $pages pages");
		cmp_ok($recall, '>=', 0.95, "$what, $cond: recall");
		is($filled, '1.0000', "$what, $cond: all rows");
		cmp_ok($pages, '<=', $conditions{$cond}, "$what, $cond: pages");
	}
	# to the end: all rows that pass, each once
	for my $cond (sort keys %conditions)
	{
		my $all = "SELECT id FROM t WHERE $cond ORDER BY v <=> (SELECT v FROM q LIMIT 1)";
		is($server->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; SELECT count(*), sum(hashint4(id)::bigint) FROM ($all) x"),
			$server->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*), sum(hashint4(id)::bigint) FROM ($all) x"), "$what, $cond: complete");
	}
	is($server->safe_psql('postgres', "SELECT * FROM hnsw_check('t_i') LIMIT 5"), '', "$what: checker");
	return;
}

# damage(KIND, OFFSET, CODE): changes 4 bytes of the content of the fullest page of a kind
# while the server is down; what the checker says then
sub damage
{
	my ($kind, $offset, $code) = @_;
	my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('t_i')");
	my ($used, $at) = (0, undef);
	$node->stop;
	open my $f, '+<:raw', $file or die "$file: $!";
	for (my $block = 0; read($f, my $page, 8192) == 8192; $block++)
	{
		my $lower = unpack 'S', substr($page, 12, 2);
		next unless unpack('S', substr($page, 8184, 2)) == $kind && $lower > $used;
		($used, $at) = ($lower, $block * 8192 + 24 + $offset);
	}
	seek $f, $at, 0;
	read $f, my $old, 4;
	seek $f, $at, 0;
	print $f pack('L', $code->(unpack 'L', $old));
	close $f;
	$node->start;
	my $said = $node->safe_psql('postgres', "SELECT problem FROM hnsw_check('t_i') LIMIT 5");
	$node->stop;
	open $f, '+<:raw', $file or die "$file: $!";
	seek $f, $at, 0;
	print $f $old;
	close $f;
	$node->start;
	return $said;
}

truth();
my $create = 'CREATE INDEX t_i ON t USING hnsw (v vector_cosine_ops, thousand, day, lang)';
$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '256MB'; $create");
like($node->safe_psql('postgres', "EXPLAIN SELECT id FROM t WHERE thousand < 100 AND lang IN ('de', 'en') ORDER BY v <=> (SELECT v FROM q LIMIT 1) LIMIT 10"),
	qr/Index Scan using t_i.*Index Cond: \(\(thousand < 100\) AND \(lang = ANY/s, 'the planner puts the conditions into the index');
check_index('serial build');
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
check_index('standby', $standby);

my ($out, $err);
$node->psql('postgres', qq{DROP INDEX t_i; ALTER TABLE t SET (parallel_workers = 2);
	SET maintenance_work_mem = '256MB'; SET client_min_messages = debug1; $create}, stdout => \$out, stderr => \$err);
like($err, qr/using [12] parallel workers/, 'workers were used');
check_index('parallel build');
$node->psql('postgres', qq{DROP INDEX t_i; SET maintenance_work_mem = '8MB'; $create}, stdout => \$out, stderr => \$err);
check_index('parallel build beyond memory');
$node->safe_psql('postgres', qq{
	CREATE TABLE later AS SELECT * FROM t WHERE id % 4 = 3;
	DELETE FROM t WHERE id % 4 = 3;
	VACUUM t;
	INSERT INTO t SELECT * FROM later});
check_index('after deletes, VACUUM and inserts');
$node->safe_psql('postgres', 'UPDATE t SET thousand = (thousand + 500) % 1000 WHERE id % 2 = 0');
truth();
check_index('after updates of a filter column');

# what the checker finds: a list page (kind 0x23) that has an entry less, an entry of
# another node, a row that cannot be, a digest of another row
$standby->stop;
$node->safe_psql('postgres', 'VACUUM t');
# 18 has page checksums unless told otherwise
$node->append_conf('postgresql.conf', 'ignore_checksum_failure = on');
like(damage(0x23, 0, sub { $_[0] - 1 }), qr/^row \(\d+,\d+\) is not in the lists of filter values$/m, 'checker: a row that is missing');
like(damage(0x23, 8, sub { $_[0] + 1 }), qr/is wrong in the lists of filter values/, 'checker: a row with another node');
like(damage(0x23, 12, sub { $_[0] + 1 }), qr/^row \(\d+,\d+\) is outside of the table$/m, 'checker: a row that cannot be');
like(damage(0x23, 34, sub { $_[0] ^ 0x88888888 }), qr/^a row has a wrong digest in the lists of filter values$/m, 'checker: a digest');
is($node->safe_psql('postgres', "SELECT * FROM hnsw_check('t_i') LIMIT 5"), '', 'checker: mended');

# built empty: one list, without digests, until REINDEX
$node->safe_psql('postgres', "CREATE TABLE copy AS SELECT * FROM t; TRUNCATE t; INSERT INTO t SELECT * FROM copy");
check_index('built empty, then filled');
$node->safe_psql('postgres', "SET maintenance_work_mem = '256MB'; REINDEX INDEX t_i");
check_index('after REINDEX');
$node->stop;
done_testing();
