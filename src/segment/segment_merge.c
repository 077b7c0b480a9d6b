/*
 * segment_merge.c
 *		Merging segments into one: a k-way merge of their dictionaries, postings
 *		streamed block by block.
 *
 * Documents of the result are the live ones of the inputs, one input after the
 * other, each in its order; so every list of the result is the concatenation of
 * the inputs' lists, renumbered, and no two lists are ever interleaved.
 *
 * Memory: for each input with dead rows two bits a row (the live map), and a
 * cursor; what the writer needs.
 *
 * Pins: of each input a leaf of its dictionary, and pages of the columns while documents
 * are read; of one cursor its pages. So the number of inputs is limited by whoever
 * chooses them (segment_tier.c).
 */
#include "postgres.h"

#include <math.h>

#include "lib/pairingheap.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "segment/segment_postings.h"
#include "segment/segment_read.h"
#include "utils/memutils.h"

/*
 * Which of 64 rows of an input are alive, and how many live rows precede them.
 * Together, because each posting looks them up and finds them in no cache.
 */
typedef struct LiveWord
{
	uint64		bits;			/* 1 = alive */
	uint32		before;
} LiveWord;

typedef struct MergeInput
{
	pairingheap_node node;		/* must be first */
	int			number;
	PgrSegment *seg;
	LiveWord   *live;			/* NULL: all are */
	uint32		base;			/* new number of its first live document */

	/* the dictionary's current term */
	PgrTermIter *iter;
	const char *term;
	uint32		len;
	PgrTermInfo info;
} MergeInput;

/* A merge under way. */
typedef struct Merge
{
	PgrSegShape shape;
	PgrSegWriter *writer;
	MergeInput *inputs;
	int			ninputs;
	pairingheap *heap;
	uint32		rounds;			/* of the inputs, at most */
	bool		rescaled;
} Merge;

/* --- documents --- */

/*
 * The dead bitmap as of now, with ranks, allocated huge in the current memory context
 * (the merge's); NULL if all rows are alive. The caller sees to it that nobody changes
 * it.
 */
static LiveWord *
load_live_map(PgrSegment *seg)
{
	uint32		rows = seg->header.ndocs + seg->header.nnulls;
	Size		nwords = (Size) rows / 64 + 1;
	LiveWord   *live = palloc_extended(mul_size(nwords, sizeof(LiveWord)),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint32		count = 0;

	for (uint32 row = 0; row < rows; row++)
	{
		LiveWord   *word = &live[row / 64];

		if (row % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (row % 64 == 0)
			word->before = count;
		if (!pgr_segment_dead(seg, row))
		{
			word->bits |= UINT64CONST(1) << row % 64;
			count++;
		}
	}
	if (count < rows)
		return live;
	pfree(live);
	return NULL;
}

/*
 * A row's number among the live ones; PGR_NO_DOC if it is dead.
 */
static inline uint32
live_number(const MergeInput *in, uint32 row)
{
	const LiveWord *word;
	uint64		bit = UINT64CONST(1) << row % 64;

	if (in->live == NULL)
		return row;
	word = &in->live[row / 64];
	if ((word->bits & bit) == 0)
		return PGR_NO_DOC;
	return word->before + pg_popcount64(word->bits & (bit - 1));
}

/*
 * Adds an input's live documents with all their columns; in->base becomes the number
 * of the first. The stream of lengths is read for dead documents too: its numbers have
 * no fixed place.
 */
static void
merge_documents(Merge *m, MergeInput *in)
{
	PgrSegment *seg = in->seg;
	PgrStream	lengths;
	PgrSegDoc	doc;
	bool		fields = m->shape.norms && m->shape.nfields > 1;

	memset(&doc, 0, sizeof(doc));
	pgr_stream_init(&lengths, seg, PGR_SECT_LENGTHS);
	in->base = pgr_seg_writer_header(m->writer)->ndocs;
	for (uint32 i = 0; i < seg->header.ndocs; i++)
	{
		if (i % 8192 == 0)
			CHECK_FOR_INTERRUPTS();
		if (m->shape.norms)
			doc.length = pgr_stream_varint(&lengths);
		for (int f = 0; f < m->shape.nfields && fields; f++)
			doc.field_length[f] = pgr_stream_varint(&lengths);
		if (live_number(in, i) == PGR_NO_DOC)
			continue;
		pgr_segment_tid(seg, i, &doc.tid);
		doc.norm = pgr_segment_norm(seg, i);
		doc.hash = pgr_segment_hash(seg, i);
		if (fields)
			pgr_segment_field_norms(seg, i, doc.field_norm);
		pgr_seg_add_doc(m->writer, &doc);
	}
	pgr_stream_release(&lengths);
}

/* NULL rows come behind the documents of all inputs. */
static void
merge_nulls(Merge *m, MergeInput *in)
{
	const PgrSegHeader *h = &in->seg->header;

	for (uint32 i = h->ndocs; i < h->ndocs + h->nnulls; i++)
	{
		ItemPointerData tid;

		if (live_number(in, i) == PGR_NO_DOC)
			continue;
		pgr_segment_tid(in->seg, i, &tid);
		pgr_seg_add_null(m->writer, &tid);
	}
}

/* --- terms --- */

/* pairingheap has the largest on top: the first term, of equal ones the first input */
static int
compare_inputs(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const MergeInput *x = (const MergeInput *) a;
	const MergeInput *y = (const MergeInput *) b;
	int			cmp = memcmp(x->term, y->term, Min(x->len, y->len));

	if (cmp == 0)
		cmp = x->len < y->len ? -1 : x->len > y->len;
	if (cmp == 0)
		cmp = x->number - y->number;
	return -cmp;
}

/* Puts an input's next term into the heap, if there is one. */
static void
advance_input(Merge *m, MergeInput *in)
{
	if (pgr_term_iter_next(in->iter, &in->term, &in->len, &in->info))
		pairingheap_add(m->heap, &in->node);
}

/* An impact in units of a larger scale. A posting keeps an impact of 1 at least. */
static uint32
rescale(uint32 weight, double factor)
{
	return Max((uint32) rint(weight * factor), 1);
}

/*
 * Appends an input's postings of its current term to the writer's current one, a block
 * decoded at a time. The cursor is opened and closed here: a merge of n inputs holds n
 * iterators and one cursor. Raises XX002 for a document that the input does not have.
 */
static void
merge_postings(Merge *m, MergeInput *in, float scale)
{
	PgrPostings *p = pgr_postings_open(in->seg, &in->info);
	bool		rescaled = in->info.scale != scale;
	uint32		f[PGR_MAX_FIELDS];
	uint32		n;

	m->rescaled |= rescaled;
	while (pgr_postings_next(p) != PGR_NO_DOC)
	{
		const uint32 *occ = NULL;
		uint32		weight;
		uint32		number;

		if (p->doc >= in->seg->header.ndocs)
			pgr_segment_corrupt(in->seg, "a posting refers to a document that it does not have");
		number = live_number(in, p->doc);
		if (number == PGR_NO_DOC)
			continue;
		weight = pgr_postings_weight(p);
		if (m->shape.positions)
			occ = pgr_postings_occurrences(p, &n);
		else if (m->shape.nfields > 1)
		{
			pgr_postings_fields(p, f);
			occ = f;
		}
		if (rescaled)
			weight = rescale(weight, (double) in->info.scale / scale);
		pgr_seg_add_posting(m->writer, in->base + number, weight, occ);
	}
	pgr_postings_close(p);
}

/*
 * Merges the term on top of the heap. A term of which every document is dead
 * disappears: the writer keeps no term without postings.
 */
static void
merge_term(Merge *m)
{
	MergeInput *group = NULL;	/* inputs that have the term, in order, by node.next_sibling */
	MergeInput *last = NULL;
	MergeInput *next;
	float		scale = 0;

	do
	{
		MergeInput *in = (MergeInput *) pairingheap_remove_first(m->heap);

		in->node.next_sibling = NULL;
		if (last)
			last->node.next_sibling = &in->node;
		else
			group = in;
		last = in;
		scale = Max(scale, in->info.scale);
		next = pairingheap_is_empty(m->heap) ? NULL : (MergeInput *) pairingheap_first(m->heap);
	} while (next && next->len == group->len && memcmp(next->term, group->term, next->len) == 0);

	pgr_seg_begin_term(m->writer, group->term, group->len, scale);
	for (MergeInput *in = group; in; in = (MergeInput *) in->node.next_sibling)
		merge_postings(m, in, scale);
	while (group)
	{
		next = (MergeInput *) group->node.next_sibling;
		advance_input(m, group);
		group = next;
	}
}

/*
 * The merge has a memory context of its own, deleted on success; after an error it
 * goes with the caller's, and the pages written are of an unpublished generation.
 */
void
pgr_segment_merge(Relation rel, PgrSegment **segs, int nsegs, uint32 generation,
				  const PgrSegShape *shape, PgrRunTarget target, BufFile *file,
				  PgrSegDesc *desc, PgrRunMap **map)
{
	MemoryContext context;
	MemoryContext old;
	Merge		m = {.shape = *shape, .ninputs = nsegs};

	m.writer = pgr_seg_begin(rel, generation, shape, target, file);
	context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve segment merge",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	m.inputs = palloc0(mul_size(nsegs, sizeof(MergeInput)));
	m.heap = pairingheap_allocate(compare_inputs, NULL);
	for (int i = 0; i < nsegs; i++)
	{
		m.inputs[i].number = i;
		m.inputs[i].seg = segs[i];
		m.rounds = Max(m.rounds, segs[i]->header.rounds);
		m.inputs[i].live = load_live_map(segs[i]);
		merge_documents(&m, &m.inputs[i]);
	}
	for (int i = 0; i < nsegs; i++)
		merge_nulls(&m, &m.inputs[i]);
	for (int i = 0; i < nsegs; i++)
	{
		m.inputs[i].iter = pgr_term_iter_begin(segs[i], "", 0);
		advance_input(&m, &m.inputs[i]);
	}
	while (!pairingheap_is_empty(m.heap))
	{
		CHECK_FOR_INTERRUPTS();
		merge_term(&m);
	}
	for (int i = 0; i < nsegs; i++)
		pgr_term_iter_end(m.inputs[i].iter);
	MemoryContextSwitchTo(old);
	pgr_seg_set_rounds(m.writer, m.rounds + m.rescaled);
	pgr_seg_finish(m.writer, desc, map);
	MemoryContextDelete(context);
}
