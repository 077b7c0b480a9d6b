# Recall of hnsw on real collections (environment PGR_DATA), for every way an index
# comes to be: serial and parallel builds, one that memory has no room for, single
# inserts, after deletes and VACUUM, on a standby. Each time the checker finds
# nothing and the order is ascending.
# covers: hnsw_build hnsw_insert hnsw_walk hnsw_part
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{PGR_DATA} // '';
my $f32 = sub { unpack 'V*', $_[0] };    # little-endian, as the network wants them
my $u8 = sub { map { unpack 'N', pack 'f>', $_ } unpack 'C*', $_[0] };

# name, folder, rows, queries, dimension, bytes a row, reader, operator, class, rows taken
my @sets = (
	[ 'bge', 'mlnotes-bge-micro', 'docs.bin', 'queries.bin', 384, 384 * 4, $f32, '<=>', 'vector_cosine_ops', 23699 ],
	[ 'mnist', 'mnist-784', 'base.u8', 'queries.u8', 784, 784, $u8, '<->', 'vector_l2_ops', 9800 ],
	[ 'colbert', 'colbertv2-lotte500', 'doc_tokens.bin', 'query_tokens.bin', 128, 128 * 4, $f32, '<#>', 'vector_ip_ops', 30000 ]);
@sets = grep { -d "$data/$_->[1]" } @sets if $data;
splice @sets, 1 if $ENV{PGR_BRIEF};    # ./check: all of them on one server is enough
plan skip_all => 'no collections (set PGR_DATA)' unless $data && @sets;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\nwal_keep_size = 8GB\nshared_buffers = 256MB\nmax_wal_size = 4GB\nautovacuum = off\nmax_parallel_maintenance_workers = 2\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# Rows (id, vector) as a COPY BINARY file.
sub write_copy
{
	my ($file, $path, $dim, $size, $reader, $most) = @_;
	open my $in, '<:raw', $path or die "$path: $!";
	open my $out, '>:raw', $file or die "$file: $!";
	print $out "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0);
	for (my $i = 0; $i < $most && read($in, my $row, $size) == $size; $i++)
	{
		my $value = pack('nn', $dim, 0) . pack('N*', $reader->($row));
		print $out pack('n', 2), pack('N/a*', pack('N', $i)), pack('N/a*', $value);
	}
	print $out pack('n', 0xffff);
	close $out;
}

$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	-- share of the exact ten nearest among the ten that the index gives
	CREATE FUNCTION recall(tab text, op text, ef int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
	  found int := 0;
	  total int := 0;
	  q record;
	  n int;
	BEGIN
	  PERFORM set_config('hnsw.ef_search', ef::text, true);
	  SET LOCAL enable_seqscan = off;
	  FOR q IN EXECUTE format('SELECT v, kth FROM %I', tab || '_truth') LOOP
	    EXECUTE format('SELECT count(*) FROM (SELECT v %1$s $1 AS d FROM %2$I ORDER BY v %1$s $1 LIMIT 10) x WHERE d <= $2', op, tab)
	      INTO n USING q.v, q.kth;
	    found := found + n;
	    total := total + 10;
	  END LOOP;
	  RETURN round(found::numeric / total, 4);
	END $$;
	CREATE PROCEDURE make_truth(tab text, op text) LANGUAGE plpgsql AS $$
	BEGIN
	  EXECUTE format('DROP TABLE IF EXISTS %I', tab || '_truth');
	  SET LOCAL enable_indexscan = off;
	  EXECUTE format('CREATE TABLE %1$I AS SELECT q.v, (SELECT max(d) + abs(max(d)) * 1e-9 FROM (SELECT t.v %2$s q.v AS d FROM %3$I t ORDER BY 1 LIMIT 10) x) AS kth FROM %4$I q',
	    tab || '_truth', op, tab, tab || '_q');
	END $$;
	-- places where a distance is below the one before it
	CREATE FUNCTION inversions(tab text, op text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
	  n bigint;
	BEGIN
	  SET LOCAL enable_seqscan = off;
	  EXECUTE format('SELECT sum(x.bad) FROM (SELECT v FROM %3$I LIMIT 20) q, LATERAL (SELECT count(*) FILTER (WHERE d < before) AS bad FROM (SELECT d, lag(d) OVER () AS before FROM (SELECT t.v %2$s q.v AS d FROM %1$I t ORDER BY t.v %2$s q.v LIMIT 150) a) b) x', tab, op, tab || '_q') INTO n;
	  RETURN n;
	END $$;
});

# The recall there must be, and a sound index; $server answers, the primary is checked.
sub check_index
{
	my ($what, $tab, $op, $server) = @_;
	$server //= $node;
	my $at40 = $server->safe_psql('postgres', "SELECT recall('$tab', '$op', 40)");
	my $at200 = $server->safe_psql('postgres', "SELECT recall('$tab', '$op', 200)");
	like($server->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN SELECT id FROM $tab ORDER BY v $op (SELECT v FROM ${tab}_q LIMIT 1) LIMIT 10"),
		qr/Index Scan using ${tab}_i/, "$what: the index is used");
	note("$what: recall\@10 $at40 with the default, $at200 with ef_search 200");
	cmp_ok($at40, '>=', 0.95, "$what: recall with the default");
	cmp_ok($at200, '>=', 0.99, "$what: recall with ef_search 200");
	is($server->safe_psql('postgres', "SELECT inversions('$tab', '$op')"), 0, "$what: ascending order");
	is($server->safe_psql('postgres', "SELECT * FROM hnsw_check('${tab}_i') LIMIT 5"), '', "$what: checker");
	return;
}

for my $set (@sets)
{
	my ($tab, $folder, $rows, $queries, $dim, $size, $reader, $op, $class, $most) = @$set;
	my $base = $node->basedir;
	write_copy("$base/rows", "$data/$folder/$rows", $dim, $size, $reader, $most);
	write_copy("$base/queries", "$data/$folder/$queries", $dim, $size, $reader, 100);
	$node->safe_psql('postgres', qq{
		CREATE TABLE $tab (id int, v vector($dim));
		CREATE TABLE ${tab}_q (id int, v vector($dim));
		COPY $tab FROM '$base/rows' (FORMAT binary);
		COPY ${tab}_q FROM '$base/queries' (FORMAT binary);
		VACUUM ANALYZE $tab;
		CALL make_truth('$tab', '$op')});
	my $create = "CREATE INDEX ${tab}_i ON $tab USING hnsw (v $class)";

	$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '256MB'; $create");
	check_index("$tab, serial build", $tab, $op);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	check_index("$tab, standby", $tab, $op, $standby);

	my ($out, $err);
	$node->psql('postgres', qq{DROP INDEX ${tab}_i; ALTER TABLE $tab SET (parallel_workers = 2);
		SET maintenance_work_mem = '256MB'; SET client_min_messages = debug1; $create}, stdout => \$out, stderr => \$err);
	like($err, qr/using [12] parallel workers/, "$tab: workers were used");
	check_index("$tab, parallel build", $tab, $op);

	# a quarter of what the graph needs: $dim + 300 bytes a row
	my $memory = int($most * ($dim + 300) / 4096) . 'kB';
	for my $workers (0, 2)
	{
		$node->psql('postgres', qq{DROP INDEX ${tab}_i; SET maintenance_work_mem = '$memory';
			ALTER TABLE $tab SET (parallel_workers = $workers);
			SET client_min_messages = debug1; $create}, stdout => \$out, stderr => \$err);
		like($err, qr/built in \d parts/, "$tab: memory was too small");
		($workers ? \&like : \&unlike)->($err, qr/using [12] parallel workers/, "$tab: workers");
		check_index("$tab, build in parts, $workers workers", $tab, $op);
		is($node->safe_psql('postgres', "SELECT tids FROM hnsw_stats('${tab}_i')"),
			$node->safe_psql('postgres', "SELECT count(v) FROM $tab"), "$tab: each row is in the index once");
	}

	# the last quarter by single inserts
	$node->safe_psql('postgres', qq{
		CREATE TABLE later AS SELECT * FROM $tab WHERE id % 4 = 3;
		DELETE FROM $tab WHERE id % 4 = 3;
		VACUUM $tab;
		REINDEX INDEX ${tab}_i;
		INSERT INTO $tab SELECT * FROM later;
		DROP TABLE later});
	check_index("$tab, after inserts", $tab, $op);

	$node->safe_psql('postgres', "DELETE FROM $tab WHERE id % 2 = 0");
	$node->safe_psql('postgres', "CALL make_truth('$tab', '$op')");
	check_index("$tab, half deleted", $tab, $op);
	my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('${tab}_i')");
	$node->safe_psql('postgres', "VACUUM $tab");
	check_index("$tab, vacuumed", $tab, $op);
	is($node->safe_psql('postgres', "SELECT nodes = tids AND dead = 0 AND nodes = (SELECT count(DISTINCT v) FROM $tab) FROM hnsw_stats('${tab}_i')"),
		't', "$tab: the index holds the rows that are left") if $tab ne 'bge';    # bge has near-duplicates that share nodes
	$node->safe_psql('postgres', "INSERT INTO $tab SELECT id + 1000000, v FROM $tab WHERE id % 4 = 1");
	is($node->safe_psql('postgres', "SELECT pg_relation_size('${tab}_i')"), $pages, "$tab: space is used again");
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	is($standby->safe_psql('postgres', "SELECT * FROM hnsw_check('${tab}_i') LIMIT 5"), '', "$tab: checker on the standby at the end");
	$node->safe_psql('postgres', "DROP TABLE $tab");
}

$standby->stop;
$node->stop;
done_testing();
