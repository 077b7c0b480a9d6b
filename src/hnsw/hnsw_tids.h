/*
 * hnsw_tids.h
 *		The rows of a node, departure (5): in its record, and in TIDS slots behind it.
 */
#ifndef PGR_HNSW_TIDS_H
#define PGR_HNSW_TIDS_H

#include "hnsw/hnsw.h"

/* A walk through the TIDS slots of a node, which were read one after the other. */
typedef struct PgrHnswChain
{
	PgrHnswId	owner;
	uint16		generation;		/* of the owner, when `more` was read */
	PgrHnswId	slot;			/* the one that is next, or PGR_HNSW_NO_ID */
	PgrChain	links;
} PgrHnswChain;

#define PGR_HNSW_CHAIN(id, generation, more) {id, generation, more, {0}}

/* Goes on to the next slot; raises where a damaged chain leads back. */
extern void pgr_hnsw_chain_step(const PgrHnswIndex *ix, PgrHnswChain *chain, PgrHnswId next);

/*
 * The rows in the chain's next TIDS slot that pass: their tids, at most
 * PGR_HNSW_SLOT_TIDS. filter may be NULL. The chain ends with a slot that is not its
 * owner's any more.
 */
extern uint32 pgr_hnsw_slot_tids(const PgrHnswIndex *ix, PgrHnswChain *chain,
								 const PgrFilter *filter, ItemPointerData *tids);

/* Adds a row to a record that has room for it. */
static inline void
pgr_hnsw_add_item(const PgrHnswMeta *meta, PgrHnswNode *node, const char *item)
{
	memcpy(PGR_HNSW_ITEM(meta, node, node->ntids), item, PGR_HNSW_ITEM_SIZE(meta));
	node->ntids++;
}

/*
 * Adds a row to a node of equal code; if its value differs from the one the node keeps, that
 * is given up. False if that failed because the node changed meanwhile: the row then needs a
 * node of its own. No lock on entry or exit; memory of the current context.
 */
extern bool pgr_hnsw_add_tid(const PgrHnswIndex *ix, PgrHnswRef owner, const char *row);

/* Removes rows that the callback says are dead from a slot that is a copy; returns how many. */
extern uint32 pgr_hnsw_prune_items(const PgrHnswMeta *meta, PgrHnswNode *node,
								   IndexBulkDeleteCallback callback, void *state);

/*
 * Closes the chain's next TIDS slot, if it has no rows, and goes on to the one behind it. False
 * if it has some. Sets closed unless the slot is not the owner's any more: then the chain ends.
 * Locks the slot's page only.
 */
extern bool pgr_hnsw_close_slot(const PgrHnswIndex *ix, PgrHnswChain *chain, bool *closed);

#endif							/* PGR_HNSW_TIDS_H */
