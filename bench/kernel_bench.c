/*
 * kernel_bench.c
 *		Times of the kernels in cache, for every level this machine has.
 *
 *		make -C bench kernel		builds and runs it
 *
 * MaxSim is a query of 32 x 128 against a document of 180 x 128. Yardsticks are a
 * dot product for each pair of tokens: a plain loop, inlined and vectorised by the
 * compiler, and what a per-pair operator does, the level's own inner product. Minimum
 * of ROUNDS runs each, interleaved, so that ratios survive a busy machine.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/half.h"
#include "kernel/kernel.h"

#define N 32
#define M 180
#define D 128
#define ROUNDS 60

static float query[N * D];
static float doc[M * D];
static PgrHalf doc16[M * D];
static int8_t doc8[M * D];
static float scales[M];
static float best[N];
static volatile float sink;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

/* a plain loop over the pairs, in the compiler's own vectors */
#define PLAIN __attribute__((optimize("O3", "fast-math"), target("avx512f,avx512vl,fma")))

PLAIN static inline float
plain_dot(const float *a, const float *b, int n)
{
	float		sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

PLAIN static void
pairs_plain(void)
{
	for (int i = 0; i < N; i++)
	{
		best[i] = -INFINITY;
		for (int j = 0; j < M; j++)
			best[i] = fmaxf(best[i], plain_dot(query + i * D, doc + j * D, D));
	}
}

static void
pairs_kernel(const PgrKernelTable *t)
{
	PgrDistFn	dot = t->dist[PGR_ELEM_F32][PGR_METRIC_IP];

	for (int i = 0; i < N; i++)
	{
		best[i] = -INFINITY;
		for (int j = 0; j < M; j++)
			best[i] = fmaxf(best[i], (float) dot(query + i * D, doc + j * D, D));
	}
}

/* keeps the least time of one call, in us */
#define TIME(least, call) \
	do { \
		double start = now(); \
		for (int r_ = 0; r_ < 20; r_++) { call; } \
		double took = (now() - start) / 20; \
		sink = best[0]; \
		if (took < (least)) (least) = took; \
	} while (0)

static void
bench_maxsim(const PgrKernelTable *t)
{
	PgrMaxSimQuery *q[PGR_ELEM_COUNT];
	const void *docs[] = {doc, doc16, doc8};
	double		plain = 1e9, pairs = 1e9, tile[PGR_ELEM_COUNT] = {1e9, 1e9, 1e9};

	pgr_kernel_use(t->simd);
	for (int e = 0; e < PGR_ELEM_COUNT; e++)
	{
		q[e] = aligned_alloc(64, (pgr_maxsim_query_size(e, N, D) + 127) / 64 * 64);
		pgr_maxsim_query_init(q[e], e, query, N, D);
	}
	for (int r = 0; r < ROUNDS; r++)
	{
		if (__builtin_cpu_supports("avx512f"))
			TIME(plain, pairs_plain());
		TIME(pairs, pairs_kernel(t));
		for (int e = 0; e < PGR_ELEM_COUNT; e++)
			TIME(tile[e], pgr_maxsim_best(q[e], docs[e], scales, M, best));
	}
	printf("%-12s %8.1f %8.1f %8.2f %8.2f %8.2f   %5.3f %5.3f %5.3f\n", t->name, plain, pairs,
		   tile[0], tile[1], tile[2], tile[0] / plain, tile[1] / plain, tile[2] / plain);
	for (int e = 0; e < PGR_ELEM_COUNT; e++)
		free(q[e]);
}

#define ELEM_NAME(name, elem) [elem] = #name,

static void
bench_dist(const PgrKernelTable *t)
{
	static const int dims[] = {384, 768, 1536};
	static char a[1536 * 4] __attribute__((aligned(64)));
	static char b[1536 * 4] __attribute__((aligned(64)));
	static const char *const elems[PGR_ELEM_COUNT] = {PGR_ELEMENTS(ELEM_NAME)};

	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	for (int e = 0; e < PGR_ELEM_COUNT; e++)
	{
		printf("%-12s %-4s", t->name, elems[e]);
		for (int d = 0; d < 3; d++)
			for (int m = 0; m < PGR_METRIC_COUNT; m++)
			{
				double		least = 1e9;

				if (t->dist[e][m] == NULL)
					continue;
				for (int r = 0; r < ROUNDS; r++)
					TIME(least, for (int k = 0; k < 100; k++)
						 sink += (float) t->dist[e][m] (a, b, dims[d]));
				printf(" %6.1f", least * 10);
			}
		printf("\n");
	}
}

int
main(void)
{
	srand(1);
	for (int i = 0; i < N * D; i++)
		query[i] = rand() / (float) RAND_MAX - .5f;
	for (int i = 0; i < M * D; i++)
	{
		doc[i] = rand() / (float) RAND_MAX - .5f;
		doc16[i] = pgr_float_to_half(doc[i]);
		doc8[i] = (int8_t) (doc[i] * 254);
	}
	for (int j = 0; j < M; j++)
		scales[j] = 1 / 254.f;

	printf("MaxSim 32x128 by 180x128, us a document; ratios to the plain dot loop\n");
	printf("%-12s %8s %8s %8s %8s %8s   %5s %5s %5s\n", "level", "plain", "pairs", "f32", "f16", "i8", "f32", "f16", "i8");
	for (int level = 0; level < PGR_SIMD_COUNT; level++)
		if (pgr_kernel_table(level))
			bench_maxsim(pgr_kernel_table(level));

	printf("\ndistances, ns: l2sq, ip, cosine, l1 at 384, 768 and 1536 dimensions\n");
	for (int level = 0; level < PGR_SIMD_COUNT; level++)
		if (pgr_kernel_table(level))
			bench_dist(pgr_kernel_table(level));
	return 0;
}
