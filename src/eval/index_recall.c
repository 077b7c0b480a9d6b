/*
 * index_recall.c
 *		index_recall(): the share of the exact k nearest that an index returns.
 *
 * Knows nothing of any access method: the operator that the index orders by
 * comes from its operator family. Each query runs twice, once with the planner
 * kept from index scans and once kept from everything else; the settings are put
 * back by their nesting level whatever happens. The caller must be allowed to read all
 * that the index is made of; expressions of the index, which are its owner's, then run
 * as the owner.
 *
 * A row returned counts if it is no farther than the exact k-th: among equal
 * distances any choice is right.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/deparse.h"
#include "base/index_access.h"
#include "catalog/index.h"
#include "catalog/pg_amop.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* What is measured, and how a query of it is written. */
typedef struct Target
{
	char	   *index_name;
	char	   *relation;		/* as SQL, with ONLY */
	char	   *key;			/* the first index column as SQL */
	char	   *predicate;		/* of a partial index, else NULL */
	char	   *operator;
	Oid			query_type;
	int			k;
	PgrOwnerRun run;
} Target;

/* --- the index --- */

/*
 * The ordering operator of the first column for queries of a type (InvalidOid:
 * of the column's own), and that type.
 */
static Oid
ordering_operator(Relation index, Oid query_type)
{
	Oid			family = index->rd_opfamily[0];
	Oid			left = index->rd_opcintype[0];
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	Oid			operator = InvalidOid;

	if (!OidIsValid(query_type))
		query_type = left;
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amop amop = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (amop->amoppurpose == AMOP_ORDER && amop->amoplefttype == left &&
			amop->amoprighttype == query_type)
			operator = amop->amopopr;
	}
	ReleaseSysCacheList(list);
	if (!OidIsValid(operator))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" does not order by distance from type %s",
						RelationGetRelationName(index), format_type_be(query_type))));
	return operator;
}

/* Texts of the key and the predicate, through SPI. */
static void
read_definition(Oid index, Target *target)
{
	Oid			types[1] = {OIDOID};
	Datum		values[1] = {ObjectIdGetDatum(index)};

	SPI_execute_with_args("SELECT pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), "
						  "pg_catalog.pg_get_expr(i.indpred, i.indrelid) "
						  "FROM pg_catalog.pg_index i WHERE i.indexrelid = $1",
						  1, types, values, NULL, true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "cache lookup failed for index %u", index);
	target->key = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	target->predicate = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
}

static const char *
relation_name(Oid relid)
{
	const char *name = get_rel_name(relid);

	return name ? name : psprintf("%u", relid);
}

/* From here to the end of mean_recall statements run as the table's owner. */
static void
describe_index(Oid index_oid, Oid query_type, int k, Target *target)
{
	Relation	table,
				index;

	pgr_index_check_access(index_oid);
	if (get_rel_relkind(index_oid) != RELKIND_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", relation_name(index_oid)),
				 errhint("Of a partitioned index, measure the partitions' indexes.")));
	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1")));
	table = table_open(IndexGetRelation(index_oid, false), AccessShareLock);
	index = index_open(index_oid, AccessShareLock);
	target->index_name = pstrdup(RelationGetRelationName(index));
	target->relation = pgr_relation_sql(RelationGetRelid(table), false);
	target->operator = pgr_operator_sql(ordering_operator(index, query_type), false);
	target->query_type = OidIsValid(query_type) ? query_type : index->rd_opcintype[0];
	target->k = k;
	pgr_owner_begin(RelationGetRelid(table), &target->run);
	read_definition(index_oid, target);
	index_close(index, NoLock);
	table_close(table, NoLock);
}

/* --- queries --- */

static char *
nearest_sql(const Target *t, const char *before)
{
	return psprintf("%sSELECT (%s %s $1)::pg_catalog.float8 FROM ONLY %s%s%s "
					"ORDER BY %s %s $1 LIMIT %d", before,
					t->key, t->operator, t->relation,
					t->predicate ? " WHERE " : "", t->predicate ? t->predicate : "",
					t->key, t->operator, t->k);
}

static void
set_for_now(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Runs a statement with one query value and the planner's choice narrowed. */
static void
run(const Target *t, const char *sql, Datum query, bool by_index)
{
	int			level = NewGUCNestLevel();

	set_for_now("enable_bitmapscan", "off");
	set_for_now("enable_indexscan", by_index ? "on" : "off");
	set_for_now("enable_indexonlyscan", by_index ? "on" : "off");
	set_for_now("enable_seqscan", by_index ? "off" : "on");
	set_for_now("enable_sort", by_index ? "off" : "on");
	/* EXPLAIN, a utility statement, is not run read-only */
	SPI_execute_with_args(sql, 1, (Oid *) &t->query_type, &query, NULL,
						  strncmp(sql, "EXPLAIN", 7) != 0, 0);
	AtEOXact_GUC(false, level);
}

/* Raises unless the planner, so narrowed, scans this index. */
static void
check_plan(const Target *t, Datum query)
{
	char	   *scan = psprintf("using %s on", quote_identifier(t->index_name));

	run(t, nearest_sql(t, "EXPLAIN (COSTS OFF) "), query, true);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *line = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		if (strstr(line, scan) != NULL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the planner does not use index \"%s\" for its own ordering",
					t->index_name),
			 errhint("Another index on the same column may be cheaper, or the index is not valid.")));
}

/* The distances of the last statement's rows; n of them. NULL and NaN are none. */
static double *
distances(int *n)
{
	double	   *d = palloc(sizeof(double) * Max(SPI_processed, 1));

	*n = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
										  1, &isnull);

		if (!isnull && !isnan(DatumGetFloat8(value)))
			d[(*n)++] = DatumGetFloat8(value);
	}
	return d;
}

/* Recall of one query, -1 if nothing is there to be found. */
static double
query_recall(const Target *t, Datum query)
{
	char	   *sql = nearest_sql(t, "");
	double	   *exact,
			   *found;
	int			n_exact,
				n_found,
				hits = 0;

	run(t, sql, query, false);
	exact = distances(&n_exact);
	if (n_exact == 0)
		return -1;
	run(t, sql, query, true);
	found = distances(&n_found);
	for (int i = 0; i < n_found; i++)
		hits += found[i] <= exact[n_exact - 1];
	return (double) Min(hits, n_exact) / n_exact;
}

static Datum
mean_recall(FunctionCallInfo fcinfo, const Target *t, const Datum *queries, int n)
{
	double		sum = 0;
	int			counted = 0;

	for (int i = 0; i < n; i++)
	{
		double		recall;

		CHECK_FOR_INTERRUPTS();
		if (i == 0)
			check_plan(t, queries[i]);
		recall = query_recall(t, queries[i]);
		if (recall >= 0)
		{
			sum += recall;
			counted++;
		}
	}
	pgr_owner_end(&t->run);
	SPI_finish();
	if (counted == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum / counted);
}

/* --- SQL-callable --- */

/* index_recall(index, k, sample integer): rows of the table are the queries */
PG_FUNCTION_INFO_V1(pgr_index_recall_sample);
Datum
pgr_index_recall_sample(PG_FUNCTION_ARGS)
{
	int			sample = PG_GETARG_INT32(2);
	Target		t;
	Datum	   *queries;
	int			n;

	if (sample < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sample must be at least 1")));
	SPI_connect();
	describe_index(PG_GETARG_OID(0), InvalidOid, PG_GETARG_INT32(1), &t);

	/* the same rows every time: by a hash of their place */
	SPI_execute(psprintf("SELECT %s FROM ONLY %s WHERE %s IS NOT NULL%s%s "
						 "ORDER BY pg_catalog.hashtid(ctid), ctid LIMIT %d",
						 t.key, t.relation, t.key, t.predicate ? " AND " : "",
						 t.predicate ? t.predicate : "", sample), true, 0);
	n = SPI_processed;
	queries = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		bool		isnull;

		queries[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
	}
	return mean_recall(fcinfo, &t, queries, n);
}

/* index_recall(index, k, queries anyarray) */
PG_FUNCTION_INFO_V1(pgr_index_recall_queries);
Datum
pgr_index_recall_queries(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(2);
	Oid			type = ARR_ELEMTYPE(array);
	Target		t;
	Datum	   *queries;
	bool	   *nulls;
	int16		len;
	bool		byval;
	char		align;
	int			n,
				kept = 0;

	SPI_connect();
	describe_index(PG_GETARG_OID(0), type, PG_GETARG_INT32(1), &t);
	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(array, type, len, byval, align, &queries, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			queries[kept++] = queries[i];
	return mean_recall(fcinfo, &t, queries, kept);
}
