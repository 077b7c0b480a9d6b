-- Phrases against an oracle that tries all choices of positions.
-- covers: phrase lex_query segment_occur rankquery_words
\pset format unaligned
\pset tuples_only on

-- words that change places, words that repeat
SELECT d, q, d @@@ to_rankquery('simple', q) FROM (VALUES
	('dog cat cat', '"cat dog cat"~2'), ('dog cat cat', '"cat dog cat"~1'), ('b a x a', '"a b a"~2'), ('b a x a', '"a b a"~1'),
	('a b', '"a b a"~10'), ('b a a', '"a b a"~2'), ('a a b', '"b a a"~3'), ('a x x a', '"a a"~2'), ('a', '"a a"~5')) v (d, q);

-- 45 documents, 60 phrases with 5 widths of slop; "the" is a stop word: it leaves a gap
CREATE TABLE phrase_docs AS
SELECT i AS id, (SELECT string_agg((ARRAY['b', 'b', 'c', 'f', 'the'])[1 + (hashint8(i * 1000 + k) & 65535) % 5], ' ' ORDER BY k)
	FROM generate_series(1, 1 + (hashint8(i) & 15) % 9) k) AS body
FROM generate_series(1, 45) i;
CREATE INDEX phrase_docs_b ON phrase_docs USING bm25 (body) WITH (config = 'english');
CREATE TABLE phrases AS
SELECT 5 * i + slop AS id, slop, words, to_rankquery('english', '"' || array_to_string(words, ' ') || '"' || CASE WHEN slop > 0 THEN '~' || slop ELSE '' END) AS q
FROM (SELECT i, ARRAY(SELECT (ARRAY['b', 'b', 'c', 'f', 'the'])[1 + (hashint8(i * 7777 + k) & 65535) % CASE WHEN k IN (1, n) THEN 4 ELSE 5 END]
	FROM generate_series(1, n) k) AS words
	FROM (SELECT i, 2 + i % 4 AS n FROM generate_series(1, 60) i) l) p, generate_series(0, 4) slop;
CREATE TABLE slots AS
SELECT id, row_number() OVER (PARTITION BY id ORDER BY k)::int AS slot, w, k::int AS place FROM phrases, unnest(words) WITH ORDINALITY u (w, k) WHERE w <> 'the';
CREATE TABLE places AS SELECT id, w, k::int AS pos FROM phrase_docs, string_to_table(body, ' ') WITH ORDINALITY u (w, k) WHERE w <> 'the';
-- all choices of different positions, as shifts within slop
CREATE TABLE choices AS
WITH RECURSIVE c AS (
	SELECT p.id AS phrase, p.slop, d.id AS doc, 1 AS slot, ARRAY[d.pos] AS pos, d.pos - s.place AS low, d.pos - s.place AS high
	FROM phrases p JOIN slots s ON s.id = p.id AND slot = 1 JOIN places d USING (w)
UNION ALL
	SELECT phrase, slop, doc, c.slot + 1, c.pos || d.pos, least(low, d.pos - place), greatest(high, d.pos - place)
	FROM c JOIN slots s ON s.id = phrase AND s.slot = c.slot + 1 JOIN places d ON d.id = doc AND d.w = s.w
	WHERE NOT d.pos = ANY (c.pos) AND greatest(high, d.pos - place) - least(low, d.pos - place) <= slop)
SELECT phrase, doc, pos, high FROM c WHERE slot = (SELECT count(*) FROM slots s WHERE s.id = phrase);
-- their number, from the left: the choice that ends first; then each word goes on behind its own position
CREATE TABLE counts (phrase int, doc int);
DO $$
BEGIN
	LOOP
		CREATE TEMP TABLE best AS SELECT DISTINCT ON (phrase, doc) phrase, doc, pos FROM choices ORDER BY phrase, doc, high, pos;
		INSERT INTO counts SELECT phrase, doc FROM best;
		EXIT WHEN NOT FOUND;
		DELETE FROM choices c USING best b WHERE c.phrase = b.phrase AND c.doc = b.doc
			AND EXISTS (SELECT FROM unnest(c.pos, b.pos) u (x, y) WHERE x <= y);
		DROP TABLE best;
	END LOOP;
END $$;
CREATE INDEX ON counts (phrase, doc);
CREATE TABLE answers AS
SELECT p.id AS phrase, d.id AS doc, (SELECT count(*) FROM counts c WHERE c.phrase = p.id AND c.doc = d.id) AS n,
	coalesce((SELECT tf FROM bm25_explain(body, q)), 0) AS tf, body @@@ q AS match, body @@@ (to_rankquery('english', 'NOT zebra') && !!q) AS without
FROM phrases p, phrase_docs d WHERE cardinality(array_remove(words, 'the')) > 1;
SELECT count(*) > 9000, count(*) FILTER (WHERE n > 0) > 2000, count(*) FILTER (WHERE n > 1) > 300,
	count(*) FILTER (WHERE tf <> n), count(*) FILTER (WHERE match <> (n > 0)), count(*) FILTER (WHERE without = (n > 0)) FROM answers;
-- the index says the same
SET enable_seqscan = off;
CREATE FUNCTION phrase_found(q rankquery) RETURNS int[] LANGUAGE sql STABLE AS $$ SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM phrase_docs WHERE body @@@ bm25_bind(q, 'phrase_docs_b') $$;
SELECT count(*), count(*) FILTER (WHERE phrase_found(q) <> ARRAY(SELECT doc FROM answers a WHERE a.phrase = p.id AND n > 0 ORDER BY 1)),
	count(*) FILTER (WHERE phrase_found(to_rankquery('english', 'NOT zebra') && !!q) <> ARRAY(SELECT doc FROM answers a WHERE a.phrase = p.id AND n = 0 ORDER BY 1))
FROM phrases p WHERE cardinality(array_remove(words, 'the')) > 1;
RESET enable_seqscan;

-- long phrases with slop: in proportion to the text, and they can be cancelled
SET statement_timeout = '20s';
SELECT repeat('a b ', 20000) @@@ to_rankquery('simple', '"' || repeat('a b ', 2000) || 'a"~10000'),
	repeat('a b ', 20000) @@@ to_rankquery('simple', '"' || repeat('a b ', 2000) || 'c"~10000'),
	repeat('a b ', 2000) || 'c' @@@ to_rankquery('simple', '"' || repeat('b a ', 2000) || 'c"~2'),
	repeat('a b ', 2000) || 'c' @@@ to_rankquery('simple', '"' || repeat('b a ', 2000) || 'b c"~10000');
SET statement_timeout = '200ms';
SELECT repeat('a ', 1000000) @@@ to_rankquery('simple', '"' || repeat('a ', 20000) || '"~10');
RESET statement_timeout;
