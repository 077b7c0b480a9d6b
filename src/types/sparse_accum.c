/*
 * sparse_accum.c
 *		sum and avg of sparsevec, accumulated in double precision.
 *
 * The state is a plain float8[], as for dense vectors: the number of rows, the
 * number of dimensions, then index and sum of each element that any row had, in
 * ascending order. {0} before the first row. An index is exact in a double.
 *
 * A row merges into the state, so a group of n rows with k elements each costs
 * O(n (k + union)): fine for vocabularies, where the union soon stops growing.
 * The union itself may exceed sparsevec's limit of elements on the way (sums may
 * cancel); only the result is checked.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "types/sparse.h"
#include "utils/array.h"
#include "utils/float.h"

#define HEAD 2					/* rows, dimensions */

/* Pairs to be merged, from a state or from a value. */
typedef struct PairSource
{
	const float8 *pairs;		/* index, sum, ...; or NULL: */
	const int32 *indices;
	const float *values;
	int			n;
} PairSource;

static inline double
source_index(const PairSource *s, int i)
{
	return s->pairs ? s->pairs[2 * i] : s->indices[i];
}

static inline double
source_value(const PairSource *s, int i)
{
	return s->pairs ? s->pairs[2 * i + 1] : s->values[i];
}

static float8 *
state_items(ArrayType *state, int *n)
{
	if (ARR_NDIM(state) != 1 || ARR_HASNULL(state) ||
		ARR_ELEMTYPE(state) != FLOAT8OID ||
		!(ARR_DIMS(state)[0] == 1 ||
		  (ARR_DIMS(state)[0] >= HEAD && ARR_DIMS(state)[0] % 2 == 0)))
		elog(ERROR, "sparsevec_accum: expected state array");
	*n = ARR_DIMS(state)[0];
	if (*n < HEAD && *(float8 *) ARR_DATA_PTR(state) != 0)
		elog(ERROR, "sparsevec_accum: expected state array");
	return (float8 *) ARR_DATA_PTR(state);
}

static PairSource
state_source(float8 *items, int n)
{
	PairSource	s = {.pairs = items + HEAD,.n = n > HEAD ? (n - HEAD) / 2 : 0};

	return s;
}

/* A new state of both sources; either may be empty. */
static ArrayType *
merge(double rows, double dim, const PairSource *a, const PairSource *b)
{
	Size		max = HEAD + 2 * ((Size) a->n + b->n);
	Size		overhead = ARR_OVERHEAD_NONULLS(1);
	ArrayType  *state = palloc(overhead + sizeof(float8) * max);
	float8	   *items = (float8 *) ((char *) state + overhead);
	int			n = HEAD;
	int			i = 0;
	int			j = 0;

	items[0] = rows;
	items[1] = dim;
	while (i < a->n || j < b->n)
	{
		double		x = i < a->n ? source_index(a, i) : INFINITY;
		double		y = j < b->n ? source_index(b, j) : INFINITY;
		double		sum = 0;

		if (x <= y)
			sum += source_value(a, i++);
		if (y <= x)
			sum += source_value(b, j++);
		items[n++] = Min(x, y);
		items[n++] = sum;
	}

	SET_VARSIZE(state, overhead + sizeof(float8) * n);
	state->ndim = 1;
	state->dataoffset = 0;
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = n;
	ARR_LBOUND(state)[0] = 1;
	return state;
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_accum);
Datum
pgr_sparsevec_accum(PG_FUNCTION_ARGS)
{
	int			n;
	float8	   *items = state_items(PG_GETARG_ARRAYTYPE_P(0), &n);
	PgrSparse  *s = PG_GETARG_SPARSE_P(1);
	PairSource	old = state_source(items, n);
	PairSource	new = {.indices = s->indices,.values = PGR_SPARSE_VALUES(s),.n = s->nnz};

	if (items[0] > 0 && n >= HEAD && items[1] != s->dim)
		pgr_error_dims(&pgr_sparsevec_type, (int) items[1], s->dim);
	PG_RETURN_ARRAYTYPE_P(merge(items[0] + 1, s->dim, &old, &new));
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_combine);
Datum
pgr_sparsevec_combine(PG_FUNCTION_ARGS)
{
	int			an;
	int			bn;
	float8	   *a = state_items(PG_GETARG_ARRAYTYPE_P(0), &an);
	float8	   *b = state_items(PG_GETARG_ARRAYTYPE_P(1), &bn);
	PairSource	as = state_source(a, an);
	PairSource	bs = state_source(b, bn);

	if (b[0] == 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (a[0] > 0 && a[1] != b[1])
		pgr_error_dims(&pgr_sparsevec_type, (int) a[1], (int) b[1]);
	PG_RETURN_ARRAYTYPE_P(merge(a[0] + b[0], b[1], &as, &bs));
}

/* The state divided by divisor, without the elements that came out zero. */
static Datum
finish(ArrayType *state, bool average, FunctionCallInfo fcinfo)
{
	int			n;
	float8	   *items = state_items(state, &n);
	double		divisor = average ? items[0] : 1;
	PgrSparse  *s;
	int			nnz = 0;

	if (items[0] == 0 || n < HEAD)
		PG_RETURN_NULL();
	for (int i = HEAD; i < n; i += 2)
	{
		float		x = (float) (items[i + 1] / divisor);

		if (isinf(x))
			float_overflow_error();
		nnz += x != 0;
	}
	/* states can be made by hand: dimensions and indices are not trusted */
	if (!(items[1] >= 1 && items[1] <= PGR_SPARSE_MAX_DIM))
		elog(ERROR, "sparsevec_accum: expected state array");
	pgr_sparse_check_nnz(nnz, (int) items[1], NULL);
	s = pgr_sparse_make((int) items[1], nnz);
	nnz = 0;
	for (int i = HEAD; i < n; i += 2)
	{
		float		x = (float) (items[i + 1] / divisor);

		if (!(items[i] >= 0 && items[i] < items[1]) ||
			(i > HEAD && items[i] <= items[i - 2]) || isnan(x))
			elog(ERROR, "sparsevec_accum: expected state array");
		if (x == 0)
			continue;
		s->indices[nnz] = (int32) items[i];
		PGR_SPARSE_VALUES(s)[nnz++] = x;
	}
	PG_RETURN_POINTER(s);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_avg);
Datum
pgr_sparsevec_avg(PG_FUNCTION_ARGS)
{
	return finish(PG_GETARG_ARRAYTYPE_P(0), true, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_sum);
Datum
pgr_sparsevec_sum(PG_FUNCTION_ARGS)
{
	return finish(PG_GETARG_ARRAYTYPE_P(0), false, fcinfo);
}
