/*
 * search_segment.c
 *		Searches one segment: chooses how, and cleans up.
 *
 *	a disjunction of plain terms	search_maxscore.c; search_accumulate.c if it has more
 *									than PGR_SEARCH_MAX_PRUNED of them
 *	anything else, and a selective
 *	filter beside a disjunction		search_boolean.c finds matches, search_rank.c scores
 *
 * A filter that is not selective is asked only for documents good enough for the
 * top-k.
 */
#include "postgres.h"

#include "search/search.h"
#include "utils/memutils.h"

#define FILTER_FACTOR 8			/* a filter leads if it is so many times rarer */

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

/* The filters' matchers, without those that `query` (may be NULL) implies. */
static int
make_filters(PgrSearch *s, const PgrSegShape *shape, const PgrQuery *query,
			 PgrQuery **filters, int nfilters, PgrMatcher **made, bool *exact)
{
	int			n = 0;

	for (int i = 0; i < nfilters; i++)
	{
		if (query != NULL && is_redundant(filters[i], query))
			continue;
		made[n++] = pgr_matcher_make(s, shape, filters[i]->root, NULL, exact);
	}
	return n;
}

/* The terms of a disjunction that the segment has; returns their postings. */
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
rank_matches(PgrSearch *s, const PgrSegShape *shape, const PgrPinned *pinned,
			 PgrMatcher *matcher, PgrMatcher **leaves)
{
	pgr_search_sums(s, pinned->query->nleaves);
	if (matcher->cost > 0)
		pgr_search_rank(s, shape, pinned, matcher, leaves);
	pgr_matcher_free(matcher);
}

static PgrMatcher **
make_leaves(const PgrQuery *query)
{
	if (query->nleaves > PGR_SEARCH_MAX_PRUNED)
		return NULL;
	return palloc0(sizeof(PgrMatcher *) * Max(query->nleaves, 1));
}

static void
search_disjunction(PgrSearch *s, const PgrSegShape *shape, const PgrPinned *pinned,
				   PgrQuery **filters, int nfilters, bool *exact)
{
	uint64		npostings = make_terms(s, pinned);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * Max(nfilters, 1));
	int			n;

	if (npostings == 0)
		return;
	n = make_filters(s, shape, pinned->query, filters, nfilters, made, exact);
	if (n > 0)
	{
		PgrMatcher *filter = pgr_matcher_and(s, made, n);

		if (filter->cost < npostings / FILTER_FACTOR)
		{
			rank_matches(s, shape, pinned, filter, make_leaves(pinned->query));
			return;
		}
		s->filter = filter;
	}
	search_terms(s);
	if (s->filter)
		pgr_matcher_free(s->filter);
}

static void
search_tree(PgrSearch *s, const PgrSegShape *shape, const PgrPinned *pinned,
			PgrQuery **filters, int nfilters, bool *exact)
{
	PgrMatcher **leaves = make_leaves(pinned->query);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * (nfilters + 1));
	int			n;

	made[0] = pgr_matcher_make(s, shape, pinned->query->root, leaves, exact);
	n = made[0]->cost == 0 ? 0 :
		make_filters(s, shape, pinned->query, filters, nfilters, made + 1, exact);
	rank_matches(s, shape, pinned, pgr_matcher_and(s, made, n + 1), leaves);
}

void
pgr_search_segment(PgrSegment *seg, uint32 source, const PgrSegShape *shape,
				   const PgrPinned *pinned, PgrQuery **filters, int nfilters,
				   PgrTopK *top, bool *recheck)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		exact = true;
	PgrSearch	s;

	pgr_search_begin(&s, seg, source, top);
	s.nfields = shape->nfields;
	if (pinned->query->root == NULL || s.ndocs == 0)
		 /* nothing to find */ ;
	else if (pinned->query->disjunction)
		search_disjunction(&s, shape, pinned, filters, nfilters, &exact);
	else
		search_tree(&s, shape, pinned, filters, nfilters, &exact);
	if (shape->hashes)
		pgr_search_hashes(&s);
	*recheck |= !exact;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
pgr_score_segment(PgrSegment *seg, uint32 source, const PgrSegShape *shape,
				  const PgrPinned *pinned, uint32 from, uint32 to,
				  PgrScoreFound found, void *arg, bool *inexact)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrMatcher **leaves = make_leaves(pinned->query);
	ItemPointerData none;
	bool		exact = true;
	PgrMatcher *matcher;
	PgrTopK		top;
	PgrSearch	s;

	/* of no hits, so that no window is passed over */
	ItemPointerSetInvalid(&none);
	pgr_topk_init(&top, 1, NULL, false, 0, &none);
	pgr_search_begin(&s, seg, source, &top);
	s.nfields = shape->nfields;
	s.first = from;
	s.end = Min(to, s.ndocs);
	s.found = found;
	s.found_arg = arg;
	matcher = pgr_matcher_make(&s, shape, pinned->query->root, leaves, &exact);
	if (exact)
		rank_matches(&s, shape, pinned, matcher, leaves);
	else
	{
		pgr_matcher_free(matcher);
		*inexact = true;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
pgr_match_segment(PgrSegment *seg, const PgrSegShape *shape, PgrQuery **queries, int n,
				  void (*found) (void *arg, uint32 doc), void *arg, bool *recheck)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve match",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrMatcher **made = palloc(sizeof(PgrMatcher *) * Max(n, 1));
	PgrMatcher *matcher;
	bool		exact = true;
	PgrSearch	s;

	pgr_search_begin(&s, seg, 0, NULL);
	s.nfields = shape->nfields;
	matcher = pgr_matcher_and(&s, made, make_filters(&s, shape, NULL, queries, n, made, &exact));
	*recheck |= !exact;
	for (uint32 doc = 0; (doc = pgr_matcher_seek(matcher, doc)) != PGR_NO_DOC; doc++)
	{
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
