/*
 * inv_pending.c
 *		The pending area: documents not yet in a segment, as records in pages.
 *
 * An insert appends to the tail page under that page's lock; the metapage is
 * touched only when a page or an extent is full. The first nclosed extents get no
 * more documents: they are being sealed, or wait for it after a seal that failed.
 * An insert holds the fragments lock from before it looks for the tail until its
 * document is put, and pgr_pending_close holds it exclusively, so nobody adds to
 * pages that are being sealed.
 *
 * How the pages are read is in inv_pending_read.c.
 *
 * Locks: see the pseudocode in the README. Of pages at most three are locked at a time,
 * in the order metapage, old tail, new tail. Records are made in a scratch buffer on the
 * stack: nothing is allocated under a lock. A full disk raises before anything is
 * entered.
 */
#include "postgres.h"

#include "base/varint.h"
#include "inverted/inv_maintain.h"
#include "inverted/inv_pending.h"
#include "miscadmin.h"

/*
 * An extent is half as large as all pending extents together, or as what is left of a
 * document, so that there are few, and what is allocated is in proportion to what is
 * there. While there are few, shorter free extents will do.
 */
#define EXTENT_PAGES 32			/* at least */
#define MAX_EXTENT_PAGES 8192
#define LEAST_PAGES 8
#define FEW_EXTENTS 12

/* --- records ------------------------------------------------------------------ */

/*
 * A document on its way into pending pages, fragment by fragment: what of it has been
 * put. Plain values, so that a copy taken before an attempt restores it.
 */
typedef struct Feeder
{
	const PgrSegShape *shape;
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

	if (!f->shape->positions)
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

/*
 * A fragment's header. Length, hash and lengths of fields are the whole document's
 * and stand in each fragment, since a reader may take up a document at a later one.
 */
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
		if (f->occ >= t->tf)
		{
			f->term++;
			f->occ = 0;
		}
	}
	/* a fragment without a term is worth its room only if it is the whole document */
	f->done = f->doc == NULL || f->term >= f->doc->nterms;
	if (nterms == 0 && !f->done)
		return 0;
	if (f->done)
		r->flags |= PGR_PENDING_LAST;
	memcpy(hashes + nterms, scratch.data, p - (uint8 *) scratch.data);
	r->nterms = nterms;
	r->size = INTALIGN(header + nterms * sizeof(uint32) + (p - (uint8 *) scratch.data));
	f->first = false;
	return r->size;
}

/* --- inserting ------------------------------------------------------------------ */

/*
 * Where a document goes next, and how much is there already, as the metapage said at
 * one moment: others may have moved the tail since.
 */
typedef struct Tail
{
	BlockNumber block;			/* InvalidBlockNumber: there is none yet */
	BlockNumber next;			/* the page after it, InvalidBlockNumber: in no extent yet */
	uint32		generation;
	PgrPendingSize size;
} Tail;

/*
 * Counts pages in use and extents, as the metapage (share-locked by the caller) says.
 */
static void
measure(const PgrInvMetaPage *meta, PgrPendingSize *size)
{
	size->pages = size->added = 0;
	size->extents = meta->npending;
	for (uint32 i = 0; i < meta->npending; i++)
		size->pages += meta->pending[i].used;
}

/*
 * The extent that documents go to, within the metapage's image; NULL if it is yet to
 * be added.
 */
static PgrPendingExtent *
open_extent(PgrInvMetaPage *meta)
{
	return meta->npending > meta->nclosed ? &meta->pending[meta->npending - 1] : NULL;
}

/* The last page in use of the open extent, or InvalidBlockNumber. */
static BlockNumber
tail_block(const PgrPendingExtent *e)
{
	return e && e->used > 0 ? e->start + e->used - 1 : InvalidBlockNumber;
}

/* Fills *tail from the metapage, under its share lock, which is let go. */
static void
find_tail(Relation index, Tail *tail)
{
	Buffer		buffer;
	const PgrInvMetaPage *meta = pgr_inv_meta_read(index, &buffer);
	const PgrPendingExtent *e = open_extent(unconstify(PgrInvMetaPage *, meta));

	measure(meta, &tail->size);
	tail->block = tail_block(e);
	tail->next = e && e->used < e->count ? e->start + e->used : InvalidBlockNumber;
	tail->generation = e ? e->generation : 0;
	UnlockReleaseBuffer(buffer);
}

/* How much is pending, as the metapage says, under its share lock for a moment. */
void
pgr_pending_size(Relation index, PgrPendingSize *size)
{
	Tail		tail;

	find_tail(index, &tail);
	*size = tail.size;
}

/*
 * About how many pages the rest of a document takes, MAX_EXTENT_PAGES at most. An
 * occurrence is counted as two bytes.
 */
static uint32
pages_left(const Feeder *f)
{
	Size		bytes = 0;

	for (int t = f->term; f->doc && t < f->doc->nterms; t++)
		bytes += sizeof(uint32) + 8 + f->doc->terms[t].len +
			(f->shape->positions ? 2 * (Size) f->doc->terms[t].tf : 0);
	return Min(bytes / PGR_PAGE_CAPACITY, MAX_EXTENT_PAGES);
}

/*
 * Pages for the open part of the area; *generation: theirs. The extents between two
 * closes share one. The space lock is held.
 */
static PgrExtent
allocate(Relation index, const Feeder *f, uint32 *generation)
{
	PgrInvMeta	meta;
	uint32		want = 0,
				least = LEAST_PAGES;

	pgr_inv_meta_copy(index, &meta);
	pfree(meta.segments);
	/* tested before anything is allocated; pgr_inv_insert sees to it that there is room */
	if (meta.npending == PGR_INV_MAX_PENDING)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pending area of index \"%s\" is full", RelationGetRelationName(index)),
				 errhint("VACUUM the table.")));
	for (uint32 i = 0; i < meta.npending; i++)
		want += meta.pending[i].count;
	want = Min(Max(Max(want / 2, pages_left(f)), EXTENT_PAGES), MAX_EXTENT_PAGES);
	if (meta.npending >= FEW_EXTENTS)
		least = want / 2;
	if (meta.npending > meta.nclosed)
		*generation = meta.pending[meta.npending - 1].generation;
	else
		*generation = pgr_set_new_generation(index, &pgr_inv_set, PGR_SET_SPACE);
	return pgr_space_alloc(index, *generation, least, want, false);
}

/*
 * Appends an extent to the metapage's list, or makes the last one longer. The space
 * lock is held.
 */
static void
add_extent(Relation index, const Feeder *f)
{
	uint32		generation;
	PgrExtent	extent = allocate(index, f, &generation);
	PgrInvMetaPage *meta;
	PgrPendingExtent *e;
	PgrWalBatch batch;

	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	e = open_extent(meta);
	if (e && e->generation == generation && e->start + e->count == extent.start)
		e->count += extent.count;
	else
	{
		e = &meta->pending[meta->npending++];
		e->generation = generation;
		e->start = extent.start;
		e->count = extent.count;
		e->used = 0;
	}
	if (meta->set.writing[PGR_SET_SPACE] == generation)
		meta->set.writing[PGR_SET_SPACE] = 0;
	pgr_wal_commit(&batch);
}

/*
 * Makes a new tail, unless somebody has since `old` (InvalidBlockNumber: there was
 * none) was seen. Locks the metapage exclusively, then the old tail, then the new
 * page, and lets all go with the record. false: the last extent is full or there is
 * none.
 */
static bool
next_page(Relation index, BlockNumber old)
{
	PgrWalBatch batch;
	PgrPendingExtent *e;
	BlockNumber tail;
	Page		page;
	Buffer		buffer;
	bool		moved;

	pgr_wal_begin(&batch, index, false);
	e = open_extent(pgr_inv_meta_add(&batch, index));
	tail = tail_block(e);
	moved = BlockNumberIsValid(tail) && tail != old;
	if (e == NULL || moved || e->used == e->count)
	{
		pgr_wal_abort(&batch);
		return moved;
	}
	if (BlockNumberIsValid(tail))
	{
		buffer = pgr_page_read(index, tail, PGR_PAGE_PENDING, BUFFER_LOCK_EXCLUSIVE);
		PgrPageGetOpaque(pgr_wal_add(&batch, buffer, false))->flags |= PGR_PENDING_CLOSED;
	}
	pgr_block_check(index, e->start + e->used, 1);
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, e->start + e->used,
								RBM_ZERO_AND_LOCK, NULL);
	page = pgr_wal_add(&batch, buffer, true);
	pgr_page_init(page, PGR_PAGE_PENDING, e->generation);
	e->used++;
	pgr_wal_commit(&batch);
	return true;
}

/*
 * Sees to it that there is a tail with room, whatever it takes: the next page of the
 * extent, else, under the space lock, another extent. Whoever waited for that lock
 * looks again first, for another insert may have added one. Nothing else is locked on
 * entry but the fragments lock. A full disk raises (53100), as does a full list of
 * extents (54000); the space lock then goes with the transaction.
 */
static void
make_room(Relation index, const Tail *tail, const Feeder *f)
{
	if (BlockNumberIsValid(tail->next))
		pgr_space_reach(index, tail->next);
	if (next_page(index, tail->block))
		return;
	pgr_space_lock(index);
	if (!next_page(index, tail->block))
		add_extent(index, f);
	pgr_space_unlock(index);
}

/*
 * Puts a fragment on the page, if it may and can; false: look for another tail. The
 * page is exclusively locked meanwhile, nothing else is, and nothing is allocated
 * under the lock. *f is as before if nothing was put.
 */
static bool
add_fragment(Relation index, BlockNumber block, uint32 generation, Feeder *f)
{
	Buffer		buffer = pgr_page_pin(index, block);
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
		pgr_page_check(index, block, page, PGR_PAGE_PENDING);
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

/*
 * The fragments lock is shared by inserts: they wait only for a close, which takes a
 * moment. An error between two fragments leaves the first ones, of a row that will
 * never be committed. Interruptible between fragments.
 */
void
pgr_pending_insert(Relation index, const PgrSegShape *shape, ItemPointer tid,
				   const PgrLexDoc *doc, PgrPendingSize *size)
{
	Feeder		f = {0};
	Tail		tail;
	uint32		added = 0;

	f.shape = shape;
	f.tid = tid;
	f.doc = doc;
	f.first = true;
	LockPage(index, PGR_INV_FRAGMENTS_LOCK, ShareLock);
	while (!f.done)
	{
		CHECK_FOR_INTERRUPTS();
		find_tail(index, &tail);
		if (!BlockNumberIsValid(tail.block) ||
			!add_fragment(index, tail.block, tail.generation, &f))
		{
			make_room(index, &tail, &f);
			added++;
		}
	}
	UnlockPage(index, PGR_INV_FRAGMENTS_LOCK, ShareLock);
	*size = tail.size;
	size->added = added;
}

/* --- closing -------------------------------------------------------------------- */

/*
 * Makes the used extents final, in one record of the metapage, which is exclusively
 * locked for it; *end and *unused: what the last one does not use. The fragments lock
 * is held exclusively, so nobody is between two fragments. false: nothing is there.
 */
static bool
close_extents(Relation index, BlockNumber *end, uint32 *unused)
{
	PgrWalBatch batch;
	PgrInvMetaPage *meta;
	PgrPendingExtent *last;
	uint32		n;

	*unused = 0;
	pgr_wal_begin(&batch, index, false);
	meta = pgr_inv_meta_add(&batch, index);
	n = meta->npending;
	while (n > meta->nclosed && meta->pending[n - 1].used == 0)
		n--;
	if (n == meta->nclosed)
	{
		pgr_wal_abort(&batch);
		return false;
	}
	last = &meta->pending[n - 1];
	/* unused extents after it stay open, and have its generation */
	if (n == meta->npending)
	{
		*end = last->start + last->count;
		*unused = last->count - last->used;
		last->count = last->used;
	}
	meta->nclosed = n;
	pgr_wal_commit(&batch);
	return true;
}

/*
 * Waits for inserts that are putting a document, one document each. Unused pages are
 * given back under the space lock alone.
 */
bool
pgr_pending_close(Relation index)
{
	BlockNumber end;
	uint32		unused;
	bool		closed;

	LockPage(index, PGR_INV_FRAGMENTS_LOCK, ExclusiveLock);
	closed = close_extents(index, &end, &unused);
	UnlockPage(index, PGR_INV_FRAGMENTS_LOCK, ExclusiveLock);

	/* nobody looks at pages that were not used, so they are free at once */
	if (closed && unused > 0)
		pgr_space_trim(index, end, unused, false);
	return closed;
}
