/*
 * hnsw_search.h
 *		State of a search in pages, for hnsw_search.c, hnsw_bylist.c and hnsw_spill.c.
 */
#ifndef PGR_HNSW_SEARCH_H
#define PGR_HNSW_SEARCH_H

#include "postgres.h"

#include "am/sort.h"
#include "common/hashfn.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_heap.h"
#include "hnsw/hnsw_point.h"

/* A node that was met: what its edges so far say of its distance, and how surely. */
typedef struct PgrHnswSeen
{
	PgrHnswId	id;
	uint16		status;
	uint16		met;			/* kept with a filter: visited, or among the matches */
	float		estimate;
	float		error;			/* its standard deviation; < 0: visited, or not to be */
} PgrHnswSeen;

/* ids are dense, so their low bits, multiplied, spread well; half of murmurhash's instructions */
static inline uint32
pgr_hnsw_hash_id(PgrHnswId id)
{
	uint32		h = id * 0x9E3779B1U;

	return h ^ h >> 15;
}

#define SH_PREFIX pgr_hnsw_seen
#define SH_ELEMENT_TYPE PgrHnswSeen
#define SH_KEY_TYPE PgrHnswId
#define SH_KEY id
#define SH_HASH_KEY(tb, key) pgr_hnsw_hash_id(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct PgrHnswSearch
{
	const PgrHnswIndex *ix;
	MemoryContext context;
	const PgrHnswPoint *given;	/* the point that is searched for */
	PgrHnswPoint *point;		/* it, or of inner products for insertion stretched */
	float	   *floats;			/* scratch with keep_codes: padded */
	float		margin;			/* deviations by which a neighbour may be nearer than estimated */
	float		margin_on;		/* the same once the search has gone on */
	const PgrFilter *filter;	/* NULL: all rows are wanted */
	bool		started;
	bool		keep_codes;

	pgr_hnsw_seen_hash *seen;	/* all nodes met */
	uint32		unvisited;		/* of them */
	PgrHnswCandidates open;		/* min-heap of those within the bound; README, "Search" */
	PgrHnswCandidates later;	/* entries that were no starts; may be seen already */

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
	uint32		open_kept;		/* of open when it was last compacted */
	PgrHnswId  *taken;			/* once the walk was given up: ids of hits, ascending */
	uint32		ntaken;
	uint32		next_taken;		/* of them, the first that the sweep has not passed */
	PgrSort *wanted;		/* with a filter: ids that the lists name */
	bool		has_wanted;		/* the next of them */
	PgrHnswId	next_wanted;
	PgrHnswId  *page_ids;		/* scratch, nodes_per_page */
	bool		no_nodes;		/* the page last read has none, and no reason that is known */
	BlockNumber *missing;		/* such pages that the sweep has met, ascending */
	uint32		nmissing;

	uint64		visited;
	char	   *scratch;		/* a node's record, of large nodes */
	int32	   *sums;			/* two per edge */
	float	   *estimates;
};

/* --- hnsw_search.c --- */

/*
 * Makes hits of live nodes on one page, which are given, ascending, n > 0, up to one whose
 * frame had no view, or with confirm up to one whose rows must be looked at, because only
 * rows in TIDS slots may pass: *confirm says so. Returns how many were looked at.
 */
extern uint32 pgr_hnsw_search_take(PgrHnswSearch *s, const PgrHnswId *ids, uint32 n,
								   bool *confirm);

/* The point as the node's code sees it, or NULL: then pgr_hnsw_view must make it, unlocked. */
static inline const PgrHnswView *
pgr_hnsw_search_view(const PgrHnswSearch *s, const PgrHnswNode *node)
{
	return s->point->views[node->frame];
}

/* The same, of all that are on the first one's page, and if they have rows that pass. */
extern uint32 pgr_hnsw_visit_page(PgrHnswSearch *s, const PgrHnswId *ids, uint32 n);

/* Takes a distance into the bound: the ef smallest are kept, largest on top. */
extern void pgr_hnsw_bound_push(PgrHnswSearch *s, uint32 ef, float distance);

/* Starts the bound anew for a larger ef, from the hits there are. */
extern void pgr_hnsw_bound_reset(PgrHnswSearch *s, uint32 ef);

static inline float
pgr_hnsw_bound_limit(const PgrHnswSearch *s, uint32 ef)
{
	return s->nbound < ef ? FLT_MAX : s->bound[0];
}

/* A node's entry; one not seen before gets it now and is not to be visited. May allocate. */
static inline PgrHnswSeen *
pgr_hnsw_see(PgrHnswSearch *s, PgrHnswId id, bool *found)
{
	PgrHnswSeen *entry = pgr_hnsw_seen_insert(s->seen, id, found);

	if (!*found)
	{
		entry->met = 0;
		entry->error = -1;
	}
	return entry;
}

/*
 * Fills open anew with those that were not visited and are within the limit, by the margin
 * that holds now, which takes the entries in, too. False if there are none.
 */
extern bool pgr_hnsw_reopen(PgrHnswSearch *s, float limit);

/* --- hnsw_bylist.c --- */

/* Whether the ef nearest are found with less effort by the lists than by going on. */
extern bool pgr_hnsw_lists_are_cheaper(const PgrHnswSearch *s, uint32 ef);

/* The ef nearest, and more, by the lists; false if all that pass were visited. */
extern bool pgr_hnsw_search_lists(PgrHnswSearch *s, uint32 ef);

/* With a filter: how many nodes pass, as far as the search can tell by now. */
extern double pgr_hnsw_search_expected(const PgrHnswSearch *s);

/* --- hnsw_spill.c --- */

/*
 * Drops from open what is there twice or beyond the limit, if enough was added since
 * the last time. False if the search is still above its budget.
 */
extern bool pgr_hnsw_search_compact(PgrHnswSearch *s, float limit);

#endif							/* PGR_HNSW_SEARCH_H */
