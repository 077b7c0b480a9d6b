/*
 * rankquery.h
 *		What the files of src/lexical share about queries, pinned statistics and
 *		leaves. Others include lexical.h alone.
 */
#ifndef PGR_RANKQUERY_H
#define PGR_RANKQUERY_H

#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lexical/lexical.h"

/* --- limits --- */

#define PGR_QUERY_MAX_DEPTH 100
#define PGR_QUERY_MAX_NODES 1000000
#define PGR_QUERY_MAX_BOOST 1e9f
#define PGR_QUERY_MAX_SLOP 10000
#define PGR_QUERY_MAX_FUZZY 2
#define PGR_ALL_FIELDS ((1u << PGR_LEX_MAX_FIELDS) - 1)

/* --- the stored form: rankquery.c --- */

/*
 * Nodes follow in preorder; a TERM's bytes follow its node, padded to eight. Then
 * two terminated strings, empty if there is none: the qualified names of the index
 * that the query is bound to and of the configuration of its words. Names, since a
 * stored query outlives OIDs (REINDEX CONCURRENTLY, pg_upgrade). Equal queries have
 * equal bytes: padding is zero.
 *
 * The planner's binding is an OID and a flag, in values that live as long as an
 * operator's argument. Nothing that reads text or bytes from outside sets them.
 *
 * Version 1 has OIDs (bound, config) and no names. It is read, never written.
 */
struct PgrRankQuery
{
	int32		vl_len_;
	uint16		version;
	uint16		flags;			/* PGR_RQ_... */
	Oid			bound;			/* index, with PGR_RQ_PLANNED; version 1: always */
	Oid			config;			/* version 1 */
	uint32		nnodes;			/* 0: the empty query */
	uint32		top;			/* rows that a scan does well to look for first; 0: any */
	double		given_ndocs;
	double		given_avg_length;
	double		given_k1;
	double		given_b;
};

StaticAssertDecl(sizeof(struct PgrRankQuery) == 56, "rankquery header is 56 bytes");

#define PGR_RQ_CJK 1			/* words were made with cjk = bigram */
#define PGR_RQ_PLANNED 2		/* bound by the planner, for a column of the query */
#define PGR_RQ_NAMED 4			/* bound by who wrote the query: the name is not empty */

typedef struct PgrStoredNode
{
	uint8		kind;			/* PgrNodeKind */
	uint8		prefix;
	uint8		fuzzy;
	uint8		unused;
	float		boost;
	uint32		fields;
	uint32		number;			/* TERM: bytes; PHRASE: slop; OR: min_match */
	uint32		place;			/* TERM: offset in its phrase; others: children */
	uint32		unused2;
	double		given_df;
} PgrStoredNode;

StaticAssertDecl(sizeof(PgrStoredNode) == 32, "node of a rankquery is 32 bytes");

#define PGR_RANKQUERY_VERSION 2

#define DatumGetRankQuery(x) ((PgrRankQuery *) PG_DETOAST_DATUM(x))
#define PG_GETARG_RANKQUERY(n) DatumGetRankQuery(PG_GETARG_DATUM(n))

/* An empty query: nothing bound, nothing given. */
extern PgrQuery *pgr_query_make(void);

/* Qualified names of its index, unless the planner bound it, and configuration; or "". */
extern const char *pgr_query_index_name(const PgrQuery *query);
extern const char *pgr_query_config_name(const PgrQuery *query);

/* Is a stored query bound by who wrote it? */
extern bool pgr_rankquery_chosen(const PgrRankQuery *rq);

/* A copy that the planner's index is bound to, unless the query is bound already. */
extern PgrRankQuery *pgr_rankquery_planned(const PgrRankQuery *rq, Oid index);
extern PgrQueryNode *pgr_node_make(PgrNodeKind kind);
extern PgrQueryNode *pgr_node_term(const char *term, uint32 len);
extern void pgr_node_add(PgrQueryNode *parent, PgrQueryNode *child);

/*
 * Brings a tree into its normal form (see rankquery_normal.c); NULL if nothing
 * is left of it. pgr_query_pack does so, then checks the limits: a query past
 * them is an error, soft if there is an escontext (the result is then NULL).
 */
extern PgrQueryNode *pgr_node_normalize(PgrQueryNode *node);
extern PgrRankQuery *pgr_query_pack(const PgrQuery *query, struct Node *escontext);

/* The planner's mark of a call of bm25_bind that it made: its result's "collation". */
#define PGR_PLANNED DEFAULT_COLLATION_OID

/* --- analysis of a query's words: rankquery_words.c --- */

typedef enum PgrWordUse
{
	PGR_WORD_ANY,				/* of a word's lexemes any (OR) */
	PGR_WORD_ALL,				/* all of them */
	PGR_WORD_PHRASE				/* one after the other */
} PgrWordUse;

/* The node that text stands for, or NULL if no lexeme comes of it. */
extern PgrQueryNode *pgr_query_words(const PgrAnalyzer *analyzer, const char *text, int len,
									 PgrWordUse use);

/* How words for a bm25 index are analysed; 22023 if nothing says so (tsvector). */
extern PgrAnalyzer pgr_index_words(Oid index);

/* Calls f for each leaf below a node, those under NOT included. */
extern void pgr_node_each_leaf(PgrQueryNode *node, void (*f) (PgrQueryNode *leaf, void *arg),
							   void *arg);

/* --- text: rankquery_io.c, rankquery_parse.c --- */

extern void pgr_query_append(StringInfo buf, const PgrQuery *query);

/* names: of the fields 0.., may be NULL. Accepts any text. */
extern PgrQueryNode *pgr_query_parse(const PgrAnalyzer *analyzer, const char *text, int len,
									 char **names, int nnames);

/* --- analysis --- */

/*
 * chunk.c: how much of a text goes to the parser at once: 16 kB at most, if no token is
 * longer. In the current memory context, for the parser's needs.
 */
extern int	pgr_lex_chunk(Oid config, const char *text, int len);

/* --- scoring --- */

/* What a document has of a leaf. */
typedef struct PgrLeafHit
{
	uint32		tf;
	uint32		field_tf[PGR_LEX_MAX_FIELDS];
} PgrLeafHit;

/* match.c; stats may be NULL */
extern bool pgr_leaf_hit(const PgrQueryNode *leaf, const PgrLeafStats *stats,
						 const PgrLexDoc *doc, PgrLeafHit *hit);
extern double pgr_leaf_contribution(const PgrPinned *pinned, int leaf, const PgrLeafHit *hit,
									const PgrLexDoc *doc);

/* phrase.c; positions: the occurrence of each slot */
typedef void (*PgrPhraseFound) (void *arg, const uint32 *positions, int n);
extern uint32 pgr_phrase_scan(const PgrQueryNode *phrase, const uint32 *const *occ,
							  const uint32 *nocc, uint32 *field_freq,
							  PgrPhraseFound found, void *arg);

/* score.c: in the current memory context */
extern PgrPinned *pgr_pinned_unbound(const PgrRankQuery *rq, const PgrAnalyzer *analyzer);

/* score_memo.c */
extern struct PgrScoreMemo *pgr_memo_create(void);

#endif							/* PGR_RANKQUERY_H */
