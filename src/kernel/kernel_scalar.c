/*
 * kernel_scalar.c
 *		The level of plain C: vectors of one lane. It runs everywhere, and is
 *		what the other levels are read and tested against.
 */
#include "kernel/kernel_level.h"

#define PGR_LEVEL PGR_SIMD_SCALAR
#define PGR_LEVEL_NAME "scalar"
#define PGR_LEVEL_TABLE pgr_kernel_scalar
#define PGR_CODES 2
#define PGR_MAXSIM_DOCS 4
#define PGR_MAXSIM_VECS 2
#define PGR_MAXSIM_FEW 4

typedef float PgrVf;
#define PGR_VF_LANES 1
#define PGR_VF_ZERO 0.0f
#define PGR_VF_SET1(x) (x)
#define PGR_VF_LOAD(p) (*(p))
#define PGR_VF_LOAD_PART(p, n) (*(p))
#define PGR_VF_STORE(p, v) (*(p) = (v))
#define PGR_VF_LOAD_F16(p) pgr_half_to_float(*(p))
#define PGR_VF_LOAD_F16_PART(p, n) PGR_VF_LOAD_F16(p)
#define PGR_VF_STORE_F16(p, v) (*(p) = pgr_float_to_half(v))
#define PGR_VF_ADD(a, b) ((a) + (b))
#define PGR_VF_SUB(a, b) ((a) - (b))
#define PGR_VF_MUL(a, b) ((a) * (b))
#define PGR_VF_MAX(a, b) ((a) > (b) ? (a) : (b))
#define PGR_VF_ABS(a) fabsf(a)
#define PGR_VF_FMA(acc, a, b) ((acc) + (a) * (b))
#define PGR_VF_SUM(v) (v)

typedef double PgrVd;
#define PGR_VD_ZERO 0.0
#define PGR_VD_ADD(a, b) ((a) + (b))
#define PGR_VD_SUM(v) (v)
#define PGR_VD_ADD_SQUARES(acc, v) add_square(acc, v)

PGR_INLINE double
add_square(double acc, float v)
{
	return acc + (double) v * (double) v;
}

/* sums of 64 bits, because here one lane holds them all */
typedef int PgrVw;
typedef int64_t PgrVi;
#define PGR_VW_LANES 1
#define PGR_VW_LOAD(p) (*(p))
#define PGR_VW_LOAD_PART(p, n) (*(p))
#define PGR_VW_SUB(a, b) ((a) - (b))
#define PGR_VI_ZERO 0
#define PGR_VI_ADD(a, b) ((a) + (b))
#define PGR_VI_MADD(acc, a, b) ((acc) + (a) * (b))
#define PGR_VI_ADD_ABS(acc, a) ((acc) + ((a) < 0 ? -(a) : (a)))
#define PGR_VI_SUM(v) (v)

#define PGR_M8_QELEM int8_t
#define PGR_M8_GROUP 1
#define PGR_M8_ROW int8_t
#define PGR_M8_DIRECT 1
#define PGR_M8_CONVERT(dst, src, n) ((void) 0)
#define PGR_M8_QVEC int
#define PGR_M8_QLOAD(p) (*(p))
#define PGR_M8_STEP(acc, q, row) ((acc) + (q) * *(row))
#define PGR_M8_VALUE(acc, scale) ((float) (acc) * (scale))
#define PGR_M8_ENCODE(x) (x)

#define PGR_POPCOUNT64(v) popcount64(v)

/* Adds bits in ever wider fields; the product adds the eight bytes. */
PGR_INLINE uint64_t
popcount64(uint64_t v)
{
	v -= v >> 1 & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return v * UINT64_C(0x0101010101010101) >> 56;
}

#include "kernel/kernel_code_scalar.h"
#include "kernel/kernel_body.h"
