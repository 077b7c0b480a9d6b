# BM25's first hundred reranked by MaxSim, over real ColBERTv2 vectors where the
# collection is present (environment PGR_DATA), against exact MaxSim over all.
# covers: hybrid_search maxsim
use strict;
use warnings;
use File::Basename;
use lib dirname(__FILE__) . '/../perl';
use PgrCollection;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{PGR_DATA} // '') . '/colbertv2-lotte500';
plan skip_all => 'no collection colbertv2-lotte500 (set PGR_DATA)' unless -d $data;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nshared_buffers = 256MB\nclient_min_messages = warning\n");
$node->start;

my @docs = first_fields("$data/corpus.tsv");
my @queries = first_fields("$data/queries.tsv");
my $base = $node->basedir;
copy_binary("$base/docs", \@docs, 128, slurp("$data/doc_tokens.bin"), [ split ' ', slurp("$data/doclens.txt") ]);
copy_binary("$base/questions", \@queries, 128, slurp("$data/query_tokens.bin"), [ (32) x @queries ]);
give_to_server("$data/$_.tsv", "$base/$_.tsv") for 'corpus', 'queries', 'qrels';
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE corpus_file (id text, title text, body text);
	CREATE TABLE query_file (id text, body text);
	CREATE TABLE tokens_file (id text, tokens multivector(128));
	CREATE TABLE qrels (topic text, doc text, grade int);
	COPY corpus_file FROM '$base/corpus.tsv' $load_tsv;
	COPY query_file FROM '$base/queries.tsv' $load_tsv;
	COPY qrels FROM '$base/qrels.tsv' $load_tsv;
	COPY tokens_file FROM '$base/docs' (FORMAT binary);
	CREATE TABLE docs (id text PRIMARY KEY, words text, body tsvector, bm25 sparsevec, tokens multivector(128, f16));
	INSERT INTO docs SELECT id, body, to_tsvector('english', body), NULL, tokens FROM corpus_file JOIN tokens_file USING (id);
	TRUNCATE tokens_file;
	COPY tokens_file FROM '$base/questions' (FORMAT binary);
	CREATE TABLE queries (id text PRIMARY KEY, words text, body tsvector, bm25 sparsevec, tokens multivector(128));
	INSERT INTO queries SELECT id, body, to_tsvector('english', body), NULL, tokens FROM query_file JOIN tokens_file USING (id);
	$weigh_bm25;
	CREATE TABLE run (name text, topic text, doc text, rank int);
	INSERT INTO run SELECT 'bm25', q.id, h.hit, h.rank FROM queries q, hybrid_search('docs', 'id', ARRAY[leg('bm25', '<#>', q.bm25)]) h;
	CREATE INDEX ON docs USING bm25 (words) WITH (config = 'english');
	INSERT INTO run SELECT 'indexed', q.id, h.hit, h.rank FROM queries q, hybrid_search('docs', 'id', ARRAY[leg('words', '<@>', q.words)]) h;
	INSERT INTO run SELECT 'reranked', q.id, h.hit, h.rank FROM queries q,
		hybrid_search('docs', 'id', ARRAY[leg('bm25', '<#>', q.bm25)], rerank => leg('tokens', '@#', q.tokens, depth => 100), rerank_weight => 1) h;
	INSERT INTO run SELECT 'mixed', q.id, h.hit, h.rank FROM queries q,
		hybrid_search('docs', 'id', ARRAY[leg('bm25', '<#>', q.bm25)], rerank => leg('tokens', '@#', q.tokens, depth => 100)) h;
	INSERT INTO run SELECT 'exact', q.id, h.hit, h.rank FROM queries q, hybrid_search('docs', 'id', ARRAY[leg('tokens', '@#', q.tokens)]) h});
is($node->safe_psql('postgres', 'SELECT count(*) FROM docs'), scalar @docs, 'all documents are there');
my %ndcg = map { split /\|/ } split /\n/, $node->safe_psql('postgres', q{
	SELECT name, round(avg(ndcg)::numeric, 4) FROM (
		SELECT name, topic, ndcg(doc, -rank, grade, 10) FROM (SELECT DISTINCT name FROM run) n CROSS JOIN qrels FULL JOIN run USING (name, topic, doc) GROUP BY name, topic) t GROUP BY name});
note "nDCG\@10: BM25 $ndcg{bm25}, by its index $ndcg{indexed}, its first hundred reranked $ndcg{reranked}, mixed $ndcg{mixed}, exact MaxSim $ndcg{exact}";
cmp_ok(abs($ndcg{exact} - .949), '<', .003, 'exact MaxSim has the known nDCG@10');
cmp_ok(abs($ndcg{indexed} - $ndcg{bm25}), '<=', .01, 'BM25 by its index is BM25 as a sparse inner product');
cmp_ok($ndcg{reranked}, '>', $ndcg{bm25} + .01, 'reranking gains over BM25');
cmp_ok($ndcg{mixed}, '>', $ndcg{bm25}, 'so does mixing');
cmp_ok($ndcg{reranked}, '>', $ndcg{exact} - .02, 'and is near exact MaxSim');
$node->stop;
done_testing();
