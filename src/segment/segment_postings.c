/*
 * segment_postings.c
 *		Cursors over a term's postings: skipping, decoding, bounds. Occurrences
 *		are in segment_occur.c.
 *
 * A term has one block (inline in the dictionary or on a postings page), or
 * several, each with a skip entry, and beyond PGR_SUPER_BLOCK of them a second
 * level of entries. A block is sought from where the cursor is: forward by
 * doubling steps, then by halving, on the second level first. Nothing reads all
 * skip entries but a caller that asks for the bounds of everything.
 *
 * Cursors have no locks. Each keeps at most three pages pinned: of its block, of its
 * skips, of the second level. What a page says is checked where it is decoded; a cursor
 * never goes back, so skips that do not ascend are damage and raise.
 */
#include "postgres.h"

#include "segment/segment_cursor.h"

#define BLOCK PGR_POSTING_BLOCK

/* --- skip entries --- */

/*
 * The skip entry of a block of the term; its page stays pinned, and the entry valid,
 * until the next call.
 */
static const PgrSkip *
get_skip(PgrPostingsPriv *priv, uint32 block)
{
	return pgr_segment_record(priv->seg, &priv->skip_view, PGR_SECT_SKIPS, sizeof(PgrSkip),
							  priv->first_skip + block);
}

/* The entry of the second level, by the same rules. */
static const PgrSuper *
get_super(PgrPostingsPriv *priv, uint32 super)
{
	return pgr_segment_record(priv->seg, &priv->super_view, PGR_SECT_SUPERS, sizeof(PgrSuper),
							  priv->first_super + super);
}

/* Last document of block i, for gallop. */
static uint32
skip_last(PgrPostingsPriv *priv, uint32 i)
{
	return get_skip(priv, i)->last_doc;
}

/* Last document of super block i, for gallop. */
static uint32
super_last(PgrPostingsPriv *priv, uint32 i)
{
	return get_super(priv, i)->last_doc;
}

/*
 * The first of entries from..to-1 whose last document is >= target, or `to`.
 * Steps double, because the answer is usually near `from`.
 */
static inline uint32
gallop(PgrPostingsPriv *priv, uint32 (*last) (PgrPostingsPriv *, uint32),
	   uint32 from, uint32 to, uint32 target)
{
	uint32		step = 1;
	uint32		high = to;

	while (from < high)
	{
		uint32		probe = Min(from + step - 1, high - 1);

		if (last(priv, probe) >= target)
		{
			high = probe;
			break;
		}
		from = probe + 1;
		step *= 2;
	}
	while (from < high)
	{
		uint32		mid = from + (high - from) / 2;

		if (last(priv, mid) >= target)
			high = mid;
		else
			from = mid + 1;
	}
	return from;
}

/*
 * The first block, from `from` on, whose last document is >= target; nblocks if
 * there is none.
 */
static uint32
find_block(PgrPostingsPriv *priv, uint32 from, uint32 target)
{
	uint32		end = Min((from / PGR_SUPER_BLOCK + 1) * PGR_SUPER_BLOCK, priv->nblocks);
	uint32		super;

	if (from >= priv->nblocks)
		return priv->nblocks;
	/* the next one: the most frequent case */
	if (skip_last(priv, from) >= target)
		return from;
	if (priv->nsupers == 0)
		return gallop(priv, skip_last, from + 1, priv->nblocks, target);
	super = gallop(priv, super_last, from / PGR_SUPER_BLOCK, priv->nsupers, target);
	if (super == priv->nsupers)
		return priv->nblocks;
	if (super > from / PGR_SUPER_BLOCK)
	{
		from = super * PGR_SUPER_BLOCK;
		end = Min(from + PGR_SUPER_BLOCK, priv->nblocks);
	}
	else
		from++;
	return gallop(priv, skip_last, from, end, target);
}

/* --- decoding --- */

/* Postings of a block: all but the last are full. */
static uint32
block_size(const PgrPostings *p, uint32 block)
{
	return block + 1 < p->priv->nblocks ? BLOCK : p->info.df - block * BLOCK;
}

/* Puts the cursor behind the last posting; it stays there. */
static void
cursor_end(PgrPostings *p)
{
	p->doc = PGR_NO_DOC;
	p->ndocs = 0;
	p->pos = 0;
	p->priv->block = p->priv->nblocks;
}

/*
 * Decodes the documents of a block on a postings page; the cursor stands on the first.
 * The page stays pinned, because weights may be asked for. The document before the
 * block, which gaps count from, is known where blocks are decoded in a row, else its
 * skip tells. Raises where the block does not end as its skip says.
 */
static void
decode_block(PgrPostings *p, uint32 block)
{
	PgrPostingsPriv *priv = p->priv;
	uint32		n = block_size(p, block);
	uint32		page = p->info.page;
	int64		before = -1;
	uint32		last = PGR_NO_DOC;
	const char *data;

	priv->doc_bits = p->info.doc_bits;
	priv->weight_bits = p->info.weight_bits;
	priv->offset = p->info.offset;
	if (priv->nblocks > 1)
	{
		const PgrSkip *skip;

		if (block > 0)
			before = p->ndocs > 0 && block == priv->block + 1 ? p->last :
				skip_last(priv, block - 1);
		skip = get_skip(priv, block);
		page = skip->page;
		last = skip->last_doc;
		priv->doc_bits = skip->doc_bits;
		priv->weight_bits = skip->weight_bits;
		priv->offset = skip->offset;
	}
	data = pgr_segment_look(priv->seg, &priv->view, page);
	if (priv->offset > priv->view.used ||
		!pgr_block_unpack_docs((const uint8 *) data + priv->offset,
							   priv->view.used - priv->offset, n, before, priv->doc_bits,
							   priv->seg->header.ndocs, p->docs) ||
		(last != PGR_NO_DOC && last != p->docs[n - 1]))
		pgr_segment_corrupt(priv->seg, "a block of postings is damaged");

	pgr_seg_counters.blocks_decoded++;
	priv->block = block;
	p->ndocs = n;
	p->pos = 0;
	p->last = p->docs[n - 1];
	p->doc = p->docs[0];
	p->weights_valid = false;
}

/*
 * Decodes the weights of the current block. Not with the documents: a search that
 * skips most postings of a block never asks. The block's page is still pinned by
 * priv->view. Raises XX002 where they do not fit the page.
 */
void
pgr_postings_load_weights(PgrPostings *p)
{
	PgrPostingsPriv *priv = p->priv;

	if (p->ndocs == 0)
		return;
	/* the page is still looked at: blocks are decoded through this view only */
	if (!pgr_block_unpack_weights((const uint8 *) priv->view.data + priv->offset,
								  priv->view.used - priv->offset,
								  p->ndocs, priv->doc_bits, priv->weight_bits, p->weights))
		pgr_segment_corrupt(priv->seg, "weights of a block of postings are damaged");
	p->weights_valid = true;
}

/* --- opening --- */

/*
 * Decodes a term of few postings when it is opened, without a page look, since all of
 * it is in *info. Raises XX002 for damage.
 */
static void
open_inline(PgrPostings *p)
{
	PgrPostingsPriv *priv = p->priv;
	PgrRawBlock raw;

	priv->inline_rest = pgr_inline_unpack(p->info.inline_data, p->info.inline_len, p->info.df,
										  priv->seg->shape.norms, priv->seg->header.ndocs, &raw);
	if (priv->inline_rest == NULL)
		pgr_segment_corrupt(priv->seg, "a page of its dictionary is damaged");
	memcpy(p->docs, raw.docs, sizeof(p->docs));
	memcpy(p->weights, raw.weights, sizeof(p->weights));
	for (uint32 i = raw.n; i < BLOCK; i++)
		p->docs[i] = PGR_NO_DOC;
	p->weights_valid = true;
	priv->decoded = true;
}

/*
 * A cursor before the first posting. Two allocations in the current memory context,
 * no page look unless the block is needed. *info is copied; the segment must stay
 * open.
 */
PgrPostings *
pgr_postings_open(PgrSegment *seg, const PgrTermInfo *info)
{
	PgrPostings *p = palloc0(sizeof(PgrPostings));
	PgrPostingsPriv *priv = palloc0(sizeof(PgrPostingsPriv));
	static const PgrRunView empty = PGR_RUN_VIEW_INIT;

	p->info = *info;
	p->priv = priv;
	p->doc = PGR_NO_DOC;
	priv->seg = seg;
	priv->context = CurrentMemoryContext;
	priv->nblocks = info->form == PGR_TERM_BLOCKS ? (info->df + BLOCK - 1) / BLOCK : 1;
	priv->nsupers = priv->nblocks > PGR_SUPER_BLOCK ?
		(priv->nblocks + PGR_SUPER_BLOCK - 1) / PGR_SUPER_BLOCK : 0;
	priv->first_skip = info->skip;
	priv->first_super = info->super;
	priv->block = PGR_BEFORE_FIRST;
	priv->view = priv->skip_view = priv->super_view = empty;
	if (info->form == PGR_TERM_INLINE)
		open_inline(p);
	return p;
}

/* Releases the pages and memory of occurrences, if any were read. */
static void
release_occurrences(PgrOccurrences *o)
{
	if (!o->ready)
		return;
	pgr_stream_release(&o->freq_stream);
	pgr_stream_release(&o->position_stream);
	if (o->freqs)
		pfree(o->freqs);
	if (o->occ)
		pfree(o->occ);
}

/* Lets go of the cursor's pins; frees its memory too, since searches open many. */
void
pgr_postings_close(PgrPostings *p)
{
	pgr_run_release(&p->priv->view);
	pgr_run_release(&p->priv->skip_view);
	pgr_run_release(&p->priv->super_view);
	release_occurrences(&p->priv->occ);
	pfree(p->priv);
	pfree(p);
}

/*
 * Makes the one block of a small term the decoded one. It is unpacked once, be
 * it for its last document only.
 */
static void
load_single(PgrPostings *p)
{
	if (!p->priv->decoded)
		decode_block(p, 0);
	p->priv->decoded = true;
	p->priv->block = 0;
	p->ndocs = p->info.df;
	p->pos = 0;
	p->last = p->docs[p->ndocs - 1];
	p->doc = p->docs[0];
}

/*
 * Makes `block`, which lies behind the current one, the decoded one, and counts those
 * between as skipped.
 */
static void
load_block(PgrPostings *p, uint32 block)
{
	PgrPostingsPriv *priv = p->priv;

	pgr_seg_counters.blocks_skipped += block - (priv->block + 1);
	if (priv->nblocks == 1)
		load_single(p);
	else
		decode_block(p, block);
}

/* --- moving --- */

/*
 * Moves to the next block's first posting; false at the end. Counts nothing as
 * skipped.
 */
bool
pgr_postings_next_block(PgrPostings *p)
{
	uint32		next = p->priv->block + 1;

	if (p->priv->block == p->priv->nblocks || next == p->priv->nblocks)
	{
		cursor_end(p);
		return false;
	}
	load_block(p, next);
	return true;
}

/*
 * Moves to the first posting whose document is >= target, perhaps in the current
 * block; false if there is none. The shallow position, which a search moves ahead to
 * look at bounds, saves the way to the block. Targets ascend from call to call.
 */
bool
pgr_postings_seek_block(PgrPostings *p, uint32 target)
{
	PgrPostingsPriv *priv = p->priv;
	uint32		block;

	if (p->ndocs == 0 || target > p->last)
	{
		if (priv->block == priv->nblocks)
			return false;
		block = priv->block + 1;
		if (priv->nblocks > 1)
		{
			/* the shallow position may know better */
			if (priv->shallow > block && priv->shallow < priv->nblocks &&
				target > priv->shallow_before)
				block = priv->shallow;
			block = find_block(priv, block, target);
		}
		if (block >= priv->nblocks)
		{
			cursor_end(p);
			return false;
		}
		load_block(p, block);
		if (target > p->last)
		{
			/* only the one block of a small term is decoded unseen */
			if (priv->nblocks > 1)
				pgr_segment_corrupt(priv->seg, "skips of postings do not ascend");
			cursor_end(p);
			return false;
		}
	}
	p->pos = pgr_block_search(p->docs, target);
	p->doc = p->docs[p->pos];
	return true;
}

/*
 * No posting is left for the shallow position: nothing can contribute, so the bound
 * is zero up to the last document.
 */
static void
shallow_end(PgrPostings *p)
{
	p->priv->shallow = p->priv->nblocks;
	p->block_last = PGR_NO_DOC;
	memset(&p->block_bound, 0, sizeof(PgrBound));
}

/*
 * The last document of a term with one block is known only from the block, so
 * that is decoded; the cursor does not move.
 */
static void
shallow_single(PgrPostings *p, uint32 target)
{
	uint32		doc = p->doc;
	uint32		block = p->priv->block;

	if (!p->priv->decoded)
	{
		load_single(p);
		p->priv->block = block;
		p->doc = doc;
		p->ndocs = 0;
	}
	p->block_last = p->docs[p->info.df - 1];
	p->block_bound = p->info.bound;
	if (target > p->block_last)
		shallow_end(p);
}

/*
 * Targets ascend, so a block that ends before them is never wanted again. Raises where
 * skips do not ascend: a search would not come to its end.
 */
void
pgr_postings_shallow_slow(PgrPostings *p, uint32 target)
{
	PgrPostingsPriv *priv = p->priv;
	const PgrSkip *skip;
	uint32		block;

	if (priv->nblocks == 1)
	{
		shallow_single(p, target);
		return;
	}
	block = find_block(priv, priv->shallow, target);
	if (block == priv->nblocks)
	{
		shallow_end(p);
		return;
	}
	priv->shallow_before = block > 0 ? skip_last(priv, block - 1) : 0;
	skip = get_skip(priv, block);
	/* searches go on behind it: it must not lie behind them */
	if (skip->last_doc < target)
		pgr_segment_corrupt(priv->seg, "skips of postings do not ascend");
	priv->shallow = block;
	p->block_last = skip->last_doc;
	p->block_bound = skip->bound;
}

/* --- bounds --- */

/*
 * The second level is used where a range has whole super blocks of it. Joins bounds,
 * which loses a little for each; a range of one block is exact.
 */
void
pgr_postings_bound(PgrPostings *p, uint32 from, uint32 to, PgrBound *bound)
{
	PgrPostingsPriv *priv = p->priv;
	uint32		block;
	uint32		last;

	if (priv->nblocks == 1)
	{
		*bound = p->info.bound;
		return;
	}
	/* ranges usually ascend; go back to the start if this one does not */
	block = find_block(priv, from > priv->bound_before ? priv->bound_block : 0, from);
	priv->bound_block = block;
	priv->bound_before = block > 0 ? skip_last(priv, block - 1) : 0;
	memset(bound, 0, sizeof(PgrBound));
	do
	{
		const PgrSuper *super;

		if (block >= priv->nblocks)
			break;
		if (block % PGR_SUPER_BLOCK == 0 && priv->nsupers > 0 &&
			(super = get_super(priv, block / PGR_SUPER_BLOCK))->last_doc <= to)
		{
			pgr_bound_extend(bound, &super->bound);
			last = super->last_doc;
			block += PGR_SUPER_BLOCK;
		}
		else
		{
			const PgrSkip *skip = get_skip(priv, block);

			pgr_bound_extend(bound, &skip->bound);
			last = skip->last_doc;
			block++;
		}
	} while (last < to);
}
