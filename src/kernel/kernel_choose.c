/*
 * kernel_choose.c
 *		Which instruction sets this processor and its system support, and the
 *		table in force.
 *
 * A level counts as supported only if the operating system also saves its
 * registers (XCR0); the processor's flags alone don't say so.
 */
#include "kernel/kernel_level.h"

#ifdef PGR_HAVE_X86_LEVELS
#include <cpuid.h>
#endif

const PgrKernelTable *pgr_kernel = &pgr_kernel_scalar;

static const char *const simd_names[PGR_SIMD_COUNT] = {
	[PGR_SIMD_SCALAR] = "scalar",
	[PGR_SIMD_AVX2] = "avx2",
	[PGR_SIMD_AVX512] = "avx512",
	[PGR_SIMD_AVX512_VNNI] = "avx512_vnni",
	[PGR_SIMD_NEON] = "neon",
};

/* Tables in this build, whatever the processor. */
static const PgrKernelTable *const tables[PGR_SIMD_COUNT] = {
	[PGR_SIMD_SCALAR] = &pgr_kernel_scalar,
#ifdef PGR_HAVE_X86_LEVELS
	[PGR_SIMD_AVX2] = &pgr_kernel_avx2,
	[PGR_SIMD_AVX512] = &pgr_kernel_avx512,
	[PGR_SIMD_AVX512_VNNI] = &pgr_kernel_avx512_vnni,
#endif
#ifdef PGR_HAVE_NEON_LEVEL
	[PGR_SIMD_NEON] = &pgr_kernel_neon,
#endif
};

#ifdef PGR_HAVE_X86_LEVELS

/* cpuid leaf 1 ecx, leaf 7 ebx and ecx; XCR0 (Intel SDM vol. 2A and vol. 1, 13) */
#define LEAF1_ECX_AVX2 (1u << 12 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29)
#define LEAF7_EBX_AVX2 (1u << 5)
#define LEAF7_EBX_AVX512 (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
#define LEAF7_ECX_VNNI (1u << 11 | 1u << 14)
#define XCR0_AVX 0x06
#define XCR0_AVX512 0xe6

/* Only where leaf 1 reports OSXSAVE. An intrinsic would need a target. */
static uint64_t
read_xcr0(void)
{
	uint32_t	low;
	uint32_t	high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t) high << 32 | low;
}

static bool
cpu_supports(PgrSimd simd)
{
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;
	uint32_t	leaf1;
	uint64_t	xcr0;

	if (!__get_cpuid(1, &eax, &ebx, &leaf1, &edx) ||
		(leaf1 & LEAF1_ECX_AVX2) != LEAF1_ECX_AVX2 ||
		!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) ||
		(ebx & LEAF7_EBX_AVX2) != LEAF7_EBX_AVX2)
		return false;
	xcr0 = read_xcr0();
	if (simd == PGR_SIMD_AVX2)
		return (xcr0 & XCR0_AVX) == XCR0_AVX;
	if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 ||
		(ebx & LEAF7_EBX_AVX512) != LEAF7_EBX_AVX512)
		return false;
	return simd == PGR_SIMD_AVX512 ||
		(ecx & LEAF7_ECX_VNNI) == LEAF7_ECX_VNNI;
}

#else

/* NEON is part of the aarch64 baseline. */
static bool
cpu_supports(PgrSimd simd)
{
	return true;
}

#endif

bool
pgr_simd_supported(PgrSimd simd)
{
	if ((int) simd < 0 || simd >= PGR_SIMD_COUNT || tables[simd] == NULL)
		return false;
	return simd == PGR_SIMD_SCALAR || cpu_supports(simd);
}

PgrSimd
pgr_simd_best(void)
{
	PgrSimd		best = PGR_SIMD_SCALAR;

	for (int simd = 0; simd < PGR_SIMD_COUNT; simd++)
		if (pgr_simd_supported((PgrSimd) simd))
			best = (PgrSimd) simd;
	return best;
}

const char *
pgr_simd_name(PgrSimd simd)
{
	return (int) simd < 0 || simd >= PGR_SIMD_COUNT ? NULL : simd_names[simd];
}

const PgrKernelTable *
pgr_kernel_table(PgrSimd simd)
{
	return pgr_simd_supported(simd) ? tables[simd] : NULL;
}

bool
pgr_kernel_use(PgrSimd simd)
{
	const PgrKernelTable *table = pgr_kernel_table(simd);

	if (table == NULL)
		return false;
	pgr_kernel = table;
	return true;
}

/* Before any caller can look at pgr_kernel, and without a test on each use. */
__attribute__((constructor)) static void
kernel_choose(void)
{
	pgr_kernel_use(pgr_simd_best());
}
