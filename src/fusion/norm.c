/*
 * norm.c
 *		Window functions over the scores of a result list: normalisers, and where
 *		to cut the list.
 *
 * All look at the whole partition, whatever its frame: a list is normalised by its
 * own minimum, maximum or spread. What they need of it is computed at the
 * partition's first row and kept in partition-local memory. A score that is NULL,
 * NaN or infinite is not part of the list and has no normalised value (NULL).
 *
 * Formulas: src/fusion/README.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "windowapi.h"

typedef struct ListStats
{
	bool		ready;
	int64		count;			/* finite scores */
	double		min;
	double		max;
	double		mean;
	double		sd;				/* of a sample: divided by count - 1 */
} ListStats;

/* The finite score of a row of the partition; false if it has none. */
static bool
score_at(WindowObject win, int64 row, double *score)
{
	bool		isnull,
				isout;
	Datum		d = WinGetFuncArgInPartition(win, 0, row, WINDOW_SEEK_HEAD, false,
											 &isnull, &isout);

	if (isnull || isout)
		return false;
	*score = DatumGetFloat8(d);
	return !isnan(*score) && !isinf(*score);
}

static bool
current_score(WindowObject win, double *score)
{
	bool		isnull;
	Datum		d = WinGetFuncArgCurrent(win, 0, &isnull);

	if (isnull)
		return false;
	*score = DatumGetFloat8(d);
	return !isnan(*score) && !isinf(*score);
}

/* Argument n of the current row; NULL raises. */
static Datum
needed_arg(WindowObject win, int n, const char *name)
{
	bool		isnull;
	Datum		d = WinGetFuncArgCurrent(win, n, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return d;
}

/* --- normalisers --- */

/* One pass (Welford's mean and variance). */
static const ListStats *
list_stats(WindowObject win)
{
	ListStats  *s = WinGetPartitionLocalMemory(win, sizeof(ListStats));
	int64		rows;
	double		squares = 0;

	if (s->ready)
		return s;
	rows = WinGetPartitionRowCount(win);
	for (int64 i = 0; i < rows; i++)
	{
		double		x,
					delta;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (!score_at(win, i, &x))
			continue;
		s->min = s->count == 0 ? x : Min(s->min, x);
		s->max = s->count == 0 ? x : Max(s->max, x);
		s->count++;
		delta = x - s->mean;
		s->mean += delta / s->count;
		squares += delta * (x - s->mean);
	}
	s->sd = s->count > 1 ? sqrt(squares / (s->count - 1)) : 0;
	s->ready = true;
	return s;
}

/* (x - from) / (to - from), to above from; their difference may be no finite number */
static double
share_between(double x, double from, double to)
{
	if (isinf(to - from))
		return (x / 2 - from / 2) / (to / 2 - from / 2);
	return (x - from) / (to - from);
}

/* (s - min) / (max - min); 1 in a list of equal scores */
PG_FUNCTION_INFO_V1(pgr_norm_minmax);
Datum
pgr_norm_minmax(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	const ListStats *s = list_stats(win);
	double		x;

	if (!current_score(win, &x))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(s->max > s->min ? share_between(x, s->min, s->max) : 1);
}

/* (s - mean) / sd; 0 in a list of equal scores */
PG_FUNCTION_INFO_V1(pgr_norm_zscore);
Datum
pgr_norm_zscore(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	const ListStats *s = list_stats(win);
	double		x;

	if (!current_score(win, &x))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(s->sd > 0 ? (x - s->mean) / s->sd : 0);
}

/* (s - (mean - 3 sd)) / (6 sd); 0.5 in a list of equal scores */
PG_FUNCTION_INFO_V1(pgr_norm_dbsf);
Datum
pgr_norm_dbsf(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	const ListStats *s = list_stats(win);
	double		x;

	if (!current_score(win, &x))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(s->sd > 0 ? (x - s->mean) / (6 * s->sd) + 0.5 : 0.5);
}

/* (s - floor) / (max - floor), floor the least score possible; 0 if max is that */
static double
above_floor(double x, double max, double floor)
{
	return max > floor ? share_between(x, floor, max) : 0;
}

static double
floor_arg(WindowObject win, int n)
{
	double		floor = DatumGetFloat8(needed_arg(win, n, "theoretical minimum"));

	if (isnan(floor) || isinf(floor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("theoretical minimum must be finite")));
	return floor;
}

PG_FUNCTION_INFO_V1(pgr_norm_tmm);
Datum
pgr_norm_tmm(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	const ListStats *s = list_stats(win);
	double		floor = floor_arg(win, 1);
	double		x;

	if (!current_score(win, &x))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(above_floor(x, s->max, floor));
}

/* --- cuts --- */

/* up_to_k(score, k, share, floor): one of the first k, and high enough */
PG_FUNCTION_INFO_V1(pgr_up_to_k);
Datum
pgr_up_to_k(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	const ListStats *s = list_stats(win);
	int32		k = DatumGetInt32(needed_arg(win, 1, "k"));
	double		share = DatumGetFloat8(needed_arg(win, 2, "share"));
	double		floor = floor_arg(win, 3);
	double		x;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1")));
	if (!(share >= 0 && share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share must be between 0 and 1")));
	PG_RETURN_BOOL(current_score(win, &x) && WinGetCurrentPosition(win) < k &&
				   x >= floor + share * (s->max - floor));
}

typedef struct AutoCut
{
	bool		ready;
	int64		keep;			/* rows before this one are kept */
} AutoCut;

/*
 * Where the list is cut. The scores, scaled from 0 (first) to 1 (last), are
 * compared with a straight line; a jump is a row at which the excess over the
 * line has a local maximum: much was lost just before it. A row without a score
 * ends the list. (Weaviate's autocut, from its description.)
 */
static int64
find_cut(WindowObject win, int64 rows, int32 jumps)
{
	double		first,
				last = 0,
				x,
				before = 0,		/* excess of the two rows before row i */
				before2 = 0,
				here = 0;
	int64		n = 0;

	while (n < rows && score_at(win, n, &x))
	{
		last = x;
		if (++n % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (n < 2 || !score_at(win, 0, &first) || first == last)
		return n;
	for (int64 i = 1; i < n; i++)
	{
		double		next = 0;
		bool		peak;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (i == 1)
		{
			(void) score_at(win, 1, &x);
			here = (x - first) / (last - first) - 1.0 / (n - 1);
		}
		if (i < n - 1)
		{
			(void) score_at(win, i + 1, &x);
			next = (x - first) / (last - first) - (i + 1.0) / (n - 1);
			peak = here > before && here > next;
		}
		else
			peak = here > before && i >= 2 && here > before2;
		if (peak && --jumps == 0)
			return i;
		before2 = before;
		before = here;
		here = next;
	}
	return n;
}

/* autocut(score, jumps) OVER (ORDER BY score DESC): before the jump of that number */
PG_FUNCTION_INFO_V1(pgr_autocut);
Datum
pgr_autocut(PG_FUNCTION_ARGS)
{
	WindowObject win = PG_WINDOW_OBJECT();
	AutoCut    *cut = WinGetPartitionLocalMemory(win, sizeof(AutoCut));

	if (!cut->ready)
	{
		int32		jumps = DatumGetInt32(needed_arg(win, 1, "number of jumps"));

		if (jumps < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("number of jumps must be at least 1")));
		cut->keep = find_cut(win, WinGetPartitionRowCount(win), jumps);
		cut->ready = true;
	}
	PG_RETURN_BOOL(WinGetCurrentPosition(win) < cut->keep);
}
