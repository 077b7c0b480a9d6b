/*
 * dense_stubs.h
 *		The SQL-callable functions of a dense type, as calls of what dense*.c and
 *		accum.c do for any element. Included once per type, after
 *
 *			#define PGR_TYPE vector			SQL name, used in C names
 *			#define PGR_TYPE_ELEM PGR_ELEM_F32
 *
 * No include guard: that is the point. C names are pgr_<type>_<function>.
 */
#define FN(name) CppConcat3(pgr_, PGR_TYPE, name)
#define CppConcat3(a, b, c) CppConcat3_(a, b, c)
#define CppConcat3_(a, b, c) a##b##c
#define TYPE (&CppConcat3(pgr_, PGR_TYPE, _type))

#define STUB(name, body) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) { body; } \
	extern int	pgr_no_such_variable

/* input, output, casts */
STUB(FN(_in), return pgr_dense_in(TYPE, fcinfo));
STUB(FN(_out), return pgr_dense_out(TYPE, fcinfo));
STUB(FN(_recv), return pgr_dense_recv(TYPE, fcinfo));
STUB(FN(_send), return pgr_dense_send(TYPE, fcinfo));
STUB(FN(_typmod_in), PG_RETURN_INT32(pgr_typmod_in(TYPE, PG_GETARG_ARRAYTYPE_P(0))));
STUB(FN(_coerce), return pgr_dense_coerce(TYPE, fcinfo));
STUB(FN(_from_array), return pgr_dense_from_array(TYPE, fcinfo));
STUB(FN(_to_array), return pgr_dense_to_array(TYPE, fcinfo));

/*
 * Distances are the inner loop of exact search: straight from the arguments to
 * the kernel, with element and metric known at compile time.
 */
#define DISTANCE(name, metric, result) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		PgrDense   *a = (PgrDense *) pgr_getarg_detoasted(fcinfo, 0); \
		PgrDense   *b = (PgrDense *) pgr_getarg_detoasted(fcinfo, 1); \
		double		d; \
		pgr_dense_check_same_dim(TYPE, a, b); \
		d = pgr_kernel->dist[PGR_TYPE_ELEM][metric] (a->data, b->data, a->dim); \
		PG_RETURN_FLOAT8(result); \
	} \
	extern int	pgr_no_such_variable;
#define OPERATOR(name, metric) DISTANCE(FN(_##name), metric, pgr_distance_finish(metric, d))

PGR_VECTOR_DISTANCES(OPERATOR)
DISTANCE(FN(_l2_squared_distance), PGR_METRIC_L2, pgr_single_range(d))
DISTANCE(FN(_inner_product), PGR_METRIC_IP, pgr_single_range(d))
DISTANCE(FN(_spherical_distance), PGR_METRIC_IP, pgr_spherical_distance(d))
STUB(FN(_within), return pgr_dense_within(TYPE, fcinfo));
STUB(FN(_distance_support),
	 return pgr_distance_support(fcinfo, PGR_DENSE_VALUE_SIZE(TYPE)));

/* arithmetic and functions */
STUB(FN(_add), return pgr_dense_arith(TYPE, fcinfo, PGR_ARITH_ADD));
STUB(FN(_sub), return pgr_dense_arith(TYPE, fcinfo, PGR_ARITH_SUB));
STUB(FN(_mul), return pgr_dense_arith(TYPE, fcinfo, PGR_ARITH_MUL));
STUB(FN(_concat), return pgr_dense_concat(TYPE, fcinfo));
STUB(FN(_dims), PG_RETURN_INT32(pgr_dense_dim(PG_GETARG_DATUM(0))));
STUB(FN(_norm), return pgr_dense_norm(TYPE, fcinfo));
STUB(FN(_l2_normalize), return pgr_dense_normalize(TYPE, fcinfo));
STUB(FN(_binary_quantize), return pgr_dense_binary_quantize(TYPE, fcinfo));
STUB(FN(_subvector), return pgr_dense_subvector(TYPE, fcinfo));

/* comparison and hashing */
STUB(FN(_lt), PG_RETURN_BOOL(pgr_dense_cmp(TYPE, fcinfo) < 0));
STUB(FN(_le), PG_RETURN_BOOL(pgr_dense_cmp(TYPE, fcinfo) <= 0));
STUB(FN(_eq), PG_RETURN_BOOL(pgr_dense_equal(TYPE, fcinfo)));
STUB(FN(_ne), PG_RETURN_BOOL(!pgr_dense_equal(TYPE, fcinfo)));
STUB(FN(_ge), PG_RETURN_BOOL(pgr_dense_cmp(TYPE, fcinfo) >= 0));
STUB(FN(_gt), PG_RETURN_BOOL(pgr_dense_cmp(TYPE, fcinfo) > 0));
STUB(FN(_cmp), PG_RETURN_INT32(pgr_dense_cmp(TYPE, fcinfo)));
STUB(FN(_hash), PG_RETURN_UINT32((uint32) pgr_dense_hash(TYPE, fcinfo, 0)));
STUB(FN(_hash_extended),
	 PG_RETURN_UINT64(pgr_dense_hash(TYPE, fcinfo, PG_GETARG_INT64(1))));

/* aggregates */
STUB(FN(_accum), return pgr_accum_add(TYPE, fcinfo, false));
STUB(FN(_sum_accum), return pgr_accum_add(TYPE, fcinfo, true));
STUB(FN(_combine), return pgr_accum_combine(TYPE, fcinfo));
STUB(FN(_avg), return pgr_accum_final(TYPE, fcinfo, false));
STUB(FN(_sum), return pgr_accum_final(TYPE, fcinfo, true));

#undef OPERATOR
#undef DISTANCE
#undef STUB
#undef TYPE
#undef CppConcat3_
#undef CppConcat3
#undef FN
#undef PGR_TYPE
#undef PGR_TYPE_ELEM
