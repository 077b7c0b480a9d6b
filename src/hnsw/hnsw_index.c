/*
 * hnsw_index.c
 *		What an hnsw index is: sizes, opening, and how a value becomes a code.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "hnsw/hnsw.h"
#include "utils/memutils.h"

/* Every index has the same rotation unless this changes; a reader takes the stored one. */
#define ROTATION_SEED UINT64CONST(0x70677265747269)

/* fewest neighbours that page space may cost, as a share of 2m */
#define LEAST_DEGREE 0.6

/* bytes of a node with its floats and 2m links, as the index is compared with: all but these */
#define FLOAT_NODE_HEAD 104

/* nodes that fit a page with that degree; a fraction if a node takes several */
static double
nodes_per_page(const PgrHnswMeta *meta, int degree)
{
	Size		size = PGR_HNSW_NODE_SIZE(meta, degree);

	if (size <= PGR_PAGE_CAPACITY)
		return PGR_PAGE_CAPACITY / size;
	return 1.0 / ((size + PGR_PAGE_CAPACITY - 1) / PGR_PAGE_CAPACITY);
}

/*
 * Nodes that would fit a page if they had floats for codes, and of their 2m neighbours
 * only where these are.
 */
static double
float_nodes_per_page(const PgrHnswMeta *meta)
{
	return PGR_PAGE_CAPACITY /
		(meta->dim * sizeof(float) + 2 * meta->m * sizeof(ItemPointerData) + FLOAT_NODE_HEAD +
		 PGR_HNSW_INLINE_TIDS * meta->filter_size + meta->value_size);
}

/*
 * The degree with the most nodes on a page, where a lower degree than 2m counts
 * against it: page space is time and memory, neighbours are recall (README,
 * "Degree"). Among equals the higher degree.
 */
void
pgr_hnsw_geometry(PgrHnswMeta *meta)
{
	int			full = Min(2 * meta->m, PGR_GRAPH_MAX_DEGREE);
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

static void
open_rotation(PgrHnswIndex *ix)
{
	pgr_rotation_init(&ix->rotation, ix->meta.dim, ix->meta.seed,
					  palloc(pgr_rotation_size(ix->meta.dim)));
	ix->floats = palloc(ix->meta.padded * sizeof(float));
	ix->counters = palloc0(sizeof(PgrHnswCounters));
	ix->query_scale = 1;
}

/* A copy: what the relation points to goes with the next invalidation. */
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
	if (TupleDescAttr(RelationGetDescr(rel), 0)->atttypid == VARBITOID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("type not supported for hnsw index")));
	ix->meta.dim = pgr_vecclass_dim(rel, 1, ix->cls);
	ix->meta.padded = pgr_rotation_padded(ix->meta.dim);
	ix->meta.seed = ROTATION_SEED;
	ix->meta.m = options.m;
	ix->meta.ef_construction = options.ef_construction;
	ix->meta.kind = ix->cls->kind;
	ix->meta.filter_size = ix->filters == NULL ? 0 : ix->filters->size;
	ix->meta.storage = options.storage;
	ix->meta.edge_bits = options.code_bits;
	ix->meta.value_size = pgr_vecclass_kept_size(ix->cls, ix->meta.storage, typmod);
	/* what has half precision as it is */
	if (ix->meta.storage == PGR_VEC_F16 &&
		ix->meta.value_size == pgr_vecclass_kept_size(ix->cls, PGR_VEC_FULL, typmod))
		ix->meta.storage = PGR_VEC_FULL;
	ix->building = true;
	pgr_hnsw_geometry(&ix->meta);
	open_rotation(ix);
	return ix;
}

/* Copies what contiguous pages hold, one after the other. */
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
 * What does not change while the relation's files stay the same is kept with
 * the relation's cache entry: the metapage, the centre behind it, the directory
 * of lists behind that.
 */
static void
fill_cache(Relation rel)
{
	PgrHnswMeta meta;
	char	   *cache;
	Size		centre;
	Size		directory;

	pgr_meta_copy(rel, PGR_HNSW_MAGIC, PGR_HNSW_VERSION, &meta, sizeof(meta));
	pgr_hnsw_check_meta(rel, &meta);
	centre = meta.dim * sizeof(float);
	directory = PGR_HNSW_DIRECTORY_SIZE(&meta);
	cache = MemoryContextAllocHuge(rel->rd_indexcxt, sizeof(meta) + centre + directory);
	memcpy(cache, &meta, sizeof(meta));
	if (meta.centre_pages > 0)
	{
		copy_pages(rel, meta.centre_block, cache + sizeof(meta), centre);
		pgr_hnsw_check_centre(rel, &meta, (float *) (cache + sizeof(meta)));
	}
	copy_pages(rel, meta.list_block, cache + sizeof(meta) + centre, directory);
	rel->rd_amcache = cache;
}

void
pgr_hnsw_copy_directory(const PgrHnswIndex *ix, char *directory)
{
	/* an invalidation may have taken it away since the index was opened */
	if (ix->rel->rd_amcache == NULL)
		fill_cache(ix->rel);
	memcpy(directory, (char *) ix->rel->rd_amcache + sizeof(PgrHnswMeta) +
		   ix->meta.dim * sizeof(float), PGR_HNSW_DIRECTORY_SIZE(&ix->meta));
}

PgrHnswIndex *
pgr_hnsw_open(Relation rel)
{
	PgrHnswIndex *ix = palloc0(sizeof(PgrHnswIndex));

	if (rel->rd_amcache == NULL)
		fill_cache(rel);
	memcpy(&ix->meta, rel->rd_amcache, sizeof(PgrHnswMeta));
	if (ix->meta.centre_pages > 0)
	{
		ix->centre = palloc(ix->meta.dim * sizeof(float));
		memcpy(ix->centre, (char *) rel->rd_amcache + sizeof(PgrHnswMeta),
			   ix->meta.dim * sizeof(float));
	}
	ix->rel = rel;
	ix->filters = pgr_filter_columns(rel);
	ix->cls = pgr_vecclass(rel, 1);
	open_rotation(ix);
	return ix;
}

/* x / |x| for cosine; false for the zero vector */
static bool
normalise(float *x, uint32 dim)
{
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);

	if (!(norm > 0))
		return false;
	for (uint32 i = 0; i < dim; i++)
		x[i] = (float) (x[i] / norm);
	return true;
}

/* As the operator complains of it. */
void
pgr_hnsw_error_dim(const PgrHnswIndex *ix, int dim)
{
	if (ix->cls->kind == PGR_DISTANCE_HAMMING || ix->cls->kind == PGR_DISTANCE_JACCARD)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %d and %d", ix->meta.dim, dim)));
	pgr_error_dims(ix->cls->type, ix->meta.dim, dim);
}

double
pgr_hnsw_scale_query(PgrHnswIndex *ix, const struct varlena *query)
{
	int			dim;
	const float *x = ix->cls->floats(query, &dim);
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, dim);

	ix->query_scale = 1;
	if (ix->cls->space == PGR_DISTANCE_NEG_IP && norm > 0 && ix->meta.max_aux > 0)
		ix->query_scale = sqrt(ix->meta.max_aux) / norm;
	return norm * norm * ix->query_scale * ix->query_scale;
}

/* scale * x less the centre, made as long as codes may be: what was longer keeps its direction. */
static void
shorten(const PgrHnswIndex *ix, const float *x, double scale, float *y)
{
	double		norm2 = 0;
	double		factor;

	for (uint32 i = 0; i < ix->meta.dim; i++)
	{
		double		d = scale * x[i] - (ix->centre != NULL ? ix->centre[i] : 0);

		norm2 += d * d;
	}
	factor = PGR_CODE8_MAX_NORM / sqrt(norm2);
	for (uint32 i = 0; i < ix->meta.dim; i++)
		y[i] = (float) (factor * (scale * x[i] - (ix->centre != NULL ? ix->centre[i] : 0)));
}

bool
pgr_hnsw_encode(const PgrHnswIndex *ix, const struct varlena *value, bool query,
				int8 *code, PgrCode8 *head)
{
	int			dim;
	const float *x = ix->cls->floats(value, &dim);
	float	   *y = ix->floats;
	float		aux = 0;
	double		scale = query ? ix->query_scale : 1;

	if (dim != ix->meta.dim)
		pgr_hnsw_error_dim(ix, dim);
	memcpy(y, x, dim * sizeof(float));
	memset(y + dim, 0, (ix->meta.padded - dim) * sizeof(float));
	if (ix->cls->space == PGR_DISTANCE_COSINE && !normalise(y, dim) && !ix->cls->zero_is_value)
		return false;
	if (ix->cls->space == PGR_DISTANCE_NEG_IP && !query)
		aux = -(float) Min(pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP] (y, y, dim),
						   PGR_CODE8_MAX_NORM * PGR_CODE8_MAX_NORM);
	for (int i = 0; scale != 1 && i < dim; i++)
		y[i] *= scale;
	if (ix->centre != NULL)
		for (int i = 0; i < dim; i++)
			y[i] -= ix->centre[i];
	/* unit vectors are never so long */
	if (!(pgr_kernel->norm[PGR_ELEM_F32] (y, dim) <= PGR_CODE8_MAX_NORM))
		shorten(ix, x, scale, y);
	pgr_rotate(&ix->rotation, y);
	pgr_code8_encode(y, ix->meta.padded, aux, code, head);
	return true;
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

/* Squared L2; 2 (1 - cos) of unit vectors; |q|^2 - 2 <q,x> (src/quant/README). */
double
pgr_hnsw_to_code_distance(const PgrHnswIndex *ix, double distance, double norm2)
{
	switch (ix->cls->kind)
	{
		case PGR_DISTANCE_COSINE:
			return 2 * distance;
		case PGR_DISTANCE_NEG_IP:
			return norm2 + 2 * ix->query_scale * distance;
		case PGR_DISTANCE_HAMMING:
			return distance;
		default:
			return distance * distance;
	}
}

double
pgr_hnsw_from_code_distance(const PgrHnswIndex *ix, double distance, double norm2)
{
	switch (ix->cls->kind)
	{
		case PGR_DISTANCE_COSINE:
			return distance / 2;
		case PGR_DISTANCE_NEG_IP:
			return (distance - norm2) / 2 / ix->query_scale;
		case PGR_DISTANCE_HAMMING:
			return distance > 0 ? distance : 0;
		default:
			return distance > 0 ? sqrt(distance) : 0;
	}
}
