-- Long texts, odd queries, and what headlines cost.
-- covers: headline highlight chunk cjk lex_kept
\pset format unaligned
\pset tuples_only on

-- a long text without white space gives the words that to_tsvector gives
SELECT repeat('a,', 8191) || 'straddle,b' @@@ 'straddle', repeat('a,', 8191) || 'straddle,b' @@@ 'raddle';
CREATE TABLE unspaced AS
SELECT i AS id, t FROM generate_series(1, 9) i, LATERAL (SELECT string_agg((ARRAY['w', 'foo', 'Bar', 'x1', 'http://ex.com/a', '12.5', 'a-b-c', 'ü'])[1 + (h & 7)] || (h >> 3) % 1000
	|| (ARRAY[',', ';', '/', '.', '-', '@', '_', '|', '<b>', '=', '''', '"', ':'])[1 + (h >> 13) % CASE i % 3 WHEN 0 THEN 13 WHEN 1 THEN 2 ELSE 7 END], '' ORDER BY k) AS t
	FROM generate_series(1, 5000) k, LATERAL (SELECT hashint8(i * 100000 + k) & 2147483647 AS h) l) l;
CREATE INDEX unspaced_t ON unspaced USING bm25 (t) WITH (config = 'simple');
SELECT count(*) > 8000, count(*) FILTER (WHERE word IS NULL), count(*) FILTER (WHERE term IS NULL), count(*) FILTER (WHERE ndoc <> df)
FROM ts_stat('SELECT to_tsvector(''simple'', t) FROM unspaced') FULL JOIN bm25_terms('unspaced_t') ON word = term;
CREATE TABLE commas AS SELECT string_agg('w' || i, ',' ORDER BY i) AS t FROM generate_series(1, 20000) i;
-- positions go on over the cuts
SELECT t @@@ to_rankquery('simple', '"w8199 w8200 w8201 w8202"'), t @@@ to_rankquery('simple', '"w1 w19000"~10000'), t @@@ to_rankquery('simple', '"w1 w9000"~8998'), t @@@ to_rankquery('simple', '"w1 w9000"~8997')
FROM commas;
-- a word longer than any chunk is left out whole, with one NOTICE, and in a query
SELECT 'begin ' || repeat('x', 100000) || 'tail last' @@@ 'tail';
SELECT 'begin ' || repeat('x', 100000) || 'tail last' @@@ to_rankquery('simple', '"begin last"');
SELECT 'last' @@@ ('begin ' || repeat('x', 3000000) || 'tail last');

-- queries: what cannot be meant is passed over, and no word is lost or made up
SELECT q, to_rankquery('simple', q) FROM unnest(ARRAY['a NOT NOT c', 'a NOT NOT NOT c', '-NOT c a', 'a NOT', 'NOT AND c', 'a NOT OR b', '"a b"~-1', '"a b"~-1 c', 'x^-1', 'x^1e3', 'x^1E-1', 'x^1e999', 'w~-1', 'a^2.5*', '"a b"^1e1~2', 'x^+2', 'c++', 'a^-', 'a -1', 'x^2em']) q;
-- where fields have names there are no others; a field that documents do not have is any
SELECT q, to_rankquery('simple', q, '{title,body}') FROM unnest(ARRAY['title:a', 'A:a', 'C:a', '2:a', '3:a']) q;
SELECT q, 'chronic hepatitis' @@@ to_rankquery('english', q), ARRAY['chronic', 'b'] @@@ to_rankquery('english', q), bm25_score('chronic hepatitis', to_rankquery('english', q)) > 0
FROM unnest(ARRAY['B:chronic', '2:"chronic hepatitis"', '2:foo', 'NOT 2:chronic', '1:chronic', '2:chron*']) q;
CREATE TABLE one_field AS SELECT i AS id, 'common w' || i AS body FROM generate_series(1, 200) i;
CREATE INDEX one_field_b ON one_field USING bm25 (body) WITH (config = 'simple');
SET enable_seqscan = off;
SELECT id, round((body <@> to_rankquery('simple', '2:w7 common'))::numeric, 4) FROM one_field ORDER BY body <@> to_rankquery('simple', '2:w7 common') LIMIT 2;
SELECT count(*) FROM one_field WHERE body @@@ to_rankquery('simple', 'C:w9 B:w8');
SELECT count(*) FROM one_field WHERE body @@@ to_rankquery('simple', 'common -2:w8');
RESET enable_seqscan;
-- of 310,000 words the first 300,000
SELECT count(*), max(w::int) FROM (SELECT (regexp_matches(to_rankquery('simple', (SELECT string_agg('w' || i, ' ' ORDER BY i) FROM generate_series(1, 310000) i))::text, '''w(\d+)''', 'g'))[1] AS w) l;

-- many marks and fragments: in proportion to the text
CREATE TABLE many_marks AS SELECT string_agg(CASE WHEN i % 10 = 0 THEN 'fox' WHEN i % 97 = 0 THEN 'lazy dog' ELSE 'w' || i % 977 END, ' ' ORDER BY i) AS t FROM generate_series(1, 200000) i;
SET statement_timeout = '20s';
SELECT length(h) BETWEEN 30000 AND 60000, cardinality(string_to_array(h, ' ... ')) FROM (SELECT bm25_headline('simple', t, 'fox w5', 'MaxFragments=200') AS h FROM many_marks) l;
SELECT length(bm25_headline('simple', t, to_rankquery('simple', 'fox "lazy dog"~3 w1*'), 'MaxFragments=2000, MaxWords=20000')) > 1000000 FROM many_marks;
SELECT length(bm25_headline('simple', repeat('a b ', 20000), to_rankquery('simple', '"' || repeat('a b ', 2000) || '"~5'), 'MaxFragments=10')) > 0;
RESET statement_timeout;
-- the best windows, apart from each other; the first of equals
SELECT bm25_headline('simple', 'a b x x x x x x a x x x x x a b c x x x x x x b c x', 'a b c', 'MaxFragments=' || n || ', MaxWords=3, MinWords=1, ShortWord=0') FROM generate_series(1, 5) n;
-- which field the text is
SELECT f, bm25_headline('simple', 'red fox and dog', to_rankquery('simple', 'title:fox body:dog "red fox" 2:"and dog"', '{title,body}'), f) FROM unnest(ARRAY['', 'Field=1', 'Field=B', 'Field=3']) f;
SELECT try($$SELECT bm25_headline('simple', 'a', 'a', 'Field=0')$$), try($$SELECT bm25_headline('simple', 'a', 'a', 'Field=title')$$);

-- a document met again by another statement, whose bigrams were parts of a value that is gone
BEGIN;
SELECT count(*) FROM generate_series(1, 40) n WHERE (repeat('東京都', n) || n) @@@ to_rankquery('simple', '京都', '{}', 'bigram');
SELECT count(*) FROM generate_series(40, 1, -1) n WHERE (repeat('東京都', n) || n) @@@ to_rankquery('simple', '京都', '{}', 'bigram');
COMMIT;
