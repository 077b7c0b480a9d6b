-- hnsw: lists of filter values follow the rows that there are; VACUUM makes them anew.
-- covers: hnsw_relist hnsw_list
SET client_min_messages = warning;
SET max_parallel_maintenance_workers = 0;
SET jit = off;
CREATE FUNCTION u(i bigint, j int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8(i * 1000003 + j)::bigint & 65535) / 65536.0 $$;
-- one of 60 places, and something of its own
CREATE FUNCTION placed(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT array_agg(u(i % 60, j) + u(i, j + 200) / 2)::real[]::vector FROM generate_series(1, 16) j $$;
CREATE FUNCTION add_rows(tab text, first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %I SELECT i, (u(i, 999) * 1000)::int, placed(i) FROM generate_series(%s, %s) i', tab, first, last);
END $$;
-- pages of 20 searches with a condition, and how many of the nearest rows they have
CREATE FUNCTION searched(tab text, below int, OUT pages int, OUT hits int) LANGUAGE plpgsql AS $$
DECLARE
  plan json;
  near text;
  n int;
  kth float8;
BEGIN
  pages := 0;
  hits := 0;
  FOR q IN 1..20 LOOP
    near := format('SELECT id, v <-> placed(1000000 + %s) AS d FROM %I WHERE g < %s ORDER BY v <-> placed(1000000 + %s) LIMIT 10', q, tab, below, q);
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_seqscan = on;
    EXECUTE format('SELECT max(d) FROM (%s) x', near) INTO kth;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_seqscan = off;
    EXECUTE format('SELECT count(*) FROM (%s) x WHERE d <= %s', near, kth + 1e-6) INTO n;
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || near INTO plan;
    hits := hits + n;
    pages := pages + (plan->0->'Plan'->>'Shared Hit Blocks')::int + (plan->0->'Plan'->>'Shared Read Blocks')::int;
  END LOOP;
END $$;
-- whether a table's index is as good as one that is built of the same rows
CREATE FUNCTION as_built(tab text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before record;
  after record;
  problems int;
  below int;
  result text := 'as good';
BEGIN
  EXECUTE format('CREATE TABLE built AS TABLE %I', tab);
  CREATE INDEX ON built USING hnsw (v vector_l2_ops, g);
  FOREACH below IN ARRAY '{5,20,100}'::int[] LOOP
    SELECT * INTO before FROM searched(tab, below);
    SELECT * INTO after FROM searched('built', below);
    IF before.pages > 1.5 * after.pages OR before.hits < after.hits - 2 THEN
      result := format('g < %s: %s pages and %s, %s hits and %s', below, before.pages, after.pages, before.hits, after.hits);
    END IF;
  END LOOP;
  DROP TABLE built;
  EXECUTE format('SELECT count(*) FROM hnsw_check(%L)', tab || '_i') INTO problems;
  RETURN CASE WHEN problems > 0 THEN format('%s problems', problems) ELSE result END;
END $$;
CREATE TABLE r (id int, g int, v vector(16));
CREATE INDEX r_i ON r USING hnsw (v vector_l2_ops, g);
VACUUM r;
SELECT add_rows('r', 1, 2500);
-- all rows are in one list
SELECT as_built('r') LIKE 'g < %' AS worse;
VACUUM r;
SELECT as_built('r');
-- no more of it until there are many more rows
SELECT pg_relation_size('r_i') AS size \gset
VACUUM r;
SELECT add_rows('r', 2501, 2600);
VACUUM r;
SELECT pg_relation_size('r_i') < :size * 1.1 AS as_large;
SELECT as_built('r');
-- from a few lists to many; rows that are gone are in none
SELECT add_rows('r', 2601, 12000);
DELETE FROM r WHERE id % 7 = 0;
VACUUM r;
SELECT as_built('r');
-- inserted since, and removed
SELECT add_rows('r', 12001, 12100);
DELETE FROM r WHERE id % 7 = 1;
VACUUM r;
SELECT count(*) FROM hnsw_check('r_i');
-- all in one place, and equal
CREATE TABLE e (id int, g int, v vector(3));
CREATE INDEX e_i ON e USING hnsw (v vector_l2_ops, g);
INSERT INTO e SELECT i, i % 100, '[1,2,3]' FROM generate_series(1, 3000) i;
VACUUM e;
SELECT count(*) FROM hnsw_check('e_i');
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM e WHERE g = 7 ORDER BY v <-> '[1,2,4]' LIMIT 100) x;
-- inner products, text, and a part of the rows only
CREATE TABLE p (id int, g text, v vector(16));
CREATE INDEX p_i ON p USING hnsw (v vector_ip_ops, g) WHERE id % 2 = 0;
INSERT INTO p SELECT i, 'g' || i % 50, placed(i) FROM generate_series(1, 4000) i;
VACUUM p;
SELECT count(*) FROM hnsw_check('p_i');
SELECT count(*) FROM (SELECT id FROM p WHERE g = 'g4' AND id % 2 = 0 ORDER BY v <#> placed(8) LIMIT 1000) x;
DROP TABLE r, e, p;
DROP FUNCTION as_built, searched, add_rows, placed, u;
