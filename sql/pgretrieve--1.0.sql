-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgretrieve" to load this file. \quit

-- COST: 1 is the planner's cost of a built-in operator. Distances have a support
-- function that knows better (src/types/distance_cost.c); input and output
-- functions keep 1, as core's do.

-- Access methods and settings have no schema, and clients look types up by bare
-- name: one of the two names, or pgvector, is all that a database can have.
DO $$
DECLARE
	other name;
BEGIN
	SELECT extname INTO other FROM pg_catalog.pg_extension
	WHERE extname IN ('pgretrieve', 'vector') ORDER BY oid LIMIT 1;
	IF (SELECT count(*) FROM pg_catalog.pg_extension WHERE extname IN ('pgretrieve', 'vector')) > 1 THEN
		RAISE EXCEPTION 'this database has extension "%"', other USING
			ERRCODE = 'duplicate_object',
			DETAIL = 'Both define the same types, operators and access methods.',
			HINT = 'Dump the database, and restore it into one that has the extension of the other name.';
	END IF;
END $$;

-- vector: single-precision vector. Elements are 4-byte floats; up to 16,000 dimensions.

CREATE TYPE vector;

CREATE FUNCTION vector_in(cstring, oid, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION vector_out(vector) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_vector_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_out(vector) IS 'I/O';

CREATE FUNCTION vector_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_vector_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION vector_recv(internal, oid, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION vector_send(vector) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_vector_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_send(vector) IS 'I/O';

CREATE TYPE vector (
	INPUT     = vector_in,
	OUTPUT    = vector_out,
	TYPMOD_IN = vector_typmod_in,
	RECEIVE   = vector_recv,
	SEND      = vector_send,
	STORAGE   = external
);
COMMENT ON TYPE vector IS 'single-precision vector';

-- distances

CREATE FUNCTION vector_distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_vector_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_distance_support(internal) IS 'planner support: what a distance costs';

CREATE FUNCTION l2_distance(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION l2_distance(vector, vector) IS 'Euclidean distance';

CREATE FUNCTION inner_product(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION inner_product(vector, vector) IS 'inner product';

CREATE FUNCTION cosine_distance(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION cosine_distance(vector, vector) IS 'cosine distance; NaN if either is the zero vector';

CREATE FUNCTION l1_distance(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION l1_distance(vector, vector) IS 'taxicab distance';

CREATE FUNCTION vector_l2_squared_distance(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION vector_l2_squared_distance(vector, vector) IS 'squared Euclidean distance';

CREATE FUNCTION vector_negative_inner_product(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION vector_negative_inner_product(vector, vector) IS 'negative inner product';

CREATE FUNCTION vector_spherical_distance(vector, vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION vector_spherical_distance(vector, vector) IS 'angle between unit vectors, in units of pi';

CREATE FUNCTION within(vector, vector, radius float8, metric text DEFAULT 'l2') RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT vector_distance_support COST 10;
COMMENT ON FUNCTION within(vector, vector, float8, text) IS 'distance is at most the radius; metric l2, ip (negative), cosine or l1';

-- functions

CREATE FUNCTION vector_dims(vector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_vector_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_dims(vector) IS 'number of dimensions';

CREATE FUNCTION vector_norm(vector) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_vector_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_norm(vector) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION l2_normalize(vector) IS 'divide by the Euclidean norm; the zero vector stays as it is';

CREATE FUNCTION binary_quantize(vector) RETURNS bit
	AS 'MODULE_PATHNAME', 'pgr_vector_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION binary_quantize(vector) IS 'one bit per element, set where it is positive';

CREATE FUNCTION subvector(vector, integer, integer) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION subvector(vector, integer, integer) IS 'elements from a 1-based start, so many, as far as they exist';

CREATE FUNCTION vector_add(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_add(vector, vector) IS 'implementation of + operator';

CREATE FUNCTION vector_sub(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_sub(vector, vector) IS 'implementation of - operator';

CREATE FUNCTION vector_mul(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_mul(vector, vector) IS 'implementation of * operator';

CREATE FUNCTION vector_concat(vector, vector) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_concat(vector, vector) IS 'implementation of || operator';

CREATE FUNCTION vector_lt(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_lt(vector, vector) IS 'implementation of < operator';

CREATE FUNCTION vector_le(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_le(vector, vector) IS 'implementation of <= operator';

CREATE FUNCTION vector_eq(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_eq(vector, vector) IS 'implementation of = operator';

CREATE FUNCTION vector_ne(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_ne(vector, vector) IS 'implementation of <> operator';

CREATE FUNCTION vector_ge(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_ge(vector, vector) IS 'implementation of >= operator';

CREATE FUNCTION vector_gt(vector, vector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_vector_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_gt(vector, vector) IS 'implementation of > operator';

CREATE FUNCTION vector_cmp(vector, vector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_vector_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION vector_cmp(vector, vector) IS 'less-equal-greater';

CREATE FUNCTION vector_hash(vector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_vector_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_hash(vector) IS 'hash';

CREATE FUNCTION vector_hash_extended(vector, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_vector_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_hash_extended(vector, bigint) IS 'hash';

-- aggregates: sums are accumulated in double precision

CREATE FUNCTION vector_accum(double precision[], vector) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_vector_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_accum(double precision[], vector) IS 'aggregate transition function';

CREATE FUNCTION vector_sum_accum(double precision[], vector) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_vector_sum_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_sum_accum(double precision[], vector) IS 'aggregate transition function of sum';

CREATE FUNCTION vector_avg(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_avg(double precision[]) IS 'aggregate final function';

CREATE FUNCTION vector_sum(double precision[]) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_sum(double precision[]) IS 'aggregate final function of sum';

CREATE FUNCTION vector_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE AGGREGATE avg(vector) (
	SFUNC = vector_accum,
	STYPE = double precision[],
	FINALFUNC = vector_avg,
	COMBINEFUNC = vector_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(vector) IS 'the average (arithmetic mean) as vector of all vector values';

CREATE AGGREGATE sum(vector) (
	SFUNC = vector_sum_accum,
	STYPE = double precision[],
	FINALFUNC = vector_sum,
	COMBINEFUNC = vector_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(vector) IS 'sum as vector across all vector input values';

-- operators

CREATE OPERATOR <-> (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = l2_distance,
	COMMUTATOR = '<->'
);
COMMENT ON OPERATOR <-> (vector, vector) IS 'Euclidean distance';

CREATE OPERATOR <#> (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_negative_inner_product,
	COMMUTATOR = '<#>'
);
COMMENT ON OPERATOR <#> (vector, vector) IS 'negative inner product';

CREATE OPERATOR <=> (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = cosine_distance,
	COMMUTATOR = '<=>'
);
COMMENT ON OPERATOR <=> (vector, vector) IS 'cosine distance';

CREATE OPERATOR <+> (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = l1_distance,
	COMMUTATOR = '<+>'
);
COMMENT ON OPERATOR <+> (vector, vector) IS 'taxicab distance';

CREATE OPERATOR + (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (vector, vector) IS 'add';

CREATE OPERATOR - (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_sub
);
COMMENT ON OPERATOR - (vector, vector) IS 'subtract';

CREATE OPERATOR * (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_mul,
	COMMUTATOR = *
);
COMMENT ON OPERATOR * (vector, vector) IS 'multiply element by element';

CREATE OPERATOR || (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_concat
);
COMMENT ON OPERATOR || (vector, vector) IS 'concatenate';

CREATE OPERATOR < (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_lt,
	COMMUTATOR = > , NEGATOR = >= ,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (vector, vector) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_le,
	COMMUTATOR = >= , NEGATOR = > ,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (vector, vector) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_eq,
	COMMUTATOR = = , NEGATOR = <> ,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (vector, vector) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_ne,
	COMMUTATOR = <> , NEGATOR = = ,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (vector, vector) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_ge,
	COMMUTATOR = <= , NEGATOR = < ,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (vector, vector) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_gt,
	COMMUTATOR = < , NEGATOR = <= ,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (vector, vector) IS 'greater than';

CREATE OPERATOR CLASS vector_ops
	DEFAULT FOR TYPE vector USING btree AS
	OPERATOR 1 < ,
	OPERATOR 2 <= ,
	OPERATOR 3 = ,
	OPERATOR 4 >= ,
	OPERATOR 5 > ,
	FUNCTION 1 vector_cmp(vector, vector);
COMMENT ON OPERATOR CLASS vector_ops USING btree IS 'order by elements, then by length';

CREATE OPERATOR CLASS vector_ops
	DEFAULT FOR TYPE vector USING hash AS
	OPERATOR 1 = ,
	FUNCTION 1 vector_hash(vector),
	FUNCTION 2 vector_hash_extended(vector, bigint);
COMMENT ON OPERATOR CLASS vector_ops USING hash IS 'equality of all elements';
COMMENT ON OPERATOR FAMILY vector_ops USING btree IS 'order by elements, then by length';
COMMENT ON OPERATOR FAMILY vector_ops USING hash IS 'equality of all elements';

-- halfvec: half-precision vector. Elements are 2-byte floats (IEEE binary16); up to 16,000 dimensions.

CREATE TYPE halfvec;

CREATE FUNCTION halfvec_in(cstring, oid, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_halfvec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_out(halfvec) IS 'I/O';

CREATE FUNCTION halfvec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_halfvec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION halfvec_recv(internal, oid, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION halfvec_send(halfvec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_halfvec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_send(halfvec) IS 'I/O';

CREATE TYPE halfvec (
	INPUT     = halfvec_in,
	OUTPUT    = halfvec_out,
	TYPMOD_IN = halfvec_typmod_in,
	RECEIVE   = halfvec_recv,
	SEND      = halfvec_send,
	STORAGE   = external
);
COMMENT ON TYPE halfvec IS 'half-precision vector';

-- distances

CREATE FUNCTION halfvec_distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_halfvec_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_distance_support(internal) IS 'planner support: what a distance costs';

CREATE FUNCTION l2_distance(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION l2_distance(halfvec, halfvec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION inner_product(halfvec, halfvec) IS 'inner product';

CREATE FUNCTION cosine_distance(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION cosine_distance(halfvec, halfvec) IS 'cosine distance; NaN if either is the zero vector';

CREATE FUNCTION l1_distance(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION l1_distance(halfvec, halfvec) IS 'taxicab distance';

CREATE FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) IS 'squared Euclidean distance';

CREATE FUNCTION halfvec_negative_inner_product(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION halfvec_negative_inner_product(halfvec, halfvec) IS 'negative inner product';

CREATE FUNCTION halfvec_spherical_distance(halfvec, halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION halfvec_spherical_distance(halfvec, halfvec) IS 'angle between unit vectors, in units of pi';

CREATE FUNCTION within(halfvec, halfvec, radius float8, metric text DEFAULT 'l2') RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT halfvec_distance_support COST 10;
COMMENT ON FUNCTION within(halfvec, halfvec, float8, text) IS 'distance is at most the radius; metric l2, ip (negative), cosine or l1';

-- functions

CREATE FUNCTION vector_dims(halfvec) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_halfvec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_dims(halfvec) IS 'number of dimensions';

CREATE FUNCTION l2_norm(halfvec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_halfvec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION l2_norm(halfvec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION l2_normalize(halfvec) IS 'divide by the Euclidean norm; the zero vector stays as it is';

CREATE FUNCTION binary_quantize(halfvec) RETURNS bit
	AS 'MODULE_PATHNAME', 'pgr_halfvec_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION binary_quantize(halfvec) IS 'one bit per element, set where it is positive';

CREATE FUNCTION subvector(halfvec, integer, integer) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION subvector(halfvec, integer, integer) IS 'elements from a 1-based start, so many, as far as they exist';

CREATE FUNCTION halfvec_add(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_add(halfvec, halfvec) IS 'implementation of + operator';

CREATE FUNCTION halfvec_sub(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_sub(halfvec, halfvec) IS 'implementation of - operator';

CREATE FUNCTION halfvec_mul(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_mul(halfvec, halfvec) IS 'implementation of * operator';

CREATE FUNCTION halfvec_concat(halfvec, halfvec) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_concat(halfvec, halfvec) IS 'implementation of || operator';

CREATE FUNCTION halfvec_lt(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_lt(halfvec, halfvec) IS 'implementation of < operator';

CREATE FUNCTION halfvec_le(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_le(halfvec, halfvec) IS 'implementation of <= operator';

CREATE FUNCTION halfvec_eq(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_eq(halfvec, halfvec) IS 'implementation of = operator';

CREATE FUNCTION halfvec_ne(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_ne(halfvec, halfvec) IS 'implementation of <> operator';

CREATE FUNCTION halfvec_ge(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_ge(halfvec, halfvec) IS 'implementation of >= operator';

CREATE FUNCTION halfvec_gt(halfvec, halfvec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_halfvec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_gt(halfvec, halfvec) IS 'implementation of > operator';

CREATE FUNCTION halfvec_cmp(halfvec, halfvec) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_halfvec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION halfvec_cmp(halfvec, halfvec) IS 'less-equal-greater';

CREATE FUNCTION halfvec_hash(halfvec) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_halfvec_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_hash(halfvec) IS 'hash';

CREATE FUNCTION halfvec_hash_extended(halfvec, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_halfvec_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_hash_extended(halfvec, bigint) IS 'hash';

-- aggregates: sums are accumulated in double precision

CREATE FUNCTION halfvec_accum(double precision[], halfvec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_halfvec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_accum(double precision[], halfvec) IS 'aggregate transition function';

CREATE FUNCTION halfvec_sum_accum(double precision[], halfvec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_halfvec_sum_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_sum_accum(double precision[], halfvec) IS 'aggregate transition function of sum';

CREATE FUNCTION halfvec_avg(double precision[]) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_avg(double precision[]) IS 'aggregate final function';

CREATE FUNCTION halfvec_sum(double precision[]) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_sum(double precision[]) IS 'aggregate final function of sum';

CREATE FUNCTION halfvec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_halfvec_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE AGGREGATE avg(halfvec) (
	SFUNC = halfvec_accum,
	STYPE = double precision[],
	FINALFUNC = halfvec_avg,
	COMBINEFUNC = halfvec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(halfvec) IS 'the average (arithmetic mean) as halfvec of all halfvec values';

CREATE AGGREGATE sum(halfvec) (
	SFUNC = halfvec_sum_accum,
	STYPE = double precision[],
	FINALFUNC = halfvec_sum,
	COMBINEFUNC = halfvec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(halfvec) IS 'sum as halfvec across all halfvec input values';

-- operators

CREATE OPERATOR <-> (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = l2_distance,
	COMMUTATOR = '<->'
);
COMMENT ON OPERATOR <-> (halfvec, halfvec) IS 'Euclidean distance';

CREATE OPERATOR <#> (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_negative_inner_product,
	COMMUTATOR = '<#>'
);
COMMENT ON OPERATOR <#> (halfvec, halfvec) IS 'negative inner product';

CREATE OPERATOR <=> (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = cosine_distance,
	COMMUTATOR = '<=>'
);
COMMENT ON OPERATOR <=> (halfvec, halfvec) IS 'cosine distance';

CREATE OPERATOR <+> (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = l1_distance,
	COMMUTATOR = '<+>'
);
COMMENT ON OPERATOR <+> (halfvec, halfvec) IS 'taxicab distance';

CREATE OPERATOR + (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (halfvec, halfvec) IS 'add';

CREATE OPERATOR - (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_sub
);
COMMENT ON OPERATOR - (halfvec, halfvec) IS 'subtract';

CREATE OPERATOR * (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_mul,
	COMMUTATOR = *
);
COMMENT ON OPERATOR * (halfvec, halfvec) IS 'multiply element by element';

CREATE OPERATOR || (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_concat
);
COMMENT ON OPERATOR || (halfvec, halfvec) IS 'concatenate';

CREATE OPERATOR < (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_lt,
	COMMUTATOR = > , NEGATOR = >= ,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (halfvec, halfvec) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_le,
	COMMUTATOR = >= , NEGATOR = > ,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (halfvec, halfvec) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_eq,
	COMMUTATOR = = , NEGATOR = <> ,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (halfvec, halfvec) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_ne,
	COMMUTATOR = <> , NEGATOR = = ,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (halfvec, halfvec) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_ge,
	COMMUTATOR = <= , NEGATOR = < ,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (halfvec, halfvec) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = halfvec, RIGHTARG = halfvec, PROCEDURE = halfvec_gt,
	COMMUTATOR = < , NEGATOR = <= ,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (halfvec, halfvec) IS 'greater than';

CREATE OPERATOR CLASS halfvec_ops
	DEFAULT FOR TYPE halfvec USING btree AS
	OPERATOR 1 < ,
	OPERATOR 2 <= ,
	OPERATOR 3 = ,
	OPERATOR 4 >= ,
	OPERATOR 5 > ,
	FUNCTION 1 halfvec_cmp(halfvec, halfvec);
COMMENT ON OPERATOR CLASS halfvec_ops USING btree IS 'order by elements, then by length';

CREATE OPERATOR CLASS halfvec_ops
	DEFAULT FOR TYPE halfvec USING hash AS
	OPERATOR 1 = ,
	FUNCTION 1 halfvec_hash(halfvec),
	FUNCTION 2 halfvec_hash_extended(halfvec, bigint);
COMMENT ON OPERATOR CLASS halfvec_ops USING hash IS 'equality of all elements';
COMMENT ON OPERATOR FAMILY halfvec_ops USING btree IS 'order by elements, then by length';
COMMENT ON OPERATOR FAMILY halfvec_ops USING hash IS 'equality of all elements';

-- sparsevec: sparse vector. Elements are 4-byte floats; up to 1,000,000,000
-- dimensions, 16,000 of them non-zero.

CREATE TYPE sparsevec;

CREATE FUNCTION sparsevec_in(cstring, oid, integer) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION sparsevec_out(sparsevec) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_out(sparsevec) IS 'I/O';

CREATE FUNCTION sparsevec_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION sparsevec_recv(internal, oid, integer) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION sparsevec_send(sparsevec) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_send(sparsevec) IS 'I/O';

CREATE TYPE sparsevec (
	INPUT     = sparsevec_in,
	OUTPUT    = sparsevec_out,
	TYPMOD_IN = sparsevec_typmod_in,
	RECEIVE   = sparsevec_recv,
	SEND      = sparsevec_send,
	STORAGE   = external
);
COMMENT ON TYPE sparsevec IS 'sparse vector';

-- distances

CREATE FUNCTION sparsevec_distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_distance_support(internal) IS 'planner support: what a distance costs';

CREATE FUNCTION l2_distance(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION l2_distance(sparsevec, sparsevec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION inner_product(sparsevec, sparsevec) IS 'inner product';

CREATE FUNCTION cosine_distance(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION cosine_distance(sparsevec, sparsevec) IS 'cosine distance; NaN if either is the zero vector';

CREATE FUNCTION l1_distance(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION l1_distance(sparsevec, sparsevec) IS 'taxicab distance';

CREATE FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l2_squared_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec) IS 'squared Euclidean distance';

CREATE FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_negative_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) IS 'negative inner product';

CREATE FUNCTION within(sparsevec, sparsevec, radius float8, metric text DEFAULT 'l2') RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT sparsevec_distance_support COST 10;
COMMENT ON FUNCTION within(sparsevec, sparsevec, float8, text) IS 'distance is at most the radius; metric l2, ip (negative), cosine or l1';

-- functions

CREATE FUNCTION l2_norm(sparsevec) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION l2_norm(sparsevec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(sparsevec) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION l2_normalize(sparsevec) IS 'divide by the Euclidean norm; the zero vector stays as it is';

CREATE FUNCTION sparsevec_lt(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_lt(sparsevec, sparsevec) IS 'implementation of < operator';

CREATE FUNCTION sparsevec_le(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_le(sparsevec, sparsevec) IS 'implementation of <= operator';

CREATE FUNCTION sparsevec_eq(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_eq(sparsevec, sparsevec) IS 'implementation of = operator';

CREATE FUNCTION sparsevec_ne(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_ne(sparsevec, sparsevec) IS 'implementation of <> operator';

CREATE FUNCTION sparsevec_ge(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_ge(sparsevec, sparsevec) IS 'implementation of >= operator';

CREATE FUNCTION sparsevec_gt(sparsevec, sparsevec) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_gt(sparsevec, sparsevec) IS 'implementation of > operator';

CREATE FUNCTION sparsevec_cmp(sparsevec, sparsevec) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sparsevec_cmp(sparsevec, sparsevec) IS 'less-equal-greater';

CREATE FUNCTION sparsevec_hash(sparsevec) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_hash(sparsevec) IS 'hash';

CREATE FUNCTION sparsevec_hash_extended(sparsevec, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_hash_extended(sparsevec, bigint) IS 'hash';

-- aggregates: sums are accumulated in double precision

CREATE FUNCTION sparsevec_accum(double precision[], sparsevec) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_accum(double precision[], sparsevec) IS 'aggregate transition function';

CREATE FUNCTION sparsevec_avg(double precision[]) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_avg(double precision[]) IS 'aggregate final function';

CREATE FUNCTION sparsevec_sum(double precision[]) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_sum(double precision[]) IS 'aggregate final function of sum';

CREATE FUNCTION sparsevec_combine(double precision[], double precision[]) RETURNS double precision[]
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_combine(double precision[], double precision[]) IS 'aggregate combine function';

CREATE AGGREGATE avg(sparsevec) (
	SFUNC = sparsevec_accum,
	STYPE = double precision[],
	FINALFUNC = sparsevec_avg,
	COMBINEFUNC = sparsevec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(sparsevec) IS 'the average (arithmetic mean) as sparsevec of all sparsevec values';

CREATE AGGREGATE sum(sparsevec) (
	SFUNC = sparsevec_accum,
	STYPE = double precision[],
	FINALFUNC = sparsevec_sum,
	COMBINEFUNC = sparsevec_combine,
	INITCOND = '{0}',
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(sparsevec) IS 'sum as sparsevec across all sparsevec input values';

-- operators

CREATE OPERATOR <-> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = l2_distance,
	COMMUTATOR = '<->'
);
COMMENT ON OPERATOR <-> (sparsevec, sparsevec) IS 'Euclidean distance';

CREATE OPERATOR <#> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_negative_inner_product,
	COMMUTATOR = '<#>'
);
COMMENT ON OPERATOR <#> (sparsevec, sparsevec) IS 'negative inner product';

CREATE OPERATOR <=> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = cosine_distance,
	COMMUTATOR = '<=>'
);
COMMENT ON OPERATOR <=> (sparsevec, sparsevec) IS 'cosine distance';

CREATE OPERATOR <+> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = l1_distance,
	COMMUTATOR = '<+>'
);
COMMENT ON OPERATOR <+> (sparsevec, sparsevec) IS 'taxicab distance';

CREATE OPERATOR < (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_lt,
	COMMUTATOR = > , NEGATOR = >= ,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (sparsevec, sparsevec) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_le,
	COMMUTATOR = >= , NEGATOR = > ,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (sparsevec, sparsevec) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_eq,
	COMMUTATOR = = , NEGATOR = <> ,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (sparsevec, sparsevec) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_ne,
	COMMUTATOR = <> , NEGATOR = = ,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (sparsevec, sparsevec) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_ge,
	COMMUTATOR = <= , NEGATOR = < ,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (sparsevec, sparsevec) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = sparsevec, RIGHTARG = sparsevec, PROCEDURE = sparsevec_gt,
	COMMUTATOR = < , NEGATOR = <= ,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (sparsevec, sparsevec) IS 'greater than';

CREATE OPERATOR CLASS sparsevec_ops
	DEFAULT FOR TYPE sparsevec USING btree AS
	OPERATOR 1 < ,
	OPERATOR 2 <= ,
	OPERATOR 3 = ,
	OPERATOR 4 >= ,
	OPERATOR 5 > ,
	FUNCTION 1 sparsevec_cmp(sparsevec, sparsevec);
COMMENT ON OPERATOR CLASS sparsevec_ops USING btree IS 'order by elements, then by length';

CREATE OPERATOR CLASS sparsevec_ops
	DEFAULT FOR TYPE sparsevec USING hash AS
	OPERATOR 1 = ,
	FUNCTION 1 sparsevec_hash(sparsevec),
	FUNCTION 2 sparsevec_hash_extended(sparsevec, bigint);
COMMENT ON OPERATOR CLASS sparsevec_ops USING hash IS 'equality of all elements';
COMMENT ON OPERATOR FAMILY sparsevec_ops USING btree IS 'order by elements, then by length';
COMMENT ON OPERATOR FAMILY sparsevec_ops USING hash IS 'equality of all elements';

-- casts

CREATE FUNCTION sparsevec(sparsevec, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec(sparsevec, integer, boolean) IS 'adjust sparsevec to typmod';

CREATE CAST (sparsevec AS sparsevec)
	WITH FUNCTION sparsevec(sparsevec, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (sparsevec AS sparsevec) IS 'adjust sparsevec to typmod';

CREATE FUNCTION vector_to_sparsevec(vector, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_vector_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_to_sparsevec(vector, integer, boolean) IS 'convert vector to sparsevec';

CREATE CAST (vector AS sparsevec)
	WITH FUNCTION vector_to_sparsevec(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS sparsevec) IS 'convert vector to sparsevec';

CREATE FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) IS 'convert sparsevec to vector';

CREATE CAST (sparsevec AS vector)
	WITH FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (sparsevec AS vector) IS 'convert sparsevec to vector';

CREATE FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) IS 'convert halfvec to sparsevec';

CREATE CAST (halfvec AS sparsevec)
	WITH FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (halfvec AS sparsevec) IS 'convert halfvec to sparsevec';

CREATE FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) IS 'convert sparsevec to halfvec';

CREATE CAST (sparsevec AS halfvec)
	WITH FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (sparsevec AS halfvec) IS 'convert sparsevec to halfvec';

CREATE FUNCTION array_to_sparsevec(integer[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_sparsevec(integer[], integer, boolean) IS 'convert int4 array to sparsevec';

CREATE CAST (integer[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS sparsevec) IS 'convert int4 array to sparsevec';

CREATE FUNCTION array_to_sparsevec(real[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_sparsevec(real[], integer, boolean) IS 'convert float4 array to sparsevec';

CREATE CAST (real[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS sparsevec) IS 'convert float4 array to sparsevec';

CREATE FUNCTION array_to_sparsevec(double precision[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_sparsevec(double precision[], integer, boolean) IS 'convert float8 array to sparsevec';

CREATE CAST (double precision[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS sparsevec) IS 'convert float8 array to sparsevec';

CREATE FUNCTION array_to_sparsevec(numeric[], integer, boolean) RETURNS sparsevec
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_sparsevec(numeric[], integer, boolean) IS 'convert numeric array to sparsevec';

CREATE CAST (numeric[] AS sparsevec)
	WITH FUNCTION array_to_sparsevec(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS sparsevec) IS 'convert numeric array to sparsevec';

-- Functions and operators on PostgreSQL's own bit type (and varbit).

CREATE FUNCTION bit_distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bit_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bit_distance_support(internal) IS 'planner support: what a distance costs';

CREATE FUNCTION hamming_distance(bit, bit) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bit_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT bit_distance_support COST 5;
COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'number of bits that differ';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bit_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT bit_distance_support COST 5;
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS 'share of set bits that are not common; 1 if none is';

CREATE FUNCTION within(bit, bit, radius float8, metric text DEFAULT 'hamming') RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_bit_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SUPPORT bit_distance_support COST 5;
COMMENT ON FUNCTION within(bit, bit, float8, text) IS 'distance is at most the radius; metric hamming or jaccard';

CREATE OPERATOR <~> (
	LEFTARG = bit, RIGHTARG = bit, PROCEDURE = hamming_distance,
	COMMUTATOR = '<~>'
);
COMMENT ON OPERATOR <~> (bit, bit) IS 'Hamming distance';

CREATE OPERATOR <%> (
	LEFTARG = bit, RIGHTARG = bit, PROCEDURE = jaccard_distance,
	COMMUTATOR = '<%>'
);
COMMENT ON OPERATOR <%> (bit, bit) IS 'Jaccard distance';

-- Casts among vector, halfvec and arrays of numbers. Implicit where nothing is
-- lost and clients depend on it, assignment elsewhere.

CREATE FUNCTION vector(vector, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector(vector, integer, boolean) IS 'adjust vector to typmod';

CREATE CAST (vector AS vector)
	WITH FUNCTION vector(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS vector) IS 'adjust vector to typmod';

CREATE FUNCTION halfvec(halfvec, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec(halfvec, integer, boolean) IS 'adjust halfvec to typmod';

CREATE CAST (halfvec AS halfvec)
	WITH FUNCTION halfvec(halfvec, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (halfvec AS halfvec) IS 'adjust halfvec to typmod';

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_vector_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'convert vector to halfvec';

CREATE CAST (vector AS halfvec)
	WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS halfvec) IS 'convert vector to halfvec';

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_halfvec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'convert halfvec to vector';

CREATE CAST (halfvec AS vector)
	WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS vector) IS 'convert halfvec to vector';

CREATE FUNCTION vector_to_float4(vector, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'pgr_vector_to_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS 'convert vector to float4 array';

CREATE CAST (vector AS real[])
	WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (vector AS real[]) IS 'convert vector to float4 array';

CREATE FUNCTION halfvec_to_float4(halfvec, integer, boolean) RETURNS real[]
	AS 'MODULE_PATHNAME', 'pgr_halfvec_to_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION halfvec_to_float4(halfvec, integer, boolean) IS 'convert halfvec to float4 array';

CREATE CAST (halfvec AS real[])
	WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec AS real[]) IS 'convert halfvec to float4 array';

CREATE FUNCTION array_to_vector(integer[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS 'convert int4 array to vector';

CREATE CAST (integer[] AS vector)
	WITH FUNCTION array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS vector) IS 'convert int4 array to vector';

CREATE FUNCTION array_to_vector(real[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS 'convert float4 array to vector';

CREATE CAST (real[] AS vector)
	WITH FUNCTION array_to_vector(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS vector) IS 'convert float4 array to vector';

CREATE FUNCTION array_to_vector(double precision[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS 'convert float8 array to vector';

CREATE CAST (double precision[] AS vector)
	WITH FUNCTION array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS vector) IS 'convert float8 array to vector';

CREATE FUNCTION array_to_vector(numeric[], integer, boolean) RETURNS vector
	AS 'MODULE_PATHNAME', 'pgr_vector_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS 'convert numeric array to vector';

CREATE CAST (numeric[] AS vector)
	WITH FUNCTION array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS vector) IS 'convert numeric array to vector';

CREATE FUNCTION array_to_halfvec(integer[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_halfvec(integer[], integer, boolean) IS 'convert int4 array to halfvec';

CREATE CAST (integer[] AS halfvec)
	WITH FUNCTION array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS halfvec) IS 'convert int4 array to halfvec';

CREATE FUNCTION array_to_halfvec(real[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_halfvec(real[], integer, boolean) IS 'convert float4 array to halfvec';

CREATE CAST (real[] AS halfvec)
	WITH FUNCTION array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS halfvec) IS 'convert float4 array to halfvec';

CREATE FUNCTION array_to_halfvec(double precision[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_halfvec(double precision[], integer, boolean) IS 'convert float8 array to halfvec';

CREATE CAST (double precision[] AS halfvec)
	WITH FUNCTION array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS halfvec) IS 'convert float8 array to halfvec';

CREATE FUNCTION array_to_halfvec(numeric[], integer, boolean) RETURNS halfvec
	AS 'MODULE_PATHNAME', 'pgr_halfvec_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION array_to_halfvec(numeric[], integer, boolean) IS 'convert numeric array to halfvec';

CREATE CAST (numeric[] AS halfvec)
	WITH FUNCTION array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS halfvec) IS 'convert numeric array to halfvec';

-- multivector: n tokens of d elements in one value, for late interaction.
-- multivector(d [, f32|f16|i8]); text [[1,2],[3,4]].

CREATE TYPE multivector;

CREATE FUNCTION multivector_in(cstring, oid, integer) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION multivector_out(multivector) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_multivector_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_out(multivector) IS 'I/O';

CREATE FUNCTION multivector_typmod_in(cstring[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_multivector_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION multivector_typmod_out(integer) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_multivector_typmod_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_typmod_out(integer) IS 'I/O typmod';

CREATE FUNCTION multivector_recv(internal, oid, integer) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION multivector_send(multivector) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_multivector_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_send(multivector) IS 'I/O';

CREATE TYPE multivector (
	INPUT      = multivector_in,
	OUTPUT     = multivector_out,
	TYPMOD_IN  = multivector_typmod_in,
	TYPMOD_OUT = multivector_typmod_out,
	RECEIVE    = multivector_recv,
	SEND       = multivector_send,
	STORAGE    = external
);
COMMENT ON TYPE multivector IS 'token vectors of a document, for late interaction';

-- casts

CREATE FUNCTION multivector(multivector, integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_coerce' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION multivector(multivector, integer, boolean) IS 'adjust multivector to typmod';

CREATE CAST (multivector AS multivector)
	WITH FUNCTION multivector(multivector, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (multivector AS multivector) IS 'adjust multivector to typmod';

CREATE FUNCTION array_to_multivector(vector[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_vector_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(vector[], integer, boolean) IS 'convert vector array to multivector, a token per vector';

CREATE CAST (vector[] AS multivector)
	WITH FUNCTION array_to_multivector(vector[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (vector[] AS multivector) IS 'convert vector array to multivector, a token per vector';

CREATE FUNCTION array_to_multivector(halfvec[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_halfvec_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(halfvec[], integer, boolean) IS 'convert halfvec array to multivector of f16, a token per vector';

CREATE CAST (halfvec[] AS multivector)
	WITH FUNCTION array_to_multivector(halfvec[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (halfvec[] AS multivector) IS 'convert halfvec array to multivector of f16, a token per vector';

CREATE FUNCTION array_to_multivector(real[], integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_array_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION array_to_multivector(real[], integer, boolean) IS 'convert 2-D float4 array to multivector, a token per row';

CREATE CAST (real[] AS multivector)
	WITH FUNCTION array_to_multivector(real[], integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS multivector) IS 'convert 2-D float4 array to multivector, a token per row';

CREATE FUNCTION multivector_to_array(multivector) RETURNS vector[]
	AS 'MODULE_PATHNAME', 'pgr_multivector_to_vector_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_to_array(multivector) IS 'convert multivector to vector array';

CREATE CAST (multivector AS vector[])
	WITH FUNCTION multivector_to_array(multivector) AS ASSIGNMENT;
COMMENT ON CAST (multivector AS vector[]) IS 'convert multivector to vector array';

CREATE FUNCTION multivector(real[], dimensions integer) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_cut' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector(real[], integer) IS 'cut a 1-D array into tokens of so many dimensions';

-- functions

CREATE FUNCTION multivector_dims(multivector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_multivector_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION multivector_dims(multivector) IS 'number of dimensions of each token';

CREATE FUNCTION token_count(multivector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_multivector_token_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION token_count(multivector) IS 'number of tokens';

CREATE FUNCTION unnest(multivector) RETURNS SETOF vector
	AS 'MODULE_PATHNAME', 'pgr_multivector_unnest' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 ROWS 100;
COMMENT ON FUNCTION unnest(multivector) IS 'the tokens in order, as vectors';

CREATE FUNCTION l2_normalize(multivector) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION l2_normalize(multivector) IS 'divide each token by its Euclidean norm; a zero token stays as it is';

CREATE FUNCTION subvector(multivector, integer, integer) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION subvector(multivector, integer, integer) IS 'elements of every token from a 1-based start, so many, as far as they exist';

CREATE FUNCTION multivector_agg_add(internal, vector) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_multivector_agg_vector' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION multivector_agg_add(internal, vector) IS 'aggregate transition function';

CREATE FUNCTION multivector_agg_add(internal, halfvec) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_multivector_agg_halfvec' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION multivector_agg_add(internal, halfvec) IS 'aggregate transition function';

CREATE FUNCTION multivector_agg_final(internal) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_multivector_agg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_agg_final(internal) IS 'aggregate final function';

-- No combine function: the order of tokens matters.
CREATE AGGREGATE multivector_agg(vector) (
	SFUNC = multivector_agg_add,
	STYPE = internal,
	FINALFUNC = multivector_agg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE multivector_agg(vector) IS 'multivector of all vectors that are not null, in input order';

CREATE AGGREGATE multivector_agg(halfvec) (
	SFUNC = multivector_agg_add,
	STYPE = internal,
	FINALFUNC = multivector_agg_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE multivector_agg(halfvec) IS 'f16 multivector of all vectors that are not null, in input order';

-- comparison

CREATE FUNCTION multivector_lt(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_lt(multivector, multivector) IS 'implementation of < operator';

CREATE FUNCTION multivector_le(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_le(multivector, multivector) IS 'implementation of <= operator';

CREATE FUNCTION multivector_eq(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_eq(multivector, multivector) IS 'implementation of = operator';

CREATE FUNCTION multivector_ne(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_ne(multivector, multivector) IS 'implementation of <> operator';

CREATE FUNCTION multivector_ge(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_ge(multivector, multivector) IS 'implementation of >= operator';

CREATE FUNCTION multivector_gt(multivector, multivector) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_multivector_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_gt(multivector, multivector) IS 'implementation of > operator';

CREATE FUNCTION multivector_cmp(multivector, multivector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_multivector_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION multivector_cmp(multivector, multivector) IS 'less-equal-greater';

CREATE FUNCTION multivector_hash(multivector) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_multivector_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION multivector_hash(multivector) IS 'hash';

CREATE FUNCTION multivector_hash_extended(multivector, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_multivector_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION multivector_hash_extended(multivector, bigint) IS 'hash';

CREATE OPERATOR < (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_lt,
	COMMUTATOR = > , NEGATOR = >= ,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (multivector, multivector) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_le,
	COMMUTATOR = >= , NEGATOR = > ,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (multivector, multivector) IS 'less than or equal';

CREATE OPERATOR = (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_eq,
	COMMUTATOR = = , NEGATOR = <> ,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (multivector, multivector) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_ne,
	COMMUTATOR = <> , NEGATOR = = ,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (multivector, multivector) IS 'not equal';

CREATE OPERATOR >= (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_ge,
	COMMUTATOR = <= , NEGATOR = < ,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (multivector, multivector) IS 'greater than or equal';

CREATE OPERATOR > (
	LEFTARG = multivector, RIGHTARG = multivector, PROCEDURE = multivector_gt,
	COMMUTATOR = < , NEGATOR = <= ,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (multivector, multivector) IS 'greater than';

CREATE OPERATOR CLASS multivector_ops
	DEFAULT FOR TYPE multivector USING btree AS
	OPERATOR 1 < ,
	OPERATOR 2 <= ,
	OPERATOR 3 = ,
	OPERATOR 4 >= ,
	OPERATOR 5 > ,
	FUNCTION 1 multivector_cmp(multivector, multivector);
COMMENT ON OPERATOR CLASS multivector_ops USING btree IS 'order by dimensions, elements, number of tokens';

CREATE OPERATOR CLASS multivector_ops
	DEFAULT FOR TYPE multivector USING hash AS
	OPERATOR 1 = ,
	FUNCTION 1 multivector_hash(multivector),
	FUNCTION 2 multivector_hash_extended(multivector, bigint);
COMMENT ON OPERATOR CLASS multivector_ops USING hash IS 'equality of all elements';
COMMENT ON OPERATOR FAMILY multivector_ops USING btree IS 'order by dimensions, elements, number of tokens';
COMMENT ON OPERATOR FAMILY multivector_ops USING hash IS 'equality of all elements';

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
-- hnsw: graph index for nearest neighbours. Names as pgvector's.

CREATE FUNCTION hnsw_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_hnsw_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION hnsw_handler(internal) IS 'hnsw index access method handler';

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER hnsw_handler;
COMMENT ON ACCESS METHOD hnsw IS 'hnsw index access method';

-- what the operator classes say of their type to an access method

CREATE FUNCTION vector_l2_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_vector_l2_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_l2_class(internal) IS 'operator class support';

CREATE FUNCTION vector_ip_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_vector_ip_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_ip_class(internal) IS 'operator class support';

CREATE FUNCTION vector_cosine_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_vector_cosine_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_cosine_class(internal) IS 'operator class support';

CREATE FUNCTION vector_l1_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_vector_l1_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION vector_l1_class(internal) IS 'operator class support';

CREATE FUNCTION halfvec_l2_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l2_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_l2_class(internal) IS 'operator class support';

CREATE FUNCTION halfvec_ip_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_halfvec_ip_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_ip_class(internal) IS 'operator class support';

CREATE FUNCTION halfvec_cosine_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_halfvec_cosine_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_cosine_class(internal) IS 'operator class support';

CREATE FUNCTION halfvec_l1_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_halfvec_l1_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION halfvec_l1_class(internal) IS 'operator class support';

CREATE FUNCTION sparsevec_l2_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l2_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_l2_class(internal) IS 'operator class support';

CREATE FUNCTION sparsevec_ip_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_ip_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_ip_class(internal) IS 'operator class support';

CREATE FUNCTION sparsevec_cosine_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_cosine_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_cosine_class(internal) IS 'operator class support';

CREATE FUNCTION sparsevec_l1_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_sparsevec_l1_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION sparsevec_l1_class(internal) IS 'operator class support';

CREATE FUNCTION bit_hamming_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bit_hamming_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bit_hamming_class(internal) IS 'operator class support';

CREATE FUNCTION bit_jaccard_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bit_jaccard_class' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bit_jaccard_class(internal) IS 'operator class support';

CREATE OPERATOR CLASS vector_l2_ops
	FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l2_class(internal);
COMMENT ON OPERATOR CLASS vector_l2_ops USING hnsw IS 'L2 distance';
COMMENT ON OPERATOR FAMILY vector_l2_ops USING hnsw IS 'L2 distance';

CREATE OPERATOR CLASS vector_ip_ops
	FOR TYPE vector USING hnsw AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_ip_class(internal);
COMMENT ON OPERATOR CLASS vector_ip_ops USING hnsw IS 'inner product';
COMMENT ON OPERATOR FAMILY vector_ip_ops USING hnsw IS 'inner product';

CREATE OPERATOR CLASS vector_cosine_ops
	FOR TYPE vector USING hnsw AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_cosine_class(internal);
COMMENT ON OPERATOR CLASS vector_cosine_ops USING hnsw IS 'cosine distance';
COMMENT ON OPERATOR FAMILY vector_cosine_ops USING hnsw IS 'cosine distance';

CREATE OPERATOR CLASS vector_l1_ops
	FOR TYPE vector USING hnsw AS
	OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vector_l1_class(internal);
COMMENT ON OPERATOR CLASS vector_l1_ops USING hnsw IS 'L1 distance';
COMMENT ON OPERATOR FAMILY vector_l1_ops USING hnsw IS 'L1 distance';

CREATE OPERATOR CLASS halfvec_l2_ops
	FOR TYPE halfvec USING hnsw AS
	OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_l2_class(internal);
COMMENT ON OPERATOR CLASS halfvec_l2_ops USING hnsw IS 'L2 distance';
COMMENT ON OPERATOR FAMILY halfvec_l2_ops USING hnsw IS 'L2 distance';

CREATE OPERATOR CLASS halfvec_ip_ops
	FOR TYPE halfvec USING hnsw AS
	OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_ip_class(internal);
COMMENT ON OPERATOR CLASS halfvec_ip_ops USING hnsw IS 'inner product';
COMMENT ON OPERATOR FAMILY halfvec_ip_ops USING hnsw IS 'inner product';

CREATE OPERATOR CLASS halfvec_cosine_ops
	FOR TYPE halfvec USING hnsw AS
	OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_cosine_class(internal);
COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING hnsw IS 'cosine distance';
COMMENT ON OPERATOR FAMILY halfvec_cosine_ops USING hnsw IS 'cosine distance';

CREATE OPERATOR CLASS halfvec_l1_ops
	FOR TYPE halfvec USING hnsw AS
	OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
	FUNCTION 1 halfvec_l1_class(internal);
COMMENT ON OPERATOR CLASS halfvec_l1_ops USING hnsw IS 'L1 distance';
COMMENT ON OPERATOR FAMILY halfvec_l1_ops USING hnsw IS 'L1 distance';

CREATE OPERATOR CLASS sparsevec_l2_ops
	FOR TYPE sparsevec USING hnsw AS
	OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	FUNCTION 1 sparsevec_l2_class(internal);
COMMENT ON OPERATOR CLASS sparsevec_l2_ops USING hnsw IS 'L2 distance';
COMMENT ON OPERATOR FAMILY sparsevec_l2_ops USING hnsw IS 'L2 distance';

CREATE OPERATOR CLASS sparsevec_ip_ops
	FOR TYPE sparsevec USING hnsw AS
	OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	FUNCTION 1 sparsevec_ip_class(internal);
COMMENT ON OPERATOR CLASS sparsevec_ip_ops USING hnsw IS 'inner product';
COMMENT ON OPERATOR FAMILY sparsevec_ip_ops USING hnsw IS 'inner product';

CREATE OPERATOR CLASS sparsevec_cosine_ops
	FOR TYPE sparsevec USING hnsw AS
	OPERATOR 1 <=> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	FUNCTION 1 sparsevec_cosine_class(internal);
COMMENT ON OPERATOR CLASS sparsevec_cosine_ops USING hnsw IS 'cosine distance';
COMMENT ON OPERATOR FAMILY sparsevec_cosine_ops USING hnsw IS 'cosine distance';

CREATE OPERATOR CLASS sparsevec_l1_ops
	FOR TYPE sparsevec USING hnsw AS
	OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY float_ops,
	FUNCTION 1 sparsevec_l1_class(internal);
COMMENT ON OPERATOR CLASS sparsevec_l1_ops USING hnsw IS 'L1 distance';
COMMENT ON OPERATOR FAMILY sparsevec_l1_ops USING hnsw IS 'L1 distance';

CREATE OPERATOR CLASS bit_hamming_ops
	FOR TYPE bit USING hnsw AS
	OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
	FUNCTION 1 bit_hamming_class(internal);
COMMENT ON OPERATOR CLASS bit_hamming_ops USING hnsw IS 'Hamming distance';
COMMENT ON OPERATOR FAMILY bit_hamming_ops USING hnsw IS 'Hamming distance';

CREATE OPERATOR CLASS bit_jaccard_ops
	FOR TYPE bit USING hnsw AS
	OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops,
	FUNCTION 1 bit_jaccard_class(internal);
COMMENT ON OPERATOR CLASS bit_jaccard_ops USING hnsw IS 'Jaccard distance';
COMMENT ON OPERATOR FAMILY bit_jaccard_ops USING hnsw IS 'Jaccard distance';

-- filter columns: what they say of their type, and their operators

CREATE FUNCTION bool_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bool_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bool_filter_class(internal) IS 'operator class support';

CREATE FUNCTION int2_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_int2_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION int2_filter_class(internal) IS 'operator class support';

CREATE FUNCTION int4_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_int4_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION int4_filter_class(internal) IS 'operator class support';

CREATE FUNCTION int8_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_int8_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION int8_filter_class(internal) IS 'operator class support';

CREATE FUNCTION date_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_date_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION date_filter_class(internal) IS 'operator class support';

CREATE FUNCTION timestamp_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_timestamp_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION timestamp_filter_class(internal) IS 'operator class support';

CREATE FUNCTION uuid_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_uuid_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION uuid_filter_class(internal) IS 'operator class support';

CREATE FUNCTION enum_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_enum_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION enum_filter_class(internal) IS 'operator class support';

CREATE FUNCTION hash_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_hash_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION hash_filter_class(internal) IS 'operator class support';

CREATE FUNCTION array_filter_class(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_array_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION array_filter_class(internal) IS 'operator class support';

CREATE OPERATOR CLASS bool_ops
	DEFAULT FOR TYPE bool USING hnsw AS
	OPERATOR 1 < (bool, bool),
	OPERATOR 2 <= (bool, bool),
	OPERATOR 3 = (bool, bool),
	OPERATOR 4 >= (bool, bool),
	OPERATOR 5 > (bool, bool),
	FUNCTION 2 bool_filter_class(internal);
COMMENT ON OPERATOR CLASS bool_ops USING hnsw IS 'filter column';
COMMENT ON OPERATOR FAMILY bool_ops USING hnsw IS 'filter column';

CREATE OPERATOR FAMILY integer_ops USING hnsw;
COMMENT ON OPERATOR FAMILY integer_ops USING hnsw IS 'filter columns, also compared with each other';

CREATE OPERATOR CLASS int2_ops
	DEFAULT FOR TYPE int2 USING hnsw FAMILY integer_ops AS
	OPERATOR 1 < (int2, int2),
	OPERATOR 2 <= (int2, int2),
	OPERATOR 3 = (int2, int2),
	OPERATOR 4 >= (int2, int2),
	OPERATOR 5 > (int2, int2),
	FUNCTION 2 int2_filter_class(internal);
COMMENT ON OPERATOR CLASS int2_ops USING hnsw IS 'filter column';

CREATE OPERATOR CLASS int4_ops
	DEFAULT FOR TYPE int4 USING hnsw FAMILY integer_ops AS
	OPERATOR 1 < (int4, int4),
	OPERATOR 2 <= (int4, int4),
	OPERATOR 3 = (int4, int4),
	OPERATOR 4 >= (int4, int4),
	OPERATOR 5 > (int4, int4),
	FUNCTION 2 int4_filter_class(internal);
COMMENT ON OPERATOR CLASS int4_ops USING hnsw IS 'filter column';

CREATE OPERATOR CLASS int8_ops
	DEFAULT FOR TYPE int8 USING hnsw FAMILY integer_ops AS
	OPERATOR 1 < (int8, int8),
	OPERATOR 2 <= (int8, int8),
	OPERATOR 3 = (int8, int8),
	OPERATOR 4 >= (int8, int8),
	OPERATOR 5 > (int8, int8),
	FUNCTION 2 int8_filter_class(internal);
COMMENT ON OPERATOR CLASS int8_ops USING hnsw IS 'filter column';

ALTER OPERATOR FAMILY integer_ops USING hnsw ADD
	OPERATOR 1 < (int2, int4), OPERATOR 2 <= (int2, int4), OPERATOR 3 = (int2, int4), OPERATOR 4 >= (int2, int4), OPERATOR 5 > (int2, int4),
	OPERATOR 1 < (int2, int8), OPERATOR 2 <= (int2, int8), OPERATOR 3 = (int2, int8), OPERATOR 4 >= (int2, int8), OPERATOR 5 > (int2, int8),
	OPERATOR 1 < (int4, int2), OPERATOR 2 <= (int4, int2), OPERATOR 3 = (int4, int2), OPERATOR 4 >= (int4, int2), OPERATOR 5 > (int4, int2),
	OPERATOR 1 < (int4, int8), OPERATOR 2 <= (int4, int8), OPERATOR 3 = (int4, int8), OPERATOR 4 >= (int4, int8), OPERATOR 5 > (int4, int8),
	OPERATOR 1 < (int8, int2), OPERATOR 2 <= (int8, int2), OPERATOR 3 = (int8, int2), OPERATOR 4 >= (int8, int2), OPERATOR 5 > (int8, int2),
	OPERATOR 1 < (int8, int4), OPERATOR 2 <= (int8, int4), OPERATOR 3 = (int8, int4), OPERATOR 4 >= (int8, int4), OPERATOR 5 > (int8, int4);

CREATE OPERATOR FAMILY datetime_ops USING hnsw;
COMMENT ON OPERATOR FAMILY datetime_ops USING hnsw IS 'filter columns, also compared with each other';

CREATE OPERATOR CLASS date_ops
	DEFAULT FOR TYPE date USING hnsw FAMILY datetime_ops AS
	OPERATOR 1 < (date, date),
	OPERATOR 2 <= (date, date),
	OPERATOR 3 = (date, date),
	OPERATOR 4 >= (date, date),
	OPERATOR 5 > (date, date),
	FUNCTION 2 date_filter_class(internal);
COMMENT ON OPERATOR CLASS date_ops USING hnsw IS 'filter column';

CREATE OPERATOR CLASS timestamp_ops
	DEFAULT FOR TYPE timestamp USING hnsw FAMILY datetime_ops AS
	OPERATOR 1 < (timestamp, timestamp),
	OPERATOR 2 <= (timestamp, timestamp),
	OPERATOR 3 = (timestamp, timestamp),
	OPERATOR 4 >= (timestamp, timestamp),
	OPERATOR 5 > (timestamp, timestamp),
	FUNCTION 2 timestamp_filter_class(internal);
COMMENT ON OPERATOR CLASS timestamp_ops USING hnsw IS 'filter column';

CREATE OPERATOR CLASS timestamptz_ops
	DEFAULT FOR TYPE timestamptz USING hnsw FAMILY datetime_ops AS
	OPERATOR 1 < (timestamptz, timestamptz),
	OPERATOR 2 <= (timestamptz, timestamptz),
	OPERATOR 3 = (timestamptz, timestamptz),
	OPERATOR 4 >= (timestamptz, timestamptz),
	OPERATOR 5 > (timestamptz, timestamptz),
	FUNCTION 2 timestamp_filter_class(internal);
COMMENT ON OPERATOR CLASS timestamptz_ops USING hnsw IS 'filter column';

-- not those that convert the column by the session's time zone
ALTER OPERATOR FAMILY datetime_ops USING hnsw ADD
	OPERATOR 1 < (date, timestamp), OPERATOR 2 <= (date, timestamp), OPERATOR 3 = (date, timestamp), OPERATOR 4 >= (date, timestamp), OPERATOR 5 > (date, timestamp),
	OPERATOR 1 < (timestamp, date), OPERATOR 2 <= (timestamp, date), OPERATOR 3 = (timestamp, date), OPERATOR 4 >= (timestamp, date), OPERATOR 5 > (timestamp, date),
	OPERATOR 1 < (timestamptz, date), OPERATOR 2 <= (timestamptz, date), OPERATOR 3 = (timestamptz, date), OPERATOR 4 >= (timestamptz, date), OPERATOR 5 > (timestamptz, date),
	OPERATOR 1 < (timestamptz, timestamp), OPERATOR 2 <= (timestamptz, timestamp), OPERATOR 3 = (timestamptz, timestamp), OPERATOR 4 >= (timestamptz, timestamp), OPERATOR 5 > (timestamptz, timestamp);

CREATE OPERATOR CLASS uuid_ops
	DEFAULT FOR TYPE uuid USING hnsw AS
	OPERATOR 1 < (uuid, uuid),
	OPERATOR 2 <= (uuid, uuid),
	OPERATOR 3 = (uuid, uuid),
	OPERATOR 4 >= (uuid, uuid),
	OPERATOR 5 > (uuid, uuid),
	FUNCTION 2 uuid_filter_class(internal);
COMMENT ON OPERATOR CLASS uuid_ops USING hnsw IS 'filter column, by its first 8 bytes, rechecked';
COMMENT ON OPERATOR FAMILY uuid_ops USING hnsw IS 'filter column, by its first 8 bytes, rechecked';

CREATE OPERATOR CLASS enum_ops
	DEFAULT FOR TYPE anyenum USING hnsw AS
	OPERATOR 3 = (anyenum, anyenum),
	FUNCTION 2 enum_filter_class(internal);
COMMENT ON OPERATOR CLASS enum_ops USING hnsw IS 'filter column, equality';
COMMENT ON OPERATOR FAMILY enum_ops USING hnsw IS 'filter column, equality';

CREATE OPERATOR CLASS text_ops
	DEFAULT FOR TYPE text USING hnsw AS
	OPERATOR 3 = (text, text),
	FUNCTION 2 hash_filter_class(internal);
COMMENT ON OPERATOR CLASS text_ops USING hnsw IS 'filter column, equality by hash, rechecked';
COMMENT ON OPERATOR FAMILY text_ops USING hnsw IS 'filter column, equality by hash, rechecked';

CREATE OPERATOR CLASS bpchar_ops
	DEFAULT FOR TYPE bpchar USING hnsw AS
	OPERATOR 3 = (bpchar, bpchar),
	FUNCTION 2 hash_filter_class(internal);
COMMENT ON OPERATOR CLASS bpchar_ops USING hnsw IS 'filter column, equality by hash, rechecked';
COMMENT ON OPERATOR FAMILY bpchar_ops USING hnsw IS 'filter column, equality by hash, rechecked';

CREATE OPERATOR CLASS array_ops
	DEFAULT FOR TYPE anyarray USING hnsw AS
	OPERATOR 6 && (anyarray, anyarray),
	OPERATOR 7 @> (anyarray, anyarray),
	FUNCTION 2 array_filter_class(internal);
COMMENT ON OPERATOR CLASS array_ops USING hnsw IS 'filter column, overlap and containment by a signature, rechecked';
COMMENT ON OPERATOR FAMILY array_ops USING hnsw IS 'filter column, overlap and containment by a signature, rechecked';

-- looking into an index

CREATE FUNCTION hnsw_check(index regclass, OUT node bigint, OUT problem text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_check' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hnsw_check(regclass) IS 'inconsistencies of an hnsw index, one a row; none if it is sound';

CREATE FUNCTION hnsw_stats(index regclass, OUT nodes bigint, OUT dead bigint, OUT free bigint,
	OUT tids bigint, OUT edges bigint, OUT unreachable bigint, OUT degree int,
	OUT nodes_per_page int, OUT pages_per_node int, OUT node_size int, OUT storage text,
	OUT code_bits int) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_stats' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hnsw_stats(regclass) IS 'size and shape of an hnsw index';

CREATE FUNCTION hnsw_counters(OUT scans bigint, OUT nodes_read bigint, OUT codes_compared bigint,
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_held bigint, OUT nodes_spilled bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by their values, continued searches, rows held back, nodes sorted for want of memory';
-- Lexical search: the type rankquery, scores and matches. Index access methods
-- and operator classes come later. COST: analysing a text of 60 words takes some
-- 86 us, as long as 10000 comparisons; a tsvector is analysed already.

CREATE TYPE rankquery;

CREATE FUNCTION rankquery_in(cstring) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_in(cstring) IS 'I/O';

CREATE FUNCTION rankquery_out(rankquery) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_rankquery_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_out(rankquery) IS 'I/O';

CREATE FUNCTION rankquery_recv(internal) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_recv' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_recv(internal) IS 'I/O';

CREATE FUNCTION rankquery_send(rankquery) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_rankquery_send' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_send(rankquery) IS 'I/O';

CREATE TYPE rankquery (
	INPUT = rankquery_in, OUTPUT = rankquery_out, RECEIVE = rankquery_recv, SEND = rankquery_send,
	ALIGNMENT = double, STORAGE = extended
);
COMMENT ON TYPE rankquery IS 'a query for ranked full-text search';

-- from what people type

CREATE FUNCTION to_rankquery(config regconfig, query text, fields text[] DEFAULT '{}', cjk text DEFAULT 'none') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_to_rankquery' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION to_rankquery(regconfig, text, text[], text) IS 'query of words, "phrases", -not, +must, prefix*, fuzzy~1, field:word, boost^2; accepts any text';

CREATE FUNCTION to_rankquery(query text) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_to_rankquery_default' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION to_rankquery(text) IS 'the same by default_text_search_config';

CREATE FUNCTION bm25_query(index regclass, query text, fields text[] DEFAULT '{}') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION bm25_query(regclass, text, text[]) IS 'the same by an index and bound to it';

-- binding to an index: the planner does this

CREATE FUNCTION bm25_bind(query rankquery, index regclass) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 5;
COMMENT ON FUNCTION bm25_bind(rankquery, regclass) IS 'the query with the statistics of an index';

CREATE FUNCTION bm25_bind(words text, index regclass) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION bm25_bind(text, regclass) IS 'any of the words, with the configuration and statistics of an index';

-- top: rows a search of the index looks for at first; the planner gives a LIMIT it knows
CREATE FUNCTION bm25_bind(query rankquery, index regclass, top integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 5;
COMMENT ON FUNCTION bm25_bind(rankquery, regclass, integer) IS 'the query with the statistics of an index, and how many rows to look for at first';

CREATE FUNCTION bm25_bind(words text, index regclass, top integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION bm25_bind(text, regclass, integer) IS 'any of the words, with the configuration and statistics of an index, and how many rows to look for at first';

-- builders

CREATE FUNCTION any_of(config regconfig, words text[]) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_any_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION any_of(regconfig, text[]) IS 'query that matches any of the words';

CREATE FUNCTION all_of(config regconfig, words text[]) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_all_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION all_of(regconfig, text[]) IS 'query that matches all of the words';

CREATE FUNCTION phrase_of(config regconfig, words text, slop integer DEFAULT 0) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_phrase_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION phrase_of(regconfig, text, integer) IS 'query that matches the words as a phrase';

CREATE FUNCTION min_should_match(query rankquery, n integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_min_should_match' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION min_should_match(rankquery, integer) IS 'at least n alternatives of the query must match';

CREATE FUNCTION rankquery_params(query rankquery, k1 float8, b float8) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_params' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_params(rankquery, float8, float8) IS 'the query with BM25 parameters of its own';

CREATE FUNCTION rankquery_stats(query rankquery, ndocs float8, avg_length float8, terms text[] DEFAULT '{}', dfs float8[] DEFAULT '{}') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_stats(rankquery, float8, float8, text[], float8[]) IS 'the query with collection statistics of its own, so that scores of shards compare';

CREATE FUNCTION rankquery_and(rankquery, rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_and' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_and(rankquery, rankquery) IS 'implementation of && operator';

CREATE FUNCTION rankquery_or(rankquery, rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_or' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_or(rankquery, rankquery) IS 'implementation of || operator';

CREATE FUNCTION rankquery_not(rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_not' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_not(rankquery) IS 'implementation of !! operator';

CREATE FUNCTION rankquery_boost(rankquery, float8) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_boost' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_boost(rankquery, float8) IS 'implementation of ^ operator';

CREATE FUNCTION rankquery(tsquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_tsquery_to_rankquery' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery(tsquery) IS 'cast from tsquery';

CREATE CAST (tsquery AS rankquery) WITH FUNCTION rankquery(tsquery) AS IMPLICIT;
COMMENT ON CAST (tsquery AS rankquery) IS 'as the tsquery matches';

CREATE OPERATOR && (LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_and);
COMMENT ON OPERATOR && (rankquery, rankquery) IS 'both queries';
CREATE OPERATOR || (LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_or);
COMMENT ON OPERATOR || (rankquery, rankquery) IS 'either query';
CREATE OPERATOR !! (RIGHTARG = rankquery, PROCEDURE = rankquery_not);
COMMENT ON OPERATOR !! (NONE, rankquery) IS 'not the query';
CREATE OPERATOR ^ (LEFTARG = rankquery, RIGHTARG = float8, PROCEDURE = rankquery_boost);
COMMENT ON OPERATOR ^ (rankquery, float8) IS 'the query with its scores multiplied';

-- equality, for GROUP BY and DISTINCT: equal queries have equal bytes

CREATE FUNCTION rankquery_eq(rankquery, rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_eq(rankquery, rankquery) IS 'implementation of = operator';

CREATE FUNCTION rankquery_ne(rankquery, rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_ne(rankquery, rankquery) IS 'implementation of <> operator';

CREATE FUNCTION rankquery_hash(rankquery) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_rankquery_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_hash(rankquery) IS 'hash';

CREATE FUNCTION rankquery_hash_extended(rankquery, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_rankquery_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_hash_extended(rankquery, bigint) IS 'hash';

CREATE OPERATOR = (
	LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR = (rankquery, rankquery) IS 'the same query';
CREATE OPERATOR <> (
	LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (rankquery, rankquery) IS 'another query';

CREATE OPERATOR CLASS rankquery_hash_ops DEFAULT FOR TYPE rankquery USING hash AS
	OPERATOR 1 =, FUNCTION 1 rankquery_hash(rankquery), FUNCTION 2 rankquery_hash_extended(rankquery, bigint);
COMMENT ON OPERATOR CLASS rankquery_hash_ops USING hash IS 'equality of queries';
COMMENT ON OPERATOR FAMILY rankquery_hash_ops USING hash IS 'equality of queries';

-- planner support

CREATE FUNCTION bm25_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bm25_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_support(internal) IS 'binds queries to the index on the document';

CREATE FUNCTION rankquery_sel(internal, oid, internal, integer) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_rankquery_sel' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_sel(internal, oid, internal, integer) IS 'restriction selectivity of @@@';

-- Each for text, text[] (element number = field) and tsvector (weight = field) on
-- the left, and words (any of them) or a rankquery on the right. Parallel
-- restricted: the statistics do not travel to workers.

CREATE FUNCTION bm25_distance(document text, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text, text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text[], text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document tsvector, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(tsvector, text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document tsvector, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(tsvector, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document text, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text, text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text[], rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document tsvector, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(tsvector, text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document tsvector, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(tsvector, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_score(document text, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text, text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text, rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text[], text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text[], rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document tsvector, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(tsvector, text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document tsvector, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(tsvector, rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_explain(document text, query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text, text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text, query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text, rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text[], query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text[], text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text[], query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text[], rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document tsvector, query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(tsvector, text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document tsvector, query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(tsvector, rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE OPERATOR <@> (
	LEFTARG = text, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text, text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text, rankquery) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text[], text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = tsvector, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (tsvector, text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = tsvector, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (tsvector, rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = text, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text, text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text, rankquery) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text[], text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text[], rankquery) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = tsvector, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (tsvector, text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = tsvector, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (tsvector, rankquery) IS 'document matches query';

-- extracts

CREATE FUNCTION bm25_headline(config regconfig, document text, words text, options text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_bm25_headline_words' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_headline(regconfig, text, text, text) IS 'extract of a document with the words marked; options of ts_headline';

CREATE FUNCTION bm25_headline(config regconfig, document text, query rankquery, options text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_bm25_headline' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_headline(regconfig, text, rankquery, text) IS 'extract of a document with the words of a query marked; options of ts_headline';

CREATE FUNCTION bm25_matches(config regconfig, document text, words text) RETURNS int4range[]
	AS 'MODULE_PATHNAME', 'pgr_bm25_matches_words' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_matches(regconfig, text, text) IS 'characters of the document, from 1, that are one of the words';

CREATE FUNCTION bm25_matches(config regconfig, document text, query rankquery) RETURNS int4range[]
	AS 'MODULE_PATHNAME', 'pgr_bm25_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_matches(regconfig, text, rankquery) IS 'characters of the document, from 1, that are a word of the query';
-- Access methods bm25 (text, text[], tsvector) and inverted (sparsevec).

CREATE FUNCTION bm25_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_bm25_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bm25_handler(internal) IS 'handler of access method bm25';

CREATE ACCESS METHOD bm25 TYPE INDEX HANDLER bm25_handler;
COMMENT ON ACCESS METHOD bm25 IS 'inverted index of words, ranked by BM25';

CREATE FUNCTION inverted_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_inverted_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION inverted_handler(internal) IS 'handler of access method inverted';

CREATE ACCESS METHOD inverted TYPE INDEX HANDLER inverted_handler;
COMMENT ON ACCESS METHOD inverted IS 'inverted index of sparse vectors, by inner product';

CREATE OPERATOR CLASS text_bm25_ops DEFAULT FOR TYPE text USING bm25 AS
	OPERATOR 1 @@@ (text, text),
	OPERATOR 1 @@@ (text, rankquery),
	OPERATOR 2 <@> (text, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS text_bm25_ops USING bm25 IS 'words of a text';

CREATE OPERATOR CLASS text_array_bm25_ops DEFAULT FOR TYPE text[] USING bm25 AS
	OPERATOR 1 @@@ (text[], text),
	OPERATOR 1 @@@ (text[], rankquery),
	OPERATOR 2 <@> (text[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS text_array_bm25_ops USING bm25 IS 'words of texts, each a field';

CREATE OPERATOR CLASS tsvector_bm25_ops DEFAULT FOR TYPE tsvector USING bm25 AS
	OPERATOR 1 @@@ (tsvector, text),
	OPERATOR 1 @@@ (tsvector, rankquery),
	OPERATOR 2 <@> (tsvector, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (tsvector, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS tsvector_bm25_ops USING bm25 IS 'lexemes, with weights A to D as fields';

CREATE OPERATOR CLASS sparsevec_ip_ops DEFAULT FOR TYPE sparsevec USING inverted AS
	OPERATOR 2 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS sparsevec_ip_ops USING inverted IS 'inner product of sparse vectors';

COMMENT ON OPERATOR FAMILY text_bm25_ops USING bm25 IS 'words of a text';
COMMENT ON OPERATOR FAMILY text_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY tsvector_bm25_ops USING bm25 IS 'lexemes, with weights A to D as fields';
COMMENT ON OPERATOR FAMILY sparsevec_ip_ops USING inverted IS 'inner product of sparse vectors';

-- what an index holds

CREATE FUNCTION bm25_stats(index regclass,
	OUT documents bigint, OUT dead bigint, OUT nulls bigint,
	OUT avg_length float8, OUT sum_length bigint,
	OUT segments integer, OUT pending_documents bigint, OUT pending_pages integer,
	OUT owned_pages bigint, OUT retired_pages bigint, OUT free_pages bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_bm25_stats' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION bm25_stats(regclass) IS 'statistics of a bm25 or inverted index: documents (dead ones included), average length, segments, pages';

CREATE FUNCTION bm25_terms(index regclass, prefix text DEFAULT '',
	OUT term text, OUT df bigint, OUT cf bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_terms' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION bm25_terms(regclass, text) IS 'terms of a bm25 index that begin with a prefix: documents that contain it, occurrences';

CREATE FUNCTION bm25_merge(index regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'pgr_bm25_merge' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION bm25_merge(regclass) IS 'make one segment of a bm25 or inverted index, without dead documents';

CREATE FUNCTION bm25_check(index regclass) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'pgr_bm25_check' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION bm25_check(regclass) IS 'faults in the structure of a bm25 or inverted index, and rows of the table it lacks or has twice; no row if it is sound';

CREATE FUNCTION bm25_counters(OUT blocks_decoded bigint, OUT blocks_skipped bigint, OUT documents_scored bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_bm25_counters' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION bm25_counters() IS 'work of index searches of this session so far: posting blocks decoded and skipped, documents scored';
-- Evaluation. Aggregates over one topic's rows (document, score or NULL if not
-- retrieved, grade or NULL if not judged), as a FULL JOIN of a run and its judgements gives
-- them; trec_eval's definitions. src/eval/README has the formulas.

CREATE FUNCTION judged_add(internal, text, float8, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION judged_add(internal, text, float8, integer) IS 'aggregate transition';

CREATE FUNCTION judged_add(internal, text, float8, integer, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION judged_add(internal, text, float8, integer, integer) IS 'aggregate transition with a cutoff';

CREATE FUNCTION judged_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_combine(internal, internal) IS 'aggregate combine';

CREATE FUNCTION judged_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_judged_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_serialize(internal) IS 'aggregate state to bytes';

CREATE FUNCTION judged_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_deserialize(bytea, internal) IS 'aggregate state from bytes';

CREATE FUNCTION ndcg_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_ndcg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ndcg_final(internal) IS 'aggregate final';

CREATE FUNCTION ndcg_exp2_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_ndcg_exp2_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ndcg_exp2_final(internal) IS 'aggregate final';

CREATE FUNCTION average_precision_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_average_precision_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION average_precision_final(internal) IS 'aggregate final';

CREATE FUNCTION reciprocal_rank_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_reciprocal_rank_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION reciprocal_rank_final(internal) IS 'aggregate final';

CREATE FUNCTION recall_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_recall_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION recall_final(internal) IS 'aggregate final';

CREATE FUNCTION precision_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_precision_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION precision_final(internal) IS 'aggregate final';

CREATE FUNCTION hit_rate_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_hit_rate_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION hit_rate_final(internal) IS 'aggregate final';

CREATE FUNCTION judged_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_judged_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION judged_final(internal) IS 'aggregate final';

CREATE AGGREGATE ndcg(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg(text, float8, integer) IS 'nDCG of the whole ranking, linear gain';

CREATE AGGREGATE ndcg(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg(text, float8, integer, integer) IS 'nDCG@k, linear gain';

CREATE AGGREGATE ndcg_exp2(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_exp2_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg_exp2(text, float8, integer) IS 'nDCG of the whole ranking, gain 2^grade - 1';

CREATE AGGREGATE ndcg_exp2(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_exp2_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg_exp2(text, float8, integer, integer) IS 'nDCG@k, gain 2^grade - 1';

CREATE AGGREGATE average_precision(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = average_precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE average_precision(text, float8, integer) IS 'average precision; its mean over topics is MAP';

CREATE AGGREGATE average_precision(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = average_precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE average_precision(text, float8, integer, integer) IS 'average precision of the first k, by all relevant documents; its mean over topics is MAP@k';

CREATE AGGREGATE reciprocal_rank(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = reciprocal_rank_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE reciprocal_rank(text, float8, integer) IS '1 / rank of the first relevant document; its mean over topics is MRR';

CREATE AGGREGATE reciprocal_rank(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = reciprocal_rank_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE reciprocal_rank(text, float8, integer, integer) IS '1 / rank of the first relevant document of the first k; its mean over topics is MRR@k';

CREATE AGGREGATE recall_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = recall_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE recall_at(text, float8, integer, integer) IS 'share of the relevant documents among the first k';

CREATE AGGREGATE precision_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE precision_at(text, float8, integer, integer) IS 'relevant documents among the first k, divided by k';

CREATE AGGREGATE hit_rate_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = hit_rate_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hit_rate_at(text, float8, integer, integer) IS '1 if a relevant document is among the first k';

CREATE AGGREGATE judged_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = judged_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE judged_at(text, float8, integer, integer) IS 'share of the first k that is judged; ranks past the end of the list count as judged';

-- MultiHop-RAG's own metrics, as its script has them: a retrieved text is a hit if it
-- contains a fact, blanks and newlines apart. Average over questions that have facts.

CREATE FUNCTION multihop_hits_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	SELECT CASE WHEN cardinality(facts) > 0 THEN (count(*) > 0)::integer::float8 END
	FROM unnest(retrieved) WITH ORDINALITY r (item, rank), unnest(facts) f (fact)
	WHERE rank <= k
		AND strpos(replace(replace(item, ' ', ''), E'\n', ''), replace(replace(fact, ' ', ''), E'\n', '')) > 0;
END;
COMMENT ON FUNCTION multihop_hits_at(text[], text[], integer) IS '1 if one of the first k texts contains a fact';

CREATE FUNCTION multihop_mrr_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	SELECT CASE WHEN cardinality(facts) > 0 THEN coalesce(1.0::float8 / min(rank), 0) END
	FROM unnest(retrieved) WITH ORDINALITY r (item, rank), unnest(facts) f (fact)
	WHERE rank <= k
		AND strpos(replace(replace(item, ' ', ''), E'\n', ''), replace(replace(fact, ' ', ''), E'\n', '')) > 0;
END;
COMMENT ON FUNCTION multihop_mrr_at(text[], text[], integer) IS '1 / rank of the first of k texts that contains a fact';

CREATE FUNCTION multihop_map_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	-- a fact counts where it is found first, and once if given twice; the
	-- divisor counts it twice: so the script has it
	SELECT CASE WHEN cardinality(facts) > 0 THEN coalesce(sum(1.0::float8 / first), 0) / least(cardinality(facts), k) END
	FROM (SELECT min(rank) AS first
		FROM unnest(retrieved) WITH ORDINALITY r (item, rank),
			(SELECT DISTINCT replace(replace(fact, ' ', ''), E'\n', '') AS fact FROM unnest(facts) f (fact)) f
		WHERE rank <= k AND strpos(replace(replace(item, ' ', ''), E'\n', ''), fact) > 0
		GROUP BY fact) found;
END;
COMMENT ON FUNCTION multihop_map_at(text[], text[], integer) IS 'sum of 1 / rank where each fact is found first, divided by min(facts, k): not average precision';

-- paired significance tests

CREATE TYPE paired_test AS (pairs bigint, mean_difference float8, p_value float8);
COMMENT ON TYPE paired_test IS 'result of a paired test: number of pairs, mean of a - b, two-sided p';

CREATE FUNCTION paired_add(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION paired_add(internal, float8, float8) IS 'aggregate transition';

CREATE FUNCTION paired_add(internal, float8, float8, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION paired_add(internal, float8, float8, integer) IS 'aggregate transition with a number of trials';

CREATE FUNCTION paired_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_combine(internal, internal) IS 'aggregate combine';

CREATE FUNCTION paired_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_paired_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_serialize(internal) IS 'aggregate state to bytes';

CREATE FUNCTION paired_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_deserialize(bytea, internal) IS 'aggregate state from bytes';

CREATE FUNCTION paired_t_final(internal) RETURNS paired_test
	AS 'MODULE_PATHNAME', 'pgr_paired_t_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION paired_t_final(internal) IS 'aggregate final';

CREATE FUNCTION paired_randomization_final(internal) RETURNS paired_test
	AS 'MODULE_PATHNAME', 'pgr_paired_randomization_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION paired_randomization_final(internal) IS 'aggregate final';

CREATE AGGREGATE paired_t_test(a float8, b float8) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_t_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_t_test(float8, float8) IS 'two-sided paired t-test of metrics by topic';

CREATE AGGREGATE paired_randomization_test(a float8, b float8) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_randomization_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_randomization_test(float8, float8) IS 'two-sided paired randomisation test of metrics by topic: 100,000 trials of a fixed seed, or all sign vectors if fewer';

CREATE AGGREGATE paired_randomization_test(a float8, b float8, trials integer) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_randomization_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_randomization_test(float8, float8, integer) IS 'the same with a number of trials';

-- TREC files

CREATE FUNCTION trec_run(contents text, OUT topic text, OUT doc text, OUT rank integer, OUT score float8, OUT tag text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_trec_run' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION trec_run(text) IS 'rows of a TREC run file';

CREATE FUNCTION trec_qrels(contents text, OUT topic text, OUT doc text, OUT grade integer)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_trec_qrels' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION trec_qrels(text) IS 'rows of a TREC qrels file';

CREATE FUNCTION to_trec_run(topic text, doc text, rank bigint, score float8, tag text) RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_to_trec_run' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION to_trec_run(text, text, bigint, float8, text) IS 'a line of a TREC run file';

CREATE FUNCTION to_trec_qrels(topic text, doc text, grade integer) RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_to_trec_qrels' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION to_trec_qrels(text, text, integer) IS 'a line of a TREC qrels file';

-- What an index loses. They set planner options while they run, which a parallel query
-- does not allow.

CREATE FUNCTION index_recall(index regclass, k integer DEFAULT 10, sample integer DEFAULT 100) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_index_recall_sample' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION index_recall(regclass, integer, integer) IS 'share of the exact k nearest rows that an index returns, queries being a sample of the rows';

CREATE FUNCTION index_recall(index regclass, k integer, queries anyarray) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_index_recall_queries' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION index_recall(regclass, integer, anyarray) IS 'share of the exact k nearest rows that an index returns for these queries';
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
