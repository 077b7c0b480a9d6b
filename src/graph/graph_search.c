/*
 * graph_search.c
 *		Search in the graph in memory: a best-first walk whose candidates are one
 *		sorted array. See README, "Search".
 */
#include "graph/graph_private.h"

#include <string.h>

/*
 * Which nodes a search has visited: bits, few enough for the second cache (numbers of
 * searches instead, which need no clearing, were two bytes a node and waited for like the
 * nodes), and a list by which they are cleared. Forgets all of them.
 */
static void
forget_visited(PgrGraphScratch *s)
{
	uint64_t   *visited = PGR_GRAPH_SCRATCH(s, uint64_t, visited);

	if (s->nnamed > PGR_GRAPH_MAX_NAMED)
		memset(visited, 0, PGR_GRAPH_BIT_WORDS(s->capacity) * sizeof(uint64_t));
	else
		for (uint32_t i = 0; i < s->nnamed; i++)
			visited[s->named[i] / 64] = 0;
	s->nnamed = 0;
}

/* Notes that a node is visited; false if it was. */
static inline bool
visit(PgrGraphScratch *s, uint32_t id)
{
	uint64_t   *visited = PGR_GRAPH_SCRATCH(s, uint64_t, visited) + id / 64;
	uint64_t	bit = UINT64_C(1) << id % 64;

	if (*visited & bit)
		return false;
	*visited |= bit;
	if (s->nnamed < PGR_GRAPH_MAX_NAMED)
		s->named[s->nnamed] = id;
	s->nnamed += s->nnamed <= PGR_GRAPH_MAX_NAMED;
	return true;
}

/* Puts a candidate into n sorted ones, of which ef are kept; gives its position, or ef. */
static uint32_t
add_candidate(PgrGraphCandidate *candidates, uint32_t *n, uint32_t ef, float distance, uint32_t id)
{
	uint32_t	low = 0;
	uint32_t	high = *n;

	if (*n == ef && distance >= candidates[ef - 1].distance)
		return ef;
	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (candidates[middle].distance <= distance)
			low = middle + 1;
		else
			high = middle;
	}
	if (*n < ef)
		(*n)++;
	memmove(candidates + low + 1, candidates + low, (*n - 1 - low) * sizeof(PgrGraphCandidate));
	candidates[low] = (PgrGraphCandidate) {distance, id, false};
	return low;
}

static float
exact_distance(const PgrGraph *g, const PgrGraphVector *a, uint32_t id)
{
	const PgrGraphVector b = pgr_graph_vector(g, id);
	PgrGraphGuess guess = pgr_graph_guess(g, a, &b);

	return pgr_graph_complete(g, a, &b, &guess);
}

/*
 * Scores all entries, by pgr_graph_guess_dim() of their coordinates; the best become the
 * first candidates. Entries that another process adds meanwhile may be missed.
 */
static void
start(const PgrGraph *g, PgrGraphScratch *s, const PgrGraphVector *v,
	  PgrGraphCandidate *candidates, uint32_t *n, uint32_t ef)
{
	uint32_t	entries = __atomic_load_n(&g->nentries, __ATOMIC_ACQUIRE);
	uint32_t	dim = pgr_graph_guess_dim(g);
	const PgrGraphEntry *heads = pgr_graph_entries(g);
	uint32_t	starts = pgr_graph_starts(pgr_graph_count(g), entries);
	PgrGraphCandidate best[PGR_GRAPH_MAX_STARTS];
	uint32_t	nbest = 0;

	pgr_kernel->many[PGR_ELEM_I8][PGR_METRIC_IP] (v->code, pgr_graph_entry_codes(g), dim, entries,
												 dim, s->products);
	for (uint32_t i = 0; i < entries; i++)
		add_candidate(best, &nbest, starts,
					  heads[i].norm2 - 2 * v->head->scale * heads[i].scale * s->products[i],
					  heads[i].id);
	for (uint32_t i = 0; i < nbest; i++)
		if (visit(s, best[i].id))
			add_candidate(candidates, n, ef, exact_distance(g, v, best[i].id), best[i].id);
}

/*
 * Adds the neighbours of a node that are not yet visited to the candidates; returns the
 * first position changed, or ef. Memory is asked for a step ahead: first that of all
 * guesses, then of those that remain.
 */
static uint32_t
expand(const PgrGraph *g, PgrGraphScratch *s, const PgrGraphVector *v, uint32_t id,
	   PgrGraphCandidate *candidates, uint32_t *n, uint32_t ef)
{
	uint32_t	fresh[PGR_GRAPH_MAX_DEGREE];
	PgrGraphGuess guess[PGR_GRAPH_MAX_DEGREE];
	float		bound = *n < ef ? INFINITY : candidates[ef - 1].distance;
	uint32_t	nfresh = 0;
	uint32_t	nleft = 0;
	uint32_t	first = ef;
	uint32_t	nlinks = pgr_graph_read_links(g, pgr_graph_node(g, id), s->links);

	for (uint32_t i = 0; i < nlinks; i++)
	{
		uint32_t	to = PGR_GRAPH_ID(s->links[i]);

		if (!visit(s, to))
			continue;
		pgr_graph_prefetch_guess(g, to);
		fresh[nfresh++] = to;
	}
	for (uint32_t i = 0; i < nfresh; i++)
	{
		const PgrGraphVector to = pgr_graph_vector(g, fresh[i]);

		guess[nleft] = pgr_graph_guess(g, v, &to);
		if (guess[nleft].least > bound)
			continue;
		if (g->prefix > 0)
			pgr_graph_prefetch(g, fresh[i], g->prefix, g->dim);
		fresh[nleft++] = fresh[i];
	}
	for (uint32_t i = 0; i < nleft; i++)
	{
		const PgrGraphVector to = pgr_graph_vector(g, fresh[i]);
		float		distance = pgr_graph_complete(g, v, &to, &guess[i]);
		uint32_t	at = add_candidate(candidates, n, ef, distance, fresh[i]);

		first = at < first ? at : first;
	}
	return first;
}

uint32_t
pgr_graph_find(const PgrGraph *g, PgrGraphScratch *s, const PgrGraphVector *v, uint32_t ef)
{
	PgrGraphCandidate *candidates = PGR_GRAPH_SCRATCH(s, PgrGraphCandidate, candidates);
	uint32_t	n = 0;
	uint32_t	at = 0;

	forget_visited(s);
	start(g, s, v, candidates, &n, ef);
	while (at < n)
	{
		uint32_t	first;

		if (candidates[at].expanded)
		{
			at++;
			continue;
		}
		candidates[at].expanded = true;
		first = expand(g, s, v, candidates[at].id, candidates, &n, ef);
		at = first <= at ? first : at + 1;
	}
	return n;
}

uint32_t
pgr_graph_search(PgrGraph *g, PgrGraphScratch *s, const PgrCode8 *head, const int8_t *code,
				 uint32_t ef, PgrGraphLink *out)
{
	PgrGraphCandidate *candidates = PGR_GRAPH_SCRATCH(s, PgrGraphCandidate, candidates);
	PgrGraphVector v = {head, code, pgr_graph_prefix_norm2(g, head, code)};
	uint32_t	n = pgr_graph_find(g, s, &v, ef < g->ef_construction ? ef : g->ef_construction);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (PgrGraphLink) {candidates[i].id, candidates[i].distance};
	return n;
}
