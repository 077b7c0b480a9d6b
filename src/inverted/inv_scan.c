/*
 * inv_scan.c
 *		Scans of bm25 and inverted: conditions (@@@), order (<@>), both, or
 *		neither; by tuple and by bitmap.
 *
 * An ordered scan returns what exact SQL returns: rows with a score, best first
 * (bm25_scan.c, sparse_scan.c); then those of score 0; then NULLs. The rest is collected
 * only when a scan gets that far (inv_scan_rest.c).
 *
 * Between calls no buffer is locked; segments keep a few pages pinned.
 *
 * Memory: one context, reset at each rescan; another one for the batch at hand. Errors
 * leave pins to the resource owner, and memory to the executor's context.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "am/heapvalue.h"
#include "base/compat.h"
#include "inverted/inv_kind.h"
#include "inverted/inv_scan.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* Reads nothing yet: the keys come with rescan. In the executor's memory context. */
IndexScanDesc
pgr_inv_begin_scan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	PgrInvScan *s = palloc0(sizeof(PgrInvScan));

	s->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve scan",
									   ALLOCSET_DEFAULT_SIZES);
	s->kind = pgr_inv_kind(index);
	scan->opaque = s;
	if (norderbys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = palloc(sizeof(bool) * norderbys);
	}
	return scan;
}

/*
 * Lets go what a scan holds beyond its memory: what the kind has open, the view's
 * pins. Also for a scan that never began, or failed half-way.
 */
static void
scan_close(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	if (s->kind->end)
		s->kind->end(scan);
	if (s->view)
		pgr_view_close(s->view);
	s->view = NULL;
	s->sparse = NULL;
}

/* Pins and what reads the table go first, then memory. */
void
pgr_inv_end_scan(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	scan_close(scan);
	MemoryContextDelete(s->context);
	pfree(s);
}

/*
 * ambeginscan's partner: a scan begins anew; nothing of the last one is kept but its
 * context, which is reset. Pages are read at the first row, not here.
 */
void
pgr_inv_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext context = s->context;

	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	scan_close(scan);
	MemoryContextReset(context);
	memset(s, 0, sizeof(*s));
	s->context = context;
	s->kind = pgr_inv_kind(scan->indexRelation);
}

/* --- starting --- */

/*
 * At the first row, with the snapshot in place. In the scan's memory context; what it
 * opens is let go by scan_close, also after an error here.
 */
static void
start(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;
	bool		scored;

	/* a tid may be given to a new row meanwhile, which only a snapshot hides */
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("non-MVCC snapshots are not supported with this access method")));
	pgstat_count_index_scan(scan->indexRelation);
	pgr_count_index_search(scan);

	s->batch_context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve batch",
											 ALLOCSET_DEFAULT_SIZES);
	scored = s->kind->begin(scan);
	if (s->nothing)
	{
		s->phase = PGR_SCAN_END;
		return;
	}
	s->tids.with_hashes = s->pinned != NULL && s->view->shape.hashes;
	s->phase = scored ? PGR_SCAN_HITS : PGR_SCAN_REST;
}

/* --- rows, phase by phase --- */

/*
 * The next row of score 0 of the current list, which is refilled source by source;
 * false: no source is left. Rows are entered into the memo, if anybody asks it, with
 * a score of 0 and a match unknown.
 */
static bool
next_rest(IndexScanDesc scan, PgrInvScan *s)
{
	while (s->tids.at >= s->tids.n)
	{
		if (s->rest_source > s->view->meta.nsegments)
			return false;
		s->tids.n = s->tids.at = 0;
		pgr_scan_collect(s, s->ordered, &s->tids);
	}
	if (s->tids.with_hashes && !s->recheck && pgr_memo_asked(s->pinned))
		pgr_memo_put(s->pinned, s->tids.hashes[s->tids.at], 0, PGR_MEMO_UNKNOWN);
	scan->xs_heaptid = s->tids.tids[s->tids.at++];
	pgr_scan_set_order(scan, 0, s->null_order);
	return true;
}

/* The next NULL row; these come last and have no distance. */
static bool
next_null(IndexScanDesc scan, PgrInvScan *s)
{
	if (s->tids.at >= s->tids.n)
		return false;
	scan->xs_heaptid = s->tids.tids[s->tids.at++];
	pgr_scan_set_order(scan, 0, true);
	return true;
}

/* Moves to the phase after the current one, which is over. */
static void
next_phase(PgrInvScan *s)
{
	s->tids.n = s->tids.at = 0;
	s->phase++;
	/* where `next` returned rows of score 0 itself: negative ones follow them */
	if (s->phase == PGR_SCAN_REST && s->kind->ranks_all && s->ordered)
		s->phase = PGR_SCAN_NULLS;
	if (s->phase == PGR_SCAN_NULLS)
	{
		/* a condition is not true of NULL */
		if (s->nfilters == 0)
			pgr_scan_collect_nulls(s, &s->tids);
	}
}

/*
 * amgettuple: phase after phase, in the memory context of the scan. Forward only, as
 * amcanbackward says. The tid is checked before the table is asked, since a damaged
 * one would make the table longer. Interruptible.
 */
bool
pgr_inv_get_tuple(IndexScanDesc scan, ScanDirection dir)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(s->context);
	bool		found = false;

	Assert(ScanDirectionIsForward(dir));
	if (s->phase == PGR_SCAN_START)
		start(scan);
	while (!found && s->phase != PGR_SCAN_END)
	{
		CHECK_FOR_INTERRUPTS();
		if (s->phase == PGR_SCAN_HITS)
			found = s->kind->next(scan);
		else if (s->phase == PGR_SCAN_REST)
			found = next_rest(scan, s);
		else
			found = next_null(scan, s);
		if (!found)
			next_phase(s);
	}
	scan->xs_recheck = s->recheck;
	MemoryContextSwitchTo(old);
	if (found)
		pgr_tid_check(scan->indexRelation, scan->heapRelation, &scan->xs_heaptid);
	return found;
}

/*
 * Raises XX002 for a tid that a bitmap has no place for; blocks beyond the table's
 * end are for the bitmap's reader to skip.
 */
static void
check_tids(IndexScanDesc scan, const PgrTidList *list)
{
	for (uint32 i = 0; i < list->n; i++)
		if (ItemPointerGetOffsetNumberNoCheck(&list->tids[i]) > MaxHeapTuplesPerPage)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" refers to row (%u,%u), which is outside of the table",
							RelationGetRelationName(scan->indexRelation),
							ItemPointerGetBlockNumberNoCheck(&list->tids[i]),
							ItemPointerGetOffsetNumberNoCheck(&list->tids[i])),
					 errhint("Please REINDEX it.")));
}

/*
 * amgetbitmap: all rows that the conditions let through, in no order, a source at a
 * time: the list is emptied into the bitmap after each. Returns how many. Lossy pages
 * and s->recheck have the executor evaluate conditions again.
 */
int64
pgr_inv_get_bitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(s->context);
	int64		n = 0;

	if (s->phase == PGR_SCAN_START)
		start(scan);
	if (!s->nothing && s->nfilters == 0)
		pgr_scan_collect_nulls(s, &s->tids);
	while (!s->nothing && s->rest_source <= s->view->meta.nsegments)
	{
		pgr_scan_collect(s, false, &s->tids);
		check_tids(scan, &s->tids);
		tbm_add_tuples(tbm, s->tids.tids, s->tids.n, s->recheck);
		n += s->tids.n;
		s->tids.n = 0;
	}
	MemoryContextSwitchTo(old);
	return n;
}
