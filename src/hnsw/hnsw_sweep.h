/*
 * hnsw_sweep.h
 *		Reading the rest of an index, page by page. For hnsw_search.c.
 */
#ifndef PGR_HNSW_SWEEP_H
#define PGR_HNSW_SWEEP_H

#include "am/sort.h"
#include "hnsw/hnsw_hits.h"

typedef struct PgrHnswSweep
{
	PgrHnswHits *hits;
	BlockNumber block;			/* the next, without a filter */
	PgrHnswId  *known;			/* ids of the hits that there were, ascending */
	uint32		nknown;
	uint32		next_known;		/* of them, the first that the sweep has not passed */
	PgrSort    *wanted;			/* with a filter: ids that the lists name */
	bool		has_wanted;		/* the next of them */
	PgrHnswId	next_wanted;
	PgrHnswId  *page_ids;		/* scratch, nodes_per_page */
	BlockNumber *missing;		/* pages without nodes that the sweep has met, ascending */
	uint32		nmissing;
} PgrHnswSweep;

/* What a sweep costs that makes so many hits, in nodes visited by a walk; pages: of all kinds. */
extern double pgr_hnsw_sweep_effort(const PgrHnswIndex *ix, double pages, double nodes);

/* Hits stay, what else they remember is freed; memory in their context. */
extern void pgr_hnsw_sweep_begin(PgrHnswSweep *w, PgrHnswHits *hits);

/*
 * Appends the hits of the next page, but for those that there were at the beginning; false at
 * the end. Locks a page, shared, meanwhile.
 */
extern bool pgr_hnsw_sweep(PgrHnswSweep *w);

#endif							/* PGR_HNSW_SWEEP_H */
