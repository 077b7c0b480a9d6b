/*
 * counters.h
 *		What index scans did: counted by an access method in a struct of its own, summed
 *		over the session, shown by EXPLAIN.
 */
#ifndef PGR_COUNTERS_H
#define PGR_COUNTERS_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/relscan.h"

/* How EXPLAIN calls a counter; NULL: it does not show it. */
typedef struct PgrCounterName
{
	const char *text;			/* in text, as name=count */
	const char *property;		/* in the other formats */
	bool		rare;			/* text leaves it out while it is zero */
} PgrCounterName;

/* An access method's counters: its struct is n uint64 and nothing else. */
typedef struct PgrCounterSet
{
	const char *label;			/* of the line in EXPLAIN's text */
	int			n;
	const PgrCounterName *names;
	uint64	   *totals;			/* of this session's scans that have ended */
	amgettuple_function scans;	/* that of the access method's scans */
	const uint64 *(*of_scan) (IndexScanDesc scan);	/* so far, with all its rescans */
} PgrCounterSet;

/* Adds what a scan has counted to the totals. At its end. */
extern void pgr_counters_add(const PgrCounterSet *set, const uint64 *scan);

/*
 * EXPLAIN ANALYZE shows the set, which must stay, below the access method's scan nodes, where
 * the server lets an extension do so. Once for each access method, when the library is
 * loaded; the first installs the hook.
 */
extern void pgr_counters_register(const PgrCounterSet *set);

#endif							/* PGR_COUNTERS_H */
