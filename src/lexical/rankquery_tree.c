/*
 * rankquery_tree.c
 *		Making the tree of a query, node by node, in the current memory context.
 */
#include "postgres.h"

#include <math.h>

#include "lexical/rankquery.h"
#include "miscadmin.h"

/* NAN: not given. */
PgrQuery *
pgr_query_make(void)
{
	PgrQuery   *query = palloc0(sizeof(PgrQuery));

	query->given_ndocs = NAN;
	query->given_avg_length = NAN;
	query->given_k1 = NAN;
	query->given_b = NAN;
	return query;
}

/* An OR of which one must match. */
PgrQueryNode *
pgr_node_make(PgrNodeKind kind)
{
	PgrQueryNode *node = palloc0(sizeof(PgrQueryNode));

	node->kind = kind;
	node->boost = 1;
	node->min_match = kind == PGR_NODE_OR ? 1 : 0;
	node->given_df = NAN;
	node->leaf = -1;
	return node;
}

/* The bytes are not copied. */
PgrQueryNode *
pgr_node_term(const char *term, uint32 len)
{
	PgrQueryNode *node = pgr_node_make(PGR_NODE_TERM);

	node->term = term;
	node->termlen = len;
	return node;
}

/* Appends; the array grows by doubling, its capacity is the next power of two. */
void
pgr_node_add(PgrQueryNode *parent, PgrQueryNode *child)
{
	int			n = parent->nchildren;

	if (n == 0)
		parent->children = palloc(sizeof(PgrQueryNode *));
	else if ((n & (n - 1)) == 0)
		parent->children = repalloc_huge(parent->children,
										 sizeof(PgrQueryNode *) * 2 * (Size) n);
	parent->children[parent->nchildren++] = child;
}

/* Leaves under NOT, too. As deep as the tree is. */
void
pgr_node_each_leaf(PgrQueryNode *node, void (*f) (PgrQueryNode *leaf, void *arg), void *arg)
{
	check_stack_depth();
	if (node->kind == PGR_NODE_TERM || node->kind == PGR_NODE_PHRASE)
	{
		f(node, arg);
		return;
	}
	for (int i = 0; i < node->nchildren; i++)
		pgr_node_each_leaf(node->children[i], f, arg);
}
