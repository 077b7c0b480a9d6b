/*
 * lex_changes.c
 *		How often the catalogs of text search have changed: what was made of words before
 *		may not be what is made of them now.
 */
#include "postgres.h"

#include "lexical/lexical.h"
#include "utils/inval.h"
#include "utils/syscache.h"

static uint64 changes = 0;

static void
count_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes++;
}

void
pgr_lex_changes_init(void)
{
	CacheRegisterSyscacheCallback(TSCONFIGOID, count_change, 0);
	CacheRegisterSyscacheCallback(TSCONFIGMAP, count_change, 0);
	CacheRegisterSyscacheCallback(TSDICTOID, count_change, 0);
	CacheRegisterSyscacheCallback(TSPARSEROID, count_change, 0);
	CacheRegisterSyscacheCallback(TSTEMPLATEOID, count_change, 0);
}

uint64
pgr_lex_changes(void)
{
	return changes;
}
