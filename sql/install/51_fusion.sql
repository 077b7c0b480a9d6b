-- Fusion: building blocks that compose with any SQL. A document missing in a list has
-- NULL for a rank or score there, and gets nothing from it.

CREATE FUNCTION rrf(rank bigint, k float8 DEFAULT 60) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_rrf' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rrf(bigint, float8) IS 'reciprocal rank 1 / (k + rank); 0 for NULL';

CREATE FUNCTION fuse_rrf_add(float8, bigint) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_fuse_rrf_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION fuse_rrf_add(float8, bigint) IS 'aggregate transition';

CREATE FUNCTION fuse_rrf_add(float8, bigint, float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_fuse_rrf_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION fuse_rrf_add(float8, bigint, float8) IS 'aggregate transition with a weight';

CREATE FUNCTION fuse_rrf_add(float8, bigint, float8, float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_fuse_rrf_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION fuse_rrf_add(float8, bigint, float8, float8) IS 'aggregate transition with a weight and k';

CREATE AGGREGATE fuse_rrf(rank bigint) (
	SFUNC = fuse_rrf_add, STYPE = float8, INITCOND = '0', COMBINEFUNC = pg_catalog.float8pl, PARALLEL = SAFE
);
COMMENT ON AGGREGATE fuse_rrf(bigint) IS 'reciprocal rank fusion: sum of 1 / (60 + rank)';

CREATE AGGREGATE fuse_rrf(rank bigint, weight float8) (
	SFUNC = fuse_rrf_add, STYPE = float8, INITCOND = '0', COMBINEFUNC = pg_catalog.float8pl, PARALLEL = SAFE
);
COMMENT ON AGGREGATE fuse_rrf(bigint, float8) IS 'reciprocal rank fusion: sum of weight / (60 + rank)';

CREATE AGGREGATE fuse_rrf(rank bigint, weight float8, k float8) (
	SFUNC = fuse_rrf_add, STYPE = float8, INITCOND = '0', COMBINEFUNC = pg_catalog.float8pl, PARALLEL = SAFE
);
COMMENT ON AGGREGATE fuse_rrf(bigint, float8, float8) IS 'reciprocal rank fusion: sum of weight / (k + rank)';

CREATE FUNCTION fuse_cc_add(float8, float8, float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_fuse_cc_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION fuse_cc_add(float8, float8, float8) IS 'aggregate transition';

CREATE AGGREGATE fuse_cc(score float8, weight float8) (
	SFUNC = fuse_cc_add, STYPE = float8, INITCOND = '0', COMBINEFUNC = pg_catalog.float8pl, PARALLEL = SAFE
);
COMMENT ON AGGREGATE fuse_cc(float8, float8) IS 'convex combination: sum of weight * score';

-- normalisers: over the whole partition, whatever the frame

CREATE FUNCTION norm_minmax(score float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_norm_minmax' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION norm_minmax(float8) IS '(score - min) / (max - min) of the list';

CREATE FUNCTION norm_zscore(score float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_norm_zscore' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION norm_zscore(float8) IS '(score - mean) / standard deviation of the list';

CREATE FUNCTION norm_dbsf(score float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_norm_dbsf' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION norm_dbsf(float8) IS 'distribution-based: 0 at the mean - 3 standard deviations of the list, 1 at + 3';

CREATE FUNCTION norm_tmm(score float8, theoretical_min float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_norm_tmm' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION norm_tmm(float8, float8) IS '(score - theoretical_min) / (max of the list - theoretical_min)';

-- cuts

CREATE FUNCTION autocut(score float8, jumps integer DEFAULT 1) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_autocut' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION autocut(float8, integer) IS 'whether the row comes before the given number of jumps in score; OVER (ORDER BY score DESC)';

CREATE FUNCTION up_to_k(score float8, k integer, share float8, theoretical_min float8 DEFAULT 0) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_up_to_k' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION up_to_k(float8, integer, float8, float8) IS 'whether the row is among the first k and its score, above the theoretical minimum, is that share of the best; OVER (ORDER BY score DESC)';

-- diversity

CREATE FUNCTION mmr_add(internal, anyelement, vector, float8, float8, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_mmr_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION mmr_add(internal, anyelement, vector, float8, float8, integer) IS 'aggregate transition';

CREATE FUNCTION mmr_final(internal, anyelement, vector, float8, float8, integer) RETURNS anyarray
	AS 'MODULE_PATHNAME', 'pgr_mmr_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION mmr_final(internal, anyelement, vector, float8, float8, integer) IS 'aggregate final';

CREATE AGGREGATE mmr(id anyelement, embedding vector, score float8, lambda float8, k integer) (
	SFUNC = mmr_add, STYPE = internal, FINALFUNC = mmr_final, FINALFUNC_EXTRA
);
COMMENT ON AGGREGATE mmr(anyelement, vector, float8, float8, integer) IS 'ids in order of maximal marginal relevance: lambda * score - (1 - lambda) * greatest cosine to those before';
