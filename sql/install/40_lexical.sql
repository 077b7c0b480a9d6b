-- Lexical search: the type rankquery, scores and matches. Index access methods
-- and operator classes come later. COST: analysing a text of 60 words takes some
-- 86 us, as long as 10000 comparisons; a tsvector is analysed already.

CREATE TYPE rankquery;

CREATE FUNCTION rankquery_in(cstring) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_in(cstring) IS 'I/O';

CREATE FUNCTION rankquery_out(rankquery) RETURNS cstring
	AS 'MODULE_PATHNAME', 'pgr_rankquery_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_out(rankquery) IS 'I/O';

CREATE FUNCTION rankquery_recv(internal) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_recv' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_recv(internal) IS 'I/O';

CREATE FUNCTION rankquery_send(rankquery) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_rankquery_send' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_send(rankquery) IS 'I/O';

CREATE TYPE rankquery (
	INPUT = rankquery_in, OUTPUT = rankquery_out, RECEIVE = rankquery_recv, SEND = rankquery_send,
	ALIGNMENT = double, STORAGE = extended
);
COMMENT ON TYPE rankquery IS 'a query for ranked full-text search';

-- from what people type

CREATE FUNCTION to_rankquery(config regconfig, query text, fields text[] DEFAULT '{}', cjk text DEFAULT 'none') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_to_rankquery' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION to_rankquery(regconfig, text, text[], text) IS 'query of words, "phrases", -not, +must, prefix*, fuzzy~1, field:word, boost^2; accepts any text';

CREATE FUNCTION to_rankquery(query text) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_to_rankquery_default' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION to_rankquery(text) IS 'the same by default_text_search_config';

CREATE FUNCTION bm25_query(index regclass, query text, fields text[] DEFAULT '{}') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION bm25_query(regclass, text, text[]) IS 'the same by an index and bound to it';

-- binding to an index: the planner does this

CREATE FUNCTION bm25_bind(query rankquery, index regclass) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 5;
COMMENT ON FUNCTION bm25_bind(rankquery, regclass) IS 'the query with the statistics of an index';

CREATE FUNCTION bm25_bind(words text, index regclass) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION bm25_bind(text, regclass) IS 'any of the words, with the configuration and statistics of an index';

-- top: rows a search of the index looks for at first; the planner gives a LIMIT it knows
CREATE FUNCTION bm25_bind(query rankquery, index regclass, top integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_query' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 5;
COMMENT ON FUNCTION bm25_bind(rankquery, regclass, integer) IS 'the query with the statistics of an index, and how many rows to look for at first';

CREATE FUNCTION bm25_bind(words text, index regclass, top integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_bm25_bind_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION bm25_bind(text, regclass, integer) IS 'any of the words, with the configuration and statistics of an index, and how many rows to look for at first';

-- builders

CREATE FUNCTION any_of(config regconfig, words text[]) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_any_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION any_of(regconfig, text[]) IS 'query that matches any of the words';

CREATE FUNCTION all_of(config regconfig, words text[]) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_all_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION all_of(regconfig, text[]) IS 'query that matches all of the words';

CREATE FUNCTION phrase_of(config regconfig, words text, slop integer DEFAULT 0) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_phrase_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION phrase_of(regconfig, text, integer) IS 'query that matches the words as a phrase';

CREATE FUNCTION min_should_match(query rankquery, n integer) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_min_should_match' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION min_should_match(rankquery, integer) IS 'at least n alternatives of the query must match';

CREATE FUNCTION rankquery_params(query rankquery, k1 float8, b float8) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_params' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_params(rankquery, float8, float8) IS 'the query with BM25 parameters of its own';

CREATE FUNCTION rankquery_stats(query rankquery, ndocs float8, avg_length float8, terms text[] DEFAULT '{}', dfs float8[] DEFAULT '{}') RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_stats(rankquery, float8, float8, text[], float8[]) IS 'the query with collection statistics of its own, so that scores of shards compare';

CREATE FUNCTION rankquery_and(rankquery, rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_and' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_and(rankquery, rankquery) IS 'implementation of && operator';

CREATE FUNCTION rankquery_or(rankquery, rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_or' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_or(rankquery, rankquery) IS 'implementation of || operator';

CREATE FUNCTION rankquery_not(rankquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_not' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_not(rankquery) IS 'implementation of !! operator';

CREATE FUNCTION rankquery_boost(rankquery, float8) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_rankquery_boost' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery_boost(rankquery, float8) IS 'implementation of ^ operator';

CREATE FUNCTION rankquery(tsquery) RETURNS rankquery
	AS 'MODULE_PATHNAME', 'pgr_tsquery_to_rankquery' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rankquery(tsquery) IS 'cast from tsquery';

CREATE CAST (tsquery AS rankquery) WITH FUNCTION rankquery(tsquery) AS IMPLICIT;
COMMENT ON CAST (tsquery AS rankquery) IS 'as the tsquery matches';

CREATE OPERATOR && (LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_and);
COMMENT ON OPERATOR && (rankquery, rankquery) IS 'both queries';
CREATE OPERATOR || (LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_or);
COMMENT ON OPERATOR || (rankquery, rankquery) IS 'either query';
CREATE OPERATOR !! (RIGHTARG = rankquery, PROCEDURE = rankquery_not);
COMMENT ON OPERATOR !! (NONE, rankquery) IS 'not the query';
CREATE OPERATOR ^ (LEFTARG = rankquery, RIGHTARG = float8, PROCEDURE = rankquery_boost);
COMMENT ON OPERATOR ^ (rankquery, float8) IS 'the query with its scores multiplied';

-- equality, for GROUP BY and DISTINCT: equal queries have equal bytes

CREATE FUNCTION rankquery_eq(rankquery, rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_eq(rankquery, rankquery) IS 'implementation of = operator';

CREATE FUNCTION rankquery_ne(rankquery, rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_ne(rankquery, rankquery) IS 'implementation of <> operator';

CREATE FUNCTION rankquery_hash(rankquery) RETURNS integer
	AS 'MODULE_PATHNAME', 'pgr_rankquery_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_hash(rankquery) IS 'hash';

CREATE FUNCTION rankquery_hash_extended(rankquery, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'pgr_rankquery_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION rankquery_hash_extended(rankquery, bigint) IS 'hash';

CREATE OPERATOR = (
	LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR = (rankquery, rankquery) IS 'the same query';
CREATE OPERATOR <> (
	LEFTARG = rankquery, RIGHTARG = rankquery, PROCEDURE = rankquery_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (rankquery, rankquery) IS 'another query';

CREATE OPERATOR CLASS rankquery_hash_ops DEFAULT FOR TYPE rankquery USING hash AS
	OPERATOR 1 =, FUNCTION 1 rankquery_hash(rankquery), FUNCTION 2 rankquery_hash_extended(rankquery, bigint);
COMMENT ON OPERATOR CLASS rankquery_hash_ops USING hash IS 'equality of queries';
COMMENT ON OPERATOR FAMILY rankquery_hash_ops USING hash IS 'equality of queries';

-- planner support

CREATE FUNCTION bm25_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_bm25_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_support(internal) IS 'binds queries to the index on the document';

CREATE FUNCTION rankquery_sel(internal, oid, internal, integer) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_rankquery_sel' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rankquery_sel(internal, oid, internal, integer) IS 'restriction selectivity of @@@';

-- Each for text, text[] (element number = field) and tsvector (weight = field) on
-- the left, and words (any of them) or a rankquery on the right. Parallel
-- restricted: the statistics do not travel to workers.

CREATE FUNCTION bm25_distance(document text, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text, text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text[], text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document text[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(text[], rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document tsvector, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(tsvector, text) IS 'implementation of <@> operator';

CREATE FUNCTION bm25_distance(document tsvector, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_distance_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_distance(tsvector, rankquery) IS 'implementation of <@> operator';

CREATE FUNCTION rankquery_match(document text, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text, text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text[], query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text[], text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document text[], query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(text[], rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document tsvector, query text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(tsvector, text) IS 'implementation of @@@ operator';

CREATE FUNCTION rankquery_match(document tsvector, query rankquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'pgr_rankquery_match_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION rankquery_match(tsvector, rankquery) IS 'implementation of @@@ operator';

CREATE FUNCTION bm25_score(document text, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text, text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text, rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text[], query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text[], text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document text[], query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(text[], rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document tsvector, query text) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(tsvector, text) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_score(document tsvector, query rankquery) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_bm25_score_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_score(tsvector, rankquery) IS 'BM25 score of a document: 0 if the query does not match';

CREATE FUNCTION bm25_explain(document text, query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_text_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text, text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text, query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_text' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text, rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text[], query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_array_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text[], text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document text[], query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_array' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(text[], rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document tsvector, query text, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_tsvector_words' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(tsvector, text, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE FUNCTION bm25_explain(document tsvector, query rankquery, index regclass DEFAULT '-',
	OUT term text, OUT field integer, OUT tf bigint, OUT df float8, OUT idf float8, OUT length bigint,
	OUT avg_length float8, OUT weight float8, OUT contribution float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_bm25_explain_tsvector' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 500 ROWS 5
	SUPPORT bm25_support;
COMMENT ON FUNCTION bm25_explain(tsvector, rankquery, regclass) IS 'the words of a query that a document has, and what each adds to its score';

CREATE OPERATOR <@> (
	LEFTARG = text, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text, text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text, rankquery) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text[], RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text[], text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = text[], RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (text[], rankquery) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = tsvector, RIGHTARG = text, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (tsvector, text) IS 'negative BM25 score';

CREATE OPERATOR <@> (
	LEFTARG = tsvector, RIGHTARG = rankquery, PROCEDURE = bm25_distance
);
COMMENT ON OPERATOR <@> (tsvector, rankquery) IS 'negative BM25 score';

CREATE OPERATOR @@@ (
	LEFTARG = text, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text, text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text, rankquery) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text[], RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text[], text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = text[], RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (text[], rankquery) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = tsvector, RIGHTARG = text, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (tsvector, text) IS 'document matches query';

CREATE OPERATOR @@@ (
	LEFTARG = tsvector, RIGHTARG = rankquery, PROCEDURE = rankquery_match,
	RESTRICT = rankquery_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @@@ (tsvector, rankquery) IS 'document matches query';

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

-- extracts

CREATE FUNCTION bm25_headline(config regconfig, document text, words text, options text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_bm25_headline_words' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_headline(regconfig, text, text, text) IS 'extract of a document with the words marked; options of ts_headline';

CREATE FUNCTION bm25_headline(config regconfig, document text, query rankquery, options text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_bm25_headline' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_headline(regconfig, text, rankquery, text) IS 'extract of a document with the words of a query marked; options of ts_headline';

CREATE FUNCTION bm25_matches(config regconfig, document text, words text) RETURNS int4range[]
	AS 'MODULE_PATHNAME', 'pgr_bm25_matches_words' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_matches(regconfig, text, text) IS 'characters of the document, from 1, that are one of the words';

CREATE FUNCTION bm25_matches(config regconfig, document text, query rankquery) RETURNS int4range[]
	AS 'MODULE_PATHNAME', 'pgr_bm25_matches' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20000;
COMMENT ON FUNCTION bm25_matches(regconfig, text, rankquery) IS 'characters of the document, from 1, that are a word of the query';
