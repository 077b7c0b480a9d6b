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
	PgrHit	   *heap;			/* worst on top */
	PgrSegment **segments;		/* by PgrHit.source */
	double		threshold;
	bool		has_after;
	double		after_score;
	ItemPointerData after_tid;
} PgrTopK;

/* --- search_topk.c --- */
extern void pgr_topk_init(PgrTopK *top, int k, PgrSegment **segments, bool has_after,
						  double after_score, ItemPointer after_tid);
/* could a document of that score still enter, whatever its tid? */
static inline bool
pgr_topk_may_enter(const PgrTopK *top, double score)
{
	return score >= top->threshold && (!top->has_after || score <= top->after_score);
}
extern void pgr_topk_add(PgrTopK *top, PgrHit *hit);
/* the tid of a hit, looked up once; in place */
extern ItemPointer pgr_topk_tid(const PgrTopK *top, PgrHit *hit);
/* sorts the heap into result order, best first */
extern void pgr_topk_finish(PgrTopK *top);

/* --- search_segment.c --- */

/*
 * Adds a segment's hits with a score > 0 to top. Dead documents are left out.
 * filters (may be NULL): further queries of WHERE that must match too. Scores
 * have the bits of pgr_score_document. *recheck is set (never cleared) if a
 * phrase was searched without positions: every hit is then a candidate only,
 * and its score an upper bound.
 */
extern void pgr_search_segment(PgrSegment *seg, uint32 source, const PgrSegShape *shape,
							   const PgrPinned *pinned, PgrQuery **filters, int nfilters,
							   PgrTopK *top, bool *recheck);

/*
 * Calls found(arg, doc, score) for each document of [from, to) that the whole query
 * matches, dead ones too, in document order; scores have the bits of
 * pgr_score_document. Where only candidates could be told (*recheck above), *inexact
 * is set and none is called.
 */
typedef void (*PgrScoreFound) (void *arg, uint32 doc, double score);
extern void pgr_score_segment(PgrSegment *seg, uint32 source, const PgrSegShape *shape,
							  const PgrPinned *pinned, uint32 from, uint32 to,
							  PgrScoreFound found, void *arg, bool *inexact);

/*
 * Calls found(arg, doc) for each live document that all queries match, in
 * document order; whatever its score. *recheck as above.
 */
extern void pgr_match_segment(PgrSegment *seg, const PgrSegShape *shape,
							  PgrQuery **queries, int n,
							  void (*found) (void *arg, uint32 doc), void *arg,
							  bool *recheck);

/* --- search_expand.c --- */

/* Expands a prefix or fuzzy leaf: every dictionary term that it matches. */
typedef void (*PgrExpandFound) (void *arg, const char *term, uint32 len,
								const PgrTermInfo *info);
extern void pgr_expand_leaf(PgrSegment *seg, const PgrQueryNode *leaf,
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

/*
 * --- Below: what the files above share ---
 *
 * A PgrSearch is the search of one segment: terms that add up, and the top-k
 * that their sums compete for. Two algorithms find the sums: search_maxscore.c (few
 * terms, block-max pruning) and search_accumulate.c (any number, no pruning).
 *
 * Whatever the order of evaluation, a final score is the sum of the terms'
 * contributions in the order of terms[], so it has the same bits everywhere.
 * Two tests prune, and both are sound for floating point:
 *	need	the threshold lowered by what another order of n additions can change
 *	strict	a bound summed in the order of terms[] that does not exceed the
 *			threshold: rounding is monotone, so neither does the score. Only where
 *			equal scores cannot enter, since all documents to come have a larger
 *			tid than the worst hit.
 */
typedef struct PgrMatcher PgrMatcher;

#define PGR_SEARCH_MAX_PRUNED 64	/* terms of a search that search_maxscore.c takes:
									 * bits of a mask */

typedef struct PgrSearchTerm
{
	PgrPostings *postings;
	int64		doc;			/* where postings stands; -1 before the first */
	PgrTermInfo info;

	const PgrLeafScorer *scorer;	/* NULL: contribution = factor * weight */
	double		factor;
	bool		by_field;		/* scored from frequencies by field */

	double		bound;			/* of contributions in the window */
	double		block_score;	/* of those in the block that ends at block_last */
	PgrBound	block_bound;
	int64		block_last;		/* -1: not known */
} PgrSearchTerm;

typedef struct PgrSearch
{
	PgrSegment *seg;
	uint32		source;
	uint32		ndocs;
	uint8		nfields;
	uint32		first;			/* search_rank.c: documents [first, end) only */
	uint32		end;
	bool		has_dead;
	bool		sorted;			/* tids ascend with documents */

	int			nterms;
	PgrSearchTerm *terms;		/* in the order in which contributions are added */

	PgrTopK    *top;
	PgrScoreFound found;		/* gets the documents instead of top, if not NULL */
	void	   *found_arg;
	bool		only_positive;	/* a score <= 0 is no hit */
	bool		estimate;		/* scores in any order of addition will do */
	PgrMatcher *filter;			/* must match too, or NULL */

	double		slack;			/* relative change of a sum by its order */
	double		theta;			/* the top-k's threshold */
	double		need;			/* theta less slack */
	bool		strict;
	int64		from_doc;		/* documents to come are none before; -1: not known */
} PgrSearch;

/* --- search_term.c --- */
extern void pgr_search_begin(PgrSearch *s, PgrSegment *seg, uint32 source, PgrTopK *top);
/* scores are sums of n */
extern void pgr_search_sums(PgrSearch *s, int n);
/* documents before `doc` are done: the search may become strict */
extern void pgr_search_window(PgrSearch *s, uint32 doc);
/* takes the threshold over from the top-k */
extern void pgr_search_refresh(PgrSearch *s);
/* a document with its final score: filter, deadness, tid, top-k */
extern void pgr_search_emit(PgrSearch *s, uint32 doc, double score);
extern void pgr_search_hashes(PgrSearch *s);

static inline uint8
pgr_search_norm(PgrSearch *s, uint32 doc)
{
	return pgr_segment_norm(s->seg, doc);
}

extern void pgr_search_term_init(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer,
								 const PgrTermInfo *info);
extern void pgr_search_term_scorer(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer);
extern void pgr_search_open(PgrSearch *s, PgrSearchTerm *t);
extern void pgr_search_close(PgrSearchTerm *t);
/* contribution of the posting where t stands */
extern double pgr_search_score(PgrSearch *s, PgrSearchTerm *t);
/* contributions of the postings [from, to) of t's decoded block */
extern void pgr_search_scores(PgrSearch *s, PgrSearchTerm *t, uint32 from, uint32 to, double *out);
/* upper bounds of contributions, >= 0 */
extern double pgr_search_bound(const PgrSearchTerm *t, const PgrBound *bound);
extern double pgr_search_window_bound(PgrSearchTerm *t, uint32 from, uint32 to);
extern uint32 pgr_search_block_end(PgrSearchTerm *t, uint32 from);

static inline void
pgr_search_seek(PgrSearchTerm *t, uint32 doc)
{
	if (t->doc < (int64) doc)
		t->doc = pgr_postings_advance(t->postings, doc);
}

/* --- search_boolean.c: which documents match --- */

typedef enum PgrMatchKind
{
	PGR_MATCH_NONE,
	PGR_MATCH_ALL,
	PGR_MATCH_TERM,
	PGR_MATCH_BITS,
	PGR_MATCH_AND,
	PGR_MATCH_OR,
	PGR_MATCH_NOT,
	PGR_MATCH_PHRASE
} PgrMatchKind;

struct PgrMatcher
{
	PgrSearch  *s;
	PgrMatchKind kind;
	bool		exact;			/* no false matches */
	int64		doc;			/* current match; -1 before the first */
	uint64		cost;			/* about how many documents it goes through */

	int			nchildren;
	PgrMatcher **children;
	int			npositive;		/* AND: the first ones; the rest must not match */
	uint32		min_match;		/* OR */
	uint64	   *bits;			/* BITS: [ndocs / 64 + 1] */

	PgrSearchTerm term;			/* TERM */
	uint32		fields;			/* TERM, BITS: mask; 0: all */

	/* PHRASE; child 0 is the AND of its slots */
	const PgrQueryNode *node;
	bool		positions;
	PgrMatcher **words;			/* by the node's children; NULL: not in the segment */
	const uint32 **occ;
	uint32	   *nocc;
	uint32		freq;			/* of the current match; an upper bound without positions */
	uint32		field_freq[PGR_LEX_MAX_FIELDS];
};

/*
 * leaves (may be NULL): gets the matcher, TERM or PHRASE, of each scoring leaf
 * of the query that has one of its own. Clears *exact if matches are only
 * candidates. pgr_matcher_and takes its children over.
 */
extern PgrMatcher *pgr_matcher_make(PgrSearch *s, const PgrSegShape *shape,
									const PgrQueryNode *root, PgrMatcher **leaves, bool *exact);
extern PgrMatcher *pgr_matcher_and(PgrSearch *s, PgrMatcher **children, int n);
extern void pgr_matcher_free(PgrMatcher *m);
/* first match >= doc, PGR_NO_DOC if there is none; documents ascend */
extern uint32 pgr_matcher_seek(PgrMatcher *m, uint32 doc);
static inline bool
pgr_matcher_test(PgrMatcher *m, uint32 doc)
{
	return pgr_matcher_seek(m, doc) == doc;
}

/* --- search_rank.c: scores of the documents of a matcher --- */
extern void pgr_search_rank(PgrSearch *s, const PgrSegShape *shape, const PgrPinned *pinned,
							PgrMatcher *matcher, PgrMatcher **leaves);

/* --- search_maxscore.c, search_accumulate.c: all hits of a search --- */
extern void pgr_search_maxscore(PgrSearch *s);
extern void pgr_search_accumulate(PgrSearch *s);

#endif							/* PGR_SEARCH_H */
