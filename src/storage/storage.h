/*
 * storage.h
 *		Pages, WAL batches, extents and runs. See src/storage/README.
 *
 * Everything raises an error on failure; a page that is not what it should be
 * is ERRCODE_INDEX_CORRUPTED with a hint to REINDEX.
 */
#ifndef PGR_STORAGE_H
#define PGR_STORAGE_H

#include "storage/page.h"

#include "access/generic_xlog.h"
#include "base/compat.h"
#include "storage/buf.h"
#include "storage/buffile.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

/* --- page.c --- */

/* Formats an empty page in place. */
extern void pgr_page_init(Page page, PgrPageKind kind, uint32 generation);

/*
 * Raises unless the page is ours, of that kind (PGR_PAGE_ANY: any of ours) and
 * of a version this code reads.
 */
extern void pgr_page_check(Relation rel, BlockNumber block, Page page, PgrPageKind kind);

/* Raises: a page is damaged; `what` says how. */
PGR_NORETURN extern void pgr_page_corrupt(Relation rel, BlockNumber block, const char *what);

/*
 * Raises unless the main fork has those count > 0 blocks. What a page says of other
 * blocks goes through this before anything reads or writes there: a read of
 * InvalidBlockNumber would make the relation longer.
 */
extern void pgr_block_check(Relation rel, BlockNumber block, uint32 count);

/*
 * ReadBuffer, for pages that are read again and again: pinned, not locked, and not yet
 * checked. Main fork only. A block that the relation does not have raises.
 */
extern Buffer pgr_page_pin(Relation rel, BlockNumber block);

/*
 * The one door: the checked page, pinned and locked (BUFFER_LOCK_SHARE or
 * BUFFER_LOCK_EXCLUSIVE). Release with UnlockReleaseBuffer.
 */
extern Buffer pgr_page_read(Relation rel, BlockNumber block, PgrPageKind kind, int lockmode);

/*
 * Copies the checked page (BLCKSZ bytes) to dst; no lock or pin is left. A
 * generation other than the expected one (0: any) raises 40001.
 */
extern void pgr_page_copy(Relation rel, BlockNumber block, PgrPageKind kind,
						  uint32 generation, char *dst);

/* A block at the end of the relation: unformatted, pinned, exclusively locked. */
extern Buffer pgr_page_extend(Relation rel, ForkNumber fork);

/*
 * Up to n > 0 of them, pinned but not locked, in buffers; returns how many, at least
 * one. The caller has the relation's extension lock. Servers from 16 on extend files
 * by many blocks for less than one by one.
 */
extern uint32 pgr_page_extend_by(Relation rel, ForkNumber fork, uint32 n, Buffer *buffers);

/*
 * Raises 40001 on a standby: a page that a scan was about to read has been recycled;
 * elsewhere the page is damaged.
 */
PGR_NORETURN extern void pgr_page_recycled(Relation rel, BlockNumber block);

/* --- wal.c --- */

#define PGR_WAL_MAX_PAGES 4

typedef struct PgrWalBatch
{
	Relation	rel;
	GenericXLogState *state;	/* NULL while building */
	int			n;
	Buffer		buffers[PGR_WAL_MAX_PAGES];
} PgrWalBatch;

/*
 * A batch of changes to at most four pages that becomes one WAL record.
 * "building": the relation is being built and will be logged as a whole; pages
 * are changed in place.
 */
extern void pgr_wal_begin(PgrWalBatch *batch, Relation rel, bool building);

/*
 * Takes an exclusively locked buffer into the batch, which owns it from then
 * on; gives the page to change (a copy, until commit). Registration order is
 * lock order. "fresh": the old content does not matter (full image).
 */
extern Page pgr_wal_add(PgrWalBatch *batch, Buffer buffer, bool fresh);

/* Makes the changes real, releases the buffers. */
extern void pgr_wal_commit(PgrWalBatch *batch);

/* Forgets the changes, releases the buffers. Not possible while building. */
extern void pgr_wal_abort(PgrWalBatch *batch);

/* Logs all pages of a fork that was built without WAL; a no-op if not needed. */
extern void pgr_wal_log_build(Relation rel, ForkNumber fork);

/* --- meta (page.c) --- */

/* Copies the metapage's content (size bytes of it) after checking magic and version. */
extern void pgr_meta_copy(Relation rel, uint32 magic, uint32 version, void *dst, Size size);

/* The same where versions since `oldest` are read too. */
extern void pgr_meta_copy_since(Relation rel, uint32 magic, uint32 oldest, uint32 version,
								void *dst, Size size);

/* --- space.c --- */

typedef struct PgrExtent
{
	BlockNumber start;
	uint32		count;			/* pages */
} PgrExtent;

/* Takes and releases the maintenance lock. */
extern void pgr_maintenance_lock(Relation rel);
extern void pgr_maintenance_unlock(Relation rel);

/* Writes an empty space page at PGR_SPACE_BLOCK (the relation's second block). */
extern void pgr_space_create(Relation rel, ForkNumber fork, bool building);

/*
 * The space lock: a heavyweight lock held while space pages are read for a
 * change. Re-entrant. Whoever allocates an extent and must publish it before a
 * sweep can see it holds the lock over both; a sweep's caller holds it from
 * before it reads what is alive.
 */
extern void pgr_space_lock(Relation rel);
extern void pgr_space_unlock(Relation rel);

/*
 * An extent of at most `want` pages for a generation; may be shorter, but not than
 * `least` (> 0). Its pages are unformatted or stale. No space on the device, or a
 * cancelled statement, loses nothing: pages that were added are found by the next call.
 */
extern PgrExtent pgr_space_alloc(Relation rel, uint32 generation, uint32 least, uint32 want,
								 bool building);

/*
 * Sees to it that the block of an extent is in the file, before it is written: on a
 * promoted standby it may not be.
 */
extern void pgr_space_reach(Relation rel, BlockNumber block);

/*
 * Gives back the last `drop` pages before block `end`, which are the unused end
 * of what was allocated last.
 */
extern void pgr_space_trim(Relation rel, BlockNumber end, uint32 drop, bool building);

/* What a sweep is told of generations; the lists are sorted in place. */
typedef struct PgrSweep
{
	uint32	   *alive;			/* published or being written */
	int			nalive;
	uint32	   *unseen;			/* never published, and never will be */
	int			nunseen;
} PgrSweep;

/*
 * Retires the extents of all generations that are in neither list, frees those that
 * are unseen and retired ones that no snapshot can need. The caller holds the space
 * lock since before it made the lists.
 */
extern void pgr_space_sweep(Relation rel, PgrSweep *sweep);

/* Sums over all extents, in pages. */
typedef struct PgrSpaceStats
{
	uint64		owned;
	uint64		retired;
	uint64		free;
} PgrSpaceStats;
extern void pgr_space_stats(Relation rel, PgrSpaceStats *stats);

/* For checkers: every entry, palloc'd; returns their number. */
extern int	pgr_space_entries(Relation rel, PgrSpaceEntry **entries);

/* --- run.c --- */

/*
 * Where a run's logical pages are. In relation pages: extents, concatenated.
 * A temporary run (file != NULL) is a BufFile of whole pages.
 */
typedef struct PgrRunMap
{
	uint32		generation;
	uint16		kind;			/* PgrPageKind of its pages */
	uint32		npages;
	int			nextents;
	PgrExtent  *extents;		/* palloc'd */
	BufFile    *file;
} PgrRunMap;

typedef enum PgrRunTarget
{
	PGR_RUN_LOGGED,				/* relation pages, each logged when full */
	PGR_RUN_BUILDING,			/* relation pages, logged at the end of the build */
	PGR_RUN_TEMP				/* temporary file; rel may be NULL */
} PgrRunTarget;

typedef struct PgrRunWriter PgrRunWriter;

/*
 * Begins a run, in the current memory context. file is used for PGR_RUN_TEMP
 * only: an empty BufFile (shared ones for parallel builds), which the caller
 * keeps; NULL makes a private one.
 */
extern PgrRunWriter *pgr_run_begin(Relation rel, PgrPageKind kind, uint32 generation,
								   PgrRunTarget target, BufFile *file);

/*
 * The next page to fill: PGR_PAGE_CAPACITY zeroed bytes, 8-byte aligned. Its
 * logical number is the count of pages put before it.
 */
extern char *pgr_run_page(PgrRunWriter *w);
extern uint32 pgr_run_pageno(PgrRunWriter *w);

/* Writes the page with that many bytes used; returns its logical number. */
extern uint32 pgr_run_put(PgrRunWriter *w, uint32 used);

/* Writes a page put before once more (a header that is known at the end only). */
extern void pgr_run_rewrite(PgrRunWriter *w, uint32 pageno, const char *data, uint32 used);

/* Where the pages put so far are; extents may still grow by one. */
extern const PgrRunMap *pgr_run_map(PgrRunWriter *w);

/* Gives back unused pages and ends the writer; the map is palloc'd. */
extern PgrRunMap *pgr_run_finish(PgrRunWriter *w);

/* A run being read. The map must outlive it. Allocated in the current context. */
typedef struct PgrRun PgrRun;
extern PgrRun *pgr_run_open(Relation rel, const PgrRunMap *map);
extern void pgr_run_close(PgrRun *run);
extern uint32 pgr_run_npages(const PgrRun *run);

/* physical block of a logical page; relation runs only */
extern BlockNumber pgr_run_block(const PgrRun *run, uint32 pageno);

/*
 * A place to look at one page of a run at a time. Zero it before first use
 * (pageno = PGR_NO_PAGE); release it when done. The data is that of a pinned
 * buffer on a primary, a private copy on a standby (README) and for temporary
 * runs.
 */
typedef struct PgrRunView
{
	uint32		pageno;			/* PGR_NO_PAGE if none */
	Buffer		buffer;			/* pinned, not locked; or InvalidBuffer */
	char	   *copy;			/* BLCKSZ bytes, if one was needed */
	const char *data;			/* the page's content */
	uint32		used;			/* bytes of it */
} PgrRunView;

#define PGR_NO_PAGE PG_UINT32_MAX
#define PGR_RUN_VIEW_INIT {PGR_NO_PAGE, InvalidBuffer, NULL, NULL, 0}

extern void pgr_run_look_slow(PgrRun *run, PgrRunView *view, uint32 pageno);
extern void pgr_run_release(PgrRunView *view);

/*
 * The content of a logical page, valid until the next look through the same
 * view or its release. Raises for a page beyond the end, a corrupt or a
 * recycled one.
 */
static inline const char *
pgr_run_look(PgrRun *run, PgrRunView *view, uint32 pageno)
{
	if (view->pageno != pageno)
		pgr_run_look_slow(run, view, pageno);
	return view->data;
}

#endif							/* PGR_STORAGE_H */
