/*
 * toast.c
 *		Values that a table keeps out of line, read many times in a scan. See README,
 *		"Values out of line".
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "base/toast.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Values that did not follow the one before, in a row: then none is expected to. */
#define MOST_MISSES 16

struct PgrToast
{
	Relation	heap;
	MemoryContext context;		/* of all that follows */
	Relation	toast;			/* NULL before the first value */
	Relation   *indexes;
	int			nindexes;
	IndexScanDesc scan;			/* NULL: another table access method's, core reads it */
	TupleTableSlot *slot;
	SnapshotData snapshot;		/* before PostgreSQL 18 the scan's */
	ScanKeyData equal;			/* chunk_id = value */
	ScanKeyData from;			/* chunk_id >= value */
	bool		in_order;
	bool		ahead;			/* in order: the slot has the first chunk of what follows */
	int			misses;
};

PgrToast *
pgr_toast_begin(Relation heap, bool in_order)
{
	PgrToast   *t = palloc0(sizeof(PgrToast));

	t->heap = heap;
	t->in_order = in_order;
	t->context = CurrentMemoryContext;
	return t;
}

void
pgr_toast_close(PgrToast *t)
{
	if (t->scan != NULL)
	{
		index_endscan(t->scan);
		ExecDropSingleTupleTableSlot(t->slot);
		t->scan = NULL;
	}
	if (t->toast != NULL)
	{
		toast_close_indexes(t->indexes, t->nindexes, AccessShareLock);
		table_close(t->toast, AccessShareLock);
		t->toast = NULL;
	}
	t->ahead = false;
}

void
pgr_toast_end(PgrToast *t)
{
	pgr_toast_close(t);
	pfree(t);
}

/*
 * Opens the TOAST relation, and a scan of its valid index. Each step leaves t so that
 * pgr_toast_end can follow.
 */
static void
open_toast(PgrToast *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	Relation	toast = table_open(t->heap->rd_rel->reltoastrelid, AccessShareLock);
	int			valid = toast_open_indexes(toast, AccessShareLock, &t->indexes, &t->nindexes);

	t->toast = toast;
	if (toast->rd_tableam == GetHeapamTableAmRoutine())
	{
		ScanKeyInit(&t->equal, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(InvalidOid));
		ScanKeyInit(&t->from, 1, BTGreaterEqualStrategyNumber, F_OIDGE,
					ObjectIdGetDatum(InvalidOid));
		t->slot = table_slot_create(toast, NULL);
		t->scan = pgr_index_beginscan(toast, t->indexes[valid],
									  pgr_toast_snapshot(&t->snapshot), 1, 0);
	}
	MemoryContextSwitchTo(old);
}

/*
 * The next chunk's bytes, copied to `to`; false if it is not chunk number `seq` of `size`
 * bytes. The slot has it, in the page.
 */
static bool
copy_chunk(TupleTableSlot *slot, int32 seq, char *to, Size size)
{
	bool		isnull[2];
	int32		found = DatumGetInt32(slot_getattr(slot, 2, &isnull[0]));
	struct varlena *chunk = (struct varlena *) DatumGetPointer(slot_getattr(slot, 3, &isnull[1]));

	if (isnull[0] || isnull[1] || found != seq || VARATT_IS_EXTERNAL(chunk) ||
		VARATT_IS_COMPRESSED(chunk) || VARSIZE_ANY_EXHDR(chunk) != size)
		return false;
	memcpy(to, VARDATA_ANY(chunk), size);
	return true;
}

static bool
next_chunk(PgrToast *t)
{
	return index_getnext_slot(t->scan, ForwardScanDirection, t->slot);
}

/* Whether the slot's chunk is one of the value. */
static bool
is_of(PgrToast *t, Oid value)
{
	bool		isnull;

	return DatumGetObjectId(slot_getattr(t->slot, 1, &isnull)) == value && !isnull;
}

/*
 * Goes to the value's first chunk; false if there is none. In order, the slot may have a
 * later value's instead.
 */
static bool
find_value(PgrToast *t, Oid value)
{
	ScanKey		key;

	if (t->ahead && is_of(t, value))
	{
		t->misses = 0;
		return true;
	}
	if (t->ahead && ++t->misses > MOST_MISSES)
		t->in_order = false;
	key = t->in_order ? &t->from : &t->equal;
	key->sk_argument = ObjectIdGetDatum(value);
	index_rescan(t->scan, key, 1, NULL, 0);
	return next_chunk(t);
}

/*
 * Reads `size` > 0 bytes of a value from all its chunks; false if they are not what they
 * should be. The index scan is at its end then and holds no page, nor does the slot; or in
 * order they are at what follows.
 */
static bool
read_chunks(PgrToast *t, Oid value, char *to, Size size)
{
	Size		at = 0;
	int32		seq = 0;
	bool		good = true;
	bool		more;
	/* the index scan keeps what it allocates on its way */
	MemoryContext old = MemoryContextSwitchTo(t->context);

	(void) pgr_toast_snapshot(&t->snapshot);
	more = find_value(t, value);
	while (more && (!t->in_order || is_of(t, value)))
	{
		Size		n = Min(size - at, TOAST_MAX_CHUNK_SIZE);

		CHECK_FOR_INTERRUPTS();
		good = good && n > 0 && copy_chunk(t->slot, seq++, to + at, n);
		at += n;
		more = next_chunk(t);
	}
	t->ahead = more;
	if (!more)
		ExecClearTuple(t->slot);
	MemoryContextSwitchTo(old);
	return good && at == size;
}

struct varlena *
pgr_toast_fetch(PgrToast *t, struct varlena *value)
{
	struct varatt_external at;
	struct varlena *result;
	Size		size;

	VARATT_EXTERNAL_GET_POINTER(at, value);
	size = VARATT_EXTERNAL_GET_EXTSIZE(at);
	if (at.va_toastrelid != t->heap->rd_rel->reltoastrelid || size == 0)
		return detoast_attr(value);
	if (t->toast == NULL)
		open_toast(t);
	if (t->scan == NULL)
		return detoast_attr(value);
	result = palloc(size + VARHDRSZ);
	if (!read_chunks(t, at.va_valueid, VARDATA(result), size))
		return detoast_attr(value); /* it says what is wrong */
	if (!VARATT_EXTERNAL_IS_COMPRESSED(at))
	{
		SET_VARSIZE(result, size + VARHDRSZ);
		return result;
	}
	SET_VARSIZE_COMPRESSED(result, size + VARHDRSZ);
	value = detoast_attr(result);
	pfree(result);
	return value;
}
