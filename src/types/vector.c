/*
 * vector.c
 *		SQL-callable functions of type vector (f32).
 */
#include "postgres.h"

#include <math.h>

#include "types/accum.h"
#include "types/dense.h"

#define PGR_TYPE vector
#define PGR_TYPE_ELEM PGR_ELEM_F32
#include "types/dense_stubs.h"
