/*
 * inspect_inverted_rows.c
 *		The rows that an index of bm25 or inverted holds, against the table's.
 *
 * What an index says of a document are its postings, its length's byte and its
 * content hash. For bm25 the postings are compared by the sum of their fingerprints,
 * which one pass over the segment gives for all documents. An impact of inverted is a
 * rounded value, so each is looked up and compared within what rounding allows; their
 * number is the sum of fingerprints then.
 */
#include "postgres.h"

#include <math.h>

#include "inspect/inspect_inverted.h"
#include "miscadmin.h"
#include "segment/segment_postings.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/* a row's source, where that is the pending area; else a segment's number */
#define PENDING PG_UINT32_MAX

static void
say(PgrInvRows *r, ItemPointer tid, const char *what)
{
	char	   *message = psprintf("row (%u,%u) %s", ItemPointerGetBlockNumberNoCheck(tid),
								   ItemPointerGetOffsetNumberNoCheck(tid), what);

	r->report(r->arg, message);
	pfree(message);
}

static void
twice(void *arg, ItemPointer tid)
{
	say(arg, tid, "is in the index twice");
}

/* Reports rows that the table cannot have: the last ones, by tid. */
static void
report_outside(PgrInvRows *r)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(r->heap);

	for (uint64 i = r->rows.n; i-- > 0;)
	{
		if (ItemPointerGetBlockNumberNoCheck(&r->rows.rows[i].tid) < nblocks)
			return;
		say(r, &r->rows.rows[i].tid, "is outside of the table");
	}
}

/* Are weights impacts, which are rounded? */
static bool
has_impacts(const PgrSegShape *shape)
{
	return !shape->norms;
}

/* What the index must hold of a document, in segments or pending: the sum of fingerprints. */
static uint64
document_sum(const PgrSegShape *shape, const PgrLexDoc *doc)
{
	uint64		sum = 0;

	if (has_impacts(shape))
		return doc->nterms;
	for (int i = 0; i < doc->nterms; i++)
	{
		const PgrLexTerm *t = &doc->terms[i];
		uint32	   *none = NULL;
		const uint32 *occ = NULL;
		uint32		n = 0;

		if (shape->positions)
		{
			n = t->tf;
			/* a tsvector may lack positions: then all are position 0 of field 0 */
			occ = t->occ ? t->occ : (none = palloc0(mul_size(n, sizeof(uint32))));
		}
		else if (shape->nfields > 1)
		{
			n = shape->nfields;
			occ = doc->field_tf + t->first_field_tf;
		}
		sum += pgr_posting_fingerprint(t->bytes, t->len, t->tf, occ, n);
		if (none)
			pfree(none);
	}
	return sum;
}

/* Checks a segment, and adds its live rows. */
static void
add_segment(PgrInvRows *r, uint32 number)
{
	PgrSegment *seg = r->view->segments[number];
	const PgrSegDesc *d = pgr_segment_desc(seg);
	uint64	   *sums = palloc_extended(mul_size(Max(d->ndocs, 1), sizeof(uint64)),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	pgr_segment_check(seg, r->report, r->arg, sums);
	for (uint32 doc = 0; doc < d->ndocs + d->nnulls; doc++)
	{
		ItemPointerData tid;

		if (doc % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (pgr_segment_dead(seg, doc))
			continue;
		pgr_segment_tid(seg, doc, &tid);
		pgr_rowset_add(&r->rows, &tid, number, doc, doc < d->ndocs ? sums[doc] : 0);
	}
	pfree(sums);
}

void
pgr_inv_rows_collect(PgrInvRows *r)
{
	PgrInvView *view = r->view;

	for (uint32 i = 0; i < view->meta.nsegments; i++)
		add_segment(r, i);
	pgr_view_hold_pending(view);
	for (uint32 i = 0; i < view->pending.n; i++)
	{
		const PgrPendingDoc *d = &view->pending.docs[i];

		if (!d->dead)
			pgr_rowset_add(&r->rows, unconstify(ItemPointerData *, &d->tid), PENDING, i,
						   document_sum(&view->pending_shape, &d->doc));
	}
	pgr_rowset_sort(&r->rows, twice, r);
	report_outside(r);
	/* of no use if the configuration has changed; rows are not compared then */
	(void) pgr_content_try(view->index, &r->source);
	r->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve checked row",
									   ALLOCSET_DEFAULT_SIZES);
}

/* Is the value that a list of inverted holds the document's, but for rounding? */
static bool
impact_fits(PgrSegment *seg, uint32 number, const PgrLexTerm *t)
{
	PgrTermInfo info;
	PgrPostings *p;
	float		value;
	bool		fits;

	memcpy(&value, &t->tf, sizeof(value));
	if (!pgr_segment_find(seg, t->bytes, t->len, &info))
		return false;
	p = pgr_postings_open(seg, &info);
	fits = pgr_postings_advance(p, number) == number &&
		fabs((double) pgr_postings_weight(p) * info.scale - value) <=
		1.000001 * pgr_segment_rounds(seg) * info.scale;
	pgr_postings_close(p);
	return fits;
}

static bool
impacts_fit(PgrSegment *seg, uint32 number, const PgrLexDoc *doc)
{
	for (int i = 0; i < doc->nterms; i++)
		if (!impact_fits(seg, number, &doc->terms[i]))
			return false;
	return true;
}

/* Pending values of inverted are as they were. */
static bool
values_fit(const PgrLexDoc *pending, const PgrLexDoc *doc)
{
	for (int i = 0; i < Min(doc->nterms, pending->nterms); i++)
		if (doc->terms[i].tf != pending->terms[i].tf ||
			pgr_lex_compare(doc->terms[i].bytes, doc->terms[i].len,
							pending->terms[i].bytes, pending->terms[i].len) != 0)
			return false;
	return doc->nterms == pending->nterms;
}

/* Are a document's length and hash those that its segment has? */
static bool
columns_fit(PgrInvRows *r, PgrSegment *seg, uint32 number, const PgrLexDoc *doc)
{
	const PgrSegShape *shape = &r->view->shape;
	uint8		norms[PGR_MAX_FIELDS];

	if (shape->norms && pgr_segment_norm(seg, number) != pgr_norm_encode(doc->length))
		return false;
	if (shape->hashes && pgr_segment_hash(seg, number) != doc->hash)
		return false;
	if (!shape->norms || shape->nfields <= 1)
		return true;
	pgr_segment_field_norms(seg, number, norms);
	for (int f = 0; f < shape->nfields; f++)
		if (norms[f] != pgr_norm_encode(doc->field_length[f]))
			return false;
	return true;
}

static bool
document_fits(PgrInvRows *r, const PgrRow *row, const PgrLexDoc *doc)
{
	PgrInvView *view = r->view;
	bool		impacts = has_impacts(&view->shape);

	if (row->source == PENDING)
	{
		const PgrLexDoc *pending = &view->pending.docs[row->number].doc;

		return !view->pending.docs[row->number].null &&
			row->sum == document_sum(&view->pending_shape, doc) &&
			pending->length == doc->length && (!view->shape.hashes || pending->hash == doc->hash) &&
			(!impacts || values_fit(pending, doc));
	}
	return row->number < pgr_segment_desc(view->segments[row->source])->ndocs &&
		row->sum == document_sum(&view->shape, doc) &&
		columns_fit(r, view->segments[row->source], row->number, doc) &&
		(!impacts || impacts_fit(view->segments[row->source], row->number, doc));
}

/* Is what the index holds a row without a document? */
static bool
is_null(PgrInvRows *r, const PgrRow *row)
{
	if (row->source == PENDING)
		return r->view->pending.docs[row->number].null;
	return row->number >= pgr_segment_desc(r->view->segments[row->source])->ndocs;
}

void
pgr_inv_rows_compare(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
					 void *arg)
{
	PgrInvRows *r = arg;
	const PgrRow *row = pgr_rowset_find(&r->rows, tid);
	MemoryContext old;
	PgrLexDoc	doc;

	CHECK_FOR_INTERRUPTS();
	if (row == NULL)
	{
		say(r, tid, "is not in the index");
		return;
	}
	if (isnull[0])
	{
		if (!is_null(r, row))
			say(r, tid, "is NULL, and has a document in the index");
		return;
	}
	old = MemoryContextSwitchTo(r->context);
	pgr_content_document(&r->source, values[0], &doc);
	if (!document_fits(r, row, &doc))
		say(r, tid, "has another document than the index");
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->context);
}
