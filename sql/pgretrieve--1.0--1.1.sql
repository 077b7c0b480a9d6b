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

-- char(n), and arrays of it and of varchar, need operators of their own: unlike
-- varchar they are not text to an index.

CREATE FUNCTION bm25_distance(document varchar[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(varchar[], text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document varchar[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(varchar[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document varchar[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(varchar[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document varchar[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(varchar[], rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar, text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar, text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar[], text) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_distance(document bpchar[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(bpchar[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document bpchar[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(bpchar[], rankquery) IS 'implementation of @@@ operator';

CREATE OPERATOR <@> (
	LEFTARG = varchar[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (varchar[], text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = varchar[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (varchar[], text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = varchar[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (varchar[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = varchar[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (varchar[], rankquery) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar, text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar, text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar, rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar, rankquery) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar[], text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar[], text) IS 'document matches query';

CREATE OPERATOR <@> (
	LEFTARG = bpchar[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (bpchar[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = bpchar[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (bpchar[], rankquery) IS 'document matches query';

CREATE OPERATOR CLASS varchar_array_bm25_ops DEFAULT FOR TYPE varchar[] USING bm25 AS
	OPERATOR 1 @@@ (varchar[], text),
	OPERATOR 1 @@@ (varchar[], rankquery),
	OPERATOR 2 <@> (varchar[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (varchar[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS varchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

CREATE OPERATOR CLASS bpchar_bm25_ops DEFAULT FOR TYPE bpchar USING bm25 AS
	OPERATOR 1 @@@ (bpchar, text),
	OPERATOR 1 @@@ (bpchar, rankquery),
	OPERATOR 2 <@> (bpchar, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (bpchar, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS bpchar_bm25_ops USING bm25 IS 'words of a text';

CREATE OPERATOR CLASS bpchar_array_bm25_ops DEFAULT FOR TYPE bpchar[] USING bm25 AS
	OPERATOR 1 @@@ (bpchar[], text),
	OPERATOR 1 @@@ (bpchar[], rankquery),
	OPERATOR 2 <@> (bpchar[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (bpchar[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS bpchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

COMMENT ON OPERATOR FAMILY varchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY bpchar_bm25_ops USING bm25 IS 'words of a text';
COMMENT ON OPERATOR FAMILY bpchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';

-- A stored rankquery has names now instead of OIDs, and another hash.
DO $$
DECLARE
	i pg_catalog.regclass;
BEGIN
	FOR i IN SELECT x.indexrelid FROM pg_catalog.pg_index x
		JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) x.indexrelid AND c.relkind OPERATOR(pg_catalog.=) 'i' AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
		JOIN pg_catalog.pg_opclass o ON o.oid OPERATOR(pg_catalog.=) ANY (x.indclass::pg_catalog.oid[])
		JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) o.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
		WHERE o.opcname OPERATOR(pg_catalog.=) 'rankquery_hash_ops'
	LOOP
		EXECUTE pg_catalog.format('REINDEX INDEX %s', i);
	END LOOP;
END $$;
