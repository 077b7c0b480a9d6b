/*
 * bm25_selectivity.c
 *		The share of documents that a query matches, from the dictionaries.
 *
 * A look-up for each term in the largest segments, which hold most documents; the
 * pending area, which would have to be read whole, is taken to be like them. Terms
 * are taken to be independent, as the planner takes conditions.
 *
 * Called while planning: at most MAX_SOURCES segments are opened, their pages pinned for
 * the call, without a lock on any page afterwards. Indexes stay locked with
 * AccessShareLock.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "utils/rel.h"

#define MAX_SOURCES 8			/* segments looked into, of all indexes of a collection */
#define MAX_INDEXES 4			/* of a collection of many */
#define MAX_TERMS 64			/* of a query with more, an average counts for the others */
#define EXPANDED_SHARE 0.05		/* prefix, fuzzy: more terms than are looked up */
#define PHRASE_SHARE 0.3		/* of the documents with a phrase's rarest word */

typedef struct Sources
{
	PgrSegment *segments[MAX_SOURCES];
	Relation	indexes[MAX_INDEXES];
	int			nsegments;
	int			nindexes;
	double		ndocs;
	int			nterms;			/* looked up so far */
	double		sum;			/* of their shares */
} Sources;

/* The segment with more documents first. */
static int
compare_documents(const void *a, const void *b)
{
	const PgrSegDesc *x = a;
	const PgrSegDesc *y = b;

	return x->ndocs > y->ndocs ? -1 : x->ndocs < y->ndocs;
}

/* Opens the largest segments of an index, at most so many. */
static void
add_index(Sources *s, Relation index, uint32 most)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrSegShape shape;

	pgr_inv_meta_copy(index, meta);
	shape = pgr_inv_shape(meta);
	if (meta->nsegments > 0)
		qsort(meta->segments, meta->nsegments, sizeof(PgrSegDesc), compare_documents);
	for (uint32 i = 0; i < meta->nsegments && i < most && s->nsegments < MAX_SOURCES; i++)
	{
		s->ndocs += meta->segments[i].ndocs;
		s->segments[s->nsegments++] = pgr_segment_open(index, &meta->segments[i], &shape);
	}
	pfree(meta);
}

/*
 * The share of documents with a term. Each look-up may read pages of all sources, so
 * only the first MAX_TERMS terms of a query are looked up.
 */
static double
term_share(Sources *s, const PgrQueryNode *term)
{
	double		df = 0;
	double		share;

	CHECK_FOR_INTERRUPTS();
	if (term->prefix || term->fuzzy > 0)
		return EXPANDED_SHARE;
	if (s->nterms == MAX_TERMS)
		return s->sum / MAX_TERMS;
	for (int i = 0; i < s->nsegments; i++)
	{
		PgrTermInfo info;

		if (pgr_segment_find(s->segments[i], term->term, term->termlen, &info))
			df += info.df;
	}
	share = Min(df / s->ndocs, 1);
	s->nterms++;
	s->sum += share;
	return share;
}

/* That at least min of independent events happen; min > 0. */
static double
at_least(const double *p, int n, int min)
{
	double	   *exactly = palloc0((min + 1) * sizeof(double));
	double		result = 1;

	/* exactly[k]: k of those seen so far, k < min */
	exactly[0] = 1;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = min - 1; k >= 0; k--)
			exactly[k] = exactly[k] * (1 - p[i]) + (k > 0 ? exactly[k - 1] * p[i] : 0);
	}
	for (int k = 0; k < min; k++)
		result -= exactly[k];
	pfree(exactly);
	return Max(result, 0);
}

static double node_share(Sources *s, const PgrQueryNode *node);

/* Of an OR: that enough of its children match. */
static double
any_share(Sources *s, const PgrQueryNode *node)
{
	double	   *p;
	double		result;

	if (node->min_match == 0)
		return 1;
	p = palloc(Max(node->nchildren, 1) * sizeof(double));
	for (int i = 0; i < node->nchildren; i++)
		p[i] = node_share(s, node->children[i]);
	/* of many alternatives most are needed seldom; the sum above is quadratic */
	result = at_least(p, node->nchildren, (int) Min(node->min_match, MAX_TERMS));
	pfree(p);
	return result;
}

/*
 * A phrase is rarer than its rarest word; by how much no statistics tell. Alternatives
 * at one offset add up.
 */
static double
phrase_share(Sources *s, const PgrQueryNode *phrase)
{
	double		rarest = 1,
				here = 0;

	for (int i = 0; i < phrase->nchildren; i++)
	{
		if (i > 0 && phrase->children[i]->offset != phrase->children[i - 1]->offset)
		{
			rarest = Min(rarest, here);
			here = 0;
		}
		here += term_share(s, phrase->children[i]);
	}
	return Min(rarest, here) * PHRASE_SHARE;
}

/*
 * The share of a node, as if all below it were independent. As deep as the query is:
 * the stack is checked.
 */
static double
node_share(Sources *s, const PgrQueryNode *node)
{
	double		share = 1;

	check_stack_depth();
	switch (node->kind)
	{
		case PGR_NODE_TERM:
			return term_share(s, node);
		case PGR_NODE_PHRASE:
			return phrase_share(s, node);
		case PGR_NODE_AND:
			for (int i = 0; i < node->nchildren; i++)
				share *= node_share(s, node->children[i]);
			return share;
		case PGR_NODE_OR:
			return any_share(s, node);
		case PGR_NODE_NOT:
			return 1 - node_share(s, node->children[0]);
	}
	return share;
}

/*
 * Of a collection of many indexes a few are asked, evenly. Opens relations with
 * AccessShareLock, kept to the end of the transaction; -1 if nothing is known.
 */
double
pgr_inv_selectivity(Oid oid, const PgrQuery *query)
{
	Relation	index = pgr_inv_open(oid);
	List	   *collection = pgr_inv_collection(index);
	int			stride = Max((list_length(collection) + MAX_INDEXES - 1) / MAX_INDEXES, 1);
	Sources		s = {.nsegments = 0};
	double		share = -1;

	for (int i = 0; i < list_length(collection); i += stride)
	{
		s.indexes[s.nindexes] = pgr_inv_open(list_nth_oid(collection, i));
		add_index(&s, s.indexes[s.nindexes++],
				  list_length(collection) == 1 ? MAX_SOURCES : MAX_SOURCES / MAX_INDEXES);
	}
	if (query->root == NULL)
		share = 0;
	else if (s.ndocs > 0)
		share = node_share(&s, query->root);
	for (int i = 0; i < s.nsegments; i++)
		pgr_segment_close(s.segments[i]);
	for (int i = 0; i < s.nindexes; i++)
		relation_close(s.indexes[i], NoLock);
	relation_close(index, NoLock);
	return share;
}
