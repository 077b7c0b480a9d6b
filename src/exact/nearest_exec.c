/*
 * nearest_exec.c
 *		The node for exact search: the k rows of a table with the least distances.
 *		See README.
 *
 * One pass over the table keeps distances and tids; only the k rows are read again, by
 * their tids, for what is above.
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "base/compat.h"
#include "base/toast.h"
#include "commands/explain.h"
#ifdef PGR_EXPLAIN_HOOKS
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "exact/nearest.h"
#include "executor/executor.h"
#include "lib/pairingheap.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#define CACHE_LINE 64
#define PAGES_UNASKED 64

/* In a btree of float8 NaN comes after all numbers, NULL after NaN. */
typedef enum NearestRank
{
	RANK_NUMBER,
	RANK_NAN,
	RANK_NULL
} NearestRank;

typedef struct NearestRow
{
	pairingheap_node node;
	double		distance;		/* 0 unless RANK_NUMBER */
	NearestRank rank;
	ItemPointerData tid;
} NearestRow;

typedef struct NearestState
{
	CustomScanState css;
	PgrNearestCall call;
	Node	   *distance;		/* as the plan has it, for EXPLAIN */
	ExprState  *other;
	FmgrInfo	function;
	uint32		k;
	TableScanDesc scan;			/* NULL until the first row is asked for */
	ParallelTableScanDesc shared;	/* NULL in a serial plan */
	PgrToast   *toast;			/* NULL: the column's values are never out of line */
	MemoryContext context;		/* of the query's value; reset by a rescan */
	NearestRow *rows;			/* all rows kept; sorted when collected */
	NearestRow **sorted;
	pairingheap heap;			/* the farthest on top */
	uint32		n;				/* rows kept */
	uint32		next;			/* of sorted, to be returned */
	bool		collected;
	BlockNumber block;			/* the page at hand */
	char	   *next_page;		/* the one that follows, if it was found; not pinned */
	uint32		unasked;		/* pages for which none is looked for */
} NearestState;

static Node *create_state(CustomScan *scan);

const CustomScanMethods pgr_nearest_scan_methods = {
	.CustomName = PGR_NEAREST_NAME,
	.CreateCustomScanState = create_state,
};

/* ----------
 * Keeping the nearest
 * ----------
 */

static int
compare_rows(const NearestRow *a, const NearestRow *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid);
}

static int
compare_nodes(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	return compare_rows(pairingheap_const_container(NearestRow, node, a),
						pairingheap_const_container(NearestRow, node, b));
}

/* Keeps a row if it is among the k nearest so far. */
static inline void
offer(NearestState *s, double distance, NearestRank rank, const ItemPointerData *tid)
{
	NearestRow	row = {.distance = distance,.rank = rank,.tid = *tid};
	NearestRow *place;

	if (s->n < s->k)
		place = &s->rows[s->n++];
	else
	{
		place = pairingheap_container(NearestRow, node, pairingheap_first(&s->heap));
		if (compare_rows(&row, place) >= 0)
			return;
		pairingheap_remove_first(&s->heap);
	}
	*place = row;
	pairingheap_add(&s->heap, &place->node);
}

/* ----------
 * The pass over the table
 * ----------
 */

static void
begin_scan(NearestState *s)
{
	Relation	rel = s->css.ss.ss_currentRelation;

	if (s->shared != NULL)
		s->scan = table_beginscan_parallel(rel, s->shared);
	else
		s->scan = table_beginscan(rel, s->css.ss.ps.state->es_snapshot, 0, NULL);
	s->block = InvalidBlockNumber;
}

/* The query, whole and in line; false if it is NULL. */
static bool
evaluate_query(NearestState *s, NullableDatum *query)
{
	ExprContext *econtext = s->css.ss.ps.ps_ExprContext;
	MemoryContext old = MemoryContextSwitchTo(s->context);

	query->value = ExecEvalExpr(s->other, econtext, &query->isnull);
	if (!query->isnull)
		query->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(query->value));
	MemoryContextSwitchTo(old);
	return !query->isnull;
}

/* True if the tuple passes the conditions. */
static bool
passes(NearestState *s, HeapTuple tuple)
{
	ScanState  *ss = &s->css.ss;

	ExecStoreBufferHeapTuple(tuple, ss->ss_ScanTupleSlot, ((HeapScanDesc) s->scan)->rs_cbuf);
	ss->ps.ps_ExprContext->ecxt_scantuple = ss->ss_ScanTupleSlot;
	if (ExecQual(ss->ps.qual, ss->ps.ps_ExprContext))
		return true;
	InstrCountFiltered1(ss, 1);
	return false;
}

/*
 * Where the table's next page is, if it is in shared_buffers; else NULL. Asking costs a
 * look into the buffer table, which the scan repeats from the processor's cache. Where
 * a page was not there, none is asked for during the next PAGES_UNASKED: pages come from
 * the operating system then, which reads ahead by itself.
 */
static char *
find_next_page(NearestState *s, BlockNumber block)
{
	Relation	rel = s->css.ss.ss_currentRelation;
	PrefetchBufferResult found;

	if (s->unasked > 0)
	{
		s->unasked--;
		return NULL;
	}
	if (block >= ((HeapScanDesc) s->scan)->rs_nblocks)
		return NULL;
	found = PrefetchBuffer(rel, MAIN_FORKNUM, block);
	if (BufferIsValid(found.recent_buffer))
		return (char *) BufferGetPage(found.recent_buffer);
	s->unasked = PAGES_UNASKED;
	return NULL;
}

/*
 * Asks for the next row's cache lines while this one is worked on: on its page rows
 * lie one below the other; the first of a page is usually the topmost. A wrong guess
 * does no harm. A processor by itself starts anew at each row and page (README has what
 * this gains).
 */
static inline void
prefetch_next(NearestState *s, HeapTuple tuple)
{
	HeapScanDesc scan = (HeapScanDesc) s->scan;
	char	   *page = (char *) BufferGetPage(scan->rs_cbuf);
	Size		size = MAXALIGN(tuple->t_len);
	char	   *next = (char *) tuple->t_data - size;

	if (scan->rs_cblock != s->block)
	{
		s->block = scan->rs_cblock;
		s->next_page = find_next_page(s, s->block + 1);
		if (s->next_page != NULL)
			__builtin_prefetch(s->next_page, 0, 2);
	}
	if (next < page + ((PageHeader) page)->pd_upper)
	{
		if (s->next_page == NULL)
			return;
		next = s->next_page + BLCKSZ - size;
	}
	for (Size at = 0; at < size; at += CACHE_LINE)
		__builtin_prefetch(next + at, 0, 2);
}

/* Offers a row by its distance; the query is in fcinfo, but for NULL. */
static inline void
offer_tuple(NearestState *s, FunctionCallInfo fcinfo, NullableDatum *column, HeapTuple tuple)
{
	double		distance;
	bool		isnull = column == NULL;

	if (!isnull)
		column->value = heap_getattr(tuple, s->call.column,
									 RelationGetDescr(s->css.ss.ss_currentRelation), &isnull);
	if (isnull)
	{
		offer(s, 0, RANK_NULL, &tuple->t_self);
		return;
	}
	if (s->toast != NULL && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(column->value)))
		column->value = PointerGetDatum
			(pgr_toast_fetch(s->toast, (struct varlena *) DatumGetPointer(column->value)));
	fcinfo->isnull = false;
	distance = DatumGetFloat8(FunctionCallInvoke(fcinfo));
	if (fcinfo->isnull)
		offer(s, 0, RANK_NULL, &tuple->t_self);
	else if (isnan(distance))
		offer(s, 0, RANK_NAN, &tuple->t_self);
	else
		offer(s, distance, RANK_NUMBER, &tuple->t_self);
}

/* Keeps the k nearest of the scan's rows. */
static void
collect(NearestState *s)
{
	MemoryContext row_context = s->css.ss.ps.ps_ExprContext->ecxt_per_tuple_memory;
	bool		filtered = s->css.ss.ps.qual != NULL;
	NullableDatum query;
	bool		known = false;
	bool		evaluated = false;
	LOCAL_FCINFO(fcinfo, 2);
	NullableDatum *column = &fcinfo->args[s->call.column_first ? 0 : 1];
	MemoryContext old;
	HeapTuple	tuple;

	InitFunctionCallInfoData(*fcinfo, &s->function, 2, s->call.collation, NULL, NULL);
	column->isnull = false;
	if (s->scan == NULL)
		begin_scan(s);
	old = MemoryContextSwitchTo(row_context);
	while ((tuple = heap_getnext(s->scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(row_context);
		prefetch_next(s, tuple);
		if (filtered && !passes(s, tuple))
			continue;
		/* with the first row, as a sort would: where there is none, errors in it do not count */
		if (!evaluated)
		{
			MemoryContextSwitchTo(old);
			known = evaluate_query(s, &query);
			evaluated = true;
			fcinfo->args[s->call.column_first ? 1 : 0] = query;
			MemoryContextSwitchTo(row_context);
		}
		offer_tuple(s, fcinfo, known ? column : NULL, tuple);
	}
	MemoryContextSwitchTo(old);
	if (s->toast != NULL)
		pgr_toast_close(s->toast);
	ExecClearTuple(s->css.ss.ss_ScanTupleSlot);
}

/* Makes an ascending list of what the heap has. */
static void
sort_rows(NearestState *s)
{
	for (uint32 i = s->n; i > 0; i--)
		s->sorted[i - 1] = pairingheap_container(NearestRow, node,
												 pairingheap_remove_first(&s->heap));
	s->next = 0;
	s->collected = true;
}

/* ----------
 * The node's methods
 * ----------
 */

static void
begin_node(CustomScanState *node, EState *estate, int eflags)
{
	NearestState *s = (NearestState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	Relation	rel = node->ss.ss_currentRelation;

	s->distance = linitial(scan->custom_exprs);
	s->k = intVal(linitial(scan->custom_private));
	if (!pgr_nearest_split(s->distance, scan->scan.scanrelid, &s->call))
		elog(ERROR, "a distance of a column was expected");
	fmgr_info(s->call.function, &s->function);
	fmgr_info_set_expr(s->distance, &s->function);
	s->other = ExecInitExpr((Expr *) s->call.other, &node->ss.ps);

	/* the executor has made a virtual slot; conditions are tested on tuples of pages */
	ExecInitScanTupleSlot(estate, &node->ss, RelationGetDescr(rel), table_slot_callbacks(rel));
	ExecAssignScanProjectionInfo(&node->ss);
	node->ss.ps.qual = ExecInitQual(scan->scan.plan.qual, &node->ss.ps);

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	if (s->call.column > 0 &&
		TupleDescAttr(RelationGetDescr(rel), s->call.column - 1)->attlen == -1)
		s->toast = pgr_toast_begin(rel, true);
	s->context = AllocSetContextCreate(estate->es_query_cxt, "nearest query",
									   ALLOCSET_SMALL_SIZES);
	s->rows = palloc_extended(mul_size(s->k, sizeof(NearestRow)), MCXT_ALLOC_HUGE);
	s->sorted = palloc_extended(mul_size(s->k, sizeof(NearestRow *)), MCXT_ALLOC_HUGE);
	s->heap.ph_compare = compare_nodes;
}

static TupleTableSlot *
exec_node(CustomScanState *node)
{
	NearestState *s = (NearestState *) node;
	ScanState  *ss = &node->ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;

	if (!s->collected)
	{
		collect(s);
		sort_rows(s);
	}
	ResetExprContext(ss->ps.ps_ExprContext);
	if (s->next >= s->n)
	{
		ExecClearTuple(slot);
		return ss->ps.ps_ProjInfo != NULL ? ExecClearTuple(ss->ps.ps_ResultTupleSlot) : slot;
	}
	if (!table_tuple_fetch_row_version(ss->ss_currentRelation, &s->sorted[s->next]->tid,
									   ss->ps.state->es_snapshot, slot))
		elog(ERROR, "a row that was seen is not there");
	s->next++;
	if (ss->ps.ps_ProjInfo == NULL)
		return slot;
	ss->ps.ps_ExprContext->ecxt_scantuple = slot;
	return ExecProject(ss->ps.ps_ProjInfo);
}

static void
rescan_node(CustomScanState *node)
{
	NearestState *s = (NearestState *) node;

	ExecScanReScan(&node->ss);
	if (s->scan != NULL)
		table_rescan(s->scan, NULL);
	MemoryContextReset(s->context);
	pairingheap_reset(&s->heap);
	s->n = 0;
	s->next = 0;
	s->collected = false;
}

static void
end_node(CustomScanState *node)
{
	NearestState *s = (NearestState *) node;

	if (s->scan != NULL)
		table_endscan(s->scan);
	s->scan = NULL;
	if (s->toast != NULL)
		pgr_toast_end(s->toast);
	s->toast = NULL;
}

/* ----------
 * Workers
 * ----------
 */

static Size
estimate_dsm(CustomScanState *node, ParallelContext *pcxt)
{
	return table_parallelscan_estimate(node->ss.ss_currentRelation,
									   node->ss.ps.state->es_snapshot);
}

static void
initialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate)
{
	NearestState *s = (NearestState *) node;

	s->shared = coordinate;
	table_parallelscan_initialize(node->ss.ss_currentRelation, s->shared,
								  node->ss.ps.state->es_snapshot);
}

static void
reinitialize_dsm(CustomScanState *node, ParallelContext *pcxt, void *coordinate)
{
	table_parallelscan_reinitialize(node->ss.ss_currentRelation, coordinate);
}

static void
initialize_worker(CustomScanState *node, shm_toc *toc, void *coordinate)
{
	((NearestState *) node)->shared = coordinate;
}

/* ----------
 * EXPLAIN
 * ----------
 */

static void
explain_node(CustomScanState *node, List *ancestors, ExplainState *es)
{
	NearestState *s = (NearestState *) node;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, ancestors);
	bool		prefix = list_length(es->rtable) > 1 || es->verbose;

	ExplainPropertyText("Order By", deparse_expression(s->distance, context, prefix, false), es);
	ExplainPropertyUInteger("Nearest", NULL, s->k, es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = PGR_NEAREST_NAME,
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.EstimateDSMCustomScan = estimate_dsm,
	.InitializeDSMCustomScan = initialize_dsm,
	.ReInitializeDSMCustomScan = reinitialize_dsm,
	.InitializeWorkerCustomScan = initialize_worker,
	.ExplainCustomScan = explain_node,
};

static Node *
create_state(CustomScan *scan)
{
	NearestState *s = (NearestState *) newNode(sizeof(NearestState), T_CustomScanState);

	s->css.methods = &exec_methods;
	return (Node *) s;
}
