/*
 * inv_meta.c
 *		The metapage: how it is made, read, checked and changed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "inverted/inv_kind.h"
#include "inverted/inv_maintain.h"
#include "miscadmin.h"
#include "utils/rel.h"

static void
list_corrupt(Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("metapage of index \"%s\" lists too many parts",
					RelationGetRelationName(index)),
			 errhint("Please REINDEX it.")));
}

static bool
is_flag(uint8 x)
{
	return x <= 1;
}

/*
 * What the metapage says of every document; version 1 has no more. Documents that are words
 * have a length, those of inverted have none.
 */
static bool
shape_fits(Relation index, const PgrInvMetaPage *page)
{
	return page->kind_id == pgr_inv_kind(index)->id && page->content <= PGR_CONTENT_TSVECTOR &&
		is_flag(page->norms) && is_flag(page->hashes) && is_flag(page->positions) &&
		page->norms != page->kind_id && page->nfields >= 1 && page->nfields <= PGR_MAX_FIELDS &&
		memchr(page->config, '\0', PGR_INV_CONFIG_LEN) != NULL;
}

/* An extent of which all used pages are in the file, behind the fixed ones. */
static bool
extent_fits(const PgrPendingExtent *e, BlockNumber nblocks)
{
	return e->generation != 0 && e->start > PGR_SPACE_BLOCK && e->used <= e->count &&
		e->count <= MaxBlockNumber - e->start && (uint64) e->start + e->used <= nblocks;
}

static bool
segment_fits(const PgrSegDesc *d, BlockNumber nblocks)
{
	uint64		rows = (uint64) d->ndocs + d->nnulls;

	return d->generation != 0 && d->root > PGR_SPACE_BLOCK && d->npages <= nblocks &&
		rows < PGR_NO_DOC && d->ndead <= rows;
}

static bool
segments_fit(const PgrSegDesc *segments, uint32 n, BlockNumber nblocks)
{
	for (uint32 i = 0; i < n; i++)
		if (!segment_fits(&segments[i], nblocks))
			return false;
	return true;
}

/* Raises unless what a metapage says can be. */
static void
check_meta(Relation index, const PgrInvMetaPage *page)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);

	if (page->nsegments > PGR_INV_MAX_INLINE || page->npending > PGR_INV_MAX_PENDING ||
		page->nclosed > page->npending ||
		page->list_segments > (uint64) nblocks * PGR_INV_LIST_SEGMENTS ||
		page->list_segments > MaxBlockNumber - PGR_INV_MAX_INLINE)
		list_corrupt(index);
	for (uint32 i = 0; i < page->npending; i++)
		if (!extent_fits(&page->pending[i], nblocks))
			pgr_page_corrupt(index, PGR_META_BLOCK, "an extent of the pending area cannot be");
	if (!shape_fits(index, page) || !segments_fit(page->segments, page->nsegments, nblocks))
		pgr_page_corrupt(index, PGR_META_BLOCK, "its numbers do not agree");
}

/*
 * The segments in the list's pages into dst; false if these are not what the copy of
 * the metapage says, because they have been replaced since.
 */
static bool
read_list(Relation index, const PgrInvMetaPage *page, PgrSegDesc *dst)
{
	BlockNumber block = page->list_block;
	uint32		n = 0;

	while (n < page->list_segments)
	{
		PGAlignedBlock copy;
		uint32		here;

		CHECK_FOR_INTERRUPTS();
		if (!BlockNumberIsValid(block))
			list_corrupt(index);
		pgr_page_copy(index, block, PGR_PAGE_ANY, 0, copy.data);
		if (PgrPageGetOpaque(copy.data)->kind != PGR_PAGE_SEGMENT_LIST ||
			PgrPageGetOpaque(copy.data)->generation != page->list_generation)
			return false;
		here = PgrPageGetUsed(copy.data) / sizeof(PgrSegDesc);
		if (here == 0 || here > page->list_segments - n ||
			!segments_fit((PgrSegDesc *) PgrPageGetData(copy.data), here,
						  RelationGetNumberOfBlocks(index)))
			list_corrupt(index);
		memcpy(dst + n, PgrPageGetData(copy.data), here * sizeof(PgrSegDesc));
		n += here;
		block = PgrPageGetOpaque(copy.data)->next;
	}
	return true;
}

static void
meta_from_page(PgrInvMeta *meta, const PgrInvMetaPage *page)
{
	memcpy(meta, page, offsetof(PgrInvMetaPage, segments));
	meta->nlisted = page->list_segments;
	memcpy(meta->writing, page->writing, sizeof(meta->writing));
	meta->claimed = page->claimed;
	meta->list_generation = page->list_generation;
}

void
pgr_inv_meta_copy(Relation index, PgrInvMeta *meta)
{
	PgrInvMetaPage *page = palloc(sizeof(PgrInvMetaPage));
	uint32		tried = 0;

	StaticAssertStmt(offsetof(PgrInvMetaPage, segments) ==
					 offsetof(PgrInvMeta, pending) + sizeof(meta->pending), "same beginning");
	for (;;)
	{
		pgr_meta_copy_since(index, PGR_INV_MAGIC, PGR_INV_OLDEST_VERSION, PGR_INV_VERSION,
							page, sizeof(PgrInvMetaPage));
		check_meta(index, page);
		meta_from_page(meta, page);
		meta->kind = pgr_inv_kind(index);
		meta->nsegments = page->list_segments + page->nsegments;
		meta->segments = palloc_extended(mul_size(Max(meta->nsegments, 1), sizeof(PgrSegDesc)),
										 MCXT_ALLOC_HUGE);
		if (read_list(index, page, meta->segments))
			break;
		/* a list that was replaced since is not named any more */
		if (page->list_generation == tried)
			list_corrupt(index);
		tried = page->list_generation;
		pfree(meta->segments);
	}
	memcpy(meta->segments + page->list_segments, page->segments,
		   page->nsegments * sizeof(PgrSegDesc));
	pfree(page);
}

const PgrInvMetaPage *
pgr_inv_meta_read(Relation index, Buffer *buffer)
{
	const PgrInvMetaPage *meta;

	*buffer = pgr_page_read(index, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_SHARE);
	meta = (const PgrInvMetaPage *) PgrPageGetData(BufferGetPage(*buffer));
	if (meta->npending > PGR_INV_MAX_PENDING || meta->nclosed > meta->npending)
		list_corrupt(index);
	return meta;
}

PgrInvMetaPage *
pgr_inv_meta_add(PgrWalBatch *batch, Relation index)
{
	Buffer		buffer = pgr_page_read(index, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);
	Page		page = pgr_wal_add(batch, buffer, false);
	PgrInvMetaPage *meta = (PgrInvMetaPage *) PgrPageGetData(page);

	/* an index that is being built has no segment, nor pages behind the metapage, yet */
	if (batch->state != NULL)
		check_meta(index, meta);
	meta->head.version = PGR_INV_VERSION;
	pgr_page_set_used(page, sizeof(PgrInvMetaPage));
	return meta;
}

void
pgr_inv_meta_create(Relation index, ForkNumber fork, const PgrInvMeta *meta)
{
	Buffer		buffer = pgr_page_extend(index, fork);
	PgrWalBatch batch;
	Page		page;

	Assert(BufferGetBlockNumber(buffer) == PGR_META_BLOCK);
	pgr_wal_begin(&batch, index, true);
	page = pgr_wal_add(&batch, buffer, true);
	pgr_page_init(page, PGR_PAGE_META, 0);
	memcpy(PgrPageGetData(page), meta, offsetof(PgrInvMetaPage, segments));
	pgr_page_set_used(page, sizeof(PgrInvMetaPage));
	pgr_wal_commit(&batch);
	pgr_space_create(index, fork, true);
}

PgrSegShape
pgr_inv_shape(const PgrInvMeta *meta)
{
	PgrSegShape shape;

	shape.norms = meta->norms != 0;
	shape.hashes = meta->hashes != 0;
	shape.positions = meta->positions != 0;
	shape.nfields = meta->nfields;
	return shape;
}

PgrSegShape
pgr_inv_pending_shape(const PgrInvMeta *meta)
{
	PgrSegShape shape = pgr_inv_shape(meta);

	shape.positions = meta->kind->pending_positions;
	return shape;
}
