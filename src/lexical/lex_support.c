/*
 * lex_support.c
 *		What the planner knows of <@>, @@@ and the functions beside them.
 *
 * Binding. A query's scores need the statistics of a collection, which an
 * operator cannot see from its arguments. The planner support function sees the
 * expression on the left, finds the table column or expression it comes from
 * (lex_trace.c) and the bm25 index on that, and returns
 *
 *		document <@> bm25_bind(query, index)
 *
 * which is the same operator (of a rankquery), so an index on the column still
 * matches it. A LIMIT that is known is told too, as bm25_bind's third argument: a
 * scan, which is not told of it, then looks for so many rows at first. The index's
 * name is shown by EXPLAIN.
 *
 * What somebody bound stays: where that shows in planning the query is left alone,
 * else bm25_bind finds out when it is called. A call that the planner made bears a
 * mark (PGR_PLANNED), so that its statistics have the rights of the query around it;
 * a call by hand needs the caller's.
 *
 * Partitions and children are matched by what their parent's query is bound to, or
 * unbound as it is. A query on a column without an index stays unbound: see
 * src/lexical/README for what its scores are. Where a column cannot be traced, or the
 * table has indexes but none for it, there is a NOTICE; not if no table is there at
 * all (values, functions).
 *
 * Rejected: hooks of the parser or planner (need a preloaded library), the table
 * instead of the index (two indexes may differ in options), parameters' values as
 * proof of a partial index's predicate (words would change with the kind of plan).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lexical/lex_trace.h"
#include "lexical/rankquery.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Without statistics: few enough for an index, enough not to hide a LIMIT. */
#define DEFAULT_SELECTIVITY 0.05

/* --- which index --- */

/* One NOTICE in a statement, however often the planner comes by. */
static void
notice_unbound(const char *detail, const char *hint)
{
	static TimestampTz last = 0;

	if (last == GetCurrentStatementStartTimestamp())
		return;
	last = GetCurrentStatementStartTimestamp();
	ereport(NOTICE,
			(errmsg("query is not bound to a bm25 index"),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* What the search for an index asks for if there is a partial one. */
typedef struct ConditionsOf
{
	const PgrTrace *trace;
	Oid			support;
} ConditionsOf;

/* PgrIndexSearch.conditions: collected only if a partial index needs them. */
static List *
conditions_of(void *arg)
{
	const ConditionsOf *c = arg;

	return pgr_trace_conditions(c->trace, c->support);
}

/*
 * Finds the index that a call's query is to use. Each arm of a UNION ALL gets the
 * conditions on the whole for itself, and is bound then.
 */
static bool
find_index(PlannerInfo *root, const FuncExpr *call, PgrTrace *t, PgrIndexSearch *search)
{
	Node	   *document = linitial(call->args);
	ConditionsOf conditions = {t, get_func_support(call->funcid)};

	pgr_trace(root, document, t);
	if (t->failed)
	{
		if (t->variables && !t->no_table &&
			!(t->union_all && pgr_trace_in_conditions(root, call->funcid, document)))
			notice_unbound("The document could not be traced to a column or expression of one table.",
						   "Bind it with bm25_bind(query, 'index'), or its scores use no statistics.");
		return false;
	}
	if (t->table == NULL || pgr_index_hook == NULL || pgr_trace_is_child(t))
		return false;
	memset(search, 0, sizeof(*search));
	search->relid = t->table->relid;
	search->expression = t->expression;
	search->conditions = conditions_of;
	search->arg = &conditions;
	pgr_index_hook(search);
	return OidIsValid(search->index);
}

/* --- the bound call --- */

/* The parts of the extension that a binding needs, in the schema it lives in. */
typedef struct Names
{
	char	   *schema;
	Oid			rankquery;		/* type */
	Oid			bind[2];		/* bm25_bind(rankquery, regclass [, integer]) */
	Oid			bind_text[2];	/* bm25_bind(text, regclass [, integer]) */
} Names;

/*
 * In the schema of the function being planned, so that no search_path matters;
 * InvalidOid if there is none.
 */
static Oid
function_named(const char *schema, const char *name, int nargs, const Oid *types)
{
	return LookupFuncName(list_make2(makeString(pstrdup(schema)), makeString(pstrdup(name))),
						  nargs, types, true);
}

/*
 * The functions that a bound call is made of, in the schema of the extension's; false
 * if one is not there, as in a half-made extension.
 */
static bool
find_names(Oid funcid, Names *n)
{
	Oid			namespace = get_func_namespace(funcid);
	Oid			types[3] = {InvalidOid, REGCLASSOID, INT4OID};

	n->schema = get_namespace_name(namespace);
	n->rankquery = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("rankquery"),
								   ObjectIdGetDatum(namespace));
	if (n->schema == NULL || !OidIsValid(n->rankquery))
		return false;
	for (int top = 0; top < 2; top++)
	{
		types[0] = n->rankquery;
		n->bind[top] = function_named(n->schema, "bm25_bind", 2 + top, types);
		types[0] = TEXTOID;
		n->bind_text[top] = function_named(n->schema, "bm25_bind", 2 + top, types);
		if (!OidIsValid(n->bind[top]) || !OidIsValid(n->bind_text[top]))
			return false;
	}
	return true;
}

/*
 * Is the query bound already: by bm25_bind in this place, or by who wrote it, as far
 * as its value can be told? An index that a third argument names goes before both.
 */
static bool
is_bound(PlannerInfo *root, const FuncExpr *call, const Names *n)
{
	Node	   *query = lsecond(call->args);
	Node	   *named = list_length(call->args) > 2 ? lthird(call->args) : NULL;

	if (named && exprType(named) == REGCLASSOID &&
		(!IsA(named, Const) || ((Const *) named)->constisnull ||
		 OidIsValid(DatumGetObjectId(((Const *) named)->constvalue))))
		return true;
	if (IsA(query, FuncExpr))
	{
		Oid			f = ((FuncExpr *) query)->funcid;

		if (f == n->bind[0] || f == n->bind[1] || f == n->bind_text[0] || f == n->bind_text[1])
			return true;
	}
	if (exprType(query) != n->rankquery)
		return false;
	query = estimate_expression_value(root, query);
	if (!IsA(query, Const))
		return false;
	return ((Const *) query)->constisnull ||
		pgr_rankquery_chosen(DatumGetRankQuery(((Const *) query)->constvalue));
}

/* The value of a LIMIT or OFFSET as far as the planner knows it, or -1. */
static int64
count_value(PlannerInfo *root, Node *count)
{
	Node	   *value;

	if (count == NULL)
		return 0;
	value = estimate_expression_value(root, count);
	if (!IsA(value, Const) || ((Const *) value)->consttype != INT8OID ||
		((Const *) value)->constisnull)
		return -1;
	return DatumGetInt64(((Const *) value)->constvalue);
}

/*
 * How many rows in order the query level takes, 0 if that is not known. It is a
 * hint: other conditions and joins may need more.
 */
static int32
rows_wanted(PlannerInfo *root)
{
	const Query *q = root->parse;
	int64		limit,
				offset;

	if (q->limitCount == NULL || q->sortClause == NIL || q->groupClause != NIL ||
		q->groupingSets != NIL || q->distinctClause != NIL || q->setOperations != NULL ||
		q->hasAggs || q->hasWindowFuncs || q->hasTargetSRFs)
		return 0;
	limit = count_value(root, q->limitCount);
	offset = count_value(root, q->limitOffset);
	if (limit <= 0 || offset < 0 || limit > PG_INT32_MAX - 1 || offset > PG_INT32_MAX - limit)
		return 0;
	return (int32) (limit + offset);
}

/*
 * bm25_bind(query, index [, top]) as the planner writes it: its result's collation
 * says so (PGR_PLANNED).
 */
static Node *
bind_call(Node *query, Oid index, int32 top, const Names *n)
{
	const Oid  *bind = exprType(query) == n->rankquery ? n->bind : n->bind_text;
	List	   *args = list_make2(query, makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
												   ObjectIdGetDatum(index), false, true));

	if (top > 0)
		args = lappend(args, makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
									   Int32GetDatum(top), false, true));
	return (Node *) makeFuncExpr(bind[top > 0], n->rankquery, args, PGR_PLANNED,
								 exprCollation(query), COERCE_EXPLICIT_CALL);
}

/* The operator of a function that has one. */
static Oid
operator_of(const char *function, const char *schema, const Oid *types)
{
	const char *name = strcmp(function, "bm25_distance") == 0 ? "<@>" :
		strcmp(function, "rankquery_match") == 0 ? "@@@" : NULL;

	if (name == NULL)
		return InvalidOid;
	return OpernameGetOprid(list_make2(makeString(pstrdup(schema)), makeString(pstrdup(name))),
							types[0], types[1]);
}

/*
 * The document as the index has it: written in another way (ARRAY[title, body] of
 * varchar columns, and of text), an index scan would not be seen to match it. NULL if
 * that cannot be said in the query's variables.
 */
static Node *
document_of_index(const PgrTrace *t, const PgrIndexSearch *search, Node *document)
{
	Node	   *written;

	if (search->written == NULL)
		return document;
	written = pgr_trace_back(t, document, search->written);
	if (written && exprType(written) != search->type)
		written = (Node *) makeRelabelType((Expr *) written, search->type, -1,
										   exprCollation(document), COERCE_IMPLICIT_CAST);
	return written;
}

/*
 * An operator rather than a function where there is one: index paths are matched by
 * operators. NULL: there is none.
 */
static Node *
bound_operator(const FuncExpr *call, const char *function, Node *document, Node *query,
			   const Names *n)
{
	Oid			types[2] = {exprType(document), n->rankquery};
	Oid			operator = operator_of(function, n->schema, types);
	OpExpr	   *op;

	if (!OidIsValid(operator))
		return NULL;
	op = (OpExpr *) make_opclause(operator, call->funcresulttype, false, (Expr *) document,
								  (Expr *) query, InvalidOid, call->inputcollid);
	set_opfuncid(op);
	return (Node *) op;
}

/*
 * The same call with its query bound; NULL if there is no such function. Nodes are
 * allocated in the planner's memory context; the call itself is not changed.
 */
static Node *
bound_call(const FuncExpr *call, const PgrTrace *t, const PgrIndexSearch *search, int32 top,
		   const Names *n)
{
	char	   *function = get_func_name(call->funcid);
	Node	   *document = document_of_index(t, search, linitial(call->args));
	Node	   *query = bind_call(lsecond(call->args), search->index, top, n);
	Node	   *op = document ? bound_operator(call, function, document, query, n) : NULL;
	FuncExpr   *bound;
	Oid		   *types;
	int			nargs;

	if (op == NULL)
		op = bound_operator(call, function, linitial(call->args), query, n);
	if (op != NULL)
		return op;
	get_func_signature(call->funcid, &types, &nargs);
	types[1] = n->rankquery;
	bound = palloc(sizeof(FuncExpr));
	*bound = *call;
	bound->args = list_copy(call->args);
	lsecond(bound->args) = query;
	bound->funcid = function_named(n->schema, function, nargs, types);
	return OidIsValid(bound->funcid) ? (Node *) bound : NULL;
}

/*
 * Asked for each call while a query is planned; NULL leaves it as it is. Locks that
 * finding the index takes are let go.
 */
PG_FUNCTION_INFO_V1(pgr_bm25_support);
Datum
pgr_bm25_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	FuncExpr   *call;
	Names		names;
	PgrTrace	trace;
	PgrIndexSearch search;

	/* an expression outside a query has no table to look at */
	if (!IsA(request, SupportRequestSimplify) || request->root == NULL)
		PG_RETURN_POINTER(NULL);
	call = request->fcall;
	if (list_length(call->args) < 2 ||
		!find_names(call->funcid, &names) ||
		is_bound(request->root, call, &names) ||
		!find_index(request->root, call, &trace, &search))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(bound_call(call, &trace, &search, rows_wanted(request->root), &names));
}

/* --- selectivity of @@@ --- */

/*
 * Plain words that are not bound though there is an index: those of document @@@ ANY
 * (array), which no support function is asked about.
 */
static void
notice_unbound_words(PlannerInfo *root, Oid operator, List *args)
{
	FuncExpr   *call = (FuncExpr *) makeFuncExpr(get_opcode(operator), BOOLOID, args, InvalidOid,
												 InvalidOid, COERCE_EXPLICIT_CALL);
	PgrTrace	trace;
	PgrIndexSearch search;

	if (find_index(root, call, &trace, &search))
		notice_unbound("Words in an array are taken by default_text_search_config.",
					   "Use OR, or any_of(config, words).");
}

/*
 * The last share in this statement: the planner asks again for each partition, and the
 * answer is that of all of them together.
 */
static double
share_of(Oid index, const PgrRankQuery *rq, const PgrQuery *query)
{
	static struct
	{
		TimestampTz statement;
		Oid			index;
		uint64		query;
		double		share;
	}			last;
	TimestampTz now = GetCurrentStatementStartTimestamp();
	uint64		hash = hash_bytes_extended((const unsigned char *) rq, (int) VARSIZE(rq), 0);

	if (last.statement != now || last.index != index || last.query != hash)
	{
		last.share = pgr_selectivity_hook(index, query);
		last.statement = now;
		last.index = index;
		last.query = hash;
	}
	return last.share;
}

/* The share of rows that match a query whose value is known, or -1. */
static double
known_share(PlannerInfo *root, Oid operator, List *args, const Const *value)
{
	PgrRankQuery *rq;
	PgrQuery   *query;
	Oid			index;

	if (value->constisnull)
		return 0;
	if (value->consttype == TEXTOID)
	{
		notice_unbound_words(root, operator, args);
		return -1;
	}
	rq = DatumGetRankQuery(value->constvalue);
	query = pgr_query_unpack(rq);
	index = pgr_query_index_if_allowed(query);
	return OidIsValid(index) && pgr_selectivity_hook ? share_of(index, rq, query) : -1;
}

/* restrict estimator of @@@; the default where nothing is known. */
PG_FUNCTION_INFO_V1(pgr_rankquery_sel);
Datum
pgr_rankquery_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	double		share = -1;

	if (list_length(args) == 2)
	{
		Node	   *query = estimate_expression_value(root, lsecond(args));

		if (IsA(query, Const))
			share = known_share(root, PG_GETARG_OID(1), args, (Const *) query);
	}
	if (share < 0)
		share = DEFAULT_SELECTIVITY;
	PG_RETURN_FLOAT8(Min(share, 1.0));
}
