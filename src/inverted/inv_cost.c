/*
 * inv_cost.c
 *		What a scan of bm25 or inverted costs, and whether it may be used at all.
 *
 * An ordered scan costs little before its first row and little per row, while
 * the alternative evaluates the operator for each row of the table; the
 * operator's COST says what that takes. An index that would answer by other words
 * than the operator does prices itself out.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* CPU of starting a search, in units of a page read: analysis, dictionaries. */
#define SEARCH_COST 2.0

/* --- who may answer --- */

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

void
pgr_inv_cost(PlannerInfo *root, IndexPath *path, double loop_count,
					 Cost *startup, Cost *total, Selectivity *selectivity,
					 double *correlation, double *pages)
{
	GenericCosts costs = {0};
	int			norderbys = list_length(path->indexorderbys);
	double		tuples;

	/* only bm25 has a bitmap scan, and queries that are bound */
	if (norderbys > 1 || (norderbys == 0 && path->indexclauses == NIL) ||
		(path->indexinfo->amhasgetbitmap && !serves(root, path)))
	{
		*startup = *total = get_float8_infinity();
		pgr_disable_path(path);
		*selectivity = 1;
		*correlation = 0;
		*pages = path->indexinfo->pages;
		return;
	}

	costs.numIndexTuples = 0;
	genericcostestimate(root, path, loop_count, &costs);
	tuples = Max(costs.numIndexTuples, 1);

	/* a search skips most postings; its work grows slower than the index */
	*startup = costs.indexStartupCost + SEARCH_COST +
		cpu_operator_cost * 100 * log2(2 + path->indexinfo->tuples);
	*total = *startup + tuples * (cpu_index_tuple_cost + cpu_operator_cost) +
		random_page_cost * Min(costs.numIndexPages, 2 + sqrt(path->indexinfo->pages));
	*selectivity = costs.indexSelectivity;
	*correlation = 0;
	*pages = Min(costs.numIndexPages, 2 + sqrt(path->indexinfo->pages));
}
