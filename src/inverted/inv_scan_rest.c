/*
 * inv_scan_rest.c
 *		The rows that a scan returns without a score: those that conditions alone ask
 *		for, those of score 0 after an ordered scan's hits, and NULLs.
 *
 * They are collected source by source (a segment, or the pending area), into a list
 * of tids. A scan that stops early has read no further source.
 *
 * Memory: the lists are in the scan's context and grow to one source's rows at most,
 * NULL rows apart, which are collected together. Pins: the view's.
 */
#include "postgres.h"

#include "inverted/inv_scan.h"
#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"

/*
 * Appends a row. Arrays double, in the memory context current at each call: that of
 * the scan. hash is ignored where the list keeps none.
 */
void
pgr_tids_add(PgrTidList *list, ItemPointer tid, uint64 hash)
{
	if (list->n == list->size)
	{
		list->size = Max(list->size * 2, 256);
		list->tids = list->tids == NULL
			? palloc(list->size * sizeof(ItemPointerData))
			: repalloc_huge(list->tids, mul_size(list->size, sizeof(ItemPointerData)));
		if (list->with_hashes)
			list->hashes = list->hashes == NULL
				? palloc(list->size * sizeof(uint64))
				: repalloc_huge(list->hashes, mul_size(list->size, sizeof(uint64)));
	}
	if (list->with_hashes)
		list->hashes[list->n] = hash;
	list->tids[list->n++] = *tid;
}

/* --- what has been returned, what qualifies --- */

/* Without ORDER BY there is nothing to set. */
void
pgr_scan_set_order(IndexScanDesc scan, double score, bool null)
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

/*
 * Contract in inv_scan.h. Bit sets are made at the first mark, a bit a document, in
 * the scan's context. Pending documents (source behind the last segment) are not
 * marked: they are scored again.
 */
void
pgr_scan_mark(PgrInvScan *s, uint32 source, uint32 doc)
{
	if (s->returned == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(s->context);

		s->returned = palloc0(Max(s->view->meta.nsegments, 1) * sizeof(uint64 *));
		for (uint32 i = 0; i < s->view->meta.nsegments; i++)
			s->returned[i] = palloc0((s->view->meta.segments[i].ndocs / 64 + 1) * sizeof(uint64));
		MemoryContextSwitchTo(old);
	}
	if (source < s->view->meta.nsegments)
		s->returned[source][doc / 64] |= UINT64CONST(1) << (doc % 64);
}

/* Contract in inv_scan.h. Filters are ANDed, as conditions are. */
bool
pgr_scan_pending_matches(PgrInvScan *s, const PgrPendingDoc *d)
{
	for (int i = 0; i < s->nfilters; i++)
	{
		if (!pgr_match_document(s->filters[i], &d->doc))
			return false;
	}
	return true;
}

/* --- collecting --- */

/* One call of pgr_scan_collect. seg and returned are of the segment at hand. */
typedef struct CollectState
{
	PgrInvScan *s;
	PgrSegment *seg;
	const uint64 *returned;		/* leave these out; NULL: none */
	bool		unmarked;		/* pending rows: no hits */
	PgrTidList *list;
} CollectState;

/*
 * PgrMatchFound; arg: CollectState. Looks the tid up, and the hash where the memo
 * will want it. Raises XX002 for a tid that no row can have.
 */
static void
collect_doc(void *arg, uint32 doc)
{
	CollectState *c = arg;
	ItemPointerData tid;

	if (c->returned && (c->returned[doc / 64] >> (doc % 64) & 1) != 0)
		return;
	pgr_segment_tid(c->seg, doc, &tid);
	pgr_tids_add(c->list, &tid, c->list->with_hashes ? pgr_segment_hash(c->seg, doc) : 0);
}

/*
 * PgrPendingCallback; arg: CollectState. Collects a pending row that is alive,
 * matches, and was no hit of the ordered phase.
 */
static void
collect_pending(void *arg, const PgrPendingDoc *d)
{
	CollectState *c = arg;

	if (d->dead || d->null || !pgr_scan_pending_matches(c->s, d))
		return;
	if (c->unmarked && c->s->pinned && pgr_score_document(c->s->pinned, &d->doc, NULL) > 0)
		return;
	pgr_tids_add(c->list, unconstify(ItemPointerData *, &d->tid), d->doc.hash);
}

/*
 * Documents are live ones of the segment; marks of the dead may be newer than the
 * view. Without a filter a step at a time, so that a LIMIT needs few.
 */
void
pgr_scan_collect(PgrInvScan *s, bool unmarked, PgrTidList *list)
{
	CollectState c = {.s = s, .unmarked = unmarked, .list = list};
	const PgrSegDesc *desc;
	uint32		end;

	CHECK_FOR_INTERRUPTS();
	if (s->rest_source == s->view->meta.nsegments)
	{
		s->rest_source++;
		/* with all their terms: the view has those with a term of the query */
		pgr_view_pending_whole(s->view, collect_pending, &c);
		return;
	}
	c.seg = s->view->segments[s->rest_source];
	desc = pgr_segment_desc(c.seg);
	if (unmarked && s->returned)
		c.returned = s->returned[s->rest_source];
	if (s->nfilters > 0)
	{
		PgrSearchQuery query = {
			.shape = &s->view->shape, .filters = s->filters, .nfilters = s->nfilters
		};

		pgr_match_segment(c.seg, &query, collect_doc, &c, &s->recheck);
		s->rest_source++;
		return;
	}
	end = Min(desc->ndocs, s->rest_doc + PGR_SCAN_STEP);
	for (uint32 doc = s->rest_doc; doc < end; doc++)
	{
		if (desc->ndead == 0 || !pgr_segment_dead(c.seg, doc))
			collect_doc(&c, doc);
	}
	s->rest_doc = end;
	if (end == desc->ndocs)
	{
		s->rest_doc = 0;
		s->rest_source++;
	}
}

/* PgrPendingCallback; arg: the list. Collects a NULL row that is alive. */
static void
collect_pending_null(void *arg, const PgrPendingDoc *d)
{
	if (d->null && !d->dead)
		pgr_tids_add(arg, unconstify(ItemPointerData *, &d->tid), 0);
}

/* All of them at once: they are numbered in a row behind each segment's documents. */
void
pgr_scan_collect_nulls(PgrInvScan *s, PgrTidList *list)
{
	for (uint32 i = 0; i < s->view->meta.nsegments; i++)
	{
		PgrSegment *seg = s->view->segments[i];
		const PgrSegDesc *desc = pgr_segment_desc(seg);

		for (uint32 doc = desc->ndocs; doc < desc->ndocs + desc->nnulls; doc++)
		{
			ItemPointerData tid;

			if (desc->ndead > 0 && pgr_segment_dead(seg, doc))
				continue;
			pgr_segment_tid(seg, doc, &tid);
			pgr_tids_add(list, &tid, 0);
		}
	}
	if (s->view->pending.nnulls > 0)
		pgr_view_pending_whole(s->view, collect_pending_null, list);
}
