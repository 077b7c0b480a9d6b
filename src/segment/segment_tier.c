/*
 * segment_tier.c
 *		Which segments of a set become one, and making them one.
 *
 * Tiers: a segment of n rows that are not dead is of tier log8(n / TIER_BASE), at least 0.
 * When a tier holds PGR_TIER_FANOUT segments they become one, so a document is written
 * anew once a tier.
 *
 * Choosing looks at descriptors alone. A merge reads its inputs without locks: nobody
 * else may mark their rows or free them, which the caller's lock sees to.
 */
#include "postgres.h"

#include "segment/segment_set.h"

#define TIER_BASE 2048
#define TIERS 11

/* A segment of which more than a tenth is dead is rewritten, or a fiftieth of a small one. */
#define REWRITE_DEAD 10
#define REWRITE_DEAD_SMALL 50
#define SMALL_SEGMENT 16384

/*
 * Of rows that are not dead: a segment that has lost most of them is as small as it
 * will be when it is rewritten.
 */
static int
tier_of(const PgrSegDesc *desc)
{
	uint32		n = desc->ndocs + desc->nnulls - desc->ndead;
	int			tier = 0;

	while (n > TIER_BASE)
	{
		n /= 8;
		tier++;
	}
	return tier;
}

/*
 * The lowest tier first: its segments are many and cheap. Segments are considered
 * oldest first, as they are listed.
 */
int
pgr_tier_choose(const PgrSegDesc *segments, uint32 nsegments, uint32 since, uint64 max_pages,
				int *chosen)
{
	for (int tier = 0; tier < TIERS; tier++)
	{
		uint64		pages = 0;
		int			n = 0;

		for (uint32 i = 0; i < nsegments && n < PGR_TIER_MOST; i++)
		{
			const PgrSegDesc *d = &segments[i];

			if (d->generation < since || tier_of(d) != tier || pages + d->npages > max_pages)
				continue;
			pages += d->npages;
			chosen[n++] = i;
		}
		if (n >= PGR_TIER_FANOUT)
			return n;
	}
	return 0;
}

/* One at a time: the first that has too many. */
int
pgr_tier_choose_rewrite(const PgrSegDesc *segments, uint32 nsegments, int *chosen)
{
	for (uint32 i = 0; i < nsegments; i++)
	{
		const PgrSegDesc *d = &segments[i];
		uint64		rows = (uint64) d->ndocs + d->nnulls;
		int			part = rows <= SMALL_SEGMENT ? REWRITE_DEAD_SMALL : REWRITE_DEAD;

		if ((uint64) d->ndead * part > rows)
		{
			chosen[0] = i;
			return 1;
		}
	}
	return 0;
}

/* By insertion into the list of the smallest so far, which is sorted by size. */
int
pgr_tier_choose_all(const PgrSegDesc *segments, uint32 nsegments, int *chosen)
{
	int			n = 0;

	if (nsegments == 1 && segments[0].ndead == 0)
		return 0;
	for (uint32 i = 0; i < nsegments; i++)
	{
		int			at = n < PGR_TIER_MOST ? n++ : PGR_TIER_MOST;

		/* by size; what falls out at the end is the largest */
		while (at > 0 && segments[chosen[at - 1]].npages > segments[i].npages)
		{
			if (at < PGR_TIER_MOST)
				chosen[at] = chosen[at - 1];
			at--;
		}
		if (at < PGR_TIER_MOST)
			chosen[at] = i;
	}
	return n;
}

/*
 * Inputs are open, a few of their pages pinned each, until the merge is done. What is
 * allocated is scratch of the caller's memory context. A failure anywhere leaves the
 * set as it was.
 */
void
pgr_tier_merge(Relation index, const PgrSegSetOwner *owner, const PgrSegShape *shape,
			   PgrSetWriter writer, const PgrSegDesc *segments, const int *chosen, int n)
{
	PgrSegment **segs = palloc(n * sizeof(PgrSegment *));
	uint32	   *gone = palloc(n * sizeof(uint32));
	PgrSetPublication p = {.writer = writer, .gone = gone, .ngone = n};
	PgrSegDesc	desc;
	PgrRunMap  *map;

	for (int i = 0; i < n; i++)
	{
		segs[i] = pgr_segment_open(index, &segments[chosen[i]], shape);
		gone[i] = segments[chosen[i]].generation;
	}
	memset(&desc, 0, sizeof(desc));
	pgr_segment_merge(index, segs, n, pgr_set_new_generation(index, owner, writer), shape,
					  PGR_RUN_LOGGED, NULL, &desc, &map);
	for (int i = 0; i < n; i++)
		pgr_segment_close(segs[i]);
	if (desc.ndocs + desc.nnulls > 0)
		p.added = &desc;
	pgr_set_publish(index, owner, &p);
	pgr_set_sweep(index, owner, 1 << writer);
}
