/*
 * hnsw_verify.c
 *		What a metapage may say. Everything that follows computes places from its
 *		numbers without a further look.
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/hnsw.h"
#include "hnsw/hnsw_list.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/*
 * Whether sizes that follow from others do; lists and digests as choose_lists (hnsw_list.c)
 * makes them. Everything that divides, multiplies or shifts by these numbers later relies on
 * it: zero nodes a page, a degree above the graph's, a node size that differs from its parts.
 * It does not ask for the degree that pgr_hnsw_geometry would choose: another release may
 * choose another.
 */
static bool
sizes_agree(const PgrHnswMeta *meta)
{
	if (meta->padded != pgr_rotation_padded(meta->dim) ||
		meta->graph.m < 1 || meta->degree < 1 || meta->degree > PGR_GRAPH_MAX_DEGREE ||
		meta->graph.ef_construction < 1 || meta->storage > PGR_VEC_FULL ||
		(meta->edge_bits != 1 && meta->edge_bits != 2 && meta->edge_bits != 4) ||
		meta->value_size > MaxAllocSize / 2 ||
		meta->node_size != PGR_HNSW_NODE_SIZE(meta, meta->degree) ||
		meta->nodes_per_page != Max(1, PGR_PAGE_CAPACITY / meta->node_size) ||
		meta->parts != (meta->node_size + PGR_PAGE_CAPACITY - 1) / PGR_PAGE_CAPACITY)
		return false;
	return meta->lists.digest_dims <= 2 * (PGR_HNSW_MAX_DIGEST - 2) &&
		meta->lists.digest_dims % 2 == 0 &&
		!(meta->max_aux < 0) && !isnan(meta->max_aux);
}

/*
 * Whether the metapage is what the column and its operator class say: with another dimension
 * values would be read beyond their end. Reads the catalog caches and may allocate the filter
 * columns, in the current memory context; holds no lock.
 */
static bool
is_of_column(Relation rel, const PgrHnswMeta *meta)
{
	const PgrVecClass *cls = pgr_vecclass(rel, 1);
	const PgrFilterColumns *filters = pgr_filter_columns(rel);
	int			typmod = TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod;

	return meta->kind == cls->metric && typmod > 0 && meta->dim == cls->dim(typmod) &&
		meta->value_size == pgr_vecclass_kept_size(cls, meta->storage, typmod) &&
		meta->filter_size == (filters == NULL ? 0 : filters->size);
}

/*
 * Whether the pages that the metapage names lie in the file of nblocks pages, so that a
 * damaged number is told as damage of this index and is not met as a read beyond its end. It
 * cannot tell whether a page is of the right kind: pgr_page_read does that for each.
 */
static bool
parts_exist(const PgrHnswMeta *meta, BlockNumber nblocks)
{
	if (meta->nframes > PGR_HNSW_MAX_FRAMES || meta->frame_block >= nblocks ||
		(meta->main_frame != PGR_HNSW_NO_FRAME && meta->main_frame >= meta->nframes))
		return false;
	if (meta->entry_pages == 0 || meta->entry_pages > PGR_HNSW_MAX_ENTRY_PAGES ||
		meta->node_block > nblocks || meta->lists.frame >= Max(meta->nframes, 1))
		return false;
	for (uint32 i = 0; i < meta->entry_pages; i++)
		if (meta->entry_block[i] >= nblocks || meta->entry_frame[i] >= Max(meta->nframes, 1))
			return false;
	if (meta->filter_size == 0)
		return meta->lists.n == 0 && meta->lists.digest_dims == 0;
	/* a VACUUM would empty them */
	if (meta->fresh.lists > 0 &&
		(meta->fresh.block < meta->node_block || meta->fresh.block == meta->lists.block))
		return false;
	/* each list has a page, so this bounds the directory too */
	return meta->lists.n > 0 && meta->lists.n <= nblocks && meta->lists.block < nblocks &&
		(uint64) meta->lists.block + PGR_HNSW_DIRECTORY_PAGES(meta) + meta->lists.n <= nblocks;
}

void
pgr_hnsw_check_meta(Relation rel, const PgrHnswMeta *meta)
{
	if (!is_of_column(rel, meta) || !sizes_agree(meta) ||
		!parts_exist(meta, RelationGetNumberOfBlocks(rel)))
		pgr_page_corrupt(rel, PGR_META_BLOCK, "its numbers do not agree");
}

void
pgr_hnsw_check_frames(Relation rel, const PgrHnswMeta *meta, const float *frames)
{
	for (Size i = 0; i < (Size) meta->nframes * meta->dim; i++)
		if (!isfinite(frames[i]))
			pgr_page_corrupt(rel, meta->frame_block, "a frame has a coordinate that is no number");
}
