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
	uint32		ndead;			/* of both, marked by vacuum; at most the
								 * number of bits set */
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

/* --- writing: segment_write*.c --- */

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
 * Field and position of an occurrence: with nfields > 1 the field is in the
 * bits from PGR_SEG_OCC_SHIFT on (as PGR_OCC_FIELD_SHIFT of lexical.h).
 */
#define PGR_SEG_OCC_SHIFT 27

/*
 * weight >= 1; documents ascend. occ: positions: `weight` occurrences, ascending; otherwise with
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
/* where its pages are */
extern const PgrRunMap *pgr_segment_map(const PgrSegment *seg);
/* Do the tids of documents 0..ndocs-1 ascend? (Known when written.) */
extern bool pgr_segment_sorted(const PgrSegment *seg);

/*
 * Directory. doc < ndocs (+ nnulls for tid and dead). Ascending documents are
 * cheap: the page looked at last stays pinned. norm is 0 where the shape has
 * no norms, hash 0 where it has no hashes.
 */
extern void pgr_segment_field_norms(PgrSegment *seg, uint32 doc, uint8 *norms);
extern uint64 pgr_segment_hash(PgrSegment *seg, uint32 doc);
extern void pgr_segment_tid(PgrSegment *seg, uint32 doc, ItemPointer tid);
/* exact sums over documents, [nfields] */
extern void pgr_segment_field_lengths(PgrSegment *seg, uint64 *sums);
extern uint64 pgr_segment_nterms(const PgrSegment *seg);

/*
 * How often impacts were rounded: 1 as written, one more for each merge in
 * their past that changed a scale. An impact differs from the value it stands
 * for by at most rounds * scale.
 */
extern uint32 pgr_segment_rounds(const PgrSegment *seg);

/*
 * The part of a segment that inner loops look at; PgrSegment begins with it.
 * Each is the page of a column looked at last: records first .. first + n - 1.
 */
typedef struct PgrSegHot
{
	const uint8 *norms;
	uint32		norms_first;
	uint32		norms_n;
	const uint8 *dead;
	uint32		dead_first;
	uint32		dead_n;			/* documents, not bytes */
} PgrSegHot;

extern uint8 pgr_segment_norm_slow(PgrSegment *seg, uint32 doc);
extern bool pgr_segment_dead_slow(PgrSegment *seg, uint32 doc);

static inline uint8
pgr_segment_norm(PgrSegment *seg, uint32 doc)
{
	const PgrSegHot *hot = (const PgrSegHot *) seg;
	uint32		i = doc - hot->norms_first;

	if (unlikely(i >= hot->norms_n))
		return pgr_segment_norm_slow(seg, doc);
	return hot->norms[i];
}

static inline bool
pgr_segment_dead(PgrSegment *seg, uint32 doc)
{
	const PgrSegHot *hot = (const PgrSegHot *) seg;
	uint32		i = doc - hot->dead_first;

	if (unlikely(i >= hot->dead_n))
		return pgr_segment_dead_slow(seg, doc);
	return hot->dead[i / 8] >> i % 8 & 1;
}

/* --- dictionary: segment_dict.c; postings are in segment_postings.h --- */

#define PGR_TERM_INLINE_BYTES 40

/*
 * A term as the dictionary has it. May be copied; independent of the segment's
 * pages.
 */
typedef struct PgrTermInfo
{
	uint32		df;				/* postings, dead documents included */
	uint64		cf;				/* sum of weights */
	float		scale;
	PgrBound	bound;			/* of all postings */

	/* location: for segment_postings.c and segment_dict.c alone */
	uint8		form;
	uint8		doc_bits;
	uint8		weight_bits;
	uint8		inline_len;
	uint16		offset;
	uint32		page;
	uint64		skip;
	uint64		super;
	uint64		position_off;
	uint64		freq_off;
	uint8		inline_data[PGR_TERM_INLINE_BYTES];
} PgrTermInfo;

extern bool pgr_segment_find(PgrSegment *seg, const char *term, uint32 len, PgrTermInfo *info);

/* Terms in order from the first one >= start. */
typedef struct PgrTermIter PgrTermIter;
extern PgrTermIter *pgr_term_iter_begin(PgrSegment *seg, const char *start, uint32 len);
/* false at the end; the term is valid until the next call */
extern bool pgr_term_iter_next(PgrTermIter *it, const char **term, uint32 *len, PgrTermInfo *info);
extern void pgr_term_iter_end(PgrTermIter *it);

/* Counters for EXPLAIN and benchmarks, added to since the backend started. */
typedef struct PgrSegCounters
{
	uint64		blocks_decoded;
	uint64		blocks_skipped; /* jumped over by a cursor */
	uint64		docs_scored;
} PgrSegCounters;
extern PgrSegCounters pgr_seg_counters;

/* --- merging and vacuum: segment_merge.c, segment_delete.c --- */

/*
 * Merges segments into a new one, leaving out dead documents and NULL rows. The
 * others keep their order, inputs one after the other. Impacts of a term are
 * rescaled to the largest scale. Nobody may mark rows of the inputs dead meanwhile.
 * Interruptible. The map is palloc'd.
 */
extern void pgr_segment_merge(Relation rel, PgrSegment **segs, int nsegs, uint32 generation,
							  const PgrSegShape *shape, PgrRunTarget target, BufFile *file,
							  PgrSegDesc *desc, PgrRunMap **map);

/*
 * Marks rows whose tid the callback condemns; O(rows). Each page of the bitmap
 * that changes is a WAL record. The caller holds the maintenance lock. Returns
 * how many were newly marked; *live gets the number left, so that ndead = ndocs
 * + nnulls - *live, also where a crash lost the count of an earlier call.
 */
extern uint32 pgr_segment_bulk_delete(Relation rel, PgrSegment *seg,
									  bool (*dead) (ItemPointer tid, void *arg), void *arg,
									  uint64 *live);

/* --- checking: segment_check.c --- */

/*
 * Verifies a segment's structure: every page, order of terms and documents,
 * bounds, counts. Calls report(arg, message) for each fault. sums (may be NULL):
 * [ndocs], gets the sum of the fingerprints of each document's postings; where weights
 * are impacts (no norms), which are rounded, the number of its postings.
 */
extern void pgr_segment_check(PgrSegment *seg,
							  void (*report) (void *arg, const char *message),
							  void *arg, uint64 *sums);

/* A hash of one posting; occ: n occurrences or frequencies by field, as they are stored. */
extern uint64 pgr_posting_fingerprint(const char *term, uint32 len, uint32 weight,
									  const uint32 *occ, uint32 n);

#endif							/* PGR_SEGMENT_H */
