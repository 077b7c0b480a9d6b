-- hnsw: the options storage (what a node keeps of its own value) and code_bits (of its
-- neighbours' codes). Whatever they are, a scan gives what it gives without the index.
-- covers: vecclass hnsw_node edge inspect_hnsw rowset
SET client_min_messages = warning;
CREATE FUNCTION pseudo(seed int, dim int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((((hashint8(seed::bigint * 100003 + i)::bigint & 65535) - 32768) / 4096.0)::real) FROM generate_series(1, dim) i $$;

-- Places at which the first k distances by the index are not those without it.
CREATE FUNCTION differ(op text, query text, k int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  by_index float8[];
  by_scan float8[];
  stmt text := format('SELECT array_agg(d) FROM (SELECT v %s %L AS d FROM c ORDER BY v %s %L LIMIT %s) x', op, query, op, query, k);
BEGIN
  SET LOCAL enable_seqscan = off;
  EXECUTE stmt INTO by_index;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE stmt INTO by_scan;
  SET LOCAL enable_indexscan = on;
  RETURN (SELECT count(*) FROM unnest(by_index, by_scan) u(a, b) WHERE a IS DISTINCT FROM b);
END $$;
CREATE FUNCTION try_options(type text, opclass text, op text, make text, try_bits int[] DEFAULT '{1,2,4}') RETURNS TABLE(class text, storage text, bits int, kept text, built bigint, inserted bigint, rows bigint, problems text) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH storage IN ARRAY ARRAY['i8', 'f16', 'full'] LOOP
    CONTINUE WHEN opclass LIKE 'bit%' AND storage = 'f16';
    FOREACH bits IN ARRAY try_bits LOOP
      class := opclass;
      EXECUTE format('CREATE TABLE c (id serial, v %s)', type);
      EXECUTE format('INSERT INTO c (v) SELECT %s FROM generate_series(1, 200) i', make);
      EXECUTE format('CREATE INDEX c_v ON c USING hnsw (v %s) WITH (storage = %s, code_bits = %s)', opclass, storage, bits);
      built := differ(op, (SELECT c.v::text FROM c WHERE id = 77), 20);
      EXECUTE format('INSERT INTO c (v) SELECT %s FROM generate_series(201, 300) i', make);
      -- rows of equal values, more than a node holds
      INSERT INTO c (v) SELECT v FROM c, generate_series(1, 7) WHERE id <= 20;
      inserted := differ(op, (SELECT c.v::text FROM c WHERE id = 277), 20) + differ(op, (SELECT c.v::text FROM c WHERE id = 5), 20);
      SET LOCAL enable_seqscan = off;
      EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM c ORDER BY v %s %L) x', op, (SELECT c.v::text FROM c WHERE id = 3)) INTO rows;
      SELECT s.storage INTO kept FROM hnsw_stats('c_v') s;
      SELECT string_agg(problem, '; ') INTO problems FROM hnsw_check('c_v');
      RETURN NEXT;
      DROP TABLE c;
    END LOOP;
  END LOOP;
END $$;
SELECT * FROM try_options('vector(20)', 'vector_l2_ops', '<->', 'pseudo(i, 20)::vector');
SELECT * FROM try_options('vector(20)', 'vector_ip_ops', '<#>', 'pseudo(i, 20)::vector');
SELECT * FROM try_options('vector(20)', 'vector_cosine_ops', '<=>', 'pseudo(i, 20)::vector');
SELECT * FROM try_options('vector(20)', 'vector_l1_ops', '<+>', 'pseudo(i, 20)::vector');
SELECT * FROM try_options('halfvec(20)', 'halfvec_cosine_ops', '<=>', 'pseudo(i, 20)::halfvec');
SELECT * FROM try_options('bit(70)', 'bit_hamming_ops', '<~>', 'binary_quantize(pseudo(i, 70)::vector)');
SELECT * FROM try_options('bit(70)', 'bit_jaccard_ops', '<%>', 'binary_quantize(pseudo(i, 70)::vector)');
-- nodes of several pages: links and value on different ones
SELECT * FROM try_options('vector(1536)', 'vector_l2_ops', '<->', 'pseudo(i, 1536)::vector', '{1}');
SELECT * FROM try_options('vector(1100)', 'vector_cosine_ops', '<=>', 'pseudo(i, 1100)::vector', '{4}');

-- full: rows are ranked without reading their values, which lie out of line; that the
-- executor reads those of the ten it gets is PostgreSQL's way with ORDER BY
CREATE TABLE c (id serial, v vector(600));
ALTER TABLE c ALTER v SET STORAGE EXTERNAL;
INSERT INTO c (v) SELECT pseudo(i, 600)::vector FROM generate_series(1, 300) i;
CREATE TABLE q AS SELECT v FROM c WHERE id = 9;
SET enable_seqscan = off;
CREATE FUNCTION toast_reads() RETURNS bigint LANGUAGE sql AS $$
  SELECT toast_blks_hit + toast_blks_read FROM pg_statio_user_tables WHERE relname = 'c' $$;
CREATE INDEX c_v ON c USING hnsw (v vector_l2_ops) WITH (storage = full);
SELECT pg_stat_force_next_flush();
SELECT toast_reads() AS before \gset
SELECT array_agg(id) AS full FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q) LIMIT 10) x \gset
SELECT pg_stat_force_next_flush();
SELECT toast_reads() - :before AS toast_reads;
-- rows that are dead or not visible are not returned for that
DELETE FROM c WHERE id = ANY ((:'full'::int[])[2:5]);
SELECT array_agg(id) = (:'full'::int[])[1:1] || (:'full'::int[])[6:10] FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q) LIMIT 6) x;
DROP INDEX c_v;
CREATE INDEX c_v ON c USING hnsw (v vector_l2_ops);
SELECT pg_stat_force_next_flush();
SELECT toast_reads() AS before \gset
SELECT count(*) FROM (SELECT id FROM c ORDER BY v <-> (SELECT v FROM q) LIMIT 10) x;
SELECT pg_stat_force_next_flush();
SELECT toast_reads() - :before >= 20 AS toast_reads;
DROP TABLE q;

-- values of one code that are not equal share a node, which keeps neither
CREATE TABLE e (id int, v vector(8));
INSERT INTO e SELECT 100 + i, ARRAY[i, -i, 9 * i, 1, 2, 3, 4, -5]::real[]::vector FROM generate_series(1, 20) i;
CREATE INDEX e_v ON e USING hnsw (v vector_l2_ops) WITH (storage = full);
INSERT INTO e SELECT 1, '[1,2,3,4,5,6,7,8]';
INSERT INTO e SELECT i, ARRAY[1,2,3,4,5,6,7,8 + i * 1e-6]::real[]::vector FROM generate_series(2, 9) i;
SELECT nodes, tids FROM hnsw_stats('e_v');
SELECT id, v <-> '[1,2,3,4,5,6,7,8]' > 0 AS apart FROM e ORDER BY v <-> '[1,2,3,4,5,6,7,8]', id LIMIT 3;
SELECT * FROM hnsw_check('e_v');
REINDEX INDEX e_v;
SELECT nodes, tids FROM hnsw_stats('e_v');
SELECT id, v <-> '[1,2,3,4,5,6,7,8]' > 0 AS apart FROM e ORDER BY v <-> '[1,2,3,4,5,6,7,8]', id LIMIT 3;
SELECT * FROM hnsw_check('e_v');
-- too large for half precision
DROP INDEX e_v;
INSERT INTO e VALUES (10, '[70000,0,0,0,0,0,0,0]'), (11, '[70000,0.25,0,0,0,0,0,0]');
CREATE INDEX e_v ON e USING hnsw (v vector_l2_ops) WITH (storage = f16);
INSERT INTO e VALUES (12, '[70001,0,0,0,0,0,0,0]');
SET hnsw.rerank = off;
SELECT id, v <-> '[70000,0,0,0,0,0,0,0]' AS d FROM e ORDER BY v <-> '[70000,0,0,0,0,0,0,0]' LIMIT 3;
RESET hnsw.rerank;
SELECT id, v <-> '[70000,0,0,0,0,0,0,0]' AS d FROM e ORDER BY v <-> '[70000,0,0,0,0,0,0,0]' LIMIT 3;
SELECT * FROM hnsw_check('e_v');
DROP TABLE e;

-- rerank = off: full is exact, f16 nearly
CREATE FUNCTION misplaced(storage text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  n int;
BEGIN
  EXECUTE 'DROP INDEX c_v; CREATE INDEX c_v ON c USING hnsw (v vector_l2_ops) WITH (storage = ' || storage || ')';
  SET LOCAL hnsw.rerank = off;
  SELECT count(*) INTO n FROM (SELECT d < lag(d) OVER () AS down FROM (SELECT v <-> (SELECT v FROM c WHERE id = 9) AS d FROM c ORDER BY v <-> (SELECT v FROM c WHERE id = 9)) x) y WHERE down;
  RETURN n;
END $$;
-- one step down is where rows found late begin
SELECT misplaced('full') <= 1 AS "full", misplaced('f16') < 5 AS f16, misplaced('i8') > 5 AS i8;

-- vacuum, reuse of slots, a build in parts
DELETE FROM c WHERE id % 3 = 0;
VACUUM c;
INSERT INTO c (v) SELECT pseudo(i, 600)::vector FROM generate_series(301, 400) i;
-- random values of so many dimensions are all about as far from each other
SET hnsw.ef_search = 200;
SELECT differ('<->', (SELECT v::text FROM c WHERE id = 100), 20), (SELECT count(*) FROM hnsw_check('c_v'));
RESET hnsw.ef_search;
DROP INDEX c_v;
SET maintenance_work_mem = '1MB';
INSERT INTO c (v) SELECT pseudo(i, 600)::vector FROM generate_series(401, 1200) i;
CREATE INDEX c_v ON c USING hnsw (v vector_l2_ops) WITH (storage = full, code_bits = 2);
RESET maintenance_work_mem;
SELECT differ('<->', (SELECT v::text FROM c WHERE id = 500), 10), (SELECT count(*) FROM hnsw_check('c_v'));
DROP TABLE c;

-- what does not go
CREATE TABLE c (v vector(3), b bit(8), s sparsevec(8));
CREATE INDEX ON c USING hnsw (v vector_l2_ops) WITH (storage = i4);
CREATE INDEX ON c USING hnsw (v vector_l2_ops) WITH (code_bits = 3);
CREATE INDEX ON c USING hnsw (b bit_hamming_ops) WITH (storage = f16);
CREATE INDEX ON c USING hnsw (s sparsevec_l2_ops) WITH (storage = f16);
CREATE INDEX ON c USING hnsw (s sparsevec_l2_ops) WITH (storage = full);
DROP TABLE c;
