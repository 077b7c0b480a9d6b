/*
 * kernel_code_neon.h
 *		Macros of kernel_code_body.h for NEON: two bytes of bits become 16 bytes
 *		by a test against one bit each.
 */
#define PGR_BD_CODES 4
#define PGR_BD_Q int8x16x4_t
#define PGR_BD_QLOAD(p) load_query64(p)
#define PGR_BD_ACC int32x4_t
#define PGR_BD_ZERO vdupq_n_s32(0)
#define PGR_BD_SUM(acc) vaddvq_s32(acc)
#define PGR_BD_MAC(acc, bits, q) add_set(acc, bits, q)
#define PGR_VF_LOAD_I8(p) load_i8_as_float(p)
#define PGR_VF_NEGATIVE(v) negative_lanes(v)
#define PGR_VF_FLIP(a, r) \
	vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), \
									vandq_u32(vreinterpretq_u32_f32(r), vdupq_n_u32(0x80000000))))
#define PGR_VF_BUTTERFLIES(v) butterflies(v)

/* a + b in the lanes of a, a - b in those of b, which are set in upper */
PGR_INLINE float32x4_t
butterfly(float32x4_t v, float32x4_t swapped, uint32x4_t upper)
{
	return vbslq_f32(upper, vsubq_f32(swapped, v), vaddq_f32(v, swapped));
}

PGR_INLINE float32x4_t
butterflies(float32x4_t v)
{
	const uint32x4_t odd = {0, UINT32_MAX, 0, UINT32_MAX};
	const uint32x4_t last = {0, 0, UINT32_MAX, UINT32_MAX};

	v = butterfly(v, vrev64q_f32(v), odd);
	return butterfly(v, vextq_f32(v, v, 2), last);
}

PGR_INLINE int8x16x4_t
load_query64(const int8_t *p)
{
	int8x16x4_t q;

	for (int i = 0; i < 4; i++)
		q.val[i] = vld1q_s8(p + 16 * i);
	return q;
}

PGR_INLINE int32x4_t
add_set(int32x4_t acc, const uint8_t *bits, int8x16x4_t q)
{
	const uint8x8_t select = vcreate_u8(UINT64_C(0x8040201008040201));
	int16x8_t	sum = vdupq_n_s16(0);

	for (int i = 0; i < 4; i++)
	{
		uint8x16_t	bytes = vcombine_u8(vdup_n_u8(bits[2 * i]), vdup_n_u8(bits[2 * i + 1]));
		uint8x16_t	set = vtstq_u8(bytes, vcombine_u8(select, select));

		sum = vpadalq_s8(sum, vandq_s8(vreinterpretq_s8_u8(set), q.val[i]));
	}
	return vpadalq_s16(acc, sum);
}

PGR_INLINE float32x4_t
load_i8_as_float(const int8_t *p)
{
	int8x8_t	bytes = vreinterpret_s8_s32(vdup_n_s32(pgr_load_i32(p)));

	return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}

PGR_INLINE uint32_t
negative_lanes(float32x4_t v)
{
	const uint32x4_t weight = {1, 2, 4, 8};

	return vaddvq_u32(vmulq_u32(vshrq_n_u32(vreinterpretq_u32_f32(v), 31), weight));
}
