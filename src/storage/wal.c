/*
 * wal.c
 *		Batches of page changes, one WAL record each. The only file that calls
 *		GenericXLog*.
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "base/debug_point.h"
#include "miscadmin.h"
#include "storage/storage.h"

void
pgr_wal_begin(PgrWalBatch *batch, Relation rel, bool building)
{
	batch->rel = rel;
	batch->state = building ? NULL : GenericXLogStart(rel);
	batch->n = 0;
}

Page
pgr_wal_add(PgrWalBatch *batch, Buffer buffer, bool fresh)
{
	Assert(batch->n < PGR_WAL_MAX_PAGES);
	batch->buffers[batch->n++] = buffer;
	if (batch->state == NULL)
		return BufferGetPage(buffer);
	return GenericXLogRegisterBuffer(batch->state, buffer,
									 fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
}

static void
wal_release(PgrWalBatch *batch)
{
	for (int i = 0; i < batch->n; i++)
		UnlockReleaseBuffer(batch->buffers[i]);
	batch->n = 0;
}

void
pgr_wal_commit(PgrWalBatch *batch)
{
	if (batch->state != NULL)
	{
		GenericXLogFinish(batch->state);
		PGR_DEBUG_POINT("wal-record");
	}
	else
	{
		for (int i = 0; i < batch->n; i++)
			MarkBufferDirty(batch->buffers[i]);
	}
	wal_release(batch);
}

void
pgr_wal_abort(PgrWalBatch *batch)
{
	Assert(batch->state != NULL);
	GenericXLogAbort(batch->state);
	wal_release(batch);
}

void
pgr_wal_log_build(Relation rel, ForkNumber fork)
{
	/* an init fork is logged although its relation is not */
	if (fork == INIT_FORKNUM || RelationNeedsWAL(rel))
		log_newpage_range(rel, fork, 0, RelationGetNumberOfBlocksInFork(rel, fork), true);
}
