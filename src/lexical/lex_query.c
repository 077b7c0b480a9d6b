/*
 * lex_query.c
 *		Keeps a query, unpacked and with its statistics, in fn_extra: a scan calls
 *		an operator with one query and many documents.
 *
 * The query is known again by its bytes (memory at one address may hold another
 * one next time). Statistics of an index are those of a snapshot: they are asked
 * for again when the active snapshot shows other rows, or the transaction is
 * another one.
 */
#include "postgres.h"

#include "base/argcache.h"
#include "lexical/lex_query.h"
#include "storage/proc.h"
#include "tsearch/ts_cache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* --- snapshots --- */

/* All of a snapshot that decides which rows it shows. */
typedef struct PgrSnapshotKey
{
	LocalTransactionId lxid;
	TransactionId xmin;
	TransactionId xmax;
	CommandId	curcid;
	uint32		xcnt;
	int32		subxcnt;
	TransactionId *xip;			/* [xcnt + subxcnt] */
} PgrSnapshotKey;

/* Snapshots have NULL for an empty array, which memcmp and memcpy must not see. */
static bool
same_xids(const TransactionId *a, const TransactionId *b, int64 n)
{
	return n == 0 || memcmp(a, b, sizeof(TransactionId) * n) == 0;
}

/*
 * Arrays as well as numbers: two snapshots may agree in all numbers and see different
 * transactions.
 */
static bool
same_snapshot(const PgrSnapshotKey *key, Snapshot s)
{
	return key->lxid == pgr_my_lxid() && key->xmin == s->xmin && key->xmax == s->xmax &&
		key->curcid == s->curcid && key->xcnt == s->xcnt && key->subxcnt == s->subxcnt &&
		same_xids(key->xip, s->xip, s->xcnt) &&
		same_xids(key->xip + s->xcnt, s->subxip, s->subxcnt);
}

/* A copy in `context`: the snapshot itself may be gone when it is compared. */
static PgrSnapshotKey *
snapshot_key(MemoryContext context, Snapshot s)
{
	PgrSnapshotKey *key = MemoryContextAlloc(context, sizeof(PgrSnapshotKey));
	Size		n = (Size) s->xcnt + (Size) s->subxcnt;

	key->lxid = pgr_my_lxid();
	key->xmin = s->xmin;
	key->xmax = s->xmax;
	key->curcid = s->curcid;
	key->xcnt = s->xcnt;
	key->subxcnt = s->subxcnt;
	key->xip = MemoryContextAlloc(context, sizeof(TransactionId) * Max(n, 1));
	if (s->xcnt > 0)
		memcpy(key->xip, s->xip, sizeof(TransactionId) * s->xcnt);
	if (s->subxcnt > 0)
		memcpy(key->xip + s->xcnt, s->subxip, sizeof(TransactionId) * s->subxcnt);
	return key;
}

/* --- the state --- */

/* The most that documents of the type can have; an index says how many they do. */
static uint8
content_fields(PgrContentType type)
{
	return type == PGR_CONTENT_TEXT ? 1 :
		type == PGR_CONTENT_TSVECTOR ? 4 : PGR_LEX_MAX_FIELDS;
}

/*
 * Words are analysed as the documents of the index, or by the current configuration.
 * A query for an index that the caller names is bound to it, whatever it said.
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
 * How documents are analysed: as the index does, if the query is bound; else by the
 * configuration of the query's words.
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

/* Does an unbound query depend on a setting that has changed? */
static bool
config_changed(const PgrQueryState *state)
{
	return state->current_config && !OidIsValid(state->index) &&
		state->analyzer.config != getTSCurrentConfig(false);
}

/*
 * Allocated in fn_mcxt at the first call of a query's operator. Most calls only
 * compare the argument's bytes.
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
		(OidIsValid(index) && index != state->index) || config_changed(state))
		state_reset(state, image, type, arg, index);
	return state;
}

/*
 * Statistics are held by the memory context `statistics`, which is reset when others
 * are needed.
 */
PgrPinned *
pgr_query_pinned(PgrQueryState *state)
{
	bool		bound = OidIsValid(state->index) && pgr_statistics_hook != NULL;
	MemoryContext old;

	if (state->pinned != NULL && (!bound || same_snapshot(state->key, GetActiveSnapshot())))
		return state->pinned;
	state->pinned = NULL;
	state->key = NULL;
	MemoryContextReset(state->statistics);
	old = MemoryContextSwitchTo(state->statistics);
	if (bound)
	{
		PgrSnapshotKey *key = snapshot_key(state->statistics, GetActiveSnapshot());

		state->pinned = pgr_statistics_hook(state->index, state->rq);
		state->key = key;
	}
	else
		state->pinned = pgr_pinned_unbound(state->rq, &state->analyzer);
	MemoryContextSwitchTo(old);
	return state->pinned;
}
