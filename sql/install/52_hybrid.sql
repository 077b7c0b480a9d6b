-- Hybrid search: several searches of one relation, fused, reranked, in one call.
-- docs/fusion.md tells how to use it, src/fusion/README how it works.

CREATE TYPE hybrid_leg AS (
	target text,
	is_expression boolean,
	operator text,
	value text,
	value_type regtype,
	weight float8,
	depth integer,
	floor float8
);
COMMENT ON TYPE hybrid_leg IS 'one search of a hybrid search; made by leg() and leg_expr()';

CREATE FUNCTION leg(col text, operator text, value text, weight float8 DEFAULT 1, depth integer DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg(text, text, text, float8, integer, float8) IS 'a leg of a hybrid search: rows ordered by column, distance operator, value; the value in the text form of its type';

CREATE FUNCTION leg(col text, operator text, value anyelement, weight float8 DEFAULT 1, depth integer DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg(text, text, anyelement, float8, integer, float8) IS 'a leg of a hybrid search: rows ordered by column, distance operator, value';

CREATE FUNCTION leg_expr(expression text, operator text, value text, weight float8 DEFAULT 1, depth integer DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg_expr' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg_expr(text, text, text, float8, integer, float8) IS 'a leg over an SQL expression, which is code: never from an untrusted source';

CREATE FUNCTION leg_expr(expression text, operator text, value anyelement, weight float8 DEFAULT 1, depth integer DEFAULT 100, floor float8 DEFAULT NULL) RETURNS hybrid_leg
	AS 'MODULE_PATHNAME', 'pgr_leg_expr' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION leg_expr(text, text, anyelement, float8, integer, float8) IS 'a leg over an SQL expression, which is code: never from an untrusted source';

CREATE FUNCTION hybrid_search(doc anyelement, legs hybrid_leg[], k integer DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, key text[] DEFAULT NULL)
	RETURNS TABLE (hit anyelement, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[])
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_rows' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION hybrid_search(anyelement, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg, text[])
	IS 'the best k rows of the relation whose row type the first argument has (NULL::relation)';

CREATE FUNCTION hybrid_search(relation regclass, key text, legs hybrid_leg[], k integer DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL)
	RETURNS TABLE (hit text, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[])
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_keys' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION hybrid_search(regclass, text, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg)
	IS 'the best k keys of a relation, as text; the key may be one that several rows share, such as a document of its chunks';

CREATE FUNCTION hybrid_search_sql(doc anyelement, legs hybrid_leg[], k integer DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL, key text[] DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_rows_sql' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hybrid_search_sql(anyelement, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg, text[])
	IS 'the same search as a plain SQL statement';

CREATE FUNCTION hybrid_search_sql(relation regclass, key text, legs hybrid_leg[], k integer DEFAULT 10,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL,
	method text DEFAULT 'rrf', rrf_k float8 DEFAULT 60, norm text DEFAULT 'tmm',
	rerank hybrid_leg DEFAULT NULL)
	RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_hybrid_search_keys_sql' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hybrid_search_sql(regclass, text, hybrid_leg[], integer, jsonb, text, text[], text, float8, text, hybrid_leg)
	IS 'the same search as a plain SQL statement';

-- Profiles: a search without its queries, kept with its relation. Everybody may read
-- them, the relation's owner writes them; they are run as the caller.

CREATE TABLE rank_profile (
	relation regclass NOT NULL,
	name text NOT NULL,
	legs hybrid_leg[] NOT NULL,
	rerank hybrid_leg,
	k integer NOT NULL DEFAULT 10,
	method text NOT NULL DEFAULT 'rrf',
	rrf_k float8 NOT NULL DEFAULT 60,
	norm text NOT NULL DEFAULT 'tmm',
	filter jsonb,
	key text[],
	PRIMARY KEY (relation, name)
);
COMMENT ON TABLE rank_profile IS 'named searches of a relation, written by its owner';
GRANT SELECT, INSERT, UPDATE, DELETE ON rank_profile TO PUBLIC;

CREATE FUNCTION rank_profile_check() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED COST 100
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid;
BEGIN
	IF TG_OP <> 'INSERT' THEN
		-- the relation may be gone; then anybody may remove what is left of it
		SELECT relowner INTO owner FROM pg_class WHERE oid = OLD.relation;
		IF FOUND AND NOT pg_has_role(owner, 'USAGE') THEN
			RAISE insufficient_privilege USING MESSAGE = format('must be owner of relation %s', OLD.relation);
		END IF;
	END IF;
	IF TG_OP = 'DELETE' THEN
		RETURN OLD;
	END IF;
	SELECT relowner INTO owner FROM pg_class WHERE oid = NEW.relation;
	IF NOT FOUND THEN
		RAISE undefined_table USING MESSAGE = format('relation %s does not exist', NEW.relation);
	END IF;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE insufficient_privilege USING MESSAGE = format('must be owner of relation %s', NEW.relation);
	END IF;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION rank_profile_check() IS 'rows of rank_profile are written by the owner of their relation';

CREATE TRIGGER rank_profile_check BEFORE INSERT OR UPDATE OR DELETE ON rank_profile
	FOR EACH ROW EXECUTE FUNCTION rank_profile_check();

-- dumped, but not what a dropped relation left behind
SELECT pg_catalog.pg_extension_config_dump('rank_profile', 'WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) relation)');

CREATE FUNCTION profile_search(doc anyelement, profile text, queries text[], k integer DEFAULT NULL,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL)
	RETURNS TABLE (hit anyelement, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[])
	AS 'MODULE_PATHNAME', 'pgr_profile_search_rows' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION profile_search(anyelement, text, text[], integer, jsonb, text, text[])
	IS 'hybrid_search by a stored profile: a query for each leg, in text form, then one for the rerank if it has one';

CREATE FUNCTION profile_search_keys(relation regclass, profile text, queries text[], k integer DEFAULT NULL,
	filter jsonb DEFAULT NULL, where_sql text DEFAULT NULL, where_values text[] DEFAULT NULL)
	RETURNS TABLE (hit text, rank integer, score float8, rerank_score float8, leg_ranks integer[], leg_scores float8[])
	AS 'MODULE_PATHNAME', 'pgr_profile_search_keys' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION profile_search_keys(regclass, text, text[], integer, jsonb, text, text[])
	IS 'the same, giving keys';
