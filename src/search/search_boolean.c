/*
 * search_boolean.c
 *		Which documents of a segment match a query: a tree of matchers, each an
 *		ascending stream of documents that can be told to skip.
 *
 *	TERM	a cursor over postings, with a look at the fields if the leaf has some
 *	PHRASE	an AND of its slots, then its occurrences
 *	AND		leapfrog: the rarest child proposes, the others confirm; children
 *			under NOT object
 *	OR		the least of a few children
 *	BITS	a set of documents, made when the matcher is: the union of the terms of
 *			a prefix or fuzzy word, an OR of many children. Thousands of cursors at
 *			once would need as many pins; a set needs a bit a document, and one
 *			cursor at a time.
 *	NOT		all documents but those of the child
 *
 * Without positions a phrase is the AND of its words: a superset, which *exact
 * tells. Under NOT that would be a subset, so NOT of such a child is ALL.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "search/search.h"
#include "utils/memutils.h"

#define FEW_CHILDREN 16			/* an OR of more is BITS */

typedef struct MatchBuild
{
	PgrSearch  *s;
	const PgrSegShape *shape;
	PgrMatcher **leaves;
} MatchBuild;

static PgrMatcher *build_node(MatchBuild *b, const PgrQueryNode *node);

static PgrMatcher *
make_matcher(PgrSearch *s, PgrMatchKind kind, uint64 cost)
{
	PgrMatcher *m = palloc0(sizeof(PgrMatcher));

	m->s = s;
	m->kind = kind;
	m->cost = cost;
	m->doc = -1;
	m->exact = true;
	return m;
}

static void
add_child(PgrMatcher *m, PgrMatcher *child)
{
	if (m->children == NULL)
		m->children = palloc(sizeof(PgrMatcher *) * 4);
	else if (m->nchildren >= 4 && (m->nchildren & (m->nchildren - 1)) == 0)
		m->children = repalloc(m->children, mul_size(sizeof(PgrMatcher *), m->nchildren * 2));
	m->children[m->nchildren++] = child;
	m->exact &= child->exact;
}

void
pgr_matcher_free(PgrMatcher *m)
{
	for (int i = 0; i < m->nchildren; i++)
		pgr_matcher_free(m->children[i]);
	if (m->term.postings)
		pgr_search_close(&m->term);
	if (m->bits)
		pfree(m->bits);
	if (m->children)
		pfree(m->children);
	pfree(m);
}

/* --- seeking --- */

/* Does the posting where the cursor stands lie in the fields that count? */
static bool
in_fields(PgrSearch *s, PgrPostings *p, uint32 fields)
{
	uint32		freq[PGR_MAX_FIELDS];

	if (fields == 0)
		return true;
	if (s->nfields <= 1)
		return (fields & 1) != 0;
	pgr_postings_fields(p, freq);
	for (int f = 0; f < s->nfields; f++)
		if (freq[f] > 0 && (fields & (1u << f)))
			return true;
	return false;
}

static uint32
seek_term(PgrMatcher *m, uint32 doc)
{
	pgr_search_seek(&m->term, doc);
	while (m->term.doc != PGR_NO_DOC && !in_fields(m->s, m->term.postings, m->fields))
		m->term.doc = pgr_postings_next(m->term.postings);
	return m->term.doc;
}

static uint32
seek_bits(PgrMatcher *m, uint32 doc)
{
	uint32		nwords = m->s->ndocs / 64 + 1;
	uint32		w = doc / 64;
	uint64		word;

	if (doc >= m->s->ndocs)
		return PGR_NO_DOC;
	word = m->bits[w] & (~UINT64CONST(0) << (doc % 64));
	while (word == 0)
	{
		if (++w >= nwords)
			return PGR_NO_DOC;
		word = m->bits[w];
	}
	return w * 64 + pg_rightmost_one_pos64(word);
}

static bool
objected(PgrMatcher *m, uint32 doc)
{
	for (int i = m->npositive; i < m->nchildren; i++)
		if (pgr_matcher_test(m->children[i], doc))
			return true;
	return false;
}

/* The next document of all positive children that none of the others has. */
static uint32
seek_and(PgrMatcher *m, uint32 doc)
{
	doc = pgr_matcher_seek(m->children[0], doc);
	for (int i = 1; doc != PGR_NO_DOC;)
	{
		uint32		other;

		if (i == m->npositive)
		{
			if (!objected(m, doc))
				return doc;
			CHECK_FOR_INTERRUPTS();
			doc = pgr_matcher_seek(m->children[0], doc + 1);
			i = 1;
			continue;
		}
		other = pgr_matcher_seek(m->children[i], doc);
		if (other == doc)
			i++;
		else if (other == PGR_NO_DOC)
			return PGR_NO_DOC;
		else
		{
			doc = pgr_matcher_seek(m->children[0], other);
			i = 1;
		}
	}
	return PGR_NO_DOC;
}

static uint32
seek_or(PgrMatcher *m, uint32 doc)
{
	for (;;)
	{
		uint32		least = PGR_NO_DOC;
		uint32		n = 0;

		for (int i = 0; i < m->nchildren; i++)
		{
			uint32		next = pgr_matcher_seek(m->children[i], doc);

			if (next < least)
				n = 0;
			least = Min(least, next);
			n += next == least;
		}
		if (least == PGR_NO_DOC || n >= m->min_match)
			return least;
		CHECK_FOR_INTERRUPTS();
		doc = least + 1;
	}
}

static uint32
seek_not(PgrMatcher *m, uint32 doc)
{
	while (doc < m->s->ndocs && pgr_matcher_test(m->children[0], doc))
	{
		CHECK_FOR_INTERRUPTS();
		doc++;
	}
	return doc < m->s->ndocs ? doc : PGR_NO_DOC;
}

/*
 * Reads a phrase's occurrences in a document that has its words. Child 0 is the
 * AND of slots; word_matchers[] are the terms' cursors.
 */
static bool
phrase_occurs(PgrMatcher *m, uint32 doc)
{
	int			n = m->node->nchildren;

	for (int i = 0; i < n; i++)
	{
		PgrMatcher *word = m->words[i];

		m->occ[i] = NULL;
		m->nocc[i] = 0;
		if (word != NULL && pgr_matcher_test(word, doc))
			m->occ[i] = pgr_postings_occurrences(word->term.postings, &m->nocc[i]);
	}
	m->freq = pgr_phrase_fields(m->node, m->occ, m->nocc, m->field_freq);
	return m->freq > 0;
}

/* Without positions: the most that the phrase can occur, slot by slot. */
static bool
phrase_possible(PgrMatcher *m, uint32 doc)
{
	uint64		least = PG_UINT32_MAX;

	for (int i = 0; i < m->node->nchildren;)
	{
		uint32		offset = m->node->children[i]->offset;
		uint64		sum = 0;

		for (; i < m->node->nchildren && m->node->children[i]->offset == offset; i++)
			if (m->words[i] != NULL && pgr_matcher_test(m->words[i], doc))
				sum += pgr_postings_weight(m->words[i]->term.postings);
		least = Min(least, sum);
	}
	m->freq = least;
	return true;
}

static uint32
seek_phrase(PgrMatcher *m, uint32 doc)
{
	while ((doc = pgr_matcher_seek(m->children[0], doc)) != PGR_NO_DOC)
	{
		if (m->positions ? phrase_occurs(m, doc) : phrase_possible(m, doc))
			return doc;
		CHECK_FOR_INTERRUPTS();
		doc++;
	}
	return PGR_NO_DOC;
}

uint32
pgr_matcher_seek(PgrMatcher *m, uint32 doc)
{
	if (m->doc >= (int64) doc)
		return m->doc;
	switch (m->kind)
	{
		case PGR_MATCH_NONE:
			m->doc = PGR_NO_DOC;
			break;
		case PGR_MATCH_ALL:
			m->doc = doc < m->s->ndocs ? doc : PGR_NO_DOC;
			break;
		case PGR_MATCH_TERM:
			m->doc = seek_term(m, doc);
			break;
		case PGR_MATCH_BITS:
			m->doc = seek_bits(m, doc);
			break;
		case PGR_MATCH_AND:
			m->doc = seek_and(m, doc);
			break;
		case PGR_MATCH_OR:
			m->doc = seek_or(m, doc);
			break;
		case PGR_MATCH_NOT:
			m->doc = seek_not(m, doc);
			break;
		case PGR_MATCH_PHRASE:
			m->doc = seek_phrase(m, doc);
			break;
	}
	return m->doc;
}

/* --- building --- */

static PgrMatcher *
build_term(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m;
	PgrTermInfo info;

	if (!pgr_segment_find(b->s->seg, node->term, node->termlen, &info))
		return make_matcher(b->s, PGR_MATCH_NONE, 0);
	m = make_matcher(b->s, PGR_MATCH_TERM, info.df);
	m->fields = node->fields;
	pgr_search_term_init(b->s, &m->term, NULL, &info);
	pgr_search_open(b->s, &m->term);
	return m;
}

static PgrMatcher *
make_bits(PgrSearch *s)
{
	PgrMatcher *m = make_matcher(s, PGR_MATCH_BITS, 0);

	m->bits = palloc_extended(mul_size(sizeof(uint64), s->ndocs / 64 + 1),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return m;
}

/* Adds the postings of one term that a leaf was expanded to. */
static void
add_expansion(void *arg, const char *term, uint32 len, const PgrTermInfo *info)
{
	PgrMatcher *m = arg;
	PgrPostings *p = pgr_postings_open(m->s->seg, info);

	while (pgr_postings_next_block(p))
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < p->ndocs; i++)
		{
			p->pos = i;
			p->doc = p->docs[i];
			if (m->fields == 0 || in_fields(m->s, p, m->fields))
				m->bits[p->doc / 64] |= UINT64CONST(1) << (p->doc % 64);
		}
	}
	m->cost += info->df;
	pgr_postings_close(p);
}

static PgrMatcher *
build_expanded(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_bits(b->s);

	m->fields = node->fields;
	pgr_expand_leaf(b->s->seg, node, add_expansion, m);
	return m;
}

static int
compare_cost(const void *a, const void *b)
{
	uint64		x = (*(PgrMatcher *const *) a)->cost;
	uint64		y = (*(PgrMatcher *const *) b)->cost;

	return x < y ? -1 : x > y;
}

/* An AND of positive children, already added, the rarest first. */
static void
finish_and(PgrMatcher *m)
{
	if (m->nchildren == 0)
		add_child(m, make_matcher(m->s, PGR_MATCH_ALL, m->s->ndocs));
	qsort(m->children, m->nchildren, sizeof(PgrMatcher *), compare_cost);
	m->npositive = m->nchildren;
	m->cost = m->children[0]->cost;
}

PgrMatcher *
pgr_matcher_and(PgrSearch *s, PgrMatcher **children, int n)
{
	PgrMatcher *m = make_matcher(s, PGR_MATCH_AND, 0);

	for (int i = 0; i < n; i++)
		add_child(m, children[i]);
	finish_and(m);
	return m;
}

/* A slot of a phrase: a word or alternatives, from child *i on. */
static PgrMatcher *
build_slot(MatchBuild *b, PgrMatcher *phrase, int *i)
{
	const PgrQueryNode *node = phrase->node;
	PgrMatcher *slot = make_matcher(b->s, PGR_MATCH_OR, 0);
	uint32		offset = node->children[*i]->offset;

	slot->min_match = 1;
	for (; *i < node->nchildren && node->children[*i]->offset == offset; (*i)++)
	{
		PgrMatcher *word = build_term(b, node->children[*i]);

		add_child(slot, word);
		slot->cost += word->cost;
		if (word->kind == PGR_MATCH_TERM)
			phrase->words[*i] = word;
	}
	return slot;
}

static PgrMatcher *
build_phrase(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_matcher(b->s, PGR_MATCH_PHRASE, 0);
	PgrMatcher *slots = make_matcher(b->s, PGR_MATCH_AND, 0);

	m->node = node;
	m->positions = b->shape->positions;
	m->words = palloc0(mul_size(sizeof(PgrMatcher *), node->nchildren));
	m->occ = palloc0(mul_size(sizeof(uint32 *), node->nchildren));
	m->nocc = palloc0(mul_size(sizeof(uint32), node->nchildren));
	for (int i = 0; i < node->nchildren;)
		add_child(slots, build_slot(b, m, &i));
	finish_and(slots);
	add_child(m, slots);
	m->cost = slots->cost;
	m->exact = m->positions;
	return m;
}

static PgrMatcher *
build_and(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_matcher(b->s, PGR_MATCH_AND, 0);

	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i]->kind != PGR_NODE_NOT)
			add_child(m, build_node(b, node->children[i]));
	finish_and(m);
	for (int i = 0; i < node->nchildren; i++)
	{
		PgrMatcher *child;

		if (node->children[i]->kind != PGR_NODE_NOT)
			continue;
		child = build_node(b, node->children[i]->children[0]);
		if (child->exact)
			add_child(m, child);
		else
		{
			m->exact = false;
			pgr_matcher_free(child);
		}
	}
	return m;
}

/*
 * An OR of many children: each is gone through by itself, then closed, with a
 * count for each document (where one is not enough).
 */
static PgrMatcher *
build_many(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_bits(b->s);
	PgrMatcher **leaves = b->leaves;
	uint32	   *count = NULL;

	if (node->min_match > 1)
		count = palloc_extended(mul_size(sizeof(uint32), Max(b->s->ndocs, 1)),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	b->leaves = NULL;			/* its leaves have no matcher that lasts */
	for (int i = 0; i < node->nchildren; i++)
	{
		PgrMatcher *child = build_node(b, node->children[i]);

		CHECK_FOR_INTERRUPTS();
		for (uint32 doc = 0; (doc = pgr_matcher_seek(child, doc)) != PGR_NO_DOC; doc++)
			if (count == NULL || ++count[doc] == node->min_match)
				m->bits[doc / 64] |= UINT64CONST(1) << (doc % 64);
		m->cost += child->cost;
		m->exact &= child->exact;
		pgr_matcher_free(child);
	}
	b->leaves = leaves;
	if (count)
		pfree(count);
	return m;
}

/*
 * A child of an OR. Cursors in an AND there (or an OR that wants several) run
 * ahead to its next match, past documents that the outer OR has by another child
 * and in which they score: such leaves are not shared.
 */
static PgrMatcher *
build_alternative(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher **leaves = b->leaves;
	PgrMatcher *m;

	if (node->kind == PGR_NODE_AND || node->min_match > 1)
		b->leaves = NULL;
	m = build_node(b, node);
	b->leaves = leaves;
	return m;
}

static PgrMatcher *
build_or(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m;

	if (node->min_match == 0)
		return make_matcher(b->s, PGR_MATCH_ALL, b->s->ndocs);
	if (node->nchildren > FEW_CHILDREN)
		return build_many(b, node);
	m = make_matcher(b->s, PGR_MATCH_OR, 0);
	m->min_match = node->min_match;
	for (int i = 0; i < node->nchildren; i++)
	{
		add_child(m, build_alternative(b, node->children[i]));
		m->cost += m->children[i]->cost;
	}
	return m;
}

static PgrMatcher *
build_not(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *child = build_node(b, node->children[0]);
	PgrMatcher *m = make_matcher(b->s, child->exact ? PGR_MATCH_NOT : PGR_MATCH_ALL, b->s->ndocs);

	if (child->exact)
		add_child(m, child);
	else
	{
		m->exact = false;
		pgr_matcher_free(child);
	}
	return m;
}

static PgrMatcher *
build_node(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = NULL;

	check_stack_depth();
	switch (node->kind)
	{
		case PGR_NODE_AND:
			return build_and(b, node);
		case PGR_NODE_OR:
			return build_or(b, node);
		case PGR_NODE_NOT:
			return build_not(b, node);
		case PGR_NODE_PHRASE:
			m = build_phrase(b, node);
			break;
		case PGR_NODE_TERM:
			if (node->prefix || node->fuzzy > 0)
				return build_expanded(b, node);
			m = build_term(b, node);
			break;
	}
	if (b->leaves != NULL && node->leaf >= 0 && b->leaves[node->leaf] == NULL)
		b->leaves[node->leaf] = m;
	return m;
}

PgrMatcher *
pgr_matcher_make(PgrSearch *s, const PgrSegShape *shape, const PgrQueryNode *root,
				 PgrMatcher **leaves, bool *exact)
{
	MatchBuild	b = {s, shape, leaves};
	PgrMatcher *m;

	if (root == NULL)
		return make_matcher(s, PGR_MATCH_NONE, 0);
	m = build_node(&b, root);
	*exact &= m->exact;
	return m;
}
