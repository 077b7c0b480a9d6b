/*
 * sparse.h
 *		sparsevec: sorted indices and their non-zero values. Byte for byte
 *		pgvector's layout.
 */
#ifndef PGR_SPARSE_H
#define PGR_SPARSE_H

#include "postgres.h"

#include "base/compat.h"

#define PGR_SPARSE_MAX_DIM 1000000000
#define PGR_SPARSE_MAX_NNZ 16000

typedef struct PgrSparse
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int32		dim;			/* number of dimensions */
	int32		nnz;			/* number of non-zero elements */
	int32		unused;			/* zero on disk and on the wire */
	int32		indices[FLEXIBLE_ARRAY_MEMBER]; /* nnz, 0-based, ascending; then
												 * nnz float values */
} PgrSparse;

StaticAssertDecl(offsetof(PgrSparse, indices) == 16, "sparsevec header is 16 bytes");

#define PGR_SPARSE_VALUES(s) ((float *) ((s)->indices + (s)->nnz))
#define PGR_SPARSE_SIZE(nnz) \
	(offsetof(PgrSparse, indices) + (Size) (nnz) * (sizeof(int32) + sizeof(float)))

#endif							/* PGR_SPARSE_H */
