-- Analysis, scores and matches without an index.
-- covers: headline highlight match analyze lex_ops
\pset format unaligned
\pset tuples_only on

-- matching
CREATE FUNCTION m(d text, q text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT d @@@ to_rankquery('english', q) $$;
SELECT q, m('The quick brown fox jumps over the lazy dog', q) FROM unnest(ARRAY['fox', 'cat', 'foxes cat', '+fox +cat', 'fox -dog', 'fox -cat', '"quick fox"', '"quick fox"~1', '"fox quick"~1', '"fox quick"~3', '"brown fox"', 'jum*', 'jummp~1', 'jummmp~1', 'jummmp~2', 'NOT cat', '"over dog"', '"over the lazy"', '(quick cat zebra)~2', '(quick lazy zebra)~2', '']) q;
-- a phrase spans no two elements of an array; fields restrict
SELECT ARRAY['red fox', 'lazy dog'] @@@ to_rankquery('english', q), q FROM unnest(ARRAY['"fox lazy"', '"lazy dog"', '1:fox', '2:fox', '2:"lazy dog"', '1:"lazy dog"']) q;
SELECT setweight('fox:1'::tsvector, 'A') || 'dog:2 cat'::tsvector @@@ to_rankquery('english', q), q FROM unnest(ARRAY['A:fox', 'B:fox', 'D:dog', 'D:cat', 'A:fo*', '"fox dog"', '"dog cat"']) q;
-- words on the right: any of them
SELECT 'The quick fox' @@@ 'slow foxes', 'The quick fox' @@@ 'slow dogs', 'The quick fox' @@@ 'the', to_tsvector('english', 'the quick fox') @@@ 'foxes', ARRAY['a quick', NULL, 'fox'] @@@ 'foxes';
-- repeated words of a phrase
SELECT m('new york new york', '"new new york"~1'), m('new york', '"new new york"~1'), m('new new york', '"new new york"');
-- bigrams
SELECT d @@@ to_rankquery('simple', '数据库', '{}', 'bigram') FROM unnest(ARRAY['我们的数据库', '数学', '据库', '数 据 库']) d;
SELECT d @@@ to_rankquery('simple', '"全文检索"', '{}', 'bigram') FROM unnest(ARRAY['PostgreSQL全文检索功能', '全文 检索', '检索全文']) d;

-- scores of an unbound query: idf 1, length as average: tf / (tf + k1)
SELECT round((bm25_score('fox fox dog', 'fox'))::numeric, 6), round(2 / (2 + 1.2), 6);
SELECT 'fox' <@> 'fox dog', 'fox' <@> 'cat', 'fox' <@> '', '' <@> 'fox', (NULL::text <@> 'fox') IS NULL;
-- no part of a query that does not match, every leaf of one that does
SELECT bm25_score('fox dog', to_rankquery('english', '+fox +cat')), round(bm25_score('fox dog', to_rankquery('english', '(fox AND cat) OR dog'))::numeric, 6), round(2 / 2.2, 6);
-- boost, query frequency, phrase, prefix and fuzzy leaves
SELECT round(bm25_score('fox dog foxy', to_rankquery('simple', q))::numeric, 6), q FROM unnest(ARRAY['fox', 'fox^2', 'fox fox', '"fox dog"', 'fo*', 'fo~1', 'fox^0']) q;
-- an unknown literal is words, and a parameter
PREPARE p AS SELECT 'fox' <@> $1;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'p';
DEALLOCATE p;

-- An oracle in SQL: BM25 over generated documents with statistics given with the
-- query, against the operators on text, text[] and tsvector.
CREATE TABLE docs AS
SELECT i AS id, (SELECT string_agg('w' || (power(((hashint8(i * 1000 + j) & 65535) / 65536.0), 3) * 60)::int, ' ' ORDER BY j)
	FROM generate_series(1, 1 + (hashint8(i) & 63) * CASE WHEN i % 10 = 0 THEN 20 ELSE 1 END) j) AS body
FROM generate_series(1, 300) i;
-- Lucene's length byte: exact up to 39, then four significant bits above 24
CREATE FUNCTION quantised(n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN n < 40 THEN n ELSE 24 + (((n - 24) >> shift) << shift) END
	FROM (SELECT floor(log(2, greatest(n - 24, 1)))::int - 3 AS shift) s $$;
CREATE TABLE postings AS SELECT id, lexeme, cardinality(positions) AS tf FROM docs, unnest(to_tsvector('simple', body));
CREATE TABLE lengths AS SELECT id, sum(tf)::bigint AS length FROM postings GROUP BY id;
CREATE TABLE stats AS SELECT lexeme, count(*)::float8 AS df FROM postings GROUP BY lexeme;
CREATE TABLE queries AS SELECT i AS id, ARRAY(SELECT 'w' || (hashint8(i * 77 + j) & 63) FROM generate_series(1, 1 + i % 8) j) AS words FROM generate_series(1, 20) i;
CREATE VIEW collection AS SELECT count(*)::float8 AS n, avg(length)::float8 AS average FROM lengths;
CREATE TABLE expected AS
SELECT q.id AS query, p.id AS doc, sum(ln(1 + (n - df + .5) / (df + .5)) * tf / (tf + 1.2 * (1 - .75 + .75 * quantised(length) / average))) AS score
FROM queries q, unnest(q.words) w JOIN postings p ON lexeme = w JOIN stats USING (lexeme) JOIN lengths l ON l.id = p.id, collection
GROUP BY q.id, p.id;
CREATE TABLE given AS SELECT q.id, rankquery_stats(any_of('simple', words), n, average, ARRAY(SELECT lexeme FROM stats ORDER BY 1), ARRAY(SELECT df FROM stats ORDER BY lexeme)) AS q
FROM queries q, collection;
CREATE TABLE results AS SELECT g.id AS query, d.id AS doc, bm25_score(body, q) AS score, bm25_score(ARRAY[body], q) AS array_score, bm25_score(to_tsvector('simple', body), q) AS vector_score, -(body <@> q) AS operator_score, body @@@ q AS match
FROM docs d, given g;
SELECT count(*), count(e.score) > 1000 AS matched, max(abs(r.score - coalesce(e.score, 0))) < 1e-6 AS score_ok,
	bool_and(r.score = array_score AND r.score = vector_score AND r.score = operator_score AND (e.score IS NOT NULL) = match) AS same
FROM results r LEFT JOIN expected e USING (query, doc);
-- parameters of the query's own, the same way
SELECT count(*), max(abs(bm25_score(body, rankquery_params(g.q, 0.9, 0.4)) - coalesce(e.score, 0))) < 1e-6
FROM docs d CROSS JOIN given g LEFT JOIN (SELECT q.id AS query, p.id AS doc, sum(ln(1 + (n - df + .5) / (df + .5)) * tf / (tf + .9 * (1 - .4 + .4 * quantised(length) / average))) AS score
	FROM queries q, unnest(q.words) w JOIN postings p ON lexeme = w JOIN stats USING (lexeme) JOIN lengths l ON l.id = p.id, collection
	GROUP BY q.id, p.id) e ON e.query = g.id AND e.doc = d.id;
-- contributions of bm25_explain add up to the score, bit for bit
SELECT bool_and(score = (SELECT coalesce(sum(contribution ORDER BY n), 0) FROM bm25_explain(body, q) WITH ORDINALITY e(term, field, tf, df, idf, length, avg_length, weight, contribution, n))), count(*) FILTER (WHERE score > 0) > 100
FROM results r JOIN docs d ON d.id = doc JOIN given g ON g.id = query WHERE doc <= 50;
-- a long query: the same bits, whichever side is looked up in the other
SELECT count(*), bool_and(bm25_score(body, q) = (SELECT coalesce(sum(contribution ORDER BY n), 0) FROM bm25_explain(body, q) WITH ORDINALITY e(term, field, tf, df, idf, length, avg_length, weight, contribution, n))), count(*) FILTER (WHERE body @@@ q <> (bm25_score(body, q) > 0))
FROM docs, (SELECT any_of('simple', array_agg('w' || 97 - i)) AS q FROM generate_series(1, 90) i) l;
SELECT term, field, tf, df, round(idf::numeric, 4), length, avg_length, round(weight::numeric, 4), round(contribution::numeric, 4)
FROM bm25_explain(ARRAY['red fox', 'red dog red'], rankquery_stats(to_rankquery('simple', 'red 2:red "red fox"^2 do* cat'), 10, 4, '{red,fox,do}', '{5,1,2}'));

-- long documents: chunks lose nothing, positions go on
SELECT (SELECT count(*) FROM bm25_explain(t, to_rankquery('simple', 'w7 w10007 "w9999 w10000 w10001" "w16384 w16386"~1 w20000'))) FROM (VALUES (array_to_string(ARRAY(SELECT 'w' || i FROM generate_series(1, 20000) i), ' '))) x(t);
SELECT tf, length FROM bm25_explain((SELECT string_agg('é', ' ') FROM generate_series(1, 30000)), to_rankquery('simple', 'é'));
-- without white space the cut is between characters
SELECT length FROM bm25_explain(repeat('é', 10000) || ' fox', to_rankquery('simple', 'fox'));
SELECT tf, length FROM bm25_explain(repeat('数据', 20000), to_rankquery('simple', '数据', '{}', 'bigram'));

-- headlines and places
SELECT bm25_headline('english', 'The quick brown fox jumps over the lazy dog. State-of-the-art e-mail systems at http://www.example.com/foo are great for foxes.', 'fox mail example');
SELECT bm25_headline('english', 'The quick brown fox jumps over the lazy dog, quick', to_rankquery('english', '"lazy dog" jum* "quick fox"~1'), 'HighlightAll=true, StartSel=[, StopSel=]');
SELECT bm25_headline('english', repeat('Lorem ipsum dolor sit amet. ', 20) || 'a query planner here ' || repeat('Lorem ipsum dolor sit amet. ', 20) || ' another planner there ' || repeat('Lorem ipsum. ', 30), to_rankquery('english', 'query planner'), 'MaxFragments=3, MaxWords=9, MinWords=4');
SELECT bm25_headline('simple', '我们在数据库里 search 数据', '数据库'), bm25_headline('english', 'no such word', 'fox'), bm25_headline('english', '', 'fox');
SELECT bm25_matches('english', 'Über quick foxes', to_rankquery('english', 'fox quick')), bm25_matches('simple', '我们在数据库里', '数据库'), bm25_matches('english', 'none', 'fox');
SELECT substring(d FROM lower(r) FOR upper(r) - lower(r)) FROM (VALUES ('Ein Füchschen, e-mail: quick')) v(d), unnest(bm25_matches('simple', d, 'füchschen quick mail')) r;
SELECT try('SELECT bm25_headline(''english'', ''a'', ''a'', ''MaxWords=1'')'), try('SELECT bm25_headline(''english'', ''a'', ''a'', ''Nonsense=1'')');

-- errors
SELECT try('SELECT bm25_score(''a'', to_rankquery(''no_such'', ''a''))');

-- without an index there is a plan and no NOTICE; a document that cannot be traced gives one
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY body <@> 'w1' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT body <@> 'w1' FROM (SELECT body FROM docs UNION ALL SELECT body FROM docs) u;

DROP TABLE docs, postings, lengths, stats, queries, expected, given, results CASCADE;
DROP FUNCTION m, quantised;
