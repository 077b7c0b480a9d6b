# Random tables and queries: every index plan gives what a sequential plan gives: rows,
# order, DISTINCT, groups, windows, thresholds, filters, NULLs, partitions, parameters,
# cursors; of approximate indexes sorted rows, as many as there are, and most of the nearest.
#
# PGR_ROUNDS tables from PGR_SEED on, each of one method (PGR_ONLY: a part of its name).
# make -C test/fuzz queries asks as many as wanted.
# covers: hnsw_scan sparse_scan bm25_scan nearest_plan radius
use strict;
use warnings;
use PgrQueries;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PGR_ROUNDS} // (thorough() ? 5000 : $ENV{PGR_BRIEF} ? 50 : 180);
my $seed = $ENV{PGR_SEED} // 1;
my $only = $ENV{PGR_ONLY} // '';
my @methods = grep { index($_->{name}, $only) >= 0 } query_methods();

my $node = new_server('main', "autovacuum = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION pgretrieve');
my (@faults, %stats);
for my $round ($seed .. $seed + $rounds - 1)
{
	srand($round);
	my ($table, @found) = query_table($node, $methods[ $round % @methods ], 12, \%stats);
	push @faults, map { "seed $round, $_" } @found;
}
diag($_) for @faults;
is(scalar @faults, 0, "$stats{queries} queries of $rounds tables are answered as without an index");
cmp_ok($stats{recall} / $stats{recalls}, '>', .97, 'recall of all: ' . $stats{recall} / $stats{recalls}) if $stats{recalls};
note(join ', ', map { "$_ $stats{$_}" } sort keys %stats);
done_testing();
