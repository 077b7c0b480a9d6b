/*
 * hybrid_profile.c
 *		Rank profiles: searches without their queries, kept in a table that a
 *		function makes on request.
 *
 * The table belongs to whoever asked for it, as one made by hand. A profile may have
 * SQL expressions, which run as the caller of profile_search; so its table must be
 * owned by a role that is able to act as the caller or as the relation's owner anyway.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/deparse.h"
#include "base/index_access.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "fusion/hybrid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define PROFILE_TABLE "rank_profile"

/* columns of the statement that reads a profile */
enum
{
	PROFILE_KEY,
	PROFILE_LEGS,
	PROFILE_RERANK,
	PROFILE_K,
	PROFILE_METHOD,
	PROFILE_RRF_K,
	PROFILE_NORM,
	PROFILE_FILTER,
	PROFILE_RERANK_WEIGHT,
	PROFILE_COLUMNS
};

/* --- making the table --- */

static void
run_utility(const char *sql)
{
	if (SPI_execute(sql, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not make the table of rank profiles");
}

/* The statement that makes the table; types is the schema of the extension's types. */
static char *
table_definition(const char *table, const char *types)
{
	return psprintf("CREATE TABLE %s ("
					"relation pg_catalog.regclass NOT NULL, "
					"name pg_catalog.text NOT NULL, "
					"legs %s.hybrid_leg[] NOT NULL, "
					"rerank %s.hybrid_leg, "
					"k bigint NOT NULL DEFAULT 10, "
					"method pg_catalog.text NOT NULL DEFAULT 'rrf', "
					"rrf_k double precision NOT NULL DEFAULT 60, "
					"norm pg_catalog.text NOT NULL DEFAULT 'tmm', "
					"filter pg_catalog.jsonb, "
					"key pg_catalog.text[], "
					"rerank_weight double precision, "
					"PRIMARY KEY (relation, name))", table, types, types);
}

/* (schema) -> the table of rank profiles in it, made if there is none */
PG_FUNCTION_INFO_V1(pgr_rank_profile_table);
Datum
pgr_rank_profile_table(PG_FUNCTION_ARGS)
{
	char	   *schema = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			own = get_func_namespace(fcinfo->flinfo->fn_oid);
	char	   *table = quote_qualified_identifier(schema, PROFILE_TABLE);
	Oid			namespace = get_namespace_oid(schema, true);
	Oid			result = InvalidOid;

	if (OidIsValid(namespace))
		result = get_relname_relid(PROFILE_TABLE, namespace);
	if (OidIsValid(result))
		PG_RETURN_OID(result);
	SPI_connect();
	if (!OidIsValid(namespace))
		run_utility(psprintf("CREATE SCHEMA %s", quote_identifier(schema)));
	run_utility(table_definition(table, quote_identifier(get_namespace_name(own))));
	run_utility(psprintf("COMMENT ON TABLE %s IS 'searches of relations by name, for profile_search()'",
						 table));
	SPI_finish();
	result = get_relname_relid(PROFILE_TABLE, get_namespace_oid(schema, false));
	PG_RETURN_OID(result);
}

/* --- reading a profile --- */

/* The table of profiles in a schema, which the caller may trust with his rights. */
static Oid
profile_table(const PgrHybridSearch *s, const char *schema)
{
	Oid			namespace = get_namespace_oid(schema, true);
	Oid			table = InvalidOid;
	Oid			owner;

	if (OidIsValid(namespace))
		table = get_relname_relid(PROFILE_TABLE, namespace);
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("schema \"%s\" has no table of rank profiles", schema),
				 errhint("rank_profile_table() makes one.")));
	if (get_rel_relkind(table) != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is not a table", schema, PROFILE_TABLE)));
	owner = pgr_relation_owner(table);
	if (!has_privs_of_role(owner, GetUserId()) &&
		!has_privs_of_role(owner, pgr_relation_owner(s->relation)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rank profiles in schema \"%s\" are not to be trusted with a search of "
						"relation \"%s\"", schema, get_rel_name(s->relation)),
				 errdetail("Expressions of a profile run with your rights; its table is owned by role "
						   "\"%s\", which has neither yours nor those of the relation's owner.",
						   GetUserNameFromId(owner, false))));
	return table;
}

/* A table made before there were weights: its reranks replace the fused order, as then. */
static bool
has_weights(Oid table)
{
	return get_attnum(table, "rerank_weight") != InvalidAttrNumber;
}

/* Columns are cast: a table made by hand may have others, and NULLs. */
static char *
profile_query(const PgrHybridSearch *s, Oid table)
{
	const char *leg = pgr_function_sql(s->schema, "hybrid_leg");

	return psprintf("SELECT key::pg_catalog.text[], legs::%s[], rerank::%s, "
					"coalesce(k::bigint, 10::bigint), coalesce(method::pg_catalog.text, 'rrf'), "
					"coalesce(rrf_k::double precision, 60::double precision), "
					"coalesce(norm::pg_catalog.text, 'tmm'), filter::pg_catalog.jsonb, %s::double precision "
					"FROM %s WHERE relation::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
					"AND name::pg_catalog.text OPERATOR(pg_catalog.=) $2",
					leg, leg, has_weights(table) ? "rerank_weight" : "NULL",
					pgr_relation_sql(table, false));
}

/* Value of a column of the profile's row, copied to the caller's context. */
static Datum
profile_value(int column, bool *isnull)
{
	Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
	int16		len;
	bool		byval;

	if (*isnull)
		return (Datum) 0;
	get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, column), &len, &byval);
	return SPI_datumTransfer(d, byval, len);
}

void
pgr_hybrid_read_profile(PgrHybridSearch *s, const char *schema, const char *profile)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		args[2] = {ObjectIdGetDatum(s->relation), CStringGetTextDatum(profile)};
	Oid			table = profile_table(s, schema);
	bool		weighted = has_weights(table);
	char	   *sql = profile_query(s, table);
	Datum		d[PROFILE_COLUMNS];
	bool		nulls[PROFILE_COLUMNS];
	double		weight = 1;

	SPI_connect();
	SPI_execute_with_args(sql, 2, types, args, NULL, true, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation \"%s\" has no rank profile \"%s\"",
						get_rel_name(s->relation), profile)));
	for (int i = 0; i < PROFILE_COLUMNS; i++)
		d[i] = profile_value(i + 1, &nulls[i]);
	SPI_finish();

	if (nulls[PROFILE_LEGS])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rank profile \"%s\" has no legs", profile)));
	if (!nulls[PROFILE_KEY])
		s->key_names = pgr_hybrid_read_key(DatumGetArrayTypeP(d[PROFILE_KEY]));
	s->legs = pgr_hybrid_read_legs(DatumGetArrayTypeP(d[PROFILE_LEGS]));
	if (!nulls[PROFILE_RERANK])
		s->rerank = pgr_hybrid_read_leg(d[PROFILE_RERANK], "rerank");
	if (!nulls[PROFILE_RERANK_WEIGHT])
		weight = DatumGetFloat8(d[PROFILE_RERANK_WEIGHT]);
	if (weighted)
		pgr_hybrid_set_rerank_weight(s, nulls[PROFILE_RERANK_WEIGHT] ? NULL : &weight);
	else
		s->rerank_weight = weight;
	s->k = pgr_hybrid_count(DatumGetInt64(d[PROFILE_K]));
	s->method = pgr_hybrid_method(TextDatumGetCString(d[PROFILE_METHOD]));
	s->rrf_k = DatumGetFloat8(d[PROFILE_RRF_K]);
	s->norm = pgr_hybrid_norm(TextDatumGetCString(d[PROFILE_NORM]));
	if (!nulls[PROFILE_FILTER])
		s->filters = list_make1(DatumGetJsonbP(d[PROFILE_FILTER]));
}
