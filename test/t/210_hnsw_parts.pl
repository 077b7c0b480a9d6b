# Builds in parts, of hnsw indexes larger than maintenance_work_mem: rows with equal
# values and without one, estimates that are wrong either way, progress, cancellation,
# memory that is hopelessly small. Recall on real collections is in 201.
# covers: hnsw_part hnsw_spool spool sample train
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', "autovacuum = off\nmax_parallel_maintenance_workers = 2\n");
my $create = 'CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops)';
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE t (id serial, v vector(64));
	CREATE FUNCTION pseudo(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((hashint8(seed::bigint * 100003 + i)::bigint & 65535)::real / 65536)::vector FROM generate_series(1, 64) i $$;
	-- a third of the rows have one of seven values, one in fifty has none
	INSERT INTO t (v) SELECT CASE WHEN i % 50 = 0 THEN NULL WHEN i % 3 = 0 THEN array_fill((i % 7 + 1)::real, ARRAY[64])::vector
		ELSE pseudo(i) END FROM generate_series(1, 6000) i;
	VACUUM ANALYZE t});
my $rows = $node->safe_psql('postgres', 'SELECT count(v) FROM t');
my $values = $node->safe_psql('postgres', 'SELECT count(DISTINCT v) FROM t');

sub sound
{
	my ($what) = @_;
	is($node->safe_psql('postgres', "SELECT * FROM hnsw_check('t_i') LIMIT 5"), '', "$what: checker");
	my ($nodes, $tids, $unreachable) = split /\|/, $node->safe_psql('postgres', "SELECT nodes, tids, unreachable FROM hnsw_stats('t_i')");
	is($tids, $rows, "$what: each row once");
	# processes that insert equal values at the same moment may make a node each
	cmp_ok($nodes - $values, '>=', 0, "$what: values have nodes");
	cmp_ok($nodes - $values, '<=', 20, "$what: equal values share nodes");
	is($unreachable, 0, "$what: a way leads to each node");
	is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 5)) x'),
		"$rows|$rows", "$what: a scan gives all rows");
	# not a measure of recall: that the parts hang together
	cmp_ok($node->safe_psql('postgres', q{SET enable_seqscan = off; SET hnsw.ef_search = 100; SELECT count(*) FROM t q WHERE id % 37 = 1 AND id % 3 > 0 AND v IS NOT NULL AND
		(SELECT n.v FROM t n ORDER BY n.v <-> q.v LIMIT 1) <> q.v}), '<=', 2, "$what: rows find themselves");
	return;
}

# the estimate: right, much too low (the graph fills up), much too high (one part)
for my $workers (0, 2)
{
	for ([ 6000, '1MB', qr/built in \d parts/ ], [ 10, '1MB', qr/built in \d parts/ ], [ 1e9, '64MB', undef ])
	{
		my ($estimate, $memory, $notice) = @$_;
		my ($out, $err);
		$node->psql('postgres', "DROP INDEX IF EXISTS t_i; ALTER TABLE t SET (parallel_workers = $workers);
			UPDATE pg_class SET reltuples = $estimate WHERE relname = 't';
			SET min_parallel_table_scan_size = 0; SET maintenance_work_mem = '$memory'; $create", stdout => \$out, stderr => \$err);
		like($err, $notice, "estimate $estimate: in parts") if $notice;
		unlike($err, qr/built in/, "estimate $estimate: not in parts") unless $notice;
		unlike($err, qr/WARNING|ERROR/, "estimate $estimate: nothing else is said");
		sound("estimate $estimate, $workers workers");
	}
}

# filter values go with the rows
for my $workers (0, 2)
{
	my ($out, $err);
	$node->psql('postgres', "DROP INDEX t_i; ALTER TABLE t SET (parallel_workers = $workers); SET min_parallel_table_scan_size = 0;
		SET maintenance_work_mem = '1MB'; UPDATE pg_class SET reltuples = 6000 WHERE relname = 't';
		CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops, id)", stdout => \$out, stderr => \$err);
	like($err, qr/built in \d parts/, "filter column, $workers workers: in parts");
	sound("filter column, $workers workers");
	is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM t q WHERE q.id % 61 = 1 AND q.v IS NOT NULL AND
		q.id IS DISTINCT FROM (SELECT n.id FROM t n WHERE n.id = q.id ORDER BY n.v <-> (SELECT v FROM t WHERE id = 1) LIMIT 1)'), 0, "$workers workers: each is found by its value");
}

# progress moves through the parts; a cancelled build leaves nothing behind
$node->safe_psql('postgres', 'DROP INDEX t_i; ALTER TABLE t SET (parallel_workers = 0);
	INSERT INTO t (v) SELECT pseudo(i + 10000) FROM generate_series(1, 30000) i; ANALYZE t');
for my $workers (0, 2)
{
	$node->safe_psql('postgres', "ALTER TABLE t SET (parallel_workers = $workers)");
	my $background = $node->background_psql('postgres', on_error_stop => 0);
	$background->query_safe("SET application_name = 'builder'; SET maintenance_work_mem = '1MB'");
	$background->query_until(qr/started/, "\\echo started\n$create;\n");
	my %seen;
	for (1 .. 3000)
	{
		my $line = $node->safe_psql('postgres', 'SELECT phase, tuples_done FROM pg_stat_progress_create_index');
		my ($phase, $done) = split /\|/, $line;
		next unless $phase;
		$seen{ $phase =~ s/.*: //r }{$done // 0} = 1;
		last if keys %{ $seen{'building parts'} // {} } > 3 && keys %{ $seen{'writing graph'} // {} } > 3;
	}
	cmp_ok(scalar(keys %{ $seen{$_} // {} }), '>', 3, "$workers workers: rows are counted while $_")
	  for ('building parts', 'writing graph');
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'builder' AND backend_type = 'client backend'"), 't', 'cancelled');
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker' OR (application_name = 'builder' AND state = 'active')")
		or die 'the build goes on';
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 't_i'"), 0, "$workers workers: no index is left");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), 0, "$workers workers: no file is left");
	$background->quit;
}

# far too little for so many rows
$node->safe_psql('postgres', 'CREATE TABLE big (v vector(16000)); INSERT INTO big SELECT array_fill(i::real, ARRAY[16000])::vector FROM generate_series(1, 300) i; VACUUM ANALYZE big');
my ($ret, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '1MB'; CREATE INDEX big_i ON big USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 200)");
like($err, qr/built in \d+ parts/, 'a few nodes at a time');
is($node->safe_psql('postgres', "SELECT nodes, tids, (SELECT count(*) FROM hnsw_check('big_i')) FROM hnsw_stats('big_i')"), '300|300|0', 'and all is there');
if ($node->safe_psql('postgres', "SELECT min_val::int < 100 FROM pg_settings WHERE name = 'maintenance_work_mem'") eq 't')
{
	($ret, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '64kB'; CREATE INDEX ON big USING hnsw (v vector_l2_ops) WITH (storage = full)");
	like($err, qr/ERROR:  maintenance_work_mem is too small for one node of an hnsw index/, 'not even one node');
	like($err, qr/HINT:  Increase maintenance_work_mem to at least \d+ kB/, 'and what it takes');
}

$node->stop;
done_testing();
