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

