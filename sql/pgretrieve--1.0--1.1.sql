-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgretrieve UPDATE TO '1.1'" to load this file. \quit

-- From the objects of 1.0 to those of sql/install: whatever is added, changed or
-- dropped there is added, changed or dropped here too. test/t/005_update.pl compares
-- the two, object by object.

-- hnsw: rows found late are left out, no longer held back to the end

DROP FUNCTION hnsw_counters();
CREATE FUNCTION hnsw_counters(OUT scans bigint, OUT nodes_read bigint, OUT codes_compared bigint,
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_late bigint, OUT nodes_spilled bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by their values, continued searches, rows left out because they were found late, nodes sorted for want of memory';
-- Rank profiles: no table belongs to the extension. One with rows becomes the user's,
-- in the schema where profile_search looks, off everybody's search_path; who could read
-- it still can, only its owner writes it. An empty one goes. Operators and functions
-- are named with their schema: in that of the extension others may have made better fits.
DROP TRIGGER rank_profile_check ON rank_profile;
DROP FUNCTION rank_profile_check();
DO $$
DECLARE
	owner pg_catalog.oid;
	place pg_catalog.text;
BEGIN
	EXECUTE (SELECT pg_catalog.format('ALTER EXTENSION %I DROP TABLE rank_profile', e.extname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d
		ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
		WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) 'rank_profile'::pg_catalog.regclass);
	IF NOT EXISTS (SELECT FROM rank_profile) THEN
		DROP TABLE rank_profile;
		RETURN;
	END IF;
	REVOKE ALL ON rank_profile FROM PUBLIC;
	GRANT SELECT ON rank_profile TO PUBLIC;
	SELECT relowner, relnamespace::pg_catalog.regnamespace INTO owner, place FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) 'rank_profile'::pg_catalog.regclass;
	IF pg_catalog.to_regnamespace('pgretrieve_profiles') IS NULL THEN
		EXECUTE pg_catalog.format('CREATE SCHEMA pgretrieve_profiles AUTHORIZATION %I', pg_catalog.pg_get_userbyid(owner));
		EXECUTE (SELECT pg_catalog.format('ALTER EXTENSION %I DROP SCHEMA pgretrieve_profiles', e.extname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d
			ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
			WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) 'pgretrieve_profiles'::pg_catalog.regnamespace);
		GRANT USAGE ON SCHEMA pgretrieve_profiles TO PUBLIC;
	END IF;
	-- not into a schema of somebody else's, who could drop it there
	IF pg_catalog.to_regclass('pgretrieve_profiles.rank_profile') IS NULL AND
		(SELECT nspowner OPERATOR(pg_catalog.=) owner FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'pgretrieve_profiles') THEN
		ALTER TABLE rank_profile SET SCHEMA pgretrieve_profiles;
		place := 'pgretrieve_profiles';
	END IF;
	RAISE WARNING 'rank profiles are in table %.rank_profile, which belongs to % and not to the extension', place, pg_catalog.pg_get_userbyid(owner)
		USING HINT = 'GRANT to those who shall write profiles, or make tables of their own with rank_profile_table().';
END $$;

-- numbers of rows are bigint, as LIMIT's; profile_search is told where profiles are
DROP FUNCTION leg(text, text, text, float8, integer, float8);
DROP FUNCTION leg(text, text, anyelement, float8, integer, float8);
DROP FUNCTION leg_expr(text, text, text, float8, integer, float8);
DROP FUNCTION leg_expr(text, text, anyelement, float8, integer, float8);
DROP FUNCTION hybrid_search(anyelement, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg, text[]);
DROP FUNCTION hybrid_search(regclass, text, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg);
DROP FUNCTION hybrid_search_sql(anyelement, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg, text[]);
DROP FUNCTION hybrid_search_sql(regclass, text, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg);
DROP FUNCTION profile_search(anyelement, text, text[], integer, jsonb, text, text[]);
DROP FUNCTION profile_search_keys(regclass, text, text[], integer, jsonb, text, text[]);

CREATE FUNCTION leg(col text, operator text, value text, weight float8 DEFAULT 1, depth bigint DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg(text, text, text, float8, bigint, float8) IS 'a leg of a hybrid search: rows ordered by column, distance operator, value; the value in the text form of its type';

CREATE FUNCTION leg(col text, operator text, value anyelement, weight float8 DEFAULT 1, depth bigint DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg(text, text, anyelement, float8, bigint, float8) IS 'a leg of a hybrid search: rows ordered by column, distance operator, value';

CREATE FUNCTION leg_expr(expression text, operator text, value text, weight float8 DEFAULT 1, depth bigint DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg_expr' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg_expr(text, text, text, float8, bigint, float8) IS 'a leg over an SQL expression, which is code: never from an untrusted source';

CREATE FUNCTION leg_expr(expression text, operator text, value anyelement, weight float8 DEFAULT 1, depth bigint DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg_expr' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg_expr(text, text, anyelement, float8, bigint, float8) IS 'a leg over an SQL expression, which is code: never from an untrusted source';

CREATE FUNCTION hybrid_search(doc anyelement, legs hybrid_leg[], k bigint DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, key text[] DEFAULT NULL, rerank_weight float8 DEFAULT NULL)
	RETURNS TABLE (hit anyelement, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[], mixed_score float8)
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_rows' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION hybrid_search(anyelement, hybrid_leg[], bigint, jsonb, text, text[], text, float8, text, hybrid_leg, text[], float8)
	IS 'the best k rows of the relation whose row type the first argument has (NULL::relation)';

CREATE FUNCTION hybrid_search(relation regclass, key text, legs hybrid_leg[], k bigint DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, rerank_weight float8 DEFAULT NULL)
	RETURNS TABLE (hit text, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[], mixed_score float8)
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_keys' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION hybrid_search(regclass, text, hybrid_leg[], bigint, jsonb, text, text[], text, float8, text, hybrid_leg, float8)
	IS 'the best k keys of a relation, as text; the key may be one that several rows share, such as a document of its chunks';

CREATE FUNCTION hybrid_search_sql(doc anyelement, legs hybrid_leg[], k bigint DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, key text[] DEFAULT NULL, rerank_weight float8 DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_rows_sql' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hybrid_search_sql(anyelement, hybrid_leg[], bigint, jsonb, text, text[], text, float8, text, hybrid_leg, text[], float8)
	IS 'the same search as a plain SQL statement';

CREATE FUNCTION hybrid_search_sql(relation regclass, key text, legs hybrid_leg[], k bigint DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, rerank_weight float8 DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_keys_sql' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hybrid_search_sql(regclass, text, hybrid_leg[], bigint, jsonb, text, text[], text, float8, text, hybrid_leg, float8)
	IS 'the same search as a plain SQL statement';

CREATE FUNCTION rank_profile_table(schema text DEFAULT 'pgretrieve_profiles') RETURNS regclass
	AS 'MODULE_PATHNAME', 'pgr_rank_profile_table' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION rank_profile_table(text) IS 'the table rank_profile in a schema, both made, and owned by the caller, where there are none';

CREATE FUNCTION profile_search(doc anyelement, profile text, queries text[], k bigint DEFAULT NULL,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	profile_schema text DEFAULT 'pgretrieve_profiles', rerank_weight float8 DEFAULT NULL)
	RETURNS TABLE (hit anyelement, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[], mixed_score float8)
	AS 'MODULE_PATHNAME', 'pgr_profile_search_rows' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION profile_search(anyelement, text, text[], bigint, jsonb, text, text[], text, float8)
	IS 'hybrid_search by a stored profile: a query for each leg, in text form, then one for the rerank if it has one';

CREATE FUNCTION profile_search_keys(relation regclass, profile text, queries text[], k bigint DEFAULT NULL,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	profile_schema text DEFAULT 'pgretrieve_profiles', rerank_weight float8 DEFAULT NULL)
	RETURNS TABLE (hit text, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[], mixed_score float8)
	AS 'MODULE_PATHNAME', 'pgr_profile_search_keys' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION profile_search_keys(regclass, text, text[], bigint, jsonb, text, text[], text, float8)
	IS 'the same, giving keys';

-- char(n), and arrays of it and of varchar, need operators of their own: unlike
-- varchar they are not text to an index.

CREATE FUNCTION bm25_distance(document varchar[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(varchar[], text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document varchar[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(varchar[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document varchar[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(varchar[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document varchar[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(varchar[], rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar, text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar, text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar[], text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar[], rankquery) IS 'implementation of @@@ operator';

CREATE OPERATOR <@> (
	LEFTARG = varchar[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (varchar[], text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = varchar[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (varchar[], text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = varchar[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (varchar[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = varchar[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (varchar[], rankquery) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar, text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar, text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar, rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar, rankquery) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar[], text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar[], text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar[], rankquery) IS 'document matches query';

CREATE OPERATOR CLASS varchar_array_bm25_ops DEFAULT FOR TYPE varchar[] USING bm25 AS
	OPERATOR 1 @@@ (varchar[], text),
	OPERATOR 1 @@@ (varchar[], rankquery),
	OPERATOR 2 <@> (varchar[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (varchar[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS varchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

CREATE OPERATOR CLASS bpchar_bm25_ops DEFAULT FOR TYPE bpchar USING bm25 AS
	OPERATOR 1 @@@ (bpchar, text),
	OPERATOR 1 @@@ (bpchar, rankquery),
	OPERATOR 2 <@> (bpchar, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (bpchar, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS bpchar_bm25_ops USING bm25 IS 'words of a text';

CREATE OPERATOR CLASS bpchar_array_bm25_ops DEFAULT FOR TYPE bpchar[] USING bm25 AS
	OPERATOR 1 @@@ (bpchar[], text),
	OPERATOR 1 @@@ (bpchar[], rankquery),
	OPERATOR 2 <@> (bpchar[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (bpchar[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS bpchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

COMMENT ON OPERATOR FAMILY varchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY bpchar_bm25_ops USING bm25 IS 'words of a text';
COMMENT ON OPERATOR FAMILY bpchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

-- A stored rankquery has names now instead of OIDs, and another hash.
DO $$
DECLARE
	i pg_catalog.regclass;
BEGIN
	FOR i IN SELECT x.indexrelid FROM pg_catalog.pg_index x
		JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.indexrelid AND c.relkind OPERATOR(pg_catalog.=) 'i' AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
		JOIN pg_catalog.pg_opclass o ON o.oid OPERATOR(pg_catalog.=) ANY (x.indclass::pg_catalog.oid[])
		JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) o.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
		WHERE o.opcname OPERATOR(pg_catalog.=) 'rankquery_hash_ops'
	LOOP
		EXECUTE pg_catalog.format('REINDEX INDEX %s', i);
	END LOOP;
END $$;
-- multivector from what drivers send
CREATE FUNCTION array_to_multivector(integer[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(integer[], integer, boolean) IS 'convert 2-D int4 array to multivector, a token per row';

CREATE CAST (integer[] AS multivector)
	WITH FUNCTION array_to_multivector(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS multivector) IS 'convert 2-D int4 array to multivector, a token per row';

CREATE FUNCTION array_to_multivector(double precision[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(double precision[], integer, boolean) IS 'convert 2-D float8 array to multivector, a token per row';

CREATE CAST (double precision[] AS multivector)
	WITH FUNCTION array_to_multivector(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS multivector) IS 'convert 2-D float8 array to multivector, a token per row';

CREATE FUNCTION array_to_multivector(numeric[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(numeric[], integer, boolean) IS 'convert 2-D numeric array to multivector, a token per row';

CREATE CAST (numeric[] AS multivector)
	WITH FUNCTION array_to_multivector(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS multivector) IS 'convert 2-D numeric array to multivector, a token per row';

CREATE FUNCTION jsonb_to_multivector(jsonb, integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_jsonb_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION jsonb_to_multivector(jsonb, integer, boolean) IS 'convert a JSON array of arrays to multivector, a token per array';

CREATE CAST (jsonb AS multivector)
	WITH FUNCTION jsonb_to_multivector(jsonb, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS multivector) IS 'convert a JSON array of arrays to multivector, a token per array';

-- a distance threshold as a condition of an ordered index scan; made by the planner only

CREATE FUNCTION radius_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_radius_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION radius_support(internal) IS 'planner support of radius_test';

CREATE FUNCTION radius_test(vector, float8) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_radius_test' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT radius_support COST 1;
COMMENT ON FUNCTION radius_test(vector, float8) IS 'implementation of ~<= operator';

CREATE FUNCTION radius_test(halfvec, float8) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_radius_test' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT radius_support COST 1;
COMMENT ON FUNCTION radius_test(halfvec, float8) IS 'implementation of ~<= operator';

CREATE FUNCTION radius_test(sparsevec, float8) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_radius_test' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT radius_support COST 1;
COMMENT ON FUNCTION radius_test(sparsevec, float8) IS 'implementation of ~<= operator';

CREATE FUNCTION radius_test(bit, float8) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_radius_test' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT radius_support COST 1;
COMMENT ON FUNCTION radius_test(bit, float8) IS 'implementation of ~<= operator';

CREATE OPERATOR ~<= (LEFTARG = vector, RIGHTARG = float8, FUNCTION = radius_test);
COMMENT ON OPERATOR ~<= (vector, float8) IS 'the distance that an index scan is ordered by is at most; for derived conditions only';

CREATE OPERATOR ~<= (LEFTARG = halfvec, RIGHTARG = float8, FUNCTION = radius_test);
COMMENT ON OPERATOR ~<= (halfvec, float8) IS 'the distance that an index scan is ordered by is at most; for derived conditions only';

CREATE OPERATOR ~<= (LEFTARG = sparsevec, RIGHTARG = float8, FUNCTION = radius_test);
COMMENT ON OPERATOR ~<= (sparsevec, float8) IS 'the distance that an index scan is ordered by is at most; for derived conditions only';

CREATE OPERATOR ~<= (LEFTARG = bit, RIGHTARG = float8, FUNCTION = radius_test);
COMMENT ON OPERATOR ~<= (bit, float8) IS 'the distance that an index scan is ordered by is at most; for derived conditions only';

ALTER OPERATOR FAMILY vector_l2_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_ip_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_l1_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY halfvec_l2_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_ip_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_l1_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY sparsevec_l2_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_ip_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_l1_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY bit_hamming_ops USING hnsw ADD OPERATOR 2 ~<= (bit, float8);
ALTER OPERATOR FAMILY bit_jaccard_ops USING hnsw ADD OPERATOR 2 ~<= (bit, float8);
