/*
 * inspect_inverted.c
 *		What a bm25 or inverted index holds, as SQL functions.
 *
 * Terms and their numbers tell of content, so these functions ask for the rights
 * of a reader of the whole table; what changes the index asks for its owner.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/compat.h"
#include "base/index_access.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "funcapi.h"
#include "inspect/inspect.h"
#include "inverted/inverted.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
is_inverted(Relation index)
{
	return index->rd_indam != NULL && index->rd_indam->ambuild == pgr_inv_build;
}

PGR_NORETURN static void
not_inverted(Relation index)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" is not an index of access method bm25 or inverted",
					RelationGetRelationName(index))));
}

void
pgr_inspect_refuse_partitioned(Relation index)
{
	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", RelationGetRelationName(index)),
				 errhint("Name the index of a partition.")));
}

Relation
pgr_inspect_open(Oid oid, LOCKMODE lock, bool owner)
{
	Relation	index;

	/* whether the caller may, before anybody can be in his way */
	if (owner)
		pgr_index_check_owner(oid);
	else
		pgr_index_check_access(oid);
	index = try_relation_open(oid, lock);
	if (index == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index with OID %u does not exist", oid)));
	pgr_inspect_refuse_partitioned(index);
	if (index->rd_rel->relkind != RELKIND_INDEX || !is_inverted(index))
		not_inverted(index);
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	if (!index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(index))));
	return index;
}

/* What bm25_stats tells, of one index or summed up. */
typedef struct IndexTotals
{
	uint64		ndocs;
	uint64		ndead;
	uint64		nnulls;
	uint64		length;
	uint64		segments;
	uint64		pending;
	uint64		pages;			/* pending */
	PgrSpaceStats space;
} IndexTotals;

static void
add_totals(IndexTotals *t, Relation index)
{
	PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));
	PgrPendingDocs pending;
	PgrSegShape shape;
	PgrLexTerm	no_term = {0};
	PgrSpaceStats space;

	pgr_inv_meta_copy(index, meta);
	shape = pgr_inv_pending_shape(meta);
	/* counts only: no document has one of no terms */
	pgr_pending_read(&(PgrPendingArea) {
					 .index = index, .shape = &shape, .kind = meta->kind,
					 .extents = meta->pending, .nextents = meta->npending, .terms = &no_term
					 }, 0, &pending);
	t->ndocs += pending.ndocs;
	t->nnulls += pending.nnulls;
	t->length += pending.sum_length;
	t->ndead += pending.ndead;
	for (uint32 i = 0; i < meta->nsegments; i++)
	{
		t->ndocs += meta->segments[i].ndocs;
		t->nnulls += meta->segments[i].nnulls;
		t->ndead += meta->segments[i].ndead;
		t->length += meta->segments[i].sum_length;
	}
	t->segments += meta->nsegments;
	t->pending += (uint64) pending.ndocs + pending.nnulls;
	for (uint32 i = 0; i < meta->npending; i++)
		t->pages += meta->pending[i].used;
	pgr_space_stats(index, &space);
	t->space.owned += space.owned;
	t->space.retired += space.retired;
	t->space.free += space.free;
}

/* Of a partitioned index: all its partitions' indexes. Its rights are the parent's. */
static void
add_partitions(IndexTotals *t, Oid parent)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(parent, AccessShareLock, NULL))
	{
		Relation	index;

		CHECK_FOR_INTERRUPTS();
		if (lfirst_oid(lc) == parent)
			continue;
		index = relation_open(lfirst_oid(lc), NoLock);
		if (index->rd_rel->relkind == RELKIND_INDEX && index->rd_index->indisvalid)
			add_totals(t, index);
		relation_close(index, AccessShareLock);
	}
}

static bool
is_partitioned(Oid oid)
{
	if (get_rel_relkind(oid) != RELKIND_PARTITIONED_INDEX)
		return false;
	pgr_index_check_access(oid);
	return true;
}

static Relation
open_partitioned(Oid oid)
{
	Relation	index = relation_open(oid, AccessShareLock);

	if (!is_inverted(index))
		not_inverted(index);
	return index;
}

PG_FUNCTION_INFO_V1(pgr_bm25_stats);
Datum
pgr_bm25_stats(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	bool		parent = is_partitioned(oid);
	Relation	index = parent ? open_partitioned(oid) :
		pgr_inspect_open(oid, AccessShareLock, false);
	IndexTotals t = {0};
	TupleDesc	desc;
	Datum		values[11];
	bool		nulls[11] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (parent)
		add_partitions(&t, oid);
	else
		add_totals(&t, index);
	values[0] = Int64GetDatum(t.ndocs);
	values[1] = Int64GetDatum(t.ndead);
	values[2] = Int64GetDatum(t.nnulls);
	values[3] = Float8GetDatum(t.ndocs > 0 ? (double) t.length / t.ndocs : 0);
	values[4] = Int64GetDatum(t.length);
	values[5] = Int32GetDatum((int32) t.segments);
	values[6] = Int64GetDatum(t.pending);
	values[7] = Int32GetDatum((int32) t.pages);
	values[8] = Int64GetDatum(t.space.owned);
	values[9] = Int64GetDatum(t.space.retired);
	values[10] = Int64GetDatum(t.space.free);
	relation_close(index, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* --- terms ------------------------------------------------------------------------- */

/* The next term of any source: segments through iterators, pending terms sorted. */
typedef struct TermSource
{
	PgrTermIter *iter;
	const char *term;
	uint32		len;
	PgrTermInfo info;
	bool		done;
} TermSource;

static void
source_next(TermSource *s)
{
	s->done = !pgr_term_iter_next(s->iter, &s->term, &s->len, &s->info);
}

static int
compare_lex_terms(const void *a, const void *b)
{
	const PgrLexTerm *x = a,
			   *y = b;

	return pgr_lex_compare(x->bytes, x->len, y->bytes, y->len);
}

/* Terms of pending documents that begin with a prefix. */
typedef struct PendingTerms
{
	const char *prefix;
	uint32		len;
	PgrLexTerm *terms;
	int			n;
	int			size;
} PendingTerms;

static void
add_pending_terms(void *arg, const PgrPendingDoc *d)
{
	PendingTerms *p = arg;

	for (int t = 0; t < d->doc.nterms; t++)
	{
		const PgrLexTerm *term = &d->doc.terms[t];

		if (term->len < p->len || memcmp(term->bytes, p->prefix, p->len) != 0)
			continue;
		if (p->n == p->size)
		{
			p->size *= 2;
			p->terms = repalloc_huge(p->terms, mul_size(p->size, sizeof(PgrLexTerm)));
		}
		p->terms[p->n] = *term;
		p->terms[p->n++].bytes = pnstrdup(term->bytes, term->len);
	}
}

/* All of them, sorted. */
static PgrLexTerm *
pending_terms(PgrInvView *view, const char *prefix, uint32 len, int *n)
{
	PendingTerms p = {prefix, len, palloc(64 * sizeof(PgrLexTerm)), 0, 64};

	pgr_view_pending(view, add_pending_terms, &p);
	if (p.n > 0)
		qsort(p.terms, p.n, sizeof(PgrLexTerm), compare_lex_terms);
	*n = p.n;
	return p.terms;
}

static void
put_term(ReturnSetInfo *rsinfo, const char *term, uint32 len, uint64 df, uint64 cf)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = PointerGetDatum(cstring_to_text_with_len(term, len));
	values[1] = Int64GetDatum(df);
	values[2] = Int64GetDatum(cf);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(pgr_bm25_terms);
Datum
pgr_bm25_terms(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *prefix = PG_GETARG_TEXT_PP(1);
	const char *p = VARDATA_ANY(prefix);
	uint32		plen = VARSIZE_ANY_EXHDR(prefix);
	Relation	index = pgr_inspect_open(PG_GETARG_OID(0), AccessShareLock, false);
	PgrInvView *view;
	TermSource *sources;
	PgrLexTerm *pending;
	int			npending,
				at = 0;

	InitMaterializedSRF(fcinfo, 0);
	view = pgr_view_open(index, NULL, 0);
	if (!pgr_inv_is_bm25(index))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not of access method bm25",
						RelationGetRelationName(index))));
	pending = pending_terms(view, p, plen, &npending);
	sources = palloc0(Max(view->meta.nsegments, 1) * sizeof(TermSource));
	for (uint32 i = 0; i < view->meta.nsegments; i++)
	{
		sources[i].iter = pgr_term_iter_begin(view->segments[i], p, plen);
		source_next(&sources[i]);
	}
	for (;;)
	{
		const char *best = NULL;
		char	   *copy;
		uint32		len = 0;
		uint64		df = 0,
					cf = 0;

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < view->meta.nsegments; i++)
		{
			TermSource *s = &sources[i];

			if (!s->done &&
				(best == NULL || pgr_lex_compare(s->term, s->len, best, len) < 0))
			{
				best = s->term;
				len = s->len;
			}
		}
		if (at < npending && (best == NULL ||
							  pgr_lex_compare(pending[at].bytes, pending[at].len, best, len) < 0))
		{
			best = pending[at].bytes;
			len = pending[at].len;
		}
		if (best == NULL || len < plen || memcmp(best, p, plen) != 0)
			break;
		copy = pnstrdup(best, len);
		for (uint32 i = 0; i < view->meta.nsegments; i++)
		{
			if (!sources[i].done &&
				pgr_lex_compare(sources[i].term, sources[i].len, copy, len) == 0)
			{
				df += sources[i].info.df;
				cf += sources[i].info.cf;
				source_next(&sources[i]);
			}
		}
		while (at < npending &&
			   pgr_lex_compare(pending[at].bytes, pending[at].len, copy, len) == 0)
		{
			df++;
			cf += pending[at++].tf;
		}
		put_term(rsinfo, copy, len, df, cf);
		pfree(copy);
	}
	for (uint32 i = 0; i < view->meta.nsegments; i++)
		pgr_term_iter_end(sources[i].iter);
	pgr_view_close(view);
	relation_close(index, AccessShareLock);
	return (Datum) 0;
}

/* --- maintenance ---------------------------------------------------------------------- */

PG_FUNCTION_INFO_V1(pgr_bm25_merge);
Datum
pgr_bm25_merge(PG_FUNCTION_ARGS)
{
	Relation	index;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recovery is in progress"),
				 errhint("An index can be merged on the primary server only.")));
	index = pgr_inspect_open(PG_GETARG_OID(0), RowExclusiveLock, true);
	pgr_inv_maintain(index, true);
	relation_close(index, RowExclusiveLock);
	PG_RETURN_VOID();
}
