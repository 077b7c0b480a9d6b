/*
 * graph_private.h
 *		What the files of src/graph share: entries, candidates, scratch memory,
 *		sequence locks, distances in two steps.
 */
#ifndef PGR_GRAPH_PRIVATE_H
#define PGR_GRAPH_PRIVATE_H

#include <math.h>

#include "graph/graph.h"

#define PGR_GRAPH_ALIGN(x) (((size_t) (x) + 63) / 64 * 64)

/* An entry point: the first pgr_graph_guess_dim() bytes of its code lie elsewhere. */
typedef struct PgrGraphEntry
{
	uint32_t	id;
	float		scale;
	float		norm2;			/* of those bytes */
} PgrGraphEntry;

/* A candidate of a search; they are sorted by distance. */
typedef struct PgrGraphCandidate
{
	float		distance;
	uint32_t	id;
	bool		expanded;		/* its neighbours are visited */
} PgrGraphCandidate;

/* nodes visited that a search names, so that the next one need not clear all bits */
#define PGR_GRAPH_MAX_NAMED 4096

/* words of a bit for each node */
#define PGR_GRAPH_BIT_WORDS(nodes) (((size_t) (nodes) + 63) / 64)

struct PgrGraphScratch
{
	uint32_t	nnamed;			/* nodes visited, of which named[] has the first */
	uint32_t	capacity;
	size_t		candidates_offset;	/* PgrGraphCandidate, ef_construction + 1 */
	size_t		select_offset;	/* float distances, uint32_t chosen */
	size_t		visited_offset; /* a bit a node, in uint64_t */
	PgrGraphLink links[PGR_GRAPH_MAX_DEGREE];
	uint32_t	named[PGR_GRAPH_MAX_NAMED];
	float		products[PGR_GRAPH_ENTRIES_MAX];
};

#define PGR_GRAPH_SCRATCH(s, type, field) ((type *) ((char *) (s) + (s)->field##_offset))

/* --- graph_mem.c --- */

/* Coordinates that distances are guessed from, and entries scored by: a prefix, or all. */
static inline uint32_t
pgr_graph_guess_dim(const PgrGraph *g)
{
	return g->prefix > 0 ? g->prefix : g->dim;
}

/* The entries, and their codes: nentries of pgr_graph_guess_dim() bytes. */
static inline PgrGraphEntry *
pgr_graph_entries(const PgrGraph *g)
{
	return (PgrGraphEntry *) ((char *) g + g->entry_offset);
}

static inline int8_t *
pgr_graph_entry_codes(const PgrGraph *g)
{
	return (int8_t *) pgr_graph_entries(g) +
		PGR_GRAPH_ALIGN(g->entry_capacity * sizeof(PgrGraphEntry));
}

/*
 * Takes and releases a sequence lock: from even to odd and on. Spins while another has it,
 * giving the processor away now and then. A process holds one at a time.
 */
extern void pgr_graph_lock(uint32_t *sequence);
extern void pgr_graph_unlock(uint32_t *sequence);

/*
 * Copies a node's links, at most g->degree, as they were at one moment; returns their
 * number. Takes no lock: waits while a writer has the node, and reads again if one had.
 */
extern uint32_t pgr_graph_read_links(const PgrGraph *g, const PgrGraphNode *node,
									 PgrGraphLink *links);

/*
 * Makes an inserted node an entry if there are too few for as many nodes as its number
 * says; only_first: if there is none. Returns whether. Takes the entries' lock.
 */
extern bool pgr_graph_offer_entry(PgrGraph *g, uint32_t id, bool only_first);

/* --- graph_search.c --- */

/* A vector as distances take it. */
typedef struct PgrGraphVector
{
	const PgrCode8 *head;
	const int8_t *code;
	float		prefix_norm2;
} PgrGraphVector;

/*
 * Fills the scratch's candidates with the nearest nodes found, at most ef <=
 * ef_construction; returns their number.
 */
extern uint32_t pgr_graph_find(const PgrGraph *g, PgrGraphScratch *s, const PgrGraphVector *v,
							   uint32_t ef);

/* --- distances --- */

static inline PgrGraphVector
pgr_graph_vector(const PgrGraph *g, uint32_t id)
{
	const PgrGraphNode *node = pgr_graph_node(g, id);

	return (PgrGraphVector) {&node->head, node->code, node->prefix_norm2};
}

/* The field of that name, of a node or a query. */
static inline float
pgr_graph_prefix_norm2(const PgrGraph *g, const PgrCode8 *head, const int8_t *code)
{
	return g->prefix == 0 ? 0 : head->scale * head->scale *
		(float) pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (code, code, g->prefix);
}

/*
 * Distances in two steps. The first coordinates, three lines of memory instead of 13 at 768
 * dimensions, tell most that are beyond a bound, which is all that is asked of most.
 * (Gao and Long, High-Dimensional Approximate Nearest Neighbor Search, 2023, there in
 * smaller steps.)
 */
typedef struct PgrGraphGuess
{
	float		least;			/* between these the squared distance is very likely */
	float		most;
	double		further;		/* what both vectors' own further coordinates add */
	double		product;		/* of the codes' first g->prefix bytes */
} PgrGraphGuess;

/* The first step, */
static inline PgrGraphGuess
pgr_graph_guess(const PgrGraph *g, const PgrGraphVector *a, const PgrGraphVector *b)
{
	PgrGraphGuess guess = {0, INFINITY, pgr_code8_pair_further(a->head, b->head, g->max_aux)};
	double		d;

	if (g->prefix > 0)
	{
		guess.product = pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (a->code, b->code, g->prefix);
		d = ((double) a->prefix_norm2 + b->prefix_norm2 -
			 2.0 * a->head->scale * b->head->scale * guess.product) * g->dim / g->prefix;
		guess.least = (float) (d / (1 + g->prefix_error) + guess.further);
		guess.most = (float) (d / (1 - g->prefix_error) + guess.further);
	}
	return guess;
}

/* and the second: the squared distance, of the codes. */
static inline float
pgr_graph_complete(const PgrGraph *g, const PgrGraphVector *a, const PgrGraphVector *b,
				   const PgrGraphGuess *guess)
{
	double		product = guess->product +
		pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (a->code + g->prefix, b->code + g->prefix,
													  g->dim - g->prefix);
	double		d = (double) a->head->norm2 + b->head->norm2 -
		2.0 * a->head->scale * b->head->scale * product + guess->further;

	return d > 0 ? (float) d : 0;
}

/* Asks for the memory that a guess of a node's distance needs. */
static inline void
pgr_graph_prefetch_guess(const PgrGraph *g, uint32_t id)
{
	pgr_graph_prefetch(g, id, 0, pgr_graph_guess_dim(g));
}

#endif							/* PGR_GRAPH_PRIVATE_H */
