/*
 * segment_write.h
 *		A segment being written. Private to src/segment.
 *
 * Everything is allocated in the memory context that was current at pgr_seg_begin, and
 * freed by pgr_seg_finish. Nothing locks but the run, a page at a time. Out of disk space
 * or cancelled, a writer is left as it is: its context goes, its pages are of a generation
 * that nobody has published.
 */
#ifndef PGR_SEGMENT_WRITE_H
#define PGR_SEGMENT_WRITE_H

#include "segment/segment_private.h"

/* The directory of documents, until it is written. */
typedef struct PgrSegColumns
{
	bool		written;
	uint8	   *norms;			/* kept to the end */
	Size		norms_size;
	PgrSegSpool	field_norms;
	PgrSegSpool	tids;
	PgrSegSpool	hashes;
	PgrSegSpool	lengths;
	ItemPointerData last_tid;	/* of the document added last */
} PgrSegColumns;

/* What all terms' postings go to. */
typedef struct PgrSegLists
{
	uint32		page_used;		/* bytes of the page of postings being filled */
	PgrSegSpool	skips;
	PgrSegSpool	supers;
	PgrSegSpool	positions;
	PgrSegSpool	position_dir;
	PgrSegSpool	freqs;
	PgrSegSpool	freq_dir;
	uint64		nskips;
	uint64		nsupers;
} PgrSegLists;

/* The current term. */
typedef struct PgrSegTerm
{
	bool		open;
	uint32		len;
	char		bytes[PGR_MAX_TERM];
	float		scale;
	uint32		df;
	uint64		cf;
	PgrFrontier frontier;		/* of its blocks so far */
	PgrFrontier super_frontier; /* of its current super block */
	uint32		nblocks;		/* complete ones */
	uint32		nsupers;		/* complete super blocks */
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
} PgrSegTerm;

/* The current block of the current term. */
typedef struct PgrSegBlock
{
	PgrRawBlock raw;
	int64		before;			/* document before it, or -1 */
	PgrFrontier frontier;
	StringInfoData positions;	/* not yet in the spool */
	StringInfoData freqs;
	uint64		positions_off;	/* where the block's positions begin */
	uint64		freqs_off;
} PgrSegBlock;

struct PgrSegWriter
{
	MemoryContext context;
	PgrSegShape shape;
	PgrRunWriter *run;
	PgrSegHeader header;
	PgrDictBuilder *dict;
	PgrSegColumns columns;
	PgrSegLists lists;
	PgrSegTerm	term;
	PgrSegBlock block;
};

/* --- segment_section.c --- */

/* Begins a section at the next page; the caller sets npages when it ends. */
extern PgrSectionLoc *pgr_seg_begin_section(PgrSegWriter *w, PgrSegSection section, uint64 items);

/* Writes a spooled section of records (or of bytes, record = 1) and frees the spool. */
extern void pgr_seg_write_spool(PgrSegWriter *w, PgrSegSection section, PgrSegSpool *s,
								uint32 record);

/* Writes bytes in memory (NULL: zeroes) as a section. */
extern void pgr_seg_write_bytes(PgrSegWriter *w, PgrSegSection section, const uint8 *data,
								uint64 len);

/* --- segment_write_docs.c --- */

/* Writes the directory, complete when the first term comes, and begins the postings. */
extern void pgr_seg_write_columns(PgrSegWriter *w);

/* --- segment_write_postings.c --- */

/* Begins a block of the current term, whose last document so far is `before`, or -1. */
extern void pgr_seg_begin_block(PgrSegWriter *w, int64 before);

/* Packs the current block and begins another one of the same term. */
extern void pgr_seg_end_block(PgrSegWriter *w);

/* Ends a super block of the current term, at its document last_doc. */
extern void pgr_seg_end_super(PgrSegWriter *w, uint32 last_doc);

/* Looks up the norms of the current block. */
extern void pgr_seg_load_norms(PgrSegWriter *w);

/* --- segment_write_terms.c --- */

/* Enters the current term into the dictionary, unless it has no posting. */
extern void pgr_seg_end_term(PgrSegWriter *w);

#endif							/* PGR_SEGMENT_WRITE_H */
