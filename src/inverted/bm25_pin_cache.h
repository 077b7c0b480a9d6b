/*
 * bm25_pin_cache.h
 *		What a transaction keeps of the indexes that it searches. Private to
 *		bm25_stats.c, bm25_pin_cache.c and bm25_memo.c (inv_am.c starts it up).
 */
#ifndef PGR_BM25_PIN_CACHE_H
#define PGR_BM25_PIN_CACHE_H

#include "base/snapkey.h"
#include "inverted/inverted.h"

/*
 * An index as a snapshot sees it. The file too, since REINDEX or TRUNCATE in the same
 * transaction puts other segments under the same OID and snapshot.
 */
typedef struct PgrPinKey
{
	Oid			index;
	Oid			filenumber;
	PgrSnapKey	snapshot;
} PgrPinKey;

/* Statistics of a query, with all that they point to in a context of their own. */
typedef struct PgrPinEntry
{
	dlist_node	node;			/* the latest used first */
	MemoryContext context;
	PgrPinKey	key;
	uint64		query_hash;
	Size		query_size;
	PgrRankQuery *query;
	PgrPinned  *pinned;
	int			holders;
	bool		stale;			/* of a transaction that is over */
	Size		memory;			/* of the context when last looked at */
} PgrPinEntry;

extern void pgr_pins_init(void);

/*
 * The key of an index for the active snapshot, whose arrays it refers to: valid while
 * that snapshot is.
 */
extern PgrPinKey pgr_pin_key(Relation index);

/*
 * An entry's statistics stay until the memory context that was current in these
 * calls is reset or deleted (and longer, while there is room).
 * find: NULL if there is none. make: an entry to fill in, in a child of the current
 * context; query is copied. enter: of a filled one.
 */
extern PgrPinned *pgr_pins_find(const PgrPinKey *key, const PgrRankQuery *query);
extern PgrPinEntry *pgr_pins_make(const PgrPinKey *key, const PgrRankQuery *query);
extern PgrPinned *pgr_pins_enter(PgrPinEntry *entry);

/*
 * As pgr_view_open, of what the index was when the active snapshot first met it: the
 * same documents, however often it is asked for.
 */
extern PgrInvView *pgr_pins_view(Relation index, const PgrLexTerm *terms, int nterms);

/* --- bm25_memo.c --- */

/* Statistics of an index are collected; hashes: do segments have hashes of contents? */
extern void pgr_memo_fill_begin(PgrPinned *pinned, Oid index, bool hashes);
extern void pgr_memo_fill(PgrPinned *pinned);

#endif							/* PGR_BM25_PIN_CACHE_H */
