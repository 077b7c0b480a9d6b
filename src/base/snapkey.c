/*
 * snapkey.c
 *		What a snapshot shows, as a value that outlives it.
 *
 * Two snapshots are the same where every number and every transaction in progress is
 * the same. Numbers alone (xmin, xmax and how many are in progress) would mostly do:
 * on a primary the set in progress below one xmax only shrinks. But that is a property
 * of how today's servers take snapshots, it says nothing of a snapshot imported, taken
 * on a standby, or with subtransactions come and gone, and whoever relies on it would
 * serve statistics of rows that a statement does not see. So the arrays are compared
 * as well; that costs a memcmp, and only where all numbers agree.
 *
 * The test may say "different" of two snapshots that show the same rows (the same
 * transactions in another order, say). What is cached is then made anew, which is slow
 * and never wrong.
 *
 * No locks. Nothing here raises but for lack of memory.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/snapkey.h"
#include "common/hashfn.h"
#include "storage/proc.h"

/*
 * A copied snapshot with more subtransactions than the server lists (suboverflowed) has
 * no subxip, yet a count of what was listed before the first backend that had too many.
 * Such a snapshot looks the parents of all subtransactions up: the list does not matter.
 */
PgrSnapKey
pgr_snapkey(Snapshot snapshot)
{
	return (PgrSnapKey) {
		.lxid = pgr_my_lxid(),
		.xmin = snapshot->xmin,
		.xmax = snapshot->xmax,
		.curcid = snapshot->curcid,
		.xcnt = snapshot->xcnt,
		.subxcnt = snapshot->subxip != NULL ? snapshot->subxcnt : 0,
		.suboverflowed = snapshot->suboverflowed,
		.in_recovery = snapshot->takenDuringRecovery,
		.xip = snapshot->xip,
		.subxip = snapshot->subxip
	};
}

Size
pgr_snapkey_memory(const PgrSnapKey *key)
{
	return sizeof(TransactionId) * ((Size) key->xcnt + (Size) key->subxcnt);
}

/* An empty array of a snapshot may be NULL, which memcpy must not see. */
PgrSnapKey
pgr_snapkey_copy(MemoryContext context, const PgrSnapKey *key)
{
	PgrSnapKey	copy = *key;
	TransactionId *xids = MemoryContextAlloc(context, Max(pgr_snapkey_memory(key), 1));

	if (key->xcnt > 0)
		memcpy(xids, key->xip, sizeof(TransactionId) * key->xcnt);
	if (key->subxcnt > 0)
		memcpy(xids + key->xcnt, key->subxip, sizeof(TransactionId) * key->subxcnt);
	copy.xip = xids;
	copy.subxip = xids + key->xcnt;
	return copy;
}

void
pgr_snapkey_free(PgrSnapKey *key)
{
	pfree(unconstify(TransactionId *, key->xip));
	key->xip = key->subxip = NULL;
}

/* Nor may memcmp see NULL. */
static bool
same_xids(const TransactionId *a, const TransactionId *b, int64 n)
{
	return n == 0 || memcmp(a, b, sizeof(TransactionId) * n) == 0;
}

bool
pgr_snapkey_equal(const PgrSnapKey *a, const PgrSnapKey *b)
{
	return a->lxid == b->lxid && a->xmin == b->xmin && a->xmax == b->xmax &&
		a->curcid == b->curcid && a->xcnt == b->xcnt && a->subxcnt == b->subxcnt &&
		a->suboverflowed == b->suboverflowed && a->in_recovery == b->in_recovery &&
		same_xids(a->xip, b->xip, a->xcnt) && same_xids(a->subxip, b->subxip, a->subxcnt);
}

/* Of the numbers that change most: a backend keeps few keys, all of one transaction. */
uint32
pgr_snapkey_hash(const PgrSnapKey *key)
{
	uint32		hash = hash_combine(murmurhash32(key->xmin), murmurhash32(key->xmax));

	return hash_combine(hash, murmurhash32(key->curcid));
}
