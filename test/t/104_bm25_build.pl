# Ways to make and remake a bm25 index: little memory, workers, concurrently,
# cancelled half-way, unlogged through a crash, a configuration that goes away.
# All give the answers of a plain build.
# covers: inv_build am_build am_parallel bm25_content
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use PgrTest;

my $node = new_server('main', "restart_after_crash = on\nautovacuum = off\nmax_worker_processes = 16\nmin_parallel_table_scan_size = 0\n");
$node->safe_psql('postgres', 'CREATE EXTENSION pgretrieve');
random_words($node, 'postgres');
sql_file($node, 'postgres', 'index_same.sql');
$node->safe_psql('postgres', q{
	CREATE TABLE docs (id serial PRIMARY KEY, body text);
	INSERT INTO docs (body) SELECT random_words(20 + i % 80) FROM generate_series(1, 20000) i;
	INSERT INTO docs (body) SELECT NULL FROM generate_series(1, 5);
	INSERT INTO docs (body) SELECT '' FROM generate_series(1, 5);
	DELETE FROM docs WHERE id % 10 = 0});

my $with = "WITH (config = 'simple')";
my $answer = q{SET enable_seqscan = off;
	SELECT md5(string_agg(id || ' ' || coalesce(s::text, ''), ',' ORDER BY s, id)) FROM (SELECT id, body <@> 'w2 w30 w2000 w31' AS s FROM docs ORDER BY body <@> 'w2 w30 w2000 w31') r};

sub whole
{
	my ($what, $expected) = @_;
	is(sql($node, 'postgres', q{SELECT string_agg(c, '; ') FROM bm25_check('docs_body') c}), '', "$what: sound");
	is(sql($node, 'postgres', q{SELECT same.completeness('docs', 'docs_body', 'body <@> ''w5 w17''')}), '', "$what: every row once");
	is(sql($node, 'postgres', $answer), $expected, "$what: same answer") if defined $expected;
	return;
}

sql($node, 'postgres', "SET max_parallel_maintenance_workers = 0; CREATE INDEX docs_body ON docs USING bm25 (body) $with");
my $expected = sql($node, 'postgres', $answer);
whole('plain build');
my $size = sql($node, 'postgres', "SELECT pg_relation_size('docs_body')");

for my $settings (
	[ 'least memory', "SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = 0" ],
	[ 'workers', "SET maintenance_work_mem = '64MB'; SET max_parallel_maintenance_workers = 3; ALTER TABLE docs SET (parallel_workers = 3)" ],
	[ 'workers, least memory', "SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = 3; ALTER TABLE docs SET (parallel_workers = 3)" ])
{
	sql($node, 'postgres', "$settings->[1]; DROP INDEX docs_body; CREATE INDEX docs_body ON docs USING bm25 (body) $with");
	whole($settings->[0], $expected);
}
sql($node, 'postgres', 'REINDEX INDEX CONCURRENTLY docs_body');
whole('reindex concurrently', $expected);

# beside writers
my $bench = start_bench($node, 'postgres', 3, 4, {
	"INSERT INTO docs (body) SELECT random_words(40);" => 5,
	"\\set n random(1, 20000)\nUPDATE docs SET body = random_words(20) WHERE id = :n;" => 2,
	"\\set n random(1, 20000)\nDELETE FROM docs WHERE id = :n;" => 2 });
my $until = time + 3;
my $n = 0;
while (time < $until)
{
	sql($node, 'postgres', 'REINDEX INDEX CONCURRENTLY docs_body');
	$n++;
}
my ($rc, $out) = finish_bench($bench);
is($rc, 0, "writers beside $n rebuilds") or diag $out;
whole('rebuilt beside writers');

# cancelled at some point; the index then is as before, or not there
my ($cancelled, $done) = (0, 0);
for my $ms (1, 5, 20, 50, 100, 200, 400)
{
	for my $statement ("SELECT bm25_merge('docs_body')", 'REINDEX INDEX docs_body', 'VACUUM docs', "CREATE INDEX other ON docs USING bm25 (body) $with; DROP INDEX other")
	{
		sql($node, 'postgres', "INSERT INTO docs (body) SELECT random_words(30) FROM generate_series(1, 50)");
		my ($status, $stdout, $stderr) = $node->psql('postgres', $statement, extra_params => [], on_error_stop => 1,
			connstr => $node->connstr('postgres') . " options='-c statement_timeout=$ms'");
		if ($stderr =~ /canceling statement/) { $cancelled++ } else { $done++ }
		unlike($stderr, qr/ERROR:  (?!canceling)/, "$statement with $ms ms: no other error");
		sql($node, 'postgres', 'DROP INDEX IF EXISTS other');
	}
}
note "$cancelled cancelled, $done done";
cmp_ok($cancelled, '>', 3, 'some were cancelled');
whole('cancelled builds, merges and vacuums');
my $left = sql($node, 'postgres', "VACUUM docs");
sql($node, 'postgres', "SELECT bm25_merge('docs_body')");
sql($node, 'postgres', "CREATE TABLE later (x int); INSERT INTO later VALUES (1)");	# ages what is retired
sql($node, 'postgres', "SELECT bm25_merge('docs_body')");
my ($owned, $retired, $free) = split /\|/, sql($node, 'postgres', "SELECT owned_pages, retired_pages, free_pages FROM bm25_stats('docs_body')");
is(sql($node, 'postgres', "SELECT pg_relation_size('docs_body') / current_setting('block_size')::int - 2"), $owned + $retired + $free, 'every page is accounted for');
note "pages owned $owned, retired $retired, free $free";

# documents of several fragments, beside seals that must not cut them
my $long = start_bench($node, 'postgres', 6, 5, {
	'INSERT INTO docs (body) SELECT random_words(1500);' => 10, "SELECT bm25_merge('docs_body');" => 2 });
($rc, $out) = finish_bench($long);
is($rc, 0, 'documents of several fragments beside merges') or diag $out;
whole('documents of several fragments');

# an unlogged index is empty after a crash, as its table is, and works
sql($node, 'postgres', qq{
	CREATE UNLOGGED TABLE volatile (id serial, body text);
	CREATE INDEX volatile_body ON volatile USING bm25 (body) $with;
	INSERT INTO volatile (body) SELECT random_words(20) FROM generate_series(1, 100)});
$node->stop('immediate');
$node->start;
sql($node, 'postgres', q{INSERT INTO volatile (body) VALUES ('one'), ('two')});
is(sql($node, 'postgres', q{SET enable_seqscan = off; SELECT string_agg(body, ' ') FROM (SELECT body FROM volatile ORDER BY body <@> 'two') s}), 'two one', 'unlogged: after a crash');
whole('after a crash');

# the configuration changes under the index
sql($node, 'postgres', q{
	CREATE TEXT SEARCH CONFIGURATION mine (COPY = english);
	CREATE TABLE notes (id int, body text);
	INSERT INTO notes SELECT i, random_words(10) FROM generate_series(1, 100) i;
	CREATE INDEX notes_body ON notes USING bm25 (body) WITH (config = 'public.mine')});
my (undef, undef, $bare) = $node->psql('postgres', q{CREATE INDEX ON notes USING bm25 (body) WITH (config = 'mine')});
like($bare, qr/ERROR:  text search configuration "mine" does not exist\n(.*\n)*HINT: .*config = 'public.mine'/, 'a configuration outside pg_catalog needs its schema');
my $change = 'ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH simple';
sql($node, 'postgres', $change);
for my $statement (q{SET enable_seqscan = off; SELECT id FROM notes ORDER BY body <@> 'w1' LIMIT 1}, q{INSERT INTO notes VALUES (0, 'running')})
{
	my ($status, $stdout, $stderr) = $node->psql('postgres', $statement);
	like($stderr, qr/ERROR:.*config.*\n(.*\n)*HINT:.*REINDEX/i, "changed configuration: $statement");
}
my ($status, $stdout, $stderr) = $node->psql('postgres', 'DROP TEXT SEARCH CONFIGURATION mine');
like($stderr, qr/index notes_body depends on/, 'the index depends on its configuration');
sql($node, 'postgres', 'REINDEX INDEX notes_body');
is(sql($node, 'postgres', q{SET enable_seqscan = off; SELECT count(*) FROM notes WHERE body @@@ 'w1'}) > 0, 1, 'and works again after REINDEX');
$node->stop;
done_testing();
