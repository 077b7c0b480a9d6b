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

/*
 * Coordinates that a distance is first told from, if there are at least three times as
 * many, and how many standard deviations the whole is allowed to be from that.
 */
#define PART 128
#define PART_DEVIATIONS 2

/* entries to start from, and nodes of each beyond which there are more; pgr_graph_starts */
#define LEAST_STARTS 2
#define NODES_PER_ENTRY 128

/* nodes seen that a search names, so that the next one need not clear all bits */
#define MET_MAX 4096

#define SEEN_WORDS(nodes) (((size_t) (nodes) + 63) / 64)

/* A node where searches may start. The first first_dim() bytes of its code lie elsewhere. */
typedef struct Entry
{
	uint32_t	id;
	float		scale;
	float		norm2;			/* of those bytes */
} Entry;

/* A candidate of a search. */
typedef struct PoolEntry
{
	float		distance;
	uint32_t	id;
	bool		expanded;
} PoolEntry;

struct PgrGraphScratch
{
	uint32_t	nmet;			/* nodes seen, of which met[] names the first */
	uint32_t	capacity;
	size_t		pool_offset;	/* PoolEntry, ef_construction */
	size_t		select_offset;	/* float distances, uint32_t chosen */
	size_t		seen_offset;	/* a bit a node, in uint64_t */
	PgrGraphLink links[PGR_GRAPH_MAX_DEGREE];
	uint32_t	met[MET_MAX];
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
	return ALIGN64(sizeof(PgrGraphNode) + dim + degree * sizeof(PgrGraphLink) + extra);
}

static uint32_t
entry_capacity(uint32_t capacity)
{
	double		want = 2 * sqrt(capacity) + 16;

	return want < PGR_GRAPH_ENTRIES_MAX ? (uint32_t) want : PGR_GRAPH_ENTRIES_MAX;
}

/* coordinates that a distance is first told from, 0: all at once */
static uint32_t
part_of(uint32_t dim)
{
	return dim >= 3 * PART ? PART : 0;
}

/* coordinates that guesses are made from, or all; entries are scored by them */
static uint32_t
first_dim(uint32_t dim)
{
	return part_of(dim) > 0 ? part_of(dim) : dim;
}

static size_t
entries_size(uint32_t dim, uint32_t entries)
{
	return ALIGN64(entries * sizeof(Entry)) + (size_t) entries * first_dim(dim);
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
	g->part = part_of(dim);
	/* of a mean of squares, drawn without replacement from coordinates made alike by rotation */
	g->part_error = g->part == 0 ? 0
		: (float) (PART_DEVIATIONS * sqrt(2.0 / PART * (1 - (double) PART / dim)));
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

static Entry *
entry_heads(const PgrGraph *g)
{
	return (Entry *) ((char *) g + g->entry_offset);
}

static int8_t *
entry_codes(const PgrGraph *g)
{
	return (int8_t *) entry_heads(g) + ALIGN64(g->entry_capacity * sizeof(Entry));
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
	return seen + SEEN_WORDS(g->capacity) * sizeof(uint64_t);
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
	s->nmet = MET_MAX + 1;		/* so that the first search clears */
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
read_links(const PgrGraph *g, const PgrGraphNode *node, PgrGraphLink *links)
{
	for (uint32_t spins = 0;; spins++)
	{
		uint32_t	before = __atomic_load_n(&node->sequence, __ATOMIC_ACQUIRE);

		if (before % 2 == 0)
		{
			uint32_t	n = node->nlinks;

			n = n < g->degree ? n : g->degree;
			memcpy(links, pgr_graph_links(g, node), n * sizeof(PgrGraphLink));
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

/* A vector as distances take it. */
typedef struct Vector
{
	const PgrCode8 *head;
	const int8_t *code;
	float		part_norm2;
} Vector;

static inline Vector
node_vector(const PgrGraph *g, uint32_t id)
{
	const PgrGraphNode *node = pgr_graph_node(g, id);

	return (Vector) {&node->head, node->code, node->part_norm2};
}

static float
part_norm2(const PgrGraph *g, const PgrCode8 *head, const int8_t *code)
{
	return g->part == 0 ? 0 : head->scale * head->scale *
		(float) pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (code, code, g->part);
}

/*
 * Distances in two steps. The first coordinates, three lines of memory instead of 13 at 768
 * dimensions, tell most that are beyond a bound, which is all that is asked of most.
 * (Gao and Long, High-Dimensional Approximate Nearest Neighbor Search, 2023, there in
 * smaller steps.)
 */
typedef struct Guess
{
	float		least;			/* between these the squared distance is very likely */
	float		most;
	double		further;		/* that the last coordinate of inner products adds */
	double		product;		/* of the codes' first g->part bytes */
} Guess;

static inline Guess
guess_distance(const PgrGraph *g, const Vector *a, const Vector *b)
{
	Guess		guess = {0, INFINITY, pgr_code8_pair_further(a->head, b->head, g->max_aux)};
	double		d;

	if (g->part > 0)
	{
		guess.product = pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (a->code, b->code, g->part);
		d = ((double) a->part_norm2 + b->part_norm2 -
			 2.0 * a->head->scale * b->head->scale * guess.product) * g->dim / g->part;
		guess.least = (float) (d / (1 + g->part_error) + guess.further);
		guess.most = (float) (d / (1 - g->part_error) + guess.further);
	}
	return guess;
}

static inline float
complete_distance(const PgrGraph *g, const Vector *a, const Vector *b, const Guess *guess)
{
	double		product = guess->product +
		pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (a->code + g->part, b->code + g->part,
													  g->dim - g->part);
	double		d = (double) a->head->norm2 + b->head->norm2 -
		2.0 * a->head->scale * b->head->scale * product + guess->further;

	return d > 0 ? (float) d : 0;
}

static float
exact_distance(const PgrGraph *g, const Vector *a, uint32_t id)
{
	const Vector b = node_vector(g, id);
	Guess		guess = guess_distance(g, a, &b);

	return complete_distance(g, a, &b, &guess);
}

/* The squared distance, or something on the same side of the bound. */
static float
distance_about(const PgrGraph *g, const Vector *a, uint32_t id, float bound)
{
	const Vector b = node_vector(g, id);
	Guess		guess = guess_distance(g, a, &b);

	if (guess.least > bound)
		return guess.least;
	if (guess.most < bound)
		return guess.most;
	return complete_distance(g, a, &b, &guess);
}

/* Asks for what a guess needs. */
static inline void
prefetch(const PgrGraph *g, uint32_t id)
{
	pgr_graph_prefetch(g, id, 0, first_dim(g->dim));
}

/*
 * Which nodes a search has seen: bits, few enough for the second cache (numbers of searches
 * instead, which need no clearing, were two bytes a node and waited for like the nodes), and
 * a list by which they are cleared.
 */
static void
forget_seen(PgrGraphScratch *s)
{
	uint64_t   *seen = SCRATCH(s, uint64_t, seen);

	if (s->nmet > MET_MAX)
		memset(seen, 0, SEEN_WORDS(s->capacity) * sizeof(uint64_t));
	else
		for (uint32_t i = 0; i < s->nmet; i++)
			seen[s->met[i] / 64] = 0;
	s->nmet = 0;
}

static inline bool
see(PgrGraphScratch *s, uint32_t id)
{
	uint64_t   *seen = SCRATCH(s, uint64_t, seen) + id / 64;
	uint64_t	bit = UINT64_C(1) << id % 64;

	if (*seen & bit)
		return false;
	*seen |= bit;
	if (s->nmet < MET_MAX)
		s->met[s->nmet] = id;
	s->nmet += s->nmet <= MET_MAX;
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

uint32_t
pgr_graph_starts(double nodes, uint32_t entries)
{
	uint32_t	starts = LEAST_STARTS;

	for (double room = (double) NODES_PER_ENTRY * entries; nodes > room; room *= 2)
		if (++starts == PGR_GRAPH_MAX_STARTS)
			break;
	return starts;
}

/* Scores all entries, by a part of their coordinates; the best start the pool. */
static void
start_pool(const PgrGraph *g, PgrGraphScratch *s, const Vector *v, PoolEntry *pool, uint32_t *n,
		   uint32_t ef)
{
	uint32_t	entries = __atomic_load_n(&g->nentries, __ATOMIC_ACQUIRE);
	uint32_t	dim = first_dim(g->dim);
	const Entry *heads = entry_heads(g);
	uint32_t	starts = pgr_graph_starts(pgr_graph_count(g), entries);
	PoolEntry	best[PGR_GRAPH_MAX_STARTS];
	uint32_t	nbest = 0;

	pgr_kernel->many[PGR_ELEM_I8][PGR_METRIC_IP] (v->code, entry_codes(g), dim, entries, dim,
												 s->products);
	for (uint32_t i = 0; i < entries; i++)
		pool_add(best, &nbest, starts,
				 heads[i].norm2 - 2 * v->head->scale * heads[i].scale * s->products[i],
				 heads[i].id);
	for (uint32_t i = 0; i < nbest; i++)
		if (see(s, best[i].id))
			pool_add(pool, n, ef, exact_distance(g, v, best[i].id), best[i].id);
}

/*
 * Adds the unseen neighbours of a node to the pool; the first position changed. Memory
 * is asked for a step ahead: first that of all guesses, then of those that remain.
 */
static uint32_t
expand(const PgrGraph *g, PgrGraphScratch *s, const Vector *v, uint32_t id, PoolEntry *pool,
	   uint32_t *n, uint32_t ef)
{
	uint32_t	fresh[PGR_GRAPH_MAX_DEGREE];
	Guess		guess[PGR_GRAPH_MAX_DEGREE];
	float		bound = *n < ef ? INFINITY : pool[ef - 1].distance;
	uint32_t	nfresh = 0;
	uint32_t	nleft = 0;
	uint32_t	first = ef;
	uint32_t	nlinks = read_links(g, pgr_graph_node(g, id), s->links);

	for (uint32_t i = 0; i < nlinks; i++)
	{
		uint32_t	to = PGR_GRAPH_ID(s->links[i]);

		if (!see(s, to))
			continue;
		prefetch(g, to);
		fresh[nfresh++] = to;
	}
	for (uint32_t i = 0; i < nfresh; i++)
	{
		const Vector to = node_vector(g, fresh[i]);

		guess[nleft] = guess_distance(g, v, &to);
		if (guess[nleft].least > bound)
			continue;
		if (g->part > 0)
			pgr_graph_prefetch(g, fresh[i], g->part, g->dim);
		fresh[nleft++] = fresh[i];
	}
	for (uint32_t i = 0; i < nleft; i++)
	{
		const Vector to = node_vector(g, fresh[i]);
		uint32_t	at = pool_add(pool, n, ef, complete_distance(g, v, &to, &guess[i]), fresh[i]);

		first = at < first ? at : first;
	}
	return first;
}

/* Fills the pool with the nearest nodes found; returns their number. */
static uint32_t
search_pool(const PgrGraph *g, PgrGraphScratch *s, const Vector *v, uint32_t ef)
{
	PoolEntry  *pool = SCRATCH(s, PoolEntry, pool);
	uint32_t	n = 0;
	uint32_t	at = 0;

	forget_seen(s);
	start_pool(g, s, v, pool, &n, ef);
	while (at < n)
	{
		uint32_t	first;

		if (pool[at].expanded)
		{
			at++;
			continue;
		}
		pool[at].expanded = true;
		first = expand(g, s, v, pool[at].id, pool, &n, ef);
		at = first <= at ? first : at + 1;
	}
	return n;
}

uint32_t
pgr_graph_search(PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
				 uint32_t ef, PgrGraphLink *out)
{
	PoolEntry  *pool = SCRATCH(s, PoolEntry, pool);
	Vector		v = {head, code, part_norm2(g, head, code)};
	uint32_t	n = search_pool(g, s, &v, ef < g->ef_construction ? ef : g->ef_construction);

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
			nearer = pair(arg, i, diverse[j], distances[i]) > distances[i];
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
pool_pair(const void *arg, uint32_t a, uint32_t b, float bound)
{
	const PoolPair *p = arg;
	const Vector x = node_vector(p->g, p->pool[a].id);

	return distance_about(p->g, &x, p->pool[b].id, bound);
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
	const Vector added = node_vector(g, id);
	PgrGraphLink *links = pgr_graph_links(g, node);
	uint32_t	n = node->nlinks;
	uint32_t	at = n;
	bool		diverse = true;

	while (at > 0 && links[at - 1].distance > distance)
		at--;
	for (uint32_t i = 0; i < n; i++)
	{
		if (i + AHEAD < n && (links[i + AHEAD].id & PGR_GRAPH_DIVERSE))
			prefetch(g, PGR_GRAPH_ID(links[i + AHEAD]));
		if (!(links[i].id & PGR_GRAPH_DIVERSE))
			continue;
		if (!diverse)
			break;
		if (i < at)
			diverse = distance_about(g, &added, PGR_GRAPH_ID(links[i]), distance) > distance;
		else if (distance_about(g, &added, PGR_GRAPH_ID(links[i]),
								links[i].distance) <= links[i].distance)
			links[i].id &= ~PGR_GRAPH_DIVERSE;
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
	uint32_t	dim = first_dim(g->dim);
	uint32_t	n = __atomic_load_n(&g->nentries, __ATOMIC_RELAXED);
	bool		added = false;

	if (only_first ? n > 0 : n >= g->entry_capacity || (double) n * n >= 4.0 * id)
		return false;
	lock_sequence(&g->entry_lock);
	n = g->nentries;
	if (n < g->entry_capacity && (!only_first || n == 0))
	{
		const PgrGraphNode *node = pgr_graph_node(g, id);

		entry_heads(g)[n] = (Entry) {id, node->head.scale,
			g->part > 0 ? node->part_norm2 : node->head.norm2};
		memcpy(entry_codes(g) + (size_t) n * dim, node->code, dim);
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

/*
 * The node among the nearest found that is equal, as far as codes tell, or PGR_GRAPH_NONE: the
 * nearest, but of inner products longer ones may be nearer.
 */
static uint32_t
find_duplicate(const PgrGraph *g, const PgrGraphNode *node, const PoolEntry *pool, uint32_t n)
{
	for (uint32_t i = 0; i < n && (i == 0 || g->max_aux > 0); i++)
	{
		const PgrGraphNode *other = pgr_graph_node(g, pool[i].id);

		if (pgr_code8_same(&node->head, node->code, &other->head, other->code, g->dim))
			return pool[i].id;
	}
	return PGR_GRAPH_NONE;
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
	PgrGraphLink *links = pgr_graph_links(g, node);
	Vector		v;
	uint32_t	n;
	uint32_t	same;

	node->part_norm2 = part_norm2(g, &node->head, node->code);
	v = node_vector(g, id);
	while ((n = search_pool(g, s, &v, g->ef_construction)) == 0)
		if (offer_entry(g, id, true))
		{
			node->state = PGR_GRAPH_NODE;
			return;
		}
	same = find_duplicate(g, node, pool, n);
	if (same != PGR_GRAPH_NONE)
	{
		add_duplicate(g, same, id);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		distances[i] = pool[i].distance;
	n = pgr_graph_select(distances, n, g->degree, pool_pair, &pair, chosen);
	for (uint32_t i = 0; i < n; i++)
	{
		const PoolEntry *to = &pool[chosen[i] & ~PGR_GRAPH_DIVERSE];

		links[i] = (PgrGraphLink) {to->id | (chosen[i] & PGR_GRAPH_DIVERSE), to->distance};
		s->links[i] = links[i];
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
