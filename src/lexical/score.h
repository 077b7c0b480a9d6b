/*
 * score.h
 *		Scores of leaves: what an index's search and the operators both evaluate, to the
 *		same bits. Inline where each posting is scored.
 */
#ifndef PGR_SCORE_H
#define PGR_SCORE_H

#include "postgres.h"

#include <float.h>

#define PGR_LEX_MAX_FIELDS 16

typedef enum PgrScoringKind
{
	PGR_SCORING_BM25,
	PGR_SCORING_BM25F,
	PGR_SCORING_DIRICHLET
} PgrScoringKind;

/* The ranking function as an index's options give it. */
typedef struct PgrScoring
{
	PgrScoringKind kind;
	double		k1;
	double		b;
	double		mu;				/* Dirichlet */
	int			nfields;
	double		field_weight[PGR_LEX_MAX_FIELDS];	/* BM25F */
	double		field_b[PGR_LEX_MAX_FIELDS];
} PgrScoring;

/*
 * Scores one leaf: non-decreasing in tf, non-increasing in the length.
 * BM25:      weight * x / (1 + x), x = tf * norm_k[norm], norm_k = 1 / (k1 B)
 * BM25F:     the same, x = sum over fields of tf_f * field_norm_k[f][norm_f],
 *            field_norm_k = weight_f / (k1 B_f)
 * Dirichlet: weight * max(0, ln(1 + tf * tf_scale) + norm_k[norm])
 * with B = 1 - b + b * length / average length.
 *
 * x / (1 + x) is computed as 1 - 1 / (1 + x), weight multiplied in: each step is
 * monotone in floating point, so that a bound is the score of the bounding pair.
 */
typedef struct PgrLeafScorer
{
	PgrScoringKind kind;
	double		weight;			/* boost * idf (boost includes the query frequency) */
	double		tf_scale;		/* Dirichlet: 1 / (mu p) */
	const double *norm_k;		/* [256], shared by the leaves of a query */
	const double *field_norm_k; /* BM25F: [nfields][256] */
	double		best_field_k;	/* BM25F: the highest of a length of 1 or more */
	int			nfields;
	uint32		fields;			/* mask; 0 = all */
} PgrLeafScorer;

static inline double
pgr_saturate(double weight, double x)
{
	return weight - weight / (1.0 + x);
}

extern double pgr_leaf_score_other(const PgrLeafScorer *s, uint32 tf, uint8 norm);

/* Documents of one field, and leaves without a field mask if not BM25F. */
static inline double
pgr_leaf_score(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	if (tf == 0)
		return 0;
	if (s->kind == PGR_SCORING_BM25)
		return pgr_saturate(s->weight, tf * s->norm_k[norm]);
	return pgr_leaf_score_other(s, tf, norm);
}

/* Documents of several fields: frequencies [nfields], length bytes [nfields]. */
extern double pgr_leaf_score_fields(const PgrLeafScorer *s, const uint32 *field_tf,
									uint8 norm, const uint8 *field_norm);

/*
 * At least pgr_leaf_score[_fields] of every posting with a (total) frequency <=
 * tf and a length byte >= norm; PG_UINT32_MAX for an unknown tf. A sum of n
 * bounds is rounded in another order than a score: times PGR_BOUND_SLACK(n).
 */
extern double pgr_leaf_bound(const PgrLeafScorer *s, uint32 tf, uint8 norm);
#define PGR_BOUND_SLACK(n) (1.0 + (2.0 * (n) + 4.0) * DBL_EPSILON)

/* ln(1 + (N - df + .5) / (df + .5)), df at most N; 1 if either is NAN. */
extern double pgr_idf(double ndocs, double df);

#endif							/* PGR_SCORE_H */
