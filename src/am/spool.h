/*
 * spool.h
 *		Temporary files of a build, by number: what does not fit into memory, by partition
 *		of the rows or by run.
 *
 * Of a build alone a file is written and read through one BufFile; of a parallel one it is
 * written by one participant, finished, and then opened by any.
 */
#ifndef PGR_SPOOL_H
#define PGR_SPOOL_H

#include "postgres.h"

#include "storage/buffile.h"
#include "storage/sharedfileset.h"

typedef struct PgrSpool
{
	SharedFileSet *files;		/* of a parallel build; NULL: this process's files */
	const char *name;			/* unique in the build */
	MemoryContext context;		/* of open files */
} PgrSpool;

/* An empty file. All these raise where the disk is full or a file is not there. */
extern BufFile *pgr_spool_create(const PgrSpool *s, uint32 number);

/* After the last write: the file, still open, or NULL where all may open it now. */
extern BufFile *pgr_spool_finish(const PgrSpool *s, BufFile *file);

/* A file that was finished, from its beginning. file: what finish gave. */
extern BufFile *pgr_spool_open(const PgrSpool *s, BufFile *file, uint32 number);

/* Ends reading; of a build alone the file stays, and can be opened again. */
extern void pgr_spool_close(const PgrSpool *s, BufFile *file);

/* Goes to record number n of those of size bytes. */
extern void pgr_spool_seek(BufFile *file, uint64 n, Size size);

#endif							/* PGR_SPOOL_H */
