-- How good each search is on judged questions: nDCG@10 and recall, means over topics.
-- Tables questions (topic, question, qvec, qtokens) and qrels (topic, doc, grade).
-- Then nDCG@10 against what a search should improve on.
-- A run is the first hundred of each search; -rank as the score keeps its order.
CREATE TEMP TABLE run (name text, topic text, doc text, rank int);
CREATE TEMP TABLE spent (name text, took interval);
CREATE TEMP TABLE started AS SELECT clock_timestamp() AS at;

\set words 'leg(''words'', ''<@>'', question)'
\set vectors 'leg(''embedding'', ''<=>'', qvec)'

\set name '1 words (bm25)'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words], 100);
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '2 vectors (hnsw)'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:vectors], 100);
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '3 fused by rank (RRF)'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words, :vectors], 100);
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '4 fused by score (CC)'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words, :vectors], 100, method => 'cc');
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '5 RRF, then MaxSim alone'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words, :vectors], 100,
    rerank => leg('tokens', '@#', qtokens, depth => 100), rerank_weight => 1);
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '6 RRF mixed with MaxSim'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words, :vectors], 100,
    rerank => leg('tokens', '@#', qtokens, depth => 100));
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

\set name '7 CC mixed with MaxSim'
INSERT INTO run SELECT :'name', topic, hit, rank
FROM questions, hybrid_search('docs', 'id', ARRAY[:words, :vectors], 100, method => 'cc',
    rerank => leg('tokens', '@#', qtokens, depth => 100));
INSERT INTO spent SELECT :'name', clock_timestamp() - at FROM started;
UPDATE started SET at = clock_timestamp();

CREATE TEMP TABLE quality AS
SELECT name, topic, ndcg(doc, -rank, grade, 10) AS ndcg, recall_at(doc, -rank, grade, 10) AS r10,
       recall_at(doc, -rank, grade, 100) AS r100
FROM run FULL JOIN (SELECT name, q.* FROM spent, qrels q) judged USING (name, topic, doc)
GROUP BY name, topic;

SELECT substr(name, 3), to_char(avg(ndcg), '9.000'), to_char(avg(r10), '9.000'), to_char(avg(r100), '9.000'),
       to_char(extract(epoch FROM max(took)) * 1000 / (SELECT count(*) FROM questions), '9990.0')
FROM quality JOIN spent USING (name)
GROUP BY name ORDER BY name;

-- Whether that is chance: the same questions by two searches, by randomisation.
WITH better AS (SELECT name FROM quality WHERE name < '3' GROUP BY name ORDER BY avg(ndcg) DESC LIMIT 1),
     pairs AS (SELECT a, name AS b FROM better, unnest(ARRAY['3 fused by rank (RRF)', '4 fused by score (CC)']) a
               UNION ALL VALUES ('5 RRF, then MaxSim alone', '3 fused by rank (RRF)'),
                                ('6 RRF mixed with MaxSim', '3 fused by rank (RRF)'),
                                ('7 CC mixed with MaxSim', '4 fused by score (CC)'))
SELECT substr(a, 3), substr(b, 3), to_char(avg(x.ndcg - y.ndcg), 'SG0.000'),
       to_char((paired_randomization_test(x.ndcg, y.ndcg, 20000)).p_value, 'FM0.0000')
FROM pairs JOIN quality x ON x.name = a JOIN quality y ON y.name = b AND y.topic = x.topic
GROUP BY a, b ORDER BY a;
