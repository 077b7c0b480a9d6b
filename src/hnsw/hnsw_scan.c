/*
 * hnsw_scan.c
 *		Index scans: rows in the order of the operator's own distance. See README,
 *		"Scan".
 *
 * Two stages, each ordered by distance, the second of what the first has found:
 *	 hits		nodes by the lower bound of their distance: a heap, and beside it a
 *				sort of those that memory had no room for (hnsw_spill.c)
 *	 rows		by the operator's distance, of the values read from the heap
 * A row is returned when no hit can be nearer; more nodes are searched when all
 * hits are used up. A row that is found too late, nearer than one returned already,
 * is left out: the planner was told that rows come in order.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "am/heapvalue.h"
#include "am/radius.h"
#include "am/sort.h"
#include "base/compat.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_scan_heap.h"
#include "lib/pairingheap.h"
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

/* Where the code's distance only leads to candidates there must be more of them. */
#define LED_EF 4

/*
 * A search with conditions sees so much of the neighbourhood that fewer of those
 * that pass do; README, "Filter columns".
 */
#define FILTER_EF 2

/* Of an index of so many nodes all are read before the first row: none is late. */
#define SMALL_INDEX 1000

/*
 * Where all rows within a radius are wanted, so many times as many nodes are searched for as
 * are within it.
 */
#define WITHIN_EF 4

/* A scan that goes on completes its search when that costs so many times what it spent. */
#define SPENT_SHARE 1.0

typedef struct HnswScan
{
	MemoryContext context;		/* of one scan; reset by rescan */
	PgrHnswIndex *ix;
	PgrHnswSearch *search;		/* NULL before the first row */
	PgrHeapValue *heap;
	struct varlena *query;		/* detoasted; NULL: any order */
	char	   *value;			/* of a node, as it is kept; scratch */
	double		norm2;			/* |query|^2, scaled */
	PgrFilter  *filter;			/* NULL: no conditions */
	PgrRadius	radius;			/* beyond which no row is wanted */
	double		radius_code;	/* the same, as a distance of codes */
	double		deviations;		/* by which a hit may be nearer than its code */
	uint32		ef;
	bool		went_on;		/* beyond the first ef */
	bool		searched_all;	/* the graph leads nowhere any more */
	bool		ended;			/* the whole index was read */
	bool		past;			/* no row is left, or none within the radius */
	uint32		taken;			/* hits that were put into the heap */
	PgrScanHeap	hits;
	PgrScanHeap	rows;
	PgrSort *sorted;		/* hits that memory had no room for, or NULL */
	bool		has_sorted;		/* the next of them, with its key: */
	double		sorted_lower;
	uint64		sorted_node;	/* id, generation << 32 */
	PgrSort *ranked;		/* all rows not yet returned, or NULL; see complete */
	double		last;			/* the largest distance returned */
	uint32		returned;
	uint32		popped;			/* hits that became rows */
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
	if (s->sorted != NULL)
		pgr_sort_end(s->sorted);
	if (s->ranked != NULL)
		pgr_sort_end(s->ranked);
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

/* The query's value; NULL if there is none to be near to. */
static void
start_query(IndexScanDesc scan, HnswScan *s)
{
	ScanKey		key = &scan->orderByData[0];
	PgrHnswPoint *point = palloc(sizeof(PgrHnswPoint));

	if (!(key->sk_flags & SK_ISNULL))
	{
		s->query = (struct varlena *) PG_DETOAST_DATUM(key->sk_argument);
		s->norm2 = pgr_hnsw_scale_query(s->ix, s->query);
		if (!pgr_hnsw_point_value(s->ix, s->query, true, point))
			s->query = NULL;
	}
	if (s->query == NULL)
	{
		PgrCode8	head = {0};

		pgr_hnsw_point_code(s->ix, 0, &head, palloc0(s->ix->meta.padded), point);
		s->searched_all = true;
	}
	s->search = pgr_hnsw_search_begin(s->ix, point, false);
}

/* All rows within the radius are found before the first is returned. */
static inline bool
gathers(const HnswScan *s)
{
	return s->radius.whole && !isinf(s->radius.at_most);
}

/*
 * Radius and conditions; the query is known. No distance from NULL is below any radius. From
 * a query without direction it is NaN, which some clauses let pass (1 - distance > 0): what
 * bounds numbers says nothing then.
 */
static void
start_conditions(IndexScanDesc scan, HnswScan *s)
{
	ScanKey		keys = palloc(Max(scan->numberOfKeys, 1) * sizeof(ScanKeyData));
	int			n = pgr_radius_take(scan->keyData, scan->numberOfKeys, &s->radius, keys);
	bool		bounded = !isinf(s->radius.at_most);

	if (s->query == NULL && !(scan->orderByData[0].sk_flags & SK_ISNULL))
	{
		s->radius.at_most = INFINITY;
		bounded = false;
	}
	s->ended = s->radius.none || (bounded && s->query == NULL) ||
		s->radius.at_most < pgr_distances[s->ix->cls->metric].least;
	s->radius_code = bounded && !s->ended && s->ix->cls->exact
		? pgr_hnsw_to_code_distance(s->ix, s->radius.at_most, s->norm2) : INFINITY;
	/* more than one step is not to be done */
	if (bounded && pgr_hnsw_iterative_scan == PGR_HNSW_ITERATIVE_OFF)
		s->radius.whole = false;
	if (gathers(s))
		s->deviations = CODE_ERRORS_ALL;
	if (n == 0)
		return;
	s->filter = pgr_filter_compile(s->ix->filters, keys, n);
	s->ended |= pgr_filter_never(s->filter);
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
	s->ef = pgr_hnsw_ef_search;
	s->deviations = CODE_ERRORS;
	s->last = -INFINITY;
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
	return s->ix->cls->exact ? hit->distance - s->deviations * hit->error : hit->distance;
}

/* Puts the hits that the search has added into the heap. */
static void
take_hits(HnswScan *s)
{
	const PgrHnswHit *hits;
	uint32		n = pgr_hnsw_search_hits(s->search, &hits);

	for (; s->taken < n; s->taken++)
	{
		PgrScanHit		e = {lower_bound(s, &hits[s->taken]), s->taken};

		pgr_scan_push(s->context, &s->hits, &e);
	}
}

static void
next_sorted(HnswScan *s)
{
	s->has_sorted = pgr_sort_next(s->sorted, &s->sorted_lower, &s->sorted_node);
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
	Size		heaps = ((Size) s->hits.size + s->rows.size) * sizeof(PgrScanRow);

	if (pgr_hnsw_search_visited(s->search) + pgr_hnsw_count_estimate(s->ix) >
		pgr_hnsw_max_scan_tuples)
		budget = 0;
	else
		budget = budget > heaps ? budget - heaps : 1;
	pgr_hnsw_search_limit(s->search, budget);
}

/* Puts the hits that the search has added into the sort, and takes them away from it. */
static void
sort_hits(HnswScan *s)
{
	const PgrHnswHit *hits;
	uint32		n = pgr_hnsw_search_hits(s->search, &hits);

	if (s->sorted == NULL)
		s->sorted = pgr_sort_begin();
	for (uint32 i = s->taken; i < n; i++)
		pgr_sort_put(s->sorted, lower_bound(s, &hits[i]),
						  hits[i].id | (uint64) hits[i].generation << 32);
	s->counters.spilled += n - s->taken;
	pgr_hnsw_search_forget(s->search, s->taken);
}

static void
put_ranked(HnswScan *s, const PgrScanRow *row)
{
	pgr_sort_put(s->ranked, row->distance,
					  (uint64) ItemPointerGetBlockNumber(&row->tid) << 16 |
					  ItemPointerGetOffsetNumber(&row->tid));
}

/* From now on rows go into a sort; first those that wait. */
static void
sort_rows(HnswScan *s)
{
	s->ranked = pgr_sort_begin();
	while (s->rows.n > 0)
	{
		PgrScanRow		row;

		pgr_scan_pop(&s->rows, &row);
		put_ranked(s, &row);
	}
}

/*
 * Ends the search by reading all that it has not visited, so that from then on rows
 * come in their order: in memory as far as it goes, then sorted. Where hits have no
 * bounds, all of them are ranked before the next row, and those rows are sorted.
 */
static void
complete(HnswScan *s)
{
	take_hits(s);
	if (s->taken == 0)
		s->deviations = CODE_ERRORS_ALL;
	limit_memory(s);
	pgr_hnsw_search_give_up(s->search);
	while (pgr_hnsw_search_visited(s->search) < (uint64) pgr_hnsw_max_scan_tuples &&
		   pgr_hnsw_search_rest(s->search))
	{
		CHECK_FOR_INTERRUPTS();
		if (s->sorted != NULL || pgr_hnsw_search_nearly_over(s->search))
			sort_hits(s);
		else
			take_hits(s);
	}
	if (s->sorted != NULL)
		next_sorted(s);
	if (!s->ix->cls->exact && s->query != NULL)
		sort_rows(s);
	s->searched_all = s->ended = true;
}

/*
 * Whether to complete the search instead of going on with it. That costs about what
 * was spent so far, and no later row can be late. Before the first row only where all
 * rows are wanted, or the index is so small that a walk would hardly read less.
 */
static bool
may_complete(HnswScan *s, bool first)
{
	if (pgr_hnsw_iterative_scan == PGR_HNSW_ITERATIVE_OFF || s->searched_all)
		return s->searched_all;
	if (pgr_hnsw_search_visited(s->search) + pgr_hnsw_count_estimate(s->ix) >
		pgr_hnsw_max_scan_tuples)
		return false;
	return first ? (s->radius.whole && !gathers(s)) || pgr_hnsw_count_estimate(s->ix) <= SMALL_INDEX
		: pgr_hnsw_search_rest_effort(s->search) <=
		SPENT_SHARE * pgr_hnsw_search_visited(s->search);
}

/* More of the graph, for twice as many rows than before. */
static void
walk(HnswScan *s, bool first)
{
	if (first && !s->ix->cls->exact)
		s->ef = Min((double) s->ef * LED_EF, PG_INT32_MAX);
	else if (first && s->filter != NULL &&
			 pgr_hnsw_iterative_scan != PGR_HNSW_ITERATIVE_OFF)
		s->ef = Max(s->ef / FILTER_EF, 1);
	if (!first || s->filter != NULL)
		limit_memory(s);
	if (!first)
	{
		s->went_on = true;
		s->counters.resumes++;
		s->ef = s->ef > PG_INT32_MAX / 2 ? s->ef : s->ef * 2;
	}
	s->searched_all = !pgr_hnsw_search_more(s->search, s->ef);
}

/* More hits; false at the end of the index. */
static bool
search_more(HnswScan *s)
{
	bool		first = s->taken == 0;

	if (s->ended)
		return false;
	if (!first && (pgr_hnsw_iterative_scan == PGR_HNSW_ITERATIVE_OFF ||
				   pgr_hnsw_search_visited(s->search) >= (uint64) pgr_hnsw_max_scan_tuples))
	{
		s->ended = true;
		return false;
	}
	if (may_complete(s, first))
	{
		complete(s);
		return true;
	}
	walk(s, first);
	/* what the graph does not lead to, too, before any row that is farther goes out */
	if (pgr_hnsw_search_over(s->search) ||
		(s->searched_all && pgr_hnsw_iterative_scan != PGR_HNSW_ITERATIVE_OFF))
		complete(s);
	else
		take_hits(s);
	return true;
}

/*
 * The operator's distance of the value that the node keeps, for all its rows; with
 * hnsw.rerank off also where that is rounded. False if there is none to be had.
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
	PgrScanRow		row = {0, *tid};

	if (known != NULL)
	{
		row.distance = *known;
		s->counters.ranked++;
	}
	else if (s->query != NULL && (pgr_hnsw_rerank || !s->ix->cls->exact ||
								  s->ix->meta.storage != PGR_VEC_I8))
	{
		struct varlena *value = pgr_heapvalue_get(s->heap, tid);

		if (value == NULL)
			return;
		row.distance = s->ix->cls->distance(value, s->query);
		s->counters.ranked++;
	}
	else if (s->query != NULL)
		row.distance = pgr_hnsw_from_code_distance(s->ix, hit->distance, s->norm2);
	/* heaps need an order; as in a sort the last. A vector in the index has a distance */
	if (unlikely(isnan(row.distance)))
		row.distance = INFINITY;
	if (gathers(s) && row.distance > s->radius.at_most)
		return;
	if (s->returned > 0 && row.distance < s->last)
	{
		s->counters.late++;
		if (pgr_hnsw_iterative_scan != PGR_HNSW_ITERATIVE_RELAXED)
			return;
	}
	if (s->ranked != NULL)
		put_ranked(s, &row);
	else
		pgr_scan_push(s->context, &s->rows, &row);
}

/* Ranks a node's rows, by their values in the table if it does not keep them. */
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

static bool
has_hits(const HnswScan *s)
{
	return s->hits.n > 0 || s->has_sorted;
}

/* the lower bound of the next hit; there is one */
static double
next_lower(const HnswScan *s)
{
	if (!s->has_sorted)
		return pgr_scan_key(&s->hits, 0);
	return s->hits.n > 0 ? Min(pgr_scan_key(&s->hits, 0), s->sorted_lower) : s->sorted_lower;
}

/* Makes rows of the next hit; there is one. */
static void
pop_hit(HnswScan *s)
{
	const PgrHnswHit *hits;

	if (!s->has_sorted || (s->hits.n > 0 && pgr_scan_key(&s->hits, 0) <= s->sorted_lower))
	{
		PgrScanHit		next;

		pgr_scan_pop(&s->hits, &next);
		pgr_hnsw_search_hits(s->search, &hits);
		add_rows(s, &hits[next.hit]);
		return;
	}
	if (pgr_hnsw_search_again(s->search, (PgrHnswId) s->sorted_node,
							  (uint16) (s->sorted_node >> 32)))
	{
		pgr_hnsw_search_hits(s->search, &hits);
		add_rows(s, &hits[s->taken]);
		pgr_hnsw_search_forget(s->search, s->taken);
	}
	next_sorted(s);
}

/* No hit that is not yet a row can be nearer than the nearest row. */
static bool
nearest_is_certain(const HnswScan *s)
{
	if (s->rows.n == 0)
		return false;
	if (!has_hits(s) || s->query == NULL)
		return true;
	/* a distance that only leads gives no bound: the ef nearest by it must do, or all */
	if (!s->ix->cls->exact)
		return s->popped >= s->ef && !s->ended;
	return pgr_hnsw_to_code_distance(s->ix, pgr_scan_key(&s->rows, 0), s->norm2) <= next_lower(s);
}

/*
 * The ef nearest nodes are known; others that the search has passed are not the next
 * ones until it has gone on. But whether the last rows of the ef nearest are in order
 * depends on some of those others: a quarter more are ranked for it, or a scan with
 * LIMIT ef would search twice as many nodes only to be sure of its last rows.
 */
static bool
may_rank_more(const HnswScan *s)
{
	return s->popped < s->ef ||
		(s->rows.n > 0 && s->returned < s->ef && s->popped - s->ef < s->ef / 4);
}

/*
 * The nearest row is one of the ef nearest. One ranked for their order alone is not: a
 * nearer one may not have been met yet, and would have to be left out. Where hits have
 * no bounds, only as many as ef_search is to find are.
 */
static bool
nearest_is_due(const HnswScan *s)
{
	if (!s->ix->cls->exact && !s->ended && s->returned >= s->ef / LED_EF)
		return false;
	return s->popped <= s->ef || s->returned < s->ef || s->searched_all || s->ended;
}

/*
 * A scan that has gone on looks at what may be nearer than the nearest row and is known
 * from the lists only, so that it will not be late. True if there are new hits.
 */
static bool
look_nearer(HnswScan *s)
{
	double		nearest;

	if (!s->went_on || s->ended || s->filter == NULL || s->query == NULL || !s->ix->cls->exact)
		return false;
	nearest = pgr_hnsw_to_code_distance(s->ix, pgr_scan_key(&s->rows, 0), s->norm2);
	if (!pgr_hnsw_search_nearer(s->search, nearest))
		return false;
	take_hits(s);
	return true;
}

/* The nearest of the rows in the sort, once all hits are rows. */
static bool
next_ranked(HnswScan *s, PgrScanRow *row)
{
	uint64		tid;

	while (has_hits(s))
	{
		CHECK_FOR_INTERRUPTS();
		pop_hit(s);
	}
	if (!pgr_sort_next(s->ranked, &row->distance, &tid))
		return false;
	ItemPointerSet(&row->tid, (BlockNumber) (tid >> 16), (OffsetNumber) (tid & 0xffff));
	return true;
}

/*
 * No row that is known, or that a hit could become, is within the radius. What the
 * search might find if it went on is not looked for: it has found the nearest.
 */
static bool
is_beyond(const HnswScan *s)
{
	return has_hits(s) && next_lower(s) > s->radius_code &&
		(s->rows.n == 0 || pgr_scan_key(&s->rows, 0) > s->radius.at_most);
}

/*
 * Finds the rows within the radius, where all are wanted: searches on until the nodes that
 * are within are few beside those searched for, or the search is completed, which may leave
 * hits to be ranked. Nothing is late then.
 */
static void
gather(HnswScan *s)
{
	uint64		times = WITHIN_EF * (s->ix->cls->exact ? 1 : LED_EF);
	uint32		within = 0;

	while (!s->ended && (s->taken == 0 || times * within > s->ef) && search_more(s))
	{
		while (!s->ended && has_hits(s) && next_lower(s) <= s->radius_code)
		{
			uint32		before = s->rows.n;

			CHECK_FOR_INTERRUPTS();
			pop_hit(s);
			within += s->rows.n > before;
		}
	}
}

/* The next row in order; false at the end, or where no row is nearer than the radius. */
static bool
next_row(HnswScan *s, PgrScanRow *row)
{
	if (gathers(s) && s->taken == 0)
		gather(s);
	if (gathers(s) && !s->ended)
	{
		if (s->rows.n == 0)
			return false;
		pgr_scan_pop(&s->rows, row);
		return true;
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (s->ranked != NULL)
			return next_ranked(s, row);
		if (is_beyond(s))
			return false;
		if (nearest_is_certain(s) && nearest_is_due(s))
		{
			if (look_nearer(s))
				continue;
			pgr_scan_pop(&s->rows, row);
			return true;
		}

		if (has_hits(s) && (may_rank_more(s) || s->searched_all || s->ended))
		{
			pop_hit(s);
			/* as in pgvector: no more than ef_search nodes */
			if (++s->popped >= s->ef && pgr_hnsw_iterative_scan == PGR_HNSW_ITERATIVE_OFF)
			{
				s->hits.n = 0;
				s->has_sorted = false;
			}
		}
		else if (!search_more(s) && !has_hits(s) && s->rows.n == 0)
			return false;
	}
}

bool
pgr_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	HnswScan   *s = scan->opaque;
	MemoryContext old;
	PgrScanRow		row;
	bool		found;

	if (!ScanDirectionIsForward(direction))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("hnsw indexes can only be scanned forward")));
	if (s->search == NULL)
		start_scan(scan, s);
	old = MemoryContextSwitchTo(s->context);
	found = !s->past && next_row(s, &row);
	MemoryContextSwitchTo(old);
	/* all that follow are farther, but for those that are late */
	s->past = !found || row.distance > s->radius.at_most;
	found = !s->past;
	if (!found)
		return false;
	s->last = Max(s->last, row.distance);
	s->returned++;
	pgr_tid_check(scan->indexRelation, scan->heapRelation, &row.tid);
	scan->xs_heaptid = row.tid;
	scan->xs_recheck = s->filter != NULL && pgr_filter_is_lossy(s->filter);
	scan->xs_recheckorderby = false;
	return true;
}
