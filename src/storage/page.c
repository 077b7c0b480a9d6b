/*
 * page.c
 *		The page format and the one door to a page.
 *
 * Nothing else in the extension reads a page of an index without
 * pgr_page_check, so a corrupt, foreign or newer page is always reported as
 * such, with the block's number.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/compat.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/buf_internals.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "storage/storage.h"

/* blocks whose buffers are remembered; a megabyte, of which only what is used exists */
#define REMEMBERED (1 << 18)

/* The buffer where this backend has found a block, by a hash of it. Not shared: 0 or less. */
static Buffer remembered[REMEMBERED];

void
pgr_page_init(Page page, PgrPageKind kind, uint32 generation)
{
	PgrPageOpaque *opaque;

	PageInit(page, BLCKSZ, sizeof(PgrPageOpaque));
	opaque = PgrPageGetOpaque(page);
	opaque->generation = generation;
	opaque->next = InvalidBlockNumber;
	opaque->kind = kind;
	opaque->version = PGR_PAGE_VERSION;
	opaque->page_id = PGR_PAGE_ID;
	pgr_page_set_used(page, 0);
}

void
pgr_page_corrupt(Relation rel, BlockNumber block, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" has an invalid page at block %u: %s",
					RelationGetRelationName(rel), block, what),
			 errhint("Please REINDEX it.")));
}

void
pgr_page_check(Relation rel, BlockNumber block, Page page, PgrPageKind kind)
{
	PgrPageOpaque *opaque;

	if (PageIsNew(page))
		pgr_page_corrupt(rel, block, "it is empty");
	if (PageGetSpecialSize(page) != MAXALIGN(sizeof(PgrPageOpaque)))
		pgr_page_corrupt(rel, block, "its special area has the wrong size");
	opaque = PgrPageGetOpaque(page);
	if (opaque->page_id != PGR_PAGE_ID)
		pgr_page_corrupt(rel, block, "it is not a page of this extension");
	if (opaque->version != PGR_PAGE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has a page of version %u at block %u, which this library does not read",
						RelationGetRelationName(rel), opaque->version, block),
				 errhint("Please REINDEX it.")));
	if (kind != PGR_PAGE_ANY && opaque->kind != kind)
		pgr_page_corrupt(rel, block, "it is of another kind than expected");
	if (((PageHeader) page)->pd_lower < MAXALIGN(SizeOfPageHeaderData) ||
		((PageHeader) page)->pd_lower > ((PageHeader) page)->pd_special)
		pgr_page_corrupt(rel, block, "its content has the wrong size");
}

void
pgr_page_recycled(Relation rel, BlockNumber block)
{
	/* where the horizon protects pages that somebody may still read, nobody reuses one */
	if (!RecoveryInProgress())
		pgr_page_corrupt(rel, block, "it belongs to something else");
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("a page of index \"%s\" was reused during the scan",
					RelationGetRelationName(rel)),
			 errdetail("The primary server no longer needed the page's old content."),
			 errhint("Retry the query, or set hot_standby_feedback on the standby.")));
}

void
pgr_block_check(Relation rel, BlockNumber block, uint32 count)
{
	/* as far as this backend knows; a system call only where that is too little */
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];
	uint64		end = (uint64) block + count;

	if (known != InvalidBlockNumber && end <= known)
		return;
	if (end > RelationGetNumberOfBlocks(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" refers to block %u, which is beyond its end",
						RelationGetRelationName(rel), block),
				 errhint("Please REINDEX it.")));
}

/* Whether a use of a buffer has no effect on when it is evicted: it has been used enough. */
static bool
is_hot(Buffer buffer)
{
	uint32		state = pg_atomic_read_u32(&GetBufferDescriptor(buffer - 1)->state);

	return BUF_STATE_GET_USAGECOUNT(state) == BM_MAX_USAGE_COUNT;
}

/*
 * A search in a graph reads many pages that all are in memory, and looking each up in
 * the table of buffers is a sixth of its time: several cache lines that are far away,
 * one after the other. A buffer that still has the block can tell so itself; but that
 * does not count as a use, so that hot pages would be evicted first. Hence only where a
 * use would not count either.
 */
Buffer
pgr_page_pin(Relation rel, BlockNumber block)
{
	Buffer	   *known = &remembered[(murmurhash32(rel->rd_id) + block) % REMEMBERED];

	if (*known > 0 && is_hot(*known) && !VacuumCostActive &&
		ReadRecentBuffer(PGR_RELATION_FILE(rel), MAIN_FORKNUM, block, *known))
	{
		pgr_count_buffer_hit(rel);
		return *known;
	}
	pgr_block_check(rel, block, 1);
	return *known = ReadBuffer(rel, block);
}

Buffer
pgr_page_read(Relation rel, BlockNumber block, PgrPageKind kind, int lockmode)
{
	Buffer		buffer = pgr_page_pin(rel, block);

	LockBuffer(buffer, lockmode);
	pgr_page_check(rel, block, BufferGetPage(buffer), kind);
	return buffer;
}

void
pgr_page_copy(Relation rel, BlockNumber block, PgrPageKind kind,
			  uint32 generation, char *dst)
{
	Buffer		buffer = pgr_page_pin(rel, block);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(dst, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);

	/* a recycled page may be of any kind: say so before complaining of it */
	if (generation != 0 && !PageIsNew((Page) dst) &&
		PageGetSpecialSize((Page) dst) == MAXALIGN(sizeof(PgrPageOpaque)) &&
		PgrPageGetOpaque((Page) dst)->page_id == PGR_PAGE_ID &&
		PgrPageGetOpaque((Page) dst)->generation != generation)
		pgr_page_recycled(rel, block);
	pgr_page_check(rel, block, (Page) dst, kind);
}

Buffer
pgr_page_extend(Relation rel, ForkNumber fork)
{
	Buffer		buffer;
	bool		shared = !RELATION_IS_LOCAL(rel);

	if (shared)
		LockRelationForExtension(rel, ExclusiveLock);
	buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	if (shared)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return buffer;
}

uint32
pgr_page_extend_by(Relation rel, ForkNumber fork, uint32 n, Buffer *buffers)
{
	uint32		extended;

	pgr_extend_relation(rel, fork, n, buffers, &extended);
	return extended;
}

void
pgr_meta_copy_since(Relation rel, uint32 magic, uint32 oldest, uint32 version,
					void *dst, Size size)
{
	PGAlignedBlock block;
	PgrMetaHead *head;

	Assert(size <= PGR_PAGE_CAPACITY);
	pgr_page_copy(rel, PGR_META_BLOCK, PGR_PAGE_META, 0, block.data);
	head = (PgrMetaHead *) PgrPageGetData(block.data);
	if (head->magic != magic)
		pgr_page_corrupt(rel, PGR_META_BLOCK, "it belongs to another access method");
	if (head->version < oldest || head->version > version)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has format version %u, this library reads version %u",
						RelationGetRelationName(rel), head->version, version),
				 errhint("Please REINDEX it.")));
	memcpy(dst, head, size);
}

void
pgr_meta_copy(Relation rel, uint32 magic, uint32 version, void *dst, Size size)
{
	pgr_meta_copy_since(rel, magic, version, version, dst, size);
}
