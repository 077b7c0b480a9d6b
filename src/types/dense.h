/*
 * dense.h
 *		vector and halfvec: one varlena layout, one set of functions, told apart
 *		by the element type. Byte for byte pgvector's layout.
 */
#ifndef PGR_DENSE_H
#define PGR_DENSE_H

#include "postgres.h"

#include "base/compat.h"
#include "kernel/kernel.h"

#define PGR_DENSE_MAX_DIM 16000

typedef struct PgrDense
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* number of elements */
	int16		unused;			/* zero on disk and on the wire */
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* dim elements, 4-byte aligned */
} PgrDense;

StaticAssertDecl(offsetof(PgrDense, data) == 8, "vector header is 8 bytes");

#endif							/* PGR_DENSE_H */
