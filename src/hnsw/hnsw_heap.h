/*
 * hnsw_heap.h
 *		Nodes that a search has not yet visited, the nearest first.
 */
#ifndef PGR_HNSW_HEAP_H
#define PGR_HNSW_HEAP_H

#include "postgres.h"

#include "base/compat.h"
#include "hnsw/hnsw_page.h"
#include "utils/memutils.h"

/* A node not yet visited. */
typedef struct PgrHnswCandidate
{
	float		key;			/* its estimated distance */
	PgrHnswId	id;
} PgrHnswCandidate;

/* A growing array of them, or a min-heap. Zeroed: empty. */
typedef struct PgrHnswCandidates
{
	PgrHnswCandidate *at;
	uint32		n;
	uint32		size;
} PgrHnswCandidates;

/*
 * Room for some more, so that nothing is allocated under a lock. memory: bytes in use, to which
 * what it grows by is added.
 */
static inline void
pgr_hnsw_reserve(MemoryContext context, Size *memory, PgrHnswCandidates *c, uint32 more)
{
	Size		size = Max(c->size, 1024);

	if (c->at != NULL && c->size - c->n >= more)
		return;
	while (size - c->n < more)
		size = mul_size(size, 2);
	if (size > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many candidates in a search of an hnsw index")));
	c->at = c->at == NULL
		? MemoryContextAllocHuge(context, mul_size(size, sizeof(PgrHnswCandidate)))
		: repalloc_huge(c->at, mul_size(size, sizeof(PgrHnswCandidate)));
	*memory += (size - c->size) * sizeof(PgrHnswCandidate);
	c->size = size;
}

/* Frees them. */
static inline void
pgr_hnsw_candidates_free(Size *memory, PgrHnswCandidates *c)
{
	if (c->at != NULL)
		pfree(c->at);
	*memory -= c->size * sizeof(PgrHnswCandidate);
	memset(c, 0, sizeof(*c));
}

/* Adds to a heap, for which there is room. */
static inline void
pgr_hnsw_push(PgrHnswCandidates *c, float key, PgrHnswId id)
{
	uint32		i = c->n++;

	while (i > 0)
	{
		uint32		parent = (i - 1) / 2;

		if (c->at[parent].key <= key)
			break;
		c->at[i] = c->at[parent];
		i = parent;
	}
	c->at[i] = (PgrHnswCandidate) {key, id};
}

/* Puts another in the place of the first of a heap, which may be empty but has room. */
static inline void
pgr_hnsw_replace(PgrHnswCandidates *c, PgrHnswCandidate by)
{
	uint32		i = 0;

	for (;;)
	{
		uint32		child = 2 * i + 1;

		if (child >= c->n)
			break;
		if (child + 1 < c->n && c->at[child + 1].key < c->at[child].key)
			child++;
		if (by.key <= c->at[child].key)
			break;
		c->at[i] = c->at[child];
		i = child;
	}
	c->at[i] = by;
}

/* Takes the first of a heap that is not empty. */
static inline PgrHnswId
pgr_hnsw_pop(PgrHnswCandidates *c)
{
	PgrHnswId	id = c->at[0].id;

	c->n--;
	pgr_hnsw_replace(c, c->at[c->n]);
	return id;
}

#endif							/* PGR_HNSW_HEAP_H */
