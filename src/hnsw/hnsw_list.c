/*
 * hnsw_list.c
 *		The directory of the lists of filter values: centres of lists, and how a
 *		code becomes a digest. See README, "Filter columns".
 *
 * All of it happens in the space of digests: a row's coordinates along the
 * principal axes decide which list it is in, and which lists a search reads
 * first. A build makes the directory from a sample of the rows; it does not
 * change, but may be replaced (hnsw_relist.c). A backend reads it once.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "am/train.h"
#include "base/debug_point.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* room in the first pages of all lists, as a multiple of what the rows need */
#define LIST_ROOM 1.08

/*
 * A row is put into one of so many nearest lists whose last page has room, before
 * the nearest gets a further page: else soon each had one that is nearly empty.
 */
#define NEAR_LISTS 8

/* and they are looked for in so many nearest groups of lists */
#define NEAR_GROUPS 8

/* rows of the sample for each list; rounds of k-means */
#define SAMPLE_PER_LIST 32
#define ROUNDS 6

/*
 * bytes of the sample's codes: a share of maintenance_work_mem, within bounds; but at
 * least so many rows
 */
#define SAMPLE_SHARE 8
#define SAMPLE_BYTES_LEAST (16 * 1024 * 1024)
#define SAMPLE_BYTES_MOST (96 * 1024 * 1024)
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
	uint32		groups = PGR_HNSW_LIST_GROUPS(meta);
	float	   *at = (float *) directory;

	l->directory = directory;
	l->map.dim = meta->padded;
	l->map.n = meta->digest_dims;
	l->map.scale = at;
	l->map.step = at += meta->digest_dims;
	l->norm2 = at += meta->digest_dims;
	l->shift = at += meta->lists;
	l->centres = at += meta->lists;
	l->group_first = (uint32 *) (at += (Size) meta->lists * meta->digest_dims);
	l->group_norm2 = at += groups;
	l->group_centres = at += groups;
	l->map.axes = (int8 *) (at + (Size) groups * meta->digest_dims);
	l->z = palloc(Max(meta->digest_dims, 1) * sizeof(float));
	l->near = palloc_extended(mul_size(meta->lists, sizeof(uint32)), MCXT_ALLOC_HUGE);
	l->distances = palloc_extended(mul_size(meta->lists, sizeof(float)), MCXT_ALLOC_HUGE);
	l->group_distances = palloc_extended(mul_size(groups, sizeof(float)), MCXT_ALLOC_HUGE);
	return l;
}

/* Groups begin in order, within the lists: all that is followed without a look. */
static void
check_groups(const PgrHnswIndex *ix, const PgrHnswLists *l)
{
	uint32		at = 0;

	for (uint32 g = 0; g < PGR_HNSW_LIST_GROUPS(&ix->meta); at = l->group_first[g++])
		if (l->group_first[g] < at || l->group_first[g] > ix->meta.lists)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" has an invalid directory of lists at block %u",
							RelationGetRelationName(ix->rel), ix->meta.list_block),
					 errhint("Please REINDEX it.")));
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
	check_groups(ix, ix->lists);
	return ix->lists;
}

/* <z,c> of n centres */
static void
products(const PgrHnswLists *l, const float *z, const float *centres, uint32 n, float *result)
{
	pgr_kernel->many[PGR_ELEM_F32][PGR_METRIC_IP] (z, centres, l->map.n * sizeof(float), n,
												   l->map.n, result);
}

/* Squared distances of coordinates from n centres, less their own square. */
static void
centre_distances(const PgrHnswLists *l, const float *z, const float *centres, const float *norm2,
				 uint32 n, float *distances)
{
	products(l, z, centres, n, distances);
	for (uint32 k = 0; k < n; k++)
		distances[k] = norm2[k] - 2 * distances[k];
}

/* Which of n > 0 distances is the least. */
static uint32
least_of(const float *distances, uint32 n)
{
	uint32		best = 0;

	for (uint32 k = 1; k < n; k++)
		if (distances[k] < distances[best])
			best = k;
	return best;
}

void
pgr_hnsw_rank_lists(const PgrHnswIndex *ix, const float *z, float *keys)
{
	PgrHnswLists *l = pgr_hnsw_lists(ix);

	products(l, z, l->centres, ix->meta.lists, keys);
	for (uint32 k = 0; k < ix->meta.lists; k++)
		keys[k] = l->shift[k] - 2 * keys[k];
}

/* The lists of a group end where the next one's begin. */
static uint32
group_end(const PgrHnswIndex *ix, const PgrHnswLists *l, uint32 group)
{
	return group + 1 < PGR_HNSW_LIST_GROUPS(&ix->meta) ? l->group_first[group + 1] : ix->meta.lists;
}

/* The lists of the nearest groups, into l->near, and their distances from coordinates. */
static void
find_near(const PgrHnswIndex *ix, PgrHnswLists *l, const float *z)
{
	uint32		groups = PGR_HNSW_LIST_GROUPS(&ix->meta);

	l->nnear = 0;
	centre_distances(l, z, l->group_centres, l->group_norm2, groups, l->group_distances);
	for (uint32 i = 0; i < Min(NEAR_GROUPS, groups) || l->nnear == 0; i++)
	{
		uint32		group = least_of(l->group_distances, groups);
		uint32		first = l->group_first[group];
		uint32		n = group_end(ix, l, group) - first;

		l->group_distances[group] = FLT_MAX;
		centre_distances(l, z, l->centres + (Size) first * l->map.n, l->norm2 + first, n,
						 l->distances + l->nnear);
		for (uint32 k = 0; k < n; k++)
			l->near[l->nnear++] = first + k;
	}
}

void
pgr_hnsw_list_digest(const PgrHnswIndex *ix, PgrHnswPoint *point, uint8 *digest)
{
	const PgrHnswView *view = pgr_hnsw_view(point, ix->meta.list_frame);
	PgrHnswLists *l = pgr_hnsw_lists(ix);

	pgr_digest_project(&l->map, &view->head, view->code, l->z);
	pgr_digest_encode(&l->map, &view->head, l->z, digest);
}

/* An entry into the nearest list, or one that is nearly as near and has room. */
static void
add_near(const PgrHnswIndex *ix, const PgrHnswLists *l, PgrHnswId id, const char *item,
		 const uint8 *digest)
{
	uint32		first = l->near[least_of(l->distances, l->nnear)];

	for (uint32 i = 0; i < Min(NEAR_LISTS, l->nnear); i++)
	{
		uint32		at = least_of(l->distances, l->nnear);

		if (pgr_hnsw_list_add(ix, l->near[at], id, item, digest, false))
			return;
		l->distances[at] = FLT_MAX;
	}
	pgr_hnsw_list_add(ix, first, id, item, digest, true);
}

/* The nearest list whose first page has room; if all that are near are full the nearest. */
static uint32
nearest_with_room(const PgrHnswIndex *ix, const PgrHnswLists *l)
{
	uint32		room = PGR_HNSW_LIST_PER_PAGE(&ix->meta);
	uint32		best = l->nnear;

	for (uint32 i = 0; i < l->nnear; i++)
		if (l->filled[l->near[i]] < room &&
			(best == l->nnear || l->distances[i] < l->distances[best]))
			best = i;
	return l->near[best < l->nnear ? best : least_of(l->distances, l->nnear)];
}

void
pgr_hnsw_list_enter(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, const char *item)
{
	uint8		digest[PGR_HNSW_MAX_DIGEST];
	PgrHnswLists *l;

	if (ix->meta.digest_dims == 0)
	{
		pgr_hnsw_list_add(ix, 0, id, item, NULL, true);
		return;
	}
	pgr_hnsw_list_digest(ix, point, digest);
	l = pgr_hnsw_lists(ix);
	find_near(ix, l, l->z);
	if (l->filled == NULL)
		add_near(ix, l, id, item, digest);
	else
	{
		uint32		list = nearest_with_room(ix, l);

		l->filled[list]++;
		pgr_hnsw_list_add(ix, list, id, item, digest, true);
	}
}

/*
 * The lists that there are, under the lists lock: ix, or if they are not its own any more
 * another that has them; in the current context.
 */
static const PgrHnswIndex *
current_lists(const PgrHnswIndex *ix)
{
	PgrHnswMeta meta;

	pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(meta));
	return meta.list_block == ix->meta.list_block ? ix : pgr_hnsw_open(ix->rel);
}

void
pgr_hnsw_enter_row(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, const char *item)
{
	PGR_DEBUG_POINT("hnsw-list-enter");
	LockPage(ix->rel, PGR_META_BLOCK, ShareLock);
	pgr_hnsw_list_enter(current_lists(ix), id, point, item);
	UnlockPage(ix->rel, PGR_META_BLOCK, ShareLock);
}

/* ----------
 * Build: the sample
 * ----------
 */

/* Decides how many lists there will be, and the size of digests. */
static void
choose_lists(PgrHnswMeta *meta, uint64 rows)
{
	meta->lists = 1;
	meta->digest_dims = 0;
	if (rows <= PGR_HNSW_LIST_PER_PAGE(meta))
		return;
	meta->digest_dims = Min(2 * (PGR_HNSW_MAX_DIGEST - 2), TYPEALIGN(2, meta->dim));
	meta->lists = (uint32) ceil(LIST_ROOM * rows / PGR_HNSW_LIST_PER_PAGE(meta));
}

PgrHnswListSample *
pgr_hnsw_list_sample(PgrHnswIndex *ix, uint64 rows)
{
	PgrHnswListSample *s;
	Size		bytes = (Size) maintenance_work_mem * 1024 / SAMPLE_SHARE;
	uint64		most = Max(Min(Max(bytes, SAMPLE_BYTES_LEAST), SAMPLE_BYTES_MOST) / ix->meta.padded,
						   SAMPLE_LEAST);

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

bool
pgr_hnsw_list_sample_wants(const PgrHnswListSample *s, uint64 number)
{
	return s->n < s->size && number % s->step == 0;
}

void
pgr_hnsw_list_sample_row(const PgrHnswIndex *ix, PgrHnswListSample *s, uint64 number,
						 const PgrCode8 *head, const int8 *code)
{
	if (s == NULL || !pgr_hnsw_list_sample_wants(s, number))
		return;
	s->heads[s->n] = *head;
	memcpy(s->codes + (Size) s->n * ix->meta.padded, code, ix->meta.padded);
	s->n++;
}

/* ----------
 * Build: the directory
 * ----------
 */

/*
 * Axes from some of the sample, as codes in the directory. Allocates, and frees, floats of
 * the rows (AXES_FLOATS, or twice as many rows as axes), of the axes, and as many again.
 */
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

		pgr_code8_decode(&s->heads[from], s->codes + (Size) from * dim, dim,
						 rows + (Size) r * dim);
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

/* Some of the rows whose coordinates are known, for k-means. */
typedef struct ChosenRows
{
	const float *z;
	const uint32 *rows;			/* which of them */
	uint32		dims;
} ChosenRows;

static void
copy_rows(const void *arg, uint32_t first, uint32_t n, float *out)
{
	const ChosenRows *chosen = arg;

	for (uint32 i = 0; i < n; i++)
		memcpy(out + (Size) i * chosen->dims,
			   chosen->z + (Size) chosen->rows[first + i] * chosen->dims,
			   chosen->dims * sizeof(float));
}

/*
 * k > 0 centres, and their squares, of n > 0 of the rows whose coordinates are z, by
 * k-means; nearest: which of them each row is nearest to.
 */
static void
kmeans(const PgrHnswLists *l, const float *z, const uint32 *rows, uint32 n, uint32 k,
	   float *centres, float *norm2, uint32 *nearest)
{
	ChosenRows	chosen = {z, rows, l->map.n};
	PgrKmeans	job = {n, l->map.n, k, ROUNDS, copy_rows, &chosen};

	job.centroids = centres;
	job.norm2 = norm2;
	job.nearest = nearest;
	pgr_train_kmeans(&job);
	pfree(job.counts);
}

/*
 * What a list's distance from a query is made of, beside -2 <q,c>: |c|^2, or where that says
 * nothing (pgr_vecspace_is_euclidean) the mean of its rows' |x|^2 + aux. For k lists of
 * n rows, each of which is in one.
 */
static void
find_shifts(const PgrHnswIndex *ix, const PgrHnswListSample *s, const uint32 *rows, uint32 n,
			const uint32 *list, uint32 k, const float *norm2, float *shift)
{
	uint32	   *counts = palloc0(Max(k, 1) * sizeof(uint32));

	memcpy(shift, norm2, k * sizeof(float));
	for (uint32 i = 0; !pgr_vecspace_is_euclidean(&ix->space) && i < n; i++)
	{
		const PgrCode8 *head = &s->heads[rows[i]];
		float	   *mean = &shift[list[i]];

		*mean = counts[list[i]] == 0 ? 0 : *mean;
		*mean += (head->norm2 + head->aux - *mean) / ++counts[list[i]];
	}
	pfree(counts);
}

/* Orders the rows by their group; first: where each group's begin, and the end. */
static void
sort_by_group(const uint32 *group, uint32 n, uint32 groups, uint32 *rows, uint32 *first)
{
	uint32	   *next = palloc(groups * sizeof(uint32));

	memset(first, 0, (groups + 1) * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
		first[group[i] + 1]++;
	for (uint32 g = 0; g < groups; g++)
		first[g + 1] += first[g];
	memcpy(next, first, groups * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
		rows[next[group[i]]++] = i;
	pfree(next);
}

/*
 * Centres by k-means, of groups first and then of the lists in each, which has as many as
 * its share of the rows: time and memory of all at once would grow with the square of the
 * lists.
 */
static void
find_centres(const PgrHnswIndex *ix, PgrHnswLists *l, const PgrHnswListSample *s, const float *z)
{
	uint32		groups = PGR_HNSW_LIST_GROUPS(&ix->meta);
	uint32	   *rows = palloc_extended(s->n * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *nearest = palloc_extended(s->n * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *first_row = palloc((groups + 1) * sizeof(uint32));
	uint32	   *first = unconstify(uint32 *, l->group_first);

	Assert(s->n > 0);
	for (uint32 i = 0; i < s->n; i++)
		rows[i] = i;
	kmeans(l, z, rows, s->n, groups, unconstify(float *, l->group_centres),
		   unconstify(float *, l->group_norm2), nearest);
	sort_by_group(nearest, s->n, groups, rows, first_row);
	for (uint32 g = 0; g < groups; g++)
		first[g] = (uint32) ((uint64) ix->meta.lists * first_row[g] / s->n);
	for (uint32 g = 0; g < groups; g++)
	{
		uint32		k = group_end(ix, l, g) - first[g];
		uint32		n = first_row[g + 1] - first_row[g];
		uint32	   *of_group = rows + first_row[g];

		if (k == 0)
			continue;
		kmeans(l, z, of_group, n, k, unconstify(float *, l->centres) + (Size) first[g] * l->map.n,
			   unconstify(float *, l->norm2) + first[g], nearest);
		find_shifts(ix, s, of_group, n, nearest, k, l->norm2 + first[g],
					unconstify(float *, l->shift) + first[g]);
	}
	pfree(rows);
	pfree(nearest);
	pfree(first_row);
}

bool
pgr_hnsw_make_directory(PgrHnswIndex *ix, const PgrHnswListSample *s)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswLists *l;
	float	   *z;

	if (s->n == 0)
		return false;
	l = lists_at(meta, palloc_extended(PGR_HNSW_DIRECTORY_SIZE(meta),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
	z = palloc_extended((Size) s->n * l->map.n * sizeof(float), MCXT_ALLOC_HUGE);
	find_axes(ix, l, s);
	for (uint32 i = 0; i < s->n; i++)
		pgr_digest_project(&l->map, &s->heads[i], s->codes + (Size) i * meta->padded,
						   z + (Size) i * l->map.n);
	pgr_digest_steps(z, s->n, l->map.n, unconstify(float *, l->map.step));
	find_centres(ix, l, s, z);
	l->filled = palloc_extended(meta->lists * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ix->lists = l;
	pfree(z);
	return true;
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
		UnlockReleaseBuffer(buffer);
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
		pgr_hnsw_make_directory(ix, s);
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
