/*
 * hnsw_edge.c
 *		Which edges a node keeps, decided from its page alone: lengths from the
 *		factors, angles between neighbours from the Hamming distance of their bits.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_edge.h"

/* a node's own, and as many again */
#define MAX_EDGES (2 * PGR_GRAPH_MAX_DEGREE)

/* Edges of a node with new ones behind them, to choose which to keep. */
typedef struct EdgeList
{
	const PgrHnswMeta *meta;
	const char *edges;			/* PGR_HNSW_EDGE_SIZE apart */
	float		length[MAX_EDGES];	/* of edges */
	uint32		order[MAX_EDGES];	/* edges by length */
	float		square[MAX_EDGES];	/* of lengths, in that order */
} EdgeList;

static inline const PgrHnswEdge *
list_edge(const EdgeList *l, uint32 i)
{
	return (const PgrHnswEdge *) (l->edges + (Size) i * PGR_HNSW_EDGE_SIZE(l->meta));
}

/* cos(pi x) for 0 <= x <= 1 to 4 digits: the sine's series around 1/2 */
static inline float
cos_pi(float x)
{
	float		t = (float) M_PI * (0.5f - x);
	float		t2 = t * t;

	return t * (1 - t2 / 6 * (1 - t2 / 20 * (1 - t2 / 42)));
}

/*
 * Squared distance of two neighbours from what the node's page knows: their lengths, and the
 * angle that the share of differing sign bits stands for. A callback of pgr_graph_select; a
 * and b are places in the order by length. Reads no page, so it may be called under the node's
 * lock.
 */
static double
edge_pair(const void *arg, uint32 a, uint32 b, float bound)
{
	const EdgeList *l = arg;
	Size		bits = PGR_HNSW_EDGE_BITS(l->meta);
	uint32		ea = l->order[a];
	uint32		eb = l->order[b];
	float		x = l->length[ea];
	float		y = l->length[eb];
	uint64		differ = pgr_kernel->hamming((const uint8 *) list_edge(l, ea) + bits,
											 (const uint8 *) list_edge(l, eb) + bits,
											 PGR_EDGE_PLANE(l->meta->padded));

	return x * x + y * y - 2 * x * y * cos_pi((float) differ / l->meta->padded);
}

/* Sorts n edges by length. */
static void
list_edges(EdgeList *l, const PgrHnswMeta *meta, const char *edges, uint32 n)
{
	l->meta = meta;
	l->edges = edges;
	for (uint32 i = 0; i < n; i++)
	{
		PgrEdge		factors = list_edge(l, i)->factors;
		uint32		at = i;

		l->length[i] = (float) pgr_edge_length(&factors, meta->padded, meta->edge_bits);
		for (; at > 0 && l->length[l->order[at - 1]] > l->length[i]; at--)
			l->order[at] = l->order[at - 1];
		l->order[at] = i;
	}
	for (uint32 i = 0; i < n; i++)
		l->square[i] = l->length[l->order[i]] * l->length[l->order[i]];
}

/*
 * Which of n edges (the last is the new one) to drop so that n - 1 are left: the one that
 * selection by diversity does not choose. All on the stack: it runs under the node's exclusive
 * lock.
 */
static uint32
edge_to_drop(const PgrHnswMeta *meta, const char *edges, uint32 n)
{
	EdgeList	l;
	uint32		chosen[MAX_EDGES];
	uint32		drop = 0;

	list_edges(&l, meta, edges, n);
	pgr_graph_select(l.square, n, n - 1, edge_pair, &l, chosen);
	while (drop < n - 1 && (chosen[drop] & ~PGR_GRAPH_DIVERSE) == drop)
		drop++;
	return l.order[drop];
}

/*
 * Makes the best of n edges, all of them if there is room, those of a node: a copy of its
 * record. edges must not lie in that record, which is overwritten.
 */
static void
keep_best_edges(const PgrHnswMeta *meta, const char *edges, uint32 n, PgrHnswNode *node)
{
	Size		size = PGR_HNSW_EDGE_SIZE(meta);
	EdgeList	l;
	uint32		chosen[MAX_EDGES];

	if (n <= meta->degree)
	{
		memcpy(PGR_HNSW_EDGES(meta, node), edges, n * size);
		node->nedges = n;
		return;
	}
	list_edges(&l, meta, edges, n);
	n = pgr_graph_select(l.square, n, meta->degree, edge_pair, &l, chosen);
	for (uint32 i = 0; i < n; i++)
		memcpy(PGR_HNSW_EDGE(meta, node, i), list_edge(&l, l.order[chosen[i] & ~PGR_GRAPH_DIVERSE]),
			   size);
	node->nedges = n;
}

void
pgr_hnsw_merge_edges(const PgrHnswIndex *ix, PgrHnswId id, const char *edges, uint32 n)
{
	const PgrHnswMeta *meta = &ix->meta;
	Size		size = PGR_HNSW_EDGE_SIZE(meta);
	PgrHnswNode *node = palloc(meta->node_size);
	char	   *all = palloc((meta->degree + n) * size);
	Buffer		buffer;
	uint32		nall;

	pgr_hnsw_node_copy(ix, id, BUFFER_LOCK_EXCLUSIVE, node, &buffer);
	nall = node->nedges;
	memcpy(all, PGR_HNSW_EDGES(meta, node), nall * size);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrHnswEdge *edge = (const PgrHnswEdge *) (edges + i * size);

		if (edge->id != id && !pgr_hnsw_has_edge(meta, node, edge->id))
			memcpy(all + nall++ * size, edge, size);
	}
	keep_best_edges(meta, all, nall, node);
	pgr_hnsw_node_store(ix, id, node, buffer);
	pfree(node);
	pfree(all);
}

bool
pgr_hnsw_place_edge(const PgrHnswMeta *meta, PgrHnswNode *node, const PgrHnswEdge *edge,
					char *scratch)
{
	Size		size = PGR_HNSW_EDGE_SIZE(meta);
	uint32		n = node->nedges;
	uint32		drop;

	if (n < meta->degree)
	{
		memcpy(PGR_HNSW_EDGE(meta, node, node->nedges++), edge, size);
		return true;
	}
	memcpy(scratch, PGR_HNSW_EDGES(meta, node), n * size);
	memcpy(scratch + n * size, edge, size);
	drop = edge_to_drop(meta, scratch, n + 1);
	if (drop < n)
		memcpy(PGR_HNSW_EDGE(meta, node, drop), edge, size);
	return drop < n;
}
