-- Finite values of any size: distances are right, an index over them answers as the table
-- does, and what one row has breaks no search of others.
-- covers: radius vecspace maxsim sparse_scan code8
SELECT '[1e20,1e20]'::vector <=> '[1,1]' AS cos0, round(('[1e-40,1e-40]'::vector <=> '[1,0]')::numeric, 4) AS cos_tiny, '[1e-40,0]'::vector <=> '[0,1]' AS cos1, '[3e38]'::vector <=> '[-3e38]' AS cos2, '[0,0]'::vector <=> '[1,0]' AS cos_zero;
SELECT '{1:1e20,2:1e20}/2'::sparsevec <=> '{1:1,2:1}/2' AS cos0, round(('{1:1e-40,2:1e-40}/2'::sparsevec <=> '{1:1}/2')::numeric, 4) AS cos_tiny, '{1:1e-40}/2'::sparsevec <=> '{2:1}/2' AS cos1, '{1:3e38}/1'::sparsevec <=> '{1:-3e38}/1' AS cos2, '{}/2'::sparsevec <=> '{1:1}/2' AS cos_zero;
SELECT '[6e-8,6e-8]'::halfvec <=> '[65504,65504]' AS cos0, '[65504,65504]'::halfvec <-> '[-65504,-65504]' AS l2, '[65504,-65504]'::halfvec <#> '[65504,65504]' AS ip;
-- a distance within single precision's range is finite, one beyond it an infinity, none is NaN
SELECT d, ('[1e20,0]'::vector <-> '[0,0]')::float4 AS l2, '[3e38]'::vector <-> '[-3e38]' AS l2_inf, ('[1e-25,0]'::vector <-> '[0,0]')::float4 AS l2_tiny, inner_product('[1e20,1e20]'::vector, '[1e20,-1e20]') AS ip0, ('[2e38,2e38,-3e38]'::vector <#> '[1,1,1]')::float4 AS ip, '[3e38]'::vector <#> '[3e38]' AS ip_inf, ('[3e38,0]'::vector <+> '[0,1]')::float4 AS l1, '[3e38]'::vector <+> '[-3e38]' AS l1_inf, vector_l2_squared_distance('[1e20]'::vector, '[0]') AS l2sq_inf
FROM (SELECT 'vector' AS d) x;
SELECT ('{1:1e20}/2'::sparsevec <-> '{}/2')::float4 AS l2, ('{1:1e-25}/2'::sparsevec <-> '{}/2')::float4 AS l2_tiny, inner_product('{1:1e20,2:1e20}/2'::sparsevec, '{1:1e20,2:-1e20}/2') AS ip0, '{1:3e38}/1'::sparsevec <#> '{1:3e38}/1' AS ip_inf, ('{1:3e38}/1'::sparsevec <+> '{}/1')::float4 AS l1;
SELECT max_sim('[[1e20,1e20],[1,1]]', '[[1e20,-1e20]]') AS cancels, max_sim('[[1e20],[1]]', '[[1e20],[-1e20]]') AS finite, max_sim('[[3e38,3e38]]', '[[1,1]]') AS beyond, max_sim_norm('[[1e-30]]', '[[1e-30]]') AS nothing;
SELECT vector_norm('[2e38,2e38]'::vector)::float4, vector_norm('[1e-40]'::vector)::float4, l2_normalize('[1e-40,0]'::vector), l2_normalize('[3e38,0]'::vector), avg(v), try('SELECT sum(v) FROM unnest(ARRAY[''[3e38]'', ''[3e38]'']::vector[]) v') FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;

-- Indexes: 300 small rows and some of all sizes
CREATE TABLE ev (id int PRIMARY KEY, v vector(3), s sparsevec(3));
INSERT INTO ev SELECT i, ARRAY[sin(i), cos(i * 7), sin(i * 13)]::real[]::vector FROM generate_series(1, 300) i;
CREATE TABLE ev_more AS SELECT 1000 + row_number() OVER () AS id, ('[' || x || ',' || y || ',0]')::vector(3) AS v FROM unnest(ARRAY['1e-40', '1e-25', '1e10', '1e19', '1e20', '3e38']) x, unnest(ARRAY['0', '1', '-1e19', '1e38', '-3e38']) y;
-- how often the k nearest of queries of all sizes are, by their distances, those that the table has
CREATE FUNCTION ev_found(op text, k int, OUT same bigint, OUT rows bigint, OUT nan bigint) LANGUAGE plpgsql AS $$
DECLARE q text; by_index float8[]; by_table float8[];
BEGIN
  same := 0; rows := 0; nan := 0;
  FOR q IN SELECT v::text FROM ev_more UNION ALL SELECT v::text FROM ev WHERE id % 60 = 0 LOOP
    SET LOCAL enable_seqscan = off;
    EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT v %s %L AS d FROM ev ORDER BY v %1$s %2$L LIMIT %s) x', op, q, k) INTO by_index;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT v %s %L AS d FROM ev ORDER BY v %1$s %2$L LIMIT %s) x', op, q, k) INTO by_table;
    SET LOCAL enable_indexscan = on;
    same := same + (SELECT count(*) FROM unnest(by_index, by_table) AS u (i, t) WHERE i = t);
    rows := rows + cardinality(by_table);
    nan := nan + (SELECT count(*) FROM unnest(by_index) i WHERE i = 'NaN');
  END LOOP;
END $$;
SET hnsw.ef_search = 400;
CREATE FUNCTION ev_indexes() RETURNS TABLE (opclass text, same bigint, nan bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE c text[]; f record;
BEGIN
  FOREACH c SLICE 1 IN ARRAY ARRAY[['vector_l2_ops', '<->', 'i8'], ['vector_ip_ops', '<#>', 'i8'], ['vector_cosine_ops', '<=>', 'i8'], ['vector_l1_ops', '<+>', 'i8'], ['vector_l2_ops', '<->', 'full'], ['vector_ip_ops', '<#>', 'f16']] LOOP
    EXECUTE format('CREATE INDEX ev_i ON ev USING hnsw (v %s) WITH (storage = %s)', c[1], c[3]);
    opclass := c[1] || ' ' || c[3];
    SELECT * INTO f FROM ev_found(c[2], 10);
    same := round(f.same * 100.0 / f.rows); nan := f.nan;
    SELECT count(*) INTO wrong FROM hnsw_check('ev_i');
    DROP INDEX ev_i;
    RETURN NEXT;
  END LOOP;
END $$;
SELECT * FROM ev_indexes();		-- huge queries only
INSERT INTO ev SELECT * FROM ev_more;
SELECT * FROM ev_indexes();		-- and rows
-- rows inserted into an index, other rows' searches
CREATE INDEX ev_i ON ev USING hnsw (v vector_l2_ops);
DELETE FROM ev WHERE id > 1000;
VACUUM ev;
INSERT INTO ev SELECT * FROM ev_more;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM ev WHERE v <-> '[.5,.5,.5]' < .5 ORDER BY v <-> '[.5,.5,.5]' LIMIT 100) x;
SELECT count(*) FROM hnsw_check('ev_i');
VACUUM ev;
SELECT count(*) FROM hnsw_check('ev_i');
RESET enable_seqscan;
DROP INDEX ev_i;
-- sparse vectors, in both indexes
UPDATE ev SET s = v::sparsevec;
CREATE INDEX ev_i ON ev USING hnsw (s sparsevec_l2_ops);
SET enable_seqscan = off;
SELECT count(*), count(*) FILTER (WHERE d = 'NaN') AS nan FROM (SELECT s <-> '{1:1e20,2:-3e38}/3' AS d FROM ev ORDER BY s <-> '{1:1e20,2:-3e38}/3' LIMIT 20) x;
DROP INDEX ev_i;
CREATE INDEX ev_i ON ev USING inverted (s sparsevec_ip_ops);
SELECT (SELECT array_agg(d) FROM (SELECT s <#> q AS d FROM ev ORDER BY s <#> q LIMIT 20) x) = (SELECT array_agg(d) FROM (SELECT s <#> q AS d FROM ev ORDER BY (s <#> q) + 0 LIMIT 20) x) AS same FROM unnest(ARRAY['{1:1,2:1}/3', '{1:1e20,2:-3e38}/3', '{1:1e-40}/3', '{1:3e38,2:3e38,3:1}/3']::sparsevec[]) q;
RESET enable_seqscan;
DROP TABLE ev, ev_more;
-- distances that differ by less than single-precision sums tell: far off the origin; inner products
-- near and beyond single precision of an index made before its rows. A scan returns all rows, in order.
CREATE TABLE ev_off AS SELECT i AS id, (SELECT array_agg(1000 + (hashint8(i::bigint * 100003 + d) & 1023) / 512.0)::vector(3) FROM generate_series(1, 3) d) AS v FROM generate_series(1, 2500) i;
CREATE INDEX ON ev_off USING hnsw (v vector_cosine_ops);
CREATE INDEX ON ev_off USING hnsw ((v::halfvec(3)) halfvec_ip_ops);
CREATE TABLE ev_huge (id int, v vector(2));
CREATE INDEX ON ev_huge USING hnsw (v vector_ip_ops);
INSERT INTO ev_huge SELECT i, ('[' || (1 - i % 2 * 2) * 10 ^ (17 + (i * 37 % 300) / 100.0) || ',' || (1 - i / 2 % 2 * 2) * 10 ^ (17 + (i * 71 % 300) / 100.0) || ']')::vector FROM generate_series(1, 300) i;
ANALYZE ev_off, ev_huge;
CREATE FUNCTION ev_whole(tab text, d text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  by_index float8[];
  by_scan float8[];
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  EXECUTE format('SELECT array_agg(d) FROM (SELECT %s AS d FROM %s ORDER BY %1$s) x', d, tab) INTO by_index;
  EXECUTE format('SELECT array_agg(d ORDER BY d) FROM (SELECT %s + 0 AS d FROM %s) x', d, tab) INTO by_scan;
  RETURN cardinality(by_index) || CASE WHEN by_index = by_scan THEN ' as without it' ELSE ' others' END;
END $$;
SELECT ev_whole('ev_off', $$(v <=> '[1000.5,1001,1001.5]')$$) AS cosine, ev_whole('ev_off', $$(v::halfvec(3) <#> '[1000.5,1001,1001.5]')$$) AS ip;
SELECT ev_whole('ev_huge', $$(v <#> '[1.763089e+17,-7.589755e+18]')$$) AS ip, ev_whole('ev_huge', $$(v <#> '[-9.267994e+19,-7.410956e+19]')$$) AS beyond;
DROP TABLE ev_off, ev_huge;
DROP FUNCTION ev_whole;
-- products beyond single precision under a threshold: what the bounds say first is not within it
CREATE TABLE ev_beyond AS SELECT i AS id, CASE WHEN i % 2 = 1 THEN '[' || i || ',' || i * i || ']' ELSE '[-3e38,3e38]' END::vector(2) AS v FROM generate_series(1, 2000) i;
CREATE INDEX ON ev_beyond USING hnsw (v vector_ip_ops);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM ev_beyond WHERE v <#> '[-3e38,1]' < 10 ORDER BY v <#> '[-3e38,1]') x;
SELECT count(*) FROM (SELECT FROM ev_beyond WHERE v <#> '[-3e38,1]' < 1e300 ORDER BY v <#> '[-3e38,1]') x;
RESET enable_seqscan;
DROP TABLE ev_beyond;
