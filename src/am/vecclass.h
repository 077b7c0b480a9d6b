/*
 * vecclass.h
 *		What an operator class over vectors gives to an access method.
 *
 * Support function 1 of such a class, name(internal) returning internal, returns
 * a pointer to one of these.
 */
#ifndef PGR_VECCLASS_H
#define PGR_VECCLASS_H

#include "postgres.h"

#include "types/distance.h"
#include "types/elem.h"
#include "utils/rel.h"

#define PGR_VECCLASS_PROC 1

/*
 * How an access method sees values: as single-precision elements, compared by
 * space (L2, negative inner product or cosine). Where exact is true, that gives
 * the operator's order: L2 the square of its distance (Hamming: the distance
 * itself), the others the distance. Where it is false it only leads to
 * candidates, which the operator's own distance must sort.
 */
typedef struct PgrVecClass
{
	const PgrTypeInfo *type;

	/* bytes of a value, header included; NULL if they depend on more than the dimension */
	Size		(*size) (int dim);
	bool		zero_is_value;	/* the zero vector has a distance in any case */
	bool		sketched;		/* floats gives fewer elements than there are */

	/* elements that floats gives for a column of that type modifier */
	int			(*dim) (int typmod);

	/*
	 * The elements of a detoasted value, and their number: its own or a palloc'd
	 * copy.
	 */
	const float *(*floats) (const struct varlena *value, int *dim);

	/* what the operator returns for two detoasted values; raises if dimensions differ */
	double		(*distance) (const struct varlena *a, const struct varlena *b);

	PgrMetric	metric;			/* the operator's */
	PgrMetric	space;
	bool		exact;
} PgrVecClass;

/* How an access method keeps values beside its codes: the option "storage". */
typedef enum PgrVecStorage
{
	PGR_VEC_I8,					/* no value: the code of bytes is all there is */
	PGR_VEC_F16,				/* elements rounded to half precision */
	PGR_VEC_FULL				/* as they are */
} PgrVecStorage;

/* The class of an index's column (1-based). */
extern const PgrVecClass *pgr_vecclass(Relation index, AttrNumber column);

/*
 * The number of elements of the column's values; raises 22023 if it has no type
 * modifier, because an index needs to know it before the first row.
 */
extern int	pgr_vecclass_dim(Relation index, AttrNumber column, const PgrVecClass *cls);

/* Raises, as the operator does: a value has got elements instead of dim. */
PGR_NORETURN extern void pgr_vecclass_error_dim(const PgrVecClass *cls, int dim, int got);

/*
 * Bytes, a multiple of 4, that a kept value of so many elements takes; 0 for
 * PGR_VEC_I8. Raises 0A000 if values of the class cannot be kept so.
 */
extern Size pgr_vecclass_kept_size(const PgrVecClass *cls, PgrVecStorage storage, int dim);

/*
 * Keeps a detoasted value in `to`, pgr_vecclass_kept_size() bytes. A value whose
 * elements are too large for half precision is kept as zeros, which is no value.
 */
extern void pgr_vecclass_keep(const PgrVecClass *cls, PgrVecStorage storage,
							  const struct varlena *value, void *to);

/* Has what was kept at `from`, of a column of that dimension, the length that it must have? */
extern bool pgr_vecclass_kept_fits(const PgrVecClass *cls, PgrVecStorage storage,
								   const void *from, int dim);

/*
 * The value that was kept at `from` (4-byte aligned): there, or a palloc'd copy.
 * NULL if there is none.
 */
extern const struct varlena *pgr_vecclass_kept(const PgrVecClass *cls, PgrVecStorage storage,
											   const void *from);

#endif							/* PGR_VECCLASS_H */
