/*
 * lex_kept.c
 *		The document analysed last, for the next operator that is called on the same row:
 *		a condition (@@@) and a score (<@>) of one row analyse it once.
 *
 * It is known again by its content's hash, as in the memo of scores, as long as the
 * command's number stays, which is that of all commands of a transaction until one writes,
 * and nothing of text search is altered, by whomever: then words may become others.
 *
 * One document at a time, never beyond the transaction, whose context it is in. Invalidated
 * by another command that follows a change, by a change of text search (lex_changes.c: another
 * session's too), by another content, type or analyzer, and by an error in the analysis. A
 * hash of 64 bits stands for the content, as it does in the memo and in segments; two contents
 * of one hash are taken to be one.
 *
 * Dictionaries are user code: they may run queries that call these operators on other
 * documents while this one is being analysed. `busy` sends such calls past the cache.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "lexical/lex_query.h"
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/memutils.h"

/*
 * What is kept. lxid and cid say when: everything else is valid only if both are the
 * present ones, and context only if lxid is. It lies below TopTransactionContext, so
 * that the end of the transaction frees it whatever happens here.
 */
typedef struct Kept
{
	LocalTransactionId lxid;
	CommandId	cid;
	uint64		changes;		/* pgr_lex_changes before the analysis */
	MemoryContext context;		/* of doc */
	bool		busy;			/* being analysed: a dictionary may call operators, too */
	bool		valid;
	uint64		hash;
	PgrContentType type;
	PgrAnalyzer analyzer;
	PgrLexDoc	doc;
} Kept;

static Kept kept;

/*
 * Bytes of a value, as it is passed, beyond which its document is not kept: what it
 * takes, a multiple of that, would stay to the end of the transaction. Such documents
 * are analysed once for each operator.
 */
#define MOST_KEPT (256 * 1024)

/*
 * True if the document of this content and analysis is the kept one: hash and type of
 * the content, and all that its analysis depends on, the time included.
 */
static bool
is_kept(const PgrAnalyzer *a, PgrContentType type, uint64 hash)
{
	return kept.valid && kept.lxid == pgr_my_lxid() && kept.cid == GetCurrentCommandId(false) &&
		kept.changes == pgr_lex_changes() &&
		kept.hash == hash && kept.type == type && kept.analyzer.config == a->config &&
		kept.analyzer.cjk_bigram == a->cjk_bigram && kept.analyzer.nfields == a->nfields;
}

/*
 * Leaves kept.context empty, below this transaction's, and nothing kept. Reset only
 * where something substantial is in it: an AllocSet keeps its first block, and a
 * reset for a few small documents would cost more than they take.
 */
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

/*
 * Analyses into kept.doc, whose memory is kept.context. Bigrams are no copies but parts
 * of the content (analyze.c), which is the caller's, so they are made of a copy that is
 * kept with them. Whatever is raised leaves nothing kept (valid is false) and the next
 * call free to try again.
 */
static void
analyse(const PgrAnalyzer *a, PgrContentType type, Datum content)
{
	MemoryContext old = MemoryContextSwitchTo(kept.context);

	kept.busy = true;
	PG_TRY();
	{
		pgr_lex_document(a, type, a->cjk_bigram ? datumCopy(content, false, -1) : content,
						 &kept.doc);
	}
	PG_FINALLY();
	{
		kept.busy = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/*
 * Contract in lex_query.h. What is kept stays until another document comes, or the
 * transaction ends. Not every content goes through the cache: a tsvector is analysed
 * already, a large one would take memory for long, and a call from within an analysis
 * would overwrite what that is filling.
 */
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
	kept.changes = pgr_lex_changes();
	analyse(a, type, content);
	kept.cid = GetCurrentCommandId(false);
	kept.hash = hash;
	kept.type = type;
	kept.analyzer = *a;
	kept.valid = true;
	return &kept.doc;
}
