/*
 * rankquery_words.c
 *		From the words of a query to its leaves, by the analysis that documents
 *		went through.
 */
#include "postgres.h"

#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"

/* One lexeme at one place of the text. */
typedef struct PlacedTerm
{
	uint32		pos;
	const PgrLexTerm *term;
} PlacedTerm;

/* By position, then by the lexeme. */
static int
compare_placed(const void *a, const void *b)
{
	const PlacedTerm *x = a;
	const PlacedTerm *y = b;

	CHECK_FOR_INTERRUPTS();		/* the words of a text of any size */
	if (x->pos != y->pos)
		return x->pos < y->pos ? -1 : 1;
	return pgr_lex_compare(x->term->bytes, x->term->len, y->term->bytes, y->term->len);
}

/* As a document is analysed, into one field. */
static void
analyze_words(const PgrAnalyzer *analyzer, const char *words, int len, PgrLexDoc *doc)
{
	PgrAnalyzer one_field = *analyzer;

	one_field.nfields = 1;
	if (!OidIsValid(one_field.config))	/* of an index on tsvector */
		one_field.config = getTSCurrentConfig(true);
	pgr_lex_document(&one_field, PGR_CONTENT_TEXT,
					 PointerGetDatum(cstring_to_text_with_len(words, len)), doc);
}

/* Lexemes in the order of the text. */
static PlacedTerm *
placed_terms(const PgrLexDoc *doc, int *n)
{
	PlacedTerm *placed;
	Size		count = 0;

	for (int i = 0; i < doc->nterms; i++)
		count += doc->terms[i].tf;
	placed = palloc_extended(sizeof(PlacedTerm) * Max(count, 1), MCXT_ALLOC_HUGE);
	*n = 0;
	for (int i = 0; i < doc->nterms; i++)
		for (uint32 j = 0; j < doc->terms[i].tf; j++)
		{
			placed[*n].pos = PGR_OCC_POS(doc->terms[i].occ[j]);
			placed[(*n)++].term = &doc->terms[i];
		}
	qsort(placed, *n, sizeof(PlacedTerm), compare_placed);
	return placed;
}

/*
 * Lexemes at one place are alternatives (a dictionary's variants of one word), so
 * ALL asks for any of them, and a phrase has them at one offset.
 */
PgrQueryNode *
pgr_query_words(const PgrAnalyzer *analyzer, const char *text, int len, PgrWordUse use)
{
	PgrQueryNode *node = pgr_node_make(use == PGR_WORD_PHRASE ? PGR_NODE_PHRASE :
									   use == PGR_WORD_ALL ? PGR_NODE_AND : PGR_NODE_OR);
	PgrLexDoc	doc;
	PlacedTerm *placed;
	int			n;

	analyze_words(analyzer, text, len, &doc);
	placed = placed_terms(&doc, &n);
	for (int i = 0; i < n; i++)
	{
		PgrQueryNode *term = pgr_node_term(placed[i].term->bytes, placed[i].term->len);
		bool		variant = i > 0 && placed[i].pos == placed[i - 1].pos;

		CHECK_FOR_INTERRUPTS();
		if (use == PGR_WORD_PHRASE)
			term->offset = placed[i].pos - placed[0].pos;
		if (use == PGR_WORD_ALL && variant)
		{
			PgrQueryNode **last = &node->children[node->nchildren - 1];

			if ((*last)->kind == PGR_NODE_TERM)
			{
				PgrQueryNode *any = pgr_node_make(PGR_NODE_OR);

				pgr_node_add(any, *last);
				*last = any;
			}
			pgr_node_add(*last, term);
		}
		else
			pgr_node_add(node, term);
	}
	return pgr_node_normalize(node);
}

/* Any of the words; what the words were is not kept. */
PgrRankQuery *
pgr_query_from_text(const PgrAnalyzer *analyzer, text *words)
{
	PgrQuery   *query = pgr_query_make();

	query->cjk_bigram = analyzer->cjk_bigram;
	query->root = pgr_query_words(analyzer, VARDATA_ANY(words),
								  (int) VARSIZE_ANY_EXHDR(words), PGR_WORD_ANY);
	return pgr_query_pack(query, NULL);
}
