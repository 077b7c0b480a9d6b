/*
 * bm25_cost.c
 *		Which queries a bm25 index may answer, as far as the planner knows them. An index
 *		that would answer by other words than the operator does prices itself out.
 *
 * Called for each path that the planner considers: it opens the index, which the planner
 * has locked, and reads no page but the metapage, at the first call.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

/* Unpacked in the planner's memory. */
static PgrQuery *
stored_query(Datum value)
{
	return pgr_query_unpack((PgrRankQuery *) PG_DETOAST_DATUM(value));
}

/* A query as far as it is known; NULL if its value is not, or it is plain words. */
static PgrQuery *
known_query(PlannerInfo *root, Node *right)
{
	Node	   *value = estimate_expression_value(root, right);

	if (!IsA(value, Const) || ((Const *) value)->constisnull)
		return NULL;
	return stored_query(((Const *) value)->constvalue);
}

/* The index in a call of bm25_bind(query, index) whose query is not known. */
static Oid
planned_index(Node *right)
{
	Node	   *index;

	if (!IsA(right, FuncExpr) || list_length(((FuncExpr *) right)->args) < 2)
		return InvalidOid;
	index = lsecond(((FuncExpr *) right)->args);
	if (!IsA(index, Const) || ((Const *) index)->consttype != REGCLASSOID ||
		((Const *) index)->constisnull)
		return InvalidOid;
	return DatumGetObjectId(((Const *) index)->constvalue);
}

/*
 * Raises nothing for a binding that the user may not look at: he gets that error when
 * the query runs.
 */
static bool
serves_query(Relation index, const PgrQuery *query, bool order)
{
	Oid			bound = pgr_query_index_if_allowed(query);

	if (OidIsValid(bound))
		return pgr_inv_serves(index, bound);
	/* bound to what is not there or not to be looked at, or not bound at all */
	return !order && query->bound_name == NULL && !OidIsValid(query->bound) &&
		pgr_inv_serves_unbound(index, query);
}

/* Are plain words in the call of bm25_bind, so that the index in it is what counts? */
static bool
words_bound(Node *right)
{
	return IsA(right, FuncExpr) && ((FuncExpr *) right)->args != NIL &&
		exprType(linitial(((FuncExpr *) right)->args)) == TEXTOID;
}

/*
 * May the index answer a condition or order with this right side? By other words it
 * would find other rows, by other statistics score otherwise than the operator.
 * Not for an order that is not bound (below UNION ALL, say): the operator's scores
 * then have no statistics, and a merge with other scans would compare unlike values.
 */
static bool
serves_operand(PlannerInfo *root, Relation index, Node *right, bool order)
{
	Oid			bound = planned_index(right);
	PgrQuery   *query;

	if (exprType(right) == TEXTOID)
		return !order && pgr_inv_serves_unbound(index, NULL);
	if (OidIsValid(bound) && words_bound(right))
		return pgr_inv_serves(index, bound);
	query = known_query(root, right);
	if (query)
		return serves_query(index, query, order);
	return OidIsValid(bound) && pgr_inv_serves(index, bound);
}

/* The same for = ANY (array): words are not bound there, queries by themselves. */
static bool
serves_array(PlannerInfo *root, Relation index, Node *right)
{
	Node	   *value;
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	if (exprType(right) == TEXTARRAYOID)
		return pgr_inv_serves_unbound(index, NULL);
	value = estimate_expression_value(root, right);
	if (!IsA(value, Const) || ((Const *) value)->constisnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(((Const *) value)->constvalue),
					  get_element_type(exprType(right)), -1, false, TYPALIGN_DOUBLE,
					  &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i] && !serves_query(index, stored_query(elems[i]), false))
			return false;
	}
	return true;
}

/* Clauses that are no call of the match operator are never passed to the index. */
static bool
serves_clause(PlannerInfo *root, Relation index, Node *clause)
{
	if (IsA(clause, OpExpr))
		return serves_operand(root, index, lsecond(((OpExpr *) clause)->args), false);
	if (IsA(clause, ScalarArrayOpExpr))
		return serves_array(root, index, lsecond(((ScalarArrayOpExpr *) clause)->args));
	return false;
}

/* May a bm25 index answer a path's conditions and order? */
static bool
serves(PlannerInfo *root, IndexPath *path)
{
	Relation	index = relation_open(path->indexinfo->indexoid, AccessShareLock);
	bool		result = true;
	ListCell   *lc;

	foreach(lc, path->indexclauses)
	{
		ListCell   *qual;

		foreach(qual, lfirst_node(IndexClause, lc)->indexquals)
			result = result &&
				serves_clause(root, index, (Node *) lfirst_node(RestrictInfo, qual)->clause);
	}
	foreach(lc, path->indexorderbys)
	{
		Node	   *orderby = lfirst(lc);

		result = result && IsA(orderby, OpExpr) &&
			serves_operand(root, index, lsecond(((OpExpr *) orderby)->args), true);
	}
	relation_close(index, NoLock);
	return result;
}

/*
 * Priced out is not left out: without another plan it would still be used, and answers
 * by leaving all rows to the executor (bm25_scan.c).
 */
void
pgr_bm25_cost(PlannerInfo *root, IndexPath *path, double loop_count,
			  Cost *startup, Cost *total, Selectivity *selectivity,
			  double *correlation, double *pages)
{
	if (serves(root, path))
		pgr_inv_cost(root, path, loop_count, startup, total, selectivity, correlation, pages);
	else
		pgr_inv_price_out(path, startup, total, selectivity, correlation, pages);
}
