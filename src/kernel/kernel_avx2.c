/*
 * kernel_avx2.c
 *		The level of AVX2 + FMA + F16C (+ POPCNT): vectors of 256 bits.
 *
 * Sixteen registers: a MaxSim tile of 6 document tokens by 2 query vectors is
 * 12 sums, 2 query vectors and a broadcast. 8-bit products go through 16 bits
 * (vpmaddwd), because vpmaddubsw saturates.
 */
#include "kernel/kernel_level.h"

#ifdef PGR_HAVE_X86_LEVELS
#include <immintrin.h>

PGR_TARGET_BEGIN("avx2,fma,f16c,popcnt")

#define PGR_LEVEL PGR_SIMD_AVX2
#define PGR_LEVEL_NAME "avx2"
#define PGR_LEVEL_TABLE pgr_kernel_avx2
#define PGR_CODES 2
#define PGR_MAXSIM_DOCS 6
#define PGR_MAXSIM_VECS 2
#define PGR_MAXSIM_FEW 4

typedef __m256 PgrVf;
#define PGR_VF_LANES 8
#define PGR_VF_ZERO _mm256_setzero_ps()
#define PGR_VF_SET1(x) _mm256_set1_ps(x)
#define PGR_VF_LOAD(p) _mm256_loadu_ps(p)
#define PGR_VF_LOAD_PART(p, n) _mm256_maskload_ps(p, lane_mask(n))
#define PGR_VF_STORE(p, v) _mm256_storeu_ps(p, v)
#define PGR_VF_LOAD_F16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (p)))
#define PGR_VF_LOAD_F16_PART(p, n) _mm256_cvtph_ps(load_part(p, (n) * sizeof(PgrHalf)))
#define PGR_VF_STORE_F16(p, v) \
	_mm_storeu_si128((__m128i *) (p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT))
#define PGR_VF_ADD(a, b) _mm256_add_ps(a, b)
#define PGR_VF_SUB(a, b) _mm256_sub_ps(a, b)
#define PGR_VF_MUL(a, b) _mm256_mul_ps(a, b)
#define PGR_VF_MAX(a, b) _mm256_max_ps(a, b)
#define PGR_VF_ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define PGR_VF_FMA(acc, a, b) _mm256_fmadd_ps(a, b, acc)
#define PGR_VF_SUM(v) sum_f32(v)

typedef __m256d PgrVd;
#define PGR_VD_ZERO _mm256_setzero_pd()
#define PGR_VD_ADD(a, b) _mm256_add_pd(a, b)
#define PGR_VD_SUM(v) sum_f64(v)
#define PGR_VD_ADD_SQUARES(acc, v) add_squares(acc, v)

typedef __m256i PgrVw;
typedef int32_t PgrVi __attribute__((vector_size(32)));
#define PGR_VW_LANES 16
#define PGR_VW_LOAD(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *) (p)))
#define PGR_VW_LOAD_PART(p, n) _mm256_cvtepi8_epi16(load_part(p, n))
#define PGR_VW_SUB(a, b) _mm256_sub_epi16(a, b)
#define PGR_VI_ZERO ((PgrVi) _mm256_setzero_si256())
#define PGR_VI_ADD(a, b) ((PgrVi) _mm256_add_epi32((__m256i) (a), (__m256i) (b)))
#define PGR_VI_MADD(acc, a, b) PGR_VI_ADD(acc, _mm256_madd_epi16(a, b))
#define PGR_VI_ADD_ABS(acc, a) \
	PGR_VI_MADD(acc, _mm256_abs_epi16(a), _mm256_set1_epi16(1))
#define PGR_VI_SUM(v) sum_i32((__m256i) (v))

#define PGR_M8_QELEM int16_t
#define PGR_M8_GROUP 2
#define PGR_M8_ROW int16_t
#define PGR_M8_DIRECT 0
#define PGR_M8_CONVERT(dst, src, n) widen(dst, src, n)
#define PGR_M8_QVEC __m256i
#define PGR_M8_QLOAD(p) _mm256_loadu_si256((const __m256i *) (p))
#define PGR_M8_STEP(acc, q, row) \
	PGR_VI_MADD(acc, q, _mm256_set1_epi32(pgr_load_i32(row)))
#define PGR_M8_VALUE(acc, scale) \
	_mm256_mul_ps(_mm256_cvtepi32_ps((__m256i) (acc)), _mm256_set1_ps(scale))
#define PGR_M8_ENCODE(x) (x)

#define PGR_POPCOUNT64(v) ((uint64_t) _mm_popcnt_u64(v))

PGR_INLINE __m256i
lane_mask(uint32_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n),
							  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

PGR_INLINE __m128i
load_part(const void *p, size_t n)
{
	__m128i		v;

	pgr_load_tail(&v, p, n, sizeof(v));
	return v;
}

PGR_INLINE float
sum_f32(__m256 v)
{
	__m128		s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

PGR_INLINE double
sum_f64(__m256d v)
{
	__m128d		s = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));

	return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

PGR_INLINE __m256d
add_squares(__m256d acc, __m256 v)
{
	__m256d		low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
	__m256d		high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));

	return _mm256_fmadd_pd(high, high, _mm256_fmadd_pd(low, low, acc));
}

/* In 64 bits: lanes hold up to 2^31 each. */
PGR_INLINE int64_t
sum_i32(__m256i v)
{
	__m256i		s = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)),
									 _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1)));
	__m128i		t = _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));

	return _mm_cvtsi128_si64(_mm_add_epi64(t, _mm_unpackhi_epi64(t, t)));
}

PGR_INLINE void
widen(int16_t *dst, const int8_t *src, size_t n)
{
	size_t		i = 0;

	for (; n - i >= 16; i += 16)
		_mm256_storeu_si256((__m256i *) (dst + i), PGR_VW_LOAD(src + i));
	for (; i < n; i++)
		dst[i] = src[i];
}

#include "kernel/kernel_code_avx2.h"
#include "kernel/kernel_body.h"

PGR_TARGET_END
#endif
