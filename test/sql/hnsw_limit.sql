-- hnsw: a scan that goes on past ef_search, for LIMIT or for a condition that the index does
-- not know, finds about all of the nearest rows: few are met so late that they come last.
-- covers: hnsw_scan hnsw_walk
SET client_min_messages = warning;
CREATE FUNCTION uniform(seed int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint8(seed::bigint * 100003 + d)::bigint & 1048575) / 1048576.0)::vector FROM generate_series(1, dim) d $$;
-- share of the exact nearest rows among those that the index gives, of 20 queries
CREATE FUNCTION limit_recall(rows int, every int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  q vector;
  exact int[];
  got int[];
  found int := 0;
BEGIN
  FOR i IN 1..20 LOOP
    q := uniform(1000000 + i, (SELECT vector_dims(v) FROM l LIMIT 1));
    SET LOCAL enable_indexscan = off;
    exact := ARRAY(SELECT id FROM l WHERE id % every = 0 ORDER BY v <-> q LIMIT rows);
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    SET LOCAL pgretrieve.enable_nearest = off;
    got := ARRAY(SELECT id FROM l WHERE id % every = 0 ORDER BY v <-> q LIMIT rows);
    SET LOCAL enable_seqscan = on;
    SET LOCAL pgretrieve.enable_nearest = on;
    found := found + (SELECT count(*) FROM unnest(got) g WHERE g = ANY (exact));
  END LOOP;
  RETURN round(found / (20.0 * rows), 3);
END $$;
CREATE TABLE l (id int, v vector);
INSERT INTO l SELECT i, uniform(i, 3) FROM generate_series(1, 20000) i;
ALTER TABLE l ALTER v TYPE vector(3);
CREATE INDEX l_v ON l USING hnsw (v vector_l2_ops);
SELECT limit_recall(40, 1) >= 0.98 AS ef_rows, limit_recall(200, 1) >= 0.98 AS more, limit_recall(20, 50) >= 0.98 AS of_few;
DROP INDEX l_v;
ALTER TABLE l ALTER v TYPE vector;
UPDATE l SET v = uniform(id, 12);
ALTER TABLE l ALTER v TYPE vector(12);
CREATE INDEX l_v ON l USING hnsw (v vector_l2_ops);
SELECT limit_recall(40, 1) >= 0.97 AS ef_rows, limit_recall(200, 1) >= 0.96 AS more, limit_recall(20, 50) >= 0.96 AS of_few;
DROP TABLE l;
DROP FUNCTION uniform, limit_recall;
