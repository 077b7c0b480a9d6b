/*
 * tap.h
 *		The little TAP that unit tests need: one line a test, a reproducible
 *		random number generator, arrays that end at an unreadable page.
 */
#ifndef PGR_TAP_H
#define PGR_TAP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int	tap_count;
static int	tap_failed;

/* One test; detail is shown if it failed. */
static inline void
tap_ok(int ok, const char *name, const char *detail)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_count, name);
	if (!ok)
	{
		tap_failed++;
		printf("# %s\n", detail);
	}
	fflush(stdout);
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

static uint64_t tap_seed;

/* From the environment variable SEED, else fixed: failures are repeatable. */
static inline void
tap_srand(void)
{
	const char *seed = getenv("SEED");

	tap_seed = seed ? strtoull(seed, NULL, 0) : 20261123;
	printf("# SEED=%llu\n", (unsigned long long) tap_seed);
}

/* splitmix64 */
static inline uint64_t
tap_rand(void)
{
	uint64_t	z = (tap_seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* in [-1, 1) */
static inline double
tap_uniform(void)
{
	return (double) (int64_t) tap_rand() / 9223372036854775808.0;
}

/* size bytes whose end touches a page that cannot be read */
static inline void *
tap_guarded(size_t size)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	size_t		span = (size + page - 1) / page * page;
	char	   *p = mmap(NULL, span + page, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + span, page, PROT_NONE) != 0)
		abort();
	return p + span - size;
}

#endif							/* PGR_TAP_H */
