/*
 * maintain.c
 *		Sealing the pending area, merging segments, and when.
 *
 * Tiers: a segment of n documents is of tier log8(n / 2048), at least 0. When a
 * tier holds MERGE_FANOUT segments they become one. An insert that fills the
 * pending area seals it and merges only what is small (INSERT_MERGE_DOCS);
 * vacuum does the rest, and also rewrites a segment of which a fifth is dead.
 * Should vacuum not come, an insert merges larger tiers too once there are
 * FORCE_SEGMENTS: searches would suffer otherwise.
 */
#include "postgres.h"

#include "inverted/inverted.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define MERGE_FANOUT 8
#define TIER_BASE 2048
#define INSERT_MERGE_DOCS 65536
#define FORCE_SEGMENTS 48
#define REWRITE_DEAD 5			/* a fifth */

/* Budget of one in-memory segment while sealing. */
static Size
seal_budget(void)
{
	return (Size) maintenance_work_mem * 1024;
}

/*
 * One record: new segments in, the first nextents pending extents and the
 * segments of the generations in `gone` out.
 */
static void
publish(Relation index, const PgrSegDesc *added, int nadded,
		const uint32 *gone, int ngone, int nextents)
{
	PgrWalBatch batch;
	PgrInvMeta *meta;
	uint32		kept = 0;

	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		bool		keep = true;

		for (int j = 0; j < ngone; j++)
			keep &= meta->segments[i].generation != gone[j];
		if (keep)
			meta->segments[kept++] = meta->segments[i];
	}
	Assert(kept + nadded <= PGR_INV_MAX_SEGMENTS);
	memcpy(&meta->segments[kept], added, nadded * sizeof(PgrSegDesc));
	meta->nsegments = kept + nadded;
	memset(&meta->segments[meta->nsegments], 0,
		   (PGR_INV_MAX_SEGMENTS - meta->nsegments) * sizeof(PgrSegDesc));
	meta->npending -= nextents;
	memmove(meta->pending, meta->pending + nextents, meta->npending * sizeof(PgrPendingExtent));
	pgr_wal_commit(&batch);
}

void
pgr_inv_sweep(Relation index)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	uint32	   *alive = palloc((PGR_INV_MAX_SEGMENTS + PGR_INV_MAX_PENDING) * sizeof(uint32));
	int			n = 0;

	pgr_space_lock(index);
	pgr_inv_meta_copy(index, meta);
	for (uint32 i = 0; i < meta->nsegments; i++)
		alive[n++] = meta->segments[i].generation;
	for (uint32 i = 0; i < meta->npending; i++)
		alive[n++] = meta->pending[i].generation;
	pgr_space_sweep(index, alive, n, false, false);
	pgr_space_unlock(index);
	pfree(meta);
	pfree(alive);
}

/* --- sealing -------------------------------------------------------------------- */

static void
seal_write(Relation index, PgrAccumulator *acc, PgrSegDesc *out)
{
	PgrRunMap  *map;

	pgr_acc_write(acc, index, pgr_inv_new_generation(index, false),
				  PGR_RUN_LOGGED, NULL, out, &map);
}

/*
 * The live documents of the first nextents extents as segments, one more
 * whenever memory runs out; returns how many. The extents are read together,
 * because fragments of a document may lie in two of them.
 */
static int
seal_documents(Relation index, const PgrInvMeta *meta, int nextents,
			   PgrSegDesc *added, int max)
{
	PgrSegShape shape = pgr_inv_shape(meta);
	PgrSegShape pending_shape = pgr_inv_pending_shape(meta);
	PgrAccumulator *acc = pgr_acc_create(&shape, meta->sparse);
	PgrPendingDocs docs;
	int			n = 0;

	pgr_pending_read(index, &pending_shape, meta->sparse, meta->pending, nextents,
					 NULL, NULL, 0, &docs);
	for (uint32 i = 0; i < docs.n; i++)
	{
		PgrPendingDoc *d = &docs.docs[i];

		CHECK_FOR_INTERRUPTS();
		if (d->dead)
			continue;
		pgr_acc_add(acc, &d->tid, d->null ? NULL : &d->doc);
		if (pgr_acc_memory(acc) > seal_budget() && n < max - 1)
			seal_write(index, acc, &added[n++]);
	}
	if (pgr_acc_ndocs(acc) > 0)
		seal_write(index, acc, &added[n++]);
	pgr_acc_free(acc);
	return n;
}

void
pgr_inv_seal(Relation index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve seal",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrSegDesc *added;
	int			nextents,
				room,
				n;

	nextents = pgr_pending_close(index);
	if (nextents > 0)
	{
		pgr_inv_meta_copy(index, meta);
		room = PGR_INV_MAX_SEGMENTS - meta->nsegments;
		if (room < 1)
			elog(ERROR, "index \"%s\" has too many segments", RelationGetRelationName(index));
		added = palloc0(room * sizeof(PgrSegDesc));
		n = seal_documents(index, meta, nextents, added, room);
		publish(index, added, n, NULL, 0, nextents);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* --- merging --------------------------------------------------------------------- */

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

/* Merges the chosen segments (indexes into meta->segments) and publishes. */
static void
merge_chosen(Relation index, const PgrInvMeta *meta, const int *chosen, int n)
{
	PgrSegShape shape = pgr_inv_shape(meta);
	PgrSegment **segs = palloc(n * sizeof(PgrSegment *));
	uint32	   *gone = palloc(n * sizeof(uint32));
	PgrSegDesc	desc;
	PgrRunMap  *map;

	for (int i = 0; i < n; i++)
	{
		segs[i] = pgr_segment_open(index, &meta->segments[chosen[i]], &shape);
		gone[i] = meta->segments[chosen[i]].generation;
	}
	memset(&desc, 0, sizeof(desc));
	pgr_segment_merge(index, segs, n, pgr_inv_new_generation(index, false), &shape,
					  PGR_RUN_LOGGED, NULL, &desc, &map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
	publish(index, &desc, desc.ndocs + desc.nnulls > 0 ? 1 : 0, gone, n, 0);
}

/*
 * Chooses what to merge next: all, a full tier (the lowest), or a segment with
 * many dead documents. Segments above max_docs are left alone. Returns how many.
 */
static int
choose(const PgrInvMeta *meta, bool all, uint32 max_docs, int *chosen)
{
	int			n = 0;

	for (uint32 i = 0; i < meta->nsegments && all; i++)
		chosen[n++] = i;
	if (all)
		return n > 1 || (n == 1 && meta->segments[0].ndead > 0) ? n : 0;
	for (int tier = 0; tier < 11; tier++)
	{
		uint64		docs = 0;

		n = 0;
		for (uint32 i = 0; i < meta->nsegments; i++)
		{
			if (tier_of(&meta->segments[i]) == tier)
			{
				chosen[n++] = i;
				docs += meta->segments[i].ndocs;
			}
		}
		if (n >= MERGE_FANOUT && docs <= max_docs)
			return n;
	}
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		const PgrSegDesc *d = &meta->segments[i];

		if ((uint64) d->ndead * REWRITE_DEAD > (uint64) d->ndocs + d->nnulls &&
			d->ndocs <= max_docs)
		{
			chosen[0] = i;
			return 1;
		}
	}
	return 0;
}

void
pgr_inv_merge(Relation index, bool all, uint32 max_docs)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (;;)
	{
		PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
		int		   *chosen = palloc(PGR_INV_MAX_SEGMENTS * sizeof(int));
		int			n;

		CHECK_FOR_INTERRUPTS();
		pgr_inv_meta_copy(index, meta);
		n = choose(meta, all, max_docs, chosen);
		if (n == 0)
			break;
		merge_chosen(index, meta, chosen, n);
		pgr_inv_sweep(index);
		MemoryContextReset(context);
		if (all)
			break;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
pgr_inv_after_insert(Relation index, uint32 pending_pages)
{
	uint32		limit = pgr_inv_options(index)->pending_limit / (BLCKSZ / 1024);
	PgrInvMeta *meta;
	uint32		nsegments;

	/* whoever holds the lock seals or will; far beyond the limit, wait for it */
	if (pending_pages < limit)
		return;
	if (pending_pages > limit * 8)
		pgr_maintenance_lock(index);
	else if (!pgr_maintenance_trylock(index))
		return;

	meta = palloc(sizeof(PgrInvMeta));
	pgr_inv_meta_copy(index, meta);
	pending_pages = 0;
	for (uint32 i = 0; i < meta->npending; i++)
		pending_pages += meta->pending[i].used;
	nsegments = meta->nsegments;
	pfree(meta);
	if (pending_pages >= limit)
	{
		pgr_inv_seal(index);
		pgr_inv_merge(index, false,
					  nsegments > FORCE_SEGMENTS ? PG_UINT32_MAX : INSERT_MERGE_DOCS);
		pgr_inv_sweep(index);
	}
	pgr_maintenance_unlock(index);
}
