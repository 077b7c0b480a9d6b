/*
 * maxsim.c
 *		MaxSim and its relatives: late interaction between a document's tokens
 *		and a query's.
 *
 * MaxSim(D, Q) = sum over query tokens q of max over document tokens d of <q, d>
 * (ColBERT; also one-sided Chamfer similarity). Not symmetric: the document is
 * the left operand everywhere. An empty document or query has no score: NULL.
 *
 * A sequential scan calls the operator with one query and many documents. The
 * query is packed for the kernels once (transposed, for i8 documents quantised)
 * and kept in fn_extra; it is known again by its bytes, because memory at the
 * same address may hold another query. Comparing costs a memcmp of the query, 1 to
 * 2 % of scoring one document.
 */
#include "postgres.h"

#include <math.h>

#include "base/argcache.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "types/distance.h"
#include "types/distance_cost.h"
#include "types/multivector.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

typedef struct QueryCache
{
	MemoryContext context;		/* of what is below; reset for a new query */
	struct varlena *image;		/* the argument as passed, toasted or not */
	PgrMultivector *query;
	const float *tokens;		/* count x dim */
	double	   *best;			/* count, scratch of one score */
	float	   *singles;		/* the same as kernels give it */
	PgrMaxSimQuery *packed[PGR_ELEM_COUNT]; /* by the documents' element */
} QueryCache;

/* --- the query cache --- */

static QueryCache *
cache_reset(QueryCache *cache, struct varlena *image)
{
	MemoryContext old;
	Size		size = VARSIZE_ANY(image);

	MemoryContextReset(cache->context);
	memset(cache->packed, 0, sizeof(cache->packed));
	cache->image = NULL;		/* in case what follows fails */

	old = MemoryContextSwitchTo(cache->context);
	cache->query = (PgrMultivector *) PG_DETOAST_DATUM_COPY(PointerGetDatum(image));
	cache->tokens = pgr_multivector_floats(cache->query);
	cache->best = MemoryContextAllocHuge(cache->context,
										 sizeof(double) * Max(cache->query->count, 1));
	cache->singles = palloc(sizeof(float) * Max(cache->query->count, 1));
	cache->image = palloc(size);
	memcpy(cache->image, image, size);
	MemoryContextSwitchTo(old);
	return cache;
}

/* The cache holding this query, argument number arg. */
static QueryCache *
cache_get(FunctionCallInfo fcinfo, int arg)
{
	QueryCache *cache = fcinfo->flinfo->fn_extra;
	struct varlena *image = (struct varlena *) PG_GETARG_POINTER(arg);

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(QueryCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
											   "pgretrieve MaxSim query",
											   ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (cache->image == NULL || !pgr_same_image(cache->image, image))
		cache_reset(cache, image);
	return cache;
}

/* The query packed for documents of an element, with the kernels in force. */
static PgrMaxSimQuery *
cache_packed(QueryCache *cache, PgrElem elem)
{
	PgrMultivector *q = cache->query;

	if (cache->packed[elem] == NULL)
	{
		Size		size = pgr_maxsim_query_size(elem, q->count, q->dim);

		if (size == 0 || size > MaxAllocHugeSize - 64)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("query of %d tokens is too large for MaxSim", q->count)));
		cache->packed[elem] = (PgrMaxSimQuery *)
			TYPEALIGN(64, MemoryContextAllocHuge(cache->context, size + 64));
		cache->packed[elem]->table = NULL;
	}
	if (cache->packed[elem]->table != pgr_kernel)
		pgr_maxsim_query_init(cache->packed[elem], elem, cache->tokens,
							  q->count, q->dim);
	return cache->packed[elem];
}

/* --- scores --- */

/* Multiplications between checks for interrupts, for values of up to a gigabyte. */
#define STEP_WORK (1 << 28)

/* Fills cache->singles, some of the document's tokens at a time. */
static void
best_in_steps(QueryCache *cache, const PgrMultivector *doc)
{
	const PgrMaxSimQuery *query = cache_packed(cache, doc->elem);
	const char *codes = PGR_MULTIVECTOR_CODES(doc);
	const float *scales = doc->elem == PGR_ELEM_I8 ? PGR_MULTIVECTOR_SCALES(doc) : NULL;
	Size		width = pgr_elem_ops[doc->elem].size * doc->dim;
	uint64		token_work = (uint64) cache->query->count * doc->dim;
	uint32		step = Min(Max(STEP_WORK / token_work, 1), doc->count);
	float	   *best;

	pgr_maxsim_best(query, codes, scales, step, cache->singles);
	if (step == doc->count)
		return;
	best = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * cache->query->count);
	for (uint32 from = step; from < doc->count; from += step)
	{
		CHECK_FOR_INTERRUPTS();
		pgr_maxsim_best(query, codes + from * width, scales ? scales + from : NULL,
						Min(step, doc->count - from), best);
		for (int i = 0; i < cache->query->count; i++)
			cache->singles[i] = Max(cache->singles[i], best[i]);
	}
	pfree(best);
}

/* A query token's best similarity where MaxSim's sums overflow single precision. */
static double
best_product(const float *token, const float *doc, int count, int dim)
{
	double		best = -INFINITY;

	for (int j = 0; j < count; j++)
	{
		CHECK_FOR_INTERRUPTS();
		best = Max(best, pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
				   (token, doc + (Size) j * dim, dim));
	}
	return best;
}

/*
 * Fills cache->best with each query token's best similarity. False if there is
 * no score (an empty operand).
 */
static bool
best_of_tokens(QueryCache *cache, const PgrMultivector *doc)
{
	const PgrMultivector *query = cache->query;
	const float *floats = NULL;

	if (doc->count == 0 || query->count == 0)
		return false;
	pgr_multivector_check_same_dim(doc, query);
	best_in_steps(cache, doc);
	for (int i = 0; i < query->count; i++)
	{
		cache->best[i] = cache->singles[i];
		if (likely(isfinite(cache->singles[i])))
			continue;
		if (floats == NULL)
			floats = pgr_multivector_floats(doc);
		cache->best[i] = best_product(cache->tokens + (Size) i * query->dim, floats, doc->count,
									  query->dim);
	}
	return true;
}

static double
sum_best(const QueryCache *cache)
{
	double		sum = 0;

	for (int i = 0; i < cache->query->count; i++)
		sum += cache->best[i];
	return sum;
}

#define MAXSIM(name, expr) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0); \
		QueryCache *cache = cache_get(fcinfo, 1); \
		if (!best_of_tokens(cache, doc)) \
			PG_RETURN_NULL(); \
		expr; \
	} \
	extern int	pgr_no_such_variable

MAXSIM(pgr_max_sim, PG_RETURN_FLOAT8(sum_best(cache)));
MAXSIM(pgr_max_sim_distance, PG_RETURN_FLOAT8(-sum_best(cache)));
MAXSIM(pgr_max_sim_norm, PG_RETURN_FLOAT8(sum_best(cache) / cache->query->count));

PG_FUNCTION_INFO_V1(pgr_max_sim_within);
Datum
pgr_max_sim_within(PG_FUNCTION_ARGS)
{
	PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0);
	QueryCache *cache = cache_get(fcinfo, 1);

	pgr_distance_by_name(PG_GETARG_TEXT_PP(3), PGR_METRIC_BIT(PGR_METRIC_MAXSIM));
	if (!best_of_tokens(cache, doc))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(pgr_within(-sum_best(cache), PG_GETARG_FLOAT8(2)));
}

/* Unknown is how many tokens; 100 of 128 single-precision elements are usual. */
PG_FUNCTION_INFO_V1(pgr_multivector_distance_support);
Datum
pgr_multivector_distance_support(PG_FUNCTION_ARGS)
{
	PgrValueSize size = {0, 0, 100 * 128 * sizeof(float)};

	return pgr_distance_support(fcinfo, size);
}

/* n items of an array of a four-byte type, without nulls, one per token */
static const void *
token_array(ArrayType *array, int n, const char *what)
{
	pgr_check_plain_array(array);
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d %s, one per token, not %d", n, what,
						ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)))));
	return ARR_DATA_PTR(array);
}

/* sum of w_i max_j <q_i, d_j> */
PG_FUNCTION_INFO_V1(pgr_max_sim_weighted);
Datum
pgr_max_sim_weighted(PG_FUNCTION_ARGS)
{
	PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0);
	QueryCache *cache = cache_get(fcinfo, 1);
	const float *weights = token_array(PG_GETARG_ARRAYTYPE_P(2),
									   cache->query->count, "weights");
	double		sum = 0;

	for (int i = 0; i < cache->query->count; i++)
		if (!isfinite(weights[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weights must be finite")));
	if (!best_of_tokens(cache, doc))
		PG_RETURN_NULL();
	for (int i = 0; i < cache->query->count; i++)
		sum += weights[i] * cache->best[i];
	PG_RETURN_FLOAT8(sum);
}

/*
 * Symmetric Chamfer similarity: 1/2 (MaxSim(D, Q) / |Q| + MaxSim(Q, D) / |D|).
 * The second half has the document as the query and is packed anew per row.
 */
PG_FUNCTION_INFO_V1(pgr_chamfer);
Datum
pgr_chamfer(PG_FUNCTION_ARGS)
{
	PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0);
	QueryCache *cache = cache_get(fcinfo, 1);
	QueryCache	reverse = {.context = CurrentMemoryContext};
	double		sum;

	if (!best_of_tokens(cache, doc))
		PG_RETURN_NULL();
	sum = sum_best(cache) / cache->query->count;

	reverse.query = doc;
	reverse.tokens = pgr_multivector_floats(doc);
	reverse.best = palloc(sizeof(double) * doc->count);
	reverse.singles = palloc(sizeof(float) * doc->count);
	best_of_tokens(&reverse, cache->query);
	sum += sum_best(&reverse) / doc->count;
	PG_RETURN_FLOAT8(sum / 2);
}

/*
 * ColBERTer's exact match: a query token is compared only with document tokens
 * of the same word, and contributes 0 where there is none.
 */
PG_FUNCTION_INFO_V1(pgr_max_sim_exact_words);
Datum
pgr_max_sim_exact_words(PG_FUNCTION_ARGS)
{
	PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0);
	PgrMultivector *query = PG_GETARG_MULTIVECTOR_P(2);
	const int32 *doc_words = token_array(PG_GETARG_ARRAYTYPE_P(1), doc->count, "word numbers");
	const int32 *query_words = token_array(PG_GETARG_ARRAYTYPE_P(3), query->count, "word numbers");
	const float *d;
	const float *q;
	double		sum = 0;

	if (doc->count == 0 || query->count == 0)
		PG_RETURN_NULL();
	pgr_multivector_check_same_dim(doc, query);
	d = pgr_multivector_floats(doc);
	q = pgr_multivector_floats(query);
	for (int i = 0; i < query->count; i++)
	{
		double		best = -INFINITY;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < doc->count; j++)
			if (doc_words[j] == query_words[i])
				best = Max(best, pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
						   (q + (Size) i * query->dim, d + (Size) j * doc->dim, doc->dim));
		if (!isinf(best))
			sum += best;
	}
	PG_RETURN_FLOAT8(sum);
}

/* (query_token, doc_token, similarity): which document token matched, 1-based */
PG_FUNCTION_INFO_V1(pgr_max_sim_matches);
Datum
pgr_max_sim_matches(PG_FUNCTION_ARGS)
{
	PgrMultivector *doc = PG_GETARG_MULTIVECTOR_P(0);
	PgrMultivector *query = PG_GETARG_MULTIVECTOR_P(1);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const float *d = pgr_multivector_floats(doc);
	const float *q = pgr_multivector_floats(query);

	InitMaterializedSRF(fcinfo, 0);
	if (doc->count == 0 || query->count == 0)
		return (Datum) 0;
	pgr_multivector_check_same_dim(doc, query);
	for (int i = 0; i < query->count; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false, false, false};
		double		best = -INFINITY;
		int			match = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < doc->count; j++)
		{
			double		sim = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
				(q + (Size) i * query->dim, d + (Size) j * doc->dim, doc->dim);

			if (sim > best)
			{
				best = sim;
				match = j;
			}
		}
		values[0] = Int32GetDatum(i + 1);
		values[1] = Int32GetDatum(match + 1);
		values[2] = Float4GetDatum((float) best);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
