# kill -9 of whoever inserts, merges, builds or vacuums, at random moments: after
# recovery a bm25 index has every row that the table has, exactly once, and its
# structure is sound. PGR_THOROUGH=1: minutes.
# covers: inv_pending inv_seal wal segment_set
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use PgrTest;

my $rounds = thorough() ? 60 : 8;
srand($ENV{PGR_SEED} // 1);

my $node = new_server('main', "restart_after_crash = on\nautovacuum = off\nmax_wal_size = 4GB\ncheckpoint_timeout = 30s\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE docs (id serial PRIMARY KEY, body text);
	CREATE TABLE vectors (id serial PRIMARY KEY, v sparsevec(1000))});
random_words($node, 'postgres');
sql_file($node, 'postgres', 'index_same.sql');
# small pending areas, so that there is much sealing and merging
$node->safe_psql('postgres', q{
	CREATE FUNCTION random_sparse() RETURNS sparsevec LANGUAGE sql VOLATILE
	BEGIN ATOMIC
		SELECT ('{' || string_agg(i || ':' || round(random()::numeric - .2, 3), ',') || '}/1000')::sparsevec
		FROM (SELECT DISTINCT 1 + floor(1000 ^ random())::int % 1000 AS i FROM generate_series(1, 12)) s;
	END;
	INSERT INTO docs (body) SELECT random_words(5 + i % 60) FROM generate_series(1, 3000) i;
	INSERT INTO docs (body) VALUES (NULL), ('');
	INSERT INTO vectors (v) SELECT random_sparse() FROM generate_series(1, 1000);
	CREATE INDEX docs_body ON docs USING bm25 (body) WITH (config = 'simple', pending_limit = 64);
	CREATE INDEX vectors_v ON vectors USING inverted (v) WITH (pending_limit = 64)});

my %scripts = (
	"INSERT INTO docs (body) SELECT random_words(40);\nINSERT INTO vectors (v) SELECT random_sparse();" => 10,
	"BEGIN;\nINSERT INTO docs (body) SELECT random_words(30) FROM generate_series(1, 20);\nROLLBACK;" => 1,
	"INSERT INTO docs (body) SELECT random_words(2000);" => 1,
	"\\set n random(1, 3000)\nUPDATE docs SET body = random_words(20) WHERE id = :n;" => 3,
	"\\set n random(1, 6000)\nDELETE FROM docs WHERE id = :n;\nDELETE FROM vectors WHERE id = :n;" => 3,
	"SELECT id FROM docs ORDER BY body <@> random_words(4) LIMIT 10;" => 5,
	"VACUUM docs;" => 1,
	"VACUUM vectors;" => 1,
	"SELECT bm25_merge('docs_body');" => 1);
my @victims = (
	"query LIKE 'INSERT%'", "query LIKE 'VACUUM%'", "query LIKE 'SELECT bm25_merge%'", "query LIKE 'CREATE INDEX%'",
	"backend_type IN ('client backend', 'parallel worker')");

my ($killed, @faults) = (0);
for my $round (1 .. $rounds)
{
	my $bench = start_bench($node, 'postgres', 4, 60, \%scripts);
	# a build beside the writers, and one that is replaced
	my $build = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c',
			'CREATE INDEX CONCURRENTLY built ON docs USING bm25 (body) ' . "WITH (config = 'simple')" ], '>', '/dev/null', '2>', '/dev/null');
	usleep(200_000 + rand(thorough() ? 3_000_000 : 1_200_000));
	$killed += kill_and_recover($node, $victims[ ($round - 1) % @victims ]) || kill_and_recover($node, $victims[-1]);
	finish_bench($bench);
	$build->finish;
	# what an interrupted build leaves is invalid, and can be removed
	my $built = sql($node, 'postgres', q{SELECT string_agg(c, '; ') FROM pg_class JOIN pg_index ON indexrelid = oid, bm25_check(oid) c WHERE relname = 'built' AND indisvalid});
	push @faults, "round $round, the new index: $built" if $built ne '';
	sql($node, 'postgres', 'DROP INDEX IF EXISTS built');
	for my $check (
		[ 'bm25_check', "SELECT string_agg(c, '; ') FROM bm25_check('docs_body') c" ],
		[ 'bm25_check of inverted', "SELECT string_agg(c, '; ') FROM bm25_check('vectors_v') c" ],
		[ 'rows', "SELECT same.completeness('docs', 'docs_body', 'body <@> ''w5 w17''')" ],
		[ 'rows of inverted', "SELECT same.completeness('vectors', 'vectors_v', 'v <#> ''{1:1}/1000''')" ],
		[ 'matches', "SELECT regexp_replace(same.answer('SELECT id, 0::float8 FROM docs WHERE body @@@ ''w7'' ORDER BY id + 0', 'docs_body'), '^same.*', '')" ],
		[ 'a word', q{SELECT regexp_replace(same.answer('SELECT id, body <@> ''w3 w40 w800'' FROM docs ORDER BY body <@> ''w3 w40 w800'' LIMIT 50', 'docs_body'), '^same.*', '')} ])
	{
		my $answer = sql($node, 'postgres', $check->[1]);
		push @faults, "round $round, $check->[0]: $answer" if $answer ne '';
	}
	last if @faults;
}
cmp_ok($killed, '>=', $rounds - 1, "$killed processes were killed");
is(join("\n", @faults), '', "the indexes are whole after each of $rounds recoveries");
note sql($node, 'postgres', "SELECT s::text FROM bm25_stats('docs_body') s");

# writing goes on, and what crashes left behind is used again
sql($node, 'postgres', q{INSERT INTO docs (body) SELECT random_words(40) FROM generate_series(1, 500); VACUUM docs; SELECT bm25_merge('docs_body')});
sql($node, 'postgres', 'VACUUM docs; VACUUM vectors');
is(sql($node, 'postgres', q{SELECT count(*) FROM bm25_check('docs_body')}), '0', 'the index is sound at the end');
is(sql($node, 'postgres', q{SELECT segments FROM bm25_stats('docs_body')}), '1', 'and merged');
$node->stop;
done_testing();
