/*
 * hnsw_hits.c
 *		The result set of a search: hits, the nearest distances, memory. See README,
 *		"Search".
 *
 * A page is locked (shared) while its nodes are scored. Nothing waits, allocates or raises
 * under that lock, except that a record is checked and the further pages of a large node
 * are read before its numbers are used.
 */
#include "postgres.h"

#include "hnsw/hnsw_hits.h"
#include "hnsw/hnsw_tids.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

void
pgr_hnsw_hits_begin(PgrHnswHits *h, const PgrHnswIndex *ix, PgrHnswPoint *point, bool keep_codes)
{
	h->ix = ix;
	h->context = CurrentMemoryContext;
	h->given = h->point = point;
	if (keep_codes && !pgr_vecspace_is_euclidean(&ix->space))
	{
		h->point = palloc(sizeof(PgrHnswPoint));
		pgr_hnsw_point_stretch(point, h->point);
	}
	pgr_hnsw_view_query(h->point, h->point->frame);
	h->keep_codes = keep_codes;
	h->visited = pgr_hnsw_visited_create(h->context, 1024, NULL);
	if (keep_codes)
		h->floats = palloc(ix->meta.padded * sizeof(float));
	if (ix->meta.parts > 1)
		h->scratch = palloc(ix->meta.node_size);
}

Size
pgr_hnsw_hits_memory(const PgrHnswHits *h)
{
	return (Size) h->size * sizeof(PgrHnswHit) + (Size) h->kept.size * sizeof(float) + h->others +
		(h->visited == NULL ? 0 : h->visited->size * sizeof(PgrHnswVisited));
}

/* ----------
 * The nearest distances
 * ----------
 */

/*
 * A heap of its own, not one of candidates: only the distances count, it is asked for its
 * worst at each estimate, and it never outgrows ef.
 */
void
pgr_hnsw_kept_push(PgrHnswHits *h, uint32 ef, float distance)
{
	float	   *b = h->kept.at;
	uint32		i;

	if (h->kept.n == ef)
	{
		if (distance >= b[0])
			return;
		/* replace the largest, then sift down */
		for (i = 0;;)
		{
			uint32		child = 2 * i + 1;

			if (child >= ef)
				break;
			if (child + 1 < ef && b[child + 1] > b[child])
				child++;
			if (distance >= b[child])
				break;
			b[i] = b[child];
			i = child;
		}
		b[i] = distance;
		return;
	}
	for (i = h->kept.n++; i > 0; i = (i - 1) / 2)
	{
		uint32		parent = (i - 1) / 2;

		if (b[parent] >= distance)
			break;
		b[i] = b[parent];
	}
	b[i] = distance;
}

void
pgr_hnsw_kept_reset(PgrHnswHits *h, uint32 ef)
{
	if (ef > h->kept.size)
	{
		if (h->kept.at != NULL)
			pfree(h->kept.at);
		h->kept.at = MemoryContextAllocHuge(h->context, mul_size(ef, sizeof(float)));
		h->kept.size = ef;
	}
	h->kept.n = 0;
	for (uint32 i = 0; i < h->n; i++)
		pgr_hnsw_kept_push(h, ef, (float) h->at[i].distance);
}

/* ----------
 * Hits
 * ----------
 */

/*
 * Room for more hits, their codes and heads too. Arrays double, so that a search allocates a
 * few times whatever it finds. Not under a lock; in the hits' context.
 */
static void
reserve_hits(PgrHnswHits *h, uint32 more)
{
	Size		size = h->size == 0 ? 64 : mul_size(h->size, 2);

	if (h->size - h->n >= more)
		return;
	while (size - h->n < more)
		size = mul_size(size, 2);
	if (h->at == NULL)
		h->at = MemoryContextAllocHuge(h->context, size * sizeof(PgrHnswHit));
	else
		h->at = repalloc_huge(h->at, mul_size(size, sizeof(PgrHnswHit)));
	if (h->keep_codes && h->codes == NULL)
	{
		h->codes = MemoryContextAllocHuge(h->context, mul_size(size, h->ix->meta.padded));
		h->heads = MemoryContextAllocHuge(h->context, mul_size(size, sizeof(PgrCode8)));
	}
	else if (h->keep_codes)
	{
		h->codes = repalloc_huge(h->codes, mul_size(size, h->ix->meta.padded));
		h->heads = repalloc_huge(h->heads, mul_size(size, sizeof(PgrCode8)));
	}
	h->size = size;
}

void
pgr_hnsw_hits_room(PgrHnswHits *h, uint32 hits, PgrHnswCandidates *candidates, uint32 met)
{
	Assert(CritSectionCount == 0);
	reserve_hits(h, hits);
	/* an insert would grow the set at its threshold, wherever it then is */
	while (h->visited->grow_threshold - h->visited->members < met)
		pgr_hnsw_visited_grow(h->visited, h->visited->size * 2);
	if (candidates != NULL)
		pgr_hnsw_reserve(h->context, &h->others, candidates, met);
}

bool
pgr_hnsw_hits_add(PgrHnswHits *h, PgrHnswId id, const PgrHnswView *view, const PgrHnswNode *node,
				  double *distance)
{
	PgrHnswHit *hit = &h->at[h->n];
	const PgrHnswMeta *meta = &h->ix->meta;

	/* also of a dead node, whose edges the caller follows from that distance */
	*distance = pgr_code8_distance(&view->head, view->code, &node->head,
								   PGR_HNSW_CODE(meta, node), meta->padded);
	if (node->flags & PGR_HNSW_DEAD)
		return false;
	Assert(h->n < h->size);
	hit->distance = *distance;
	hit->error = (float) pgr_code8_error(&view->head, &node->head, meta->padded, *distance);
	hit->generation = node->generation;
	hit->frame = node->frame;
	hit->id = id;
	hit->more = node->more;
	hit->ntids = 0;
	for (uint32 i = 0; i < Min(node->ntids, PGR_HNSW_INLINE_TIDS); i++)
	{
		const char *item = PGR_HNSW_ITEM(meta, node, i);

		if (h->filter == NULL || pgr_filter_match(h->filter, PGR_HNSW_ITEM_FILTER(item)))
			hit->tids[hit->ntids++] = *PGR_HNSW_ITEM_TID(item);
	}
	if (hit->ntids == 0 && hit->more == PGR_HNSW_NO_ID)
		return false;
	if (h->keep_codes)
		pgr_hnsw_bring_home(h->point, node->frame, &node->head, PGR_HNSW_CODE(meta, node),
							h->floats, &h->heads[h->n],
							h->codes + (Size) h->n * meta->padded);
	h->n++;
	return true;
}

bool
pgr_hnsw_hits_confirm(PgrHnswHits *h)
{
	PgrHnswHit *hit = &h->at[h->n - 1];
	PgrHnswChain chain = PGR_HNSW_CHAIN(hit->id, hit->generation, hit->more);

	if (hit->ntids > 0 || h->filter == NULL)
		return true;
	while (chain.slot != PGR_HNSW_NO_ID)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgr_hnsw_slot_tids(h->ix, &chain, h->filter, h->slot_tids) > 0)
			return true;
	}
	h->n--;
	return false;
}

/* ----------
 * Nodes that are given
 * ----------
 */

uint32
pgr_hnsw_hits_take(PgrHnswHits *h, const PgrHnswId *ids, uint32 n, bool *confirm)
{
	const PgrHnswIndex *ix = h->ix;
	BlockNumber block = PGR_HNSW_BLOCK(&ix->meta, ids[0]);
	uint32		frame = PGR_HNSW_NO_FRAME;
	bool		stop = false;
	Page		page;
	Buffer		buffer;
	uint32		i;

	reserve_hits(h, ix->meta.nodes_per_page);
	buffer = pgr_hnsw_node_page(ix, block, BUFFER_LOCK_SHARE, &page);
	/* pages of lists, and further parts of nodes, lie between those of nodes */
	h->no_nodes = page == NULL &&
		(!BufferIsValid(buffer) || (ix->filters == NULL && ix->meta.parts == 1));
	for (i = 0; !stop && i < n && PGR_HNSW_BLOCK(&ix->meta, ids[i]) == block; i++)
	{
		const PgrHnswNode *node;
		const PgrHnswView *view;
		double		distance;

		if (page == NULL)
			continue;
		node = pgr_hnsw_node_links_at(ix, page, ids[i], h->scratch);
		view = h->point->views[node->frame];
		if (view == NULL)
		{
			frame = node->frame;
			break;
		}
		ix->counters->nodes++;
		PGR_HNSW_LOCKED();
		stop = node->flags == PGR_HNSW_USED &&
			pgr_hnsw_hits_add(h, ids[i], view, node, &distance) &&
			confirm != NULL && h->at[h->n - 1].ntids == 0;
		PGR_HNSW_UNLOCKING();
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	if (frame != PGR_HNSW_NO_FRAME)
		pgr_hnsw_view(h->point, frame);
	if (confirm != NULL)
		*confirm = stop;
	return i;
}

uint32
pgr_hnsw_visit_page(PgrHnswHits *h, const PgrHnswId *ids, uint32 n)
{
	const PgrHnswMeta *meta = &h->ix->meta;
	uint32		i = 0;

	while (i < n && PGR_HNSW_BLOCK(meta, ids[i]) == PGR_HNSW_BLOCK(meta, ids[0]))
	{
		bool		confirm;

		i += pgr_hnsw_hits_take(h, ids + i, n - i, &confirm);
		if (confirm)
			pgr_hnsw_hits_confirm(h);
	}
	h->nvisited++;
	return i;
}
