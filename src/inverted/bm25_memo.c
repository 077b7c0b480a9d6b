/*
 * bm25_memo.c
 *		Enters what an index knows of a query into the memo of its scores, when the
 *		operators have analysed rows for as long as that takes (score_memo.c).
 *
 * First the hits, if the memo has room for all of them: it then knows whatever is
 * asked beside a condition of the same query. If operators go on to analyse, they are
 * at rows without the query's words, so all documents are entered, RANGE_DOCS at a
 * time in the order of segments, which is that of the table where rows were added at
 * its end, and so mostly that in which rows are asked for.
 *
 * It runs inside of an operator's call, so it takes no lock that a scan would not take,
 * keeps no page pinned on return, and its scratch memory is a context that it deletes.
 * What is entered belongs to the statistics and goes with them.
 */
#include "postgres.h"

#include <math.h>

#include "inverted/bm25_pin_cache.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define RANGE_DOCS 32768

/* Costs, in words analysed (1 to 2 us each). */
#define COST_OPEN 100.0
#define COST_POSTING (1.0 / 32)
#define COST_DOC (1.0 / 16)

typedef struct Filler
{
	PgrPinned  *pinned;
	PgrLexTerm *terms;			/* of the query, for pending documents; NULL: all */
	int			nterms;
	Oid			number;			/* of the index at hand, from 0 */
	uint32		left;			/* documents that this filling still enters */
	bool		inexact;		/* phrases cannot be told without positions */

	/* of a segment */
	PgrSegment *seg;
	bool		all;			/* documents that do not match, too */
	uint32		next;			/* all before it are entered */
} Filler;

/* --- costs --- */

/* About how many postings the whole index has of the query. */
static double
query_postings(const PgrPinned *pinned)
{
	double		n = 0;

	for (int i = 0; i < pinned->query->nleaves; i++)
	{
		const PgrQueryNode *leaf = pinned->query->leaves[i];
		double		df = isnan(pinned->leaves[i].df) ? 0 : pinned->leaves[i].df;

		if (leaf->kind == PGR_NODE_PHRASE)
			n += df * 4 * leaf->nchildren;
		else
			n += df * Max(pinned->leaves[i].nexpanded, 1);
	}
	return n;
}

/* Can a document match without a word of a scoring leaf? */
static bool
matches_without_leaf(const PgrQueryNode *node)
{
	if (node->kind == PGR_NODE_NOT)
		return true;
	if (node->kind == PGR_NODE_TERM || node->kind == PGR_NODE_PHRASE)
		return node->leaf < 0;
	if (node->kind == PGR_NODE_OR && node->min_match == 0)
		return true;
	for (int i = 0; i < node->nchildren; i++)
		if (matches_without_leaf(node->children[i]) != (node->kind == PGR_NODE_AND))
			return node->kind == PGR_NODE_OR;
	return node->kind == PGR_NODE_AND;
}

/* What the next filling costs; also decides whether hits come first. */
static void
set_cost(PgrPinned *pinned)
{
	PgrMemoFill *fill = &pinned->fill;
	double		ndocs = Max(pinned->collection.ndocs, 1);
	double		postings = query_postings(pinned);
	double		hits = Min(postings, ndocs);
	double		share = Min(RANGE_DOCS / ndocs, 1);

	if (hits > PGR_MEMO_MAX || matches_without_leaf(pinned->query->root))
		fill->hits_done = true;
	if (fill->hits_done)
		fill->cost = postings * share * COST_POSTING + RANGE_DOCS * share * COST_DOC;
	else
		fill->cost = postings * COST_POSTING + hits * COST_DOC;
	fill->cost += COST_OPEN;
}

/* Without hashes of contents nothing can be entered. */
void
pgr_memo_fill_begin(PgrPinned *pinned, Oid index, bool hashes)
{
	pinned->fill.source = index;
	pinned->fill.may = hashes && pinned->query->root != NULL;
	if (pinned->fill.may)
		set_cost(pinned);
}

/* --- entering --- */

/* The documents from f->next on, which do not match. */
static void
enter_others(Filler *f, uint32 end)
{
	for (; f->next < end; f->next++)
	{
		if (f->next % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		pgr_memo_put(f->pinned, pgr_segment_hash(f->seg, f->next), 0, PGR_MEMO_NO_MATCH);
	}
}

/* PgrScoreFound; arg: the Filler. Documents between two hits do not match. */
static void
enter_hit(void *arg, uint32 doc, double score)
{
	Filler	   *f = arg;

	if (f->all)
		enter_others(f, doc);
	pgr_memo_put(f->pinned, pgr_segment_hash(f->seg, doc), score, PGR_MEMO_MATCH);
	f->next = doc + 1;
}

/* Documents [from, to) of a segment. */
static void
enter_segment(Filler *f, PgrInvView *view, uint32 segment, uint32 from, uint32 to)
{
	PgrSearchQuery query = {.shape = &view->shape, .pinned = f->pinned};

	f->seg = view->segments[segment];
	f->next = from;
	pgr_score_segment(f->seg, &query, from, to, enter_hit, f, &f->inexact);
	if (f->all && !f->inexact)
		enter_others(f, to);
}

/*
 * PgrPendingCallback; arg: the Filler. Dead documents too: somebody's snapshot may
 * still have their rows.
 */
static void
enter_pending_doc(void *arg, const PgrPendingDoc *d)
{
	Filler	   *f = arg;
	double		score;
	bool		match;

	CHECK_FOR_INTERRUPTS();
	if (d->null)
		return;
	score = pgr_score_document(f->pinned, &d->doc, &match);
	if (match)
		pgr_memo_put(f->pinned, d->doc.hash, score, PGR_MEMO_MATCH);
}

/* --- the two ways --- */

/*
 * All hits of one index of the collection; arg: the Filler. The view is the one that
 * statistics were of, so scores have the operator's bits.
 */
static void
hits_of_index(Relation index, void *arg)
{
	Filler	   *f = arg;
	PgrInvView *view = pgr_pins_view(index, f->terms, f->nterms);

	for (uint32 i = 0; i < view->meta.nsegments && !f->inexact; i++)
		enter_segment(f, view, i, 0, view->meta.segments[i].ndocs);
	if (!f->inexact)
		pgr_view_pending(view, enter_pending_doc, f);
	pgr_view_close(view);
}

/* From where the last filling ended, as far as f->left goes. */
static void
range_of_index(Relation index, void *arg)
{
	Filler	   *f = arg;
	PgrMemoFill *fill = &f->pinned->fill;
	PgrInvView *view;

	if (f->number++ < fill->index || f->left == 0)
		return;
	view = pgr_pins_view(index, f->terms, f->nterms);
	if (fill->segment == 0 && fill->doc == 0)
		pgr_view_pending(view, enter_pending_doc, f);
	while (f->left > 0 && fill->segment < view->meta.nsegments && !f->inexact)
	{
		uint32		ndocs = view->meta.segments[fill->segment].ndocs;
		uint32		to = Min((uint64) fill->doc + f->left, ndocs);

		enter_segment(f, view, fill->segment, fill->doc, to);
		f->left -= to - fill->doc;
		fill->doc = to;
		if (to == ndocs)
		{
			fill->segment++;
			fill->doc = 0;
		}
	}
	if (fill->segment >= view->meta.nsegments)
	{
		fill->index++;
		fill->segment = fill->doc = 0;
	}
	pgr_view_close(view);
}

/* The next RANGE_DOCS documents of the collection, from where the last filling ended. */
static void
fill_range(Filler *f)
{
	PgrMemoFill *fill = &f->pinned->fill;

	f->all = true;
	f->left = RANGE_DOCS;
	pgr_inv_each_index(f->pinned->fill.source, range_of_index, f);
	if (fill->index < f->number)
		return;
	/* once through: a memo that holds all need not be filled again */
	fill->index = 0;
	if (f->pinned->collection.ndocs <= PGR_MEMO_MAX)
		fill->may = false;
}

/*
 * In a memory context of its own, but for the memo. Runs inside of an operator's call:
 * it is as interruptible as a search, and what it raises, the operator raises.
 */
void
pgr_memo_fill(PgrPinned *pinned)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgretrieve memo filling",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Filler		f = {.pinned = pinned};
	bool		all;

	f.terms = pgr_query_terms(&pinned->query, 1, &f.nterms, &all);
	if (all)
		f.terms = NULL;
	if (pinned->fill.hits_done)
		fill_range(&f);
	else
	{
		pgr_inv_each_index(pinned->fill.source, hits_of_index, &f);
		pinned->fill.hits_done = true;
	}
	if (f.inexact)
		pinned->fill.may = false;
	set_cost(pinned);
	pinned->fill.analysed = 0;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
