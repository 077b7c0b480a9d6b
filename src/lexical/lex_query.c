/*
 * lex_query.c
 *		Keeps a query, unpacked and with its statistics, in fn_extra: a scan calls
 *		an operator with one query and many documents.
 *
 * The query is known again by its bytes (memory at one address may hold another
 * one next time). Statistics of an index are those of a snapshot: they are asked
 * for again when the active snapshot shows other rows, or the transaction is
 * another one.
 *
 * Memory: the state is in fn_mcxt, so it lives as long as the FmgrInfo (a plan's
 * expression, a scan key), and goes with it. Below it three contexts: of the query,
 * of its statistics, of one document. An error in the middle leaves a state without a
 * query (image is NULL), and the next call begins anew.
 *
 * What is cached how long: the query while the argument's bytes are the same; the
 * analyzer with it, for the index is locked to the end of the transaction; the current
 * configuration until default_text_search_config is another; statistics as said.
 *
 * Errors: those of reading the query, of pgr_query_index (42501, 42704) and of the
 * index behind pgr_statistics_hook.
 */
#include "postgres.h"

#include "base/argcache.h"
#include "lexical/lex_query.h"
#include "tsearch/ts_cache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* --- the state --- */

/*
 * The most fields that documents of the type can have; an index says how many its
 * documents do.
 */
static uint8
content_fields(PgrContentType type)
{
	return type == PGR_CONTENT_TEXT ? 1 :
		type == PGR_CONTENT_TSVECTOR ? 4 : PGR_LEX_MAX_FIELDS;
}

/*
 * The query argument in its stored form, palloc'd in the current context, which is
 * the state's. Words are analysed as the documents of the index that the caller
 * names, or by the current configuration; sets state->analyzer for them. A rankquery
 * is copied, for the argument may be gone at the next call.
 */
static PgrRankQuery *
read_argument(PgrQueryState *state, struct varlena *image, PgrQueryArg arg)
{
	PgrAnalyzer *a = &state->analyzer;

	a->nfields = content_fields(state->type);
	if (arg == PGR_ARG_RANKQUERY)
		return (PgrRankQuery *) PG_DETOAST_DATUM_COPY(PointerGetDatum(image));
	if (OidIsValid(state->index))
		*a = pgr_index_words(state->index);
	else
		a->config = getTSCurrentConfig(true);
	return pgr_query_from_text(a, DatumGetTextPP(PointerGetDatum(image)));
}

/*
 * Sets how documents are analysed: as the index does, if the query is bound; else by
 * the configuration of the query's words, else by the current one. A tsvector needs
 * no configuration. The hook takes AccessShareLock on the index, to the end of the
 * transaction.
 */
static void
set_analyzer(PgrQueryState *state, PgrQueryArg arg)
{
	PgrAnalyzer *a = &state->analyzer;

	if (OidIsValid(state->index) && pgr_index_analyzer_hook)
	{
		pgr_index_analyzer_hook(state->index, a);
		return;
	}
	if (arg == PGR_ARG_WORDS || state->type == PGR_CONTENT_TSVECTOR)
		return;
	a->config = pgr_query_config(state->query);
	a->cjk_bigram = state->query->cjk_bigram;
	state->current_config = !OidIsValid(a->config);
	if (state->current_config)
		a->config = getTSCurrentConfig(true);
}

/*
 * Takes up another query: unpacked, in state->context, which is reset first. If it
 * fails there is no query, and the next call begins anew. Raises what reading the
 * query raises: 42501 for an index that the user may not look at.
 */
static void
state_reset(PgrQueryState *state, struct varlena *image, PgrContentType type, PgrQueryArg arg,
			Oid index)
{
	MemoryContext old;
	Size		size = VARSIZE_ANY(image);

	state->image = NULL;		/* in case what follows fails */
	state->changes = pgr_lex_changes();
	state->pinned = NULL;
	state->key = NULL;
	state->analysed = 0;
	MemoryContextReset(state->statistics);
	MemoryContextReset(state->context);

	old = MemoryContextSwitchTo(state->context);
	state->type = type;
	state->index = index;
	state->current_config = arg == PGR_ARG_WORDS;
	memset(&state->analyzer, 0, sizeof(PgrAnalyzer));
	state->rq = read_argument(state, image, arg);
	state->query = pgr_query_unpack(state->rq);
	if (!OidIsValid(index))
		state->index = pgr_query_index(state->query);
	set_analyzer(state, arg);
	pgr_query_fit(state->query, state->analyzer.nfields);
	state->image = palloc(size);
	memcpy(state->image, image, size);
	MemoryContextSwitchTo(old);
}

/*
 * True if an unbound query depends on default_text_search_config and that has changed
 * since. getTSCurrentConfig(false) reads a cache of the server's: cheap enough for
 * each row.
 */
static bool
config_changed(const PgrQueryState *state)
{
	return state->current_config && !OidIsValid(state->index) &&
		state->analyzer.config != getTSCurrentConfig(false);
}

/*
 * Contract in lex_query.h. Allocated in fn_mcxt at the first call of a query's
 * operator. Most calls only compare the argument's bytes; toasted arguments are
 * compared as they were passed, so they are not detoasted for it.
 */
PgrQueryState *
pgr_query_state(FunctionCallInfo fcinfo, PgrContentType type, PgrQueryArg arg, Oid index)
{
	PgrQueryState *state = fcinfo->flinfo->fn_extra;
	struct varlena *image = (struct varlena *) PG_GETARG_POINTER(1);

	if (state == NULL)
	{
		state = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(PgrQueryState));
		state->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pgretrieve query",
											   ALLOCSET_DEFAULT_SIZES);
		state->statistics = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
												  "pgretrieve query statistics",
												  ALLOCSET_SMALL_SIZES);
		state->row = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pgretrieve document",
										   ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = state;
	}
	MemoryContextReset(state->row);
	if (state->image == NULL || !pgr_same_image(state->image, image) ||
		(OidIsValid(index) && index != state->index) ||
		state->changes != pgr_lex_changes() || config_changed(state))
		state_reset(state, image, type, arg, index);
	return state;
}

/*
 * True if the active snapshot shows what the key's snapshot showed, in the same
 * transaction and command. There must be an active snapshot.
 */
static bool
is_current(const PgrSnapKey *key)
{
	PgrSnapKey	active = pgr_snapkey(GetActiveSnapshot());

	return pgr_snapkey_equal(key, &active);
}

/*
 * Contract in lex_query.h. Statistics are held by the memory context `statistics`,
 * whose reset lets go of the old ones (a callback of src/inverted's) before others
 * are asked for. The key is copied first: asking may take and drop snapshots.
 */
PgrPinned *
pgr_query_pinned(PgrQueryState *state)
{
	bool		bound = OidIsValid(state->index) && pgr_statistics_hook != NULL;
	MemoryContext old;

	if (state->pinned != NULL && (!bound || is_current(state->key)))
		return state->pinned;
	state->pinned = NULL;
	state->key = NULL;
	MemoryContextReset(state->statistics);
	old = MemoryContextSwitchTo(state->statistics);
	if (bound)
	{
		PgrSnapKey *key = palloc(sizeof(PgrSnapKey));
		PgrSnapKey	active = pgr_snapkey(GetActiveSnapshot());

		*key = pgr_snapkey_copy(state->statistics, &active);
		state->pinned = pgr_statistics_hook(state->index, state->rq);
		state->key = key;
	}
	else
		state->pinned = pgr_pinned_unbound(state->rq, &state->analyzer);
	MemoryContextSwitchTo(old);
	return state->pinned;
}
