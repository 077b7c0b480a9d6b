/*
 * inspect_counters.c
 *		What index searches did: counters of the session as SQL functions.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "segment/segment.h"

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
