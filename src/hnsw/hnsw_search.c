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

#include "hnsw/hnsw_search.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Standard deviations by which a neighbour may be nearer than its estimate says and still
 * be met by the walk: more where few others are as near. A walk that goes on has more,
 * because a row that it meets too late is left out. Measured: README, "Search".
 */
#define DEVIATIONS(dim) ((dim) <= 4 ? 3.0f : (dim) <= 16 ? 1.5f : 1.0f)
#define DEVIATIONS_ON 1.5f

/* of that margin, the share of a search for the neighbours of a new node */
#define INSERT_MARGIN 0.6f

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

/* ----------
 * Bound
 * ----------
 */

/* Takes a distance into the bound: the ef smallest are kept, largest on top. */
static void
bound_push(PgrHnswSearch *s, uint32 ef, float distance)
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

static inline float
bound_limit(const PgrHnswSearch *s, uint32 ef)
{
	return s->nbound < ef ? FLT_MAX : s->bound[0];
}

/* Starts the bound anew for a larger ef, from the hits there are. */
static void
bound_reset(PgrHnswSearch *s, uint32 ef)
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
		bound_push(s, ef, (float) s->hits[i].distance);
}

/* ----------
 * Visiting nodes
 * ----------
 */

/* What makes inner products distances: src/quant/README. */
static double
further_coordinate(const PgrHnswSearch *s, const PgrCode8 *head)
{
	double		square = (double) s->ix->meta.max_aux + head->aux;

	return square > 0 ? sqrt(square) : 0;
}

PgrHnswSearch *
pgr_hnsw_search_begin(const PgrHnswIndex *ix, const int8 *code, const PgrCode8 *head,
					  bool keep_codes)
{
	PgrHnswSearch *s = palloc0(sizeof(PgrHnswSearch));
	uint32		edges = Max(ix->meta.degree, PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta));

	s->ix = ix;
	s->context = CurrentMemoryContext;
	s->code = code;
	s->head = *head;
	s->keep_codes = keep_codes;
	s->augmented = keep_codes && ix->cls->space == PGR_DISTANCE_NEG_IP;
	s->further = further_coordinate(s, head);
	s->margin = DEVIATIONS(ix->meta.dim) * (keep_codes ? INSERT_MARGIN : 1);
	s->margin_on = Max(s->margin, DEVIATIONS_ON);
	pgr_edge_query(&s->query, head, code, ix->meta.padded, ix->meta.edge_bits);
	s->seen = pgr_hnsw_seen_create(s->context, 1024, NULL);
	s->sweep_block = ix->meta.node_block;
	s->sums = palloc(2 * edges * sizeof(int32));
	s->estimates = palloc(edges * sizeof(float));
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

/* True if the id was not seen before. */
static bool
see(PgrHnswSearch *s, PgrHnswId id)
{
	PgrHnswSeen *entry;
	bool		found;

	entry = pgr_hnsw_seen_insert(s->seen, id, &found);
	if (!found)
		entry->met = 0;
	return !found;
}

void
pgr_hnsw_search_exclude(PgrHnswSearch *s, PgrHnswId id)
{
	see(s, id);
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
 * passes or it has rows elsewhere.
 */
static bool
add_hit(PgrHnswSearch *s, PgrHnswId id, const PgrHnswNode *node, double distance)
{
	PgrHnswHit *hit = &s->hits[s->nhits];
	const PgrHnswMeta *meta = &s->ix->meta;

	hit->distance = distance;
	hit->error = (float) pgr_code8_error(&s->head, &node->head, meta->padded,
										 distance - node->head.aux);
	hit->generation = node->generation;
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
	{
		memcpy(s->codes + (Size) s->nhits * s->ix->meta.padded,
			   PGR_HNSW_CODE(&s->ix->meta, node), s->ix->meta.padded);
		s->heads[s->nhits] = node->head;
	}
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

/* what a hit is judged by, where it is not node_distance */
static double
augmented_distance(const PgrHnswSearch *s, const PgrHnswNode *node)
{
	return pgr_code8_pair_distance(&s->head, s->code, &node->head,
								   PGR_HNSW_CODE(&s->ix->meta, node), s->ix->meta.padded,
								   s->ix->meta.max_aux);
}

/*
 * From an edge's estimate, |q - x|^2 - |x|^2 of the originals, to the augmented
 * distance. It takes the end's further coordinate, which the edge does not have;
 * that of the node, to which it is near, stands for it.
 */
static float
augment(const PgrHnswSearch *s, double from)
{
	return s->augmented
		? (float) (s->ix->meta.max_aux + s->further * (s->further - 2 * from)) : 0;
}

static double
node_distance(const PgrHnswSearch *s, const PgrHnswNode *node)
{
	return pgr_code8_distance(&s->head, s->code, &node->head,
							  PGR_HNSW_CODE(&s->ix->meta, node), s->ix->meta.padded);
}

/*
 * Sorts the node's neighbours, scored, into those to visit and those beyond the
 * bound. The key is the estimate less a margin for its error.
 */
static void
add_neighbours(PgrHnswSearch *s, const PgrHnswNode *node, double distance, float limit)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	uint32		n = Min(node->nedges, meta->degree);
	float		spread = pgr_edge_error(meta->edge_bits) *
		sqrtf((float) Max(distance - node->head.aux, 0));
	float		shift = augment(s, further_coordinate(s, &node->head));

	pgr_edge_estimate(&s->query, distance, PGR_HNSW_EDGES(meta, node), PGR_HNSW_EDGE_SIZE(meta),
					  offsetof(PgrHnswEdge, factors), PGR_HNSW_EDGE_BITS(meta), n,
					  s->sums, s->estimates);
	s->ix->counters->codes += n;
	for (uint32 i = 0; i < n; i++)
	{
		const PgrHnswEdge *edge = PGR_HNSW_EDGE(meta, node, i);
		float		error = spread * fabsf(edge->factors.rescale);
		float		key = s->estimates[i] + shift - s->margin * error;

		if (!(key < limit))
			s->later.at[s->later.n++] =
				(PgrHnswCandidate) {key - (s->margin_on - s->margin) * error, edge->id};
		else if (see(s, edge->id))
			pgr_hnsw_push(&s->open, key, edge->id);
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
	Buffer		buffer;
	double		distance = 0;
	double		judged = 0;
	bool		hit = false;

	hits_reserve(s, 1);
	pgr_hnsw_reserve(s->context, &s->open, ix->meta.degree);
	pgr_hnsw_reserve(s->context, &s->later, ix->meta.degree);
	node = pgr_hnsw_node_read_links(ix, id, s->scratch, &buffer);
	s->visited++;
	ix->counters->nodes++;
	if (node->flags & PGR_HNSW_USED)
	{
		distance = node_distance(s, node);
		judged = s->augmented ? augmented_distance(s, node) : distance;
		hit = !(node->flags & PGR_HNSW_DEAD) && add_hit(s, id, node, judged);
		if (hit && s->filter == NULL)
			bound_push(s, ef, (float) judged);
		add_neighbours(s, node, distance, bound_limit(s, ef));
	}
	UnlockReleaseBuffer(buffer);
	if (s->filter == NULL)
		return;
	pgr_hnsw_seen_lookup(s->seen, id)->met = 1;
	if (hit && confirm_hit(s))
		bound_push(s, ef, (float) judged);
}

/* Scores the entries; all become candidates, the nearest few without a bound. */
static void
start(PgrHnswSearch *s)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	float		shift = augment(s, s->further);
	uint32		starts;

	for (uint32 p = 0; p < meta->entry_pages; p++)
	{
		Buffer		buffer;
		Page		page;
		uint32		n;

		pgr_hnsw_reserve(s->context, &s->later, PGR_HNSW_ENTRIES_PER_PAGE(meta));
		buffer = pgr_page_read(s->ix->rel, meta->entry_block + p, PGR_PAGE_HNSW_ENTRY,
							   BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		n = ((PgrHnswEntryHead *) PgrPageGetData(page))->count;
		n = Min(n, PGR_HNSW_ENTRIES_PER_PAGE(meta));
		if (n > 0)
			pgr_edge_estimate(&s->query, s->head.norm2, PGR_HNSW_ENTRY(meta, page, 0),
							  PGR_HNSW_EDGE_SIZE(meta), offsetof(PgrHnswEdge, factors),
							  PGR_HNSW_EDGE_BITS(meta), n, s->sums, s->estimates);
		s->ix->counters->codes += n;
		for (uint32 i = 0; i < n; i++)
			s->later.at[s->later.n++] =
				(PgrHnswCandidate) {s->estimates[i] + shift, PGR_HNSW_ENTRY(meta, page, i)->id};
		UnlockReleaseBuffer(buffer);
	}
	starts = pgr_graph_starts(pgr_hnsw_count_estimate(s->ix), s->later.n);
	pgr_hnsw_reserve(s->context, &s->open, starts);
	for (uint32 k = 0; k < starts && s->later.n > 0; k++)
	{
		uint32		best = 0;

		for (uint32 i = 1; i < s->later.n; i++)
			if (s->later.at[i].key < s->later.at[best].key)
				best = i;
		if (see(s, s->later.at[best].id))
			pgr_hnsw_push(&s->open, -FLT_MAX, s->later.at[best].id);
		s->later.at[best] = s->later.at[--s->later.n];
	}
	s->started = true;
}

/* Brings back what lay beyond the bound; false if there is nothing. */
static bool
reopen(PgrHnswSearch *s)
{
	uint32		n = s->later.n;

	pgr_hnsw_reserve(s->context, &s->open, n);
	for (uint32 i = 0; i < n; i++)
		if (see(s, s->later.at[i].id))
			pgr_hnsw_push(&s->open, s->later.at[i].key, s->later.at[i].id);
	s->later.n = 0;
	return s->open.n > 0;
}

/* ----------
 * Filters
 * ----------
 */

/* Makes hits of the nodes on a page that are given, ascending, n > 0; returns how many. */
static uint32
visit_page(PgrHnswSearch *s, const PgrHnswId *ids, uint32 n)
{
	const PgrHnswIndex *ix = s->ix;
	BlockNumber block = PGR_HNSW_BLOCK(&ix->meta, ids[0]);
	uint32		i;

	for (i = 0; i < n && PGR_HNSW_BLOCK(&ix->meta, ids[i]) == block;)
	{
		Page		page;
		Buffer		buffer;
		bool		confirm = false;

		hits_reserve(s, ix->meta.nodes_per_page);
		buffer = pgr_hnsw_node_page(ix, block, BUFFER_LOCK_SHARE, &page);
		for (; !confirm && i < n && PGR_HNSW_BLOCK(&ix->meta, ids[i]) == block; i++)
		{
			const PgrHnswNode *node;

			if (page == NULL)
				continue;
			node = pgr_hnsw_node_links_at(ix, page, ids[i], s->scratch);
			ix->counters->nodes++;
			if (node->flags == PGR_HNSW_USED && add_hit(s, ids[i], node, node_distance(s, node)))
				confirm = s->hits[s->nhits - 1].ntids == 0;
		}
		if (BufferIsValid(buffer))
			UnlockReleaseBuffer(buffer);
		if (confirm)
			confirm_hit(s);
	}
	s->visited++;
	return i;
}

static int
compare_ids(const void *a, const void *b)
{
	PgrHnswId	x = *(const PgrHnswId *) a;
	PgrHnswId	y = *(const PgrHnswId *) b;

	return x < y ? -1 : x > y;
}

/*
 * Visits nodes in the order of their pages; hits among the ef nearest go into the
 * bound. Stops short of that, as what follows does, when the search is above its budget.
 */
static void
visit_nodes(PgrHnswSearch *s, PgrHnswId *ids, uint32 n, uint32 ef)
{
	uint32		before = s->nhits;

	qsort(ids, n, sizeof(PgrHnswId), compare_ids);
	for (uint32 i = 0; i < n;)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_hnsw_search_over(s))
			break;
		i += visit_page(s, ids + i, n - i);
	}
	for (uint32 i = before; ef > 0 && i < s->nhits; i++)
		bound_push(s, ef, (float) s->hits[i].distance);
}

/* True if a node was not visited, nor among the matches before. */
static bool
meet(PgrHnswSearch *s, PgrHnswId id)
{
	PgrHnswSeen *entry;

	see(s, id);
	entry = pgr_hnsw_seen_lookup(s->seen, id);
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
	float		limit = bound_limit(s, ef);

	if (!pgr_hnsw_matches_next(s->matches, &matches, &n))
		return false;
	pgr_hnsw_reserve(s->context, &s->waiting, n);
	for (uint32 i = 0; i < n; i++)
	{
		if (!meet(s, matches[i].id))
			continue;
		pgr_hnsw_push(&s->waiting, matches[i].estimate, matches[i].id);
		bound_push(s, ef, matches[i].estimate);
	}
	*gain = s->nbound > nbound || bound_limit(s, ef) < limit;
	return true;
}

/* Reads lists until those that follow seem to have none of the ef nearest. */
static void
read_lists(PgrHnswSearch *s, uint32 ef)
{
	double		patience = pgr_hnsw_match_patience(s->ix->meta.lists);
	double		least = RESUME_LISTS * s->lists_read;
	bool		gain;

	bound_reset(s, ef);
	for (uint32 i = 0; i < s->waiting.n; i++)
		bound_push(s, ef, s->waiting.at[i].key);
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
	bound_reset(s, ef);
	while (s->waiting.n > 0 && !pgr_hnsw_search_over(s) &&
		   (s->nbound < ef || waiting_lower(s, DIGEST_ERRORS) < bound_limit(s, ef)))
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
		s->matches = pgr_hnsw_matches_begin(s->ix, s->code, &s->head, s->filter);
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

/* The ef nearest, and more, by the lists; false if all that pass were visited. */
static bool
search_lists(PgrHnswSearch *s, uint32 ef)
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

/* Whether the ef nearest are found with less effort by the lists than by going on. */
static bool
lists_are_cheaper(const PgrHnswSearch *s, uint32 ef)
{
	double		share = Min((s->nhits + 1.5) / Max(s->visited, 1), 1);
	double		to_come = Max(VISITS_PER_PASSED * ef / share - s->visited, s->visited);

	return s->visited >= LEAST_VISITS &&
		LISTS_MARGIN * pgr_hnsw_match_effort(s->nodes, share, s->list_pages,
											 s->ix->meta.digest_dims > 0, ef) < to_come;
}

void
pgr_hnsw_search_reserve(PgrHnswSearch *s, uint32 more)
{
	hits_reserve(s, more);
}

bool
pgr_hnsw_search_take(PgrHnswSearch *s, PgrHnswId id, const PgrHnswNode *node)
{
	return add_hit(s, id, node, node_distance(s, node));
}

bool
pgr_hnsw_search_more(PgrHnswSearch *s, uint32 ef)
{
	if (s->complete)
		return false;
	if (s->matches != NULL)
		return search_lists(s, ef);
	bound_reset(s, ef);
	if (!s->started)
		start(s);
	else
	{
		s->margin = s->margin_on;
		reopen(s);
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (s->open.n == 0)
		{
			/* fewer than ef so far: whatever the bound kept out is wanted now */
			if (s->nbound < ef && reopen(s))
				continue;
			return s->later.n > 0;
		}
		/* a damaged page may have given a key that is no number: it goes last, but goes */
		if (s->nbound == ef && !(s->open.at[0].key < s->bound[0]))
			return true;
		if (s->filter != NULL && lists_are_cheaper(s, ef))
			return search_lists(s, ef);
		if (pgr_hnsw_search_over(s) && !pgr_hnsw_search_compact(s))
			return true;
		visit(s, pgr_hnsw_pop(&s->open), ef);
	}
}

uint32
pgr_hnsw_search_hits(const PgrHnswSearch *s, const PgrHnswHit **hits)
{
	*hits = s->hits;
	return s->nhits;
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
