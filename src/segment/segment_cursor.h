/*
 * segment_cursor.h
 *		The inside of a postings cursor, for segment_postings.c and
 *		segment_occur.c.
 */
#ifndef PGR_SEGMENT_CURSOR_H
#define PGR_SEGMENT_CURSOR_H

#include "segment/segment_postings.h"
#include "segment/segment_read.h"

/* block + 1 is the first block */
#define PGR_BEFORE_FIRST PG_UINT32_MAX

/* Where occurrences of the decoded block are read. */
typedef struct PgrOccurrences
{
	bool		ready;			/* streams are initialised */
	uint32		block;			/* block that the state below belongs to */

	/* frequencies by field, decoded for a whole block: [n][nfields] */
	uint32		freqs_n;
	uint32	   *freqs;
	PgrStream	freq_stream;

	/* positions, decoded posting by posting */
	PgrStream	position_stream;
	uint32		next;			/* posting whose positions come next */
	const uint8 *inline_next;	/* the same for inline postings */
	uint32		current;		/* posting that occ holds, or PGR_NO_DOC */
	uint32		nocc;
	Size		occ_size;
	uint32	   *occ;
} PgrOccurrences;

typedef struct PgrPostingsPriv
{
	PgrSegment *seg;
	MemoryContext context;		/* the cursor's */
	uint32		nblocks;
	uint32		nsupers;		/* 0 if there is no second level */
	uint64		first_skip;
	uint64		first_super;
	PgrRunView	view;			/* postings page of the decoded block */
	PgrRunView	skip_view;
	PgrRunView	super_view;

	/* the decoded block */
	uint32		block;			/* PGR_BEFORE_FIRST; nblocks at the end */
	uint16		offset;
	uint8		doc_bits;
	uint8		weight_bits;

	/* the shallow position */
	uint32		shallow;		/* block */
	uint32		shallow_before; /* last document before it, or 0 */
	bool		decoded;		/* of a term with one block: that is in the arrays */

	/* where pgr_postings_bound looked last */
	uint32		bound_block;
	uint32		bound_before;

	const uint8 *inline_rest;	/* after inline postings */
	PgrOccurrences occ;
} PgrPostingsPriv;

#endif							/* PGR_SEGMENT_CURSOR_H */
