/*
 * simd_guc.c
 *		The setting pgretrieve.simd: which instruction set the kernels use.
 *
 * "auto" is the best one this machine has. SHOW tells the level in force. It
 * exists for tests and for finding out whether a kernel is at fault.
 */
#include "postgres.h"

#include "kernel/kernel.h"
#include "types/types.h"
#include "utils/guc.h"

#define SIMD_AUTO PGR_SIMD_COUNT

static int	simd_setting = SIMD_AUTO;

static const struct config_enum_entry simd_options[] = {
	{"auto", SIMD_AUTO, false},
	{"scalar", PGR_SIMD_SCALAR, false},
	{"avx2", PGR_SIMD_AVX2, false},
	{"avx512", PGR_SIMD_AVX512, false},
	{"avx512_vnni", PGR_SIMD_AVX512_VNNI, false},
	{"neon", PGR_SIMD_NEON, false},
	{NULL, 0, false}
};

static bool
simd_check(int *newval, void **extra, GucSource source)
{
	if (*newval == SIMD_AUTO || pgr_simd_supported(*newval))
		return true;
	GUC_check_errdetail("This machine does not support \"%s\".",
						pgr_simd_name(*newval));
	return false;
}

static void
simd_assign(int newval, void *extra)
{
	pgr_kernel_use(newval == SIMD_AUTO ? pgr_simd_best() : newval);
}

static const char *
simd_show(void)
{
	return pgr_kernel->name;
}

void
pgr_types_init(void)
{
	DefineCustomEnumVariable("pgretrieve.simd",
							 "Instruction set of the distance kernels.",
							 "\"auto\" takes the best one that this machine supports.",
							 &simd_setting,
							 SIMD_AUTO,
							 simd_options,
							 PGC_USERSET,
							 0,
							 simd_check,
							 simd_assign,
							 simd_show);
}
