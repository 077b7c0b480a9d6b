/*
 * hnsw_frame.c
 *		Frames, the origins that codes are relative to, and vectors as the codes of
 *		any frame see them. See README, "Frames".
 *
 * A byte of a code is a share of the vector's distance from its origin: vectors
 * that lie near each other and far from it look alike. An index that was built
 * from rows has one frame, their mean, and most need no more. Inserts add a frame
 * where one is needed, at the end; a frame never changes, and neither does that
 * of a node.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "utils/memutils.h"

/*
 * An index that knows nothing of its data makes each of its first values a frame: so these
 * are exact whatever follows. The last of them brings their median, which is the main frame.
 */
#define FIRST_FRAMES 16

/* bytes of all frames, which each backend has; but at least so many frames there may be */
#define FRAME_BYTES (256 * 1024)
#define LEAST_FRAMES (2 * FIRST_FRAMES)

/* Another frame than the main one serves only if its square distance is so much less. */
#define NEARER 4

/* ----------
 * The frames of an index
 * ----------
 */

void
pgr_hnsw_read_frames(Relation rel, const PgrHnswMeta *meta, float *frames)
{
	Size		left = (Size) meta->nframes * meta->dim;
	BlockNumber block = meta->frame_block;
	float	   *at = frames;

	while (left > 0)
	{
		Size		n = Min(left, PGR_HNSW_FLOATS_PER_PAGE);
		Buffer		buffer = pgr_page_read(rel, block, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_SHARE);
		Page		page = BufferGetPage(buffer);

		memcpy(at, PgrPageGetData(page), n * sizeof(float));
		block = PgrPageGetOpaque(page)->next;
		UnlockReleaseBuffer(buffer);
		at += n;
		left -= n;
	}
	pgr_hnsw_check_frames(rel, meta, frames);
}

void
pgr_hnsw_refresh(PgrHnswIndex *ix)
{
	PgrHnswMeta known = ix->meta;

	pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &ix->meta, sizeof(PgrHnswMeta));
	pgr_hnsw_copy_list_place(&ix->meta, &known);
	pgr_hnsw_check_meta(ix->rel, &ix->meta);
	ix->frames = MemoryContextAllocHuge(GetMemoryChunkContext(ix),
										PGR_HNSW_FRAMES_SIZE(&ix->meta));
	pgr_hnsw_read_frames(ix->rel, &ix->meta, ix->frames);
}

/* dim floats. May read pages, and move ix->frames. */
static const float *
origin_of(const PgrHnswIndex *ix, uint32 frame)
{
	if (frame >= ix->meta.nframes && !ix->building)
		pgr_hnsw_refresh(unconstify(PgrHnswIndex *, ix));
	if (frame < ix->meta.nframes)
		return ix->frames + (Size) frame * ix->meta.dim;
	if (frame > 0)
		pgr_page_corrupt(ix->rel, PGR_META_BLOCK, "a node is of a frame that there is not");
	return ix->zeros;
}

static double
square_distance(const PgrHnswIndex *ix, const float *x, uint32 frame)
{
	return pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_L2]
		(x, ix->frames + (Size) frame * ix->meta.dim, ix->meta.dim);
}

double
pgr_hnsw_frame_distance(const PgrHnswPoint *p, uint32 frame)
{
	return frame < p->ix->meta.nframes ? square_distance(p->ix, p->value, frame) : 0;
}

double
pgr_hnsw_near_frame(const PgrHnswPoint *p)
{
	const PgrHnswMeta *meta = &p->ix->meta;
	double		least = INFINITY;

	for (uint32 i = 0; i < meta->entry_pages; i++)
		least = Min(least, pgr_hnsw_frame_distance(p, meta->entry_frame[i]));
	return least;
}

/* The frame for a vector of dim floats: the main one, unless another is much nearer. */
static uint32
frame_for(const PgrHnswIndex *ix, const float *x)
{
	uint32		best = 0;
	double		least = INFINITY;

	if (ix->meta.nframes <= 1)
		return 0;
	for (uint32 f = 0; f < ix->meta.nframes; f++)
	{
		double		d = square_distance(ix, x, f) * (f == ix->meta.main_frame ? 1 : NEARER);

		if (d < least)
		{
			least = d;
			best = f;
		}
	}
	return best;
}

static uint32
most_frames(const PgrHnswMeta *meta)
{
	Size		fit = FRAME_BYTES / (meta->dim * sizeof(float));

	return (uint32) Min(PGR_HNSW_MAX_FRAMES, Max(fit, LEAST_FRAMES));
}

/* ----------
 * New frames
 * ----------
 */

/* The page of a chain that another follows; makes one. The caller has the metapage's lock. */
static BlockNumber
page_behind(const PgrHnswIndex *ix, BlockNumber block)
{
	Buffer		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_EXCLUSIVE);
	BlockNumber next = PgrPageGetOpaque(BufferGetPage(buffer))->next;
	Buffer		fresh;
	PgrWalBatch batch;

	if (next != InvalidBlockNumber)
	{
		UnlockReleaseBuffer(buffer);
		return next;
	}
	fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
	next = BufferGetBlockNumber(fresh);
	pgr_wal_begin(&batch, ix->rel, ix->building);
	PgrPageGetOpaque(pgr_wal_add(&batch, buffer, false))->next = next;
	pgr_page_init(pgr_wal_add(&batch, fresh, true), PGR_PAGE_HNSW_AUX, 0);
	pgr_wal_commit(&batch);
	return next;
}

/* Writes dim floats as a frame that meta does not count yet. */
static void
write_frame(const PgrHnswIndex *ix, uint32 frame, const float *x)
{
	Size		at = (Size) frame * ix->meta.dim;
	uint32		left = ix->meta.dim;
	BlockNumber block = ix->meta.frame_block;

	for (; at >= PGR_HNSW_FLOATS_PER_PAGE; at -= PGR_HNSW_FLOATS_PER_PAGE)
		block = page_behind(ix, block);
	while (left > 0)
	{
		uint32		n = Min(left, PGR_HNSW_FLOATS_PER_PAGE - at);
		PgrWalBatch batch;
		Page		page;

		pgr_wal_begin(&batch, ix->rel, ix->building);
		page = pgr_wal_add(&batch, pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_AUX,
												 BUFFER_LOCK_EXCLUSIVE), false);
		memcpy(PgrPageGetData(page) + at * sizeof(float), x, n * sizeof(float));
		pgr_page_set_used(page, (at + n) * sizeof(float));
		pgr_wal_commit(&batch);
		x += n;
		left -= n;
		at = 0;
		if (left > 0)
			block = page_behind(ix, block);
	}
}

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

float *
pgr_hnsw_median(const float *rows, uint32 n, uint32 dim)
{
	float	   *median = palloc(dim * sizeof(float));
	float	   *column = palloc(n * sizeof(float));

	for (uint32 i = 0; i < dim; i++)
	{
		for (uint32 r = 0; r < n; r++)
			column[r] = rows[(Size) r * dim + i];
		qsort(column, n, sizeof(float), compare_floats);
		median[i] = column[n / 2];
	}
	pfree(column);
	return median;
}

/* The main frame: the median of those there are and x. */
static float *
main_of(const PgrHnswIndex *ix, const float *x)
{
	uint32		dim = ix->meta.dim;
	uint32		n = ix->meta.nframes;
	float	   *rows = palloc((Size) (n + 1) * dim * sizeof(float));

	memcpy(rows, ix->frames, (Size) n * dim * sizeof(float));
	memcpy(rows + (Size) n * dim, x, dim * sizeof(float));
	return pgr_hnsw_median(rows, n + 1, dim);
}

/*
 * Makes x, dim floats, a frame, unless there are enough or others have been added since the
 * index was opened. All there are are in ix afterwards. Returns whether.
 */
static bool
add_frame(PgrHnswIndex *ix, const float *x)
{
	uint32		n = ix->meta.nframes;
	float	   *main = NULL;
	Buffer		buffer;
	PgrHnswMeta *meta;
	PgrWalBatch batch;

	if (n >= most_frames(&ix->meta))
		return false;
	if (ix->meta.main_frame == PGR_HNSW_NO_FRAME && n + 1 >= FIRST_FRAMES)
		main = main_of(ix, x);
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	if (meta->nframes != n)
	{
		UnlockReleaseBuffer(buffer);
		pgr_hnsw_refresh(ix);
		return false;
	}
	write_frame(ix, n, x);
	if (main != NULL)
		write_frame(ix, n + 1, main);
	pgr_wal_begin(&batch, ix->rel, ix->building);
	meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
	meta->nframes = n + 1 + (main != NULL);
	if (main != NULL)
		meta->main_frame = n + 1;
	pgr_wal_commit(&batch);
	pgr_hnsw_refresh(ix);
	return true;
}

void
pgr_hnsw_first_frames(PgrHnswIndex *ix, PgrHnswPoint *p)
{
	while (ix->meta.main_frame == PGR_HNSW_NO_FRAME &&
		   (ix->meta.nframes == 0 || square_distance(ix, p->value, p->frame) > 0))
	{
		uint32		n = ix->meta.nframes;

		if (!add_frame(ix, p->value) && ix->meta.nframes == n)
			break;
		pgr_hnsw_point_again(p);
	}
}

bool
pgr_hnsw_add_frame(PgrHnswIndex *ix, PgrHnswPoint *p)
{
	uint32		n = ix->meta.nframes;

	add_frame(ix, p->value);
	if (ix->meta.nframes == n)
		return false;
	pgr_hnsw_point_again(p);
	return true;
}

/* ----------
 * Points
 * ----------
 */

/* Makes a vector as long as codes may be if it is longer. */
static void
shorten(float *y, uint32 n)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (y, n);

	for (uint32 i = 0; norm > PGR_CODE8_MAX_NORM && i < n; i++)
		y[i] = (float) (PGR_CODE8_MAX_NORM / norm * y[i]);
}

/* x less an origin, of which single precision may have no square: what is left is its direction. */
static void
direction(const float *x, const float *origin, uint32 dim, float *y)
{
	double		norm2 = 0;

	for (uint32 i = 0; i < dim; i++)
		norm2 += ((double) x[i] - origin[i]) * ((double) x[i] - origin[i]);
	for (uint32 i = 0; i < dim; i++)
		y[i] = (float) (PGR_CODE8_MAX_NORM / sqrt(norm2) * ((double) x[i] - origin[i]));
}

/* Coordinates as codes have them: less the frame's origin, not too long, rotated. */
static void
place(const PgrHnswIndex *ix, const float *x, uint32 frame, float *y)
{
	const float *origin = origin_of(ix, frame);
	uint32		dim = ix->meta.dim;

	memset(y + dim, 0, (ix->meta.padded - dim) * sizeof(float));
	for (uint32 i = 0; i < dim; i++)
		y[i] = x[i] - origin[i];
	if (!(pgr_kernel->norm[PGR_ELEM_F32] (y, dim) <= PGR_CODE8_MAX_NORM))
		direction(x, origin, dim, y);
	pgr_rotate(&ix->rotation, y);
}

static PgrHnswView *
make_view(PgrHnswPoint *p, const float *y)
{
	PgrHnswView *view = MemoryContextAllocZero(p->context, sizeof(PgrHnswView));
	int8	   *code = MemoryContextAlloc(p->context, p->ix->meta.padded);

	pgr_code8_encode(y, p->ix->meta.padded, p->aux, code, &view->head);
	view->code = code;
	return view;
}

bool
pgr_hnsw_point_value(const PgrHnswIndex *ix, const struct varlena *value, bool query,
					 PgrHnswPoint *p)
{
	float	   *x = palloc(ix->meta.padded * sizeof(float));

	memset(p, 0, sizeof(PgrHnswPoint));
	p->ix = ix;
	p->context = CurrentMemoryContext;
	p->value = x;
	p->floats = palloc(ix->meta.padded * sizeof(float));
	if (!pgr_hnsw_vector(ix, value, query, x, &p->aux))
		return false;
	pgr_hnsw_point_again(p);
	return true;
}

void
pgr_hnsw_point_put(PgrHnswPoint *p, uint32 frame)
{
	memset(p->views, 0, sizeof(p->views));
	p->frame = frame;
	place(p->ix, p->value, frame, p->floats);
	p->views[frame] = make_view(p, p->floats);
}

void
pgr_hnsw_point_again(PgrHnswPoint *p)
{
	pgr_hnsw_point_put(p, frame_for(p->ix, p->value));
}

void
pgr_hnsw_point_code(const PgrHnswIndex *ix, uint32 frame, const PgrCode8 *head, const int8 *code,
					PgrHnswPoint *p)
{
	memset(p, 0, sizeof(PgrHnswPoint));
	p->ix = ix;
	p->context = CurrentMemoryContext;
	p->aux = head->aux;
	p->frame = frame;
	p->own = (PgrHnswView) {*head, code};
	p->views[frame] = &p->own;
}

static void
decode(const PgrCode8 *head, const int8 *code, uint32 n, float *y)
{
	for (uint32 i = 0; i < n; i++)
		y[i] = head->scale * code[i];
}

/* The vector of a point, dim floats, in room for padded; of a code about it. */
static void
value_of(const PgrHnswPoint *p, float *x)
{
	const float *origin;

	if (p->value != NULL)
	{
		memcpy(x, p->value, p->ix->meta.dim * sizeof(float));
		return;
	}
	decode(&p->own.head, p->own.code, p->ix->meta.padded, x);
	pgr_unrotate(&p->ix->rotation, x);
	origin = origin_of(p->ix, p->frame);
	for (uint32 i = 0; i < p->ix->meta.dim; i++)
		x[i] += origin[i];
}

void
pgr_hnsw_point_stretch(const PgrHnswPoint *p, PgrHnswPoint *to)
{
	const PgrHnswMeta *meta = &p->ix->meta;
	float	   *x = palloc(meta->padded * sizeof(float));
	double		norm;

	value_of(p, x);
	norm = pgr_kernel->norm[PGR_ELEM_F32] (x, meta->dim);
	for (uint32 i = 0; norm > 0 && meta->max_aux > 0 && i < meta->dim; i++)
		x[i] = (float) (sqrt(meta->max_aux) / norm * x[i]);
	memset(to, 0, sizeof(PgrHnswPoint));
	to->ix = p->ix;
	to->context = CurrentMemoryContext;
	to->value = x;
	to->floats = palloc(meta->padded * sizeof(float));
	pgr_hnsw_point_put(to, p->frame);
}

/* What is added to a point's coordinates in one frame to have those in another. */
static float *
shift_between(const PgrHnswIndex *ix, uint32 from, uint32 to)
{
	float	   *shift = palloc(ix->meta.padded * sizeof(float));
	float	   *x = palloc(ix->meta.padded * sizeof(float));
	const float *origin;

	/* each may move the frames */
	origin_of(ix, Max(from, to));
	origin = origin_of(ix, from);
	memcpy(x, origin, ix->meta.dim * sizeof(float));
	place(ix, x, to, shift);
	pfree(x);
	return shift;
}

void
pgr_hnsw_view_query(const PgrHnswPoint *p, uint32 frame)
{
	PgrHnswView *view = p->views[frame];

	pgr_edge_query(&view->query, &view->head, view->code, p->ix->meta.padded,
				   p->ix->meta.edge_bits);
}

const PgrHnswView *
pgr_hnsw_view(PgrHnswPoint *p, uint32 frame)
{
	uint32		padded = p->ix->meta.padded;
	MemoryContext old;
	float	   *y;

	if (p->views[frame] != NULL)
		return p->views[frame];
	old = MemoryContextSwitchTo(p->context);
	if (p->floats == NULL)
	{
		p->floats = palloc(padded * sizeof(float));
		decode(&p->own.head, p->own.code, padded, p->floats);
	}
	y = shift_between(p->ix, p->frame, frame);
	for (uint32 i = 0; i < padded; i++)
		y[i] += p->floats[i];
	shorten(y, padded);
	p->views[frame] = make_view(p, y);
	pfree(y);
	p->views[frame]->shift = shift_between(p->ix, frame, p->frame);
	pgr_hnsw_view_query(p, frame);
	MemoryContextSwitchTo(old);
	return p->views[frame];
}

void
pgr_hnsw_bring_home(const PgrHnswPoint *p, uint32 frame, const PgrCode8 *head, const int8 *code,
					float *scratch, PgrCode8 *to_head, int8 *to_code)
{
	uint32		padded = p->ix->meta.padded;
	const float *shift = p->views[frame]->shift;

	if (frame == p->frame)
	{
		*to_head = *head;
		memcpy(to_code, code, padded);
		return;
	}
	decode(head, code, padded, scratch);
	for (uint32 i = 0; i < padded; i++)
		scratch[i] += shift[i];
	shorten(scratch, padded);
	pgr_code8_encode(scratch, padded, head->aux, to_code, to_head);
}
