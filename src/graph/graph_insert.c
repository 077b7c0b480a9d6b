/*
 * graph_insert.c
 *		Insertion into the graph in memory. See README, "Insertion".
 */
#include "graph/graph_private.h"

#include <string.h>

/* nodes that are asked for before they are needed; few, so that requests spread over the work */
#define AHEAD 4

/* The squared distance, or something on the same side of the bound. */
static float
distance_about(const PgrGraph *g, const PgrGraphVector *a, uint32_t id, float bound)
{
	const PgrGraphVector b = pgr_graph_vector(g, id);
	PgrGraphGuess guess = pgr_graph_guess(g, a, &b);

	if (guess.least > bound)
		return guess.least;
	if (guess.most < bound)
		return guess.most;
	return pgr_graph_complete(g, a, &b, &guess);
}

/* The candidates of a search whose distances from each other are asked for. */
typedef struct CandidatePair
{
	const PgrGraph *g;
	const PgrGraphCandidate *candidates;
} CandidatePair;

static double
candidate_distance(const void *arg, uint32_t a, uint32_t b, float bound)
{
	const CandidatePair *p = arg;
	const PgrGraphVector x = pgr_graph_vector(p->g, p->candidates[a].id);

	return distance_about(p->g, &x, p->candidates[b].id, bound);
}

/*
 * Where a node is put into a list of n links, sorted by distance; sets whether it is
 * diverse there, and takes that from the farther links that are so no more. The caller
 * holds the list's lock.
 */
static uint32_t
place_link(const PgrGraph *g, PgrGraphLink *links, uint32_t n, uint32_t id, float distance,
		   bool *diverse)
{
	const PgrGraphVector added = pgr_graph_vector(g, id);
	uint32_t	at = n;

	*diverse = true;
	while (at > 0 && links[at - 1].distance > distance)
		at--;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t	other = PGR_GRAPH_ID(links[i]);

		if (i + AHEAD < n && (links[i + AHEAD].id & PGR_GRAPH_DIVERSE))
			pgr_graph_prefetch_guess(g, PGR_GRAPH_ID(links[i + AHEAD]));
		if (!(links[i].id & PGR_GRAPH_DIVERSE))
			continue;
		if (!*diverse)
			break;
		if (i < at)
			*diverse = distance_about(g, &added, other, distance) > distance;
		else if (distance_about(g, &added, other, links[i].distance) <= links[i].distance)
			links[i].id &= ~PGR_GRAPH_DIVERSE;
	}
	return at;
}

/*
 * Which of n links is dropped for one that belongs at a position: the farthest that is
 * not diverse, or else the farthest; n if it is the new one.
 */
static uint32_t
link_to_drop(const PgrGraphLink *links, uint32_t n, uint32_t at, bool diverse)
{
	uint32_t	drop = n;

	while (drop > 0 && (links[drop - 1].id & PGR_GRAPH_DIVERSE))
		drop--;
	if (drop == 0)				/* all are diverse */
		return at == n ? n : n - 1;
	return !diverse && drop - 1 < at ? n : drop - 1;
}

/*
 * Puts a link into its place of a full or growing list, whose lock the caller
 * holds, and drops one if there is no room. Which links are diverse is kept up to date,
 * so that only distances to the new node are computed.
 */
static void
add_link(const PgrGraph *g, PgrGraphNode *node, uint32_t id, float distance)
{
	PgrGraphLink *links = pgr_graph_links(g, node);
	uint32_t	n = node->nlinks;
	bool		diverse;
	uint32_t	at = place_link(g, links, n, id, distance, &diverse);

	if (n == g->degree)
	{
		uint32_t	drop = link_to_drop(links, n, at, diverse);

		if (drop == n)
			return;
		memmove(links + drop, links + drop + 1, (n - drop - 1) * sizeof(*links));
		n--;
		if (drop < at)
			at--;
	}
	memmove(links + at + 1, links + at, (n - at) * sizeof(*links));
	links[at] = (PgrGraphLink) {id | (diverse ? PGR_GRAPH_DIVERSE : 0), distance};
	node->nlinks = (uint16_t) (n + 1);
}

/* Hangs the node on one of equal value, whose lock it takes. */
static void
add_duplicate(PgrGraph *g, uint32_t first, uint32_t id)
{
	PgrGraphNode *head = pgr_graph_node(g, first);
	PgrGraphNode *node = pgr_graph_node(g, id);

	node->state = PGR_GRAPH_DUPLICATE;
	pgr_graph_lock(&head->sequence);
	node->next_equal = head->next_equal;
	head->next_equal = id;
	pgr_graph_unlock(&head->sequence);
}

/*
 * The node among the nearest found that is equal, as far as codes tell, or PGR_GRAPH_NONE: the
 * nearest, but of inner products longer ones may be nearer.
 */
static uint32_t
find_duplicate(const PgrGraph *g, const PgrGraphNode *node, const PgrGraphCandidate *candidates,
			   uint32_t n)
{
	for (uint32_t i = 0; i < n && (i == 0 || g->max_aux > 0); i++)
	{
		const PgrGraphNode *other = pgr_graph_node(g, candidates[i].id);

		if (pgr_code8_same(&node->head, node->code, &other->head, other->code, g->dim))
			return candidates[i].id;
	}
	return PGR_GRAPH_NONE;
}

/* Chooses the node's links among n candidates; s->links gets them too. Returns how many. */
static uint32_t
choose_links(const PgrGraph *g, PgrGraphScratch *s, PgrGraphNode *node, uint32_t n)
{
	const PgrGraphCandidate *candidates = PGR_GRAPH_SCRATCH(s, PgrGraphCandidate, candidates);
	float	   *distances = PGR_GRAPH_SCRATCH(s, float, select);
	uint32_t   *chosen = (uint32_t *) (distances + g->ef_construction + 1);
	CandidatePair pair = {g, candidates};

	for (uint32_t i = 0; i < n; i++)
		distances[i] = candidates[i].distance;
	n = pgr_graph_select(distances, n, g->degree, candidate_distance, &pair, chosen);
	for (uint32_t i = 0; i < n; i++)
	{
		const PgrGraphCandidate *to = &candidates[chosen[i] & ~PGR_GRAPH_DIVERSE];

		s->links[i] = (PgrGraphLink) {to->id | (chosen[i] & PGR_GRAPH_DIVERSE), to->distance};
	}
	memcpy(pgr_graph_links(g, node), s->links, n * sizeof(PgrGraphLink));
	node->nlinks = (uint16_t) n;
	return n;
}

/* Puts links back to the node at the ends of its n links, s->links: now others find it. */
static void
link_back(const PgrGraph *g, const PgrGraphScratch *s, uint32_t id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
	{
		PgrGraphNode *to = pgr_graph_node(g, PGR_GRAPH_ID(s->links[i]));

		pgr_graph_lock(&to->sequence);
		add_link(g, to, id, s->links[i].distance);
		pgr_graph_unlock(&to->sequence);
	}
}

void
pgr_graph_insert(PgrGraph *g, PgrGraphScratch *s, uint32_t id)
{
	PgrGraphNode *node = pgr_graph_node(g, id);
	PgrGraphVector v;
	uint32_t	n;
	uint32_t	same;

	node->prefix_norm2 = pgr_graph_prefix_norm2(g, &node->head, node->code);
	v = pgr_graph_vector(g, id);
	while ((n = pgr_graph_find(g, s, &v, g->ef_construction)) == 0)
		if (pgr_graph_offer_entry(g, id, true))
		{
			node->state = PGR_GRAPH_NODE;
			return;
		}
	same = find_duplicate(g, node, PGR_GRAPH_SCRATCH(s, PgrGraphCandidate, candidates), n);
	if (same != PGR_GRAPH_NONE)
	{
		add_duplicate(g, same, id);
		return;
	}
	n = choose_links(g, s, node, n);
	node->state = PGR_GRAPH_NODE;
	link_back(g, s, id, n);
	pgr_graph_offer_entry(g, id, false);
}
