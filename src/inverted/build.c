/*
 * build.c
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
 * WorkerRun each; the leader takes part, then merges. Tokenising is most of the
 * work (about 90 %), merging is not worth sharing.
 */
#include "postgres.h"

#include <fcntl.h>

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_ts_config.h"
#include "commands/progress.h"
#include "am/am_build.h"
#include "executor/instrument.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

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

#define MAX_RUNS 1024

/* In dynamic shared memory. */
typedef struct BuildShared
{
	Oid			heaprelid;
	Oid			indexrelid;
	bool		concurrent;
	int			participants;
	SharedFileSet fileset;
	slock_t		mutex;
	ConditionVariable done;
	int			nparticipants_done;
	double		reltuples;
	double		indtuples;
	int			nruns;
	BuildRun	runs[MAX_RUNS];
	/* ParallelTableScanDesc follows */
} BuildShared;

#define BuildSharedScan(shared) \
	((ParallelTableScanDesc) ((char *) (shared) + BUFFERALIGN(sizeof(BuildShared))))

#define KEY_SHARED UINT64CONST(0xB250000000000001)
#define KEY_QUERY_TEXT UINT64CONST(0xB250000000000002)
#define KEY_WAL_USAGE UINT64CONST(0xB250000000000003)
#define KEY_BUFFER_USAGE UINT64CONST(0xB250000000000004)

/* One participant. */
typedef struct BuildState
{
	Relation	index;
	PgrInvMeta	meta;
	PgrSegShape shape;
	PgrContentSource source;
	PgrAccumulator *acc;
	Size		budget;
	double		indtuples;
	MemoryContext context;		/* of one document */
	MemoryContext runs_context; /* of what outlives it */
	BuildShared *shared;		/* NULL in a serial build */
	int			worker;
	int			nruns;			/* serial build: own runs */
	PgrSegDesc *descs;
	PgrRunMap **maps;
} BuildState;

static void
run_name(char *name, int worker, int number)
{
	snprintf(name, MAXPGPATH, "pgretrieve-%d-%d", worker, number);
}

static void
begin_state(BuildState *b, Relation index, int worker, int participants)
{
	memset(b, 0, sizeof(*b));
	b->index = index;
	pgr_inv_meta_copy(index, &b->meta);
	b->shape = pgr_inv_shape(&b->meta);
	pgr_content_source(index, &b->meta, &b->source);
	b->acc = pgr_acc_create(&b->shape, b->meta.sparse);
	/* below maintenance_work_mem's own least value a share would hold no document */
	b->budget = Max((Size) maintenance_work_mem * 1024 / participants, (Size) 1024 * 1024);
	b->worker = worker;
	b->runs_context = CurrentMemoryContext;
	b->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve document",
									   ALLOCSET_DEFAULT_SIZES);
}

static void
too_many_runs(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("maintenance_work_mem is too small for this index"),
			 errdetail("Its build would need more than %d temporary segments.", MAX_RUNS),
			 errhint("Increase maintenance_work_mem.")));
}

/* Writes what is accumulated as a temporary segment. */
static void
spill(BuildState *b)
{
	MemoryContext old = MemoryContextSwitchTo(b->runs_context);
	PgrSegDesc	desc = {0};
	PgrRunMap  *map;
	BufFile    *file = NULL;

	if (b->nruns == MAX_RUNS)
		too_many_runs();
	if (b->shared)
	{
		char		name[MAXPGPATH];

		run_name(name, b->worker, b->nruns);
		file = BufFileCreateFileSet(&b->shared->fileset.fs, name);
	}
	pgr_acc_write(b->acc, NULL, 1, PGR_RUN_TEMP, file, &desc, &map);
	if (b->shared)
	{
		int			n;

		BufFileExportFileSet(file);
		BufFileClose(file);
		SpinLockAcquire(&b->shared->mutex);
		n = b->shared->nruns;
		if (n < MAX_RUNS)
		{
			b->shared->runs[n].desc = desc;
			b->shared->runs[n].worker = b->worker;
			b->shared->runs[n].number = b->nruns;
			b->shared->nruns++;
		}
		SpinLockRelease(&b->shared->mutex);
		if (n == MAX_RUNS)
			too_many_runs();
	}
	else
	{
		if (b->descs == NULL)
		{
			b->descs = palloc(MAX_RUNS * sizeof(PgrSegDesc));
			b->maps = palloc(MAX_RUNS * sizeof(PgrRunMap *));
		}
		b->descs[b->nruns] = desc;
		b->maps[b->nruns] = map;
	}
	b->nruns++;
	MemoryContextSwitchTo(old);
}

static void
build_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull,
			   bool alive, void *arg)
{
	BuildState *b = arg;
	MemoryContext old = MemoryContextSwitchTo(b->context);

	if (isnull[0])
		pgr_acc_add(b->acc, tid, NULL);
	else
	{
		PgrLexDoc	doc;

		pgr_content_document(&b->source, values[0], &doc);
		pgr_acc_add(b->acc, tid, &doc);
	}
	b->indtuples++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(b->context);
	if (pgr_acc_memory(b->acc) > b->budget)
		spill(b);
}

/* --- the end of a build: everything becomes one segment -------------------------------- */

static void
merge_runs(Relation index, const PgrSegShape *shape, PgrSegDesc *descs, PgrRunMap **maps,
		   int n, uint32 generation, PgrSegDesc *out)
{
	PgrSegment **segs = palloc(n * sizeof(PgrSegment *));
	PgrRunMap  *map;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_MERGE);
	for (int i = 0; i < n; i++)
		segs[i] = pgr_segment_open_map(NULL, &descs[i], shape, maps[i]);
	pgr_segment_merge(index, segs, n, generation, shape, PGR_RUN_BUILDING, NULL, out, &map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
}

/* Lists the segment in the metapage and logs the whole index. */
static void
finish_index(Relation index, const PgrSegDesc *desc)
{
	PgrWalBatch batch;
	PgrInvMeta *meta;

	if (desc->ndocs + desc->nnulls > 0)
	{
		pgr_wal_begin(&batch, index, true);
		meta = pgr_inv_meta_add(&batch, index);
		meta->segments[meta->nsegments++] = *desc;
		pgr_wal_commit(&batch);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOG);
	pgr_wal_log_build(index, MAIN_FORKNUM);
}

static double
build_serial(Relation heap, Relation index, IndexInfo *info, PgrSegDesc *desc, double *indtuples)
{
	BuildState	b;
	double		reltuples;
	uint32		generation = pgr_inv_new_generation(index, true);
	PgrRunMap  *map;

	begin_state(&b, index, 0, 1);
	reltuples = table_index_build_scan(heap, index, info, false, true, build_callback, &b, NULL);
	*indtuples = b.indtuples;
	if (b.nruns == 0 && pgr_acc_ndocs(b.acc) > 0)
		pgr_acc_write(b.acc, index, generation, PGR_RUN_BUILDING, NULL, desc, &map);
	else if (b.nruns > 0)
	{
		if (pgr_acc_ndocs(b.acc) > 0)
			spill(&b);
		merge_runs(index, &b.shape, b.descs, b.maps, b.nruns, generation, desc);
	}
	pgr_acc_free(b.acc);
	return reltuples;
}

/* --- parallel --------------------------------------------------------------------------- */

/* A participant's share of the heap, in leader and workers alike. */
static void
participate(BuildShared *shared, Relation heap, Relation index, int worker,
			int participants, bool progress)
{
	BuildState	b;
	IndexInfo  *info = BuildIndexInfo(index);
	TableScanDesc scan;
	double		reltuples;

	begin_state(&b, index, worker, participants);
	b.shared = shared;
	info->ii_Concurrent = shared->concurrent;
	scan = table_beginscan_parallel(heap, BuildSharedScan(shared));
	reltuples = table_index_build_scan(heap, index, info, true, progress,
									   build_callback, &b, scan);
	if (pgr_acc_ndocs(b.acc) > 0)
		spill(&b);
	pgr_acc_free(b.acc);

	SpinLockAcquire(&shared->mutex);
	shared->reltuples += reltuples;
	shared->indtuples += b.indtuples;
	shared->nparticipants_done++;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->done);
}

PGDLLEXPORT void pgr_inv_build_worker(dsm_segment *seg, shm_toc *toc);

void
pgr_inv_build_worker(dsm_segment *seg, shm_toc *toc)
{
	BuildShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	LOCKMODE	heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE	index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	Relation	heap,
				index;
	BufferUsage *buffers;
	WalUsage   *wal;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	heap = table_open(shared->heaprelid, heap_lock);
	index = index_open(shared->indexrelid, index_lock);
	SharedFileSetAttach(&shared->fileset, seg);
	InstrStartParallelQuery();
	participate(shared, heap, index, ParallelWorkerNumber + 1, shared->participants, false);
	buffers = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	wal = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	InstrEndParallelQuery(&buffers[ParallelWorkerNumber], &wal[ParallelWorkerNumber]);
	index_close(index, index_lock);
	table_close(heap, heap_lock);
}

static BuildShared *
share_build(ParallelContext *pcxt, Relation heap, Relation index, bool concurrent,
			Snapshot snapshot)
{
	BuildShared *shared = shm_toc_allocate(pcxt->toc,
										   add_size(BUFFERALIGN(sizeof(BuildShared)),
													table_parallelscan_estimate(heap, snapshot)));

	memset(shared, 0, sizeof(BuildShared));
	shared->heaprelid = RelationGetRelid(heap);
	shared->indexrelid = RelationGetRelid(index);
	shared->concurrent = concurrent;
	SharedFileSetInit(&shared->fileset, pcxt->seg);
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->done);
	table_parallelscan_initialize(heap, BuildSharedScan(shared), snapshot);
	shm_toc_insert(pcxt->toc, KEY_SHARED, shared);
	return shared;
}

/* Room for what a worker reports; estimated before, allocated after the segment exists. */
static void
share_usage(ParallelContext *pcxt)
{
	shm_toc_insert(pcxt->toc, KEY_WAL_USAGE,
				   shm_toc_allocate(pcxt->toc, mul_size(sizeof(WalUsage), pcxt->nworkers)));
	shm_toc_insert(pcxt->toc, KEY_BUFFER_USAGE,
				   shm_toc_allocate(pcxt->toc, mul_size(sizeof(BufferUsage), pcxt->nworkers)));
	if (debug_query_string)
	{
		char	   *text = shm_toc_allocate(pcxt->toc, strlen(debug_query_string) + 1);

		strcpy(text, debug_query_string);
		shm_toc_insert(pcxt->toc, KEY_QUERY_TEXT, text);
	}
}

static void
estimate_shared(ParallelContext *pcxt, Relation heap, Snapshot snapshot)
{
	shm_toc_estimate_chunk(&pcxt->estimator,
						   add_size(BUFFERALIGN(sizeof(BuildShared)),
									table_parallelscan_estimate(heap, snapshot)));
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(sizeof(WalUsage), pcxt->nworkers));
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(sizeof(BufferUsage), pcxt->nworkers));
	shm_toc_estimate_chunk(&pcxt->estimator,
						   debug_query_string ? strlen(debug_query_string) + 1 : 0);
	shm_toc_estimate_keys(&pcxt->estimator, 4);
}

/* The leader's part once all have read the heap. */
static void
merge_shared(BuildShared *shared, Relation index, PgrSegDesc *desc)
{
	int			n = shared->nruns;
	PgrSegDesc *descs = palloc(Max(n, 1) * sizeof(PgrSegDesc));
	PgrRunMap **maps = palloc(Max(n, 1) * sizeof(PgrRunMap *));
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrSegShape shape;

	if (n == 0)
		return;
	pgr_inv_meta_copy(index, meta);
	shape = pgr_inv_shape(meta);
	for (int i = 0; i < n; i++)
	{
		char		name[MAXPGPATH];

		run_name(name, shared->runs[i].worker, shared->runs[i].number);
		descs[i] = shared->runs[i].desc;
		maps[i] = palloc0(sizeof(PgrRunMap));
		maps[i]->generation = 1;
		maps[i]->kind = PGR_PAGE_SEGMENT;
		maps[i]->npages = descs[i].npages;
		maps[i]->file = BufFileOpenFileSet(&shared->fileset.fs, name, O_RDONLY, false);
	}
	merge_runs(index, &shape, descs, maps, n, pgr_inv_new_generation(index, true), desc);
	for (int i = 0; i < n; i++)
		BufFileClose(maps[i]->file);
}

/* Waits for workers that were launched; an error in one is raised here. */
static void
await_workers(BuildShared *shared, int participants)
{
	ConditionVariablePrepareToSleep(&shared->done);
	for (;;)
	{
		int			done;

		SpinLockAcquire(&shared->mutex);
		done = shared->nparticipants_done;
		SpinLockRelease(&shared->mutex);
		if (done >= participants)
			break;
		ConditionVariableSleep(&shared->done, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

/* Adds what the workers report to the statement's usage. */
static void
count_usage(ParallelContext *pcxt)
{
	BufferUsage *buffers = shm_toc_lookup(pcxt->toc, KEY_BUFFER_USAGE, false);
	WalUsage   *wal = shm_toc_lookup(pcxt->toc, KEY_WAL_USAGE, false);

	for (int i = 0; i < pcxt->nworkers_launched; i++)
		InstrAccumParallelQuery(&buffers[i], &wal[i]);
}

/* false: no worker could be had; nothing was done. */
static bool
build_parallel(Relation heap, Relation index, IndexInfo *info, int workers,
			   PgrSegDesc *desc, double *reltuples, double *indtuples)
{
	ParallelContext *pcxt;
	BuildShared *shared;
	Snapshot	snapshot;
	bool		launched;

	EnterParallelMode();
	pcxt = CreateParallelContext("pgretrieve", "pgr_inv_build_worker", workers);
	snapshot = info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	estimate_shared(pcxt, heap, snapshot);
	InitializeParallelDSM(pcxt);
	launched = pcxt->seg != NULL;
	if (launched)
	{
		shared = share_build(pcxt, heap, index, info->ii_Concurrent, snapshot);
		share_usage(pcxt);
		shared->participants = pcxt->nworkers + 1;
		LaunchParallelWorkers(pcxt);
		launched = pcxt->nworkers_launched > 0;
	}
	if (launched)
	{
		participate(shared, heap, index, 0, shared->participants, true);
		WaitForParallelWorkersToAttach(pcxt);
		await_workers(shared, pcxt->nworkers_launched + 1);
		merge_shared(shared, index, desc);
		*reltuples = shared->reltuples;
		*indtuples = shared->indtuples;
		WaitForParallelWorkersToFinish(pcxt);
		count_usage(pcxt);
	}
	if (IsMVCCSnapshot(snapshot))
		UnregisterSnapshot(snapshot);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	return launched;
}

/* --- the access method's entry points ------------------------------------------------------ */

/* The index goes when its configuration does. */
static void
depend_on_config(Relation index, const PgrInvMeta *meta)
{
	ObjectAddress self,
				config;

	if (meta->config[0] == '\0')
		return;
	ObjectAddressSet(self, RelationRelationId, RelationGetRelid(index));
	ObjectAddressSet(config, TSConfigRelationId,
					 get_ts_config_oid(pgr_name_list(meta->config), false));
	deleteDependencyRecordsForClass(RelationRelationId, RelationGetRelid(index),
									TSConfigRelationId, DEPENDENCY_NORMAL);
	recordDependencyOn(&self, &config, DEPENDENCY_NORMAL);
}

IndexBuildResult *
pgr_inv_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrSegDesc	desc = {0};
	int			workers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	pgr_inv_meta_init(index, meta);
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

void
pgr_inv_buildempty(Relation index)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));

	pgr_inv_meta_init(index, meta);
	pgr_inv_meta_create(index, INIT_FORKNUM, meta);
	pgr_wal_log_build(index, INIT_FORKNUM);
}

char *
pgr_inv_buildphasename(int64 phase)
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
