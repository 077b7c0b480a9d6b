/*
 * inv_maintain.c
 *		Merging segments, and who maintains when.
 *
 * Tiers: a segment of n documents is of tier log8(n / 2048), at least 0. When a
 * tier holds MERGE_FANOUT segments they become one. VACUUM does all that is due, and
 * also rewrites segments with many dead documents. An insert that finds the pending
 * area over its limit seals a part as large as the limit and what it has put itself
 * (a document may be larger than the limit), and merges segments that together have
 * no more pages than a few limits: its work is in proportion to what inserts add. It
 * waits for nobody, but, where inserts add faster than one seals, for a seal. Should
 * vacuum not come, there are more and more segments: searches get slower, inserts do not.
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MERGE_FANOUT 8
#define MERGE_MOST 64			/* segments that are open at a time */
#define TIER_BASE 2048
#define TIERS 11

/* An insert merges this many limits of pending pages, but at least so many pages. */
#define INSERT_LIMITS 8
#define INSERT_PAGES 1024

/* Beyond this many limits an insert waits for a seal; and with this many extents. */
#define WAIT_LIMITS 8
#define MANY_EXTENTS 20
#define WAIT_EXTENTS 24

/* VACUUM rewrites a segment of which more than a tenth is dead, or a fiftieth of a small one. */
#define REWRITE_DEAD 10
#define REWRITE_DEAD_SMALL 50
#define SMALL_SEGMENT 16384

/* --- what to merge ------------------------------------------------------------------ */

static int
tier_of(const PgrSegDesc *desc)
{
	uint32		n = desc->ndocs + desc->nnulls - desc->ndead;
	int			tier = 0;

	while (n > TIER_BASE)
	{
		n /= 8;
		tier++;
	}
	return tier;
}

/*
 * The lowest tier with enough segments not older than a generation, and those of its
 * segments, oldest first, that together have at most max_pages; returns how many.
 */
static int
choose_tier(const PgrInvMeta *meta, uint32 since, uint64 max_pages, int *chosen)
{
	for (int tier = 0; tier < TIERS; tier++)
	{
		uint64		pages = 0;
		int			n = 0;

		for (uint32 i = 0; i < meta->nsegments && n < MERGE_MOST; i++)
		{
			const PgrSegDesc *d = &meta->segments[i];

			if (d->generation < since || tier_of(d) != tier || pages + d->npages > max_pages)
				continue;
			pages += d->npages;
			chosen[n++] = i;
		}
		if (n >= MERGE_FANOUT)
			return n;
	}
	return 0;
}

/* A segment with so many dead documents that the statistics show it. */
static int
choose_rewrite(const PgrInvMeta *meta, int *chosen)
{
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		const PgrSegDesc *d = &meta->segments[i];
		uint64		rows = (uint64) d->ndocs + d->nnulls;
		int			part = rows <= SMALL_SEGMENT ? REWRITE_DEAD_SMALL : REWRITE_DEAD;

		if ((uint64) d->ndead * part > rows)
		{
			chosen[0] = i;
			return 1;
		}
	}
	return 0;
}

/* On the way to one segment: all, or, if they are too many, the smallest. */
static int
choose_all(const PgrInvMeta *meta, int *chosen)
{
	int			n = 0;

	if (meta->nsegments == 1 && meta->segments[0].ndead == 0)
		return 0;
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		int			at = n < MERGE_MOST ? n++ : MERGE_MOST;

		/* by size; what falls out at the end is the largest */
		while (at > 0 && meta->segments[chosen[at - 1]].npages > meta->segments[i].npages)
		{
			if (at < MERGE_MOST)
				chosen[at] = chosen[at - 1];
			at--;
		}
		if (at < MERGE_MOST)
			chosen[at] = i;
	}
	return n;
}

/* --- merging --------------------------------------------------------------------------- */

/* Merges the chosen segments (indexes into meta->segments) and publishes. */
static void
merge_chosen(Relation index, PgrInvWriter writer, const PgrInvMeta *meta, const int *chosen, int n)
{
	PgrSegShape shape = pgr_inv_shape(meta);
	PgrSegment **segs = palloc(n * sizeof(PgrSegment *));
	uint32	   *gone = palloc(n * sizeof(uint32));
	PgrInvPublication p = {.writer = writer, .gone = gone, .ngone = n};
	PgrSegDesc	desc;
	PgrRunMap  *map;

	for (int i = 0; i < n; i++)
	{
		segs[i] = pgr_segment_open(index, &meta->segments[chosen[i]], &shape);
		gone[i] = meta->segments[chosen[i]].generation;
	}
	memset(&desc, 0, sizeof(desc));
	pgr_segment_merge(index, segs, n, pgr_inv_new_generation(index, writer), &shape,
					  PGR_RUN_LOGGED, NULL, &desc, &map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
	if (desc.ndocs + desc.nnulls > 0)
		p.added = &desc;
	pgr_inv_publish(index, &p);
	pgr_inv_sweep(index, 1 << writer);
}

/* One step of what VACUUM or bm25_merge do; false: nothing is left to do. */
static bool
merge_step(Relation index, bool all)
{
	PgrInvMeta	meta;
	int			chosen[MERGE_MOST];
	int			n;

	pgr_inv_claim(index, &meta);
	if (all)
		n = choose_all(&meta, chosen);
	else
	{
		n = choose_tier(&meta, 0, PG_UINT64_MAX, chosen);
		if (n == 0)
			n = choose_rewrite(&meta, chosen);
	}
	PGR_DEBUG_POINT("inverted-merge");
	if (n > 0)
		merge_chosen(index, PGR_INV_MAINTENANCE, &meta, chosen, n);
	return n > 0 && (!all || n < meta.nsegments);
}

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
	int			chosen[MERGE_MOST];
	int			n;

	PGR_DEBUG_POINT("inverted-small-merge");
	pgr_inv_meta_copy(index, &meta);
	n = choose_tier(&meta, meta.claimed, max_pages, chosen);
	if (n > 0)
		merge_chosen(index, PGR_INV_SMALL_MERGE, &meta, chosen, n);
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
	pgr_inv_sweep(index, (1 << PGR_INV_WRITERS) - 1);
	UnlockPage(index, PGR_INV_MERGE_LOCK, ExclusiveLock);
	UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
}

void
pgr_inv_maintain(Relation index, bool all)
{
	pgr_maintenance_lock(index);
	sweep_all(index);
	pgr_inv_seal(index);
	merge_due(index, all);
	pgr_inv_sweep(index, 1 << PGR_INV_MAINTENANCE);
	pgr_maintenance_unlock(index);
}

uint32
pgr_inv_begin_delete(Relation index, PgrInvMeta *meta,
					 IndexBulkDeleteCallback callback, void *arg, uint64 *live)
{
	uint32		removed;

	LockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	pgr_inv_claim(index, meta);
	removed = pgr_pending_bulk_delete(index, meta, callback, arg, live);
	UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
	return removed;
}

/* --- inserts ----------------------------------------------------------------------------- */

static bool
is_due(const PgrPendingSize *size, uint32 limit)
{
	return size->pages >= limit || size->extents >= MANY_EXTENTS;
}

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
