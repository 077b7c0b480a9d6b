/*
 * segment_spool.c
 *		Sections on their way into a segment: in memory while small, in a
 *		temporary file beyond that. A segment sealed from a pending area makes
 *		no file.
 *
 * A spool is written, rewound once, read once. Files are temporary files of the resource
 * owner: they go with the transaction, whatever happens.
 */
#include "postgres.h"

#include "base/compat.h"
#include "segment/segment_private.h"
#include "utils/memutils.h"

#define FIRST_SIZE 1024

/* Memory and file come with the first byte. */
void
pgr_seg_spool_init(PgrSegSpool *s)
{
	memset(s, 0, sizeof(PgrSegSpool));
	s->context = CurrentMemoryContext;
}

/*
 * Makes room for a byte more at least: a larger buffer, in the spool's memory context,
 * or, at PGR_SEG_SPOOL_MEMORY, an empty one, its bytes in a temporary file.
 */
static void
spool_room(PgrSegSpool *s)
{
	MemoryContext old;

	if (s->size == PGR_SEG_SPOOL_MEMORY)
	{
		old = MemoryContextSwitchTo(s->context);
		if (s->file == NULL)
			s->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(old);
		BufFileWrite(s->file, s->buf, s->used);
		s->used = 0;
		return;
	}
	s->size = s->buf ? Min(s->size * 2, PGR_SEG_SPOOL_MEMORY) : FIRST_SIZE;
	s->buf = s->buf ? repalloc(s->buf, s->size) : MemoryContextAlloc(s->context, s->size);
}

/* Any number of bytes; 53100 from the file where the disk is full. */
void
pgr_seg_spool_put(PgrSegSpool *s, const void *data, Size len)
{
	const char *from = data;

	s->total += len;
	while (len > 0)
	{
		Size		n;

		if (s->used == s->size)
			spool_room(s);
		n = Min(len, s->size - s->used);
		memcpy(s->buf + s->used, from, n);
		s->used += n;
		from += n;
		len -= n;
	}
}

/* Reading begins; nothing may be put any more. */
void
pgr_seg_spool_rewind(PgrSegSpool *s)
{
	if (s->file == NULL)
	{
		s->size = s->used;		/* from here on: used = position, size = end */
		s->used = 0;
		return;
	}
	BufFileWrite(s->file, s->buf, s->used);
	if (BufFileSeek(s->file, 0, 0, SEEK_SET) != 0)
		elog(ERROR, "could not rewind a temporary file");
	s->used = 0;
}

/* Exactly len bytes: the writer knows what it has put. */
void
pgr_seg_spool_get(PgrSegSpool *s, void *data, Size len)
{
	if (s->file != NULL)
		pgr_buffile_read(s->file, data, len);
	else
	{
		Assert(s->used + len <= s->size);
		memcpy(data, s->buf + s->used, len);
		s->used += len;
	}
}

/* The file goes, too; after an error it goes with the transaction. */
void
pgr_seg_spool_free(PgrSegSpool *s)
{
	if (s->file)
		BufFileClose(s->file);
	if (s->buf)
		pfree(s->buf);
	memset(s, 0, sizeof(PgrSegSpool));
}
