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
	return pgr_dense_cast(&pgr_halfvec_type, &pgr_vector_type, fcinfo);
}

Datum
pgr_vector_to_halfvec(PG_FUNCTION_ARGS)
{
	return pgr_dense_cast(&pgr_vector_type, &pgr_halfvec_type, fcinfo);
}
