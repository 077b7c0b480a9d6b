-- hnsw filter columns of text: an index holds hashes of the values. Collations, and
-- values whose hashes are equal: the row decides.
-- covers: hnsw_list filtercol digest
SET client_min_messages = warning;
CREATE TABLE f (id int, v vector(4), d text, c text COLLATE "C", p text COLLATE "POSIX");
-- two pairs of strings with the same hash, as many rows of each string, others between
CREATE TABLE twins AS SELECT row_number() OVER (ORDER BY min(t)) AS pair, min(t) AS a, max(t) AS b
  FROM (SELECT 'k' || i AS t FROM generate_series(1, 400000) i) x GROUP BY hashtext(t) HAVING count(*) > 1 ORDER BY min(t) LIMIT 2;
SELECT count(*), bool_and(a <> b AND hashtext(a) = hashtext(b)) AS collide FROM twins;
INSERT INTO f SELECT i, ARRAY[i % 37, i % 41, i % 43, i % 47]::real[]::vector, t, t, t
  FROM (SELECT i, CASE i % 5 WHEN 0 THEN (SELECT a FROM twins WHERE pair = 1) WHEN 1 THEN (SELECT b FROM twins WHERE pair = 1)
    WHEN 2 THEN (SELECT a FROM twins WHERE pair = 2) WHEN 3 THEN (SELECT b FROM twins WHERE pair = 2) ELSE 'other ' || i END AS t
    FROM generate_series(1, 2000) i) x;
-- equal vectors, whose rows share a node, with colliding values
INSERT INTO f SELECT 3000 + i, '[1,2,3,4]', t, t, t FROM generate_series(1, 300) i,
  LATERAL (SELECT CASE WHEN i % 2 = 0 THEN a ELSE b END AS t FROM twins WHERE pair = 1) x;
CREATE INDEX f_v ON f USING hnsw (v vector_l2_ops, d, c, p);
ANALYZE f;
-- by the index and without: how many rows, how many differ, whether the index had the condition
CREATE FUNCTION compared(cond text, OUT n bigint, OUT differ bigint, OUT by_index bool) LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  SET LOCAL enable_sort = off;
  SET LOCAL enable_seqscan = off;
  by_index := false;
  FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM f WHERE %s ORDER BY v <-> ''[3,3,3,3]''', cond) LOOP
    by_index := by_index OR (line ~ 'Index Cond' AND line !~ 'Cond: \(v ~<= .* precision\)$');
  END LOOP;
  EXECUTE format('CREATE TEMP TABLE got AS SELECT id FROM f WHERE %s ORDER BY v <-> ''[3,3,3,3]''', cond);
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  SELECT count(*) INTO n FROM got;
  EXECUTE format('SELECT count(*) FROM got FULL JOIN (SELECT id FROM f WHERE %s) w USING (id) WHERE got.id IS NULL OR w.id IS NULL', cond) INTO differ;
  DROP TABLE got;
END $$;
SELECT which, r.* FROM (SELECT format('%s = %L', col, t) AS cond, format('%s = %s%s', col, side, pair) AS which
  FROM (SELECT pair, 'a' AS side, a AS t FROM twins UNION ALL SELECT pair, 'b', b FROM twins) x, unnest('{d,c,p}'::text[]) col) y,
  LATERAL compared(cond) r ORDER BY which;
SELECT which, r.* FROM (SELECT format('c IN (%L, %L)', x.a, y.b) AS cond, 'c IN (a1, b2)' AS which FROM twins x, twins y WHERE x.pair = 1 AND y.pair = 2) z, LATERAL compared(cond) r;
SELECT which, r.* FROM (SELECT format('c = %L AND d = %L', a, b) AS cond, 'both of a pair' AS which FROM twins WHERE pair = 1) z, LATERAL compared(cond) r;
-- LIMIT is filled although half of what the hash lets pass is not wanted
SET enable_sort = off;
SET enable_seqscan = off;
SELECT (SELECT count(*) FROM (SELECT id FROM f WHERE f.d = (SELECT a FROM twins WHERE pair = 2) ORDER BY v <-> '[3,3,3,3]' LIMIT 300) x);
RESET enable_sort;
RESET enable_seqscan;
-- a condition under another collation than the column's is not the index's to decide
SELECT * FROM compared('c = ''other 4'' COLLATE "POSIX"');
SELECT * FROM compared('c = ''other 4''');
DROP TABLE f, twins;
DROP FUNCTION compared;
