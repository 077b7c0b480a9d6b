/*
 * segment_postings.h
 *		Cursors over the postings of a term in an open segment.
 *
 * A cursor is allocated in the memory context current when it is opened (1.2 kB, more
 * where occurrences are read), and keeps a page each of postings and skips pinned until it
 * is closed. All functions raise ERRCODE_INDEX_CORRUPTED for what cannot be.
 */
#ifndef PGR_SEGMENT_POSTINGS_H
#define PGR_SEGMENT_POSTINGS_H

#include "segment/segment.h"

/*
 * A cursor over a term's postings. Decodes a block at a time; the block's
 * arrays are open to inner loops. Weights are decoded when first asked for.
 */
typedef struct PgrPostings
{
	uint32		doc;			/* current document, PGR_NO_DOC at the end */

	/* decoded block: ndocs = 0 if none */
	uint32		ndocs;			/* postings in it */
	uint32		pos;			/* of doc */
	uint32		last;			/* its last document */
	bool		weights_valid;

	/* shallow position: the block that would hold the target last asked for */
	uint32		block_last;		/* its last document */
	PgrBound	block_bound;

	uint32		docs[PGR_POSTING_BLOCK];	/* PGR_NO_DOC from ndocs on */
	uint32		weights[PGR_POSTING_BLOCK];

	PgrTermInfo info;
	struct PgrPostingsPriv *priv;
} PgrPostings;

/* Before the first posting: doc = PGR_NO_DOC until the first advance or next. */
extern PgrPostings *pgr_postings_open(PgrSegment *seg, const PgrTermInfo *info);
extern void pgr_postings_close(PgrPostings *p);

/*
 * Decodes the block with the first document >= target, but no block before the
 * decoded one; false at the end. Leaves pos and doc at that document.
 */
extern bool pgr_postings_seek_block(PgrPostings *p, uint32 target);

/*
 * Decodes the next block and stands on its first posting; false at the end. For
 * loops over the arrays.
 */
extern bool pgr_postings_next_block(PgrPostings *p);

/*
 * First element >= target among 128 ascending ones, the last of which is. A
 * search of fixed depth: its compares become conditional moves.
 */
static inline uint32
pgr_block_search(const uint32 *docs, uint32 target)
{
	const uint32 *base = docs;

	StaticAssertStmt(PGR_POSTING_BLOCK == 128, "search depth");
	base += base[63] < target ? 64 : 0;
	base += base[31] < target ? 32 : 0;
	base += base[15] < target ? 16 : 0;
	base += base[7] < target ? 8 : 0;
	base += base[3] < target ? 4 : 0;
	base += base[1] < target ? 2 : 0;
	base += base[0] < target ? 1 : 0;
	return (uint32) (base - docs);
}

/*
 * First document >= target; PGR_NO_DOC at the end. Once positioned, target must
 * be above doc.
 */
static inline uint32
pgr_postings_advance(PgrPostings *p, uint32 target)
{
	if (likely(p->ndocs > 0 && target <= p->last))
	{
		p->pos = pgr_block_search(p->docs, target);
		return p->doc = p->docs[p->pos];
	}
	pgr_postings_seek_block(p, target);
	return p->doc;
}

static inline uint32
pgr_postings_next(PgrPostings *p)
{
	if (likely(p->pos + 1 < p->ndocs))
		return p->doc = p->docs[++p->pos];
	pgr_postings_next_block(p);
	return p->doc;
}

/*
 * Moves the shallow position to the block that holds the first document >=
 * target, without decoding it: block_last, block_bound. At the end block_last =
 * PGR_NO_DOC and the bound is empty. Targets ascend.
 */
extern void pgr_postings_shallow_slow(PgrPostings *p, uint32 target);
static inline void
pgr_postings_shallow(PgrPostings *p, uint32 target)
{
	if (target > p->block_last || p->block_last == 0)
		pgr_postings_shallow_slow(p, target);
}

/*
 * An upper bound of all postings in [from, to], from one or more skip levels;
 * empty if there are none. Independent of both positions.
 */
extern void pgr_postings_bound(PgrPostings *p, uint32 from, uint32 to, PgrBound *bound);

/* Decodes the weights of the current block. */
extern void pgr_postings_load_weights(PgrPostings *p);

/* Weight of the current posting. */
static inline uint32
pgr_postings_weight(PgrPostings *p)
{
	if (!p->weights_valid)
		pgr_postings_load_weights(p);
	return p->weights[p->pos];
}

/* Occurrences of the current posting, valid until it moves; shape.positions. */
extern const uint32 *pgr_postings_occurrences(PgrPostings *p, uint32 *n);
/* Frequencies by field of the current posting into f[nfields]; nfields > 1. */
extern void pgr_postings_fields(PgrPostings *p, uint32 *f);

#endif							/* PGR_SEGMENT_POSTINGS_H */
