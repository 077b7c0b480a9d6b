# An inverted index of learned sparse vectors: the top 10 of real SPLADE queries
# over documents of the same space is that of the exact scan, whatever the state
# of the index; values of either sign; queries of hundreds of dimensions.
# Documents are made from the query vectors of the collection (PGR_DATA).
# covers: sparse_kind sparse_scan search_sparse inv_kind inv_cost
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgrTest;

my $file = ($ENV{PGR_DATA} // '') . '/splade/splade-pp-ed-msmarco-dev-2000.sparsevec.tsv';
plan skip_all => 'no collection splade (set PGR_DATA)' unless -r $file;
my $documents = thorough() ? 60000 : 20000;
my $queries = thorough() ? 300 : 60;
srand(7);

my (@vectors, @lines);
open my $fh, '<', $file or die "$file: $!";
while (<$fh>)
{
	my ($id, $v) = /^(\S+)\t\{(.*)\}\/30522$/ or die "unexpected line in $file";
	push @vectors, { map { split /:/ } split /,/, $v };
}
my @held_out = splice @vectors, 0, $queries;

# A document: two or three of the vectors mixed, weights perturbed, a part of the
# dimensions dropped; negative: some weights change their sign.
sub document
{
	my ($negative) = @_;
	my %sum;
	for (1 .. 2 + rand 2)
	{
		my $v = $vectors[ rand @vectors ];
		for my $dim (keys %$v)
		{
			next if rand() < .2;
			my $w = $v->{$dim} * (.3 + rand);
			$w = -$w if $negative && rand() < .3;
			$sum{$dim} += $w;
		}
	}
	return '{' . join(',', map { sprintf '%d:%.4g', $_, $sum{$_} } sort { $a <=> $b } keys %sum) . '}/30522';
}

sub text_of
{
	my ($v) = @_;
	return '{' . join(',', map { "$_:$v->{$_}" } sort { $a <=> $b } keys %$v) . '}/30522';
}

my $primary = new_server('primary', "autovacuum = off\nwal_consistency_checking = 'generic'\nmaintenance_work_mem = 64MB\nwal_keep_size = 8GB\n", allows_streaming => 1);
my $standby = new_standby($primary, 'standby');
sql($primary, 'postgres', 'CREATE EXTENSION pgretrieve; CREATE TABLE q (id int, kind text, v sparsevec(30522))');
sql_file($primary, 'postgres', 'index_same.sql');

sub copy
{
	my ($table, @rows) = @_;
	$primary->safe_psql('postgres', "COPY $table FROM STDIN;\n" . join('', map { "$_\n" } @rows) . "\\.\n");
	return;
}

my $n = 0;
copy('q (id, kind, v)', (map { $n++ . "\tquery\t" . text_of($_) } @held_out),
	(map { $n++ . "\tdocument\t" . document(0) } 1 .. 15), (map { $n++ . "\tsigned\t" . document(1) } 1 .. 15),
	(map { $n++ . "\tsum\t" . text_of({ map { %$_ } @vectors[ $_ * 12 .. $_ * 12 + 11 ] }) } 1 .. 8));

# Queries of which the top k differs from the exact one.
my $different = q{
	SELECT count(*) || coalesce(': ' || min(answer), '')
	FROM (SELECT q.id, same.answer(format('SELECT id, v <#> %L AS score FROM %s ORDER BY v <#> %L LIMIT 10', q.v, 'TABLE', q.v), 'TABLE_v') AS answer
		FROM q WHERE CONDITION) a
	WHERE answer !~ '^same, 10 '};

sub same_top
{
	my ($table, $what, $condition) = @_;
	my $statement = $different =~ s/TABLE/$table/gr =~ s/CONDITION/$condition/r;
	is(sql($primary, 'postgres', $statement), '0', "$table, $what: the exact top 10");
	is(sql($primary, 'postgres', "SELECT string_agg(c, '; ') FROM bm25_check('${table}_v') c"), '', "$table, $what: sound");
	return;
}

for my $table ('plain', 'signed')
{
	sql($primary, 'postgres', "CREATE TABLE $table (id int PRIMARY KEY, v sparsevec(30522))");
	my $id = 0;
	copy($table, map { $id++ . "\t" . document($table eq 'signed') } 1 .. $documents);
	sql($primary, 'postgres', "CREATE INDEX ${table}_v ON $table USING inverted (v); VACUUM ANALYZE $table");
	same_top($table, 'built', 'true');
	copy($table, map { $id++ . "\t" . document(1) } 1 .. $documents / 10);
	same_top($table, 'rows pending', 'id % 4 = 0');
	sql($primary, 'postgres', "DELETE FROM $table WHERE id % 3 = 0; UPDATE $table SET v = (SELECT v FROM q WHERE id = 1) WHERE id % 1000 = 1");
	same_top($table, 'deletes and updates', 'id % 4 = 1');
	sql($primary, 'postgres', "VACUUM $table");
	same_top($table, 'vacuum', 'id % 4 = 2');
	sql($primary, 'postgres', "INSERT INTO $table VALUES (-1, NULL), (-2, '{}/30522'), (-3, '{5:1e30}/30522'), (-4, '{5:-1e30,6:1e-30}/30522'); SELECT bm25_merge('${table}_v')");
	same_top($table, 'merged', 'id % 4 = 3');
	is(sql($primary, 'postgres', "SELECT same.completeness('$table', '${table}_v', 'v <#> ''{1:1}/30522''')"), '', "$table: every row once");
	caught_up($primary, $standby);
	my $digest = "SET enable_seqscan = off; SELECT md5(string_agg(r.id || ' ' || r.s, ',')) FROM q, LATERAL (SELECT t.id, t.v <#> q.v AS s FROM $table t ORDER BY t.v <#> q.v LIMIT 10) r WHERE q.id < 20";
	is(sql($standby, 'postgres', $digest), sql($primary, 'postgres', $digest), "$table: the standby's answers");
}
$standby->stop;
$primary->stop;
done_testing();
