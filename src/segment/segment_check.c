/*
 * segment_check.c
 *		Verifying a segment: everything that readers rely on.
 *
 *	 directory   lengths add up to the sums; no bit of
 *	             the dead bitmap beyond the last row; dead rows as many as the
 *	             descriptor says at least
 *	 dictionary  terms ascend; each is found by a search from the root; counts
 *	 postings    documents ascend and exist; df, cf; every posting dominated by
 *	             its block's, its super block's and its term's bound; occurrences
 *	             ascend, and their numbers by field are the frequencies
 *
 * What cannot be read at all raises an error, as it does for a scan.
 *
 * Memory: what an iterator and a cursor need, and the sums, which are the caller's.
 * Pages are looked at as searches look at them, without locks.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "segment/segment_postings.h"
#include "segment/segment_read.h"
#include "utils/memutils.h"

/* One check of one segment. `term` is of the iteration: valid until its next step. */
typedef struct Check
{
	PgrSegment *seg;
	void		(*report) (void *arg, const char *message);
	void	   *arg;
	const char *term;			/* being checked, or NULL */
	uint32		len;
	uint64	   *sums;			/* of fingerprints, or NULL */
} Check;

static void fault(Check *c, const char *fmt,...) pg_attribute_printf(2, 3);

/*
 * Reports, with the segment and the term at hand; the message is palloc'd and freed.
 * Bytes of a term that no terminal shows are escaped, and long terms cut.
 */
static void
fault(Check *c, const char *fmt,...)
{
	StringInfoData s;
	va_list		args;
	int			needed;

	initStringInfo(&s);
	appendStringInfo(&s, "segment %u", c->seg->desc.generation);
	if (c->term)
	{
		appendStringInfoString(&s, ", term ");
		for (uint32 i = 0; i < Min(c->len, 40); i++)
		{
			uint8		b = c->term[i];

			if (b >= 0x20 && b < 0x7f)
				appendStringInfoChar(&s, b);
			else
				appendStringInfo(&s, "\\x%02x", b);
		}
	}
	appendStringInfoString(&s, ": ");
	do
	{
		va_start(args, fmt);
		needed = appendStringInfoVA(&s, fmt, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&s, needed);
	} while (needed > 0);
	c->report(c->arg, s.data);
	pfree(s.data);
}

/* --- directory --- */

/*
 * Every row has a tid that can be; bits of the dead bitmap beyond the last row are 0.
 * Dead rows may be more than the descriptor says: the count is entered after the bits
 * (README, "Deletion and merging").
 */
static void
check_rows(Check *c)
{
	PgrSegment *seg = c->seg;
	uint64		rows = (uint64) seg->header.ndocs + seg->header.nnulls;
	uint64		bits = seg->header.sections[PGR_SECT_DEAD].items * 8;
	uint64		ndead = 0;

	for (uint64 i = 0; i < bits; i++)
	{
		bool		dead = pgr_segment_dead(seg, i);
		ItemPointerData tid;

		if (i >= rows)
		{
			if (dead)
				fault(c, "a row that does not exist is dead");
			continue;
		}
		ndead += dead;
		pgr_segment_tid(seg, i, &tid);
		if (i % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (ndead < seg->desc.ndead)
		fault(c, UINT64_FORMAT " rows are dead, the index counts %u", ndead, seg->desc.ndead);
}

/*
 * The stream of exact lengths ends where its section does, and adds up to what
 * descriptor and header say, in all and by field.
 */
static void
check_lengths(Check *c)
{
	PgrSegment *seg = c->seg;
	uint64		sum = 0;
	uint64		field[PGR_MAX_FIELDS] = {0};
	PgrStream	s;

	if (!seg->shape.norms)
		return;
	pgr_stream_init(&s, seg, PGR_SECT_LENGTHS);
	for (uint32 i = 0; i < seg->header.ndocs; i++)
	{
		sum += pgr_stream_varint(&s);
		for (int f = 0; f < seg->shape.nfields && seg->shape.nfields > 1; f++)
			field[f] += pgr_stream_varint(&s);
	}
	if (s.offset != seg->header.sections[PGR_SECT_LENGTHS].items)
		fault(c, "lengths of documents do not end where they should");
	pgr_stream_release(&s);
	if (sum != seg->header.sum_length || sum != seg->desc.sum_length)
		fault(c, "lengths add up to " UINT64_FORMAT ", not " UINT64_FORMAT, sum,
			  seg->desc.sum_length);
	for (int f = 0; f < seg->shape.nfields; f++)
	{
		if (field[f] != seg->header.field_length[f])
			fault(c, "lengths of field %d add up to " UINT64_FORMAT, f, field[f]);
	}
}

/* --- postings --- */

/*
 * Sums of these do not depend on order, so a segment's and a table's may be added up
 * each in its own.
 */
uint64
pgr_posting_fingerprint(const char *term, uint32 len, uint32 weight, const uint32 *occ, uint32 n)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) term, len, weight);

	for (uint32 i = 0; i < n; i++)
		hash = hash_combine64(hash, occ[i]);
	return hash;
}

/* The current posting's occurrences; and its fingerprint. */
static void
check_occurrences(Check *c, PgrPostings *p)
{
	PgrSegment *seg = c->seg;
	uint32		f[PGR_MAX_FIELDS] = {0};
	uint32		counted[PGR_MAX_FIELDS] = {0};
	const uint32 *occ = f;
	uint32		n = seg->shape.nfields > 1 ? seg->shape.nfields : 0;

	if (seg->shape.nfields > 1)
		pgr_postings_fields(p, f);
	if (seg->shape.positions)
		occ = pgr_postings_occurrences(p, &n);
	if (c->sums)
		c->sums[p->doc] += seg->shape.norms ?
			pgr_posting_fingerprint(c->term, c->len, pgr_postings_weight(p), occ, n) : 1;
	if (!seg->shape.positions)
		return;
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && occ[i] < occ[i - 1])
			fault(c, "occurrences in document %u do not ascend", p->doc);
		if (seg->shape.nfields > 1)
			counted[occ[i] >> PGR_SEG_OCC_SHIFT]++;
	}
	for (int i = 0; i < seg->shape.nfields && seg->shape.nfields > 1; i++)
	{
		if (counted[i] != f[i])
			fault(c, "document %u has %u occurrences in field %d instead of %u", p->doc,
				  counted[i], i, f[i]);
	}
}

/* Is the posting dominated by all bounds that a search may use for it? */
static void
check_bounds(Check *c, PgrPostings *p, uint32 block)
{
	uint32		weight = pgr_postings_weight(p);
	uint8		norm = pgr_segment_norm(c->seg, p->doc);
	PgrBound	bound;

	if (!pgr_bound_covers(&p->info.bound, weight, norm))
		fault(c, "the term's bound does not cover document %u", p->doc);
	pgr_postings_shallow(p, p->doc);
	if (p->block_last != p->last)
		fault(c, "block %u ends at document %u instead of %u", block, p->block_last, p->last);
	if (!pgr_bound_covers(&p->block_bound, weight, norm))
		fault(c, "the bound of block %u does not cover document %u", block, p->doc);
	/* from the first block of a super block on, up to the end: second level */
	if (p->pos == 0 && block % PGR_SUPER_BLOCK == 0)
	{
		pgr_postings_bound(p, p->doc, PGR_NO_DOC - 1, &bound);
		if (!pgr_bound_covers(&bound, weight, norm))
			fault(c, "the bound from block %u on does not cover document %u", block, p->doc);
	}
}

/* Second-level entries against the blocks below them. */
static void
check_supers(Check *c, const PgrTermInfo *info)
{
	PgrSegment *seg = c->seg;
	uint32		nblocks = (info->df + PGR_POSTING_BLOCK - 1) / PGR_POSTING_BLOCK;
	PgrRunView	skip_view = PGR_RUN_VIEW_INIT;
	PgrRunView	super_view = PGR_RUN_VIEW_INIT;

	if (info->form != PGR_TERM_BLOCKS || nblocks <= PGR_SUPER_BLOCK)
		return;
	for (uint32 i = 0; i < nblocks; i++)
	{
		const PgrSkip *skip = pgr_segment_record(seg, &skip_view, PGR_SECT_SKIPS,
												 sizeof(PgrSkip), info->skip + i);
		const PgrSuper *super = pgr_segment_record(seg, &super_view, PGR_SECT_SUPERS,
												   sizeof(PgrSuper),
												   info->super + i / PGR_SUPER_BLOCK);
		bool		last = i % PGR_SUPER_BLOCK == PGR_SUPER_BLOCK - 1 || i == nblocks - 1;

		if (last ? skip->last_doc != super->last_doc : skip->last_doc >= super->last_doc)
			fault(c, "super block %u does not end with its last block", i / PGR_SUPER_BLOCK);
	}
	pgr_run_release(&skip_view);
	pgr_run_release(&super_view);
}

/*
 * All postings of a term: order, range, bounds, occurrences, then what they add up to.
 * Goes on to the next term after a fault in the order, since documents out of range
 * index nothing here.
 */
static void
check_postings(Check *c, const PgrTermInfo *info)
{
	PgrPostings *p = pgr_postings_open(c->seg, info);
	uint64		cf = 0;
	uint32		n = 0;
	int64		last = -1;

	while (pgr_postings_next(p) != PGR_NO_DOC)
	{
		if ((int64) p->doc <= last || p->doc >= c->seg->header.ndocs)
		{
			fault(c, "document %u comes after " INT64_FORMAT " of %u", p->doc, last,
				  c->seg->header.ndocs);
			break;
		}
		last = p->doc;
		cf += pgr_postings_weight(p);
		check_bounds(c, p, n / PGR_POSTING_BLOCK);
		check_occurrences(c, p);
		n++;
	}
	if (n != info->df || cf != info->cf)
		fault(c, "%u postings of weight " UINT64_FORMAT " instead of %u and " UINT64_FORMAT,
			  n, cf, info->df, info->cf);
	pgr_postings_close(p);
	check_supers(c, info);
}

/* --- dictionary --- */

/* A term as the iteration gives it must be what a search finds. */
static void
check_found(Check *c, const PgrTermInfo *info)
{
	PgrTermInfo found;

	if (!pgr_segment_find(c->seg, c->term, c->len, &found))
		fault(c, "a search does not find it");
	else if (memcmp(&found, info, offsetof(PgrTermInfo, inline_data)) != 0)
		fault(c, "a search finds another one");
}

/*
 * Iterates over the dictionary. What is allocated for a term is in a memory context
 * that is reset after it; the key before is copied, for the order. Interruptible after
 * each term.
 */
static void
check_terms(Check *c)
{
	PgrTermIter *it = pgr_term_iter_begin(c->seg, "", 0);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve segment check",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *last = palloc(PGR_MAX_TERM);
	uint32		last_len = 0;
	uint64		nterms = 0;
	uint64		npostings = 0;
	PgrTermInfo info;

	while (pgr_term_iter_next(it, &c->term, &c->len, &info))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		int			cmp = memcmp(last, c->term, Min(last_len, c->len));

		CHECK_FOR_INTERRUPTS();
		if (nterms > 0 && (cmp > 0 || (cmp == 0 && last_len >= c->len)))
			fault(c, "terms do not ascend");
		check_found(c, &info);
		check_postings(c, &info);
		nterms++;
		npostings += info.df;
		memcpy(last, c->term, c->len);
		last_len = c->len;
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	c->term = NULL;
	pgr_term_iter_end(it);
	MemoryContextDelete(context);
	pfree(last);
	if (nterms != c->seg->header.nterms || npostings != c->seg->header.npostings)
		fault(c, UINT64_FORMAT " terms, " UINT64_FORMAT " postings instead of " UINT64_FORMAT
			  ", " UINT64_FORMAT, nterms, npostings, c->seg->header.nterms,
			  c->seg->header.npostings);
}

/* Reads everything: as long as a merge of the segment takes. */
void
pgr_segment_check(PgrSegment *seg, void (*report) (void *arg, const char *message), void *arg,
				  uint64 *sums)
{
	Check		c = {.seg = seg, .report = report, .arg = arg, .sums = sums};

	check_rows(&c);
	check_lengths(&c);
	check_terms(&c);
}
