/*
 * sort.h
 *		Pairs sorted by a number, in work_mem and beyond it on disk.
 *
 * What an index scan does with candidates or rows that memory has no room for. Pairs
 * are (key, value); equal keys come in ascending order of their values, taken as int64.
 */
#ifndef PGR_SORT_H
#define PGR_SORT_H

#include "postgres.h"

typedef struct PgrSort PgrSort;

/*
 * An empty sort, in the current memory context. pgr_sort_end must come before that context
 * goes: temporary files belong to the resource owner, which complains at commit otherwise;
 * after an error nothing is to be done.
 */
extern PgrSort *pgr_sort_begin(void);

/*
 * Adds a pair; a key of NaN comes last. Not after the first pgr_sort_next. Raises where the
 * disk is full.
 */
extern void pgr_sort_put(PgrSort *sort, double key, uint64 value);

/* The next pair, ascending; false if there is none. */
extern bool pgr_sort_next(PgrSort *sort, double *key, uint64 *value);

/* Frees memory and files. */
extern void pgr_sort_end(PgrSort *sort);

#endif							/* PGR_SORT_H */
