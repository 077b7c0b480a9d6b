/*
 * sample.h
 *		A sample of the rows an index is built from.
 */
#ifndef PGR_SAMPLE_H
#define PGR_SAMPLE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "utils/rel.h"

/* Called with the index's values of one row; returns false to stop. */
typedef bool (*PgrSampleFn) (Datum *values, bool *isnull, void *arg);

/*
 * Passes rows of randomly chosen heap blocks, in block order, until about
 * `rows` were seen or the callback has had enough. The choice is the same for
 * the same table. For use inside ambuild.
 */
extern void pgr_sample_rows(Relation heap, Relation index, IndexInfo *info, int rows,
							PgrSampleFn callback, void *arg);

#endif							/* PGR_SAMPLE_H */
