/*
 * space.c
 *		Extents: allocation, retirement, reuse. See README, "Space".
 *
 * Everything that changes space pages holds the space lock, so between a read
 * and a write of a space page no one else changes it.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/storage.h"
#include "utils/snapmgr.h"
#include "base/compat.h"

void
pgr_maintenance_lock(Relation rel)
{
	LockPage(rel, PGR_META_BLOCK, ExclusiveLock);
}

bool
pgr_maintenance_trylock(Relation rel)
{
	return ConditionalLockPage(rel, PGR_META_BLOCK, ExclusiveLock);
}

void
pgr_maintenance_unlock(Relation rel)
{
	UnlockPage(rel, PGR_META_BLOCK, ExclusiveLock);
}

void
pgr_space_lock(Relation rel)
{
	LockPage(rel, PGR_SPACE_BLOCK, ExclusiveLock);
}

void
pgr_space_unlock(Relation rel)
{
	UnlockPage(rel, PGR_SPACE_BLOCK, ExclusiveLock);
}

static uint32
space_count(Page page)
{
	return PgrPageGetUsed(page) / sizeof(PgrSpaceEntry);
}

static PgrSpaceEntry *
space_entries(Page page)
{
	return (PgrSpaceEntry *) PgrPageGetData(page);
}

void
pgr_space_create(Relation rel, ForkNumber fork, bool building)
{
	Buffer		buffer = pgr_page_extend(rel, fork);
	PgrWalBatch batch;

	if (BufferGetBlockNumber(buffer) != PGR_SPACE_BLOCK)
		elog(ERROR, "space page of index \"%s\" is at block %u",
			 RelationGetRelationName(rel), BufferGetBlockNumber(buffer));
	pgr_wal_begin(&batch, rel, building);
	pgr_page_init(pgr_wal_add(&batch, buffer, true), PGR_PAGE_SPACE, 0);
	pgr_wal_commit(&batch);
}

/* Adds an entry to a page of the batch that has room for it. */
static void
space_append(Page page, PgrSpaceEntry entry)
{
	uint32		n = space_count(page);

	Assert(n < PGR_SPACE_ENTRIES_PER_PAGE);
	space_entries(page)[n] = entry;
	pgr_page_set_used(page, (n + 1) * sizeof(PgrSpaceEntry));
}

/* Removes entry i; order does not matter. */
static void
space_remove(Page page, uint32 i)
{
	uint32		n = space_count(page);

	space_entries(page)[i] = space_entries(page)[n - 1];
	pgr_page_set_used(page, (n - 1) * sizeof(PgrSpaceEntry));
}

static PgrSpaceEntry
space_entry(uint32 generation, BlockNumber start, uint32 count)
{
	PgrSpaceEntry entry = {0};

	entry.generation = generation;
	entry.start = start;
	entry.count = count;
	return entry;
}

/* A new space page, linked behind the last one, which is locked; returns it locked. */
static Buffer
space_chain(Relation rel, Buffer last, bool building)
{
	Buffer		buffer;
	PgrWalBatch batch;
	BlockNumber block;

	/*
	 * Extending waits for a lock, so not under the last page's; the space lock
	 * keeps others from chaining a page meanwhile.
	 */
	block = BufferGetBlockNumber(last);
	UnlockReleaseBuffer(last);
	buffer = pgr_page_extend(rel, MAIN_FORKNUM);
	last = pgr_page_read(rel, block, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);

	block = BufferGetBlockNumber(buffer);
	pgr_wal_begin(&batch, rel, building);
	PgrPageGetOpaque(pgr_wal_add(&batch, last, false))->next = block;
	pgr_page_init(pgr_wal_add(&batch, buffer, true), PGR_PAGE_SPACE, 0);
	pgr_wal_commit(&batch);
	return pgr_page_read(rel, block, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);
}

/* The first space page with room for an entry, exclusively locked. */
static Buffer
space_with_room(Relation rel, bool building)
{
	BlockNumber block = PGR_SPACE_BLOCK;

	for (;;)
	{
		Buffer		buffer = pgr_page_read(rel, block, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);
		Page		page = BufferGetPage(buffer);

		if (space_count(page) < PGR_SPACE_ENTRIES_PER_PAGE)
			return buffer;
		block = PgrPageGetOpaque(page)->next;
		if (!BlockNumberIsValid(block))
			return space_chain(rel, buffer, building);
		UnlockReleaseBuffer(buffer);
	}
}

static void
space_enter(Relation rel, PgrSpaceEntry entry, bool building)
{
	Buffer		buffer = space_with_room(rel, building);
	PgrWalBatch batch;

	pgr_wal_begin(&batch, rel, building);
	space_append(pgr_wal_add(&batch, buffer, false), entry);
	pgr_wal_commit(&batch);
}

/*
 * Takes up to `want` pages of a free extent that is on a page with room for the
 * rest; false if there is none. The largest is taken: a run in few extents reads
 * better, and what is left of it serves the next.
 */
static bool
space_take_free(Relation rel, uint32 generation, uint32 want, bool building, PgrExtent *out)
{
	BlockNumber block = PGR_SPACE_BLOCK,
				best_block = InvalidBlockNumber;
	uint32		best = 0,
				best_count = 0;
	PgrWalBatch batch;
	Page		page;
	PgrSpaceEntry *entry;

	while (BlockNumberIsValid(block))
	{
		PGAlignedBlock copy;

		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		for (uint32 i = 0; i < space_count(copy.data); i++)
		{
			PgrSpaceEntry *e = &space_entries(copy.data)[i];

			if (e->generation == 0 && e->count > best_count &&
				(e->count <= want || space_count(copy.data) < PGR_SPACE_ENTRIES_PER_PAGE))
			{
				best = i;
				best_count = e->count;
				best_block = block;
			}
		}
		block = PgrPageGetOpaque(copy.data)->next;
	}
	if (!BlockNumberIsValid(best_block))
		return false;

	pgr_wal_begin(&batch, rel, building);
	page = pgr_wal_add(&batch, pgr_page_read(rel, best_block, PGR_PAGE_SPACE,
											 BUFFER_LOCK_EXCLUSIVE), false);
	entry = &space_entries(page)[best];
	if (entry->count > want)
	{
		space_append(page, space_entry(0, entry->start + want, entry->count - want));
		entry->count = want;
	}
	entry->generation = generation;
	out->start = entry->start;
	out->count = entry->count;
	pgr_wal_commit(&batch);
	return true;
}

/* `want` new blocks in a row at the end of the relation, not yet formatted. */
static PgrExtent
space_extend(Relation rel, uint32 want)
{
	PgrExtent	extent = {InvalidBlockNumber, 0};

	LockRelationForExtension(rel, ExclusiveLock);
	while (extent.count < want)
	{
		Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);

		if (extent.count++ == 0)
			extent.start = BufferGetBlockNumber(buffer);
		ReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
	return extent;
}

/*
 * Cuts entry i to `keep` pages. The rest becomes a free entry of the same page,
 * or, where that is full, *rest, to be entered elsewhere.
 */
static void
space_split(Page page, uint32 i, uint32 keep, PgrSpaceEntry *rest)
{
	PgrSpaceEntry *e = &space_entries(page)[i];

	rest->count = 0;
	if (keep == 0)
		e->generation = 0;
	else
	{
		PgrSpaceEntry tail = space_entry(0, e->start + keep, e->count - keep);

		e->count = keep;
		if (space_count(page) < PGR_SPACE_ENTRIES_PER_PAGE)
			space_append(page, tail);
		else
			*rest = tail;
	}
}

/*
 * Finds the entry that ends before block `end`: its page, exclusively locked, and
 * its number there; InvalidBuffer if there is none.
 */
static Buffer
space_find_end(Relation rel, BlockNumber end, uint32 *number)
{
	BlockNumber block = PGR_SPACE_BLOCK;

	while (BlockNumberIsValid(block))
	{
		Buffer		buffer = pgr_page_read(rel, block, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);
		Page		page = BufferGetPage(buffer);

		for (uint32 i = 0; i < space_count(page); i++)
		{
			if (space_entries(page)[i].start + space_entries(page)[i].count == end)
			{
				*number = i;
				return buffer;
			}
		}
		block = PgrPageGetOpaque(page)->next;
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

void
pgr_space_trim(Relation rel, BlockNumber end, uint32 drop, bool building)
{
	PgrSpaceEntry rest;
	PgrWalBatch batch;
	Buffer		buffer;
	Page		page;
	uint32		i;

	pgr_space_lock(rel);
	buffer = space_find_end(rel, end, &i);
	if (!BufferIsValid(buffer))
		elog(ERROR, "index \"%s\" has no extent that ends at block %u",
			 RelationGetRelationName(rel), end);
	pgr_wal_begin(&batch, rel, building);
	page = pgr_wal_add(&batch, buffer, false);
	Assert(space_entries(page)[i].count >= drop);
	space_split(page, i, space_entries(page)[i].count - drop, &rest);
	pgr_wal_commit(&batch);
	if (rest.count > 0)
		space_enter(rel, rest, building);
	pgr_space_unlock(rel);
}

/*
 * Lengthens the entry that ends where `extent` begins, if it is of the same
 * generation; false if there is no such entry.
 */
static bool
space_lengthen(Relation rel, uint32 generation, PgrExtent extent, bool building)
{
	PgrWalBatch batch;
	uint32		i;
	Buffer		buffer = space_find_end(rel, extent.start, &i);
	PgrSpaceEntry *e;

	if (!BufferIsValid(buffer))
		return false;
	e = &space_entries(BufferGetPage(buffer))[i];
	if (e->generation != generation || e->retired != 0)
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	pgr_wal_begin(&batch, rel, building);
	space_entries(pgr_wal_add(&batch, buffer, false))[i].count += extent.count;
	pgr_wal_commit(&batch);
	return true;
}

PgrExtent
pgr_space_alloc(Relation rel, uint32 generation, uint32 want, bool building)
{
	PgrExtent	extent;

	Assert(generation != 0 && want > 0);
	pgr_space_lock(rel);
	if (!space_take_free(rel, generation, want, building, &extent))
	{
		extent = space_extend(rel, want);
		if (!space_lengthen(rel, generation, extent, building))
			space_enter(rel, space_entry(generation, extent.start, extent.count), building);
	}
	pgr_space_unlock(rel);
	return extent;
}

/* One entry's next state; true if it changed. */
static bool
sweep_entry(PgrSpaceEntry *e, const uint32 *alive, int nalive, uint64 now, bool immediate)
{
	if (e->generation == 0)
		return false;
	if (e->retired == 0)
	{
		for (int i = 0; i < nalive; i++)
		{
			if (alive[i] == e->generation)
				return false;
		}
		e->retired = now;
		if (!immediate)
			return true;
	}
	if (!immediate &&
		!GlobalVisCheckRemovableFullXid(NULL, FullTransactionIdFromU64(e->retired)))
		return false;
	e->retired = 0;
	e->generation = 0;
	return true;
}

static int
compare_start(const void *a, const void *b)
{
	BlockNumber x = ((const PgrSpaceEntry *) a)->start,
				y = ((const PgrSpaceEntry *) b)->start;

	return x < y ? -1 : x > y;
}

/* Joins free extents of one page that are neighbours. */
static void
sweep_join(Page page)
{
	PgrSpaceEntry *e = space_entries(page);

	qsort(e, space_count(page), sizeof(PgrSpaceEntry), compare_start);
	for (uint32 i = space_count(page); i-- > 1;)
	{
		if (e[i].generation == 0 && e[i - 1].generation == 0 &&
			e[i - 1].start + e[i - 1].count == e[i].start)
		{
			e[i - 1].count += e[i].count;
			space_remove(page, i);
		}
	}
}

void
pgr_space_sweep(Relation rel, const uint32 *alive, int nalive, bool immediate, bool building)
{
	BlockNumber block = PGR_SPACE_BLOCK;
	uint64		now = U64FromFullTransactionId(ReadNextFullTransactionId());

	pgr_space_lock(rel);
	while (BlockNumberIsValid(block))
	{
		PGAlignedBlock copy;
		bool		changed = false;

		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		for (uint32 i = 0; i < space_count(copy.data); i++)
			changed |= sweep_entry(&space_entries(copy.data)[i], alive, nalive, now, immediate);
		if (changed)
		{
			PgrWalBatch batch;
			Page		page;

			sweep_join(copy.data);
			pgr_wal_begin(&batch, rel, building);
			page = pgr_wal_add(&batch, pgr_page_read(rel, block, PGR_PAGE_SPACE,
													 BUFFER_LOCK_EXCLUSIVE), false);
			memcpy(PgrPageGetData(page), PgrPageGetData(copy.data), PgrPageGetUsed(copy.data));
			pgr_page_set_used(page, PgrPageGetUsed(copy.data));
			pgr_wal_commit(&batch);
		}
		block = PgrPageGetOpaque(copy.data)->next;
	}
	pgr_space_unlock(rel);
}

int
pgr_space_entries(Relation rel, PgrSpaceEntry **entries)
{
	BlockNumber block = PGR_SPACE_BLOCK;
	int			n = 0;

	*entries = NULL;
	while (BlockNumberIsValid(block))
	{
		PGAlignedBlock copy;
		uint32		here;

		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		here = space_count(copy.data);
		if (here > 0)
		{
			Size		size = mul_size(n + here, sizeof(PgrSpaceEntry));

			*entries = *entries ? repalloc(*entries, size) : palloc(size);
			memcpy(*entries + n, space_entries(copy.data), here * sizeof(PgrSpaceEntry));
			n += here;
		}
		block = PgrPageGetOpaque(copy.data)->next;
	}
	return n;
}

void
pgr_space_stats(Relation rel, PgrSpaceStats *stats)
{
	PgrSpaceEntry *entries;
	int			n = pgr_space_entries(rel, &entries);

	memset(stats, 0, sizeof(*stats));
	for (int i = 0; i < n; i++)
	{
		if (entries[i].generation == 0)
			stats->free += entries[i].count;
		else if (entries[i].retired != 0)
			stats->retired += entries[i].count;
		else
			stats->owned += entries[i].count;
	}
}
