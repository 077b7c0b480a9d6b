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

-- looking into an index

CREATE FUNCTION hnsw_check(index regclass, OUT node bigint, OUT problem text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_check' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hnsw_check(regclass) IS 'inconsistencies of an hnsw index, one a row; none if it is sound';

CREATE FUNCTION hnsw_stats(index regclass, OUT nodes bigint, OUT dead bigint, OUT free bigint,
	OUT tids bigint, OUT edges bigint, OUT unreachable bigint, OUT degree int,
	OUT nodes_per_page int, OUT pages_per_node int, OUT node_size int) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_stats' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION hnsw_stats(regclass) IS 'size and shape of an hnsw index';

CREATE FUNCTION hnsw_counters(OUT scans bigint, OUT nodes_read bigint, OUT codes_compared bigint,
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_held bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by the table''s value, continued searches, rows held back';
