/*
 * inv_kind.h
 *		What bm25 and inverted do each in its own way: a table of functions and limits,
 *		one const row for each access method (bm25_kind.c, sparse_kind.c).
 *
 * Everything else in this folder serves both and asks the row, which it finds by an
 * index's access method (pgr_inv_kind), or in the copy of its metapage.
 */
#ifndef PGR_INV_KIND_H
#define PGR_INV_KIND_H

#include "inverted/inverted.h"

struct PgrInvKind
{
	uint8		id;				/* in the metapage; never changes */

	/* --- as core sees it --- */
	amoptions_function options;
	amcostestimate_function cost;
	amgetbitmap_function get_bitmap;	/* NULL: no bitmap scans */

	/* --- a column's value as a document --- */

	bool		norms;			/* documents have lengths: PgrSegShape.norms */

	/* Enters what else a new index's column and options say; the rest of *meta is zero. */
	void		(*describe) (Relation index, PgrInvMeta *meta);

	/* The configuration that a new index depends on, or InvalidOid. */
	Oid			(*depends) (Relation index, const PgrInvMeta *meta);

	/*
	 * See pgr_content_source: from *meta, or, with meta NULL, from the relation's cache
	 * entry. false, or with `raise` an error, if documents are not made as they were.
	 */
	bool		(*source) (Relation index, const PgrInvMeta *meta, bool raise,
						   PgrContentSource *src);

	/* See pgr_content_changed. */
	char	   *(*changed) (Relation index, const PgrInvMeta *meta);

	/* See pgr_content_document. */
	void		(*document) (const PgrContentSource *src, Datum value, PgrLexDoc *doc);

	/* --- the weight of a term in a document: PgrLexTerm.tf, 32 bits --- */

	/* what a pending record may have */
	uint32		least_term;		/* bytes of a term */
	uint32		most_term;
	uint32		most_weight;
	bool		pending_positions;	/* even where segments have none */

	/*
	 * As bytes in an accumulator: put writes at most PGR_VARINT32_MAX, get reads what put
	 * wrote; both return the byte after it.
	 */
	uint8	   *(*put) (uint8 *p, uint32 weight);
	const uint8 *(*get) (const uint8 *p, const uint8 *end, uint32 *weight);

	/*
	 * As a segment has it: a list's scale, from the largest weight in it (weights compare
	 * as integers), and what is stored of a weight, 1 at least.
	 */
	float		(*scale) (uint32 largest);
	uint32		(*stored) (uint32 weight, float scale);

	/* --- scans --- */

	bool		ranks_all;		/* an ordered scan's `next` returns rows of score 0, too */

	/*
	 * Begins a scan: sets conditions and order, opens the view. The scan's memory context is
	 * current. Returns whether there are rows with a score, which `next` gives. s->nothing
	 * may be set instead, if no row qualifies.
	 */
	bool		(*begin) (IndexScanDesc scan);

	/* The next row with a score: tid and order-by value; false at their end. */
	bool		(*next) (IndexScanDesc scan);

	/* Lets go what `begin` holds beyond memory; it may have failed half-way. NULL: nothing. */
	void		(*end) (IndexScanDesc scan);
};

extern const PgrInvKind pgr_bm25_kind;
extern const PgrInvKind pgr_sparse_kind;

/* Makes a row known to pgr_inv_kind. At start-up. */
extern void pgr_inv_kind_register(const PgrInvKind *kind);

#endif							/* PGR_INV_KIND_H */
