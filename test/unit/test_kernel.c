/*
 * test_kernel.c
 *		Every kernel of every level this machine has, against double precision.
 *
 * Arrays end at an unreadable page, so a kernel that reads beyond its input
 * crashes; they start at every alignment their length gives. Error bounds are
 * the standard ones of a sum in another order: a few n * epsilon * sum |terms|.
 */
/* covers: kernel_avx2 kernel_avx512 kernel_avx512_vnni kernel_neon kernel_scalar */
/* covers: kernel_choose kernel_wide kernel_sparse kernel_maxsim */
#include <float.h>
#include <math.h>

#include "kernel/half.h"
#include "kernel/kernel.h"
#include "tap.h"

#define MAX_DIM 16000

static const uint32_t dims[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 23, 24, 25, 31, 32, 33,
	34, 47, 48, 49, 55, 63, 64, 65, 67, 95, 96, 97, 127, 128, 129, 255, 256, 257, 384, 385,
	768, 1000, 1536, 4099, MAX_DIM
};

typedef enum Shape
{
	UNIFORM, TINY, HUGE_VALUES, DENORMAL, MIXED, EXTREME_I8, SHAPES
} Shape;

static const char *const shape_names[] = {
	"uniform", "tiny", "huge", "denormal", "mixed", "extreme"
};

static float
draw(Shape shape)
{
	double		u = tap_uniform();

	switch (shape)
	{
		case TINY:
			return (float) (u * 1e-30);
		case HUGE_VALUES:
			return (float) (u * 1e37);
		case DENORMAL:
			return (float) (u * 1e-39);
		case MIXED:
			return (float) (u * pow(10, tap_uniform() * 4));
		case EXTREME_I8:
			return u < 0 ? -1.0f : 1.0f;
		default:
			return (float) u;
	}
}

/* An array of one element type, and its values in double precision. */
typedef struct Array
{
	void	   *raw;
	double	   *value;
} Array;

static size_t
elem_size(PgrElem elem)
{
	return elem == PGR_ELEM_F32 ? 4 : elem == PGR_ELEM_F16 ? 2 : 1;
}

static char *arena[4];			/* guarded, of MAX_DIM floats each */
static double values[4][MAX_DIM];

static Array
make_array(int slot, PgrElem elem, uint32_t dim, Shape shape)
{
	Array		a = {arena[slot] + (MAX_DIM * 4 - dim * elem_size(elem)), values[slot]};

	for (uint32_t i = 0; i < dim; i++)
	{
		float		x = draw(shape);

		if (elem == PGR_ELEM_F32)
			((float *) a.raw)[i] = x;
		else if (elem == PGR_ELEM_F16)
		{
			/* the largest half squared, summed, stays finite in single */
			PgrHalf		h = pgr_float_to_half(shape == HUGE_VALUES ? x * 6e-33f : x);

			((PgrHalf *) a.raw)[i] = h;
			x = pgr_half_to_float(h);
		}
		else
		{
			int			v = (int) (tap_rand() % 255) - 127;

			if (shape == EXTREME_I8)
				v = x < 0 ? -127 : 127;

			((int8_t *) a.raw)[i] = (int8_t) v;
			x = v;
		}
		a.value[i] = x;
	}
	return a;
}

/* The metric in double precision, and the sum of its terms' magnitudes. */
static double
reference(PgrMetric metric, const double *a, const double *b, uint32_t dim, double *bound)
{
	double		sum = 0;
	double		aa = 0;
	double		bb = 0;

	*bound = 0;
	for (uint32_t i = 0; i < dim; i++)
	{
		double		t = metric == PGR_METRIC_L2 ? (a[i] - b[i]) * (a[i] - b[i])
			: metric == PGR_METRIC_L1 ? fabs(a[i] - b[i]) : a[i] * b[i];

		sum += t;
		*bound += fabs(t);
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	if (metric != PGR_METRIC_COSINE)
		return sum;
	*bound = 1;
	return sum / sqrt(aa * bb);
}

/* got is what a sum of n terms in single precision may be */
static int
close_enough(PgrElem elem, PgrMetric metric, double got, double want, double bound,
			 uint32_t dim, bool as_float)
{
	double		eps = FLT_EPSILON * (dim + 8);
	/* products of denormals vanish, squares do not */
	double		floor = metric == PGR_METRIC_IP ? (dim + 1) * (double) FLT_MIN : 0;

	if (elem == PGR_ELEM_I8)
	{
		if (metric == PGR_METRIC_COSINE)
			return isnan(want) ? isnan(got) : fabs(got - want) <= 1e-6;
		return as_float ? (float) want == (float) got : want == got;
	}
	if (as_float && fabs(want) > FLT_MAX)
		return got == copysign(INFINITY, want);
	if (metric == PGR_METRIC_COSINE)
		return isnan(want) ? isnan(got) : fabs(got - want) <= 4 * eps;
	return fabs(got - want) <= eps * bound + floor;
}

/* ---------- dist and many ---------- */

#define MANY 11

static int
check_dist(const PgrKernelTable *t, PgrElem elem, PgrMetric metric, Shape shape,
		   uint32_t dim, char *detail)
{
	Array		a = make_array(0, elem, dim, shape);
	Array		b = make_array(1, elem, dim, shape);
	double		bound;
	double		want = reference(metric, a.value, b.value, dim, &bound);
	double		got = t->dist[elem][metric] (a.raw, b.raw, dim);

	sprintf(detail, "%s dim %u: %.9g instead of %.9g", shape_names[shape], dim, got, want);
	return close_enough(elem, metric, got, want, bound, dim, false);
}

/* many gives what dist gives, code by code */
static int
check_many(const PgrKernelTable *t, PgrElem elem, PgrMetric metric, uint32_t dim,
		   char *detail)
{
	size_t		stride = dim * elem_size(elem) + (tap_rand() % 3) * elem_size(elem);
	uint32_t	n = tap_rand() % (MANY + 1);
	size_t		size = n == 0 ? 0 : stride * (n - 1) + dim * elem_size(elem);
	static char *codes;
	char	   *first;
	float		out[MANY + 1];
	Array		q = make_array(0, elem, dim, UNIFORM);

	if (codes == NULL)
		codes = tap_guarded((size_t) MANY * 1600 * 4);
	first = codes + (size_t) MANY * 1600 * 4 - size;
	for (uint32_t c = 0; c < n; c++)
	{
		Array		code = make_array(1, elem, dim, UNIFORM);

		memcpy(first + c * stride, code.raw, dim * elem_size(elem));
	}
	out[n] = 42;
	t->many[elem][metric] (q.raw, first, stride, n, dim, out);
	for (uint32_t c = 0; c < n; c++)
	{
		float		want = (float) t->dist[elem][metric] (q.raw, first + c * stride, dim);

		sprintf(detail, "dim %u, code %u of %u: %.9g, alone %.9g", dim, c, n, out[c], want);
		if (!(out[c] == want || (isnan(out[c]) && isnan(want))))
			return 0;
	}
	return out[n] == 42;
}

#define METRIC_NAME(prefix, name, metric, of) [metric] = #name,
#define ELEM_NAME(name, elem) [elem] = #name,

static void
test_distances(const PgrKernelTable *t)
{
	static const char *const elems[PGR_ELEM_COUNT] = {PGR_ELEMENTS(ELEM_NAME)};
	static const char *const metrics[PGR_METRIC_COUNT] = {PGR_ELEMENT_METRICS(METRIC_NAME,)};

	for (int e = 0; e < PGR_ELEM_COUNT; e++)
		for (int m = 0; m < PGR_METRIC_COUNT; m++)
		{
			char		name[100];
			char		detail[200] = "";
			int			ok = 1;

			if (metrics[m] == NULL)
				continue;
			for (int s = 0; ok && s < SHAPES; s++)
				for (int d = 0; ok && d < (int) (sizeof(dims) / sizeof(dims[0])); d++)
					for (int round = 0; ok && round < 3; round++)
						ok = check_dist(t, e, m, s, dims[d], detail);
			sprintf(name, "%s: dist %s %s", t->name, elems[e], metrics[m]);
			tap_ok(ok, name, detail);

			ok = 1;
			for (uint32_t dim = 0; ok && dim < 1500; dim += 1 + dim / 4)
				for (int round = 0; ok && round < 6; round++)
					ok = check_many(t, e, m, dim, detail);
			sprintf(name, "%s: many %s %s", t->name, elems[e], metrics[m]);
			tap_ok(ok, name, detail);
		}
}

/*
 * Values whose squares single precision does not hold, of one size in one vector and of
 * another in the other, with terms that cancel: as in double precision.
 */
static void
test_extremes(const PgrKernelTable *t)
{
	static const float sizes[] = {
		0, 1e-45f, 1e-40f, FLT_MIN, 1e-25f, 1e-18f, 1, 1e18f, 1e20f, 3e38f, FLT_MAX
	};
	const int	nsizes = sizeof(sizes) / sizeof(sizes[0]);
	char		name[100];
	char		detail[200] = "";
	int			ok = 1;

	for (int m = 0; m < PGR_METRIC_COUNT; m++)
		for (int i = 0; ok && t->dist[PGR_ELEM_F32][m] != NULL && i < nsizes * nsizes; i++)
			for (uint32_t dim = 1; ok && dim < 200; dim += 1 + dim / 3)
			{
				float		x[200];
				float		y[200];
				double		a[200];
				double		b[200];
				float		many[2];
				double		bound;
				double		want;
				double		got;

				for (uint32_t k = 0; k < dim; k++)
				{
					a[k] = x[k] = k % 2 ? sizes[i % nsizes] : -sizes[i % nsizes];
					b[k] = y[k] = k % 3 ? sizes[i / nsizes] : -sizes[i / nsizes];
				}
				want = reference(m, a, b, dim, &bound);
				got = t->dist[PGR_ELEM_F32][m] (x, y, dim);
				t->many[PGR_ELEM_F32][m] (x, y, 0, 2, dim, many);
				sprintf(detail, "metric %d, %g and %g, dim %u: %.9g and %.9g instead of %.9g", m,
						sizes[i % nsizes], sizes[i / nsizes], dim, got, many[1], want);
				ok = close_enough(PGR_ELEM_F32, m, got, want, bound, dim, false) &&
					(many[1] == (float) got || isnan(got)) && isnan(many[1]) == isnan(got);
			}
	sprintf(name, "%s: values beyond the squares of single precision", t->name);
	tap_ok(ok, name, detail);
}

static void
test_norm(const PgrKernelTable *t)
{
	char		name[100];
	char		detail[200] = "";
	int			ok = 1;

	for (int e = 0; e < PGR_ELEM_COUNT; e++)
		for (int s = 0; s < SHAPES; s++)
			for (int d = 0; ok && d < (int) (sizeof(dims) / sizeof(dims[0])); d++)
			{
				Array		a = make_array(0, e, dims[d], s);
				double		sum = 0;
				double		got = t->norm[e] (a.raw, dims[d]);

				for (uint32_t i = 0; i < dims[d]; i++)
					sum += a.value[i] * a.value[i];
				sprintf(detail, "elem %d dim %u: %.17g instead of %.17g", e, dims[d], got, sqrt(sum));
				ok = fabs(got - sqrt(sum)) <= 1e-10 * sqrt(sum);
			}
	sprintf(name, "%s: norm", t->name);
	tap_ok(ok, name, detail);
}

/* ---------- half precision ---------- */

/* nearest half of a double by searching all of them */
static PgrHalf
nearest_half(double x)
{
	PgrHalf		best = 0;
	double		best_error = INFINITY;

	if (fabs(x) >= 65520)
		return x < 0 ? 0xfc00 : 0x7c00;
	for (int h = 0; h < 0x7c00; h++)
	{
		double		error = fabs(fabs(x) - pgr_half_to_float((PgrHalf) h));

		if (error < best_error || (error == best_error && h % 2 == 0))
		{
			best = (PgrHalf) h;
			best_error = error;
		}
	}
	return best | (signbit(x) ? 0x8000 : 0);
}

static double
half_value(PgrHalf h)
{
	int			exp = h >> 10 & 31;
	double		frac = h & 1023;

	return (exp == 0 ? ldexp(frac, -24) : ldexp(1024 + frac, exp - 25)) * (h & 0x8000 ? -1 : 1);
}

static void
test_half(void)
{
	int			ok = 1;
	char		detail[100] = "";

	for (int h = 0; ok && h < 65536; h++)
	{
		float		f = pgr_half_to_float((PgrHalf) h);

		sprintf(detail, "%04x", h);
		if ((h & 0x7c00) == 0x7c00)
			ok = (h & 1023) ? isnan(f) : isinf(f) && !signbit(f) == !(h >> 15);
		else
			ok = f == half_value((PgrHalf) h) && pgr_float_to_half(f) == h;
	}
	tap_ok(ok, "half: all 65,536 to float and back", detail);

	ok = 1;
	for (int i = 0; ok && i < 400; i++)
	{
		/* around the middle between two neighbours, where rounding decides */
		PgrHalf		h = (PgrHalf) (tap_rand() % 0x7c00);
		double		mid = (half_value(h) + (h == 0x7bff ? 65536 : half_value(h + 1))) / 2;
		float		towards[] = {0, (float) mid, INFINITY};
		float		x = nextafterf((float) mid, towards[i % 3]);

		sprintf(detail, "%.9g", x);
		ok = pgr_float_to_half(x) == nearest_half(x) && pgr_float_to_half(-x) == nearest_half(-x);
	}
	tap_ok(ok, "half: rounds to nearest even", detail);
}

static void
test_half_arrays(const PgrKernelTable *t)
{
	static PgrHalf *h;
	static float *f;
	char		name[100];
	int			ok = 1;

	if (h == NULL)
	{
		h = tap_guarded(65536 * sizeof(PgrHalf));
		f = tap_guarded(65536 * sizeof(float));
	}
	for (int i = 0; i < 65536; i++)
		h[i] = (PgrHalf) i;
	t->f16_to_f32(h, f, 65536);
	for (int i = 0; i < 65536; i++)
		ok &= pgr_float_bits(f[i]) == pgr_float_bits(pgr_half_to_float((PgrHalf) i));
	t->f32_to_f16(f, h, 65536);
	for (int i = 0; i < 65536; i++)
		ok &= h[i] == i ||
			(isnan(pgr_half_to_float((PgrHalf) i)) && isnan(pgr_half_to_float(h[i])));
	/* every bit pattern class of float, at every tail length */
	for (int n = 0; n < 70; n++)
	{
		PgrHalf    *dst = h + 65536 - n;
		float	   *src = f + 65536 - n;

		for (int i = 0; i < n; i++)
			src[i] = pgr_float_from_bits((uint32_t) tap_rand());
		t->f32_to_f16(src, dst, n);
		for (int i = 0; i < n; i++)
			ok &= isnan(src[i]) ? isnan(pgr_half_to_float(dst[i]))
				: dst[i] == pgr_float_to_half(src[i]);
	}
	sprintf(name, "%s: half arrays", t->name);
	tap_ok(ok, name, "differs from the conversion of single values");
}

/* ---------- bits, sparse ---------- */

static void
test_bits(const PgrKernelTable *t)
{
	uint8_t    *a = tap_guarded(600);
	uint8_t    *b = tap_guarded(600);
	char		name[100];
	char		detail[100] = "";
	int			ok = 1;

	for (uint32_t n = 0; ok && n <= 600; n += n < 140 ? 1 : 23)
	{
		uint8_t    *x = a + 600 - n;
		uint8_t    *y = b + 600 - n;
		int			differ = 0;
		int			both = 0;
		int			any = 0;
		double		jaccard;

		for (uint32_t i = 0; i < n; i++)
		{
			x[i] = (uint8_t) tap_rand();
			y[i] = n % 5 == 0 ? (uint8_t) ~x[i] : (uint8_t) tap_rand();
			differ += __builtin_popcount(x[i] ^ y[i]);
			both += __builtin_popcount(x[i] & y[i]);
			any += __builtin_popcount(x[i] | y[i]);
		}
		jaccard = both == 0 ? 1 : 1 - (double) both / any;
		sprintf(detail, "%u bytes", n);
		ok = t->hamming(x, y, n) == (uint64_t) differ && t->jaccard(x, y, n) == jaccard;
	}
	sprintf(name, "%s: bits", t->name);
	tap_ok(ok, name, detail);
}

#define SPARSE_DIM 3000

/* Fills a random sparse array and its dense twin; returns its length. */
static uint32_t
make_sparse(int32_t *index, float *value, double *dense, int density)
{
	uint32_t	n = 0;

	for (int i = 0; i < SPARSE_DIM; i++)
	{
		dense[i] = 0;
		if (density == 0 || tap_rand() % density != 0)
			continue;
		index[n] = i;
		value[n] = (float) tap_uniform();
		dense[i] = value[n++];
	}
	return n;
}

/* Makes the values of a sparse array and its twin so many times as large. */
static void
scale_sparse(double factor, const int32_t *index, float *value, double *dense, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		dense[index[i]] = value[i] = (float) (factor * value[i]);
}

static void
test_sparse(const PgrKernelTable *t)
{
	static const double factors[] = {1, 1e-40, 1, 1e20, 1e37};
	static const int density[] = {0, 1, 2, 10, 100, 1500};
	static int32_t ai[SPARSE_DIM], bi[SPARSE_DIM];
	static float av[SPARSE_DIM], bv[SPARSE_DIM];
	static double a[SPARSE_DIM], b[SPARSE_DIM];
	char		name[100];
	char		detail[200] = "";
	int			ok = 1;

	for (int x = 0; x < 6; x++)
		for (int y = 0; y < 6; y++)
			for (int round = 0; ok && round < 5; round++)
			{
				uint32_t	an = make_sparse(ai, av, a, density[x]);
				uint32_t	bn = make_sparse(bi, bv, b, density[y]);
				double		bound;
				double		want;
				double		got;

				scale_sparse(factors[round], ai, av, a, an);
				scale_sparse(factors[(round + x) % 5], bi, bv, b, bn);
				want = reference(PGR_METRIC_COSINE, a, b, SPARSE_DIM, &bound);
				got = pgr_wide_sparse(PGR_METRIC_COSINE, ai, av, an, bi, bv, bn);
				sprintf(detail, "cosine, %u and %u elements", an, bn);
				ok = isnan(want) ? isnan(got) : fabs(got - want) < 1e-9;
				for (int m = 0; ok && m < PGR_METRIC_COUNT; m++)
				{
					if (pgr_sparse_dist[m] == NULL)
						continue;
					want = reference(m, a, b, SPARSE_DIM, &bound);
					got = pgr_sparse_dist[m] (ai, av, an, bi, bv, bn);
					sprintf(detail, "metric %d, %u and %u elements", m, an, bn);
					ok = (isnan(want) && isnan(got)) || fabs(got - want) <=
						FLT_EPSILON * (an + bn + 4) * (m == PGR_METRIC_COSINE ? 1 : bound) +
						(m == PGR_METRIC_IP ? FLT_MIN * (an + bn) : 0);
				}
			}
	sprintf(name, "%s: sparse", t->name);
	tap_ok(ok, name, detail);
}

/* ---------- MaxSim ---------- */

static int
check_maxsim(const PgrKernelTable *t, PgrElem elem, uint32_t n, uint32_t m, uint32_t dim,
			 char *detail)
{
	float	   *tokens = malloc(sizeof(float) * (n * dim + 1));
	size_t		doc_size = m * dim * elem_size(elem);
	char	   *doc = tap_guarded(doc_size + 1) + (doc_size ? 1 : 0);
	float	   *scales = malloc(sizeof(float) * (m + 1));
	double	   *doc_values = malloc(sizeof(double) * (m * dim + 1));
	double	   *query_values = malloc(sizeof(double) * (n * dim + 1));
	size_t		size = pgr_maxsim_query_size(elem, n, dim);
	PgrMaxSimQuery *q = aligned_alloc(64, (size + 63) / 64 * 64);
	float	   *best = malloc(sizeof(float) * (n + 1));
	int			ok = 1;

	for (uint32_t i = 0; i < n * dim; i++)
		query_values[i] = tokens[i] = i / dim % 5 == 4 ? 0 : (float) tap_uniform();
	for (uint32_t j = 0; j < m; j++)
	{
		scales[j] = elem == PGR_ELEM_I8 ? (float) (0.001 + fabs(tap_uniform())) : 1;
		for (uint32_t k = 0; k < dim; k++)
		{
			uint32_t	at = j * dim + k;
			float		x = (float) tap_uniform();

			if (elem == PGR_ELEM_F32)
				memcpy(doc + at * 4, &x, 4);
			else if (elem == PGR_ELEM_F16)
			{
				PgrHalf		h = pgr_float_to_half(x);

				memcpy(doc + at * 2, &h, 2);
				x = pgr_half_to_float(h);
			}
			else
			{
				((int8_t *) doc)[at] = (int8_t) ((int) (tap_rand() % 255) - 127);
				x = ((int8_t *) doc)[at];
			}
			doc_values[at] = x;
		}
	}
	/* for i8 the reference works on the same rounded query */
	if (elem == PGR_ELEM_I8)
		for (uint32_t i = 0; i < n; i++)
		{
			float		max = 0;

			for (uint32_t k = 0; k < dim; k++)
				max = fmaxf(max, fabsf(tokens[i * dim + k]));
			for (uint32_t k = 0; k < dim && max > 0; k++)
				query_values[i * dim + k] =
					rint(tokens[i * dim + k] * (127.0 / max)) * (double) (max / 127.0f);
		}

	pgr_maxsim_query_init(q, elem, tokens, n, dim);
	best[n] = 42;
	pgr_maxsim_best(q, doc, elem == PGR_ELEM_I8 ? scales : NULL, m, best);
	for (uint32_t i = 0; ok && i < n; i++)
	{
		double		want = -INFINITY;
		double		tolerance;

		for (uint32_t j = 0; j < m; j++)
		{
			double		sum = 0;

			for (uint32_t k = 0; k < dim; k++)
				sum += query_values[i * dim + k] * doc_values[j * dim + k];
			want = fmax(want, sum * scales[j]);
		}
		sprintf(detail, "elem %d, %u x %u by %u x %u, query token %u: %.9g instead of %.9g",
				elem, n, dim, m, dim, i, best[i], want);
		tolerance = 2e-6 * (dim + 8) + (elem == PGR_ELEM_I8 ? 1e-5 * fabs(want) : 0);
		ok = isinf(want) ? best[i] == -INFINITY : fabs(best[i] - want) <= tolerance;
	}
	ok &= best[n] == 42;
	free(tokens);
	free(scales);
	free(doc_values);
	free(query_values);
	free(q);
	free(best);
	return ok;
}

static void
test_maxsim(const PgrKernelTable *t)
{
	static const uint32_t ns[] = {0, 1, 2, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 70};
	static const uint32_t ms[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 40};
	static const uint32_t ds[] = {1, 2, 3, 4, 5, 7, 16, 31, 64, 96, 127, 128, 130, 257, 600};
	static const char *const elems[PGR_ELEM_COUNT] = {PGR_ELEMENTS(ELEM_NAME)};

	pgr_kernel_use(t->simd);
	for (int e = 0; e < PGR_ELEM_COUNT; e++)
	{
		char		name[100];
		char		detail[200] = "";
		int			ok = 1;

		for (int i = 0; ok && i < 14; i++)
			for (int j = 0; ok && j < 13; j++)
				for (int k = 0; ok && k < 15; k++)
					if (ns[i] * ms[j] * ds[k] < 100000)
						ok = check_maxsim(t, e, ns[i], ms[j], ds[k], detail);
		sprintf(name, "%s: maxsim %s", t->name, elems[e]);
		tap_ok(ok, name, detail);
	}
}

/* the others are tested elsewhere, or by make check-neon */
static bool
of_this_architecture(PgrSimd level)
{
#if defined(__aarch64__)
	return level == PGR_SIMD_SCALAR || level == PGR_SIMD_NEON;
#elif defined(__x86_64__)
	return level != PGR_SIMD_NEON;
#else
	return level == PGR_SIMD_SCALAR;
#endif
}

int
main(void)
{
	tap_srand();
	for (int i = 0; i < 4; i++)
		arena[i] = tap_guarded(MAX_DIM * 4);

	tap_ok(pgr_maxsim_query_size(PGR_ELEM_F32, UINT32_MAX, UINT32_MAX) == 0 || sizeof(size_t) > 8,
		   "maxsim: a size beyond size_t is refused", "did not say 0");
	test_half();
	for (int level = 0; level < PGR_SIMD_COUNT; level++)
	{
		const PgrKernelTable *t = pgr_kernel_table(level);

		if (t == NULL)
		{
			if (of_this_architecture(level))
				printf("ok %d - %s # SKIP not on this machine\n", ++tap_count, pgr_simd_name(level));
			continue;
		}
		test_distances(t);
		test_extremes(t);
		test_norm(t);
		test_half_arrays(t);
		test_bits(t);
		test_sparse(t);
		test_maxsim(t);
	}
	return tap_done();
}
