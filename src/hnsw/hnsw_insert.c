/*
 * hnsw_insert.c
 *		Insertion of rows into the graph in pages. See README, "Insert".
 *
 * One page is locked at a time. A new node is stored complete, reachable from nowhere, before
 * hnsw_link.c gives its neighbours edges back.
 */
#include "postgres.h"

#include <math.h>

#include "base/debug_point.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_frame.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "hnsw/hnsw_tids.h"
#include "utils/memutils.h"

/*
 * A frame is too coarse for a value that has so many rows near it that their distances are
 * this times the fourth root of the padded dimension smaller than the one from the frame's
 * origin: 64 at 64 dimensions, where codes err by a sixth of such distances.
 */
#define LENGTHS 22.6
#define NEAR_ROWS 8

/*
 * The hit, of n sorted ones, that has the same code of the same frame, or NULL: the nearest,
 * where distances are those of points. The row then joins that node instead of getting one.
 * Codes are compared whole, so a row of another value may join (hnsw_tids.c gives the kept
 * value up).
 */
static const PgrHnswHit *
find_equal(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswPoint *p,
		   const PgrHnswHitDistance *sorted, uint32 n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	const PgrHnswHit *hits = s->hits.at;

	for (uint32 i = 0; i < n && (i == 0 || !pgr_vecspace_is_euclidean(&ix->space)); i++)
	{
		const PgrCode8 *other;
		const int8 *code = pgr_hnsw_hits_code(&s->hits, sorted[i].hit, &other);

		if (hits[sorted[i].hit].frame == p->frame &&
			pgr_code8_same(&point->head, point->code, other, code, ix->meta.padded))
			return &hits[sorted[i].hit];
	}
	return NULL;
}

/* ----------
 * Insertion
 * ----------
 */

/*
 * The record of a new node with its row and its edges, not yet in a slot: palloc'd in the
 * row's context, node_size bytes. The codes of edges are made from the search's hits, so no
 * page is read. Its generation is not known before the slot is.
 */
static PgrHnswNode *
make_record(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswPoint *point,
			const char *row, const PgrHnswNeighbour *neighbours, uint32 n)
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
	pgr_hnsw_add_item(meta, node, row);
	memcpy(PGR_HNSW_CODE(meta, node), own->code, meta->padded);
	memcpy(PGR_HNSW_VALUE(meta, node), PGR_HNSW_ROW_VALUE(meta, row), meta->value_size);
	for (uint32 i = 0; i < n; i++)
	{
		const PgrCode8 *to;
		const int8 *to_code = pgr_hnsw_hits_code(&s->hits, neighbours[i].hit, &to);

		pgr_hnsw_make_edge(meta, &own->head, own->code, neighbours[i].ref.id, to, to_code,
						   PGR_HNSW_EDGE(meta, node, i));
	}
	return node;
}

/*
 * Stores a new node, links it both ways and offers it as an entry point; returns its number.
 * Until link_back it is complete but nothing leads to it, so a crash or an error in between
 * leaves a slot that VACUUM frees with its row. One page is locked at a time; memory of the
 * row's context.
 */
static PgrHnswId
insert_node(PgrHnswIndex *ix, const PgrHnswSearch *s, PgrHnswPoint *point, const char *row,
			const PgrHnswHitDistance *sorted, uint32 nhits)
{
	PgrHnswNeighbour *neighbours = palloc(ix->meta.degree * sizeof(PgrHnswNeighbour));
	uint32		n = pgr_hnsw_choose_neighbours(ix, s, sorted, nhits, neighbours);
	PgrHnswNode *record = make_record(ix, s, point, row, neighbours, n);
	PgrHnswNewNode added = {0, point};
	Buffer		buffer;

	added.id = pgr_hnsw_node_alloc(ix, &buffer);
	record->generation = pgr_hnsw_slot(ix, BufferGetPage(buffer), added.id)->generation;
	pgr_hnsw_node_store(ix, added.id, record, buffer);
	PGR_DEBUG_POINT("hnsw-link-back");
	pgr_hnsw_link_back(ix, &added, neighbours, n);

	/* the first node of an index has no neighbour: it must be an entry */
	pgr_hnsw_offer_entry(ix, added.id, point, pgr_hnsw_count_estimate(ix), n == 0);
	return added.id;
}

/*
 * Whether codes of the point's frame are too coarse to tell the rows near it apart, which are
 * so much nearer to it than the frame's origin. Rows of equal codes count each, those of the
 * very same code and lengths not at all: no frame would tell them apart.
 */
static bool
is_coarse(const PgrHnswIndex *ix, const PgrHnswSearch *s, const PgrHnswHitDistance *sorted,
		  uint32 n)
{
	const PgrHnswView *point = pgr_hnsw_search_point(s);
	double		ratio = LENGTHS * pow(ix->meta.padded, 0.25);
	double		limit = point->head.norm2 / (ratio * ratio);
	const PgrHnswHit *hits = s->hits.at;
	uint32		near = 0;

	for (uint32 i = 0; i < n && near < NEAR_ROWS; i++)
	{
		const PgrHnswHit *hit = &hits[sorted[i].hit];
		const PgrCode8 *other;
		const int8 *code = pgr_hnsw_hits_code(&s->hits, sorted[i].hit, &other);
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

/*
 * Inserts a heap row, which pgr_hnsw_make_row has made, with its value. Where codes are too
 * coarse it makes a frame and searches once more, once: a second time would only chase other
 * inserts. No lock on entry or exit; memory of the row's context, also that of the search.
 */
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
	if (equal != NULL &&
		pgr_hnsw_add_tid(ix, (PgrHnswRef) {equal->id, equal->generation}, row))
		id = equal->id;
	else
		id = insert_node(ix, s, point, row, sorted, n);
	if (ix->filters != NULL)
		pgr_hnsw_enter_row(ix, id, point, row);
}

/*
 * Inner products: sees to it that the index's largest square norm, of which the further
 * coordinates are made, is not below this value's. A build sets it from a sample; an index
 * that was empty then gets it from its first rows. It may change: coordinates are computed
 * when they are needed, never stored. Locks the metapage, exclusively, only where this row's
 * norm is above what ix knows.
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
