/*
 * segmod.c
 *		SQL functions of the segment test: they write, delete, merge and compare
 *		segments that live in the pages of an ordinary table. See
 *		test/t/010_segment.pl.
 *
 * shape: 1 norms and hashes, 2 positions, 4 * nfields. A segment is passed
 * around as its descriptor (bytea), its content as the seeds of its models and
 * the percentage of dead rows of each.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "segmod.h"
#include "segment/segment_postings.h"
#include "segment/segment_read.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

static PgrSegShape
get_shape(int32 code)
{
	PgrSegShape shape = {.norms = code & 1, .hashes = code & 1, .positions = code & 2, .nfields = code / 4};

	return shape;
}

static bytea *
put_desc(const PgrSegDesc *desc)
{
	bytea	   *b = palloc(VARHDRSZ + sizeof(PgrSegDesc));

	SET_VARSIZE(b, VARHDRSZ + sizeof(PgrSegDesc));
	memcpy(VARDATA(b), desc, sizeof(PgrSegDesc));
	return b;
}

static PgrSegDesc
get_desc(bytea *b)
{
	PgrSegDesc	desc;

	CHECK(VARSIZE_ANY_EXHDR(b) == sizeof(PgrSegDesc));
	memcpy(&desc, VARDATA_ANY(b), sizeof(PgrSegDesc));
	return desc;
}

/* A table gets the two fixed pages of an index. */
static Relation
open_table(Oid relid, LOCKMODE mode)
{
	Relation	rel = table_open(relid, mode);
	PgrWalBatch batch;
	Page		page;

	if (mode == AccessShareLock || RelationGetNumberOfBlocks(rel) > 0)
		return rel;
	pgr_wal_begin(&batch, rel, false);
	page = pgr_wal_add(&batch, pgr_page_extend(rel, MAIN_FORKNUM), true);
	pgr_page_init(page, PGR_PAGE_META, 0);
	pgr_wal_commit(&batch);
	pgr_space_create(rel, MAIN_FORKNUM, false);
	return rel;
}

static void
write_model(Relation rel, const Model *m, uint32 generation, PgrRunTarget target,
			PgrSegDesc *desc, PgrRunMap **map)
{
	PgrSegWriter *w = pgr_seg_begin(rel, generation, &m->shape, target, NULL);

	for (uint32 i = 0; i < m->ndocs; i++)
		CHECK(pgr_seg_add_doc(w, &m->docs[i]) == i);
	for (uint32 i = 0; i < m->nnulls; i++)
		pgr_seg_add_null(w, &m->nulls[i]);
	for (int t = 0; t < m->nterms; t++)
	{
		const ModelTerm *x = &m->terms[t];

		pgr_seg_begin_term(w, x->bytes, x->len, x->scale);
		for (uint32 i = 0; i < x->df; i++)
			pgr_seg_add_posting(w, x->docs[i], x->weights[i],
								m->shape.positions ? model_occurrences(m, x, i) :
								m->shape.nfields > 1 ? model_fields(m, x, i) : NULL);
	}
	pgr_seg_finish(w, desc, map);
}

/* segmod_write(table, generation, shape, seed) -> descriptor */
PG_FUNCTION_INFO_V1(segmod_write);
Datum
segmod_write(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0), RowExclusiveLock);
	PgrSegShape shape = get_shape(PG_GETARG_INT32(2));
	PgrSegDesc	desc;
	PgrRunMap  *map;

	pgr_maintenance_lock(rel);
	write_model(rel, model_make(PG_GETARG_INT32(3), &shape), PG_GETARG_INT32(1), PGR_RUN_LOGGED,
				&desc, &map);
	pgr_maintenance_unlock(rel);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_BYTEA_P(put_desc(&desc));
}

/*
 * segmod_damage(table, block, seed): changes some bytes of a segment's page; a
 * second call with the same arguments restores them.
 */
PG_FUNCTION_INFO_V1(segmod_damage);
Datum
segmod_damage(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0), RowExclusiveLock);
	Buffer		buffer = ReadBuffer(rel, PG_GETARG_INT32(1));
	Page		page = BufferGetPage(buffer);
	uint32		used = PageIsNew(page) ? 0 : PgrPageGetUsed(page);

	model_seed(PG_GETARG_INT32(2));
	for (uint32 n = 1 + model_below(20); n > 0 && used > 0; n--)
		PgrPageGetData(page)[model_below(used)] ^= 1 + model_below(255);
	ReleaseBuffer(buffer);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_VOID();
}

static bool
condemn(ItemPointer tid, void *arg)
{
	return model_condemns(tid, *(int *) arg);
}

/* segmod_delete(table, descriptor, shape, percent) -> descriptor */
PG_FUNCTION_INFO_V1(segmod_delete);
Datum
segmod_delete(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0), RowExclusiveLock);
	PgrSegDesc	desc = get_desc(PG_GETARG_BYTEA_PP(1));
	PgrSegShape shape = get_shape(PG_GETARG_INT32(2));
	int			percent = PG_GETARG_INT32(3);
	PgrSegment *seg;
	uint32		marked;
	uint64		live;

	pgr_maintenance_lock(rel);
	seg = pgr_segment_open(rel, &desc, &shape);
	marked = pgr_segment_bulk_delete(rel, seg, condemn, &percent, &live);
	CHECK(live + marked + desc.ndead == (uint64) desc.ndocs + desc.nnulls);
	desc.ndead += marked;
	CHECK(pgr_segment_bulk_delete(rel, seg, condemn, &percent, &live) == 0);
	pgr_segment_close(seg);
	pgr_maintenance_unlock(rel);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_BYTEA_P(put_desc(&desc));
}

static int
get_array(ArrayType *a, Oid type, int len, bool byval, char align, Datum **values)
{
	int			n;

	deconstruct_array(a, type, len, byval, align, values, NULL, &n);
	return n;
}

/* segmod_merge(table, generation, shape, descriptors) -> descriptor */
PG_FUNCTION_INFO_V1(segmod_merge);
Datum
segmod_merge(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0), RowExclusiveLock);
	uint32		generation = PG_GETARG_INT32(1);
	PgrSegShape shape = get_shape(PG_GETARG_INT32(2));
	Datum	   *descs;
	int			n = get_array(PG_GETARG_ARRAYTYPE_P(3), BYTEAOID, -1, false, TYPALIGN_INT, &descs);
	PgrSegment **segs = palloc(sizeof(PgrSegment *) * n);
	PgrSegDesc	desc;
	PgrRunMap  *map;

	pgr_maintenance_lock(rel);
	for (int i = 0; i < n; i++)
	{
		desc = get_desc(DatumGetByteaPP(descs[i]));
		segs[i] = pgr_segment_open(rel, &desc, &shape);
	}
	pgr_segment_merge(rel, segs, n, generation, &shape, PGR_RUN_LOGGED, NULL, &desc, &map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
	pgr_maintenance_unlock(rel);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_BYTEA_P(put_desc(&desc));
}

static Model **
get_models(PgrSegShape *shape, ArrayType *seeds, ArrayType *percents, int *n)
{
	Datum	   *seed;
	Datum	   *percent;
	Model	  **models;

	*n = get_array(seeds, INT4OID, 4, true, TYPALIGN_INT, &seed);
	CHECK(get_array(percents, INT4OID, 4, true, TYPALIGN_INT, &percent) == *n);
	models = palloc(sizeof(Model *) * *n);
	for (int i = 0; i < *n; i++)
	{
		models[i] = model_make(DatumGetInt32(seed[i]), shape);
		model_kill(models[i], DatumGetInt32(percent[i]));
	}
	return models;
}

/*
 * segmod_check(table, descriptor, shape, seeds, percents, merged): raises unless
 * the segment is that of the models, concatenated if merged.
 */
PG_FUNCTION_INFO_V1(segmod_check);
Datum
segmod_check(PG_FUNCTION_ARGS)
{
	Relation	rel = open_table(PG_GETARG_OID(0), AccessShareLock);
	PgrSegDesc	desc = get_desc(PG_GETARG_BYTEA_PP(1));
	PgrSegShape shape = get_shape(PG_GETARG_INT32(2));
	int			n;
	Model	  **models = get_models(&shape, PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &n);
	PgrSegment *seg = pgr_segment_open(rel, &desc, &shape);

	model_check(seg, PG_GETARG_BOOL(5) ? model_concat(models, n) : models[0]);
	pgr_segment_close(seg);
	table_close(rel, AccessShareLock);
	PG_RETURN_BOOL(true);
}

/* segmod_temporary(shape, seeds): writes, merges and compares temporary segments. */
PG_FUNCTION_INFO_V1(segmod_temporary);
Datum
segmod_temporary(PG_FUNCTION_ARGS)
{
	PgrSegShape shape = get_shape(PG_GETARG_INT32(0));
	ArrayType  *seeds = PG_GETARG_ARRAYTYPE_P(1);
	Datum	   *seed;
	int			n = get_array(seeds, INT4OID, 4, true, TYPALIGN_INT, &seed);
	Model	  **models = palloc(sizeof(Model *) * n);
	PgrSegment **segs = palloc(sizeof(PgrSegment *) * (n + 1));
	PgrRunMap **maps = palloc(sizeof(PgrRunMap *) * (n + 1));
	PgrSegDesc	desc;

	for (int i = 0; i < n; i++)
	{
		models[i] = model_make(DatumGetInt32(seed[i]), &shape);
		write_model(NULL, models[i], i + 1, PGR_RUN_TEMP, &desc, &maps[i]);
		segs[i] = pgr_segment_open_map(NULL, &desc, &shape, maps[i]);
		model_check(segs[i], models[i]);
	}
	pgr_segment_merge(NULL, segs, n, n + 1, &shape, PGR_RUN_TEMP, NULL, &desc, &maps[n]);
	segs[n] = pgr_segment_open_map(NULL, &desc, &shape, maps[n]);
	model_check(segs[n], model_concat(models, n));
	for (int i = 0; i <= n; i++)
	{
		pgr_segment_close(segs[i]);
		BufFileClose(maps[i]->file);
	}
	PG_RETURN_BOOL(true);
}

/* A block with these gaps below and these widths of weights, packed and unpacked. */
static void
check_block(unsigned gap_bits, unsigned weight_bits, uint32 n)
{
	PgrRawBlock raw = {.n = n};
	uint8		packed[PGR_BLOCK_MAX_BYTES];
	uint32		docs[PGR_POSTING_BLOCK];
	uint32		weights[PGR_POSTING_BLOCK];
	int64		before = (int64) model_below(1000) - 1;
	int64		doc = before;
	PgrSkip		skip;
	uint32		size;

	for (uint32 i = 0; i < n; i++)
	{
		uint64		room = PGR_NO_DOC - 1 - (n - i) - doc;

		/* one gap may be wide, the others are narrow */
		doc += 1 + Min((model_random() >> 32) >> (32 - (i == n / 2 ? gap_bits : gap_bits / 3)), room);
		raw.docs[i] = doc;
		raw.weights[i] = 1 + Min((model_random() >> 32) >> (32 - (model_below(20) ? weight_bits / 3 : weight_bits)),
								 PG_UINT32_MAX - 1);
	}
	size = pgr_block_pack(&raw, before, packed, &skip);
	CHECK(size <= PGR_BLOCK_MAX_BYTES && skip.last_doc == raw.docs[n - 1]);
	CHECK(pgr_block_unpack_docs(packed, size, n, before, skip.doc_bits, PGR_NO_DOC, docs));
	CHECK(memcmp(docs, raw.docs, n * sizeof(uint32)) == 0);
	/* so is a document that the segment does not have */
	CHECK(!pgr_block_unpack_docs(packed, size, n, before, skip.doc_bits, raw.docs[n - 1], docs));
	CHECK(pgr_block_unpack_docs(packed, size, n, before, skip.doc_bits, PGR_NO_DOC, docs));
	for (uint32 i = n; i < PGR_POSTING_BLOCK; i++)
		CHECK(docs[i] == PGR_NO_DOC);
	CHECK(pgr_block_unpack_weights(packed, size, n, skip.doc_bits, skip.weight_bits, weights));
	CHECK(memcmp(weights, raw.weights, n * sizeof(uint32)) == 0);
	/* a byte less is noticed */
	CHECK(size == 0 || !pgr_block_unpack_weights(packed, size - 1, n, skip.doc_bits,
												 skip.weight_bits, weights));
}

/* segmod_blocks(seed): widths that no table of documents here could have */
PG_FUNCTION_INFO_V1(segmod_blocks);
Datum
segmod_blocks(PG_FUNCTION_ARGS)
{
	model_seed(PG_GETARG_INT32(0));
	for (unsigned gap_bits = 0; gap_bits <= 32; gap_bits++)
	{
		for (unsigned weight_bits = 0; weight_bits <= 32; weight_bits++)
		{
			check_block(gap_bits, weight_bits, PGR_POSTING_BLOCK);
			check_block(gap_bits, weight_bits, 1 + model_below(PGR_POSTING_BLOCK));
		}
	}
	PG_RETURN_BOOL(true);
}
