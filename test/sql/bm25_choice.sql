-- Which index a query is bound to, and that every plan gives the rows of that binding.
-- covers: bm25_lookup bm25_cost lex_trace bm25_selectivity
CREATE SCHEMA bm25_choice;
SET search_path = bm25_choice, public;
SET jit = off;
\pset format unaligned
\pset tuples_only on
-- what a statement gives by index scans, bitmap scans and sequential scans; once if that is the same
CREATE FUNCTION same(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text; first text;
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM set_config('enable_indexscan', (i = 1)::text, true), set_config('enable_bitmapscan', (i = 2)::text, true), set_config('enable_seqscan', (i = 3)::text, true);
		EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || statement || ') x' INTO found;
		IF i > 1 AND found IS DISTINCT FROM first THEN RETURN format('%s; plan %s: %s', first, i, found); END IF;
		first := found;
	END LOOP;
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_seqscan', 'on', true);
	RETURN first;
END $$;
CREATE FUNCTION plan(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE l text;
BEGIN
	FOR l IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP RETURN NEXT replace(l, '(e.id = doc)', '(doc = e.id)'); END LOOP;
END $$;
CREATE FUNCTION estimate(statement text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE l json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO l;
	RETURN l -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;

-- two indexes of other words: the first by name, whichever was made first; a choice is a choice
CREATE TABLE a (id int, body text);
INSERT INTO a SELECT i, 'running number ' || i FROM generate_series(1, 500) i;
CREATE INDEX a_simple ON a USING bm25 (body) WITH (config = 'simple');
CREATE INDEX a_english ON a USING bm25 (body) WITH (config = 'english');
ANALYZE a;
SELECT same($$SELECT count(*) FROM a WHERE body @@@ 'run'$$);
SELECT same($$SELECT count(*) FROM a WHERE body @@@ bm25_bind('run', 'a_simple')$$), same($$SELECT count(*) FROM a WHERE body @@@ bm25_bind('run', 'a_english')$$);
SELECT same($$SELECT count(*) FROM a WHERE body @@@ bm25_query('a_simple', 'run')$$), same($$SELECT count(*) FROM a WHERE body @@@ bm25_query('a_english', 'run')$$);
SELECT plan($$SELECT id FROM a ORDER BY body <@> bm25_query('a_simple', 'number') LIMIT 3$$);
SELECT same($$SELECT id FROM a ORDER BY body <@> bm25_bind('77 run', 'a_simple'), id LIMIT 3$$), same($$SELECT id FROM a ORDER BY body <@> 'runs 88', id LIMIT 3$$);
-- chosen in a table, a CTE or a parameter: known when the query runs, so the scan may be the other index's
CREATE TABLE queries (id int, q rankquery);
INSERT INTO queries VALUES (1, bm25_query('a_simple', 'run')), (2, bm25_query('a_english', 'run')), (3, bm25_bind('number', 'a_simple')), (4, to_rankquery('english', 'run'));
SELECT same($$SELECT q.id, (SELECT count(*) FROM a WHERE body @@@ q) FROM queries q ORDER BY 1$$);
SELECT same($$WITH c AS MATERIALIZED (SELECT q FROM queries WHERE id = 1) SELECT count(*) FROM a, c WHERE body @@@ q$$);
SELECT same($$SELECT id, body <@> (SELECT q FROM queries WHERE id = 3) < 0 FROM a ORDER BY body <@> (SELECT q FROM queries WHERE id = 3), id LIMIT 2$$);
PREPARE p(rankquery) AS SELECT count(*) FROM a WHERE body @@@ $1;
PREPARE o(rankquery) AS SELECT id FROM a ORDER BY body <@> $1, id LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXECUTE p(bm25_query('a_simple', 'run'));
EXECUTE p(bm25_query('a_english', 'run'));
EXECUTE o(bm25_bind('77', 'a_simple'));
SET enable_seqscan = off;
SET enable_sort = off;
EXECUTE p(bm25_query('a_simple', 'run'));
EXECUTE p(bm25_query('a_english', 'run'));
EXECUTE o(bm25_bind('77', 'a_simple'));
RESET enable_sort;
RESET enable_seqscan;
RESET plan_cache_mode;
-- words in an array are not bound: they mean what they mean without an index
SELECT same($$SELECT count(*) FROM a WHERE body @@@ ANY (ARRAY['run', '5'])$$);
SET default_text_search_config = 'simple';
SELECT same($$SELECT count(*) FROM a WHERE body @@@ ANY (ARRAY['run', '5'])$$);
RESET default_text_search_config;
SELECT same($$SELECT count(*) FROM a WHERE body @@@ ANY (ARRAY[bm25_query('a_simple', 'run'), bm25_query('a_english', '5')])$$);
SELECT same($$SELECT count(*) FROM a WHERE body @@@ 'run' OR body @@@ '5'$$), same($$SELECT count(*) FROM a WHERE body @@@ bm25_bind('run', 'a_simple') OR body @@@ bm25_bind('5', 'a_english')$$);
SELECT same($$SELECT count(*) FROM a WHERE body @@@ bm25_bind('run', 'a_english') AND body @@@ bm25_bind('5', 'a_simple')$$);
-- an index of the same words serves as well, with the statistics of the other
CREATE INDEX a_z ON a USING bm25 (body) WITH (config = 'english') WHERE id > 400;
SELECT same($$SELECT id, round((body <@> '450 number')::numeric, 5) FROM a WHERE id > 400 ORDER BY body <@> '450 number', id LIMIT 2$$);
SELECT same($$SELECT id, round((body <@> '450 number')::numeric, 5) FROM a ORDER BY body <@> '450 number', id LIMIT 2$$);

-- a stored query names its index, whatever OID that has
SELECT same($$SELECT q.id, (SELECT count(*) FROM a WHERE body @@@ q) FROM queries q WHERE id < 3 ORDER BY 1$$);
REINDEX INDEX CONCURRENTLY a_english;
SELECT q FROM queries ORDER BY id;
SELECT same($$SELECT q.id, (SELECT count(*) FROM a WHERE body @@@ q) FROM queries q WHERE id < 3 ORDER BY 1$$);
ALTER INDEX a_english RENAME TO a_other;
SELECT refused($$SELECT count(*) FROM a, queries q WHERE body @@@ q.q AND q.id = 2$$);
ALTER INDEX a_other RENAME TO a_english;
-- one that is restored before its index
SELECT '{index=''bm25_choice.later''} ''x'''::rankquery;
SELECT refused($$SELECT 'x' @@@ '{index=''bm25_choice.later''} ''x'''::rankquery$$);
SELECT count(*) FROM (SELECT q FROM (SELECT q FROM queries UNION ALL SELECT q::text::rankquery FROM queries) y GROUP BY q) x;
-- the form of version 1.0 has OIDs; it is read, and equal to what is stored now
CREATE FUNCTION le(n bigint, bytes int) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$ SELECT string_agg(set_byte('\x00', 0, ((n >> (8 * i)) & 255)::int), NULL ORDER BY i) FROM generate_series(0, bytes - 1) i $$;
SET client_min_messages = warning;
CREATE TYPE raw;
CREATE FUNCTION raw_in(cstring) RETURNS raw IMMUTABLE STRICT LANGUAGE internal AS 'byteain';
CREATE FUNCTION raw_out(raw) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'byteaout';
RESET client_min_messages;
CREATE TYPE raw (INPUT = raw_in, OUTPUT = raw_out, ALIGNMENT = double, STORAGE = extended);
CREATE CAST (raw AS rankquery) WITHOUT FUNCTION;
INSERT INTO queries SELECT id, (le(1, 2) || le(0, 2) || le(index, 4) || le('english'::regconfig::oid::bigint, 4) || le(1, 4) || le(0, 4) || le(9221120237041090560, 8) || le(9221120237041090560, 8) || le(9221120237041090560, 8) || le(9221120237041090560, 8)
	|| le(0, 4) || le(x'3f800000'::int, 4) || le(0, 4) || le(3, 4) || le(0, 8) || le(9221120237041090560, 8) || 'run' || le(0, 5))::text::raw::rankquery FROM (VALUES (5, 'a_english'::regclass::oid::bigint), (6, 0)) v(id, index);
DROP CAST (raw AS rankquery);
SELECT id, q, (SELECT array_agg(id) FROM queries y WHERE x.q = y.q AND rankquery_hash(x.q) = rankquery_hash(y.q) AND rankquery_hash_extended(x.q, 7) = rankquery_hash_extended(y.q, 7)) FROM queries x WHERE id IN (5, 6);
SELECT same($$SELECT q.id, (SELECT count(*) FROM a WHERE body @@@ q) FROM queries q WHERE id >= 5$$);

-- one partial index a language
CREATE TABLE l (id int, lang text, body text);
INSERT INTO l SELECT i, CASE i % 2 WHEN 0 THEN 'en' ELSE 'de' END, CASE i % 2 WHEN 0 THEN 'running houses ' ELSE 'die Häuser laufen ' END || i FROM generate_series(1, 400) i;
INSERT INTO l VALUES (5001, 'de', 'Haus Haus');
CREATE INDEX l_en ON l USING bm25 (body) WITH (config = 'english') WHERE lang = 'en';
CREATE INDEX l_de ON l USING bm25 (body) WITH (config = 'german') WHERE lang = 'de';
ANALYZE l;
SELECT same($$SELECT count(*), min(body <@> 'Haus') < 0 FROM l WHERE lang = 'de' AND body @@@ 'Haus'$$), same($$SELECT count(*) FROM l WHERE body @@@ 'run' AND lang = 'en'$$);
SELECT same($$SELECT count(*) FROM (SELECT body <@> 'Haus' AS s FROM l WHERE lang = 'de') x WHERE s < 0$$);
SELECT plan($$SELECT id FROM l WHERE lang = 'de' ORDER BY body <@> 'Haus' LIMIT 5$$);
SELECT plan($$SELECT l.id FROM a JOIN l ON l.id = a.id AND l.lang = 'de' WHERE a.id < 3 AND l.body @@@ 'Haus'$$);
SELECT plan($$SELECT a.id, l.body <@> 'Haus' FROM a LEFT JOIN l ON l.id = a.id AND l.lang = 'de' WHERE a.id < 3 ORDER BY 2$$);
SELECT (SELECT min(l.body <@> 'Haus') < 0 FROM l WHERE l.lang = x.lang AND l.lang = 'de') FROM (SELECT 'de'::text AS lang) x;
-- the condition of the other side of an outer join proves nothing; nor do parameters
SELECT plan($$SELECT l.id FROM l LEFT JOIN a ON l.lang = 'de' AND a.id = l.id ORDER BY l.body <@> 'Haus' LIMIT 1$$);
PREPARE by_lang(text) AS SELECT count(*) FROM l WHERE lang = $1 AND body @@@ 'Haus';
PREPARE by_lang_join(text, text) AS SELECT count(*) FROM a JOIN l ON l.lang = $1 AND l.id = a.id WHERE l.body @@@ $2;
PREPARE literal(text) AS SELECT count(*) FROM a JOIN l ON l.lang = 'de' AND l.id = a.id WHERE l.body @@@ $1;
EXECUTE by_lang('de');
EXECUTE by_lang_join('de', 'Haus');
EXECUTE literal('Haus');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_lang('de');
EXECUTE by_lang_join('de', 'Haus');
EXECUTE literal('Haus');
RESET plan_cache_mode;

-- partitions
CREATE TABLE p (id int, lang text, body text) PARTITION BY LIST (lang);
CREATE TABLE p_en PARTITION OF p FOR VALUES IN ('en');
CREATE TABLE p_de (id int, lang text, body text);
INSERT INTO p_de SELECT i, 'de', 'die Häuser laufen ' || i FROM generate_series(1, 200) i;
INSERT INTO p SELECT i, 'en', 'running houses ' || i FROM generate_series(1, 200) i;
CREATE INDEX p_de_i ON p_de USING bm25 (body) WITH (config = 'german');
-- without an index of the whole, a partition's own serves who is not bound only if its words are those
ALTER TABLE p ATTACH PARTITION p_de FOR VALUES IN ('de');
SELECT same($$SELECT count(*) FROM p WHERE body @@@ 'Haus'$$);
SET default_text_search_config = 'german';
SELECT same($$SELECT count(*) FROM p WHERE body @@@ 'Haus'$$);
RESET default_text_search_config;
ALTER TABLE p DETACH PARTITION p_de;
CREATE INDEX p_i ON p USING bm25 (body) WITH (config = 'english');
ALTER TABLE p ATTACH PARTITION p_de FOR VALUES IN ('de');
ANALYZE p;
SELECT refused($$SELECT count(*) FROM p WHERE body @@@ 'Haus'$$);
SELECT refused($$SELECT id FROM p ORDER BY body <@> 'Haus' LIMIT 1$$);
ALTER TABLE p DETACH PARTITION p_de;
SELECT same($$SELECT count(*) FROM p WHERE body @@@ 'run'$$);
DROP INDEX p_de_i;
ALTER TABLE p ATTACH PARTITION p_de FOR VALUES IN ('de');
-- one more index of a partition, of other words, is not used
CREATE INDEX p_de_own ON p_de USING bm25 (body) WITH (config = 'german');
SELECT same($$SELECT count(*) FROM p WHERE body @@@ 'Haus'$$), same($$SELECT id, lang FROM p ORDER BY body <@> '7 houses', id, lang LIMIT 2$$);
-- an index without partitions says so by N = 0
CREATE TABLE o (id int, body text) PARTITION BY RANGE (id);
CREATE INDEX o_i ON o USING bm25 (body) WITH (config = 'english');
SELECT bm25_score('foo', bm25_bind('foo', 'o_i')), bm25_score('bar', bm25_query('o_i', 'foo')), (SELECT count(*) FROM o WHERE body @@@ 'foo');
SELECT documents, avg_length, segments FROM bm25_stats('o_i');
SELECT documents, segments > 0 FROM bm25_stats('p_i');

-- inheritance: statistics are the tree's; children's indexes are used for the order
CREATE TABLE k (id int, body text);
CREATE INDEX k_i ON k USING bm25 (body) WITH (config = 'simple');
CREATE TABLE k1 (extra int) INHERITS (k);
CREATE TABLE k2 (a int, body text, id int);
ALTER TABLE k2 INHERIT k;
CREATE INDEX k1_i ON k1 USING bm25 (body) WITH (config = 'simple');
CREATE INDEX k2_i ON k2 USING bm25 (body) WITH (config = 'simple');
INSERT INTO k1 SELECT i, 'common rare' || i FROM generate_series(1, 500) i;
INSERT INTO k2 (id, body) SELECT i, 'common rare' || i FROM generate_series(501, 1000) i;
ANALYZE k, k1, k2;
CREATE TABLE whole AS SELECT id, body FROM k;
CREATE INDEX whole_i ON whole USING bm25 (body) WITH (config = 'simple');
SELECT same($$SELECT id, body <@> 'common rare7' FROM k ORDER BY 2, 1 LIMIT 2$$) = same($$SELECT id, body <@> 'common rare7' FROM whole ORDER BY 2, 1 LIMIT 2$$);
SELECT plan($$SELECT id FROM k ORDER BY body <@> 'common rare7' LIMIT 2$$);
CREATE TABLE k3 () INHERITS (k);
CREATE INDEX k3_i ON k3 USING bm25 (body) WITH (config = 'english');
INSERT INTO k3 VALUES (2000, 'running rare7');
SELECT same($$SELECT id, body <@> 'rare7' < 0 FROM k ORDER BY body <@> 'rare7', id LIMIT 3$$), same($$SELECT count(*) FROM k WHERE body @@@ 'run'$$), same($$SELECT count(*) FROM ONLY k3 WHERE body @@@ 'run'$$);

-- estimates are the dictionary's
CREATE TABLE e (id int PRIMARY KEY, body text);
INSERT INTO e SELECT i, 'common u' || i || CASE i % 10 WHEN 0 THEN ' tenth' ELSE '' END FROM generate_series(1, 5000) i;
CREATE INDEX e_i ON e USING bm25 (body) WITH (config = 'simple');
ANALYZE e;
SELECT q, estimate(format('SELECT FROM e WHERE body @@@ to_rankquery(''simple'', %L)', q)) FROM unnest(ARRAY['u77', 'common', 'tenth', 'u77 tenth', '+common +tenth', '-tenth common', 'nowhere', '"common tenth"', 'u7*']) q;
SELECT estimate($$SELECT FROM e WHERE body @@@ ''$$), estimate($$SELECT FROM e WHERE body @@@ 'u77 u78'$$), estimate($$SELECT FROM e WHERE body @@@ NULL::text$$), estimate($$SELECT FROM p WHERE body @@@ '7'$$);
CREATE TABLE j (doc int, txt text);
INSERT INTO j SELECT i % 5000, 'c' || i FROM generate_series(1, 20000) i;
CREATE INDEX j_doc ON j (doc);
ANALYZE j;
SELECT plan($$SELECT count(txt) FROM e JOIN j ON doc = id WHERE body @@@ 'u77'$$);

-- UNION ALL: each arm is bound, and there is nothing to complain of
CREATE VIEW arms AS SELECT id, body FROM e UNION ALL SELECT id, body FROM whole;
SELECT plan($$SELECT * FROM arms WHERE body @@@ 'u77'$$);
SELECT same($$SELECT id FROM arms WHERE body @@@ 'u77 rare9' ORDER BY 1$$);

-- varchar, char and arrays of them, however the query is written
CREATE TABLE v (id int, title varchar(200), body varchar, code char(20));
INSERT INTO v SELECT i, 'title word' || i % 50, 'running bodies ' || i, 'code' || i FROM generate_series(1, 300) i;
CREATE INDEX v_fields ON v USING bm25 ((ARRAY[title, body])) WITH (config = 'english');
CREATE INDEX v_code ON v USING bm25 (code) WITH (config = 'simple');
CREATE INDEX v_codes ON v USING bm25 ((ARRAY[code, code])) WITH (config = 'simple');
ANALYZE v;
SELECT plan(s) FROM unnest(ARRAY[$$SELECT id FROM v ORDER BY ARRAY[title, body] <@> 'run 77' LIMIT 3$$, $$SELECT id FROM v ORDER BY ARRAY[title::text, body::text] <@> 'run 77' LIMIT 3$$,
	$$SELECT id FROM v WHERE code @@@ 'code7'$$, $$SELECT id FROM v WHERE code::text @@@ 'code7'$$, $$SELECT id FROM v WHERE ARRAY[code, code] @@@ to_rankquery('simple', '2:code7')$$]) s;
SELECT same($$SELECT id, round((ARRAY[title, body] <@> 'run 77')::numeric, 5), bm25_score(ARRAY[title::text, body::text], 'run 77') = bm25_score(ARRAY[title, body], 'run 77') FROM v ORDER BY ARRAY[title, body] <@> 'run 77', id LIMIT 2$$);
SELECT same($$SELECT id FROM v WHERE code @@@ 'code7'$$), same($$SELECT id FROM v WHERE code::varchar @@@ 'code7'$$), same($$SELECT id FROM v WHERE ARRAY[code, code] @@@ to_rankquery('simple', '2:code7')$$), same($$SELECT id, bm25_score(code, 'code7') > 1 FROM v ORDER BY code <@> 'code7', id LIMIT 1$$);
DROP INDEX v_fields;
CREATE INDEX v_fields ON v USING bm25 ((ARRAY[title::text, body::text])) WITH (config = 'english');
SELECT plan(s) FROM unnest(ARRAY[$$SELECT id FROM v ORDER BY ARRAY[title, body] <@> 'run 77' LIMIT 3$$, $$SELECT id FROM v ORDER BY ARRAY[title::text, body::text] <@> 'run 77' LIMIT 3$$]) s;
SELECT same($$SELECT id, round((ARRAY[title, body] <@> 'run 77')::numeric, 5) FROM v ORDER BY ARRAY[title, body] <@> 'run 77', id LIMIT 2$$);

-- rights: of the query for what the planner bound, of the caller for a choice
CREATE ROLE bm25_choice_reader;
GRANT USAGE ON SCHEMA bm25_choice TO bm25_choice_reader;
CREATE TABLE r (id int, owner name, body text);
INSERT INTO r SELECT i, CASE WHEN i % 10 = 0 THEN 'bm25_choice_reader' ELSE 'other' END, 'note ' || CASE WHEN i % 10 = 0 THEN 'mine' ELSE 'secret' || i END FROM generate_series(1, 100) i;
CREATE INDEX r_i ON r USING bm25 (body) WITH (config = 'simple');
CREATE VIEW rv AS SELECT id, body FROM r WHERE id <= 50;
GRANT SELECT ON rv TO bm25_choice_reader;
CREATE TABLE expected AS SELECT id, body <@> 'mine note' AS s FROM r;
GRANT SELECT ON expected TO bm25_choice_reader;
SET ROLE bm25_choice_reader;
SELECT refused($$SELECT body <@> 'note' FROM r$$);
SELECT bool_and(s = body <@> 'mine note') FROM rv JOIN expected USING (id);
SELECT q || ': ' || refused('SELECT ' || q) FROM unnest(ARRAY[$$'note' <@> bm25_bind('note', 'r_i')$$, $$'note' @@@ bm25_bind(to_rankquery('simple', 'note'), 'r_i')$$, $$bm25_query('r_i', 'note')$$,
	$$'note' <@> '{index=''bm25_choice.r_i''} ''note'''::rankquery$$, $$body <@> '{index=''bm25_choice.r_i''} ''note'''::rankquery FROM rv$$, $$body <@> (bm25_bind('note', 'r_i') && to_rankquery('simple', 'x')) FROM rv$$]) q;
-- what the choice of an index without rights would tell is not in the estimate either
SELECT estimate($$SELECT FROM rv WHERE body @@@ '{index=''bm25_choice.r_i''} ''note'''::rankquery$$) < 20;
RESET ROLE;
ALTER TABLE r ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON r USING (owner = current_user);
GRANT SELECT ON r TO bm25_choice_reader;
SET ROLE bm25_choice_reader;
SELECT count(*), bool_and(s = body <@> 'mine note') FROM r JOIN expected USING (id);
SELECT count(*) FROM (SELECT id FROM r ORDER BY body <@> 'mine' LIMIT 20) x;
SELECT refused($$SELECT body <@> bm25_bind('note', 'r_i') FROM r$$);
SELECT refused($$SELECT FROM r WHERE body @@@ bm25_query('r_i', 'note')$$);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA bm25_choice CASCADE;
DROP ROLE bm25_choice_reader;
