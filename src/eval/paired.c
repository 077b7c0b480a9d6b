/*
 * paired.c
 *		Is one system better than another, or lucky? Paired tests over per-topic
 *		metrics: aggregates over (a, b), both two-sided.
 *
 * paired_t_test              Student's t on the differences
 * paired_randomization_test  Fisher's: how often random signs on the differences
 *                            give a mean at least as far from 0. All 2^n sign
 *                            vectors where that is no more than the trials asked
 *                            for, else random ones from a fixed seed.
 *
 * The differences are sorted before anything is added, so that the result does
 * not depend on the order of rows, on parallel workers, or on the run.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define SEED UINT64CONST(0x7067726574726965)
#define DEFAULT_TRIALS 100000
#define MAX_TRIALS 100000000

typedef struct Pairs
{
	MemoryContext context;
	int32		trials;
	int			count;
	int			capacity;
	double	   *d;				/* a - b */
} Pairs;

/* --- state --- */

static Pairs *
pairs_make(MemoryContext context)
{
	Pairs	   *p = MemoryContextAllocZero(context, sizeof(Pairs));

	p->context = context;
	p->trials = DEFAULT_TRIALS;
	p->capacity = 64;
	p->d = MemoryContextAlloc(context, sizeof(double) * p->capacity);
	return p;
}

static void
pairs_add(Pairs *p, double d)
{
	if (p->count == p->capacity)
	{
		p->d = repalloc_huge(p->d, mul_size(sizeof(double), mul_size(p->capacity, 2)));
		p->capacity *= 2;
	}
	p->d[p->count++] = d;
}

/* (state, a float8, b float8 [, trials integer]); a pair with a NULL is left out */
PG_FUNCTION_INFO_V1(pgr_paired_add);
Datum
pgr_paired_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Pairs	   *p = PG_ARGISNULL(0) ? NULL : (Pairs *) PG_GETARG_POINTER(0);
	double		d;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "paired_add called in non-aggregate context");
	if (p == NULL)
		p = pairs_make(context);
	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
	{
		p->trials = PG_GETARG_INT32(3);
		if (p->trials < 1 || p->trials > MAX_TRIALS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("trials must be between 1 and %d", MAX_TRIALS)));
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(p);
	d = PG_GETARG_FLOAT8(1) - PG_GETARG_FLOAT8(2);
	if (isnan(d) || isinf(d))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("paired values must be finite")));
	pairs_add(p, d);
	PG_RETURN_POINTER(p);
}

PG_FUNCTION_INFO_V1(pgr_paired_combine);
Datum
pgr_paired_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Pairs	   *a = PG_ARGISNULL(0) ? NULL : (Pairs *) PG_GETARG_POINTER(0);
	Pairs	   *b = PG_ARGISNULL(1) ? NULL : (Pairs *) PG_GETARG_POINTER(1);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "paired_combine called in non-aggregate context");
	if (a == NULL && b == NULL)
		PG_RETURN_NULL();
	if (a == NULL)
		a = pairs_make(context);
	for (int i = 0; b != NULL && i < b->count; i++)
		pairs_add(a, b->d[i]);
	if (b != NULL)
		a->trials = b->trials;
	PG_RETURN_POINTER(a);
}

PG_FUNCTION_INFO_V1(pgr_paired_serialize);
Datum
pgr_paired_serialize(PG_FUNCTION_ARGS)
{
	Pairs	   *p = (Pairs *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, p->trials);
	pq_sendint32(&buf, p->count);
	for (int i = 0; i < p->count; i++)
		pq_sendfloat8(&buf, p->d[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

PG_FUNCTION_INFO_V1(pgr_paired_deserialize);
Datum
pgr_paired_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *state = PG_GETARG_BYTEA_PP(0);
	Pairs	   *p = pairs_make(CurrentMemoryContext);
	StringInfoData buf;
	int			count;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	p->trials = pq_getmsgint(&buf, 4);
	count = pq_getmsgint(&buf, 4);
	for (int i = 0; i < count; i++)
		pairs_add(p, pq_getmsgfloat8(&buf));
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(p);
}

/* --- results --- */

static int
ascending(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* A sorted copy of the differences; the state is not changed. */
static double *
sorted(const Pairs *p)
{
	double	   *d = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(sizeof(double), p->count));

	memcpy(d, p->d, sizeof(double) * p->count);
	qsort(d, p->count, sizeof(double), ascending);
	return d;
}

static double
sum(const double *d, int n)
{
	double		s = 0;

	for (int i = 0; i < n; i++)
		s += d[i];
	return s;
}

/* (pairs, mean_difference, p_value) as a row of type paired_test */
static Datum
make_result(FunctionCallInfo fcinfo, int n, double mean, bool has_p, double p)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, !has_p};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(n);
	values[1] = Float8GetDatum(mean);
	values[2] = Float8GetDatum(p);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* --- Student's t --- */

/*
 * Regularised incomplete beta function I_x(a, b), by its continued fraction
 * (Abramowitz and Stegun 26.5.8) evaluated from the front (Lentz), which converges
 * fast for x < (a + 1) / (a + b + 2); the symmetry I_x(a, b) = 1 - I_1-x(b, a)
 * covers the rest. About 14 digits.
 */
static double
incomplete_beta(double a, double b, double x)
{
	const double tiny = 1e-300;
	double		front,
				c = 1,
				d,
				f;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	if (x > (a + 1) / (a + b + 2))
		return 1 - incomplete_beta(b, a, 1 - x);

	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a;
	d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m <= 10000; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double		before = f;

		d = 1 + even * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + even / c;
		f *= c * d;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + odd / c;
		f *= c * d;
		if (fabs(f - before) <= 1e-16 * fabs(f))
			break;
	}
	return Min(front * f, 1);
}

/* P(|T| >= |t|) with n - 1 degrees of freedom */
PG_FUNCTION_INFO_V1(pgr_paired_t_final);
Datum
pgr_paired_t_final(PG_FUNCTION_ARGS)
{
	Pairs	   *p = PG_ARGISNULL(0) ? NULL : (Pairs *) PG_GETARG_POINTER(0);
	double	   *d;
	double		mean,
				variance = 0,
				t_squared,
				freedom;
	int			n;

	if (p == NULL || p->count == 0)
		PG_RETURN_NULL();
	n = p->count;
	d = sorted(p);
	mean = sum(d, n) / n;
	if (n == 1)
		return make_result(fcinfo, n, mean, false, 0);
	for (int i = 0; i < n; i++)
		variance += (d[i] - mean) * (d[i] - mean);
	variance /= n - 1;
	if (variance == 0)
		return make_result(fcinfo, n, mean, true, mean == 0 ? 1 : 0);
	freedom = n - 1;
	t_squared = mean * mean / (variance / n);
	return make_result(fcinfo, n, mean, true,
					   incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t_squared)));
}

/* --- randomisation --- */

/* Sum of the differences with the signs of bits; one word serves 64 of them. */
static double
signed_sum(const double *d, int n, uint64 (*next) (void *), void *state)
{
	double		s = 0;
	uint64		bits = 0;

	for (int i = 0; i < n; i++)
	{
		if (i % 64 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			bits = next(state);
		}
		s += (bits & 1) ? d[i] : -d[i];
		bits >>= 1;
	}
	return s;
}

static uint64
next_random(void *state)
{
	return pg_prng_uint64(state);
}

/* n <= 26: one word holds all signs, and each is taken once */
static uint64
next_counted(void *state)
{
	return (*(uint64 *) state)++;
}

PG_FUNCTION_INFO_V1(pgr_paired_randomization_final);
Datum
pgr_paired_randomization_final(PG_FUNCTION_ARGS)
{
	Pairs	   *p = PG_ARGISNULL(0) ? NULL : (Pairs *) PG_GETARG_POINTER(0);
	pg_prng_state prng;
	uint64		counter = 0;
	int64		trials,
				extreme = 0;
	double	   *d;
	double		observed,
				slack = 0;
	bool		exact;
	int			n;

	if (p == NULL || p->count == 0)
		PG_RETURN_NULL();
	n = p->count;
	d = sorted(p);
	observed = fabs(sum(d, n));
	/* sums equal but for rounding are as extreme */
	for (int i = 0; i < n; i++)
		slack += fabs(d[i]);
	slack *= n * 1e-16;

	exact = n <= 26 && (INT64CONST(1) << n) <= p->trials;
	trials = exact ? INT64CONST(1) << n : p->trials;
	pg_prng_seed(&prng, SEED);
	for (int64 i = 0; i < trials; i++)
	{
		double		s = exact ? signed_sum(d, n, next_counted, &counter) :
			signed_sum(d, n, next_random, &prng);

		extreme += fabs(s) >= observed - slack;
	}
	/* the observed signs are one more trial, unless they were counted already */
	return make_result(fcinfo, n, sum(d, n) / n, true,
					   exact ? (double) extreme / trials :
					   (double) (extreme + 1) / (trials + 1));
}
