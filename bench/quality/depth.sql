-- What depth is worth: of legs and rerank, with ten rows wanted. measure.sql includes it.
SELECT format('SET hnsw.ef_search = %s; CALL measure(%L, %L, %L, k => 10)', greatest(d * 6 / 5, 40), format('%s mixed with MaxSim, depth %s', upper(method), lpad(d::text, 3)),
	format('leg(''body'', ''<@>'', q.body, depth => %1$s), leg(''v'', ''<=>'', q.v, depth => %1$s)', d),
	format(', method => %L, rerank => leg(''t8'', ''@#'', q.t, depth => %s)', method, d))
FROM unnest(ARRAY['rrf', 'cc']) method, unnest(ARRAY[20, 50, 100, 200]) d ORDER BY method DESC, d \gexec
SET hnsw.ef_search = 120;
SELECT 'depth', name, to_char(avg(ndcg), 'FM0.000')
FROM (SELECT name, topic, ndcg(doc, -rank, grade, 10) AS ndcg
	FROM run FULL JOIN (SELECT name, j.* FROM (SELECT DISTINCT name FROM run) n, qrels j) judged USING (name, topic, doc)
	WHERE name LIKE '%, depth %' GROUP BY name, topic HAVING max(grade) >= 1) t GROUP BY name;
SELECT 'ms by depth', name, to_char(extract(epoch FROM took) * 1000 / (SELECT count(*) FROM queries), 'FM9990.0') FROM spent WHERE name LIKE '%, depth %';
DELETE FROM spent WHERE name LIKE '%, depth %';
