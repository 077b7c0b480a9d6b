/*
 * bm25_scan.h
 *		Scans of bm25, as inv_scan.c runs them.
 */
#ifndef PGR_BM25_SCAN_H
#define PGR_BM25_SCAN_H

#include "inverted/inv_kind.h"
#include "inverted/inv_scan.h"

/* Of PgrInvKind: begin and next. */
extern bool pgr_bm25_begin_scan(IndexScanDesc scan);
extern bool pgr_bm25_next(IndexScanDesc scan);

#endif							/* PGR_BM25_SCAN_H */
