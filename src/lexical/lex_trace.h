/*
 * lex_trace.h
 *		What a document in a query is: see lex_trace.c. Private to src/lexical.
 */
#ifndef PGR_LEX_TRACE_H
#define PGR_LEX_TRACE_H

#include "postgres.h"

#include "nodes/pathnodes.h"

struct PgrLevel;

typedef struct PgrTrace
{
	PlannerInfo *root;			/* of the level that the expression stands at */
	struct PgrLevel *level;		/* the same; while it is traced, of the part at hand */
	Node	   *expression;		/* with variables of varno 1, no RelabelType on top */
	RangeTblEntry *table;		/* which these are of; NULL: there are none */
	struct PgrLevel *table_level;	/* where the table stands ... */
	int			table_varno;	/* ... as which entry */
	bool		variables;		/* does the expression have any? */
	bool		failed;			/* not of one table, or not to be followed */
	bool		no_table;		/* it is of a function or a list of values */
	bool		union_all;		/* it is of a set operation */
} PgrTrace;

/* Traces an expression at the level of root; memory: the current context. */
extern void pgr_trace(PlannerInfo *root, Node *expression, PgrTrace *t);

/* Is the table a partition or child, brought in by the planner for its parent? */
extern bool pgr_trace_is_child(const PgrTrace *t);

/*
 * Conditions that each row of the table meets where the query looks at it, with
 * variables of varno 1, simplified, any of them to hold. Those that call a function
 * with planner support function `support` are left out.
 */
extern List *pgr_trace_conditions(const PgrTrace *t, Oid support);

/*
 * An expression of the traced table (varno 1) in the variables that the original
 * expression has for its columns; NULL if it has not one for each.
 */
extern Node *pgr_trace_back(const PgrTrace *t, Node *original, Node *expression);

/* Does the function stand in WHERE or ON of the level, with this document? */
extern bool pgr_trace_in_conditions(PlannerInfo *root, Oid function, Node *document);

#endif							/* PGR_LEX_TRACE_H */
