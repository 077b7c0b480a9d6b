/*
 * am_build.h
 *		What index builds of all access methods share.
 */
#ifndef PGR_AM_BUILD_H
#define PGR_AM_BUILD_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "utils/rel.h"

/*
 * How many parallel workers a build may ask for: what core grants B-tree builds
 * (max_parallel_maintenance_workers, the table's size and parallel_workers,
 * 32 MB of maintenance_work_mem for each, parallel-safe expressions).
 */
extern int	pgr_build_workers(Relation heap, Relation index, IndexInfo *info);

#endif							/* PGR_AM_BUILD_H */
