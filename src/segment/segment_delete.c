/*
 * segment_delete.c
 *		Marking dead documents: the only change that a finished segment sees.
 *
 * Pages of a segment are read by scans without locks while this changes them: a bit is
 * set by copying a whole bitmap over itself, byte by byte, and a reader sees it or does
 * not. That is allowed because a dead row is one that nobody's snapshot sees.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "segment/segment_read.h"

#define ROWS_PER_PAGE (PGR_PAGE_CAPACITY * 8)

/*
 * Writes a page of the dead bitmap: one WAL record, the page exclusively locked for a
 * copy of `len` bytes. Readers look at it without a lock (segment_read.c).
 */
static void
write_dead_page(PgrSegment *seg, uint32 page, const uint8 *bits, uint32 len)
{
	PgrWalBatch batch;
	Buffer		buffer;
	Page		image;

	pgr_wal_begin(&batch, seg->rel, false);
	buffer = pgr_page_read(seg->rel, pgr_run_block(seg->run, page), PGR_PAGE_SEGMENT,
						   BUFFER_LOCK_EXCLUSIVE);
	image = pgr_wal_add(&batch, buffer, false);
	memcpy(PgrPageGetData(image), bits, len);
	pgr_wal_commit(&batch);
}

/*
 * A page of 65,000 rows at a time, in a palloc'd copy. The view that tids are read by
 * pins a page, which is not locked while the callback runs.
 */
uint32
pgr_segment_bulk_delete(Relation rel, PgrSegment *seg,
						bool (*dead) (ItemPointer tid, void *arg), void *arg,
						uint64 *live)
{
	const PgrSectionLoc *loc = &seg->header.sections[PGR_SECT_DEAD];
	uint64		rows = (uint64) seg->header.ndocs + seg->header.nnulls;
	PgrRunView	view = PGR_RUN_VIEW_INIT;
	uint8	   *bits = palloc(PGR_PAGE_CAPACITY);
	uint32		total = 0;

	*live = 0;
	for (uint32 page = 0; page < loc->npages; page++)
	{
		uint64		first = (uint64) page * ROWS_PER_PAGE;
		uint32		n = Min(rows - first, ROWS_PER_PAGE);
		uint32		marked = 0;

		memcpy(bits, pgr_segment_look(seg, &view, loc->start + page), (n + 7) / 8);
		for (uint32 i = 0; i < n; i++)
		{
			ItemPointerData tid;

			if (i % 1024 == 0)
				pgr_vacuum_delay();
			if (bits[i / 8] >> i % 8 & 1)
				continue;
			pgr_segment_tid(seg, first + i, &tid);
			if (dead(&tid, arg))
			{
				bits[i / 8] |= 1 << i % 8;
				marked++;
			}
			else
				(*live)++;
		}
		if (marked > 0)
			write_dead_page(seg, loc->start + page, bits, (n + 7) / 8);
		total += marked;
	}
	pgr_run_release(&view);
	pfree(bits);
	return total;
}
