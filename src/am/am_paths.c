/*
 * am_paths.c
 *		What the planner's hooks of the access methods share.
 */
#include "postgres.h"

#include "am/am_paths.h"
#include "optimizer/pathnode.h"

void
pgr_replace_paths(PlannerInfo *root, RelOptInfo *rel, PgrBetterPath better)
{
	List	   *paths = NIL;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		Path	   *path = lfirst(lc);
		Path	   *instead = IsA(path, IndexPath) ? better(root, rel, (IndexPath *) path) : NULL;

		if (instead != NULL)
		{
			rel->pathlist = foreach_delete_current(rel->pathlist, lc);
			paths = lappend(paths, instead);
		}
	}
	foreach(lc, paths)
		add_path(rel, lfirst(lc));
}
