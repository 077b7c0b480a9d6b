/*
 * bm25_content.h
 *		Documents of bm25: texts and tsvectors, and the text search configuration that
 *		an index's were made with.
 */
#ifndef PGR_BM25_CONTENT_H
#define PGR_BM25_CONTENT_H

#include "inverted/inv_kind.h"

/* Of PgrInvKind: describe, depends, source, changed, document. */
extern void pgr_bm25_describe(Relation index, PgrInvMeta *meta);
extern Oid	pgr_bm25_depends(Relation index, const PgrInvMeta *meta);
extern bool pgr_bm25_source(Relation index, const PgrInvMeta *meta, bool raise,
							PgrContentSource *src);
extern char *pgr_bm25_changed(Relation index, const PgrInvMeta *meta);
extern void pgr_bm25_document(const PgrContentSource *src, Datum value, PgrLexDoc *doc);

/*
 * Do two bm25 indexes (partitioned ones too) turn a value into the same document?
 * Not if one of them would be refused by pgr_content_of. Raises nothing that
 * opening the indexes does not.
 */
extern bool pgr_content_same(Relation a, Relation b);

#endif							/* PGR_BM25_CONTENT_H */
