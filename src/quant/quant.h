/*
 * quant.h
 *		Rotation and quantised codes of vectors. Beside it: vecspace.h, kmeans.h, blas.h.
 *
 * No postgres.h here. Vectors are rotated at random so that every coordinate
 * carries a like share, then kept as
 *	 code8	 one signed byte a coordinate and a scale: x is about scale * code
 *	 digest	 four bits for each of the largest principal coordinates only
 *	 edge	 one, two or four bits a coordinate for the difference of two code8
 *			 vectors, with two factors from which a query's distance to the second
 *			 is estimated when its distance to the first is known (RaBitQ)
 * All distances here are squared Euclidean distances, possibly shifted (aux).
 */
#ifndef PGR_QUANT_H
#define PGR_QUANT_H

#include <math.h>
#include <stdbool.h>

#include "kernel/kernel.h"

/* --- rotate.c --- */

/*
 * A random rotation of padded coordinates: four rounds of sign flips, Walsh-
 * Hadamard transform and pi/4 rotations of pairs. Fully given by dim and seed,
 * which is what an index stores.
 */
typedef struct PgrRotation
{
	uint32_t	dim;			/* coordinates of a vector */
	uint32_t	padded;			/* of a rotated one: pgr_rotation_padded(dim) */
	uint32_t	block;			/* the largest power of two <= padded */
	uint64_t	seed;
	uint8_t    *signs;			/* 4 * padded / 8 bytes of the caller's memory */
} PgrRotation;

#define PGR_ROTATION_ROUNDS 4

/* dim rounded up to a multiple of 64, which is what the kernels need */
extern uint32_t pgr_rotation_padded(uint32_t dim);

/* bytes of the sign table */
extern size_t pgr_rotation_size(uint32_t dim);

/* signs: pgr_rotation_size(dim) bytes, which the rotation keeps using */
extern void pgr_rotation_init(PgrRotation *r, uint32_t dim, uint64_t seed, uint8_t *signs);

/* In place, r->padded floats, of which those behind r->dim should be zero. */
extern void pgr_rotate(const PgrRotation *r, float *x);
extern void pgr_unrotate(const PgrRotation *r, float *x);

/* the next number of a generator that is the same everywhere (splitmix64) */
extern uint64_t pgr_random(uint64_t *state);

/* --- code8.c --- */

/* What a code8 vector has beside its bytes. */
typedef struct PgrCode8
{
	float		norm2;			/* |x|^2 of the vector before quantisation */
	float		scale;			/* x is about scale * code */
	float		aux;			/* added to its distance from a query */
} PgrCode8;

/*
 * The longest vector that codes are made of: sums of squares, their products with dim and
 * what edges add stay far inside of single precision. The caller shortens others, and
 * their distances say nothing but that they are far: their error is infinite.
 */
#define PGR_CODE8_MAX_NORM 1e17

/* Encodes x of dim (a multiple of 64) coordinates; aux is the caller's. */
extern void pgr_code8_encode(const float *x, uint32_t dim, float aux,
							 int8_t *code, PgrCode8 *head);

/* The coordinates that a code stands for, dim floats. */
static inline void
pgr_code8_decode(const PgrCode8 *head, const int8_t *code, uint32_t dim, float *x)
{
	for (uint32_t i = 0; i < dim; i++)
		x[i] = head->scale * code[i];
}

/* Equal codes, and lengths too, as far as these are told apart. */
extern bool pgr_code8_same(const PgrCode8 *a, const int8_t *a_code, const PgrCode8 *b,
						   const int8_t *b_code, uint32_t dim);

/* The (shifted) squared distance of a query from a vector: aux of the latter counts. */
extern double pgr_code8_distance(const PgrCode8 *query, const int8_t *query_code,
								 const PgrCode8 *head, const int8_t *code, uint32_t dim);

/*
 * The squared distance of two stored vectors. max_aux: of inner products, where
 * aux = -|v|^2 of the original, the largest |v|^2. Each vector gets a further coordinate
 * of its own, sqrt(max_aux + aux), so that this is 2 max_aux - 2 <a,b>; README.
 */
extern double pgr_code8_pair_distance(const PgrCode8 *a, const int8_t *a_code,
									  const PgrCode8 *b, const int8_t *b_code,
									  uint32_t dim, float max_aux);

/* The square of a vector's further coordinate. */
static inline double
pgr_code8_further(float aux, float max_aux)
{
	double		square = (double) max_aux + aux;

	return square > 0 ? square : 0;
}

/* What both together add to the squared distance. */
static inline double
pgr_code8_pair_further(const PgrCode8 *a, const PgrCode8 *b, float max_aux)
{
	return max_aux == 0 ? 0
		: pgr_code8_further(a->aux, max_aux) + pgr_code8_further(b->aux, max_aux);
}

/*
 * One standard deviation of pgr_code8_distance's error, for a query with its
 * own code8: both sides' rounding. distance: what it gave.
 */
extern double pgr_code8_error(const PgrCode8 *query, const PgrCode8 *head, uint32_t dim,
							  double distance);

/* --- edge.c --- */

/* The two factors of an edge code. */
typedef struct PgrEdge
{
	float		add;
	float		rescale;
} PgrEdge;

/* A query as edge codes see it. */
typedef struct PgrEdgeQuery
{
	const int8_t *code;			/* code8 of the rotated query */
	float		scale;
	float		offset;			/* sum of its coordinates times the middle of the levels */
	uint32_t	dim;
	uint32_t	nbits;			/* of the edges it is compared with */
} PgrEdgeQuery;

/*
 * Bytes of an edge's bits, nbits = 1, 2 or 4 a coordinate: a plane of dim / 8
 * bytes for each, that of the signs first.
 */
#define PGR_EDGE_PLANE(dim) ((dim) / 8)
#define PGR_EDGE_BYTES(dim, nbits) ((nbits) * PGR_EDGE_PLANE(dim))
#define PGR_EDGE_MAX_BITS 4

/*
 * The standard deviation of an edge's estimate is this much of |rescale| times
 * the distance of query and node (README).
 */
extern float pgr_edge_error(uint32_t nbits);

/* That, but for |rescale|, of the edges of a node at a distance from the query. */
static inline float
pgr_edge_spread(const PgrCode8 *node, double distance, uint32_t nbits)
{
	double		square = distance - node->aux;

	return pgr_edge_error(nbits) * sqrtf((float) (square > 0 ? square : 0));
}

/* The length of an edge, from its factor, as its direction is on average. */
extern double pgr_edge_length(const PgrEdge *edge, uint32_t dim, uint32_t nbits);

/* The edge from one vector to another; bits: PGR_EDGE_BYTES(dim, nbits). */
extern void pgr_edge_encode(const PgrCode8 *from, const int8_t *from_code,
							const PgrCode8 *to, const int8_t *to_code, uint32_t dim,
							uint32_t nbits, PgrEdge *edge, uint8_t *bits);

extern void pgr_edge_query(PgrEdgeQuery *q, const PgrCode8 *head, const int8_t *code,
						   uint32_t dim, uint32_t nbits);

/*
 * Estimates of the query's distances to the ends of n edges of one node, given
 * its distance d from the node. Edges lie stride bytes apart from edges on,
 * each with its factors at factor_offset and its bits at bits_offset. sums is
 * scratch of 2 n integers.
 */
extern void pgr_edge_estimate(const PgrEdgeQuery *q, double d, const void *edges,
							  size_t stride, size_t factor_offset, size_t bits_offset,
							  uint32_t n, int32_t *sums, float *estimates);

/* --- sketch.c --- */

/* A sparse vector of n values as a dense one of dim > 1 elements, in out. */
extern void pgr_sketch(const int32_t *indices, const float *values, uint32_t n,
					   uint32_t dim, float *out);

/* --- digest.c --- */

/* How vectors become digests: n axes, an even number, of code8 vectors. */
typedef struct PgrDigestMap
{
	uint32_t	dim;			/* coordinates of a code8, a multiple of 64 */
	uint32_t	n;
	const float *scale;			/* of each axis: it is scale * its bytes */
	const float *step;			/* of each coordinate's 16 levels */
	const int8_t *axes;			/* n * dim */
} PgrDigestMap;

/* bytes of a digest, and floats of a query's table */
#define PGR_DIGEST_BYTES(n) (2 + (n) / 2)
#define PGR_DIGEST_TABLE(n) ((n) / 2 * 256)

/*
 * About the n largest principal axes of nrows vectors, orthonormal, in axes
 * (n * dim floats); zero where the vectors span fewer. scratch: n + n * dim.
 */
extern void pgr_digest_axes(const float *rows, uint32_t nrows, uint32_t dim, uint32_t n,
							float *axes, float *scratch);

/* The steps of n coordinates from those of nrows vectors, n floats each. */
extern void pgr_digest_steps(const float *z, uint32_t nrows, uint32_t n, float *step);

/* The coordinates of a vector or a query along the axes. */
extern void pgr_digest_project(const PgrDigestMap *map, const PgrCode8 *head, const int8_t *code,
							   float *z);

/* The digest of a stored vector with coordinates z. */
extern void pgr_digest_encode(const PgrDigestMap *map, const PgrCode8 *head, const float *z,
							  uint8_t *digest);

/* Prepares for estimates of the distance of a query with coordinates z, norm2 = |q|^2. */
extern void pgr_digest_query(const PgrDigestMap *map, const float *z, float *table);
extern float pgr_digest_estimate(const float *table, uint32_t n, float norm2,
								 const uint8_t *digest);

#endif							/* PGR_QUANT_H */
