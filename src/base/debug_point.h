/*
 * debug_point.h
 *		Named places in the code where a test may stop, fail or kill a backend.
 *
 * Only in builds for servers with assertions; nothing is compiled in others. A
 * session says what is to happen:
 *
 *		SET pgretrieve.debug_point = 'hnsw-tids-slot:wait'
 *
 *		wait	until nobody holds advisory lock 1 of the database exclusively; not at a
 *				point that is reached with a buffer's content locked
 *		error	an error, ERRCODE_INSUFFICIENT_RESOURCES
 *		crash	flushes the WAL that this backend has written and kills it (SIGKILL), so
 *				that exactly the records up to here survive
 *
 * ":n" behind the action: only the n-th time, counted from SET. A point's name begins with
 * its module and tells what comes next. "wal-record" is behind each WAL record that the
 * extension writes: with crash:1, crash:2, ... a test sees each prefix of what a statement
 * logs.
 */
#ifndef PGR_DEBUG_POINT_H
#define PGR_DEBUG_POINT_H

#ifdef USE_ASSERT_CHECKING
#define PGR_DEBUG_POINT(name) pgr_debug_point(name)
extern void pgr_debug_point(const char *name);

/* Defines the setting. */
extern void pgr_debug_point_init(void);
#else
#define PGR_DEBUG_POINT(name) ((void) 0)
#define pgr_debug_point_init() ((void) 0)
#endif

#endif							/* PGR_DEBUG_POINT_H */
