-- Late interaction: MaxSim of a document's tokens (left) and a query's (right).
-- An empty multivector has no score (NULL).

CREATE FUNCTION multivector_distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_multivector_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_distance_support(internal) IS 'planner support: what a distance costs';

CREATE FUNCTION max_sim(document multivector, query multivector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_max_sim' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 1000;
COMMENT ON FUNCTION max_sim(multivector, multivector) IS 'sum over query tokens of the best inner product with a document token';

CREATE FUNCTION max_sim_distance(document multivector, query multivector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_max_sim_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 1000;
COMMENT ON FUNCTION max_sim_distance(multivector, multivector) IS 'implementation of @# operator';

CREATE FUNCTION max_sim_norm(document multivector, query multivector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_max_sim_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 1000;
COMMENT ON FUNCTION max_sim_norm(multivector, multivector) IS 'max_sim divided by the number of query tokens';

CREATE FUNCTION max_sim_weighted(document multivector, query multivector, weights real[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_max_sim_weighted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 1000;
COMMENT ON FUNCTION max_sim_weighted(multivector, multivector, real[]) IS 'max_sim with a weight for each query token';

CREATE FUNCTION chamfer(multivector, multivector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_chamfer' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 2000;
COMMENT ON FUNCTION chamfer(multivector, multivector) IS 'mean of max_sim_norm in both directions: symmetric';

CREATE FUNCTION max_sim_exact_words(document multivector, document_words integer[], query multivector, query_words integer[]) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_max_sim_exact_words' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION max_sim_exact_words(multivector, integer[], multivector, integer[]) IS 'max_sim among tokens with the same word number; a query token without one counts 0';

CREATE FUNCTION max_sim_matches(document multivector, query multivector,
	OUT query_token integer, OUT doc_token integer, OUT similarity real)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_max_sim_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000 ROWS 32;
COMMENT ON FUNCTION max_sim_matches(multivector, multivector) IS 'the document token (1-based) that each query token matched best, and how well';

CREATE FUNCTION within(document multivector, query multivector, radius float8, metric text DEFAULT 'maxsim') RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_max_sim_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT multivector_distance_support COST 1000;
COMMENT ON FUNCTION within(multivector, multivector, float8, text) IS 'negative max_sim is at most the radius; metric maxsim';

-- no commutator: MaxSim is not symmetric
CREATE OPERATOR @# (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = max_sim_distance
);
COMMENT ON OPERATOR @# (multivector, multivector) IS 'negative MaxSim: document left, query right';

-- fewer tokens

CREATE FUNCTION multivector_pool(multivector, factor float8, keep integer DEFAULT 1) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_pool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION multivector_pool(multivector, float8, integer) IS 'merge similar tokens (Ward clusters) to about tokens / factor; the first keep stay as they are';

CREATE FUNCTION multivector_medoids(multivector, k integer) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_medoids' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION multivector_medoids(multivector, integer) IS 'the k tokens that represent all best (k-medoids), in their order';

CREATE FUNCTION multivector_group(multivector, word_ids integer[]) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_group' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION multivector_group(multivector, integer[]) IS 'the mean of the tokens of each word number, in order of first appearance';
