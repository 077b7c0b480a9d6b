/*
 * multivector_ops.c
 *		multivector: casts from and to arrays, aggregation, unnest, comparison,
 *		hashing, per-token functions.
 *
 * Comparison is by value: dimensions, then elements in order, then the number of
 * tokens. Element kinds do not matter: [[1,2]] as f16 equals [[1,2]] as f32.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "types/dense.h"
#include "types/multivector.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

/* --- from arrays --- */

static void
check_array_nulls(ArrayType *array)
{
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
}

/* The items of a one-dimensional array of vector or halfvec values. */
static Datum *
vector_items(ArrayType *array, int *n)
{
	Datum	   *items;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
	check_array_nulls(array);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &items, NULL, n);
	return items;
}

/* A finished builder as the type modifier of the cast wants it. */
static Datum
finish_cast(FunctionCallInfo fcinfo, PgrTokenBuilder *b)
{
	int32		typmod = PG_NARGS() > 1 ? PG_GETARG_INT32(1) : -1;

	if (typmod != -1 && b->dim != 0)
		pgr_check_expected_dim(PGR_MULTIVECTOR_TYPMOD_DIM(typmod), b->dim, NULL);
	PG_RETURN_POINTER(pgr_tokens_finish(b));
}

/* The element kind: the modifier's, else the one given. */
static PgrElem
cast_elem(FunctionCallInfo fcinfo, PgrElem otherwise)
{
	int32		typmod = PG_GETARG_INT32(1);

	return typmod == -1 ? otherwise : PGR_MULTIVECTOR_TYPMOD_ELEM(typmod);
}

static Datum
from_vector_array(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	int			n;
	Datum	   *items = vector_items(PG_GETARG_ARRAYTYPE_P(0), &n);
	PgrTokenBuilder b;

	pgr_tokens_begin(&b, cast_elem(fcinfo, type->ops->elem), 0);
	for (int i = 0; i < n; i++)
	{
		PgrDense   *v = DatumGetPgrDense(items[i]);

		CHECK_FOR_INTERRUPTS();
		pgr_tokens_add(&b, pgr_dense_floats(type, v), v->dim, NULL);
	}
	return finish_cast(fcinfo, &b);
}

PG_FUNCTION_INFO_V1(pgr_vector_array_to_multivector);
Datum
pgr_vector_array_to_multivector(PG_FUNCTION_ARGS)
{
	return from_vector_array(&pgr_vector_type, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_halfvec_array_to_multivector);
Datum
pgr_halfvec_array_to_multivector(PG_FUNCTION_ARGS)
{
	return from_vector_array(&pgr_halfvec_type, fcinfo);
}

/* count x dim numbers of an array into a builder */
static void
add_rows(PgrTokenBuilder *b, ArrayType *array, int count, int dim)
{
	const float *x = (const float *) ARR_DATA_PTR(array);
	int			n;

	if (ARR_ELEMTYPE(array) != FLOAT4OID)
		x = pgr_numbers_to_floats(array, &n);
	pgr_check_dim(&pgr_multivector_types[b->elem], dim, NULL);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pgr_multivector_check_values(x + (Size) i * dim, dim);
		pgr_tokens_add(b, x + (Size) i * dim, dim, NULL);
	}
}

/* real[][], or of other numbers: a row is a token */
PG_FUNCTION_INFO_V1(pgr_array_to_multivector);
Datum
pgr_array_to_multivector(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	PgrTokenBuilder b;

	check_array_nulls(array);
	pgr_tokens_begin(&b, cast_elem(fcinfo, PGR_ELEM_F32), 0);
	if (ARR_NDIM(array) == 0)
		return finish_cast(fcinfo, &b);
	if (ARR_NDIM(array) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array must be 2-D"),
				 errhint("Use multivector(array, dimensions) to cut a 1-D array into tokens.")));
	add_rows(&b, array, ARR_DIMS(array)[0], ARR_DIMS(array)[1]);
	return finish_cast(fcinfo, &b);
}

/* a JSON array of arrays of numbers, which is the type's own text form */
PG_FUNCTION_INFO_V1(pgr_jsonb_to_multivector);
Datum
pgr_jsonb_to_multivector(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	char	   *text = JsonbToCString(NULL, &document->root, VARSIZE(document));

	return DirectFunctionCall3(pgr_multivector_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid), PG_GETARG_DATUM(1));
}

/* multivector(real[], d): a 1-D array cut into tokens of d elements */
PG_FUNCTION_INFO_V1(pgr_multivector_cut);
Datum
pgr_multivector_cut(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			dim = PG_GETARG_INT32(1);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	PgrTokenBuilder b;

	check_array_nulls(array);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
	pgr_check_typmod_dim(&pgr_multivector_types[PGR_ELEM_F32], dim);
	if (n % dim != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array of %d elements cannot be cut into tokens of %d dimensions",
						n, dim)));
	pgr_tokens_begin(&b, PGR_ELEM_F32, dim);
	add_rows(&b, array, n / dim, dim);
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

/* --- to vectors --- */

static Datum
token_as_vector(const PgrMultivector *m, int i)
{
	PgrDense   *v = pgr_dense_make(&pgr_vector_type, m->dim);

	pgr_multivector_token(m, i, (float *) v->data);
	return PointerGetDatum(v);
}

PG_FUNCTION_INFO_V1(pgr_multivector_to_vector_array);
Datum
pgr_multivector_to_vector_array(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	Oid			elemtype = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	Datum	   *items = palloc(sizeof(Datum) * Max(m->count, 1));

	for (int i = 0; i < m->count; i++)
		items[i] = token_as_vector(m, i);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, m->count, elemtype, -1, false,
										  TYPALIGN_INT));
}

/* One token a call: no copy of all tokens per row. */
PG_FUNCTION_INFO_V1(pgr_multivector_unnest);
Datum
pgr_multivector_unnest(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	PgrMultivector *m;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	m = call->user_fctx;
	if (call->call_cntr < (uint64) m->count)
	{
		/* not inside the macro, which counts up before it evaluates this */
		Datum		token = token_as_vector(m, (int) call->call_cntr);

		SRF_RETURN_NEXT(call, token);
	}
	SRF_RETURN_DONE(call);
}

/* --- multivector_agg --- */

static Datum
agg_add(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	MemoryContext context;
	MemoryContext old;
	PgrTokenBuilder *b = PG_ARGISNULL(0) ? NULL : (PgrTokenBuilder *) PG_GETARG_POINTER(0);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "multivector_agg called in non-aggregate context");
	if (b == NULL)
	{
		old = MemoryContextSwitchTo(context);
		b = palloc(sizeof(PgrTokenBuilder));
		pgr_tokens_begin(b, type->ops->elem, 0);
		MemoryContextSwitchTo(old);
	}
	if (!PG_ARGISNULL(1))
	{
		PgrDense   *v = PG_GETARG_DENSE_P(1);

		pgr_tokens_add(b, pgr_dense_floats(type, v), v->dim, NULL);
	}
	PG_RETURN_POINTER(b);
}

PG_FUNCTION_INFO_V1(pgr_multivector_agg_vector);
Datum
pgr_multivector_agg_vector(PG_FUNCTION_ARGS)
{
	return agg_add(&pgr_vector_type, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_multivector_agg_halfvec);
Datum
pgr_multivector_agg_halfvec(PG_FUNCTION_ARGS)
{
	return agg_add(&pgr_halfvec_type, fcinfo);
}

/*
 * The state stays usable: as a window aggregate the final function is called
 * for every row.
 */
PG_FUNCTION_INFO_V1(pgr_multivector_agg_final);
Datum
pgr_multivector_agg_final(PG_FUNCTION_ARGS)
{
	PgrTokenBuilder *b = PG_ARGISNULL(0) ? NULL : (PgrTokenBuilder *) PG_GETARG_POINTER(0);
	PgrTokenBuilder copy;

	if (b == NULL || b->count == 0)
		PG_RETURN_NULL();
	copy = *b;
	copy.codes = MemoryContextAllocHuge(CurrentMemoryContext,
										pgr_elem_ops[b->elem].size * b->dim * b->count);
	memcpy(copy.codes, b->codes, pgr_elem_ops[b->elem].size * b->dim * b->count);
	PG_RETURN_POINTER(pgr_tokens_finish(&copy));
}

/* --- shape, per-token functions --- */

typedef struct Shape
{
	int			dim;
	int			count;
} Shape;

/* The shape of a value, without fetching the rest of an out-of-line one. */
static Shape
shape(Datum d)
{
	/* the header without its length word */
	struct
	{
		uint16		dim;
		uint8		elem;
		uint8		flags;
		int32		count;
	}			head;

	StaticAssertStmt(sizeof(head) == offsetof(PgrMultivector, data) - VARHDRSZ,
					 "head is multivector's header");
	pgr_datum_prefix(d, &head, sizeof(head));
	return (Shape){head.count == 0 ? 0 : head.dim, head.count};
}

PG_FUNCTION_INFO_V1(pgr_multivector_dims);
Datum
pgr_multivector_dims(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(shape(PG_GETARG_DATUM(0)).dim);
}

PG_FUNCTION_INFO_V1(pgr_multivector_token_count);
Datum
pgr_multivector_token_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(shape(PG_GETARG_DATUM(0)).count);
}

/* each token by its own norm; a zero token stays zero */
PG_FUNCTION_INFO_V1(pgr_multivector_l2_normalize);
Datum
pgr_multivector_l2_normalize(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	float	   *token = palloc(sizeof(float) * Max(m->dim, 1));
	PgrTokenBuilder b;

	pgr_tokens_begin(&b, m->elem, m->dim);
	for (int i = 0; i < m->count; i++)
	{
		double		norm;

		pgr_multivector_token(m, i, token);
		norm = pgr_kernel->norm[PGR_ELEM_F32] (token, m->dim);
		for (int j = 0; norm > 0 && j < m->dim; j++)
			token[j] = (float) (token[j] / norm);
		pgr_tokens_add(&b, token, m->dim, NULL);
	}
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

/* elements start .. start + count - 1 of every token (a Matryoshka prefix) */
PG_FUNCTION_INFO_V1(pgr_multivector_subvector);
Datum
pgr_multivector_subvector(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	int64		start = PG_GETARG_INT32(1);
	int64		end = Min(start + PG_GETARG_INT32(2), (int64) m->dim + 1);
	float	   *token = palloc(sizeof(float) * Max(m->dim, 1));
	PgrTokenBuilder b;

	if (m->count == 0)
		PG_RETURN_POINTER(m);
	start = Max(start, 1);
	pgr_check_dim(&pgr_multivector_types[m->elem], (int) Max(end - start, 0), NULL);
	pgr_tokens_begin(&b, m->elem, (int) (end - start));
	for (int i = 0; i < m->count; i++)
	{
		pgr_multivector_token(m, i, token);
		pgr_tokens_add(&b, token + start - 1, (int) (end - start), NULL);
	}
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

/* --- comparison, hashing --- */

static int
compare_tokens(const PgrMultivector *a, const PgrMultivector *b, float *x, float *y)
{
	int			n = Min(a->count, b->count);

	for (int i = 0; i < n; i++)
	{
		pgr_multivector_token(a, i, x);
		pgr_multivector_token(b, i, y);
		for (int j = 0; j < a->dim; j++)
			if (x[j] != y[j])
				return x[j] < y[j] ? -1 : 1;
	}
	return a->count < b->count ? -1 : a->count > b->count;
}

static int
compare_args(FunctionCallInfo fcinfo)
{
	PgrMultivector *a = PG_GETARG_MULTIVECTOR_P(0);
	PgrMultivector *b = PG_GETARG_MULTIVECTOR_P(1);
	int			result;

	if (a->count == 0 || b->count == 0)
		result = a->count == b->count ? 0 : a->count < b->count ? -1 : 1;
	else if (a->dim != b->dim)
		result = a->dim < b->dim ? -1 : 1;
	else
	{
		float	   *x = palloc(sizeof(float) * 2 * Max(a->dim, 1));

		result = compare_tokens(a, b, x, x + a->dim);
		pfree(x);
	}
	/* btree support functions must not leak */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

/* Cheap where the shapes differ. */
static bool
equal_args(FunctionCallInfo fcinfo)
{
	Shape		a = shape(PG_GETARG_DATUM(0));
	Shape		b = shape(PG_GETARG_DATUM(1));

	return a.dim == b.dim && a.count == b.count && compare_args(fcinfo) == 0;
}

static uint64
hash_arg(FunctionCallInfo fcinfo, uint64 seed)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	float	   *x = palloc(sizeof(float) * Max(m->dim, 1));
	uint64		hash = seed;

	for (int i = 0; i < m->count; i++)
	{
		pgr_multivector_token(m, i, x);
		for (int j = 0; j < m->dim; j++)
			x[j] += 0.0f;		/* turns -0 into 0 */
		hash = hash_bytes_extended((unsigned char *) x, sizeof(float) * m->dim, hash);
	}
	pfree(x);
	PG_FREE_IF_COPY(m, 0);
	return hash;
}

#define STUB(name, body) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) { body; } \
	extern int	pgr_no_such_variable

STUB(pgr_multivector_lt, PG_RETURN_BOOL(compare_args(fcinfo) < 0));
STUB(pgr_multivector_le, PG_RETURN_BOOL(compare_args(fcinfo) <= 0));
STUB(pgr_multivector_eq, PG_RETURN_BOOL(equal_args(fcinfo)));
STUB(pgr_multivector_ne, PG_RETURN_BOOL(!equal_args(fcinfo)));
STUB(pgr_multivector_ge, PG_RETURN_BOOL(compare_args(fcinfo) >= 0));
STUB(pgr_multivector_gt, PG_RETURN_BOOL(compare_args(fcinfo) > 0));
STUB(pgr_multivector_cmp, PG_RETURN_INT32(compare_args(fcinfo)));
STUB(pgr_multivector_hash, PG_RETURN_UINT32((uint32) hash_arg(fcinfo, 0)));
STUB(pgr_multivector_hash_extended,
	 PG_RETURN_UINT64(hash_arg(fcinfo, PG_GETARG_INT64(1))));
