/*
 * score_memo.c
 *		Content hash -> score and match, for contents that an index knows, so that
 *		the operators need not analyse them.
 *
 * A score is a function of content, query and statistics; the memo belongs to a
 * pinned (query, statistics), so the content is all that is left. Scans enter the
 * rows that they emit in order. For all others (a score beside a WHERE, a join, a
 * lossy bitmap's recheck) the operators analyse, and what that costs is added up:
 * when the index could have told the scores of all its matches for as much
 * (pgr_memo_fill_hook), it is asked to. So a statement pays at most twice what the
 * cheaper way costs, and need not know in advance how many rows will be asked for.
 *
 * Bounded: when it is full it starts over, since rows are asked for soon after they
 * are entered or not at all.
 *
 * Memory: a context of its own below that of the statistics, some 3 MB when full;
 * gone with them, or earlier by pgr_memo_forget. A 64-bit hash stands for a content:
 * of 110,000 contents two share one with a probability of 3e-10, and one of those
 * rows would then show the other's score.
 *
 * No locks; only pgr_memo_fill_hook, in find, reads the index, takes its locks and
 * raises its errors.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lexical/lexical.h"
#include "lexical/rankquery.h"

/*
 * What is known of one content: its score, with the sign of bm25_score, and whether
 * it matches. A score of 0 does not tell: a matching document may score 0 (boost 0, a
 * word in every document).
 */
typedef struct MemoEntry
{
	uint64		hash;
	double		score;
	char		status;
	int8		match;			/* PgrMemoMatch */
} MemoEntry;

#define SH_PREFIX memo
#define SH_ELEMENT_TYPE MemoEntry
#define SH_KEY_TYPE uint64
#define SH_KEY hash
#define SH_HASH_KEY(tb, k) ((uint32) (k))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* The memo of one set of statistics. table and context are both there or both not. */
struct PgrScoreMemo
{
	MemoryContext parent;
	MemoryContext context;		/* of the table, which is in it alone */
	memo_hash  *table;			/* NULL until something is put */
	bool		asked;			/* has anybody looked anything up? */
};

bool		pgr_reuse_scores = true;

/* An empty memo in the current memory context. */
struct PgrScoreMemo *
pgr_memo_create(void)
{
	struct PgrScoreMemo *memo = palloc0(sizeof(struct PgrScoreMemo));

	memo->parent = CurrentMemoryContext;
	return memo;
}

/*
 * Enters or replaces what is known of a content. The table is a memory context of its
 * own: forgetting it is one delete. What is unknown of a match does not replace what
 * is known. At PGR_MEMO_MAX entries the memo starts over.
 */
void
pgr_memo_put(PgrPinned *pinned, uint64 content_hash, double score, PgrMemoMatch match)
{
	struct PgrScoreMemo *memo = pinned->memo;
	MemoEntry  *entry;
	bool		found;

	if (memo->table == NULL)
	{
		memo->context = AllocSetContextCreate(memo->parent, "pgretrieve scores",
											  ALLOCSET_SMALL_SIZES);
		memo->table = memo_create(memo->context, 128, NULL);
	}
	else if (memo->table->members >= PGR_MEMO_MAX)
		memo_reset(memo->table);
	entry = memo_insert(memo->table, content_hash, &found);
	entry->score = score;
	if (!found || match != PGR_MEMO_UNKNOWN)
		entry->match = match;
}

/* The entry of a hash, or NULL. It is valid until the next pgr_memo_put. */
static MemoEntry *
lookup(const struct PgrScoreMemo *memo, uint64 content_hash)
{
	return memo->table == NULL ? NULL : memo_lookup(memo->table, content_hash);
}

/*
 * True if the hash of a content is worth computing: something is known, or the index
 * could be asked.
 */
bool
pgr_memo_useful(const PgrPinned *pinned)
{
	return pgr_reuse_scores && (pinned->memo->table != NULL || pinned->fill.may);
}

/*
 * The entry of a hash with a score, and, if `match`, with a known match; else NULL.
 * Asks the index to fill the memo first if what was analysed in vain has cost as much
 * as that; the hook sets the next cost, so that it is not asked for each row.
 */
static MemoEntry *
find(PgrPinned *pinned, uint64 content_hash, bool match)
{
	struct PgrScoreMemo *memo = pinned->memo;
	MemoEntry  *entry = lookup(memo, content_hash);

	memo->asked = true;
	if (entry != NULL && !(match && entry->match == PGR_MEMO_UNKNOWN))
		return entry;
	if (!pinned->fill.may || pinned->fill.analysed < pinned->fill.cost ||
		pgr_memo_fill_hook == NULL)
		return NULL;
	pgr_memo_fill_hook(pinned);
	entry = lookup(memo, content_hash);
	return entry == NULL || (match && entry->match == PGR_MEMO_UNKNOWN) ? NULL : entry;
}

/*
 * *score: of the content, if the result is true. false: the caller analyses the
 * document.
 */
bool
pgr_memo_score(PgrPinned *pinned, uint64 content_hash, double *score)
{
	MemoEntry  *entry = find(pinned, content_hash, false);

	if (entry != NULL)
		*score = entry->score;
	return entry != NULL;
}

/*
 * *match: of the content, if the result is true. false: the caller analyses the
 * document.
 */
bool
pgr_memo_match(PgrPinned *pinned, uint64 content_hash, bool *match)
{
	MemoEntry  *entry = find(pinned, content_hash, true);

	if (entry != NULL)
		*match = entry->match == PGR_MEMO_MATCH;
	return entry != NULL;
}

/*
 * Counts the cost of a document that was analysed for want of an entry: its words,
 * and 1 for the call.
 */
void
pgr_memo_analysed(PgrPinned *pinned, const PgrLexDoc *doc)
{
	pinned->fill.analysed += 1.0 + doc->length;
}

/*
 * Gives the memo's memory back; what it knew is learned again if need be. Statistics
 * stay valid.
 */
void
pgr_memo_forget(PgrPinned *pinned)
{
	struct PgrScoreMemo *memo = pinned->memo;

	if (memo->table == NULL)
		return;
	memo->table = NULL;
	MemoryContextDelete(memo->context);
}

/* True if there is nothing to look up, and nothing to give back. */
bool
pgr_memo_empty(const PgrPinned *pinned)
{
	return pinned->memo->table == NULL;
}

/* Do the operators look anything up? Until they have, nothing need be entered. */
bool
pgr_memo_asked(const PgrPinned *pinned)
{
	return pinned->memo->asked;
}
