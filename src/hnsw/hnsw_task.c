/*
 * hnsw_task.c
 *		What the participants of a build do together, task by task. See README, "Build".
 *
 * The tasks are PgrHnswTask, their order and the barrier between them am/task's. Here is
 * what one participant does in each, and how it gets its own and the common memory.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* ----------
 * Rows
 * ----------
 */

/*
 * Adds the row at hand to the graph, or to this participant's file once one of them has met a
 * full graph. Another may see that a little later: its rows in between fit, or do not.
 */
static void
add_code(PgrHnswBuild *b, PgrCode8 *head)
{
	if (!b->shared->spooling && pgr_hnsw_build_insert(b, head, 0))
		return;
	b->shared->spooling = true;
	pgr_hnsw_spool_row(b, head);
}

/*
 * A heap row, from the scan of the table: encoded in the row's own context, which is reset,
 * and added to the graph or to this participant's file.
 */
static void
build_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	PgrHnswBuild *b = arg;
	PgrHnswPoint point;
	PgrCode8	head;
	struct varlena *value;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(b->row_context);
	value = (struct varlena *) PG_DETOAST_DATUM(values[0]);
	if (pgr_hnsw_point_row(b->ix, value, &point))
	{
		head = point.views[0]->head;
		memcpy(b->code, point.views[0]->code, b->ix->meta.padded);
		pgr_hnsw_make_row(b->ix, tid, value, values, isnull, b->row);
		add_code(b, &head);
		b->rows++;
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
									 b->parallel != NULL && !b->shared->spooling
									 ? pgr_graph_count(b->graph) : (int64) b->rows);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(b->row_context);
}

/* ----------
 * Tasks
 * ----------
 */

void
pgr_hnsw_report_phase(PgrHnswPhase phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

void
pgr_hnsw_build_do(int task, void *arg)
{
	PgrHnswBuild *b = arg;

	switch (task)
	{
		case PGR_HNSW_TASK_SCAN:
			b->heap_tuples = table_index_build_scan(b->heap, b->ix->rel, b->info, true, true,
													build_row, b,
													b->parallel ? b->parallel->scan : NULL);
			pgr_hnsw_spool_finish(b);
			break;
		case PGR_HNSW_TASK_PART:
			pgr_hnsw_insert_part(b);
			break;
		case PGR_HNSW_TASK_WRITE:
			pgr_hnsw_flush_nodes(b->ix, b->graph, &b->shared->tasks.taken, b->shared->reported);
			break;
	}
}

void
pgr_hnsw_build_run(PgrHnswBuild *b, int task)
{
	pgr_tasks_run(&b->shared->tasks, task, pgr_hnsw_build_do, b);
}

void
pgr_hnsw_build_write(PgrHnswBuild *b)
{
	pgr_hnsw_report_phase(PGR_HNSW_PHASE_WRITE);
	pgr_hnsw_flush_begin(b->ix, b->graph, &b->written, b->shared->reported);
	pgr_hnsw_build_run(b, PGR_HNSW_TASK_WRITE);
	pgr_hnsw_flush_end(b->ix, b->graph, &b->written, b->shared->reported);
}

/* ----------
 * Participants
 * ----------
 */

Size
pgr_hnsw_build_graph_offset(const PgrHnswMeta *meta)
{
	return TYPEALIGN(64, sizeof(PgrHnswBuildShared) + meta->dim * sizeof(float));
}

PgrGraph *
pgr_hnsw_build_shared_graph(PgrHnswBuildShared *shared)
{
	return (PgrGraph *) ((char *) shared + pgr_hnsw_build_graph_offset(&shared->meta));
}

void
pgr_hnsw_build_init_shared(PgrHnswBuildShared *shared, const PgrHnswIndex *ix, bool alone)
{
	memset(shared, 0, sizeof(PgrHnswBuildShared));
	shared->meta = ix->meta;
	if (ix->meta.nframes > 0)
		memcpy(shared->centre, ix->frames, PGR_HNSW_FRAMES_SIZE(&ix->meta));
	pgr_tasks_init(&shared->tasks, alone);
}

PgrGraphScratch *
pgr_hnsw_build_scratch(const PgrGraph *g)
{
	return pgr_graph_scratch_init(g, MemoryContextAllocHuge(CurrentMemoryContext,
															pgr_graph_scratch_size(g)));
}

void
pgr_hnsw_build_start(PgrHnswBuild *b, Relation index)
{
	b->context = CurrentMemoryContext;
	b->ix = pgr_hnsw_new(index);
	b->code = palloc(b->ix->meta.padded);
	b->row = palloc(PGR_HNSW_ROW_SIZE(&b->ix->meta));
	b->row_context = AllocSetContextCreate(b->context, "hnsw build row", ALLOCSET_DEFAULT_SIZES);
}

void
pgr_hnsw_build_join(PgrHnswBuild *b, PgrParallelBuild *parallel)
{
	b->parallel = parallel;
	b->heap = parallel->heap;
	b->info = parallel->info;
	b->shared = parallel->area;
	b->graph = pgr_hnsw_build_shared_graph(b->shared);
	b->scratch = pgr_hnsw_build_scratch(b->graph);
}

PGDLLEXPORT void pgr_hnsw_build_worker(dsm_segment *seg, shm_toc *toc);

/* Entry of a parallel worker. */
void
pgr_hnsw_build_worker(dsm_segment *seg, shm_toc *toc)
{
	PgrParallelBuild parallel;
	PgrHnswBuildShared *shared;
	PgrHnswBuild b = {0};

	pgr_parallel_attach(&parallel, seg, toc);
	shared = parallel.area;
	pgr_hnsw_build_start(&b, parallel.index);
	b.ix->meta = shared->meta;
	b.ix->frames = shared->centre;
	pgr_hnsw_build_join(&b, &parallel);
	if (!pgr_tasks_join(&shared->tasks))
		table_endscan(parallel.scan);	/* the others have read it all */
	pgr_tasks_work(&shared->tasks, pgr_hnsw_build_do, &b);
	pgr_tasks_leave(&shared->tasks);
	pgr_parallel_detach(&parallel, b.heap_tuples, b.rows);
}
