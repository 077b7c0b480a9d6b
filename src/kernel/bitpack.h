/*
 * bitpack.h
 *		Minimum-width packing of small unsigned integers. No postgres.h.
 *
 * Two layouts:
 *
 * Blocks of 128 values, "vertical": value i belongs to lane i % 4 and row i / 4;
 * each lane is a little-endian stream of its 32 values, the lanes' 32-bit words
 * interleaved. 16 * bits bytes. One 128-bit instruction unpacks four values in
 * their order, so SSE2 and NEON, which every x86-64 and aarch64 has, are
 * enough and there is nothing to choose at run time. (After Lemire & Boytsov,
 * "Decoding billions of integers per second", SIMD-BP128.)
 *
 * Any number of values, "flat": value i begins at bit i * bits.
 *
 * Widths are 0..32; a width of 0 takes no bytes. Words are in the machine's
 * byte order, as everything in PostgreSQL's pages.
 */
#ifndef PGR_BITPACK_H
#define PGR_BITPACK_H

#include <stddef.h>
#include <stdint.h>

#define PGR_PACK_BLOCK 128

/* Bytes of a packed block. */
#define PGR_PACK_BYTES(bits) ((uint32_t) (bits) * (PGR_PACK_BLOCK / 8))
/* Bytes of n values packed flat; n * bits must fit 32 bits. */
#define PGR_PACK_FLAT_BYTES(n, bits) (((uint32_t) (n) * (uint32_t) (bits) + 7) / 8)

/* Bits that the largest of n values needs. */
extern unsigned pgr_pack_width(const uint32_t *in, uint32_t n);

/* Packs 128 values; writes exactly PGR_PACK_BYTES(bits). */
extern void pgr_pack_block(const uint32_t *in, unsigned bits, uint8_t *out);

/* Unpacks 128 values; reads exactly PGR_PACK_BYTES(bits). */
extern void pgr_unpack_block(const uint8_t *in, unsigned bits, uint32_t *out);

/* The same plus one each: out[i] = in[i] + 1 (wraps). */
extern void pgr_unpack_block_inc(const uint8_t *in, unsigned bits, uint32_t *out);

/*
 * Unpacks 128 gaps minus one into ascending values:
 * out[i] = base + sum over j <= i of (in[j] + 1), modulo 2^32. A block that
 * begins with value 0 has base = UINT32_MAX.
 */
extern void pgr_unpack_block_ascending(const uint8_t *in, unsigned bits, uint32_t base,
									   uint32_t *out);

/* Packs n values flat; writes exactly PGR_PACK_FLAT_BYTES(n, bits). */
extern void pgr_pack_flat(const uint32_t *in, uint32_t n, unsigned bits, uint8_t *out);

/* Unpacks n values packed flat; reads exactly PGR_PACK_FLAT_BYTES(n, bits). */
extern void pgr_unpack_flat(const uint8_t *in, uint32_t n, unsigned bits, uint32_t *out);

#endif							/* PGR_BITPACK_H */
