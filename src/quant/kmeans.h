/*
 * kmeans.h
 *		Centroids of rows by Lloyd's k-means. No postgres.h.
 *
 * The only one of the tree: whoever has rows of another form than floats decodes
 * them block by block. See README, "K-means".
 */
#ifndef PGR_KMEANS_H
#define PGR_KMEANS_H

#include <stddef.h>
#include <stdint.h>

#include "quant/blas.h"

/* Writes rows first, first + 1, ... of the caller's, n of dim floats, to out. */
typedef void (*PgrKmeansRowsFn) (const void *arg, uint32_t first, uint32_t n, float *out);

/* What is to be done, by whom, and where the results go. */
typedef struct PgrKmeans
{
	uint32_t	n;				/* rows, > 0 */
	uint32_t	dim;			/* floats of a row, > 0 */
	uint32_t	k;				/* centroids, 0 < k; may exceed n */
	uint32_t	rounds;			/* that centroids move */
	PgrKmeansRowsFn rows;
	const void *arg;			/* for rows */
	void		(*tick) (void); /* called for each block of rows; need not return */
	const PgrBlas *blas;		/* NULL: our own loops */
	float	   *centroids;		/* k of dim floats */
	float	   *norm2;			/* k: the square of each */
	uint32_t   *nearest;		/* n: the centroid that each row is nearest to at the end */
	uint32_t   *counts;			/* k: rows of each at the end */
} PgrKmeans;

/* bytes of scratch memory, aligned as malloc's; 0 if that overflows */
extern size_t pgr_kmeans_scratch_size(uint32_t dim, uint32_t k);

/* multiplications that it takes: to decide whether a library is worth loading */
extern double pgr_kmeans_work(const PgrKmeans *job);

/*
 * Fills centroids, norm2, nearest and counts. Centroids begin as rows taken at even
 * distances, so equal input gives equal results; one that no row is nearest to stays where
 * it is. Rows at the same distance of two go to the first. Allocates nothing, so tick may
 * leave by longjmp; raises nothing.
 */
extern void pgr_kmeans(const PgrKmeans *job, void *scratch);

#endif							/* PGR_KMEANS_H */
