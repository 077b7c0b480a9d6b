# Index builds where memory is short: what maintenance_work_mem allows is asked for only as
# far as rows need it, a graph takes what there is, and without shared memory for workers
# one process builds. The server's address space is limited as it runs.
# covers: am_parallel hnsw_build graph_mem hnsw_task task
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs prlimit' if $^O ne 'linux' || system('prlimit --version > /dev/null 2>&1') != 0;

my $node = new_server('main', "autovacuum = off\nmax_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE one (v vector(3));
	INSERT INTO one VALUES ('[1,2,3]');
	CREATE INDEX one_i ON one USING hnsw (v vector_l2_ops);
	CREATE TABLE wide (id int, v vector(4000));
	ALTER TABLE wide ALTER v SET STORAGE external;
	INSERT INTO wide SELECT i, array_agg(hashint4(i * 4000 + d)::real)::vector FROM generate_series(1, 200) i, generate_series(1, 4000) d GROUP BY i;
	CREATE TABLE words AS SELECT i, 'word' || i % 20 AS body FROM generate_series(1, 300) i;
	ALTER TABLE wide SET (parallel_workers = 2);
	ALTER TABLE words SET (parallel_workers = 2)});

my $pid = (slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/)[0];
my $size = (slurp_file("/proc/$pid/status") =~ /VmSize:\s+(\d+)/)[0];

# So many kB more than the server has; undef: no limit.
sub limit
{
	my ($more) = @_;
	system_or_bail('prlimit', "--pid=$pid", '--as=' . (defined $more ? ($size + $more) * 1024 : 'unlimited') . ':');
	return;
}

# The statement's messages.
sub said
{
	my ($statement) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "SET min_parallel_table_scan_size = 0;\n$statement");
	is($rc, 0, $statement) or diag($err);
	return $err;
}

limit(100_000);
for my $setting ('40GB', '2000GB')
{
	said("SET maintenance_work_mem = '$setting'; TRUNCATE one; INSERT INTO one VALUES ('[1,2,3]'); REINDEX TABLE one");
	is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT v FROM one ORDER BY v <-> '[1,1,1]'}), '[1,2,3]', "$setting: the row is found");
}
# 10,000 nodes of 5 kB for workers, 100,000 without
limit(40_000);
like(said("SET maintenance_work_mem = '10GB'; CREATE INDEX wide_i ON wide USING hnsw (v vector_l2_ops)"),
	qr/NOTICE:  the index is built by one process, because there is not enough shared memory/, 'no workers without shared memory');
limit(undef);
is($node->safe_psql('postgres', "SELECT count(*) FROM hnsw_check('wide_i')"), 0, 'the checker finds nothing');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT id FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 7) LIMIT 1}), 7, 'a row is found');
unlike(said('REINDEX INDEX wide_i'), qr/NOTICE/, 'with memory there is none');

SKIP:
{
	skip 'debug points need a server with assertions', 3 if $node->safe_psql('postgres', 'SHOW debug_assertions') ne 'on';
	like(said("SET pgretrieve.debug_point = 'parallel-memory:error'; CREATE INDEX words_i ON words USING bm25 (body) WITH (config = 'simple')"),
		qr/NOTICE:  the index is built by one process/, 'bm25: no workers without shared memory');
	is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM words WHERE body @@@ 'word7'}), 15, 'bm25: rows are found');
}
unlike(slurp_file($node->logfile), qr/WARNING|PANIC|terminated by signal/, 'nothing is left');
$node->stop;
done_testing();
