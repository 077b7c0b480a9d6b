/*
 * hnsw_reach.c
 *		At the end of a build: an edge to each node that no way leads to, departure
 *		(10). See README, "Build".
 *
 * A node keeps its edges to others, but theirs to it may all have been dropped
 * for nearer ones: far outliers, and what lies between parts. Such a node would
 * only be found by a scan that reads the whole index.
 *
 * Invariant: no step makes a node unreachable. An edge is dropped only from a node
 * that no way leads to yet, or where another way of two edges leads from the same
 * node to its end, or by putting the new node between both.
 *
 * Nobody else sees the index meanwhile.
 */
#include "postgres.h"

#include <math.h>

#include "commands/progress.h"
#include "hnsw/hnsw_build.h"
#include "hnsw/hnsw_entry.h"
#include "hnsw/hnsw_link.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* nearest nodes of one to be linked that are looked at for room */
#define TRIES 8

/*
 * Inner products: where lengths differ much, nearly all edges lead to long vectors. If more
 * than this share of nodes is not reached they stay so: README, "Limitations".
 */
#define SHORT_SHARE 0.02

/*
 * Which nodes a way leads to, and from which of them edges are still to be followed. Two bits
 * an id: of ids, not of nodes, because they are numbers of slots; 1,000,000 nodes of two a
 * page take 250 kB. Only the leader has one, when the workers have ended.
 */
typedef struct Reach
{
	PgrHnswIndex *ix;
	Size		nids;			/* ids are below it */
	uint64	   *reached;		/* one bit an id: a way leads there */
	uint64	   *pending;		/* and its own edges were not followed yet */
	Size		words;			/* of each */
	Size		low;			/* words of pending before it are 0 */
	Size		nreached;
	Size		npending;
	char	   *scratch;		/* node_size */
} Reach;

/* ----------
 * Ways
 * ----------
 */

/* Whether a way leads to a slot; id is below nids. */
static bool
is_reached(const Reach *r, PgrHnswId id)
{
	return r->reached[id / 64] >> id % 64 & 1;
}

/*
 * Takes a slot for reached, and for one whose edges are to be followed. An id beyond the index
 * (a damaged edge) is passed over here: a search that follows it tells.
 */
static void
reach(Reach *r, PgrHnswId id)
{
	if (id >= r->nids || is_reached(r, id))
		return;
	r->reached[id / 64] |= UINT64CONST(1) << id % 64;
	r->pending[id / 64] |= UINT64CONST(1) << id % 64;
	r->low = Min(r->low, id / 64);
	r->nreached++;
	r->npending++;
}

/*
 * Takes what a node's edges lead to for reached. Share-locks the node's page, and its further
 * parts but those of the value; none is locked on return.
 */
static void
follow_node(Reach *r, PgrHnswId id)
{
	const PgrHnswMeta *meta = &r->ix->meta;
	Buffer		buffer;
	const PgrHnswNode *node = pgr_hnsw_node_read_links(r->ix, id, r->scratch, &buffer);

	for (uint32 i = 0; i < Min(node->nedges, meta->degree); i++)
		reach(r, PGR_HNSW_EDGE(meta, node, i)->id);
	UnlockReleaseBuffer(buffer);
}

/*
 * Follows what is pending until nothing is, in rounds of ascending ids, so that pages are read
 * in streams: a depth-first walk would read a page at random for each node. Interruptible at
 * each node, with no page locked.
 */
static void
follow(Reach *r)
{
	while (r->npending > 0)
	{
		Size		word = r->low;

		r->low = r->words;
		for (; r->npending > 0 && word < r->words; word++)
			while (r->pending[word] != 0)
			{
				int			bit = pg_rightmost_one_pos64(r->pending[word]);

				CHECK_FOR_INTERRUPTS();
				r->pending[word] &= ~(UINT64CONST(1) << bit);
				r->npending--;
				follow_node(r, (PgrHnswId) (word * 64 + bit));
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
											 (int64) (r->nreached - r->npending));
			}
	}
}

/*
 * Takes the nodes of all entries for reached: each walk begins at some of them. (At the best
 * ones for its query; the others come in when it goes on.) Share-locks one entry page at a
 * time.
 */
static void
reach_entries(Reach *r)
{
	const PgrHnswMeta *meta = &r->ix->meta;

	for (uint32 p = 0; p < meta->entry_pages; p++)
	{
		Buffer		buffer;
		uint32		n = pgr_hnsw_entry_page(r->ix, p, BUFFER_LOCK_SHARE, &buffer);

		for (uint32 i = 0; i < n; i++)
			reach(r, PGR_HNSW_ENTRY(meta, BufferGetPage(buffer), i)->id);
		UnlockReleaseBuffer(buffer);
	}
}

/* ----------
 * Linking a node
 * ----------
 */

/*
 * A node and the nodes that its edges lead to, as copies in the memory of one link_node:
 * nobody else changes the index, so they stay true until link_node itself stores one. At most
 * degree + 1 records.
 */
typedef struct Surroundings
{
	PgrHnswId	id;
	PgrHnswNode *node;			/* a copy */
	PgrHnswNode **ends;			/* of its edges, copies */
} Surroundings;

/* A copy of a node's record, palloc'd; its page is not locked any more. */
static PgrHnswNode *
copy_node(const PgrHnswIndex *ix, PgrHnswId id)
{
	PgrHnswNode *copy = palloc(ix->meta.node_size);
	Buffer		buffer;

	pgr_hnsw_node_copy(ix, id, BUFFER_LOCK_SHARE, copy, &buffer);
	UnlockReleaseBuffer(buffer);
	return copy;
}

/*
 * The same without its value, which for a large node is most of the pages. The bytes of the
 * value are undefined in the copy, so it must not be stored. Locks as copy_node.
 */
static PgrHnswNode *
copy_links(const PgrHnswIndex *ix, PgrHnswId id)
{
	PgrHnswNode *copy = palloc(ix->meta.node_size);
	Buffer		buffer;
	const PgrHnswNode *node = pgr_hnsw_node_read_links(ix, id, (char *) copy, &buffer);

	if (node != copy)
		memcpy(copy, node, PGR_HNSW_LINKED_SIZE(&ix->meta, ix->meta.degree));
	UnlockReleaseBuffer(buffer);
	return copy;
}

/*
 * The squared distance of two nodes by their codes, shifted for inner products as in the
 * graph.
 */
static double
node_pair(const PgrHnswMeta *meta, const PgrHnswNode *a, const PgrHnswNode *b)
{
	return pgr_code8_pair_distance(&a->head, PGR_HNSW_CODE(meta, a), &b->head,
								   PGR_HNSW_CODE(meta, b), meta->padded, meta->max_aux);
}

/*
 * Copies of a node and of all ends of its edges, palloc'd. Locks one node's page at a time,
 * none on return.
 */
static void
look_around(const PgrHnswIndex *ix, PgrHnswId id, Surroundings *s)
{
	s->id = id;
	s->node = copy_node(ix, id);
	s->ends = palloc(Max(s->node->nedges, 1) * sizeof(PgrHnswNode *));
	for (uint32 i = 0; i < s->node->nedges; i++)
		s->ends[i] = copy_links(ix, PGR_HNSW_EDGE(&ix->meta, s->node, i)->id);
}

/*
 * The longest edge x that a search does not need: another neighbour y is nearer to its end,
 * and y has an edge there, so the end is reached by two steps, each of them shorter. The
 * number of edges if there is none. degree^2 look-ups of an edge, in copies, without any lock.
 * The longest, because it is what walks towards near nodes use least.
 */
static uint32
needless_edge(const PgrHnswMeta *meta, const Surroundings *s)
{
	uint32		found = s->node->nedges;
	double		longest = -1;

	for (uint32 x = 0; x < s->node->nedges; x++)
	{
		double		length = node_pair(meta, s->node, s->ends[x]);
		PgrHnswId	end = PGR_HNSW_EDGE(meta, s->node, x)->id;

		for (uint32 y = 0; length > longest && y < s->node->nedges; y++)
			if (y != x && pgr_hnsw_has_edge(meta, s->ends[y], end) &&
				node_pair(meta, s->ends[y], s->ends[x]) < length)
			{
				longest = length;
				found = x;
			}
	}
	return found;
}

/*
 * Sets the i-th edge of a copy, or one behind the last. i is at most nedges, and below the
 * degree.
 */
static void
set_edge(const PgrHnswMeta *meta, PgrHnswNode *from, uint32 i, PgrHnswId id, const PgrHnswNode *to)
{
	pgr_hnsw_make_edge(meta, &from->head, PGR_HNSW_CODE(meta, from), id, &to->head,
					   PGR_HNSW_CODE(meta, to), PGR_HNSW_EDGE(meta, from, i));
	from->nedges = Max(from->nedges, i + 1);
}

/*
 * Stores a copy of a node, taken by copy_node, as its record. Locks its page exclusively and
 * releases it; nobody has changed the node since it was copied. Changes of a build are not
 * logged.
 */
static void
store_copy(const PgrHnswIndex *ix, PgrHnswId id, const PgrHnswNode *copy)
{
	pgr_hnsw_node_store(ix, id, copy, pgr_page_read(ix->rel, PGR_HNSW_BLOCK(&ix->meta, id),
													PGR_PAGE_HNSW_NODE, BUFFER_LOCK_EXCLUSIVE));
}

/*
 * The longest edge of a node that no way leads to. It may be dropped: no way is lost with it.
 * By the length that the factors of its code give, without a look at its end.
 */
static uint32
longest_edge(const PgrHnswMeta *meta, const PgrHnswNode *node)
{
	uint32		found = 0;
	double		longest = -1;

	for (uint32 i = 0; i < node->nedges; i++)
	{
		PgrEdge		factors = PGR_HNSW_EDGE(meta, node, i)->factors;
		double		length = pgr_edge_length(&factors, meta->padded, meta->edge_bits);

		if (length > longest)
		{
			longest = length;
			found = i;
		}
	}
	return found;
}

/*
 * The node takes the place of its nearest end among the edges of s->node, and gets an edge to
 * that end: a way of one step becomes one of two, and none is lost. The new node's edge is
 * stored first; a build that is cancelled between both leaves no index anyway, but the order
 * is that of inserts. s->node has all its edges, since otherwise rescue_edge had found room.
 */
static void
rescue_between(const PgrHnswIndex *ix, const Surroundings *s, PgrHnswId id, PgrHnswNode *node)
{
	const PgrHnswMeta *meta = &ix->meta;
	uint32		at = 0;
	PgrHnswId	next;

	for (uint32 i = 1; i < s->node->nedges; i++)
		if (node_pair(meta, node, s->ends[i]) < node_pair(meta, node, s->ends[at]))
			at = i;
	next = PGR_HNSW_EDGE(meta, s->node, at)->id;
	if (!pgr_hnsw_has_edge(meta, node, next))
	{
		set_edge(meta, node, node->nedges < meta->degree ? node->nedges : longest_edge(meta, node),
				 next, s->ends[at]);
		store_copy(ix, id, node);
	}
	set_edge(meta, s->node, at, id, node);
	store_copy(ix, s->id, s->node);
}

/*
 * Adds an edge from s->node to the node where there is room, or in place of one that is not
 * needed; false if there is neither. Locks as store_copy.
 */
static bool
rescue_edge(const PgrHnswIndex *ix, const Surroundings *s, PgrHnswId id, const PgrHnswNode *node)
{
	const PgrHnswMeta *meta = &ix->meta;
	uint32		at = s->node->nedges < meta->degree ? s->node->nedges : needless_edge(meta, s);

	if (at == meta->degree)
		return false;
	set_edge(meta, s->node, at, id, node);
	store_copy(ix, s->id, s->node);
	return true;
}

/*
 * Gives a node an edge from one of the nearest of those that a search finds, which are reached
 * for that reason. All memory, the search's too, is in the current context: up to TRIES times
 * degree + 1 records, some 2 MB of large nodes. Where the search finds nothing (no entry yet)
 * the node becomes an entry itself. No lock on entry or exit.
 */
static void
link_node(PgrHnswIndex *ix, PgrHnswId id)
{
	PgrHnswNode *node = copy_node(ix, id);
	PgrHnswPoint *point = palloc(sizeof(PgrHnswPoint));
	PgrHnswSearch *search;
	Surroundings s[TRIES];
	PgrHnswHitDistance *near;
	uint32		n;

	pgr_hnsw_point_code(ix, node->frame, &node->head, PGR_HNSW_CODE(&ix->meta, node), point);
	search = pgr_hnsw_search_begin(ix, point, true);
	pgr_hnsw_search_exclude(search, id);
	pgr_hnsw_search_more(search, ix->meta.graph.ef_construction);
	near = pgr_hnsw_sort_hits(ix, search, &n);
	if (n == 0)
	{
		pgr_hnsw_offer_entry(ix, id, point, 0, true);
		return;
	}
	for (uint32 i = 0; i < Min(n, TRIES); i++)
	{
		look_around(ix, search->hits.at[near[i].hit].id, &s[i]);
		if (rescue_edge(ix, &s[i], id, node))
			return;
	}
	rescue_between(ix, &s[0], id, node);
}

/*
 * The nodes of a page that no way leads to, into ids (nodes_per_page of them); returns their
 * number. The page is share-locked meanwhile. TIDS slots are no nodes; a page that was never
 * formatted, or has no nodes, has none.
 */
static uint32
unreached(const Reach *r, BlockNumber block, PgrHnswId *ids)
{
	const PgrHnswMeta *meta = &r->ix->meta;
	Page		page;
	Buffer		buffer = pgr_hnsw_node_page(r->ix, block, BUFFER_LOCK_SHARE, &page);
	uint32		n = 0;

	for (uint32 slot = 0; page != NULL && slot < meta->nodes_per_page; slot++)
	{
		PgrHnswId	id = block * meta->nodes_per_page + slot;

		if ((pgr_hnsw_slot(r->ix, page, id)->flags & PGR_HNSW_USED) && !is_reached(r, id))
			ids[n++] = id;
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	return n;
}

/*
 * Links each node that is not reached, page by page, and takes what it leads to for reached:
 * one edge into a cut-off cluster reaches all of it, so far fewer nodes are linked than were
 * left over. Memory of one node is in a context that is reset after it. Interruptible at each
 * page and, in the search, at each node; no lock on entry or exit.
 */
static void
link_unreached(Reach *r, BlockNumber nblocks)
{
	PgrHnswId  *ids = palloc(r->ix->meta.nodes_per_page * sizeof(PgrHnswId));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw link",
												  ALLOCSET_DEFAULT_SIZES);

	for (BlockNumber block = r->ix->meta.node_block; block < nblocks; block++)
	{
		uint32		n = unreached(r, block, ids);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < n; i++)
		{
			MemoryContext old;

			if (is_reached(r, ids[i]))
				continue;		/* since the one before was linked */
			old = MemoryContextSwitchTo(context);
			link_node(r->ix, ids[i]);
			MemoryContextSwitchTo(old);
			MemoryContextReset(context);
			reach(r, ids[i]);
			follow(r);
		}
	}
	MemoryContextDelete(context);
}

void
pgr_hnsw_link_all(PgrHnswIndex *ix, double nodes)
{
	/*
	 * nodes may be an estimate; if it is too low nodes remain that only a complete scan finds
	 */
	BlockNumber nblocks = RelationGetNumberOfBlocks(ix->rel);
	Reach		r = {ix, (Size) nblocks * ix->meta.nodes_per_page};

	r.words = r.nids / 64 + 1;
	r.reached = palloc_extended(r.words * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	r.pending = palloc_extended(r.words * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	r.low = r.words;
	r.scratch = palloc(ix->meta.node_size);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) nodes);
	reach_entries(&r);
	follow(&r);
	if (r.nreached < nodes && (pgr_vecspace_is_euclidean(&ix->space) ||
							   nodes - r.nreached <= SHORT_SHARE * nodes))
		link_unreached(&r, nblocks);
	pfree(r.reached);
	pfree(r.pending);
	pfree(r.scratch);
}
