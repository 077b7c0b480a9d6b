/*
 * search.h
 *		Top-k search and matching over one segment: what callers see.
 *
 * The caller opens segments and binds statistics; searching all segments into one
 * PgrTopK gives the top k of them together. Ties: score descending, tid ascending.
 *
 * Functions here take no lock and keep no memory: what a search allocates is in a
 * context of its own, below the current one, and is gone on return, except for the
 * hits in PgrTopK. They pin pages of the segment (the segment's own pins) and
 * can be cancelled. They raise ERRCODE_INDEX_CORRUPTED where the segment does.
 */
#ifndef PGR_SEARCH_H
#define PGR_SEARCH_H

#include "lexical/lexical.h"
#include "segment/segment.h"

/* src/lexical and src/segment, which do not see each other, mean the same fields. */
StaticAssertDecl(PGR_LEX_MAX_FIELDS == PGR_MAX_FIELDS, "as many fields");
StaticAssertDecl(PGR_OCC_FIELD_SHIFT == PGR_SEG_OCC_SHIFT, "the same occurrences");

/* --- search_topk.c: the best hits --- */

typedef struct PgrHit
{
	double		score;
	ItemPointerData tid;		/* not valid: to be looked up; see pgr_topk_tid */
	uint32		doc;			/* in its segment */
	uint32		source;			/* the caller's number of the segment */
	uint64		hash;			/* content hash, 0 if the segment has none */
} PgrHit;

/*
 * The best k hits strictly after (after_score, after_tid) in the order of
 * results; with has_after false, the best k. threshold: a score that a new hit
 * must reach, -infinity until k are held.
 */
typedef struct PgrTopK
{
	int			k;
	int			n;
	int			nalloc;
	PgrHit	   *heap;			/* worst on top; in order after pgr_topk_finish */
	PgrSegment **segments;		/* by PgrHit.source */
	double		threshold;
	bool		has_after;
	double		after_score;
	ItemPointerData after_tid;
} PgrTopK;

/*
 * Begins a search for the best k >= 1 hits. The heap is allocated, and grows, in the
 * memory context current here. segments: by the hits' sources, for hits that come
 * without their tid; open as long as the top-k is used.
 */
extern void pgr_topk_init(PgrTopK *top, int k, PgrSegment **segments, bool has_after,
						  double after_score, ItemPointer after_tid);

/* Could a document of that score still enter, whatever its tid? */
static inline bool
pgr_topk_may_enter(const PgrTopK *top, double score)
{
	return score >= top->threshold && (!top->has_after || score <= top->after_score);
}

/* Takes the hit in if it is among the best k so far that lie after "after". */
extern void pgr_topk_add(PgrTopK *top, PgrHit *hit);

/* The tid of a hit, looked up in its segment once; in place. */
extern ItemPointer pgr_topk_tid(const PgrTopK *top, PgrHit *hit);

/* Sorts the heap into result order, best first; nothing may be added afterwards. */
extern void pgr_topk_finish(PgrTopK *top);

/* --- search_segment.c: queries of words --- */

/* What is searched for, in whichever segment. */
typedef struct PgrSearchQuery
{
	const PgrSegShape *shape;	/* of the segments */
	const PgrPinned *pinned;	/* the query and its leaves' weights; NULL to match only */
	PgrQuery  **filters;		/* further queries that must match too */
	int			nfilters;
} PgrSearchQuery;

/*
 * Adds a segment's hits with a score > 0 to top; source is its number there. Dead
 * documents are left out. Scores have the bits of pgr_score_document. *recheck is set
 * (never cleared) if a phrase was searched without positions: every hit is then a
 * candidate only, and its score an upper bound.
 */
extern void pgr_search_segment(PgrSegment *seg, uint32 source, const PgrSearchQuery *query,
							   PgrTopK *top, bool *recheck);

/*
 * Calls found(arg, doc, score) for each document of [from, to) that the whole query
 * matches, dead ones too, in document order; filters are not looked at. Scores have the
 * bits of pgr_score_document. Where only candidates could be told (*recheck above),
 * *inexact is set and none is called. found runs in the search's memory context.
 */
typedef void (*PgrScoreFound) (void *arg, uint32 doc, double score);
extern void pgr_score_segment(PgrSegment *seg, const PgrSearchQuery *query, uint32 from, uint32 to,
							  PgrScoreFound found, void *arg, bool *inexact);

/*
 * Calls found(arg, doc) for each live document that all filters match, in document order,
 * in the caller's memory context. *recheck as above.
 */
typedef void (*PgrMatchFound) (void *arg, uint32 doc);
extern void pgr_match_segment(PgrSegment *seg, const PgrSearchQuery *query,
							  PgrMatchFound found, void *arg, bool *recheck);

/* --- search_expand.c --- */

/*
 * Calls found for every term of the segment that a prefix or fuzzy leaf accepts,
 * ascending, in the current memory context.
 */
typedef void (*PgrExpandFound) (void *arg, const char *term, uint32 len,
								const PgrTermInfo *info);
extern void pgr_search_expand(PgrSegment *seg, const PgrQueryNode *leaf,
							  PgrExpandFound found, void *arg);

/* --- search_sparse.c: learned-sparse inner product --- */

/*
 * One query dimension. A list's scale is its quantum, a power of two: the
 * contribution of a posting is about weight * scale * impact, off by less than
 * |weight| * scale. (A power of two so that lists of different scales merge by
 * shifting, with an error that stays below one quantum however often.)
 */
typedef struct PgrSparseTerm
{
	uint32		dim;
	float		weight;			/* of the query, any sign */
} PgrSparseTerm;

/*
 * Adds candidates with their estimated inner product to top (score = estimate),
 * k of them; *error gets a bound of |estimate - exact| for this segment.
 * Impacts of a dimension's positive and negative values are two lists, the
 * terms pgr_sparse_key(dim, negative).
 */
extern void pgr_search_sparse(PgrSegment *seg, uint32 source,
							  const PgrSparseTerm *terms, int nterms,
							  PgrTopK *top, double *error);
#define PGR_SPARSE_KEY 5
/* PGR_SPARSE_KEY bytes: dimension big-endian, then 0 or 1 */
extern void pgr_sparse_key(uint32 dim, bool negative, char *key);

#endif							/* PGR_SEARCH_H */
