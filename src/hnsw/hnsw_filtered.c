/*
 * hnsw_filtered.c
 *		Searches with conditions that the lists of filter values lead: README, "Filter
 *		columns". The walk of the graph turns to them where they are cheaper.
 *
 * Lists are read nearest first. What they name and passes becomes pending, by the estimate of
 * its digest, and a node is visited when it may be among the nearest: its code gives the
 * distance, and rows in TIDS slots are looked at. Without digests there is one list, all of
 * whose matches are visited in the order of their pages.
 *
 * No page is locked on entry or exit of any function here; what grows is in the hits' context
 * and counts for their budget, which is looked at before each list and each visit.
 */
#include "postgres.h"

#include <math.h>

#include "base/order.h"
#include "hnsw/hnsw_filtered.h"
#include "utils/memutils.h"

/* nodes that a search with a filter visits before it thinks of the lists */
#define LEAST_VISITS 16

/* nodes it visits for one of ef, times the share that passes: bench/hnsw.md, "Walk or lists" */
#define VISITS_PER_PASSED 2

/* how much cheaper the lists must seem than going on, since both are estimates: as above */
#define LISTS_MARGIN 2.8

/*
 * A search by the lists is for so many times ef, but reads no more of them once
 * pgr_hnsw_match_patience, and the factor times as many as brought something, have added
 * nothing to the nearest. When more are wanted later, of those read then this share counts
 * as having brought something. Measured: bench/hnsw.md, "Lists of filter values".
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

void
pgr_hnsw_filtered_begin(PgrHnswFiltered *f, PgrHnswHits *hits)
{
	f->hits = hits;
	f->nodes = pgr_hnsw_count_estimate(hits->ix);
	f->list_pages = pgr_hnsw_list_pages(hits->ix);
}

/*
 * Visits nodes in the order of their pages; the ef nearest distances take those of new hits
 * in. Stops short of that, as what follows does, when the search is over its budget.
 */
static void
visit_nodes(PgrHnswHits *h, PgrHnswId *ids, uint32 n, uint32 ef)
{
	uint32		before = h->n;

	qsort(ids, n, sizeof(PgrHnswId), pgr_compare_uint32);
	for (uint32 i = 0; i < n;)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_hnsw_hits_over(h))
			break;
		i += pgr_hnsw_visit_page(h, ids + i, n - i);
	}
	for (uint32 i = before; ef > 0 && i < h->n; i++)
		pgr_hnsw_kept_push(h, ef, (float) h->at[i].distance);
}

/* True if a node, for which there is room, was not visited, nor among the matches before. */
static bool
is_new(PgrHnswHits *h, PgrHnswId id)
{
	bool		found;
	PgrHnswVisited *entry = pgr_hnsw_meet(h->visited, id, &found);

	if (entry->named)
		return false;
	entry->named = 1;
	return true;
}

/*
 * Reads the next list: its matches become pending, their estimates count among the nearest.
 * Returns false if there is no list left; gain is set if something came among the ef
 * nearest.
 */
static bool
read_list(PgrHnswFiltered *f, uint32 ef, bool *gain)
{
	PgrHnswHits *h = f->hits;
	const PgrHnswMatch *matches;
	uint32		n;
	uint32		nkept = h->kept.n;
	float		limit = pgr_hnsw_worst_kept(h, ef);

	if (!pgr_hnsw_matches_next(f->matches, &matches, &n))
		return false;
	pgr_hnsw_hits_room(h, 0, &f->pending, n);
	for (uint32 i = 0; i < n; i++)
	{
		if (!is_new(h, matches[i].id))
			continue;
		pgr_hnsw_push(&f->pending, matches[i].estimate, matches[i].id);
		pgr_hnsw_kept_push(h, ef, matches[i].estimate);
	}
	*gain = h->kept.n > nkept || pgr_hnsw_worst_kept(h, ef) < limit;
	return true;
}

/*
 * Reads lists until those that follow seem to have none of the ef nearest. What is pending
 * from before counts among the nearest from the start. Stops short where the search is over
 * its budget, or at the last list.
 */
static void
read_lists(PgrHnswFiltered *f, uint32 ef)
{
	PgrHnswHits *h = f->hits;
	double		patience = pgr_hnsw_match_patience(h->ix->meta.lists.n);
	double		least = RESUME_LISTS * f->lists_read;
	bool		gain;

	pgr_hnsw_kept_reset(h, ef);
	for (uint32 i = 0; i < f->pending.n; i++)
		pgr_hnsw_kept_push(h, ef, f->pending.at[i].key);
	f->last_gain = (uint32) (RESUME_SHARE * f->lists_read);
	while (h->kept.n < ef || f->lists_read < least || f->lists_read - f->last_gain < patience ||
		   f->lists_read - f->last_gain < PATIENCE_FACTOR * f->last_gain)
	{
		if (pgr_hnsw_hits_over(h) || !read_list(f, ef, &gain))
			return;
		f->lists_read++;
		if (gain)
			f->last_gain = f->lists_read;
	}
}

/*
 * The nearest estimate of a pending match, of which there is one, less so many deviations of
 * estimates' errors so far; no error is known before the first visit.
 */
static double
pending_lower(const PgrHnswFiltered *f, double deviations)
{
	double		error = f->errors > 0 ? sqrt(f->error_sum / f->errors) : 0;

	return f->pending.at[0].key - deviations * error;
}

/*
 * Visits the nearest pending match; ef as for visit_nodes. How far its estimate was off goes
 * into the mean error, by which others are judged.
 */
static void
visit_match(PgrHnswFiltered *f, uint32 ef)
{
	PgrHnswHits *h = f->hits;
	float		estimate = f->pending.at[0].key;
	uint32		before = h->n;
	PgrHnswId	id = pgr_hnsw_pop(&f->pending);

	visit_nodes(h, &id, 1, ef);
	if (h->n > before)
	{
		double		error = h->at[before].distance - estimate;

		f->error_sum += error * error;
		f->errors++;
	}
}

/*
 * Visits pending matches, the nearest by estimate first, while they may be among the ef
 * nearest: less so many deviations of the errors that estimates have had so far.
 */
static void
visit_pending(PgrHnswFiltered *f, uint32 ef)
{
	PgrHnswHits *h = f->hits;

	pgr_hnsw_kept_reset(h, ef);
	while (f->pending.n > 0 && !pgr_hnsw_hits_over(h) &&
		   (h->kept.n < ef || pending_lower(f, DIGEST_ERRORS) < pgr_hnsw_worst_kept(h, ef)))
		visit_match(f, ef);
}

bool
pgr_hnsw_filtered_nearer(PgrHnswFiltered *f, double distance)
{
	PgrHnswHits *h = f->hits;
	uint32		before = h->n;

	if (f->matches == NULL)
		return false;
	while (f->pending.n > 0 && !pgr_hnsw_hits_over(h) &&
		   pending_lower(f, DIGEST_ERRORS_CERTAIN) < distance)
		visit_match(f, 0);
	return h->n > before;
}

/* Ranks the lists by their distances from the point, once; memory in the hits' context. */
static void
begin_matches(PgrHnswFiltered *f)
{
	PgrHnswHits *h = f->hits;
	MemoryContext old = MemoryContextSwitchTo(h->context);

	if (f->matches == NULL)
		f->matches = pgr_hnsw_matches_begin(h->ix, h->point, h->filter);
	MemoryContextSwitchTo(old);
}

/*
 * Makes hits of all nodes that pass and are not yet hits, in the order of their pages. Their
 * ids are allocated in the hits' context and freed.
 */
static void
visit_all(PgrHnswFiltered *f)
{
	PgrHnswHits *h = f->hits;
	const PgrHnswMatch *matches;
	PgrHnswId  *ids;
	uint32		n;

	begin_matches(f);
	while (!pgr_hnsw_hits_over(h) && pgr_hnsw_matches_next(f->matches, &matches, &n))
	{
		pgr_hnsw_hits_room(h, 0, &f->pending, n);
		for (uint32 i = 0; i < n; i++)
			if (is_new(h, matches[i].id))
				f->pending.at[f->pending.n++].id = matches[i].id;
	}
	ids = MemoryContextAllocHuge(h->context, mul_size(Max(f->pending.n, 1), sizeof(PgrHnswId)));
	for (uint32 i = 0; i < f->pending.n; i++)
		ids[i] = f->pending.at[i].id;
	visit_nodes(h, ids, f->pending.n, 0);
	pfree(ids);
	f->pending.n = 0;
	h->complete = !pgr_hnsw_hits_over(h);
}

bool
pgr_hnsw_filtered_more(PgrHnswFiltered *f, uint32 ef)
{
	PgrHnswHits *h = f->hits;

	if (h->ix->meta.lists.digest_dims == 0)
	{
		visit_all(f);
		return !h->complete;
	}
	begin_matches(f);
	ef = Min(ef, PG_INT32_MAX / LISTS_EF);
	read_lists(f, LISTS_EF * ef);
	visit_pending(f, (uint32) (VISITED_EF * ef));
	h->complete = f->pending.n == 0 && f->lists_read == h->ix->meta.lists.n;
	return !h->complete;
}

bool
pgr_hnsw_lists_are_cheaper(const PgrHnswFiltered *f, uint32 ef)
{
	const PgrHnswHits *h = f->hits;
	bool		digests = h->ix->meta.lists.digest_dims > 0;
	double		share = Min((h->n + 1.5) / Max(h->nvisited, 1), 1);
	double		to_come = Max(VISITS_PER_PASSED * ef / share - h->nvisited, h->nvisited);

	return h->nvisited >= LEAST_VISITS &&
		LISTS_MARGIN * pgr_hnsw_match_least_effort(f->nodes, share, f->list_pages, digests,
												   ef) < to_come &&
		LISTS_MARGIN * pgr_hnsw_match_effort(f->nodes, share, f->list_pages, digests,
											 ef) < to_come;
}

double
pgr_hnsw_filtered_expected(const PgrHnswFiltered *f)
{
	const PgrHnswHits *h = f->hits;

	if (f->matches != NULL)
		return (h->n + (double) f->pending.n) * h->ix->meta.lists.n / Max(f->lists_read, 1);
	return f->nodes * Min((h->n + 1.5) / Max(h->nvisited, 1), 1);
}
