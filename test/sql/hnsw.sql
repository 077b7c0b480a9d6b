-- hnsw: what a scan returns, for every operator class and case; recall is in test/t.
-- A scan by the index must give what it gives without: on so few rows it finds all.
-- covers: hnsw_vacuum hnsw_frame hnsw_insert hnsw_link hnsw_tids
SET client_min_messages = warning;
CREATE FUNCTION pseudo(seed int, dim int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((((hashint8(seed::bigint * 100003 + i)::bigint & 65535) - 32768) / 4096.0)::real) FROM generate_series(1, dim) i $$;
CREATE FUNCTION as_sparse(real[], dim int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
  SELECT ('{' || string_agg(DISTINCT (abs(x * 512)::int % dim + 1) || ':1.5', ',') || '}/' || dim)::sparsevec FROM unnest($1) x $$;

-- Rows whose distance by the index is not the one without it, place by place; and the plan.
CREATE FUNCTION differences(tab text, op text, query text, k int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  by_index float8[];
  by_scan float8[];
  stmt text := format('SELECT array_agg(d) FROM (SELECT v %s %L AS d FROM %I ORDER BY v %s %L LIMIT %s) x', op, query, tab, op, query, k);
  plan text := '';
  line text;
BEGIN
  SET LOCAL enable_seqscan = off;
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || stmt LOOP plan := plan || line; END LOOP;
  IF plan NOT LIKE '%Index Scan using%' THEN RETURN plan; END IF;
  EXECUTE stmt INTO by_index;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE stmt INTO by_scan;
  SET LOCAL enable_indexscan = on;
  IF by_index <> (SELECT array_agg(d ORDER BY d) FROM unnest(by_index) d) THEN RETURN 'not in order'; END IF;
  RETURN cardinality(by_index) || ' rows, ' || (SELECT count(*) FROM (SELECT unnest(by_scan) EXCEPT ALL SELECT unnest(by_index)) x) || ' differ';
END $$;

CREATE FUNCTION try_class(type text, opclass text, op text, make text, k int DEFAULT 20) RETURNS TABLE(class text, built text, inserted text, rows bigint, problems bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE c (id serial, v %s)', type);
  EXECUTE format('INSERT INTO c (v) SELECT %s FROM generate_series(1, 200) i', make);
  EXECUTE format('CREATE INDEX c_v ON c USING hnsw (v %s)', opclass);
  class := opclass;
  built := differences('c', op, (SELECT c.v::text FROM c WHERE id = 77), k);
  EXECUTE format('INSERT INTO c (v) SELECT %s FROM generate_series(201, 300) i', make);
  inserted := differences('c', op, (SELECT c.v::text FROM c WHERE id = 277), k);
  -- without a limit, all rows come, once each
  SET LOCAL enable_seqscan = off;
  EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM c ORDER BY v %s %L) x', op, (SELECT c.v::text FROM c WHERE id = 3)) INTO rows;
  SELECT count(*) INTO problems FROM hnsw_check('c_v');
  RETURN NEXT;
  DROP TABLE c;
END $$;
SELECT * FROM try_class('vector(20)', 'vector_l2_ops', '<->', 'pseudo(i, 20)::vector');
SELECT * FROM try_class('vector(20)', 'vector_ip_ops', '<#>', 'pseudo(i, 20)::vector');
SELECT * FROM try_class('vector(20)', 'vector_cosine_ops', '<=>', 'pseudo(i, 20)::vector');
SELECT * FROM try_class('vector(20)', 'vector_l1_ops', '<+>', 'pseudo(i, 20)::vector');
SELECT * FROM try_class('halfvec(20)', 'halfvec_l2_ops', '<->', 'pseudo(i, 20)::halfvec');
SELECT * FROM try_class('halfvec(20)', 'halfvec_ip_ops', '<#>', 'pseudo(i, 20)::halfvec');
SELECT * FROM try_class('halfvec(20)', 'halfvec_cosine_ops', '<=>', 'pseudo(i, 20)::halfvec');
SELECT * FROM try_class('halfvec(20)', 'halfvec_l1_ops', '<+>', 'pseudo(i, 20)::halfvec');
SELECT * FROM try_class('sparsevec(5000)', 'sparsevec_l2_ops', '<->', 'as_sparse(pseudo(i, 20), 5000)', 5);
SELECT * FROM try_class('sparsevec(5000)', 'sparsevec_ip_ops', '<#>', 'as_sparse(pseudo(i, 20), 5000)', 5);
SELECT * FROM try_class('sparsevec(5000)', 'sparsevec_cosine_ops', '<=>', 'as_sparse(pseudo(i, 20), 5000)', 5);
SELECT * FROM try_class('sparsevec(5000)', 'sparsevec_l1_ops', '<+>', 'as_sparse(pseudo(i, 20), 5000)', 5);
SELECT * FROM try_class('bit(70)', 'bit_hamming_ops', '<~>', 'binary_quantize(pseudo(i, 70)::vector)');
SELECT * FROM try_class('bit(70)', 'bit_jaccard_ops', '<%>', 'binary_quantize(pseudo(i, 70)::vector)');

-- large nodes: one a page, several pages, the type's limit
SELECT * FROM try_class('vector(1024)', 'vector_l2_ops', '<->', 'pseudo(i, 1024)::vector');
SELECT * FROM try_class('vector(3000)', 'vector_cosine_ops', '<=>', 'pseudo(i, 3000)::vector');
CREATE TABLE big (id serial, v vector(16000));
INSERT INTO big (v) SELECT pseudo(i, 16000)::vector FROM generate_series(1, 12) i;
CREATE INDEX big_v ON big USING hnsw (v vector_l2_ops);
INSERT INTO big (v) SELECT pseudo(i, 16000)::vector FROM generate_series(13, 20) i;
SELECT differences('big', '<->', (SELECT v::text FROM big WHERE id = 7), 20);
SELECT nodes, unreachable, pages_per_node > 3 AS chained FROM hnsw_stats('big_v');
DELETE FROM big WHERE id % 2 = 0;
VACUUM big;
INSERT INTO big (v) SELECT pseudo(i, 16000)::vector FROM generate_series(21, 25) i;
SELECT differences('big', '<->', (SELECT v::text FROM big WHERE id = 7), 20), (SELECT count(*) FROM hnsw_check('big_v'));
SELECT nodes, free FROM hnsw_stats('big_v');
DROP TABLE big;

-- NULL, zero vectors, duplicates
CREATE TABLE t (id serial PRIMARY KEY, v vector(3));
INSERT INTO t (v) VALUES ('[1,0,0]'), (NULL), ('[0,0,0]'), ('[0,1,0]'), ('[1,1,0]');
CREATE INDEX t_v ON t USING hnsw (v vector_cosine_ops);
INSERT INTO t (v) VALUES (NULL), ('[0,0,0]'), ('[0,0,1]');
SET enable_seqscan = off;
SELECT id, round((v <=> '[1,0,0]')::numeric, 3) AS d FROM t ORDER BY v <=> '[1,0,0]';
-- no distance to anything: any order
SELECT count(*) FROM (SELECT * FROM t ORDER BY v <=> '[0,0,0]') x;
SELECT count(*) FROM (SELECT * FROM t ORDER BY v <=> NULL) x;
TRUNCATE t;
INSERT INTO t (v) SELECT '[1,2,3]' FROM generate_series(1, 2000);
INSERT INTO t (v) SELECT '[3,2,1]' FROM generate_series(1, 3);
SELECT count(*) FROM (SELECT * FROM t ORDER BY v <=> '[1,2,3]' LIMIT 1990) x;
SELECT nodes, tids FROM hnsw_stats('t_v');
REINDEX INDEX t_v;
SELECT nodes, tids FROM hnsw_stats('t_v');
SELECT count(*), count(DISTINCT id) FROM (SELECT * FROM t ORDER BY v <=> '[1,2,3]') x;
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
SELECT count(*), count(DISTINCT id) FROM (SELECT * FROM t ORDER BY v <=> '[1,2,3]') x;
SELECT * FROM hnsw_check('t_v');
DELETE FROM t WHERE v = '[1,2,3]';
VACUUM t;
SELECT count(*) FROM (SELECT * FROM t ORDER BY v <=> '[1,2,3]') x;
SELECT nodes, dead, tids FROM hnsw_stats('t_v');
INSERT INTO t (v) SELECT '[1,2,3]' FROM generate_series(1, 2000);
SELECT count(*), count(DISTINCT id) FROM (SELECT * FROM t ORDER BY v <=> '[1,2,3]') x;
SELECT * FROM hnsw_check('t_v');
-- an index emptied altogether finds what comes after
DELETE FROM t;
VACUUM t;
INSERT INTO t (v) VALUES ('[5,5,5]');
SELECT v FROM t ORDER BY v <=> '[1,2,3]';
DROP TABLE t;

-- LIMIT is filled: with a filter, with dead rows around, beyond ef_search
CREATE TABLE f (id serial PRIMARY KEY, tag int, v vector(8));
INSERT INTO f (tag, v) SELECT i % 100, pseudo(i, 8)::vector FROM generate_series(1, 3000) i;
ANALYZE f;
CREATE INDEX f_v ON f USING hnsw (v vector_l2_ops);
SELECT count(*) FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector LIMIT 500) x;
SELECT count(*) FROM (SELECT * FROM f WHERE tag = 7 ORDER BY v <-> pseudo(5, 8)::vector LIMIT 30) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector) x;
SET enable_indexscan = off;
SET enable_seqscan = on;
DELETE FROM f WHERE id IN (SELECT id FROM f ORDER BY v <-> pseudo(5, 8)::vector LIMIT 200);
RESET enable_indexscan;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector LIMIT 10) x;
SELECT differences('f', '<->', pseudo(5, 8)::vector::text, 10);
-- the query lies in a hole of 200 rows now, and no path leads through it (of 20 such 11 miss none, 3 two)
VACUUM f;
SELECT differences('f', '<->', pseudo(5, 8)::vector::text, 10) ~ '^10 rows, [0-2] differ$' AS nearly, (SELECT count(*) FROM hnsw_check('f_v'));
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector LIMIT 500) x;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector LIMIT 500) x;
RESET hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 100;
SELECT count(*) < 3000 FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector) x;
RESET hnsw.max_scan_tuples;
SET hnsw.rerank = off;
SELECT count(*) = 2800 AS all_rows, count(*) - count(DISTINCT id) AS twice FROM (SELECT * FROM f ORDER BY v <-> pseudo(5, 8)::vector) x;
RESET hnsw.rerank;

-- updates, HOT or not; cursors; nested loops; parameters
UPDATE f SET tag = tag + 1 WHERE id % 3 = 0;
UPDATE f SET v = v * array_fill(2, ARRAY[8])::vector WHERE id % 5 = 0;
SELECT differences('f', '<->', pseudo(9, 8)::vector::text, 10);
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM f ORDER BY v <-> pseudo(9, 8)::vector;
FETCH 3 FROM c;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
SELECT q.id, (SELECT count(*) FROM (SELECT f.id FROM f ORDER BY f.v <-> q.v LIMIT 3) n WHERE n.id = q.id) AS found FROM f q WHERE q.id IN (2990, 11) ORDER BY q.id;
PREPARE p(vector) AS SELECT count(*) FROM (SELECT id FROM f ORDER BY v <-> $1 LIMIT 7) x;
EXECUTE p(pseudo(1, 8)::vector);
EXECUTE p('[1,2,3]');
DEALLOCATE p;
DROP TABLE f;

-- partial, expression, unlogged, temporary, partitioned
CREATE TABLE e (id serial, tag int, v vector(8));
INSERT INTO e (tag, v) SELECT i % 2, pseudo(i, 8)::vector FROM generate_series(1, 300) i;
CREATE INDEX e_half ON e USING hnsw ((v::halfvec(8)) halfvec_l2_ops);
CREATE INDEX e_part ON e USING hnsw (v vector_l2_ops) WHERE tag = 1;
EXPLAIN (COSTS OFF) SELECT id FROM e ORDER BY v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM e WHERE tag = 1 ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3;
SELECT array(SELECT id FROM e ORDER BY v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' LIMIT 5) = array(SELECT id FROM e ORDER BY (v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]') + 0 LIMIT 5) AS same;
SELECT array(SELECT id FROM e WHERE tag = 1 ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5) = array(SELECT id FROM e WHERE tag = 1 ORDER BY (v <-> '[1,2,3,4,5,6,7,8]') + 0 LIMIT 5) AS same;
SELECT * FROM hnsw_check('e_half') UNION ALL SELECT * FROM hnsw_check('e_part');
DROP TABLE e;
CREATE UNLOGGED TABLE u (v vector(3));
CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops);
INSERT INTO u VALUES ('[1,2,3]'), ('[1,1,1]');
SELECT v FROM u ORDER BY v <-> '[1,1,2]';
DROP TABLE u;

-- options, settings, errors
CREATE TABLE o (v vector(3), h halfvec(3), b bit(3), vb varbit(3), n vector, i int);
INSERT INTO o VALUES ('[1,2,3]', '[1,2,3]', '101', '101', '[1,2]', 5);
SELECT try(s) FROM unnest(ARRAY[
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops) WITH (m = 1)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops) WITH (m = 101)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops) WITH (ef_construction = 3)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31)',
  'CREATE INDEX ON o USING hnsw (v)',
  'CREATE INDEX ON o USING hnsw (n vector_l2_ops)',
  'CREATE INDEX ON o USING hnsw (vb bit_hamming_ops)',
  'CREATE INDEX ON o USING hnsw (h vector_l2_ops)',
  'CREATE INDEX ON o USING hnsw (v vector_l2_ops, h halfvec_l2_ops)',
  'CREATE UNIQUE INDEX ON o USING hnsw (v vector_l2_ops)',
  'SET hnsw.ef_search = 0',
  'SET hnsw.iterative_scan = on',
  'SET hnsw.unknown = 1']) s;
CREATE INDEX o_v ON o USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8);
SELECT degree <= 8 AS degree FROM hnsw_stats('o_v');
SELECT try('SELECT v FROM o ORDER BY v <-> ''[1,2]''::vector');
SELECT try('SELECT * FROM hnsw_check(''o'')');
SHOW hnsw.ef_search; SHOW hnsw.iterative_scan; SHOW hnsw.max_scan_tuples; SHOW hnsw.scan_mem_multiplier; SHOW hnsw.rerank;
SET maintenance_work_mem = '1MB';
CREATE TABLE w (id serial, v vector(100));
INSERT INTO w (v) SELECT pseudo(i, 100)::vector FROM generate_series(1, 3000) i;
SET client_min_messages = notice;
CREATE INDEX w_v ON w USING hnsw (v vector_l2_ops);
SET client_min_messages = warning;
RESET maintenance_work_mem;
SELECT nodes, unreachable, (SELECT count(*) FROM hnsw_check('w_v')) AS problems FROM hnsw_stats('w_v');
SELECT count(*) = 3000, count(*) = count(DISTINCT id) FROM (SELECT id FROM w ORDER BY v <-> pseudo(5, 100)::vector) x;
-- as many rows as would not fit, but none has a value
SET maintenance_work_mem = '1MB';
CREATE TABLE n AS SELECT NULL::vector(100) AS v FROM generate_series(1, 20000);
VACUUM ANALYZE n;
CREATE INDEX n_v ON n USING hnsw (v vector_l2_ops);
RESET maintenance_work_mem;
SELECT nodes, (SELECT count(*) FROM hnsw_check('n_v')) AS problems FROM hnsw_stats('n_v');
DROP TABLE o, w, n;
DROP FUNCTION pseudo, as_sparse, differences, try_class;
