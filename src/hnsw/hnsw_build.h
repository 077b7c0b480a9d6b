/*
 * hnsw_build.h
 *		State of CREATE INDEX, for hnsw_build.c, hnsw_task.c, hnsw_spool.c and
 *		hnsw_part.c.
 */
#ifndef PGR_HNSW_BUILD_H
#define PGR_HNSW_BUILD_H

#include "postgres.h"

#include "am/am_parallel.h"
#include "am/spool.h"
#include "am/task.h"
#include "hnsw/hnsw.h"
#include "storage/buffile.h"

/* leader and workers; more are never asked for */
#define PGR_HNSW_MAX_PARTICIPANTS 1025

/* What all participants do together (am/task.h). */
typedef enum PgrHnswTask
{
	PGR_HNSW_TASK_SCAN = PGR_TASK_FIRST,	/* read the table */
	PGR_HNSW_TASK_PART,			/* insert the rows of a part into the graph */
	PGR_HNSW_TASK_WRITE			/* write the graph's nodes */
} PgrHnswTask;

/*
 * What all participants of a build see; in shared memory if it is parallel,
 * where the graph follows the centre.
 */
typedef struct PgrHnswBuildShared
{
	PgrHnswMeta meta;
	bool		spooling;		/* rows go to files: the graph has no room for all */
	PgrTasks	tasks;			/* taken: rows or nodes of the task */
	uint64		reported;		/* rows that the progress view counts before it */
	uint32		part;			/* the one that is being built, of the rows' division */
	uint64		part_rows;		/* rows in it */
	uint64		spooled[PGR_HNSW_MAX_PARTICIPANTS]; /* rows in each one's file */
	float		centre[FLEXIBLE_ARRAY_MEMBER];	/* the frame, if there is one */
} PgrHnswBuildShared;

/* What a build has written so far. */
typedef struct PgrHnswWritten
{
	PgrHnswId  *ids;			/* node of each row, by number, or PGR_HNSW_NO_ID; NULL: the
								 * first graph is the only one */
	double		rows;			/* about as many nodes as there will be */
	double		seen;			/* nodes so far */
	double		entries;		/* and those that became entries */
} PgrHnswWritten;

/* One participant's state. */
typedef struct PgrHnswBuild
{
	MemoryContext context;
	PgrHnswIndex *ix;
	Relation	heap;
	IndexInfo  *info;
	PgrParallelBuild *parallel; /* NULL in a serial build */
	PgrHnswBuildShared *shared;
	PgrGraph   *graph;
	PgrGraphScratch *scratch;
	BufFile    *spool;			/* rows that the graph has no room for; NULL: none yet */
	BufFile   **parts;			/* leader: files of the parts */
	uint32		nparts;			/* leader: their number */
	uint64	   *nrows;			/* leader: rows in each */
	PgrHnswWritten written;		/* leader */
	int8	   *code;			/* of the row at hand */
	char	   *row;			/* what of it goes into the index: PGR_HNSW_ROW_SIZE */
	MemoryContext row_context;
	double		heap_tuples;	/* that this participant has read */
	double		rows;			/* of them, those with a value and a distance */
} PgrHnswBuild;

/* in pg_stat_progress_create_index; 1 is core's */
typedef enum PgrHnswPhase
{
	PGR_HNSW_PHASE_SAMPLE = 2,
	PGR_HNSW_PHASE_GRAPH,
	PGR_HNSW_PHASE_WRITE,
	PGR_HNSW_PHASE_DIVIDE,
	PGR_HNSW_PHASE_PARTS,
	PGR_HNSW_PHASE_LINK
} PgrHnswPhase;

/* A row in a file; what goes into the index and its code follow. */
typedef struct PgrHnswSpoolRow
{
	PgrCode8	head;
	uint32		number;			/* in a part's file */
} PgrHnswSpoolRow;

/* --- hnsw_task.c --- */

/* A participant's state, in the current context, for an index that is about to be built. */
extern void pgr_hnsw_build_start(PgrHnswBuild *b, Relation index);

/* Makes it one of a parallel build: own scratch memory, the common graph. */
extern void pgr_hnsw_build_join(PgrHnswBuild *b, PgrParallelBuild *parallel);

/* The area that all share: where the graph is in it, and its state at the beginning. */
extern Size pgr_hnsw_build_graph_offset(const PgrHnswMeta *meta);
extern PgrGraph *pgr_hnsw_build_shared_graph(PgrHnswBuildShared *shared);
extern void pgr_hnsw_build_init_shared(PgrHnswBuildShared *shared, const PgrHnswIndex *ix,
									   bool alone);

/* a participant's scratch memory, in the current context */
extern PgrGraphScratch *pgr_hnsw_build_scratch(const PgrGraph *g);

/*
 * A participant's part of a task; the build is the argument (PgrTaskFn). Holds no lock at its
 * end. A task other than those of PgrHnswTask does nothing.
 */
extern void pgr_hnsw_build_do(int task, void *arg);

/* Tells the progress view of a phase. The leader's to call; a worker's is not shown. */
extern void pgr_hnsw_report_phase(PgrHnswPhase phase);

/* Leader, or alone: does a task with all participants. */
extern void pgr_hnsw_build_run(PgrHnswBuild *b, int task);

/* Writes the graph to pages, with all participants. */
extern void pgr_hnsw_build_write(PgrHnswBuild *b);

/* --- hnsw_spool.c: rows in files --- */

/* Writes the row at hand to this participant's file. */
extern void pgr_hnsw_spool_row(PgrHnswBuild *b, const PgrCode8 *head);

/* Makes the file readable for the leader; at the end of a participant's scan. */
extern void pgr_hnsw_spool_finish(PgrHnswBuild *b);

/*
 * Calls a function for all rows of the graph and of the participants' files, numbered, in the
 * same order each time; the row at hand is in b->row and b->code.
 */
typedef void (*PgrHnswRowFn) (PgrHnswBuild *b, const PgrHnswSpoolRow *row, void *arg);

extern void pgr_hnsw_each_row(PgrHnswBuild *b, PgrHnswRowFn fn, void *arg);

/* The files of parts of the rows, by number; and the row at hand into a file. */
extern PgrSpool pgr_hnsw_parts_spool(const PgrHnswBuild *b);
extern void pgr_hnsw_spool_write(const PgrHnswBuild *b, BufFile *file, const PgrHnswSpoolRow *row);

/*
 * Puts the row at hand into the graph under a number of the caller's; false if
 * it is full.
 */
extern bool pgr_hnsw_build_insert(PgrHnswBuild *b, const PgrCode8 *head, uint32 number);

/* Inserts rows of the part at hand, with the others, until all are taken. */
extern void pgr_hnsw_insert_part(PgrHnswBuild *b);

/* --- hnsw_part.c: more rows than memory holds --- */

/* Leader, or alone: divides the rows, then builds and writes part after part. */
extern void pgr_hnsw_build_parts(PgrHnswBuild *b);

/* --- hnsw_flush.c: from the graph in memory to pages --- */

/*
 * Writes metapage, entry pages, centre, and lists if meta says that there are any,
 * with no node yet, to a fork.
 */
extern void pgr_hnsw_write_head(PgrHnswIndex *ix, ForkNumber fork, double rows);

/*
 * Appends the nodes of a graph, in three steps: the leader numbers them, all participants
 * write them, the leader enters them in lists and offers entries. With ids, rows that have
 * a node already are not written again: in the first step that node gets the graph's
 * edges, as far as they are worth it. reported: rows that the progress view counted before
 * this graph.
 */
extern void pgr_hnsw_flush_begin(PgrHnswIndex *ix, PgrGraph *g, const PgrHnswWritten *w,
								 uint64 reported);
extern void pgr_hnsw_flush_end(PgrHnswIndex *ix, const PgrGraph *g, PgrHnswWritten *w,
							   uint64 reported);

/* taken: nodes that participants have taken, zero at first. */
extern void pgr_hnsw_flush_nodes(PgrHnswIndex *ix, const PgrGraph *g, pg_atomic_uint64 *taken,
								 uint64 reported);

/* --- hnsw_reach.c: ways to all nodes --- */

/*
 * Gives each node that no way leads to from the entries an edge from one that is
 * reached. nodes: how many there are. Build only.
 */
extern void pgr_hnsw_link_all(PgrHnswIndex *ix, double nodes);

#endif							/* PGR_HNSW_BUILD_H */
