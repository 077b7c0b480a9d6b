/*
 * am_paths.h
 *		What the planner's hooks of the access methods share.
 */
#ifndef PGR_AM_PATHS_H
#define PGR_AM_PATHS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* A path to be used instead of an index path of the relation, or NULL. */
typedef Path *(*PgrBetterPath) (PlannerInfo *root, RelOptInfo *rel, IndexPath *path);

/* Asks for each index path of a relation. Called in set_rel_pathlist_hook. */
extern void pgr_replace_paths(PlannerInfo *root, RelOptInfo *rel, PgrBetterPath better);

#endif							/* PGR_AM_PATHS_H */
