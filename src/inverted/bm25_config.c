/*
 * bm25_config.c
 *		Which text search configuration an index has: by its option, by what is
 *		recorded of it, by its column.
 *
 * An index must mean the same whoever rebuilds it, so the session's
 * default_text_search_config is never asked. An index on text needs the option.
 * Older ones may lack it: their configuration is the one that pg_depend records,
 * which REINDEX, VACUUM FULL and TRUNCATE leave alone.
 *
 * Only reads of the catalogs, under AccessShareLock of each, which is let go at once: a
 * configuration that is altered meanwhile shows by its fingerprint. What is returned is
 * palloc'd in the current memory context.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_type.h"
#include "inverted/inverted.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* --- names --- */

/*
 * With its schema, always: which schemas are searched must not matter to whoever reads
 * it back. palloc'd; raises an internal error for an OID that is none.
 */
char *
pgr_config_name(Oid config)
{
	HeapTuple	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	Form_pg_ts_config form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search configuration %u", config);
	form = (Form_pg_ts_config) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->cfgnamespace),
									  NameStr(form->cfgname));
	ReleaseSysCache(tuple);
	return name;
}

/* Neither privileges nor the search_path matter: the index has been allowed to use it. */
static Oid
config_in_schema(const char *name, Oid schema)
{
	return OidIsValid(schema) ?
		GetSysCacheOid2(TSCONFIGNAMENSP, Anum_pg_ts_config_oid,
						CStringGetDatum(name), ObjectIdGetDatum(schema)) : InvalidOid;
}

/*
 * Without a look at privileges: whoever writes to a table uses the configurations
 * of its indexes.
 */
Oid
pgr_config_by_name(const char *qualified)
{
	List	   *names = pgr_name_list(qualified);
	Oid			schema = PG_CATALOG_NAMESPACE;

	if (list_length(names) > 2)
		return InvalidOid;
	if (list_length(names) == 2)
		schema = get_namespace_oid(strVal(linitial(names)), true);
	return config_in_schema(strVal(llast(names)), schema);
}

/*
 * The configuration that an option names. A bare name is looked for in pg_catalog
 * only: dumps are restored, indexes rebuilt and, from PostgreSQL 17 on, created
 * without the user's search_path, and an index must not depend on who does it.
 */
static Oid
config_of_option(const char *given)
{
	Oid			config = pgr_config_by_name(given);
	CatCList   *others;
	char	   *other = NULL;

	if (OidIsValid(config))
		return config;
	others = SearchSysCacheList1(TSCONFIGNAMENSP,
								 CStringGetDatum(strVal(llast(pgr_name_list(given)))));
	if (others->n_members > 0)
		other = pgr_config_name(((Form_pg_ts_config) GETSTRUCT(&others->members[0]->tuple))->oid);
	ReleaseSysCacheList(others);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("text search configuration \"%s\" does not exist", given),
			 other ? errhint("Name its schema too, since indexes are built without your search_path: config = '%s'.", other) : 0));
	return InvalidOid;
}

/* --- what is recorded --- */

/*
 * Reads pg_depend under AccessShareLock, which is let go. An index has one such record
 * at most.
 */
Oid
pgr_config_recorded(Oid index)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			config = InvalidOid;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(index));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == TSConfigRelationId)
			config = form->refobjid;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return config;
}

/* A normal dependency: DROP of the configuration asks for CASCADE. */
void
pgr_config_record(Oid index, Oid config)
{
	ObjectAddress self,
				referenced;

	ObjectAddressSet(self, RelationRelationId, index);
	ObjectAddressSet(referenced, TSConfigRelationId, config);
	deleteDependencyRecordsForClass(RelationRelationId, index, TSConfigRelationId,
									DEPENDENCY_NORMAL);
	recordDependencyOn(&self, &referenced, DEPENDENCY_NORMAL);
}

/* What is recorded of any partition of a partitioned index. */
static Oid
recorded_of_partitions(Oid parent)
{
	Oid			config = InvalidOid;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(parent, NoLock, NULL))
	{
		if (!OidIsValid(config))
			config = pgr_config_recorded(lfirst_oid(lc));
	}
	return config;
}

/*
 * REINDEX CONCURRENTLY builds a copy, of which nothing is recorded yet. The
 * original is the index of this name without the suffix.
 */
static Oid
recorded_of_original(Relation index)
{
	const char *name = RelationGetRelationName(index);
	const char *suffix = strstr(name, "_ccnew");
	Oid			original;

	if (suffix == NULL)
		return InvalidOid;
	for (const char *next; (next = strstr(suffix + 1, "_ccnew")) != NULL;)
		suffix = next;
	original = get_relname_relid(pnstrdup(name, suffix - name),
								 RelationGetNamespace(index));
	if (!OidIsValid(original) ||
		IndexGetRelation(original, true) != index->rd_index->indrelid)
		return InvalidOid;
	return pgr_config_recorded(original);
}

/*
 * Indexes from before the option was required: what pg_depend records, here or where
 * this index comes from.
 */
static Oid
config_of_older_index(Relation index)
{
	Oid			oid = RelationGetRelid(index);
	Oid			config = pgr_config_recorded(oid);

	if (!OidIsValid(config) && index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		config = recorded_of_partitions(oid);
	if (!OidIsValid(config) && index->rd_rel->relispartition)
		config = recorded_of_partitions(get_partition_parent(oid, false));
	if (!OidIsValid(config))
		config = recorded_of_original(index);
	return config;
}

/* The option's value, not in the relation cache, where it may move; or NULL. */
static char *
option_given(Relation index)
{
	const PgrInvOptions *options = pgr_inv_options(index);
	const char *given = pgr_inv_string_option(options, options->config_offset);

	return given ? pstrdup(given) : NULL;
}

/* The option goes first, so that ALTER INDEX SET and REINDEX change the configuration. */
Oid
pgr_config_of_documents(Relation index)
{
	char	   *given = option_given(index);
	Oid			config = given ? config_of_option(given) : config_of_older_index(index);

	if (!OidIsValid(config))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a bm25 index on text needs the option \"config\""),
				 errdetail("It names the text search configuration that turns text into words."),
				 errhint("For example: CREATE INDEX ... USING bm25 (...) WITH (config = 'english').")));
	return config;
}

/* --- tsvector: whose words? --- */

typedef struct Found
{
	Oid			config;
	bool		several;		/* or one that is not a constant */
} Found;

/* Looks for functions like to_tsvector(regconfig, ...). */
static bool
find_config(Node *node, void *context)
{
	Found	   *found = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->args != NIL &&
		exprType(linitial(((FuncExpr *) node)->args)) == REGCONFIGOID)
	{
		Const	   *c = linitial(((FuncExpr *) node)->args);

		if (!IsA(c, Const) || c->constisnull ||
			(OidIsValid(found->config) && found->config != DatumGetObjectId(c->constvalue)))
			found->several = true;
		else
			found->config = DatumGetObjectId(c->constvalue);
	}
	return expression_tree_walker(node, find_config, context);
}

/* The expression that gives the indexed value: the index's, or a generated column's. */
static Node *
source_expression(Relation index)
{
	AttrNumber	attno = index->rd_index->indkey.values[0];
	Node	   *expression = NULL;
	Relation	heap;

	if (attno == 0)
		return linitial(RelationGetIndexExpressions(index));
	heap = table_open(index->rd_index->indrelid, AccessShareLock);
	if (attno > 0 && TupleDescAttr(RelationGetDescr(heap), attno - 1)->attgenerated != '\0')
		expression = build_column_default(heap, attno);
	table_close(heap, NoLock);
	return expression;
}

/* Raises only for an option that names nothing. Two constants that differ are none. */
Oid
pgr_config_of_words(Relation index)
{
	char	   *given = option_given(index);
	Found		found = {InvalidOid, false};

	if (given)
	{
		Oid			config = pgr_config_by_name(given);

		/* a renamed one */
		if (!OidIsValid(config))
			config = pgr_config_recorded(RelationGetRelid(index));
		return OidIsValid(config) ? config : config_of_option(given);
	}
	find_config(source_expression(index), &found);
	return found.several ? InvalidOid : found.config;
}
