/*
 * bitpack.c
 *		Minimum-width packing of integers. Layouts in bitpack.h.
 *
 * The block decoders are one template, instantiated for each width, so that all
 * shifts and masks are constants. Vectors are the compilers' generic ones: they
 * become SSE2 or NEON, and plain C elsewhere.
 */
#include <string.h>

#include "kernel/bitpack.h"
#include "kernel/kernel_level.h"

typedef uint32_t Lanes __attribute__((vector_size(16)));

#define ROWS (PGR_PACK_BLOCK / 4)

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Lanes){__VA_ARGS__})
#endif

#if defined(__clang__)
#define UNROLL_ROWS _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ROWS _Pragma("GCC unroll 32")
#endif

PGR_INLINE Lanes
load_lanes(const void *p)
{
	Lanes		v;

	memcpy(&v, p, sizeof(v));
	return v;
}

PGR_INLINE void
store_lanes(void *p, Lanes v)
{
	memcpy(p, &v, sizeof(v));
}

/* The values of one row. bits and row are constants after inlining. */
PGR_INLINE Lanes
unpack_row(const uint8_t *in, unsigned bits, unsigned row)
{
	unsigned	bit = row * bits;
	unsigned	shift = bit % 32;
	uint32_t	mask = bits == 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;
	Lanes		v;

	if (bits == 0)
		return (Lanes) {0};
	v = load_lanes(in + bit / 32 * sizeof(Lanes)) >> shift;
	if (shift + bits > 32)
		v |= load_lanes(in + (bit / 32 + 1) * sizeof(Lanes)) << (32 - shift);
	return shift + bits == 32 ? v : v & mask;
}

typedef enum UnpackMode
{
	UNPACK_PLAIN,
	UNPACK_INC,
	UNPACK_ASCENDING
} UnpackMode;

PGR_INLINE void
unpack_width(const uint8_t *in, unsigned bits, UnpackMode mode, uint32_t base, uint32_t *out)
{
	const Lanes zero = {0};
	const Lanes one = {1, 1, 1, 1};
	const Lanes ramp = {1, 2, 3, 4};
	Lanes		carry = {base, base, base, base};

	UNROLL_ROWS
	for (unsigned row = 0; row < ROWS; row++)
	{
		Lanes		v = unpack_row(in, bits, row);

		if (mode == UNPACK_INC)
			v += one;
		if (mode == UNPACK_ASCENDING)
		{
			v += SHUFFLE(v, zero, 4, 0, 1, 2);
			v += SHUFFLE(v, zero, 4, 5, 0, 1);
			/* only this addition waits for the row before */
			v = v + ramp + carry;
			carry = SHUFFLE(v, v, 3, 3, 3, 3);
		}
		store_lanes(out + row * 4, v);
	}
}

#define WIDTH(n, mode) \
	case n: \
		unpack_width(in, n, mode, base, out); \
		break;
#define WIDTHS8(n, mode) \
	WIDTH((n), mode) WIDTH((n) + 1, mode) WIDTH((n) + 2, mode) WIDTH((n) + 3, mode) \
	WIDTH((n) + 4, mode) WIDTH((n) + 5, mode) WIDTH((n) + 6, mode) WIDTH((n) + 7, mode)
#define UNPACK_SWITCH(mode) \
	switch (bits) \
	{ \
		WIDTHS8(0, mode) WIDTHS8(8, mode) WIDTHS8(16, mode) WIDTHS8(24, mode) \
		WIDTH(32, mode) \
	}

void
pgr_unpack_block(const uint8_t *in, unsigned bits, uint32_t *out)
{
	const uint32_t base = 0;

	UNPACK_SWITCH(UNPACK_PLAIN)
}

void
pgr_unpack_block_inc(const uint8_t *in, unsigned bits, uint32_t *out)
{
	const uint32_t base = 0;

	UNPACK_SWITCH(UNPACK_INC)
}

void
pgr_unpack_block_ascending(const uint8_t *in, unsigned bits, uint32_t base, uint32_t *out)
{
	UNPACK_SWITCH(UNPACK_ASCENDING)
}

unsigned
pgr_pack_width(const uint32_t *in, uint32_t n)
{
	uint32_t	all = 0;

	for (uint32_t i = 0; i < n; i++)
		all |= in[i];
	return all == 0 ? 0 : 32 - (unsigned) __builtin_clz(all);
}

/* Writers are not hot: one loop for all widths. */
void
pgr_pack_block(const uint32_t *in, unsigned bits, uint8_t *out)
{
	Lanes		pending = {0};
	unsigned	filled = 0;		/* bits of each lane of pending */

	for (unsigned row = 0; row < ROWS && bits > 0; row++)
	{
		Lanes		v = load_lanes(in + row * 4);

		pending |= v << filled;
		filled += bits;
		if (filled >= 32)
		{
			store_lanes(out, pending);
			out += sizeof(Lanes);
			filled -= 32;
			/* a shift by 32 is undefined */
			pending = filled > 0 ? v >> (bits - filled) : (Lanes) {0};
		}
	}
}

void
pgr_pack_flat(const uint32_t *in, uint32_t n, unsigned bits, uint8_t *out)
{
	uint64_t	pending = 0;
	unsigned	filled = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		pending |= (uint64_t) in[i] << filled;
		for (filled += bits; filled >= 8; filled -= 8)
		{
			*out++ = (uint8_t) pending;
			pending >>= 8;
		}
	}
	if (filled > 0)
		*out = (uint8_t) pending;
}

void
pgr_unpack_flat(const uint8_t *in, uint32_t n, unsigned bits, uint32_t *out)
{
	uint32_t	size = PGR_PACK_FLAT_BYTES(n, bits);
	uint64_t	mask = (UINT64_C(1) << bits) - 1;
	uint32_t	i = 0;

	/* while eight bytes can be read: a value spans 39 bits at most */
	for (; i < n && (uint64_t) i * bits / 8 + 8 <= size; i++)
	{
		uint64_t	word;

		memcpy(&word, in + (uint64_t) i * bits / 8, sizeof(word));
		out[i] = (uint32_t) (word >> (i * bits & 7) & mask);
	}
	if (i < n && size > 0)
	{
		/* the rest begins in the last seven bytes: one word holds it */
		uint32_t	from = (uint32_t) ((uint64_t) i * bits / 8);
		uint64_t	word = 0;

		memcpy(&word, in + from, size - from);
		word >>= i * bits & 7;
		for (; i < n; i++, word >>= bits)
			out[i] = (uint32_t) (word & mask);
	}
	else
		memset(out + i, 0, (n - i) * sizeof(uint32_t));
}
