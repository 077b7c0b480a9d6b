/*
 * radius.h
 *		A distance threshold beside an order by that distance: how it gets from the
 *		query to an index scan. See README, "Thresholds".
 */
#ifndef PGR_RADIUS_H
#define PGR_RADIUS_H

#include "postgres.h"

#include "access/skey.h"
#include "nodes/pathnodes.h"

/*
 * The strategy, in a family of vectors, of the operator ~<= (type, float8): what the
 * scan is ordered by is at most the radius.
 */
#define PGR_RADIUS_STRATEGY 2

/*
 * An ordered path's better, with conditions on its distance from the query's clauses, in the
 * planner's memory context; NULL if no clause bounds it. See plan.h.
 */
extern Path *pgr_radius_path(PlannerInfo *root, RelOptInfo *rel, IndexPath *path);

/* Whether a condition of a path is such a radius: the operator ~<= on the first column. */
extern bool pgr_is_radius(const IndexClause *clause);

/*
 * Of such a condition, the share of the table's rows that are within it, for the cost
 * function.
 */
extern Selectivity pgr_radius_selectivity(const IndexClause *clause);

/*
 * What the conditions on the distance of one scan come to: several radii count as the least.
 */
typedef struct PgrRadius
{
	double		at_most;		/* rounded outwards; infinite: no bound */
	bool		none;			/* no row can pass */
	bool		whole;			/* the planner expects the scan to be read to its end */
} PgrRadius;

/*
 * Takes the radius out of a scan's keys: copies the others to rest, which has room for
 * all, and returns their number.
 */
extern int	pgr_radius_take(const ScanKeyData *keys, int nkeys, PgrRadius *radius,
							ScanKey rest);

#endif							/* PGR_RADIUS_H */
