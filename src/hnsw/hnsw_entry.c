/*
 * hnsw_entry.c
 *		Entry points: where searches begin. See README, "Frames and entries".
 *
 * An entry page has edges from the origin of a frame to nodes, so that a search scores
 * them all without reading one of them. Each kind of user reads and changes entry pages
 * here only: searches, inserts, builds, vacuum and the search for ways to all nodes.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_point.h"

/* of a frame; they grow with the square root of the nodes: bench/hnsw.md, "Entry points" */
#define MOST_ENTRY_PAGES 16

/* ----------
 * Reading
 * ----------
 */

uint32
pgr_hnsw_entry_page(const PgrHnswIndex *ix, uint32 page_no, int lockmode, Buffer *buffer)
{
	const PgrHnswEntryHead *head;

	*buffer = pgr_page_read(ix->rel, ix->meta.entry_block[page_no], PGR_PAGE_HNSW_ENTRY, lockmode);
	head = (const PgrHnswEntryHead *) PgrPageGetData(BufferGetPage(*buffer));
	return Min(head->count, PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta));
}

/* ----------
 * Adding
 * ----------
 */

void
pgr_hnsw_make_entry(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, uint32 frame,
					PgrHnswEdge *entry)
{
	const PgrHnswView *view = pgr_hnsw_view(point, frame);
	int8	   *zero = palloc0(ix->meta.padded);
	PgrCode8	origin = {0};

	pgr_hnsw_make_edge(&ix->meta, &origin, zero, id, &view->head, view->code, entry);
	pfree(zero);
}

/*
 * Writes an entry at a place of an entry page, or behind the last if there is room, in one WAL
 * record. Locks the page exclusively and releases it. What stood there is forgotten: its node
 * stays reachable by edges.
 */
static void
write_entry(const PgrHnswIndex *ix, uint32 page_no, uint32 at, const PgrHnswEdge *entry)
{
	Buffer		buffer = pgr_page_read(ix->rel, ix->meta.entry_block[page_no],
									   PGR_PAGE_HNSW_ENTRY, BUFFER_LOCK_EXCLUSIVE);
	Page		page;
	PgrHnswEntryHead *entries;
	PgrWalBatch batch;

	pgr_wal_begin(&batch, ix->rel, ix->building);
	page = pgr_wal_add(&batch, buffer, false);
	entries = (PgrHnswEntryHead *) PgrPageGetData(page);
	if (entries->count < PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta))
	{
		at = entries->count++;
		pgr_page_set_used(page, sizeof(PgrHnswEntryHead) +
						  entries->count * PGR_HNSW_EDGE_SIZE(&ix->meta));
	}
	memcpy(PGR_HNSW_ENTRY(&ix->meta, page, at), entry, PGR_HNSW_EDGE_SIZE(&ix->meta));
	pgr_wal_commit(&batch);
}

/*
 * Appends an entry page for a frame, unless there are enough or others have come meanwhile;
 * ix knows all there are afterwards. Locks the metapage, exclusively, and waits for the
 * extension lock meanwhile. Page and metapage are one record.
 */
static void
add_entry_page(PgrHnswIndex *ix, uint32 frame)
{
	uint32		n = ix->meta.entry_pages;
	Buffer		buffer;
	Buffer		fresh;
	PgrHnswMeta *meta;
	PgrWalBatch batch;
	Page		page;

	if (n >= PGR_HNSW_MAX_ENTRY_PAGES)
		return;
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	if (meta->entry_pages == n)
	{
		fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		pgr_wal_begin(&batch, ix->rel, ix->building);
		meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
		meta->entry_block[n] = BufferGetBlockNumber(fresh);
		meta->entry_frame[n] = frame;
		meta->entry_pages++;
		page = pgr_wal_add(&batch, fresh, true);
		pgr_page_init(page, PGR_PAGE_HNSW_ENTRY, 0);
		((PgrHnswEntryHead *) PgrPageGetData(page))->count = 0;
		pgr_page_set_used(page, sizeof(PgrHnswEntryHead));
		pgr_wal_commit(&batch);
	}
	else
		UnlockReleaseBuffer(buffer);
	pgr_hnsw_refresh(ix);
}

double
pgr_hnsw_entry_pages(const PgrHnswMeta *meta, double n)
{
	return Max(1, Min(ceil(sqrt(Max(n, 1)) / PGR_HNSW_ENTRIES_PER_PAGE(meta)), MOST_ENTRY_PAGES));
}

/* The entry pages of a frame, into pages; returns how many. */
static uint32
pages_of_frame(const PgrHnswMeta *meta, uint32 frame, uint32 *pages)
{
	uint32		n = 0;

	for (uint32 i = 0; i < meta->entry_pages; i++)
		if (meta->entry_frame[i] == frame)
			pages[n++] = i;
	return n;
}

/*
 * The entry pages for nodes of a frame: its own, of which one is added when it has none or
 * n nodes want more, or those of the main frame; until there is that, those of the first.
 */
static uint32
entry_pages_for(PgrHnswIndex *ix, uint32 frame, double n, uint32 *pages)
{
	uint32		main = ix->meta.main_frame;
	uint32		npages;

	if (main == PGR_HNSW_NO_FRAME)
		return pages_of_frame(&ix->meta, ix->meta.entry_frame[0], pages);
	npages = pages_of_frame(&ix->meta, frame, pages);
	if (!ix->building && npages < pgr_hnsw_entry_pages(&ix->meta, n))
	{
		add_entry_page(ix, frame);
		npages = pages_of_frame(&ix->meta, frame, pages);
	}
	if (npages == 0)
		npages = pages_of_frame(&ix->meta, main, pages);
	return npages > 0 ? npages : pages_of_frame(&ix->meta, ix->meta.entry_frame[0], pages);
}

/*
 * With n nodes and room for c entries, a node is made an entry with probability
 * c / n and replaces any: so all nodes are equally likely to be one (reservoir
 * sampling). The choice is a hash of the id, not a random number.
 */
void
pgr_hnsw_offer_entry(PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, double n, bool always)
{
	uint64		state = id;
	double		draw = (double) (pgr_random(&state) >> 11) / 9007199254740992.0;
	uint32		per_page = PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta);
	double		room = (double) per_page * ix->meta.entry_pages;
	uint32		pages[PGR_HNSW_MAX_ENTRY_PAGES];
	uint32		npages;
	uint64		place;
	PgrHnswEdge *entry;

	if (!always && n > room && draw >= room / n)
		return;
	npages = entry_pages_for(ix, point->frame, n, pages);
	place = pgr_random(&state) % ((uint64) per_page * npages);
	entry = palloc(PGR_HNSW_EDGE_SIZE(&ix->meta));
	pgr_hnsw_make_entry(ix, id, point, ix->meta.entry_frame[pages[place / per_page]], entry);
	write_entry(ix, pages[place / per_page], place % per_page, entry);
	pfree(entry);
}

/* ----------
 * Vacuum
 * ----------
 */

uint32
pgr_hnsw_entries_gone(const PgrHnswIndex *ix, uint32 page_no, PgrHnswIdTest gone, void *arg)
{
	Buffer		buffer;
	uint32		n = pgr_hnsw_entry_page(ix, page_no, BUFFER_LOCK_SHARE, &buffer);
	uint32		found = 0;

	for (uint32 i = 0; i < n; i++)
		found += gone(PGR_HNSW_ENTRY(&ix->meta, BufferGetPage(buffer), i)->id, arg);
	UnlockReleaseBuffer(buffer);
	return found;
}

uint32
pgr_hnsw_entries_replace(const PgrHnswIndex *ix, uint32 page_no, PgrHnswIdTest gone, void *arg,
						 const char *spares, uint32 nspares)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		size = PGR_HNSW_EDGE_SIZE(meta);
	Buffer		buffer;
	uint32		n = pgr_hnsw_entry_page(ix, page_no, BUFFER_LOCK_EXCLUSIVE, &buffer);
	PgrWalBatch batch;
	Page		page;
	uint32		used = 0;
	uint32		kept = 0;
	bool		changed = false;

	pgr_wal_begin(&batch, ix->rel, false);
	page = pgr_wal_add(&batch, buffer, false);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrHnswEdge *entry = PGR_HNSW_ENTRY(meta, page, i);

		if (gone(entry->id, arg))
		{
			changed = true;
			if (used == nspares)
				continue;
			entry = (const PgrHnswEdge *) (spares + used++ * size);
		}
		memmove(PGR_HNSW_ENTRY(meta, page, kept++), entry, size);
	}
	if (!changed)
	{
		pgr_wal_abort(&batch);
		return 0;
	}
	((PgrHnswEntryHead *) PgrPageGetData(page))->count = kept;
	pgr_page_set_used(page, sizeof(PgrHnswEntryHead) + kept * size);
	pgr_wal_commit(&batch);
	return used;
}
