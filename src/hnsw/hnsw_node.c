/*
 * hnsw_node.c
 *		Nodes in pages: reading, storing, finding a free slot.
 *
 * A node's record is one run of bytes. Where it is larger than a page it goes
 * on in further pages, chained by their opaque "next"; that chain is made once
 * and stays with the slot. The lock on the first page covers them all.
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

/* pages by which a build extends the file at once */
#define EXTEND_BY 64

Buffer
pgr_hnsw_node_page(const PgrHnswIndex *ix, BlockNumber block, int lockmode, Page *page)
{
	Buffer		buffer = pgr_page_pin(ix->rel, block);

	LockBuffer(buffer, lockmode);
	*page = BufferGetPage(buffer);
	if (PageIsNew(*page))
	{
		UnlockReleaseBuffer(buffer);
		*page = NULL;
		return InvalidBuffer;
	}
	pgr_page_check(ix->rel, block, *page, PGR_PAGE_ANY);
	if (PgrPageGetOpaque(*page)->kind != PGR_PAGE_HNSW_NODE)
		*page = NULL;
	return buffer;
}

void
pgr_hnsw_node_check(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswNode *node)
{
	const PgrHnswMeta *meta = &ix->meta;
	uint32		most = node->flags & PGR_HNSW_TIDS ? PGR_HNSW_SLOT_TIDS(meta)
		: PGR_HNSW_INLINE_TIDS;

	if (unlikely(node->ntids > most || node->nedges > meta->degree ||
				 node->frame >= PGR_HNSW_MAX_FRAMES))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has an invalid node %u at block %u: %u rows, %u neighbours, frame %u",
						RelationGetRelationName(ix->rel), PGR_HNSW_SLOT(meta, id),
						PGR_HNSW_BLOCK(meta, id), node->ntids, node->nedges, node->frame),
				 errhint("Please REINDEX it.")));
}

/*
 * The first size bytes of a record whose first page the caller has locked: there, or assembled
 * in scratch. Further pages are locked shared, one at a time; writers have the first one's
 * lock while they change any.
 */
static const PgrHnswNode *
record_at(const PgrHnswIndex *ix, Page page, PgrHnswId id, Size size, char *scratch)
{
	Size		done = PGR_PAGE_CAPACITY;
	BlockNumber next;

	if (ix->meta.parts == 1 || size <= PGR_PAGE_CAPACITY)
		return pgr_hnsw_slot(ix, page, id);
	memcpy(scratch, PgrPageGetData(page), PGR_PAGE_CAPACITY);
	next = PgrPageGetOpaque(page)->next;
	while (done < size)
	{
		Size		n = Min(size - done, PGR_PAGE_CAPACITY);
		Buffer		buffer = pgr_page_read(ix->rel, next, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_SHARE);

		page = BufferGetPage(buffer);
		memcpy(scratch + done, PgrPageGetData(page), n);
		next = PgrPageGetOpaque(page)->next;
		UnlockReleaseBuffer(buffer);
		done += n;
	}
	return (PgrHnswNode *) scratch;
}

const PgrHnswNode *
pgr_hnsw_node_at(const PgrHnswIndex *ix, Page page, PgrHnswId id, char *scratch)
{
	return record_at(ix, page, id, ix->meta.node_size, scratch);
}

const PgrHnswNode *
pgr_hnsw_node_links_at(const PgrHnswIndex *ix, Page page, PgrHnswId id, char *scratch)
{
	const PgrHnswNode *node = record_at(ix, page, id,
										PGR_HNSW_LINKED_SIZE(&ix->meta, ix->meta.degree), scratch);

	pgr_hnsw_node_check(ix, id, node);
	return node;
}

const PgrHnswNode *
pgr_hnsw_node_read_links(const PgrHnswIndex *ix, PgrHnswId id, char *scratch, Buffer *buffer)
{
	*buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, id), PGR_PAGE_HNSW_NODE,
							BUFFER_LOCK_SHARE);
	return pgr_hnsw_node_links_at(ix, BufferGetPage(*buffer), id, scratch);
}

bool
pgr_hnsw_node_value(const PgrHnswIndex *ix, PgrHnswId id, uint16 generation, char *value)
{
	const PgrHnswMeta *meta = &ix->meta;
	char	   *scratch = meta->parts > 1 ? palloc(meta->node_size) : NULL;
	Buffer		buffer;
	const PgrHnswNode *node = pgr_hnsw_node_read(ix, id, BUFFER_LOCK_SHARE, scratch, &buffer);
	bool		same = (node->flags & PGR_HNSW_USED) && node->generation == generation;

	if (same)
		memcpy(value, PGR_HNSW_VALUE(meta, node), meta->value_size);
	UnlockReleaseBuffer(buffer);
	if (scratch != NULL)
		pfree(scratch);
	return same;
}

const PgrHnswNode *
pgr_hnsw_node_read(const PgrHnswIndex *ix, PgrHnswId id, int lockmode, char *scratch,
				   Buffer *buffer)
{
	const PgrHnswNode *node;

	*buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, id), PGR_PAGE_HNSW_NODE, lockmode);
	node = pgr_hnsw_node_at(ix, BufferGetPage(*buffer), id, scratch);
	pgr_hnsw_node_check(ix, id, node);
	return node;
}

void
pgr_hnsw_node_copy(const PgrHnswIndex *ix, PgrHnswId id, int lockmode, PgrHnswNode *copy,
				   Buffer *buffer)
{
	const PgrHnswNode *node = pgr_hnsw_node_read(ix, id, lockmode, (char *) copy, buffer);

	if (node != copy)
		memcpy(copy, node, ix->meta.node_size);
}

bool
pgr_hnsw_node_copy_live(const PgrHnswIndex *ix, PgrHnswRef ref, PgrHnswNode *copy, Buffer *buffer)
{
	const PgrHnswNode *node = pgr_hnsw_node_read(ix, ref.id, BUFFER_LOCK_EXCLUSIVE,
												 (char *) copy, buffer);

	if (node->flags != PGR_HNSW_USED || node->generation != ref.generation)
	{
		UnlockReleaseBuffer(*buffer);
		return false;
	}
	if (node != copy)
		memcpy(copy, node, ix->meta.node_size);
	return true;
}

void
pgr_hnsw_make_edge(const PgrHnswMeta *meta, const PgrCode8 *from, const int8 *from_code,
				   PgrHnswId id, const PgrCode8 *to, const int8 *to_code, PgrHnswEdge *edge)
{
	PgrEdge		factors;

	pgr_edge_encode(from, from_code, to, to_code, meta->padded, meta->edge_bits, &factors,
					(uint8 *) edge + PGR_HNSW_EDGE_BITS(meta));
	edge->id = id;
	edge->factors = factors;
}

/* A page behind a node's first whose content is to change, locked. */
typedef struct Part
{
	Buffer		buffer;
	Size		offset;			/* of its content in the record */
} Part;

/* parts that one WAL record changes beside the first page */
#define PARTS_AT_ONCE (PGR_WAL_MAX_PAGES - 1)

/*
 * Raises if a damaged chain leads back to a page that is locked: locking it once more would
 * hang, and no timeout of a lock ends that wait. first: the node's first page, parts: n of its
 * further ones, all locked by this process.
 */
static void
check_chain(const PgrHnswIndex *ix, BlockNumber next, Buffer first, const Part *parts, int n)
{
	bool		again = next == BufferGetBlockNumber(first);

	for (int i = 0; i < n; i++)
		again |= next == BufferGetBlockNumber(parts[i].buffer);
	if (again)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has a cycle in the pages of the node at block %u",
						RelationGetRelationName(ix->rel), BufferGetBlockNumber(first)),
				 errhint("Please REINDEX it.")));
}

/*
 * Locks parts that differ from the record, those from *offset on, whose page is *next, and
 * appends them to the n there are, until there is one too many for a WAL record. False if the
 * node ended before. first: the node's first page, locked. Parts are locked in the order of
 * the chain and only by whoever has the first one, so nobody waits for another's.
 */
static bool
lock_changed(const PgrHnswIndex *ix, const PgrHnswNode *record, Buffer first, BlockNumber *next,
			 Size *offset, Part *parts, int *n)
{
	for (; *offset < ix->meta.node_size && *n <= PARTS_AT_ONCE; *offset += PGR_PAGE_CAPACITY)
	{
		Buffer		buffer;
		Page		page;

		check_chain(ix, *next, first, parts, *n);
		buffer = pgr_page_read(ix->rel, *next, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buffer);
		*next = PgrPageGetOpaque(page)->next;
		if (memcmp(PgrPageGetData(page), (const char *) record + *offset,
				   Min(ix->meta.node_size - *offset, PGR_PAGE_CAPACITY)) == 0)
			UnlockReleaseBuffer(buffer);
		else
			parts[(*n)++] = (Part) {buffer, *offset};
	}
	return *n > PARTS_AT_ONCE;
}

/*
 * Registers n locked parts with a WAL batch and copies into each its piece of the record; the
 * lock is released with the batch.
 */
static void
add_parts(const PgrHnswIndex *ix, PgrWalBatch *batch, const PgrHnswNode *record,
		  const Part *parts, int n)
{
	for (int i = 0; i < n; i++)
		memcpy(PgrPageGetData(pgr_wal_add(batch, parts[i].buffer, false)),
			   (const char *) record + parts[i].offset,
			   Min(ix->meta.node_size - parts[i].offset, PGR_PAGE_CAPACITY));
}

/*
 * Stores n parts in a WAL record without the first page, and unlocks them. A crash between two
 * such records leaves a node of old and new parts; README, "WAL" says what that may do. The
 * debug point lets a test stop there.
 */
static void
store_parts(const PgrHnswIndex *ix, const PgrHnswNode *record, const Part *parts, int n)
{
	PgrWalBatch batch;

	/* what says that there is a value must not come after the value (README, "WAL") */
	Assert(ix->meta.value_size == 0 ||
		   PGR_HNSW_LINKED_SIZE(&ix->meta, ix->meta.degree) >= PGR_PAGE_CAPACITY);
	pgr_wal_begin(&batch, ix->rel, ix->building);
	add_parts(ix, &batch, record, parts, n);
	pgr_wal_commit(&batch);
	PGR_DEBUG_POINT("hnsw-parts-stored");
}

void
pgr_hnsw_node_store(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswNode *record,
					Buffer buffer)
{
	PgrWalBatch batch;
	Page		page;
	Part		parts[PARTS_AT_ONCE + 1];
	int			n = 0;

	if (ix->meta.parts > 1)
	{
		BlockNumber next = PgrPageGetOpaque(BufferGetPage(buffer))->next;
		Size		offset = PGR_PAGE_CAPACITY;

		while (lock_changed(ix, record, buffer, &next, &offset, parts, &n))
		{
			store_parts(ix, record, parts, PARTS_AT_ONCE);
			parts[0] = parts[PARTS_AT_ONCE];
			n = 1;
		}
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	page = pgr_wal_add(&batch, buffer, false);
	memcpy(pgr_hnsw_slot(ix, page, id), record, Min(ix->meta.node_size, PGR_PAGE_CAPACITY));
	add_parts(ix, &batch, record, parts, n);
	pgr_wal_commit(&batch);
}

/*
 * Bytes of a page's content that slots take, the same for each node page and further part, so
 * that a page image leaves the rest out.
 */
static uint32
page_used(const PgrHnswMeta *meta)
{
	return Min(meta->nodes_per_page * meta->node_size, PGR_PAGE_CAPACITY);
}

/*
 * Formats a page of zeros, as a node page or a further part, which is chained to next. The
 * caller has it locked exclusively and marks it changed, or registers it with WAL.
 */
static void
init_node_page(const PgrHnswIndex *ix, Page page, PgrPageKind kind, BlockNumber next)
{
	pgr_page_init(page, kind, 0);
	memset(PgrPageGetData(page), 0, PGR_PAGE_CAPACITY);
	pgr_page_set_used(page, page_used(&ix->meta));
	PgrPageGetOpaque(page)->next = next;
}

Buffer
pgr_hnsw_append_page(const PgrHnswIndex *ix, ForkNumber fork, PgrPageKind kind, uint32 used)
{
	Buffer		buffer = pgr_page_extend(ix->rel, fork);
	Page		page = BufferGetPage(buffer);

	pgr_page_init(page, kind, 0);
	memset(PgrPageGetData(page), 0, used);
	pgr_page_set_used(page, used);
	MarkBufferDirty(buffer);
	return buffer;
}

/*
 * New pages for all parts but the first; the block of the first of them. From the last to the
 * first, so that each is logged with its chain complete. Each is locked while it is made, and
 * released. Until a node page names them they are lost to a crash: the relation keeps them,
 * nobody reads them.
 */
static BlockNumber
extend_parts(const PgrHnswIndex *ix)
{
	BlockNumber next = InvalidBlockNumber;

	for (int part = ix->meta.parts - 1; part > 0; part--)
	{
		Buffer		buffer = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		BlockNumber block = BufferGetBlockNumber(buffer);
		PgrWalBatch batch;

		pgr_wal_begin(&batch, ix->rel, ix->building);
		init_node_page(ix, pgr_wal_add(&batch, buffer, true), PGR_PAGE_HNSW_AUX, next);
		pgr_wal_commit(&batch);
		next = block;
	}
	return next;
}

/*
 * Makes a new page, locked exclusively, one of nodes; it is unlocked and released. Build only:
 * nothing is logged here.
 */
static void
format_node_page(const PgrHnswIndex *ix, Buffer buffer, BlockNumber next)
{
	init_node_page(ix, BufferGetPage(buffer), PGR_PAGE_HNSW_NODE, next);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * Appends up to n node pages, none of which has parts. Build only, under the extension lock:
 * pages come in one piece, locked and released one by one.
 */
static void
extend_many(const PgrHnswIndex *ix, uint32 n)
{
	Buffer		buffers[EXTEND_BY];

	n = pgr_page_extend_by(ix->rel, MAIN_FORKNUM, Min(n, EXTEND_BY), buffers);
	for (uint32 i = 0; i < n; i++)
	{
		LockBuffer(buffers[i], BUFFER_LOCK_EXCLUSIVE);
		format_node_page(ix, buffers[i], InvalidBlockNumber);
	}
}

void
pgr_hnsw_extend_to(const PgrHnswIndex *ix, BlockNumber block)
{
	BlockNumber blocks;

	LockRelationForExtension(ix->rel, ExclusiveLock);
	while ((blocks = RelationGetNumberOfBlocks(ix->rel)) <= block)
	{
		CHECK_FOR_INTERRUPTS();
		if (ix->meta.parts == 1)
			extend_many(ix, block + 1 - blocks);
		else
		{
			BlockNumber next = extend_parts(ix);

			format_node_page(ix, pgr_page_extend(ix->rel, MAIN_FORKNUM), next);
		}
	}
	UnlockRelationForExtension(ix->rel, ExclusiveLock);
}

void
pgr_hnsw_node_free(const PgrHnswIndex *ix, PgrHnswId id)
{
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, id), PGR_PAGE_HNSW_NODE,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrWalBatch batch;
	PgrHnswNode *node;

	pgr_wal_begin(&batch, ix->rel, ix->building);
	node = pgr_hnsw_slot(ix, pgr_wal_add(&batch, buffer, false), id);
	node->flags = 0;
	node->ntids = 0;
	node->nedges = 0;
	node->generation++;
	pgr_wal_commit(&batch);
	RecordFreeIndexPage(ix->rel, PGR_HNSW_BLOCK(&ix->meta, id));
}

/*
 * A free slot of a node page that the caller has locked, or PGR_HNSW_NO_ID. Which one does not
 * matter: all slots of a page cost the same to read.
 */
static PgrHnswId
free_slot(const PgrHnswIndex *ix, BlockNumber block, Page page)
{
	for (int slot = 0; slot < ix->meta.nodes_per_page; slot++)
	{
		PgrHnswId	id = block * ix->meta.nodes_per_page + slot;

		if (pgr_hnsw_slot(ix, page, id)->flags == 0)
			return id;
	}
	return PGR_HNSW_NO_ID;
}

/*
 * Makes another page the one where inserts look: one with free slots, or a new one. Under the
 * metapage's exclusive lock, so that one process does it for all; it extends the relation
 * under that lock, as core's indexes do, and others wait. Returns at once if someone else was
 * faster: full is no longer the page that inserts look at. Raises where ids would not suffice.
 */
static void
next_insert_page(const PgrHnswIndex *ix, BlockNumber full)
{
	Buffer		buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrHnswMeta *meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	BlockNumber block;
	Buffer		fresh = InvalidBuffer;
	BlockNumber next = InvalidBlockNumber;
	PgrWalBatch batch;

	if (meta->insert_block != full)
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	block = GetFreeIndexPage(ix->rel);
	/* the map is not logged: after a crash it may tell of pages that are gone */
	if (block != InvalidBlockNumber && block >= RelationGetNumberOfBlocks(ix->rel))
		block = InvalidBlockNumber;
	if (block == InvalidBlockNumber)
	{
		next = extend_parts(ix);
		fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		block = BufferGetBlockNumber(fresh);
	}
	if (block >= MaxBlockNumber / ix->meta.nodes_per_page)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" has too many nodes", RelationGetRelationName(ix->rel))));
	pgr_wal_begin(&batch, ix->rel, ix->building);
	meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
	meta->insert_block = block;
	if (BufferIsValid(fresh))
		init_node_page(ix, pgr_wal_add(&batch, fresh, true), PGR_PAGE_HNSW_NODE, next);
	pgr_wal_commit(&batch);
}

PgrHnswId
pgr_hnsw_node_alloc(const PgrHnswIndex *ix, Buffer *buffer)
{
	for (;;)
	{
		PgrHnswMeta meta;

		CHECK_FOR_INTERRUPTS();
		pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(meta));
		if (meta.insert_block != InvalidBlockNumber)
		{
			Page		page;
			PgrHnswId	id = PGR_HNSW_NO_ID;

			*buffer = pgr_hnsw_node_page(ix, meta.insert_block, BUFFER_LOCK_EXCLUSIVE, &page);
			if (page != NULL)
				id = free_slot(ix, meta.insert_block, page);
			if (id != PGR_HNSW_NO_ID)
				return id;
			if (BufferIsValid(*buffer))
				UnlockReleaseBuffer(*buffer);
		}
		next_insert_page(ix, meta.insert_block);
	}
}
