/*
 * inv_publish.c
 *		Which segments and pending pages an index consists of: the one record that
 *		changes it, the list of segments that the metapage has no room for, and the
 *		sweep that frees what is in none of them.
 *
 * The list's pages are never changed, but for counts of dead rows: a new list is
 * written beside the old one, and the metapage then names it. Who publishes holds the
 * space lock from before he reads the metapage, so nobody else can publish between.
 */
#include "postgres.h"

#include "base/chain.h"
#include "inverted/inv_maintain.h"
#include "miscadmin.h"

/* Writes a page of the list. */
static void
write_list_page(Relation index, BlockNumber block, BlockNumber next, uint32 generation,
				const PgrSegDesc *segments, uint32 n)
{
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
	PgrWalBatch batch;
	Page		page;

	pgr_wal_begin(&batch, index, false);
	page = pgr_wal_add(&batch, buffer, true);
	pgr_page_init(page, PGR_PAGE_SEGMENT_LIST, generation);
	PgrPageGetOpaque(page)->next = next;
	memcpy(PgrPageGetData(page), segments, n * sizeof(PgrSegDesc));
	pgr_page_set_used(page, n * sizeof(PgrSegDesc));
	pgr_wal_commit(&batch);
}

/* Writes n > 0 segments as a new list; returns its first block. The space lock is held. */
static BlockNumber
write_list(Relation index, const PgrSegDesc *segments, uint32 n, uint32 *generation)
{
	uint32		npages = (n - 1) / PGR_INV_LIST_SEGMENTS + 1;
	BlockNumber *blocks = palloc(mul_size(npages + 1, sizeof(BlockNumber)));
	uint32		got = 0;

	*generation = pgr_inv_new_generation(index, PGR_INV_SPACE);
	while (got < npages)
	{
		PgrExtent	extent = pgr_space_alloc(index, *generation, 1, npages - got, false);

		for (uint32 i = 0; i < extent.count; i++)
			blocks[got++] = extent.start + i;
	}
	blocks[npages] = InvalidBlockNumber;
	for (uint32 i = 0; i < npages; i++)
	{
		uint32		first = i * PGR_INV_LIST_SEGMENTS;

		CHECK_FOR_INTERRUPTS();
		write_list_page(index, blocks[i], blocks[i + 1], *generation, segments + first,
						Min(n - first, PGR_INV_LIST_SEGMENTS));
	}
	return blocks[0];
}

static bool
is_gone(const PgrInvPublication *p, uint32 generation)
{
	for (int i = 0; i < p->ngone; i++)
	{
		if (p->gone[i] == generation)
			return true;
	}
	return false;
}

/*
 * The segments that there are from now on into dst, in order; returns how many. *listed:
 * how many of them are in the list's pages as these are, 0 if they must be written anew
 * or the metapage has room for all.
 */
static uint32
next_segments(const PgrInvMeta *meta, const PgrInvPublication *p, PgrSegDesc *dst, uint32 *listed)
{
	uint32		n = 0;

	*listed = 0;
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		if (is_gone(p, meta->segments[i].generation))
			continue;
		dst[n++] = meta->segments[i];
		if (i < meta->nlisted)
			(*listed)++;
	}
	if (p->added)
		dst[n++] = *p->added;
	if (*listed < meta->nlisted || n - *listed > PGR_INV_MAX_INLINE)
		*listed = 0;
	return n;
}

/* Takes pages away from the front of the pending area. */
static void
consume_pending(PgrInvMetaPage *meta, uint32 npages)
{
	while (meta->nclosed > 0)
	{
		PgrPendingExtent *e = &meta->pending[0];
		uint32		n = Min(npages, e->used);

		e->start += n;
		e->count -= n;
		e->used -= n;
		npages -= n;
		if (e->used > 0)
			break;
		meta->npending--;
		meta->nclosed--;
		memmove(e, e + 1, meta->npending * sizeof(PgrPendingExtent));
		memset(&meta->pending[meta->npending], 0, sizeof(PgrPendingExtent));
	}
}

void
pgr_inv_publish(Relation index, const PgrInvPublication *p)
{
	PgrInvMeta	old;
	PgrInvMetaPage *meta;
	PgrSegDesc *segments;
	PgrWalBatch batch;
	BlockNumber list_block = InvalidBlockNumber;
	uint32		n,
				listed,
				list_generation = 0;

	pgr_space_lock(index);
	pgr_inv_meta_copy(index, &old);
	segments = palloc_extended(mul_size(old.nsegments + 1, sizeof(PgrSegDesc)), MCXT_ALLOC_HUGE);
	n = next_segments(&old, p, segments, &listed);
	if (listed == 0 && n > PGR_INV_MAX_INLINE)
		list_block = write_list(index, segments, listed = n, &list_generation);

	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	if (list_generation != 0 || listed == 0)
	{
		meta->list_block = list_block;
		meta->list_generation = list_generation;
		meta->list_segments = listed;
	}
	if (list_generation != 0)
		meta->writing[PGR_INV_SPACE] = 0;
	meta->nsegments = n - listed;
	memset(meta->segments, 0, sizeof(meta->segments));
	memcpy(meta->segments, segments + listed, meta->nsegments * sizeof(PgrSegDesc));
	meta->writing[p->writer] = 0;
	if (p->npages > 0)
		consume_pending(meta, p->npages);
	pgr_wal_commit(&batch);
	pgr_space_unlock(index);
	pfree(segments);
	pfree(old.segments);
}

/* --- counts of dead rows -------------------------------------------------------------- */

static bool
set_dead_of(PgrSegDesc *segments, uint32 n, uint32 generation, uint32 ndead)
{
	for (uint32 i = 0; i < n; i++)
	{
		if (segments[i].generation == generation)
		{
			segments[i].ndead = ndead;
			return true;
		}
	}
	return false;
}

/* The same in a page of the list; *next: the page after it. */
static bool
set_dead_in_page(Relation index, BlockNumber block, uint32 generation, uint32 ndead,
				 BlockNumber *next)
{
	PgrWalBatch batch;
	Page		page;
	bool		found;

	pgr_wal_begin(&batch, index, false);
	page = pgr_wal_add(&batch, pgr_page_read(index, block, PGR_PAGE_SEGMENT_LIST,
											 BUFFER_LOCK_EXCLUSIVE), false);
	*next = PgrPageGetOpaque(page)->next;
	found = set_dead_of((PgrSegDesc *) PgrPageGetData(page),
						PgrPageGetUsed(page) / sizeof(PgrSegDesc), generation, ndead);
	if (found)
		pgr_wal_commit(&batch);
	else
		pgr_wal_abort(&batch);
	return found;
}

void
pgr_inv_set_dead(Relation index, uint32 generation, uint32 ndead)
{
	PgrWalBatch batch;
	PgrInvMetaPage *meta;
	PgrChain	chain = {0};
	BlockNumber block;
	bool		found;

	/* else a list that is being written would miss it */
	pgr_space_lock(index);
	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	found = set_dead_of(meta->segments, meta->nsegments, generation, ndead);
	block = meta->list_segments > 0 ? meta->list_block : InvalidBlockNumber;
	if (found)
		pgr_wal_commit(&batch);
	else
		pgr_wal_abort(&batch);
	while (!found && BlockNumberIsValid(block))
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_chain_cycles(&chain, block))
			pgr_page_corrupt(index, block, "the list of segments has no end");
		found = set_dead_in_page(index, block, generation, ndead, &block);
	}
	pgr_space_unlock(index);
}

/* --- what is alive -------------------------------------------------------------------- */

void
pgr_inv_sweep(Relation index, uint32 held)
{
	PgrInvMeta	meta;
	PgrSweep	sweep = {0};
	uint32		unseen[PGR_INV_WRITERS];

	/* from here on nobody publishes, nor allocates what is not noted yet */
	pgr_space_lock(index);
	held |= 1 << PGR_INV_SPACE;
	pgr_inv_meta_copy(index, &meta);
	sweep.alive = palloc_extended(mul_size(meta.nsegments + PGR_INV_MAX_PENDING +
										   PGR_INV_WRITERS + 1, sizeof(uint32)), MCXT_ALLOC_HUGE);
	sweep.unseen = unseen;
	for (uint32 i = 0; i < meta.nsegments; i++)
		sweep.alive[sweep.nalive++] = meta.segments[i].generation;
	for (uint32 i = 0; i < meta.npending; i++)
		sweep.alive[sweep.nalive++] = meta.pending[i].generation;
	if (meta.list_generation != 0)
		sweep.alive[sweep.nalive++] = meta.list_generation;
	for (int i = 0; i < PGR_INV_WRITERS; i++)
	{
		if (meta.writing[i] != 0 && (held & 1 << i))
			unseen[sweep.nunseen++] = meta.writing[i];
		else if (meta.writing[i] != 0)
			sweep.alive[sweep.nalive++] = meta.writing[i];
	}
	pgr_space_sweep(index, &sweep);
	pgr_space_unlock(index);
	pfree(sweep.alive);
	pfree(meta.segments);
}

void
pgr_inv_claim(Relation index, PgrInvMeta *meta)
{
	PgrWalBatch batch;
	PgrInvMetaPage *page;
	uint32		claimed,
				n = 0;

	/* an insert that is merging has decided by the last claim */
	LockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	pgr_wal_begin(&batch, index, false);
	page = pgr_inv_meta_add(&batch, index);
	claimed = page->claimed = page->next_generation;
	pgr_wal_commit(&batch);
	UnlockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	pgr_inv_meta_copy(index, meta);
	/* what has been sealed in between is not claimed */
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		if (meta->segments[i].generation < claimed)
			meta->segments[n++] = meta->segments[i];
	}
	meta->nsegments = n;
}

/* --- generations --- */

uint32
pgr_inv_new_generation(Relation index, PgrInvWriter writer)
{
	PgrWalBatch batch;
	PgrInvMetaPage *meta;
	uint32		generation;
	bool		swept = writer == PGR_INV_BUILD;

	for (;;)
	{
		pgr_wal_begin(&batch, index, writer == PGR_INV_BUILD);
		meta = pgr_inv_meta_add(&batch, index);
		if (swept || meta->writing[writer] == 0)
			break;
		/* before it is forgotten that nobody has seen what the last attempt wrote */
		pgr_wal_abort(&batch);
		pgr_inv_sweep(index, 1 << writer);
		swept = true;
	}
	generation = meta->next_generation++;
	if (writer != PGR_INV_BUILD)
		meta->writing[writer] = generation;
	pgr_wal_commit(&batch);
	return generation;
}
