# Every SQL block of the pages on fusion and evaluation runs, and returns rows
# where it selects. README's tour prints what README says.
# covers: hybrid_search
use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = dirname(__FILE__) . '/../../docs';
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
for my $page ('fusion', 'evaluation')
{
	open my $fh, '<', "$docs/$page.md" or die "$docs/$page.md: $!";
	local $/;
	my @blocks = <$fh> =~ /^```sql\n(.*?)^```/msg;
	close $fh;
	cmp_ok(scalar @blocks, '>', 7, "$page: blocks are found");
	$node->safe_psql('postgres', "CREATE DATABASE $page");
	$node->safe_psql($page, 'CREATE EXTENSION pgretrieve');
	for my $i (1 .. @blocks)
	{
		my ($out, $err);
		my $status = $node->psql($page, $blocks[ $i - 1 ], stdout => \$out, stderr => \$err, on_error_stop => 1);
		is($status, 0, "$page: block $i runs") or diag $err;
		isnt($out, '', "$page: block $i returns rows") if $blocks[ $i - 1 ] =~ /(?:\A|;)\s*(?:--[^\n]*\n\s*)*(?:SELECT|WITH)\b/;
	}
}
# what the pages say of their examples
is($node->safe_psql('evaluation', q{
	SELECT round(avg(n)::numeric, 4) FROM (SELECT ndcg(doc, score, grade, 10) AS n FROM run FULL JOIN qrels USING (topic, doc) GROUP BY topic) t}),
	$node->safe_psql('evaluation', 'SELECT round(((2 / log(2, 3)) / (2 + 1 / log(2, 3)) + 1 + 0) / 3, 4)'), 'the unanswered topic counts as 0');
is($node->safe_psql('fusion', q{
	WITH call AS (SELECT hybrid_search_sql(NULL::docs, ARRAY[leg('words', '<#>', '{3:1,12:0.7}/1000'), leg('embedding', '<=>', '[2,3,1]')]) AS sql)
	SELECT sql LIKE 'WITH leg_1 AS%' FROM call}), 't', 'the plain statement is shown');

# README: ten statements, each block with what psql shows
open my $readme, '<', "$docs/../README.md" or die "README.md: $!";
my ($tour) = do { local $/; <$readme> } =~ /^## Ten statements\n(.*?)^## /ms;
close $readme;
my @blocks = $tour =~ /^```sql\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/msg;
my $code = join '', map { $blocks[ 2 * $_ ] } 0 .. $#blocks / 2;
is(scalar(() = $code =~ /;\s*$/mg), 10, 'README: ten statements');
like($code, qr/\ACREATE EXTENSION.*rerank =>/s, 'README: from CREATE EXTENSION to a reranked search');
$node->safe_psql('postgres', 'CREATE DATABASE tour');
while (my ($block, $told) = splice @blocks, 0, 2)
{
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('tour') ], '<', \$block, '>', \$out, '2>', \$err);
	$out =~ s/ +$//mg;
	ok($ok, 'README: a block runs') or diag $err;
	is($out, defined $told ? "$told\n" : '', 'README: prints what is told');
}
$node->stop;
done_testing();
