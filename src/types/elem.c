/*
 * elem.c
 *		The element table, and input, output and checks that types share.
 *
 * Error texts and SQLSTATEs are pgvector's where it has one, because
 * applications match on them.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "kernel/half.h"
#include "libpq/pqformat.h"
#include "types/elem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* --- rows of the element table --- */

static void
f32_load(const void *src, float *dst, int n)
{
	memcpy(dst, src, sizeof(float) * n);
}

static void
f32_store(const float *src, void *dst, int n)
{
	memcpy(dst, src, sizeof(float) * n);
}

static float
f32_round(float x)
{
	return x;
}

static void
f32_send(StringInfo buf, const void *src, int n)
{
	const float *x = src;

	for (int i = 0; i < n; i++)
		pq_sendfloat4(buf, x[i]);
}

static void
f32_recv(StringInfo buf, void *dst, int n)
{
	float	   *x = dst;

	for (int i = 0; i < n; i++)
		x[i] = pq_getmsgfloat4(buf);
}

static void
f16_load(const void *src, float *dst, int n)
{
	pgr_kernel->f16_to_f32(src, dst, n);
}

static void
f16_store(const float *src, void *dst, int n)
{
	pgr_kernel->f32_to_f16(src, dst, n);
}

static float
f16_round(float x)
{
	return pgr_half_to_float(pgr_float_to_half(x));
}

static void
f16_send(StringInfo buf, const void *src, int n)
{
	const PgrHalf *x = src;

	for (int i = 0; i < n; i++)
		pq_sendint16(buf, x[i]);
}

static void
f16_recv(StringInfo buf, void *dst, int n)
{
	PgrHalf    *x = dst;

	for (int i = 0; i < n; i++)
		x[i] = (PgrHalf) pq_getmsgint(buf, sizeof(PgrHalf));
}

const PgrElemOps pgr_elem_ops[PGR_ELEM_COUNT] = {
	[PGR_ELEM_F32] = {PGR_ELEM_F32, "f32", sizeof(float), f32_load, f32_store,
	f32_round, f32_send, f32_recv},
	[PGR_ELEM_F16] = {PGR_ELEM_F16, "f16", sizeof(PgrHalf), f16_load, f16_store,
	f16_round, f16_send, f16_recv},
	[PGR_ELEM_I8] = {PGR_ELEM_I8, "i8", sizeof(int8_t), NULL, NULL, NULL, NULL,
	NULL}
};

/* --- checks --- */

bool
pgr_check_dim(const PgrTypeInfo *type, int dim, struct Node *escontext)
{
	if (dim < 1)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s must have at least 1 dimension", type->name)));
	if (dim > type->max_dim)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%s cannot have more than %d dimensions",
							type->name, type->max_dim)));
	return true;
}

bool
pgr_check_expected_dim(int32 typmod, int dim, struct Node *escontext)
{
	if (typmod != -1 && typmod != dim)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("expected %d dimensions, not %d", typmod, dim)));
	return true;
}

bool
pgr_check_value(const PgrTypeInfo *type, float x, struct Node *escontext)
{
	if (likely(isfinite(x)))
		return true;
	if (isnan(x))
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("NaN not allowed in %s", type->name)));
	pgr_ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("infinite value not allowed in %s", type->name)));
}

void
pgr_error_dims(const PgrTypeInfo *type, int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different %s dimensions %d and %d", type->name, a, b)));
}

void
pgr_error_range(const PgrTypeInfo *type, float x)
{
	char		shortest[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(x, shortest);
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%s\" is out of range for type %s", shortest, type->name)));
}

/* --- text --- */

bool
pgr_syntax_error(const PgrTypeInfo *type, const char *str, const char *detail,
				 struct Node *escontext)
{
	pgr_ereturn(escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						type->name, str),
				 detail ? errdetail("%s", detail) : 0));
}

const char *
pgr_skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

bool
pgr_parse_item(const PgrTypeInfo *type, const char *str, const char **p,
			   float *x, struct Node *escontext)
{
	char	   *end;
	const char *start = *p;
	float		parsed;

	errno = 0;
	parsed = strtof(start, &end);
	if (end == start)
		return pgr_syntax_error(type, str, NULL, escontext);
	*p = end;
	*x = type->ops->round(parsed);

	/*
	 * An infinity that the text did not spell out is a number too large.
	 * strtof says ERANGE for underflow too, which most types take as zero.
	 */
	if ((isinf(*x) && (errno == ERANGE || !isinf(parsed))) ||
		(type->strict_underflow && *x == 0 && errno == ERANGE))
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%s\" is out of range for type %s",
							pnstrdup(start, end - start), type->name)));
	return pgr_check_value(type, *x, escontext);
}

int
pgr_parse_list(const PgrTypeInfo *type, const char *str, const char **p,
			   float **values, int *capacity, struct Node *escontext)
{
	int			n = 0;

	*p = pgr_skip_space(*p + 1);	/* behind the bracket */
	if (**p == ']')
	{
		(*p)++;
		pgr_check_dim(type, 0, escontext);
		return -1;
	}
	for (;;)
	{
		if (n == type->max_dim)
		{
			pgr_check_dim(type, n + 1, escontext);
			return -1;
		}
		if (n == *capacity)
		{
			*capacity *= 2;
			*values = repalloc(*values, sizeof(float) * *capacity);
		}
		*p = pgr_skip_space(*p);
		if (!pgr_parse_item(type, str, p, *values + n, escontext))
			return -1;
		n++;
		*p = pgr_skip_space(*p);
		if (**p == ']')
			break;
		if (**p != ',')
		{
			pgr_syntax_error(type, str, NULL, escontext);
			return -1;
		}
		(*p)++;
	}
	(*p)++;
	return n;
}

void
pgr_append_list(StringInfo buf, const float *x, int n)
{
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < n; i++)
	{
		/* room for the longest number, its comma and the closing bracket */
		enlargeStringInfo(buf, FLOAT_SHORTEST_DECIMAL_LEN + 2);
		if (i > 0)
			buf->data[buf->len++] = ',';
		buf->len += float_to_shortest_decimal_bufn(x[i], buf->data + buf->len);
	}
	appendStringInfoChar(buf, ']');
}

/* --- type modifiers, arrays --- */

void
pgr_check_typmod_dim(const PgrTypeInfo *type, int dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s must be at least 1", type->name)));
	if (dim > type->max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s cannot exceed %d",
						type->name, type->max_dim)));
}

int32
pgr_typmod_in(const PgrTypeInfo *type, ArrayType *mods)
{
	int			n;
	int32	   *mod = ArrayGetIntegerTypmods(mods, &n);

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier")));
	pgr_check_typmod_dim(type, *mod);
	return *mod;
}

static float
number_to_float(Oid type, Datum d)
{
	switch (type)
	{
		case INT4OID:
			return (float) DatumGetInt32(d);
		case FLOAT4OID:
			return DatumGetFloat4(d);
		case FLOAT8OID:
			return (float) DatumGetFloat8(d);
		default:
			return DatumGetFloat4(DirectFunctionCall1(numeric_float4, d));
	}
}

void
pgr_check_plain_array(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
}

float *
pgr_numbers_to_floats(ArrayType *array, int *n)
{
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *items;
	float	   *x;

	if (type != INT4OID && type != FLOAT4OID && type != FLOAT8OID &&
		type != NUMERICOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &items, NULL, n);
	x = palloc(sizeof(float) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		x[i] = number_to_float(type, items[i]);
	pfree(items);
	return x;
}

float *
pgr_array_to_floats(ArrayType *array, int *n)
{
	pgr_check_plain_array(array);
	return pgr_numbers_to_floats(array, n);
}

void
pgr_datum_prefix(Datum d, void *dst, int n)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(d);

	/* VARATT_IS_SHORT is no test here: it is true of toast pointers too */
	if (VARATT_IS_EXTERNAL(raw) || VARATT_IS_COMPRESSED(raw))
		raw = PG_DETOAST_DATUM_SLICE(d, 0, n);
	memcpy(dst, VARDATA_ANY(raw), n);
}
