/*
 * test_quant.c
 *		Rotation, code8 and edge codes of every level against double precision,
 *		and the error bounds that src/quant/README states.
 */
/* covers: code8 edge rotate sketch */
#include <math.h>

#include "quant/quant.h"
#include "tap.h"

static double
gaussian(void)
{
	double		u = (tap_uniform() + 1) / 2;
	double		v = tap_uniform();

	return sqrt(-2 * log(u > 1e-300 ? u : 1e-300)) * cos(M_PI * v);
}

static void
gaussian_vector(float *x, uint32_t dim, uint32_t padded, double spread)
{
	for (uint32_t i = 0; i < padded; i++)
		x[i] = i < dim ? (float) (spread * gaussian()) : 0;
}

static double
dot(const float *a, const float *b, uint32_t dim)
{
	double		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

static double
distance2(const float *a, const float *b, uint32_t dim)
{
	double		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

static void
test_bit_dots(const PgrKernelTable *t)
{
	static const uint32_t dims[] = {0, 64, 128, 192, 384, 768, 832, 1536, 16000 / 64 * 64};
	char		detail[200] = "";
	char		name[100];
	int			ok = 1;

	for (int k = 0; ok && k < 9; k++)
		for (uint32_t n = 0; ok && n < 35; n += n < 10 ? 1 : 8)
		{
			uint32_t	dim = dims[k];
			size_t		stride = dim / 8 + 12;
			size_t		span = n ? (n - 1) * stride + dim / 8 : 0;
			int8_t	   *q = (int8_t *) tap_guarded(dim) ;
			uint8_t    *codes = tap_guarded(span);
			int32_t		sums[40];

			for (uint32_t i = 0; i < dim; i++)
				q[i] = (int8_t) (n % 2 ? -127 + (int) (tap_rand() % 255) : -127);
			for (size_t i = 0; i < span; i++)
				codes[i] = n == 3 ? 255 : (uint8_t) tap_rand();
			sums[n] = 42;
			t->bit_dots(q, dim, codes, stride, n, sums);
			for (uint32_t c = 0; ok && c < n; c++)
			{
				int32_t		want = 0;

				for (uint32_t j = 0; j < dim; j++)
					if (codes[c * stride + j / 8] >> j % 8 & 1)
						want += q[j];
				ok = sums[c] == want;
				if (!ok)
					sprintf(detail, "dim %u, code %u of %u: %d instead of %d", dim, c, n, sums[c], want);
			}
			ok &= sums[n] == 42;
		}
	sprintf(name, "%s: bit_dots", t->name);
	tap_ok(ok, name, detail);
}

static void
test_residual(const PgrKernelTable *t)
{
	char		detail[200] = "";
	char		name[100];
	int			ok = 1;

	for (uint32_t dim = 0; ok && dim <= 1024; dim += 64)
	{
		int8_t	   *a = tap_guarded(dim);
		int8_t	   *b = tap_guarded(dim);
		uint8_t    *bits = tap_guarded(dim / 8);
		float		as = 0.01f;
		float		bs = 0.013f;
		double		abs = 0;
		double		sq = 0;
		double		along = 0;
		double		slack = 0;	/* of elements whose sign is rounding */
		PgrResidualSums sums;

		for (uint32_t i = 0; i < dim; i++)
		{
			a[i] = (int8_t) (tap_rand() % 255 - 127);
			b[i] = (int8_t) (tap_rand() % 255 - 127);
		}
		t->residual_code(a, as, b, bs, dim, bits, &sums);
		for (uint32_t i = 0; ok && i < dim; i++)
		{
			float		from = as * a[i];
			float		to = bs * b[i];
			float		r = to - from;

			abs += fabs(r);
			sq += (double) r * r;
			along += signbit(r) ? -from : from;
			slack += fabsf(r) < 1e-6f ? 2 * fabsf(from) : 0;
			/* a fused multiply-add may round a zero to either side */
			ok = fabsf(r) < 1e-6f || (bits[i / 8] >> i % 8 & 1) == !signbit(r);
			if (!ok)
				sprintf(detail, "dim %u: bit %u of %g", dim, i, r);
		}
		if (ok && (fabs(sums.abs - abs) > 1e-4 * dim || fabs(sums.sq - sq) > 1e-4 * dim ||
				   fabs(sums.along - along) > 1e-4 * dim + slack))
		{
			sprintf(detail, "dim %u: sums %g %g %g instead of %g %g %g", dim, sums.abs, sums.sq,
					sums.along, abs, sq, along);
			ok = 0;
		}
	}
	sprintf(name, "%s: residual_code", t->name);
	tap_ok(ok, name, detail);
}

/* Beside the definition in double precision, and the same bits as without vectors. */
static void
test_transform(const PgrKernelTable *t)
{
	char		detail[200] = "";
	char		name[100];
	int			ok = 1;

	for (uint32_t n = 64; ok && n <= 8192; n *= 2)
	{
		float	   *x = (float *) tap_guarded(n * sizeof(float));
		float	   *scalar = malloc(n * sizeof(float));
		double	   *want = malloc(n * sizeof(double));

		for (uint32_t i = 0; i < n; i++)
			want[i] = scalar[i] = x[i] = (float) tap_uniform();
		for (uint32_t h = 1; h < n; h *= 2)
			for (uint32_t i = 0; i < n; i++)
				if ((i & h) == 0)
				{
					double		a = want[i];

					want[i] = a + want[i + h];
					want[i + h] = a - want[i + h];
				}
		t->fht(x, n);
		pgr_kernel_table(PGR_SIMD_SCALAR)->fht(scalar, n);
		for (uint32_t i = 0; ok && i < n; i++)
		{
			ok = fabs(x[i] - want[i] / sqrt(n)) < 1e-5 && x[i] == scalar[i];
			if (!ok)
				sprintf(detail, "%u of %u: %g instead of %g, scalar %g", i, n, x[i],
						want[i] / sqrt(n), scalar[i]);
		}
		free(scalar);
		free(want);
	}
	sprintf(name, "%s: fht", t->name);
	tap_ok(ok, name, detail);
}

/* Distances and dot products survive; the inverse gives back the vector. */
static void
test_rotation(const PgrKernelTable *t)
{
	static const uint32_t dims[] = {1, 3, 63, 64, 65, 100, 384, 768, 784, 1000, 1536, 16000};
	char		detail[200] = "";
	char		name[100];
	int			ok = 1;

	pgr_kernel_use(t->simd);
	for (int k = 0; ok && k < 12; k++)
	{
		uint32_t	dim = dims[k];
		uint32_t	padded = pgr_rotation_padded(dim);
		uint8_t    *signs = malloc(pgr_rotation_size(dim));
		float	   *x = malloc(padded * 4);
		float	   *y = malloc(padded * 4);
		float	   *was = malloc(padded * 4);
		double		xy;
		double		max = 0;
		PgrRotation r;

		pgr_rotation_init(&r, dim, 7, signs);
		gaussian_vector(x, dim, padded, 1);
		/* a spike: what the rotation must spread */
		memset(y, 0, padded * 4);
		y[dim / 2] = 1;
		memcpy(was, x, padded * 4);
		xy = dot(x, y, padded);
		pgr_rotate(&r, x);
		pgr_rotate(&r, y);
		if (fabs(dot(x, y, padded) - xy) > 1e-4 || fabs(dot(y, y, padded) - 1) > 1e-4)
		{
			sprintf(detail, "dim %u: product %g instead of %g", dim, dot(x, y, padded), xy);
			ok = 0;
		}
		for (uint32_t i = 0; i < padded; i++)
			max = fmax(max, fabs(y[i]));
		if (max > 8 / sqrt(padded))
		{
			sprintf(detail, "dim %u: a spike keeps a coordinate of %g", dim, max);
			ok = 0;
		}
		pgr_unrotate(&r, x);
		if (distance2(x, was, padded) > 1e-6 * padded)
		{
			sprintf(detail, "dim %u: inverse differs by %g", dim, distance2(x, was, padded));
			ok = 0;
		}
		free(signs);
		free(x);
		free(y);
		free(was);
	}
	sprintf(name, "%s: rotation is orthogonal and spreads", t->name);
	tap_ok(ok, name, detail);
}

#define TRIALS 4000

typedef struct Sample
{
	float	   *x;
	int8_t	   *code;
	PgrCode8	head;
} Sample;

static Sample
make_sample(const PgrRotation *r, const float *x, float aux)
{
	Sample		s = {malloc(r->padded * 4), malloc(r->padded)};

	memcpy(s.x, x, r->padded * 4);
	pgr_rotate(r, s.x);
	pgr_code8_encode(s.x, r->padded, aux, s.code, &s.head);
	return s;
}

static void
free_sample(Sample s)
{
	free(s.x);
	free(s.code);
}

/*
 * Bias, spread in units of the stated standard deviation, and coverage of
 * 1.9 of them, of edge estimates and of code8 distances. inner: aux is used. With
 * four bits the rounding of the code8 vectors, which the stated deviation leaves out,
 * is felt.
 */
static void
test_errors(uint32_t dim, uint32_t nbits, bool inner)
{
	uint32_t	padded = pgr_rotation_padded(dim);
	uint8_t    *signs = malloc(pgr_rotation_size(dim));
	float	   *from = malloc(padded * 4);
	float	   *to = malloc(padded * 4);
	float	   *query = malloc(padded * 4);
	uint8_t    *edge_bytes = malloc(sizeof(PgrEdge) + PGR_EDGE_BYTES(padded, nbits));
	PgrRotation r;
	double		mean = 0;
	double		var = 0;
	double		code_var = 0;
	double		length = 0;
	int			inside = 0;
	char		detail[200];
	char		name[100];

	pgr_rotation_init(&r, dim, 99, signs);
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Sample		f;
		Sample		t;
		Sample		q;
		PgrEdgeQuery eq;
		int32_t		sums[2];
		float		est;
		double		d;
		double		want;
		double		sigma;

		/* vectors of unit size; neighbours and queries half of that apart */
		gaussian_vector(from, dim, padded, 1 / sqrt(dim));
		gaussian_vector(to, dim, padded, 0.5 / sqrt(dim));
		gaussian_vector(query, dim, padded, 0.5 / sqrt(dim));
		for (uint32_t i = 0; i < dim; i++)
		{
			to[i] += from[i];
			query[i] += from[i];
		}
		f = make_sample(&r, from, inner ? (float) -dot(from, from, dim) : 0);
		t = make_sample(&r, to, inner ? (float) -dot(to, to, dim) : 0);
		q = make_sample(&r, query, 0);
		pgr_edge_encode(&f.head, f.code, &t.head, t.code, padded, nbits, (PgrEdge *) edge_bytes,
						edge_bytes + sizeof(PgrEdge));
		pgr_edge_query(&eq, &q.head, q.code, padded, nbits);
		d = pgr_code8_distance(&q.head, q.code, &f.head, f.code, padded);
		pgr_edge_estimate(&eq, d, edge_bytes, 1, 0, sizeof(PgrEdge), 1, sums, &est);
		want = inner ? dot(query, query, dim) - 2 * dot(query, to, dim)
			: distance2(query, to, dim);
		sigma = pgr_edge_error(nbits) * fabs(((PgrEdge *) edge_bytes)->rescale) *
			sqrt(d - f.head.aux);
		length += pgr_edge_length((PgrEdge *) edge_bytes, padded, nbits) /
			sqrt(distance2(from, to, dim)) / TRIALS;
		mean += (est - want) / TRIALS;
		var += (est - want) * (est - want) / (sigma * sigma) / TRIALS;
		inside += fabs(est - want) <= 1.9 * sigma;
		d = pgr_code8_distance(&q.head, q.code, &t.head, t.code, padded);
		sigma = pgr_code8_error(&q.head, &t.head, padded, d);
		code_var += (d - want) * (d - want) / (sigma * sigma) / TRIALS;
		free_sample(f);
		free_sample(t);
		free_sample(q);
	}
	sprintf(detail, "bias %g, %g standard deviations, %.3f within 1.9", mean, sqrt(var),
			(double) inside / TRIALS);
	sprintf(name, "edge estimates, dim %u, %u bits%s", dim, nbits,
			inner ? ", inner product" : "");
	tap_ok(fabs(mean) < 0.01 && sqrt(var) > 0.85 && sqrt(var) < 1.15 &&
		   inside > (nbits == 4 ? 0.89 : 0.92) * TRIALS,
		   name, detail);
	sprintf(detail, "%g times the distance", length);
	sprintf(name, "edge lengths, dim %u, %u bits", dim, nbits);
	tap_ok(length > 0.98 && length < 1.02, name, detail);
	sprintf(detail, "%g standard deviations", sqrt(code_var));
	sprintf(name, "code8 distances, dim %u%s", dim, inner ? ", inner product" : "");
	tap_ok(sqrt(code_var) > 0.7 && sqrt(code_var) < 1.3, name, detail);
	free(signs);
	free(from);
	free(to);
	free(query);
	free(edge_bytes);
}

/*
 * Distances of vectors whose length is so many times their distance: the error as a
 * share of the squared distance, and that it is within 4 times the stated one.
 */
static void
test_near(uint32_t dim, float length, double most)
{
	uint32_t	padded = pgr_rotation_padded(dim);
	uint8_t    *signs = malloc(pgr_rotation_size(dim));
	float	   *to = malloc(padded * 4);
	float	   *query = malloc(padded * 4);
	PgrRotation r;
	double		error = 0;
	int			inside = 0;
	char		detail[200];
	char		name[100];

	pgr_rotation_init(&r, dim, 98, signs);
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Sample		t;
		Sample		q;
		double		d;
		double		want;
		double		sigma;

		gaussian_vector(to, dim, padded, length / sqrt(dim));
		gaussian_vector(query, dim, padded, 1 / sqrt(dim));
		for (uint32_t i = 0; i < dim; i++)
			query[i] += to[i];
		t = make_sample(&r, to, 0);
		q = make_sample(&r, query, 0);
		want = distance2(query, to, dim);
		d = pgr_code8_distance(&q.head, q.code, &t.head, t.code, padded);
		sigma = pgr_code8_error(&q.head, &t.head, padded, d);
		inside += fabs(d - want) <= 4 * sigma;
		error += (d - want) * (d - want) / TRIALS;
		free_sample(t);
		free_sample(q);
	}
	sprintf(detail, "%d outside, %g of the distance", TRIALS - inside, sqrt(error));
	sprintf(name, "code8 distances, dim %u, vectors %g times as long", dim, length);
	tap_ok(inside > 0.999 * TRIALS && sqrt(error) < most, name, detail);
	free(signs);
	free(to);
	free(query);
}

/* Equal vectors and zero vectors divide by nothing; one more coordinate counts. */
static void
test_corners(void)
{
	float		x[64] = {0};
	int8_t		a[64];
	int8_t		b[64];
	uint8_t		bits[8];
	PgrCode8	ha;
	PgrCode8	hb;
	PgrEdge		e;

	pgr_code8_encode(x, 64, 0, a, &ha);
	pgr_edge_encode(&ha, a, &ha, a, 64, 1, &e, bits);
	tap_ok(ha.norm2 == 0 && ha.scale == 0 && e.add == 0 && e.rescale == 0, "the zero vector",
		   "factors are not 0");
	x[5] = 3;
	pgr_code8_encode(x, 64, -9, b, &hb);
	pgr_edge_encode(&hb, b, &hb, b, 64, 1, &e, bits);
	tap_ok(e.add == 0 && e.rescale == 0, "an edge to an equal vector", "factors are not 0");
	/* (0, .., 4, 0) and (3, .., 0, sqrt(16 - 9)) */
	tap_ok(fabs(pgr_code8_pair_distance(&ha, a, &hb, b, 64, 16) - (9 + 16 + 7)) < 1e-4,
		   "aux is a further coordinate of each stored vector", "wrong distance");
}

/* Inner products of sketches: right on average, with the stated spread. */
static void
test_sketch(void)
{
	enum { DIM = 1024, NNZ = 50 };
	float		a[DIM];
	float		b[DIM];
	double		mean = 0;
	double		var = 0;
	char		detail[200];

	for (int trial = 0; trial < TRIALS; trial++)
	{
		int32_t		ia[NNZ];
		int32_t		ib[NNZ];
		float		va[NNZ];
		float		vb[NNZ];
		double		want = 0;
		double		aa = 0;
		double		bb = 0;
		double		error;

		for (int i = 0; i < NNZ; i++)
		{
			ia[i] = (int32_t) (tap_rand() % 1000000000);
			ib[i] = i % 3 == 0 ? ia[i] : (int32_t) (tap_rand() % 1000000000);
			va[i] = (float) tap_uniform();
			vb[i] = (float) tap_uniform();
			want += ia[i] == ib[i] ? va[i] * vb[i] : 0;
			aa += va[i] * va[i];
			bb += vb[i] * vb[i];
		}
		pgr_sketch(ia, va, NNZ, DIM, a);
		pgr_sketch(ib, vb, NNZ, DIM, b);
		error = (dot(a, b, DIM) - want) / sqrt(aa * bb / DIM);
		mean += error / TRIALS;
		var += error * error / TRIALS;
	}
	sprintf(detail, "bias %g, spread %g of |x| |y| / sqrt(dim)", mean, sqrt(var));
	tap_ok(fabs(mean) < 0.08 && sqrt(var) > 0.5 && sqrt(var) < 1.5, "sketches keep inner products", detail);
}

/*
 * Digests of vectors whose spread falls from axis to axis: the estimates' error is
 * at most half of the spread of distances, their mean that of the distances.
 */
static void
test_digest(uint32_t dim, uint32_t n)
{
	enum
	{
		ROWS = 400
	};
	float	   *rows = malloc(sizeof(float) * ROWS * dim);
	float	   *scratch = malloc(sizeof(float) * n * (dim + 1));
	float	   *axes = malloc(sizeof(float) * n * dim);
	float	   *z = malloc(sizeof(float) * ROWS * n);
	float	   *table = malloc(sizeof(float) * PGR_DIGEST_TABLE(n));
	float	   *scale = malloc(sizeof(float) * n);
	float	   *step = malloc(sizeof(float) * n);
	int8_t	   *codes = malloc((size_t) ROWS * dim);
	int8_t	   *axis_codes = malloc((size_t) n * dim);
	uint8_t    *digest = malloc(PGR_DIGEST_BYTES(n));
	PgrCode8	heads[ROWS];
	PgrDigestMap map = {dim, n, scale, step, axis_codes};
	PgrRotation r;
	uint8_t    *signs = malloc(pgr_rotation_size(dim));
	double		errors = 0;
	double		error = 0;
	double		sum = 0;
	double		squares = 0;
	double		worst = 0;
	char		name[100];
	char		detail[200];

	pgr_rotation_init(&r, dim, 7, signs);
	for (int i = 0; i < ROWS; i++)
	{
		for (uint32_t j = 0; j < dim; j++)
			rows[i * dim + j] = (float) (gaussian() * exp(-(double) j / 20));
		pgr_rotate(&r, rows + i * dim);
		pgr_code8_encode(rows + i * dim, dim, 0, codes + (size_t) i * dim, &heads[i]);
	}
	pgr_digest_axes(rows, ROWS, dim, n, axes, scratch);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j <= i; j++)
			worst = fmax(worst, fabs(dot(axes + i * dim, axes + j * dim, dim) - (i == j)));
	for (uint32_t i = 0; i < n; i++)
	{
		PgrCode8	head;

		pgr_code8_encode(axes + i * dim, dim, 0, axis_codes + (size_t) i * dim, &head);
		scale[i] = head.scale;
	}
	for (int i = 0; i < ROWS; i++)
		pgr_digest_project(&map, &heads[i], codes + (size_t) i * dim, z + i * n);
	pgr_digest_steps(z, ROWS, n, step);
	pgr_digest_query(&map, z, table);
	for (int i = 1; i < ROWS; i++)
	{
		double		d = distance2(rows, rows + i * dim, dim);
		double		e;

		pgr_digest_encode(&map, &heads[i], z + i * n, digest);
		e = pgr_digest_estimate(table, n, heads[0].norm2, digest) - d;
		error += e;
		errors += e * e;
		sum += d;
		squares += d * d;
	}
	error /= ROWS - 1;
	errors = sqrt(errors / (ROWS - 1));
	sum /= ROWS - 1;
	squares = sqrt(squares / (ROWS - 1) - sum * sum);
	snprintf(name, sizeof(name), "digests of %u: axes are orthonormal", dim);
	snprintf(detail, sizeof(detail), "off by %g", worst);
	tap_ok(worst < 1e-3, name, detail);
	snprintf(name, sizeof(name), "digests of %u: estimates of distances", dim);
	snprintf(detail, sizeof(detail), "error %g, mean %g, spread of distances %g", errors, error,
			 squares);
	tap_ok(errors < 0.5 * squares && fabs(error) < 0.2 * squares, name, detail);
	free(rows);
	free(scratch);
	free(axes);
	free(z);
	free(table);
	free(scale);
	free(step);
	free(codes);
	free(axis_codes);
	free(digest);
	free(signs);
}

int
main(void)
{
	tap_srand();
	for (int level = 0; level < PGR_SIMD_COUNT; level++)
	{
		const PgrKernelTable *t = pgr_kernel_table(level);

		if (t == NULL)
		{
			printf("ok %d - %s # SKIP not on this machine\n", ++tap_count, pgr_simd_name(level));
			continue;
		}
		test_bit_dots(t);
		test_residual(t);
		test_transform(t);
		test_rotation(t);
	}
	pgr_kernel_use(pgr_simd_best());
	for (uint32_t nbits = 1; nbits <= PGR_EDGE_MAX_BITS; nbits *= 2)
	{
		test_errors(128, nbits, false);
		test_errors(384, nbits, false);
		test_errors(768, nbits, false);
		test_errors(384, nbits, true);
	}
	test_near(64, 10, 0.04);
	test_near(64, 30, 0.15);
	test_near(64, 100, 1);
	test_near(768, 30, 0.15);
	test_corners();
	test_sketch();
	test_digest(128, 24);
	test_digest(768, 32);
	return tap_done();
}
