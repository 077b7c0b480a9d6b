/*
 * test_kmeans.c
 *		k-means of every level of kernels and, where the system has it, by OpenBLAS,
 *		against a naive one in double precision. What loading the library leaves
 *		behind.
 */
/* covers: kmeans blas */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>

#include "kernel/kernel.h"
#include "quant/kmeans.h"
#include "tap.h"

#define MAX_N 700
#define MAX_K 800
#define MAX_DIM 200
#define ROUNDS 5

static float rows[MAX_N * MAX_DIM];
static float centroids[MAX_K * MAX_DIM];
static float norm2[MAX_K];
static uint32_t nearest[MAX_N];
static uint32_t counts[MAX_K];
static double naive_centroids[MAX_K * MAX_DIM];
static uint32_t naive_nearest[MAX_N];
static uint32_t dim;
static int	ticks;
static jmp_buf out;

static void
count_tick(void)
{
	ticks++;
}

static void
leave_at_third(void)
{
	if (++ticks == 3)
		longjmp(out, 1);
}

static void
copy_rows(const void *arg, uint32_t first, uint32_t n, float *to)
{
	memcpy(to, (const float *) arg + (size_t) first * dim, (size_t) n * dim * sizeof(float));
}

/*
 * groups of rows that lie so far apart that rounding moves none to another, and of each of
 * which as many centroids begin in one row; 0: rows of no group
 */
static void
make_rows(uint32_t n, uint32_t groups)
{
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	group = groups == 0 ? 0 : (i * groups + groups - 1) / n;

		for (uint32_t j = 0; j < dim; j++)
		{
			uint32_t	at = groups == 0 ? 0 : (group * 7 + j) % groups;

			rows[(size_t) i * dim + j] = (float) (tap_uniform() + 20 * at);
		}
	}
}

static double
naive_distance(const float *row, const double *centroid)
{
	double		sum = 0;

	for (uint32_t j = 0; j < dim; j++)
		sum += (row[j] - centroid[j]) * (row[j] - centroid[j]);
	return sum;
}

/* The sum of squares within, which k-means makes small. */
static double
naive_assign(uint32_t n, uint32_t k)
{
	double		all = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		const float *row = rows + (size_t) i * dim;
		double		least = INFINITY;

		for (uint32_t c = 0; c < k; c++)
		{
			double		d = naive_distance(row, naive_centroids + (size_t) c * dim);

			if (d < least)
			{
				least = d;
				naive_nearest[i] = c;
			}
		}
		all += least;
	}
	return all;
}

static void
naive_move(uint32_t n, uint32_t k)
{
	for (uint32_t c = 0; c < k; c++)
		for (uint32_t j = 0; j < dim; j++)
		{
			double		sum = 0;
			uint32_t	count = 0;

			for (uint32_t i = 0; i < n; i++)
				if (naive_nearest[i] == c)
				{
					sum += rows[(size_t) i * dim + j];
					count++;
				}
			if (count > 0)
				naive_centroids[(size_t) c * dim + j] = sum / count;
		}
}

static double
naive_kmeans(uint32_t n, uint32_t k)
{
	double		all;

	for (uint32_t c = 0; c < k; c++)
		for (uint32_t j = 0; j < dim; j++)
			naive_centroids[(size_t) c * dim + j] = rows[(uint64_t) c * n / k * dim + j];
	all = naive_assign(n, k);
	for (int round = 0; round < ROUNDS; round++)
	{
		naive_move(n, k);
		all = naive_assign(n, k);
	}
	return all;
}

static PgrKmeans
job_of(uint32_t n, uint32_t k, const PgrBlas *blas)
{
	return (PgrKmeans) {
		n, dim, k, ROUNDS, copy_rows, rows, count_tick, blas, centroids, norm2, nearest, counts
	};
}

static void
run(const PgrKmeans *job)
{
	void	   *scratch = malloc(pgr_kmeans_scratch_size(job->dim, job->k));

	pgr_kmeans(job, scratch);
	free(scratch);
}

/* the same sum of squares for what was found */
static double
sum_within(uint32_t n)
{
	double		all = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		double		centroid[MAX_DIM];

		for (uint32_t j = 0; j < dim; j++)
			centroid[j] = centroids[(size_t) nearest[i] * dim + j];
		all += naive_distance(rows + (size_t) i * dim, centroid);
	}
	return all;
}

/* Counts, squares and assignment are those of the centroids that were returned. */
static bool
is_consistent(uint32_t n, uint32_t k)
{
	uint32_t	total = 0;

	for (uint32_t c = 0; c < k; c++)
	{
		double		square = 0;
		uint32_t	count = 0;

		for (uint32_t j = 0; j < dim; j++)
			square += (double) centroids[(size_t) c * dim + j] * centroids[(size_t) c * dim + j];
		for (uint32_t i = 0; i < n; i++)
			count += nearest[i] == c;
		total += count;
		if (fabs(square - norm2[c]) > 1e-5 * square || count != counts[c])
			return false;
	}
	return total == n;
}

static void
test_shape(const char *how, const PgrBlas *blas, uint32_t n, uint32_t k, uint32_t d,
		   uint32_t groups)
{
	PgrKmeans	job;
	double		naive;
	double		all;
	char		name[200];
	char		detail[200];
	bool		same = true;

	dim = d;
	make_rows(n, groups);
	naive = naive_kmeans(n, k);
	job = job_of(n, k, blas);
	run(&job);
	all = sum_within(n);
	for (uint32_t i = 0; groups > 0 && i < n; i++)
		same = same && nearest[i] == naive_nearest[i];
	snprintf(name, sizeof(name), "%s: %u rows, %u centroids, %u dimensions, %u groups", how, n, k, d,
			 groups);
	snprintf(detail, sizeof(detail), "sum of squares %g, naive %g, rows %s, consistent %d", all, naive,
			 same ? "alike" : "differ", is_consistent(n, k));

	/* where groups are apart, row for row; else as good: near ties may go either way */
	tap_ok(same && is_consistent(n, k) &&
		   fabs(all - naive) <= (groups > 0 ? 1e-4 : .02) * naive + 1e-4, name, detail);
}

static void
test_shapes(const char *how, const PgrBlas *blas)
{
	test_shape(how, blas, 500, 8, 40, 8);
	test_shape(how, blas, 128, 16, 64, 16);
	test_shape(how, blas, 129, 17, 7, 17);
	test_shape(how, blas, 700, 33, 200, 33);
	test_shape(how, blas, 600, 40, 3, 0);
	test_shape(how, blas, 700, 100, 48, 0);
	test_shape(how, blas, 1, 1, 5, 0);
	test_shape(how, blas, 300, 1, 16, 0);
}

/* Rows that no centroid tells apart, and more centroids than rows. */
static void
test_degenerate(const char *how, const PgrBlas *blas)
{
	char		name[200];
	bool		first = true;
	bool		whole = true;
	PgrKmeans	job;

	dim = 24;
	for (uint32_t i = 0; i < 300 * dim; i++)
		rows[i] = (float) (i % dim);
	job = job_of(300, 20, blas);
	run(&job);
	for (uint32_t i = 0; i < 300; i++)
		first = first && nearest[i] == 0;
	snprintf(name, sizeof(name), "%s: equal rows are all of the first centroid", how);
	tap_ok(first && counts[0] == 300 && is_consistent(300, 20), name, "");

	make_rows(7, 7);
	job = job_of(7, MAX_K, blas);
	run(&job);
	for (uint32_t i = 0; i < 7; i++)
		whole = whole && nearest[i] == (i * MAX_K + 6) / 7;
	snprintf(name, sizeof(name), "%s: more centroids than rows: each row has its own", how);
	tap_ok(whole && is_consistent(7, MAX_K), name, "");
}

static void
test_levels(void)
{
	for (int simd = 0; simd < PGR_SIMD_COUNT; simd++)
		if (pgr_kernel_use((PgrSimd) simd))
		{
			test_shapes(pgr_simd_name((PgrSimd) simd), NULL);
			test_degenerate(pgr_simd_name((PgrSimd) simd), NULL);
		}
	pgr_kernel_use(pgr_simd_best());
}

static int
threads(void)
{
	DIR		   *dir = opendir("/proc/self/task");
	int			n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

static void
test_blas(void)
{
	int			before = threads();
	const PgrBlas *blas;

	setenv("OPENBLAS_NUM_THREADS", "3", 1);
	unsetenv("OPENBLAS_CORETYPE");
	blas = pgr_blas();
	tap_ok(strcmp(getenv("OPENBLAS_NUM_THREADS"), "3") == 0 && getenv("OPENBLAS_CORETYPE") == NULL,
		   "loading OpenBLAS leaves the environment as it was", "");
	tap_ok(threads() == before, "loading OpenBLAS starts no thread", "");
	tap_ok(pgr_blas() == blas, "it is loaded once", "");
	if (blas == NULL)
	{
		printf("# no OpenBLAS here\n");
		return;
	}
	printf("# OpenBLAS for %s\n", pgr_blas_kernels(blas));
	test_shapes("OpenBLAS", blas);
	test_degenerate("OpenBLAS", blas);
	tap_ok(threads() == before, "OpenBLAS starts no thread later", "");
}

static void
test_interrupt(void)
{
	void	   *scratch;
	PgrKmeans	job;

	dim = 8;
	make_rows(600, 0);
	job = job_of(600, 4, NULL);
	scratch = malloc(pgr_kmeans_scratch_size(dim, 4));
	job.tick = leave_at_third;
	ticks = 0;
	if (setjmp(out) == 0)
	{
		pgr_kmeans(&job, scratch);
		tap_ok(0, "k-means can be left by an interrupt", "it was not called");
	}
	else
		tap_ok(ticks == 3, "k-means can be left by an interrupt", "");
	free(scratch);
	tap_ok(pgr_kmeans_scratch_size(UINT32_MAX, UINT32_MAX) == 0, "too much memory is told", "");
}

int
main(void)
{
	tap_srand();
	test_levels();
	test_blas();
	test_interrupt();
	return tap_done();
}
