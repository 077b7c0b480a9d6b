/*
 * hnsw_flush.c
 *		Writing an index: its first pages, and the nodes of a graph that was
 *		built in memory, by all processes of the build. Pages are changed in place and
 *		logged at the end.
 */
#include "postgres.h"

#include <math.h>

#include "commands/progress.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_edge.h"
#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "hnsw/hnsw_tids.h"
#include "miscadmin.h"
#include "pgstat.h"

/* nodes that a participant takes at once: some more pages than pay for extending by them */
#define TAKE_NODES 256

/*
 * The pages of the frames' floats, a chain; at least one, so that a frame that an insert adds
 * has a page to go to. Each page is locked exclusively while it is filled, and is the next of
 * the file: nobody else extends it, so `next` can be set before the next page exists.
 */
static void
write_frames(const PgrHnswIndex *ix, ForkNumber fork)
{
	uint32		floats = ix->meta.nframes * ix->meta.dim;
	uint32		done = 0;

	do
	{
		uint32		n = Min(floats - done, PGR_HNSW_FLOATS_PER_PAGE);
		Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_AUX, n * sizeof(float));

		if (n > 0)
			memcpy(PgrPageGetData(BufferGetPage(buffer)), ix->frames + done, n * sizeof(float));
		done += n;
		if (done < floats)
			PgrPageGetOpaque(BufferGetPage(buffer))->next = BufferGetBlockNumber(buffer) + 1;
		UnlockReleaseBuffer(buffer);
	} while (done < floats);
}

void
pgr_hnsw_write_head(PgrHnswIndex *ix, ForkNumber fork, double rows)
{
	PgrHnswMeta *meta = &ix->meta;
	Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_META, sizeof(PgrHnswMeta));

	/*
	 * Blocks are known before they are there: nobody else extends a file that is being built.
	 * The lists are one or none here; those of a build come later (pgr_hnsw_create_lists).
	 */
	meta->entry_pages = (uint32) pgr_hnsw_entry_pages(meta, rows);
	for (uint32 i = 0; i < meta->entry_pages; i++)
		meta->entry_block[i] = PGR_META_BLOCK + 1 + i;
	meta->frame_block = PGR_META_BLOCK + 1 + meta->entry_pages;
	meta->lists.block = meta->frame_block + Max(1, (meta->nframes * meta->dim +
												   PGR_HNSW_FLOATS_PER_PAGE - 1) /
											   PGR_HNSW_FLOATS_PER_PAGE);
	meta->node_block = meta->lists.block + meta->lists.n;
	memcpy(PgrPageGetData(BufferGetPage(buffer)), meta, sizeof(PgrHnswMeta));
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < meta->entry_pages; i++)
		UnlockReleaseBuffer(pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_ENTRY,
												 sizeof(PgrHnswEntryHead)));
	write_frames(ix, fork);
	pgr_hnsw_write_lists(ix, fork);
}

/* ----------
 * Nodes
 * ----------
 */

/*
 * The first row, from row i on in a chain of equal rows, that has no node in pages yet, or
 * PGR_GRAPH_NONE. The graph is not changed any more and is read without its locks.
 */
static uint32
next_new(const PgrGraph *g, uint32 i)
{
	while (i != PGR_GRAPH_NONE && pgr_graph_node(g, i)->written)
		i = pgr_graph_node(g, i)->next_equal;
	return i;
}

/*
 * How many rows without a node there are among the equal ones from row i on. Linear in the
 * chain, which may have all rows of the table; it is asked for a constant number of times a
 * node.
 */
static uint32
count_new(const PgrGraph *g, uint32 i)
{
	uint32		n = 0;

	for (i = next_new(g, i); i != PGR_GRAPH_NONE;
		 i = next_new(g, pgr_graph_node(g, i)->next_equal))
		n++;
	return n;
}

/* TIDS slots that a node of so many rows needs, beyond the items in the node itself. */
static uint32
slots_needed(const PgrHnswMeta *meta, uint32 rows)
{
	uint32		more = rows > PGR_HNSW_INLINE_TIDS ? rows - PGR_HNSW_INLINE_TIDS : 0;

	return (more + PGR_HNSW_SLOT_TIDS(meta) - 1) / PGR_HNSW_SLOT_TIDS(meta);
}

/*
 * The slot that lies n slots behind another, in the pages of one flush. Where a node takes
 * several pages its first is preceded by the parts - 1 others, hence steps of meta->parts.
 */
static PgrHnswId
slot_behind(const PgrHnswMeta *meta, PgrHnswId id, uint32 n)
{
	uint64		slot = id % meta->nodes_per_page + (uint64) n;
	uint64		block = PGR_HNSW_BLOCK(meta, id) + slot / meta->nodes_per_page * meta->parts;

	return (PgrHnswId) (block * meta->nodes_per_page + slot % meta->nodes_per_page);
}

/*
 * Numbers the nodes as their records will lie, from the relation's end on, in the order of the
 * graph, which is about that of the table. A node's TIDS slots follow it. Nodes written before
 * keep theirs. Numbers must be known before the first record is written, because records name
 * each other; so this is one pass of the leader, with no page locked, before all participants
 * write. A page of a large node is the last of its `parts`, since pgr_hnsw_extend_to appends
 * the further parts first. Raises 54000 where block numbers times slots no longer fit 32 bits:
 * nothing is written yet then.
 */
static void
number_nodes(const PgrHnswIndex *ix, PgrGraph *g, const PgrHnswWritten *w)
{
	const PgrHnswMeta *meta = &ix->meta;
	uint64		next = 0;
	uint64		first = RelationGetNumberOfBlocks(ix->rel);

	for (uint32 i = 0; i < pgr_graph_count(g); i++)
	{
		PgrGraphNode *node = pgr_graph_node(g, i);

		node->written = w->ids != NULL && w->ids[node->number] != PGR_HNSW_NO_ID;
	}
	for (uint32 i = 0; i < pgr_graph_count(g); i++)
	{
		PgrGraphNode *node = pgr_graph_node(g, i);
		uint64		block = first + next / meta->nodes_per_page * meta->parts + meta->parts - 1;
		uint32		rows;

		if (node->state != PGR_GRAPH_NODE)
			continue;
		rows = count_new(g, i);
		if (rows == 0)
		{
			node->disk_id = w->ids[node->number];
			continue;
		}
		if (block >= MaxBlockNumber / meta->nodes_per_page)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("index \"%s\" has too many nodes", RelationGetRelationName(ix->rel))));
		node->disk_id = block * meta->nodes_per_page + next % meta->nodes_per_page;
		next += 1 + slots_needed(meta, rows);
	}
}

/*
 * Where one participant writes records. The buffer is only pinned between records: the next
 * record is most often for the same page, and a pin saves the look-up in the buffer table.
 */
typedef struct Writer
{
	const PgrHnswIndex *ix;
	const PgrGraph *g;
	PgrHnswNode *record;		/* scratch */
	Buffer		buffer;			/* the page written last, pinned, or InvalidBuffer */
} Writer;

/*
 * Copies a record into its slot, and its further parts into their pages. The page exists
 * already (pgr_hnsw_extend_to). Locks one page at a time, exclusively; on return none is
 * locked, and the node's page stays pinned in the writer. Readers of a large node rely on the
 * first page's lock for all parts, but there are none yet. Nothing is logged: the whole fork
 * is, at the end of the build.
 */
static void
put_record(Writer *w, PgrHnswId id)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	Size		done = Min(meta->node_size, PGR_PAGE_CAPACITY);
	BlockNumber next;
	Page		page;

	w->buffer = ReleaseAndReadBuffer(w->buffer, w->ix->rel, PGR_HNSW_BLOCK(meta, id));
	LockBuffer(w->buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(w->buffer);
	next = PgrPageGetOpaque(page)->next;
	memcpy(pgr_hnsw_slot(w->ix, page, id), w->record, done);
	MarkBufferDirty(w->buffer);
	LockBuffer(w->buffer, BUFFER_LOCK_UNLOCK);
	for (; done < meta->node_size; done += PGR_PAGE_CAPACITY)
	{
		Buffer		buffer = pgr_page_read(w->ix->rel, next, PGR_PAGE_HNSW_AUX,
										   BUFFER_LOCK_EXCLUSIVE);

		page = BufferGetPage(buffer);
		memcpy(PgrPageGetData(page), (const char *) w->record + done,
			   Min(meta->node_size - done, PGR_PAGE_CAPACITY));
		next = PgrPageGetOpaque(page)->next;
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * The value of a chain's new rows goes into the record, if all of them have the same. Equal
 * codes do not mean equal values, and a node has room for one; where they differ the record
 * keeps its zeros, which stand for no value, and the rows are ranked from the table.
 */
static void
put_value(const Writer *w, uint32 first)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	const PgrGraph *g = w->g;
	const char *value = PGR_HNSW_ROW_VALUE(meta, pgr_graph_extra(g, pgr_graph_node(g, first)));

	for (uint32 i = first; i != PGR_GRAPH_NONE;
		 i = next_new(g, pgr_graph_node(g, i)->next_equal))
		if (memcmp(PGR_HNSW_ROW_VALUE(meta, pgr_graph_extra(g, pgr_graph_node(g, i))), value,
				   meta->value_size) != 0)
			return;
	memcpy(PGR_HNSW_VALUE(meta, w->record), value, meta->value_size);
}

/*
 * A graph node's links become edges of the record, one to each node: two groups of equal rows
 * may have come to share a node in an earlier part of the build, and an edge twice would waste
 * room. The codes of the ends lie anywhere in memory, so that of the link after the next is
 * asked for early.
 */
static void
fill_edges(const PgrHnswIndex *ix, const PgrGraph *g, const PgrGraphNode *from, PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &ix->meta;

	const PgrGraphLink *links = pgr_graph_links(g, from);

	record->nedges = 0;
	for (uint32 i = 0; i < from->nlinks; i++)
	{
		const PgrGraphNode *to = pgr_graph_node(g, PGR_GRAPH_ID(links[i]));

		if (i + 2 < from->nlinks)
			pgr_graph_prefetch(g, PGR_GRAPH_ID(links[i + 2]), 0, g->dim);
		if (pgr_hnsw_has_edge(meta, record, to->disk_id))
			continue;
		pgr_hnsw_make_edge(meta, &from->head, pgr_graph_code(g, from), to->disk_id, &to->head,
						   pgr_graph_code(g, to), PGR_HNSW_EDGE(meta, record, record->nedges));
		record->nedges++;
	}
}

/*
 * Moves tids (with filter values) of new rows from a chain into the record until it has
 * `most`. *rest is the next row to take, on return the first that found no room.
 */
static void
fill_tids(const Writer *w, uint32 *rest, uint32 most)
{
	for (; *rest != PGR_GRAPH_NONE && w->record->ntids < most;
		 *rest = next_new(w->g, pgr_graph_node(w->g, *rest)->next_equal))
		pgr_hnsw_add_item(&w->ix->meta, w->record,
						  pgr_graph_extra(w->g, pgr_graph_node(w->g, *rest)));
}

/*
 * Begins a record in the writer's scratch memory. nslots: TIDS slots that follow the slot
 * `id`, of which the first is named. Generations are all 0: the slots are new. Zeroed to the
 * end, because bytes that no field covers are written as well and must not be another node's.
 */
static void
begin_record(const Writer *w, PgrHnswId id, uint16 flags, PgrHnswId owner, uint32 nslots)
{
	memset(w->record, 0, w->ix->meta.node_size);
	w->record->flags = flags;
	w->record->owner = owner;
	w->record->more = nslots > 0 ? slot_behind(&w->ix->meta, id, 1) : PGR_HNSW_NO_ID;
}

/*
 * Writes a node with those of its rows that have no node yet, from `first` on, and the TIDS
 * slots for what the record has no room for. Locks as put_record. A cancel between two slots
 * leaves a node that names a free slot; the index goes with the transaction.
 */
static void
put_node(Writer *w, const PgrGraphNode *node, uint32 first)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	PgrHnswId	id = node->disk_id;
	uint32		nslots = slots_needed(meta, count_new(w->g, first));
	uint32		rest = first;

	begin_record(w, id, PGR_HNSW_USED, PGR_HNSW_NO_ID, nslots);
	w->record->head = node->head;
	fill_tids(w, &rest, PGR_HNSW_INLINE_TIDS);
	memcpy(PGR_HNSW_CODE(meta, w->record), pgr_graph_code(w->g, node), meta->padded);
	fill_edges(w->ix, w->g, node, w->record);
	put_value(w, first);
	put_record(w, id);
	/* tids of duplicates for which the record has no room */
	while (nslots-- > 0)
	{
		id = slot_behind(meta, id, 1);
		begin_record(w, id, PGR_HNSW_TIDS | PGR_HNSW_STAMPED, node->disk_id, nslots);
		fill_tids(w, &rest, PGR_HNSW_SLOT_TIDS(meta));
		put_record(w, id);
	}
}

/*
 * Remembers which node new rows of node i's group are in, and enters them in the lists of
 * filter values. After all nodes are written: a list may take further pages at the relation's
 * end, where nodes had got their numbers already. Locks as pgr_hnsw_list_enter: none on entry
 * or exit.
 */
static void
enter_rows(const PgrHnswIndex *ix, const PgrGraph *g, uint32 i, const PgrHnswWritten *w)
{
	PgrHnswId	id = pgr_graph_node(g, i)->disk_id;

	for (i = next_new(g, i); i != PGR_GRAPH_NONE;
		 i = next_new(g, pgr_graph_node(g, i)->next_equal))
	{
		const PgrGraphNode *row = pgr_graph_node(g, i);

		if (ix->meta.filter_size > 0)
		{
			PgrHnswPoint point;

			pgr_hnsw_point_code(ix, 0, &row->head, pgr_graph_code(g, row), &point);
			pgr_hnsw_list_enter(ix, id, &point, pgr_graph_extra(g, row));
		}
		if (w->ids != NULL)
			w->ids[row->number] = id;
	}
}

/*
 * Gives the nodes that rows of a group have got in earlier parts the group's edges, as far as
 * they are worth it. record: scratch memory of node_size bytes, where the edges are made once
 * for all of these nodes; several groups' rows may be in one node and, the other way round,
 * one group's in several. Locks one node's page at a time (pgr_hnsw_merge_edges), none on
 * entry or exit.
 */
static void
merge_group(const PgrHnswIndex *ix, const PgrGraph *g, uint32 i, const PgrHnswWritten *w,
			PgrHnswNode *record)
{
	const PgrGraphNode *node = pgr_graph_node(g, i);
	PgrHnswId	last = PGR_HNSW_NO_ID;

	record->nedges = 0;
	for (; i != PGR_GRAPH_NONE; i = pgr_graph_node(g, i)->next_equal)
	{
		PgrHnswId	id = w->ids[pgr_graph_node(g, i)->number];

		if (id == PGR_HNSW_NO_ID || id == last)
			continue;
		if (record->nedges == 0)
			fill_edges(ix, g, node, record);
		pgr_hnsw_merge_edges(ix, id, PGR_HNSW_EDGES(&ix->meta, record), record->nedges);
		last = id;
	}
}

/*
 * Evenly spaced among all nodes, some become entries: the i-th of n where i * room / n passes
 * the next integer, so that they are spread over the table, whatever its order is. w->rows is
 * an estimate of the nodes; where it is too high the pages are not filled. Locks an entry
 * page; none on entry or exit. The point is on the stack; its views are in the current
 * context.
 */
static void
put_entry(PgrHnswIndex *ix, const PgrGraph *g, const PgrGraphNode *node, PgrHnswWritten *w)
{
	double		room = PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta) * ix->meta.entry_pages;

	if (w->entries * w->rows <= w->seen * room && w->entries < room)
	{
		PgrHnswPoint point;

		pgr_hnsw_point_code(ix, 0, &node->head, pgr_graph_code(g, node), &point);
		pgr_hnsw_offer_entry(ix, node->disk_id, &point, 0, true);
		w->entries++;
	}
	w->seen++;
}

/*
 * Remembers the last page, which may have room for what is inserted next. Locks the metapage,
 * exclusively, and leaves none locked; not logged, as all of a build.
 */
static void
set_insert_block(PgrHnswIndex *ix, BlockNumber block)
{
	Buffer		buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);

	ix->meta.insert_block = block;
	((PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer)))->insert_block = block;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* Steps in which a graph is written, each over all its nodes. */
typedef enum Step
{
	STEP_MERGE,
	STEP_PUT,
	STEP_ENTER,
	STEPS
} Step;

/*
 * Cancels if that was asked for, and reports progress: each of the three steps counts for a
 * third of the graph's rows, so that the progress view ascends. No page is locked here.
 */
static void
report_step(const PgrGraph *g, uint64 reported, Step step, uint32 i)
{
	CHECK_FOR_INTERRUPTS();
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) (reported +
										  ((uint64) pgr_graph_count(g) * step + i) / STEPS));
}

/* For each node of a graph, by number. */
#define FOREACH_NODE(g, i) \
	for (uint32 i = 0; i < pgr_graph_count(g); i++) \
		if (pgr_graph_node(g, i)->state == PGR_GRAPH_NODE)

void
pgr_hnsw_flush_begin(PgrHnswIndex *ix, PgrGraph *g, const PgrHnswWritten *written,
					 uint64 reported)
{
	PgrHnswNode *record = palloc(ix->meta.node_size);

	number_nodes(ix, g, written);
	/* before the new ones have their numbers */
	if (written->ids != NULL)
		FOREACH_NODE(g, i)
		{
			report_step(g, reported, STEP_MERGE, i);
			merge_group(ix, g, i, written, record);
		}
	pfree(record);
}

/*
 * The last slot that new nodes among the graph's rows in [from, to) take, TIDS slots included,
 * or PGR_HNSW_NO_ID if there is no new node. Numbers ascend with the row, so it is the last
 * node's.
 */
static PgrHnswId
last_slot(const PgrHnswMeta *meta, const PgrGraph *g, uint32 from, uint32 to)
{
	while (to-- > from)
	{
		const PgrGraphNode *node = pgr_graph_node(g, to);
		uint32		rows = node->state == PGR_GRAPH_NODE ? count_new(g, to) : 0;

		if (rows > 0)
			return slot_behind(meta, node->disk_id, slots_needed(meta, rows));
	}
	return PGR_HNSW_NO_ID;
}

void
pgr_hnsw_flush_nodes(PgrHnswIndex *ix, const PgrGraph *g, pg_atomic_uint64 *taken,
					 uint64 reported)
{
	/*
	 * Pages are extended before they are written, each time by those of 256 nodes: the
	 * extension lock is held once for many. Records of two participants may share a page, so
	 * it is locked for each.
	 */
	Writer		w = {ix, g, palloc(ix->meta.node_size), InvalidBuffer};
	uint64		from;

	while ((from = pg_atomic_fetch_add_u64(taken, TAKE_NODES)) < pgr_graph_count(g))
	{
		uint32		to = (uint32) Min(from + TAKE_NODES, pgr_graph_count(g));
		PgrHnswId	last = last_slot(&ix->meta, g, (uint32) from, to);

		if (last == PGR_HNSW_NO_ID)
			continue;
		pgr_hnsw_extend_to(ix, PGR_HNSW_BLOCK(&ix->meta, last));
		for (uint32 i = (uint32) from; i < to; i++)
		{
			const PgrGraphNode *node = pgr_graph_node(g, i);
			uint32		first = node->state == PGR_GRAPH_NODE ? next_new(g, i) : PGR_GRAPH_NONE;

			report_step(g, reported, STEP_PUT, i);
			if (first != PGR_GRAPH_NONE)
				put_node(&w, node, first);
		}
	}
	if (BufferIsValid(w.buffer))
		ReleaseBuffer(w.buffer);
	pfree(w.record);
}

void
pgr_hnsw_flush_end(PgrHnswIndex *ix, const PgrGraph *g, PgrHnswWritten *written,
				   uint64 reported)
{
	PgrHnswId	last = last_slot(&ix->meta, g, 0, pgr_graph_count(g));

	/* all participants have written by now: the barrier is between */
	if (last != PGR_HNSW_NO_ID)
		set_insert_block(ix, PGR_HNSW_BLOCK(&ix->meta, last));
	FOREACH_NODE(g, i)
	{
		report_step(g, reported, STEP_ENTER, i);
		if (next_new(g, i) == PGR_GRAPH_NONE)
			continue;
		put_entry(ix, g, pgr_graph_node(g, i), written);
		enter_rows(ix, g, i, written);
	}
}
