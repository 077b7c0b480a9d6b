/*
 * search_term.c
 *		The parts of a segment's search: its terms, their contributions and
 *		bounds, and the way of a scored document into the top-k.
 *
 * Shared by search_maxscore.c, search_accumulate.c, search_rank.c and search_sparse.c;
 * the rules that make scores reproducible and pruning sound are in search_state.h.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "search/search_state.h"
#include "utils/float.h"

/*
 * Has the worst hit a smaller tid than any document to come? Then an equal score is
 * too late. In the same segment documents, which ascend as their tids, tell; in
 * another one the tid of the first document to come is looked up, a page at most.
 */
static bool
worst_is_before(PgrSearch *s)
{
	PgrHit	   *worst = &s->top->heap[0];
	ItemPointerData from;

	if (!s->sorted || s->from_doc < 0)
		return false;
	if (worst->source == s->source)
		return true;
	pgr_segment_tid(s->seg, s->from_doc, &from);
	return ItemPointerCompare(&from, pgr_topk_tid(s->top, worst)) >= 0;
}

/*
 * Takes the threshold over, and with it, whether equal scores can be too late. Called
 * whenever it may have risen: at each window and hit. -infinity stays as it is.
 */
static void
refresh(PgrSearch *s)
{
	const PgrTopK *top = s->top;

	s->theta = top->threshold;
	if (top->n < top->k)
		s->need = s->theta;		/* -infinity */
	else
	{
		s->need = s->theta - fabs(s->theta) * s->slack;
		s->strict = worst_is_before(s);
	}
}

/*
 * The threshold is taken over, so hits of segments searched before count from the
 * start.
 */
void
pgr_search_begin(PgrSearch *s, PgrSegment *seg, uint32 source, PgrTopK *top)
{
	const PgrSegDesc *desc = pgr_segment_desc(seg);

	memset(s, 0, sizeof(*s));
	s->seg = seg;
	s->source = source;
	s->ndocs = desc->ndocs;
	s->end = desc->ndocs;
	s->has_dead = desc->ndead > 0;
	s->sorted = pgr_segment_sorted(seg);
	s->top = top;
	s->from_doc = -1;
	s->only_positive = true;
	if (top != NULL)
		refresh(s);
}

/*
 * A sum of n terms is off by at most (n - 1) roundings in any order; PGR_BOUND_SLACK
 * has room for the roundings of the bounds, too.
 */
void
pgr_search_sums(PgrSearch *s, int n)
{
	s->slack = n <= 2 ? 0 : PGR_BOUND_SLACK(n) - 1;
}

/*
 * from_doc is kept only until the search is strict: what is beyond a document stays
 * beyond.
 */
void
pgr_search_window(PgrSearch *s, uint32 doc)
{
	if (s->sorted && doc < s->ndocs && s->top->n == s->top->k && !s->strict)
		s->from_doc = doc;
	refresh(s);
}

/*
 * The checks come in the order of what they cost: the score against the threshold,
 * what the document must pass, the dead bitmap (a page look). The tid is looked up
 * later, by who needs it. Once k hits are held each hit raises the threshold.
 */
void
pgr_search_emit(PgrSearch *s, uint32 doc, double score)
{
	PgrHit		hit;

	if (s->found != NULL)
	{
		s->found(s->found_arg, doc, score);
		return;
	}
	if (s->only_positive && !(score > 0))
		return;
	if (!pgr_topk_may_enter(s->top, score) || (s->strict && score <= s->theta))
		return;
	if (s->pass != NULL && !s->pass(s->pass_arg, doc))
		return;
	if (s->has_dead && pgr_segment_dead(s->seg, doc))
		return;

	hit.score = score;
	hit.doc = doc;
	hit.source = s->source;
	hit.hash = 0;
	ItemPointerSetInvalid(&hit.tid);
	pgr_topk_add(s->top, &hit);
	if (s->top->n == s->top->k)
	{
		/* documents to come are beyond this one */
		s->from_doc = doc;
		refresh(s);
	}
}

/* The block bound known so far was by another scorer: it is forgotten. */
void
pgr_search_term_scorer(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer)
{
	t->scorer = scorer;
	t->by_field = s->nfields > 1 && scorer != NULL &&
		(scorer->kind == PGR_SCORING_BM25F || scorer->fields != 0);
	t->block_last = -1;
}

/* The dictionary's entry is copied, so the dictionary's page need not stay. */
void
pgr_search_term_init(PgrSearch *s, PgrSearchTerm *t, const PgrLeafScorer *scorer,
					 const PgrTermInfo *info)
{
	memset(t, 0, sizeof(*t));
	t->info = *info;
	t->doc = -1;
	pgr_search_term_scorer(s, t, scorer);
}

/* One cursor, which pins the page of its decoded block and one of its skips. */
void
pgr_search_open(PgrSearch *s, PgrSearchTerm *t)
{
	t->postings = pgr_postings_open(s->seg, &t->info);
	t->doc = -1;
	t->block_last = -1;
}

/* Its pins go; the term may be opened again. */
void
pgr_search_close(PgrSearchTerm *t)
{
	pgr_postings_close(t->postings);
	t->postings = NULL;
}

/* A contribution from the frequencies by field of the current posting. */
static double
score_fields(PgrSearch *s, PgrSearchTerm *t)
{
	uint32		freq[PGR_MAX_FIELDS];
	uint8		norms[PGR_MAX_FIELDS];
	uint32		doc = t->postings->doc;

	pgr_postings_fields(t->postings, freq);
	pgr_segment_field_norms(s->seg, doc, norms);
	return pgr_leaf_score_fields(t->scorer, freq, pgr_search_norm(s, doc), norms);
}

/* Weights of a block are decoded when the first of them is asked for. */
double
pgr_search_score(PgrSearch *s, PgrSearchTerm *t)
{
	PgrPostings *p = t->postings;
	uint32		weight;

	if (t->by_field)
		return score_fields(s, t);
	weight = pgr_postings_weight(p);
	if (t->scorer == NULL)
		return t->factor * weight;
	return pgr_leaf_score(t->scorer, weight, pgr_search_norm(s, p->doc));
}

/*
 * A whole block at a time: one loop for each way to score, so that the compiler sees
 * through pgr_leaf_score. Frequencies by field are of the current posting: the
 * position moves and is put back.
 */
void
pgr_search_scores(PgrSearch *s, PgrSearchTerm *t, uint32 from, uint32 to, double *out)
{
	PgrPostings *p = t->postings;
	uint32		pos = p->pos;

	if (!p->weights_valid)
		pgr_postings_load_weights(p);
	if (t->scorer == NULL)
	{
		for (uint32 i = from; i < to; i++)
			out[i - from] = t->factor * p->weights[i];
	}
	else if (!t->by_field)
	{
		for (uint32 i = from; i < to; i++)
			out[i - from] = pgr_leaf_score(t->scorer, p->weights[i],
										   pgr_search_norm(s, p->docs[i]));
	}
	else
	{
		for (uint32 i = from; i < to; i++)
		{
			p->pos = i;
			p->doc = p->docs[i];
			out[i - from] = pgr_search_score(s, t);
		}
		p->pos = pos;
		p->doc = p->docs[pos];
	}
	pgr_seg_counters.docs_scored += to - from;
}

/*
 * The largest contribution of postings under a bound, >= 0. Each pair is scored as a
 * posting would be: monotone steps make that an upper bound, bit for bit. A weight of
 * 255 stands for any, but no posting has more than what the others leave of the sum.
 */
static double
bound_score(const PgrSearchTerm *t, const PgrBound *bound)
{
	double		best = 0;

	for (int i = 0; i < PGR_BOUND_PAIRS && bound->weight[i] != 0; i++)
	{
		uint64		weight = bound->weight[i];
		double		score;

		if (t->scorer == NULL)
			score = t->factor * weight;
		else
		{
			if (weight == 255)	/* all others have at least 1 */
				weight = Min(t->info.cf - t->info.df + 1, PG_UINT32_MAX);
			score = pgr_leaf_bound(t->scorer, weight, bound->norm[i]);
		}
		best = Max(best, score);
	}
	return best;
}

/*
 * Within one block its bound is known from the last call; over several, the skips'
 * bounds are joined.
 */
double
pgr_search_window_bound(PgrSearchTerm *t, uint32 from, uint32 to)
{
	PgrPostings *p = t->postings;
	PgrBound	bound;

	if (t->block_last < (int64) from)
	{
		pgr_postings_shallow(p, from);
		t->block_last = p->block_last;
		t->block_bound = p->block_bound;
		t->block_score = bound_score(t, &t->block_bound);
	}
	if (to <= t->block_last)
		return t->block_score;
	pgr_postings_bound(p, from, to, &bound);
	return bound_score(t, &bound);
}

/* A block whose bound is not known yet is looked for, without decoding it. */
uint32
pgr_search_block_end(PgrSearchTerm *t, uint32 from)
{
	if (t->block_last < (int64) from)
		pgr_search_window_bound(t, from, from);
	return t->block_last;
}

/* At the end of a segment: only hits that have stayed cost a look at the hashes' page. */
void
pgr_search_hashes(PgrSearch *s)
{
	PgrTopK    *top = s->top;

	for (int i = 0; i < top->n; i++)
		if (top->heap[i].source == s->source)
			top->heap[i].hash = pgr_segment_hash(s->seg, top->heap[i].doc);
}
