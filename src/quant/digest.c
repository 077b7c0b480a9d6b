/*
 * digest.c
 *		A vector in a dozen bytes: four bits for each of its largest principal
 *		coordinates.
 *
 * With z = A x, A the axes that carry most of the data's spread, <q,x> is about
 * <A q, z>: what is left out has the mean 0. So
 *	 |q - x|^2 + aux is about |q|^2 + (|x|^2 + aux) - 2 <A q, z>
 * where |x|^2 + aux is kept with 8 bits of precision. Signs along random directions, as
 * many bits of them, order rows worse (bench/hnsw.md, "Lists of filter values").
 */
#include <math.h>
#include <string.h>

#include "quant/quant.h"

/* of a normal coordinate's spread: the step with the least error for 16 levels */
#define STEP 0.335f

/* rounds of subspace iteration: the subspace need not be the very best */
#define ROUNDS 4

/* what is left of a vector shorter than this, of its length, is rounding */
#define LEAST_LEFT 1e-5

/* ----------
 * Axes
 * ----------
 */

/* y := y + a x */
static void
add_scaled(float *y, float a, const float *x, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		y[i] += a * x[i];
}

/* Gram and Schmidt; vectors that depend on those before become zero. */
static void
orthonormalise(float *axes, uint32_t n, uint32_t dim)
{
	for (uint32_t i = 0; i < n; i++)
	{
		float	   *v = axes + (size_t) i * dim;
		double		before = pgr_kernel->norm[PGR_ELEM_F32] (v, dim);
		double		left;

		/* twice is enough for what single precision leaves */
		for (int pass = 0; pass < 2; pass++)
			for (uint32_t j = 0; j < i; j++)
			{
				const float *u = axes + (size_t) j * dim;

				add_scaled(v, -(float) pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP] (u, v, dim),
						   u, dim);
			}
		left = pgr_kernel->norm[PGR_ELEM_F32] (v, dim);
		for (uint32_t k = 0; k < dim; k++)
			v[k] = left > LEAST_LEFT * before && left > 0 ? (float) (v[k] / left) : 0;
	}
}

void
pgr_digest_axes(const float *rows, uint32_t nrows, uint32_t dim, uint32_t n, float *axes,
				float *scratch)
{
	float	   *sums = scratch + n;
	double		longest = 0;
	float		unit;

	/* rows in units of the longest, of which sums of products neither overflow nor vanish */
	for (uint32_t r = 0; r < nrows; r++)
	{
		double		norm = pgr_kernel->norm[PGR_ELEM_F32] (rows + (size_t) r * dim, dim);

		longest = norm > longest ? norm : longest;
	}
	unit = longest > 1e-30 ? (float) (1 / longest) : 0;
	memset(axes, 0, (size_t) n * dim * sizeof(float));
	for (uint32_t i = 0; i < n && i < nrows; i++)
		memcpy(axes + (size_t) i * dim, rows + (uint64_t) i * nrows / n * dim, dim * sizeof(float));
	orthonormalise(axes, n, dim);
	for (int round = 0; round < ROUNDS; round++)
	{
		memset(sums, 0, (size_t) n * dim * sizeof(float));
		for (uint32_t r = 0; r < nrows; r++)
		{
			const float *row = rows + (size_t) r * dim;

			pgr_kernel->many[PGR_ELEM_F32][PGR_METRIC_IP] (row, axes, dim * sizeof(float), n, dim,
														   scratch);
			for (uint32_t i = 0; i < n; i++)
				add_scaled(sums + (size_t) i * dim, scratch[i] * unit, row, dim);
		}
		memcpy(axes, sums, (size_t) n * dim * sizeof(float));
		orthonormalise(axes, n, dim);
	}
}

void
pgr_digest_steps(const float *z, uint32_t nrows, uint32_t n, float *step)
{
	for (uint32_t i = 0; i < n; i++)
	{
		double		sum = 0;

		for (uint32_t r = 0; r < nrows; r++)
			sum += (double) z[(size_t) r * n + i] * z[(size_t) r * n + i];
		step[i] = nrows > 0 ? STEP * (float) sqrt(sum / nrows) : 0;
	}
}

/* ----------
 * Digests
 * ----------
 */

void
pgr_digest_project(const PgrDigestMap *map, const PgrCode8 *head, const int8_t *code, float *z)
{
	pgr_kernel->many[PGR_ELEM_I8][PGR_METRIC_IP] (code, map->axes, map->dim, map->n, map->dim, z);
	for (uint32_t i = 0; i < map->n; i++)
		z[i] *= head->scale * map->scale[i];
}

static uint8_t
four_bits(float z, float step)
{
	float		level = step > 0 ? floorf(z / step) + 8 : 8;

	return (uint8_t) (level < 0 ? 0 : level > 15 ? 15 : level);
}

void
pgr_digest_encode(const PgrDigestMap *map, const PgrCode8 *head, const float *z, uint8_t *digest)
{
	float		shift = head->norm2 + head->aux;
	uint32_t	bits;
	uint16_t	upper;

	memcpy(&bits, &shift, sizeof(bits));
	upper = (uint16_t) ((bits + 0x8000) >> 16);
	memcpy(digest, &upper, sizeof(upper));
	for (uint32_t i = 0; i < map->n; i += 2)
		digest[sizeof(upper) + i / 2] = (uint8_t) (four_bits(z[i], map->step[i]) |
												   four_bits(z[i + 1], map->step[i + 1]) << 4);
}

void
pgr_digest_query(const PgrDigestMap *map, const float *z, float *table)
{
	for (uint32_t i = 0; i < map->n; i += 2)
	{
		float		low = -2 * z[i] * map->step[i];
		float		high = -2 * z[i + 1] * map->step[i + 1];

		for (int byte = 0; byte < 256; byte++)
			*table++ = low * ((byte & 15) - 7.5f) + high * ((byte >> 4) - 7.5f);
	}
}

float
pgr_digest_estimate(const float *table, uint32_t n, float norm2, const uint8_t *digest)
{
	uint16_t	upper;
	uint32_t	bits;
	float		sum;

	memcpy(&upper, digest, sizeof(upper));
	bits = (uint32_t) upper << 16;
	memcpy(&sum, &bits, sizeof(sum));
	sum += norm2;
	for (uint32_t i = 0; i < n / 2; i++)
		sum += table[i * 256 + digest[sizeof(upper) + i]];
	return sum;
}
