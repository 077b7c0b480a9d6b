/*
 * match.c
 *		A query against one analysed document: does it match, and what is the
 *		score. The reference that an index's answer equals.
 *
 * A document that the whole query does not match scores 0; otherwise its score
 * is the sum over the leaves that occur in it, whether or not the part of the
 * query around a leaf matches, in the leaves' order. A prefix or fuzzy leaf
 * counts the frequencies of the terms it was expanded to (PgrLeafStats) as one
 * word's, but matches any term that it accepts.
 *
 * Memory: scratch only, freed before the return; results go to what the caller gives.
 * No locks, no catalogs, no user code. Raises only for a stack that is too deep
 * (54001): words are at most 2047 bytes, so the edit distance is computed without the
 * server's limit on length. Cancellable in every loop over terms or leaves.
 */
#include "postgres.h"

#include "lexical/lexical.h"
#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "utils/varlena.h"

/* --- leaves --- */

/*
 * Index of the first of a document's terms that is not below the given one; nterms if
 * all are below.
 */
static int
lower_bound(const PgrLexDoc *doc, const char *bytes, uint32 len)
{
	int			lo = 0;
	int			hi = doc->nterms;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;

		if (pgr_lex_compare(doc->terms[mid].bytes, doc->terms[mid].len, bytes, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The document's term of these bytes, or NULL. Terms are sorted: a search by halving.
 */
static const PgrLexTerm *
find_term(const PgrLexDoc *doc, const char *bytes, uint32 len)
{
	int			i = lower_bound(doc, bytes, len);

	if (i < doc->nterms && doc->terms[i].len == len &&
		memcmp(doc->terms[i].bytes, bytes, len) == 0)
		return &doc->terms[i];
	return NULL;
}

/*
 * Edit distance in characters: insertions, deletions and substitutions cost 1 each, a
 * swap of neighbours 2. A character has at most four bytes, so lengths far apart
 * settle it without a look at the bytes.
 */
static bool
fuzzy_accepts(const PgrQueryNode *leaf, const char *term, uint32 len)
{
	int64		apart = (int64) len - leaf->termlen;

	if (apart > 4 * leaf->fuzzy || apart < -4 * leaf->fuzzy)
		return false;
	return varstr_levenshtein_less_equal(leaf->term, (int) leaf->termlen, term, (int) len,
										 1, 1, 1, leaf->fuzzy, true) <= leaf->fuzzy;
}

/*
 * The reference for prefixes and fuzzy words: dictionaries of segments and documents
 * are asked by it, so that an index and the operator accept the same terms. Fields
 * are not looked at.
 */
bool
pgr_leaf_accepts(const PgrQueryNode *leaf, const char *term, uint32 len)
{
	if (leaf->fuzzy > 0)
		return fuzzy_accepts(leaf, term, len);
	if (leaf->prefix ? len < leaf->termlen : len != leaf->termlen)
		return false;
	return memcmp(leaf->term, term, leaf->termlen) == 0;
}

/*
 * True if a term counts for the score of a prefix or fuzzy leaf: one of those that
 * its statistics name, at most PGR_LEX_MAX_EXPANDED, so a plain walk. Without
 * statistics all count.
 */
static bool
counts_for_score(const PgrLeafStats *stats, const PgrLexTerm *term)
{
	if (stats == NULL || stats->nexpanded < 0)
		return true;
	for (int i = 0; i < stats->nexpanded; i++)
		if (stats->expanded_len[i] == term->len &&
			memcmp(stats->expanded[i], term->bytes, term->len) == 0)
			return true;
	return false;
}

/*
 * Adds a term's frequencies in the leaf's fields to *hit, if `scores`; false if it
 * has none in those fields.
 */
static bool
add_term(const PgrQueryNode *leaf, const PgrLexDoc *doc, const PgrLexTerm *term,
		 bool scores, PgrLeafHit *hit)
{
	int			nfields = doc->nfields;
	uint32		tf = 0;

	for (int f = 0; f < nfields; f++)
	{
		uint32		n = nfields == 1 ? term->tf : doc->field_tf[term->first_field_tf + f];

		if (leaf->fields != 0 && !(leaf->fields & (1u << f)))
			continue;
		tf += n;
		if (scores)
			hit->field_tf[f] += n;
	}
	if (scores)
		hit->tf += tf;
	return tf > 0;
}

/*
 * Prefix and fuzzy leaves: any term that they accept is a match; what counts for the
 * score are the terms that the statistics say. A prefix's terms are neighbours, a
 * fuzzy word may be near any, so all the document's terms are tried.
 */
static bool
expanded_hit(const PgrQueryNode *leaf, const PgrLeafStats *stats, const PgrLexDoc *doc,
			 PgrLeafHit *hit)
{
	int			i = leaf->fuzzy > 0 ? 0 : lower_bound(doc, leaf->term, leaf->termlen);
	bool		match = false;

	for (; i < doc->nterms; i++)
	{
		const PgrLexTerm *term = &doc->terms[i];

		CHECK_FOR_INTERRUPTS();
		if (pgr_leaf_accepts(leaf, term->bytes, term->len))
			match |= add_term(leaf, doc, term, counts_for_score(stats, term), hit);
		else if (leaf->fuzzy == 0)
			break;				/* past the prefix */
	}
	return match;
}

/*
 * Occurrences of a phrase in the document, into *hit. A lexeme without positions (of
 * a tsvector) is in no phrase. Two small arrays are scratch, freed.
 */
static bool
phrase_hit(const PgrQueryNode *leaf, const PgrLexDoc *doc, PgrLeafHit *hit)
{
	const uint32 **occ = palloc(sizeof(uint32 *) * leaf->nchildren);
	uint32	   *nocc = palloc0(sizeof(uint32) * leaf->nchildren);

	for (int i = 0; i < leaf->nchildren; i++)
	{
		const PgrQueryNode *child = leaf->children[i];
		const PgrLexTerm *term = find_term(doc, child->term, child->termlen);

		if (term != NULL && term->occ != NULL)
		{
			occ[i] = term->occ;
			nocc[i] = term->tf;
		}
	}
	hit->tf = pgr_phrase_fields(leaf, occ, nocc, hit->field_tf);
	pfree(occ);
	pfree(nocc);
	return hit->tf > 0;
}

/*
 * What a document has of a leaf; stats may be NULL (matching only). *hit is
 * overwritten, also where the leaf does not match: a leaf whose accepted terms all do
 * not count matches with a frequency of 0.
 */
bool
pgr_leaf_hit(const PgrQueryNode *leaf, const PgrLeafStats *stats, const PgrLexDoc *doc,
			 PgrLeafHit *hit)
{
	const PgrLexTerm *term;

	hit->tf = 0;
	memset(hit->field_tf, 0, sizeof(hit->field_tf));
	if (leaf->kind == PGR_NODE_PHRASE)
		return phrase_hit(leaf, doc, hit);
	if (leaf->prefix || leaf->fuzzy > 0)
		return expanded_hit(leaf, stats, doc, hit);
	term = find_term(doc, leaf->term, leaf->termlen);
	return term != NULL && add_term(leaf, doc, term, true, hit);
}

/* --- the tree --- */

/*
 * A document in a walk of the query's tree, and which leaves are known to match: NULL
 * while nothing has been looked up.
 */
typedef struct Matcher
{
	const PgrLexDoc *doc;
	const bool *leaf_matches;	/* [nleaves], or NULL: not known yet */
} Matcher;

/*
 * Does the tree below the node match? Leaves are looked up at most once where their
 * hits are known already; those below a NOT have no number (leaf is -1) and are
 * looked up here. As deep as the query is: the stack is checked. Interruptible.
 */
static bool
node_matches(const Matcher *m, const PgrQueryNode *node)
{
	PgrLeafHit	hit;
	uint32		n = 0;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (node->kind)
	{
		case PGR_NODE_TERM:
		case PGR_NODE_PHRASE:
			if (m->leaf_matches && node->leaf >= 0)
				return m->leaf_matches[node->leaf];
			return pgr_leaf_hit(node, NULL, m->doc, &hit);
		case PGR_NODE_NOT:
			return !node_matches(m, node->children[0]);
		case PGR_NODE_AND:
			for (int i = 0; i < node->nchildren; i++)
				if (!node_matches(m, node->children[i]))
					return false;
			return true;
		case PGR_NODE_OR:
			for (int i = 0; i < node->nchildren && n < node->min_match; i++)
				n += node_matches(m, node->children[i]);
			return n >= node->min_match;
	}
	pg_unreachable();
}

/*
 * The leaf of a long disjunction that is this term, or NULL. query->by_term must be
 * there. Normal form has made its terms distinct, so there is one at most.
 */
static const PgrQueryNode *
leaf_of_term(const PgrQuery *query, const PgrLexTerm *term)
{
	int			lo = 0;
	int			hi = query->nleaves;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;
		const PgrQueryNode *leaf = query->by_term[mid];
		int			cmp = pgr_lex_compare(leaf->term, leaf->termlen, term->bytes, term->len);

		if (cmp == 0)
			return leaf;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/*
 * Matches a long disjunction: the document's terms are looked up in the query, not
 * the reverse, which costs the document's length times the logarithm of the query's.
 */
static bool
match_long(const PgrQuery *query, const PgrLexDoc *doc)
{
	for (int i = 0; i < doc->nterms; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (leaf_of_term(query, &doc->terms[i]) != NULL)
			return true;
	}
	return false;
}

/* Contract in lexical.h. Nothing matches an empty query. */
bool
pgr_match_document(const PgrQuery *query, const PgrLexDoc *doc)
{
	Matcher		m = {doc, NULL};

	if (query->by_term)
		return match_long(query, doc);
	return query->root != NULL && node_matches(&m, query->root);
}

/*
 * What a leaf that occurs adds to a document's score. hit: of that leaf and document;
 * pinned: prepared. Lengths go through their byte, as in the index.
 */
double
pgr_leaf_contribution(const PgrPinned *pinned, int leaf, const PgrLeafHit *hit,
					  const PgrLexDoc *doc)
{
	const PgrLeafScorer *s = &pinned->scorers[leaf];
	uint8		norm = pgr_norm_encode(doc->length);
	uint8		field_norm[PGR_LEX_MAX_FIELDS];

	if (doc->nfields == 1)
		return pgr_leaf_score(s, hit->tf, norm);
	for (int f = 0; f < doc->nfields; f++)
		field_norm[f] = pgr_norm_encode(doc->field_length[f]);
	return pgr_leaf_score_fields(s, hit->field_tf, norm, field_norm);
}

/* What one leaf of a long disjunction adds, kept until all can be added in order. */
typedef struct Contribution
{
	int			leaf;
	double		score;
} Contribution;

/* qsort: the order of leaves, in which contributions are added. */
static int
compare_contributions(const void *a, const void *b)
{
	return ((const Contribution *) a)->leaf - ((const Contribution *) b)->leaf;
}

/*
 * As pgr_score_document, for a long disjunction: leaves are found in the order of the
 * document's terms, and added in the order of the query's, since floating-point sums
 * depend on the order. One array of a document's terms is scratch, huge where the
 * document is, freed.
 */
static double
score_long(const PgrPinned *pinned, const PgrLexDoc *doc, bool *matches)
{
	Contribution *found = palloc_extended(sizeof(Contribution) * Max(doc->nterms, 1),
										  MCXT_ALLOC_HUGE);
	double		score = 0;
	int			n = 0;

	for (int i = 0; i < doc->nterms; i++)
	{
		const PgrQueryNode *leaf = leaf_of_term(pinned->query, &doc->terms[i]);
		PgrLeafHit	hit = {0};

		CHECK_FOR_INTERRUPTS();
		if (leaf == NULL)
			continue;
		add_term(leaf, doc, &doc->terms[i], true, &hit);
		found[n].leaf = leaf->leaf;
		found[n++].score = pgr_leaf_contribution(pinned, leaf->leaf, &hit, doc);
	}
	qsort(found, n, sizeof(Contribution), compare_contributions);
	for (int i = 0; i < n; i++)
		score += found[i].score;
	pfree(found);
	if (matches)
		*matches = n > 0;
	return score;
}

/*
 * Contract in lexical.h. All leaves are looked up, also those that do not matter to
 * the match: each that occurs counts. An array of a flag a leaf is scratch, freed.
 */
double
pgr_score_document(const PgrPinned *pinned, const PgrLexDoc *doc, bool *matches)
{
	const PgrQuery *query = pinned->query;
	bool	   *leaf_matches;
	Matcher		m = {doc, NULL};
	double		score = 0;
	bool		match;

	if (query->by_term)
		return score_long(pinned, doc, matches);
	m.leaf_matches = leaf_matches = palloc(Max(query->nleaves, 1));
	for (int i = 0; i < query->nleaves; i++)
	{
		PgrLeafHit	hit;

		CHECK_FOR_INTERRUPTS();
		leaf_matches[i] = pgr_leaf_hit(query->leaves[i], &pinned->leaves[i], doc, &hit);
		if (leaf_matches[i])
			score += pgr_leaf_contribution(pinned, i, &hit, doc);
	}
	match = query->root != NULL && node_matches(&m, query->root);
	pfree(leaf_matches);
	if (matches)
		*matches = match;
	return match ? score : 0;
}
