# Eight clients insert, delete, update, search, merge and vacuum, here and on a
# standby that replays it all: no error, and within one snapshot the index has
# what the table has. Seconds; minutes with PGR_THOROUGH=1 (PGR_SECONDS says how
# many seconds exactly).
# covers: inv_scan inv_view inv_pending_read inv_maintain
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgrTest;

my $seconds = $ENV{PGR_SECONDS} || (thorough() ? 240 : 12);
my $conf = "autovacuum = off\nhot_standby_feedback = on\nmax_standby_streaming_delay = -1\n";
my $primary = new_server('primary', $conf . "wal_consistency_checking = 'generic'\nwal_keep_size = 8GB\n", allows_streaming => 1);
my $standby = new_standby($primary, 'standby');

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE docs (id serial PRIMARY KEY, body text)});
random_words($primary, 'postgres');
sql_file($primary, 'postgres', 'index_same.sql');
$primary->safe_psql('postgres', q{
	INSERT INTO docs (body) SELECT random_words(5 + i % 60) FROM generate_series(1, 3000) i;
	CREATE INDEX docs_body ON docs USING bm25 (body) WITH (config = 'simple', pending_limit = 64);
	-- within the caller's snapshot: what the index finds for a word is what core's
	-- own matching finds in the table, and ranking finds it first, each row once
	CREATE FUNCTION look(word text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE truth int[]; matched int[]; ranked int[];
	BEGIN
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
		EXECUTE 'SELECT array_agg(id ORDER BY id) FROM docs WHERE to_tsvector(''simple'', body) @@ to_tsquery(''simple'', $1)' INTO truth USING word;
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM docs WHERE body @@@ %L', word) INTO matched;
		EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM docs ORDER BY body <@> %L LIMIT %s) r', word,
			coalesce(cardinality(truth), 0)) INTO ranked;
		PERFORM set_config('enable_seqscan', 'on', true);
		IF matched IS DISTINCT FROM truth THEN
			RAISE 'matches of %: % rows instead of %', word, cardinality(matched), cardinality(truth);
		ELSIF ranked IS DISTINCT FROM truth THEN
			RAISE 'ranking of %: other rows than the % that have it', word, cardinality(truth);
		END IF;
	END $$;
	CREATE FUNCTION look_for_faults() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE faults text := (SELECT string_agg(f, '; ') FROM (SELECT f FROM bm25_check('docs_body') f LIMIT 5) x);
	BEGIN
		IF faults IS NOT NULL THEN
			RAISE 'faults: %', faults;
		END IF;
	END $$});
caught_up($primary, $standby);

my $look = "\\set n random(1, 300)\nBEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT look('w' || :n);\nCOMMIT;";
# the checker runs beside all of it and finds nothing
my $check = "SELECT look_for_faults();";
my $search = "SELECT id, body <@> 'w1 w5 w300' FROM docs ORDER BY body <@> 'w1 w5 w300' LIMIT 20;";
my $writers = start_bench($primary, 'postgres', 8, $seconds, {
	"INSERT INTO docs (body) SELECT random_words(40);" => 10,
	"INSERT INTO docs (body) SELECT random_words(20) FROM generate_series(1, 30);" => 1,
	"\\set n random(1, 3000)\nUPDATE docs SET body = random_words(20) WHERE id = :n;" => 5,
	"\\set n random(1, 9000)\nDELETE FROM docs WHERE id = :n;" => 5,
	$search => 5, $look => 5, $check => 2,
	"VACUUM docs;" => 1, "SELECT bm25_merge('docs_body');" => 1 });
my $readers = start_bench($standby, 'postgres', 2, $seconds, { $look => 2, $search => 2, $check => 1 });
for ([ 'primary', $writers ], [ 'standby', $readers ])
{
	my ($rc, $out) = finish_bench($_->[1]);
	is($rc, 0, "$_->[0]: no client failed");
	unlike($out, qr/error|aborted/i, "$_->[0]: no error");
	note $out =~ /(number of transactions actually processed: \d+)/;
}
is(sql($primary, 'postgres', q{SELECT count(*) FROM bm25_check('docs_body')}), '0', 'the index is sound');
is(sql($primary, 'postgres', q{SELECT same.completeness('docs', 'docs_body', 'body <@> ''w5 w17''')}), '', 'it has every row once');
unlike(slurp_file($primary->logfile), qr/PANIC|TRAP|server process .* was terminated/, 'nothing crashed');

# the standby has the same
caught_up($primary, $standby);
my $answers = q{SET enable_seqscan = off;
	SELECT md5(string_agg(id || ' ' || s, ',')) FROM (SELECT id, body <@> 'w1 w9 w77' AS s FROM docs ORDER BY body <@> 'w1 w9 w77') r};
is(sql($standby, 'postgres', $answers), sql($primary, 'postgres', $answers), 'the standby returns every row in the same order');
unlike(slurp_file($standby->logfile), qr/FATAL|PANIC|inconsistent page/, 'replay found no inconsistent page');
$standby->stop;
$primary->stop;
done_testing();
