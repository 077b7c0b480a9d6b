/*
 * segment_write_terms.c
 *		Terms of a segment being written: from a term's statistics and places to its
 *		entry in the dictionary.
 *
 * A term of few postings is inside its entry, where a look-up finds all of it: most
 * terms of a text are such.
 *
 * Memory: entries are made on the stack and copied by the dictionary's builder. No
 * locks: nobody sees the segment before it is published. Nothing here raises but what
 * spools and pages raise (53100 for a full disk).
 */
#include "postgres.h"

#include "segment/segment_write.h"

/* Copies len bytes as they are, without alignment; returns the byte after them. */
static uint8 *
put_raw(uint8 *p, const void *data, Size len)
{
	memcpy(p, data, len);
	return p + len;
}

/*
 * Puts df, cf and bound of a term that is not inline, as decode_statistics
 * (segment_dict.c) reads them; returns the byte after them. cf is put as its excess
 * over df, and left out where every weight is 1. The number of bounding pairs goes
 * into *flags.
 */
static uint8 *
encode_statistics(PgrSegWriter *w, uint8 *p, uint8 *flags)
{
	PgrBound	bound;
	int			pairs = 0;

	p = pgr_varint_put(p, w->term.df);
	if (w->term.cf != w->term.df)
	{
		*flags |= PGR_TERM_CF;
		p = pgr_varint_put(p, w->term.cf - w->term.df);
	}
	pgr_frontier_reduce(&w->term.frontier, &bound);
	while (pairs < PGR_BOUND_PAIRS && bound.weight[pairs] > 0)
	{
		*p++ = bound.weight[pairs];
		*p++ = bound.norm[pairs];
		pairs++;
	}
	*flags |= pairs << 4;
	return p;
}

/*
 * Puts the place of the one block of a term, what a skip entry would say; returns the
 * byte after it.
 */
static uint8 *
encode_block(PgrSegWriter *w, uint8 *p)
{
	p = pgr_varint_put(p, w->term.held_skip.page);
	p = put_raw(p, &w->term.held_skip.offset, sizeof(uint16));
	*p++ = w->term.held_skip.doc_bits;
	*p++ = w->term.held_skip.weight_bits;
	if (w->shape.positions)
		p = pgr_varint_put(p, w->term.held_positions);
	if (w->shape.nfields > 1)
		p = pgr_varint_put(p, w->term.held_freqs);
	return p;
}

/*
 * Makes the payload of the current term, whose blocks are complete unless it is
 * inline (inline_len bytes at data); returns its length, which UINT8_MAX bounds: the
 * dictionary's entries have a byte for it.
 */
static uint32
encode_term(PgrSegWriter *w, const uint8 *data, uint32 inline_len, uint8 *payload)
{
	uint8	   *p = payload + 1;
	uint8		flags = 0;

	if (w->term.scale != 0)
	{
		flags |= PGR_TERM_SCALE;
		p = put_raw(p, &w->term.scale, sizeof(float));
	}
	if (inline_len > 0)
	{
		flags |= PGR_TERM_INLINE | w->term.df << 4;
		p = put_raw(p, data, inline_len);
	}
	else
	{
		p = encode_statistics(w, p, &flags);
		if (w->term.nblocks == 1)
		{
			flags |= PGR_TERM_BLOCK;
			p = encode_block(w, p);
		}
		else
		{
			flags |= PGR_TERM_BLOCKS;
			p = pgr_varint_put(p, w->term.first_skip);
			p = pgr_varint_put(p, w->term.nsupers > 1 ? w->term.first_super : 0);
		}
	}
	payload[0] = flags;
	return p - payload;
}

/*
 * Postings go into the entry if they fit, with their occurrences, unless some have
 * been spooled already.
 */
void
pgr_seg_end_term(PgrSegWriter *w)
{
	uint8		payload[UINT8_MAX];
	uint8		data[PGR_TERM_INLINE_BYTES];
	uint32		inline_len = 0;

	if (!w->term.open || w->term.df == 0)
		return;
	w->term.open = false;
	if (w->term.nblocks == 0 && w->block.raw.n <= PGR_TERM_MAX_INLINE &&
		w->block.positions_off == w->lists.positions.total)
	{
		pgr_seg_load_norms(w);
		inline_len = pgr_inline_pack(&w->block.raw, w->shape.norms, &w->block.freqs,
									 &w->block.positions, data);
	}
	if (inline_len == 0)
	{
		pgr_seg_end_block(w);
		if (w->term.nblocks % PGR_SUPER_BLOCK != 0)
			pgr_seg_end_super(w, (uint32) w->block.before);
	}
	pgr_dict_build_add(w->dict, w->term.bytes, w->term.len, payload,
					   encode_term(w, data, inline_len, payload));
	w->header.nterms++;
	w->header.npostings += w->term.df;
}

/*
 * The columns are written when the first term comes. Terms out of order are a bug of
 * the caller's: an internal error.
 */
void
pgr_seg_begin_term(PgrSegWriter *w, const char *term, uint32 len, float scale)
{
	if (!w->columns.written)
		pgr_seg_write_columns(w);
	pgr_seg_end_term(w);
	if (len > PGR_MAX_TERM)
		elog(ERROR, "term of %u bytes", len);
	if (w->header.nterms > 0 || w->term.open)
	{
		int			cmp = memcmp(w->term.bytes, term, Min(w->term.len, len));

		if (cmp > 0 || (cmp == 0 && w->term.len >= len))
			elog(ERROR, "terms of an index segment are out of order");
	}
	memcpy(w->term.bytes, term, len);
	w->term.len = len;
	w->term.scale = scale;
	w->term.open = true;
	w->term.df = 0;
	w->term.cf = 0;
	w->term.nblocks = 0;
	w->term.nsupers = 0;
	w->term.frontier.n = 0;
	w->term.super_frontier.n = 0;
	pgr_seg_begin_block(w, -1);
}
