/*
 * validate.h
 *		amvalidate of access methods for vectors with filter columns.
 */
#ifndef PGR_VALIDATE_H
#define PGR_VALIDATE_H

#include "postgres.h"

/*
 * Whether an operator class of such an access method, whose name is am, is sound; tells
 * with INFO what is not. A class of vectors has one ordering operator returning float8 over
 * its type, perhaps one for thresholds of it (radius.h), and the support function that names
 * its row in vecclass.c; one of filters has search operators, and that of its row in
 * filtercol.c. Raises where there is no such class.
 */
extern bool pgr_validate_vector_class(Oid opclass, const char *am);

#endif							/* PGR_VALIDATE_H */
