/*
 * hnsw_part.c
 *		Building an index that is larger than maintenance_work_mem. See README,
 *		"Build".
 *
 * Rows wait in temporary files. They are divided into parts of similar values,
 * small enough for the memory; some rows are in two parts. Part after part
 * becomes a graph in memory and is written: rows seen for the first time become
 * nodes, those that are in the index already get further edges (hnsw_flush.c).
 * What is common to neighbouring parts ties them together (as DiskANN's build
 * of Subramanya et al. 2019 does). The other way, to insert the rest into pages
 * one by one, reads and writes some hundred pages a row at random.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "am/train.h"
#include "base/order.h"
#include "commands/progress.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_list.h"
#include "miscadmin.h"
#include "pgstat.h"

/*
 * The share of rows that go to a second part: those nearest to the border between two, more of
 * them the more parts there are; all where borders are everywhere. The next larger share where
 * the rows nearest to a centre are more than a part has room for: some of them then are among
 * rows that are not near them. Measured: bench/hnsw.md, "Shares of partitions".
 */
static const struct
{
	double		share;
	uint32		parts;			/* at most */
}			second_shares[] = {{0.1, 2}, {0.2, 4}, {0.5, 8}, {0.7, 16}, {1, PG_UINT32_MAX}};

/* room in all parts together, as a multiple of what is needed: they are uneven */
#define PART_ROOM 1.1

/* sampled rows for each part's centre, rounds of k-means */
#define SAMPLE_PER_PART 64
#define ROUNDS 8

/* each has an open file with a buffer */
#define MAX_PARTS 4096

/* The parts' centres and how full they are. */
typedef struct Division
{
	uint32		n;
	uint32		dim;
	double		share;			/* of the rows that go to a second part, too */
	PgrCode8   *heads;
	int8	   *codes;
	float	   *distances;		/* scratch, n; of the row at hand */
	uint64		capacity;		/* rows that a part has room for */
	uint64		largest;		/* rows nearest to one centre, at most; estimated */
	float		border;			/* rows with a second centre so little farther go to both */
	uint64	   *most_seconds;	/* rows for which it is not the nearest that it may take */
	uint64	   *seconds;		/* and has */
	uint64	   *rows;			/* all it has */
} Division;

static uint64
count_rows(const PgrHnswBuild *b)
{
	uint64		n = pgr_graph_count(b->graph);

	for (int p = 0; p < PGR_HNSW_MAX_PARTICIPANTS; p++)
		n += b->shared->spooled[p];
	return n;
}

/* ----------
 * Division
 * ----------
 */

typedef struct Sample
{
	uint32		dim;			/* bytes of a code */
	uint32		step;			/* every so many rows */
	uint32		n;
	uint32		size;
	PgrCode8   *heads;
	int8	   *codes;
} Sample;

static void
add_to_sample(PgrHnswBuild *b, const PgrHnswSpoolRow *row, void *arg)
{
	Sample	   *s = arg;

	if (row->number % s->step != 0 || s->n == s->size)
		return;
	s->heads[s->n] = row->head;
	memcpy(s->codes + (Size) s->n * b->ix->meta.padded, b->code, b->ix->meta.padded);
	s->n++;
}

/* Distances of a row from all centres, less its own square. */
static void
score_centres(Division *d, const PgrCode8 *head, const int8 *code)
{
	pgr_kernel->many[PGR_ELEM_I8][PGR_METRIC_IP] (code, d->codes, d->dim, d->n, d->dim,
												 d->distances);
	for (uint32 k = 0; k < d->n; k++)
		d->distances[k] = d->heads[k].norm2 -
			2 * head->scale * d->heads[k].scale * d->distances[k];
}

static uint32
nearest_centre(const Division *d)
{
	uint32		best = 0;

	for (uint32 k = 1; k < d->n; k++)
		if (d->distances[k] < d->distances[best])
			best = k;
	return best;
}

/* Decodes rows of the sample, for k-means. */
static void
decode_sample(const void *arg, uint32_t first, uint32_t n, float *out)
{
	const Sample *s = arg;

	for (uint32 i = first; i < first + n; i++, out += s->dim)
		pgr_code8_decode(&s->heads[i], s->codes + (Size) i * s->dim, s->dim, out);
}

/*
 * The parts' centres, as codes, by k-means over the sample; d->rows gets how many of it
 * are nearest to each. Frees what it allocates; pgr_train_kmeans says what that is.
 */
static void
find_centres(Division *d, const Sample *s)
{
	PgrKmeans	job = {s->n, d->dim, d->n, ROUNDS, decode_sample, s};

	job.centroids = pgr_train_floats(d->n, d->dim);
	job.norm2 = pgr_train_floats(d->n, 1);
	job.nearest = palloc_extended(mul_size(s->n, sizeof(uint32)), MCXT_ALLOC_HUGE);
	pgr_train_kmeans(&job);
	for (uint32 k = 0; k < d->n; k++)
	{
		Size		at = (Size) k * d->dim;

		pgr_code8_encode(job.centroids + at, d->dim, 0, d->codes + at, &d->heads[k]);
		d->rows[k] = job.counts[k];
	}
	pfree(job.centroids);
	pfree(job.norm2);
	pfree(job.nearest);
	pfree(job.counts);
}

/* How much farther the second nearest centre is. */
static float
border_distance(const Division *d)
{
	uint32		first = nearest_centre(d);
	float		second = FLT_MAX;

	for (uint32 k = 0; k < d->n; k++)
		if (k != first)
			second = Min(second, d->distances[k]);
	return second - d->distances[first];
}

/* Sets what is near enough to a border, for the wanted share of the sample. */
static void
find_border(Division *d, const Sample *s)
{
	float	   *borders = palloc_extended(s->n * sizeof(float), MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < s->n; i++)
	{
		score_centres(d, &s->heads[i], s->codes + (Size) i * d->dim);
		borders[i] = border_distance(d);
	}
	qsort(borders, s->n, sizeof(float), pgr_compare_float);
	d->border = d->share < 1 ? borders[(uint32) ((s->n - 1) * d->share)] : FLT_MAX;
	pfree(borders);
}

/*
 * Centres by k-means on a sample, and what each part may take beside its own rows. Reads all
 * rows once. The sample, SAMPLE_PER_PART codes a part, is freed at the end.
 */
static void
find_parts(PgrHnswBuild *b, Division *d, uint64 nrows)
{
	Sample		s = {.dim = d->dim};

	s.size = (uint32) Min(nrows, (uint64) d->n * SAMPLE_PER_PART);
	s.step = (uint32) (nrows / s.size);
	s.heads = palloc_extended(s.size * sizeof(PgrCode8), MCXT_ALLOC_HUGE);
	s.codes = palloc_extended((Size) s.size * d->dim, MCXT_ALLOC_HUGE);
	pgr_hnsw_each_row(b, add_to_sample, &s);
	find_centres(d, &s);
	find_border(d, &s);
	d->largest = 0;
	for (uint32 k = 0; k < d->n; k++)
	{
		uint64		own = (uint64) (PART_ROOM * d->rows[k] * nrows / s.n);

		d->largest = Max(d->largest, d->rows[k] * nrows / s.n);
		d->most_seconds[k] = d->capacity - Min(own, d->capacity);
		d->rows[k] = 0;
	}
	pfree(s.heads);
	pfree(s.codes);
}

/* The nearest part that has room, other than one; d->n if there is none. */
static uint32
nearest_part(const Division *d, uint32 other)
{
	uint32		best = d->n;

	for (uint32 k = 0; k < d->n; k++)
	{
		if (k == other || d->rows[k] >= d->capacity ||
			(other < d->n && d->seconds[k] >= d->most_seconds[k]))
			continue;
		if (best == d->n || d->distances[k] < d->distances[best])
			best = k;
	}
	return best;
}

static void
put_in_part(PgrHnswBuild *b, Division *d, uint32 part, const PgrHnswSpoolRow *row)
{
	pgr_hnsw_spool_write(b, b->parts[part], row);
	d->rows[part]++;
}

/*
 * Writes a row to the file of its nearest part that has room, and if a border is near to that
 * of the next one too. There is room for all rows once, so that none is left over.
 */
static void
assign_row(PgrHnswBuild *b, const PgrHnswSpoolRow *row, void *arg)
{
	Division   *d = arg;
	uint32		first;
	uint32		second;

	score_centres(d, &row->head, b->code);
	first = nearest_part(d, d->n);
	if (first == d->n)
		elog(ERROR, "no room for a row in %u parts", d->n);
	put_in_part(b, d, first, row);
	if (border_distance(d) > d->border)
		return;
	second = nearest_part(d, first);
	if (second < d->n)
	{
		put_in_part(b, d, second, row);
		d->seconds[second]++;
	}
}

static void
add_to_list_sample(PgrHnswBuild *b, const PgrHnswSpoolRow *row, void *arg)
{
	pgr_hnsw_list_sample_row(b->ix, arg, row->number, &row->head, b->code);
}

/* The lists of filter values, if there are to be any. */
static void
make_lists(PgrHnswBuild *b, uint64 nrows)
{
	PgrHnswListSample *sample = pgr_hnsw_list_sample(b->ix, nrows);

	if (sample != NULL)
		pgr_hnsw_each_row(b, add_to_list_sample, sample);
	pgr_hnsw_create_lists(b->ix, sample);
}

/*
 * As few parts as there can be with one of the shares from second_shares[*at] on, which
 * is set to it.
 */
static uint32
number_of_parts(const PgrHnswBuild *b, uint64 nrows, int *at)
{
	double		n = 1;

	if (nrows > b->graph->capacity)
		for (;; (*at)++)
		{
			n = ceil(PART_ROOM * (1 + second_shares[*at].share) * nrows / b->graph->capacity);
			if (n <= second_shares[*at].parts || *at == lengthof(second_shares) - 1)
				break;
		}
	if (n > MAX_PARTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("maintenance_work_mem is too small for an hnsw index of %llu rows",
						(unsigned long long) nrows),
				 errdetail("It has room for %u nodes at a time.", b->graph->capacity),
				 errhint("Increase maintenance_work_mem %.0f times.", ceil(n / MAX_PARTS))));
	return (uint32) Max(n, 1);
}

/*
 * Centres of as few parts as will do: more where one would be larger than memory holds. d and
 * what it points to stay in the current context until the build ends.
 */
static void
choose_parts(PgrHnswBuild *b, Division *d, uint64 nrows)
{
	d->dim = b->ix->meta.padded;
	d->capacity = b->graph->capacity;
	for (int at = 0;; at++)
	{
		d->n = number_of_parts(b, nrows, &at);
		d->share = d->n > 1 ? second_shares[at].share : 0;
		d->heads = palloc0(d->n * sizeof(PgrCode8));
		d->codes = palloc0((Size) d->n * d->dim);
		d->distances = palloc(d->n * sizeof(float));
		d->seconds = palloc0(d->n * sizeof(uint64));
		d->most_seconds = palloc0(d->n * sizeof(uint64));
		d->rows = palloc0(d->n * sizeof(uint64));
		if (d->n == 1)
			return;				/* no more rows than fit, and perhaps none */
		find_parts(b, d, nrows);
		if (d->largest <= d->capacity || at == lengthof(second_shares) - 1)
			return;
	}
}

/*
 * Divides all rows into files, one a part, and makes the lists of filter values. Leader, or
 * alone. b->parts, b->nrows and, if there are several parts, the nodes of all rows, 4 bytes
 * each, stay in the current context until the build ends. Raises if there are too many rows.
 */
static void
divide_rows(PgrHnswBuild *b)
{
	uint64		nrows = count_rows(b);
	Division	d = {0};
	PgrSpool	spool = pgr_hnsw_parts_spool(b);

	if (nrows >= PGR_HNSW_NO_ID)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for an hnsw index")));
	choose_parts(b, &d, nrows);
	b->nrows = d.rows;
	b->parts = palloc(d.n * sizeof(BufFile *));
	for (uint32 k = 0; k < d.n; k++)
		b->parts[k] = pgr_spool_create(&spool, k);
	make_lists(b, nrows);
	pgr_hnsw_each_row(b, assign_row, &d);
	if (b->spool != NULL)
		BufFileClose(b->spool);
	b->spool = NULL;
	for (uint32 k = 0; k < d.n; k++)
		b->parts[k] = pgr_spool_finish(&spool, b->parts[k]);
	b->nparts = d.n;
	if (d.n > 1)
	{
		b->written.ids = palloc_extended(nrows * sizeof(PgrHnswId), MCXT_ALLOC_HUGE);
		memset(b->written.ids, 0xff, nrows * sizeof(PgrHnswId));	/* PGR_HNSW_NO_ID */
	}
	b->written.rows = nrows;
}

/* ----------
 * Parts
 * ----------
 */

static void
report_full(const PgrHnswBuild *b)
{
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem after %u tuples",
					b->graph->capacity),
			 errdetail("It is built in %u parts.",
					   b->nparts),
			 errhint("Increase maintenance_work_mem to speed up builds.")));
}

/* Rows count twice in each part: when they are inserted and when they are written. */
static void
report_total(const PgrHnswBuild *b)
{
	int64		total = 0;

	for (uint32 k = 0; k < b->nparts; k++)
		total += b->nrows[k];
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, 2 * total);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
}

void
pgr_hnsw_build_parts(PgrHnswBuild *b)
{
	PgrGraph   *g = b->graph;

	pgr_hnsw_report_phase(PGR_HNSW_PHASE_DIVIDE);
	divide_rows(b);
	if (b->nparts > 1)
		report_full(b);
	report_total(b);
	for (uint32 k = 0; k < b->nparts; k++)
	{
		pgr_hnsw_report_phase(PGR_HNSW_PHASE_PARTS);
		pgr_graph_init(g, g->dim, g->degree, g->extra, g->ef_construction, g->max_aux, g->capacity);
		b->shared->part = k;
		b->shared->part_rows = b->nrows[k];
		pgr_hnsw_build_run(b, PGR_HNSW_TASK_PART);
		b->shared->reported += b->nrows[k];
		pgr_hnsw_build_write(b);
		b->shared->reported += b->nrows[k];
	}
	if (b->written.ids != NULL)
		pfree(b->written.ids);
	b->written.ids = NULL;
}
