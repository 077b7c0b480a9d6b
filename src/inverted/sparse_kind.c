/*
 * sparse_kind.c
 *		The row of inverted: a document is the dimensions of a sparsevec; the weight of
 *		a term is the magnitude of a value, as the bits of a float.
 *
 * Bits of floats above 0 compare as the floats do. A segment stores impacts of eight bits:
 * multiples of the list's scale.
 */
#include "postgres.h"

#include <math.h>

#include "inverted/inv_kind.h"
#include "inverted/inv_scan.h"
#include "types/sparse.h"

#define MOST_FINITE 0x7f7fffff	/* bits of FLT_MAX */
#define MOST_IMPACT 255

/* --- a value as a document --- */

/* Impacts have no hashes or positions: all that is zero. */
static void
describe(Relation index, PgrInvMeta *meta)
{
	meta->nfields = 1;
}

/* There is no text search configuration. */
static Oid
depends(Relation index, const PgrInvMeta *meta)
{
	return InvalidOid;
}

/* Values are what they are: nothing can have changed. */
static bool
source(Relation index, const PgrInvMeta *meta, bool raise, PgrContentSource *src)
{
	memset(src, 0, sizeof(*src));
	src->kind = &pgr_sparse_kind;
	src->analyzer.nfields = 1;
	return true;
}

/* Nothing can have. */
static char *
changed(Relation index, const PgrInvMeta *meta)
{
	return NULL;
}

/*
 * A term for each value that is not 0, in the order of dimensions, which is that of keys.
 * Terms and keys are allocated in the current memory context.
 */
static void
document(const PgrContentSource *src, Datum value, PgrLexDoc *doc)
{
	PgrSparse  *v = (PgrSparse *) PG_DETOAST_DATUM(value);
	const float *x = PGR_SPARSE_VALUES(v);
	char	   *keys = palloc(Max(v->nnz, 1) * PGR_SPARSE_KEY);

	memset(doc, 0, sizeof(*doc));
	doc->terms = palloc0(Max(v->nnz, 1) * sizeof(PgrLexTerm));
	for (int i = 0; i < v->nnz; i++)
	{
		PgrLexTerm *t = &doc->terms[doc->nterms];
		float		magnitude = fabsf(x[i]);

		if (magnitude == 0)
			continue;
		t->bytes = keys + doc->nterms++ * PGR_SPARSE_KEY;
		t->len = PGR_SPARSE_KEY;
		pgr_sparse_key(v->indices[i], x[i] < 0, (char *) t->bytes);
		memcpy(&t->tf, &magnitude, sizeof(float));
	}
}

/* --- weights --- */

/* Four bytes: bits of a float make long varints. */
static uint8 *
put_value(uint8 *p, uint32 bits)
{
	memcpy(p, &bits, sizeof(bits));
	return p + sizeof(bits);
}

/* The same bytes back. */
static const uint8 *
get_value(const uint8 *p, const uint8 *end, uint32 *bits)
{
	memcpy(bits, p, sizeof(*bits));
	return p + sizeof(*bits);
}

/* The float whose bits a weight is. */
static float
value_of(uint32 bits)
{
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The smallest power of two by which the largest value becomes at most MOST_IMPACT. */
static float
quantum(uint32 largest)
{
	int			exponent;

	frexpf(value_of(largest) / MOST_IMPACT, &exponent);
	return ldexpf(1, exponent);
}

/*
 * Rounded to the nearest; not to 0, which would lose that the document has the
 * dimension.
 */
static uint32
impact(uint32 bits, float scale)
{
	return Min(Max((uint32) rintf(value_of(bits) / scale), 1), MOST_IMPACT);
}

/* --- scans --- */

/*
 * There are no conditions; without an order, which the planner does not choose, all rows
 * are returned.
 */
static bool
begin_scan(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	if (scan->numberOfOrderBys > 0)
	{
		pgr_sparse_rescan(scan, &scan->orderByData[0]);
		return true;
	}
	s->view = pgr_view_open(scan->indexRelation, NULL, 0);
	return false;
}

/* The scan may have failed before there was anything to let go. */
static void
end_scan(IndexScanDesc scan)
{
	PgrInvScan *s = scan->opaque;

	if (s->sparse)
		pgr_sparse_end(s);
}

const PgrInvKind pgr_sparse_kind = {
	.id = 1,
	.options = pgr_inverted_options,
	.cost = pgr_inv_cost,
	.get_bitmap = NULL,
	.norms = false,
	.describe = describe,
	.depends = depends,
	.source = source,
	.changed = changed,
	.document = document,
	.least_term = PGR_SPARSE_KEY,
	.most_term = PGR_SPARSE_KEY,
	.most_weight = MOST_FINITE,
	.pending_positions = false,
	.put = put_value,
	.get = get_value,
	.scale = quantum,
	.stored = impact,
	.ranks_all = true,
	.begin = begin_scan,
	.next = pgr_sparse_next,
	.end = end_scan
};
