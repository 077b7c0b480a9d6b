/*
 * inv_pending_read.c
 *		Searching the pending area, and marking its dead documents.
 *
 * A search looks at every pending page: for each record it compares the hashes
 * of the record's terms with those of the query's (both arrays of uint32), and
 * looks closer only where one is equal. Pages are copied under a share lock and
 * decoded without it.
 *
 * Fragments of documents that are put at the same time interleave, so a reader keeps
 * account of those it has seen the first fragment of and not the last (OpenDoc). In
 * format version 1 the last is not marked, and documents stay open to the end.
 *
 * Locks: a share lock of each page while it is copied; VACUUM locks pages with something
 * to mark exclusively. Memory: what is wanted of documents, within the budget; or one
 * document at a time. Errors: XX002 for a record that cannot be, found before it is
 * followed.
 */
#include "postgres.h"

#include "base/varint.h"
#include "inverted/inv_kind.h"
#include "inverted/inv_pending.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * A document of which more fragments may come: its first fragment has been seen and
 * its last has not. It is known by tid and by being dead or not, since VACUUM marks
 * all fragments of a document that are there, and may free the tid for another row's
 * document while those marked are still in the area.
 */
typedef struct OpenDoc
{
	ItemPointerData tid;
	bool		dead;
	MemoryContext context;		/* of doc, when documents are handed over one by one */
	PgrPendingDoc *doc;			/* then; NULL: none of its terms is wanted, so far */
	uint32		number;			/* in out->docs, when they are collected; NO_NUMBER: none */
} OpenDoc;

#define NO_NUMBER PG_UINT32_MAX

/*
 * One pass over the area, which either collects documents (out is set) or hands them
 * over (callback is set). All arrays are in the context that was current when the
 * pass began, but for `open` while documents are collected, which goes with
 * out->context.
 */
typedef struct Reader
{
	Relation	index;
	const PgrSegShape *shape;
	const PgrInvKind *kind;
	const PgrLexTerm *terms;	/* wanted; NULL: all */
	int			nterms;
	uint32	   *hashes;			/* of terms */
	PgrPendingEnd *end;			/* of the area for this reader, or NULL */
	OpenDoc    *open;
	int			nopen;
	int			open_size;
	bool		complete_only;	/* take up no further documents */

	/* collecting */
	PgrPendingDocs *out;
	uint32		size;			/* of out->docs */

	/* handing over */
	PgrPendingCallback callback;
	void	   *arg;
	MemoryContext scratch;		/* of a document that is one fragment */
} Reader;

/* Raises XX002 with a hint to REINDEX. The page is a copy, nothing is locked. */
PGR_NORETURN
static void
record_corrupt(Relation index, BlockNumber block)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" has a malformed pending record at block %u",
					RelationGetRelationName(index), block),
			 errhint("Please REINDEX it.")));
}

/*
 * True if one of the record's terms may be wanted, by its hash; all are if the pass
 * wants all. n hashes, all within the record.
 */
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

/*
 * True if it is one of the query's terms. Hashes first: most terms of a record are
 * not. The bytes then decide, since two terms may share a 32-bit hash.
 */
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

/*
 * Makes *d a document without terms, from its first fragment, or, where that held no
 * wanted term, from a later one: lengths and hash stand in each. Allocates nothing.
 */
static void
init_doc(const Reader *r, PgrPendingDoc *d, const PgrPendingRecord *rec)
{
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
}

/*
 * One more document of those that are collected; returns its number in out->docs,
 * which grows in out->context, the current one. Documents move when it grows, hence
 * numbers.
 */
static uint32
collect_doc(Reader *r, const PgrPendingRecord *rec)
{
	PgrPendingDocs *out = r->out;

	if (out->n == r->size)
	{
		r->size = Max(r->size * 2, 64);
		out->docs = out->docs ? repalloc_huge(out->docs, mul_size(r->size, sizeof(PgrPendingDoc)))
			: palloc(r->size * sizeof(PgrPendingDoc));
	}
	init_doc(r, &out->docs[out->n], rec);
	return out->n++;
}

/*
 * Counts a document by its first fragment. Every document of the area counts in the
 * statistics, wanted or not, dead or not, as in segments, where the dead count until
 * a merge: so a VACUUM during a transaction changes no score.
 */
static void
count_doc(Reader *r, const PgrPendingRecord *rec)
{
	const uint32 *lengths = (const uint32 *) (rec + 1);

	if (rec->flags & PGR_PENDING_DEAD)
		r->out->ndead++;
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
 * Room for one more term of a document: the terms array doubles at powers of two,
 * field_tf with it, both in the current memory context, which is the document's.
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

/*
 * Adds occurrences of an entry to a term, in the current memory context; *p is
 * advanced. false: malformed: too many for the bytes there are, out of order, or of a
 * field that the index does not have.
 */
static bool
read_occurrences(Reader *r, PgrLexDoc *doc, PgrLexTerm *t, uint32 n,
				 const uint8 **p, const uint8 *end)
{
	uint32		x,
				last = 0;

	/* an occurrence takes a byte at least */
	if (r->shape->positions && n > end - *p)
		return false;
	if (r->shape->positions)
	{
		t->occ = t->occ ? repalloc_huge(t->occ, mul_size(t->tf + n, sizeof(uint32)))
			: palloc(mul_size(Max(n, 1), sizeof(uint32)));
		for (uint32 i = 0; i < n; i++)
		{
			if ((*p = pgr_varint_get32(*p, end, &x)) == NULL)
				return false;
			if (x > PG_UINT32_MAX - last || PGR_OCC_FIELD(last + x) >= r->shape->nfields)
				return false;
			last += x;
			t->occ[t->tf + i] = last;
			if (r->shape->nfields > 1)
				doc->field_tf[t->first_field_tf + PGR_OCC_FIELD(last)]++;
		}
	}
	else if (r->shape->nfields > 1)
	{
		for (int f = 0; f < r->shape->nfields; f++)
		{
			if ((*p = pgr_varint_get32(*p, end, &x)) == NULL)
				return false;
			doc->field_tf[t->first_field_tf + f] += x;
		}
	}
	t->tf += n;
	return true;
}

/*
 * Steps over n occurrences, or an entry's field frequencies; the byte behind them,
 * NULL if they run over the end.
 */
static const uint8 *
skip_occurrences(Reader *r, uint32 n, const uint8 *p, const uint8 *end)
{
	uint32		skip = 0,
				x;

	if (r->shape->positions)
		skip = n;
	else if (r->shape->nfields > 1)
		skip = r->shape->nfields;
	while (skip-- > 0 && p)
		p = pgr_varint_get32(p, end, &x);
	return p;
}

/*
 * True if a term of that kind can have so many bytes, and such a weight or number of
 * occurrences. What is stored is not believed.
 */
static inline bool
entry_fits(const Reader *r, uint32 len, uint32 n)
{
	return len >= r->kind->least_term && len <= r->kind->most_term &&
		n > 0 && n <= r->kind->most_weight;
}

/*
 * How many of a record's n terms there are up to the last one that may be wanted:
 * those behind it need not be decoded.
 */
static uint32
terms_to_read(const Reader *r, const uint32 *hashes, uint32 n)
{
	if (r->terms == NULL)
		return n;
	for (; n > 0; n--)
	{
		for (int q = 0; q < r->nterms; q++)
		{
			if (hashes[n - 1] == r->hashes[q])
				return n;
		}
	}
	return 0;
}

/*
 * Reads the wanted terms of one record into a document, in the current memory
 * context, which must be the document's. The page is a private copy; bytes of terms
 * are copied out of it, since it is reused. false: malformed, with nothing read past
 * the record's end; *d is then of no use.
 */
static bool
read_terms(Reader *r, const PgrPendingRecord *rec, PgrPendingDoc *d)
{
	const uint32 *hashes = (const uint32 *)
		((const char *) rec + pgr_pending_header_size(r->shape));
	const uint8 *p = (const uint8 *) (hashes + rec->nterms);
	const uint8 *end = (const uint8 *) rec + rec->size;
	uint32		nterms = terms_to_read(r, hashes, rec->nterms);

	for (uint32 i = 0; i < nterms; i++)
	{
		PgrLexDoc  *doc = &d->doc;
		PgrLexTerm *t;
		uint32		len,
					n;
		const char *bytes;

		if ((p = pgr_varint_get32(p, end, &len)) == NULL || len > end - p)
			return false;
		bytes = (const char *) p;
		if ((p = pgr_varint_get32(p + len, end, &n)) == NULL || !entry_fits(r, len, n))
			return false;
		/* by their hashes searches pass records over */
		if (r->terms == NULL && hashes[i] != pgr_pending_hash(bytes, len))
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
		else if (!r->shape->positions)
			return false;		/* only occurrences go on */
		if (!read_occurrences(r, doc, t, n, &p, end))
			return false;
	}
	return true;
}

/*
 * The open document that a fragment belongs to, or NULL: the last one with its tid,
 * dead or not as it is. A tid that vacuum condemned may be in use again. A walk from
 * the latest back: few are open at a time.
 */
static OpenDoc *
find_open(Reader *r, const PgrPendingRecord *rec)
{
	bool		dead = (rec->flags & PGR_PENDING_DEAD) != 0;

	for (int i = r->nopen; i-- > 0;)
	{
		if (r->open[i].dead == dead &&
			ItemPointerEquals(&r->open[i].tid, unconstify(ItemPointerData *, &rec->tid)))
			return &r->open[i];
	}
	return NULL;
}

/*
 * Notes a document of which more fragments will come. The array grows in the current
 * memory context; the result is valid until the next call.
 */
static OpenDoc *
add_open(Reader *r, const PgrPendingRecord *rec)
{
	OpenDoc    *o;

	if (r->nopen == r->open_size)
	{
		r->open_size = Max(r->open_size * 2, 16);
		r->open = r->open ? repalloc_huge(r->open, mul_size(r->open_size, sizeof(OpenDoc)))
			: palloc(r->open_size * sizeof(OpenDoc));
	}
	o = &r->open[r->nopen++];
	memset(o, 0, sizeof(*o));
	o->tid = rec->tid;
	o->dead = (rec->flags & PGR_PENDING_DEAD) != 0;
	o->number = NO_NUMBER;
	return o;
}

/*
 * The document is whole, or as whole as it gets: hands it over, frees its memory. The
 * last open document takes its place, so pointers to others are stale.
 */
static void
close_open(Reader *r, OpenDoc *o)
{
	if (o->doc)
		r->callback(r->arg, o->doc);
	if (o->context)
		MemoryContextDelete(o->context);
	*o = r->open[--r->nopen];
}

/*
 * True if a fragment may have anything that is wanted. A NULL row has no terms, and
 * is wanted only by who wants all.
 */
static bool
fragment_wanted(const Reader *r, const PgrPendingRecord *rec, const uint32 *hashes)
{
	if (r->terms == NULL)
		return true;
	return (rec->flags & PGR_PENDING_NULL) == 0 && record_wanted(r, hashes, rec->nterms);
}

/*
 * Collects what is wanted of a fragment; o: its open document, NULL if it is whole.
 * false: malformed.
 */
static bool
collect_fragment(Reader *r, const PgrPendingRecord *rec, OpenDoc *o)
{
	uint32		number = o ? o->number : NO_NUMBER;

	/* the first fragments may have held no wanted term */
	if (number == NO_NUMBER)
		number = collect_doc(r, rec);
	if (o)
		o->number = number;
	return read_terms(r, rec, &r->out->docs[number]);
}

/*
 * Hands over a fragment's document, if it is whole, out of the scratch context, which
 * is then reset; or adds to the open document in its own context, which close_open
 * frees. The callback must copy what it keeps. false: malformed.
 */
static bool
hand_over_fragment(Reader *r, const PgrPendingRecord *rec, OpenDoc *o)
{
	MemoryContext context = r->scratch;
	MemoryContext old;
	PgrPendingDoc *d = o ? o->doc : NULL;
	bool		good;

	if (o && o->context == NULL)
		o->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve pending document",
										   ALLOCSET_SMALL_SIZES);
	if (o)
		context = o->context;
	old = MemoryContextSwitchTo(context);
	if (d == NULL)
	{
		d = palloc(sizeof(PgrPendingDoc));
		init_doc(r, d, rec);
	}
	good = read_terms(r, rec, d);
	MemoryContextSwitchTo(old);
	if (o)
		o->doc = d;
	else
	{
		if (good)
			r->callback(r->arg, d);
		MemoryContextReset(r->scratch);
	}
	return good;
}

/*
 * One fragment. Counts documents by their first fragments; collects or hands over what
 * is wanted. false: malformed. o is open until the last fragment has been seen, so
 * that fragments of others in between do not matter.
 */
static bool
read_record(Reader *r, const PgrPendingRecord *rec)
{
	const uint32 *hashes = (const uint32 *)
		((const char *) rec + pgr_pending_header_size(r->shape));
	bool		first = (rec->flags & PGR_PENDING_FIRST) != 0;
	bool		last = (rec->flags & (PGR_PENDING_LAST | PGR_PENDING_NULL)) != 0;
	OpenDoc    *o = NULL;
	bool		good;

	if (first && r->complete_only)
		return true;
	if (first && r->out)
		count_doc(r, rec);
	if (r->out && !r->out->held)
		return true;
	if (!first)
	{
		/* of a document that a seal has taken whole: see PGR_PENDING_FIRST */
		o = find_open(r, rec);
		if (o == NULL)
			return true;
	}
	else if (!last)
		o = add_open(r, rec);
	good = !fragment_wanted(r, rec, hashes) ? true :
		r->callback ? hand_over_fragment(r, rec, o) : collect_fragment(r, rec, o);
	if (o && last && good)
		close_open(r, o);
	return good;
}

/*
 * Reads the records of one page, from a copy: the page is share-locked while it is
 * copied and not while records are decoded, so callbacks may do as they like.
 * generation: of its extent, which the page must have: pgr_page_copy raises where it
 * has been recycled. last: it is the area's last page, where *r->end is set or
 * obeyed, so that a view read twice sees the same records though others were added
 * behind. Raises XX002 for a record that does not fit. Interruptible.
 */
static void
read_page(Reader *r, BlockNumber block, uint32 generation, bool last)
{
	PGAlignedBlock copy;
	char	   *data = PgrPageGetData(copy.data);
	uint32		used,
				at = 0;

	CHECK_FOR_INTERRUPTS();
	pgr_page_copy(r->index, block, PGR_PAGE_PENDING, generation, copy.data);
	used = PgrPageGetUsed(copy.data);
	if (r->end != NULL && r->end->block == block)
		used = Min(used, r->end->used);
	else if (r->end != NULL && last)
		*r->end = (PgrPendingEnd) {block, used};
	while (at < used)
	{
		PgrPendingRecord *rec = (PgrPendingRecord *) (data + at);
		Size		least = pgr_pending_header_size(r->shape);

		if (used - at < least || rec->size > used - at || rec->size % sizeof(uint32) != 0 ||
			!ItemPointerIsValid(&rec->tid) ||
			ItemPointerGetBlockNumberNoCheck(&rec->tid) == InvalidBlockNumber ||
			rec->nterms > PGR_PAGE_CAPACITY / sizeof(uint32) ||
			rec->size < least + rec->nterms * sizeof(uint32) ||
			!read_record(r, rec))
			record_corrupt(r->index, block);
		at += rec->size;
	}
}

/*
 * Sets up a pass over an area. Hashes of the terms are computed once, in the current
 * memory context.
 */
static void
begin_reading(Reader *r, const PgrPendingArea *area)
{
	memset(r, 0, sizeof(*r));
	r->index = area->index;
	r->shape = area->shape;
	r->kind = area->kind;
	r->end = area->end;
	r->terms = area->terms;
	r->nterms = area->nterms;
	if (r->terms)
	{
		r->hashes = palloc(Max(r->nterms, 1) * sizeof(uint32));
		for (int i = 0; i < r->nterms; i++)
			r->hashes[i] = pgr_pending_hash(r->terms[i].bytes, r->terms[i].len);
	}
}

/*
 * The number of extents up to the last one with a page in use; those behind it are
 * empty.
 */
static int
used_extents(const PgrPendingArea *area)
{
	int			n = area->nextents;

	while (n > 0 && area->extents[n - 1].used == 0)
		n--;
	return n;
}

/*
 * Frees all documents that were collected: from here on they are only counted. The
 * hashes of terms, which are in another context, stay.
 */
static void
give_up_holding(Reader *r)
{
	MemoryContextReset(r->out->context);
	r->out->held = false;
	r->out->n = 0;
	r->out->docs = NULL;
	r->nopen = r->open_size = 0;
	r->open = NULL;
}

/*
 * Contract in inverted.h. Pages are copied one by one under a share lock. Beyond the
 * budget documents are given up and counting goes on, for statistics need the counts;
 * who wants documents then streams them.
 */
void
pgr_pending_read(const PgrPendingArea *area, Size budget, PgrPendingDocs *out)
{
	Reader		r;
	int			nextents = used_extents(area);
	MemoryContext old;

	begin_reading(&r, area);
	memset(out, 0, sizeof(*out));
	out->held = true;
	if (nextents == 0)
		return;
	out->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve pending documents",
										 ALLOCSET_DEFAULT_SIZES);
	r.out = out;
	old = MemoryContextSwitchTo(out->context);
	for (int i = 0; i < nextents; i++)
	{
		const PgrPendingExtent *e = &area->extents[i];

		for (uint32 page = 0; page < e->used; page++)
		{
			read_page(&r, e->start + page, e->generation,
					  i == nextents - 1 && page == e->used - 1);
			if (budget > 0 && out->held &&
				MemoryContextMemAllocated(out->context, true) > budget)
				give_up_holding(&r);
		}
	}
	MemoryContextSwitchTo(old);
}

/*
 * Contract in inverted.h. Goes on behind the first npages only as long as a document
 * is open, and takes up no new one there. What is allocated is freed before the
 * return.
 */
void
pgr_pending_stream(const PgrPendingArea *area, uint32 npages,
				   PgrPendingCallback callback, void *arg)
{
	Reader		r;
	int			nextents = used_extents(area);

	begin_reading(&r, area);
	r.callback = callback;
	r.arg = arg;
	r.scratch = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve pending document",
									  ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < nextents; i++)
	{
		const PgrPendingExtent *e = &area->extents[i];

		for (uint32 page = 0; page < e->used; page++)
		{
			r.complete_only = npages == 0;
			if (npages > 0)
				npages--;
			else if (r.nopen == 0)
				break;
			read_page(&r, e->start + page, e->generation,
					  i == nextents - 1 && page == e->used - 1);
		}
	}
	/* whoever put these failed between two fragments, or they are of format version 1 */
	while (r.nopen > 0)
		close_open(&r, &r.open[r.nopen - 1]);
	MemoryContextDelete(r.scratch);
}

/* --- vacuum ---------------------------------------------------------------------- */

/*
 * True if the page, a copy, has a record to mark. *live grows by the documents that
 * stay. Asks callback(tid) of each record that is not marked yet. Raises XX002 if
 * records do not fit the page.
 */
static bool
page_has_dead(Relation index, BlockNumber block, Page page, IndexBulkDeleteCallback callback,
			  void *arg, uint64 *live)
{
	char	   *data = PgrPageGetData(page);
	uint32		used = PgrPageGetUsed(page);
	bool		found = false;

	for (uint32 at = 0; at < used;)
	{
		PgrPendingRecord *rec = (PgrPendingRecord *) (data + at);

		if (used - at < sizeof(PgrPendingRecord) || rec->size < sizeof(PgrPendingRecord) ||
			rec->size > used - at || !ItemPointerIsValid(&rec->tid))
			record_corrupt(index, block);
		if ((rec->flags & PGR_PENDING_DEAD) == 0)
		{
			if (callback(&rec->tid, arg))
				found = true;
			else if (rec->flags & PGR_PENDING_FIRST)
				(*live)++;
		}
		at += rec->size;
	}
	return found;
}

/*
 * Marks condemned records of a page, which is exclusively locked meanwhile, and logs
 * it in one WAL record. Records may have been added since page_has_dead looked: the
 * callback is asked again for all. It is VACUUM's look into memory, so no lock is
 * held long. The size of records is not checked again: page_has_dead raised where
 * they did not fit, and records only come behind those. Returns how many documents,
 * not fragments.
 */
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
		at += rec->size;
	}
	pgr_wal_commit(&batch);
	return n;
}

/*
 * Contract in inverted.h. The seal lock is held by the caller: no document moves to a
 * segment meanwhile. Pages are looked at as copies and locked only if something is
 * dead. Interruptible between pages; a page that is marked stays so.
 */
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
			if (page_has_dead(index, block, copy.data, callback, arg, live))
				removed += mark_dead(index, block, callback, arg);
		}
	}
	return removed;
}
