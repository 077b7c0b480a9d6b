/*
 * segment_page.h
 *		On-disk format of segments. See src/segment/README, "Layout".
 *
 * Everything is in logical pages of PGR_PAGE_CAPACITY bytes of a run
 * (storage/storage.h). Sections are contiguous ranges of them.
 */
#ifndef PGR_SEGMENT_PAGE_H
#define PGR_SEGMENT_PAGE_H

#include "segment/segment.h"

#define PGR_SEG_MAGIC 0x47455350	/* "PSEG" */
#define PGR_SEG_VERSION 1

/*
 * Sections of fixed-size records hold PGR_PAGE_CAPACITY / size records a page,
 * so that a record never crosses a page and is found by arithmetic. Sections of
 * bytes are continuous streams.
 */
typedef enum PgrSegSection
{
	PGR_SECT_NORMS,				/* 1 byte a document */
	PGR_SECT_FIELD_NORMS,		/* nfields bytes a document */
	PGR_SECT_TIDS,				/* 6 bytes a document or NULL row */
	PGR_SECT_HASHES,			/* 8 bytes a document */
	PGR_SECT_LENGTHS,			/* varint stream: exact lengths, for merges */
	PGR_SECT_DEAD,				/* bitmap, bytes */
	PGR_SECT_POSTINGS,			/* blocks; none crosses a page */
	PGR_SECT_SKIPS,				/* PgrSkip, of terms with several blocks */
	PGR_SECT_SUPERS,			/* PgrSuper, of terms with more than PGR_SUPER_BLOCK blocks */
	PGR_SECT_POSITIONS,			/* varint stream */
	PGR_SECT_POSITION_DIR,		/* uint64 for each PgrSkip: where its block's positions begin */
	PGR_SECT_FREQS,				/* varint stream: frequencies by field */
	PGR_SECT_FREQ_DIR,			/* uint64 for each PgrSkip */
	PGR_SECT_LEAVES,			/* dictionary pages with terms */
	PGR_SECT_INNER,				/* dictionary pages with separators, root first */
	PGR_SECT_COUNT
} PgrSegSection;

typedef struct PgrSectionLoc
{
	uint64		items;			/* records, or bytes of a stream */
	uint32		start;			/* logical page */
	uint32		npages;
} PgrSectionLoc;

StaticAssertDecl(sizeof(PgrSectionLoc) == 16, "section location is 16 bytes");

#define PGR_DICT_MAX_LEVELS 24

/*
 * Page 0 of a segment. Extents follow, as many as fit; if there are more, the
 * rest is on overflow pages (PgrSegOverflow), at the end of the run, linked by
 * block number because their extents may not be known yet.
 */
typedef struct PgrSegHeader
{
	uint32		magic;
	uint16		version;
	uint8		nfields;
	uint8		flags;			/* PGR_SEG_HAS_* */
	uint32		ndocs;
	uint32		nnulls;
	uint64		nterms;
	uint64		npostings;
	uint64		sum_length;
	uint64		field_length[PGR_MAX_FIELDS];
	PgrSectionLoc sections[PGR_SECT_COUNT];
	uint32		rounds;			/* see pgr_segment_rounds */
	uint32		npages;
	uint32		nlevels;		/* inner levels of the dictionary */
	uint32		level_pages[PGR_DICT_MAX_LEVELS];	/* pages of each, root first */
	BlockNumber overflow;		/* first overflow page, or InvalidBlockNumber */
	uint32		nextents;		/* in all */
	uint32		nextents_here;
} PgrSegHeader;

#define PGR_SEG_HAS_NORMS 0x01
#define PGR_SEG_HAS_HASHES 0x02
#define PGR_SEG_HAS_POSITIONS 0x04
#define PGR_SEG_UNSORTED 0x08	/* tids of documents do not ascend */

StaticAssertDecl(sizeof(PgrSegHeader) == 40 + 8 * PGR_MAX_FIELDS + 16 * PGR_SECT_COUNT +
				 4 * PGR_DICT_MAX_LEVELS + 24, "segment header has no padding");

#ifndef PGR_SEG_HEADER_EXTENTS
#define PGR_SEG_HEADER_EXTENTS \
	((PGR_PAGE_CAPACITY - sizeof(PgrSegHeader)) / sizeof(PgrExtent))
#endif

typedef struct PgrSegOverflow
{
	BlockNumber next;			/* or InvalidBlockNumber */
	uint32		nextents;		/* on this page */
} PgrSegOverflow;

#ifndef PGR_SEG_OVERFLOW_EXTENTS
#define PGR_SEG_OVERFLOW_EXTENTS \
	((PGR_PAGE_CAPACITY - sizeof(PgrSegOverflow)) / sizeof(PgrExtent))
#endif

/* Where a block of postings is and what it holds. */
typedef struct PgrSkip
{
	uint32		last_doc;
	uint32		page;			/* logical */
	uint16		offset;
	uint8		doc_bits;		/* width of the packed gaps */
	uint8		weight_bits;	/* width of the packed weights; PGR_SKIP_PATCHED */
	PgrBound	bound;
} PgrSkip;

#define PGR_SKIP_PATCHED 0x80	/* weights have exceptions */
#define PGR_SKIP_WIDTH(weight_bits) ((weight_bits) & 0x3f)

StaticAssertDecl(sizeof(PgrSkip) == 20, "skip entry is 20 bytes");

/* Of PGR_SUPER_BLOCK blocks, the last one of a term maybe fewer. */
typedef struct PgrSuper
{
	uint32		last_doc;
	PgrBound	bound;
} PgrSuper;

StaticAssertDecl(sizeof(PgrSuper) == 12, "second-level skip entry is 12 bytes");

/*
 * A dictionary page: entries, then offsets of the entries that are not prefix
 * compressed (every PGR_DICT_RESTART-th). Leaf and inner pages differ in that
 * an entry of an inner page has no payload: entry i leads to page first_child +
 * i of the level below.
 */
typedef struct PgrDictPage
{
	uint16		nentries;
	uint16		restarts;		/* offset of uint16[nrestarts] */
	uint16		nrestarts;
	uint16		unused;
	uint32		first_child;
	uint32		unused2;
} PgrDictPage;

StaticAssertDecl(sizeof(PgrDictPage) == 16, "dictionary page header is 16 bytes");

#define PGR_DICT_RESTART 16

/*
 * The payload of a term: a byte of flags, then what they announce, in this
 * order.
 *	 scale			float4		PGR_TERM_SCALE
 *	 INLINE			postings, see segment_block.c
 *	 BLOCK, BLOCKS	df			varint
 *					cf - df		varint		PGR_TERM_CF
 *					bound		PGR_TERM_COUNT(flags) times {weight, norm}
 *	 BLOCK			page varint, offset uint16, doc_bits, weight_bits,
 *					position offset varint, freq offset varint (if the segment has them)
 *	 BLOCKS			number of its first PgrSkip varint, of its first PgrSuper varint
 */
#define PGR_TERM_FORM(flags) ((flags) & 0x03)
#define PGR_TERM_INLINE 0
#define PGR_TERM_BLOCK 1
#define PGR_TERM_BLOCKS 2
#define PGR_TERM_SCALE 0x04
#define PGR_TERM_CF 0x08
/* INLINE: its postings; others: pairs of its bound */
#define PGR_TERM_COUNT(flags) ((flags) >> 4)
#define PGR_TERM_MAX_INLINE 15	/* postings */

#endif							/* PGR_SEGMENT_PAGE_H */
