/*
 * bitvec.h
 *		Distances of PostgreSQL's own type bit.
 */
#ifndef PGR_BITVEC_H
#define PGR_BITVEC_H

#include "postgres.h"

#include "types/distance.h"
#include "types/elem.h"
#include "utils/varbit.h"

/* Hamming or Jaccard distance; raises if the lengths differ. */
extern double pgr_bit_distance(PgrMetric metric, VarBit *a, VarBit *b);

#endif							/* PGR_BITVEC_H */
