/*
 * sample.c
 *		A sample of the rows an index is built from: whole heap blocks, because
 *		reading one row costs as much as reading all of its block.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/sample.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

/* The same blocks for the same table, so that a build can be repeated. Any number would do. */
#define SAMPLE_SEED 20261124

/*
 * State of one sample, shared between the loop over blocks and the callback of the heap scan.
 */
typedef struct Sampling
{
	PgrSampleFn callback;
	void	   *arg;
	int			left;			/* rows still wanted */
	int			quota;			/* of them from the block at hand */
	MemoryContext context;		/* of one row */
} Sampling;

/*
 * Called by the heap scan for each row of a block, with the heap page unlocked; values are in
 * the scan's memory of one row. Passes the row on until the block's quota is used up, in a
 * context that is reset after each, so that a detoasted value does not stay. There is no way
 * to end table_index_build_range_scan early, so the rest of the block is read in vain.
 */
static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Sampling   *s = arg;
	MemoryContext old;

	if (s->quota <= 0)
		return;
	s->quota--;
	old = MemoryContextSwitchTo(s->context);
	if (s->callback(values, isnull, s->arg))
		s->left--;
	else
		s->left = s->quota = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->context);
}

void
pgr_sample_rows(Relation heap, Relation index, IndexInfo *info, int rows,
				PgrSampleFn callback, void *arg)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(heap);
	Sampling	s = {callback, arg, rows};
	BlockSamplerData sampler;
	BlockNumber more;			/* blocks to come */

	s.context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve sample",
									  ALLOCSET_DEFAULT_SIZES);

	/*
	 * As many blocks as rows, and from each only its share of those that are still
	 * wanted: tables are often sorted, and the first blocks alone are of one kind.
	 */
	more = BlockSampler_Init(&sampler, blocks, rows, SAMPLE_SEED);
	for (; s.left > 0 && BlockSampler_HasMore(&sampler); more--)
	{
		CHECK_FOR_INTERRUPTS();
		s.quota = (s.left - 1) / (int) more + 1;
		/* whatever is there will do, but a concurrent build's snapshot sees what it sees */
		table_index_build_range_scan(heap, index, info, false, !info->ii_Concurrent, false,
									 BlockSampler_Next(&sampler), 1, sample_row, &s, NULL);
	}
	MemoryContextDelete(s.context);
}
