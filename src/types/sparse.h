/*
 * sparse.h
 *		sparsevec: sorted indices and their non-zero values. Byte for byte
 *		pgvector's layout.
 */
#ifndef PGR_SPARSE_H
#define PGR_SPARSE_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "types/distance.h"
#include "types/elem.h"

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
#define PG_GETARG_SPARSE_P(n) ((PgrSparse *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))

extern const PgrTypeInfo pgr_sparsevec_type;

/* --- sparse.c --- */

/* Zeroed, in the current context; dim and nnz were checked. */
extern PgrSparse *pgr_sparse_make(int dim, int nnz);

/* The non-zero elements of a dense array, checked against limits and typmod. */
extern PgrSparse *pgr_sparse_from_floats(const float *x, int dim, int32 typmod);

/* 0 <= nnz <= min(limit, dim); raises softly where escontext is given */
extern bool pgr_sparse_check_nnz(int64 nnz, int dim, struct Node *escontext);

/* --- sparse_ops.c --- */

/* What the operator of a metric returns; raises if the dimensions differ. */
extern double pgr_sparse_distance(PgrMetric metric, const PgrSparse *a, const PgrSparse *b);

#endif							/* PGR_SPARSE_H */
