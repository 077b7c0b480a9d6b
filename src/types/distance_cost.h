/*
 * distance_cost.h
 *		What the planner is told a distance costs.
 */
#ifndef PGR_DISTANCE_COST_H
#define PGR_DISTANCE_COST_H

#include "postgres.h"

#include "fmgr.h"

/* How large a value of a type is, in bytes, as far as its type modifier tells. */
typedef struct PgrValueSize
{
	int			header;
	int			bits_per_dim;	/* 0: the modifier tells nothing */
	int			usual;			/* where nothing is known */
} PgrValueSize;

/*
 * The share of rows that are taken to be within a radius of which nothing is known: what
 * core takes for a range between two values.
 */
#define PGR_WITHIN_SHARE 0.005

/*
 * Body of a planner support function (internal -> internal) of functions that
 * read one or two values of the type. Answers SupportRequestCost, for conditions
 * SupportRequestSelectivity, and what pgr_is_distance asks.
 */
extern Datum pgr_distance_support(FunctionCallInfo fcinfo, PgrValueSize size);

/* True if a function has such a support function. */
extern bool pgr_is_distance(Oid function);

#endif							/* PGR_DISTANCE_COST_H */
