/*
 * search_segment.c
 *		Searches one segment: chooses how, and cleans up.
 *
 *	a disjunction of plain terms	search_maxscore.c; search_accumulate.c if it has more
 *									than PGR_SEARCH_MAX_PRUNED of them
 *	anything else, and a selective
 *	filter beside a disjunction		search_match.c finds matches, search_rank.c scores
 *
 * A filter that is not selective is asked only for documents good enough for the
 * top-k.
 *
 * Each entry point makes a memory context, deletes it on return, and closes every cursor
 * before: pins are not memory. An error leaves both to the caller's context and resource
 * owner.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "search/search_match.h"
#include "utils/memutils.h"

#define FILTER_FACTOR 8			/* a filter leads if it is so many times rarer */

/* Are two trees the same but for boosts, which do not matter to what matches? */
static bool
same_node(const PgrQueryNode *a, const PgrQueryNode *b)
{
	if (a->kind != b->kind || a->fields != b->fields || a->termlen != b->termlen ||
		a->prefix != b->prefix || a->fuzzy != b->fuzzy || a->slop != b->slop ||
		a->offset != b->offset || a->min_match != b->min_match ||
		a->nchildren != b->nchildren)
		return false;
	if (a->termlen > 0 && memcmp(a->term, b->term, a->termlen) != 0)
		return false;
	for (int i = 0; i < a->nchildren; i++)
		if (!same_node(a->children[i], b->children[i]))
			return false;
	return true;
}

/* Does the filter say no more than that the document is a hit of the query? */
static bool
is_redundant(const PgrQuery *filter, const PgrQuery *query)
{
	return filter->root != NULL && query->root != NULL && same_node(filter->root, query->root);
}

/*
 * The matchers of the query's filters into made, without those that its ranked part
 * implies; returns how many. They hold postings open.
 */
static int
make_filters(PgrSearch *s, const PgrSearchQuery *query, PgrMatcher **made, bool *exact)
{
	int			n = 0;

	for (int i = 0; i < query->nfilters; i++)
	{
		if (query->pinned != NULL && is_redundant(query->filters[i], query->pinned->query))
			continue;
		made[n++] = pgr_matcher_make(s, query->shape, query->filters[i]->root, NULL, exact);
	}
	return n;
}

/*
 * The terms of a disjunction that the segment has, not open, into s->terms, which is
 * allocated here (the search's memory context); returns how many postings they have. A
 * query may have a million leaves: room is huge.
 */
static uint64
make_terms(PgrSearch *s, const PgrPinned *pinned)
{
	const PgrQuery *query = pinned->query;
	uint64		npostings = 0;

	s->terms = palloc_extended(mul_size(sizeof(PgrSearchTerm), Max(query->nleaves, 1)),
							   MCXT_ALLOC_HUGE);
	for (int i = 0; i < query->nleaves; i++)
	{
		const PgrQueryNode *leaf = query->leaves[i];
		PgrTermInfo info;

		if (pinned->scorers[i].weight == 0 ||
			!pgr_segment_find(s->seg, leaf->term, leaf->termlen, &info))
			continue;
		pgr_search_term_init(s, &s->terms[s->nterms++], &pinned->scorers[i], &info);
		npostings += info.df;
	}
	pgr_search_sums(s, s->nterms);
	return npostings;
}

/*
 * Opens all terms, searches, closes them; or leaves opening to the way that has one
 * open at a time.
 */
static void
search_terms(PgrSearch *s)
{
	if (s->nterms == 0)
		return;
	if (s->nterms > PGR_SEARCH_MAX_PRUNED)
	{
		pgr_search_accumulate(s);
		return;
	}
	for (int i = 0; i < s->nterms; i++)
		pgr_search_open(s, &s->terms[i]);
	pgr_search_maxscore(s);
	for (int i = 0; i < s->nterms; i++)
		pgr_search_close(&s->terms[i]);
}

/* Ranks the documents of a matcher, which is freed. */
static void
rank_matches(PgrSearch *s, const PgrSearchQuery *query, PgrMatcher *matcher, PgrMatcher **leaves)
{
	pgr_search_sums(s, query->pinned->query->nleaves);
	if (matcher->cost > 0)
		pgr_search_rank(s, query, matcher, leaves);
	pgr_matcher_free(matcher);
}

/* Room for a matcher of each leaf; NULL: there are too many leaves to open at a time. */
static PgrMatcher **
make_leaves(const PgrQuery *query)
{
	if (query->nleaves > PGR_SEARCH_MAX_PRUNED)
		return NULL;
	return palloc0(sizeof(PgrMatcher *) * Max(query->nleaves, 1));
}

/* Does the filter, a matcher, have the document? */
static bool
pass_filter(void *arg, uint32 doc)
{
	return pgr_matcher_test(arg, doc);
}

/*
 * A query of OR-ed plain terms. If its filters together are so rare that going through
 * their documents is less than through the terms' postings, they lead and the leaves are
 * looked up; else they are asked of what would enter the top-k. Matchers and terms are
 * closed again; their memory is the search's.
 */
static void
search_disjunction(PgrSearch *s, const PgrSearchQuery *query, bool *exact)
{
	uint64		npostings = make_terms(s, query->pinned);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * Max(query->nfilters, 1));
	PgrMatcher *filter = NULL;
	int			n;

	if (npostings == 0)
		return;
	n = make_filters(s, query, made, exact);
	if (n > 0)
	{
		filter = pgr_matcher_and(s, made, n);
		if (filter->cost < npostings / FILTER_FACTOR)
		{
			rank_matches(s, query, filter, make_leaves(query->pinned->query));
			return;
		}
		s->pass = pass_filter;
		s->pass_arg = filter;
	}
	search_terms(s);
	if (filter)
		pgr_matcher_free(filter);
}

/* Any other query: its tree and the filters are one matcher. */
static void
search_tree(PgrSearch *s, const PgrSearchQuery *query, bool *exact)
{
	const PgrQuery *ranked = query->pinned->query;
	PgrMatcher **leaves = make_leaves(ranked);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * (query->nfilters + 1));
	int			n;

	made[0] = pgr_matcher_make(s, query->shape, ranked->root, leaves, exact);
	n = made[0]->cost == 0 ? 0 : make_filters(s, query, made + 1, exact);
	rank_matches(s, query, pgr_matcher_and(s, made, n + 1), leaves);
}

/*
 * An empty query or segment is no search, but hashes are looked up all the same: hits
 * of earlier segments have theirs.
 */
void
pgr_search_segment(PgrSegment *seg, uint32 source, const PgrSearchQuery *query,
				   PgrTopK *top, bool *recheck)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const PgrQuery *ranked = query->pinned->query;
	bool		exact = true;
	PgrSearch	s;

	pgr_search_begin(&s, seg, source, top);
	s.nfields = query->shape->nfields;
	if (ranked->root == NULL || s.ndocs == 0)
		 /* nothing to find */ ;
	else if (ranked->disjunction)
		search_disjunction(&s, query, &exact);
	else
		search_tree(&s, query, &exact);
	if (query->shape->hashes)
		pgr_search_hashes(&s);
	*recheck |= !exact;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* By the matcher in any case: of documents that match, none is passed over. */
void
pgr_score_segment(PgrSegment *seg, const PgrSearchQuery *query, uint32 from, uint32 to,
				  PgrScoreFound found, void *arg, bool *inexact)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrMatcher **leaves = make_leaves(query->pinned->query);
	ItemPointerData none;
	bool		exact = true;
	PgrMatcher *matcher;
	PgrTopK		top;
	PgrSearch	s;

	/* of no hits, so that no window is passed over */
	ItemPointerSetInvalid(&none);
	pgr_topk_init(&top, 1, NULL, false, 0, &none);
	pgr_search_begin(&s, seg, 0, &top);
	s.nfields = query->shape->nfields;
	s.first = from;
	s.end = Min(to, s.ndocs);
	s.found = found;
	s.found_arg = arg;
	matcher = pgr_matcher_make(&s, query->shape, query->pinned->query->root, leaves, &exact);
	if (exact)
		rank_matches(&s, query, matcher, leaves);
	else
	{
		pgr_matcher_free(matcher);
		*inexact = true;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Interruptible once a document: a filter may match all. */
void
pgr_match_segment(PgrSegment *seg, const PgrSearchQuery *query, PgrMatchFound found, void *arg,
				  bool *recheck)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve match",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * Max(query->nfilters, 1));
	PgrMatcher *matcher;
	bool		exact = true;
	PgrSearch	s;

	pgr_search_begin(&s, seg, 0, NULL);
	s.nfields = query->shape->nfields;
	matcher = pgr_matcher_and(&s, made, make_filters(&s, query, made, &exact));
	*recheck |= !exact;
	for (uint32 doc = 0; (doc = pgr_matcher_seek(matcher, doc)) != PGR_NO_DOC; doc++)
	{
		CHECK_FOR_INTERRUPTS();
		if (s.has_dead && pgr_segment_dead(seg, doc))
			continue;
		MemoryContextSwitchTo(old);
		found(arg, doc);
		MemoryContextSwitchTo(context);
	}
	pgr_matcher_free(matcher);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
