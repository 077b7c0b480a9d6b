/*
 * kernel.h
 *		The only header of src/kernel: distance and MaxSim kernels on raw arrays.
 *
 * No postgres.h anywhere in this folder, so that unit tests, fuzzers and
 * benchmarks link it without a server. One body template (kernel_body.h) is
 * compiled once per instruction set; a table of function pointers is chosen at
 * run time. Every pointer may be unaligned beyond its element's own alignment;
 * n = 0 is legal everywhere and gives the neutral value.
 *
 * Accuracy: f32 and f16 sums are accumulated in single precision, i8 sums exactly in
 * integers. Where single precision does not hold a sum of f32 values (overflow; squares
 * that vanish) the result is computed again in double precision, so it is finite for
 * finite input, except in MaxSim. Levels may differ in the last bits because they add in
 * another order; within one level a kernel is deterministic.
 */
#ifndef PGR_KERNEL_H
#define PGR_KERNEL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IEEE 754 binary16, as bits */
typedef uint16_t PgrHalf;

typedef enum PgrElem
{
	PGR_ELEM_F32,
	PGR_ELEM_F16,
	PGR_ELEM_I8,
	PGR_ELEM_COUNT
} PgrElem;

/* All of them, DO(name, element). */
#define PGR_ELEMENTS(DO) \
	DO(f32, PGR_ELEM_F32) \
	DO(f16, PGR_ELEM_F16) \
	DO(i8, PGR_ELEM_I8)

/*
 * What operators order by; types/distance.h tells what they return. Index files have
 * these numbers, so a further one comes at the end.
 */
typedef enum PgrMetric
{
	PGR_METRIC_L2,				/* kernels give its square, sum (a-b)^2 */
	PGR_METRIC_IP,				/* sum a*b; operators, its negative */
	PGR_METRIC_COSINE,			/* similarity: ip / (|a| |b|), in [-1, 1]; NaN if
								 * either norm is 0; operators, 1 - it */
	PGR_METRIC_L1,				/* sum |a-b| */
	PGR_METRIC_HAMMING,			/* of bits */
	PGR_METRIC_JACCARD,			/* of bits */
	PGR_METRIC_MAXSIM,			/* of tokens */
	PGR_METRIC_COUNT
} PgrMetric;

/*
 * The metrics of elements, DO(prefix, name, metric, what its sums are made of): all of
 * them have kernels for every element type, and for sparse arrays.
 */
#define PGR_ELEMENT_METRICS(DO, prefix) \
	DO(prefix, l2, PGR_METRIC_L2, DIFFERENCES) \
	DO(prefix, ip, PGR_METRIC_IP, PRODUCTS) \
	DO(prefix, cosine, PGR_METRIC_COSINE, PRODUCTS) \
	DO(prefix, l1, PGR_METRIC_L1, DIFFERENCES)

/* Instruction sets, weakest first within an architecture. */
typedef enum PgrSimd
{
	PGR_SIMD_SCALAR,
	PGR_SIMD_AVX2,				/* AVX2 + FMA + F16C */
	PGR_SIMD_AVX512,			/* + AVX-512 F, BW, DQ, VL */
	PGR_SIMD_AVX512_VNNI,		/* + AVX-512 VNNI, VPOPCNTDQ */
	PGR_SIMD_NEON,
	PGR_SIMD_COUNT
} PgrSimd;

/* Distance of two arrays of dim elements. */
typedef double (*PgrDistFn) (const void *a, const void *b, uint32_t dim);

/*
 * Distances of one query to n codes of the same element type, which lie stride
 * bytes apart from codes on. out[n].
 */
typedef void (*PgrDistManyFn) (const void *query, const void *codes,
							   size_t stride, uint32_t n, uint32_t dim,
							   float *out);

/* Sparse arrays: ascending unique indices with their values. */
typedef double (*PgrSparseFn) (const int32_t *ai, const float *av, uint32_t an,
							   const int32_t *bi, const float *bv, uint32_t bn);

/*
 * sums[i] = the sum of q[j] over the set bits j of code i, for n codes that lie
 * stride bytes apart. Bit j is bit j % 8 of byte j / 8; dim is a multiple of 64.
 */
typedef void (*PgrBitDotsFn) (const int8_t *q, uint32_t dim, const uint8_t *codes,
							  size_t stride, uint32_t n, int32_t *sums);

/* What a residual r = to - from has beside its signs (kernel_code_body.h) */
typedef struct PgrResidualSums
{
	float		abs;			/* sum |r| */
	float		sq;				/* sum r^2 */
	float		along;			/* sum sign(r) * from */
} PgrResidualSums;

/*
 * The signs of r = to_scale * to - from_scale * from, one bit an element (set
 * if not negative), and its sums. dim is a multiple of 64.
 */
typedef void (*PgrResidualCodeFn) (const int8_t *from, float from_scale,
								   const int8_t *to, float to_scale, uint32_t dim,
								   uint8_t *bits, PgrResidualSums *sums);

typedef struct PgrMaxSimQuery PgrMaxSimQuery;

typedef struct PgrKernelTable
{
	PgrSimd		simd;
	const char *name;			/* as in the setting pgretrieve.simd */

	/* NULL for what is no metric of elements */
	PgrDistFn	dist[PGR_ELEM_COUNT][PGR_METRIC_COUNT];
	PgrDistManyFn many[PGR_ELEM_COUNT][PGR_METRIC_COUNT];

	/* Euclidean norm, accumulated in double precision */
	double		(*norm[PGR_ELEM_COUNT]) (const void *a, uint32_t dim);

	/* bit strings of nbytes; unused trailing bits are zero */
	uint64_t	(*hamming) (const uint8_t *a, const uint8_t *b, uint32_t nbytes);
	/* 1 - |a and b| / |a or b|; 1 if there is no common bit */
	double		(*jaccard) (const uint8_t *a, const uint8_t *b, uint32_t nbytes);

	void		(*f16_to_f32) (const PgrHalf *src, float *dst, size_t n);
	/* round to nearest even; overflow gives an infinity */
	void		(*f32_to_f16) (const float *src, PgrHalf *dst, size_t n);

	/* codes of src/quant: kernel_code_body.h has the contracts */
	PgrBitDotsFn bit_dots;
	PgrResidualCodeFn residual_code;
	void		(*fht) (float *x, uint32_t n);

	/* see pgr_maxsim_* below */
	void		(*maxsim_pack) (PgrMaxSimQuery *q, const float *tokens);
	void		(*maxsim_best[PGR_ELEM_COUNT]) (const PgrMaxSimQuery *q,
												const void *doc,
												const float *scales,
												uint32_t ndoc, float *best);
} PgrKernelTable;

/*
 * A query prepared for MaxSim: tokens transposed (and for i8 documents
 * quantised) into the layout of the kernel table that packed it. Lives in
 * caller's memory of pgr_maxsim_query_size() bytes; contains no pointer that
 * needs freeing.
 */
struct PgrMaxSimQuery
{
	const PgrKernelTable *table;	/* the level it was packed for */
	PgrElem		doc_elem;		/* the documents it can score */
	uint32_t	ntok;			/* query tokens */
	uint32_t	ntok_padded;
	uint32_t	dim;
	size_t		data_offset;	/* packed tokens, from the start of the struct,
								 * 64-byte aligned if the struct is */
	size_t		scale_offset;	/* i8: one float per query token */
};

/* --- kernel_choose.c --- */

/* The table in force; never NULL, the best supported level at start. */
extern const PgrKernelTable *pgr_kernel;

extern bool pgr_simd_supported(PgrSimd simd);
extern PgrSimd pgr_simd_best(void);
extern const char *pgr_simd_name(PgrSimd simd);

/* The table of a level, or NULL if this machine or build lacks it. */
extern const PgrKernelTable *pgr_kernel_table(PgrSimd simd);

/* Puts a level into force; false (and no change) if it is not supported. */
extern bool pgr_kernel_use(PgrSimd simd);

/* --- kernel_wide.c --- */

/*
 * A sum of squares below this may have lost what counts: single precision keeps no
 * products below 1e-38, and there may be 16,000 of them.
 */
#define PGR_LEAST_SQUARES 1e-28

/*
 * Did single precision hold a distance's sums (sum, and for the cosine |query|^2 and
 * |code|^2)? Else there was an overflow, or an underflow that counts, and pgr_wide_dist
 * tells. A bounded norm bounds the product too.
 */
static inline __attribute__((always_inline)) bool
pgr_sums_hold(PgrMetric metric, float sum, float qq, float cc)
{
	switch (metric)
	{
		case PGR_METRIC_L2:
			return sum >= (float) PGR_LEAST_SQUARES && sum <= FLT_MAX;
		case PGR_METRIC_COSINE:
			return qq >= (float) PGR_LEAST_SQUARES && qq <= FLT_MAX &&
				cc >= (float) PGR_LEAST_SQUARES && cc <= FLT_MAX;
		default:
			return fabsf(sum) <= FLT_MAX;
	}
}

/* A metric of single-precision arrays in double precision, which holds any of them. */
extern double pgr_wide_dist(PgrMetric metric, const float *a, const float *b, uint32_t dim)
			__attribute__((cold));

/* The same of sparse arrays. */
extern double pgr_wide_sparse(PgrMetric metric, const int32_t *ai, const float *av, uint32_t an,
							  const int32_t *bi, const float *bv, uint32_t bn)
			__attribute__((cold));

/* --- kernel_sparse.c --- */

/* Distances of sparse arrays, as of the dense ones they stand for; by metric. */
extern const PgrSparseFn pgr_sparse_dist[PGR_METRIC_COUNT];

/* --- kernel_maxsim.c --- */

/*
 * Quantises dim values to -127..127 with one scale, which it returns:
 * x[i] is about scale * out[i], scale = max |x| / 127, rounded to nearest even.
 * All zeros give scale 0. The same integers at every level; MaxSim's query
 * tokens are quantised so too.
 */
extern float pgr_quantize_i8(const float *x, uint32_t dim, int8_t *out);

/*
 * Bytes needed for a packed query, 0 if that overflows size_t. Independent of
 * the level, so a query can be repacked in place.
 */
extern size_t pgr_maxsim_query_size(PgrElem doc_elem, uint32_t ntok, uint32_t dim);

/*
 * Packs ntok x dim row-major f32 tokens for documents of doc_elem with the
 * level in force. For i8 documents each query token is quantised to 8 bits with
 * its own scale (max |x| / 127), in every level alike, so that all levels give
 * the same integers.
 */
extern void pgr_maxsim_query_init(PgrMaxSimQuery *q, PgrElem doc_elem,
								  const float *tokens, uint32_t ntok, uint32_t dim);

/*
 * best[i] = max over document tokens j of <q_i, d_j>, i < ntok; -infinity when
 * ndoc = 0. doc is ndoc x dim row-major; scales has one float per document
 * token for i8 and is ignored otherwise.
 */
extern void pgr_maxsim_best(const PgrMaxSimQuery *q, const void *doc,
							const float *scales, uint32_t ndoc, float *best);

#endif							/* PGR_KERNEL_H */
