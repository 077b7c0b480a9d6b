/*
 * accum.c
 *		sum and avg over vectors, accumulated in double precision.
 *
 * The state is a plain float8[]: the number of rows, then a sum per dimension;
 * one element, {0}, before the first row. A plain array is combinable by
 * parallel workers and by distributed executors that ship states as binary
 * values, and it is what pgvector's functions of the same names take.
 *
 * Inside an aggregate the array is updated in place: nobody else sees a
 * transition value.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "types/accum.h"
#include "types/dense.h"
#include "utils/array.h"
#include "utils/float.h"

#define STATE_ITEMS(state) ((float8 *) ARR_DATA_PTR(state))
#define STATE_DIM(state) (ARR_DIMS(state)[0] - 1)

static void
check_state(const PgrTypeInfo *type, ArrayType *state, const char *caller)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 || ARR_HASNULL(state) ||
		ARR_ELEMTYPE(state) != FLOAT8OID)
		elog(ERROR, "%s_%s: expected state array", type->name, caller);
}

static ArrayType *
make_state(int dim)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * ((Size) dim + 1);
	ArrayType  *state = palloc0(size);

	SET_VARSIZE(state, size);
	state->ndim = 1;
	state->elemtype = FLOAT8OID;
	ARR_DIMS(state)[0] = dim + 1;
	ARR_LBOUND(state)[0] = 1;
	return state;
}

static ArrayType *
copy_state(ArrayType *state)
{
	ArrayType  *copy = palloc(VARSIZE(state));

	memcpy(copy, state, VARSIZE(state));
	return copy;
}

/* into += x, with an error where a sum overflows */
static void
add_items(float8 *into, const float8 *x, int n)
{
	for (int i = 0; i < n; i++)
	{
		into[i] += x[i];
		if (unlikely(isinf(into[i])))
			float_overflow_error();
	}
}

Datum
pgr_accum_add(const PgrTypeInfo *type, FunctionCallInfo fcinfo, bool sum)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	PgrDense   *v = PG_GETARG_DENSE_P(1);
	const float *x = pgr_dense_floats(type, v);
	float8	   *items;

	check_state(type, state, "accum");
	if (STATE_DIM(state) == 0)
		state = make_state(v->dim);
	else if (!AggCheckCallContext(fcinfo, NULL))
		state = copy_state(state);

	if (STATE_DIM(state) != v->dim)
	{
		if (sum)
			pgr_error_dims(type, STATE_DIM(state), v->dim);
		pgr_check_expected_dim(STATE_DIM(state), v->dim, NULL);
	}
	items = STATE_ITEMS(state);
	items[0] += 1;
	/* max_dim singles cannot overflow a double before 2^896 rows */
	for (int i = 0; i < v->dim; i++)
		items[i + 1] += x[i];
	PG_RETURN_ARRAYTYPE_P(state);
}

Datum
pgr_accum_combine(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *b = PG_GETARG_ARRAYTYPE_P(1);
	ArrayType  *state;

	check_state(type, a, "combine");
	check_state(type, b, "combine");
	if (STATE_ITEMS(a)[0] == 0)
		state = copy_state(b);
	else
	{
		state = copy_state(a);
		if (STATE_ITEMS(b)[0] != 0)
		{
			pgr_check_expected_dim(STATE_DIM(a), STATE_DIM(b), NULL);
			add_items(STATE_ITEMS(state), STATE_ITEMS(b), STATE_DIM(b) + 1);
		}
	}
	if (STATE_ITEMS(state)[0] != 0)
		pgr_check_dim(type, STATE_DIM(state), NULL);
	PG_RETURN_ARRAYTYPE_P(state);
}

Datum
pgr_accum_final(const PgrTypeInfo *type, FunctionCallInfo fcinfo, bool sum)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	float8	   *items;
	float	   *x;
	int			dim;

	check_state(type, state, sum ? "sum" : "avg");
	items = STATE_ITEMS(state);
	dim = STATE_DIM(state);
	if (items[0] == 0)
		PG_RETURN_NULL();
	pgr_check_dim(type, dim, NULL);

	x = palloc(sizeof(float) * dim);
	for (int i = 0; i < dim; i++)
	{
		x[i] = (float) (sum ? items[i + 1] : items[i + 1] / items[0]);
		if (unlikely(isinf(type->ops->round(x[i]))))
			float_overflow_error();
	}
	PG_RETURN_POINTER(pgr_dense_from_floats(type, x, dim, -1));
}
