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

