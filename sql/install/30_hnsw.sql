-- hnsw: graph index for nearest neighbours. Names as pgvector's.

CREATE FUNCTION hnsw_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_hnsw_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION hnsw_handler(internal) IS 'hnsw index access method handler';

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER hnsw_handler;
COMMENT ON ACCESS METHOD hnsw IS 'hnsw index access method';

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

