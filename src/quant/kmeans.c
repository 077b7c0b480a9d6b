/*
 * kmeans.c
 *		Lloyd's k-means: each row to its nearest centroid, each centroid to the mean
 *		of its rows, a fixed number of times. See README, "K-means".
 */
#include "quant/kmeans.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/kernel.h"

/* rows that are decoded and scored at a time */
#define BLOCK 128

/* minima that are kept side by side, so that compilers make vectors of them */
#define LANES 16

typedef struct Scratch
{
	float	   *rows;			/* BLOCK of dim */
	float	   *products;		/* BLOCK of k; then distances */
	float	   *sums;			/* k of dim */
} Scratch;

size_t
pgr_kmeans_scratch_size(uint32_t dim, uint32_t k)
{
	size_t		floats;
	size_t		products;
	size_t		bytes;

	if (__builtin_mul_overflow((size_t) BLOCK + k, dim, &floats) ||
		__builtin_mul_overflow((size_t) BLOCK, k, &products) ||
		__builtin_add_overflow(floats, products, &floats) ||
		__builtin_mul_overflow(floats, sizeof(float), &bytes))
		return 0;
	return bytes;
}

static Scratch
lay_out(const PgrKmeans *job, void *memory)
{
	Scratch		s;

	s.rows = memory;
	s.products = s.rows + (size_t) BLOCK * job->dim;
	s.sums = s.products + (size_t) BLOCK * job->k;
	return s;
}

double
pgr_kmeans_work(const PgrKmeans *job)
{
	return (double) job->n * job->k * job->dim * (job->rounds + 1.0);
}

/* <r,c> of n rows and all centroids, n of k floats. */
static void
multiply(const PgrKmeans *job, const Scratch *s, uint32_t n)
{
	if (job->blas != NULL)
	{
		pgr_blas_products(job->blas, s->rows, n, job->centroids, job->k, job->dim, s->products);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		pgr_kernel->many[PGR_ELEM_F32][PGR_METRIC_IP]
			(s->rows + (size_t) i * job->dim, job->centroids, job->dim * sizeof(float), job->k,
			 job->dim, s->products + (size_t) i * job->k);
}

/*
 * The first centroid with the least |c|^2 - 2 <r,c>, which is the distance but for what
 * is the same for all. products: k; they become these distances.
 */
static uint32_t
nearest_of(const PgrKmeans *job, float *products)
{
	const float *norm2 = job->norm2;
	uint32_t	k = job->k;
	uint32_t	whole = k / LANES * LANES;
	float		least[LANES];
	uint32_t	at[LANES];
	uint32_t	best = 0;

	for (uint32_t c = 0; c < k; c++)
		products[c] = norm2[c] - 2 * products[c];
	for (uint32_t l = 0; l < LANES; l++)
	{
		least[l] = INFINITY;
		at[l] = l;
	}
	for (uint32_t c = 0; c < whole; c += LANES)
		for (uint32_t l = 0; l < LANES; l++)
		{
			bool		less = products[c + l] < least[l];

			least[l] = less ? products[c + l] : least[l];
			at[l] = less ? c + l : at[l];
		}
	for (uint32_t l = 0; whole > 0 && l < LANES; l++)
		if (products[at[l]] < products[best] ||
			(products[at[l]] == products[best] && at[l] < best))
			best = at[l];
	for (uint32_t c = whole; c < k; c++)
		if (products[c] < products[best])
			best = c;
	return best;
}

/* Adds each of n rows to the sum of its centroid. */
static void
add_rows(const PgrKmeans *job, const Scratch *s, const uint32_t *nearest, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const float *row = s->rows + (size_t) i * job->dim;
		float	   *sum = s->sums + (size_t) nearest[i] * job->dim;

		for (uint32_t j = 0; j < job->dim; j++)
			sum[j] += row[j];
	}
}

/* Finds each row's nearest centroid; sums and counts are those of their rows afterwards. */
static void
assign_rows(const PgrKmeans *job, const Scratch *s)
{
	for (uint32_t c = 0; c < job->k; c++)
	{
		const float *centroid = job->centroids + (size_t) c * job->dim;

		job->norm2[c] = (float)
			pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP] (centroid, centroid, job->dim);
	}
	memset(s->sums, 0, (size_t) job->k * job->dim * sizeof(float));
	memset(job->counts, 0, job->k * sizeof(uint32_t));
	for (uint32_t first = 0; first < job->n; first += BLOCK)
	{
		uint32_t	n = job->n - first < BLOCK ? job->n - first : BLOCK;
		uint32_t   *nearest = job->nearest + first;

		job->tick();
		job->rows(job->arg, first, n, s->rows);
		multiply(job, s, n);
		for (uint32_t i = 0; i < n; i++)
		{
			nearest[i] = nearest_of(job, s->products + (size_t) i * job->k);
			job->counts[nearest[i]]++;
		}
		add_rows(job, s, nearest, n);
	}
}

/* Moves centroids to the means of their rows. */
static void
move_centroids(const PgrKmeans *job, const Scratch *s)
{
	for (uint32_t c = 0; c < job->k; c++)
		for (uint32_t j = 0; job->counts[c] > 0 && j < job->dim; j++)
			job->centroids[(size_t) c * job->dim + j] =
				s->sums[(size_t) c * job->dim + j] / job->counts[c];
}

void
pgr_kmeans(const PgrKmeans *job, void *scratch)
{
	Scratch		s = lay_out(job, scratch);

	for (uint32_t c = 0; c < job->k; c++)
		job->rows(job->arg, (uint32_t) ((uint64_t) c * job->n / job->k), 1,
				  job->centroids + (size_t) c * job->dim);
	assign_rows(job, &s);
	for (uint32_t round = 0; round < job->rounds; round++)
	{
		move_centroids(job, &s);
		assign_rows(job, &s);
	}
}
