/*
 * segment_set.h
 *		The set of an index's segments, as its metapage lists them: what exists, what is
 *		being written, and how both change.
 *
 * An access method whose metapage ends in a PgrSegSetPage gets, for the functions of a
 * PgrSegSetOwner: publication of segments in one WAL record, any number of segments (a
 * chain of pages takes what the metapage has no room for), sweeping of what is not listed,
 * claims, and the choice of what to merge. See README, "The set of segments".
 *
 * Locks. A set knows one: the space lock (src/storage), which publishing, changing a count
 * of dead rows and sweeping take and let go. The caller of each holds the lock of the
 * writer in whose name it calls.
 */
#ifndef PGR_SEGMENT_SET_H
#define PGR_SEGMENT_SET_H

#include "base/compat.h"
#include "segment/segment.h"

#ifndef PGR_SET_INLINE			/* a test may want lists early */
#define PGR_SET_INLINE 160		/* segments that the metapage itself lists */
#endif

/* Segments in a page of the list; the next page by the page's link. */
#define PGR_SET_LIST_SEGMENTS (PGR_PAGE_CAPACITY / sizeof(PgrSegDesc))

/*
 * Who writes pages before he publishes them, each under a lock of his own. The metapage
 * notes what each writes, so that a sweep spares it, and so that what a failed attempt has
 * left is known to be of no use to anybody.
 */
typedef enum PgrSetWriter
{
	PGR_SET_SEAL,				/* new documents become a segment */
	PGR_SET_SMALL_MERGE,		/* what an insert merges */
	PGR_SET_MAINTENANCE,		/* maintenance lock */
	PGR_SET_SPACE,				/* space lock: a list of segments, an extent of the owner's */
	PGR_SET_WRITERS,
	PGR_SET_BUILD = PGR_SET_WRITERS /* nobody else is there */
} PgrSetWriter;

/* On disk: the end of a metapage. */
typedef struct PgrSegSetPage
{
	PgrSegDesc	segments[PGR_SET_INLINE];
	uint32		writing[PGR_SET_WRITERS];	/* generations; 0: nothing, or not any more */
	uint32		claimed;		/* small merges take no segment of an older generation */
	uint32		list_segments;	/* further segments, older than those above ... */
	uint32		list_generation;	/* ... in a chain of pages of this generation ... */
	BlockNumber list_block;		/* ... that begins here */
} PgrSegSetPage;

/* Where a metapage has its set. */
typedef struct PgrSegSet
{
	uint32	   *next_generation;
	uint32	   *ninline;		/* of page->segments */
	PgrSegSetPage *page;
} PgrSegSet;

/* A copy of the set, the list's pages included. */
typedef struct PgrSegSetCopy
{
	PgrSegDesc *segments;		/* [n], oldest publication first; palloc'd */
	uint32		n;
	uint32		nlisted;		/* of these, in pages of the list: the first ones */
	uint32		writing[PGR_SET_WRITERS];
	uint32		claimed;
	uint32		list_generation;	/* 0: no list */
} PgrSegSetCopy;

/* How an access method's metapage is read and changed. */
typedef struct PgrSegSetOwner
{
	Size		size;			/* of its content */
	uint32		max_alive;		/* what `alive` gives at most */

	/* Copies the metapage's content into *meta, checked; raises XX002. */
	void		(*read) (Relation index, void *meta);

	/*
	 * The content inside a WAL batch, the page exclusively locked; checked, of the current
	 * version from now on.
	 */
	void	   *(*add) (PgrWalBatch *batch, Relation index);

	void		(*locate) (void *meta, PgrSegSet *set);

	/* The generations of further extents that the metapage names; returns how many. */
	uint32		(*alive) (const void *meta, uint32 *generations);
} PgrSegSetOwner;

/*
 * Copies the metapage into *meta (owner->size bytes) and the set of it into *copy, both of
 * one moment; segments are allocated in the current memory context. No lock is held
 * between pages: where the list has been replaced meanwhile it begins again.
 */
extern void pgr_set_read(Relation index, const PgrSegSetOwner *owner, void *meta,
						 PgrSegSetCopy *copy);

/* Raises XX002 unless what a metapage says of its set can be. nblocks: of the file. */
extern void pgr_set_check(Relation index, const PgrSegSet *set, BlockNumber nblocks);

/* Raises XX002: the metapage lists more than can be. */
PGR_NORETURN extern void pgr_set_corrupt(Relation index);

/*
 * A generation number nobody else uses, noted as what the writer, whose lock is held,
 * is about to write; WAL-logged. What the writer's last attempt has left is swept first.
 */
extern uint32 pgr_set_new_generation(Relation index, const PgrSegSetOwner *owner,
									 PgrSetWriter writer);

typedef struct PgrSetPublication
{
	PgrSetWriter writer;		/* whose work it is: he is not writing any more */
	const PgrSegDesc *added;	/* a segment, or NULL */
	const uint32 *gone;			/* generations of the segments it replaces */
	int			ngone;
	/* what else changes in the metapage, exclusively locked, in the same record; or NULL */
	void		(*also) (void *meta, void *arg);
	void	   *arg;
} PgrSetPublication;

/*
 * Publishes: one WAL record of the metapage, before which a list that no longer fits is
 * written anew. A crash leaves the set before or after it.
 */
extern void pgr_set_publish(Relation index, const PgrSegSetOwner *owner,
							const PgrSetPublication *p);

/* Enters a segment's number of dead rows. The maintenance lock is held. */
extern void pgr_set_dead(Relation index, const PgrSegSetOwner *owner, uint32 generation,
						 uint32 ndead);

/*
 * Notes that small merges leave alone what is listed now; returns the first generation
 * that they may take. No small merge is at work: the caller holds its lock.
 */
extern uint32 pgr_set_claim(Relation index, const PgrSegSetOwner *owner);

/*
 * Frees what nobody needs, by the deferred rule of src/storage. `held`: bits
 * (1 << PgrSetWriter) of the writers whose lock the caller holds and who are not writing:
 * what the metapage says that they write is what a failed attempt has left.
 */
extern void pgr_set_sweep(Relation index, const PgrSegSetOwner *owner, uint32 held);

/* --- segment_tier.c: what to merge --- */

#define PGR_TIER_FANOUT 8
#define PGR_TIER_MOST 64		/* segments that are open at a time */

/*
 * Each puts the numbers of segments to merge into chosen[PGR_TIER_MOST] and returns how
 * many, 0 if nothing is due.
 *
 * tier: the lowest tier with PGR_TIER_FANOUT segments not older than generation `since`,
 * and those of them, oldest first, that together have at most max_pages.
 * rewrite: a segment with so many dead rows that the statistics show it.
 * all: on the way to one segment: all, or, if they are too many, the smallest.
 */
extern int	pgr_tier_choose(const PgrSegDesc *segments, uint32 nsegments, uint32 since,
						   uint64 max_pages, int *chosen);
extern int	pgr_tier_choose_rewrite(const PgrSegDesc *segments, uint32 nsegments, int *chosen);
extern int	pgr_tier_choose_all(const PgrSegDesc *segments, uint32 nsegments, int *chosen);

/*
 * Merges the chosen segments into one, publishes it in their place and sweeps. The lock
 * of the writer is held; nobody marks their rows dead meanwhile.
 */
extern void pgr_tier_merge(Relation index, const PgrSegSetOwner *owner, const PgrSegShape *shape,
						   PgrSetWriter writer, const PgrSegDesc *segments, const int *chosen,
						   int n);

#endif							/* PGR_SEGMENT_SET_H */
