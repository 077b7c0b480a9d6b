/*
 * pin.c
 *		Statistics of a query: collected once for a snapshot, then shared by
 *		scans and by calls of the operator.
 *
 * <@> must give the same value in the select list, in a sort, in a merge append
 * and through the index, although documents come and go meanwhile. So the
 * statistics of a query are those of the index as the snapshot first met it, see
 * pin_cache.c. Two snapshots with the same content see the same rows and share
 * them.
 *
 * Statistics of a partitioned index are the sums over its partitions' indexes, and
 * those of an index of a table with children the sums over theirs (find_index.c), so
 * that scores of different partitions compare.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "inverted/pin_cache.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* --- collecting ------------------------------------------------------------------------- */

static void
pending_term(const PgrPendingDocs *pending, const char *term, uint32 len, double *df, double *cf)
{
	for (uint32 i = 0; i < pending->n; i++)
	{
		const PgrLexDoc *doc = &pending->docs[i].doc;

		for (int t = 0; t < doc->nterms; t++)
		{
			if (doc->terms[t].len == len && memcmp(doc->terms[t].bytes, term, len) == 0)
			{
				*df += 1;
				*cf += doc->terms[t].tf;
			}
		}
	}
}

/* df and cf of a term in one index */
static void
term_numbers(PgrInvView *view, const char *term, uint32 len, double *df, double *cf)
{
	*df = *cf = 0;
	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		PgrTermInfo info;

		if (pgr_segment_find(view->segments[i], term, len, &info))
		{
			*df += info.df;
			*cf += info.cf;
		}
	}
	pending_term(&view->pending, term, len, df, cf);
}

/* Numbers of each term of a phrase, [nterms]; of other leaves one pair. */
typedef struct LeafNumbers
{
	double	   *df;
	double	   *cf;
	struct Expansion *expansion;	/* prefix, fuzzy */
} LeafNumbers;

/* --- prefix and fuzzy leaves: which terms, how frequent, over all sources ---------------- */

typedef struct ExpandedTerm
{
	const char *bytes;
	uint32		len;
	double		df;
	double		cf;
} ExpandedTerm;

typedef struct Expansion
{
	ExpandedTerm *terms;
	int			n;
	int			size;
} Expansion;

#define MAX_EXPANDED 64			/* terms that count for the score */

static void
expansion_add(Expansion *x, const char *bytes, uint32 len, double df, double cf)
{
	char	   *copy = palloc(Max(len, 1));

	if (x->n == x->size)
	{
		x->size = Max(x->size * 2, 64);
		x->terms = x->terms ? repalloc_huge(x->terms, mul_size(x->size, sizeof(ExpandedTerm)))
			: palloc(x->size * sizeof(ExpandedTerm));
	}
	memcpy(copy, bytes, len);
	x->terms[x->n].bytes = copy;
	x->terms[x->n].len = len;
	x->terms[x->n].df = df;
	x->terms[x->n].cf = cf;
	x->n++;
}

static void
expansion_found(void *arg, const char *term, uint32 len, const PgrTermInfo *info)
{
	expansion_add(arg, term, len, info->df, info->cf);
}

static int
compare_bytes(const void *a, const void *b)
{
	const ExpandedTerm *x = a,
			   *y = b;

	return pgr_lex_compare(x->bytes, x->len, y->bytes, y->len);
}

/* highest df first, then by bytes, so that the choice is reproducible */
static int
compare_df(const void *a, const void *b)
{
	const ExpandedTerm *x = a,
			   *y = b;

	if (x->df != y->df)
		return x->df > y->df ? -1 : 1;
	return compare_bytes(a, b);
}

static void
expand_view(PgrInvView *view, const PgrQueryNode *leaf, Expansion *x)
{
	for (uint32 i = 0; i < view->meta.nsegments; i++)
		pgr_expand_leaf(view->segments[i], leaf, expansion_found, x);
	for (uint32 i = 0; i < view->pending.n; i++)
	{
		const PgrLexDoc *doc = &view->pending.docs[i].doc;

		for (int t = 0; t < doc->nterms; t++)
		{
			if (pgr_leaf_accepts(leaf, doc->terms[t].bytes, doc->terms[t].len))
				expansion_add(x, doc->terms[t].bytes, doc->terms[t].len, 1, doc->terms[t].tf);
		}
	}
}

/* Adds up equal terms, keeps copies of the most frequent ones. */
static void
finish_expansion(Expansion *x, PgrLeafStats *stats)
{
	int			n = 0;

	if (x->n > 0)
		qsort(x->terms, x->n, sizeof(ExpandedTerm), compare_bytes);
	for (int i = 0; i < x->n; i++)
	{
		if (n > 0 && compare_bytes(&x->terms[n - 1], &x->terms[i]) == 0)
		{
			x->terms[n - 1].df += x->terms[i].df;
			x->terms[n - 1].cf += x->terms[i].cf;
		}
		else
			x->terms[n++] = x->terms[i];
	}
	if (n > 0)
		qsort(x->terms, n, sizeof(ExpandedTerm), compare_df);
	n = Min(n, MAX_EXPANDED);
	stats->nexpanded = n;
	stats->expanded = palloc(Max(n, 1) * sizeof(char *));
	stats->expanded_len = palloc(Max(n, 1) * sizeof(uint32));
	for (int i = 0; i < n; i++)
	{
		stats->expanded[i] = pnstrdup(x->terms[i].bytes, x->terms[i].len);
		stats->expanded_len[i] = x->terms[i].len;
		stats->df = Max(stats->df, x->terms[i].df);
		stats->cf += x->terms[i].cf;
	}
}

/* --- one index's contribution ----------------------------------------------------------- */

/* Adds its numbers; returns the view they are of, open, in the context `keep`. */
static PgrInvView *
add_index(PgrPinned *pinned, LeafNumbers *numbers, Relation index, MemoryContext keep)
{
	int			nterms;
	bool		all;
	PgrQuery   *query = pinned->query;
	PgrLexTerm *terms = pgr_query_terms(&query, 1, &nterms, &all);
	MemoryContext old = MemoryContextSwitchTo(keep);
	PgrInvView *view = pgr_pins_view(index, all ? NULL : terms, all ? 0 : nterms);
	PgrCollection *c = &pinned->collection;

	MemoryContextSwitchTo(old);

	c->ndocs += view->pending.ndocs;
	c->sum_length += view->pending.sum_length;
	for (int f = 0; f < view->shape.nfields; f++)
		c->field_sum_length[f] += view->pending.field_sum_length[f];
	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		uint64		sums[PGR_MAX_FIELDS] = {0};

		c->ndocs += view->meta.segments[i].ndocs;
		c->sum_length += view->meta.segments[i].sum_length;
		if (view->shape.nfields > 1)
			pgr_segment_field_lengths(view->segments[i], sums);
		for (int f = 0; f < view->shape.nfields; f++)
			c->field_sum_length[f] += sums[f];
	}
	for (int i = 0; i < query->nleaves; i++)
	{
		PgrQueryNode *leaf = query->leaves[i];
		int			n = leaf->kind == PGR_NODE_PHRASE ? leaf->nchildren : 1;

		if (leaf->kind == PGR_NODE_TERM && (leaf->prefix || leaf->fuzzy > 0))
		{
			expand_view(view, leaf, numbers[i].expansion);
			continue;
		}
		for (int t = 0; t < n; t++)
		{
			PgrQueryNode *term = leaf->kind == PGR_NODE_PHRASE ? leaf->children[t] : leaf;
			double		df,
						cf;

			term_numbers(view, term->term, term->termlen, &df, &cf);
			numbers[i].df[t] += df;
			numbers[i].cf[t] += cf;
		}
	}
	return view;
}

static LeafNumbers *
make_numbers(const PgrQuery *query)
{
	LeafNumbers *numbers = palloc0(Max(query->nleaves, 1) * sizeof(LeafNumbers));

	for (int i = 0; i < query->nleaves; i++)
	{
		int			n = Max(query->leaves[i]->nchildren, 1);

		numbers[i].df = palloc0(n * sizeof(double));
		numbers[i].cf = palloc0(n * sizeof(double));
		numbers[i].expansion = palloc0(sizeof(Expansion));
	}
	return numbers;
}

/* Lucene's idf; a phrase sums those of its words, of alternatives the highest. */
static double
phrase_idf(const PgrPinned *pinned, const PgrQueryNode *phrase, const LeafNumbers *numbers)
{
	double		sum = 0,
				best = 0;

	for (int t = 0; t < phrase->nchildren; t++)
	{
		if (t > 0 && phrase->children[t]->offset == phrase->children[t - 1]->offset)
			sum -= best;
		else
			best = 0;
		best = Max(best, pgr_idf(pinned->collection.ndocs, numbers->df[t]));
		sum += best;
	}
	return sum;
}

static void
finish_leaves(PgrPinned *pinned, const LeafNumbers *numbers)
{
	for (int i = 0; i < pinned->query->nleaves; i++)
	{
		PgrQueryNode *leaf = pinned->query->leaves[i];
		PgrLeafStats *stats = &pinned->leaves[i];

		if (leaf->kind == PGR_NODE_TERM && (leaf->prefix || leaf->fuzzy > 0))
			finish_expansion(numbers[i].expansion, stats);
		else if (leaf->kind == PGR_NODE_TERM)
		{
			stats->df = numbers[i].df[0];
			stats->cf = numbers[i].cf[0];
		}
		else
		{
			stats->df = numbers[i].df[0];
			stats->cf = numbers[i].cf[0];
			for (int t = 1; t < leaf->nchildren; t++)
			{
				stats->df = Min(stats->df, numbers[i].df[t]);
				stats->cf = Min(stats->cf, numbers[i].cf[t]);
			}
			stats->idf_sum = phrase_idf(pinned, leaf, &numbers[i]);
		}
	}
}

/*
 * In the current memory context; only what is asked of the index is scratch. kept
 * (may be NULL): see pgr_inv_pin_view; the view is made in the context `keep`.
 */
static PgrPinned *
collect(Relation index, const PgrRankQuery *query, MemoryContext keep, PgrInvView **kept)
{
	PgrPinned  *pinned = palloc0(sizeof(PgrPinned));
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "pgretrieve statistics scratch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	LeafNumbers *numbers;
	PgrContentSource source;
	ListCell   *lc;

	pinned->query = pgr_query_unpack(query);
	pinned->leaves = palloc0(Max(pinned->query->nleaves, 1) * sizeof(PgrLeafStats));
	old = MemoryContextSwitchTo(scratch);
	numbers = make_numbers(pinned->query);
	pgr_content_of(index, &source);
	pinned->analyzer = source.analyzer;
	pgr_inv_scoring(index, source.analyzer.nfields, &pinned->scoring);
	foreach(lc, pgr_inv_collection(index))
	{
		Relation	leaf = pgr_inv_open(lfirst_oid(lc));

		if (kept != NULL && leaf == index)
			*kept = add_index(pinned, numbers, leaf, keep);
		else
			pgr_view_close(add_index(pinned, numbers, leaf, scratch));
		relation_close(leaf, NoLock);
	}
	MemoryContextSwitchTo(old);
	if (!isnan(pinned->query->given_ndocs))
		pinned->collection.ndocs = pinned->query->given_ndocs;
	if (!isnan(pinned->query->given_avg_length))
		pinned->collection.sum_length =
			pinned->query->given_avg_length * pinned->collection.ndocs;
	pgr_query_fit(pinned->query, Max(pinned->analyzer.nfields, 1));
	finish_leaves(pinned, numbers);
	MemoryContextDelete(scratch);
	pgr_pinned_prepare(pinned);
	pgr_memo_fill_begin(pinned, RelationGetRelid(index), source.type != PGR_CONTENT_TSVECTOR);
	return pinned;
}

PgrPinned *
pgr_inv_pin_view(Oid oid, const PgrRankQuery *query, PgrInvView **view)
{
	Relation	index = pgr_inv_open(oid);
	PgrRankQuery *plain = pgr_query_plain(query);
	PgrPinKey	key = pgr_pin_key(index);
	PgrPinned  *pinned = pgr_pins_find(&key, plain);

	if (pinned == NULL)
	{
		PgrPinEntry *entry = pgr_pins_make(&key, plain);
		MemoryContext old = MemoryContextSwitchTo(entry->context);

		entry->pinned = collect(index, entry->query, old, view);
		MemoryContextSwitchTo(old);
		pinned = pgr_pins_enter(entry);
	}
	relation_close(index, NoLock);
	pfree(plain);
	return pinned;
}

PgrPinned *
pgr_inv_pin(Oid oid, const PgrRankQuery *query)
{
	return pgr_inv_pin_view(oid, query, NULL);
}

void
pgr_inv_each_index(Oid oid, void (*each) (Relation index, void *arg), void *arg)
{
	Relation	index = pgr_inv_open(oid);
	ListCell   *lc;

	foreach(lc, pgr_inv_collection(index))
	{
		Relation	leaf = pgr_inv_open(lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		each(leaf, arg);
		relation_close(leaf, NoLock);
	}
	relation_close(index, NoLock);
}

void
pgr_inv_analyzer(Oid oid, PgrAnalyzer *analyzer)
{
	Relation	index = pgr_inv_open(oid);
	PgrContentSource source;

	pgr_content_of(index, &source);
	*analyzer = source.analyzer;
	relation_close(index, NoLock);
}
