/*
 * inspect_inverted.h
 *		What bm25_check (inspect_inverted_check.c) and the comparison of rows
 *		(inspect_inverted_rows.c) share.
 */
#ifndef PGR_INSPECT_INVERTED_H
#define PGR_INSPECT_INVERTED_H

#include "inspect/rowset.h"
#include "inverted/inverted.h"

/* The first four fields are the caller's; the rest is zero. */
typedef struct PgrInvRows
{
	PgrInvView *view;			/* with all pending documents and terms */
	Relation	heap;
	void		(*report) (void *arg, const char *message);
	void	   *arg;
	PgrRowSet	rows;			/* the index's live ones */
	PgrContentSource source;
	MemoryContext context;		/* of one row */
} PgrInvRows;

/*
 * Checks the structure of all segments and takes up the rows that the index holds. In the
 * current memory context: 24 bytes a row, and for the largest segment 8 bytes a document.
 */
extern void pgr_inv_rows_collect(PgrInvRows *r);

/*
 * Compares a row of the table that belongs into the index with what that has of it;
 * for table_index_build_scan, arg: a PgrInvRows. Reports a row that is not there, or is
 * another.
 */
extern void pgr_inv_rows_compare(Relation index, ItemPointer tid, Datum *values, bool *isnull,
								 bool alive, void *arg);

#endif							/* PGR_INSPECT_INVERTED_H */
