/*
 * cjk.h
 *		Runs of scripts that are written without spaces. Private to src/lexical.
 */
#ifndef PGR_CJK_H
#define PGR_CJK_H

#include "postgres.h"

typedef enum PgrScript
{
	PGR_SCRIPT_OTHER,			/* words by the text search configuration */
	PGR_SCRIPT_CJ,				/* Chinese, Japanese */
	PGR_SCRIPT_THAI
} PgrScript;

/* Can text of this database hold such runs at all? */
extern bool pgr_cjk_possible(void);

/* The script at the start of text (len > 0), and the length of its run. */
extern PgrScript pgr_cjk_run(const char *text, int len, int *run_len);

#endif							/* PGR_CJK_H */
