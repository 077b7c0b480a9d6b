/*
 * kernel_code_scalar.h
 *		Macros of kernel_code_body.h in plain C.
 */
#define PGR_BD_CODES 1
#define PGR_BD_Q const int8_t *
#define PGR_BD_QLOAD(p) (p)
#define PGR_BD_ACC int32_t
#define PGR_BD_ZERO 0
#define PGR_BD_MAC(acc, bits, q) add_set(acc, bits, q)
#define PGR_BD_SUM(acc) (acc)
#define PGR_VF_LOAD_I8(p) ((float) *(p))
#define PGR_VF_NEGATIVE(v) (signbit(v) != 0)
#define PGR_VF_FLIP(a, r) (signbit(r) ? -(a) : (a))
#define PGR_VF_BUTTERFLIES(v) (v)

/* A mask instead of a branch that would be mispredicted half the time. */
PGR_INLINE int32_t
add_set(int32_t acc, const uint8_t *bits, const int8_t *q)
{
	for (int i = 0; i < 64; i++)
		acc += q[i] & -(bits[i / 8] >> i % 8 & 1);
	return acc;
}
