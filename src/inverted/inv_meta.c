/*
 * inv_meta.c
 *		The metapage: how it is made, read, checked and changed.
 *
 * The metapage is locked share while it is copied, exclusive while a WAL batch changes
 * it, and never while anything is allocated or waited for; checks that raise run on
 * copies, but for those of a batch and of pgr_inv_meta_read, whose error releases the lock.
 */
#include "postgres.h"

#include "access/relation.h"
#include "inverted/inv_kind.h"
#include "miscadmin.h"
#include "utils/rel.h"

/* A byte of the metapage that is a bool. */
static bool
is_flag(uint8 x)
{
	return x <= 1;
}

/* What the metapage says of every document; version 1 has no more. */
static bool
shape_fits(Relation index, const PgrInvMetaPage *page)
{
	const PgrInvKind *kind = pgr_inv_kind(index);

	return page->kind_id == kind->id && page->content <= PGR_CONTENT_TSVECTOR &&
		page->norms == kind->norms && is_flag(page->hashes) && is_flag(page->positions) &&
		page->nfields >= 1 && page->nfields <= PGR_MAX_FIELDS &&
		memchr(page->config, '\0', PGR_INV_CONFIG_LEN) != NULL;
}

/* An extent of which all used pages are in the file, behind the fixed ones. */
static bool
extent_fits(const PgrPendingExtent *e, BlockNumber nblocks)
{
	return e->generation != 0 && e->start > PGR_SPACE_BLOCK && e->used <= e->count &&
		e->count <= MaxBlockNumber - e->start && (uint64) e->start + e->used <= nblocks;
}

/* PgrSegSetOwner. */
static void
locate(void *meta, PgrSegSet *set)
{
	PgrInvMetaPage *page = meta;

	set->next_generation = &page->next_generation;
	set->ninline = &page->ninline;
	set->page = &page->set;
}

/* Raises unless what a metapage says can be. */
static void
check_meta(Relation index, const PgrInvMetaPage *page)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	PgrSegSet	set;

	if (page->npending > PGR_INV_MAX_PENDING || page->nclosed > page->npending)
		pgr_set_corrupt(index);
	locate(unconstify(PgrInvMetaPage *, page), &set);
	pgr_set_check(index, &set, nblocks);
	for (uint32 i = 0; i < page->npending; i++)
		if (!extent_fits(&page->pending[i], nblocks))
			pgr_page_corrupt(index, PGR_META_BLOCK, "an extent of the pending area cannot be");
	if (!shape_fits(index, page))
		pgr_page_corrupt(index, PGR_META_BLOCK, "its numbers do not agree");
}

/* --- as the owner of a set of segments --- */

/* PgrSegSetOwner: under a share lock, which is let go before anything is checked. */
static void
read_page(Relation index, void *meta)
{
	pgr_meta_copy_since(index, PGR_INV_MAGIC, PGR_INV_OLDEST_VERSION, PGR_INV_VERSION,
						meta, sizeof(PgrInvMetaPage));
	check_meta(index, meta);
}

/* PgrSegSetOwner: the metapage stays exclusively locked until the batch ends. */
static void *
add_page(PgrWalBatch *batch, Relation index)
{
	return pgr_inv_meta_add(batch, index);
}

/* Pending extents are alive. */
static uint32
alive_extents(const void *meta, uint32 *generations)
{
	const PgrInvMetaPage *page = meta;

	for (uint32 i = 0; i < page->npending; i++)
		generations[i] = page->pending[i].generation;
	return page->npending;
}

const PgrSegSetOwner pgr_inv_set = {
	.size = sizeof(PgrInvMetaPage),
	.max_alive = PGR_INV_MAX_PENDING,
	.read = read_page,
	.add = add_page,
	.locate = locate,
	.alive = alive_extents
};

/* --- reading and changing --- */

/* Segments are in the current memory context, the caller's to free. */
void
pgr_inv_meta_copy(Relation index, PgrInvMeta *meta)
{
	PgrInvMetaPage *page = palloc(sizeof(PgrInvMetaPage));
	PgrSegSetCopy set;

	StaticAssertStmt(offsetof(PgrInvMetaPage, set) ==
					 offsetof(PgrInvMeta, pending) + sizeof(meta->pending), "same beginning");
	pgr_set_read(index, &pgr_inv_set, page, &set);
	memcpy(meta, page, offsetof(PgrInvMetaPage, set));
	meta->kind = pgr_inv_kind(index);
	meta->segments = set.segments;
	meta->nsegments = set.n;
	meta->claimed = set.claimed;
	pfree(page);
}

/*
 * Only the pending area's numbers are checked, which inserts count with: a full check
 * at each row would cost too much under the lock.
 */
const PgrInvMetaPage *
pgr_inv_meta_read(Relation index, Buffer *buffer)
{
	const PgrInvMetaPage *meta;

	*buffer = pgr_page_read(index, PGR_META_BLOCK, PGR_PAGE_META, BUFFER_LOCK_SHARE);
	meta = (const PgrInvMetaPage *) PgrPageGetData(BufferGetPage(*buffer));
	if (meta->npending > PGR_INV_MAX_PENDING || meta->nclosed > meta->npending)
		pgr_set_corrupt(index);
	return meta;
}

/*
 * Checked under the lock: an error releases it. What a batch changes is never taken
 * from a page that cannot be.
 */
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

/*
 * Of a new relation, which nobody else sees: the lock is a formality. Logged at the
 * end of the build.
 */
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
	memcpy(PgrPageGetData(page), meta, offsetof(PgrInvMetaPage, set));
	pgr_page_set_used(page, sizeof(PgrInvMetaPage));
	pgr_wal_commit(&batch);
	pgr_space_create(index, fork, true);
}

/* Of segments, as the index was built; options altered since do not count. */
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

/* Of pending records. */
PgrSegShape
pgr_inv_pending_shape(const PgrInvMeta *meta)
{
	PgrSegShape shape = pgr_inv_shape(meta);

	shape.positions = meta->kind->pending_positions;
	return shape;
}
