/*
 * dense.h
 *		vector and halfvec: one varlena layout and one set of functions, told
 *		apart by the element type. Byte for byte pgvector's layout.
 *
 * The SQL-callable functions are stubs made by dense_stubs.h, included once per
 * type; what they do is here and in dense*.c, written once.
 */
#ifndef PGR_DENSE_H
#define PGR_DENSE_H

#include "postgres.h"

#include "base/argcache.h"
#include "fmgr.h"
#include "kernel/kernel.h"
#include "types/distance.h"
#include "types/distance_cost.h"
#include "types/elem.h"

#define PGR_DENSE_MAX_DIM 16000

typedef struct PgrDense
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* number of elements */
	int16		unused;			/* zero on disk and on the wire */
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* dim elements, 4-byte aligned */
} PgrDense;

StaticAssertDecl(offsetof(PgrDense, data) == 8, "vector header is 8 bytes");

#define PGR_DENSE_SIZE(type, dim) \
	(offsetof(PgrDense, data) + (type)->ops->size * (Size) (dim))
/* for the planner; a value of unknown dimension is taken for one of 768 */
#define PGR_DENSE_VALUE_SIZE(type) \
	((PgrValueSize) {offsetof(PgrDense, data), (type)->ops->size * BITS_PER_BYTE, \
		PGR_DENSE_SIZE(type, 768)})
#define DatumGetPgrDense(d) ((PgrDense *) PG_DETOAST_DATUM(d))
#define PG_GETARG_DENSE_P(n) DatumGetPgrDense(PG_GETARG_DATUM(n))

/*
 * The dense types, DO(type, element). A further one is a row here and in
 * sql/install/tables.tbl, and a file that includes dense_stubs.h.
 */
#define PGR_DENSE_TYPES(DO) \
	DO(vector, PGR_ELEM_F32) \
	DO(halfvec, PGR_ELEM_F16)

#define PGR_DENSE_TYPE_EXTERN(type, elem) extern const PgrTypeInfo pgr_##type##_type;
PGR_DENSE_TYPES(PGR_DENSE_TYPE_EXTERN)

/* --- dense.c: construction, input, output --- */

/* A zeroed value of dim elements in the current context; dim was checked. */
extern PgrDense *pgr_dense_make(const PgrTypeInfo *type, int dim);

/*
 * From single-precision numbers, each checked for NaN, infinity and the
 * element's range, and their count against limit and typmod.
 */
extern PgrDense *pgr_dense_from_floats(const PgrTypeInfo *type, const float *x,
									   int dim, int32 typmod);

/* The elements in single precision: v's own where that is what they are. */
extern const float *pgr_dense_floats(const PgrTypeInfo *type, const PgrDense *v);

/* The number of elements; reads a few bytes only of an out-of-line value. */
extern int	pgr_dense_dim(Datum d);

extern Datum pgr_dense_in(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_out(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_recv(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_send(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_coerce(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_from_array(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_to_array(const PgrTypeInfo *type, FunctionCallInfo fcinfo);

/* (from, typmod of to, explicit) -> to */
extern Datum pgr_dense_cast(const PgrTypeInfo *from, const PgrTypeInfo *to,
							FunctionCallInfo fcinfo);

/* --- dense_ops.c: operators and functions --- */

typedef enum PgrArith
{
	PGR_ARITH_ADD,
	PGR_ARITH_SUB,
	PGR_ARITH_MUL
} PgrArith;

extern Datum pgr_dense_arith(const PgrTypeInfo *type, FunctionCallInfo fcinfo,
							 PgrArith op);
extern Datum pgr_dense_concat(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern int	pgr_dense_cmp(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern bool pgr_dense_equal(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern uint64 pgr_dense_hash(const PgrTypeInfo *type, FunctionCallInfo fcinfo,
							 uint64 seed);
extern Datum pgr_dense_norm(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_normalize(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_binary_quantize(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern Datum pgr_dense_subvector(const PgrTypeInfo *type, FunctionCallInfo fcinfo);
extern double pgr_dense_distance(const PgrTypeInfo *type, const PgrDense *a,
								 const PgrDense *b, PgrMetric metric);
extern Datum pgr_dense_within(const PgrTypeInfo *type, FunctionCallInfo fcinfo);

/* angle between unit vectors in units of pi, from their inner product */
extern double pgr_spherical_distance(double inner_product);

static inline void
pgr_dense_check_same_dim(const PgrTypeInfo *type, const PgrDense *a,
						 const PgrDense *b)
{
	if (unlikely(a->dim != b->dim))
		pgr_error_dims(type, a->dim, b->dim);
}

#endif							/* PGR_DENSE_H */
