/*
 * hnsw_gen.c
 *		Makes vectors that look like embeddings, as a COPY BINARY file of
 *		(id int, v vector(DIM)) on standard output.
 *
 *	 hnsw_gen ROWS DIM SEED [CLUSTERS [FIRST]]
 *
 * A mixture of clusters of log-normal sizes in a space whose spectrum falls
 * (participation ratio about 40 at 768 dimensions), within-cluster spread 0.7 of
 * the spread of the centres, a common mean, a little noise in all dimensions.
 * Row i depends on SEED, i and CLUSTERS only: queries are rows from FIRST on that
 * no table has. Vectors are not normalised.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
next(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double
uniform(uint64_t *state)
{
	return ((double) (next(state) >> 11) + 0.5) / 9007199254740992.0;
}

static double
gaussian(uint64_t *state)
{
	return sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));
}

static void
put16(uint16_t x)
{
	x = htons(x);
	fwrite(&x, sizeof(x), 1, stdout);
}

static void
put32(uint32_t x)
{
	x = htonl(x);
	fwrite(&x, sizeof(x), 1, stdout);
}

/* The cluster of a draw in [0, 1): cumulative sizes, searched. */
static uint32_t
find_cluster(const double *cumulative, uint32_t n, double draw)
{
	uint32_t	low = 0;
	uint32_t	high = n - 1;

	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (cumulative[middle] < draw * cumulative[n - 1])
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
main(int argc, char **argv)
{
	uint32_t	rows;
	uint32_t	dim;
	uint64_t	seed;
	uint32_t	clusters = 2000;
	uint32_t	first = 0;
	double	   *cumulative;
	double	   *spread;

	if (argc < 4)
		return fprintf(stderr, "usage: hnsw_gen ROWS DIM SEED [CLUSTERS [FIRST]]\n"), 2;
	rows = (uint32_t) atol(argv[1]);
	dim = (uint32_t) atol(argv[2]);
	seed = (uint64_t) atol(argv[3]);
	if (argc > 4)
		clusters = (uint32_t) atol(argv[4]);
	if (argc > 5)
		first = (uint32_t) atol(argv[5]);

	cumulative = malloc(clusters * sizeof(double));
	spread = malloc(dim * sizeof(double));
	for (uint32_t c = 0; c < clusters; c++)
	{
		uint64_t	state = seed * 31 + c;

		cumulative[c] = (c ? cumulative[c - 1] : 0) + exp(gaussian(&state));
	}
	for (uint32_t d = 0; d < dim; d++)
		spread[d] = exp(-(double) d / 40) + 0.03;

	fwrite("PGCOPY\n\377\r\n\0", 1, 11, stdout);
	put32(0);
	put32(0);
	for (uint32_t i = first; i < first + rows; i++)
	{
		uint64_t	state = seed * 1000003 + (uint64_t) i * 7919;
		uint32_t	cluster = find_cluster(cumulative, clusters, uniform(&state));
		uint64_t	centre = seed * 77 + 1000 * (uint64_t) cluster;

		put16(2);
		put32(4);
		put32(i);
		put32(4 + 4 * dim);
		put16((uint16_t) dim);
		put16(0);
		for (uint32_t d = 0; d < dim; d++)
		{
			float		x = (float) (spread[d] * (gaussian(&centre) + 0.7 * gaussian(&state)) +
									 (d % 7 == 0 ? 0.2 : 0));
			uint32_t	bits;

			memcpy(&bits, &x, sizeof(bits));
			put32(bits);
		}
	}
	put16(0xffff);
	return 0;
}
