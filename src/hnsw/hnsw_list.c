/*
 * hnsw_list.c
 *		The directory of the lists of filter values: centres of lists, and how a
 *		code becomes a digest. See README, "Filter columns".
 *
 * All of it happens in the space of digests: a row's coordinates along the
 * principal axes decide which list it is in, and which lists a search reads
 * first. A build makes the directory from a sample of the rows; it does not
 * change until REINDEX. A backend reads it once.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* room in the first pages of all lists, as a multiple of what the rows need */
#define LIST_ROOM 1.08

/* bytes of an entry's digest: about its own size, so that pages of both fill alike */
#define LEAST_DIGEST 14
#define MOST_DIGEST 26

/*
 * A row is put into one of so many nearest lists whose last page has room, before
 * the nearest gets a further page: else soon each had one that is nearly empty.
 */
#define NEAR_LISTS 8

/* rows of the sample for each list; rounds of k-means */
#define SAMPLE_PER_LIST 32
#define ROUNDS 6

/* bytes of the sample's codes, but at least so many rows */
#define SAMPLE_BYTES (16 * 1024 * 1024)
#define SAMPLE_LEAST 1024

/* floats of the rows that the axes are found from */
#define AXES_FLOATS (1024 * 1024)

struct PgrHnswListSample
{
	uint64		step;			/* every so many rows */
	uint32		n;
	uint32		size;
	PgrCode8   *heads;
	int8	   *codes;
};

/* ----------
 * The directory in memory
 * ----------
 */

/* Points into a directory, which must stay where it is; in the current context. */
static PgrHnswLists *
lists_at(const PgrHnswMeta *meta, char *directory)
{
	PgrHnswLists *l = palloc0(sizeof(PgrHnswLists));
	float	   *at = (float *) directory;

	l->directory = directory;
	l->map.dim = meta->padded;
	l->map.n = meta->digest_dims;
	l->map.scale = at;
	l->map.step = at += meta->digest_dims;
	l->norm2 = at += meta->digest_dims;
	l->shift = at += meta->lists;
	l->centres = at += meta->lists;
	l->map.axes = (int8 *) (at + (Size) meta->lists * meta->digest_dims);
	l->z = palloc(Max(meta->digest_dims, 1) * sizeof(float));
	l->distances = palloc_extended(mul_size(meta->lists, sizeof(float)), MCXT_ALLOC_HUGE);
	return l;
}

PgrHnswLists *
pgr_hnsw_lists(const PgrHnswIndex *ix)
{
	MemoryContext old;
	Size		size = PGR_HNSW_DIRECTORY_SIZE(&ix->meta);
	char	   *directory;

	if (ix->lists != NULL)
		return ix->lists;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(unconstify(PgrHnswIndex *, ix)));
	directory = palloc_extended(Max(size, 1), MCXT_ALLOC_HUGE);
	pgr_hnsw_copy_directory(ix, directory);
	unconstify(PgrHnswIndex *, ix)->lists = lists_at(&ix->meta, directory);
	MemoryContextSwitchTo(old);
	return ix->lists;
}

/* <z,c> of all centres, into l->distances */
static void
score_centres(const PgrHnswLists *l, uint32 n, const float *z)
{
	pgr_kernel->many[PGR_ELEM_F32][PGR_METRIC_IP] (z, l->centres, l->map.n * sizeof(float), n,
												   l->map.n, l->distances);
}

void
pgr_hnsw_rank_lists(const PgrHnswIndex *ix, const float *z, float *keys)
{
	PgrHnswLists *l = pgr_hnsw_lists(ix);

	score_centres(l, ix->meta.lists, z);
	for (uint32 k = 0; k < ix->meta.lists; k++)
		keys[k] = l->shift[k] - 2 * l->distances[k];
}

/* Squared distances of coordinates from all centres, less their own square. */
static void
centre_distances(const PgrHnswIndex *ix, const PgrHnswLists *l, const float *z)
{
	score_centres(l, ix->meta.lists, z);
	for (uint32 k = 0; k < ix->meta.lists; k++)
		l->distances[k] = l->norm2[k] - 2 * l->distances[k];
}

/* The list with the least distance, among those that have room if that is known. */
static uint32
nearest_list(const PgrHnswIndex *ix, const PgrHnswLists *l)
{
	uint32		room = PGR_HNSW_LIST_PER_PAGE(&ix->meta);
	uint32		best = 0;
	float		least = FLT_MAX;

	for (uint32 k = 0; k < ix->meta.lists; k++)
		if (l->distances[k] < least && (l->filled == NULL || l->filled[k] < room))
		{
			least = l->distances[k];
			best = k;
		}
	return best;
}

void
pgr_hnsw_list_digest(const PgrHnswIndex *ix, const PgrCode8 *head, const int8 *code,
					 uint8 *digest)
{
	PgrHnswLists *l = pgr_hnsw_lists(ix);

	pgr_digest_project(&l->map, head, code, l->z);
	pgr_digest_encode(&l->map, head, l->z, digest);
}

/* An entry into the nearest list, or one that is nearly as near and has room. */
static void
add_near(const PgrHnswIndex *ix, const PgrHnswLists *l, PgrHnswId id, const char *item,
		 const uint8 *digest)
{
	uint32		first = nearest_list(ix, l);
	uint32		list = first;

	for (int i = 0; i < NEAR_LISTS && l->distances[list] < FLT_MAX; i++)
	{
		if (pgr_hnsw_list_add(ix, list, id, item, digest, false))
			return;
		l->distances[list] = FLT_MAX;
		list = nearest_list(ix, l);
	}
	pgr_hnsw_list_add(ix, first, id, item, digest, true);
}

void
pgr_hnsw_list_enter(const PgrHnswIndex *ix, PgrHnswId id, const PgrCode8 *head, const int8 *code,
					const char *item)
{
	uint8		digest[PGR_HNSW_MAX_DIGEST];
	PgrHnswLists *l;

	if (ix->meta.digest_dims == 0)
	{
		pgr_hnsw_list_add(ix, 0, id, item, NULL, true);
		return;
	}
	pgr_hnsw_list_digest(ix, head, code, digest);
	l = pgr_hnsw_lists(ix);
	centre_distances(ix, l, l->z);
	if (l->filled == NULL)
		add_near(ix, l, id, item, digest);
	else
	{
		uint32		list = nearest_list(ix, l);

		l->filled[list]++;
		pgr_hnsw_list_add(ix, list, id, item, digest, true);
	}
}

/* ----------
 * Build: the sample
 * ----------
 */

/* Decides how many lists there will be, and the size of digests. */
static void
choose_lists(PgrHnswMeta *meta, uint64 rows)
{
	Size		bytes = Max(LEAST_DIGEST, Min(PGR_HNSW_LIST_ENTRY_SIZE(meta), MOST_DIGEST));

	StaticAssertStmt(MOST_DIGEST <= PGR_HNSW_MAX_DIGEST, "a digest has room");
	meta->lists = 1;
	meta->digest_dims = 0;
	if (rows <= PGR_HNSW_LIST_PER_PAGE(meta))
		return;
	meta->digest_dims = Min(2 * (bytes - 2), TYPEALIGN(2, meta->dim));
	meta->lists = (uint32) ceil(LIST_ROOM * rows / PGR_HNSW_LIST_PER_PAGE(meta));
}

PgrHnswListSample *
pgr_hnsw_list_sample(PgrHnswIndex *ix, uint64 rows)
{
	PgrHnswListSample *s;
	uint64		most = Max(SAMPLE_BYTES / ix->meta.padded, SAMPLE_LEAST);

	if (ix->filters == NULL)
		return NULL;
	choose_lists(&ix->meta, rows);
	s = palloc0(sizeof(PgrHnswListSample));
	s->size = ix->meta.digest_dims == 0 ? 0
		: (uint32) Min(Min(rows, most), (uint64) SAMPLE_PER_LIST * ix->meta.lists);
	s->step = rows / Max(s->size, 1);
	s->heads = palloc_extended(Max(s->size, 1) * sizeof(PgrCode8), MCXT_ALLOC_HUGE);
	s->codes = palloc_extended((Size) Max(s->size, 1) * ix->meta.padded, MCXT_ALLOC_HUGE);
	return s;
}

void
pgr_hnsw_list_sample_row(const PgrHnswIndex *ix, PgrHnswListSample *s, uint64 number,
						 const PgrCode8 *head, const int8 *code)
{
	if (s == NULL || s->n == s->size || number % s->step != 0)
		return;
	s->heads[s->n] = *head;
	memcpy(s->codes + (Size) s->n * ix->meta.padded, code, ix->meta.padded);
	s->n++;
}

/* ----------
 * Build: the directory
 * ----------
 */

/* Axes from some of the sample, as codes in the directory. */
static void
find_axes(const PgrHnswIndex *ix, PgrHnswLists *l, const PgrHnswListSample *s)
{
	uint32		dim = l->map.dim;
	uint32		nrows = Min(s->n, Max(AXES_FLOATS / dim, 2 * l->map.n));
	float	   *rows = palloc_extended((Size) nrows * dim * sizeof(float), MCXT_ALLOC_HUGE);
	float	   *axes = palloc_extended((Size) l->map.n * dim * sizeof(float), MCXT_ALLOC_HUGE);
	float	   *scratch = palloc_extended((Size) l->map.n * (dim + 1) * sizeof(float),
										  MCXT_ALLOC_HUGE);

	for (uint32 r = 0; r < nrows; r++)
	{
		uint32		from = (uint32) ((uint64) r * s->n / nrows);
		const int8 *code = s->codes + (Size) from * dim;

		for (uint32 j = 0; j < dim; j++)
			rows[(Size) r * dim + j] = s->heads[from].scale * code[j];
	}
	pgr_digest_axes(rows, nrows, dim, l->map.n, axes, scratch);
	for (uint32 i = 0; i < l->map.n; i++)
	{
		PgrCode8	head;

		pgr_code8_encode(axes + (Size) i * dim, dim, 0,
						 unconstify(int8 *, l->map.axes) + (Size) i * dim, &head);
		unconstify(float *, l->map.scale)[i] = head.scale;
	}
	pfree(rows);
	pfree(axes);
	pfree(scratch);
}

/* Gives the sample's rows to the nearest centres; sums and counts, of n lists. */
static void
assign_sample(const PgrHnswIndex *ix, PgrHnswLists *l, const PgrHnswListSample *s, const float *z,
			  float *sums, uint32 *counts)
{
	uint32		n = l->map.n;

	memset(sums, 0, (Size) ix->meta.lists * (n + 1) * sizeof(float));
	memset(counts, 0, ix->meta.lists * sizeof(uint32));
	for (uint32 i = 0; i < s->n; i++)
	{
		uint32		k;
		float	   *sum;

		CHECK_FOR_INTERRUPTS();
		centre_distances(ix, l, z + (Size) i * n);
		k = nearest_list(ix, l);
		sum = sums + (Size) k * (n + 1);
		for (uint32 j = 0; j < n; j++)
			sum[j] += z[(Size) i * n + j];
		sum[n] += s->heads[i].norm2 + s->heads[i].aux;
		counts[k]++;
	}
}

/*
 * Centres by k-means. shift is what a list's distance from a query is made of,
 * beside -2 <q,c>: |c|^2, or for inner products, where that says nothing, the
 * mean of its rows' |x|^2 + aux.
 */
static void
find_centres(const PgrHnswIndex *ix, PgrHnswLists *l, const PgrHnswListSample *s, const float *z)
{
	uint32		n = l->map.n;
	float	   *sums = palloc_extended((Size) ix->meta.lists * (n + 1) * sizeof(float),
									   MCXT_ALLOC_HUGE);
	uint32	   *counts = palloc_extended(ix->meta.lists * sizeof(uint32), MCXT_ALLOC_HUGE);
	float	   *centres = unconstify(float *, l->centres);
	float	   *norm2 = unconstify(float *, l->norm2);

	for (uint32 k = 0; k < ix->meta.lists; k++)
		memcpy(centres + (Size) k * n, z + (uint64) k * s->n / ix->meta.lists * n,
			   n * sizeof(float));
	for (int round = 0; round <= ROUNDS; round++)
	{
		for (uint32 k = 0; k < ix->meta.lists; k++)
			norm2[k] = (float) pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
				(centres + (Size) k * n, centres + (Size) k * n, n);
		assign_sample(ix, l, s, z, sums, counts);
		for (uint32 k = 0; round < ROUNDS && k < ix->meta.lists; k++)
			for (uint32 j = 0; counts[k] > 0 && j < n; j++)
				centres[(Size) k * n + j] = sums[(Size) k * (n + 1) + j] / counts[k];
	}
	for (uint32 k = 0; k < ix->meta.lists; k++)
		unconstify(float *, l->shift)[k] = ix->cls->space == PGR_DISTANCE_NEG_IP && counts[k] > 0
			? sums[(Size) k * (n + 1) + n] / counts[k] : norm2[k];
	pfree(sums);
	pfree(counts);
}

/* The directory from the sample, in ix->lists. */
static void
make_directory(PgrHnswIndex *ix, const PgrHnswListSample *s)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswLists *l = lists_at(meta, palloc_extended(PGR_HNSW_DIRECTORY_SIZE(meta),
													 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
	float	   *z = palloc_extended((Size) s->n * l->map.n * sizeof(float), MCXT_ALLOC_HUGE);

	find_axes(ix, l, s);
	for (uint32 i = 0; i < s->n; i++)
		pgr_digest_project(&l->map, &s->heads[i], s->codes + (Size) i * meta->padded,
						   z + (Size) i * l->map.n);
	pgr_digest_steps(z, s->n, l->map.n, unconstify(float *, l->map.step));
	find_centres(ix, l, s, z);
	l->filled = palloc_extended(meta->lists * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ix->lists = l;
	pfree(z);
}

/* ----------
 * Build: pages
 * ----------
 */

void
pgr_hnsw_write_lists(const PgrHnswIndex *ix, ForkNumber fork)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		size = PGR_HNSW_DIRECTORY_SIZE(meta);

	for (Size done = 0; done < size; done += PGR_PAGE_CAPACITY)
	{
		uint32		n = (uint32) Min(size - done, PGR_PAGE_CAPACITY);
		Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_AUX, n);

		memcpy(PgrPageGetData(BufferGetPage(buffer)), ix->lists->directory + done, n);
		UnlockReleaseBuffer(buffer);
	}
	for (uint32 k = 0; k < meta->lists; k++)
	{
		Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_FILTER,
												  sizeof(PgrHnswListHead));
		PgrHnswListHead *head = (PgrHnswListHead *) PgrPageGetData(BufferGetPage(buffer));

		CHECK_FOR_INTERRUPTS();
		if (BufferGetBlockNumber(buffer) != PGR_HNSW_LIST_FIRST(meta, k))
			elog(ERROR, "list %u begins at block %u instead of %u", k,
				 BufferGetBlockNumber(buffer), PGR_HNSW_LIST_FIRST(meta, k));
		head->insert = BufferGetBlockNumber(buffer);
		head->digests = meta->digest_dims > 0 ? head->insert + 1 : InvalidBlockNumber;
		UnlockReleaseBuffer(buffer);
		if (meta->digest_dims > 0)
			UnlockReleaseBuffer(pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_DIGEST, 0));
	}
}

void
pgr_hnsw_create_lists(PgrHnswIndex *ix, PgrHnswListSample *s)
{
	PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer;

	if (s == NULL)
		return;
	meta->list_block = RelationGetNumberOfBlocks(ix->rel);
	if (meta->digest_dims > 0)
		make_directory(ix, s);
	pgr_hnsw_write_lists(ix, MAIN_FORKNUM);
	meta->node_block = RelationGetNumberOfBlocks(ix->rel);
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	memcpy(PgrPageGetData(BufferGetPage(buffer)), meta, sizeof(PgrHnswMeta));
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	pfree(s->heads);
	pfree(s->codes);
	pfree(s);
}
