/*
 * hnsw_index.c
 *		What an hnsw index is: sizes, opening, and how a value becomes a code.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "hnsw/hnsw.h"
#include "hnsw/hnsw_am.h"
#include "hnsw/hnsw_frame.h"
#include "utils/memutils.h"

/* Every index has the same rotation unless this changes; a reader takes the stored one. */
#define ROTATION_SEED UINT64CONST(0x70677265747269)

/* fewest neighbours that page space may cost, as a share of 2m */
#define LEAST_DEGREE 0.6

/* bytes of a node with its floats and 2m links, as the index is compared with: all but these */
#define FLOAT_NODE_HEAD 104

/* Nodes that fit a page with that degree; a fraction if a node takes several pages. */
static double
nodes_per_page(const PgrHnswMeta *meta, int degree)
{
	Size		size = PGR_HNSW_NODE_SIZE(meta, degree);

	if (size <= PGR_PAGE_CAPACITY)
		return PGR_PAGE_CAPACITY / size;
	return 1.0 / ((size + PGR_PAGE_CAPACITY - 1) / PGR_PAGE_CAPACITY);
}

/*
 * Nodes that would fit a page if they kept floats instead of codes, and of their 2m neighbours
 * only tids: the usual layout, with which the size of this one is compared.
 */
static double
float_nodes_per_page(const PgrHnswMeta *meta)
{
	return PGR_PAGE_CAPACITY /
		(meta->dim * sizeof(float) + 2 * meta->graph.m * sizeof(ItemPointerData) + FLOAT_NODE_HEAD +
		 PGR_HNSW_INLINE_TIDS * meta->filter_size + meta->value_size);
}

/*
 * The degree with the most nodes on a page, where a lower degree than 2m counts
 * against it: page space is time and memory, neighbours are recall (README,
 * departure (6); measured: bench/hnsw.md, "Degree"). Among equals the higher degree.
 */
void
pgr_hnsw_geometry(PgrHnswMeta *meta)
{
	int			full = Min(2 * meta->graph.m, PGR_GRAPH_MAX_DEGREE);
	int			least = Max((int) ceil(LEAST_DEGREE * full), 1);
	double		wanted = float_nodes_per_page(meta);
	double		best = -1;

	if (nodes_per_page(meta, least) < wanted)
		wanted = 0;				/* it is larger anyway */
	for (int degree = full; degree >= least; degree--)
	{
		double		fit = nodes_per_page(meta, degree);
		double		worth = fit * pow((double) degree / full, 1.25);

		if (fit >= wanted && worth > best)
		{
			best = worth;
			meta->degree = degree;
		}
	}
	meta->node_size = PGR_HNSW_NODE_SIZE(meta, meta->degree);
	meta->nodes_per_page = Max(1, PGR_PAGE_CAPACITY / meta->node_size);
	meta->parts = (meta->node_size + PGR_PAGE_CAPACITY - 1) / PGR_PAGE_CAPACITY;
}

/*
 * What an open index has beside its pages: the space with its rotation, counters and an origin
 * of zeros, in the current memory context. The space points to meta.max_aux of this very
 * struct, which inserts raise, so an index that is copied must set that pointer anew.
 */
static void
open_space(PgrHnswIndex *ix)
{
	pgr_vecspace_init(&ix->space, ix->cls->metric, ix->cls->space, ix->cls->zero_is_value,
				   ix->meta.dim, ix->meta.seed, palloc(pgr_rotation_size(ix->meta.dim)),
				   &ix->meta.max_aux);
	ix->counters = palloc0(sizeof(PgrHnswCounters));
	ix->zeros = palloc0(ix->meta.dim * sizeof(float));
}

/*
 * The index's options, by value: what rd_options points to goes with the next invalidation of
 * the relation's cache entry.
 */
static PgrHnswOptions
get_options(Relation rel)
{
	PgrHnswOptions defaults = {
		0, PGR_HNSW_DEFAULT_M, PGR_HNSW_DEFAULT_EF_CONSTRUCTION, PGR_VEC_I8, 1
	};

	return rel->rd_options ? *(PgrHnswOptions *) rel->rd_options : defaults;
}

PgrHnswIndex *
pgr_hnsw_new(Relation rel)
{
	PgrHnswIndex *ix = palloc0(sizeof(PgrHnswIndex));
	PgrHnswOptions options = get_options(rel);
	int			typmod = TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod;

	/*
	 * All that can be wrong with options and the column is told here, before anything is
	 * written.
	 */
	if (options.ef_construction < 2 * options.m)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ef_construction must be greater than or equal to 2 * m")));
	ix->rel = rel;
	ix->filters = pgr_filter_columns(rel);
	ix->cls = pgr_vecclass(rel, 1);
	ix->meta.head.magic = PGR_HNSW_MAGIC;
	ix->meta.head.version = PGR_HNSW_VERSION;
	ix->meta.insert_block = InvalidBlockNumber;
	ix->meta.main_frame = PGR_HNSW_NO_FRAME;
	if (TupleDescAttr(RelationGetDescr(rel), 0)->atttypid == VARBITOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type not supported for hnsw index")));
	ix->meta.dim = pgr_vecclass_dim(rel, 1, ix->cls);
	ix->meta.padded = pgr_rotation_padded(ix->meta.dim);
	ix->meta.seed = ROTATION_SEED;
	ix->meta.graph.m = options.m;
	ix->meta.graph.ef_construction = options.ef_construction;
	ix->meta.kind = ix->cls->metric;
	ix->meta.filter_size = ix->filters == NULL ? 0 : ix->filters->size;
	ix->meta.storage = options.storage;
	ix->meta.edge_bits = options.code_bits;
	ix->meta.value_size = pgr_vecclass_kept_size(ix->cls, ix->meta.storage, typmod);
	/* what has half precision as it is */
	if (ix->meta.storage == PGR_VEC_F16 &&
		ix->meta.value_size == pgr_vecclass_kept_size(ix->cls, PGR_VEC_FULL, typmod))
		ix->meta.storage = PGR_VEC_FULL;
	/* the degree needs all that makes the size of a node, so it comes last */
	ix->building = true;
	pgr_hnsw_geometry(&ix->meta);
	open_space(ix);
	return ix;
}

/*
 * Copies the content of contiguous pages, `size` bytes in all, one page after the other: each
 * is locked (shared) while it is copied, none on return. What is read here is never changed in
 * place once the metapage names it, so there is no need for one lock over all.
 */
static void
copy_pages(Relation rel, BlockNumber block, char *to, Size size)
{
	for (Size done = 0; done < size; done += PGR_PAGE_CAPACITY, block++)
	{
		Buffer		buffer = pgr_page_read(rel, block, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_SHARE);

		memcpy(to + done, PgrPageGetData(BufferGetPage(buffer)),
			   Min(size - done, PGR_PAGE_CAPACITY));
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * Keeps what seldom changes with the relation's cache entry, in rd_indexcxt, as one piece: the
 * metapage, the frames' floats behind it, the directory of lists behind these. Many statements
 * on one index then read one page instead of hundreds. An invalidation frees it; so nothing
 * that an open index uses may point into it, all is copied. Raises where the metapage or a
 * frame is damaged, with the old cache still in place.
 */
static void
fill_cache(Relation rel, const PgrHnswMeta *meta)
{
	Size		frames;
	Size		directory;
	Size		size;
	char	   *read;
	char	   *cache;

	pgr_hnsw_check_meta(rel, meta);
	frames = PGR_HNSW_FRAMES_SIZE(meta);
	directory = PGR_HNSW_DIRECTORY_SIZE(meta);
	size = sizeof(PgrHnswMeta) + frames + directory;
	/* read here: a page that cannot be read must not leave memory to the cache entry */
	read = palloc_extended(size, MCXT_ALLOC_HUGE);
	memcpy(read, meta, sizeof(PgrHnswMeta));
	pgr_hnsw_read_frames(rel, meta, (float *) (read + sizeof(PgrHnswMeta)));
	copy_pages(rel, meta->lists.block, read + sizeof(PgrHnswMeta) + frames, directory);
	cache = MemoryContextAllocHuge(rel->rd_indexcxt, size);
	memcpy(cache, read, size);
	pfree(read);
	if (rel->rd_amcache != NULL)
		pfree(rel->rd_amcache);
	rel->rd_amcache = cache;
}

/*
 * Whether two metapages name the same frames, entries and lists. What inserts change by the
 * way (insert_block, max_aux) is not compared. By memcmp of copies that were made of pages:
 * padding is the page's, thus the same.
 */
static bool
same_meta(const PgrHnswMeta *a, const PgrHnswMeta *b)
{
	PgrHnswMeta like = *a;

	like.insert_block = b->insert_block;
	like.max_aux = b->max_aux;
	return memcmp(&like, b, sizeof(PgrHnswMeta)) == 0;
}

/*
 * Makes sure that the cache has what an index with that metapage has; it has afterwards until
 * the next invalidation can arrive, which is when a lock on a relation is taken or a catalog
 * is read: callers copy from it at once. Locks one page at a time, shared, if it must read.
 */
static void
check_cache(Relation rel, const PgrHnswMeta *meta)
{
	PgrHnswMeta cached;

	/* an invalidation may have taken it away since the index was opened */
	if (rel->rd_amcache != NULL)
		memcpy(&cached, rel->rd_amcache, sizeof(PgrHnswMeta));
	if (rel->rd_amcache == NULL || !same_meta(&cached, meta))
		fill_cache(rel, meta);
}

void
pgr_hnsw_copy_directory(const PgrHnswIndex *ix, char *directory)
{
	check_cache(ix->rel, &ix->meta);
	memcpy(directory, (char *) ix->rel->rd_amcache + sizeof(PgrHnswMeta) +
		   PGR_HNSW_FRAMES_SIZE(&ix->meta), PGR_HNSW_DIRECTORY_SIZE(&ix->meta));
}

PgrHnswIndex *
pgr_hnsw_open(Relation rel)
{
	PgrHnswIndex *ix = palloc0(sizeof(PgrHnswIndex));

	pgr_meta_copy(rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &ix->meta, sizeof(PgrHnswMeta));
	check_cache(rel, &ix->meta);
	/* a copy: what the relation's cache entry has goes with the next invalidation */
	if (ix->meta.nframes > 0)
	{
		ix->frames = palloc_extended(PGR_HNSW_FRAMES_SIZE(&ix->meta), MCXT_ALLOC_HUGE);
		memcpy(ix->frames, (char *) rel->rd_amcache + sizeof(PgrHnswMeta),
			   PGR_HNSW_FRAMES_SIZE(&ix->meta));
	}
	ix->rel = rel;
	ix->filters = pgr_filter_columns(rel);
	ix->cls = pgr_vecclass(rel, 1);
	open_space(ix);
	return ix;
}

/*
 * Reads the metapage again. False if it has other frames or lists than when it was read last:
 * then the index must be opened anew. One page, share-locked for a copy, for each row that is
 * inserted.
 */
static bool
reread(PgrHnswIndex *ix)
{
	PgrHnswMeta meta;

	pgr_meta_copy(ix->rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(PgrHnswMeta));
	if (!same_meta(&ix->meta, &meta))
		return false;
	ix->meta = meta;
	return true;
}

/* Bytes that malloc is to keep between two rows of a statement: more than a row's search takes. */
#define INSERT_KEEPS (1024 * 1024)

/* Kept across the inserts of a statement, in ii_AmCache and ii_Context, which end with it. */
typedef struct InsertState
{
	PgrHnswIndex *ix;
	MemoryContext opened;		/* of the open index */
	MemoryContext row;			/* of one row */
} InsertState;

PgrHnswIndex *
pgr_hnsw_open_for_rows(Relation rel, IndexInfo *info, MemoryContext *row)
{
	InsertState *state = info->ii_AmCache;
	MemoryContext old;

	if (state == NULL)
	{
		/*
		 * filled in before it is named, so that an error in between leaves nothing half made
		 */
		state = MemoryContextAllocZero(info->ii_Context, sizeof(InsertState));
		state->opened = AllocSetContextCreate(info->ii_Context, "hnsw index",
											  ALLOCSET_DEFAULT_SIZES);
		state->row = AllocSetContextCreate(info->ii_Context, "hnsw insert",
										   ALLOCSET_DEFAULT_SIZES);
		info->ii_AmCache = state;
		/*
		 * A row's search takes a few hundred kB and frees them. glibc returns that much to the
		 * system, and maps it anew for the next row, until a block as large as this was freed
		 * once: then it keeps twice as much (mallopt, M_MMAP_THRESHOLD). Elsewhere it does
		 * nothing. bench/hnsw.md, "Memory of inserts", has what it saves.
		 */
		pfree(palloc(INSERT_KEEPS));
	}
	*row = state->row;
	if (state->ix != NULL && reread(state->ix))
		return state->ix;
	/*
	 * if opening fails and the statement goes on (a subtransaction), the next row opens it
	 * anew
	 */
	state->ix = NULL;
	MemoryContextReset(state->opened);
	old = MemoryContextSwitchTo(state->opened);
	state->ix = pgr_hnsw_open(rel);
	MemoryContextSwitchTo(old);
	return state->ix;
}

double
pgr_hnsw_count_estimate(const PgrHnswIndex *ix)
{
	double		blocks = RelationGetNumberOfBlocks(ix->rel);

	return Max(blocks - ix->meta.node_block, 0) / ix->meta.parts * ix->meta.nodes_per_page;
}

void
pgr_hnsw_make_row(const PgrHnswIndex *ix, ItemPointer tid, const struct varlena *value,
				  const Datum *values, const bool *isnull, char *row)
{
	memcpy(row, tid, sizeof(ItemPointerData));
	if (ix->filters != NULL)
		pgr_filter_image(ix->filters, values, isnull, PGR_HNSW_ITEM_FILTER(row));
	if (ix->meta.value_size > 0)
	{
		/* the row is aligned to two bytes */
		char	   *kept = palloc(ix->meta.value_size);

		pgr_vecclass_keep(ix->cls, ix->meta.storage, value, kept);
		memcpy(PGR_HNSW_ROW_VALUE(&ix->meta, row), kept, ix->meta.value_size);
		pfree(kept);
	}
}
