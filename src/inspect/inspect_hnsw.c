/*
 * inspect_hnsw.c
 *		hnsw_check(index): every inconsistency of an hnsw index; hnsw_stats(index):
 *		its shape.
 *
 * What is checked: slots and their links (edges and entries name nodes, TIDS
 * slots belong to the node that names them), edge codes against the codes of
 * both ends, node codes and filter values against the values in the table, the
 * lists of filter values and their digests against the nodes. Pages are locked
 * one at a time, so with writers about a finding may be a change in progress.
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "access/tableam.h"
#include "am/heapvalue.h"
#include "base/compat.h"
#include "base/index_access.h"
#include "catalog/index.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "hnsw/hnsw_tids.h"
#include "inspect/inspect.h"
#include "inspect/rowset.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* An entry of the lists of filter values, by its tid. */
typedef struct ListEntry
{
	uint64		tid;
	uint32		status;			/* of the hash table */
	PgrHnswId	id;
	bool		met;			/* the node has the row */
	char	   *filter;			/* and the digest behind it */
} ListEntry;

#define SH_PREFIX pgr_hnsw_listed
#define SH_ELEMENT_TYPE ListEntry
#define SH_KEY_TYPE uint64
#define SH_KEY tid
#define SH_HASH_KEY(tb, key) murmurhash32((uint32) ((key) ^ (key) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct Check
{
	PgrHnswIndex *ix;
	ReturnSetInfo *result;
	PgrHeapValue *heap;
	Relation	heap_rel;
	BlockNumber heap_blocks;	/* at least so many it has */
	MemoryContext context;		/* of the whole check */
	MemoryContext node_context;
	PgrRowSet	rows;			/* all that nodes have */
	PgrHnswNode *node;			/* copies of records */
	PgrHnswNode *other;
	pgr_hnsw_listed_hash *list; /* NULL without filter columns */
	BlockNumber nblocks;
	uint8	   *reached;		/* one byte an id: 1 found, 2 followed */
} Check;

static void
report(Check *c, PgrHnswId id, const char *format,...) pg_attribute_printf(3, 4);

static void
report(Check *c, PgrHnswId id, const char *format,...)
{
	StringInfoData text;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			more;

	initStringInfo(&text);
	do
	{
		va_list		args;

		va_start(args, format);
		more = appendStringInfoVA(&text, format, args);
		va_end(args);
		if (more > 0)
			enlargeStringInfo(&text, more);
	} while (more > 0);
	values[0] = Int64GetDatum(id);
	values[1] = CStringGetTextDatum(text.data);
	tuplestore_putvalues(c->result->setResult, c->result->setDesc, values, nulls);
}

/* A copy of a node's record; false if the id names no slot. */
static bool
copy_node(Check *c, PgrHnswId id, PgrHnswNode *to)
{
	const PgrHnswIndex *ix = c->ix;
	BlockNumber block = PGR_HNSW_BLOCK(&ix->meta, id);
	Buffer		buffer;
	Page		page;

	if (block < ix->meta.node_block || block >= c->nblocks)
		return false;
	buffer = pgr_hnsw_node_page(ix, block, BUFFER_LOCK_SHARE, &page);
	if (page != NULL)
	{
		const PgrHnswNode *node = pgr_hnsw_node_at(ix, page, id, (char *) to);

		if (node != to)
			memcpy(to, node, ix->meta.node_size);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	return page != NULL;
}

/* ----------
 * Single checks
 * ----------
 */

/*
 * The stored edge is what both ends' codes give; c->other is a copy of the end. From another
 * frame the end was seen by its value, which its code need not tell well enough.
 */
static void
check_edge_code(Check *c, PgrHnswId id, const PgrHnswEdge *edge, uint32 frame,
				const PgrCode8 *from, const int8 *from_code)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	uint8	   *bits;
	PgrEdge		want;
	double		tolerance;
	double		shortest;		/* of an edge so short bits mean nothing */
	uint64		differ;

	if (c->other->frame != frame)
		return;
	bits = palloc(PGR_EDGE_BYTES(meta->padded, meta->edge_bits));
	pgr_edge_encode(from, from_code, &c->other->head, PGR_HNSW_CODE(meta, c->other),
					meta->padded, meta->edge_bits, &want, bits);
	/* signs of what rounds to nothing depend on the instruction set */
	differ = pgr_kernel->hamming(bits, (const uint8 *) edge + PGR_HNSW_EDGE_BITS(meta),
								 PGR_EDGE_BYTES(meta->padded, meta->edge_bits));
	tolerance = 1e-3 * (fabs(want.add) + from->norm2 + c->other->head.norm2) + 1e-30;
	shortest = 1e-3 * sqrt((double) from->norm2 + c->other->head.norm2);
	if ((want.rescale != 0 && differ > meta->padded * meta->edge_bits / 64) ||
		!(fabs(edge->factors.add - want.add) <= tolerance) ||
		!(fabs(edge->factors.rescale - want.rescale) <= 1e-3 * fabs(want.rescale) ||
		  fabs(edge->factors.rescale) + fabs(want.rescale) <= shortest))
		report(c, id, "the edge to %u has a wrong code", edge->id);
}

static void
check_edges(Check *c, PgrHnswId id)
{
	const PgrHnswMeta *meta = &c->ix->meta;

	if (c->node->nedges > meta->degree)
	{
		report(c, id, "%u edges, more than %u", c->node->nedges, meta->degree);
		return;
	}
	for (uint32 i = 0; i < c->node->nedges; i++)
	{
		const PgrHnswEdge *edge = PGR_HNSW_EDGE(meta, c->node, i);

		if (edge->id == id)
			report(c, id, "an edge to itself");
		for (uint32 j = 0; j < i; j++)
			if (PGR_HNSW_EDGE(meta, c->node, j)->id == edge->id)
				report(c, id, "two edges to %u", edge->id);
		if (!copy_node(c, edge->id, c->other) || !(c->other->flags & PGR_HNSW_USED))
			report(c, id, "an edge to %u, which is no node", edge->id);
		else
			check_edge_code(c, id, edge, c->node->frame, &c->node->head,
							PGR_HNSW_CODE(meta, c->node));
	}
}

static uint64
tid_key(ItemPointer tid)
{
	return (uint64) ItemPointerGetBlockNumber(tid) << 16 | ItemPointerGetOffsetNumber(tid);
}

/* Digests are alike but for what instruction sets round to either side. */
static bool
same_digest(const uint8 *a, const uint8 *b, uint32 dims)
{
	int			apart = 0;
	uint16		upper[2];

	/* the upper half of a float */
	memcpy(&upper[0], a, sizeof(uint16));
	memcpy(&upper[1], b, sizeof(uint16));
	if (abs((int) upper[0] - (int) upper[1]) > 1)
		return false;
	for (uint32 i = 2; i < PGR_DIGEST_BYTES(dims); i++)
		apart = Max(apart, Max(abs((a[i] & 15) - (b[i] & 15)), abs((a[i] >> 4) - (b[i] >> 4))));
	return apart <= 1;
}

/* Whether an entry's digest is that of a point. */
static bool
has_digest(const Check *c, PgrHnswPoint *point, const ListEntry *entry)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	uint8		want[PGR_HNSW_MAX_DIGEST];

	pgr_hnsw_list_digest(c->ix, point, want);
	return same_digest(want, (uint8 *) entry->filter + meta->filter_size, meta->lists.digest_dims);
}

/*
 * An entry's digest is that of its row's value or, as where lists were made anew, of the
 * node's code, which c->node has.
 */
static void
check_digest(Check *c, PgrHnswId id, PgrHnswPoint *point, const ListEntry *entry)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	PgrHnswPoint of_code;

	if (meta->lists.digest_dims == 0 || has_digest(c, point, entry))
		return;
	pgr_hnsw_point_code(c->ix, c->node->frame, &c->node->head, PGR_HNSW_CODE(meta, c->node),
						&of_code);
	if (!has_digest(c, &of_code, entry))
		report(c, id, "a row has a wrong digest in the lists of filter values");
}

/* A visible row's filter values are those in its node and in the lists. */
static void
check_filter(Check *c, PgrHnswId id, PgrHnswPoint *point, const char *item, const Datum *values,
			 const bool *isnull)
{
	ItemPointer tid = PGR_HNSW_ITEM_TID(item);
	Size		size = c->ix->meta.filter_size;
	char	   *want = palloc(size);
	ListEntry  *entry;

	pgr_filter_image(c->ix->filters, values, isnull, want);
	if (memcmp(want, PGR_HNSW_ITEM_FILTER(item), size) != 0)
		report(c, id, "row (%u,%u) has other filter values", ItemPointerGetBlockNumber(tid),
			   ItemPointerGetOffsetNumber(tid));
	entry = pgr_hnsw_listed_lookup(c->list, tid_key(tid));
	if (entry == NULL)
		report(c, id, "row (%u,%u) is not in the lists of filter values",
			   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	else if (entry->id != id || memcmp(want, entry->filter, size) != 0)
		report(c, id, "row (%u,%u) is wrong in the lists of filter values",
			   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	else
	{
		entry->met = true;
		check_digest(c, id, point, entry);
	}
}

/* What the node keeps is the row's value, or nothing. */
static void
check_value(Check *c, PgrHnswId id, const PgrHnswNode *node, ItemPointer tid,
			const struct varlena *value)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	char	   *kept;

	if (meta->value_size == 0 || VARSIZE(PGR_HNSW_VALUE(meta, node)) == 0)
		return;
	kept = palloc(meta->value_size);
	pgr_vecclass_keep(c->ix->cls, meta->storage, value, kept);
	if (memcmp(kept, PGR_HNSW_VALUE(meta, node), meta->value_size) != 0)
		report(c, id, "row (%u,%u) has another value than the node keeps",
			   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
}

/*
 * A row of the table that the snapshot sees, if it can be one at all. Rows are added
 * meanwhile: the table's size is asked for when one seems to lie beyond it.
 */
static bool
fetch_row(Check *c, PgrHnswId id, ItemPointer tid, Datum *values, bool *isnull)
{
	bool		valid = ItemPointerIsValid(tid);

	if (valid && ItemPointerGetBlockNumber(tid) >= c->heap_blocks)
		c->heap_blocks = RelationGetNumberOfBlocks(c->heap_rel);
	if (!valid || ItemPointerGetBlockNumber(tid) >= c->heap_blocks)
	{
		report(c, id, "row (%u,%u) is outside of the table", ItemPointerGetBlockNumberNoCheck(tid),
			   ItemPointerGetOffsetNumberNoCheck(tid));
		return false;
	}
	return pgr_heapvalue_row(c->heap, tid, values, isnull);
}

/* Instruction sets differ in the last bits. */
static bool
same_float(float a, float b, float of)
{
	return fabsf(a - b) <= 1e-4f * fabsf(of) || a == b;
}

static bool
same_head(const PgrCode8 *a, const PgrCode8 *b)
{
	/* a scale is the length by that of the code, in which a byte may differ */
	return same_float(a->norm2, b->norm2, a->norm2) &&
		same_float(a->scale, b->scale, 20 * a->scale) && same_float(a->aux, b->aux, a->aux);
}

/* A node's code is that of each of its rows. */
static void
check_code(Check *c, PgrHnswId id, ItemPointer tid, const PgrHnswNode *node,
		   const PgrHnswPoint *point)
{
	const PgrHnswView *own = point->views[point->frame];
	const int8 *stored = PGR_HNSW_CODE(&c->ix->meta, node);
	int			wrong = 0;

	if (!same_head(&own->head, &node->head))
	{
		report(c, id, "row (%u,%u) has another value", ItemPointerGetBlockNumber(tid),
			   ItemPointerGetOffsetNumber(tid));
		return;
	}
	/* instruction sets may round the rotation to either side */
	for (uint32 i = 0; i < c->ix->meta.padded; i++)
		wrong += abs(own->code[i] - stored[i]) > 1;
	if (wrong > 0)
		report(c, id, "row (%u,%u) has another code", ItemPointerGetBlockNumber(tid),
			   ItemPointerGetOffsetNumber(tid));
}

static void
check_item(Check *c, PgrHnswId id, const PgrHnswNode *node, const char *item)
{
	ItemPointer tid = PGR_HNSW_ITEM_TID(item);
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];
	struct varlena *value;
	PgrHnswPoint point;
	MemoryContext old = MemoryContextSwitchTo(c->context);

	pgr_rowset_add(&c->rows, tid, 0, id, 0);
	MemoryContextSwitchTo(old);
	if (!fetch_row(c, id, tid, values, isnull))
		return;
	if (isnull[0])
	{
		report(c, id, "row (%u,%u) is null", ItemPointerGetBlockNumber(tid),
			   ItemPointerGetOffsetNumber(tid));
		return;
	}
	value = (struct varlena *) PG_DETOAST_DATUM(values[0]);
	check_value(c, id, node, tid, value);
	if (pgr_hnsw_point_row(c->ix, value, &point))
	{
		pgr_hnsw_point_put(&point, c->node->frame);
		if (c->list != NULL)
			check_filter(c, id, &point, item, values, isnull);
		check_code(c, id, tid, node, &point);
	}
	else
		report(c, id, "row (%u,%u) has no distance", ItemPointerGetBlockNumber(tid),
			   ItemPointerGetOffsetNumber(tid));
}

static void
check_tids(Check *c, PgrHnswId id)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	PgrHnswChain chain = PGR_HNSW_CHAIN(id, c->node->generation, c->node->more);

	if (c->node->ntids > PGR_HNSW_INLINE_TIDS)
	{
		report(c, id, "%u tids, more than %u", c->node->ntids, PGR_HNSW_INLINE_TIDS);
		return;
	}
	for (uint32 i = 0; i < c->node->ntids; i++)
		check_item(c, id, c->node, PGR_HNSW_ITEM(meta, c->node, i));
	if (c->node->ntids == 0 && chain.slot == PGR_HNSW_NO_ID && !(c->node->flags & PGR_HNSW_DEAD))
		report(c, id, "no tids, but not dead");
	while (chain.slot != PGR_HNSW_NO_ID)
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_node(c, chain.slot, c->other) ||
			!pgr_hnsw_is_tids_of(c->other, id, chain.generation) ||
			c->other->ntids > PGR_HNSW_SLOT_TIDS(meta))
		{
			report(c, id, "slot %u does not hold its tids", chain.slot);
			return;
		}
		for (uint32 i = 0; i < c->other->ntids; i++)
			check_item(c, id, c->node, PGR_HNSW_ITEM(meta, c->other, i));
		pgr_hnsw_chain_step(c->ix, &chain, c->other->more);
	}
}

static void
check_entries(Check *c)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	PGAlignedBlock block;
	int8	   *zero = palloc0(meta->padded);
	PgrCode8	origin = {0};

	for (uint32 p = 0; p < meta->entry_pages; p++)
	{
		uint32		n;

		pgr_page_copy(c->ix->rel, meta->entry_block[p], PGR_PAGE_HNSW_ENTRY, 0, block.data);
		n = ((PgrHnswEntryHead *) PgrPageGetData(block.data))->count;
		if (n > PGR_HNSW_ENTRIES_PER_PAGE(meta))
			report(c, meta->entry_block[p], "%u entries on a page", n);
		for (uint32 i = 0; i < n && i < PGR_HNSW_ENTRIES_PER_PAGE(meta); i++)
		{
			const PgrHnswEdge *edge = PGR_HNSW_ENTRY(meta, block.data, i);

			if (!copy_node(c, edge->id, c->other) || !(c->other->flags & PGR_HNSW_USED))
				report(c, edge->id, "an entry that is no node");
			else
			{
				check_edge_code(c, edge->id, edge, meta->entry_frame[p], &origin, zero);
				c->reached[edge->id] = Max(c->reached[edge->id], 1);
			}
		}
	}
}

/* Remembers the entries of a page of a list; a row is in all lists once. */
static void
read_list_page(Check *c, const char *page, uint32 n)
{
	const PgrHnswMeta *meta = &c->ix->meta;

	for (uint32 i = 0; i < n; i++)
	{
		const char *at = PGR_HNSW_LIST_ENTRY(meta, page, i);
		const char *item = PGR_HNSW_LIST_ITEM(at);
		ItemPointer tid = PGR_HNSW_ITEM_TID(item);
		bool		found;
		ListEntry  *entry = pgr_hnsw_listed_insert(c->list, tid_key(tid), &found);

		memcpy(&entry->id, at, sizeof(PgrHnswId));
		if (found)
			report(c, entry->id, "row (%u,%u) is twice in the lists of filter values",
				   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
		entry->met = false;
		entry->filter = palloc(meta->filter_size + PGR_HNSW_MAX_DIGEST);
		memcpy(entry->filter, PGR_HNSW_ITEM_FILTER(item), meta->filter_size);
		memcpy(entry->filter + meta->filter_size, PGR_HNSW_LIST_DIGEST(meta, at),
			   PGR_HNSW_DIGEST_SIZE(meta));
	}
}

/* Reads one list: its chain ends, inserts look at a page of it, pages hold what they say. */
static void
read_list(Check *c, uint32 list)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	BlockNumber first = PGR_HNSW_LIST_FIRST(meta, list);
	BlockNumber insert = InvalidBlockNumber;
	bool		insert_met = false;
	PgrChain	chain = {0};

	for (BlockNumber block = first, next; block != InvalidBlockNumber; block = next)
	{
		PGAlignedBlock page;
		uint32		n = pgr_hnsw_list_page(c->ix, &chain, block, page.data, &next);
		const PgrHnswListHead *head = (PgrHnswListHead *) PgrPageGetData(page.data);

		CHECK_FOR_INTERRUPTS();
		if (block == first)
			insert = head->insert;
		insert_met |= block == insert;
		if (head->count > n)
			report(c, block, "%u entries on a page of list %u", head->count, list);
		read_list_page(c, page.data, n);
	}
	if (!insert_met)
		report(c, first, "inserts into list %u look at block %u, which is not in it", list, insert);
}

static void
read_lists(Check *c)
{
	c->list = pgr_hnsw_listed_create(CurrentMemoryContext, 1024, NULL);
	for (uint32 k = 0; k < c->ix->meta.lists.n; k++)
		read_list(c, k);
}

/* What the lists have and no node: a row that the snapshot sees must not be there. */
static void
check_unmet(Check *c)
{
	pgr_hnsw_listed_iterator iterator;
	ListEntry  *entry;

	pgr_hnsw_listed_start_iterate(c->list, &iterator);
	while ((entry = pgr_hnsw_listed_iterate(c->list, &iterator)) != NULL)
	{
		ItemPointerData tid;
		Datum		values[INDEX_MAX_KEYS];
		bool		isnull[INDEX_MAX_KEYS];

		CHECK_FOR_INTERRUPTS();
		ItemPointerSet(&tid, (BlockNumber) (entry->tid >> 16), (OffsetNumber) entry->tid);
		if (!entry->met && fetch_row(c, entry->id, &tid, values, isnull))
			report(c, entry->id, "row (%u,%u) is in the lists of filter values, but not in its node",
				   ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid));
	}
}

static void
report_twice(void *arg, ItemPointer tid)
{
	report(arg, PGR_HNSW_NO_ID, "row (%u,%u) is in two places", ItemPointerGetBlockNumberNoCheck(tid),
		   ItemPointerGetOffsetNumberNoCheck(tid));
}

/* A row of the table, which has a node unless it has no distance. */
static void
check_heap_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Check	   *c = arg;
	MemoryContext old;
	float	   *x;
	float		aux;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0] || pgr_rowset_find(&c->rows, tid) != NULL)
		return;
	old = MemoryContextSwitchTo(c->node_context);
	x = palloc(c->ix->meta.dim * sizeof(float));
	if (pgr_hnsw_vector(c->ix, (struct varlena *) PG_DETOAST_DATUM(values[0]), x, &aux))
		report(c, PGR_HNSW_NO_ID, "row (%u,%u) is not in the index",
			   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->node_context);
}

/* Each row of the table is in one place. */
static void
check_heap(Check *c)
{
	IndexInfo  *info = BuildIndexInfo(c->ix->rel);
	TableScanDesc scan = table_beginscan_strat(c->heap_rel, GetActiveSnapshot(), 0, NULL, true,
											   true);

	pgr_rowset_sort(&c->rows, report_twice, c);
	/* rows in progress are not to be waited for */
	info->ii_Concurrent = true;
	table_index_build_scan(c->heap_rel, c->ix->rel, info, true, false, check_heap_row, c, scan);
}

/* Squares of centres, by which lists are ranked, are the centres'. */
static void
check_squares(Check *c, const float *centres, const float *norm2, uint32 n, const char *what)
{
	uint32		dims = c->ix->meta.lists.digest_dims;

	for (uint32 k = 0; k < n; k++)
	{
		double		want = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
			(centres + (Size) k * dims, centres + (Size) k * dims, dims);

		if (!same_float((float) want, norm2[k], (float) want))
			report(c, k, "%s has a wrong centre", what);
	}
}

static void
check_directory(Check *c)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	PgrHnswLists *l;

	if (meta->lists.digest_dims == 0)
		return;
	l = pgr_hnsw_lists(c->ix);
	check_squares(c, l->centres, l->norm2, meta->lists.n, "a list");
	check_squares(c, l->group_centres, l->group_norm2, PGR_HNSW_LIST_GROUPS(meta), "a group of lists");
	/* where distances are those of points that is all which ranks them */
	for (uint32 k = 0; k < meta->lists.n && pgr_vecspace_is_euclidean(&c->ix->space); k++)
		if (l->shift[k] != l->norm2[k])
			report(c, k, "a list has a wrong centre");
}

/* ----------
 * Reachability
 * ----------
 */

/* Follows edges from the entries until nothing new is found. */
static void
follow_edges(Check *c, Size nids)
{
	const PgrHnswMeta *meta = &c->ix->meta;
	PgrHnswId  *stack = palloc_extended(mul_size(Max(nids, 1), sizeof(PgrHnswId)), MCXT_ALLOC_HUGE);
	Size		n = 0;

	for (Size id = 0; id < nids; id++)
		if (c->reached[id])
			stack[n++] = (PgrHnswId) id;
	while (n > 0)
	{
		PgrHnswId	id = stack[--n];

		CHECK_FOR_INTERRUPTS();
		if (!copy_node(c, id, c->node) || !(c->node->flags & PGR_HNSW_USED))
			continue;
		for (uint32 i = 0; i < Min(c->node->nedges, meta->degree); i++)
		{
			PgrHnswId	to = PGR_HNSW_EDGE(meta, c->node, i)->id;

			if (to < nids && !c->reached[to])
			{
				c->reached[to] = 1;
				stack[n++] = to;
			}
		}
	}
	pfree(stack);
}

/* ----------
 * SQL
 * ----------
 */

/* Opens an index that must be of this access method; the caller may read all of it. */
static Relation
open_hnsw(Oid oid)
{
	Relation	index;

	pgr_index_check_access(oid);
	index = index_open(oid, AccessShareLock);
	pgr_inspect_refuse_partitioned(index);
	if (index->rd_indam->ambuild != pgr_hnsw_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an hnsw index", RelationGetRelationName(index))));
	return index;
}

static Size
begin_check(Check *c, Relation index)
{
	Size		nids;

	c->ix = pgr_hnsw_open(index);
	c->nblocks = RelationGetNumberOfBlocks(index);
	c->node = palloc(c->ix->meta.node_size);
	c->other = palloc(c->ix->meta.node_size);
	nids = (Size) c->nblocks * c->ix->meta.nodes_per_page;
	c->reached = palloc_extended(Max(nids, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return nids;
}

PG_FUNCTION_INFO_V1(pgr_hnsw_check);
Datum
pgr_hnsw_check(PG_FUNCTION_ARGS)
{
	Relation	heap = pgr_index_open_table(PG_GETARG_OID(0));
	Relation	index = open_hnsw(PG_GETARG_OID(0));
	IndexScanDescData scan = {0};
	Check		c = {0};
	PgrOwnerRun run;
	Size		nids;

	InitMaterializedSRF(fcinfo, 0);
	pgr_owner_begin(RelationGetRelid(heap), &run);
	c.result = (ReturnSetInfo *) fcinfo->resultinfo;
	nids = begin_check(&c, index);
	scan.indexRelation = index;
	scan.heapRelation = heap;
	scan.xs_snapshot = GetActiveSnapshot();
	c.heap = pgr_heapvalue_begin(&scan);
	c.heap_rel = heap;
	c.heap_blocks = 0;
	c.context = CurrentMemoryContext;
	c.node_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw check",
										   ALLOCSET_DEFAULT_SIZES);
	check_entries(&c);
	if (c.ix->filters != NULL)
	{
		check_directory(&c);
		read_lists(&c);
	}
	for (Size id = (Size) c.ix->meta.node_block * c.ix->meta.nodes_per_page; id < nids; id++)
	{
		MemoryContext old = MemoryContextSwitchTo(c.node_context);

		CHECK_FOR_INTERRUPTS();
		if (copy_node(&c, (PgrHnswId) id, c.node) && (c.node->flags & PGR_HNSW_USED))
		{
			if (c.node->flags & ~(PGR_HNSW_USED | PGR_HNSW_DEAD))
				report(&c, (PgrHnswId) id, "impossible flags");
			if (c.node->frame >= c.ix->meta.nframes)
				pgr_hnsw_refresh(c.ix);
			if (c.node->frame >= c.ix->meta.nframes)
				report(&c, (PgrHnswId) id, "its frame %u is none", c.node->frame);
			else
			{
				check_edges(&c, (PgrHnswId) id);
				check_tids(&c, (PgrHnswId) id);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(c.node_context);
	}
	if (c.list != NULL)
		check_unmet(&c);
	check_heap(&c);
	pgr_heapvalue_end(c.heap);
	pgr_owner_end(&run);
	table_close(heap, AccessShareLock);
	index_close(index, AccessShareLock);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(pgr_hnsw_stats);
Datum
pgr_hnsw_stats(PG_FUNCTION_ARGS)
{
	Relation	index = open_hnsw(PG_GETARG_OID(0));
	Check		c = {0};
	Size		nids;
	int64		nodes = 0;
	int64		dead = 0;
	int64		edges = 0;
	int64		tids = 0;
	int64		reached = 0;
	int64		free_slots = 0;
	TupleDesc	desc;
	Datum		values[12];
	bool		nulls[12] = {false};
	static const char *const storage[] = {"i8", "f16", "full"};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nids = begin_check(&c, index);
	for (uint32 p = 0; p < c.ix->meta.entry_pages; p++)
	{
		PGAlignedBlock block;

		pgr_page_copy(index, c.ix->meta.entry_block[p], PGR_PAGE_HNSW_ENTRY, 0, block.data);
		for (uint32 i = 0; i < Min(((PgrHnswEntryHead *) PgrPageGetData(block.data))->count,
								   PGR_HNSW_ENTRIES_PER_PAGE(&c.ix->meta)); i++)
		{
			PgrHnswId	id = PGR_HNSW_ENTRY(&c.ix->meta, block.data, i)->id;

			if (id < nids)
				c.reached[id] = 1;
		}
	}
	follow_edges(&c, nids);
	for (Size id = (Size) c.ix->meta.node_block * c.ix->meta.nodes_per_page; id < nids; id++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_node(&c, (PgrHnswId) id, c.node))
			continue;
		free_slots += c.node->flags == 0;
		if (c.node->flags & (PGR_HNSW_USED | PGR_HNSW_TIDS))
			tids += c.node->ntids;
		if (!(c.node->flags & PGR_HNSW_USED))
			continue;
		nodes++;
		dead += (c.node->flags & PGR_HNSW_DEAD) != 0;
		edges += c.node->nedges;
		reached += c.reached[id] != 0;
	}
	values[0] = Int64GetDatum(nodes);
	values[1] = Int64GetDatum(dead);
	values[2] = Int64GetDatum(free_slots);
	values[3] = Int64GetDatum(tids);
	values[4] = Int64GetDatum(edges);
	values[5] = Int64GetDatum(nodes - reached);
	values[6] = Int32GetDatum(c.ix->meta.degree);
	values[7] = Int32GetDatum(c.ix->meta.nodes_per_page);
	values[8] = Int32GetDatum(c.ix->meta.parts);
	values[9] = Int32GetDatum(c.ix->meta.node_size);
	values[10] = CStringGetTextDatum(storage[c.ix->meta.storage]);
	values[11] = Int32GetDatum(c.ix->meta.edge_bits);
	index_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
