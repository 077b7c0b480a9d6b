/*
 * varint.h
 *		Variable-length integers: seven bits a byte, low bits first, the high bit
 *		set on all bytes but the last (LEB128).
 */
#ifndef PGR_VARINT_H
#define PGR_VARINT_H

#include "postgres.h"

#define PGR_VARINT_MAX 10		/* bytes of a uint64 */
#define PGR_VARINT32_MAX 5		/* bytes of a uint32 */

/* Writes x at p; returns the byte after it. */
static inline uint8 *
pgr_varint_put(uint8 *p, uint64 x)
{
	while (x >= 0x80)
	{
		*p++ = (uint8) (x | 0x80);
		x >>= 7;
	}
	*p++ = (uint8) x;
	return p;
}

static inline int
pgr_varint_size(uint64 x)
{
	int			n = 1;

	while (x >= 0x80)
	{
		x >>= 7;
		n++;
	}
	return n;
}

/*
 * Reads *x at p; returns the byte after it, NULL if the number does not end
 * before `end`.
 */
static inline const uint8 *
pgr_varint_get(const uint8 *p, const uint8 *end, uint64 *x)
{
	uint64		result = 0;

	for (int shift = 0; p < end && shift < 64; shift += 7)
	{
		uint8		byte = *p++;

		result |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			*x = result;
			return p;
		}
	}
	return NULL;
}

/* The same of a number that must fit 32 bits. */
static inline const uint8 *
pgr_varint_get32(const uint8 *p, const uint8 *end, uint32 *x)
{
	uint64		result = 0;

	p = pgr_varint_get(p, end, &result);
	if (p == NULL || result > PG_UINT32_MAX)
		return NULL;
	*x = (uint32) result;
	return p;
}

#endif							/* PGR_VARINT_H */
