/*
 * hnsw_search.h
 *		Search in pages: one driver over a walk of the graph, the lists of filter values
 *		and a sweep of the whole index. See README, "Search".
 */
#ifndef PGR_HNSW_SEARCH_H
#define PGR_HNSW_SEARCH_H

#include "hnsw/hnsw_sweep.h"
#include "hnsw/hnsw_walk.h"

/* How a search goes on. It never goes back. */
typedef enum PgrHnswStage
{
	PGR_HNSW_WALKING,
	PGR_HNSW_BY_LISTS,			/* with a filter, where that is cheaper */
	PGR_HNSW_SWEEPING			/* pgr_hnsw_search_give_up */
} PgrHnswStage;

typedef struct PgrHnswSearch
{
	PgrHnswStage stage;
	PgrHnswHits hits;			/* may be read by all; the array moves when the search goes on */
	PgrHnswWalk walk;
	PgrHnswFiltered filtered;
	PgrHnswSweep sweep;
} PgrHnswSearch;

/*
 * A search for a point, which must outlive it. keep_codes: for insertion of that point;
 * keeps the hits' codes, relative to the point's own frame. Memory in the current context.
 */
extern PgrHnswSearch *pgr_hnsw_search_begin(const PgrHnswIndex *ix, PgrHnswPoint *point,
											bool keep_codes);

/* Only rows that pass are wanted; the filter must outlive the search. */
extern void pgr_hnsw_search_filter(PgrHnswSearch *s, const PgrFilter *filter);

/* A node that is not to be found (and not followed): an insertion's own. */
extern void pgr_hnsw_search_exclude(PgrHnswSearch *s, PgrHnswId id);

/*
 * Visits nodes until the ef nearest are found as far as the graph leads, or all; once the
 * walk was given up those of the next page. New hits are appended. False if there was
 * nothing more to visit. It stops short where the hits are over their budget.
 */
extern bool pgr_hnsw_search_more(PgrHnswSearch *s, uint32 ef);

/*
 * Visits what the lists have named and is not visited yet, if it may be nearer than so
 * much. True if there are new hits.
 */
extern bool pgr_hnsw_search_nearer(PgrHnswSearch *s, double distance);

/*
 * What it costs to visit all that has not been visited, once the walk is given up, in
 * nodes visited by a walk.
 */
extern double pgr_hnsw_search_rest_effort(const PgrHnswSearch *s);

/*
 * Gives the walk up: hits stay, the rest of its memory is freed. From then on the search goes
 * on with those pages that have what were no hits then.
 */
extern void pgr_hnsw_search_give_up(PgrHnswSearch *s);

/* Appends a node that was a hit once more; false if it has gone meanwhile. */
extern bool pgr_hnsw_search_again(PgrHnswSearch *s, PgrHnswId id, uint16 generation);

/* The point that is searched for, from its own frame. */
static inline const PgrHnswView *
pgr_hnsw_search_point(const PgrHnswSearch *s)
{
	return s->hits.given->views[s->hits.given->frame];
}

#endif							/* PGR_HNSW_SEARCH_H */
