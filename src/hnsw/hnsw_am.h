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

/* registers the settings */
extern void pgr_hnsw_init(void);

/* --- hnsw_build.c --- */

extern IndexBuildResult *pgr_hnsw_build(Relation heap, Relation index, IndexInfo *info);
extern void pgr_hnsw_build_empty(Relation index);

/* --- hnsw_insert.c --- */

extern bool pgr_hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
							Relation heap, IndexUniqueCheck unique, bool unchanged,
							IndexInfo *info);

/* --- hnsw_scan.c --- */

extern IndexScanDesc pgr_hnsw_begin_scan(Relation index, int nkeys, int norderbys);
extern void pgr_hnsw_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
							ScanKey orderbys, int norderbys);
extern bool pgr_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void pgr_hnsw_end_scan(IndexScanDesc scan);

/* --- hnsw_vacuum.c --- */

extern IndexBulkDeleteResult *pgr_hnsw_bulk_delete(IndexVacuumInfo *info,
												   IndexBulkDeleteResult *stats,
												   IndexBulkDeleteCallback callback, void *state);
extern IndexBulkDeleteResult *pgr_hnsw_vacuum_cleanup(IndexVacuumInfo *info,
													  IndexBulkDeleteResult *stats);

/* --- hnsw_cost.c --- */

extern void pgr_hnsw_cost(PlannerInfo *root, IndexPath *path, double loop_count,
						  Cost *startup, Cost *total, Selectivity *selectivity,
						  double *correlation, double *pages);

#endif							/* PGR_HNSW_AM_H */
