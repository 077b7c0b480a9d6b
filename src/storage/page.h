/*
 * page.h
 *		On-disk page format of all access methods. See src/storage/README.
 *
 * Includable by inspection tools: declares the format and accessors, no
 * functions that read or write a relation (those are in storage.h).
 */
#ifndef PGR_PAGE_H
#define PGR_PAGE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/bufpage.h"

typedef enum PgrPageKind
{
	PGR_PAGE_ANY = 0,			/* pgr_page_read: whatever it is */
	PGR_PAGE_META = 1,
	PGR_PAGE_SPACE = 2,
	PGR_PAGE_SEGMENT = 0x10,	/* src/segment */
	PGR_PAGE_PENDING = 0x11,	/* src/inverted */
	PGR_PAGE_SEGMENT_LIST = 0x12,
	PGR_PAGE_HNSW_ENTRY = 0x20, /* src/hnsw */
	PGR_PAGE_HNSW_NODE = 0x21,
	PGR_PAGE_HNSW_AUX = 0x22,
	PGR_PAGE_HNSW_FILTER = 0x23,
} PgrPageKind;

#define PGR_PAGE_ID 0xFFA7		/* core and contrib have 0xFF80 to 0xFF83 and 0xF091 to 0xF093 */
#define PGR_PAGE_VERSION 1

typedef struct PgrPageOpaque
{
	uint32		generation;		/* owner; 0 for pages that are never recycled */
	BlockNumber next;			/* chain, or InvalidBlockNumber */
	uint16		kind;			/* PgrPageKind */
	uint8		version;		/* PGR_PAGE_VERSION */
	uint8		flags;			/* meaning depends on kind */
	uint16		unused;
	uint16		page_id;		/* PGR_PAGE_ID */
} PgrPageOpaque;

StaticAssertDecl(sizeof(PgrPageOpaque) == 16, "page opaque is 16 bytes");

#define PGR_PAGE_CAPACITY \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - MAXALIGN(sizeof(PgrPageOpaque)))

/* A function, because core's macro evaluates its argument twice in some majors. */
static inline PgrPageOpaque *
PgrPageGetOpaque(const void *page)
{
	return (PgrPageOpaque *) ((char *) page + BLCKSZ - MAXALIGN(sizeof(PgrPageOpaque)));
}

/* the content area; 8-byte aligned */
#define PgrPageGetData(page) ((char *) (page) + MAXALIGN(SizeOfPageHeaderData))

/* bytes of content in use */
#define PgrPageGetUsed(page) \
	((uint32) (((PageHeader) (page))->pd_lower - MAXALIGN(SizeOfPageHeaderData)))

static inline void
pgr_page_set_used(Page page, uint32 used)
{
	Assert(used <= PGR_PAGE_CAPACITY);
	((PageHeader) page)->pd_lower = MAXALIGN(SizeOfPageHeaderData) + used;
}

/* What every metapage (block 0) begins with. */
typedef struct PgrMetaHead
{
	uint32		magic;			/* of the access method */
	uint32		version;		/* of its format */
} PgrMetaHead;

/* An entry of a space page; see README, "Space". */
typedef struct PgrSpaceEntry
{
	uint64		retired;		/* full transaction id, or 0 */
	uint32		generation;		/* owner, or 0 = free */
	BlockNumber start;
	uint32		count;			/* pages */
	uint32		unused;
} PgrSpaceEntry;

StaticAssertDecl(sizeof(PgrSpaceEntry) == 24, "space entry is 24 bytes");

#define PGR_META_BLOCK 0
#define PGR_SPACE_BLOCK 1
#define PGR_SPACE_ENTRIES_PER_PAGE (PGR_PAGE_CAPACITY / sizeof(PgrSpaceEntry))

#endif							/* PGR_PAGE_H */
