/*
 * rotate.c
 *		Random rotations in O(D log D), persisted as a seed.
 *
 * One round: flip signs by a random table; Walsh-Hadamard transform of the
 * first (even rounds) or last (odd rounds) block of a power of two; where that
 * is not all, rotate coordinate i with coordinate D - floor(D/2) + i by pi/4.
 * Four rounds, as in the RaBitQ library: one round, padded to a power of two, leaves
 * vectors with few large coordinates uneven, and their codes err by more.
 */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

uint32_t
pgr_rotation_padded(uint32_t dim)
{
	return (dim + 63) / 64 * 64;
}

size_t
pgr_rotation_size(uint32_t dim)
{
	return (size_t) pgr_rotation_padded(dim) / 8 * PGR_ROTATION_ROUNDS;
}

uint64_t
pgr_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void
pgr_rotation_init(PgrRotation *r, uint32_t dim, uint64_t seed, uint8_t *signs)
{
	uint64_t	state = seed;
	size_t		size = pgr_rotation_size(dim);

	r->dim = dim;
	r->padded = pgr_rotation_padded(dim);
	r->block = 1;
	while (r->block * 2 <= r->padded)
		r->block *= 2;
	r->seed = seed;
	r->signs = signs;
	for (size_t i = 0; i < size; i += 8)
	{
		uint64_t	word = pgr_random(&state);

		for (int j = 0; j < 8; j++)
			signs[i + j] = (uint8_t) (word >> 8 * j);
	}
}

/* of four numbers, the sign bits that as many bits flip */
#define FLIPS(bits) {(bits & 1u) << 31, (bits & 2u) << 30, (bits & 4u) << 29, (bits & 8u) << 28}
static const uint32_t flips[16][4] = {
	FLIPS(0), FLIPS(1), FLIPS(2), FLIPS(3), FLIPS(4), FLIPS(5), FLIPS(6), FLIPS(7),
	FLIPS(8), FLIPS(9), FLIPS(10), FLIPS(11), FLIPS(12), FLIPS(13), FLIPS(14), FLIPS(15)
};

static void
flip_signs(const PgrRotation *r, int round, float *x)
{
	const uint8_t *signs = r->signs + (size_t) round * r->padded / 8;

	for (uint32_t i = 0; i < r->padded; i += 4)
	{
		const uint32_t *flip = flips[signs[i / 8] >> (i & 4) & 15];
		uint32_t	bits[4];

		memcpy(bits, x + i, sizeof(bits));
		for (int j = 0; j < 4; j++)
			bits[j] ^= flip[j];
		memcpy(x + i, bits, sizeof(bits));
	}
}

/* Rotates pairs by pi/4; inverse by -pi/4. */
static void
rotate_pairs(const PgrRotation *r, bool inverse, float *x)
{
	uint32_t	half = r->padded / 2;
	float	   *y = x + (r->padded - half);
	const float c = 0.70710678f;
	const float sign = inverse ? -1.0f : 1.0f;

	if (r->block == r->padded)
		return;
	for (uint32_t i = 0; i < half; i++)
	{
		float		a = x[i];
		float		b = y[i];

		x[i] = c * (a + sign * b);
		y[i] = c * (b - sign * a);
	}
}

static void
transform(const PgrRotation *r, int round, float *x)
{
	pgr_kernel->fht(round % 2 == 0 ? x : x + (r->padded - r->block), r->block);
}

void
pgr_rotate(const PgrRotation *r, float *x)
{
	for (int round = 0; round < PGR_ROTATION_ROUNDS; round++)
	{
		flip_signs(r, round, x);
		transform(r, round, x);
		rotate_pairs(r, false, x);
	}
}

void
pgr_unrotate(const PgrRotation *r, float *x)
{
	for (int round = PGR_ROTATION_ROUNDS - 1; round >= 0; round--)
	{
		rotate_pairs(r, true, x);
		transform(r, round, x);
		flip_signs(r, round, x);
	}
}
