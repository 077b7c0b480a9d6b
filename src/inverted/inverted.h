/*
 * inverted.h
 *		Private header of the access methods bm25 and inverted. See README.
 */
#ifndef PGR_INVERTED_H
#define PGR_INVERTED_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "inverted/inv_init.h"
#include "inverted/inv_page.h"
#include "lexical/lexical.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "search/search.h"

/* --- inv_kind.c: which of the two --- */

/* What an access method does in its own way; see inv_kind.h. */
typedef struct PgrInvKind PgrInvKind;

/* Of an index of bm25 or inverted, partitioned ones too; NULL of another one. */
extern const PgrInvKind *pgr_inv_kind(Relation index);

/* --- inv_options.c: reloptions and what they mean --- */

/* Of bm25 and inverted alike; each uses its own part. */
typedef struct PgrInvOptions
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int			config_offset;	/* strings, 0 if not given */
	int			field_weights_offset;
	int			field_b_offset;
	int			scoring;		/* PgrScoringKind */
	int			cjk;			/* 1: bigram */
	double		k1;
	double		b;
	double		mu;
	bool		positions;
	int			fields;			/* of text[] */
	int			pending_limit_offset;
	int			pending_limit;	/* what that says, kB */
} PgrInvOptions;

extern void pgr_inv_options_init(void);
extern bytea *pgr_bm25_options(Datum reloptions, bool validate);
extern bytea *pgr_inverted_options(Datum reloptions, bool validate);

/* A copy in the current context, or the defaults: an invalidation frees the relation's own. */
extern const PgrInvOptions *pgr_inv_options(Relation index);

/* The option pending_limit in pages. */
extern uint32 pgr_inv_pending_limit(Relation index);

/* A string option's value, NULL if it is not given. */
extern const char *pgr_inv_string_option(const PgrInvOptions *options, int offset);

/* How many fields documents of an index have. */
extern int	pgr_inv_nfields(Relation index, PgrContentType type);

/* Is it of access method bm25, partitioned indexes too? */
extern bool pgr_inv_is_bm25(Relation index);

/* The ranking function of an index. */
extern void pgr_inv_scoring(Relation index, int nfields, PgrScoring *scoring);

/* --- inv_meta.c: the metapage --- */

/* A copy of the metapage, and of the list of segments that goes on in other pages. */
typedef struct PgrInvMeta
{
	PGR_INV_META_FIELDS;
	const PgrInvKind *kind;
	PgrSegDesc *segments;		/* [nsegments], oldest publication first */
	uint32		nsegments;
	uint32		claimed;
} PgrInvMeta;

/* How src/segment reads and changes the metapage's set of segments. */
extern const PgrSegSetOwner pgr_inv_set;

/* Into *meta; segments are palloc'd in the current memory context. */
extern void pgr_inv_meta_copy(Relation index, PgrInvMeta *meta);

/*
 * The metapage, pinned and share-locked in *buffer. What it says of the pending area can be
 * counted with; blocks are for who reads them to check.
 */
extern const PgrInvMetaPage *pgr_inv_meta_read(Relation index, Buffer *buffer);

/*
 * The metapage's content inside a WAL batch, exclusively locked; of this version from
 * now on.
 */
extern PgrInvMetaPage *pgr_inv_meta_add(PgrWalBatch *batch, Relation index);

/* Writes block 0 and block 1. */
extern void pgr_inv_meta_create(Relation index, ForkNumber fork, const PgrInvMeta *meta);

extern PgrSegShape pgr_inv_shape(const PgrInvMeta *meta);

/*
 * The shape of pending records: with positions even where segments have none, so
 * that phrases of pending documents need no look at the row.
 */
extern PgrSegShape pgr_inv_pending_shape(const PgrInvMeta *meta);

/* --- inv_kind.c: from a column's value to a document --- */

typedef struct PgrContentSource
{
	const PgrInvKind *kind;
	PgrContentType type;		/* bm25 */
	PgrAnalyzer analyzer;		/* bm25 */
} PgrContentSource;

/*
 * How an index reads its column. Raises 55000 with a REINDEX hint if the text
 * search configuration is gone or is not what it was at build time. For a
 * tsvector column there is no configuration.
 */
extern void pgr_content_source(Relation index, const PgrInvMeta *meta, PgrContentSource *src);

/*
 * The same, from the relation's cache entry where it is known, and of a
 * partitioned index. The analyzer of a tsvector index has the configuration of
 * plain queries, or InvalidOid if nothing says which that is.
 */
extern void pgr_content_of(Relation index, PgrContentSource *src);

/* The same without an error for a configuration that is not what it was: false. */
extern bool pgr_content_try(Relation index, PgrContentSource *src);

/* In words, what of the configuration is not as it was at build time; NULL: nothing. */
extern char *pgr_content_changed(Relation index, const PgrInvMeta *meta);

/*
 * A document in the current memory context. Sparse vectors: a term is a key of
 * pgr_sparse_key, its tf the bits of |value| as a float; length 0.
 */
extern void pgr_content_document(const PgrContentSource *src, Datum value, PgrLexDoc *doc);

/* --- bm25_fingerprint.c: what a configuration does --- */

typedef struct PgrFingerprint
{
	uint64		sample;			/* what it makes of sample words */
	uint32		catalog;		/* its definition by names; never 0 */
} PgrFingerprint;

/* Of analyzer->config (must exist) and cjk_bigram; kept in the backend. */
extern PgrFingerprint pgr_fingerprint(const PgrAnalyzer *analyzer);

/* --- bm25_config.c: which configuration an index has --- */

/* "schema"."name", quoted where need be; and back, InvalidOid if there is none. */
extern char *pgr_config_name(Oid config);
extern Oid	pgr_config_by_name(const char *qualified);

/* pg_depend: the configuration recorded for an index, InvalidOid if none; and recording. */
extern Oid	pgr_config_recorded(Oid index);
extern void pgr_config_record(Oid index, Oid config);

/*
 * Of an index on text or text[], about to be built or partitioned: by its option,
 * else by what is recorded; raises 22023 if there is neither.
 */
extern Oid	pgr_config_of_documents(Relation index);

/*
 * Of plain queries on a tsvector index: by its option, else the only constant that
 * the index's or the generated column's expression gives to to_tsvector and its
 * like; else InvalidOid.
 */
extern Oid	pgr_config_of_words(Relation index);

/* --- inv_accumulate.c: documents in memory, turned into a segment --- */

typedef struct PgrAccumulator PgrAccumulator;

extern PgrAccumulator *pgr_acc_create(const PgrSegShape *shape, const PgrInvKind *kind);
/* doc NULL: a row without a document */
extern void pgr_acc_add(PgrAccumulator *acc, ItemPointer tid, const PgrLexDoc *doc);
extern Size pgr_acc_memory(PgrAccumulator *acc);
extern uint32 pgr_acc_ndocs(PgrAccumulator *acc);	/* NULL rows included */
/* Writes and empties it. */
extern void pgr_acc_write(PgrAccumulator *acc, Relation index, uint32 generation,
						  PgrRunTarget target, BufFile *file,
						  PgrSegDesc *desc, PgrRunMap **map);
extern void pgr_acc_free(PgrAccumulator *acc);

/* --- inv_spill.c: any number of documents into one segment, within a budget --- */

typedef struct PgrSpill PgrSpill;

/* What is more than budget bytes goes to temporary files. In the current memory context. */
extern PgrSpill *pgr_spill_begin(const PgrSegShape *shape, const PgrInvKind *kind, Size budget);
extern void pgr_spill_add(PgrSpill *spill, ItemPointer tid, const PgrLexDoc *doc);

/* Writes the segment, unless there is no document; ends the spill. */
extern void pgr_spill_finish(PgrSpill *spill, Relation index, uint32 generation,
							 PgrRunTarget target, PgrSegDesc *desc);

/* Temporary segments, which are left as they are, and files open, into one. */
extern void pgr_spill_merge(Relation index, const PgrSegShape *shape, PgrSegDesc *descs,
							PgrRunMap **maps, int n, uint32 generation, PgrRunTarget target,
							PgrSegDesc *desc, PgrRunMap **map);

/* --- inv_pending.c, inv_pending_read.c: the pending area --- */

/* How much is pending. */
typedef struct PgrPendingSize
{
	uint32		pages;
	uint32		extents;
	uint32		added;			/* pages, about, that the document just put takes */
} PgrPendingSize;

/* Adds a document (NULL: a row without one). *size: about what is pending then. */
extern void pgr_pending_insert(Relation index, const PgrSegShape *shape, ItemPointer tid,
							   const PgrLexDoc *doc, PgrPendingSize *size);

extern void pgr_pending_size(Relation index, PgrPendingSize *size);

/* A document of the pending area, with all its terms or those asked for. */
typedef struct PgrPendingDoc
{
	ItemPointerData tid;
	bool		null;
	bool		dead;
	uint8		norm;
	uint8		field_norm[PGR_MAX_FIELDS];
	PgrLexDoc	doc;
} PgrPendingDoc;

typedef struct PgrPendingDocs
{
	bool		held;			/* false: there was no memory to hold them; n = 0 */
	uint32		n;				/* in docs */
	PgrPendingDoc *docs;
	MemoryContext context;		/* of docs */
	/* of the whole area, documents not in docs included; dead ones too */
	uint32		ndocs;
	uint32		nnulls;
	uint32		ndead;			/* of both */
	uint64		sum_length;
	uint64		field_sum_length[PGR_MAX_FIELDS];
} PgrPendingDocs;

/* How far the last page of the pending area was filled when it was first read. */
typedef struct PgrPendingEnd
{
	BlockNumber block;			/* InvalidBlockNumber: not read yet */
	uint32		used;			/* bytes of its records */
} PgrPendingEnd;

/*
 * What to read. Documents without any of the terms (nterms of them; NULL: all terms are
 * wanted) are left out, and other terms of those with one. Records behind `end` (may be
 * NULL) are left out; the first reading sets it.
 */
typedef struct PgrPendingArea
{
	Relation	index;
	const PgrSegShape *shape;	/* of pending records */
	const PgrInvKind *kind;
	const PgrPendingExtent *extents;
	int			nextents;
	PgrPendingEnd *end;
	const PgrLexTerm *terms;
	int			nterms;
} PgrPendingArea;

/*
 * Reads documents, dead ones marked, into memory, within the budget (bytes; 0: none), in
 * a context below the current one.
 */
extern void pgr_pending_read(const PgrPendingArea *area, Size budget, PgrPendingDocs *out);

typedef void (*PgrPendingCallback) (void *arg, const PgrPendingDoc *doc);

/*
 * Calls back with each document, dead ones too, whose first fragment is in the first
 * npages pages: valid during the call. In memory at a time are only documents whose
 * fragments interleave.
 */
extern void pgr_pending_stream(const PgrPendingArea *area, uint32 npages,
							   PgrPendingCallback callback, void *arg);

/* Marks condemned documents dead; returns how many newly; *live: documents left. */
extern uint32 pgr_pending_bulk_delete(Relation index, const PgrInvMeta *meta,
									  IndexBulkDeleteCallback callback, void *arg,
									  uint64 *live);

/* --- inv_maintain.c: merging, and who maintains when --- */

/*
 * What VACUUM and bm25_merge do: seal, merge as the tiers demand (all: everything into
 * one segment), free. Takes the maintenance lock.
 */
extern void pgr_inv_maintain(Relation index, bool all);

/*
 * The segments that hold what is in the index now, with nothing pending but what
 * `callback` was asked about; nothing but the caller touches them until he has released
 * the maintenance lock, which he holds.
 */
extern uint32 pgr_inv_begin_delete(Relation index, PgrInvMeta *meta,
								   IndexBulkDeleteCallback callback, void *arg, uint64 *live);

/* After an insert: seals a part and merges small segments, if it is time. */
extern void pgr_inv_after_insert(Relation index, const PgrPendingSize *size);

/* --- inv_view.c: an index as a scan sees it --- */

typedef struct PgrInvView
{
	Relation	index;
	PgrInvMeta	meta;
	PgrPendingEnd end;
	PgrSegShape shape;
	PgrSegShape pending_shape;
	PgrSegment **segments;		/* [meta.nsegments], largest first */
	PgrLexTerm *terms;			/* as opened with, where documents are not held; NULL: all */
	int			nterms;
	PgrPendingDocs pending;
} PgrInvView;

/* What a view is of: enough to open it again, with other terms. */
typedef struct PgrInvState
{
	PgrPendingEnd end;
	PgrInvMeta	meta;			/* meta.segments: behind this struct */
} PgrInvState;

/*
 * Opens in the current memory context. terms as in PgrPendingArea; pending documents
 * are held within work_mem. With a state, what the index was then, which must be since a
 * snapshot that is in use, or one of the same content.
 */
extern PgrInvView *pgr_view_open(Relation index, const PgrLexTerm *terms, int nterms);
extern PgrInvView *pgr_view_open_at(Relation index, const PgrInvState *state,
									const PgrLexTerm *terms, int nterms);
/* One palloc'd chunk of *size bytes. */
extern PgrInvState *pgr_view_state(const PgrInvView *view, Size *size);
extern void pgr_view_close(PgrInvView *view);

/* Calls back with each pending document that has one of the view's terms, with these. */
extern void pgr_view_pending(PgrInvView *view, PgrPendingCallback callback, void *arg);

/* The same with every pending document, and all of its terms. */
extern void pgr_view_pending_whole(PgrInvView *view, PgrPendingCallback callback, void *arg);

/* Reads the pending documents into memory whatever they need, where they are not. */
extern void pgr_view_hold_pending(PgrInvView *view);

/* The plain terms of queries, sorted, for pgr_view_open; *all: all terms are needed. */
extern PgrLexTerm *pgr_query_terms(PgrQuery **queries, int n, int *nterms, bool *all);

/* --- bm25_stats.c, bm25_pin_cache.c: statistics --- */

/* Theirs until the current memory context is reset or deleted. */
extern PgrPinned *pgr_inv_pin(Oid index, const PgrRankQuery *query);

/*
 * The same for a scan, which holds the index open: where the statistics had to be
 * collected and are of this index alone, *view gets the view that was read for
 * them, with the query's terms, open, in the current memory context. Else it stays.
 */
extern PgrPinned *pgr_inv_pin_view(Oid index, const PgrRankQuery *query, PgrInvView **view);
extern void pgr_inv_analyzer(Oid index, PgrAnalyzer *analyzer);

/* --- bm25_lookup.c: which index --- */

/* See PgrIndexHook. Locks on the indexes that it opens are let go. */
extern void pgr_inv_find_index(PgrIndexSearch *search);

/*
 * A bm25 index, partitioned ones too, opened with AccessShareLock (kept by who closes it
 * with NoLock); an error if it is none (42809) or not valid (55000).
 */
extern Relation pgr_inv_open(Oid oid);

/*
 * The indexes, not partitioned, whose sums are an index's statistics: OIDs, locked with
 * AccessShareLock. Raises 55000 for a partition's index of another analysis.
 */
extern List *pgr_inv_collection(Relation index);

/* Calls each(index, arg) of each index of a collection, open. */
extern void pgr_inv_each_index(Oid index, void (*each) (Relation index, void *arg), void *arg);

/*
 * May an index answer for a query that is bound to another one, or unbound (NULL: plain
 * words)? It then finds the rows that the operator finds. pgr_inv_serves raises 55000 as
 * pgr_inv_collection.
 */
extern bool pgr_inv_serves(Relation index, Oid bound);
extern bool pgr_inv_serves_unbound(Relation index, const PgrQuery *query);

/* --- inv_am.c, inv_build.c, inv_scan.c, sparse_scan.c, inv_cost.c: the access method --- */

extern IndexBuildResult *pgr_inv_build(Relation heap, Relation index, IndexInfo *info);
extern void pgr_inv_build_empty(Relation index);
extern bool pgr_inv_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
						   Relation heap, IndexUniqueCheck unique, bool unchanged,
						   IndexInfo *info);
extern IndexBulkDeleteResult *pgr_inv_bulk_delete(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats,
												 IndexBulkDeleteCallback callback, void *arg);
extern IndexBulkDeleteResult *pgr_inv_vacuum_cleanup(IndexVacuumInfo *info,
													IndexBulkDeleteResult *stats);
extern void pgr_inv_cost(PlannerInfo *root, IndexPath *path, double loop_count,
						 Cost *startup, Cost *total, Selectivity *selectivity,
						 double *correlation, double *pages);
extern void pgr_bm25_cost(PlannerInfo *root, IndexPath *path, double loop_count,
						  Cost *startup, Cost *total, Selectivity *selectivity,
						  double *correlation, double *pages);
/* An infinite cost; disabled from PostgreSQL 18 on. */
extern void pgr_inv_price_out(IndexPath *path, Cost *startup, Cost *total,
							  Selectivity *selectivity, double *correlation, double *pages);
extern bool pgr_inv_validate(Oid opclass);
extern char *pgr_inv_phase_name(int64 phase);

extern IndexScanDesc pgr_inv_begin_scan(Relation index, int nkeys, int norderbys);
extern void pgr_inv_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
						   ScanKey orderbys, int norderbys);
extern bool pgr_inv_get_tuple(IndexScanDesc scan, ScanDirection dir);
extern int64 pgr_inv_get_bitmap(IndexScanDesc scan, TIDBitmap *tbm);
extern void pgr_inv_end_scan(IndexScanDesc scan);

/* bm25_selectivity.c: see PgrSelectivityHook */
extern double pgr_inv_selectivity(Oid index, const PgrQuery *query);

/* strategies */
#define PGR_STRATEGY_MATCH 1	/* @@@ */
#define PGR_STRATEGY_RANK 2		/* <@>, or <#> of sparsevec */

#endif							/* PGR_INVERTED_H */
