/*
 * inspect_counters.c
 *		What index searches did: counters of the session as SQL functions, and of
 *		one hnsw scan in EXPLAIN ANALYZE.
 *
 * EXPLAIN shows them without an option of its own: an option's name is unknown
 * until the library is loaded, which a session's first EXPLAIN does not do.
 * Scans in parallel workers end there; their counts are not shown.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "hnsw/hnsw.h"
#include "inspect/inspect.h"
#include "segment/segment.h"

#ifdef PGR_EXPLAIN_HOOKS
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

#define MAX_COUNTERS 7

/* A row of as many bigints as the function's result has columns. */
static Datum
counters_row(FunctionCallInfo fcinfo, const uint64 *counters, int n)
{
	TupleDesc	desc;
	Datum		values[MAX_COUNTERS];
	bool		nulls[MAX_COUNTERS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != n)
		elog(ERROR, "return type must be a row of %d counters", n);
	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum((int64) counters[i]);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(pgr_bm25_counters);
Datum
pgr_bm25_counters(PG_FUNCTION_ARGS)
{
	uint64		counters[] = {pgr_seg_counters.blocks_decoded, pgr_seg_counters.blocks_skipped,
	pgr_seg_counters.docs_scored};

	PG_RETURN_DATUM(counters_row(fcinfo, counters, lengthof(counters)));
}

PG_FUNCTION_INFO_V1(pgr_hnsw_scan_totals);
Datum
pgr_hnsw_scan_totals(PG_FUNCTION_ARGS)
{
	const PgrHnswCounters *c = &pgr_hnsw_counters;
	uint64		counters[] = {c->scans, c->nodes, c->codes, c->ranked, c->resumes, c->late,
	c->spilled};

	PG_RETURN_DATUM(counters_row(fcinfo, counters, lengthof(counters)));
}

#ifdef PGR_EXPLAIN_HOOKS

static explain_per_node_hook_type next_per_node_hook;

static void
show_hnsw_counters(const PgrHnswCounters *c, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		ExplainIndentText(es);
		appendStringInfo(es->str, "Graph Search: nodes=" UINT64_FORMAT " codes=" UINT64_FORMAT
						 " ranked=" UINT64_FORMAT " resumes=" UINT64_FORMAT
						 " late=" UINT64_FORMAT,
						 c->nodes, c->codes, c->ranked, c->resumes, c->late);
		if (c->spilled > 0)
			appendStringInfo(es->str, " spilled=" UINT64_FORMAT, c->spilled);
		appendStringInfoChar(es->str, '\n');
		return;
	}
	ExplainPropertyUInteger("Graph Nodes Read", NULL, c->nodes, es);
	ExplainPropertyUInteger("Graph Codes Compared", NULL, c->codes, es);
	ExplainPropertyUInteger("Graph Rows Ranked", NULL, c->ranked, es);
	ExplainPropertyUInteger("Graph Resumes", NULL, c->resumes, es);
	ExplainPropertyUInteger("Graph Rows Late", NULL, c->late, es);
	ExplainPropertyUInteger("Graph Nodes Spilled", NULL, c->spilled, es);
}

static void
explain_node(PlanState *plan, List *ancestors, const char *relationship, const char *name,
			 ExplainState *es)
{
	if (next_per_node_hook != NULL)
		next_per_node_hook(plan, ancestors, relationship, name, es);
	if (es->analyze && IsA(plan, IndexScanState))
	{
		IndexScanDesc scan = ((IndexScanState *) plan)->iss_ScanDesc;

		if (scan != NULL && scan->indexRelation->rd_indam->amgettuple == pgr_hnsw_get_tuple)
			show_hnsw_counters(pgr_hnsw_scan_counters(scan), es);
	}
}

void
pgr_inspect_init(void)
{
	next_per_node_hook = explain_per_node_hook;
	explain_per_node_hook = explain_node;
}

#else

void
pgr_inspect_init(void)
{
}

#endif
