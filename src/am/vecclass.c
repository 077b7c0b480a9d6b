/*
 * vecclass.c
 *		The operator classes of vector and halfvec, one row each.
 */
#include "postgres.h"

#include "access/genam.h"
#include "am/vecclass.h"
#include "fmgr.h"
#include "types/dense.h"

#define DENSE_CLASS(function, name, distance_kind) \
	static double \
	function##_distance(const struct varlena *a, const struct varlena *b) \
	{ \
		return pgr_dense_distance(&pgr_##name##_type, (const PgrDense *) a, \
								  (const PgrDense *) b, distance_kind); \
	} \
	static const PgrVecClass function##_row = { \
		&pgr_##name##_type, distance_kind, name##_floats, function##_distance \
	}; \
	PG_FUNCTION_INFO_V1(function); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_POINTER(&function##_row); \
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

DENSE_CLASS(pgr_vector_l2_class, vector, PGR_DISTANCE_L2)
DENSE_CLASS(pgr_vector_ip_class, vector, PGR_DISTANCE_NEG_IP)
DENSE_CLASS(pgr_vector_cosine_class, vector, PGR_DISTANCE_COSINE)
DENSE_CLASS(pgr_halfvec_l2_class, halfvec, PGR_DISTANCE_L2)
DENSE_CLASS(pgr_halfvec_ip_class, halfvec, PGR_DISTANCE_NEG_IP)
DENSE_CLASS(pgr_halfvec_cosine_class, halfvec, PGR_DISTANCE_COSINE)

const PgrVecClass *
pgr_vecclass(Relation index, AttrNumber column)
{
	FmgrInfo   *proc = index_getprocinfo(index, column, PGR_VECCLASS_PROC);

	return (const PgrVecClass *) DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

int
pgr_vecclass_dim(Relation index, AttrNumber column)
{
	int			typmod = TupleDescAttr(RelationGetDescr(index), column - 1)->atttypmod;

	if (typmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions")));
	return typmod;
}
