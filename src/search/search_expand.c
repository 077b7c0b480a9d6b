/*
 * search_expand.c
 *		The dictionary terms that a prefix or fuzzy leaf stands for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "search/search.h"

#define TERMS_PER_CHECK 1024

/*
 * A prefix reads its range of the dictionary; a fuzzy word, which may differ in
 * its first letter, all of it.
 */
void
pgr_search_expand(PgrSegment *seg, const PgrQueryNode *leaf, PgrExpandFound found, void *arg)
{
	bool		all = leaf->fuzzy > 0;
	PgrTermIter *it = pgr_term_iter_begin(seg, all ? "" : leaf->term, all ? 0 : leaf->termlen);
	const char *term;
	uint32		len;
	PgrTermInfo info;

	for (uint64 i = 0; pgr_term_iter_next(it, &term, &len, &info); i++)
	{
		if (i % TERMS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (pgr_leaf_accepts(leaf, term, len))
			found(arg, term, len, &info);
		else if (!all)
			break;				/* past the prefix */
	}
	pgr_term_iter_end(it);
}
