/*
 * filtercol.c
 *		Filter columns: images of values, and conditions as tests of images.
 *
 * An image is a signed integer of 1 to 8 bytes:
 *	 integers, bool, dates, timestamps	the value itself
 *	 uuid		its first 8 bytes, in order: bounds for ranges
 *	 enum		the label's oid
 *	 text etc.	the type's hash
 *	 arrays		64 bits, one set for each element's hash
 * A row's image is one bit a column for NULL, rounded up to bytes, then the
 * columns' images. Every condition becomes one of a few tests of an image, so a
 * test never sees a type:
 *	 range		=, <, <=, >=, >, also of another type of the family
 *	 set		IN
 *	 any, all	overlap and containment of arrays
 *	 null, not null
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "am/filtercol.h"
#include "am/vecclass.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

/*
 * What a test asks of a column's image. All but the NULL tests are false for a row whose value
 * is NULL, whatever its image is; that is SQL's three-valued logic, since every condition here
 * is one conjunct of WHERE.
 */
typedef enum TestKind
{
	TEST_RANGE,
	TEST_SET,
	TEST_ANY,
	TEST_ALL,
	TEST_NULL,
	TEST_NOT_NULL
} TestKind;

/*
 * One condition on one column, in the unit of images. It holds no Datum and no type, so that
 * pgr_filter_match can run under a buffer lock: whatever can raise or allocate was done when
 * it was compiled.
 */
typedef struct Test
{
	TestKind	kind;
	uint8		width;
	uint8		null_bit;
	uint16		null_byte;
	uint16		offset;
	int64		low;			/* range; any, all: the bits */
	int64		high;
	int64	   *set;			/* ascending, without duplicates */
	uint32		nset;
} Test;

/*
 * All conditions of a scan on filter columns, combined by AND. `never` is decided while they
 * are compiled, for instance for a comparison with NULL or an empty array; `tests` may then be
 * incomplete. `lossy` is true if any test may pass a row for which the condition is false, so
 * that the executor must recheck. Lives in the memory context of pgr_filter_compile, in one
 * piece but for the sets.
 */
struct PgrFilter
{
	bool		never;
	bool		lossy;
	int			ntests;
	Test		tests[FLEXIBLE_ARRAY_MEMBER];
};

/* ----------
 * Types
 * ----------
 */

/*
 * Bounds of a key that has the column's own type: both are its image. Memory as `image` needs
 * it.
 */
static void
bounds_same(const PgrFilterColumn *c, Datum key, Oid type, int64 *floor, int64 *ceiling)
{
	*floor = *ceiling = c->cls->image(c, key);
}

/*
 * The images below are the values themselves, widened to 64 bits. They allocate nothing and
 * never raise, because the values are passed by value or, for int8 and timestamps, are of
 * fixed length.
 */
static int64
image_bool(const PgrFilterColumn *c, Datum value)
{
	return DatumGetBool(value);
}

static int64
image_int2(const PgrFilterColumn *c, Datum value)
{
	return DatumGetInt16(value);
}

static int64
image_int4(const PgrFilterColumn *c, Datum value)
{
	return DatumGetInt32(value);
}

static int64
image_int8(const PgrFilterColumn *c, Datum value)
{
	return DatumGetInt64(value);
}

/*
 * Bounds of a key of any type in the family integer_ops. A key beyond the column's range needs
 * no special case: images are compared as int64, which has room for all three types.
 */
static void
bounds_integer(const PgrFilterColumn *c, Datum key, Oid type, int64 *floor, int64 *ceiling)
{
	*floor = *ceiling = type == INT2OID ? image_int2(c, key)
		: type == INT4OID ? image_int4(c, key) : image_int8(c, key);
}

static int64
image_date(const PgrFilterColumn *c, Datum value)
{
	return DatumGetDateADT(value);
}

/*
 * Bounds for a date column. A timestamp within a day lies between two dates, so that floor and
 * ceiling differ and `=` matches nothing. Infinite timestamps become the dates' own
 * infinities, which sort as they do. A timestamptz never comes here: the family has no such
 * operator, since its day depends on the session's time zone.
 */
static void
bounds_date(const PgrFilterColumn *c, Datum key, Oid type, int64 *floor, int64 *ceiling)
{
	Timestamp	t;

	if (type != TIMESTAMPOID)
	{
		bounds_same(c, key, type, floor, ceiling);
		return;
	}
	t = DatumGetTimestamp(key);
	if (TIMESTAMP_NOT_FINITE(t))
	{
		*floor = *ceiling = TIMESTAMP_IS_NOBEGIN(t) ? DATEVAL_NOBEGIN : DATEVAL_NOEND;
		return;
	}
	*floor = t / USECS_PER_DAY - (t % USECS_PER_DAY < 0);
	*ceiling = *floor + (t % USECS_PER_DAY != 0);
}

static int64
image_timestamp(const PgrFilterColumn *c, Datum value)
{
	return DatumGetTimestamp(value);
}

/*
 * Bounds for a timestamp or timestamptz column. Dates reach farther than timestamps: a date
 * that has no timestamp lies between the largest finite value and infinity (or between
 * -infinity and the smallest), so that it compares as core compares it and equals nothing. A
 * key without time zone for a timestamptz column is converted in the session's time zone, as
 * core's operators do; that is why core calls these operators stable, and why it is done once
 * a scan and not kept in the index.
 */
static void
bounds_timestamp(const PgrFilterColumn *c, Datum key, Oid type, int64 *floor, int64 *ceiling)
{
	int			overflow = 0;
	Timestamp	t;

	if (type == DATEOID && c->type == TIMESTAMPTZOID)
		t = date2timestamptz_opt_overflow(DatumGetDateADT(key), &overflow);
	else if (type == DATEOID)
		t = date2timestamp_opt_overflow(DatumGetDateADT(key), &overflow);
	else if (type == TIMESTAMPOID && c->type == TIMESTAMPTZOID)
		t = timestamp2timestamptz_opt_overflow(DatumGetTimestamp(key), &overflow);
	else
		t = DatumGetTimestamp(key);
	*floor = overflow > 0 ? PG_INT64_MAX - 1 : overflow < 0 ? PG_INT64_MIN : t;
	*ceiling = overflow > 0 ? PG_INT64_MAX : overflow < 0 ? PG_INT64_MIN + 1 : t;
}

/*
 * The first 8 bytes, most significant first, with the sign bit flipped: signed order of images
 * is then byte order of uuids, so a range of uuids is a range of images. Equal images do not
 * mean equal uuids, hence lossy. The first bytes, because those of version 7 hold the time.
 */
static int64
image_uuid(const PgrFilterColumn *c, Datum value)
{
	uint64		first;

	memcpy(&first, DatumGetUUIDP(value)->data, sizeof(first));
	return (int64) (pg_ntoh64(first) ^ (UINT64CONST(1) << 63));
}

/*
 * The label's oid. Only equality is offered for enums: order is by pg_enum.enumsortorder,
 * which ALTER TYPE can extend between two labels, and an image once stored cannot follow that.
 * An oid above 2^31 becomes negative, which equality does not mind.
 */
static int64
image_enum(const PgrFilterColumn *c, Datum value)
{
	return (int32) DatumGetObjectId(value);
}

/*
 * The type's own hash function under the column's collation, 32 bits. A value may be detoasted
 * by it, in the current memory context. Only equality is offered, and rows that pass are
 * rechecked.
 */
static int64
image_hash(const PgrFilterColumn *c, Datum value)
{
	return (int32) DatumGetUInt32(FunctionCall1Coll(c->hash, c->collation, value));
}

/*
 * A signature of 64 bits, one for each element's hash; NULL elements set none, because @> and
 * && are never true by them. Of 40 distinct elements half of the bits are set, of 200 all but
 * 4 % or so: such arrays pass most tests, which costs rechecks and no answers. Detoasts and
 * takes the array apart in the current memory context, 9 bytes an element, and leaves that to
 * whoever resets the context.
 */
static int64
image_array(const PgrFilterColumn *c, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	uint64		bits = 0;
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, c->elem_type, c->elem_len, c->elem_byval, c->elem_align,
					  &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			bits |= UINT64CONST(1) <<
				(DatumGetUInt32(FunctionCall1Coll(c->hash, c->collation, elems[i])) & 63);
	return (int64) bits;
}

/* An SQL function and its row: width, lossy, hashes, signature, image, bounds. */
#define FILTER_CLASS(function, ...) \
	static const PgrFilterClass function##_row = {__VA_ARGS__}; \
	PG_FUNCTION_INFO_V1(function); \
	Datum \
	function(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_POINTER(&function##_row); \
	}

FILTER_CLASS(pgr_bool_filter, 1, false, false, false, image_bool, bounds_same)
FILTER_CLASS(pgr_int2_filter, 2, false, false, false, image_int2, bounds_integer)
FILTER_CLASS(pgr_int4_filter, 4, false, false, false, image_int4, bounds_integer)
FILTER_CLASS(pgr_int8_filter, 8, false, false, false, image_int8, bounds_integer)
FILTER_CLASS(pgr_date_filter, 4, false, false, false, image_date, bounds_date)
FILTER_CLASS(pgr_timestamp_filter, 8, false, false, false, image_timestamp, bounds_timestamp)
FILTER_CLASS(pgr_uuid_filter, 8, true, false, false, image_uuid, bounds_same)
FILTER_CLASS(pgr_enum_filter, 4, false, false, false, image_enum, bounds_same)
FILTER_CLASS(pgr_hash_filter, 4, true, true, false, image_hash, bounds_same)
FILTER_CLASS(pgr_array_filter, 8, true, true, true, image_array, bounds_same)

/* ----------
 * Columns
 * ----------
 */

/*
 * Raises unless the first column's operator class is of vectors and each other's is of
 * filters. Checked by support functions, not by names, so that user-made classes over our
 * functions pass. Called when an index is made and whenever one is opened; it takes no lock
 * and allocates nothing that lasts.
 */
static void
check_classes(Relation index)
{
	const char *am = get_am_name(index->rd_rel->relam);
	int			n = IndexRelationGetNumberOfKeyAttributes(index);

	if (!OidIsValid(index_getprocid(index, 1, PGR_VECCLASS_PROC)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("first column of %s index must be the one that is searched by distance", am),
				 errhint("Columns to filter by follow it.")));
	for (int i = 2; i <= n; i++)
		if (!OidIsValid(index_getprocid(index, i, PGR_FILTER_PROC)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("only the first column of %s index can be searched by distance", am),
					 errhint("Make an index for each such column.")));
}

/*
 * Looks up the hash function of a column's type, or for signatures of its element type. It
 * stays in the type cache, which keeps its entries as long as the backend lives, so only a
 * pointer is taken. Raises 42883 where the type has no hash function, as core does for hash
 * joins. Raises 0A000 for a nondeterministic collation: PostgreSQL then hashes the collation
 * library's sort key, which another version of the library may make differently, and what is
 * stored would lose rows.
 */
static void
find_hash(PgrFilterColumn *c)
{
	Oid			type = c->type;
	TypeCacheEntry *entry;

	if (c->cls->signature)
	{
		type = c->elem_type = get_base_element_type(c->type);
		get_typlenbyvalalign(type, &c->elem_len, &c->elem_byval, &c->elem_align);
	}
	entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO);
	if (!OidIsValid(entry->hash_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s", format_type_be(type))));
	c->hash = &entry->hash_proc_finfo;
	if (OidIsValid(c->collation) && !get_collation_isdeterministic(c->collation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("nondeterministic collations are not supported for filter columns")));
}

PgrFilterColumns *
pgr_filter_columns(Relation index)
{
	int			n = IndexRelationGetNumberOfKeyAttributes(index) - 1;
	PgrFilterColumns *f;

	check_classes(index);
	if (n == 0)
		return NULL;
	f = palloc0(offsetof(PgrFilterColumns, columns) + n * sizeof(PgrFilterColumn));
	f->n = n;
	f->size = (n + 7) / 8;
	for (int i = 0; i < n; i++)
	{
		PgrFilterColumn *c = &f->columns[i];
		FmgrInfo   *proc = index_getprocinfo(index, i + 2, PGR_FILTER_PROC);

		c->cls = (const PgrFilterClass *) DatumGetPointer(FunctionCall1(proc,
																		PointerGetDatum(NULL)));
		c->type = index->rd_opcintype[i + 1];
		if (IsPolymorphicType(c->type))
			c->type = TupleDescAttr(RelationGetDescr(index), i + 1)->atttypid;
		c->collation = index->rd_indcollation[i + 1];
		if (c->cls->hashes)
			find_hash(c);
		c->offset = f->size;
		f->size += c->cls->width;
	}
	/* items lie one behind the other, and a tid in front of each is aligned to 2 bytes */
	f->size += f->size & 1;
	return f;
}

void
pgr_filter_image(const PgrFilterColumns *f, const Datum *values, const bool *isnull, char *image)
{
	memset(image, 0, f->size);
	for (int i = 0; i < f->n; i++)
	{
		const PgrFilterColumn *c = &f->columns[i];
		int64		v;

		if (isnull[i + 1])
		{
			image[i / 8] |= 1 << i % 8;
			continue;
		}
		v = c->cls->image(c, values[i + 1]);
		/* stored in the machine's byte order, as everything else in an index */
		switch (c->cls->width)
		{
			case 1:
				image[c->offset] = (int8) v;
				break;
			case 2:
				memcpy(image + c->offset, &(int16) {(int16) v}, 2);
				break;
			case 4:
				memcpy(image + c->offset, &(int32) {(int32) v}, 4);
				break;
			default:
				memcpy(image + c->offset, &v, 8);
		}
	}
}

/* ----------
 * Conditions
 * ----------
 */

/*
 * The images [*low, *high] that stand in a btree strategy's relation to a key; false if no
 * image can. floor and ceiling differ where the key falls between two values of the column's
 * type. For < the greatest image that qualifies is ceiling - 1 in either case; for > it is
 * floor + 1. Where images are lossy a row with the key's own image may still be below or above
 * it, so the image itself is included and the row rechecked. The two tests against the ends of
 * int64 keep the -1 and +1 from wrapping around. May raise what `bounds` raises (a timestamp
 * out of range).
 */
static bool
strategy_range(const PgrFilterColumn *c, StrategyNumber strategy, Datum key, Oid type,
			   int64 *low, int64 *high)
{
	int64		floor;
	int64		ceiling;
	bool		lossy = c->cls->lossy;

	c->cls->bounds(c, key, type, &floor, &ceiling);
	*low = PG_INT64_MIN;
	*high = PG_INT64_MAX;
	switch (strategy)
	{
		case BTLessStrategyNumber:
			if (!lossy && ceiling == PG_INT64_MIN)
				return false;
			*high = lossy ? floor : ceiling - 1;
			return true;
		case BTLessEqualStrategyNumber:
			*high = floor;
			return true;
		case BTEqualStrategyNumber:
			*low = *high = floor;
			return floor == ceiling;
		case BTGreaterEqualStrategyNumber:
			*low = ceiling;
			return true;
		case BTGreaterStrategyNumber:
			if (!lossy && floor == PG_INT64_MAX)
				return false;
			*low = lossy ? ceiling : floor + 1;
			return true;
		default:
			elog(ERROR, "unexpected strategy %d of a filter column", strategy);
			return false;
	}
}

/* Ascending, for qsort and bsearch: by comparison, since a difference could overflow. */
static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * key OP ANY (array): for `=` a set of images, sorted and without duplicates for a binary
 * search; for inequalities the union of the elements' ranges, which is one range since all are
 * open to the same side. NULL elements match nothing and are left out. False if no row can
 * pass, as with an empty array. The array is detoasted and taken apart, and the set allocated,
 * in the current memory context: that of the compiled filter, where 8 bytes an element stay
 * until the scan's next query. Bounded by the array, which is in memory anyway.
 */
static bool
compile_array(const PgrFilterColumn *c, const ScanKeyData *key, Oid type, Test *t)
{
	ArrayType  *array = DatumGetArrayTypeP(key->sk_argument);
	bool		equal = key->sk_strategy == BTEqualStrategyNumber;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	bool		any = false;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, &elems, &nulls, &n);
	t->kind = equal ? TEST_SET : TEST_RANGE;
	t->set = palloc(Max(n, 1) * sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		int64		low;
		int64		high;

		if (nulls[i] || !strategy_range(c, key->sk_strategy, elems[i], type, &low, &high))
			continue;
		if (equal)
			t->set[t->nset++] = low;
		t->low = any ? Min(t->low, low) : low;
		t->high = any ? Max(t->high, high) : high;
		any = true;
	}
	if (equal)
	{
		uint32		kept = 0;

		qsort(t->set, t->nset, sizeof(int64), compare_int64);
		for (uint32 i = 0; i < t->nset; i++)
			if (i == 0 || t->set[i] != t->set[kept - 1])
				t->set[kept++] = t->set[i];
		t->nset = kept;
	}
	return any;
}

/*
 * One operator with a key that is not NULL, into t; false if no row can pass. An array
 * column's && with an array that sets no bit is such a case (it has no element but NULLs),
 * while @> of an array without elements is true for all rows. sk_subtype is the key's type
 * where the operator's sides differ; InvalidOid stands for the operator class's own. Memory as
 * compile_array.
 */
static bool
compile_comparison(const PgrFilterColumn *c, const ScanKeyData *key, Test *t)
{
	Oid			type = OidIsValid(key->sk_subtype) ? key->sk_subtype : c->type;

	if (key->sk_flags & SK_SEARCHARRAY)
		return compile_array(c, key, type, t);
	if (key->sk_strategy != PGR_FILTER_OVERLAPS && key->sk_strategy != PGR_FILTER_CONTAINS)
	{
		t->kind = TEST_RANGE;
		return strategy_range(c, key->sk_strategy, key->sk_argument, type, &t->low, &t->high);
	}
	t->kind = key->sk_strategy == PGR_FILTER_OVERLAPS ? TEST_ANY : TEST_ALL;
	t->low = c->cls->image(c, key->sk_argument);
	return t->kind == TEST_ALL || t->low != 0;
}

/*
 * Adds one scan key's test to the filter; false if no row can pass. IS [NOT] NULL of the
 * vector column is answered without a test, because rows without a vector are not in the
 * index. A row comparison or a column beyond the filters would be a fault of ours, since core
 * builds keys from the operator classes alone; hence elog. `tests` has room for as many as
 * there are keys.
 */
static bool
compile_key(const PgrFilterColumns *f, const ScanKeyData *key, PgrFilter *filter)
{
	int			i = key->sk_attno - 2;
	const PgrFilterColumn *c;
	Test	   *t = &filter->tests[filter->ntests];

	/* column 1 is the vector, which is not null in the index; attribute 2 is columns[0] */
	if (i < 0 && (key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)))
		return (key->sk_flags & SK_SEARCHNOTNULL) != 0;
	if (i < 0 || f == NULL || i >= f->n || (key->sk_flags & (SK_ROW_HEADER | SK_ROW_MEMBER)))
		elog(ERROR, "unexpected scan key of a filter column");
	c = &f->columns[i];
	*t = (Test) {.width = c->cls->width, .offset = c->offset,
		.null_byte = i / 8, .null_bit = 1 << i % 8};
	filter->ntests++;
	if (key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL))
	{
		t->kind = key->sk_flags & SK_SEARCHNULL ? TEST_NULL : TEST_NOT_NULL;
		return true;
	}
	if (key->sk_flags & SK_ISNULL)
		return false;
	filter->lossy |= c->cls->lossy;
	return compile_comparison(c, key, t);
}

PgrFilter *
pgr_filter_compile(const PgrFilterColumns *f, const ScanKeyData *keys, int nkeys)
{
	PgrFilter  *filter = palloc0(offsetof(PgrFilter, tests) + nkeys * sizeof(Test));

	for (int i = 0; i < nkeys && !filter->never; i++)
		filter->never = !compile_key(f, &keys[i], filter);
	return filter;
}

bool
pgr_filter_never(const PgrFilter *filter)
{
	return filter->never;
}

bool
pgr_filter_always(const PgrFilter *filter)
{
	return filter->ntests == 0 && !filter->never;
}

bool
pgr_filter_is_lossy(const PgrFilter *filter)
{
	return filter->lossy;
}

/*
 * The image of `width` bytes at an address of any alignment, sign-extended as pgr_filter_image
 * cut it off. By memcpy: an item lies behind a tid of 6 bytes. Called for each row under the
 * lock of its page; it neither allocates nor raises.
 */
static inline int64
load_image(const char *at, uint8 width)
{
	int64		v8;
	int32		v4;
	int16		v2;

	switch (width)
	{
		case 1:
			return (int8) *at;
		case 2:
			memcpy(&v2, at, 2);
			return v2;
		case 4:
			memcpy(&v4, at, 4);
			return v4;
		default:
			memcpy(&v8, at, 8);
			return v8;
	}
}

/*
 * Whether an image is in the test's sorted set. log2 of the elements comparisons: an IN of a
 * thousand costs ten a row, where a hash table would need memory that the filter does not
 * have.
 */
static bool
set_contains(const Test *t, int64 v)
{
	return bsearch(&v, t->set, t->nset, sizeof(int64), compare_int64) != NULL;
}

bool
pgr_filter_match(const PgrFilter *filter, const char *image)
{
	for (int i = 0; i < filter->ntests; i++)
	{
		const Test *t = &filter->tests[i];
		bool		null = (image[t->null_byte] & t->null_bit) != 0;
		int64		v;
		bool		pass;

		if (null != (t->kind == TEST_NULL))
			return false;
		if (t->kind == TEST_NULL || t->kind == TEST_NOT_NULL)
			continue;
		v = load_image(image + t->offset, t->width);
		switch (t->kind)
		{
			case TEST_RANGE:
				pass = t->low <= v && v <= t->high;
				break;
			case TEST_SET:
				pass = set_contains(t, v);
				break;
			case TEST_ANY:
				pass = (v & t->low) != 0;
				break;
			default:
				pass = (v & t->low) == t->low;
		}
		if (!pass)
			return false;
	}
	return !filter->never;
}
