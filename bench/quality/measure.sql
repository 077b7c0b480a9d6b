-- Searches of one collection and how good they are. Tables in the search_path: docs and queries
-- (id, body, v, t, p [, s]), qrels (topic, doc, grade), perhaps queries_train and qrels_train.
-- s is there with the variable splade. Everything that reranks does so over the first hundred of
-- what it follows. Prints lines of table, row, value, separated by tabs, for quality.py.
SET hnsw.ef_search = 120;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE UNLOGGED TABLE small AS SELECT id, t::multivector(384, i8) AS t8,
	multivector_pool(t, 2)::multivector(384, i8) AS c2, multivector_pool(t, 3)::multivector(384, i8) AS c3 FROM docs;
CREATE UNLOGGED TABLE whole AS SELECT d.*, t8, c2, c3 FROM docs d JOIN small USING (id);
DROP TABLE docs, small;
ALTER TABLE whole RENAME TO docs;
ALTER TABLE docs ADD PRIMARY KEY (id);
CREATE INDEX ON docs USING bm25 (body) WITH (config = 'english');
CREATE INDEX ON docs USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE docs;

CREATE TABLE run (name text, topic text, doc text, rank int, score float8);
CREATE TABLE spent (name text, took interval);
-- measure(name, legs, further arguments, queries, rows wanted): a run of hybrid_search
CREATE PROCEDURE measure(called text, legs text, rest text DEFAULT '', q text DEFAULT 'queries', k int DEFAULT 100) LANGUAGE plpgsql AS $$
DECLARE started timestamptz := clock_timestamp();
BEGIN
	EXECUTE format('INSERT INTO run SELECT %L, q.id, h.hit, h.rank, h.score FROM %I q, hybrid_search(''docs'', ''id'', ARRAY[%s], %s%s) h', called, q, legs, k, rest);
	INSERT INTO spent VALUES (called, clock_timestamp() - started);
END $$;
-- rerank(column, method [, weight [, the query's column]]): further arguments
CREATE FUNCTION rerank(c text, method text, weight text DEFAULT 'NULL', q text DEFAULT 't') RETURNS text LANGUAGE sql AS
	$$ SELECT format(', method => %L, rerank => leg(%L, ''@#'', q.%I, depth => 100), rerank_weight => %s', method, c, q, weight) $$;

\set words 'leg(''body'', ''<@>'', q.body)'
\set vectors 'leg(''v'', ''<=>'', q.v)'
\set both 'leg(''body'', ''<@>'', q.body), leg(''v'', ''<=>'', q.v)'
CALL measure('01 BM25', :'words');
CALL measure('02 MiniLM', :'vectors');
CALL measure('04 MiniLM, MaxSim alone', :'vectors', rerank('t8', 'rrf', '1'));
CALL measure('05 RRF', :'both');
CALL measure('06 CC', :'both', ', method => ''cc''');
CALL measure('07 RRF, MaxSim alone', :'both', rerank('t8', 'rrf', '1'));
CALL measure('08 CC, MaxSim alone', :'both', rerank('t8', 'cc', '1'));
CALL measure('09 RRF mixed with MaxSim', :'both', rerank('t8', 'rrf'));
CALL measure('10 CC mixed with MaxSim', :'both', rerank('t8', 'cc'));
CALL measure('11 the same, f16', :'both', rerank('t', 'cc'));
CALL measure('12 the same, projected to 128, i8', :'both', rerank('p', 'cc', q => 'p'));
CALL measure('13 the same, pooled by 2, i8', :'both', rerank('c2', 'cc'));
CALL measure('14 the same, pooled by 3, i8', :'both', rerank('c3', 'cc'));
\if :splade
CREATE INDEX ON docs USING inverted (s);
VACUUM docs;
CALL measure('03 SPLADE', 'leg(''s'', ''<#>'', q.s)');
CALL measure('15 RRF of SPLADE and MiniLM', 'leg(''s'', ''<#>'', q.s), leg(''v'', ''<=>'', q.v)');
CALL measure('16 RRF of BM25, SPLADE and MiniLM', 'leg(''s'', ''<#>'', q.s), leg(''body'', ''<@>'', q.body), leg(''v'', ''<=>'', q.v)');
\endif

CREATE TABLE quality AS
SELECT name, topic, ndcg(doc, -rank, grade, 10) AS ndcg, recall_at(doc, -rank, grade, 100) AS recall
FROM run FULL JOIN (SELECT name, j.* FROM (SELECT DISTINCT name FROM run) n, qrels j) judged USING (name, topic, doc)
GROUP BY name, topic HAVING max(grade) >= 1;

\pset fieldsep '\t'
\ir depth.sql
SELECT 'nDCG@10', name, to_char(avg(ndcg), 'FM0.000') FROM quality GROUP BY name;
SELECT 'recall@100', name, to_char(avg(recall), 'FM0.000') FROM quality WHERE name !~ 'MaxSim|the same' GROUP BY name;
SELECT 'ms a search', name, to_char(extract(epoch FROM took) * 1000 / (SELECT count(*) FROM queries), 'FM9990.0') FROM spent;
CREATE TABLE bytes AS
SELECT '02 MiniLM' AS name, avg(pg_column_size(v)) AS bytes FROM docs
UNION ALL SELECT '10 tokens, i8', avg(pg_column_size(t8)) FROM docs UNION ALL SELECT '11 tokens, f16', avg(pg_column_size(t)) FROM docs
UNION ALL SELECT '12 tokens, projected to 128, i8', avg(pg_column_size(p)) FROM docs
UNION ALL SELECT '13 tokens, pooled by 2, i8', avg(pg_column_size(c2)) FROM docs UNION ALL SELECT '14 tokens, pooled by 3, i8', avg(pg_column_size(c3)) FROM docs;
\if :splade
INSERT INTO bytes SELECT '03 SPLADE', avg(pg_column_size(s)) FROM docs;
\endif
SELECT 'bytes a document', name, round(bytes) FROM bytes;

CREATE VIEW better AS SELECT name FROM quality WHERE name IN ('01 BM25', '02 MiniLM') GROUP BY name ORDER BY avg(ndcg) DESC LIMIT 1;
SELECT 'difference', format('%s against %s', a, called), format('%s (%s)', to_char(avg(x.ndcg - y.ndcg), 'SG0.0000'),
	to_char((paired_randomization_test(x.ndcg, y.ndcg, 20000)).p_value, 'FM0.0000'))
FROM (SELECT a, name AS b, 'the better leg' AS called FROM better, unnest(ARRAY['05 RRF', '06 CC']) a
	UNION ALL SELECT a, b, regexp_replace(b, '^\S+ ', '') FROM (VALUES ('04 MiniLM, MaxSim alone', '02 MiniLM'), ('07 RRF, MaxSim alone', '05 RRF'), ('08 CC, MaxSim alone', '06 CC'),
		('09 RRF mixed with MaxSim', '05 RRF'), ('10 CC mixed with MaxSim', '06 CC'), ('11 the same, f16', '10 CC mixed with MaxSim'),
		('12 the same, projected to 128, i8', '10 CC mixed with MaxSim'), ('13 the same, pooled by 2, i8', '10 CC mixed with MaxSim'), ('14 the same, pooled by 3, i8', '10 CC mixed with MaxSim'),
		('03 SPLADE', '01 BM25'), ('15 RRF of SPLADE and MiniLM', '05 RRF'), ('16 RRF of BM25, SPLADE and MiniLM', '05 RRF')) v(a, b)) c
JOIN quality x ON x.name = a JOIN quality y ON y.name = b AND y.topic = x.topic GROUP BY a, b, called;

-- the weight: on training queries where there are some
SELECT to_regclass('queries_train') IS NOT NULL AS train \gset
\if :train
CALL measure('train rrf', :'both', '', 'queries_train');
CALL measure('train cc', :'both', ', method => ''cc''', 'queries_train');
CREATE TABLE train_pairs AS SELECT name, topic, doc, score, -(d.t8 @# q.t) AS m FROM run JOIN docs d ON d.id = doc JOIN queries_train q ON q.id = topic WHERE name LIKE 'train%';
SELECT 'weight', name, string_agg(to_char(mean, 'FM0.0000'), ' | ' ORDER BY w)
FROM (SELECT name, w, avg(ndcg) AS mean FROM (
	SELECT name, w, topic, ndcg(doc, mixed, grade, 10) AS ndcg
	FROM (SELECT name, w, topic, doc, (1 - w) * norm_minmax(score) OVER x + w * coalesce(norm_minmax(m) OVER x, 0) AS mixed
		FROM train_pairs, (SELECT i / 10.0::float8 AS w FROM generate_series(0, 10) i) weights WINDOW x AS (PARTITION BY name, w, topic)) s
	FULL JOIN (SELECT name, i / 10.0::float8 AS w, j.* FROM (SELECT DISTINCT name FROM train_pairs) n, generate_series(0, 10) i, qrels_train j) judged USING (name, w, topic, doc)
	GROUP BY name, w, topic) t GROUP BY name, w) m GROUP BY name;
\endif
