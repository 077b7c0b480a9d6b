/*
 * hnsw_frame.c
 *		Frames, the origins that codes are relative to. See README, "Frames and entries".
 *
 * A byte of a code is a share of the vector's distance from its origin: vectors
 * that lie near each other and far from it look alike. An index that was built
 * from rows has one frame, their mean, and most need no more. Inserts add a frame
 * where one is needed, at the end; a frame never changes, and neither does that
 * of a node.
 */
#include "postgres.h"

#include <math.h>

#include "base/order.h"
#include "hnsw/hnsw_frame.h"
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
	/*
	 * Frames never change once the metapage counts them, so their pages need no lock of the
	 * metapage.
	 */
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
	/*
	 * The old floats are left to their context and not freed: views that were made from a
	 * frame's origin point into them. The lists stay those that ix has; of a VACUUM they are
	 * those that it is making, which the metapage has as `fresh` meanwhile.
	 */
	PgrHnswListsMeta lists = ix->meta.lists;
	PgrHnswFresh fresh = ix->meta.fresh;

	pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &ix->meta, sizeof(PgrHnswMeta));
	ix->meta.lists = lists;
	ix->meta.fresh = fresh;
	pgr_hnsw_check_meta(ix->rel, &ix->meta);
	ix->frames = MemoryContextAllocHuge(GetMemoryChunkContext(ix),
										PGR_HNSW_FRAMES_SIZE(&ix->meta));
	pgr_hnsw_read_frames(ix->rel, &ix->meta, ix->frames);
}

const float *
pgr_hnsw_frame_origin(const PgrHnswIndex *ix, uint32 frame)
{
	if (frame >= ix->meta.nframes && !ix->building)
		pgr_hnsw_refresh(unconstify(PgrHnswIndex *, ix));
	if (frame < ix->meta.nframes)
		return ix->frames + (Size) frame * ix->meta.dim;
	if (frame > 0)
		pgr_page_corrupt(ix->rel, PGR_META_BLOCK, "a node is of a frame that there is not");
	return ix->zeros;
}

double
pgr_hnsw_frame_distance(const PgrHnswIndex *ix, const float *x, uint32 frame)
{
	return pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_L2]
		(x, ix->frames + (Size) frame * ix->meta.dim, ix->meta.dim);
}

uint32
pgr_hnsw_frame_for(const PgrHnswIndex *ix, const float *x)
{
	/*
	 * Square distances: another frame serves where its origin is nearer than half as far.
	 * Before there is a main frame (PGR_HNSW_NO_FRAME) none is preferred.
	 */
	uint32		best = 0;
	double		least = INFINITY;

	if (ix->meta.nframes <= 1)
		return 0;
	for (uint32 f = 0; f < ix->meta.nframes; f++)
	{
		double		d = pgr_hnsw_frame_distance(ix, x, f) * (f == ix->meta.main_frame ? 1 : NEARER);

		if (d < least)
		{
			least = d;
			best = f;
		}
	}
	return best;
}

/* How many frames an index may have: each backend that opens it holds all of them. */
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

/*
 * The block of the page that follows another in the chain of frames; makes one if there is
 * none. The caller has the metapage locked exclusively, so only one process does this. Locks
 * the page before, then the new one, and neither on return. The page is chained in a record of
 * its own: an error or crash afterwards leaves an empty page, which the next new frame uses.
 */
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

/*
 * Writes dim floats as frame number `frame`, which meta does not count yet. The caller has the
 * metapage locked exclusively; pages of the chain are locked one after the other, and none on
 * return. Each page is a WAL record of its own: until the metapage counts the frame nobody
 * reads these floats, and who tries again writes the same place. Beyond the frames that there
 * are a page has no content, so its used size is set to the end of what was written, which may
 * lie on two pages or more.
 */
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

float *
pgr_hnsw_median(const float *rows, uint32 n, uint32 dim)
{
	float	   *median = palloc(dim * sizeof(float));
	float	   *column = palloc(n * sizeof(float));

	for (uint32 i = 0; i < dim; i++)
	{
		for (uint32 r = 0; r < n; r++)
			column[r] = rows[(Size) r * dim + i];
		qsort(column, n, sizeof(float), pgr_compare_float);
		median[i] = column[n / 2];
	}
	pfree(column);
	return median;
}

/*
 * The main frame: the median, coordinate by coordinate, of the frames that there are and x.
 * palloc'd, dim floats. FIRST_FRAMES rows of them, so nothing grows with the table.
 */
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

bool
pgr_hnsw_frame_add(PgrHnswIndex *ix, const float *x)
{
	uint32		n = ix->meta.nframes;
	float	   *main = NULL;
	Buffer		buffer;
	PgrHnswMeta *meta;
	PgrWalBatch batch;

	/*
	 * the frames that there are must do: codes are coarser there, rows are still found by
	 * values
	 */
	if (n >= most_frames(&ix->meta))
		return false;
	/* computed before the lock is taken, from frames that never change */
	if (ix->meta.main_frame == PGR_HNSW_NO_FRAME && n + 1 >= FIRST_FRAMES)
		main = main_of(ix, x);
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	/* somebody was faster: their frame may be as good for x, so the caller looks once more */
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
