/*
 * vecclass.c
 *		The operator classes over vectors, one row each.
 *
 * Distances that are not L2, inner product or cosine of single-precision
 * elements are led by one that is:
 *	 L1			by L2 of the same elements
 *	 Hamming	is L2 of elements +-1/2, squared: exact
 *	 Jaccard	by the cosine of elements 0 and 1
 *	 sparsevec	by the same distance of sketches (src/quant/sketch.c)
 */
#include "postgres.h"

#include "access/genam.h"
#include "am/vecclass.h"
#include "fmgr.h"
#include "quant/quant.h"
#include "types/bitvec.h"
#include "types/dense.h"
#include "types/sparse.h"

/* elements of a sparsevec's sketch: inner products err by 3 % of the norms */
#define SKETCH_DIM 1024

static int
dim_of_typmod(int typmod)
{
	return typmod;
}

static int
dim_of_sketch(int typmod)
{
	return SKETCH_DIM;
}

static const float *
vector_floats(const struct varlena *value, int *dim)
{
	*dim = ((const PgrDense *) value)->dim;
	return pgr_dense_floats(&pgr_vector_type, (const PgrDense *) value);
}

static const float *
halfvec_floats(const struct varlena *value, int *dim)
{
	*dim = ((const PgrDense *) value)->dim;
	return pgr_dense_floats(&pgr_halfvec_type, (const PgrDense *) value);
}

static const float *
sparsevec_floats(const struct varlena *value, int *dim)
{
	const PgrSparse *s = (const PgrSparse *) value;
	float	   *out = palloc(SKETCH_DIM * sizeof(float));

	pgr_sketch(s->indices, PGR_SPARSE_VALUES(s), s->nnz, SKETCH_DIM, out);
	*dim = SKETCH_DIM;
	return out;
}

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

static const float *
hamming_floats(const struct varlena *value, int *dim)
{
	return bit_elements(value, dim, -0.5f, 0.5f);
}

static const float *
jaccard_floats(const struct varlena *value, int *dim)
{
	return bit_elements(value, dim, 0, 1);
}

/* of bit, for messages and the dimension limit: that of a node in pages */
static const PgrTypeInfo bit_type = {"bit", NULL, 64000, false};

#define VECTOR_DISTANCE(a, b, kind) \
	pgr_dense_distance(&pgr_vector_type, (const PgrDense *) (a), (const PgrDense *) (b), kind)
#define HALFVEC_DISTANCE(a, b, kind) \
	pgr_dense_distance(&pgr_halfvec_type, (const PgrDense *) (a), (const PgrDense *) (b), kind)
#define SPARSEVEC_DISTANCE(a, b, kind) \
	pgr_sparse_distance(kind, (const PgrSparse *) (a), (const PgrSparse *) (b))
#define BIT_DISTANCE(a, b, kind) pgr_bit_distance(kind, (VarBit *) (a), (VarBit *) (b))

/* An SQL function and its row. */
#define VECTOR_CLASS(function, type, kind, space, exact, zero, dim, floats, DISTANCE) \
	static double \
	function##_distance(const struct varlena *a, const struct varlena *b) \
	{ \
		return DISTANCE(a, b, kind); \
	} \
	static const PgrVecClass function##_row = { \
		type, kind, space, exact, zero, dim, floats, function##_distance \
	}; \
	PG_FUNCTION_INFO_V1(function); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_POINTER(&function##_row); \
	}

#define L2 PGR_DISTANCE_L2
#define IP PGR_DISTANCE_NEG_IP
#define COSINE PGR_DISTANCE_COSINE

/* *INDENT-OFF* */
VECTOR_CLASS(pgr_vector_l2_class, &pgr_vector_type, L2, L2, true, false, dim_of_typmod, vector_floats, VECTOR_DISTANCE)
VECTOR_CLASS(pgr_vector_ip_class, &pgr_vector_type, IP, IP, true, false, dim_of_typmod, vector_floats, VECTOR_DISTANCE)
VECTOR_CLASS(pgr_vector_cosine_class, &pgr_vector_type, COSINE, COSINE, true, false, dim_of_typmod, vector_floats, VECTOR_DISTANCE)
VECTOR_CLASS(pgr_vector_l1_class, &pgr_vector_type, PGR_DISTANCE_L1, L2, false, false, dim_of_typmod, vector_floats, VECTOR_DISTANCE)
VECTOR_CLASS(pgr_halfvec_l2_class, &pgr_halfvec_type, L2, L2, true, false, dim_of_typmod, halfvec_floats, HALFVEC_DISTANCE)
VECTOR_CLASS(pgr_halfvec_ip_class, &pgr_halfvec_type, IP, IP, true, false, dim_of_typmod, halfvec_floats, HALFVEC_DISTANCE)
VECTOR_CLASS(pgr_halfvec_cosine_class, &pgr_halfvec_type, COSINE, COSINE, true, false, dim_of_typmod, halfvec_floats, HALFVEC_DISTANCE)
VECTOR_CLASS(pgr_halfvec_l1_class, &pgr_halfvec_type, PGR_DISTANCE_L1, L2, false, false, dim_of_typmod, halfvec_floats, HALFVEC_DISTANCE)
VECTOR_CLASS(pgr_sparsevec_l2_class, &pgr_sparsevec_type, L2, L2, false, false, dim_of_sketch, sparsevec_floats, SPARSEVEC_DISTANCE)
VECTOR_CLASS(pgr_sparsevec_ip_class, &pgr_sparsevec_type, IP, IP, false, false, dim_of_sketch, sparsevec_floats, SPARSEVEC_DISTANCE)
VECTOR_CLASS(pgr_sparsevec_cosine_class, &pgr_sparsevec_type, COSINE, COSINE, false, false, dim_of_sketch, sparsevec_floats, SPARSEVEC_DISTANCE)
VECTOR_CLASS(pgr_sparsevec_l1_class, &pgr_sparsevec_type, PGR_DISTANCE_L1, L2, false, false, dim_of_sketch, sparsevec_floats, SPARSEVEC_DISTANCE)
VECTOR_CLASS(pgr_bit_hamming_class, &bit_type, PGR_DISTANCE_HAMMING, L2, true, true, dim_of_typmod, hamming_floats, BIT_DISTANCE)
VECTOR_CLASS(pgr_bit_jaccard_class, &bit_type, PGR_DISTANCE_JACCARD, COSINE, false, true, dim_of_typmod, jaccard_floats, BIT_DISTANCE)
/* *INDENT-ON* */

const PgrVecClass *
pgr_vecclass(Relation index, AttrNumber column)
{
	FmgrInfo   *proc = index_getprocinfo(index, column, PGR_VECCLASS_PROC);

	return (const PgrVecClass *) DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

int
pgr_vecclass_dim(Relation index, AttrNumber column, const PgrVecClass *cls)
{
	int			typmod = TupleDescAttr(RelationGetDescr(index), column - 1)->atttypmod;

	if (typmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions")));
	if (typmod > cls->type->max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for this index",
						cls->type->max_dim)));
	return cls->dim(typmod);
}
