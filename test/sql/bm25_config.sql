-- Which text search configuration an index has, and what becomes of it when the
-- configuration, the session or the index's file changes.
-- covers: bm25_config bm25_content bm25_fingerprint
CREATE SCHEMA bm25_config;
SET search_path = bm25_config, public;
SET jit = off;
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE code text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', code, message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- rows that match by an index scan, a bitmap scan and a sequential scan
CREATE FUNCTION matches(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found bigint; all_found bigint[];
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM set_config('enable_indexscan', (i = 1)::text, true), set_config('enable_bitmapscan', (i = 2)::text, true), set_config('enable_seqscan', (i = 3)::text, true);
		EXECUTE 'SELECT count(*) FROM ' || condition INTO found;
		all_found := all_found || found;
	END LOOP;
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_seqscan', 'on', true);
	RETURN array_to_string(all_found, ' ');
END $$;

-- text: the option is required
CREATE TABLE c (id int, body text, parts text[]);
INSERT INTO c SELECT i, 'viele Häuser ' || i, ARRAY['Häuser', 'x'] FROM generate_series(1, 200) i;
SELECT refused('CREATE INDEX ON c USING bm25 (body)');
SELECT refused('CREATE INDEX ON c USING bm25 (parts)');
CREATE INDEX c_i ON c USING bm25 (body) WITH (config = 'german');
-- an index from before has none; its configuration is the one recorded, whoever rebuilds it
UPDATE pg_class SET reloptions = NULL WHERE oid = 'c_i'::regclass;
SET default_text_search_config = 'simple';
SELECT matches($$c WHERE body @@@ 'Haus'$$);
REINDEX INDEX c_i;
SELECT matches($$c WHERE body @@@ 'Haus'$$);
REINDEX INDEX CONCURRENTLY c_i;
SELECT matches($$c WHERE body @@@ 'Haus'$$);
VACUUM FULL c;
SELECT matches($$c WHERE body @@@ 'Haus'$$);
TRUNCATE c;
INSERT INTO c SELECT i, 'viele Häuser ' || i FROM generate_series(1, 100) i;
SELECT matches($$c WHERE body @@@ 'Haus'$$);
RESET default_text_search_config;
-- of a partitioned index, what is recorded of its partitions
CREATE TABLE p (id int, body text) PARTITION BY RANGE (id);
SELECT refused('CREATE INDEX ON p USING bm25 (body); CREATE TABLE p0 PARTITION OF p FOR VALUES FROM (0) TO (10)');
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE INDEX p_i ON p USING bm25 (body) WITH (config = 'german');
UPDATE pg_class SET reloptions = NULL WHERE oid IN ('p_i'::regclass, 'p1_body_idx'::regclass);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (20) TO (30);
SELECT pg_describe_object(refclassid, refobjid, 0) FROM pg_depend WHERE objid = 'p2_body_idx'::regclass AND refclassid = 'pg_ts_config'::regclass;

-- tsvector: words of plain queries
CREATE TABLE t (body text, option tsvector, plain tsvector, tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED,
	two tsvector GENERATED ALWAYS AS (to_tsvector('english', body) || to_tsvector('simple', body)) STORED);
INSERT INTO t SELECT 'running dogs', 'dog', 'dog' FROM generate_series(1, 100);
CREATE INDEX t_option ON t USING bm25 (option) WITH (config = 'english');
CREATE INDEX t_plain ON t USING bm25 (plain);
CREATE INDEX t_tsv ON t USING bm25 (tsv);
CREATE INDEX t_two ON t USING bm25 (two);
CREATE INDEX t_expression ON t USING bm25 ((setweight(to_tsvector('english', body), 'B')));
SET default_text_search_config = 'simple';
SELECT matches($$t WHERE option @@@ 'dogs'$$), matches($$t WHERE tsv @@@ 'dogs'$$), matches($$t WHERE setweight(to_tsvector('english', body), 'B') @@@ 'dogs'$$);
SELECT refused($$SELECT FROM t WHERE plain @@@ 'dogs'$$);
SELECT refused($$SELECT FROM t ORDER BY two <@> 'dogs'$$);
SELECT refused($$SELECT bm25_query('t_plain', 'dogs')$$);
SELECT matches($$t WHERE plain @@@ to_rankquery('english', 'dogs')$$), matches($$t WHERE plain @@@ to_tsquery('english', 'dogs')$$);
ALTER INDEX t_plain SET (config = 'english');
SELECT matches($$t WHERE plain @@@ 'dogs'$$);
RESET default_text_search_config;

-- changes of a configuration that no sample shows
CREATE TEXT SEARCH CONFIGURATION mine (COPY = english);
CREATE TEXT SEARCH DICTIONARY mine_stem (TEMPLATE = snowball, LANGUAGE = english, STOPWORDS = english);
CREATE TABLE d (id int, body text);
INSERT INTO d SELECT i, 'cat dog ' || i FROM generate_series(1, 100) i;
CREATE INDEX d_i ON d USING bm25 (body) WITH (config = 'bm25_config.mine');
SELECT matches($$d WHERE body @@@ 'cats'$$);
-- the same definition under other names is no change
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING REPLACE english_stem WITH mine_stem;
SELECT refused($$SELECT FROM d WHERE body @@@ 'cats'$$);
ALTER TEXT SEARCH DICTIONARY mine_stem RENAME TO my_stem;
SELECT refused($$INSERT INTO d VALUES (101, 'one more cat')$$);
ALTER TEXT SEARCH CONFIGURATION mine DROP MAPPING FOR uint;
SELECT refused($$SELECT FROM d WHERE body @@@ 'cats'$$);
SELECT refused($$INSERT INTO d VALUES (101, 'one more cat')$$);
SELECT * FROM bm25_check('d_i');
ALTER TEXT SEARCH CONFIGURATION mine ADD MAPPING FOR uint WITH simple;
SELECT matches($$d WHERE body @@@ 'cats'$$);
ALTER TEXT SEARCH DICTIONARY my_stem (STOPWORDS);
SELECT refused($$SELECT FROM d WHERE body @@@ 'cats'$$);
ALTER TEXT SEARCH DICTIONARY my_stem (STOPWORDS = english);
SELECT matches($$d WHERE body @@@ 'cats'$$);
-- another name for the configuration, and its name for another one
ALTER TEXT SEARCH CONFIGURATION mine RENAME TO yours;
INSERT INTO d VALUES (102, 'one more cat');
SELECT matches($$d WHERE body @@@ 'cats'$$);
CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple);
INSERT INTO d VALUES (103, 'one more cat');
SELECT matches($$d WHERE body @@@ 'cats'$$);
\c -
SET search_path = bm25_config, public;
SELECT matches($$d WHERE body @@@ 'cats'$$);
INSERT INTO d VALUES (104, 'one more cat');
SELECT * FROM bm25_check('d_i');
-- who may write to a table uses the configuration of its index, wherever that is
CREATE SCHEMA bm25_config_hidden;
ALTER TEXT SEARCH CONFIGURATION yours SET SCHEMA bm25_config_hidden;
CREATE ROLE bm25_config_writer;
GRANT USAGE ON SCHEMA bm25_config TO bm25_config_writer;
GRANT INSERT, SELECT ON d TO bm25_config_writer;
ALTER INDEX d_i SET (config = 'bm25_config_hidden.yours');
REINDEX INDEX d_i;
SET ROLE bm25_config_writer;
INSERT INTO d VALUES (105, 'one more cat');
SELECT matches($$d WHERE body @@@ 'cats'$$);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA bm25_config, bm25_config_hidden CASCADE;
DROP ROLE bm25_config_writer;
-- words that an expression of a function keeps are read again once their configuration was altered
CREATE TEXT SEARCH CONFIGURATION altered (COPY = simple);
SET default_text_search_config = altered;
DO $$ BEGIN
  FOR i IN 1..2 LOOP
    RAISE WARNING '%', 'running dogs'::text @@@ 'runs';
    ALTER TEXT SEARCH CONFIGURATION altered ALTER MAPPING FOR asciiword WITH english_stem;
  END LOOP;
END $$;
RESET default_text_search_config;
DROP TEXT SEARCH CONFIGURATION altered;
