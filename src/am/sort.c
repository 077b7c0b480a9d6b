/*
 * sort.c
 *		Pairs sorted by a number, in work_mem and beyond it on disk: core's tuplesort
 *		over two columns.
 */
#include "postgres.h"

#include "am/sort.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

/*
 * A tuplesort and the two slots through which pairs go in and come out. Memory: work_mem for
 * the tuplesort, in a context of its own below the current one, then temporary files. Slots
 * are without a buffer; no pin or lock is held at any time.
 */
struct PgrSort
{
	Tuplesortstate *state;
	TupleTableSlot *in;
	TupleTableSlot *out;
	bool		performed;
};

PgrSort *
pgr_sort_begin(void)
{
	/*
	 * By key, then by value: equal distances come out in the same order each time, whatever
	 * run of the sort they were in. Core's sort of one datum would be faster but carries no
	 * second value.
	 */
	PgrSort *sort = palloc0(sizeof(PgrSort));
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	columns[] = {1, 2};
	Oid			operators[] = {Float8LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};

	TupleDescInitEntry(desc, 1, "key", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "value", INT8OID, -1, 0);
	sort->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	sort->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	sort->state = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first,
									   work_mem, NULL, TUPLESORT_NONE);
	return sort;
}

void
pgr_sort_put(PgrSort *sort, double key, uint64 value)
{
	/*
	 * The tuplesort copies the pair, so one virtual slot serves for all. float8 and int8 are
	 * passed by value on all platforms that are supported with 64 bits; elsewhere
	 * Float8GetDatum would allocate in the caller's context.
	 */
	TupleTableSlot *slot = sort->in;

	ExecClearTuple(slot);
	slot->tts_values[0] = Float8GetDatum(key);
	slot->tts_values[1] = Int64GetDatum((int64) value);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort->state, slot);
}

bool
pgr_sort_next(PgrSort *sort, double *key, uint64 *value)
{
	/*
	 * Merges runs from disk where there are any: interruptible, and may raise if a file cannot
	 * be read.
	 */
	if (!sort->performed)
		tuplesort_performsort(sort->state);
	sort->performed = true;
	if (!tuplesort_gettupleslot(sort->state, true, false, sort->out, NULL))
		return false;
	slot_getallattrs(sort->out);
	*key = DatumGetFloat8(sort->out->tts_values[0]);
	*value = (uint64) DatumGetInt64(sort->out->tts_values[1]);
	return true;
}

void
pgr_sort_end(PgrSort *sort)
{
	ExecDropSingleTupleTableSlot(sort->in);
	ExecDropSingleTupleTableSlot(sort->out);
	tuplesort_end(sort->state);
	pfree(sort);
}
