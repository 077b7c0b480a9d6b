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
 */
#include "postgres.h"

#include "segment/segment_private.h"
#include "utils/memutils.h"

/* buffered occurrences of a block go to the spool beyond this */
#define FLUSH_BYTES (64 * 1024)
#define SMALL_WEIGHTS 16

struct PgrSegWriter
{
	MemoryContext context;
	PgrSegShape shape;
	PgrRunTarget target;
	PgrRunWriter *run;
	PgrSegHeader header;

	/* columns, until columns_written */
	bool		columns_written;
	uint8	   *norms;			/* kept to the end */
	Size		norms_size;
	PgrSpool	field_norms;
	PgrSpool	tids;
	PgrSpool	hashes;
	PgrSpool	lengths;
	ItemPointerData last_tid;	/* of the document added last */

	/* postings: the page being filled */
	uint32		page_used;
	PgrSpool	skips;
	PgrSpool	supers;
	PgrSpool	positions;
	PgrSpool	position_dir;
	PgrSpool	freqs;
	PgrSpool	freq_dir;
	uint64		nskips;
	uint64		nsupers;
	PgrDictBuilder *dict;

	/* current term */
	bool		in_term;
	uint32		term_len;
	char		term[PGR_MAX_TERM];
	float		scale;
	uint32		df;
	uint64		cf;
	PgrFrontier frontier;		/* of its blocks so far */
	PgrFrontier super_frontier; /* of its current super block */
	uint32		nblocks;		/* complete ones */
	uint32		term_supers;	/* complete super blocks */
	uint64		first_skip;
	uint64		first_super;
	PgrSuper	held_super;		/* the first one, until there is a second */

	/*
	 * The term's first block is entered into the skips only when there is a
	 * second one: most terms have one block, whose place is in the dictionary.
	 */
	PgrSkip		held_skip;
	uint64		held_positions;
	uint64		held_freqs;

	/* current block */
	PgrRawBlock raw;
	int64		before;			/* document before it, or -1 */
	PgrFrontier block_frontier;
	StringInfoData block_positions; /* not yet in the spool */
	StringInfoData block_freqs;
	uint64		positions_off;	/* where the block's positions begin */
	uint64		freqs_off;
};

PgrSegWriter *
pgr_seg_begin(Relation rel, uint32 generation, const PgrSegShape *shape,
			  PgrRunTarget target, BufFile *file)
{
	PgrSegWriter *w = palloc0(sizeof(PgrSegWriter));
	PgrSpool   *spools[] = {&w->field_norms, &w->tids, &w->hashes, &w->lengths, &w->skips,
	&w->supers, &w->positions, &w->position_dir, &w->freqs, &w->freq_dir};

	w->context = CurrentMemoryContext;
	w->shape = *shape;
	w->target = target;
	w->run = pgr_run_begin(rel, PGR_PAGE_SEGMENT, generation, target, file);
	pgr_run_put(w->run, 0);		/* the header's place */
	for (int i = 0; i < lengthof(spools); i++)
		pgr_spool_init(spools[i]);
	w->dict = pgr_dict_build_begin();
	initStringInfo(&w->block_positions);
	initStringInfo(&w->block_freqs);

	w->header.magic = PGR_SEG_MAGIC;
	w->header.version = PGR_SEG_VERSION;
	w->header.nfields = shape->nfields;
	w->header.flags = (shape->norms ? PGR_SEG_HAS_NORMS : 0) |
		(shape->hashes ? PGR_SEG_HAS_HASHES : 0) |
		(shape->positions ? PGR_SEG_HAS_POSITIONS : 0);
	w->header.rounds = 1;
	return w;
}

const PgrSegHeader *
pgr_seg_writer_header(const PgrSegWriter *w)
{
	return &w->header;
}

void
pgr_seg_set_rounds(PgrSegWriter *w, uint32 rounds)
{
	w->header.rounds = rounds;
}

static void
put_varint(PgrSpool *s, uint64 v)
{
	uint8		buf[PGR_VARINT_MAX];

	pgr_spool_put(s, buf, pgr_varint_put(buf, v) - buf);
}

static void
append_varint(StringInfo s, uint64 v)
{
	uint8		buf[PGR_VARINT_MAX];

	appendBinaryStringInfo(s, (char *) buf, pgr_varint_put(buf, v) - buf);
}

/* Makes room for the next document's norm. */
static void
grow_norms(PgrSegWriter *w)
{
	if (w->header.ndocs < w->norms_size)
		return;
	w->norms_size = w->norms_size ? mul_size(w->norms_size, 2) : 1024;
	if (w->norms == NULL)
		w->norms = MemoryContextAlloc(w->context, w->norms_size);
	else
		w->norms = repalloc_huge(w->norms, w->norms_size);
}

/* Numbers of documents and NULL rows share 32 bits, and one value is no number. */
static void
check_doc_limit(PgrSegWriter *w)
{
	if ((uint64) w->header.ndocs + w->header.nnulls >= PGR_NO_DOC)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an index segment cannot hold more than %u rows", PGR_NO_DOC)));
}

uint32
pgr_seg_add_doc(PgrSegWriter *w, const PgrSegDoc *doc)
{
	PgrSegHeader *h = &w->header;

	Assert(!w->columns_written && h->nnulls == 0);
	check_doc_limit(w);
	if (w->shape.norms)
	{
		grow_norms(w);
		w->norms[h->ndocs] = doc->norm;
		put_varint(&w->lengths, doc->length);
		h->sum_length += doc->length;
	}
	if (w->shape.norms && w->shape.nfields > 1)
	{
		pgr_spool_put(&w->field_norms, doc->field_norm, w->shape.nfields);
		for (int f = 0; f < w->shape.nfields; f++)
		{
			put_varint(&w->lengths, doc->field_length[f]);
			h->field_length[f] += doc->field_length[f];
		}
	}
	if (h->ndocs > 0 &&
		ItemPointerCompare(&w->last_tid, unconstify(ItemPointerData *, &doc->tid)) >= 0)
		h->flags |= PGR_SEG_UNSORTED;
	w->last_tid = doc->tid;
	pgr_spool_put(&w->tids, &doc->tid, sizeof(ItemPointerData));
	if (w->shape.hashes)
		pgr_spool_put(&w->hashes, &doc->hash, sizeof(uint64));
	return h->ndocs++;
}

void
pgr_seg_add_null(PgrSegWriter *w, ItemPointer tid)
{
	Assert(!w->columns_written);
	check_doc_limit(w);
	pgr_spool_put(&w->tids, tid, sizeof(ItemPointerData));
	w->header.nnulls++;
}

/* Begins a section at the next page. */
static PgrSectionLoc *
begin_section(PgrSegWriter *w, PgrSegSection section, uint64 items)
{
	PgrSectionLoc *loc = &w->header.sections[section];

	loc->start = pgr_run_pageno(w->run);
	loc->items = items;
	return loc;
}

/* Writes a spooled section of records (or of bytes, record = 1) and frees the spool. */
static void
write_spool(PgrSegWriter *w, PgrSegSection section, PgrSpool *s, uint32 record)
{
	PgrSectionLoc *loc = begin_section(w, section, s->total / record);
	uint64		left = s->total;
	uint32		per_page = PGR_PAGE_CAPACITY / record * record;

	pgr_spool_rewind(s);
	while (left > 0)
	{
		uint32		n = Min(left, per_page);

		pgr_spool_get(s, pgr_run_page(w->run), n);
		pgr_run_put(w->run, n);
		left -= n;
	}
	pgr_spool_free(s);
	loc->npages = pgr_run_pageno(w->run) - loc->start;
}

/* Writes bytes in memory (NULL: zeroes) as a section. */
static void
write_bytes(PgrSegWriter *w, PgrSegSection section, const uint8 *data, uint64 len)
{
	PgrSectionLoc *loc = begin_section(w, section, len);

	for (uint64 done = 0; done < len; done += PGR_PAGE_CAPACITY)
	{
		uint32		n = Min(len - done, PGR_PAGE_CAPACITY);

		if (data)
			memcpy(pgr_run_page(w->run), data + done, n);
		pgr_run_put(w->run, n);
	}
	loc->npages = pgr_run_pageno(w->run) - loc->start;
}

/* The directory of documents, complete when the first term comes. */
static void
write_columns(PgrSegWriter *w)
{
	uint64		rows = (uint64) w->header.ndocs + w->header.nnulls;

	write_bytes(w, PGR_SECT_NORMS, w->norms, w->shape.norms ? w->header.ndocs : 0);
	write_spool(w, PGR_SECT_FIELD_NORMS, &w->field_norms, Max(w->shape.nfields, 1));
	write_spool(w, PGR_SECT_TIDS, &w->tids, sizeof(ItemPointerData));
	write_spool(w, PGR_SECT_HASHES, &w->hashes, sizeof(uint64));
	write_spool(w, PGR_SECT_LENGTHS, &w->lengths, 1);
	write_bytes(w, PGR_SECT_DEAD, NULL, (rows + 7) / 8);
	begin_section(w, PGR_SECT_POSTINGS, 0);
	w->columns_written = true;
}

/* --- postings --- */

/* Puts the current block onto a postings page; fills the place of its entry. */
static void
place_block(PgrSegWriter *w, PgrSkip *skip)
{
	uint8		packed[PGR_BLOCK_MAX_BYTES];
	uint32		size = pgr_block_pack(&w->raw, w->before, packed, skip);

	if (w->page_used + size > PGR_PAGE_CAPACITY)
	{
		pgr_run_put(w->run, w->page_used);
		w->page_used = 0;
	}
	memcpy(pgr_run_page(w->run) + w->page_used, packed, size);
	skip->page = pgr_run_pageno(w->run);
	skip->offset = w->page_used;
	w->page_used += size;
}

/* Enters a block of a term that has several. */
static void
put_skip(PgrSegWriter *w, const PgrSkip *skip, uint64 positions, uint64 freqs)
{
	pgr_spool_put(&w->skips, skip, sizeof(PgrSkip));
	if (w->shape.positions)
		pgr_spool_put(&w->position_dir, &positions, sizeof(uint64));
	if (w->shape.nfields > 1)
		pgr_spool_put(&w->freq_dir, &freqs, sizeof(uint64));
	w->nskips++;
}

static void
put_super(PgrSegWriter *w, const PgrSuper *super)
{
	pgr_spool_put(&w->supers, super, sizeof(PgrSuper));
	w->nsupers++;
}

/* Ends a super block. The first one is held back: it may be the only one. */
static void
end_super(PgrSegWriter *w, uint32 last_doc)
{
	PgrSuper	super = {.last_doc = last_doc};

	pgr_frontier_reduce(&w->super_frontier, &super.bound);
	w->super_frontier.n = 0;
	if (w->term_supers == 0)
		w->held_super = super;
	else
	{
		if (w->term_supers == 1)
		{
			w->first_super = w->nsupers;
			put_super(w, &w->held_super);
		}
		put_super(w, &super);
	}
	w->term_supers++;
}

static void
begin_block(PgrSegWriter *w, int64 before)
{
	w->raw.n = 0;
	w->before = before;
	w->positions_off = w->positions.total;
	w->freqs_off = w->freqs.total;
	resetStringInfo(&w->block_positions);
	resetStringInfo(&w->block_freqs);
}

/* Moves the current block's occurrences to the spools. */
static void
spool_occurrences(PgrSegWriter *w)
{
	pgr_spool_put(&w->positions, w->block_positions.data, w->block_positions.len);
	pgr_spool_put(&w->freqs, w->block_freqs.data, w->block_freqs.len);
	resetStringInfo(&w->block_positions);
	resetStringInfo(&w->block_freqs);
}

/*
 * Looks up the norms of the current block. Not posting by posting as they come:
 * each is a cache miss, and here the processor waits for many at a time
 * (measured: 90% of the writer's time went that way).
 */
static void
load_norms(PgrSegWriter *w)
{
	PgrRawBlock *raw = &w->raw;

	for (uint32 i = 0; i < raw->n; i++)
		raw->norms[i] = w->shape.norms ? w->norms[raw->docs[i]] : 0;
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

/* Packs the current block and begins another one of the same term. */
static void
end_block(PgrSegWriter *w)
{
	PgrSkip		skip;

	load_norms(w);
	find_frontier(&w->raw, &w->block_frontier);
	memset(&skip, 0, sizeof(skip));
	place_block(w, &skip);
	spool_occurrences(w);
	pgr_frontier_reduce(&w->block_frontier, &skip.bound);
	pgr_frontier_merge(&w->super_frontier, &w->block_frontier);
	pgr_frontier_merge(&w->frontier, &w->block_frontier);
	if (w->nblocks == 0)
	{
		w->held_skip = skip;
		w->held_positions = w->positions_off;
		w->held_freqs = w->freqs_off;
	}
	else
	{
		if (w->nblocks == 1)
		{
			w->first_skip = w->nskips;
			put_skip(w, &w->held_skip, w->held_positions, w->held_freqs);
		}
		put_skip(w, &skip, w->positions_off, w->freqs_off);
	}
	if (++w->nblocks % PGR_SUPER_BLOCK == 0)
		end_super(w, skip.last_doc);
	begin_block(w, skip.last_doc);
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
	append_varint(&w->block_freqs, (uint64) mask << 1 | more);
	for (int i = 0; i < w->shape.nfields && more; i++)
	{
		if (f[i] > 0)
			append_varint(&w->block_freqs, f[i] - 1);
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
		append_varint(&w->block_positions, pos - last);
		last = pos;
		if (w->block_positions.len >= FLUSH_BYTES)
			spool_occurrences(w);
	}
	if (fields)
		add_freqs(w, f);
}

void
pgr_seg_add_posting(PgrSegWriter *w, uint32 doc, uint32 weight, const uint32 *occ)
{
	PgrRawBlock *raw = &w->raw;

	if (raw->n == PGR_POSTING_BLOCK)
		end_block(w);
	if (doc >= w->header.ndocs || weight == 0 ||
		(int64) doc <= (raw->n > 0 ? (int64) raw->docs[raw->n - 1] : w->before))
		elog(ERROR, "posting (%u, %u) is out of order or out of range", doc, weight);
	raw->docs[raw->n] = doc;
	raw->weights[raw->n] = weight;
	raw->n++;
	if (w->shape.positions)
		add_positions(w, occ, weight);
	else if (w->shape.nfields > 1)
		add_freqs(w, occ);
	w->df++;
	w->cf += weight;
}

/* --- terms --- */

static uint8 *
put_raw(uint8 *p, const void *data, Size len)
{
	memcpy(p, data, len);
	return p + len;
}

/* df, cf and bound of a term that is not inline. */
static uint8 *
encode_statistics(PgrSegWriter *w, uint8 *p, uint8 *flags)
{
	PgrBound	bound;
	int			pairs = 0;

	p = pgr_varint_put(p, w->df);
	if (w->cf != w->df)
	{
		*flags |= PGR_TERM_CF;
		p = pgr_varint_put(p, w->cf - w->df);
	}
	pgr_frontier_reduce(&w->frontier, &bound);
	while (pairs < PGR_BOUND_PAIRS && bound.weight[pairs] > 0)
	{
		*p++ = bound.weight[pairs];
		*p++ = bound.norm[pairs];
		pairs++;
	}
	*flags |= pairs << 4;
	return p;
}

static uint8 *
encode_block(PgrSegWriter *w, uint8 *p)
{
	p = pgr_varint_put(p, w->held_skip.page);
	p = put_raw(p, &w->held_skip.offset, sizeof(uint16));
	*p++ = w->held_skip.doc_bits;
	*p++ = w->held_skip.weight_bits;
	if (w->shape.positions)
		p = pgr_varint_put(p, w->held_positions);
	if (w->shape.nfields > 1)
		p = pgr_varint_put(p, w->held_freqs);
	return p;
}

/* The payload of the current term, whose blocks are complete unless inline. */
static uint32
encode_term(PgrSegWriter *w, const uint8 *data, uint32 inline_len, uint8 *payload)
{
	uint8	   *p = payload + 1;
	uint8		flags = 0;

	if (w->scale != 0)
	{
		flags |= PGR_TERM_SCALE;
		p = put_raw(p, &w->scale, sizeof(float));
	}
	if (inline_len > 0)
	{
		flags |= PGR_TERM_INLINE | w->df << 4;
		p = put_raw(p, data, inline_len);
	}
	else
	{
		p = encode_statistics(w, p, &flags);
		if (w->nblocks == 1)
		{
			flags |= PGR_TERM_BLOCK;
			p = encode_block(w, p);
		}
		else
		{
			flags |= PGR_TERM_BLOCKS;
			p = pgr_varint_put(p, w->first_skip);
			p = pgr_varint_put(p, w->term_supers > 1 ? w->first_super : 0);
		}
	}
	payload[0] = flags;
	return p - payload;
}

/* Enters the current term into the dictionary, unless it has no posting. */
static void
end_term(PgrSegWriter *w)
{
	uint8		payload[UINT8_MAX];
	uint8		data[PGR_TERM_INLINE_BYTES];
	uint32		inline_len = 0;

	if (!w->in_term || w->df == 0)
		return;
	w->in_term = false;
	if (w->nblocks == 0 && w->raw.n <= PGR_TERM_MAX_INLINE &&
		w->positions_off == w->positions.total)
	{
		load_norms(w);
		inline_len = pgr_inline_pack(&w->raw, w->shape.norms, &w->block_freqs,
									 &w->block_positions, data);
	}
	if (inline_len == 0)
	{
		end_block(w);
		if (w->nblocks % PGR_SUPER_BLOCK != 0)
			end_super(w, (uint32) w->before);
	}
	pgr_dict_build_add(w->dict, w->term, w->term_len, payload,
					   encode_term(w, data, inline_len, payload));
	w->header.nterms++;
	w->header.npostings += w->df;
}

void
pgr_seg_begin_term(PgrSegWriter *w, const char *term, uint32 len, float scale)
{
	if (!w->columns_written)
		write_columns(w);
	end_term(w);
	if (len > PGR_MAX_TERM)
		elog(ERROR, "term of %u bytes", len);
	if (w->header.nterms > 0 || w->in_term)
	{
		int			cmp = memcmp(w->term, term, Min(w->term_len, len));

		if (cmp > 0 || (cmp == 0 && w->term_len >= len))
			elog(ERROR, "terms of an index segment are out of order");
	}
	memcpy(w->term, term, len);
	w->term_len = len;
	w->scale = scale;
	w->in_term = true;
	w->df = 0;
	w->cf = 0;
	w->nblocks = 0;
	w->term_supers = 0;
	w->frontier.n = 0;
	w->super_frontier.n = 0;
	begin_block(w, -1);
}

/* --- the end --- */

static uint32
overflow_pages(int nextents)
{
	int			rest = nextents - (int) PGR_SEG_HEADER_EXTENTS;

	return rest <= 0 ? 0 : (rest + PGR_SEG_OVERFLOW_EXTENTS - 1) / PGR_SEG_OVERFLOW_EXTENTS;
}

static BlockNumber
block_of(const PgrExtent *extents, uint32 page)
{
	while (page >= extents->count)
		page -= (extents++)->count;
	return extents->start + page;
}

/*
 * Writes the header, with the extents, and the overflow pages that extents need
 * beyond it, which are the last pages of the run.
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

void
pgr_seg_finish(PgrSegWriter *w, PgrSegDesc *desc, PgrRunMap **map)
{
	PgrSectionLoc *postings = &w->header.sections[PGR_SECT_POSTINGS];

	if (!w->columns_written)
		write_columns(w);
	end_term(w);
	if (w->page_used > 0)
		pgr_run_put(w->run, w->page_used);
	postings->npages = pgr_run_pageno(w->run) - postings->start;
	postings->items = w->header.npostings;
	write_spool(w, PGR_SECT_SKIPS, &w->skips, sizeof(PgrSkip));
	write_spool(w, PGR_SECT_SUPERS, &w->supers, sizeof(PgrSuper));
	write_spool(w, PGR_SECT_POSITIONS, &w->positions, 1);
	write_spool(w, PGR_SECT_POSITION_DIR, &w->position_dir, sizeof(uint64));
	write_spool(w, PGR_SECT_FREQS, &w->freqs, 1);
	write_spool(w, PGR_SECT_FREQ_DIR, &w->freq_dir, sizeof(uint64));
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
	if (w->norms)
		pfree(w->norms);
	pfree(w->block_positions.data);
	pfree(w->block_freqs.data);
	pfree(w);
}
