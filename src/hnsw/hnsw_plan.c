/*
 * hnsw_plan.c
 *		IN on filter columns beside an order, where the planner does not offer it.
 *
 * Before PostgreSQL 17 the planner leaves column = ANY (array) out of an index
 * path that gives an order, unless the column is the index's first: a btree would
 * lose its order. An hnsw index does not; so each such path is replaced by one with
 * these conditions in the index, as later majors make it. (Not offered beside it:
 * conditions on the rows returned look cheaper than they are.)
 */
#include "postgres.h"

#include "base/compat.h"
#include "hnsw/hnsw.h"

#ifdef PGR_PLANNER_SPLITS_ARRAYS

#include "am/am_paths.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

static set_rel_pathlist_hook_type next_hook = NULL;

/* The filter column that a clause column = ANY (array) is a condition on, or -1. */
static int
match_array_clause(PlannerInfo *root, const RestrictInfo *rinfo, IndexOptInfo *index)
{
	ScalarArrayOpExpr *clause = (ScalarArrayOpExpr *) rinfo->clause;
	Node	   *array;

	if (rinfo->pseudoconstant || !IsA(clause, ScalarArrayOpExpr) || !clause->useOr)
		return -1;
	array = lsecond(clause->args);
	if (bms_is_member(index->rel->relid, pull_varnos(root, array)) ||
		contain_volatile_functions(array))
		return -1;
	for (int column = 1; column < index->nkeycolumns; column++)
		if (match_index_to_operand(linitial(clause->args), column, index) &&
			op_in_opfamily(clause->opno, index->opfamily[column]) &&
			(!OidIsValid(index->indexcollations[column]) ||
			 index->indexcollations[column] == clause->inputcollid))
			return column;
	return -1;
}

/* A path with such conditions too, or NULL if there are none. */
static Path *
path_with_arrays(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List	   *clauses = list_copy(path->indexclauses);
	ListCell   *lc;

	if (path->indexorderbys == NIL ||
		path->indexinfo->amcostestimate != (void (*) ()) pgr_hnsw_cost)
		return NULL;
	foreach(lc, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		int			column = match_array_clause(root, rinfo, path->indexinfo);
		IndexClause *clause;

		if (column < 0 || !restriction_is_securely_promotable(rinfo, rel))
			continue;
		clause = makeNode(IndexClause);
		clause->rinfo = rinfo;
		clause->indexquals = list_make1(rinfo);
		clause->indexcol = column;
		clauses = lappend(clauses, clause);
	}
	if (list_length(clauses) == list_length(path->indexclauses))
		return NULL;
	return (Path *) create_index_path(root, path->indexinfo, clauses, path->indexorderbys,
									  path->indexorderbycols, path->path.pathkeys,
									  path->indexscandir, false, PATH_REQ_OUTER(&path->path),
									  1, false);
}

static void
add_array_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_hook != NULL)
		next_hook(root, rel, rti, rte);
	pgr_replace_paths(root, rel, path_with_arrays);
}

void
pgr_hnsw_plan_init(void)
{
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_array_paths;
}

#else

void
pgr_hnsw_plan_init(void)
{
}

#endif
