/*
 * segment_occur.c
 *		Occurrences of postings: positions, and frequencies by field. They are
 *		kept apart from documents and weights, so that ranking by weights never
 *		reads them.
 *
 * Positions are varints, a gap each; how many belong to a posting is its
 * weight, with several fields split by its frequencies. They are read in order:
 * asking for an earlier posting of the block starts the block again.
 *
 * Streams are opened when the first occurrence is asked for: most cursors never do.
 * Pages stay pinned until the cursor closes.
 */
#include "postgres.h"

#include "segment/segment_cursor.h"

/* Are the postings in the dictionary's entry? */
static bool
is_inline(const PgrPostings *p)
{
	return p->info.form == PGR_TERM_INLINE;
}

/* Where the decoded block's part of a stream begins, by its directory. */
static uint64
stream_offset(PgrPostings *p, PgrSegSection dir, uint64 single)
{
	PgrPostingsPriv *priv = p->priv;
	PgrRunView	view = PGR_RUN_VIEW_INIT;
	uint64		offset;

	if (priv->nblocks == 1)
		return single;
	memcpy(&offset, pgr_segment_record(priv->seg, &view, dir, sizeof(uint64),
									   priv->first_skip + priv->block), sizeof(offset));
	pgr_run_release(&view);
	return offset;
}

/* Inline data are varints in memory. */
static uint64
inline_varint(PgrPostings *p, const uint8 **at)
{
	uint64		v;

	*at = pgr_varint_get(*at, p->info.inline_data + p->info.inline_len, &v);
	if (*at == NULL)
		pgr_segment_corrupt(p->priv->seg, "a page of its dictionary is damaged");
	return v;
}

/* From the entry's bytes or from the stream: the coding is the same. */
static uint64
next_freq_varint(PgrPostings *p)
{
	PgrOccurrences *o = &p->priv->occ;

	return is_inline(p) ? inline_varint(p, &o->inline_next) : pgr_stream_varint(&o->freq_stream);
}

/* One posting's frequencies; the encoding is in segment_write_postings.c. */
static void
decode_freqs(PgrPostings *p, uint32 *f)
{
	int			nfields = p->priv->seg->shape.nfields;
	uint64		mask = next_freq_varint(p);
	bool		more = mask & 1;

	mask >>= 1;
	for (int i = 0; i < nfields; i++)
	{
		uint64		n = mask >> i & 1;

		if (n && more)
			n += next_freq_varint(p);
		if (n > PG_UINT32_MAX)
			pgr_segment_corrupt(p->priv->seg, "a frequency is out of range");
		f[i] = (uint32) n;
	}
}

/*
 * Prepares for the decoded block, from its start: all frequencies of the block are
 * decoded, positions are sought. Arrays are allocated once a cursor, in its memory
 * context.
 */
static void
begin_block(PgrPostings *p)
{
	PgrPostingsPriv *priv = p->priv;
	PgrOccurrences *o = &priv->occ;
	PgrSegment *seg = priv->seg;

	if (!o->ready)
	{
		pgr_stream_init(&o->freq_stream, seg, PGR_SECT_FREQS);
		pgr_stream_init(&o->position_stream, seg, PGR_SECT_POSITIONS);
		if (seg->shape.nfields > 1)
			o->freqs = MemoryContextAlloc(priv->context, sizeof(uint32) * PGR_POSTING_BLOCK *
										  seg->shape.nfields);
		o->ready = true;
	}
	o->block = priv->block;
	o->inline_next = priv->inline_rest;
	o->next = 0;
	o->current = PGR_NO_DOC;
	if (seg->shape.nfields > 1)
	{
		if (!is_inline(p))
			pgr_stream_seek(&o->freq_stream,
							stream_offset(p, PGR_SECT_FREQ_DIR, p->info.freq_off));
		for (uint32 i = 0; i < p->ndocs; i++)
			decode_freqs(p, o->freqs + i * seg->shape.nfields);
	}
	if (seg->shape.positions && !is_inline(p))
		pgr_stream_seek(&o->position_stream,
						stream_offset(p, PGR_SECT_POSITION_DIR, p->info.position_off));
}

/* Decoded for the whole block at the first posting that is asked for. */
void
pgr_postings_fields(PgrPostings *p, uint32 *f)
{
	PgrOccurrences *o = &p->priv->occ;
	int			nfields = p->priv->seg->shape.nfields;

	Assert(p->ndocs > 0 && nfields > 1);
	if (!o->ready || o->block != p->priv->block)
		begin_block(p);
	memcpy(f, o->freqs + p->pos * nfields, nfields * sizeof(uint32));
}

/* As next_freq_varint. */
static uint32
next_position_varint(PgrPostings *p)
{
	PgrOccurrences *o = &p->priv->occ;

	return is_inline(p) ? inline_varint(p, &o->inline_next) :
		pgr_stream_varint(&o->position_stream);
}

/* Reads n positions of one field to out (NULL: passes over them). */
static void
decode_positions(PgrPostings *p, uint32 field, uint32 n, uint32 *out)
{
	uint64		pos = 0;
	uint64		all = 0;

	for (uint32 i = 0; i < n; i++)
	{
		pos += next_position_varint(p);
		all |= pos;
		if (out)
			out[i] = field << PGR_SEG_OCC_SHIFT | (uint32) pos;
	}
	/* what reads them takes the bits above for the field's */
	if (all >> PGR_SEG_OCC_SHIFT)
		pgr_segment_corrupt(p->priv->seg, "a position is out of range");
}

/* The positions of posting `next`, to out or nowhere. */
static void
decode_posting(PgrPostings *p, uint32 *out)
{
	PgrOccurrences *o = &p->priv->occ;
	int			nfields = p->priv->seg->shape.nfields;
	const uint32 *f = o->freqs + o->next * nfields;

	if (nfields <= 1)
		decode_positions(p, 0, p->weights[o->next], out);
	else
	{
		for (int i = 0; i < nfields; i++)
		{
			decode_positions(p, i, f[i], out);
			out = out ? out + f[i] : NULL;
		}
	}
	o->next++;
}

/*
 * Positions of postings passed over are decoded to nowhere: they have no places of
 * their own. How many there can be is checked before room is made for them, so that a
 * damaged weight asks for no more memory than the segment has bytes.
 */
const uint32 *
pgr_postings_occurrences(PgrPostings *p, uint32 *n)
{
	PgrOccurrences *o = &p->priv->occ;
	int			nfields = p->priv->seg->shape.nfields;
	Size		count;

	Assert(p->ndocs > 0 && p->priv->seg->shape.positions);
	count = pgr_postings_weight(p);
	if (!o->ready || o->block != p->priv->block ||
		(p->pos < o->next && p->pos != o->current))
		begin_block(p);
	*n = count;
	if (o->current == p->pos)
		return o->occ;
	/* an occurrence takes a byte at least */
	if (count > (is_inline(p) ? p->info.inline_len :
				 p->priv->seg->header.sections[PGR_SECT_POSITIONS].items))
		pgr_segment_corrupt(p->priv->seg, "a posting has more occurrences than are stored");
	if (nfields > 1)
	{
		uint64		sum = 0;

		for (int i = 0; i < nfields; i++)
			sum += o->freqs[p->pos * nfields + i];
		if (sum != count)
			pgr_segment_corrupt(p->priv->seg, "frequencies by field do not add up");
	}
	if (o->occ_size < count)
	{
		Size		size = Max(count, 64);

		if (o->occ)
			pfree(o->occ);
		o->occ = MemoryContextAllocHuge(p->priv->context, mul_size(size, sizeof(uint32)));
		o->occ_size = size;
	}
	while (o->next < p->pos)
		decode_posting(p, NULL);
	decode_posting(p, o->occ);
	o->current = p->pos;
	return o->occ;
}
