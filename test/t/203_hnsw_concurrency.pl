# Inserts, deletes, searches and VACUUM at once: no error, and in the end the
# index is sound and has every row.
# covers: hnsw_insert hnsw_link hnsw_vacuum
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nshared_buffers = 128MB\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION vec(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 255) - 128)::real)::vector FROM generate_series(1, dim) d $$;
	CREATE TABLE t (id bigserial, v vector(16), tag int DEFAULT (random() * 20)::int);
	-- few values, so that many rows share nodes
	INSERT INTO t (v) SELECT vec(i % 300, 16) FROM generate_series(1, 2000) i;
	CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops, tag);
	CREATE TABLE wide (id bigserial, v vector(2500));
	INSERT INTO wide (v) SELECT vec(i, 2500) FROM generate_series(1, 60) i;
	CREATE INDEX wide_i ON wide USING hnsw (v vector_l2_ops);
});
$node->pgbench(
	'--no-vacuum --client=6 --transactions=150',
	0,
	[qr{actually processed}],
	[qr{^$}],
	'inserts, deletes, searches and vacuum at once',
	{
		'insert@40' => q{
			\set i random(1, 1000)
			INSERT INTO t (v) VALUES (vec(:i, 16));
		},
		'delete@25' => q{
			\set i random(1, 3000)
			DELETE FROM t WHERE id BETWEEN :i AND :i + 3;
		},
		'search@30' => q{
			\set i random(1, 1000)
			SET enable_seqscan = off;
			SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> vec(:i, 16) LIMIT 60) x;
		},
		'whole@5' => q{
			\set i random(1, 1000)
			SET enable_seqscan = off;
			SET work_mem = '64kB';
			SELECT 1 / (count(*) = count(DISTINCT id))::int FROM (SELECT id FROM t ORDER BY v <-> vec(:i, 16)) x;
			RESET work_mem;
		},
		'filtered@15' => q{
			\set i random(1, 1000)
			SET enable_seqscan = off;
			SELECT 1 / (NOT bool_or(tag <> :i % 20))::int FROM (SELECT tag FROM t WHERE tag = :i % 20 ORDER BY v <-> vec(:i, 16) LIMIT 60) x;
		},
		'update@15' => q{
			\set i random(1, 3000)
			UPDATE t SET tag = (tag + 1) % 21 WHERE id = :i;
		},
		'rollback@5' => q{
			BEGIN;
			INSERT INTO t (v) VALUES (vec(5000, 16));
			INSERT INTO t (v) VALUES (vec(5001, 16));
			ROLLBACK;
		},
		'wide@8' => q{
			\set i random(1, 200)
			INSERT INTO wide (v) VALUES (vec(:i, 2500));
			DELETE FROM wide WHERE id = :i;
		},
		'vacuum@3' => q{ VACUUM t, wide; },
	});
for my $round ('as it is', 'vacuumed')
{
	for my $tab ('t', 'wide')
	{
		is($node->safe_psql('postgres', "SELECT * FROM hnsw_check('${tab}_i') LIMIT 5"), '', "$tab, $round: checker");
		is($node->safe_psql('postgres', qq{
			SET enable_seqscan = off;
			CREATE TEMP TABLE x AS SELECT id FROM $tab ORDER BY v <-> (SELECT v FROM $tab LIMIT 1);
			SET enable_indexscan = off; SET enable_seqscan = on;
			SELECT (SELECT count(*) - count(DISTINCT id) FROM x), count(*) FROM (SELECT id FROM $tab EXCEPT SELECT id FROM x) y}),
			'0|0', "$tab, $round: each row once by the index");
	}
	is($node->safe_psql('postgres', q{
		SET enable_seqscan = off;
		CREATE TEMP TABLE y AS SELECT g.tag, x.id FROM generate_series(0, 21) g(tag), LATERAL (SELECT id FROM t WHERE t.tag = g.tag ORDER BY v <-> vec(g.tag, 16)) x;
		SET enable_indexscan = off; SET enable_seqscan = on;
		SELECT count(*) FROM (SELECT tag, id FROM t EXCEPT SELECT tag, id FROM y) m, (SELECT 1 / (count(*) = count(DISTINCT id))::int FROM y) n}),
		0, "$round: each row once by the index under its own condition");
	$node->safe_psql('postgres', 'VACUUM t, wide');
}
is($node->safe_psql('postgres', "SELECT dead FROM hnsw_stats('t_i')"), 0, 'nothing dead is left');
$node->stop;
done_testing();
