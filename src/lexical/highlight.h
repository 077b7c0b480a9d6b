/*
 * highlight.h
 *		Where in a text a query's words are. Private to src/lexical.
 */
#ifndef PGR_HIGHLIGHT_H
#define PGR_HIGHLIGHT_H

#include "postgres.h"

#include "lexical/rankquery.h"

/* A piece of the text, in bytes. */
typedef struct PgrSpan
{
	int			start;
	int			end;
} PgrSpan;

/* A word of the text that the query asks for. */
typedef struct PgrMark
{
	PgrSpan		span;
	int			leaf;			/* the first leaf that it is of */
} PgrMark;

typedef struct PgrHighlight
{
	PgrSpan    *words;			/* in order, none within another; of Chinese, Japanese
								 * and Thai each character */
	int			nwords;
	PgrMark    *marks;			/* by start; may overlap */
	int			nmarks;
} PgrHighlight;

/*
 * Analyses text by a configuration (scripts without spaces as bigrams) and finds
 * the words of the query's leaves, those of a phrase only where it occurs. fields: a
 * mask of those that the text may be; leaves limited to others are left out. 0: any.
 */
extern void pgr_highlight(Oid config, const char *text, int len, const PgrQuery *query,
						  uint32 fields, PgrHighlight *result);

#endif							/* PGR_HIGHLIGHT_H */
