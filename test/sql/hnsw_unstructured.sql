-- hnsw where nothing is near: independent uniform coordinates. All rows are about as far from a
-- query, so what a search reads depends on how well it tells them apart by codes alone.
-- covers: hnsw_reach hnsw_walk
SET client_min_messages = warning;
SELECT setseed(0.5);
CREATE TABLE u (id serial, n int DEFAULT 0, v vector(64));
INSERT INTO u (v) SELECT array_agg(random())::vector(64) FROM generate_series(1, 10000) i, generate_series(1, 64) j GROUP BY i;
CREATE TABLE q AS SELECT i AS id, array_agg(random())::vector(64) AS v FROM generate_series(1, 40) i, generate_series(1, 64) j GROUP BY i;
ALTER TABLE q ADD kth float8;
UPDATE q SET kth = (SELECT max(d) FROM (SELECT u.v <-> q.v AS d FROM u ORDER BY 1 LIMIT 10) x);
CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 64);
-- recall@10, and nodes read a query
CREATE FUNCTION searched(ef int, OUT recall numeric, OUT nodes numeric) LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  PERFORM set_config('hnsw.ef_search', ef::text, true);
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  SELECT nodes_read INTO before FROM hnsw_counters();
  SELECT avg((SELECT count(*) FROM (SELECT u.v <-> q.v AS d FROM u ORDER BY u.v <-> q.v LIMIT 10) x WHERE d <= q.kth * 1.000001)) / 10 INTO recall FROM q;
  SELECT (nodes_read - before) / 40.0 INTO nodes FROM hnsw_counters();
END $$;
SELECT recall >= 0.95 AS recall, nodes <= 1000 AS few FROM searched(12);
SELECT recall >= 0.98 AS recall, nodes <= 1400 AS few FROM searched(40);
-- a row whose new version cannot stay on its page is searched for: pages, for each of 50
CREATE FUNCTION updated() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) UPDATE u SET n = 1 WHERE id % 200 = 7' INTO plan;
  RETURN ((plan->0->'Plan'->>'Shared Hit Blocks')::float8 + (plan->0->'Plan'->>'Shared Read Blocks')::float8) / 50;
END $$;
SELECT updated() <= 1000 AS few;
-- read to its end: each row once, one in a thousand at most left out because it was late
SET enable_seqscan = off;
CREATE TEMP TABLE o AS SELECT u.id, u.v <-> q.v AS d FROM u, (SELECT v FROM q WHERE id = 1) q ORDER BY u.v <-> q.v;
SELECT count(*) BETWEEN 9990 AND 10000 AS rows, count(*) = count(DISTINCT id) AS once FROM o;
DROP TABLE u, q, o;
DROP FUNCTION searched, updated;
