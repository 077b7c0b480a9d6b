/*
 * hnsw_scan_heap.h
 *		What waits in a scan, nearest first: nodes by their bounds, rows by their distances.
 */
#ifndef PGR_HNSW_SCAN_HEAP_H
#define PGR_HNSW_SCAN_HEAP_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/memutils.h"

typedef struct PgrScanHit
{
	double		lower;
	uint32		hit;
} PgrScanHit;

typedef struct PgrScanRow
{
	double		distance;		/* the operator's */
	ItemPointerData tid;
} PgrScanRow;

/* A min-heap of either. */
typedef struct PgrScanHeap
{
	void	   *at;
	uint32		n;
	uint32		size;
} PgrScanHeap;

/*
 * Both element types begin with their key. Written once for both; elements are
 * small and moved by memcpy of constant size.
 */
StaticAssertDecl(sizeof(PgrScanHit) == sizeof(PgrScanRow) && offsetof(PgrScanHit, lower) == 0 &&
				 offsetof(PgrScanRow, distance) == 0, "heap elements are alike");

static inline double
pgr_scan_key(const PgrScanHeap *h, uint32 i)
{
	return ((const PgrScanRow *) h->at)[i].distance;
}

static inline void
pgr_scan_push(MemoryContext context, PgrScanHeap *h, const void *element)
{
	PgrScanRow    *at;
	PgrScanRow		e;
	uint32		i;

	memcpy(&e, element, sizeof(e));
	if (h->n == h->size)
	{
		Size		size = h->size == 0 ? 64 : mul_size(h->size, 2);

		h->at = h->at == NULL
			? MemoryContextAllocHuge(context, size * sizeof(PgrScanRow))
			: repalloc_huge(h->at, mul_size(size, sizeof(PgrScanRow)));
		h->size = size;
	}
	at = h->at;
	for (i = h->n++; i > 0 && at[(i - 1) / 2].distance > e.distance; i = (i - 1) / 2)
		at[i] = at[(i - 1) / 2];
	at[i] = e;
}

static inline void
pgr_scan_pop(PgrScanHeap *h, void *element)
{
	PgrScanRow    *at = h->at;
	PgrScanRow		last = at[--h->n];
	uint32		i = 0;

	memcpy(element, &at[0], sizeof(PgrScanRow));
	for (;;)
	{
		uint32		child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && at[child + 1].distance < at[child].distance)
			child++;
		if (last.distance <= at[child].distance)
			break;
		at[i] = at[child];
		i = child;
	}
	at[i] = last;
}

#endif							/* PGR_HNSW_SCAN_HEAP_H */
