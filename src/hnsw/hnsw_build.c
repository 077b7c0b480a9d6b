/*
 * hnsw_build.c
 *		CREATE INDEX. See README, "Build".
 *
 * A sample gives the centre; then each row is encoded and inserted into the
 * graph in memory, which at the end is written to pages. When it is full, it is
 * written out early and the remaining rows are inserted into the pages.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/sample.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* rows that the centre is the mean of */
#define SAMPLE_ROWS 2000

typedef struct Build
{
	PgrHnswIndex *ix;
	PgrGraph   *graph;			/* NULL once it was written */
	PgrGraphScratch *scratch;
	int8	   *code;			/* of the row at hand, when there is no graph */
	MemoryContext row_context;
	double		rows;			/* with a value and a distance */
} Build;

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

static PgrGraph *
make_graph(const PgrHnswIndex *ix)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		budget = (Size) maintenance_work_mem * 1024;
	/* a process also needs two bytes a node to mark what it has seen */
	uint32		capacity = pgr_graph_fit(meta->padded, meta->degree,
										 budget - Min(budget / 256, budget), UINT32_MAX);
	Size		size;
	PgrGraph   *g;

	if (capacity < 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("maintenance_work_mem is too small for one node of an hnsw index"),
				 errhint("Increase maintenance_work_mem to at least %zu kB.",
						 pgr_graph_size(meta->padded, meta->degree, 1) / 1000 + 1)));
	/* memory that is not touched is not used: the graph may be taken whole */
	size = pgr_graph_size(meta->padded, meta->degree, capacity);
	g = (PgrGraph *) TYPEALIGN(64, MemoryContextAllocHuge(CurrentMemoryContext, add_size(size, 64)));
	pgr_graph_init(g, meta->padded, meta->degree, meta->ef_construction, meta->max_aux, capacity);
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
	report_phase(3);
	pgr_hnsw_flush(b->ix, b->graph);
	b->graph = NULL;
}

static void
insert_into_graph(Build *b, const struct varlena *value, ItemPointer tid, uint32 id)
{
	PgrGraphNode *node = pgr_graph_node(b->graph, id);

	memcpy(pgr_graph_code(b->graph, node), b->code, b->ix->meta.padded);
	memcpy(node->tag, tid, sizeof(ItemPointerData));
	pgr_graph_insert(b->graph, b->scratch, id);
}

static void
build_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Build	   *b = arg;
	struct varlena *value;
	PgrCode8	head;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(b->row_context);
	value = (struct varlena *) PG_DETOAST_DATUM(values[0]);
	if (pgr_hnsw_encode(b->ix, value, false, b->code, &head))
	{
		uint32		id = PGR_GRAPH_NONE;

		if (b->graph != NULL)
		{
			id = pgr_graph_reserve(b->graph);
			if (id == PGR_GRAPH_NONE)
			{
				ereport(NOTICE,
						(errmsg("hnsw graph no longer fits into maintenance_work_mem after %.0f tuples",
								b->rows),
						 errdetail("Building will take longer."),
						 errhint("Increase maintenance_work_mem to speed up builds.")));
				flush_graph(b);
				report_phase(4);
			}
		}
		if (id != PGR_GRAPH_NONE)
		{
			pgr_graph_node(b->graph, id)->head = head;
			insert_into_graph(b, value, tid, id);
		}
		else
			pgr_hnsw_insert_code(b->ix, b->code, &head, tid);
		b->rows++;
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) b->rows);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(b->row_context);
}

IndexBuildResult *
pgr_hnsw_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Build		b = {pgr_hnsw_new(index)};

	b.code = palloc(b.ix->meta.padded);
	b.row_context = AllocSetContextCreate(context, "hnsw build row", ALLOCSET_DEFAULT_SIZES);
	report_phase(2);
	find_centre(heap, index, info, b.ix);
	pgr_hnsw_write_head(b.ix, MAIN_FORKNUM, estimate_rows(heap));
	b.graph = make_graph(b.ix);
	b.scratch = make_scratch(b.graph);
	result->heap_tuples = table_index_build_scan(heap, index, info, true, true, build_row, &b, NULL);
	if (b.graph != NULL)
		flush_graph(&b);
	pgr_wal_log_build(index, MAIN_FORKNUM);
	result->index_tuples = b.rows;
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
