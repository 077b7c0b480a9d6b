-- hnsw: an index made before its rows is as good as one made after them, wherever they lie.
-- More rows than the few of which a scan reads all.
-- covers: hnsw_frame hnsw_point hnsw_entry
SET client_min_messages = warning;
SET enable_seqscan = off;
SET max_parallel_maintenance_workers = 0;
-- in [-1, 1), the same on every machine
CREATE FUNCTION u(seed bigint, i bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT (hashint8(seed * 1000003 + i)::bigint & 65535) / 32768.0 - 1 $$;
CREATE FUNCTION uniform(seed bigint, dim int, mean float8, spread float8) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((mean + spread * u(seed, i))::real)::vector FROM generate_series(1, dim) i $$;
-- Of 40 rows of s: the share of their ten nearest that are found, and how many do not find themselves.
CREATE FUNCTION found(op text, OUT recall numeric, OUT lost int) LANGUAGE plpgsql AS $$
DECLARE
  q record;
  n int;
  hits int := 0;
  nearest float8;
BEGIN
  lost := 0;
  FOR q IN SELECT * FROM truth LOOP
    EXECUTE format('SELECT count(*) FROM (SELECT v %1$s $1 AS d FROM s ORDER BY v %1$s $1 LIMIT 10) x WHERE d <= $2', op)
      INTO n USING q.v, q.kth + abs(q.kth) * 1e-6;
    hits := hits + n;
    EXECUTE format('SELECT v %1$s $1 FROM s ORDER BY v %1$s $1 LIMIT 1', op) INTO nearest USING q.v;
    lost := lost + (nearest > q.least + abs(q.least) * 1e-6)::int;
  END LOOP;
  recall := round(hits / 400.0, 3);
END $$;
-- Whether that of an index made before the rows is that of one made after them, which is at least .97.
CREATE FUNCTION as_good(dim int, class text, op text, rows text, at_once boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before record;
  after record;
  problems int;
BEGIN
  EXECUTE format('CREATE TABLE s (id int, v vector(%s))', dim);
  EXECUTE format('CREATE INDEX s_v ON s USING hnsw (v %s)', class);
  IF at_once THEN
    EXECUTE 'INSERT INTO s ' || rows;
  ELSE
    EXECUTE 'DO $do$ DECLARE r record; BEGIN FOR r IN SELECT * FROM (' || rows || ') x(id, v) LOOP INSERT INTO s VALUES (r.id, r.v); END LOOP; END $do$';
  END IF;
  ANALYZE s;
  EXECUTE format('CREATE TEMP TABLE truth AS SELECT q.v, x.* FROM (SELECT v FROM s ORDER BY hashint4(id) LIMIT 40) q,
    LATERAL (SELECT max(d) AS kth, min(d) AS least FROM (SELECT s.v %s q.v AS d FROM s ORDER BY 1 LIMIT 10 OFFSET 0) y) x', op);
  SELECT * INTO before FROM found(op);
  SELECT count(*) INTO problems FROM hnsw_check('s_v');
  DROP INDEX s_v;
  EXECUTE format('CREATE INDEX s_v ON s USING hnsw (v %s)', class);
  SELECT * INTO after FROM found(op);
  DROP TABLE s, truth;
  RETURN CASE WHEN before.recall >= after.recall - 0.015 AND after.recall >= 0.97 AND before.lost <= after.lost + 1 AND after.lost <= 1 AND problems = 0 THEN 'as good'
    ELSE format('recall %s and %s, lost %s and %s, %s problems', before.recall, after.recall, before.lost, after.lost, problems) END;
END $$;
-- latitudes and longitudes
SELECT as_good(2, 'vector_l2_ops', '<->', 'SELECT i, ARRAY[48 + sin(i) / 10, 11 + cos(i * 7) / 10]::vector FROM generate_series(1, 2000) i');
SELECT as_good(2, 'vector_l2_ops', '<->', 'SELECT i, ARRAY[48 + sin(i) / 10, 11 + cos(i * 7) / 10]::vector FROM generate_series(1, 1200) i', false);
-- far from the origin
SELECT dim, class, as_good(dim, 'vector_' || class || '_ops', op, format('SELECT i, uniform(i, %s, %s, %s) FROM generate_series(1, 1200) i', dim, mean, spread))
FROM (VALUES (2, 'l2', '<->', 1000, 1.0), (2, 'l1', '<+>', 1000, 1), (2, 'l1', '<+>', 1, 0.001), (32, 'l2', '<->', 1000, 1), (32, 'l1', '<+>', 1000, 1),
  (32, 'ip', '<#>', 1000, 1), (32, 'cosine', '<=>', 10, 1)) AS z(dim, class, op, mean, spread);
-- colours
SELECT as_good(3, 'vector_l2_ops', '<->', 'SELECT i, ARRAY[round(127 * u(i, 1)), round(127 * u(i, 2)), round(127 * u(i, 3))]::vector + ''[128,128,128]'' FROM generate_series(1, 1200) i');
-- the first row is none of the others' kind
SELECT first, as_good(8, 'vector_l2_ops', '<->', format('SELECT i, CASE WHEN i = 1 THEN uniform(1, 8, %s, 0) ELSE uniform(i, 8, 1000, 1) END FROM generate_series(1, 1200) i', first))
FROM unnest('{0,1e6,-1e15}'::float8[]) first;
-- and neither are the first 40, more than are taken for examples
SELECT as_good(8, 'vector_l2_ops', '<->', 'SELECT i, CASE WHEN i <= 40 THEN uniform(i, 8, 0, 1) ELSE uniform(i, 8, 1000, 1) END FROM generate_series(1, 1200) i');
-- sorted by subject; scales of many sizes
SELECT as_good(16, 'vector_l2_ops', '<->', 'SELECT i, uniform(i / 50, 16, 0, 100) + uniform(i, 16, 0, 0.1) FROM generate_series(1, 1200) i');
SELECT as_good(2, 'vector_l2_ops', '<->', 'SELECT i, uniform(i, 2, 0, 10 ^ (4 * u(i, 9))) FROM generate_series(1, 1200) i');
-- lengths of many sizes, and the median is far from the mean
SELECT dim, class, as_good(dim, 'vector_' || class || '_ops', op, format('SELECT i, (SELECT array_agg((u(i, j) * CASE WHEN u(i, j + 500) > 0.98 THEN 1000 ELSE 1 END)::real)
  FROM generate_series(1, %s) j)::vector FROM generate_series(1, 2000) i', dim))
FROM (VALUES (16, 'ip', '<#>'), (32, 'ip', '<#>')) AS z(dim, class, op);
SELECT as_good(2, 'vector_l1_ops', '<+>', 'SELECT i, uniform(i, 2, 0, 10 ^ (4 * u(i, 9))) FROM generate_series(1, 1200) i');
-- all equal
SELECT as_good(4, 'vector_l2_ops', '<->', 'SELECT i, ''[1000,1000,1000,1000]''::vector FROM generate_series(1, 500) i');
DROP FUNCTION as_good, found, uniform(bigint, int, float8, float8), u;
