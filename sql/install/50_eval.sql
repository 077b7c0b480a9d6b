-- Evaluation. Aggregates over one topic's rows (document, score or NULL if not
-- retrieved, grade or NULL if not judged), as a FULL JOIN of a run and its judgements gives
-- them; trec_eval's definitions. src/eval/README has the formulas.

CREATE FUNCTION judged_add(internal, text, float8, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION judged_add(internal, text, float8, integer) IS 'aggregate transition';

CREATE FUNCTION judged_add(internal, text, float8, integer, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION judged_add(internal, text, float8, integer, integer) IS 'aggregate transition with a cutoff';

CREATE FUNCTION judged_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_combine(internal, internal) IS 'aggregate combine';

CREATE FUNCTION judged_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_judged_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_serialize(internal) IS 'aggregate state to bytes';

CREATE FUNCTION judged_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_judged_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION judged_deserialize(bytea, internal) IS 'aggregate state from bytes';

CREATE FUNCTION ndcg_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_ndcg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ndcg_final(internal) IS 'aggregate final';

CREATE FUNCTION ndcg_exp2_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_ndcg_exp2_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION ndcg_exp2_final(internal) IS 'aggregate final';

CREATE FUNCTION average_precision_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_average_precision_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION average_precision_final(internal) IS 'aggregate final';

CREATE FUNCTION reciprocal_rank_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_reciprocal_rank_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION reciprocal_rank_final(internal) IS 'aggregate final';

CREATE FUNCTION recall_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_recall_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION recall_final(internal) IS 'aggregate final';

CREATE FUNCTION precision_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_precision_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION precision_final(internal) IS 'aggregate final';

CREATE FUNCTION hit_rate_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_hit_rate_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION hit_rate_final(internal) IS 'aggregate final';

CREATE FUNCTION judged_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_judged_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION judged_final(internal) IS 'aggregate final';

CREATE AGGREGATE ndcg(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg(text, float8, integer) IS 'nDCG of the whole ranking, linear gain';

CREATE AGGREGATE ndcg(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg(text, float8, integer, integer) IS 'nDCG@k, linear gain';

CREATE AGGREGATE ndcg_exp2(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_exp2_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg_exp2(text, float8, integer) IS 'nDCG of the whole ranking, gain 2^grade - 1';

CREATE AGGREGATE ndcg_exp2(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = ndcg_exp2_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE ndcg_exp2(text, float8, integer, integer) IS 'nDCG@k, gain 2^grade - 1';

CREATE AGGREGATE average_precision(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = average_precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE average_precision(text, float8, integer) IS 'average precision; its mean over topics is MAP';

CREATE AGGREGATE average_precision(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = average_precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE average_precision(text, float8, integer, integer) IS 'average precision of the first k, by all relevant documents; its mean over topics is MAP@k';

CREATE AGGREGATE reciprocal_rank(doc text, score float8, grade integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = reciprocal_rank_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE reciprocal_rank(text, float8, integer) IS '1 / rank of the first relevant document; its mean over topics is MRR';

CREATE AGGREGATE reciprocal_rank(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = reciprocal_rank_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE reciprocal_rank(text, float8, integer, integer) IS '1 / rank of the first relevant document of the first k; its mean over topics is MRR@k';

CREATE AGGREGATE recall_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = recall_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE recall_at(text, float8, integer, integer) IS 'share of the relevant documents among the first k';

CREATE AGGREGATE precision_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = precision_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE precision_at(text, float8, integer, integer) IS 'relevant documents among the first k, divided by k';

CREATE AGGREGATE hit_rate_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = hit_rate_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE hit_rate_at(text, float8, integer, integer) IS '1 if a relevant document is among the first k';

CREATE AGGREGATE judged_at(doc text, score float8, grade integer, k integer) (
	SFUNC = judged_add, STYPE = internal, FINALFUNC = judged_final,
	COMBINEFUNC = judged_combine, SERIALFUNC = judged_serialize, DESERIALFUNC = judged_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE judged_at(text, float8, integer, integer) IS 'share of the first k that is judged; ranks past the end of the list count as judged';

-- MultiHop-RAG's own metrics, as its script has them: a retrieved text is a hit if it
-- contains a fact, blanks and newlines apart. Average over questions that have facts.

CREATE FUNCTION multihop_hits_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	SELECT CASE WHEN cardinality(facts) > 0 THEN (count(*) > 0)::integer::float8 END
	FROM unnest(retrieved) WITH ORDINALITY r (item, rank), unnest(facts) f (fact)
	WHERE rank <= k
		AND strpos(replace(replace(item, ' ', ''), E'\n', ''), replace(replace(fact, ' ', ''), E'\n', '')) > 0;
END;
COMMENT ON FUNCTION multihop_hits_at(text[], text[], integer) IS '1 if one of the first k texts contains a fact';

CREATE FUNCTION multihop_mrr_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	SELECT CASE WHEN cardinality(facts) > 0 THEN coalesce(1.0::float8 / min(rank), 0) END
	FROM unnest(retrieved) WITH ORDINALITY r (item, rank), unnest(facts) f (fact)
	WHERE rank <= k
		AND strpos(replace(replace(item, ' ', ''), E'\n', ''), replace(replace(fact, ' ', ''), E'\n', '')) > 0;
END;
COMMENT ON FUNCTION multihop_mrr_at(text[], text[], integer) IS '1 / rank of the first of k texts that contains a fact';

CREATE FUNCTION multihop_map_at(retrieved text[], facts text[], k integer) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100
BEGIN ATOMIC
	-- a fact counts where it is found first, and once if given twice; the
	-- divisor counts it twice: so the script has it
	SELECT CASE WHEN cardinality(facts) > 0 THEN coalesce(sum(1.0::float8 / first), 0) / least(cardinality(facts), k) END
	FROM (SELECT min(rank) AS first
		FROM unnest(retrieved) WITH ORDINALITY r (item, rank),
			(SELECT DISTINCT replace(replace(fact, ' ', ''), E'\n', '') AS fact FROM unnest(facts) f (fact)) f
		WHERE rank <= k AND strpos(replace(replace(item, ' ', ''), E'\n', ''), fact) > 0
		GROUP BY fact) found;
END;
COMMENT ON FUNCTION multihop_map_at(text[], text[], integer) IS 'sum of 1 / rank where each fact is found first, divided by min(facts, k): not average precision';

-- paired significance tests

CREATE TYPE paired_test AS (pairs bigint, mean_difference float8, p_value float8);
COMMENT ON TYPE paired_test IS 'result of a paired test: number of pairs, mean of a - b, two-sided p';

CREATE FUNCTION paired_add(internal, float8, float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION paired_add(internal, float8, float8) IS 'aggregate transition';

CREATE FUNCTION paired_add(internal, float8, float8, integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_add' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1;
COMMENT ON FUNCTION paired_add(internal, float8, float8, integer) IS 'aggregate transition with a number of trials';

CREATE FUNCTION paired_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_combine(internal, internal) IS 'aggregate combine';

CREATE FUNCTION paired_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'pgr_paired_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_serialize(internal) IS 'aggregate state to bytes';

CREATE FUNCTION paired_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'pgr_paired_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION paired_deserialize(bytea, internal) IS 'aggregate state from bytes';

CREATE FUNCTION paired_t_final(internal) RETURNS paired_test
	AS 'MODULE_PATHNAME', 'pgr_paired_t_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION paired_t_final(internal) IS 'aggregate final';

CREATE FUNCTION paired_randomization_final(internal) RETURNS paired_test
	AS 'MODULE_PATHNAME', 'pgr_paired_randomization_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION paired_randomization_final(internal) IS 'aggregate final';

CREATE AGGREGATE paired_t_test(a float8, b float8) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_t_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_t_test(float8, float8) IS 'two-sided paired t-test of metrics by topic';

CREATE AGGREGATE paired_randomization_test(a float8, b float8) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_randomization_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_randomization_test(float8, float8) IS 'two-sided paired randomisation test of metrics by topic: 100,000 trials of a fixed seed, or all sign vectors if fewer';

CREATE AGGREGATE paired_randomization_test(a float8, b float8, trials integer) (
	SFUNC = paired_add, STYPE = internal, FINALFUNC = paired_randomization_final,
	COMBINEFUNC = paired_combine, SERIALFUNC = paired_serialize, DESERIALFUNC = paired_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE paired_randomization_test(float8, float8, integer) IS 'the same with a number of trials';

-- TREC files

CREATE FUNCTION trec_run(contents text, OUT topic text, OUT doc text, OUT rank integer, OUT score float8, OUT tag text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_trec_run' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION trec_run(text) IS 'rows of a TREC run file';

CREATE FUNCTION trec_qrels(contents text, OUT topic text, OUT doc text, OUT grade integer)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'pgr_trec_qrels' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION trec_qrels(text) IS 'rows of a TREC qrels file';

CREATE FUNCTION to_trec_run(topic text, doc text, rank bigint, score float8, tag text) RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_to_trec_run' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION to_trec_run(text, text, bigint, float8, text) IS 'a line of a TREC run file';

CREATE FUNCTION to_trec_qrels(topic text, doc text, grade integer) RETURNS text
	AS 'MODULE_PATHNAME', 'pgr_to_trec_qrels' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION to_trec_qrels(text, text, integer) IS 'a line of a TREC qrels file';

-- What an index loses. They set planner options while they run, which a parallel query
-- does not allow.

CREATE FUNCTION index_recall(index regclass, k integer DEFAULT 10, sample integer DEFAULT 100) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_index_recall_sample' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION index_recall(regclass, integer, integer) IS 'share of the exact k nearest rows that an index returns, queries being a sample of the rows';

CREATE FUNCTION index_recall(index regclass, k integer, queries anyarray) RETURNS float8
	AS 'MODULE_PATHNAME', 'pgr_index_recall_queries' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION index_recall(regclass, integer, anyarray) IS 'share of the exact k nearest rows that an index returns for these queries';
