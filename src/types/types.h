/*
 * types.h
 *		What src/types gives to the rest of the extension: start-up and the
 *		layouts of the SQL types. See src/types/README.
 */
#ifndef PGR_TYPES_H
#define PGR_TYPES_H

/* simd_guc.c: registers the settings of this part */
extern void pgr_types_init(void);

#endif							/* PGR_TYPES_H */
