/*
 * kmeans_bench.c
 *		k-means by our own loops and by OpenBLAS, on rows of random numbers.
 *
 *		make -C bench kmeans		builds and runs it
 *
 * Shapes are those of builds: groups of lists of filter values (40 dimensions), parts
 * of a build (codes of 768). Minimum of ROUNDS runs each, interleaved, so that ratios
 * survive a busy machine. Times are of one assignment of all rows and the means.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/kernel.h"
#include "quant/kmeans.h"

#define ROUNDS 5

static const struct
{
	uint32_t	n;
	uint32_t	k;
	uint32_t	dim;
}			shapes[] = {
	{4096, 32, 40}, {32768, 64, 40}, {32768, 1024, 40}, {4096, 64, 128}, {16384, 256, 128},
	{512, 8, 768}, {2048, 32, 768}, {8192, 128, 768}, {8192, 512, 768}
};

static uint32_t dim;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static void
copy_rows(const void *arg, uint32_t first, uint32_t n, float *to)
{
	memcpy(to, (const float *) arg + (size_t) first * dim, (size_t) n * dim * sizeof(float));
}

static void
no_tick(void)
{
}

/* ms of one pass */
static double
run(PgrKmeans *job, const PgrBlas *blas, void *scratch)
{
	double		start = now();

	job->blas = blas;
	pgr_kmeans(job, scratch);
	return now() - start;
}

static void
shape(uint32_t n, uint32_t k, uint32_t d, const PgrBlas *blas)
{
	size_t		floats = (size_t) n * d;
	float	   *rows = malloc(floats * sizeof(float));
	PgrKmeans	job = {n, d, k, 0, copy_rows, rows, no_tick};
	void	   *scratch = malloc(pgr_kmeans_scratch_size(d, k));
	double		own = 1e30;
	double		library = 1e30;

	dim = d;
	for (size_t i = 0; i < floats; i++)
		rows[i] = (float) rand() / RAND_MAX - .5f;
	job.centroids = malloc((size_t) k * d * sizeof(float));
	job.norm2 = malloc(k * sizeof(float));
	job.nearest = malloc(n * sizeof(uint32_t));
	job.counts = malloc(k * sizeof(uint32_t));
	for (int round = 0; round < ROUNDS; round++)
	{
		double		t = run(&job, NULL, scratch);

		own = t < own ? t : own;
		t = blas == NULL ? 0 : run(&job, blas, scratch);
		library = t < library ? t : library;
	}
	printf("%6u x %4u, %4u centroids: own %8.2f ms (%5.1f GFLOP/s), OpenBLAS %8.2f ms, %.2fx\n", n, d,
		   k, own, 2e-6 * n * k * d / own, library, own / library);
	free(rows);
	free(scratch);
	free(job.centroids);
	free(job.norm2);
	free(job.nearest);
	free(job.counts);
}

int
main(void)
{
	double		start = now();
	const PgrBlas *blas = pgr_blas();

	if (blas == NULL)
	{
		printf("no OpenBLAS here\n");
		return 0;
	}
	printf("OpenBLAS for %s, loaded in %.0f ms\n", pgr_blas_kernels(blas), now() - start);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		shape(shapes[i].n, shapes[i].k, shapes[i].dim, blas);
	return 0;
}
