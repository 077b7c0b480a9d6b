-- hnsw: rows come in ascending order whatever is built on it: DISTINCT, GROUP BY, window
-- functions, Incremental Sort, Merge Append, cursors. Of a small index nothing is left out, of
-- a large one less than a row in a thousand.
-- covers: ordered hnsw_scan hnsw_filtered hnsw_cost
SET client_min_messages = warning;
LOAD 'pgretrieve';
SET pgretrieve.enable_nearest = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET max_parallel_maintenance_workers = 0;
CREATE FUNCTION uniform(seed int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint8(seed::bigint * 100003 + d)::bigint & 1048575) / 524288.0 - 1)::vector FROM generate_series(1, dim) d $$;
-- What a query gives, a row a line, by the index (true) or without.
CREATE FUNCTION rows_of(query text, indexed bool) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  plan text := '';
  line text;
  result text[];
BEGIN
  PERFORM set_config('enable_seqscan', (NOT indexed)::text, true), set_config('enable_sort', (NOT indexed)::text, true),
    set_config('enable_hashagg', (NOT indexed)::text, true), set_config('enable_indexscan', indexed::text, true),
    set_config('enable_bitmapscan', 'off', true);
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
    plan := plan || line;
  END LOOP;
  IF (plan ~ 'Order By') <> indexed AND query !~ '2, 1' THEN
    RAISE WARNING 'plan of %: %', query, plan;
  END IF;
  EXECUTE format('SELECT array_agg(x::text) FROM (%s) x', query) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  a text[] := rows_of(query, true);
  b text[] := rows_of(query, false);
BEGIN
  RETURN CASE WHEN a = b THEN 'same ' || cardinality(a) || ' rows' ELSE format('%s rows, should be %s: %s', cardinality(a), cardinality(b), query) END;
END $$;

-- few rows: everything as without an index
CREATE TABLE few (id int PRIMARY KEY, v vector(24), b bit(24), tag int);
INSERT INTO few SELECT i, uniform(i, 24), (i::bigint * 2654435761 * (i % 97 + 1))::bit(24), i % 7 FROM generate_series(1, 900) i;
CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops, tag);
CREATE INDEX few_l1 ON few USING hnsw (v vector_l1_ops);
CREATE INDEX few_b ON few USING hnsw (b bit_hamming_ops);
ANALYZE few;
SELECT same('SELECT id, v <-> uniform(5000, 24) AS d FROM few ORDER BY 2');
SELECT same('SELECT id, v <+> uniform(5000, 24) AS d FROM few ORDER BY 2');
SELECT same('SELECT id FROM few WHERE tag = 3 ORDER BY v <-> uniform(5001, 24)');
SELECT same('SELECT id FROM few WHERE tag IN (1, 4) AND id % 3 = 0 ORDER BY v <-> uniform(5001, 24) LIMIT 50 OFFSET 20');
SELECT same('SELECT DISTINCT b <~> B''101010101010101010101010'' AS d FROM few ORDER BY 1');
SELECT same('SELECT DISTINCT b <~> B''101010101010101010101010'' AS d FROM few ORDER BY 1 LIMIT 9');
SELECT same('SELECT b <~> B''101010101010101010101010'' AS d, count(*) FROM few GROUP BY 1 ORDER BY 1');
SELECT same('SELECT r, count(*), min(d), max(d) FROM (SELECT rank() OVER (ORDER BY b <~> B''101010101010101010101010'') AS r, b <~> B''101010101010101010101010'' AS d FROM few) x GROUP BY r ORDER BY r');
-- Incremental Sort within equal distances, from PostgreSQL 17 on
SELECT same('SELECT id, b <~> B''000000000000101010101010'' AS d FROM few ORDER BY 2, 1');
SELECT same('SELECT id, b <~> B''000000000000101010101010'' AS d FROM few ORDER BY 2, 1 LIMIT 77');
-- a cursor, in steps
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id, v <-> uniform(5002, 24) AS d FROM few ORDER BY 2;
CREATE FUNCTION fetched(n int) RETURNS SETOF float8 LANGUAGE plpgsql AS $$
DECLARE
  c refcursor := 'c';
  r record;
BEGIN
  FOR i IN 1..n LOOP
    FETCH c INTO r;
    EXIT WHEN NOT FOUND;
    RETURN NEXT r.d;
  END LOOP;
END $$;
CREATE TEMP TABLE got (n serial, d float8);
INSERT INTO got (d) SELECT fetched(1);
INSERT INTO got (d) SELECT fetched(41);
INSERT INTO got (d) SELECT fetched(300);
INSERT INTO got (d) SELECT fetched(1000);
COMMIT;
RESET enable_seqscan;
RESET enable_sort;
SELECT count(*), bool_and(d >= before OR before IS NULL) AS ascending FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM got) x;
-- partitions
CREATE TABLE parts (id int, v vector(24)) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (400);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (400) TO (800);
CREATE TABLE parts3 PARTITION OF parts FOR VALUES FROM (800) TO (1000);
INSERT INTO parts SELECT id, v FROM few;
CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
ANALYZE parts;
SELECT same('SELECT id, v <-> uniform(5003, 24) AS d FROM parts ORDER BY 2');
SELECT same('SELECT id, v <-> uniform(5003, 24) AS d FROM parts WHERE id > 300 ORDER BY 2 LIMIT 60');
DROP TABLE parts, few, got;
DROP FUNCTION fetched, same;

-- more rows: in order, each once, few left out, and those are counted
CREATE TABLE many (id int PRIMARY KEY, v vector(24), b bit(64), tag int);
INSERT INTO many SELECT i, uniform(i, 24), (i::bigint * 2654435761 * (i % 97 + 1))::bit(64), i % 50 FROM generate_series(1, 5000) i;
CREATE INDEX many_v ON many USING hnsw (v vector_l2_ops, tag);
CREATE INDEX many_ip ON many USING hnsw (v vector_ip_ops);
CREATE INDEX many_l1 ON many USING hnsw (v vector_l1_ops);
CREATE INDEX many_b ON many USING hnsw (b bit_hamming_ops);
CREATE INDEX many_j ON many USING hnsw (b bit_jaccard_ops);
ANALYZE many;
CREATE FUNCTION inspected(distance text, cond text DEFAULT 'true', lim int DEFAULT 5000, most float8 DEFAULT .001) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  query text := 'SELECT id, %1$s AS d FROM many WHERE %2$s ORDER BY %1$s LIMIT %4$s';
  got float8 := 0;
  want float8 := 0;
  late bigint := 0;
  problems text := '';
  before bigint;
  n bigint;
  m bigint;
  unsorted bigint;
  twice bigint;
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  FOR i IN 1..10 LOOP
    SELECT rows_late INTO before FROM hnsw_counters();
    EXECUTE format('SELECT count(*), count(*) - count(DISTINCT id), count(*) FILTER (WHERE d < before) FROM
      (SELECT id, d, lag(d) OVER (ORDER BY n) AS before FROM (SELECT id, d, row_number() OVER () AS n FROM (' || query || ') y) z) x', distance, cond, i, coalesce(lim::text, 'ALL'))
      INTO n, twice, unsorted USING uniform(9000 + i, 24), (i * 77777777777)::bit(64);
    late := late + (SELECT rows_late FROM hnsw_counters()) - before;
    EXECUTE format('SELECT least(count(*), %s) FROM many WHERE %s', coalesce(lim, 5000), cond) INTO m;
    got := got + n;
    want := want + m;
    IF twice + unsorted > 0 THEN
      problems := problems || format(' query %s: %s twice, %s unsorted;', i, twice, unsorted);
    END IF;
  END LOOP;
  IF want - got > most * want OR (lim = 5000 AND want - got <> late AND current_setting('hnsw.iterative_scan') = 'strict_order') THEN
    problems := problems || format(' %s of %s rows, %s were late', got, want, late);
  END IF;
  RETURN CASE WHEN problems = '' THEN 'well' ELSE problems END;
END $$;
SELECT inspected('v <-> $1', most => .003), inspected('v <#> $1', most => .003), inspected('v <+> $1', most => .003), inspected('b <~> $2'), inspected('b <%> $2', most => .003);
-- conditions, of the index and others; a LIMIT is filled
SELECT inspected('v <-> $1', 'tag < 10'), inspected('v <-> $1', 'tag = 7'), inspected('v <-> $1', 'id % 10 = 0', 4999, .005);
SELECT inspected('v <-> $1', 'tag < 10', 300, 0), inspected('v <-> $1', 'true', 41, 0), inspected('v <+> $1', 'true', 777, 0), inspected('b <~> $2', 'id < 2500', 100, 0);
-- without LIMIT, or with one that is above what passes, nothing is left out
SELECT inspected('v <-> $1', lim => NULL, most => 0), inspected('v <#> $1', lim => NULL, most => 0), inspected('v <+> $1', lim => NULL, most => 0), inspected('b <%> $2', lim => NULL, most => 0);
SELECT inspected('v <-> $1', 'tag = 7', NULL, 0), inspected('v <-> $1', 'tag < 10', 4998, 0), inspected('v <-> $1', 'tag < 10 AND id % 3 = 0', NULL, 0);
-- groups are whole
SELECT count(*) = count(DISTINCT d) AS distinct_values FROM (SELECT DISTINCT b <~> (SELECT b FROM many WHERE id = 5) AS d FROM many ORDER BY 1) x;
SELECT count(*) = count(DISTINCT d) AS groups FROM (SELECT b <~> (SELECT b FROM many WHERE id = 5) AS d, count(*) FROM many GROUP BY 1 ORDER BY 1) x;
-- relaxed: none is left out
SET hnsw.iterative_scan = relaxed_order;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM many ORDER BY v <-> (SELECT v FROM many WHERE id = 7)) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM many ORDER BY v <+> (SELECT v FROM many WHERE id = 7)) x;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM many WHERE tag < 10 ORDER BY v <-> (SELECT v FROM many WHERE id = 7)) x;
DROP TABLE many;
DROP FUNCTION inspected, rows_of, uniform;

-- rows without a distance: a query that asks for them does without the index
RESET ALL;
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
CREATE TABLE nn (id int, v vector(3), tag int);
INSERT INTO nn SELECT i, CASE WHEN i % 10 <> 0 THEN ARRAY[sin(i), cos(i), i % 17]::vector END, i % 4 FROM generate_series(1, 2000) i;
CREATE INDEX nn_v ON nn USING hnsw (v vector_l2_ops, tag);
CREATE INDEX nn_half ON nn USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
ANALYZE nn;
SET enable_seqscan = off;
SET enable_sort = off;
SET pgretrieve.enable_nearest = off;
SELECT count(*) FROM (SELECT id FROM nn WHERE v IS NULL ORDER BY v <-> '[1,1,1]' LIMIT 50) x;
SELECT count(*) FROM (SELECT id FROM nn WHERE v IS NULL AND tag = 2 ORDER BY v <-> '[1,1,1]') x;
SELECT count(*), count(v) FROM (SELECT id, v FROM nn WHERE v IS NULL OR tag = 1 ORDER BY v <-> '[1,1,1]') x;
SELECT count(*) FROM (SELECT id FROM nn WHERE v IS NULL ORDER BY v::halfvec(3) <-> '[1,1,1]' LIMIT 50) x;
PREPARE nulls(vector) AS SELECT id FROM nn WHERE v IS NULL ORDER BY v <-> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXECUTE nulls('[1,1,1]');
CREATE FUNCTION is_ordered_by_index(statement text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
    IF line ~ 'Order By' THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
SELECT is_ordered_by_index($$EXECUTE nulls('[1,1,1]')$$) AS null_by_index, is_ordered_by_index($$SELECT id FROM nn ORDER BY v <-> '[1,1,1]' LIMIT 3$$) AS all_by_index;
-- others have the index, and of them it is a condition
EXPLAIN (COSTS OFF) SELECT id FROM nn WHERE v IS NOT NULL AND tag IS NULL ORDER BY v <-> '[1,1,1]' LIMIT 3;
SELECT count(*) = 1800 FROM (SELECT id FROM nn WHERE NOT (v IS NULL) ORDER BY v <-> '[1,1,1]') x;
SELECT count(*) = 1800 FROM (SELECT id FROM nn ORDER BY v <-> '[1,1,1]') x;
DROP TABLE nn;
