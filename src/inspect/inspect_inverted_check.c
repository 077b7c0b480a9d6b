/*
 * inspect_inverted_check.c
 *		bm25_check(index): is the index sound, and does it hold the table's rows?
 *
 * Invariants:
 *	 - every segment passes pgr_segment_check
 *	 - the extents of a segment and of the pending area are owned by it, and no
 *	   two extents overlap or lie beyond the end of the file
 *	 - each row that the snapshot sees and that the index's predicate accepts is
 *	   in the index exactly once as a live document (or NULL row), which is the one
 *	   that the row gives now (inspect_inverted_rows.c)
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
#include "inspect/inspect_inverted.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* looks at the space map that must agree on a fault */
#define SPACE_LOOKS 3

typedef struct CheckState
{
	ReturnSetInfo *rsinfo;
	PgrInvView *view;
} CheckState;

static void
report(void *arg, const char *message)
{
	CheckState *c = arg;
	Datum		value = CStringGetTextDatum(message);
	bool		null = false;

	tuplestore_putvalues(c->rsinfo->setResult, c->rsinfo->setDesc, &value, &null);
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

/* The first of the extent's blocks that is not the generation's; its end if all are. */
static uint64
not_owned(const PgrSpaceEntry *e, int n, uint32 generation, PgrExtent extent)
{
	uint64		at = extent.start;
	uint64		end = at + extent.count;

	for (int i = 0; i < n && at < end; i++)
	{
		if (at >= (uint64) e[i].start + e[i].count)
			continue;
		if (at < e[i].start || e[i].generation != generation)
			break;
		at = (uint64) e[i].start + e[i].count;
	}
	return Min(at, end);
}

/*
 * Pages that the view's segments read and that are not theirs: somebody may write there.
 * A segment that has been merged since still owns them.
 */
static List *
extent_faults(const PgrInvView *view, const PgrSpaceEntry *e, int n)
{
	List	   *faults = NIL;

	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		const PgrRunMap *map = pgr_segment_map(view->segments[i]);

		for (int k = 0; k < map->nextents; k++)
		{
			PgrExtent	x = map->extents[k];
			uint64		at = not_owned(e, n, map->generation, x);

			if (at < (uint64) x.start + x.count)
				faults = lappend(faults, psprintf("segment %u does not own its block %u",
												  map->generation, (BlockNumber) at));
		}
	}
	return faults;
}

/* What is wrong with the extents of an index as its metapage names them now. */
static List *
space_faults(const PgrInvView *view)
{
	Relation	index = view->index;
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
		/* a standby lacks what its primary has allocated and not written yet */
		if ((uint64) e[i].start + e[i].count > nblocks && !RecoveryInProgress())
			faults = lappend(faults, psprintf("extent at block %u lies beyond the end of the "
											  "index", e[i].start));
		if (i > 0 && (uint64) e[i - 1].start + e[i - 1].count > e[i].start)
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
	return list_concat(faults, extent_faults(view, e, n));
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
	List	   *faults = space_faults(c->view);
	ListCell   *lc;

	for (int look = 1; look < SPACE_LOOKS && faults != NIL; look++)
	{
		List	   *again = space_faults(c->view);

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
check_rows(PgrInvRows *rows, Relation index)
{
	IndexInfo  *info = BuildIndexInfo(index);
	TableScanDesc scan = table_beginscan_strat(rows->heap, GetActiveSnapshot(), 0, NULL, true,
											   true);
	int			nest = NewGUCNestLevel();

	/* what was told of words when the rows came need not be told again */
	if (client_min_messages < WARNING)
		(void) set_config_option("client_min_messages", "warning", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	/* rows in progress are not to be waited for */
	info->ii_Concurrent = true;
	table_index_build_scan(rows->heap, index, info, true, false, pgr_inv_rows_compare, rows, scan);
	AtEOXact_GUC(false, nest);
}

/* Is the configuration what it was? Without it documents cannot be compared. */
static bool
check_config(CheckState *c)
{
	char	   *changed = pgr_content_changed(c->view->index, &c->view->meta);

	if (changed)
		report(c, changed);
	return changed == NULL;
}

PG_FUNCTION_INFO_V1(pgr_bm25_check);
Datum
pgr_bm25_check(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	CheckState	c = {0};
	Relation	heap = pgr_index_open_table(oid);
	Relation	index = pgr_inspect_open(oid, AccessShareLock, false);
	PgrInvRows	rows = {0};
	PgrOwnerRun run;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	c.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	pgr_owner_begin(RelationGetRelid(heap), &run);
	c.view = pgr_view_open(index, NULL, 0);
	check_space(&c);
	rows.view = c.view;
	rows.heap = heap;
	rows.report = report;
	rows.arg = &c;
	pgr_inv_rows_collect(&rows);
	if (check_config(&c))
		check_rows(&rows, index);
	pgr_view_close(c.view);
	pgr_owner_end(&run);
	relation_close(index, AccessShareLock);
	table_close(heap, AccessShareLock);
	return (Datum) 0;
}
