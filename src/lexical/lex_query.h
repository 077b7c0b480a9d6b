/*
 * lex_query.h
 *		The query argument of an SQL function, kept from call to call. Private to
 *		src/lexical.
 */
#ifndef PGR_LEX_QUERY_H
#define PGR_LEX_QUERY_H

#include "postgres.h"

#include "base/snapkey.h"
#include "lexical/rankquery.h"

/* How an SQL function takes its query: (document, query [, index], ...) */
typedef enum PgrQueryArg
{
	PGR_ARG_WORDS,				/* text: words, any of them */
	PGR_ARG_RANKQUERY
} PgrQueryArg;

/*
 * What pgr_query_state keeps of a query in fn_extra. All of it is valid until the
 * next call with the same FmgrInfo. Where image is NULL nothing else is valid but the
 * contexts.
 */
typedef struct PgrQueryState
{
	MemoryContext context;		/* of what is below; reset for another query */
	MemoryContext statistics;	/* holds pinned, and its key */
	MemoryContext row;			/* of one document; reset for each call */
	struct varlena *image;		/* the argument as passed */
	Oid			index;			/* index asked for, or InvalidOid */
	PgrContentType type;
	PgrRankQuery *rq;
	PgrQuery   *query;
	PgrAnalyzer analyzer;		/* of documents */
	uint64		changes;		/* pgr_lex_changes before it was read */
	bool		current_config; /* unbound, by default_text_search_config */
	double		analysed;		/* words, for matches */
	PgrPinned  *pinned;			/* NULL until a score is asked for */
	PgrSnapKey *key;			/* snapshot that pinned is of, if an index gave it */
} PgrQueryState;

/*
 * The query in argument 1, for documents of a type. index: whose statistics, or
 * InvalidOid for what the query is bound to. Valid for this call.
 */
extern PgrQueryState *pgr_query_state(FunctionCallInfo fcinfo, PgrContentType type,
									  PgrQueryArg arg, Oid index);

/*
 * Its statistics for the active snapshot, valid until the next call with this state.
 * For a bound query these are the index's, whose lock is taken and stays to the end
 * of the transaction; raises what that raises.
 */
extern PgrPinned *pgr_query_pinned(PgrQueryState *state);

/* --- lex_kept.c --- */

/*
 * A document, detoasted, as the analyzer makes it; valid until the next call or until
 * the current memory context is reset. The one analysed last is kept within a command.
 * *fresh: it has been analysed now. Raises as pgr_lex_document.
 */
extern const PgrLexDoc *pgr_lex_analyse(const PgrAnalyzer *a, PgrContentType type, Datum content,
										bool *fresh);

#endif							/* PGR_LEX_QUERY_H */
