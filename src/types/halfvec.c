/*
 * halfvec.c
 *		SQL-callable functions of type halfvec (f16), and its casts from and to
 *		vector.
 */
#include "postgres.h"

#include <math.h>

#include "types/accum.h"
#include "types/dense.h"

#define PGR_TYPE halfvec
#define PGR_TYPE_ELEM PGR_ELEM_F16
#include "types/dense_stubs.h"

PG_FUNCTION_INFO_V1(pgr_halfvec_to_vector);
PG_FUNCTION_INFO_V1(pgr_vector_to_halfvec);

Datum
pgr_halfvec_to_vector(PG_FUNCTION_ARGS)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);

	PG_RETURN_POINTER(pgr_dense_from_floats(&pgr_vector_type,
											pgr_dense_floats(&pgr_halfvec_type, v),
											v->dim, PG_GETARG_INT32(1)));
}

Datum
pgr_vector_to_halfvec(PG_FUNCTION_ARGS)
{
	PgrDense   *v = PG_GETARG_DENSE_P(0);

	PG_RETURN_POINTER(pgr_dense_from_floats(&pgr_halfvec_type,
											pgr_dense_floats(&pgr_vector_type, v),
											v->dim, PG_GETARG_INT32(1)));
}
