-- The pending area: searched within work_mem, with the same answers as when it is held
-- in memory, and as when its documents are in segments.
-- covers: inv_pending inv_pending_read inv_spill run inspect_inverted_rows sparse_scan
CREATE TABLE pend (id int, body text);
CREATE TABLE pend_sparse (id int, v sparsevec(400));
CREATE INDEX pend_b ON pend USING bm25 (body) WITH (config = 'simple', pending_limit = '1GB');
CREATE INDEX pend_v ON pend_sparse USING inverted (v) WITH (pending_limit = '1GB');
-- long documents too, whose fragments go over several pages
INSERT INTO pend SELECT i, CASE WHEN i % 97 > 0 THEN
	(SELECT string_agg('w' || (i * 37 + n * n * 11) % 1500, ' ') FROM generate_series(1, CASE WHEN i % 500 = 0 THEN 6000 ELSE 20 + i % 50 END) n) END
	FROM generate_series(1, 2500) i;
INSERT INTO pend_sparse SELECT i, CASE WHEN i % 50 > 0 THEN
	(SELECT ('{' || string_agg(d || ':' || (d * i % 19) - 6, ',') || '}/400')::sparsevec FROM (SELECT DISTINCT 1 + (i * 7 + n * 13) % 400 AS d FROM generate_series(1, 10) n) x
		WHERE (d * i % 19) <> 6) END
	FROM generate_series(1, 3000) i;
SELECT pending_documents = documents + nulls AS all_pending, pending_pages > 100 AS large FROM bm25_stats('pend_b');
SELECT pending_documents = documents + nulls AS all_pending, pending_pages > 30 AS large FROM bm25_stats('pend_v');
DELETE FROM pend WHERE id % 10 = 3;
DELETE FROM pend_sparse WHERE id % 10 = 3;

CREATE TABLE pend_answers (way text, query text, answer text);
CREATE FUNCTION pend_ask(way text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE q text; a text;
BEGIN
	FOREACH q IN ARRAY ARRAY[
		'SELECT id, round((body <@> ''w3 w700'')::numeric, 9) FROM pend ORDER BY body <@> ''w3 w700'' LIMIT 200',
		'SELECT id, round((body <@> to_rankquery(''simple'', ''w12*''))::numeric, 9) FROM pend ORDER BY body <@> to_rankquery(''simple'', ''w12*'') LIMIT 100',
		'SELECT id, round((body <@> to_rankquery(''simple'', ''w*''))::numeric, 9) FROM pend ORDER BY body <@> to_rankquery(''simple'', ''w*'') LIMIT 100',
		'SELECT id, round((body <@> to_rankquery(''simple'', ''w121~1 "w37 w70"''))::numeric, 9) FROM pend ORDER BY body <@> to_rankquery(''simple'', ''w121~1 "w37 w70"'') LIMIT 100',
		'SELECT id FROM pend WHERE body @@@ to_rankquery(''simple'', ''w5* -w700'')',
		'SELECT id FROM pend WHERE body @@@ ''w8'' ORDER BY body <@> ''w9''',
		'SELECT id FROM pend ORDER BY body <@> ''w77''',
		'SELECT id, round((v <#> ''{1:2,17:-1,250:.5}/400'')::numeric, 5) FROM pend_sparse ORDER BY v <#> ''{1:2,17:-1,250:.5}/400'' LIMIT 500',
		'SELECT id FROM pend_sparse ORDER BY v <#> ''{1:2,17:-1}/400''']
	LOOP
		-- rows of equal score come in any order
		EXECUTE format('SELECT count(*) || '' '' || md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (%s) x', q) INTO a;
		INSERT INTO pend_answers VALUES (way, q, a);
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SET bm25.reuse_scores = off;
SET work_mem = '64MB';
SELECT pend_ask('held');
SET work_mem = '64kB';
SELECT pend_ask('streamed');
-- the checker needs all at once
SELECT * FROM bm25_check('pend_b');
SELECT * FROM bm25_check('pend_v');
SELECT count(*), sum(df) FROM bm25_terms('pend_b', 'w12') t (term, df, cf);
SET maintenance_work_mem = '1MB';
SELECT bm25_merge('pend_b'), bm25_merge('pend_v');
SELECT segments, pending_pages FROM bm25_stats('pend_b');
SELECT count(*), sum(df) FROM bm25_terms('pend_b', 'w12') t (term, df, cf);
SELECT pend_ask('sealed');
SELECT query, string_agg(DISTINCT way, ', ') FROM pend_answers GROUP BY query HAVING count(DISTINCT answer) > 1;
SELECT way, count(*), count(*) FILTER (WHERE answer ~ '^[1-9]') FROM pend_answers GROUP BY way ORDER BY way;
SELECT * FROM bm25_check('pend_b');
SELECT * FROM bm25_check('pend_v');
DROP TABLE pend, pend_sparse, pend_answers;
DROP FUNCTION pend_ask;

-- documents larger than the limit: inserts seal as much as they add
CREATE TABLE pend_large (t text);
CREATE INDEX pend_large_b ON pend_large USING bm25 (t) WITH (config = 'simple', pending_limit = '64kB');
INSERT INTO pend_large SELECT (SELECT string_agg('w' || d * 10000 + g, ' ') FROM generate_series(1, 10000) g) FROM generate_series(1, 12) d;
SELECT documents, pending_documents, pending_pages < 16 AS few_pages FROM bm25_stats('pend_large_b');
SELECT * FROM bm25_check('pend_large_b');
DROP TABLE pend_large;

-- the order is that of sums in single precision, which the estimates of 16,000 dimensions are far from
CREATE TABLE pend_wide (id int, v sparsevec(16000));
CREATE INDEX pend_wide_v ON pend_wide USING inverted (v);
INSERT INTO pend_wide SELECT 1, ('{' || string_agg(i || ':1.02295005', ',') || '}/16000')::sparsevec FROM generate_series(1, 16000) i;
INSERT INTO pend_wide VALUES (2, '{1:16370}/16000');
SELECT '{' || string_agg(i || ':1', ',') || '}/16000' AS ones FROM generate_series(1, 16000) i \gset
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id, v <#> :'ones' AS distance FROM pend_wide ORDER BY v <#> :'ones';
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE pend_wide;
