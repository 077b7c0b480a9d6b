/*
 * hnsw_flush.c
 *		Writing an index: its first pages, and the nodes of a graph that was
 *		built in memory. Pages are changed in place and logged at the end.
 */
#include "postgres.h"

#include <math.h>

#include "commands/progress.h"
#include "hnsw/hnsw.h"
#include "miscadmin.h"
#include "pgstat.h"

/* entry pages grow with the square root of the rows, up to so many */
#define MAX_ENTRY_PAGES 4

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

static void
write_centre(const PgrHnswIndex *ix, ForkNumber fork)
{
	for (uint32 done = 0; done < ix->meta.dim;)
	{
		uint32		n = Min(ix->meta.dim - done, PGR_HNSW_FLOATS_PER_PAGE);
		Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_AUX, n * sizeof(float));

		memcpy(PgrPageGetData(BufferGetPage(buffer)), ix->centre + done, n * sizeof(float));
		UnlockReleaseBuffer(buffer);
		done += n;
	}
}

void
pgr_hnsw_write_head(PgrHnswIndex *ix, ForkNumber fork, double rows)
{
	PgrHnswMeta *meta = &ix->meta;
	double		pages = ceil(sqrt(Max(rows, 1)) / PGR_HNSW_ENTRIES_PER_PAGE(meta));
	Buffer		buffer = pgr_hnsw_append_page(ix, fork, PGR_PAGE_META, sizeof(PgrHnswMeta));

	meta->entry_block = PGR_META_BLOCK + 1;
	meta->entry_pages = (uint32) Max(1, Min(pages, MAX_ENTRY_PAGES));
	meta->centre_block = meta->entry_block + meta->entry_pages;
	meta->centre_pages = ix->centre == NULL ? 0
		: (meta->dim + PGR_HNSW_FLOATS_PER_PAGE - 1) / PGR_HNSW_FLOATS_PER_PAGE;
	meta->list_block = meta->centre_block + meta->centre_pages;
	meta->node_block = meta->list_block + meta->lists;
	memcpy(PgrPageGetData(BufferGetPage(buffer)), meta, sizeof(PgrHnswMeta));
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < meta->entry_pages; i++)
		UnlockReleaseBuffer(pgr_hnsw_append_page(ix, fork, PGR_PAGE_HNSW_ENTRY,
												 sizeof(PgrHnswEntryHead)));
	if (meta->centre_pages > 0)
		write_centre(ix, fork);
	pgr_hnsw_write_lists(ix, fork);
}

/* ----------
 * Nodes
 * ----------
 */

static bool
is_new(const PgrHnswWritten *w, const PgrGraphNode *node)
{
	return w->ids == NULL || w->ids[node->number] == PGR_HNSW_NO_ID;
}

/* The first row, from i on in a chain of equal ones, that has no node yet. */
static uint32
next_new(const PgrGraph *g, const PgrHnswWritten *w, uint32 i)
{
	while (i != PGR_GRAPH_NONE && !is_new(w, pgr_graph_node(g, i)))
		i = pgr_graph_node(g, i)->next_equal;
	return i;
}

/* Rows without a node among the equal ones from i on. */
static uint32
count_new(const PgrGraph *g, const PgrHnswWritten *w, uint32 i)
{
	uint32		n = 0;

	for (i = next_new(g, w, i); i != PGR_GRAPH_NONE;
		 i = next_new(g, w, pgr_graph_node(g, i)->next_equal))
		n++;
	return n;
}

/* TIDS slots that a node of so many rows needs */
static uint32
slots_needed(const PgrHnswMeta *meta, uint32 rows)
{
	uint32		more = rows > PGR_HNSW_INLINE_TIDS ? rows - PGR_HNSW_INLINE_TIDS : 0;

	return (more + PGR_HNSW_SLOT_TIDS(meta) - 1) / PGR_HNSW_SLOT_TIDS(meta);
}

/*
 * Numbers the nodes as their records will lie: the k-th slot behind the
 * relation's end. A node's TIDS slots follow it. Nodes written before keep theirs.
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
		uint64		block = first + next / meta->nodes_per_page * meta->parts + meta->parts - 1;
		uint32		rows;

		if (node->state != PGR_GRAPH_NODE)
			continue;
		rows = count_new(g, w, i);
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

/* Where records are appended. */
typedef struct Writer
{
	const PgrHnswIndex *ix;
	PgrHnswWritten *written;
	Buffer		buffer;			/* the page being filled, locked, or InvalidBuffer */
	uint32		slot;			/* next in it */
	BlockNumber last;			/* the last page begun */
} Writer;

/* The next slot's number; its page is locked. */
static PgrHnswId
next_slot(Writer *w)
{
	const PgrHnswMeta *meta = &w->ix->meta;

	if (BufferIsValid(w->buffer) && w->slot == meta->nodes_per_page)
	{
		UnlockReleaseBuffer(w->buffer);
		w->buffer = InvalidBuffer;
	}
	if (!BufferIsValid(w->buffer))
	{
		CHECK_FOR_INTERRUPTS();
		w->buffer = pgr_hnsw_extend_nodes(w->ix);
		w->last = BufferGetBlockNumber(w->buffer);
		w->slot = 0;
	}
	return w->last * meta->nodes_per_page + w->slot++;
}

/* Copies a record into the slot just given, and its further parts. */
static void
put_record(Writer *w, PgrHnswId id, const PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	Page		page = BufferGetPage(w->buffer);
	BlockNumber next = PgrPageGetOpaque(page)->next;

	memcpy(pgr_hnsw_slot(w->ix, page, id), record, Min(meta->node_size, PGR_PAGE_CAPACITY));
	MarkBufferDirty(w->buffer);
	for (Size done = PGR_PAGE_CAPACITY; done < meta->node_size; done += PGR_PAGE_CAPACITY)
	{
		Buffer		buffer = pgr_page_read(w->ix->rel, next, PGR_PAGE_HNSW_AUX,
										   BUFFER_LOCK_EXCLUSIVE);

		page = BufferGetPage(buffer);
		memcpy(PgrPageGetData(page), (const char *) record + done,
			   Min(meta->node_size - done, PGR_PAGE_CAPACITY));
		next = PgrPageGetOpaque(page)->next;
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/* Adds a graph node's row to a record. */
static void
put_item(const PgrHnswMeta *meta, const PgrGraph *g, const PgrGraphNode *node, PgrHnswNode *record)
{
	memcpy(PGR_HNSW_ITEM(meta, record, record->ntids), pgr_graph_extra(g, node),
		   PGR_HNSW_ITEM_SIZE(meta));
	record->ntids++;
}

/* The value of a chain's new rows goes into a record, if all have the same. */
static void
put_value(const Writer *w, const PgrGraph *g, uint32 first, PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	const char *value = PGR_HNSW_ROW_VALUE(meta, pgr_graph_extra(g, pgr_graph_node(g, first)));

	for (uint32 i = first; i != PGR_GRAPH_NONE;
		 i = next_new(g, w->written, pgr_graph_node(g, i)->next_equal))
		if (memcmp(PGR_HNSW_ROW_VALUE(meta, pgr_graph_extra(g, pgr_graph_node(g, i))), value,
				   meta->value_size) != 0)
			return;
	memcpy(PGR_HNSW_VALUE(meta, record), value, meta->value_size);
}

/*
 * A graph node's links become the record's edges, one each: two groups of equal rows
 * may have come to share a node earlier.
 */
static void
fill_edges(const PgrHnswIndex *ix, const PgrGraph *g, const PgrGraphNode *from, PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &ix->meta;

	record->nedges = 0;
	for (uint32 i = 0; i < from->nlinks; i++)
	{
		const PgrGraphNode *to = pgr_graph_node(g, PGR_GRAPH_ID(from->links[i]));

		if (i + 2 < from->nlinks)
			pgr_graph_prefetch(g, PGR_GRAPH_ID(from->links[i + 2]));
		if (pgr_hnsw_has_edge(meta, record, to->disk_id))
			continue;
		pgr_hnsw_make_edge(meta, &from->head, pgr_graph_code(g, from), to->disk_id, &to->head,
						   pgr_graph_code(g, to), PGR_HNSW_EDGE(meta, record, record->nedges));
		record->nedges++;
	}
}

/* Takes tids of new rows from a chain into a record with room for most. */
static void
fill_tids(const Writer *w, const PgrGraph *g, uint32 *rest, PgrHnswNode *record, uint32 most)
{
	for (; *rest != PGR_GRAPH_NONE && record->ntids < most;
		 *rest = next_new(g, w->written, pgr_graph_node(g, *rest)->next_equal))
		put_item(&w->ix->meta, g, pgr_graph_node(g, *rest), record);
}

/* The tids of a node's duplicates that do not fit in its record. */
static void
put_tids_slots(Writer *w, const PgrGraph *g, PgrHnswId owner, uint32 rest, uint32 nslots,
			   PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &w->ix->meta;

	for (uint32 i = 0; i < nslots; i++)
	{
		PgrHnswId	id = next_slot(w);

		memset(record, 0, meta->node_size);
		record->flags = PGR_HNSW_TIDS;
		record->owner = owner;
		record->more = PGR_HNSW_NO_ID;
		fill_tids(w, g, &rest, record, PGR_HNSW_SLOT_TIDS(meta));
		/* the slot that follows, wherever its page will be */
		if (i + 1 < nslots)
			record->more = w->slot < meta->nodes_per_page ? id + 1
				: (PgrHnswId) (RelationGetNumberOfBlocks(w->ix->rel) + meta->parts - 1) *
				meta->nodes_per_page;
		put_record(w, id, record);
	}
}

/* Writes a node with its rows from first on, which have none yet. */
static void
put_node(Writer *w, const PgrGraph *g, const PgrGraphNode *node, uint32 first,
		 PgrHnswNode *record)
{
	const PgrHnswMeta *meta = &w->ix->meta;
	PgrHnswId	id = next_slot(w);
	uint32		nslots = slots_needed(meta, count_new(g, w->written, first));
	uint32		rest = first;

	if (id != node->disk_id)
		elog(ERROR, "node is written to slot %u instead of %u", id, node->disk_id);
	memset(record, 0, meta->node_size);
	record->flags = PGR_HNSW_USED;
	record->more = PGR_HNSW_NO_ID;
	record->owner = PGR_HNSW_NO_ID;
	record->head = node->head;
	fill_tids(w, g, &rest, record, PGR_HNSW_INLINE_TIDS);
	if (nslots > 0)
		record->more = w->slot < meta->nodes_per_page ? id + 1
			: (PgrHnswId) (RelationGetNumberOfBlocks(w->ix->rel) + meta->parts - 1) *
			meta->nodes_per_page;
	memcpy(PGR_HNSW_CODE(meta, record), pgr_graph_code(g, node), meta->padded);
	fill_edges(w->ix, g, node, record);
	put_value(w, g, first, record);
	put_record(w, id, record);
	put_tids_slots(w, g, id, rest, nslots, record);
}

/*
 * Remembers which node new rows of a group are in, and enters them in the lists
 * of filter values. After all nodes, because lists may take further pages.
 */
static void
enter_rows(const PgrHnswIndex *ix, const PgrGraph *g, uint32 first, const PgrHnswWritten *w)
{
	PgrHnswId	id = pgr_graph_node(g, first)->disk_id;

	for (uint32 i = next_new(g, w, first); i != PGR_GRAPH_NONE;
		 i = next_new(g, w, pgr_graph_node(g, i)->next_equal))
	{
		const PgrGraphNode *row = pgr_graph_node(g, i);

		if (ix->meta.filter_size > 0)
			pgr_hnsw_list_enter(ix, id, &row->head, pgr_graph_code(g, row),
								pgr_graph_extra(g, row));
		if (w->ids != NULL)
			w->ids[row->number] = id;
	}
}

/* Gives the nodes that rows of a group have had before the group's edges. */
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

/* Evenly spaced among all nodes, some become entries. */
static void
put_entry(const PgrHnswIndex *ix, const PgrGraph *g, const PgrGraphNode *node, PgrHnswWritten *w)
{
	double		room = PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta) * ix->meta.entry_pages;

	if (w->entries * w->rows <= w->seen * room && w->entries < room)
	{
		pgr_hnsw_offer_entry(ix, node->disk_id, pgr_graph_code(g, node), &node->head, 0, true);
		w->entries++;
	}
	w->seen++;
}

/* Remembers the last page, which may have room for what is inserted next. */
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

static void
report_step(const PgrGraph *g, const PgrHnswWritten *written, Step step, uint32 i)
{
	CHECK_FOR_INTERRUPTS();
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
								 (int64) (written->reported +
										  ((uint64) pgr_graph_count(g) * step + i) / STEPS));
}

/* For each node of a graph, by number. */
#define FOREACH_NODE(g, i) \
	for (uint32 i = 0; i < pgr_graph_count(g); i++) \
		if (pgr_graph_node(g, i)->state == PGR_GRAPH_NODE)

void
pgr_hnsw_flush(PgrHnswIndex *ix, PgrGraph *g, PgrHnswWritten *written)
{
	Writer		w = {ix, written, InvalidBuffer};
	PgrHnswNode *record = palloc(ix->meta.node_size);

	number_nodes(ix, g, written);
	/* before the new ones have their numbers */
	if (written->ids != NULL)
		FOREACH_NODE(g, i)
		{
			report_step(g, written, STEP_MERGE, i);
			merge_group(ix, g, i, written, record);
		}
	FOREACH_NODE(g, i)
	{
		const PgrGraphNode *node = pgr_graph_node(g, i);
		uint32		first = next_new(g, written, i);

		if (first == PGR_GRAPH_NONE)
			continue;
		report_step(g, written, STEP_PUT, i);
		put_node(&w, g, node, first, record);
		put_entry(ix, g, node, written);
	}
	if (BufferIsValid(w.buffer))
	{
		UnlockReleaseBuffer(w.buffer);
		set_insert_block(ix, w.last);
	}
	FOREACH_NODE(g, i)
	{
		report_step(g, written, STEP_ENTER, i);
		enter_rows(ix, g, i, written);
	}
	pfree(record);
}
