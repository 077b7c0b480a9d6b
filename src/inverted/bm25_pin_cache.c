/*
 * bm25_pin_cache.c
 *		What a transaction keeps of the indexes that it searches: views, from
 *		which statistics of any query can be computed, and statistics that have
 *		been.
 *
 * A view says which segments and pending records an index consisted of when a
 * snapshot first met it. They do not change (marks of dead documents do not count
 * in statistics), and are not freed while the snapshot, or one of the same content,
 * can be in use. So statistics may be forgotten: what is computed again from the
 * view is equal. A view takes less than a kilobyte, and 32 bytes a segment; statistics
 * take kilobytes, their memo of scores up to 3 MB.
 *
 * Who uses statistics holds them through a callback of a memory context of his own,
 * so that neither an error nor an early end of a scan can leave them held. What
 * nobody holds is kept up to PIN_MEMORY and MAX_PINS, the memos going first, and to
 * the end of the transaction.
 *
 * No locks: all of it is this backend's. Memory: contexts below TopMemoryContext, one
 * for each entry, so that an entry can go by itself.
 *
 * Invariants: npins and pin_memory are of the entries in the list, those that are
 * held included; an entry that is stale is not in the list; a view is needed as long
 * as statistics of its snapshot may have to be collected again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "common/hashfn.h"
#include "inverted/bm25_pin_cache.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/*
 * Entries and bytes that are kept though nobody holds them; bytes of views, beyond
 * which those of snapshots without a holder go.
 */
#define MAX_PINS 256
#define PIN_MEMORY (4 * 1024 * 1024)
#define VIEW_MEMORY (1024 * 1024)

/*
 * The index's state when a snapshot first met it. The key's arrays and the state are
 * in view_context.
 */
typedef struct KeptView
{
	PgrPinKey	key;
	PgrInvState *state;
	Size		size;
} KeptView;

/*
 * A holder of an entry: lives in the holder's memory context and is run when that is
 * reset or deleted.
 */
typedef struct Hold
{
	MemoryContextCallback callback;
	PgrPinEntry *entry;
} Hold;

static MemoryContext pin_context = NULL;	/* parent of all; never deleted */
static dlist_head pins = DLIST_STATIC_INIT(pins);
static int	npins = 0;
static Size pin_memory = 0;		/* of those in the list */

static MemoryContext view_context = NULL;	/* of this transaction's views, or NULL */
static HTAB *views = NULL;
static Size view_memory = 0;

/* --- keys --- */

/* The active snapshot: there is one wherever an operator or a scan runs. */
PgrPinKey
pgr_pin_key(Relation index)
{
	return (PgrPinKey) {
		.index = RelationGetRelid(index),
		.filenumber = pgr_relfilenumber(index),
		.snapshot = pgr_snapkey(GetActiveSnapshot())
	};
}

/* True if both are the same file of the same index, for the same rows. */
static bool
same_key(const PgrPinKey *a, const PgrPinKey *b)
{
	return a->index == b->index && a->filenumber == b->filenumber &&
		pgr_snapkey_equal(&a->snapshot, &b->snapshot);
}

/* HashValueFunc of the table of views. */
static uint32
hash_key(const void *key, Size keysize)
{
	const PgrPinKey *k = key;

	return hash_combine(murmurhash32(k->index), pgr_snapkey_hash(&k->snapshot));
}

/* HashCompareFunc of the table of views: 0 where two keys are equal. */
static int
compare_keys(const void *a, const void *b, Size keysize)
{
	return same_key(a, b) ? 0 : 1;
}

/* --- entries --- */

/*
 * Frees an entry: statistics, memo and the entry itself are one context. Nobody may
 * hold it.
 */
static void
delete_entry(PgrPinEntry *entry)
{
	if (!entry->stale)
	{
		dlist_delete(&entry->node);
		npins--;
		pin_memory -= entry->memory;
	}
	MemoryContextDelete(entry->context);
}

/*
 * Looks again how much memory an entry of the list takes, which grows with its memo.
 */
static void
measure_entry(PgrPinEntry *entry)
{
	pin_memory -= entry->memory;
	entry->memory = MemoryContextMemAllocated(entry->context, true);
	pin_memory += entry->memory;
}

/*
 * Frees what goes beyond the limits, from what was used longest ago; nothing that is
 * held. First the memos, which are large and can be learned again, then entries. May
 * be run while a memory context is being reset: raises nothing, allocates nothing.
 */
static void
trim_pins(void)
{
	if (npins <= MAX_PINS && pin_memory <= PIN_MEMORY)
		return;
	for (int pass = 0; pass < 2; pass++)
	{
		dlist_node *node = dlist_is_empty(&pins) ? NULL : dlist_tail_node(&pins);

		while (node != NULL && (pin_memory > PIN_MEMORY || (pass == 1 && npins > MAX_PINS)))
		{
			PgrPinEntry *entry = dlist_container(PgrPinEntry, node, node);

			node = dlist_has_prev(&pins, node) ? dlist_prev_node(&pins, node) : NULL;
			if (entry->holders > 0)
				continue;
			if (pass == 1)
				delete_entry(entry);
			else if (!pgr_memo_empty(entry->pinned))
			{
				pgr_memo_forget(entry->pinned);
				measure_entry(entry);
			}
		}
	}
}

/*
 * MemoryContextCallbackFunction: a holder's context is being reset, perhaps after an
 * error, so nothing here raises or allocates.
 */
static void
release(void *arg)
{
	PgrPinEntry *entry = ((Hold *) arg)->entry;

	if (--entry->holders > 0)
		return;
	if (entry->stale)
	{
		delete_entry(entry);
		return;
	}
	measure_entry(entry);
	trim_pins();
}

/*
 * Holds an entry for the current memory context; the holder's record is allocated in
 * that.
 */
static PgrPinned *
hold(PgrPinEntry *entry)
{
	Hold	   *h = palloc(sizeof(Hold));

	h->entry = entry;
	h->callback.func = release;
	h->callback.arg = h;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &h->callback);
	entry->holders++;
	return entry->pinned;
}

/* Of a query in its plain form (pgr_query_plain): equal queries are equal bytes. */
static uint64
hash_query(const PgrRankQuery *query, Size size)
{
	return hash_bytes_extended((const unsigned char *) query, (int) size, 0);
}

/*
 * A walk over at most MAX_PINS entries and those held; the hash rejects nearly all
 * others.
 */
PgrPinned *
pgr_pins_find(const PgrPinKey *key, const PgrRankQuery *query)
{
	Size		size = VARSIZE_ANY(query);
	uint64		hash = hash_query(query, size);
	dlist_iter	it;

	dlist_foreach(it, &pins)
	{
		PgrPinEntry *e = dlist_container(PgrPinEntry, node, it.cur);

		if (e->query_hash != hash || e->query_size != size ||
			!same_key(&e->key, key) ||
			memcmp(e->query, query, size) != 0)
			continue;
		dlist_move_head(&pins, &e->node);
		return hold(e);
	}
	return NULL;
}

/*
 * The context is a child of the current one until the entry is entered: an error while
 * it is filled in takes it away.
 */
PgrPinEntry *
pgr_pins_make(const PgrPinKey *key, const PgrRankQuery *query)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve pinned",
												  ALLOCSET_SMALL_SIZES);
	PgrPinEntry *entry = MemoryContextAllocZero(context, sizeof(PgrPinEntry));

	entry->context = context;
	entry->key = *key;
	entry->key.snapshot = pgr_snapkey_copy(context, &key->snapshot);
	entry->query_size = VARSIZE_ANY(query);
	entry->query_hash = hash_query(query, entry->query_size);
	entry->query = MemoryContextAlloc(context, entry->query_size);
	memcpy(entry->query, query, entry->query_size);
	return entry;
}

/*
 * From here on it lives to the end of the transaction, or until there is no room for
 * it.
 */
PgrPinned *
pgr_pins_enter(PgrPinEntry *entry)
{
	PgrPinned  *pinned;

	MemoryContextSetParent(entry->context, pin_context);
	dlist_push_head(&pins, &entry->node);
	npins++;
	measure_entry(entry);
	pinned = hold(entry);
	trim_pins();
	return pinned;
}

/* --- views --- */

/*
 * Makes the table of views at the first view of a transaction; its context goes at
 * the end of it.
 */
static void
make_views(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(PgrPinKey), .entrysize = sizeof(KeptView),
		.hash = hash_key, .match = compare_keys
	};

	view_context = AllocSetContextCreate(pin_context, "pgretrieve views",
										 ALLOCSET_DEFAULT_SIZES);
	ctl.hcxt = view_context;
	views = hash_create("pgretrieve views", 16, &ctl,
						HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	view_memory = 0;
}

/*
 * True if the view is of the snapshot of `key`, or of one whose statistics somebody
 * holds.
 */
static bool
view_needed(const KeptView *view, const PgrPinKey *key)
{
	dlist_iter	it;

	if (pgr_snapkey_equal(&view->key.snapshot, &key->snapshot))
		return true;
	dlist_foreach(it, &pins)
	{
		PgrPinEntry *e = dlist_container(PgrPinEntry, node, it.cur);

		if (e->holders > 0 &&
			pgr_snapkey_equal(&view->key.snapshot, &e->key.snapshot))
			return true;
	}
	return false;
}

/* Forgets views of snapshots that no statement at work uses. */
static void
trim_views(const PgrPinKey *key)
{
	HASH_SEQ_STATUS seq;
	KeptView   *view;
	PgrPinKey	key_of_view;

	hash_seq_init(&seq, views);
	while ((view = hash_seq_search(&seq)) != NULL)
	{
		if (view_needed(view, key))
			continue;
		view_memory -= view->size;
		pfree(view->state);
		key_of_view = view->key;
		hash_search(views, &key_of_view, HASH_REMOVE, NULL);
		pgr_snapkey_free(&key_of_view.snapshot);
	}
}

/*
 * Keeps what a view just opened is of, and the key: copies of both are made before
 * anything is entered, so that an entry is complete or not there.
 */
static void
keep_view(const PgrPinKey *key, const PgrInvView *view)
{
	MemoryContext old = MemoryContextSwitchTo(view_context);
	Size		size;
	PgrInvState *state = pgr_view_state(view, &size);
	PgrPinKey	own = *key;
	KeptView   *kept;

	own.snapshot = pgr_snapkey_copy(view_context, &key->snapshot);
	kept = hash_search(views, &own, HASH_ENTER, NULL);
	kept->state = state;
	kept->size = size + sizeof(KeptView) + pgr_snapkey_memory(&own.snapshot);
	view_memory += kept->size;
	MemoryContextSwitchTo(old);
	if (view_memory > VIEW_MEMORY)
		trim_views(key);
}

/* The view is opened in the current memory context; what it was of is kept. */
PgrInvView *
pgr_pins_view(Relation index, const PgrLexTerm *terms, int nterms)
{
	PgrPinKey	key = pgr_pin_key(index);
	KeptView   *kept;
	PgrInvView *view;

	if (views == NULL)
		make_views();
	kept = hash_search(views, &key, HASH_FIND, NULL);
	if (kept != NULL)
		return pgr_view_open_at(index, kept->state, terms, nterms);
	view = pgr_view_open(index, terms, nterms);
	keep_view(&key, view);
	return view;
}

/* --- the end of a transaction --- */

/*
 * XactCallback. Entries that somebody still holds (a portal that outlives the
 * transaction) leave the list and are freed by their last holder. Views go with their
 * context. Raises nothing.
 */
static void
end_transaction(XactEvent event, void *arg)
{
	dlist_mutable_iter it;

	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT ||
		event == XACT_EVENT_PRE_PREPARE)
		return;
	dlist_foreach_modify(it, &pins)
	{
		PgrPinEntry *entry = dlist_container(PgrPinEntry, node, it.cur);

		if (entry->holders == 0)
			delete_entry(entry);
		else
		{
			dlist_delete(&entry->node);
			entry->stale = true;
		}
	}
	npins = 0;
	pin_memory = 0;
	if (view_context != NULL)
		MemoryContextDelete(view_context);
	view_context = NULL;
	views = NULL;
}

/* Once a backend. */
void
pgr_pins_init(void)
{
	pin_context = AllocSetContextCreate(TopMemoryContext, "pgretrieve statistics",
										ALLOCSET_SMALL_SIZES);
	RegisterXactCallback(end_transaction, NULL);
}
