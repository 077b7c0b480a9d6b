/*
 * hnsw.h
 *		What most files of the access method need: the open index, nodes in pages,
 *		searches. What fewer need is in headers of their own. See README.
 */
#ifndef PGR_HNSW_H
#define PGR_HNSW_H

#include "postgres.h"

#include <float.h>

#include "access/genam.h"
#include "am/filtercol.h"
#include "am/vecclass.h"
#include "base/chain.h"
#include "base/compat.h"
#include "graph/graph.h"
#include "hnsw/hnsw_page.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "quant/vecspace.h"
#include "storage/storage.h"

/* What index scans did, all counts; pgr_hnsw_counter_set names them. */
typedef struct PgrHnswCounters
{
	uint64		scans;			/* started, rescans too */
	uint64		nodes;			/* records read */
	uint64		codes;			/* neighbours scored by their codes */
	uint64		ranked;			/* rows whose distance was computed from their values */
	uint64		resumes;		/* times the search went on for more rows */
	uint64		late;			/* rows met after a farther one was returned: left out */
	uint64		spilled;		/* nodes sorted because memory had no room for a search */
} PgrHnswCounters;

/* The directory of the lists of filter values; hnsw_list.h. */
typedef struct PgrHnswLists PgrHnswLists;

/* An open index. What it points to lives in the context of pgr_hnsw_open. */
typedef struct PgrHnswIndex
{
	Relation	rel;
	const PgrVecClass *cls;
	PgrHnswMeta meta;			/* as it was read last */
	PgrVecSpace space;			/* uses meta.max_aux */
	float	   *frames;			/* meta.nframes of dim floats; NULL if there are none */
	const float *zeros;			/* then that of frame 0 */
	PgrFilterColumns *filters;	/* NULL if there are none */
	PgrHnswLists *lists;		/* NULL before they are needed; pgr_hnsw_lists */
	bool		building;		/* changes are not logged one by one */
	PgrHnswCounters *counters;	/* where searches count; never NULL */
} PgrHnswIndex;

/* A vector, as codes of any frame see it; hnsw_point.h. */
typedef struct PgrHnswPoint PgrHnswPoint;
typedef struct PgrHnswView PgrHnswView;

/* --- hnsw_index.c: format, opening --- */

/*
 * Fills meta's degree, node_size, nodes_per_page and parts from its dim, padded, m, edge_bits,
 * filter_size and value_size: README, "Pages".
 */
extern void pgr_hnsw_geometry(PgrHnswMeta *meta);

/*
 * The index as its metapage describes it, palloc'd in the current context, for as long as rel
 * is open. Share-locks the metapage for a copy, and pages of frames and lists one at a time if
 * the relation's cache entry does not have them. Raises where these are damaged or of another
 * version.
 */
extern PgrHnswIndex *pgr_hnsw_open(Relation rel);

/*
 * The same for inserts: opened for a statement's first row, for each other as its metapage is
 * now. It lives in info's context, which keeps it; *row: a context to be reset after each row.
 */
extern PgrHnswIndex *pgr_hnsw_open_for_rows(Relation rel, IndexInfo *info, MemoryContext *row);

/*
 * Copies the directory of lists, PGR_HNSW_DIRECTORY_SIZE bytes, of an open index: the one that
 * its metapage named when it was opened. May read pages: not under a lock.
 */
extern void pgr_hnsw_copy_directory(const PgrHnswIndex *ix, char *directory);

/*
 * How many nodes there are about: the slots behind the first node page, free ones and pages of
 * lists and frames among them included. Reads no page, but asks for the file's length.
 */
extern double pgr_hnsw_count_estimate(const PgrHnswIndex *ix);

/*
 * An index about to be built, with the options of rel, in the current context; has no frames
 * yet. Changes made through it are not logged (building). Raises where options or the column
 * do not fit.
 */
extern PgrHnswIndex *pgr_hnsw_new(Relation rel);

/*
 * Fills row, PGR_HNSW_ROW_SIZE bytes: a heap row as builds and inserts hand it on.
 * value: the column's, detoasted, of the index's dimension.
 */
extern void pgr_hnsw_make_row(const PgrHnswIndex *ix, ItemPointer tid,
							  const struct varlena *value, const Datum *values,
							  const bool *isnull, char *row);

/* --- hnsw_verify.c: numbers on damaged pages --- */

/*
 * Raise XX002 unless what the metapage says, or the frames (meta->nframes of dim floats), can
 * be. Neither reads a page; the first reads catalog caches.
 */
extern void pgr_hnsw_check_meta(Relation rel, const PgrHnswMeta *meta);
extern void pgr_hnsw_check_frames(Relation rel, const PgrHnswMeta *meta, const float *frames);

/* --- hnsw_node.c: nodes in pages --- */

/*
 * The block's page, locked, or InvalidBuffer if it was never initialised (a
 * crash right after the relation was extended). NULL page if it is no node page.
 */
extern Buffer pgr_hnsw_node_page(const PgrHnswIndex *ix, BlockNumber block, int lockmode,
								 Page *page);

/*
 * Locks a node's (first) page and gives its record, which is in the page if a
 * node takes one, else assembled in scratch (node_size bytes). The buffer stays
 * pinned and locked. The record has passed pgr_hnsw_node_check.
 */
extern const PgrHnswNode *pgr_hnsw_node_read(const PgrHnswIndex *ix, PgrHnswId id,
											 int lockmode, char *scratch, Buffer *buffer);

/* Raises unless the numbers of a record's rows and edges are possible ones. */
extern void pgr_hnsw_node_check(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswNode *node);

/* pgr_hnsw_node_read of a page already locked, unchecked: for the checker. */
extern const PgrHnswNode *pgr_hnsw_node_at(const PgrHnswIndex *ix, Page page, PgrHnswId id,
										   char *scratch);

/*
 * As both, checked, without the node's value, for searches: of a large node the value may be
 * most of the pages.
 */
extern const PgrHnswNode *pgr_hnsw_node_read_links(const PgrHnswIndex *ix, PgrHnswId id,
												   char *scratch, Buffer *buffer);
extern const PgrHnswNode *pgr_hnsw_node_links_at(const PgrHnswIndex *ix, Page page,
												 PgrHnswId id, char *scratch);

/*
 * Copies the value kept in a node into value, meta.value_size bytes, which are zeros
 * if it keeps none. False if the slot is no longer that node.
 */
extern bool pgr_hnsw_node_value(const PgrHnswIndex *ix, PgrHnswId id, uint16 generation,
								char *value);

/*
 * Stores a whole changed record whose (first) page the caller has locked
 * exclusively, with WAL; only what differs is logged. Releases the buffer.
 */
extern void pgr_hnsw_node_store(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswNode *record,
								Buffer buffer);

/*
 * A TIDS slot is the node's with that number and generation. Numbers are reused, of nodes
 * and slots alike: whoever has read `more` under a lock that it has no longer asks this.
 * A slot of an older release knows the number only.
 */
static inline bool
pgr_hnsw_is_tids_of(const PgrHnswNode *slot, PgrHnswId owner, uint16 generation)
{
	return (slot->flags & PGR_HNSW_TIDS) && slot->owner == owner &&
		(!(slot->flags & PGR_HNSW_STAMPED) || slot->owner_generation == generation);
}

/* The first part of a record in its page. */
static inline PgrHnswNode *
pgr_hnsw_slot(const PgrHnswIndex *ix, Page page, PgrHnswId id)
{
	return (PgrHnswNode *) (PgrPageGetData(page) +
							PGR_HNSW_SLOT(&ix->meta, id) * (Size) ix->meta.node_size);
}

/* Makes the edge from one code to the node of another. */
extern void pgr_hnsw_make_edge(const PgrHnswMeta *meta, const PgrCode8 *from,
							   const int8 *from_code, PgrHnswId id, const PgrCode8 *to,
							   const int8 *to_code, PgrHnswEdge *edge);

static inline bool
pgr_hnsw_has_edge(const PgrHnswMeta *meta, const PgrHnswNode *node, PgrHnswId to)
{
	for (uint32 i = 0; i < node->nedges; i++)
		if (PGR_HNSW_EDGE(meta, node, i)->id == to)
			return true;
	return false;
}

/* Makes a slot free; nothing may name it any more. */
extern void pgr_hnsw_node_free(const PgrHnswIndex *ix, PgrHnswId id);

/*
 * A node's record, copied; its (first) page stays locked in that mode and pinned. copy:
 * node_size bytes. Raises where the record is damaged.
 */
extern void pgr_hnsw_node_copy(const PgrHnswIndex *ix, PgrHnswId id, int lockmode,
							   PgrHnswNode *copy, Buffer *buffer);

/* A node as somebody met it: numbers are reused, the generation tells. */
typedef struct PgrHnswRef
{
	PgrHnswId	id;
	uint16		generation;
} PgrHnswRef;

/* The same, locked exclusively, if it still is that node and not dead; else false, unlocked. */
extern bool pgr_hnsw_node_copy_live(const PgrHnswIndex *ix, PgrHnswRef ref, PgrHnswNode *copy,
									Buffer *buffer);

/* A free slot; its page is locked exclusively. Its record has only a generation. */
extern PgrHnswId pgr_hnsw_node_alloc(const PgrHnswIndex *ix, Buffer *buffer);

/*
 * Appends pages of free slots until the relation has the block, if it has not. Several
 * processes may do so. Build only.
 */
extern void pgr_hnsw_extend_to(const PgrHnswIndex *ix, BlockNumber block);

/* Appends a formatted page to a fork; its content is the caller's to fill. Build only. */
extern Buffer pgr_hnsw_append_page(const PgrHnswIndex *ix, ForkNumber fork, PgrPageKind kind,
								   uint32 used);

/* --- hnsw_match.c: what the lists say passes --- */

/* A node with a row that passes. */
typedef struct PgrHnswMatch
{
	PgrHnswId	id;
	float		estimate;		/* of its distance; of an index without digests no value */
} PgrHnswMatch;

typedef struct PgrHnswMatches PgrHnswMatches;

/* For a query; the filter must outlive it. In the current context. */
extern PgrHnswMatches *pgr_hnsw_matches_begin(const PgrHnswIndex *ix, PgrHnswPoint *query,
											  const PgrFilter *filter);

/*
 * Reads the next nearest list: the nodes of its rows that pass, some of them
 * more than once, until the next call. False if all were read.
 */
extern bool pgr_hnsw_matches_next(PgrHnswMatches *m, const PgrHnswMatch **matches, uint32 *n);

/* Lists that a search reads in vain, of so many, before it takes the rest to be so. */
extern double pgr_hnsw_match_patience(double lists);

/*
 * About how many pages a search reads that finds the ef nearest by the lists, of
 * so many rows and pages of lists, with or without digests, if a share of the rows
 * passes.
 */
extern double pgr_hnsw_match_effort(double rows, double share, double pages, bool digests,
									double ef);

/* What it is not below, without pow(): a search asks at each node that it visits. */
extern double pgr_hnsw_match_least_effort(double rows, double share, double pages, bool digests,
										  double ef);

#endif							/* PGR_HNSW_H */
