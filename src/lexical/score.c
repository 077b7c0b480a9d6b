/*
 * score.c
 *		BM25, BM25F and query likelihood with Dirichlet smoothing: the scores of
 *		leaves, their bounds, and their preparation from statistics.
 *
 * Formulas: Robertson & Zaragoza 2009 for BM25 and BM25F, in Lucene's form (no
 * factor k1 + 1, idf never negative, one-byte lengths); Zhai & Lafferty 2004 for
 * Dirichlet, clipped at 0 per word as in Lucene's LMDirichletSimilarity.
 *
 * Every score of the extension is a sum of the values computed here, in double,
 * in the order of the query's leaves. The build has -ffp-contract=off, so that
 * the same expression gives the same bits wherever it is inlined.
 */
#include "postgres.h"

#include <math.h>

#include "lexical/lexical.h"
#include "lexical/rankquery.h"

#define NORMS 256

/* An unindexed query: a plain BM25 of no statistics. */
#define DEFAULT_K1 1.2
#define DEFAULT_B 0.75

/* --- a leaf's score --- */

/* Never below 0: a word that occurs adds to a score. */
static double
dirichlet_score(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	return s->weight * Max(0.0, log(1.0 + tf * s->tf_scale) + s->norm_k[norm]);
}

/* pgr_leaf_score for the kinds that it does not compute itself; tf > 0 */
double
pgr_leaf_score_other(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	if (s->kind == PGR_SCORING_DIRICHLET)
		return dirichlet_score(s, tf, norm);
	/* BM25F of one field */
	return pgr_saturate(s->weight, tf * s->field_norm_k[norm]);
}

/* 0 is all. */
static inline bool
in_fields(uint32 mask, int field)
{
	return mask == 0 || (mask & (1u << field)) != 0;
}

/* BM25F combines fields before it saturates; the others add up frequencies. */
double
pgr_leaf_score_fields(const PgrLeafScorer *s, const uint32 *field_tf, uint8 norm,
					  const uint8 *field_norm)
{
	uint32		tf = 0;
	double		x = 0;

	for (int f = 0; f < s->nfields; f++)
	{
		if (field_tf[f] == 0 || !in_fields(s->fields, f))
			continue;
		tf += field_tf[f];
		if (s->kind == PGR_SCORING_BM25F)
			x += field_tf[f] * s->field_norm_k[f * NORMS + field_norm[f]];
	}
	if (s->kind != PGR_SCORING_BM25F)
		return pgr_leaf_score(s, tf, norm);
	return tf == 0 ? 0 : pgr_saturate(s->weight, x);
}

/*
 * BM25F knows only the whole length of the bounding pair, which says nothing of
 * the field where the words are: its bound takes the best field at the shortest
 * length a field with a word has. Its sum, and libm's logarithm, may round up.
 */
double
pgr_leaf_bound(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	switch (s->kind)
	{
		case PGR_SCORING_BM25:
			return pgr_leaf_score(s, tf, norm);
		case PGR_SCORING_BM25F:
			return pgr_saturate(s->weight,
								tf * s->best_field_k * PGR_BOUND_SLACK(s->nfields));
		case PGR_SCORING_DIRICHLET:
			return dirichlet_score(s, tf, norm) * PGR_BOUND_SLACK(1) + DBL_MIN;
	}
	pg_unreachable();
}

/* Never negative: a word that all documents have counts little, not against. */
double
pgr_idf(double ndocs, double df)
{
	if (isnan(ndocs) || isnan(df))
		return 1;
	df = Max(0, Min(df, ndocs));
	return log(1.0 + (ndocs - df + 0.5) / (df + 0.5));
}

/* --- preparation --- */

/* The statistics in force: given with the query, else pinned. */
typedef struct Statistics
{
	double		ndocs;
	double		average;		/* length; NAN: every document counts as average */
	double		words;			/* of the collection */
	double		k1;
	double		b;
} Statistics;

/* NAN: not given. */
static double
given_or(double given, double otherwise)
{
	return isnan(given) ? otherwise : given;
}

/* An average that is no positive number is as good as none. */
static Statistics
statistics_in_force(const PgrPinned *p)
{
	Statistics	s;

	s.ndocs = given_or(p->query->given_ndocs, p->collection.ndocs);
	s.average = given_or(p->query->given_avg_length,
						 p->collection.sum_length / p->collection.ndocs);
	if (!(s.average > 0) || isinf(s.average))
		s.average = NAN;
	s.words = isnan(s.average) || isnan(s.ndocs) ? 0 : s.average * s.ndocs;
	s.k1 = given_or(p->query->given_k1, p->scoring.k1);
	s.b = given_or(p->query->given_b, p->scoring.b);
	return s;
}

/* B = 1 - b + b * length / average, of each length byte */
static double
length_factor(double b, double average, int norm)
{
	if (isnan(average))
		return 1;
	return (1.0 - b) + b * (pgr_norm_decode((uint8) norm) / average);
}

/* 1 / (k1 B); of k1 = 0 infinity, which saturates at once */
static double *
bm25_norms(const Statistics *s)
{
	double	   *norm_k = palloc(sizeof(double) * NORMS);

	for (int i = 0; i < NORMS; i++)
		norm_k[i] = 1.0 / (s->k1 * length_factor(s->b, s->average, i));
	return norm_k;
}

/* By the length byte, as BM25's: lengths are rounded alike. */
static double *
dirichlet_norms(double mu)
{
	double	   *norm_k = palloc(sizeof(double) * NORMS);

	for (int i = 0; i < NORMS; i++)
		norm_k[i] = log(mu / (pgr_norm_decode((uint8) i) + mu));
	return norm_k;
}

/*
 * For each field and length byte, palloc'd with the statistics. *best: the highest of
 * a length of 1 or more, for bounds. An empty field has no average: its words count as
 * of average length.
 */
static double *
bm25f_norms(const PgrPinned *p, const Statistics *s, double *best)
{
	const PgrScoring *scoring = &p->scoring;
	double	   *norm_k = palloc(sizeof(double) * NORMS * scoring->nfields);

	*best = 0;
	for (int f = 0; f < scoring->nfields; f++)
	{
		double		average = p->collection.field_sum_length[f] / p->collection.ndocs;

		if (!(average > 0) || isinf(average))
			average = NAN;
		for (int i = 0; i < NORMS; i++)
			norm_k[f * NORMS + i] = scoring->field_weight[f] /
				(s->k1 * length_factor(scoring->field_b[f], average, i));
		*best = Max(*best, norm_k[f * NORMS + 1]);
	}
	return norm_k;
}

double
pgr_phrase_idf(const PgrQueryNode *phrase, double ndocs, const double *df)
{
	double		sum = 0;
	double		best = 0;

	for (int i = 0; i < phrase->nchildren; i++)
	{
		const PgrQueryNode *child = phrase->children[i];

		if (i > 0 && child->offset == phrase->children[i - 1]->offset)
			sum -= best;
		else
			best = 0;
		best = Max(best, pgr_idf(ndocs, df ? df[i] : child->given_df));
		sum += best;
	}
	return sum;
}

/* A phrase's idf: of the words' given df where all are given, else the index's. */
static double
phrase_idf(const PgrQueryNode *phrase, const PgrLeafStats *stats, double ndocs)
{
	bool		given = true;

	for (int i = 0; i < phrase->nchildren; i++)
		given &= !isnan(phrase->children[i]->given_df);
	return given || isnan(stats->idf_sum) ? pgr_phrase_idf(phrase, ndocs, NULL) : stats->idf_sum;
}

/* One leaf's constants: what need not be computed for each posting. */
static void
prepare_leaf(const PgrPinned *p, const Statistics *s, const PgrQueryNode *leaf,
			 const PgrLeafStats *stats, PgrLeafScorer *scorer)
{
	double		idf = leaf->kind == PGR_NODE_PHRASE ?
		phrase_idf(leaf, stats, s->ndocs) :
		pgr_idf(s->ndocs, given_or(leaf->given_df, stats->df));

	scorer->kind = p->scoring.kind;
	scorer->nfields = p->scoring.nfields;
	scorer->fields = leaf->fields;
	scorer->weight = leaf->boost;
	if (scorer->kind != PGR_SCORING_DIRICHLET)
		scorer->weight *= idf;
	else
		scorer->tf_scale = (s->words + 1.0) /
			(p->scoring.mu * (given_or(stats->cf, 0) + 1.0));
}

/* Arrays by length byte are shared by all leaves of the query. */
void
pgr_pinned_prepare(PgrPinned *p)
{
	Statistics	s = statistics_in_force(p);
	int			n = p->query->nleaves;
	double	   *norm_k = p->scoring.kind == PGR_SCORING_DIRICHLET ?
		dirichlet_norms(p->scoring.mu) : bm25_norms(&s);
	double	   *field_norm_k = NULL;
	double		best_field_k = 0;

	if (p->scoring.kind == PGR_SCORING_BM25F)
		field_norm_k = bm25f_norms(p, &s, &best_field_k);
	p->scorers = palloc0(sizeof(PgrLeafScorer) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		p->scorers[i].norm_k = norm_k;
		p->scorers[i].field_norm_k = field_norm_k;
		p->scorers[i].best_field_k = best_field_k;
		prepare_leaf(p, &s, p->query->leaves[i], &p->leaves[i], &p->scorers[i]);
	}
	p->memo = pgr_memo_create();
}

/* A query without an index: idf 1, every document of average length. */
PgrPinned *
pgr_pinned_unbound(const PgrRankQuery *rq, const PgrAnalyzer *analyzer)
{
	PgrPinned  *p = palloc0(sizeof(PgrPinned));

	p->analyzer = *analyzer;
	p->query = pgr_query_unpack(rq);
	pgr_query_fit(p->query, analyzer->nfields);
	p->scoring.kind = PGR_SCORING_BM25;
	p->scoring.k1 = DEFAULT_K1;
	p->scoring.b = DEFAULT_B;
	p->scoring.nfields = analyzer->nfields;
	p->collection.ndocs = NAN;
	p->collection.sum_length = NAN;
	p->leaves = palloc0(sizeof(PgrLeafStats) * Max(p->query->nleaves, 1));
	for (int i = 0; i < p->query->nleaves; i++)
	{
		p->leaves[i].df = NAN;
		p->leaves[i].cf = NAN;
		p->leaves[i].idf_sum = NAN;
		p->leaves[i].nexpanded = -1;
	}
	pgr_pinned_prepare(p);
	return p;
}
