/*
 * sparse_scan.c
 *		Ordered scans of inverted: rows by exact inner product, from impacts of
 *		eight bits.
 *
 * Candidates come from the index by estimate, descending; an estimate is within
 * `error` of the exact value. They are the stream of the machine of am/ordered.h, in which
 * the estimate plus error, negated, is a lower bound of the distance. Each candidate's value
 * is read from the heap and scored by the operator's own kernel. Rows that share no
 * dimension with the query have the distance 0: they come before rows of positive
 * distance.
 *
 * Why estimates hold: an impact differs from the value it stands for by at most
 * rounds * scale (segment.h), so an estimate is off by at most that times the query's
 * weight, summed over the terms (pgr_search_sparse adds that up). Pending documents
 * have their values in full; what is allowed for them is the kernel's rounding.
 *
 * Memory: the scan's context (PgrInvScan.context) for what lasts, batch_context for
 * the candidates at hand, heap values as am/heapvalue.h says. Locks: none between
 * calls; the view keeps a few pages pinned. Errors: what reading pages (XX002) and
 * rows raises.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/relscan.h"
#include "am/heapvalue.h"
#include "am/ordered.h"
#include "inverted/inv_scan.h"
#include "kernel/kernel.h"
#include "miscadmin.h"
#include "segment/segment_postings.h"
#include "types/sparse.h"
#include "utils/memutils.h"

/*
 * Candidates of the first batch, and at most of a later one. Each batch is a whole
 * search that begins anew, so batches double.
 */
#define FIRST_BATCH 32
#define MAX_BATCH 65536

/* What is allowed for the kernel's rounding, relative to the sum of magnitudes, at least. */
#define LEAST_ERROR 1e-4

/*
 * What an ordered scan of a sparse index keeps beyond PgrInvScan. terms ascend by
 * dimension, those of weight 0 left out. `error` bounds the difference of an estimate
 * and the exact value for all candidates so far, and never falls: the machine's
 * bounds were given with it.
 */
typedef struct PgrSparseScan
{
	PgrSparse  *query;
	PgrSparseTerm *terms;
	int			nterms;
	double		error;
	PgrHeapValue *heap_value;
	PgrOrdered	ordered;
	bool		zeros;			/* rows of value 0 are being returned */
	bool		zeros_done;
} PgrSparseScan;

/*
 * The keys of both lists (positive and negative values) of each dimension, 2 *
 * nterms, for reading the pending area. Two pallocs in the current memory context,
 * the scan's.
 */
static PgrLexTerm *
sparse_keys(const PgrSparseScan *x)
{
	PgrLexTerm *keys = palloc0(Max(2 * x->nterms, 1) * sizeof(PgrLexTerm));
	char	   *bytes = palloc(Max(2 * x->nterms, 1) * PGR_SPARSE_KEY);

	for (int i = 0; i < 2 * x->nterms; i++)
	{
		char	   *key = bytes + i * PGR_SPARSE_KEY;

		pgr_sparse_key(x->terms[i / 2].dim, i % 2 == 1, key);
		keys[i].bytes = key;
		keys[i].len = PGR_SPARSE_KEY;
	}
	return keys;
}

/*
 * Contract in inv_scan.h. In the scan's memory context, which is current. The query
 * is copied, for the key may be gone at the first row. A NULL query makes every
 * distance NULL, and all rows are returned in any order.
 */
void
pgr_sparse_rescan(IndexScanDesc scan, ScanKey orderby)
{
	PgrInvScan *s = scan->opaque;
	PgrSparseScan *x = palloc0(sizeof(PgrSparseScan));
	const float *values;

	s->sparse = x;
	s->ordered = true;
	/* estimates have no step beyond which a row would be late */
	pgr_ordered_begin(&x->ordered, PGR_ORDER_RELAXED, s->context);
	x->ordered.by_tid = true;
	if (orderby->sk_flags & SK_ISNULL)
	{
		/* every distance is NULL: any order will do */
		pgr_ordered_all(&x->ordered);
		s->null_order = true;
	}
	else
		x->query = (PgrSparse *) PG_DETOAST_DATUM_COPY(orderby->sk_argument);
	x->terms = palloc0(Max(x->query ? x->query->nnz : 0, 1) * sizeof(PgrSparseTerm));
	values = x->query ? PGR_SPARSE_VALUES(x->query) : NULL;
	for (int i = 0; x->query && i < x->query->nnz; i++)
	{
		if (values[i] == 0)
			continue;
		x->terms[x->nterms].dim = x->query->indices[i];
		x->terms[x->nterms++].weight = values[i];
	}
	x->heap_value = pgr_heapvalue_begin(scan);
	s->view = pgr_view_open(scan->indexRelation, sparse_keys(x), 2 * x->nterms);
}

/*
 * Lets go of what reads the table (am/heapvalue: its state, pins) and of rows that
 * the order has put on disk. s->sparse must be there; heap_value need not, as after
 * an error in pgr_sparse_rescan.
 */
void
pgr_sparse_end(PgrInvScan *s)
{
	if (s->sparse->heap_value)
		pgr_heapvalue_end(s->sparse->heap_value);
	pgr_ordered_end(&s->sparse->ordered);
}

/* --- candidates --------------------------------------------------------------------- */

/*
 * The query's term of the dimension in a key (four bytes, big-endian, then the sign),
 * NULL if it has none. Terms are sorted: a search by halving.
 */
static const PgrSparseTerm *
term_of_key(const PgrSparseScan *x, const char *bytes)
{
	const unsigned char *key = (const unsigned char *) bytes;
	uint32		dim = (uint32) key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];
	int			lo = 0,
				hi = x->nterms;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (x->terms[mid].dim < dim)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->nterms && x->terms[lo].dim == dim ? &x->terms[lo] : NULL;
}

/*
 * The inner product of the query and a pending document, in double, and the sum of
 * the products' magnitudes, which bounds what single precision may lose. Returns how
 * many dimensions they share. A term's tf holds the bits of |value|.
 */
static int
pending_product(const PgrSparseScan *x, const PgrLexDoc *doc, double *product, double *magnitude)
{
	int			shared = 0;

	*product = *magnitude = 0;
	for (int t = 0; t < doc->nterms; t++)
	{
		const PgrSparseTerm *term = term_of_key(x, doc->terms[t].bytes);
		float		value;

		if (term == NULL)
			continue;
		memcpy(&value, &doc->terms[t].tf, sizeof(float));
		if (doc->terms[t].bytes[4])
			value = -value;
		*product += (double) value * term->weight;
		*magnitude += fabs((double) value * term->weight);
		shared++;
	}
	return shared;
}

/*
 * PgrPendingCallback; arg: the scan. Enters a pending document as a candidate. Its
 * source number is one above the last segment's.
 */
static void
search_pending(void *arg, const PgrPendingDoc *d)
{
	PgrInvScan *s = arg;
	double		magnitude;
	PgrHit		hit = {0};
	int			shared;

	if (d->dead || d->null)
		return;
	shared = pending_product(s->sparse, &d->doc, &hit.score, &magnitude);
	if (shared == 0)
		return;
	hit.tid = d->tid;
	hit.source = s->view->meta.nsegments;
	/* a sum in single precision is off by half of FLT_EPSILON an addition, at most */
	s->sparse->error = Max(s->sparse->error, magnitude * Max(LEAST_ERROR, shared * FLT_EPSILON));
	if (pgr_topk_may_enter(&s->top, hit.score))
		pgr_topk_add(&s->top, &hit);
}

/*
 * The candidates after those of the batch at hand, by estimate, in the memory context
 * batch_context, which is reset first; false if there are none. x->error only grows:
 * it holds for all candidates so far.
 */
static bool
next_batch(PgrInvScan *s, PgrSparseScan *x)
{
	bool		after = s->batch > 0;
	PgrHit		last = {0};
	MemoryContext old;

	s->at = 0;
	if (after && s->top.n < s->batch)
	{
		s->top.n = 0;
		return false;
	}
	if (after)
	{
		pgr_topk_tid(&s->top, &s->top.heap[s->top.n - 1]);
		last = s->top.heap[s->top.n - 1];
	}
	s->batch = after ? Min(s->batch * 2, MAX_BATCH) : FIRST_BATCH;
	MemoryContextReset(s->batch_context);
	old = MemoryContextSwitchTo(s->batch_context);
	pgr_topk_init(&s->top, s->batch, s->view->segments, after, last.score, &last.tid);
	for (uint32 i = 0; i < s->view->meta.nsegments; i++)
	{
		double		error = 0;

		pgr_search_sparse(s->view->segments[i], i, x->terms, x->nterms, &s->top, &error);
		x->error = Max(x->error, error);
	}
	pgr_view_pending(s->view, search_pending, s);
	pgr_topk_finish(&s->top);
	MemoryContextSwitchTo(old);
	return s->top.n > 0;
}

/*
 * Tells the machine the lower bound of the next candidate's distance, or that there
 * is none.
 */
static void
next_candidate(PgrInvScan *s, PgrSparseScan *x)
{
	if (s->at >= s->top.n && !next_batch(s, x))
		pgr_ordered_all(&x->ordered);
	else
		pgr_ordered_stream(&x->ordered, -(s->top.heap[s->at].score + x->error), s->at);
}

/*
 * Reads the candidate's row from the heap by the scan's snapshot and gives its exact
 * value, by the operator's kernel, to the machine. A row that is not visible, or NULL
 * by now, is passed over. NaN comes last, as float8 sorts it.
 */
static void
refine(PgrInvScan *s, PgrSparseScan *x, PgrHit *hit)
{
	PgrSparse  *value = (PgrSparse *) pgr_heapvalue_get(x->heap_value,
														  pgr_topk_tid(&s->top, hit));
	double		score;

	if (value == NULL)
		return;					/* not visible */
	score = pgr_sparse_dist[PGR_METRIC_IP] (value->indices, PGR_SPARSE_VALUES(value),
											value->nnz, x->query->indices,
											PGR_SPARSE_VALUES(x->query), x->query->nnz);
	(void) pgr_ordered_row(&x->ordered, isnan(score) ? INFINITY : -score, &hit->tid);
}

/* --- rows of value 0 ------------------------------------------------------------------- */

/*
 * Marks all documents of segments that share a dimension with the query: a pass over
 * its postings, without scores. Bit sets are the scan's.
 */
static void
mark_touched(PgrInvScan *s, PgrSparseScan *x)
{
	for (uint32 i = 0; i < s->view->meta.nsegments; i++)
	{
		PgrSegment *seg = s->view->segments[i];

		for (int t = 0; t < 2 * x->nterms; t++)
		{
			char		key[PGR_SPARSE_KEY];
			PgrTermInfo info;
			PgrPostings *p;

			pgr_sparse_key(x->terms[t / 2].dim, t % 2 == 1, key);
			if (!pgr_segment_find(seg, key, PGR_SPARSE_KEY, &info))
				continue;
			p = pgr_postings_open(seg, &info);
			while (pgr_postings_next(p) != PGR_NO_DOC)
				pgr_scan_mark(s, i, p->doc);
			pgr_postings_close(p);
		}
	}
}

/*
 * PgrPendingCallback; arg: the scan. Collects a pending row, if it has none of the
 * query's dimensions.
 */
static void
collect_pending_zero(void *arg, const PgrPendingDoc *d)
{
	PgrInvScan *s = arg;
	double		product,
				magnitude;

	if (!d->dead && !d->null &&
		pending_product(s->sparse, &d->doc, &product, &magnitude) == 0)
		pgr_tids_add(&s->tids, unconstify(ItemPointerData *, &d->tid), 0);
}

/*
 * The next row that shares no dimension with the query. What does is marked once, in
 * bit sets of a bit a document; the rest is collected source by source, without a look
 * at the table.
 */
static bool
next_zero(IndexScanDesc scan, PgrInvScan *s, PgrSparseScan *x)
{
	if (!x->zeros)
	{
		mark_touched(s, x);
		x->zeros = true;
		s->rest_source = s->rest_doc = 0;
		s->tids.n = s->tids.at = 0;
	}
	while (s->tids.at >= s->tids.n)
	{
		if (s->rest_source > s->view->meta.nsegments)
		{
			x->zeros_done = true;
			return false;
		}
		s->tids.n = s->tids.at = 0;
		if (s->rest_source < s->view->meta.nsegments)
			pgr_scan_collect(s, true, &s->tids);
		else
		{
			s->rest_source++;
			pgr_view_pending_whole(s->view, collect_pending_zero, s);
		}
	}
	scan->xs_heaptid = s->tids.tids[s->tids.at++];
	scan->xs_orderbyvals[0] = Float8GetDatum(0);
	scan->xs_orderbynulls[0] = s->null_order;
	return true;
}

/*
 * Contract in inv_scan.h. Rows of negative distance first; then, when nothing that
 * the machine has or may get is below 0, the rows that share no dimension; then the
 * rest. Interruptible.
 */
bool
pgr_sparse_next(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;
	PgrSparseScan *x = s->sparse;
	PgrOrderedRow row;

	scan->xs_recheckorderby = false;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (!x->zeros_done && pgr_ordered_least(&x->ordered) > 0)
		{
			if (next_zero(scan, s, x))
				return true;
			continue;
		}
		switch (pgr_ordered_step(&x->ordered))
		{
			case PGR_STEP_SEARCH:
				next_candidate(s, x);
				break;
			case PGR_STEP_RANK:
				refine(s, x, &s->top.heap[s->at++]);
				next_candidate(s, x);
				break;
			case PGR_STEP_RETURN:
				pgr_ordered_take(&x->ordered, &row);
				scan->xs_heaptid = row.tid;
				scan->xs_orderbyvals[0] = Float8GetDatum(row.distance);
				scan->xs_orderbynulls[0] = false;
				return true;
			case PGR_STEP_END:
				return false;
		}
	}
}
