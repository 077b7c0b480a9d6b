/*
 * hnsw_search.h
 *		State of a search in pages, for hnsw_search.c and hnsw_spill.c.
 */
#ifndef PGR_HNSW_SEARCH_H
#define PGR_HNSW_SEARCH_H

#include "postgres.h"

#include "common/hashfn.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_heap.h"

typedef struct PgrHnswSeen
{
	PgrHnswId	id;
	uint16		status;
	uint16		met;			/* kept with a filter: visited, or among the matches */
} PgrHnswSeen;

#define SH_PREFIX pgr_hnsw_seen
#define SH_ELEMENT_TYPE PgrHnswSeen
#define SH_KEY_TYPE PgrHnswId
#define SH_KEY id
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgrHnswSearch
{
	const PgrHnswIndex *ix;
	MemoryContext context;
	const int8 *code;
	PgrCode8	head;
	PgrEdgeQuery query;
	float		margin;			/* deviations by which a neighbour may be nearer than estimated */
	float		margin_on;		/* the same once the search has gone on */
	const PgrFilter *filter;	/* NULL: all rows are wanted */
	bool		started;
	bool		keep_codes;
	bool		augmented;		/* see pgr_hnsw_search_begin */
	double		further;		/* then the code's further coordinate */

	pgr_hnsw_seen_hash *seen;	/* ids that are or were among the candidates */
	PgrHnswCandidates open;		/* min-heap */
	PgrHnswCandidates later;	/* beyond the bound when met; may be seen already */

	PgrHnswHit *hits;
	uint32		nhits;
	uint32		hits_size;
	int8	   *codes;			/* with keep_codes, padded bytes for each hit */
	PgrCode8   *heads;
	float	   *bound;			/* max-heap of the nearest hits' distances */
	uint32		nbound;
	uint32		bound_size;

	PgrHnswMatches *matches;	/* the lists; NULL while the search walks the graph */
	PgrHnswCandidates waiting;	/* min-heap of matches not yet visited, by their estimates */
	uint32		lists_read;
	uint32		last_gain;		/* of them, when one last brought something */
	double		error_sum;		/* of squared errors of estimates, of so many */
	uint32		errors;
	bool		complete;		/* all that pass were visited */
	double		list_pages;
	double		nodes;			/* of the index, estimated */
	ItemPointerData *slot_tids;	/* scratch */

	BlockNumber sweep_block;

	Size		budget;			/* bytes that the search should not exceed; 0: no limit */
	uint32		later_kept;		/* of later when it was last compacted */
	PgrHnswId  *taken;			/* once the walk was given up: ids of hits, ascending */
	uint32		ntaken;
	uint32		next_taken;		/* of them, the first that the sweep has not passed */
	PgrHnswSort *wanted;		/* with a filter: ids that the lists name */
	bool		has_wanted;		/* the next of them */
	PgrHnswId	next_wanted;
	PgrHnswId  *page_ids;		/* scratch, nodes_per_page */

	uint64		visited;
	char	   *scratch;		/* a node's record, of large nodes */
	int32	   *sums;			/* two per edge */
	float	   *estimates;
};

/* --- hnsw_search.c --- */

/* Room for more hits, so that nothing is allocated under a lock. */
extern void pgr_hnsw_search_reserve(PgrHnswSearch *s, uint32 more);

/*
 * Makes a live node a hit, in memory reserved before, if one of its rows passes or
 * may pass: those in TIDS slots are not looked at.
 */
extern bool pgr_hnsw_search_take(PgrHnswSearch *s, PgrHnswId id, const PgrHnswNode *node);

/* With a filter: how many nodes pass, as far as the search can tell by now. */
extern double pgr_hnsw_search_expected(const PgrHnswSearch *s);

/* --- hnsw_spill.c --- */

/*
 * Drops from later what is there twice or seen already, if enough was added since
 * the last time. False if the search is still above its budget.
 */
extern bool pgr_hnsw_search_compact(PgrHnswSearch *s);

#endif							/* PGR_HNSW_SEARCH_H */
