CREATE FUNCTION hnsw_counters(OUT scans bigint, OUT nodes_read bigint, OUT codes_compared bigint,
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_late bigint, OUT nodes_spilled bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by their values, continued searches, rows left out because they were found late, nodes sorted for want of memory';
