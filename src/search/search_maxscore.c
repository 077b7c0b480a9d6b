/*
 * search_maxscore.c
 *		Top-k sums by block-max MaxScore, in windows of documents.
 *
 * A window is a range of documents in which each term has one upper bound, from
 * its blocks there. Terms are ordered by that bound; the longest prefix whose
 * bounds together do not reach the threshold is not essential: a document with
 * only such terms cannot be a hit. So only the essential terms' postings are
 * gone through, and what a document of theirs lacks is looked up, best bound
 * first, as long as it may still reach the threshold.
 *
 *	no essential term	the window is skipped, its blocks are not decoded
 *	one					its blocks in order, filtered by what the rest can add
 *	several				sums in an array over the window
 *
 * A window ends where the first block of the terms that were essential last
 * ends. WAND orders cursors instead and pivots; it was rejected because its
 * cost grows with the number of terms and its moves are easy to get wrong.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "search/search_state.h"

#define WINDOW 2048				/* largest window with several essential terms */
#define PARTS (32 * 1024)		/* contributions kept for a window: narrower windows
								 * with many terms, so that they stay in the cache */
#define SKIPS_BEFORE_LEAP 4		/* windows skipped before a larger one is tried */
#define LEAP 16					/* how much larger */

typedef struct MaxScore
{
	PgrSearch  *s;
	int			n;
	PgrSearchTerm **order;		/* by bound, ascending */
	double	   *prefix;			/* [n + 1]: sum of the first i bounds */
	int			first;			/* of order that is essential */

	uint32		window;			/* largest width, a multiple of 64 */
	uint32		min_window;		/* with several essential terms; adapts */
	uint32		nskipped;		/* windows in a row */

	/* several essential terms: by document of the window */
	double	   *sum;			/* [window] zero between windows */
	uint64	   *mask;			/* [window] of terms that contributed */
	uint64	   *touched;		/* [window / 64] documents */
	double	   *parts;			/* [nterms][window], valid where mask says */

	/* s->estimate: no parts, no masks */
	double	   *part;			/* [nterms] of the candidate */
} MaxScore;

/*
 * Sorts the terms by bound; few and nearly sorted (from window to window bounds change
 * little), so by insertion.
 */
static void
sort_terms(MaxScore *m)
{
	for (int i = 1; i < m->n; i++)
	{
		PgrSearchTerm *t = m->order[i];
		int			j = i;

		for (; j > 0 && m->order[j - 1]->bound > t->bound; j--)
			m->order[j] = m->order[j - 1];
		m->order[j] = t;
	}
}

/*
 * Do the bounds, added in the order of terms, rule out the window? Monotone rounding
 * makes that sound without slack, where equal scores cannot enter.
 */
static bool
sum_bounds_strict(MaxScore *m)
{
	double		sum = 0;

	for (int i = 0; i < m->s->nterms; i++)
		sum += m->s->terms[i].bound;
	return sum <= m->s->theta;
}

/*
 * Bounds of all terms in [from, to], their order, and who is essential:
 * order[first..n). prefix[i] is the sum of the i least bounds, an upper bound of what
 * these add to any document.
 */
static void
partition(MaxScore *m, uint32 from, uint32 to)
{
	PgrSearch  *s = m->s;

	for (int i = 0; i < m->n; i++)
		m->order[i]->bound = pgr_search_window_bound(m->order[i], from, to);
	sort_terms(m);
	m->first = m->n;
	for (int i = 0; i < m->n; i++)
	{
		m->prefix[i + 1] = m->prefix[i] + m->order[i]->bound;
		if (m->prefix[i + 1] >= s->need && m->first == m->n)
			m->first = i;
	}
	if (m->first < m->n && s->strict && sum_bounds_strict(m))
		m->first = m->n;
}

/*
 * Where the window that begins at `from` ends: with the first block to end of
 * the terms that led last (of the best one that has postings left), so that
 * bounds are tight; a minimal width where several lead, so that work on a window
 * pays.
 */
static uint32
window_end(MaxScore *m, uint32 from)
{
	int			lead = Min(m->first, m->n - 1);
	uint32		to = PGR_NO_DOC;

	for (int i = m->n - 1; i >= 0 && (i >= lead || to == PGR_NO_DOC); i--)
		to = Min(to, pgr_search_block_end(m->order[i], from));
	if (lead < m->n - 1)
	{
		to = Max((uint64) to, (uint64) from + m->min_window - 1);
		to = Min((uint64) to, (uint64) from + m->window - 1);
	}
	return Min(to, m->s->ndocs - 1);
}

/*
 * After several skipped windows, tries to skip `width` documents from `from` on
 * at once, by the upper level of skips, then more. Returns the first document
 * after what is ruled out.
 */
static uint32
leap(MaxScore *m, uint32 from, uint64 width)
{

	while (from < m->s->ndocs)
	{
		uint32		end = Min((uint64) from + width, m->s->ndocs) - 1;
		int			first = m->first;

		CHECK_FOR_INTERRUPTS();
		partition(m, from, end);
		if (m->first < m->n)
		{
			m->first = first;
			m->nskipped = 0;
			break;
		}
		m->first = first;
		from = end + 1;
		width *= 2;
	}
	return from;
}

/* Sum of the contributions in the order of terms: the score, with its final bits. */
static double
sum_parts(const MaxScore *m, uint64 mask)
{
	double		sum = 0;

	for (; mask != 0; mask &= mask - 1)
		sum += m->part[pg_rightmost_one_pos64(mask)];
	return sum;
}

/*
 * Could the candidate, whose terms order[known..] are known, still exceed the
 * threshold in the strict sense?
 */
static bool
candidate_strict(MaxScore *m, uint64 mask, int known)
{
	for (int i = 0; i < known; i++)
	{
		int			n = m->order[i] - m->s->terms;

		m->part[n] = m->order[i]->bound;
		mask |= UINT64CONST(1) << n;
	}
	return sum_parts(m, mask) > m->s->theta;
}

/*
 * Scores a document of which the essential terms' contributions are known:
 * part[] where mask says, `sum` in some order. Looks the other terms up.
 */
static void
candidate(MaxScore *m, uint32 doc, double sum, uint64 mask)
{
	PgrSearch  *s = m->s;

	for (int i = m->first - 1; i >= 0; i--)
	{
		PgrSearchTerm *t = m->order[i];

		if (sum + m->prefix[i + 1] < s->need)
			return;
		if (t->doc < (int64) doc)
		{
			if (sum + m->prefix[i] + pgr_search_window_bound(t, doc, doc) < s->need)
				return;
			if (s->strict && m->part != NULL && !candidate_strict(m, mask, i + 1))
				return;
			pgr_search_seek(t, doc);
		}
		if (t->doc == (int64) doc)
		{
			double		score = pgr_search_score(s, t);

			sum += score;
			if (m->part != NULL)
			{
				m->part[t - s->terms] = score;
				mask |= UINT64CONST(1) << (t - s->terms);
			}
		}
	}
	if (sum < s->need)
		return;
	pgr_search_emit(s, doc, m->part == NULL ? sum : sum_parts(m, mask));
}

/*
 * The smallest weight with which a posting under t's block bound can contribute
 * `least`. Postings below need no look at their norm.
 */
static uint32
smallest_weight(const PgrSearchTerm *t, double least)
{
	const PgrBound *bound = &t->block_bound;
	uint32		weight = 1;

	if (!(least > 0) || t->scorer == NULL || t->by_field)
		return 1;
	for (; weight < 255; weight++)
	{
		uint8		norm = 255;

		for (int i = 0; i < PGR_BOUND_PAIRS && bound->weight[i] != 0; i++)
			if (bound->weight[i] >= weight)
				norm = Min(norm, bound->norm[i]);
		if (pgr_leaf_bound(t->scorer, weight, norm) >= least)
			break;
	}
	return weight;
}

/*
 * End of the range of postings of the decoded block, from the current one on, whose
 * documents are at most `to`.
 */
static uint32
block_upto(const PgrPostings *p, uint32 to)
{
	uint32		lo = p->pos;
	uint32		hi = p->ndocs;

	if (p->docs[hi - 1] <= to)
		return hi;
	while (lo < hi)
	{
		uint32		mid = (lo + hi) / 2;

		if (p->docs[mid] <= to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Moves to posting number `pos` of the decoded block, or to the block after it. */
static void
block_move(PgrSearchTerm *t, uint32 pos)
{
	PgrPostings *p = t->postings;

	if (pos < p->ndocs)
	{
		p->pos = pos;
		p->doc = p->docs[pos];
		t->doc = p->doc;
	}
	else
	{
		pgr_postings_next_block(p);
		t->doc = p->doc;
	}
}

/*
 * The posting i of the only essential term's block, with its contribution. Bits of the
 * mask beyond 64 terms do not matter: then there are no parts.
 */
static inline void
block_candidate(MaxScore *m, PgrSearchTerm *t, uint32 i, double score)
{
	int			n = t - m->s->terms;

	if (score + m->prefix[m->first] < m->s->need)
		return;
	if (m->part != NULL)
		m->part[n] = score;
	candidate(m, t->postings->docs[i], score, UINT64CONST(1) << (n % 64));
}

/*
 * Candidates among the postings [pos, end) of the only essential term: first
 * those whose weight can do, then those whose score can.
 */
static void
block_candidates(MaxScore *m, PgrSearchTerm *t, uint32 pos, uint32 end)
{
	PgrPostings *p = t->postings;
	uint32		least = smallest_weight(t, m->s->need - m->prefix[m->first]);
	double		scores[PGR_POSTING_BLOCK];

	if (least == 1)
	{
		pgr_search_scores(m->s, t, pos, end, scores);
		for (uint32 i = pos; i < end; i++)
			block_candidate(m, t, i, scores[i - pos]);
		return;
	}
	if (!p->weights_valid)
		pgr_postings_load_weights(p);
	for (uint32 i = pos; i < end; i++)
	{
		if (p->weights[i] < least)
			continue;
		pgr_search_scores(m->s, t, i, i + 1, scores);
		block_candidate(m, t, i, scores[0]);
	}
}

/* A window with one essential term: its blocks, as far as their bounds reach. */
static void
window_one(MaxScore *m, uint32 from, uint32 to)
{
	PgrSearchTerm *t = m->order[m->n - 1];

	while (from <= to)
	{
		double		bound = pgr_search_window_bound(t, from, from);
		uint32		last = Min(to, t->block_last);

		CHECK_FOR_INTERRUPTS();
		if (bound + m->prefix[m->first] >= m->s->need)
		{
			pgr_search_seek(t, from);
			if (t->doc <= (int64) last)
			{
				uint32		end = block_upto(t->postings, last);

				block_candidates(m, t, t->postings->pos, end);
				if (end < t->postings->ndocs)
					block_move(t, end);
			}
		}
		from = last + 1;
	}
}

/*
 * Remembers which term contributed what, for the final score. parts is by term, then
 * by document of the window, so that a term's block is written in a row.
 */
static void
window_add_parts(MaxScore *m, int n, const uint32 *docs, uint32 ndocs, const double *scores,
				 uint32 from)
{
	double	   *parts = m->parts + (Size) n * m->window;
	uint64		bit = UINT64CONST(1) << n;

	for (uint32 i = 0; i < ndocs; i++)
	{
		parts[docs[i] - from] = scores[i];
		m->mask[docs[i] - from] |= bit;
	}
}

/*
 * Adds the contributions of a term's postings in [from, to] to the sums, a block at a
 * time.
 */
static void
window_add(MaxScore *m, PgrSearchTerm *t, uint32 from, uint32 to)
{
	int			n = t - m->s->terms;
	double		scores[PGR_POSTING_BLOCK];

	pgr_search_seek(t, from);
	while (t->doc <= (int64) to)
	{
		PgrPostings *p = t->postings;
		uint32		pos = p->pos;
		uint32		end = block_upto(p, to);

		pgr_search_scores(m->s, t, pos, end, scores);
		for (uint32 i = pos; i < end; i++)
		{
			uint32		at = p->docs[i] - from;

			m->sum[at] += scores[i - pos];
			m->touched[at / 64] |= UINT64CONST(1) << (at % 64);
		}
		if (m->part != NULL)
			window_add_parts(m, n, p->docs + pos, end - pos, scores, from);
		block_move(t, end);
	}
}

/*
 * The documents that the essential terms touched, in order; clears the arrays for the
 * next window. Returns how many there were.
 */
static uint32
window_candidates(MaxScore *m, uint32 from, uint32 to)
{
	uint32		ntouched = 0;

	for (uint32 w = 0; w <= (to - from) / 64; w++)
	{
		uint64		bits = m->touched[w];

		m->touched[w] = 0;
		for (; bits != 0; bits &= bits - 1)
		{
			uint32		at = w * 64 + pg_rightmost_one_pos64(bits);
			double		sum = m->sum[at];
			uint64		mask = m->mask[at];

			m->sum[at] = 0;
			m->mask[at] = 0;
			ntouched++;
			if (sum + m->prefix[m->first] < m->s->need)
				continue;
			for (uint64 rest = mask; rest != 0; rest &= rest - 1)
			{
				int			n = pg_rightmost_one_pos64(rest);

				m->part[n] = m->parts[(Size) n * m->window + at];
			}
			candidate(m, from + at, sum, mask);
		}
	}
	return ntouched;
}

/*
 * A window with several essential terms: their sums in the array, then its documents.
 * The window's width adapts to how many there are.
 */
static void
window_many(MaxScore *m, uint32 from, uint32 to)
{
	uint32		ntouched;

	for (int i = m->first; i < m->n; i++)
		window_add(m, m->order[i], from, to);
	ntouched = window_candidates(m, from, to);

	/* too few documents to pay for the window's overhead: wider ones */
	if (ntouched < 32 * (m->n - m->first))
		m->min_window = Min(m->min_window * 2, m->window);
	else
		m->min_window = Max(m->min_window / 2, 1);
}

/*
 * The state of a search, allocated in the current memory context: arrays over a window,
 * 16 kB each, and unless any order of addition will do, a contribution for each term and
 * document of the window (PARTS).
 */
static void
maxscore_init(MaxScore *m, PgrSearch *s)
{
	memset(m, 0, sizeof(*m));
	m->s = s;
	m->n = s->nterms;
	m->order = palloc(sizeof(PgrSearchTerm *) * m->n);
	for (int i = 0; i < m->n; i++)
		m->order[i] = &s->terms[i];
	m->prefix = palloc0(sizeof(double) * (m->n + 1));
	m->min_window = 1;
	m->window = s->estimate ? WINDOW : Min(WINDOW, PARTS / m->n / 64 * 64);
	m->mask = palloc0(sizeof(uint64) * m->window);
	m->sum = palloc0(sizeof(double) * m->window);
	m->touched = palloc0(sizeof(uint64) * m->window / 64);
	if (!s->estimate)
	{
		m->part = palloc0(sizeof(double) * m->n);
		m->parts = palloc(sizeof(double) * m->window * m->n);
	}
}

/*
 * Window by window: bounds and their order (partition), then nothing, one term's blocks
 * or an array, as the number of essential terms says.
 */
void
pgr_search_maxscore(PgrSearch *s)
{
	MaxScore	m;
	uint32		from = 0;

	Assert(s->nterms >= 1 && (s->estimate || s->nterms <= PGR_SEARCH_MAX_PRUNED));
	maxscore_init(&m, s);
	while (from < s->ndocs)
	{
		uint32		to = window_end(&m, from);
		int			lead = m.first;

		CHECK_FOR_INTERRUPTS();
		pgr_search_window(s, from);
		partition(&m, from, to);
		if (m.first == m.n)
		{
			uint64		width = (uint64) (to - from + 1) * LEAP;

			m.first = lead;
			from = to + 1;
			if (++m.nskipped >= SKIPS_BEFORE_LEAP)
				from = leap(&m, from, width);
			continue;
		}
		m.nskipped = 0;
		if (m.first == m.n - 1)
			window_one(&m, from, to);
		else
		{
			to = Min(to, from + m.window - 1);
			window_many(&m, from, to);
		}
		from = to + 1;
	}
}
