/*
 * code8.c
 *		Vectors as signed bytes with one scale.
 *
 * The scale is max |x| / 127: rounding then errs by scale / sqrt(12) a
 * coordinate, about 0.9 % of a coordinate's spread for rotated data. The exact
 * RaBitQ scale of 8 bits is a sort per vector and halves that; no recall was
 * gained by it because the best candidates are scored exactly anyway.
 */
#include <math.h>

#include "quant/quant.h"

void
pgr_code8_encode(const float *x, uint32_t dim, float aux, int8_t *code, PgrCode8 *head)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);

	head->norm2 = (float) (norm * norm);
	head->scale = pgr_quantize_i8(x, dim, code);
	head->aux = aux;
}

static double
product(const PgrCode8 *a, const int8_t *a_code, const PgrCode8 *b,
		const int8_t *b_code, uint32_t dim)
{
	return pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (a_code, b_code, dim) *
		a->scale * b->scale;
}

double
pgr_code8_distance(const PgrCode8 *query, const int8_t *query_code,
				   const PgrCode8 *head, const int8_t *code, uint32_t dim)
{
	return (double) query->norm2 + head->norm2 + head->aux -
		2 * product(query, query_code, head, code, dim);
}

double
pgr_code8_pair_distance(const PgrCode8 *a, const int8_t *a_code, const PgrCode8 *b,
						const int8_t *b_code, uint32_t dim, float max_aux)
{
	double		d = (double) a->norm2 + b->norm2 - 2 * product(a, a_code, b, b_code, dim) +
		pgr_code8_pair_further(a, b, max_aux);

	return d > 0 ? d : 0;
}

double
pgr_code8_error(const PgrCode8 *query, const PgrCode8 *head)
{
	/* each side's rounding errors, of variance scale^2 / 12, times the other */
	double		a = (double) query->scale * query->scale * head->norm2;
	double		b = (double) head->scale * head->scale * query->norm2;

	return 2 * sqrt((a + b) / 12);
}
