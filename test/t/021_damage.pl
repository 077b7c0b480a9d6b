# Damaged index files, all access methods: whatever a page holds, no statement ends the
# server, runs on for ever or makes a file longer by reading; errors say that the index
# is damaged; and where an answer is another one than a sound index gives, its checker
# tells of it.
#
# PGR_ROUNDS rounds, each of which damages every index once, from PGR_SEED on; PGR_ONLY:
# only the index of that name. make -C test/fuzz damage runs as many as wanted.
# covers: page segment_check hnsw_verify inspect_hnsw inspect_inverted_check
use strict;
use warnings;
use PgrDamage;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PGR_ROUNDS} // (thorough() ? 150 : $ENV{PGR_BRIEF} ? 1 : 2);
my $seed = $ENV{PGR_SEED} // 1;

# 18 has page checksums unless told otherwise
my $node = new_server('main', "ignore_checksum_failure = on\nautovacuum = off\nfull_page_writes = off\nrestart_after_crash = on\n");
$node->safe_psql('postgres', 'CREATE EXTENSION pgretrieve');
my $copies = damage_setup($node);
damage_known($node, $copies);
my ($damages, @faults, %errors) = (0);
for my $round (0 .. $rounds - 1)
{
	push @faults, damage_round($node, $copies, $seed + $round, \%errors, $ENV{PGR_ONLY} || undef);
	$damages += @$copies;
	note "$damages damages, " . @faults . ' faults' if $rounds > 10 && $round % 10 == 9;
}
diag($_) for @faults;
is(scalar @faults, 0, "$damages damages do no harm");
cmp_ok($errors{XX002} // 0, '>', 0, 'and are noticed');
note('statements that failed: ' . join(', ', map { "$_ $errors{$_}" } sort keys %errors));
done_testing();
