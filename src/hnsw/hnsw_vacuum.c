/*
 * hnsw_vacuum.c
 *		VACUUM. See README, "Vacuum".
 *
 * Three passes over the node pages:
 *	 1	removes tids of dead rows, also from the list of filter values; a node
 *		without any is marked dead, so that inserts give it no more edges
 *	 2	removes edges to dead nodes, and entries; a node that has lost many gets
 *		new neighbours, and so does one that no edge leads to
 *	 3	frees the dead nodes' slots
 * A page is locked only while it is changed, and inserts and scans go on.
 */
#include "postgres.h"

#include "access/genam.h"
#include "base/compat.h"
#include "commands/vacuum.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "hnsw/hnsw_tids.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

/* A node that has lost edges and has fewer than this share of the degree left is repaired. */
#define REPAIR_BELOW 0.67

/* Ids, in a growing array. */
typedef struct IdList
{
	PgrHnswId  *at;
	Size		n;
	Size		size;
} IdList;

typedef struct Vacuum
{
	PgrHnswIndex *ix;
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	Size		ids;			/* those below it have a bit in each of these: */
	uint64	   *dead;
	uint64	   *live;			/* met by pass 2, not dead */
	uint64	   *led;			/* an edge of such a node, or an entry, leads there */
	Size		ndead;
	IdList		emptied;		/* nodes without tids of their own, but with TIDS slots */
	IdList		empty_slots;	/* TIDS slots without tids */
	IdList		slots;			/* TIDS slots of dead nodes */
	IdList		repairs;
	IdList		samples;		/* live nodes, to replace dead entries */
	Size		next_sample;	/* of them, the first that was not yet taken */
	PgrHnswNode *record;		/* scratch of pass 2, of nodes that take several pages */
} Vacuum;

/* Room for some more ids, in the vacuum's context. To be made before a page is locked. */
static void
list_room(IdList *list, Size more)
{
	Size		size = Max(list->size, 256);

	if (list->at != NULL && list->size - list->n >= more)
		return;
	while (size - list->n < more)
		size = mul_size(size, 2);
	list->at = list->at == NULL ? palloc(mul_size(size, sizeof(PgrHnswId)))
		: repalloc_huge(list->at, mul_size(size, sizeof(PgrHnswId)));
	list->size = size;
}

/* Appends an id, for which there is room: a page may be locked. */
static void
list_add(IdList *list, PgrHnswId id)
{
	Assert(list->n < list->size);
	list->at[list->n++] = id;
}

static bool
is_dead(const Vacuum *v, PgrHnswId id)
{
	return id < v->ids && (v->dead[id / 64] >> id % 64 & 1);
}

/* No ids yet; in the current context. */
static uint64 *
make_set(const Vacuum *v)
{
	return palloc_extended(v->ids / 8, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Sets a node's bit in one of the sets, if it was there when vacuum began. */
static void
mark(const Vacuum *v, uint64 *set, PgrHnswId id)
{
	if (id < v->ids)
		set[id / 64] |= UINT64CONST(1) << id % 64;
}

static void
set_dead(Vacuum *v, PgrHnswId id)
{
	v->ndead += id < v->ids && !is_dead(v, id);
	mark(v, v->dead, id);
}

/* ----------
 * Pass 1: tids
 * ----------
 */

/*
 * Does one slot of a page that is a copy for WAL, locked exclusively; true if it changed. A
 * node that loses its last row is marked dead here, in the same WAL record as its rows: an
 * insert that locks the page next gives it no edge. What cannot be decided from this page
 * alone (rows in TIDS slots, empty slots) goes into lists for later.
 */
static bool
prune_slot(Vacuum *v, PgrHnswNode *node, PgrHnswId id)
{
	bool		changed;
	uint32		removed;
	uint32		left;

	if (!(node->flags & (PGR_HNSW_USED | PGR_HNSW_TIDS)))
		return false;
	pgr_hnsw_node_check(v->ix, id, node);
	removed = pgr_hnsw_prune_items(&v->ix->meta, node, v->callback, v->callback_state);
	left = node->ntids;
	changed = removed > 0;
	v->stats->tuples_removed += removed;
	v->stats->num_index_tuples += left;
	if (node->flags & PGR_HNSW_TIDS)
	{
		if (left == 0 && (node->flags & PGR_HNSW_STAMPED))
			list_add(&v->empty_slots, id);
		return changed;
	}
	if (left == 0 && node->more == PGR_HNSW_NO_ID)
	{
		/* dead ones found so were left by a vacuum that did not finish */
		if (!(node->flags & PGR_HNSW_DEAD))
			changed = true;
		node->flags |= PGR_HNSW_DEAD;
		set_dead(v, id);
	}
	else if (left == 0)
		list_add(&v->emptied, id);
	else if (v->samples.n < PGR_HNSW_ENTRIES_PER_PAGE(&v->ix->meta))
		list_add(&v->samples, id);
	return changed;
}

/*
 * Pass 1 of a page: removes dead tids of all its slots, in one record. Locks it exclusively,
 * without cleanup lock: a scan that copied a tid asks the heap about it.
 */
static void
prune_page(Vacuum *v, BlockNumber block)
{
	const PgrHnswMeta *meta = &v->ix->meta;
	Page		page;
	Buffer		buffer;
	PgrWalBatch batch;
	bool		changed = false;

	list_room(&v->empty_slots, meta->nodes_per_page);
	list_room(&v->emptied, meta->nodes_per_page);
	list_room(&v->samples, meta->nodes_per_page);
	buffer = pgr_hnsw_node_page(v->ix, block, BUFFER_LOCK_EXCLUSIVE, &page);
	if (page == NULL)
	{
		if (BufferIsValid(buffer))
			UnlockReleaseBuffer(buffer);
		return;
	}
	pgr_wal_begin(&batch, v->ix->rel, false);
	page = pgr_wal_add(&batch, buffer, false);
	for (int slot = 0; slot < meta->nodes_per_page; slot++)
	{
		PgrHnswId	id = block * meta->nodes_per_page + slot;

		changed |= prune_slot(v, pgr_hnsw_slot(v->ix, page, id), id);
	}
	if (changed)
		pgr_wal_commit(&batch);
	else
		pgr_wal_abort(&batch);
}

/*
 * Closes the empty TIDS slots of a node, which get into v->slots, so that no insert adds a
 * row to them. False if one still has rows; then those before it stay closed, which only
 * means that the next equal value gets a slot of its own. No lock on entry or exit; one
 * page is locked at a time.
 */
static bool
close_slots(Vacuum *v, PgrHnswChain chain)
{
	while (chain.slot != PGR_HNSW_NO_ID)
	{
		PgrHnswId	slot = chain.slot;
		bool		closed;

		CHECK_FOR_INTERRUPTS();
		if (!pgr_hnsw_close_slot(v->ix, &chain, &closed))
			return false;
		if (closed)
		{
			list_room(&v->slots, 1);
			list_add(&v->slots, slot);
		}
	}
	return true;
}

/*
 * An empty TIDS slot whose owner is gone, or dead and so without slots, is nobody's: a crash
 * or an interrupted vacuum left it so. Slot and owner are locked one after the other, shared,
 * never together: nothing makes an owner of a dead node's slot again. The scratch record is
 * freed.
 */
static void
check_empty_slot(Vacuum *v, PgrHnswId id)
{
	char	   *scratch = palloc(v->ix->meta.node_size);
	Buffer		buffer;
	const PgrHnswNode *node = pgr_hnsw_node_read(v->ix, id, BUFFER_LOCK_SHARE, scratch, &buffer);
	PgrHnswNode slot = *node;

	UnlockReleaseBuffer(buffer);
	list_room(&v->slots, 1);
	node = pgr_hnsw_node_read(v->ix, slot.owner, BUFFER_LOCK_SHARE, scratch, &buffer);
	if (node->flags != PGR_HNSW_USED || node->generation != slot.owner_generation)
		list_add(&v->slots, id);
	UnlockReleaseBuffer(buffer);
	pfree(scratch);
}

/*
 * A node without tids of its own is dead if its TIDS slots have none either. No lock on entry
 * or exit; its page is locked twice, exclusively at last, the slots' between. Frees what it
 * allocates: there may be as many such nodes as rows.
 */
static void
check_emptied(Vacuum *v, PgrHnswId id)
{
	PgrHnswNode *record = palloc(v->ix->meta.node_size);
	const PgrHnswNode *node;
	Buffer		buffer;
	PgrHnswId	more;
	uint16		generation;
	Size		nslots = v->slots.n;
	bool		closed;

	node = pgr_hnsw_node_read(v->ix, id, BUFFER_LOCK_SHARE, (char *) record, &buffer);
	more = node->more;
	generation = node->generation;
	UnlockReleaseBuffer(buffer);
	closed = close_slots(v, (PgrHnswChain) PGR_HNSW_CHAIN(id, generation, more));
	if (closed)
		pgr_hnsw_node_copy(v->ix, id, BUFFER_LOCK_EXCLUSIVE, record, &buffer);
	if (closed && record->ntids == 0 && record->more == more)
	{
		record->flags |= PGR_HNSW_DEAD;
		record->more = PGR_HNSW_NO_ID;
		pgr_hnsw_node_store(v->ix, id, record, buffer);
		set_dead(v, id);
	}
	else
	{
		/* rows are left, or an insert was faster: closed slots stay with the node */
		if (closed)
			UnlockReleaseBuffer(buffer);
		v->slots.n = nslots;
	}
	pfree(record);
}

/* ----------
 * Pass 2: edges
 * ----------
 */

/*
 * Removes edges to dead nodes from a node's record, a copy or locked exclusively; returns how
 * many. Marks what it still leads to, for add_orphans. Raises on a damaged record.
 */
static uint32
prune_edges(const Vacuum *v, PgrHnswId id, PgrHnswNode *node)
{
	const PgrHnswMeta *meta = &v->ix->meta;
	bool		live = !(node->flags & PGR_HNSW_DEAD);
	uint32		removed = 0;

	pgr_hnsw_node_check(v->ix, id, node);
	if (live)
		mark(v, v->live, id);
	for (uint32 i = 0; i < node->nedges;)
	{
		PgrHnswId	end = PGR_HNSW_EDGE(meta, node, i)->id;

		if (!is_dead(v, end))
		{
			if (live)
				mark(v, v->led, end);
			i++;
			continue;
		}
		node->nedges--;
		removed++;
		memmove(PGR_HNSW_EDGE(meta, node, i), PGR_HNSW_EDGE(meta, node, node->nedges),
				PGR_HNSW_EDGE_SIZE(meta));
	}
	return removed;
}

/*
 * Pass 2 of a slot that takes several pages: page is its first one, locked exclusively in
 * buffer, which is released. The record is assembled in v->record; for one to be added to the
 * repairs there is room.
 */
static void
prune_node_edges(Vacuum *v, PgrHnswId id, Page page, Buffer buffer)
{
	PgrHnswNode *record = v->record;

	if (!(pgr_hnsw_node_at(v->ix, page, id, (char *) record)->flags & PGR_HNSW_USED) ||
		prune_edges(v, id, record) == 0)
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	if (record->nedges < REPAIR_BELOW * v->ix->meta.degree && !(record->flags & PGR_HNSW_DEAD))
		list_add(&v->repairs, id);
	pgr_hnsw_node_store(v->ix, id, record, buffer);
}

/*
 * Pass 2 of a page: removes edges to dead nodes, with one lock, exclusive, and one WAL record
 * a page where nodes fit.
 */
static void
prune_page_edges(Vacuum *v, BlockNumber block)
{
	const PgrHnswMeta *meta = &v->ix->meta;
	Page		page;
	Buffer		buffer;
	PgrWalBatch batch;
	bool		changed = false;

	list_room(&v->repairs, meta->nodes_per_page);
	buffer = pgr_hnsw_node_page(v->ix, block, BUFFER_LOCK_EXCLUSIVE, &page);
	if (page == NULL)
	{
		if (BufferIsValid(buffer))
			UnlockReleaseBuffer(buffer);
		return;
	}
	if (meta->parts > 1)
	{
		prune_node_edges(v, block, page, buffer);
		return;
	}
	pgr_wal_begin(&batch, v->ix->rel, false);
	page = pgr_wal_add(&batch, buffer, false);
	for (int slot = 0; slot < meta->nodes_per_page; slot++)
	{
		PgrHnswId	id = block * meta->nodes_per_page + slot;
		PgrHnswNode *node = pgr_hnsw_slot(v->ix, page, id);

		if (!(node->flags & PGR_HNSW_USED) || prune_edges(v, id, node) == 0)
			continue;
		changed = true;
		if (node->nedges < REPAIR_BELOW * meta->degree && !(node->flags & PGR_HNSW_DEAD))
			list_add(&v->repairs, id);
	}
	if (changed)
		pgr_wal_commit(&batch);
	else
		pgr_wal_abort(&batch);
}

/* Entries made of live nodes, to take the place of a page's dead ones. */
typedef struct Spares
{
	char	   *edges;			/* PGR_HNSW_EDGE_SIZE apart */
	uint32		n;
} Spares;

/*
 * Makes entries of up to n of the nodes that pass 1 found alive, the next ones, for a page
 * that leads from that frame. Locks one node at a time, shared. spares->edges stays in the
 * current context: there are few entry pages.
 */
static void
make_spares(Vacuum *v, uint32 n, uint32 frame, Spares *spares)
{
	const PgrHnswMeta *meta = &v->ix->meta;
	char	   *scratch = palloc(meta->node_size);
	int8	   *code = palloc(meta->padded);

	spares->edges = palloc(mul_size(Max(n, 1), PGR_HNSW_EDGE_SIZE(meta)));
	for (; v->next_sample < v->samples.n && spares->n < n; v->next_sample++)
	{
		PgrHnswId	id = v->samples.at[v->next_sample];
		PgrHnswPoint point;
		Buffer		buffer;
		const PgrHnswNode *node = pgr_hnsw_node_read(v->ix, id, BUFFER_LOCK_SHARE, scratch,
													 &buffer);
		bool		live = node->flags == PGR_HNSW_USED;
		PgrCode8	head = node->head;

		memcpy(code, PGR_HNSW_CODE(meta, node), meta->padded);
		pgr_hnsw_point_code(v->ix, node->frame, &head, code, &point);
		UnlockReleaseBuffer(buffer);
		if (live)
			pgr_hnsw_make_entry(v->ix, id, &point, frame,
								(PgrHnswEdge *) (spares->edges +
												 spares->n++ * PGR_HNSW_EDGE_SIZE(meta)));
	}
	pfree(scratch);
	pfree(code);
}

/* Whether an entry's node is dead; one that is not is a node that something leads to. */
static bool
entry_is_gone(PgrHnswId id, void *arg)
{
	Vacuum	   *v = arg;

	if (is_dead(v, id))
		return true;
	mark(v, v->led, id);
	return false;
}

/*
 * Puts spare entries in the place of dead ones, removes the rest. In one step a page: an
 * index whose entries were gone would be one that no search finds a way into.
 */
static void
prune_all_entries(Vacuum *v)
{
	const PgrHnswMeta *meta = &v->ix->meta;

	for (uint32 i = 0; i < meta->entry_pages; i++)
	{
		Spares		spares = {0};
		uint32		used;

		make_spares(v, pgr_hnsw_entries_gone(v->ix, i, entry_is_gone, v), meta->entry_frame[i],
					&spares);
		used = pgr_hnsw_entries_replace(v->ix, i, entry_is_gone, v, spares.edges, spares.n);
		for (uint32 k = 0; k < used; k++)
			mark(v, v->led,
				 ((PgrHnswEdge *) (spares.edges + k * PGR_HNSW_EDGE_SIZE(meta)))->id);
	}
}

/* ----------
 * All passes
 * ----------
 */

typedef void (*PageFn) (Vacuum *v, BlockNumber block);

/*
 * Applies a function to each node page that there is, also those added meanwhile: a node added
 * by an insert that still saw a dead one as alive has an edge to it, which pass 2 must find.
 * The page is not locked.
 */
static void
for_each_page(Vacuum *v, PageFn fn)
{
	BlockNumber block = v->ix->meta.node_block;
	BlockNumber blocks;

	while (block < (blocks = RelationGetNumberOfBlocks(v->ix->rel)))
		for (; block < blocks; block++)
		{
			pgr_vacuum_delay();
			fn(v, block);
		}
}

/* Single inserts may drop the last edge to a node: it gets new ones, too. */
static void
add_orphans(Vacuum *v)
{
	for (Size word = 0; word < v->ids / 64; word++)
	{
		list_room(&v->repairs, 64);
		for (uint64 left = v->live[word] & ~v->led[word]; left != 0; left &= left - 1)
			list_add(&v->repairs, word * 64 + pg_rightmost_one_pos64(left));
	}
}

/*
 * Pass 3: makes the slots of dead nodes free. Nothing leads to them now; a scan that still
 * remembers one finds the slot's generation changed, or rows that its snapshot does not see.
 */
static void
free_dead(Vacuum *v)
{
	for (Size word = 0; word < v->ids / 64; word++)
		for (int bit = 0; v->dead[word] != 0 && bit < 64; bit++)
			if (v->dead[word] >> bit & 1)
			{
				pgr_vacuum_delay();
				pgr_hnsw_node_free(v->ix, word * 64 + bit);
			}
}

static void
free_slots(Vacuum *v)
{
	for (Size i = 0; i < v->slots.n; i++)
	{
		pgr_vacuum_delay();
		pgr_hnsw_node_free(v->ix, v->slots.at[i]);
	}
}

/*
 * Gives the nodes of v->repairs new neighbours, each in a memory context that is reset. Locks
 * are those of pgr_hnsw_repair. Cancelled here, dead nodes stay marked, and the next vacuum
 * goes on.
 */
static void
repair_nodes(Vacuum *v)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw repair",
												  ALLOCSET_DEFAULT_SIZES);

	for (Size i = 0; i < v->repairs.n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		pgr_vacuum_delay();
		pgr_hnsw_repair(v->ix, v->repairs.at[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

IndexBulkDeleteResult *
pgr_hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					 IndexBulkDeleteCallback callback, void *state)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Vacuum		v = {NULL, info, stats, callback, state};

	if (v.stats == NULL)
		v.stats = palloc0(sizeof(IndexBulkDeleteResult));
	v.stats->num_index_tuples = 0;
	old = MemoryContextSwitchTo(context);
	v.ix = pgr_hnsw_open(info->index);
	v.ids = TYPEALIGN(64, (Size) RelationGetNumberOfBlocks(info->index) *
					  v.ix->meta.nodes_per_page);
	v.dead = make_set(&v);
	for_each_page(&v, prune_page);
	if (v.ix->filters != NULL)
		pgr_hnsw_list_prune(v.ix, callback, state);
	/* first: slots of a node found dead here are not its own any more there */
	for (Size i = 0; i < v.empty_slots.n; i++)
		check_empty_slot(&v, v.empty_slots.at[i]);
	for (Size i = 0; i < v.emptied.n; i++)
		check_emptied(&v, v.emptied.at[i]);
	if (v.ndead > 0)
	{
		v.live = make_set(&v);
		v.led = make_set(&v);
		if (v.ix->meta.parts > 1)
			v.record = palloc(v.ix->meta.node_size);
		for_each_page(&v, prune_page_edges);
		prune_all_entries(&v);
		add_orphans(&v);
		repair_nodes(&v);
		free_dead(&v);
	}
	free_slots(&v);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return v.stats;
}

IndexBulkDeleteResult *
pgr_hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = true;
	}
	pgr_hnsw_relist(info->index, stats->num_index_tuples);
	IndexFreeSpaceMapVacuum(info->index);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
