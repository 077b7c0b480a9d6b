-- hnsw: after a build a way leads to each node, also to those that are nobody's near
-- neighbour: one row in twenty is 50 times as far out as the others.
-- covers: hnsw_reach hnsw_part hnsw_edge
SET client_min_messages = warning;
CREATE TABLE far (id int, v vector(48));
INSERT INTO far SELECT i, (SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)
    * (CASE WHEN i % 20 = 0 THEN 50 ELSE 1 END)::real)::vector FROM generate_series(1, 48) d) FROM generate_series(1, 3000) i;
SET enable_seqscan = off;
ANALYZE far;
SET maintenance_work_mem = '64MB';
CREATE INDEX far_v ON far USING hnsw (v vector_l2_ops);
SELECT nodes, unreachable, (SELECT count(*) FROM hnsw_check('far_v')) AS problems FROM hnsw_stats('far_v');
DROP INDEX far_v;
-- in parts
SET client_min_messages = notice;
SET maintenance_work_mem = '1MB';
CREATE INDEX far_v ON far USING hnsw (v vector_l2_ops);
SET client_min_messages = warning;
SELECT nodes, unreachable, (SELECT count(*) FROM hnsw_check('far_v')) AS problems FROM hnsw_stats('far_v');
-- most of the 150 find themselves in a search that does not read the whole index
SELECT count(*) >= 140 AS found FROM far q WHERE id % 20 = 0 AND
  (SELECT n.id FROM far n ORDER BY n.v <-> q.v LIMIT 1) = q.id;
-- single inserts drop a node's last edge now and then; VACUUM that removes rows finds it
DROP INDEX far_v;
CREATE TABLE again (id int, v vector(48));
CREATE INDEX again_v ON again USING hnsw (v vector_l2_ops);
INSERT INTO again SELECT * FROM far;
SELECT unreachable BETWEEN 3 AND 30 AS some FROM hnsw_stats('again_v');
DELETE FROM again WHERE id % 10 = 1;
VACUUM again;
SELECT nodes, unreachable <= 1 AS hardly_any, (SELECT count(*) FROM hnsw_check('again_v')) AS problems FROM hnsw_stats('again_v');
DROP TABLE far, again;
