/*
 * half.h
 *		IEEE 754 binary16 <-> binary32, one value at a time, in integers only.
 *
 * For input, output and other places that touch single elements; arrays go
 * through f16_to_f32 / f32_to_f16 of the kernel table, which give the same
 * bits. Integer arithmetic keeps the result independent of rounding mode and of
 * x87 excess precision. A NaN keeps its sign and leading payload bits and becomes
 * quiet, as the hardware instructions do.
 */
#ifndef PGR_HALF_H
#define PGR_HALF_H

#include <string.h>

#include "kernel/kernel.h"

#define PGR_HALF_EXP_MASK 0x7c00
#define PGR_HALF_FRAC_MASK 0x03ff
#define PGR_HALF_SIGN_MASK 0x8000

static inline float
pgr_float_from_bits(uint32_t bits)
{
	float		f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static inline uint32_t
pgr_float_bits(float f)
{
	uint32_t	bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

/* Exact for every half. */
static inline float
pgr_half_to_float(PgrHalf h)
{
	uint32_t	sign = (uint32_t) (h & PGR_HALF_SIGN_MASK) << 16;
	uint32_t	frac = h & PGR_HALF_FRAC_MASK;
	uint32_t	exp = (h & PGR_HALF_EXP_MASK) >> 10;

	if (exp == 31)
	{
		uint32_t	quiet = frac != 0 ? UINT32_C(0x00400000) : 0;

		return pgr_float_from_bits(sign | UINT32_C(0x7f800000) | quiet | frac << 13);
	}
	if (exp == 0)
	{
		/* zero or denormal: frac * 2^-24, exact in binary32 */
		float		f = (float) frac * (1.0f / 16777216.0f);

		return sign ? -f : f;
	}
	/* the exponent's bias grows from 15 to 127 */
	return pgr_float_from_bits(sign | (exp + 112) << 23 | frac << 13);
}

/* v / 2^shift rounded to nearest, ties to even; 1 <= shift <= 31 */
static inline uint32_t
pgr_shift_round_even(uint32_t v, unsigned shift)
{
	return (v + (UINT32_C(1) << (shift - 1)) - 1 + (v >> shift & 1)) >> shift;
}

/* Rounds to nearest even; too large gives an infinity. */
static inline PgrHalf
pgr_float_to_half(float f)
{
	uint32_t	bits = pgr_float_bits(f);
	uint32_t	sign = bits >> 16 & PGR_HALF_SIGN_MASK;
	uint32_t	mag = bits & UINT32_C(0x7fffffff);
	uint32_t	exp = mag >> 23;

	if (mag > UINT32_C(0x7f800000))
		return (PgrHalf) (sign | 0x7e00 | (mag >> 13 & PGR_HALF_FRAC_MASK));
	if (exp >= 127 + 16)		/* 2^16 and above */
		return (PgrHalf) (sign | PGR_HALF_EXP_MASK);

	/*
	 * Normal: a carry out of the fraction correctly steps into the exponent,
	 * and from the largest half into infinity.
	 */
	if (exp >= 127 - 14)
		return (PgrHalf) (sign | pgr_shift_round_even(mag - (UINT32_C(112) << 23), 13));

	/* Below 2^-25 everything rounds to zero; else count in units of 2^-24. */
	if (exp < 127 - 25)
		return (PgrHalf) sign;
	return (PgrHalf) (sign | pgr_shift_round_even((mag & UINT32_C(0x007fffff)) |
												 UINT32_C(0x00800000),
												 126 - exp));
}

#endif							/* PGR_HALF_H */
