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

#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "fusion/hybrid.h"
#include "base/deparse.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/tuplestore.h"

/* rows asked for beyond a leg's depth at first, and the growth if they tie */
#define TIE_MARGIN 8
#define TIE_GROWTH 4

/* columns of a result; the statement has one more, the ties */
#define RESULT_COLUMNS 7

/* --- arguments --- */

/* The text argument n; NULL raises. */
static char *
needed_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The relation whose row type argument 0 has. */
static Oid
relation_of_row(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relation = OidIsValid(type) ? get_typ_typrelid(getBaseType(type)) : InvalidOid;

	if (!OidIsValid(relation) || get_rel_relkind(relation) == RELKIND_COMPOSITE_TYPE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("first argument must have the row type of a relation"),
				 errhint("Such as hybrid_search(NULL::docs, ...).")));
	return relation;
}

/* k, filter, where_sql, where_values from argument n on; k may be NULL if set */
static void
read_common(FunctionCallInfo fcinfo, int n, PgrHybridSearch *s)
{
	if (!PG_ARGISNULL(n))
		s->k = pgr_hybrid_count(PG_GETARG_INT64(n));
	if (!PG_ARGISNULL(n + 1))
		s->filters = lappend(s->filters, PG_GETARG_JSONB_P(n + 1));
	s->where_sql = PG_ARGISNULL(n + 2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n + 2));
	s->where_values = PG_ARGISNULL(n + 3) ? NULL : PG_GETARG_ARRAYTYPE_P(n + 3);
}

/*
 * The rerank's weight, argument n. The functions of 1.0, which have none, let the rerank
 * replace the fused order.
 */
static void
read_rerank_weight(FunctionCallInfo fcinfo, int n, PgrHybridSearch *s)
{
	double		weight = 1;

	if (PG_NARGS() <= n)
		s->rerank_weight = weight;
	else if (PG_ARGISNULL(n))
		pgr_hybrid_set_rerank_weight(s, NULL);
	else
	{
		weight = PG_GETARG_FLOAT8(n);
		pgr_hybrid_set_rerank_weight(s, &weight);
	}
}

static PgrHybridSearch *
make_search(FunctionCallInfo fcinfo, bool typed_row)
{
	PgrHybridSearch *s = palloc0(sizeof(PgrHybridSearch));

	s->extension = getExtensionOfObject(ProcedureRelationId, fcinfo->flinfo->fn_oid);
	s->schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	s->typed_row = typed_row;
	if (typed_row)
		s->relation = relation_of_row(fcinfo);
	else
	{
		if (PG_ARGISNULL(0))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("relation must not be null")));
		s->relation = PG_GETARG_OID(0);
	}
	return s;
}

/*
 * (row, legs, k, filter, where_sql, where_values, method, rrf_k, norm, rerank, key[],
 * rerank_weight) or (relation, key, legs, k, ... rerank, rerank_weight)
 */
static PgrHybridSearch *
read_search(FunctionCallInfo fcinfo, bool typed_row)
{
	PgrHybridSearch *s = make_search(fcinfo, typed_row);
	int			n = typed_row ? 1 : 2;

	if (!typed_row)
		s->key_names = list_make1(needed_text(fcinfo, 1, "key"));
	else if (!PG_ARGISNULL(10))
		s->key_names = pgr_hybrid_read_key(PG_GETARG_ARRAYTYPE_P(10));
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("legs must not be null")));
	s->legs = pgr_hybrid_read_legs(PG_GETARG_ARRAYTYPE_P(n));
	read_common(fcinfo, n + 1, s);
	s->method = pgr_hybrid_method(needed_text(fcinfo, n + 5, "method"));
	s->rrf_k = PG_ARGISNULL(n + 6) ? -1 : PG_GETARG_FLOAT8(n + 6);
	s->norm = pgr_hybrid_norm(needed_text(fcinfo, n + 7, "norm"));
	if (!PG_ARGISNULL(n + 8))
		s->rerank = pgr_hybrid_read_leg(PG_GETARG_DATUM(n + 8), "rerank");
	read_rerank_weight(fcinfo, 11, s);
	return s;
}

/*
 * (row | relation, profile, queries, k, filter, where_sql, where_values, profile_schema,
 * rerank_weight). The function of 1.0 ends before the schema; its table is beside it.
 */
static PgrHybridSearch *
read_profile_search(FunctionCallInfo fcinfo, bool typed_row)
{
	PgrHybridSearch *s = make_search(fcinfo, typed_row);
	char	   *profile = needed_text(fcinfo, 1, "profile");
	char	   *schema = PG_NARGS() > 7 ? needed_text(fcinfo, 7, "profile_schema") :
		get_namespace_name(s->schema);

	if (get_rel_name(s->relation) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", s->relation)));
	pgr_hybrid_read_profile(s, schema, profile);
	if (!typed_row && list_length(s->key_names) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("profile \"%s\" has a key of several columns", profile),
				 errhint("profile_search(NULL::relation, ...) returns rows instead of keys.")));
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("queries must not be null")));
	pgr_hybrid_set_queries(s, profile, PG_GETARG_ARRAYTYPE_P(2));
	if (PG_NARGS() > 8 && !PG_ARGISNULL(8))
		read_rerank_weight(fcinfo, 8, s);
	read_common(fcinfo, 3, s);
	return s;
}

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
	return run(fcinfo, read_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_keys);
Datum
pgr_hybrid_search_keys(PG_FUNCTION_ARGS)
{
	return run(fcinfo, read_search(fcinfo, false));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_rows_sql);
Datum
pgr_hybrid_search_rows_sql(PG_FUNCTION_ARGS)
{
	return show(read_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_hybrid_search_keys_sql);
Datum
pgr_hybrid_search_keys_sql(PG_FUNCTION_ARGS)
{
	return show(read_search(fcinfo, false));
}

PG_FUNCTION_INFO_V1(pgr_profile_search_rows);
Datum
pgr_profile_search_rows(PG_FUNCTION_ARGS)
{
	return run(fcinfo, read_profile_search(fcinfo, true));
}

PG_FUNCTION_INFO_V1(pgr_profile_search_keys);
Datum
pgr_profile_search_keys(PG_FUNCTION_ARGS)
{
	return run(fcinfo, read_profile_search(fcinfo, false));
}
