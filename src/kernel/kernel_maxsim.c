/*
 * kernel_maxsim.c
 *		Preparing a query for MaxSim, and the door to the level's kernels.
 *
 * A packed query lies in one block: the struct, the packed tokens, and for i8 a
 * scale for each query token. Its size must not depend on the level, so every
 * part is counted at the widest any level uses.
 */
#include "kernel/kernel_level.h"

#define ALIGNMENT 64
#define MAX_LANES 16			/* query lanes are padded to one vector */
#define MAX_GROUP 4				/* and dimensions to one group */
#define MAX_I8_BYTES 2			/* i8 levels without byte products use s16 */

size_t
pgr_maxsim_query_size(PgrElem doc_elem, uint32_t ntok, uint32_t dim)
{
	size_t		width = doc_elem == PGR_ELEM_I8 ? MAX_I8_BYTES : sizeof(float);
	size_t		lanes = ((size_t) ntok + MAX_LANES - 1) / MAX_LANES * MAX_LANES;
	size_t		dims = ((size_t) dim + MAX_GROUP - 1) / MAX_GROUP * MAX_GROUP;
	size_t		row;
	size_t		data;
	size_t		total;

	/* row: a token's packed elements, its scale and where its sums start */
	if (__builtin_mul_overflow(dims, width, &row) ||
		__builtin_add_overflow(row, sizeof(float) + sizeof(int32_t), &row) ||
		__builtin_mul_overflow(row, lanes, &data) ||
		__builtin_add_overflow(data, sizeof(PgrMaxSimQuery) + 2 * ALIGNMENT, &total))
		return 0;
	return total;
}

float
pgr_quantize_i8(const float *x, uint32_t dim, int8_t *out)
{
	float		max = pgr_max_abs(x, dim);
	double		factor = pgr_i8_factor(max);

	for (uint32_t i = 0; i < dim; i++)
		out[i] = pgr_i8_encode(x[i], factor);
	return max / 127.0f;
}

void
pgr_maxsim_query_init(PgrMaxSimQuery *q, PgrElem doc_elem, const float *tokens,
					  uint32_t ntok, uint32_t dim)
{
	size_t		header = sizeof(PgrMaxSimQuery);

	q->table = pgr_kernel;
	q->doc_elem = doc_elem;
	q->ntok = ntok;
	q->dim = dim;

	/*
	 * Scales first, then the tokens, aligned as an address: the block itself
	 * comes from an allocator that promises less. A copy elsewhere stays
	 * correct, only slower.
	 */
	q->scale_offset = header;
	if (doc_elem == PGR_ELEM_I8)
	{
		float	   *scale = (float *) ((char *) q + header);

		for (uint32_t i = 0; i < ntok; i++)
			scale[i] = pgr_max_abs(tokens + (size_t) i * dim, dim) / 127.0f;
		header += ntok * sizeof(float);
	}
	header += ALIGNMENT - ((uintptr_t) q + header) % ALIGNMENT;
	q->data_offset = header;
	q->table->maxsim_pack(q, tokens);
}

void
pgr_maxsim_best(const PgrMaxSimQuery *q, const void *doc, const float *scales,
				uint32_t ndoc, float *best)
{
	if (ndoc == 0)
	{
		for (uint32_t i = 0; i < q->ntok; i++)
			best[i] = -INFINITY;
		return;
	}
	q->table->maxsim_best[q->doc_elem](q, doc, scales, ndoc, best);
}
