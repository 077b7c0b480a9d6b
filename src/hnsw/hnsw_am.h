/*
 * hnsw_am.h
 *		The access method as the server and the rest of the library see it: options,
 *		settings, counters, and the functions of its handler.
 */
#ifndef PGR_HNSW_AM_H
#define PGR_HNSW_AM_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "am/counters.h"
#include "hnsw/hnsw.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#define PGR_HNSW_DEFAULT_M 16
#define PGR_HNSW_DEFAULT_EF_CONSTRUCTION 64

/*
 * The options of WITH (...), as build_reloptions fills them in: its layout is named in
 * hnsw_am.c.
 */
typedef struct PgrHnswOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int			m;
	int			ef_construction;
	int			storage;		/* PgrVecStorage */
	int			code_bits;
} PgrHnswOptions;

/* settings; hnsw_am.c */
extern int	pgr_hnsw_ef_search;
extern int	pgr_hnsw_iterative_scan;	/* PgrOrderMode */
extern int	pgr_hnsw_max_scan_tuples;
extern double pgr_hnsw_scan_mem_multiplier;
extern bool pgr_hnsw_rerank;

/* of this session's scans that have ended; hnsw_scan.c */
extern PgrHnswCounters pgr_hnsw_counters;
extern const PgrCounterSet pgr_hnsw_counter_set;

/*
 * Registers options, settings, the planner's hook and counters. Once, when the library is
 * loaded.
 */
extern void pgr_hnsw_init(void);

/* --- hnsw_build.c --- */

/*
 * ambuild: builds and writes the index, with workers if the planner grants them. The caller
 * has both relations open and locked (CREATE INDEX). The result is palloc'd in the current
 * context, and all other memory is freed. Raises where options or the column do not fit, or
 * memory or disk end; nothing has to be given back then.
 */
extern IndexBuildResult *pgr_hnsw_build(Relation heap, Relation index, IndexInfo *info);

/*
 * ambuildempty: the init fork of an unlogged index, with no frame, and one list where there
 * are filter columns; logged.
 */
extern void pgr_hnsw_build_empty(Relation index);

/* --- hnsw_insert.c --- */

/*
 * aminsert: one row; false, since nothing is unique. No buffer is locked on entry or exit.
 * Memory is kept in info->ii_Context over the statement's rows. May be cancelled at any time:
 * what is there then is of a row that no snapshot sees, and VACUUM removes it.
 */
extern bool pgr_hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
							Relation heap, IndexUniqueCheck unique, bool unchanged,
							IndexInfo *info);

/* --- hnsw_scan.c --- */

/*
 * The functions of an index scan. Between two calls a scan holds at most the pin of the heap
 * page that it ranked last, and no lock. State is in contexts of the scan's own, below the one
 * that is current at the beginning, and is freed by pgr_hnsw_end_scan. get_tuple goes forward
 * only and can be cancelled.
 */
extern IndexScanDesc pgr_hnsw_begin_scan(Relation index, int nkeys, int norderbys);
extern void pgr_hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
							ScanKey orderbys, int norderbys);
extern bool pgr_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void pgr_hnsw_end_scan(IndexScanDesc scan);

/* --- hnsw_vacuum.c --- */

/*
 * VACUUM (README, "Vacuum"): removes the rows that the callback names, and at the end, where
 * rows have become many more, makes new lists. stats: NULL before the first call, palloc'd
 * there. One node's page is locked at a time; both sleep as the cost limit says and may be
 * cancelled at any page.
 */
extern IndexBulkDeleteResult *pgr_hnsw_bulk_delete(IndexVacuumInfo *info,
												   IndexBulkDeleteResult *stats,
												   IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *pgr_hnsw_vacuum_cleanup(IndexVacuumInfo *info,
													  IndexBulkDeleteResult *stats);

/* --- hnsw_cost.c --- */

/*
 * amcostestimate. Costs are infinite where there is not exactly one ORDER BY operator, or the
 * query asks for rows without a vector. From the catalog and settings alone: the index is not
 * read.
 */
extern void pgr_hnsw_cost(PlannerInfo *root, IndexPath *path, double loop_count,
						  Cost *startup, Cost *total, Selectivity *selectivity,
						  double *correlation, double *pages);

#endif							/* PGR_HNSW_AM_H */
