-- multivector from JSON, as documents of other engines have it

CREATE FUNCTION jsonb_to_multivector(jsonb, integer, boolean) RETURNS multivector
	AS 'MODULE_PATHNAME', 'pgr_jsonb_to_multivector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION jsonb_to_multivector(jsonb, integer, boolean) IS 'convert a JSON array of arrays to multivector, a token per array';

CREATE CAST (jsonb AS multivector)
	WITH FUNCTION jsonb_to_multivector(jsonb, integer, boolean) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS multivector) IS 'convert a JSON array of arrays to multivector, a token per array';
