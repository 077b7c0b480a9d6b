/*
 * inv_pending.h
 *		What the files that write and read pending records share.
 */
#ifndef PGR_INV_PENDING_H
#define PGR_INV_PENDING_H

#include "common/hashfn.h"
#include "inverted/inv_page.h"

/* bytes of a record before its hashes */
static inline Size
pgr_pending_header_size(const PgrSegShape *shape)
{
	return sizeof(PgrPendingRecord) + (shape->nfields > 1 ? shape->nfields * sizeof(uint32) : 0);
}

static inline uint32
pgr_pending_hash(const char *bytes, uint32 len)
{
	return hash_bytes((const unsigned char *) bytes, len);
}

#endif							/* PGR_INV_PENDING_H */
