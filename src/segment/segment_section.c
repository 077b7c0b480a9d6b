/*
 * segment_section.c
 *		Sections of a segment being written: each begins at a page of its own and is in
 *		one piece.
 *
 * What is written goes through the run (src/storage), which logs a page when it is full,
 * or leaves logging to the end of a build.
 */
#include "postgres.h"

#include "segment/segment_write.h"

/* No page holds two sections: the page begun last is complete. */
PgrSectionLoc *
pgr_seg_begin_section(PgrSegWriter *w, PgrSegSection section, uint64 items)
{
	PgrSectionLoc *loc = &w->header.sections[section];

	loc->start = pgr_run_pageno(w->run);
	loc->items = items;
	return loc;
}

/*
 * Records do not cross pages, so that record i is found by arithmetic; a stream
 * (record = 1) fills its pages up.
 */
void
pgr_seg_write_spool(PgrSegWriter *w, PgrSegSection section, PgrSegSpool *s, uint32 record)
{
	PgrSectionLoc *loc = pgr_seg_begin_section(w, section, s->total / record);
	uint64		left = s->total;
	uint32		per_page = PGR_PAGE_CAPACITY / record * record;

	pgr_seg_spool_rewind(s);
	while (left > 0)
	{
		uint32		n = Min(left, per_page);

		pgr_seg_spool_get(s, pgr_run_page(w->run), n);
		pgr_run_put(w->run, n);
		left -= n;
	}
	pgr_seg_spool_free(s);
	loc->npages = pgr_run_pageno(w->run) - loc->start;
}

/* pgr_run_page gives a zeroed page. */
void
pgr_seg_write_bytes(PgrSegWriter *w, PgrSegSection section, const uint8 *data, uint64 len)
{
	PgrSectionLoc *loc = pgr_seg_begin_section(w, section, len);

	for (uint64 done = 0; done < len; done += PGR_PAGE_CAPACITY)
	{
		uint32		n = Min(len - done, PGR_PAGE_CAPACITY);

		if (data)
			memcpy(pgr_run_page(w->run), data + done, n);
		pgr_run_put(w->run, n);
	}
	loc->npages = pgr_run_pageno(w->run) - loc->start;
}
