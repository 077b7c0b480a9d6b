/*
 * hnsw_sweep.c
 *		Reading the rest of an index. See README, "Memory".
 *
 * A walk of the graph remembers every node it has met. When that gets too much, or would not
 * be less work, it is given up: the node pages are read one after the other, those that the
 * lists name if there is a filter, and nodes that were no hits become hits. The scan sorts
 * them, on disk if need be.
 */
#include "postgres.h"

#include "base/order.h"
#include "hnsw/hnsw_sweep.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/*
 * What reading the rest costs, a node visited by a walk being 1: a page, in their order, or of
 * a list; a node; and a row to rank, as all are where hits have no bounds.
 */
#define READ_PAGE 0.3
#define READ_NODE 0.05
#define RANK_ROW 0.2

#define ST_SORT sort_ids
#define ST_ELEMENT_TYPE PgrHnswId
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

double
pgr_hnsw_sweep_effort(const PgrHnswIndex *ix, double pages, double nodes)
{
	return READ_PAGE * pages + (READ_NODE + (ix->cls->exact ? 0 : RANK_ROW)) * nodes;
}

/*
 * The next id that the lists have named, in w->next_wanted; has_wanted is false behind the
 * last.
 */
static void
next_wanted(PgrHnswSweep *w)
{
	double		key;
	uint64		id;

	w->has_wanted = pgr_sort_next(w->wanted, &key, &id);
	w->next_wanted = (PgrHnswId) id;
}

/*
 * With conditions, the lists say which nodes must be looked at; their ids are sorted, on disk
 * if need be. Reads all lists, one page at a time; memory of the current context, which must
 * be the search's.
 */
static void
read_lists(PgrHnswSweep *w)
{
	PgrHnswMatches *matches = pgr_hnsw_matches_begin(w->hits->ix, w->hits->point, w->hits->filter);
	const PgrHnswMatch *at;
	uint32		n;

	w->wanted = pgr_sort_begin();
	while (pgr_hnsw_matches_next(matches, &at, &n))
		for (uint32 i = 0; i < n; i++)
			pgr_sort_put(w->wanted, at[i].id, at[i].id);
	next_wanted(w);
}

void
pgr_hnsw_sweep_begin(PgrHnswSweep *w, PgrHnswHits *h)
{
	w->hits = h;
	if (h->kept.at != NULL)
		pfree(h->kept.at);
	h->kept = (PgrHnswKept) {NULL};
	pgr_hnsw_visited_destroy(h->visited);
	h->visited = NULL;
	w->nknown = h->n;
	w->known = MemoryContextAllocHuge(h->context, Max(w->nknown, 1) * sizeof(PgrHnswId));
	h->others += (Size) w->nknown * sizeof(PgrHnswId);
	for (uint32 i = 0; i < w->nknown; i++)
		w->known[i] = h->at[i].id;
	sort_ids(w->known, w->nknown);
	w->block = h->ix->meta.node_block;
	w->page_ids = MemoryContextAlloc(h->context, h->ix->meta.nodes_per_page * sizeof(PgrHnswId));
	if (h->filter != NULL && !h->complete)
		read_lists(w);
}

/*
 * Whether a node was a hit when the sweep began. Ids ascend from call to call, so one pass
 * over the sorted ids answers for all.
 */
static bool
was_known(PgrHnswSweep *w, PgrHnswId id)
{
	while (w->next_known < w->nknown && w->known[w->next_known] < id)
		w->next_known++;
	return w->next_known < w->nknown && w->known[w->next_known] == id;
}

/*
 * The next page to be read, or InvalidBlockNumber, and in page_ids those of its nodes that may
 * be wanted and were not hits. Without a filter every block up to the end of the index, with
 * one those that the lists name. Reads no page itself.
 */
static BlockNumber
next_page(PgrHnswSweep *w, uint32 *n)
{
	const PgrHnswMeta *meta = &w->hits->ix->meta;
	BlockNumber block = w->block;

	*n = 0;
	if (w->wanted != NULL)
	{
		PgrHnswId	last = PGR_HNSW_NO_ID;

		if (!w->has_wanted)
			return InvalidBlockNumber;
		block = PGR_HNSW_BLOCK(meta, w->next_wanted);
		for (; w->has_wanted && PGR_HNSW_BLOCK(meta, w->next_wanted) == block; next_wanted(w))
		{
			if (w->next_wanted != last && !was_known(w, w->next_wanted))
				w->page_ids[(*n)++] = w->next_wanted;
			last = w->next_wanted;
		}
		return block;
	}
	if (block >= RelationGetNumberOfBlocks(w->hits->ix->rel))
		return InvalidBlockNumber;
	w->block++;
	for (uint32 slot = 0; slot < meta->nodes_per_page; slot++)
		if (!was_known(w, block * meta->nodes_per_page + slot))
			w->page_ids[(*n)++] = block * meta->nodes_per_page + slot;
	return block;
}

/*
 * Keeps a page without nodes in mind, in the hits' context; raises if the lists have named
 * nodes of it. Whether it matters is known at the end: check_missing.
 */
static void
note_missing(PgrHnswSweep *w, BlockNumber block)
{
	uint32		n = w->nmissing;

	if (w->wanted != NULL)
		UnlockReleaseBuffer(pgr_page_read(w->hits->ix->rel, block, PGR_PAGE_HNSW_NODE,
										  BUFFER_LOCK_SHARE));
	if (w->missing == NULL)
		w->missing = MemoryContextAlloc(w->hits->context, 64 * sizeof(BlockNumber));
	else if (n >= 64 && (n & (n - 1)) == 0)
		w->missing = repalloc_huge(w->missing, mul_size(n, 2 * sizeof(BlockNumber)));
	w->missing[w->nmissing++] = block;
}

/*
 * A missing page that an edge of one page's nodes leads to, or InvalidBlockNumber. Locks that
 * one page, shared. Only whether there is one matters, so the last found will do.
 */
static BlockNumber
named_missing(PgrHnswSweep *w, BlockNumber block)
{
	const PgrHnswMeta *meta = &w->hits->ix->meta;
	BlockNumber found = InvalidBlockNumber;
	Page		page;
	Buffer		buffer = pgr_hnsw_node_page(w->hits->ix, block, BUFFER_LOCK_SHARE, &page);

	for (uint32 slot = 0; page != NULL && slot < meta->nodes_per_page; slot++)
	{
		const PgrHnswNode *node = pgr_hnsw_node_links_at(w->hits->ix, page,
														 block * meta->nodes_per_page + slot,
														 w->hits->scratch);

		for (uint32 i = 0; node->flags == PGR_HNSW_USED && i < node->nedges; i++)
		{
			BlockNumber named = PGR_HNSW_BLOCK(meta, PGR_HNSW_EDGE(meta, node, i)->id);

			if (pgr_sorted_has_uint32(w->missing, w->nmissing, named))
				found = named;
		}
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	return found;
}

/* A page without nodes that has its reason is not missing. */
static void
not_missing(PgrHnswSweep *w, BlockNumber block)
{
	uint32		kept = 0;

	for (uint32 i = 0; i < w->nmissing; i++)
		if (w->missing[i] != block)
			w->missing[kept++] = w->missing[i];
	w->nmissing = kept;
}

/*
 * Takes the pages of entries and of frames that inserts have added from those missing, as far
 * as the open index knows them. They are told by who names them and not by their kind, which
 * may be the damage. Reads the frames' pages, one at a time, locked shared.
 */
static void
pass_over_named(PgrHnswSweep *w)
{
	const PgrHnswIndex *ix = w->hits->ix;
	Size		floats = (Size) ix->meta.nframes * ix->meta.dim;
	BlockNumber block = ix->meta.frame_block;

	for (uint32 i = 0; i < ix->meta.entry_pages; i++)
		not_missing(w, ix->meta.entry_block[i]);
	for (Size at = 0; at < floats && w->nmissing > 0; at += PGR_HNSW_FLOATS_PER_PAGE)
	{
		Buffer		buffer = pgr_page_read(ix->rel, block, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_SHARE);

		not_missing(w, block);
		block = PgrPageGetOpaque(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Other pages without nodes may be what a crash has left behind when it came after the file
 * was extended. Then no edge leads to them; else nodes were lost, and this raises as reading
 * the page does. Reads all node pages, but only after a sweep that has met such a page.
 */
static void
check_missing(PgrHnswSweep *w)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(w->hits->ix->rel);

	pass_over_named(w);
	if (w->nmissing == 0)
		return;
	for (BlockNumber block = w->hits->ix->meta.node_block; block < blocks; block++)
	{
		BlockNumber found = named_missing(w, block);

		CHECK_FOR_INTERRUPTS();
		if (found != InvalidBlockNumber)
			UnlockReleaseBuffer(pgr_page_read(w->hits->ix->rel, found, PGR_PAGE_HNSW_NODE,
											  BUFFER_LOCK_SHARE));
	}
}

bool
pgr_hnsw_sweep(PgrHnswSweep *w)
{
	uint32		n = 0;
	BlockNumber block = w->hits->complete ? InvalidBlockNumber : next_page(w, &n);

	if (block == InvalidBlockNumber)
	{
		if (w->wanted != NULL)
			pgr_sort_end(w->wanted);
		w->wanted = NULL;
		if (w->nmissing > 0)
			check_missing(w);
		w->nmissing = 0;
		return false;
	}
	for (uint32 i = 0; i < n;)
		i += pgr_hnsw_hits_take(w->hits, w->page_ids + i, n - i, NULL);
	if (n > 0 && w->hits->no_nodes)
		note_missing(w, block);
	w->hits->nvisited += n;
	return true;
}
