/*
 * test_bitpack.c
 *		Packing of integers: every width, both layouts, against the input, with
 *		guarded pages behind input and output.
 */
/* covers: bitpack */
#include "kernel/bitpack.h"
#include "tap.h"

static uint32_t
random_of_width(unsigned bits)
{
	return bits == 0 ? 0 : (uint32_t) (tap_rand() >> (64 - bits));
}

/* n values of at most that width, one of them of exactly that width */
static void
fill(uint32_t *values, uint32_t n, unsigned bits)
{
	for (uint32_t i = 0; i < n; i++)
		values[i] = random_of_width(bits);
	if (n > 0 && bits > 0)
		values[tap_rand() % n] |= UINT32_C(1) << (bits - 1);
}

static void
test_block(unsigned bits)
{
	uint32_t   *in = tap_guarded(PGR_PACK_BLOCK * 4);
	uint32_t   *out = tap_guarded(PGR_PACK_BLOCK * 4);
	uint8_t    *packed = tap_guarded(PGR_PACK_BYTES(bits));
	uint32_t	base = (uint32_t) tap_rand();
	uint32_t	sum = base;
	char		name[64];
	int			bad = 0;

	fill(in, PGR_PACK_BLOCK, bits);
	bad += pgr_pack_width(in, PGR_PACK_BLOCK) != bits;
	pgr_pack_block(in, bits, packed);
	pgr_unpack_block(packed, bits, out);
	bad += memcmp(in, out, PGR_PACK_BLOCK * 4) != 0;
	pgr_unpack_block_inc(packed, bits, out);
	for (uint32_t i = 0; i < PGR_PACK_BLOCK; i++)
		bad += out[i] != in[i] + 1;
	pgr_unpack_block_ascending(packed, bits, base, out);
	for (uint32_t i = 0; i < PGR_PACK_BLOCK; i++)
	{
		sum += in[i] + 1;
		bad += out[i] != sum;
	}
	snprintf(name, sizeof(name), "block of width %u", bits);
	tap_ok(bad == 0, name, "values differ");
}

static void
test_flat(unsigned bits)
{
	char		name[64];
	int			bad = 0;

	for (uint32_t n = 0; n <= 130; n++)
	{
		uint32_t	in[130];
		uint32_t   *out = tap_guarded(n * 4);
		uint8_t    *packed = tap_guarded(PGR_PACK_FLAT_BYTES(n, bits));

		fill(in, n, bits);
		pgr_pack_flat(in, n, bits, packed);
		pgr_unpack_flat(packed, n, bits, out);
		bad += memcmp(in, out, n * 4) != 0;
	}
	snprintf(name, sizeof(name), "flat, width %u, 0 to 130 values", bits);
	tap_ok(bad == 0, name, "values differ");
}

int
main(void)
{
	tap_srand();
	for (unsigned bits = 0; bits <= 32; bits++)
	{
		test_block(bits);
		test_flat(bits);
	}
	return tap_done();
}
