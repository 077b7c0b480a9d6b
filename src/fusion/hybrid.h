/*
 * hybrid.h
 *		hybrid_search(): from its arguments to a statement. See README for the
 *		statement's shape and for what may be in it.
 *
 * The order of work: arguments are read into a PgrHybridSearch (hybrid_args.c,
 * hybrid_leg.c, hybrid_profile.c), names in it are resolved in the catalogs
 * (hybrid_resolve.c), filters become SQL (hybrid_filter.c), the statement is written
 * (hybrid_sql.c) and run or shown (hybrid_search.c). Everything lives in the memory
 * context current at the start.
 */
#ifndef PGR_HYBRID_H
#define PGR_HYBRID_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* A leg as given, and what its names mean. */
typedef struct PgrHybridLeg
{
	/* as in type hybrid_leg */
	char	   *target;			/* column name, or expression */
	bool		is_expression;
	char	   *operator_name;
	char	   *value;			/* text form of the query; NULL: no query, no leg */
	Oid			value_type;		/* InvalidOid: whatever the operator takes */
	double		weight;
	int32		depth;
	bool		has_floor;
	double		floor;			/* least score (negative distance) possible */

	/* resolved */
	Oid			operator;
	Oid			match;			/* operator for a condition that a row match, or InvalidOid */
	bool		is_float8;		/* the operator's result; else it is cast */
	Oid			left_cast;		/* what the column is cast to, or InvalidOid */
	Oid			right_type;		/* what value is read as, or cast to */
	bool		matches_only;	/* a distance of 0 or more is no match */

	/* written */
	char	   *distance_sql;	/* left operator right; value as $n or literal */
	char	   *match_sql;		/* left match right, or NULL */
	int64		fetch;			/* rows to ask for, more than depth */
} PgrHybridLeg;

typedef enum PgrFuseMethod
{
	PGR_FUSE_RRF,
	PGR_FUSE_CC
} PgrFuseMethod;

typedef enum PgrNorm
{
	PGR_NORM_TMM,
	PGR_NORM_MINMAX,
	PGR_NORM_DBSF
} PgrNorm;

typedef struct PgrHybridSearch
{
	Oid			extension;		/* this one, or InvalidOid if there is none */
	Oid			schema;			/* of its functions */
	Oid			relation;
	bool		shown;			/* the statement is for reading, not for running */
	bool		typed_row;		/* result is the relation's row, not its key */
	List	   *key_names;		/* char *; NIL: the primary key */
	List	   *legs;			/* PgrHybridLeg *; those without a value too */
	PgrHybridLeg *rerank;		/* or NULL; depth is how many are reranked */
	double		rerank_weight;	/* share of the rerank's score in the final one, 0..1; 1
								 * also orders by the rerank's score alone */
	int32		k;
	PgrFuseMethod method;
	double		rrf_k;
	PgrNorm		norm;
	List	   *filters;		/* Jsonb *; all must hold */
	char	   *where_sql;		/* or NULL */
	ArrayType  *where_values;	/* text[] or NULL */

	/* resolved */
	char	   *relation_sql;	/* schema.name */
	char	   *alias;			/* name, as columns are qualified */
	bool		bare;			/* names of pg_catalog need no schema */
	List	   *key_attnums;	/* int */
	bool		key_is_unique;	/* an index says so */
	List	   *key_equal;		/* Oid of each key's = */

	/* written */
	char	   *where;			/* all conditions, NULL if there are none */
} PgrHybridSearch;

/*
 * Values of a statement in the making: parameters of a statement to be run, or
 * literals of one to be shown (PgrHybridSearch.shown).
 */
typedef struct PgrSqlValues
{
	bool		shown;
	int			count;
	int			capacity;
	Oid		   *types;
	Datum	   *values;
} PgrSqlValues;

/* --- hybrid_leg.c --- */

/* Elements of a hybrid_leg[], not more than PGR_HYBRID_MAX_LEGS; NULL elements raise. */
#define PGR_HYBRID_MAX_LEGS 100
extern List *pgr_hybrid_read_legs(ArrayType *array);

/* A hybrid_leg; the name of what it is stands in errors ("leg 2", "rerank"). */
extern PgrHybridLeg *pgr_hybrid_read_leg(Datum row, const char *what);

extern PgrFuseMethod pgr_hybrid_method(const char *name);
extern PgrNorm pgr_hybrid_norm(const char *name);

/*
 * Sets the rerank's weight, after the rerank itself; *weight may be NULL for the default.
 * 22023 for what is no share, and for a weight without a rerank.
 */
extern void pgr_hybrid_set_rerank_weight(PgrHybridSearch *s, const double *weight);

/* Elements of a text[] of column names; NULL elements raise. */
extern List *pgr_hybrid_read_key(ArrayType *array);

/* A number of rows: no list is longer than an int4 tells, whatever is asked for. */
extern int32 pgr_hybrid_count(int64 n);

/* --- hybrid_profile.c --- */

/*
 * Reads a profile of s->relation from the table in a schema: all but the queries. The
 * table's owner must be able to act as the caller or as the relation's owner (42501).
 */
extern void pgr_hybrid_read_profile(PgrHybridSearch *s, const char *schema, const char *profile);

/* --- hybrid_args.c --- */

/*
 * The arguments of hybrid_search(), or of its form that shows the statement, as the
 * call has them; names are not looked up yet. typed_row: the first is NULL::relation,
 * and rows are asked for, not keys. Raises as the readers of legs do.
 */
extern PgrHybridSearch *pgr_hybrid_read_search(FunctionCallInfo fcinfo, bool typed_row);

/* The same of profile_search(), whose profile is read from its table. */
extern PgrHybridSearch *pgr_hybrid_read_profile_search(FunctionCallInfo fcinfo, bool typed_row);

/* k, rrf_k and depths: 22023 for what no search can have */
extern void pgr_hybrid_check(const PgrHybridSearch *s);

/* --- hybrid_resolve.c --- */

/*
 * Fills in what names mean: relation, keys, operators. Raises for unknown ones
 * (42P01, 42703, 42883) and for operators that give no distance (42804). Says in a
 * NOTICE which legs must read a whole table of some size.
 */
extern void pgr_hybrid_resolve(PgrHybridSearch *s);

/* "schema.name.column" with the relation's alias */
extern char *pgr_hybrid_column(const PgrHybridSearch *s, const char *name);

/*
 * A caller's SQL expression with each $n replaced by the literal of values[n],
 * checked to be one expression and nothing else (42601), in parentheses. *parsed,
 * if asked for, is its raw parse tree.
 */
extern char *pgr_hybrid_expression(const char *what, const char *text,
								   ArrayType *values, Node **parsed);

/* A type's name; with its schema unless it is found without. */
extern char *pgr_hybrid_type(const PgrHybridSearch *s, Oid type);

/* --- hybrid_values.c --- */

/* A value as SQL: $n or a literal with its type. */
extern char *pgr_sql_datum(PgrSqlValues *values, Datum value, Oid type);

/* The same from the value's text form; raises as the type's input does. */
extern char *pgr_sql_value(PgrSqlValues *values, const char *text, Oid type);

/* --- hybrid_filter.c --- */

/* jsonb conditions as SQL; every name quoted, every value through *values */
extern char *pgr_hybrid_filter(const PgrHybridSearch *s, Jsonb *filter,
							   PgrSqlValues *values);

/* --- hybrid_sql.c --- */

/*
 * The statement. Values are added to *values. To be shown, legs are ordered by
 * (distance, key); to be run, by distance alone with leg->fetch rows, and an extra
 * last column says for each leg whether a tie may have been cut.
 */
extern char *pgr_hybrid_statement(PgrHybridSearch *s, PgrSqlValues *values);

/* --- hybrid_plans.c --- */

/*
 * Runs the statement of a search read-only through SPI, which is connected; its rows
 * are in SPI_tuptable. An error inside names the relation, not the statement.
 */
extern void pgr_hybrid_execute(const PgrHybridSearch *s, const char *sql,
							   const PgrSqlValues *values);

#endif							/* PGR_HYBRID_H */
