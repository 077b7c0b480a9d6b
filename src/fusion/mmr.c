/*
 * mmr.c
 *		mmr(id, embedding, score, lambda, k): maximal marginal relevance
 *		(Carbonell and Goldstein 1998), an aggregate that returns ids in the order
 *		in which they were chosen.
 *
 * Next is the candidate with the highest
 *		lambda * score - (1 - lambda) * (greatest cosine to a chosen one, 0 at first)
 * and among equals the one of higher score, then of lower id. Vectors are stored
 * normalised, so a cosine is an inner product; each round compares the candidates
 * with the one just chosen: O(candidates x chosen x dimensions).
 *
 * There is no combine function: candidates are the few hundred rows of a search.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "kernel/kernel.h"
#include "miscadmin.h"
#include "types/dense.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

typedef struct Candidate
{
	Datum		id;
	double		score;
	float	   *unit;			/* dim elements, or NULL: similar to nothing */
	double		nearest;		/* greatest cosine to a chosen one */
	bool		chosen;
} Candidate;

typedef struct Mmr
{
	MemoryContext context;
	Oid			id_type;
	int16		len;
	bool		byval;
	char		align;
	double		lambda;
	int			k;				/* 0: all */
	int			dim;			/* 0 before the first vector */
	int			count;
	int			capacity;
	Candidate  *candidates;
} Mmr;

/* --- adding candidates --- */

static Mmr *
mmr_make(FunctionCallInfo fcinfo, MemoryContext context)
{
	Mmr		   *m = MemoryContextAllocZero(context, sizeof(Mmr));

	m->context = context;
	m->id_type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	if (!OidIsValid(m->id_type))
		elog(ERROR, "could not determine the type of mmr's ids");
	get_typlenbyvalalign(m->id_type, &m->len, &m->byval, &m->align);
	m->capacity = 64;
	m->candidates = MemoryContextAlloc(context, sizeof(Candidate) * m->capacity);
	return m;
}

static void
set_parameters(Mmr *m, FunctionCallInfo fcinfo)
{
	double		lambda = PG_ARGISNULL(4) ? NAN : PG_GETARG_FLOAT8(4);

	if (!(lambda >= 0 && lambda <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lambda must be between 0 and 1")));
	if (!PG_ARGISNULL(5) && PG_GETARG_INT32(5) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1")));
	m->lambda = lambda;
	m->k = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
}

/* A copy of the vector with norm 1; NULL for the zero vector. */
static float *
unit_vector(Mmr *m, const PgrDense *v)
{
	const float *x = pgr_dense_floats(&pgr_vector_type, v);
	double		norm = pgr_kernel->norm[PGR_ELEM_F32] (x, v->dim);
	float	   *unit;

	if (m->dim != 0 && m->dim != v->dim)
		pgr_error_dims(&pgr_vector_type, m->dim, v->dim);
	m->dim = v->dim;
	if (norm == 0)
		return NULL;
	unit = MemoryContextAlloc(m->context, sizeof(float) * v->dim);
	for (int i = 0; i < v->dim; i++)
		unit[i] = (float) (x[i] / norm);
	return unit;
}

/* (state, id anyelement, embedding vector, score, lambda, k); no score: no candidate */
PG_FUNCTION_INFO_V1(pgr_mmr_add);
Datum
pgr_mmr_add(PG_FUNCTION_ARGS)
{
	MemoryContext context,
				old;
	Mmr		   *m = PG_ARGISNULL(0) ? NULL : (Mmr *) PG_GETARG_POINTER(0);
	Candidate  *c;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "mmr_add called in non-aggregate context");
	if (m == NULL)
		m = mmr_make(fcinfo, context);
	set_parameters(m, fcinfo);
	if (PG_ARGISNULL(3))
		PG_RETURN_POINTER(m);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("id must not be null")));
	if (isnan(PG_GETARG_FLOAT8(3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must not be NaN")));
	if (m->count == m->capacity)
	{
		m->candidates = repalloc_huge(m->candidates,
									  mul_size(sizeof(Candidate), mul_size(m->capacity, 2)));
		m->capacity *= 2;
	}
	c = &m->candidates[m->count];
	memset(c, 0, sizeof(*c));
	c->score = PG_GETARG_FLOAT8(3);
	c->unit = PG_ARGISNULL(2) ? NULL : unit_vector(m, PG_GETARG_DENSE_P(2));
	old = MemoryContextSwitchTo(context);
	c->id = datumCopy(PG_GETARG_DATUM(1), m->byval, m->len);
	MemoryContextSwitchTo(old);
	m->count++;
	PG_RETURN_POINTER(m);
}

/* --- choosing --- */

typedef struct IdOrder
{
	FmgrInfo   *cmp;			/* btree order of the ids; NULL if they have none */
	Oid			collation;
} IdOrder;

/* score descending, then id ascending */
static int
by_score(const void *pa, const void *pb, void *arg)
{
	const Candidate *a = pa,
			   *b = pb;
	IdOrder    *order = arg;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (order->cmp == NULL)
		return 0;
	return DatumGetInt32(FunctionCall2Coll(order->cmp, order->collation, a->id, b->id));
}

/* A copy of the candidates in the order in which ties are decided. */
static Candidate *
sorted_candidates(const Mmr *m)
{
	TypeCacheEntry *type = lookup_type_cache(m->id_type, TYPECACHE_CMP_PROC_FINFO);
	IdOrder		order = {NULL, type->typcollation};
	Candidate  *c = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(sizeof(Candidate), m->count));

	if (OidIsValid(type->cmp_proc_finfo.fn_oid))
		order.cmp = &type->cmp_proc_finfo;
	memcpy(c, m->candidates, sizeof(Candidate) * m->count);
	qsort_arg(c, m->count, sizeof(Candidate), by_score, &order);
	return c;
}

/* The first candidate of the highest marginal relevance. */
static Candidate *
best_candidate(const Mmr *m, Candidate *c)
{
	Candidate  *best = NULL;
	double		best_value = 0;

	for (int i = 0; i < m->count; i++)
	{
		double		value = m->lambda * c[i].score - (1 - m->lambda) * c[i].nearest;

		if (!c[i].chosen && (best == NULL || value > best_value))
		{
			best = &c[i];
			best_value = value;
		}
	}
	return best;
}

/* Raises each candidate's greatest cosine by the one just chosen. */
static void
compare_with(const Mmr *m, Candidate *c, const Candidate *chosen, bool first)
{
	for (int i = 0; i < m->count; i++)
	{
		double		cosine = 0;

		CHECK_FOR_INTERRUPTS();
		if (c[i].chosen)
			continue;
		if (c[i].unit != NULL && chosen->unit != NULL)
			cosine = pgr_kernel->dist[PGR_ELEM_F32][PGR_METRIC_IP]
				(c[i].unit, chosen->unit, m->dim);
		c[i].nearest = first ? cosine : Max(c[i].nearest, cosine);
	}
}

PG_FUNCTION_INFO_V1(pgr_mmr_final);
Datum
pgr_mmr_final(PG_FUNCTION_ARGS)
{
	Mmr		   *m = PG_ARGISNULL(0) ? NULL : (Mmr *) PG_GETARG_POINTER(0);
	Candidate  *c;
	Datum	   *ids;
	int			k;

	if (m == NULL || m->count == 0)
		PG_RETURN_NULL();
	c = sorted_candidates(m);
	k = m->k == 0 ? m->count : Min(m->k, m->count);
	ids = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(sizeof(Datum), k));
	for (int i = 0; i < k; i++)
	{
		Candidate  *next = best_candidate(m, c);

		CHECK_FOR_INTERRUPTS();
		next->chosen = true;
		ids[i] = next->id;
		compare_with(m, c, next, i == 0);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(ids, k, m->id_type, m->len, m->byval, m->align));
}
