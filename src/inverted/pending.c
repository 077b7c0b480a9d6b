/*
 * pending.c
 *		The pending area: documents not yet in a segment, as records in pages.
 *
 * An insert appends to the tail page under that page's lock; the metapage is
 * touched only when a page or an extent is full. A page that is no longer the
 * tail is marked closed in the record that moves the tail, and pgr_pending_close
 * marks the last tail, so a backend that remembers an old tail can never add to
 * pages that are being sealed.
 *
 * A search looks at every pending page: for each record it compares the hashes
 * of the record's terms with those of the query's (both arrays of uint32), and
 * looks closer only where one is equal.
 */
#include "postgres.h"

#include "base/varint.h"
#include "common/hashfn.h"
#include "inverted/inverted.h"
#include "miscadmin.h"

/* pages of the first extent; each further one is twice as large, up to a limit */
#define EXTENT_PAGES 64
#define MAX_EXTENT_PAGES 8192

/* --- records ------------------------------------------------------------------ */

static Size
record_header_size(const PgrSegShape *shape)
{
	return sizeof(PgrPendingRecord) + (shape->nfields > 1 ? shape->nfields * sizeof(uint32) : 0);
}

static uint32
term_hash(const char *bytes, uint32 len)
{
	return hash_bytes((const unsigned char *) bytes, len);
}

/* A document on its way into pending pages, fragment by fragment. */
typedef struct Feeder
{
	const PgrSegShape *shape;
	bool		sparse;
	const ItemPointerData *tid;
	const PgrLexDoc *doc;		/* NULL: a row without one */
	bool		first;			/* nothing has been put yet */
	bool		done;
	int			term;			/* next term */
	uint32		occ;			/* of it, occurrences already put */
} Feeder;

/*
 * Bytes of a term's entry with up to *n of its occurrences so that it takes at
 * most `room` bytes, 4 for its hash included; 0 if not even one fits. Sets *n.
 */
static Size
entry_size(const Feeder *f, const PgrLexTerm *t, uint32 from, Size room, uint32 *n)
{
	Size		size = sizeof(uint32) + PGR_VARINT_MAX + t->len + PGR_VARINT_MAX;
	uint32		last = from > 0 && t->occ ? t->occ[from - 1] : 0;

	if (f->sparse)
		*n = 0;
	else if (!f->shape->positions)
	{
		*n = t->tf;
		if (f->shape->nfields > 1)
			size += f->shape->nfields * PGR_VARINT_MAX;
	}
	else
	{
		*n = 0;
		while (from + *n < t->tf)
		{
			uint32		occ = t->occ ? t->occ[from + *n] : 0;
			Size		more = pgr_varint_size(occ - last);

			if (size + more > room)
				break;
			size += more;
			last = occ;
			(*n)++;
		}
		if (*n == 0)
			return 0;
	}
	return size <= room ? size : 0;
}

/* Writes an entry that entry_size approved; returns the byte after it. */
static uint8 *
put_entry(const Feeder *f, uint8 *p, const PgrLexTerm *t, uint32 from, uint32 n)
{
	p = pgr_varint_put(p, t->len);
	memcpy(p, t->bytes, t->len);
	p += t->len;
	if (f->sparse)
		return pgr_varint_put(p, t->tf);
	p = pgr_varint_put(p, n);
	if (f->shape->positions)
	{
		/* each fragment's occurrences begin anew: readers need no state */
		uint32		last = 0;

		for (uint32 i = from; i < from + n; i++)
		{
			uint32		occ = t->occ ? t->occ[i] : 0;

			p = pgr_varint_put(p, occ - last);
			last = occ;
		}
	}
	else if (f->shape->nfields > 1)
	{
		for (int i = 0; i < f->shape->nfields; i++)
			p = pgr_varint_put(p, f->doc->field_tf[t->first_field_tf + i]);
	}
	return p;
}

static void
put_header(const Feeder *f, PgrPendingRecord *r)
{
	memset(r, 0, sizeof(*r));
	r->tid = *f->tid;
	if (f->first)
		r->flags |= PGR_PENDING_FIRST;
	if (f->doc == NULL)
	{
		r->flags |= PGR_PENDING_NULL;
		return;
	}
	r->length = f->doc->length;
	r->hash_low = (uint32) f->doc->hash;
	r->hash_high = (uint32) (f->doc->hash >> 32);
	if (f->shape->nfields > 1)
		memcpy(r + 1, f->doc->field_length, f->shape->nfields * sizeof(uint32));
}

/*
 * Puts the next fragment into dst, which has `room` bytes; returns its size, 0
 * if nothing fits. Entries are made in a scratch buffer, because the array of
 * hashes before them grows with their number.
 */
static Size
feed(Feeder *f, char *dst, Size room)
{
	PGAlignedBlock scratch;
	Size		header = record_header_size(f->shape);
	uint8	   *p = (uint8 *) scratch.data;
	uint32	   *hashes = (uint32 *) (dst + header);
	PgrPendingRecord *r = (PgrPendingRecord *) dst;
	Size		left;
	uint32		nterms = 0;

	if (room < header + 64)
		return 0;
	left = room - header - 3;	/* padding at the end */
	put_header(f, r);
	while (f->doc && f->term < f->doc->nterms)
	{
		const PgrLexTerm *t = &f->doc->terms[f->term];
		uint32		n;
		uint8	   *start = p;

		if (entry_size(f, t, f->occ, left, &n) == 0)
			break;
		p = put_entry(f, p, t, f->occ, n);
		hashes[nterms++] = term_hash(t->bytes, t->len);
		left -= (p - start) + sizeof(uint32);
		f->occ += n;
		if (f->sparse || f->occ >= t->tf)
		{
			f->term++;
			f->occ = 0;
		}
	}
	/* a fragment without a term is worth its room only if it is the whole document */
	f->done = f->doc == NULL || f->term >= f->doc->nterms;
	if (nterms == 0 && !f->done)
		return 0;
	memcpy(hashes + nterms, scratch.data, p - (uint8 *) scratch.data);
	r->nterms = nterms;
	r->size = INTALIGN(header + nterms * sizeof(uint32) + (p - (uint8 *) scratch.data));
	f->first = false;
	return r->size;
}

/* --- inserting ------------------------------------------------------------------ */

/* The tail as the metapage says; false if there is no pending page yet. */
static bool
find_tail(Relation index, BlockNumber *block, uint32 *generation, uint32 *pages)
{
	Buffer		buffer = pgr_page_read(index, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_SHARE);
	PgrInvMeta *meta = (PgrInvMeta *) PgrPageGetData(BufferGetPage(buffer));
	bool		found = false;

	*pages = 0;
	for (uint32 i = 0; i < meta->npending; i++)
		*pages += meta->pending[i].used;
	if (meta->npending > 0)
	{
		PgrPendingExtent *last = &meta->pending[meta->npending - 1];

		*generation = last->generation;
		*block = last->start + last->used - 1;
		found = last->used > 0;
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/* Appends an extent to the metapage's list. The space lock is held. */
static void
add_extent(Relation index)
{
	uint32		generation = pgr_inv_new_generation(index, false);
	PgrWalBatch batch;
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrPendingExtent *e;
	PgrExtent	extent;

	pgr_inv_meta_copy(index, meta);
	extent = pgr_space_alloc(index, generation,
							 Min(EXTENT_PAGES << Min(meta->npending, 16), MAX_EXTENT_PAGES),
							 false);
	pfree(meta);

	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	if (meta->npending == PGR_INV_MAX_PENDING)
	{
		pgr_wal_abort(&batch);
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pending area of index \"%s\" is full",
						RelationGetRelationName(index)),
				 errhint("VACUUM the table, or raise the index's option \"pending_limit\".")));
	}
	e = &meta->pending[meta->npending++];
	e->generation = generation;
	e->start = extent.start;
	e->count = extent.count;
	e->used = 0;
	pgr_wal_commit(&batch);
}

/*
 * Makes a new tail, unless somebody has since `old` (InvalidBlockNumber: there
 * was none) was seen. false: the last extent is full or there is none.
 */
static bool
next_page(Relation index, BlockNumber old)
{
	PgrWalBatch batch;
	PgrInvMeta *meta;
	PgrPendingExtent *e;
	BlockNumber tail;
	Page		page;
	Buffer		buffer;

	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	if (meta->npending == 0)
	{
		pgr_wal_abort(&batch);
		return false;
	}
	e = &meta->pending[meta->npending - 1];
	tail = e->used > 0 ? e->start + e->used - 1 : InvalidBlockNumber;
	if (tail != old && BlockNumberIsValid(tail))
	{
		pgr_wal_abort(&batch);
		return true;
	}
	if (e->used == e->count)
	{
		pgr_wal_abort(&batch);
		return false;
	}
	if (BlockNumberIsValid(tail))
	{
		buffer = pgr_page_read(index, tail, PGR_PAGE_PENDING, BUFFER_LOCK_EXCLUSIVE);
		PgrPageGetOpaque(pgr_wal_add(&batch, buffer, false))->flags |= PGR_PENDING_CLOSED;
	}
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, e->start + e->used,
								RBM_ZERO_AND_LOCK, NULL);
	page = pgr_wal_add(&batch, buffer, true);
	pgr_page_init(page, PGR_PAGE_PENDING, e->generation);
	e->used++;
	pgr_wal_commit(&batch);
	return true;
}

/* A tail with room, whatever it takes. */
static void
make_room(Relation index, BlockNumber old)
{
	if (next_page(index, old))
		return;
	pgr_space_lock(index);
	if (!next_page(index, old))
		add_extent(index);
	pgr_space_unlock(index);
}

/* Puts a fragment on the page, if it may and can; false: look for another tail. */
static bool
add_fragment(Relation index, BlockNumber block, uint32 generation, Feeder *f)
{
	Buffer		buffer = ReadBuffer(index, block);
	PgrWalBatch batch;
	Feeder		before = *f;
	Page		page;
	uint32		used = 0;
	Size		size = 0;

	pgr_wal_begin(&batch, index, false);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = pgr_wal_add(&batch, buffer, false);

	/* the tail may have been sealed and its page given to something else */
	if (!PageIsNew(page) && PgrPageGetOpaque(page)->generation == generation &&
		PgrPageGetOpaque(page)->kind == PGR_PAGE_PENDING &&
		(PgrPageGetOpaque(page)->flags & PGR_PENDING_CLOSED) == 0)
	{
		used = PgrPageGetUsed(page);
		size = feed(f, PgrPageGetData(page) + used, PGR_PAGE_CAPACITY - used);
	}
	if (size == 0)
	{
		pgr_wal_abort(&batch);
		*f = before;
		return false;
	}
	pgr_page_set_used(page, used + size);
	pgr_wal_commit(&batch);
	return true;
}

uint32
pgr_pending_insert(Relation index, const PgrSegShape *shape, bool sparse,
				   ItemPointer tid, const PgrLexDoc *doc)
{
	Feeder		f = {0};
	uint32		pages = 0;

	f.shape = shape;
	f.sparse = sparse;
	f.tid = tid;
	f.doc = doc;
	f.first = true;
	while (!f.done)
	{
		BlockNumber block = InvalidBlockNumber;
		uint32		generation = 0;

		CHECK_FOR_INTERRUPTS();
		if (!find_tail(index, &block, &generation, &pages))
			make_room(index, InvalidBlockNumber);
		else if (!add_fragment(index, block, generation, &f))
			make_room(index, block);
	}
	return pages;
}

int
pgr_pending_close(Relation index)
{
	BlockNumber block;
	uint32		generation,
				pages;
	int			n;
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrPendingExtent last;
	PgrWalBatch batch;
	Buffer		buffer;

	pgr_space_lock(index);
	if (!find_tail(index, &block, &generation, &pages))
		n = 0;
	else
	{
		pgr_inv_meta_copy(index, meta);
		n = meta->npending;
		add_extent(index);
	}
	pgr_space_unlock(index);
	pfree(meta);
	if (n == 0)
		return 0;

	/* the tail may have moved on before the new extent was there */
	meta = palloc(sizeof(PgrInvMeta));
	pgr_inv_meta_copy(index, meta);
	last = meta->pending[n - 1];
	pfree(meta);
	buffer = pgr_page_read(index, last.start + last.used - 1, PGR_PAGE_PENDING,
						   BUFFER_LOCK_EXCLUSIVE);
	pgr_wal_begin(&batch, index, false);
	PgrPageGetOpaque(pgr_wal_add(&batch, buffer, false))->flags |= PGR_PENDING_CLOSED;
	pgr_wal_commit(&batch);

	/* nobody looks at pages that were not used, so they are free at once */
	if (last.used < last.count)
		pgr_space_trim(index, last.start + last.count, last.count - last.used, false);
	return n;
}

/* --- reading -------------------------------------------------------------------- */

typedef struct Reader
{
	Relation	index;
	const PgrSegShape *shape;
	bool		sparse;
	const PgrLexTerm *terms;	/* wanted, ascending; NULL: all */
	int			nterms;
	uint32	   *hashes;			/* of terms */
	PgrPendingDocs *out;
	uint32		size;			/* of out->docs */
	int			last;			/* document that fragments now belong to, -1: left out */
} Reader;

static void
reader_corrupt(Reader *r, BlockNumber block)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" has a malformed pending record at block %u",
					RelationGetRelationName(r->index), block),
			 errhint("Please REINDEX it.")));
}

/* Is one of the record's terms wanted, by its hash? */
static bool
record_wanted(const Reader *r, const uint32 *hashes, uint32 n)
{
	if (r->terms == NULL)
		return true;
	for (int q = 0; q < r->nterms; q++)
	{
		uint32		hash = r->hashes[q];
		bool		found = false;

		/* no early exit: the compiler makes vector code of this */
		for (uint32 i = 0; i < n; i++)
			found |= hashes[i] == hash;
		if (found)
			return true;
	}
	return false;
}

static bool
term_wanted(const Reader *r, const char *bytes, uint32 len, uint32 hash)
{
	if (r->terms == NULL)
		return true;
	for (int q = 0; q < r->nterms; q++)
	{
		if (r->hashes[q] == hash && r->terms[q].len == len &&
			memcmp(r->terms[q].bytes, bytes, len) == 0)
			return true;
	}
	return false;
}

static PgrPendingDoc *
reader_new_doc(Reader *r, const PgrPendingRecord *rec)
{
	PgrPendingDocs *out = r->out;
	PgrPendingDoc *d;

	if (out->n == r->size)
	{
		r->size = Max(r->size * 2, 64);
		out->docs = out->docs ? repalloc_huge(out->docs, mul_size(r->size, sizeof(PgrPendingDoc)))
			: palloc(r->size * sizeof(PgrPendingDoc));
	}
	d = &out->docs[out->n++];
	memset(d, 0, sizeof(*d));
	d->tid = rec->tid;
	d->null = (rec->flags & PGR_PENDING_NULL) != 0;
	d->dead = (rec->flags & PGR_PENDING_DEAD) != 0;
	d->norm = pgr_norm_encode(rec->length);
	d->doc.nfields = r->shape->nfields;
	d->doc.length = rec->length;
	d->doc.hash = (uint64) rec->hash_high << 32 | rec->hash_low;
	if (r->shape->nfields > 1)
	{
		memcpy(d->doc.field_length, rec + 1, r->shape->nfields * sizeof(uint32));
		for (int f = 0; f < r->shape->nfields; f++)
			d->field_norm[f] = pgr_norm_encode(d->doc.field_length[f]);
	}
	return d;
}

static void
count_doc(Reader *r, const PgrPendingRecord *rec)
{
	const uint32 *lengths = (const uint32 *) (rec + 1);

	if (rec->flags & PGR_PENDING_NULL)
	{
		r->out->nnulls++;
		return;
	}
	r->out->ndocs++;
	r->out->sum_length += rec->length;
	for (int f = 0; f < r->shape->nfields && r->shape->nfields > 1; f++)
		r->out->field_sum_length[f] += lengths[f];
}

/*
 * Room for one more term of a document: the terms array doubles at powers of
 * two, field_tf with it.
 */
static PgrLexTerm *
doc_add_term(PgrLexDoc *doc, int nfields)
{
	int			n = doc->nterms;

	if ((n & (n - 1)) == 0)
	{
		Size		size = mul_size(Max(n * 2, 1), sizeof(PgrLexTerm));

		doc->terms = doc->terms ? repalloc_huge(doc->terms, size) : palloc(size);
		if (nfields > 1)
		{
			size = mul_size(mul_size(Max(n * 2, 1), nfields), sizeof(uint32));
			doc->field_tf = doc->field_tf ? repalloc_huge(doc->field_tf, size) : palloc(size);
			memset(doc->field_tf + n * nfields, 0, size - n * nfields * sizeof(uint32));
		}
	}
	memset(&doc->terms[n], 0, sizeof(PgrLexTerm));
	doc->terms[n].first_field_tf = n * nfields;
	doc->nterms++;
	return &doc->terms[n];
}

/* Adds occurrences of an entry to a term; *p is advanced. false: malformed. */
static bool
read_occurrences(Reader *r, PgrLexDoc *doc, PgrLexTerm *t, uint32 n,
				 const uint8 **p, const uint8 *end)
{
	uint32		x,
				last = 0;

	if (r->shape->positions)
	{
		t->occ = t->occ ? repalloc_huge(t->occ, mul_size(t->tf + n, sizeof(uint32)))
			: palloc(mul_size(Max(n, 1), sizeof(uint32)));
		for (uint32 i = 0; i < n; i++)
		{
			if ((*p = pgr_varint_get(*p, end, &x)) == NULL)
				return false;
			last += x;
			t->occ[t->tf + i] = last;
			if (r->shape->nfields > 1 && PGR_OCC_FIELD(last) < r->shape->nfields)
				doc->field_tf[t->first_field_tf + PGR_OCC_FIELD(last)]++;
		}
	}
	else if (r->shape->nfields > 1)
	{
		for (int f = 0; f < r->shape->nfields; f++)
		{
			if ((*p = pgr_varint_get(*p, end, &x)) == NULL)
				return false;
			doc->field_tf[t->first_field_tf + f] += x;
		}
	}
	t->tf += n;
	return true;
}

/* Steps over an entry's occurrences. */
static const uint8 *
skip_occurrences(Reader *r, uint32 n, const uint8 *p, const uint8 *end)
{
	uint32		skip = 0,
				x;

	if (r->sparse)
		return p;
	if (r->shape->positions)
		skip = n;
	else if (r->shape->nfields > 1)
		skip = r->shape->nfields;
	while (skip-- > 0 && p)
		p = pgr_varint_get(p, end, &x);
	return p;
}

/* The terms of one record into a document; the page is a private copy. */
static bool
read_terms(Reader *r, const PgrPendingRecord *rec, PgrPendingDoc *d)
{
	const uint32 *hashes = (const uint32 *) ((const char *) rec + record_header_size(r->shape));
	const uint8 *p = (const uint8 *) (hashes + rec->nterms);
	const uint8 *end = (const uint8 *) rec + rec->size;

	for (uint32 i = 0; i < rec->nterms; i++)
	{
		PgrLexDoc  *doc = &d->doc;
		PgrLexTerm *t;
		uint32		len,
					n;
		const char *bytes;

		if ((p = pgr_varint_get(p, end, &len)) == NULL || len > end - p)
			return false;
		bytes = (const char *) p;
		if ((p = pgr_varint_get(p + len, end, &n)) == NULL)
			return false;
		if (!term_wanted(r, bytes, len, hashes[i]))
		{
			if ((p = skip_occurrences(r, n, p, end)) == NULL)
				return false;
			continue;
		}
		/* a term that goes on from the last fragment is that fragment's last */
		t = doc->nterms > 0 ? &doc->terms[doc->nterms - 1] : NULL;
		if (t == NULL || t->len != len || memcmp(t->bytes, bytes, len) != 0)
		{
			char	   *copy = palloc(Max(len, 1));

			memcpy(copy, bytes, len);
			t = doc_add_term(doc, r->shape->nfields);
			t->bytes = copy;
			t->len = len;
		}
		if (r->sparse)
			t->tf = n;
		else if (!read_occurrences(r, doc, t, n, &p, end))
			return false;
	}
	return true;
}

/*
 * The document that a fragment belongs to: the last one with its tid. Fragments
 * of concurrent inserts interleave; a tid that vacuum condemned may be in use
 * again.
 */
static PgrPendingDoc *
find_doc(Reader *r, const PgrPendingRecord *rec)
{
	bool		dead = (rec->flags & PGR_PENDING_DEAD) != 0;

	for (uint32 i = r->out->n; i-- > 0;)
	{
		PgrPendingDoc *d = &r->out->docs[i];

		if (d->dead == dead && !d->null &&
			ItemPointerEquals(&d->tid, unconstify(ItemPointerData *, &rec->tid)))
			return d;
	}
	return NULL;
}

static bool
read_record(Reader *r, const PgrPendingRecord *rec)
{
	const uint32 *hashes = (const uint32 *) ((const char *) rec + record_header_size(r->shape));
	PgrPendingDoc *d = NULL;

	if (rec->flags & PGR_PENDING_FIRST)
		count_doc(r, rec);
	if ((rec->flags & PGR_PENDING_NULL) == 0 && !record_wanted(r, hashes, rec->nterms) &&
		r->terms != NULL)
		return true;
	if ((rec->flags & PGR_PENDING_NULL) && r->terms != NULL)
		return true;
	if ((rec->flags & PGR_PENDING_FIRST) == 0)
		d = find_doc(r, rec);
	/* NULL too where the first fragments held no wanted term */
	if (d == NULL)
		d = reader_new_doc(r, rec);
	return read_terms(r, rec, d);
}

static void
read_page(Reader *r, BlockNumber block, uint32 generation)
{
	PGAlignedBlock copy;
	char	   *data = PgrPageGetData(copy.data);
	uint32		used,
				at = 0;

	CHECK_FOR_INTERRUPTS();
	pgr_page_copy(r->index, block, PGR_PAGE_PENDING, generation, copy.data);
	used = PgrPageGetUsed(copy.data);
	while (at < used)
	{
		PgrPendingRecord *rec = (PgrPendingRecord *) (data + at);
		Size		least = record_header_size(r->shape);

		if (used - at < least || rec->size > used - at || rec->size % sizeof(uint32) != 0 ||
			rec->nterms > PGR_PAGE_CAPACITY / sizeof(uint32) ||
			rec->size < least + rec->nterms * sizeof(uint32) ||
			!read_record(r, rec))
			reader_corrupt(r, block);
		at += rec->size;
	}
}

void
pgr_pending_read(Relation index, const PgrSegShape *shape, bool sparse,
				 const PgrPendingExtent *extents, int nextents,
				 const PgrLexTerm *terms, int nterms, PgrPendingDocs *out)
{
	Reader		r = {0};

	memset(out, 0, sizeof(*out));
	r.index = index;
	r.shape = shape;
	r.sparse = sparse;
	r.terms = terms;
	r.nterms = nterms;
	r.out = out;
	if (terms)
	{
		r.hashes = palloc(Max(nterms, 1) * sizeof(uint32));
		for (int i = 0; i < nterms; i++)
			r.hashes[i] = term_hash(terms[i].bytes, terms[i].len);
	}
	for (int i = 0; i < nextents; i++)
	{
		for (uint32 page = 0; page < extents[i].used; page++)
			read_page(&r, extents[i].start + page, extents[i].generation);
	}
}

/* --- vacuum ---------------------------------------------------------------------- */

/* Does the page have a record to mark? Counts documents left. */
static bool
page_has_dead(Page page, IndexBulkDeleteCallback callback, void *arg, uint64 *live)
{
	char	   *data = PgrPageGetData(page);
	bool		found = false;

	for (uint32 at = 0; at < PgrPageGetUsed(page);)
	{
		PgrPendingRecord *rec = (PgrPendingRecord *) (data + at);

		if ((rec->flags & PGR_PENDING_DEAD) == 0)
		{
			if (callback(&rec->tid, arg))
				found = true;
			else if (rec->flags & PGR_PENDING_FIRST)
				(*live)++;
		}
		at += Max(rec->size, sizeof(PgrPendingRecord));
	}
	return found;
}

static uint32
mark_dead(Relation index, BlockNumber block, IndexBulkDeleteCallback callback, void *arg)
{
	PgrWalBatch batch;
	Page		page;
	uint32		n = 0;

	pgr_wal_begin(&batch, index, false);
	page = pgr_wal_add(&batch, pgr_page_read(index, block, PGR_PAGE_PENDING,
											 BUFFER_LOCK_EXCLUSIVE), false);
	for (uint32 at = 0; at < PgrPageGetUsed(page);)
	{
		PgrPendingRecord *rec = (PgrPendingRecord *) (PgrPageGetData(page) + at);

		if ((rec->flags & PGR_PENDING_DEAD) == 0 && callback(&rec->tid, arg))
		{
			rec->flags |= PGR_PENDING_DEAD;
			if (rec->flags & PGR_PENDING_FIRST)
				n++;
		}
		at += Max(rec->size, sizeof(PgrPendingRecord));
	}
	pgr_wal_commit(&batch);
	return n;
}

uint32
pgr_pending_bulk_delete(Relation index, const PgrInvMeta *meta,
						IndexBulkDeleteCallback callback, void *arg, uint64 *live)
{
	uint32		removed = 0;

	*live = 0;
	for (uint32 i = 0; i < meta->npending; i++)
	{
		for (uint32 p = 0; p < meta->pending[i].used; p++)
		{
			PGAlignedBlock copy;
			BlockNumber block = meta->pending[i].start + p;

			CHECK_FOR_INTERRUPTS();
			pgr_page_copy(index, block, PGR_PAGE_PENDING, meta->pending[i].generation,
						  copy.data);
			if (page_has_dead(copy.data, callback, arg, live))
				removed += mark_dead(index, block, callback, arg);
		}
	}
	return removed;
}
