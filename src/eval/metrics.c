/*
 * metrics.c
 *		Final functions of the metric aggregates: trec_eval's definitions.
 *
 * A grade of 1 or more is relevant; a document without a grade is not. A topic
 * without any grade is no judged topic: its metric is NULL, so that avg() leaves
 * it out, as trec_eval does. A judged topic of which nothing was retrieved, or
 * which has nothing relevant, counts as 0 (trec_eval -c).
 *
 * README lists each formula with trec_eval's name for it.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "eval/judged.h"

/* What a metric needs: the ranking and how many ranks count. */
typedef struct Topic
{
	PgrRanking	ranking;
	int			k;				/* cutoff; INT_MAX without one */
	int			depth;			/* ranks that exist and count */
} Topic;

typedef double (*Metric) (const Topic *topic);

/* The metric of the state in argument 0. */
static Datum
finish(FunctionCallInfo fcinfo, Metric metric, bool needs_k)
{
	PgrJudgedList *list = PG_ARGISNULL(0) ? NULL : (PgrJudgedList *) PG_GETARG_POINTER(0);
	Topic		topic;

	if (list == NULL)
		PG_RETURN_NULL();
	if (needs_k && !list->has_k)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cutoff must not be null")));
	pgr_judged_rank(list, &topic.ranking);
	if (topic.ranking.judged == 0)
		PG_RETURN_NULL();
	topic.k = list->has_k ? list->k : INT_MAX;
	topic.depth = Min(topic.k, topic.ranking.retrieved);
	PG_RETURN_FLOAT8(metric(&topic));
}

/* Relevant documents in the first depth ranks. */
static int
relevant_found(const Topic *topic)
{
	int			found = 0;

	for (int i = 0; i < topic->depth; i++)
		found += topic->ranking.grades[i] >= 1;
	return found;
}

/* --- nDCG --- */

typedef double (*Gain) (int32 grade);

static double
gain_linear(int32 grade)
{
	return grade;
}

/* Up to 1,000 a sum of gains stays far from infinity. */
static double
gain_exp2(int32 grade)
{
	if (grade > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("grade %d is too large for an exponential gain", grade)));
	return exp2(grade) - 1;
}

/* DCG over n grades in rank order: sum of gain / log2(rank + 1). */
static double
dcg(const int32 *grades, int n, Gain gain)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		if (grades[i] > 0)
			sum += gain(grades[i]) / log2((double) i + 2);
	return sum;
}

static double
ndcg(const Topic *topic, Gain gain)
{
	const PgrRanking *r = &topic->ranking;
	double		ideal = dcg(r->ideal, Min(topic->k, r->judged), gain);

	return ideal > 0 ? dcg(r->grades, topic->depth, gain) / ideal : 0;
}

static double
ndcg_linear(const Topic *topic)
{
	return ndcg(topic, gain_linear);
}

static double
ndcg_exp2(const Topic *topic)
{
	return ndcg(topic, gain_exp2);
}

/* --- binary relevance --- */

/* Divided by all relevant documents, not by min(relevant, k). */
static double
average_precision(const Topic *topic)
{
	double		sum = 0;
	int			found = 0;

	for (int i = 0; i < topic->depth; i++)
		if (topic->ranking.grades[i] >= 1)
			sum += (double) ++found / (i + 1);
	return topic->ranking.relevant > 0 ? sum / topic->ranking.relevant : 0;
}

static double
reciprocal_rank(const Topic *topic)
{
	for (int i = 0; i < topic->depth; i++)
		if (topic->ranking.grades[i] >= 1)
			return 1.0 / (i + 1);
	return 0;
}

static double
recall(const Topic *topic)
{
	int			relevant = topic->ranking.relevant;

	return relevant > 0 ? (double) relevant_found(topic) / relevant : 0;
}

/* By k even where fewer were retrieved. */
static double
precision(const Topic *topic)
{
	return (double) relevant_found(topic) / topic->k;
}

static double
hit_rate(const Topic *topic)
{
	return relevant_found(topic) > 0 ? 1 : 0;
}

/* A short list is padded with judged documents, as trec_eval's "unj" does. */
static double
judged(const Topic *topic)
{
	int			holes = 0;

	for (int i = 0; i < topic->depth; i++)
		holes += topic->ranking.grades[i] == PGR_NOT_JUDGED;
	return 1 - (double) holes / topic->k;
}

/* --- SQL-callable --- */

#define METRIC_FINAL(name, metric, needs_k) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		return finish(fcinfo, metric, needs_k); \
	}

/* *INDENT-OFF* */
METRIC_FINAL(pgr_ndcg_final, ndcg_linear, false)
METRIC_FINAL(pgr_ndcg_exp2_final, ndcg_exp2, false)
METRIC_FINAL(pgr_average_precision_final, average_precision, false)
METRIC_FINAL(pgr_reciprocal_rank_final, reciprocal_rank, false)
METRIC_FINAL(pgr_recall_final, recall, true)
METRIC_FINAL(pgr_precision_final, precision, true)
METRIC_FINAL(pgr_hit_rate_final, hit_rate, true)
METRIC_FINAL(pgr_judged_final, judged, true)
/* *INDENT-ON* */
