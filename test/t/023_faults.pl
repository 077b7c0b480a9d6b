# Statements cancelled at random moments, and kill -9: of inserts, updates, seals, merges,
# builds and VACUUM, of all access methods. Afterwards the checkers find nothing, every row is
# found, answers are those without the index, and no index is larger than it needs to be.
#
# PGR_ROUNDS rounds from PGR_SEED on: one of cancels, one with a kill.
# covers: space wal inv_maintain hnsw_vacuum
use strict;
use warnings;
use PgrFaults;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PGR_ROUNDS} // (thorough() ? 60 : $ENV{PGR_BRIEF} ? 1 : 3);
my $seed = $ENV{PGR_SEED} // 1;

my $node = new_server('main', "autovacuum = off\nrestart_after_crash = on\nmax_wal_size = 2GB\n");
faults_setup($node);
my (@faults, %stats);
for my $round ($seed .. $seed + $rounds - 1)
{
	srand($round);
	push @faults, map { "seed $round, cancels: $_" } faults_cancel($node, 60, \%stats), faults_found($node);
	push @faults, map { "seed $round, kill: $_" } faults_kill($node, 60, \%stats), faults_found($node);
	note "round $round: " . join(', ', map { "$stats{$_} $_" } sort keys %stats) . ', ' . @faults . ' faults' if $rounds > 5;
	last if @faults > 20;
}
push @faults, faults_waste($node);
diag($_) for @faults;
is(scalar @faults, 0, "$stats{statements} statements, $stats{cancels} cancelled, and $stats{kills} killed processes leave the indexes whole");
cmp_ok($stats{cancels}, '>=', 5 * $rounds, 'statements were cancelled');
cmp_ok($stats{kills}, '>=', $rounds, 'processes were killed');
done_testing();
