-- Generated statements in a hostile database: schemas before pg_catalog, operators,
-- functions and types that fit better than those meant, tables with the statement's own names.
-- covers: hybrid_sql hybrid_resolve hybrid_profile hybrid_args hybrid_values
CREATE TABLE hh_docs (id int PRIMARY KEY, title varchar(80), lang text, tags text[], meta jsonb, body text, embedding vector(3), half halfvec(3), words sparsevec(50), tokens multivector(2));
INSERT INTO hh_docs SELECT i, 'title ' || i, (ARRAY['en', 'de'])[1 + i % 2], ARRAY['t' || i % 4], jsonb_build_object('a', i % 5), 'word' || i % 9 || ' word' || i % 4 || ' common',
	CASE WHEN i % 17 = 0 THEN '[0,0,0]' ELSE ARRAY[i % 11, i % 13, 1]::vector END, ARRAY[i % 7, 1, 2]::halfvec, ('{' || 1 + i % 7 || ':1}/50')::sparsevec, ARRAY[ARRAY[i % 3, 1], ARRAY[1, i % 4]]::real[]::multivector FROM generate_series(1, 200) i;
CREATE INDEX hh_body ON hh_docs USING bm25 (body) WITH (config = 'simple');
CREATE INDEX hh_title ON hh_docs USING bm25 (title) WITH (config = 'simple');
CREATE INDEX hh_embedding ON hh_docs USING hnsw (embedding vector_cosine_ops);
ANALYZE hh_docs;
SELECT rank_profile_table();
INSERT INTO pgretrieve_profiles.rank_profile (relation, name, legs, rerank, method) VALUES ('hh_docs', 'p', ARRAY[leg('embedding', '<=>', NULL), leg('body', '<@>', NULL)], leg('tokens', '@#', NULL), 'cc');
CREATE VIEW hh_view AS SELECT * FROM hh_docs WHERE id <= 150;

CREATE FUNCTION hh_searches(OUT n int, OUT answer text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	search text;
BEGIN
	n := 0;
	FOREACH search IN ARRAY ARRAY[
		'public.hybrid_search(NULL::public.hh_docs, ARRAY[public.leg(''embedding'', ''<=>'', ''[2,3,1]''), public.leg(''body'', ''<@>'', ''word3'')])',
		'public.hybrid_search(NULL::public.hh_docs, ARRAY[public.leg(''embedding'', ''<=>'', ''[2,3,1]''), public.leg(''body'', ''<@>'', ''word3'')], method => ''cc'', rerank => public.leg(''tokens'', ''@#'', ''[[1,2]]''))',
		'public.hybrid_search(''public.hh_docs'', ''lang'', ARRAY[public.leg(''words'', ''<#>'', ''{1:1}/50''), public.leg(''half'', ''<->'', ''[2,3,1]'')], 2, method => ''cc'', norm => ''dbsf'', rerank => public.leg(''embedding'', ''<=>'', ''[2,3,1]''))',
		'public.hybrid_search(''public.hh_docs'', ''id'', ARRAY[public.leg(''title'', ''<@>'', ''7''), public.leg(''body'', ''<@>'', ''word3''), public.leg(''embedding'', ''<+>'', ''[2,3,1]'')], 5, ''{"lang": ["en", null], "tags": {"contains": ["t2"]}, "meta": {"contains": {"a": 1}}, "title": {"like": "%6%"}, "$not": {"id": {">=": 150, "<>": 160}}}'')',
		'public.hybrid_search(NULL::public.hh_view, ARRAY[public.leg(''body'', ''<@>'', ''word3''), public.leg(''embedding'', ''<->'', ''[2,3,1]'')], 5, where_sql => ''id OPERATOR(pg_catalog.>) $1'', where_values => ARRAY[''20''], key => ARRAY[''id'', ''lang''])',
		'public.profile_search(NULL::public.hh_docs, ''p'', ARRAY[''[2,3,1]'', ''word3'', ''[[1,2]]''])',
		'public.profile_search_keys(''public.hh_docs'', ''p'', ARRAY[''[2,3,1]'', ''word3'', ''[[1,2]]''], 7)'] LOOP
		n := pg_catalog.int4pl(n, 1);
		EXECUTE pg_catalog.format('SELECT pg_catalog.md5(pg_catalog.string_agg(h::pg_catalog.text, '','' ORDER BY rank)) FROM %s h', search) INTO answer;
		RETURN NEXT;
	END LOOP;
	n := pg_catalog.int4pl(n, 1);
	EXECUTE 'SELECT public.index_recall(''public.hh_embedding'', 5, 5)::pg_catalog.text' INTO answer;
	RETURN NEXT;
	n := pg_catalog.int4pl(n, 1);
	EXECUTE 'SELECT pg_catalog.count(*)::pg_catalog.text FROM public.bm25_check(''public.hh_body'')' INTO answer;
	RETURN NEXT;
	n := pg_catalog.int4pl(n, 1);
	EXECUTE 'SELECT (public.rank_profile_table() OPERATOR(pg_catalog.=) ''pgretrieve_profiles.rank_profile''::pg_catalog.regclass)::pg_catalog.text' INTO answer;
	RETURN NEXT;
	n := pg_catalog.int4pl(n, 1);
	EXECUTE 'SELECT public.rank_profile_table(''hh_other'')::pg_catalog.text' INTO answer;
	SET LOCAL client_min_messages = warning;
	EXECUTE 'DROP SCHEMA hh_other CASCADE';
	RETURN NEXT;
END $$;
CREATE TEMP TABLE plain AS SELECT * FROM hh_searches();
SELECT * FROM plain WHERE length(answer) < 32;

-- everything a statement names, better in fit than what is meant
CREATE SCHEMA evil;
DO $$
DECLARE
	o record;
BEGIN
	-- operators and functions of pg_catalog for all types that statements have, with a twin that raises
	FOR o IN SELECT oid, oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS res FROM pg_operator
		WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND oprname IN ('=', '<', '<=', '>', '>=', '<>', '+', '-', '*', '@>', '~~', '~~*')
		AND oprleft IN ('float8'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'bool'::regtype, 'oid'::regtype, 'jsonb'::regtype, 'anyarray'::regtype, 'name'::regtype) LOOP
		EXECUTE format('CREATE FUNCTION evil.op_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''evil %s''; END $f$', o.oid, o.l, o.r, o.res, o.oprname);
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = evil.op_%s)', o.oprname, o.l, o.r, o.oid);
	END LOOP;
	FOR o IN SELECT 'regclass' AS l, 'regclass' AS r UNION SELECT 'varchar', 'varchar' UNION SELECT 'varchar', 'text' UNION SELECT 'text[]', 'text[]' LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION evil.eq(%s, %s) RETURNS bool LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''evil =''; END $f$', o.l, o.r);
		EXECUTE format('CREATE OPERATOR evil.= (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = evil.eq)', o.l, o.r);
		EXECUTE format('CREATE OPERATOR evil.~~ (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = evil.eq)', o.l, o.r);
		EXECUTE format('CREATE OPERATOR evil.@> (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = evil.eq)', o.l, o.r);
	END LOOP;
	FOR o IN SELECT * FROM (VALUES ('<=>', 'vector', 'vector'), ('<->', 'vector', 'vector'), ('<->', 'halfvec', 'halfvec'), ('<#>', 'sparsevec', 'sparsevec'), ('@#', 'multivector', 'multivector'),
		('<+>', 'vector', 'vector'), ('<@>', 'text', 'text'), ('<@>', 'varchar', 'text'), ('<@>', 'varchar', 'varchar'), ('<@>', 'text', 'rankquery'), ('@@@', 'text', 'text'), ('@@@', 'varchar', 'text')) v (op, l, r) LOOP
		EXECUTE format('CREATE OR REPLACE FUNCTION evil.distance(%s, %s) RETURNS float8 LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''evil distance''; END $f$', o.l, o.r);
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = evil.distance)', o.op, o.l, o.r);
	END LOOP;
	FOR o IN SELECT * FROM (VALUES ('row_number()', 'bigint'), ('max(float8)', 'float8'), ('max(int4)', 'int4'), ('min(float8)', 'float8'), ('count(float8)', 'bigint'), ('count()', 'bigint'), ('hashtid(tid)', 'int4'),
		('pg_get_indexdef(oid, int4, bool)', 'text'), ('fuse_rrf(int4, float8, float8)', 'float8'), ('fuse_rrf(int8, float8, float8)', 'float8'), ('norm_tmm(float8, float8)', 'float8'), ('norm_minmax(float8)', 'float8'),
		('norm_dbsf(float8)', 'float8'), ('rank_profile_table(text)', 'regclass')) v (f, r) LOOP
		EXECUTE format('CREATE FUNCTION evil.%s RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''evil function''; END $f$', o.f, o.r);
	END LOOP;
END $$;
-- in the extension's own schema, too, where another role may be allowed to create
CREATE FUNCTION public.fuse_rrf(int4, float8, float8) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil fuse_rrf'; END $$;
CREATE DOMAIN evil.float8 AS pg_catalog.float8 CHECK (VALUE OPERATOR(pg_catalog.<) 0);
CREATE DOMAIN evil.int4 AS pg_catalog.int4 CHECK (VALUE OPERATOR(pg_catalog.<) 0);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (VALUE OPERATOR(pg_catalog.<) 0);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (VALUE OPERATOR(pg_catalog.=) 'evil');
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (false);
CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (false);
CREATE DOMAIN evil.regclass AS pg_catalog.regclass CHECK (false);
CREATE DOMAIN evil.vector AS public.vector CHECK (false);
CREATE TYPE evil.hybrid_leg AS (a pg_catalog.text);
SET search_path = evil, pg_catalog, public;
-- they are found when asked for
SELECT 1 = 1;
SELECT max(1.5::pg_catalog.float8);
SELECT 1::float8;
SELECT '[1,2]'::public.vector <-> '[1,3]'::public.vector;
SELECT h.n, h.answer FROM public.hh_searches() h JOIN plain p ON p.n OPERATOR(pg_catalog.=) h.n WHERE (h.answer OPERATOR(pg_catalog.=) p.answer) IS NOT TRUE;
SET search_path = evil, public, pg_catalog;
SELECT pg_catalog.count(*) FROM public.hh_searches() h JOIN plain p ON p.n OPERATOR(pg_catalog.=) h.n WHERE h.answer OPERATOR(pg_catalog.=) p.answer;
-- and as text, run where it was made
SELECT pg_catalog.replace(pg_catalog.left(public.hybrid_search_sql('public.hh_docs', 'id', ARRAY[public.leg('body', '<@>', 'word3')], 3, '{"lang": "en"}'), 640), '	', ' ');
CREATE TEMP TABLE shown AS SELECT public.hybrid_search_sql('public.hh_docs', 'id', ARRAY[public.leg('body', '<@>', 'word3'), public.leg('embedding', '<=>', '[2,3,1]')], 3, method => 'cc') AS sql;
DO $$
DECLARE
	statement pg_catalog.text;
	answer pg_catalog.text;
BEGIN
	SELECT sql INTO statement FROM shown;
	EXECUTE pg_catalog.format('SELECT pg_catalog.string_agg(hit, '','' ORDER BY rank) FROM (%s) h', statement) INTO answer;
	RAISE NOTICE '%', answer;
END $$;
SELECT (SELECT pg_catalog.string_agg(hit, ',' ORDER BY rank) FROM public.hybrid_search('public.hh_docs', 'id', ARRAY[public.leg('body', '<@>', 'word3'), public.leg('embedding', '<=>', '[2,3,1]')], 3, method => 'cc') h);
RESET search_path;
DROP FUNCTION public.fuse_rrf(int4, float8, float8);

-- tables with the names of the statement's parts, in the caller's conditions and as the relation
CREATE TABLE leg_1 (id int PRIMARY KEY, v vector(3));
CREATE TABLE leg_2 (id int); CREATE TABLE raw_1 (id int); CREATE TABLE raw_2 (id int); CREATE TABLE pool (id int); CREATE TABLE filled (id int); CREATE TABLE fused (id int); CREATE TABLE hit (id int); CREATE TABLE "Fused_" (id int);
CREATE TABLE nearest (id int); CREATE TABLE legs (id int); CREATE TABLE found (id int); CREATE TABLE reranked (id int);
INSERT INTO leg_1 SELECT i, ARRAY[i, i, 1]::vector FROM generate_series(1, 9) i;
INSERT INTO leg_2 VALUES (7); INSERT INTO raw_1 VALUES (7); INSERT INTO raw_2 VALUES (7); INSERT INTO pool VALUES (7); INSERT INTO filled VALUES (7); INSERT INTO fused VALUES (7); INSERT INTO hit VALUES (7); INSERT INTO "Fused_" VALUES (7);
INSERT INTO nearest VALUES (7); INSERT INTO legs VALUES (7); INSERT INTO found VALUES (7); INSERT INTO reranked VALUES (7);
SELECT t, m, k, try(format('SELECT string_agg(hit, '','' ORDER BY rank) FROM hybrid_search(''leg_1'', %L, ARRAY[leg(''v'', ''<->'', ''[7,7,1]''), leg_expr(''(SELECT v FROM (SELECT 1 FROM leg_2) o)'', ''<->'', ''[7,7,1]'')], method => %L, rerank => leg(''v'', ''<->'', ''[7,7,1]''), where_sql => %L)', k, m, format('EXISTS (SELECT FROM %s x WHERE x.id = leg_1.id)', t)))
FROM unnest(ARRAY['leg_1', 'LEG_2', 'raw_1', 'raw_2', 'Pool', 'filled', 'fused', '"Fused_"', 'U&"f\0075sed"', 'hit', 'nearest', 'legs', 'found', 'reranked']) t, unnest(ARRAY['rrf', 'cc']) m, unnest(ARRAY['id']) k;
-- columns with the names of the statement's columns, where a row is joined by a key that is not unique
CREATE VIEW columns_of_hit AS SELECT id, v, id AS rank, id AS score, id AS key_1, id AS distance, id AS leg FROM leg_1;
SELECT (hit).id, rank, (hit).rank AS own_rank FROM hybrid_search(NULL::columns_of_hit, ARRAY[leg('v', '<->', '[3,3,1]')], 2, where_sql => 'rank > 3 AND score < 9 AND key_1 > 0 AND distance > 0 AND leg > 0', key => ARRAY['id'], method => 'cc', rerank => leg('v', '<->', '[4,4,1]'));

-- an error inside names what was searched, not the statement
SELECT hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], where_sql => 'nonsense > 3');
SELECT hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], where_sql => '1 / (id - 3) > 3');
SELECT hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], where_sql => 'id > > 3');
SELECT hybrid_search('hh_docs', 'id', ARRAY[leg_expr('embedding + + ', '<=>', '[2,3,1]')]);
DO $$ BEGIN PERFORM hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3]')]); END $$;
-- planner settings are as before, also after an error
SELECT current_setting('jit'), count(*) FROM hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], where_sql => 'current_setting(''jit'') = ''off''');
SELECT setting = reset_val AS unchanged FROM pg_settings WHERE name = 'jit';
DO $$
BEGIN
	PERFORM hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], where_sql => '1 / (id - 3) > 3');
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE 'unchanged: %', (SELECT setting = reset_val FROM pg_settings WHERE name = 'jit');
END $$;

-- numbers as drivers send them
PREPARE k(bigint) AS SELECT count(*) FROM hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]', depth => $1)], $1);
EXECUTE k(3); EXECUTE k(9000000000000000000);
PREPARE u AS SELECT count(*) FROM hybrid_search('hh_docs', 'id', ARRAY[leg('embedding', '<=>', '[2,3,1]')], $1);
EXECUTE u('4');
SELECT try('SELECT count(*) FROM hybrid_search(''hh_docs'', ''id'', ARRAY[leg(''embedding'', ''<=>'', ''[2,3,1]'')], ' || k || ')') FROM unnest(ARRAY['0', '-9000000000000000000', '9000000000000000000', '1.5', 'NULL']) k;
SELECT c, t, string_agg(hit, ',' ORDER BY rank) FROM unnest(ARRAY['embedding', 'half', 'words']) c, unnest(ARRAY['real[]', 'float8[]', 'int[]', 'numeric[]']) t,
	LATERAL (SELECT CASE c WHEN 'words' THEN array_fill(0, ARRAY[49]) || 1 ELSE ARRAY[2, 3, 1] END AS v) x,
	LATERAL hybrid_search('hh_docs', 'id', ARRAY[(CASE t WHEN 'real[]' THEN leg(c, '<->', v::real[]) WHEN 'float8[]' THEN leg(c, '<->', v::float8[]) WHEN 'int[]' THEN leg(c, '<->', v::int[]) ELSE leg(c, '<->', v::numeric[]) END)], 3) h GROUP BY 1, 2 ORDER BY 1, 2;
SELECT string_agg(hit, ',' ORDER BY rank) FROM hybrid_search('hh_docs', 'id', ARRAY[leg('tokens', '@#', ARRAY[ARRAY[1, 2]]), leg('tokens', '@#', '[[1,2]]'::jsonb), leg('embedding', '<->', '[2,3,1]'::halfvec)], 3);
SELECT string_agg(hit, ',' ORDER BY rank) FROM hybrid_search('hh_docs', 'id', ARRAY[leg('body', '<@>', 'word3 & word1'::tsquery), leg('body', '<@>', to_rankquery('simple', '+word3 +word1'))], 3);
SELECT v, try('SELECT count(*) FROM hybrid_search(''hh_docs'', ''id'', ARRAY[leg(''embedding'', ''<->'', ' || v || ')])') FROM unnest(ARRAY['ARRAY[1,2]', 'ARRAY[1,NULL,2]', 'ARRAY[ARRAY[1,2,3]]', 'ARRAY[1e300,2,3]', '7', 'ARRAY[''a'',''b'',''c'']', 'NULL::real[]']) v;
-- as many legs as anybody needs
SELECT n, try(format('SELECT count(*) FROM hybrid_search(''hh_docs'', ''id'', (SELECT array_agg(leg(''embedding'', ''<=>'', ''[2,3,1]'')) FROM generate_series(1, %s)))', n)) FROM unnest(ARRAY[0, 40, 101]) n;

DROP TABLE leg_1, leg_2, raw_1, raw_2, pool, filled, fused, hit, "Fused_", nearest, legs, found, reranked, hh_docs CASCADE;
DROP FUNCTION hh_searches();
SET client_min_messages = warning;
DROP SCHEMA evil, pgretrieve_profiles CASCADE;
