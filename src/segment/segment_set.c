/*
 * segment_set.c
 *		Which segments an index consists of: the one record that changes it, the list of
 *		segments that the metapage has no room for, and the sweep that frees what is in
 *		neither.
 *
 * The list's pages are never changed, but for counts of dead rows: a new list is
 * written beside the old one, and the metapage then names it. Who publishes holds the
 * space lock from before he reads the metapage, so nobody else can publish between.
 *
 * Functions allocate what they need in the current memory context and free it, but for a
 * copy that is asked for. Errors come before the record that publishes, so a failure
 * changes nothing that anybody sees.
 */
#include "postgres.h"

#include "base/chain.h"
#include "miscadmin.h"
#include "segment/segment_set.h"
#include "utils/rel.h"

/* --- what can be --- */

/*
 * Of counts that are too large, and of lists that do not end where they should: the
 * message says "parts" of both.
 */
void
pgr_set_corrupt(Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("metapage of index \"%s\" lists too many parts",
					RelationGetRelationName(index)),
			 errhint("Please REINDEX it.")));
}

/* What a descriptor says before its segment has been looked at. */
static bool
segment_fits(const PgrSegDesc *d, BlockNumber nblocks)
{
	uint64		rows = (uint64) d->ndocs + d->nnulls;

	return d->generation != 0 && d->root > PGR_SPACE_BLOCK && d->npages <= nblocks &&
		rows < PGR_NO_DOC && d->ndead <= rows;
}

/* All of them, before any is used. */
static bool
segments_fit(const PgrSegDesc *segments, uint32 n, BlockNumber nblocks)
{
	for (uint32 i = 0; i < n; i++)
		if (!segment_fits(&segments[i], nblocks))
			return false;
	return true;
}

/* Counts before contents: contents are read by them. */
void
pgr_set_check(Relation index, const PgrSegSet *set, BlockNumber nblocks)
{
	if (*set->ninline > PGR_SET_INLINE ||
		set->page->list_segments > (uint64) nblocks * PGR_SET_LIST_SEGMENTS ||
		set->page->list_segments > MaxBlockNumber - PGR_SET_INLINE)
		pgr_set_corrupt(index);
	if (!segments_fit(set->page->segments, *set->ninline, nblocks))
		pgr_page_corrupt(index, PGR_META_BLOCK, "its numbers do not agree");
}

/* --- reading --- */

/*
 * The segments in the list's pages into dst, which has room for all; false if these are
 * not what the copy of the metapage says, because they have been replaced since. Each page
 * is copied under a share lock, and checked.
 */
static bool
read_list(Relation index, const PgrSegSetPage *page, PgrSegDesc *dst)
{
	BlockNumber block = page->list_block;
	uint32		n = 0;

	while (n < page->list_segments)
	{
		PGAlignedBlock copy;
		uint32		here;

		CHECK_FOR_INTERRUPTS();
		if (!BlockNumberIsValid(block))
			pgr_set_corrupt(index);
		pgr_page_copy(index, block, PGR_PAGE_ANY, 0, copy.data);
		if (PgrPageGetOpaque(copy.data)->kind != PGR_PAGE_SEGMENT_LIST ||
			PgrPageGetOpaque(copy.data)->generation != page->list_generation)
			return false;
		here = PgrPageGetUsed(copy.data) / sizeof(PgrSegDesc);
		if (here == 0 || here > page->list_segments - n ||
			!segments_fit((PgrSegDesc *) PgrPageGetData(copy.data), here,
						  RelationGetNumberOfBlocks(index)))
			pgr_set_corrupt(index);
		memcpy(dst + n, PgrPageGetData(copy.data), here * sizeof(PgrSegDesc));
		n += here;
		block = PgrPageGetOpaque(copy.data)->next;
	}
	return true;
}

/*
 * A copy with the list's segments; false: the list has been replaced, and nothing is
 * allocated.
 */
static bool
copy_set(Relation index, const PgrSegSet *set, PgrSegSetCopy *copy)
{
	const PgrSegSetPage *page = set->page;

	copy->nlisted = page->list_segments;
	copy->n = page->list_segments + *set->ninline;
	copy->claimed = page->claimed;
	copy->list_generation = page->list_generation;
	memcpy(copy->writing, page->writing, sizeof(copy->writing));
	copy->segments = palloc_extended(mul_size(Max(copy->n, 1), sizeof(PgrSegDesc)),
									 MCXT_ALLOC_HUGE);
	if (!read_list(index, page, copy->segments))
	{
		pfree(copy->segments);
		return false;
	}
	memcpy(copy->segments + copy->nlisted, page->segments, *set->ninline * sizeof(PgrSegDesc));
	return true;
}

/*
 * A list may be replaced while it is read, again and again on a busy index, but never
 * twice by the same one: so a list that is not what the metapage says, twice, is
 * damage.
 */
void
pgr_set_read(Relation index, const PgrSegSetOwner *owner, void *meta, PgrSegSetCopy *copy)
{
	uint32		tried = 0;
	PgrSegSet	set;

	for (;;)
	{
		owner->read(index, meta);
		owner->locate(meta, &set);
		if (copy_set(index, &set, copy))
			return;
		/* a list that was replaced since is not named any more */
		if (set.page->list_generation == tried)
			pgr_set_corrupt(index);
		tried = set.page->list_generation;
	}
}

/* The same without the rest of the metapage. */
static void
read_set(Relation index, const PgrSegSetOwner *owner, PgrSegSetCopy *copy)
{
	void	   *meta = palloc(owner->size);

	pgr_set_read(index, owner, meta, copy);
	pfree(meta);
}

/* --- publishing --- */

/* The set in a WAL batch: the metapage is exclusively locked until that ends. */
static void *
add_set(PgrWalBatch *batch, Relation index, const PgrSegSetOwner *owner, PgrSegSet *set)
{
	void	   *meta = owner->add(batch, index);

	owner->locate(meta, set);
	return meta;
}

/*
 * Writes a page of the list: a WAL record of its own. The page is of the generation that
 * is noted as being written, and locked while it is filled.
 */
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

/*
 * Writes n > 0 segments as a new list; returns its first block. The space lock is held. What
 * it allocates is scratch. If it fails, its pages are of the generation noted for
 * PGR_SET_SPACE, which the next one sweeps.
 */
static BlockNumber
write_list(Relation index, const PgrSegSetOwner *owner, const PgrSegDesc *segments, uint32 n,
		   uint32 *generation)
{
	uint32		npages = (n - 1) / PGR_SET_LIST_SEGMENTS + 1;
	BlockNumber *blocks = palloc(mul_size(npages + 1, sizeof(BlockNumber)));
	uint32		got = 0;

	*generation = pgr_set_new_generation(index, owner, PGR_SET_SPACE);
	while (got < npages)
	{
		PgrExtent	extent = pgr_space_alloc(index, *generation, 1, npages - got, false);

		for (uint32 i = 0; i < extent.count; i++)
			blocks[got++] = extent.start + i;
	}
	blocks[npages] = InvalidBlockNumber;
	for (uint32 i = 0; i < npages; i++)
	{
		uint32		first = i * PGR_SET_LIST_SEGMENTS;

		CHECK_FOR_INTERRUPTS();
		write_list_page(index, blocks[i], blocks[i + 1], *generation, segments + first,
						Min(n - first, PGR_SET_LIST_SEGMENTS));
	}
	return blocks[0];
}

/* A publication replaces a few dozen segments at most: a walk will do. */
static bool
is_gone(const PgrSetPublication *p, uint32 generation)
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
next_segments(const PgrSegSetCopy *old, const PgrSetPublication *p, PgrSegDesc *dst,
			  uint32 *listed)
{
	uint32		n = 0;

	*listed = 0;
	for (uint32 i = 0; i < old->n; i++)
	{
		if (is_gone(p, old->segments[i].generation))
			continue;
		dst[n++] = old->segments[i];
		if (i < old->nlisted)
			(*listed)++;
	}
	if (p->added)
		dst[n++] = *p->added;
	if (*listed < old->nlisted || n - *listed > PGR_SET_INLINE)
		*listed = 0;
	return n;
}

/*
 * The record of a publication: the metapage, exclusively locked for it, lists
 * segments[listed..n), the list in list_block the others (of generation list_generation;
 * 0: it is as it was, or there is none).
 */
static void
write_set(Relation index, const PgrSegSetOwner *owner, const PgrSetPublication *p,
		  const PgrSegDesc *segments, uint32 n, uint32 listed,
		  BlockNumber list_block, uint32 list_generation)
{
	PgrWalBatch batch;
	PgrSegSet	set;
	void	   *meta;

	pgr_wal_begin(&batch, index, false);
	meta = add_set(&batch, index, owner, &set);
	if (list_generation != 0 || listed == 0)
	{
		set.page->list_block = list_block;
		set.page->list_generation = list_generation;
		set.page->list_segments = listed;
	}
	if (list_generation != 0)
		set.page->writing[PGR_SET_SPACE] = 0;
	*set.ninline = n - listed;
	memset(set.page->segments, 0, sizeof(set.page->segments));
	memcpy(set.page->segments, segments + listed, *set.ninline * sizeof(PgrSegDesc));
	set.page->writing[p->writer] = 0;
	if (p->also)
		p->also(meta, p->arg);
	pgr_wal_commit(&batch);
}

/*
 * Everything that may fail (room for the list, memory) comes before the record. The
 * metapage is copied under the space lock, so what is published is what has been read.
 */
void
pgr_set_publish(Relation index, const PgrSegSetOwner *owner, const PgrSetPublication *p)
{
	PgrSegSetCopy old;
	PgrSegDesc *segments;
	BlockNumber list_block = InvalidBlockNumber;
	uint32		n,
				listed,
				list_generation = 0;

	pgr_space_lock(index);
	read_set(index, owner, &old);
	segments = palloc_extended(mul_size(old.n + 1, sizeof(PgrSegDesc)), MCXT_ALLOC_HUGE);
	n = next_segments(&old, p, segments, &listed);
	if (listed == 0 && n > PGR_SET_INLINE)
		list_block = write_list(index, owner, segments, listed = n, &list_generation);
	write_set(index, owner, p, segments, n, listed, list_block, list_generation);
	pgr_space_unlock(index);
	pfree(segments);
	pfree(old.segments);
}

/* A generation counts up, so all segments listed now are older than the one noted. */
uint32
pgr_set_claim(Relation index, const PgrSegSetOwner *owner)
{
	PgrWalBatch batch;
	PgrSegSet	set;
	uint32		claimed;

	pgr_wal_begin(&batch, index, false);
	add_set(&batch, index, owner, &set);
	claimed = set.page->claimed = *set.next_generation;
	pgr_wal_commit(&batch);
	return claimed;
}

/* --- counts of dead rows --- */

/* Among n segments, if it is one of them. */
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

/*
 * The same in a page of the list, which is locked meanwhile, and logged if it changes;
 * *next: the page after it.
 */
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

/* At most one page changes, in one WAL record. */
void
pgr_set_dead(Relation index, const PgrSegSetOwner *owner, uint32 generation, uint32 ndead)
{
	PgrWalBatch batch;
	PgrSegSet	set;
	PgrChain	chain = {0};
	BlockNumber block;
	bool		found;

	/* else a list that is being written would miss it */
	pgr_space_lock(index);
	pgr_wal_begin(&batch, index, false);
	add_set(&batch, index, owner, &set);
	found = set_dead_of(set.page->segments, *set.ninline, generation, ndead);
	block = set.page->list_segments > 0 ? set.page->list_block : InvalidBlockNumber;
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

/* --- generations, and what is alive --- */

/*
 * What is freed for good at once is what only a failed attempt has seen; all else
 * waits for the oldest snapshot.
 */
void
pgr_set_sweep(Relation index, const PgrSegSetOwner *owner, uint32 held)
{
	void	   *meta = palloc(owner->size);
	PgrSegSetCopy set;
	PgrSweep	sweep = {0};
	uint32		unseen[PGR_SET_WRITERS];

	/* from here on nobody publishes, nor allocates what is not noted yet */
	pgr_space_lock(index);
	held |= 1 << PGR_SET_SPACE;
	pgr_set_read(index, owner, meta, &set);
	sweep.alive = palloc_extended(mul_size(add_size(set.n, owner->max_alive + PGR_SET_WRITERS + 1),
										   sizeof(uint32)), MCXT_ALLOC_HUGE);
	sweep.unseen = unseen;
	for (uint32 i = 0; i < set.n; i++)
		sweep.alive[sweep.nalive++] = set.segments[i].generation;
	sweep.nalive += owner->alive(meta, sweep.alive + sweep.nalive);
	if (set.list_generation != 0)
		sweep.alive[sweep.nalive++] = set.list_generation;
	for (int i = 0; i < PGR_SET_WRITERS; i++)
	{
		if (set.writing[i] != 0 && (held & 1 << i))
			unseen[sweep.nunseen++] = set.writing[i];
		else if (set.writing[i] != 0)
			sweep.alive[sweep.nalive++] = set.writing[i];
	}
	pgr_space_sweep(index, &sweep);
	pgr_space_unlock(index);
	pfree(sweep.alive);
	pfree(set.segments);
	pfree(meta);
}

/*
 * Numbers are never used twice: a page's generation tells whether it is still what a
 * reader thinks.
 */
uint32
pgr_set_new_generation(Relation index, const PgrSegSetOwner *owner, PgrSetWriter writer)
{
	PgrWalBatch batch;
	PgrSegSet	set;
	uint32		generation;
	bool		swept = writer == PGR_SET_BUILD;

	for (;;)
	{
		pgr_wal_begin(&batch, index, writer == PGR_SET_BUILD);
		add_set(&batch, index, owner, &set);
		if (swept || set.page->writing[writer] == 0)
			break;
		/* before it is forgotten that nobody has seen what the last attempt wrote */
		pgr_wal_abort(&batch);
		pgr_set_sweep(index, owner, 1 << writer);
		swept = true;
	}
	generation = (*set.next_generation)++;
	if (writer != PGR_SET_BUILD)
		set.page->writing[writer] = generation;
	pgr_wal_commit(&batch);
	return generation;
}
