/*
 * sparse_ops.c
 *		sparsevec: distances, comparison, hashing, norms, sum and avg.
 *
 * Values compare as the dense vectors they stand for: elements first, a missing
 * one as zero, then the number of dimensions.
 */
#include "postgres.h"

#include <math.h>

#include "base/argcache.h"
#include "common/hashfn.h"
#include "types/distance_cost.h"
#include "types/sparse.h"

static void
check_same_dim(const PgrSparse *a, const PgrSparse *b)
{
	if (unlikely(a->dim != b->dim))
		pgr_error_dims(&pgr_sparsevec_type, a->dim, b->dim);
}

/* a kernel's result */
static double
apply(PgrMetric metric, const PgrSparse *a, const PgrSparse *b)
{
	check_same_dim(a, b);
	return pgr_sparse_dist[metric] (a->indices, PGR_SPARSE_VALUES(a), a->nnz,
									b->indices, PGR_SPARSE_VALUES(b), b->nnz);
}

/* Euclidean norm in double precision */
static double
norm(const PgrSparse *s)
{
	return pgr_kernel->norm[PGR_ELEM_F32] (PGR_SPARSE_VALUES(s), s->nnz);
}

double
pgr_sparse_distance(PgrMetric metric, const PgrSparse *a, const PgrSparse *b)
{
	return pgr_distance_finish(metric, apply(metric, a, b));
}

#define DISTANCE(name, expr) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PgrSparse  *a = (PgrSparse *) pgr_getarg_detoasted(fcinfo, 0); \
		PgrSparse  *b = (PgrSparse *) pgr_getarg_detoasted(fcinfo, 1); \
		PG_RETURN_FLOAT8(expr); \
	} \
	extern int	pgr_no_such_variable;
#define OPERATOR(name, metric) DISTANCE(pgr_sparsevec_##name, pgr_sparse_distance(metric, a, b))

PGR_VECTOR_DISTANCES(OPERATOR)
DISTANCE(pgr_sparsevec_l2_squared_distance, pgr_single_range(apply(PGR_METRIC_L2, a, b)))
DISTANCE(pgr_sparsevec_inner_product, pgr_single_range(apply(PGR_METRIC_IP, a, b)))

PG_FUNCTION_INFO_V1(pgr_sparsevec_within);
Datum
pgr_sparsevec_within(PG_FUNCTION_ARGS)
{
	PgrMetric	metric = pgr_distance_by_name(PG_GETARG_TEXT_PP(3), PGR_METRICS_OF_VECTORS);

	PG_RETURN_BOOL(pgr_within(pgr_sparse_distance(metric, PG_GETARG_SPARSE_P(0),
										  PG_GETARG_SPARSE_P(1)),
							  PG_GETARG_FLOAT8(2)));
}

/* --- norms --- */

/* The dimension tells nothing of the size: 100 non-zeros are usual. */
PG_FUNCTION_INFO_V1(pgr_sparsevec_distance_support);
Datum
pgr_sparsevec_distance_support(PG_FUNCTION_ARGS)
{
	PgrValueSize size = {0, 0, PGR_SPARSE_SIZE(100)};

	return pgr_distance_support(fcinfo, size);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_norm);
Datum
pgr_sparsevec_norm(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(norm(PG_GETARG_SPARSE_P(0)));
}

/* s / |s|; elements that underflow to zero are dropped, none is stored as zero */
PG_FUNCTION_INFO_V1(pgr_sparsevec_l2_normalize);
Datum
pgr_sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);
	const float *values = PGR_SPARSE_VALUES(s);
	double		length = norm(s);
	PgrSparse  *result;
	int			nnz = 0;

	for (int i = 0; i < s->nnz; i++)
		nnz += (float) (values[i] / length) != 0;
	result = pgr_sparse_make(s->dim, nnz);
	nnz = 0;
	for (int i = 0; i < s->nnz; i++)
	{
		float		x = (float) (values[i] / length);

		if (x == 0)
			continue;
		result->indices[nnz] = s->indices[i];
		PGR_SPARSE_VALUES(result)[nnz++] = x;
	}
	PG_RETURN_POINTER(result);
}

/* --- comparison --- */

static int
compare(const PgrSparse *a, const PgrSparse *b)
{
	const float *av = PGR_SPARSE_VALUES(a);
	const float *bv = PGR_SPARSE_VALUES(b);
	int			dim = Min(a->dim, b->dim);
	int			i = 0;
	int			j = 0;

	for (;;)
	{
		int			ai = i < a->nnz ? a->indices[i] : dim;
		int			bi = j < b->nnz ? b->indices[j] : dim;
		float		x = ai <= bi && ai < dim ? av[i] : 0;
		float		y = bi <= ai && bi < dim ? bv[j] : 0;

		if (Min(ai, bi) >= dim)
			break;
		if (x != y)
			return x < y ? -1 : 1;
		i += ai <= bi;
		j += bi <= ai;
	}
	return a->dim < b->dim ? -1 : a->dim > b->dim;
}

static int
compare_args(FunctionCallInfo fcinfo)
{
	PgrSparse  *a = PG_GETARG_SPARSE_P(0);
	PgrSparse  *b = PG_GETARG_SPARSE_P(1);
	int			result = compare(a, b);

	/* btree support functions must not leak */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

#define COMPARE(name, result) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		int			c = compare_args(fcinfo); \
		result; \
	} \
	extern int	pgr_no_such_variable

COMPARE(pgr_sparsevec_lt, PG_RETURN_BOOL(c < 0));
COMPARE(pgr_sparsevec_le, PG_RETURN_BOOL(c <= 0));
COMPARE(pgr_sparsevec_eq, PG_RETURN_BOOL(c == 0));
COMPARE(pgr_sparsevec_ne, PG_RETURN_BOOL(c != 0));
COMPARE(pgr_sparsevec_ge, PG_RETURN_BOOL(c >= 0));
COMPARE(pgr_sparsevec_gt, PG_RETURN_BOOL(c > 0));
COMPARE(pgr_sparsevec_cmp, PG_RETURN_INT32(c));

/* No zero is stored, so equal values have equal bytes. */
static uint64
hash_arg(FunctionCallInfo fcinfo, uint64 seed)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);
	uint64		hash = hash_bytes_extended((unsigned char *) VARDATA(s),
										   VARSIZE(s) - VARHDRSZ, seed);

	PG_FREE_IF_COPY(s, 0);
	return hash;
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_hash);
Datum
pgr_sparsevec_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT32((uint32) hash_arg(fcinfo, 0));
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_hash_extended);
Datum
pgr_sparsevec_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(hash_arg(fcinfo, PG_GETARG_INT64(1)));
}
