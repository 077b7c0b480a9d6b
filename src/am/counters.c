/*
 * counters.c
 *		What index scans did, summed over the session and in EXPLAIN ANALYZE.
 *
 * EXPLAIN shows counters without an option of its own: an option's name is unknown
 * until the library is loaded, which a session's first EXPLAIN does not do.
 * Scans in parallel workers end there; their counts are not shown.
 */
#include "postgres.h"

#include "am/counters.h"
#include "base/compat.h"
#include "utils/rel.h"

#ifdef PGR_EXPLAIN_HOOKS
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

void
pgr_counters_add(const PgrCounterSet *set, const uint64 *scan)
{
	for (int i = 0; i < set->n; i++)
		set->totals[i] += scan[i];
}

#ifdef PGR_EXPLAIN_HOOKS

#define MAX_SETS 8

static const PgrCounterSet *sets[MAX_SETS];
static int	nsets = 0;
static explain_per_node_hook_type next_per_node_hook;

/*
 * One line of EXPLAIN's text format: the label and the counters that have a name there.
 * es->str grows in its own memory context.
 */
static void
show_text(const PgrCounterSet *set, const uint64 *counts, ExplainState *es)
{
	ExplainIndentText(es);
	appendStringInfo(es->str, "%s:", set->label);
	for (int i = 0; i < set->n; i++)
		if (set->names[i].text != NULL && (counts[i] > 0 || !set->names[i].rare))
			appendStringInfo(es->str, " %s=" UINT64_FORMAT, set->names[i].text, counts[i]);
	appendStringInfoChar(es->str, '\n');
}

/* The counters of one scan in EXPLAIN's format: one line of text, or a property each. */
static void
show_set(const PgrCounterSet *set, const uint64 *counts, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		show_text(set, counts, es);
		return;
	}
	for (int i = 0; i < set->n; i++)
		if (set->names[i].property != NULL)
			ExplainPropertyUInteger(set->names[i].property, NULL, counts[i], es);
}

/*
 * The server's hook for each plan node: of ANALYZE and an index scan of a registered access
 * method, shows its counters. The access method is known by its amgettuple, so an operator
 * class or a renamed access method of the catalog makes no difference. A scan that was never
 * started (LIMIT 0, a branch not taken) has no descriptor and shows nothing. Counts are those
 * of this process: see above. Hooks installed before run first.
 */
static void
explain_node(PlanState *plan, List *ancestors, const char *relationship, const char *name,
			 ExplainState *es)
{
	IndexScanDesc scan = NULL;

	if (next_per_node_hook != NULL)
		next_per_node_hook(plan, ancestors, relationship, name, es);
	if (es->analyze && IsA(plan, IndexScanState))
		scan = ((IndexScanState *) plan)->iss_ScanDesc;
	for (int i = 0; scan != NULL && i < nsets; i++)
		if (scan->indexRelation->rd_indam->amgettuple == sets[i]->scans)
			show_set(sets[i], sets[i]->of_scan(scan), es);
}

void
pgr_counters_register(const PgrCounterSet *set)
{
	/* the number of access methods is fixed when the library is compiled */
	Assert(nsets < MAX_SETS);
	if (nsets == 0)
	{
		next_per_node_hook = explain_per_node_hook;
		explain_per_node_hook = explain_node;
	}
	sets[nsets++] = set;
}

#else

void
pgr_counters_register(const PgrCounterSet *set)
{
}

#endif
