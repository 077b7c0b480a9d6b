/*
 * types.h
 *		Start-up of src/types. The layouts of the types are in dense.h, sparse.h and
 *		multivector.h. See src/types/README.
 */
#ifndef PGR_TYPES_H
#define PGR_TYPES_H

/* simd_guc.c: registers the settings of this part */
extern void pgr_types_init(void);

#endif							/* PGR_TYPES_H */
