/*
 * pool.c
 *		Fewer tokens for nearly the same score: Ward pooling, medoids, grouping by
 *		word.
 *
 * Ward pooling (Clavie et al., "Reducing the Footprint of Multi-Vector
 * Retrieval", 2024): hierarchical clustering on 1 - cosine with Ward's linkage,
 * cut at tokens / factor clusters, each replaced by its mean. The clustering is a
 * nearest-neighbour chain (Murtagh 1983): O(n^2) time and memory, exact for Ward,
 * because its linkage is reducible.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "types/multivector.h"
#include "utils/array.h"
#include "utils/memutils.h"

/* n^2 distances; 16,000 tokens are 1 GB */
#define MAX_POOL_TOKENS 16000

typedef struct Merge
{
	float		height;
	int			a;
	int			b;
} Merge;

/* Symmetric n x n distances and what clustering needs beside them. */
typedef struct Clustering
{
	int			n;
	float	   *dist;			/* n x n */
	int		   *size;			/* tokens in the cluster led by this token; 0 if
								 * it was merged away */
	Merge	   *merges;			/* n - 1 */
	int			nmerges;
} Clustering;

#define DIST(c, i, j) ((c)->dist[(Size) (i) * (c)->n + (j)])

static void
check_pool_size(int n)
{
	if (n > MAX_POOL_TOKENS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cannot cluster more than %d tokens", MAX_POOL_TOKENS)));
}

/* 1 - cosine of all pairs; a zero token is at distance 1 from everything */
static void
fill_cosine(Clustering *c, const float *x, int dim)
{
	for (int i = 0; i < c->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		DIST(c, i, i) = 0;
		for (int j = 0; j < i; j++)
		{
			double		sim = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_COSINE]
				(x + (Size) i * dim, x + (Size) j * dim, dim);

			DIST(c, i, j) = DIST(c, j, i) = isnan(sim) ? 1 : (float) (1 - sim);
		}
	}
}

/* Euclidean distance of all pairs */
static void
fill_euclidean(Clustering *c, const float *x, int dim)
{
	for (int i = 0; i < c->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		DIST(c, i, i) = 0;
		for (int j = 0; j < i; j++)
			DIST(c, i, j) = DIST(c, j, i) = (float)
				sqrt(pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_L2]
					 (x + (Size) i * dim, x + (Size) j * dim, dim));
	}
}

static void
clustering_begin(Clustering *c, int n)
{
	check_pool_size(n);
	c->n = n;
	c->dist = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * n * (Size) n);
	c->size = palloc(sizeof(int) * n);
	c->merges = palloc(sizeof(Merge) * n);
	c->nmerges = 0;
	for (int i = 0; i < n; i++)
		c->size[i] = 1;
}

/* Lance-Williams for Ward: distances of the union of a and b, led by b. */
static void
ward_merge(Clustering *c, int a, int b)
{
	double		na = c->size[a];
	double		nb = c->size[b];
	double		ab = DIST(c, a, b);

	c->merges[c->nmerges++] = (Merge){(float) ab, a, b};
	for (int k = 0; k < c->n; k++)
	{
		double		nk = c->size[k];
		double		ak = DIST(c, a, k);
		double		bk = DIST(c, b, k);

		if (nk == 0 || k == a || k == b)
			continue;
		DIST(c, b, k) = DIST(c, k, b) = (float)
			sqrt(((na + nk) * ak * ak + (nb + nk) * bk * bk - nk * ab * ab) /
				 (na + nb + nk));
	}
	c->size[b] += c->size[a];
	c->size[a] = 0;
}

/* The nearest cluster of i; the one before it in the chain wins a tie. */
static int
nearest(const Clustering *c, int i, int previous)
{
	int			best = previous;
	float		min = previous >= 0 ? DIST(c, i, previous) : INFINITY;

	for (int k = 0; k < c->n; k++)
		if (c->size[k] > 0 && k != i && DIST(c, i, k) < min)
		{
			min = DIST(c, i, k);
			best = k;
		}
	return best;
}

/* All n - 1 merges by following chains of nearest neighbours. */
static void
ward(Clustering *c)
{
	int		   *chain = palloc(sizeof(int) * c->n);
	int			len = 0;

	while (c->nmerges < c->n - 1)
	{
		int			tip;
		int			next;

		CHECK_FOR_INTERRUPTS();
		if (len == 0)
			for (int i = 0; i < c->n; i++)
				if (c->size[i] > 0)
				{
					chain[len++] = i;
					break;
				}
		tip = chain[len - 1];
		next = nearest(c, tip, len > 1 ? chain[len - 2] : -1);
		if (len > 1 && next == chain[len - 2])
		{
			ward_merge(c, Max(tip, next), Min(tip, next));
			len -= 2;
		}
		else
			chain[len++] = next;
	}
	pfree(chain);
}

static int
compare_merges(const void *x, const void *y)
{
	const Merge *a = x;
	const Merge *b = y;

	/* equal heights in a fixed order, so that the result is too */
	if (a->height != b->height)
		return a->height < b->height ? -1 : 1;
	return a->a != b->a ? (a->a < b->a ? -1 : 1) : (a->b > b->b) - (a->b < b->b);
}

static int
find_root(int *parent, int i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

/*
 * The mean of each group into the builder, in order of the groups' first
 * members. group[i] is any number; equal numbers make a group.
 */
static void
add_group_means(PgrTokenBuilder *b, const float *x, int n, int dim, const int *group)
{
	bool	   *done = palloc0(sizeof(bool) * Max(n, 1));
	double	   *sum = palloc(sizeof(double) * dim);
	float	   *mean = palloc(sizeof(float) * dim);

	for (int i = 0; i < n; i++)
	{
		int			members = 0;

		CHECK_FOR_INTERRUPTS();
		if (done[i])
			continue;
		memset(sum, 0, sizeof(double) * dim);
		for (int j = i; j < n; j++)
		{
			if (done[j] || group[j] != group[i])
				continue;
			done[j] = true;
			members++;
			for (int k = 0; k < dim; k++)
				sum[k] += x[(Size) j * dim + k];
		}
		for (int k = 0; k < dim; k++)
			mean[k] = (float) (sum[k] / members);
		pgr_tokens_add(b, mean, dim, NULL);
	}
	pfree(done);
	pfree(sum);
	pfree(mean);
}

/*
 * multivector_pool(mv, factor, keep): Ward clusters of all but the first keep
 * tokens, max(1, floor(tokens / factor)) of them, as means.
 */
PG_FUNCTION_INFO_V1(pgr_multivector_pool);
Datum
pgr_multivector_pool(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	double		factor = PG_GETARG_FLOAT8(1);
	int			keep = PG_GETARG_INT32(2);
	const float *x = pgr_multivector_floats(m);
	PgrTokenBuilder b;
	Clustering	c;
	int		   *group;
	int			n;

	if (!(factor >= 1) || isinf(factor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pooling factor must be at least 1")));
	if (keep < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of tokens to keep must not be negative")));
	keep = Min(keep, m->count);
	n = m->count - keep;
	if (n < 2)
		PG_RETURN_POINTER(m);

	x += (Size) keep * m->dim;
	clustering_begin(&c, n);
	fill_cosine(&c, x, m->dim);
	ward(&c);

	/* the lowest merges, until as many clusters are left */
	qsort(c.merges, c.nmerges, sizeof(Merge), compare_merges);
	group = palloc(sizeof(int) * n);
	for (int i = 0; i < n; i++)
		group[i] = i;
	for (int i = 0; i < n - Max(1, (int) floor(n / factor)); i++)
		group[find_root(group, c.merges[i].a)] = find_root(group, c.merges[i].b);
	for (int i = 0; i < n; i++)
		group[i] = find_root(group, i);

	pgr_tokens_begin(&b, m->elem, m->dim);
	for (int i = 0; i < keep; i++)
		pgr_tokens_add(&b, x - (Size) (keep - i) * m->dim, m->dim, NULL);
	add_group_means(&b, x, n, m->dim, group);
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

/* multivector_group(mv, word_ids): one mean per distinct number */
PG_FUNCTION_INFO_V1(pgr_multivector_group);
Datum
pgr_multivector_group(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	ArrayType  *words = PG_GETARG_ARRAYTYPE_P(1);
	int			n = ArrayGetNItems(ARR_NDIM(words), ARR_DIMS(words));
	PgrTokenBuilder b;

	if (ARR_HASNULL(words) && array_contains_nulls(words))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls")));
	if (n != m->count)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d word numbers, one per token, not %d", m->count, n)));
	pgr_tokens_begin(&b, m->elem, m->dim);
	add_group_means(&b, pgr_multivector_floats(m), n, m->dim,
					(const int *) ARR_DATA_PTR(words));
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}

/* --- medoids --- */

/* The medoid of each token's cluster; nearest chosen token, lowest on a tie. */
static double
assign_medoids(const Clustering *c, const int *medoid, int k, int *nearest_medoid)
{
	double		cost = 0;

	for (int i = 0; i < c->n; i++)
	{
		int			best = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 1; j < k; j++)
			if (DIST(c, i, medoid[j]) < DIST(c, i, medoid[best]))
				best = j;
		nearest_medoid[i] = best;
		cost += DIST(c, i, medoid[best]);
	}
	return cost;
}

/* The token of cluster j with the least summed distance to its cluster. */
static int
best_medoid(const Clustering *c, const int *nearest_medoid, int j)
{
	double		least = INFINITY;
	int			best = 0;

	for (int i = 0; i < c->n; i++)
	{
		double		sum = 0;

		if (nearest_medoid[i] != j)
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int l = 0; l < c->n; l++)
			if (nearest_medoid[l] == j)
				sum += DIST(c, i, l);
		if (sum < least)
		{
			least = sum;
			best = i;
		}
	}
	return best;
}

/*
 * The first k medoids: the most central token, then always the one whose
 * choice lowers the cost most (PAM's BUILD). Deterministic, unlike k-medoids++.
 */
static void
choose_first_medoids(const Clustering *c, int *medoid, int k)
{
	float	   *to_chosen = palloc(sizeof(float) * c->n);

	for (int i = 0; i < c->n; i++)
		to_chosen[i] = INFINITY;
	for (int j = 0; j < k; j++)
	{
		double		least = INFINITY;

		for (int i = 0; i < c->n; i++)
		{
			double		cost = 0;

			CHECK_FOR_INTERRUPTS();
			if (to_chosen[i] == 0 && j > 0)
				continue;
			for (int l = 0; l < c->n; l++)
				cost += Min(to_chosen[l], DIST(c, i, l));
			if (cost < least)
			{
				least = cost;
				medoid[j] = i;
			}
		}
		/* every token is equal to a chosen one: repeat none */
		if (isinf(least))
			medoid[j] = medoid[0];
		for (int l = 0; l < c->n; l++)
			to_chosen[l] = Min(to_chosen[l], DIST(c, medoid[j], l));
	}
	pfree(to_chosen);
}

#define MAX_MEDOID_ROUNDS 100

/*
 * multivector_medoids(mv, k): k of the tokens that stand for all, by k-medoids
 * on Euclidean distance, in their order; key events of a video (MeVTR, ICCV
 * 2023).
 */
PG_FUNCTION_INFO_V1(pgr_multivector_medoids);
Datum
pgr_multivector_medoids(PG_FUNCTION_ARGS)
{
	PgrMultivector *m = PG_GETARG_MULTIVECTOR_P(0);
	int			k = PG_GETARG_INT32(1);
	const float *x = pgr_multivector_floats(m);
	PgrTokenBuilder b;
	Clustering	c;
	int		   *medoid;
	int		   *nearest_medoid;
	bool	   *chosen;
	double		cost = INFINITY;

	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of medoids must be at least 1")));
	if (m->count <= k)
		PG_RETURN_POINTER(m);

	clustering_begin(&c, m->count);
	fill_euclidean(&c, x, m->dim);
	medoid = palloc(sizeof(int) * k);
	nearest_medoid = palloc(sizeof(int) * m->count);
	choose_first_medoids(&c, medoid, k);
	for (int round = 0; round < MAX_MEDOID_ROUNDS; round++)
	{
		double		next = assign_medoids(&c, medoid, k, nearest_medoid);

		CHECK_FOR_INTERRUPTS();
		if (next >= cost)
			break;
		cost = next;
		for (int j = 0; j < k; j++)
			medoid[j] = best_medoid(&c, nearest_medoid, j);
	}

	chosen = palloc0(sizeof(bool) * m->count);
	for (int j = 0; j < k; j++)
		chosen[medoid[j]] = true;
	pgr_tokens_begin(&b, m->elem, m->dim);
	for (int i = 0; i < m->count; i++)
		if (chosen[i])
			pgr_tokens_add(&b, x + (Size) i * m->dim, m->dim, NULL);
	PG_RETURN_POINTER(pgr_tokens_finish(&b));
}
