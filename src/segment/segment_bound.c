/*
 * segment_bound.c
 *		Pareto frontiers of (weight, norm) pairs, and their reduction to the few
 *		pairs that a skip entry holds.
 *
 * A score is non-decreasing in the weight and non-increasing in the norm, for
 * every ranking function and setting, so the frontier gives the exact maximum
 * over a block for all of them. A reduced bound stays sound: every pair of the
 * frontier is dominated by a pair of the bound.
 */
#include "postgres.h"

#include "segment/segment_private.h"

/*
 * Adds a pair. The frontier is ascending in both: a longer document (larger
 * norm) is on it only with a higher weight.
 */
void
pgr_frontier_add(PgrFrontier *f, uint32 weight, uint8 norm)
{
	uint8		w = Min(weight, 255);
	int			at = f->n;
	int			from;

	/* pairs from `at` on have weights >= w */
	while (at > 0 && f->weight[at - 1] >= w)
		at--;
	if (at < f->n && f->norm[at] <= norm)
		return;					/* dominated by the first of them */

	/* pairs from..at-1 have lower weights and norms >= norm: dominated */
	from = at;
	while (from > 0 && f->norm[from - 1] >= norm)
		from--;
	/* so has the pair at `at`, if its weight is the same */
	if (at < f->n && f->weight[at] == w)
		at++;

	memmove(f->weight + from + 1, f->weight + at, f->n - at);
	memmove(f->norm + from + 1, f->norm + at, f->n - at);
	f->weight[from] = w;
	f->norm[from] = norm;
	f->n += 1 - (at - from);
}

void
pgr_frontier_add_bound(PgrFrontier *f, const PgrBound *bound)
{
	for (int i = 0; i < PGR_BOUND_PAIRS; i++)
	{
		if (bound->weight[i] > 0)
			pgr_frontier_add(f, bound->weight[i], bound->norm[i]);
	}
}

void
pgr_frontier_merge(PgrFrontier *f, const PgrFrontier *from)
{
	for (int i = 0; i < from->n; i++)
		pgr_frontier_add(f, from->weight[i], from->norm[i]);
}

/*
 * What is lost by replacing two neighbours by the pair that dominates both:
 * that pair exceeds the one by its weight, the other by its norm, so the score
 * rises by the lesser of the two. Weights count by a saturation like BM25's,
 * norms linearly, since they are a logarithm of the length in all but the
 * shortest documents. Only the choice depends on this, not the soundness.
 */
static int
merge_cost(const PgrFrontier *f, int i)
{
	int			low = 1024 * f->weight[i] / (f->weight[i] + 2);
	int			high = 1024 * f->weight[i + 1] / (f->weight[i + 1] + 2);

	return Min(high - low, 16 * (f->norm[i + 1] - f->norm[i]));
}

void
pgr_frontier_reduce(const PgrFrontier *f, PgrBound *bound)
{
	PgrFrontier t = *f;

	while (t.n > PGR_BOUND_PAIRS)
	{
		int			best = 0;

		for (int i = 1; i + 1 < t.n; i++)
		{
			if (merge_cost(&t, i) < merge_cost(&t, best))
				best = i;
		}
		/* the weight of the second, the norm of the first */
		t.weight[best] = t.weight[best + 1];
		memmove(t.weight + best + 1, t.weight + best + 2, t.n - best - 2);
		memmove(t.norm + best + 1, t.norm + best + 2, t.n - best - 2);
		t.n--;
	}
	memset(bound, 0, sizeof(PgrBound));
	memcpy(bound->weight, t.weight, t.n);
	memcpy(bound->norm, t.norm, t.n);
}

bool
pgr_bound_covers(const PgrBound *bound, uint32 weight, uint8 norm)
{
	for (int i = 0; i < PGR_BOUND_PAIRS; i++)
	{
		if (bound->weight[i] > 0 && bound->norm[i] <= norm &&
			(bound->weight[i] >= weight || bound->weight[i] == 255))
			return true;
	}
	return false;
}
