-- Searches of one collection and how good they are. Tables in the search_path: docs and queries
-- (id, body, v, t, p), qrels (topic, doc, grade), perhaps queries_train and qrels_train.
-- Everything that reranks does so over the first hundred of a fused search.
SET hnsw.ef_search = 120;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
\if :{?pooled}
\else
\set pooled 100
\endif
CREATE INDEX ON docs USING bm25 (body) WITH (config = 'english');
CREATE INDEX ON docs USING hnsw (v vector_cosine_ops);
CREATE UNLOGGED TABLE small AS SELECT id, t::multivector(384, i8) AS t8 FROM docs;
ALTER TABLE docs ADD t8 multivector(384, i8);
UPDATE docs SET t8 = small.t8 FROM small WHERE small.id = docs.id;
VACUUM ANALYZE docs;

CREATE TABLE run (name text, topic text, doc text, rank int, score float8);
CREATE TABLE spent (name text, took interval);
CREATE PROCEDURE measure(called text, legs text, rest text DEFAULT '', q text DEFAULT 'queries') LANGUAGE plpgsql AS $$
DECLARE started timestamptz := clock_timestamp();
BEGIN
	EXECUTE format('INSERT INTO run SELECT %L, q.id, h.hit, h.rank, h.score FROM %I q, hybrid_search(''docs'', ''id'', ARRAY[%s], 100%s) h', called, q, legs, rest);
	INSERT INTO spent VALUES (called, clock_timestamp() - started);
END $$;

\set words 'leg(''body'', ''<@>'', q.body)'
\set both 'leg(''body'', ''<@>'', q.body), leg(''v'', ''<=>'', q.v)'
CALL measure('1 BM25', :'words');
CALL measure('2 MiniLM', 'leg(''v'', ''<=>'', q.v)');
CALL measure('3 RRF', :'both');
CALL measure('4 CC', :'both', ', method => ''cc''');
CALL measure('5 RRF, MaxSim alone', :'both', ', rerank => leg(''t8'', ''@#'', q.t, depth => 100), rerank_weight => 1');
CALL measure('6 CC, MaxSim alone', :'both', ', method => ''cc'', rerank => leg(''t8'', ''@#'', q.t, depth => 100), rerank_weight => 1');
CALL measure('7 RRF mixed with MaxSim', :'both', ', rerank => leg(''t8'', ''@#'', q.t, depth => 100)');
CALL measure('8 CC mixed with MaxSim', :'both', ', method => ''cc'', rerank => leg(''t8'', ''@#'', q.t, depth => 100)');

-- other token vectors: the same mix over CC's hundred
CREATE UNLOGGED TABLE pooled AS SELECT id, multivector_pool(t, 2)::multivector(384, i8) AS c2, multivector_pool(t, 3)::multivector(384, i8) AS c3
FROM docs WHERE id IN (SELECT doc FROM run WHERE name = '4 CC' AND rank <= :pooled);
CREATE TABLE pairs AS SELECT topic, doc, score, -(d.t @# q.t) AS f16, -(d.p @# q.p) AS p, -(c2 @# q.t) AS c2, -(c3 @# q.t) AS c3
FROM run JOIN docs d ON d.id = doc LEFT JOIN pooled c ON c.id = doc JOIN queries q ON q.id = topic WHERE name = '4 CC';
INSERT INTO run SELECT name, topic, doc, row_number() OVER (PARTITION BY name, topic ORDER BY mixed DESC, doc), mixed
FROM (SELECT name, topic, doc, .6 * norm_minmax(score) OVER w + .4 * coalesce(norm_minmax(m) OVER w, 0) AS mixed
	FROM pairs, LATERAL (VALUES ('9a the same, f16', f16), ('9b the same, projected to 128, i8', p), ('9c the same, pooled by 2, i8', c2), ('9d the same, pooled by 3, i8', c3)) v(name, m)
	WHERE :pooled > 0 OR name < '9c'
	WINDOW w AS (PARTITION BY name, topic)) s;
CREATE TABLE bytes AS
SELECT '2 MiniLM' AS name, avg(pg_column_size(v)) AS bytes FROM docs
UNION ALL SELECT '8 CC mixed with MaxSim', avg(pg_column_size(t8)) FROM docs UNION ALL SELECT '9a the same, f16', avg(pg_column_size(t)) FROM docs
UNION ALL SELECT '9b the same, projected to 128, i8', avg(pg_column_size(p)) FROM docs
UNION ALL SELECT '9c the same, pooled by 2, i8', avg(pg_column_size(c2)) FROM pooled UNION ALL SELECT '9d the same, pooled by 3, i8', avg(pg_column_size(c3)) FROM pooled;

CREATE TABLE quality AS
SELECT name, topic, ndcg(doc, -rank, grade, 10) AS ndcg, recall_at(doc, -rank, grade, 100) AS recall
FROM run FULL JOIN (SELECT name, j.* FROM (SELECT DISTINCT name FROM run) n, qrels j) judged USING (name, topic, doc)
GROUP BY name, topic HAVING max(grade) >= 1;

\echo '| | nDCG@10 | recall@100 | ms a search | bytes a document |'
\echo '|---|---|---|---|---|'
SELECT format('| %s | %s | %s | %s | %s |', regexp_replace(name, '^\S+ ', ''), to_char(avg(ndcg), 'FM0.000'), to_char(avg(recall), 'FM0.000'),
	coalesce(to_char(extract(epoch FROM max(took)) * 1000 / (SELECT count(*) FROM queries), 'FM9990.0'), ''), coalesce(to_char(max(bytes), 'FM999999'), ''))
FROM quality LEFT JOIN spent USING (name) LEFT JOIN bytes USING (name) GROUP BY name ORDER BY name;

\echo
\echo '| | difference of nDCG@10 | p, paired t | p, randomisation |'
\echo '|---|---|---|---|'
CREATE VIEW better AS SELECT name FROM quality WHERE name IN ('1 BM25', '2 MiniLM') GROUP BY name ORDER BY avg(ndcg) DESC LIMIT 1;
SELECT format('| %s, against %s | %s | %s | %s |', substr(a, 3), substr(b, 3), to_char(avg(x.ndcg - y.ndcg), 'SG0.0000'),
	to_char((paired_t_test(x.ndcg, y.ndcg)).p_value, '0.0000'), to_char((paired_randomization_test(x.ndcg, y.ndcg, 20000)).p_value, '0.0000'))
FROM (SELECT '3 RRF' AS a, name AS b FROM better UNION ALL SELECT '4 CC', name FROM better
	UNION ALL VALUES ('5 RRF, MaxSim alone', '3 RRF'), ('6 CC, MaxSim alone', '4 CC'), ('7 RRF mixed with MaxSim', '3 RRF'), ('8 CC mixed with MaxSim', '4 CC')) c
JOIN quality x ON x.name = a JOIN quality y ON y.name = b AND y.topic = x.topic GROUP BY a, b ORDER BY a;

-- the weight: on training queries where there are some
SELECT to_regclass('queries_train') IS NOT NULL AS train \gset
\if :train
CALL measure('train rrf', :'both', '', 'queries_train');
CALL measure('train cc', :'both', ', method => ''cc''', 'queries_train');
CREATE TABLE train_pairs AS SELECT name, topic, doc, score, -(d.t8 @# q.t) AS m FROM run JOIN docs d ON d.id = doc JOIN queries_train q ON q.id = topic WHERE name LIKE 'train%';
\echo
\echo 'Training queries, nDCG@10 by the weight of MaxSim:'
\echo
\echo '| | 0 | .1 | .2 | .3 | .4 | .5 | .6 | .7 | .8 | .9 | 1 |'
\echo '|---|---|---|---|---|---|---|---|---|---|---|---|'
SELECT format('| %s | %s |', name, string_agg(to_char(mean, 'FM0.0000'), ' | ' ORDER BY w))
FROM (SELECT name, w, avg(ndcg) AS mean FROM (
	SELECT name, w, topic, ndcg(doc, mixed, grade, 10) AS ndcg
	FROM (SELECT name, w, topic, doc, (1 - w) * norm_minmax(score) OVER x + w * coalesce(norm_minmax(m) OVER x, 0) AS mixed
		FROM train_pairs, (SELECT i / 10.0::float8 AS w FROM generate_series(0, 10) i) weights WINDOW x AS (PARTITION BY name, w, topic)) s
	FULL JOIN (SELECT name, i / 10.0::float8 AS w, j.* FROM (SELECT DISTINCT name FROM train_pairs) n, generate_series(0, 10) i, qrels_train j) judged USING (name, w, topic, doc)
	GROUP BY name, w, topic) t GROUP BY name, w) m GROUP BY name ORDER BY name;
\endif
