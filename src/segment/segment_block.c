/*
 * segment_block.c
 *		Blocks of postings as bytes: packed blocks on postings pages, and the few
 *		postings of a rare term inside its dictionary entry.
 *
 * A packed block: gaps to the document before, minus one, then weights minus
 * one. A full block of 128 is packed vertically, a shorter one flat
 * (kernel/bitpack.h). Widths and the last document are in the skip entry.
 *
 * Weights have exceptions where that is smaller (PGR_SKIP_PATCHED): after the
 * packed low bits, a byte with their number, a byte each with their places, a
 * varint each with the bits above the width. One long document would otherwise
 * widen 128 weights. Gaps have none: they must be whole before they can be
 * summed.
 *
 * Unpacking trusts nothing: bytes are counted before they are read, numbers checked
 * before they index anything. Whoever gets false raises, since only he knows the
 * segment. No function here allocates.
 */
#include "postgres.h"

#include "kernel/bitpack.h"
#include "segment/segment_private.h"

/* Of n numbers of a width. A full block has a layout of its own, so n tells which. */
static uint32
packed_bytes(uint32 n, unsigned bits)
{
	return n == PGR_POSTING_BLOCK ? PGR_PACK_BYTES(bits) : PGR_PACK_FLAT_BYTES(n, bits);
}

/* As the unpacking of searches wants it: vertically where 128 are unpacked at once. */
static void
pack(const uint32 *in, uint32 n, unsigned bits, uint8 *out)
{
	if (n == PGR_POSTING_BLOCK)
		pgr_pack_block(in, bits, out);
	else
		pgr_pack_flat(in, n, bits, out);
}

/* Bytes of a varint below 2^32. */
static uint32
varint_bytes(uint32 v)
{
	return v < 1u << 7 ? 1 : v < 1u << 14 ? 2 : v < 1u << 21 ? 3 : v < 1u << 28 ? 4 : 5;
}

/*
 * The width that takes the fewest bytes, exceptions included. All widths below `full`
 * are tried, each given up as soon as it is no better: 128 weights, at most 32 widths,
 * once a block.
 */
static unsigned
choose_width(const uint32 *v, uint32 n, unsigned full)
{
	uint32		best_bytes = packed_bytes(n, full);
	unsigned	best = full;

	for (unsigned bits = 0; bits < full; bits++)
	{
		uint32		bytes = packed_bytes(n, bits) + 1;

		for (uint32 i = 0; i < n && bytes < best_bytes; i++)
		{
			if (v[i] >> bits)
				bytes += 1 + varint_bytes(v[i] >> bits);
		}
		if (bytes < best_bytes)
		{
			best_bytes = bytes;
			best = bits;
		}
	}
	return best;
}

/* Places and upper bits of values wider than `bits`; their number goes first. */
static uint8 *
put_exceptions(const uint32 *v, uint32 n, unsigned bits, uint8 *dst)
{
	uint8	   *count = dst++;

	*count = 0;
	for (uint32 i = 0; i < n; i++)
	{
		if (v[i] >> bits)
		{
			*dst++ = (uint8) i;
			(*count)++;
		}
	}
	for (uint32 i = 0; i < n; i++)
	{
		if (v[i] >> bits)
			dst = pgr_varint_put(dst, v[i] >> bits);
	}
	return dst;
}

/* Nothing here depends on alignment: a block begins at any byte of its page. */
uint32
pgr_block_pack(const PgrRawBlock *raw, int64 before, uint8 *dst, PgrSkip *skip)
{
	uint32		v[PGR_POSTING_BLOCK];
	uint8	   *p = dst;
	unsigned	full;
	unsigned	bits;

	for (uint32 i = 0; i < raw->n; i++)
	{
		v[i] = (uint32) (raw->docs[i] - before - 1);
		before = raw->docs[i];
	}
	bits = pgr_pack_width(v, raw->n);
	pack(v, raw->n, bits, p);
	p += packed_bytes(raw->n, bits);
	skip->doc_bits = bits;
	skip->last_doc = raw->docs[raw->n - 1];

	for (uint32 i = 0; i < raw->n; i++)
		v[i] = raw->weights[i] - 1;
	full = pgr_pack_width(v, raw->n);
	bits = choose_width(v, raw->n, full);
	skip->weight_bits = bits;
	if (bits < full)
	{
		uint32		low[PGR_POSTING_BLOCK];

		for (uint32 i = 0; i < raw->n; i++)
			low[i] = v[i] & ((1u << bits) - 1);
		pack(low, raw->n, bits, p);
		skip->weight_bits |= PGR_SKIP_PATCHED;
		p = put_exceptions(v, raw->n, bits, p + packed_bytes(raw->n, bits));
	}
	else
	{
		pack(v, raw->n, bits, p);
		p += packed_bytes(raw->n, bits);
	}
	Assert(p - dst <= PGR_BLOCK_MAX_BYTES);
	return p - dst;
}

/*
 * Gaps add up without an overflow, or are looked at one by one: below 25 bits 128 of
 * them are less than 2^32 - 2^31.
 */
static bool
docs_ascend(const uint32 *docs, uint32 n, int64 before, unsigned doc_bits, uint32 ndocs)
{
	if (docs[n - 1] >= ndocs)
		return false;
	if (doc_bits < 25 && before < (int64) 1 << 31)
		return true;
	for (uint32 i = 0; i < n; before = docs[i++])
		if (docs[i] <= before)
			return false;
	return true;
}

/*
 * Checks before it reads that the bytes are there, and afterwards that documents
 * ascend: a damaged page must not let anybody index an array beyond its end.
 */
bool
pgr_block_unpack_docs(const uint8 *src, uint32 avail, uint32 n, int64 before,
					  unsigned doc_bits, uint32 ndocs, uint32 *docs)
{
	uint32		base = (uint32) before;

	if (n == 0 || n > PGR_POSTING_BLOCK || doc_bits > 32 || packed_bytes(n, doc_bits) > avail)
		return false;
	if (n == PGR_POSTING_BLOCK)
	{
		pgr_unpack_block_ascending(src, doc_bits, base, docs);
		return docs_ascend(docs, n, before, doc_bits, ndocs);
	}
	pgr_unpack_flat(src, n, doc_bits, docs);
	for (uint32 i = 0; i < n; i++)
		docs[i] = base += docs[i] + 1;
	for (uint32 i = n; i < PGR_POSTING_BLOCK; i++)
		docs[i] = PGR_NO_DOC;
	return docs_ascend(docs, n, before, doc_bits, ndocs);
}

/*
 * Adds the upper bits of exceptions to weights that have been unpacked; the bytes are
 * those of put_exceptions, up to `end`. false: malformed, or a weight beyond 32 bits.
 */
static bool
patch_weights(const uint8 *p, const uint8 *end, uint32 n, unsigned bits, uint32 *weights)
{
	const uint8 *place;
	uint32		count;

	if (p >= end || (count = *p++) > n || count > end - p)
		return false;
	place = p;
	p += count;
	for (uint32 i = 0; i < count; i++)
	{
		uint64		high;

		p = pgr_varint_get(p, end, &high);
		if (p == NULL || place[i] >= n || high > (uint64) PG_UINT32_MAX >> bits ||
			(high << bits) + weights[place[i]] > PG_UINT32_MAX)
			return false;
		weights[place[i]] += (uint32) (high << bits);
	}
	return true;
}

/* The documents' bytes are stepped over, not read. */
bool
pgr_block_unpack_weights(const uint8 *src, uint32 avail, uint32 n,
						 unsigned doc_bits, unsigned weight_bits, uint32 *weights)
{
	unsigned	bits = PGR_SKIP_WIDTH(weight_bits);
	uint32		skipped = packed_bytes(n, doc_bits);
	const uint8 *p = src + skipped;

	if (doc_bits > 32 || bits > 32 || skipped > avail || packed_bytes(n, bits) > avail - skipped)
		return false;
	if (n == PGR_POSTING_BLOCK)
		pgr_unpack_block_inc(p, bits, weights);
	else
	{
		pgr_unpack_flat(p, n, bits, weights);
		for (uint32 i = 0; i < n; i++)
			weights[i]++;
	}
	if (weight_bits & PGR_SKIP_PATCHED)
		return patch_weights(p + packed_bytes(n, bits), src + avail, n, bits, weights);
	return true;
}

/*
 * Postings first, then all frequencies, then all positions, so that who ranks reads no
 * more than the postings.
 */
uint32
pgr_inline_pack(const PgrRawBlock *raw, bool norms, const StringInfoData *freqs,
				const StringInfoData *positions, uint8 *dst)
{
	uint8		buf[PGR_TERM_MAX_INLINE * (1 + 2 * PGR_VARINT_MAX)];
	uint8	   *p = buf;
	int64		before = -1;

	if (raw->n > PGR_TERM_MAX_INLINE)
		return 0;
	for (uint32 i = 0; i < raw->n; i++)
	{
		bool		more = raw->weights[i] > 1;

		if (norms)
			*p++ = raw->norms[i];
		p = pgr_varint_put(p, (uint64) (raw->docs[i] - before - 1) << 1 | more);
		if (more)
			p = pgr_varint_put(p, raw->weights[i] - 2);
		before = raw->docs[i];
	}
	if ((Size) (p - buf) + freqs->len + positions->len > PGR_TERM_INLINE_BYTES)
		return 0;
	memcpy(dst, buf, p - buf);
	memcpy(dst + (p - buf), freqs->data, freqs->len);
	memcpy(dst + (p - buf) + freqs->len, positions->data, positions->len);
	return (p - buf) + freqs->len + positions->len;
}

/* The entry is a copy inside PgrTermInfo: no page need stay. */
const uint8 *
pgr_inline_unpack(const uint8 *src, uint32 len, uint32 n, bool norms, uint32 ndocs,
				  PgrRawBlock *raw)
{
	const uint8 *end = src + len;
	uint32		next = 0;		/* the least document that can follow */

	if (n == 0 || n > PGR_TERM_MAX_INLINE)
		return NULL;
	raw->n = n;
	for (uint32 i = 0; i < n; i++)
	{
		uint64		v;
		uint64		more = 0;

		if (src == end)
			return NULL;
		raw->norms[i] = norms ? *src++ : 0;
		src = pgr_varint_get(src, end, &v);
		if (src != NULL && (v & 1))
			src = pgr_varint_get(src, end, &more);
		if (src == NULL || v >> 1 >= ndocs - next || more > PG_UINT32_MAX - 2)
			return NULL;
		raw->docs[i] = next + (uint32) (v >> 1);
		raw->weights[i] = v & 1 ? (uint32) more + 2 : 1;
		next = raw->docs[i] + 1;
	}
	return src;
}
