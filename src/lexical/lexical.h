/*
 * lexical.h
 *		Words, queries and scores, without any index: analysis of documents, the
 *		type rankquery, and BM25 and its relatives as functions of (content,
 *		query, statistics). See src/lexical/README.
 *
 * The operators <@> and @@@ live here; where a query is bound to an index,
 * statistics come from it through pgr_statistics_hook, which src/inverted sets.
 */
#ifndef PGR_LEXICAL_H
#define PGR_LEXICAL_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "lexical/score.h"
#include "nodes/nodes.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

/* --- analysis: analyze.c, cjk.c --- */

typedef enum PgrContentType
{
	PGR_CONTENT_TEXT,			/* one field */
	PGR_CONTENT_TEXT_ARRAY,		/* element number = field */
	PGR_CONTENT_TSVECTOR		/* weights A..D = fields 0..3; unweighted is D */
} PgrContentType;

/* How text becomes lexemes; the same for documents and queries of an index. */
typedef struct PgrAnalyzer
{
	Oid			config;			/* regconfig; not used for tsvector content */
	bool		cjk_bigram;		/* runs of Chinese, Japanese, Thai as overlapping bigrams */
	uint8		nfields;		/* elements or weights beyond it count as the last */
} PgrAnalyzer;

/* An occurrence: field in the upper bits, position (from 1) in the lower ones. */
#define PGR_OCC_FIELD_SHIFT 27
#define PGR_OCC_MAX_POS ((1u << PGR_OCC_FIELD_SHIFT) - 1)
#define PGR_OCC(field, pos) (((uint32) (field) << PGR_OCC_FIELD_SHIFT) | (pos))
#define PGR_OCC_FIELD(occ) ((occ) >> PGR_OCC_FIELD_SHIFT)
#define PGR_OCC_POS(occ) ((occ) & PGR_OCC_MAX_POS)

typedef struct PgrLexTerm
{
	const char *bytes;			/* not terminated */
	uint32		len;
	uint32		tf;				/* occurrences */
	uint32	   *occ;			/* ascending; NULL where the content has no positions */
	uint32		first_field_tf; /* index into PgrLexDoc.field_tf, if nfields > 1 */
} PgrLexTerm;

typedef struct PgrLexDoc
{
	int			nterms;
	int			nfields;		/* of the analyzer */
	PgrLexTerm *terms;			/* ascending by pgr_lex_compare */
	uint32		length;			/* words (of all fields) that gave a lexeme */
	uint32		field_length[PGR_LEX_MAX_FIELDS];
	uint32	   *field_tf;		/* nterms x nfields, if nfields > 1 */
	uint64		hash;			/* of the content's bytes */
} PgrLexDoc;

/* memcmp, then length: the order of dictionaries and documents */
extern int	pgr_lex_compare(const char *a, uint32 alen, const char *b, uint32 blen);

/*
 * Analyses a detoasted or toasted datum into *doc, in the current memory
 * context. Any size up to a varlena's limit; words longer than 2047 bytes are
 * left out, as by to_tsvector. Equal content gives equal documents.
 */
extern void pgr_lex_document(const PgrAnalyzer *analyzer, PgrContentType type, Datum content,
							 PgrLexDoc *doc);

/* 64-bit hash of a content's (detoasted) bytes, as in PgrLexDoc.hash. */
extern uint64 pgr_lex_content_hash(Datum content);

/* The length byte: Lucene's SmallFloat.intToByte4 and back; exact up to 39. */
extern uint8 pgr_norm_encode(uint32 length);
extern uint32 pgr_norm_decode(uint8 norm);

/*
 * Changes of the catalogs of text search that have arrived in this backend. init is called
 * once, when the library is loaded.
 */
extern void pgr_lex_changes_init(void);
extern uint64 pgr_lex_changes(void);

/* --- rankquery: rankquery.c (type), rankquery_parse.c (text to tree) --- */

typedef enum PgrNodeKind
{
	PGR_NODE_TERM,				/* a lexeme, prefix or fuzzy lexeme: a leaf */
	PGR_NODE_PHRASE,			/* children are plain TERMs by ascending offset; those with
								 * one offset are alternatives: a leaf to scoring */
	PGR_NODE_AND,
	PGR_NODE_OR,				/* min_match children at least; 0: optional, for the score */
	PGR_NODE_NOT				/* one child */
} PgrNodeKind;

typedef struct PgrRankQuery PgrRankQuery;	/* varlena; layout in rankquery.c */

/* A query unpacked: a tree in the current memory context. */
typedef struct PgrQueryNode
{
	PgrNodeKind kind;
	float		boost;			/* of leaves; 1 unless said; times the query's frequency */
	uint32		fields;			/* bit mask of fields a leaf looks in; 0 = all */
	/* TERM */
	const char *term;
	uint32		termlen;
	bool		prefix;
	uint8		fuzzy;			/* edit distance, 0..2 */
	/* PHRASE */
	uint32		slop;
	uint32		offset;			/* of a TERM in its PHRASE: position relative to the first */
	double		given_df;		/* TERM: document frequency given with the query, or NAN */
	/* OR */
	uint32		min_match;
	int			nchildren;
	struct PgrQueryNode **children;
	int			leaf;			/* leaves in scoring order: index, -1 for inner nodes */
} PgrQueryNode;

typedef struct PgrQuery
{
	uint32		top;			/* rows that a scan does well to look for first; 0: not said */
	PgrQueryNode *root;			/* NULL: the empty query, which matches nothing */
	int			nleaves;		/* scoring leaves: TERMs and PHRASEs not under NOT */
	PgrQueryNode **leaves;		/* in canonical order */
	bool		disjunction;	/* an OR (min_match 1) of plain terms, or one such term:
								 * no phrase, prefix, fuzzy, field, NOT, AND */
	PgrQueryNode **by_term;		/* a long disjunction's leaves in the order of their
								 * terms, else NULL */
	bool		planned;		/* bound to an index by the planner, not by who wrote it */
	bool		cjk_bigram;		/* its words were made that way */
	Oid			bound;			/* the index, where its OID is known, or InvalidOid */
	const char *bound_name;		/* else its qualified name, or NULL; ask pgr_query_index */
	Oid			config;			/* the same of the text search configuration of its words: */
	const char *config_name;	/* ask pgr_query_config */
	/* given with the query, NAN if not */
	double		given_ndocs;
	double		given_avg_length;
	double		given_k1;
	double		given_b;
} PgrQuery;

/* Unpacks; strings point into the varlena, which must stay. */
extern PgrQuery *pgr_query_unpack(const PgrRankQuery *rq);

/* a copy that differs from its like only if the query itself differs: without top */
extern PgrRankQuery *pgr_query_plain(const PgrRankQuery *rq);

/*
 * The index that a query is bound to, InvalidOid if it is not. What the planner bound
 * has the rights of the query that it is part of. A binding that somebody chose needs
 * the current user's rights (42501, see base/index_access.h); 42704 if there is no
 * such index any more. rankquery_bound.c
 */
extern Oid	pgr_query_index(const PgrQuery *query);

/* The same without errors, for estimates: InvalidOid where there would be one. */
extern Oid	pgr_query_index_if_allowed(const PgrQuery *query);

/* The configuration of a query's words, or InvalidOid; 42704 if it is gone. */
extern Oid	pgr_query_config(const PgrQuery *query);

/*
 * For documents of so many fields: where all the fields that a part of the query is
 * limited to do not exist ("hepatitis B:chronic", of one column), it is looked for in
 * any.
 */
extern void pgr_query_fit(PgrQuery *query, int nfields);

/* Does a TERM (plain, prefix or fuzzy) stand for this dictionary term? */
extern bool pgr_leaf_accepts(const PgrQueryNode *leaf, const char *term, uint32 len);

/*
 * Words of a text, OR-ed, by an analyzer: what a text right operand means. The query
 * does not say of which configuration they are.
 */
extern PgrRankQuery *pgr_query_from_text(const PgrAnalyzer *analyzer, text *words);

/* --- scoring: score.h, score.c --- */

/* Statistics of a collection. */
typedef struct PgrCollection
{
	double		ndocs;			/* NAN: unknown */
	double		sum_length;
	double		field_sum_length[PGR_LEX_MAX_FIELDS];
} PgrCollection;

#define PGR_LEX_MAX_EXPANDED 64

/* Statistics of one scoring leaf. */
typedef struct PgrLeafStats
{
	double		df;				/* NAN: unknown, idf = 1. Not used for a phrase */
	double		cf;				/* of a phrase: the least of its terms' */
	double		idf_sum;		/* phrase: sum of pgr_idf of its terms, or NAN */
	int			nexpanded;		/* prefix, fuzzy: terms that count for the score, at most
								 * PGR_LEX_MAX_EXPANDED, those with the highest df first;
								 * df is the highest. -1: all count (no index) */
	const char **expanded;
	uint32	   *expanded_len;
} PgrLeafStats;

/*
 * When an index is to enter what it knows into a memo of scores, and what next. The
 * unit of cost is the analysis of one word. See src/inverted/bm25_memo.c.
 */
typedef struct PgrMemoFill
{
	bool		may;			/* there is more that it could enter */
	bool		hits_done;		/* all hits have been entered; now the other documents */
	double		analysed;		/* since the last filling */
	double		cost;			/* of the next one */
	Oid			source;			/* the index */
	Oid			index;			/* where that begins: 0 for the first ... */
	uint32		segment;
	uint32		doc;
} PgrMemoFill;

/*
 * All that a score depends on besides the content: pinned for a (snapshot,
 * index, query). Lives as long as somebody holds it, see src/inverted/bm25_pin_cache.c.
 */
typedef struct PgrPinned
{
	PgrAnalyzer analyzer;
	PgrScoring	scoring;
	PgrCollection collection;
	PgrQuery   *query;			/* terms analysed, copied */
	PgrLeafStats *leaves;		/* [query->nleaves] */
	PgrLeafScorer *scorers;	/* [query->nleaves], made from the above */
	struct PgrScoreMemo *memo;	/* content hash -> score; made by pgr_pinned_prepare */
	PgrMemoFill fill;			/* of an index: how the memo is filled from it */
} PgrPinned;

/*
 * The sum of a phrase's words' idf, of alternatives the highest. df: of its children, or
 * NULL for what was given with the words.
 */
extern double pgr_phrase_idf(const PgrQueryNode *phrase, double ndocs, const double *df);

/*
 * Makes scorers from scoring, collection and leaf statistics, in the current
 * memory context. What was given with the query goes before what was pinned.
 */
extern void pgr_pinned_prepare(PgrPinned *pinned);

/*
 * The score of a document: 0 unless the whole query matches it; otherwise the
 * sum over leaves that match, added in canonical order. The same bits as an
 * index scan gives. *matches may be NULL.
 */
extern double pgr_score_document(const PgrPinned *pinned, const PgrLexDoc *doc, bool *matches);

/* Does the query match, whatever its score? */
extern bool pgr_match_document(const PgrQuery *query, const PgrLexDoc *doc);

/*
 * Phrase occurrences within the phrase's field mask: occ[i], nocc[i] are those of
 * its child i, each ascending. field_freq (may be NULL): [PGR_LEX_MAX_FIELDS],
 * gets the occurrences of each field.
 *
 * An occurrence is a choice of one position for each offset so that the
 * differences position - offset lie within slop of each other (Lucene's
 * definition), and the same words at two offsets have two positions. They are
 * counted from the left: the one that ends first, and from there on each offset
 * takes positions behind its own. (Offsets that share only some of their
 * alternatives may have one position.) Time: offsets times positions at most;
 * interruptible.
 */
extern uint32 pgr_phrase_fields(const PgrQueryNode *phrase, const uint32 *const *occ,
								const uint32 *nocc, uint32 *field_freq);

static inline uint32
pgr_phrase_frequency(const PgrQueryNode *phrase, const uint32 *const *occ, const uint32 *nocc)
{
	return pgr_phrase_fields(phrase, occ, nocc, NULL);
}

/* --- where statistics come from --- */

/*
 * Pinned statistics of a query bound to an index (or partitioned index), for
 * the active snapshot; held until the current memory context is reset or deleted.
 * Set by src/inverted when the library is loaded.
 */
typedef PgrPinned *(*PgrStatisticsHook) (Oid index, const PgrRankQuery *query);
extern PgrStatisticsHook pgr_statistics_hook;

/* A search for the bm25 index that a query on a document uses. */
typedef struct PgrIndexSearch
{
	Oid			relid;
	Node	   *expression;		/* the document: variables of varno 1, no RelabelType on top */
	List	   *(*conditions) (void *arg);	/* of the rows, asked for if an index is partial */
	void	   *arg;
	/* found: */
	Oid			index;			/* InvalidOid if there is none */
	Node	   *written;		/* the document as the index has it, if otherwise; or NULL */
	Oid			type;			/* that its operators take */
} PgrIndexSearch;

/* For the planner support function; gives a NOTICE where the choice needs one. */
typedef void (*PgrIndexHook) (PgrIndexSearch *search);
extern PgrIndexHook pgr_index_hook;

/* The analyzer of a bm25 index; raises an error if it is no such index. */
typedef void (*PgrIndexAnalyzerHook) (Oid index, PgrAnalyzer *analyzer);
extern PgrIndexAnalyzerHook pgr_index_analyzer_hook;

/* The share of documents of an index that a query matches, negative if unknown. */
typedef double (*PgrSelectivityHook) (Oid index, const PgrQuery *query);
extern PgrSelectivityHook pgr_selectivity_hook;

/* --- known scores: score_memo.c --- */

/* Setting bm25.reuse_scores: off, the operators analyse every row. */
extern bool pgr_reuse_scores;

typedef enum PgrMemoMatch
{
	PGR_MEMO_NO_MATCH,
	PGR_MEMO_MATCH,
	PGR_MEMO_UNKNOWN
} PgrMemoMatch;

#define PGR_MEMO_MAX 110000		/* entries: 3 MB */

extern void pgr_memo_put(PgrPinned *pinned, uint64 content_hash, double score,
						 PgrMemoMatch match);
extern bool pgr_memo_useful(const PgrPinned *pinned);
extern bool pgr_memo_score(PgrPinned *pinned, uint64 content_hash, double *score);
extern bool pgr_memo_match(PgrPinned *pinned, uint64 content_hash, bool *match);
extern void pgr_memo_analysed(PgrPinned *pinned, const PgrLexDoc *doc);
extern bool pgr_memo_asked(const PgrPinned *pinned);
extern bool pgr_memo_empty(const PgrPinned *pinned);
extern void pgr_memo_forget(PgrPinned *pinned);

/*
 * Enters scores of the next documents of the index into the memo and sets fill for
 * the time after. Set by src/inverted.
 */
typedef void (*PgrMemoFillHook) (PgrPinned *pinned);
extern PgrMemoFillHook pgr_memo_fill_hook;

#endif							/* PGR_LEXICAL_H */
