/*
 * kernel_wide.c
 *		Distances of single-precision arrays in double precision, for those that
 *		single-precision sums do not hold. One implementation for all levels.
 *
 * Called for few values, so plain loops do. Squares of single-precision numbers, and
 * sums of any number of them, neither overflow a double nor vanish in it.
 */
#include "kernel/kernel_level.h"

double
pgr_wide_dist(PgrMetric metric, const float *a, const float *b, uint32_t dim)
{
	double		sum = 0;
	double		aa = 0;
	double		bb = 0;

	for (uint32_t i = 0; i < dim; i++)
	{
		double		x = a[i];
		double		y = b[i];

		aa += x * x;
		bb += y * y;
		sum = pgr_wide_step(metric, sum, x, y);
	}
	return metric == PGR_METRIC_COSINE ? pgr_cosine_finish(sum, aa, bb) : sum;
}

double
pgr_wide_sparse(PgrMetric metric, const int32_t *ai, const float *av, uint32_t an,
				const int32_t *bi, const float *bv, uint32_t bn)
{
	double		sum = 0;
	double		aa = 0;
	double		bb = 0;
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < an || j < bn)
	{
		bool		in_a = j == bn || (i < an && ai[i] <= bi[j]);
		bool		in_b = i == an || (j < bn && bi[j] <= ai[i]);
		double		x = in_a ? av[i] : 0;
		double		y = in_b ? bv[j] : 0;

		aa += x * x;
		bb += y * y;
		sum = pgr_wide_step(metric, sum, x, y);
		i += in_a;
		j += in_b;
	}
	return metric == PGR_METRIC_COSINE ? pgr_cosine_finish(sum, aa, bb) : sum;
}
