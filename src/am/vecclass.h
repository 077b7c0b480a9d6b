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

#include "types/elem.h"
#include "utils/rel.h"

#define PGR_VECCLASS_PROC 1

typedef struct PgrVecClass
{
	const PgrTypeInfo *type;
	PgrDistanceKind kind;

	/*
	 * The elements of a detoasted value in single precision and their number;
	 * the value's own or a palloc'd copy.
	 */
	const float *(*floats) (const struct varlena *value, int *dim);

	/* what the operator returns for two detoasted values; raises if dimensions differ */
	double		(*distance) (const struct varlena *a, const struct varlena *b);
} PgrVecClass;

/* The class of an index's column (1-based). */
extern const PgrVecClass *pgr_vecclass(Relation index, AttrNumber column);

/*
 * The dimension in the column's type modifier; raises 22023 if it has none,
 * because an index needs to know it before the first row.
 */
extern int	pgr_vecclass_dim(Relation index, AttrNumber column);

#endif							/* PGR_VECCLASS_H */
