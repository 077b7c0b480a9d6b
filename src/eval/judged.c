/*
 * judged.c
 *		Collecting the rows of a topic (transition, combine, serialisation of the
 *		metric aggregates) and ranking them.
 *
 * A row says of one document what the run says (score, or NULL: not retrieved)
 * and what the qrels say (grade, or NULL: not judged), which is what a FULL JOIN
 * of both gives. A state in memory is shared by aggregates with the same
 * arguments, so nothing here or in a final function changes it but adding.
 */
#include "postgres.h"

#include <math.h>

#include "eval/judged.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* --- adding rows --- */

static PgrJudgedList *
list_make(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrJudgedList *list = palloc0(sizeof(PgrJudgedList));

	list->context = context;
	list->capacity = 32;
	list->docs = palloc(sizeof(PgrJudgedDoc) * list->capacity);
	initStringInfo(&list->names);
	MemoryContextSwitchTo(old);
	return list;
}

/* Appends a copy of doc under a name; names longer than 1 GB in sum raise. */
static void
list_add(PgrJudgedList *list, PgrJudgedDoc doc, const char *name, int name_len)
{
	if (list->count == list->capacity)
	{
		Size		size = mul_size(sizeof(PgrJudgedDoc), mul_size(list->capacity, 2));

		list->docs = repalloc_huge(list->docs, size);
		list->capacity *= 2;
	}
	doc.name = list->names.len;
	doc.name_len = name_len;
	appendBinaryStringInfo(&list->names, name, name_len);
	list->docs[list->count++] = doc;
}

static void
list_set_k(PgrJudgedList *list, bool has_k, int32 k)
{
	if (has_k && k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cutoff must be at least 1")));
	if (list->count > 0 && (list->has_k != has_k || list->k != k))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cutoff must be the same in all rows of a topic")));
	list->has_k = has_k;
	list->k = k;
}

/* (state, doc text, score float8, grade integer [, k integer]) */
PG_FUNCTION_INFO_V1(pgr_judged_add);
Datum
pgr_judged_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	PgrJudgedList *list = PG_ARGISNULL(0) ? NULL : (PgrJudgedList *) PG_GETARG_POINTER(0);
	bool		has_k = PG_NARGS() > 4 && !PG_ARGISNULL(4);
	PgrJudgedDoc doc = {0};
	text	   *name;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "judged_add called in non-aggregate context");
	if (list == NULL)
		list = list_make(context);
	list_set_k(list, has_k, has_k ? PG_GETARG_INT32(4) : 0);

	doc.retrieved = !PG_ARGISNULL(2);
	doc.graded = !PG_ARGISNULL(3);
	if (!doc.retrieved && !doc.graded)
		PG_RETURN_POINTER(list);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("document must not be null")));
	doc.score = doc.retrieved ? PG_GETARG_FLOAT8(2) : 0;
	doc.grade = doc.graded ? PG_GETARG_INT32(3) : 0;
	if (isnan(doc.score))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must not be NaN")));
	name = PG_GETARG_TEXT_PP(1);
	list_add(list, doc, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	PG_RETURN_POINTER(list);
}

/* --- parallel and distributed aggregation --- */

PG_FUNCTION_INFO_V1(pgr_judged_combine);
Datum
pgr_judged_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	PgrJudgedList *a = PG_ARGISNULL(0) ? NULL : (PgrJudgedList *) PG_GETARG_POINTER(0);
	PgrJudgedList *b = PG_ARGISNULL(1) ? NULL : (PgrJudgedList *) PG_GETARG_POINTER(1);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "judged_combine called in non-aggregate context");
	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = list_make(context);
	if (b->count > 0)
		list_set_k(a, b->has_k, b->k);
	for (int i = 0; i < b->count; i++)
		list_add(a, b->docs[i], b->names.data + b->docs[i].name, b->docs[i].name_len);
	PG_RETURN_POINTER(a);
}

PG_FUNCTION_INFO_V1(pgr_judged_serialize);
Datum
pgr_judged_serialize(PG_FUNCTION_ARGS)
{
	PgrJudgedList *list = (PgrJudgedList *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, list->has_k);
	pq_sendint32(&buf, list->k);
	pq_sendint32(&buf, list->count);
	for (int i = 0; i < list->count; i++)
	{
		PgrJudgedDoc *doc = &list->docs[i];

		pq_sendfloat8(&buf, doc->score);
		pq_sendint32(&buf, doc->grade);
		pq_sendbyte(&buf, doc->retrieved | doc->graded << 1);
		pq_sendint32(&buf, doc->name_len);
		pq_sendbytes(&buf, list->names.data + doc->name, doc->name_len);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

PG_FUNCTION_INFO_V1(pgr_judged_deserialize);
Datum
pgr_judged_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *state = PG_GETARG_BYTEA_PP(0);
	PgrJudgedList *list = list_make(CurrentMemoryContext);
	StringInfoData buf;
	int			count;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	list->has_k = pq_getmsgbyte(&buf);
	list->k = pq_getmsgint(&buf, 4);
	count = pq_getmsgint(&buf, 4);
	for (int i = 0; i < count; i++)
	{
		PgrJudgedDoc doc = {0};
		int			flags,
					len;

		doc.score = pq_getmsgfloat8(&buf);
		doc.grade = pq_getmsgint(&buf, 4);
		flags = pq_getmsgbyte(&buf);
		doc.retrieved = flags & 1;
		doc.graded = flags >> 1 & 1;
		len = pq_getmsgint(&buf, 4);
		list_add(list, doc, pq_getmsgbytes(&buf, len), len);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(list);
}

/* --- ranking --- */

static int
compare_names(const PgrJudgedList *list, const PgrJudgedDoc *a, const PgrJudgedDoc *b)
{
	int			cmp = memcmp(list->names.data + a->name, list->names.data + b->name,
							 Min(a->name_len, b->name_len));

	return cmp != 0 ? cmp : a->name_len - b->name_len;
}

static int
by_name(const void *pa, const void *pb, void *list)
{
	CHECK_FOR_INTERRUPTS();		/* a topic may be of millions of rows */
	return compare_names(list, *(const PgrJudgedDoc *const *) pa,
						 *(const PgrJudgedDoc *const *) pb);
}

/* score descending, then name descending */
static int
by_rank(const void *pa, const void *pb, void *list)
{
	const PgrJudgedDoc *a = *(const PgrJudgedDoc *const *) pa;
	const PgrJudgedDoc *b = *(const PgrJudgedDoc *const *) pb;

	CHECK_FOR_INTERRUPTS();
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return compare_names(list, b, a);
}

static int
descending(const void *a, const void *b)
{
	int32		x = *(const int32 *) a,
				y = *(const int32 *) b;

	return x > y ? -1 : x < y;
}

/*
 * Sorts pointers by name and makes two rows of one document (the run's and the
 * qrels', from a UNION ALL) one; a second score or grade is an error, as in
 * trec_eval: a metric over it would be silently wrong. Returns the new count.
 */
static int
merge_documents(const PgrJudgedList *list, PgrJudgedDoc **docs, int n)
{
	int			out = 0;

	qsort_arg(docs, n, sizeof(*docs), by_name, (void *) list);
	for (int i = 0; i < n; i++)
	{
		PgrJudgedDoc *last = out > 0 ? docs[out - 1] : NULL;
		PgrJudgedDoc *doc = docs[i];
		PgrJudgedDoc *merged;

		if (last == NULL || compare_names(list, last, doc) != 0)
		{
			docs[out++] = doc;
			continue;
		}
		if ((last->retrieved && doc->retrieved) || (last->graded && doc->graded))
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("document \"%.*s\" appears twice in a topic",
							doc->name_len, list->names.data + doc->name)));
		merged = palloc(sizeof(PgrJudgedDoc));
		*merged = last->retrieved ? *last : *doc;
		merged->graded = true;
		merged->grade = last->graded ? last->grade : doc->grade;
		docs[out - 1] = merged;
	}
	return out;
}

void
pgr_judged_rank(const PgrJudgedList *list, PgrRanking *ranking)
{
	int			n = list->count;
	PgrJudgedDoc **docs = MemoryContextAllocHuge(CurrentMemoryContext,
												 mul_size(sizeof(*docs), Max(n, 1)));
	int			retrieved = 0;

	for (int i = 0; i < n; i++)
		docs[i] = &list->docs[i];
	n = merge_documents(list, docs, n);

	memset(ranking, 0, sizeof(*ranking));
	ranking->grades = palloc_extended(mul_size(sizeof(int32), Max(n, 1)), MCXT_ALLOC_HUGE);
	ranking->ideal = palloc_extended(mul_size(sizeof(int32), Max(n, 1)), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		if (docs[i]->graded)
		{
			ranking->ideal[ranking->judged++] = docs[i]->grade;
			ranking->relevant += docs[i]->grade >= 1;
		}
		if (docs[i]->retrieved)
			docs[retrieved++] = docs[i];
	}
	qsort(ranking->ideal, ranking->judged, sizeof(int32), descending);
	qsort_arg(docs, retrieved, sizeof(*docs), by_rank, (void *) list);
	/* a negative grade is "in the pool, not judged", as in trec_eval */
	for (int i = 0; i < retrieved; i++)
		ranking->grades[i] = docs[i]->graded && docs[i]->grade >= 0 ?
			docs[i]->grade : PGR_NOT_JUDGED;
	ranking->retrieved = retrieved;
	pfree(docs);
}
