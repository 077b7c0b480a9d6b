-- What an index knows of rows is looked up: the same scores and matches as if each row
-- were analysed, wherever they are asked for, and few rows are.
-- covers: search_match_build bm25_memo segment_merge inv_scan_rest score_memo inv_accumulate
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;

-- documents of one and two fields, some of equal content, some dead, some NULL, some pending
CREATE TABLE reuse (id int, body text, parts text[]);
INSERT INTO reuse SELECT i, b, CASE WHEN i % 50 > 0 THEN ARRAY[split_part(b, ' ', 1), b] END
FROM generate_series(1, 900) i, LATERAL (SELECT string_agg('w' || (power((hashint8((i % 700) * 1000 + k) & 65535) / 65536.0, 2) * 40)::int, ' ' ORDER BY k) AS b
	FROM generate_series(1, 3 + i % 700 % 23) k) l;
CREATE INDEX reuse_body ON reuse USING bm25 (body) WITH (config = 'simple');
CREATE INDEX reuse_parts ON reuse USING bm25 (parts) WITH (config = 'simple', fields = 2, scoring = 'bm25f', field_weights = '3,1');
CREATE INDEX reuse_dirichlet ON reuse USING bm25 ((body || ' w1')) WITH (config = 'simple', scoring = 'dirichlet');
CREATE INDEX reuse_bare ON reuse USING bm25 ((body || ' w2')) WITH (config = 'simple', positions = off);
DELETE FROM reuse WHERE id % 9 = 0;
VACUUM reuse;
INSERT INTO reuse SELECT i, 'w3 w4 w' || i % 60, ARRAY['w3', 'w' || i % 60] FROM generate_series(901, 1000) i;

CREATE TABLE reuse_queries AS SELECT q, to_rankquery('simple', q) AS rq FROM unnest(ARRAY['w1 w2', 'w30', '"w1 w2"', '"w1 w2"~3', '+w1 -w2', 'NOT w1', 'w1^0', 'w1^0 w7',
	'w1* w20', 'w12~1', '+w1 w2 w3 w4', '(w1 w2 w3 w4)~3', '1:w1', '2:w1 w3', '1:"w1"', 'w1 AND NOT (w2 OR "w3 w4")', 'nothing', '', '"w1 w2" OR w40', 'w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17 w18 w19']) q;
-- each query asked of all rows, in an order of its own
CREATE FUNCTION reuse_answers(index regclass, content text) RETURNS TABLE (q text, id int, score float8, match boolean) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM reuse_queries LOOP
		RETURN QUERY EXECUTE format('SELECT $1, id, bm25_score(%1$s, bm25_bind($2, $3)), %1$s @@@ bm25_bind($2, $3) FROM (SELECT * FROM reuse ORDER BY hashint4(id + length($1)) OFFSET 0) r', content) USING r.q, r.rq, index;
	END LOOP;
END $$;
CREATE TABLE reuse_ways AS SELECT * FROM (VALUES ('reuse_body', 'body'), ('reuse_parts', 'parts'), ('reuse_dirichlet', 'body || '' w1'''), ('reuse_bare', 'body || '' w2''')) v (index, content);
SET bm25.reuse_scores = off;
CREATE TABLE reuse_expected AS SELECT index, a.* FROM reuse_ways, reuse_answers(index::regclass, content) a;
SET bm25.reuse_scores = on;
CREATE TABLE reuse_got AS SELECT index, a.* FROM reuse_ways, reuse_answers(index::regclass, content) a;
SELECT index, count(*), count(*) FILTER (WHERE e.score > 0) > 3000 AS scored, count(*) FILTER (WHERE g.score IS DISTINCT FROM e.score OR g.match IS DISTINCT FROM e.match)
FROM reuse_expected e JOIN reuse_got g USING (index, q, id) GROUP BY 1 ORDER BY 1;
-- beside a condition, by bitmap and by index, and in an ordered scan of everything
SET enable_seqscan = off;
CREATE TABLE reuse_beside AS SELECT id, body <@> 'w1 w30' AS s FROM reuse WHERE body @@@ 'w30 w2';
SET enable_bitmapscan = off;
INSERT INTO reuse_beside SELECT id, body <@> 'w1 w30' AS s FROM reuse WHERE body @@@ 'w30 w2';
RESET enable_bitmapscan;
SET enable_sort = off;
CREATE TABLE reuse_ordered AS SELECT id, body <@> 'w1 w30' AS s, row_number() OVER () AS n FROM reuse ORDER BY body <@> 'w1 w30';
RESET enable_sort;
RESET enable_seqscan;
SET bm25.reuse_scores = off;
SELECT count(*), count(*) FILTER (WHERE b.s IS DISTINCT FROM bm25_score(body, bm25_bind('w1 w30', 'reuse_body')) * -1) FROM reuse_beside b JOIN reuse USING (id);
SELECT count(*), count(*) FILTER (WHERE o.s IS DISTINCT FROM bm25_score(body, bm25_bind('w1 w30', 'reuse_body')) * -1), bool_and(s >= before) FROM (SELECT *, lag(s, 1, s) OVER (ORDER BY n) AS before FROM reuse_ordered) o JOIN reuse USING (id);
RESET bm25.reuse_scores;
-- partitions: one memo for all
CREATE TABLE reuse_p (id int, body text) PARTITION BY RANGE (id);
CREATE TABLE reuse_p1 PARTITION OF reuse_p FOR VALUES FROM (0) TO (500);
CREATE TABLE reuse_p2 PARTITION OF reuse_p FOR VALUES FROM (500) TO (2000);
INSERT INTO reuse_p SELECT id, body FROM reuse;
CREATE INDEX reuse_p_b ON reuse_p USING bm25 (body) WITH (config = 'simple');
CREATE TABLE reuse_p_got AS SELECT id, body <@> 'w1 w30' AS s FROM reuse_p;
SET bm25.reuse_scores = off;
SELECT count(*), count(*) FILTER (WHERE g.s IS DISTINCT FROM body <@> bm25_bind('w1 w30', 'reuse_p_b')) FROM reuse_p_got g JOIN reuse_p USING (id);
RESET bm25.reuse_scores;

-- How many rows are analysed: the parser gives a NOTICE for the long word of each.
CREATE TABLE reuse_long AS SELECT i AS id, 'w' || i % 7 || ' common ' || repeat('x', 2100) || ' ' || repeat('pad ', 400) AS body FROM generate_series(1, 600) i;
CREATE INDEX reuse_long_b ON reuse_long USING bm25 (body) WITH (config = 'simple');
VACUUM ANALYZE reuse_long;
RESET client_min_messages;
SELECT count(*), count(s) FILTER (WHERE s < 0) FROM (SELECT body <@> 'w3' AS s FROM reuse_long WHERE body @@@ 'w3' OFFSET 0) x;
SET enable_indexscan = off;
SET work_mem = '64kB';
SELECT count(*), count(s) FILTER (WHERE s < 0) FROM (SELECT body <@> 'w3 w5' AS s FROM reuse_long WHERE body @@@ 'w3 w4' OFFSET 0) x;
RESET work_mem;
SET enable_bitmapscan = off;
SELECT count(*), count(s) FILTER (WHERE s < 0) FROM (SELECT body <@> 'w3' AS s FROM reuse_long OFFSET 0) x;
RESET enable_indexscan;
SET enable_seqscan = off;
SELECT count(*), count(s) FILTER (WHERE s < 0) FROM (SELECT body <@> 'w3' AS s FROM reuse_long ORDER BY body <@> 'w3' OFFSET 0) x;
