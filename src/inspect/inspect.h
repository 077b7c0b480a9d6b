/*
 * inspect.h
 *		Private header of src/inspect.
 */
#ifndef PGR_INSPECT_H
#define PGR_INSPECT_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/relcache.h"

/*
 * Opens a bm25 or inverted index. Raises unless it is a valid one and the user
 * owns it, or, owner being false, may read all that it is made of; nothing is locked
 * before that is known.
 */
extern Relation pgr_inspect_open(Oid oid, LOCKMODE lock, bool owner);

/* 42809 for a partitioned index, which has no pages of its own. */
extern void pgr_inspect_refuse_partitioned(Relation index);

#endif							/* PGR_INSPECT_H */
