/*
 * rankquery_normal.c
 *		The normal form of a query tree.
 *
 *	- AND within AND and OR within OR are one node; a node of one child is that
 *	  child (except an optional OR, whose min_match is 0)
 *	- terms that an OR names several times are one term; boosts add up, which
 *	  is what the frequency of a word in a query means
 *	- nothing of no effect: empty nodes, NOT of nothing
 *	- min_match is at most the number of children
 *
 * So queries that mean the same mostly are the same bytes, a search sees each
 * word once, and trees built step by step (q || q || ...) do not grow deep.
 */
#include "postgres.h"

#include "lexical/rankquery.h"
#include "miscadmin.h"

/* Do two terms differ in nothing but boost? */
static int
compare_terms(const PgrQueryNode *a, const PgrQueryNode *b)
{
	if (a->fields != b->fields)
		return a->fields < b->fields ? -1 : 1;
	if (a->prefix != b->prefix)
		return a->prefix ? 1 : -1;
	if (a->fuzzy != b->fuzzy)
		return a->fuzzy < b->fuzzy ? -1 : 1;
	return pgr_lex_compare(a->term, a->termlen, b->term, b->termlen);
}

/* Terms by what they are, then by place. */
static int
compare_children(const void *a, const void *b, void *arg)
{
	PgrQueryNode **children = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	int			cmp = compare_terms(children[i], children[j]);

	CHECK_FOR_INTERRUPTS();
	return cmp != 0 ? cmp : i - j;
}

/*
 * Adds the boost of each repeated term of an OR to the first and removes it; the
 * others keep their order. An array of their numbers is scratch. Interruptible: an OR
 * may have a million terms.
 */
static void
merge_repeated(PgrQueryNode *node)
{
	int		   *order = palloc(sizeof(int) * Max(node->nchildren, 1));
	int			nterms = 0;
	int			kept = 0;
	int			first = -1;

	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i]->kind == PGR_NODE_TERM)
			order[nterms++] = i;
	qsort_arg(order, nterms, sizeof(int), compare_children, node->children);
	for (int i = 0; i < nterms; i++)
	{
		if (first >= 0 &&
			compare_terms(node->children[first], node->children[order[i]]) == 0)
		{
			PgrQueryNode *to = node->children[first];

			to->boost = Min(to->boost + node->children[order[i]]->boost, PGR_QUERY_MAX_BOOST);
			node->children[order[i]] = NULL;
		}
		else
			first = order[i];
	}
	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i] != NULL)
			node->children[kept++] = node->children[i];
	node->nchildren = kept;
	pfree(order);
}

/* Is the child's meaning kept if its children become its parent's? */
static bool
dissolves(const PgrQueryNode *parent, const PgrQueryNode *child)
{
	if (parent->kind != child->kind)
		return false;
	if (parent->kind == PGR_NODE_AND)
		return true;
	return parent->kind == PGR_NODE_OR && parent->min_match <= 1 && child->min_match == 1;
}

/*
 * Children of a list within a list of the same kind become the list's own; those of
 * which nothing is left go. The new array is palloc'd.
 */
static void
normalize_children(PgrQueryNode *node)
{
	PgrQueryNode normal = *node;

	normal.nchildren = 0;
	for (int i = 0; i < node->nchildren; i++)
	{
		PgrQueryNode *child = pgr_node_normalize(node->children[i]);

		if (child == NULL)
			continue;
		if (!dissolves(node, child))
			pgr_node_add(&normal, child);
		else
			for (int j = 0; j < child->nchildren; j++)
				pgr_node_add(&normal, child->children[j]);
	}
	node->children = normal.children;
	node->nchildren = normal.nchildren;
}

/* A phrase of one word is the word, with the phrase's fields and boost. */
static PgrQueryNode *
normalize_phrase(PgrQueryNode *node)
{
	PgrQueryNode *only;

	if (node->nchildren != 1)
		return node->nchildren == 0 ? NULL : node;
	only = node->children[0];
	only->boost = node->boost;
	only->fields = node->fields;
	only->offset = 0;
	return only;
}

/* From the leaves up, in place. As deep as the tree is: the stack is checked. */
PgrQueryNode *
pgr_node_normalize(PgrQueryNode *node)
{
	check_stack_depth();
	if (node->fields == PGR_ALL_FIELDS)
		node->fields = 0;
	if (node->kind == PGR_NODE_TERM)
		return node;
	if (node->kind == PGR_NODE_PHRASE)
		return normalize_phrase(node);

	normalize_children(node);
	if (node->nchildren == 0)
		return NULL;
	if (node->kind == PGR_NODE_NOT)
		return node;
	if (node->kind == PGR_NODE_OR)
	{
		merge_repeated(node);
		node->min_match = Min(node->min_match, (uint32) node->nchildren);
	}
	if (node->nchildren == 1 && (node->kind == PGR_NODE_AND || node->min_match > 0))
		return node->children[0];
	return node;
}
