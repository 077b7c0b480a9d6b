/*
 * hnsw_search.c
 *		Best-first search of the graph in pages. See README, "Search".
 *
 * One page is locked (shared) at a time, while its node is scored; nothing
 * waits, allocates or raises under that lock except for reading the further
 * pages of a large node.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_tids.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Standard deviations by which a node may be nearer than its estimate says and still be met by
 * the walk. In few dimensions estimates are so good that what is left is the codes' rounding,
 * which all of a node's have in common. A walk that goes on has more, because a row that it meets
 * too late is left out. Measured: README, "Search"; bench/README.
 */
#define DEVIATIONS(dim) ((dim) <= 4 ? 5.0f : 1.45f)
#define DEVIATIONS_ON 1.5f

/* of that margin, the share of a search for the neighbours of a new node */
#define INSERT_MARGIN 0.45f

/* A candidate moves up when it is nearer by so many standard deviations. */
#define NEARER 0.3f

/* An entry page is read if its frame's origin is not so many times as far, squared. */
#define ENTRY_FRAMES 9

/* ----------
 * Bound
 * ----------
 */

void
pgr_hnsw_bound_push(PgrHnswSearch *s, uint32 ef, float distance)
{
	float	   *b = s->bound;
	uint32		i;

	if (s->nbound == ef)
	{
		if (distance >= b[0])
			return;
		/* replace the largest, then sift down */
		for (i = 0;;)
		{
			uint32		child = 2 * i + 1;

			if (child >= ef)
				break;
			if (child + 1 < ef && b[child + 1] > b[child])
				child++;
			if (distance >= b[child])
				break;
			b[i] = b[child];
			i = child;
		}
		b[i] = distance;
		return;
	}
	for (i = s->nbound++; i > 0; i = (i - 1) / 2)
	{
		uint32		parent = (i - 1) / 2;

		if (b[parent] >= distance)
			break;
		b[i] = b[parent];
	}
	b[i] = distance;
}

void
pgr_hnsw_bound_reset(PgrHnswSearch *s, uint32 ef)
{
	if (ef > s->bound_size)
	{
		if (s->bound != NULL)
			pfree(s->bound);
		s->bound = MemoryContextAllocHuge(s->context, mul_size(ef, sizeof(float)));
		s->bound_size = ef;
	}
	s->nbound = 0;
	for (uint32 i = 0; i < s->nhits; i++)
		pgr_hnsw_bound_push(s, ef, (float) s->hits[i].distance);
}

/* ----------
 * Candidates
 * ----------
 */

/* How near a node may be: what the walk takes it for. */
static inline float
optimistic(const PgrHnswSearch *s, const PgrHnswSeen *seen)
{
	return seen->estimate - s->margin * seen->error;
}

/*
 * One more estimate of a node, by an edge that leads to it. The directions of edges differ and
 * so do their errors, so together they tell more than each: the estimates' mean, weighted by
 * squared errors, is what counts. Adds the node to open, which has room, if it is within the
 * limit and was not, or seems nearer than before by NEARER.
 */
static inline void
add_estimate(PgrHnswSearch *s, PgrHnswId id, float estimate, float error, float limit)
{
	bool		found;
	PgrHnswSeen *seen = pgr_hnsw_see(s, id, &found);
	float		before = INFINITY;
	float		key;

	if (!found)
	{
		seen->estimate = estimate;
		seen->error = error;
		s->unvisited++;
	}
	else if (seen->error < 0)
		return;
	else
	{
		float		old2 = seen->error * seen->error;
		float		share = old2 / (old2 + error * error);

		/* squares that overflow or vanish give no number: then each counts for half */
		if (!(share <= 1))
			share = 0.5f;
		before = optimistic(s, seen);
		seen->estimate += share * (estimate - seen->estimate);
		seen->error = sqrtf(share) * error;
	}
	key = optimistic(s, seen);
	if (key < limit && (before >= limit || before - key > NEARER * seen->error))
		pgr_hnsw_push(&s->open, key, id);
}

/*
 * Takes the first of open, which is to be visited now unless it was, or its estimate has
 * become larger since: then false.
 */
static bool
take_open(PgrHnswSearch *s, float limit, PgrHnswId *id)
{
	PgrHnswCandidate first = s->open.at[0];
	PgrHnswSeen *seen = pgr_hnsw_seen_lookup(s->seen, first.id);
	float		now = optimistic(s, seen);

	if (seen->error >= 0 && now > first.key && now < limit)
	{
		pgr_hnsw_replace(&s->open, (PgrHnswCandidate) {now, first.id});
		return false;
	}
	*id = pgr_hnsw_pop(&s->open);
	if (seen->error < 0 || now > first.key)
		return false;
	seen->error = -1;
	s->unvisited--;
	return true;
}

/* An entry becomes a node met, with an estimate that others do not change. */
static void
see_entry(PgrHnswSearch *s, PgrHnswId id, float estimate)
{
	bool		found;
	PgrHnswSeen *seen = pgr_hnsw_see(s, id, &found);

	if (found)
		return;
	seen->estimate = estimate;
	seen->error = 0;
	s->unvisited++;
}

bool
pgr_hnsw_reopen(PgrHnswSearch *s, float limit)
{
	pgr_hnsw_seen_iterator at;
	PgrHnswSeen *seen;

	for (uint32 i = 0; i < s->later.n; i++)
		see_entry(s, s->later.at[i].id, s->later.at[i].key);
	s->later.n = 0;
	s->open.n = 0;
	pgr_hnsw_reserve(s->context, &s->open, s->unvisited);
	pgr_hnsw_seen_start_iterate(s->seen, &at);
	while ((seen = pgr_hnsw_seen_iterate(s->seen, &at)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (!(seen->error < 0) && !(optimistic(s, seen) > limit))
			pgr_hnsw_push(&s->open, optimistic(s, seen), seen->id);
	}
	return s->open.n > 0;
}

/* ----------
 * Visiting nodes
 * ----------
 */

PgrHnswSearch *
pgr_hnsw_search_begin(const PgrHnswIndex *ix, PgrHnswPoint *point, bool keep_codes)
{
	PgrHnswSearch *s = palloc0(sizeof(PgrHnswSearch));
	uint32		edges = Max(ix->meta.degree, PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta));

	s->ix = ix;
	s->context = CurrentMemoryContext;
	s->given = s->point = point;
	if (keep_codes && !pgr_vecspace_is_euclidean(&ix->space))
	{
		s->point = palloc(sizeof(PgrHnswPoint));
		pgr_hnsw_point_stretch(point, s->point);
	}
	pgr_hnsw_view_query(s->point, s->point->frame);
	s->keep_codes = keep_codes;
	s->margin = DEVIATIONS(ix->meta.dim) * (keep_codes ? INSERT_MARGIN : 1);
	s->margin_on = Max(s->margin, DEVIATIONS_ON);
	s->seen = pgr_hnsw_seen_create(s->context, 1024, NULL);
	s->sweep_block = ix->meta.node_block;
	s->sums = palloc(2 * edges * sizeof(int32));
	s->estimates = palloc(edges * sizeof(float));
	if (keep_codes)
		s->floats = palloc(ix->meta.padded * sizeof(float));
	if (ix->meta.parts > 1)
		s->scratch = palloc(ix->meta.node_size);
	return s;
}

void
pgr_hnsw_search_filter(PgrHnswSearch *s, const PgrFilter *filter)
{
	s->filter = filter;
	s->nodes = pgr_hnsw_count_estimate(s->ix);
	s->list_pages = pgr_hnsw_list_pages(s->ix);
	s->slot_tids = MemoryContextAlloc(s->context, PGR_HNSW_SLOT_TIDS(&s->ix->meta) *
									  sizeof(ItemPointerData));
	s->complete = pgr_filter_never(filter);
}

void
pgr_hnsw_search_exclude(PgrHnswSearch *s, PgrHnswId id)
{
	bool		found;

	pgr_hnsw_see(s, id, &found);
}

static void
hits_reserve(PgrHnswSearch *s, uint32 more)
{
	Size		size = s->hits_size == 0 ? 64 : mul_size(s->hits_size, 2);

	if (s->hits_size - s->nhits >= more)
		return;
	while (size - s->nhits < more)
		size = mul_size(size, 2);
	if (s->hits == NULL)
		s->hits = MemoryContextAllocHuge(s->context, size * sizeof(PgrHnswHit));
	else
		s->hits = repalloc_huge(s->hits, mul_size(size, sizeof(PgrHnswHit)));
	if (s->keep_codes && s->codes == NULL)
	{
		s->codes = MemoryContextAllocHuge(s->context, mul_size(size, s->ix->meta.padded));
		s->heads = MemoryContextAllocHuge(s->context, mul_size(size, sizeof(PgrCode8)));
	}
	else if (s->keep_codes)
	{
		s->codes = repalloc_huge(s->codes, mul_size(size, s->ix->meta.padded));
		s->heads = repalloc_huge(s->heads, mul_size(size, sizeof(PgrCode8)));
	}
	s->hits_size = size;
}

/*
 * Adds a live node to the hits, in memory reserved before, if one of its rows
 * passes or it has rows elsewhere. view: of its frame.
 */
static bool
add_hit(PgrHnswSearch *s, PgrHnswId id, const PgrHnswView *view, const PgrHnswNode *node,
		double distance)
{
	PgrHnswHit *hit = &s->hits[s->nhits];
	const PgrHnswMeta *meta = &s->ix->meta;

	hit->distance = distance;
	hit->error = (float) pgr_code8_error(&view->head, &node->head, meta->padded, distance);
	hit->generation = node->generation;
	hit->frame = node->frame;
	hit->id = id;
	hit->more = node->more;
	hit->ntids = 0;
	for (uint32 i = 0; i < Min(node->ntids, PGR_HNSW_INLINE_TIDS); i++)
	{
		const char *item = PGR_HNSW_ITEM(meta, node, i);

		if (s->filter == NULL || pgr_filter_match(s->filter, PGR_HNSW_ITEM_FILTER(item)))
			hit->tids[hit->ntids++] = *PGR_HNSW_ITEM_TID(item);
	}
	if (hit->ntids == 0 && hit->more == PGR_HNSW_NO_ID)
		return false;
	if (s->keep_codes)
		pgr_hnsw_bring_home(s->point, node->frame, &node->head, PGR_HNSW_CODE(meta, node),
							s->floats, &s->heads[s->nhits],
							s->codes + (Size) s->nhits * meta->padded);
	s->nhits++;
	return true;
}

/*
 * Takes the last hit away if only rows in TIDS slots could pass and none does.
 * No page is locked.
 */
static bool
confirm_hit(PgrHnswSearch *s)
{
	PgrHnswHit *hit = &s->hits[s->nhits - 1];
	PgrHnswChain chain = PGR_HNSW_CHAIN(hit->id, hit->generation, hit->more);

	if (hit->ntids > 0 || s->filter == NULL)
		return true;
	while (chain.slot != PGR_HNSW_NO_ID)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_hnsw_slot_tids(s->ix, &chain, s->filter, s->slot_tids) > 0)
			return true;
	}
	s->nhits--;
	return false;
}

static double
node_distance(const PgrHnswSearch *s, const PgrHnswView *view, const PgrHnswNode *node)
{
	return pgr_code8_distance(&view->head, view->code, &node->head,
							  PGR_HNSW_CODE(&s->ix->meta, node), s->ix->meta.padded);
}

/* An estimate of each of the node's neighbours; the node is at that distance. */
static void
add_neighbours(PgrHnswSearch *s, const PgrHnswView *view, const PgrHnswNode *node,
			   double distance, float limit)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	uint32		n = Min(node->nedges, meta->degree);
	float		spread = pgr_edge_spread(&node->head, distance, meta->edge_bits);

	pgr_edge_estimate(&view->query, distance, PGR_HNSW_EDGES(meta, node), PGR_HNSW_EDGE_SIZE(meta),
					  offsetof(PgrHnswEdge, factors), PGR_HNSW_EDGE_BITS(meta), n,
					  s->sums, s->estimates);
	s->ix->counters->codes += n;
	for (uint32 i = 0; i < n; i++)
	{
		const PgrHnswEdge *edge = PGR_HNSW_EDGE(meta, node, i);

		add_estimate(s, edge->id, s->estimates[i], spread * fabsf(edge->factors.rescale), limit);
	}
}

/* A node, its page locked, and the point as its code sees it. */
static const PgrHnswNode *
read_seen(PgrHnswSearch *s, PgrHnswId id, const PgrHnswView **view, Buffer *buffer)
{
	for (;;)
	{
		const PgrHnswNode *node = pgr_hnsw_node_read_links(s->ix, id, s->scratch, buffer);
		uint32		frame = node->frame;

		*view = pgr_hnsw_search_view(s, node);
		if (*view != NULL)
			return node;
		UnlockReleaseBuffer(*buffer);
		pgr_hnsw_view(s->point, frame);
	}
}

/*
 * Visits a node: its own distance makes it a hit, its edges make candidates. A
 * slot that has been freed since it was seen, or reused, does no harm: no row
 * in it is visible to a snapshot older than that (README, "Vacuum").
 */
static void
visit(PgrHnswSearch *s, PgrHnswId id, uint32 ef)
{
	const PgrHnswIndex *ix = s->ix;
	const PgrHnswNode *node;
	const PgrHnswView *view;
	Buffer		buffer;
	double		distance = 0;
	bool		hit = false;

	hits_reserve(s, 1);
	pgr_hnsw_reserve(s->context, &s->open, ix->meta.degree);
	node = read_seen(s, id, &view, &buffer);
	s->visited++;
	ix->counters->nodes++;
	if (node->flags & PGR_HNSW_USED)
	{
		distance = node_distance(s, view, node);
		hit = !(node->flags & PGR_HNSW_DEAD) && add_hit(s, id, view, node, distance);
		if (hit && s->filter == NULL)
			pgr_hnsw_bound_push(s, ef, (float) distance);
		add_neighbours(s, view, node, distance, pgr_hnsw_bound_limit(s, ef));
	}
	UnlockReleaseBuffer(buffer);
	if (s->filter == NULL)
		return;
	pgr_hnsw_seen_lookup(s->seen, id)->met = 1;
	if (hit && confirm_hit(s))
		pgr_hnsw_bound_push(s, ef, (float) distance);
}

/*
 * Scores the entries; all become candidates. If there are several frames, only those of
 * frames whose origins are not much farther than the nearest one's.
 */
static void
score_entries(PgrHnswSearch *s, bool all)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	double		most = all ? INFINITY : pgr_hnsw_near_frame(s->point) * ENTRY_FRAMES;

	for (uint32 p = 0; p < meta->entry_pages; p++)
	{
		const PgrHnswView *view;
		Buffer		buffer;
		Page		page;
		uint32		n;

		if (!all && pgr_hnsw_point_distance(s->point, meta->entry_frame[p]) > most)
			continue;
		view = pgr_hnsw_view(s->point, meta->entry_frame[p]);
		pgr_hnsw_reserve(s->context, &s->later, PGR_HNSW_ENTRIES_PER_PAGE(meta));
		n = pgr_hnsw_entry_page(s->ix, p, BUFFER_LOCK_SHARE, &buffer);
		page = BufferGetPage(buffer);
		if (n > 0)
			pgr_edge_estimate(&view->query, view->head.norm2, PGR_HNSW_ENTRY(meta, page, 0),
							  PGR_HNSW_EDGE_SIZE(meta), offsetof(PgrHnswEdge, factors),
							  PGR_HNSW_EDGE_BITS(meta), n, s->sums, s->estimates);
		s->ix->counters->codes += n;
		for (uint32 i = 0; i < n; i++)
			s->later.at[s->later.n++] =
				(PgrHnswCandidate) {s->estimates[i], PGR_HNSW_ENTRY(meta, page, i)->id};
		UnlockReleaseBuffer(buffer);
	}
}

/* The nearest few entries are visited without a bound. */
static void
start(PgrHnswSearch *s)
{
	bool		all = s->ix->meta.nframes <= 1 || s->point->value == NULL ||
		!pgr_vecspace_is_euclidean(&s->ix->space);
	uint32		starts;

	score_entries(s, all);
	if (s->later.n == 0 && !all)
		score_entries(s, true);
	starts = pgr_graph_starts(pgr_hnsw_count_estimate(s->ix), s->later.n);
	pgr_hnsw_reserve(s->context, &s->open, starts);
	for (uint32 k = 0; k < starts && s->later.n > 0; k++)
	{
		uint32		best = 0;

		for (uint32 i = 1; i < s->later.n; i++)
			if (s->later.at[i].key < s->later.at[best].key)
				best = i;
		see_entry(s, s->later.at[best].id, -FLT_MAX);
		pgr_hnsw_push(&s->open, -FLT_MAX, s->later.at[best].id);
		s->later.at[best] = s->later.at[--s->later.n];
	}
	s->started = true;
}

/* ----------
 * Nodes that are given
 * ----------
 */

uint32
pgr_hnsw_search_take(PgrHnswSearch *s, const PgrHnswId *ids, uint32 n, bool *confirm)
{
	const PgrHnswIndex *ix = s->ix;
	BlockNumber block = PGR_HNSW_BLOCK(&ix->meta, ids[0]);
	uint32		frame = PGR_HNSW_NO_FRAME;
	bool		stop = false;
	Page		page;
	Buffer		buffer;
	uint32		i;

	hits_reserve(s, ix->meta.nodes_per_page);
	buffer = pgr_hnsw_node_page(ix, block, BUFFER_LOCK_SHARE, &page);
	/* pages of lists, and further parts of nodes, lie between those of nodes */
	s->no_nodes = page == NULL &&
		(!BufferIsValid(buffer) || (ix->filters == NULL && ix->meta.parts == 1));
	for (i = 0; !stop && i < n && PGR_HNSW_BLOCK(&ix->meta, ids[i]) == block; i++)
	{
		const PgrHnswNode *node;
		const PgrHnswView *view;

		if (page == NULL)
			continue;
		node = pgr_hnsw_node_links_at(ix, page, ids[i], s->scratch);
		view = pgr_hnsw_search_view(s, node);
		if (view == NULL)
		{
			frame = node->frame;
			break;
		}
		ix->counters->nodes++;
		stop = node->flags == PGR_HNSW_USED &&
			add_hit(s, ids[i], view, node, node_distance(s, view, node)) &&
			confirm != NULL && s->hits[s->nhits - 1].ntids == 0;
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	if (frame != PGR_HNSW_NO_FRAME)
		pgr_hnsw_view(s->point, frame);
	if (confirm != NULL)
		*confirm = stop;
	return i;
}

uint32
pgr_hnsw_visit_page(PgrHnswSearch *s, const PgrHnswId *ids, uint32 n)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	uint32		i = 0;

	while (i < n && PGR_HNSW_BLOCK(meta, ids[i]) == PGR_HNSW_BLOCK(meta, ids[0]))
	{
		bool		confirm;

		i += pgr_hnsw_search_take(s, ids + i, n - i, &confirm);
		if (confirm)
			confirm_hit(s);
	}
	s->visited++;
	return i;
}

bool
pgr_hnsw_search_more(PgrHnswSearch *s, uint32 ef)
{
	if (s->complete)
		return false;
	if (s->matches != NULL)
		return pgr_hnsw_search_lists(s, ef);
	pgr_hnsw_bound_reset(s, ef);
	if (!s->started)
		start(s);
	else
	{
		s->margin = s->margin_on;
		pgr_hnsw_reopen(s, s->nbound < ef ? INFINITY : s->bound[0]);
	}
	for (;;)
	{
		PgrHnswId	id;

		CHECK_FOR_INTERRUPTS();
		if (s->open.n == 0)
		{
			/* fewer than ef so far: whatever the bound kept out is wanted now */
			if (s->nbound < ef && pgr_hnsw_reopen(s, INFINITY))
				continue;
			return s->unvisited > 0 || s->later.n > 0;
		}
		/* a damaged page may have given a key that is no number: it goes last, but goes */
		if (s->nbound == ef && !(s->open.at[0].key < s->bound[0]))
			return true;
		if (s->filter != NULL && pgr_hnsw_lists_are_cheaper(s, ef))
			return pgr_hnsw_search_lists(s, ef);
		if (pgr_hnsw_search_over(s))
		{
			if (!pgr_hnsw_search_compact(s, s->nbound < ef ? INFINITY : s->bound[0]))
				return true;
			continue;
		}
		if (take_open(s, pgr_hnsw_bound_limit(s, ef), &id))
			visit(s, id, ef);
	}
}

uint32
pgr_hnsw_search_hits(const PgrHnswSearch *s, const PgrHnswHit **hits)
{
	*hits = s->hits;
	return s->nhits;
}

const PgrHnswView *
pgr_hnsw_search_point(const PgrHnswSearch *s)
{
	return s->given->views[s->given->frame];
}

const int8 *
pgr_hnsw_search_code(const PgrHnswSearch *s, uint32 hit, const PgrCode8 **head)
{
	*head = &s->heads[hit];
	return s->codes + (Size) hit * s->ix->meta.padded;
}

double
pgr_hnsw_search_expected(const PgrHnswSearch *s)
{
	if (s->matches != NULL)
		return (s->nhits + (double) s->waiting.n) * s->ix->meta.lists / Max(s->lists_read, 1);
	return s->nodes * Min((s->nhits + 1.5) / Max(s->visited, 1), 1);
}

uint64
pgr_hnsw_search_visited(const PgrHnswSearch *s)
{
	return s->visited;
}

Size
pgr_hnsw_search_memory(const PgrHnswSearch *s)
{
	return (Size) s->hits_size * sizeof(PgrHnswHit) + (Size) s->bound_size * sizeof(float) +
		((Size) s->open.size + s->later.size + s->waiting.size) * sizeof(PgrHnswCandidate) +
		(Size) s->ntaken * sizeof(PgrHnswId) +
		(s->seen == NULL ? 0 : s->seen->size * sizeof(PgrHnswSeen));
}
