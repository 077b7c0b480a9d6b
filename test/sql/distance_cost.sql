-- What the planner is told a distance costs: bytes to read, and where they lie.
-- covers: distance_cost
CREATE FUNCTION scan_cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan->0->'Plan'->>'Total Cost';
END $$;
-- a call's cost in units of cpu_operator_cost, rounded
CREATE FUNCTION call_cost(expr text, tab text) RETURNS float8 LANGUAGE sql AS $$
  SELECT round((scan_cost(format('SELECT %s FROM %s', expr, tab)) - scan_cost(format('SELECT id FROM %s', tab)))::numeric
    / (SELECT reltuples FROM pg_class WHERE oid = tab::regclass)::numeric / current_setting('cpu_operator_cost')::numeric) $$;

CREATE TABLE cost_t (id int, a vector(64), c vector(768), h halfvec(64), s sparsevec(1000), m multivector(8), x bit(256), u vector);
CREATE TABLE cost_main (id int, b vector(768));
INSERT INTO cost_t SELECT i, array_fill(i, ARRAY[64])::vector, array_fill(i, ARRAY[768])::vector, array_fill(i, ARRAY[64])::halfvec,
  '{1:1,2:2,3:3}/1000', ARRAY[array_fill(i, ARRAY[8])::vector]::multivector, repeat('10', 128)::bit(256), array_fill(i, ARRAY[64])::vector
FROM generate_series(1, 50) i;
ALTER TABLE cost_main ALTER b SET STORAGE MAIN;
INSERT INTO cost_main SELECT i, array_fill(i, ARRAY[768])::vector FROM generate_series(1, 50) i;
-- without statistics of columns: by type modifier and storage
VACUUM cost_t, cost_main;
SELECT call_cost('a <-> a', 'cost_t') AS a, call_cost('u <-> $$[1,2]$$::vector', 'cost_t') AS const_decides, call_cost('a <-> (SELECT a FROM cost_t LIMIT 1)', 'cost_t') > 0 AS sub,
  call_cost('b <-> b', 'cost_main') AS main, call_cost('c <-> c', 'cost_t') AS external, call_cost('h <-> h', 'cost_t') AS half,
  call_cost('u <-> u', 'cost_t') AS unknown;
-- with them
ANALYZE cost_t, cost_main;
SELECT call_cost('a <-> a', 'cost_t') AS a, call_cost('b <-> b', 'cost_main') AS b, call_cost('c <-> c', 'cost_t') AS c,
  call_cost('h <-> h', 'cost_t') AS h, call_cost('s <-> s', 'cost_t') AS s, call_cost('m @# m', 'cost_t') AS m, call_cost('x <~> x', 'cost_t') AS x,
  call_cost('within(a, a, 1)', 'cost_t') AS within, call_cost('l2_distance(a, a)', 'cost_t') AS function;
DROP TABLE cost_t, cost_main;

-- With default settings an exact search of 40,000 rows without a node of its own (nearest.sql)
-- is a parallel scan and a top-N sort in each worker, one of 1,000 rows is not.
SET pgretrieve.enable_nearest = off;
CREATE TABLE exact_t (id int, v vector(384));
INSERT INTO exact_t SELECT i, array_fill(sin(i)::real, ARRAY[384])::vector FROM generate_series(1, 40000) i;
VACUUM ANALYZE exact_t;
SELECT array_fill(0.5, ARRAY[384])::vector AS q \gset
PREPARE nearest(vector) AS SELECT id FROM exact_t ORDER BY v <-> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS off) EXECUTE nearest(:'q');
EXECUTE nearest(:'q');
SET max_parallel_workers_per_gather = 0;
EXECUTE nearest(:'q');
RESET max_parallel_workers_per_gather;
DELETE FROM exact_t WHERE id > 1000;
VACUUM (FULL, ANALYZE) exact_t;
EXPLAIN (COSTS off) EXECUTE nearest(:'q');
DROP TABLE exact_t;
