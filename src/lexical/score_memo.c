/*
 * score_memo.c
 *		Content hash -> score of rows that an index scan emitted, so that the
 *		operator in a select list or a sort need not analyse them again.
 *
 * A score is a function of content, query and statistics; the memo belongs to a
 * pinned (query, statistics), so the content is all that is left. Bounded: when
 * it is full it starts over, since rows are asked for soon after they are
 * emitted or not at all.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lexical/lexical.h"
#include "lexical/rankquery.h"

#define MEMO_MAX 16384

typedef struct MemoEntry
{
	uint64		hash;
	double		score;
	char		status;
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
};

/* An empty memo in the current memory context. */
struct PgrScoreMemo *
pgr_memo_create(void)
{
	struct PgrScoreMemo *memo = palloc0(sizeof(struct PgrScoreMemo));

	memo->parent = CurrentMemoryContext;
	return memo;
}

void
pgr_memo_put(PgrPinned *pinned, uint64 content_hash, double score)
{
	struct PgrScoreMemo *memo = pinned->memo;
	bool		found;

	if (memo->table == NULL)
	{
		memo->context = AllocSetContextCreate(memo->parent, "pgretrieve scores",
											  ALLOCSET_SMALL_SIZES);
		memo->table = memo_create(memo->context, 128, NULL);
	}
	else if (memo->table->members >= MEMO_MAX)
		memo_reset(memo->table);
	memo_insert(memo->table, content_hash, &found)->score = score;
}

bool
pgr_memo_get(PgrPinned *pinned, uint64 content_hash, double *score)
{
	MemoEntry  *entry;

	if (pinned->memo->table == NULL)
		return false;
	entry = memo_lookup(pinned->memo->table, content_hash);
	if (entry == NULL)
		return false;
	*score = entry->score;
	return true;
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

/* Is there anything to look up at all? */
bool
pgr_memo_empty(const PgrPinned *pinned)
{
	return pinned->memo->table == NULL;
}
