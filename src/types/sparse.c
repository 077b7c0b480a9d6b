/*
 * sparse.c
 *		sparsevec: construction, text and binary input and output, casts.
 *
 * Text is {index:value,...}/dimensions with 1-based indices in any order; inside,
 * indices are 0-based and ascending. A zero is never stored. Unlike dense types,
 * a value that underflows to zero is an error: it would silently drop an element.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "types/dense.h"
#include "types/sparse.h"
#include "utils/array.h"
#include "utils/builtins.h"

const PgrTypeInfo pgr_sparsevec_type = {
	"sparsevec", &pgr_elem_ops[PGR_ELEM_F32], PGR_SPARSE_MAX_DIM, true
};

#define TYPE (&pgr_sparsevec_type)

typedef struct SparseItem
{
	int32		index;
	float		value;
} SparseItem;

/* Items being read from text. */
typedef struct SparseItems
{
	SparseItem *item;
	int			n;
	int			capacity;
} SparseItems;

PgrSparse *
pgr_sparse_make(int dim, int nnz)
{
	Size		size = PGR_SPARSE_SIZE(nnz);
	PgrSparse  *s = palloc0(size);

	SET_VARSIZE(s, size);
	s->dim = dim;
	s->nnz = nnz;
	return s;
}

bool
pgr_sparse_check_nnz(int64 nnz, int dim, struct Node *escontext)
{
	if (nnz < 0)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec cannot have negative number of elements")));
	if (nnz > PGR_SPARSE_MAX_NNZ)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("sparsevec cannot have more than %d non-zero elements",
							PGR_SPARSE_MAX_NNZ)));
	if (nnz > dim)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec cannot have more elements than dimensions")));
	return true;
}

/* Index number i is within the dimensions and above its predecessor. */
static bool
check_index(const int32 *indices, int i, int dim, struct Node *escontext)
{
	const char *msg = NULL;

	if (indices[i] < 0 || indices[i] >= dim)
		msg = "sparsevec index out of bounds";
	else if (i > 0 && indices[i] < indices[i - 1])
		msg = "sparsevec indices must be in ascending order";
	else if (i > 0 && indices[i] == indices[i - 1])
		msg = "sparsevec indices must not contain duplicates";
	if (msg)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s", msg)));
	return true;
}

PgrSparse *
pgr_sparse_from_floats(const float *x, int dim, int32 typmod)
{
	PgrSparse  *s;
	float	   *values;
	int			nnz = 0;

	pgr_check_dim(TYPE, dim, NULL);
	pgr_check_expected_dim(typmod, dim, NULL);
	for (int i = 0; i < dim; i++)
	{
		pgr_check_value(TYPE, x[i], NULL);
		nnz += x[i] != 0;
	}
	pgr_sparse_check_nnz(nnz, dim, NULL);

	s = pgr_sparse_make(dim, nnz);
	values = PGR_SPARSE_VALUES(s);
	nnz = 0;
	for (int i = 0; i < dim; i++)
		if (x[i] != 0)
		{
			s->indices[nnz] = i;
			values[nnz++] = x[i];
		}
	return s;
}

/* --- text --- */

/* An integer at *p, clamped to int so that a later range check names it. */
static bool
parse_int(const char *str, const char **p, int *result, struct Node *escontext)
{
	char	   *end;
	long		x = strtol(*p, &end, 10);

	if (end == *p)
		return pgr_syntax_error(TYPE, str, NULL, escontext);
	*p = end;
	*result = x > INT_MAX ? INT_MAX : x < INT_MIN + 1 ? INT_MIN + 1 : (int) x;
	return true;
}

/* "index : value" at *p */
static bool
parse_pair(const char *str, const char **p, SparseItems *items, struct Node *escontext)
{
	int			index = 0;
	float		value = 0;

	*p = pgr_skip_space(*p);
	if (!parse_int(str, p, &index, escontext))
		return false;
	*p = pgr_skip_space(*p);
	if (**p != ':')
		return pgr_syntax_error(TYPE, str, NULL, escontext);
	*p = pgr_skip_space(*p + 1);
	if (!pgr_parse_item(TYPE, str, p, &value, escontext))
		return false;
	if (value == 0)
		return true;

	/* A count beyond the limit is refused before memory is spent on it. */
	if (!pgr_sparse_check_nnz(items->n + 1, INT_MAX, escontext))
		return false;
	if (items->n == items->capacity)
	{
		items->capacity *= 2;
		items->item = repalloc(items->item, sizeof(SparseItem) * items->capacity);
	}
	items->item[items->n].index = index - 1;
	items->item[items->n++].value = value;
	return true;
}

/* "{...}" at *p */
static bool
parse_items(const char *str, const char **p, SparseItems *items, struct Node *escontext)
{
	if (**p != '{')
		return pgr_syntax_error(TYPE, str, "Vector contents must start with \"{\".",
								escontext);
	*p = pgr_skip_space(*p + 1);
	if (**p == '}')
	{
		(*p)++;
		return true;
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (!parse_pair(str, p, items, escontext))
			return false;
		*p = pgr_skip_space(*p);
		if (**p == '}')
			break;
		if (**p != ',')
			return pgr_syntax_error(TYPE, str, NULL, escontext);
		(*p)++;
	}
	(*p)++;
	return true;
}

/* "/dimensions" at p, and nothing behind it */
static bool
parse_dim(const char *str, const char *p, int *dim, struct Node *escontext)
{
	p = pgr_skip_space(p);
	if (*p != '/')
		return pgr_syntax_error(TYPE, str, "Unexpected end of input.", escontext);
	p = pgr_skip_space(p + 1);
	if (!parse_int(str, &p, dim, escontext))
		return false;
	if (*pgr_skip_space(p) != '\0')
		return pgr_syntax_error(TYPE, str, "Junk after closing.", escontext);
	return true;
}

static int
compare_items(const void *a, const void *b)
{
	int32		x = ((const SparseItem *) a)->index;
	int32		y = ((const SparseItem *) b)->index;

	return x < y ? -1 : x > y;
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_in);
Datum
pgr_sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *str = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	struct Node *escontext = PGR_ESCONTEXT(fcinfo);
	const char *p = pgr_skip_space(str);
	SparseItems items = {palloc(sizeof(SparseItem) * 64), 0, 64};
	int			dim = 0;
	PgrSparse  *s;

	if (!parse_items(str, &p, &items, escontext) ||
		!parse_dim(str, p, &dim, escontext) ||
		!pgr_check_dim(TYPE, dim, escontext) ||
		!pgr_check_expected_dim(typmod, dim, escontext))
		PG_RETURN_NULL();

	qsort(items.item, items.n, sizeof(SparseItem), compare_items);
	s = pgr_sparse_make(dim, items.n);
	for (int i = 0; i < items.n; i++)
	{
		s->indices[i] = items.item[i].index;
		PGR_SPARSE_VALUES(s)[i] = items.item[i].value;
		if (!check_index(s->indices, i, dim, escontext))
			PG_RETURN_NULL();
	}
	pfree(items.item);
	PG_RETURN_POINTER(s);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_out);
Datum
pgr_sparsevec_out(PG_FUNCTION_ARGS)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);
	const float *values = PGR_SPARSE_VALUES(s);
	StringInfoData buf;
	char		number[FLOAT_SHORTEST_DECIMAL_LEN];

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < s->nnz; i++)
	{
		float_to_shortest_decimal_buf(values[i], number);
		appendStringInfo(&buf, i ? ",%d:%s" : "%d:%s", s->indices[i] + 1, number);
	}
	appendStringInfo(&buf, "}/%d", s->dim);
	PG_RETURN_CSTRING(buf.data);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_typmod_in);
Datum
pgr_sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(pgr_typmod_in(TYPE, PG_GETARG_ARRAYTYPE_P(0)));
}

/* --- binary --- */

PG_FUNCTION_INFO_V1(pgr_sparsevec_recv);
Datum
pgr_sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			dim = pq_getmsgint(buf, sizeof(int32));
	int			nnz = pq_getmsgint(buf, sizeof(int32));
	int			unused = pq_getmsgint(buf, sizeof(int32));
	PgrSparse  *s;

	pgr_check_dim(TYPE, dim, NULL);
	pgr_sparse_check_nnz(nnz, dim, NULL);
	pgr_check_expected_dim(PG_GETARG_INT32(2), dim, NULL);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused to be 0, not %d", unused)));

	s = pgr_sparse_make(dim, nnz);
	for (int i = 0; i < nnz; i++)
	{
		s->indices[i] = pq_getmsgint(buf, sizeof(int32));
		check_index(s->indices, i, dim, NULL);
	}
	TYPE->ops->recv(buf, PGR_SPARSE_VALUES(s), nnz);
	for (int i = 0; i < nnz; i++)
	{
		pgr_check_value(TYPE, PGR_SPARSE_VALUES(s)[i], NULL);
		if (PGR_SPARSE_VALUES(s)[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary representation of sparsevec cannot contain zero values")));
	}
	PG_RETURN_POINTER(s);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_send);
Datum
pgr_sparsevec_send(PG_FUNCTION_ARGS)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, s->dim);
	pq_sendint32(&buf, s->nnz);
	pq_sendint32(&buf, s->unused);
	for (int i = 0; i < s->nnz; i++)
		pq_sendint32(&buf, s->indices[i]);
	TYPE->ops->send(&buf, PGR_SPARSE_VALUES(s), s->nnz);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* --- casts --- */

PG_FUNCTION_INFO_V1(pgr_sparsevec_coerce);
Datum
pgr_sparsevec_coerce(PG_FUNCTION_ARGS)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);

	pgr_check_expected_dim(PG_GETARG_INT32(1), s->dim, NULL);
	PG_RETURN_POINTER(s);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_from_array);
Datum
pgr_sparsevec_from_array(PG_FUNCTION_ARGS)
{
	int			n;
	float	   *x = pgr_array_to_floats(PG_GETARG_ARRAYTYPE_P(0), &n);

	PG_RETURN_POINTER(pgr_sparse_from_floats(x, n, PG_GETARG_INT32(1)));
}

static Datum
from_dense(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);

	PG_RETURN_POINTER(pgr_sparse_from_floats(pgr_dense_floats(type, v), v->dim,
											 PG_GETARG_INT32(1)));
}

static Datum
to_dense(const PgrTypeInfo *type, FunctionCallInfo fcinfo)
{
	PgrSparse  *s = PG_GETARG_SPARSE_P(0);
	float	   *x;

	/* before memory is spent on a billion zeros */
	pgr_check_dim(type, s->dim, NULL);
	x = palloc0(sizeof(float) * s->dim);
	for (int i = 0; i < s->nnz; i++)
		x[s->indices[i]] = PGR_SPARSE_VALUES(s)[i];
	PG_RETURN_POINTER(pgr_dense_from_floats(type, x, s->dim, PG_GETARG_INT32(1)));
}

PG_FUNCTION_INFO_V1(pgr_vector_to_sparsevec);
Datum
pgr_vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	return from_dense(&pgr_vector_type, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_halfvec_to_sparsevec);
Datum
pgr_halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	return from_dense(&pgr_halfvec_type, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_to_vector);
Datum
pgr_sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	return to_dense(&pgr_vector_type, fcinfo);
}

PG_FUNCTION_INFO_V1(pgr_sparsevec_to_halfvec);
Datum
pgr_sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	return to_dense(&pgr_halfvec_type, fcinfo);
}
