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

/*
 * Codes of some of the rows, evenly spaced by their numbers: every step-th row until there are
 * `size`. n of them are there already. The codes are relative to frame meta.lists.frame.
 */
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

/*
 * The parts of a directory in memory, which must stay where it is. Only scratch is allocated,
 * in the current context: 8 bytes a list and 4 a group. The order of parts is that of
 * hnsw_page.h; all but the axes have four bytes an element, so each begins aligned.
 */
static PgrHnswLists *
lists_at(const PgrHnswMeta *meta, char *directory)
{
	PgrHnswLists *l = palloc0(sizeof(PgrHnswLists));
	uint32		groups = PGR_HNSW_LIST_GROUPS(meta);
	float	   *at = (float *) directory;

	l->directory = directory;
	l->map.dim = meta->padded;
	l->map.n = meta->lists.digest_dims;
	l->map.scale = at;
	l->map.step = at += meta->lists.digest_dims;
	l->norm2 = at += meta->lists.digest_dims;
	l->shift = at += meta->lists.n;
	l->centres = at += meta->lists.n;
	l->group_first = (uint32 *) (at += (Size) meta->lists.n * meta->lists.digest_dims);
	l->group_norm2 = at += groups;
	l->group_centres = at += groups;
	l->map.axes = (int8 *) (at + (Size) groups * meta->lists.digest_dims);
	l->z = palloc(Max(meta->lists.digest_dims, 1) * sizeof(float));
	l->near = palloc_extended(mul_size(meta->lists.n, sizeof(uint32)), MCXT_ALLOC_HUGE);
	l->distances = palloc_extended(mul_size(meta->lists.n, sizeof(float)), MCXT_ALLOC_HUGE);
	l->group_distances = palloc_extended(mul_size(groups, sizeof(float)), MCXT_ALLOC_HUGE);
	return l;
}

/* Raises: the directory is damaged. Its first block is named, since nobody knows the float's. */
PGR_NORETURN static void
error_directory(const PgrHnswIndex *ix)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" has an invalid directory of lists at block %u",
					RelationGetRelationName(ix->rel), ix->meta.lists.block),
			 errhint("Please REINDEX it.")));
	pg_unreachable();
}

/*
 * Raises unless groups begin in ascending order, the first with list 0, within the lists: each
 * list is then in one group, and some group has a list. These are the only numbers of a directory
 * that lead somewhere. A float that is damaged sends rows to the wrong list, which is found
 * as all lists are read in the end.
 */
static void
check_groups(const PgrHnswIndex *ix, const PgrHnswLists *l)
{
	uint32		at = 0;

	if (ix->meta.lists.digest_dims > 0 && l->group_first[0] != 0)
		error_directory(ix);
	for (uint32 g = 0; g < PGR_HNSW_LIST_GROUPS(&ix->meta); at = l->group_first[g++])
		if (l->group_first[g] < at || l->group_first[g] > ix->meta.lists.n)
			error_directory(ix);
}

PgrHnswLists *
pgr_hnsw_lists(const PgrHnswIndex *ix)
{
	MemoryContext old;
	Size		size = PGR_HNSW_DIRECTORY_SIZE(&ix->meta);
	char	   *directory;
	PgrHnswLists *lists;

	if (ix->lists != NULL)
		return ix->lists;
	/*
	 * beside the index itself, whatever context the first user is in; read anew after an error
	 */
	old = MemoryContextSwitchTo(GetMemoryChunkContext(unconstify(PgrHnswIndex *, ix)));
	directory = palloc_extended(Max(size, 1), MCXT_ALLOC_HUGE);
	pgr_hnsw_copy_directory(ix, directory);
	lists = lists_at(&ix->meta, directory);
	MemoryContextSwitchTo(old);
	check_groups(ix, lists);
	unconstify(PgrHnswIndex *, ix)->lists = lists;
	return lists;
}

/* The inner products <z, c> of coordinates with n centres, which lie one behind the other. */
static void
products(const PgrHnswLists *l, const float *z, const float *centres, uint32 n, float *result)
{
	pgr_kernel->many[PGR_ELEM_F32][PGR_METRIC_IP] (z, centres, l->map.n * sizeof(float), n,
												   l->map.n, result);
}

/*
 * Squared distances of coordinates z from n centres, less |z|^2, which is the same for all:
 *	|c - z|^2 - |z|^2 = |c|^2 - 2 <z, c>. So one kernel call does for all, and the least is the
 *	same.
 */
static void
centre_distances(const PgrHnswLists *l, const float *z, const float *centres, const float *norm2,
				 uint32 n, float *distances)
{
	products(l, z, centres, n, distances);
	for (uint32 k = 0; k < n; k++)
		distances[k] = norm2[k] - 2 * distances[k];
}

/*
 * Which of n > 0 distances is the least; the first of equals, so that a build can be repeated.
 */
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

	products(l, z, l->centres, ix->meta.lists.n, keys);
	for (uint32 k = 0; k < ix->meta.lists.n; k++)
		keys[k] = l->shift[k] - 2 * keys[k];
}

/*
 * The list behind the last one of a group: the lists of a group end where the next one's
 * begin.
 */
static uint32
group_end(const PgrHnswIndex *ix, const PgrHnswLists *l, uint32 group)
{
	return group + 1 < PGR_HNSW_LIST_GROUPS(&ix->meta) ? l->group_first[group + 1]
		: ix->meta.lists.n;
}

/*
 * The lists of the nearest groups go into l->near, their distances from coordinates z (as
 * centre_distances) into l->distances. Goes on beyond NEAR_GROUPS while all groups were empty.
 * No lock, no allocation: both arrays have room for all lists, so no group may be taken twice.
 * A distance of FLT_MAX is of one that was; NaN, which is never least but at index 0, and
 * infinity are of damaged norms or centres, since those of codes are below 1e17. Raises where only
 * such are left.
 */
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

		if (!(l->group_distances[group] < FLT_MAX))
			error_directory(ix);
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
	const PgrHnswView *view = pgr_hnsw_view(point, ix->meta.lists.frame);
	PgrHnswLists *l = pgr_hnsw_lists(ix);

	pgr_digest_project(&l->map, &view->head, view->code, l->z);
	pgr_digest_encode(&l->map, &view->head, l->z, digest);
}

/*
 * Enters a row into the nearest list, or into one nearly as near whose insert page has room;
 * if none of NEAR_LISTS has, the nearest gets a further page. Locks as pgr_hnsw_list_add, one
 * list at a time and none on entry or exit, so two inserts into the same lists cannot block
 * each other for long. Uses up l->distances. Cancelled between two lists it has entered
 * nothing.
 */
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

/*
 * Of a build, which knows how full first pages are without reading them: the nearest list
 * whose first page has room; if all that are near are full the nearest of them. A search reads
 * whole pages, so a row in a half-empty list farther on costs less than one in a second page
 * of the nearest.
 */
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

	/* in one list, nothing is near or far: there are no digests */
	if (ix->meta.lists.digest_dims == 0)
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
 * The lists that there are: those of ix, or if the metapage names others by now those of a new
 * open index in the current context. The caller holds the lists lock, shared, so that they
 * stay so until it has entered its row. Reads the metapage under its share lock, released on
 * return.
 */
static const PgrHnswIndex *
current_lists(const PgrHnswIndex *ix)
{
	PgrHnswMeta meta;

	pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(meta));
	return meta.lists.block == ix->meta.lists.block ? ix : pgr_hnsw_open(ix->rel);
}

void
pgr_hnsw_enter_row(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, const char *item)
{
	/*
	 * The lock is released at once and not at the transaction's end: whoever publishes new
	 * lists has to know only that no insert is between reading their place and entering its
	 * row. An error in between gives it back with the transaction.
	 */
	PGR_DEBUG_POINT("hnsw-list-enter");
	LockPage(ix->rel, PGR_META_BLOCK, ShareLock);
	pgr_hnsw_list_enter(current_lists(ix), id, point, item);
	UnlockPage(ix->rel, PGR_META_BLOCK, ShareLock);
}

/* ----------
 * Build: the sample
 * ----------
 */

/*
 * Decides how many lists there will be for so many rows, and the size of digests: one without
 * digests where a page has room for all rows. In meta, where nothing is published yet.
 */
static void
choose_lists(PgrHnswMeta *meta, uint64 rows)
{
	meta->lists.n = 1;
	meta->lists.digest_dims = 0;
	if (rows <= PGR_HNSW_LIST_PER_PAGE(meta))
		return;
	meta->lists.digest_dims = Min(2 * (PGR_HNSW_MAX_DIGEST - 2), TYPEALIGN(2, meta->dim));
	meta->lists.n = (uint32) ceil(LIST_ROOM * rows / PGR_HNSW_LIST_PER_PAGE(meta));
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
	s->size = ix->meta.lists.digest_dims == 0 ? 0
		: (uint32) Min(Min(rows, most), (uint64) SAMPLE_PER_LIST * ix->meta.lists.n);
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
 * The principal axes of some of the sample (subspace iteration, quant/digest.c), stored as
 * 8-bit codes with one scale each in the directory. As many rows as AXES_FLOATS allows, evenly
 * spaced in the sample: axes need fewer rows than centres do. Floats of these rows, axes and
 * scratch are palloc'd, some 4 MB and 2 * n * dim floats, and freed before it returns. An
 * error leaves them to the context of the build. pgr_digest_axes, which is no part of the
 * server, cannot be interrupted.
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

/*
 * Some of the rows whose coordinates are known, as k-means reads them. Points to the caller's
 * arrays.
 */
typedef struct ChosenRows
{
	const float *z;
	const uint32 *rows;			/* which of them */
	uint32		dims;
} ChosenRows;

/* Gives k-means the rows [first, first + n) of those chosen, as PgrKmeans asks. */
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
 * k > 0 centres of n > 0 rows by k-means: centres (k * map.n floats), their squares norm2, and
 * in nearest, one for each row, its centre. rows: which of the rows in z (map.n floats each)
 * they are. Interruptible (am/README, "Training"); its own memory is freed, or goes with the
 * current context. With fewer rows than centres some centres are equal or stay where they
 * began: those lists remain empty until rows come.
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
 * What a list's distance from a query is made of, beside -2 <q, c>: |c|^2, or where that says
 * nothing (pgr_vecspace_is_euclidean) the mean of its rows' |x|^2 + aux. For k lists of n
 * rows, each of which is in one. The mean is brought up row by row (m += (x - m) / count),
 * which cannot overflow where the values themselves do not. Counts are palloc'd and freed.
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

/*
 * Orders n rows by their group (a counting sort): rows gets their numbers, ascending in each
 * group; first, groups + 1 numbers, where each group's begin and the end. Scratch is palloc'd
 * and freed.
 */
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
 * Centres by k-means, of groups first and then of the lists in each, which has as many as its
 * share of the rows: time and memory of all at once would grow with the square of the lists.
 * Fills the directory's centres, norms, shifts and groups. 8 bytes a row of the sample are
 * palloc'd and freed. Rounding down gives the lists [first[g], first[g + 1]) without a gap,
 * from 0 to the last; a group of few rows may get none.
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
		first[g] = (uint32) ((uint64) ix->meta.lists.n * first_row[g] / s->n);
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
	/* only who has just made the lists knows that they are empty; others ask the pages */
	l->filled = palloc_extended(meta->lists.n * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
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

	/*
	 * of a build: pages are appended without WAL, each locked exclusively while it is filled
	 */
	for (Size done = 0; done < size; done += PGR_PAGE_CAPACITY)
	{
		uint32		n = (uint32) Min(size - done, PGR_PAGE_CAPACITY);
		Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_AUX, n);

		memcpy(PgrPageGetData(BufferGetPage(buffer)), ix->lists->directory + done, n);
		UnlockReleaseBuffer(buffer);
	}
	for (uint32 k = 0; k < meta->lists.n; k++)
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
	/*
	 * The lists and the directory behind the head that pgr_hnsw_write_head wrote, before any
	 * node. The metapage was written without them, so it is written once more. Not logged, as
	 * all of a build.
	 */
	meta->lists.block = RelationGetNumberOfBlocks(ix->rel);
	if (meta->lists.digest_dims > 0)
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
