/*
 * hnsw_hits.h
 *		What a search has found so far: the nodes it has visited, those it only knows
 *		of, and the distances of the nearest. For hnsw_walk.c, hnsw_filtered.c,
 *		hnsw_sweep.c and hnsw_search.c.
 *
 * Reserve before the lock: nothing is allocated while a page is locked. Whoever is about to
 * lock one first makes room for what its nodes may add, by pgr_hnsw_hits_room or
 * pgr_hnsw_reserve. With assertions PGR_HNSW_LOCKED and PGR_HNSW_UNLOCKING hold it: an
 * allocation between them fails.
 */
#ifndef PGR_HNSW_HITS_H
#define PGR_HNSW_HITS_H

#include "postgres.h"

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_heap.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"

/*
 * Around what is done with a page's nodes once they are read and checked: neither allocates
 * nor raises. palloc itself asserts it, in what it takes for a critical section.
 */
#ifdef USE_ASSERT_CHECKING
#define PGR_HNSW_LOCKED() (CritSectionCount++)
#define PGR_HNSW_UNLOCKING() (CritSectionCount--)
#else
#define PGR_HNSW_LOCKED() ((void) 0)
#define PGR_HNSW_UNLOCKING() ((void) 0)
#endif

/*
 * A node that the search has visited: its distance is that of its own code. With
 * a filter, of its tids those that pass.
 */
typedef struct PgrHnswHit
{
	double		distance;
	float		error;			/* one standard deviation */
	uint16		generation;
	uint8		frame;
	uint8		ntids;
	PgrHnswId	id;
	PgrHnswId	more;
	ItemPointerData tids[PGR_HNSW_INLINE_TIDS];
} PgrHnswHit;

/* A node that was met: what its edges so far say of its distance, and how surely. */
typedef struct PgrHnswVisited
{
	PgrHnswId	id;
	uint16		status;
	uint16		named;			/* kept with a filter: visited, or among the matches */
	float		estimate;
	float		error;			/* its standard deviation; < 0: visited, or not to be */
} PgrHnswVisited;

/* ids are dense, so their low bits, multiplied, spread well; half of murmurhash's instructions */
static inline uint32
pgr_hnsw_hash_id(PgrHnswId id)
{
	uint32		h = id * 0x9E3779B1U;

	return h ^ h >> 15;
}

/* It grows where pgr_hnsw_hits_room makes it, never because of a long run of entries. */
#define SH_PREFIX pgr_hnsw_visited
#define SH_ELEMENT_TYPE PgrHnswVisited
#define SH_KEY_TYPE PgrHnswId
#define SH_KEY id
#define SH_HASH_KEY(tb, key) pgr_hnsw_hash_id(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_FILLFACTOR 0.8
#define SH_GROW_MIN_FILLFACTOR 2
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* The smallest of some distances: a max-heap, the worst that is kept on top. */
typedef struct PgrHnswKept
{
	float	   *at;
	uint32		n;
	uint32		size;
} PgrHnswKept;

typedef struct PgrHnswHits
{
	const PgrHnswIndex *ix;
	MemoryContext context;		/* of all that grows */
	const PgrHnswPoint *given;	/* the point that is searched for */
	PgrHnswPoint *point;		/* it, or of inner products for insertion stretched */
	const PgrFilter *filter;	/* NULL: all rows are wanted */
	ItemPointerData *slot_tids; /* scratch, with a filter */

	PgrHnswHit *at;				/* the hits, in the order in which they were visited */
	uint32		n;
	uint32		size;
	bool		keep_codes;		/* for insertion: their codes, in the point's own frame */
	int8	   *codes;			/* padded bytes for each hit */
	PgrCode8   *heads;
	float	   *floats;			/* scratch: padded */

	PgrHnswKept kept;			/* distances of the ef nearest hits */
	pgr_hnsw_visited_hash *visited; /* all nodes met; NULL once the index is swept */
	uint32		unvisited;		/* of them */
	uint64		nvisited;		/* records that were read */
	bool		complete;		/* all that pass were visited */
	bool		no_nodes;		/* the page last taken from has none, for no reason seen in it */

	Size		budget;			/* bytes that the search should not exceed; 0: no limit */
	Size		others;			/* bytes in use beside what is here */
	char	   *scratch;		/* a node's record, of large nodes */
} PgrHnswHits;

/* For a point, which must outlive it; memory in the current context. */
extern void pgr_hnsw_hits_begin(PgrHnswHits *h, const PgrHnswIndex *ix, PgrHnswPoint *point,
								bool keep_codes);

/*
 * Room for so many more hits, and for so many more nodes met, each of which may become one of
 * the candidates (NULL: none does). Not under a lock.
 */
extern void pgr_hnsw_hits_room(PgrHnswHits *h, uint32 hits, PgrHnswCandidates *candidates,
							   uint32 met);

/*
 * The distance of a node (not a TIDS slot), which is added to the hits, for which there is
 * room, if it is live and one of its rows passes or it has rows elsewhere: then true. view: of
 * its frame. Under its page's lock.
 */
extern bool pgr_hnsw_hits_add(PgrHnswHits *h, PgrHnswId id, const PgrHnswView *view,
							  const PgrHnswNode *node, double *distance);

/*
 * Takes the last hit away if only rows in TIDS slots could pass and none does. Locks their
 * pages; none may be locked.
 */
extern bool pgr_hnsw_hits_confirm(PgrHnswHits *h);

/*
 * Makes hits of live nodes on one page, which are given, ascending, n > 0, up to one whose
 * frame had no view, or with confirm up to one whose rows must be looked at, because only
 * rows in TIDS slots may pass: *confirm says so. Returns how many were looked at. Locks the
 * page, shared, meanwhile.
 */
extern uint32 pgr_hnsw_hits_take(PgrHnswHits *h, const PgrHnswId *ids, uint32 n, bool *confirm);

/* The same, of all that are on the first one's page, and if they have rows that pass. */
extern uint32 pgr_hnsw_visit_page(PgrHnswHits *h, const PgrHnswId *ids, uint32 n);

/* Takes a distance in: the ef smallest are kept. Never allocates. */
extern void pgr_hnsw_kept_push(PgrHnswHits *h, uint32 ef, float distance);

/* Starts anew with room for a larger ef, from the hits there are. */
extern void pgr_hnsw_kept_reset(PgrHnswHits *h, uint32 ef);

/* bytes of memory in use */
extern Size pgr_hnsw_hits_memory(const PgrHnswHits *h);

static inline bool
pgr_hnsw_hits_over(const PgrHnswHits *h)
{
	return h->budget > 0 && pgr_hnsw_hits_memory(h) > h->budget;
}

/* The worst of the ef nearest distances; no limit while there are fewer. */
static inline float
pgr_hnsw_worst_kept(const PgrHnswHits *h, uint32 ef)
{
	return h->kept.n < ef ? FLT_MAX : h->kept.at[0];
}

/* The next time that the search grows it might be over: arrays double. */
static inline bool
pgr_hnsw_hits_nearly_over(const PgrHnswHits *h)
{
	return h->budget > 0 && pgr_hnsw_hits_memory(h) > h->budget / 2;
}

/* Forgets all hits but the first n. */
static inline void
pgr_hnsw_hits_forget(PgrHnswHits *h, uint32 n)
{
	h->n = Min(h->n, n);
}

/* The code of a hit, with keep_codes, relative to the point's own frame. */
static inline const int8 *
pgr_hnsw_hits_code(const PgrHnswHits *h, uint32 hit, const PgrCode8 **head)
{
	*head = &h->heads[hit];
	return h->codes + (Size) hit * h->ix->meta.padded;
}

/* A node's entry, for which there is room; one not met before is not to be visited. */
static inline PgrHnswVisited *
pgr_hnsw_meet(pgr_hnsw_visited_hash *visited, PgrHnswId id, bool *found)
{
	PgrHnswVisited *entry = pgr_hnsw_visited_insert(visited, id, found);

	if (!*found)
	{
		entry->named = 0;
		entry->error = -1;
	}
	return entry;
}

#endif							/* PGR_HNSW_HITS_H */
