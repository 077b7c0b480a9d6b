/*
 * hnsw_scan.c
 *		Index scans: rows in the order of the operator's own distance. See README,
 *		"Scan".
 *
 * The order is made by the machine of am/ordered.h. Its candidates are the nodes that the
 * search has visited (hits), by the lower bound of their distance; ranking one reads the
 * values of its rows from the heap, or from the node where it keeps them. Hits that memory has
 * no room for go into the machine's sort by id and generation, and are read again.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/relscan.h"
#include "am/heapvalue.h"
#include "am/ordered.h"
#include "am/radius.h"
#include "base/compat.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_search.h"
#include "hnsw/hnsw_tids.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/*
 * A hit's lower bound is its distance less so many standard deviations of the
 * error of its code: for a normal distribution one in 30,000 is outside.
 */
#define CODE_ERRORS 4

/* The same where all rows are known before the first is returned: one in a billion. */
#define CODE_ERRORS_ALL 6

/*
 * A search with conditions sees so much of the neighbourhood that fewer of those
 * that pass do; README, "Filter columns".
 */
#define FILTER_EF 2

/* Of an index of so many nodes all are read before the first row: none is late. */
#define SMALL_INDEX 1000

/* A scan that goes on completes its search when that costs so many times what it spent. */
#define SPENT_SHARE 1.0

typedef struct HnswScan
{
	MemoryContext context;		/* of one scan; reset by rescan */
	PgrHnswIndex *ix;
	PgrHnswSearch *search;		/* NULL before the first row */
	PgrOrdered	ordered;		/* its `wanted` is the search's ef */
	PgrHeapValue *heap;
	struct varlena *query;		/* detoasted; NULL: any order */
	char	   *value;			/* of a node, as it is kept; scratch */
	PgrFilter  *filter;			/* NULL: no conditions */
	PgrRadius	radius;			/* beyond which no row is wanted */
	double		deviations;		/* by which a hit may be nearer than its code */
	uint32		taken;			/* hits that became candidates in memory */
	bool		went_on;		/* beyond the first ef */
	PgrHnswCounters counters;	/* rescans go on counting */
} HnswScan;

PgrHnswCounters pgr_hnsw_counters;

static const PgrCounterName counter_names[] = {
	{NULL, NULL},				/* scans */
	{"nodes", "Graph Nodes Read"},
	{"codes", "Graph Codes Compared"},
	{"ranked", "Graph Rows Ranked"},
	{"resumes", "Graph Resumes"},
	{"late", "Graph Rows Late"},
	{"spilled", "Graph Nodes Spilled", true}
};

StaticAssertDecl(sizeof(PgrHnswCounters) == lengthof(counter_names) * sizeof(uint64),
				 "each counter has a name");

static const uint64 *
scan_counters(IndexScanDesc scan)
{
	return (const uint64 *) &((HnswScan *) scan->opaque)->counters;
}

const PgrCounterSet pgr_hnsw_counter_set = {
	.label = "Graph Search",
	.n = lengthof(counter_names),
	.names = counter_names,
	.totals = (uint64 *) &pgr_hnsw_counters,
	.scans = pgr_hnsw_get_tuple,
	.of_scan = scan_counters
};

/* ----------
 * Start and end
 * ----------
 */

IndexScanDesc
pgr_hnsw_begin_scan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	HnswScan   *s = palloc0(sizeof(HnswScan));

	s->context = AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = s;
	return scan;
}

static void
forget(HnswScan *s)
{
	MemoryContext context = s->context;
	PgrHnswCounters counters = s->counters;

	if (s->heap != NULL)
		pgr_heapvalue_end(s->heap);
	pgr_ordered_end(&s->ordered);
	memset(s, 0, sizeof(*s));
	s->context = context;
	s->counters = counters;
	MemoryContextReset(context);
}

void
pgr_hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	forget(scan->opaque);
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

void
pgr_hnsw_end_scan(IndexScanDesc scan)
{
	HnswScan   *s = scan->opaque;

	forget(s);
	pgr_counters_add(&pgr_hnsw_counter_set, (const uint64 *) &s->counters);
	MemoryContextDelete(s->context);
	pfree(s);
	scan->opaque = NULL;
}

/*
 * Detoasts the query and begins the search for it, all in the scan's context. s->query is NULL
 * if there is none to be near to (NULL, or a zero vector under cosine): then all rows are
 * wanted in any order, and the search gets a point at the first frame's origin.
 */
static void
start_query(IndexScanDesc scan, HnswScan *s)
{
	ScanKey		key = &scan->orderByData[0];
	PgrHnswPoint *point = palloc(sizeof(PgrHnswPoint));

	if (!(key->sk_flags & SK_ISNULL))
	{
		s->query = (struct varlena *) PG_DETOAST_DATUM(key->sk_argument);
		if (!pgr_hnsw_point_query(s->ix, s->query, point))
			s->query = NULL;
	}
	if (s->query == NULL)
	{
		PgrCode8	head = {0};

		pgr_hnsw_point_code(s->ix, 0, &head, palloc0(s->ix->meta.padded), point);
	}
	s->search = pgr_hnsw_search_begin(s->ix, point, false);
}

/* An operator's distance as one of codes, in which hits have their lower bounds. */
static double
to_bound(const void *arg, double distance)
{
	const HnswScan *s = arg;

	return pgr_vecspace_to_code(&s->ix->space, distance);
}

/*
 * The machine, with what the radius tells it; the query is known. No distance from NULL is
 * below any radius. From a query without direction it is NaN, which some clauses let pass
 * (1 - distance > 0): what bounds numbers says nothing then.
 */
static void
start_order(IndexScanDesc scan, HnswScan *s)
{
	PgrOrdered *o = &s->ordered;
	bool		bounded;

	pgr_ordered_begin(o, pgr_hnsw_iterative_scan, s->context);
	if (s->query == NULL && !(scan->orderByData[0].sk_flags & SK_ISNULL))
		s->radius.at_most = INFINITY;
	bounded = !isinf(s->radius.at_most);
	o->bounded = s->ix->cls->exact;
	o->unordered = s->query == NULL;
	o->wanted = pgr_hnsw_ef_search;
	o->to_bound = to_bound;
	o->arg = s;
	o->radius = s->radius.at_most;
	if (s->radius.none || (bounded && s->query == NULL) ||
		s->radius.at_most < pgr_distances[s->ix->cls->metric].least)
		pgr_ordered_all(o);
	else if (bounded && s->ix->cls->exact)
		o->radius_bound = to_bound(s, s->radius.at_most);
	/* more than one step is not to be done */
	if (bounded && o->mode == PGR_ORDER_OFF)
		s->radius.whole = false;
	if (s->radius.whole && bounded && o->state == PGR_ORDERED_SEARCHING)
	{
		s->deviations = CODE_ERRORS_ALL;
		pgr_ordered_gather(o);
	}
	else if (s->query == NULL && o->state == PGR_ORDERED_SEARCHING)
		pgr_ordered_sweep(o);
}

/*
 * Radius and conditions; the query is known. What is compiled of them is in the current context,
 * the scan's. No lock.
 */
static void
start_conditions(IndexScanDesc scan, HnswScan *s)
{
	ScanKey		keys = palloc(Max(scan->numberOfKeys, 1) * sizeof(ScanKeyData));
	int			n = pgr_radius_take(scan->keyData, scan->numberOfKeys, &s->radius, keys);

	start_order(scan, s);
	if (n == 0)
		return;
	s->filter = pgr_filter_compile(s->ix->filters, keys, n);
	/* as where the vector must not be NULL: the search is the one without conditions */
	if (pgr_filter_always(s->filter))
	{
		s->filter = NULL;
		return;
	}
	if (pgr_filter_never(s->filter))
		pgr_ordered_all(&s->ordered);
	if (s->ix->filters != NULL)
		pgr_hnsw_search_filter(s->search, s->filter);
}

static void
start_scan(IndexScanDesc scan, HnswScan *s)
{
	MemoryContext old;

	if (scan->numberOfOrderBys != 1)
		elog(ERROR, "cannot scan hnsw index without order");
	pgstat_count_index_scan(scan->indexRelation);
	pgr_count_index_search(scan);
	old = MemoryContextSwitchTo(s->context);
	s->ix = pgr_hnsw_open(scan->indexRelation);
	s->ix->counters = &s->counters;
	s->counters.scans++;
	s->heap = pgr_heapvalue_begin(scan);
	s->deviations = CODE_ERRORS;
	start_query(scan, s);
	start_conditions(scan, s);
	MemoryContextSwitchTo(old);
}

/* ----------
 * Stages
 * ----------
 */

/* What hits are ordered by. */
static double
lower_bound(const HnswScan *s, const PgrHnswHit *hit)
{
	return !s->ix->cls->exact ? hit->distance :
		pgr_vecspace_lower_bound(&s->ix->space, hit->distance, s->deviations * hit->error);
}

/*
 * Makes candidates of the hits that the search has added, in memory. They are named by their
 * number, because the array of hits moves.
 */
static void
take_hits(HnswScan *s)
{
	const PgrHnswHits *hits = &s->search->hits;

	for (; s->taken < hits->n; s->taken++)
		pgr_ordered_candidate(&s->ordered, lower_bound(s, &hits->at[s->taken]), s->taken);
}

/*
 * Lets the search go on with the memory that a scan may have. Without conditions the
 * first step has what ef_search takes. Where max_scan_tuples ends a scan before all
 * nodes were visited, it bounds the memory too, and all nodes must not be visited.
 */
static void
limit_memory(HnswScan *s)
{
	Size		budget = (Size) (work_mem * 1024.0 * pgr_hnsw_scan_mem_multiplier);
	Size		heaps = pgr_ordered_memory(&s->ordered);

	if (s->search->hits.nvisited + pgr_hnsw_count_estimate(s->ix) >
		pgr_hnsw_max_scan_tuples)
		budget = 0;
	else
		budget = budget > heaps ? budget - heaps : 1;
	s->search->hits.budget = budget;
}

/*
 * Spills the hits that the search has added, and takes them away from it. The sort keeps id
 * and generation only; a hit is made again when its turn comes, if the node is still there.
 */
static void
sort_hits(HnswScan *s)
{
	const PgrHnswHit *hits = s->search->hits.at;
	uint32		n = s->search->hits.n;

	for (uint32 i = s->taken; i < n; i++)
		pgr_ordered_spill(&s->ordered, lower_bound(s, &hits[i]),
						  hits[i].id | (uint64) hits[i].generation << 32);
	s->counters.spilled += n - s->taken;
	pgr_hnsw_hits_forget(&s->search->hits, s->taken);
}

/*
 * Ends the search by reading all that it has not visited, so that from then on rows
 * come in their order: in memory as far as it goes, then sorted. Where hits have no
 * bounds, all of them are ranked before the next row, and those rows are sorted.
 */
static void
complete(HnswScan *s)
{
	PgrOrdered *o = &s->ordered;

	take_hits(s);
	if (s->taken == 0)
		s->deviations = CODE_ERRORS_ALL;
	limit_memory(s);
	pgr_hnsw_search_give_up(s->search);
	while (s->search->hits.nvisited < (uint64) pgr_hnsw_max_scan_tuples &&
		   pgr_hnsw_search_more(s->search, 0))
	{
		CHECK_FOR_INTERRUPTS();
		if (o->stream.sort != NULL || pgr_hnsw_hits_nearly_over(&s->search->hits))
			sort_hits(s);
		else
			take_hits(s);
	}
	pgr_ordered_spilled(o);
	if (o->bounded || o->unordered)
		pgr_ordered_all(o);
	else
		pgr_ordered_sort(o);
}

/*
 * Whether to complete the search instead of going on with it. That costs about what
 * was spent so far, and no later row can be late. Before the first row only where all
 * rows are wanted, or the index is so small that a walk would hardly read less.
 */
static bool
may_complete(const HnswScan *s, bool first)
{
	const PgrOrdered *o = &s->ordered;

	if (o->mode == PGR_ORDER_OFF || o->state == PGR_ORDERED_SWEEPING)
		return o->state == PGR_ORDERED_SWEEPING;
	if (s->search->hits.nvisited + pgr_hnsw_count_estimate(s->ix) >
		pgr_hnsw_max_scan_tuples)
		return false;
	return first ? (s->radius.whole && !o->gathers) ||
		pgr_hnsw_count_estimate(s->ix) <= SMALL_INDEX
		: pgr_hnsw_search_rest_effort(s->search) <=
		SPENT_SHARE * s->search->hits.nvisited;
}

/* More of the graph, for twice as many rows than before; false if it leads to no more. */
static bool
walk(HnswScan *s, bool first)
{
	PgrOrdered *o = &s->ordered;

	if (first && !o->bounded)
		o->wanted = Min((double) o->wanted * PGR_ORDERED_LED, PG_INT32_MAX);
	else if (first && s->filter != NULL && o->mode != PGR_ORDER_OFF)
		o->wanted = Max(o->wanted / FILTER_EF, 1);
	if (!first || s->filter != NULL)
		limit_memory(s);
	if (!first)
	{
		s->went_on = true;
		s->counters.resumes++;
		o->wanted = o->wanted > PG_INT32_MAX / 2 ? o->wanted : o->wanted * 2;
	}
	return pgr_hnsw_search_more(s->search, o->wanted);
}

/* More hits, or the end of the search. */
static void
search_more(HnswScan *s)
{
	PgrOrdered *o = &s->ordered;
	bool		first = s->taken == 0;
	bool		exhausted;

	if (!first && (o->mode == PGR_ORDER_OFF ||
				   s->search->hits.nvisited >= (uint64) pgr_hnsw_max_scan_tuples))
	{
		pgr_ordered_all(o);
		return;
	}
	if (may_complete(s, first))
	{
		complete(s);
		return;
	}
	exhausted = !walk(s, first);
	/* what the graph does not lead to, too, before any row that is farther goes out */
	if (pgr_hnsw_hits_over(&s->search->hits) || (exhausted && o->mode != PGR_ORDER_OFF))
	{
		complete(s);
		return;
	}
	take_hits(s);
	if (exhausted && s->taken > 0)
		pgr_ordered_all(o);
	else if (exhausted)
		pgr_ordered_sweep(o);
}

/*
 * The operator's distance of the value that the node keeps, for all its rows; with hnsw.rerank
 * off also where that is rounded. False if there is none to be had. Locks the node's page,
 * shared, to copy the value into scratch memory of the scan. Raises where the page has a value
 * of another length.
 */
static bool
node_distance(HnswScan *s, const PgrHnswHit *hit, double *distance)
{
	const PgrHnswIndex *ix = s->ix;
	const struct varlena *value;

	if (s->query == NULL || ix->meta.storage == PGR_VEC_I8 ||
		(ix->meta.storage == PGR_VEC_F16 && pgr_hnsw_rerank))
		return false;
	if (s->value == NULL)
		s->value = palloc(ix->meta.value_size);
	if (!pgr_hnsw_node_value(ix, hit->id, hit->generation, s->value))
		return false;
	if (!pgr_vecclass_kept_fits(ix->cls, ix->meta.storage, s->value, ix->meta.dim))
		pgr_page_corrupt(ix->rel, PGR_HNSW_BLOCK(&ix->meta, hit->id),
						 "it has a value of another length");
	value = pgr_vecclass_kept(ix->cls, ix->meta.storage, s->value);
	if (value == NULL)
		return false;
	*distance = ix->cls->distance(value, s->query);
	if ((const char *) value != s->value)
		pfree(unconstify(struct varlena *, value));
	return true;
}

/* known: that of the node's value, or NULL. */
static void
add_row(HnswScan *s, ItemPointer tid, const PgrHnswHit *hit, const double *known)
{
	double		distance = 0;

	if (known != NULL)
	{
		distance = *known;
		s->counters.ranked++;
	}
	else if (s->query != NULL && (pgr_hnsw_rerank || !s->ix->cls->exact ||
								  s->ix->meta.storage != PGR_VEC_I8))
	{
		struct varlena *value = pgr_heapvalue_get(s->heap, tid);

		if (value == NULL)
			return;
		distance = s->ix->cls->distance(value, s->query);
		s->counters.ranked++;
	}
	else if (s->query != NULL)
		distance = pgr_vecspace_to_operator(&s->ix->space, hit->distance);
	/* an order needs numbers; as in a sort the last. A vector in the index has a distance */
	if (unlikely(isnan(distance)))
		distance = INFINITY;
	s->counters.late += pgr_ordered_row(&s->ordered, distance, tid);
}

/*
 * Ranks a node's rows, by their values in the table if it does not keep them. The hit is
 * copied first, because a search in between may move the array. TIDS slots are read one after
 * the other, locked one at a time; the tids are freed.
 */
static void
add_rows(HnswScan *s, const PgrHnswHit *hit)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	PgrHnswHit	h = *hit;		/* the array may move */
	ItemPointerData *tids = palloc(PGR_HNSW_SLOT_TIDS(meta) * sizeof(ItemPointerData));
	double		distance;
	double	   *known = node_distance(s, &h, &distance) ? &distance : NULL;
	PgrHnswChain chain = PGR_HNSW_CHAIN(h.id, h.generation, h.more);

	for (int i = 0; i < h.ntids; i++)
		add_row(s, &h.tids[i], &h, known);
	while (chain.slot != PGR_HNSW_NO_ID)
	{
		uint32		n;

		CHECK_FOR_INTERRUPTS();
		n = pgr_hnsw_slot_tids(s->ix, &chain, s->filter, tids);
		for (uint32 i = 0; i < n; i++)
			add_row(s, &tids[i], &h, known);
	}
	pfree(tids);
}

/* Makes rows of the machine's candidate: a hit in memory, or a node that is read again. */
static void
rank(HnswScan *s)
{
	const PgrCandidate *c = &s->ordered.candidate;

	if (!c->streamed)
	{
		add_rows(s, &s->search->hits.at[c->value]);
		return;
	}
	if (!pgr_hnsw_search_again(s->search, (PgrHnswId) c->value, (uint16) (c->value >> 32)))
		return;
	add_rows(s, &s->search->hits.at[s->taken]);
	pgr_hnsw_hits_forget(&s->search->hits, s->taken);
}

/*
 * A scan that has gone on looks at what may be nearer than the nearest row and is known
 * from the lists only, so that it will not be late. True if there are new hits.
 */
static bool
look_nearer(HnswScan *s)
{
	const PgrOrdered *o = &s->ordered;

	if (!s->went_on || o->state != PGR_ORDERED_SEARCHING || s->filter == NULL || o->unordered ||
		!o->bounded || !pgr_hnsw_search_nearer(s->search, pgr_ordered_nearest(o)))
		return false;
	take_hits(s);
	return true;
}

/* The next row in order; false at the end, or where no row is nearer than the radius. */
static bool
next_row(HnswScan *s, PgrOrderedRow *row)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (pgr_ordered_step(&s->ordered))
		{
			case PGR_STEP_SEARCH:
				search_more(s);
				break;
			case PGR_STEP_RANK:
				rank(s);
				break;
			case PGR_STEP_RETURN:
				if (!look_nearer(s))
					return pgr_ordered_take(&s->ordered, row);
				break;
			case PGR_STEP_END:
				return false;
		}
	}
}

bool
pgr_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	HnswScan   *s = scan->opaque;
	MemoryContext old;
	PgrOrderedRow row;
	bool		found;

	if (!ScanDirectionIsForward(direction))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("hnsw indexes can only be scanned forward")));
	if (s->search == NULL)
		start_scan(scan, s);
	old = MemoryContextSwitchTo(s->context);
	found = next_row(s, &row);
	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	pgr_tid_check(scan->indexRelation, scan->heapRelation, &row.tid);
	scan->xs_heaptid = row.tid;
	scan->xs_recheck = s->filter != NULL && pgr_filter_is_lossy(s->filter);
	scan->xs_recheckorderby = false;
	return true;
}
