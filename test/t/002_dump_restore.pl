# pg_dump and restore, and binary COPY, give back every value bit for bit, with
# type modifiers, defaults, indexes and generated columns.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

$node->safe_psql('postgres', q{
	CREATE SCHEMA ext;
	CREATE EXTENSION pgretrieve SCHEMA ext;
	SET search_path = public, ext;
	CREATE TABLE t (
		id int PRIMARY KEY,
		v vector(3) DEFAULT '[1,2,3]', v0 vector,
		h halfvec(2), s sparsevec(100000), b bit(9),
		m multivector(2), f multivector(2, f16), i multivector(5, i8),
		n vector(3) GENERATED ALWAYS AS (l2_normalize(v)) STORED,
		CHECK (within(v, '[0,0,0]', 1e6)));
	CREATE INDEX t_v ON t (v);
	CREATE INDEX t_h ON t USING hash (h);
	CREATE VIEW near AS SELECT id FROM t ORDER BY v <-> '[1,1,1]', m @# '[[1,2]]' LIMIT 3;
	INSERT INTO t (id, v, v0, h, s, b, m, f, i)
	SELECT k, ARRAY[random(), random() * 1e-30, -random() * 1e5]::vector, array_fill(random(), ARRAY[k])::vector,
		ARRAY[random(), -random() * 1e4]::halfvec, ('{' || k || ':' || random() || ',90000:1e-38}/100000')::sparsevec, k::bit(9),
		multivector((SELECT array_agg(random()) FROM generate_series(1, 2 * (k % 9)))::real[], 2),
		multivector((SELECT array_agg(random()) FROM generate_series(1, 2 * (k % 90) + 2))::real[], 2),
		multivector((SELECT array_agg((random() - 0.5) * 10 ^ (k % 60 - 30) + 0 * j) FROM generate_series(1, 50) j)::real[], 5)
	FROM generate_series(1, 400) k;
});
# binary images, so that a difference the text does not show is seen
my $digest = q{
	SET search_path = public, ext;
	SELECT count(*), md5(string_agg(concat(vector_send(v), vector_send(v0), halfvec_send(h), sparsevec_send(s), b, multivector_send(m),
		multivector_send(f), multivector_send(i), vector_send(n)), ',' ORDER BY id)), (SELECT string_agg(id::text, ',') FROM near),
		(SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0) FROM t};
my $before = $node->safe_psql('postgres', $digest);
like($before, qr/^400\|.*multivector\(5,i8\)/, 'rows are there');

my $file = $node->basedir . '/dump';
for my $format ('plain', 'custom')
{
	$node->command_ok([ 'pg_dump', '-p', $node->port, '-F', $format, '-f', $file, 'postgres' ], "$format dump");
	$node->safe_psql('template1', "CREATE DATABASE copy_$format TEMPLATE template0");
	my @restore = $format eq 'plain' ? ('psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-p', $node->port) :
	  ('pg_restore', '--exit-on-error', '-p', $node->port, $file);
	$node->command_ok([ @restore, '-d', "copy_$format" ], "$format restore");
	is($node->safe_psql("copy_$format", $digest), $before, "$format dump gives the same values");
}

$node->safe_psql('postgres', qq{
	SET search_path = public, ext;
	COPY t (id, v, v0, h, s, b, m, f, i) TO '$file.bin' WITH (FORMAT binary);
	TRUNCATE t;
	COPY t (id, v, v0, h, s, b, m, f, i) FROM '$file.bin' WITH (FORMAT binary)});
is($node->safe_psql('postgres', $digest), $before, 'binary COPY gives the same values');

$node->safe_psql('postgres', 'ALTER EXTENSION pgretrieve SET SCHEMA public');
is($node->safe_psql('postgres', $digest =~ s/, ext//r), $before, 'the extension can be moved to another schema');
$node->stop;
done_testing();
