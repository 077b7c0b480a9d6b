/*
 * kernel_avx512.c
 *		The level of AVX-512 F, BW, DQ and VL: vectors of 512 bits.
 *
 * 8-bit products go through 16 bits, bit counts through 64-bit words.
 */
#include "kernel/kernel_level.h"

#ifdef PGR_HAVE_X86_LEVELS
#include <immintrin.h>

PGR_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,popcnt")

#define PGR_LEVEL PGR_SIMD_AVX512
#define PGR_LEVEL_NAME "avx512"
#define PGR_LEVEL_TABLE pgr_kernel_avx512
#define PGR_MAXSIM_DOCS 8
#include "kernel/kernel_avx512_level.h"

#define PGR_M8_QELEM int16_t
#define PGR_M8_GROUP 2
#define PGR_M8_ROW int16_t
#define PGR_M8_DIRECT 0
#define PGR_M8_CONVERT(dst, src, n) widen(dst, src, n)
#define PGR_M8_STEP(acc, q, row) \
	PGR_VI_MADD(acc, q, _mm512_set1_epi32(pgr_load_i32(row)))

#define PGR_POPCOUNT64(v) ((uint64_t) _mm_popcnt_u64(v))

PGR_INLINE void
widen(int16_t *dst, const int8_t *src, size_t n)
{
	size_t		i = 0;

	for (; n - i >= 32; i += 32)
		_mm512_storeu_si512(dst + i, PGR_VW_LOAD(src + i));
	for (; i < n; i++)
		dst[i] = src[i];
}

#include "kernel/kernel_code_avx512.h"
#include "kernel/kernel_body.h"

PGR_TARGET_END
#endif
