/*
 * hnsw_insert.c
 *		Insertion into the graph in pages, and repair of single nodes. See
 *		README, "Insert".
 *
 * One page is locked at a time. A new node is stored complete, reachable from
 * nowhere; then each of its neighbours gets an edge back. A neighbour that has
 * died in between is noticed there, under its lock, and the new node's edge to
 * it is taken away again: so vacuum, which marks dead nodes before it looks for
 * edges to them, misses none.
 */
#include "postgres.h"

#include <math.h>

#include "base/debug_point.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* entry pages grow with the square root of the nodes, up to so many of a frame */
#define MOST_ENTRY_PAGES 16

/*
 * A frame is too coarse for a value that has so many rows near it that their distances are
 * this times the fourth root of the padded dimension smaller than the one from the frame's
 * origin: 64 at 64 dimensions, where codes err by a sixth of such distances.
 */
#define LENGTHS 22.6
#define NEAR_ROWS 8

/* What an insertion knows of the node to be linked. */
typedef struct NewNode
{
	PgrHnswId	id;
	PgrHnswPoint *point;
} NewNode;

/* A neighbour chosen for it. */
typedef struct Neighbour
{
	PgrHnswId	id;
	uint16		generation;
	uint8		frame;
	uint32		hit;
} Neighbour;

/* ----------
 * Choosing neighbours
 * ----------
 */

typedef struct HitPair
{
	const PgrHnswSearch *search;
	const uint32 *order;		/* hits by distance */
	const PgrVecSpace *space;
} HitPair;

static double
hit_pair(const void *arg, uint32 a, uint32 b, float bound)
{
	const HitPair *p = arg;
	const PgrCode8 *ha;
	const PgrCode8 *hb;
	const int8 *ca = pgr_hnsw_search_code(p->search, p->order[a], &ha);
	const int8 *cb = pgr_hnsw_search_code(p->search, p->order[b], &hb);

	return pgr_vecspace_pair_distance(p->space, ha, ca, hb, cb);
}

static int
compare_hits(const void *a, const void *b)
{
	float		x = ((const PgrHnswHitDistance *) a)->distance;
	float		y = ((const PgrHnswHitDistance *) b)->distance;

	return x < y ? -1 : x > y;
}

PgrHnswHitDistance *
pgr_hnsw_sort_hits(const PgrHnswIndex *ix, const PgrHnswSearch *s, uint32 *n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	const PgrHnswHit *hits;
	PgrHnswHitDistance *sorted;

	*n = pgr_hnsw_search_hits(s, &hits);
	sorted = palloc_extended(mul_size(Max(*n, 1), sizeof(PgrHnswHitDistance)), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < *n; i++)
	{
		const PgrCode8 *other;
		const int8 *other_code = pgr_hnsw_search_code(s, i, &other);

		sorted[i].hit = i;
		sorted[i].distance = (float)
			pgr_vecspace_pair_distance(&ix->space, &point->head, point->code, other, other_code);
	}
	qsort(sorted, *n, sizeof(PgrHnswHitDistance), compare_hits);
	return sorted;
}

/* Chooses up to degree neighbours among the sorted hits; returns their number. */
static uint32
choose_neighbours(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswHitDistance *sorted,
				  uint32 n, Neighbour *neighbours)
{
	const PgrHnswHit *hits;
	uint32	   *order;
	float	   *distances;
	uint32	   *chosen = palloc(ix->meta.degree * sizeof(uint32));
	HitPair		pair;

	pgr_hnsw_search_hits(s, &hits);
	n = Min(n, ix->meta.graph.ef_construction);
	order = palloc(Max(n, 1) * sizeof(uint32));
	distances = palloc(Max(n, 1) * sizeof(float));
	for (uint32 i = 0; i < n; i++)
	{
		order[i] = sorted[i].hit;
		distances[i] = sorted[i].distance;
	}
	pair = (HitPair) {s, order, &ix->space};
	n = pgr_graph_select(distances, n, ix->meta.degree, hit_pair, &pair, chosen);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		hit = order[chosen[i] & ~PGR_GRAPH_DIVERSE];

		neighbours[i] = (Neighbour) {hits[hit].id, hits[hit].generation, hits[hit].frame, hit};
	}
	return n;
}

/* ----------
 * Edges back
 * ----------
 */

/*
 * A neighbour, copied into record and locked, if it is still the node it was when the
 * search met it, and not dead; else false, and unlocked.
 */
static bool
lock_neighbour(const PgrHnswIndex *ix, const Neighbour *to, PgrHnswNode *record, Buffer *buffer)
{
	const PgrHnswNode *stored = pgr_hnsw_node_read(ix, to->id, BUFFER_LOCK_EXCLUSIVE,
												   (char *) record, buffer);

	if (stored->flags != PGR_HNSW_USED || stored->generation != to->generation)
	{
		UnlockReleaseBuffer(*buffer);
		return false;
	}
	if (stored != record)
		memcpy(record, stored, ix->meta.node_size);
	return true;
}

typedef enum Added
{
	ADDED_NONE,					/* the neighbour is gone or dead */
	ADDED_REFUSED,				/* all edges that it has are worth more */
	ADDED_EDGE					/* there is one, of now or before */
} Added;

/* Gives a neighbour an edge to the new node, if that is worth its place. */
static Added
add_edge(const PgrHnswIndex *ix, const Neighbour *to, const NewNode *added)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswNode *node = palloc(meta->node_size);
	PgrHnswEdge *edge = palloc(PGR_HNSW_EDGE_SIZE(meta));
	const PgrHnswView *view = pgr_hnsw_view(added->point, to->frame);
	Buffer		buffer;
	bool		has;

	if (!lock_neighbour(ix, to, node, &buffer))
		return ADDED_NONE;
	has = pgr_hnsw_has_edge(meta, node, added->id);
	if (!has)
		pgr_hnsw_make_edge(meta, &node->head, PGR_HNSW_CODE(meta, node), added->id,
						   &view->head, view->code, edge);
	if (!has && pgr_hnsw_place_edge(meta, node, edge))
	{
		pgr_hnsw_node_store(ix, to->id, node, buffer);
		return ADDED_EDGE;
	}
	UnlockReleaseBuffer(buffer);
	return has ? ADDED_EDGE : ADDED_REFUSED;
}

/*
 * Puts the new node between a neighbour and that of its ends which is nearest to the new
 * node and a neighbour of that, too, sorted by distance: no end loses its way. False if
 * there is none, or the neighbour is gone.
 */
static bool
put_between(const PgrHnswIndex *ix, const Neighbour *from, const NewNode *added,
			const Neighbour *neighbours, uint32 n)
{
	const PgrHnswMeta *meta = &ix->meta;
	PgrHnswNode *node = palloc(meta->node_size);
	const PgrHnswView *view = pgr_hnsw_view(added->point, from->frame);
	Buffer		buffer;

	if (!lock_neighbour(ix, from, node, &buffer))
		return false;
	for (uint32 i = 0; i < n; i++)
		for (uint32 e = 0; e < node->nedges; e++)
			if (PGR_HNSW_EDGE(meta, node, e)->id == neighbours[i].id)
			{
				pgr_hnsw_make_edge(meta, &node->head, PGR_HNSW_CODE(meta, node), added->id,
								   &view->head, view->code, PGR_HNSW_EDGE(meta, node, e));
				pgr_hnsw_node_store(ix, from->id, node, buffer);
				return true;
			}
	UnlockReleaseBuffer(buffer);
	return false;
}

/* Takes the edges to some nodes away from a node. */
static void
remove_edges(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswId *gone, uint32 ngone)
{
	const PgrHnswMeta *meta = &ix->meta;
	char	   *record = palloc(meta->node_size);
	PgrHnswNode *node = (PgrHnswNode *) record;
	const PgrHnswNode *stored;
	Buffer		buffer;

	stored = pgr_hnsw_node_read(ix, id, BUFFER_LOCK_EXCLUSIVE, record, &buffer);
	if (stored != node)
		memcpy(record, stored, meta->node_size);
	for (uint32 i = 0; i < node->nedges; i++)
		for (uint32 g = 0; g < ngone; g++)
			if (PGR_HNSW_EDGE(meta, node, i)->id == gone[g])
			{
				node->nedges--;
				memmove(PGR_HNSW_EDGE(meta, node, i), PGR_HNSW_EDGE(meta, node, node->nedges),
						PGR_HNSW_EDGE_SIZE(meta));
				i--;
				break;
			}
	pgr_hnsw_node_store(ix, id, node, buffer);
}

/*
 * Edges back from all neighbours, sorted by distance; those that are gone lose theirs. If
 * none takes the new node, as where it lies far out, the nearest that can has to.
 */
static void
link_back(const PgrHnswIndex *ix, const NewNode *added, const Neighbour *neighbours, uint32 n)
{
	PgrHnswId  *gone = palloc(Max(n, 1) * sizeof(PgrHnswId));
	uint32		ngone = 0;
	bool		linked = false;

	for (uint32 i = 0; i < n; i++)
	{
		Added		result = add_edge(ix, &neighbours[i], added);

		if (result == ADDED_NONE)
			gone[ngone++] = neighbours[i].id;
		linked |= result == ADDED_EDGE;
	}
	if (ngone > 0)
		remove_edges(ix, added->id, gone, ngone);
	for (uint32 i = 0; !linked && i < n; i++)
		linked = put_between(ix, &neighbours[i], added, neighbours, n);
}

/* ----------
 * Equal values
 * ----------
 */

/* Adds a row to a record that has room for it. */
static void
add_item(const PgrHnswIndex *ix, PgrHnswNode *node, const char *item)
{
	memcpy(PGR_HNSW_ITEM(&ix->meta, node, node->ntids), item, PGR_HNSW_ITEM_SIZE(&ix->meta));
	node->ntids++;
}

/*
 * Adds a row to a node's TIDS slot. False if it has no room, or is not, or cannot be
 * known to be, the node's any more. The node's own page is not locked: two pages whose
 * nodes have slots on each other's would otherwise be locked in either order. Vacuum
 * closes a slot before it declares the node dead.
 */
static bool
add_to_tids_slot(const PgrHnswIndex *ix, PgrHnswId slot, const Neighbour *owner, const char *item)
{
	PgrHnswNode *node;
	PgrWalBatch batch;
	Buffer		buffer = pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, slot),
									   PGR_PAGE_HNSW_NODE, BUFFER_LOCK_EXCLUSIVE);

	node = pgr_hnsw_slot(ix, BufferGetPage(buffer), slot);
	if (node->flags != (PGR_HNSW_TIDS | PGR_HNSW_STAMPED) ||
		!pgr_hnsw_is_tids_of(node, owner->id, owner->generation) ||
		node->ntids >= PGR_HNSW_SLOT_TIDS(&ix->meta))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	node = pgr_hnsw_slot(ix, pgr_wal_add(&batch, buffer, false), slot);
	add_item(ix, node, item);
	pgr_wal_commit(&batch);
	return true;
}

/* A new TIDS slot that holds one row; not reachable yet. */
static PgrHnswId
make_tids_slot(const PgrHnswIndex *ix, const Neighbour *owner, PgrHnswId next, const char *item)
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
	node->owner = owner->id;
	node->owner_generation = owner->generation;
	add_item(ix, node, item);
	pgr_wal_commit(&batch);
	return id;
}

/*
 * The value kept in a node is that of all its rows: where one with an equal code and
 * another value joins, it is given up. Returns whether.
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

/*
 * Adds a row to a node of equal code. False if that failed because the node
 * changed meanwhile: the value then gets a node of its own.
 */
static bool
add_tid(const PgrHnswIndex *ix, const PgrHnswHit *hit, const char *item)
{
	PgrHnswNode *node = palloc(ix->meta.node_size);
	Neighbour	at = {hit->id, hit->generation, hit->frame};
	Buffer		buffer;
	PgrHnswId	more;
	PgrHnswId	fresh;
	bool		changed;

	if (!lock_neighbour(ix, &at, node, &buffer))
		return false;
	changed = drop_value(&ix->meta, node, item);
	more = node->more;
	if (node->ntids < PGR_HNSW_INLINE_TIDS)
	{
		add_item(ix, node, item);
		pgr_hnsw_node_store(ix, hit->id, node, buffer);
		return true;
	}
	if (changed)
		pgr_hnsw_node_store(ix, hit->id, node, buffer);
	else
		UnlockReleaseBuffer(buffer);
	PGR_DEBUG_POINT("hnsw-tids-slot");
	if (more != PGR_HNSW_NO_ID && add_to_tids_slot(ix, more, &at, item))
		return true;

	fresh = make_tids_slot(ix, &at, more, item);
	PGR_DEBUG_POINT("hnsw-tids-link");
	if (lock_neighbour(ix, &at, node, &buffer))
	{
		if (node->more == more)
		{
			node->more = fresh;
			pgr_hnsw_node_store(ix, hit->id, node, buffer);
			return true;
		}
		UnlockReleaseBuffer(buffer);
	}
	pgr_hnsw_node_free(ix, fresh);
	return false;
}

/*
 * The hit, of those sorted, that has the same code of the same frame, or NULL: the nearest,
 * where distances are those of points.
 */
static const PgrHnswHit *
find_equal(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswPoint *p,
		   const PgrHnswHitDistance *sorted, uint32 n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	const PgrHnswHit *hits;

	pgr_hnsw_search_hits(s, &hits);
	for (uint32 i = 0; i < n && (i == 0 || !pgr_vecspace_is_euclidean(&ix->space)); i++)
	{
		const PgrCode8 *other;
		const int8 *code = pgr_hnsw_search_code(s, sorted[i].hit, &other);

		if (hits[sorted[i].hit].frame == p->frame &&
			pgr_code8_same(&point->head, point->code, other, code, ix->meta.padded))
			return &hits[sorted[i].hit];
	}
	return NULL;
}

/* ----------
 * Entries
 * ----------
 */

void
pgr_hnsw_make_entry(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, uint32 frame,
					PgrHnswEdge *entry)
{
	const PgrHnswView *view = pgr_hnsw_view(point, frame);
	int8	   *zero = palloc0(ix->meta.padded);
	PgrCode8	origin = {0};

	pgr_hnsw_make_edge(&ix->meta, &origin, zero, id, &view->head, view->code, entry);
	pfree(zero);
}

/* Writes an entry at a place of an entry page, or behind the last if there is room. */
static void
write_entry(const PgrHnswIndex *ix, uint32 page_no, uint32 at, const PgrHnswEdge *entry)
{
	Buffer		buffer = pgr_page_read(ix->rel, ix->meta.entry_block[page_no],
									   PGR_PAGE_HNSW_ENTRY, BUFFER_LOCK_EXCLUSIVE);
	Page		page;
	PgrHnswEntryHead *entries;
	PgrWalBatch batch;

	pgr_wal_begin(&batch, ix->rel, ix->building);
	page = pgr_wal_add(&batch, buffer, false);
	entries = (PgrHnswEntryHead *) PgrPageGetData(page);
	if (entries->count < PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta))
	{
		at = entries->count++;
		pgr_page_set_used(page, sizeof(PgrHnswEntryHead) +
						  entries->count * PGR_HNSW_EDGE_SIZE(&ix->meta));
	}
	memcpy(PGR_HNSW_ENTRY(&ix->meta, page, at), entry, PGR_HNSW_EDGE_SIZE(&ix->meta));
	pgr_wal_commit(&batch);
}

/* Appends an entry page for a frame, unless there are enough or others have come meanwhile. */
static void
add_entry_page(PgrHnswIndex *ix, uint32 frame)
{
	uint32		n = ix->meta.entry_pages;
	Buffer		buffer;
	Buffer		fresh;
	PgrHnswMeta *meta;
	PgrWalBatch batch;
	Page		page;

	if (n >= PGR_HNSW_MAX_ENTRY_PAGES)
		return;
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	if (meta->entry_pages == n)
	{
		fresh = pgr_page_extend(ix->rel, MAIN_FORKNUM);
		pgr_wal_begin(&batch, ix->rel, ix->building);
		meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
		meta->entry_block[n] = BufferGetBlockNumber(fresh);
		meta->entry_frame[n] = frame;
		meta->entry_pages++;
		page = pgr_wal_add(&batch, fresh, true);
		pgr_page_init(page, PGR_PAGE_HNSW_ENTRY, 0);
		((PgrHnswEntryHead *) PgrPageGetData(page))->count = 0;
		pgr_page_set_used(page, sizeof(PgrHnswEntryHead));
		pgr_wal_commit(&batch);
	}
	else
		UnlockReleaseBuffer(buffer);
	pgr_hnsw_refresh(ix);
}

double
pgr_hnsw_entry_pages(const PgrHnswMeta *meta, double n)
{
	return Max(1, Min(ceil(sqrt(Max(n, 1)) / PGR_HNSW_ENTRIES_PER_PAGE(meta)), MOST_ENTRY_PAGES));
}

/* The entry pages of a frame, into pages; returns how many. */
static uint32
pages_of_frame(const PgrHnswMeta *meta, uint32 frame, uint32 *pages)
{
	uint32		n = 0;

	for (uint32 i = 0; i < meta->entry_pages; i++)
		if (meta->entry_frame[i] == frame)
			pages[n++] = i;
	return n;
}

/*
 * The entry pages for nodes of a frame: its own, of which one is added when it has none or
 * n nodes want more, or those of the main frame; until there is that, those of the first.
 */
static uint32
entry_pages_for(PgrHnswIndex *ix, uint32 frame, double n, uint32 *pages)
{
	uint32		main = ix->meta.main_frame;
	uint32		npages;

	if (main == PGR_HNSW_NO_FRAME)
		return pages_of_frame(&ix->meta, ix->meta.entry_frame[0], pages);
	npages = pages_of_frame(&ix->meta, frame, pages);
	if (!ix->building && npages < pgr_hnsw_entry_pages(&ix->meta, n))
	{
		add_entry_page(ix, frame);
		npages = pages_of_frame(&ix->meta, frame, pages);
	}
	if (npages == 0)
		npages = pages_of_frame(&ix->meta, main, pages);
	return npages > 0 ? npages : pages_of_frame(&ix->meta, ix->meta.entry_frame[0], pages);
}

/*
 * With n nodes and room for c entries, a node is made an entry with probability
 * c / n and replaces any: so all nodes are equally likely to be one (reservoir
 * sampling). The choice is a hash of the id, not a random number.
 */
void
pgr_hnsw_offer_entry(PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point, double n, bool always)
{
	uint64		state = id;
	double		draw = (double) (pgr_random(&state) >> 11) / 9007199254740992.0;
	uint32		per_page = PGR_HNSW_ENTRIES_PER_PAGE(&ix->meta);
	double		room = (double) per_page * ix->meta.entry_pages;
	uint32		pages[PGR_HNSW_MAX_ENTRY_PAGES];
	uint32		npages;
	uint64		place;
	PgrHnswEdge *entry;

	if (!always && n > room && draw >= room / n)
		return;
	npages = entry_pages_for(ix, point->frame, n, pages);
	place = pgr_random(&state) % ((uint64) per_page * npages);
	entry = palloc(PGR_HNSW_EDGE_SIZE(&ix->meta));
	pgr_hnsw_make_entry(ix, id, point, ix->meta.entry_frame[pages[place / per_page]], entry);
	write_entry(ix, pages[place / per_page], place % per_page, entry);
	pfree(entry);
}

/* ----------
 * Insertion
 * ----------
 */

/* The record of a new node with its edges, not yet in a slot. */
static PgrHnswNode *
make_record(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswPoint *point,
			const char *row, const Neighbour *neighbours, uint32 n)
{
	const PgrHnswMeta *meta = &ix->meta;
	const PgrHnswView *own = pgr_hnsw_search_point(s);
	PgrHnswNode *node = palloc0(meta->node_size);

	node->flags = PGR_HNSW_USED;
	node->frame = point->frame;
	node->nedges = n;
	node->more = PGR_HNSW_NO_ID;
	node->owner = PGR_HNSW_NO_ID;
	node->head = own->head;
	add_item(ix, node, row);
	memcpy(PGR_HNSW_CODE(meta, node), own->code, meta->padded);
	memcpy(PGR_HNSW_VALUE(meta, node), PGR_HNSW_ROW_VALUE(meta, row), meta->value_size);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrCode8 *to;
		const int8 *to_code = pgr_hnsw_search_code(s, neighbours[i].hit, &to);

		pgr_hnsw_make_edge(meta, &own->head, own->code, neighbours[i].id, to, to_code,
						   PGR_HNSW_EDGE(meta, node, i));
	}
	return node;
}

/* Returns the new node's number. */
static PgrHnswId
insert_node(PgrHnswIndex *ix, const PgrHnswSearch *s, PgrHnswPoint *point, const char *row,
			const PgrHnswHitDistance *sorted, uint32 nhits)
{
	Neighbour  *neighbours = palloc(ix->meta.degree * sizeof(Neighbour));
	uint32		n = choose_neighbours(ix, s, sorted, nhits, neighbours);
	PgrHnswNode *record = make_record(ix, s, point, row, neighbours, n);
	NewNode		added = {0, point};
	Buffer		buffer;

	added.id = pgr_hnsw_node_alloc(ix, &buffer);
	record->generation = pgr_hnsw_slot(ix, BufferGetPage(buffer), added.id)->generation;
	pgr_hnsw_node_store(ix, added.id, record, buffer);
	PGR_DEBUG_POINT("hnsw-link-back");
	link_back(ix, &added, neighbours, n);

	/* the first node of an index has no neighbour: it must be an entry */
	pgr_hnsw_offer_entry(ix, added.id, point, pgr_hnsw_count_estimate(ix), n == 0);
	return added.id;
}

/*
 * Whether codes of the point's frame are too coarse to tell the rows near it apart, which
 * are so much nearer to it than the frame's origin. Rows of equal codes count each.
 */
static bool
is_coarse(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswHitDistance *sorted,
		  uint32 n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	double		ratio = LENGTHS * pow(ix->meta.padded, 0.25);
	double		limit = point->head.norm2 / (ratio * ratio);
	const PgrHnswHit *hits;
	uint32		near = 0;

	pgr_hnsw_search_hits(s, &hits);
	for (uint32 i = 0; i < n && near < NEAR_ROWS; i++)
	{
		const PgrHnswHit *hit = &hits[sorted[i].hit];
		const PgrCode8 *other;
		const int8 *code = pgr_hnsw_search_code(s, sorted[i].hit, &other);
		double		d = pgr_code8_pair_distance(&point->head, point->code, other, code,
												ix->meta.padded, 0);

		if (d >= limit && pgr_vecspace_is_euclidean(&ix->space))
			break;
		/* of the very same value there may be any number */
		if (d < limit && memcmp(&point->head, other, sizeof(PgrCode8)) != 0)
			near += hit->more == PGR_HNSW_NO_ID ? hit->ntids : NEAR_ROWS;
	}
	return near >= NEAR_ROWS;
}

/* Inserts a heap row, which pgr_hnsw_make_row has made, with its value. */
static void
insert_point(PgrHnswIndex *ix, PgrHnswPoint *point, const char *row)
{
	PgrHnswSearch *s;
	PgrHnswHitDistance *sorted;
	const PgrHnswHit *equal;
	uint32		n;
	PgrHnswId	id;

	for (bool again = true;; again = false)
	{
		s = pgr_hnsw_search_begin(ix, point, true);
		pgr_hnsw_search_more(s, ix->meta.graph.ef_construction);
		sorted = pgr_hnsw_sort_hits(ix, s, &n);
		if (!again || !is_coarse(ix, s, sorted, n) || !pgr_hnsw_add_frame(ix, point))
			break;
	}
	equal = find_equal(ix, s, point, sorted, n);
	if (equal != NULL && add_tid(ix, equal, row))
		id = equal->id;
	else
		id = insert_node(ix, s, point, row, sorted, n);
	if (ix->filters != NULL)
		pgr_hnsw_enter_row(ix, id, point, row);
}

/*
 * Inner products: sees to it that the index's largest square norm, of which the
 * further coordinates are made, is not below this value's. A build sets it from a
 * sample; an index that was empty then gets it from its first rows. It may
 * change: coordinates are computed when they are needed, never stored.
 */
static void
cover_norm(PgrHnswIndex *ix, float aux)
{
	PgrHnswMeta *meta;
	PgrWalBatch batch;
	Buffer		buffer;
	float		most;

	if (!pgr_vecspace_exceeds(&ix->space, aux))
		return;
	buffer = pgr_page_read(ix->rel, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = (PgrHnswMeta *) PgrPageGetData(BufferGetPage(buffer));
	most = pgr_vecspace_cover(meta->max_aux, aux);
	ix->meta.max_aux = most;
	if (meta->max_aux == most)
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	pgr_wal_begin(&batch, ix->rel, ix->building);
	meta = (PgrHnswMeta *) PgrPageGetData(pgr_wal_add(&batch, buffer, false));
	meta->max_aux = most;
	pgr_wal_commit(&batch);
}

bool
pgr_hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
				Relation heap, IndexUniqueCheck unique, bool unchanged, IndexInfo *info)
{
	PgrHnswIndex *ix;
	MemoryContext row_context;
	MemoryContext old;
	PgrHnswPoint point;
	struct varlena *value;
	char	   *row;

	if (isnull[0])
		return false;
	ix = pgr_hnsw_open_for_rows(index, info, &row_context);
	old = MemoryContextSwitchTo(row_context);
	value = (struct varlena *) PG_DETOAST_DATUM(values[0]);
	if (pgr_hnsw_point_row(ix, value, &point))
	{
		row = palloc(PGR_HNSW_ROW_SIZE(&ix->meta));
		pgr_hnsw_make_row(ix, tid, value, values, isnull, row);
		cover_norm(ix, point.aux);
		pgr_hnsw_first_frames(ix, &point);
		insert_point(ix, &point, row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(row_context);
	return false;
}

/* ----------
 * Repair
 * ----------
 */

void
pgr_hnsw_repair(const PgrHnswIndex *ix, PgrHnswId id)
{
	const PgrHnswMeta *meta = &ix->meta;
	int8	   *code = palloc(meta->padded);
	char	   *scratch = palloc(meta->node_size);
	const PgrHnswNode *stored;
	Buffer		buffer;
	PgrHnswSearch *s;
	PgrHnswPoint *point = palloc(sizeof(PgrHnswPoint));
	NewNode		self = {id, point};
	PgrCode8	head;
	Neighbour	me = {id};
	Neighbour  *neighbours = palloc(meta->degree * sizeof(Neighbour));
	PgrHnswHitDistance *sorted;
	uint32		n;

	stored = pgr_hnsw_node_read(ix, id, BUFFER_LOCK_SHARE, scratch, &buffer);
	memcpy(code, PGR_HNSW_CODE(meta, stored), meta->padded);
	head = stored->head;
	me.generation = stored->generation;
	me.frame = stored->frame;
	UnlockReleaseBuffer(buffer);

	pgr_hnsw_point_code(ix, me.frame, &head, code, point);
	s = pgr_hnsw_search_begin(ix, point, true);
	pgr_hnsw_search_exclude(s, id);
	pgr_hnsw_search_more(s, meta->graph.ef_construction);
	sorted = pgr_hnsw_sort_hits(ix, s, &n);
	n = choose_neighbours(ix, s, sorted, n, neighbours);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrCode8 *to;
		const int8 *to_code = pgr_hnsw_search_code(s, neighbours[i].hit, &to);
		PgrHnswPoint *end = palloc(sizeof(PgrHnswPoint));
		NewNode		other = {neighbours[i].id, end};

		pgr_hnsw_point_code(ix, me.frame, to, to_code, end);
		add_edge(ix, &me, &other);
		pfree(end);
	}
	link_back(ix, &self, neighbours, n);
}
