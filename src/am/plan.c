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

/*
 * The registered access methods, by their cost functions: an IndexOptInfo names its access
 * method by oid too, but that is not known when the library is loaded. Never changed
 * afterwards.
 */
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
 * The filter column (0 is the vector's) that a clause column = ANY (array) is a condition on,
 * or -1. The same tests as core's match_saopclause_to_indexcol: the operator is in the
 * column's family, collations agree, the array is not volatile and does not contain the
 * relation's own columns, since it is evaluated once a scan. Only base restrictions come here,
 * so it has no other table's.
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

/*
 * A copy of the path with such conditions too, in the planner's memory context, or NULL if
 * there are none. Clauses that row-level security holds back are left out, as core does: the
 * index would evaluate them before the policy's own. The clauses need no order among columns
 * here, because amsearcharray methods of ours look at attribute numbers only.
 */
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

/*
 * Whether a path is an index scan of a registered access method that gives an order. Bitmap
 * scans and scans without ORDER BY are not touched.
 */
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

/*
 * Replaces each of our ordered paths by the better one that `better` makes of it, if any. The
 * old paths are taken off the list first and the new ones added at the end, because add_path
 * may free a path that is dominated, which could be one still to be visited. If add_path
 * rejects a new path for a cheaper one, nothing is lost: the old path promised what it cannot
 * keep.
 */
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

/*
 * The planner's hook, called once for each base relation after core has made its paths. Hooks
 * that were installed before run first, so that their paths get the conditions too. Memory is
 * the planner's; an error ends planning and leaves nothing behind.
 */
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
