/*
 * vecspace.h
 *		The space of an index's codes: how values of one distance become vectors of
 *		squared Euclidean distances, and those distances the operator's again. No
 *		postgres.h.
 *
 * All that is to be known of cosine and inner product is here (README, "Metrics are
 * distances"): access methods hold a space and ask it. Origins are the caller's; it may have
 * several.
 */
#ifndef PGR_VECSPACE_H
#define PGR_VECSPACE_H

#include <float.h>
#include <stdbool.h>

#include "quant/quant.h"

typedef struct PgrVecSpace
{
	PgrMetric	metric;			/* what the operator returns */
	PgrMetric	geometry;		/* what codes keep: L2, IP or COSINE */
	bool		zero_is_value;	/* of cosine: the zero vector has a distance */
	uint32_t	dim;			/* of a vector */
	uint32_t	padded;			/* of a code */
	PgrRotation rotation;

	/*
	 * Of inner products: the largest square norm of a row that is known of, the caller's,
	 * which may raise it. Nothing that is stored depends on it.
	 */
	const float *max_aux;

	/* of the query: pgr_vecspace_query */
	double		query_scale;	/* it is taken so many times as long */
	double		query_norm2;	/* of inner products: its square then */
} PgrVecSpace;

/*
 * A space without a query. signs: pgr_rotation_size(dim) bytes, which it keeps using, as
 * it does max_aux.
 */
extern void pgr_vecspace_init(PgrVecSpace *s, PgrMetric metric, PgrMetric geometry,
							  bool zero_is_value, uint32_t dim, uint64_t seed, uint8_t *signs,
							  const float *max_aux);

/*
 * Are distances of stored vectors those of points? Of inner products they are not: each vector
 * has a further coordinate of its own, so the nearest of all may be another than an equal
 * one, and nearness to an origin says nothing.
 */
static inline bool
pgr_vecspace_is_euclidean(const PgrVecSpace *s)
{
	return s->geometry != PGR_METRIC_IP;
}

/* --- values --- */

/*
 * Makes a row's elements, dim floats in x, those that codes are made of, and sets what is
 * added to its distance from a query. False if it has no distance (the zero vector under
 * cosine).
 */
extern bool pgr_vecspace_row(const PgrVecSpace *s, float *x, float *aux);

/*
 * The same of a query, which the space has from then on. Of inner products it becomes as long
 * as the longest vectors. Its length does not change the order, but estimates err in
 * proportion to the distance from the query's end, so for a short one they would tell nothing.
 */
extern bool pgr_vecspace_query(PgrVecSpace *s, float *x);

/* A row's vector, as pgr_vecspace_row has made it, as such a query; leaves the space alone. */
extern void pgr_vecspace_stretch(const PgrVecSpace *s, float *x);

/* the largest square norm of inner products, with another row */
static inline float
pgr_vecspace_cover(float max_aux, float aux)
{
	return max_aux > -aux ? max_aux : -aux;
}

/* Is a row longer than those that max_aux knows of? */
static inline bool
pgr_vecspace_exceeds(const PgrVecSpace *s, float aux)
{
	return s->geometry == PGR_METRIC_IP && -aux > *s->max_aux;
}

/* --- codes --- */

/*
 * Coordinates, padded floats in y, that codes of one origin are made of: x less the
 * origin, as long as codes may be at most, rotated. Both are of dim floats.
 */
extern void pgr_vecspace_place(const PgrVecSpace *s, const float *x, const float *origin, float *y);

/* About the vector of a code: dim floats, in room for padded. */
extern void pgr_vecspace_unplace(const PgrVecSpace *s, const PgrCode8 *head, const int8_t *code,
								 const float *origin, float *x);

/* Makes coordinates as long as codes may be if they are longer. */
extern void pgr_vecspace_shorten(const PgrVecSpace *s, float *y);

/* The squared distance of two stored vectors with one origin, as graphs have it. */
static inline double
pgr_vecspace_pair_distance(const PgrVecSpace *s, const PgrCode8 *a, const int8_t *a_code,
						   const PgrCode8 *b, const int8_t *b_code)
{
	return pgr_code8_pair_distance(a, a_code, b, b_code, s->padded, *s->max_aux);
}

/* --- distances of the query --- */

/* The operator's value as a distance of codes, and back. Approximate where it is not exact. */
extern double pgr_vecspace_to_code(const PgrVecSpace *s, double distance);
extern double pgr_vecspace_to_operator(const PgrVecSpace *s, double distance);

/*
 * What the operator's single-precision sums and those of codes may differ by, as a distance of
 * codes, which is not in the error of a code: far off the origin it is all there is. A
 * difference (L2, Hamming) has no such sums.
 */
static inline double
pgr_vecspace_sums_error(const PgrVecSpace *s)
{
	double		size = s->geometry == PGR_METRIC_COSINE ? 1 :
		s->geometry == PGR_METRIC_IP ? s->query_norm2 : 0;

	return (8 + s->dim / 64.0) * FLT_EPSILON * size;
}

/* The least distance of codes that the operator's may stand for, of one with that error. */
static inline double
pgr_vecspace_lower_bound(const PgrVecSpace *s, double distance, double error)
{
	return distance - error - pgr_vecspace_sums_error(s);
}

#endif							/* PGR_VECSPACE_H */
