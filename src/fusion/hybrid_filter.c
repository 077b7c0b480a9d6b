/*
 * hybrid_filter.c
 *		Conditions in jsonb as SQL. Safe with whatever an application passes: a
 *		name must be a column of the relation and is quoted, an operator is one of
 *		a list, a value is read by the column's type and never becomes SQL text
 *		but through PgrSqlValues.
 *
 *	{"lang": "en"}                          lang = 'en'
 *	{"lang": ["en", "de"]}                  either;  [] is never true
 *	{"deleted_at": null}                    IS NULL
 *	{"year": {">=": 2020, "<": 2024}}       all of them
 *	{"title": {"ilike": "%index%"}}
 *	{"tags": {"contains": ["a"]}}           @>, arrays and jsonb
 *	{"$or": [{...}, {...}]}, {"$and": [...]}, {"$not": {...}}
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "base/deparse.h"
#include "catalog/pg_type.h"
#include "fusion/hybrid.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

/* The relation, where values go, and the SQL so far. */
typedef struct Writer
{
	const PgrHybridSearch *search;
	PgrSqlValues *values;
	StringInfoData sql;
} Writer;

/* A column in a condition. */
typedef struct Column
{
	const char *name;
	char	   *sql;
	Oid			type;			/* domains looked through */
} Column;

static void write_object(Writer *w, JsonbContainer *object);

/* --- values --- */

/* A JSON value as the text that a type's input function reads. */
static char *
json_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvBinary:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
		default:
			return pstrdup("null");
	}
}

/* A JSON value as JSON: a string has its quotes. */
static char *
json_document(const JsonbValue *v)
{
	JsonbValue	copy = *v;

	if (v->type != jbvString)
		return json_text(v);
	return JsonbToCString(NULL, &JsonbValueToJsonb(&copy)->root, 0);
}

PGR_NORETURN static void
bad_condition(const Column *column, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid filter on column \"%s\"", column->name),
			 errdetail("%s", detail)));
}

/* --- operators --- */

/* A btree comparison of the type with itself. */
static Oid
comparison(const Column *column, int strategy)
{
	TypeCacheEntry *cache = lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY);
	Oid			result = InvalidOid;

	if (OidIsValid(cache->btree_opf))
		result = get_opfamily_member(cache->btree_opf, cache->btree_opintype,
									 cache->btree_opintype, strategy);
	if (!OidIsValid(result))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot be compared", column->name,
						format_type_be(column->type))));
	return result;
}

static Oid
equality(const Column *column)
{
	TypeCacheEntry *cache = lookup_type_cache(column->type, TYPECACHE_EQ_OPR);

	if (!OidIsValid(cache->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("column \"%s\" of type %s cannot be compared", column->name,
						format_type_be(column->type))));
	return cache->eq_opr;
}

static void
write_binary(Writer *w, const Column *column, const char *operator, const char *text)
{
	appendStringInfo(&w->sql, "%s %s %s", column->sql, operator,
					 pgr_sql_value(w->values, text, column->type));
}

/* --- conditions --- */

static void
write_equal(Writer *w, const Column *column, const JsonbValue *v)
{
	if (v->type == jbvNull)
		appendStringInfo(&w->sql, "%s IS NULL", column->sql);
	else
		write_binary(w, column,
					 pgr_operator_sql(equality(column), w->search->shown), json_text(v));
}

/* "in": a list of values, NULL among them allowed */
static void
write_in(Writer *w, const Column *column, JsonbContainer *array)
{
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *separator = "(";

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		appendStringInfoString(&w->sql, separator);
		write_equal(w, column, &v);
		separator = " OR ";
	}
	appendStringInfoString(&w->sql, *separator == '(' ? "false" : ")");
}

/* @>, of jsonb or of an array whose elements JSON lists */
static void
write_contains(Writer *w, const Column *column, const JsonbValue *v)
{
	if (column->type == JSONBOID)
		write_binary(w, column, "OPERATOR(pg_catalog.@>)", json_document(v));
	else if (OidIsValid(get_element_type(column->type)) && v->type == jbvBinary &&
			 JsonContainerIsArray(v->val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(v->val.binary.data);
		JsonbIteratorToken token;
		JsonbValue	item;
		Column		element = *column;
		const char *separator = "";

		element.type = get_element_type(column->type);
		appendStringInfo(&w->sql, "%s OPERATOR(pg_catalog.@>) ARRAY[", column->sql);
		while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		{
			if (token != WJB_ELEM)
				continue;
			if (item.type == jbvNull)
				bad_condition(column, "\"contains\" takes no nulls.");
			appendStringInfo(&w->sql, "%s%s", separator,
							 pgr_sql_value(w->values, json_text(&item), element.type));
			separator = ", ";
		}
		appendStringInfo(&w->sql, "]::%s", pgr_hybrid_type(w->search, column->type));
	}
	else
		bad_condition(column, "\"contains\" takes an array for an array column, or any JSON for a jsonb column.");
}

static void
write_like(Writer *w, const Column *column, bool fold, const JsonbValue *v)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(column->type, &category, &preferred);
	if (category != TYPCATEGORY_STRING || v->type != jbvString)
		bad_condition(column, "\"like\" and \"ilike\" compare text columns with strings.");
	appendStringInfo(&w->sql, "%s::%s OPERATOR(pg_catalog.%s) %s", column->sql,
					 pgr_hybrid_type(w->search, TEXTOID), fold ? "~~*" : "~~", pgr_sql_value(w->values, json_text(v), TEXTOID));
}

/* name of an order comparison, or 0 */
static int
order_strategy(const char *name)
{
	static const struct
	{
		const char *name;
		int			strategy;
	}			table[] = {
		{"<", BTLessStrategyNumber},
		{"<=", BTLessEqualStrategyNumber},
		{">=", BTGreaterEqualStrategyNumber},
		{">", BTGreaterStrategyNumber}
	};

	for (int i = 0; i < lengthof(table); i++)
		if (strcmp(name, table[i].name) == 0)
			return table[i].strategy;
	return 0;
}

/* One member of {"op": value, ...} */
static void
write_operation(Writer *w, const Column *column, const char *op, const JsonbValue *v)
{
	int			strategy = order_strategy(op);

	if (strategy != 0 && v->type != jbvNull)
		write_binary(w, column,
					 pgr_operator_sql(comparison(column, strategy), w->search->shown),
					 json_text(v));
	else if (strcmp(op, "=") == 0)
		write_equal(w, column, v);
	else if (strcmp(op, "<>") == 0)
	{
		/* true for NULL: it is not that value */
		appendStringInfoString(&w->sql, "(");
		write_equal(w, column, v);
		appendStringInfoString(&w->sql, ") IS NOT TRUE");
	}
	else if (strcmp(op, "in") == 0 && v->type == jbvBinary &&
			 JsonContainerIsArray(v->val.binary.data))
		write_in(w, column, v->val.binary.data);
	else if (strcmp(op, "contains") == 0)
		write_contains(w, column, v);
	else if (strcmp(op, "like") == 0 || strcmp(op, "ilike") == 0)
		write_like(w, column, op[0] == 'i', v);
	else
		bad_condition(column,
					  psprintf("\"%s\" with a value of this kind is none of =, <>, <, <=, >, >=, in [], like, ilike, contains.", op));
}

/* "column": condition */
static void
write_column(Writer *w, const char *name, const JsonbValue *v)
{
	Column		column;
	AttrNumber	attnum = get_attnum(w->search->relation, name);

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, get_rel_name(w->search->relation))));
	column.name = name;
	column.sql = pgr_hybrid_column(w->search, name);
	column.type = getBaseType(get_atttype(w->search->relation, attnum));

	if (v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data))
		write_in(w, &column, v->val.binary.data);
	else if (v->type == jbvBinary)
	{
		JsonbIterator *it = JsonbIteratorInit(v->val.binary.data);
		JsonbIteratorToken token;
		JsonbValue	item;
		char	   *op = NULL;
		const char *separator = "";

		while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		{
			if (token == WJB_KEY)
				op = json_text(&item);
			else if (token == WJB_VALUE)
			{
				appendStringInfoString(&w->sql, separator);
				write_operation(w, &column, op, &item);
				separator = " AND ";
			}
		}
		if (*separator == '\0')
			bad_condition(&column, "An empty object is no condition.");
	}
	else
		write_equal(w, &column, v);
}

/* "$and": [...], "$or": [...] */
static void
write_list(Writer *w, const char *key, const char *glue, const JsonbValue *v)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	const char *separator = "(";

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of a filter takes an array of conditions", key)));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (item.type != jbvBinary || !JsonContainerIsObject(item.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" of a filter takes an array of conditions", key)));
		appendStringInfoString(&w->sql, separator);
		write_object(w, item.val.binary.data);
		separator = glue;
	}
	if (*separator == '(')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of a filter takes an array of conditions", key)));
	appendStringInfoString(&w->sql, ")");
}

static void
write_member(Writer *w, const char *key, const JsonbValue *v)
{
	if (strcmp(key, "$and") == 0)
		write_list(w, key, " AND ", v);
	else if (strcmp(key, "$or") == 0)
		write_list(w, key, " OR ", v);
	else if (strcmp(key, "$not") == 0)
	{
		if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"$not\" of a filter takes an object")));
		write_object(w, v->val.binary.data);
		appendStringInfoString(&w->sql, " IS NOT TRUE");
	}
	else
		write_column(w, key, v);
}

/* An object's members, all of which must hold; in parentheses. */
static void
write_object(Writer *w, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	item;
	char	   *key = NULL;
	const char *separator = "(";

	check_stack_depth();
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = json_text(&item);
		else if (token == WJB_VALUE)
		{
			appendStringInfoString(&w->sql, separator);
			write_member(w, key, &item);
			separator = " AND ";
		}
	}
	appendStringInfoString(&w->sql, *separator == '(' ? "(true)" : ")");
}

char *
pgr_hybrid_filter(const PgrHybridSearch *s, Jsonb *filter, PgrSqlValues *values)
{
	Writer		w = {s, values};

	if (!JB_ROOT_IS_OBJECT(filter))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("filter must be a JSON object"),
				 errhint("Such as {\"lang\": \"en\", \"year\": {\">=\": 2020}}.")));
	initStringInfo(&w.sql);
	write_object(&w, &filter->root);
	return w.sql.data;
}
