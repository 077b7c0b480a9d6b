/*
 * multivector_io.c
 *		multivector: text and binary input and output, type modifier.
 *
 * Text is [[1,2],[3,4]], so a JSON array of arrays is one; [] has no token. The
 * element kind is not part of the text: a column's type modifier gives it, and
 * without one a value is f32.
 *
 * Binary (network order): int16 dim, int8 elem, int8 0, int32 count; for i8
 * count float4 scales; then the elements.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "types/multivector.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define TYPE(elem) (&pgr_multivector_types[elem])

/* The element a type modifier asks for. */
static PgrElem
typmod_elem(int32 typmod)
{
	return typmod == -1 ? PGR_ELEM_F32 : PGR_MULTIVECTOR_TYPMOD_ELEM(typmod);
}

/* Dimension against the modifier; an empty value without one fits any. */
static bool
check_typmod_dim(int32 typmod, int dim, int count, struct Node *escontext)
{
	if (typmod == -1 || (count == 0 && dim == 0))
		return true;
	return pgr_check_expected_dim(PGR_MULTIVECTOR_TYPMOD_DIM(typmod), dim, escontext);
}

/* --- text --- */

/* "[...]" of bracketed tokens at *p into the builder */
static bool
parse_tokens(const PgrTypeInfo *type, const char *str, const char **p,
			 PgrTokenBuilder *b, struct Node *escontext)
{
	int			capacity = 128;
	float	   *token = palloc(sizeof(float) * capacity);

	*p = pgr_skip_space(*p + 1);
	if (**p == ']')
	{
		(*p)++;
		return true;
	}
	for (;;)
	{
		int			dim;

		CHECK_FOR_INTERRUPTS();
		*p = pgr_skip_space(*p);
		if (**p != '[')
			return pgr_syntax_error(type, str, "Each token must start with \"[\".",
									escontext);
		dim = pgr_parse_list(type, str, p, &token, &capacity, escontext);
		if (dim < 0 || !pgr_tokens_add(b, token, dim, escontext))
			return false;
		*p = pgr_skip_space(*p);
		if (**p == ']')
			break;
		if (**p != ',')
			return pgr_syntax_error(type, str, NULL, escontext);
		(*p)++;
	}
	(*p)++;
	pfree(token);
	return true;
}

PG_FUNCTION_INFO_V1(pgr_multivector_in);
Datum
pgr_multivector_in(PG_FUNCTION_ARGS)
{
	const char *str = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	struct Node *escontext = PGR_ESCONTEXT(fcinfo);
	PgrElem		elem = typmod_elem(typmod);
	const char *p = pgr_skip_space(str);
	PgrTokenBuilder b;

	pgr_tokens_begin(&b, elem, 0);
	if (*p != '[')
	{
		pgr_syntax_error(TYPE(elem), str, "Multivector contents must start with \"[\".",
						 escontext);
		PG_RETURN_NULL();
	}
	if (!parse_tokens(TYPE(elem), str, &p, &b, escontext))
		PG_RETURN_NULL();
	if (*pgr_skip_space(p) != '\0')
	{
		pgr_syntax_error(TYPE(elem), str, "Junk after closing right bracket.", escontext);
		PG_RETURN_NULL();
	}
	if (!check_typmod_dim(typmod, b.dim, b.count, escontext))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

PG_FUNCTION_INFO_V1(pgr_multivector_out);
Datum
pgr_multivector_out(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	float	   *token = palloc(sizeof(float) * Max(m->dim, 1));
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	for (int i = 0; i < m->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendStringInfoChar(&buf, ',');
		pgr_multivector_token(m, i, token);
		pgr_append_list(&buf, token, m->dim);
	}
	appendStringInfoChar(&buf, ']');
	PG_RETURN_CSTRING(buf.data);
}

/* --- binary --- */

/* The header of a binary value; raises if it cannot be one. */
static void
recv_header(StringInfo buf, int *dim, int *elem, int *count)
{
	int			flags;

	*dim = pq_getmsgint(buf, 2);
	*elem = pq_getmsgbyte(buf);
	flags = pq_getmsgbyte(buf);
	*count = pq_getmsgint(buf, 4);

	if (!pgr_multivector_has(*elem))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("unrecognized multivector element kind %d", *elem)));
	if (flags != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected multivector flags to be 0, not %d", flags)));
	if (*count < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("multivector cannot have negative number of tokens")));
	if (*dim != 0 || *count != 0)
		pgr_check_dim(TYPE(*elem), *dim, NULL);

	/* so that a hostile count cannot ask for memory the message does not fill */
	if ((uint64) *count * ((uint64) *dim * pgr_elem_ops[*elem].size +
						   (*elem == PGR_ELEM_I8 ? sizeof(float) : 0)) !=
		(uint64) (buf->len - buf->cursor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid length of a binary multivector of %d tokens of %d dimensions",
						*count, *dim)));
}

/* One i8 token as values; foreign senders may not be canonical. */
static void
recv_i8_token(StringInfo buf, float scale, float *token, int dim)
{
	if (!(scale >= 0) || isinf(scale))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("scale of a multivector token must be finite and not negative")));
	for (int i = 0; i < dim; i++)
	{
		int			code = (int8) pq_getmsgbyte(buf);

		if (code == PG_INT8_MIN)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("code of a multivector token must be from -127 to 127")));
		token[i] = code * scale;
	}
}

PG_FUNCTION_INFO_V1(pgr_multivector_recv);
Datum
pgr_multivector_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int			dim;
	int			elem;
	int			count;
	float	   *scales;
	float	   *token;
	void	   *raw;
	PgrTokenBuilder b;

	recv_header(buf, &dim, &elem, &count);
	check_typmod_dim(typmod, dim, count, NULL);
	token = palloc(sizeof(float) * Max(dim, 1));
	raw = palloc(sizeof(float) * Max(dim, 1));
	scales = palloc(sizeof(float) * Max(count, 1));
	if (elem == PGR_ELEM_I8)
		pgr_elem_ops[PGR_ELEM_F32].recv(buf, scales, count);

	pgr_tokens_begin(&b, typmod == -1 ? (PgrElem) elem : typmod_elem(typmod), dim);
	for (int i = 0; i < count; i++)
	{
		if (elem == PGR_ELEM_I8)
			recv_i8_token(buf, scales[i], token, dim);
		else
		{
			pgr_elem_ops[elem].recv(buf, raw, dim);
			pgr_elem_ops[elem].load(raw, token, dim);
		}
		pgr_multivector_check_values(token, dim);
		pgr_tokens_add(&b, token, dim, NULL);
	}
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

PG_FUNCTION_INFO_V1(pgr_multivector_send);
Datum
pgr_multivector_send(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	Size		n = (Size) m->count * m->dim;
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint16(&buf, m->dim);
	pq_sendbyte(&buf, m->elem);
	pq_sendbyte(&buf, m->flags);
	pq_sendint32(&buf, m->count);
	if (m->elem == PGR_ELEM_I8)
	{
		pgr_elem_ops[PGR_ELEM_F32].send(&buf, PGR_MULTIVECTOR_SCALES(m), m->count);
		pq_sendbytes(&buf, PGR_MULTIVECTOR_CODES(m), (int) n);
	}
	else
		pgr_elem_ops[m->elem].send(&buf, PGR_MULTIVECTOR_CODES(m), (int) n);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* --- type modifier --- */

static PgrElem
elem_by_name(const char *name)
{
	for (int elem = 0; elem < PGR_ELEM_COUNT; elem++)
		if (pgr_multivector_has(elem) && pg_strcasecmp(name, pgr_elem_ops[elem].name) == 0)
			return elem;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized element kind \"%s\" for type multivector", name),
			 errhint("Element kinds are \"f32\", \"f16\" and \"i8\".")));
}

PG_FUNCTION_INFO_V1(pgr_multivector_typmod_in);
Datum
pgr_multivector_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *mods = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *items;
	int			n;
	int			dim;
	PgrElem		elem = PGR_ELEM_F32;

	deconstruct_array(mods, CSTRINGOID, -2, false, TYPALIGN_CHAR, &items, NULL, &n);
	if (n < 1 || n > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier"),
				 errhint("Write multivector(dimensions) or multivector(dimensions, f32|f16|i8).")));
	dim = pg_strtoint32(DatumGetCString(items[0]));
	pgr_check_typmod_dim(TYPE(PGR_ELEM_F32), dim);
	if (n == 2)
		elem = elem_by_name(DatumGetCString(items[1]));
	PG_RETURN_INT32(PGR_MULTIVECTOR_TYPMOD(dim, elem));
}

PG_FUNCTION_INFO_V1(pgr_multivector_typmod_out);
Datum
pgr_multivector_typmod_out(PG_FUNCTION_ARGS)
{
	int32		typmod = PG_GETARG_INT32(0);
	int			dim = PGR_MULTIVECTOR_TYPMOD_DIM(typmod);
	PgrElem		elem = PGR_MULTIVECTOR_TYPMOD_ELEM(typmod);

	if (typmod < 0)
		PG_RETURN_CSTRING(pstrdup(""));
	if (elem == PGR_ELEM_F32)
		PG_RETURN_CSTRING(psprintf("(%d)", dim));
	PG_RETURN_CSTRING(psprintf("(%d,%s)", dim, pgr_elem_ops[elem].name));
}

/* multivector -> multivector(d, kind): dimension checked, element converted */
PG_FUNCTION_INFO_V1(pgr_multivector_coerce);
Datum
pgr_multivector_coerce(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	int32		typmod = PG_GETARG_INT32(1);

	if (typmod == -1)
		PG_RETURN_POINTER(m);
	check_typmod_dim(typmod, m->dim, m->count, NULL);
	PG_RETURN_POINTER(pgr_multivector_convert(m, typmod_elem(typmod)));
}
