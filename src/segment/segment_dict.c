/*
 * segment_dict.c
 *		Reading a segment's dictionary: search and iteration. Format in
 *		segment_page.h and segment_dict_build.c.
 *
 * Pages of the dictionary are pinned, not locked, by views: one for each level, so that
 * look-ups of neighbouring terms find their way without a look at the buffers.
 * Everything on a page is checked when it is read, since damage must not lead outside of
 * it.
 */
#include "postgres.h"

#include <math.h>

#include "segment/segment_read.h"

/*
 * An entry as it is on the page: what it shares with the key before is not put
 * together.
 */
typedef struct DictEntry
{
	uint32		shared;
	uint32		rest_len;
	const uint8 *rest;
	const uint8 *payload;
	uint32		payload_len;
} DictEntry;

/* A page of the dictionary being read. */
typedef struct DictPage
{
	PgrSegment *seg;
	const uint8 *data;
	const PgrDictPage *head;
	const uint8 *entries_end;
	bool		leaf;
} DictPage;

/* Raises XX002 for a damaged page of the dictionary, with the index's name. */
PGR_NORETURN
static void
dict_corrupt(PgrSegment *seg)
{
	pgr_segment_corrupt(seg, "a page of its dictionary is damaged");
}

/*
 * Looks at a page through the view, which keeps it pinned, and checks that its parts
 * lie inside it. What entries say is checked when they are read.
 */
static void
open_page(PgrSegment *seg, PgrRunView *view, uint32 page, bool leaf, DictPage *d)
{
	d->seg = seg;
	d->data = (const uint8 *) pgr_segment_look(seg, view, page);
	d->head = (const PgrDictPage *) d->data;
	d->leaf = leaf;
	if (view->used < sizeof(PgrDictPage) ||
		d->head->restarts < sizeof(PgrDictPage) || d->head->restarts % sizeof(uint16) != 0 ||
		d->head->restarts + d->head->nrestarts * sizeof(uint16) != view->used ||
		d->head->nentries == 0 ||
		d->head->nrestarts != (d->head->nentries + PGR_DICT_RESTART - 1) / PGR_DICT_RESTART)
		dict_corrupt(seg);
	d->entries_end = d->data + d->head->restarts;
}

/*
 * Reads the entry at p, within the page, into *e, which refers to the page; returns
 * where the next one begins. Lengths are capped before they are added, so no sum
 * overflows. Raises XX002 where the entry does not lie inside the page's entries.
 */
static const uint8 *
read_entry(const DictPage *d, const uint8 *p, DictEntry *e)
{
	const uint8 *end = d->entries_end;
	uint64		v;

	if (p >= end)
		dict_corrupt(d->seg);
	e->shared = *p >> 4;
	e->rest_len = *p++ & 15;
	if (e->shared == 15)
	{
		p = pgr_varint_get(p, end, &v);
		e->shared += p ? Min(v, PGR_MAX_TERM) : 0;
	}
	if (p != NULL && e->rest_len == 15)
	{
		p = pgr_varint_get(p, end, &v);
		e->rest_len += p ? Min(v, PGR_MAX_TERM) : 0;
	}
	if (p == NULL || e->rest_len > end - p || e->shared + e->rest_len > PGR_MAX_TERM)
		dict_corrupt(d->seg);
	e->rest = p;
	p += e->rest_len;
	if (!d->leaf)
		return p;
	if (p >= end || *p > end - p - 1)
		dict_corrupt(d->seg);
	e->payload_len = *p++;
	e->payload = p;
	return p + e->payload_len;
}

/*
 * Reads the i-th restart's entry; its key is whole: it shares nothing with the one
 * before it. Offsets of restarts are not believed: read_entry tests that the place is
 * before the end, and what lies there must be an entry.
 */
static const uint8 *
restart_entry(const DictPage *d, uint32 i, DictEntry *e)
{
	const uint8 *p;

	p = d->data + ((const uint16 *) (d->data + d->head->restarts))[i];
	p = read_entry(d, p, e);
	if (e->shared != 0)
		dict_corrupt(d->seg);
	return p;
}

/*
 * The order of terms: bytes, then length, as pgr_lex_compare of lexical, which this
 * folder does not include.
 */
static int
compare(const uint8 *a, uint32 alen, const char *b, uint32 blen)
{
	int			cmp = memcmp(a, b, Min(alen, blen));

	if (cmp != 0)
		return cmp;
	return alen < blen ? -1 : alen > blen;
}

/*
 * The last restart whose key is <= key; the first one if there is none. By halving:
 * log2 of the page's restarts.
 */
static uint32
search_restarts(const DictPage *d, const char *key, uint32 len)
{
	uint32		low = 0;
	uint32		high = d->head->nrestarts;

	while (high - low > 1)
	{
		uint32		mid = low + (high - low) / 2;
		DictEntry	e;

		restart_entry(d, mid, &e);
		if (compare(e.rest, e.rest_len, key, len) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/*
 * The first entry >= key: its number (nentries if there is none), *found tells
 * whether it equals key, e is the entry itself.
 *
 * Keys are compared without being put together: while they are below key,
 * `matched` is what the entry before has in common with it. An entry that
 * shares more than that with its predecessor is below key too, one that shares
 * less is above.
 */
static uint32
search_page(const DictPage *d, const char *key, uint32 len, DictEntry *e, bool *found)
{
	uint32		restart = search_restarts(d, key, len);
	uint32		i = restart * PGR_DICT_RESTART;
	uint32		matched = 0;
	const uint8 *p = d->data + ((const uint16 *) (d->data + d->head->restarts))[restart];

	*found = false;
	for (; i < d->head->nentries; i++)
	{
		uint32		n;

		p = read_entry(d, p, e);
		/* the next restart's key is above key, or there is none */
		if (e->shared < matched || (i > restart * PGR_DICT_RESTART && i % PGR_DICT_RESTART == 0))
			return i;
		if (e->shared > matched)
			continue;
		for (n = 0; n < e->rest_len && matched + n < len; n++)
		{
			if (e->rest[n] != (uint8) key[matched + n])
				break;
		}
		if (n == e->rest_len && matched + n == len)
		{
			*found = true;
			return i;
		}
		/* key ends here, or differs here by being smaller: the entry is above */
		if (matched + n == len ||
			(n < e->rest_len && e->rest[n] > (uint8) key[matched + n]))
			return i;
		matched += n;
	}
	return i;
}

/*
 * The leaf (its number among the leaves) that holds key if any does. Goes down the
 * inner levels, whose pages stay pinned in a view of their own each: near terms find
 * them so. Raises XX002 where a child does not exist; levels are bounded by the
 * header, so damage makes no circle.
 */
static uint32
find_leaf(PgrSegment *seg, const char *key, uint32 len)
{
	const PgrSegHeader *h = &seg->header;
	uint32		level_start = h->sections[PGR_SECT_INNER].start;
	uint32		child = 0;

	for (uint32 level = 0; level < h->nlevels; level++)
	{
		DictPage	d;
		DictEntry	e;
		bool		found;
		uint32		i;

		if (child >= h->level_pages[level])
			dict_corrupt(seg);
		open_page(seg, &seg->dict_views[level], level_start + child, false, &d);
		i = search_page(&d, key, len, &e, &found);
		/* the last separator <= key */
		if (!found)
			i = i > 0 ? i - 1 : 0;
		child = d.head->first_child + i;
		level_start += h->level_pages[level];
	}
	if (child >= h->sections[PGR_SECT_LEAVES].npages)
		dict_corrupt(seg);
	return child;
}

/*
 * The view of leaves, behind those of the inner levels: consecutive look-ups of near
 * terms find their leaf pinned.
 */
static PgrRunView *
leaf_view(PgrSegment *seg)
{
	return &seg->dict_views[PGR_DICT_MAX_LEVELS];
}

/* Opens a leaf by its number among the leaves, which the caller has checked. */
static void
open_leaf(PgrSegment *seg, PgrRunView *view, uint32 leaf, DictPage *d)
{
	open_page(seg, view, seg->header.sections[PGR_SECT_LEAVES].start + leaf, true, d);
}

/* --- payloads --- */

/*
 * What inline postings amount to: df, cf and the bound are computed from them, so
 * they need no room in the entry. The bytes are copied to *info, checked. Raises
 * XX002 for postings that do not ascend below ndocs.
 */
static void
decode_inline(PgrSegment *seg, const uint8 *p, const uint8 *end, uint32 df, PgrTermInfo *info)
{
	PgrRawBlock raw;
	PgrFrontier frontier;

	info->form = PGR_TERM_INLINE;
	info->inline_len = end - p;
	if (end - p > PGR_TERM_INLINE_BYTES ||
		pgr_inline_unpack(p, end - p, df, seg->shape.norms, seg->header.ndocs, &raw) == NULL)
		dict_corrupt(seg);
	memcpy(info->inline_data, p, info->inline_len);
	frontier.n = 0;
	for (uint32 i = 0; i < df; i++)
	{
		info->cf += raw.weights[i];
		pgr_frontier_add(&frontier, raw.weights[i], raw.norms[i]);
	}
	info->df = df;
	pgr_frontier_reduce(&frontier, &info->bound);
}

/*
 * Reads a varint that must be there, at p; returns the byte after it, or raises
 * XX002.
 */
static const uint8 *
get_number(PgrSegment *seg, const uint8 *p, const uint8 *end, uint64 *v)
{
	p = pgr_varint_get(p, end, v);
	if (p == NULL)
		dict_corrupt(seg);
	return p;
}

/*
 * Copies len bytes that must be there, since an entry has no alignment; returns the
 * byte after them, or raises XX002.
 */
static const uint8 *
get_raw(PgrSegment *seg, const uint8 *p, const uint8 *end, void *dst, uint32 len)
{
	if (end - p < len)
		dict_corrupt(seg);
	memcpy(dst, p, len);
	return p + len;
}

/*
 * df, cf and the bound of a term that is not inline; returns the byte after them. A df
 * that does not go with the form (one block or several) would make a cursor look for
 * skips that are not the term's: it raises.
 */
static const uint8 *
decode_statistics(PgrSegment *seg, const uint8 *p, const uint8 *end, uint8 flags,
				  PgrTermInfo *info)
{
	uint64		v;

	p = get_number(seg, p, end, &v);
	if (PGR_TERM_COUNT(flags) > PGR_BOUND_PAIRS || v == 0 || v > seg->header.ndocs ||
		(v > PGR_POSTING_BLOCK) != (info->form == PGR_TERM_BLOCKS))
		dict_corrupt(seg);
	info->df = v;
	info->cf = v;
	if (flags & PGR_TERM_CF)
	{
		p = get_number(seg, p, end, &v);
		info->cf += v;
	}
	for (uint32 i = 0; i < PGR_TERM_COUNT(flags); i++)
	{
		p = get_raw(seg, p, end, &info->bound.weight[i], 1);
		p = get_raw(seg, p, end, &info->bound.norm[i], 1);
	}
	return p;
}

/*
 * From an entry's payload to *info, which does not refer to the page: all is copied.
 * Raises XX002 for a payload that cannot be. Places in other sections are checked
 * when they are looked at.
 */
static void
decode_term(PgrSegment *seg, const uint8 *p, uint32 len, PgrTermInfo *info)
{
	const uint8 *end = p + len;
	uint64		v;
	uint8		flags;

	memset(info, 0, offsetof(PgrTermInfo, inline_data));
	p = get_raw(seg, p, end, &flags, 1);
	if (flags & PGR_TERM_SCALE)
		p = get_raw(seg, p, end, &info->scale, sizeof(float));
	if (!(info->scale >= 0 && isfinite(info->scale)))
		dict_corrupt(seg);
	info->form = PGR_TERM_FORM(flags);
	if (info->form == PGR_TERM_INLINE)
	{
		decode_inline(seg, p, end, PGR_TERM_COUNT(flags), info);
		return;
	}
	if (info->form != PGR_TERM_BLOCK && info->form != PGR_TERM_BLOCKS)
		dict_corrupt(seg);
	p = decode_statistics(seg, p, end, flags, info);
	p = get_number(seg, p, end, &v);
	if (info->form == PGR_TERM_BLOCKS)
	{
		info->skip = v;
		get_number(seg, p, end, &info->super);
		return;
	}
	if (v >= seg->header.npages)
		dict_corrupt(seg);
	info->page = v;
	p = get_raw(seg, p, end, &info->offset, sizeof(uint16));
	p = get_raw(seg, p, end, &info->doc_bits, 1);
	p = get_raw(seg, p, end, &info->weight_bits, 1);
	if (seg->shape.positions)
		p = get_number(seg, p, end, &info->position_off);
	if (seg->shape.nfields > 1)
		get_number(seg, p, end, &info->freq_off);
}

/*
 * True and *info if the segment has the term, false if not. A page look a level, most
 * often at pages that are pinned already. len is at most PGR_MAX_TERM or nothing is
 * found. Raises XX002 for damage.
 */
bool
pgr_segment_find(PgrSegment *seg, const char *term, uint32 len, PgrTermInfo *info)
{
	DictPage	d;
	DictEntry	e;
	bool		found;

	if (seg->header.sections[PGR_SECT_LEAVES].npages == 0)
		return false;
	open_leaf(seg, leaf_view(seg), find_leaf(seg, term, len), &d);
	search_page(&d, term, len, &e, &found);
	if (found)
		decode_term(seg, e.payload, e.payload_len, info);
	return found;
}

/* --- iteration --- */

/*
 * A walk over terms. key is put together entry by entry, since entries say only what
 * differs; current refers to the leaf that `view` keeps pinned.
 */
struct PgrTermIter
{
	PgrSegment *seg;
	PgrRunView	view;
	DictPage	page;
	uint32		leaf;			/* number of the leaf looked at */
	uint32		entry;			/* next entry of it */
	const uint8 *p;				/* where that begins */
	bool		pending;		/* the current key has not been given out yet */
	bool		any;			/* there is a key already */
	DictEntry	current;
	uint32		len;
	char		key[PGR_MAX_TERM];
};

/*
 * True if the entry's key comes after the one before. What they share is all that
 * they have in common, except at restarts and where a page begins, which share
 * nothing and are compared in full.
 */
static bool
iter_ascends(const PgrTermIter *it, const DictEntry *e)
{
	if (it->entry % PGR_DICT_RESTART == 0)
		return e->shared == 0 &&
			(!it->any || compare((const uint8 *) it->key, it->len, (const char *) e->rest,
								 e->rest_len) < 0);
	return e->shared <= it->len && e->rest_len > 0 &&
		(e->shared == it->len || e->rest[0] > (uint8) it->key[e->shared]);
}

/*
 * Moves to the next entry and puts its key together; false at the end. Leaves are
 * read in order of their pages. Raises XX002 where keys do not ascend, which merges
 * rely on.
 */
static bool
iter_step(PgrTermIter *it)
{
	if (it->leaf >= it->seg->header.sections[PGR_SECT_LEAVES].npages)
		return false;
	if (it->page.data != NULL && it->entry == it->page.head->nentries)
	{
		it->page.data = NULL;
		if (++it->leaf >= it->seg->header.sections[PGR_SECT_LEAVES].npages)
			return false;
	}
	if (it->page.data == NULL)
	{
		open_leaf(it->seg, &it->view, it->leaf, &it->page);
		it->entry = 0;
		it->p = it->page.data + sizeof(PgrDictPage);
	}
	it->p = read_entry(&it->page, it->p, &it->current);
	if (!iter_ascends(it, &it->current))
		dict_corrupt(it->seg);
	it->any = true;
	memcpy(it->key + it->current.shared, it->current.rest, it->current.rest_len);
	it->len = it->current.shared + it->current.rest_len;
	it->entry++;
	return true;
}

/*
 * Contract in segment.h. In the current memory context. The first leaf is found as a
 * search does; it is read from its start, because keys need the ones before them.
 */
PgrTermIter *
pgr_term_iter_begin(PgrSegment *seg, const char *start, uint32 len)
{
	static const PgrRunView empty = PGR_RUN_VIEW_INIT;
	PgrTermIter *it = palloc(sizeof(PgrTermIter));

	it->seg = seg;
	it->view = empty;
	it->page.data = NULL;
	it->leaf = 0;
	it->pending = false;
	it->any = false;
	it->len = 0;
	if (len == 0 || seg->header.sections[PGR_SECT_LEAVES].npages == 0)
		return it;

	/* a leaf is read from its start: at most a few hundred entries */
	it->leaf = find_leaf(seg, start, len);
	while (iter_step(it))
	{
		if (compare((uint8 *) it->key, it->len, start, len) >= 0)
		{
			it->pending = true;
			break;
		}
	}
	return it;
}

/*
 * Contract in segment.h. The key is the iterator's and changes in place. Not
 * interruptible by itself: callers are.
 */
bool
pgr_term_iter_next(PgrTermIter *it, const char **term, uint32 *len, PgrTermInfo *info)
{
	if (!it->pending && !iter_step(it))
		return false;
	it->pending = false;
	decode_term(it->seg, it->current.payload, it->current.payload_len, info);
	*term = it->key;
	*len = it->len;
	return true;
}

/* Lets go of its leaf, and frees the iterator. */
void
pgr_term_iter_end(PgrTermIter *it)
{
	pgr_run_release(&it->view);
	pfree(it);
}
