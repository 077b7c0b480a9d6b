/*
 * rankquery_bound.c
 *		The index and the configuration that a query names: names, from and to
 *		OIDs, and who may use them.
 *
 * Names are looked up without a lock: between a look-up and the use of its OID the
 * object may go, and whoever opens it finds out. Strings are palloc'd in the current
 * context, or the query's own. Syscache references are released before the return; an
 * error in between leaves them to the resource owner.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/index_access.h"
#include "catalog/namespace.h"
#include "catalog/pg_ts_config.h"
#include "lexical/rankquery.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* --- OID to name --- */

/*
 * A name that finds the object whatever the search path, quoted, palloc'd; or its
 * number, for an object or schema that is gone.
 */
static const char *
qualified(Oid oid, char *name, Oid namespace)
{
	char	   *schema = name ? get_namespace_name(namespace) : NULL;

	return schema ? quote_qualified_identifier(schema, name) : psprintf("%u", oid);
}

/*
 * The index's qualified name as it is stored and shown; of an index that is not there
 * any more its number; "" for a query that is not bound, or by the planner only.
 * palloc'd, or the query's.
 */
const char *
pgr_query_index_name(const PgrQuery *query)
{
	if (query->bound_name)
		return query->bound_name;
	if (!OidIsValid(query->bound) || query->planned)
		return "";
	return qualified(query->bound, get_rel_name(query->bound), get_rel_namespace(query->bound));
}

/* Of a configuration that is not there any more its number; "" for none. palloc'd. */
const char *
pgr_query_config_name(const PgrQuery *query)
{
	HeapTuple	tuple;
	const char *name;

	if (query->config_name)
		return query->config_name;
	if (!OidIsValid(query->config))
		return "";
	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(query->config));
	if (!HeapTupleIsValid(tuple))
		return qualified(query->config, NULL, InvalidOid);
	name = qualified(query->config, NameStr(((Form_pg_ts_config) GETSTRUCT(tuple))->cfgname),
					 ((Form_pg_ts_config) GETSTRUCT(tuple))->cfgnamespace);
	ReleaseSysCache(tuple);
	return name;
}

/* --- name to OID --- */

/*
 * Splits a qualified name that pgr_query_..._name gave; the schema's OID, or
 * InvalidOid. No look at privileges: those of the object are what counts.
 */
static Oid
split_name(const char *name, char **object)
{
	List	   *names = pgr_name_list(name);

	*object = strVal(llast(names));
	return list_length(names) == 2 ? get_namespace_oid(strVal(linitial(names)), true) : InvalidOid;
}

/*
 * The OID of the relation of that qualified name, InvalidOid if there is none. That
 * it is a bm25 index is checked by who opens it.
 */
static Oid
index_named(const char *name)
{
	char	   *object;
	Oid			schema = split_name(name, &object);

	return OidIsValid(schema) ? get_relname_relid(object, schema) : InvalidOid;
}

/* True if the query is bound, by whoever. */
static bool
is_bound(const PgrQuery *query)
{
	return query->bound_name != NULL || OidIsValid(query->bound);
}

/*
 * The index by its name, else by its OID, without a look at privileges; InvalidOid
 * where the name finds nothing.
 */
static Oid
chosen_index(const PgrQuery *query)
{
	return query->bound_name ? index_named(query->bound_name) : query->bound;
}

/*
 * Contract in lexical.h. Each call looks the name up: an index may be made anew under
 * it.
 */
Oid
pgr_query_index(const PgrQuery *query)
{
	Oid			index;

	if (query->planned || !is_bound(query))
		return query->bound;
	index = chosen_index(query);
	if (!OidIsValid(index))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index %s of a rankquery does not exist", query->bound_name),
				 errhint("Bind the query to another index with bm25_bind(query, index).")));
	pgr_index_check_access(index);
	return index;
}

/*
 * Contract in lexical.h: for the planner's estimates, which must raise nothing, nor
 * tell statistics to who may not see them.
 */
Oid
pgr_query_index_if_allowed(const PgrQuery *query)
{
	Oid			index;

	if (query->planned || !is_bound(query))
		return query->bound;
	index = chosen_index(query);
	return OidIsValid(index) && pgr_index_may_access(index) ? index : InvalidOid;
}

/*
 * A name that is gone is an error: documents would be analysed otherwise than the
 * words were.
 */
Oid
pgr_query_config(const PgrQuery *query)
{
	char	   *object;
	Oid			schema,
				config;

	if (query->config_name == NULL)
		return query->config;
	schema = split_name(query->config_name, &object);
	config = OidIsValid(schema) ?
		GetSysCacheOid2(TSCONFIGNAMENSP, Anum_pg_ts_config_oid, CStringGetDatum(object),
						ObjectIdGetDatum(schema)) : InvalidOid;
	if (!OidIsValid(config))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("text search configuration %s of a rankquery does not exist",
						query->config_name)));
	return config;
}
