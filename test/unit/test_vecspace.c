/*
 * test_vecspace.c
 *		Values, codes and distances of each space against the operator's distance in
 *		double precision.
 */
/* covers: vecspace */
#include <math.h>

#include "quant/vecspace.h"
#include "tap.h"

#define DIM 100
#define PADDED 128
#define TRIALS 300

typedef struct Coded
{
	PgrCode8	head;
	int8_t		code[PADDED];
} Coded;

static const struct
{
	const char *name;
	PgrMetric	metric;
	PgrMetric	geometry;
}			kinds[] = {
	{"L2", PGR_METRIC_L2, PGR_METRIC_L2},
	{"inner product", PGR_METRIC_IP, PGR_METRIC_IP},
	{"cosine", PGR_METRIC_COSINE, PGR_METRIC_COSINE},
	{"Hamming", PGR_METRIC_HAMMING, PGR_METRIC_L2}
};

static PgrVecSpace space;
static uint8_t signs[PADDED / 8 * PGR_ROTATION_ROUNDS];
static float max_aux;
static float origin[DIM];

static void
open_space(PgrMetric metric, PgrMetric geometry)
{
	max_aux = 0;
	pgr_vecspace_init(&space, metric, geometry, false, DIM, 42, signs, &max_aux);
}

static double
operator_distance(PgrMetric metric, const float *a, const float *b)
{
	double		ab = 0;
	double		aa = 0;
	double		bb = 0;
	double		squares = 0;

	for (int i = 0; i < DIM; i++)
	{
		ab += (double) a[i] * b[i];
		aa += (double) a[i] * a[i];
		bb += (double) b[i] * b[i];
		squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	}
	return metric == PGR_METRIC_IP ? -ab : metric == PGR_METRIC_COSINE ? 1 - ab / sqrt(aa * bb) :
		metric == PGR_METRIC_HAMMING ? squares : sqrt(squares);
}

/* elements of +-1/2, as those of bits are, for Hamming */
static void
make_value(PgrMetric metric, float *x)
{
	for (int i = 0; i < DIM; i++)
		x[i] = metric != PGR_METRIC_HAMMING ? (float) (1 + tap_uniform()) :
			tap_uniform() > 0 ? .5f : -.5f;
}

static void
encode(const float *x, float aux, Coded *c)
{
	float		y[PADDED];

	pgr_vecspace_place(&space, x, origin, y);
	pgr_code8_encode(y, PADDED, aux, c->code, &c->head);
}

/* Rows that a space knows the longest of. */
static void
encode_rows(PgrMetric metric, float (*rows)[DIM], Coded *codes)
{
	for (int r = 0; r < TRIALS; r++)
	{
		float		x[PADDED];
		float		aux;

		make_value(metric, rows[r]);
		memcpy(x, rows[r], sizeof(rows[r]));
		pgr_vecspace_row(&space, x, &aux);
		max_aux = pgr_vecspace_cover(max_aux, aux);
		encode(x, aux, &codes[r]);
	}
}

static void
test_distances(const char *name, PgrMetric metric, PgrMetric geometry)
{
	static float rows[TRIALS][DIM];
	static Coded codes[TRIALS];
	float		query[DIM];
	float		x[PADDED];
	Coded		q;
	int			inside = 0;
	int			below = 0;
	double		back = 0;
	char		text[100];
	char		detail[100];

	open_space(metric, geometry);
	for (int i = 0; i < DIM; i++)
		origin[i] = metric == PGR_METRIC_HAMMING ? 0 : .8f;
	encode_rows(metric, rows, codes);
	make_value(metric, query);
	memcpy(x, query, sizeof(query));
	pgr_vecspace_query(&space, x);
	encode(x, 0, &q);
	for (int r = 0; r < TRIALS; r++)
	{
		double		want = operator_distance(metric, query, rows[r]);
		double		code_want = pgr_vecspace_to_code(&space, want);
		double		code = pgr_code8_distance(&q.head, q.code, &codes[r].head, codes[r].code,
											  PADDED);
		double		error = 4 * pgr_code8_error(&q.head, &codes[r].head, PADDED, code);
		double		again = pgr_vecspace_to_operator(&space, code_want);

		inside += fabs(code - code_want) <= error + pgr_vecspace_sums_error(&space);
		below += pgr_vecspace_lower_bound(&space, code, error) <= code_want;
		back = fmax(back, fabs(again - want) / (1 + fabs(want)));
	}
	snprintf(detail, sizeof(detail), "%d inside, %d below of %d; there and back %g", inside, below,
			 TRIALS, back);
	snprintf(text, sizeof(text), "%s: distances of codes are the operator's", name);
	tap_ok(inside == TRIALS, text, detail);
	snprintf(text, sizeof(text), "%s: lower bounds are below", name);
	tap_ok(below == TRIALS, text, detail);
	snprintf(text, sizeof(text), "%s: to codes and back", name);
	tap_ok(back < 1e-12, text, detail);
}

/* 2 max_aux - 2 <a,b>, so the order of two rows is that of their products */
static void
test_pairs(void)
{
	static float rows[TRIALS][DIM];
	static Coded codes[TRIALS];
	double		worst = 0;

	open_space(PGR_METRIC_IP, PGR_METRIC_IP);
	encode_rows(PGR_METRIC_IP, rows, codes);
	for (int r = 1; r < TRIALS; r++)
	{
		double		want = 2 * max_aux + 2 * operator_distance(PGR_METRIC_IP, rows[0], rows[r]);
		double		got = pgr_vecspace_pair_distance(&space, &codes[0].head, codes[0].code,
													 &codes[r].head, codes[r].code);

		worst = fmax(worst, fabs(got - want) / max_aux);
	}
	tap_ok(worst < .01, "inner product: distances of rows are those of their products", "");
	tap_ok(!pgr_vecspace_is_euclidean(&space), "inner product: distances of rows are of no points", "");
}

static void
test_longest(void)
{
	float		x[PADDED];
	float		aux;
	double		norm;

	open_space(PGR_METRIC_IP, PGR_METRIC_IP);
	make_value(PGR_METRIC_IP, x);
	pgr_vecspace_row(&space, x, &aux);
	norm = pgr_kernel->norm[PGR_ELEM_F32] (x, DIM);
	tap_ok(fabs(-aux - norm * norm) < 1e-4 * norm * norm, "a row's aux is its square, negative", "");
	tap_ok(pgr_vecspace_exceeds(&space, aux), "a longer row exceeds what is known", "");
	max_aux = pgr_vecspace_cover(max_aux, aux);
	tap_ok(!pgr_vecspace_exceeds(&space, aux) && max_aux == -aux, "and does not once it is covered", "");
	for (int i = 0; i < DIM; i++)
		x[i] /= 1000;
	pgr_vecspace_query(&space, x);
	tap_ok(fabs(pgr_kernel->norm[PGR_ELEM_F32] (x, DIM) - norm) < 1e-4 * norm &&
		   fabs(space.query_norm2 - max_aux) < 1e-6 * max_aux,
		   "a query becomes as long as the longest", "");
	for (int i = 0; i < DIM; i++)
		x[i] *= 1e-6f;
	pgr_vecspace_stretch(&space, x);
	tap_ok(fabs(pgr_kernel->norm[PGR_ELEM_F32] (x, DIM) - norm) < 1e-4 * norm,
		   "so does a row as a query", "");
	memset(x, 0, sizeof(x));
	tap_ok(pgr_vecspace_query(&space, x) && x[0] == 0 && space.query_scale == 1, "a zero query stays", "");
	open_space(PGR_METRIC_L2, PGR_METRIC_L2);
	tap_ok(!pgr_vecspace_exceeds(&space, -1), "no row of another space exceeds anything", "");
}

static void
test_zero(void)
{
	float		x[PADDED] = {0};
	float		aux;

	open_space(PGR_METRIC_COSINE, PGR_METRIC_COSINE);
	tap_ok(!pgr_vecspace_row(&space, x, &aux) && !pgr_vecspace_query(&space, x),
		   "cosine: the zero vector has no distance", "");
	space.zero_is_value = true;
	tap_ok(pgr_vecspace_row(&space, x, &aux), "but where the type says so", "");
	open_space(PGR_METRIC_L2, PGR_METRIC_L2);
	tap_ok(pgr_vecspace_row(&space, x, &aux), "L2: it has one", "");
}

/* Codes back into vectors; vectors that are too long, of which only the direction is kept. */
static void
test_codes(void)
{
	float		x[PADDED];
	float		back[PADDED];
	float		y[PADDED];
	Coded		c;
	int			near = 0;

	open_space(PGR_METRIC_L2, PGR_METRIC_L2);
	make_value(PGR_METRIC_L2, x);
	encode(x, 0, &c);
	pgr_vecspace_unplace(&space, &c.head, c.code, origin, back);
	for (int i = 0; i < DIM; i++)
		near += fabs(back[i] - x[i]) < .1;
	tap_ok(near == DIM, "the vector of a code", "");
	for (int i = 0; i < DIM; i++)
		x[i] = i % 2 ? 3e38f : -3e38f;
	pgr_vecspace_place(&space, x, origin, y);
	tap_ok(fabs(pgr_kernel->norm[PGR_ELEM_F32] (y, PADDED) / PGR_CODE8_MAX_NORM - 1) < 1e-5,
		   "one that is too long is as long as codes may be", "");
	for (int i = 0; i < PADDED; i++)
		y[i] = 1e17f;
	pgr_vecspace_shorten(&space, y);
	tap_ok(fabs(pgr_kernel->norm[PGR_ELEM_F32] (y, PADDED) / PGR_CODE8_MAX_NORM - 1) < 1e-5,
		   "and so are coordinates", "");
}

int
main(void)
{
	tap_srand();
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		test_distances(kinds[k].name, kinds[k].metric, kinds[k].geometry);
	test_pairs();
	test_longest();
	test_zero();
	test_codes();
	return tap_done();
}
