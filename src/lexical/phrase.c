/*
 * phrase.c
 *		Occurrences of a phrase among the occurrences of its words.
 *
 * A slot is one place of the phrase: a word, or alternatives. With d = position -
 * offset, a choice of one position for each slot is an occurrence if the greatest
 * and the least d are within slop of each other, and slots of the same words have
 * different positions. Such slots may be taken to have their positions in the
 * order of the slots: where a choice has two of them the other way round, the two
 * exchanged lie closer together.
 *
 * So an occurrence obeys nothing but conditions "this slot's position is at least
 * f(that slot's)", of a rising f. Each slot has a cursor into its positions. A
 * cursor that breaks a condition moves to the first position that fulfils it, and
 * this never passes over an occurrence: it takes those that are left, and where
 * the cursors come to rest is the first occurrence, of all slots at once. Then
 * every cursor goes one further, and so on.
 *
 * To try every choice of positions would be exponential in the phrase's words; moving
 * one cursor at a time takes at most slots times positions and misses nothing, for
 * the reason above.
 *
 * Memory: slots on the stack up to eight, else palloc'd and freed, as are merged
 * lists. No locks, no user code but the callback `found`. Cancellable.
 */
#include "postgres.h"

#include "lexical/lexical.h"
#include "lexical/rankquery.h"
#include "miscadmin.h"

/*
 * One place of the phrase. at < nocc while the phrase is being settled. `words` and
 * `nwords` are children of the phrase's node, which stand by ascending offset, so
 * those of one slot are neighbours. Where nwords > 1, occ is a palloc'd list of the
 * slot's own.
 */
typedef struct Slot
{
	const uint32 *occ;			/* ascending */
	uint32		nocc;
	uint32		at;				/* the cursor */
	uint32		offset;
	int			words;			/* its alternatives: children from here ... */
	int			nwords;			/* ... so many */
	int			before;			/* the last slot before it of the same words, -1: none */
	bool		followed;		/* a slot has it as its before */
} Slot;

/*
 * The cursors of all slots. greatest is the highest d of any of them, kept up to date
 * as they move; it never falls within a settling.
 */
typedef struct Phrase
{
	Slot	   *slots;
	int			n;
	int64		slop;
	int64		greatest;		/* d of all cursors */
	uint32		work;			/* since interrupts were checked */
} Phrase;

#define WORK_BETWEEN_CHECKS 16384

/*
 * Position less offset: equal in all slots of an exact occurrence. Of packed
 * occurrences (PGR_OCC): two fields are 2^27 apart, which no slop spans, so an
 * occurrence lies within one field without a test for it (but in a field of 134
 * million words, whose last positions are near the next field's first).
 */
static inline int64
slot_d(const Slot *s)
{
	return (int64) s->occ[s->at] - s->offset;
}

/*
 * Merges two ascending lists into one without doubles: *n entries, palloc'd, huge
 * where a document is. The caller frees it.
 */
static const uint32 *
merge_occ(const uint32 *a, uint32 na, const uint32 *b, uint32 nb, uint32 *n)
{
	uint32	   *to = palloc_extended(sizeof(uint32) * Max((Size) na + nb, 1),
									 MCXT_ALLOC_HUGE);
	uint32		i = 0;
	uint32		j = 0;

	*n = 0;
	while (i < na || j < nb)
	{
		uint32		next = j == nb || (i < na && a[i] <= b[j]) ? a[i] : b[j];

		if (i < na && a[i] == next)
			i++;
		if (j < nb && b[j] == next)
			j++;
		to[(*n)++] = next;
	}
	return to;
}

/* --- slots of the same words --- */

/* qsort: TERM nodes by the term. */
static int
compare_nodes(const void *a, const void *b)
{
	const PgrQueryNode *x = *(PgrQueryNode *const *) a;
	const PgrQueryNode *y = *(PgrQueryNode *const *) b;

	return pgr_lex_compare(x->term, x->termlen, y->term, y->termlen);
}

/* What the sort of slots needs: the slots, and a copy of the phrase's children. */
typedef struct SlotOrder
{
	const Slot *slots;
	PgrQueryNode **words;		/* the phrase's children, those of a slot sorted */
} SlotOrder;

/*
 * Compares two slots' lists of words: 0 where they are the same list. Lists are
 * sorted and of one slot each.
 */
static int
compare_words(const SlotOrder *o, const Slot *a, const Slot *b)
{
	if (a->nwords != b->nwords)
		return a->nwords < b->nwords ? -1 : 1;
	for (int i = 0; i < a->nwords; i++)
	{
		int			cmp = compare_nodes(&o->words[a->words + i], &o->words[b->words + i]);

		if (cmp != 0)
			return cmp;
	}
	return 0;
}

/* qsort_arg: slots of the same words beside each other, in the phrase's order. */
static int
compare_slots(const void *a, const void *b, void *arg)
{
	const SlotOrder *o = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	int			cmp = compare_words(o, &o->slots[i], &o->slots[j]);

	return cmp != 0 ? cmp : i - j;
}

/*
 * Sets before and followed: slots of the same words must have different positions, in
 * their order. Slots that share only some of their words are not linked; see
 * lexical.h. Sorts copies of the words and of the slots' numbers, which are scratch
 * and freed.
 */
static void
link_slots(const PgrQueryNode *phrase, Slot *slots, int n)
{
	SlotOrder	o = {slots, palloc(sizeof(PgrQueryNode *) * phrase->nchildren)};
	int		   *order = palloc(sizeof(int) * n);

	memcpy(o.words, phrase->children, sizeof(PgrQueryNode *) * phrase->nchildren);
	for (int i = 0; i < n; i++)
	{
		order[i] = i;
		if (slots[i].nwords > 1)
			qsort(o.words + slots[i].words, slots[i].nwords, sizeof(PgrQueryNode *),
				  compare_nodes);
	}
	qsort_arg(order, n, sizeof(int), compare_slots, &o);
	for (int i = 1; i < n; i++)
	{
		if (compare_words(&o, &slots[order[i - 1]], &slots[order[i]]) != 0)
			continue;
		slots[order[i]].before = order[i - 1];
		slots[order[i - 1]].followed = true;
	}
	pfree(o.words);
	pfree(order);
}

/*
 * Frees the positions of alternatives, which are a list of the slot's own; those of a
 * single word belong to the document.
 */
static void
free_merged(Slot *s)
{
	if (s->nwords > 1)
		pfree(unconstify(uint32 *, s->occ));
}

/*
 * Turns children into slots, those of one offset into one; returns how many. slots:
 * room for as many as children. What it allocates is freed by free_merged.
 */
static int
make_slots(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc,
		   Slot *slots)
{
	int			n = 0;

	for (int i = 0; i < phrase->nchildren; i++)
	{
		const PgrQueryNode *child = phrase->children[i];

		if (n > 0 && slots[n - 1].offset == child->offset)
		{
			Slot	   *s = &slots[n - 1];
			const uint32 *merged = merge_occ(s->occ, s->nocc, occ[i], nocc[i], &s->nocc);

			free_merged(s);
			s->occ = merged;
			s->nwords++;
			continue;
		}
		slots[n++] = (Slot) {
			.occ = occ[i], .nocc = nocc[i], .offset = child->offset,
			.words = i, .nwords = 1, .before = -1
		};
	}
	/* without slop, slots of different offsets have different positions anyway */
	if (phrase->slop > 0)
		link_slots(phrase, slots, n);
	return n;
}

/* --- moving --- */

/*
 * The first index from `at` on of an occurrence not below target, or n. In doubling
 * steps, then by halving: the cost is the logarithm of how far the cursor moves.
 */
static uint32
seek_occ(const uint32 *occ, uint32 n, uint32 at, int64 target)
{
	uint32		hi = at;
	uint32		step = 1;

	while (hi < n && (int64) occ[hi] < target)
	{
		at = hi + 1;
		hi = n - hi > step ? hi + step : n;
		step *= 2;
	}
	while (at < hi)
	{
		uint32		mid = at + (hi - at) / 2;

		if ((int64) occ[mid] < target)
			at = mid + 1;
		else
			hi = mid;
	}
	return at;
}

/*
 * Moves one cursor to the first position that it may have, as the others stand.
 * *moved: others may have to move after that, because the greatest d rose or a slot's
 * `before` went on. false: the list is at its end.
 */
static bool
settle_slot(Phrase *p, Slot *s, bool *moved)
{
	int64		target = p->greatest - p->slop + s->offset;
	int64		d;

	*moved = false;
	if (s->before >= 0)
	{
		const Slot *before = &p->slots[s->before];

		target = Max(target, (int64) before->occ[before->at] + 1);
	}
	if ((int64) s->occ[s->at] >= target)
		return true;
	s->at = seek_occ(s->occ, s->nocc, s->at, target);
	if (s->at >= s->nocc)
		return false;
	d = slot_d(s);
	*moved = s->followed || d > p->greatest;
	p->greatest = Max(p->greatest, d);
	return true;
}

/*
 * Moves cursors from where they stand to the next occurrence; false: there is none.
 * It ends when a whole round has moved nothing, since every move is forwards.
 */
static bool
settle(Phrase *p)
{
	int			settled = 0;	/* so many before slot i need not move */

	p->greatest = slot_d(&p->slots[0]);
	for (int i = 1; i < p->n; i++)
		p->greatest = Max(p->greatest, slot_d(&p->slots[i]));
	for (int i = 0; settled < p->n; i = i + 1 < p->n ? i + 1 : 0)
	{
		bool		moved;

		if (++p->work >= WORK_BETWEEN_CHECKS)
		{
			CHECK_FOR_INTERRUPTS();
			p->work = 0;
		}
		if (!settle_slot(p, &p->slots[i], &moved))
			return false;
		settled = moved ? 1 : settled + 1;
	}
	p->work += p->n;
	return true;
}

/*
 * Calls `found` with the positions in the order of slots, packed as PGR_OCC; the
 * array is scratch, valid during the call.
 */
static void
report(const Phrase *p, PgrPhraseFound found, void *arg)
{
	uint32	   *positions = palloc(sizeof(uint32) * p->n);

	for (int i = 0; i < p->n; i++)
		positions[i] = p->slots[i].occ[p->slots[i].at];
	found(arg, positions, p->n);
	pfree(positions);
}

/*
 * Counts the phrase's occurrences in its fields, by field (field_freq, added to, may
 * be NULL) and in all, and calls found (may be NULL) with the positions of each.
 * occ[i], nocc[i]: ascending occurrences of child i; not changed. A child without
 * occurrences has nocc 0, and its occ is not looked at.
 *
 * After an occurrence every cursor goes one further, so occurrences share no
 * position: Lucene counts so, and the count is at most the rarest word's.
 */
uint32
pgr_phrase_scan(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc,
				uint32 *field_freq, PgrPhraseFound found, void *arg)
{
	Slot		few[8];
	Phrase		p = {.slots = few, .slop = phrase->slop};
	uint32		count = 0;
	bool		more;

	if (phrase->nchildren > lengthof(few))
		p.slots = palloc_extended(sizeof(Slot) * phrase->nchildren, MCXT_ALLOC_HUGE);
	p.n = make_slots(phrase, occ, nocc, p.slots);
	more = p.n > 0;
	for (int i = 0; i < p.n; i++)
		more &= p.slots[i].nocc > 0;
	while (more && settle(&p))
	{
		uint32		field = PGR_OCC_FIELD(p.slots[0].occ[p.slots[0].at]);

		if (phrase->fields == 0 || (phrase->fields & (1u << field)))
		{
			count++;
			if (field_freq)
				field_freq[field]++;
			if (found)
				report(&p, found, arg);
		}
		for (int i = 0; i < p.n; i++)
			more &= ++p.slots[i].at < p.slots[i].nocc;
	}
	for (int i = 0; i < p.n; i++)
		free_merged(&p.slots[i]);
	if (p.slots != few)
		pfree(p.slots);
	return count;
}

/* Contract in lexical.h: counts only, field_freq set to 0 first. */
uint32
pgr_phrase_fields(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc,
				  uint32 *field_freq)
{
	if (field_freq)
		memset(field_freq, 0, sizeof(uint32) * PGR_LEX_MAX_FIELDS);
	return pgr_phrase_scan(phrase, occ, nocc, field_freq, NULL, NULL);
}
