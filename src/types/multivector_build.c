/*
 * multivector_build.c
 *		multivector: building values token by token, reading tokens back, and the
 *		8-bit encoding.
 *
 * 8-bit tokens: scale s, code q = round(x / s) in -127..127, value q * s. The
 * scale starts at max|x| / 127 and is moved to a fixed point of "encode the
 * largest value again", s = fl(fl(127 s) / 127), because a plain division is not
 * one for about one scale in a hundred. Then text output and input are exact
 * inverses. Tokens too small for a normal scale become zero, as other types let
 * values underflow.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "types/multivector.h"
#include "utils/memutils.h"

#define I8_MAX 127

const PgrTypeInfo pgr_multivector_types[PGR_ELEM_COUNT] = {
	[PGR_ELEM_F32] = {"multivector", &pgr_elem_ops[PGR_ELEM_F32], PGR_MULTIVECTOR_MAX_DIM},
	[PGR_ELEM_F16] = {"multivector", &pgr_elem_ops[PGR_ELEM_F16], PGR_MULTIVECTOR_MAX_DIM},
	/* parsed and checked as single precision, then encoded */
	[PGR_ELEM_I8] = {"multivector", &pgr_elem_ops[PGR_ELEM_F32], PGR_MULTIVECTOR_MAX_DIM}
};

/* The canonical scale of a token whose largest |x| is max; 0 for a zero token. */
static float
i8_scale(float max)
{
	float		scale = (float) ((double) max / I8_MAX);

	/* Two rounds reach the fixed point (tested over random scales). */
	for (int i = 0; i < 8 && scale >= FLT_MIN; i++)
	{
		float		top = (float) ((double) scale * I8_MAX);
		float		next;

		/* the product of a scale rounded up may leave the range */
		next = isinf(top) ? nextafterf(scale, 0) : (float) ((double) top / I8_MAX);
		if (next == scale)
			return scale;
		scale = next;
	}
	return scale >= FLT_MIN ? scale : 0;
}

static void
i8_encode(const float *x, int dim, int8 *codes, float *scale)
{
	float		max = 0;

	for (int i = 0; i < dim; i++)
		max = Max(max, fabsf(x[i]));
	*scale = i8_scale(max);
	if (*scale == 0)
	{
		memset(codes, 0, dim);
		return;
	}
	for (int i = 0; i < dim; i++)
	{
		double		q = rint((double) x[i] / *scale);

		codes[i] = (int8) (q > I8_MAX ? I8_MAX : q < -I8_MAX ? -I8_MAX : q);
	}
}

/* Bytes of a value; false beyond what a varlena holds. */
static bool
value_size(PgrElem elem, int64 count, int dim, Size *size)
{
	uint64		token = pgr_elem_ops[elem].size * (uint64) dim +
		(elem == PGR_ELEM_I8 ? sizeof(float) : 0);

	/* count < 2^31 and token < 2^17: no overflow */
	*size = offsetof(PgrMultivector, data) + token * (uint64) count;
	return *size <= MaxAllocSize;
}

void
pgr_tokens_begin(PgrTokenBuilder *b, PgrElem elem, int dim)
{
	memset(b, 0, sizeof(*b));
	b->context = CurrentMemoryContext;
	b->elem = elem;
	b->dim = dim;
}

/* Room for one more token. */
static bool
tokens_grow(PgrTokenBuilder *b, struct Node *escontext)
{
	Size		size;
	int64		capacity = b->capacity ? (int64) b->capacity * 2 : 32;
	Size		width = pgr_elem_ops[b->elem].size * b->dim;

	if (!value_size(b->elem, (int64) b->count + 1, b->dim, &size))
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("multivector cannot be larger than 1 GB")));
	if (b->count < b->capacity)
		return true;

	capacity = Min(capacity, (int64) (MaxAllocSize / width) + 1);
	if (b->codes == NULL)
		b->codes = MemoryContextAllocHuge(b->context, width * capacity);
	else
		b->codes = repalloc_huge(b->codes, width * capacity);
	if (b->elem == PGR_ELEM_I8 && b->scales == NULL)
		b->scales = MemoryContextAllocHuge(b->context, sizeof(float) * capacity);
	else if (b->elem == PGR_ELEM_I8)
		b->scales = repalloc_huge(b->scales, sizeof(float) * capacity);
	b->capacity = (int) capacity;
	return true;
}

/* A value that overflows the element, which only f16 can. */
static bool
check_range(PgrElem elem, const float *token, int dim)
{
	const PgrTypeInfo *type = &pgr_multivector_types[elem];

	if (elem != PGR_ELEM_F16)
		return true;
	for (int i = 0; i < dim; i++)
		if (isinf(type->ops->round(token[i])))
			pgr_error_range(type, token[i]);
	return true;
}

bool
pgr_tokens_add(PgrTokenBuilder *b, const float *token, int dim,
			   struct Node *escontext)
{
	char	   *codes;

	CHECK_FOR_INTERRUPTS();
	if (b->dim == 0 && b->count == 0)
		b->dim = dim;
	if (dim != b->dim)
		pgr_ereturn(escontext, false,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("tokens of a multivector must have the same number of dimensions"),
					 errdetail("Token %d has %d dimensions, not %d.",
							   b->count + 1, dim, b->dim)));
	if (!tokens_grow(b, escontext) || !check_range(b->elem, token, dim))
		return false;

	codes = b->codes + pgr_elem_ops[b->elem].size * dim * b->count;
	if (b->elem == PGR_ELEM_I8)
		i8_encode(token, dim, (int8 *) codes, &b->scales[b->count]);
	else
		pgr_elem_ops[b->elem].store(token, codes, dim);
	b->count++;
	return true;
}

PgrMultivector *
pgr_tokens_finish(PgrTokenBuilder *b)
{
	Size		size;
	PgrMultivector *m;

	if (!value_size(b->elem, b->count, b->dim, &size))
		elog(ERROR, "multivector of %d tokens is too large", b->count);
	m = palloc(size);
	SET_VARSIZE(m, size);
	/* as text input makes it: empty ones are all alike */
	m->dim = b->count == 0 ? 0 : b->dim;
	m->elem = b->elem;
	m->flags = 0;
	m->count = b->count;
	if (b->count == 0)
		return m;

	if (b->elem == PGR_ELEM_I8)
	{
		memcpy(PGR_MULTIVECTOR_SCALES(m), b->scales, sizeof(float) * b->count);
		pfree(b->scales);
	}
	memcpy(PGR_MULTIVECTOR_CODES(m), b->codes,
		   pgr_elem_ops[b->elem].size * b->dim * b->count);
	pfree(b->codes);
	return m;
}

void
pgr_multivector_token(const PgrMultivector *m, int i, float *dst)
{
	const char *codes = PGR_MULTIVECTOR_CODES(m) +
		pgr_elem_ops[m->elem].size * m->dim * (Size) i;
	float		scale;

	if (m->elem != PGR_ELEM_I8)
	{
		pgr_elem_ops[m->elem].load(codes, dst, m->dim);
		return;
	}
	scale = PGR_MULTIVECTOR_SCALES(m)[i];
	for (int j = 0; j < m->dim; j++)
		dst[j] = ((const int8 *) codes)[j] * scale;
}

const float *
pgr_multivector_floats(const PgrMultivector *m)
{
	float	   *x;

	if (m->elem == PGR_ELEM_F32)
		return (const float *) m->data;
	x = MemoryContextAllocHuge(CurrentMemoryContext,
							   sizeof(float) * Max((Size) m->count * m->dim, 1));
	for (int i = 0; i < m->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pgr_multivector_token(m, i, x + (Size) i * m->dim);
	}
	return x;
}

PgrMultivector *
pgr_multivector_convert(PgrMultivector *m, PgrElem elem)
{
	PgrTokenBuilder b;
	float	   *token;

	if (m->elem == elem)
		return m;
	token = palloc(sizeof(float) * Max(m->dim, 1));
	pgr_tokens_begin(&b, elem, m->dim);
	for (int i = 0; i < m->count; i++)
	{
		pgr_multivector_token(m, i, token);
		pgr_tokens_add(&b, token, m->dim, NULL);
	}
	pfree(token);
	return pgr_tokens_finish(&b);
}

void
pgr_multivector_check_values(const float *token, int dim)
{
	for (int i = 0; i < dim; i++)
		pgr_check_value(&pgr_multivector_types[PGR_ELEM_F32], token[i], NULL);
}

void
pgr_multivector_check_same_dim(const PgrMultivector *a, const PgrMultivector *b)
{
	if (a->dim != b->dim)
		pgr_error_dims(&pgr_multivector_types[PGR_ELEM_F32], a->dim, b->dim);
}
