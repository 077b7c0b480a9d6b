-- hnsw: a distance threshold beside an order by that distance ends the scan, whatever its form,
-- and gives the rows that a sequential scan gives.
-- covers: radius hnsw_scan plan ordered
SET client_min_messages = warning;
LOAD 'pgretrieve';
SET pgretrieve.enable_nearest = off;
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SET jit = off;
CREATE FUNCTION uniform(seed int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint8(seed::bigint * 100003 + d)::bigint & 1048575) / 524288.0 - 1)::vector FROM generate_series(1, dim) d $$;
CREATE TABLE r (id int PRIMARY KEY, v vector(8), h halfvec(8), s sparsevec(8), b bit(32), tag int, name text);
INSERT INTO r SELECT i, CASE WHEN i % 50 <> 0 THEN uniform(i, 8) END, uniform(i + 7000, 8)::halfvec, uniform(i + 8000, 8)::sparsevec,
  (i::bigint * 2654435761 * (i % 97 + 1))::bit(32), i % 5, 'n' || i % 3 FROM generate_series(1, 900) i;
CREATE INDEX r_l2 ON r USING hnsw (v vector_l2_ops, tag, name);
CREATE INDEX r_ip ON r USING hnsw (v vector_ip_ops);
CREATE INDEX r_cos ON r USING hnsw (v vector_cosine_ops);
CREATE INDEX r_l1 ON r USING hnsw (v vector_l1_ops);
CREATE INDEX r_hl2 ON r USING hnsw (h halfvec_l2_ops);
CREATE INDEX r_hcos ON r USING hnsw (h halfvec_cosine_ops);
CREATE INDEX r_sl2 ON r USING hnsw (s sparsevec_l2_ops);
CREATE INDEX r_sip ON r USING hnsw (s sparsevec_ip_ops);
CREATE INDEX r_ham ON r USING hnsw (b bit_hamming_ops);
CREATE INDEX r_jac ON r USING hnsw (b bit_jaccard_ops);
CREATE INDEX r_sub ON r USING hnsw ((subvector(v, 1, 4)::vector(4)) vector_l2_ops);
ANALYZE r;
-- How many rows a condition leaves and whether a scan of an index gives just these; and
-- whether it knows a radius.
CREATE FUNCTION threshold(cond text, distance text, lim text DEFAULT 'ALL', tab text DEFAULT 'r') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  query text := format('SELECT id, %s AS d FROM %s WHERE %s ORDER BY 2 LIMIT %s', distance, tab, cond, lim);
  plan text := '';
  line text;
  by_index text[];
  by_scan text[];
BEGIN
  SET LOCAL enable_seqscan = off;
  SET LOCAL enable_sort = off;
  SET LOCAL enable_indexscan = on;
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP plan := plan || line || E'\n'; END LOOP;
  EXECUTE format('SELECT array_agg(x::text ORDER BY d, id) FROM (%s) x', query) INTO by_index;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_sort = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE format('SELECT array_agg(x::text ORDER BY d, id) FROM (%s) x WHERE d <> ''NaN''', query) INTO by_scan;
  RETURN coalesce(cardinality(by_scan), 0) ||
    CASE WHEN by_index IS DISTINCT FROM by_scan THEN ', other rows: ' || coalesce(cardinality(by_index), 0) ELSE '' END ||
    CASE WHEN plan !~ 'Order By' THEN ', no index scan' WHEN plan !~ '~<= (?!''NaN)' THEN ', no radius' ELSE '' END;
END $$;
SELECT cond, threshold(cond, 'v <-> uniform(5, 8)') FROM (VALUES (1, 'v <-> uniform(5, 8) < 1'), (2, 'v <-> uniform(5, 8) <= 1.2'), (3, '1.2 > v <-> uniform(5, 8)'),
  (4, '1.2::real >= v <-> uniform(5, 8)'), (5, 'uniform(5, 8) <-> v < 1.2'), (6, 'l2_distance(v, uniform(5, 8)) < 1.2'), (7, 'v <-> uniform(5, 8) BETWEEN 1 AND 1.2'),
  (8, 'v <-> uniform(5, 8) = 0'), (9, '0 = v <-> uniform(5, 8)'), (10, 'v <-> uniform(5, 8) < 0'), (11, 'v <-> uniform(5, 8) < -1'), (12, '2 - (v <-> uniform(5, 8)) > .9'),
  (13, '(v <-> uniform(5, 8)) * 100 < 120'), (14, '-(v <-> uniform(5, 8)) >= -1.2'), (15, '1 / (1 + (v <-> uniform(5, 8))) > .5'), (16, '(v <-> uniform(5, 8)) / -2 + 3 > 2.5'),
  (17, 'within(v, uniform(5, 8), 1.2)'), (18, 'within(uniform(5, 8), v, 1.2, ''<->'')'), (19, 'v <-> uniform(5, 8) < 1.2 AND v <-> uniform(5, 8) < 1'),
  (20, 'v <-> uniform(5, 8) < ''Infinity'''), (21, 'v <-> uniform(5, 8) < ''NaN'''), (22, 'v <-> uniform(5, 8) < NULL'), (23, 'v <-> uniform(5, 8) < (SELECT NULL::float8)'),
  (24, 'v <-> uniform(5, 8) < (SELECT 1.2)'), (25, 'v <-> uniform(5, 8) <= (SELECT ''NaN''::float8)'), (26, 'v <-> uniform(5, 8) < 1.2 AND tag = 3'),
  (27, 'v <-> uniform(5, 8) < 1.5 AND tag IN (1, 2) AND name = ''n1'''), (28, 'v <-> uniform(5, 8) < 1.5 AND id % 2 = 0'), (29, '(v <-> uniform(5, 8)) * 1e300 < 1e300'),
  (30, '(v <-> uniform(5, 8)) * 1e-300 < 1e-300'), (31, '3 - 2 * (1 - (v <-> uniform(5, 8)) / 2) < 2.2')) c(n, cond) ORDER BY n;
-- conditions that say nothing of the order
SELECT cond, threshold(cond, 'v <-> uniform(5, 8)') FROM (VALUES (1, 'v <-> uniform(6, 8) < 1.5'), (2, 'v <-> uniform(5, 8) > 1.5'), (3, 'v <=> uniform(5, 8) < .5'), (4, 'within(v, uniform(6, 8), 1.5)'),
  (5, 'within(v, uniform(5, 8), .5, ''cosine'')'), (6, '1 - (v <-> uniform(5, 8)) < -.5'), (7, 'v <-> uniform(5, 8) < 1.2 OR tag = 3'), (8, 'NOT (v <-> uniform(5, 8) < 1.2)'),
  (9, 'v <-> uniform(5, 8) < tag'), (10, 'v <-> uniform(5, 8) < 1.2 + 0 * random()'), (11, '(v <-> uniform(5, 8))::real < 1.2'), (12, 'abs(v <-> uniform(5, 8)) < 1.2')) c(n, cond) ORDER BY n;
-- other distances and types
SELECT threshold('1 - (v <=> uniform(5, 8)) > .6', 'v <=> uniform(5, 8)'), threshold('v <=> uniform(5, 8) <= .4', 'v <=> uniform(5, 8)'), threshold('within(v, uniform(5, 8), .4, ''cosine'')', 'v <=> uniform(5, 8)');
SELECT threshold('(v <#> uniform(5, 8)) * -1 > .7', 'v <#> uniform(5, 8)'), threshold('v <#> uniform(5, 8) < -.7', 'v <#> uniform(5, 8)'), threshold('v <#> uniform(5, 8) < .7', 'v <#> uniform(5, 8)');
SELECT threshold('v <+> uniform(5, 8) < 3', 'v <+> uniform(5, 8)'), threshold('within(v, uniform(5, 8), 3, ''l1'')', 'v <+> uniform(5, 8)');
SELECT threshold('h <-> uniform(5, 8)::halfvec < 1.4', 'h <-> uniform(5, 8)::halfvec'), threshold('1 - (h <=> uniform(5, 8)::halfvec) >= .5', 'h <=> uniform(5, 8)::halfvec'), threshold('within(h, uniform(5, 8)::halfvec, 1.4)', 'h <-> uniform(5, 8)::halfvec');
SELECT threshold('s <-> uniform(5, 8)::sparsevec < 1.4', 's <-> uniform(5, 8)::sparsevec'), threshold('s <#> uniform(5, 8)::sparsevec < -.7', 's <#> uniform(5, 8)::sparsevec');
SELECT threshold('b <~> 5::bit(32) < 12', 'b <~> 5::bit(32)'), threshold('1 - (b <%> 5::bit(32)) > .1', 'b <%> 5::bit(32)'), threshold('within(b, 5::bit(32), 12)', 'b <~> 5::bit(32)');
SELECT threshold('subvector(v, 1, 4)::vector(4) <-> ''[0,0,0,0]'' < .6', 'subvector(v, 1, 4)::vector(4) <-> ''[0,0,0,0]''');
-- a query without a distance
SELECT threshold('v <=> ''[0,0,0,0,0,0,0,0]'' < .5', 'v <=> ''[0,0,0,0,0,0,0,0]'''), threshold('v <-> NULL < .5', 'v <-> NULL');
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT id FROM r WHERE 1 - (v <=> '[0,0,0,0,0,0,0,0]') > .5 ORDER BY v <=> '[0,0,0,0,0,0,0,0]' LIMIT 5) x;
SELECT count(*) FROM (SELECT id FROM r WHERE 1 - (v <=> NULL) > .5 ORDER BY v <=> NULL LIMIT 5) x;
RESET enable_seqscan;
RESET enable_sort;
-- parameters
PREPARE p(vector, float8) AS SELECT count(*), max(d) < 1.2 AS nearer FROM (SELECT v <-> $1 AS d FROM r WHERE v <-> $1 < $2 ORDER BY v <-> $1) x;
PREPARE q(vector, float8) AS SELECT id FROM r WHERE 1 - (v <=> $1) > $2 AND name = 'n1' ORDER BY v <=> $1 LIMIT 5;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_sort = off;
EXECUTE p(uniform(5, 8), 1.2);
EXECUTE p(uniform(5, 8), -3);
EXECUTE p(uniform(5, 8), NULL);
EXECUTE p(uniform(5, 8), 'NaN');
EXECUTE p(NULL, 1.2);
EXPLAIN (COSTS OFF) EXECUTE q(uniform(5, 8), .6);
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE within(v, '[1,1,1,1,1,1,1,1]', .5) ORDER BY v <-> '[1,1,1,1,1,1,1,1]' LIMIT 5;
RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_sort;
-- the planner's choice by itself; without an order by the distance it is no condition
EXPLAIN (COSTS OFF) SELECT id FROM r WHERE v <-> '[1,1,1,1,1,1,1,1]' < .5 ORDER BY id;
SELECT count(*) FROM r WHERE within(v, uniform(5, 8), 1.2);
-- the operator is the planner's own
SELECT try('SELECT count(*) FROM r WHERE v ~<= 1');
-- row-level security does not keep the scan from ending
CREATE ROLE regress_radius;
GRANT SELECT ON r TO regress_radius;
ALTER TABLE r ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON r TO regress_radius USING (tag < 3);
SET ROLE regress_radius;
SELECT threshold('v <-> uniform(5, 8) < 1.4', 'v <-> uniform(5, 8)');
RESET ROLE;
ALTER TABLE r DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON r FROM regress_radius;
DROP POLICY own ON r;
DROP ROLE regress_radius;
-- partitions
CREATE TABLE parts (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (400);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (400) TO (1000);
INSERT INTO parts SELECT id, v FROM r;
CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
ANALYZE parts;
SELECT threshold('v <-> uniform(5, 8) < 1.4', 'v <-> uniform(5, 8)', tab => 'parts'), threshold('v <-> uniform(5, 8) < 1.4 AND id > 200', 'v <-> uniform(5, 8)', '4', 'parts');
DROP TABLE parts, r;

-- it reads what a small LIMIT reads, not the index, and comes before other plans
CREATE TABLE many (id int PRIMARY KEY, v vector(16), filler text);
INSERT INTO many SELECT i, uniform(i, 16), repeat(md5(i::text), 15) FROM generate_series(1, 6000) i;
CREATE INDEX ON many USING hnsw (v vector_l2_ops);
CREATE INDEX ON many USING hnsw (v vector_l1_ops);
ANALYZE many;
CREATE FUNCTION nodes(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
  n bigint;
BEGIN
  SELECT nodes_read INTO before FROM hnsw_counters();
  EXECUTE format('SELECT count(*) FROM (%s) x', query) INTO n;
  RETURN (SELECT nodes_read FROM hnsw_counters()) - before;
END $$;
RESET pgretrieve.enable_nearest;
SELECT n <= l2 AS l2, m <= l2 AS within, l1 <= 4 * l2 AS l1, e <= l2 AS nothing FROM (SELECT
  nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < .5 ORDER BY v <-> uniform(77, 16) LIMIT 10') AS n,
  nodes('SELECT id FROM many WHERE within(v, uniform(77, 16), .5) ORDER BY v <-> uniform(77, 16)') AS m,
  nodes('SELECT id FROM many WHERE v <+> uniform(77, 16) < 1 ORDER BY v <+> uniform(77, 16) LIMIT 10') AS l1,
  nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < -.5 ORDER BY v <-> uniform(77, 16) LIMIT 10') AS e,
  nodes('SELECT id FROM many ORDER BY v <-> uniform(77, 16) LIMIT 10') AS l2) x;
-- as where the threshold is one that bounds nothing
SELECT nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < ''Infinity'' ORDER BY v <-> uniform(77, 16) LIMIT 10') < 1000 AS constant,
  nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < (SELECT ''Infinity''::float8) ORDER BY v <-> uniform(77, 16) LIMIT 10') < 1000 AS parameter;
SELECT nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < ''-Infinity'' ORDER BY v <-> uniform(77, 16) LIMIT 10') < 1000 AS constant,
  nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < (SELECT ''-Infinity''::float8) ORDER BY v <-> uniform(77, 16) LIMIT 10') < 1000 AS parameter,
  nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < (SELECT ''-Infinity''::float8) ORDER BY v <-> uniform(77, 16)') < 1000 AS whole;
-- more rows within the radius than ef_search
SELECT count(*) BETWEEN .99 * max(all_rows) AND max(all_rows) AS about_all FROM (SELECT id FROM many WHERE v <-> uniform(77, 16) < 2 ORDER BY v <-> uniform(77, 16) LIMIT 1000) x,
  (SELECT count(*) AS all_rows FROM many WHERE within(v, uniform(77, 16), 2)) y;
-- where all of them are wanted none is left out: rows within the radius of eight queries that a
-- scan does not return, and returns twice
CREATE FUNCTION left_out(distance text, k int, cond text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  d text;
  r float8;
  wanted int[];
  found int[];
  missing int := 0;
  twice int := 0;
BEGIN
  FOR i IN 1..8 LOOP
    d := format(distance, uniform(90000 + i, 16));
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    SET LOCAL pgretrieve.enable_nearest = off;
    EXECUTE format('SELECT d FROM (SELECT %s AS d FROM many WHERE %s) x ORDER BY d OFFSET %s LIMIT 1', d, cond, k) INTO r;
    EXECUTE format('SELECT array_agg(id) FROM many WHERE %s < %L AND %s', d, r, cond) INTO wanted;
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_indexscan = on;
    EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM many WHERE %s < %L AND %s ORDER BY %1$s) x', d, r, cond) INTO found;
    missing := missing + (SELECT count(*) FROM (SELECT unnest(wanted) EXCEPT SELECT unnest(found)) x);
    twice := twice + cardinality(found) - (SELECT count(DISTINCT f) FROM unnest(found) f);
  END LOOP;
  RETURN missing || ' ' || twice;
END $$;
INSERT INTO many SELECT i, uniform(i, 16), 'x' FROM generate_series(6001, 6500) i;
CREATE INDEX ON many USING hnsw (v vector_cosine_ops, (id % 5));
SELECT k, left_out('(v <-> %L)', k) AS l2, left_out('(v <+> %L)', k) AS l1, left_out('(v <=> %L)', k) AS cosine,
  left_out('(v <=> %L)', k, 'id % 5 = 3') AS filtered, left_out('(v <-> %L)', k, 'id % 2 = 0') AS not_in_the_index FROM unnest('{30, 270, 900}'::int[]) k;
SET work_mem = '64kB';
SELECT left_out('(v <-> %L)', 270) AS l2, left_out('(v <=> %L)', 900, 'id % 5 = 3') AS filtered;
RESET work_mem;
SET hnsw.iterative_scan = relaxed_order;
SELECT left_out('(v <-> %L)', 270) AS relaxed;
RESET hnsw.iterative_scan;
-- equal vectors
INSERT INTO many SELECT i, uniform(90001, 16), 'x' FROM generate_series(10001, 10700) i;
SELECT left_out('(v <-> %L)', 750) AS equal;
-- a cursor, which is expected to read a tenth, looks no further than for the rows that it fetches;
-- one of which the settings say that it is read to its end does
CREATE FUNCTION cursor_nodes(query text, fraction text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before bigint;
BEGIN
  SELECT nodes_read INTO before FROM hnsw_counters();
  PERFORM set_config('cursor_tuple_fraction', fraction, true), set_config('pgretrieve.enable_nearest', 'off', true), set_config('enable_sort', 'off', true);
  EXECUTE 'DECLARE c CURSOR FOR ' || query;
  EXECUTE 'MOVE 5 FROM c';
  EXECUTE 'CLOSE c';
  RETURN (SELECT nodes_read FROM hnsw_counters()) - before;
END $$;
SELECT cursor_nodes('SELECT id FROM many ORDER BY v <-> uniform(77, 16)', '.1') < 1000 AS few, cursor_nodes('SELECT id FROM many ORDER BY v <-> uniform(77, 16)', '1') >= 6000 AS whole,
  cursor_nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < 3 ORDER BY v <-> uniform(77, 16)', '.1') < 1000 AS few_within,
  cursor_nodes('SELECT id FROM many WHERE v <-> uniform(77, 16) < 3 ORDER BY v <-> uniform(77, 16)', '1') >= 6000 AS all_within;
DROP TABLE many;
DROP FUNCTION left_out, cursor_nodes;
DROP FUNCTION threshold, nodes, uniform;
