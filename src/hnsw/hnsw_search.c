/*
 * hnsw_search.c
 *		The driver of a search in pages: which of its ways it goes. See README, "Search".
 *
 * A search begins as a walk. With a filter it may turn to the lists, when they are the cheaper
 * way to the ef nearest; neither knows of the other but for that question. The scan may give
 * both up, for memory or because all rows are wanted: then the rest of the index is swept.
 * Hits stay in their places through all of this, so the scan names them by their number.
 */
#include "postgres.h"

#include "hnsw/hnsw_search.h"

PgrHnswSearch *
pgr_hnsw_search_begin(const PgrHnswIndex *ix, PgrHnswPoint *point, bool keep_codes)
{
	PgrHnswSearch *s = palloc0(sizeof(PgrHnswSearch));

	pgr_hnsw_hits_begin(&s->hits, ix, point, keep_codes);
	pgr_hnsw_walk_begin(&s->walk, &s->hits);
	return s;
}

void
pgr_hnsw_search_filter(PgrHnswSearch *s, const PgrFilter *filter)
{
	PgrHnswHits *h = &s->hits;

	h->filter = filter;
	h->slot_tids = MemoryContextAlloc(h->context, PGR_HNSW_SLOT_TIDS(&h->ix->meta) *
									  sizeof(ItemPointerData));
	/* what no row can satisfy needs no search: the set of all that pass is complete */
	h->complete = pgr_filter_never(filter);
	pgr_hnsw_filtered_begin(&s->filtered, h);
	s->walk.lists = &s->filtered;
}

void
pgr_hnsw_search_exclude(PgrHnswSearch *s, PgrHnswId id)
{
	bool		found;

	pgr_hnsw_hits_room(&s->hits, 0, NULL, 1);
	pgr_hnsw_meet(s->hits.visited, id, &found);
}

bool
pgr_hnsw_search_more(PgrHnswSearch *s, uint32 ef)
{
	PgrHnswWalked end;

	if (s->hits.complete)
		return false;
	switch (s->stage)
	{
		case PGR_HNSW_WALKING:
			end = pgr_hnsw_walk(&s->walk, ef);
			if (end != PGR_HNSW_WALK_TURN)
				return end == PGR_HNSW_WALK_FOUND;
			s->stage = PGR_HNSW_BY_LISTS;
			break;
		case PGR_HNSW_BY_LISTS:
			break;
		case PGR_HNSW_SWEEPING:
			return pgr_hnsw_sweep(&s->sweep);
	}
	return pgr_hnsw_filtered_more(&s->filtered, ef);
}

bool
pgr_hnsw_search_nearer(PgrHnswSearch *s, double distance)
{
	return s->stage == PGR_HNSW_BY_LISTS && pgr_hnsw_filtered_nearer(&s->filtered, distance);
}

double
pgr_hnsw_search_rest_effort(const PgrHnswSearch *s)
{
	const PgrHnswHits *h = &s->hits;
	const PgrHnswMeta *meta = &h->ix->meta;
	double		pages = (double) RelationGetNumberOfBlocks(h->ix->rel) - meta->node_block;
	double		nodes = pgr_hnsw_count_estimate(h->ix);

	if (h->filter != NULL)
	{
		nodes = Min(Max(pgr_hnsw_filtered_expected(&s->filtered) - h->n, 0), nodes);
		pages = s->filtered.list_pages + Min(pages, nodes * meta->parts);
	}
	return pgr_hnsw_sweep_effort(h->ix, pages, nodes);
}

void
pgr_hnsw_search_give_up(PgrHnswSearch *s)
{
	s->stage = PGR_HNSW_SWEEPING;
	pgr_hnsw_walk_end(&s->walk);
	pgr_hnsw_candidates_free(&s->hits.others, &s->filtered.pending);
	pgr_hnsw_sweep_begin(&s->sweep, &s->hits);
}

/*
 * A slot that was freed, or has another node by now, had only rows that no snapshot
 * sees any more (README, "Vacuum").
 */
bool
pgr_hnsw_search_again(PgrHnswSearch *s, PgrHnswId id, uint16 generation)
{
	uint32		before = s->hits.n;

	/* a frame that has no view yet gets it, with the page unlocked; then once more */
	while (pgr_hnsw_hits_take(&s->hits, &id, 1, NULL) == 0)
		;
	if (s->hits.n > before && s->hits.at[before].generation != generation)
		s->hits.n = before;
	return s->hits.n > before;
}
