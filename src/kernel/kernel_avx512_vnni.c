/*
 * kernel_avx512_vnni.c
 *		The level of AVX-512 with VNNI and VPOPCNTDQ (Ice Lake, Zen 4 and later).
 *
 * vpdpbusd multiplies unsigned by signed bytes, four products a lane. One operand
 * is made unsigned by adding 128; what that adds to a sum, 128 times the sum of
 * the other operand, is taken off again, so results are exact. A distance adds it
 * to the query; MaxSim to the document, because then what to take off depends on
 * the query alone and is known when it is packed. (Tried the other way round: a
 * sum over each document token took a third of the time.)
 */
#include "kernel/kernel_level.h"

#ifdef PGR_HAVE_X86_LEVELS
#include <immintrin.h>

PGR_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,avx2,fma,f16c,popcnt")

#define PGR_LEVEL PGR_SIMD_AVX512_VNNI
#define PGR_LEVEL_NAME "avx512_vnni"
#define PGR_LEVEL_TABLE pgr_kernel_avx512_vnni
#define PGR_MAXSIM_DOCS 8
#include "kernel/kernel_avx512_level.h"

/* i8 inner product: dot is of (query + 128), bias 128 * the sum of the code */
typedef struct DotAcc
{
	__m512i		dot;
	__m512i		bias;
} DotAcc;

#define PGR_I8_DOT_VEC __m512i
#define PGR_I8_DOT_LANES 64
#define PGR_I8_DOT_LOAD(p) _mm512_loadu_si512(p)
#define PGR_I8_DOT_LOAD_PART(p, n) _mm512_maskz_loadu_epi8(low_bits(n), p)
#define PGR_I8_DOT_ACC DotAcc
#define PGR_I8_DOT_ZERO ((DotAcc) {_mm512_setzero_si512(), _mm512_setzero_si512()})
#define PGR_I8_DOT_ADD(a, b) dot_add(a, b)
#define PGR_I8_DOT_MAC(acc, a, b) dot_mac(acc, a, b)
#define PGR_I8_DOT_SUM(acc) (sum_i32((acc).dot) - sum_i32((acc).bias))
#define PGR_I8_DOT_UNROLL 2

#define PGR_M8_QELEM int8_t
#define PGR_M8_GROUP 4
#define PGR_M8_ROW uint8_t
#define PGR_M8_DIRECT 0
#define PGR_M8_OFFSET 128
#define PGR_M8_CONVERT(dst, src, n) make_unsigned(dst, src, n)
#define PGR_M8_START(p) ((PgrVi) _mm512_loadu_si512(p))
#define PGR_M8_STEP(acc, q, row) \
	((PgrVi) _mm512_dpbusd_epi32((__m512i) (acc), _mm512_set1_epi32(pgr_load_i32(row)), q))

typedef __m512i PgrVb;
#define PGR_VB_BYTES 64
#define PGR_VB_LOAD(p) _mm512_loadu_si512(p)
#define PGR_VB_LOAD_PART(p, n) _mm512_maskz_loadu_epi8(low_bits(n), p)
#define PGR_VB_AND(a, b) _mm512_and_si512(a, b)
#define PGR_VB_OR(a, b) _mm512_or_si512(a, b)
#define PGR_VB_XOR(a, b) _mm512_xor_si512(a, b)
#define PGR_VB_ZERO _mm512_setzero_si512()
#define PGR_VB_ADD_COUNT(acc, v) _mm512_add_epi64(acc, _mm512_popcnt_epi64(v))
#define PGR_VB_ADD(a, b) _mm512_add_epi64(a, b)
#define PGR_VB_SUM(acc) ((uint64_t) _mm512_reduce_add_epi64(acc))

PGR_INLINE DotAcc
dot_add(DotAcc a, DotAcc b)
{
	a.dot = _mm512_add_epi32(a.dot, b.dot);
	a.bias = _mm512_add_epi32(a.bias, b.bias);
	return a;
}

PGR_INLINE DotAcc
dot_mac(DotAcc acc, __m512i a, __m512i b)
{
	const __m512i high = _mm512_set1_epi8((char) 0x80);

	acc.dot = _mm512_dpbusd_epi32(acc.dot, _mm512_xor_si512(a, high), b);
	acc.bias = _mm512_dpbusd_epi32(acc.bias, high, b);
	return acc;
}

/* adds PGR_M8_OFFSET */
PGR_INLINE void
make_unsigned(uint8_t *dst, const int8_t *src, size_t n)
{
	const __m512i high = _mm512_set1_epi8((char) 0x80);
	size_t		i = 0;

	for (; n - i >= 64; i += 64)
		_mm512_storeu_si512(dst + i, _mm512_xor_si512(_mm512_loadu_si512(src + i), high));
	if (i < n)
	{
		const __mmask64 rest = low_bits(n - i);

		_mm512_mask_storeu_epi8(dst + i, rest,
								_mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, src + i), high));
	}
}

#define PGR_BD_VNNI
#include "kernel/kernel_code_avx512.h"
#include "kernel/kernel_body.h"

PGR_TARGET_END
#endif
