/*
 * validate.c
 *		amvalidate of access methods for vectors with filter columns.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "am/filtercol.h"
#include "am/radius.h"
#include "am/validate.h"
#include "am/vecclass.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* What an operator family is for: its support function says. */
typedef enum FamilyKind
{
	FAMILY_NONE,
	FAMILY_VECTOR,				/* one ordering operator */
	FAMILY_FILTER,				/* search operators */
	FAMILY_UNSUITABLE
} FamilyKind;

/*
 * What kind of family its support functions make it: FAMILY_NONE without any,
 * FAMILY_UNSUITABLE (with an INFO for the first that offends) where one has a number other
 * than 1 and 2, a signature other than f(internal) returning internal, or both numbers occur.
 * Reads the catalog cache's list, which the caller holds and releases; locks nothing.
 */
static FamilyKind
validate_functions(CatCList *functions, const char *am)
{
	FamilyKind	kind = FAMILY_NONE;

	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);
		FamilyKind	is = proc->amprocnum == PGR_VECCLASS_PROC ? FAMILY_VECTOR
			: proc->amprocnum == PGR_FILTER_PROC ? FAMILY_FILTER : FAMILY_UNSUITABLE;

		if (is == FAMILY_UNSUITABLE || (kind != FAMILY_NONE && kind != is) ||
			!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		{
			ereport(INFO,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("operator family of access method %s contains an unsuitable function %s",
							am, format_procedure(proc->amproc))));
			return FAMILY_UNSUITABLE;
		}
		kind = is;
	}
	return kind;
}

/*
 * Whether an operator belongs in a family of that kind: of vectors strategy 1, ordering, type
 * by type to float8, and perhaps strategy 2, (type, float8) to boolean, the radius; of filters
 * a search operator of a known strategy. amoplefttype and amoprighttype may differ in filters:
 * cross-type comparisons of integers and of dates.
 */
static bool
validate_operator(FamilyKind kind, Form_pg_amop op)
{
	if (kind == FAMILY_VECTOR && op->amoppurpose == AMOP_SEARCH)
		return op->amopstrategy == PGR_RADIUS_STRATEGY &&
			check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype, FLOAT8OID);
	if (kind == FAMILY_VECTOR)
		return op->amopstrategy == 1 && op->amoppurpose == AMOP_ORDER &&
			check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype);
	return op->amopstrategy <= PGR_FILTER_STRATEGIES && op->amoppurpose == AMOP_SEARCH &&
		check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype, op->amoprighttype);
}

bool
pgr_validate_vector_class(Oid opclass, const char *am)
{
	/*
	 * Holds references to three catalog cache entries to the end. An error in between (out of
	 * memory, a broken entry) gives them back by the resource owner. INFO and not ERROR for
	 * what is wrong, as core's amvalidate functions do: amvalidate() returns false and
	 * regression tests compare.
	 */
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Form_pg_opclass form;
	CatCList   *operators;
	CatCList   *functions;
	FamilyKind	kind;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass);
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(form->opcfamily));
	kind = validate_functions(functions, am);
	result = kind == FAMILY_VECTOR || kind == FAMILY_FILTER;
	/* the first that does not belong is told, as with functions */
	for (int i = 0; result && i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		if (!validate_operator(kind, op))
		{
			ereport(INFO,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("operator family of access method %s contains an unsuitable operator %s",
							am, format_operator(op->amopopr))));
			result = false;
		}
	}
	if (operators->n_members == 0 || kind == FAMILY_NONE)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method %s is missing its operator or function",
						NameStr(form->opcname), am)));
		result = false;
	}
	ReleaseCatCacheList(operators);
	ReleaseCatCacheList(functions);
	ReleaseSysCache(tuple);
	return result;
}
