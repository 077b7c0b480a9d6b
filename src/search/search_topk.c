/*
 * search_topk.c
 *		The best k hits of a search, over all segments.
 *
 * A binary heap with the worst hit on top. The order of hits is total: score
 * descending, then tid ascending, so that a later search can resume strictly
 * after the last hit.
 *
 * The heap moves hits of 40 bytes; k is at most what a scan asks for at a time, so the
 * order of hits in it costs more than their moves. Nothing is freed but with the memory
 * context that the top-k was made in.
 */
#include "postgres.h"

#include "search/search.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define PGR_TOPK_FIRST 64		/* hits allocated at first */

ItemPointer
pgr_topk_tid(const PgrTopK *top, PgrHit *hit)
{
	if (!ItemPointerIsValid(&hit->tid))
		pgr_segment_tid(top->segments[hit->source], hit->doc, &hit->tid);
	return &hit->tid;
}

/*
 * Does a come after b in the order of results? Reads tids, which cost a page
 * each, only of hits of equal score whose documents' order does not tell.
 */
static inline bool
hit_worse(const PgrTopK *top, PgrHit *a, PgrHit *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	if (a->source == b->source && !ItemPointerIsValid(&a->tid) &&
		pgr_segment_sorted(top->segments[a->source]))
		return a->doc > b->doc;
	return ItemPointerCompare(pgr_topk_tid(top, a), pgr_topk_tid(top, b)) > 0;
}

/* Room for few hits at first: k may be a LIMIT of millions that nobody reaches. */
void
pgr_topk_init(PgrTopK *top, int k, PgrSegment **segments, bool has_after,
			  double after_score, ItemPointer after_tid)
{
	Assert(k >= 1);
	memset(top, 0, sizeof(*top));
	top->k = k;
	top->segments = segments;
	top->nalloc = Min(k, PGR_TOPK_FIRST);
	top->heap = palloc(sizeof(PgrHit) * top->nalloc);
	top->threshold = -get_float8_infinity();
	top->has_after = has_after;
	if (has_after)
	{
		top->after_score = after_score;
		top->after_tid = *after_tid;
	}
}

/* Puts `hit` into the free place i, or above it where it is worse than what is there. */
static void
sift_up(PgrTopK *top, int i, PgrHit *hit)
{
	PgrHit	   *heap = top->heap;

	while (i > 0)
	{
		int			parent = (i - 1) / 2;

		if (!hit_worse(top, hit, &heap[parent]))
			break;
		heap[i] = heap[parent];
		i = parent;
	}
	heap[i] = *hit;
}

/* The same downwards, in a heap of n. */
static void
sift_down(PgrTopK *top, int n, int i, PgrHit *hit)
{
	PgrHit	   *heap = top->heap;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && hit_worse(top, &heap[child + 1], &heap[child]))
			child++;
		if (!hit_worse(top, &heap[child], hit))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = *hit;
}

/*
 * A hit at or before "after" has been returned already. Of equal score the tid
 * decides, which is looked up for that.
 */
void
pgr_topk_add(PgrTopK *top, PgrHit *hit)
{
	if (top->has_after &&
		(hit->score > top->after_score ||
		 (hit->score == top->after_score &&
		  ItemPointerCompare(pgr_topk_tid(top, hit), &top->after_tid) <= 0)))
		return;
	if (top->n < top->k)
	{
		if (top->n == top->nalloc)
		{
			top->nalloc = Min((int64) top->k, (int64) top->nalloc * 2);
			top->heap = repalloc_huge(top->heap, mul_size(sizeof(PgrHit), top->nalloc));
		}
		sift_up(top, top->n++, hit);
	}
	else if (hit_worse(top, &top->heap[0], hit))
		sift_down(top, top->n, 0, hit);
	if (top->n == top->k)
		top->threshold = top->heap[0].score;
}

/* Heap sort in place: the worst goes to the end, again and again. */
void
pgr_topk_finish(PgrTopK *top)
{
	for (int n = top->n - 1; n > 0; n--)
	{
		PgrHit		last = top->heap[n];

		top->heap[n] = top->heap[0];
		sift_down(top, n, 0, &last);
	}
}
