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

/*
 * BM25's parameters for a query without an index: Lucene's and Elasticsearch's
 * defaults. b does nothing there, since no average length is known, unless the query
 * gives one.
 */
#define DEFAULT_K1 1.2
#define DEFAULT_B 0.75

/* --- a leaf's score --- */

/*
 * Zhai & Lafferty's formula for one leaf, norm_k being ln(mu / (length + mu)).
 * Clipped at 0: a word that occurs never takes from a score, so that bounds of blocks
 * and of leaves left out are valid.
 */
static double
dirichlet_score(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	return s->weight * Max(0.0, log(1.0 + tf * s->tf_scale) + s->norm_k[norm]);
}

/*
 * pgr_leaf_score for the kinds that it does not compute inline; tf > 0. BM25F comes
 * here only with documents of one field, whose norms are the first 256 of
 * field_norm_k.
 */
double
pgr_leaf_score_other(const PgrLeafScorer *s, uint32 tf, uint8 norm)
{
	if (s->kind == PGR_SCORING_DIRICHLET)
		return dirichlet_score(s, tf, norm);
	/* BM25F of one field */
	return pgr_saturate(s->weight, tf * s->field_norm_k[norm]);
}

/* True if a leaf's mask has the field (from 0). A mask of 0 means all fields. */
static inline bool
in_fields(uint32 mask, int field)
{
	return mask == 0 || (mask & (1u << field)) != 0;
}

/*
 * BM25F combines the fields before it saturates, so that a word in title and body
 * counts as one word; the others add up frequencies and score by the whole length.
 * field_tf and field_norm have s->nfields entries.
 */
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
 * BM25F knows only the whole length of the bounding pair, which says nothing of the
 * field where the words are: its bound takes the best field at the shortest length a
 * field with a word has. Its sum is rounded once a field, and libm's logarithm is not
 * monotone to the last bit, so both have slack. tf may be PG_UINT32_MAX, for
 * "unknown".
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

/*
 * Lucene's form of Robertson and Sparck Jones' weight. Never negative: a word that
 * all documents have counts little, not against. df may exceed ndocs where statistics
 * were given by hand or deletions are counted unevenly, hence the clamp.
 */
double
pgr_idf(double ndocs, double df)
{
	if (isnan(ndocs) || isnan(df))
		return 1;
	df = Max(0, Min(df, ndocs));
	return log(1.0 + (ndocs - df + 0.5) / (df + 0.5));
}

/* --- preparation --- */

/*
 * The statistics in force: given with the query (rankquery_stats, rankquery_params),
 * else pinned. NAN stands for "unknown" in each.
 */
typedef struct Statistics
{
	double		ndocs;
	double		average;		/* length; NAN: every document counts as average */
	double		words;			/* of the collection */
	double		k1;
	double		b;
} Statistics;

/* What was given, unless that is NAN. */
static double
given_or(double given, double otherwise)
{
	return isnan(given) ? otherwise : given;
}

/*
 * An average that is no positive finite number (an empty collection, 0 documents
 * given) is as good as none: every document then counts as average, and nothing
 * divides by 0.
 */
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

/*
 * B = 1 - b + b * length / average, of a length byte (0 to 255); 1 where there is no
 * average. At least 1 - b, so 0 only for b = 1 and an empty document.
 */
static double
length_factor(double b, double average, int norm)
{
	if (isnan(average))
		return 1;
	return (1.0 - b) + b * (pgr_norm_decode((uint8) norm) / average);
}

/*
 * 1 / (k1 B) for each length byte: [256], palloc'd with the statistics. For k1 = 0 it
 * is infinity, with which a score saturates at once: weight - weight / inf = weight.
 */
static double *
bm25_norms(const Statistics *s)
{
	double	   *norm_k = palloc(sizeof(double) * NORMS);

	for (int i = 0; i < NORMS; i++)
		norm_k[i] = 1.0 / (s->k1 * length_factor(s->b, s->average, i));
	return norm_k;
}

/*
 * ln(mu / (length + mu)) for each length byte: [256], palloc'd. By the byte as
 * BM25's, though the formula could take any length: the index stores no more.
 */
static double *
dirichlet_norms(double mu)
{
	double	   *norm_k = palloc(sizeof(double) * NORMS);

	for (int i = 0; i < NORMS; i++)
		norm_k[i] = log(mu / (pgr_norm_decode((uint8) i) + mu));
	return norm_k;
}

/*
 * weight_f / (k1 B_f) for each field and length byte: [nfields][256], palloc'd with
 * the statistics. *best: the highest of a length of 1 or more, for bounds; shorter
 * lengths have higher norms, and a field that has the word is not empty. An empty
 * field has no average: its words count as of average length.
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

/*
 * Contract in lexical.h. Alternatives have one offset and stand one after the other:
 * sum holds the best of those so far, which is taken out again when a better one may
 * follow.
 */
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

/*
 * A phrase's idf: of the words' given df where all are given, else the index's. Some
 * given and some not would mix two collections, so those are ignored.
 */
static double
phrase_idf(const PgrQueryNode *phrase, const PgrLeafStats *stats, double ndocs)
{
	bool		given = true;

	for (int i = 0; i < phrase->nchildren; i++)
		given &= !isnan(phrase->children[i]->given_df);
	return given || isnan(stats->idf_sum) ? pgr_phrase_idf(phrase, ndocs, NULL) : stats->idf_sum;
}

/*
 * Computes one leaf's constants: weight = boost * idf, or Dirichlet's weight and 1 /
 * (mu p) with p = (cf + 1) / (words + 1), the 1 being Lucene's, without which a word
 * that the collection lacks divides by 0. Allocates nothing.
 */
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

/*
 * Contract in lexical.h. Arrays by length byte are shared by all leaves of the query:
 * 2 kB, and 2 kB a field for BM25F. They and the scorers are as long-lived as *p must
 * be.
 */
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

/*
 * Statistics of a query without an index: idf 1, every document of average length,
 * BM25. In the current memory context, with a query unpacked of its own that refers
 * to rq, which must live as long. No catalog is read, nothing locked, and only damage
 * of rq raises (XX001).
 */
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
