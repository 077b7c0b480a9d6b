/*
 * hnsw_build.c
 *		CREATE INDEX. See README, "Build".
 *
 * A sample gives the centre; then each row is encoded and inserted into the
 * graph in memory, by several processes if there are workers, which at the end
 * is written to pages. Rows that it has no room for are inserted into the pages:
 * at once in a serial build, whose graph is then written early; by the leader at
 * the end of a parallel one, from temporary files.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/am_build.h"
#include "am/am_parallel.h"
#include "am/sample.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* rows that the centre is the mean of */
#define SAMPLE_ROWS 2000

/* leader and workers; more are never asked for */
#define MAX_PARTICIPANTS 1025

/* What the processes of a parallel build share; the graph follows the centre. */
typedef struct Shared
{
	PgrHnswMeta meta;
	bool		has_centre;
	uint64		spilled[MAX_PARTICIPANTS];	/* rows in each one's file */
	float		centre[FLEXIBLE_ARRAY_MEMBER];
} Shared;

typedef struct Build
{
	MemoryContext context;
	PgrHnswIndex *ix;
	PgrParallelBuild *parallel; /* NULL in a serial build */
	Shared	   *shared;
	BufFile    *spill;			/* rows that the graph had no room for */
	PgrGraph   *graph;			/* NULL once it was written */
	PgrGraphScratch *scratch;
	int8	   *code;			/* of the row at hand */
	char	   *item;			/* its tid and filter values */
	MemoryContext row_context;
	double		rows;			/* with a value and a distance */
} Build;

static PgrGraph *shared_graph(Shared *shared);
static void start_build(Build *b, Relation index);

/* ----------
 * Centre
 * ----------
 */

typedef struct CentreSums
{
	const PgrHnswIndex *ix;
	double	   *sum;
	double		max_norm2;
	int			n;
} CentreSums;

static bool
add_to_centre(Datum *values, bool *isnull, void *arg)
{
	CentreSums *c = arg;
	int			dim;
	const float *x;
	double		norm;
	double		scale = 1;

	if (isnull[0])
		return true;
	x = c->ix->cls->floats((struct varlena *) PG_DETOAST_DATUM(values[0]), &dim);
	if (dim != c->ix->meta.dim)
		pgr_hnsw_error_dim(c->ix, dim);
	norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);
	if (c->ix->cls->space == PGR_DISTANCE_COSINE)
	{
		if (!(norm > 0))
			return true;
		scale = 1 / norm;
	}
	for (int i = 0; i < dim; i++)
		c->sum[i] += scale * x[i];
	c->max_norm2 = Max(c->max_norm2, norm * norm);
	c->n++;
	return true;
}

/* The mean of a sample, and for inner products the largest square norm in it. */
static void
find_centre(Relation heap, Relation index, IndexInfo *info, PgrHnswIndex *ix)
{
	CentreSums	c = {ix, palloc0(ix->meta.dim * sizeof(double))};

	pgr_sample_rows(heap, index, info, SAMPLE_ROWS, add_to_centre, &c);
	if (c.n > 0)
	{
		ix->centre = palloc(ix->meta.dim * sizeof(float));
		for (uint32 i = 0; i < ix->meta.dim; i++)
			ix->centre[i] = (float) (c.sum[i] / c.n);
		if (ix->cls->space == PGR_DISTANCE_NEG_IP)
			ix->meta.max_aux = (float) c.max_norm2;
	}
	pfree(c.sum);
}

/* ----------
 * Graph
 * ----------
 */

static void
report_phase(int64 phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

/* rows of the heap, from its size if it was never analysed */
static double
estimate_rows(Relation heap)
{
	BlockNumber pages;
	double		tuples;
	double		visible;

	table_relation_estimate_size(heap, NULL, &pages, &tuples, &visible);
	return tuples;
}

/* Nodes that maintenance_work_mem has room for, at most `most`. */
static uint32
graph_capacity(const PgrHnswIndex *ix, double most, int participants)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		budget = (Size) maintenance_work_mem * 1024;
	uint32		item = PGR_HNSW_ITEM_SIZE(meta);
	Size		nodes = budget / pgr_graph_stride(meta->padded, meta->degree, item);
	uint32		capacity;

	/* each process also needs two bytes a node to mark what it has seen */
	budget -= Min(budget / 4, nodes * 2 * participants);
	capacity = pgr_graph_fit(meta->padded, meta->degree, item, budget,
							 (uint32) Min(most, (double) PG_UINT32_MAX));
	if (capacity < 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("maintenance_work_mem is too small for one node of an hnsw index"),
				 errhint("Increase maintenance_work_mem to at least %zu kB.",
						 pgr_graph_size(meta->padded, meta->degree, item, 1) / 750 + 1)));
	return capacity;
}

static PgrGraph *
make_graph(const PgrHnswIndex *ix)
{
	const PgrHnswMeta *meta = &ix->meta;
	uint32		capacity = graph_capacity(ix, PG_UINT32_MAX, 1);
	/* memory that is not touched is not used: the graph may be taken whole */
	Size		size = pgr_graph_size(meta->padded, meta->degree, PGR_HNSW_ITEM_SIZE(meta),
									  capacity);
	PgrGraph   *g;

	g = MemoryContextAllocHuge(CurrentMemoryContext, add_size(size, 64));
	g = (PgrGraph *) TYPEALIGN(64, g);
	pgr_graph_init(g, meta->padded, meta->degree, PGR_HNSW_ITEM_SIZE(meta), meta->ef_construction,
				   meta->max_aux, capacity);
	return g;
}

static PgrGraphScratch *
make_scratch(const PgrGraph *g)
{
	return pgr_graph_scratch_init(g, MemoryContextAllocHuge(CurrentMemoryContext,
															pgr_graph_scratch_size(g)));
}

/* Writes the graph out, full or complete. */
static void
flush_graph(Build *b)
{
	report_phase(PGR_HNSW_PHASE_WRITE);
	pgr_hnsw_flush(b->ix, b->graph);
	b->graph = NULL;
}

/* ----------
 * Rows that the graph has no room for
 * ----------
 */

static void
report_full(double rows)
{
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem after %.0f tuples", rows),
			 errdetail("Building will take longer."),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
}

static void
spill_name(int participant, char *name)
{
	snprintf(name, MAXPGPATH, "hnsw.%d", participant);
}

/* A participant of a parallel build leaves the row in a file for the leader. */
static void
spill_row(Build *b, PgrCode8 *head)
{
	if (b->spill == NULL)
	{
		char		name[MAXPGPATH];
		MemoryContext old = MemoryContextSwitchTo(b->context);

		spill_name(b->parallel->participant, name);
		b->spill = BufFileCreateFileSet(&b->parallel->files->fs, name);
		MemoryContextSwitchTo(old);
	}
	BufFileWrite(b->spill, b->item, PGR_HNSW_ITEM_SIZE(&b->ix->meta));
	BufFileWrite(b->spill, head, sizeof(PgrCode8));
	BufFileWrite(b->spill, b->code, b->ix->meta.padded);
	b->shared->spilled[b->parallel->participant]++;
}

/* Makes the file readable for the leader. */
static void
finish_spill(Build *b)
{
	if (b->spill == NULL)
		return;
	BufFileExportFileSet(b->spill);
	BufFileClose(b->spill);
	b->spill = NULL;
}

/* The leader inserts what all left, into the pages. */
static void
insert_spilled(Build *b)
{
	bool		first = true;

	for (int p = 0; p < b->parallel->participants; p++)
	{
		char		name[MAXPGPATH];
		BufFile    *file;

		if (b->shared->spilled[p] == 0)
			continue;
		if (first)
			report_full(pgr_graph_count(shared_graph(b->shared)));
		first = false;
		report_phase(PGR_HNSW_PHASE_INSERT);
		spill_name(p, name);
		file = BufFileOpenFileSet(&b->parallel->files->fs, name, O_RDONLY, false);
		for (uint64 i = 0; i < b->shared->spilled[p]; i++)
		{
			PgrCode8	head;
			MemoryContext old = MemoryContextSwitchTo(b->row_context);

			CHECK_FOR_INTERRUPTS();
			pgr_buffile_read(file, b->item, PGR_HNSW_ITEM_SIZE(&b->ix->meta));
			pgr_buffile_read(file, &head, sizeof(head));
			pgr_buffile_read(file, b->code, b->ix->meta.padded);
			pgr_hnsw_insert_code(b->ix, b->code, &head, b->item);
			MemoryContextSwitchTo(old);
			MemoryContextReset(b->row_context);
		}
		BufFileClose(file);
	}
}

/* ----------
 * Rows
 * ----------
 */

/* Adds the row at hand. */
static void
add_code(Build *b, PgrCode8 *head)
{
	uint32		id = PGR_GRAPH_NONE;

	if (b->graph != NULL)
		id = pgr_graph_reserve(b->graph);
	if (id != PGR_GRAPH_NONE)
	{
		PgrGraphNode *node = pgr_graph_node(b->graph, id);

		node->head = *head;
		memcpy(pgr_graph_code(b->graph, node), b->code, b->ix->meta.padded);
		memcpy(pgr_graph_extra(b->graph, node), b->item, PGR_HNSW_ITEM_SIZE(&b->ix->meta));
		pgr_graph_insert(b->graph, b->scratch, id);
		return;
	}
	if (b->parallel != NULL)
	{
		spill_row(b, head);
		return;
	}
	if (b->graph != NULL)
	{
		report_full(b->rows);
		flush_graph(b);
		report_phase(PGR_HNSW_PHASE_INSERT);
	}
	pgr_hnsw_insert_code(b->ix, b->code, head, b->item);
}

static void
build_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Build	   *b = arg;
	PgrCode8	head;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(b->row_context);
	if (pgr_hnsw_encode(b->ix, (struct varlena *) PG_DETOAST_DATUM(values[0]), false,
						b->code, &head))
	{
		memcpy(b->item, tid, sizeof(ItemPointerData));
		if (b->ix->filters != NULL)
			pgr_filter_image(b->ix->filters, values, isnull, PGR_HNSW_ITEM_FILTER(b->item));
		add_code(b, &head);
		b->rows++;
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
									 b->parallel != NULL && b->graph != NULL
									 ? pgr_graph_count(b->graph) : (int64) b->rows);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(b->row_context);
}

/* ----------
 * Parallel
 * ----------
 */

static Size
graph_offset(const PgrHnswMeta *meta)
{
	return TYPEALIGN(64, sizeof(Shared) + meta->dim * sizeof(float));
}

static PgrGraph *
shared_graph(Shared *shared)
{
	return (PgrGraph *) ((char *) shared + graph_offset(&shared->meta));
}

static double
scan_table(Build *b)
{
	return table_index_build_scan(b->parallel->heap, b->parallel->index, b->parallel->info, true,
								  true, build_row, b, b->parallel->scan);
}

/* A participant's state: its own scratch memory, the common graph. */
static void
join_build(Build *b, PgrParallelBuild *parallel)
{
	b->parallel = parallel;
	b->shared = parallel->area;
	b->graph = shared_graph(b->shared);
	b->scratch = make_scratch(b->graph);
}

PGDLLEXPORT void pgr_hnsw_build_worker(dsm_segment *seg, shm_toc *toc);

/* Entry of a parallel worker. */
void
pgr_hnsw_build_worker(dsm_segment *seg, shm_toc *toc)
{
	PgrParallelBuild parallel;
	Shared	   *shared;
	Build		b = {0};
	double		heap_tuples;

	pgr_parallel_attach(&parallel, seg, toc);
	shared = parallel.area;
	start_build(&b, parallel.index);
	b.ix->meta = shared->meta;
	b.ix->centre = shared->has_centre ? shared->centre : NULL;
	join_build(&b, &parallel);
	heap_tuples = scan_table(&b);
	finish_spill(&b);
	pgr_parallel_detach(&parallel, heap_tuples, b.rows);
}

/* The whole build by several processes; false if there are none to be had. */
static bool
build_in_parallel(Build *b, Relation heap, Relation index, IndexInfo *info, int workers,
				  IndexBuildResult *result)
{
	PgrParallelBuild parallel;
	PgrHnswMeta *meta = &b->ix->meta;
	uint32		capacity = graph_capacity(b->ix, estimate_rows(heap) * 1.2 + 10000, workers + 1);
	Size		size = add_size(graph_offset(meta),
								pgr_graph_size(meta->padded, meta->degree,
											   PGR_HNSW_ITEM_SIZE(meta), capacity));

	if (workers + 1 > MAX_PARTICIPANTS ||
		!pgr_parallel_begin(&parallel, heap, index, info, workers, "pgr_hnsw_build_worker", size))
		return false;
	b->shared = parallel.area;
	memset(b->shared, 0, sizeof(Shared));
	b->shared->meta = *meta;
	b->shared->has_centre = b->ix->centre != NULL;
	if (b->ix->centre != NULL)
		memcpy(b->shared->centre, b->ix->centre, meta->dim * sizeof(float));
	pgr_graph_init(shared_graph(b->shared), meta->padded, meta->degree, PGR_HNSW_ITEM_SIZE(meta),
				   meta->ef_construction, meta->max_aux, capacity);
	join_build(b, &parallel);
	pgr_parallel_launch(&parallel);
	result->heap_tuples = scan_table(b);
	result->index_tuples = b->rows;
	finish_spill(b);
	pgr_parallel_wait(&parallel, &result->heap_tuples, &result->index_tuples);
	flush_graph(b);
	insert_spilled(b);
	pgr_parallel_end(&parallel);
	return true;
}

/* ----------
 * Entry points
 * ----------
 */

static void
start_build(Build *b, Relation index)
{
	b->context = CurrentMemoryContext;
	b->ix = pgr_hnsw_new(index);
	b->code = palloc(b->ix->meta.padded);
	b->item = palloc(PGR_HNSW_ITEM_SIZE(&b->ix->meta));
	b->row_context = AllocSetContextCreate(b->context, "hnsw build row", ALLOCSET_DEFAULT_SIZES);
}

IndexBuildResult *
pgr_hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Build		b = {0};
	int			workers = pgr_build_workers(heap, index, info);

	start_build(&b, index);
	report_phase(PGR_HNSW_PHASE_SAMPLE);
	find_centre(heap, index, info, b.ix);
	pgr_hnsw_write_head(b.ix, MAIN_FORKNUM, estimate_rows(heap));
	report_phase(PGR_HNSW_PHASE_GRAPH);
	if (workers == 0 || !build_in_parallel(&b, heap, index, info, workers, result))
	{
		b.graph = make_graph(b.ix);
		b.scratch = make_scratch(b.graph);
		result->heap_tuples = table_index_build_scan(heap, index, info, true, true, build_row, &b,
													 NULL);
		result->index_tuples = b.rows;
		if (b.graph != NULL)
			flush_graph(&b);
	}
	pgr_wal_log_build(index, MAIN_FORKNUM);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

void
pgr_hnsw_build_empty(Relation index)
{
	PgrHnswIndex *ix = pgr_hnsw_new(index);

	pgr_hnsw_write_head(ix, INIT_FORKNUM, 0);
	pgr_wal_log_build(index, INIT_FORKNUM);
}
