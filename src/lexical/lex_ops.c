/*
 * lex_ops.c
 *		<@> (negative score), @@@ (match), bm25_score and bm25_explain.
 *
 * They are true functions of (document, query, statistics): the same value in a
 * select list, in a sort and through an index. A document whose score the index has
 * told is found by its content's hash in the memo of the pinned statistics
 * (score_memo.c); all others are analysed here.
 *
 * Memory: what a call allocates is in state->row (lex_query.c), reset by the next
 * call; explain's rows are in the executor's tuplestore. Results are by value.
 *
 * Errors: what the query argument raises (lex_query.c), what analysis raises
 * (analyze.c; dictionaries are user code), what the index raises that statistics come
 * from (XX002 for damage, with the hint to REINDEX). Locks: AccessShareLock on that
 * index, to the end of the transaction; none for an unbound query.
 *
 * All are STRICT and STABLE (a snapshot's statistics and the current configuration
 * decide), and PARALLEL RESTRICTED: statistics and their memo are a backend's own, and
 * each worker would collect them anew.
 */
#include "postgres.h"

#include <math.h>

#include "base/index_access.h"
#include "funcapi.h"
#include "lexical/lex_query.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/*
 * The document in argument 0, detoasted once, in the current memory context. Text may
 * keep a short header; arrays and tsvectors must be aligned, so theirs is expanded.
 */
static Datum
document_arg(FunctionCallInfo fcinfo, PgrContentType type)
{
	if (type == PGR_CONTENT_TEXT)
		return PointerGetDatum(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	return PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
}

/*
 * A document's score; an unmatched one has 0. By the memo, if it has the content,
 * else by analysis. The value is detoasted into the memory context state->row, which
 * the next call resets. An error leaves the current context switched, as errors may:
 * the transaction's abort puts it right.
 */
static double
score(FunctionCallInfo fcinfo, PgrContentType type, PgrQueryArg arg)
{
	PgrQueryState *state = pgr_query_state(fcinfo, type, arg, InvalidOid);
	PgrPinned  *pinned = pgr_query_pinned(state);
	MemoryContext old = MemoryContextSwitchTo(state->row);
	Datum		content = document_arg(fcinfo, type);
	double		result;

	if (!pgr_memo_useful(pinned) ||
		!pgr_memo_score(pinned, pgr_lex_content_hash(content), &result))
	{
		bool		fresh;
		const PgrLexDoc *doc = pgr_lex_analyse(&pinned->analyzer, type, content, &fresh);

		result = pgr_score_document(pinned, doc, NULL);
		if (fresh)
			pgr_memo_analysed(pinned, doc);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/*
 * What <@> returns: the score negated, for ascending order. 0.0 - x, since -x of an
 * unmatched document would be a negative zero, which prints as "-0".
 */
static double
distance(FunctionCallInfo fcinfo, PgrContentType type, PgrQueryArg arg)
{
	return 0.0 - score(fcinfo, type, arg);
}

/*
 * Words analysed for matches after which statistics are asked for, for the sake of
 * their memo. A match does not depend on statistics, so a query of few rows never
 * pins any.
 */
#define MATCH_PATIENCE 1000

/*
 * The statistics whose memo may tell matches; NULL as long as asking for them costs
 * more than analysing, for an unbound query, and where there is no snapshot to ask
 * them for (a constraint checked outside of a query).
 */
static PgrPinned *
match_memo(PgrQueryState *state)
{
	PgrPinned  *pinned;

	if (!pgr_reuse_scores || state->analysed < MATCH_PATIENCE ||
		!OidIsValid(state->index) || !ActiveSnapshotSet())
		return NULL;
	pinned = pgr_query_pinned(state);
	return pgr_memo_useful(pinned) ? pinned : NULL;
}

/*
 * Does the document match? Memory as in score(). What is analysed here counts towards
 * a filling of the memo only when the memo was asked in vain.
 */
static bool
match(FunctionCallInfo fcinfo, PgrContentType type, PgrQueryArg arg)
{
	PgrQueryState *state = pgr_query_state(fcinfo, type, arg, InvalidOid);
	PgrPinned  *pinned = match_memo(state);
	MemoryContext old = MemoryContextSwitchTo(state->row);
	Datum		content = document_arg(fcinfo, type);
	bool		result;

	if (pinned == NULL || !pgr_memo_match(pinned, pgr_lex_content_hash(content), &result))
	{
		bool		fresh;
		const PgrLexDoc *doc = pgr_lex_analyse(&state->analyzer, type, content, &fresh);

		result = pgr_match_document(state->query, doc);
		if (fresh)
			state->analysed += 1.0 + doc->length;
		if (fresh && pinned != NULL)
			pgr_memo_analysed(pinned, doc);
	}
	MemoryContextSwitchTo(old);
	return result;
}

/* --- explain --- */

/*
 * The text of a leaf as a query of its own, without boost and fields, palloc'd: a
 * plain term is its lexeme, anything else is shown as rankquery_out shows it.
 */
static Datum
leaf_text(const PgrQueryNode *leaf)
{
	PgrQuery   *query = pgr_query_make();
	PgrQueryNode shown = *leaf;
	StringInfoData buf;

	if (leaf->kind == PGR_NODE_TERM && !leaf->prefix && leaf->fuzzy == 0)
		return PointerGetDatum(cstring_to_text_with_len(leaf->term, leaf->termlen));
	shown.boost = 1;
	shown.fields = 0;
	shown.given_df = NAN;
	query->root = &shown;
	initStringInfo(&buf);
	pgr_query_append(&buf, query);
	return PointerGetDatum(cstring_to_text_with_len(buf.data, buf.len));
}

/* A float8 column; NAN, which means "unknown", becomes NULL. */
static void
put_double(double x, Datum *value, bool *null)
{
	*null = isnan(x);
	*value = Float8GetDatum(x);
}

/*
 * One document being explained; all of it outlives the call only in the tuplestore of
 * rsinfo.
 */
typedef struct Explanation
{
	const PgrPinned *pinned;
	const PgrLexDoc *doc;
	bool		match;			/* of the whole query */
	ReturnSetInfo *rsinfo;
} Explanation;

#define EXPLAIN_COLUMNS 9

/* (term, field, tf, df, idf, length, avg_length, weight, contribution) */
static void
explain_row(const Explanation *e, int leaf, uint32 field, const PgrLeafHit *hit,
			double contribution)
{
	const PgrPinned *p = e->pinned;
	const PgrQueryNode *node = p->query->leaves[leaf];
	const PgrLeafStats *stats = &p->leaves[leaf];
	double		weight = p->scorers[leaf].weight;
	double		average = p->collection.sum_length / p->collection.ndocs;
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS] = {false};

	if (!isnan(p->query->given_avg_length))
		average = p->query->given_avg_length;
	values[0] = leaf_text(node);
	values[1] = Int32GetDatum((int32) field);
	nulls[1] = field == 0;
	values[2] = Int64GetDatum(hit->tf);
	put_double(isnan(node->given_df) ? stats->df : node->given_df, &values[3], &nulls[3]);
	nulls[3] |= node->kind == PGR_NODE_PHRASE;
	put_double(p->scoring.kind == PGR_SCORING_DIRICHLET || node->boost == 0 ? NAN :
			   weight / node->boost, &values[4], &nulls[4]);
	values[5] = Int64GetDatum(e->doc->length);
	put_double(average, &values[6], &nulls[6]);
	values[7] = Float8GetDatum(weight);
	values[8] = Float8GetDatum(contribution);
	tuplestore_putvalues(e->rsinfo->setResult, e->rsinfo->setDesc, values, nulls);
}

/* The number of the only field that a leaf looks in, or 0. */
static uint32
only_field(const PgrQueryNode *leaf)
{
	if (leaf->fields == 0 || (leaf->fields & (leaf->fields - 1)) != 0)
		return 0;
	return (uint32) pg_leftmost_one_pos32(leaf->fields) + 1;
}

/* The index that the caller names, who must be allowed to ask it; or InvalidOid. */
static Oid
named_index(FunctionCallInfo fcinfo)
{
	Oid			index = PG_GETARG_OID(2);

	if (OidIsValid(index))
		pgr_index_check_access(index);
	return index;
}

/*
 * (document, query [, index]): a row for each leaf of the query. What it analyses is
 * in the memory context state->row.
 */
static void
explain(FunctionCallInfo fcinfo, PgrContentType type, PgrQueryArg arg)
{
	Oid			index = named_index(fcinfo);
	PgrQueryState *state = pgr_query_state(fcinfo, type, arg, index);
	PgrPinned  *pinned = pgr_query_pinned(state);
	PgrLexDoc	doc;
	Explanation e = {pinned, &doc, false, (ReturnSetInfo *) fcinfo->resultinfo};
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	old = MemoryContextSwitchTo(state->row);
	pgr_lex_document(&pinned->analyzer, type, document_arg(fcinfo, type), &doc);
	pgr_score_document(pinned, &doc, &e.match);
	for (int i = 0; i < pinned->query->nleaves; i++)
	{
		const PgrQueryNode *leaf = pinned->query->leaves[i];
		PgrLeafHit	hit;

		CHECK_FOR_INTERRUPTS();
		if (pgr_leaf_hit(leaf, &pinned->leaves[i], &doc, &hit))
			explain_row(&e, i, only_field(leaf), &hit,
						e.match ? pgr_leaf_contribution(pinned, i, &hit, &doc) : 0);
	}
	MemoryContextSwitchTo(old);
}

/* --- SQL: one of each for every type of document and query --- */

#define DISTANCE(name, type, arg) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_FLOAT8(distance(fcinfo, type, arg)); \
	} \
	extern int	pgr_no_such_variable

#define SCORE(name, type, arg) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_FLOAT8(score(fcinfo, type, arg)); \
	} \
	extern int	pgr_no_such_variable

#define MATCH(name, type, arg) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(match(fcinfo, type, arg)); \
	} \
	extern int	pgr_no_such_variable

#define EXPLAIN(name, type, arg) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		explain(fcinfo, type, arg); \
		return (Datum) 0; \
	} \
	extern int	pgr_no_such_variable

DISTANCE(pgr_bm25_distance_text_words, PGR_CONTENT_TEXT, PGR_ARG_WORDS);
DISTANCE(pgr_bm25_distance_text, PGR_CONTENT_TEXT, PGR_ARG_RANKQUERY);
DISTANCE(pgr_bm25_distance_array_words, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_WORDS);
DISTANCE(pgr_bm25_distance_array, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_RANKQUERY);
DISTANCE(pgr_bm25_distance_tsvector_words, PGR_CONTENT_TSVECTOR, PGR_ARG_WORDS);
DISTANCE(pgr_bm25_distance_tsvector, PGR_CONTENT_TSVECTOR, PGR_ARG_RANKQUERY);

SCORE(pgr_bm25_score_text_words, PGR_CONTENT_TEXT, PGR_ARG_WORDS);
SCORE(pgr_bm25_score_text, PGR_CONTENT_TEXT, PGR_ARG_RANKQUERY);
SCORE(pgr_bm25_score_array_words, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_WORDS);
SCORE(pgr_bm25_score_array, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_RANKQUERY);
SCORE(pgr_bm25_score_tsvector_words, PGR_CONTENT_TSVECTOR, PGR_ARG_WORDS);
SCORE(pgr_bm25_score_tsvector, PGR_CONTENT_TSVECTOR, PGR_ARG_RANKQUERY);

MATCH(pgr_rankquery_match_text_words, PGR_CONTENT_TEXT, PGR_ARG_WORDS);
MATCH(pgr_rankquery_match_text, PGR_CONTENT_TEXT, PGR_ARG_RANKQUERY);
MATCH(pgr_rankquery_match_array_words, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_WORDS);
MATCH(pgr_rankquery_match_array, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_RANKQUERY);
MATCH(pgr_rankquery_match_tsvector_words, PGR_CONTENT_TSVECTOR, PGR_ARG_WORDS);
MATCH(pgr_rankquery_match_tsvector, PGR_CONTENT_TSVECTOR, PGR_ARG_RANKQUERY);

EXPLAIN(pgr_bm25_explain_text_words, PGR_CONTENT_TEXT, PGR_ARG_WORDS);
EXPLAIN(pgr_bm25_explain_text, PGR_CONTENT_TEXT, PGR_ARG_RANKQUERY);
EXPLAIN(pgr_bm25_explain_array_words, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_WORDS);
EXPLAIN(pgr_bm25_explain_array, PGR_CONTENT_TEXT_ARRAY, PGR_ARG_RANKQUERY);
EXPLAIN(pgr_bm25_explain_tsvector_words, PGR_CONTENT_TSVECTOR, PGR_ARG_WORDS);
EXPLAIN(pgr_bm25_explain_tsvector, PGR_CONTENT_TSVECTOR, PGR_ARG_RANKQUERY);
