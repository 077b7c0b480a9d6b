/*
 * inv_maintain.h
 *		What the files that change an index's parts share: locks, and sealing.
 *		Publishing, merging and sweeping are segment/segment_set.h's. See README,
 *		"Locks" and "Sealing and merging".
 */
#ifndef PGR_INV_MAINTAIN_H
#define PGR_INV_MAINTAIN_H

#include "inverted/inverted.h"
#include "storage/lmgr.h"

/*
 * Heavyweight locks, by page numbers that the storage layer's do not use. Order:
 * maintenance, seal, merge, fragments, space, buffers.
 */
#define PGR_INV_FRAGMENTS_LOCK 2	/* shared: a document is being put; exclusive: close */
#define PGR_INV_SEAL_LOCK 3		/* part of the pending area becomes a segment */
#define PGR_INV_MERGE_LOCK 4	/* an insert merges small segments */

/* --- inv_seal.c --- */

/*
 * Makes a segment of some npages of the pending area, at least one page if there is
 * any, all of it with PG_UINT32_MAX. Seal lock held. Returns the pages that are still
 * closed, to be sealed by further calls; those of a call that found an area to close are
 * at most what was in it then. *sealed: whether there was anything.
 */
extern uint32 pgr_inv_seal_part(Relation index, uint32 npages, bool *sealed);

/* Seals what is there when it is called, part by part. Maintenance lock held. */
extern void pgr_inv_seal(Relation index);

/* --- inv_pending.c --- */

/*
 * Makes what the pending area holds final: new documents go to new extents. Seal lock
 * held. false: there is nothing.
 */
extern bool pgr_pending_close(Relation index);

#endif							/* PGR_INV_MAINTAIN_H */
