/*
 * inspect_inverted_check.c
 *		bm25_check(index): is the index sound, and does it hold the table's rows?
 *
 * Invariants:
 *	 - every segment passes pgr_segment_check
 *	 - the extents of a segment and of the pending area are owned by it, and no
 *	   two extents overlap or lie beyond the end of the file
 *	 - each row that the snapshot sees and that the index's predicate accepts is
 *	   in the index exactly once as a live document (or NULL row)
 *
 * It is a reader like any other: AccessShareLock, and no lock that an insert, a seal, a
 * merge or VACUUM would wait for. What the snapshot sees was inserted before the view
 * was opened, so it must be in it; the view's extents stay as those of a scan do.
 * The space map is read while it changes: only what is wrong each time is reported.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "base/index_access.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "inspect/inspect.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* looks at the space map that must agree on a fault */
#define SPACE_LOOKS 3

typedef struct CheckState
{
	ReturnSetInfo *rsinfo;
	PgrInvView *view;
	ItemPointerData *tids;		/* of live documents, sorted */
	uint8	   *seen;
	uint64		n;
	uint64		size;
} CheckState;

static void
report(void *arg, const char *message)
{
	CheckState *c = arg;
	Datum		value = CStringGetTextDatum(message);
	bool		null = false;

	tuplestore_putvalues(c->rsinfo->setResult, c->rsinfo->setDesc, &value, &null);
}

static void
add_tid(CheckState *c, ItemPointer tid)
{
	if (c->n == c->size)
	{
		c->size = Max(c->size * 2, 1024);
		c->tids = c->tids ? repalloc_huge(c->tids, mul_size(c->size, sizeof(ItemPointerData)))
			: palloc(c->size * sizeof(ItemPointerData));
	}
	c->tids[c->n++] = *tid;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare(unconstify(ItemPointerData *, (const ItemPointerData *) a),
							  unconstify(ItemPointerData *, (const ItemPointerData *) b));
}

static void
collect_tids(CheckState *c)
{
	PgrInvView *view = c->view;

	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		const PgrSegDesc *d = &view->meta.segments[i];
		uint32		dead = 0;

		for (uint32 doc = 0; doc < d->ndocs + d->nnulls; doc++)
		{
			ItemPointerData tid;

			CHECK_FOR_INTERRUPTS();
			if (pgr_segment_dead(view->segments[i], doc))
			{
				dead++;
				continue;
			}
			pgr_segment_tid(view->segments[i], doc, &tid);
			add_tid(c, &tid);
		}
		/* more than counted are what a crashed VACUUM marked: the next counts them */
		if (dead < d->ndead)
			report(c, psprintf("segment %u has %u dead documents, the metapage says %u",
							   d->generation, dead, d->ndead));
	}
	for (uint32 i = 0; i < view->pending.n; i++)
	{
		if (!view->pending.docs[i].dead)
			add_tid(c, &view->pending.docs[i].tid);
	}
	if (c->n > 0)
		qsort(c->tids, c->n, sizeof(ItemPointerData), compare_tids);
	for (uint64 i = 1; i < c->n; i++)
	{
		if (compare_tids(&c->tids[i - 1], &c->tids[i]) == 0)
			report(c, psprintf("row (%u,%u) is in the index twice",
							   ItemPointerGetBlockNumber(&c->tids[i]),
							   ItemPointerGetOffsetNumber(&c->tids[i])));
	}
}

/* A row of the table that belongs into the index. */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	CheckState *c = arg;
	ItemPointerData *found = c->n == 0 ? NULL :
		bsearch(tid, c->tids, c->n, sizeof(ItemPointerData), compare_tids);

	if (found == NULL)
		report(c, psprintf("row (%u,%u) is not in the index",
						   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid)));
	else
		c->seen[found - c->tids] = 1;
}

static int
compare_extents(const void *a, const void *b)
{
	BlockNumber x = ((const PgrSpaceEntry *) a)->start,
				y = ((const PgrSpaceEntry *) b)->start;

	return x < y ? -1 : x > y;
}

static bool
owned(const PgrSpaceEntry *e, int n, uint32 generation, BlockNumber block)
{
	for (int i = 0; i < n; i++)
	{
		if (block >= e[i].start && block < e[i].start + e[i].count)
			return e[i].generation == generation && e[i].retired == 0;
	}
	return false;
}

/* What is wrong with the extents of an index as its metapage names them now. */
static List *
space_faults(Relation index)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	List	   *faults = NIL;
	PgrSpaceEntry *e;
	BlockNumber nblocks;
	int			n;

	pgr_inv_meta_copy(index, meta);
	n = pgr_space_entries(index, &e);
	nblocks = RelationGetNumberOfBlocks(index);
	if (n > 0)
		qsort(e, n, sizeof(PgrSpaceEntry), compare_extents);
	for (int i = 0; i < n; i++)
	{
		if (e[i].start + e[i].count > nblocks)
			faults = lappend(faults, psprintf("extent at block %u lies beyond the end of the "
											  "index", e[i].start));
		if (i > 0 && e[i - 1].start + e[i - 1].count > e[i].start)
			faults = lappend(faults, psprintf("extents at blocks %u and %u overlap",
											  e[i - 1].start, e[i].start));
	}
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		if (!owned(e, n, meta->segments[i].generation, meta->segments[i].root))
			faults = lappend(faults, psprintf("segment %u does not own its root, block %u",
											  meta->segments[i].generation,
											  meta->segments[i].root));
	}
	for (uint32 i = 0; i < meta->npending; i++)
	{
		if (!owned(e, n, meta->pending[i].generation, meta->pending[i].start))
			faults = lappend(faults, psprintf("pending extent at block %u is not owned",
											  meta->pending[i].start));
	}
	pfree(meta);
	return faults;
}

static bool
has_text(const List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	}
	return false;
}

/* Reports what is found wrong SPACE_LOOKS times: a change in progress is gone by then. */
static void
check_space(CheckState *c)
{
	List	   *faults = space_faults(c->view->index);
	ListCell   *lc;

	for (int look = 1; look < SPACE_LOOKS && faults != NIL; look++)
	{
		List	   *again = space_faults(c->view->index);

		CHECK_FOR_INTERRUPTS();
		foreach(lc, faults)
		{
			if (!has_text(again, lfirst(lc)))
				faults = foreach_delete_current(faults, lc);
		}
	}
	foreach(lc, faults)
		report(c, lfirst(lc));
}

/* Each row that the active snapshot sees. */
static void
check_rows(CheckState *c, Relation heap, Relation index)
{
	IndexInfo  *info = BuildIndexInfo(index);
	TableScanDesc scan = table_beginscan_strat(heap, GetActiveSnapshot(), 0, NULL, true, true);

	/* rows in progress are not to be waited for */
	info->ii_Concurrent = true;
	table_index_build_scan(heap, index, info, true, false, check_row, c, scan);
}

PG_FUNCTION_INFO_V1(pgr_bm25_check);
Datum
pgr_bm25_check(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	CheckState	c = {0};
	Relation	heap = pgr_index_open_table(oid);
	Relation	index = pgr_inspect_open(oid, AccessShareLock, false);
	PgrOwnerRun run;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	c.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	pgr_owner_begin(RelationGetRelid(heap), &run);
	c.view = pgr_view_open(index, NULL, 0);
	for (uint32 i = 0; i < c.view->meta.nsegments; i++)
		pgr_segment_check(c.view->segments[i], report, &c);
	check_space(&c);
	collect_tids(&c);
	c.seen = palloc0(Max(c.n, 1));
	check_rows(&c, heap, index);
	pgr_view_close(c.view);
	pgr_owner_end(&run);
	relation_close(index, AccessShareLock);
	table_close(heap, AccessShareLock);
	return (Datum) 0;
}
