/*
 * hugepage.h
 *		Large memory that is read at random.
 */
#ifndef PGR_HUGEPAGE_H
#define PGR_HUGEPAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Asks for huge pages in fresh memory of a process's own, before it is written: with
 * small ones each access at random also misses the TLB. Only advice: where the
 * system has none nothing changes. Useless for dynamic shared memory, whose pages
 * are there before anybody could ask.
 */
static inline void
pgr_want_huge_pages(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
	uintptr_t	page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t	begin = ((uintptr_t) memory + page - 1) / page * page;
	uintptr_t	end = ((uintptr_t) memory + size) / page * page;

	if (end > begin)
		(void) madvise((void *) begin, end - begin, MADV_HUGEPAGE);
#else
	(void) memory;
	(void) size;
#endif
}

#endif							/* PGR_HUGEPAGE_H */
