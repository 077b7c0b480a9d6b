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

/*
 * Keys of the shared memory's table of contents. Core reserves those from 0xFFFF... on for
 * itself.
 */
#define KEY_SHARED UINT64CONST(0xB000000000000001)
#define KEY_SCAN UINT64CONST(0xB000000000000002)
#define KEY_AREA UINT64CONST(0xB000000000000003)
#define KEY_QUERY UINT64CONST(0xB000000000000004)
#define KEY_USAGE UINT64CONST(0xB000000000000005)

/*
 * What one worker used, for the statement's counters of buffers and WAL: an array of these, one
 * each, so no lock is needed.
 */
typedef struct WorkerUsage
{
	BufferUsage buffers;
	WalUsage	wal;
} WorkerUsage;

/*
 * What all participants of a build need, at KEY_SHARED of the shared memory. Written by the
 * leader before launch; afterwards only the counts change, under the spinlock.
 */
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

/*
 * Releases all that a resource owner still has and deletes it. That of a failed attempt has
 * the entry of the segment; that of a finished build has nothing any more. isCommit is false:
 * what is left must not be reported as leaked.
 */
static void
release_owner(ResourceOwner owner)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
}

/*
 * Copies the statement's text, which pg_stat_activity shows for workers, into the shared
 * memory. size includes the final zero.
 */
static void
put_query_text(ParallelContext *context, Size size)
{
	char	   *text = shm_toc_allocate(context->toc, size);

	memcpy(text, debug_query_string ? debug_query_string : "", size);
	shm_toc_insert(context->toc, KEY_QUERY, text);
}

/*
 * InitializeParallelDSM; false, and nothing is left, where the system has not as much shared
 * memory (/dev/shm of a container). A subtransaction, which is how an error is usually caught,
 * is not possible in parallel mode. The only thing that a failed attempt leaves is a segment's
 * entry with its resource owner, so it gets one of its own, which the caller releases
 * (*owner): after the segment if it was made, here if not.
 *
 * Only errors of class 53 (insufficient resources) are caught; all others, a cancel among
 * them, are raised again, and the transaction's abort releases the owner as a child of its
 * own. The error's copy is freed here, in the memory context of the call.
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

	/*
	 * From here to pgr_parallel_end no transaction id may be assigned and no command counter
	 * moved. An error needs no cleanup here: the transaction's abort leaves parallel mode,
	 * ends the workers, unregisters the snapshot and detaches the segment. What was estimated
	 * must be what is allocated below, chunk by chunk.
	 */
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
	/*
	 * fewer workers than asked for, or none, may have been started; the leader does what is
	 * left
	 */
	b->participants = b->context->nworkers_launched + 1;
	ereport(DEBUG1, (errmsg_internal("using %d parallel workers", b->context->nworkers_launched)));
	b->scan = table_beginscan_parallel(b->heap, shm_toc_lookup(b->context->toc, KEY_SCAN, false));
}

/*
 * Adds one participant's counts to the sums. The spinlock is held for two additions, without a
 * call.
 */
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

	/*
	 * Workers have added theirs before they ended. Waiting raises the first worker's error
	 * here, and can be cancelled. Usage is added after all have ended: until then they write
	 * to it.
	 */
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
