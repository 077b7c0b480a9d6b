/*
 * highlight.c
 *		Finds a query's words in a text.
 *
 * The parser is asked for tokens, because only they have a place in the text,
 * and each token goes through the configuration on its own. Of a compound the
 * parser gives the whole and then its parts; the lexemes of a token are those of
 * its first position, so that the smallest token that fits is marked. Positions
 * are counted as the analysis of documents counts them, for phrases.
 */
#include "postgres.h"

#include "lexical/cjk.h"
#include "lexical/highlight.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"

/* A lexeme, where it is and what position it has. */
typedef struct Found
{
	PgrSpan		span;
	uint32		pos;
	const char *lexeme;
	uint32		len;
} Found;

typedef struct Scanner
{
	TSConfigCacheEntry *config;
	const char *text;			/* of the document; spans are relative to it */
	uint32		pos;
	Found	   *found;
	int			nfound;
	int			maxfound;
	PgrHighlight *result;
	int			maxwords;
	int			maxmarks;
} Scanner;

/* Room for one more in an array that is full. */
#define GROW(array, n, max) \
	do { \
		if ((n) == (max)) \
		{ \
			(max) = Max(64, 2 * (max)); \
			(array) = (array) ? repalloc_huge((array), sizeof(*(array)) * (Size) (max)) : \
				palloc(sizeof(*(array)) * (max)); \
		} \
	} while (0)

static void
add_found(Scanner *s, PgrSpan span, const char *lexeme, uint32 len)
{
	GROW(s->found, s->nfound, s->maxfound);
	s->found[s->nfound++] = (Found) {span, s->pos, lexeme, len};
}

static void
add_word(Scanner *s, PgrSpan span)
{
	PgrHighlight *r = s->result;

	if (r->nwords > 0 && span.start < r->words[r->nwords - 1].end)
		return;					/* a part of the last one */
	GROW(r->words, r->nwords, s->maxwords);
	r->words[r->nwords++] = span;
}

static void
add_token(Scanner *s, int type, char *token, int len)
{
	PgrSpan		span = {(int) (token - s->text), (int) (token - s->text) + len};
	ParsedText	prs;

	if (type >= s->config->lenmap || s->config->map[type].len == 0 || len >= MAXSTRLEN)
		return;
	prs.lenwords = 4;
	prs.curwords = 0;
	prs.pos = 0;
	prs.words = palloc(sizeof(ParsedWord) * prs.lenwords);
	parsetext(s->config->cfgId, &prs, token, len);
	if (prs.pos == 0)
		return;
	add_word(s, span);
	s->pos++;
	for (int i = 0; i < prs.curwords && prs.words[i].pos.pos == 1; i++)
		add_found(s, span, prs.words[i].word, prs.words[i].len);
}

static void
scan_chunk(Scanner *s, char *text, int len)
{
	TSParserCacheEntry *parser = lookup_ts_parser_cache(s->config->prsId);
	void	   *state = DatumGetPointer(FunctionCall2(&parser->prsstart,
													  PointerGetDatum(text),
													  Int32GetDatum(len)));
	char	   *token = NULL;
	int			token_len = 0;
	int			type;

	while ((type = DatumGetInt32(FunctionCall3(&parser->prstoken, PointerGetDatum(state),
											   PointerGetDatum(&token),
											   PointerGetDatum(&token_len)))) > 0)
		if (token >= text && token_len > 0 && token + token_len <= text + len)
			add_token(s, type, token, token_len);
	FunctionCall1(&parser->prsend, PointerGetDatum(state));
}

static void
scan_bigrams(Scanner *s, const char *text, int len)
{
	const char *end = text + len;

	for (bool first = true; text < end; first = false)
	{
		const char *next = text + pg_utf_mblen((const unsigned char *) text);
		const char *after = next < end ? next + pg_utf_mblen((const unsigned char *) next) : next;
		int			start = (int) (text - s->text);

		add_word(s, (PgrSpan) {start, (int) (next - s->text)});
		if (next < end || first)
		{
			s->pos++;
			add_found(s, (PgrSpan) {start, (int) (after - s->text)}, text,
					  (uint32) (after - text));
		}
		text = next;
	}
}

static void
scan_text(Scanner *s, const char *text, int len)
{
	while (len > 0)
	{
		int			n = len;

		CHECK_FOR_INTERRUPTS();
		if (pgr_cjk_possible() && pgr_cjk_run(text, len, &n) != PGR_SCRIPT_OTHER)
			scan_bigrams(s, text, n);
		else
		{
			n = pgr_lex_chunk(text, n);
			scan_chunk(s, unconstify(char *, text), n);
		}
		text += n;
		len -= n;
	}
}

/* --- marks --- */

static void
add_mark(Scanner *s, PgrSpan span, int leaf)
{
	PgrHighlight *r = s->result;

	GROW(r->marks, r->nmarks, s->maxmarks);
	r->marks[r->nmarks++] = (PgrMark) {span, leaf};
}

typedef struct PhraseMarks
{
	Scanner    *s;
	int			leaf;
} PhraseMarks;

/* Marks what stands at each position of an occurrence. */
static void
mark_occurrence(void *arg, const uint32 *positions, int n)
{
	PhraseMarks *p = arg;
	Scanner    *s = p->s;

	for (int i = 0; i < n; i++)
	{
		int			lo = 0;
		int			hi = s->nfound;

		while (lo < hi)			/* positions ascend */
		{
			int			mid = (lo + hi) / 2;

			if (s->found[mid].pos < positions[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < s->nfound && s->found[lo].pos == positions[i])
			add_mark(s, s->found[lo].span, p->leaf);
	}
}

static void
mark_phrase(Scanner *s, const PgrQueryNode *leaf, int number)
{
	uint32	  **occ = palloc(sizeof(uint32 *) * leaf->nchildren);
	uint32	   *nocc = palloc0(sizeof(uint32) * leaf->nchildren);
	PgrQueryNode anywhere = *leaf;
	PhraseMarks p = {s, number};

	anywhere.fields = 0;		/* a text by itself has no fields */
	for (int i = 0; i < leaf->nchildren; i++)
	{
		occ[i] = palloc(sizeof(uint32) * Max(s->nfound, 1));
		for (int j = 0; j < s->nfound; j++)
			if (pgr_leaf_accepts(leaf->children[i], s->found[j].lexeme, s->found[j].len))
				occ[i][nocc[i]++] = s->found[j].pos;
	}
	pgr_phrase_scan(&anywhere, (const uint32 *const *) occ, nocc, NULL, mark_occurrence, &p);
}

static void
mark_term(Scanner *s, const PgrQueryNode *leaf, int number)
{
	for (int i = 0; i < s->nfound; i++)
		if (pgr_leaf_accepts(leaf, s->found[i].lexeme, s->found[i].len))
			add_mark(s, s->found[i].span, number);
}

static int
compare_marks(const void *a, const void *b)
{
	const PgrMark *x = a;
	const PgrMark *y = b;

	if (x->span.start != y->span.start)
		return x->span.start < y->span.start ? -1 : 1;
	if (x->span.end != y->span.end)
		return x->span.end < y->span.end ? -1 : 1;
	return x->leaf - y->leaf;
}

void
pgr_highlight(Oid config, const char *text, int len, const PgrQuery *query, PgrHighlight *result)
{
	Scanner		s = {.config = lookup_ts_config_cache(config), .text = text, .result = result};

	memset(result, 0, sizeof(*result));
	scan_text(&s, text, len);
	for (int i = 0; i < query->nleaves; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (query->leaves[i]->kind == PGR_NODE_PHRASE)
			mark_phrase(&s, query->leaves[i], i);
		else
			mark_term(&s, query->leaves[i], i);
	}
	if (result->nmarks > 0)
		qsort(result->marks, result->nmarks, sizeof(PgrMark), compare_marks);
}
