/*
 * bm25_kind.c
 *		The row of bm25: a document is the words of a text, text[] or tsvector; the
 *		weight of a term is how often it occurs.
 */
#include "postgres.h"

#include "base/varint.h"
#include "inverted/bm25_content.h"
#include "inverted/bm25_scan.h"

/* A frequency, most often one byte. */
static uint8 *
put_frequency(uint8 *p, uint32 frequency)
{
	return pgr_varint_put(p, frequency);
}

/* Never NULL: the bytes are this backend's own. */
static const uint8 *
get_frequency(const uint8 *p, const uint8 *end, uint32 *frequency)
{
	return pgr_varint_get32(p, end, frequency);
}

/* Lists of frequencies have no scale. */
static float
no_scale(uint32 largest)
{
	return 0;
}

/* As it is, however large; blocks have room for 32 bits. */
static uint32
stored_frequency(uint32 frequency, float scale)
{
	return frequency;
}

const PgrInvKind pgr_bm25_kind = {
	.id = 0,
	.options = pgr_bm25_options,
	.cost = pgr_bm25_cost,
	.get_bitmap = pgr_inv_get_bitmap,
	.norms = true,
	.describe = pgr_bm25_describe,
	.depends = pgr_bm25_depends,
	.source = pgr_bm25_source,
	.changed = pgr_bm25_changed,
	.document = pgr_bm25_document,
	.least_term = 0,
	.most_term = PGR_MAX_TERM,
	.most_weight = PG_UINT32_MAX,
	.pending_positions = true,
	.put = put_frequency,
	.get = get_frequency,
	.scale = no_scale,
	.stored = stored_frequency,
	.ranks_all = false,
	.begin = pgr_bm25_begin_scan,
	.next = pgr_bm25_next,
	.end = NULL
};
