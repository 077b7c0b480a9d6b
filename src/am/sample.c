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

#define SAMPLE_SEED 20261124

typedef struct Sampling
{
	PgrSampleFn callback;
	void	   *arg;
	int			left;			/* rows still wanted */
	MemoryContext context;		/* of one row */
} Sampling;

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Sampling   *s = arg;
	MemoryContext old;

	if (s->left <= 0)
		return;
	old = MemoryContextSwitchTo(s->context);
	s->left = s->callback(values, isnull, s->arg) ? s->left - 1 : 0;
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

	s.context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve sample",
									  ALLOCSET_DEFAULT_SIZES);

	/*
	 * As many blocks as rows: one row a block is the least there can be, unless
	 * blocks are empty. Once there are rows enough the rest is not read.
	 */
	BlockSampler_Init(&sampler, blocks, rows, SAMPLE_SEED);
	while (s.left > 0 && BlockSampler_HasMore(&sampler))
	{
		CHECK_FOR_INTERRUPTS();
		/* whatever is there will do, but a concurrent build's snapshot sees what it sees */
		table_index_build_range_scan(heap, index, info, false, !info->ii_Concurrent, false,
									 BlockSampler_Next(&sampler), 1, sample_row, &s, NULL);
	}
	MemoryContextDelete(s.context);
}
