-- Evaluation: metrics against trec_eval, hand-computed edge cases and a second
-- implementation in plain SQL; MultiHop-RAG's variants; TREC files; paired tests;
-- index_recall.
-- covers: judged paired metrics trec_io index_recall deparse

-- A run and judgements with everything that decides a metric: ties in scores, grades 0 to
-- 3 and -1, unjudged documents, more judged than retrieved and the reverse; topic 9 has
-- nothing relevant, 10 is not in the run, 11 not in the judgements, 12 has one document.
CREATE TABLE ev_run AS SELECT t::text AS topic, 'd' || d AS doc, (hashint4(t * 1000 + d) & 15) / 4.0::float8 AS score
  FROM generate_series(1, 11) t, generate_series(1, 40) d WHERE t <> 10 AND (hashint4(t * 77 + d * 3) & 7) < 3 + t % 4
  UNION ALL SELECT '12', 'only', 0.5;
CREATE TABLE ev_qrels AS SELECT t::text AS topic, 'd' || d AS doc, CASE WHEN t = 9 THEN 0 ELSE (ARRAY[0, 0, 0, 1, 1, 2, 3, -1])[1 + (hashint4(t * 31 + d * 7) & 7)] END AS grade
  FROM generate_series(1, 10) t, generate_series(1, 50) d WHERE (hashint4(t * 13 + d * 11) & 3) < 2
  UNION ALL SELECT '12', 'only', 1;

-- What trec_eval 10.0-rc3 -q -c printed for these two (rounded to four digits), and for
-- all topics. Topic 10 is not in the run: it prints nothing for it, but averages it as 0.
CREATE TABLE ev_trec (topic text, v float8[]);
INSERT INTO ev_trec VALUES
  ('1', '{0.0777,0.0000,0.0000,0.0177,0.0000,0.0769,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,1.0000,0.8000}'),
  ('2', '{0.0838,0.0662,0.0551,0.0384,0.0278,0.2500,0.1111,0.1111,0.2000,0.1000,0.0000,1.0000,0.2000,0.5000}'),
  ('3', '{0.4270,0.1764,0.1579,0.2957,0.0625,0.5000,0.1250,0.1875,0.4000,0.3000,0.0000,1.0000,0.2000,0.4000}'),
  ('4', '{0.2687,0.0000,0.2687,0.0982,0.0000,0.1667,0.0000,0.3750,0.0000,0.3000,0.0000,0.0000,1.0000,0.6000}'),
  ('5', '{0.3098,0.1696,0.2226,0.0929,0.0303,0.3333,0.0909,0.1818,0.2000,0.2000,0.0000,1.0000,0.6000,0.7000}'),
  ('6', '{0.3704,0.0000,0.0292,0.1839,0.0000,0.1111,0.0000,0.0833,0.0000,0.1000,0.0000,0.0000,0.8000,0.7000}'),
  ('7', '{0.4659,0.1810,0.2304,0.2473,0.0591,0.2500,0.1818,0.2727,0.4000,0.3000,0.0000,1.0000,0.4000,0.6000}'),
  ('8', '{0.3357,0.3090,0.2951,0.1525,0.0972,0.5000,0.1667,0.2500,0.4000,0.3000,0.0000,1.0000,0.4000,0.5000}'),
  ('9', '{0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.4000,0.5000}'),
  ('10', '{0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000}'),
  ('12', '{1.0000,1.0000,1.0000,1.0000,1.0000,1.0000,1.0000,1.0000,0.2000,0.1000,1.0000,1.0000,0.0000,0.0000}'),
  ('all', '{0.3035,0.1729,0.2054,0.1933,0.1161,0.2898,0.1523,0.2238,0.1636,0.1545,0.0909,0.5455,0.4545,0.4818}');
CREATE TABLE ev_ours AS SELECT topic, ARRAY[
    ndcg(doc, score, grade), ndcg(doc, score, grade, 5), ndcg(doc, score, grade, 10),
    average_precision(doc, score, grade), average_precision(doc, score, grade, 5), reciprocal_rank(doc, score, grade),
    recall_at(doc, score, grade, 5), recall_at(doc, score, grade, 10), precision_at(doc, score, grade, 5), precision_at(doc, score, grade, 10),
    hit_rate_at(doc, score, grade, 1), hit_rate_at(doc, score, grade, 5), 1 - judged_at(doc, score, grade, 5), 1 - judged_at(doc, score, grade, 10)] AS v
  FROM ev_run FULL JOIN ev_qrels USING (topic, doc) GROUP BY topic;
SELECT count(*) AS compared, bool_and(abs(t - o) <= 0.00005001) AS equal FROM ev_trec JOIN ev_ours USING (topic), LATERAL unnest(ev_trec.v, ev_ours.v) x (t, o);
SELECT topic, v IS NULL OR array_remove(v, NULL) = '{}' AS not_judged, v[1:12] FROM ev_ours WHERE topic IN ('10', '11') ORDER BY topic COLLATE "C";
SELECT count(*) AS compared, bool_and(abs(t - o) <= 0.00005001) AS averages_equal
FROM (SELECT i, avg(x) AS o FROM ev_ours, LATERAL unnest(v) WITH ORDINALITY u (x, i) WHERE i <= 12 GROUP BY i) a JOIN (SELECT t, i FROM ev_trec, LATERAL unnest(v) WITH ORDINALITY u (t, i) WHERE topic = 'all') b USING (i);
-- two rows for a document, one from the run and one from the judgements, are one
SELECT bool_and(n = v[3]) AS union_all FROM ev_ours JOIN (SELECT topic, ndcg(doc, score, grade, 10) AS n FROM
  (SELECT topic, doc, score, NULL::int AS grade FROM ev_run UNION ALL SELECT topic, doc, NULL, grade FROM ev_qrels) u GROUP BY topic) s USING (topic) WHERE topic <> '11';
-- the exponential gain in plain SQL
WITH ranked AS (SELECT topic, doc, row_number() OVER (PARTITION BY topic ORDER BY score DESC, doc COLLATE "C" DESC) AS rank FROM ev_run),
  dcg AS (SELECT topic, sum((2.0 ^ grade - 1) / log(2, rank + 1)) AS dcg FROM ranked JOIN ev_qrels USING (topic, doc) WHERE rank <= 10 AND grade > 0 GROUP BY topic),
  ideal AS (SELECT topic, sum((2.0 ^ grade - 1) / log(2, rank + 1)) FILTER (WHERE rank <= 10 AND grade > 0) AS ideal FROM (SELECT topic, grade, row_number() OVER (PARTITION BY topic ORDER BY grade DESC) AS rank FROM ev_qrels) q GROUP BY topic)
SELECT count(*), bool_and(abs(coalesce(coalesce(dcg, 0) / ideal, 0) - n) < 1e-12) AS exponential, count(*) FILTER (WHERE n > 0)
FROM ideal LEFT JOIN dcg USING (topic) JOIN (SELECT topic, ndcg_exp2(doc, score, grade, 10) AS n FROM ev_run FULL JOIN ev_qrels USING (topic, doc) GROUP BY topic) o USING (topic);
-- a parallel worker's state, sent as bytes and combined, gives the same
CREATE TABLE ev_rows AS SELECT * FROM ev_run FULL JOIN ev_qrels USING (topic, doc);
ALTER TABLE ev_rows SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT ndcg(doc, score, grade, 10) FILTER (WHERE topic = '5') FROM ev_rows;
SELECT ndcg(doc, score, grade, 10) FILTER (WHERE topic = '5') = (SELECT v[3] FROM ev_ours WHERE topic = '5') AS same5, ndcg(doc, score, grade, 10) FILTER (WHERE topic = '8') = (SELECT v[3] FROM ev_ours WHERE topic = '8') AS same8 FROM ev_rows;
EXPLAIN (COSTS OFF) SELECT paired_t_test(score, grade) FROM ev_rows;
SELECT paired_t_test(score, grade) AS workers FROM ev_rows \gset
SET max_parallel_workers_per_gather = 0;
SELECT paired_t_test(score, grade)::text = :'workers' AS same FROM ev_rows;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;

-- by hand: relevant at ranks 2 and 4 of three relevant; grades 1, 2 and 3
CREATE TABLE ev_hand (doc text, score float8, grade int);
INSERT INTO ev_hand VALUES ('a', 9, NULL), ('b', 8, 1), ('c', 7, 0), ('d', 6, 3), ('e', NULL, 2);
SELECT average_precision(doc, score, grade) = (1.0 / 2 + 2.0 / 4) / 3 AS ap, average_precision(doc, score, grade, 2) = 0.5 / 3 AS ap2, reciprocal_rank(doc, score, grade) = 0.5 AS rr, reciprocal_rank(doc, score, grade, 1) = 0 AS rr1,
  abs(ndcg(doc, score, grade) - (1 / log(2, 3) + 3 / log(2, 5)) / (3 + 2 / log(2, 3) + 1 / log(2, 4))) < 1e-12 AS ndcg, abs(ndcg(doc, score, grade, 2) - (1 / log(2, 3)) / (3 + 2 / log(2, 3))) < 1e-12 AS ndcg2,
  recall_at(doc, score, grade, 3) = 1.0 / 3 AS recall, precision_at(doc, score, grade, 10) = 0.2 AS p10, hit_rate_at(doc, score, grade, 1) AS h1, hit_rate_at(doc, score, grade, 2) AS h2, judged_at(doc, score, grade, 2) AS j2, judged_at(doc, score, grade, 10) AS j10 FROM ev_hand;
SELECT ndcg(doc, score, grade, NULL) = ndcg(doc, score, grade) AS no_cutoff FROM ev_hand;
SELECT ndcg('x', NULL, NULL) IS NULL AS nothing, ndcg('x', 1, NULL) IS NULL AS unjudged_topic, ndcg('x', NULL, 1) AS missed, ndcg('x', 1, 0) AS nothing_relevant;
SELECT ndcg(doc, score, grade) FROM ev_hand WHERE false;
-- a tie: the later name first, by bytes
SELECT reciprocal_rank(doc, 1, grade) FROM (VALUES ('a', 1), ('B', 0), ('ab', 0)) v (doc, grade);
SELECT reciprocal_rank(doc, score, grade) AS infinite FROM (VALUES ('a', '-inf'::float8, 1), ('b', 'inf', 0)) v (doc, score, grade);
SELECT try('SELECT ' || call || ' FROM (VALUES (''a''::text, 1::float8, 1, 1), (''b'', 0.5, 0, 2)) v (doc, score, grade, n)') FROM unnest(ARRAY[
  'ndcg(doc, score, grade, 0)', 'ndcg(doc, score, grade, n)', 'precision_at(doc, score, grade, NULL)', 'ndcg(''a'', score, grade)', 'ndcg(NULL, score, grade)', 'ndcg(doc, ''NaN'', grade)', 'ndcg_exp2(doc, score, 1001)']) call;

-- MultiHop-RAG: blanks and line ends do not count; a fact found again does not count; a
-- fact given twice is found once and divides twice
SELECT multihop_hits_at(r, f, 2) AS hits2, multihop_hits_at(r, f, 1) AS hits1, multihop_mrr_at(r, f, 10) AS mrr, abs(multihop_map_at(r, f, 10) - (1.0 / 2 + 1.0 / 3) / 3) < 1e-12 AS map, multihop_map_at(r, f, 2) = 0.5 / 2 AS map2
FROM (VALUES (ARRAY['nothing', E'xx the\nfact one yy', 'the fact one and fact two'], ARRAY['the fact one', 'facttwo', 'absent'])) v (r, f);
SELECT multihop_map_at(ARRAY['f'], ARRAY['f', 'f'], 10) AS twice, multihop_map_at(ARRAY['f', 'f'], ARRAY['f'], 10) AS again, multihop_map_at('{}', ARRAY['f'], 10) AS none, multihop_mrr_at('{}', ARRAY['f'], 10), multihop_hits_at('{}', ARRAY['f'], 10), multihop_map_at(ARRAY['f'], '{}', 10) IS NULL AS no_facts, multihop_hits_at(ARRAY['f'], '{}', 10) IS NULL AS no_facts;

-- TREC files: out and in again
SELECT count(*), bool_and(r.score = e.score) FROM trec_run((SELECT string_agg(to_trec_run(topic, doc, 7, score / 3, 'me'), E'\n') FROM ev_run)) r JOIN (SELECT topic, doc, score / 3 AS score FROM ev_run) e USING (topic, doc) WHERE rank = 7 AND tag = 'me';
SELECT count(*) FROM trec_qrels((SELECT string_agg(to_trec_qrels(topic, doc, grade), E'\r\n') FROM ev_qrels)) JOIN ev_qrels USING (topic, doc, grade);
SELECT * FROM trec_run(E'\n q1\tQ0  d-1 3   -1.5e2 tag\n\n');
SELECT count(*) FROM trec_run('');
SELECT try('SELECT trec_run(' || quote_literal(l) || ')') FROM unnest(ARRAY['q Q0 d 1 2.5', E'q Q0 d 1 1 t\nq Q0 d 1 x t', 'q Q0 d 1.5 1 t', 'q Q0 d 1 NaN t', 'q Q0 d 1 1 t more']) l;
SELECT try('SELECT trec_qrels(' || quote_literal(l) || ')') FROM unnest(ARRAY['q 0 d', 'q 0 d 99999999999', 'q 0 d 1 2']) l;
SELECT try('SELECT to_trec_run(''a b'', ''d'', 1, 1, ''t'')'), try('SELECT to_trec_run(''a'', '''', 1, 1, ''t'')'), try('SELECT to_trec_qrels(''a'', E''d\n'', 1)'), try('SELECT to_trec_run(''a'', ''d'', 1, ''NaN'', ''t'')');

-- Student's sleep data: t = 4.0621 with 9 degrees of freedom, p = 0.002833; the exact
-- randomisation p by counting all signs in SQL
CREATE TABLE ev_sleep (a float8, b float8);
INSERT INTO ev_sleep VALUES (1.9, .7), (.8, -1.6), (1.1, -.2), (.1, -1.2), (-.1, -.1), (4.4, 3.4), (5.5, 3.7), (1.6, .8), (4.6, 0), (3.4, 2);
SELECT (t).pairs, round((t).mean_difference::numeric, 6) AS mean, round((t).p_value::numeric, 6) AS p FROM (SELECT paired_t_test(a, b) AS t FROM ev_sleep) s;
WITH d AS (SELECT row_number() OVER () - 1 AS i, (10 * (a - b))::numeric::int AS d FROM ev_sleep),
  sums AS (SELECT s, abs(sum(CASE WHEN s >> i::int & 1 = 1 THEN d ELSE -d END)) AS x FROM generate_series(0, 1023) s, d GROUP BY s)
SELECT (count(*) FILTER (WHERE x >= (SELECT abs(sum(d)) FROM d)))::float8 / 1024 AS by_sql, (SELECT (paired_randomization_test(a, b)).p_value FROM ev_sleep) AS exact,
  (SELECT abs((paired_randomization_test(a, b, 1000)).p_value - 0.0039) < 0.004 FROM ev_sleep) AS sampled FROM sums;
-- the order of rows does not matter, nor does the sign
SELECT count(DISTINCT p) FROM (SELECT paired_randomization_test(a, b, 5000 ORDER BY a) p FROM ev_sleep UNION ALL SELECT paired_randomization_test(a, b, 5000 ORDER BY b DESC) FROM ev_sleep) s;
SELECT round((paired_t_test(b, a)).p_value::numeric, 6) AS swapped FROM ev_sleep;
-- p of t = 2 at some degrees of freedom, from tables of the distribution: two rows 0.2952, large n 0.0455
SELECT round((paired_t_test(x, 0)).p_value::numeric, 4) FROM (VALUES (1.0), (3.0)) v (x);
SELECT abs((paired_t_test(x, 0)).p_value - 0.0455) < 0.0002 FROM (SELECT 2 / sqrt(9999.0) + CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END AS x FROM generate_series(1, 10000) i) s;
SELECT paired_t_test(a, a), paired_randomization_test(a, a), paired_t_test(a + 1, a), paired_t_test(a, NULL) FROM (VALUES (1.0::float8), (2.0)) v (a);
SELECT paired_t_test(1, 2), paired_randomization_test(1, 2);
SELECT try('SELECT paired_t_test(''inf'', 1)'), try('SELECT paired_randomization_test(1, 2, 0)');

-- index_recall on core's exact ordering index, and on a partial one
CREATE TABLE ev_points AS SELECT i, point(hashint4(i) & 1023, hashint4(-i) & 1023) AS p FROM generate_series(1, 3000) i;
CREATE INDEX ev_points_p ON ev_points USING gist (p);
CREATE INDEX ev_points_i ON ev_points (i);
SELECT index_recall('ev_points_p'), index_recall('ev_points_p', 7, 5), index_recall('ev_points_p', 5, ARRAY['(0,0)', NULL, '(512,512)']::point[]), index_recall('ev_points_p', 5, '{}'::point[]) IS NULL AS no_queries;
DROP INDEX ev_points_p;
CREATE INDEX "ev points ""x" ON ev_points USING gist ((p + point '(1,1)')) WHERE i % 2 = 0;
SELECT index_recall('"ev points ""x"', 10, 20);
SELECT current_setting('enable_seqscan'), current_setting('enable_indexscan'), current_setting('enable_sort');
SELECT try('SELECT index_recall(''ev_points_i'')'), try('SELECT index_recall(''ev_points'')'), try('SELECT index_recall(''"ev points ""x"'', 0)'), try('SELECT index_recall(''"ev points ""x"'', 1, 0)'), try('SELECT index_recall(''"ev points ""x"'', 1, ARRAY[1])'), try('SELECT index_recall(''ev_absent'')');
-- an index that is wrong: its function has changed for most rows since it was built
CREATE FUNCTION ev_place(i int) RETURNS point LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN point(i & 63, i / 64); END $$;
CREATE INDEX ev_stale ON ev_points USING gist (ev_place(i));
SELECT index_recall('ev_stale', 9);
CREATE OR REPLACE FUNCTION ev_place(i int) RETURNS point LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN point(i & 63, i / 64 + (i & 1) * 100); END $$;
SELECT index_recall('ev_stale', 9) < 0.9 AS stale;
-- privileges are the caller's
CREATE ROLE pgr_ev_nobody;
SET ROLE pgr_ev_nobody;
SELECT try('SELECT index_recall(''"ev points ""x"'')');
RESET ROLE;
DROP ROLE pgr_ev_nobody;
DROP TABLE ev_run, ev_qrels, ev_trec, ev_ours, ev_rows, ev_hand, ev_sleep, ev_points;
DROP FUNCTION ev_place;
