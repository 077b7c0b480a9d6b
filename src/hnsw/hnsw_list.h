/*
 * hnsw_list.h
 *		The lists of filter values: directory and pages. See README, "Filter columns".
 */
#ifndef PGR_HNSW_LIST_H
#define PGR_HNSW_LIST_H

#include "hnsw/hnsw.h"

/* bytes of a digest; less where there are not so many coordinates */
#define PGR_HNSW_MAX_DIGEST 22

/*
 * The directory of the lists of filter values, as hnsw_page.h has it; all of it
 * points into one piece of memory.
 */
struct PgrHnswLists
{
	char	   *directory;
	PgrDigestMap map;
	const float *norm2;			/* of each centre */
	const float *shift;
	const float *centres;		/* map.n floats each */
	const uint32 *group_first;	/* of each group the first list */
	const float *group_norm2;
	const float *group_centres;
	uint32	   *filled;			/* entries of each list, where they are being made; else NULL */
	float	   *z;				/* scratch, map.n */
	uint32	   *near;			/* scratch: lists near a row, nnear of them */
	uint32		nnear;
	float	   *distances;		/* scratch, one for each list, or for each that is near */
	float	   *group_distances;	/* scratch */
};

/* --- hnsw_list.c: the directory, and which list a row is in --- */

/* The directory, read when it is first asked for; an index with digests only. */
extern PgrHnswLists *pgr_hnsw_lists(const PgrHnswIndex *ix);

/*
 * How far the lists are from a query with coordinates z, up to what is the same
 * for all; keys: one for each. An index with digests only.
 */
extern void pgr_hnsw_rank_lists(const PgrHnswIndex *ix, const float *z, float *keys);

/* A vector's digest, PGR_DIGEST_BYTES(digest_dims) bytes; an index with digests only. */
extern void pgr_hnsw_list_digest(const PgrHnswIndex *ix, PgrHnswPoint *point, uint8 *digest);

/* Adds a row, its node and its item (tid and filter values), to the list it belongs in. */
extern void pgr_hnsw_list_enter(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point,
								const char *item);

/*
 * What an insert does instead of pgr_hnsw_list_enter: also where the lists have changed since
 * ix was opened. Takes and releases the lists lock; no buffer may be locked.
 */
extern void pgr_hnsw_enter_row(const PgrHnswIndex *ix, PgrHnswId id, PgrHnswPoint *point,
							   const char *item);

/*
 * Build: a sample of so many rows, from which the directory is made. NULL if the
 * index has no filter columns. Rows are offered one after the other, numbered.
 */
typedef struct PgrHnswListSample PgrHnswListSample;
extern PgrHnswListSample *pgr_hnsw_list_sample(PgrHnswIndex *ix, uint64 rows);

/* Whether the row of that number would be taken. */
extern bool pgr_hnsw_list_sample_wants(const PgrHnswListSample *s, uint64 number);
extern void pgr_hnsw_list_sample_row(const PgrHnswIndex *ix, PgrHnswListSample *s, uint64 number,
									 const PgrCode8 *head, const int8 *code);

/* The directory from the sample, in ix->lists; false if the sample is empty. */
extern bool pgr_hnsw_make_directory(PgrHnswIndex *ix, const PgrHnswListSample *s);

/* Appends the directory and empty lists, before any node; frees the sample. */
extern void pgr_hnsw_create_lists(PgrHnswIndex *ix, PgrHnswListSample *s);

/* The same of a directory that is there already, and without one, to any fork. */
extern void pgr_hnsw_write_lists(const PgrHnswIndex *ix, ForkNumber fork);

/* --- hnsw_relist.c: new lists for the rows that there are now --- */

/*
 * VACUUM: gives an index of about so many rows new lists, if a build would make many more of
 * them. May be cancelled at any time, but not while it writes the first page of each new list.
 * Memory: the sample (pgr_hnsw_list_sample), and two bytes a block of the index.
 */
extern void pgr_hnsw_relist(Relation index, double rows);

/* --- hnsw_filter.c: the lists' pages --- */

/*
 * Adds an entry to a list, with its digest if the index has digests; false if
 * there is no room and the list must not be extended.
 */
extern bool pgr_hnsw_list_add(const PgrHnswIndex *ix, uint32 list, PgrHnswId id, const char *item,
							  const uint8 *digest, bool extend);

/*
 * Copies a page of a list, BLCKSZ bytes; returns the number of its entries, and
 * the next page's block. chain: of the list's pages read so far, zero before the first.
 */
extern uint32 pgr_hnsw_list_page(const PgrHnswIndex *ix, PgrChain *chain, BlockNumber block,
								 char *page, BlockNumber *next);

/* Takes all entries out of a list that nobody reads. */
extern void pgr_hnsw_list_clear(const PgrHnswIndex *ix, uint32 list);

/* Removes entries whose tid the callback says is dead. */
extern void pgr_hnsw_list_prune(const PgrHnswIndex *ix, IndexBulkDeleteCallback callback,
								void *state);

/* estimated number of pages of the lists */
extern double pgr_hnsw_list_pages(const PgrHnswIndex *ix);

#endif							/* PGR_HNSW_LIST_H */
