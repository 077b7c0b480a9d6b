/*
 * kernel_body.h
 *		Template: all kernels of one level, in terms of its vector macros.
 *
 * Included once by each kernel_<level>.c, between PGR_TARGET_BEGIN and
 * PGR_TARGET_END, after it has defined:
 *
 *	PGR_LEVEL PGR_LEVEL_NAME PGR_LEVEL_TABLE	PgrSimd, its name, the table
 *	PGR_CODES			codes scored together by "many"
 *	PGR_MAXSIM_DOCS		document tokens (an even number) and
 *	PGR_MAXSIM_VECS		query vectors in a MaxSim tile
 *	PGR_MAXSIM_FEW		up to so many query tokens need no tile
 *
 * Single precision, PgrVf, PGR_VF_LANES to the vector (p may be unaligned):
 *	PGR_VF_ZERO  PGR_VF_SET1(x)  PGR_VF_LOAD(p)  PGR_VF_STORE(p, v)
 *	PGR_VF_LOAD_F16(p)  PGR_VF_STORE_F16(p, v)	with conversion
 *	PGR_VF_LOAD_PART(p, n)  PGR_VF_LOAD_F16_PART(p, n)	n < lanes, rest 0
 *	PGR_VF_ADD PGR_VF_SUB PGR_VF_MUL PGR_VF_MAX (a, b)  PGR_VF_ABS(a)
 *	PGR_VF_FMA(acc, a, b)	acc + a * b		PGR_VF_SUM(v)	float
 * Optional, the same for distances, PgrDf of PGR_DF_LANES: PGR_DF_LANES
 *	PGR_DF_ZERO PGR_DF_LOAD PGR_DF_LOAD_PART PGR_DF_LOAD_F16
 *	PGR_DF_LOAD_F16_PART PGR_DF_ADD PGR_DF_SUB PGR_DF_ABS PGR_DF_FMA PGR_DF_SUM
 * Double precision, PgrVd, only for norms:
 *	PGR_VD_ZERO  PGR_VD_ADD(a, b)  PGR_VD_SUM(v)
 *	PGR_VD_ADD_SQUARES(acc, vf)
 * Integers: PgrVw, PGR_VW_LANES values of 8 bits widened to 16; PgrVi, sums
 * of 32 bits (PGR_VF_LANES of them):
 *	PGR_VW_LOAD(p)  PGR_VW_LOAD_PART(p, n)  PGR_VW_SUB(a, b)
 *	PGR_VI_ZERO  PGR_VI_ADD(a, b)  PGR_VI_MADD(acc, a, b)
 *	PGR_VI_ADD_ABS(acc, a)  PGR_VI_SUM(v) int64_t
 * MaxSim of i8, as M_* of kernel_maxsim_body.h:
 *	PGR_M8_QELEM PGR_M8_GROUP PGR_M8_ROW PGR_M8_DIRECT PGR_M8_CONVERT
 *	PGR_M8_QVEC PGR_M8_QLOAD PGR_M8_STEP PGR_M8_VALUE PGR_M8_ENCODE(int8_t)
 *	and, for a level whose rows are unsigned, PGR_M8_OFFSET PGR_M8_START
 * Bits, PgrVb of PGR_VB_BYTES (default: 64-bit words and PGR_POPCOUNT64):
 *	PGR_VB_LOAD(p)  PGR_VB_LOAD_PART(p, n)  PGR_VB_AND PGR_VB_OR PGR_VB_XOR
 *	PGR_VB_ZERO  PGR_VB_ADD_COUNT(acc, v)  PGR_VB_ADD  PGR_VB_SUM(acc)
 * Optional, a better i8 inner product, as E_* of kernel_dist_body.h:
 *	PGR_I8_DOT_VEC PGR_I8_DOT_LANES PGR_I8_DOT_LOAD PGR_I8_DOT_LOAD_PART
 *	PGR_I8_DOT_ACC PGR_I8_DOT_ZERO PGR_I8_DOT_ADD PGR_I8_DOT_MAC
 *	PGR_I8_DOT_SUM PGR_I8_DOT_UNROLL
 */

/* ----------
 * Distances
 * ----------
 */
/* A level may take narrower vectors for distances than for MaxSim. */
#ifndef PGR_DF_LANES
typedef PgrVf PgrDf;
#define PGR_DF_LANES PGR_VF_LANES
#define PGR_DF_ZERO PGR_VF_ZERO
#define PGR_DF_LOAD PGR_VF_LOAD
#define PGR_DF_LOAD_PART PGR_VF_LOAD_PART
#define PGR_DF_LOAD_F16 PGR_VF_LOAD_F16
#define PGR_DF_LOAD_F16_PART PGR_VF_LOAD_F16_PART
#define PGR_DF_ADD PGR_VF_ADD
#define PGR_DF_SUB PGR_VF_SUB
#define PGR_DF_ABS PGR_VF_ABS
#define PGR_DF_FMA PGR_VF_FMA
#define PGR_DF_SUM PGR_VF_SUM
#endif

#define PGR_DF_ADD_ABS(acc, a) PGR_DF_ADD(acc, PGR_DF_ABS(a))

#define E_NAME f32
#define E_ELEM float
#define E_LOAD PGR_DF_LOAD
#define E_LOAD_PART PGR_DF_LOAD_PART
#define E_HOLD pgr_sums_hold
#define E_WIDE pgr_wide_dist
#include "kernel/kernel_dist_body.h"

#define E_NAME f16
#define E_ELEM PgrHalf
#define E_LOAD PGR_DF_LOAD_F16
#define E_LOAD_PART PGR_DF_LOAD_F16_PART
#include "kernel/kernel_dist_body.h"

/* f32 query against f16 codes: only for MaxSim of short queries */
#define E_NAME f32f16
#define E_ELEM PgrHalf
#define E_QELEM float
#define E_LOAD PGR_DF_LOAD_F16
#define E_LOAD_PART PGR_DF_LOAD_F16_PART
#define E_QLOAD PGR_DF_LOAD
#define E_QLOAD_PART PGR_DF_LOAD_PART
#include "kernel/kernel_dist_body.h"

#define E_NAME i8
#define E_ELEM int8_t
#define E_VEC PgrVw
#define E_LANES PGR_VW_LANES
#define E_LOAD PGR_VW_LOAD
#define E_LOAD_PART PGR_VW_LOAD_PART
#define E_ACC PgrVi
#define E_ZERO PGR_VI_ZERO
#define E_ADD PGR_VI_ADD
#define E_SUB PGR_VW_SUB
#define E_MAC PGR_VI_MADD
#define E_ADD_ABS PGR_VI_ADD_ABS
#define E_SUM PGR_VI_SUM
#define E_RESULT int64_t
#include "kernel/kernel_dist_body.h"

#ifdef PGR_I8_DOT_MAC
#define E_NAME i8dot
#define E_ELEM int8_t
#define E_VEC PGR_I8_DOT_VEC
#define E_LANES PGR_I8_DOT_LANES
#define E_LOAD PGR_I8_DOT_LOAD
#define E_LOAD_PART PGR_I8_DOT_LOAD_PART
#define E_ACC PGR_I8_DOT_ACC
#define E_ZERO PGR_I8_DOT_ZERO
#define E_ADD PGR_I8_DOT_ADD
#define E_SUB(a, b) (a)			/* differences need 9 bits; never used */
#define E_MAC PGR_I8_DOT_MAC
#define E_ADD_ABS(acc, a) (acc)
#define E_SUM PGR_I8_DOT_SUM
#define E_RESULT int64_t
#define E_UNROLL PGR_I8_DOT_UNROLL
#include "kernel/kernel_dist_body.h"
#define PGR_I8_DOT(verb) i8dot_##verb
#else
#define PGR_I8_DOT(verb) i8_##verb
#endif

/*
 * The entries of dist and many for one element and metric, as inlined functions of
 * kernel_dist_body.h with a constant metric; elem_DIFFERENCES and elem_PRODUCTS name
 * them, so that an element can have a special inner product.
 */
#define f32_DIFFERENCES(verb) f32_##verb
#define f32_PRODUCTS(verb) f32_##verb
#define f16_DIFFERENCES(verb) f16_##verb
#define f16_PRODUCTS(verb) f16_##verb
#define i8_DIFFERENCES(verb) i8_##verb
#define i8_PRODUCTS(verb) PGR_I8_DOT(verb)
#define PGR_DIST_FUNCTIONS(elem, name, metric, of) \
	static double elem##_dist_##name(const void *a, const void *b, uint32_t dim) \
	{ \
		return elem##_##of(dist)(metric, a, b, dim); \
	} \
	static void elem##_many_##name(const void *query, const void *codes, size_t stride, \
								   uint32_t n, uint32_t dim, float *out) \
	{ \
		elem##_##of(many)(metric, query, codes, stride, n, dim, out); \
	}

#define PGR_ELEMENT_FUNCTIONS(name, elem) PGR_ELEMENT_METRICS(PGR_DIST_FUNCTIONS, name)

PGR_ELEMENTS(PGR_ELEMENT_FUNCTIONS)

/* ----------
 * Norms and conversions
 * ----------
 */
#define PGR_NORM_ENTRY(name, type, load, load_part) \
	static double name(const void *a, uint32_t dim) \
	{ \
		const type *x = a; \
		PgrVd		acc[2] = {PGR_VD_ZERO, PGR_VD_ZERO}; \
		uint32_t	i = 0; \
		\
		for (; dim - i >= 2 * PGR_VF_LANES; i += 2 * PGR_VF_LANES) \
		{ \
			acc[0] = PGR_VD_ADD_SQUARES(acc[0], load(x + i)); \
			acc[1] = PGR_VD_ADD_SQUARES(acc[1], load(x + i + PGR_VF_LANES)); \
		} \
		for (; dim - i >= PGR_VF_LANES; i += PGR_VF_LANES) \
			acc[0] = PGR_VD_ADD_SQUARES(acc[0], load(x + i)); \
		if (i < dim) \
			acc[1] = PGR_VD_ADD_SQUARES(acc[1], load_part(x + i, dim - i)); \
		return sqrt(PGR_VD_SUM(PGR_VD_ADD(acc[0], acc[1]))); \
	}

PGR_NORM_ENTRY(f32_norm, float, PGR_VF_LOAD, PGR_VF_LOAD_PART)
PGR_NORM_ENTRY(f16_norm, PgrHalf, PGR_VF_LOAD_F16, PGR_VF_LOAD_F16_PART)

static double
i8_norm(const void *a, uint32_t dim)
{
	return sqrt(PGR_I8_DOT(dist)(PGR_METRIC_IP, a, a, dim));
}

PGR_INLINE void
f16_convert(float *dst, const PgrHalf *src, size_t n)
{
	size_t		i = 0;

	for (; n - i >= PGR_VF_LANES; i += PGR_VF_LANES)
		PGR_VF_STORE(dst + i, PGR_VF_LOAD_F16(src + i));
	for (; i < n; i++)
		dst[i] = pgr_half_to_float(src[i]);
}

static void
f16_to_f32(const PgrHalf *src, float *dst, size_t n)
{
	f16_convert(dst, src, n);
}

static void
f32_to_f16(const float *src, PgrHalf *dst, size_t n)
{
	size_t		i = 0;

	for (; n - i >= PGR_VF_LANES; i += PGR_VF_LANES)
		PGR_VF_STORE_F16(dst + i, PGR_VF_LOAD(src + i));
	for (; i < n; i++)
		dst[i] = pgr_float_to_half(src[i]);
}

/* ----------
 * Bit strings
 * ----------
 */
#ifndef PGR_VB_BYTES
#define PGR_VB_BYTES 8
#define PGR_VB_LOAD(p) load_word(p)
#define PGR_VB_LOAD_PART(p, n) load_word_part(p, n)
#define PGR_VB_AND(a, b) ((a) & (b))
#define PGR_VB_OR(a, b) ((a) | (b))
#define PGR_VB_XOR(a, b) ((a) ^ (b))
#define PGR_VB_ZERO 0
#define PGR_VB_ADD_COUNT(acc, v) ((acc) + PGR_POPCOUNT64(v))
#define PGR_VB_ADD(a, b) ((a) + (b))
#define PGR_VB_SUM(acc) (acc)
typedef uint64_t PgrVb;

PGR_INLINE uint64_t
load_word(const uint8_t *p)
{
	uint64_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

PGR_INLINE uint64_t
load_word_part(const uint8_t *p, size_t n)
{
	uint64_t	word;

	pgr_load_tail(&word, p, n, sizeof(word));
	return word;
}
#endif

static uint64_t
bits_hamming(const uint8_t *a, const uint8_t *b, uint32_t nbytes)
{
	PgrVb		acc[2] = {PGR_VB_ZERO, PGR_VB_ZERO};
	uint32_t	i = 0;

	for (; nbytes - i >= 2 * PGR_VB_BYTES; i += 2 * PGR_VB_BYTES)
	{
		PGR_UNROLL
		for (int u = 0; u < 2; u++)
			acc[u] = PGR_VB_ADD_COUNT(acc[u],
									  PGR_VB_XOR(PGR_VB_LOAD(a + i + u * PGR_VB_BYTES),
												 PGR_VB_LOAD(b + i + u * PGR_VB_BYTES)));
	}
	for (; nbytes - i >= PGR_VB_BYTES; i += PGR_VB_BYTES)
		acc[0] = PGR_VB_ADD_COUNT(acc[0], PGR_VB_XOR(PGR_VB_LOAD(a + i), PGR_VB_LOAD(b + i)));
	if (i < nbytes)
		acc[1] = PGR_VB_ADD_COUNT(acc[1],
								  PGR_VB_XOR(PGR_VB_LOAD_PART(a + i, nbytes - i),
											 PGR_VB_LOAD_PART(b + i, nbytes - i)));
	return PGR_VB_SUM(PGR_VB_ADD(acc[0], acc[1]));
}

static double
bits_jaccard(const uint8_t *a, const uint8_t *b, uint32_t nbytes)
{
	PgrVb		both = PGR_VB_ZERO;
	PgrVb		any = PGR_VB_ZERO;
	uint32_t	i = 0;
	uint64_t	common;

	for (; i < nbytes; i += PGR_VB_BYTES)
	{
		bool		whole = nbytes - i >= PGR_VB_BYTES;
		PgrVb		x = whole ? PGR_VB_LOAD(a + i) : PGR_VB_LOAD_PART(a + i, nbytes - i);
		PgrVb		y = whole ? PGR_VB_LOAD(b + i) : PGR_VB_LOAD_PART(b + i, nbytes - i);

		both = PGR_VB_ADD_COUNT(both, PGR_VB_AND(x, y));
		any = PGR_VB_ADD_COUNT(any, PGR_VB_OR(x, y));
		if (!whole)
			break;
	}
	common = PGR_VB_SUM(both);
	return common == 0 ? 1.0 : 1.0 - (double) common / (double) PGR_VB_SUM(any);
}

/* ----------
 * MaxSim
 * ----------
 */
#define M_NAME m_f32
#define M_ELEM float
#define M_QELEM float
#define M_GROUP 1
#define M_ROW float
#define M_DIRECT 1
#define M_CONVERT(dst, src, n) ((void) 0)
#define M_ACC PgrVf
#define M_START(p) PGR_VF_ZERO
#define M_QVEC PgrVf
#define M_QLOAD PGR_VF_LOAD
#define M_STEP(acc, q, row) PGR_VF_FMA(acc, q, PGR_VF_SET1(*(row)))
#define M_OFFSET 0
#define M_VALUE(acc, scale) ((void) (scale), (acc))
#define M_SUMS(verb) f32_##verb
#define M_CODES PGR_CODES
#define M_RESULT float
#define M_FLAT float
#define M_SCALED 0
#define M_FACTOR(token, dim) 1.0
#define M_ENCODE(x, factor) ((void) (factor), (x))
#define M_FLAT_ENCODE(x, factor) (x)
#include "kernel/kernel_maxsim_body.h"

#define M_NAME m_f16
#define M_ELEM PgrHalf
#define M_QELEM float
#define M_GROUP 1
#define M_ROW float
#define M_DIRECT 0
#define M_CONVERT(dst, src, n) f16_convert(dst, src, n)
#define M_ACC PgrVf
#define M_START(p) PGR_VF_ZERO
#define M_QVEC PgrVf
#define M_QLOAD PGR_VF_LOAD
#define M_STEP(acc, q, row) PGR_VF_FMA(acc, q, PGR_VF_SET1(*(row)))
#define M_OFFSET 0
#define M_VALUE(acc, scale) ((void) (scale), (acc))
#define M_SUMS(verb) f32f16_##verb
#define M_CODES PGR_CODES
#define M_RESULT float
#define M_FLAT float
#define M_SCALED 0
#include "kernel/kernel_maxsim_body.h"

#ifndef PGR_M8_OFFSET
#define PGR_M8_OFFSET 0
#define PGR_M8_START(p) PGR_VI_ZERO
#endif

#define M_NAME m_i8
#define M_ELEM int8_t
#define M_QELEM PGR_M8_QELEM
#define M_GROUP PGR_M8_GROUP
#define M_ROW PGR_M8_ROW
#define M_DIRECT PGR_M8_DIRECT
#define M_CONVERT PGR_M8_CONVERT
#define M_ACC PgrVi
#define M_START PGR_M8_START
#define M_QVEC PGR_M8_QVEC
#define M_QLOAD PGR_M8_QLOAD
#define M_STEP PGR_M8_STEP
#define M_OFFSET PGR_M8_OFFSET
#define M_VALUE PGR_M8_VALUE
#define M_SUMS(verb) PGR_I8_DOT(verb)
#define M_CODES PGR_CODES
#define M_RESULT int64_t
#define M_FLAT int8_t
#define M_SCALED 1
#define M_FACTOR(token, dim) pgr_i8_factor(pgr_max_abs(token, dim))
#define M_ENCODE(x, factor) PGR_M8_ENCODE(pgr_i8_encode(x, factor))
#define M_FLAT_ENCODE(x, factor) pgr_i8_encode(x, factor)
#include "kernel/kernel_maxsim_body.h"

static void
maxsim_pack(PgrMaxSimQuery *q, const float *tokens)
{
	if (q->doc_elem == PGR_ELEM_I8)
		m_i8_pack(q, tokens);
	else
		m_f32_pack(q, tokens);
}

#include "kernel/kernel_code_body.h"

#define PGR_DIST_ENTRY(functions, name, metric, of) [metric] = functions##_##name,
#define PGR_DIST_ROW(name, elem) [elem] = {PGR_ELEMENT_METRICS(PGR_DIST_ENTRY, name##_dist)},
#define PGR_MANY_ROW(name, elem) [elem] = {PGR_ELEMENT_METRICS(PGR_DIST_ENTRY, name##_many)},
#define PGR_NORM_ROW(name, elem) [elem] = name##_norm,

const PgrKernelTable PGR_LEVEL_TABLE = {
	.simd = PGR_LEVEL,
	.name = PGR_LEVEL_NAME,
	.dist = {PGR_ELEMENTS(PGR_DIST_ROW)},
	.many = {PGR_ELEMENTS(PGR_MANY_ROW)},
	.norm = {PGR_ELEMENTS(PGR_NORM_ROW)},
	.hamming = bits_hamming,
	.jaccard = bits_jaccard,
	.f16_to_f32 = f16_to_f32,
	.f32_to_f16 = f32_to_f16,
	.bit_dots = bit_dots,
	.residual_code = residual_code,
	.fht = fht,
	.maxsim_pack = maxsim_pack,
	.maxsim_best = {
		[PGR_ELEM_F32] = m_f32_maxsim,[PGR_ELEM_F16] = m_f16_maxsim,
		[PGR_ELEM_I8] = m_i8_maxsim
	},
};
