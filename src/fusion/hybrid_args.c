/*
 * hybrid_args.c
 *		Reading and checking the arguments of hybrid_search() and profile_search().
 */
#include "postgres.h"

#include <math.h>

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "fusion/hybrid.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

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
PgrHybridSearch *
pgr_hybrid_read_search(FunctionCallInfo fcinfo, bool typed_row)
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

/* Gives the legs of a profile, then its rerank, the queries' values in order. */
static void
set_queries(PgrHybridSearch *s, const char *profile, ArrayType *queries)
{
	List	   *legs = list_copy(s->legs);
	Datum	   *items;
	bool	   *nulls;
	int			n;

	if (s->rerank != NULL)
		legs = lappend(legs, s->rerank);
	deconstruct_array(queries, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n != list_length(legs))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("profile \"%s\" takes %d queries, not %d", profile,
						list_length(legs), n),
				 errdetail("One for each leg in order%s.",
						   s->rerank ? ", then one for the rerank" : "")));
	for (int i = 0; i < n; i++)
	{
		PgrHybridLeg *leg = list_nth(legs, i);

		leg->value = nulls[i] ? NULL : TextDatumGetCString(items[i]);
	}
}

/*
 * (row | relation, profile, queries, k, filter, where_sql, where_values, profile_schema,
 * rerank_weight). The function of 1.0 ends before the schema; its table is beside it.
 */
PgrHybridSearch *
pgr_hybrid_read_profile_search(FunctionCallInfo fcinfo, bool typed_row)
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
	set_queries(s, profile, PG_GETARG_ARRAYTYPE_P(2));
	if (PG_NARGS() > 8 && !PG_ARGISNULL(8))
		read_rerank_weight(fcinfo, 8, s);
	read_common(fcinfo, 3, s);
	return s;
}

void
pgr_hybrid_check(const PgrHybridSearch *s)
{
	if (s->k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1")));
	if (!(s->rrf_k >= 0) || isinf(s->rrf_k))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k of reciprocal rank fusion must be finite and not negative")));
}
