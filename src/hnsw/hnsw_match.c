/*
 * hnsw_match.c
 *		Reading the lists of filter values for a search: which rows pass, nearest
 *		lists first, and how far they are by their digests. See README, "Filter
 *		columns".
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"

/*
 * Of n lists with m rows that pass each a search for ef reads about
 * LISTS n^LISTS_SIZE (ef / m)^LISTS_POWER and as many as pgr_hnsw_match_patience, and it
 * visits so many nodes for one of ef. Fitted to searches of 23,699, 56,658 and 1,000,000 rows
 * of which .1, 1 and 10 % pass; the sets are those of bench/hnsw.md, "Conditions".
 */
#define LISTS 5.2
#define LISTS_SIZE 0.35
#define LISTS_POWER 0.6
#define VISITS_PER_EF 5

/* lists that a search reads at least for nothing: so many, and of the square root of all */
#define PATIENCE 12
#define PATIENCE_SHARE 0.8

/* A list and how far it is from the query, by which lists are sorted. */
typedef struct RankedList
{
	float		key;
	uint32		list;
} RankedList;

/*
 * The lists in the order in which they are read, and the matches of the one at hand. All of it
 * is in the context of pgr_hnsw_matches_begin: 8 bytes a list and 8 bytes a match of one list.
 * No lock or pin is held between calls.
 */
struct PgrHnswMatches
{
	const PgrHnswIndex *ix;
	const PgrFilter *filter;
	RankedList *lists;
	uint32		next;			/* the next of them to read */
	float		norm2;			/* |q|^2 */
	float	   *table;			/* of the query, for digests */
	PgrHnswMatch *at;			/* those of the list at hand */
	uint32		n;
	uint32		size;
};

/*
 * Ascending keys, for qsort. A key that is no number (a damaged directory) compares as equal,
 * which spoils the order and nothing else.
 */
static int
compare_lists(const void *a, const void *b)
{
	float		x = ((const RankedList *) a)->key;
	float		y = ((const RankedList *) b)->key;

	return x < y ? -1 : x > y;
}

PgrHnswMatches *
pgr_hnsw_matches_begin(const PgrHnswIndex *ix, PgrHnswPoint *query, const PgrFilter *filter)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswMatches *m = palloc0(sizeof(PgrHnswMatches));

	m->ix = ix;
	m->filter = filter;
	m->lists = palloc_extended(mul_size(meta->lists.n, sizeof(RankedList)),
							   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (meta->lists.digest_dims > 0)
	{
		/*
		 * The view may read pages of frames, and the directory those of its own, when they are
		 * first asked for: the caller has no page locked. Lists are ranked by
		 * pgr_hnsw_rank_lists, digests are scored by a table of the query, 256 sums for each
		 * two coordinates.
		 */
		const PgrHnswView *view = pgr_hnsw_view(query, meta->lists.frame);
		PgrHnswLists *l = pgr_hnsw_lists(ix);
		float	   *keys = palloc_extended(meta->lists.n * sizeof(float), MCXT_ALLOC_HUGE);

		m->table = palloc(PGR_DIGEST_TABLE(meta->lists.digest_dims) * sizeof(float));
		m->norm2 = view->head.norm2;
		pgr_digest_project(&l->map, &view->head, view->code, l->z);
		pgr_digest_query(&l->map, l->z, m->table);
		pgr_hnsw_rank_lists(ix, l->z, keys);
		for (uint32 k = 0; k < meta->lists.n; k++)
			m->lists[k] = (RankedList) {keys[k], k};
		qsort(m->lists, meta->lists.n, sizeof(RankedList), compare_lists);
		pfree(keys);
		ix->counters->codes += meta->lists.n;
	}
	m->size = PGR_HNSW_LIST_PER_PAGE(meta);
	m->at = palloc(m->size * sizeof(PgrHnswMatch));
	return m;
}

/*
 * Makes room for `more` matches behind those there are; by doubling, in the context where they
 * are. The number is bounded by the entries of one list.
 */
static void
matches_reserve(PgrHnswMatches *m, uint32 more)
{
	Size		size = m->size;

	while (size - m->n < more)
		size = mul_size(size, 2);
	if (size > m->size)
	{
		m->at = repalloc_huge(m->at, mul_size(size, sizeof(PgrHnswMatch)));
		m->size = size;
	}
}

/*
 * Adds those of a page that pass; returns the next page's block, InvalidBlockNumber at the
 * end. The page is copied first (8 kB on the stack), so that its lock is held for a memcpy and
 * not while a hundred entries are tested. What a row's filter is worth is decided by its
 * image; a lossy one is rechecked by the executor.
 */
static BlockNumber
match_page(PgrHnswMatches *m, PgrChain *chain, BlockNumber block)
{
	const PgrHnswMeta *meta = &m->ix->meta;
	uint32		first = m->n;
	PGAlignedBlock page;
	BlockNumber next;
	uint32		entries = pgr_hnsw_list_page(m->ix, chain, block, page.data, &next);

	matches_reserve(m, entries);
	for (uint32 i = 0; i < entries; i++)
	{
		const char *entry = PGR_HNSW_LIST_ENTRY(meta, page.data, i);
		PgrHnswMatch *match = &m->at[m->n];

		if (!pgr_filter_match(m->filter, PGR_HNSW_ITEM_FILTER(PGR_HNSW_LIST_ITEM(entry))))
			continue;
		memcpy(&match->id, entry, sizeof(PgrHnswId));
		if (meta->lists.digest_dims > 0)
			match->estimate = pgr_digest_estimate(m->table, meta->lists.digest_dims, m->norm2,
												  PGR_HNSW_LIST_DIGEST(meta, entry));
		m->n++;
	}
	if (meta->lists.digest_dims > 0)
		m->ix->counters->codes += m->n - first;
	return next;
}

bool
pgr_hnsw_matches_next(PgrHnswMatches *m, const PgrHnswMatch **matches, uint32 *n)
{
	PgrChain	chain = {0};
	BlockNumber block;

	/*
	 * One list is read as a whole: its pages are in no order, and a row of any of them may be
	 * nearest. Inserts may add to it meanwhile; their rows are invisible to this scan.
	 */
	if (m->next >= m->ix->meta.lists.n)
		return false;
	block = PGR_HNSW_LIST_FIRST(&m->ix->meta, m->lists[m->next++].list);
	m->n = 0;
	while (block != InvalidBlockNumber)
	{
		CHECK_FOR_INTERRUPTS();
		block = match_page(m, &chain, block);
	}
	*matches = m->at;
	*n = m->n;
	return true;
}

double
pgr_hnsw_match_patience(double lists)
{
	return PATIENCE + PATIENCE_SHARE * sqrt(lists);
}

/*
 * The effort, in pages, of reading so many lists of as many as there are pages: the lists'
 * pages and the nodes visited, of which there are no more than the matches in those lists.
 */
static double
effort_of(double lists, double pages, double matches, double ef)
{
	double		part = Min(1, lists / pages);

	return part * pages + Min(VISITS_PER_EF * ef, part * matches);
}

double
pgr_hnsw_match_effort(double rows, double share, double pages, bool digests, double ef)
{
	double		matches = Max(rows * share, 1);

	/* without digests there is one list */
	if (!digests)
		return pages + matches;
	return effort_of(pgr_hnsw_match_patience(pages) +
					 LISTS * pow(pages, LISTS_SIZE) * pow(ef * pages / matches, LISTS_POWER),
					 pages, matches, ef);
}

double
pgr_hnsw_match_least_effort(double rows, double share, double pages, bool digests, double ef)
{
	double		matches = Max(rows * share, 1);

	if (!digests)
		return pages + matches;
	return effort_of(pgr_hnsw_match_patience(pages), pages, matches, ef);
}
