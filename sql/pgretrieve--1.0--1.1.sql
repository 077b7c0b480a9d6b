-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgretrieve UPDATE TO '1.1'" to load this file. \quit

-- From the objects of 1.0 to those of sql/install: whatever is added, changed or
-- dropped there is added, changed or dropped here too. test/t/005_update.pl compares
-- the two, object by object.

-- hnsw: rows found late are left out, no longer held back to the end

DROP FUNCTION hnsw_counters();
CREATE FUNCTION hnsw_counters(OUT scans bigint, OUT nodes_read bigint, OUT codes_compared bigint,
	OUT rows_ranked bigint, OUT resumes bigint, OUT rows_late bigint, OUT nodes_spilled bigint) RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_hnsw_scan_totals' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION hnsw_counters() IS 'work of the hnsw scans that this session has ended: nodes read, neighbours scored by code, rows ranked by their values, continued searches, rows left out because they were found late, nodes sorted for want of memory';
