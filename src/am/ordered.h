/*
 * ordered.h
 *		Rows in exact order out of candidates with lower bounds: the machine of an
 *		ordered index scan. See README, "Ordered scans".
 *
 * An access method's search finds candidates (nodes, documents), each with a bound below
 * which no row of it is. Ranking a candidate computes the exact distances of its rows. The
 * machine keeps both, says which step is next, and never calls back but for one conversion:
 *
 *	pgr_ordered_step	what the access method does
 *	SEARCH				looks for more candidates: pgr_ordered_candidate, pgr_ordered_spill or
 *						pgr_ordered_stream for each; or tells that there are none any more
 *	RANK				computes the rows of `candidate`: pgr_ordered_row for each
 *	RETURN				pgr_ordered_take: the row that is next in order
 *	END					ends the scan
 *
 * States, and the steps that they give, the first that applies; "certain": no candidate can
 * be nearer than the nearest row; "due": that row is one of those the search was to find.
 *
 *	state		steps											left by
 *	SEARCHING	beyond the radius: END							pgr_ordered_sweep, _all,
 *				a row is certain and due: RETURN				_sort; END
 *				a candidate, and fewer than `wanted` were
 *				ranked (or a quarter more, for the order of
 *				the last rows): RANK
 *				else SEARCH
 *	SWEEPING	as SEARCHING; the next SEARCH must be the		pgr_ordered_all, _sort
 *				last, of all that there is
 *	GATHERING	a candidate that may be within the radius:		pgr_ordered_all, _sort;
 *				RANK											GATHERED
 *				none came yet, or those within are many
 *				beside `wanted`, or few beside those that
 *				might have been, of the last search: SEARCH
 *				else as GATHERED
 *	GATHERED	a row: RETURN; else END							END
 *	DRAINING	as SEARCHING, but all candidates may be			END
 *				ranked and all rows are due; no row and no
 *				candidate: END
 *	SORTED		a candidate: RANK; else RETURN from the sort	END
 *	ENDED		END
 *
 * Rows nearer than one that was returned already are late: under PGR_ORDER_RELAXED they are
 * returned at once, else left out. Memory is that of the context given at begin. Nothing here
 * takes a lock; only sorts raise (disk full), and allocation.
 */
#ifndef PGR_ORDERED_H
#define PGR_ORDERED_H

#include "postgres.h"

#include <math.h>

#include "am/sort.h"
#include "storage/itemptr.h"

/* Candidates that are ranked for each row that is due, where their distances are no bounds. */
#define PGR_ORDERED_LED 4

/* Where all rows within a radius are wanted, candidates searched for beside those within it. */
#define PGR_ORDERED_WITHIN 4

/* There, candidates ranked for each that is within, from which on bounds tell too little. */
#define PGR_ORDERED_DOUBT 16

typedef enum PgrOrderMode
{
	PGR_ORDER_OFF,				/* the `wanted` nearest candidates, then the end */
	PGR_ORDER_RELAXED,
	PGR_ORDER_STRICT
} PgrOrderMode;

typedef enum PgrOrderedState
{
	/* searches may follow */
	PGR_ORDERED_SEARCHING,
	PGR_ORDERED_SWEEPING,
	PGR_ORDERED_GATHERING,
	/* none will */
	PGR_ORDERED_GATHERED,
	PGR_ORDERED_DRAINING,
	PGR_ORDERED_SORTED,
	PGR_ORDERED_ENDED
} PgrOrderedState;

typedef enum PgrOrderedStep
{
	PGR_STEP_SEARCH,
	PGR_STEP_RANK,
	PGR_STEP_RETURN,
	PGR_STEP_END
} PgrOrderedStep;

typedef struct PgrCandidate
{
	double		lower;
	uint64		value;			/* the access method's */
	bool		streamed;		/* it came by pgr_ordered_stream or _spill */
} PgrCandidate;

typedef struct PgrOrderedRow
{
	double		distance;		/* exact: the operator's */
	ItemPointerData tid;
} PgrOrderedRow;

/* A min-heap of elements of 16 bytes that begin with their key. */
typedef struct PgrOrderedHeap
{
	void	   *at;
	uint32		n;
	uint32		size;
} PgrOrderedHeap;

/* Candidates that come in ascending order from elsewhere. */
typedef struct PgrOrderedStream
{
	bool		has_next;
	double		lower;			/* of the next */
	uint64		value;
	PgrSort    *sort;			/* where they come from; NULL: the access method tells each */
} PgrOrderedStream;

/* An exact distance in the unit of lower bounds. */
typedef double (*PgrToBound) (const void *arg, double distance);

typedef struct PgrOrdered
{
	PgrOrderedState state;
	PgrOrderMode mode;
	MemoryContext context;
	bool		bounded;		/* lower bounds hold; else they only say which to rank first */
	bool		unordered;		/* no distance is known: any order will do */
	bool		by_tid;			/* equal distances in the order of their tids */
	uint32		wanted;			/* candidates that the last search was for */
	PgrToBound	to_bound;		/* NULL: it is the same unit */
	const void *arg;			/* of to_bound */
	double		radius;			/* no row beyond it is wanted */
	double		radius_bound;	/* the same in the unit of lower bounds */

	bool		gathers;		/* all rows within it are found before the first goes out */
	uint32		within;			/* GATHERING: candidates that had rows within it */
	uint32		rows_before;	/* GATHERING: rows before the candidate was ranked */
	uint32		ranked;			/* GATHERING: candidates, since the last search */

	PgrOrderedHeap candidates;
	PgrOrderedStream stream;
	PgrCandidate candidate;		/* to be ranked */

	PgrOrderedHeap rows;
	PgrSort    *sorted;			/* rows, in SORTED; else NULL */
	uint32		tried;			/* candidates ranked, but in SORTED */
	uint32		returned;
	double		last;			/* the largest distance returned */
} PgrOrdered;

/* ----------
 * What the access method tells
 * ----------
 */

/*
 * An empty machine that is SEARCHING, with bounds that hold and no radius, memory in context.
 * pgr_ordered_end must come before the context goes; not after an error.
 */
extern void pgr_ordered_begin(PgrOrdered *o, PgrOrderMode mode, MemoryContext context);
extern void pgr_ordered_end(PgrOrdered *o);

/*
 * All rows within a radius are wanted (radius and radius_bound are set): they are found
 * before the first is returned, so that none is late. The search goes on until `wanted` is
 * PGR_ORDERED_WITHIN times the candidates within, or so many times more where bounds only lead.
 */
static inline void
pgr_ordered_gather(PgrOrdered *o)
{
	o->state = PGR_ORDERED_GATHERING;
	o->gathers = true;
}

/* The next search is to be the last, of all that there is. */
static inline void
pgr_ordered_sweep(PgrOrdered *o)
{
	o->state = PGR_ORDERED_SWEEPING;
}

/* No candidate will come any more. */
static inline void
pgr_ordered_all(PgrOrdered *o)
{
	o->state = PGR_ORDERED_DRAINING;
}

/* The same where candidates have no bounds: all are ranked before the next row. */
extern void pgr_ordered_sort(PgrOrdered *o);

/* A candidate for the sort: memory has no room for it. Value: 64 bits that find it again. */
extern void pgr_ordered_spill(PgrOrdered *o, double lower, uint64 value);

/* Once, after all that were spilled. */
extern void pgr_ordered_spilled(PgrOrdered *o);

/*
 * The next candidate of a stream of the access method's own, in ascending order of its lower
 * bounds; it is asked for no other: the next is told when this one is ranked.
 */
static inline void
pgr_ordered_stream(PgrOrdered *o, double lower, uint64 value)
{
	o->stream.has_next = true;
	o->stream.lower = lower;
	o->stream.value = value;
}

/*
 * A row of the candidate that is ranked, with its distance, not NaN. True if it is late; it is
 * dropped then but under PGR_ORDER_RELAXED.
 */
extern bool pgr_ordered_row(PgrOrdered *o, double distance, const ItemPointerData *tid);

/* ----------
 * What it asks
 * ----------
 */

/* The next step; for RANK takes the nearest candidate into `candidate`. */
extern PgrOrderedStep pgr_ordered_step(PgrOrdered *o);

/* After RETURN: the row. False at the end of the scan, or where it is beyond the radius. */
extern bool pgr_ordered_take(PgrOrdered *o, PgrOrderedRow *row);

/* Bytes in use, but for sorts. */
static inline Size
pgr_ordered_memory(const PgrOrdered *o)
{
	return ((Size) o->candidates.size + o->rows.size) * sizeof(PgrOrderedRow);
}

/* The nearest row's distance in the unit of lower bounds; there is one, not in SORTED. */
extern double pgr_ordered_nearest(const PgrOrdered *o);

/*
 * No row that is still to come is nearer; -INFINITY where only a search can tell. Where
 * bounds are in the unit of distances.
 */
extern double pgr_ordered_least(const PgrOrdered *o);

/* ----------
 * Candidates in memory
 * ----------
 */

extern void pgr_ordered_grow(PgrOrdered *o, PgrOrderedHeap *h);

typedef struct PgrOrderedCandidate
{
	double		lower;
	uint32		value;
} PgrOrderedCandidate;

StaticAssertDecl(sizeof(PgrOrderedCandidate) == sizeof(PgrOrderedRow) &&
				 offsetof(PgrOrderedCandidate, lower) == 0 &&
				 offsetof(PgrOrderedRow, distance) == 0, "heap elements are alike");

/* Adds a candidate that the access method finds by a number. */
static inline void
pgr_ordered_candidate(PgrOrdered *o, double lower, uint32 value)
{
	PgrOrderedHeap *h = &o->candidates;
	PgrOrderedCandidate *at;
	uint32		i;

	if (h->n == h->size)
		pgr_ordered_grow(o, h);
	at = h->at;
	for (i = h->n++; i > 0 && at[(i - 1) / 2].lower > lower; i = (i - 1) / 2)
		at[i] = at[(i - 1) / 2];
	at[i].lower = lower;
	at[i].value = value;
}

#endif							/* PGR_ORDERED_H */
