-- hnsw: conditions on filter columns. What the index gives is what exact search gives;
-- recall on larger tables is in test/t.
-- covers: filtercol hnsw_filter hnsw_filtered hnsw_list hnsw_match
SET client_min_messages = warning;
SET timezone = 'America/New_York';
SET hnsw.ef_search = 100;
CREATE FUNCTION pseudo(seed int, dim int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((((hashint8(seed::bigint * 100003 + i)::bigint & 65535) - 32768) / 4096.0)::real) FROM generate_series(1, dim) i $$;
CREATE TYPE mood AS ENUM ('low', 'fair', 'high');

CREATE FUNCTION plan_of(stmt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan text := '';
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || stmt LOOP plan := plan || line || E'\n'; END LOOP;
  RETURN plan;
END $$;

-- How many rows a condition leaves of the nearest k and in all, whether the index gives
-- them as exact search does, and whether it evaluates all of the condition itself.
CREATE FUNCTION same(cond text, k int DEFAULT 10) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  stmt text := format('SELECT array_agg(d ORDER BY n) FROM (SELECT d, row_number() OVER () AS n FROM (SELECT v <-> %1$L AS d FROM f WHERE v IS NOT NULL AND %2$s ORDER BY v <-> %1$L LIMIT %3$s) x) y', pseudo(7, 8)::vector, cond, k);
  plan text;
  by_index float8[];
  by_scan float8[];
  all_index bigint;
  all_scan bigint;
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  plan := plan_of(stmt);
  EXECUTE stmt INTO by_index;
  EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM f WHERE %s ORDER BY v <-> %L) x', cond, pseudo(7, 8)::vector) INTO all_index;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_sort = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE stmt INTO by_scan;
  EXECUTE format('SELECT count(*) FROM f WHERE v IS NOT NULL AND %s', cond) INTO all_scan;
  SET LOCAL enable_indexscan = on;
  RETURN coalesce(cardinality(by_scan), 0) || ' of ' || all_scan ||
    CASE WHEN by_index IS DISTINCT FROM by_scan THEN ', other rows' ELSE '' END ||
    CASE WHEN all_scan <> all_index THEN ', in all ' || all_index ELSE '' END ||
    CASE WHEN plan NOT LIKE '%Index Scan using f\_%' THEN ', no index scan'
         WHEN plan NOT LIKE '%Index Cond%' OR plan LIKE '%Index Cond: (v IS NOT NULL)%' THEN ', not in the index'
         WHEN plan LIKE '%Filter:%' THEN ', partly in the index' ELSE '' END;
END $$;

CREATE TABLE f (id int, v vector(8), b bool, i2 int2, i4 int4, i8 int8, d date, ts timestamp, tz timestamptz,
  u uuid, e mood, t text, c char(4), ia int[], ta text[]);
CREATE FUNCTION make(from_id int, to_id int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO f SELECT i, CASE WHEN i % 97 > 0 THEN pseudo(i, 8)::vector END,
    CASE WHEN i % 5 > 0 THEN i % 3 = 0 END, CASE WHEN i % 7 > 0 THEN i % 50 - 20 END, i % 1000, i::int8 * 10000000000 * (i % 2 * 2 - 1),
    '2024-01-01'::date + i % 400, '2024-01-01'::timestamp + i * interval '1 hour', '2024-01-01 00:00 UTC'::timestamptz + i * interval '1 hour',
    md5((i % 200)::text)::uuid, (ARRAY['low', 'fair', 'high', NULL])[i % 4 + 1]::mood, CASE WHEN i % 11 > 0 THEN 'word ' || i % 30 END, i % 20,
    CASE WHEN i % 13 > 0 THEN (SELECT array_agg(i % k) FROM generate_series(2, 2 + i % 9) k) ELSE ARRAY[]::int[] END,
    CASE WHEN i % 17 > 0 THEN ARRAY['tag ' || i % 23, 'tag ' || i % 41, NULL] END
  FROM generate_series(from_id, to_id) i $$;
SELECT make(1, 2000);
CREATE INDEX f_v ON f USING hnsw (v vector_l2_ops, b, i2, i4, i8, d, ts, tz, u, e, t, c, ia, ta);
SELECT make(2001, 3000);
ANALYZE f;
CREATE TABLE conditions (n serial, cond text);
INSERT INTO conditions (cond) VALUES
  ('i4 = 5'), ('i4 < 100'), ('i4 <= 100'), ('i4 >= 900'), ('i4 > 990'), ('i4 BETWEEN 100 AND 300'), ('i4 > 10 AND i4 < 10'),
  ('i4 IN (1, 5, 700, 5, NULL, 2000)'), ('i4 = ANY (''{}''::int[])'), ('i4 < ANY (''{5, 20, NULL}''::int[])'), ('i4 >= ANY (''{995, 990}''::int[])'),
  ('i4 < ALL (''{5, 20}''::int[])'), ('i4 <> 5'), ('i4 = 5::int8'), ('i4 < 3000000000'), ('i4 > 3000000000'), ('i4 IN (5::int8, 6)'), ('i4 = 5::int2'), ('i4 = 5.5'),
  ('i2 = -20'), ('i2 < 0::int2'), ('i2 IS NULL'), ('i2 IS NOT NULL'), ('i2 = NULL'), ('i2 > 100000'), ('i2 IS NULL AND i4 < 500'),
  ('i8 > 0'), ('i8 = 50000000000'), ('i8 BETWEEN -9000000000000 AND -8000000000000'), ('i8 < (-9223372036854775808)::int8'), ('i8 > 9223372036854775807'),
  ('b IS NULL'), ('b = (i4 >= 0)'), ('b > false'),
  ('d = ''2024-02-03'''), ('d BETWEEN ''2024-02-03'' AND ''2024-03-01'''), ('d < ''2024-01-05 12:00''::timestamp'), ('d <= ''2024-01-05 12:00''::timestamp'), ('d = ''2024-01-05 12:00''::timestamp'),
  ('d = ''2024-01-05''::timestamp'), ('d >= ''infinity''::timestamp'), ('d >= ''-infinity'''), ('d > ''2024-01-05''::timestamptz'),
  ('ts < ''2024-01-05'''), ('ts <= ''2024-01-05''::date'), ('ts < ''294277-01-01''::date'), ('ts > ''294277-01-01''::date'), ('ts = ''2024-01-05 03:00'''),
  ('tz < ''2024-01-05'''), ('tz < ''2024-01-05''::date'), ('tz <= ''2024-01-05 03:00''::timestamp'), ('tz IN (''2024-01-05 03:00'', ''2024-01-06 03:00'')'),
  ('u = md5(''7'')::uuid'), ('u IN (md5(''7'')::uuid, md5(''8'')::uuid)'), ('u < ''10000000-0000-0000-0000-000000000000'''), ('u >= md5(''7'')::uuid AND u <= md5(''7'')::uuid'), ('u > md5(''7'')::uuid'),
  ('e = ''fair'''), ('e IN (''low'', ''high'')'), ('e IS NULL'), ('e > ''low'''),
  ('t = ''word 7'''), ('t IN (''word 7'', ''word 8'', ''x'')'), ('t IS NULL'), ('t > ''word'''), ('t IN (''word 1'' COLLATE "POSIX", ''word 2'', ''word 3'', ''word 4'', ''word 5'', ''word 6'', ''word 7'', ''word 8'')'),
  ('c = ''5'''), ('c IN (''5'', ''6  '')'),
  ('ia && ''{5}'''), ('ia && ''{5, 7}'''), ('ia && ''{}'''), ('ia @> ''{1, 2}'''), ('ia @> ''{}'''), ('ia && ''{NULL}'''), ('ia @> ARRAY[1, NULL]'),
  ('ta && ARRAY[''tag 5'']'), ('ta @> ARRAY[''tag 5'', ''tag 15'']'), ('ta IS NULL'), ('ta && ''{x}'''),
  ('i4 = 5 AND t = ''word 5'''), ('i4 < 500 AND t = ''word 5'' AND d < ''2024-06-01'' AND ia && ''{3}'''), ('v IS NOT NULL AND i4 < 5'), ('v IS NULL AND i4 < 500'), ('i4 < 50 AND id % 2 = 0');
SELECT n, cond, same(cond) FROM conditions ORDER BY n;
SELECT * FROM hnsw_check('f_v');

-- limits above ef_search, few and no rows, other settings
SET hnsw.ef_search = 1500;
SELECT same('i4 < 300', 200);
SET hnsw.ef_search = 100;
SELECT same('i4 < 2', 50), same('i4 < 0', 50), same('i2 = 3', 1);
SET hnsw.iterative_scan = relaxed_order;
SELECT same('i4 < 300', 20), same('t = ''word 7''');
SET hnsw.iterative_scan = off;
SET hnsw.ef_search = 5;
SET enable_seqscan = off; SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM f WHERE i4 < 500 ORDER BY v <-> pseudo(7, 8)::vector) x;
SET hnsw.ef_search = 100; RESET hnsw.iterative_scan;

-- updates of filter columns (equal vectors then share a node), deletes, VACUUM, new rows
UPDATE f SET i4 = i4 + 1000 WHERE id % 3 = 0;
UPDATE f SET t = NULL, ia = '{77}' WHERE id % 4 = 1;
SELECT cond, same(cond) FROM conditions WHERE n IN (1, 2, 6, 23, 54, 64, 69) ORDER BY n;
SELECT same('i4 >= 1000'), same('ia && ''{77}'''), same('t IS NULL');
SELECT * FROM hnsw_check('f_v');
DELETE FROM f WHERE id % 2 = 0;
SELECT cond, same(cond) FROM conditions WHERE n IN (1, 2, 6, 23, 54, 64, 69) ORDER BY n;
VACUUM f;
SELECT cond, same(cond) FROM conditions WHERE n IN (1, 2, 6, 23, 54, 64, 69) ORDER BY n;
SELECT * FROM hnsw_check('f_v');
SELECT pg_relation_size('f_v') AS size \gset
SELECT make(3001, 4000);
SELECT pg_relation_size('f_v') = :size AS space_is_reused;
SELECT same('i4 BETWEEN 10 AND 20'), same('t = ''word 8'''), same('id > 3000 AND i4 < 100');
SELECT * FROM hnsw_check('f_v');
DELETE FROM f;
VACUUM f;
SELECT same('i4 < 100');
SELECT make(1, 500);
SELECT same('i4 < 100'), same('i4 IS NOT NULL');
SELECT * FROM hnsw_check('f_v');

-- prepared statements, generic and not; null parameters
PREPARE p(int, text[]) AS SELECT count(*), min(i4), max(i4) FROM (SELECT i4 FROM f WHERE i4 >= $1 AND t = ANY ($2) ORDER BY v <-> pseudo(7, 8)::vector LIMIT 7) x;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p(1, '{}');
EXECUTE p(400, '{word 7,word 8}');
EXECUTE p(0, '{word 7}');
EXECUTE p(NULL, '{word 7}');
EXECUTE p(0, NULL);
EXECUTE p(0, '{}');
SET plan_cache_mode = force_custom_plan;
EXECUTE p(400, '{word 7,word 8}');
RESET plan_cache_mode;

-- nested loops: the condition changes with every row
CREATE TABLE g (a int, b int);
INSERT INTO g VALUES (1, 50), (200, 210), (NULL, 7), (490, 600), (600, 700);
SELECT plan_of('SELECT * FROM g, LATERAL (SELECT f.id, f.i4 FROM f WHERE f.i4 BETWEEN g.a AND g.b ORDER BY f.v <-> pseudo(7, 8)::vector LIMIT 3) n') LIKE '%Index Cond: ((i4 >= g.a) AND (i4 <= g.b))%' AS in_the_index;
SELECT g.a, count(n.id), bool_and(n.i4 BETWEEN g.a AND g.b) AS inside FROM g LEFT JOIN LATERAL (SELECT f.id, f.i4 FROM f WHERE f.i4 BETWEEN g.a AND g.b ORDER BY f.v <-> pseudo(7, 8)::vector LIMIT 3) n ON true GROUP BY g.a ORDER BY g.a;
SELECT g.a, (SELECT array_agg(f.id) FROM (SELECT f.id FROM f WHERE f.i4 IN (g.a, g.b) ORDER BY f.v <-> pseudo(7, 8)::vector) f) FROM g ORDER BY g.a;
BEGIN;
DECLARE cur CURSOR FOR SELECT i4 >= 250 FROM f WHERE i4 >= 250 ORDER BY v <-> pseudo(7, 8)::vector;
FETCH 2 FROM cur;
MOVE 100 FROM cur;
FETCH 1 FROM cur;
ROLLBACK;
-- without an order the index is not used
RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT id FROM f WHERE i4 = 5;
SET enable_seqscan = off;
DROP TABLE f, g;

DROP FUNCTION make;

-- many rows with one vector, each with a value of its own: one node
CREATE TABLE f (id serial, v vector(8), i4 int);
CREATE INDEX f_i ON f USING hnsw (v vector_l2_ops, i4);
INSERT INTO f (v, i4) SELECT pseudo(i % 3, 8)::vector, i FROM generate_series(1, 1500) i;
SELECT nodes, tids FROM hnsw_stats('f_i');
SELECT same('i4 = 1000'), same('i4 < 5'), same('i4 IN (3, 300, 1400)'), same('i4 > 700', 200);
REINDEX INDEX f_i;
SELECT nodes, tids FROM hnsw_stats('f_i');
SELECT same('i4 = 1000'), same('i4 < 5'), same('i4 IN (3, 300, 1400)'), same('i4 > 700', 200);
DELETE FROM f WHERE i4 % 2 = 0;
VACUUM f;
SELECT same('i4 = 1000'), same('i4 < 5'), same('i4 IN (3, 300, 1400)'), same('i4 > 700', 200);
SELECT * FROM hnsw_check('f_i');
DROP TABLE f;

-- other distances, nodes of several pages, a build that memory has no room for, a partial
-- index, expressions
CREATE TABLE f (id serial, v vector(8), w halfvec(3000), i4 int, t varchar(20));
INSERT INTO f (v, w, i4, t) SELECT pseudo(i, 8)::vector, pseudo(i, 3000)::halfvec, i % 10, 'T' || i % 7 FROM generate_series(1, 150) i;
CREATE INDEX f_w ON f USING hnsw (w halfvec_cosine_ops, i4, lower(t), (i4 * 2));
INSERT INTO f (v, w, i4, t) SELECT pseudo(i, 8)::vector, pseudo(i, 3000)::halfvec, i % 10, 'T' || i % 7 FROM generate_series(151, 200) i;
SELECT plan_of('SELECT id FROM f WHERE i4 < 5 AND lower(t) = ''t3'' AND i4 * 2 > 2 ORDER BY w <=> (SELECT w FROM f WHERE id = 3) LIMIT 5') LIKE '%Index Cond: ((i4 < 5) AND (lower((t)::text) = ''t3''::text) AND ((i4 * 2) > 2))%' AS in_the_index;
SELECT array(SELECT id FROM f WHERE i4 < 5 AND lower(t) = 't3' AND i4 * 2 > 2 ORDER BY w <=> (SELECT w FROM f WHERE id = 3) LIMIT 5) =
  array(SELECT id FROM f WHERE i4 < 5 AND lower(t) = 't3' AND i4 * 2 > 2 ORDER BY (w <=> (SELECT w FROM f WHERE id = 3)) + 0 LIMIT 5) AS same;
SELECT pages_per_node > 1 AS large, (SELECT count(*) FROM hnsw_check('f_w')) AS problems FROM hnsw_stats('f_w');
CREATE INDEX f_l1 ON f USING hnsw (v vector_l1_ops, t) WHERE i4 < 5;
SELECT array(SELECT id FROM f WHERE i4 < 5 AND t = 'T3' ORDER BY v <+> pseudo(9, 8)::vector LIMIT 5) =
  array(SELECT id FROM f WHERE i4 < 5 AND t = 'T3' ORDER BY (v <+> pseudo(9, 8)::vector) + 0 LIMIT 5) AS same;
-- the zero vector is near to nothing: rows in any order, but those that pass
SELECT count(*), bool_and(i4 = 3) FROM (SELECT i4 FROM f WHERE i4 = 3 ORDER BY w <=> (SELECT array_fill(0, ARRAY[3000])::halfvec)) x;
DROP TABLE f;
CREATE TABLE f (id serial, v vector(100), i4 int);
INSERT INTO f (v, i4) SELECT pseudo(i, 100)::vector, i % 200 FROM generate_series(1, 3000) i;
SET maintenance_work_mem = '1MB';
CREATE INDEX f_i ON f USING hnsw (v vector_l2_ops, i4);
RESET maintenance_work_mem;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM f WHERE i4 = 7 ORDER BY v <-> pseudo(5, 100)::vector) x;
SELECT * FROM hnsw_check('f_i');
RESET hnsw.ef_search; RESET enable_seqscan; RESET enable_sort;
DROP TABLE f;

-- what cannot be
CREATE TABLE o (v vector(3), w vector(3), i int, n numeric, t text, p point[]);
SELECT try(s) FROM unnest(ARRAY[
  'CREATE INDEX ON o USING hnsw (i, v vector_l2_ops)',
  'CREATE INDEX ON o USING hnsw (i)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, w vector_l2_ops)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, i, w vector_ip_ops)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, n)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, p)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, i text_ops)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, i DESC)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops) INCLUDE (i)']) s;
DROP TABLE o;
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hnsw' ORDER BY 1;
DROP TABLE conditions;
DROP TYPE mood;
DROP FUNCTION pseudo, plan_of, same;
RESET timezone;
