/*
 * dense.c
 *		vector and halfvec: construction, text and binary input and output,
 *		casts to and from arrays.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "types/dense.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define TYPE_INFO(type, elem) \
	const PgrTypeInfo pgr_##type##_type = {#type, &pgr_elem_ops[elem], PGR_DENSE_MAX_DIM};

PGR_DENSE_TYPES(TYPE_INFO)

PgrDense *
pgr_dense_make(const PgrTypeInfo *type, int dim)
{
	Size		size = PGR_DENSE_SIZE(type, dim);
	PgrDense   *v = palloc0(size);

	SET_VARSIZE(v, size);
	v->dim = dim;
	return v;
}

PgrDense *
pgr_dense_from_floats(const PgrTypeInfo *type, const float *x, int dim,
					  int32 typmod)
{
	PgrDense   *v;

	pgr_check_dim(type, dim, NULL);
	pgr_check_expected_dim(typmod, dim, NULL);
	for (int i = 0; i < dim; i++)
	{
		pgr_check_value(type, x[i], NULL);
		if (isinf(type->ops->round(x[i])))
			pgr_error_range(type, x[i]);
	}
	v = pgr_dense_make(type, dim);
	type->ops->store(x, v->data, dim);
	return v;
}

const float *
pgr_dense_floats(const PgrTypeInfo *type, const PgrDense *v)
{
	float	   *x;

	if (type->ops->elem == PGR_ELEM_F32)
		return (const float *) v->data;
	x = palloc(sizeof(float) * v->dim);
	type->ops->load(v->data, x, v->dim);
	return x;
}

int
pgr_dense_dim(Datum d)
{
	int16		dim;

	pgr_datum_prefix(d, &dim, sizeof(dim));
	return dim;
}

Datum
pgr_dense_in(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	const char *str = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	struct Node *escontext = PGR_ESCONTEXT(fcinfo);
	const char *p = pgr_skip_space(str);
	int			capacity = typmod > 0 ? typmod : 64;
	float	   *x;
	int			dim;
	PgrDense   *v;

	if (*p != '[')
	{
		pgr_syntax_error(type, str, "Vector contents must start with \"[\".",
						 escontext);
		PG_RETURN_NULL();
	}
	x = palloc(sizeof(float) * capacity);
	dim = pgr_parse_list(type, str, &p, &x, &capacity, escontext);
	if (dim < 0)
		PG_RETURN_NULL();
	if (*pgr_skip_space(p) != '\0')
	{
		pgr_syntax_error(type, str, "Junk after closing right brace.", escontext);
		PG_RETURN_NULL();
	}
	if (!pgr_check_expected_dim(typmod, dim, escontext))
		PG_RETURN_NULL();

	v = pgr_dense_make(type, dim);
	type->ops->store(x, v->data, dim);
	pfree(x);
	PG_RETURN_POINTER(v);
}

Datum
pgr_dense_out(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	StringInfoData buf;

	initStringInfo(&buf);
	pgr_append_list(&buf, pgr_dense_floats(type, v), v->dim);
	PG_RETURN_CSTRING(buf.data);
}

Datum
pgr_dense_recv(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int16		dim = pq_getmsgint(buf, sizeof(int16));
	int16		unused = pq_getmsgint(buf, sizeof(int16));
	PgrDense   *v;
	const float *x;

	pgr_check_dim(type, dim, NULL);
	pgr_check_expected_dim(typmod, dim, NULL);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));

	v = pgr_dense_make(type, dim);
	type->ops->recv(buf, v->data, dim);
	x = pgr_dense_floats(type, v);
	for (int i = 0; i < dim; i++)
		pgr_check_value(type, x[i], NULL);
	PG_RETURN_POINTER(v);
}

Datum
pgr_dense_send(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, v->dim);
	pq_sendint16(&buf, v->unused);
	type->ops->send(&buf, v->data, v->dim);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* vector -> vector(d): the value itself, its dimension checked. */
Datum
pgr_dense_coerce(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	Datum		d = PG_GETARG_DATUM(0);

	pgr_check_expected_dim(PG_GETARG_INT32(1), pgr_dense_dim(d), NULL);
	PG_RETURN_DATUM(d);
}

Datum
pgr_dense_from_array(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	int			n;
	float	   *x = pgr_array_to_floats(PG_GETARG_ARRAYTYPE_P(0), &n);

	PG_RETURN_POINTER(pgr_dense_from_floats(type, x, n, PG_GETARG_INT32(1)));
}

Datum
pgr_dense_to_array(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);
	const float *x = pgr_dense_floats(type, v);
	Datum	   *items = palloc(sizeof(Datum) * v->dim);

	for (int i = 0; i < v->dim; i++)
		items[i] = Float4GetDatum(x[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(items, v->dim, FLOAT4OID, sizeof(float4),
										  true, TYPALIGN_INT));
}

Datum
pgr_dense_cast(const PgrTypeInfo *from, const PgrTypeInfo *to, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);

	PG_RETURN_POINTER(pgr_dense_from_floats(to, pgr_dense_floats(from, v), v->dim,
											PG_GETARG_INT32(1)));
}
