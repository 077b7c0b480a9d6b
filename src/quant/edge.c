/*
 * edge.c
 *		One-bit codes of the differences between a node and its neighbours.
 *
 * With r = to - from, y = (bits - 1/2), g = |r|^2 / <y,r>: <r,v> is about
 * g <y,v> for any v, unbiased over rotations. A query q at distance d from
 * "from" is then at distance
 *	 |q - to|^2 = d + |r|^2 - 2 <r, q - from>
 *			   is about d + (|r|^2 + 2g <y,from>) - 2g (<bits,q> - sum(q)/2)
 *						   = d + add + rescale * (<bits,q> - half_sum).
 * aux of both ends is part of add, so that shifted distances stay consistent.
 */
#include "quant/quant.h"

void
pgr_edge_encode(const PgrCode8 *from, const int8_t *from_code,
				const PgrCode8 *to, const int8_t *to_code, uint32_t dim,
				PgrEdge *edge, uint8_t *bits)
{
	PgrResidualSums sums;
	float		g2;				/* 2g */

	pgr_kernel->residual_code(from_code, from->scale, to_code, to->scale, dim, bits, &sums);

	/*
	 * <y,r> = abs / 2, <y,from> = along / 2. Equal vectors have no direction;
	 * what is left of their difference is rounding.
	 */
	if (sums.sq <= 1e-12f * from->norm2)
		sums.sq = sums.abs = sums.along = 0;
	g2 = sums.abs > 0 ? 4 * sums.sq / sums.abs : 0;
	edge->add = sums.sq + g2 * sums.along / 2 + (to->aux - from->aux);
	edge->rescale = -g2;
}

void
pgr_edge_query(PgrEdgeQuery *q, const PgrCode8 *head, const int8_t *code, uint32_t dim)
{
	int64_t		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += code[i];
	q->code = code;
	q->scale = head->scale;
	q->half_sum = (float) sum * head->scale / 2;
	q->dim = dim;
}

void
pgr_edge_estimate(const PgrEdgeQuery *q, double d, const void *edges, size_t stride,
				  size_t factor_offset, size_t bits_offset, uint32_t n,
				  int32_t *sums, float *estimates)
{
	const char *base = edges;
	float		df = (float) d;

	pgr_kernel->bit_dots(q->code, q->dim, (const uint8_t *) base + bits_offset,
						 stride, n, sums);
	for (uint32_t i = 0; i < n; i++)
	{
		const PgrEdge *e = (const PgrEdge *) (base + i * stride + factor_offset);

		estimates[i] = df + e->add + e->rescale * (q->scale * (float) sums[i] - q->half_sum);
	}
}
