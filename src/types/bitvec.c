/*
 * bitvec.c
 *		Distances of PostgreSQL's own type bit (and varbit).
 */
#include "postgres.h"

#include "base/argcache.h"
#include "types/bitvec.h"
#include "types/distance_cost.h"
#include "types/elem.h"
#include "utils/varbit.h"

/*
 * Both of the same length; the unused bits of the last byte are zero in core's
 * type, so the kernels may take whole bytes.
 */
double
pgr_bit_distance(PgrMetric metric, VarBit *a, VarBit *b)
{
	if (VARBITLEN(a) != VARBITLEN(b))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %d and %d",
						VARBITLEN(a), VARBITLEN(b))));
	if (metric == PGR_METRIC_HAMMING)
		return pgr_kernel->hamming(VARBITS(a), VARBITS(b), VARBITBYTES(a));
	return pgr_kernel->jaccard(VARBITS(a), VARBITS(b), VARBITBYTES(a));
}

PG_FUNCTION_INFO_V1(pgr_bit_hamming_distance);
Datum
pgr_bit_hamming_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pgr_bit_distance(PGR_METRIC_HAMMING,
									  (VarBit *) pgr_getarg_detoasted(fcinfo, 0),
									  (VarBit *) pgr_getarg_detoasted(fcinfo, 1)));
}

PG_FUNCTION_INFO_V1(pgr_bit_jaccard_distance);
Datum
pgr_bit_jaccard_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pgr_bit_distance(PGR_METRIC_JACCARD,
									  (VarBit *) pgr_getarg_detoasted(fcinfo, 0),
									  (VarBit *) pgr_getarg_detoasted(fcinfo, 1)));
}

PG_FUNCTION_INFO_V1(pgr_bit_within);
Datum
pgr_bit_within(PG_FUNCTION_ARGS)
{
	PgrMetric	metric = pgr_distance_by_name(PG_GETARG_TEXT_PP(3), PGR_METRICS_OF_BITS);

	PG_RETURN_BOOL(pgr_within(pgr_bit_distance(metric, PG_GETARG_VARBIT_P(0),
									   PG_GETARG_VARBIT_P(1)),
							  PG_GETARG_FLOAT8(2)));
}

PG_FUNCTION_INFO_V1(pgr_bit_distance_support);
Datum
pgr_bit_distance_support(PG_FUNCTION_ARGS)
{
	PgrValueSize size = {VARBITHDRSZ + VARHDRSZ, 1, VARBITTOTALLEN(768)};

	return pgr_distance_support(fcinfo, size);
}
