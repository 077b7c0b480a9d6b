/*
 * hnsw_filter.c
 *		The list of filter values: for each row the number of its node, its tid and
 *		the image of its filter columns. See README, "Filter columns".
 *
 * Pages are chained from meta.filter_block and never freed; entries lie in no
 * order and are named by nothing. An entry never moves to another page, so
 * whoever reads all pages once meets each entry that is there all the while.
 */
#include "postgres.h"

#include "access/genam.h"
#include "base/compat.h"
#include "commands/vacuum.h"
#include "hnsw/hnsw.h"
#include "miscadmin.h"

/* ----------
 * Adding
 * ----------
 */

/*
 * Makes another page the one where inserts look: the next in the chain, or a new
 * one at its end. Under the metapage's lock, so that one process does it for all.
 */
static void
next_list_page(const PgrHnswIndex *ix, BlockNumber full)
{
	Buffer		buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrHnswMeta *meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	Buffer		last;
	Buffer		fresh = InvalidBuffer;
	BlockNumber next;
	Page		page;
	PgrWalBatch batch;

	if (meta->filter_insert != full)
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	last = pgr_page_read(ix->rel, full, PGR_PAGE_HNSW_FILTER, BUFFER_LOCK_EXCLUSIVE);
	next = PgrPageGetOpaque(BufferGetPage(last))->next;
	if (next == InvalidBlockNumber)
	{
		fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		next = BufferGetBlockNumber(fresh);
	}
	else
		UnlockReleaseBuffer(last);
	pgr_wal_begin(&batch, ix->rel, ix->building);
	meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
	meta->filter_insert = next;
	if (BufferIsValid(fresh))
	{
		PgrPageGetOpaque(pgr_wal_add(&batch, last, false))->next = next;
		page = pgr_wal_add(&batch, fresh, true);
		pgr_page_init(page, PGR_PAGE_HNSW_FILTER, 0);
		memset(PgrPageGetData(page), 0, sizeof(PgrHnswListHead));
		pgr_page_set_used(page, sizeof(PgrHnswListHead));
	}
	pgr_wal_commit(&batch);
}

static void
set_count(const PgrHnswMeta *meta, Page page, uint32 count)
{
	((PgrHnswListHead *) PgrPageGetData(page))->count = count;
	pgr_page_set_used(page, sizeof(PgrHnswListHead) + count * PGR_HNSW_LIST_ENTRY_SIZE(meta));
}

/* Adds an entry to a page; false if it is full. */
static bool
add_to_page(const PgrHnswIndex *ix, BlockNumber block, PgrHnswId id, const char *item)
{
	const PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_FILTER,
									   BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buffer);
	uint32		n = ((PgrHnswListHead *) PgrPageGetData(page))->count;
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
	set_count(meta, page, n + 1);
	pgr_wal_commit(&batch);
	return true;
}

void
pgr_hnsw_list_add(const PgrHnswIndex *ix, PgrHnswId id, const char *item)
{
	for (;;)
	{
		PgrHnswMeta meta;

		CHECK_FOR_INTERRUPTS();
		pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(meta));
		if (add_to_page(ix, meta.filter_insert, id, item))
			return;
		next_list_page(ix, meta.filter_insert);
	}
}

/* ----------
 * Reading
 * ----------
 */

uint32
pgr_hnsw_list_page(const PgrHnswIndex *ix, BlockNumber block, char *page, BlockNumber *next)
{
	uint32		n;

	pgr_page_copy(ix->rel, block, PGR_PAGE_HNSW_FILTER, 0, page);
	*next = PgrPageGetOpaque(page)->next;
	n = ((PgrHnswListHead *) PgrPageGetData(page))->count;
	return Min(n, PGR_HNSW_LIST_PER_PAGE(&ix->meta));
}

static int
compare_ids(const void *a, const void *b)
{
	PgrHnswId	x = *(const PgrHnswId *) a;
	PgrHnswId	y = *(const PgrHnswId *) b;

	return x < y ? -1 : x > y;
}

PgrHnswId *
pgr_hnsw_list_match(const PgrHnswIndex *ix, const PgrFilter *filter, MemoryContext context,
					uint32 *n)
{
	const PgrHnswMeta *meta = &ix->meta;
	PGAlignedBlock page;
	BlockNumber block = meta->filter_block;
	Size		size = PGR_HNSW_LIST_PER_PAGE(meta);
	Size		found = 0;
	Size		kept = 0;
	PgrHnswId  *ids = MemoryContextAlloc(context, size * sizeof(PgrHnswId));

	while (block != InvalidBlockNumber)
	{
		uint32		entries;

		CHECK_FOR_INTERRUPTS();
		entries = pgr_hnsw_list_page(ix, block, page.data, &block);
		if (found + entries > size)
		{
			size = mul_size(size, 2);
			ids = repalloc_huge(ids, mul_size(size, sizeof(PgrHnswId)));
		}
		for (uint32 i = 0; i < entries; i++)
		{
			const char *entry = PGR_HNSW_LIST_ENTRY(meta, page.data, i);

			/* written in any case, kept if it passes */
			memcpy(&ids[found], entry, sizeof(PgrHnswId));
			found += pgr_filter_match(filter, PGR_HNSW_ITEM_FILTER(PGR_HNSW_LIST_ITEM(entry)));
		}
	}
	qsort(ids, found, sizeof(PgrHnswId), compare_ids);
	for (Size i = 0; i < found; i++)
		if (i == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	*n = (uint32) kept;
	return ids;
}

double
pgr_hnsw_list_pages(const PgrHnswIndex *ix)
{
	return pgr_hnsw_count_estimate(ix) / PGR_HNSW_LIST_PER_PAGE(&ix->meta) + 1;
}

uint32
pgr_hnsw_slot_tids(const PgrHnswIndex *ix, PgrHnswId owner, PgrHnswId *slot,
				   const PgrFilter *filter, ItemPointerData *tids)
{
	const PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(meta, *slot), PGR_PAGE_HNSW_NODE,
									   BUFFER_LOCK_SHARE);
	const PgrHnswNode *node = pgr_hnsw_slot(ix, BufferGetPage(buffer), *slot);
	uint32		n = 0;

	*slot = PGR_HNSW_NO_ID;
	if ((node->flags & PGR_HNSW_TIDS) && node->owner == owner)
	{
		for (uint32 i = 0; i < Min(node->ntids, PGR_HNSW_SLOT_TIDS(meta)); i++)
		{
			const char *item = PGR_HNSW_ITEM(meta, node, i);

			if (filter == NULL || pgr_filter_match(filter, PGR_HNSW_ITEM_FILTER(item)))
				tids[n++] = *PGR_HNSW_ITEM_TID(item);
		}
		*slot = node->more;
	}
	UnlockReleaseBuffer(buffer);
	return n;
}

/* ----------
 * Vacuum
 * ----------
 */

/* Removes dead rows' entries of a page; returns whether it has room. */
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
	before = n = ((PgrHnswListHead *) PgrPageGetData(page))->count;
	for (uint32 i = 0; i < n;)
	{
		char	   *entry = PGR_HNSW_LIST_ENTRY(meta, page, i);

		if (!callback(PGR_HNSW_ITEM_TID(PGR_HNSW_LIST_ITEM(entry)), state))
			i++;
		else if (i < --n)
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

void
pgr_hnsw_list_prune(const PgrHnswIndex *ix, IndexBulkDeleteCallback callback, void *state)
{
	BlockNumber block = ix->meta.filter_block;
	BlockNumber room = InvalidBlockNumber;
	Buffer		buffer;
	PgrWalBatch batch;

	while (block != InvalidBlockNumber)
	{
		BlockNumber next;

		pgr_vacuum_delay();
		if (prune_list_page(ix, block, callback, state, &next) && room == InvalidBlockNumber)
			room = block;
		block = next;
	}
	if (room == InvalidBlockNumber)
		return;
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	pgr_wal_begin(&batch, ix->rel, false);
	((PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false)))->filter_insert = room;
	pgr_wal_commit(&batch);
}
