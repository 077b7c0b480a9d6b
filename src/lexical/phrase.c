/*
 * phrase.c
 *		Occurrences of a phrase among the occurrences of its words.
 *
 * With d = position - offset, a choice of one occurrence for each slot matches
 * if its greatest and least d are within slop of each other. Each slot has a
 * cursor into its ascending positions; the one with the least d moves on until
 * all lie close enough, then all move past the match. Linear in occurrences.
 */
#include "postgres.h"

#include "lexical/lexical.h"
#include "lexical/rankquery.h"

/* A slot: one place of the phrase, with the occurrences of its alternatives. */
typedef struct Slot
{
	const uint32 *occ;
	uint32		nocc;
	uint32		at;
	uint32		offset;
	bool		repeated;		/* another slot holds the same word */
} Slot;

#define SLOT_D(s) ((int64) (s)->occ[(s)->at] - (s)->offset)

/* Merges two ascending lists into one without doubles. */
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

/* Children to slots; returns how many. */
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

			s->occ = merge_occ(s->occ, s->nocc, occ[i], nocc[i], &s->nocc);
			continue;
		}
		slots[n].occ = occ[i];
		slots[n].nocc = nocc[i];
		slots[n].offset = child->offset;
		slots[n].at = 0;
		slots[n].repeated = false;
		for (int j = 0; j < i && phrase->slop > 0; j++)
			slots[n].repeated |= pgr_lex_compare(child->term, child->termlen,
												 phrase->children[j]->term,
												 phrase->children[j]->termlen) == 0;
		n++;
	}
	return n;
}

/* Do two slots with the same word point to one occurrence? */
static bool
shares_occurrence(const Slot *slots, int n)
{
	for (int i = 1; i < n; i++)
		for (int j = 0; slots[i].repeated && j < i; j++)
			if (slots[i].occ[slots[i].at] == slots[j].occ[slots[j].at])
				return true;
	return false;
}

/* The slot with the least d, and how far the greatest is from it. */
static int
least_slot(const Slot *slots, int n, int64 *spread)
{
	int64		least = SLOT_D(&slots[0]);
	int64		greatest = least;
	int			which = 0;

	for (int i = 1; i < n; i++)
	{
		int64		d = SLOT_D(&slots[i]);

		if (d < least)
		{
			least = d;
			which = i;
		}
		greatest = Max(greatest, d);
	}
	*spread = greatest - least;
	return which;
}

static void
report(const Slot *slots, int n, PgrPhraseFound found, void *arg)
{
	uint32	   *positions = palloc(sizeof(uint32) * n);

	for (int i = 0; i < n; i++)
		positions[i] = slots[i].occ[slots[i].at];
	found(arg, positions, n);
	pfree(positions);
}

/*
 * Counts the phrase's occurrences by field (may be NULL) and in all, and calls
 * found (may be NULL) with the positions of each.
 */
uint32
pgr_phrase_scan(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc,
				uint32 *field_freq, PgrPhraseFound found, void *arg)
{
	Slot		few[8];
	Slot	   *slots = phrase->nchildren <= lengthof(few) ? few :
		palloc(sizeof(Slot) * phrase->nchildren);
	int			n = make_slots(phrase, occ, nocc, slots);
	uint32		count = 0;
	bool		more = n > 0;

	for (int i = 0; i < n; i++)
		more &= slots[i].nocc > 0;
	while (more)
	{
		int64		spread;
		int			least = least_slot(slots, n, &spread);
		uint32		field = PGR_OCC_FIELD(slots[least].occ[slots[least].at]);

		if (spread > phrase->slop || shares_occurrence(slots, n))
		{
			more = ++slots[least].at < slots[least].nocc;
			continue;
		}
		if (phrase->fields == 0 || (phrase->fields & (1u << field)))
		{
			count++;
			if (field_freq)
				field_freq[field]++;
			if (found)
				report(slots, n, found, arg);
		}
		for (int i = 0; i < n; i++)
			more &= ++slots[i].at < slots[i].nocc;
	}
	if (slots != few)
		pfree(slots);
	return count;
}

uint32
pgr_phrase_fields(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc,
				  uint32 *field_freq)
{
	if (field_freq)
		memset(field_freq, 0, sizeof(uint32) * PGR_LEX_MAX_FIELDS);
	return pgr_phrase_scan(phrase, occ, nocc, field_freq, NULL, NULL);
}
