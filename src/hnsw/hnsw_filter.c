/*
 * hnsw_filter.c
 *		The lists of filter values: for each row the number of its node, its tid and
 *		the image of its filter columns. See README, "Filter columns".
 *
 * A list is a chain of pages, never freed; entries lie in no order and are named by
 * nothing. An entry never moves to another page, so whoever reads all pages once meets
 * each entry that is there all the while.
 */
#include "postgres.h"

#include "access/genam.h"
#include "base/compat.h"
#include "commands/vacuum.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_list.h"
#include "miscadmin.h"

/* pages of a list that an insert may find full before it counts how many there can be */
#define LEAST_TRIES 64

/* ----------
 * Adding
 * ----------
 */

/* The head of a list's page, in a buffer's page or a copy. */
static PgrHnswListHead *
page_head(Page page)
{
	return (PgrHnswListHead *) PgrPageGetData(page);
}

/* Sets how many entries a page has, and its used size, up to which the WAL record keeps it. */
static void
set_count(const PgrHnswMeta *meta, Page page, uint32 count)
{
	page_head(page)->count = count;
	pgr_page_set_used(page, sizeof(PgrHnswListHead) + count * PGR_HNSW_LIST_ENTRY_SIZE(meta));
}

/*
 * Formats a new page, exclusively locked in `buffer`, and chains it behind `last`, which is
 * the copy that the batch changes. The batch owns the buffer from here on and unlocks it with
 * the others.
 */
static void
add_page(const PgrHnswIndex *ix, PgrWalBatch *batch, Page last, Buffer buffer)
{
	Page		page = pgr_wal_add(batch, buffer, true);

	PgrPageGetOpaque(last)->next = BufferGetBlockNumber(buffer);
	pgr_page_init(page, PGR_PAGE_HNSW_FILTER, 0);
	page_head(page)->insert = InvalidBlockNumber;
	set_count(&ix->meta, page, 0);
}

/*
 * Makes another page the one where inserts into a list look: the next in its chain, or if it
 * may be extended a new one at its end. False if there is none. full: the page that was found
 * full.
 *
 * Locks the list's first page, exclusively, so that one process does it for all who found the
 * same page full; who comes later sees that `insert` has changed and tries there. Then, in
 * this order, the full page and a new one; all are released on return. One WAL record of at
 * most three pages, so a crash leaves no page outside of its chain but one that nothing names.
 * An error while the file is extended changes nothing. Room on pages behind `full` is used,
 * since the chain is followed; room before it comes back when VACUUM sets the insert page.
 */
static bool
next_list_page(const PgrHnswIndex *ix, BlockNumber first, BlockNumber full, bool extend)
{
	Buffer		buffer = pgr_page_read(ix->rel, first, PGR_PAGE_HNSW_FILTER,
									   BUFFER_LOCK_EXCLUSIVE);
	Buffer		last = InvalidBuffer;
	Buffer		fresh = InvalidBuffer;
	BlockNumber next;
	PgrWalBatch batch;
	Page		page;

	if (page_head(BufferGetPage(buffer))->insert != full)
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	if (full != first)
		last = pgr_page_read(ix->rel, full, PGR_PAGE_HNSW_FILTER, BUFFER_LOCK_EXCLUSIVE);
	next = PgrPageGetOpaque(BufferGetPage(full != first ? last : buffer))->next;
	if (next == InvalidBlockNumber && !extend)
	{
		if (BufferIsValid(last))
			UnlockReleaseBuffer(last);
		UnlockReleaseBuffer(buffer);
		return false;
	}
	if (next == InvalidBlockNumber)
	{
		fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		next = BufferGetBlockNumber(fresh);
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	page = pgr_wal_add(&batch, buffer, false);
	page_head(page)->insert = next;
	if (BufferIsValid(last))
		page = pgr_wal_add(&batch, last, false);
	if (BufferIsValid(fresh))
		add_page(ix, &batch, page, fresh);
	pgr_wal_commit(&batch);
	return true;
}

/*
 * Adds an entry (node id, item, digest or NULL) to a page; false if it is full. Locks the
 * page, exclusively, which is released with the WAL record. An entry is whole or not there.
 */
static bool
add_to_page(const PgrHnswIndex *ix, BlockNumber block, PgrHnswId id, const char *item,
			const uint8 *digest)
{
	const PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_FILTER,
									   BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buffer);
	uint32		n = page_head(page)->count;
	PgrWalBatch batch;
	char	   *entry;

	if (n >= PGR_HNSW_LIST_PER_PAGE(meta))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	page = pgr_wal_add(&batch, buffer, false);
	entry = PGR_HNSW_LIST_ENTRY(meta, page, n);
	memcpy(entry, &id, sizeof(id));
	memcpy(PGR_HNSW_LIST_ITEM(entry), item, PGR_HNSW_ITEM_SIZE(meta));
	if (digest != NULL)
		memcpy(PGR_HNSW_LIST_DIGEST(meta, entry), digest, PGR_HNSW_DIGEST_SIZE(meta));
	set_count(meta, page, n + 1);
	pgr_wal_commit(&batch);
	return true;
}

/*
 * The block where inserts into a list look first; of the first page's content under its share
 * lock.
 */
static BlockNumber
insert_page(const PgrHnswIndex *ix, BlockNumber first)
{
	Buffer		buffer = pgr_page_read(ix->rel, first, PGR_PAGE_HNSW_FILTER, BUFFER_LOCK_SHARE);
	BlockNumber block = page_head(BufferGetPage(buffer))->insert;

	UnlockReleaseBuffer(buffer);
	return block;
}

bool
pgr_hnsw_list_add(const PgrHnswIndex *ix, uint32 list, PgrHnswId id, const char *item,
				  const uint8 *digest, bool extend)
{
	BlockNumber first = PGR_HNSW_LIST_FIRST(&ix->meta, list);

	/* vacuum may lead back to a page, but not that often: a damaged list does */
	for (BlockNumber tries = 0;; tries++)
	{
		BlockNumber block = insert_page(ix, first);

		CHECK_FOR_INTERRUPTS();
		if (tries > LEAST_TRIES && tries > RelationGetNumberOfBlocks(ix->rel))
			pgr_page_corrupt(ix->rel, block, "its list has no end");
		if (add_to_page(ix, block, id, item, digest))
			return true;
		if (!next_list_page(ix, first, block, extend))
			return false;
	}
}

/* ----------
 * Reading
 * ----------
 */

/*
 * Raises if the pages of a list lead back to one before: whoever follows a damaged chain would
 * never end. chain: state of Brent's method (base/chain.h), zero before the first page.
 */
static void
check_chain(const PgrHnswIndex *ix, PgrChain *chain, BlockNumber block)
{
	if (pgr_chain_cycles(chain, block))
		pgr_page_corrupt(ix->rel, block, "its list has no end");
}

uint32
pgr_hnsw_list_page(const PgrHnswIndex *ix, PgrChain *chain, BlockNumber block, char *page,
				   BlockNumber *next)
{
	check_chain(ix, chain, block);
	pgr_page_copy(ix->rel, block, PGR_PAGE_HNSW_FILTER, 0, page);
	*next = PgrPageGetOpaque(page)->next;
	return Min(page_head(page)->count, PGR_HNSW_LIST_PER_PAGE(&ix->meta));
}

double
pgr_hnsw_list_pages(const PgrHnswIndex *ix)
{
	return Max(pgr_hnsw_count_estimate(ix) / PGR_HNSW_LIST_PER_PAGE(&ix->meta) + 1,
			   ix->meta.lists.n);
}

/* ----------
 * Vacuum
 * ----------
 */

void
pgr_hnsw_list_clear(const PgrHnswIndex *ix, uint32 list)
{
	BlockNumber first = PGR_HNSW_LIST_FIRST(&ix->meta, list);
	PgrChain	chain = {0};

	/*
	 * one page locked at a time, one record each: cancelled, the rest is emptied by the next
	 * attempt
	 */
	for (BlockNumber block = first, next; block != InvalidBlockNumber; block = next)
	{
		Buffer		buffer;
		PgrWalBatch batch;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		check_chain(ix, &chain, block);
		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_FILTER, BUFFER_LOCK_EXCLUSIVE);
		pgr_wal_begin(&batch, ix->rel, false);
		page = pgr_wal_add(&batch, buffer, false);
		next = PgrPageGetOpaque(page)->next;
		page_head(page)->insert = block == first ? first : InvalidBlockNumber;
		set_count(&ix->meta, page, 0);
		pgr_wal_commit(&batch);
	}
}

/*
 * Removes the entries of a page whose tids the callback says are dead, the last one moving
 * into the place of each; returns whether it has room then. *next: the next page's block. The
 * page is locked exclusively and released on return. Moving within a page is safe: readers
 * copy a page at once. The callback is VACUUM's look-up of a tid, which neither locks nor
 * allocates. One WAL record, none if nothing was dead. A damaged count is cut to what a page
 * has room for.
 */
static bool
prune_list_page(const PgrHnswIndex *ix, BlockNumber block, IndexBulkDeleteCallback callback,
				void *state, BlockNumber *next)
{
	const PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_FILTER,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrWalBatch batch;
	Page		page;
	uint32		n;
	uint32		before;

	pgr_wal_begin(&batch, ix->rel, false);
	page = pgr_wal_add(&batch, buffer, false);
	*next = PgrPageGetOpaque(page)->next;
	before = n = Min(page_head(page)->count, PGR_HNSW_LIST_PER_PAGE(meta));
	for (uint32 i = 0; i < n;)
	{
		char	   *entry = PGR_HNSW_LIST_ENTRY(meta, page, i);

		if (!callback(PGR_HNSW_ITEM_TID(PGR_HNSW_LIST_ITEM(entry)), state))
		{
			i++;
			continue;
		}
		if (i == --n)
			break;
		memcpy(entry, PGR_HNSW_LIST_ENTRY(meta, page, n), PGR_HNSW_LIST_ENTRY_SIZE(meta));
	}
	if (n == before)
		pgr_wal_abort(&batch);
	else
	{
		set_count(meta, page, n);
		pgr_wal_commit(&batch);
	}
	return n < PGR_HNSW_LIST_PER_PAGE(meta);
}

/*
 * Lets inserts into a list look at a page that has room. Locks the list's first page,
 * exclusively, released on return. An insert that read the former page meanwhile still finds
 * it as it was.
 */
static void
set_insert_page(const PgrHnswIndex *ix, BlockNumber first, BlockNumber room)
{
	Buffer		buffer = pgr_page_read(ix->rel, first, PGR_PAGE_HNSW_FILTER,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrWalBatch batch;

	if (page_head(BufferGetPage(buffer))->insert == room)
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	pgr_wal_begin(&batch, ix->rel, false);
	page_head(pgr_wal_add(&batch, buffer, false))->insert = room;
	pgr_wal_commit(&batch);
}

void
pgr_hnsw_list_prune(const PgrHnswIndex *ix, IndexBulkDeleteCallback callback, void *state)
{
	for (uint32 k = 0; k < ix->meta.lists.n; k++)
	{
		BlockNumber first = PGR_HNSW_LIST_FIRST(&ix->meta, k);
		BlockNumber block = first;
		BlockNumber room = InvalidBlockNumber;
		PgrChain	chain = {0};

		/*
		 * one page locked at a time; what is added behind meanwhile is of rows that are not
		 * dead
		 */
		while (block != InvalidBlockNumber)
		{
			BlockNumber next;

			pgr_vacuum_delay();
			check_chain(ix, &chain, block);
			if (prune_list_page(ix, block, callback, state, &next) && room == InvalidBlockNumber)
				room = block;
			block = next;
		}
		if (room != InvalidBlockNumber)
			set_insert_page(ix, first, room);
	}
}
