/*
 * plan.h
 *		Ordered index paths of our access methods, made better than the planner makes
 *		them. See README, "Paths".
 */
#ifndef PGR_AM_PLAN_H
#define PGR_AM_PLAN_H

#include "postgres.h"

#include "access/amapi.h"
#include "nodes/pathnodes.h"

/*
 * An access method's ordered paths get conditions on filter columns and distance thresholds
 * from the query's clauses. cost: its amcostestimate, by which its paths are known. Once
 * for each access method, when the library is loaded; the first installs the planner's hook.
 */
extern void pgr_plan_register(amcostestimate_function cost);

#endif							/* PGR_AM_PLAN_H */
