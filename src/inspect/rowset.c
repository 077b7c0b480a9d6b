/*
 * rowset.c
 *		A sorted array of an index's rows.
 */
#include "postgres.h"

#include "inspect/rowset.h"
#include "miscadmin.h"
#include "utils/memutils.h"

void
pgr_rowset_add(PgrRowSet *set, ItemPointer tid, uint32 source, uint32 number, uint64 sum)
{
	if (set->n == set->size)
	{
		set->size = Max(set->size * 2, 1024);
		set->rows = set->rows ? repalloc_huge(set->rows, mul_size(set->size, sizeof(PgrRow)))
			: palloc(set->size * sizeof(PgrRow));
	}
	set->rows[set->n++] = (PgrRow) {*tid, source, number, sum};
}

static int
compare_rows(const void *a, const void *b)
{
	return ItemPointerCompare(unconstify(ItemPointerData *, &((const PgrRow *) a)->tid),
							  unconstify(ItemPointerData *, &((const PgrRow *) b)->tid));
}

void
pgr_rowset_sort(PgrRowSet *set, void (*twice) (void *arg, ItemPointer tid), void *arg)
{
	if (set->n > 0)
		qsort(set->rows, set->n, sizeof(PgrRow), compare_rows);
	for (uint64 i = 1; i < set->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (compare_rows(&set->rows[i - 1], &set->rows[i]) == 0)
			twice(arg, &set->rows[i].tid);
	}
}

const PgrRow *
pgr_rowset_find(const PgrRowSet *set, ItemPointer tid)
{
	PgrRow		key = {*tid};

	return set->n == 0 ? NULL : bsearch(&key, set->rows, set->n, sizeof(PgrRow), compare_rows);
}
