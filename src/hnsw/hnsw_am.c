/*
 * hnsw_am.c
 *		The access method's handler, options, settings and validation.
 */
#include "postgres.h"

#include <limits.h>

#include "access/reloptions.h"
#include "am/ordered.h"
#include "am/plan.h"
#include "am/validate.h"
#include "base/compat.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_build.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/*
 * The settings. Their names are pgvector's but for hnsw.rerank; values are read when a scan
 * starts.
 */
int			pgr_hnsw_ef_search;
int			pgr_hnsw_iterative_scan;
int			pgr_hnsw_max_scan_tuples;
double		pgr_hnsw_scan_mem_multiplier;
bool		pgr_hnsw_rerank;

/* Given by the server when the library is loaded, in each process anew. */
static relopt_kind hnsw_relopt_kind;

/*
 * Texts and values of the options. The server keeps pointers to these tables, hence static;
 * the numbers are in metapages too (PgrVecStorage), so they stay what they are.
 */
static relopt_enum_elt_def storage_options[] = {
	{"i8", PGR_VEC_I8},
	{"f16", PGR_VEC_F16},
	{"full", PGR_VEC_FULL},
	{NULL}
};

static relopt_enum_elt_def code_bits_options[] = {
	{"1", 1},
	{"2", 2},
	{"4", 4},
	{NULL}
};

static const struct config_enum_entry iterative_options[] = {
	{"off", PGR_ORDER_OFF, false},
	{"relaxed_order", PGR_ORDER_RELAXED, false},
	{"strict_order", PGR_ORDER_STRICT, false},
	{NULL, 0, false}
};

void
pgr_hnsw_init(void)
{
	/*
	 * Called once, from _PG_init. Clients know the names and defaults from pgvector: these do
	 * not change. The lock level is that for ALTER INDEX, which rewrites nothing: new options
	 * are for the next REINDEX.
	 */
	hnsw_relopt_kind = add_reloption_kind();
	add_int_reloption(hnsw_relopt_kind, "m", "Max number of connections",
					  PGR_HNSW_DEFAULT_M, 2, 100, AccessExclusiveLock);
	add_int_reloption(hnsw_relopt_kind, "ef_construction",
					  "Size of the dynamic candidate list for construction",
					  PGR_HNSW_DEFAULT_EF_CONSTRUCTION, 4, 1000, AccessExclusiveLock);
	add_enum_reloption(hnsw_relopt_kind, "storage", "What a node keeps of its own value",
					   storage_options, PGR_VEC_I8,
					   "Valid values are \"i8\", \"f16\" and \"full\".", AccessExclusiveLock);
	add_enum_reloption(hnsw_relopt_kind, "code_bits", "Bits a coordinate of a neighbour's code",
					   code_bits_options, 1, "Valid values are \"1\", \"2\" and \"4\".",
					   AccessExclusiveLock);

	DefineCustomIntVariable("hnsw.ef_search",
							"Sets the size of the dynamic candidate list for search",
							"More find more of the nearest rows, in more time.",
							&pgr_hnsw_ef_search, 40, 1, 100000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("hnsw.iterative_scan", "Sets the mode for iterative scans",
							 "\"off\" returns at most ef_search rows; \"relaxed_order\" returns "
							 "a row that was found late at once.",
							 &pgr_hnsw_iterative_scan, PGR_ORDER_STRICT,
							 iterative_options, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("hnsw.max_scan_tuples",
							"Sets the max number of tuples to visit for iterative scans", NULL,
							&pgr_hnsw_max_scan_tuples, INT_MAX, 1, INT_MAX, PGC_USERSET, 0,
							NULL, NULL, NULL);
	DefineCustomBoolVariable("hnsw.rerank",
							 "Orders rows by the distance of the values in the table",
							 "If off, by that of the index's codes, without reading the table.",
							 &pgr_hnsw_rerank, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("hnsw.scan_mem_multiplier",
							 "Sets the multiple of work_mem to use for iterative scans",
							 "A scan that needs more goes on with a sort, on disk if need be.",
							 &pgr_hnsw_scan_mem_multiplier, 1, 1, 1000, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	pgr_plan_register(pgr_hnsw_cost);
	pgr_counters_register(&pgr_hnsw_counter_set);
}

/*
 * The amoptions function: parses WITH (...) into a PgrHnswOptions, palloc'd by the server in
 * the current memory context. With validate an unknown name or a value out of range raises;
 * without, as when the relation's cache entry is built, what is not known is skipped. What
 * holds between two options (ef_construction at least 2 m) pgr_hnsw_new tests, when they are
 * used.
 */
static bytea *
hnsw_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{"m", RELOPT_TYPE_INT, offsetof(PgrHnswOptions, m)},
		{"ef_construction", RELOPT_TYPE_INT, offsetof(PgrHnswOptions, ef_construction)},
		{"storage", RELOPT_TYPE_ENUM, offsetof(PgrHnswOptions, storage)},
		{"code_bits", RELOPT_TYPE_ENUM, offsetof(PgrHnswOptions, code_bits)},
	};

	return (bytea *) build_reloptions(reloptions, validate, hnsw_relopt_kind,
									  sizeof(PgrHnswOptions), table, lengthof(table));
}

/*
 * What pg_stat_progress_create_index shows for a phase of a build; NULL for a number of none,
 * which the view shows as nothing. Called in any session that reads the view, whatever its own
 * state.
 */
static char *
hnsw_phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case PGR_HNSW_PHASE_SAMPLE:
			return "sampling table";
		case PGR_HNSW_PHASE_GRAPH:
			return "building graph";
		case PGR_HNSW_PHASE_WRITE:
			return "writing graph";
		case PGR_HNSW_PHASE_DIVIDE:
			return "dividing rows into parts";
		case PGR_HNSW_PHASE_PARTS:
			return "building parts";
		case PGR_HNSW_PHASE_LINK:
			return "linking nodes";
		default:
			return NULL;
	}
}

/* The amvalidate function. */
static bool
hnsw_validate(Oid opclass)
{
	return pgr_validate_vector_class(opclass, "hnsw");
}

PG_FUNCTION_INFO_V1(pgr_hnsw_handler);
Datum
pgr_hnsw_handler(PG_FUNCTION_ARGS)
{
	/*
	 * palloc'd: the relation's cache entry keeps a copy. What is not set is false or NULL:
	 *	amcanparallel	a search is a walk: each step depends on the last
	 *	ambuild...	see README, "Build"
	 *	amgetbitmap	a bitmap has no order, and order is all that this index gives
	 *	amcanreturn	codes are not the values
	 *	amparallelvacuumoptions	bulk deletion only, since cleanup may make new lists, for which it
	 *		uses maintenance_work_mem of its own
	 */
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = 2;
	am->amcanorderbyop = true;
	am->amcanmulticol = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;
	am->amoptionalkey = true;
	am->amusemaintenanceworkmem = false;
	am->ambuild = pgr_hnsw_build;
	am->ambuildempty = pgr_hnsw_build_empty;
	am->aminsert = pgr_hnsw_insert;
	am->ambulkdelete = pgr_hnsw_bulk_delete;
	am->amvacuumcleanup = pgr_hnsw_vacuum_cleanup;
	am->amcostestimate = pgr_hnsw_cost;
	am->amoptions = hnsw_options;
	am->ambuildphasename = hnsw_phase_name;
	am->amvalidate = hnsw_validate;
	am->ambeginscan = pgr_hnsw_begin_scan;
	am->amrescan = pgr_hnsw_rescan;
	am->amgettuple = pgr_hnsw_get_tuple;
	am->amendscan = pgr_hnsw_end_scan;
	PG_RETURN_POINTER(am);
}
