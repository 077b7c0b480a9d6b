/*
 * inv_cost.c
 *		What a scan of bm25 or inverted costs.
 *
 * An ordered scan costs little before its first row and little per row, while
 * the alternative evaluates the operator for each row of the table; the
 * operator's COST says what that takes.
 *
 * No lock, no memory: arithmetic on what the planner knows.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "inverted/inverted.h"
#include "optimizer/optimizer.h"
#include "optimizer/cost.h"
#include "utils/float.h"
#include "utils/selfuncs.h"

/* CPU of starting a search, in units of a page read: analysis, dictionaries. */
#define SEARCH_COST 2.0

/*
 * An infinite cost loses to any other plan; what is disabled besides loses to plans
 * that SET enable_... forbids.
 */
void
pgr_inv_price_out(IndexPath *path, Cost *startup, Cost *total, Selectivity *selectivity,
				  double *correlation, double *pages)
{
	*startup = *total = get_float8_infinity();
	pgr_disable_path(path);
	*selectivity = 1;
	*correlation = 0;
	*pages = path->indexinfo->pages;
}

/*
 * Selectivity is core's generic estimate, which asks the operators' own estimator. A
 * scan under LIMIT pays for its start and the rows that are read.
 */
void
pgr_inv_cost(PlannerInfo *root, IndexPath *path, double loop_count,
			 Cost *startup, Cost *total, Selectivity *selectivity,
			 double *correlation, double *pages)
{
	GenericCosts costs = {0};
	int			norderbys = list_length(path->indexorderbys);
	double		tuples;

	if (norderbys > 1 || (norderbys == 0 && path->indexclauses == NIL))
	{
		pgr_inv_price_out(path, startup, total, selectivity, correlation, pages);
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
