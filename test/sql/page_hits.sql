-- Buffers that a backend remembers: pages are counted as others are, and what was there before is not taken for what is.
-- covers: hnsw_walk hnsw_search hnsw_sweep
SET client_min_messages = warning;
SET enable_seqscan = off;
SELECT setseed(0.5);
CREATE TABLE p (id int, v vector(16)) WITH (autovacuum_enabled = off);
INSERT INTO p SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 16) WHERE i > 0)::vector FROM generate_series(1, 3000) i;
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
ANALYZE p;
-- Pages of a search by EXPLAIN, after nine others of the same.
CREATE FUNCTION explained_pages() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  FOR i IN 1..10 LOOP
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM p ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 10' INTO plan;
  END LOOP;
  RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::bigint + (plan->0->'Plan'->>'Shared Read Blocks')::bigint;
END $$;
CREATE VIEW pages AS SELECT idx_blks_hit + idx_blks_read + heap_blks_hit + heap_blks_read AS n FROM pg_statio_user_tables WHERE relname = 'p';
-- the statistics say ten times what EXPLAIN says of one
SELECT explained_pages() AS warm \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT n AS before FROM pages \gset
SELECT explained_pages() AS explained \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT :explained > 30 AS some, n - :before = 10 * :explained AS same FROM pages;
-- the nearest rows with the index and without
CREATE FUNCTION same_rows(t text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  indexed float8[];
  exact float8[];
  query text := format('SELECT array_agg(d) FROM (SELECT v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' AS d FROM %s ORDER BY 1 LIMIT 10) x', t);
BEGIN
  FOR i IN 1..10 LOOP
    EXECUTE query INTO indexed;
  END LOOP;
  SET LOCAL enable_indexscan = off;
  EXECUTE query INTO exact;
  RESET enable_indexscan;
  RETURN indexed = exact;
END $$;
SELECT same_rows('p');
REINDEX INDEX p_v;
SELECT same_rows('p');
TRUNCATE p;
INSERT INTO p SELECT i, (SELECT array_agg(random()) FROM generate_series(1, 16) WHERE i > 0)::vector FROM generate_series(1, 500) i;
SELECT same_rows('p');
-- pages that no server shares
CREATE TEMP TABLE q AS SELECT * FROM p;
CREATE INDEX q_v ON q USING hnsw (v vector_l2_ops);
SELECT same_rows('q');
-- an index made before its rows has pages of frames and entries among those of nodes: a search that reads all of it reads them once
CREATE TABLE b (v vector(512)) WITH (autovacuum_enabled = off);
CREATE INDEX b_v ON b USING hnsw (v vector_l2_ops);
INSERT INTO b SELECT (SELECT array_agg(random()) FROM generate_series(1, 512) WHERE i > 0)::vector FROM generate_series(1, 300) i;
ANALYZE b;
SELECT count(*) FROM (SELECT FROM b ORDER BY v <-> (SELECT v FROM b LIMIT 1) LIMIT 10) x;
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT idx_blks_hit + idx_blks_read AS before FROM pg_statio_user_indexes WHERE indexrelname = 'b_v' \gset
SELECT count(*) FROM (SELECT FROM b ORDER BY v <-> (SELECT v FROM b LIMIT 1) LIMIT 10) x;
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT idx_blks_hit + idx_blks_read - :before < 1.5 * pg_relation_size('b_v') / current_setting('block_size')::int AS once FROM pg_statio_user_indexes WHERE indexrelname = 'b_v';
DROP TABLE b;
DROP TABLE p CASCADE;
DROP FUNCTION explained_pages, same_rows;
