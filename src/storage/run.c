/*
 * run.c
 *		Runs: sequences of logical pages, written front to back and then
 *		immutable, over extents of a relation or over a temporary file.
 *
 * A run grows by an eighth, FIRST_EXTENT pages at least, so that a small one
 * wastes little and a large one is in few pieces; the unused end is given back
 * when the run is finished. Extents that follow each other become one. The
 * writer fills a page in private memory: a page of the relation is touched once,
 * when it is full.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "base/compat.h"
#include "base/debug_point.h"
#include "miscadmin.h"
#include "storage/storage.h"

#define FIRST_EXTENT 16
#define MAX_EXTENT 4096

struct PgrRunWriter
{
	Relation	rel;
	PgrRunTarget target;
	PgrRunMap  *map;
	uint32		allocated;		/* pages of all extents */
	PGAlignedBlock page;		/* being filled */
};

struct PgrRun
{
	Relation	rel;
	const PgrRunMap *map;
	bool		copying;		/* pages may be replaced: look at copies */
};

static BlockNumber
map_block(const PgrRunMap *map, uint32 pageno)
{
	for (int i = 0; i < map->nextents; i++)
	{
		if (pageno < map->extents[i].count)
			return map->extents[i].start + pageno;
		pageno -= map->extents[i].count;
	}
	elog(ERROR, "page %u is beyond the end of a run of %u pages", pageno, map->npages);
	return InvalidBlockNumber;
}

PgrRunWriter *
pgr_run_begin(Relation rel, PgrPageKind kind, uint32 generation,
			  PgrRunTarget target, BufFile *file)
{
	PgrRunWriter *w = palloc0(sizeof(PgrRunWriter));

	w->rel = rel;
	w->target = target;
	w->map = palloc0(sizeof(PgrRunMap));
	w->map->generation = generation;
	w->map->kind = kind;
	if (target == PGR_RUN_TEMP)
		w->map->file = file ? file : BufFileCreateTemp(false);
	pgr_page_init((Page) w->page.data, kind, generation);
	return w;
}

char *
pgr_run_page(PgrRunWriter *w)
{
	return PgrPageGetData(w->page.data);
}

uint32
pgr_run_pageno(PgrRunWriter *w)
{
	return w->map->npages;
}

/* Makes room for one more page; joins extents that follow each other. */
static void
run_grow(PgrRunWriter *w)
{
	PgrRunMap  *map = w->map;
	PgrExtent  *last;
	PgrExtent	extent;

	extent = pgr_space_alloc(w->rel, map->generation, 1,
							 Min(Max(w->allocated / 8, FIRST_EXTENT), MAX_EXTENT),
							 w->target == PGR_RUN_BUILDING);
	w->allocated += extent.count;
	last = map->nextents > 0 ? &map->extents[map->nextents - 1] : NULL;
	if (last && last->start + last->count == extent.start)
	{
		last->count += extent.count;
		return;
	}
	if (map->extents == NULL)
		map->extents = palloc(sizeof(PgrExtent));
	else
		map->extents = repalloc(map->extents, mul_size(map->nextents + 1, sizeof(PgrExtent)));
	map->extents[map->nextents++] = extent;
}

/* Writes one page image to its place in the relation. */
static void
run_write_block(PgrRunWriter *w, BlockNumber block, const char *image)
{
	Buffer		buffer = ReadBufferExtended(w->rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);

	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), image, BLCKSZ);
	MarkBufferDirty(buffer);
	if (w->target == PGR_RUN_LOGGED && RelationNeedsWAL(w->rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
	if (w->target == PGR_RUN_LOGGED)
		PGR_DEBUG_POINT("wal-record");
}

static void
run_write_temp(BufFile *file, uint32 pageno, char *image)
{
	if (BufFileSeekBlock(file, pageno) != 0)
		elog(ERROR, "could not seek to page %u of a temporary run", pageno);
	BufFileWrite(file, image, BLCKSZ);
}

static void
run_write(PgrRunWriter *w, uint32 pageno, char *image)
{
	if (w->target == PGR_RUN_TEMP)
		run_write_temp(w->map->file, pageno, image);
	else
		run_write_block(w, map_block(w->map, pageno), image);
}

uint32
pgr_run_put(PgrRunWriter *w, uint32 used)
{
	uint32		pageno = w->map->npages;

	CHECK_FOR_INTERRUPTS();
	if (w->target != PGR_RUN_TEMP && pageno == w->allocated)
		run_grow(w);
	pgr_page_set_used((Page) w->page.data, used);
	w->map->npages++;
	run_write(w, pageno, w->page.data);
	memset(PgrPageGetData(w->page.data), 0, PGR_PAGE_CAPACITY);
	return pageno;
}

void
pgr_run_rewrite(PgrRunWriter *w, uint32 pageno, const char *data, uint32 used)
{
	PGAlignedBlock image;

	Assert(pageno < w->map->npages);
	pgr_page_init((Page) image.data, w->map->kind, w->map->generation);
	memcpy(PgrPageGetData(image.data), data, used);
	pgr_page_set_used((Page) image.data, used);
	run_write(w, pageno, image.data);
}

const PgrRunMap *
pgr_run_map(PgrRunWriter *w)
{
	return w->map;
}

PgrRunMap *
pgr_run_finish(PgrRunWriter *w)
{
	PgrRunMap  *map = w->map;

	if (w->allocated > map->npages)
	{
		PgrExtent  *last = &map->extents[map->nextents - 1];
		uint32		drop = w->allocated - map->npages;

		pgr_space_trim(w->rel, last->start + last->count, drop,
					   w->target == PGR_RUN_BUILDING);
		last->count -= drop;
		if (last->count == 0)
			map->nextents--;
	}
	pfree(w);
	return map;
}

PgrRun *
pgr_run_open(Relation rel, const PgrRunMap *map)
{
	PgrRun	   *run = palloc(sizeof(PgrRun));

	run->rel = rel;
	run->map = map;
	run->copying = map->file != NULL || RecoveryInProgress();
	return run;
}

void
pgr_run_close(PgrRun *run)
{
	pfree(run);
}

uint32
pgr_run_npages(const PgrRun *run)
{
	return run->map->npages;
}

BlockNumber
pgr_run_block(const PgrRun *run, uint32 pageno)
{
	Assert(run->map->file == NULL);
	return map_block(run->map, pageno);
}

static void
look_at_buffer(PgrRun *run, PgrRunView *view, BlockNumber block)
{
	Page		page;

	view->buffer = ReleaseAndReadBuffer(view->buffer, run->rel, block);
	page = BufferGetPage(view->buffer);
	pgr_page_check(run->rel, block, page, run->map->kind);
	if (PgrPageGetOpaque(page)->generation != run->map->generation)
		pgr_page_recycled(run->rel, block);
	view->data = PgrPageGetData(page);
	view->used = PgrPageGetUsed(page);
}

static void
look_at_copy(PgrRun *run, PgrRunView *view, uint32 pageno)
{
	if (view->copy == NULL)
		view->copy = palloc(BLCKSZ);
	if (run->map->file == NULL)
		pgr_page_copy(run->rel, map_block(run->map, pageno), run->map->kind,
					  run->map->generation, view->copy);
	else
	{
		if (BufFileSeekBlock(run->map->file, pageno) != 0)
			elog(ERROR, "could not seek to page %u of a temporary run", pageno);
		pgr_buffile_read(run->map->file, view->copy, BLCKSZ);
	}
	view->data = PgrPageGetData(view->copy);
	view->used = PgrPageGetUsed(view->copy);
}

void
pgr_run_look_slow(PgrRun *run, PgrRunView *view, uint32 pageno)
{
	if (pageno >= run->map->npages)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" refers to page %u of a run of %u pages",
						run->rel ? RelationGetRelationName(run->rel) : "", pageno,
						run->map->npages),
				 errhint("Please REINDEX it.")));
	view->pageno = PGR_NO_PAGE; /* in case of an error below */
	if (run->copying)
		look_at_copy(run, view, pageno);
	else
		look_at_buffer(run, view, map_block(run->map, pageno));
	view->pageno = pageno;
}

void
pgr_run_release(PgrRunView *view)
{
	if (BufferIsValid(view->buffer))
		ReleaseBuffer(view->buffer);
	if (view->copy)
		pfree(view->copy);
	view->buffer = InvalidBuffer;
	view->copy = NULL;
	view->data = NULL;
	view->pageno = PGR_NO_PAGE;
}
