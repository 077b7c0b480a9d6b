/*
 * am_build.c
 *		What index builds of all access methods share.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "am/am_build.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"

int
pgr_build_workers(Relation heap, Relation index, IndexInfo *info)
{
	/* core asks the planner itself only for access methods it knows */
	if (!IsNormalProcessingMode() || IsParallelWorker() || info->ii_ParallelWorkers < 0)
		return 0;
	return plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
}
