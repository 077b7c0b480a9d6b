/*
 * kernel_code_body.h
 *		Template: the kernels of quantised codes, included by kernel_body.h.
 *
 * Beside that file's macros a level defines (kernel_code_<level>.h):
 *	PGR_BD_CODES			codes scored together
 *	PGR_BD_Q				64 elements of the query
 *	PGR_BD_QLOAD(p)
 *	PGR_BD_ACC PGR_BD_ZERO	sums of 32 bits
 *	PGR_BD_MAC(acc, bits, q)	acc + the elements of q whose bit is set, of the
 *								8 bytes at bits
 *	PGR_BD_SUM(acc)			int32_t
 *	PGR_VF_LOAD_I8(p)		PGR_VF_LANES bytes, converted
 *	PGR_VF_NEGATIVE(v)		bit i: lane i has its sign bit set
 *	PGR_VF_FLIP(a, r)		a, negated where r has its sign bit set
 *	PGR_VF_BUTTERFLIES(v)	Walsh-Hadamard transform of the lanes, not scaled
 *
 * Codes are lane-major: a code's bytes lie together. The alternative, 32 codes
 * interleaved for a table look-up ("FastScan"), is faster in cache
 * but makes the replacement of one edge touch every byte of its block, which
 * WAL would log (src/quant/README).
 */

PGR_INLINE void
bit_dots_block(int codes, const int8_t *q, uint32_t dim, const uint8_t *bits,
			   size_t stride, int32_t *sums)
{
	PGR_BD_ACC	acc[PGR_BD_CODES];

	PGR_UNROLL
	for (int c = 0; c < codes; c++)
		acc[c] = PGR_BD_ZERO;
	for (uint32_t d = 0; d < dim; d += 64)
	{
		PGR_BD_Q	qv = PGR_BD_QLOAD(q + d);

		PGR_UNROLL
		for (int c = 0; c < codes; c++)
			acc[c] = PGR_BD_MAC(acc[c], bits + c * stride + d / 8, qv);
	}
	PGR_UNROLL
	for (int c = 0; c < codes; c++)
		sums[c] = PGR_BD_SUM(acc[c]);
}

static void
bit_dots(const int8_t *q, uint32_t dim, const uint8_t *codes, size_t stride,
		 uint32_t n, int32_t *sums)
{
	uint32_t	i = 0;

	for (; n - i >= PGR_BD_CODES; i += PGR_BD_CODES)
		bit_dots_block(PGR_BD_CODES, q, dim, codes + i * stride, stride, sums + i);
	for (; i < n; i++)
		bit_dots_block(1, q, dim, codes + i * stride, stride, sums + i);
}

/* 64 bits, element 0 first, whatever the machine's byte order */
PGR_INLINE void
store_bits64(uint8_t *p, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t) (word >> 8 * i);
}

static void
residual_code(const int8_t *from, float from_scale, const int8_t *to, float to_scale,
			  uint32_t dim, uint8_t *bits, PgrResidualSums *sums)
{
	PgrVf		abs = PGR_VF_ZERO;
	PgrVf		sq = PGR_VF_ZERO;
	PgrVf		along = PGR_VF_ZERO;
	PgrVf		fs = PGR_VF_SET1(from_scale);
	PgrVf		ts = PGR_VF_SET1(to_scale);

	for (uint32_t d = 0; d < dim; d += 64)
	{
		uint64_t	word = 0;

		for (int j = 0; j < 64; j += PGR_VF_LANES)
		{
			PgrVf		f = PGR_VF_MUL(fs, PGR_VF_LOAD_I8(from + d + j));
			PgrVf		r = PGR_VF_SUB(PGR_VF_MUL(ts, PGR_VF_LOAD_I8(to + d + j)), f);

			abs = PGR_VF_ADD(abs, PGR_VF_ABS(r));
			sq = PGR_VF_FMA(sq, r, r);
			along = PGR_VF_ADD(along, PGR_VF_FLIP(f, r));
			word |= (uint64_t) PGR_VF_NEGATIVE(r) << j;
		}
		store_bits64(bits + d / 8, ~word);
	}
	sums->abs = PGR_VF_SUM(abs);
	sums->sq = PGR_VF_SUM(sq);
	sums->along = PGR_VF_SUM(along);
}

/*
 * Walsh-Hadamard transform in place, scaled by 1/sqrt(n) so that it is its own
 * inverse; n is a power of two, at least 64. Sums and differences are the same at all
 * levels, and so to the last bit is the result.
 */
static void
fht(float *x, uint32_t n)
{
	PgrVf		scale = PGR_VF_SET1(1.0f / sqrtf((float) n));

	for (uint32_t i = 0; i < n; i += PGR_VF_LANES)
		PGR_VF_STORE(x + i, PGR_VF_BUTTERFLIES(PGR_VF_LOAD(x + i)));
	for (uint32_t h = PGR_VF_LANES; h < n; h *= 2)
		for (uint32_t i = 0; i < n; i += 2 * h)
			for (uint32_t j = i; j < i + h; j += PGR_VF_LANES)
			{
				PgrVf		a = PGR_VF_LOAD(x + j);
				PgrVf		b = PGR_VF_LOAD(x + j + h);

				PGR_VF_STORE(x + j, PGR_VF_ADD(a, b));
				PGR_VF_STORE(x + j + h, PGR_VF_SUB(a, b));
			}
	for (uint32_t i = 0; i < n; i += PGR_VF_LANES)
		PGR_VF_STORE(x + i, PGR_VF_MUL(PGR_VF_LOAD(x + i), scale));
}
