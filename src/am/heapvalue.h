/*
 * heapvalue.h
 *		The indexed value of a heap row, read while an index is scanned.
 */
#ifndef PGR_HEAPVALUE_H
#define PGR_HEAPVALUE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "storage/itemptr.h"
#include "storage/smgr.h"
#include "utils/rel.h"

typedef struct PgrHeapValue PgrHeapValue;

/*
 * For the first column of scan's index, in the current memory context. Raises
 * unless the scan has an MVCC snapshot: rows that are removed while the scan
 * holds their tids must be invisible to it.
 */
extern PgrHeapValue *pgr_heapvalue_begin(IndexScanDesc scan);

/*
 * Frees all but the struct itself, which goes with its context; closes the TOAST table and
 * unpins.
 */
extern void pgr_heapvalue_end(PgrHeapValue *hv);

/*
 * The detoasted value of the row version that the snapshot sees below tid (the
 * root of a HOT chain); NULL if it sees none or the value is null. Lives until
 * the next call.
 */
extern struct varlena *pgr_heapvalue_get(PgrHeapValue *hv, ItemPointer tid);

/*
 * All values of the index's columns in that row version, not detoasted, until the
 * next call. False if there is none.
 */
extern bool pgr_heapvalue_row(PgrHeapValue *hv, ItemPointer tid, Datum *values, bool *isnull);

/*
 * Raises unless a row of the table can have that tid, which a page of the index told. The
 * heap takes one apart before it looks for the row, and reads the block InvalidBlockNumber
 * by making the table longer.
 */
extern void pgr_tid_check_slow(Relation index, Relation heap, ItemPointer tid);

static inline void
pgr_tid_check(Relation index, Relation heap, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	SMgrRelation smgr = heap->rd_smgr;
	BlockNumber known = smgr == NULL ? 0 : smgr->smgr_cached_nblocks[MAIN_FORKNUM];

	/* InvalidBlockNumber is not known either */
	if (unlikely(block == InvalidBlockNumber || block >= known || known == InvalidBlockNumber ||
				 !OffsetNumberIsValid(ItemPointerGetOffsetNumberNoCheck(tid))))
		pgr_tid_check_slow(index, heap, tid);
}

#endif							/* PGR_HEAPVALUE_H */
