/*
 * index_access.h
 *		Who may ask what an index tells of its table, and in whose name its
 *		expressions are evaluated.
 */
#ifndef PGR_INDEX_ACCESS_H
#define PGR_INDEX_ACCESS_H

#include "postgres.h"

#include "utils/relcache.h"

/*
 * Raises 42501 unless the current user may know what an index (partitioned ones
 * too) tells of its table: USAGE on the schema, SELECT on every column that the
 * index reads, predicate included, and no row-level security in force. Word
 * statistics, recall and the findings of a checker are made of all rows.
 *
 * For calls that name an index. What the planner bound for a column of a query has
 * the rights of that query. Takes no lock, so that who may not read an index cannot
 * be in its owner's way: call it before the index is opened. An OID that is no index
 * passes; opening it says what it is.
 */
extern void pgr_index_check_access(Oid index);

/* Would pgr_index_check_access pass? */
extern bool pgr_index_may_access(Oid index);

/*
 * pgr_index_check_access, then the index's table opened with AccessShareLock, before the
 * index as everybody does. NULL if there is no such index.
 */
extern Relation pgr_index_open_table(Oid index);

/*
 * For a table whose columns a query will read, which then checks each: 42501 for users who
 * may read none of them. Before the table is locked to find out what to ask.
 */
extern void pgr_table_check_access(Oid table);

/* 42501 unless the current user owns the index; takes no lock either. */
extern void pgr_index_check_owner(Oid index);

/* The role that owns a relation; an internal error if there is none. */
extern Oid	pgr_relation_owner(Oid relid);

/* State of the session while it acts for a table's owner. */
typedef struct PgrOwnerRun
{
	Oid			user;
	int			security;
	int			guc_level;
} PgrOwnerRun;

/*
 * Between begin and end index expressions and predicates run as in VACUUM: as the
 * table's owner, in a security-restricted operation, with nothing but pg_catalog in
 * the search_path. Else an owner's function would run with the rights of whoever
 * checks the index. An error that leaves in between is undone by the transaction's
 * or subtransaction's abort.
 */
extern void pgr_owner_begin(Oid table, PgrOwnerRun *run);
extern void pgr_owner_end(const PgrOwnerRun *run);

#endif							/* PGR_INDEX_ACCESS_H */
