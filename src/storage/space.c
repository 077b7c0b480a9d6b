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
#include "base/order.h"

/* blocks that are added to the file at a time */
#define EXTEND_BATCH 64

/*
 * Blocks that may be known and not be in the file: those of one extent of the pending area,
 * and for each of so many writers an eighth of what there is. More is damage.
 */
#define MOST_UNWRITTEN 8192
#define MOST_WRITERS 3

void
pgr_maintenance_lock(Relation rel)
{
	LockPage(rel, PGR_META_BLOCK, ExclusiveLock);
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

/* The page behind a space page; a new one is behind everything that there is. */
static BlockNumber
space_next(Relation rel, BlockNumber block, Page page)
{
	BlockNumber next = PgrPageGetOpaque(page)->next;

	if (next <= block)
		pgr_page_corrupt(rel, block, "its list has no end");
	return next;
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

/* What a look at all space pages finds. */
typedef struct SpaceLook
{
	BlockNumber end;			/* behind everything that has an owner or is known free */
	BlockNumber last;			/* the last space page */
	BlockNumber room;			/* the first with room for an entry, or InvalidBlockNumber */
	BlockNumber block;			/* that of the best free extent, or InvalidBlockNumber */
	uint32		number;			/* of that extent there */
	uint32		count;			/* pages of it */
} SpaceLook;

/*
 * Notes what a space page tells. The best free extent is the largest, on a page with
 * room for what `want` pages leave of it: a run in few extents reads better, and the
 * rest serves the next.
 */
static void
space_look_at(BlockNumber block, Page page, uint32 want, SpaceLook *look)
{
	bool		room = space_count(page) < PGR_SPACE_ENTRIES_PER_PAGE;

	look->end = Max(look->end, block + 1);
	look->last = block;
	if (room && !BlockNumberIsValid(look->room))
		look->room = block;
	for (uint32 i = 0; i < space_count(page); i++)
	{
		PgrSpaceEntry *e = &space_entries(page)[i];

		look->end = Max(look->end, e->start + e->count);
		if (e->generation == 0 && e->count > look->count && (e->count <= want || room))
		{
			look->block = block;
			look->number = i;
			look->count = e->count;
		}
	}
}

/*
 * Makes the relation at least `end` blocks long; new ones are not formatted. The space
 * lock is held, so nobody else extends it.
 */
static void
space_extend(Relation rel, BlockNumber end)
{
	BlockNumber at = RelationGetNumberOfBlocks(rel);

	if (at >= end)
		return;
	LockRelationForExtension(rel, ExclusiveLock);
	while (at < end)
	{
		Buffer		buffers[EXTEND_BATCH];
		uint32		n;

		CHECK_FOR_INTERRUPTS();
		n = pgr_page_extend_by(rel, MAIN_FORKNUM, Min(end - at, EXTEND_BATCH), buffers);
		for (uint32 i = 0; i < n; i++)
			ReleaseBuffer(buffers[i]);
		at += n;
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
}

/*
 * Extents may lie beyond the end of the file, if it is that of a standby that was
 * promoted: what the primary allocated and did not write it never had. (Or the whole
 * machine crashed.) They must exist before anything is put behind them.
 */
static void
space_fill(Relation rel, BlockNumber end)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	BlockNumber most = MOST_UNWRITTEN + MOST_WRITERS * Max(nblocks / 8, 16);

	if (end > nblocks && end - nblocks > most)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has an extent that ends at block %u, but only %u blocks",
						RelationGetRelationName(rel), end, nblocks),
				 errhint("Please REINDEX it.")));
	space_extend(rel, end);
}

/* A new space page behind everything else; the relation is as long as look->end says. */
static void
space_chain(Relation rel, SpaceLook *look, bool building)
{
	BlockNumber block = look->end;
	PgrWalBatch batch;
	Buffer		buffer;

	space_extend(rel, block + 1);
	pgr_wal_begin(&batch, rel, building);
	buffer = pgr_page_read(rel, look->last, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);
	PgrPageGetOpaque(pgr_wal_add(&batch, buffer, false))->next = block;
	buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
	pgr_page_init(pgr_wal_add(&batch, buffer, true), PGR_PAGE_SPACE, 0);
	pgr_wal_commit(&batch);
	look->last = look->room = block;
	look->end = block + 1;
}

static int
compare_start(const void *a, const void *b)
{
	BlockNumber x = ((const PgrSpaceEntry *) a)->start,
				y = ((const PgrSpaceEntry *) b)->start;

	return x < y ? -1 : x > y;
}

/* Appends a space page's entries to n that there are already, palloc'd; returns how many then. */
static int
space_gather(Page page, PgrSpaceEntry **entries, int n)
{
	uint32		here = space_count(page);
	Size		size = mul_size(n + here, sizeof(PgrSpaceEntry));

	if (here > 0)
	{
		*entries = *entries ? repalloc(*entries, size) : palloc(size);
		memcpy(*entries + n, space_entries(page), here * sizeof(PgrSpaceEntry));
	}
	return n + here;
}

/*
 * Sorts n entries by their start. Raises unless each extent lies behind the fixed blocks
 * and before the next: else what is free might be somebody's.
 */
static void
space_check(Relation rel, PgrSpaceEntry *e, int n)
{
	uint64		end = PGR_SPACE_BLOCK + 1;

	if (n == 0)
		return;
	qsort(e, n, sizeof(PgrSpaceEntry), compare_start);
	for (int i = 0; i < n; i++)
	{
		if (e[i].start < end || (uint64) e[i].start + e[i].count > MaxBlockNumber)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" has an extent at block %u that cannot be",
							RelationGetRelationName(rel), e[i].start),
					 errhint("Please REINDEX it.")));
		end = (uint64) e[i].start + e[i].count;
	}
}

/*
 * Looks at all space pages, and sees to it that one of them has room for an entry and
 * that the relation is as long as they say. The space lock is held; what was found
 * stays true until the holder changes it.
 */
static void
space_look(Relation rel, uint32 want, bool building, SpaceLook *look)
{
	BlockNumber block = PGR_SPACE_BLOCK;
	PgrSpaceEntry *entries = NULL;
	int			n = 0;

	look->end = 0;
	look->room = look->block = InvalidBlockNumber;
	look->number = look->count = 0;
	while (BlockNumberIsValid(block))
	{
		PGAlignedBlock copy;

		CHECK_FOR_INTERRUPTS();
		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		space_look_at(block, copy.data, want, look);
		n = space_gather(copy.data, &entries, n);
		block = space_next(rel, block, copy.data);
	}
	space_check(rel, entries, n);
	if (entries)
		pfree(entries);
	space_fill(rel, look->end);
	if (!BlockNumberIsValid(look->room))
		space_chain(rel, look, building);
}

void
pgr_space_reach(Relation rel, BlockNumber block)
{
	SpaceLook	look;

	if (block < RelationGetNumberOfBlocks(rel))
		return;
	pgr_space_lock(rel);
	space_look(rel, 1, false, &look);
	pgr_space_unlock(rel);
}

/* Adds an entry to the page that is known to have room. */
static void
space_enter(Relation rel, BlockNumber room, PgrSpaceEntry entry, bool building)
{
	PgrWalBatch batch;
	Buffer		buffer = pgr_page_read(rel, room, PGR_PAGE_SPACE, BUFFER_LOCK_EXCLUSIVE);

	pgr_wal_begin(&batch, rel, building);
	space_append(pgr_wal_add(&batch, buffer, false), entry);
	pgr_wal_commit(&batch);
}

/* Gives up to `want` pages of the free extent that was found to a generation. */
static PgrExtent
space_take_free(Relation rel, uint32 generation, uint32 want, const SpaceLook *look, bool building)
{
	PgrWalBatch batch;
	Page		page;
	PgrSpaceEntry *entry;
	PgrExtent	extent;

	pgr_wal_begin(&batch, rel, building);
	page = pgr_wal_add(&batch, pgr_page_read(rel, look->block, PGR_PAGE_SPACE,
											 BUFFER_LOCK_EXCLUSIVE), false);
	entry = &space_entries(page)[look->number];
	if (entry->count > want)
	{
		space_append(page, space_entry(0, entry->start + want, entry->count - want));
		entry->count = want;
	}
	entry->generation = generation;
	extent.start = entry->start;
	extent.count = entry->count;
	pgr_wal_commit(&batch);
	return extent;
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
		block = space_next(rel, block, page);
		UnlockReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/* Cuts the entry of that number to `keep` pages; returns the rest as a free entry. */
static PgrSpaceEntry
space_cut(Page page, uint32 number, uint32 keep)
{
	PgrSpaceEntry *e = &space_entries(page)[number];
	PgrSpaceEntry rest = space_entry(0, e->start + keep, e->count - keep);

	e->count = keep;
	return rest;
}

/* One record, of one page or of two, so that the rest is never in neither entry. */
void
pgr_space_trim(Relation rel, BlockNumber end, uint32 drop, bool building)
{
	PgrWalBatch batch;
	SpaceLook	look;
	Buffer		buffer;
	Page		page;
	uint32		i;

	pgr_space_lock(rel);
	space_look(rel, 1, building, &look);
	buffer = space_find_end(rel, end, &i);
	if (!BufferIsValid(buffer) || space_entries(BufferGetPage(buffer))[i].count < drop)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has no extent that ends at block %u",
						RelationGetRelationName(rel), end),
				 errhint("Please REINDEX it.")));
	pgr_wal_begin(&batch, rel, building);
	page = pgr_wal_add(&batch, buffer, false);
	if (space_entries(page)[i].count == drop)
		space_entries(page)[i].generation = 0;
	else
	{
		PgrSpaceEntry rest = space_cut(page, i, space_entries(page)[i].count - drop);

		/* nobody else locks two space pages: the space lock is held */
		if (look.room != BufferGetBlockNumber(buffer))
			page = pgr_wal_add(&batch, pgr_page_read(rel, look.room, PGR_PAGE_SPACE,
													 BUFFER_LOCK_EXCLUSIVE), false);
		space_append(page, rest);
	}
	pgr_wal_commit(&batch);
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

/*
 * Up to `want` pages behind everything else, entered for the generation. What an
 * extension that failed, or that a crash kept from being entered, has left there is
 * used first, if it is at least `least`.
 */
static PgrExtent
space_take_new(Relation rel, uint32 generation, uint32 least, uint32 want,
			   const SpaceLook *look, bool building)
{
	PgrExtent	extent = {look->end, want};
	BlockNumber have = RelationGetNumberOfBlocks(rel) - look->end;

	if (have >= least)
		extent.count = Min(have, want);
	else if (want > MaxBlockNumber - look->end)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot extend index \"%s\" beyond %u blocks",
						RelationGetRelationName(rel), MaxBlockNumber)));
	else
		space_extend(rel, look->end + want);
	if (!space_lengthen(rel, generation, extent, building))
		space_enter(rel, look->room, space_entry(generation, extent.start, extent.count),
					building);
	return extent;
}

PgrExtent
pgr_space_alloc(Relation rel, uint32 generation, uint32 least, uint32 want, bool building)
{
	SpaceLook	look;
	PgrExtent	extent;

	Assert(generation != 0 && least > 0 && want >= least);
	pgr_space_lock(rel);
	space_look(rel, want, building, &look);
	if (look.count >= least)
		extent = space_take_free(rel, generation, want, &look, building);
	else
		extent = space_take_new(rel, generation, least, want, &look, building);
	pgr_space_unlock(rel);
	return extent;
}

/* One entry's next state; true if it changed. */
static bool
sweep_entry(PgrSpaceEntry *e, const PgrSweep *sweep, uint64 now)
{
	if (e->generation == 0)
		return false;
	if (!pgr_sorted_has_uint32(sweep->unseen, sweep->nunseen, e->generation))
	{
		if (e->retired == 0)
		{
			if (pgr_sorted_has_uint32(sweep->alive, sweep->nalive, e->generation))
				return false;
			e->retired = now;
			return true;
		}
		if (!GlobalVisCheckRemovableFullXid(NULL, FullTransactionIdFromU64(e->retired)))
			return false;
	}
	e->retired = 0;
	e->generation = 0;
	return true;
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
pgr_space_sweep(Relation rel, PgrSweep *sweep)
{
	BlockNumber block = PGR_SPACE_BLOCK;
	uint64		now = U64FromFullTransactionId(ReadNextFullTransactionId());

	if (sweep->nalive > 0)
		qsort(sweep->alive, sweep->nalive, sizeof(uint32), pgr_compare_uint32);
	if (sweep->nunseen > 0)
		qsort(sweep->unseen, sweep->nunseen, sizeof(uint32), pgr_compare_uint32);
	pgr_space_lock(rel);
	while (BlockNumberIsValid(block))
	{
		PGAlignedBlock copy;
		bool		changed = false;

		CHECK_FOR_INTERRUPTS();
		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		for (uint32 i = 0; i < space_count(copy.data); i++)
			changed |= sweep_entry(&space_entries(copy.data)[i], sweep, now);
		if (changed)
		{
			PgrWalBatch batch;
			Page		page;

			sweep_join(copy.data);
			pgr_wal_begin(&batch, rel, false);
			page = pgr_wal_add(&batch, pgr_page_read(rel, block, PGR_PAGE_SPACE,
													 BUFFER_LOCK_EXCLUSIVE), false);
			memcpy(PgrPageGetData(page), PgrPageGetData(copy.data), PgrPageGetUsed(copy.data));
			pgr_page_set_used(page, PgrPageGetUsed(copy.data));
			pgr_wal_commit(&batch);
		}
		block = space_next(rel, block, copy.data);
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

		pgr_page_copy(rel, block, PGR_PAGE_SPACE, 0, copy.data);
		n = space_gather(copy.data, entries, n);
		block = space_next(rel, block, copy.data);
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
