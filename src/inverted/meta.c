/*
 * meta.c
 *		The metapage: what it says of a new index, and how it is read and changed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "inverted/inverted.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

void
pgr_inv_meta_copy(Relation index, PgrInvMeta *meta)
{
	pgr_meta_copy(index, PGR_INV_MAGIC, PGR_INV_VERSION, meta, sizeof(PgrInvMeta));
	if (meta->nsegments > PGR_INV_MAX_SEGMENTS || meta->npending > PGR_INV_MAX_PENDING)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("metapage of index \"%s\" lists too many parts",
						RelationGetRelationName(index)),
				 errhint("Please REINDEX it.")));
}

PgrInvMeta *
pgr_inv_meta_add(PgrWalBatch *batch, Relation index)
{
	Buffer		buffer = pgr_page_read(index, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);

	return (PgrInvMeta *) PgrPageGetData(pgr_wal_add(batch, buffer, false));
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
	memcpy(PgrPageGetData(page), meta, sizeof(PgrInvMeta));
	pgr_page_set_used(page, sizeof(PgrInvMeta));
	pgr_wal_commit(&batch);
	pgr_space_create(index, fork, true);
}

/* The type of the index's one column. */
static Oid
column_type(Relation index)
{
	return getBaseType(TupleDescAttr(RelationGetDescr(index), 0)->atttypid);
}

void
pgr_inv_meta_column(Relation index, PgrInvMeta *meta)
{
	Oid			type = index->rd_opcintype[0];

	if (!OidIsValid(type) || IsPolymorphicType(type))
		type = column_type(index);
	meta->content = pgr_content_type(type);
	meta->cjk_bigram = pgr_inv_options(index)->cjk;
	meta->nfields = pgr_inv_nfields(index, meta->content);
}

void
pgr_inv_meta_init(Relation index, PgrInvMeta *meta)
{
	memset(meta, 0, sizeof(PgrInvMeta));
	meta->head.magic = PGR_INV_MAGIC;
	meta->head.version = PGR_INV_VERSION;
	meta->next_generation = 1;
	meta->sparse = pgr_inv_is_sparse(index);
	meta->nfields = 1;
	if (meta->sparse)
		return;

	pgr_inv_meta_column(index, meta);
	meta->norms = 1;
	meta->hashes = meta->content != PGR_CONTENT_TSVECTOR;
	meta->positions = pgr_inv_options(index)->positions;
	pgr_content_config(index, meta);
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

	shape.positions = !meta->sparse;
	return shape;
}

uint32
pgr_inv_new_generation(Relation index, bool building)
{
	PgrWalBatch batch;
	uint32		generation;

	pgr_wal_begin(&batch, index, building);
	generation = pgr_inv_meta_add(&batch, index)->next_generation++;
	pgr_wal_commit(&batch);
	return generation;
}
