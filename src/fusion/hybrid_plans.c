/*
 * hybrid_plans.c
 *		Running a hybrid search's statement with a plan kept from an earlier call.
 *
 * Values are parameters, so the searches of one place in an application have the
 * same text, and most of what a small search costs beyond its legs would be parsing
 * and planning. The server's plan cache keeps a saved plan right (changed tables,
 * search_path, role, row security). With conditions a plan is made for the values of
 * each call all the same: how many rows a filter leaves decides between indexes.
 *
 * A search may run another one (a function in where_sql), so plans are dropped only
 * when none is running.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "fusion/hybrid.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define KEPT_PLANS 64

typedef struct KeptPlan
{
	uint64		hash;
	char	   *sql;
	int			count;			/* parameters */
	Oid		   *types;
	SPIPlanPtr	plan;			/* NULL: free */
} KeptPlan;

static KeptPlan kept[KEPT_PLANS];
static int	next_to_drop = 0;
static int	running = 0;

static KeptPlan *
find_plan(uint64 hash, const char *sql, const PgrSqlValues *values)
{
	for (int i = 0; i < KEPT_PLANS; i++)
	{
		KeptPlan   *k = &kept[i];

		if (k->plan != NULL && k->hash == hash && k->count == values->count &&
			strcmp(k->sql, sql) == 0 &&
			memcmp(k->types, values->types, sizeof(Oid) * k->count) == 0)
			return k;
	}
	return NULL;
}

/* A place for a plan, emptied; NULL if all are taken and may be in use. */
static KeptPlan *
free_place(void)
{
	KeptPlan   *k = &kept[next_to_drop];

	if (k->plan != NULL)
	{
		SPIPlanPtr	plan = k->plan;

		if (running > 0)
			return NULL;
		k->plan = NULL;
		SPI_freeplan(plan);
		pfree(k->sql);
		pfree(k->types);
	}
	next_to_drop = (next_to_drop + 1) % KEPT_PLANS;
	return k;
}

static SPIPlanPtr
get_plan(const char *sql, const PgrSqlValues *values, int options)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) sql, strlen(sql), 0);
	KeptPlan   *k = find_plan(hash, sql, values);
	SPIPlanPtr	plan;

	if (k != NULL)
		return k->plan;
	plan = SPI_prepare_cursor(sql, values->count, values->types, options);
	if (plan == NULL)
		elog(ERROR, "hybrid search could not be prepared: %s",
			 SPI_result_code_string(SPI_result));
	k = free_place();
	if (k == NULL)
		return plan;

	k->hash = hash;
	k->count = values->count;
	k->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * Max(values->count, 1));
	memcpy(k->types, values->types, sizeof(Oid) * values->count);
	k->sql = MemoryContextStrdup(TopMemoryContext, sql);
	SPI_keepplan(plan);
	k->plan = plan;
	return plan;
}

/* --- errors --- */

/*
 * The context of an error without the line that has the whole statement (SPI's), which
 * says what was run in its place.
 */
static char *
context_without(const char *context, const char *sql, const char *instead)
{
	const char *found = context ? strstr(context, sql) : NULL;
	const char *from = found,
			   *to;

	if (found == NULL)
		return context ? psprintf("%s\n%s", instead, context) : pstrdup(instead);
	while (from > context && from[-1] != '\n')
		from--;
	to = strchrnul(found + strlen(sql), '\n');
	return psprintf("%.*s%s%s", (int) (from - context), context, instead, to);
}

/* Raises the error being handled again, for readers who did not write the statement. */
PGR_NORETURN static void
rethrow_error(const PgrHybridSearch *s, const char *sql, MemoryContext context)
{
	ErrorData  *error;
	char	   *instead;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	instead = psprintf("search of relation \"%s\"", get_rel_name(s->relation));
	if (error->internalquery != NULL && strcmp(error->internalquery, sql) == 0)
	{
		error->internalquery = NULL;
		error->internalpos = 0;
	}
	error->context = context_without(error->context, sql, instead);
	ReThrowError(error);
	pg_unreachable();
}

/* --- running --- */

/*
 * What is compiled for a search of some milliseconds costs more than it, and for one of
 * many legs seconds. Not inlined: longjmp may clobber what a caller keeps in registers.
 */
static pg_noinline int
run_plan(const PgrHybridSearch *s, const char *sql, const PgrSqlValues *values, int options)
{
	MemoryContext context = CurrentMemoryContext;
	int			level = NewGUCNestLevel();
	int			status = 0;

	running++;
	PG_TRY();
	{
		(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
		status = SPI_execute_plan(get_plan(sql, values, options), values->values, NULL, true, 0);
	}
	PG_CATCH();
	{
		running--;
		rethrow_error(s, sql, context);
	}
	PG_END_TRY();
	running--;
	AtEOXact_GUC(false, level);
	return status;
}

void
pgr_hybrid_execute(const PgrHybridSearch *s, const char *sql, const PgrSqlValues *values)
{
	/* the best plan depends on the values of conditions */
	int			options = CURSOR_OPT_PARALLEL_OK | (s->where ? CURSOR_OPT_CUSTOM_PLAN : 0);
	int			status = run_plan(s, sql, values, options);

	if (status != SPI_OK_SELECT)
		elog(ERROR, "hybrid search gave SPI status %d", status);
}
