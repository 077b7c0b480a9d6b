/*
 * hnsw_cost.c
 *		The planner's estimate of an hnsw scan.
 *
 * Before the first row a search visits about ef_search nodes and some more, a
 * page each. Every further row costs about a node and its row in the heap,
 * read to score it exactly (the executor's own visit is added by the planner).
 * A LIMIT takes its share of the total, and a filter that is applied to the
 * rows of the scan raises that share, so selective filters make the scan as dear
 * as it is.
 *
 * Conditions on filter columns are applied inside: the walk visits so many more
 * nodes as fewer pass, or those that the nearest lists name are visited, whichever
 * is less (README, "Filter columns").
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/genam.h"
#include "am/radius.h"
#include "base/compat.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_list.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/* nodes visited for ef results, by bench/hnsw: 1.3 ef and the way to them */
#define VISITS_PER_EF 1.3
#define VISITS_PER_LOG 3

/* with conditions of which one node in n passes, n times this, by bench/hnsw */
#define VISITS_PER_EF_FILTERED 1.0

/* evaluations of an operator that scoring a node's edges costs */
#define OPERATORS_PER_NODE 8

/*
 * About how many pages the lists of filter values take: for each row a node's id, a tid, the
 * images and a digest. From the catalog alone; the planner does not open the index for its
 * metapage.
 */
static double
list_pages(const IndexOptInfo *index, double tuples)
{
	double		entry = sizeof(PgrHnswId) + sizeof(ItemPointerData);

	for (int i = 1; i < index->nkeycolumns; i++)
		entry += Min(get_typlen(index->opcintype[i]) > 0 ? get_typlen(index->opcintype[i]) : 8, 8);
	/* none where one page has room for all */
	if (tuples * entry > PGR_PAGE_CAPACITY)
		entry += PGR_HNSW_MAX_DIGEST;
	return ceil(tuples * entry / PGR_PAGE_CAPACITY);
}

/*
 * The share of the table's rows that passes conditions, by the usual estimators and
 * statistics.
 */
static Selectivity
quals_selectivity(PlannerInfo *root, const IndexOptInfo *index, List *quals)
{
	return clauselist_selectivity(root, quals, index->rel->relid, JOIN_INNER, NULL);
}

/*
 * The clauses but for those of a radius, in a new list, and in *share the part of the rows
 * within it: no estimator knows the operator, so its share travels with the clause
 * (am/radius.c).
 */
static List *
split_radius(List *indexclauses, double *share)
{
	List	   *rest = NIL;
	ListCell   *lc;

	*share = 1;
	foreach(lc, indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, lc);

		if (pgr_is_radius(clause))
			*share *= pgr_radius_selectivity(clause);
		else
			rest = lappend(rest, clause);
	}
	return rest;
}

/*
 * The argument of find_null_test, a walker over expressions: for which index, and what came of
 * it.
 */
typedef struct NullTestSearch
{
	const IndexOptInfo *index;
	bool		found;
} NullTestSearch;

/*
 * Whether an operand is the index's first column or, for an index on an expression, a column
 * that the expression reads: that being NULL makes most expressions NULL.
 */
static bool
is_indexed(Node *operand, const IndexOptInfo *index)
{
	if (match_index_to_operand(operand, 0, unconstify(IndexOptInfo *, index)))
		return true;
	return index->indexkeys[0] == 0 &&
		list_member(pull_var_clause(linitial(index->indexprs), 0), operand);
}

/*
 * A walker: looks for IS NULL of what is indexed, at any depth of a condition, below OR and
 * NOT too. It may find one that asks for nothing (NOT (v IS NULL)); then the index is passed
 * over in vain.
 */
static bool
find_null_test(Node *node, NullTestSearch *search)
{
	if (node == NULL || search->found)
		return search->found;
	if (IsA(node, NullTest) && ((NullTest *) node)->nulltesttype == IS_NULL &&
		is_indexed((Node *) ((NullTest *) node)->arg, search->index))
		search->found = true;
	return search->found || expression_tree_walker(node, find_null_test, search);
}

/*
 * Whether a condition of the query, or a part of one, is that the vector is NULL. Such rows
 * are not in the index, so its scan would leave them out where the query wants them at the
 * end.
 */
static bool
asks_for_nulls(const IndexOptInfo *index)
{
	NullTestSearch search = {index, false};
	ListCell   *lc;

	foreach(lc, index->rel->baserestrictinfo)
		find_null_test((Node *) lfirst_node(RestrictInfo, lc)->clause, &search);
	return search.found;
}

void
pgr_hnsw_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup,
			  Cost *total, Selectivity *selectivity, double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	double		tuples = Max(index->tuples, 1);
	double		visits = VISITS_PER_EF * pgr_hnsw_ef_search + VISITS_PER_LOG * log(tuples);
	double		rows = tuples;	/* that the scan returns */
	double		all = tuples;	/* nodes to visit for all of them */
	double		page_cost;
	double		node_cost;
	double		share;			/* of rows within a radius */
	List	   *clauses;
	List	   *quals;

	*selectivity = 1;
	*correlation = 0;
	*pages = index->pages;
	/* rows without a distance are not in the index */
	if (list_length(path->indexorderbys) != 1 || asks_for_nulls(index))
	{
		*startup = *total = get_float8_infinity();
		pgr_disable_path(path);
		return;
	}
	/* of the table's rows; those of a partial index are only some of them */
	clauses = split_radius(path->indexclauses, &share);
	quals = get_quals_from_indexclauses(clauses);
	*selectivity = share *
		quals_selectivity(root, index, add_predicate_to_index_quals(index, quals));
	if (clauses != NIL)
	{
		rows = Max(tuples * quals_selectivity(root, index, quals), 1);
		all = rows + list_pages(index, tuples);
		visits = Min(VISITS_PER_EF_FILTERED * pgr_hnsw_ef_search * tuples / rows,
					 pgr_hnsw_match_effort(tuples, rows / tuples, list_pages(index, tuples),
										   list_pages(index, tuples) > 1,
										   VISITS_PER_EF_FILTERED * pgr_hnsw_ef_search / 2)) +
			VISITS_PER_LOG * log(tuples);
	}
	visits = Max(Min(all, visits), 1);
	/* a scan that ends at a radius has visited no more than for so many rows */
	rows = Max(rows * share, 1);
	all = share < 1 ? Min(all, visits + 2 * rows) : all;

	/* pages that recur are found in cache: never more of them than there are */
	get_tablespace_page_costs(index->reltablespace, &page_cost, NULL);
	node_cost = page_cost * index_pages_fetched(visits, index->pages, index->pages, root) / visits +
		OPERATORS_PER_NODE * cpu_operator_cost + cpu_index_tuple_cost;
	*startup = visits * node_cost;
	*total = *startup + all * node_cost +
		rows * (page_cost * Min(1, index->rel->pages / tuples) + cpu_operator_cost);
}
