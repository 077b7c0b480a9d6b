-- Access methods bm25 (text, text[], tsvector) and inverted (sparsevec).

CREATE FUNCTION bm25_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_bm25_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION bm25_handler(internal) IS 'handler of access method bm25';

CREATE ACCESS METHOD bm25 TYPE INDEX HANDLER bm25_handler;
COMMENT ON ACCESS METHOD bm25 IS 'inverted index of words, ranked by BM25';

CREATE FUNCTION inverted_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'pgr_inverted_handler' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION inverted_handler(internal) IS 'handler of access method inverted';

CREATE ACCESS METHOD inverted TYPE INDEX HANDLER inverted_handler;
COMMENT ON ACCESS METHOD inverted IS 'inverted index of sparse vectors, by inner product';

CREATE OPERATOR CLASS text_bm25_ops DEFAULT FOR TYPE text USING bm25 AS
	OPERATOR 1 @@@ (text, text),
	OPERATOR 1 @@@ (text, rankquery),
	OPERATOR 2 <@> (text, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS text_bm25_ops USING bm25 IS 'words of a text';

CREATE OPERATOR CLASS text_array_bm25_ops DEFAULT FOR TYPE text[] USING bm25 AS
	OPERATOR 1 @@@ (text[], text),
	OPERATOR 1 @@@ (text[], rankquery),
	OPERATOR 2 <@> (text[], text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text[], rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS text_array_bm25_ops USING bm25 IS 'words of texts, each a field';

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

CREATE OPERATOR CLASS tsvector_bm25_ops DEFAULT FOR TYPE tsvector USING bm25 AS
	OPERATOR 1 @@@ (tsvector, text),
	OPERATOR 1 @@@ (tsvector, rankquery),
	OPERATOR 2 <@> (tsvector, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (tsvector, rankquery) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS tsvector_bm25_ops USING bm25 IS 'lexemes, with weights A to D as fields';

CREATE OPERATOR CLASS sparsevec_ip_ops DEFAULT FOR TYPE sparsevec USING inverted AS
	OPERATOR 2 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops;
COMMENT ON OPERATOR CLASS sparsevec_ip_ops USING inverted IS 'inner product of sparse vectors';

COMMENT ON OPERATOR FAMILY text_bm25_ops USING bm25 IS 'words of a text';
COMMENT ON OPERATOR FAMILY text_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY varchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY bpchar_bm25_ops USING bm25 IS 'words of a text';
COMMENT ON OPERATOR FAMILY bpchar_array_bm25_ops USING bm25 IS 'words of texts, each a field';
COMMENT ON OPERATOR FAMILY tsvector_bm25_ops USING bm25 IS 'lexemes, with weights A to D as fields';
COMMENT ON OPERATOR FAMILY sparsevec_ip_ops USING inverted IS 'inner product of sparse vectors';

-- what an index holds

CREATE FUNCTION bm25_stats(index regclass,
	OUT documents bigint, OUT dead bigint, OUT nulls bigint,
	OUT avg_length float8, OUT sum_length bigint,
	OUT segments integer, OUT pending_documents bigint, OUT pending_pages integer,
	OUT owned_pages bigint, OUT retired_pages bigint, OUT free_pages bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_bm25_stats' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION bm25_stats(regclass) IS 'statistics of a bm25 or inverted index: documents (dead ones included), average length, segments, pages';

CREATE FUNCTION bm25_terms(index regclass, prefix text DEFAULT '',
	OUT term text, OUT df bigint, OUT cf bigint)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_terms' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION bm25_terms(regclass, text) IS 'terms of a bm25 index that begin with a prefix: documents that contain it, occurrences';

CREATE FUNCTION bm25_merge(index regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'pgr_bm25_merge' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION bm25_merge(regclass) IS 'make one segment of a bm25 or inverted index, without dead documents';

CREATE FUNCTION bm25_check(index regclass) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'pgr_bm25_check' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 100000;
COMMENT ON FUNCTION bm25_check(regclass) IS 'faults in the structure of a bm25 or inverted index, and rows of the table it lacks or has twice; no row if it is sound';

CREATE FUNCTION bm25_counters(OUT blocks_decoded bigint, OUT blocks_skipped bigint, OUT documents_scored bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'pgr_bm25_counters' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED COST 1;
COMMENT ON FUNCTION bm25_counters() IS 'work of index searches of this session so far: posting blocks decoded and skipped, documents scored';
