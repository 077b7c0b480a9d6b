# hnsw and damaged files: a page that is not what it should be is an error that names it
# (XX002, or 0A000 for another version). Damage at random places is in 021_damage.pl.
# covers: hnsw_verify hnsw_node inspect_hnsw
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrCollection;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $head = 24;       # bytes of a page's header

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
# every format that was, and one that is to come
my $format = unpack('V', substr($sound, $head + 4, 4));
my @statements = ([ $search, 'a search' ], [ $filtered, 'a search with a condition' ], [ 'INSERT INTO t (id, v) VALUES (7777, vec(7777))', 'an insert' ],
	[ 'DELETE FROM t WHERE id = 5; VACUUM t', 'VACUUM' ], [ q{SELECT * FROM hnsw_check('t_i')}, 'the checker' ]);
for my $version (1 .. $format - 1, $format + 1)
{
	like(error_with(0, $head + 4, pack('V', $version), $_->[0]), qr/0A000: .*index "t_i" has format version $version, this library reads version $format\n.*REINDEX/s, "format $version: $_->[1]")
	  for $version == $format - 1 ? @statements : $statements[0];
}
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
# an insert looks for the groups that are nearest, among lists that none has, or by no number
my $ngroups = int(sqrt(@lists));
$ngroups++ if $ngroups * $ngroups < @lists;
like(error_with($directory, $groups_at, pack('V*', (scalar @lists) x $ngroups), 'INSERT INTO t (id, v) VALUES (7777, vec(7777))'), qr/XX002: .*directory of lists at block $directory/, 'groups without lists: an insert');
like(error_with($directory, $groups_at + 4 * $ngroups, pack('V*', (0x7FC00000) x $ngroups), 'INSERT INTO t (id, v) VALUES (7777, vec(7777))'), qr/XX002: .*directory of lists at block $directory/, 'groups at no distance: an insert');
# what is kept with the relation's cache entry is not left there by those who could not read it all
my $frame = (blocks(0x22))[0];
like(error_with($frame, $head, pack('V', 0x7FC00000), $search), qr/XX002: .*block $frame: a frame has a coordinate that is no number/, 'a frame that is no number');
# (where pages have checksums, as by default from 18 on, there is a warning)
unlike(error_with($frame, $head, pack('V', 0x7FC00000), q{
	DO $$
	DECLARE used bigint;
	BEGIN
		FOR i IN 1 .. 500 LOOP
			BEGIN
				PERFORM id FROM t ORDER BY v <-> vec(7) LIMIT 1;
			EXCEPTION WHEN index_corrupted THEN
				NULL;
			END;
		END LOOP;
		SELECT sum(used_bytes) INTO used FROM pg_backend_memory_contexts WHERE name = 'index info' AND ident = 't_i';
		IF used IS NULL OR used > 100000 THEN RAISE EXCEPTION '% bytes', used; END IF;
	END $$}), qr/ERROR/, 'and 500 such errors in one session leave no memory');

# at last, as it gives the index another file
is(error_with(0, $head + 4, pack('V', $format - 1), "REINDEX INDEX t_i; $search"), '', 'REINDEX makes an index of an earlier format new');

unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'no process was lost');
done_testing();
