/*
 * vecclass.c
 *		The operator classes over vectors, one row each.
 *
 * types/distance.h tells by which metric of elements a distance is led; those of
 * sparsevec are led by the same of sketches (src/quant/sketch.c).
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "am/vecclass.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "quant/quant.h"
#include "types/bitvec.h"
#include "types/dense.h"
#include "types/sparse.h"

/* elements of a sparsevec's sketch: inner products err by 3 % of the norms */
#define SKETCH_DIM 1024

/* Elements of the types whose type modifier is their number. */
static int
dim_of_typmod(int typmod)
{
	return typmod;
}

/* A sketch has as many elements whatever the sparsevec's dimension is. */
static int
dim_of_sketch(int typmod)
{
	return SKETCH_DIM;
}

static Size
bit_size(int dim)
{
	return VARBITTOTALLEN(dim);
}

/* What a dense type has: the size of a value and its elements. */
#define DENSE_FUNCTIONS(type, elem) \
	static Size \
	type##_size(int dim) \
	{ \
		return PGR_DENSE_SIZE(&pgr_##type##_type, dim); \
	} \
	static const float * \
	type##_floats(const struct varlena *value, int *dim) \
	{ \
		*dim = ((const PgrDense *) value)->dim; \
		return pgr_dense_floats(&pgr_##type##_type, (const PgrDense *) value); \
	}

PGR_DENSE_TYPES(DENSE_FUNCTIONS)

/*
 * The sketch of a sparsevec, palloc'd: its norm is about the value's, and inner products of
 * two sketches are about those of the values. It only leads to candidates; the operator's own
 * distance orders them.
 */
static const float *
sparsevec_floats(const struct varlena *value, int *dim)
{
	const PgrSparse *s = (const PgrSparse *) value;
	float	   *out = palloc(SKETCH_DIM * sizeof(float));

	pgr_sketch(s->indices, PGR_SPARSE_VALUES(s), s->nnz, SKETCH_DIM, out);
	*dim = SKETCH_DIM;
	return out;
}

/*
 * A bit string as floats, palloc'd: 4 bytes a bit, at least one, so that an empty string needs
 * no case of its own.
 */
static const float *
bit_elements(const struct varlena *value, int *dim, float unset, float set)
{
	VarBit	   *bits = (VarBit *) value;
	float	   *out;

	*dim = VARBITLEN(bits);
	out = palloc(Max(*dim, 1) * sizeof(float));
	for (int i = 0; i < *dim; i++)
		out[i] = VARBITS(bits)[i / 8] & (0x80 >> i % 8) ? set : unset;
	return out;
}

/*
 * Bits as -1/2 and 1/2: the squared L2 distance is then the Hamming distance itself, so the
 * class is exact, and bits that are set as often as not have the origin for their mean.
 */
static const float *
hamming_floats(const struct varlena *value, int *dim)
{
	return bit_elements(value, dim, -0.5f, 0.5f);
}

/*
 * Bits as 0 and 1 under cosine. That order is not Jaccard's (both divide the common bits, one by
 * the bits of either, the other by the root of the product of both counts) but near it: cosine
 * leads to candidates, Jaccard itself orders them.
 */
static const float *
jaccard_floats(const struct varlena *value, int *dim)
{
	return bit_elements(value, dim, 0, 1);
}

/*
 * Of bit, which is core's type: for messages and the limit of dimensions, which is that of a
 * node in pages. It has no elements of ours (NULL).
 */
static const PgrTypeInfo bit_type = {"bit", NULL, 64000, false};

/* What the classes of a type share: type, size, zero_is_value, sketched, dim, floats. */
#define DENSE_SHAPE(type) \
	&pgr_##type##_type, type##_size, false, false, dim_of_typmod, type##_floats
#define SPARSEVEC_SHAPE &pgr_sparsevec_type, NULL, false, true, dim_of_sketch, sparsevec_floats
#define HAMMING_SHAPE &bit_type, bit_size, true, false, dim_of_typmod, hamming_floats
#define JACCARD_SHAPE &bit_type, bit_size, true, false, dim_of_typmod, jaccard_floats

/*
 * The class with what the row of its distance says, in place: each class is a static of the
 * backend, and filling it in twice writes the same values. Static initializers cannot read
 * pgr_distances.
 */
static const PgrVecClass *
with_distance(PgrVecClass *cls, PgrMetric metric)
{
	const PgrDistance *d = &pgr_distances[metric];

	cls->metric = metric;
	cls->space = d->space;
	cls->exact = d->exact && !cls->sketched;
	return cls;
}

/* An SQL function and its class; result is what the operator returns for a and b. */
#define VECTOR_CLASS(function, SHAPE, metric, result) \
	static double \
	function##_distance(const struct varlena *a, const struct varlena *b) \
	{ \
		return result; \
	} \
	PG_FUNCTION_INFO_V1(function); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		static PgrVecClass cls = {SHAPE, function##_distance}; \
		\
		PG_RETURN_POINTER(with_distance(&cls, metric)); \
	}

#define DENSE_CLASS(type, name, metric, of) \
	VECTOR_CLASS(pgr_##type##_##name##_class, DENSE_SHAPE(type), metric, \
				 pgr_dense_distance(&pgr_##type##_type, (const PgrDense *) a, \
									(const PgrDense *) b, metric))
#define DENSE_CLASSES(type, elem) PGR_ELEMENT_METRICS(DENSE_CLASS, type)
#define SPARSEVEC_CLASS(prefix, name, metric, of) \
	VECTOR_CLASS(pgr_sparsevec_##name##_class, SPARSEVEC_SHAPE, metric, \
				 pgr_sparse_distance(metric, (const PgrSparse *) a, (const PgrSparse *) b))

PGR_DENSE_TYPES(DENSE_CLASSES)
PGR_ELEMENT_METRICS(SPARSEVEC_CLASS,)
VECTOR_CLASS(pgr_bit_hamming_class, HAMMING_SHAPE, PGR_METRIC_HAMMING,
			 pgr_bit_distance(PGR_METRIC_HAMMING, (VarBit *) a, (VarBit *) b))
VECTOR_CLASS(pgr_bit_jaccard_class, JACCARD_SHAPE, PGR_METRIC_JACCARD,
			 pgr_bit_distance(PGR_METRIC_JACCARD, (VarBit *) a, (VarBit *) b))

const PgrVecClass *
pgr_vecclass(Relation index, AttrNumber column)
{
	FmgrInfo   *proc = index_getprocinfo(index, column, PGR_VECCLASS_PROC);

	return (const PgrVecClass *) DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

int
pgr_vecclass_dim(Relation index, AttrNumber column, const PgrVecClass *cls)
{
	/* texts are pgvector's; the dimension of an expression index is that of its cast */
	int			typmod = TupleDescAttr(RelationGetDescr(index), column - 1)->atttypmod;

	if (typmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions")));
	if (typmod > cls->type->max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for %s index",
						cls->type->max_dim, get_am_name(index->rd_rel->relam))));
	return cls->dim(typmod);
}

/* ----------
 * Kept values
 * ----------
 */

/*
 * Whether a kept value is of half precision while the type's is not. A halfvec is kept as it
 * is.
 */
static bool
is_rounded(const PgrVecClass *cls, PgrVecStorage storage)
{
	return storage == PGR_VEC_F16 && cls->type != &pgr_halfvec_type;
}

void
pgr_vecclass_error_dim(const PgrVecClass *cls, int dim, int got)
{
	/* bit strings have lengths, not dimensions: core's operators on them speak so */
	if (PGR_METRICS_OF_BITS & PGR_METRIC_BIT(cls->metric))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %d and %d", dim, got)));
	pgr_error_dims(cls->type, dim, got);
}

Size
pgr_vecclass_kept_size(const PgrVecClass *cls, PgrVecStorage storage, int dim)
{
	if (storage == PGR_VEC_I8)
		return 0;
	if (cls->size == NULL || (is_rounded(cls, storage) && cls->type != &pgr_vector_type))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("storage \"%s\" is not supported for type %s",
						storage == PGR_VEC_F16 ? "f16" : "full", cls->type->name)));
	return INTALIGN(is_rounded(cls, storage) ? halfvec_size(dim) : cls->size(dim));
}

void
pgr_vecclass_keep(const PgrVecClass *cls, PgrVecStorage storage, const struct varlena *value,
				  void *to)
{
	/*
	 * what `to` had is overwritten to its last byte, padding too: rows are compared by memcmp
	 */
	int			dim;
	const float *x;
	PgrDense   *half = to;
	float		largest = 0;

	if (storage == PGR_VEC_I8)
		return;
	if (!is_rounded(cls, storage))
	{
		memset((char *) to + VARSIZE(value), 0, INTALIGN(VARSIZE(value)) - VARSIZE(value));
		memcpy(to, value, VARSIZE(value));
		return;
	}
	x = cls->floats(value, &dim);
	memset(to, 0, INTALIGN(halfvec_size(dim)));
	for (int i = 0; i < dim; i++)
		largest = Max(largest, fabsf(x[i]));
	/* rounding up to infinity happens from 65520 on: such a value is ranked from the table */
	if (isinf(pgr_halfvec_type.ops->round(largest)))
		return;
	SET_VARSIZE(half, halfvec_size(dim));
	half->dim = dim;
	pgr_halfvec_type.ops->store(x, half->data, dim);
}

bool
pgr_vecclass_kept_fits(const PgrVecClass *cls, PgrVecStorage storage, const void *from, int dim)
{
	/* a length of 0 (all zeros) stands for no value; anything else is of a damaged page */
	bool		rounded = is_rounded(cls, storage);

	if (storage == PGR_VEC_I8 || VARSIZE(from) == 0)
		return true;
	if (VARSIZE(from) != (rounded ? halfvec_size(dim) : cls->size(dim)))
		return false;
	if (cls->type == &bit_type)
		return VARBITLEN((VarBit *) from) == dim;
	return ((const PgrDense *) from)->dim == dim;
}

const struct varlena *
pgr_vecclass_kept(const PgrVecClass *cls, PgrVecStorage storage, const void *from)
{
	const PgrDense *half = from;
	PgrDense   *value;

	if (storage == PGR_VEC_I8 || VARSIZE(from) == 0)
		return NULL;
	if (!is_rounded(cls, storage))
		return from;
	value = pgr_dense_make(&pgr_vector_type, half->dim);
	pgr_halfvec_type.ops->load(half->data, (float *) value->data, half->dim);
	return (const struct varlena *) value;
}
