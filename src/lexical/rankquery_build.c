/*
 * rankquery_build.c
 *		SQL functions and operators that make rankqueries of words and of each
 *		other.
 *
 * Those that analyse words take the configuration as an argument and are
 * immutable, so that a query in FROM or in a parameter is folded to a constant
 * and an index can be used.
 *
 * Memory: results are palloc'd in the current context. Errors that users see: 22023
 * for a number out of range or an unknown name, 22004 for a null in an array, 2202E
 * for arrays of different lengths, 42809 for a relation that is no bm25 index, 42501
 * for one that the caller may not ask, 54000 for a query beyond the limits; and what
 * parser and dictionaries, perhaps user code, raise.
 *
 * Locks: only functions that take an index lock it (AccessShareLock, to the end of
 * the transaction), after privileges have been checked; what the planner binds has
 * the rights of its query.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "base/compat.h"
#include "base/index_access.h"
#include "catalog/pg_type.h"
#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "storage/proc.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* --- arguments --- */

/* Items of a text[] as palloc'd C strings, *n of them; a null is an error (22004). */
static char **
text_items(ArrayType *array, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **items;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, n);
	items = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("array must not contain nulls")));
		items[i] = TextDatumGetCString(elems[i]);
	}
	return items;
}

/* An analyzer of words for one field, by a configuration, without bigrams. */
static PgrAnalyzer
config_analyzer(Oid config)
{
	return (PgrAnalyzer) {.config = config, .nfields = 1};
}

/* The option cjk, by its name in any case; raises 22023 for another name. */
static bool
cjk_by_name(text *name)
{
	char	   *s = text_to_cstring(name);

	if (pg_strcasecmp(s, "bigram") == 0)
		return true;
	if (pg_strcasecmp(s, "none") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized value \"%s\" for cjk", s),
				 errhint("Valid values are \"none\" and \"bigram\".")));
	return false;
}

/*
 * Packs a tree (NULL: the empty query). The configuration is noted in the value, so
 * that documents are analysed alike.
 */
static Datum
make_query(const PgrAnalyzer *analyzer, PgrQueryNode *root)
{
	PgrQuery   *query = pgr_query_make();

	query->config = analyzer->config;
	query->cjk_bigram = analyzer->cjk_bigram;
	query->root = root;
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}

/*
 * A query from what a person typed. fields: names of the fields, in order, or NULL;
 * those beyond PGR_LEX_MAX_FIELDS are ignored.
 */
static Datum
parse_query(const PgrAnalyzer *analyzer, text *words, ArrayType *fields)
{
	int			nnames = 0;
	char	  **names = fields ? text_items(fields, &nnames) : NULL;

	return make_query(analyzer,
					  pgr_query_parse(analyzer, VARDATA_ANY(words),
									  (int) VARSIZE_ANY_EXHDR(words),
									  names, Min(nnames, PGR_LEX_MAX_FIELDS)));
}

/* --- from what people type --- */

/* (config, words, fields, cjk) */
PG_FUNCTION_INFO_V1(pgr_to_rankquery);
Datum
pgr_to_rankquery(PG_FUNCTION_ARGS)
{
	PgrAnalyzer analyzer = config_analyzer(PG_GETARG_OID(0));

	analyzer.cjk_bigram = cjk_by_name(PG_GETARG_TEXT_PP(3));
	return parse_query(&analyzer, PG_GETARG_TEXT_PP(1), PG_GETARG_ARRAYTYPE_P(2));
}

/* (words), by default_text_search_config */
PG_FUNCTION_INFO_V1(pgr_to_rankquery_default);
Datum
pgr_to_rankquery_default(PG_FUNCTION_ARGS)
{
	PgrAnalyzer analyzer = config_analyzer(getTSCurrentConfig(true));

	return parse_query(&analyzer, PG_GETARG_TEXT_PP(0), NULL);
}

/*
 * Contract in rankquery.h. Locks of the index stay to the end of the transaction.
 * 42809 where the library's index part is not loaded, or the relation is no such
 * index.
 */
PgrAnalyzer
pgr_index_words(Oid index)
{
	PgrAnalyzer analyzer;

	if (pgr_index_analyzer_hook == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("relation with OID %u is not a bm25 index", index)));
	pgr_index_analyzer_hook(index, &analyzer);
	if (!OidIsValid(analyzer.config))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("index \"%s\" does not say which text search configuration plain words are for",
						get_rel_name(index)),
				 errhint("Set the index's option \"config\", or make the query with to_rankquery(config, words).")));
	return analyzer;
}

/* Packs a query as bound by who wrote it; the name is looked up when it is packed. */
static PgrRankQuery *
choose_index(PgrQuery *query, Oid index)
{
	query->planned = false;
	query->bound = index;
	query->bound_name = NULL;
	return pgr_query_pack(query, NULL);
}

/* (index, words, fields): the same by an index's configuration, bound to it */
PG_FUNCTION_INFO_V1(pgr_bm25_query);
Datum
pgr_bm25_query(PG_FUNCTION_ARGS)
{
	Oid			index = PG_GETARG_OID(0);
	PgrAnalyzer analyzer;
	Datum		rq;

	pgr_index_check_access(index);
	analyzer = pgr_index_words(index);
	rq = parse_query(&analyzer, PG_GETARG_TEXT_PP(1), PG_GETARG_ARRAYTYPE_P(2));
	PG_RETURN_POINTER(choose_index(pgr_query_unpack(DatumGetRankQuery(rq)), index));
}

/* --- binding --- */

/*
 * True if the planner put this call of bm25_bind there. It marks the call by a
 * collation of the result, which no call in SQL can have: see pgr_bm25_support. So no
 * user can claim the planner's rights.
 */
static bool
planned_call(FunctionCallInfo fcinfo)
{
	Node	   *call = fcinfo->flinfo->fn_expr;

	return call != NULL && IsA(call, FuncExpr) && ((FuncExpr *) call)->funccollid == PGR_PLANNED;
}

/*
 * The third argument of bm25_bind, where there is one: rows that a scan does well to
 * look for first. Negative is 0, "not said".
 */
static uint32
top_argument(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > 2 ? (uint32) Max(PG_GETARG_INT32(2), 0) : 0;
}

/* What the planner binds keeps an index chosen before; a call by hand chooses. */
PG_FUNCTION_INFO_V1(pgr_bm25_bind_query);
Datum
pgr_bm25_bind_query(PG_FUNCTION_ARGS)
{
	PgrRankQuery *rq = PG_GETARG_RANKQUERY(0);
	Oid			index = PG_GETARG_OID(1);

	if (planned_call(fcinfo))
		rq = pgr_rankquery_planned(rq, index);
	else
	{
		pgr_index_check_access(index);
		rq = choose_index(pgr_query_unpack(rq), index);
	}
	rq->top = top_argument(fcinfo);
	PG_RETURN_POINTER(rq);
}

/*
 * A text that was analysed for an index: what bm25_bind(text, regclass) keeps in
 * fn_extra, in fn_mcxt. `bound` is valid for `words` and `analyzer`; the analyzer was
 * asked for in the command (lxid, cid), and is asked for again in the next one, in
 * which the index may have been made anew.
 */
typedef struct BoundText
{
	Oid			index;
	PgrAnalyzer analyzer;
	LocalTransactionId lxid;	/* analyzer was asked for in this command */
	CommandId	cid;
	struct varlena *words;
	struct varlena *bound;
} BoundText;

/*
 * True if both are the same, header and all. A packed value and its plain form count
 * as different, which only costs an analysis.
 */
static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

/* A copy allocated in `context`; the caller frees it. */
static struct varlena *
copy_bytes(MemoryContext context, const struct varlena *v)
{
	struct varlena *copy = MemoryContextAlloc(context, VARSIZE_ANY(v));

	memcpy(copy, v, VARSIZE_ANY(v));
	return copy;
}

/*
 * Words as a bound query, palloc'd. What is planned holds no name of an index; what
 * is chosen does.
 */
static PgrRankQuery *
bound_words(const PgrAnalyzer *analyzer, text *words, Oid index, bool planned)
{
	PgrRankQuery *rq = pgr_query_from_text(analyzer, words);
	PgrQuery   *query;

	if (planned)
		return pgr_rankquery_planned(rq, index);
	query = pgr_query_unpack(rq);
	query->config = analyzer->config;
	return choose_index(query, index);
}

/*
 * The planner puts this beside each operator, where it may be called for each
 * row: the last result is kept, within a command without a look at the index.
 */
PG_FUNCTION_INFO_V1(pgr_bm25_bind_text);
Datum
pgr_bm25_bind_text(PG_FUNCTION_ARGS)
{
	text	   *words = PG_GETARG_TEXT_PP(0);
	Oid			index = PG_GETARG_OID(1);
	BoundText  *last = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	LocalTransactionId lxid = pgr_my_lxid();
	CommandId	cid = GetCurrentCommandId(false);
	bool		planned = planned_call(fcinfo);
	PgrAnalyzer analyzer;

	if (last != NULL && last->index == index && last->lxid == lxid && last->cid == cid &&
		same_bytes(last->words, words))
		PG_RETURN_POINTER(last->bound);
	if (!planned)
		pgr_index_check_access(index);
	analyzer = pgr_index_words(index);
	if (last == NULL || last->index != index || !same_bytes(last->words, words) ||
		last->analyzer.config != analyzer.config ||
		last->analyzer.cjk_bigram != analyzer.cjk_bigram)
	{
		PgrRankQuery *rq = bound_words(&analyzer, words, index, planned);

		if (last == NULL)
			last = MemoryContextAllocZero(context, sizeof(BoundText));
		else
		{
			pfree(last->words);
			pfree(last->bound);
		}
		rq->top = top_argument(fcinfo);
		last->index = index;
		last->analyzer = analyzer;
		last->words = copy_bytes(context, words);
		last->bound = copy_bytes(context, (struct varlena *) rq);
		fcinfo->flinfo->fn_extra = last;
	}
	last->lxid = lxid;
	last->cid = cid;
	PG_RETURN_POINTER(last->bound);
}

/* --- builders --- */

/*
 * (config, words[]): words, each analysed on its own, under one node. A word of which
 * no lexeme comes is left out. Interruptible.
 */
static Datum
words_query(FunctionCallInfo fcinfo, PgrNodeKind kind)
{
	PgrAnalyzer analyzer = config_analyzer(PG_GETARG_OID(0));
	PgrQueryNode *root = pgr_node_make(kind);
	int			n;
	char	  **words = text_items(PG_GETARG_ARRAYTYPE_P(1), &n);

	for (int i = 0; i < n; i++)
	{
		PgrQueryNode *node = pgr_query_words(&analyzer, words[i], (int) strlen(words[i]),
											 PGR_WORD_ALL);

		CHECK_FOR_INTERRUPTS();
		if (node)
			pgr_node_add(root, node);
	}
	return make_query(&analyzer, root);
}

/* (config, words[]): any of them. */
PG_FUNCTION_INFO_V1(pgr_any_of);
Datum
pgr_any_of(PG_FUNCTION_ARGS)
{
	return words_query(fcinfo, PGR_NODE_OR);
}

/* (config, words[]): all of them. */
PG_FUNCTION_INFO_V1(pgr_all_of);
Datum
pgr_all_of(PG_FUNCTION_ARGS)
{
	return words_query(fcinfo, PGR_NODE_AND);
}

/* (config, words, slop) */
PG_FUNCTION_INFO_V1(pgr_phrase_of);
Datum
pgr_phrase_of(PG_FUNCTION_ARGS)
{
	PgrAnalyzer analyzer = config_analyzer(PG_GETARG_OID(0));
	text	   *words = PG_GETARG_TEXT_PP(1);
	int32		slop = PG_GETARG_INT32(2);
	PgrQueryNode *node;

	if (slop < 0 || slop > PGR_QUERY_MAX_SLOP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("slop must be from 0 to %d", PGR_QUERY_MAX_SLOP)));
	node = pgr_query_words(&analyzer, VARDATA_ANY(words), (int) VARSIZE_ANY_EXHDR(words),
						   PGR_WORD_PHRASE);
	if (node && node->kind == PGR_NODE_PHRASE)
		node->slop = (uint32) slop;
	return make_query(&analyzer, node);
}

/*
 * Two queries under one node. What both say (index, configuration, statistics,
 * parameters) is the left one's; what one does not say, the other's. The values must
 * outlive the packing only.
 */
static Datum
combine(FunctionCallInfo fcinfo, PgrNodeKind kind)
{
	PgrQuery   *a = pgr_query_unpack(PG_GETARG_RANKQUERY(0));
	PgrQuery   *b = pgr_query_unpack(PG_GETARG_RANKQUERY(1));
	PgrQueryNode *root = pgr_node_make(kind);

	if (a->root)
		pgr_node_add(root, a->root);
	if (b->root)
		pgr_node_add(root, b->root);
	a->root = root;
	if (a->bound_name == NULL && !OidIsValid(a->bound))
	{
		a->bound = b->bound;
		a->bound_name = b->bound_name;
	}
	if (a->config_name == NULL && !OidIsValid(a->config))
	{
		a->config = b->config;
		a->config_name = b->config_name;
	}
	a->cjk_bigram |= b->cjk_bigram;
	if (isnan(a->given_ndocs))
		a->given_ndocs = b->given_ndocs;
	if (isnan(a->given_avg_length))
		a->given_avg_length = b->given_avg_length;
	if (isnan(a->given_k1))
		a->given_k1 = b->given_k1;
	if (isnan(a->given_b))
		a->given_b = b->given_b;
	PG_RETURN_POINTER(pgr_query_pack(a, NULL));
}

/* & of two queries. */
PG_FUNCTION_INFO_V1(pgr_rankquery_and);
Datum
pgr_rankquery_and(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, PGR_NODE_AND);
}

/* | of two queries. */
PG_FUNCTION_INFO_V1(pgr_rankquery_or);
Datum
pgr_rankquery_or(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, PGR_NODE_OR);
}

/* ! of a query; of an empty one an empty one. */
PG_FUNCTION_INFO_V1(pgr_rankquery_not);
Datum
pgr_rankquery_not(PG_FUNCTION_ARGS)
{
	PgrQuery   *query = pgr_query_unpack(PG_GETARG_RANKQUERY(0));
	PgrQueryNode *not = pgr_node_make(PGR_NODE_NOT);

	if (query->root)
		pgr_node_add(not, query->root);
	query->root = not;
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}

/* Raises 22023 for a number outside of 0 to max, NaN included. */
static void
check_range(const char *what, double x, double max)
{
	if (!(x >= 0 && x <= max))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be from 0 to %g", what, max)));
}

/* pgr_node_each_leaf; arg: a double. Within the limit, whatever is multiplied. */
static void
multiply_boost(PgrQueryNode *leaf, void *arg)
{
	double		boost = leaf->boost * *(double *) arg;

	leaf->boost = (float) Min(boost, PGR_QUERY_MAX_BOOST);
}

/* Every leaf's boost, also of those under NOT, which do not score. */
PG_FUNCTION_INFO_V1(pgr_rankquery_boost);
Datum
pgr_rankquery_boost(PG_FUNCTION_ARGS)
{
	PgrQuery   *query = pgr_query_unpack(PG_GETARG_RANKQUERY(0));
	double		boost = PG_GETARG_FLOAT8(1);

	check_range("boost", boost, PGR_QUERY_MAX_BOOST);
	if (query->root)
		pgr_node_each_leaf(query->root, multiply_boost, &boost);
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}

/*
 * At least n of the query's alternatives. The optional words of a query with
 * required ones ("+a b c") count as alternatives.
 */
PG_FUNCTION_INFO_V1(pgr_min_should_match);
Datum
pgr_min_should_match(PG_FUNCTION_ARGS)
{
	PgrQuery   *query = pgr_query_unpack(PG_GETARG_RANKQUERY(0));
	int32		n = PG_GETARG_INT32(1);
	PgrQueryNode *node = query->root;

	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of words that must match cannot be negative")));
	for (int i = 0; node && node->kind == PGR_NODE_AND && i < node->nchildren; i++)
		if (node->children[i]->kind == PGR_NODE_OR)
		{
			node = node->children[i];
			break;
		}
	if (node && node->kind == PGR_NODE_OR)
		node->min_match = (uint32) n;
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}

/* --- statistics and parameters --- */

/* Document frequencies given by hand: n terms, terminated, and as many numbers. */
typedef struct GivenDf
{
	char	  **terms;
	float8	   *df;
	int			n;
} GivenDf;

/*
 * pgr_node_each_leaf; arg: GivenDf. Sets a leaf's df, if it is given, and those of a
 * phrase's words. Terms are compared as lexemes, by bytes.
 */
static void
give_df(PgrQueryNode *leaf, void *arg)
{
	const GivenDf *given = arg;

	for (int i = 0; i < leaf->nchildren; i++)
		give_df(leaf->children[i], arg);
	if (leaf->kind != PGR_NODE_TERM)
		return;
	for (int i = 0; i < given->n; i++)
		if (strlen(given->terms[i]) == leaf->termlen &&
			memcmp(given->terms[i], leaf->term, leaf->termlen) == 0)
			leaf->given_df = given->df[i];
}

/*
 * The array's own data, not a copy: a float8[] without nulls of `expected` items.
 * Raises 2202E or 22004 otherwise.
 */
static float8 *
float_items(ArrayType *array, int expected)
{
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != expected)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there must be one document frequency for each term")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
	return (float8 *) ARR_DATA_PTR(array);
}

/* (query, ndocs, avg_length, terms, dfs) */
PG_FUNCTION_INFO_V1(pgr_rankquery_stats);
Datum
pgr_rankquery_stats(PG_FUNCTION_ARGS)
{
	PgrQuery   *query = pgr_query_unpack(PG_GETARG_RANKQUERY(0));
	GivenDf		given;

	query->given_ndocs = PG_GETARG_FLOAT8(1);
	query->given_avg_length = PG_GETARG_FLOAT8(2);
	check_range("number of documents", query->given_ndocs, 1e18);
	check_range("average length", query->given_avg_length, 1e18);
	given.terms = text_items(PG_GETARG_ARRAYTYPE_P(3), &given.n);
	given.df = float_items(PG_GETARG_ARRAYTYPE_P(4), given.n);
	for (int i = 0; i < given.n; i++)
		check_range("document frequency", given.df[i], DBL_MAX);
	if (query->root)
		pgr_node_each_leaf(query->root, give_df, &given);
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}

/* (query, k1, b) */
PG_FUNCTION_INFO_V1(pgr_rankquery_params);
Datum
pgr_rankquery_params(PG_FUNCTION_ARGS)
{
	PgrQuery   *query = pgr_query_unpack(PG_GETARG_RANKQUERY(0));

	query->given_k1 = PG_GETARG_FLOAT8(1);
	query->given_b = PG_GETARG_FLOAT8(2);
	check_range("k1", query->given_k1, 1000);
	check_range("b", query->given_b, 1);
	PG_RETURN_POINTER(pgr_query_pack(query, NULL));
}
