/*
 * deparse.c
 *		Names of database objects as they stand in generated SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/deparse.h"
#include "catalog/namespace.h"
#include "catalog/pg_operator.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

char *
pgr_relation_sql(Oid relid, bool brief)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (brief && RelationIsVisible(relid))
		return pstrdup(quote_identifier(name));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

char *
pgr_operator_sql(Oid operid, bool brief)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operid));
	Form_pg_operator oper;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operid);
	oper = (Form_pg_operator) GETSTRUCT(tuple);
	/* an operator's name consists of operator characters and needs no quotes */
	if (brief && OperatorIsVisible(operid))
		result = pstrdup(NameStr(oper->oprname));
	else
		result = psprintf("OPERATOR(%s.%s)",
						  quote_identifier(get_namespace_name(oper->oprnamespace)),
						  NameStr(oper->oprname));
	ReleaseSysCache(tuple);
	return result;
}

char *
pgr_function_sql(Oid schema, const char *name)
{
	return quote_qualified_identifier(get_namespace_name(schema), name);
}
