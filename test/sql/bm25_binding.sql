-- How queries find their index, and the scores of the other ranking functions,
-- against SQL.
-- covers: bm25_lookup lex_trace lex_support score lexical_hooks
\pset format unaligned
\pset tuples_only on
CREATE TABLE bound (id int, title text, body text, vc varchar(100), tv tsvector);
INSERT INTO bound SELECT i, 'title ' || i % 7, 'quick brown fox ' || i || repeat(' dog', i % 5) || repeat(' pad', i % 11), 'fox ' || i, to_tsvector('english', 'quick fox ' || i) FROM generate_series(1, 200) i;
CREATE INDEX bound_body ON bound USING bm25 (body) WITH (config = 'english');
CREATE INDEX bound_vc ON bound USING bm25 (vc) WITH (config = 'english');
CREATE INDEX bound_fields ON bound USING bm25 ((ARRAY[title, body])) WITH (config = 'english', fields = 2);
CREATE INDEX bound_tv ON bound USING bm25 (tv) WITH (config = 'english');
ANALYZE bound;
-- the sort key or order of a query, as EXPLAIN shows it
CREATE FUNCTION plan_order(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE l text;
BEGIN
	FOR l IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || q LOOP
		IF l ~ 'Order By|Sort Key|Index Cond|Filter' THEN RETURN NEXT trim(l); END IF;
	END LOOP;
END $$;
SELECT plan_order($$SELECT id FROM bound ORDER BY body <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT id FROM bound WHERE body @@@ 'dog'$$);
SELECT plan_order($$SELECT id FROM bound ORDER BY vc <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT id FROM bound ORDER BY ARRAY[title, body] <@> to_rankquery('english', 'title:dog', '{title}') LIMIT 3$$);
SELECT plan_order($$SELECT id FROM bound ORDER BY tv <@> 'quick' LIMIT 3$$);
SELECT plan_order($$SELECT id FROM bound ORDER BY tv <@> to_tsquery('english', 'quick') LIMIT 3$$);
SELECT plan_order($$SELECT id FROM (SELECT id, body AS b FROM bound OFFSET 0) s ORDER BY b <@> 'dog' LIMIT 3$$);
SELECT plan_order($$WITH c AS MATERIALIZED (SELECT body AS b FROM bound) SELECT * FROM c ORDER BY b <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT body FROM bound GROUP BY body ORDER BY body <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT x.body FROM (SELECT 1) o LEFT JOIN bound x ON true ORDER BY x.body <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT b.id FROM bound a JOIN bound b USING (id) ORDER BY b.body <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT title FROM bound ORDER BY title <@> 'dog' LIMIT 3$$);
SELECT plan_order($$SELECT id FROM bound ORDER BY body <@> bm25_bind('dog', 'bound_vc') LIMIT 3$$);
SELECT plan_order($$SELECT b FROM (SELECT body AS b FROM bound UNION ALL SELECT title FROM bound) u ORDER BY b <@> 'dog' LIMIT 3$$);
PREPARE p(text) AS SELECT id FROM bound ORDER BY body <@> $1 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
SELECT plan_order($$EXECUTE p('dog')$$);
EXECUTE p('dog');
RESET plan_cache_mode;
-- the score of a correlated subquery, a lateral function and the outer level are bound too
SELECT count(DISTINCT s), bool_and(s = bm25_score(body, 'dog')) FROM (SELECT body, (SELECT bm25_score(b.body, 'dog') FROM (SELECT 1) one) AS s FROM bound b) x;
SELECT bool_and(abs(bm25_score(body, 'dog pad') - (SELECT coalesce(sum(contribution), 0) FROM bm25_explain(body, 'dog pad'))) < 1e-12), bool_and(bm25_score(body, 'dog') = bm25_score(body, bm25_bind('dog', 'bound_body'))) FROM bound;
SELECT term, df, avg_length > 0 FROM bound, bm25_explain(vc, 'dog fox') WHERE id = 1;
SELECT term, df FROM bm25_explain('a dog and a fox', 'dog fox', 'bound_body');
SELECT bm25_query('bound_body', '"quick dog" fo*');
DROP TABLE bound;
DROP FUNCTION plan_order;

-- BM25F and Dirichlet, through an index and in SQL
CREATE TABLE ranked AS SELECT i AS id, ARRAY['w' || i % 5 || ' w' || i % 3, (SELECT string_agg('w' || (hashint8(i * 100 + j) & 7), ' ') FROM generate_series(1, 3 + i % 20) j)] AS doc FROM generate_series(1, 150) i;
CREATE TABLE words AS SELECT id, f AS field, lexeme, cardinality(positions) AS tf FROM ranked, unnest(doc) WITH ORDINALITY d(t, f), unnest(to_tsvector('simple', t));
CREATE TABLE lengths AS SELECT id, field, sum(tf)::float8 AS length FROM words GROUP BY 1, 2;
CREATE VIEW averages AS SELECT field, avg(length) AS average, count(*)::float8 AS n FROM lengths GROUP BY 1;
CREATE VIEW dfs AS SELECT lexeme, count(DISTINCT id)::float8 AS df, sum(tf)::float8 AS cf FROM words GROUP BY 1;
CREATE INDEX ranked_f ON ranked USING bm25 (doc) WITH (config = 'simple', fields = 2, scoring = bm25f, field_weights = '3, 1', field_b = '0.2, 0.7');
SELECT count(*), max(abs(s - e)) < 1e-6 AS bm25f FROM (SELECT r.id, bm25_score(doc, bm25_bind('w1 w2 w6', 'ranked_f')) AS s, (
	SELECT coalesce(sum(ln(1 + (150 - df + .5) / (df + .5)) * x / (x + 1.2)), 0) FROM (
		SELECT lexeme, sum(CASE w.field WHEN 1 THEN 3 ELSE 1 END * tf / CASE w.field WHEN 1 THEN 1 - .2 + .2 * length / average ELSE 1 - .7 + .7 * length / average END) AS x
		FROM words w JOIN lengths l USING (id, field) JOIN averages a USING (field) WHERE w.id = r.id AND lexeme IN ('w1', 'w2', 'w6') GROUP BY lexeme) t JOIN dfs USING (lexeme)) AS e FROM ranked r) x;
-- a field of its own: the same sum over it alone
SELECT count(*), max(abs(s - e)) < 1e-6 AS bm25f_field FROM (SELECT r.id, bm25_score(doc, bm25_bind(to_rankquery('simple', '1:w1 2:w2'), 'ranked_f')) AS s, (
	SELECT coalesce(sum(ln(1 + (150 - df + .5) / (df + .5)) * x / (x + 1.2)), 0) FROM (
		SELECT lexeme, sum(CASE w.field WHEN 1 THEN 3 ELSE 1 END * tf / CASE w.field WHEN 1 THEN 1 - .2 + .2 * length / average ELSE 1 - .7 + .7 * length / average END) AS x
		FROM words w JOIN lengths l USING (id, field) JOIN averages a USING (field) WHERE w.id = r.id AND (field, lexeme) IN ((1, 'w1'), (2, 'w2')) GROUP BY lexeme) t JOIN dfs USING (lexeme)) AS e FROM ranked r) x;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM ranked ORDER BY doc <@> 'w1 w2 w6', id LIMIT 20) i) = (SELECT array_agg(id) FROM (SELECT id FROM ranked ORDER BY 0 - bm25_score(doc, bm25_bind('w1 w2 w6', 'ranked_f')), id LIMIT 20) s) AS same_order;
DROP INDEX ranked_f;
CREATE INDEX ranked_d ON ranked USING bm25 (doc) WITH (config = 'simple', scoring = dirichlet, mu = 20);
SELECT count(*), max(abs(s - e)) < 1e-6 AS dirichlet FROM (SELECT r.id, bm25_score(doc, bm25_bind('w1 w2^2 w6', 'ranked_d')) AS s, (
	SELECT coalesce(sum(qtf * greatest(0, ln(1 + tf / (20 * (cf + 1) / ((SELECT sum(length) FROM lengths) + 1))) + ln(20 / ((SELECT sum(length) FROM lengths l WHERE l.id = r.id) + 20)))), 0)
	FROM (SELECT lexeme, sum(tf) AS tf FROM words w WHERE w.id = r.id GROUP BY 1) t JOIN dfs USING (lexeme) JOIN (VALUES ('w1', 1), ('w2', 1), ('2', 1), ('w6', 1)) q(lexeme, qtf) USING (lexeme)) AS e FROM ranked r) x;
DROP TABLE ranked, words, lengths CASCADE;
