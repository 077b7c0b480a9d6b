/*
 * hnsw_entry.h
 *		Where searches begin, departure (1). See README, "Frames and entries".
 */
#ifndef PGR_HNSW_ENTRY_H
#define PGR_HNSW_ENTRY_H

#include "hnsw/hnsw.h"

/*
 * Locks an entry page, by its number, and returns how many entries it has; they are
 * PGR_HNSW_ENTRY of the buffer's page, which the caller unlocks and releases.
 */
extern uint32 pgr_hnsw_entry_page(const PgrHnswIndex *ix, uint32 page_no, int lockmode,
								  Buffer *buffer);

/* Makes the entry of a node for a page: an edge from the origin of the page's frame. */
extern void pgr_hnsw_make_entry(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point,
								uint32 frame, PgrHnswEdge *entry);

/* entry pages that an index, or a frame, of n nodes should have */
extern double pgr_hnsw_entry_pages(const PgrHnswMeta *meta, double n);

/* Makes a node a start of searches, now and then; n: number of nodes there are. */
extern void pgr_hnsw_offer_entry(PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, double n,
								 bool always);

/*
 * How many of a page's entries are of nodes that are gone; and puts spare ones, made for the
 * page's frame and PGR_HNSW_EDGE_SIZE apart, in their places, in one step, and removes the
 * rest. Returns how many it used. The test is asked under the page's lock and must not
 * raise, nor lock anything.
 */
typedef bool (*PgrHnswIdTest) (PgrHnswId id, void *arg);

extern uint32 pgr_hnsw_entries_gone(const PgrHnswIndex *ix, uint32 page_no, PgrHnswIdTest gone,
									void *arg);
extern uint32 pgr_hnsw_entries_replace(const PgrHnswIndex *ix, uint32 page_no, PgrHnswIdTest gone,
									   void *arg, const char *spares, uint32 nspares);

#endif							/* PGR_HNSW_ENTRY_H */
