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
