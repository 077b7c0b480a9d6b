-- Numbers of rows are bigint, as LIMIT's.

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

-- Profiles: searches without their queries, in a table that is made on request and
-- belongs to whoever asked for it; no table belongs to the extension.

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
