/*
 * search_match.h
 *		Which documents of a segment match a query: a tree of matchers, each an
 *		ascending stream of documents that can be told to skip. Private to src/search.
 *
 *	TERM	a cursor over postings, with a look at the fields if the leaf has some
 *	PHRASE	an AND of its slots, then its occurrences
 *	AND		leapfrog: the rarest child proposes, the others confirm; children
 *			under NOT object
 *	OR		the least of a few children
 *	BITS	a set of documents, made when the matcher is: the union of the terms of
 *			a prefix or fuzzy word, an OR of many children. Thousands of cursors at
 *			once would need as many pins; a set needs a bit a document, and one
 *			cursor at a time.
 *	NOT		all documents but those of the child
 *
 * Without positions a phrase is the AND of its words: a superset, which *exact
 * tells. Under NOT that would be a subset, so NOT of such a child is ALL.
 */
#ifndef PGR_SEARCH_MATCH_H
#define PGR_SEARCH_MATCH_H

#include "search/search_state.h"

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

typedef struct PgrMatcher PgrMatcher;
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

/* --- search_match_build.c --- */

/*
 * The matcher of a query's tree, NULL for one that matches nothing, with its postings
 * open. leaves (may be NULL): gets the matcher, TERM or PHRASE, of each scoring leaf of
 * the query that has one of its own. Clears *exact if matches are only candidates. Raises
 * 54001 for a tree too deep for the stack.
 */
extern PgrMatcher *pgr_matcher_make(PgrSearch *s, const PgrSegShape *shape,
									const PgrQueryNode *root, PgrMatcher **leaves, bool *exact);

/* All of n matchers, of every document if there is none; takes them over. */
extern PgrMatcher *pgr_matcher_and(PgrSearch *s, PgrMatcher **children, int n);

/* --- search_match.c --- */

/* Closes its cursors, and frees it with its children. */
extern void pgr_matcher_free(PgrMatcher *m);

/* First match >= doc, PGR_NO_DOC if there is none; documents ascend. */
extern uint32 pgr_matcher_seek(PgrMatcher *m, uint32 doc);

/* Does the posting where the cursor stands lie in the fields that count? */
extern bool pgr_match_fields(PgrSearch *s, PgrPostings *p, uint32 fields);

static inline bool
pgr_matcher_test(PgrMatcher *m, uint32 doc)
{
	return pgr_matcher_seek(m, doc) == doc;
}

/* --- search_rank.c --- */

/*
 * Offers the matcher's documents in [s->first, s->end) to the top-k with the sum of the
 * contributions of all leaves that occur in them. leaves: [nleaves], the query's matchers
 * of leaves where it has one, or NULL to open all anew, one at a time.
 */
extern void pgr_search_rank(PgrSearch *s, const PgrSearchQuery *query,
							PgrMatcher *matcher, PgrMatcher **leaves);

#endif							/* PGR_SEARCH_MATCH_H */
