/*
 * segment_write_docs.c
 *		The directory of documents of a segment being written: a column for each thing
 *		known of a document, spooled until the first term comes.
 *
 * Norms stay in memory to the end, a byte a document: the bounds of postings need them.
 *
 * Exact lengths are kept for merges alone, which must add them up again without the dead
 * documents; ranking reads the bytes of norms.
 */
#include "postgres.h"

#include "segment/segment_write.h"

/* To a spool, at most ten bytes. */
static void
put_varint(PgrSegSpool *s, uint64 v)
{
	uint8		buf[PGR_VARINT_MAX];

	pgr_seg_spool_put(s, buf, pgr_varint_put(buf, v) - buf);
}

/* Makes room for the next document's norm. */
static void
grow_norms(PgrSegWriter *w)
{
	if (w->header.ndocs < w->columns.norms_size)
		return;
	w->columns.norms_size = w->columns.norms_size ? mul_size(w->columns.norms_size, 2) : 1024;
	if (w->columns.norms == NULL)
		w->columns.norms = MemoryContextAlloc(w->context, w->columns.norms_size);
	else
		w->columns.norms = repalloc_huge(w->columns.norms, w->columns.norms_size);
}

/* Numbers of documents and NULL rows share 32 bits, and one value is no number. */
static void
check_doc_limit(PgrSegWriter *w)
{
	if ((uint64) w->header.ndocs + w->header.nnulls >= PGR_NO_DOC)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an index segment cannot hold more than %u rows", PGR_NO_DOC)));
}

/*
 * A document whose tid is not above the one before makes the segment unsorted, for
 * good.
 */
uint32
pgr_seg_add_doc(PgrSegWriter *w, const PgrSegDoc *doc)
{
	PgrSegHeader *h = &w->header;

	Assert(!w->columns.written && h->nnulls == 0);
	check_doc_limit(w);
	if (w->shape.norms)
	{
		grow_norms(w);
		w->columns.norms[h->ndocs] = doc->norm;
		put_varint(&w->columns.lengths, doc->length);
		h->sum_length += doc->length;
	}
	if (w->shape.norms && w->shape.nfields > 1)
	{
		pgr_seg_spool_put(&w->columns.field_norms, doc->field_norm, w->shape.nfields);
		for (int f = 0; f < w->shape.nfields; f++)
		{
			put_varint(&w->columns.lengths, doc->field_length[f]);
			h->field_length[f] += doc->field_length[f];
		}
	}
	if (h->ndocs > 0 &&
		ItemPointerCompare(&w->columns.last_tid, unconstify(ItemPointerData *, &doc->tid)) >= 0)
		h->flags |= PGR_SEG_UNSORTED;
	w->columns.last_tid = doc->tid;
	pgr_seg_spool_put(&w->columns.tids, &doc->tid, sizeof(ItemPointerData));
	if (w->shape.hashes)
		pgr_seg_spool_put(&w->columns.hashes, &doc->hash, sizeof(uint64));
	return h->ndocs++;
}

/* After the last document. */
void
pgr_seg_add_null(PgrSegWriter *w, ItemPointer tid)
{
	Assert(!w->columns.written);
	check_doc_limit(w);
	pgr_seg_spool_put(&w->columns.tids, tid, sizeof(ItemPointerData));
	w->header.nnulls++;
}

/* The dead bitmap is all zero; NULL rows have bits in it, too. */
void
pgr_seg_write_columns(PgrSegWriter *w)
{
	uint64		rows = (uint64) w->header.ndocs + w->header.nnulls;

	pgr_seg_write_bytes(w, PGR_SECT_NORMS, w->columns.norms, w->shape.norms ? w->header.ndocs : 0);
	pgr_seg_write_spool(w, PGR_SECT_FIELD_NORMS, &w->columns.field_norms, Max(w->shape.nfields, 1));
	pgr_seg_write_spool(w, PGR_SECT_TIDS, &w->columns.tids, sizeof(ItemPointerData));
	pgr_seg_write_spool(w, PGR_SECT_HASHES, &w->columns.hashes, sizeof(uint64));
	pgr_seg_write_spool(w, PGR_SECT_LENGTHS, &w->columns.lengths, 1);
	pgr_seg_write_bytes(w, PGR_SECT_DEAD, NULL, (rows + 7) / 8);
	pgr_seg_begin_section(w, PGR_SECT_POSTINGS, 0);
	w->columns.written = true;
}
