/*
 * inv_scan.c
 *		Scans of bm25 and inverted: conditions (@@@), order (<@>), both, or
 *		neither; by tuple and by bitmap.
 *
 * An ordered scan returns what exact SQL returns: rows with a score, best first;
 * then those of score 0; then NULLs. Rows with a score come in batches of
 * growing size, each the best k strictly after the last row of the one before,
 * so that nobody needs to know LIMIT in advance and nothing is ever cut off.
 * The rest is collected only when a scan gets that far.
 *
 * Between calls no buffer is locked; segments keep a few pages pinned.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "am/heapvalue.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "inverted/inv_scan.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define FIRST_BATCH 32
#define MAX_BATCH 65536

IndexScanDesc
pgr_inv_begin_scan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	PgrInvScan *s = palloc0(sizeof(PgrInvScan));

	s->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve scan",
									   ALLOCSET_DEFAULT_SIZES);
	scan->opaque = s;
	if (norderbys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = palloc(sizeof(bool) * norderbys);
	}
	return scan;
}

static void
scan_close(PgrInvScan *s)
{
	if (s->sparse)
		pgr_sparse_end(s);
	if (s->view)
		pgr_view_close(s->view);
	s->view = NULL;
	s->sparse = NULL;
}

void
pgr_inv_end_scan(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	scan_close(s);
	MemoryContextDelete(s->context);
	pfree(s);
}

void
pgr_inv_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext context = s->context;

	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	scan_close(s);
	MemoryContextReset(context);
	memset(s, 0, sizeof(*s));
	s->context = context;
}

/* --- starting --------------------------------------------------------------------- */

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

static void
start(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	/* a tid may be given to a new row meanwhile, which only a snapshot hides */
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("non-MVCC snapshots are not supported with this access method")));
	pgstat_count_index_scan(scan->indexRelation);
	pgr_count_index_search(scan);

	pgr_content_of(scan->indexRelation, &s->source);
	start_filters(scan, s);
	s->batch_context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve batch",
											 ALLOCSET_DEFAULT_SIZES);
	if (s->nothing)
	{
		s->phase = PGR_SCAN_END;
		return;
	}
	if (scan->numberOfOrderBys > 0 && s->source.sparse)
		pgr_sparse_rescan(scan, &scan->orderByData[0]);
	else
	{
		if (scan->numberOfOrderBys > 0)
			start_order(scan, s);
		if (s->view == NULL)
			start_view(scan, s);
	}
	s->tids.with_hashes = s->pinned != NULL && s->view->shape.hashes;
	s->phase = s->pinned || s->sparse ? PGR_SCAN_HITS : PGR_SCAN_REST;
}

/* --- hits ---------------------------------------------------------------------------- */

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

/* The next batch of hits; false if there is none. */
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

/*
 * The row's distance. Where segments have no positions and the query has a
 * phrase, scores are upper bounds: the executor then scores rows itself and puts
 * them in order, which it can do because no distance is above the true one.
 */
static void
set_order(IndexScanDesc scan, double score, bool null)
{
	PgrInvScan *s = scan->opaque;

	if (scan->numberOfOrderBys == 0)
		return;
	if (s->unknown_order)
	{
		/* no distance is below this one, so the executor sorts all rows */
		scan->xs_orderbyvals[0] = Float8GetDatum(-get_float8_infinity());
		scan->xs_orderbynulls[0] = false;
		scan->xs_recheckorderby = true;
		return;
	}
	scan->xs_orderbyvals[0] = Float8GetDatum(null ? 0 : -score);
	scan->xs_orderbynulls[0] = null;
	scan->xs_recheckorderby = s->recheck && !s->null_order;
}

static bool
next_hit(IndexScanDesc scan, PgrInvScan *s)
{
	PgrHit	   *hit;

	if (s->sparse)
		return pgr_sparse_next(scan);
	if (s->at >= s->top.n && !next_batch(s))
		return false;
	hit = &s->top.heap[s->at++];
	scan->xs_heaptid = *pgr_topk_tid(&s->top, hit);
	set_order(scan, hit->score, false);
	if (s->view->shape.hashes && !s->recheck)
		pgr_memo_put(s->pinned, hit->hash, hit->score, PGR_MEMO_MATCH);
	return true;
}

/* --- the rest ----------------------------------------------------------------------------- */

/* The next row of the current list; refilled source by source. */
static bool
next_rest(IndexScanDesc scan, PgrInvScan *s)
{
	while (s->tids.at >= s->tids.n)
	{
		if (s->rest_source > s->view->meta.nsegments)
			return false;
		s->tids.n = s->tids.at = 0;
		pgr_scan_collect(s, s->ordered, &s->tids);
	}
	if (s->tids.with_hashes && !s->recheck && pgr_memo_asked(s->pinned))
		pgr_memo_put(s->pinned, s->tids.hashes[s->tids.at], 0, PGR_MEMO_UNKNOWN);
	scan->xs_heaptid = s->tids.tids[s->tids.at++];
	set_order(scan, 0, s->null_order);
	return true;
}

static bool
next_null(IndexScanDesc scan, PgrInvScan *s)
{
	if (s->tids.at >= s->tids.n)
		return false;
	scan->xs_heaptid = s->tids.tids[s->tids.at++];
	set_order(scan, 0, true);
	return true;
}

/* Moves to the phase after the current one, which is over. */
static void
next_phase(PgrInvScan *s)
{
	s->tids.n = s->tids.at = 0;
	s->phase++;
	/* a sparse scan returns rows of score 0 itself: negative ones follow them */
	if (s->phase == PGR_SCAN_REST && s->sparse)
		s->phase = PGR_SCAN_NULLS;
	if (s->phase == PGR_SCAN_NULLS)
	{
		/* a condition is not true of NULL */
		if (s->nfilters == 0)
			pgr_scan_collect_nulls(s, &s->tids);
	}
}

bool
pgr_inv_get_tuple(IndexScanDesc scan, ScanDirection dir)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(s->context);
	bool		found = false;

	Assert(ScanDirectionIsForward(dir));
	if (s->phase == PGR_SCAN_START)
		start(scan);
	while (!found && s->phase != PGR_SCAN_END)
	{
		CHECK_FOR_INTERRUPTS();
		if (s->phase == PGR_SCAN_HITS)
			found = next_hit(scan, s);
		else if (s->phase == PGR_SCAN_REST)
			found = next_rest(scan, s);
		else
			found = next_null(scan, s);
		if (!found)
			next_phase(s);
	}
	scan->xs_recheck = s->recheck;
	MemoryContextSwitchTo(old);
	if (found)
		pgr_tid_check(scan->indexRelation, scan->heapRelation, &scan->xs_heaptid);
	return found;
}

/* A bitmap has no place for some tids; blocks beyond the table's end are for its reader. */
static void
check_tids(IndexScanDesc scan, const PgrTidList *list)
{
	for (uint32 i = 0; i < list->n; i++)
		if (ItemPointerGetOffsetNumberNoCheck(&list->tids[i]) > MaxHeapTuplesPerPage)
			ereport(ERROR,
					(errcode(ERRCODE_INDEX_CORRUPTED),
					 errmsg("index \"%s\" refers to row (%u,%u), which is outside of the table",
							RelationGetRelationName(scan->indexRelation),
							ItemPointerGetBlockNumberNoCheck(&list->tids[i]),
							ItemPointerGetOffsetNumberNoCheck(&list->tids[i])),
					 errhint("Please REINDEX it.")));
}

int64
pgr_inv_get_bitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	PgrInvScan *s = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(s->context);
	int64		n = 0;

	if (s->phase == PGR_SCAN_START)
		start(scan);
	if (!s->nothing && s->nfilters == 0)
		pgr_scan_collect_nulls(s, &s->tids);
	while (!s->nothing && s->rest_source <= s->view->meta.nsegments)
	{
		pgr_scan_collect(s, false, &s->tids);
		check_tids(scan, &s->tids);
		tbm_add_tuples(tbm, s->tids.tids, s->tids.n, s->recheck);
		n += s->tids.n;
		s->tids.n = 0;
	}
	MemoryContextSwitchTo(old);
	return n;
}
