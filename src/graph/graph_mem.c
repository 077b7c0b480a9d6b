/*
 * graph_mem.c
 *		The graph's memory: layout of nodes, entries and scratch, sequence locks,
 *		entries. See README, "Layout" and "Locks".
 */
#include "graph/graph_private.h"

#include <sched.h>
#include <string.h>

/* spins before the processor is given to whoever holds the lock */
#define SPINS_PER_YIELD 1000

/*
 * Coordinates that a distance is first told from, if there are at least three times as
 * many, and how many standard deviations the whole is allowed to be from that.
 */
#define PREFIX 128
#define PREFIX_DEVIATIONS 2

/* ----------
 * Layout
 * ----------
 */

size_t
pgr_graph_stride(uint32_t dim, uint32_t degree, uint32_t extra)
{
	return PGR_GRAPH_ALIGN(sizeof(PgrGraphNode) + dim + degree * sizeof(PgrGraphLink) + extra);
}

/* Room for entries: about 2 sqrt(capacity), as pgr_graph_offer_entry makes them. */
static uint32_t
entry_capacity(uint32_t capacity)
{
	double		want = 2 * sqrt(capacity) + 16;

	return want < PGR_GRAPH_ENTRIES_MAX ? (uint32_t) want : PGR_GRAPH_ENTRIES_MAX;
}

/* Coordinates that a distance of codes of dim bytes is first told from; 0: all at once. */
static uint32_t
prefix_of(uint32_t dim)
{
	return dim >= 3 * PREFIX ? PREFIX : 0;
}

/* bytes of so many entries and their codes */
static size_t
entries_size(uint32_t dim, uint32_t entries)
{
	uint32_t	prefix = prefix_of(dim);

	return PGR_GRAPH_ALIGN(entries * sizeof(PgrGraphEntry)) +
		(size_t) entries * (prefix > 0 ? prefix : dim);
}

size_t
pgr_graph_size(uint32_t dim, uint32_t degree, uint32_t extra, uint32_t capacity)
{
	size_t		fixed = PGR_GRAPH_ALIGN(sizeof(PgrGraph)) +
		PGR_GRAPH_ALIGN(entries_size(dim, entry_capacity(capacity)));
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
	g->prefix = prefix_of(dim);
	/* of a mean of squares, drawn without replacement from coordinates made alike by rotation */
	g->prefix_error = g->prefix == 0 ? 0
		: (float) (PREFIX_DEVIATIONS * sqrt(2.0 / PREFIX * (1 - (double) PREFIX / dim)));
	g->degree = degree;
	g->extra = extra;
	g->ef_construction = ef_construction;
	g->max_aux = max_aux;
	g->capacity = capacity;
	g->entry_capacity = entry_capacity(capacity);
	g->stride = pgr_graph_stride(dim, degree, extra);
	g->entry_offset = PGR_GRAPH_ALIGN(sizeof(PgrGraph));
	g->node_offset = g->entry_offset + PGR_GRAPH_ALIGN(entries_size(dim, g->entry_capacity));
}

/* Bytes of scratch memory; sets the offsets of its parts unless s is NULL. */
static size_t
scratch_layout(const PgrGraph *g, PgrGraphScratch *s)
{
	size_t		candidates = PGR_GRAPH_ALIGN(sizeof(PgrGraphScratch));
	size_t		select = candidates +
		PGR_GRAPH_ALIGN((g->ef_construction + 1) * sizeof(PgrGraphCandidate));
	size_t		visited = select + PGR_GRAPH_ALIGN((g->ef_construction + 1) * 2 * sizeof(float));

	if (s != NULL)
	{
		s->capacity = g->capacity;
		s->candidates_offset = candidates;
		s->select_offset = select;
		s->visited_offset = visited;
	}
	return visited + PGR_GRAPH_BIT_WORDS(g->capacity) * sizeof(uint64_t);
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
	s->nnamed = PGR_GRAPH_MAX_NAMED + 1; /* so that the first search clears */
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

void
pgr_graph_lock(uint32_t *sequence)
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

void
pgr_graph_unlock(uint32_t *sequence)
{
	__atomic_add_fetch(sequence, 1, __ATOMIC_RELEASE);
}

uint32_t
pgr_graph_read_links(const PgrGraph *g, const PgrGraphNode *node, PgrGraphLink *links)
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
 * Nodes and entries
 * ----------
 */

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

bool
pgr_graph_offer_entry(PgrGraph *g, uint32_t id, bool only_first)
{
	uint32_t	dim = pgr_graph_guess_dim(g);
	uint32_t	n = __atomic_load_n(&g->nentries, __ATOMIC_RELAXED);
	bool		added = false;

	if (only_first ? n > 0 : n >= g->entry_capacity || (double) n * n >= 4.0 * id)
		return false;
	pgr_graph_lock(&g->entry_lock);
	n = g->nentries;
	if (n < g->entry_capacity && (!only_first || n == 0))
	{
		const PgrGraphNode *node = pgr_graph_node(g, id);

		pgr_graph_entries(g)[n] = (PgrGraphEntry) {id, node->head.scale,
			g->prefix > 0 ? node->prefix_norm2 : node->head.norm2};
		memcpy(pgr_graph_entry_codes(g) + (size_t) n * dim, node->code, dim);
		__atomic_store_n(&g->nentries, n + 1, __ATOMIC_RELEASE);
		added = true;
	}
	pgr_graph_unlock(&g->entry_lock);
	return added;
}
