/*
 * search.h
 *		Top-k search and matching over one segment. Private to src/inverted.
 *
 * The caller opens segments and pins statistics; searching all segments into
 * one PgrTopK gives the index's top k. Ties: score descending, tid ascending.
 */
#ifndef PGR_SEARCH_H
#define PGR_SEARCH_H

#include "lexical/lexical.h"
#include "segment/segment.h"

typedef struct PgrHit
{
	double		score;
	ItemPointerData tid;
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
	PgrHit	   *heap;			/* worst on top */
	double		threshold;
	bool		has_after;
	double		after_score;
	ItemPointerData after_tid;
} PgrTopK;

/* --- topk.c --- */
extern void pgr_topk_init(PgrTopK *top, int k, bool has_after, double after_score,
						  ItemPointer after_tid);
/* could a document of that score still enter, whatever its tid? */
static inline bool
pgr_topk_may_enter(const PgrTopK *top, double score)
{
	return score >= top->threshold && (!top->has_after || score <= top->after_score);
}
extern void pgr_topk_add(PgrTopK *top, const PgrHit *hit);
/* sorts the heap into result order, best first */
extern void pgr_topk_finish(PgrTopK *top);

/* --- search.c, maxscore.c, boolean.c --- */

/*
 * Adds a segment's hits with a score > 0 to top. Dead documents are left out.
 * filter (may be NULL): further queries of WHERE that must match too; exact
 * unless *recheck is set (phrase without positions), which then holds for every
 * hit.
 */
extern void pgr_search_segment(PgrSegment *seg, uint32 source, const PgrSegShape *shape,
							   const PgrPinned *pinned, PgrQuery **filters, int nfilters,
							   PgrTopK *top, bool *recheck);

/*
 * Calls found(arg, doc) for each live document that all queries match, in
 * document order; whatever its score. *recheck as above.
 */
extern void pgr_match_segment(PgrSegment *seg, const PgrSegShape *shape,
							  PgrQuery **queries, int n,
							  void (*found) (void *arg, uint32 doc), void *arg,
							  bool *recheck);

/* Expands a prefix or fuzzy leaf: every dictionary term that it matches. */
typedef void (*PgrExpandFound) (void *arg, const char *term, uint32 len,
								const PgrTermInfo *info);
extern void pgr_expand_leaf(PgrSegment *seg, const PgrQueryNode *leaf,
							PgrExpandFound found, void *arg);

/* --- sparse.c: learned-sparse inner product --- */

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
