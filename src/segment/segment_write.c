/*
 * segment_write.c
 *		Writing a segment: documents, NULL rows, then terms with their postings.
 *
 * One pass, one run of pages: postings go straight to the run, everything else
 * is spooled and follows, each section in one piece. Page 0, the header, is
 * written last; until the caller publishes the descriptor nobody can find the
 * segment.
 *
 * Memory: a byte for each document (its norm, needed for bounds), the current
 * block, and the spools' buffers.
 *
 * Errors: 53100 where the disk is full, 54000 for what exceeds 32 bits. A writer is not
 * told: whoever began it lets its memory context go.
 */
#include "postgres.h"

#include "segment/segment_write.h"

/* The first page of the run is put empty: the header's place. */
PgrSegWriter *
pgr_seg_begin(Relation rel, uint32 generation, const PgrSegShape *shape,
			  PgrRunTarget target, BufFile *file)
{
	PgrSegWriter *w = palloc0(sizeof(PgrSegWriter));
	PgrSegColumns *c = &w->columns;
	PgrSegLists *l = &w->lists;
	PgrSegSpool *spools[] = {&c->field_norms, &c->tids, &c->hashes, &c->lengths, &l->skips,
	&l->supers, &l->positions, &l->position_dir, &l->freqs, &l->freq_dir};

	w->context = CurrentMemoryContext;
	w->shape = *shape;
	w->run = pgr_run_begin(rel, PGR_PAGE_SEGMENT, generation, target, file);
	pgr_run_put(w->run, 0);		/* the header's place */
	for (int i = 0; i < lengthof(spools); i++)
		pgr_seg_spool_init(spools[i]);
	w->dict = pgr_dict_build_begin();
	initStringInfo(&w->block.positions);
	initStringInfo(&w->block.freqs);

	w->header.magic = PGR_SEG_MAGIC;
	w->header.version = PGR_SEG_VERSION;
	w->header.nfields = shape->nfields;
	w->header.flags = (shape->norms ? PGR_SEG_HAS_NORMS : 0) |
		(shape->hashes ? PGR_SEG_HAS_HASHES : 0) |
		(shape->positions ? PGR_SEG_HAS_POSITIONS : 0);
	w->header.rounds = 1;
	return w;
}

/* What has been counted so far. */
const PgrSegHeader *
pgr_seg_writer_header(const PgrSegWriter *w)
{
	return &w->header;
}

/* Of a merge: impacts have been rounded that often. */
void
pgr_seg_set_rounds(PgrSegWriter *w, uint32 rounds)
{
	w->header.rounds = rounds;
}

/* --- the end --- */

/* How many pages a list of so many extents needs beyond the header. */
static uint32
overflow_pages(int nextents)
{
	int			rest = nextents - (int) PGR_SEG_HEADER_EXTENTS;

	return rest <= 0 ? 0 : (rest + PGR_SEG_OVERFLOW_EXTENTS - 1) / PGR_SEG_OVERFLOW_EXTENTS;
}

/* The block of a page of the run, by its extents. */
static BlockNumber
block_of(const PgrExtent *extents, uint32 page)
{
	while (page >= extents->count)
		page -= (extents++)->count;
	return extents->start + page;
}

/*
 * Writes the header, with the extents, and the overflow pages that extents need beyond
 * it, which are the last pages of the run. A copy of the extents is scratch, freed
 * here. The end that the run does not use is given back when it finishes: the last
 * extent is written as long as it will be.
 */
static void
write_header(PgrSegWriter *w)
{
	const PgrRunMap *map = pgr_run_map(w->run);
	PGAlignedBlock image;
	uint32		npages = pgr_run_pageno(w->run);
	uint32		first = npages;
	uint64		allocated = 0;
	PgrExtent  *extents;
	int			done;

	/* each page put may bring another extent */
	while (npages - first < overflow_pages(map->nextents))
	{
		pgr_run_put(w->run, 0);
		npages++;
	}
	extents = palloc(mul_size(map->nextents + 1, sizeof(PgrExtent)));
	for (int i = 0; i < map->nextents; i++)
	{
		extents[i] = map->extents[i];
		allocated += extents[i].count;
	}
	if (map->nextents > 0)		/* the end will be given back */
		extents[map->nextents - 1].count -= allocated - npages;

	w->header.npages = npages;
	w->header.nextents = map->nextents;
	w->header.nextents_here = Min(map->nextents, PGR_SEG_HEADER_EXTENTS);
	w->header.overflow = npages > first ? block_of(extents, first) : InvalidBlockNumber;
	done = w->header.nextents_here;
	memcpy(image.data, &w->header, sizeof(PgrSegHeader));
	memcpy(image.data + sizeof(PgrSegHeader), extents, done * sizeof(PgrExtent));
	pgr_run_rewrite(w->run, 0, image.data, sizeof(PgrSegHeader) + done * sizeof(PgrExtent));

	for (uint32 page = first; page < npages; page++)
	{
		PgrSegOverflow head;

		head.next = page + 1 < npages ? block_of(extents, page + 1) : InvalidBlockNumber;
		head.nextents = Min(map->nextents - done, PGR_SEG_OVERFLOW_EXTENTS);
		memcpy(image.data, &head, sizeof(head));
		memcpy(image.data + sizeof(head), extents + done, head.nextents * sizeof(PgrExtent));
		pgr_run_rewrite(w->run, page, image.data,
						sizeof(head) + head.nextents * sizeof(PgrExtent));
		done += head.nextents;
	}
	pfree(extents);
}

/*
 * Sections in the order of segment_page.h, the header last. Frees the writer, not the
 * map.
 */
void
pgr_seg_finish(PgrSegWriter *w, PgrSegDesc *desc, PgrRunMap **map)
{
	PgrSectionLoc *postings = &w->header.sections[PGR_SECT_POSTINGS];
	PgrSegLists *l = &w->lists;

	if (!w->columns.written)
		pgr_seg_write_columns(w);
	pgr_seg_end_term(w);
	if (w->lists.page_used > 0)
		pgr_run_put(w->run, w->lists.page_used);
	postings->npages = pgr_run_pageno(w->run) - postings->start;
	postings->items = w->header.npostings;
	pgr_seg_write_spool(w, PGR_SECT_SKIPS, &l->skips, sizeof(PgrSkip));
	pgr_seg_write_spool(w, PGR_SECT_SUPERS, &l->supers, sizeof(PgrSuper));
	pgr_seg_write_spool(w, PGR_SECT_POSITIONS, &l->positions, 1);
	pgr_seg_write_spool(w, PGR_SECT_POSITION_DIR, &l->position_dir, sizeof(uint64));
	pgr_seg_write_spool(w, PGR_SECT_FREQS, &l->freqs, 1);
	pgr_seg_write_spool(w, PGR_SECT_FREQ_DIR, &l->freq_dir, sizeof(uint64));
	pgr_dict_build_finish(w->dict, w->run, &w->header);
	write_header(w);

	memset(desc, 0, sizeof(PgrSegDesc));
	desc->sum_length = w->header.sum_length;
	desc->ndocs = w->header.ndocs;
	desc->nnulls = w->header.nnulls;
	*map = pgr_run_finish(w->run);
	desc->generation = (*map)->generation;
	desc->root = (*map)->nextents > 0 ? (*map)->extents[0].start : InvalidBlockNumber;
	desc->npages = (*map)->npages;
	if (w->columns.norms)
		pfree(w->columns.norms);
	pfree(w->block.positions.data);
	pfree(w->block.freqs.data);
	pfree(w);
}
