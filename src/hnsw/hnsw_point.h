/*
 * hnsw_point.h
 *		Vectors as the codes of any frame see them. See README, "Frames and entries".
 */
#ifndef PGR_HNSW_POINT_H
#define PGR_HNSW_POINT_H

#include "hnsw/hnsw.h"

/* A vector as the codes of one frame see it. */
struct PgrHnswView
{
	PgrCode8	head;
	const int8 *code;
	PgrEdgeQuery query;
	float	   *shift;			/* what is added to coordinates to have the point's own */
};

/*
 * A vector: its views are made as they are asked for, from its coordinates in the frame
 * it is best seen from, its own.
 */
struct PgrHnswPoint
{
	const PgrHnswIndex *ix;
	MemoryContext context;		/* of views */
	const float *value;			/* dim floats; NULL if it was made of a code */
	float	   *floats;			/* coordinates; NULL: not yet made of the code */
	float		aux;			/* pgr_vecspace_row */
	uint32		frame;
	PgrHnswView own;			/* of a point that was made of a code */
	PgrHnswView *views[PGR_HNSW_MAX_FRAMES];
};

/*
 * The vector of a row's detoasted value as codes are made of it, dim floats in x, and what
 * pgr_vecspace_row says. False if it has no distance. Raises if its dimension is not the
 * index's.
 */
extern bool pgr_hnsw_vector(const PgrHnswIndex *ix, const struct varlena *value, float *x,
							float *aux);

/*
 * The point of a row's value, and of a query's, which the index's space has from then on;
 * false if it has no distance. Raises if its dimension is not the index's. In the current
 * context.
 */
extern bool pgr_hnsw_point_row(const PgrHnswIndex *ix, const struct varlena *value,
							   PgrHnswPoint *p);
extern bool pgr_hnsw_point_query(PgrHnswIndex *ix, const struct varlena *value,
								 PgrHnswPoint *p);

/* The point of a node's code, which must outlive it. Nothing is allocated yet. */
extern void pgr_hnsw_point_code(const PgrHnswIndex *ix, uint32 frame, const PgrCode8 *head,
								const int8 *code, PgrHnswPoint *p);

/* Gives a point made of a value that frame for its own, or chooses it once more. */
extern void pgr_hnsw_point_put(PgrHnswPoint *p, uint32 frame);
extern void pgr_hnsw_point_again(PgrHnswPoint *p);

/* The point as a query (pgr_vecspace_stretch), in the same frame. In the current context. */
extern void pgr_hnsw_point_stretch(const PgrHnswPoint *p, PgrHnswPoint *to);

/* Its view from a frame. May allocate and read pages: not under a lock; p->views may. */
extern const PgrHnswView *pgr_hnsw_view(PgrHnswPoint *p, uint32 frame);

/*
 * The square distance of a point made of a value from a frame's origin, and the least of
 * those of frames that entry pages lead from.
 */
extern double pgr_hnsw_point_distance(const PgrHnswPoint *p, uint32 frame);
extern double pgr_hnsw_near_frame(const PgrHnswPoint *p);

/* Prepares the point's own view for a search; others are prepared as they are made. */
extern void pgr_hnsw_view_query(const PgrHnswPoint *p, uint32 frame);

/*
 * Another vector's code, relative to a frame of which the point has a view, as one relative
 * to the point's own. scratch: meta.padded floats. Nothing is allocated.
 */
extern void pgr_hnsw_bring_home(const PgrHnswPoint *p, uint32 frame, const PgrCode8 *head,
								const int8 *code, float *scratch, PgrCode8 *to_head,
								int8 *to_code);

/* In an index that has yet no main frame each value of another than those makes one. */
extern void pgr_hnsw_first_frames(PgrHnswIndex *ix, PgrHnswPoint *p);

/*
 * Makes the point's value a frame of its own, or finds that others were added meanwhile.
 * Returns false if there is none that there was not before.
 */
extern bool pgr_hnsw_add_frame(PgrHnswIndex *ix, PgrHnswPoint *p);

#endif							/* PGR_HNSW_POINT_H */
