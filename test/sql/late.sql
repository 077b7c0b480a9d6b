-- MaxSim and its relatives against plain SQL; the query cache; pooling.
-- covers: pool maxsim multivector_build kernel_maxsim
SELECT max_sim('[[1,0],[0,1],[1,1]]', '[[1,2],[3,0]]'), '[[1,0],[0,1],[1,1]]'::multivector @# '[[1,2],[3,0]]' AS op, max_sim_norm('[[1,0],[0,1],[1,1]]', '[[1,2],[3,0]]');
SELECT max_sim('[]', '[[1]]') IS NULL, max_sim('[[1]]', '[]') IS NULL, '[]'::multivector @# '[]' IS NULL, max_sim(NULL, '[[1]]') IS NULL, max_sim('[[-1,-2]]', '[[1,1]]');
SELECT try('SELECT max_sim(''[[1,2]]'', ''[[1]]'')'), try('SELECT ''[[1,2]]''::multivector @# ''[[1,2,3]]''');
SELECT max_sim_weighted('[[1,0],[0,1]]', '[[1,2],[3,0]]', '{1,0.5}'), max_sim_weighted('[[1,0],[0,1]]', '[[1,2],[3,0]]', '{0,-1}');
SELECT try('SELECT max_sim_weighted(''[[1]]'', ''[[1]]'', ''' || w || ''')') FROM unnest(ARRAY['{1,2}', '{}', '{NULL}', '{NaN}', '{Infinity}', '{{1}}']) w;
SELECT chamfer('[[1,0],[0,1],[1,1]]', '[[1,2],[3,0]]'), chamfer('[[1,2],[3,0]]', '[[1,0],[0,1],[1,1]]'), chamfer('[]', '[[1]]') IS NULL;
SELECT max_sim_exact_words('[[1,0],[0,1],[5,5]]', '{7,8,9}', '[[1,2],[3,0],[1,1]]', '{8,7,6}'), max_sim_exact_words('[[-1,0]]', '{7}', '[[1,2]]', '{7}'), max_sim_exact_words('[]', '{}', '[[1]]', '{1}') IS NULL;
SELECT try('SELECT max_sim_exact_words(''[[1]]'', ''{1,2}'', ''[[1]]'', ''{1}'')'), try('SELECT max_sim_exact_words(''[[1]]'', ''{1}'', ''[[1]]'', ''{NULL}'')');
SELECT * FROM max_sim_matches('[[1,0],[0,1],[1,1]]', '[[1,2],[3,0],[-1,-1]]');
SELECT count(*) FROM max_sim_matches('[]', '[[1]]');
SELECT within('[[1,0]]'::multivector, '[[2,0]]', -2), within('[[1,0]]'::multivector, '[[2,0]]', -2.1), try('SELECT within(''[[1]]''::multivector, ''[[1]]'', 0, ''l2'')');

-- Documents and queries of many shapes. Elements are small multiples of 1/4, so
-- that every sum is exact in any order.
CREATE FUNCTION lt_mv(seed int, tokens int, dim int) RETURNS multivector LANGUAGE sql IMMUTABLE AS $$
  SELECT multivector_agg(v ORDER BY t) FROM (SELECT t, array_agg(((hashint4(seed * 1000003 + t * 1009 + d) & 15) - 7) / 4.0 ORDER BY d)::vector v
    FROM generate_series(1, tokens) t, generate_series(1, dim) d GROUP BY t) s $$;
CREATE FUNCTION lt_max_sim(doc multivector, query multivector) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT sum(best) FROM (SELECT max(inner_product(d, q)) best FROM unnest(query) WITH ORDINALITY a (q, n), unnest(doc) b (d) GROUP BY n) s $$;
CREATE TABLE lt AS SELECT row_number() OVER () AS id, dim, m AS tokens, n, lt_mv(m * 7 + dim, m, dim) AS doc, lt_mv(n * 13 + dim, n, dim) AS query
  FROM unnest(ARRAY[1, 2, 3, 4, 7, 16, 17, 33, 128]) dim, unnest(ARRAY[1, 2, 3, 6, 7, 13, 40]) m, unnest(ARRAY[1, 2, 4, 5, 15, 16, 17, 31, 32, 33, 48, 70]) n;
SELECT count(*), bool_and(max_sim(doc, query) = lt_max_sim(doc, query)) AS f32 FROM lt;
DO $$
DECLARE d int; bad int; kind text; r record;
BEGIN
  FOR d IN SELECT DISTINCT dim FROM lt ORDER BY 1 LOOP
    -- f16 holds these values exactly; i8 rounds document and query
    EXECUTE format('SELECT count(*) FROM lt WHERE dim = %s AND max_sim(doc::multivector(%1$s, f16), query::multivector(%1$s, f16)) <> max_sim(doc, query)', d) INTO bad;
    IF bad > 0 THEN RAISE EXCEPTION 'dim %: % wrong f16 scores', d, bad; END IF;
    EXECUTE format('SELECT count(*) FROM lt WHERE dim = %s AND NOT abs(max_sim(doc::multivector(%1$s, i8), query) - max_sim(doc, query)) <= n * sqrt(%1$s) * 0.06 + 0.03', d) INTO bad;
    IF bad > 0 THEN RAISE EXCEPTION 'dim %: % i8 scores too far off', d, bad; END IF;
  END LOOP;
END $$;
-- all instruction sets: the same exact sums, and for i8 the same integers
SELECT same_for_all_simd('SELECT md5(string_agg(max_sim(doc, query)::text, '','' ORDER BY id)) FROM lt'),
       same_for_all_simd('SELECT md5(string_agg(max_sim(doc::multivector(128, f16), query)::text, '','' ORDER BY id)) FROM lt WHERE dim = 128'),
       same_for_all_simd('SELECT md5(string_agg(round(max_sim(doc::multivector(128, i8), query)::numeric, 3)::text, '','' ORDER BY id)) FROM lt WHERE dim = 128'),
       same_for_all_simd('SELECT md5(string_agg(round(max_sim(doc::multivector(33, i8), query)::numeric, 3)::text, '','' ORDER BY id)) FROM lt WHERE dim = 33');
SELECT bool_and(abs(max_sim_norm(doc, query) - max_sim(doc, query) / n) < 1e-9) AS norm, bool_and(abs(chamfer(doc, query) - (lt_max_sim(doc, query) / n + lt_max_sim(query, doc) / tokens) / 2) < 1e-6) AS chamfer,
  bool_and(abs((SELECT sum(similarity) FROM max_sim_matches(doc, query)) - max_sim(doc, query)) < 1e-4) AS matches FROM lt WHERE dim IN (3, 16, 33);

-- one packed query serves a scan; another query, another kind of document or
-- another instruction set is never scored with an old one
SELECT bool_and(doc @# query = -lt_max_sim(doc, query)) AS changing FROM lt;
SELECT bool_and(a.doc @# b.query = -lt_max_sim(a.doc, b.query)) AS lateral FROM lt a, LATERAL (SELECT query FROM lt b WHERE b.dim = a.dim AND b.id > a.id LIMIT 1) b;
CREATE TABLE lt_mixed (id int, doc multivector);
INSERT INTO lt_mixed SELECT id, CASE id % 3 WHEN 0 THEN doc WHEN 1 THEN doc::multivector(16, f16) ELSE doc::multivector(16, i8) END FROM lt WHERE dim = 16;
SELECT count(*), bool_and(abs(max_sim(m.doc, q.query) - max_sim(lt.doc, q.query)) < 2) AS close, bool_and(max_sim(m.doc, q.query) = max_sim(lt.doc, q.query)) FILTER (WHERE m.id % 3 < 2) AS exact
FROM lt_mixed m JOIN lt USING (id), (SELECT query FROM lt WHERE dim = 16 AND n = 17 LIMIT 1) q;
-- out of line documents and queries, parallel workers, a cursor
CREATE TABLE lt_big AS SELECT i AS id, lt_mv(i, 60, 64) AS doc FROM generate_series(1, 300) i;
ANALYZE lt_big;
PREPARE lt_q (multivector) AS SELECT id FROM lt_big ORDER BY doc @# $1, id LIMIT 1;
SELECT doc AS q7 FROM lt_big WHERE id = 7 \gset
SELECT doc AS q9 FROM lt_big WHERE id = 9 \gset
EXECUTE lt_q (:'q7');
EXECUTE lt_q (:'q9');
SET plan_cache_mode = force_generic_plan;
EXECUTE lt_q (:'q7');
EXECUTE lt_q (:'q9');
RESET plan_cache_mode;
SELECT bool_and(id = found) AS each_itself FROM lt_big a, LATERAL (SELECT b.id AS found FROM lt_big b WHERE b.id <= 20 ORDER BY b.doc @# a.doc LIMIT 1) n WHERE id <= 20;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET plan_cache_mode = force_generic_plan;
PREPARE lt_p (multivector) AS SELECT id FROM lt_big ORDER BY doc @# $1 LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE lt_p ('[[1]]');
RESET plan_cache_mode;
SELECT array_agg(id) = ARRAY(SELECT id FROM lt_big, (SELECT doc AS q FROM lt_big WHERE id = 7) q ORDER BY lt_max_sim(doc, q) DESC, id LIMIT 3) AS same
FROM (SELECT id FROM lt_big ORDER BY doc @# (SELECT doc FROM lt_big WHERE id = 7), id LIMIT 3) s;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
BEGIN;
DECLARE lt_c CURSOR FOR SELECT id = 7 AS self FROM lt_big ORDER BY doc @# (SELECT doc FROM lt_big WHERE id = 7);
FETCH 2 FROM lt_c;
SET LOCAL pgretrieve.simd = scalar;
FETCH 1 FROM lt_c;
COMMIT;
SELECT bool_and(similarity > 0 AND doc_token = query_token) FROM (SELECT (max_sim_matches(doc, doc)).* FROM lt_big WHERE id = 3) m;

-- pooling: clusters of near-equal tokens become one
SELECT multivector_pool('[[9,9],[1,0],[1,0.01],[0,1],[0.01,1]]', 2), multivector_pool('[[1,0],[1,0.01],[0,1],[0.01,1]]', 2, 0), multivector_pool('[[1,0],[0,1]]', 1, 0), multivector_pool('[[1,0],[0,1]]', 100, 0), multivector_pool('[]', 2), multivector_pool('[[1]]', 2);
SELECT token_count(multivector_pool(doc, 2)), token_count(multivector_pool(doc, 3.5, 0)), multivector_dims(multivector_pool(doc, 2)) FROM lt_big WHERE id = 1;
SELECT try('SELECT multivector_pool(''[[1],[2],[3]]'', ' || f || ')') FROM unnest(ARRAY['0.5', '''NaN''', '''Infinity''', '2, -1']) f;
SELECT multivector_medoids('[[0,0],[0,1],[0,0.5],[9,9],[9,8]]', 2), multivector_medoids('[[1],[1],[1]]', 2), multivector_medoids('[[1],[2]]', 5), multivector_medoids('[]', 1), try('SELECT multivector_medoids(''[[1]]'', 0)');
SELECT multivector_group('[[1,0],[0,2],[3,0]]', '{5,6,5}'), multivector_group('[]', '{}'), try('SELECT multivector_group(''[[1]]'', ''{1,2}'')'), try('SELECT multivector_group(''[[1]]'', ''{NULL}'')');
-- pooled to half the tokens, a document still finds itself
SELECT count(*) FROM (SELECT id, (SELECT p.id FROM lt_big p ORDER BY multivector_pool(p.doc, 2) @# q.doc LIMIT 1) AS found FROM lt_big q WHERE id <= 10) s WHERE id = found;
DROP TABLE lt, lt_mixed, lt_big;
DROP FUNCTION lt_mv, lt_max_sim;
