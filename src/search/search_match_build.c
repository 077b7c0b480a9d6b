/*
 * search_match_build.c
 *		From a query's tree to a tree of matchers.
 *
 * A leaf's matcher may serve the score too (leaves[]), so that a conjunction decodes
 * its blocks once. Of alternatives that may run ahead of the document at hand, none is
 * shared.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "search/search_match.h"
#include "utils/memutils.h"

#define FEW_CHILDREN 16			/* an OR of more is BITS */

/* A tree being built: for which search, and whose leaves are noted (NULL: none). */
typedef struct MatchBuild
{
	PgrSearch  *s;
	const PgrSegShape *shape;
	PgrMatcher **leaves;
} MatchBuild;

static PgrMatcher *build_node(MatchBuild *b, const PgrQueryNode *node);

/* A matcher without children, before its first document; allocated in the search's context. */
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

/* The array of children doubles at powers of two from 4 on. */
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

/* A word, its postings open; NONE if the segment does not have it. */
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

/* An empty set: a bit a document, huge where the segment is. */
static PgrMatcher *
make_bits(PgrSearch *s)
{
	PgrMatcher *m = make_matcher(s, PGR_MATCH_BITS, 0);

	m->bits = palloc_extended(mul_size(sizeof(uint64), s->ndocs / 64 + 1),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return m;
}

/*
 * Adds the postings of one term that a leaf was expanded to; arg: the BITS. One cursor
 * is open at a time.
 */
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
			if (m->fields == 0 || pgr_match_fields(m->s, p, m->fields))
				m->bits[p->doc / 64] |= UINT64CONST(1) << (p->doc % 64);
		}
	}
	m->cost += info->df;
	pgr_postings_close(p);
}

/* A prefix or fuzzy word: the union of its terms, made at once. */
static PgrMatcher *
build_expanded(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_bits(b->s);

	m->fields = node->fields;
	pgr_search_expand(b->s->seg, node, add_expansion, m);
	return m;
}

/* qsort: the matcher that goes through fewer documents first. */
static int
compare_cost(const void *a, const void *b)
{
	uint64		x = (*(PgrMatcher *const *) a)->cost;
	uint64		y = (*(PgrMatcher *const *) b)->cost;

	return x < y ? -1 : x > y;
}

/*
 * An AND of positive children, already added, the rarest first: it proposes, the
 * others are only asked. Without any child, of all documents.
 */
static void
finish_and(PgrMatcher *m)
{
	if (m->nchildren == 0)
		add_child(m, make_matcher(m->s, PGR_MATCH_ALL, m->s->ndocs));
	qsort(m->children, m->nchildren, sizeof(PgrMatcher *), compare_cost);
	m->npositive = m->nchildren;
	m->cost = m->children[0]->cost;
}

/* Filters beside each other; a query's own AND is built by build_and. */
PgrMatcher *
pgr_matcher_and(PgrSearch *s, PgrMatcher **children, int n)
{
	PgrMatcher *m = make_matcher(s, PGR_MATCH_AND, 0);

	for (int i = 0; i < n; i++)
		add_child(m, children[i]);
	finish_and(m);
	return m;
}

/*
 * A slot of a phrase: a word or alternatives at one offset, from child *i on; *i moves
 * to the next slot. Words that the segment has are noted in the phrase, which reads
 * their positions.
 */
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

/*
 * A phrase: the AND of its slots, whose words' cursors it reads positions by. Without
 * positions in the segment it is not exact.
 */
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

/*
 * Adds a child that objects, unless it is not exact: that would take away documents that
 * match. Then m is not exact, and the child is freed.
 */
static void
add_objection(PgrMatcher *m, PgrMatcher *child)
{
	if (child->exact)
		add_child(m, child);
	else
	{
		m->exact = false;
		pgr_matcher_free(child);
	}
}

/*
 * Positive children, the rarest first, then those under NOT, which object. An objection
 * that is not exact would take away documents that match: it is left out, and the AND is
 * not exact.
 */
static PgrMatcher *
build_and(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *m = make_matcher(b->s, PGR_MATCH_AND, 0);

	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i]->kind != PGR_NODE_NOT)
			add_child(m, build_node(b, node->children[i]));
	finish_and(m);
	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i]->kind == PGR_NODE_NOT)
			add_objection(m, build_node(b, node->children[i]->children[0]));
	return m;
}

/*
 * An OR of many children: each is gone through by itself, then closed, with a
 * count for each document (where one is not enough). Allocates a bit and, for counts,
 * which are freed, four bytes a document.
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
 * A child of an OR. Cursors in an AND there (or an OR that wants several) run ahead to
 * its next match, past documents that the outer OR has by another child and in which
 * they score: such leaves are not shared with the score, which opens its own.
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

/* An OR; of optional words (min_match 0), which exclude nothing, ALL. */
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

/* NOT by itself (below AND it objects); of what is not exact, ALL. */
static PgrMatcher *
build_not(MatchBuild *b, const PgrQueryNode *node)
{
	PgrMatcher *child = build_node(b, node->children[0]);
	PgrMatcher *m = make_matcher(b->s, child->exact ? PGR_MATCH_NOT : PGR_MATCH_ALL, b->s->ndocs);

	add_objection(m, child);
	return m;
}

/*
 * The matcher of a node and all below it; a scoring leaf's is noted in b->leaves. As deep
 * as the query is (PGR_QUERY_MAX_DEPTH), which the stack is checked for.
 */
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

/* The tree is built whole before the first seek: costs of children decide their order. */
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
