/*
 * hybrid_search.c
 *		hybrid_search() and profile_search(), run or shown as SQL.
 *
 * One statement does the search. It runs through SPI as the caller, with the
 * snapshot of the query that called (the functions are STABLE), so privileges,
 * row-level security and what is visible are those of a query typed by hand.
 *
 * Ties at the depth of a leg: an index orders by distance, not by (distance, key).
 * The statement asks for a few rows more than the depth and says whether the last
 * one is still as near as the last one taken; if so it runs again with more rows.
 * That costs nothing where there are no ties, and works on servers that would sort
 * a whole table for ORDER BY distance, key (before 17).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "fusion/hybrid.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/tuplestore.h"

/* rows asked for beyond a leg's depth at first, and the growth if they tie */
#define TIE_MARGIN 8
#define TIE_GROWTH 4

/* columns of a result; the statement has one more, the ties */
#define RESULT_COLUMNS 7

/* --- running and showing --- */

/* Resolves names and prepares the legs' depths; false if no leg has a query. */
static bool
prepare(PgrHybridSearch *s)
{
	ListCell   *lc;
	bool		any = false;

	pgr_hybrid_check(s);
	pgr_hybrid_resolve(s);
	if (!s->typed_row && list_length(s->key_names) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("primary key of relation \"%s\" has several columns",
						get_rel_name(s->relation)),
				 errhint("hybrid_search(NULL::relation, ...) returns rows instead of keys.")));
	foreach(lc, s->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		/* a leg alone must be able to fill the result */
		leg->depth = Max(leg->depth, s->k);
		leg->fetch = (int64) leg->depth + TIE_MARGIN;
		any = any || leg->value != NULL;
	}
	return any;
}

/*
 * Whether a leg of the result just read cut a tie; makes such legs ask for more.
 * The ties are the same in all rows; no rows have none.
 */
static bool
ties_cut(PgrHybridSearch *s)
{
	ArrayType  *array;
	Datum	   *tied;
	bool		isnull,
				any = false;
	int			n;

	if (SPI_processed == 0)
		return false;
	array = DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
											 RESULT_COLUMNS + 1, &isnull));
	deconstruct_array(array, BOOLOID, 1, true, TYPALIGN_CHAR, &tied, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		PgrHybridLeg *leg = list_nth(s->legs, i);

		if (!DatumGetBool(tied[i]))
			continue;
		leg->fetch *= TIE_GROWTH;
		any = true;
	}
	return any;
}

static void
run_search(PgrHybridSearch *s, ReturnSetInfo *rsinfo)
{
	SPI_connect();
	for (;;)
	{
		PgrSqlValues values = {.shown = false};
		char	   *sql = pgr_hybrid_statement(s, &values);

		pgr_hybrid_execute(s, sql, &values);
		if (!ties_cut(s))
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		v[RESULT_COLUMNS + 1];
		bool		nulls[RESULT_COLUMNS + 1];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, v, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, nulls);
	}
	SPI_finish();
}

static Datum
run(FunctionCallInfo fcinfo, PgrHybridSearch *s)
{
	InitMaterializedSRF(fcinfo, 0);
	if (prepare(s))
		run_search(s, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

static Datum
show(PgrHybridSearch *s)
{
	PgrSqlValues values = {.shown = true};

	s->shown = true;
	if (!prepare(s))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no leg has a query")));
	PG_RETURN_TEXT_P(cstring_to_text(pgr_hybrid_statement(s, &values)));
}

/* --- SQL-callable --- */

PG_FUNCTION_INFO_V1(pgr_hybrid_search_rows);
Datum
pgr_hybrid_search_rows(PG_FUNCTION_ARGS)
{
	return run(fcinfo, pgr_hybrid_read_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_keys);
Datum
pgr_hybrid_search_keys(PG_FUNCTION_ARGS)
{
	return run(fcinfo, pgr_hybrid_read_search(fcinfo, false));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_rows_sql);
Datum
pgr_hybrid_search_rows_sql(PG_FUNCTION_ARGS)
{
	return show(pgr_hybrid_read_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_keys_sql);
Datum
pgr_hybrid_search_keys_sql(PG_FUNCTION_ARGS)
{
	return show(pgr_hybrid_read_search(fcinfo, false));
}

PG_FUNCTION_INFO_V1(pgr_profile_search_rows);
Datum
pgr_profile_search_rows(PG_FUNCTION_ARGS)
{
	return run(fcinfo, pgr_hybrid_read_profile_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_profile_search_keys);
Datum
pgr_profile_search_keys(PG_FUNCTION_ARGS)
{
	return run(fcinfo, pgr_hybrid_read_profile_search(fcinfo, false));
}
