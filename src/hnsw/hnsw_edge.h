/*
 * hnsw_edge.h
 *		Which edges a node keeps, departure (7). See README, "Insert".
 */
#ifndef PGR_HNSW_EDGE_H
#define PGR_HNSW_EDGE_H

#include "hnsw/hnsw.h"

/*
 * Puts an edge into a record; false if all that it has are worth more. scratch: room for one
 * edge more than the degree, so that nothing is allocated under the node's lock.
 */
extern bool pgr_hnsw_place_edge(const PgrHnswMeta *meta, PgrHnswNode *node,
								const PgrHnswEdge *edge, char *scratch);

/*
 * Adds n edges, made for its code and with no room wasted between them, to a
 * node; the best of old and new stay. Build only.
 */
extern void pgr_hnsw_merge_edges(const PgrHnswIndex *ix, PgrHnswId id, const char *edges,
								 uint32 n);

#endif							/* PGR_HNSW_EDGE_H */
