/*
 * inv_build.c
 *		CREATE INDEX: serial and parallel.
 *
 * Each participant reads its share of the heap, accumulates documents within its
 * share of maintenance_work_mem and writes a temporary segment (a run in a
 * BufFile) whenever that is used up. At the end all temporary segments are merged
 * into one segment of the index; when a serial build never ran out of memory,
 * that segment is written directly. Pages are not logged one by one but once,
 * when the index is complete.
 *
 * Parallel: workers put their runs into a shared file set, described by a
 * BuildRun each; the leader takes part, then merges. Tokenising is most of the
 * work (about 90 %), merging is not worth sharing.
 *
 * Locks: core holds those of the build; nobody else sees the index. Memory: a share of
 * maintenance_work_mem for each participant, and what one document needs. Errors leave a
 * relation that core drops, and files that go with the transaction.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/am_build.h"
#include "am/am_parallel.h"
#include "am/spool.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "inverted/inv_kind.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/spin.h"
#include "utils/memutils.h"

/* Progress phases; 1 is core's "initializing". */
#define PHASE_SCAN 2
#define PHASE_MERGE 3
#define PHASE_LOG 4

/* A participant's temporary segment. */
typedef struct BuildRun
{
	PgrSegDesc	desc;
	int			worker;			/* names its file */
	int			number;
} BuildRun;

#define MAX_RUNS 1024			/* of all participants */

/* What participants share. */
typedef struct BuildShared
{
	int			participants;	/* at most; divides the memory */
	slock_t		mutex;			/* protects what follows */
	int			nruns;
	BuildRun	runs[MAX_RUNS];
} BuildShared;

/* One participant. */
typedef struct BuildState
{
	Relation	index;
	PgrInvMeta	meta;
	PgrSegShape shape;
	PgrContentSource source;
	PgrSpill   *spill;			/* serial build */
	PgrAccumulator *acc;		/* parallel build, as all that follows but the context */
	Size		budget;
	PgrParallelBuild *parallel;
	int			nruns;
	MemoryContext runs_context; /* of what outlives a document */
	double		indtuples;
	MemoryContext context;		/* of one document */
} BuildState;

/* The files of runs; a run's number is unique among those of all participants. */
static PgrSpool
runs_spool(const PgrParallelBuild *p)
{
	return (PgrSpool) {p->files, "inverted.run", CurrentMemoryContext};
}

static uint32
run_number(int worker, int number)
{
	return (uint32) worker * (MAX_RUNS + 1) + number;
}

/*
 * State of one participant. What outlives a document is allocated in the current
 * memory context, a document's own memory is reset after it. Participants share
 * maintenance_work_mem.
 */
static void
begin_state(BuildState *b, Relation index, PgrParallelBuild *parallel, int participants)
{
	memset(b, 0, sizeof(*b));
	b->index = index;
	pgr_inv_meta_copy(index, &b->meta);
	b->shape = pgr_inv_shape(&b->meta);
	pgr_content_source(index, &b->meta, &b->source);
	/* below maintenance_work_mem's own least value a share would hold no document */
	b->budget = Max((Size) maintenance_work_mem * 1024 / participants, (Size) 1024 * 1024);
	if (parallel)
		b->acc = pgr_acc_create(&b->shape, b->meta.kind);
	else
		b->spill = pgr_spill_begin(&b->shape, b->meta.kind, b->budget);
	b->parallel = parallel;
	b->runs_context = CurrentMemoryContext;
	b->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve document",
									   ALLOCSET_DEFAULT_SIZES);
}

/* 54000: the leader merges all runs at once, and each takes buffers. */
static void
too_many_runs(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("maintenance_work_mem is too small for this index"),
			 errdetail("Its build would need more than %d temporary segments.", MAX_RUNS),
			 errhint("Increase maintenance_work_mem.")));
}

/*
 * Tells the leader of a run. The spinlock is held for a copy of the descriptor; an
 * error is raised after it is released.
 */
static void
share_run(BuildState *b, const PgrSegDesc *desc)
{
	BuildShared *shared = b->parallel->area;
	int			n;

	SpinLockAcquire(&shared->mutex);
	n = shared->nruns;
	if (n < MAX_RUNS)
	{
		shared->runs[n].desc = *desc;
		shared->runs[n].worker = b->parallel->participant;
		shared->runs[n].number = b->nruns;
		shared->nruns++;
	}
	SpinLockRelease(&shared->mutex);
	if (n == MAX_RUNS)
		too_many_runs();
}

/* Writes what is accumulated as a temporary segment of the shared file set. */
static void
spill_shared(BuildState *b)
{
	MemoryContext old = MemoryContextSwitchTo(b->runs_context);
	PgrSegDesc	desc = {0};
	PgrRunMap  *map;
	PgrSpool	spool = runs_spool(b->parallel);
	BufFile    *file = pgr_spool_create(&spool, run_number(b->parallel->participant, b->nruns));

	pgr_acc_write(b->acc, NULL, 1, PGR_RUN_TEMP, file, &desc, &map);
	pgr_spool_finish(&spool, file);
	share_run(b, &desc);
	b->nruns++;
	MemoryContextSwitchTo(old);
}

/*
 * The leader alone spills and merges as it goes; participants of a parallel build
 * leave runs to the leader.
 */
static void
add_document(BuildState *b, ItemPointer tid, const PgrLexDoc *doc)
{
	if (b->spill)
		pgr_spill_add(b->spill, tid, doc);
	else
	{
		pgr_acc_add(b->acc, tid, doc);
		if (pgr_acc_memory(b->acc) > b->budget)
			spill_shared(b);
	}
}

/* IndexBuildCallback: one row. A failure leaves the build's relation to be dropped. */
static void
build_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull,
			   bool alive, void *arg)
{
	BuildState *b = arg;
	MemoryContext old = MemoryContextSwitchTo(b->context);

	if (isnull[0])
		add_document(b, tid, NULL);
	else
	{
		PgrLexDoc	doc;

		pgr_content_document(&b->source, values[0], &doc);
		add_document(b, tid, &doc);
	}
	b->indtuples++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(b->context);
}

/* --- the end of a build: everything becomes one segment -------------------------------- */

/* Lists the segment in the metapage and logs the whole index. */
static void
finish_index(Relation index, const PgrSegDesc *desc)
{
	PgrWalBatch batch;
	PgrInvMetaPage *meta;

	if (desc->ndocs + desc->nnulls > 0)
	{
		pgr_wal_begin(&batch, index, true);
		meta = pgr_inv_meta_add(&batch, index);
		meta->set.segments[meta->ninline++] = *desc;
		pgr_wal_commit(&batch);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOG);
	pgr_wal_log_build(index, MAIN_FORKNUM);
}

/* All rows by this backend; returns how many rows the heap has. */
static double
build_serial(Relation heap, Relation index, IndexInfo *info, PgrSegDesc *desc, double *indtuples)
{
	BuildState	b;
	double		reltuples;

	begin_state(&b, index, NULL, 1);
	reltuples = table_index_build_scan(heap, index, info, false, true, build_callback, &b, NULL);
	*indtuples = b.indtuples;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_MERGE);
	pgr_spill_finish(b.spill, index, pgr_set_new_generation(index, &pgr_inv_set, PGR_SET_BUILD),
					 PGR_RUN_BUILDING, desc);
	return reltuples;
}

/* --- parallel --------------------------------------------------------------------------- */

/*
 * A participant's share of the heap, in leader and workers alike; gives the rows
 * it read and indexed.
 */
static void
participate(PgrParallelBuild *p, double *heap_tuples, double *index_tuples)
{
	BuildState	b;

	begin_state(&b, p->index, p, ((BuildShared *) p->area)->participants);
	*heap_tuples = table_index_build_scan(p->heap, p->index, p->info, true, p->participant == 0,
										  build_callback, &b, p->scan);
	*index_tuples = b.indtuples;
	if (pgr_acc_ndocs(b.acc) > 0)
		spill_shared(&b);
	pgr_acc_free(b.acc);
}

PGDLLEXPORT void pgr_inv_build_worker(dsm_segment *seg, shm_toc *toc);

/* Entry point of a parallel worker; see am/am_parallel.h. */
void
pgr_inv_build_worker(dsm_segment *seg, shm_toc *toc)
{
	PgrParallelBuild p;
	double		heap_tuples,
				index_tuples;

	pgr_parallel_attach(&p, seg, toc);
	participate(&p, &heap_tuples, &index_tuples);
	pgr_parallel_detach(&p, heap_tuples, index_tuples);
}

/*
 * The leader's part once all have read the heap: runs, each a file of the shared set,
 * become one segment of the index. Descriptors and maps are allocated here and go with
 * the build; files are closed.
 */
static void
merge_shared(PgrParallelBuild *p, PgrSegDesc *desc)
{
	BuildShared *shared = p->area;
	int			n = shared->nruns;
	PgrSegDesc *descs = palloc(Max(n, 1) * sizeof(PgrSegDesc));
	PgrRunMap **maps = palloc(Max(n, 1) * sizeof(PgrRunMap *));
	PgrInvMeta	meta;
	PgrSegShape shape;
	PgrRunMap  *map;
	PgrSpool	spool = runs_spool(p);

	if (n == 0)
		return;
	pgr_inv_meta_copy(p->index, &meta);
	shape = pgr_inv_shape(&meta);
	for (int i = 0; i < n; i++)
	{
		descs[i] = shared->runs[i].desc;
		maps[i] = palloc0(sizeof(PgrRunMap));
		maps[i]->generation = 1;
		maps[i]->kind = PGR_PAGE_SEGMENT;
		maps[i]->npages = descs[i].npages;
		maps[i]->file = pgr_spool_open(&spool, NULL, run_number(shared->runs[i].worker,
																shared->runs[i].number));
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_MERGE);
	pgr_spill_merge(p->index, &shape, descs, maps, n,
					pgr_set_new_generation(p->index, &pgr_inv_set, PGR_SET_BUILD),
					PGR_RUN_BUILDING, desc, &map);
	for (int i = 0; i < n; i++)
		pgr_spool_close(&spool, maps[i]->file);
}

/*
 * false: no worker could be had; nothing was done. Workers see the metapage, which is
 * in the relation's pages already. The spinlock of the shared list of runs is
 * initialised before they start; nothing is locked here.
 */
static bool
build_parallel(Relation heap, Relation index, IndexInfo *info, int workers,
			   PgrSegDesc *desc, double *heap_tuples, double *index_tuples)
{
	PgrParallelBuild p;
	BuildShared *shared;

	if (!pgr_parallel_begin(&p, heap, index, info, workers, "pgr_inv_build_worker",
							sizeof(BuildShared)))
		return false;
	shared = p.area;
	shared->participants = workers + 1;
	SpinLockInit(&shared->mutex);
	shared->nruns = 0;
	pgr_parallel_launch(&p);
	participate(&p, heap_tuples, index_tuples);
	pgr_parallel_wait(&p, heap_tuples, index_tuples);
	merge_shared(&p, desc);
	pgr_parallel_end(&p);
	return true;
}

/* --- the access method's entry points ------------------------------------------------------ */

/*
 * What a new index's metapage says, from the index's column and options. Raises what
 * its kind raises, such as 22023 without a configuration.
 */
static void
init_meta(Relation index, PgrInvMeta *meta)
{
	memset(meta, 0, sizeof(PgrInvMeta));
	meta->head.magic = PGR_INV_MAGIC;
	meta->head.version = PGR_INV_VERSION;
	meta->next_generation = 1;
	meta->kind = pgr_inv_kind(index);
	meta->kind_id = meta->kind->id;
	meta->norms = meta->kind->norms;
	meta->kind->describe(index, meta);
}

/* The index goes when its configuration does. */
static void
depend_on_config(Relation index, const PgrInvMeta *meta)
{
	Oid			config = meta->kind->depends(index, meta);

	if (OidIsValid(config))
		pgr_config_record(RelationGetRelid(index), config);
}

/*
 * One segment for all rows there are. Nothing is logged page by page: the whole index
 * is, at the end.
 */
IndexBuildResult *
pgr_inv_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrSegDesc	desc = {0};
	int			workers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	init_meta(index, meta);
	pgr_inv_meta_create(index, MAIN_FORKNUM, meta);
	depend_on_config(index, meta);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_SCAN);
	workers = pgr_build_workers(heap, index, info);
	if (workers == 0 ||
		!build_parallel(heap, index, info, workers, &desc,
						&result->heap_tuples, &result->index_tuples))
		result->heap_tuples = build_serial(heap, index, info, &desc, &result->index_tuples);
	finish_index(index, &desc);
	return result;
}

/* The init fork of an unlogged index, logged: it is what a crash leaves. */
void
pgr_inv_build_empty(Relation index)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));

	init_meta(index, meta);
	pgr_inv_meta_create(index, INIT_FORKNUM, meta);
	pgr_wal_log_build(index, INIT_FORKNUM);
}

/* For pg_stat_progress_create_index. */
char *
pgr_inv_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case PHASE_SCAN:
			return "reading documents";
		case PHASE_MERGE:
			return "merging segments";
		case PHASE_LOG:
			return "writing WAL";
		default:
			return NULL;
	}
}
