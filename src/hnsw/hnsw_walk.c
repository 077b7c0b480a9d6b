/*
 * hnsw_walk.c
 *		Walking the graph in pages, best first. See README, "Search".
 *
 * A node's page is locked (shared) while its neighbours' estimates are joined with those that
 * there were. What they may add is reserved before: see hnsw_hits.h.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_walk.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/*
 * Standard deviations by which a node may be nearer than its estimate says and still be met by
 * the walk (departure (4)). In few dimensions estimates are so good that what is left is the
 * codes' rounding, which all of a node's have in common. A walk that goes on has more, because a
 * row that it meets too late is left out. Measured: bench/hnsw.md, "Margin".
 */
#define DEVIATIONS(dim) ((dim) <= 4 ? 5.0f : 1.45f)
#define DEVIATIONS_ON 1.5f

/* of that margin, the share of an insert's search: bench/hnsw.md, "Searches of inserts" */
#define INSERT_MARGIN 0.45f

/* A candidate moves up when it is nearer by so many standard deviations. */
#define NEARER 0.3f

/* An entry page is read if its frame's origin is not so many times as far, squared. */
#define ENTRY_FRAMES 9

void
pgr_hnsw_walk_begin(PgrHnswWalk *w, PgrHnswHits *hits)
{
	const PgrHnswIndex *ix = hits->ix;
	uint32		edges = Max(ix->meta.degree, PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta));

	w->hits = hits;
	w->margin = DEVIATIONS(ix->meta.dim) * (hits->keep_codes ? INSERT_MARGIN : 1);
	w->margin_on = Max(w->margin, DEVIATIONS_ON);
	w->sums = palloc(2 * edges * sizeof(int32));
	w->estimates = palloc(edges * sizeof(float));
}

void
pgr_hnsw_walk_end(PgrHnswWalk *w)
{
	pgr_hnsw_candidates_free(&w->hits->others, &w->candidates);
	pgr_hnsw_candidates_free(&w->hits->others, &w->deferred);
}

/* ----------
 * Candidates
 * ----------
 */

/* How near a node may be: what the walk takes it for. */
static inline float
optimistic(float margin, const PgrHnswVisited *node)
{
	return node->estimate - margin * node->error;
}

/*
 * One more estimate of a node, by an edge that leads to it. The directions of edges differ and
 * so do their errors, so together they tell more than each: the estimates' mean, weighted by
 * squared errors, is what counts (departure (3)). Makes the node a candidate if it is within
 * the limit and was none, or seems nearer than before by NEARER. The visited set and the
 * candidates have room for it: a page is locked.
 */
static inline void
add_estimate(PgrHnswWalk *w, PgrHnswHits *h, PgrHnswId id, float estimate, float error,
			 float limit)
{
	bool		found;
	PgrHnswVisited *node = pgr_hnsw_meet(h->visited, id, &found);
	float		margin = w->margin;
	float		before = INFINITY;
	float		key;

	if (!found)
	{
		node->estimate = estimate;
		node->error = error;
		h->unvisited++;
	}
	else if (node->error < 0)
		return;
	else
	{
		float		old2 = node->error * node->error;
		float		share = old2 / (old2 + error * error);

		/* squares that overflow or vanish give no number: then each counts for half */
		if (!(share <= 1))
			share = 0.5f;
		before = optimistic(margin, node);
		node->estimate += share * (estimate - node->estimate);
		node->error = sqrtf(share) * error;
	}
	key = optimistic(margin, node);
	if (key < limit && (before >= limit || before - key > NEARER * node->error))
		pgr_hnsw_push(&w->candidates, key, id);
}

/*
 * Takes the first candidate, which is to be visited now unless it was, or its estimate has
 * become larger since: then false.
 */
static bool
take_candidate(PgrHnswWalk *w, float limit, PgrHnswId *id)
{
	PgrHnswCandidate first = w->candidates.at[0];
	PgrHnswVisited *node = pgr_hnsw_visited_lookup(w->hits->visited, first.id);
	float		now = optimistic(w->margin, node);

	if (node->error >= 0 && now > first.key && now < limit)
	{
		pgr_hnsw_replace(&w->candidates, (PgrHnswCandidate) {now, first.id});
		return false;
	}
	*id = pgr_hnsw_pop(&w->candidates);
	if (node->error < 0 || now > first.key)
		return false;
	node->error = -1;
	w->hits->unvisited--;
	return true;
}

/* An entry point becomes a node met, for which there is room, with an estimate that stays. */
static void
meet_entry(PgrHnswHits *h, PgrHnswId id, float estimate)
{
	bool		found;
	PgrHnswVisited *node = pgr_hnsw_meet(h->visited, id, &found);

	if (found)
		return;
	node->estimate = estimate;
	node->error = 0;
	h->unvisited++;
}

/*
 * Makes candidates anew of those nodes met that were not visited and are within the limit, by
 * the margin that holds now, entry points that were deferred too. False if there are none. No
 * page is locked; allocates in the hits' context.
 */
static bool
reopen(PgrHnswWalk *w, float limit)
{
	PgrHnswHits *h = w->hits;
	pgr_hnsw_visited_iterator at;
	PgrHnswVisited *node;

	pgr_hnsw_hits_room(h, 0, NULL, w->deferred.n);
	for (uint32 i = 0; i < w->deferred.n; i++)
		meet_entry(h, w->deferred.at[i].id, w->deferred.at[i].key);
	w->deferred.n = 0;
	w->candidates.n = 0;
	pgr_hnsw_reserve(h->context, &h->others, &w->candidates, h->unvisited);
	pgr_hnsw_visited_start_iterate(h->visited, &at);
	while ((node = pgr_hnsw_visited_iterate(h->visited, &at)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (!(node->error < 0) && !(optimistic(w->margin, node) > limit))
			pgr_hnsw_push(&w->candidates, optimistic(w->margin, node), node->id);
	}
	return w->candidates.n > 0;
}

/*
 * Drops candidates that are there twice or beyond the limit, if enough were added since the
 * last time, and frees what they took. False if the search is still over its budget.
 */
static bool
compact(PgrHnswWalk *w, float limit)
{
	PgrHnswCandidates *c = &w->candidates;

	/* it must not become what the search does all the time */
	if (c->n < 1024 || c->n / 2 < w->compacted)
		return false;
	reopen(w, limit);
	w->hits->others -= (c->size - Max(c->n, 1024)) * sizeof(PgrHnswCandidate);
	c->size = Max(c->n, 1024);
	c->at = repalloc_huge(c->at, c->size * sizeof(PgrHnswCandidate));
	w->compacted = c->n;
	return !pgr_hnsw_hits_over(w->hits);
}

/* ----------
 * Visiting nodes
 * ----------
 */

/*
 * An estimate of each of the node's neighbours, whose page is locked; the node is at that
 * distance. Nothing is allocated.
 */
static void
add_neighbours(PgrHnswWalk *w, const PgrHnswView *view, const PgrHnswNode *node, double distance,
			   float limit)
{
	PgrHnswHits *h = w->hits;
	const PgrHnswMeta *meta = &h->ix->meta;
	uint32		n = Min(node->nedges, meta->degree);
	float		spread = pgr_edge_spread(&node->head, distance, meta->edge_bits);

	pgr_edge_estimate(&view->query, distance, PGR_HNSW_EDGES(meta, node), PGR_HNSW_EDGE_SIZE(meta),
					  offsetof(PgrHnswEdge, factors), PGR_HNSW_EDGE_BITS(meta), n,
					  w->sums, w->estimates);
	h->ix->counters->codes += n;
	for (uint32 i = 0; i < n; i++)
	{
		const PgrHnswEdge *edge = PGR_HNSW_EDGE(meta, node, i);

		add_estimate(w, h, edge->id, w->estimates[i], spread * fabsf(edge->factors.rescale),
					 limit);
	}
}

/*
 * A node, its page locked, shared, and the point as its code sees it. The view is made, and
 * allocated, before the lock is taken.
 */
static const PgrHnswNode *
read_viewed(PgrHnswHits *h, PgrHnswId id, const PgrHnswView **view, Buffer *buffer)
{
	for (;;)
	{
		const PgrHnswNode *node = pgr_hnsw_node_read_links(h->ix, id, h->scratch, buffer);
		uint32		frame = node->frame;

		*view = h->point->views[frame];
		if (*view != NULL)
			return node;
		UnlockReleaseBuffer(*buffer);
		pgr_hnsw_view(h->point, frame);
	}
}

/*
 * Visits a node: its own distance makes it a hit, its edges make candidates. A
 * slot that has been freed since it was met, or reused, does no harm: no row
 * in it is visible to a snapshot older than that (README, "Vacuum"). No lock on entry or exit;
 * allocates before it takes one.
 */
static void
visit(PgrHnswWalk *w, PgrHnswId id, uint32 ef)
{
	PgrHnswHits *h = w->hits;
	const PgrHnswIndex *ix = h->ix;
	const PgrHnswNode *node;
	const PgrHnswView *view;
	Buffer		buffer;
	double		distance = 0;
	bool		hit = false;

	pgr_hnsw_hits_room(h, 1, &w->candidates, ix->meta.degree);
	node = read_viewed(h, id, &view, &buffer);
	h->nvisited++;
	ix->counters->nodes++;
	PGR_HNSW_LOCKED();
	if (node->flags & PGR_HNSW_USED)
	{
		hit = pgr_hnsw_hits_add(h, id, view, node, &distance);
		if (hit && h->filter == NULL)
			pgr_hnsw_kept_push(h, ef, (float) distance);
		add_neighbours(w, view, node, distance, pgr_hnsw_worst_kept(h, ef));
	}
	PGR_HNSW_UNLOCKING();
	UnlockReleaseBuffer(buffer);
	if (h->filter == NULL)
		return;
	pgr_hnsw_visited_lookup(h->visited, id)->named = 1;
	if (hit && pgr_hnsw_hits_confirm(h))
		pgr_hnsw_kept_push(h, ef, (float) distance);
}

/* ----------
 * Entry points
 * ----------
 */

/*
 * Scores the entry points, all of which are deferred. If there are several frames, only those
 * of frames whose origins are not much farther than the nearest one's. Locks an entry page at
 * a time, for which it allocates before.
 */
static void
score_entries(PgrHnswWalk *w, bool all)
{
	PgrHnswHits *h = w->hits;
	const PgrHnswMeta *meta = &h->ix->meta;
	double		most = all ? INFINITY : pgr_hnsw_near_frame(h->point) * ENTRY_FRAMES;

	for (uint32 p = 0; p < meta->entry_pages; p++)
	{
		const PgrHnswView *view;
		Buffer		buffer;
		Page		page;
		uint32		n;

		if (!all && pgr_hnsw_point_distance(h->point, meta->entry_frame[p]) > most)
			continue;
		view = pgr_hnsw_view(h->point, meta->entry_frame[p]);
		pgr_hnsw_reserve(h->context, &h->others, &w->deferred, PGR_HNSW_ENTRIES_PER_PAGE(meta));
		n = pgr_hnsw_entry_page(h->ix, p, BUFFER_LOCK_SHARE, &buffer);
		PGR_HNSW_LOCKED();
		page = BufferGetPage(buffer);
		if (n > 0)
			pgr_edge_estimate(&view->query, view->head.norm2, PGR_HNSW_ENTRY(meta, page, 0),
							  PGR_HNSW_EDGE_SIZE(meta), offsetof(PgrHnswEdge, factors),
							  PGR_HNSW_EDGE_BITS(meta), n, w->sums, w->estimates);
		h->ix->counters->codes += n;
		for (uint32 i = 0; i < n; i++)
			w->deferred.at[w->deferred.n++] =
				(PgrHnswCandidate) {w->estimates[i], PGR_HNSW_ENTRY(meta, page, i)->id};
		PGR_HNSW_UNLOCKING();
		UnlockReleaseBuffer(buffer);
	}
}

/* The nearest few entry points become candidates without a limit. No lock on entry or exit. */
static void
start(PgrHnswWalk *w)
{
	PgrHnswHits *h = w->hits;
	PgrHnswCandidates *d = &w->deferred;
	bool		all = h->ix->meta.nframes <= 1 || h->point->value == NULL ||
		!pgr_vecspace_is_euclidean(&h->ix->space);
	uint32		starts;

	score_entries(w, all);
	if (d->n == 0 && !all)
		score_entries(w, true);
	starts = pgr_graph_starts(pgr_hnsw_count_estimate(h->ix), d->n);
	pgr_hnsw_hits_room(h, 0, &w->candidates, starts);
	for (uint32 k = 0; k < starts && d->n > 0; k++)
	{
		uint32		best = 0;

		for (uint32 i = 1; i < d->n; i++)
			if (d->at[i].key < d->at[best].key)
				best = i;
		meet_entry(h, d->at[best].id, -FLT_MAX);
		pgr_hnsw_push(&w->candidates, -FLT_MAX, d->at[best].id);
		d->at[best] = d->at[--d->n];
	}
	w->started = true;
}

/*
 * Each round takes a candidate away, gives one its larger estimate or ends, and a node becomes
 * a candidate again only for a lower one, so the walk ends on damaged pages too. Memory is
 * asked for before each visit: one visit adds at most a node's degree.
 */
PgrHnswWalked
pgr_hnsw_walk(PgrHnswWalk *w, uint32 ef)
{
	PgrHnswHits *h = w->hits;

	pgr_hnsw_kept_reset(h, ef);
	if (!w->started)
		start(w);
	else
	{
		w->margin = w->margin_on;
		reopen(w, h->kept.n < ef ? INFINITY : h->kept.at[0]);
	}
	for (;;)
	{
		PgrHnswId	id;

		CHECK_FOR_INTERRUPTS();
		if (w->candidates.n == 0)
		{
			/* fewer than ef so far: whatever the limit kept out is wanted now */
			if (h->kept.n < ef && reopen(w, INFINITY))
				continue;
			return h->unvisited > 0 || w->deferred.n > 0 ? PGR_HNSW_WALK_FOUND
				: PGR_HNSW_WALK_EXHAUSTED;
		}
		/* a damaged page may have given a key that is no number: it goes last, but goes */
		if (h->kept.n == ef && !(w->candidates.at[0].key < h->kept.at[0]))
			return PGR_HNSW_WALK_FOUND;
		if (w->lists != NULL && pgr_hnsw_lists_are_cheaper(w->lists, ef))
			return PGR_HNSW_WALK_TURN;
		if (pgr_hnsw_hits_over(h))
		{
			if (!compact(w, h->kept.n < ef ? INFINITY : h->kept.at[0]))
				return PGR_HNSW_WALK_FOUND;
			continue;
		}
		if (take_candidate(w, pgr_hnsw_worst_kept(h, ef), &id))
			visit(w, id, ef);
	}
}
