/*
 * lexical_hooks.c
 *		What the operators ask of an index. src/inverted sets these when the
 *		library is loaded; without them every query is unbound.
 */
#include "postgres.h"

#include "lexical/lexical.h"

PgrStatisticsHook pgr_statistics_hook = NULL;
PgrIndexHook pgr_index_hook = NULL;
PgrIndexAnalyzerHook pgr_index_analyzer_hook = NULL;
PgrSelectivityHook pgr_selectivity_hook = NULL;
PgrMemoFillHook pgr_memo_fill_hook = NULL;
