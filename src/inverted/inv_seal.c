/*
 * inv_seal.c
 *		From pending documents to a segment.
 *
 * A seal takes the pending area part by part from the front, so that an insert that
 * finds much there seals no more than it may add itself, and a seal that fails has
 * used up nothing: the area is closed already, and the next goes on with the same part.
 */
#include "postgres.h"

#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* What VACUUM seals at a time, at least: 8 MB. */
#define VACUUM_PAGES 1024

static uint32
closed_pages(const PgrInvMeta *meta)
{
	uint32		pages = 0;

	for (uint32 i = 0; i < meta->nclosed; i++)
		pages += meta->pending[i].used;
	return pages;
}

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
	uint32		generation = pgr_inv_new_generation(index, PGR_INV_SEAL);
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

uint32
pgr_inv_seal_part(Relation index, uint32 npages, bool *sealed)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve seal",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrInvPublication p = {.writer = PGR_INV_SEAL};
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
		p.npages = Min(npages, closed);
		if (seal_pages(index, &meta, p.npages, &desc))
			p.added = &desc;
		pgr_inv_publish(index, &p);
		pgr_inv_sweep(index, 1 << PGR_INV_SEAL);
		closed -= p.npages;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return closed;
}

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
