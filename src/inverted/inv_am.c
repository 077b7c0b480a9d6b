/*
 * inv_am.c
 *		The access methods bm25 and inverted as core sees them: handlers, inserts,
 *		vacuum, validation, start-up. Builds are in inv_build.c, scans in inv_scan.c, costs
 *		in inv_cost.c.
 *
 * Core's locks: an insert has RowExclusiveLock on the index, VACUUM
 * ShareUpdateExclusiveLock on the table. What else is locked is in the README, "Locks".
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_opclass.h"
#include "commands/vacuum.h"
#include "inverted/bm25_pin_cache.h"
#include "inverted/inv_kind.h"
#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* --- insert --------------------------------------------------------------------- */

/* Kept across the inserts of a statement. */
typedef struct InsertState
{
	PgrContentSource source;
	PgrSegShape shape;
	MemoryContext context;		/* of one document */
} InsertState;

/*
 * What inserts of one statement need of the index, read at the first row and allocated
 * in the memory context ii_Context. A REINDEX meanwhile is kept away by the
 * statement's lock.
 */
static InsertState *
insert_state(Relation index, IndexInfo *info)
{
	InsertState *state = info->ii_AmCache;

	if (state == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(info->ii_Context);
		PgrInvMeta	meta;

		state = palloc0(sizeof(InsertState));
		pgr_inv_meta_copy(index, &meta);
		pgr_content_source(index, &meta, &state->source);
		state->shape = pgr_inv_pending_shape(&meta);
		state->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve insert",
											   ALLOCSET_DEFAULT_SIZES);
		pfree(meta.segments);
		info->ii_AmCache = state;
		MemoryContextSwitchTo(old);
	}
	return state;
}

/*
 * In a context that is reset after each row. A seal or merge that becomes due runs
 * here, after the row is put: if it fails, so does the statement, but no document of
 * others.
 */
bool
pgr_inv_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
			   Relation heap, IndexUniqueCheck unique, bool unchanged, IndexInfo *info)
{
	InsertState *state = insert_state(index, info);
	MemoryContext old = MemoryContextSwitchTo(state->context);
	PgrPendingSize size;

	if (isnull[0])
		pgr_pending_insert(index, &state->shape, tid, NULL, &size);
	else
	{
		PgrLexDoc	doc;

		pgr_content_document(&state->source, values[0], &doc);
		pgr_pending_insert(index, &state->shape, tid, &doc, &size);
	}
	pgr_inv_after_insert(index, &size);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->context);
	return false;
}

/* --- vacuum --------------------------------------------------------------------- */

typedef struct DeadCallback
{
	IndexBulkDeleteCallback callback;
	void	   *arg;
} DeadCallback;

/* From core's callback, which has another signature on some majors. */
static bool
is_dead(ItemPointer tid, void *arg)
{
	DeadCallback *c = arg;

	return c->callback(tid, c->arg);
}

/* Rows of a segment that vacuum has not marked. */
static uint64
live_rows(const PgrSegDesc *d)
{
	return (uint64) d->ndocs + d->nnulls - d->ndead;
}

/*
 * Marks a segment's dead rows, and enters how many are: all of them, not those newly
 * marked, which a crash may have left uncounted.
 */
static void
delete_from_segment(Relation index, const PgrSegDesc *desc, const PgrSegShape *shape,
					DeadCallback *dead, IndexBulkDeleteResult *stats)
{
	PgrSegment *seg = pgr_segment_open(index, desc, shape);
	uint64		live;

	stats->tuples_removed += pgr_segment_bulk_delete(index, seg, is_dead, dead, &live);
	stats->num_index_tuples += live;
	pgr_segment_close(seg);
	if (live_rows(desc) != live)
		pgr_set_dead(index, &pgr_inv_set, desc->generation,
					 desc->ndocs + desc->nnulls - live);
}

/*
 * First the pending documents, in a moment in which none becomes part of a segment,
 * then the segments of that moment. A document that is sealed later is not one that
 * the callback condemns, or is marked already and left out.
 */
IndexBulkDeleteResult *
pgr_inv_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *arg)
{
	Relation	index = info->index;
	DeadCallback dead = {callback, arg};
	PgrInvMeta	meta;
	PgrSegShape shape;
	uint64		live;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));

	/* no segment that is listed now is merged meanwhile: marks would be lost */
	pgr_maintenance_lock(index);
	stats->tuples_removed += pgr_inv_begin_delete(index, &meta, callback, arg, &live);
	stats->num_index_tuples = live;
	shape = pgr_inv_shape(&meta);
	for (uint32 i = 0; i < meta.nsegments; i++)
	{
		delete_from_segment(index, &meta.segments[i], &shape, &dead, stats);
		pgr_vacuum_delay();
	}
	pgr_maintenance_unlock(index);
	pfree(meta.segments);
	return stats;
}

/*
 * Seals, merges, frees. Without a bulk delete before it the rows are counted by the
 * metapage.
 */
IndexBulkDeleteResult *
pgr_inv_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation	index = info->index;
	PgrSpaceStats space;

	if (info->analyze_only)
		return stats;
	pgr_inv_maintain(index, false);
	pgr_space_stats(index, &space);
	if (stats == NULL)
	{
		PgrInvMeta	meta;

		stats = palloc0(sizeof(IndexBulkDeleteResult));
		pgr_inv_meta_copy(index, &meta);
		for (uint32 i = 0; i < meta.nsegments; i++)
			stats->num_index_tuples += live_rows(&meta.segments[i]);
		stats->estimated_count = false;
		pfree(meta.segments);
	}
	stats->num_pages = RelationGetNumberOfBlocks(index);
	stats->pages_free = space.free;
	return stats;
}

/* --- validation ------------------------------------------------------------------ */

/*
 * Both operator families have a match strategy and a rank strategy, or one of them;
 * the catalog's own checks see to types.
 */
bool
pgr_inv_validate(Oid opclass)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Form_pg_opclass form;
	CatCList   *operators;
	bool		ok = true;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass);
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);
		bool		rank = op->amopstrategy == PGR_STRATEGY_RANK;

		if ((op->amopstrategy != PGR_STRATEGY_MATCH && !rank) ||
			(op->amoppurpose == AMOP_ORDER) != rank)
		{
			ereport(INFO,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("operator family of operator class \"%s\" contains operator %u with invalid strategy %d",
							NameStr(form->opcname), op->amopopr, op->amopstrategy)));
			ok = false;
		}
	}
	ReleaseCatCacheList(operators);
	ReleaseSysCache(tuple);
	return ok;
}

/* --- handlers -------------------------------------------------------------------- */

/*
 * The handler's answer for a row, allocated in the current memory context as core
 * wants it. What the two access methods do differently is in the row.
 */
static IndexAmRoutine *
routine_of(const PgrInvKind *kind)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 2;
	am->amsupport = 0;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->amusemaintenanceworkmem = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->ambuild = pgr_inv_build;
	am->ambuildempty = pgr_inv_build_empty;
	am->aminsert = pgr_inv_insert;
	am->ambulkdelete = pgr_inv_bulk_delete;
	am->amvacuumcleanup = pgr_inv_vacuum_cleanup;
	am->amcostestimate = kind->cost;
	am->amoptions = kind->options;
	am->ambuildphasename = pgr_inv_phase_name;
	am->amvalidate = pgr_inv_validate;
	am->ambeginscan = pgr_inv_begin_scan;
	am->amrescan = pgr_inv_rescan;
	am->amgettuple = pgr_inv_get_tuple;
	am->amgetbitmap = kind->get_bitmap;
	am->amendscan = pgr_inv_end_scan;
	return am;
}

PG_FUNCTION_INFO_V1(pgr_bm25_handler);
Datum
pgr_bm25_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(routine_of(&pgr_bm25_kind));
}

PG_FUNCTION_INFO_V1(pgr_inverted_handler);
Datum
pgr_inverted_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(routine_of(&pgr_sparse_kind));
}

/* Hooks of src/lexical: words become searchable by an index only through this folder. */
void
pgr_inverted_init(void)
{
	pgr_inv_kind_register(&pgr_bm25_kind);
	pgr_inv_kind_register(&pgr_sparse_kind);
	pgr_inv_options_init();
	pgr_lex_changes_init();
	pgr_pins_init();
	DefineCustomBoolVariable("bm25.reuse_scores",
							 "Lets <@> and @@@ look up what an index knows of a row.",
							 "Off, every row that no index scan has scored is analysed.",
							 &pgr_reuse_scores, true, PGC_USERSET, 0, NULL, NULL, NULL);
	pgr_statistics_hook = pgr_inv_pin;
	pgr_memo_fill_hook = pgr_memo_fill;
	pgr_index_hook = pgr_inv_find_index;
	pgr_index_analyzer_hook = pgr_inv_analyzer;
	pgr_selectivity_hook = pgr_inv_selectivity;
}
