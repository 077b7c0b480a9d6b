/*
 * inv_maintain.c
 *		Merging segments, and who maintains when.
 *
 * VACUUM does all that is due by tiers (segment/segment_tier.c), and also rewrites
 * segments with many dead documents. An insert that finds the pending
 * area over its limit seals a part as large as the limit and what it has put itself
 * (a document may be larger than the limit), and merges segments that together have
 * no more pages than a few limits: its work is in proportion to what inserts add. It
 * waits for nobody, but, where inserts add faster than one seals, for a seal. Should
 * vacuum not come, there are more and more segments: searches get slower, inserts do not.
 *
 * Locks in the order of the README; none is held while a user waits for another one's
 * merge. What fails leaves the metapage as it was, and pages that the next attempt
 * sweeps. Memory: a context for each merge, deleted after it.
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* An insert merges this many limits of pending pages, but at least so many pages. */
#define INSERT_LIMITS 8
#define INSERT_PAGES 1024

/* Beyond this many limits an insert waits for a seal; and with this many extents. */
#define WAIT_LIMITS 8
#define MANY_EXTENTS 20
#define WAIT_EXTENTS 24

/* --- merging --- */

/*
 * The index as it is, and everything that it lists left alone by inserts' merges until
 * the next claim. Maintenance lock held; the merge lock is taken for a moment.
 */
static void
claim(Relation index, PgrInvMeta *meta)
{
	uint32		claimed,
				n = 0;

	/* an insert that is merging has decided by the last claim */
	LockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	claimed = pgr_set_claim(index, &pgr_inv_set);
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

/* See pgr_tier_merge; chosen are numbers of meta->segments. */
static void
merge_chosen(Relation index, PgrSetWriter writer, const PgrInvMeta *meta, const int *chosen, int n)
{
	PgrSegShape shape = pgr_inv_shape(meta);

	pgr_tier_merge(index, &pgr_inv_set, &shape, writer, meta->segments, chosen, n);
}

/* One step of what VACUUM or bm25_merge do; false: nothing is left to do. */
static bool
merge_step(Relation index, bool all)
{
	PgrInvMeta	meta;
	int			chosen[PGR_TIER_MOST];
	int			n;

	claim(index, &meta);
	if (all)
		n = pgr_tier_choose_all(meta.segments, meta.nsegments, chosen);
	else
	{
		n = pgr_tier_choose(meta.segments, meta.nsegments, 0, PG_UINT64_MAX, chosen);
		if (n == 0)
			n = pgr_tier_choose_rewrite(meta.segments, meta.nsegments, chosen);
	}
	PGR_DEBUG_POINT("inverted-merge");
	if (n > 0)
		merge_chosen(index, PGR_SET_MAINTENANCE, &meta, chosen, n);
	return n > 0 && (!all || n < meta.nsegments);
}

/*
 * All that is due, a memory context for each step. Interruptible between and inside of
 * steps; what has been published stays.
 */
static void
merge_due(Relation index, bool all)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	while (merge_step(index, all))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* One merge of what inserts have sealed since VACUUM last claimed what was there. */
static void
merge_small(Relation index, uint64 max_pages)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrInvMeta	meta;
	int			chosen[PGR_TIER_MOST];
	int			n;

	PGR_DEBUG_POINT("inverted-small-merge");
	pgr_inv_meta_copy(index, &meta);
	n = pgr_tier_choose(meta.segments, meta.nsegments, meta.claimed, max_pages, chosen);
	if (n > 0)
		merge_chosen(index, PGR_SET_SMALL_MERGE, &meta, chosen, n);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* --- VACUUM ------------------------------------------------------------------------------ */

/* Frees what failed attempts have left, before more is asked for. */
static void
sweep_all(Relation index)
{
	LockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	LockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	pgr_set_sweep(index, &pgr_inv_set, (1 << PGR_SET_WRITERS) - 1);
	UnlockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
}

/*
 * A cancelled VACUUM lets go of its locks by transaction abort. Each step publishes by
 * itself, so nothing is lost or done twice.
 */
void
pgr_inv_maintain(Relation index, bool all)
{
	pgr_maintenance_lock(index);
	sweep_all(index);
	pgr_inv_seal(index);
	merge_due(index, all);
	pgr_set_sweep(index, &pgr_inv_set, 1 << PGR_SET_MAINTENANCE);
	pgr_maintenance_unlock(index);
}

/*
 * The seal lock keeps documents where they are while their tids are asked about: one
 * that were sealed meanwhile would be in a segment not claimed.
 */
uint32
pgr_inv_begin_delete(Relation index, PgrInvMeta *meta,
					 IndexBulkDeleteCallback callback, void *arg, uint64 *live)
{
	uint32		removed;

	LockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	claim(index, meta);
	removed = pgr_pending_bulk_delete(index, meta, callback, arg, live);
	UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	return removed;
}

/* --- inserts ----------------------------------------------------------------------------- */

/* Is the pending area at its limit, in pages or in extents? */
static bool
is_due(const PgrPendingSize *size, uint32 limit)
{
	return size->pages >= limit || size->extents >= MANY_EXTENTS;
}

/*
 * No lock is waited for, but the seal lock where inserts outrun one seal at a time.
 * Locks are let go here; an error lets them go by abort.
 */
void
pgr_inv_after_insert(Relation index, const PgrPendingSize *size)
{
	uint32		limit = pgr_inv_pending_limit(index);
	PgrPendingSize now;
	bool		sealed = false;

	if (!is_due(size, limit))
		return;
	/* whoever holds the lock seals; far beyond the limit, help */
	if (size->pages / WAIT_LIMITS > limit || size->extents >= WAIT_EXTENTS)
		LockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	else if (!ConditionalLockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock))
		return;
	pgr_pending_size(index, &now);
	/* a document may be larger than the limit: less would not keep up with such */
	if (is_due(&now, limit))
		pgr_inv_seal_part(index, limit + size->added, &sealed);
	UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	if (sealed && ConditionalLockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock))
	{
		merge_small(index, Max((uint64) limit * INSERT_LIMITS, INSERT_PAGES));
		UnlockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	}
}
