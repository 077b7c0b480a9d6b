/*
 * inv_spill.c
 *		Any number of documents into one segment, within a budget: an accumulator
 *		that is written as a temporary segment whenever it is full, and the merge of
 *		these. For seals and builds.
 *
 * Files are temporary files of the resource owner: an error leaves none. Nothing is
 * locked.
 */
#include "postgres.h"

#include "inverted/inverted.h"
#include "miscadmin.h"

/* temporary segments that are open at a time; as many become one */
#define MAX_RUNS 64

struct PgrSpill
{
	PgrSegShape shape;
	Size		budget;
	MemoryContext context;
	PgrAccumulator *acc;
	uint64		ndocs;
	int			nruns;
	PgrSegDesc	descs[MAX_RUNS];
	PgrRunMap  *maps[MAX_RUNS];
};

/* The budget is for what is accumulated; merging takes more, a few buffers a run. */
PgrSpill *
pgr_spill_begin(const PgrSegShape *shape, const PgrInvKind *kind, Size budget)
{
	PgrSpill   *spill = palloc0(sizeof(PgrSpill));

	spill->shape = *shape;
	spill->budget = budget;
	spill->context = CurrentMemoryContext;
	spill->acc = pgr_acc_create(shape, kind);
	return spill;
}

/* Temporary segments have no relation: they are read by their maps, from their files. */
void
pgr_spill_merge(Relation index, const PgrSegShape *shape, PgrSegDesc *descs, PgrRunMap **maps,
				int n, uint32 generation, PgrRunTarget target, PgrSegDesc *desc, PgrRunMap **map)
{
	PgrSegment **segs = palloc(n * sizeof(PgrSegment *));

	for (int i = 0; i < n; i++)
		segs[i] = pgr_segment_open_map(NULL, &descs[i], shape, maps[i]);
	pgr_segment_merge(index, segs, n, generation, shape, target, NULL, desc, map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
	pfree(segs);
}

/* Merges all runs, into a run or into the index, and closes their files. */
static void
merge_runs(PgrSpill *spill, Relation index, uint32 generation, PgrRunTarget target,
		   PgrSegDesc *desc, PgrRunMap **map)
{
	pgr_spill_merge(index, &spill->shape, spill->descs, spill->maps, spill->nruns, generation,
					target, desc, map);
	for (int i = 0; i < spill->nruns; i++)
		BufFileClose(spill->maps[i]->file);
	spill->nruns = 0;
}

/*
 * Writes what is accumulated as a temporary segment, in the spill's memory context;
 * its file is open until merged. The first MAX_RUNS runs become one before there is
 * another.
 */
static void
write_run(PgrSpill *spill)
{
	MemoryContext old = MemoryContextSwitchTo(spill->context);
	PgrSegDesc	desc = {0};
	PgrRunMap  *map;

	if (spill->nruns == MAX_RUNS)
	{
		merge_runs(spill, NULL, 1, PGR_RUN_TEMP, &desc, &map);
		spill->descs[0] = desc;
		spill->maps[0] = map;
		spill->nruns = 1;
		memset(&desc, 0, sizeof(desc));
	}
	pgr_acc_write(spill->acc, NULL, 1, PGR_RUN_TEMP, NULL, &desc, &map);
	spill->descs[spill->nruns] = desc;
	spill->maps[spill->nruns++] = map;
	MemoryContextSwitchTo(old);
}

/* The accumulator may exceed the budget by one document. */
void
pgr_spill_add(PgrSpill *spill, ItemPointer tid, const PgrLexDoc *doc)
{
	pgr_acc_add(spill->acc, tid, doc);
	spill->ndocs++;
	if (pgr_acc_memory(spill->acc) > spill->budget)
		write_run(spill);
}

/* What fits the budget goes straight into the index, without a file. */
void
pgr_spill_finish(PgrSpill *spill, Relation index, uint32 generation, PgrRunTarget target,
				 PgrSegDesc *desc)
{
	MemoryContext old = MemoryContextSwitchTo(spill->context);
	PgrRunMap  *map;

	if (spill->nruns > 0 && pgr_acc_ndocs(spill->acc) > 0)
		write_run(spill);
	if (spill->nruns > 0)
		merge_runs(spill, index, generation, target, desc, &map);
	else if (spill->ndocs > 0)
		pgr_acc_write(spill->acc, index, generation, target, NULL, desc, &map);
	pgr_acc_free(spill->acc);
	pfree(spill);
	MemoryContextSwitchTo(old);
}
