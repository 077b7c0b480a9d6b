/*
 * inv_scan.h
 *		State of a scan of bm25 or inverted. Private to the files of
 *		scans: inv_scan*.c, bm25_scan.c, sparse_*.c.
 */
#ifndef PGR_INV_SCAN_H
#define PGR_INV_SCAN_H

#include "access/relscan.h"
#include "inverted/inverted.h"

/* Rows in the order in which they will be returned, without a score. */
typedef struct PgrTidList
{
	ItemPointerData *tids;
	bool		with_hashes;
	uint64	   *hashes;			/* of the rows' contents, if with_hashes */
	uint32		n;
	uint32		size;
	uint32		at;				/* next to return */
} PgrTidList;

/* What remains to be returned, in this order. */
typedef enum PgrScanPhase
{
	PGR_SCAN_START,
	PGR_SCAN_HITS,				/* scored rows, a batch at a time */
	PGR_SCAN_REST,				/* rows of score 0, one source at a time */
	PGR_SCAN_NULLS,
	PGR_SCAN_END
} PgrScanPhase;

/*
 * A scan, from its first row to the next rescan. `view` is open and `pinned` held
 * from PGR_SCAN_START on; both are of the scan's snapshot. at <= top.n <= batch.
 */
typedef struct PgrInvScan
{
	MemoryContext context;		/* of one rescan; all that follows */
	const PgrInvKind *kind;
	PgrContentSource source;	/* bm25 */
	bool		nothing;		/* a condition is NULL: no row qualifies */

	/* conditions */
	PgrQuery  **filters;
	int			nfilters;
	bool		recheck;		/* conditions are not exact */

	/* order */
	bool		ordered;
	bool		null_order;		/* ORDER BY ... <@> NULL */
	bool		unknown_order;	/* another index's query: the executor sorts */
	PgrPinned  *pinned;

	PgrInvView *view;
	PgrScanPhase phase;
	MemoryContext batch_context;
	PgrTopK		top;			/* PGR_SCAN_HITS: the current batch */
	int			at;				/* next of it */
	int			batch;			/* its size when it was asked for */
	int			first_batch;	/* rows that the query says it needs, 0: it does not */
	uint64	  **returned;		/* bit sets of documents by segment, once needed */
	uint32		rest_source;	/* PGR_SCAN_REST: next source ... */
	uint32		rest_doc;		/* ... and document of it */
	PgrTidList	tids;			/* of the phase */

	struct PgrSparseScan *sparse;	/* sparse_scan.c */
} PgrInvScan;

/* --- inv_scan_rest.c --- */

extern void pgr_tids_add(PgrTidList *list, ItemPointer tid, uint64 hash);

/*
 * The row's distance. Where segments have no positions and the query has a
 * phrase, scores are upper bounds: the executor then scores rows itself and puts
 * them in order, which it can do because no distance is above the true one.
 */
extern void pgr_scan_set_order(IndexScanDesc scan, double score, bool null);

/* Do all conditions hold for a pending document? */
extern bool pgr_scan_pending_matches(PgrInvScan *s, const PgrPendingDoc *d);

/* Marks documents of the current batch as returned. */
extern void pgr_scan_mark(PgrInvScan *s, uint32 source, uint32 doc);

/* Documents looked at before rows without a match go out: a LIMIT needs few of them. */
#define PGR_SCAN_STEP 1024

/*
 * The next rows from rest_source and rest_doc on that satisfy the filters (a step
 * of all rows, if there is no filter), NULL rows not among them; moves on. With
 * unmarked, only rows that the scored phase did not return. May add none.
 */
extern void pgr_scan_collect(PgrInvScan *s, bool unmarked, PgrTidList *list);
extern void pgr_scan_collect_nulls(PgrInvScan *s, PgrTidList *list);

/* --- sparse_scan.c --- */

/* Sets the order; opens the view, and what reads the table. */
extern void pgr_sparse_rescan(IndexScanDesc scan, ScanKey orderby);
/* false at the end of rows with a score; sets the tid and the order-by value */
extern bool pgr_sparse_next(IndexScanDesc scan);
extern void pgr_sparse_end(PgrInvScan *s);

#endif							/* PGR_INV_SCAN_H */
