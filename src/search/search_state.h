/*
 * search_state.h
 *		The search of one segment under way. Private to src/search.
 *
 * A PgrSearch is terms that add up, and the top-k that their sums compete for. Two
 * algorithms find the sums: search_maxscore.c (few terms, block-max pruning) and
 * search_accumulate.c (any number, no pruning).
 *
 * Whatever the order of evaluation, a final score is the sum of the terms'
 * contributions in the order of terms[], so it has the same bits everywhere.
 * Two tests prune, and both are sound for floating point:
 *	need	the threshold lowered by what another order of n additions can change
 *	strict	a bound summed in the order of terms[] that does not exceed the
 *			threshold: rounding is monotone, so neither does the score. Only where
 *			equal scores cannot enter, since all documents to come have a larger
 *			tid than the worst hit.
 *
 * Everything is allocated in the memory context of the search, which is current
 * while it runs. No buffer is locked between calls.
 */
#ifndef PGR_SEARCH_STATE_H
#define PGR_SEARCH_STATE_H

#include "search/search.h"
#include "segment/segment_postings.h"

#define PGR_SEARCH_MAX_PRUNED 64	/* terms of a search that search_maxscore.c takes:
									 * bits of a mask */

/* One term: a cursor over its postings, and what they are worth. */
typedef struct PgrSearchTerm
{
	PgrPostings *postings;		/* NULL: not open */
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

/* Must a document that would enter the top-k pass? Documents ascend. */
typedef bool (*PgrSearchPass) (void *arg, uint32 doc);

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

	PgrTopK    *top;			/* NULL: nothing is ranked */
	PgrScoreFound found;		/* gets the documents instead of top, if not NULL */
	void	   *found_arg;
	bool		only_positive;	/* a score <= 0 is no hit */
	bool		estimate;		/* scores in any order of addition will do */
	PgrSearchPass pass;			/* or NULL */
	void	   *pass_arg;

	double		slack;			/* relative change of a sum by its order */
	double		theta;			/* the top-k's threshold */
	double		need;			/* theta less slack */
	bool		strict;
	int64		from_doc;		/* documents to come are none before; -1: not known */
} PgrSearch;

/* --- search_term.c: from the threshold to the top-k --- */

/*
 * Begins a search without terms; the caller fills in nterms and terms, nfields,
 * and calls pgr_search_sums. top may be NULL if nothing is ranked.
 */
extern void pgr_search_begin(PgrSearch *s, PgrSegment *seg, uint32 source, PgrTopK *top);

/*
 * Sets how far a sum of n contributions or bounds can be from the same sum in
 * another order. Two have no other order.
 */
extern void pgr_search_sums(PgrSearch *s, int n);

/*
 * Tells that no document before `doc` is left. Where the segment's tids ascend,
 * its tid then bounds all to come, and the search may become strict.
 */
extern void pgr_search_window(PgrSearch *s, uint32 doc);

/*
 * Offers a document with its final score to the top-k, if it passes and is alive; or
 * hands it to s->found. Documents ascend.
 */
extern void pgr_search_emit(PgrSearch *s, uint32 doc, double score);

/* Enters the content hashes of the hits that this segment still has in the top-k. */
extern void pgr_search_hashes(PgrSearch *s);

/* --- search_term.c: terms --- */

/* Makes a term from the dictionary's entry, not open. scorer: as below. */
extern void pgr_search_term_init(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer,
								 const PgrTermInfo *info);

/*
 * Scores a term by a leaf's scorer (NULL: not at all, or by factor).
 * Frequencies by field are read only where the score depends on them.
 */
extern void pgr_search_term_scorer(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer);

/*
 * Opens a term's postings, before the first of them: 1.2 kB and the pins of a cursor,
 * until closed.
 */
extern void pgr_search_open(PgrSearch *s, PgrSearchTerm *t);
extern void pgr_search_close(PgrSearchTerm *t);

/* The contribution of the posting where t stands. */
extern double pgr_search_score(PgrSearch *s, PgrSearchTerm *t);

/*
 * Contributions of the postings [from, to) of t's decoded block into out, which has
 * room for PGR_POSTING_BLOCK. Does not move the position.
 */
extern void pgr_search_scores(PgrSearch *s, PgrSearchTerm *t, uint32 from, uint32 to, double *out);

/*
 * The largest contribution of a term in [from, to], its shallow position being moved
 * to `from`; `from` ascends.
 */
extern double pgr_search_window_bound(PgrSearchTerm *t, uint32 from, uint32 to);

/* Last document of the block of t that holds the first posting >= from. */
extern uint32 pgr_search_block_end(PgrSearchTerm *t, uint32 from);

static inline uint8
pgr_search_norm(PgrSearch *s, uint32 doc)
{
	return pgr_segment_norm(s->seg, doc);
}

/* Moves an open term to its first posting >= doc, unless it is there or beyond. */
static inline void
pgr_search_seek(PgrSearchTerm *t, uint32 doc)
{
	if (t->doc < (int64) doc)
		t->doc = pgr_postings_advance(t->postings, doc);
}

/* --- search_maxscore.c, search_accumulate.c: all hits of a search --- */

/*
 * Offers every document that may enter the top-k to it. s: open terms, not yet
 * positioned; 1 to PGR_SEARCH_MAX_PRUNED of them, any number for estimates.
 */
extern void pgr_search_maxscore(PgrSearch *s);

/*
 * Offers every document of a term to the top-k. s: terms with their info, not
 * open. Allocates up to 9 MB.
 */
extern void pgr_search_accumulate(PgrSearch *s);

#endif							/* PGR_SEARCH_STATE_H */
