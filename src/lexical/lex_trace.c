/*
 * lex_trace.c
 *		From an expression in a query to the table column or expression that it is:
 *		through views, subqueries, CTEs, joins and outer query levels; and the
 *		conditions that the rows of that table are under.
 *
 * Runs in the planner, from support functions and estimators, in the planner's memory
 * context; nothing is freed by itself. Reads the trees of the query, which core has
 * rewritten and perhaps partly planned (variables of subqueries already pulled up,
 * joins flattened), and never changes them. No locks, no catalog access but syscache
 * look-ups of functions, no user code but what eval_const_expressions evaluates.
 * Raises what that raises, and 54001 for a stack that is too deep.
 *
 * Where tracing says no (`failed`) the query is only not bound by itself: false
 * negatives cost a NOTICE, false positives would score rows by another column's
 * index. So what is not understood fails.
 */
#include "postgres.h"

#include "lexical/lex_trace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "base/compat.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

/* --- levels --- */

/* A query level: the one being planned, one around it, or a subquery inside. */
typedef struct PgrLevel
{
	Query	   *query;
	PlannerInfo *root;			/* of a level being planned, else NULL */
	struct PgrLevel *outer;		/* of a subquery that is looked into, else NULL */
} PgrLevel;

static Node *trace_mutator(Node *node, void *context);

/*
 * The level around; NULL at the outermost, or where the planner does not tell.
 * palloc'd where it is not known yet: two calls may give two structs of one level, so
 * levels are compared by their query.
 */
static PgrLevel *
outer_level(PgrLevel *level)
{
	PgrLevel   *outer = level->outer;

	if (outer == NULL && level->root && level->root->parent_root)
	{
		outer = palloc0(sizeof(PgrLevel));
		outer->root = level->root->parent_root;
		outer->query = outer->root->parse;
	}
	return outer;
}

/* The level n further out, as varlevelsup counts; NULL if there are not so many. */
static PgrLevel *
level_up(PgrLevel *level, int n)
{
	while (level && n-- > 0)
		level = outer_level(level);
	return level;
}

/* Goes on tracing `node` in another level, and comes back to the present one. */
static Node *
trace_at(Node *node, PgrLevel *level, PgrTrace *t)
{
	PgrLevel   *here = t->level;

	t->level = level;
	node = trace_mutator(node, t);
	t->level = here;
	return node;
}

/*
 * Notes that the expression is none of one table's alone; the node is returned for
 * the mutator's sake.
 */
static Node *
trace_failed(PgrTrace *t, Node *node)
{
	t->failed = true;
	return node;
}

/*
 * Column attno of a subquery that stands at a level. Levels are palloc'd in the
 * planner's memory context. Of a set operation nothing is traced: which arm has the
 * row is not known, and each arm is bound by itself.
 */
static Node *
trace_subquery(Query *query, AttrNumber attno, PgrLevel *around, PgrTrace *t, Node *node)
{
	PgrLevel   *level = palloc0(sizeof(PgrLevel));
	ListCell   *lc;

	level->query = query;
	level->outer = around;
	if (query->setOperations != NULL)
	{
		t->union_all = true;
		return trace_failed(t, node);
	}
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resno == attno && !tle->resjunk)
			return trace_at((Node *) tle->expr, level, t);
	}
	return trace_failed(t, node);
}

/*
 * Column attno of a CTE, looked up by its name where it is defined. A recursive one
 * is not traced: its rows come from two queries.
 */
static Node *
trace_cte(RangeTblEntry *rte, AttrNumber attno, PgrLevel *level, PgrTrace *t, Node *node)
{
	PgrLevel   *around = level_up(level, (int) rte->ctelevelsup);
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

/*
 * A table's column, as variable of varno 1 whatever its place in the query: that is
 * how index expressions and predicates have it. A second table, a whole row and
 * system columns fail.
 */
static Node *
trace_table(RangeTblEntry *rte, const Var *var, PgrLevel *level, PgrTrace *t, Node *node)
{
	if (var->varattno <= 0 || (t->table != NULL && t->table != rte))
		return trace_failed(t, node);
	t->table = rte;
	t->table_level = level;
	t->table_varno = var->varno;
	return (Node *) makeVar(1, var->varattno, var->vartype, var->vartypmod, var->varcollid, 0);
}

/*
 * From a variable to what stands behind it in its level: a table's column, or an
 * expression of a subquery, CTE or join, in which tracing goes on. Anything else
 * (functions in FROM, VALUES, foreign joins) fails.
 */
static Node *
trace_var(Var *var, PgrTrace *t)
{
	PgrLevel   *level = level_up(t->level, (int) var->varlevelsup);
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
			return trace_table(rte, var, level, t, node);
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

/*
 * expression_tree_mutator's callback: the expression with its variables replaced by
 * those of one table. What makes a value of several rows or of another query
 * (aggregates, window functions, subplans) fails.
 */
static Node *
trace_mutator(Node *node, void *context)
{
	PgrTrace   *t = context;

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

/*
 * Contract in lex_trace.h. RelabelTypes on top go, since an index on varchar has none
 * or another.
 */
void
pgr_trace(PlannerInfo *root, Node *expression, PgrTrace *t)
{
	memset(t, 0, sizeof(*t));
	t->root = root;
	t->level = palloc0(sizeof(PgrLevel));
	t->level->query = root->parse;
	t->level->root = root;
	t->expression = trace_mutator(expression, t);
	while (!t->failed && t->expression && IsA(t->expression, RelabelType))
		t->expression = (Node *) ((RelabelType *) t->expression)->arg;
}

/*
 * True where the planner asks again, for a partition or inheritance child. An arm of
 * a UNION ALL that was pulled up has a parent in append_rel_array, too, but that is
 * no table (parent_reloid).
 */
bool
pgr_trace_is_child(const PgrTrace *t)
{
	PlannerInfo *root = t->table_level ? t->table_level->root : NULL;
	AppendRelInfo *info;

	if (root == NULL || root->append_rel_array == NULL ||
		t->table_varno >= root->simple_rel_array_size)
		return false;
	info = root->append_rel_array[t->table_varno];
	return info != NULL && OidIsValid(info->parent_reloid);
}

/* --- the conditions of a table --- */

/*
 * The conditions being collected: `found` is a list of clauses that all hold, with
 * variables of varno 1.
 */
typedef struct Conditions
{
	const PgrTrace *table;
	Oid			support;		/* conditions that have this function are left out */
	bool		planned;		/* those at hand have been through the planner */
	List	   *found;
} Conditions;

/*
 * True if a parameter of the statement has this very value, by bytes. Parameters of
 * PL functions may be fetched by a hook (speculative: no error for one that is not
 * set).
 */
static bool
is_parameter(PlannerInfo *root, const Const *c)
{
	ParamListInfo params = root->glob->boundParams;

	for (int i = 0; i < params->numParams; i++)
	{
		ParamExternData fetched;
		ParamExternData *p = params->paramFetch ?
			params->paramFetch(params, i + 1, true, &fetched) : &params->params[i];

		CHECK_FOR_INTERRUPTS();
		if (p->ptype == c->consttype && p->isnull == c->constisnull &&
			(p->isnull || datumIsEqual(p->value, c->constvalue, c->constbyval, c->constlen)))
			return true;
	}
	return false;
}

/*
 * expression_tree_walker: may a constant in it be a parameter's value? A generic plan
 * does not know it, and must mean the same as one that does. Where the planner has
 * been, one cannot be told from the other, so a constant that is equal to a parameter
 * is taken for it. The price is a partial index that is not chosen.
 */
static bool
may_be_parameter(Node *node, void *context)
{
	const Conditions *c = context;

	if (node == NULL)
		return false;
	if (IsA(node, Const))
		return is_parameter(c->table->root, (Const *) node);
	return expression_tree_walker(node, may_be_parameter, context);
}

/*
 * Is the function, or one of those of the condition's parts, one of ours? Such
 * conditions are what is being bound.
 */
static bool
has_support(Node *node, void *context)
{
	const Conditions *c = context;
	Oid			function = InvalidOid;

	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) || IsA(node, ScalarArrayOpExpr))
		function = get_opcode(IsA(node, OpExpr) ? ((OpExpr *) node)->opno :
							  ((ScalarArrayOpExpr *) node)->opno);
	else if (IsA(node, FuncExpr))
		function = ((FuncExpr *) node)->funcid;
	if (OidIsValid(function) && get_func_support(function) == c->support)
		return true;
	return expression_tree_walker(node, has_support, context);
}

/*
 * Adds one of several conditions that all hold, if it is of the traced table alone
 * and is not itself what is being bound.
 */
static void
add_condition(Conditions *c, Node *condition)
{
	PgrTrace	t = {.root = c->table->root, .level = c->table->table_level,
	.table = c->table->table};

	if (contain_subplans(condition) || has_support(condition, c) ||
		(c->planned && c->table->root->glob->boundParams && may_be_parameter(condition, c)))
		return;
	condition = trace_mutator(condition, &t);
	if (!t.failed && t.variables)
		c->found = lappend(c->found, condition);
}

/*
 * What ANDs together is several conditions. c->planned while those at hand are a list:
 * only then may constants have been parameters.
 */
static void
add_conditions(Conditions *c, Node *quals)
{
	ListCell   *lc;

	/* a level's conditions are a list once they have been through the planner */
	if (quals == NULL)
		return;
	if (IsA(quals, List))
	{
		c->planned = true;
		foreach(lc, (List *) quals)
			add_conditions(c, lfirst(lc));
		c->planned = false;
	}
	else if (is_andclause(quals))
		add_conditions(c, (Node *) ((BoolExpr *) quals)->args);
	else
		add_condition(c, quals);
}

/*
 * Collects what holds of each row of the table that a join tree returns, unless the
 * row is NULLs of an outer join. Is the table there?
 */
static bool
walk_jointree(Conditions *c, Node *node)
{
	bool		here = false;

	check_stack_depth();
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == c->table->table_varno;
	if (IsA(node, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) node)->fromlist)
			here |= walk_jointree(c, lfirst(lc));
		if (here)
			add_conditions(c, ((FromExpr *) node)->quals);
	}
	else if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;
		bool		left = walk_jointree(c, join->larg);
		bool		right = walk_jointree(c, join->rarg);
		JoinType	type = join->jointype;

		here = left || right;
		/* the side that is preserved is not restricted by the condition */
		if ((left && (type == JOIN_INNER || type == JOIN_SEMI || type == JOIN_RIGHT)) ||
			(right && (type == JOIN_INNER || type == JOIN_SEMI || type == JOIN_LEFT)))
			add_conditions(c, join->quals);
	}
	return here;
}

/*
 * Contract in lex_trace.h. Constants are folded, so that predicate_implied_by sees
 * them as it does predicates; without root, so that parameters are not replaced by
 * values.
 */
List *
pgr_trace_conditions(const PgrTrace *t, Oid support)
{
	Conditions	c = {t, support, false, NIL};

	walk_jointree(&c, (Node *) t->table_level->query->jointree);
	/* without root: parameters are not replaced */
	return (List *) eval_const_expressions(NULL, (Node *) c.found);
}

/* --- the way back --- */

/* The way back of one expression: from varno 1 to the variables of the original. */
typedef struct Returning
{
	const PgrTrace *trace;
	Node	   *original;
	Var		   *found;			/* variable of the original that is column attno */
	AttrNumber	attno;
	bool		failed;
} Returning;

/*
 * expression_tree_walker: finds a variable of the original expression that is the
 * table's column r->attno. Only a direct one: what came through a subquery's column
 * has no variable of the table to return to.
 */
static bool
find_var(Node *node, void *context)
{
	Returning  *r = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		PgrLevel   *level = level_up(r->trace->level, (int) var->varlevelsup);

		if (level == NULL || level->query != r->trace->table_level->query ||
			var->varno != r->trace->table_varno || var->varattno != r->attno)
			return false;
		r->found = var;
		return true;
	}
	return expression_tree_walker(node, find_var, context);
}

/*
 * expression_tree_mutator's callback: each variable of the table becomes the
 * original's, so the expression can stand where the original stood.
 */
static Node *
return_mutator(Node *node, void *context)
{
	Returning  *r = context;

	if (node == NULL || r->failed)
		return node;
	if (IsA(node, Var))
	{
		r->attno = ((Var *) node)->varattno;
		if (!find_var(r->original, r))
			r->failed = true;
		return r->failed ? node : copyObject((Node *) r->found);
	}
	return expression_tree_mutator(node, return_mutator, context);
}

/*
 * NULL if the original has not all the columns that the expression needs. The result
 * is a copy, in the planner's memory context.
 */
Node *
pgr_trace_back(const PgrTrace *t, Node *original, Node *expression)
{
	Returning	r = {.trace = t, .original = original};

	expression = return_mutator(expression, &r);
	return r.failed ? NULL : expression;
}

/* --- where a call stands --- */

/* A call that is looked for: an operator's function, and its first argument. */
typedef struct Sought
{
	Oid			function;
	Node	   *document;
} Sought;

/* expression_tree_walker: true at the operator or function on the document. */
static bool
find_call(Node *node, void *context)
{
	Sought	   *s = context;

	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && get_opcode(((OpExpr *) node)->opno) == s->function &&
		equal(linitial(((OpExpr *) node)->args), s->document))
		return true;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == s->function &&
		equal(linitial(((FuncExpr *) node)->args), s->document))
		return true;
	return expression_tree_walker(node, find_call, context);
}

/* True if the call stands in the conditions of a join tree, at any depth of joins. */
static bool
find_in_quals(Node *node, Sought *s)
{
	ListCell   *lc;

	if (node == NULL || IsA(node, RangeTblRef))
		return false;
	if (IsA(node, JoinExpr))
		return find_call(((JoinExpr *) node)->quals, s) ||
			find_in_quals(((JoinExpr *) node)->larg, s) ||
			find_in_quals(((JoinExpr *) node)->rarg, s);
	foreach(lc, ((FromExpr *) node)->fromlist)
	{
		if (find_in_quals(lfirst(lc), s))
			return true;
	}
	return find_call(((FromExpr *) node)->quals, s);
}

/* Of the level being planned: its WHERE and ON, not its subqueries'. */
bool
pgr_trace_in_conditions(PlannerInfo *root, Oid function, Node *document)
{
	Sought		s = {function, document};

	return find_in_quals((Node *) root->parse->jointree, &s);
}
