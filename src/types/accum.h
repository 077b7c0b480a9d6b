/*
 * accum.h
 *		Transition, combine and final functions of sum and avg over dense types.
 */
#ifndef PGR_ACCUM_H
#define PGR_ACCUM_H

#include "postgres.h"

#include "fmgr.h"
#include "types/elem.h"

/* (float8[], type) -> float8[]; sum only changes a message */
extern Datum pgr_accum_add(const PgrTypeInfo *type, FunctionCallInfo fcinfo, bool sum);

/* (float8[], float8[]) -> float8[] */
extern Datum pgr_accum_combine(const PgrTypeInfo *type, FunctionCallInfo fcinfo);

/* (float8[]) -> type, NULL for no rows */
extern Datum pgr_accum_final(const PgrTypeInfo *type, FunctionCallInfo fcinfo, bool sum);

#endif							/* PGR_ACCUM_H */
