/*
 * blas.h
 *		Products of matrices by OpenBLAS, where the system has it. No postgres.h.
 *
 * The library is loaded when a process first asks for it, so only those that train
 * something have it, and not linked: see README, "OpenBLAS".
 */
#ifndef PGR_BLAS_H
#define PGR_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* The library, as this process has loaded it. */
typedef struct PgrBlas PgrBlas;

/*
 * Loads the library at the first call; NULL, then and later, where there is none that can be
 * used. Leaves the environment and the signal mask as they were. The library keeps some
 * memory of its own (see README) and frees it with the process. Does not raise.
 */
extern const PgrBlas *pgr_blas(void);

/*
 * C := A B', that is <a,b> of each row a of m and each row b of n, both of k floats.
 * c: m rows of n floats. No thread is started. Results differ from sums in another order
 * by rounding.
 */
extern void pgr_blas_products(const PgrBlas *blas, const float *a, uint32_t m, const float *b,
							  uint32_t n, uint32_t k, float *c);

/* what the library is and which kernels it chose, for those who measure: "Haswell" */
extern const char *pgr_blas_kernels(const PgrBlas *blas);

#endif							/* PGR_BLAS_H */
