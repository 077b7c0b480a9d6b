/*
 * nearest.h
 *		The scan node for exact search: what planner and executor share.
 */
#ifndef PGR_NEAREST_H
#define PGR_NEAREST_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/extensible.h"

/* The name in EXPLAIN, and by which workers find the methods. */
#define PGR_NEAREST_NAME "Nearest"

/* A distance, taken apart. */
typedef struct PgrNearestCall
{
	Oid			function;
	Oid			collation;
	AttrNumber	column;
	bool		column_first;
	Node	   *other;			/* without columns of the relation */
} PgrNearestCall;

/* A plan's custom_exprs is (the distance), its custom_private (k as Integer). */
extern const CustomScanMethods pgr_nearest_scan_methods;

/*
 * Takes a distance apart; false if it is no call of two arguments one of which is a
 * column of range table entry rel.
 */
extern bool pgr_nearest_split(Node *distance, Index rel, PgrNearestCall *call);

/* Defines the setting and chains into the planner. */
extern void pgr_exact_init(void);

#endif							/* PGR_NEAREST_H */
