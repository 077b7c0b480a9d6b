-- The answer through a bm25 index is the answer without it: ordering, matching,
-- both, with other conditions, from every kind of statement. same.answer()
-- compares; the data is made here and the same everywhere.
-- covers: search_maxscore search_term bm25_stats search_topk segment_bound
\getenv srcdir PG_ABS_SRCDIR
\set file :srcdir '/perl/index_same.sql'
\set ECHO none
\i :file
\set ECHO all
CREATE FUNCTION words(seed int, n int) RETURNS text LANGUAGE sql IMMUTABLE
RETURN (SELECT string_agg('w' || floor(400 ^ ((hashint8(seed * 1000 + i)::bigint & 65535) / 65536.0))::int, ' ') FROM generate_series(1, n) i);
CREATE TABLE same_docs (id int PRIMARY KEY, tenant int, body text);
INSERT INTO same_docs SELECT i, i % 7, words(i, 3 + i % 40) FROM generate_series(1, 1500) i;
INSERT INTO same_docs SELECT i, i % 7, CASE WHEN i % 2 = 0 THEN '' END FROM generate_series(1501, 1520) i;
INSERT INTO same_docs VALUES (1525, 0, 'alpha beta gamma'), (1522, 0, 'gamma beta alpha'), (1523, 0, 'alpha x beta gamma w1'), (1524, 1, 'alphabet');
CREATE INDEX same_body ON same_docs USING bm25 (body) WITH (config = 'simple');
-- a third in segments of their own, a third pending, some dead
INSERT INTO same_docs SELECT i, i % 7, words(i, 3 + i % 40) FROM generate_series(2001, 2700) i;
VACUUM ANALYZE same_docs;
INSERT INTO same_docs SELECT i, i % 7, words(i, 3 + i % 40) FROM generate_series(3001, 3700) i;
DELETE FROM same_docs WHERE id % 11 = 0;
UPDATE same_docs SET body = words(-id, 5) WHERE id % 13 = 0;
CREATE FUNCTION check_same(statement text) RETURNS text LANGUAGE sql
RETURN same.answer(statement, 'same_body');

-- ordering
SELECT check_same($$SELECT id, body <@> 'w3 w50' AS score FROM same_docs ORDER BY body <@> 'w3 w50' LIMIT 10$$);
SELECT check_same($$SELECT id, body <@> 'w3 w50' AS score FROM same_docs ORDER BY body <@> 'w3 w50'$$);
SELECT check_same($$SELECT id, body <@> 'w399' AS score FROM same_docs ORDER BY body <@> 'w399' LIMIT 500$$);
SELECT check_same($$SELECT id, body <@> 'w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12' AS score FROM same_docs ORDER BY score LIMIT 100$$);
SELECT check_same($$SELECT id, body <@> 'w7 w7 w7 w8' AS score FROM same_docs ORDER BY score LIMIT 30$$);
SELECT check_same($$SELECT id, body <@> 'nowhere' AS score FROM same_docs ORDER BY score$$);
SELECT check_same($$SELECT id, body <@> '' AS score FROM same_docs ORDER BY score$$);
SELECT check_same($$SELECT id, body <@> 'w3' AS score FROM same_docs ORDER BY score OFFSET 300 LIMIT 10$$);
SELECT check_same($$SELECT id, body <@> to_rankquery('simple', q) AS score FROM same_docs, (VALUES ('w5 w60')) v (q) ORDER BY score LIMIT 10$$);

-- rankquery
SELECT q, check_same(format('SELECT id, body <@> to_rankquery(''simple'', %L) AS score FROM same_docs ORDER BY score LIMIT 60', q)) AS ranked,
	check_same(format('SELECT id, 0::float8 FROM same_docs WHERE body @@@ to_rankquery(''simple'', %L) ORDER BY id', q)) AS matched,
	check_same(format('SELECT id, body <@> to_rankquery(''simple'', %1$L) AS score FROM same_docs WHERE body @@@ to_rankquery(''simple'', %1$L) ORDER BY score LIMIT 40', q)) AS both
FROM (VALUES ('w9'), ('w2 w30'), ('+w2 +w3'), ('+w2 +w3 w40'), ('w1 -w2'), ('"alpha beta"'), ('"alpha beta"~1'), ('"w1 w2"'), ('alph*'), ('w39*'),
	('alpah~2'), ('w1^3 w50'), ('"w1 w2" w77 -w5'), ('-w1'), ('nowhere'), ('w12~1')) v (q);

-- further conditions
SELECT check_same($$SELECT id, body <@> 'w4 w90' AS score FROM same_docs WHERE tenant = 3 ORDER BY score LIMIT 10$$);
SELECT check_same($$SELECT id, body <@> 'w4' AS score FROM same_docs WHERE body @@@ 'w20' ORDER BY score LIMIT 10$$);
SELECT check_same($$SELECT id, body <@> 'w4' AS score FROM same_docs WHERE body @@@ 'w20' AND body @@@ 'w3' ORDER BY score$$);
SELECT check_same($$SELECT id, body <@> 'w4' AS score FROM same_docs WHERE body IS NOT NULL AND body <@> 'w4' < -0.5 ORDER BY score LIMIT 10$$);
SELECT check_same($$SELECT id, 0::float8 FROM same_docs WHERE body @@@ 'w20' AND tenant IN (1, 2) ORDER BY id$$);
SELECT check_same($$SELECT id, 0::float8 FROM same_docs WHERE body @@@ 'w20' OR body @@@ 'w70' ORDER BY id$$);
SELECT check_same($$SELECT tenant, count(*)::float8 FROM same_docs WHERE body @@@ 'w6' GROUP BY tenant ORDER BY tenant$$);
SELECT check_same($$SELECT count(*)::int, 0::float8 FROM same_docs WHERE body @@@ 'w2'$$);

-- from subqueries, joins, views, CTEs
CREATE VIEW same_view AS SELECT id, tenant, body FROM same_docs;
CREATE TABLE same_queries (q text);
INSERT INTO same_queries VALUES ('w3 w33'), ('w50'), ('w1 w2 w3');
ANALYZE same_queries;
SELECT check_same($$SELECT id, body <@> 'w3 w33' AS score FROM same_view ORDER BY score LIMIT 10$$);
SELECT check_same($$WITH c AS (SELECT * FROM same_docs) SELECT id, body <@> 'w3 w33' AS score FROM c ORDER BY score LIMIT 10$$);
SELECT check_same($$SELECT id, score FROM (SELECT id, body <@> 'w3 w33' AS score FROM same_docs ORDER BY score LIMIT 10) s ORDER BY score$$);
SELECT check_same($$SELECT r.id, r.score FROM same_queries, LATERAL (SELECT id, body <@> q AS score FROM same_docs ORDER BY body <@> q LIMIT 5) r ORDER BY score$$);
SELECT check_same($$SELECT id, body <@> (SELECT q FROM same_queries LIMIT 1) AS score FROM same_docs ORDER BY score LIMIT 10$$);
SELECT check_same($$SELECT d.id, d.body <@> 'w3 w5' AS score FROM same_docs d JOIN same_view v USING (id) WHERE v.tenant = 2 AND d.body @@@ 'w3' ORDER BY score LIMIT 10$$);
-- a sort in the same statement, by the same values
SELECT count(*) FROM (SELECT id, body <@> 'w3 w50' AS s FROM same_docs ORDER BY body <@> 'w3 w50' LIMIT 50) a JOIN same_docs d USING (id) WHERE a.s IS DISTINCT FROM d.body <@> 'w3 w50';

-- prepared: custom and generic plans
PREPARE top (text) AS SELECT id, body <@> $1 AS score FROM same_docs ORDER BY body <@> $1 LIMIT 5;
SET enable_seqscan = off;
SET plan_cache_mode = force_custom_plan;
CREATE TEMP TABLE custom AS EXECUTE top('w3 w50');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE top('w3 w50');
CREATE TEMP TABLE generic AS EXECUTE top('w3 w50');
RESET plan_cache_mode;
RESET enable_seqscan;
SELECT count(*) FROM (TABLE custom EXCEPT TABLE generic) d;
SELECT check_same($$SELECT id, score FROM custom UNION ALL SELECT * FROM (SELECT id, body <@> 'w3 w50' FROM same_docs ORDER BY body <@> 'w3 w50' LIMIT 5) s ORDER BY score$$);

-- PL/pgSQL: planned once, several queries, several scans open
CREATE FUNCTION top_ids(q text, n int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE ids int[] := '{}'; r record;
BEGIN
	FOR r IN SELECT id FROM same_docs ORDER BY body <@> q LIMIT n LOOP
		ids := ids || r.id;
		PERFORM id FROM same_docs ORDER BY body <@> ('w' || r.id % 9) LIMIT 2;
	END LOOP;
	RETURN ids;
END $$;
SET enable_seqscan = off;
CREATE TEMP TABLE by_index AS SELECT q, top_ids(q, 8) AS ids FROM (SELECT 'w' || i || ' w' || i * 3 AS q FROM generate_series(1, 12) i) s;
SET enable_seqscan = on;
SET enable_indexscan = off;
DISCARD PLANS;
SELECT count(*) AS different FROM by_index WHERE ids IS DISTINCT FROM
	(SELECT array_agg(id ORDER BY s, ord) FROM (SELECT id, body <@> q AS s, row_number() OVER (ORDER BY ctid) AS ord FROM same_docs ORDER BY s, ctid LIMIT 8) t);
RESET enable_indexscan;
RESET enable_seqscan;

-- cursors: forward in steps, held, with a change under way
BEGIN;
SET LOCAL enable_seqscan = off;
DECLARE c CURSOR FOR SELECT id, body <@> 'w3 w50' AS score FROM same_docs ORDER BY body <@> 'w3 w50';
CREATE TEMP TABLE fetched (n serial, id int, score float8);
CREATE TEMP TABLE before AS SELECT * FROM same.rows($$SELECT id, body <@> 'w3 w50' FROM same_docs$$, false);
DO $$
DECLARE c refcursor := 'c'; r record;
BEGIN
	LOOP
		FETCH c INTO r;
		EXIT WHEN NOT FOUND;
		INSERT INTO fetched (id, score) VALUES (r.id, r.score);
		IF r.id % 100 = 0 THEN DELETE FROM same_docs WHERE id = r.id; INSERT INTO same_docs VALUES (r.id + 100000, 0, 'w3 w50 w3'); END IF;
	END LOOP;
END $$;
SELECT count(*) AS fetched, count(*) - count(DISTINCT id) AS doubled FROM fetched;
SELECT count(*) AS different FROM fetched FULL JOIN before USING (id) WHERE fetched.score IS DISTINCT FROM before.score;
SELECT count(*) AS misordered FROM fetched a JOIN fetched b ON b.n = a.n + 1 AND b.score < a.score;
ROLLBACK;
BEGIN;
SET LOCAL enable_seqscan = off;
DECLARE c CURSOR FOR SELECT id, body <@> 'w3 w50' AS score FROM same_docs ORDER BY body <@> 'w3 w50';
MOVE 100 IN c;
FETCH 3 FROM c;
DELETE FROM same_docs WHERE body @@@ 'w50';
INSERT INTO same_docs SELECT 200000 + i, 0, 'w3 w50' FROM generate_series(1, 50) i;
FETCH 3 FROM c;
MOVE ALL IN c;
ROLLBACK;

-- rows inserted in the same transaction are found, those rolled back are not
BEGIN;
INSERT INTO same_docs VALUES (300001, 0, 'uniqueword'), (300002, 0, 'uniqueword uniqueword');
SAVEPOINT s;
INSERT INTO same_docs VALUES (300003, 0, 'uniqueword');
ROLLBACK TO s;
SELECT check_same($$SELECT id, body <@> 'uniqueword' AS score FROM same_docs WHERE body @@@ 'uniqueword' ORDER BY score$$);
ROLLBACK;
SELECT check_same($$SELECT id, body <@> 'uniqueword' AS score FROM same_docs WHERE body @@@ 'uniqueword' ORDER BY score$$);

-- expressions, partial indexes, other types
CREATE TABLE same_fields (id int PRIMARY KEY, title text, body text, tags text[], tsv tsvector);
INSERT INTO same_fields SELECT i, words(i, 3), words(-i, 10 + i % 20), ARRAY[words(i, 3), words(-i, 9)],
	setweight(to_tsvector('simple', words(i, 3)), 'A') || to_tsvector('simple', words(-i, 9)) FROM generate_series(1, 800) i;
CREATE INDEX same_expr ON same_fields USING bm25 ((title || ' ' || body)) WITH (config = 'simple');
CREATE INDEX same_tags ON same_fields USING bm25 (tags) WITH (config = 'simple', fields = 2, scoring = bm25f, field_weights = '3, 1');
CREATE INDEX same_tsv ON same_fields USING bm25 (tsv);
CREATE INDEX same_partial ON same_fields USING bm25 (body) WITH (config = 'simple') WHERE id > 400;
ANALYZE same_fields;
SELECT same.answer($$SELECT id, (title || ' ' || body) <@> 'w5 w44' AS score FROM same_fields ORDER BY score LIMIT 20$$, 'same_expr');
SELECT same.answer($$SELECT id, tags <@> 'w5 w44' AS score FROM same_fields ORDER BY score LIMIT 20$$, 'same_tags');
SELECT same.answer($$SELECT id, tsv <@> to_rankquery('simple', 'w5 w44') AS score FROM same_fields ORDER BY score LIMIT 20$$, 'same_tsv');
SELECT same.answer($$SELECT id, body <@> 'w5 w44' AS score FROM same_fields WHERE id > 400 ORDER BY score LIMIT 20$$, 'same_partial');

-- partitions share their parent's statistics, so scores compare
CREATE TABLE same_parts (id int, tenant int, body text) PARTITION BY LIST (tenant);
CREATE TABLE same_part1 PARTITION OF same_parts FOR VALUES IN (0, 1);
CREATE TABLE same_part2 PARTITION OF same_parts FOR VALUES IN (2, 3, 4, 5, 6);
CREATE INDEX same_part_body ON same_parts USING bm25 (body) WITH (config = 'simple');
INSERT INTO same_parts SELECT id, tenant, body FROM same_docs;
ANALYZE same_parts;
SELECT same.answer($$SELECT id, body <@> 'w3 w50' AS score FROM same_parts ORDER BY score LIMIT 20$$, 'same_part1_body_idx');
SELECT same.answer($$SELECT id, body <@> 'w3 w50' AS score FROM same_parts ORDER BY score$$, 'same_part2_body_idx');
SELECT same.answer($$SELECT id, body <@> 'w3 w50' AS score FROM same_parts WHERE tenant = 1 ORDER BY score LIMIT 20$$, 'same_part1_body_idx');

-- the index is complete and sound after all this
SELECT same.completeness('same_docs', 'same_body', $$body <@> 'w1'$$);
SELECT * FROM bm25_check('same_body');
SELECT bm25_merge('same_body');
SELECT check_same($$SELECT id, body <@> 'w3 w50' AS score FROM same_docs ORDER BY body <@> 'w3 w50'$$);
SELECT * FROM bm25_check('same_body');
SET client_min_messages = warning;
DROP TABLE same_docs, same_queries, same_fields, same_parts CASCADE;
DROP SCHEMA same CASCADE;
