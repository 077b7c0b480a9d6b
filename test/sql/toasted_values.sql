-- Values of the table out of line, which index scans and exact search read: the rows and
-- their order are those of values in line; the TOAST relation stays open as long as the scan.
-- covers: heapvalue toast search_accumulate
CREATE FUNCTION values_of(seed int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(hashint4(seed * 10007 + i) % 100) FROM generate_series(1, 600) i $$;
CREATE TABLE plain (id int PRIMARY KEY, kind int, v vector(600), s sparsevec(600));
ALTER TABLE plain ALTER v SET STORAGE plain, ALTER s SET STORAGE plain;
CREATE TABLE external (LIKE plain);
ALTER TABLE external ALTER v SET STORAGE external, ALTER s SET STORAGE external;
-- in line, compressed, and compressed out of line
CREATE TABLE mixed (LIKE plain);
ALTER TABLE mixed ALTER v SET STORAGE extended, ALTER s SET STORAGE extended;
INSERT INTO plain SELECT i, i % 4, x::vector, x::vector::sparsevec(600) FROM (SELECT i, CASE
    WHEN i % 9 = 0 THEN array_fill(i::real, ARRAY[600])
    WHEN i % 7 = 0 THEN (values_of(i))[1:100] || array_fill(2::real, ARRAY[500])
    WHEN i % 11 > 0 THEN values_of(i) END AS x FROM generate_series(1, 400) i) x;
INSERT INTO external SELECT * FROM plain;
-- detoasted and toasted anew, as the column says
INSERT INTO mixed SELECT id, kind, v::text::vector, s::text::sparsevec FROM plain;
SELECT relname, pg_relation_size(reltoastrelid) > 0 AS out_of_line FROM pg_class
  WHERE relname IN ('plain', 'external', 'mixed') ORDER BY relname;
SELECT count(*) FILTER (WHERE pg_column_compression(v) IS NOT NULL) > 0 AS compressed FROM mixed;
DO $$ BEGIN
  FOR t IN 1..3 LOOP
    EXECUTE format('CREATE INDEX ON %1$I USING hnsw (v vector_l2_ops, kind);
      CREATE INDEX ON %1$I USING hnsw ((v::halfvec(600)) halfvec_cosine_ops);
      CREATE INDEX ON %1$I USING inverted (s)', (ARRAY['plain', 'external', 'mixed'])[t]);
  END LOOP;
END $$;
-- a query's ids in their order: of how many of the three tables they are the first one's, and how many; by the plan's nodes
CREATE FUNCTION same_for_all(query text, OUT node text, OUT tables int, OUT rows int) LANGUAGE plpgsql AS $$
DECLARE ids int[]; first int[]; line text;
BEGIN
  tables := 0;
  FOR t IN 1..3 LOOP
    EXECUTE format('SELECT array_agg(id) FROM (' || query || ') x', (ARRAY['plain', 'external', 'mixed'])[t]) INTO ids;
    first := coalesce(first, ids);
    tables := tables + (first = ids)::int;
  END LOOP;
  rows := cardinality(first);
  FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) ' || query, 'external') LOOP
    node := coalesce(node, substring(line FROM '(Index Scan|Nearest)'));
  END LOOP;
END $$;
SET enable_seqscan = off;
SELECT values_of(1000)::vector AS q \gset
SELECT * FROM same_for_all('SELECT id FROM %I ORDER BY v <-> ''' || :'q' || '''');
SELECT * FROM same_for_all('SELECT id FROM %I WHERE kind = 1 ORDER BY v <-> ''' || :'q' || ''' LIMIT 30');
SELECT * FROM same_for_all('SELECT id FROM %I ORDER BY v::halfvec(600) <=> ''' || :'q' || '''');
SELECT * FROM same_for_all('SELECT id FROM %I ORDER BY s <#> (''' || :'q' || '''::vector)::sparsevec LIMIT 100');
SET enable_indexscan = off; RESET enable_seqscan;
SELECT * FROM same_for_all('SELECT id FROM %I ORDER BY v <-> ''' || :'q' || ''' LIMIT 50');
RESET enable_indexscan; SET enable_seqscan = off;
-- many scans in one statement; a scan that an error or the block's end cuts off; rows that went
SELECT count(*), count(DISTINCT near.id) > 1 AS several FROM plain q, LATERAL
  (SELECT id FROM external e ORDER BY e.v <-> q.v LIMIT 2) near WHERE q.v IS NOT NULL;
DO $$ BEGIN
  PERFORM 1 / (id - id) FROM (SELECT id FROM external ORDER BY v <-> values_of(3)::vector LIMIT 5) x;
EXCEPTION WHEN division_by_zero THEN
  RAISE NOTICE 'division by zero';
END $$;
DELETE FROM external WHERE id % 2 = 0;
UPDATE external SET v = v::text::vector WHERE id % 3 = 0;
SELECT count(*), bool_and(id % 2 = 1) AS odd FROM (SELECT id FROM external ORDER BY v <-> values_of(3)::vector) x;
-- exact search: values that do not follow one another, as rows between them went or moved
RESET enable_seqscan; SET enable_indexscan = off;
CREATE FUNCTION exact_ids(relation regclass, n int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE ids int[];
BEGIN
  EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY v <-> values_of(3)::vector LIMIT %s) x', relation, n) INTO ids;
  RETURN ids;
END $$;
CREATE TABLE odd (LIKE plain INCLUDING STORAGE);
INSERT INTO odd SELECT * FROM plain WHERE id % 2 = 1;
ANALYZE odd, external;
SELECT node FROM same_for_all('SELECT id FROM %I ORDER BY v <-> ''' || :'q' || ''' LIMIT 50');
SELECT exact_ids('external', 50) = exact_ids('odd', 50) AS same, cardinality(exact_ids('odd', 50)) AS rows;
VACUUM external;
UPDATE external SET v = v::text::vector WHERE id % 5 = 0;
UPDATE external SET v = v::text::vector WHERE id % 7 = 0;
SELECT exact_ids('external', 50) = exact_ids('odd', 50) AS same;
-- chunks of rows that were never there, which an index scan marks as dead, on the way to others
CREATE TABLE rolled_back (LIKE external INCLUDING STORAGE);
INSERT INTO rolled_back SELECT id, kind, v::text::vector FROM plain WHERE v IS NOT NULL AND id < 40;
BEGIN;
INSERT INTO rolled_back SELECT id, kind, v::text::vector FROM plain WHERE v IS NOT NULL AND id < 40;
ROLLBACK;
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE relname = 'rolled_back' \gset
-- a look at them leaves the hint that they are dead
SELECT count(*) > 0 AS chunks FROM :toast;
INSERT INTO rolled_back SELECT id + 2000, kind, v::text::vector FROM plain WHERE v IS NOT NULL AND id < 40;
SELECT exact_ids('rolled_back', 3) AS first;
SELECT exact_ids('rolled_back', 3) AS again;
SELECT array_agg(id) AS by_core FROM (SELECT id FROM rolled_back ORDER BY (v <-> values_of(3)::vector) + 0, id LIMIT 3) x;
DROP TABLE rolled_back, odd;
DROP FUNCTION exact_ids;
RESET enable_indexscan; SET enable_seqscan = off;
-- open while the scan goes on, and no longer
CREATE VIEW toast_locks AS SELECT count(*) > 0 AS open FROM pg_locks
  WHERE relation = (SELECT reltoastrelid FROM pg_class WHERE relname = 'external') AND pid = pg_backend_pid();
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM external ORDER BY v <-> values_of(3)::vector;
TABLE toast_locks;
MOVE 1 IN c;
TABLE toast_locks;
-- a subtransaction that uses the scan and goes, and one that begins one and goes
SAVEPOINT a;
MOVE 5 IN c;
DECLARE d CURSOR FOR SELECT id FROM external ORDER BY v <-> values_of(4)::vector;
MOVE 1 IN d;
ROLLBACK TO a;
MOVE 5 IN c;
TABLE toast_locks;
CLOSE c;
TABLE toast_locks;
COMMIT;
-- exact search has closed it once it returns rows: the table can be reindexed beside its cursor
SET enable_indexscan = off; RESET enable_seqscan;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM external ORDER BY v <-> values_of(3)::vector LIMIT 100;
MOVE 1 IN c;
TABLE toast_locks;
REINDEX TABLE external;
MOVE ALL IN c;
COMMIT;
RESET enable_indexscan; SET enable_seqscan = off;
DROP VIEW toast_locks;
DROP FUNCTION same_for_all;
DROP TABLE plain, external, mixed;
DROP FUNCTION values_of;
