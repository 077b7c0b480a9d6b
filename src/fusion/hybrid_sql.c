/*
 * hybrid_sql.c
 *		The statement of a hybrid search. Its shape is in README.
 *
 * Everything in it is one of: text of this file, an identifier or operator as the
 * catalogs spell it (with schema, quoted), a value through PgrSqlValues, or an
 * expression that its caller knows to be code.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/deparse.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "fusion/hybrid.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A statement in the making. */
typedef struct Statement
{
	PgrHybridSearch *search;
	PgrSqlValues *values;
	StringInfoData sql;
	char	   *keys;			/* "key_1, key_2" */
	char	   *pool;			/* aliases that differ from the relation's name */
	char	   *fused;
	char	   *hit;
} Statement;

/* --- values --- */

char *
pgr_sql_datum(PgrSqlValues *values, Datum value, Oid type)
{
	if (values->shown)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(type, &output, &varlena);
		return psprintf("%s::%s", quote_literal_cstr(OidOutputFunctionCall(output, value)),
						format_type_be(type));
	}
	if (values->count == values->capacity)
	{
		values->capacity = Max(values->capacity * 2, 8);
		if (values->types == NULL)
		{
			values->types = palloc(sizeof(Oid) * values->capacity);
			values->values = palloc(sizeof(Datum) * values->capacity);
		}
		else
		{
			values->types = repalloc(values->types, sizeof(Oid) * values->capacity);
			values->values = repalloc(values->values, sizeof(Datum) * values->capacity);
		}
	}
	values->types[values->count] = type;
	values->values[values->count] = value;
	return psprintf("$%d", ++values->count);
}

char *
pgr_sql_value(PgrSqlValues *values, const char *text, Oid type)
{
	Oid			input,
				param;

	getTypeInputInfo(type, &input, &param);
	return pgr_sql_datum(values, OidInputFunctionCall(input, (char *) text, param, -1), type);
}

/* A number as a float8 literal, digits enough to read back the same. */
static char *
float_literal(double x)
{
	return psprintf("'%s'::float8", float8out_internal(x));
}

/* --- pieces --- */

static void
add(Statement *st, const char *fmt,...) pg_attribute_printf(2, 3);

static void
add(Statement *st, const char *fmt,...)
{
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&st->sql, fmt, args);
		va_end(args);
		if (needed == 0)
			return;
		enlargeStringInfo(&st->sql, needed);
	}
}

/* A name for an alias: the wanted one, longer if the relation has that name. */
static char *
other_name(const PgrHybridSearch *s, const char *name)
{
	return strcmp(get_rel_name(s->relation), name) == 0 ? psprintf("%s_", name) : pstrdup(name);
}

/* "key_1, key_2" */
static char *
key_list(const PgrHybridSearch *s)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < list_length(s->key_names); i++)
		appendStringInfo(&buf, "%skey_%d", i > 0 ? ", " : "", i + 1);
	return buf.data;
}

/* "docs.id AS key_1, ..." */
static void
add_key_columns(Statement *st)
{
	ListCell   *lc;
	int			i = 0;

	foreach(lc, st->search->key_names)
	{
		i++;
		add(st, "%s%s AS key_%d", i > 1 ? ", " : "",
			pgr_hybrid_column(st->search, lfirst(lc)), i);
	}
}

/* "docs.id = pool.key_1 AND ...", with the conditions where a key has several rows */
static void
add_key_match(Statement *st, const char *from)
{
	PgrHybridSearch *s = st->search;
	ListCell   *name,
			   *equal;
	int			i = 0;

	forboth(name, s->key_names, equal, s->key_equal)
	{
		i++;
		add(st, "%s%s %s %s.key_%d", i > 1 ? " AND " : "",
			pgr_hybrid_column(s, lfirst(name)),
			pgr_operator_sql(lfirst_oid(equal), s->shown), from, i);
	}
	if (!s->key_is_unique && s->where != NULL)
		add(st, " AND %s", s->where);
}

/* --- conditions --- */

static bool
column_not_null(Oid relation, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation),
										Int16GetDatum(attnum));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attnum, relation);
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

/* All conditions into s->where; each is in parentheses. */
static void
write_where(Statement *st)
{
	PgrHybridSearch *s = st->search;
	StringInfoData where;
	ListCell   *name,
			   *attnum,
			   *lc;

	initStringInfo(&where);
	foreach(lc, s->filters)
		appendStringInfo(&where, " AND %s", pgr_hybrid_filter(s, lfirst(lc), st->values));
	if (s->where_sql != NULL)
		appendStringInfo(&where, " AND %s",
						 pgr_hybrid_expression("where_sql", s->where_sql, s->where_values, NULL));
	/* a row without a key can be no result */
	forboth(name, s->key_names, attnum, s->key_attnums)
	{
		if (!column_not_null(s->relation, lfirst_int(attnum)))
			appendStringInfo(&where, " AND (%s IS NOT NULL)",
							 pgr_hybrid_column(s, lfirst(name)));
	}
	s->where = where.len > 0 ? where.data + strlen(" AND ") : NULL;
}

/* The distance of a leg: "docs.embedding <=> $1", a float8 */
static void
write_distance(Statement *st, PgrHybridLeg *leg)
{
	char	   *left = leg->is_expression ? leg->target :
		pgr_hybrid_column(st->search, leg->target);

	leg->distance_sql = psprintf(leg->is_float8 ? "%s %s %s" : "(%s %s %s)::float8", left,
								 pgr_operator_sql(leg->operator, st->search->shown),
								 pgr_sql_value(st->values, leg->value, leg->right_type));
}

/* --- legs --- */

/*
 * The nearest rows of a leg. To be shown: in the order (distance, key), which says
 * what is meant. To be run: in the order an index has, some rows more than the
 * depth; leg_n then takes the first by (distance, key).
 */
static void
add_nearest(Statement *st, const PgrHybridLeg *leg, const char *indent)
{
	PgrHybridSearch *s = st->search;

	add(st, "\n%sSELECT ", indent);
	add_key_columns(st);
	add(st, ", %s AS distance\n%sFROM %s", leg->distance_sql, indent, s->relation_sql);
	if (s->where != NULL)
		add(st, "\n%sWHERE %s", indent, s->where);
	add(st, "\n%sORDER BY distance", indent);
	if (s->shown)
		add(st, ", %s LIMIT %d", st->keys, leg->depth);
	else
		add(st, " LIMIT " INT64_FORMAT, leg->fetch);
}

/* Below this a distance is one; NULL and NaN are none. */
static const char *
distance_limit(const PgrHybridLeg *leg)
{
	return leg->matches_only ? "0::float8" : "'Infinity'::float8";
}

/*
 * Whether leg_n holds all rows that were asked for, with their distances: the ones beyond
 * the depth, and those that are none, are left out where it is read (one step less than
 * a raw_n beside it). Rows that share a key are counted before they are grouped.
 */
static bool
leg_is_raw(const PgrHybridSearch *s)
{
	return !s->shown && s->key_is_unique;
}

static void
add_leg(Statement *st, const PgrHybridLeg *leg, int i, const char *before)
{
	PgrHybridSearch *s = st->search;
	bool		unique = s->key_is_unique;
	const char *distance = unique ? "distance" : "min(distance)";

	if (!s->shown && !unique)
	{
		add(st, "%s raw_%d AS MATERIALIZED (", before, i);
		add_nearest(st, leg, "\t");
		add(st, "\n)");
		before = ",";
	}
	add(st, "%s leg_%d AS MATERIALIZED (\n\tSELECT %s, row_number() OVER (ORDER BY %s, %s)::int4 AS rank, %s%s"
		"\n\tFROM (", before, i, st->keys, distance, st->keys, distance, unique ? "" : " AS distance");
	if (s->shown || unique)
		add_nearest(st, leg, "\t\t");
	else
		add(st, "SELECT * FROM raw_%d ORDER BY distance, %s LIMIT %d", i, st->keys, leg->depth);
	add(st, ") nearest");
	if (!leg_is_raw(s))
		add(st, "\n\tWHERE distance < %s", distance_limit(leg));
	/* of several rows with one key the nearest counts */
	if (!unique)
		add(st, "\n\tGROUP BY %s", st->keys);
	add(st, "\n)");
}

/* "SELECT 1 AS leg, * FROM leg_1 UNION ALL ..." */
static void
add_union(Statement *st, bool weights)
{
	ListCell   *lc;
	int			i = 0;
	const char *glue = "";

	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			continue;
		add(st, "%sSELECT %d AS leg", glue, i);
		if (weights)
			add(st, ", %s AS weight", float_literal(leg->weight));
		add(st, ", * FROM leg_%d", i);
		if (leg_is_raw(st->search))
			add(st, " WHERE rank <= %d AND distance < %s", leg->depth, distance_limit(leg));
		glue = " UNION ALL ";
	}
}

/* ARRAY[...] with an element for each leg: fmt takes the leg's number twice at most */
static void
add_array(Statement *st, const char *fmt, const char *type, const char *name)
{
	ListCell   *lc;
	int			i = 0;

	add(st, "ARRAY[");
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);
		StringInfoData item;

		i++;
		initStringInfo(&item);
		if (leg->value == NULL)
			appendStringInfoString(&item, "NULL");
		else
			for (const char *p = fmt; *p != '\0'; p++)
			{
				/* '#' stands for the number */
				if (*p == '#')
					appendStringInfo(&item, "%d", i);
				else
					appendStringInfoChar(&item, *p);
			}
		add(st, "%s%s", i > 1 ? ", " : "", item.data);
	}
	add(st, "]::%s[] AS %s", type, name);
}

/* --- fusion --- */

static bool
has_rerank(const PgrHybridSearch *s)
{
	return s->rerank != NULL && s->rerank->value != NULL;
}

static void
add_fused_end(Statement *st)
{
	PgrHybridSearch *s = st->search;

	add(st, "\n\tORDER BY score DESC, %s LIMIT %d\n)", st->keys,
		has_rerank(s) ? Max(s->rerank->depth, s->k) : s->k);
}

/* How many legs have a query. */
static int
leg_count(const PgrHybridSearch *s)
{
	ListCell   *lc;
	int			n = 0;

	foreach(lc, s->legs)
		n += ((PgrHybridLeg *) lfirst(lc))->value != NULL;
	return n;
}

/*
 * A sum of two is the same in either order; of more it is not, and an aggregate's ORDER
 * BY is a sort for each document (before 16).
 */
static void
add_rrf(Statement *st)
{
	PgrHybridSearch *s = st->search;

	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s, %s(rank, weight, %s%s) AS score,\n\t\t",
		st->fused, st->keys, pgr_function_sql(s->schema, "fuse_rrf"), float_literal(s->rrf_k),
		leg_count(s) > 2 ? " ORDER BY leg" : "");
	add_array(st, "max(rank) FILTER (WHERE leg = #)", "int4", "leg_ranks");
	add(st, ",\n\t\t");
	add_array(st, "0::float8 - max(distance) FILTER (WHERE leg = #)",
			  "float8", "leg_scores");
	add(st, "\n\tFROM (");
	add_union(st, true);
	add(st, ") legs\n\tGROUP BY %s", st->keys);
	add_fused_end(st);
}

/* A subquery: the leg's distance of the row with a key; NULL for NaN. */
static void
add_distance_of(Statement *st, const PgrHybridLeg *leg, const char *from)
{
	add(st, st->search->key_is_unique ? "(SELECT nullif(%s, 'NaN'::float8) FROM %s WHERE " :
		"(SELECT nullif(min(%s), 'NaN'::float8) FROM %s WHERE ",
		leg->distance_sql, st->search->relation_sql);
	add_key_match(st, from);
	add(st, ")");
}

/* The union of the legs, one row a key, and the distances a leg did not reach. */
static void
add_filled(Statement *st)
{
	ListCell   *lc;
	int			i = 0;

	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s", st->pool, st->keys);
	foreach(lc, st->search->legs)
	{
		i++;
		if (((PgrHybridLeg *) lfirst(lc))->value != NULL)
			add(st, ",\n\t\tmax(rank) FILTER (WHERE leg = %d) AS rank_%d, "
				"max(distance) FILTER (WHERE leg = %d) AS distance_%d", i, i, i, i);
	}
	add(st, "\n\tFROM (");
	add_union(st, false);
	add(st, ") legs\n\tGROUP BY %s\n), filled AS MATERIALIZED (\n\tSELECT %s", st->keys, st->keys);
	i = 0;
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			continue;
		add(st, ", rank_%d,\n\t\tcoalesce(distance_%d, ", i, i);
		/* what does not match has no part in it, however far away */
		if (leg->matches_only)
			add(st, "least(0::float8, ");
		add_distance_of(st, leg, st->pool);
		add(st, "%s) AS distance_%d", leg->matches_only ? ")" : "", i);
	}
	add(st, "\n\tFROM %s\n)", st->pool);
}

/* "norm_tmm(score, floor) OVER ()" of leg i */
static void
add_norm(Statement *st, const PgrHybridLeg *leg, int i)
{
	PgrHybridSearch *s = st->search;
	bool		tmm = s->norm == PGR_NORM_TMM && leg->has_floor;

	add(st, "%s(0::float8 - distance_%d",
		pgr_function_sql(s->schema, tmm ? "norm_tmm" : s->norm == PGR_NORM_DBSF ? "norm_dbsf" : "norm_minmax"), i);
	if (tmm)
		add(st, ", %s", float_literal(leg->floor));
	add(st, ") OVER ()");
}

static void
add_cc(Statement *st)
{
	ListCell   *lc;
	int			i = 0;
	const char *glue = "";

	add_filled(st);
	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s,\n\t\t", st->fused, st->keys);
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			continue;
		add(st, "%s%s * coalesce(", glue, float_literal(leg->weight));
		add_norm(st, leg, i);
		add(st, ", 0::float8)");
		glue = "\n\t\t+ ";
	}
	add(st, " AS score,\n\t\t");
	add_array(st, "rank_#", "int4", "leg_ranks");
	add(st, ",\n\t\t");
	add_array(st, "0::float8 - distance_#", "float8", "leg_scores");
	add(st, "\n\tFROM filled");
	add_fused_end(st);
}

/* --- the end --- */

/*
 * For each leg whether rows as far as the last one taken may be missing: all that
 * was asked for came, and the last is as near as that one.
 */
static void
add_tied(Statement *st)
{
	ListCell   *lc;
	int			i = 0;
	const char *glue = "";

	add(st, ",\n\tARRAY[");
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			add(st, "%sfalse", glue);
		else
		{
			add(st, "%s(SELECT coalesce(count(distance) = " INT64_FORMAT "::int8 AND max(distance) < %s AND max(distance) = ",
				glue, leg->fetch, distance_limit(leg));
			if (leg_is_raw(st->search))
				add(st, "max(distance) FILTER (WHERE rank = %d), false) FROM leg_%d)", leg->depth, i);
			else
				add(st, "(SELECT distance FROM raw_%d ORDER BY distance OFFSET %d LIMIT 1), false) FROM raw_%d)", i, leg->depth - 1, i);
		}
		glue = ", ";
	}
	add(st, "] AS tied");
}

/* The fused with their rank, by the rerank where there is one. */
static void
add_hits(Statement *st)
{
	PgrHybridSearch *s = st->search;

	if (!has_rerank(s))
	{
		add(st, "\nFROM (SELECT *, NULL::float8 AS rerank_score, row_number() OVER (ORDER BY score DESC, %s)::int4 AS rank"
			"\n\tFROM %s) %s", st->keys, st->fused, st->hit);
		return;
	}
	add(st, "\nFROM (SELECT *, row_number() OVER (ORDER BY rerank_score DESC NULLS LAST, score DESC, %s)::int4 AS rank"
		"\n\tFROM (SELECT *, 0::float8 - ", st->keys);
	add_distance_of(st, s->rerank, st->fused);
	add(st, " AS rerank_score FROM %s) reranked\n\tORDER BY rank LIMIT %d) %s",
		st->fused, s->k, st->hit);
}

static void
add_result(Statement *st)
{
	PgrHybridSearch *s = st->search;
	const char *hit = st->hit;

	if (s->typed_row)
		add(st, "\nSELECT ROW(%s.*)::%s AS hit", s->alias, s->relation_sql);
	else
		add(st, "\nSELECT %s.key_1::text AS hit", hit);
	add(st, ", %s.rank, %s.score, %s.rerank_score, %s.leg_ranks, %s.leg_scores", hit, hit, hit, hit, hit);
	if (!s->shown)
		add_tied(st);
	add_hits(st);
	if (s->typed_row)
	{
		add(st, "\nJOIN %s ON ", s->relation_sql);
		add_key_match(st, hit);
	}
	add(st, "\nORDER BY %s.rank", hit);
}

char *
pgr_hybrid_statement(PgrHybridSearch *s, PgrSqlValues *values)
{
	Statement	st = {s, values};
	ListCell   *lc;
	int			i = 0;
	const char *before = "WITH";

	initStringInfo(&st.sql);
	st.keys = key_list(s);
	st.pool = other_name(s, "pool");
	st.fused = other_name(s, "fused");
	st.hit = other_name(s, "hit");
	write_where(&st);
	foreach(lc, s->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			continue;
		write_distance(&st, leg);
		add_leg(&st, leg, i, before);
		before = ",";
	}
	if (has_rerank(s))
		write_distance(&st, s->rerank);
	if (s->method == PGR_FUSE_RRF)
		add_rrf(&st);
	else
		add_cc(&st);
	add_result(&st);
	return st.sql.data;
}
