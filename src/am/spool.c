/*
 * spool.c
 *		Temporary files of a build, by number.
 */
#include "postgres.h"

#include <fcntl.h>

#include "am/spool.h"

static void
file_name(const PgrSpool *s, uint32 number, char *name)
{
	snprintf(name, MAXPGPATH, "%s.%u", s->name, number);
}

BufFile *
pgr_spool_create(const PgrSpool *s, uint32 number)
{
	MemoryContext old = MemoryContextSwitchTo(s->context);
	char		name[MAXPGPATH];
	BufFile    *file;

	file_name(s, number, name);
	file = s->files == NULL ? BufFileCreateTemp(false)
		: BufFileCreateFileSet(&s->files->fs, name);
	MemoryContextSwitchTo(old);
	return file;
}

BufFile *
pgr_spool_finish(const PgrSpool *s, BufFile *file)
{
	if (s->files == NULL)
		return file;
	BufFileExportFileSet(file);
	BufFileClose(file);
	return NULL;
}

BufFile *
pgr_spool_open(const PgrSpool *s, BufFile *file, uint32 number)
{
	MemoryContext old;
	char		name[MAXPGPATH];

	if (s->files == NULL)
	{
		pgr_spool_seek(file, 0, 0);
		return file;
	}
	file_name(s, number, name);
	old = MemoryContextSwitchTo(s->context);
	file = BufFileOpenFileSet(&s->files->fs, name, O_RDONLY, false);
	MemoryContextSwitchTo(old);
	return file;
}

void
pgr_spool_close(const PgrSpool *s, BufFile *file)
{
	if (s->files != NULL)
		BufFileClose(file);
}

void
pgr_spool_seek(BufFile *file, uint64 n, Size size)
{
	if (BufFileSeek(file, 0, (off_t) (n * size), SEEK_SET) != 0)
		elog(ERROR, "could not seek in a temporary file");
}
