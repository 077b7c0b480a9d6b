/*
 * radius.c
 *		A distance threshold beside an order by that distance, as a condition of the
 *		index scan. See README, "Thresholds".
 *
 * A clause E < R, where E is the distance that a path is ordered by or simple
 * arithmetic on it with constants, says that the distance is at most some radius. It
 * is the same for all rows, so the scan, which comes in ascending order, can end
 * there. The radius is rounded outwards and the executor goes on testing the clause
 * itself, so a condition that is too wide does no harm.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/stratnum.h"
#include "am/radius.h"
#include "am/vecclass.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "nodes/value.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/restrictinfo.h"
#include "types/distance_cost.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* What a computed distance or radius may err by, of its size. */
#define ROUNDING (8 * DBL_EPSILON)

/* A smaller LIMIT is about what the first step of a search finds. */
#define LARGE_LIMIT 100

/* ----------
 * From a clause to a radius
 * ----------
 */

/*
 * What a path is ordered by: the operator's expression, its function and the metric of its
 * class. Points into the path; nothing is copied.
 */
typedef struct OrderedBy
{
	OpExpr	   *order;
	Oid			function;
	PgrMetric	metric;
} OrderedBy;

/*
 * E and R of a clause E < R (upper), or E > R. undo_step moves arithmetic from E to R until E
 * is the distance itself. Equality and <= are taken for <, which only makes the bound weaker.
 * Nodes are made in the planner's memory context and never freed.
 */
typedef struct Bound
{
	Node	   *expr;
	Node	   *limit;
	bool		upper;
} Bound;

/*
 * A call's function and its arguments; false if the node is none. Operators whose function was
 * not looked up yet (opfuncid 0) are looked up here, without writing to the tree, which is
 * shared.
 */
static bool
split_call(Node *node, Oid *function, List **args)
{
	if (node != NULL && IsA(node, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) node;

		*function = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
		*args = op->args;
		return true;
	}
	if (node != NULL && IsA(node, FuncExpr))
	{
		*function = ((FuncExpr *) node)->funcid;
		*args = ((FuncExpr *) node)->args;
		return true;
	}
	return false;
}

/*
 * Whether a and b are the two operands of the order, in either order: all our distances are
 * symmetric. By equal(), so two subqueries of the same text differ; see README, "Thresholds".
 */
static bool
same_operands(const OrderedBy *by, Node *a, Node *b)
{
	Node	   *x = linitial(by->order->args);
	Node	   *y = lsecond(by->order->args);

	return (equal(a, x) && equal(b, y)) || (equal(a, y) && equal(b, x));
}

/*
 * Whether a node is the very distance that the path is ordered by, as operator or as function
 * call.
 */
static bool
is_the_distance(const OrderedBy *by, Node *node)
{
	Oid			function;
	List	   *args;

	return split_call(node, &function, &args) && function == by->function &&
		list_length(args) == 2 && same_operands(by, linitial(args), lsecond(args));
}

/* A constant of type float8, in the planner's memory context. */
static Node *
float8_const(double value)
{
	return (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(value),
							  false, FLOAT8PASSBYVAL);
}

/* A number of type float8 that is known now. */
static bool
known_number(Node *node, double *value)
{
	Const	   *c = (Const *) node;

	if (!IsA(node, Const) || c->consttype != FLOAT8OID || c->constisnull)
		return false;
	*value = DatumGetFloat8(c->constvalue);
	return true;
}

/*
 * An expression of float8's own operator; left is NULL for a prefix operator. Looked up in
 * pg_catalog by name and types, so that no other schema in search_path can lend its own.
 */
static Node *
float8_operation(char *name, Node *left, Node *right)
{
	Oid			op = OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString(name)),
									  left == NULL ? InvalidOid : FLOAT8OID, FLOAT8OID);

	return (Node *) make_opclause(op, FLOAT8OID, false, (Expr *) (left ? left : right),
								  (Expr *) (left ? right : NULL), InvalidOid, InvalidOid);
}

/*
 * limit * factor + term. Computed here if limit is a constant. Otherwise an expression is
 * made, but only for factor 1 or -1: a sum of finite numbers within 1e100 cannot overflow
 * where the clause's own evaluation does not, while a product could raise an error that the
 * query itself would not. The caller refuses other factors; what is returned for them is not
 * used.
 */
static Node *
scaled(Node *limit, double factor, double term)
{
	double		known;

	if (known_number(limit, &known))
		return float8_const(known * factor + term);
	if (factor < 0)
		limit = term == 0 ? float8_operation("-", NULL, limit)
			: float8_operation("-", float8_const(term), limit);
	else if (term != 0)
		limit = float8_operation("+", limit, float8_const(term));
	return limit;
}

/*
 * Undoes one step of arithmetic on the distance with a constant c; that of a sum is
 * first moved by what rounding may have done, so that the bound becomes weaker. False if
 * there is no such step. Where limit is not yet known, only sums and changes of sign are
 * undone: others may overflow, which the clause itself may not.
 */
static bool
undo_step(Bound *b)
{
	Oid			function;
	List	   *args;
	double		c;
	double		limit = 0;
	bool		known = known_number(b->limit, &limit);
	bool		first;			/* c is the first operand */

	if (!split_call(b->expr, &function, &args))
		return false;
	if (function == F_FLOAT8UM)
	{
		*b = (Bound) {linitial(args), scaled(b->limit, -1, 0), !b->upper};
		return true;
	}
	if (list_length(args) != 2)
		return false;
	first = known_number(linitial(args), &c);
	if ((!first && !known_number(lsecond(args), &c)) || !(fabs(c) > 1e-100 && fabs(c) < 1e100))
		return false;
	b->expr = list_nth(args, first ? 1 : 0);
	switch (function)
	{
		case F_FLOAT8PL:		/* E < limit - c */
			b->limit = scaled(b->limit, 1, -c + (b->upper ? ROUNDING : -ROUNDING) * fabs(c));
			return true;
		case F_FLOAT8MI:		/* E < limit + c; or E > c - limit */
			b->upper = b->upper != first;
			b->limit = scaled(b->limit, first ? -1 : 1,
							  c + (b->upper ? ROUNDING : -ROUNDING) * fabs(c));
			return true;
		case F_FLOAT8MUL:		/* E < limit / c */
			b->upper = (c > 0) == b->upper;
			b->limit = scaled(b->limit, 1 / c, 0);
			return known || fabs(c) == 1;
		case F_FLOAT8DIV:
			if (!first)			/* E < limit * c */
			{
				b->upper = (c > 0) == b->upper;
				b->limit = scaled(b->limit, c, 0);
				return known || fabs(c) == 1;
			}
			/* c / E > limit > 0: E is positive and less than c / limit */
			if (c < 0 || b->upper || !known || !(limit > 1e-100))
				return false;
			b->upper = true;
			b->limit = float8_const(c / limit);
			return true;
		default:
			return false;
	}
}

/*
 * The radius that E < R (or E > R) gives, or NULL if E is not the distance with arithmetic
 * around it, or the bound turns out to be a lower one, which does not end a scan. undo_step
 * takes away one level of E each time, so this ends.
 */
static Node *
radius_of_bound(const OrderedBy *by, Bound b)
{
	while (!is_the_distance(by, b.expr))
		if (!undo_step(&b))
			return NULL;
	return b.upper ? b.limit : NULL;
}

/*
 * Whether an expression has one value in a whole scan, of a type that can be compared with a
 * float8 distance. Only base restrictions come here, so a column in it would be of this very
 * table and the radius different for each row. A SubPlan that is still one at this stage is
 * run for each row as well; those that are run once have become Params.
 */
static bool
is_limit(Node *node)
{
	return (exprType(node) == FLOAT8OID || exprType(node) == FLOAT4OID) &&
		!contain_var_clause(node) && !contain_subplans(node) && !contain_volatile_functions(node);
}

/* The node as float8; a float4 is widened, which is exact. */
static Node *
as_float8(Node *node)
{
	if (exprType(node) == FLOAT8OID)
		return node;
	return (Node *) makeFuncExpr(F_FLOAT8_FLOAT4, FLOAT8OID, list_make1(node), InvalidOid,
								 InvalidOid, COERCE_EXPLICIT_CAST);
}

/*
 * The radius that a comparison of two numbers gives, or NULL. The operator is known by its
 * place in float8's btree family, so float4 operators count as well and user-defined ones of
 * the same name do not. Both sides are tried, since either may hold the distance. An equality
 * bounds from above and below at once; which of the two is the upper bound of the distance
 * depends on signs in E, so both directions are tried. Catalog look-ups only; memory is the
 * planner's.
 */
static Node *
radius_of_comparison(PlannerInfo *root, const OrderedBy *by, OpExpr *op)
{
	Oid			family = lookup_type_cache(FLOAT8OID, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	int			strategy = get_op_opfamily_strategy(op->opno, family);

	if (strategy == 0 || list_length(op->args) != 2)
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Node	   *expr = list_nth(op->args, side);
		Node	   *limit = list_nth(op->args, 1 - side);
		bool		less = strategy == BTLessStrategyNumber ||
			strategy == BTLessEqualStrategyNumber;
		Node	   *radius;

		if (!is_limit(limit))
			continue;
		limit = eval_const_expressions(root, as_float8(limit));
		radius = radius_of_bound(by, (Bound) {expr, limit, less == (side == 0)});
		if (radius == NULL && strategy == BTEqualStrategyNumber)
			radius = radius_of_bound(by, (Bound) {expr, limit, true});
		if (radius != NULL)
			return radius;
	}
	return NULL;
}

/*
 * The radius of within(a, b, radius, metric), or NULL unless a, b and the metric are those of
 * the order. The metric must be a constant: otherwise it is not known here whether it is the
 * same.
 */
static Node *
radius_of_within(const OrderedBy *by, FuncExpr *call)
{
	Const	   *metric;

	if (list_length(call->args) != 4 || call->funcresulttype != BOOLOID ||
		!pgr_is_distance(call->funcid) ||
		!same_operands(by, linitial(call->args), lsecond(call->args)))
		return NULL;
	metric = lfourth(call->args);
	if (!IsA(metric, Const) || metric->constisnull ||
		!pgr_distance_is_named(by->metric, DatumGetTextPP(metric->constvalue)) ||
		!is_limit(lthird(call->args)))
		return NULL;
	return lthird(call->args);
}

/*
 * Whether a radius is known to be Infinity or NaN, which is above all distances. A condition
 * that takes nothing away would only make the path look cheaper than it is.
 */
static bool
bounds_nothing(Node *radius)
{
	double		known;

	return known_number(radius, &known) && (isnan(known) || known == INFINITY);
}

/*
 * The radius that one restriction clause gives, or NULL. A pseudoconstant clause is no
 * condition on the row (a gating Result tests it once).
 */
static Node *
radius_of_clause(PlannerInfo *root, const OrderedBy *by, const RestrictInfo *rinfo)
{
	Node	   *radius = NULL;

	if (rinfo->pseudoconstant)
		return NULL;
	if (IsA(rinfo->clause, OpExpr))
		radius = radius_of_comparison(root, by, (OpExpr *) rinfo->clause);
	else if (IsA(rinfo->clause, FuncExpr))
		radius = radius_of_within(by, (FuncExpr *) rinfo->clause);
	return radius == NULL || bounds_nothing(radius) ? NULL : radius;
}

/* ----------
 * Paths
 * ----------
 */

bool
pgr_is_radius(const IndexClause *clause)
{
	return clause->indexcol == 0 &&
		IsA(linitial_node(RestrictInfo, clause->indexquals)->clause, OpExpr);
}

Selectivity
pgr_radius_selectivity(const IndexClause *clause)
{
	return linitial_node(RestrictInfo, clause->indexquals)->norm_selec;
}

/*
 * The condition column ~<= radius as an index clause, in the planner's memory context. `from`
 * is the clause it was derived from, NULL for the one that only says that all rows are wanted.
 * It is lossy, so the executor keeps testing `from` itself, and rounding here need only be
 * outward. It tells no more of a row than the order does, so `from` may be one that row-level
 * security holds back. share: the estimated part of the rows within the radius, kept as the
 * selectivity that pgr_radius_selectivity hands to the cost function, since no estimator knows
 * the operator.
 */
static IndexClause *
radius_clause(PlannerInfo *root, IndexPath *path, Oid op, RestrictInfo *from, Node *radius,
			  Selectivity share)
{
	OpExpr	   *order = linitial(path->indexorderbys);
	IndexClause *clause = makeNode(IndexClause);
	Expr	   *qual = make_opclause(op, BOOLOID, false, linitial(order->args), (Expr *) radius,
									 InvalidOid, InvalidOid);
	RestrictInfo *rinfo = make_simple_restrictinfo(root, qual);

	rinfo->norm_selec = share;
	clause->rinfo = from != NULL ? from : rinfo;
	clause->indexquals = list_make1(rinfo);
	clause->lossy = true;
	clause->indexcol = 0;
	return clause;
}

/*
 * What the path is ordered by, and the operator for a radius of it; false if the order is not
 * by exactly one distance of the first column or the family has no such operator. The operator
 * class's support function 1 is called for its metric; it returns a static row and needs no
 * index to be open.
 */
static bool
ordered_by(const IndexPath *path, OrderedBy *by, Oid *op)
{
	const IndexOptInfo *index = path->indexinfo;
	Oid			proc;

	if (list_length(path->indexorderbys) != 1 || linitial_int(path->indexorderbycols) != 0)
		return false;
	*op = get_opfamily_member(index->opfamily[0], index->opcintype[0], FLOAT8OID,
							  PGR_RADIUS_STRATEGY);
	proc = get_opfamily_proc(index->opfamily[0], index->opcintype[0], index->opcintype[0],
							 PGR_VECCLASS_PROC);
	if (!OidIsValid(*op) || !OidIsValid(proc))
		return false;
	by->order = linitial_node(OpExpr, path->indexorderbys);
	by->function = get_opcode(by->order->opno);
	by->metric = ((const PgrVecClass *)
				DatumGetPointer(OidFunctionCall1(proc, PointerGetDatum(NULL))))->metric;
	return true;
}

/*
 * Whether the query will have all rows of the path, as far as the planner knows: without LIMIT
 * (tuple_fraction 0), or with a LIMIT (from LARGE_LIMIT on; above 1 the fraction is a count)
 * that exceeds the rows which conditions of the index leave. A wrong guess costs time only:
 * the scan then completes its search before the first row, or goes on step by step.
 */
static bool
wants_all(const PlannerInfo *root, const IndexPath *path)
{
	double		limit = root->tuple_fraction;

	return limit == 0 ||
		(limit >= LARGE_LIMIT && limit >= path->path.rows && path->indexclauses != NIL);
}

/*
 * The path with a radius for each clause that gives one, or where all rows are wanted with
 * one of NaN that says so; NULL if there is nothing to add. Its estimated rows are
 * those within the radius: of a comparison of two numbers core takes a third.
 */
Path *
pgr_radius_path(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List	   *clauses = NIL;
	double		rows = path->path.rows;
	IndexPath  *result;
	OrderedBy	by;
	ListCell   *lc;
	Oid			op;

	if (!ordered_by(path, &by, &op))
		return NULL;
	foreach(lc, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		Node	   *radius = radius_of_clause(root, &by, rinfo);
		Selectivity was;

		if (radius == NULL)
			continue;
		was = clause_selectivity(root, (Node *) rinfo, 0, JOIN_INNER, NULL);
		/*
		 * clauses of rel count in path.rows already: only the correction is applied, once each
		 */
		if (was > PGR_WITHIN_SHARE)
			rows *= PGR_WITHIN_SHARE / was;
		clauses = lappend(clauses, radius_clause(root, path, op, rinfo, radius,
												 Min(was, PGR_WITHIN_SHARE)));
	}
	if (clauses == NIL ? wants_all(root, path) : root->tuple_fraction == 0)
		clauses = lappend(clauses, radius_clause(root, path, op, NULL,
										   float8_const(get_float8_nan()), 1));
	if (clauses == NIL)
		return NULL;
	/* clauses are in the order of their columns */
	clauses = list_concat(clauses, path->indexclauses);
	result = create_index_path(root, path->indexinfo, clauses, path->indexorderbys,
							   path->indexorderbycols, path->path.pathkeys, path->indexscandir,
							   false, PATH_REQ_OUTER(&path->path), 1, false);
	result->path.rows = clamp_row_est(rows);
	return (Path *) result;
}

/* ----------
 * In a scan
 * ----------
 */

int
pgr_radius_take(const ScanKeyData *keys, int nkeys, PgrRadius *radius, ScanKey rest)
{
	int			n = 0;

	*radius = (PgrRadius) {.at_most = INFINITY};
	for (int i = 0; i < nkeys; i++)
	{
		double		r;

		if (keys[i].sk_attno != 1 || (keys[i].sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)))
		{
			rest[n++] = keys[i];
			continue;
		}
		radius->none |= (keys[i].sk_flags & SK_ISNULL) != 0;
		if (radius->none)
			continue;
		r = DatumGetFloat8(keys[i].sk_argument);
		/* of the planner; or a parameter, which bounds nothing: it is above all numbers */
		if (isnan(r))
		{
			radius->whole = true;
			continue;
		}
		/* -Infinity stays what it is: with its rounding it would be NaN, which ends no scan */
		if (!isinf(r))
			r += ROUNDING * fabs(r) + DBL_MIN;
		radius->at_most = Min(radius->at_most, r);
	}
	return n;
}

/*
 * The operator's function. It is called by hand never, and by the executor only when a
 * scan rechecks its conditions: what is ordered by is not known there, and the clause that
 * the condition comes from is tested besides.
 */
PG_FUNCTION_INFO_V1(pgr_radius_test);
Datum
pgr_radius_test(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/* Its planner support: complains where a query names the operator. */
PG_FUNCTION_INFO_V1(pgr_radius_support);
Datum
pgr_radius_support(PG_FUNCTION_ARGS)
{
	if (IsA((Node *) PG_GETARG_POINTER(0), SupportRequestSimplify))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("operator ~<= is for conditions that the planner derives"),
				 errhint("Compare the distance itself.")));
	PG_RETURN_POINTER(NULL);
}
