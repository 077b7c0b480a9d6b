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
#include "storage/itemptr.h"
#include "utils/rel.h"

#define PGR_LEX_MAX_FIELDS 16

/* --- analysis: analyze.c, tokenize_cjk.c --- */

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
	uint8		nfields;
} PgrAnalyzer;

/* An occurrence: field in the upper bits, position (from 1) in the lower ones. */
#define PGR_OCC_FIELD_SHIFT 27
#define PGR_OCC(field, pos) (((uint32) (field) << PGR_OCC_FIELD_SHIFT) | (pos))
#define PGR_OCC_FIELD(occ) ((occ) >> PGR_OCC_FIELD_SHIFT)
#define PGR_OCC_POS(occ) ((occ) & ((1u << PGR_OCC_FIELD_SHIFT) - 1))

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

/* --- rankquery: rankquery.c (type), rankquery_parse.c (text to tree) --- */

typedef enum PgrNodeKind
{
	PGR_NODE_TERM,				/* a lexeme, prefix or fuzzy lexeme: a leaf */
	PGR_NODE_PHRASE,			/* children are TERMs, in order; slop: a leaf to scoring */
	PGR_NODE_AND,
	PGR_NODE_OR,				/* min_match children at least */
	PGR_NODE_NOT				/* one child */
} PgrNodeKind;

typedef struct PgrRankQuery PgrRankQuery;	/* varlena; layout in rankquery.c */

/* A query unpacked: a tree in the current memory context. */
typedef struct PgrQueryNode
{
	PgrNodeKind kind;
	float		boost;			/* of leaves; 1 unless said */
	uint32		fields;			/* bit mask of fields a leaf looks in; 0 = all */
	/* TERM */
	const char *term;
	uint32		termlen;
	bool		prefix;
	uint8		fuzzy;			/* edit distance, 0..2 */
	/* PHRASE */
	uint32		slop;
	uint32		offset;			/* of a TERM in its PHRASE: position relative to the first */
	/* OR */
	uint32		min_match;
	int			nchildren;
	struct PgrQueryNode **children;
	int			leaf;			/* leaves in scoring order: index, -1 for inner nodes */
} PgrQueryNode;

typedef struct PgrQuery
{
	PgrQueryNode *root;			/* NULL: the empty query, which matches nothing */
	int			nleaves;		/* scoring leaves: TERMs and PHRASEs not under NOT */
	PgrQueryNode **leaves;		/* in canonical order */
	bool		disjunction;	/* an OR (min_match 1) of plain terms, or one such term:
								 * no phrase, prefix, fuzzy, NOT, AND */
	Oid			bound;			/* index whose statistics it uses, or InvalidOid */
	/* statistics given with the query, NAN if none */
	double		given_ndocs;
	double		given_avg_length;
} PgrQuery;

/* Unpacks; strings point into the varlena, which must stay. */
extern PgrQuery *pgr_query_unpack(const PgrRankQuery *rq);

/* Words of a text, OR-ed, by an analyzer: what a text right operand means. */
extern PgrRankQuery *pgr_query_from_text(const PgrAnalyzer *analyzer, text *words);

/* --- scoring: score.c --- */

typedef enum PgrScoringKind
{
	PGR_SCORING_BM25,
	PGR_SCORING_BM25F,
	PGR_SCORING_DIRICHLET
} PgrScoringKind;

/* The ranking function as an index's options give it. */
typedef struct PgrScoring
{
	PgrScoringKind kind;
	double		k1;
	double		b;
	double		mu;				/* Dirichlet */
	int			nfields;
	double		field_weight[PGR_LEX_MAX_FIELDS];	/* BM25F */
	double		field_b[PGR_LEX_MAX_FIELDS];
} PgrScoring;

/* Statistics of a collection. */
typedef struct PgrCollection
{
	double		ndocs;
	double		sum_length;
	double		field_sum_length[PGR_LEX_MAX_FIELDS];
} PgrCollection;

/* Statistics of one scoring leaf. */
typedef struct PgrLeafStats
{
	double		df;				/* a phrase: idf is the sum of its terms' */
	double		cf;
	double		idf_sum;		/* phrase only */
	int			nexpanded;		/* prefix, fuzzy: terms that count for the score, those
								 * with the highest df first; df is the highest */
	const char **expanded;
	uint32	   *expanded_len;
} PgrLeafStats;

/*
 * All that a score depends on besides the content: pinned for a (snapshot,
 * index, query). Lives until the transaction ends.
 */
typedef struct PgrPinned
{
	PgrAnalyzer analyzer;
	PgrScoring	scoring;
	PgrCollection collection;
	PgrQuery   *query;			/* terms analysed, copied */
	PgrLeafStats *leaves;		/* [query->nleaves] */
	struct PgrLeafScorer *scorers;	/* [query->nleaves], made from the above */
	struct PgrScoreMemo *memo;	/* content hash -> score of rows a scan emitted */
} PgrPinned;

/*
 * Scores one leaf: non-decreasing in tf, non-increasing in the length.
 * BM25:      weight * tf / (tf + norm_k[norm])
 * Dirichlet: boost * max(0, ln(1 + tf / (mu p)) + norm_k[norm])
 */
typedef struct PgrLeafScorer
{
	PgrScoringKind kind;
	double		weight;			/* boost * query frequency * idf; 0: no score */
	double		tf_scale;		/* Dirichlet: 1 / (mu p) */
	double		k1;
	const double *norm_k;		/* [256], shared by the leaves of a query */
	const PgrScoring *scoring;
	const double *field_norm_k; /* BM25F: [nfields][256], weight_f / B_f */
} PgrLeafScorer;

extern double pgr_leaf_score(const PgrLeafScorer *s, uint32 tf, uint8 norm);
/* BM25F and field-restricted leaves */
extern double pgr_leaf_score_fields(const PgrLeafScorer *s, const uint32 *field_tf,
									uint8 norm, const uint8 *field_norm);
/* an upper bound over all postings with weight <= tf and norm >= norm */
extern double pgr_leaf_bound(const PgrLeafScorer *s, uint32 tf, uint8 norm);

/* Makes scorers from scoring, collection and leaf statistics. */
extern void pgr_pinned_prepare(PgrPinned *pinned);

/*
 * The score of a document: 0 unless the whole query matches it; otherwise the
 * sum over leaves that match, added in canonical order. The same bits as an
 * index scan gives. *matches may be NULL.
 */
extern double pgr_score_document(const PgrPinned *pinned, const PgrLexDoc *doc, bool *matches);

/* Does the query match, whatever its score? */
extern bool pgr_match_document(const PgrQuery *query, const PgrLexDoc *doc);

/* Phrase occurrences: positions of the phrase's terms, each ascending. */
extern uint32 pgr_phrase_frequency(const PgrQueryNode *phrase, const uint32 *const *occ,
								   const uint32 *nocc);

/* --- where statistics come from --- */

/*
 * Pinned statistics of a query bound to an index (or partitioned index), for
 * the active snapshot. Set by src/inverted when the library is loaded.
 */
typedef PgrPinned *(*PgrStatisticsHook) (Oid index, const PgrRankQuery *query);
extern PgrStatisticsHook pgr_statistics_hook;

/*
 * The bm25 index that a query on a column or expression of a relation uses, for
 * the planner support function; InvalidOid if none.
 */
typedef Oid (*PgrIndexHook) (Oid relid, Node *expression);
extern PgrIndexHook pgr_index_hook;

/* Scores of emitted rows, so that the operator need not analyse them again. */
extern void pgr_memo_put(PgrPinned *pinned, uint64 content_hash, double score);
extern bool pgr_memo_get(PgrPinned *pinned, uint64 content_hash, double *score);

#endif							/* PGR_LEXICAL_H */
