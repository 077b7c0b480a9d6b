/*
 * deparse.h
 *		Names of database objects as they stand in generated SQL: quoted and with
 *		their schema, so that no search_path can change their meaning. In SQL made
 *		for reading, brief leaves out the schema of what the search_path finds.
 *		Results are palloc'd in the current memory context.
 */
#ifndef PGR_DEPARSE_H
#define PGR_DEPARSE_H

#include "postgres.h"

/* schema.name; 42P01 if there is no such relation */
extern char *pgr_relation_sql(Oid relid, bool brief);

/* OPERATOR(schema.name); an internal error if there is no such operator */
extern char *pgr_operator_sql(Oid operid, bool brief);

/* schema.name of a function, given its schema */
extern char *pgr_function_sql(Oid schema, const char *name);

#endif							/* PGR_DEPARSE_H */
