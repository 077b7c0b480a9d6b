/*
 * search_rank.c
 *		Ranked search of any query: a matcher says which documents, the query's
 *		leaves say what they score.
 *
 * Document at a time, in windows: where the leaves' bounds together do not reach
 * the threshold, the matcher skips the window. A leaf's cursor is the matcher's
 * own where the query tree has one, so that a conjunction decodes its blocks
 * once. With very many leaves: leaf at a time over an array of matches, as
 * search_accumulate.c does and for its reasons.
 *
 * Cursors of leaves are opened here and closed here, unless the matcher owns them.
 * Scores are sums in the order of leaves, whatever the order in which documents are
 * found.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "search/search_match.h"
#include "utils/memutils.h"

#define MATCHES (256 * 1024)	/* documents ranked at a time, leaf by leaf */
#define MIN_WINDOW 128			/* documents */

/* A scoring leaf in this segment; all empty if it cannot occur. */
typedef struct LeafCursor
{
	const PgrQueryNode *node;
	const PgrLeafScorer *scorer;
	PgrMatcher *matcher;		/* TERM or PHRASE */
	bool		own;			/* not part of the query's matcher */
	PgrSearchTerm *expanded;	/* prefix, fuzzy: the terms that count */
	int			nexpanded;
} LeafCursor;

/* --- opening --- */

/*
 * Opens the terms that a prefix or fuzzy leaf's statistics count, as far as the segment
 * has them: at most PGR_LEX_MAX_EXPANDED cursors, in the search's memory context.
 */
static void
open_expanded(PgrSearch *s, LeafCursor *c, const PgrLeafStats *stats)
{
	c->expanded = palloc(sizeof(PgrSearchTerm) * Max(stats->nexpanded, 1));
	for (int i = 0; i < stats->nexpanded; i++)
	{
		PgrTermInfo info;

		if (!pgr_segment_find(s->seg, stats->expanded[i], stats->expanded_len[i], &info))
			continue;
		pgr_search_term_init(s, &c->expanded[c->nexpanded], c->scorer, &info);
		pgr_search_open(s, &c->expanded[c->nexpanded++]);
	}
}

/*
 * Opens a leaf's cursor; shared: the query's matcher for it, or NULL. The words
 * of a phrase get its scorer, for the bounds of their blocks: a phrase does not
 * occur more often than its words.
 */
static void
open_leaf(PgrSearch *s, LeafCursor *c, const PgrSearchQuery *query,
		  int leaf, PgrMatcher *shared)
{
	const PgrQueryNode *node = query->pinned->query->leaves[leaf];
	bool		exact = true;

	memset(c, 0, sizeof(*c));
	c->node = node;
	c->scorer = &query->pinned->scorers[leaf];
	if (s->nfields <= 1 && node->fields != 0 && !(node->fields & 1))
		return;
	if (node->kind == PGR_NODE_TERM && (node->prefix || node->fuzzy > 0))
	{
		open_expanded(s, c, &query->pinned->leaves[leaf]);
		return;
	}
	c->own = shared == NULL;
	c->matcher = shared ? shared : pgr_matcher_make(s, query->shape, node, NULL, &exact);
	if (c->matcher->kind == PGR_MATCH_TERM)
		pgr_search_term_scorer(s, &c->matcher->term, c->scorer);
	else if (c->matcher->kind == PGR_MATCH_PHRASE)
	{
		for (int i = 0; i < node->nchildren; i++)
			if (c->matcher->words[i])
				c->matcher->words[i]->term.scorer = c->scorer;
	}
}

/* Closes the cursors that are the leaf's own. */
static void
close_leaf(LeafCursor *c)
{
	for (int i = 0; i < c->nexpanded; i++)
		pgr_search_close(&c->expanded[i]);
	if (c->own && c->matcher)
		pgr_matcher_free(c->matcher);
}

/* --- scores --- */

/* A leaf's contribution from its frequency; by fields where the documents have some. */
static double
score_of_fields(PgrSearch *s, LeafCursor *c, uint32 doc, uint32 tf, const uint32 *field_tf)
{
	uint8		norms[PGR_MAX_FIELDS];

	if (tf == 0)
		return 0;
	if (s->nfields <= 1)
		return pgr_leaf_score(c->scorer, tf, pgr_search_norm(s, doc));
	pgr_segment_field_norms(s->seg, doc, norms);
	return pgr_leaf_score_fields(c->scorer, field_tf, pgr_search_norm(s, doc), norms);
}

/* The terms of a prefix or fuzzy leaf count as one word: their frequencies add up. */
static double
score_expanded(PgrSearch *s, LeafCursor *c, uint32 doc)
{
	uint32		field_tf[PGR_MAX_FIELDS] = {0};
	uint32		tf = 0;

	for (int i = 0; i < c->nexpanded; i++)
	{
		PgrSearchTerm *t = &c->expanded[i];
		uint32		freq[PGR_MAX_FIELDS];

		pgr_search_seek(t, doc);
		if (t->doc != (int64) doc)
			continue;
		tf += pgr_postings_weight(t->postings);
		if (s->nfields <= 1)
			continue;
		pgr_postings_fields(t->postings, freq);
		for (int f = 0; f < s->nfields; f++)
			field_tf[f] += freq[f];
	}
	return score_of_fields(s, c, doc, tf, field_tf);
}

/* A leaf's contribution to a document; documents ascend. */
static double
leaf_score(PgrSearch *s, LeafCursor *c, uint32 doc)
{
	PgrMatcher *m = c->matcher;

	if (c->nexpanded > 0)
		return score_expanded(s, c, doc);
	if (m == NULL)
		return 0;
	if (m->kind == PGR_MATCH_TERM)
	{
		pgr_search_seek(&m->term, doc);
		return m->term.doc == (int64) doc ? pgr_search_score(s, &m->term) : 0;
	}
	if (m->kind != PGR_MATCH_PHRASE || !pgr_matcher_test(m, doc))
		return 0;
	if (!m->positions)
		return pgr_leaf_bound(c->scorer, m->freq, pgr_search_norm(s, doc));
	return score_of_fields(s, c, doc, m->freq, m->field_freq);
}

/* --- bounds --- */

/* The least bound of the phrase's slots that are one word. */
static double
phrase_bound(LeafCursor *c, uint32 from, uint32 to)
{
	const PgrQueryNode *node = c->node;
	double		bound = pgr_leaf_bound(c->scorer, PG_UINT32_MAX, 0);

	for (int i = 0; i < node->nchildren; i++)
	{
		PgrMatcher *word = c->matcher->words[i];
		uint32		offset = node->children[i]->offset;

		if (i > 0 && node->children[i - 1]->offset == offset)
			continue;
		if (i + 1 < node->nchildren && node->children[i + 1]->offset == offset)
			continue;
		bound = Min(bound, word ? pgr_search_window_bound(&word->term, from, to) : 0);
	}
	return bound;
}

/* The most that a leaf can contribute to a document of [from, to]. */
static double
leaf_bound(LeafCursor *c, uint32 from, uint32 to)
{
	if (c->nexpanded > 0)
		return pgr_leaf_bound(c->scorer, PG_UINT32_MAX, 0);
	if (c->matcher == NULL)
		return 0;
	if (c->matcher->kind == PGR_MATCH_TERM)
		return pgr_search_window_bound(&c->matcher->term, from, to);
	return c->matcher->kind == PGR_MATCH_PHRASE ? phrase_bound(c, from, to) : 0;
}

/* Where the first block of a leaf's terms ends. */
static uint32
window_end(PgrSearch *s, LeafCursor *c, int n, uint32 from)
{
	uint32		to = PGR_NO_DOC;

	for (int i = 0; i < n; i++)
	{
		PgrMatcher *m = c[i].matcher;

		if (m && m->kind == PGR_MATCH_TERM)
			to = Min(to, pgr_search_block_end(&m->term, from));
	}
	to = Max((uint64) to, (uint64) from + MIN_WINDOW - 1);
	return Min(to, s->end - 1);
}

/* Can a document of [from, to] enter the top-k? */
static bool
window_may_enter(PgrSearch *s, LeafCursor *c, int n, uint32 from, uint32 to)
{
	double		sum = 0;

	if (s->top->n < s->top->k)
		return true;
	for (int i = 0; i < n; i++)
		sum += leaf_bound(&c[i], from, to);
	return sum >= s->need && !(s->strict && sum <= s->theta);
}

/* --- the two ways --- */

/* Scores the matches in [from, to], in which each leaf is looked up. */
static void
rank_window(PgrSearch *s, PgrMatcher *matcher, LeafCursor *c, int n, uint32 from, uint32 to)
{
	uint32		doc = from;

	while ((doc = pgr_matcher_seek(matcher, doc)) <= to)
	{
		double		score = 0;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
			score += leaf_score(s, &c[i], doc);
		pgr_seg_counters.docs_scored++;
		pgr_search_emit(s, doc, score);
		doc++;
	}
}

/*
 * Few leaves: all are open, documents are gone through window by window, and a window
 * is passed over where the leaves' bounds together do not reach the threshold. leaves:
 * shared matchers, which `matcher` frees; others are opened and closed here.
 */
static void
rank_by_document(PgrSearch *s, const PgrSearchQuery *query,
				 PgrMatcher *matcher, PgrMatcher **leaves)
{
	int			n = query->pinned->query->nleaves;
	LeafCursor *c = palloc(sizeof(LeafCursor) * Max(n, 1));
	uint32		from = s->first;

	for (int i = 0; i < n; i++)
		open_leaf(s, &c[i], query, i, leaves[i]);
	while ((from = pgr_matcher_seek(matcher, from)) < s->end)
	{
		uint32		to = window_end(s, c, n, from);

		CHECK_FOR_INTERRUPTS();
		pgr_search_window(s, from);
		if (window_may_enter(s, c, n, from, to))
			rank_window(s, matcher, c, n, from, to);
		from = to + 1;
	}
	for (int i = 0; i < n; i++)
		close_leaf(&c[i]);
	pfree(c);
}

/* Adds one leaf's contributions to the matches' scores. */
static void
rank_leaf(PgrSearch *s, const PgrSearchQuery *query, int leaf,
		  const uint32 *docs, double *scores, uint32 n)
{
	LeafCursor	c;

	open_leaf(s, &c, query, leaf, NULL);
	if (c.nexpanded > 0 || (c.matcher && c.matcher->kind != PGR_MATCH_NONE))
	{
		for (uint32 i = 0; i < n; i++)
		{
			if (i % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			scores[i] += leaf_score(s, &c, docs[i]);
		}
	}
	close_leaf(&c);
}

/*
 * Very many leaves: one is open at a time, over an array of MATCHES matches and their
 * scores (3 MB, freed here). Nothing is passed over.
 */
static void
rank_by_leaf(PgrSearch *s, const PgrSearchQuery *query,
			 PgrMatcher *matcher)
{
	uint32		size = Min(MATCHES, s->end - s->first);
	uint32	   *docs = palloc(sizeof(uint32) * size);
	double	   *scores = palloc(sizeof(double) * size);
	uint32		doc = s->first;
	uint32		n;

	do
	{
		for (n = 0; n < size && (doc = pgr_matcher_seek(matcher, doc)) < s->end; doc++)
		{
			CHECK_FOR_INTERRUPTS();
			scores[n] = 0;
			docs[n++] = doc;
		}
		for (int i = 0; i < query->pinned->query->nleaves; i++)
			rank_leaf(s, query, i, docs, scores, n);
		for (uint32 i = 0; i < n; i++)
			pgr_search_emit(s, docs[i], scores[i]);
	} while (n > 0 && n == size);
	pfree(docs);
	pfree(scores);
}

/* An empty range of documents opens nothing. */
void
pgr_search_rank(PgrSearch *s, const PgrSearchQuery *query,
				PgrMatcher *matcher, PgrMatcher **leaves)
{
	if (s->first >= s->end)
		return;
	if (leaves != NULL)
		rank_by_document(s, query, matcher, leaves);
	else
		rank_by_leaf(s, query, matcher);
}
