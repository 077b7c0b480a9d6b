/*
 * compare.c
 *		A segment against its model: directory, dictionary, every posting, random
 *		walks of cursors, soundness of bounds. Raises at the first difference.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "segmod.h"
#include "segment/segment_postings.h"
#include "segment/segment_read.h"
#include "utils/memutils.h"

static void
check_rows(PgrSegment *seg, const Model *m)
{
	uint8		norms[PGR_MAX_FIELDS];
	ItemPointerData tid;

	for (uint32 i = 0; i < m->ndocs; i++)
	{
		const PgrSegDoc *d = &m->docs[i];

		pgr_segment_tid(seg, i, &tid);
		CHECK(ItemPointerEquals(&tid, (ItemPointer) &d->tid));
		CHECK(pgr_segment_norm(seg, i) == d->norm);
		CHECK(pgr_segment_hash(seg, i) == (m->shape.hashes ? d->hash : 0));
		CHECK(pgr_segment_dead(seg, i) == m->dead[i]);
		if (m->shape.norms && m->shape.nfields > 1)
		{
			pgr_segment_field_norms(seg, i, norms);
			CHECK(memcmp(norms, d->field_norm, m->shape.nfields) == 0);
		}
	}
	for (uint32 i = 0; i < m->nnulls; i++)
	{
		pgr_segment_tid(seg, m->ndocs + i, &tid);
		CHECK(ItemPointerEquals(&tid, &m->nulls[i]));
		CHECK(pgr_segment_dead(seg, m->ndocs + i) == m->dead[m->ndocs + i]);
	}
	for (int i = 0; i < 500 && m->ndocs > 0; i++)
	{
		uint32		doc = model_below(m->ndocs);

		CHECK(pgr_segment_norm(seg, doc) == m->docs[doc].norm);
		CHECK(pgr_segment_dead(seg, doc) == m->dead[doc]);
	}
}

/* Occurrences of the posting that the cursor stands on, the term's i-th. */
static void
check_occurrences(PgrPostings *p, const Model *m, const ModelTerm *t, uint32 i)
{
	uint32		f[PGR_MAX_FIELDS];
	uint32		n;

	if (m->shape.positions)
	{
		const uint32 *occ = pgr_postings_occurrences(p, &n);

		CHECK(n == t->weights[i]);
		CHECK(memcmp(occ, model_occurrences(m, t, i), n * sizeof(uint32)) == 0);
	}
	if (m->shape.nfields > 1)
	{
		pgr_postings_fields(p, f);
		CHECK(memcmp(f, model_fields(m, t, i), m->shape.nfields * sizeof(uint32)) == 0);
	}
}

static void
check_all_postings(PgrSegment *seg, const PgrTermInfo *info, const Model *m, const ModelTerm *t)
{
	PgrPostings *p = pgr_postings_open(seg, info);
	uint64		cf = 0;

	CHECK(p->doc == PGR_NO_DOC);
	for (uint32 i = 0; i < t->df; i++)
	{
		CHECK(pgr_postings_next(p) == t->docs[i] && p->doc == t->docs[i]);
		if (model_below(3))
			CHECK(pgr_postings_weight(p) == t->weights[i]);
		CHECK(pgr_bound_covers(&info->bound, t->weights[i], m->docs[t->docs[i]].norm));
		if (t->df < 200 || model_below(20) == 0)
			check_occurrences(p, m, t, i);
		cf += t->weights[i];
	}
	CHECK(pgr_postings_next(p) == PGR_NO_DOC);
	CHECK(pgr_postings_next(p) == PGR_NO_DOC);
	CHECK(pgr_postings_advance(p, PGR_NO_DOC - 1) == PGR_NO_DOC);
	CHECK(info->df == t->df && info->cf == cf && info->scale == t->scale);
	pgr_postings_close(p);
}

/* Do the bounds cover the postings from the i-th on, up to document `to`? */
static void
check_covered(const PgrBound *bound, const Model *m, const ModelTerm *t, uint32 i, uint32 to)
{
	for (uint32 end = Min(t->df, i + 5000); i < end && t->docs[i] <= to; i++)
		CHECK(pgr_bound_covers(bound, t->weights[i], m->docs[t->docs[i]].norm));
}

/* The first posting at or after a document. */
static uint32
lower_bound(const ModelTerm *t, uint32 doc)
{
	uint32		low = 0;
	uint32		high = t->df;

	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (t->docs[mid] < doc)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
check_shallow(PgrPostings *p, const Model *m, const ModelTerm *t, uint32 target)
{
	uint32		i = lower_bound(t, target);
	uint32		last;

	pgr_postings_shallow(p, target);
	if (i == t->df)
	{
		CHECK(p->block_last == PGR_NO_DOC && p->block_bound.weight[0] == 0);
		return;
	}
	last = Min(i / PGR_POSTING_BLOCK * PGR_POSTING_BLOCK + PGR_POSTING_BLOCK, t->df) - 1;
	CHECK(p->block_last == t->docs[last]);
	check_covered(&p->block_bound, m, t, i, p->block_last);
}

/* A walk with targets up to `stride` apart, and looks ahead on the way. */
static void
check_walk(PgrSegment *seg, const PgrTermInfo *info, const Model *m, const ModelTerm *t,
		   uint32 stride)
{
	PgrPostings *p = pgr_postings_open(seg, info);
	uint32		target = model_below(2) ? model_below(m->ndocs) : 0;

	for (;;)
	{
		uint32		i = lower_bound(t, target);
		uint32		expected = i < t->df ? t->docs[i] : PGR_NO_DOC;

		if (model_below(2))
			check_shallow(p, m, t, target);
		if (model_below(4) == 0)
		{
			uint32		from = model_below(3) ? target : model_below(m->ndocs);
			uint32		to = from + model_below(4) * model_below(stride * 8);
			PgrBound	bound;

			pgr_postings_bound(p, from, to, &bound);
			check_covered(&bound, m, t, lower_bound(t, from), to);
		}
		if (model_below(8) > 0)
		{
			CHECK(pgr_postings_advance(p, target) == expected && p->doc == expected);
			if (expected == PGR_NO_DOC)
				break;
			if (model_below(2))
				CHECK(pgr_postings_weight(p) == t->weights[i]);
			if (model_below(4) == 0)
				check_occurrences(p, m, t, i);
			if (model_below(3) == 0)
			{
				expected = i + 1 < t->df ? t->docs[i + 1] : PGR_NO_DOC;
				CHECK(pgr_postings_next(p) == expected);
				if (expected == PGR_NO_DOC)
					break;
			}
			target = p->doc;
		}
		target += 1 + model_below(stride);
	}
	pgr_postings_close(p);
}

static void
check_term(PgrSegment *seg, const Model *m, const ModelTerm *t)
{
	PgrTermInfo info;

	CHECK(pgr_segment_find(seg, t->bytes, t->len, &info) == (t->df > 0));
	if (t->df == 0)
		return;
	check_all_postings(seg, &info, m, t);
	check_walk(seg, &info, m, t, 3);
	check_walk(seg, &info, m, t, m->ndocs / t->df * 100 + 2);
	check_walk(seg, &info, m, t, m->ndocs);
}

/* Terms that are not there; iterations from anywhere. */
static void
check_absent(PgrSegment *seg, const Model *m)
{
	char		buf[PGR_MAX_TERM];
	ModelTerm	probe = {.bytes = buf};
	PgrTermInfo info;
	const char *term;
	uint32		len;
	int			i = 0;

	if (m->nterms > 0)
	{
		const ModelTerm *like = &m->terms[model_below(m->nterms)];

		probe.len = model_below(2) ? like->len : model_below(like->len + 1);
		memcpy(buf, like->bytes, probe.len);
	}
	if (probe.len < PGR_MAX_TERM && model_below(2))
		buf[probe.len++] = (char) model_below(256);
	if (probe.len > 0)
		buf[model_below(probe.len)] += model_below(3);

	while (i < m->nterms && (m->terms[i].df == 0 || model_compare(&m->terms[i], &probe) < 0))
		i++;
	CHECK(pgr_segment_find(seg, buf, probe.len, &info) ==
		  (i < m->nterms && model_compare(&m->terms[i], &probe) == 0));

	PgrTermIter *it = pgr_term_iter_begin(seg, buf, probe.len);

	for (int steps = 0; steps < 40; steps++, i++)
	{
		while (i < m->nterms && m->terms[i].df == 0)
			i++;
		CHECK(pgr_term_iter_next(it, &term, &len, &info) == (i < m->nterms));
		if (i == m->nterms)
			break;
		CHECK(len == m->terms[i].len && memcmp(term, m->terms[i].bytes, len) == 0);
		CHECK(info.df == m->terms[i].df);
	}
	pgr_term_iter_end(it);
}

static void
report(void *arg, const char *message)
{
	elog(ERROR, "%s", message);
}

void
model_check(PgrSegment *seg, const Model *m)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "segmod",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const PgrSegDesc *desc = pgr_segment_desc(seg);
	uint64		sum = 0;
	uint64		nterms = 0;

	for (uint32 i = 0; i < m->ndocs; i++)
		sum += m->docs[i].length;
	CHECK(desc->ndocs == m->ndocs && desc->nnulls == m->nnulls && desc->sum_length == sum);
	check_rows(seg, m);
	for (int i = 0; i < m->nterms; i++)
	{
		/* copies made for lookers must not be in their memory */
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		check_term(seg, m, &m->terms[i]);
		nterms += m->terms[i].df > 0;
	}
	CHECK(pgr_segment_nterms(seg) == nterms);
	for (int i = 0; i < 500; i++)
		check_absent(seg, m);
	pgr_segment_check(seg, report, NULL, NULL);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
