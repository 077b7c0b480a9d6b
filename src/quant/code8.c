/*
 * code8.c
 *		Vectors as signed bytes with one scale.
 *
 * A byte is a coordinate by max |x| / 127, rounded: it errs by 1 / sqrt(12) of
 * that, about 0.9 % of a coordinate's spread for rotated data. The scale that is
 * kept is another: that which gives the code the vector's length. The distance of
 * two codes then errs only by what lies across the vectors, so for near vectors
 * in proportion to it, not to how far both are from the origin (README, "Errors"),
 * and it is one of points: zero for equal codes only.
 */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

/* lengths that differ by less of them are told apart by no code: bytes err by far more */
#define SAME_SCALE 2e-5f

void
pgr_code8_encode(const float *x, uint32_t dim, float aux, int8_t *code, PgrCode8 *head)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);
	float		step = pgr_quantize_i8(x, dim, code);
	double		square = pgr_kernel->dist[PGR_ELEM_I8][PGR_METRIC_IP] (code, code, dim);

	head->norm2 = (float) (norm * norm);
	head->scale = step > 0 ? (float) (norm / sqrt(square)) : 0;
	head->aux = aux;
}

bool
pgr_code8_same(const PgrCode8 *a, const int8_t *a_code, const PgrCode8 *b, const int8_t *b_code,
			   uint32_t dim)
{
	/* far from the origin of codes, vectors with equal ones may differ in their own lengths */
	return fabsf(a->scale - b->scale) <= SAME_SCALE * a->scale &&
		fabsf(a->aux - b->aux) <= 2 * SAME_SCALE * fabsf(a->aux) &&
		memcmp(a_code, b_code, dim) == 0;
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
pgr_code8_error(const PgrCode8 *query, const PgrCode8 *head, uint32_t dim, double distance)
{
	const float longest = (float) (.99 * PGR_CODE8_MAX_NORM * PGR_CODE8_MAX_NORM);
	double		norms = (double) query->norm2 * head->norm2;
	double		square = distance - head->aux;
	double		product = ((double) query->norm2 + head->norm2 - square) / 2;
	double		across = norms > 0 ? 1 - product * product / norms : 1;	/* sin^2 */

	/* the variance of a coordinate's rounding is scale^2 / 12 */
	double		q = (double) query->scale * query->scale / 12;
	double		x = (double) head->scale * head->scale / 12;

	double		rounding = dim * (q + x);

	/* shortened; or only its length is, as where an origin is near it */
	if (query->norm2 >= longest || head->norm2 >= longest || head->aux <= -longest)
		return INFINITY;
	across = across > 0 ? across : 0;
	/* rounding also puts vectors apart; where they are nearly the same it does not */
	return 2 * sqrt(across * (q * head->norm2 + x * query->norm2)) + rounding / 2;
}
