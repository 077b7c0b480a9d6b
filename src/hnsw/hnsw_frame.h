/*
 * hnsw_frame.h
 *		The frames of an index: origins that codes are relative to. See README, "Frames and entries".
 */
#ifndef PGR_HNSW_FRAME_H
#define PGR_HNSW_FRAME_H

#include "hnsw/hnsw.h"

/* Copies the floats of all frames that meta counts. Locks one page at a time, shared. */
extern void pgr_hnsw_read_frames(Relation rel, const PgrHnswMeta *meta, float *frames);

/* Takes over what frames and entry pages were added since the index was opened. */
extern void pgr_hnsw_refresh(PgrHnswIndex *ix);

/*
 * A frame's origin, dim floats. May read pages, and move ix->frames: not under a lock. Raises
 * if there is no such frame.
 */
extern const float *pgr_hnsw_frame_origin(const PgrHnswIndex *ix, uint32 frame);

/* The square distance of x, dim floats, from the origin of a frame that ix knows. */
extern double pgr_hnsw_frame_distance(const PgrHnswIndex *ix, const float *x, uint32 frame);

/* The frame for a vector of dim floats: the main one, unless another is much nearer. */
extern uint32 pgr_hnsw_frame_for(const PgrHnswIndex *ix, const float *x);

/*
 * Makes x, dim floats, a frame, unless there are enough or others have been added since the
 * index was opened. All there are are in ix afterwards. Returns whether. Locks the metapage,
 * exclusively, while it writes.
 */
extern bool pgr_hnsw_frame_add(PgrHnswIndex *ix, const float *x);

/* The median of each of dim columns of n > 0 rows, palloc'd. */
extern float *pgr_hnsw_median(const float *rows, uint32 n, uint32 dim);

#endif							/* PGR_HNSW_FRAME_H */
