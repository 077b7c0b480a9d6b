/*
 * kernel_code_avx2.h
 *		Macros of kernel_code_body.h for AVX2: 32 bits become 32 bytes by a
 *		shuffle and a comparison.
 */
typedef struct BitDotsQuery
{
	__m256i		half[2];
} BitDotsQuery;

#define PGR_BD_CODES 4
#define PGR_BD_Q BitDotsQuery
#define PGR_BD_QLOAD(p) load_query64(p)
#define PGR_BD_ACC __m256i
#define PGR_BD_ZERO _mm256_setzero_si256()
#define PGR_BD_SUM(acc) ((int32_t) sum_i32(acc))
#define PGR_BD_MAC(acc, bits, q) \
	add_set(add_set(acc, pgr_load_i32(bits), (q).half[0]), pgr_load_i32((bits) + 4), (q).half[1])
#define PGR_VF_LOAD_I8(p) \
	_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) (p))))
#define PGR_VF_NEGATIVE(v) _mm256_movemask_ps(v)
#define PGR_VF_FLIP(a, r) _mm256_xor_ps(a, _mm256_and_ps(r, _mm256_set1_ps(-0.0f)))
#define PGR_VF_BUTTERFLIES(v) butterflies(v)

/* a + b in the lanes of a, a - b in those of b, which are set in upper */
#define BUTTERFLY(v, swapped, upper) \
	_mm256_blend_ps(_mm256_add_ps(v, swapped), _mm256_sub_ps(swapped, v), upper)

PGR_INLINE __m256
butterflies(__m256 v)
{
	v = BUTTERFLY(v, _mm256_permute_ps(v, 0xB1), 0xAA);
	v = BUTTERFLY(v, _mm256_permute_ps(v, 0x4E), 0xCC);
	return BUTTERFLY(v, _mm256_permute2f128_ps(v, v, 1), 0xF0);
}

#undef BUTTERFLY

PGR_INLINE BitDotsQuery
load_query64(const int8_t *p)
{
	return (BitDotsQuery)
	{
		{_mm256_loadu_si256((const __m256i *) p), _mm256_loadu_si256((const __m256i *) (p + 32))}
	};
}

PGR_INLINE __m256i
add_set(__m256i acc, int32_t bits, __m256i q)
{
	const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101,
											  0x0202020202020202, 0x0303030303030303);
	const __m256i select = _mm256_set1_epi64x((int64_t) 0x8040201008040201);
	__m256i		bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread);
	__m256i		set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, select), select);
	__m256i		ones = _mm256_and_si256(set, _mm256_set1_epi8(1));

	/* sums of two bytes fit in 16 bits */
	return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(ones, q),
												   _mm256_set1_epi16(1)));
}
