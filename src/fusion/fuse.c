/*
 * fuse.c
 *		Adding up what several searches say of one document: reciprocal ranks
 *		(RRF) and weighted scores (convex combination).
 *
 * A document missing in a list has no rank or score there, NULL, and gets nothing
 * from it: rrf(NULL) is 0, so that rrf(a.rank) + rrf(b.rank) is right after a FULL
 * JOIN. The states are plain float8, which any executor can combine and ship.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "fmgr.h"

#define RRF_K 60.0

static double
reciprocal(int64 rank, double k)
{
	if (rank < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rank must be at least 1"),
				 errhint("Ranks count from 1, as row_number() does.")));
	if (!(k >= 0) || isinf(k))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k of reciprocal rank fusion must be finite and not negative")));
	return 1.0 / (k + rank);
}

static double
check_weight(double weight)
{
	if (!(weight >= 0) || isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight must be finite and not negative")));
	return weight;
}

/* Argument n, or a default where the overload has none. NULL raises. */
static double
float_arg(FunctionCallInfo fcinfo, int n, double otherwise)
{
	if (n >= PG_NARGS())
		return otherwise;
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("weight and k must not be null")));
	return PG_GETARG_FLOAT8(n);
}

/* rrf(rank bigint, k float8) */
PG_FUNCTION_INFO_V1(pgr_rrf);
Datum
pgr_rrf(PG_FUNCTION_ARGS)
{
	double		k = float_arg(fcinfo, 1, RRF_K);

	if (PG_ARGISNULL(0))
		PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8(reciprocal(PG_GETARG_INT64(0), k));
}

/* (sum, rank bigint [, weight float8 [, k float8]]) */
PG_FUNCTION_INFO_V1(pgr_fuse_rrf_add);
Datum
pgr_fuse_rrf_add(PG_FUNCTION_ARGS)
{
	double		weight = check_weight(float_arg(fcinfo, 2, 1));
	double		k = float_arg(fcinfo, 3, RRF_K);

	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_FLOAT8(PG_GETARG_FLOAT8(0) + weight * reciprocal(PG_GETARG_INT64(1), k));
}

/* (sum, score float8, weight float8) */
PG_FUNCTION_INFO_V1(pgr_fuse_cc_add);
Datum
pgr_fuse_cc_add(PG_FUNCTION_ARGS)
{
	double		weight = check_weight(float_arg(fcinfo, 2, 1));

	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (isnan(PG_GETARG_FLOAT8(1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must not be NaN")));
	PG_RETURN_FLOAT8(PG_GETARG_FLOAT8(0) + weight * PG_GETARG_FLOAT8(1));
}
