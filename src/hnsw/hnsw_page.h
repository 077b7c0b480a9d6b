/*
 * hnsw_page.h
 *		On-disk format of hnsw indexes. See README, "Pages".
 */
#ifndef PGR_HNSW_PAGE_H
#define PGR_HNSW_PAGE_H

#include "postgres.h"

#include <math.h>

#include "quant/quant.h"
#include "storage/itemptr.h"
#include "storage/page.h"

#define PGR_HNSW_MAGIC 0x57534E48	/* "HNSW" */
#define PGR_HNSW_VERSION 3	/* 2 had one origin of codes; 1 digests in pages of their own */

/* Frames: origins of codes. Most indexes have one. */
#define PGR_HNSW_MAX_FRAMES 128
#define PGR_HNSW_NO_FRAME PG_UINT8_MAX

#define PGR_HNSW_MAX_ENTRY_PAGES 32

/* What was asked for when the index was made. */
typedef struct PgrHnswGraphOptions
{
	uint16		m;
	uint16		ef_construction;
} PgrHnswGraphOptions;

/* The lists of filter values: README, "Filter columns". */
typedef struct PgrHnswListsMeta
{
	BlockNumber block;			/* their directory, if there are any */
	uint32		n;				/* number of lists; their first pages follow the directory */
	uint16		digest_dims;	/* coordinates of an entry's digest; 0: there are none */
	uint16		frame;			/* that digests are relative to */
} PgrHnswListsMeta;

/* Pages for new lists, that a VACUUM is making or did not finish: README, "New lists". */
typedef struct PgrHnswFresh
{
	BlockNumber block;			/* as in PgrHnswListsMeta */
	uint32		lists;			/* 0: there are none */
} PgrHnswFresh;

/*
 * Content of block 0. After the build only insert_block, max_aux, and what tells of frames,
 * of entry pages and of lists change: README, "Frames and entries", "New lists". `fresh` was not
 * there before 1.1, which reads as zeros.
 */
typedef struct PgrHnswMeta
{
	PgrMetaHead head;
	BlockNumber insert_block;	/* the node page where inserts look first */
	uint32		dim;			/* of the column */
	uint32		padded;			/* bytes of a code8 */
	uint32		node_size;		/* bytes of a node record */
	uint64		seed;			/* of the rotation */
	PgrHnswGraphOptions graph;
	uint16		degree;			/* neighbours of a node */
	uint16		nodes_per_page; /* 1 if a node takes several pages */
	uint16		parts;			/* pages of a node */
	uint16		filter_size;	/* bytes of filter values beside a tid, even */
	uint8		kind;			/* PgrMetric */
	uint8		storage;		/* PgrVecStorage */
	uint8		edge_bits;		/* of an edge's code a coordinate: 1, 2, 4 */
	uint8		main_frame;		/* of frames that are about as near; or PGR_HNSW_NO_FRAME */
	float		max_aux;		/* see quant.h */
	uint32		nframes;
	BlockNumber frame_block;	/* the frames' floats: the first page of a chain */
	uint32		entry_pages;
	BlockNumber node_block;		/* the first node page; nodes are all behind it */
	PgrHnswListsMeta lists;
	uint32		value_size;		/* bytes of the value kept in a node, a multiple of 4 */
	BlockNumber entry_block[PGR_HNSW_MAX_ENTRY_PAGES];
	uint8		entry_frame[PGR_HNSW_MAX_ENTRY_PAGES];	/* whose origin a page's edges lead from */
	PgrHnswFresh fresh;
} PgrHnswMeta;

StaticAssertDecl(sizeof(PgrHnswMeta) == 256, "hnsw metapage content is 256 bytes");
StaticAssertDecl(offsetof(PgrHnswMeta, graph) == 32 && offsetof(PgrHnswMeta, lists) == 68 &&
				 offsetof(PgrHnswMeta, value_size) == 80 &&
				 offsetof(PgrHnswMeta, fresh) == 244,
				 "groups of fields lie where the fields did");

/*
 * A node's number: block * nodes_per_page + slot of its first page.
 */
typedef uint32 PgrHnswId;

/*
 * Block numbers times nodes_per_page fit 32 bits: number_nodes and pgr_hnsw_node_alloc see to
 * it.
 */
#define PGR_HNSW_NO_ID PG_UINT32_MAX
#define PGR_HNSW_BLOCK(meta, id) ((BlockNumber) ((id) / (meta)->nodes_per_page))
#define PGR_HNSW_SLOT(meta, id) ((id) % (meta)->nodes_per_page)

/* flags of a slot; 0: free */
#define PGR_HNSW_USED 0x01		/* a node */
#define PGR_HNSW_DEAD 0x02		/* and no row has it any more: a way, not a result */
#define PGR_HNSW_TIDS 0x04		/* no node but further tids of one */
#define PGR_HNSW_CLOSED 0x08	/* beside TIDS: takes no more, the node is dying */
#define PGR_HNSW_STAMPED 0x10	/* beside TIDS: has its owner's generation; older ones do not */

/* tids in a node; more are in TIDS slots */
#define PGR_HNSW_INLINE_TIDS 4

/*
 * A slot of a node page: this head, then
 *	 node	items[4], code[padded], edges[degree], value[value_size]
 *	 TIDS	items, as many as fit
 * An item is a tid and the filter values of its row. The value is that of all the
 * node's rows, as pgr_vecclass_keep leaves it; zeros if they have several.
 */
typedef struct PgrHnswNode
{
	uint8		flags;
	uint8		frame;			/* that the code is relative to; never changes */
	uint16		generation;		/* counts the slot's reuses */
	uint16		ntids;
	uint16		nedges;
	PgrHnswId	more;			/* TIDS slot, or PGR_HNSW_NO_ID */
	union
	{
		PgrCode8	head;		/* of the value */
		uint16		owner_generation;	/* of a TIDS slot that is STAMPED */
	};
	PgrHnswId	owner;			/* of a TIDS slot: the node */
} PgrHnswNode;

StaticAssertDecl(sizeof(PgrHnswNode) == 28, "hnsw node head is 28 bytes");

/* An edge: this head, then edge_bits planes of padded / 8 bytes. */
typedef struct PgrHnswEdge
{
	PgrHnswId	id;
	PgrEdge		factors;
} PgrHnswEdge;

StaticAssertDecl(sizeof(PgrHnswEdge) == 12, "hnsw edge head is 12 bytes");

/* An entry page's content: edges from the origin of a frame. */
typedef struct PgrHnswEntryHead
{
	uint32		count;
} PgrHnswEntryHead;

/*
 * Sizes and places, all in bytes, computed from a metapage that pgr_hnsw_check_meta has
 * passed: products stay below PGR_PAGE_CAPACITY * parts. Records are assembled without
 * padding, so what is wider than a byte is read where the layout aligns it (nodes to 4) or by
 * memcpy (lists to 2).
 */
#define PGR_HNSW_EDGE_SIZE(meta) \
	(sizeof(PgrHnswEdge) + PGR_EDGE_BYTES((meta)->padded, (meta)->edge_bits))
#define PGR_HNSW_EDGE_BITS(meta) sizeof(PgrHnswEdge)

#define PGR_HNSW_ITEM_SIZE(meta) (sizeof(ItemPointerData) + (meta)->filter_size)
#define PGR_HNSW_ITEM(meta, node, i) \
	((char *) (node) + sizeof(PgrHnswNode) + (Size) (i) * PGR_HNSW_ITEM_SIZE(meta))
#define PGR_HNSW_ITEM_TID(item) ((ItemPointer) (item))
#define PGR_HNSW_ITEM_FILTER(item) ((char *) (item) + sizeof(ItemPointerData))
#define PGR_HNSW_CODE_OFFSET(meta) \
	(sizeof(PgrHnswNode) + PGR_HNSW_INLINE_TIDS * PGR_HNSW_ITEM_SIZE(meta))
#define PGR_HNSW_EDGES_OFFSET(meta) (PGR_HNSW_CODE_OFFSET(meta) + (meta)->padded)
#define PGR_HNSW_CODE(meta, node) ((int8 *) (node) + PGR_HNSW_CODE_OFFSET(meta))
#define PGR_HNSW_EDGES(meta, node) ((char *) (node) + PGR_HNSW_EDGES_OFFSET(meta))
#define PGR_HNSW_EDGE(meta, node, i) \
	((PgrHnswEdge *) (PGR_HNSW_EDGES(meta, node) + (Size) (i) * PGR_HNSW_EDGE_SIZE(meta)))

/* bytes of a node before its value, and with it */
#define PGR_HNSW_LINKED_SIZE(meta, degree) \
	(PGR_HNSW_EDGES_OFFSET(meta) + (Size) (degree) * PGR_HNSW_EDGE_SIZE(meta))
#define PGR_HNSW_NODE_SIZE(meta, degree) \
	(PGR_HNSW_LINKED_SIZE(meta, degree) + (meta)->value_size)
#define PGR_HNSW_VALUE(meta, node) \
	((char *) (node) + PGR_HNSW_LINKED_SIZE(meta, (meta)->degree))

/* A row on its way into the index: its item, then its value as a node keeps it. */
#define PGR_HNSW_ROW_SIZE(meta) (PGR_HNSW_ITEM_SIZE(meta) + (meta)->value_size)
#define PGR_HNSW_ROW_VALUE(meta, row) ((char *) (row) + PGR_HNSW_ITEM_SIZE(meta))

/* tids of a TIDS slot, within its first page */
#define PGR_HNSW_SLOT_TIDS(meta) \
	((Min((meta)->node_size, PGR_PAGE_CAPACITY) - sizeof(PgrHnswNode)) / PGR_HNSW_ITEM_SIZE(meta))

#define PGR_HNSW_ENTRIES_PER_PAGE(meta) \
	((PGR_PAGE_CAPACITY - sizeof(PgrHnswEntryHead)) / PGR_HNSW_EDGE_SIZE(meta))
#define PGR_HNSW_ENTRY(meta, page, i) \
	((PgrHnswEdge *) (PgrPageGetData(page) + sizeof(PgrHnswEntryHead) + \
					  (Size) (i) * PGR_HNSW_EDGE_SIZE(meta)))

/*
 * The directory of the lists, content of contiguous pages one after the other:
 *	 float	scale[digest_dims], step[digest_dims]		PgrDigestMap
 *	 float	norm2[lists], shift[lists]					of centres, see hnsw_list.c
 *	 float	centres[lists][digest_dims]
 *	 uint32	first[groups]								lists of a group lie together
 *	 float	norm2[groups], centres[groups][digest_dims]
 *	 int8	axes[digest_dims][padded]
 * Nothing without digests: then there is one list.
 */
#define PGR_HNSW_LIST_GROUPS(meta) ((uint32) ceil(sqrt((meta)->lists.n)))
#define PGR_HNSW_DIRECTORY_FLOATS(meta) \
	(2 * (Size) (meta)->lists.digest_dims + \
	 ((Size) (meta)->lists.n + PGR_HNSW_LIST_GROUPS(meta)) * (2 + (meta)->lists.digest_dims))
#define PGR_HNSW_DIRECTORY_SIZE(meta) \
	((meta)->lists.digest_dims == 0 ? 0 : PGR_HNSW_DIRECTORY_FLOATS(meta) * sizeof(float) + \
	 (Size) (meta)->lists.digest_dims * (meta)->padded)
#define PGR_HNSW_DIRECTORY_PAGES(meta) \
	((BlockNumber) ((PGR_HNSW_DIRECTORY_SIZE(meta) + PGR_PAGE_CAPACITY - 1) / PGR_PAGE_CAPACITY))

/* the first page of a list */
#define PGR_HNSW_LIST_FIRST(meta, list) \
	((meta)->lists.block + PGR_HNSW_DIRECTORY_PAGES(meta) + (list))

/*
 * A page of a list: this head, then for each row the number of its node, its item and
 * its digest. Aligned to 2 bytes only.
 */
typedef struct PgrHnswListHead
{
	uint32		count;
	BlockNumber insert;			/* on a list's first page: where inserts look first */
} PgrHnswListHead;

StaticAssertDecl(sizeof(PgrHnswListHead) == 8, "hnsw list head is 8 bytes");

#define PGR_HNSW_DIGEST_SIZE(meta) \
	((meta)->lists.digest_dims > 0 ? TYPEALIGN(2, PGR_DIGEST_BYTES((meta)->lists.digest_dims)) : 0)
#define PGR_HNSW_LIST_ENTRY_SIZE(meta) \
	(sizeof(PgrHnswId) + PGR_HNSW_ITEM_SIZE(meta) + PGR_HNSW_DIGEST_SIZE(meta))
#define PGR_HNSW_LIST_PER_PAGE(meta) \
	((PGR_PAGE_CAPACITY - sizeof(PgrHnswListHead)) / PGR_HNSW_LIST_ENTRY_SIZE(meta))
#define PGR_HNSW_LIST_ENTRY(meta, page, i) \
	(PgrPageGetData(page) + sizeof(PgrHnswListHead) + (Size) (i) * PGR_HNSW_LIST_ENTRY_SIZE(meta))
#define PGR_HNSW_LIST_ITEM(entry) ((char *) (entry) + sizeof(PgrHnswId))
#define PGR_HNSW_LIST_DIGEST(meta, entry) \
	((uint8 *) PGR_HNSW_LIST_ITEM(entry) + PGR_HNSW_ITEM_SIZE(meta))

#define PGR_HNSW_FLOATS_PER_PAGE ((uint32) (PGR_PAGE_CAPACITY / sizeof(float)))
#define PGR_HNSW_FRAMES_SIZE(meta) ((Size) (meta)->nframes * (meta)->dim * sizeof(float))

#endif							/* PGR_HNSW_PAGE_H */
