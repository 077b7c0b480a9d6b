/*
 * kernel_maxsim_body.h
 *		Template: best inner product of each query token over document tokens.
 *
 * Included by kernel_body.h once per element type; undefines its parameters:
 *
 *	M_NAME				prefix of the functions made here
 *	M_ELEM				element of a document
 *	M_QELEM				element of the packed query
 *	M_GROUP				dimensions side by side in one 32-bit lane (1, 2 or 4)
 *	M_ROW				element of a document row as the tile reads it
 *	M_DIRECT			1: rows are the document itself; 0: converted to scratch
 *	M_CONVERT(dst, src, n)	n elements to M_ROW
 *	M_ACC				a vector of sums, one lane a query token
 *	M_OFFSET			how much larger rows are than the document's elements
 *	M_START(p)			where sums start: zero, or with an offset, the integers at p
 *	M_QVEC M_QLOAD(p)	one vector of the packed query
 *	M_STEP(acc, q, row)	acc + q * broadcast of M_GROUP dimensions at row
 *	M_VALUE(acc, scale)	sums as PgrVf
 *	M_ENCODE(x, factor)	a query element; M_FACTOR(token, dim) its factor. If not
 *						defined, another element type packs this query
 *	M_SUMS(verb)		kernel_dist_body.h's functions for short queries, with its
 *						E_CODES as M_CODES and E_RESULT as M_RESULT
 *	M_FLAT				element of a short query's rows, and M_FLAT_ENCODE
 *	M_SCALED			1: documents and query tokens have scales
 *
 * Layout of a packed query. Up to PGR_MAXSIM_FEW tokens lie row by row and go
 * through the dot kernel. More are transposed: groups of PGR_MAXSIM_VECS vectors
 * of lanes (the last may be a single vector), in each the M_GROUP dimensions
 * of all its lanes, then the next M_GROUP. Missing lanes and dimensions are 0;
 * the results of missing lanes are never stored. With an offset, one more M_GROUP
 * comes first, an integer for each lane: what the offset adds to that query
 * token's sums, negative. It depends on the query alone, so no document token
 * needs a sum of its own.
 *
 * A tile holds the sums of PGR_MAXSIM_DOCS document tokens with one group in
 * registers while it walks through the dimensions, then folds them into the
 * group's running maximum. The matrix of all similarities never exists.
 */
#define M_CAT2(a, b) a##_##b
#define M_CAT(a, b) M_CAT2(a, b)
#define M_FN(verb) M_CAT(M_NAME, verb)

/* dimensions converted to scratch at a time; a multiple of M_GROUP */
#define M_BLOCK 256

/* units of M_GROUP in front of a group's dimensions */
#define M_HEAD (M_OFFSET != 0)

/*
 * Sums of nd document tokens from doc on with nv vectors of query lanes, folded
 * into best. Where fewer than nd are left the last one is taken again, which
 * changes no maximum.
 */
PGR_INLINE void
M_FN(tile)(int nv, int nd, const M_QELEM *packed, const M_ELEM *doc,
		   const float *scales, uint32_t left, uint32_t dim, PgrVf *best)
{
	const uint32_t qstep = nv * PGR_VF_LANES * M_GROUP;
	M_ROW		scratch[PGR_MAXSIM_DOCS][M_DIRECT ? M_GROUP : M_BLOCK];
	const M_ROW *row[PGR_MAXSIM_DOCS];
	M_ACC		acc[PGR_MAXSIM_DOCS][PGR_MAXSIM_VECS];
	uint32_t	from = 0;

	PGR_UNROLL
	for (int d = 0; d < nd; d++)
	{
		PGR_UNROLL
		for (int v = 0; v < nv; v++)
			acc[d][v] = M_START(packed + v * PGR_VF_LANES * M_GROUP);
	}
	packed += M_HEAD * qstep;
	while (from < dim)
	{
		uint32_t	span = dim - from;
		uint32_t	units;

		if (M_DIRECT && span >= M_GROUP)
		{
			span -= span % M_GROUP;
			PGR_UNROLL
			for (int d = 0; d < nd; d++)
				row[d] = (const M_ROW *) (doc + (size_t) (d < left ? d : left - 1) * dim + from);
		}
		else
		{
			span = span < M_BLOCK ? span : M_BLOCK;
			for (int d = 0; d < nd; d++)
			{
				/* the last group may be incomplete */
				for (uint32_t i = span; i % M_GROUP != 0; i++)
					scratch[d][i] = 0;
				M_CONVERT(scratch[d],
						  doc + (size_t) (d < left ? d : left - 1) * dim + from, span);
				row[d] = scratch[d];
			}
		}
		units = (span + M_GROUP - 1) / M_GROUP;
		for (uint32_t u = 0; u < units; u++)
		{
			M_QVEC		q[PGR_MAXSIM_VECS];

			PGR_UNROLL
			for (int v = 0; v < nv; v++)
				q[v] = M_QLOAD(packed + v * PGR_VF_LANES * M_GROUP);
			PGR_UNROLL
			for (int d = 0; d < nd; d++)
			{
				PGR_UNROLL
				for (int v = 0; v < nv; v++)
					acc[d][v] = M_STEP(acc[d][v], q[v], row[d] + u * M_GROUP);
			}
			packed += qstep;
		}
		from += span;
	}
	PGR_UNROLL
	for (int d = 0; d < nd; d++)
	{
		size_t		j = d < left ? d : left - 1;

		PGR_UNROLL
		for (int v = 0; v < nv; v++)
			best[v] = PGR_VF_MAX(best[v], M_VALUE(acc[d][v], M_SCALED ? scales[j] : 1.0f));
	}
}

/* All document tokens with one group of nv vectors; best[nv * lanes]. */
PGR_INLINE void
M_FN(group)(int nv, const M_QELEM *packed, const M_ELEM *doc,
			const float *scales, uint32_t ndoc, uint32_t dim, float *best)
{
	PgrVf		run[PGR_MAXSIM_VECS];
	uint32_t	j = 0;

	PGR_UNROLL
	for (int v = 0; v < nv; v++)
		run[v] = PGR_VF_SET1(-INFINITY);
	for (; ndoc - j > PGR_MAXSIM_DOCS / 2;
		 j += ndoc - j < PGR_MAXSIM_DOCS ? ndoc - j : PGR_MAXSIM_DOCS)
		M_FN(tile)(nv, PGR_MAXSIM_DOCS, packed, doc + (size_t) j * dim,
				   M_SCALED ? scales + j : NULL, ndoc - j, dim, run);
	/* a last half tile costs half as much */
	if (j < ndoc)
		M_FN(tile)(nv, PGR_MAXSIM_DOCS / 2, packed, doc + (size_t) j * dim,
				   M_SCALED ? scales + j : NULL, ndoc - j, dim, run);
	PGR_UNROLL
	for (int v = 0; v < nv; v++)
		PGR_VF_STORE(best + v * PGR_VF_LANES, run[v]);
}

static void
M_FN(group_full)(const M_QELEM *packed, const M_ELEM *doc, const float *scales,
				 uint32_t ndoc, uint32_t dim, float *best)
{
	M_FN(group)(PGR_MAXSIM_VECS, packed, doc, scales, ndoc, dim, best);
}

static void
M_FN(group_single)(const M_QELEM *packed, const M_ELEM *doc,
				   const float *scales, uint32_t ndoc, uint32_t dim, float *best)
{
	M_FN(group)(1, packed, doc, scales, ndoc, dim, best);
}

/* One row-wise query token with all document tokens. */
static float
M_FN(token)(const M_FLAT *token, const M_ELEM *doc, const float *scales,
			uint32_t ndoc, uint32_t dim)
{
	float		best = -INFINITY;
	uint32_t	j = 0;

	while (j < ndoc)
	{
		int			n = ndoc - j < M_CODES ? 1 : M_CODES;
		M_RESULT	sums[M_CODES][3];

		if (n == 1)
			M_SUMS(block)(PGR_METRIC_IP, 1, token, doc + (size_t) j * dim, 0, dim, sums);
		else
			M_SUMS(block)(PGR_METRIC_IP, M_CODES, token, doc + (size_t) j * dim,
						  dim * sizeof(M_ELEM), dim, sums);
		for (int c = 0; c < n; c++)
		{
			float		value = (float) sums[c][0] * (M_SCALED ? scales[j + c] : 1.0f);

			best = value > best ? value : best;
		}
		j += n;
	}
	return best;
}

/* PgrKernelTable.maxsim_best */
static void
M_FN(maxsim)(const PgrMaxSimQuery *q, const void *doc, const float *scales,
			 uint32_t ndoc, float *best)
{
	const char *data = (const char *) q + q->data_offset;
	const float *qscale = (const float *) ((const char *) q + q->scale_offset);
	const size_t units = M_HEAD + ((size_t) q->dim + M_GROUP - 1) / M_GROUP;
	const uint32_t full = PGR_MAXSIM_VECS * PGR_VF_LANES;

	if (q->ntok <= PGR_MAXSIM_FEW)
	{
		for (uint32_t i = 0; i < q->ntok; i++)
			best[i] = M_FN(token)((const M_FLAT *) data + (size_t) i * q->dim,
								  doc, scales, ndoc, q->dim);
	}
	else
	{
		uint32_t	width = full;

		for (uint32_t i = 0; i < q->ntok; i += width)
		{
			const M_QELEM *packed = (const M_QELEM *) data + i * units * M_GROUP;
			float		out[PGR_MAXSIM_VECS * PGR_VF_LANES];

			if (q->ntok_padded - i >= full)
				M_FN(group_full)(packed, doc, scales, ndoc, q->dim, out);
			else
			{
				width = PGR_VF_LANES;
				M_FN(group_single)(packed, doc, scales, ndoc, q->dim, out);
			}
			memcpy(best + i, out,
				   sizeof(float) * (q->ntok - i < width ? q->ntok - i : width));
		}
	}
	if (M_SCALED)
		for (uint32_t i = 0; i < q->ntok; i++)
			best[i] *= qscale[i];
}

#ifdef M_ENCODE
/* PgrKernelTable.maxsim_pack */
static void
M_FN(pack)(PgrMaxSimQuery *q, const float *tokens)
{
	char	   *data = (char *) q + q->data_offset;
	const size_t units = M_HEAD + ((size_t) q->dim + M_GROUP - 1) / M_GROUP;
	const uint32_t full = PGR_MAXSIM_VECS * PGR_VF_LANES;
	const bool	few = q->ntok <= PGR_MAXSIM_FEW;

	q->ntok_padded = few ? q->ntok
		: (q->ntok + PGR_VF_LANES - 1) / PGR_VF_LANES * PGR_VF_LANES;
	if (!few)
		memset(data, 0, q->ntok_padded * units * M_GROUP * sizeof(M_QELEM));
	for (uint32_t i = 0; i < q->ntok; i++)
	{
		const float *token = tokens + (size_t) i * q->dim;
		const double factor = M_FACTOR(token, q->dim);
		uint32_t	first = i / full * full;	/* of this token's group */
		uint32_t	width = PGR_VF_LANES;
		int32_t		start = 0;

		/* a group that doesn't fill its vectors is packed as single vectors */
		if (q->ntok_padded - first >= full)
			width = full;
		else
			first = i / PGR_VF_LANES * PGR_VF_LANES;
		for (uint32_t d = 0; d < q->dim; d++)
		{
			size_t		at = (first * units + (M_HEAD + (size_t) (d / M_GROUP)) * width +
							  (i - first)) * M_GROUP + d % M_GROUP;

			if (few)
				((M_FLAT *) data)[(size_t) i * q->dim + d] = M_FLAT_ENCODE(token[d], factor);
			else
				((M_QELEM *) data)[at] = M_ENCODE(token[d], factor);
			if (M_OFFSET && !few)
				start -= M_OFFSET * (int32_t) ((M_QELEM *) data)[at];
		}
		if (M_OFFSET && !few)
			memcpy((M_QELEM *) data + (first * units + (i - first)) * M_GROUP,
				   &start, sizeof(start));
	}
}
#endif

#undef M_NAME
#undef M_ELEM
#undef M_QELEM
#undef M_GROUP
#undef M_ROW
#undef M_DIRECT
#undef M_CONVERT
#undef M_ACC
#undef M_START
#undef M_QVEC
#undef M_QLOAD
#undef M_STEP
#undef M_OFFSET
#undef M_HEAD
#undef M_VALUE
#undef M_ENCODE
#undef M_FACTOR
#undef M_FLAT_ENCODE
#undef M_FLAT
#undef M_SUMS
#undef M_CODES
#undef M_RESULT
#undef M_SCALED
#undef M_BLOCK
#undef M_FN
#undef M_CAT
#undef M_CAT2
