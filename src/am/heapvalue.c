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
#include "base/toast.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/*
 * All that reading values in one scan needs, in the context of pgr_heapvalue_begin. Pins of
 * the heap page of the row read last are kept between calls (by the fetch state and the slot),
 * no buffer lock. `toast` keeps what it has opened of the TOAST table until the end. After an
 * error the resource owner gives these back, and memory goes with its context.
 */
struct PgrHeapValue
{
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	Relation	index;
	Snapshot	snapshot;
	IndexInfo  *info;
	PgrToast   *toast;
	EState	   *estate;			/* only for expressions */
	Bitmapset  *used;			/* then attributes that they read, as pull_varattnos has them */
	MemoryContext row_context;
};

PgrHeapValue *
pgr_heapvalue_begin(IndexScanDesc scan)
{
	PgrHeapValue *hv = palloc0(sizeof(PgrHeapValue));

	/*
	 * A dirty snapshot or SnapshotAny would show rows whose TOAST VACUUM may have removed
	 * already. No statement scans an index of ours so; contrib modules may.
	 */
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
	hv->toast = pgr_toast_begin(scan->heapRelation, false);
	if (hv->info->ii_Expressions != NIL)
	{
		/* freed by hand at the end: expression contexts may have callbacks */
		pull_varattnos((Node *) hv->info->ii_Expressions, 1, &hv->used);
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
	pgr_toast_end(hv->toast);
	ExecDropSingleTupleTableSlot(hv->slot);
	table_index_fetch_end(hv->fetch);
	MemoryContextDelete(hv->row_context);
}

void
pgr_tid_check_slow(Relation index, Relation heap, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	/*
	 * Beyond the known length does not mean beyond the table, which may have grown. What blocks
	 * mean to another table access method is not known.
	 */
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

/*
 * Detoasts what the index's expressions read of the slot's row, in the slot itself, so that
 * their functions do not do it each for itself: with two expressions over one vector it was
 * read twice. Copies are in the current memory context, which is the row's; the slot must not
 * be read after that is reset, and the next fetch overwrites it before. Reads TOAST pages, so
 * may raise; no buffer is locked meanwhile. Compressed but inline values are left: they cost
 * no look-up.
 */
static void
detoast_used(PgrHeapValue *hv)
{
	TupleDesc	desc = hv->slot->tts_tupleDescriptor;
	int			member = -1;

	while ((member = bms_next_member(hv->used, member)) >= 0)
	{
		AttrNumber	attno = member + FirstLowInvalidHeapAttributeNumber;
		Datum		value;
		bool		isnull;

		if (attno <= 0 || TupleDescAttr(desc, attno - 1)->attlen != -1)
			continue;
		value = slot_getattr(hv->slot, attno, &isnull);
		if (!isnull && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
			hv->slot->tts_values[attno - 1] = PointerGetDatum
				(pgr_toast_fetch(hv->toast, (struct varlena *) DatumGetPointer(value)));
	}
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

	/*
	 * Follows the HOT chain of tid to the version that the snapshot sees, under the heap
	 * page's share lock, which is released on return. `again` is not for us: an MVCC snapshot
	 * sees at most one. all_dead is not passed on: killing a tid would be a change of the
	 * node's page, which has no hint for it.
	 */
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
		detoast_used(hv);
		FormIndexDatum(hv->info, hv->slot, hv->estate, values, isnull);
	}
	if (!isnull[0])
		value = pgr_toast_get(hv->toast, (struct varlena *) DatumGetPointer(values[0]));
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
