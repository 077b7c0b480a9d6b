/*
 * bm25_stats.c
 *		Statistics of a query: collected once for a snapshot, then shared by
 *		scans and by calls of the operator.
 *
 * <@> must give the same value in the select list, in a sort, in a merge append
 * and through the index, although documents come and go meanwhile. So the
 * statistics of a query are those of the index as the snapshot first met it, see
 * bm25_pin_cache.c. Two snapshots with the same content see the same rows and share
 * them.
 *
 * Statistics of a partitioned index are the sums over its partitions' indexes, and
 * those of an index of a table with children the sums over theirs (bm25_lookup.c), so
 * that scores of different partitions compare.
 *
 * Locks: indexes of the collection with AccessShareLock, to the end of the transaction;
 * no page is locked between calls. Memory: what is kept belongs to the entry of the
 * cache, all else to a scratch context that is deleted at the end. An error leaves
 * neither.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "inverted/bm25_pin_cache.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* --- collecting ------------------------------------------------------------------------- */

/*
 * Adds df and cf of a term in all of an index's segments, from their dictionaries.
 * Dead documents count until a merge.
 */
static void
add_segments(PgrInvView *view, const PgrQueryNode *term, double *df, double *cf)
{
	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		PgrTermInfo info;

		if (pgr_segment_find(view->segments[i], term->term, term->termlen, &info))
		{
			*df += info.df;
			*cf += info.cf;
		}
	}
}

/*
 * Numbers of one leaf while they are added up: df[i], cf[i] of each word of a phrase,
 * [nchildren]; of other leaves one pair. All in the scratch context.
 */
typedef struct LeafNumbers
{
	double	   *df;
	double	   *cf;
	struct Expansion *expansion;	/* prefix, fuzzy */
} LeafNumbers;

/* --- prefix and fuzzy leaves: which terms, how frequent, over all sources ---------------- */

/*
 * A term that a prefix or fuzzy leaf stands for, with its numbers in one source, or,
 * after expansion_combine, in all so far.
 */
typedef struct ExpandedTerm
{
	char	   *bytes;
	uint32		len;
	double		df;
	double		cf;
} ExpandedTerm;

/*
 * The terms of one leaf: n entries, with room for `size`, among them perhaps several
 * of one term.
 */
typedef struct Expansion
{
	ExpandedTerm *terms;
	int			n;
	int			size;
} Expansion;

/*
 * Entries from which on equal terms are added up before there is room for twice as
 * many.
 */
#define EXPANSION_ROOM 4096

/* qsort: by the term's bytes. */
static int
compare_bytes(const void *a, const void *b)
{
	const ExpandedTerm *x = a,
			   *y = b;

	return pgr_lex_compare(x->bytes, x->len, y->bytes, y->len);
}

/*
 * Adds up the entries of equal terms, and sorts them by their bytes. Bytes of entries
 * that go are freed.
 */
static void
expansion_combine(Expansion *x)
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
			pfree(x->terms[i].bytes);
		}
		else
			x->terms[n++] = x->terms[i];
	}
	x->n = n;
}

/*
 * The term's bytes are copied into the current memory context, which is the
 * statistics' scratch. Its array doubles, unless adding up equal terms makes room
 * first.
 */
static void
expansion_add(Expansion *x, const char *bytes, uint32 len, double df, double cf)
{
	char	   *copy = palloc(Max(len, 1));
	bool		grow = x->n == x->size;

	/* terms that occur again and again take no more room */
	if (x->n == x->size && x->n >= EXPANSION_ROOM)
	{
		expansion_combine(x);
		grow = x->n > x->size / 2;
	}
	if (grow)
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

/* PgrExpandFound; arg: the Expansion. */
static void
expansion_found(void *arg, const char *term, uint32 len, const PgrTermInfo *info)
{
	expansion_add(arg, term, len, info->df, info->cf);
}

/*
 * qsort: highest df first, then by bytes, so that the choice is reproducible,
 * whatever the order of segments.
 */
static int
compare_df(const void *a, const void *b)
{
	const ExpandedTerm *x = a,
			   *y = b;

	if (x->df != y->df)
		return x->df > y->df ? -1 : 1;
	return compare_bytes(a, b);
}

/*
 * From the numbers to the leaf's statistics: copies, in the current memory context
 * (the statistics'), of the PGR_LEX_MAX_EXPANDED most frequent terms; df is their
 * highest, cf their sum.
 */
static void
finish_expansion(Expansion *x, PgrLeafStats *stats)
{
	int			n;

	expansion_combine(x);
	n = x->n;
	if (n > 0)
		qsort(x->terms, n, sizeof(ExpandedTerm), compare_df);
	n = Min(n, PGR_LEX_MAX_EXPANDED);
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

/*
 * True if the leaf stands for terms that dictionaries have to tell: prefix or fuzzy.
 */
static bool
is_expanded(const PgrQueryNode *leaf)
{
	return leaf->kind == PGR_NODE_TERM && (leaf->prefix || leaf->fuzzy > 0);
}

/* The number of words of a leaf: those of a phrase, or 1 for itself. */
static int
leaf_words(const PgrQueryNode *leaf)
{
	return leaf->kind == PGR_NODE_PHRASE ? leaf->nchildren : 1;
}

/* The i-th of leaf_words. */
static const PgrQueryNode *
leaf_word(const PgrQueryNode *leaf, int i)
{
	return leaf->kind == PGR_NODE_PHRASE ? leaf->children[i] : leaf;
}

/* Adds what a term of a pending document has for a leaf to the leaf's numbers. */
static void
add_pending_term(const PgrQueryNode *leaf, LeafNumbers *numbers, const PgrLexTerm *t)
{
	if (is_expanded(leaf))
	{
		if (pgr_leaf_accepts(leaf, t->bytes, t->len))
			expansion_add(numbers->expansion, t->bytes, t->len, 1, t->tf);
		return;
	}
	for (int i = 0; i < leaf_words(leaf); i++)
	{
		const PgrQueryNode *word = leaf_word(leaf, i);

		if (word->termlen == t->len && memcmp(word->term, t->bytes, t->len) == 0)
		{
			numbers->df[i] += 1;
			numbers->cf[i] += t->tf;
		}
	}
}

/* What add_pending_doc needs: the query, and [nleaves] numbers. */
typedef struct PendingNumbers
{
	const PgrQuery *query;
	LeafNumbers *numbers;
} PendingNumbers;

/* PgrPendingCallback; arg: PendingNumbers. Dead documents count, as in segments. */
static void
add_pending_doc(void *arg, const PgrPendingDoc *d)
{
	PendingNumbers *p = arg;

	for (int t = 0; t < d->doc.nterms; t++)
	{
		for (int i = 0; i < p->query->nleaves; i++)
			add_pending_term(p->query->leaves[i], &p->numbers[i], &d->doc.terms[t]);
	}
}

/*
 * Adds what an index's segments have of a query's leaves. The cost is a look-up for
 * each word and segment, and for a prefix or fuzzy leaf a walk of the dictionary.
 */
static void
add_leaves(PgrInvView *view, const PgrQuery *query, LeafNumbers *numbers)
{
	for (int i = 0; i < query->nleaves; i++)
	{
		const PgrQueryNode *leaf = query->leaves[i];

		if (is_expanded(leaf))
		{
			for (uint32 s = 0; s < view->meta.nsegments; s++)
				pgr_search_expand(view->segments[s], leaf, expansion_found, numbers[i].expansion);
			continue;
		}
		for (int t = 0; t < leaf_words(leaf); t++)
			add_segments(view, leaf_word(leaf, t), &numbers[i].df[t], &numbers[i].cf[t]);
	}
}

/*
 * Adds how many documents an index has, and how long they are, the dead included.
 * Field lengths are read from each segment, where there are several fields.
 */
static void
add_collection(PgrInvView *view, PgrCollection *c)
{
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
}

/*
 * Adds one index's numbers; returns the view they are of, open, in the context
 * `keep`, which the caller closes. The current context is scratch.
 */
static PgrInvView *
add_index(PgrPinned *pinned, LeafNumbers *numbers, Relation index, MemoryContext keep)
{
	int			nterms;
	bool		all;
	PgrQuery   *query = pinned->query;
	PgrLexTerm *terms = pgr_query_terms(&query, 1, &nterms, &all);
	PendingNumbers pending = {query, numbers};
	MemoryContext old = MemoryContextSwitchTo(keep);
	PgrInvView *view = pgr_pins_view(index, all ? NULL : terms, all ? 0 : nterms);

	MemoryContextSwitchTo(old);
	add_collection(view, &pinned->collection);
	add_leaves(view, query, numbers);
	pgr_view_pending(view, add_pending_doc, &pending);
	return view;
}

/* [nleaves] zeroed numbers, in the current memory context. */
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

/*
 * From numbers of terms to the statistics of leaves, once the collection's size is
 * known. A phrase is as frequent as its rarest word at most.
 */
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
			stats->idf_sum = pgr_phrase_idf(leaf, pinned->collection.ndocs, numbers[i].df);
		}
	}
}

/*
 * The statistics in the current memory context, their numbers in scratch, which is
 * freed here. Every index of the collection is opened with AccessShareLock, which
 * stays, and its view read. kept (may be NULL): see pgr_inv_pin_view; that view is
 * made in the context `keep`. What was given with the query goes before what was
 * counted.
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

/*
 * Contract in inverted.h. A failure while statistics are collected leaves nothing:
 * the entry's context is the current one's child until it is entered. Takes
 * AccessShareLock on the indexes, to the end of the transaction.
 */
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

/* Contract in inverted.h: for operators, which have no use for the view. */
PgrPinned *
pgr_inv_pin(Oid oid, const PgrRankQuery *query)
{
	return pgr_inv_pin_view(oid, query, NULL);
}

/*
 * The lock stays to the end of the transaction; the analyzer holds no memory of the
 * index.
 */
void
pgr_inv_analyzer(Oid oid, PgrAnalyzer *analyzer)
{
	Relation	index = pgr_inv_open(oid);
	PgrContentSource source;

	pgr_content_of(index, &source);
	*analyzer = source.analyzer;
	relation_close(index, NoLock);
}
