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
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lexical/lexical.h"
#include "lexical/rankquery.h"

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
 * The table is a memory context of its own: forgetting it is one delete. What is
 * unknown of a match does not replace what is known.
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

/* NULL: not there. */
static MemoEntry *
lookup(const struct PgrScoreMemo *memo, uint64 content_hash)
{
	return memo->table == NULL ? NULL : memo_lookup(memo->table, content_hash);
}

/* Is the hash of a content worth computing? */
bool
pgr_memo_useful(const PgrPinned *pinned)
{
	return pgr_reuse_scores && (pinned->memo->table != NULL || pinned->fill.may);
}

/* Is it known, perhaps after the index has been asked? */
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

/* false: analyse the document. */
bool
pgr_memo_score(PgrPinned *pinned, uint64 content_hash, double *score)
{
	MemoEntry  *entry = find(pinned, content_hash, false);

	if (entry != NULL)
		*score = entry->score;
	return entry != NULL;
}

/* false: analyse the document. */
bool
pgr_memo_match(PgrPinned *pinned, uint64 content_hash, bool *match)
{
	MemoEntry  *entry = find(pinned, content_hash, true);

	if (entry != NULL)
		*match = entry->match == PGR_MEMO_MATCH;
	return entry != NULL;
}

/* A document has been analysed for want of a score. */
void
pgr_memo_analysed(PgrPinned *pinned, const PgrLexDoc *doc)
{
	pinned->fill.analysed += 1.0 + doc->length;
}

/* Gives its memory back. */
void
pgr_memo_forget(PgrPinned *pinned)
{
	struct PgrScoreMemo *memo = pinned->memo;

	if (memo->table == NULL)
		return;
	memo->table = NULL;
	MemoryContextDelete(memo->context);
}

/* Is there nothing to look up? */
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
