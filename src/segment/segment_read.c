/*
 * segment_read.c
 *		Opening segments; the directory of documents; looking at sections.
 *
 * A segment's pages are immutable but for the dead bitmap, whose bits go from 0
 * to 1 while others look at them without a lock: a reader sees the old or the
 * new bit, and the heap has the last word on visibility either way.
 *
 * Memory: the segment and the list of its extents, in the context that is current when
 * it is opened. Pins: a page for each column, for each level of the dictionary, and what
 * cursors hold; all are let go by pgr_segment_close, or by the resource owner after an
 * error. Locks: a share lock for a moment when a page is copied.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "segment/segment_read.h"

PgrSegCounters pgr_seg_counters;

/*
 * Raises XX002 with the index's name; a temporary segment, which no damage can reach
 * but a bug's, may have none. `what` is a clause in lower case, shown as detail.
 */
void
pgr_segment_corrupt(PgrSegment *seg, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" has a damaged segment",
					seg->rel ? RelationGetRelationName(seg->rel) : ""),
			 errdetail("Segment %u: %s.", seg->desc.generation, what),
			 errhint("Please REINDEX it.")));
}

/*
 * A page of the segment through a view, which keeps it pinned until the view looks
 * elsewhere. The run copies pages that must not stay pinned into the current memory
 * context, hence the switch to the segment's, which lives as long as the view.
 */
const char *
pgr_segment_look_slow(PgrSegment *seg, PgrRunView *view, uint32 page)
{
	MemoryContext old = MemoryContextSwitchTo(seg->context);
	const char *data = pgr_run_look(seg->run, view, page);

	MemoryContextSwitchTo(old);
	return data;
}

/* --- streams --- */

/* A stream of numbers of one section; looks at nothing yet. *s is the caller's. */
void
pgr_stream_init(PgrStream *s, PgrSegment *seg, PgrSegSection section)
{
	static const PgrRunView empty = PGR_RUN_VIEW_INIT;

	memset(s, 0, sizeof(PgrStream));
	s->seg = seg;
	s->section = section;
	s->view = empty;
}

/*
 * Goes to a byte of the section, by its page; also how a stream goes to its next
 * page: numbers may lie across two. Interruptible, once a page. Raises XX002 beyond
 * the section's end.
 */
void
pgr_stream_seek(PgrStream *s, uint64 offset)
{
	const PgrSectionLoc *loc = &s->seg->header.sections[s->section];
	uint32		at = offset % PGR_PAGE_CAPACITY;
	const char *data;

	CHECK_FOR_INTERRUPTS();
	s->offset = offset;
	if (offset >= loc->items)
		pgr_segment_corrupt(s->seg, "a stream ends too early");
	data = pgr_segment_look(s->seg, &s->view, loc->start + (uint32) (offset / PGR_PAGE_CAPACITY));
	if (at >= s->view.used)
		pgr_segment_corrupt(s->seg, "a page of a stream is not full");
	s->p = (const uint8 *) data + at;
	s->end = (const uint8 *) data + s->view.used;
}

/*
 * The number at the stream's place, which is moved behind it. Byte by byte: the page
 * may end anywhere. Raises XX002 for one of more than ten bytes.
 */
uint64
pgr_stream_varint(PgrStream *s)
{
	uint64		v = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8		byte;

		if (s->p == s->end)
			pgr_stream_seek(s, s->offset);
		byte = *s->p++;
		s->offset++;
		v |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	pgr_segment_corrupt(s->seg, "a number is too long");
}

/* Lets go of the page; the stream may be sought again. */
void
pgr_stream_release(PgrStream *s)
{
	pgr_run_release(&s->view);
	s->p = s->end = NULL;
}

/* --- opening --- */

/*
 * Bytes of a section's records; 0: items are not records that fill pages one after
 * the other (postings, dictionary pages).
 */
static uint32
record_size(const PgrSegShape *shape, PgrSegSection section)
{
	switch (section)
	{
		case PGR_SECT_NORMS:
		case PGR_SECT_LENGTHS:
		case PGR_SECT_DEAD:
		case PGR_SECT_POSITIONS:
		case PGR_SECT_FREQS:
			return 1;
		case PGR_SECT_FIELD_NORMS:
			return Max(shape->nfields, 1);
		case PGR_SECT_TIDS:
			return sizeof(ItemPointerData);
		case PGR_SECT_HASHES:
		case PGR_SECT_POSITION_DIR:
		case PGR_SECT_FREQ_DIR:
			return sizeof(uint64);
		case PGR_SECT_SKIPS:
			return sizeof(PgrSkip);
		case PGR_SECT_SUPERS:
			return sizeof(PgrSuper);
		default:
			return 0;
	}
}

/*
 * How many records a section must have by the header's counts and the index's shape;
 * PG_UINT64_MAX: any number.
 */
static uint64
records_expected(const PgrSegment *seg, PgrSegSection section)
{
	const PgrSegHeader *h = &seg->header;
	uint64		rows = (uint64) h->ndocs + h->nnulls;

	switch (section)
	{
		case PGR_SECT_NORMS:
			return seg->shape.norms ? h->ndocs : 0;
		case PGR_SECT_FIELD_NORMS:
			return seg->shape.norms && seg->shape.nfields > 1 ? h->ndocs : 0;
		case PGR_SECT_TIDS:
			return rows;
		case PGR_SECT_HASHES:
			return seg->shape.hashes ? h->ndocs : 0;
		case PGR_SECT_DEAD:
			return (rows + 7) / 8;
		case PGR_SECT_LEAVES:
		case PGR_SECT_INNER:
			return h->sections[section].npages;
		default:
			return PG_UINT64_MAX;
	}
}

/*
 * Raises XX002 unless sections lie inside the segment and have the pages that their
 * records need. After it a record's page follows from its number, without a further
 * test.
 */
static void
check_sections(PgrSegment *seg)
{
	const PgrSegHeader *h = &seg->header;

	for (int i = 0; i < PGR_SECT_COUNT; i++)
	{
		const PgrSectionLoc *loc = &h->sections[i];
		uint64		expected = records_expected(seg, i);
		uint32		record = record_size(&seg->shape, i);
		uint32		per_page = record ? PGR_PAGE_CAPACITY / record : 0;

		if ((uint64) loc->start + loc->npages > h->npages || (loc->npages > 0 && loc->start == 0))
			pgr_segment_corrupt(seg, "a section lies beyond its end");
		if (expected != PG_UINT64_MAX && loc->items != expected)
			pgr_segment_corrupt(seg, "a section has another number of records than there are rows");
		if (record > 0 && (loc->items > (uint64) loc->npages * per_page ||
						   loc->npages != (loc->items + per_page - 1) / per_page))
			pgr_segment_corrupt(seg, "a section has other pages than its records need");
	}
}

/*
 * What the first page says must go with the metapage's descriptor and the index's
 * shape; else every later look would be in the wrong place. `used`: bytes of the page.
 * Raises XX002, or 0A000 for a version that this library does not read.
 */
static void
check_header(PgrSegment *seg, uint32 used)
{
	const PgrSegHeader *h = &seg->header;
	uint64		inner = 0;

	if (used < sizeof(PgrSegHeader) || h->magic != PGR_SEG_MAGIC)
		pgr_segment_corrupt(seg, "its first page is no segment header");
	if (h->version != PGR_SEG_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index segment has version %u, this library reads version %u",
						h->version, PGR_SEG_VERSION),
				 errhint("Please REINDEX it.")));
	if (h->ndocs != seg->desc.ndocs || h->nnulls != seg->desc.nnulls)
		pgr_segment_corrupt(seg, "its header and its index's metapage disagree");
	if (h->nfields != seg->shape.nfields ||
		(h->flags & PGR_SEG_HAS_NORMS) != (seg->shape.norms ? PGR_SEG_HAS_NORMS : 0) ||
		(h->flags & PGR_SEG_HAS_HASHES) != (seg->shape.hashes ? PGR_SEG_HAS_HASHES : 0) ||
		(h->flags & PGR_SEG_HAS_POSITIONS) != (seg->shape.positions ? PGR_SEG_HAS_POSITIONS : 0))
		pgr_segment_corrupt(seg, "its shape is not that of the index");
	if (h->nlevels > PGR_DICT_MAX_LEVELS)
		pgr_segment_corrupt(seg, "its dictionary has too many levels");
	for (uint32 i = 0; i < h->nlevels; i++)
		inner += h->level_pages[i];
	if (inner != h->sections[PGR_SECT_INNER].npages)
		pgr_segment_corrupt(seg, "its dictionary has pages of no level");
	check_sections(seg);
}

/*
 * The extents listed in the header page (image) and its overflow pages, palloc'd in
 * the segment's memory context. Read by block number, because the map that would
 * translate is being made here. Raises XX002 where they are not in the file or add up
 * to another number of pages; overflow pages are bounded by the number of extents,
 * each adding one at least.
 */
static PgrRunMap *
read_map(PgrSegment *seg, const char *image)
{
	const PgrSegHeader *h = &seg->header;
	PgrRunMap  *map = palloc0(sizeof(PgrRunMap));
	BlockNumber next = h->overflow;
	uint32		done = h->nextents_here;
	uint64		pages = 0;
	PGAlignedBlock page;

	map->generation = seg->desc.generation;
	map->kind = PGR_PAGE_SEGMENT;
	map->npages = h->npages;
	map->nextents = h->nextents;
	if (h->npages != seg->desc.npages || h->npages > RelationGetNumberOfBlocks(seg->rel))
		pgr_segment_corrupt(seg, "it has another number of pages");
	if (h->nextents > h->npages || done > h->nextents || done > PGR_SEG_HEADER_EXTENTS)
		pgr_segment_corrupt(seg, "its list of extents is damaged");
	map->extents = palloc(mul_size(Max(h->nextents, 1), sizeof(PgrExtent)));
	memcpy(map->extents, image + sizeof(PgrSegHeader), done * sizeof(PgrExtent));
	while (done < h->nextents && next != InvalidBlockNumber)
	{
		PgrSegOverflow *head = (PgrSegOverflow *) PgrPageGetData(page.data);

		pgr_page_copy(seg->rel, next, PGR_PAGE_SEGMENT, map->generation, page.data);
		if (head->nextents == 0 || head->nextents > PGR_SEG_OVERFLOW_EXTENTS ||
			head->nextents > h->nextents - done)
			pgr_segment_corrupt(seg, "its list of extents is damaged");
		memcpy(map->extents + done, head + 1, head->nextents * sizeof(PgrExtent));
		done += head->nextents;
		next = head->next;
	}
	for (uint32 i = 0; i < done; i++)
	{
		if (map->extents[i].count == 0)
			pgr_segment_corrupt(seg, "its list of extents is damaged");
		pgr_block_check(seg->rel, map->extents[i].start, map->extents[i].count);
		pages += map->extents[i].count;
	}
	if (done != h->nextents || pages != h->npages)
		pgr_segment_corrupt(seg, "its list of extents is damaged");
	return map;
}

/*
 * Sets up a column of records of `record` bytes; its view is empty until the first
 * look.
 */
static void
column_init(PgrColumn *c, PgrSegSection section, uint32 record)
{
	static const PgrRunView empty = PGR_RUN_VIEW_INIT;

	c->view = empty;
	c->section = section;
	c->record = record;
	c->per_page = PGR_PAGE_CAPACITY / record;
}

/*
 * A segment in the current memory context, which becomes the segment's: it must live
 * until pgr_segment_close. Nothing is read.
 */
static PgrSegment *
segment_new(Relation rel, const PgrSegDesc *desc, const PgrSegShape *shape)
{
	static const PgrRunView empty = PGR_RUN_VIEW_INIT;
	PgrSegment *seg = palloc0(sizeof(PgrSegment));

	seg->rel = rel;
	seg->context = CurrentMemoryContext;
	seg->desc = *desc;
	seg->shape = *shape;
	column_init(&seg->norms, PGR_SECT_NORMS, 1);
	column_init(&seg->field_norms, PGR_SECT_FIELD_NORMS, Max(shape->nfields, 1));
	column_init(&seg->tids, PGR_SECT_TIDS, sizeof(ItemPointerData));
	column_init(&seg->hashes, PGR_SECT_HASHES, sizeof(uint64));
	column_init(&seg->dead, PGR_SECT_DEAD, 1);
	for (int i = 0; i < lengthof(seg->dict_views); i++)
		seg->dict_views[i] = empty;
	return seg;
}

/*
 * Contract in segment.h. Copies the first page under a share lock. Nothing stays
 * pinned until somebody looks. Raises XX002 for damage, 0A000 for another version,
 * and what pgr_page_copy raises where the page has been recycled.
 */
PgrSegment *
pgr_segment_open(Relation rel, const PgrSegDesc *desc, const PgrSegShape *shape)
{
	PgrSegment *seg = segment_new(rel, desc, shape);
	PGAlignedBlock page;

	pgr_page_copy(rel, desc->root, PGR_PAGE_SEGMENT, desc->generation, page.data);
	memcpy(&seg->header, PgrPageGetData(page.data), sizeof(PgrSegHeader));
	check_header(seg, PgrPageGetUsed(page.data));
	seg->map = read_map(seg, PgrPageGetData(page.data));
	seg->run = pgr_run_open(rel, seg->map);
	return seg;
}

/*
 * Contract in segment.h. Its pages are this backend's, or a worker's that has ended,
 * so nobody changes them. The map must outlive the segment.
 */
PgrSegment *
pgr_segment_open_map(Relation rel, const PgrSegDesc *desc, const PgrSegShape *shape,
					 const PgrRunMap *map)
{
	PgrSegment *seg = segment_new(rel, desc, shape);
	PgrRunView	view = PGR_RUN_VIEW_INIT;

	seg->map = map;
	seg->run = pgr_run_open(rel, map);
	memcpy(&seg->header, pgr_run_look(seg->run, &view, 0), sizeof(PgrSegHeader));
	check_header(seg, view.used);
	pgr_run_release(&view);
	return seg;
}

/*
 * Lets go of all views' pins and frees the segment, though not its list of extents,
 * which goes with the context. Cursors are closed before.
 */
void
pgr_segment_close(PgrSegment *seg)
{
	pgr_run_release(&seg->norms.view);
	pgr_run_release(&seg->field_norms.view);
	pgr_run_release(&seg->tids.view);
	pgr_run_release(&seg->hashes.view);
	pgr_run_release(&seg->dead.view);
	for (int i = 0; i < lengthof(seg->dict_views); i++)
		pgr_run_release(&seg->dict_views[i]);
	pgr_run_close(seg->run);
	pfree(seg);
}

/* As the metapage listed it when the segment was opened: ndead may be higher by now. */
const PgrSegDesc *
pgr_segment_desc(const PgrSegment *seg)
{
	return &seg->desc;
}

/*
 * The map that the caller of pgr_segment_open_map gave, or the segment's own; valid
 * as long as that.
 */
const PgrRunMap *
pgr_segment_map(const PgrSegment *seg)
{
	return seg->map;
}

/* --- directory --- */

/*
 * Record i, in its page, by the column's own view: columns are looked at side by
 * side. Valid until the column's next look. Raises XX002 for a number beyond its end,
 * which a damaged posting may hold.
 */
static const void *
column_record(PgrSegment *seg, PgrColumn *c, uint64 i)
{
	const PgrSectionLoc *loc = &seg->header.sections[c->section];

	if (unlikely(i >= loc->items))
		pgr_segment_corrupt(seg, "a document that it does not have is referred to");
	return pgr_segment_look(seg, &c->view, loc->start + (uint32) (i / c->per_page)) +
		i % c->per_page * c->record;
}

/*
 * The norm of a document that is not on the page looked at last; makes its page the
 * one that the inline function looks at. hot is empty while the look may raise, so
 * that it never refers to a page that is not pinned.
 */
uint8
pgr_segment_norm_slow(PgrSegment *seg, uint32 doc)
{
	const uint8 *at;
	uint32		i = doc % seg->norms.per_page;

	if (!seg->shape.norms)
		return 0;
	seg->hot.norms_n = 0;		/* in case of an error below */
	at = column_record(seg, &seg->norms, doc);
	seg->hot.norms = at - i;
	seg->hot.norms_first = doc - i;
	seg->hot.norms_n = Min(seg->norms.per_page, seg->header.ndocs - (doc - i));
	return *at;
}

/* False of a merge of segments whose tids interleave. */
bool
pgr_segment_sorted(const PgrSegment *seg)
{
	return (seg->header.flags & PGR_SEG_UNSORTED) == 0;
}

/*
 * As pgr_segment_norm_slow, of the dead bitmap: a bit may be set meanwhile, which
 * does not matter.
 */
bool
pgr_segment_dead_slow(PgrSegment *seg, uint32 doc)
{
	uint32		byte = doc / 8 % seg->dead.per_page;
	const uint8 *at;

	seg->hot.dead_n = 0;
	at = column_record(seg, &seg->dead, doc / 8);
	seg->hot.dead = at - byte;
	seg->hot.dead_first = (doc / 8 - byte) * 8;
	seg->hot.dead_n = seg->dead.view.used * 8;
	return *at >> doc % 8 & 1;
}

/*
 * The length bytes of a document's fields, [nfields], into norms. The shape must have
 * norms and several fields.
 */
void
pgr_segment_field_norms(PgrSegment *seg, uint32 doc, uint8 *norms)
{
	memcpy(norms, column_record(seg, &seg->field_norms, doc), seg->shape.nfields);
}

/*
 * Contract in segment.h. A page look for each page of documents, so it is asked for
 * hits only.
 */
uint64
pgr_segment_hash(PgrSegment *seg, uint32 doc)
{
	uint64		hash;

	if (!seg->shape.hashes)
		return 0;
	memcpy(&hash, column_record(seg, &seg->hashes, doc), sizeof(hash));
	return hash;
}

/*
 * Contract in segment.h. Raises XX002 for a tid that no row can have: whoever reads
 * the table by it would extend it.
 */
void
pgr_segment_tid(PgrSegment *seg, uint32 doc, ItemPointer tid)
{
	memcpy(tid, column_record(seg, &seg->tids, doc), sizeof(ItemPointerData));
	/* of no row, and the block that reads take for a new one */
	if (unlikely(!ItemPointerIsValid(tid) ||
				 ItemPointerGetBlockNumberNoCheck(tid) == InvalidBlockNumber))
		pgr_segment_corrupt(seg, "a row has an invalid tid");
}

/* From the header: no page look. */
void
pgr_segment_field_lengths(PgrSegment *seg, uint64 *sums)
{
	memcpy(sums, seg->header.field_length, seg->shape.nfields * sizeof(uint64));
}

/* Terms with at least one posting. */
uint64
pgr_segment_nterms(const PgrSegment *seg)
{
	return seg->header.nterms;
}

/* From the header. */
uint32
pgr_segment_rounds(const PgrSegment *seg)
{
	return seg->header.rounds;
}
