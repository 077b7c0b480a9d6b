/*
 * segment_private.h
 *		What the files of src/segment share among themselves, but for the insides of a
 *		writer (segment_write.h) and of an open segment (segment_read.h).
 */
#ifndef PGR_SEGMENT_PRIVATE_H
#define PGR_SEGMENT_PRIVATE_H

#include "base/compat.h"
#include "base/varint.h"
#include "lib/stringinfo.h"
#include "segment/segment.h"
#include "segment/segment_page.h"

/* --- segment_bound.c --- */

/*
 * The true Pareto frontier of (weight, norm) pairs, weights ascending, norms
 * ascending: no pair dominates another. Weights are capped at 255, so there
 * are at most 255.
 */
typedef struct PgrFrontier
{
	int			n;
	uint8		weight[256];
	uint8		norm[256];
} PgrFrontier;

extern void pgr_frontier_add(PgrFrontier *f, uint32 weight, uint8 norm);
extern void pgr_frontier_merge(PgrFrontier *f, const PgrFrontier *from);
/* The frontier merged down to PGR_BOUND_PAIRS pairs that dominate it. */
extern void pgr_frontier_reduce(const PgrFrontier *f, PgrBound *bound);
/* Widens a bound so that it dominates another one too. */
extern void pgr_bound_extend(PgrBound *bound, const PgrBound *other);
extern bool pgr_bound_covers(const PgrBound *bound, uint32 weight, uint8 norm);

/* --- segment_spool.c --- */

/*
 * Bytes written front to back and read back once, in memory or, beyond
 * PGR_SEG_SPOOL_MEMORY, in a temporary file: a section until its place in the run
 * comes.
 */
#define PGR_SEG_SPOOL_MEMORY (64 * 1024)

typedef struct PgrSegSpool
{
	char	   *buf;
	uint32		used;			/* bytes of buf */
	uint32		size;			/* allocated */
	uint64		total;			/* bytes put, those in the file included */
	BufFile    *file;
	MemoryContext context;
} PgrSegSpool;

extern void pgr_seg_spool_init(PgrSegSpool *s);
extern void pgr_seg_spool_put(PgrSegSpool *s, const void *data, Size len);
/* Ends writing; then read from the start. The spool frees itself at the end. */
extern void pgr_seg_spool_rewind(PgrSegSpool *s);
extern void pgr_seg_spool_get(PgrSegSpool *s, void *data, Size len);
extern void pgr_seg_spool_free(PgrSegSpool *s);

/* --- segment_dict_build.c --- */

/*
 * Builds the dictionary bottom-up from ascending terms: leaves, then inner
 * levels as needed, each a spool of pages.
 */
typedef struct PgrDictBuilder PgrDictBuilder;
extern PgrDictBuilder *pgr_dict_build_begin(void);
extern void pgr_dict_build_add(PgrDictBuilder *b, const char *term, uint32 len,
							   const uint8 *payload, uint32 payload_len);
/* Writes leaves and inner levels to the run; sets the header's sections. */
extern void pgr_dict_build_finish(PgrDictBuilder *b, PgrRunWriter *run, PgrSegHeader *header);

/* --- segment_block.c --- */

/* A block of postings in memory, before it is packed or after it is inlined. */
typedef struct PgrRawBlock
{
	uint32		n;
	uint32		docs[PGR_POSTING_BLOCK];
	uint32		weights[PGR_POSTING_BLOCK];
	uint8		norms[PGR_POSTING_BLOCK];
} PgrRawBlock;

/*
 * Packs a block into dst, which has PGR_BLOCK_MAX_BYTES; gives the number of
 * bytes. before: the last document of the term's block before, or -1. Fills
 * doc_bits, weight_bits and last_doc of the entry.
 */
#define PGR_BLOCK_MAX_BYTES (PGR_POSTING_BLOCK * 8 + 1)
extern uint32 pgr_block_pack(const PgrRawBlock *raw, int64 before, uint8 *dst, PgrSkip *skip);

/*
 * Unpacks documents, weights. avail: bytes that may be read from src; false
 * if that is too little, or if documents do not ascend below ndocs. Those beyond n become
 * PGR_NO_DOC.
 */
extern bool pgr_block_unpack_docs(const uint8 *src, uint32 avail, uint32 n, int64 before,
								  unsigned doc_bits, uint32 ndocs, uint32 *docs);
extern bool pgr_block_unpack_weights(const uint8 *src, uint32 avail, uint32 n,
									 unsigned doc_bits, unsigned weight_bits, uint32 *weights);

/*
 * Inline postings: a norm byte each if the segment has norms, and a varint
 * (gap << 1 | (weight > 1)), with weight - 2 after it if that bit is set; then
 * bytes of frequencies, then of positions. Gives bytes used or 0 if it does not
 * fit PGR_TERM_INLINE_BYTES.
 */
extern uint32 pgr_inline_pack(const PgrRawBlock *raw, bool norms, const StringInfoData *freqs,
							  const StringInfoData *positions, uint8 *dst);

/*
 * Gives where the frequencies begin, or NULL if the data are damaged: documents ascend
 * below ndocs, and there is one at least.
 */
extern const uint8 *pgr_inline_unpack(const uint8 *src, uint32 len, uint32 n, bool norms,
									  uint32 ndocs, PgrRawBlock *raw);

/* --- for writers: shared by the merge --- */
extern const PgrSegHeader *pgr_seg_writer_header(const PgrSegWriter *w);
extern void pgr_seg_set_rounds(PgrSegWriter *w, uint32 rounds);

#endif							/* PGR_SEGMENT_PRIVATE_H */
