/*
 * hnsw_link.h
 *		Linking a node to its neighbours, for hnsw_insert.c, hnsw_reach.c and hnsw_vacuum.c.
 */
#ifndef PGR_HNSW_LINK_H
#define PGR_HNSW_LINK_H

#include "postgres.h"

#include "hnsw/hnsw_search.h"

/* A node to be linked. */
typedef struct PgrHnswNewNode
{
	PgrHnswId	id;
	PgrHnswPoint *point;
} PgrHnswNewNode;

/* A neighbour chosen for it. */
typedef struct PgrHnswNeighbour
{
	PgrHnswRef	ref;			/* as the search met it */
	uint8		frame;
	uint32		hit;			/* of the search */
} PgrHnswNeighbour;

typedef struct PgrHnswHitDistance
{
	float		distance;
	uint32		hit;
} PgrHnswHitDistance;

/*
 * The hits of a search that keeps codes, nearest first, by their distance from the point as
 * a stored vector; in the current context.
 */
extern PgrHnswHitDistance *pgr_hnsw_sort_hits(const PgrHnswIndex *ix, const PgrHnswSearch *s,
											  uint32 *n);

/*
 * Chooses up to degree neighbours among n sorted hits, of which the nearest ef_construction
 * are looked at; returns their number. Scratch memory is of the current context.
 */
extern uint32 pgr_hnsw_choose_neighbours(const PgrHnswIndex *ix, const PgrHnswSearch *s,
										 const PgrHnswHitDistance *sorted, uint32 n,
										 PgrHnswNeighbour *neighbours);

/*
 * Gives a stored node edges back from all its neighbours, sorted by distance; to those that
 * are gone it loses its own. If none takes it, as where it lies far out, the nearest that can
 * has to. No lock on entry or exit, one page's at a time; memory of the current context.
 */
extern void pgr_hnsw_link_back(const PgrHnswIndex *ix, const PgrHnswNewNode *added,
							   const PgrHnswNeighbour *neighbours, uint32 n);

/*
 * Searches new neighbours for a node that has lost many, or all ways to it; vacuum. Locks as
 * pgr_hnsw_link_back; memory of the current context.
 */
extern void pgr_hnsw_repair(const PgrHnswIndex *ix, PgrHnswId id);

#endif							/* PGR_HNSW_LINK_H */
