/*
 * search_match.c
 *		Matchers at work: the next document of each kind of matcher.
 *
 * A seek moves cursors forward only, so a matcher costs at most one pass over its
 * postings, whatever it is asked for. It allocates nothing that lasts.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "search/search_match.h"

/*
 * Reads frequencies by field, which cost a page look, only where documents have
 * several.
 */
bool
pgr_match_fields(PgrSearch *s, PgrPostings *p, uint32 fields)
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

/* The next posting, of those in the leaf's fields. */
static uint32
seek_term(PgrMatcher *m, uint32 doc)
{
	pgr_search_seek(&m->term, doc);
	while (m->term.doc != PGR_NO_DOC && !pgr_match_fields(m->s, m->term.postings, m->fields))
		m->term.doc = pgr_postings_next(m->term.postings);
	return m->term.doc;
}

/* The next bit that is set, word by word. */
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

/* Has a child under NOT the document? */
static bool
objected(PgrMatcher *m, uint32 doc)
{
	for (int i = m->npositive; i < m->nchildren; i++)
		if (pgr_matcher_test(m->children[i], doc))
			return true;
	return false;
}

/*
 * The next document of all positive children that none of the others has. Child 0, the
 * rarest, proposes; whoever is beyond a proposal makes the next one.
 */
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

/*
 * The least document of a child, if enough children have it. Children that stand on a
 * later one are not moved, so each document of the children is met once.
 * Interruptible: min_match may reject many.
 */
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

/*
 * The next document that the child does not have; stepwise, since most documents are
 * such.
 */
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
 * Reads a phrase's occurrences in a document that has its words, sets how often it
 * occurs. Child 0 is the AND of slots; words[] are the terms' cursors, which are below
 * it and stand on the document.
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

/*
 * Without positions: the most that the phrase can occur, slot by slot, as the
 * frequency of a candidate. Alternatives of a slot add up.
 */
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

/*
 * The next document in which the words are, that have them in order too. The AND of
 * slots proposes; reading positions costs more than anything else here, so it comes
 * last.
 */
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

/*
 * Whoever stands beyond a document already answers without moving: a child that
 * several ask (a shared leaf) is moved once.
 */
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

/*
 * Recursive, as deep as the query. The search's memory context would free all;
 * cursors' pins must go now.
 */
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
