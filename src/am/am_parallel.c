/*
 * am_parallel.c
 *		Parallel index builds: what core's nbtsort.c does for B-trees, for any
 *		access method.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "am/am_parallel.h"
#include "base/debug_point.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* keys of the shared memory's table of contents */
#define KEY_SHARED UINT64CONST(0xB000000000000001)
#define KEY_SCAN UINT64CONST(0xB000000000000002)
#define KEY_AREA UINT64CONST(0xB000000000000003)
#define KEY_QUERY UINT64CONST(0xB000000000000004)
#define KEY_USAGE UINT64CONST(0xB000000000000005)

/* What a worker used, for the statement's counters. */
typedef struct WorkerUsage
{
	BufferUsage buffers;
	WalUsage	wal;
} WorkerUsage;

struct PgrParallelShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
	SharedFileSet files;
	slock_t		mutex;			/* protects what follows */
	double		heap_tuples;
	double		index_tuples;
};

static void
release_owner(ResourceOwner owner)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
}

static void
put_query_text(ParallelContext *context, Size size)
{
	char	   *text = shm_toc_allocate(context->toc, size);

	memcpy(text, debug_query_string ? debug_query_string : "", size);
	shm_toc_insert(context->toc, KEY_QUERY, text);
}

/*
 * InitializeParallelDSM; false, and nothing is left, where the system has not as much
 * shared memory (/dev/shm of a container). A subtransaction is not possible in parallel
 * mode; the only thing that a failed attempt leaves is a segment's entry with its resource
 * owner, so it gets one of its own. *owner: that of the segment, to be deleted after it.
 */
static bool
make_shared_memory(ParallelContext *context, ResourceOwner *owner)
{
	ResourceOwner old_owner = CurrentResourceOwner;
	MemoryContext old = CurrentMemoryContext;
	volatile bool made = true;

	*owner = ResourceOwnerCreate(old_owner, "pgretrieve parallel build");
	CurrentResourceOwner = *owner;
	PG_TRY();
	{
		PGR_DEBUG_POINT("parallel-memory");
		InitializeParallelDSM(context);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INSUFFICIENT_RESOURCES)
			PG_RE_THROW();
		FlushErrorState();
		ereport(NOTICE,
				(errmsg("the index is built by one process, because there is not enough shared memory for more"),
				 errdetail_internal("%s", error->message)));
		FreeErrorData(error);
		made = false;
	}
	PG_END_TRY();
	CurrentResourceOwner = old_owner;
	if (!made)
		release_owner(*owner);
	return made;
}

bool
pgr_parallel_begin(PgrParallelBuild *b, Relation heap, Relation index, IndexInfo *info,
				   int workers, const char *function, Size area_size)
{
	ParallelContext *context;
	ParallelTableScanDesc scan;
	Snapshot	snapshot = SnapshotAny;
	ResourceOwner owner;
	bool		made;
	Size		query_size = strlen(debug_query_string ? debug_query_string : "") + 1;

	EnterParallelMode();
	context = CreateParallelContext("pgretrieve", function, workers);
	if (info->ii_Concurrent)
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
	shm_toc_estimate_chunk(&context->estimator, sizeof(PgrParallelShared));
	shm_toc_estimate_chunk(&context->estimator, table_parallelscan_estimate(heap, snapshot));
	shm_toc_estimate_chunk(&context->estimator, add_size(area_size, 64));
	shm_toc_estimate_chunk(&context->estimator, query_size);
	shm_toc_estimate_chunk(&context->estimator,
						   mul_size(context->nworkers, sizeof(WorkerUsage)));
	shm_toc_estimate_keys(&context->estimator, 5);
	made = make_shared_memory(context, &owner);
	if (context->seg == NULL)
	{
		if (IsMVCCSnapshot(snapshot))
			UnregisterSnapshot(snapshot);
		DestroyParallelContext(context);
		ExitParallelMode();
		if (made)
			release_owner(owner);
		return false;
	}

	memset(b, 0, sizeof(*b));
	b->context = context;
	b->owner = owner;
	b->snapshot = snapshot;
	b->heap = heap;
	b->index = index;
	b->info = info;
	b->shared = shm_toc_allocate(context->toc, sizeof(PgrParallelShared));
	memset(b->shared, 0, sizeof(PgrParallelShared));
	b->shared->heap = RelationGetRelid(heap);
	b->shared->index = RelationGetRelid(index);
	b->shared->concurrent = info->ii_Concurrent;
	SpinLockInit(&b->shared->mutex);
	SharedFileSetInit(&b->shared->files, context->seg);
	b->files = &b->shared->files;
	scan = shm_toc_allocate(context->toc, table_parallelscan_estimate(heap, snapshot));
	table_parallelscan_initialize(heap, scan, snapshot);
	b->area = shm_toc_allocate(context->toc, add_size(area_size, 64));
	shm_toc_insert(context->toc, KEY_SHARED, b->shared);
	shm_toc_insert(context->toc, KEY_SCAN, scan);
	shm_toc_insert(context->toc, KEY_AREA, b->area);
	put_query_text(context, query_size);
	shm_toc_insert(context->toc, KEY_USAGE,
				   shm_toc_allocate(context->toc,
									mul_size(context->nworkers, sizeof(WorkerUsage))));
	b->area = (void *) TYPEALIGN(64, b->area);
	return true;
}

void
pgr_parallel_launch(PgrParallelBuild *b)
{
	LaunchParallelWorkers(b->context);
	b->participants = b->context->nworkers_launched + 1;
	ereport(DEBUG1, (errmsg_internal("using %d parallel workers", b->context->nworkers_launched)));
	b->scan = table_beginscan_parallel(b->heap, shm_toc_lookup(b->context->toc, KEY_SCAN, false));
}

static void
add_counts(PgrParallelShared *shared, double heap_tuples, double index_tuples)
{
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	shared->index_tuples += index_tuples;
	SpinLockRelease(&shared->mutex);
}

void
pgr_parallel_wait(PgrParallelBuild *b, double *heap_tuples, double *index_tuples)
{
	WorkerUsage *usage = shm_toc_lookup(b->context->toc, KEY_USAGE, false);

	add_counts(b->shared, *heap_tuples, *index_tuples);
	WaitForParallelWorkersToFinish(b->context);
	for (int i = 0; i < b->context->nworkers_launched; i++)
		InstrAccumParallelQuery(&usage[i].buffers, &usage[i].wal);
	*heap_tuples = b->shared->heap_tuples;
	*index_tuples = b->shared->index_tuples;
}

void
pgr_parallel_end(PgrParallelBuild *b)
{
	if (IsMVCCSnapshot(b->snapshot))
		UnregisterSnapshot(b->snapshot);
	DestroyParallelContext(b->context);
	ExitParallelMode();
	release_owner(b->owner);
}

void
pgr_parallel_attach(PgrParallelBuild *b, dsm_segment *seg, shm_toc *toc)
{
	memset(b, 0, sizeof(*b));
	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	b->shared = shm_toc_lookup(toc, KEY_SHARED, false);
	b->area = (void *) TYPEALIGN(64, shm_toc_lookup(toc, KEY_AREA, false));
	b->files = &b->shared->files;
	SharedFileSetAttach(b->files, seg);
	b->participant = ParallelWorkerNumber + 1;
	b->heap = table_open(b->shared->heap,
						 b->shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	b->index = index_open(b->shared->index,
						  b->shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	b->info = BuildIndexInfo(b->index);
	b->info->ii_Concurrent = b->shared->concurrent;
	b->scan = table_beginscan_parallel(b->heap, shm_toc_lookup(toc, KEY_SCAN, false));
	b->usage = (WorkerUsage *) shm_toc_lookup(toc, KEY_USAGE, false) + ParallelWorkerNumber;
	InstrStartParallelQuery();
}

void
pgr_parallel_detach(PgrParallelBuild *b, double heap_tuples, double index_tuples)
{
	WorkerUsage *usage = b->usage;

	InstrEndParallelQuery(&usage->buffers, &usage->wal);
	add_counts(b->shared, heap_tuples, index_tuples);
	index_close(b->index, b->shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	table_close(b->heap, b->shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
}
