/*
 * kernel_dist_body.h
 *		Template: sums over one query and several codes of one element type.
 *
 * Included by kernel_body.h once per element type; undefines its parameters. Name,
 * element and loads are needed; the others are for elements that are no floats:
 *
 *	E_NAME					prefix of the functions made here
 *	E_ELEM E_QELEM			element of a code, of a query
 *	E_VEC E_LANES			a vector of elements, how many
 *	E_LOAD E_LOAD_PART		(p), (p, n): n < E_LANES, zero filled; of a code
 *	E_QLOAD E_QLOAD_PART	the same of a query
 *	E_ACC E_ZERO E_ADD		an accumulator
 *	E_SUB(a, b)				difference of vectors
 *	E_MAC(acc, a, b)		acc + a * b
 *	E_ADD_ABS(acc, a)		acc + |a|
 *	E_SUM(acc) E_RESULT		sum over the lanes and its type
 *	E_UNROLL E_CODES		independent accumulators for one code, and codes
 *							scored together; their product must fit the registers
 *	E_HOLD(metric, sum, qq, cc)		whether sums are what they should be, and
 *	E_WIDE(metric, query, code, dim)	what is computed where they are not
 *
 * Made here: E_NAME_sums, E_NAME_dist and E_NAME_many, all to be inlined with
 * a constant metric. A code's sums are added in the same order whether it is
 * scored alone or with others, so many gives dist's results bit for bit.
 */
/* Where nothing else is said: a query's elements are a code's, */
#ifndef E_QELEM
#define E_QELEM E_ELEM
#endif
#ifndef E_QLOAD
#define E_QLOAD E_LOAD
#define E_QLOAD_PART E_LOAD_PART
#endif
/* the loads give single precision, which is what is summed, */
#ifndef E_VEC
#define E_VEC PgrDf
#define E_LANES PGR_DF_LANES
#define E_ACC PgrDf
#define E_ZERO PGR_DF_ZERO
#define E_ADD PGR_DF_ADD
#define E_SUB PGR_DF_SUB
#define E_MAC PGR_DF_FMA
#define E_ADD_ABS PGR_DF_ADD_ABS
#define E_SUM PGR_DF_SUM
#define E_RESULT float
#endif
/* and sums are held. */
#ifndef E_HOLD
#define E_HOLD(metric, sum, qq, cc) true
#define E_WIDE(metric, query, code, dim) 0
#endif
#ifndef E_UNROLL
#define E_UNROLL 4
#endif
#ifndef E_CODES
#define E_CODES PGR_CODES
#endif

#define E_CAT2(a, b) a##_##b
#define E_CAT(a, b) E_CAT2(a, b)
#define E_FN(verb) E_CAT(E_NAME, verb)

/* One vector's worth of work: sum 0 is the metric's own, 1 is |code|^2 and, where
 * there is one code only, 2 is |query|^2. */
PGR_INLINE void
E_FN(step)(PgrMetric metric, int ncodes, E_ACC acc[3], E_VEC q, E_VEC c)
{
	switch (metric)
	{
		case PGR_METRIC_L2:
			q = E_SUB(q, c);
			acc[0] = E_MAC(acc[0], q, q);
			break;
		case PGR_METRIC_L1:
			acc[0] = E_ADD_ABS(acc[0], E_SUB(q, c));
			break;
		case PGR_METRIC_COSINE:
			acc[1] = E_MAC(acc[1], c, c);
			if (ncodes == 1)
				acc[2] = E_MAC(acc[2], q, q);
			acc[0] = E_MAC(acc[0], q, c);
			break;
		default:
			acc[0] = E_MAC(acc[0], q, c);
			break;
	}
}

/* ncodes is 1 or E_CODES */
PGR_INLINE void
E_FN(sums)(PgrMetric metric, int ncodes, const E_QELEM *query,
		   const E_ELEM *const *code, uint32_t dim, E_RESULT sums[][3])
{
	const int	nsums = metric != PGR_METRIC_COSINE ? 1 : ncodes == 1 ? 3 : 2;
	const int	unroll = metric != PGR_METRIC_COSINE ? E_UNROLL : (E_UNROLL + 1) / 2;
	E_ACC		acc[E_CODES][E_UNROLL][3];
	uint32_t	i = 0;

	PGR_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		PGR_UNROLL
		for (int u = 0; u < unroll; u++)
		{
			PGR_UNROLL
			for (int s = 0; s < nsums; s++)
				acc[c][u][s] = E_ZERO;
		}
	}
	for (; dim - i >= unroll * E_LANES; i += unroll * E_LANES)
	{
		PGR_UNROLL
		for (int u = 0; u < unroll; u++)
		{
			E_VEC		q = E_QLOAD(query + i + u * E_LANES);

			PGR_UNROLL
			for (int c = 0; c < ncodes; c++)
				E_FN(step)(metric, ncodes, acc[c][u], q,
						   E_LOAD(code[c] + i + u * E_LANES));
		}
	}
	for (; dim - i >= E_LANES; i += E_LANES)
	{
		E_VEC		q = E_QLOAD(query + i);

		PGR_UNROLL
		for (int c = 0; c < ncodes; c++)
			E_FN(step)(metric, ncodes, acc[c][0], q, E_LOAD(code[c] + i));
	}
	if (i < dim)
	{
		E_VEC		q = E_QLOAD_PART(query + i, dim - i);

		PGR_UNROLL
		for (int c = 0; c < ncodes; c++)
			E_FN(step)(metric, ncodes, acc[c][0], q,
					   E_LOAD_PART(code[c] + i, dim - i));
	}
	PGR_UNROLL
	for (int c = 0; c < ncodes; c++)
	{
		PGR_UNROLL
		for (int s = 0; s < nsums; s++)
		{
			PGR_UNROLL
			for (int u = 1; u < unroll; u++)
				acc[c][0][s] = E_ADD(acc[c][0][s], acc[c][u][s]);
			sums[c][s] = E_SUM(acc[c][0][s]);
		}
	}
}

/* The same with a pointer and a stride; sums 0 and 1 of ncodes codes. */
PGR_INLINE void
E_FN(block)(PgrMetric metric, int ncodes, const E_QELEM *query,
			const void *codes, size_t stride, uint32_t dim,
			E_RESULT sums[][3])
{
	const E_ELEM *code[E_CODES];

	PGR_UNROLL
	for (int c = 0; c < ncodes; c++)
		code[c] = (const E_ELEM *) ((const char *) codes + c * stride);
	E_FN(sums)(metric, ncodes, query, code, dim, sums);
}

PGR_INLINE double
E_FN(dist)(PgrMetric metric, const void *query, const void *code, uint32_t dim)
{
	E_RESULT	sums[1][3];

	E_FN(block)(metric, 1, query, code, 0, dim, sums);
	if (!E_HOLD(metric, sums[0][0], sums[0][2], sums[0][1]))
		return E_WIDE(metric, query, code, dim);
	if (metric != PGR_METRIC_COSINE)
		return (double) sums[0][0];
	return pgr_cosine_finish((double) sums[0][0], (double) sums[0][2],
							 (double) sums[0][1]);
}

/* A code's distance from its sums and |query|^2. */
PGR_INLINE float
E_FN(finish)(PgrMetric metric, const void *query, const void *code, uint32_t dim,
			 const E_RESULT sums[3], E_RESULT qq)
{
	if (!E_HOLD(metric, sums[0], qq, sums[1]))
		return (float) E_WIDE(metric, query, code, dim);
	if (metric != PGR_METRIC_COSINE)
		return (float) (double) sums[0];
	return (float) pgr_cosine_finish((double) sums[0], (double) qq, (double) sums[1]);
}

PGR_INLINE void
E_FN(many)(PgrMetric metric, const void *query, const void *codes,
		   size_t stride, uint32_t n, uint32_t dim, float *out)
{
	E_RESULT	sums[E_CODES][3];
	E_RESULT	qq = 0;
	uint32_t	i = 0;

	/* Scoring the first code alone also gives the query's norm. */
	if (metric == PGR_METRIC_COSINE && n > 0)
	{
		E_FN(block)(metric, 1, query, codes, stride, dim, sums);
		qq = sums[0][2];
		out[i++] = E_FN(finish)(metric, query, codes, dim, sums[0], qq);
	}
	for (; n - i >= E_CODES; i += E_CODES)
	{
		E_FN(block)(metric, E_CODES, query, (const char *) codes + i * stride,
					stride, dim, sums);
		for (int c = 0; c < E_CODES; c++)
			out[i + c] = E_FN(finish)(metric, query, (const char *) codes + (i + c) * stride,
									  dim, sums[c], qq);
	}
	for (; i < n; i++)
		out[i] = (float) E_FN(dist)(metric, query,
									(const char *) codes + i * stride, dim);
}

#undef E_NAME
#undef E_ELEM
#undef E_QELEM
#undef E_VEC
#undef E_LANES
#undef E_LOAD
#undef E_LOAD_PART
#undef E_QLOAD
#undef E_QLOAD_PART
#undef E_ACC
#undef E_ZERO
#undef E_ADD
#undef E_SUB
#undef E_MAC
#undef E_ADD_ABS
#undef E_SUM
#undef E_RESULT
#undef E_UNROLL
#undef E_CODES
#undef E_HOLD
#undef E_WIDE
#undef E_FN
#undef E_CAT
#undef E_CAT2
