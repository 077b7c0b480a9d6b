-- What an index tells of its table is for those who may read all that it is made of: USAGE
-- on the schema, SELECT on the columns, no row-level security in force.
-- covers: index_access inspect_inverted inspect_hnsw lex_ops
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_pgr_reader, regress_pgr_owner;
RESET client_min_messages;
CREATE ROLE regress_pgr_reader;
CREATE ROLE regress_pgr_owner;
CREATE SCHEMA regress_pgr AUTHORIZATION regress_pgr_owner;
GRANT CREATE ON SCHEMA public TO regress_pgr_owner;
SET ROLE regress_pgr_owner;
CREATE TABLE regress_pgr.notes (id int PRIMARY KEY, body text, v vector(2), s sparsevec(9), lang text DEFAULT 'en', secret bool DEFAULT false);
INSERT INTO regress_pgr.notes SELECT i, 'note ' || i % 7 || ' apikey' || i, ARRAY[i, 1]::vector, ('{1:' || i || '}/9')::sparsevec FROM generate_series(1, 60) i;
CREATE INDEX notes_body ON regress_pgr.notes USING bm25 (body) WITH (config = 'simple');
CREATE INDEX notes_expr ON regress_pgr.notes USING bm25 ((body || lang)) WITH (config = 'simple');
CREATE INDEX notes_part ON regress_pgr.notes USING bm25 (body) WITH (config = 'simple') WHERE NOT secret;
CREATE INDEX notes_s ON regress_pgr.notes USING inverted (s);
CREATE INDEX notes_v ON regress_pgr.notes USING hnsw (v vector_l2_ops);
ANALYZE regress_pgr.notes;
RESET ROLE;
-- each call on an index that it is for
CREATE TEMP TABLE calls AS
	SELECT format(call, (SELECT oid FROM pg_class WHERE relname = ix)) AS call, split_part(call, '(', 1) || ' ' || ix AS name
	FROM unnest(ARRAY['bm25_stats(%L)', 'bm25_terms(%L, ''apikey1'')', 'bm25_check(%L)', 'bm25_merge(%L)',
		'hnsw_stats(%L)', 'hnsw_check(%L)', 'index_recall(%L, 3, 3)', 'index_recall(%L, 3, ARRAY[''[1,2]''::vector])',
		'bm25_explain(''note'', ''note'', %L)', 'bm25_explain(''note'', to_rankquery(''simple'', ''apikey1*''), %L)',
		'bm25_explain(ARRAY[''note''], ''note'', %L)', 'bm25_explain(''note''::tsvector, ''note'', %L)']) call,
		unnest(ARRAY['notes_body', 'notes_expr', 'notes_part', 'notes_s', 'notes_v']) ix
	WHERE CASE WHEN call ~ 'hnsw|recall' THEN ix = 'notes_v' WHEN call ~ 'explain|terms' THEN ix NOT IN ('notes_s', 'notes_v') ELSE ix <> 'notes_v' END;
CREATE FUNCTION pg_temp.outcomes() RETURNS TABLE (outcome text, n bigint, calls text) LANGUAGE sql AS $$
	SELECT outcome, count(*), string_agg(DISTINCT name, ', ' ORDER BY name) FROM (
		SELECT name, regexp_replace(try('SELECT count(*) FROM ' || call), '^\d+$', 'answered') AS outcome FROM calls OFFSET 0) t
	GROUP BY outcome ORDER BY outcome COLLATE "C" $$;
GRANT SELECT ON calls TO PUBLIC;
-- no right at all, and no lock left behind
BEGIN;
SET LOCAL ROLE regress_pgr_reader;
SELECT * FROM pg_temp.outcomes();
SELECT count(*) AS locks FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE relname LIKE 'notes%' AND pid = pg_backend_pid();
ROLLBACK;
-- the table, but not its schema
GRANT SELECT ON regress_pgr.notes TO regress_pgr_reader;
SET ROLE regress_pgr_reader;
SELECT outcome, n FROM pg_temp.outcomes();
RESET ROLE;
-- one column: its index, but not one whose expression or predicate reads others
REVOKE SELECT ON regress_pgr.notes FROM regress_pgr_reader;
GRANT SELECT (body, v) ON regress_pgr.notes TO regress_pgr_reader;
GRANT USAGE ON SCHEMA regress_pgr TO regress_pgr_reader;
SET ROLE regress_pgr_reader;
SELECT * FROM pg_temp.outcomes();
RESET ROLE;
-- all of the table: a reader; merging is the owner's
GRANT SELECT ON regress_pgr.notes TO regress_pgr_reader;
SET ROLE regress_pgr_reader;
SELECT outcome, n FROM pg_temp.outcomes();
RESET ROLE;
-- row-level security in force; the owner is above it
ALTER TABLE regress_pgr.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON regress_pgr.notes TO regress_pgr_reader USING (id < 3);
SET ROLE regress_pgr_reader;
SELECT outcome, n FROM pg_temp.outcomes();
SET row_security = off;
SELECT outcome, n FROM pg_temp.outcomes();
RESET row_security;
SET ROLE regress_pgr_owner;
SELECT outcome, n FROM pg_temp.outcomes();
ALTER TABLE regress_pgr.notes FORCE ROW LEVEL SECURITY;
SELECT outcome, n FROM pg_temp.outcomes();
RESET ROLE;
ALTER TABLE regress_pgr.notes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE regress_pgr.notes DISABLE ROW LEVEL SECURITY;

-- the index's expressions run as the table's owner, whoever looks
SET ROLE regress_pgr_owner;
CREATE FUNCTION regress_pgr.who(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_pgr_owner' THEN
		RAISE EXCEPTION 'runs as %', current_user;
	END IF;
	RETURN t;
END $$;
CREATE FUNCTION regress_pgr.whose(t vector) RETURNS vector(2) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM regress_pgr.who('');
	RETURN t;
END $$;
CREATE INDEX notes_who ON regress_pgr.notes USING bm25 (regress_pgr.who(body)) WITH (config = 'simple') WHERE regress_pgr.who(body) <> '';
CREATE INDEX notes_whose ON regress_pgr.notes USING hnsw ((regress_pgr.whose(v)::vector(2)) vector_l2_ops);
RESET ROLE;
SELECT * FROM bm25_check('regress_pgr.notes_who');
SELECT * FROM hnsw_check('regress_pgr.notes_whose');
SELECT index_recall('regress_pgr.notes_whose', 3, 5);
SELECT index_recall('regress_pgr.notes_whose', 3, ARRAY['[1,2]'::vector]);
SELECT current_user = session_user AS back, current_setting('search_path') AS path;

-- a partitioned index: its partitions' sums, for who may read the partitioned table
CREATE TABLE regress_pgr.parts (id int, body text) PARTITION BY RANGE (id);
CREATE INDEX parts_body ON regress_pgr.parts USING bm25 (body) WITH (config = 'simple');
CREATE INDEX parts_hash ON regress_pgr.parts USING hash (body);
SELECT documents, avg_length, owned_pages FROM bm25_stats('regress_pgr.parts_body');
CREATE TABLE regress_pgr.parts_1 PARTITION OF regress_pgr.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE regress_pgr.parts_2 PARTITION OF regress_pgr.parts FOR VALUES FROM (10) TO (20);
INSERT INTO regress_pgr.parts SELECT i, repeat('word ', i % 3 + 1) FROM generate_series(1, 19) i;
SELECT documents, sum_length, documents = (SELECT sum(s.documents) FROM pg_inherits, bm25_stats(inhrelid) s WHERE inhparent = 'regress_pgr.parts_body'::regclass) AS summed FROM bm25_stats('regress_pgr.parts_body');
GRANT SELECT ON regress_pgr.parts TO regress_pgr_reader;
SET ROLE regress_pgr_reader;
SELECT try('SELECT documents FROM bm25_stats(''regress_pgr.parts_body'')'), try('SELECT documents FROM bm25_stats(''regress_pgr.parts_1_body_idx'')');
RESET ROLE;
SELECT c, try('SELECT count(*) FROM ' || c) FROM unnest(ARRAY['bm25_stats(''regress_pgr.parts_hash'')', 'bm25_stats(''regress_pgr.parts'')', 'bm25_stats(0)', 'bm25_terms(''regress_pgr.parts_body'')', 'bm25_check(''regress_pgr.parts_body'')', 'bm25_merge(''regress_pgr.parts_body'')', 'hnsw_stats(''regress_pgr.parts_body'')', 'hnsw_check(''regress_pgr.parts_body'')']) c;

DROP SCHEMA regress_pgr CASCADE;
REVOKE CREATE ON SCHEMA public FROM regress_pgr_owner;
DROP ROLE regress_pgr_reader, regress_pgr_owner;
