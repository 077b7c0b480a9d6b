/*
 * kernel_sparse.c
 *		Kernels on sparse arrays: merges of two ascending index lists.
 *
 * Which list advances is a coin toss to the branch predictor, so the merge
 * advances both by arithmetic and selects values instead of jumping. Where one
 * list is far longer, the inner product (whose terms need both) gallops through
 * it; the other metrics need every element anyway.
 */
#include "kernel/kernel_level.h"

/* galloping costs about 2 log2(ratio) steps an element of the shorter list */
#define GALLOP_RATIO 16

/* First position >= from with index[position] >= key, or n. */
static uint32_t
gallop(const int32_t *index, uint32_t from, uint32_t n, int32_t key)
{
	uint32_t	step = 1;
	uint32_t	low = from;
	uint32_t	high;

	while (step < n - from && index[from + step] < key)
	{
		low = from + step;
		step *= 2;
	}
	high = step < n - from ? from + step : n;
	while (low < high)
	{
		uint32_t	mid = low + (high - low) / 2;

		if (index[mid] < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Inner product of a short list a with a much longer b. */
static float
ip_gallop(const int32_t *ai, const float *av, uint32_t an,
		  const int32_t *bi, const float *bv, uint32_t bn)
{
	float		sum = 0;
	uint32_t	j = 0;

	for (uint32_t i = 0; i < an && j < bn; i++)
	{
		j = gallop(bi, j, bn, ai[i]);
		if (j < bn && bi[j] == ai[i])
			sum += av[i] * bv[j];
	}
	return sum;
}

static float
ip_merge(const int32_t *ai, const float *av, uint32_t an,
		 const int32_t *bi, const float *bv, uint32_t bn)
{
	float		sum = 0;
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < an && j < bn)
	{
		int32_t		x = ai[i];
		int32_t		y = bi[j];
		float		product = av[i] * bv[j];

		sum += x == y ? product : 0;
		i += x <= y;
		j += y <= x;
	}
	return sum;
}

static double
sparse_ip(const int32_t *ai, const float *av, uint32_t an,
		  const int32_t *bi, const float *bv, uint32_t bn)
{
	float		sum = an / GALLOP_RATIO > bn ? ip_gallop(bi, bv, bn, ai, av, an)
		: bn / GALLOP_RATIO > an ? ip_gallop(ai, av, an, bi, bv, bn)
		: ip_merge(ai, av, an, bi, bv, bn);

	if (!pgr_sums_hold(PGR_METRIC_IP, sum, 0, 0))
		return pgr_wide_sparse(PGR_METRIC_IP, ai, av, an, bi, bv, bn);
	return sum;
}

/* Squares are summed in single precision, as the dense kernels do. */
static double
sparse_cosine(const int32_t *ai, const float *av, uint32_t an,
			  const int32_t *bi, const float *bv, uint32_t bn)
{
	PgrDistFn	ip = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP];
	double		aa = ip(av, av, an);
	double		bb = ip(bv, bv, bn);

	if (!pgr_sums_hold(PGR_METRIC_COSINE, 0, (float) aa, (float) bb))
		return pgr_wide_sparse(PGR_METRIC_COSINE, ai, av, an, bi, bv, bn);
	return pgr_cosine_finish(sparse_ip(ai, av, an, bi, bv, bn), aa, bb);
}

/* A metric of differences, which have no sign: over the union of the indices. */
PGR_INLINE double
sparse_difference(PgrMetric metric, const int32_t *ai, const float *av, uint32_t an,
				  const int32_t *bi, const float *bv, uint32_t bn)
{
	float		sum = 0;
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < an && j < bn)
	{
		int32_t		x = ai[i];
		int32_t		y = bi[j];
		float		diff = (x <= y ? av[i] : 0) - (y <= x ? bv[j] : 0);

		sum = pgr_step(metric, sum, diff, 0);
		i += x <= y;
		j += y <= x;
	}
	for (; i < an; i++)
		sum = pgr_step(metric, sum, av[i], 0);
	for (; j < bn; j++)
		sum = pgr_step(metric, sum, bv[j], 0);
	if (!pgr_sums_hold(metric, sum, 0, 0))
		return pgr_wide_sparse(metric, ai, av, an, bi, bv, bn);
	return sum;
}

#define SPARSE_PRODUCTS(prefix, name, metric)
#define SPARSE_DIFFERENCES(prefix, name, metric) \
	static double \
	prefix##_##name(const int32_t *ai, const float *av, uint32_t an, \
					const int32_t *bi, const float *bv, uint32_t bn) \
	{ \
		return sparse_difference(metric, ai, av, an, bi, bv, bn); \
	}
#define SPARSE_FUNCTION(prefix, name, metric, of) SPARSE_##of(prefix, name, metric)
#define SPARSE_ENTRY(prefix, name, metric, of) [metric] = prefix##_##name,

PGR_ELEMENT_METRICS(SPARSE_FUNCTION, sparse)

const PgrSparseFn pgr_sparse_dist[PGR_METRIC_COUNT] = {
	PGR_ELEMENT_METRICS(SPARSE_ENTRY, sparse)
};
