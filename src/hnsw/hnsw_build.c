/*
 * hnsw_build.c
 *		CREATE INDEX. See README, "Build".
 *
 * A sample gives the centre; then each row is encoded and inserted into the
 * graph in memory, by several processes if there are workers, which at the end
 * is written to pages. Where memory has no room for all rows they go to
 * temporary files first; hnsw_part.c goes on from there.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/am_build.h"
#include "am/sample.h"
#include "base/hugepage.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* rows that the centre is the mean of, and fewest for which it is the main frame */
#define SAMPLE_ROWS 2000
#define MAIN_FRAME_ROWS 16

/* floats of the sample, which has fewer rows where these are long */
#define SAMPLE_FLOATS (4 * 1024 * 1024)

/* The median, of so many, is taken if the typical row is so much nearer to it, squared. */
#define MEDIAN_ROWS 64
#define MEAN_AWAY 0.5

/*
 * A build alone makes room for so many times the rows that the table is estimated to have,
 * and so many more: estimates of tables that were never analysed are rough.
 */
#define ROWS_MARGIN 4
#define ROWS_MORE 100000

/* fewest nodes of a graph where memory is short, and bytes that are left beside one */
#define LEAST_CAPACITY 1000
#define LEFT_FREE (16 * 1024 * 1024)

/* ----------
 * Centre
 * ----------
 */

/* The sample as add_to_centre collects it: rows of dim floats each. */
typedef struct CentreSample
{
	const PgrHnswIndex *ix;
	float	   *rows;			/* of room for `size`, those kept */
	uint32		size;
	uint32		n;
	float		max_aux;
} CentreSample;

/*
 * A PgrSampleFn: keeps a row's vector; false when there is no room for another. Detoasts in
 * the sample's memory of one row. Rows without a vector or a distance are passed over. Raises
 * if the row's dimension is not the index's, as the build would a little later.
 */
static bool
add_to_centre(Datum *values, bool *isnull, void *arg)
{
	CentreSample *c = arg;
	float	   *x = c->rows + (Size) c->n * c->ix->meta.dim;
	float		aux;

	if (isnull[0] ||
		!pgr_hnsw_vector(c->ix, (struct varlena *) PG_DETOAST_DATUM(values[0]), x, &aux))
		return true;
	/* a few that codes have to shorten would take the centre away from all others */
	if (pgr_kernel->norm[PGR_ELEM_F32] (x, c->ix->meta.dim) > PGR_CODE8_MAX_NORM)
		return true;
	c->max_aux = pgr_vecspace_cover(c->max_aux, aux);
	return ++c->n < c->size;
}

/* The mean of n rows of dim floats, palloc'd; zeros if there are none. Sums are doubles. */
static float *
mean_of(const float *rows, uint32 n, uint32 dim)
{
	float	   *mean = palloc(dim * sizeof(float));

	for (uint32 i = 0; i < dim; i++)
	{
		double		sum = 0;

		for (uint32 r = 0; r < n; r++)
			sum += rows[(Size) r * dim + i];
		mean[i] = (float) (sum / Max(n, 1));
	}
	return mean;
}

/*
 * The median of the n > 0 rows' squared distances from a point. The median, since the few rows
 * that have taken the mean away would have the greatest say in a mean of distances. 4 bytes a
 * row are palloc'd and freed.
 */
static float
typical_distance(const float *rows, uint32 n, uint32 dim, const float *centre)
{
	float	   *distances = palloc(n * sizeof(float));
	float	   *median;

	for (uint32 r = 0; r < n; r++)
		distances[r] = (float) pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_L2]
			(rows + (Size) r * dim, centre, dim);
	median = pgr_hnsw_median(distances, n, 1);
	pfree(distances);
	return *median;
}

/*
 * The mean of n rows or, where a few have taken it away from the others, the median of some of
 * them, evenly spaced; palloc'd, dim floats. The mean is preferred because it needs no more
 * than a pass, and because codes' errors grow with the distance from the centre, of whose
 * squares it makes the sum least. MEAN_AWAY is of squares: .7 of the way.
 */
static float *
centre_of(const float *rows, uint32 n, uint32 dim)
{
	float	   *mean = mean_of(rows, n, dim);
	uint32		nsome = Min(n, MEDIAN_ROWS);
	float	   *some = palloc((Size) Max(nsome, 1) * dim * sizeof(float));
	float	   *median;

	if (n == 0)
		return mean;
	for (uint32 i = 0; i < nsome; i++)
		memcpy(some + (Size) i * dim, rows + (Size) i * (n / nsome) * dim, dim * sizeof(float));
	median = pgr_hnsw_median(some, nsome, dim);
	pfree(some);
	return typical_distance(rows, n, dim, median) <
		MEAN_AWAY * typical_distance(rows, n, dim, mean) ? median : mean;
}

/*
 * The centre of a sample is the index's first frame, and if it knows enough of the data the
 * main one. Also what the space wants to know of the longest row (pgr_vecspace_cover). Reads
 * the table with no lock but the build's; the sample, up to 16 MB or MAIN_FRAME_ROWS rows, is
 * freed, the centre stays in the build's context. Any centre is right: it decides how well
 * codes tell near rows apart, not which rows are found by their own values.
 */
static void
find_centre(Relation heap, Relation index, IndexInfo *info, PgrHnswIndex *ix)
{
	uint32		dim = ix->meta.dim;
	CentreSample c = {ix};

	c.size = Min(SAMPLE_ROWS, Max(SAMPLE_FLOATS / dim, MAIN_FRAME_ROWS));
	c.rows = palloc_extended((Size) c.size * dim * sizeof(float), MCXT_ALLOC_HUGE);
	pgr_sample_rows(heap, index, info, SAMPLE_ROWS, add_to_centre, &c);
	/* where nothing was sampled there may be rows all the same: they need a frame */
	if (c.n > 0 || RelationGetNumberOfBlocks(heap) > 0)
	{
		ix->frames = centre_of(c.rows, c.n, dim);
		ix->meta.nframes = 1;
		ix->meta.main_frame = c.n >= MAIN_FRAME_ROWS ? 0 : PGR_HNSW_NO_FRAME;
		ix->meta.max_aux = c.max_aux;
	}
	pfree(c.rows);
}

/* ----------
 * Graph
 * ----------
 */

/*
 * Rows of the table, estimated by the planner's means: from its size if it was never analysed.
 */
static double
estimate_rows(Relation heap)
{
	BlockNumber pages;
	double		tuples;
	double		visible;

	table_relation_estimate_size(heap, NULL, &pages, &tuples, &visible);
	return tuples;
}

/*
 * Nodes that a graph in so many bytes has room for, at most `most`, participants' scratch
 * included.
 */
static uint32
graph_fit(const PgrHnswMeta *meta, Size budget, double most, int participants)
{
	uint32		row = PGR_HNSW_ROW_SIZE(meta);
	Size		nodes = budget / pgr_graph_stride(meta->padded, meta->degree, row);

	/* each process also needs a bit a node to mark what it has seen */
	budget -= Min(budget / 4, nodes / 8 * participants);
	return pgr_graph_fit(meta->padded, meta->degree, row, budget,
						 (uint32) Min(most, (double) PG_UINT32_MAX));
}

/*
 * Nodes that maintenance_work_mem has room for, at most `most`. If these are fewer than there
 * may be rows, *spool is set, and what a build in parts needs beside the graph is left free: a
 * number a row, and a buffer of 8 kB for each part's file (up to 2.2 times as many parts as
 * rows fill graphs), but never more than half. Raises 54000 if not even one node fits; the
 * hint's size is a third above the need, because the rest of the build takes some too.
 */
static uint32
graph_capacity(const PgrHnswIndex *ix, double rows, double most, int participants, bool *spool)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		budget = (Size) maintenance_work_mem * 1024;
	uint32		capacity = graph_fit(meta, budget, most, participants);

	*spool = capacity < rows;
	if (*spool && capacity > 0)
	{
		double		beside = rows * sizeof(PgrHnswId) + 2.2 * rows / capacity * BLCKSZ;

		capacity = graph_fit(meta, budget - (Size) Min(beside, budget / 2), most, participants);
	}
	if (capacity < 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("maintenance_work_mem is too small for one node of an hnsw index"),
				 errhint("Increase maintenance_work_mem to at least %zu kB.",
						 pgr_graph_size(meta->padded, meta->degree, PGR_HNSW_ROW_SIZE(meta),
										1) / 750 + 1)));
	return capacity;
}

/*
 * Memory for a graph of *capacity nodes, 64 bytes more for alignment, in the current context;
 * or of half, a quarter and so on of them where the system does not have as much: a setting
 * tells what may be used, not what there is. After a reduction a quarter and LEFT_FREE are
 * asked for as well and given back, so that something is left for all else. Raises 53200 if
 * there is no memory for LEAST_CAPACITY nodes either.
 */
static void *
graph_memory(const PgrHnswMeta *meta, uint32 *capacity, Size *size)
{
	bool		reduced = false;

	for (;; *capacity /= 2, reduced = true)
	{
		bool		last = *capacity <= LEAST_CAPACITY;
		Size		wanted;
		void	   *memory;

		*size = pgr_graph_size(meta->padded, meta->degree, PGR_HNSW_ROW_SIZE(meta), *capacity);
		wanted = add_size(*size, 64);
		if (reduced && !last)
			wanted = add_size(wanted, add_size(wanted / 4, LEFT_FREE));
		memory = MemoryContextAllocExtended(CurrentMemoryContext, wanted,
											MCXT_ALLOC_HUGE | (last ? 0 : MCXT_ALLOC_NO_OOM));
		if (memory == NULL)
			continue;
		if (wanted == *size + 64)
			return memory;
		pfree(memory);
		return MemoryContextAllocHuge(CurrentMemoryContext, *size + 64);
	}
}

/*
 * A graph for a build by one process, in the current context, for about so many rows. What is
 * not touched is not used, but it is counted where memory is limited by address space: no more
 * than for a few times the rows is asked for. With more rows than that the index is built in
 * parts; shared->spooling says so from the beginning where that is known.
 */
static PgrGraph *
make_graph(PgrHnswBuild *b, double rows)
{
	const PgrHnswMeta *meta = &b->ix->meta;
	uint32		capacity = graph_capacity(b->ix, rows, ROWS_MARGIN * rows + ROWS_MORE, 1,
										  &b->shared->spooling);
	Size		size;
	PgrGraph   *g;

	g = (PgrGraph *) TYPEALIGN(64, graph_memory(meta, &capacity, &size));
	b->shared->spooling |= capacity < rows;
	pgr_want_huge_pages(g, size);
	pgr_graph_init(g, meta->padded, meta->degree, PGR_HNSW_ROW_SIZE(meta),
				   meta->graph.ef_construction, meta->max_aux, capacity);
	return g;
}

/*
 * The graph, once it has all rows, goes to pages: lists first, as they lie before the nodes,
 * and from a sample of the codes in the graph. Leader, or alone; the workers wait at the
 * barrier until they write nodes with it. No lock on entry or exit. The sample is freed by
 * pgr_hnsw_create_lists.
 */
static void
write_graph(PgrHnswBuild *b)
{
	uint32		n = pgr_graph_count(b->graph);
	PgrHnswListSample *sample = pgr_hnsw_list_sample(b->ix, n);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, n);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrGraphNode *node = pgr_graph_node(b->graph, i);

		pgr_hnsw_list_sample_row(b->ix, sample, i, &node->head, pgr_graph_code(b->graph, node));
		b->written.rows += node->state == PGR_GRAPH_NODE;
	}
	pgr_hnsw_create_lists(b->ix, sample);
	pgr_hnsw_build_write(b);
}

/*
 * What follows the scan of the table, in the leader or alone. Workers end before the last
 * step, which reads pages in one order and needs the whole index.
 */
static void
finish_build(PgrHnswBuild *b)
{
	if (b->shared->spooling)
		pgr_hnsw_build_parts(b);
	else
		write_graph(b);
	pgr_hnsw_build_run(b, PGR_TASK_END);
	pgr_hnsw_report_phase(PGR_HNSW_PHASE_LINK);
	pgr_hnsw_link_all(b->ix, b->written.seen);
}

/* ----------
 * Parallel
 * ----------
 */

/*
 * The whole build by several processes; false if there are none to be had, with nothing begun.
 * The shared memory has the PgrHnswBuildShared and the graph behind it; its size is fixed
 * before the table was read, hence room for 1.2 times the estimated rows: more go to files. An
 * error in any process ends all (am/README, "Builds"), and the transaction's abort releases
 * everything.
 */
static bool
build_in_parallel(PgrHnswBuild *b, Relation heap, Relation index, IndexInfo *info, int workers,
				  IndexBuildResult *result)
{
	PgrParallelBuild parallel;
	PgrHnswMeta *meta = &b->ix->meta;
	double		rows = estimate_rows(heap);
	bool		spool;
	uint32		capacity = graph_capacity(b->ix, rows, rows * 1.2 + 10000, workers + 1, &spool);
	Size		size = add_size(pgr_hnsw_build_graph_offset(meta),
								pgr_graph_size(meta->padded, meta->degree,
											   PGR_HNSW_ROW_SIZE(meta), capacity));

	if (workers + 1 > PGR_HNSW_MAX_PARTICIPANTS ||
		!pgr_parallel_begin(&parallel, heap, index, info, workers, "pgr_hnsw_build_worker", size))
		return false;
	pgr_hnsw_build_init_shared(parallel.area, b->ix, false);
	pgr_graph_init(pgr_hnsw_build_shared_graph(parallel.area), meta->padded, meta->degree,
				   PGR_HNSW_ROW_SIZE(meta), meta->graph.ef_construction, meta->max_aux, capacity);
	pgr_hnsw_build_join(b, &parallel);
	b->shared->spooling = spool;
	pgr_tasks_lead(&b->shared->tasks);
	pgr_parallel_launch(&parallel);
	pgr_tasks_first(&b->shared->tasks, pgr_hnsw_build_do, b);
	result->heap_tuples = b->heap_tuples;
	result->index_tuples = b->rows;
	finish_build(b);
	pgr_tasks_leave(&b->shared->tasks);
	pgr_parallel_wait(&parallel, &result->heap_tuples, &result->index_tuples);
	pgr_parallel_end(&parallel);
	return true;
}

/*
 * The whole build by this process: the same steps, with the state that others would share in
 * its own memory, the current context. The table's lock is CREATE INDEX's.
 */
static void
build_alone(PgrHnswBuild *b, Relation heap, Relation index, IndexInfo *info,
			IndexBuildResult *result)
{
	b->shared = palloc(pgr_hnsw_build_graph_offset(&b->ix->meta));
	pgr_hnsw_build_init_shared(b->shared, b->ix, true);
	b->graph = make_graph(b, estimate_rows(heap));
	b->scratch = pgr_hnsw_build_scratch(b->graph);
	b->heap = heap;
	b->info = info;
	pgr_tasks_first(&b->shared->tasks, pgr_hnsw_build_do, b);
	result->heap_tuples = b->heap_tuples;
	result->index_tuples = b->rows;
	finish_build(b);
}

/* ----------
 * Entry points
 * ----------
 */

IndexBuildResult *
pgr_hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	/*
	 * All memory of the build is in one context, a child of the caller's, which after an error
	 * goes with it. Pages are written without WAL; pgr_wal_log_build logs the file at the end,
	 * so a crash before leaves a file that the aborted transaction owns.
	 */
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrHnswBuild b = {0};
	int			workers = pgr_build_workers(heap, index, info);

	pgr_hnsw_build_start(&b, index);
	pgr_hnsw_report_phase(PGR_HNSW_PHASE_SAMPLE);
	find_centre(heap, index, info, b.ix);
	pgr_hnsw_write_head(b.ix, MAIN_FORKNUM, estimate_rows(heap));
	pgr_hnsw_report_phase(PGR_HNSW_PHASE_GRAPH);
	if (workers == 0 || !build_in_parallel(&b, heap, index, info, workers, result))
		build_alone(&b, heap, index, info, result);
	pgr_wal_log_build(index, MAIN_FORKNUM);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

void
pgr_hnsw_build_empty(Relation index)
{
	/*
	 * without frames: the values that are inserted first tell where data lie (README,
	 * "Frames and entries")
	 */
	PgrHnswIndex *ix = pgr_hnsw_new(index);

	ix->meta.lists.n = ix->filters != NULL;
	pgr_hnsw_write_head(ix, INIT_FORKNUM, 0);
	pgr_wal_log_build(index, INIT_FORKNUM);
}
