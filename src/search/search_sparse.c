/*
 * search_sparse.c
 *		Top-k inner products of sparse vectors over impacts of eight bits.
 *
 * A dimension has two lists, of its positive and of its negative values, both as
 * magnitudes. With the query's weight either may add to a product or take away
 * from it; a list that takes away has the upper bound 0, which is all that
 * MaxScore needs to know about signs. A product <= 0 is a hit like any other, so
 * once the threshold is negative, lists of bound 0 are essential too.
 *
 * Results are estimates: the caller refines them, by `error`.
 *
 * Memory and pins as in search_segment.c.
 */
#include "postgres.h"

#include <math.h>

#include "search/search_state.h"
#include "utils/memutils.h"

#define MAX_CURSORS 1024		/* terms with postings open at the same time */

/* Exact products are sums in single precision; relative to the sum of magnitudes. */
#define SUM_ERROR 1e-5

/* Keys of one sign ascend with their dimensions. */
void
pgr_sparse_key(uint32 dim, bool negative, char *key)
{
	key[0] = (char) (dim >> 24);
	key[1] = (char) (dim >> 16);
	key[2] = (char) (dim >> 8);
	key[3] = (char) dim;
	key[4] = negative;
}

/*
 * Adds one list of a dimension to the search; returns the largest difference of
 * a contribution of it from the exact one.
 */
static double
add_list(PgrSearch *s, const PgrSparseTerm *term, bool negative)
{
	PgrTermInfo info;
	PgrSearchTerm *t;
	char		key[5];

	pgr_sparse_key(term->dim, negative, key);
	if (term->weight == 0 || !pgr_segment_find(s->seg, key, sizeof(key), &info))
		return 0;
	t = &s->terms[s->nterms++];
	pgr_search_term_init(s, t, NULL, &info);
	t->factor = (double) term->weight * info.scale * (negative ? -1 : 1);
	return fabs(t->factor) * (pgr_segment_rounds(s->seg) + 255 * SUM_ERROR);
}

/*
 * The lists of all dimensions into s->terms, allocated here; returns the error of a sum.
 * A document has a dimension in one of its two lists.
 */
static double
add_lists(PgrSearch *s, const PgrSparseTerm *terms, int nterms)
{
	double		error = 0;

	s->terms = palloc_extended(mul_size(sizeof(PgrSearchTerm), mul_size(2, Max(nterms, 1))),
							   MCXT_ALLOC_HUGE);
	for (int i = 0; i < nterms; i++)
	{
		double		positive = add_list(s, &terms[i], false);
		double		negative = add_list(s, &terms[i], true);

		error += Max(positive, negative);
	}
	return error;
}

/* In a memory context of its own; open cursors, or, beyond MAX_CURSORS, one at a time. */
void
pgr_search_sparse(PgrSegment *seg, uint32 source, const PgrSparseTerm *terms, int nterms,
				  PgrTopK *top, double *error)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrSearch	s;

	pgr_search_begin(&s, seg, source, top);
	s.only_positive = false;
	s.estimate = true;
	*error = add_lists(&s, terms, nterms);
	pgr_search_sums(&s, s.nterms);
	if (s.nterms > MAX_CURSORS)
		pgr_search_accumulate(&s);
	else if (s.nterms > 0)
	{
		for (int i = 0; i < s.nterms; i++)
			pgr_search_open(&s, &s.terms[i]);
		pgr_search_maxscore(&s);
		for (int i = 0; i < s.nterms; i++)
			pgr_search_close(&s.terms[i]);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
