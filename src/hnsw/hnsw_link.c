/*
 * hnsw_link.c
 *		Edges of single nodes in pages: neighbours are chosen for a node, it gets
 *		edges to them and they edges back. See README, "Insert".
 *
 * One page is locked at a time. A neighbour that has died since it was chosen is noticed
 * under its lock, and the node's edge to it is taken away again: so vacuum, which marks dead
 * nodes before it looks for edges to them, misses none.
 */
#include "postgres.h"

#include "hnsw/hnsw_edge.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_point.h"

/* ----------
 * Choosing neighbours
 * ----------
 */

typedef struct HitPair
{
	const PgrHnswSearch *search;
	const uint32 *order;		/* hits by distance */
	const PgrVecSpace *space;
} HitPair;

/*
 * The distance of two hits, by their place in the order of distances (PgrGraphPairFn). It is
 * that of stored vectors, from their codes in the new node's frame.
 */
static double
hit_pair(const void *arg, uint32 a, uint32 b, float bound)
{
	const HitPair *p = arg;
	const PgrCode8 *ha;
	const PgrCode8 *hb;
	const int8 *ca = pgr_hnsw_hits_code(&p->search->hits, p->order[a], &ha);
	const int8 *cb = pgr_hnsw_hits_code(&p->search->hits, p->order[b], &hb);

	return pgr_vecspace_pair_distance(p->space, ha, ca, hb, cb);
}

static int
compare_hits(const void *a, const void *b)
{
	float		x = ((const PgrHnswHitDistance *) a)->distance;
	float		y = ((const PgrHnswHitDistance *) b)->distance;

	return x < y ? -1 : x > y;
}

PgrHnswHitDistance *
pgr_hnsw_sort_hits(const PgrHnswIndex *ix, const PgrHnswSearch *s, uint32 *n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	PgrHnswHitDistance *sorted;

	*n = s->hits.n;
	sorted = palloc_extended(mul_size(Max(*n, 1), sizeof(PgrHnswHitDistance)), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < *n; i++)
	{
		const PgrCode8 *other;
		const int8 *other_code = pgr_hnsw_hits_code(&s->hits, i, &other);

		sorted[i].hit = i;
		sorted[i].distance = (float)
			pgr_vecspace_pair_distance(&ix->space, &point->head, point->code, other, other_code);
	}
	qsort(sorted, *n, sizeof(PgrHnswHitDistance), compare_hits);
	return sorted;
}

uint32
pgr_hnsw_choose_neighbours(const PgrHnswIndex *ix, const PgrHnswSearch *s,
						   const PgrHnswHitDistance *sorted, uint32 n,
						   PgrHnswNeighbour *neighbours)
{
	const PgrHnswHit *hits = s->hits.at;
	uint32	   *order;
	float	   *distances;
	uint32	   *chosen = palloc(ix->meta.degree * sizeof(uint32));
	HitPair		pair;

	n = Min(n, ix->meta.graph.ef_construction);
	order = palloc(Max(n, 1) * sizeof(uint32));
	distances = palloc(Max(n, 1) * sizeof(float));
	for (uint32 i = 0; i < n; i++)
	{
		order[i] = sorted[i].hit;
		distances[i] = sorted[i].distance;
	}
	pair = (HitPair) {s, order, &ix->space};
	n = pgr_graph_select(distances, n, ix->meta.degree, hit_pair, &pair, chosen);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		hit = order[chosen[i] & ~PGR_GRAPH_DIVERSE];

		neighbours[i] = (PgrHnswNeighbour)
		{
			{hits[hit].id, hits[hit].generation}, hits[hit].frame, hit
		};
	}
	return n;
}

/* ----------
 * Edges back
 * ----------
 */

typedef enum Added
{
	ADDED_NONE,					/* the neighbour is gone or dead */
	ADDED_REFUSED,				/* all edges that it has are worth more */
	ADDED_EDGE					/* there is one, of now or before */
} Added;

/*
 * Gives a neighbour an edge to the new node, if that is worth its place among those it has.
 * The neighbour's page is locked exclusively meanwhile; the view from its frame and the copy
 * of its record are allocated before, in the current context.
 */
static Added
add_edge(const PgrHnswIndex *ix, const PgrHnswNeighbour *to, const PgrHnswNewNode *added)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswNode *node = palloc(meta->node_size);
	PgrHnswEdge *edge = palloc(PGR_HNSW_EDGE_SIZE(meta));
	char	   *scratch = palloc((meta->degree + 1) * PGR_HNSW_EDGE_SIZE(meta));
	const PgrHnswView *view = pgr_hnsw_view(added->point, to->frame);
	Added		result = ADDED_NONE;
	Buffer		buffer;

	if (pgr_hnsw_node_copy_live(ix, to->ref, node, &buffer))
	{
		bool		has;
		bool		placed;

		PGR_HNSW_LOCKED();
		has = pgr_hnsw_has_edge(meta, node, added->id);
		if (!has)
			pgr_hnsw_make_edge(meta, &node->head, PGR_HNSW_CODE(meta, node), added->id,
							   &view->head, view->code, edge);
		placed = !has && pgr_hnsw_place_edge(meta, node, edge, scratch);
		PGR_HNSW_UNLOCKING();
		if (placed)
			pgr_hnsw_node_store(ix, to->ref.id, node, buffer);
		else
			UnlockReleaseBuffer(buffer);
		result = placed || has ? ADDED_EDGE : ADDED_REFUSED;
	}
	pfree(scratch);
	pfree(edge);
	pfree(node);
	return result;
}

/*
 * Puts the new node between a neighbour and that of its ends which is nearest to the new node
 * and a neighbour of that, too, sorted by distance: no end loses its way. False if there is
 * none, or the neighbour is gone. Locks the neighbour's page exclusively; allocates before, in
 * the current context.
 */
static bool
put_between(const PgrHnswIndex *ix, const PgrHnswNeighbour *from, const PgrHnswNewNode *added,
			const PgrHnswNeighbour *neighbours, uint32 n)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswNode *node = palloc(meta->node_size);
	const PgrHnswView *view = pgr_hnsw_view(added->point, from->frame);
	Buffer		buffer;

	if (!pgr_hnsw_node_copy_live(ix, from->ref, node, &buffer))
		return false;
	for (uint32 i = 0; i < n; i++)
		for (uint32 e = 0; e < node->nedges; e++)
			if (PGR_HNSW_EDGE(meta, node, e)->id == neighbours[i].ref.id)
			{
				pgr_hnsw_make_edge(meta, &node->head, PGR_HNSW_CODE(meta, node), added->id,
								   &view->head, view->code, PGR_HNSW_EDGE(meta, node, e));
				pgr_hnsw_node_store(ix, from->ref.id, node, buffer);
				return true;
			}
	UnlockReleaseBuffer(buffer);
	return false;
}

/*
 * Takes the edges to some nodes away from a node, the last edge taking each place. Locks the
 * node's page exclusively; its copy is allocated before, in the current context. The node is
 * the caller's own new one, or one that vacuum repairs, so no vacuum frees it meanwhile.
 */
static void
remove_edges(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswId *gone, uint32 ngone)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswNode *node = palloc(meta->node_size);
	Buffer		buffer;

	pgr_hnsw_node_copy(ix, id, BUFFER_LOCK_EXCLUSIVE, node, &buffer);
	for (uint32 i = 0; i < node->nedges; i++)
		for (uint32 g = 0; g < ngone; g++)
			if (PGR_HNSW_EDGE(meta, node, i)->id == gone[g])
			{
				node->nedges--;
				memmove(PGR_HNSW_EDGE(meta, node, i), PGR_HNSW_EDGE(meta, node, node->nedges),
						PGR_HNSW_EDGE_SIZE(meta));
				i--;
				break;
			}
	pgr_hnsw_node_store(ix, id, node, buffer);
}

void
pgr_hnsw_link_back(const PgrHnswIndex *ix, const PgrHnswNewNode *added,
				   const PgrHnswNeighbour *neighbours, uint32 n)
{
	PgrHnswId  *gone = palloc(Max(n, 1) * sizeof(PgrHnswId));
	uint32		ngone = 0;
	bool		linked = false;

	for (uint32 i = 0; i < n; i++)
	{
		Added		result = add_edge(ix, &neighbours[i], added);

		if (result == ADDED_NONE)
			gone[ngone++] = neighbours[i].ref.id;
		linked |= result == ADDED_EDGE;
	}
	if (ngone > 0)
		remove_edges(ix, added->id, gone, ngone);
	for (uint32 i = 0; !linked && i < n; i++)
		linked = put_between(ix, &neighbours[i], added, neighbours, n);
}

/* ----------
 * Repair
 * ----------
 */

void
pgr_hnsw_repair(const PgrHnswIndex *ix, PgrHnswId id)
{
	const PgrHnswMeta *meta = &ix->meta;
	int8	   *code = palloc(meta->padded);
	char	   *scratch = palloc(meta->node_size);
	const PgrHnswNode *stored;
	Buffer		buffer;
	PgrHnswSearch *s;
	PgrHnswPoint *point = palloc(sizeof(PgrHnswPoint));
	PgrHnswNewNode self = {id, point};
	PgrCode8	head;
	PgrHnswNeighbour me = {{id}};
	PgrHnswNeighbour *neighbours = palloc(meta->degree * sizeof(PgrHnswNeighbour));
	PgrHnswHitDistance *sorted;
	uint32		n;

	stored = pgr_hnsw_node_read(ix, id, BUFFER_LOCK_SHARE, scratch, &buffer);
	memcpy(code, PGR_HNSW_CODE(meta, stored), meta->padded);
	head = stored->head;
	me.ref.generation = stored->generation;
	me.frame = stored->frame;
	UnlockReleaseBuffer(buffer);

	pgr_hnsw_point_code(ix, me.frame, &head, code, point);
	s = pgr_hnsw_search_begin(ix, point, true);
	pgr_hnsw_search_exclude(s, id);
	pgr_hnsw_search_more(s, meta->graph.ef_construction);
	sorted = pgr_hnsw_sort_hits(ix, s, &n);
	n = pgr_hnsw_choose_neighbours(ix, s, sorted, n, neighbours);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrCode8 *to;
		const int8 *to_code = pgr_hnsw_hits_code(&s->hits, neighbours[i].hit, &to);
		PgrHnswPoint *end = palloc(sizeof(PgrHnswPoint));
		PgrHnswNewNode other = {neighbours[i].ref.id, end};

		pgr_hnsw_point_code(ix, me.frame, to, to_code, end);
		add_edge(ix, &me, &other);
		pfree(end);
	}
	pgr_hnsw_link_back(ix, &self, neighbours, n);
}
