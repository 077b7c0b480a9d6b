/*
 * lex_support.c
 *		What the planner knows of <@>, @@@ and the functions beside them.
 *
 * Binding. A query's scores need the statistics of a collection, which an
 * operator cannot see from its arguments. The planner support function sees the
 * expression on the left, finds the table column or expression it comes from
 * (through views, subqueries, CTEs, joins and outer query levels) and the bm25
 * index on that, and returns
 *
 *		document <@> bm25_bind(query, index)
 *
 * which is the same operator (of a rankquery), so an index on the column still
 * matches it. A LIMIT that is known is told too, as bm25_bind's third argument: a
 * scan, which is not told of it, then looks for so many rows at first. The index's
 * name is shown by EXPLAIN. What is bound already stays. A query on a column
 * without an index stays unbound: see src/lexical/README for what its scores
 * are. Where a column cannot be traced there is a NOTICE, unless no table is
 * there at all (values, functions).
 *
 * Rejected: hooks of the parser or planner (need a preloaded library), the table
 * instead of the index (two indexes may differ in options).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Without statistics: few enough for an index, enough not to hide a LIMIT. */
#define DEFAULT_SELECTIVITY 0.05

/* --- tracing an expression to a table --- */

/* A query level: the one being planned, one around it, or a subquery inside. */
typedef struct Level
{
	Query	   *query;
	PlannerInfo *root;			/* of a level being planned, else NULL */
	struct Level *outer;		/* of a subquery that is looked into, else NULL */
} Level;

typedef struct Trace
{
	Level	   *level;			/* where the expression at hand stands */
	RangeTblEntry *table;		/* found so far */
	bool		variables;		/* does the expression have any? */
	bool		failed;
	bool		no_table;		/* it is of a function or a list of values */
} Trace;

static Node *trace_mutator(Node *node, void *context);

static Level *
outer_level(Level *level)
{
	Level	   *outer = level->outer;

	if (outer == NULL && level->root && level->root->parent_root)
	{
		outer = palloc0(sizeof(Level));
		outer->root = level->root->parent_root;
		outer->query = outer->root->parse;
	}
	return outer;
}

static Level *
level_up(Level *level, int n)
{
	while (level && n-- > 0)
		level = outer_level(level);
	return level;
}

static Node *
trace_at(Node *node, Level *level, Trace *t)
{
	Level	   *here = t->level;

	t->level = level;
	node = trace_mutator(node, t);
	t->level = here;
	return node;
}

static Node *
trace_failed(Trace *t, Node *node)
{
	t->failed = true;
	return node;
}

/* Column attno of a subquery that stands at a level. */
static Node *
trace_subquery(Query *query, AttrNumber attno, Level *around, Trace *t, Node *node)
{
	Level	   *level = palloc0(sizeof(Level));
	ListCell   *lc;

	level->query = query;
	level->outer = around;
	if (query->setOperations != NULL)
		return trace_failed(t, node);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resno == attno && !tle->resjunk)
			return trace_at((Node *) tle->expr, level, t);
	}
	return trace_failed(t, node);
}

static Node *
trace_cte(RangeTblEntry *rte, AttrNumber attno, Level *level, Trace *t, Node *node)
{
	Level	   *around = level_up(level, (int) rte->ctelevelsup);
	ListCell   *lc;

	if (around == NULL || rte->self_reference)
		return trace_failed(t, node);
	foreach(lc, around->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0 && IsA(cte->ctequery, Query))
			return trace_subquery((Query *) cte->ctequery, attno, around, t, node);
	}
	return trace_failed(t, node);
}

/* A table's column, as variable of varno 1 whatever its place in the query. */
static Node *
trace_table(RangeTblEntry *rte, const Var *var, Trace *t, Node *node)
{
	if (var->varattno <= 0 || (t->table != NULL && t->table != rte))
		return trace_failed(t, node);
	t->table = rte;
	return (Node *) makeVar(1, var->varattno, var->vartype, var->vartypmod, var->varcollid, 0);
}

static Node *
trace_var(Var *var, Trace *t)
{
	Level	   *level = level_up(t->level, (int) var->varlevelsup);
	Node	   *node = (Node *) var;
	RangeTblEntry *rte;

	t->variables = true;
	if (level == NULL || IS_SPECIAL_VARNO(var->varno) ||
		var->varno > list_length(level->query->rtable))
		return trace_failed(t, node);
	rte = rt_fetch(var->varno, level->query->rtable);
	if (PGR_RTE_GROUP_EXPRS(rte) != NIL)
		return trace_at(list_nth(PGR_RTE_GROUP_EXPRS(rte), var->varattno - 1), level, t);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return trace_table(rte, var, t, node);
		case RTE_SUBQUERY:
			if (rte->subquery == NULL || var->varattno <= 0)
				return trace_failed(t, node);
			return trace_subquery(rte->subquery, var->varattno, level, t, node);
		case RTE_CTE:
			return trace_cte(rte, var->varattno, level, t, node);
		case RTE_JOIN:
			if (var->varattno <= 0 || var->varattno > list_length(rte->joinaliasvars))
				return trace_failed(t, node);
			return trace_at(list_nth(rte->joinaliasvars, var->varattno - 1), level, t);
		default:
			t->no_table = true;
			return trace_failed(t, node);
	}
}

/* The expression with its variables replaced by those of one table. */
static Node *
trace_mutator(Node *node, void *context)
{
	Trace	   *t = context;

	if (node == NULL || t->failed)
		return node;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Var:
			return trace_var((Var *) node, t);
		case T_PlaceHolderVar:
			if (((PlaceHolderVar *) node)->phlevelsup > 0)
				return trace_failed(t, node);
			return trace_mutator((Node *) ((PlaceHolderVar *) node)->phexpr, t);
		case T_SubLink:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_Query:
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
			return trace_failed(t, node);
		default:
			return expression_tree_mutator(node, trace_mutator, context);
	}
}

/* One NOTICE in a statement, however often the planner comes by. */
static void
notice_untraceable(void)
{
	static TimestampTz last = 0;

	if (last == GetCurrentStatementStartTimestamp())
		return;
	last = GetCurrentStatementStartTimestamp();
	ereport(NOTICE,
			(errmsg("query is not bound to a bm25 index"),
			 errdetail("The document could not be traced to a column or expression of one table."),
			 errhint("Bind it with bm25_bind(query, 'index'), or its scores use no statistics.")));
}

/* The index that a query on this expression uses, or InvalidOid. */
static Oid
index_of_expression(PlannerInfo *root, Node *expression)
{
	Level		level = {root->parse, root, NULL};
	Trace		t = {.level = &level};
	Node	   *traced = trace_mutator(expression, &t);

	if (t.failed)
	{
		if (t.variables && !t.no_table)
			notice_untraceable();
		return InvalidOid;
	}
	while (traced && IsA(traced, RelabelType))
		traced = (Node *) ((RelabelType *) traced)->arg;
	if (t.table == NULL || pgr_index_hook == NULL)
		return InvalidOid;
	return pgr_index_hook(t.table->relid, traced);
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

static Oid
function_named(const char *schema, const char *name, int nargs, const Oid *types)
{
	return LookupFuncName(list_make2(makeString(pstrdup(schema)), makeString(pstrdup(name))),
						  nargs, types, true);
}

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

static bool
is_bound(Node *query, const Names *n)
{
	if (IsA(query, FuncExpr))
	{
		Oid			f = ((FuncExpr *) query)->funcid;

		return f == n->bind[0] || f == n->bind[1] || f == n->bind_text[0] || f == n->bind_text[1];
	}
	if (IsA(query, Const) && ((Const *) query)->consttype == n->rankquery)
		return ((Const *) query)->constisnull ||
			OidIsValid(DatumGetRankQuery(((Const *) query)->constvalue)->bound);
	return false;
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

static Node *
bind_call(Node *query, Oid index, int32 top, const Names *n)
{
	const Oid  *bind = exprType(query) == n->rankquery ? n->bind : n->bind_text;
	List	   *args = list_make2(query, makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
												   ObjectIdGetDatum(index), false, true));

	if (top > 0)
		args = lappend(args, makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
									   Int32GetDatum(top), false, true));
	return (Node *) makeFuncExpr(bind[top > 0], n->rankquery, args, InvalidOid,
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

/* The same call with its query bound; NULL if there is no such function. */
static Node *
bound_call(const FuncExpr *call, Oid index, int32 top, const Names *n)
{
	char	   *function = get_func_name(call->funcid);
	List	   *args = list_copy(call->args);
	FuncExpr   *bound;
	Oid		   *types;
	int			nargs;
	Oid			operator;

	get_func_signature(call->funcid, &types, &nargs);
	types[1] = n->rankquery;
	lsecond(args) = bind_call(lsecond(args), index, top, n);
	operator = operator_of(function, n->schema, types);
	if (OidIsValid(operator))
	{
		OpExpr	   *op = (OpExpr *) make_opclause(operator, call->funcresulttype, false,
												  linitial(args), lsecond(args),
												  InvalidOid, call->inputcollid);

		set_opfuncid(op);
		return (Node *) op;
	}
	bound = palloc(sizeof(FuncExpr));
	*bound = *call;
	bound->args = args;
	bound->funcid = function_named(n->schema, function, nargs, types);
	return OidIsValid(bound->funcid) ? (Node *) bound : NULL;
}

PG_FUNCTION_INFO_V1(pgr_bm25_support);
Datum
pgr_bm25_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	FuncExpr   *call;
	Names		names;
	Oid			index;

	/* an expression outside a query has no table to look at */
	if (!IsA(request, SupportRequestSimplify) || request->root == NULL)
		PG_RETURN_POINTER(NULL);
	call = request->fcall;
	if (list_length(call->args) < 2 ||
		!find_names(call->funcid, &names) ||
		is_bound(lsecond(call->args), &names))
		PG_RETURN_POINTER(NULL);
	index = index_of_expression(request->root, linitial(call->args));
	if (!OidIsValid(index))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(bound_call(call, index, rows_wanted(request->root), &names));
}

/* --- selectivity of @@@ --- */

PG_FUNCTION_INFO_V1(pgr_rankquery_sel);
Datum
pgr_rankquery_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	double		share = -1;
	Node	   *query;

	if (list_length(args) == 2 && pgr_selectivity_hook)
	{
		query = estimate_expression_value(root, lsecond(args));
		/* the operator's right side is text or a rankquery */
		if (IsA(query, Const) && !((Const *) query)->constisnull &&
			((Const *) query)->consttype != TEXTOID)
		{
			PgrRankQuery *rq = DatumGetRankQuery(((Const *) query)->constvalue);

			if (OidIsValid(rq->bound))
				share = pgr_selectivity_hook(rq->bound, rq);
		}
	}
	if (share < 0)
		share = DEFAULT_SELECTIVITY;
	PG_RETURN_FLOAT8(Min(share, 1.0));
}
