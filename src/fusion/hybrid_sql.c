/*
 * hybrid_sql.c
 *		The statement of a hybrid search. Its shape is in README.
 *
 * Everything in it is one of: text of this file, an identifier or operator as the
 * catalogs spell it (with schema, quoted), a value through PgrSqlValues, or an
 * expression that its caller knows to be code. Only the last depends on the search_path:
 * functions and operators of pg_catalog are named with it, types by SQL's own words
 * (double precision), and nothing is used that looks for an operator by itself (nullif).
 * Names of the statement's own occur nowhere in the caller's code.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "base/deparse.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fusion/hybrid.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
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
	char	   *suffix;			/* of the names of common table expressions */
} Statement;

/* names of common table expressions that do not end in a leg's number */
#define POOL "pool"
#define FILLED "filled"
#define FUSED "fused"
#define HIT "hit"

/* A number as a float8 literal, digits enough to read back the same. */
static char *
float_literal(double x)
{
	return psprintf("'%s'::double precision", float8out_internal(x));
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

/* An operator and a function of pg_catalog. */
static char *
op(const Statement *st, const char *name)
{
	return st->search->bare ? pstrdup(name) : psprintf("OPERATOR(pg_catalog.%s)", name);
}

static char *
fn(const Statement *st, const char *name)
{
	return st->search->bare ? pstrdup(name) : psprintf("pg_catalog.%s", name);
}

/* The name of a common table expression, and that of leg n's. */
static char *
name(const Statement *st, const char *base)
{
	return psprintf("%s%s", base, st->suffix);
}

static char *
leg_name(const Statement *st, const char *base, int n)
{
	return psprintf("%s_%d%s", base, n, st->suffix);
}

/* All code of the caller, and the relation's name, in lower case. */
static char *
callers_code(const PgrHybridSearch *s)
{
	StringInfoData code;
	ListCell   *lc;

	initStringInfo(&code);
	appendStringInfo(&code, "%s\n%s", get_rel_name(s->relation), s->where_sql ? s->where_sql : "");
	foreach(lc, s->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		if (leg->is_expression)
			appendStringInfo(&code, "\n%s", leg->target);
	}
	if (s->rerank != NULL && s->rerank->is_expression)
		appendStringInfo(&code, "\n%s", s->rerank->target);
	for (char *p = code.data; *p; p++)
		*p = pg_tolower((unsigned char) *p);
	return code.data;
}

/*
 * What the names need at their end so that no table of the caller's has one of them: the
 * least of "", "_", "__", ... with which none occurs in his code. Names spelled in escapes
 * (U&"...") cannot be looked for; a hash of the code cannot be spelled in it.
 */
static char *
name_suffix(const PgrHybridSearch *s)
{
	static const char *const bases[] = {POOL, FILLED, FUSED, HIT};
	char	   *code = callers_code(s);
	StringInfoData suffix;
	bool		occurs;

	if (strstr(code, "u&\"") != NULL)
		return psprintf("_%08x", hash_bytes((unsigned char *) code, (int) strlen(code)));
	initStringInfo(&suffix);
	do
	{
		occurs = false;
		for (int i = 0; i < lengthof(bases); i++)
			occurs |= strstr(code, psprintf("%s%s", bases[i], suffix.data)) != NULL;
		for (int i = 1; i <= list_length(s->legs); i++)
			occurs |= strstr(code, psprintf("leg_%d%s", i, suffix.data)) != NULL ||
				strstr(code, psprintf("raw_%d%s", i, suffix.data)) != NULL;
		if (occurs)
			appendStringInfoChar(&suffix, '_');
		CHECK_FOR_INTERRUPTS();
	} while (occurs);
	return suffix.data;
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

/*
 * The query of a leg as a value of the type that its operator takes. A value of another
 * type that has a cast to it is cast, as real[] to vector; else its text is read.
 */
static char *
query_sql(Statement *st, const PgrHybridLeg *leg)
{
	CoercionPathType path = COERCION_PATH_NONE;
	Oid			function = InvalidOid;
	Oid			input,
				param;
	Datum		value;

	if (OidIsValid(leg->value_type) && leg->value_type != leg->right_type)
		path = find_coercion_pathway(leg->right_type, leg->value_type, COERCION_EXPLICIT,
									 &function);
	if (path != COERCION_PATH_FUNC || !OidIsValid(function))
		return pgr_sql_value(st->values, leg->value, leg->right_type);
	getTypeInputInfo(leg->value_type, &input, &param);
	value = OidInputFunctionCall(input, leg->value, param, -1);
	if (get_func_nargs(function) == 1)
		value = OidFunctionCall1(function, value);
	else if (get_func_nargs(function) == 2)
		value = OidFunctionCall2(function, value, Int32GetDatum(-1));
	else
		value = OidFunctionCall3(function, value, Int32GetDatum(-1), BoolGetDatum(true));
	return pgr_sql_datum(st->values, value, leg->right_type);
}

/*
 * The distance of a leg: "docs.embedding <=> $1", a float8. Operands have the very types
 * that the operator takes, so that no other one of its name fits better.
 */
static void
write_distance(Statement *st, PgrHybridLeg *leg)
{
	PgrHybridSearch *s = st->search;
	char	   *left = leg->is_expression ? leg->target : pgr_hybrid_column(s, leg->target);
	char	   *right = query_sql(st, leg);

	if (OidIsValid(leg->left_cast))
		left = psprintf("%s::%s", left, pgr_hybrid_type(s, leg->left_cast));
	leg->distance_sql = psprintf(leg->is_float8 ? "%s %s %s" : "(%s %s %s)::double precision",
								 left, pgr_operator_sql(leg->operator, s->shown), right);
	/* what does not match is no result, and need not be walked through to fill a limit */
	if (OidIsValid(leg->match))
		leg->match_sql = psprintf("%s %s %s", left, pgr_operator_sql(leg->match, s->shown), right);
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
	if (leg->match_sql != NULL && s->where != NULL)
		add(st, " AND %s", leg->match_sql);
	else if (leg->match_sql != NULL)
		add(st, "\n%sWHERE %s", indent, leg->match_sql);
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
	return leg->matches_only ? "0::double precision" : "'Infinity'::double precision";
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
	char	   *distance = unique ? "distance" : psprintf("%s(distance)", fn(st, "min"));

	if (!s->shown && !unique)
	{
		add(st, "%s %s AS MATERIALIZED (", before, leg_name(st, "raw", i));
		add_nearest(st, leg, "\t");
		add(st, "\n)");
		before = ",";
	}
	add(st, "%s %s AS MATERIALIZED (\n\tSELECT %s, %s() OVER (ORDER BY %s, %s)::integer AS rank, "
		"%s%s\n\tFROM (", before, leg_name(st, "leg", i), st->keys, fn(st, "row_number"), distance,
		st->keys, distance, unique ? "" : " AS distance");
	if (s->shown || unique)
		add_nearest(st, leg, "\t\t");
	else
		add(st, "SELECT * FROM %s ORDER BY distance, %s LIMIT %d", leg_name(st, "raw", i), st->keys,
			leg->depth);
	add(st, ") nearest");
	if (!leg_is_raw(s))
		add(st, "\n\tWHERE distance %s %s", op(st, "<"), distance_limit(leg));
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
		add(st, ", * FROM %s", leg_name(st, "leg", i));
		if (leg_is_raw(st->search))
			add(st, " WHERE rank %s %d AND distance %s %s", op(st, "<="), leg->depth, op(st, "<"),
				distance_limit(leg));
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

	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s, %s(rank::bigint, weight, %s%s) AS score,\n\t\t",
		name(st, FUSED), st->keys, pgr_function_sql(s->schema, "fuse_rrf"),
		float_literal(s->rrf_k), leg_count(s) > 2 ? " ORDER BY leg" : "");
	add_array(st, psprintf("%s(rank) FILTER (WHERE leg %s #)", fn(st, "max"), op(st, "=")),
			  "integer", "leg_ranks");
	add(st, ",\n\t\t");
	add_array(st, psprintf("0::double precision %s %s(distance) FILTER (WHERE leg %s #)",
						   op(st, "-"), fn(st, "max"), op(st, "=")),
			  "double precision", "leg_scores");
	add(st, "\n\tFROM (");
	add_union(st, true);
	add(st, ") legs\n\tGROUP BY %s", st->keys);
	add_fused_end(st);
}

/*
 * A subquery: the leg's distance of the row with a key; NULL for NaN. nullif() takes the
 * first = of the search_path; without it, OFFSET keeps the distance from being computed
 * twice.
 */
static void
add_distance_of(Statement *st, const PgrHybridLeg *leg, const char *from)
{
	PgrHybridSearch *s = st->search;
	const char *nan = "'NaN'::double precision";
	char	   *distance = s->key_is_unique ? leg->distance_sql :
		psprintf("%s(%s)", fn(st, "min"), leg->distance_sql);

	if (s->bare)
		add(st, "(SELECT nullif(%s, %s)", distance, nan);
	else
		add(st, "(SELECT CASE WHEN distance %s %s THEN NULL ELSE distance END FROM (SELECT %s AS distance",
			op(st, "="), nan, distance);
	add(st, " FROM %s WHERE ", s->relation_sql);
	add_key_match(st, from);
	add(st, s->bare ? ")" : " OFFSET 0) found)");
}

/* The union of the legs, one row a key, and the distances a leg did not reach. */
static void
add_filled(Statement *st)
{
	ListCell   *lc;
	int			i = 0;

	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s", name(st, POOL), st->keys);
	foreach(lc, st->search->legs)
	{
		i++;
		if (((PgrHybridLeg *) lfirst(lc))->value != NULL)
			add(st, ",\n\t\t%1$s(rank) FILTER (WHERE leg %2$s %3$d) AS rank_%3$d, "
				"%1$s(distance) FILTER (WHERE leg %2$s %3$d) AS distance_%3$d",
				fn(st, "max"), op(st, "="), i);
	}
	add(st, "\n\tFROM (");
	add_union(st, false);
	add(st, ") legs\n\tGROUP BY %s\n), %s AS MATERIALIZED (\n\tSELECT %s", st->keys,
		name(st, FILLED), st->keys);
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
			add(st, "least(0::double precision, ");
		add_distance_of(st, leg, name(st, POOL));
		add(st, "%s) AS distance_%d", leg->matches_only ? ")" : "", i);
	}
	add(st, "\n\tFROM %s\n)", name(st, POOL));
}

/* "norm_tmm(score, floor) OVER ()" of leg i */
static void
add_norm(Statement *st, const PgrHybridLeg *leg, int i)
{
	PgrHybridSearch *s = st->search;
	bool		tmm = s->norm == PGR_NORM_TMM && leg->has_floor;

	add(st, "%s(0::double precision %s distance_%d",
		pgr_function_sql(s->schema, tmm ? "norm_tmm" :
						 s->norm == PGR_NORM_DBSF ? "norm_dbsf" : "norm_minmax"), op(st, "-"), i);
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
	add(st, ", %s AS MATERIALIZED (\n\tSELECT %s,\n\t\t", name(st, FUSED), st->keys);
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		i++;
		if (leg->value == NULL)
			continue;
		add(st, "%s(%s %s coalesce(", glue, float_literal(leg->weight), op(st, "*"));
		add_norm(st, leg, i);
		add(st, ", 0::double precision))");
		glue = psprintf("\n\t\t%s ", op(st, "+"));
	}
	add(st, " AS score,\n\t\t");
	add_array(st, "rank_#", "integer", "leg_ranks");
	add(st, ",\n\t\t");
	add_array(st, psprintf("0::double precision %s distance_#", op(st, "-")),
			  "double precision", "leg_scores");
	add(st, "\n\tFROM %s", name(st, FILLED));
	add_fused_end(st);
}

/* --- the end --- */

/* Whether leg i may have lost rows as near as the last one taken; see add_tied. */
static void
add_leg_tied(Statement *st, const PgrHybridLeg *leg, int i)
{
	const char *max = fn(st, "max");
	const char *equal = op(st, "=");

	add(st, "(SELECT coalesce(%s(distance) %s " INT64_FORMAT "::bigint AND %s(distance) %s %s AND %s(distance) %s ",
		fn(st, "count"), equal, leg->fetch, max, op(st, "<"), distance_limit(leg), max, equal);
	if (leg_is_raw(st->search))
		add(st, "%s(distance) FILTER (WHERE rank %s %d), false) FROM %s)", max, equal, leg->depth,
			leg_name(st, "leg", i));
	else
		add(st, "(SELECT distance FROM %1$s ORDER BY distance OFFSET %2$d LIMIT 1), false) FROM %1$s)",
			leg_name(st, "raw", i), leg->depth - 1);
}

/*
 * For each leg whether rows as far as the last one taken may be missing: all that
 * was asked for came, and the last is as near as that one.
 */
static void
add_tied(Statement *st)
{
	ListCell   *lc;
	int			i = 0;

	add(st, ",\n\tARRAY[");
	foreach(lc, st->search->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		add(st, i++ > 0 ? ", " : "");
		if (leg->value == NULL)
			add(st, "false");
		else
			add_leg_tied(st, leg, i);
	}
	add(st, "] AS tied");
}

/*
 * The final score of a reranked row: fused and rerank score, each scaled to 0..1 within
 * the reranked rows, by weight. A row without a rerank score has 0 of that, as the worst.
 */
static void
add_mixed(Statement *st)
{
	PgrHybridSearch *s = st->search;
	const char *scale = pgr_function_sql(s->schema, "norm_minmax");

	add(st, "(%1$s %2$s coalesce(%3$s(score) OVER (), 0::double precision)) %4$s "
		"(%5$s %2$s coalesce(%3$s(rerank_score) OVER (), 0::double precision)) AS mixed_score",
		float_literal(1 - s->rerank_weight), op(st, "*"), scale, op(st, "+"),
		float_literal(s->rerank_weight));
}

/* The fused with their rank, by the rerank where there is one. */
static void
add_hits(Statement *st)
{
	PgrHybridSearch *s = st->search;
	const char *row_number = fn(st, "row_number");

	if (!has_rerank(s))
	{
		add(st, "\nFROM (SELECT *, NULL::double precision AS rerank_score, NULL::double precision AS mixed_score, "
			"%s() OVER (ORDER BY score DESC, %s)::integer AS rank\n\tFROM %s) %s",
			row_number, st->keys, name(st, FUSED), name(st, HIT));
		return;
	}
	/* scaling may make equal what is not, and has no place for the infinite */
	add(st, "\nFROM (SELECT *, %s() OVER (ORDER BY %srerank_score DESC NULLS LAST, score DESC, %s)::integer AS rank"
		"\n\tFROM (SELECT *, ", row_number, s->rerank_weight < 1 ? "mixed_score DESC, " : "", st->keys);
	add_mixed(st);
	add(st, "\n\tFROM (SELECT *, 0::double precision %s ", op(st, "-"));
	add_distance_of(st, s->rerank, name(st, FUSED));
	add(st, " AS rerank_score FROM %s) reranked) mixed\n\tORDER BY rank LIMIT %d) %s",
		name(st, FUSED), s->k, name(st, HIT));
}

/*
 * The relation's row of each hit. Where conditions stand there again, as many rows may
 * have a key, they are in a subquery, which sees no column of the hit's by a bare name.
 */
static void
add_rows(Statement *st)
{
	PgrHybridSearch *s = st->search;

	if (s->key_is_unique)
		add(st, "\nJOIN %s ON ", s->relation_sql);
	else
		add(st, "\nJOIN LATERAL (SELECT ROW(%s.*)::%s AS hit FROM %s WHERE ", s->alias,
			s->relation_sql, s->relation_sql);
	add_key_match(st, name(st, HIT));
	if (!s->key_is_unique)
		add(st, ") found ON true");
}

static void
add_result(Statement *st)
{
	PgrHybridSearch *s = st->search;

	if (!s->typed_row)
		add(st, "\nSELECT %s.key_1::%s AS hit", name(st, HIT), pgr_hybrid_type(s, TEXTOID));
	else if (s->key_is_unique)
		add(st, "\nSELECT ROW(%s.*)::%s AS hit", s->alias, s->relation_sql);
	else
		add(st, "\nSELECT found.hit");
	add(st, ", %1$s.rank, %1$s.score, %1$s.rerank_score, %1$s.leg_ranks, %1$s.leg_scores, %1$s.mixed_score", name(st, HIT));
	if (!s->shown)
		add_tied(st);
	add_hits(st);
	if (s->typed_row)
		add_rows(st);
	add(st, "\nORDER BY %s.rank", name(st, HIT));
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
	st.suffix = name_suffix(s);
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
