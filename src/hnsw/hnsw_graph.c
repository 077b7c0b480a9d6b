/*
 * hnsw_graph.c
 *		The graph of a build in memory. See hnsw_graph.h and README, "Build".
 *
 * Everything a process needs while it works is in its scratch memory; nothing
 * is allocated here and nothing can fail.
 */
#include "hnsw/hnsw_graph.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#define ALIGN64(x) (((size_t) (x) + 63) / 64 * 64)

/* spins before the processor is given to whoever holds the lock */
#define SPINS_PER_YIELD 1000

/* nodes that are asked for before they are needed; few, so that requests spread over the work */
#define AHEAD 4

/* A candidate of a search. */
typedef struct PoolEntry
{
	float		distance;
	uint32_t	id;
	bool		expanded;
} PoolEntry;

struct PgrGraphScratch
{
	uint16_t	epoch;			/* nodes with this number were seen */
	uint32_t	capacity;
	size_t		pool_offset;	/* PoolEntry, ef_construction */
	size_t		select_offset;	/* float distances, uint32_t chosen */
	size_t		seen_offset;	/* uint16_t, capacity */
	PgrGraphLink links[PGR_GRAPH_MAX_DEGREE];
	float		products[PGR_GRAPH_ENTRIES_MAX];
};

#define SCRATCH(s, type, field) ((type *) ((char *) (s) + (s)->field##_offset))

/* ----------
 * Memory
 * ----------
 */

size_t
pgr_graph_stride(uint32_t dim, uint32_t degree, uint32_t extra)
{
	return ALIGN64(sizeof(PgrGraphNode) + degree * sizeof(PgrGraphLink) + dim + extra);
}

static uint32_t
entry_capacity(uint32_t capacity)
{
	double		want = 2 * sqrt(capacity) + 16;

	return want < PGR_GRAPH_ENTRIES_MAX ? (uint32_t) want : PGR_GRAPH_ENTRIES_MAX;
}

static size_t
entries_size(uint32_t dim, uint32_t entries)
{
	return ALIGN64(entries * sizeof(uint32_t)) + ALIGN64(entries * sizeof(PgrCode8)) +
		(size_t) entries * dim;
}

size_t
pgr_graph_size(uint32_t dim, uint32_t degree, uint32_t extra, uint32_t capacity)
{
	size_t		fixed = ALIGN64(sizeof(PgrGraph)) +
		ALIGN64(entries_size(dim, entry_capacity(capacity)));
	size_t		nodes;

	if (__builtin_mul_overflow(pgr_graph_stride(dim, degree, extra), capacity, &nodes) ||
		__builtin_add_overflow(nodes, fixed, &nodes))
		return 0;
	return nodes;
}

uint32_t
pgr_graph_fit(uint32_t dim, uint32_t degree, uint32_t extra, size_t size, uint32_t limit)
{
	uint32_t	low = 0;
	uint32_t	high = limit < PGR_GRAPH_DIVERSE ? limit : PGR_GRAPH_DIVERSE - 1;

	while (low < high)
	{
		uint32_t	middle = low + (high - low + 1) / 2;
		size_t		need = pgr_graph_size(dim, degree, extra, middle);

		if (need != 0 && need <= size)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

void
pgr_graph_init(PgrGraph *g, uint32_t dim, uint32_t degree, uint32_t extra, uint32_t ef_construction,
			   float max_aux, uint32_t capacity)
{
	memset(g, 0, sizeof(*g));
	g->dim = dim;
	g->degree = degree;
	g->extra = extra;
	g->ef_construction = ef_construction;
	g->max_aux = max_aux;
	g->capacity = capacity;
	g->entry_capacity = entry_capacity(capacity);
	g->stride = pgr_graph_stride(dim, degree, extra);
	g->entry_offset = ALIGN64(sizeof(PgrGraph));
	g->node_offset = g->entry_offset + ALIGN64(entries_size(dim, g->entry_capacity));
}

static uint32_t *
entry_ids(const PgrGraph *g)
{
	return (uint32_t *) ((char *) g + g->entry_offset);
}

static PgrCode8 *
entry_heads(const PgrGraph *g)
{
	return (PgrCode8 *) ((char *) entry_ids(g) + ALIGN64(g->entry_capacity * sizeof(uint32_t)));
}

static int8_t *
entry_codes(const PgrGraph *g)
{
	return (int8_t *) entry_heads(g) + ALIGN64(g->entry_capacity * sizeof(PgrCode8));
}

static size_t
scratch_layout(const PgrGraph *g, PgrGraphScratch *s)
{
	size_t		pool = ALIGN64(sizeof(PgrGraphScratch));
	size_t		select = pool + ALIGN64((g->ef_construction + 1) * sizeof(PoolEntry));
	size_t		seen = select + ALIGN64((g->ef_construction + 1) * 2 * sizeof(float));

	if (s != NULL)
	{
		s->capacity = g->capacity;
		s->pool_offset = pool;
		s->select_offset = select;
		s->seen_offset = seen;
	}
	return seen + (size_t) g->capacity * sizeof(uint16_t);
}

size_t
pgr_graph_scratch_size(const PgrGraph *g)
{
	return scratch_layout(g, NULL);
}

PgrGraphScratch *
pgr_graph_scratch_init(const PgrGraph *g, void *memory)
{
	PgrGraphScratch *s = memory;

	scratch_layout(g, s);
	s->epoch = UINT16_MAX;		/* so that the first search clears */
	return s;
}

/* ----------
 * Locks
 * ----------
 */

static inline void
pause_spinning(uint32_t spins)
{
	if (spins % SPINS_PER_YIELD == SPINS_PER_YIELD - 1)
		sched_yield();
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* Takes a sequence lock: from even to odd. */
static void
lock_sequence(uint32_t *sequence)
{
	for (uint32_t spins = 0;; spins++)
	{
		uint32_t	was = __atomic_load_n(sequence, __ATOMIC_RELAXED);

		if (was % 2 == 0 &&
			__atomic_compare_exchange_n(sequence, &was, was + 1, false,
										__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		{
			__atomic_thread_fence(__ATOMIC_RELEASE);
			return;
		}
		pause_spinning(spins);
	}
}

static void
unlock_sequence(uint32_t *sequence)
{
	__atomic_add_fetch(sequence, 1, __ATOMIC_RELEASE);
}

/* Copies a node's links as they were at one moment; returns their number. */
static uint32_t
read_links(const PgrGraphNode *node, PgrGraphLink *links, uint32_t degree)
{
	for (uint32_t spins = 0;; spins++)
	{
		uint32_t	before = __atomic_load_n(&node->sequence, __ATOMIC_ACQUIRE);

		if (before % 2 == 0)
		{
			uint32_t	n = node->nlinks;

			n = n < degree ? n : degree;
			memcpy(links, node->links, n * sizeof(PgrGraphLink));
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (__atomic_load_n(&node->sequence, __ATOMIC_RELAXED) == before)
				return n;
		}
		pause_spinning(spins);
	}
}

/* ----------
 * Search
 * ----------
 */

static double
distance_to(const PgrGraph *g, const PgrCode8 *head, const int8_t *code, uint32_t id)
{
	const PgrGraphNode *node = pgr_graph_node(g, id);

	return pgr_code8_pair_distance(head, code, &node->head, pgr_graph_code(g, node),
								   g->dim, g->max_aux);
}

static void
next_epoch(PgrGraphScratch *s)
{
	if (s->epoch == UINT16_MAX)
	{
		memset(SCRATCH(s, uint16_t, seen), 0, s->capacity * sizeof(uint16_t));
		s->epoch = 0;
	}
	s->epoch++;
}

static inline bool
see(PgrGraphScratch *s, uint32_t id)
{
	uint16_t   *seen = SCRATCH(s, uint16_t, seen) + id;

	if (*seen == s->epoch)
		return false;
	*seen = s->epoch;
	return true;
}

/* Puts a candidate into the sorted pool of at most ef; gives its position, or ef. */
static uint32_t
pool_add(PoolEntry *pool, uint32_t *n, uint32_t ef, float distance, uint32_t id)
{
	uint32_t	low = 0;
	uint32_t	high = *n;

	if (*n == ef && distance >= pool[ef - 1].distance)
		return ef;
	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (pool[middle].distance <= distance)
			low = middle + 1;
		else
			high = middle;
	}
	if (*n < ef)
		(*n)++;
	memmove(pool + low + 1, pool + low, (*n - 1 - low) * sizeof(PoolEntry));
	pool[low] = (PoolEntry) {distance, id, false};
	return low;
}

/* Scores all entries; the best two start the pool. */
static void
start_pool(const PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
		   PoolEntry *pool, uint32_t *n, uint32_t ef)
{
	uint32_t	entries = __atomic_load_n(&g->nentries, __ATOMIC_ACQUIRE);
	const PgrCode8 *heads = entry_heads(g);
	PoolEntry	best[2] = {{INFINITY, PGR_GRAPH_NONE}, {INFINITY, PGR_GRAPH_NONE}};

	pgr_kernel->many[PGR_ELEM_I8][PGR_METRIC_IP] (code, entry_codes(g), g->dim, entries,
												 g->dim, s->products);
	for (uint32_t i = 0; i < entries; i++)
	{
		float		d = head->norm2 + heads[i].norm2 -
			2 * head->scale * heads[i].scale * s->products[i];

		if (d < best[1].distance)
		{
			best[1] = (PoolEntry) {d, entry_ids(g)[i]};
			if (d < best[0].distance)
			{
				PoolEntry	swap = best[0];

				best[0] = best[1];
				best[1] = swap;
			}
		}
	}
	for (int i = 0; i < 2; i++)
		if (best[i].id != PGR_GRAPH_NONE && see(s, best[i].id))
			pool_add(pool, n, ef, (float) distance_to(g, head, code, best[i].id), best[i].id);
}

/* Adds the unseen neighbours of a node to the pool; the first position changed. */
static uint32_t
expand(const PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
	   uint32_t id, PoolEntry *pool, uint32_t *n, uint32_t ef)
{
	uint32_t	fresh[PGR_GRAPH_MAX_DEGREE];
	uint32_t	nfresh = 0;
	uint32_t	first = ef;
	uint32_t	nlinks = read_links(pgr_graph_node(g, id), s->links, g->degree);

	for (uint32_t i = 0; i < nlinks; i++)
	{
		uint32_t	to = PGR_GRAPH_ID(s->links[i]);

		if (see(s, to))
		{
			if (nfresh < AHEAD)
				pgr_graph_prefetch(g, to);
			fresh[nfresh++] = to;
		}
	}
	for (uint32_t i = 0; i < nfresh; i++)
	{
		uint32_t	at;

		if (i + AHEAD < nfresh)
			pgr_graph_prefetch(g, fresh[i + AHEAD]);
		at = pool_add(pool, n, ef, (float) distance_to(g, head, code, fresh[i]), fresh[i]);

		first = at < first ? at : first;
	}
	return first;
}

/* Fills the pool with the nearest nodes found; returns their number. */
static uint32_t
search_pool(const PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
			uint32_t ef)
{
	PoolEntry  *pool = SCRATCH(s, PoolEntry, pool);
	uint32_t	n = 0;
	uint32_t	at = 0;

	next_epoch(s);
	start_pool(g, s, head, code, pool, &n, ef);
	while (at < n)
	{
		uint32_t	first;

		if (pool[at].expanded)
		{
			at++;
			continue;
		}
		pool[at].expanded = true;
		first = expand(g, s, head, code, pool[at].id, pool, &n, ef);
		at = first <= at ? first : at + 1;
	}
	return n;
}

uint32_t
pgr_graph_search(PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
				 uint32_t ef, PgrGraphLink *out)
{
	PoolEntry  *pool = SCRATCH(s, PoolEntry, pool);
	uint32_t	n = search_pool(g, s, head, code,
								ef < g->ef_construction ? ef : g->ef_construction);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (PgrGraphLink) {pool[i].id, pool[i].distance};
	return n;
}

/* ----------
 * Selection of neighbours
 * ----------
 */

uint32_t
pgr_graph_select(const float *distances, uint32_t n, uint32_t degree,
				 PgrGraphPairFn pair, const void *arg, uint32_t *chosen)
{
	uint32_t	diverse[PGR_GRAPH_MAX_DEGREE];
	uint32_t	ndiverse = 0;
	uint32_t	nchosen = 0;
	uint32_t	others;

	for (uint32_t i = 0; i < n && ndiverse < degree; i++)
	{
		bool		nearer = true;

		for (uint32_t j = 0; nearer && j < ndiverse; j++)
			nearer = pair(arg, i, diverse[j]) > distances[i];
		if (nearer)
			diverse[ndiverse++] = i;
	}
	others = degree - ndiverse;
	for (uint32_t i = 0, d = 0; i < n; i++)
	{
		if (d < ndiverse && diverse[d] == i)
		{
			chosen[nchosen++] = i | PGR_GRAPH_DIVERSE;
			d++;
		}
		else if (others > 0)
		{
			chosen[nchosen++] = i;
			others--;
		}
	}
	return nchosen;
}

typedef struct PoolPair
{
	const PgrGraph *g;
	const PoolEntry *pool;
} PoolPair;

static double
pool_pair(const void *arg, uint32_t a, uint32_t b)
{
	const PoolPair *p = arg;
	const PgrGraphNode *x = pgr_graph_node(p->g, p->pool[a].id);

	return distance_to(p->g, &x->head, pgr_graph_code(p->g, x), p->pool[b].id);
}

/* ----------
 * Insertion
 * ----------
 */

/*
 * Puts a link into its place of a full or growing list, whose lock the caller
 * holds, and drops one if there is no room: the farthest that is not diverse,
 * or else the farthest. Which links are diverse is kept up to date, so that only
 * distances to the new node are computed.
 */
static void
add_link(const PgrGraph *g, PgrGraphNode *node, uint32_t id, float distance)
{
	const PgrGraphNode *added = pgr_graph_node(g, id);
	PgrGraphLink *links = node->links;
	uint32_t	n = node->nlinks;
	uint32_t	at = n;
	bool		diverse = true;

	while (at > 0 && links[at - 1].distance > distance)
		at--;
	for (uint32_t i = 0; i < n; i++)
	{
		if (i + AHEAD < n && (links[i + AHEAD].id & PGR_GRAPH_DIVERSE))
			pgr_graph_prefetch(g, PGR_GRAPH_ID(links[i + AHEAD]));
		if (!(links[i].id & PGR_GRAPH_DIVERSE))
			continue;
		if (i < at && !diverse)
			continue;
		{
			double		d = distance_to(g, &added->head, pgr_graph_code(g, added),
										PGR_GRAPH_ID(links[i]));

			if (i < at)
				diverse = d > distance;
			else if (diverse && d <= links[i].distance)
				links[i].id &= ~PGR_GRAPH_DIVERSE;
		}
	}
	if (n == g->degree)
	{
		uint32_t	drop = n;

		while (drop > 0 && (links[drop - 1].id & PGR_GRAPH_DIVERSE))
			drop--;
		if (drop == 0)
		{
			/* all are diverse: the farthest goes, which may be the new one */
			if (at == n)
				return;
			drop = n;
		}
		else if (!diverse && drop - 1 < at)
			return;				/* the new one is the farthest of the others */
		drop--;
		memmove(links + drop, links + drop + 1, (n - drop - 1) * sizeof(*links));
		n--;
		if (drop < at)
			at--;
	}
	memmove(links + at + 1, links + at, (n - at) * sizeof(*links));
	links[at] = (PgrGraphLink) {id | (diverse ? PGR_GRAPH_DIVERSE : 0), distance};
	node->nlinks = (uint16_t) (n + 1);
}

/* Makes the node a start of searches if there are too few; returns whether. */
static bool
offer_entry(PgrGraph *g, uint32_t id, bool only_first)
{
	uint32_t	n = __atomic_load_n(&g->nentries, __ATOMIC_RELAXED);
	bool		added = false;

	if (only_first ? n > 0 : n >= g->entry_capacity || (double) n * n >= 4.0 * id)
		return false;
	lock_sequence(&g->entry_lock);
	n = g->nentries;
	if (n < g->entry_capacity && (!only_first || n == 0))
	{
		const PgrGraphNode *node = pgr_graph_node(g, id);

		entry_ids(g)[n] = id;
		entry_heads(g)[n] = node->head;
		memcpy(entry_codes(g) + (size_t) n * g->dim, pgr_graph_code(g, node), g->dim);
		__atomic_store_n(&g->nentries, n + 1, __ATOMIC_RELEASE);
		added = true;
	}
	unlock_sequence(&g->entry_lock);
	return added;
}

/* Hangs the node on one of equal value. */
static void
add_duplicate(PgrGraph *g, uint32_t first, uint32_t id)
{
	PgrGraphNode *head = pgr_graph_node(g, first);
	PgrGraphNode *node = pgr_graph_node(g, id);

	node->state = PGR_GRAPH_DUPLICATE;
	lock_sequence(&head->sequence);
	node->next_equal = head->next_equal;
	head->next_equal = id;
	unlock_sequence(&head->sequence);
}

/* Equal to the nearest node found, as far as codes tell. */
static bool
is_duplicate(const PgrGraph *g, const PgrGraphNode *node, uint32_t nearest)
{
	const PgrGraphNode *other = pgr_graph_node(g, nearest);

	return fabsf(node->head.norm2 - other->head.norm2) <= 1e-6f * node->head.norm2 &&
		node->head.scale == other->head.scale &&
		memcmp(pgr_graph_code(g, node), pgr_graph_code(g, other), g->dim) == 0;
}

uint32_t
pgr_graph_reserve(PgrGraph *g)
{
	uint32_t	id = __atomic_load_n(&g->count, __ATOMIC_RELAXED);

	/* a full graph is asked again and again: the count must not wrap */
	if (id >= g->capacity)
		return PGR_GRAPH_NONE;
	id = __atomic_fetch_add(&g->count, 1, __ATOMIC_RELAXED);
	if (id >= g->capacity)
		return PGR_GRAPH_NONE;
	pgr_graph_node(g, id)->sequence = 0;
	pgr_graph_node(g, id)->state = PGR_GRAPH_EMPTY;
	pgr_graph_node(g, id)->nlinks = 0;
	pgr_graph_node(g, id)->next_equal = PGR_GRAPH_NONE;
	return id;
}

uint32_t
pgr_graph_count(const PgrGraph *g)
{
	uint32_t	count = __atomic_load_n(&g->count, __ATOMIC_RELAXED);

	return count < g->capacity ? count : g->capacity;
}

void
pgr_graph_insert(PgrGraph *g, PgrGraphScratch *s, uint32_t id)
{
	PgrGraphNode *node = pgr_graph_node(g, id);
	PoolEntry  *pool = SCRATCH(s, PoolEntry, pool);
	float	   *distances = SCRATCH(s, float, select);
	uint32_t   *chosen = (uint32_t *) (distances + g->ef_construction + 1);
	PoolPair	pair = {g, pool};
	uint32_t	n;

	while ((n = search_pool(g, s, &node->head, pgr_graph_code(g, node), g->ef_construction)) == 0)
		if (offer_entry(g, id, true))
		{
			node->state = PGR_GRAPH_NODE;
			return;
		}
	if (is_duplicate(g, node, pool[0].id))
	{
		add_duplicate(g, pool[0].id, id);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		distances[i] = pool[i].distance;
	n = pgr_graph_select(distances, n, g->degree, pool_pair, &pair, chosen);
	for (uint32_t i = 0; i < n; i++)
	{
		const PoolEntry *to = &pool[chosen[i] & ~PGR_GRAPH_DIVERSE];

		node->links[i] = (PgrGraphLink) {to->id | (chosen[i] & PGR_GRAPH_DIVERSE), to->distance};
		s->links[i] = node->links[i];
	}
	node->nlinks = (uint16_t) n;
	node->state = PGR_GRAPH_NODE;

	/* from here on others find the node */
	for (uint32_t i = 0; i < n; i++)
	{
		PgrGraphNode *to = pgr_graph_node(g, PGR_GRAPH_ID(s->links[i]));

		lock_sequence(&to->sequence);
		add_link(g, to, id, s->links[i].distance);
		unlock_sequence(&to->sequence);
	}
	offer_entry(g, id, false);
}
