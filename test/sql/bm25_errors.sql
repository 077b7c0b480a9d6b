-- What bm25 and inverted refuse, and how they say it; what looks bad and works.
-- covers: bm25_config inv_options bm25_pin_cache inspect_inverted_check match
CREATE SCHEMA bm25_errors;
SET search_path = bm25_errors, public;
CREATE TABLE t (id int, body text, fields text[], tv tsvector, n int, s sparsevec(9), j jsonb);
INSERT INTO t VALUES (1, 'the quick brown fox', '{quick,fox}', 'quick', 1, '{1:1}/9', '{}');
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE code text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', code, message, nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on
-- options
SELECT o || ': ' || refused('CREATE INDEX ON t USING bm25 (body) WITH (' || o || ')') FROM unnest(ARRAY[
	'config = ''no_such''', 'config = ''no.such''', 'config = ''''', 'config = ''"half''', 'k1 = -1', 'k1 = 1e9', 'k1 = nan', 'b = 1.01', 'b = -.1', 'b = x',
	'scoring = pagerank', 'scoring = dirichlet, mu = 0', 'pending_limit = 0', 'pending_limit = ''63kB''', 'pending_limit = ''2GB''', 'pending_limit = ''1MiB''', 'pending_limit = ''1 MB''', 'cjk = trigram', 'positions = maybe', 'field_weights = ''1, 2''', 'fillfactor = 50']) o;
-- columns
SELECT c || ': ' || refused('CREATE INDEX ON t USING ' || c) FROM unnest(ARRAY[
	'bm25 (n)', 'bm25 (j)', 'bm25 (s)', 'bm25 (body, fields)', 'bm25 (body) INCLUDE (n)', 'bm25 (body DESC)', 'bm25 (body NULLS FIRST)', 'bm25 (tv) WITH (config = ''english'')',
	'inverted (body)', 'inverted (s) WITH (k1 = 1)', 'inverted (s) WITH (config = ''english'')']) c;
SELECT refused('CREATE UNIQUE INDEX ON t USING bm25 (body)');
-- functions of indexes
CREATE INDEX t_btree ON t (id);
CREATE INDEX t_body ON t USING bm25 (body) WITH (config = 'english');
SELECT f || ': ' || refused('SELECT ' || f) FROM unnest(ARRAY[
	'bm25_stats(''t_btree'')', 'bm25_stats(''t'')', 'bm25_stats(0)', 'bm25_merge(''t_btree'')', 'bm25_check(''t'')', 'bm25_terms(''t_btree'')',
	'body <@> bm25_bind(''fox'', ''t_btree'') FROM t', 'bm25_query(''t'', ''fox'')', 'bm25_score(body, ''fox'', ''t_btree'') FROM t', 'bm25_explain(body, ''fox'', ''t'') FROM t']) f;
CREATE ROLE bm25_errors_nobody;
GRANT USAGE ON SCHEMA bm25_errors TO bm25_errors_nobody;
SET ROLE bm25_errors_nobody;
SELECT f || ': ' || refused('SELECT ' || f) FROM unnest(ARRAY[
	'bm25_stats(''t_body'')', 'bm25_merge(''t_body'')', 'bm25_check(''t_body'')', 'bm25_terms(''t_body'')']) f;
RESET ROLE;
-- options that change later; REINDEX makes them true
ALTER INDEX t_body SET (k1 = 2.5);
SELECT refused('ALTER INDEX t_body SET (k1 = -2)');
SELECT id, round((body <@> 'fox')::numeric, 3) FROM t ORDER BY body <@> 'fox' LIMIT 1;
-- an index that is not valid is not used, nor asked
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_body'::regclass;
SET enable_seqscan = off;
DO $$
DECLARE line text;
BEGIN
	FOR line IN EXPLAIN SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 1 LOOP
		IF line ~ 't_body' THEN RAISE EXCEPTION '%', line; END IF;
	END LOOP;
END $$;
SELECT refused('SELECT bm25_stats(''t_body'')');
SELECT refused('SELECT body <@> bm25_bind(''fox'', ''t_body'') FROM t');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 't_body'::regclass;
RESET enable_seqscan;
-- 100,000 words in a query; a word of 3,000 bytes; nothing but stop words; a large document
SELECT refused(format('SELECT id FROM t ORDER BY body <@> %L LIMIT 1', (SELECT string_agg('w' || i, ' ') FROM generate_series(1, 100000) i)));
SELECT refused(format('SELECT id FROM t WHERE body @@@ to_rankquery(''english'', %L)', (SELECT string_agg('w' || i, ' ') FROM generate_series(1, 100000) i)));
SELECT refused(format('SELECT id FROM t WHERE body @@@ to_rankquery(''english'', %L)', repeat('(', 100000) || 'fox'));
INSERT INTO t (id, body) VALUES (2, repeat('x', 3000) || ' fox'), (3, 'the of and'), (4, repeat('word quick ', 100000)), (5, ''), (6, NULL);
SET enable_indexscan = off;
SELECT id, round((body <@> 'fox')::numeric, 3) FROM t ORDER BY body <@> 'fox', id;
RESET enable_indexscan;
SELECT id FROM t WHERE body @@@ 'quick' ORDER BY id;
SELECT count(*) FROM t WHERE body @@@ 'the of';
SELECT bm25_merge('t_body');
SELECT id FROM t WHERE body @@@ 'quick' ORDER BY id;
SELECT * FROM bm25_check('t_body');
-- bytes that are no text do not get in
SELECT refused('INSERT INTO t (body) VALUES (convert_from(''\xc3''::bytea, ''UTF8''))');
SET client_min_messages = warning;
DROP SCHEMA bm25_errors CASCADE;
DROP ROLE bm25_errors_nobody;
