/*
 * cost.c
 *		What a scan of bm25 or inverted costs, and whether it may be used at all.
 *
 * An ordered scan costs little before its first row and little per row, while
 * the alternative evaluates the operator for each row of the table; the
 * operator's COST says what that takes. An index that the query is not bound to
 * would score by other statistics than the operator does, so it prices itself
 * out.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "inverted/inverted.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"

/* CPU of starting a search, in units of a page read: analysis, dictionaries. */
#define SEARCH_COST 2.0

/*
 * The index an order-by expression's query is bound to, if that shows: a folded
 * constant, or a call of bm25_bind(query, index) that awaits its query.
 */
static Oid
bound_index(Node *orderby)
{
	Node	   *right;

	if (!IsA(orderby, OpExpr) || list_length(((OpExpr *) orderby)->args) != 2)
		return InvalidOid;
	right = lsecond(((OpExpr *) orderby)->args);
	if (IsA(right, Const) && !((Const *) right)->constisnull)
	{
		Const	   *c = (Const *) right;

		/* words of a text are not bound */
		if (c->consttype == TEXTOID || c->constlen != -1)
			return InvalidOid;
		return pgr_query_unpack((PgrRankQuery *) PG_DETOAST_DATUM(c->constvalue))->bound;
	}
	if (IsA(right, FuncExpr) && list_length(((FuncExpr *) right)->args) >= 2)
	{
		Node	   *index = lsecond(((FuncExpr *) right)->args);

		if (IsA(index, Const) && ((Const *) index)->consttype == REGCLASSOID &&
			!((Const *) index)->constisnull)
			return DatumGetObjectId(((Const *) index)->constvalue);
	}
	return InvalidOid;
}

/*
 * An order by scores is served by the index whose statistics they use. Not an
 * unbound one either (below UNION ALL, say): the operator's scores then have no
 * statistics, and a merge of this scan with others would compare unlike values.
 */
static bool
may_serve(Oid index, Oid bound)
{
	if (bound == index)
		return true;
	return list_member_oid(get_partition_ancestors(index), bound);
}

void
pgr_inv_costestimate(PlannerInfo *root, IndexPath *path, double loop_count,
					 Cost *startup, Cost *total, Selectivity *selectivity,
					 double *correlation, double *pages)
{
	GenericCosts costs = {0};
	int			norderbys = list_length(path->indexorderbys);
	double		tuples;
	/* only bm25 has a bitmap scan, and queries that are bound */
	bool		by_score = norderbys == 1 && path->indexinfo->amhasgetbitmap;

	if (norderbys > 1 || (norderbys == 0 && path->indexclauses == NIL) ||
		(by_score && !may_serve(path->indexinfo->indexoid,
								bound_index(linitial(path->indexorderbys)))))
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
