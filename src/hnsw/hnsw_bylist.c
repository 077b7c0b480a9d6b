/*
 * hnsw_bylist.c
 *		Searches with conditions that the lists of filter values lead: README, "Filter
 *		columns". The walk of the graph turns to them where they are cheaper.
 */
#include "postgres.h"

#include <math.h>

#include "base/order.h"
#include "hnsw/hnsw_search.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* nodes that a search with a filter visits before it thinks of the lists */
#define LEAST_VISITS 16

/* nodes it visits for one of ef, times the share that passes: 1.6 to 9 measured */
#define VISITS_PER_PASSED 2

/* how much cheaper the lists must seem than going on, since both are estimates */
#define LISTS_MARGIN 2.8

/*
 * A search by the lists is for so many times ef, but reads no more of them once
 * pgr_hnsw_match_patience, and the factor times as many as brought something, have added
 * nothing to the nearest. When more are wanted later, of those read then this share counts
 * as having brought something. Measured: README.
 */
#define LISTS_EF 2
#define PATIENCE_FACTOR 0.25
#define RESUME_SHARE 0.8

/* It then reads at least so many times the lists: what they name may be late. */
#define RESUME_LISTS 1.5

/* and of the matches it visits those that may be among so many times ef */
#define VISITED_EF 1.5

/* standard deviations of digests' errors by which a match may be nearer than it seems */
#define DIGEST_ERRORS 2.3

/* and for a row to be returned before it is visited, once a scan has gone on */
#define DIGEST_ERRORS_CERTAIN 3

/*
 * Visits nodes in the order of their pages; hits among the ef nearest go into the
 * bound. Stops short of that, as what follows does, when the search is above its budget.
 */
static void
visit_nodes(PgrHnswSearch *s, PgrHnswId *ids, uint32 n, uint32 ef)
{
	uint32		before = s->nhits;

	qsort(ids, n, sizeof(PgrHnswId), pgr_compare_uint32);
	for (uint32 i = 0; i < n;)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_hnsw_search_over(s))
			break;
		i += pgr_hnsw_visit_page(s, ids + i, n - i);
	}
	for (uint32 i = before; ef > 0 && i < s->nhits; i++)
		pgr_hnsw_bound_push(s, ef, (float) s->hits[i].distance);
}

/* True if a node was not visited, nor among the matches before. */
static bool
meet(PgrHnswSearch *s, PgrHnswId id)
{
	bool		found;
	PgrHnswSeen *entry = pgr_hnsw_see(s, id, &found);

	if (entry->met)
		return false;
	entry->met = 1;
	return true;
}

/*
 * Reads the next list: its matches wait, and their estimates go into the bound.
 * Returns false if there is no list left; gain is set if something came among the ef
 * nearest.
 */
static bool
read_list(PgrHnswSearch *s, uint32 ef, bool *gain)
{
	const PgrHnswMatch *matches;
	uint32		n;
	uint32		nbound = s->nbound;
	float		limit = pgr_hnsw_bound_limit(s, ef);

	if (!pgr_hnsw_matches_next(s->matches, &matches, &n))
		return false;
	pgr_hnsw_reserve(s->context, &s->waiting, n);
	for (uint32 i = 0; i < n; i++)
	{
		if (!meet(s, matches[i].id))
			continue;
		pgr_hnsw_push(&s->waiting, matches[i].estimate, matches[i].id);
		pgr_hnsw_bound_push(s, ef, matches[i].estimate);
	}
	*gain = s->nbound > nbound || pgr_hnsw_bound_limit(s, ef) < limit;
	return true;
}

/* Reads lists until those that follow seem to have none of the ef nearest. */
static void
read_lists(PgrHnswSearch *s, uint32 ef)
{
	double		patience = pgr_hnsw_match_patience(s->ix->meta.lists);
	double		least = RESUME_LISTS * s->lists_read;
	bool		gain;

	pgr_hnsw_bound_reset(s, ef);
	for (uint32 i = 0; i < s->waiting.n; i++)
		pgr_hnsw_bound_push(s, ef, s->waiting.at[i].key);
	s->last_gain = (uint32) (RESUME_SHARE * s->lists_read);
	while (s->nbound < ef || s->lists_read < least || s->lists_read - s->last_gain < patience ||
		   s->lists_read - s->last_gain < PATIENCE_FACTOR * s->last_gain)
	{
		if (pgr_hnsw_search_over(s) || !read_list(s, ef, &gain))
			return;
		s->lists_read++;
		if (gain)
			s->last_gain = s->lists_read;
	}
}

/* The nearest estimate of a match that waits, less so many deviations of its error. */
static double
waiting_lower(const PgrHnswSearch *s, double deviations)
{
	double		error = s->errors > 0 ? sqrt(s->error_sum / s->errors) : 0;

	return s->waiting.at[0].key - deviations * error;
}

/* Visits that match; ef as for visit_nodes. */
static void
visit_match(PgrHnswSearch *s, uint32 ef)
{
	float		estimate = s->waiting.at[0].key;
	uint32		before = s->nhits;
	PgrHnswId	id = pgr_hnsw_pop(&s->waiting);

	visit_nodes(s, &id, 1, ef);
	if (s->nhits > before)
	{
		double		error = s->hits[before].distance - estimate;

		s->error_sum += error * error;
		s->errors++;
	}
}

/* Visits matches, the nearest by estimate first, while they may be among the ef nearest. */
static void
visit_waiting(PgrHnswSearch *s, uint32 ef)
{
	pgr_hnsw_bound_reset(s, ef);
	while (s->waiting.n > 0 && !pgr_hnsw_search_over(s) &&
		   (s->nbound < ef || waiting_lower(s, DIGEST_ERRORS) < pgr_hnsw_bound_limit(s, ef)))
		visit_match(s, ef);
}

bool
pgr_hnsw_search_nearer(PgrHnswSearch *s, double distance)
{
	uint32		before = s->nhits;

	if (s->matches == NULL)
		return false;
	while (s->waiting.n > 0 && !pgr_hnsw_search_over(s) &&
		   waiting_lower(s, DIGEST_ERRORS_CERTAIN) < distance)
		visit_match(s, 0);
	return s->nhits > before;
}

/* Where the search turns to the lists. */
static void
begin_matches(PgrHnswSearch *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);

	if (s->matches == NULL)
		s->matches = pgr_hnsw_matches_begin(s->ix, s->point, s->filter);
	MemoryContextSwitchTo(old);
}

/* Makes hits of all nodes that pass and are not yet hits. */
static void
visit_all(PgrHnswSearch *s)
{
	const PgrHnswMatch *matches;
	PgrHnswId  *ids;
	uint32		n;

	begin_matches(s);
	while (!pgr_hnsw_search_over(s) && pgr_hnsw_matches_next(s->matches, &matches, &n))
	{
		pgr_hnsw_reserve(s->context, &s->waiting, n);
		for (uint32 i = 0; i < n; i++)
			if (meet(s, matches[i].id))
				s->waiting.at[s->waiting.n++].id = matches[i].id;
	}
	ids = MemoryContextAllocHuge(s->context, mul_size(Max(s->waiting.n, 1), sizeof(PgrHnswId)));
	for (uint32 i = 0; i < s->waiting.n; i++)
		ids[i] = s->waiting.at[i].id;
	visit_nodes(s, ids, s->waiting.n, 0);
	pfree(ids);
	s->waiting.n = 0;
	s->complete = !pgr_hnsw_search_over(s);
}

bool
pgr_hnsw_search_lists(PgrHnswSearch *s, uint32 ef)
{
	if (s->ix->meta.digest_dims == 0)
	{
		visit_all(s);
		return !s->complete;
	}
	begin_matches(s);
	ef = Min(ef, PG_INT32_MAX / LISTS_EF);
	read_lists(s, LISTS_EF * ef);
	visit_waiting(s, (uint32) (VISITED_EF * ef));
	s->complete = s->waiting.n == 0 && s->lists_read == s->ix->meta.lists;
	return !s->complete;
}

bool
pgr_hnsw_lists_are_cheaper(const PgrHnswSearch *s, uint32 ef)
{
	bool		digests = s->ix->meta.digest_dims > 0;
	double		share = Min((s->nhits + 1.5) / Max(s->visited, 1), 1);
	double		to_come = Max(VISITS_PER_PASSED * ef / share - s->visited, s->visited);

	return s->visited >= LEAST_VISITS &&
		LISTS_MARGIN * pgr_hnsw_match_least_effort(s->nodes, share, s->list_pages, digests,
												   ef) < to_come &&
		LISTS_MARGIN * pgr_hnsw_match_effort(s->nodes, share, s->list_pages, digests,
											 ef) < to_come;
}
