/*
 * kernel_level.h
 *		What the files of src/kernel share among themselves.
 *
 * A level is one instruction set: kernel_<level>.c defines the vector macros
 * listed in kernel_body.h, includes that body and so exports one table.
 */
#ifndef PGR_KERNEL_LEVEL_H
#define PGR_KERNEL_LEVEL_H

#include <math.h>
#include <string.h>

#include "kernel/half.h"
#include "kernel/kernel.h"

#define PGR_INLINE static inline __attribute__((always_inline))

/*
 * Put before a loop over accumulators: its trip count is a compile-time
 * constant and must vanish, or the accumulators live in memory instead of
 * registers. -O2 alone doesn't see to that.
 */
#if defined(__clang__)
#define PGR_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PGR_UNROLL _Pragma("GCC unroll 16")
#endif

/*
 * Per-function targets instead of -m flags: the rest of the library stays
 * portable, and PGXS compiles each file a second time, to LLVM bitcode, with
 * flags of its own.
 */
#define PGR_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define PGR_TARGET_BEGIN(isa) \
	PGR_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define PGR_TARGET_END _Pragma("clang attribute pop")
#else
#define PGR_TARGET_BEGIN(isa) \
	_Pragma("GCC push_options") PGR_PRAGMA(GCC target isa)
#define PGR_TARGET_END _Pragma("GCC pop_options")
#endif

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PGR_HAVE_X86_LEVELS 1
extern const PgrKernelTable pgr_kernel_avx2;
extern const PgrKernelTable pgr_kernel_avx512;
extern const PgrKernelTable pgr_kernel_avx512_vnni;
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define PGR_HAVE_NEON_LEVEL 1
extern const PgrKernelTable pgr_kernel_neon;
#endif
extern const PgrKernelTable pgr_kernel_scalar;

/*
 * Loads 0 < n < size bytes into a zeroed block for levels without masked loads;
 * never touches memory beyond src + n. Copies of constant size, because a
 * memcpy of variable size is a library call.
 */
PGR_INLINE void
pgr_load_tail(void *dst, const void *src, size_t n, size_t size)
{
	unsigned char *to = dst;
	const unsigned char *from = src;

	memset(dst, 0, size);
	PGR_UNROLL
	for (size_t step = 16; step > 0; step /= 2)
	{
		if (step < size && (n & step))
		{
			memcpy(to, from, step);
			to += step;
			from += step;
		}
	}
}

/* Four bytes, however aligned. */
PGR_INLINE int32_t
pgr_load_i32(const void *p)
{
	int32_t		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/*
 * Quantising a query token for i8 documents. Scalar and in one place, so that
 * every level works on the same integers.
 */
PGR_INLINE float
pgr_max_abs(const float *x, uint32_t dim)
{
	float		max = 0;

	for (uint32_t i = 0; i < dim; i++)
	{
		float		v = fabsf(x[i]);

		max = v > max ? v : max;
	}
	return max;
}

/* What elements of a token with this max |x| are multiplied by; in double,
 * where it stays finite for denormals. */
PGR_INLINE double
pgr_i8_factor(float max)
{
	return max > 0 ? 127.0 / (double) max : 0.0;
}

/*
 * Rounds to nearest even: 1.5 * 2^52 pushes the fraction out of a double.
 * rint() would be a library call for each element on baseline x86.
 */
PGR_INLINE int8_t
pgr_i8_encode(float x, double factor)
{
	const double magic = 6755399441055744.0;
	double		shifted = (double) x * factor + magic;

	return (int8_t) (shifted - magic);
}

/*
 * The sum of a metric, further elements x and y taken in: what E_FN(step) of
 * kernel_dist_body.h is to vectors. Once in single and once in double precision.
 */
#define PGR_METRIC_STEP(name, type, absolute) \
	PGR_INLINE type \
	name(PgrMetric metric, type sum, type x, type y) \
	{ \
		switch (metric) \
		{ \
			case PGR_METRIC_L2: \
				return sum + (x - y) * (x - y); \
			case PGR_METRIC_L1: \
				return sum + absolute(x - y); \
			default: \
				return sum + x * y; \
		} \
	}

PGR_METRIC_STEP(pgr_step, float, fabsf)
PGR_METRIC_STEP(pgr_wide_step, double, fabs)

/* The cosine similarity of kernel.h from its three sums, as pgr_sums_hold holds them. */
PGR_INLINE double
pgr_cosine_finish(double ip, double aa, double bb)
{
	double		sim = ip / sqrt(aa * bb);

	return sim > 1 ? 1 : sim < -1 ? -1 : sim;
}

#endif							/* PGR_KERNEL_LEVEL_H */
