# Exact MaxSim over real ColBERTv2 token vectors, where the collection is present
# (environment PGR_DATA): the ranking is that of the published ground truth, and
# half precision and 8 bits lose next to nothing.
# covers: multivector_build maxsim kernel_maxsim
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
$node->append_conf('postgresql.conf', "fsync = off\nshared_buffers = 256MB\n");
$node->start;

my @docs = first_fields("$data/corpus.tsv");
my @lens = split ' ', slurp("$data/doclens.txt");
my @queries = first_fields("$data/queries.tsv");
my $base = $node->basedir;
copy_binary("$base/docs", \@docs, 128, slurp("$data/doc_tokens.bin"), \@lens);
copy_binary("$base/queries", \@queries, 128, slurp("$data/query_tokens.bin"), [ (32) x @queries ]);
my ($truth, $qrels) = ("$base/truth.tsv", "$base/qrels.tsv");
give_to_server("$data/groundtruth_maxsim.tsv", $truth);
give_to_server("$data/qrels.tsv", $qrels);

$node->safe_psql('postgres', qq{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE docs (id text, f32 multivector(128));
	CREATE TABLE queries (id text, q multivector(128));
	COPY docs FROM '$base/docs' WITH (FORMAT binary);
	COPY queries FROM '$base/queries' WITH (FORMAT binary);
	ALTER TABLE docs ADD f16 multivector(128, f16), ADD i8 multivector(128, i8);
	UPDATE docs SET f16 = f32, i8 = f32;
	CREATE TABLE qrels (query text, doc text, grade int);
	COPY qrels FROM '$qrels';
	CREATE TABLE truth (query text, doc text, rank int, score float8);
	COPY truth FROM '$truth'});

for my $kind ('f32', 'f16', 'i8')
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE run_$kind AS SELECT queries.id AS query, r.* FROM queries,
			LATERAL (SELECT row_number() OVER (ORDER BY $kind @# q, id) AS rank, id AS doc, -($kind @# q) AS score FROM docs ORDER BY rank LIMIT 10) r});
	my $ndcg = $node->safe_psql('postgres', qq{
		SELECT round(avg(coalesce(dcg, 0) / idcg)::numeric, 4) FROM
			(SELECT query, sum(grade / log(2, rank + 1)) idcg FROM (SELECT query, grade, row_number() OVER (PARTITION BY query ORDER BY grade DESC) rank FROM qrels WHERE grade > 0) i WHERE rank <= 10 GROUP BY query) ideal
			LEFT JOIN (SELECT query, sum(grade / log(2, rank + 1)) dcg FROM run_$kind JOIN qrels USING (query, doc) GROUP BY query) got USING (query)});
	note "nDCG\@10 of $kind: $ndcg";
	if ($kind eq 'f32')
	{
		cmp_ok(abs($ndcg - .949), '<', .001, 'nDCG@10 of exact MaxSim is .949');
	}
	else
	{
		cmp_ok(abs($ndcg - .949), '<=', .003, "nDCG\@10 of $kind is within .003");
	}
}
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM truth JOIN run_f32 USING (query, rank) WHERE rank <= 10}), '1000', 'all ranks are compared');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM truth t JOIN run_f32 r USING (query, rank) WHERE abs(t.score - r.score) > 1e-4}), '0', 'scores are those of the ground truth');
# documents may swap only where their scores are equal to the printed digits
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM truth t JOIN run_f32 r USING (query, rank) WHERE t.doc <> r.doc AND abs(t.score - r.score) > 2e-6}), '0', 'and so is the order');
$node->stop;
done_testing();
