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

-- thresholds, loose in the families: 28_radius.sql

ALTER OPERATOR FAMILY vector_l2_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_ip_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY vector_l1_ops USING hnsw ADD OPERATOR 2 ~<= (vector, float8);
ALTER OPERATOR FAMILY halfvec_l2_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_ip_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY halfvec_l1_ops USING hnsw ADD OPERATOR 2 ~<= (halfvec, float8);
ALTER OPERATOR FAMILY sparsevec_l2_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_ip_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_cosine_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY sparsevec_l1_ops USING hnsw ADD OPERATOR 2 ~<= (sparsevec, float8);
ALTER OPERATOR FAMILY bit_hamming_ops USING hnsw ADD OPERATOR 2 ~<= (bit, float8);
ALTER OPERATOR FAMILY bit_jaccard_ops USING hnsw ADD OPERATOR 2 ~<= (bit, float8);

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
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_late bigint, OUT nodes_spilled bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by their values, continued searches, rows left out because they were found late, nodes sorted for want of memory';
