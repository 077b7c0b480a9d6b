/*
 * bm25_scan.c
 *		Scans of bm25: conditions, order, and rows with a score.
 *
 * Rows with a score come in batches of growing size, each the best k strictly after the
 * last row of the one before, so that nobody needs to know LIMIT in advance and nothing is
 * ever cut off. Each batch searches all segments and the pending documents anew.
 *
 * Memory: queries and the view in the scan's context, hits in batch_context, which lives
 * from one batch to the next. Pins: of the view's segments. No lock is held between
 * calls.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "inverted/bm25_scan.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define FIRST_BATCH 32
#define MAX_BATCH 65536

/* --- starting --- */

/*
 * A key's query, *bound the index whose statistics it has, or NULL if this index must
 * not answer it: one bound to an index of other words, or not bound, with words that
 * the operator takes otherwise than this index. Such rows are for the executor to
 * judge. The planner avoids it where it can tell in time.
 */
static PgrRankQuery *
key_query(Relation index, PgrInvScan *s, ScanKey key, Oid *bound)
{
	PgrRankQuery *rq;
	PgrQuery   *query;

	*bound = InvalidOid;
	if (key->sk_subtype == TEXTOID)
	{
		PgrAnalyzer analyzer = s->source.analyzer;

		analyzer.config = getTSCurrentConfig(true);
		return pgr_inv_serves_unbound(index, NULL) ?
			pgr_query_from_text(&analyzer, DatumGetTextPP(key->sk_argument)) : NULL;
	}
	rq = (PgrRankQuery *) PG_DETOAST_DATUM(key->sk_argument);
	query = pgr_query_unpack(rq);
	*bound = pgr_query_index(query);
	return (OidIsValid(*bound) ? pgr_inv_serves(index, *bound) :
			pgr_inv_serves_unbound(index, query)) ? rq : NULL;
}

/*
 * Conditions that this index may answer become s->filters, fitted to its fields; for
 * others all rows are to be rechecked. A NULL condition is true of no row. Queries are
 * allocated in the scan's memory context.
 */
static void
start_filters(IndexScanDesc scan, PgrInvScan *s)
{
	s->filters = palloc(Max(scan->numberOfKeys, 1) * sizeof(PgrQuery *));
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey		key = &scan->keyData[i];
		PgrRankQuery *query;
		Oid			bound;

		if (key->sk_flags & SK_ISNULL)
		{
			s->nothing = true;
			continue;
		}
		query = key_query(scan->indexRelation, s, key, &bound);
		if (query)
		{
			PgrQuery   *filter = pgr_query_unpack(query);

			pgr_query_fit(filter, s->source.analyzer.nfields);
			s->filters[s->nfilters++] = filter;
		}
		else
			s->recheck = true;
	}
}

/* Statistics are those of the index that the query is bound to. */
static void
start_order(IndexScanDesc scan, PgrInvScan *s)
{
	ScanKey		key = &scan->orderByData[0];
	PgrRankQuery *query;
	Oid			bound;

	s->ordered = true;
	if (key->sk_flags & SK_ISNULL)
	{
		s->null_order = true;
		return;
	}
	query = key_query(scan->indexRelation, s, key, &bound);
	if (query == NULL || !OidIsValid(bound))
	{
		s->unknown_order = true;
		return;
	}
	s->first_batch = (int) Min(pgr_query_unpack(query)->top, MAX_BATCH);

	/* pending pages are then read once; conditions have terms of their own */
	if (s->nfilters == 0 && bound == RelationGetRelid(scan->indexRelation))
		s->pinned = pgr_inv_pin_view(bound, query, &s->view);
	else
		s->pinned = pgr_inv_pin(bound, query);
}

/* Opens the view with the terms that conditions and order need. */
static void
start_view(IndexScanDesc scan, PgrInvScan *s)
{
	PgrQuery  **queries = palloc((s->nfilters + 1) * sizeof(PgrQuery *));
	int			n = 0,
				nterms;
	bool		all;
	PgrLexTerm *terms;

	for (int i = 0; i < s->nfilters; i++)
		queries[n++] = s->filters[i];
	if (s->pinned)
		queries[n++] = s->pinned->query;
	terms = pgr_query_terms(queries, n, &nterms, &all);
	s->view = pgr_view_open(scan->indexRelation, all ? NULL : terms, all ? 0 : nterms);
}

/*
 * A query bound to another index is answered by leaving it to the executor, never by
 * other words.
 */
bool
pgr_bm25_begin_scan(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	pgr_content_of(scan->indexRelation, &s->source);
	start_filters(scan, s);
	if (s->nothing)
		return false;
	if (scan->numberOfOrderBys > 0)
		start_order(scan, s);
	if (s->view == NULL)
		start_view(scan, s);
	return s->pinned != NULL;
}

/* --- hits --- */

/* A pending document as a candidate; arg: the scan. */
static void
search_pending(void *arg, const PgrPendingDoc *d)
{
	PgrInvScan *s = arg;
	PgrHit		hit = {0};

	if (d->dead || d->null || !pgr_scan_pending_matches(s, d))
		return;
	hit.score = pgr_score_document(s->pinned, &d->doc, NULL);
	hit.tid = d->tid;
	hit.source = s->view->meta.nsegments;
	hit.hash = d->doc.hash;
	if (hit.score > 0 && pgr_topk_may_enter(&s->top, hit.score))
		pgr_topk_add(&s->top, &hit);
}

/* Remembers the current batch, for what must not come again as a row of score 0. */
static void
mark_batch(PgrInvScan *s)
{
	for (int i = 0; i < s->top.n; i++)
		pgr_scan_mark(s, s->top.heap[i].source, s->top.heap[i].doc);
}

/* What a LIMIT says, and a little for rows that are dead or not visible. */
static int
first_batch(const PgrInvScan *s)
{
	return s->first_batch > 0 ? s->first_batch + s->first_batch / 16 + 1 : FIRST_BATCH;
}

/*
 * The next batch of hits, in the memory context batch_context, which is reset first;
 * false if there is none. Fewer hits than asked for mean that there are no more.
 * Segments are searched in the order of the view, the largest first.
 */
static bool
next_batch(PgrInvScan *s)
{
	PgrSearchQuery query = {
		.shape = &s->view->shape, .pinned = s->pinned,
		.filters = s->filters, .nfilters = s->nfilters
	};
	bool		after = s->batch > 0;
	PgrHit		last = {0};
	MemoryContext old;

	if (after)
	{
		mark_batch(s);
		if (s->top.n < s->batch)
			return false;
		pgr_topk_tid(&s->top, &s->top.heap[s->top.n - 1]);
		last = s->top.heap[s->top.n - 1];
	}
	s->batch = after ? Min(Max(s->batch * 2, FIRST_BATCH), MAX_BATCH) : first_batch(s);
	MemoryContextReset(s->batch_context);
	old = MemoryContextSwitchTo(s->batch_context);
	pgr_topk_init(&s->top, s->batch, s->view->segments, after, last.score, &last.tid);
	for (uint32 i = 0; i < s->view->meta.nsegments; i++)
		pgr_search_segment(s->view->segments[i], i, &query, &s->top, &s->recheck);
	pgr_view_pending(s->view, search_pending, s);
	pgr_topk_finish(&s->top);
	MemoryContextSwitchTo(old);
	s->at = 0;
	return s->top.n > 0;
}

/* The score goes to the memo at once: the operator beside the scan will ask for it. */
bool
pgr_bm25_next(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;
	PgrHit	   *hit;

	if (s->at >= s->top.n && !next_batch(s))
		return false;
	hit = &s->top.heap[s->at++];
	scan->xs_heaptid = *pgr_topk_tid(&s->top, hit);
	pgr_scan_set_order(scan, hit->score, false);
	if (s->view->shape.hashes && !s->recheck)
		pgr_memo_put(s->pinned, hit->hash, hit->score, PGR_MEMO_MATCH);
	return true;
}
