/*
 * edge.c
 *		Codes of one, two or four bits a coordinate of the differences between a node
 *		and its neighbours.
 *
 * With r = to - from, u = the levels of its coordinates, y = u - middle,
 * g = |r|^2 / <y,r>: <r,v> is about g <y,v> for any v, unbiased over rotations. A
 * query q at distance d from "from" is then at distance
 *	 |q - to|^2 = d + |r|^2 - 2 <r, q - from>
 *			   is about d + (|r|^2 + 2g <y,from>) - 2g (<u,q> - middle sum(q))
 *						   = d + add + rescale * (<u,q> - offset).
 * aux of both ends is part of add, so that shifted distances stay consistent.
 */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

/*
 * What a number of bits means. Levels are step apart in units of the root mean
 * square of a coordinate, the least error for a normal distribution (Max 1960).
 */
typedef struct Levels
{
	float		step;
	float		middle;			/* (2^bits - 1) / 2 */
	float		along;			/* mean of <y,r> / (|r| sqrt(dim)) */
	float		error;			/* |y| sin(y,r) / sqrt(dim): what pgr_edge_error gives */
} Levels;

static const Levels levels_of_bits[PGR_EDGE_MAX_BITS + 1] = {
	[1] = {0, 0.5f, 0.3989f, 0.302f},
	[2] = {0.9957f, 1.5f, 0.8850f, 0.325f},
	[4] = {0.3352f, 7.5f, 2.9489f, 0.319f},
};

float
pgr_edge_error(uint32_t nbits)
{
	return levels_of_bits[nbits].error;
}

/* rescale = -2 |r|^2 / <y,r> */
double
pgr_edge_length(const PgrEdge *edge, uint32_t dim, uint32_t nbits)
{
	return fabs(edge->rescale) * sqrt(dim) * levels_of_bits[nbits].along / 2;
}

/*
 * The residual's sums; with more than one bit the planes behind that of the signs
 * are added, and abs and along become those of 2 y instead of the sign.
 */
static void
encode_levels(const int8_t *from_code, float from_scale, const int8_t *to_code, float to_scale,
			  uint32_t dim, uint32_t nbits, uint8_t *bits, PgrResidualSums *sums)
{
	const Levels *l = &levels_of_bits[nbits];
	float		scale = sums->sq > 0 ? sqrtf(dim / sums->sq) / l->step : 0;
	uint32_t	plane = PGR_EDGE_PLANE(dim);
	double		abs = 0;
	double		along = 0;

	memset(bits, 0, PGR_EDGE_BYTES(dim, nbits));
	for (uint32_t i = 0; i < dim; i++)
	{
		float		from = from_scale * from_code[i];
		float		r = to_scale * to_code[i] - from;
		float		level = floorf(r * scale) + l->middle + 0.5f;
		uint32_t	u;

		level = level < 0 ? 0 : level > 2 * l->middle ? 2 * l->middle : level;
		u = (uint32_t) level;
		abs += 2 * (level - l->middle) * r;
		along += 2 * (level - l->middle) * from;
		for (uint32_t p = 0; p < nbits; p++)
			bits[p * plane + i / 8] |= (u >> (nbits - 1 - p) & 1) << i % 8;
	}
	sums->abs = (float) abs;
	sums->along = (float) along;
}

void
pgr_edge_encode(const PgrCode8 *from, const int8_t *from_code,
				const PgrCode8 *to, const int8_t *to_code, uint32_t dim,
				uint32_t nbits, PgrEdge *edge, uint8_t *bits)
{
	PgrResidualSums sums;
	float		g2;				/* 2g */

	pgr_kernel->residual_code(from_code, from->scale, to_code, to->scale, dim, bits, &sums);
	if (nbits > 1)
		encode_levels(from_code, from->scale, to_code, to->scale, dim, nbits, bits, &sums);

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
pgr_edge_query(PgrEdgeQuery *q, const PgrCode8 *head, const int8_t *code, uint32_t dim,
			   uint32_t nbits)
{
	int64_t		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += code[i];
	q->code = code;
	q->scale = head->scale;
	q->offset = (float) sum * head->scale * levels_of_bits[nbits].middle;
	q->dim = dim;
	q->nbits = nbits;
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
	for (uint32_t p = 1; p < q->nbits; p++)
	{
		pgr_kernel->bit_dots(q->code, q->dim, (const uint8_t *) base + bits_offset +
							 p * PGR_EDGE_PLANE(q->dim), stride, n, sums + n);
		for (uint32_t i = 0; i < n; i++)
			sums[i] = 2 * sums[i] + sums[n + i];
	}
	for (uint32_t i = 0; i < n; i++)
	{
		const PgrEdge *e = (const PgrEdge *) (base + i * stride + factor_offset);

		estimates[i] = df + e->add + e->rescale * (q->scale * (float) sums[i] - q->offset);
	}
}
