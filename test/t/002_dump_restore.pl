# pg_dump and restore, and binary COPY, give back every value bit for bit, with
# type modifiers, defaults, indexes and generated columns.
# covers: multivector_io sparse rankquery_io
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
	CREATE TEXT SEARCH CONFIGURATION mine (COPY = english);
	CREATE TABLE docs (id int PRIMARY KEY, body text, saved rankquery, e sparsevec(50));
	INSERT INTO docs SELECT k, 'word' || k % 7 || ' walking' || repeat(' x', k % 5), to_rankquery('mine', 'walks^' || k || ' word' || k % 7 || ' -x "a b"~2'),
		format('{%s:%s,50:1}/50', k % 40 + 1, k)::sparsevec FROM generate_series(1, 200) k;
	CREATE INDEX docs_body ON docs USING bm25 (body) WITH (config = 'public.mine', k1 = 0.9);
	CREATE INDEX docs_e ON docs USING inverted (e sparsevec_ip_ops);
	CREATE INDEX t_hnsw ON t USING hnsw (v vector_l2_ops) WITH (m = 5);
	CREATE VIEW hits AS SELECT id, body <@> to_rankquery('mine', 'walked word3') AS score FROM docs WHERE body @@@ saved;
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
my $searches = q{
	SET search_path = public, ext;
	SET enable_seqscan = off;
	SELECT array_agg(indexdef ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public';
	SELECT md5(string_agg(concat(id, saved), ',' ORDER BY id)), (SELECT count(*) || ' ' || min(score) FROM hits) FROM docs;
	SELECT array_agg(id || ' ' || s) FROM (SELECT id, body <@> 'walking word3' AS s FROM docs ORDER BY body <@> 'walking word3', id LIMIT 20) x;
	SELECT array_agg(id) FROM (SELECT id FROM docs ORDER BY e <#> '{3:1,50:.5}/50' LIMIT 9) x;
	SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> '[1,1,1]' LIMIT 9) x};
my $found = $node->safe_psql('postgres', $searches);
like($found, qr/public\.mine/, 'indexes are there');
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
	is($node->safe_psql("copy_$format", $searches), $found, "$format dump gives the same indexes and answers");
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
