/*
 * hnsw_filtered.h
 *		Searches that the lists of filter values lead. For hnsw_search.c and hnsw_walk.c.
 */
#ifndef PGR_HNSW_FILTERED_H
#define PGR_HNSW_FILTERED_H

#include "hnsw/hnsw_hits.h"
#include "hnsw/hnsw_list.h"

typedef struct PgrHnswFiltered
{
	PgrHnswHits *hits;
	PgrHnswMatches *matches;	/* the lists; NULL while the search walks the graph */
	PgrHnswCandidates pending;	/* min-heap of matches not yet visited, by their estimates */
	uint32		lists_read;
	uint32		last_gain;		/* of them, when one last brought something */
	double		error_sum;		/* of squared errors of estimates, of so many */
	uint32		errors;
	double		list_pages;
	double		nodes;			/* of the index, estimated */
} PgrHnswFiltered;

/* Of hits with a filter, just begun; memory in their context. */
extern void pgr_hnsw_filtered_begin(PgrHnswFiltered *f, PgrHnswHits *hits);

/* Whether the ef nearest are found with less effort by the lists than by going on. */
extern bool pgr_hnsw_lists_are_cheaper(const PgrHnswFiltered *f, uint32 ef);

/* The ef nearest, and more, by the lists; false if all that pass were visited. */
extern bool pgr_hnsw_filtered_more(PgrHnswFiltered *f, uint32 ef);

/*
 * Visits what the lists have named and is not visited yet, if it may be nearer than so
 * much. True if there are new hits.
 */
extern bool pgr_hnsw_filtered_nearer(PgrHnswFiltered *f, double distance);

/* How many nodes pass, as far as the search can tell by now. */
extern double pgr_hnsw_filtered_expected(const PgrHnswFiltered *f);

#endif							/* PGR_HNSW_FILTERED_H */
