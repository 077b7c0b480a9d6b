/*
 * rowset.h
 *		The rows that an index holds, for a checker that compares them with the
 *		table's.
 */
#ifndef PGR_ROWSET_H
#define PGR_ROWSET_H

#include "postgres.h"

#include "storage/itemptr.h"

typedef struct PgrRow
{
	ItemPointerData tid;
	uint32		source;			/* where the index holds it: the caller's numbers */
	uint32		number;
	uint64		sum;			/* of what it holds */
} PgrRow;

/* Zero it; grows in the memory context that is current then. */
typedef struct PgrRowSet
{
	PgrRow	   *rows;
	uint64		n;
	uint64		size;
} PgrRowSet;

extern void pgr_rowset_add(PgrRowSet *set, ItemPointer tid, uint32 source, uint32 number,
						   uint64 sum);

/*
 * Makes the set ready for pgr_rowset_find. Calls twice(arg, tid) for each row that is in
 * it more than once.
 */
extern void pgr_rowset_sort(PgrRowSet *set, void (*twice) (void *arg, ItemPointer tid), void *arg);

/* One of the rows with that tid; NULL if there is none. */
extern const PgrRow *pgr_rowset_find(const PgrRowSet *set, ItemPointer tid);

#endif							/* PGR_ROWSET_H */
