/*
 * hybrid_leg.c
 *		What arguments of hybrid_search() and columns of a profile have in common: legs,
 *		keys, names of methods. leg(), which makes a leg.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "fusion/hybrid.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/*
 * Share of the rerank's score in the final one where none is given: the least that is as good
 * as the best on scifact's training queries; docs/quality.md has it beside others.
 */
#define RERANK_WEIGHT 0.4

/* columns of type hybrid_leg */
enum
{
	LEG_TARGET,
	LEG_IS_EXPRESSION,
	LEG_OPERATOR,
	LEG_VALUE,
	LEG_VALUE_TYPE,
	LEG_WEIGHT,
	LEG_DEPTH,
	LEG_FLOOR,
	LEG_COLUMNS
};

/* --- making a leg --- */

/*
 * (target, operator, value text | anyelement, weight, depth, floor) as a row of
 * hybrid_leg. A text value may be the text form of any type; others keep theirs.
 */
static Datum
make_leg(FunctionCallInfo fcinfo, bool is_expression)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 2);
	Datum		values[LEG_COLUMNS] = {0};
	bool		nulls[LEG_COLUMNS] = {0};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != LEG_COLUMNS)
		elog(ERROR, "return type must be hybrid_leg");

	values[LEG_TARGET] = PG_GETARG_DATUM(0);
	nulls[LEG_TARGET] = PG_ARGISNULL(0);
	values[LEG_IS_EXPRESSION] = BoolGetDatum(is_expression);
	values[LEG_OPERATOR] = PG_GETARG_DATUM(1);
	nulls[LEG_OPERATOR] = PG_ARGISNULL(1);
	nulls[LEG_VALUE] = PG_ARGISNULL(2);
	if (type == TEXTOID)
		values[LEG_VALUE] = PG_GETARG_DATUM(2);
	else if (!PG_ARGISNULL(2))
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(type, &output, &varlena);
		values[LEG_VALUE] = CStringGetTextDatum(OidOutputFunctionCall(output, PG_GETARG_DATUM(2)));
	}
	values[LEG_VALUE_TYPE] = ObjectIdGetDatum(type);
	nulls[LEG_VALUE_TYPE] = type == TEXTOID || !OidIsValid(type);
	values[LEG_WEIGHT] = PG_GETARG_DATUM(3);
	nulls[LEG_WEIGHT] = PG_ARGISNULL(3);
	if (!PG_ARGISNULL(4))
		values[LEG_DEPTH] = Int32GetDatum(pgr_hybrid_count(PG_GETARG_INT64(4)));
	nulls[LEG_DEPTH] = PG_ARGISNULL(4);
	values[LEG_FLOOR] = PG_GETARG_DATUM(5);
	nulls[LEG_FLOOR] = PG_ARGISNULL(5);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

PG_FUNCTION_INFO_V1(pgr_leg);
Datum
pgr_leg(PG_FUNCTION_ARGS)
{
	return make_leg(fcinfo, false);
}

PG_FUNCTION_INFO_V1(pgr_leg_expr);
Datum
pgr_leg_expr(PG_FUNCTION_ARGS)
{
	return make_leg(fcinfo, true);
}

/* --- reading legs --- */

static void
check_leg(const PgrHybridLeg *leg, const char *what)
{
	if (!(leg->weight >= 0) || isinf(leg->weight))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight of %s must be finite and not negative", what)));
	if (leg->depth < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("depth of %s must be at least 1", what)));
	if (leg->has_floor && (isnan(leg->floor) || isinf(leg->floor)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("floor of %s must be finite", what)));
}

PgrHybridLeg *
pgr_hybrid_read_leg(Datum row, const char *what)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	PgrHybridLeg *leg = palloc0(sizeof(PgrHybridLeg));
	Datum		v[LEG_COLUMNS];
	bool		nulls[LEG_COLUMNS];
	HeapTupleData tuple;
	TupleDesc	desc;

	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
								  HeapTupleHeaderGetTypMod(header));
	if (desc->natts != LEG_COLUMNS)
		elog(ERROR, "hybrid_leg has %d columns instead of %d", desc->natts, LEG_COLUMNS);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, v, nulls);
	ReleaseTupleDesc(desc);

	if (nulls[LEG_TARGET] || nulls[LEG_OPERATOR] || nulls[LEG_WEIGHT] || nulls[LEG_DEPTH])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must have a column, an operator, a weight and a depth", what)));
	leg->target = TextDatumGetCString(v[LEG_TARGET]);
	leg->is_expression = !nulls[LEG_IS_EXPRESSION] && DatumGetBool(v[LEG_IS_EXPRESSION]);
	leg->operator_name = TextDatumGetCString(v[LEG_OPERATOR]);
	leg->value = nulls[LEG_VALUE] ? NULL : TextDatumGetCString(v[LEG_VALUE]);
	leg->value_type = nulls[LEG_VALUE_TYPE] ? InvalidOid : DatumGetObjectId(v[LEG_VALUE_TYPE]);
	leg->weight = DatumGetFloat8(v[LEG_WEIGHT]);
	leg->depth = DatumGetInt32(v[LEG_DEPTH]);
	leg->has_floor = !nulls[LEG_FLOOR];
	leg->floor = leg->has_floor ? DatumGetFloat8(v[LEG_FLOOR]) : 0;
	check_leg(leg, what);
	return leg;
}

List *
pgr_hybrid_read_legs(ArrayType *array)
{
	List	   *legs = NIL;
	Datum	   *rows;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE,
					  &rows, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a search needs at least one leg")));
	if (n > PGR_HYBRID_MAX_LEGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a search takes at most %d legs", PGR_HYBRID_MAX_LEGS)));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("leg %d must not be null", i + 1)));
		legs = lappend(legs, pgr_hybrid_read_leg(rows[i], psprintf("leg %d", i + 1)));
	}
	return legs;
}

/* --- keys, names, numbers --- */

List *
pgr_hybrid_read_key(ArrayType *array)
{
	List	   *names = NIL;
	Datum	   *items;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key must not contain nulls")));
		names = lappend(names, TextDatumGetCString(items[i]));
	}
	return names;
}

int32
pgr_hybrid_count(int64 n)
{
	return (int32) Max(Min(n, PG_INT32_MAX), 0);
}

PgrFuseMethod
pgr_hybrid_method(const char *name)
{
	if (strcmp(name, "rrf") == 0)
		return PGR_FUSE_RRF;
	if (strcmp(name, "cc") == 0)
		return PGR_FUSE_CC;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown fusion method \"%s\"", name),
			 errhint("Methods are rrf and cc.")));
}

PgrNorm
pgr_hybrid_norm(const char *name)
{
	if (strcmp(name, "tmm") == 0)
		return PGR_NORM_TMM;
	if (strcmp(name, "minmax") == 0)
		return PGR_NORM_MINMAX;
	if (strcmp(name, "dbsf") == 0)
		return PGR_NORM_DBSF;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown normalisation \"%s\"", name),
			 errhint("Normalisations are tmm, minmax and dbsf.")));
}

void
pgr_hybrid_set_rerank_weight(PgrHybridSearch *s, const double *weight)
{
	if (weight == NULL)
	{
		s->rerank_weight = RERANK_WEIGHT;
		return;
	}
	if (!(*weight >= 0 && *weight <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rerank_weight must be between 0 and 1"),
				 errdetail("0 keeps the order of the fused scores, 1 puts the rerank's in its place.")));
	if (s->rerank == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rerank_weight needs a rerank")));
	s->rerank_weight = *weight;
}
