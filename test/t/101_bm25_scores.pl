# A bm25 index over real collections (environment PGR_DATA) gives the scores of
# an independent BM25 in plain SQL (test/perl/bm25_oracle.sql), whatever state it
# is in: built, all rows pending, half merged, after updates and deletes, after
# vacuum, merged again, on a standby. And the ranking is as good as it should be.
# PGR_THOROUGH=1: all queries in every state.
# covers: bm25_kind bm25_scan bm25_stats search_rank
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgrTest;

# nDCG@10 of BM25 with exact lengths: "english", title and body as one field
my %quality = (scifact => .689, cranfield => .425, npl => .439, cacm => .474, cisi => .416, med => .687);
my @collections = grep { collection_dir($_) } sort keys %quality;
plan skip_all => 'no collections (set PGR_DATA)' unless @collections;

my $primary = new_server('primary', "wal_consistency_checking = 'generic'\nautovacuum = off\nmaintenance_work_mem = 64MB\nwal_keep_size = 4GB\n", allows_streaming => 1);
my $standby = new_standby($primary, 'standby');

sub check_state
{
	my ($name, $state, $merged) = @_;
	sql($primary, $name, "SELECT oracle.refresh(), oracle.index_stats('docs_body')");
	is(sql($primary, $name, "SELECT oracle.stats_faults('docs_body', $merged)"), '', "$name, $state: statistics");
	is(sql($primary, $name, 'SELECT oracle.faults()'), '', "$name, $state: scores");
	is(sql($primary, $name, "SELECT count(*) FROM bm25_check('docs_body')"), '0', "$name, $state: the index is sound");
	return;
}

sub create_index
{
	my ($name, $options) = @_;
	sql($primary, $name, "CREATE INDEX docs_body ON docs USING bm25 (body) WITH (config = 'english'$options)");
	return;
}

for my $name (@collections)
{
	load_collection($primary, $name);
	sql($primary, $name, 'INSERT INTO docs SELECT id, body FROM numbered');
	create_index($name, '');
	check_state($name, 'fresh build', 'true');
	sql($primary, $name, q{
		SET enable_seqscan = off;
		CREATE TABLE run AS SELECT q.id AS query, r.* FROM queries q, LATERAL (
			SELECT d.id AS doc, -(d.body <@> q.body) AS score FROM docs d ORDER BY d.body <@> q.body LIMIT 10) r});
	my $ndcg = sql($primary, $name, "SELECT oracle.ndcg('run', 10)");
	cmp_ok(abs($ndcg - $quality{$name}), '<=', .005, "$name: nDCG\@10 is $ndcg, within .005 of $quality{$name}");

	# in the other states one in six of the queries will do
	sql($primary, $name, "DELETE FROM queries WHERE hashtext(id) % 6 <> 0") unless thorough();

	# every row pending
	sql($primary, $name, 'DROP INDEX docs_body; TRUNCATE docs');
	create_index($name, ', pending_limit = 1000000, positions = off');
	sql($primary, $name, 'INSERT INTO docs SELECT id, body FROM numbered WHERE id % 2 = 0');
	check_state($name, 'all pending', 'true');

	# several segments, and half of the rows pending
	sql($primary, $name, 'VACUUM docs');
	sql($primary, $name, 'INSERT INTO docs SELECT id, body FROM numbered WHERE id % 16 = 1');
	sql($primary, $name, 'VACUUM docs');
	sql($primary, $name, 'INSERT INTO docs SELECT id, body FROM numbered WHERE id % 2 = 1 AND id % 16 <> 1');
	check_state($name, 'half merged', 'true');

	# a third of all rows changed or gone, in segments and pending
	sql($primary, $name, q{
		UPDATE docs d SET body = n.body || ' ' || d.body FROM numbered n WHERE n.id = d.id + 3 AND d.id % 6 = 0;
		DELETE FROM docs WHERE id % 7 = 1;
		UPDATE docs SET body = '' WHERE id = 2});
	check_state($name, 'updates and deletes', 'false');
	sql($primary, $name, 'VACUUM docs');
	check_state($name, 'vacuum', 'false');
	caught_up($primary, $standby);
	is(sql($standby, $name, 'SELECT oracle.faults()'), '', "$name, standby: scores");

	sql($primary, $name, "SELECT bm25_merge('docs_body')");
	check_state($name, 'one segment', 'true');
	is(sql($primary, $name, "SELECT segments, dead, pending_documents FROM bm25_stats('docs_body')"), '1|0|0', "$name: and it is one");
}

$standby->stop;
$primary->stop;
done_testing();
