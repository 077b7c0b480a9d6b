/*
 * elem.h
 *		Element types of dense values, one table row each, and what the types
 *		share: checks, text and array input. An SQL type is described by a
 *		PgrTypeInfo (its name for messages, its element, its limit).
 */
#ifndef PGR_ELEM_H
#define PGR_ELEM_H

#include "postgres.h"

#include "base/compat.h"
#include "kernel/kernel.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

typedef struct PgrElemOps
{
	PgrElem		elem;
	const char *name;			/* as in multivector(d, name) */
	Size		size;			/* bytes */
	/* n elements to and from single precision; store rounds to nearest even */
	void		(*load) (const void *src, float *dst, int n);
	void		(*store) (const float *src, void *dst, int n);
	/* the value a single-precision number becomes when stored */
	float		(*round) (float x);
	void		(*send) (StringInfo buf, const void *src, int n);
	void		(*recv) (StringInfo buf, void *dst, int n);
} PgrElemOps;

/* i8 has no row of functions: its values depend on the token's scale. */
extern const PgrElemOps pgr_elem_ops[PGR_ELEM_COUNT];

/* An SQL type as its messages and limits name it. */
typedef struct PgrTypeInfo
{
	const char *name;
	const PgrElemOps *ops;
	int			max_dim;
	bool		strict_underflow;	/* text that underflows to 0 is an error */
} PgrTypeInfo;

/* --- checks; each raises (softly, where escontext is given) and says false --- */

/* 1 <= dim <= max_dim */
extern bool pgr_check_dim(const PgrTypeInfo *type, int dim, struct Node *escontext);

/* dim is the type modifier's, or there is none (-1) */
extern bool pgr_check_expected_dim(int32 typmod, int dim, struct Node *escontext);

/* neither NaN nor infinite */
extern bool pgr_check_value(const PgrTypeInfo *type, float x, struct Node *escontext);

/* a raised error, never soft: two operands of different dimensions */
PGR_NORETURN extern void pgr_error_dims(const PgrTypeInfo *type, int a, int b);

/* "65520" is out of range for type halfvec: x overflows on storing */
PGR_NORETURN extern void pgr_error_range(const PgrTypeInfo *type, float x);

/* --- text --- */

/* Value syntax error with an optional detail; returns false. */
extern bool pgr_syntax_error(const PgrTypeInfo *type, const char *str,
							 const char *detail, struct Node *escontext);

extern const char *pgr_skip_space(const char *p);

/*
 * One number at *p, which is advanced behind it. str is the whole input, for
 * the message. Underflow gives zero; a number too large for the element, NaN
 * and infinities are errors.
 */
extern bool pgr_parse_item(const PgrTypeInfo *type, const char *str,
						   const char **p, float *x, struct Node *escontext);

/*
 * A bracketed list "[x, ...]" at *p, which is advanced behind it, into values
 * (grown with repalloc; *capacity elements). Returns the number of items, -1
 * after a soft error.
 */
extern int	pgr_parse_list(const PgrTypeInfo *type, const char *str,
						   const char **p, float **values, int *capacity,
						   struct Node *escontext);

/* "[x,...]" of n single-precision values, shortest form, into buf */
extern void pgr_append_list(StringInfo buf, const float *x, int n);

/* --- type modifiers, arrays --- */

/* a declared dimension within the type's limit; 22023 otherwise */
extern void pgr_check_typmod_dim(const PgrTypeInfo *type, int dim);

/* the single dimension modifier of vector(d) */
extern int32 pgr_typmod_in(const PgrTypeInfo *type, ArrayType *mods);

/* raises unless the array has one dimension (or none) and no nulls */
extern void pgr_check_plain_array(ArrayType *array);

/* palloc'd single-precision copy of the elements of an array of numbers, without nulls */
extern float *pgr_numbers_to_floats(ArrayType *array, int *n);

/* the same of an array that must have one dimension */
extern float *pgr_array_to_floats(ArrayType *array, int *n);

/*
 * The first n bytes behind the length word of a varlena, which has as many.
 * Reads one chunk only of an out-of-line value.
 */
extern void pgr_datum_prefix(Datum d, void *dst, int n);

#endif							/* PGR_ELEM_H */
