/*
 * toast.h
 *		Values that a table keeps out of line, read many times in a scan.
 *
 * Core opens a TOAST relation and its index, makes an index scan and ends all of it again for
 * each value. Here they stay open from the first value to the end of the scan.
 */
#ifndef PGR_TOAST_H
#define PGR_TOAST_H

#include "postgres.h"

#include "base/compat.h"
#include "utils/relcache.h"

typedef struct PgrToast PgrToast;

/*
 * A reader for values of one table, which must stay open, in the current memory context.
 * The first value out of line opens the TOAST relation and its indexes, locked with
 * AccessShareLock until pgr_toast_close or pgr_toast_end; no page stays pinned or locked
 * between two calls. After an error nothing is to be done: the resource owner has it all.
 *
 * in_order: for a pass over the table, whose rows mostly have their values in the order in
 * which they were written. One page of the TOAST relation and one of its index stay pinned
 * then, until these, and a value that follows is found without a descent.
 *
 * pgr_toast_close is for a pause in which others may do as they like, REINDEX by the same
 * session included: the next value opens all of it again.
 */
extern PgrToast *pgr_toast_begin(Relation heap, bool in_order);
extern void pgr_toast_close(PgrToast *t);
extern void pgr_toast_end(PgrToast *t);

/* pgr_toast_get for a value on disk that is not in line. */
extern struct varlena *pgr_toast_fetch(PgrToast *t, struct varlena *value);

/*
 * The detoasted value of an attribute of a row that a registered or active snapshot sees: the
 * value itself, or palloc'd. What core cannot read raises as it does there.
 */
static inline struct varlena *
pgr_toast_get(PgrToast *t, struct varlena *value)
{
	if (VARATT_IS_EXTERNAL_ONDISK(value))
		return pgr_toast_fetch(t, value);
	return pg_detoast_datum(value);
}

#endif							/* PGR_TOAST_H */
