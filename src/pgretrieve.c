/*
 * pgretrieve.c
 *		Module magic and start-up: calls each part's initialiser, then reserves the
 *		prefixes of settings, nothing else.
 *
 * Loading order does not matter to the parts; none may touch shared memory or
 * the catalogs here, because the library may be loaded by any backend at any
 * moment and no shared_preload_libraries entry is required.
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/debug_point.h"
#include "exact/nearest.h"
#include "hnsw/hnsw_am.h"
#include "inverted/inv_init.h"
#include "types/types.h"
#include "utils/guc.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "pgretrieve", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

void _PG_init(void);

void
_PG_init(void)
{
	pgr_types_init();
	/* before exact search, whose path would take the place of one without a threshold */
	pgr_hnsw_init();
	pgr_exact_init();
	pgr_inverted_init();
	pgr_debug_point_init();

	/*
	 * Last: what was set before the library was loaded, and is not defined by now, is
	 * thrown away here.
	 */
	MarkGUCPrefixReserved("pgretrieve");
	MarkGUCPrefixReserved("hnsw");
}
