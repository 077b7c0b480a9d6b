/*
 * segment_bound.c
 *		Pareto frontiers of (weight, norm) pairs, and their reduction to the few
 *		pairs that a skip entry holds.
 *
 * A score is non-decreasing in the weight and non-increasing in the norm, for
 * every ranking function and setting, so the frontier gives the exact maximum
 * over a block for all of them. A reduced bound stays sound: every pair of the
 * frontier is dominated by a pair of the bound.
 *
 * Frontiers are of bytes, because segments store weights up to 255 and lengths as a
 * byte: at most 255 pairs, so all of this is done in place on the stack, while a segment
 * is written. Only pgr_bound_extend runs while one is searched.
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

/* Of the blocks of a super block, and of a term. */
void
pgr_frontier_merge(PgrFrontier *f, const PgrFrontier *from)
{
	for (int i = 0; i < from->n; i++)
		pgr_frontier_add(f, from->weight[i], from->norm[i]);
}

/* 1024 w / (w + 2): a division for each comparison would be most of the time */
static uint16 saturation[256];

/* Once a backend; 1024 keeps the rounding far below what a merge loses. */
static void
init_saturation(void)
{
	for (int w = 1; w < 256; w++)
		saturation[w] = 1024 * w / (w + 2);
}

/*
 * What is lost by replacing two neighbours by the pair that dominates both:
 * that pair exceeds the one by its weight, the other by its norm, so the score
 * rises by the lesser of the two. Weights count by a saturation like BM25's,
 * norms linearly, since they are a logarithm of the length in all but the
 * shortest documents. Only the choice depends on this, not the soundness.
 */
static inline int
merge_cost(const PgrFrontier *f, int i)
{
	int			rise = saturation[f->weight[i + 1]] - saturation[f->weight[i]];

	return Min(rise, 16 * (f->norm[i + 1] - f->norm[i]));
}

/*
 * Greedy: the two neighbours whose joining loses least, until there are few enough.
 * Quadratic in at most 255 pairs, most often in a handful.
 */
void
pgr_frontier_reduce(const PgrFrontier *f, PgrBound *bound)
{
	PgrFrontier t;

	if (saturation[1] == 0)
		init_saturation();
	t.n = f->n;
	memcpy(t.weight, f->weight, f->n);
	memcpy(t.norm, f->norm, f->n);
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

/* Without jumps: this decides for most blocks of a range that there is nothing to do. */
static inline bool
bound_dominates(const PgrBound *bound, const PgrBound *other)
{
	bool		all = true;

	for (int i = 0; i < PGR_BOUND_PAIRS; i++)
	{
		bool		covered = other->weight[i] == 0;

		for (int j = 0; j < PGR_BOUND_PAIRS; j++)
			covered |= (bound->weight[j] >= other->weight[i]) & (bound->norm[j] <= other->norm[i]);
		all &= covered;
	}
	return all;
}

/* The last pair in use, or -1. */
static inline int
last_pair(const PgrBound *bound)
{
	int			i = PGR_BOUND_PAIRS - 1;

	while (i >= 0 && bound->weight[i] == 0)
		i--;
	return i;
}

/*
 * The frontier of two bounds: a merge from the highest weights down, in which a
 * pair stays if its norm is below all before it.
 */
static void
merge_bounds(const PgrBound *a, const PgrBound *b, PgrFrontier *f)
{
	uint8		weight[2 * PGR_BOUND_PAIRS];
	uint8		norm[2 * PGR_BOUND_PAIRS];
	int			i = last_pair(a);
	int			j = last_pair(b);
	int			least = 256;
	int			n = 0;

	while (i >= 0 || j >= 0)
	{
		/* of equal weights the lower norm first */
		bool		take_a = j < 0 || (i >= 0 && (a->weight[i] > b->weight[j] ||
												  (a->weight[i] == b->weight[j] &&
												   a->norm[i] <= b->norm[j])));
		uint8		w = take_a ? a->weight[i] : b->weight[j];
		uint8		x = take_a ? a->norm[i--] : b->norm[j--];

		if (x < least)
		{
			weight[n] = w;
			norm[n++] = x;
			least = x;
		}
	}
	f->n = n;
	for (int k = 0; k < n; k++)
	{
		f->weight[k] = weight[n - 1 - k];
		f->norm[k] = norm[n - 1 - k];
	}
}

/*
 * What a search does for each block of a range: most often the other bound adds
 * nothing.
 */
void
pgr_bound_extend(PgrBound *bound, const PgrBound *other)
{
	PgrFrontier f;

	if (bound->weight[0] == 0)
		*bound = *other;
	else if (!bound_dominates(bound, other))
	{
		merge_bounds(bound, other, &f);
		pgr_frontier_reduce(&f, bound);
	}
}

/* For the checker: the definition of a bound. */
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
