# Recall of hnsw for inner products where the longest vectors are 55 times as long as
# the shortest: after single inserts into an empty index, after a build, and after as
# many single inserts again. Queries of all lengths: theirs must not matter.
# covers: vecspace hnsw_link hnsw_index
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', "autovacuum = off\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION uneven(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg(((hashint8(seed::bigint * 100003 + i)::bigint & 65535)::real / 65536 - 0.5)
			* exp(4 * (hashint8(seed::bigint * 7 + 13)::bigint & 65535)::real / 65536))::vector FROM generate_series(1, 32) i $$;
	CREATE TABLE t (id int, v vector(32));
	CREATE TABLE q AS SELECT uneven(i)::vector(32) AS v FROM generate_series(100001, 100100) i;
	CREATE INDEX t_i ON t USING hnsw (v vector_ip_ops);
	-- share of the exact ten best among the ten that the index gives
	CREATE FUNCTION recall(ef int) RETURNS numeric LANGUAGE plpgsql AS $$
	DECLARE
	  r numeric;
	BEGIN
	  PERFORM set_config('hnsw.ef_search', ef::text, true);
	  SET LOCAL enable_seqscan = off;
	  SELECT avg((SELECT count(*) FROM (SELECT v <#> k.v AS d FROM t ORDER BY v <#> k.v LIMIT 10) x WHERE d <= k.kth)) / 10 INTO r FROM k;
	  RETURN round(r, 4);
	END $$;
	CREATE PROCEDURE truth() LANGUAGE plpgsql AS $$
	BEGIN
	  DROP TABLE IF EXISTS k;
	  SET LOCAL enable_indexscan = off;
	  CREATE TABLE k AS SELECT q.v, (SELECT max(d) + abs(max(d)) * 1e-9 FROM (SELECT t.v <#> q.v AS d FROM t ORDER BY 1 LIMIT 10) x) AS kth FROM q;
	END $$});

my $rows = $ENV{PGR_BRIEF} ? 2000 : 5000;    # ./check: all of it on one server is enough

sub check_recall
{
	my ($what, $default, $at200) = @_;
	my $got = $node->safe_psql('postgres', 'SELECT recall(40)');
	my $got200 = $node->safe_psql('postgres', 'SELECT recall(200)');
	note("$what: recall\@10 $got, $got200 with ef_search 200");
	cmp_ok($got, '>=', $default, "$what: recall with the default");
	cmp_ok($got200, '>=', $at200, "$what: recall with ef_search 200");
	is($node->safe_psql('postgres', "SELECT * FROM hnsw_check('t_i') LIMIT 5"), '', "$what: checker");
	return;
}

$node->safe_psql('postgres', "INSERT INTO t SELECT i, uneven(i) FROM generate_series(1, $rows) i");
$node->safe_psql('postgres', 'CALL truth()');
check_recall('inserted into an empty index', 0.93, 0.98);
$node->safe_psql('postgres', 'REINDEX INDEX t_i');
check_recall('built', 0.97, 0.99);

# a scan of an index visits a small part of it, also for the shortest queries
cmp_ok($node->safe_psql('postgres', q{SET enable_seqscan = off;
	CREATE TEMP TABLE c AS SELECT nodes_read FROM hnsw_counters();
	SELECT count(n) FROM (SELECT (SELECT id FROM t ORDER BY v <#> q.v LIMIT 1) AS n FROM (SELECT (v * array_fill(0.001, ARRAY[32])::vector) AS v FROM q OFFSET 0) q) x;
	SELECT ((SELECT nodes_read FROM hnsw_counters()) - nodes_read) / 100 FROM c}) =~ s/^100\n//r, '<', 600, 'nodes read by short queries');

$node->safe_psql('postgres', "INSERT INTO t SELECT i, uneven(i) FROM generate_series($rows + 1, 2 * $rows) i");
$node->safe_psql('postgres', 'CALL truth()');
check_recall('built, and as many inserted', 0.93, 0.98);
$node->safe_psql('postgres', 'DELETE FROM t WHERE id % 2 = 0');
$node->safe_psql('postgres', 'VACUUM t');
$node->safe_psql('postgres', 'CALL truth()');
check_recall('half deleted', 0.93, 0.98);
$node->stop;
done_testing();
