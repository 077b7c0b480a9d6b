# A damaged TOAST relation: index scans and exact search, which read values out of line
# themselves, raise what PostgreSQL raises for the same value.
# covers: toast heapvalue
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# 18 has page checksums unless told otherwise
$node->append_conf('postgresql.conf', "ignore_checksum_failure = on\nautovacuum = off\nfull_page_writes = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION vec(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)::real)::vector FROM generate_series(1, 700) d $$;
	CREATE TABLE t (id int, v vector(700));
	INSERT INTO t SELECT i, vec(i) FROM generate_series(1, 20) i;
	CREATE INDEX t_l2 ON t USING hnsw (v vector_l2_ops);
	CREATE INDEX t_half ON t USING hnsw ((v::halfvec(700)) halfvec_l2_ops)});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres',
	q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 't'});
is($node->safe_psql('postgres', 'SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(30)) x'),
	20, 'the sound file has no error');
$node->stop;
my $sound = slurp_file($file);

sub write_raw { my ($f, $bytes) = @_; open my $fh, '>:raw', $f or die "$f: $!"; print $fh $bytes; close $fh or die "$f: $!"; return }

# Where the first page has the n-th chunk's row: its id, its number, its bytes.
sub chunk_at
{
	my ($n) = @_;
	my $item = unpack('V', substr($sound, 24 + 4 * ($n - 1), 4));
	my $tuple = $item & 0x7fff;
	return $tuple + ord(substr($sound, $tuple + 22, 1));
}

# The error of a statement, or '' if there is none.
sub error_of
{
	my ($statement) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement");
	return $err =~ /(ERROR:  .*)/ ? $1 : '';
}

my %damage = (
	'another number of a chunk' => [ chunk_at(1) + 4, pack('V', 7) ],
	'a chunk that is there twice' => [ chunk_at(2) + 4, pack('V', 0) ],
	'a shorter chunk' => [ chunk_at(1) + 8, pack('V', 1000 << 2) ],
	# last: index scans mark the index's entry as dead
	'then a chunk that is not there' => [ 24, pack('V', 0) ],
);
for my $name (sort keys %damage)
{
	my $bad = $sound;
	substr($bad, $damage{$name}[0], length $damage{$name}[1]) = $damage{$name}[1];
	write_raw($file, $bad);
	$node->start;
	my $core = error_of('SELECT sum(length(v::text)) FROM t');
	like($core, qr/XX001: .*(chunk|toast)/, "$name: PostgreSQL's error");
	my %scans = (
		'an index scan' => 'SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> vec(30)',
		'one of an expression' => 'SET enable_seqscan = off; SELECT id FROM t ORDER BY v::halfvec(700) <-> vec(30)::halfvec',
		'exact search' => 'SET enable_indexscan = off; SELECT id FROM t ORDER BY v <-> vec(30) LIMIT 20',
	);
	is(error_of($scans{$_}), $core, "$name: the same in $_") for sort keys %scans;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 20, "$name: the server goes on");
	$node->stop;
}
done_testing();
