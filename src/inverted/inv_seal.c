/*
 * inv_seal.c
 *		From pending documents to a segment.
 *
 * A seal takes the pending area part by part from the front, so that an insert that
 * finds much there seals no more than it may add itself, and a seal that fails has
 * used up nothing: the area is closed already, and the next goes on with the same part.
 *
 * Locks: the seal lock is the caller's; the fragments lock, exclusively, only to close
 * the area; the space lock only inside of publish and sweep. Memory: a context that is
 * deleted at the end; the spill's budget is maintenance_work_mem.
 */
#include "postgres.h"

#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* What VACUUM seals at a time, at least: 8 MB. */
#define VACUUM_PAGES 1024

/* In use, of the closed extents. */
static uint32
closed_pages(const PgrInvMeta *meta)
{
	uint32		pages = 0;

	for (uint32 i = 0; i < meta->nclosed; i++)
		pages += meta->pending[i].used;
	return pages;
}

/* PgrPendingCallback; arg: the PgrSpill. */
static void
seal_doc(void *arg, const PgrPendingDoc *d)
{
	if (!d->dead)
		pgr_spill_add(arg, unconstify(ItemPointerData *, &d->tid), d->null ? NULL : &d->doc);
}

/* Writes the live documents of the first npages pages as a segment; false if none. */
static bool
seal_pages(Relation index, const PgrInvMeta *meta, uint32 npages, PgrSegDesc *desc)
{
	PgrSegShape shape = pgr_inv_shape(meta);
	PgrSegShape pending_shape = pgr_inv_pending_shape(meta);
	uint32		generation = pgr_set_new_generation(index, &pgr_inv_set, PGR_SET_SEAL);
	PgrSpill   *spill = pgr_spill_begin(&shape, meta->kind, (Size) maintenance_work_mem * 1024);
	PgrPendingArea area = {
		.index = index, .shape = &pending_shape, .kind = meta->kind,
		.extents = meta->pending, .nextents = meta->nclosed
	};

	memset(desc, 0, sizeof(*desc));
	pgr_pending_stream(&area, npages, seal_doc, spill);
	pgr_spill_finish(spill, index, generation, PGR_RUN_LOGGED, desc);
	return desc->ndocs + desc->nnulls > 0;
}

/* Takes pages away from the front of the pending area; arg: how many, uint32. */
static void
consume_pending(void *page, void *arg)
{
	PgrInvMetaPage *meta = page;
	uint32		npages = *(uint32 *) arg;

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

/*
 * A failure at any point leaves the area closed and as long as it was. The generation
 * of what it had written is noted, and swept by the next attempt.
 */
uint32
pgr_inv_seal_part(Relation index, uint32 npages, bool *sealed)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve seal",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrSetPublication p = {.writer = PGR_SET_SEAL, .also = consume_pending};
	PgrInvMeta	meta;
	PgrSegDesc	desc;
	uint32		closed;

	pgr_inv_meta_copy(index, &meta);
	if (meta.nclosed == 0 && pgr_pending_close(index))
		pgr_inv_meta_copy(index, &meta);
	closed = closed_pages(&meta);
	*sealed = meta.nclosed > 0;
	if (*sealed)
	{
		npages = Min(npages, closed);
		p.arg = &npages;
		if (seal_pages(index, &meta, npages, &desc))
			p.added = &desc;
		pgr_set_publish(index, &pgr_inv_set, &p);
		pgr_set_sweep(index, &pgr_inv_set, 1 << PGR_SET_SEAL);
		closed -= npages;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return closed;
}

/*
 * Takes and releases the seal lock for each part, so that inserts that wait for it get
 * their turn.
 */
void
pgr_inv_seal(Relation index)
{
	uint32		part = Max(VACUUM_PAGES, pgr_inv_pending_limit(index));
	PgrInvMeta	meta;
	int			areas;

	/* what a failed seal has left, and what has come since */
	pgr_inv_meta_copy(index, &meta);
	pfree(meta.segments);
	areas = meta.nclosed > 0 ? 2 : 1;
	while (areas-- > 0)
	{
		uint32		left;
		bool		sealed;

		do
		{
			LockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
			left = pgr_inv_seal_part(index, part, &sealed);
			UnlockPage(index, PGR_INV_SEAL_LOCK, ExclusiveLock);
		} while (left > 0);
	}
}
