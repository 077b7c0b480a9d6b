/*
 * segment_read.h
 *		An open segment, and reading of its sections. Private to src/segment.
 *
 * Each view keeps a page pinned, not locked, until it is at another one or released:
 * pages of a segment do not change but for the bits of the dead bitmap.
 */
#ifndef PGR_SEGMENT_READ_H
#define PGR_SEGMENT_READ_H

#include "segment/segment_private.h"

/* --- segment_read.c --- */

/* A section of fixed-size records, looked at a page at a time. */
typedef struct PgrColumn
{
	PgrRunView	view;
	PgrSegSection section;
	uint32		record;			/* bytes */
	uint32		per_page;
} PgrColumn;

struct PgrSegment
{
	PgrSegHot	hot;			/* must be first */
	Relation	rel;
	MemoryContext context;
	PgrSegDesc	desc;
	PgrSegShape shape;
	PgrSegHeader header;
	const PgrRunMap *map;
	PgrRun	   *run;
	PgrColumn	norms;
	PgrColumn	field_norms;
	PgrColumn	tids;
	PgrColumn	hashes;
	PgrColumn	dead;
	PgrRunView	dict_views[PGR_DICT_MAX_LEVELS + 1];	/* by level, leaves last */
};

PGR_NORETURN extern void pgr_segment_corrupt(PgrSegment *seg, const char *what);

/* pgr_run_look, with copies in the segment's memory, which outlives callers. */
extern const char *pgr_segment_look_slow(PgrSegment *seg, PgrRunView *view, uint32 page);
static inline const char *
pgr_segment_look(PgrSegment *seg, PgrRunView *view, uint32 page)
{
	if (likely(view->pageno == page))
		return view->data;
	return pgr_segment_look_slow(seg, view, page);
}

/*
 * Record i of a section through a view of it; raises if there is none. Inline,
 * so that sizes are constants and divisions multiplications.
 */
static inline const void *
pgr_segment_record(PgrSegment *seg, PgrRunView *view, PgrSegSection section,
				   uint32 record_size, uint64 i)
{
	const PgrSectionLoc *loc = &seg->header.sections[section];
	uint32		per_page = PGR_PAGE_CAPACITY / record_size;

	if (unlikely(i >= loc->items))
		pgr_segment_corrupt(seg, "a record beyond the end of its section is referred to");
	return pgr_segment_look(seg, view, loc->start + (uint32) (i / per_page)) +
		i % per_page * record_size;
}

/* Reading a section that is a stream of bytes. */
typedef struct PgrStream
{
	PgrSegment *seg;
	PgrRunView	view;
	PgrSegSection section;
	uint64		offset;			/* next byte, in the section */
	const uint8 *p;				/* the same, on the page looked at */
	const uint8 *end;			/* of that page */
} PgrStream;

extern void pgr_stream_init(PgrStream *s, PgrSegment *seg, PgrSegSection section);
extern void pgr_stream_seek(PgrStream *s, uint64 offset);
extern uint64 pgr_stream_varint(PgrStream *s);
extern void pgr_stream_release(PgrStream *s);

#endif							/* PGR_SEGMENT_READ_H */
