/*
 * search_accumulate.c
 *		Top-k sums term by term, for queries of very many terms.
 *
 * The sums of a range of documents are kept in an array; term after term adds
 * to it, in the order of terms[], so they are final. Only one term's postings
 * are open at a time: a query of 100,000 words needs no more pins or memory than
 * one of two. Nothing is pruned; with hundreds of terms little could be.
 *
 * The range is as large as fits the processor's outer caches: 8 MB of sums, of which a
 * query of many words touches nearly all. A second pass over the terms begins with the
 * next range, where cursors seek by skips.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "search/search_state.h"
#include "utils/memutils.h"

#define RANGE (1024 * 1024)		/* documents at a time */

typedef struct Sums
{
	uint32		from;
	uint32		to;				/* last document */
	double	   *sum;
	uint64	   *touched;
} Sums;

/* Adds one term's postings in the range. */
static void
add_term(PgrSearch *s, PgrSearchTerm *t, Sums *sums)
{
	PgrPostings *p;
	double		scores[PGR_POSTING_BLOCK];

	pgr_search_open(s, t);
	p = t->postings;
	pgr_search_seek(t, sums->from);
	while (t->doc <= (int64) sums->to)
	{
		uint32		pos = p->pos;
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		pgr_search_scores(s, t, pos, p->ndocs, scores);
		for (i = pos; i < p->ndocs && p->docs[i] <= sums->to; i++)
		{
			uint32		at = p->docs[i] - sums->from;

			sums->sum[at] += scores[i - pos];
			sums->touched[at / 64] |= UINT64CONST(1) << (at % 64);
		}
		if (i < p->ndocs || p->docs[i - 1] >= sums->to)
			break;
		pgr_postings_next_block(p);
		t->doc = p->doc;
	}
	pgr_search_close(t);
}

/* Offers the documents of the range in order; clears the arrays. */
static void
offer_range(PgrSearch *s, Sums *sums)
{
	pgr_search_window(s, sums->from);
	for (uint32 w = 0; w <= (sums->to - sums->from) / 64; w++)
	{
		uint64		bits = sums->touched[w];

		CHECK_FOR_INTERRUPTS();
		sums->touched[w] = 0;
		for (; bits != 0; bits &= bits - 1)
		{
			uint32		at = w * 64 + pg_rightmost_one_pos64(bits);

			pgr_search_emit(s, sums->from + at, sums->sum[at]);
			sums->sum[at] = 0;
		}
	}
}

/*
 * Range by range, term by term. The arrays are zero again when a range has been
 * offered, and freed at the end.
 */
void
pgr_search_accumulate(PgrSearch *s)
{
	uint32		range = Min(s->ndocs, RANGE);
	Sums		sums;

	sums.sum = palloc0(sizeof(double) * range);
	sums.touched = palloc0(sizeof(uint64) * (range / 64 + 1));
	for (uint64 from = 0; from < s->ndocs; from += range)
	{
		sums.from = from;
		sums.to = Min(from + range, s->ndocs) - 1;
		for (int i = 0; i < s->nterms; i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_term(s, &s->terms[i], &sums);
		}
		offer_range(s, &sums);
	}
	pfree(sums.sum);
	pfree(sums.touched);
}
