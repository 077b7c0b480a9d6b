/*
 * hnsw_walk.h
 *		Walking the graph, best first. For hnsw_search.c.
 */
#ifndef PGR_HNSW_WALK_H
#define PGR_HNSW_WALK_H

#include "hnsw/hnsw_filtered.h"
#include "hnsw/hnsw_hits.h"

typedef struct PgrHnswWalk
{
	PgrHnswHits *hits;
	const PgrHnswFiltered *lists;	/* what it may turn to; NULL without a filter */
	float		margin;			/* deviations by which a neighbour may be nearer than estimated */
	float		margin_on;		/* the same once the search has gone on */
	bool		started;
	PgrHnswCandidates candidates;	/* min-heap of those within the limit; README, "Search" */
	PgrHnswCandidates deferred; /* entry points that were no starts; may be met already */
	uint32		compacted;		/* candidates that were left when last compacted */
	int32	   *sums;			/* scratch, two per edge */
	float	   *estimates;		/* scratch */
} PgrHnswWalk;

/* Where a walk ends. */
typedef enum PgrHnswWalked
{
	PGR_HNSW_WALK_FOUND,		/* the ef nearest, or the search is over its budget */
	PGR_HNSW_WALK_EXHAUSTED,	/* there is nothing more to visit */
	PGR_HNSW_WALK_TURN			/* the lists find the ef nearest with less effort */
} PgrHnswWalked;

/* Of hits just begun; memory in the current context. */
extern void pgr_hnsw_walk_begin(PgrHnswWalk *w, PgrHnswHits *hits);

/* Visits nodes until the ef nearest are found as far as the graph leads. Locks pages singly. */
extern PgrHnswWalked pgr_hnsw_walk(PgrHnswWalk *w, uint32 ef);

/* Frees what grows. */
extern void pgr_hnsw_walk_end(PgrHnswWalk *w);

#endif							/* PGR_HNSW_WALK_H */
