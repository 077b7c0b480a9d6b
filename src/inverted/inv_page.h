/*
 * inv_page.h
 *		On-disk format of the access methods bm25 and inverted, as far as it is
 *		not that of segments (segment_page.h). See src/inverted/README.
 */
#ifndef PGR_INV_PAGE_H
#define PGR_INV_PAGE_H

#include "postgres.h"

#include "segment/segment_set.h"
#include "storage/page.h"

#define PGR_INV_MAGIC 0x50475249	/* "PGRI" */
#define PGR_INV_VERSION 2

/*
 * Version 1 had nothing behind its segments, where version 2 reads zeros, and no
 * PGR_PENDING_LAST. It is read as it is, and becomes version 2 when the metapage is
 * changed.
 */
#define PGR_INV_OLDEST_VERSION 1

#define PGR_INV_MAX_PENDING 32
#define PGR_INV_CONFIG_LEN 136	/* quoted, qualified name of a text search configuration */

/*
 * An extent of the pending area, in the metapage's list; the last one is being
 * filled. The generation is also in each of its pages, so that a reader who comes
 * late to a page that has been given to something else finds out.
 */
typedef struct PgrPendingExtent
{
	uint32		generation;
	BlockNumber start;
	uint32		count;			/* pages */
	uint32		used;			/* pages in use; the last of these is the tail */
} PgrPendingExtent;

/* What the metapage and its copy in memory (PgrInvMeta) begin with. */
#define PGR_INV_META_FIELDS \
	PgrMetaHead head; \
	uint32		next_generation; \
	uint8		kind_id;		/* PgrInvKind.id: 0 bm25, 1 inverted */ \
	uint8		content;		/* PgrContentType, bm25 */ \
	uint8		cjk_bigram; \
	uint8		nclosed;		/* of the pending extents, how many get no more documents */ \
	uint8		norms;			/* PgrSegShape */ \
	uint8		hashes; \
	uint8		positions; \
	uint8		nfields; \
	uint32		npending; \
	uint32		ninline;		/* segments that the metapage lists itself */ \
	uint32		catalog_print;	/* of the configuration's definition; 0: not known */ \
	uint64		fingerprint;	/* of what the configuration makes of sample words */ \
	char		config[PGR_INV_CONFIG_LEN]; \
	PgrPendingExtent pending[PGR_INV_MAX_PENDING]

/*
 * Block 0. A reader copies it under one share lock: that is its view of the
 * index, but for segments in the list's pages, which do not change as long as this page
 * names them.
 */
typedef struct PgrInvMetaPage
{
	PGR_INV_META_FIELDS;
	PgrSegSetPage set;			/* version 1 had only its segments */
} PgrInvMetaPage;

StaticAssertDecl(sizeof(PgrInvMetaPage) <= PGR_PAGE_CAPACITY, "metapage fits a page");
StaticAssertDecl(offsetof(PgrInvMetaPage, pending) == 176, "metapage layout");
StaticAssertDecl(offsetof(PgrInvMetaPage, set) == 688, "metapage layout");

/*
 * A pending page holds records one after another. A document is one record or
 * several (fragments) of the same tid, the first of which is marked; the terms
 * of a fragment are those of the document in order, from where the last fragment
 * ended. A term with too many occurrences goes on in the next fragment. Length, hash and
 * lengths of fields are the document's, and stand in each fragment: a search takes a
 * document up at the first fragment that has one of its terms. Of a document whose first
 * fragments a seal has taken, the others may be left: a fragment without its first is none.
 *
 * Record: this header, uint32 hashes[nterms], then for each term: varint length,
 * bytes, varint weight, and varint occurrences (deltas) or field frequencies, as
 * the shape says. Padded to 4 bytes.
 */
typedef struct PgrPendingRecord
{
	uint32		size;			/* bytes, all included */
	ItemPointerData tid;
	uint16		flags;
	uint32		length;			/* of the document */
	uint32		nterms;
	uint32		hash_low;		/* content hash */
	uint32		hash_high;
	/* uint32 field_length[nfields] follow if nfields > 1, then hashes */
} PgrPendingRecord;

StaticAssertDecl(sizeof(PgrPendingRecord) == 28, "pending record header is 28 bytes");

#define PGR_PENDING_FIRST 1		/* first fragment of its document */
#define PGR_PENDING_NULL 2		/* a row without a document */
#define PGR_PENDING_DEAD 4		/* vacuum condemned it */
#define PGR_PENDING_LAST 8		/* last fragment; not told in version 1 */

/* page flag: nothing more will be added */
#define PGR_PENDING_CLOSED 1

#endif							/* PGR_INV_PAGE_H */
