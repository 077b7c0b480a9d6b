-- Every function of the extension, called by a role that may use a schema but read no table
-- in it, with the tables and indexes there wherever a relation, a row type or a bound query can
-- be given: nothing is read, and no lock is left.
-- covers: index_access
CREATE ROLE regress_pgr_nobody;
CREATE SCHEMA regress_pgr_all;
GRANT USAGE ON SCHEMA regress_pgr_all TO regress_pgr_nobody;
CREATE TABLE regress_pgr_all.notes (id int PRIMARY KEY, body text, parts text[], ts tsvector, v vector(2), s sparsevec(9), m multivector(2));
INSERT INTO regress_pgr_all.notes SELECT i, 'note apikey' || i, ARRAY['note', 'apikey' || i], to_tsvector('simple', 'note apikey' || i), ARRAY[i, 1]::vector, ('{1:' || i || '}/9')::sparsevec, '[[1,2]]' FROM generate_series(1, 50) i;
CREATE INDEX all_body ON regress_pgr_all.notes USING bm25 (body) WITH (config = 'simple');
CREATE INDEX all_parts ON regress_pgr_all.notes USING bm25 (parts) WITH (config = 'simple');
CREATE INDEX all_ts ON regress_pgr_all.notes USING bm25 (ts) WITH (config = 'simple');
CREATE INDEX all_s ON regress_pgr_all.notes USING inverted (s);
CREATE INDEX all_v ON regress_pgr_all.notes USING hnsw (v vector_l2_ops);
CREATE TABLE regress_pgr_all.parted (id int, body text) PARTITION BY RANGE (id);
CREATE TABLE regress_pgr_all.parted_1 PARTITION OF regress_pgr_all.parted DEFAULT;
CREATE INDEX all_parted ON regress_pgr_all.parted USING bm25 (body) WITH (config = 'simple');
INSERT INTO regress_pgr_all.parted SELECT id, body FROM regress_pgr_all.notes;
SELECT rank_profile_table('regress_pgr_all');
VACUUM ANALYZE regress_pgr_all.notes, regress_pgr_all.parted;

-- a value for a parameter by its name or type; relations are filled in one after the other
CREATE TEMP TABLE sample (type regtype, name text, value text);
INSERT INTO sample VALUES
	('text', NULL, $$'note'$$), ('text', 'key', $$'id'$$), ('text', 'col', $$'body'$$), ('text', 'operator', $$'<@>'$$), ('text', 'schema', $$'regress_pgr_all'$$), ('text', 'profile_schema', $$'regress_pgr_all'$$),
	('text', 'method', $$'rrf'$$), ('text', 'norm', $$'tmm'$$), ('text', 'cjk', $$'none'$$), ('text', 'prefix', $$'api'$$), ('text', 'options', $$''$$),
	('text[]', NULL, $$ARRAY['note']$$), ('tsvector', NULL, $$'note'::tsvector$$), ('tsquery', NULL, $$'note'::tsquery$$), ('regconfig', NULL, $$'simple'::regconfig$$),
	('rankquery', NULL, $$'{index=''regress_pgr_all.all_body''} ''apikey''*'::rankquery$$), ('regclass', NULL, 'RELATION'), ('oid', NULL, 'RELATION::oid'),
	('vector', NULL, $$'[1,2]'::vector$$), ('halfvec', NULL, $$'[1,2]'::halfvec$$), ('sparsevec', NULL, $$'{1:1}/9'::sparsevec$$), ('bit', NULL, $$B'101'$$), ('multivector', NULL, $$'[[1,2]]'::multivector$$),
	('vector[]', NULL, $$ARRAY['[1,2]'::vector]$$), ('halfvec[]', NULL, $$ARRAY['[1,2]'::halfvec]$$), ('int4', NULL, '2'), ('int8', NULL, '2'), ('int2', NULL, '2::int2'), ('float8', NULL, '0.5'), ('float4', NULL, '0.5::float4'), ('bool', NULL, 'true'), ('numeric', NULL, '1.0'),
	('real[]', NULL, $$'{1,2}'::real[]$$), ('float8[]', NULL, $$'{1,2}'::float8[]$$), ('int4[]', NULL, $$'{1,2}'::int[]$$), ('numeric[]', NULL, $$'{1,2}'::numeric[]$$), ('jsonb', NULL, $$'{"id": 1}'::jsonb$$),
	('anyelement', NULL, 'NULL::regress_pgr_all.notes'), ('anyarray', NULL, $$ARRAY['[1,2]'::vector]$$), ('hybrid_leg', NULL, $$leg('body', '<@>', 'note')$$), ('hybrid_leg[]', NULL, $$ARRAY[leg('body', '<@>', 'note'), leg('v', '<->', '[1,2]')]$$),
	('float4', 'x', '1'), ('bytea', NULL, $$'\x00'::bytea$$), ('varchar', NULL, $$'note'::varchar$$), ('varchar[]', NULL, $$'{note}'::varchar[]$$), ('bpchar', NULL, $$'note'::bpchar$$), ('bpchar[]', NULL, $$'{note}'::bpchar[]$$), ('varbit', NULL, $$B'101'::varbit$$);
CREATE TEMP TABLE target AS SELECT oid AS relation, oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'regress_pgr_all'::regnamespace AND relkind IN ('r', 'i', 'p', 'I') AND relname NOT LIKE 'pg_%';
-- parameters as far as those without a default and the last relation go
CREATE TEMP TABLE func AS
	SELECT p.oid, p.oid::regprocedure::text AS signature, prokind, proretset, proname,
		(SELECT array_agg(coalesce((SELECT value FROM sample s WHERE s.type = a.t AND s.name = p.proargnames[a.n]), (SELECT value FROM sample s WHERE s.type = a.t AND s.name IS NULL), '?' || a.t::text) ORDER BY a.n)
			FROM unnest(p.proargtypes::oid[]::regtype[]) WITH ORDINALITY a (t, n)
			WHERE a.n <= greatest(pronargs - pronargdefaults, coalesce((SELECT max(b.n) FROM unnest(p.proargtypes::oid[]::regtype[]) WITH ORDINALITY b (t, n) WHERE b.t IN ('regclass'::regtype, 'oid'::regtype)), 0))) AS args
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pgretrieve'
	WHERE NOT ('internal'::regtype = ANY (proargtypes::oid[]::regtype[]) OR 'cstring'::regtype = ANY (proargtypes::oid[]::regtype[]) OR 'cstring[]'::regtype = ANY (proargtypes::oid[]::regtype[]));
SELECT count(*) > 250 AS many FROM func;
-- parameters of a type without a sample: add one above
SELECT signature, args FROM func WHERE args::text LIKE '%?%' ORDER BY 1;
CREATE TEMP TABLE call AS
	SELECT signature, format(CASE WHEN prokind = 'w' THEN 'SELECT %I(%s) OVER () FROM generate_series(1, 2)' WHEN proretset THEN 'SELECT count(*) FROM %I(%s)' WHEN prokind = 'a' THEN 'SELECT %I(%s) FROM generate_series(1, 2)' ELSE 'SELECT %I(%s)' END,
		proname, replace(array_to_string(args, ', '), 'RELATION', coalesce(quote_literal(t.name) || '::regclass', ''))) AS sql
	FROM func LEFT JOIN target t ON args::text LIKE '%RELATION%';
-- the same as conditions and orders of a table of one's own, where the planner has its say
INSERT INTO call SELECT 'operators', format('SELECT %s FROM own WHERE %s ORDER BY %s', replace(e, '@@@', '<@>'), e, replace(e, '@@@', '<@>')) FROM unnest(ARRAY[
	$$body @@@ bm25_bind('apikey1', 'regress_pgr_all.all_body')$$, $$body @@@ bm25_query('regress_pgr_all.all_body', 'apikey*')$$, $$body @@@ '{index=''regress_pgr_all.all_body''} ''apikey''*'::rankquery$$,
	$$body @@@ ('{index=''regress_pgr_all.all_body''} ''apikey''*'::rankquery || to_rankquery('simple', 'x'))$$, $$body @@@ bm25_bind('apikey1', 'regress_pgr_all.all_parted', 5)$$]) e;
CREATE TABLE own (id int, body text);
INSERT INTO own SELECT i, 'note apikey' || i FROM generate_series(1, 20) i;
CREATE INDEX own_body ON own USING bm25 (body) WITH (config = 'simple');
CREATE TEMP TABLE outcome (signature text, sql text, state text, message text, blocks bigint, locks bigint);
GRANT SELECT ON call, target, own TO regress_pgr_nobody;
GRANT INSERT ON outcome TO regress_pgr_nobody;

DO $$
DECLARE
	c record;
	problem text;
	words text;
	before bigint := (SELECT sum(pg_stat_get_xact_blocks_fetched(relation)) FROM target);
	after bigint;
BEGIN
	SET LOCAL ROLE regress_pgr_nobody;
	SET LOCAL client_min_messages = error;
	FOR c IN SELECT * FROM call LOOP
		problem := '00000';
		BEGIN
			EXECUTE c.sql;
		EXCEPTION WHEN OTHERS THEN
			problem := SQLSTATE;
			words := SQLERRM;
		END;
		SELECT sum(pg_stat_get_xact_blocks_fetched(relation)) INTO after FROM target;
		INSERT INTO outcome VALUES (c.signature, c.sql, problem, words, after - before,
			(SELECT count(*) FROM pg_locks l JOIN target t USING (relation) WHERE l.pid = pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())));
		before := after;
	END LOOP;
END $$;
SELECT count(*) > 300 AS many, count(*) FILTER (WHERE state = '42501') > 50 AS refused FROM outcome;
-- what read a page or kept a lock
SELECT signature, state, message, blocks, locks, sql FROM outcome WHERE blocks > 0 OR locks > 0 ORDER BY 1, 2;
-- calls that name a relation and are answered: nothing is asked of it yet
SELECT DISTINCT signature FROM outcome WHERE state = '00000' AND sql LIKE '%regclass%' ORDER BY 1;
-- errors that are no refusal of an argument
SELECT signature, sql, state, message FROM outcome WHERE state LIKE 'XX%' OR state LIKE '58%' ORDER BY 1, 2;

DROP TABLE own, call, target, outcome;
SET client_min_messages = warning;
DROP SCHEMA regress_pgr_all CASCADE;
DROP ROLE regress_pgr_nobody;
