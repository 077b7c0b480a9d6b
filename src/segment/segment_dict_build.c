/*
 * segment_dict_build.c
 *		Building a dictionary: pages of prefix-compressed entries, bottom-up.
 *
 * Terms come in order, so every page is written once, full. When a page of a
 * level is full, the key that separates it from the next one goes to the level
 * above, which appears with its level's second page; the top level therefore
 * always has one page. Separators of leaves are cut to the shortest prefix that
 * separates.
 *
 * An entry: a byte with the number of bytes shared with the key before (upper
 * four bits) and of further ones (lower four), each 15 if a varint with the
 * rest follows; the further bytes; on leaves a byte with the length of the
 * payload, and the payload.
 *
 * Memory: two pages and a key for each level, and the spools of finished pages, which go
 * to a temporary file beyond 64 kB. Nothing of a page changes after it is spooled.
 */
#include "postgres.h"

#include "segment/segment_private.h"

#define NIBBLE_FULL 15
#define MAX_RESTARTS (PGR_PAGE_CAPACITY / 2 / PGR_DICT_RESTART)
#define ENTRY_MAX (1 + 2 * PGR_VARINT_MAX + PGR_MAX_TERM + 1 + UINT8_MAX)

/* A level: pages that are finished, in a spool, and the one being filled. */
typedef struct DictLevel
{
	PgrSegSpool	pages;			/* finished ones */
	uint32		npages;
	uint32		nentries;		/* of the page being filled */
	uint32		total;			/* entries of all pages */
	uint32		used;
	uint32		nrestarts;
	uint16		restarts[MAX_RESTARTS];
	uint32		last_len;
	char		last[PGR_MAX_TERM];
	char		page[PGR_PAGE_CAPACITY];
} DictLevel;

/* All levels; each takes some 20 kB, and there are two or three. */
struct PgrDictBuilder
{
	MemoryContext context;
	int			nlevels;
	DictLevel  *levels[PGR_DICT_MAX_LEVELS + 1];	/* 0 = leaves */
};

static void level_add(PgrDictBuilder *b, int n, const char *key, uint32 len,
					  const uint8 *payload, uint32 payload_len);

/* In the current memory context. */
PgrDictBuilder *
pgr_dict_build_begin(void)
{
	PgrDictBuilder *b = palloc0(sizeof(PgrDictBuilder));

	b->context = CurrentMemoryContext;
	return b;
}

/*
 * Level n, which is made, in the builder's memory context, when its first entry comes.
 * Raises 54000 beyond PGR_DICT_MAX_LEVELS: at hundreds of entries a page no dictionary
 * gets there.
 */
static DictLevel *
get_level(PgrDictBuilder *b, int n)
{
	if (n > PGR_DICT_MAX_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("dictionary of an index segment would have more than %d levels",
						PGR_DICT_MAX_LEVELS)));
	if (n == b->nlevels)
	{
		MemoryContext old = MemoryContextSwitchTo(b->context);
		DictLevel  *level = palloc0(sizeof(DictLevel));

		pgr_seg_spool_init(&level->pages);
		level->used = sizeof(PgrDictPage);
		b->levels[b->nlevels++] = level;
		MemoryContextSwitchTo(old);
	}
	return b->levels[n];
}

/* How many bytes two keys have in common. */
static uint32
common_prefix(const char *a, uint32 alen, const char *b, uint32 blen)
{
	uint32		n = Min(alen, blen);
	uint32		i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Writes an entry to dst, which has ENTRY_MAX bytes; gives its size. */
static uint32
encode_entry(uint8 *dst, uint32 shared, const char *rest, uint32 rest_len,
			 bool leaf, const uint8 *payload, uint32 payload_len)
{
	uint8	   *p = dst;

	*p++ = Min(shared, NIBBLE_FULL) << 4 | Min(rest_len, NIBBLE_FULL);
	if (shared >= NIBBLE_FULL)
		p = pgr_varint_put(p, shared - NIBBLE_FULL);
	if (rest_len >= NIBBLE_FULL)
		p = pgr_varint_put(p, rest_len - NIBBLE_FULL);
	memcpy(p, rest, rest_len);
	p += rest_len;
	if (leaf)
	{
		*p++ = payload_len;
		memcpy(p, payload, payload_len);
		p += payload_len;
	}
	return p - dst;
}

/* Completes the page being filled and begins an empty one. */
static void
finish_page(DictLevel *level)
{
	PgrDictPage *head = (PgrDictPage *) level->page;

	level->used = TYPEALIGN(sizeof(uint16), level->used);
	head->nentries = level->nentries;
	head->restarts = level->used;
	head->nrestarts = level->nrestarts;
	head->first_child = level->total - level->nentries;
	memcpy(level->page + level->used, level->restarts, level->nrestarts * sizeof(uint16));
	pgr_seg_spool_put(&level->pages, level->page, PGR_PAGE_CAPACITY);
	level->npages++;
	memset(level->page, 0, PGR_PAGE_CAPACITY);
	level->used = sizeof(PgrDictPage);
	level->nentries = 0;
	level->nrestarts = 0;
}

/* Tells the level above of the page that begins with this key. */
static void
next_page(PgrDictBuilder *b, int n, const char *key, uint32 len)
{
	DictLevel  *level = b->levels[n];
	uint32		separator = len;

	if (n == 0)
		separator = common_prefix(level->last, level->last_len, key, len) + 1;
	finish_page(level);
	if (level->npages == 1)
		level_add(b, n + 1, "", 0, NULL, 0);
	level_add(b, n + 1, key, separator, NULL, 0);
}

/*
 * Adds an entry to level n, which must be above all before. A full page is finished
 * first, and the level above told of the new one: as deep as there are levels.
 */
static void
level_add(PgrDictBuilder *b, int n, const char *key, uint32 len,
		  const uint8 *payload, uint32 payload_len)
{
	DictLevel  *level = get_level(b, n);
	uint8		entry[ENTRY_MAX];
	bool		restart = level->nentries % PGR_DICT_RESTART == 0;
	uint32		shared = 0;
	uint32		size;

	if (!restart)
		shared = common_prefix(level->last, level->last_len, key, len);
	size = encode_entry(entry, shared, key + shared, len - shared, n == 0, payload, payload_len);
	/* a byte may go to the alignment of the restarts */
	if (level->used + size + 1 + (level->nrestarts + restart) * sizeof(uint16) > PGR_PAGE_CAPACITY)
	{
		next_page(b, n, key, len);
		restart = true;
		size = encode_entry(entry, 0, key, len, n == 0, payload, payload_len);
	}
	if (restart)
		level->restarts[level->nrestarts++] = level->used;
	memcpy(level->page + level->used, entry, size);
	level->used += size;
	level->nentries++;
	level->total++;
	memcpy(level->last, key, len);
	level->last_len = len;
}

/* Terms ascend; the writer has checked it. */
void
pgr_dict_build_add(PgrDictBuilder *b, const char *term, uint32 len,
				   const uint8 *payload, uint32 payload_len)
{
	Assert(payload_len <= UINT8_MAX);
	level_add(b, 0, term, len, payload, payload_len);
}

/* Copies a level's pages to the run. */
static void
write_level(DictLevel *level, PgrRunWriter *run)
{
	pgr_seg_spool_rewind(&level->pages);
	for (uint32 i = 0; i < level->npages; i++)
	{
		PgrDictPage *head = (PgrDictPage *) pgr_run_page(run);

		pgr_seg_spool_get(&level->pages, head, PGR_PAGE_CAPACITY);
		pgr_run_put(run, head->restarts + head->nrestarts * sizeof(uint16));
	}
	pgr_seg_spool_free(&level->pages);
}

/* Leaves go to the run first, then inner levels from the root down. Frees the builder. */
void
pgr_dict_build_finish(PgrDictBuilder *b, PgrRunWriter *run, PgrSegHeader *header)
{
	PgrSectionLoc *leaves = &header->sections[PGR_SECT_LEAVES];
	PgrSectionLoc *inner = &header->sections[PGR_SECT_INNER];

	for (int n = 0; n < b->nlevels; n++)
	{
		if (b->levels[n]->nentries > 0)
			finish_page(b->levels[n]);
	}
	leaves->start = pgr_run_pageno(run);
	if (b->nlevels > 0)
	{
		leaves->items = leaves->npages = b->levels[0]->npages;
		write_level(b->levels[0], run);
	}
	inner->start = pgr_run_pageno(run);
	for (int n = b->nlevels - 1; n > 0; n--)
	{
		header->level_pages[header->nlevels++] = b->levels[n]->npages;
		inner->npages += b->levels[n]->npages;
		write_level(b->levels[n], run);
	}
	inner->items = inner->npages;
	for (int n = 0; n < b->nlevels; n++)
		pfree(b->levels[n]);
	pfree(b);
}
