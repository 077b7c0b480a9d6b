/*
 * argcache.h
 *		A function's arguments, detoasted once where they stay the same.
 *
 * ORDER BY column <-> (SELECT v FROM t WHERE ...), or <-> a column of an outer row, calls a
 * distance with the same out-of-line value for every row, and would fetch it as often.
 */
#ifndef PGR_ARGCACHE_H
#define PGR_ARGCACHE_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"

/* arguments that are watched */
#define PGR_ARGS_KEPT 2

/* True if both are the same bytes, as they were passed: toast pointers, compressed or plain. */
static inline bool
pgr_same_image(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

/* pgr_getarg_detoasted of an argument that is out of line or compressed. */
extern struct varlena *pgr_arg_kept(FunctionCallInfo fcinfo, int arg);

/*
 * Argument arg, less than PGR_ARGS_KEPT, detoasted: in the current context, or, from the
 * second call in turn with the same out-of-line or compressed value on, in fn_mcxt until
 * another comes. Read only. Takes fn_extra for itself.
 */
static inline struct varlena *
pgr_getarg_detoasted(FunctionCallInfo fcinfo, int arg)
{
	struct varlena *v = (struct varlena *) PG_GETARG_POINTER(arg);

	if (likely(VARATT_IS_4B_U(v)))
		return v;
	if (VARATT_IS_EXTERNAL_ONDISK(v) || VARATT_IS_4B_C(v))
		return pgr_arg_kept(fcinfo, arg);
	return PG_DETOAST_DATUM(PointerGetDatum(v));
}

#endif							/* PGR_ARGCACHE_H */
