/*
 * filtercol.h
 *		Filter columns of an index over vectors: what its columns behind the first
 *		are, the fixed-size image of a row's values in them, and conditions on
 *		images.
 *
 * Support function 2 of a filter's operator class, name(internal) returning
 * internal, returns a pointer to a PgrFilterClass. Conditions are evaluated on
 * images alone: no fmgr call, no allocation, no error, so also under a buffer
 * lock.
 */
#ifndef PGR_FILTERCOL_H
#define PGR_FILTERCOL_H

#include "postgres.h"

#include "access/skey.h"
#include "fmgr.h"
#include "utils/rel.h"

#define PGR_FILTER_PROC 2

/* strategies of filter operators; the first five are btree's */
#define PGR_FILTER_OVERLAPS 6
#define PGR_FILTER_CONTAINS 7
#define PGR_FILTER_STRATEGIES 7

/*
 * One filter column of an open index. Points into the type cache (hash) and to static rows
 * (cls), so it may be kept as long as the index is open.
 */
typedef struct PgrFilterColumn PgrFilterColumn;

/* What an operator class says of its type. */
typedef struct PgrFilterClass
{
	uint8		width;			/* bytes of an image: 1, 2, 4 or 8 */
	bool		lossy;			/* unequal values may have equal images */
	bool		hashes;			/* needs the type's hash function */
	bool		signature;		/* of arrays: the hash function is their elements' */

	/* the image of a value that is not null */
	int64		(*image) (const PgrFilterColumn *c, Datum value);

	/*
	 * The largest image at or below a key of some type, and the smallest at or
	 * above it: equal if the key is a value of the column's type.
	 */
	void		(*bounds) (const PgrFilterColumn *c, Datum key, Oid type,
						   int64 *floor, int64 *ceiling);
} PgrFilterClass;

struct PgrFilterColumn
{
	const PgrFilterClass *cls;
	uint16		offset;			/* of its image in the row's */
	Oid			type;			/* the operator class's, or of polymorphic ones the column's */
	Oid			collation;
	FmgrInfo   *hash;
	int16		elem_len;		/* of signatures */
	bool		elem_byval;
	char		elem_align;
	Oid			elem_type;
};

/*
 * The filter columns of an open index, in one piece. size counts a bit a column for NULL,
 * rounded up to bytes, then the columns' images, at most 8 bytes each: with 31 columns 252
 * bytes.
 */
typedef struct PgrFilterColumns
{
	int			n;
	uint16		size;			/* bytes of an image of a row, even */
	PgrFilterColumn columns[FLEXIBLE_ARRAY_MEMBER];
} PgrFilterColumns;

/* A condition compiled for images. */
typedef struct PgrFilter PgrFilter;

/*
 * The filter columns of an index, which are all but the first; NULL if there are
 * none. In the current memory context. Raises unless the first column's operator
 * class is of vectors and the others' of filters.
 */
extern PgrFilterColumns *pgr_filter_columns(Relation index);

/*
 * Writes the image of an index row's values (all columns') to size bytes. Values
 * may be detoasted in the current memory context.
 */
extern void pgr_filter_image(const PgrFilterColumns *f, const Datum *values, const bool *isnull,
							 char *image);

/*
 * The conjunction of scan keys (of filter columns, and IS [NOT] NULL of the first column), in
 * the current memory context. f may be NULL only where there are none of filter columns. The
 * filter points to nothing of the keys. Raises what conversions of a key raise, such as a
 * timestamp out of range.
 */
extern PgrFilter *pgr_filter_compile(const PgrFilterColumns *f, const ScanKeyData *keys, int nkeys);

/*
 * Whether no row can pass, whatever it is: the scan need not begin. And whether all rows of the
 * index do: then the scan has no conditions.
 */
extern bool pgr_filter_never(const PgrFilter *filter);
extern bool pgr_filter_always(const PgrFilter *filter);

/* A row may pass that the condition does not hold for. */
extern bool pgr_filter_is_lossy(const PgrFilter *filter);

/*
 * Whether a row whose image (f->size bytes, any alignment) is given passes all tests. Neither
 * allocates nor raises, so it may be called under a buffer lock, once for each row of a page.
 */
extern bool pgr_filter_match(const PgrFilter *filter, const char *image);

#endif							/* PGR_FILTERCOL_H */
