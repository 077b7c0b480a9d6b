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
 * How the pages are read is in pending_read.c.
 */
#include "postgres.h"

#include "base/varint.h"
#include "inverted/inverted.h"
#include "inverted/pending.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

/*
 * Heavyweight lock, by a page number that the storage layer's locks do not use:
 * shared while a document's fragments are put, exclusive while the area is closed.
 * Else a seal between two fragments makes two documents of one.
 */
#define FRAGMENTS_LOCK 2

/* pages of the first extent; each further one is twice as large, up to a limit */
#define EXTENT_PAGES 64
#define MAX_EXTENT_PAGES 8192

/* --- records ------------------------------------------------------------------ */

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
	Size		size = sizeof(uint32) + PGR_VARINT32_MAX + t->len + PGR_VARINT32_MAX;
	uint32		last = from > 0 && t->occ ? t->occ[from - 1] : 0;

	if (f->sparse)
		*n = 0;
	else if (!f->shape->positions)
	{
		*n = t->tf;
		if (f->shape->nfields > 1)
			size += f->shape->nfields * PGR_VARINT32_MAX;
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
	Size		header = pgr_pending_header_size(f->shape);
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
		hashes[nterms++] = pgr_pending_hash(t->bytes, t->len);
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
	LockPage(index, FRAGMENTS_LOCK, ShareLock);
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
	UnlockPage(index, FRAGMENTS_LOCK, ShareLock);
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

	LockPage(index, FRAGMENTS_LOCK, ExclusiveLock);
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
	{
		UnlockPage(index, FRAGMENTS_LOCK, ExclusiveLock);
		return 0;
	}

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
	UnlockPage(index, FRAGMENTS_LOCK, ExclusiveLock);

	/* nobody looks at pages that were not used, so they are free at once */
	if (last.used < last.count)
		pgr_space_trim(index, last.start + last.count, last.count - last.used, false);
	return n;
}
