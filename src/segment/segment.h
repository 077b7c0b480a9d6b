/*
 * segment.h
 *		Immutable segments: a directory of documents, a dictionary of terms, and
 *		for each term its postings. Shared by the inverted index (term = lexeme
 *		or dimension) and later the token-level multi-vector engine (term =
 *		centroid). See src/segment/README.
 *
 * Documents are numbered 0..ndocs-1 in the order in which they were added.
 * Terms are byte strings compared by memcmp, then length. A posting is a
 * (document, weight) pair: weight is a term frequency, or an 8-bit impact.
 */
#ifndef PGR_SEGMENT_H
#define PGR_SEGMENT_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "storage/storage.h"

#define PGR_POSTING_BLOCK 128	/* postings of a full block */
#define PGR_SUPER_BLOCK 32		/* blocks of a second-level skip entry */
#define PGR_MAX_FIELDS 16
#define PGR_NO_DOC PG_UINT32_MAX
#define PGR_MAX_TERM 2048		/* bytes of a term */

/* What a segment stores. All segments of an index have the same shape. */
typedef struct PgrSegShape
{
	bool		norms;			/* a one-byte quantised length for each document */
	bool		hashes;			/* a 64-bit content hash for each document */
	bool		positions;		/* occurrences of each posting */
	uint8		nfields;		/* > 1: a length byte per field, and per-field
								 * frequencies of each posting */
} PgrSegShape;

/*
 * A segment as its index's metapage lists it: all that a reader needs before it
 * opens the segment.
 */
typedef struct PgrSegDesc
{
	uint64		sum_length;		/* of documents, unquantised; dead ones included */
	uint32		generation;
	BlockNumber root;			/* block of its header page */
	uint32		npages;
	uint32		ndocs;			/* documents, dead ones included */
	uint32		nnulls;			/* rows without a document (NULL), numbered
								 * ndocs..ndocs+nnulls-1; no term, no length */
	uint32		ndead;			/* of both, marked by vacuum */
} PgrSegDesc;

StaticAssertDecl(sizeof(PgrSegDesc) == 32, "segment descriptor is 32 bytes");

/* A document when it is added, and its directory entry when read. */
typedef struct PgrSegDoc
{
	ItemPointerData tid;
	uint8		norm;
	uint8		field_norm[PGR_MAX_FIELDS]; /* nfields > 1 */
	uint32		length;			/* exact; writing only, for sum_length */
	uint32		field_length[PGR_MAX_FIELDS];	/* exact; writing only */
	uint64		hash;
} PgrSegDoc;

/*
 * Upper bounds of a set of postings: each posting (weight, norm) is dominated
 * by one of the pairs (weight >= its weight and norm <= its norm). A weight of
 * 255 stands for any. Unused pairs are zero.
 */
#define PGR_BOUND_PAIRS 4
typedef struct PgrBound
{
	uint8		weight[PGR_BOUND_PAIRS];
	uint8		norm[PGR_BOUND_PAIRS];
} PgrBound;

/* --- writing: segment_write.c --- */

typedef struct PgrSegWriter PgrSegWriter;

/*
 * Begins a segment in the current memory context. First all documents in order,
 * then all NULL rows, then all terms ascending, each with its postings in
 * document order. `scale` of a term is free for the caller (sparse vectors: the
 * value of an impact of 1, a power of two).
 */
extern PgrSegWriter *pgr_seg_begin(Relation rel, uint32 generation, const PgrSegShape *shape,
								   PgrRunTarget target, BufFile *file);
extern uint32 pgr_seg_add_doc(PgrSegWriter *w, const PgrSegDoc *doc);
extern void pgr_seg_add_null(PgrSegWriter *w, ItemPointer tid);
extern void pgr_seg_begin_term(PgrSegWriter *w, const char *term, uint32 len, float scale);

/*
 * weight >= 1. occ: positions: `weight` occurrences, ascending; otherwise with
 * nfields > 1: nfields frequencies; otherwise NULL.
 */
extern void pgr_seg_add_posting(PgrSegWriter *w, uint32 doc, uint32 weight, const uint32 *occ);

/* The run map is palloc'd; for a relation target it is stored in the segment too. */
extern void pgr_seg_finish(PgrSegWriter *w, PgrSegDesc *desc, PgrRunMap **map);

/* --- reading: segment_read.c --- */

typedef struct PgrSegment PgrSegment;

/* Opens in the current memory context; pins are held until close. */
extern PgrSegment *pgr_segment_open(Relation rel, const PgrSegDesc *desc, const PgrSegShape *shape);
/* a temporary segment, by its map */
extern PgrSegment *pgr_segment_open_map(Relation rel, const PgrSegDesc *desc,
										const PgrSegShape *shape,
										const PgrRunMap *map);
extern void pgr_segment_close(PgrSegment *seg);
extern const PgrSegDesc *pgr_segment_desc(const PgrSegment *seg);
/* Do the tids of documents 0..ndocs-1 ascend? (Known when written.) */
extern bool pgr_segment_sorted(const PgrSegment *seg);

/* Directory. doc < ndocs (+ nnulls for tid and dead). */
extern uint8 pgr_segment_norm(PgrSegment *seg, uint32 doc);
/*
 * The norms of the documents [*first, *first + *count), doc among them; valid
 * until the next call for this segment.
 */
extern const uint8 *pgr_segment_norms(PgrSegment *seg, uint32 doc, uint32 *first, uint32 *count);
extern void pgr_segment_field_norms(PgrSegment *seg, uint32 doc, uint8 *norms);
extern uint64 pgr_segment_hash(PgrSegment *seg, uint32 doc);
extern void pgr_segment_tid(PgrSegment *seg, uint32 doc, ItemPointer tid);
extern bool pgr_segment_dead(PgrSegment *seg, uint32 doc);
/* exact sums over documents, [nfields] */
extern void pgr_segment_field_lengths(PgrSegment *seg, uint64 *sums);

/* --- dictionary: segment_dict.c --- */

typedef struct PgrTermInfo
{
	uint32		df;				/* postings, dead documents included */
	uint64		cf;				/* sum of weights */
	float		scale;
	PgrBound	bound;			/* of all postings */
	/* location: for segment_postings.c alone */
	uint32		page;
	uint16		offset;
	uint16		form;
	uint32		inline_doc;
	uint32		inline_weight;
} PgrTermInfo;

extern bool pgr_segment_find(PgrSegment *seg, const char *term, uint32 len, PgrTermInfo *info);

/* Terms in order from the first one >= start. */
typedef struct PgrTermIter PgrTermIter;
extern PgrTermIter *pgr_term_iter_begin(PgrSegment *seg, const char *start, uint32 len);
/* false at the end; the term is valid until the next call */
extern bool pgr_term_iter_next(PgrTermIter *it, const char **term, uint32 *len, PgrTermInfo *info);
extern void pgr_term_iter_end(PgrTermIter *it);

/* --- postings: segment_postings.c --- */

/*
 * A cursor over a term's postings. Decodes a block at a time; the block's
 * arrays are open to inner loops. Weights are decoded when first asked for.
 */
typedef struct PgrPostings
{
	uint32		doc;			/* current document, PGR_NO_DOC at the end */

	/* decoded block */
	uint32		ndocs;			/* postings in it */
	uint32		pos;			/* of doc */
	uint32		docs[PGR_POSTING_BLOCK];
	uint32		weights[PGR_POSTING_BLOCK];
	bool		weights_valid;

	/* shallow position: the block that would hold the target last asked for */
	uint32		block_last;		/* its last document */
	PgrBound	block_bound;

	PgrTermInfo info;
	struct PgrPostingsPriv *priv;
} PgrPostings;

/* Before the first posting: doc = PGR_NO_DOC until the first advance or next. */
extern PgrPostings *pgr_postings_open(PgrSegment *seg, const PgrTermInfo *info);
extern void pgr_postings_close(PgrPostings *p);

/* First document >= target (target > doc once positioned); PGR_NO_DOC at the end. */
extern uint32 pgr_postings_advance(PgrPostings *p, uint32 target);
extern uint32 pgr_postings_next(PgrPostings *p);

/*
 * Moves the shallow position to the block that holds the first document >=
 * target, without decoding it: block_last, block_bound. At the end block_last =
 * PGR_NO_DOC and the bound is empty. Targets ascend.
 */
extern void pgr_postings_shallow(PgrPostings *p, uint32 target);

/* An upper bound of all postings in [from, to], from one or more skip levels. */
extern void pgr_postings_bound(PgrPostings *p, uint32 from, uint32 to, PgrBound *bound);

/* Weight of the current posting. */
extern uint32 pgr_postings_weight(PgrPostings *p);
/* Decodes the weights of the current block. */
extern void pgr_postings_load_weights(PgrPostings *p);

/* Occurrences of the current posting, valid until it moves; shape.positions. */
extern const uint32 *pgr_postings_occurrences(PgrPostings *p, uint32 *n);
/* Frequencies by field of the current posting into f[nfields]; nfields > 1. */
extern void pgr_postings_fields(PgrPostings *p, uint32 *f);

/* Counters for EXPLAIN and benchmarks, added to since the backend started. */
typedef struct PgrSegCounters
{
	uint64		blocks_decoded;
	uint64		blocks_skipped;
	uint64		docs_scored;
} PgrSegCounters;
extern PgrSegCounters pgr_seg_counters;

/* --- merging and vacuum: segment_merge.c --- */

/*
 * Merges segments into a new one, leaving out dead documents; documents keep
 * their order, inputs one after the other (or by tid where all are so sorted).
 * impacts: lists of a term have scales that are powers of two; those of smaller
 * scale are shifted (rounding, at least 1) to the largest. Interruptible.
 */
extern void pgr_segment_merge(Relation rel, PgrSegment **segs, int nsegs, uint32 generation,
							  const PgrSegShape *shape, PgrRunTarget target, BufFile *file,
							  PgrSegDesc *desc, PgrRunMap **map);

/*
 * Marks documents whose tid the callback condemns; O(documents). Each change is
 * WAL-logged. The caller holds the maintenance lock. Returns how many were
 * newly marked; *live gets the number left.
 */
extern uint32 pgr_segment_bulk_delete(Relation rel, PgrSegment *seg,
									  bool (*dead) (ItemPointer tid, void *arg), void *arg,
									  uint64 *live);

/* --- checking: segment_check.c --- */

/*
 * Verifies a segment's structure: every page, order of terms and documents,
 * bounds, counts. Calls report(arg, message) for each fault.
 */
extern void pgr_segment_check(PgrSegment *seg,
							  void (*report) (void *arg, const char *message),
							  void *arg);

#endif							/* PGR_SEGMENT_H */
