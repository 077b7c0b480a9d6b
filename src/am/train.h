/*
 * train.h
 *		What builds find out about their rows, by src/quant, with the server's
 *		memory, interrupts and messages.
 */
#ifndef PGR_TRAIN_H
#define PGR_TRAIN_H

#include "postgres.h"

#include "quant/kmeans.h"

/*
 * k-means (quant/kmeans.h). The caller sets everything but tick, blas and counts, which are
 * set here; counts and the centroids' memory are the caller's to free. counts and scratch
 * memory are allocated in the current context, the latter freed. Uses OpenBLAS where the
 * work is worth loading it; one NOTICE a session if there is none. Raises when cancelled or
 * out of memory.
 */
extern void pgr_train_kmeans(PgrKmeans *job);

/* rows' floats, k of dim: huge, checked for overflow, in the current context */
extern float *pgr_train_floats(uint64 rows, uint32 dim);

#endif							/* PGR_TRAIN_H */
