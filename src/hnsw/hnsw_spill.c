/*
 * hnsw_spill.c
 *		Scans that need more memory than they may have. See README, "Memory".
 *
 * A walk of the graph remembers every node it has met. When that gets too much it
 * is given up: the node pages are read one after the other, nodes that were not hits
 * go into a sort by distance, on disk if need be, and each is read again when its turn
 * comes.
 */
#include "postgres.h"

#include "base/order.h"
#include "hnsw/hnsw_search.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * What reading the rest costs, a node visited by a walk being 1: a page, in their order, or of
 * a list; a node; and a row to rank, as all are where hits have no bounds.
 */
#define READ_PAGE 0.3
#define READ_NODE 0.05
#define RANK_ROW 0.2

/* ----------
 * Candidates
 * ----------
 */

#define ST_SORT sort_ids
#define ST_ELEMENT_TYPE PgrHnswId
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
pgr_hnsw_search_limit(PgrHnswSearch *s, Size budget)
{
	s->budget = budget;
}

bool
pgr_hnsw_search_over(const PgrHnswSearch *s)
{
	return s->budget > 0 && pgr_hnsw_search_memory(s) > s->budget;
}

bool
pgr_hnsw_search_nearly_over(const PgrHnswSearch *s)
{
	return s->budget > 0 && pgr_hnsw_search_memory(s) > s->budget / 2;
}

double
pgr_hnsw_search_rest_effort(const PgrHnswSearch *s)
{
	double		pages = (double) RelationGetNumberOfBlocks(s->ix->rel) - s->ix->meta.node_block;
	double		nodes = pgr_hnsw_count_estimate(s->ix);

	if (s->filter != NULL)
	{
		nodes = Min(Max(pgr_hnsw_search_expected(s) - s->nhits, 0), nodes);
		pages = s->list_pages + Min(pages, nodes * s->ix->meta.parts);
	}
	return READ_PAGE * pages + (READ_NODE + (s->ix->cls->exact ? 0 : RANK_ROW)) * nodes;
}

bool
pgr_hnsw_search_compact(PgrHnswSearch *s, float limit)
{
	PgrHnswCandidates *c = &s->open;

	/* it must not become what the search does all the time */
	if (c->n < 1024 || c->n / 2 < s->open_kept)
		return false;
	pgr_hnsw_reopen(s, limit);
	c->size = Max(c->n, 1024);
	c->at = repalloc_huge(c->at, c->size * sizeof(PgrHnswCandidate));
	s->open_kept = c->n;
	return !pgr_hnsw_search_over(s);
}

/* ----------
 * The rest of the index
 * ----------
 */

static void
free_candidates(PgrHnswCandidates *c)
{
	if (c->at != NULL)
		pfree(c->at);
	memset(c, 0, sizeof(*c));
}

static void
next_wanted(PgrHnswSearch *s)
{
	double		key;
	uint64		id;

	s->has_wanted = pgr_sort_next(s->wanted, &key, &id);
	s->next_wanted = (PgrHnswId) id;
}

/* With conditions, the lists say which nodes must be looked at; their ids are sorted. */
static void
read_lists(PgrHnswSearch *s)
{
	PgrHnswMatches *matches = pgr_hnsw_matches_begin(s->ix, s->point, s->filter);
	const PgrHnswMatch *at;
	uint32		n;

	s->wanted = pgr_sort_begin();
	while (pgr_hnsw_matches_next(matches, &at, &n))
		for (uint32 i = 0; i < n; i++)
			pgr_sort_put(s->wanted, at[i].id, at[i].id);
	next_wanted(s);
}

void
pgr_hnsw_search_give_up(PgrHnswSearch *s)
{
	free_candidates(&s->open);
	free_candidates(&s->later);
	free_candidates(&s->waiting);
	if (s->bound != NULL)
		pfree(s->bound);
	s->bound = NULL;
	s->bound_size = 0;
	pgr_hnsw_seen_destroy(s->seen);
	s->seen = NULL;
	s->ntaken = s->nhits;
	s->taken = MemoryContextAllocHuge(s->context, Max(s->ntaken, 1) * sizeof(PgrHnswId));
	for (uint32 i = 0; i < s->ntaken; i++)
		s->taken[i] = s->hits[i].id;
	sort_ids(s->taken, s->ntaken);
	s->sweep_block = s->ix->meta.node_block;
	s->page_ids = MemoryContextAlloc(s->context,
									 s->ix->meta.nodes_per_page * sizeof(PgrHnswId));
	if (s->filter != NULL && !s->complete)
		read_lists(s);
}

/* Whether a node was a hit before; ids ascend from call to call. */
static bool
was_taken(PgrHnswSearch *s, PgrHnswId id)
{
	while (s->next_taken < s->ntaken && s->taken[s->next_taken] < id)
		s->next_taken++;
	return s->next_taken < s->ntaken && s->taken[s->next_taken] == id;
}

/*
 * The next page to be read, or InvalidBlockNumber, and in page_ids those of its nodes
 * that may be wanted and were not hits.
 */
static BlockNumber
next_page(PgrHnswSearch *s, uint32 *n)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	BlockNumber block = s->sweep_block;

	*n = 0;
	if (s->wanted != NULL)
	{
		PgrHnswId	last = PGR_HNSW_NO_ID;

		if (!s->has_wanted)
			return InvalidBlockNumber;
		block = PGR_HNSW_BLOCK(meta, s->next_wanted);
		for (; s->has_wanted && PGR_HNSW_BLOCK(meta, s->next_wanted) == block; next_wanted(s))
		{
			if (s->next_wanted != last && !was_taken(s, s->next_wanted))
				s->page_ids[(*n)++] = s->next_wanted;
			last = s->next_wanted;
		}
		return block;
	}
	if (block >= RelationGetNumberOfBlocks(s->ix->rel))
		return InvalidBlockNumber;
	s->sweep_block++;
	for (uint32 slot = 0; slot < meta->nodes_per_page; slot++)
		if (!was_taken(s, block * meta->nodes_per_page + slot))
			s->page_ids[(*n)++] = block * meta->nodes_per_page + slot;
	return block;
}

/* Keeps a page without nodes in mind; raises if the lists have named nodes of it. */
static void
note_missing(PgrHnswSearch *s, BlockNumber block)
{
	uint32		n = s->nmissing;

	if (s->wanted != NULL)
		UnlockReleaseBuffer(pgr_page_read(s->ix->rel, block, PGR_PAGE_HNSW_NODE,
										  BUFFER_LOCK_SHARE));
	if (s->missing == NULL)
		s->missing = MemoryContextAlloc(s->context, 64 * sizeof(BlockNumber));
	else if (n >= 64 && (n & (n - 1)) == 0)
		s->missing = repalloc_huge(s->missing, mul_size(n, 2 * sizeof(BlockNumber)));
	s->missing[s->nmissing++] = block;
}

/* A missing page that an edge of one page's nodes leads to, or InvalidBlockNumber. */
static BlockNumber
named_missing(PgrHnswSearch *s, BlockNumber block)
{
	const PgrHnswMeta *meta = &s->ix->meta;
	BlockNumber found = InvalidBlockNumber;
	Page		page;
	Buffer		buffer = pgr_hnsw_node_page(s->ix, block, BUFFER_LOCK_SHARE, &page);

	for (uint32 slot = 0; page != NULL && slot < meta->nodes_per_page; slot++)
	{
		const PgrHnswNode *node = pgr_hnsw_node_links_at(s->ix, page,
														 block * meta->nodes_per_page + slot,
														 s->scratch);

		for (uint32 i = 0; node->flags == PGR_HNSW_USED && i < node->nedges; i++)
		{
			BlockNumber named = PGR_HNSW_BLOCK(meta, PGR_HNSW_EDGE(meta, node, i)->id);

			if (pgr_sorted_has_uint32(s->missing, s->nmissing, named))
				found = named;
		}
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Pages without nodes may be what a crash has left behind when it came after the file was
 * extended. Then no edge leads to them; else nodes were lost, and this raises.
 */
static void
check_missing(PgrHnswSearch *s)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(s->ix->rel);

	for (BlockNumber block = s->ix->meta.node_block; block < blocks; block++)
	{
		BlockNumber found = named_missing(s, block);

		CHECK_FOR_INTERRUPTS();
		if (found != InvalidBlockNumber)
			UnlockReleaseBuffer(pgr_page_read(s->ix->rel, found, PGR_PAGE_HNSW_NODE,
											  BUFFER_LOCK_SHARE));
	}
}

bool
pgr_hnsw_search_rest(PgrHnswSearch *s)
{
	uint32		n = 0;
	BlockNumber block = s->complete ? InvalidBlockNumber : next_page(s, &n);

	if (block == InvalidBlockNumber)
	{
		if (s->wanted != NULL)
			pgr_sort_end(s->wanted);
		s->wanted = NULL;
		if (s->nmissing > 0)
			check_missing(s);
		s->nmissing = 0;
		return false;
	}
	for (uint32 i = 0; i < n;)
		i += pgr_hnsw_search_take(s, s->page_ids + i, n - i, NULL);
	if (n > 0 && s->no_nodes)
		note_missing(s, block);
	s->visited += n;
	return true;
}

/*
 * A slot that was freed, or has another node by now, had only rows that no snapshot
 * sees any more (README, "Vacuum").
 */
bool
pgr_hnsw_search_again(PgrHnswSearch *s, PgrHnswId id, uint16 generation)
{
	uint32		before = s->nhits;

	while (pgr_hnsw_search_take(s, &id, 1, NULL) == 0)
		;
	if (s->nhits > before && s->hits[before].generation != generation)
		s->nhits = before;
	return s->nhits > before;
}

void
pgr_hnsw_search_forget(PgrHnswSearch *s, uint32 n)
{
	s->nhits = Min(s->nhits, n);
}
