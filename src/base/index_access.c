/*
 * index_access.c
 *		Privileges of functions that are given an index.
 *
 * Everything is read from the catalog caches, without a lock on the index or its
 * table; what is dropped meanwhile is found out when it is opened.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/index_access.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

/* Adds the columns of an expression kept in pg_index, offset as pull_varattnos does. */
static void
add_expression_columns(HeapTuple tuple, AttrNumber field, Bitmapset **columns)
{
	bool		isnull;
	Datum		tree = SysCacheGetAttr(INDEXRELID, tuple, field, &isnull);

	if (!isnull)
		pull_varattnos(stringToNode(TextDatumGetCString(tree)), 1, columns);
}

/* All columns that an index reads, offset by FirstLowInvalidHeapAttributeNumber. */
static Bitmapset *
index_columns(HeapTuple tuple)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
	Bitmapset  *columns = NULL;

	for (int i = 0; i < form->indnatts; i++)
	{
		if (form->indkey.values[i] != 0)
			columns = bms_add_member(columns,
									 form->indkey.values[i] - FirstLowInvalidHeapAttributeNumber);
	}
	add_expression_columns(tuple, Anum_pg_index_indexprs, &columns);
	add_expression_columns(tuple, Anum_pg_index_indpred, &columns);
	return columns;
}

/* SELECT on the table, or on each of the columns. */
static bool
may_read_columns(Oid table, Oid user, const Bitmapset *columns)
{
	int			i = -1;

	if (pg_class_aclcheck(table, user, ACL_SELECT) == ACLCHECK_OK)
		return true;
	if (bms_is_empty(columns))
		return false;
	while ((i = bms_next_member(columns, i)) >= 0)
	{
		AttrNumber	attno = i + FirstLowInvalidHeapAttributeNumber;
		AclResult	result = attno == InvalidAttrNumber ?
			pg_attribute_aclcheck_all(table, user, ACL_SELECT, ACLMASK_ALL) :
			pg_attribute_aclcheck(table, attno, user, ACL_SELECT);

		if (result != ACLCHECK_OK)
			return false;
	}
	return true;
}

/* The name of what may just have been dropped. */
static const char *
relation_name(Oid relid)
{
	const char *name = get_rel_name(relid);

	return name ? name : psprintf("%u", relid);
}

typedef enum Refusal
{
	NOT_REFUSED,
	REFUSED_SCHEMA,
	REFUSED_COLUMNS,
	REFUSED_ROWS
} Refusal;

/* Why the current user may not know of an index; *table as well, if it is an index. */
static Refusal
refusal(Oid index, Oid *table)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Oid			user = GetUserId();
	Oid			schema;
	bool		allowed;

	*table = InvalidOid;
	if (!HeapTupleIsValid(tuple))
		return NOT_REFUSED;
	*table = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
	allowed = may_read_columns(*table, user, index_columns(tuple));
	ReleaseSysCache(tuple);

	schema = get_rel_namespace(*table);
	if (OidIsValid(schema) && pgr_schema_aclcheck(schema, user, ACL_USAGE) != ACLCHECK_OK)
		return REFUSED_SCHEMA;
	if (!allowed)
		return REFUSED_COLUMNS;
	return check_enable_rls(*table, InvalidOid, true) == RLS_ENABLED ? REFUSED_ROWS : NOT_REFUSED;
}

bool
pgr_index_may_access(Oid index)
{
	Oid			table;

	return refusal(index, &table) == NOT_REFUSED;
}

void
pgr_index_check_access(Oid index)
{
	Oid			table;

	switch (refusal(index, &table))
	{
		case NOT_REFUSED:
			break;
		case REFUSED_SCHEMA:
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA,
						   get_namespace_name(get_rel_namespace(table)));
			break;
		case REFUSED_COLUMNS:
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, relation_name(table));
			break;
		case REFUSED_ROWS:
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for index %s", relation_name(index)),
					 errdetail("Row-level security of table \"%s\" is in force, and an index tells of all rows.",
							   relation_name(table))));
	}
}

void
pgr_table_check_access(Oid table)
{
	Oid			schema = get_rel_namespace(table);
	Oid			user = GetUserId();

	if (!OidIsValid(schema))
		return;
	if (pgr_schema_aclcheck(schema, user, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
	if (pg_class_aclcheck(table, user, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(table, user, ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, relation_name(table));
}

void
pgr_index_check_owner(Oid index)
{
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(index)) &&
		!pgr_owns_relation(index, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, relation_name(index));
}

Relation
pgr_index_open_table(Oid index)
{
	Oid			table;

	pgr_index_check_access(index);
	table = IndexGetRelation(index, true);
	return OidIsValid(table) ? table_open(table, AccessShareLock) : NULL;
}

Oid
pgr_relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
pgr_owner_begin(Oid table, PgrOwnerRun *run)
{
	Oid			owner = pgr_relation_owner(table);

	GetUserIdAndSecContext(&run->user, &run->security);
	SetUserIdAndSecContext(owner, run->security | SECURITY_RESTRICTED_OPERATION);
	run->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
pgr_owner_end(const PgrOwnerRun *run)
{
	AtEOXact_GUC(false, run->guc_level);
	SetUserIdAndSecContext(run->user, run->security);
}
