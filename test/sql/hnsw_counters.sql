-- hnsw: what scans did, counted for the session and, on 18, in EXPLAIN ANALYZE.
-- covers: counters inspect_counters hnsw_scan ordered
SET client_min_messages = warning;
CREATE TABLE n (id serial, v vector(16));
SELECT setseed(0.5);
INSERT INTO n (v) SELECT array_agg(random())::vector(16) FROM generate_series(1, 2000) i, generate_series(1, 16) j GROUP BY i;
CREATE INDEX n_v ON n USING hnsw (v vector_l2_ops);
ANALYZE n;
-- what a statement adds to the counters
CREATE FUNCTION counted(stmt text) RETURNS TABLE(scans bigint, nodes bigint, codes bigint, ranked bigint, resumes bigint, late bigint) LANGUAGE plpgsql AS $$
DECLARE
  a record;
  b record;
BEGIN
  SET LOCAL enable_seqscan = off;
  SELECT * INTO a FROM hnsw_counters();
  EXECUTE stmt;
  SELECT * INTO b FROM hnsw_counters();
  RETURN QUERY SELECT b.scans - a.scans, b.nodes_read - a.nodes_read, b.codes_compared - a.codes_compared,
    b.rows_ranked - a.rows_ranked, b.resumes - a.resumes, b.rows_late - a.rows_late;
END $$;
SELECT scans, nodes BETWEEN 40 AND 200 AS nodes, codes BETWEEN 10 * nodes AND 40 * nodes AS codes, ranked BETWEEN 10 AND 60 AS ranked, resumes, late FROM counted('SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 10');
-- a scan that goes on reads the rest when that costs no more than what it has read
SELECT scans, nodes BETWEEN 2000 AND 2100 AS nodes, ranked BETWEEN 300 AND 900 AS ranked, resumes BETWEEN 1 AND 3 AS resumes FROM counted('SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 300');
-- a LIMIT of ef_search is reached by one search
SELECT scans, resumes <= 2 AS resumes FROM counted('SELECT (SELECT count(*) FROM (SELECT id FROM n ORDER BY v <-> q.v LIMIT 40) x) FROM (SELECT v FROM n WHERE id <= 20 OFFSET 0) q');
-- with too little memory for it the rest of the nodes is sorted
CREATE FUNCTION spilled(mem text, stmt text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  PERFORM set_config('work_mem', mem, true);
  SET LOCAL enable_seqscan = off;
  SELECT nodes_spilled INTO before FROM hnsw_counters();
  EXECUTE stmt;
  RETURN (SELECT nodes_spilled FROM hnsw_counters()) - before;
END $$;
SELECT spilled('64kB', 'SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7)') BETWEEN 1000 AND 1990 AS spilled;
SELECT spilled('4MB', 'SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7)') AS fits;
SELECT spilled('64kB', 'SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 10') AS short;
SET hnsw.scan_mem_multiplier = 64;
SELECT spilled('64kB', 'SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7)') AS multiplied;
RESET hnsw.scan_mem_multiplier;
-- to the end of the index: each node once, or twice where the last step reads all pages
SELECT scans, nodes BETWEEN 2000 AND 4500 AS nodes, ranked FROM counted('SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7)');
-- without rereading values, and with each rescan counted
SELECT ranked FROM counted('SET LOCAL hnsw.rerank = off; SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 10; RESET hnsw.rerank');
SELECT scans, ranked BETWEEN 15 AND 150 AS ranked FROM counted('SELECT (SELECT id FROM n ORDER BY v <-> q.v OFFSET 4 LIMIT 1) FROM (SELECT v FROM n WHERE id IN (1, 2, 3) OFFSET 0) q');
-- that the vector is not NULL holds for all rows of the index: the search is not one with conditions
CREATE FUNCTION same_search() RETURNS bool LANGUAGE sql AS $$
  SELECT (SELECT array_agg(x) FROM counted('SELECT id FROM n WHERE v IS NOT NULL ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 10') x) =
         (SELECT array_agg(x) FROM counted('SELECT id FROM n ORDER BY v <-> (SELECT v FROM n WHERE id = 7) LIMIT 10') x)
$$;
SELECT same_search();
BEGIN;
DROP INDEX n_v;
CREATE INDEX n_v ON n USING hnsw (v vector_l2_ops, id);
SELECT same_search();
ROLLBACK;
-- insertions search too, but are no scans
SELECT * FROM counted('INSERT INTO n (v) SELECT v * v FROM n WHERE id <= 5');
-- EXPLAIN: the line is there where the server has the hook, says the same, and is absent without ANALYZE
CREATE FUNCTION explained(options text, stmt text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL enable_seqscan = off;
  RETURN QUERY EXECUTE format('EXPLAIN (COSTS OFF%s) %s', options, stmt);
END $$;
SELECT count(*) = (current_setting('server_version_num')::int >= 180000)::int AS shown, coalesce(bool_and(x ~ 'Graph Search: nodes=\d{2,3} codes=\d{3,4} ranked=\d{2} resumes=0 late=0$'), true) AS well
  FROM explained(', ANALYZE, TIMING OFF', 'SELECT id FROM n ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 10') x WHERE x ~ 'Graph Search';
SELECT count(*) FROM explained('', 'SELECT id FROM n ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 10') x WHERE x ~ 'Graph';
SELECT count(*) = 6 * (current_setting('server_version_num')::int >= 180000)::int AS properties FROM explained(', ANALYZE, TIMING OFF, FORMAT YAML', 'SELECT id FROM n ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]'' LIMIT 10') x, regexp_matches(x, '\sGraph [A-Z][A-Za-z ]+: \d+', 'g');
BEGIN;
SET LOCAL work_mem = '64kB';
SELECT count(*) = (current_setting('server_version_num')::int >= 180000)::int AS shown
  FROM explained(', ANALYZE, TIMING OFF', 'SELECT id FROM n ORDER BY v <-> ''[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]''') x WHERE x ~ 'Graph Search: .* spilled=\d{4}$';
COMMIT;
DROP TABLE n;
DROP FUNCTION same_search, spilled, counted, explained;
