/*
 * hnsw_relist.c
 *		Lists of filter values for the rows that an index has now. See README, "New
 *		lists".
 *
 * An index that was made before its rows has one list, and one that has grown far has as
 * many as its build made. VACUUM makes new ones from the nodes' codes, beside those that
 * there are, and lets the metapage name them. Only VACUUM does so, of which a table has one
 * at a time.
 */
#include "postgres.h"

#include "access/genam.h"
#include "base/compat.h"
#include "base/debug_point.h"
#include "commands/vacuum.h"
#include "hnsw/hnsw_list.h"
#include "hnsw/hnsw_point.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* New lists are made where a build would make so many times as many as there are. */
#define GROWN 4

/* A round that copies no more entries is the last without the lock; or so many rounds. */
#define FEW_ENTRIES 256
#define MOST_ROUNDS 8

/*
 * State of making new lists, all in one memory context that ends with it. `from` and `to`
 * share what they point to, but for the metapage's copy and the lists.
 */
typedef struct Relist
{
	const PgrHnswIndex *from;	/* with the lists that there are */
	PgrHnswIndex *to;			/* with those that take their place */
	PgrHnswListSample *sample;
	uint64		sampled;		/* entries that were offered to it */
	uint16	   *copied;			/* of each block: entries that the new lists have */
	BlockNumber ncopied;		/* blocks that `copied` has room for */
	bool		locked;			/* the lists lock is held: no delays */
	MemoryContext context;		/* of one entry */
	char	   *scratch;		/* node_size */
	int8	   *code;			/* padded, of the entry's node, with its head */
	PgrCode8	head;
} Relist;

/* ----------
 * Entries of the lists that there are
 * ----------
 */

/*
 * The point of an entry's node, which r holds until the next call; false if the slot has no
 * node, to which only damage leads: VACUUM takes entries out of lists before it frees nodes,
 * and no other VACUUM runs meanwhile. Locks the node's page, shared, and none on return. What
 * the point allocates later is in the current context.
 */
static bool
read_point(Relist *r, const char *entry, PgrHnswPoint *point)
{
	const PgrHnswNode *node;
	Buffer		buffer;
	PgrHnswId	id;
	uint32		frame;
	bool		used;

	memcpy(&id, entry, sizeof(id));
	node = pgr_hnsw_node_read(r->to, id, BUFFER_LOCK_SHARE, r->scratch, &buffer);
	used = (node->flags & PGR_HNSW_USED) != 0;
	frame = node->frame;
	r->head = node->head;
	memcpy(r->code, PGR_HNSW_CODE(&r->to->meta, node), r->to->meta.padded);
	UnlockReleaseBuffer(buffer);
	if (used)
		pgr_hnsw_point_code(r->to, frame, &r->head, r->code, point);
	return used;
}

/* Does something with the n entries of a page; returns with how many. */
typedef uint32 (*PageFn) (Relist *r, BlockNumber block, const char *page, uint32 n);

/*
 * Applies fn to a copy of each page of the lists that there are; the sum of what it returns.
 * No page is locked while fn runs. Interruptible between pages; sleeps there as VACUUM's cost
 * limit says, but not while the lists lock is held, since inserts wait for that.
 */
static uint64
for_each_page(Relist *r, PageFn fn)
{
	uint64		sum = 0;

	for (uint32 k = 0; k < r->from->meta.lists.n; k++)
	{
		BlockNumber block = PGR_HNSW_LIST_FIRST(&r->from->meta, k);
		PgrChain	chain = {0};

		while (block != InvalidBlockNumber)
		{
			PGAlignedBlock page;
			BlockNumber next;
			uint32		n;

			CHECK_FOR_INTERRUPTS();
			if (!r->locked)
				pgr_vacuum_delay();
			n = pgr_hnsw_list_page(r->from, &chain, block, page.data, &next);
			sum += fn(r, block, page.data, n);
			block = next;
		}
	}
	return sum;
}

/* A PageFn: counts entries. */
static uint32
count_page(Relist *r, BlockNumber block, const char *page, uint32 n)
{
	return n;
}

/*
 * A PageFn: offers the codes of a page's entries to the sample, brought to the frame of the
 * digests. What it allocates is in r->context, which is reset after each entry.
 */
static uint32
sample_page(Relist *r, BlockNumber block, const char *page, uint32 n)
{
	MemoryContext old = MemoryContextSwitchTo(r->context);

	for (uint32 i = 0; i < n; i++)
	{
		uint64		number = r->sampled++;
		PgrHnswPoint point;
		const PgrHnswView *view;

		if (!pgr_hnsw_list_sample_wants(r->sample, number) ||
			!read_point(r, PGR_HNSW_LIST_ENTRY(&r->from->meta, page, i), &point))
			continue;
		view = pgr_hnsw_view(&point, r->to->meta.lists.frame);
		pgr_hnsw_list_sample_row(r->to, r->sample, number, &view->head, view->code);
		MemoryContextReset(r->context);
	}
	MemoryContextSwitchTo(old);
	return n;
}

/*
 * Makes room in `copied` for a block: two bytes for each block of the index as it is now, in
 * the current context. Inserts may have added pages since, so it grows.
 */
static void
copied_reserve(Relist *r, BlockNumber block)
{
	BlockNumber n;

	if (block < r->ncopied)
		return;
	n = Max(RelationGetNumberOfBlocks(r->from->rel), block + 1);
	r->copied = r->copied == NULL
		? MemoryContextAllocHuge(CurrentMemoryContext, mul_size(n, sizeof(uint16)))
		: repalloc_huge(r->copied, mul_size(n, sizeof(uint16)));
	memset(r->copied + r->ncopied, 0, (Size) (n - r->ncopied) * sizeof(uint16));
	r->ncopied = n;
}

/*
 * A PageFn: puts those of a page's entries into the new lists that these do not have. Entries
 * stay where they are until a VACUUM removes some, and this is the one, so the new ones are
 * the last. What it allocates is in r->context, but for r->copied. `copied` counts each entry
 * as soon as it is in, since the next round must not enter it twice. No buffer is locked
 * between two entries. Returns how many were new, of nodes that are gone too: it only tells
 * how fast inserts are.
 */
static uint32
copy_page(Relist *r, BlockNumber block, const char *page, uint32 n)
{
	uint32		from;
	MemoryContext old;

	copied_reserve(r, block);
	from = r->copied[block];
	old = MemoryContextSwitchTo(r->context);
	for (uint32 i = from; i < n; i++)
	{
		const char *entry = PGR_HNSW_LIST_ENTRY(&r->from->meta, page, i);
		PgrHnswPoint point;
		PgrHnswId	id;

		memcpy(&id, entry, sizeof(id));
		if (read_point(r, entry, &point))
			pgr_hnsw_list_enter(r->to, id, &point, PGR_HNSW_LIST_ITEM(entry));
		r->copied[block] = i + 1;
		MemoryContextReset(r->context);
	}
	MemoryContextSwitchTo(old);
	return n > from ? n - from : 0;
}

/* ----------
 * Pages of the new lists
 * ----------
 */

/*
 * Appends n contiguous blocks, not formatted, to the file; returns the first. Under the
 * relation's extension lock, without which an insert's page could come in between; no buffer
 * is locked before or after. On an error (a full disk) the blocks so far stay in the file,
 * zeroed, and are passed over by readers of node pages.
 */
static BlockNumber
append_blocks(Relation rel, BlockNumber n)
{
	Buffer		buffers[64];
	BlockNumber first = InvalidBlockNumber;

	LockRelationForExtension(rel, ExclusiveLock);
	for (BlockNumber done = 0; done < n;)
	{
		uint32		more = pgr_page_extend_by(rel, MAIN_FORKNUM, Min(n - done, lengthof(buffers)),
											  buffers);

		if (first == InvalidBlockNumber)
			first = BufferGetBlockNumber(buffers[0]);
		for (uint32 i = 0; i < more; i++)
			ReleaseBuffer(buffers[i]);
		done += more;
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
	return first;
}

/*
 * Writes a page of which nothing is needed: n bytes of content, a WAL record with a full
 * image. The buffer is locked exclusively meanwhile and released by the commit. What the block
 * had is not read: a new one is zero, one of an attempt that did not finish was checked by
 * check_directory_page.
 */
static void
write_page(Relation rel, BlockNumber block, PgrPageKind kind, const void *content, uint32 n)
{
	Buffer		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
	PgrWalBatch batch;
	Page		page;

	pgr_wal_begin(&batch, rel, false);
	page = pgr_wal_add(&batch, buffer, true);
	pgr_page_init(page, kind, 0);
	memcpy(PgrPageGetData(page), content, n);
	pgr_page_set_used(page, n);
	pgr_wal_commit(&batch);
}

/*
 * Writes the directory of the new lists to its pages, one WAL record each. Nobody reads them
 * yet.
 */
static void
write_directory(const PgrHnswIndex *to)
{
	Size		size = PGR_HNSW_DIRECTORY_SIZE(&to->meta);
	BlockNumber block = to->meta.lists.block;

	for (Size done = 0; done < size; done += PGR_PAGE_CAPACITY)
		write_page(to->rel, block++, PGR_PAGE_HNSW_AUX, to->lists->directory + done,
				   (uint32) Min(size - done, PGR_PAGE_CAPACITY));
}

/*
 * The metapage changed in one record: by what is being made, or what has been, which is then
 * in use; for that the lists lock is held. No buffer is locked before or after.
 */
static void
change_meta(const PgrHnswIndex *to, bool publish)
{
	Buffer		buffer = pgr_page_read(to->rel, PGR_META_BLOCK, PGR_PAGE_META,
									   BUFFER_LOCK_EXCLUSIVE);
	PgrWalBatch batch;
	Page		page;
	PgrHnswMeta *meta;

	pgr_wal_begin(&batch, to->rel, false);
	page = pgr_wal_add(&batch, buffer, false);
	meta = (PgrHnswMeta *) PgrPageGetData(page);
	if (publish)
	{
		meta->lists = to->meta.lists;
		meta->fresh = (PgrHnswFresh) {0};
	}
	else
		meta->fresh = (PgrHnswFresh) {to->meta.lists.block, to->meta.lists.n};
	/* a release before 1.1 has written less of it */
	pgr_page_set_used(page, sizeof(PgrHnswMeta));
	pgr_wal_commit(&batch);
}

/*
 * New lists on new pages, all of them empty. Nothing waits or is cancelled between their
 * allocation and the note, so that attempts which do not finish use up no more than one.
 */
static void
place_anew(Relist *r)
{
	PgrHnswIndex *to = r->to;
	BlockNumber ndirectory = PGR_HNSW_DIRECTORY_PAGES(&to->meta);

	to->meta.lists.block = append_blocks(to->rel, ndirectory + to->meta.lists.n);
	HOLD_INTERRUPTS();
	write_directory(to);
	for (uint32 k = 0; k < to->meta.lists.n; k++)
	{
		PgrHnswListHead head = {0, PGR_HNSW_LIST_FIRST(&to->meta, k)};

		write_page(to->rel, head.insert, PGR_PAGE_HNSW_FILTER, &head, sizeof(head));
	}
	change_meta(to, false);
	RESUME_INTERRUPTS();
}

/*
 * Raises unless a block has a page of a directory, which then may be overwritten: a damaged
 * metapage must not lead to nodes. Share lock, released.
 */
static void
check_directory_page(const PgrHnswIndex *to, BlockNumber block)
{
	UnlockReleaseBuffer(pgr_page_read(to->rel, block, PGR_PAGE_HNSW_AUX, BUFFER_LOCK_SHARE));
}

/*
 * Takes the pages of an attempt that did not finish, as many lists as it had: empties the
 * lists, which may have entries of it, and writes the directory over the old one.
 * Interruptible between two lists; what is done then is as good a start for the next attempt.
 */
static void
place_again(Relist *r)
{
	for (BlockNumber i = 0; i < PGR_HNSW_DIRECTORY_PAGES(&r->to->meta); i++)
		check_directory_page(r->to, r->to->meta.lists.block + i);
	for (uint32 k = 0; k < r->to->meta.lists.n; k++)
	{
		pgr_vacuum_delay();
		pgr_hnsw_list_clear(r->to, k);
	}
	write_directory(r->to);
}

/*
 * Whether an attempt has left pages that will do: half to twice as many lists as are wanted.
 * Then `to` is to have its lists there. Raises where they are not within the file; that they
 * are not those in use was checked when the index was opened.
 */
static bool
find_left(PgrHnswIndex *to)
{
	uint32		lists = to->meta.fresh.lists;

	if (lists < to->meta.lists.n / 2 || lists / 2 > to->meta.lists.n)
		return false;
	to->meta.lists.n = lists;
	to->meta.lists.block = to->meta.fresh.block;
	to->meta.fresh = (PgrHnswFresh) {0};
	pgr_hnsw_check_meta(to->rel, &to->meta);
	return true;
}

/* ----------
 * All of it
 * ----------
 */

/*
 * Rounds over the lists that there are until few entries are new; then takes the lists lock,
 * exclusively, for the last round, and publishes. So inserts wait once, for one round over
 * list pages that were just read, with few entries to copy. After MOST_ROUNDS, where inserts
 * are faster than the copy, the last round is longer. No lock on entry or exit; cancelled at
 * any point the old lists stay in use. The lock is released before the transaction ends: the
 * record of the metapage is what others see.
 */
static void
copy_entries(Relist *r)
{
	for (int round = 0; round < MOST_ROUNDS; round++)
		if (for_each_page(r, copy_page) <= FEW_ENTRIES)
			break;
	PGR_DEBUG_POINT("hnsw-relist-lock");
	LockPage(r->to->rel, PGR_META_BLOCK, ExclusiveLock);
	r->locked = true;
	for_each_page(r, copy_page);
	change_meta(r->to, true);
	UnlockPage(r->to->rel, PGR_META_BLOCK, ExclusiveLock);
}

/*
 * Whether a build would make many more lists for so many rows than there are; sets what `to`
 * is to have, and allocates the sample in the current context. Digests are relative to the
 * main frame.
 */
static bool
choose_lists(Relist *r, uint64 rows)
{
	PgrHnswIndex *to = r->to;

	r->sample = pgr_hnsw_list_sample(to, rows);
	to->meta.lists.frame = to->meta.main_frame == PGR_HNSW_NO_FRAME ? 0 : to->meta.main_frame;
	return to->meta.lists.digest_dims > 0 && to->meta.lists.n / GROWN >= r->from->meta.lists.n;
}

/*
 * Makes the lists if a build would make many more. All memory in the current context, which
 * the caller deletes; no lock is held on entry or exit, but VACUUM's of the table.
 */
static void
make_lists(Relist *r)
{
	const PgrHnswIndex *from = r->from;
	bool		left;

	r->to = palloc(sizeof(PgrHnswIndex));
	*r->to = *from;
	r->to->space.max_aux = &r->to->meta.max_aux;
	r->to->lists = NULL;
	r->scratch = palloc(from->meta.node_size);
	r->code = palloc(from->meta.padded);
	r->context = AllocSetContextCreate(CurrentMemoryContext, "hnsw relist entry",
									   ALLOCSET_DEFAULT_SIZES);
	if (!choose_lists(r, for_each_page(r, count_page)))
		return;
	left = find_left(r->to);
	for_each_page(r, sample_page);
	if (!pgr_hnsw_make_directory(r->to, r->sample))
		return;
	if (left)
		place_again(r);
	else
		place_anew(r);
	PGR_DEBUG_POINT("hnsw-relist-copy");
	copy_entries(r);
}

void
pgr_hnsw_relist(Relation index, double rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw relist",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrHnswIndex *ix = pgr_hnsw_open(index);
	Relist		r = {ix};

	rows = Max(rows, pgr_hnsw_count_estimate(ix));
	if (ix->filters != NULL &&
		rows / PGR_HNSW_LIST_PER_PAGE(&ix->meta) >= GROWN / 2 * (double) ix->meta.lists.n)
		make_lists(&r);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
