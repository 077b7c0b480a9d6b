/*
 * sketch.c
 *		Sparse vectors of any dimension as dense ones of a fixed one, such that
 *		inner products are kept on average (count sketch).
 *
 * Each index adds its value, with a sign of its own, at two places of its own.
 * The error of an inner product has a standard deviation of about
 * |x| |y| / sqrt(dim): good enough to find candidates, which are then scored
 * exactly.
 */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

void
pgr_sketch(const int32_t *indices, const float *values, uint32_t n, uint32_t dim, float *out)
{
	const float half = 0.70710678f;
	const float most = 1e36f;	/* sums of many that share a place stay finite */

	memset(out, 0, dim * sizeof(float));
	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t	state = (uint32_t) indices[i];
		uint64_t	h = pgr_random(&state);
		float		v = half * (values[i] > most ? most : values[i] < -most ? -most : values[i]);

		/* the two places differ: the second is drawn from the others */
		uint32_t	a = (uint32_t) (h & 0x7fffffff) % dim;
		uint32_t	b = (a + 1 + (uint32_t) (h >> 32 & 0x3fffffff) % (dim - 1)) % dim;

		out[a] += h >> 31 & 1 ? v : -v;
		out[b] += h >> 63 ? v : -v;
	}
}
