/*
 * blas.c
 *		OpenBLAS, loaded at first use. See README, "OpenBLAS".
 */
#include "quant/blas.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/kernel.h"

/* of cblas.h, which need not be installed where this is built */
#define ROW_MAJOR 101
#define NO_TRANS 111
#define TRANS 112

/*
 * Address space that the library must find: itself and the buffer that it takes at its first
 * product. Where it does not find its buffer it tries for ever, or ends the process.
 */
#define NEEDED_SPACE ((size_t) 256 * 1024 * 1024)

/* rows and columns of the product it is tried with: too large for kernels without a buffer */
#define TRIAL 128

/* dimensions are 32 bits wide here: a library with wider ones is not used */
typedef void (*SgemmFn) (int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
						 const float *a, int lda, const float *b, int ldb, float beta,
						 float *c, int ldc);
typedef char *(*TextFn) (void);

struct PgrBlas
{
	SgemmFn		sgemm;
	const char *kernels;
};

/* names under which systems have it, the version of its interface in them */
static const char *const names[] = {"libopenblas.so.0", "libopenblas.0.dylib"};

/* What the library reads from the environment while it is loaded. */
typedef struct Variable
{
	const char *name;
	const char *value;			/* NULL: none */
	char	   *before;			/* malloc'd; NULL: there was none */
} Variable;

/*
 * The kernels of this processor, for versions that are older than it and take it for one of
 * 20 years ago; NULL: the library may choose. What it does not know it ignores.
 */
static const char *
core_type(void)
{
	switch (pgr_simd_best())
	{
		case PGR_SIMD_AVX512:
		case PGR_SIMD_AVX512_VNNI:
			return "SkylakeX";
		case PGR_SIMD_AVX2:
			return "Haswell";
		default:
			return NULL;
	}
}

/* Sets a variable, unless it is there already and keep is said. */
static void
set_variable(Variable *v, bool keep)
{
	const char *before = getenv(v->name);

	v->before = before == NULL ? NULL : strdup(before);
	if (v->value != NULL && !(keep && before != NULL))
		setenv(v->name, v->value, 1);
}

static void
reset_variable(Variable *v)
{
	if (v->before == NULL)
		unsetenv(v->name);
	else
		setenv(v->name, v->before, 1);
	free(v->before);
}

/*
 * Loads the library so that it starts no thread. All signals are blocked meanwhile: if a
 * version starts one in spite of that, the thread takes none that are meant for the process.
 */
static void *
load_library(void)
{
	Variable	threads = {"OPENBLAS_NUM_THREADS", "1", NULL};
	Variable	core = {"OPENBLAS_CORETYPE", core_type(), NULL};
	void	   *library = NULL;
	sigset_t	all;
	sigset_t	before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	set_variable(&threads, false);
	set_variable(&core, true);
	for (size_t i = 0; library == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	reset_variable(&core);
	reset_variable(&threads);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return library;
}

/* Whether the address space, and what may be promised of memory, has room for it. */
static bool
has_space(void)
{
	void	   *space = mmap(NULL, NEEDED_SPACE, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (space == MAP_FAILED)
		return false;
	munmap(space, NEEDED_SPACE);
	return true;
}

/* Whether a product comes out right. Also makes the library take its buffer. */
static bool
multiplies(const PgrBlas *blas)
{
	size_t		n = (size_t) TRIAL * TRIAL;
	float	   *a = malloc(3 * n * sizeof(float));
	bool		right = a != NULL;

	/* small whole numbers: no rounding */
	for (size_t i = 0; right && i < 2 * n; i++)
		a[i] = (float) ((i * 7 + i / TRIAL) % 5) - 2;
	if (right)
		pgr_blas_products(blas, a, TRIAL, a + n, TRIAL, TRIAL, a + 2 * n);
	for (uint32_t r = 0; right && r < TRIAL; r++)
		for (uint32_t c = 0; right && c < TRIAL; c++)
		{
			float		sum = 0;

			for (uint32_t i = 0; i < TRIAL; i++)
				sum += a[r * TRIAL + i] * a[n + c * TRIAL + i];
			right = a[2 * n + r * TRIAL + c] == sum;
		}
	free(a);
	return right;
}

/* Fills blas; false if the library is missing, or not as it is needed here. */
static bool
open_library(PgrBlas *blas)
{
	void	   *library = has_space() ? load_library() : NULL;
	TextFn		config;
	TextFn		core;

	if (library == NULL)
		return false;
	*(void **) &blas->sgemm = dlsym(library, "cblas_sgemm");
	*(void **) &config = dlsym(library, "openblas_get_config");
	*(void **) &core = dlsym(library, "openblas_get_corename");
	if (blas->sgemm == NULL || config == NULL || strstr(config(), "USE64BITINT") != NULL)
		return false;
	blas->kernels = core == NULL ? "" : core();
	return multiplies(blas);
}

const PgrBlas *
pgr_blas(void)
{
	static PgrBlas blas;
	static bool tried = false;
	static bool found = false;

	if (!tried)
	{
		tried = true;
		found = open_library(&blas);
	}
	return found ? &blas : NULL;
}

void
pgr_blas_products(const PgrBlas *blas, const float *a, uint32_t m, const float *b, uint32_t n,
				  uint32_t k, float *c)
{
	blas->sgemm(ROW_MAJOR, NO_TRANS, TRANS, (int) m, (int) n, (int) k, 1, a, (int) k, b, (int) k,
				0, c, (int) n);
}

const char *
pgr_blas_kernels(const PgrBlas *blas)
{
	return blas->kernels;
}
