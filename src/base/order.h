/*
 * order.h
 *		Orders of arrays of plain numbers, for qsort and bsearch.
 */
#ifndef PGR_ORDER_H
#define PGR_ORDER_H

#include "postgres.h"

/* Ascending uint32: node ids, block numbers, generations. */
static inline int
pgr_compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* Ascending floats, none of them NaN. */
static inline int
pgr_compare_float(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y;
}

/* Whether one of n ascending numbers is key. With n = 0, sorted may be NULL. */
static inline bool
pgr_sorted_has_uint32(const uint32 *sorted, uint32 n, uint32 key)
{
	return n > 0 && bsearch(&key, sorted, n, sizeof(uint32), pgr_compare_uint32) != NULL;
}

#endif							/* PGR_ORDER_H */
