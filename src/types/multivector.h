/*
 * multivector.h
 *		multivector(d [, f32|f16|i8]): n tokens of d elements in one contiguous
 *		value, for late interaction.
 *
 * f32, f16:  count x dim elements, row-major.
 * i8:        count float scales, then count x dim signed codes in -127..127;
 *            element = code * scale of its token.
 */
#ifndef PGR_MULTIVECTOR_H
#define PGR_MULTIVECTOR_H

#include "postgres.h"

#include "base/compat.h"
#include "kernel/kernel.h"

#define PGR_MULTIVECTOR_MAX_DIM 16000

typedef struct PgrMultivector
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint16		dim;			/* elements per token; 0 only if count is 0 and
								 * the value was never given a dimension */
	uint8		elem;			/* PgrElem */
	uint8		flags;			/* zero */
	int32		count;			/* number of tokens */
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* 4-byte aligned */
} PgrMultivector;

StaticAssertDecl(offsetof(PgrMultivector, data) == 12, "multivector header is 12 bytes");

#endif							/* PGR_MULTIVECTOR_H */
