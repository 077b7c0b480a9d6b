/*
 * vecspace.c
 *		What values, codes and distances of one space are. See vecspace.h.
 */
#include "quant/vecspace.h"

#include <math.h>
#include <string.h>

/* ----------
 * Values
 * ----------
 */

void
pgr_vecspace_init(PgrVecSpace *s, PgrMetric metric, PgrMetric geometry, bool zero_is_value,
				  uint32_t dim, uint64_t seed, uint8_t *signs, const float *max_aux)
{
	memset(s, 0, sizeof(*s));
	s->metric = metric;
	s->geometry = geometry;
	s->zero_is_value = zero_is_value;
	s->dim = dim;
	pgr_rotation_init(&s->rotation, dim, seed, signs);
	s->padded = s->rotation.padded;
	s->max_aux = max_aux;
	s->query_scale = 1;
}

/* x / |x|; false for the zero vector */
static bool
normalise(float *x, uint32_t dim)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);

	if (!(norm > 0))
		return false;
	for (uint32_t i = 0; i < dim; i++)
		x[i] = (float) (x[i] / norm);
	return true;
}

static void
multiply(float *x, uint32_t dim, double by)
{
	for (uint32_t i = 0; i < dim; i++)
		x[i] = (float) (x[i] * by);
}

/* How many times a vector as long must become to be as long as the longest. */
static double
stretch_of(const PgrVecSpace *s, double norm)
{
	return norm > 0 && *s->max_aux > 0 ? sqrt(*s->max_aux) / norm : 1;
}

bool
pgr_vecspace_row(const PgrVecSpace *s, float *x, float *aux)
{
	const double longest = PGR_CODE8_MAX_NORM * PGR_CODE8_MAX_NORM;

	*aux = 0;
	if (s->geometry == PGR_METRIC_COSINE)
		return normalise(x, s->dim) || s->zero_is_value;
	if (s->geometry == PGR_METRIC_IP)
	{
		double		square = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP] (x, x, s->dim);

		*aux = -(float) (square < longest ? square : longest);
	}
	return true;
}

bool
pgr_vecspace_query(PgrVecSpace *s, float *x)
{
	if (s->geometry == PGR_METRIC_COSINE)
		return normalise(x, s->dim) || s->zero_is_value;
	if (s->geometry == PGR_METRIC_IP)
	{
		double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, s->dim);

		s->query_scale = stretch_of(s, norm);
		s->query_norm2 = norm * norm * s->query_scale * s->query_scale;
		if (s->query_scale != 1)
			multiply(x, s->dim, s->query_scale);
	}
	return true;
}

void
pgr_vecspace_stretch(const PgrVecSpace *s, float *x)
{
	double		by = stretch_of(s, pgr_kernel->norm[PGR_ELEM_F32] (x, s->dim));

	if (s->geometry == PGR_METRIC_IP && by != 1)
		multiply(x, s->dim, by);
}

/* ----------
 * Codes
 * ----------
 */

void
pgr_vecspace_shorten(const PgrVecSpace *s, float *y)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (y, s->padded);

	for (uint32_t i = 0; norm > PGR_CODE8_MAX_NORM && i < s->padded; i++)
		y[i] = (float) (PGR_CODE8_MAX_NORM / norm * y[i]);
}

/* x less an origin, of which single precision may have no square: what is left is its direction. */
static void
direction(const float *x, const float *origin, uint32_t dim, float *y)
{
	double		norm2 = 0;

	for (uint32_t i = 0; i < dim; i++)
		norm2 += ((double) x[i] - origin[i]) * ((double) x[i] - origin[i]);
	for (uint32_t i = 0; i < dim; i++)
		y[i] = (float) (PGR_CODE8_MAX_NORM / sqrt(norm2) * ((double) x[i] - origin[i]));
}

void
pgr_vecspace_place(const PgrVecSpace *s, const float *x, const float *origin, float *y)
{
	memset(y + s->dim, 0, (s->padded - s->dim) * sizeof(float));
	for (uint32_t i = 0; i < s->dim; i++)
		y[i] = x[i] - origin[i];
	if (!(pgr_kernel->norm[PGR_ELEM_F32] (y, s->dim) <= PGR_CODE8_MAX_NORM))
		direction(x, origin, s->dim, y);
	pgr_rotate(&s->rotation, y);
}

void
pgr_vecspace_unplace(const PgrVecSpace *s, const PgrCode8 *head, const int8_t *code,
					 const float *origin, float *x)
{
	pgr_code8_decode(head, code, s->padded, x);
	pgr_unrotate(&s->rotation, x);
	for (uint32_t i = 0; i < s->dim; i++)
		x[i] += origin[i];
}

/* ----------
 * Distances
 * ----------
 */

/* Squared L2; 2 (1 - cos) of unit vectors; |q|^2 - 2 <q,x> (README, "Metrics are distances"). */
double
pgr_vecspace_to_code(const PgrVecSpace *s, double distance)
{
	switch (s->metric)
	{
		case PGR_METRIC_COSINE:
			return 2 * distance;
		case PGR_METRIC_IP:
			return s->query_norm2 + 2 * s->query_scale * distance;
		case PGR_METRIC_HAMMING:
			return distance;
		default:
			return distance * distance;
	}
}

double
pgr_vecspace_to_operator(const PgrVecSpace *s, double distance)
{
	switch (s->metric)
	{
		case PGR_METRIC_COSINE:
			return distance / 2;
		case PGR_METRIC_IP:
			return (distance - s->query_norm2) / 2 / s->query_scale;
		case PGR_METRIC_HAMMING:
			return distance > 0 ? distance : 0;
		default:
			return distance > 0 ? sqrt(distance) : 0;
	}
}
