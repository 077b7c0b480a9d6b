# hnsw and damaged files: a page that is not what it should be is an error that names it
# (XX002, or 0A000 for another version), and damage that no check can see, inside of
# pages, neither ends the server nor lets a statement run on for ever.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrCollection;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{PGR_BRIEF} ? 2 : 6;
my @damaged = (60, 3000);    # bytes of a page's content, in turns, and as many of a content's head
my $head = 24;       # bytes of a page's header
my $tail = 16;       # and at its end

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# 18 has page checksums unless told otherwise
$node->append_conf('postgresql.conf', "ignore_checksum_failure = on\nautovacuum = off\nfull_page_writes = off\nrestart_after_crash = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION vec(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)::real)::vector FROM generate_series(1, 24) d $$;
	CREATE TABLE t (id int, v vector(24), tag int GENERATED ALWAYS AS (id % 10) STORED);
	INSERT INTO t (id, v) SELECT i, vec(i) FROM generate_series(1, 3000) i;
	INSERT INTO t (id, v) SELECT i, vec(1) FROM generate_series(3001, 3100) i;
	CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops, tag);
	ALTER SYSTEM SET enable_seqscan = off});
# there a tid that cannot be, which core takes apart before it looks for the row, is a failed assertion
my $asserts = $node->safe_psql('postgres', 'SHOW debug_assertions') eq 'on';
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('t_i')");
$node->stop;

sub write_raw { my ($f, $bytes) = @_; open my $fh, '>:raw', $f or die "$f: $!"; print $fh $bytes; close $fh or die "$f: $!"; return }

my $sound = slurp($file);
my $pages = length($sound) / 8192;
my $kind_at = 8192 - 8;    # of the page's end: kind, version

# The first block of a kind, and all of them.
sub blocks { my ($kind) = @_; return grep { unpack('v', substr($sound, $_ * 8192 + $kind_at, 2)) == $kind } 0 .. $pages - 1 }
my ($node_block, $aux_block) = ((blocks(0x21))[0], (blocks(0x22))[-1]);
my @lists = blocks(0x23);
cmp_ok(scalar @lists, '>', 5, 'there are several lists');

my $search = 'SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(7) LIMIT 10) x';
my $filtered = 'SELECT count(*) FROM (SELECT id FROM t WHERE tag = 3 ORDER BY v <-> vec(7) LIMIT 400) x';

# One page's bytes from at on become others; the statement's error.
sub error_with
{
	my ($block, $at, $bytes, $statement) = @_;
	my $bad = $sound;
	substr($bad, $block * 8192 + $at, length $bytes) = $bytes;
	write_raw($file, $bad);
	$node->start;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement");
	$node->stop;
	return $err;
}

like(error_with(0, $head, pack('V', 1), $search), qr/XX002: .*block 0: it belongs to another access method/, 'another magic');
like(error_with(0, $head + 4, pack('V', 1), $search), qr/0A000: .*format version 1, this library reads version \d+\n.*REINDEX/s, 'an older format');
like(error_with(0, 0, "\0" x 8192, $search), qr/XX002: .*block 0: it is empty/, 'a metapage of zeros');
like(error_with($node_block, 0, "\0" x 8192, "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(7)) x"), qr/XX002: .*block $node_block: it is empty/, 'a node page of zeros');
like(error_with($node_block, $kind_at, pack('v', 0x22), $search . '; SELECT * FROM t ORDER BY v <-> vec(1) LIMIT 3000'), qr/XX002: .*block $node_block: it is of another kind/, 'a node page of another kind');
like(error_with($node_block, $kind_at + 2, pack('C', 9), 'SELECT * FROM t ORDER BY v <-> vec(1) LIMIT 3000'), qr/0A000: .*page of version 9 at block $node_block/, 'a page of another version');
like(error_with($lists[0], $kind_at, pack('v', 0x21), "SELECT count(*) FROM (SELECT id FROM t WHERE tag = 3 ORDER BY v <-> vec(7)) x"), qr/XX002: .*block $lists[0]: it is of another kind/, 'a list of another kind');
# scales and steps of the axes, then squares, shifts and centres of the lists, then the groups
my $dims = 24;
my $directory = (blocks(0x22))[1];
my $groups_at = $head + 4 * (2 * $dims + @lists * (2 + $dims));
like(error_with($directory, $groups_at, pack('V', 100000), "SELECT count(*) FROM (SELECT id FROM t WHERE tag = 3 ORDER BY v <-> vec(7)) x"), qr/XX002: .*directory of lists at block $directory/, 'a directory whose groups are elsewhere');

# Damage at random places of the contents, the same in each run.
write_raw($file, $sound);
my $data = $node->data_dir;
system_or_bail('cp', '-a', $data, "$data.sound");
srand(4711);
my %errors;
for my $round (1 .. ($asserts ? 0 : $rounds))
{
	my $bad = $sound;
	for (1 .. 2 * $damaged[$round % 2])
	{
		my $block = 1 + int(rand($pages - 1));
		substr($bad, $block * 8192 + $head + int(rand($_ % 2 ? 8192 - $head - $tail : 28)), 1) = chr(int(rand(256)));
	}
	system_or_bail('rm', '-rf', $data);
	system_or_bail('cp', '-a', "$data.sound", $data);
	write_raw($file, $bad);
	$node->start;
	for my $statement ($search, $filtered,
		'SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(1)) x',
		'INSERT INTO t (id, v) SELECT i, vec(i) FROM generate_series(4001, 4050) i',
		'DELETE FROM t WHERE id % 3 = 0',
		'VACUUM t',
		"SELECT count(*) FROM hnsw_check('t_i')")
	{
		my ($rc, $out, $err) = $node->psql('postgres', "SET statement_timeout = '60s';\n\\set VERBOSITY verbose\n$statement");
		$errors{$1}++ if $err =~ /ERROR:\s+(\w{5}): /;
		ok($rc == 0 || $rc == 3 && $err =~ /ERROR/ && $err !~ /57014/, "round $round: $statement") or diag($err);
	}
	is($node->safe_psql('postgres', "REINDEX INDEX t_i; SELECT count(*) FROM hnsw_check('t_i')"), 0, "round $round: rebuilt");
	$node->stop;
}
note('errors: ' . join(', ', map { "$_ $errors{$_}" } sort keys %errors));
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'no process was lost');
done_testing();
