/*
 * graph.h
 *		The graph of a build, in memory: search, selection of neighbours,
 *		insertion, by many processes at once. No postgres.h. See README.
 *
 * A graph is one block of memory without pointers, so that every process may map
 * it elsewhere. Nodes are numbered in the order they were reserved. All vectors are
 * code8 (src/quant). Nothing here allocates, raises, or waits for anything but the
 * few instructions that another process holds a sequence lock for.
 */
#ifndef PGR_GRAPH_H
#define PGR_GRAPH_H

#include "quant/quant.h"

#define PGR_GRAPH_NONE UINT32_MAX
#define PGR_GRAPH_MAX_DEGREE 256

/* A neighbour; lists are sorted by distance. */
typedef struct PgrGraphLink
{
	uint32_t	id;				/* PGR_GRAPH_DIVERSE may be set: see README */
	float		distance;
} PgrGraphLink;

/* nearer to the node than to any nearer diverse neighbour of it */
#define PGR_GRAPH_DIVERSE UINT32_C(0x80000000)
#define PGR_GRAPH_ID(link) ((link).id & ~PGR_GRAPH_DIVERSE)

typedef enum PgrGraphState
{
	PGR_GRAPH_EMPTY,			/* reserved, not yet inserted */
	PGR_GRAPH_NODE,
	PGR_GRAPH_DUPLICATE			/* hangs on the node that has an equal value */
} PgrGraphState;

typedef struct PgrGraphNode
{
	uint32_t	sequence;		/* lock; odd while a writer has it */
	uint32_t	next_equal;		/* chain of duplicates, or PGR_GRAPH_NONE */
	PgrCode8	head;
	uint16_t	nlinks;
	uint8_t		state;			/* PgrGraphState */
	bool		written;		/* for whoever writes the graph out */
	uint32_t	disk_id;		/* likewise */
	uint32_t	number;			/* the caller's */
	float		prefix_norm2;	/* |x|^2 of the code's first g->prefix coordinates */
	int8_t		code[];			/* then degree PgrGraphLinks, then the caller's extra */
} PgrGraphNode;

typedef struct PgrGraph
{
	uint32_t	dim;			/* bytes of a code */
	uint32_t	prefix;			/* of them, those that a distance is first told from; or 0 */
	float		prefix_error;	/* of such a distance, as a share of it */
	uint32_t	degree;
	uint32_t	extra;			/* bytes behind a node's code: tid, filter values */
	uint32_t	ef_construction;
	float		max_aux;		/* pgr_code8_pair_distance */
	uint32_t	capacity;		/* nodes */
	uint32_t	count;			/* reserved; may exceed capacity by as many as asked in vain */
	uint32_t	entry_lock;
	uint32_t	nentries;
	uint32_t	entry_capacity;
	size_t		stride;			/* bytes of a node */
	size_t		entry_offset;	/* entries, then of each some of its code */
	size_t		node_offset;
} PgrGraph;

/*
 * Where searches start: about 2 sqrt(count) nodes whose codes lie together.
 * Enough that the best of them is near; few enough that scanning them is cheap
 * beside an insertion.
 */
#define PGR_GRAPH_ENTRIES_MAX 2048

/*
 * How many of the nearest of so many entries a search of a graph starts from, in memory
 * or in pages: one more each time an entry stands for twice as many nodes, from
 * PGR_GRAPH_NODES_PER_ENTRY on. The nearest may be none of the query's cluster, if each
 * stands for several, and a walk in the wrong one fills the result.
 */
#define PGR_GRAPH_LEAST_STARTS 2
#define PGR_GRAPH_MAX_STARTS 8
#define PGR_GRAPH_NODES_PER_ENTRY 128

static inline uint32_t
pgr_graph_starts(double nodes, uint32_t entries)
{
	uint32_t	starts = PGR_GRAPH_LEAST_STARTS;

	for (double room = (double) PGR_GRAPH_NODES_PER_ENTRY * entries; nodes > room; room *= 2)
		if (++starts == PGR_GRAPH_MAX_STARTS)
			break;
	return starts;
}

/*
 * What one process needs to work on a graph: the candidates and the visited set of one
 * search. No two may use it at once.
 */
typedef struct PgrGraphScratch PgrGraphScratch;

/* --- graph_mem.c: layout, locks, entries --- */

/* bytes of a node */
extern size_t pgr_graph_stride(uint32_t dim, uint32_t degree, uint32_t extra);

/* bytes for a graph of capacity nodes; 0 if that overflows */
extern size_t pgr_graph_size(uint32_t dim, uint32_t degree, uint32_t extra, uint32_t capacity);

/* the largest capacity that fits in size bytes, at most limit; may be 0 */
extern uint32_t pgr_graph_fit(uint32_t dim, uint32_t degree, uint32_t extra, size_t size,
							  uint32_t limit);

/* Formats memory of pgr_graph_size() bytes, 64-byte aligned. */
extern void pgr_graph_init(PgrGraph *g, uint32_t dim, uint32_t degree, uint32_t extra,
						   uint32_t ef_construction, float max_aux, uint32_t capacity);

/* bytes of scratch memory for a graph, and its preparation */
extern size_t pgr_graph_scratch_size(const PgrGraph *g);
extern PgrGraphScratch *pgr_graph_scratch_init(const PgrGraph *g, void *memory);

static inline PgrGraphNode *
pgr_graph_node(const PgrGraph *g, uint32_t id)
{
	return (PgrGraphNode *) ((char *) g + g->node_offset + g->stride * id);
}

static inline int8_t *
pgr_graph_code(const PgrGraph *g, const PgrGraphNode *node)
{
	(void) g;
	return (int8_t *) node->code;
}

static inline PgrGraphLink *
pgr_graph_links(const PgrGraph *g, const PgrGraphNode *node)
{
	return (PgrGraphLink *) (node->code + g->dim);
}

/*
 * Asks for bytes [from, to) of a node's code, with from = 0 its head, too, which are
 * needed soon: nodes lie anywhere, and the processor's own prefetching begins only
 * after the first misses.
 */
static inline void
pgr_graph_prefetch(const PgrGraph *g, uint32_t id, size_t from, size_t to)
{
	const char *node = (const char *) pgr_graph_node(g, id);
	size_t		end = sizeof(PgrGraphNode) + to;

	for (size_t b = from == 0 ? 0 : sizeof(PgrGraphNode) + from; b < end; b += 64)
		__builtin_prefetch(node + b);
}

/* g->extra bytes of the caller's */
static inline char *
pgr_graph_extra(const PgrGraph *g, const PgrGraphNode *node)
{
	return (char *) (pgr_graph_links(g, node) + g->degree);
}

/* A new node's number, or PGR_GRAPH_NONE if the graph is full. */
extern uint32_t pgr_graph_reserve(PgrGraph *g);

/* nodes reserved */
extern uint32_t pgr_graph_count(const PgrGraph *g);

/* --- graph_search.c --- */

/*
 * The nearest nodes of a vector: up to ef, sorted by distance, in out. Returns
 * their number.
 */
extern uint32_t pgr_graph_search(PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head,
								 const int8_t *code, uint32_t ef, PgrGraphLink *out);

/* --- graph_insert.c --- */

/*
 * Inserts a reserved node whose head, code and extra the caller has filled. A
 * value equal to that of a node becomes a duplicate of it.
 */
extern void pgr_graph_insert(PgrGraph *g, PgrGraphScratch *s, uint32_t id);

/* --- graph_select.c: selection of neighbours, also for graphs in pages --- */

/*
 * Distance of two candidates, by their position. Only whether it exceeds the bound
 * matters: an estimate will do that leaves no doubt of it.
 */
typedef double (*PgrGraphPairFn) (const void *arg, uint32_t a, uint32_t b, float bound);

/*
 * Chooses up to degree of n candidates sorted by distance: first those that are
 * nearer to the node than to any chosen one (diverse), then the nearest others.
 * chosen[] gets their positions, ascending, with PGR_GRAPH_DIVERSE; returns their
 * number. (Malkov and Yashunin, algorithm 4, keeping pruned connections.)
 */
extern uint32_t pgr_graph_select(const float *distances, uint32_t n, uint32_t degree,
								 PgrGraphPairFn pair, const void *arg, uint32_t *chosen);

#endif							/* PGR_GRAPH_H */
