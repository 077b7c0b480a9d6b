/*
 * chain.h
 *		Following a chain of links on pages: a damaged one may form a cycle.
 */
#ifndef PGR_CHAIN_H
#define PGR_CHAIN_H

#include "postgres.h"

/*
 * Brent's method: a link is compared with one met before, which is replaced after
 * twice as many steps each time. Zero it before the first link. A cycle of n links
 * entered after m others is noticed within about 2 (m + n) + n steps.
 */
typedef struct PgrChain
{
	uint32		met;
	uint32		steps;			/* since then */
	uint32		limit;
} PgrChain;

/* Takes the next link; true if the chain has come back to one that it had. */
static inline bool
pgr_chain_cycles(PgrChain *chain, uint32 link)
{
	if (chain->limit > 0 && link == chain->met)
		return true;
	if (chain->steps++ == chain->limit)
	{
		chain->met = link;
		chain->steps = 0;
		chain->limit = chain->limit == 0 ? 1 : chain->limit * 2;
	}
	return false;
}

#endif							/* PGR_CHAIN_H */
