/*
 * kernel_neon.c
 *		The level of NEON (aarch64 baseline): vectors of 128 bits.
 *
 * 8-bit products go through 16 bits; the dot-product extension is not assumed.
 */
#include "kernel/kernel_level.h"

#ifdef PGR_HAVE_NEON_LEVEL
#include <arm_neon.h>

#define PGR_LEVEL PGR_SIMD_NEON
#define PGR_LEVEL_NAME "neon"
#define PGR_LEVEL_TABLE pgr_kernel_neon
#define PGR_CODES 4
#define PGR_MAXSIM_DOCS 4
#define PGR_MAXSIM_VECS 4
#define PGR_MAXSIM_FEW 4

typedef float32x4_t PgrVf;
#define PGR_VF_LANES 4
#define PGR_VF_ZERO vdupq_n_f32(0)
#define PGR_VF_SET1(x) vdupq_n_f32(x)
#define PGR_VF_LOAD(p) vld1q_f32(p)
#define PGR_VF_LOAD_PART(p, n) load_f32_part(p, n)
#define PGR_VF_STORE(p, v) vst1q_f32(p, v)
#define PGR_VF_LOAD_F16(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define PGR_VF_LOAD_F16_PART(p, n) load_f16_part(p, n)
#define PGR_VF_STORE_F16(p, v) vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)))
#define PGR_VF_ADD(a, b) vaddq_f32(a, b)
#define PGR_VF_SUB(a, b) vsubq_f32(a, b)
#define PGR_VF_MUL(a, b) vmulq_f32(a, b)
#define PGR_VF_MAX(a, b) vmaxq_f32(a, b)
#define PGR_VF_ABS(a) vabsq_f32(a)
#define PGR_VF_FMA(acc, a, b) vfmaq_f32(acc, a, b)
#define PGR_VF_SUM(v) vaddvq_f32(v)

typedef float64x2_t PgrVd;
#define PGR_VD_ZERO vdupq_n_f64(0)
#define PGR_VD_ADD(a, b) vaddq_f64(a, b)
#define PGR_VD_SUM(v) vaddvq_f64(v)
#define PGR_VD_ADD_SQUARES(acc, v) add_squares(acc, v)

typedef int16x8_t PgrVw;
typedef int32x4_t PgrVi;
#define PGR_VW_LANES 8
#define PGR_VW_LOAD(p) vmovl_s8(vld1_s8(p))
#define PGR_VW_LOAD_PART(p, n) load_i8_part(p, n)
#define PGR_VW_SUB(a, b) vsubq_s16(a, b)
#define PGR_VI_ZERO vdupq_n_s32(0)
#define PGR_VI_ADD(a, b) vaddq_s32(a, b)
#define PGR_VI_MADD(acc, a, b) \
	vmlal_high_s16(vmlal_s16(acc, vget_low_s16(a), vget_low_s16(b)), a, b)
#define PGR_VI_ADD_ABS(acc, a) vpadalq_s16(acc, vabsq_s16(a))
#define PGR_VI_SUM(v) vaddlvq_s32(v)

#define PGR_M8_QELEM int16_t
#define PGR_M8_GROUP 2
#define PGR_M8_ROW int16_t
#define PGR_M8_DIRECT 0
#define PGR_M8_CONVERT(dst, src, n) widen(dst, src, n)
#define PGR_M8_QVEC int16x8_t
#define PGR_M8_QLOAD(p) vld1q_s16(p)
#define PGR_M8_STEP(acc, q, row) \
	madd_pairs(acc, q, vreinterpretq_s16_s32(vdupq_n_s32(pgr_load_i32(row))))
#define PGR_M8_VALUE(acc, scale) vmulq_n_f32(vcvtq_f32_s32(acc), scale)
#define PGR_M8_ENCODE(x) (x)

#define PGR_POPCOUNT64(v) ((uint64_t) __builtin_popcountll(v))

PGR_INLINE float32x4_t
load_f32_part(const float *p, size_t n)
{
	float		buf[4];

	pgr_load_tail(buf, p, n * sizeof(float), sizeof(buf));
	return vld1q_f32(buf);
}

PGR_INLINE float32x4_t
load_f16_part(const PgrHalf *p, size_t n)
{
	PgrHalf		buf[4];

	pgr_load_tail(buf, p, n * sizeof(PgrHalf), sizeof(buf));
	return PGR_VF_LOAD_F16(buf);
}

PGR_INLINE int16x8_t
load_i8_part(const int8_t *p, size_t n)
{
	int8_t		buf[8];

	pgr_load_tail(buf, p, n, sizeof(buf));
	return PGR_VW_LOAD(buf);
}

PGR_INLINE float64x2_t
add_squares(float64x2_t acc, float32x4_t v)
{
	float64x2_t low = vcvt_f64_f32(vget_low_f32(v));
	float64x2_t high = vcvt_high_f64_f32(v);

	return vfmaq_f64(vfmaq_f64(acc, low, low), high, high);
}

/* acc of 4 lanes += the sums of neighbouring products */
PGR_INLINE int32x4_t
madd_pairs(int32x4_t acc, int16x8_t a, int16x8_t b)
{
	int32x4_t	low = vmull_s16(vget_low_s16(a), vget_low_s16(b));

	return vaddq_s32(acc, vpaddq_s32(low, vmull_high_s16(a, b)));
}

PGR_INLINE void
widen(int16_t *dst, const int8_t *src, size_t n)
{
	size_t		i = 0;

	for (; n - i >= 8; i += 8)
		vst1q_s16(dst + i, PGR_VW_LOAD(src + i));
	for (; i < n; i++)
		dst[i] = src[i];
}

#include "kernel/kernel_code_neon.h"
#include "kernel/kernel_body.h"

#endif
