/*
 * lex_kept.c
 *		The document analysed last, for the next operator that is called on the same row:
 *		a condition (@@@) and a score (<@>) of one row analyse it once.
 *
 * It is known again by its content's hash, as in the memo of scores, within one command:
 * what a configuration makes of words may change between two.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "lexical/lex_query.h"
#include "storage/proc.h"
#include "utils/memutils.h"

/* What is kept, below TopTransactionContext: gone when lxid is another one. */
typedef struct Kept
{
	LocalTransactionId lxid;
	CommandId	cid;
	MemoryContext context;		/* of doc */
	bool		busy;			/* being analysed: a dictionary may call operators, too */
	bool		valid;
	uint64		hash;
	PgrContentType type;
	PgrAnalyzer analyzer;
	PgrLexDoc	doc;
} Kept;

static Kept kept;

/* A larger document is not kept: what it takes would stay to the end of the transaction. */
#define MOST_KEPT (256 * 1024)

/* Hash and type of the content, and all that its analysis depends on. */
static bool
is_kept(const PgrAnalyzer *a, PgrContentType type, uint64 hash)
{
	return kept.valid && kept.lxid == pgr_my_lxid() && kept.cid == GetCurrentCommandId(false) &&
		kept.hash == hash && kept.type == type && kept.analyzer.config == a->config &&
		kept.analyzer.cjk_bigram == a->cjk_bigram && kept.analyzer.nfields == a->nfields;
}

/* An empty context for the next document, below the transaction's. */
static void
make_room(void)
{
	LocalTransactionId lxid = pgr_my_lxid();

	kept.valid = false;
	if (kept.lxid != lxid)
	{
		/* an earlier transaction's context went with it */
		kept.context = AllocSetContextCreate(TopTransactionContext, "pgretrieve last document",
											 ALLOCSET_DEFAULT_SIZES);
		kept.lxid = lxid;
		kept.busy = false;
	}
	else if (MemoryContextMemAllocated(kept.context, true) > ALLOCSET_DEFAULT_INITSIZE)
		MemoryContextReset(kept.context);
}

/* Analyses into kept.doc; whatever is raised leaves nothing kept. */
static void
analyse(const PgrAnalyzer *a, PgrContentType type, Datum content)
{
	MemoryContext old = MemoryContextSwitchTo(kept.context);

	kept.busy = true;
	PG_TRY();
	{
		pgr_lex_document(a, type, content, &kept.doc);
	}
	PG_FINALLY();
	{
		kept.busy = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/* What is kept stays until another document comes, or the transaction ends. */
const PgrLexDoc *
pgr_lex_analyse(const PgrAnalyzer *a, PgrContentType type, Datum content, bool *fresh)
{
	uint64		hash;
	PgrLexDoc  *doc;

	*fresh = true;
	/* a tsvector is analysed already; a call from within an analysis is on its own */
	if (type == PGR_CONTENT_TSVECTOR || VARSIZE_ANY(DatumGetPointer(content)) > MOST_KEPT ||
		(kept.busy && kept.lxid == pgr_my_lxid()))
	{
		doc = palloc(sizeof(PgrLexDoc));
		pgr_lex_document(a, type, content, doc);
		return doc;
	}
	hash = pgr_lex_content_hash(content);
	if (is_kept(a, type, hash))
	{
		*fresh = false;
		return &kept.doc;
	}
	make_room();
	analyse(a, type, content);
	kept.cid = GetCurrentCommandId(false);
	kept.hash = hash;
	kept.type = type;
	kept.analyzer = *a;
	kept.valid = true;
	return &kept.doc;
}
