-- hnsw: a scan that memory has no room for gives what it gives with enough, and what a
-- sequential scan and a sort give: with conditions, with equal values, in every mode.
-- covers: hnsw_sweep hnsw_hits sort hnsw_scan
SET client_min_messages = warning;
CREATE TABLE s (id int, v vector(12), tag int, name text);
-- one row in four has one of 20 values, some of which have hundreds of rows (TIDS slots)
INSERT INTO s SELECT i, (SELECT array_agg((((hashint8((CASE WHEN i % 4 = 0 THEN i % 20 ELSE i END)::bigint * 100003 + d)::bigint & 65535) - 32768) / 4096.0)::real)::vector
    FROM generate_series(1, 12) d), i % 10, 'n' || i % 7 FROM generate_series(1, 6000) i;
UPDATE s SET v = NULL WHERE id % 500 = 0;
CREATE INDEX s_v ON s USING hnsw (v vector_l2_ops, tag, name);
CREATE INDEX s_l1 ON s USING hnsw (v vector_l1_ops);
ANALYZE s;
-- rows, ids twice, ids missing (left out, found late) or too many, places out of order, and whether the scan spilled
CREATE FUNCTION compared(cond text, op text DEFAULT '<->', query text DEFAULT '(SELECT v FROM s WHERE id = 7)',
  OUT n bigint, OUT twice bigint, OUT differ bigint, OUT inversions bigint, OUT spilled bool) LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  SELECT nodes_spilled INTO before FROM hnsw_counters();
  EXECUTE format('CREATE TEMP TABLE got AS SELECT id, v %1$s %3$s AS d, row_number() OVER () AS r FROM
    (SELECT id, v FROM s WHERE %2$s AND v IS NOT NULL ORDER BY v %1$s %3$s) x', op, cond, query);
  SELECT nodes_spilled > before INTO spilled FROM hnsw_counters();
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE format('CREATE TEMP TABLE want AS SELECT id FROM s WHERE %s AND v IS NOT NULL', cond);
  SELECT count(*), count(*) - count(DISTINCT id) INTO n, twice FROM got;
  SELECT count(*) INTO differ FROM (SELECT id FROM got) g FULL JOIN want w USING (id) WHERE g.id IS NULL OR w.id IS NULL;
  SELECT count(*) INTO inversions FROM (SELECT d, lag(d) OVER (ORDER BY r) AS before FROM got) x WHERE d < x.before;
  DROP TABLE got, want;
END $$;
SET work_mem = '64kB';
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('true');
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('tag < 8');
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('tag = 3');
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('tag IN (0, 4) AND name > ''n2''');
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('name = ''n4''');
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('tag < 0');
-- no order: a query without a value
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('true', query => '(SELECT NULL::vector FROM s LIMIT 1)');
-- a class whose codes only lead: order up to what was found late
SELECT n + differ AS n, twice, differ <= n / 1000.0 AS complete, inversions, spilled FROM compared('true', '<+>');
SET hnsw.iterative_scan = relaxed_order;
SELECT n, twice, differ, inversions < n / 10 AS nearly, spilled FROM compared('tag < 8');
SET hnsw.rerank = off;
SELECT n, twice, differ, spilled FROM compared('tag < 8');
RESET hnsw.rerank;
-- at most ef_search nodes, and never more nodes than max_scan_tuples: without conditions these scans do not spill
SET hnsw.iterative_scan = off;
SELECT n BETWEEN 40 AND 800 AS few, twice, spilled FROM compared('true');
SET hnsw.ef_search = 1000;
SELECT n BETWEEN 1000 AND 2500 AS few, twice, spilled FROM compared('tag < 8');
RESET hnsw.ef_search;
RESET hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 1000;
SELECT n BETWEEN 1000 AND 4000 AS some, twice, spilled FROM compared('true');
RESET hnsw.max_scan_tuples;
-- a cursor that is closed early, and one that a subtransaction ends
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE c CURSOR FOR SELECT id FROM s WHERE tag < 8 ORDER BY v <-> (SELECT v FROM s WHERE id = 7);
FETCH 2 FROM c;
MOVE 3000 FROM c;
SAVEPOINT a;
DECLARE d CURSOR FOR SELECT id FROM s ORDER BY v <-> (SELECT v FROM s WHERE id = 7);
MOVE 3000 FROM d;
ROLLBACK TO a;
MOVE 2000 FROM c;
MOVE 1000 FROM c;
COMMIT;
-- rescans, each of which spills
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), sum(n) FROM (SELECT v FROM s WHERE id IN (1, 2, 3) OFFSET 0) q, LATERAL (SELECT count(*) AS n FROM (SELECT id FROM s ORDER BY v <-> q.v) x) y;
DROP TABLE s;
DROP FUNCTION compared;
