/*
 * dense_ops.c
 *		vector and halfvec: arithmetic, comparison, hashing, norms and slices.
 *
 * Arithmetic is done in single precision and stored in the element type, with
 * PostgreSQL's overflow and underflow errors. Comparison is by value (-0 = 0),
 * elements first, then length, as arrays compare.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "types/dense.h"
#include "utils/float.h"
#include "utils/varbit.h"

/* How many elements are converted at a time where the type is not float. */
#define CHUNK 256

/* x in the element type; overflow is an error, and underflow if asked for */
static float
arith_result(const PgrTypeInfo *type, float x)
{
	float		r = type->ops->round(x);

	if (unlikely(isinf(r)))
		float_overflow_error();
	return r;
}

Datum
pgr_dense_arith(const PgrTypeInfo *type, FunctionCallInfo fcinfo, PgrArith op)
{
	PgrDense   *a = PG_GETARG_DENSE_P(0);
	PgrDense   *b = PG_GETARG_DENSE_P(1);
	const float *x = pgr_dense_floats(type, a);
	const float *y = pgr_dense_floats(type, b);
	PgrDense   *result;
	float	   *z;

	pgr_dense_check_same_dim(type, a, b);
	z = palloc(sizeof(float) * a->dim);
	for (int i = 0; i < a->dim; i++)
	{
		float		r = op == PGR_ARITH_ADD ? x[i] + y[i] :
			op == PGR_ARITH_SUB ? x[i] - y[i] : x[i] * y[i];

		z[i] = arith_result(type, r);
		if (op == PGR_ARITH_MUL && unlikely(z[i] == 0) && x[i] != 0 && y[i] != 0)
			float_underflow_error();
	}
	result = pgr_dense_make(type, a->dim);
	type->ops->store(z, result->data, a->dim);
	PG_RETURN_POINTER(result);
}

Datum
pgr_dense_concat(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *a = PG_GETARG_DENSE_P(0);
	PgrDense   *b = PG_GETARG_DENSE_P(1);
	int			dim = a->dim + b->dim;
	Size		size = type->ops->size;
	PgrDense   *result;

	pgr_check_dim(type, dim, NULL);
	result = pgr_dense_make(type, dim);
	memcpy(result->data, a->data, size * a->dim);
	memcpy(result->data + size * a->dim, b->data, size * b->dim);
	PG_RETURN_POINTER(result);
}

int
pgr_dense_cmp(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *a = PG_GETARG_DENSE_P(0);
	PgrDense   *b = PG_GETARG_DENSE_P(1);
	Size		size = type->ops->size;
	int			n = Min(a->dim, b->dim);
	int			result = a->dim < b->dim ? -1 : a->dim > b->dim;
	float		x[CHUNK];
	float		y[CHUNK];

	for (int start = 0; start < n; start += CHUNK)
	{
		int			len = Min(CHUNK, n - start);

		type->ops->load(a->data + size * start, x, len);
		type->ops->load(b->data + size * start, y, len);
		for (int i = 0; i < len; i++)
			if (x[i] != y[i])
			{
				result = x[i] < y[i] ? -1 : 1;
				goto done;
			}
	}
done:
	/* btree support functions must not leak */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

bool
pgr_dense_equal(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	/* Different lengths differ; no need to fetch an out-of-line value. */
	if (pgr_dense_dim(PG_GETARG_DATUM(0)) != pgr_dense_dim(PG_GETARG_DATUM(1)))
		return false;
	return pgr_dense_cmp(type, fcinfo) == 0;
}

/* Equal values hash alike: the hash is of single-precision values, -0 as 0. */
uint64
pgr_dense_hash(const PgrTypeInfo *type, FunctionCallInfo fcinfo, uint64 seed)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	uint64		hash = seed;
	float		x[CHUNK];

	for (int start = 0; start < v->dim; start += CHUNK)
	{
		int			len = Min(CHUNK, v->dim - start);

		type->ops->load(v->data + type->ops->size * start, x, len);
		for (int i = 0; i < len; i++)
			x[i] += 0.0f;		/* turns -0 into 0 */
		hash = hash_bytes_extended((unsigned char *) x, sizeof(float) * len, hash);
	}
	PG_FREE_IF_COPY(v, 0);
	return hash;
}

Datum
pgr_dense_norm(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);

	PG_RETURN_FLOAT8(pgr_kernel->norm[type->ops->elem] (v->data, v->dim));
}

/* v / |v|; the zero vector stays zero */
Datum
pgr_dense_normalize(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	double		norm = pgr_kernel->norm[type->ops->elem] (v->data, v->dim);
	PgrDense   *result = pgr_dense_make(type, v->dim);
	const float *x = pgr_dense_floats(type, v);
	float	   *z;

	if (norm == 0)
		PG_RETURN_POINTER(result);
	z = palloc(sizeof(float) * v->dim);
	for (int i = 0; i < v->dim; i++)
		z[i] = arith_result(type, (float) (x[i] / norm));
	type->ops->store(z, result->data, v->dim);
	PG_RETURN_POINTER(result);
}

/* one bit per element, set where it is positive */
Datum
pgr_dense_binary_quantize(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	const float *x = pgr_dense_floats(type, v);
	int			size = VARBITTOTALLEN(v->dim);
	VarBit	   *result = palloc0(size);
	bits8	   *bits = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v->dim;
	for (int i = 0; i < v->dim; i++)
		bits[i / BITS_PER_BYTE] |=
			(x[i] > 0) << (BITS_PER_BYTE - 1 - i % BITS_PER_BYTE);
	PG_RETURN_VARBIT_P(result);
}

/* Elements start .. start + count - 1, 1-based, as far as they exist. */
Datum
pgr_dense_subvector(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	int64		start = PG_GETARG_INT32(1);
	int64		end = start + PG_GETARG_INT32(2);
	Size		size = type->ops->size;
	PgrDense   *result;

	start = Max(start, 1);
	end = Min(end, (int64) v->dim + 1);
	pgr_check_dim(type, (int) Max(end - start, 0), NULL);
	result = pgr_dense_make(type, end - start);
	memcpy(result->data, v->data + size * (start - 1), size * (end - start));
	PG_RETURN_POINTER(result);
}

double
pgr_spherical_distance(double inner_product)
{
	/* rounding may leave [-1, 1], where acos is NaN */
	double		x = inner_product > 1 ? 1 : inner_product < -1 ? -1 : inner_product;

	return acos(x) / M_PI;
}

double
pgr_dense_distance(const PgrTypeInfo *type, const PgrDense *a, const PgrDense *b,
				   PgrMetric metric)
{
	pgr_dense_check_same_dim(type, a, b);
	return pgr_distance_finish(metric, pgr_kernel->dist[type->ops->elem][metric]
							   (a->data, b->data, a->dim));
}

Datum
pgr_dense_within(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrMetric	metric = pgr_distance_by_name(PG_GETARG_TEXT_PP(3), PGR_METRICS_OF_VECTORS);

	PG_RETURN_BOOL(pgr_within(pgr_dense_distance(type, PG_GETARG_DENSE_P(0),
												 PG_GETARG_DENSE_P(1), metric),
							  PG_GETARG_FLOAT8(2)));
}
