/*
 * hnsw_tids.c
 *		The rows of a node: its own items, and those in TIDS slots behind it.
 *
 * Rows of equal codes share a node. The first few stand in the node itself, more in
 * further slots of the node's chain (`more`). A slot knows its owner and the owner's
 * generation, because the owner's page is not locked while a slot's is: whoever locks
 * a slot asks whether it still is the owner's.
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_tids.h"

/* ----------
 * Reading
 * ----------
 */

void
pgr_hnsw_chain_step(const PgrHnswIndex *ix, PgrHnswChain *chain, PgrHnswId next)
{
	if (next != PGR_HNSW_NO_ID && pgr_chain_cycles(&chain->links, next))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has a cycle in the rows of node %u at block %u",
						RelationGetRelationName(ix->rel),
						PGR_HNSW_SLOT(&ix->meta, chain->owner),
						PGR_HNSW_BLOCK(&ix->meta, chain->owner)),
				 errhint("Please REINDEX it.")));
	chain->slot = next;
}

uint32
pgr_hnsw_slot_tids(const PgrHnswIndex *ix, PgrHnswChain *chain, const PgrFilter *filter,
				   ItemPointerData *tids)
{
	const PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(meta, chain->slot),
									   PGR_PAGE_HNSW_NODE, BUFFER_LOCK_SHARE);
	const PgrHnswNode *node = pgr_hnsw_slot(ix, BufferGetPage(buffer), chain->slot);
	PgrHnswId	next = PGR_HNSW_NO_ID;
	uint32		n = 0;

	if (pgr_hnsw_is_tids_of(node, chain->owner, chain->generation))
	{
		for (uint32 i = 0; i < Min(node->ntids, PGR_HNSW_SLOT_TIDS(meta)); i++)
		{
			const char *item = PGR_HNSW_ITEM(meta, node, i);

			if (filter == NULL || pgr_filter_match(filter, PGR_HNSW_ITEM_FILTER(item)))
				tids[n++] = *PGR_HNSW_ITEM_TID(item);
		}
		next = node->more;
	}
	UnlockReleaseBuffer(buffer);
	pgr_hnsw_chain_step(ix, chain, next);
	return n;
}

/* ----------
 * Adding
 * ----------
 */

/*
 * Adds a row to a node's TIDS slot. False if it has no room, or is not, or cannot be
 * known to be, the node's any more. The node's own page is not locked: two pages whose
 * nodes have slots on each other's would otherwise be locked in either order. Vacuum
 * closes a slot before it declares the node dead.
 */
static bool
add_to_tids_slot(const PgrHnswIndex *ix, PgrHnswId slot, PgrHnswRef owner, const char *item)
{
	PgrHnswNode *node;
	PgrWalBatch batch;
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, slot),
									   PGR_PAGE_HNSW_NODE, BUFFER_LOCK_EXCLUSIVE);

	node = pgr_hnsw_slot(ix, BufferGetPage(buffer), slot);
	if (node->flags != (PGR_HNSW_TIDS | PGR_HNSW_STAMPED) ||
		!pgr_hnsw_is_tids_of(node, owner.id, owner.generation) ||
		node->ntids >= PGR_HNSW_SLOT_TIDS(&ix->meta))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	node = pgr_hnsw_slot(ix, pgr_wal_add(&batch, buffer, false), slot);
	pgr_hnsw_add_item(&ix->meta, node, item);
	pgr_wal_commit(&batch);
	return true;
}

/*
 * A new TIDS slot that holds one row; not reachable yet. Its page is locked, exclusively, by
 * pgr_hnsw_node_alloc, and released here.
 */
static PgrHnswId
make_tids_slot(const PgrHnswIndex *ix, PgrHnswRef owner, PgrHnswId next, const char *item)
{
	PgrHnswNode *node;
	PgrWalBatch batch;
	Buffer		buffer;
	PgrHnswId	id = pgr_hnsw_node_alloc(ix, &buffer);

	pgr_wal_begin(&batch, ix->rel, ix->building);
	node = pgr_hnsw_slot(ix, pgr_wal_add(&batch, buffer, false), id);
	node->flags = PGR_HNSW_TIDS | PGR_HNSW_STAMPED;
	node->ntids = 0;
	node->nedges = 0;
	node->more = next;
	node->owner = owner.id;
	node->owner_generation = owner.generation;
	pgr_hnsw_add_item(&ix->meta, node, item);
	pgr_wal_commit(&batch);
	return id;
}

/*
 * The value kept in a node is that of all its rows: where one with an equal code and another
 * value joins, it is given up, in the record. Returns whether.
 */
static bool
drop_value(const PgrHnswMeta *meta, PgrHnswNode *node, const char *row)
{
	char	   *value = PGR_HNSW_VALUE(meta, node);

	if (meta->value_size == 0 || VARSIZE(value) == 0 ||
		memcmp(value, PGR_HNSW_ROW_VALUE(meta, row), meta->value_size) == 0)
		return false;
	memset(value, 0, meta->value_size);
	return true;
}

bool
pgr_hnsw_add_tid(const PgrHnswIndex *ix, PgrHnswRef owner, const char *row)
{
	PgrHnswNode *node = palloc(ix->meta.node_size);
	Buffer		buffer;
	PgrHnswId	more;
	PgrHnswId	fresh;
	bool		changed;

	if (!pgr_hnsw_node_copy_live(ix, owner, node, &buffer))
		return false;
	changed = drop_value(&ix->meta, node, row);
	more = node->more;
	if (node->ntids < PGR_HNSW_INLINE_TIDS)
	{
		pgr_hnsw_add_item(&ix->meta, node, row);
		pgr_hnsw_node_store(ix, owner.id, node, buffer);
		return true;
	}
	if (changed)
		pgr_hnsw_node_store(ix, owner.id, node, buffer);
	else
		UnlockReleaseBuffer(buffer);
	PGR_DEBUG_POINT("hnsw-tids-slot");
	if (more != PGR_HNSW_NO_ID && add_to_tids_slot(ix, more, owner, row))
		return true;

	fresh = make_tids_slot(ix, owner, more, row);
	PGR_DEBUG_POINT("hnsw-tids-link");
	if (pgr_hnsw_node_copy_live(ix, owner, node, &buffer))
	{
		if (node->more == more)
		{
			node->more = fresh;
			pgr_hnsw_node_store(ix, owner.id, node, buffer);
			return true;
		}
		UnlockReleaseBuffer(buffer);
	}
	pgr_hnsw_node_free(ix, fresh);
	return false;
}

/* ----------
 * Vacuum
 * ----------
 */

uint32
pgr_hnsw_prune_items(const PgrHnswMeta *meta, PgrHnswNode *node, IndexBulkDeleteCallback callback,
					 void *state)
{
	uint32		kept = 0;
	uint32		removed;

	for (uint32 i = 0; i < node->ntids; i++)
	{
		char	   *item = PGR_HNSW_ITEM(meta, node, i);

		if (callback(PGR_HNSW_ITEM_TID(item), state))
			continue;
		memmove(PGR_HNSW_ITEM(meta, node, kept), item, PGR_HNSW_ITEM_SIZE(meta));
		kept++;
	}
	removed = node->ntids - kept;
	node->ntids = kept;
	return removed;
}

bool
pgr_hnsw_close_slot(const PgrHnswIndex *ix, PgrHnswChain *chain, bool *closed)
{
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, chain->slot),
									   PGR_PAGE_HNSW_NODE, BUFFER_LOCK_EXCLUSIVE);
	PgrHnswNode *node = pgr_hnsw_slot(ix, BufferGetPage(buffer), chain->slot);
	bool		has_rows = node->ntids > 0;
	PgrHnswId	next;
	PgrWalBatch batch;

	*closed = false;
	if (!pgr_hnsw_is_tids_of(node, chain->owner, chain->generation))
	{
		UnlockReleaseBuffer(buffer);
		chain->slot = PGR_HNSW_NO_ID;
		return true;
	}
	if (has_rows)
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	pgr_wal_begin(&batch, ix->rel, false);
	node = pgr_hnsw_slot(ix, pgr_wal_add(&batch, buffer, false), chain->slot);
	node->flags |= PGR_HNSW_CLOSED;
	next = node->more;
	pgr_wal_commit(&batch);
	*closed = true;
	pgr_hnsw_chain_step(ix, chain, next);
	return true;
}
