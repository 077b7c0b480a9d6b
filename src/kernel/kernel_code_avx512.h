/*
 * kernel_code_avx512.h
 *		Macros of kernel_code_body.h for both AVX-512 levels: the bits are
 *		loaded as a mask register. PGR_BD_VNNI chooses vpdpbusd.
 */
#define PGR_BD_CODES 8
#define PGR_BD_Q __m512i
#define PGR_BD_QLOAD(p) _mm512_loadu_si512(p)
#define PGR_BD_ACC __m512i
#define PGR_BD_ZERO _mm512_setzero_si512()
#define PGR_BD_SUM(acc) _mm512_reduce_add_epi32(acc)
#define PGR_BD_MAC(acc, bits, q) add_set(acc, bits, q)
#define PGR_VF_LOAD_I8(p) \
	_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) (p))))
#define PGR_VF_NEGATIVE(v) _mm512_movepi32_mask(_mm512_castps_si512(v))
#define PGR_VF_FLIP(a, r) _mm512_xor_ps(a, _mm512_and_ps(r, _mm512_set1_ps(-0.0f)))
#define PGR_VF_BUTTERFLIES(v) butterflies(v)

/* a + b in the lanes of a, a - b in those of b, which are set in upper */
#define BUTTERFLY(v, swapped, upper) \
	_mm512_mask_sub_ps(_mm512_add_ps(v, swapped), upper, swapped, v)

PGR_INLINE __m512
butterflies(__m512 v)
{
	v = BUTTERFLY(v, _mm512_permute_ps(v, 0xB1), 0xAAAA);
	v = BUTTERFLY(v, _mm512_permute_ps(v, 0x4E), 0xCCCC);
	v = BUTTERFLY(v, _mm512_shuffle_f32x4(v, v, 0xB1), 0xF0F0);
	return BUTTERFLY(v, _mm512_shuffle_f32x4(v, v, 0x4E), 0xFF00);
}

#undef BUTTERFLY

PGR_INLINE __m512i
add_set(__m512i acc, const uint8_t *bits, __m512i q)
{
	uint64_t	mask;
	__m512i		ones;

	memcpy(&mask, bits, sizeof(mask));
	ones = _mm512_maskz_mov_epi8(mask, _mm512_set1_epi8(1));
#ifdef PGR_BD_VNNI
	return _mm512_dpbusd_epi32(acc, ones, q);
#else
	/* sums of two bytes fit in 16 bits */
	return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(ones, q),
												   _mm512_set1_epi16(1)));
#endif
}
