/*
 * inv_view.c
 *		An index as one scan sees it: a copy of the metapage, its segments opened,
 *		the pending documents that matter.
 *
 * The copy of the metapage is the scan's snapshot of the index: what it lists is
 * immutable (segments; marks of dead documents aside) or only grows (the last
 * pending extent). Documents that arrive later belong to rows that the scan's
 * snapshot does not see.
 *
 * Memory: all in the context current when the view is opened, segments included. Pins:
 * what its segments have looked at, until it is closed. Locks: a share lock of each page
 * that is copied, for a moment.
 */
#include "postgres.h"

#include "inverted/inverted.h"
#include "miscadmin.h"
#include "storage/shmem.h"

/*
 * qsort: the largest first; of equal ones the older, so that the order is the same
 * for all readers. It decides which segment raises a search's threshold, not what it
 * finds.
 */
static int
compare_size(const void *a, const void *b)
{
	const PgrSegDesc *x = a,
			   *y = b;

	if (x->ndocs != y->ndocs)
		return x->ndocs > y->ndocs ? -1 : 1;
	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

/*
 * The view's pending area, for one reading of it with the given terms (NULL: all).
 * The first reading sets view->end, later ones stop there.
 */
static PgrPendingArea
pending_area(PgrInvView *view, const PgrLexTerm *terms, int nterms)
{
	PgrPendingArea area = {
		.index = view->index, .shape = &view->pending_shape, .kind = view->meta.kind,
		.extents = view->meta.pending, .nextents = view->meta.npending, .end = &view->end,
		.terms = terms, .nterms = nterms
	};

	return area;
}

/*
 * Keeps the terms, in the current memory context: the pending area will be read
 * again, when the caller's may be gone.
 */
static void
copy_terms(PgrInvView *view, const PgrLexTerm *terms, int nterms)
{
	view->terms = palloc0(Max(nterms, 1) * sizeof(PgrLexTerm));
	view->nterms = nterms;
	for (int i = 0; i < nterms; i++)
	{
		view->terms[i].bytes = memcpy(palloc(Max(terms[i].len, 1)), terms[i].bytes, terms[i].len);
		view->terms[i].len = terms[i].len;
	}
}

/*
 * Opens what view->meta lists, in the current memory context, and reads the pending
 * area, within work_mem. If it raises, pins go with the resource owner and memory
 * with the context.
 */
static void
open_parts(PgrInvView *view, const PgrLexTerm *terms, int nterms)
{
	Relation	index = view->index;
	PgrPendingArea area;

	view->shape = pgr_inv_shape(&view->meta);
	view->pending_shape = pgr_inv_pending_shape(&view->meta);

	/* the largest first: it raises the threshold for the others */
	qsort(view->meta.segments, view->meta.nsegments, sizeof(PgrSegDesc), compare_size);
	view->segments = palloc0(Max(view->meta.nsegments, 1) * sizeof(PgrSegment *));
	for (uint32 i = 0; i < view->meta.nsegments; i++)
		view->segments[i] = pgr_segment_open(index, &view->meta.segments[i], &view->shape);
	area = pending_area(view, terms, nterms);
	pgr_pending_read(&area, (Size) work_mem * 1024, &view->pending);
	if (!view->pending.held && terms != NULL)
		copy_terms(view, terms, nterms);
}

/* Contract in inverted.h. The metapage's copy is the moment that the view is of. */
PgrInvView *
pgr_view_open(Relation index, const PgrLexTerm *terms, int nterms)
{
	PgrInvView *view = palloc0(sizeof(PgrInvView));

	view->index = index;
	view->end.block = InvalidBlockNumber;
	pgr_inv_meta_copy(index, &view->meta);
	open_parts(view, terms, nterms);
	return view;
}

/*
 * Contract in inverted.h. Segments of that state are not freed before the snapshot it
 * was made for is over (segment_set.c), so its generations are still there.
 */
PgrInvView *
pgr_view_open_at(Relation index, const PgrInvState *state, const PgrLexTerm *terms, int nterms)
{
	PgrInvView *view = palloc0(sizeof(PgrInvView));

	view->index = index;
	view->end = state->end;
	view->meta = state->meta;
	view->meta.segments = palloc_extended(mul_size(state->meta.nsegments + 1, sizeof(PgrSegDesc)),
										  MCXT_ALLOC_HUGE);
	memcpy(view->meta.segments, state + 1, state->meta.nsegments * sizeof(PgrSegDesc));
	open_parts(view, terms, nterms);
	return view;
}

/*
 * Without pins or open segments: bytes that may be kept in a transaction, in one
 * chunk of the current memory context. The caller frees it.
 */
PgrInvState *
pgr_view_state(const PgrInvView *view, Size *size)
{
	Size		segments = mul_size(view->meta.nsegments, sizeof(PgrSegDesc));
	PgrInvState *state;

	*size = add_size(sizeof(PgrInvState), segments);
	state = palloc_extended(*size, MCXT_ALLOC_HUGE);
	state->end = view->end;
	state->meta = view->meta;
	state->meta.segments = NULL;
	memcpy(state + 1, view->meta.segments, segments);
	return state;
}

/*
 * Lets go of the pins of its segments and frees these; the rest of the memory is the
 * context's.
 */
void
pgr_view_close(PgrInvView *view)
{
	for (uint32 i = 0; i < view->meta.nsegments; i++)
		pgr_segment_close(view->segments[i]);
}

/*
 * Contract in inverted.h. Held documents, or the pages once more, one document in
 * memory at a time. The callback must copy what it keeps.
 */
void
pgr_view_pending(PgrInvView *view, PgrPendingCallback callback, void *arg)
{
	PgrPendingArea area = pending_area(view, view->terms, view->nterms);

	for (uint32 i = 0; i < view->pending.n; i++)
		callback(arg, &view->pending.docs[i]);
	if (!view->pending.held)
		pgr_pending_stream(&area, PG_UINT32_MAX, callback, arg);
}

/*
 * Contract in inverted.h. Reads the pages each time: what is held has the query's
 * terms only.
 */
void
pgr_view_pending_whole(PgrInvView *view, PgrPendingCallback callback, void *arg)
{
	PgrPendingArea area = pending_area(view, NULL, 0);

	pgr_pending_stream(&area, PG_UINT32_MAX, callback, arg);
}

/*
 * For the checker, which needs all pending documents at once, without a limit of
 * memory.
 */
void
pgr_view_hold_pending(PgrInvView *view)
{
	PgrPendingArea area = pending_area(view, view->terms, view->nterms);

	if (!view->pending.held)
		pgr_pending_read(&area, 0, &view->pending);
}

/* --- the terms of queries --------------------------------------------------------- */

/*
 * Plain terms of queries while they are collected; they refer to the queries' bytes.
 */
typedef struct Collector
{
	PgrLexTerm *terms;
	int			n;
	int			size;
	bool		all;
} Collector;

/*
 * Adds the terms below a node to an array, which grows in the current memory context;
 * c->all: no set of terms tells which documents may match.
 */
static void
collect(Collector *c, const PgrQueryNode *node)
{
	if (node == NULL)
		return;
	if (node->kind == PGR_NODE_TERM)
	{
		if (node->prefix || node->fuzzy > 0)
			c->all = true;
		if (c->n == c->size)
		{
			c->size *= 2;
			c->terms = repalloc_huge(c->terms, mul_size(c->size, sizeof(PgrLexTerm)));
		}
		memset(&c->terms[c->n], 0, sizeof(PgrLexTerm));
		c->terms[c->n].bytes = node->term;
		c->terms[c->n].len = node->termlen;
		c->n++;
		return;
	}
	/* a document may match without any of the terms below a NOT */
	if (node->kind == PGR_NODE_NOT)
		c->all = true;
	for (int i = 0; i < node->nchildren; i++)
		collect(c, node->children[i]);
}

/* qsort: by bytes. */
static int
compare_terms(const void *a, const void *b)
{
	const PgrLexTerm *x = a,
			   *y = b;

	return pgr_lex_compare(x->bytes, x->len, y->bytes, y->len);
}

/*
 * Contract in inverted.h. Terms refer to the queries' bytes; the array is palloc'd,
 * huge where a query is. *all does not mean that the array is empty: the caller
 * passes NULL on instead.
 */
PgrLexTerm *
pgr_query_terms(PgrQuery **queries, int n, int *nterms, bool *all)
{
	Collector	c = {0};
	int			distinct = 0;

	c.size = 16;
	c.terms = palloc(c.size * sizeof(PgrLexTerm));
	for (int i = 0; i < n; i++)
		collect(&c, queries[i]->root);
	qsort(c.terms, c.n, sizeof(PgrLexTerm), compare_terms);
	for (int i = 0; i < c.n; i++)
	{
		if (distinct == 0 || compare_terms(&c.terms[distinct - 1], &c.terms[i]) != 0)
			c.terms[distinct++] = c.terms[i];
	}
	*nterms = distinct;
	*all = c.all;
	return c.terms;
}
