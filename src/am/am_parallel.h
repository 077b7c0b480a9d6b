/*
 * am_parallel.h
 *		Parallel index builds: the table is scanned by the leader and workers
 *		together, which share an area of memory that the access method lays out.
 *
 * Leader: begin, fill the area, launch, scan, wait, use the area, end.
 * Worker, in a function of the library named at begin: attach, scan, detach.
 */
#ifndef PGR_AM_PARALLEL_H
#define PGR_AM_PARALLEL_H

#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "storage/sharedfileset.h"
#include "utils/rel.h"
#include "utils/resowner.h"

typedef struct PgrParallelShared PgrParallelShared;

/* One participant's view of the build. */
typedef struct PgrParallelBuild
{
	ParallelContext *context;	/* leader only */
	Snapshot	snapshot;		/* leader only */
	ResourceOwner owner;		/* leader only: of the shared memory */
	PgrParallelShared *shared;
	void	   *area;			/* 64-byte aligned */
	SharedFileSet *files;		/* temporary files of the build */
	int			participant;	/* 0 = leader, then workers */
	int			participants;	/* leader: all of them, after launch */
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	TableScanDesc scan;			/* for table_index_build_scan */
	void	   *usage;			/* worker only: where it reports what it used */
} PgrParallelBuild;

/*
 * Leader: memory for up to `workers` (> 0) workers that will run `function`.
 * False if no worker can be had, or no memory (with a NOTICE): then nothing was begun.
 */
extern bool pgr_parallel_begin(PgrParallelBuild *b, Relation heap, Relation index,
							   IndexInfo *info, int workers, const char *function,
							   Size area_size);

/*
 * Leader: starts workers, perhaps fewer than asked for or none; b->scan is the leader's own
 * share of the table. From here on the area may be changed by others.
 */
extern void pgr_parallel_launch(PgrParallelBuild *b);

/*
 * Leader: adds its own counts, waits for all workers (raising what they
 * raised) and gives the sums.
 */
extern void pgr_parallel_wait(PgrParallelBuild *b, double *heap_tuples, double *index_tuples);

/*
 * Leader: frees the shared memory with the files in it, and leaves parallel mode. b->area is
 * gone. After an error it is not called: the transaction's abort does the same.
 */
extern void pgr_parallel_end(PgrParallelBuild *b);

/*
 * Worker, first of all: opens both relations, with the leader's locks (group locking lets it
 * have them), and begins its share of the scan. b->info is built anew, in the current context.
 * From here on what it uses is counted.
 */
extern void pgr_parallel_attach(PgrParallelBuild *b, dsm_segment *seg, shm_toc *toc);

/*
 * Worker, last: adds its counts to the sums, reports what it used and closes the relations. An
 * error before goes to the leader, which raises it in pgr_parallel_wait.
 */
extern void pgr_parallel_detach(PgrParallelBuild *b, double heap_tuples, double index_tuples);

#endif							/* PGR_AM_PARALLEL_H */
