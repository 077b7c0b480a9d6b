# Legs, RRF and convex combination over real collections, where they are present
# (environment PGR_DATA): nDCG@10 and recall@100 near those of an independent
# implementation (eval_reference.json there), and through indexes near those of exact
# legs.
#
# The exact lexical leg is BM25 as a sparse inner product: a document's vector holds the
# weight of each of its words, a query's how often it has them; through an index it is
# the text under bm25. The dense leg is LSA, by sequential scan and under hnsw.
# covers: hybrid_search hybrid_leg fuse norm
use strict;
use warnings;
use File::Basename;
use lib dirname(__FILE__) . '/../perl';
use JSON::PP;
use PgrCollection;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = $ENV{PGR_DATA} // '';
plan skip_all => 'no collections (set PGR_DATA)' unless -e "$data/eval_reference.json";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nshared_buffers = 256MB\nclient_min_messages = warning\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE docs (id text PRIMARY KEY, words text, body tsvector, bm25 sparsevec, lsa vector(256)) WITH (toast_tuple_target = 8160);
	-- in line: every search here reads all vectors
	ALTER TABLE docs ALTER bm25 SET STORAGE main, ALTER lsa SET STORAGE main;
	CREATE TABLE queries (id text PRIMARY KEY, words text, body tsvector, bm25 sparsevec, lsa vector(256));
	CREATE TABLE qrels (topic text, doc text, grade int, PRIMARY KEY (topic, doc));
	CREATE TABLE run (name text, topic text, doc text, rank int, PRIMARY KEY (name, topic, doc));
	CREATE TABLE corpus_file (id text, title text, body text);
	CREATE TABLE query_file (id text, body text);
	CREATE TABLE vector_file (id text, v vector(256))});

# The four searches with a given lexical leg; names as in the reference.
sub searches
{
	my ($lexical) = @_;
	my $dense = q{leg('lsa', '<=>', q.lsa, 0.5)};
	return ('bm25' => "ARRAY[$lexical], 100", 'lsa256' => "ARRAY[$dense], 100",
		'rrf(bm25,lsa256)' => "ARRAY[$lexical, $dense], 100",
		'cc(bm25,lsa256)' => "ARRAY[$lexical, $dense], 100, method => 'cc'");
}

# Runs them over all queries, the names prefixed, after a SET.
sub run_searches
{
	my ($node, $prefix, $set, %search) = @_;
	for my $name (sort keys %search)
	{
		$node->safe_psql('postgres', qq{
			$set;
			INSERT INTO run SELECT '$prefix$name', q.id, h.hit, h.rank FROM queries q, LATERAL hybrid_search('docs', 'id', $search{$name}) h});
	}
	return;
}

my $reference = decode_json(slurp("$data/eval_reference.json"));
my ($above, $sets) = (0, 0);
my %wanted = map { $_ => 1 } split ' ', $ENV{PGR_COLLECTIONS} // '';
for my $set (qw(cranfield med cisi npl cacm scifact))
{
	next if %wanted && !$wanted{$set};
	next unless -d "$data/$set/emb";
	my $base = $node->basedir;
	for my $what ('docs', 'queries')
	{
		my @ids = first_fields("$data/$set/" . ($what eq 'docs' ? 'corpus' : 'queries') . '.tsv');
		copy_binary("$base/$what.bin", \@ids, 256, slurp("$data/$set/emb/lsa256.$what.bin"));
	}
	give_to_server("$data/$set/$_.tsv", "$base/$_.tsv") for 'corpus', 'queries', 'qrels';
	$node->safe_psql('postgres', qq{
		TRUNCATE docs, queries, qrels, run, corpus_file, query_file, vector_file;
		COPY corpus_file FROM '$base/corpus.tsv' $load_tsv;
		COPY query_file FROM '$base/queries.tsv' $load_tsv;
		COPY qrels FROM '$base/qrels.tsv' $load_tsv;
		COPY vector_file FROM '$base/docs.bin' (FORMAT binary);
		INSERT INTO docs SELECT id, concat_ws(' ', title, body), to_tsvector('english', concat_ws(' ', title, body)), NULL, v FROM corpus_file JOIN vector_file USING (id);
		TRUNCATE vector_file;
		COPY vector_file FROM '$base/queries.bin' (FORMAT binary);
		INSERT INTO queries SELECT id, body, to_tsvector('english', body), NULL, v FROM query_file JOIN vector_file USING (id);
		DELETE FROM queries WHERE id NOT IN (SELECT topic FROM qrels);
		$weigh_bm25});
	run_searches($node, '', 'SET enable_indexscan = on', searches(q{leg('bm25', '<#>', q.bm25, 0.5)}));
	$node->safe_psql('postgres', q{
		CREATE INDEX docs_words ON docs USING bm25 (words) WITH (config = 'english');
		CREATE INDEX docs_lsa ON docs USING hnsw (lsa vector_cosine_ops)});
	run_searches($node, 'indexed ', 'SET enable_seqscan = off; SET hnsw.ef_search = 100', searches(q{leg('words', '<@>', q.words, 0.5)}));
	is($node->safe_psql('postgres', q{
		SELECT pg_stat_force_next_flush();
		SELECT bool_and(idx_scan >= (SELECT count(*) FROM queries)) FROM pg_stat_user_indexes WHERE indexrelname IN ('docs_words', 'docs_lsa')}), "\nt", "$set: both indexes were used");
	$node->safe_psql('postgres', 'DROP INDEX docs_words, docs_lsa');
	my %got = map { my ($name, @v) = split /\|/; $name => \@v } split /\n/, $node->safe_psql('postgres', q{
		SELECT name, round(avg(ndcg)::numeric, 4), round(avg(recall)::numeric, 4), count(*) FROM (
			SELECT name, topic, ndcg(doc, -rank, grade, 10) AS ndcg, recall_at(doc, -rank, grade, 100) AS recall
			FROM (SELECT DISTINCT name FROM run) n CROSS JOIN qrels FULL JOIN run USING (name, topic, doc) GROUP BY name, topic) t GROUP BY name});
	for my $name (sort grep { !/^indexed/ } keys %got)
	{
		my ($ndcg, $recall, $topics) = @{ $got{$name} };
		my $indexed = $got{"indexed $name"};
		my $ref = $reference->{$set}{$name};
		note sprintf('%-10s %-17s nDCG@10 %.3f  recall@100 %.3f  through indexes %.3f %.3f  (%s)', $set, $name, $ndcg, $recall, @$indexed[0, 1],
			$ref ? "reference $ref->{ndcg10}, $ref->{recall100}" : 'no reference');
		cmp_ok(abs($indexed->[$_] - $got{$name}[$_]), '<=', .01, "$set $name: " . ('nDCG@10', 'recall@100')[$_] . ' through indexes within .01') for 0, 1;
		next unless $ref;
		is($topics, $ref->{nq}, "$set $name: all judged topics");
		cmp_ok($_->[0], '>=', $ref->{ndcg10} - .02, "$set $name: nDCG\@10 within .02 of the reference or better") for $got{$name}, $indexed;
		cmp_ok($_->[1], '>=', $ref->{recall100} - .02, "$set $name: recall\@100 within .02 of the reference or better") for $got{$name}, $indexed;
	}
	$sets++;
	my ($bm25, $lsa, $rrf, $cc) = @got{ 'bm25', 'lsa256', 'rrf(bm25,lsa256)', 'cc(bm25,lsa256)' };
	$above++ if $rrf->[1] > $bm25->[1] && $rrf->[1] > $lsa->[1];
	cmp_ok($cc->[0], '>', ($bm25->[0] + $lsa->[0]) / 2, "$set cc: nDCG\@10 above the mean of its legs");
}
cmp_ok($above, '>', $sets / 2, "recall\@100 of RRF is above both legs on most sets ($above of $sets)");
$node->stop;
done_testing();
