/*
 * segment_write_postings.c
 *		Postings of a segment being written: blocks, their skips and bounds, occurrences.
 *
 * Blocks go straight to the run. Of their skips, and of super blocks', a term's first is
 * held back until there is a second: most terms have one block, whose place is in the
 * dictionary.
 *
 * Memory: a block of 128 postings with their bounds, and buffers of its occurrences,
 * which are handed on when they grow: a document of a million words has them all in one
 * block.
 */
#include "postgres.h"

#include "segment/segment_write.h"

/* buffered occurrences of a block go to the spool beyond this */
#define FLUSH_BYTES (64 * 1024)
#define SMALL_WEIGHTS 16

/* To a buffer of the current block. */
static void
append_varint(StringInfo s, uint64 v)
{
	uint8		buf[PGR_VARINT_MAX];

	appendBinaryStringInfo(s, (char *) buf, pgr_varint_put(buf, v) - buf);
}

/* Puts the current block onto a postings page; fills the place of its entry. */
static void
place_block(PgrSegWriter *w, PgrSkip *skip)
{
	uint8		packed[PGR_BLOCK_MAX_BYTES];
	uint32		size = pgr_block_pack(&w->block.raw, w->block.before, packed, skip);

	if (w->lists.page_used + size > PGR_PAGE_CAPACITY)
	{
		pgr_run_put(w->run, w->lists.page_used);
		w->lists.page_used = 0;
	}
	memcpy(pgr_run_page(w->run) + w->lists.page_used, packed, size);
	skip->page = pgr_run_pageno(w->run);
	skip->offset = w->lists.page_used;
	w->lists.page_used += size;
}

/* Enters a block of a term that has several. */
static void
put_skip(PgrSegWriter *w, const PgrSkip *skip, uint64 positions, uint64 freqs)
{
	pgr_seg_spool_put(&w->lists.skips, skip, sizeof(PgrSkip));
	if (w->shape.positions)
		pgr_seg_spool_put(&w->lists.position_dir, &positions, sizeof(uint64));
	if (w->shape.nfields > 1)
		pgr_seg_spool_put(&w->lists.freq_dir, &freqs, sizeof(uint64));
	w->lists.nskips++;
}

/* Entered when it is known that the term has several. */
static void
put_super(PgrSegWriter *w, const PgrSuper *super)
{
	pgr_seg_spool_put(&w->lists.supers, super, sizeof(PgrSuper));
	w->lists.nsupers++;
}

/* The first one is held back: it may be the only one. */
void
pgr_seg_end_super(PgrSegWriter *w, uint32 last_doc)
{
	PgrSuper	super = {.last_doc = last_doc};

	pgr_frontier_reduce(&w->term.super_frontier, &super.bound);
	w->term.super_frontier.n = 0;
	if (w->term.nsupers == 0)
		w->term.held_super = super;
	else
	{
		if (w->term.nsupers == 1)
		{
			w->term.first_super = w->lists.nsupers;
			put_super(w, &w->term.held_super);
		}
		put_super(w, &super);
	}
	w->term.nsupers++;
}

/*
 * Where occurrences begin is noted before there are any: a block may have none
 * buffered.
 */
void
pgr_seg_begin_block(PgrSegWriter *w, int64 before)
{
	w->block.raw.n = 0;
	w->block.before = before;
	w->block.positions_off = w->lists.positions.total;
	w->block.freqs_off = w->lists.freqs.total;
	resetStringInfo(&w->block.positions);
	resetStringInfo(&w->block.freqs);
}

/* Moves the current block's occurrences to the spools. */
static void
spool_occurrences(PgrSegWriter *w)
{
	pgr_seg_spool_put(&w->lists.positions, w->block.positions.data, w->block.positions.len);
	pgr_seg_spool_put(&w->lists.freqs, w->block.freqs.data, w->block.freqs.len);
	resetStringInfo(&w->block.positions);
	resetStringInfo(&w->block.freqs);
}

/*
 * Not posting by posting as they come: each is a cache miss, and here the processor waits
 * for many at a time (measured: 90% of the writer's time went that way).
 */
void
pgr_seg_load_norms(PgrSegWriter *w)
{
	PgrRawBlock *raw = &w->block.raw;

	for (uint32 i = 0; i < raw->n; i++)
		raw->norms[i] = w->shape.norms ? w->columns.norms[raw->docs[i]] : 0;
}

/*
 * The frontier of a block. Most weights are small: their least norms are found
 * by weight, without a look at the frontier for each posting.
 */
static void
find_frontier(const PgrRawBlock *raw, PgrFrontier *frontier)
{
	uint16		least[SMALL_WEIGHTS];

	frontier->n = 0;
	for (int i = 0; i < SMALL_WEIGHTS; i++)
		least[i] = UINT8_MAX + 1;
	for (uint32 i = 0; i < raw->n; i++)
	{
		if (raw->weights[i] < SMALL_WEIGHTS)
			least[raw->weights[i]] = Min(least[raw->weights[i]], raw->norms[i]);
		else
			pgr_frontier_add(frontier, raw->weights[i], raw->norms[i]);
	}
	for (int i = SMALL_WEIGHTS - 1; i > 0; i--)
	{
		if (least[i] <= UINT8_MAX)
			pgr_frontier_add(frontier, i, least[i]);
	}
}

/* A block that is the term's only one goes nowhere but into the dictionary's entry. */
void
pgr_seg_end_block(PgrSegWriter *w)
{
	PgrSkip		skip;

	pgr_seg_load_norms(w);
	find_frontier(&w->block.raw, &w->block.frontier);
	memset(&skip, 0, sizeof(skip));
	place_block(w, &skip);
	spool_occurrences(w);
	pgr_frontier_reduce(&w->block.frontier, &skip.bound);
	pgr_frontier_merge(&w->term.super_frontier, &w->block.frontier);
	pgr_frontier_merge(&w->term.frontier, &w->block.frontier);
	if (w->term.nblocks == 0)
	{
		w->term.held_skip = skip;
		w->term.held_positions = w->block.positions_off;
		w->term.held_freqs = w->block.freqs_off;
	}
	else
	{
		if (w->term.nblocks == 1)
		{
			w->term.first_skip = w->lists.nskips;
			put_skip(w, &w->term.held_skip, w->term.held_positions, w->term.held_freqs);
		}
		put_skip(w, &skip, w->block.positions_off, w->block.freqs_off);
	}
	if (++w->term.nblocks % PGR_SUPER_BLOCK == 0)
		pgr_seg_end_super(w, skip.last_doc);
	pgr_seg_begin_block(w, skip.last_doc);
}

/*
 * Frequencies by field: a mask of the fields that have any, shifted by one for
 * a flag that some are above one; then those of the fields in the mask, minus
 * one, if so flagged.
 */
static void
add_freqs(PgrSegWriter *w, const uint32 *f)
{
	uint32		mask = 0;
	uint32		more = 0;

	for (int i = 0; i < w->shape.nfields; i++)
	{
		mask |= (f[i] > 0) << i;
		more |= f[i] > 1;
	}
	append_varint(&w->block.freqs, (uint64) mask << 1 | more);
	for (int i = 0; i < w->shape.nfields && more; i++)
	{
		if (f[i] > 0)
			append_varint(&w->block.freqs, f[i] - 1);
	}
}

/* Positions of each field as gaps; with several fields their numbers are freqs. */
static void
add_positions(PgrSegWriter *w, const uint32 *occ, uint32 n)
{
	uint32		f[PGR_MAX_FIELDS] = {0};
	bool		fields = w->shape.nfields > 1;
	uint32		field = 0;
	uint32		last = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint32		pos = occ[i];

		if (fields)
		{
			uint32		at = pos >> PGR_SEG_OCC_SHIFT;

			if (at >= w->shape.nfields)
				elog(ERROR, "occurrence in field %u of %d", at, w->shape.nfields);
			pos &= (1u << PGR_SEG_OCC_SHIFT) - 1;
			last = at == field ? last : 0;
			field = at;
			f[at]++;
		}
		append_varint(&w->block.positions, pos - last);
		last = pos;
		if (w->block.positions.len >= FLUSH_BYTES)
			spool_occurrences(w);
	}
	if (fields)
		add_freqs(w, f);
}

/*
 * Order and range are checked here, once, for builds and merges alike: what is written
 * is what readers rely on.
 */
void
pgr_seg_add_posting(PgrSegWriter *w, uint32 doc, uint32 weight, const uint32 *occ)
{
	PgrRawBlock *raw = &w->block.raw;

	if (raw->n == PGR_POSTING_BLOCK)
		pgr_seg_end_block(w);
	if (doc >= w->header.ndocs || weight == 0 ||
		(int64) doc <= (raw->n > 0 ? (int64) raw->docs[raw->n - 1] : w->block.before))
		elog(ERROR, "posting (%u, %u) is out of order or out of range", doc, weight);
	raw->docs[raw->n] = doc;
	raw->weights[raw->n] = weight;
	raw->n++;
	if (w->shape.positions)
		add_positions(w, occ, weight);
	else if (w->shape.nfields > 1)
		add_freqs(w, occ);
	w->term.df++;
	w->term.cf += weight;
}
