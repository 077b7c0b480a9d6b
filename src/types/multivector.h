/*
 * multivector.h
 *		multivector(d [, f32|f16|i8]): n tokens of d elements in one contiguous
 *		value, for late interaction.
 *
 * f32, f16:  count x dim elements, row-major.
 * i8:        count float scales, then count x dim signed codes in -127..127;
 *            element = code * scale of its token.
 *
 * An i8 token is canonical: its scale is what encoding its own values again
 * gives, so that text input of text output is the same value bit for bit.
 */
#ifndef PGR_MULTIVECTOR_H
#define PGR_MULTIVECTOR_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "types/elem.h"

#define PGR_MULTIVECTOR_MAX_DIM 16000

typedef struct PgrMultivector
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint16		dim;			/* elements per token; 0 if count is 0, but for values that
								 * 1.0 stored */
	uint8		elem;			/* PgrElem */
	uint8		flags;			/* zero */
	int32		count;			/* number of tokens */
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* 4-byte aligned */
} PgrMultivector;

StaticAssertDecl(offsetof(PgrMultivector, data) == 12, "multivector header is 12 bytes");

#define PG_GETARG_MULTIVECTOR_P(n) ((PgrMultivector *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))

/* i8: one scale per token; meaningless for other elements */
#define PGR_MULTIVECTOR_SCALES(m) ((float *) (m)->data)

/* the elements, row-major */
#define PGR_MULTIVECTOR_CODES(m) \
	((m)->data + ((m)->elem == PGR_ELEM_I8 ? sizeof(float) * (Size) (m)->count : 0))

/* as messages and limits see it, by element */
extern const PgrTypeInfo pgr_multivector_types[PGR_ELEM_COUNT];

/* An element's number as a value or a client has it: is it one of multivector's? */
static inline bool
pgr_multivector_has(unsigned elem)
{
	return elem < PGR_ELEM_COUNT && pgr_multivector_types[elem].ops != NULL;
}

/* Type modifier: the dimension in the low half, the element above it. */
#define PGR_MULTIVECTOR_TYPMOD(dim, elem) ((int32) ((dim) | (elem) << 16))
#define PGR_MULTIVECTOR_TYPMOD_DIM(typmod) ((typmod) & 0xffff)
#define PGR_MULTIVECTOR_TYPMOD_ELEM(typmod) ((PgrElem) ((typmod) >> 16))

/*
 * A multivector in the making, token by token, in the element it will have.
 * Lives in the memory context in which it was begun.
 */
typedef struct PgrTokenBuilder
{
	MemoryContext context;
	PgrElem		elem;
	int			dim;			/* 0 until the first token or declaration */
	int			count;
	int			capacity;		/* tokens that fit */
	char	   *codes;
	float	   *scales;			/* i8 only */
} PgrTokenBuilder;

/* --- multivector_build.c --- */

/* dim may be 0: the first token decides. */
extern void pgr_tokens_begin(PgrTokenBuilder *b, PgrElem elem, int dim);

/*
 * Appends a token of finite values. Raises (softly, where escontext is given)
 * and says false if the dimension differs, a value does not fit the element, or
 * the multivector would exceed 1 GB (54000).
 */
extern bool pgr_tokens_add(PgrTokenBuilder *b, const float *token, int dim,
						   struct Node *escontext);

/* The finished value in the current context; the builder is spent. */
extern PgrMultivector *pgr_tokens_finish(PgrTokenBuilder *b);

/* One token in single precision into dst[dim]. */
extern void pgr_multivector_token(const PgrMultivector *m, int i, float *dst);

/* All tokens in single precision, count x dim: m's own where it is f32. */
extern const float *pgr_multivector_floats(const PgrMultivector *m);

/* The same tokens as another element; m itself if it is that already. */
extern PgrMultivector *pgr_multivector_convert(PgrMultivector *m, PgrElem elem);

/* NaN and infinities raise, as in input */
extern void pgr_multivector_check_values(const float *token, int dim);

/* raised for two operands of different dimensions */
extern void pgr_multivector_check_same_dim(const PgrMultivector *a,
										   const PgrMultivector *b);

/* the type's input function: text form, (unused), type modifier */
extern Datum pgr_multivector_in(PG_FUNCTION_ARGS);

#endif							/* PGR_MULTIVECTOR_H */
