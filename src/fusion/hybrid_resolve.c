/*
 * hybrid_resolve.c
 *		What the names in a hybrid search mean: relation, key columns, operators.
 *		The parsing of a caller's SQL expressions.
 *
 * Operators are found by name, so that an access method that comes later brings a
 * new kind of leg without a change here.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "base/deparse.h"
#include "base/index_access.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fusion/hybrid.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "parser/parse_oper.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "storage/bufmgr.h"
#include "types/distance.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

/* a table of fewer blocks (1 MB) is read so fast that no notice is due */
#define NOTICE_BLOCKS 128

/* partitions looked at for indexes; the first ones stand for all */
#define LOOKED_AT 8

char *
pgr_hybrid_column(const PgrHybridSearch *s, const char *name)
{
	return psprintf("%s.%s", s->alias, quote_identifier(name));
}

char *
pgr_hybrid_type(const PgrHybridSearch *s, Oid type)
{
	return s->bare ? format_type_be(type) : format_type_be_qualified(type);
}

static AttrNumber
column_number(const PgrHybridSearch *s, const char *name)
{
	AttrNumber	attnum = get_attnum(s->relation, name);

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, get_rel_name(s->relation))));
	return attnum;
}

/* --- expressions of the caller --- */

/* A place in a caller's expression is not one in his statement. */
static void
expression_position(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

static List *
parse_expression(const char *text)
{
	ErrorContextCallback callback = {error_context_stack, expression_position,
	unconstify(char *, text)};
	List	   *raw;

	error_context_stack = &callback;
	raw = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	error_context_stack = callback.previous;
	return raw;
}

/* The expression of "SELECT expression", NULL if there is anything else. */
static Node *
single_expression(const char *text)
{
	List	   *raw = parse_expression(text);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, raw)->stmt);
	ResTarget  *target;

	if (list_length(select->targetList) != 1 ||
		select->distinctClause || select->intoClause || select->fromClause ||
		select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->valuesLists || select->sortClause ||
		select->limitOffset || select->limitCount || select->lockingClause ||
		select->withClause || select->op != SETOP_NONE)
		return NULL;
	target = linitial_node(ResTarget, select->targetList);
	return target->name == NULL && target->indirection == NIL ? target->val : NULL;
}

/* Collects the ParamRef nodes of a raw expression. */
static bool
find_params(Node *node, List **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, ParamRef))
		*params = lappend(*params, node);
	return raw_expression_tree_walker(node, find_params, params);
}

static int
by_location(const ListCell *a, const ListCell *b)
{
	return ((ParamRef *) lfirst(a))->location - ((ParamRef *) lfirst(b))->location;
}

/* Element n (from 1) of a text[] as a literal. */
static char *
value_literal(ArrayType *values, int n)
{
	Datum	   *items;
	bool	   *nulls;
	int			count = 0;

	if (values != NULL)
		deconstruct_array(values, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	if (n < 1 || n > count)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_PARAMETER),
				 errmsg("there is no value for parameter $%d", n)));
	return nulls[n - 1] ? "NULL" : quote_literal_cstr(TextDatumGetCString(items[n - 1]));
}

char *
pgr_hybrid_expression(const char *what, const char *text, ArrayType *values, Node **parsed)
{
	Node	   *node = single_expression(text);
	List	   *params = NIL;
	ListCell   *lc;
	StringInfoData sql;
	int			done = 0;

	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s must be a single SQL expression", what)));
	(void) find_params(node, &params);
	list_sort(params, by_location);

	initStringInfo(&sql);
	appendStringInfoChar(&sql, '(');
	foreach(lc, params)
	{
		ParamRef   *param = lfirst_node(ParamRef, lc);

		/* blanks around it: no letter before a quote may become a part of it */
		appendBinaryStringInfo(&sql, text + done, param->location - done);
		appendStringInfo(&sql, " %s ", value_literal(values, param->number));
		done = param->location + 1;
		while (text[done] >= '0' && text[done] <= '9')
			done++;
	}
	/* a line end: the expression may close with a comment */
	appendStringInfo(&sql, "%s\n)", text + done);
	if (parsed != NULL)
		*parsed = node;
	return sql.data;
}

/* The type of an expression over the relation's columns. */
static Oid
expression_type(const PgrHybridSearch *s, Node *raw)
{
	ParseState *pstate = make_parsestate(NULL);
	Relation	rel = relation_open(s->relation, AccessShareLock);
	ParseNamespaceItem *item;
	Oid			type;

	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, item, true, true, true);
	type = exprType(transformExpr(pstate, raw, EXPR_KIND_SELECT_TARGET));
	free_parsestate(pstate);
	relation_close(rel, NoLock);
	return type;
}

/* --- operators --- */

static List *
operator_names(const char *name)
{
	List	   *parts;
	List	   *names = NIL;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) ||
		list_length(parts) < 1 || list_length(parts) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid operator name \"%s\"", name)));
	foreach(lc, parts)
		names = lappend(names, makeString(lfirst(lc)));
	return names;
}

/* An operator for these operands by coercing them as a statement would. */
static Oid
coercing_operator(List *names, Oid left, Oid right)
{
	Operator	tuple = oper(NULL, names, left, right, true, -1);
	Oid			result = InvalidOid;

	if (tuple != NULL)
	{
		result = oprid(tuple);
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Whether a value has a cast of its own to a type, not only a text in common. */
static bool
has_cast(Oid from, Oid to)
{
	Oid			function;
	CoercionPathType path = find_coercion_pathway(to, from, COERCION_EXPLICIT, &function);

	return path == COERCION_PATH_FUNC || path == COERCION_PATH_RELABELTYPE;
}

/*
 * The operator that takes left and, if it has a type, the value as they are; else the one
 * that an untyped literal would get, which is the column's own (a cast of the column
 * would keep an index from being used), if the value has a cast to what it takes; else
 * one by coercion; else the literal's after all, the value's text being read.
 */
static Oid
named_operator(List *names, Oid left, Oid right)
{
	Oid			untyped = coercing_operator(names, left, UNKNOWNOID);
	Oid			found = InvalidOid;
	Oid			takes[2];

	if (!OidIsValid(right))
		return untyped;
	found = OpernameGetOprid(names, left, right);
	if (OidIsValid(found))
		return found;
	if (OidIsValid(untyped))
	{
		op_input_types(untyped, &takes[0], &takes[1]);
		if (has_cast(right, takes[1]))
			return untyped;
	}
	found = coercing_operator(names, left, right);
	return OidIsValid(found) ? found : untyped;
}

/*
 * This extension's own, wherever it is; else by the caller's search_path. So no schema
 * of the path can have another one in its place, unless it is named.
 */
static Oid
find_operator(const PgrHybridSearch *s, const char *name, Oid left, Oid right)
{
	List	   *names = operator_names(name);
	Oid			own;

	left = getBaseType(left);
	if (list_length(names) == 2)
		return named_operator(names, left, right);
	own = named_operator(lcons(makeString(get_namespace_name(s->schema)), list_copy(names)),
						 left, right);
	if (OidIsValid(own) && OidIsValid(s->extension) &&
		getExtensionOfObject(OperatorRelationId, own) == s->extension)
		return own;
	return named_operator(names, left, right);
}

static bool
is_distance_type(Oid type)
{
	return type == FLOAT8OID || type == FLOAT4OID || type == INT4OID ||
		type == INT8OID || type == NUMERICOID;
}

/* The operator of the same operands that says whether a row matches at all. */
static Oid
match_operator(Form_pg_operator distance)
{
	Oid			found;

	if (strcmp(NameStr(distance->oprname), "<@>") != 0)
		return InvalidOid;
	found = OpernameGetOprid(list_make2(makeString(get_namespace_name(distance->oprnamespace)),
										makeString("@@@")),
							 distance->oprleft, distance->oprright);
	return OidIsValid(found) && get_op_rettype(found) == BOOLOID ? found : InvalidOid;
}

/*
 * Operators with a natural "nothing in common": <@> (BM25) and the inner product
 * of sparse vectors. A distance of 0 there is no match.
 */
static bool
operator_matches_only(const PgrHybridSearch *s, const char *name, Oid left)
{
	if (strcmp(name, "<@>") == 0)
		return true;
	return strcmp(name, "<#>") == 0 && OidIsValid(left) &&
		left == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
								CStringGetDatum("sparsevec"),
								ObjectIdGetDatum(s->schema));
}

/* The least score of an operator, the greatest distance negated, where it is known. */
static void
set_floor(PgrHybridLeg *leg, const char *op)
{
	const PgrDistance *distance = pgr_distance_of_operator(op);

	leg->has_floor = leg->matches_only || (distance != NULL && !isinf(distance->most));
	if (leg->has_floor)
		leg->floor = leg->matches_only ? 0 : -distance->most;
}

static void
resolve_operator(PgrHybridSearch *s, PgrHybridLeg *leg, Oid left)
{
	HeapTuple	tuple;
	Form_pg_operator oper;

	leg->operator = find_operator(s, leg->operator_name, left, leg->value_type);
	if (!OidIsValid(leg->operator))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("operator does not exist: %s %s %s", format_type_be(left),
						leg->operator_name,
						OidIsValid(leg->value_type) ? format_type_be(leg->value_type) : "unknown")));
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(leg->operator));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", leg->operator);
	oper = (Form_pg_operator) GETSTRUCT(tuple);
	if (!is_distance_type(oper->oprresult))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("operator %s returns %s, not a distance", leg->operator_name,
						format_type_be(oper->oprresult))));
	leg->is_float8 = oper->oprresult == FLOAT8OID;
	leg->right_type = oper->oprright;
	if (IsPolymorphicType(leg->right_type))
		leg->right_type = OidIsValid(leg->value_type) ? leg->value_type : left;
	if (oper->oprleft != left && !IsPolymorphicType(oper->oprleft))
		leg->left_cast = oper->oprleft;
	leg->matches_only = operator_matches_only(s, NameStr(oper->oprname), oper->oprleft);
	leg->match = match_operator(oper);
	if (!leg->has_floor)
		set_floor(leg, NameStr(oper->oprname));
	ReleaseSysCache(tuple);
}

static void
resolve_leg(PgrHybridSearch *s, PgrHybridLeg *leg, const char *what)
{
	Oid			type;

	if (leg->is_expression)
	{
		Node	   *raw;

		leg->target = pgr_hybrid_expression(what, leg->target, NULL, &raw);
		type = expression_type(s, raw);
	}
	else
		type = get_atttype(s->relation, column_number(s, leg->target));
	resolve_operator(s, leg, type);
}

/* --- notice of legs without an index --- */

/* Whether an index of the table can order by the leg's operator. */
static bool
index_can_order(Oid index, const PgrHybridLeg *leg, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	oidvector  *classes;
	Datum		d;
	bool		isnull,
				found = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	d = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indclass, &isnull);
	classes = (oidvector *) DatumGetPointer(d);
	for (int i = 0; !found && form->indisvalid && i < form->indnkeyatts; i++)
		found = form->indkey.values[i] == attnum &&
			SearchSysCacheExists3(AMOPOPID, ObjectIdGetDatum(leg->operator),
								  CharGetDatum(AMOP_ORDER),
								  ObjectIdGetDatum(get_opclass_family(classes->values[i])));
	ReleaseSysCache(tuple);
	return found;
}

/* Whether an index of the table has the leg's order; of what a view reads, perhaps. */
static bool
table_has_order(Relation rel, const PgrHybridLeg *leg)
{
	/* an expression is attribute 0 of an index; children number columns anew */
	AttrNumber	attnum = leg->is_expression ? 0 :
		get_attnum(RelationGetRelid(rel), leg->target);
	ListCell   *lc;

	if (rel->rd_rel->relkind == RELKIND_VIEW)
		return true;
	foreach(lc, RelationGetIndexList(rel))
	{
		if (index_can_order(lfirst_oid(lc), leg, attnum))
			return true;
	}
	return false;
}

/* Whether a search of this table reads all of it, and that is worth saying. */
static bool
table_is_scanned(Relation rel, const PgrHybridLeg *leg)
{
	return RELKIND_HAS_STORAGE(rel->rd_rel->relkind) &&
		RelationGetNumberOfBlocks(rel) >= NOTICE_BLOCKS && !table_has_order(rel, leg);
}

/* The first of the tables of which that is true, by name; NULL if there is none. */
static char *
any_table(List *tables, const PgrHybridLeg *leg, bool (*is) (Relation, const PgrHybridLeg *))
{
	ListCell   *lc;
	int			seen = 0;

	foreach(lc, tables)
	{
		Relation	rel;
		char	   *found = NULL;

		if (seen++ > LOOKED_AT)
			break;
		rel = try_relation_open(lfirst_oid(lc), AccessShareLock);
		if (rel == NULL)
			continue;
		if (is(rel, leg))
			found = pstrdup(RelationGetRelationName(rel));
		relation_close(rel, NoLock);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static void
notice_scan(List *tables, const PgrHybridLeg *leg, int number)
{
	char	   *table = any_table(tables, leg, table_is_scanned);

	if (table != NULL)
		ereport(NOTICE,
				(errmsg("leg %d reads all of table \"%s\": no index orders it by %s",
						number, table, leg->operator_name)));
}

/* --- keys --- */

static List *
primary_key(const PgrHybridSearch *s)
{
	Oid			constraint;
	Bitmapset  *columns = get_primary_key_attnos(s->relation, false, &constraint);
	List	   *names = NIL;
	int			i = -1;

	while ((i = bms_next_member(columns, i)) >= 0)
		names = lappend(names, get_attname(s->relation,
										   i + FirstLowInvalidHeapAttributeNumber, false));
	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation \"%s\" has no primary key", get_rel_name(s->relation)),
				 errhint("Name the columns of a unique key.")));
	return names;
}

/* Whether the index makes the key columns unique: all its columns are among them. */
static bool
index_is_key(Oid index, List *attnums)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	result = form->indisunique && form->indisvalid && form->indimmediate &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	for (int i = 0; result && i < form->indnkeyatts; i++)
		result = list_member_int(attnums, form->indkey.values[i]);
	ReleaseSysCache(tuple);
	return result;
}

static bool
key_is_unique(const PgrHybridSearch *s)
{
	Relation	rel = relation_open(s->relation, AccessShareLock);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;
	bool		result = false;

	foreach(lc, indexes)
		result = result || index_is_key(lfirst_oid(lc), s->key_attnums);
	relation_close(rel, NoLock);
	return result;
}

static void
resolve_key(PgrHybridSearch *s)
{
	char		relkind = get_rel_relkind(s->relation);
	ListCell   *lc;

	if (s->key_names == NIL)
		s->key_names = primary_key(s);
	foreach(lc, s->key_names)
	{
		AttrNumber	attnum = column_number(s, lfirst(lc));
		Oid			type = get_atttype(s->relation, attnum);
		TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);

		if (!OidIsValid(cache->eq_opr) || !OidIsValid(cache->lt_opr))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("key column \"%s\" has type %s, which has no order",
							(char *) lfirst(lc), format_type_be(type))));
		s->key_attnums = lappend_int(s->key_attnums, attnum);
		s->key_equal = lappend_oid(s->key_equal, cache->eq_opr);
	}
	s->key_is_unique = key_is_unique(s);
	if (s->typed_row && !s->key_is_unique &&
		(relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		 relkind == RELKIND_MATVIEW))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key of relation \"%s\" is not unique", get_rel_name(s->relation)),
				 errdetail("A row is found by a primary key or a unique index."),
				 errhint("hybrid_search(relation, key, ...) groups by a key that is not unique.")));
}

/* Whether functions and operators of pg_catalog are found before all others. */
static bool
catalog_is_first(void)
{
	List	   *path = fetch_search_path(true);
	ListCell   *lc;
	bool		first = false;

	foreach(lc, path)
	{
		/* nobody looks for functions or operators among temporary objects */
		if (isTempNamespace(lfirst_oid(lc)))
			continue;
		first = lfirst_oid(lc) == PG_CATALOG_NAMESPACE;
		break;
	}
	list_free(path);
	return first;
}

void
pgr_hybrid_resolve(PgrHybridSearch *s)
{
	List	   *tables;
	ListCell   *lc;
	bool		filtered;
	int			number = 0;

	pgr_table_check_access(s->relation);
	s->relation_sql = pgr_relation_sql(s->relation, s->shown);
	s->alias = pstrdup(quote_identifier(get_rel_name(s->relation)));
	s->bare = s->shown && catalog_is_first();
	/* rows may be kept out of a leg */
	filtered = s->filters != NIL || s->where_sql != NULL ||
		get_rel_relkind(s->relation) == RELKIND_VIEW ||
		check_enable_rls(s->relation, InvalidOid, true) == RLS_ENABLED;
	resolve_key(s);
	tables = find_all_inheritors(s->relation, NoLock, NULL);
	foreach(lc, s->legs)
	{
		PgrHybridLeg *leg = lfirst(lc);

		number++;
		resolve_leg(s, leg, psprintf("leg %d", number));
		if (leg->value != NULL)
			notice_scan(tables, leg, number);
		/* a condition only for the sake of an index, which ends its search by it */
		if (!filtered || !any_table(tables, leg, table_has_order))
			leg->match = InvalidOid;
	}
	if (s->rerank != NULL)
		resolve_leg(s, s->rerank, "rerank");
}
