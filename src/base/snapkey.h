/*
 * snapkey.h
 *		What a snapshot shows, as a value that outlives it: the one definition of
 *		"the same snapshot" for whatever is cached by it.
 */
#ifndef PGR_SNAPKEY_H
#define PGR_SNAPKEY_H

#include "postgres.h"

#include "utils/snapshot.h"

/*
 * All of an MVCC snapshot that decides which rows it shows, and the transaction that
 * uses it: what is cached by a key is not taken up by the next transaction, whose
 * locks and memory are others. The arrays are read only.
 */
typedef struct PgrSnapKey
{
	LocalTransactionId lxid;
	TransactionId xmin;
	TransactionId xmax;
	CommandId	curcid;
	uint32		xcnt;			/* transactions in progress */
	int32		subxcnt;		/* subtransactions in progress */
	bool		suboverflowed;	/* there are more than subxip has */
	bool		in_recovery;	/* all that is in progress is in subxip */
	const TransactionId *xip;	/* [xcnt] */
	const TransactionId *subxip;	/* [subxcnt] */
} PgrSnapKey;

/* Of a snapshot, whose arrays it refers to: valid while the snapshot is. No memory. */
extern PgrSnapKey pgr_snapkey(Snapshot snapshot);

/*
 * A key with arrays of its own, in one palloc of `context`; pgr_snapkey_free gives it
 * back, as does a reset of the context.
 */
extern PgrSnapKey pgr_snapkey_copy(MemoryContext context, const PgrSnapKey *key);
extern void pgr_snapkey_free(PgrSnapKey *key);

/* Bytes of the arrays, for those who bound their memory. */
extern Size pgr_snapkey_memory(const PgrSnapKey *key);

/* True only if both show the same rows to the same command of one transaction. */
extern bool pgr_snapkey_equal(const PgrSnapKey *a, const PgrSnapKey *b);

/* Equal keys have equal hashes. Not to be stored. */
extern uint32 pgr_snapkey_hash(const PgrSnapKey *key);

#endif							/* PGR_SNAPKEY_H */
