/*
 * heapvalue.c
 *		The indexed value of a heap row, read while an index is scanned.
 *
 * The scan's own fetch state (xs_heapfetch) belongs to the executor, which may
 * be in the middle of a HOT chain with it; this has its own. Values are those
 * of the index's first column: an attribute, or an expression that is evaluated
 * again for each row, as a sequential scan would.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "am/heapvalue.h"
#include "base/compat.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

struct PgrHeapValue
{
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	Relation	index;
	Snapshot	snapshot;
	IndexInfo  *info;
	EState	   *estate;			/* only for expressions */
	MemoryContext row_context;
};

PgrHeapValue *
pgr_heapvalue_begin(IndexScanDesc scan)
{
	PgrHeapValue *hv = palloc0(sizeof(PgrHeapValue));

	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" cannot be scanned with a non-MVCC snapshot",
						RelationGetRelationName(scan->indexRelation))));
	hv->index = scan->indexRelation;
	hv->snapshot = scan->xs_snapshot;
	hv->info = BuildIndexInfo(scan->indexRelation);
	hv->fetch = table_index_fetch_begin(scan->heapRelation);
	hv->slot = table_slot_create(scan->heapRelation, NULL);
	hv->row_context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve heap value",
											ALLOCSET_DEFAULT_SIZES);
	if (hv->info->ii_Expressions != NIL)
	{
		hv->estate = CreateExecutorState();
		GetPerTupleExprContext(hv->estate)->ecxt_scantuple = hv->slot;
	}
	return hv;
}

void
pgr_heapvalue_end(PgrHeapValue *hv)
{
	if (hv->estate != NULL)
		FreeExecutorState(hv->estate);
	ExecDropSingleTupleTableSlot(hv->slot);
	table_index_fetch_end(hv->fetch);
	MemoryContextDelete(hv->row_context);
}

void
pgr_tid_check_slow(Relation index, Relation heap, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	/* what blocks mean to another table access method is not known */
	if (ItemPointerIsValid(tid) && block != InvalidBlockNumber &&
		(heap->rd_tableam != GetHeapamTableAmRoutine() || block < RelationGetNumberOfBlocks(heap)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" refers to row (%u,%u), which is outside of the table",
					RelationGetRelationName(index), block,
					ItemPointerGetOffsetNumberNoCheck(tid)),
			 errhint("Please REINDEX it.")));
}

struct varlena *
pgr_heapvalue_get(PgrHeapValue *hv, ItemPointer tid)
{
	ItemPointerData at = *tid;
	bool		again = false;
	bool		all_dead;
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	struct varlena *value = NULL;
	MemoryContext old;

	pgr_tid_check(hv->index, hv->fetch->rel, tid);
	if (!table_index_fetch_tuple(hv->fetch, &at, hv->snapshot, hv->slot, &again, &all_dead))
		return NULL;
	MemoryContextReset(hv->row_context);
	old = MemoryContextSwitchTo(hv->row_context);
	if (hv->estate == NULL)
		values[0] = slot_getattr(hv->slot, hv->info->ii_IndexAttrNumbers[0], &isnull[0]);
	else
	{
		ResetPerTupleExprContext(hv->estate);
		FormIndexDatum(hv->info, hv->slot, hv->estate, values, isnull);
	}
	if (!isnull[0])
	{
		value = (struct varlena *) PG_DETOAST_DATUM(values[0]);
	}
	MemoryContextSwitchTo(old);
	return value;
}

bool
pgr_heapvalue_row(PgrHeapValue *hv, ItemPointer tid, Datum *values, bool *isnull)
{
	ItemPointerData at = *tid;
	bool		again = false;
	bool		all_dead;
	MemoryContext old;

	pgr_tid_check(hv->index, hv->fetch->rel, tid);
	if (!table_index_fetch_tuple(hv->fetch, &at, hv->snapshot, hv->slot, &again, &all_dead))
		return false;
	MemoryContextReset(hv->row_context);
	old = MemoryContextSwitchTo(hv->row_context);
	if (hv->estate != NULL)
		ResetPerTupleExprContext(hv->estate);
	FormIndexDatum(hv->info, hv->slot, hv->estate, values, isnull);
	MemoryContextSwitchTo(old);
	return true;
}
