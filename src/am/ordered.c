/*
 * ordered.c
 *		Rows in exact order out of candidates with lower bounds. See ordered.h for the
 *		states, README, "Ordered scans", for why.
 */
#include "postgres.h"

#include "am/ordered.h"
#include "miscadmin.h"
#include "utils/memutils.h"

void
pgr_ordered_begin(PgrOrdered *o, PgrOrderMode mode, MemoryContext context)
{
	memset(o, 0, sizeof(PgrOrdered));
	o->mode = mode;
	o->context = context;
	o->bounded = true;
	o->wanted = PG_UINT32_MAX;
	o->radius = o->radius_bound = INFINITY;
	o->last = -INFINITY;
}

void
pgr_ordered_end(PgrOrdered *o)
{
	if (o->stream.sort != NULL)
		pgr_sort_end(o->stream.sort);
	if (o->sorted != NULL)
		pgr_sort_end(o->sorted);
	o->stream.sort = o->sorted = NULL;
}

/* ----------
 * What waits
 * ----------
 */

static inline bool
has_candidate(const PgrOrdered *o)
{
	return o->candidates.n > 0 || o->stream.has_next;
}

/* the key of the top; there is one */
static inline double
top_key(const PgrOrderedHeap *h)
{
	return ((const PgrOrderedRow *) h->at)[0].distance;
}

/* The lower bound of the next candidate; there is one. */
static inline double
next_lower(const PgrOrdered *o)
{
	if (!o->stream.has_next)
		return top_key(&o->candidates);
	return o->candidates.n > 0 ? Min(top_key(&o->candidates), o->stream.lower) : o->stream.lower;
}

double
pgr_ordered_nearest(const PgrOrdered *o)
{
	double		distance = top_key(&o->rows);

	return o->to_bound == NULL ? distance : o->to_bound(o->arg, distance);
}

double
pgr_ordered_least(const PgrOrdered *o)
{
	double		least = o->rows.n > 0 ? top_key(&o->rows) : INFINITY;

	if (has_candidate(o))
		return Min(least, next_lower(o));
	return o->state <= PGR_ORDERED_GATHERING ? -INFINITY : least;
}

/* ----------
 * Heaps
 * ----------
 */

/* Makes room for one more element. */
void
pgr_ordered_grow(PgrOrdered *o, PgrOrderedHeap *h)
{
	Size		size = h->size == 0 ? 64 : mul_size(h->size, 2);

	h->at = h->at == NULL
		? MemoryContextAllocHuge(o->context, size * sizeof(PgrOrderedRow))
		: repalloc_huge(h->at, mul_size(size, sizeof(PgrOrderedRow)));
	h->size = size;
}

/* Whether a row goes out before another. */
static inline bool
before(const PgrOrdered *o, const PgrOrderedRow *a, const PgrOrderedRow *b)
{
	if (a->distance != b->distance || !o->by_tid)
		return a->distance < b->distance;
	return ItemPointerCompare(unconstify(ItemPointerData *, &a->tid),
							  unconstify(ItemPointerData *, &b->tid)) < 0;
}

static void
push_row(PgrOrdered *o, const PgrOrderedRow *row)
{
	PgrOrderedHeap *h = &o->rows;
	PgrOrderedRow *at;
	uint32		i;

	if (h->n == h->size)
		pgr_ordered_grow(o, h);
	at = h->at;
	for (i = h->n++; i > 0 && before(o, row, &at[(i - 1) / 2]); i = (i - 1) / 2)
		at[i] = at[(i - 1) / 2];
	at[i] = *row;
}

static void
pop_row(PgrOrdered *o, PgrOrderedRow *row)
{
	PgrOrderedRow *at = o->rows.at;
	PgrOrderedRow last = at[--o->rows.n];
	uint32		n = o->rows.n;
	uint32		i = 0;

	*row = at[0];
	for (uint32 child; (child = 2 * i + 1) < n; i = child)
	{
		if (child + 1 < n && before(o, &at[child + 1], &at[child]))
			child++;
		if (!before(o, &at[child], &last))
			break;
		at[i] = at[child];
	}
	at[i] = last;
}

static void
pop_candidate(PgrOrderedHeap *h, PgrCandidate *candidate)
{
	PgrOrderedCandidate *at = h->at;
	PgrOrderedCandidate last = at[--h->n];
	uint32		i = 0;

	*candidate = (PgrCandidate) {at[0].lower, at[0].value, false};
	for (uint32 child; (child = 2 * i + 1) < h->n; i = child)
	{
		if (child + 1 < h->n && at[child + 1].lower < at[child].lower)
			child++;
		if (last.lower <= at[child].lower)
			break;
		at[i] = at[child];
	}
	at[i] = last;
}

/* ----------
 * Sorts
 * ----------
 */

static void
next_spilled(PgrOrderedStream *stream)
{
	stream->has_next = pgr_sort_next(stream->sort, &stream->lower, &stream->value);
}

void
pgr_ordered_spill(PgrOrdered *o, double lower, uint64 value)
{
	MemoryContext old;

	if (o->stream.sort == NULL)
	{
		old = MemoryContextSwitchTo(o->context);
		o->stream.sort = pgr_sort_begin();
		MemoryContextSwitchTo(old);
	}
	pgr_sort_put(o->stream.sort, lower, value);
}

void
pgr_ordered_spilled(PgrOrdered *o)
{
	if (o->stream.sort != NULL)
		next_spilled(&o->stream);
}

static void
sort_row(PgrOrdered *o, const PgrOrderedRow *row)
{
	pgr_sort_put(o->sorted, row->distance,
				 (uint64) ItemPointerGetBlockNumber(&row->tid) << 16 |
				 ItemPointerGetOffsetNumber(&row->tid));
}

/* Rows that wait go into the sort first. */
void
pgr_ordered_sort(PgrOrdered *o)
{
	MemoryContext old = MemoryContextSwitchTo(o->context);

	o->sorted = pgr_sort_begin();
	MemoryContextSwitchTo(old);
	while (o->rows.n > 0)
	{
		PgrOrderedRow row;

		CHECK_FOR_INTERRUPTS();
		pop_row(o, &row);
		sort_row(o, &row);
	}
	o->state = PGR_ORDERED_SORTED;
}

static bool
take_sorted(PgrOrdered *o, PgrOrderedRow *row)
{
	uint64		tid;

	if (!pgr_sort_next(o->sorted, &row->distance, &tid))
		return false;
	ItemPointerSet(&row->tid, (BlockNumber) (tid >> 16), (OffsetNumber) (tid & 0xffff));
	return true;
}

/* ----------
 * Steps
 * ----------
 */

bool
pgr_ordered_row(PgrOrdered *o, double distance, const ItemPointerData *tid)
{
	PgrOrderedRow row = {distance, *tid};
	bool		late = o->returned > 0 && distance < o->last;

	if (o->gathers && distance > o->radius)
		return false;
	if (late && o->mode != PGR_ORDER_RELAXED)
		return true;
	if (o->state == PGR_ORDERED_SORTED)
		sort_row(o, &row);
	else
		push_row(o, &row);
	return late;
}

/* Takes the nearest candidate, of heap or stream; there is one. */
static void
take_candidate(PgrOrdered *o)
{
	PgrOrderedStream *stream = &o->stream;

	if (stream->has_next && (o->candidates.n == 0 || top_key(&o->candidates) > stream->lower))
	{
		o->candidate = (PgrCandidate) {stream->lower, stream->value, true};
		stream->has_next = false;
		if (stream->sort != NULL)
			next_spilled(stream);
	}
	else
		pop_candidate(&o->candidates, &o->candidate);
}

/* No candidate that is not ranked yet can be nearer than the nearest row. */
static bool
is_certain(const PgrOrdered *o)
{
	if (o->rows.n == 0)
		return false;
	if (!has_candidate(o) || o->unordered)
		return true;
	/* a distance that only leads gives no bound: those wanted must do, or all */
	if (!o->bounded)
		return o->tried >= o->wanted && o->state != PGR_ORDERED_DRAINING;
	return pgr_ordered_nearest(o) <= next_lower(o);
}

/*
 * The candidates wanted are the nearest; others that the search has passed are not the next
 * ones until it has gone on. But whether the last rows of those wanted are in order
 * depends on some of those others: a quarter more are ranked for it, or a scan with
 * a LIMIT of as many would search twice as much only to be sure of its last rows.
 */
static bool
may_rank(const PgrOrdered *o)
{
	return o->state == PGR_ORDERED_DRAINING || o->tried < o->wanted ||
		(o->rows.n > 0 && o->returned < o->wanted && o->tried - o->wanted < o->wanted / 4);
}

/*
 * The nearest row is of those wanted. One ranked for their order alone is not: a
 * nearer one may not have been met yet, and would be late.
 */
static bool
is_due(const PgrOrdered *o)
{
	if (o->state == PGR_ORDERED_DRAINING)
		return true;
	if (!o->bounded && o->returned >= o->wanted / PGR_ORDERED_LED)
		return false;
	return o->tried <= o->wanted || o->returned < o->wanted;
}

/*
 * No row that is known, or that a candidate could become, is within the radius. What a
 * search might find if it went on is not looked for: it has found the nearest.
 */
static bool
is_beyond(const PgrOrdered *o)
{
	return has_candidate(o) && next_lower(o) > o->radius_bound &&
		(o->rows.n == 0 || top_key(&o->rows) > o->radius);
}

static PgrOrderedStep
rank_next(PgrOrdered *o)
{
	take_candidate(o);
	return PGR_STEP_RANK;
}

/*
 * The steps of a scan of which all rows within the radius are wanted. Where a search brought
 * PGR_ORDERED_DOUBT times as many candidates that might have been within as there are such,
 * bounds tell little (products beyond single precision), and the nearest need not be among
 * what was searched for: it goes on.
 */
static PgrOrderedStep
gather(PgrOrdered *o)
{
	uint64		times = PGR_ORDERED_WITHIN * (o->bounded ? 1 : PGR_ORDERED_LED);

	/* what the candidate before had; the heap has memory once one came */
	o->within += o->rows.n > o->rows_before;
	o->rows_before = o->rows.n;
	if (has_candidate(o) && next_lower(o) <= o->radius_bound)
	{
		o->ranked++;
		return rank_next(o);
	}
	if (o->candidates.size == 0 || times * o->within > o->wanted ||
		(o->bounded && o->ranked > (uint64) PGR_ORDERED_DOUBT * o->within))
	{
		o->ranked = 0;
		return PGR_STEP_SEARCH;
	}
	o->state = PGR_ORDERED_GATHERED;
	return PGR_STEP_RETURN;
}

PgrOrderedStep
pgr_ordered_step(PgrOrdered *o)
{
	switch (o->state)
	{
		case PGR_ORDERED_SORTED:
			return has_candidate(o) ? rank_next(o) : PGR_STEP_RETURN;
		case PGR_ORDERED_GATHERING:
			return gather(o);
		case PGR_ORDERED_GATHERED:
			return PGR_STEP_RETURN;
		case PGR_ORDERED_ENDED:
			return PGR_STEP_END;
		default:
			break;
	}
	/* as in pgvector: no more than those wanted */
	if (o->mode == PGR_ORDER_OFF && o->tried >= o->wanted)
	{
		o->candidates.n = 0;
		o->stream.has_next = false;
	}
	if (is_beyond(o))
	{
		o->state = PGR_ORDERED_ENDED;
		return PGR_STEP_END;
	}
	if (is_certain(o) && is_due(o))
		return PGR_STEP_RETURN;
	if (has_candidate(o) && may_rank(o))
	{
		o->tried++;
		return rank_next(o);
	}
	if (o->state != PGR_ORDERED_DRAINING)
		return PGR_STEP_SEARCH;
	o->state = PGR_ORDERED_ENDED;
	return PGR_STEP_END;
}

bool
pgr_ordered_take(PgrOrdered *o, PgrOrderedRow *row)
{
	bool		found = o->rows.n > 0;

	if (o->state == PGR_ORDERED_SORTED)
		found = take_sorted(o, row);
	else if (found)
		pop_row(o, row);
	/* all that follow are farther, but for those that are late */
	if (!found || row->distance > o->radius)
	{
		o->state = PGR_ORDERED_ENDED;
		return false;
	}
	o->last = Max(o->last, row->distance);
	o->returned++;
	return true;
}
