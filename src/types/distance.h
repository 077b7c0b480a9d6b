/*
 * distance.h
 *		The distances, one row each: their names, what their operators return, and how
 *		an index sees them. A further one is a metric of src/kernel, a row here, and
 *		rows of sql/install/tables.tbl.
 */
#ifndef PGR_DISTANCE_H
#define PGR_DISTANCE_H

#include "postgres.h"

#include <float.h>
#include <math.h>

#include "kernel/kernel.h"

/* What an operator returns for a kernel's result d. */
typedef enum PgrFinish
{
	PGR_FINISH_NONE,			/* d */
	PGR_FINISH_ROOT,			/* its square root */
	PGR_FINISH_NEGATIVE,		/* -d */
	PGR_FINISH_FROM_ONE			/* 1 - d */
} PgrFinish;

typedef struct PgrDistance
{
	const char *name;			/* in within() */
	const char *op;				/* the operator */
	PgrFinish	finish;
	double		least;			/* no distance is below */
	double		most;			/* or above, where that is known */

	/*
	 * The metric by which an index finds candidates among elements (L2, inner product
	 * or cosine), and whether that gives the distance's own order.
	 */
	PgrMetric	space;
	bool		exact;
} PgrDistance;

/*
 * By metric. Static, so that what is known when compiling costs no look-up. Distances
 * without a space of their own are led by one:
 *	 L1			by L2 of the same elements
 *	 Hamming	is L2 of elements +-1/2, squared
 *	 Jaccard	by the cosine of elements 0 and 1
 *	 MaxSim		by that of tokens: no index of this kind
 */
static const PgrDistance pgr_distances[PGR_METRIC_COUNT] = {
	[PGR_METRIC_L2] = {"l2", "<->", PGR_FINISH_ROOT, 0, INFINITY, PGR_METRIC_L2, true},
	[PGR_METRIC_IP] = {"ip", "<#>", PGR_FINISH_NEGATIVE, -INFINITY, INFINITY, PGR_METRIC_IP, true},
	[PGR_METRIC_COSINE] = {"cosine", "<=>", PGR_FINISH_FROM_ONE, 0, 2, PGR_METRIC_COSINE, true},
	[PGR_METRIC_L1] = {"l1", "<+>", PGR_FINISH_NONE, 0, INFINITY, PGR_METRIC_L2, false},
	[PGR_METRIC_HAMMING] = {"hamming", "<~>", PGR_FINISH_NONE, 0, INFINITY, PGR_METRIC_L2, true},
	[PGR_METRIC_JACCARD] = {"jaccard", "<%>", PGR_FINISH_NONE, 0, 1, PGR_METRIC_COSINE, false},
	[PGR_METRIC_MAXSIM] = {"maxsim", "@#", PGR_FINISH_NEGATIVE, -INFINITY, INFINITY, PGR_METRIC_IP, false},
};

/*
 * The functions of operators on vectors, DO(name, metric): pgr_TYPE_NAME in C. Names are
 * those of the functions in SQL.
 */
#define PGR_VECTOR_DISTANCES(DO) \
	DO(l2_distance, PGR_METRIC_L2) \
	DO(negative_inner_product, PGR_METRIC_IP) \
	DO(cosine_distance, PGR_METRIC_COSINE) \
	DO(l1_distance, PGR_METRIC_L1)

/* Sets of metrics: what within() of a type takes. */
#define PGR_METRIC_BIT(metric) (1u << (metric))
#define PGR_METRIC_OR(prefix, name, metric, of) | PGR_METRIC_BIT(metric)
#define PGR_METRICS_OF_VECTORS (0 PGR_ELEMENT_METRICS(PGR_METRIC_OR,))
#define PGR_METRICS_OF_BITS \
	(PGR_METRIC_BIT(PGR_METRIC_HAMMING) | PGR_METRIC_BIT(PGR_METRIC_JACCARD))

/*
 * One beyond single precision's range is an infinity, as in pgvector. Not a NaN: kernels
 * give finite values for finite vectors, but for the cosine of a zero vector.
 */
static inline double
pgr_single_range(double distance)
{
	return unlikely(fabs(distance) > FLT_MAX) ? copysign(INFINITY, distance) : distance;
}

/* What the operator of a metric returns for the kernel's result. */
static inline double
pgr_distance_finish(PgrMetric metric, double d)
{
	switch (pgr_distances[metric].finish)
	{
		case PGR_FINISH_ROOT:
			return pgr_single_range(sqrt(d));
		case PGR_FINISH_NEGATIVE:
			return -pgr_single_range(d);
		case PGR_FINISH_FROM_ONE:
			return 1 - d;
		default:
			return pgr_single_range(d);
	}
}

/*
 * A metric by name ('l2') or operator ('<->'); only those of the allowed set.
 * Raises 22023 with the list of allowed names.
 */
extern PgrMetric pgr_distance_by_name(text *name, uint32 allowed);

/* Whether a name or operator is that of a metric. */
extern bool pgr_distance_is_named(PgrMetric metric, const text *name);

/* The row of an operator's name, NULL if it is none of these distances'. */
extern const PgrDistance *pgr_distance_of_operator(const char *op);

/* distance <= radius; false for a NaN distance, error for a NaN radius */
extern bool pgr_within(double distance, double radius);

#endif							/* PGR_DISTANCE_H */
