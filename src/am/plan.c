/*
 * plan.c
 *		Ordered index paths of our access methods, made better than the planner makes
 *		them. See README, "Paths".
 *
 * Each such path is replaced by one with more conditions in the index, not accompanied:
 * conditions on the rows returned look cheaper than they are.
 */
#include "postgres.h"

#include "am/plan.h"
#include "am/radius.h"
#include "base/compat.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

#define MAX_METHODS 8

static amcostestimate_function methods[MAX_METHODS];
static int	nmethods = 0;
static set_rel_pathlist_hook_type next_hook = NULL;

/* A path to be used instead of an ordered path of a registered access method, or NULL. */
typedef Path *(*BetterPath) (PlannerInfo *root, RelOptInfo *rel, IndexPath *path);

#ifdef PGR_PLANNER_SPLITS_ARRAYS

/*
 * Before PostgreSQL 17 the planner leaves column = ANY (array) out of an index path that
 * gives an order, unless the column is the index's first: a btree would lose its order.
 * An index of vectors does not, and later majors put the condition into it.
 */

/*
 * The filter column (0 is the vector's) that a clause column = ANY (array) is a condition
 * on, or -1.
 */
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

/* A path with such conditions too, in the planner's memory context, or NULL if there are none. */
static Path *
path_with_arrays(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List	   *clauses = list_copy(path->indexclauses);
	ListCell   *lc;

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

#endif

static bool
is_ours(const Path *path)
{
	const IndexPath *index_path = (const IndexPath *) path;

	if (!IsA(path, IndexPath) || index_path->indexorderbys == NIL)
		return false;
	for (int i = 0; i < nmethods; i++)
		if ((amcostestimate_function) index_path->indexinfo->amcostestimate == methods[i])
			return true;
	return false;
}

/* add_path may free a path that is dominated: new ones come after the old ones are off the list. */
static void
replace_paths(PlannerInfo *root, RelOptInfo *rel, BetterPath better)
{
	List	   *paths = NIL;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		Path	   *path = lfirst(lc);
		Path	   *instead = is_ours(path) ? better(root, rel, (IndexPath *) path) : NULL;

		if (instead != NULL)
		{
			rel->pathlist = foreach_delete_current(rel->pathlist, lc);
			paths = lappend(paths, instead);
		}
	}
	foreach(lc, paths)
		add_path(rel, lfirst(lc));
}

static void
improve_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (next_hook != NULL)
		next_hook(root, rel, rti, rte);
#ifdef PGR_PLANNER_SPLITS_ARRAYS
	replace_paths(root, rel, path_with_arrays);
#endif
	replace_paths(root, rel, pgr_radius_path);
}

void
pgr_plan_register(amcostestimate_function cost)
{
	Assert(nmethods < MAX_METHODS);
	if (nmethods == 0)
	{
		next_hook = set_rel_pathlist_hook;
		set_rel_pathlist_hook = improve_paths;
	}
	methods[nmethods++] = cost;
}
