/*
 * inv_init.h
 *		What src/inverted gives to the rest of the extension: start-up.
 */
#ifndef PGR_INV_INIT_H
#define PGR_INV_INIT_H

/* Registers storage parameters and the hooks of src/lexical. */
extern void pgr_inverted_init(void);

#endif							/* PGR_INV_INIT_H */
