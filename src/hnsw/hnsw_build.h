/*
 * hnsw_build.h
 *		State of CREATE INDEX, for hnsw_build.c and hnsw_part.c.
 */
#ifndef PGR_HNSW_BUILD_H
#define PGR_HNSW_BUILD_H

#include "postgres.h"

#include "am/am_parallel.h"
#include "hnsw/hnsw.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/buffile.h"

/* leader and workers; more are never asked for */
#define PGR_HNSW_MAX_PARTICIPANTS 1025

/*
 * What all participants of a build see; in shared memory if it is parallel,
 * where the graph follows the centre.
 */
typedef struct PgrHnswBuildShared
{
	PgrHnswMeta meta;
	bool		has_centre;
	bool		spooling;		/* rows go to files: the graph has no room for all */
	Barrier		barrier;		/* parallel only; see hnsw_part.c */
	uint32		nparts;			/* parts that the rows were divided into */
	uint64		parts_done;		/* rows of all parts before the present one */
	uint64		part_rows;		/* of the part that is being built */
	pg_atomic_uint64 part_taken;	/* of them, those that a participant has taken */
	uint64		spooled[PGR_HNSW_MAX_PARTICIPANTS]; /* rows in each one's file */
	float		centre[FLEXIBLE_ARRAY_MEMBER];
} PgrHnswBuildShared;

/* One participant's state. */
typedef struct PgrHnswBuild
{
	MemoryContext context;
	PgrHnswIndex *ix;
	PgrParallelBuild *parallel; /* NULL in a serial build */
	PgrHnswBuildShared *shared;
	PgrGraph   *graph;
	PgrGraphScratch *scratch;
	BufFile    *spool;			/* rows that the graph has no room for; NULL: none yet */
	BufFile   **parts;			/* leader: files of the parts */
	uint64	   *nrows;			/* leader: rows in each */
	PgrHnswWritten written;		/* leader */
	int8	   *code;			/* of the row at hand */
	char	   *row;			/* what of it goes into the index: PGR_HNSW_ROW_SIZE */
	MemoryContext row_context;
	double		rows;			/* with a value and a distance */
} PgrHnswBuild;

/* --- hnsw_build.c --- */

extern void pgr_hnsw_report_phase(PgrHnswPhase phase);

/*
 * Puts the row at hand into the graph under a number of the caller's; false if
 * it is full.
 */
extern bool pgr_hnsw_build_insert(PgrHnswBuild *b, const PgrCode8 *head, uint32 number);

/* --- hnsw_part.c: more rows than memory holds --- */

/* Writes the row at hand to this participant's file. */
extern void pgr_hnsw_spool_row(PgrHnswBuild *b, const PgrCode8 *head);

/* Makes the file readable for the leader; at the end of a participant's scan. */
extern void pgr_hnsw_spool_finish(PgrHnswBuild *b);

/* Leader, or alone: divides the rows, then builds and writes part after part. */
extern void pgr_hnsw_build_parts(PgrHnswBuild *b);

/* Worker, attached to the barrier: inserts into each part, with the others. */
extern void pgr_hnsw_join_parts(PgrHnswBuild *b);

#endif							/* PGR_HNSW_BUILD_H */
