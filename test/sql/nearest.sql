-- The node for exact search: when it is planned, and that its rows are those of a scan and a sort.
-- covers: nearest_exec nearest_plan
SET max_parallel_workers_per_gather = 0;
CREATE TABLE nt (id int, g int, v vector(4), h halfvec(4), s sparsevec(4), b bit(12), m multivector(2));
INSERT INTO nt SELECT i, i % 10,
	ARRAY[hashint4(i) % 10, hashint4(i + 1000) % 10, hashint4(i + 2000) % 10, hashint4(i + 3000) % 10]::vector, NULL, NULL,
	(hashint4(i + 4000) & 4095)::bit(12),
	format('[[%s,%s],[%s,%s]]', i % 7, i % 11, i % 13, i % 3)::multivector
	FROM generate_series(1, 2000) i;
UPDATE nt SET h = v::halfvec, s = v::sparsevec;
UPDATE nt SET v = NULL, h = NULL, s = NULL, m = NULL WHERE id % 400 = 7;
UPDATE nt SET v = '[0,0,0,0]' WHERE id % 500 = 9;	-- no cosine: NaN
DELETE FROM nt WHERE id % 100 = 50;
VACUUM ANALYZE nt;

-- Planned for one table, ordered by one distance, with a constant LIMIT.
EXPLAIN (COSTS OFF) SELECT id FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id, '[1,2,3,4]' <-> v AS d FROM nt WHERE g < 3 AND id > 10 ORDER BY d LIMIT 5 OFFSET 2;
EXPLAIN (COSTS OFF, VERBOSE) SELECT count(*) FROM (SELECT FROM nt ORDER BY m @# '[[1,2]]' LIMIT 5) x;
CREATE FUNCTION uses_node(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Nearest' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SET enable_sort = off;	-- so that it is never a question of costs
SELECT query, uses_node(query) FROM unnest(ARRAY[
	'SELECT id FROM nt ORDER BY h <=> ''[1,2,3,4]'' LIMIT 1',
	'SELECT id FROM nt ORDER BY s <#> ''{1:1}/4'' LIMIT 1',
	'SELECT id FROM nt ORDER BY b <~> B''101010101010'' LIMIT 1',
	'SELECT id FROM nt ORDER BY l2_distance(v, ''[1,2,3,4]'') LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> (SELECT x.v FROM nt x WHERE x.id = 3) LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 100000',
	-- and not
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 100001',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 99999 OFFSET 2',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 9223372036854775807 OFFSET 9223372036854775807',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 2 OFFSET 9223372036854775807',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 0',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]''',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT NULL',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT length(current_user)',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' FETCH FIRST 2 ROWS WITH TIES',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' DESC LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' NULLS FIRST LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'', id LIMIT 1',
	'SELECT id FROM nt ORDER BY 1 - (v <-> ''[1,2,3,4]'') LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> array_fill(random(), ARRAY[4])::vector LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> h::vector LIMIT 1',
	'SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1 FOR UPDATE',
	'SELECT id FROM pg_class x, nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1',
	'SELECT DISTINCT id, v <-> ''[1,2,3,4]'' FROM nt ORDER BY 2 LIMIT 1',
	'SELECT id, count(*) FROM nt GROUP BY id, v ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1',
	'SELECT id, rank() OVER (ORDER BY g) FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1',
	'SELECT id, generate_series(1, 2) FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1',
	'SELECT a.id FROM nt a JOIN nt b USING (id) ORDER BY a.v <-> ''[1,2,3,4]'' LIMIT 1',
	'SELECT id FROM nt TABLESAMPLE system (50) ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1']) query;

-- The same rows as without it: distances in order, with their counts, NULLs and NaN last.
CREATE FUNCTION differs(query text, OUT with_node text, OUT without text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL pgretrieve.enable_nearest = on;
	SET LOCAL enable_sort = off;
	EXECUTE format('SELECT string_agg(coalesce(d::text, %L), %L ORDER BY n) FROM (SELECT row_number() OVER () AS n, d FROM (%s) x) y', 'null', ',', query) INTO with_node;
	SET LOCAL pgretrieve.enable_nearest = off;
	SET LOCAL enable_sort = on;
	EXECUTE format('SELECT string_agg(coalesce(d::text, %L), %L ORDER BY n) FROM (SELECT row_number() OVER () AS n, d FROM (%s) x) y', 'null', ',', query) INTO without;
	IF with_node IS DISTINCT FROM without OR with_node IS NULL THEN RETURN NEXT; END IF;
END $$;
RESET enable_sort;
CREATE TABLE cases AS SELECT format('SELECT %s AS d FROM nt WHERE %s ORDER BY d LIMIT %s', d, c, k) AS query
	FROM unnest(ARRAY['v <-> ''[1,2,3,4]''', '''[1,-2,3,4]'' <#> v', 'v <=> ''[-1,2,3,4]''', 'v <+> ''[0,0,0,4]''', 'h <-> ''[1,2,3,4]''', 'h <=> ''[5,2,3,-4]''',
		's <-> ''{1:4,3:2}/4''', 's <#> ''{1:4,3:2}/4''', 'b <~> B''101010101010''', 'b <%> B''101010101010''', 'm @# ''[[1,2],[3,1]]''']) d,
	unnest(ARRAY['true', 'g = 3', 'g > 7 AND id < 900', 'v IS NULL OR id = 1', 'id % 500 = 9 OR id % 400 = 7', 'id = 17']) c,
	unnest(ARRAY['1', '10', '100 OFFSET 5', '3000']) k;
SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE uses_node(query)) FROM cases;
RESET enable_sort;
SELECT query, d.* FROM cases, differs(query) d WHERE query !~ 'OFFSET' OR query !~ 'id = 17';
-- rows of equal distance are all there
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 5000) x;
SELECT id FROM nt WHERE id % 400 = 7 OR id % 500 = 9 OR id < 4 ORDER BY v <=> '[1,2,3,4]' LIMIT 50;

-- A query that is NULL, of other dimensions, out of line.
SELECT count(*) FROM (SELECT id FROM nt ORDER BY v <-> (SELECT v FROM nt WHERE id = -1) LIMIT 7) x;
SELECT id FROM nt ORDER BY v <-> '[1,2]' LIMIT 1;
CREATE TABLE wide (id int, v vector(3000));
INSERT INTO wide SELECT i, array_fill(i::real, ARRAY[3000])::vector FROM generate_series(1, 20) i;
SELECT id, v <-> (SELECT v FROM wide WHERE id = 11) AS d FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 11) LIMIT 3;

-- Read again and again: LATERAL, correlated, cursors.
SELECT q.id, x.id, x.d FROM nt q, LATERAL (SELECT id, nt.v <-> q.v AS d FROM nt WHERE nt.g <> q.g ORDER BY nt.v <-> q.v, id LIMIT 2) x WHERE q.id < 4 ORDER BY 1, 3, 2;
SELECT q.id, array_agg(x.d) FROM nt q, LATERAL (SELECT nt.v <-> q.v AS d FROM nt WHERE nt.g <> q.g ORDER BY nt.v <-> q.v LIMIT 2) x WHERE q.id < 8 GROUP BY 1 ORDER BY 1;
SELECT uses_node('SELECT q.id, x.d FROM nt q, LATERAL (SELECT nt.v <-> q.v AS d FROM nt WHERE nt.g <> q.g ORDER BY nt.v <-> q.v LIMIT 2) x WHERE q.id < 8');
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM nt WHERE g = 2 AND id < 100 ORDER BY v <-> '[1,2,3,4]' LIMIT 4;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ALL FROM c;
FETCH ALL FROM c;
ROLLBACK;
-- of this transaction, too
BEGIN;
INSERT INTO nt (id, v) VALUES (10001, '[1,2,3,4]'), (10002, '[1,2,3,4.5]');
DELETE FROM nt WHERE id = 10001;
SELECT id FROM nt WHERE id > 10000 ORDER BY v <-> '[1,2,3,4]' LIMIT 4;
ROLLBACK;

-- Prepared: a constant LIMIT in either kind of plan, a parameter only in the plan made for it.
PREPARE p1(vector, int) AS SELECT v <-> $1 AS d FROM nt WHERE g = $2 AND id < 200 ORDER BY 1 LIMIT 2;
PREPARE p2(vector, int) AS SELECT v <-> $1 AS d FROM nt WHERE id < 200 ORDER BY 1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p1('[1,2,3,4]', 3);
EXECUTE p1('[1,2,3,4]', 3);
EXPLAIN (COSTS OFF) EXECUTE p2('[1,2,3,4]', 3);
EXECUTE p2('[1,2,3,4]', 3);
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE p2('[1,2,3,4]', 3);
EXECUTE p2('[1,2,3,4]', 3);
RESET plan_cache_mode;

-- Partitions, UNION ALL, views, row security, INSERT and locked rows.
CREATE TABLE np (id int, v vector(4)) PARTITION BY RANGE (id);
CREATE TABLE np1 PARTITION OF np FOR VALUES FROM (0) TO (700);
CREATE TABLE np2 (junk text, v vector(4), id int);
ALTER TABLE np2 DROP junk;
ALTER TABLE np ATTACH PARTITION np2 FOR VALUES FROM (700) TO (2001);
INSERT INTO np SELECT id, v FROM nt;
ANALYZE np;
EXPLAIN (COSTS OFF) SELECT id FROM np ORDER BY v <-> '[1,2,3,4]' LIMIT 3;
SELECT differs('SELECT v <-> ''[1,2,3,4]'' AS d FROM np ORDER BY 1 LIMIT 20');
SELECT differs('SELECT v <-> ''[1,2,3,4]'' AS d FROM np WHERE id > 600 AND id < 900 ORDER BY 1 LIMIT 20');
EXPLAIN (COSTS OFF) SELECT id FROM (SELECT id, v FROM np1 UNION ALL SELECT id, v FROM nt WHERE g = 1) u ORDER BY v <-> '[1,2,3,4]' LIMIT 3;
SELECT differs('SELECT v <-> ''[1,2,3,4]'' AS d FROM (SELECT id, v FROM np1 UNION ALL SELECT id, v FROM nt WHERE g = 1) u ORDER BY 1 LIMIT 20');
CREATE VIEW nv AS SELECT id, v, v <-> '[1,2,3,4]' AS d FROM nt WHERE g = 4;
SELECT uses_node('SELECT id FROM nv ORDER BY d LIMIT 3');
SELECT differs('SELECT d FROM nv WHERE id > 5 ORDER BY d LIMIT 12');
ALTER TABLE nt ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON nt USING (g = 6);
CREATE ROLE regress_nearest;
GRANT SELECT ON nt TO regress_nearest;
SET ROLE regress_nearest;
EXPLAIN (COSTS OFF) SELECT id FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 3;
SELECT count(*), count(*) FILTER (WHERE g = 6) FROM (SELECT g FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 300) x;
RESET ROLE;
ALTER TABLE nt DISABLE ROW LEVEL SECURITY;
CREATE TABLE kept AS SELECT id FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 3;
INSERT INTO kept SELECT id FROM nt ORDER BY v <-> '[4,3,2,1]' LIMIT 3;
UPDATE kept SET id = 0 WHERE id IN (SELECT id FROM nt ORDER BY v <-> '[4,3,2,1]' LIMIT 3);
SELECT count(*), count(*) FILTER (WHERE id = 0) FROM kept;
SELECT count(*) FROM (SELECT id FROM nt ORDER BY v <-> '[1,2,3,4]' LIMIT 3 FOR UPDATE) x;

-- In parallel: each participant keeps its own, merged above.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT id FROM nt WHERE g < 7 ORDER BY v <-> '[1,2,3,4]' LIMIT 3;
SELECT query, d.* FROM cases, differs(query) d WHERE query ~ 'g = 3 .*LIMIT 10$';
SELECT differs('SELECT v <-> ''[1,2,3,4]'' AS d FROM np ORDER BY 1 LIMIT 20');
SELECT differs('SELECT v <-> (SELECT v FROM nt WHERE id = 3) AS d FROM nt ORDER BY 1 LIMIT 20');
-- started again for each row outside
SET enable_material = off;
EXPLAIN (COSTS OFF) SELECT g, d FROM generate_series(1, 3) g LEFT JOIN (SELECT v <-> '[1,2,3,4]' AS d FROM nt ORDER BY d LIMIT 3) x ON d > 0 ORDER BY g, d;
SELECT g, d FROM generate_series(1, 3) g LEFT JOIN (SELECT v <-> '[1,2,3,4]' AS d FROM nt ORDER BY d LIMIT 3) x ON d > 0 ORDER BY g, d;
RESET enable_material;
RESET max_parallel_workers_per_gather;

-- Off, or no sequential scan wanted.
SET pgretrieve.enable_nearest = off;
SELECT uses_node('SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1');
RESET pgretrieve.enable_nearest;
SET enable_seqscan = off;
SELECT uses_node('SELECT id FROM nt ORDER BY v <-> ''[1,2,3,4]'' LIMIT 1');
RESET enable_seqscan;
DROP VIEW nv;
DROP TABLE nt, np, kept, cases, wide;
DROP ROLE regress_nearest;
DROP FUNCTION uses_node, differs;

-- The query is computed with the first row that passes: where there is none, its errors are none.
CREATE TABLE nr_none (id int, v vector(2));
CREATE FUNCTION nr_fails() RETURNS vector LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE EXCEPTION 'computed'; END $$;
SELECT id FROM nr_none ORDER BY v <-> (SELECT nr_fails()) LIMIT 1;
INSERT INTO nr_none VALUES (1, '[1,2]');
SELECT id FROM nr_none WHERE id = 2 ORDER BY v <-> (SELECT nr_fails()) LIMIT 1;
SELECT try('SELECT id FROM nr_none ORDER BY v <-> (SELECT nr_fails()) LIMIT 1');
DROP TABLE nr_none;
