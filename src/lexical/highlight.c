/*
 * highlight.c
 *		Finds a query's words in a text.
 *
 * The parser is asked for tokens, because only they have a place in the text,
 * and each token goes through the configuration on its own. Of a compound the
 * parser gives the whole and then its parts; the lexemes of a token are those of
 * its first position, so that the smallest token that fits is marked. Positions
 * are counted as the analysis of documents counts them, for phrases.
 *
 * Memory: all in the current context; marks and words of the result are its arrays,
 * the rest is left for the caller's context to free. Called back into user code: the
 * configuration's parser and dictionaries, as in analyze.c; they may raise anything.
 * No locks.
 *
 * A dictionary that looks at several words at once (thesaurus) sees one at a time
 * here, and so finds none of its phrases: their words are not marked. The other way,
 * asking parsetext for the whole text, tells no places.
 */
#include "postgres.h"

#include "lexical/cjk.h"
#include "lexical/highlight.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"

/*
 * A lexeme of the text: the place of its token, in bytes, and the position (from 1)
 * that the analysis of documents gives it. The lexeme is not copied, it is the
 * dictionary's result or, of a bigram, a part of the text.
 */
typedef struct Found
{
	PgrSpan		span;
	uint32		pos;
	const char *lexeme;
	uint32		len;
} Found;

/*
 * The state of one call. found[] is in the order of the text while the text is
 * scanned; then order[] and positions[] are by lexeme and the rest refers to found[]
 * by number. Positions ascend in found[], since they only go up.
 */
typedef struct Scanner
{
	TSConfigCacheEntry *config;
	const char *text;			/* of the document; spans are relative to it */
	uint32		pos;
	Found	   *found;
	int			nfound;
	int			maxfound;
	uint32	   *order;			/* [nfound]: by lexeme, then by place */
	uint32	   *positions;		/* [nfound]: in that order */
	int		   *first_at;		/* [pos + 1]: the first found at a position */
	int		   *marked;			/* [nfound]: the last phrase that marked it, + 1 */
	PgrHighlight *result;
	int			maxwords;
	int			maxmarks;
} Scanner;

/*
 * Room for one more in an array that is full: 64 at first, then doubled, huge beyond
 * 1 GB. In the context where the array was first allocated, which is the caller's.
 */
#define GROW(array, n, max) \
	do { \
		if ((n) == (max)) \
		{ \
			(max) = Max(64, 2 * (max)); \
			(array) = (array) ? repalloc_huge((array), sizeof(*(array)) * (Size) (max)) : \
				palloc(sizeof(*(array)) * (max)); \
		} \
	} while (0)

/*
 * Enters a lexeme at the scanner's position. lexeme: must live as long as the
 * scanner.
 */
static void
add_found(Scanner *s, PgrSpan span, const char *lexeme, uint32 len)
{
	GROW(s->found, s->nfound, s->maxfound);
	s->found[s->nfound++] = (Found) {span, s->pos, lexeme, len};
}

/*
 * Enters the token as a word of the text, unless it begins within the last one: the
 * parser gives the whole of a compound first and then its parts, and headlines count
 * the compound as one word.
 */
static void
add_word(Scanner *s, PgrSpan span)
{
	PgrHighlight *r = s->result;

	if (r->nwords > 0 && span.start < r->words[r->nwords - 1].end)
		return;					/* a part of the last one */
	GROW(r->words, r->nwords, s->maxwords);
	r->words[r->nwords++] = span;
}

/*
 * A token of the parser through the configuration's dictionaries; only lexemes of its
 * first position count, so that the smallest token that fits is marked. Whether the
 * position moves tells whether the analysis of a document would have counted it. The
 * parser's words are freed, lexemes stay in the current memory context.
 */
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
	{
		pfree(prs.words);
		return;
	}
	add_word(s, span);
	s->pos++;
	for (int i = 0; i < prs.curwords && prs.words[i].pos.pos == 1; i++)
		add_found(s, span, prs.words[i].word, prs.words[i].len);
	pfree(prs.words);
}

/*
 * Tokens of a chunk with their places, in the order of the text, straight from the
 * parser's functions as the server's ts_parse calls them. What the parser allocates
 * is in the current memory context. A token that a parser has put into memory of its
 * own has no place in the text and is passed over. Interruptible.
 */
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
	{
		CHECK_FOR_INTERRUPTS();
		if (token >= text && token_len > 0 && token + token_len <= text + len)
			add_token(s, type, token, token_len);
	}
	FunctionCall1(&parser->prsend, PointerGetDatum(state));
}

/*
 * A run of one script as the analysis makes bigrams of it (add_bigrams in analyze.c,
 * whose positions these must equal): two characters are one mark, each character is a
 * word of the text, so that a headline of such text can be cut anywhere.
 */
static void
scan_bigrams(Scanner *s, const char *text, int len)
{
	const char *end = text + len;

	for (bool first = true; text < end; first = false)
	{
		const char *next = text + pg_utf_mblen((const unsigned char *) text);
		const char *after = next < end ? next + pg_utf_mblen((const unsigned char *) next) : next;
		int			start = (int) (text - s->text);

		CHECK_FOR_INTERRUPTS();
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

/*
 * The whole text, run by run and chunk by chunk. Chunks are those of the analysis, so
 * positions are, too. Bigrams are made wherever the encoding allows: a query that was
 * made without them finds none of its terms among them, and no harm is done.
 */
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
			n = pgr_lex_chunk(s->config->cfgId, text, n);
			scan_chunk(s, unconstify(char *, text), n);
		}
		text += n;
		len -= n;
	}
}

/* --- lexemes in order --- */

/*
 * qsort_arg: by lexeme, then by place. Interruptible, since a text may have a hundred
 * million words; nothing is held during the sort.
 */
static int
compare_lexemes(const void *a, const void *b, void *arg)
{
	const Found *found = arg;
	uint32		i = *(const uint32 *) a;
	uint32		j = *(const uint32 *) b;
	int			cmp = pgr_lex_compare(found[i].lexeme, found[i].len,
									  found[j].lexeme, found[j].len);

	CHECK_FOR_INTERRUPTS();
	if (cmp != 0)
		return cmp;
	return i < j ? -1 : i > j;
}

/*
 * Makes order[] and positions[] (by lexeme, then by place, so that a term's
 * occurrences are one range of both) and first_at[]. All are huge where the text is.
 */
static void
sort_found(Scanner *s)
{
	Size		n = Max(s->nfound, 1);

	s->order = palloc_extended(sizeof(uint32) * n, MCXT_ALLOC_HUGE);
	s->positions = palloc_extended(sizeof(uint32) * n, MCXT_ALLOC_HUGE);
	s->marked = palloc_extended(sizeof(int) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < s->nfound; i++)
		s->order[i] = (uint32) i;
	qsort_arg(s->order, s->nfound, sizeof(uint32), compare_lexemes, s->found);
	s->first_at = palloc_extended(sizeof(int) * ((Size) s->pos + 1), MCXT_ALLOC_HUGE);
	for (int i = s->nfound - 1; i >= 0; i--)
		s->first_at[s->found[i].pos] = i;
	for (int i = 0; i < s->nfound; i++)
		s->positions[i] = s->found[s->order[i]].pos;
}

/*
 * The first of the sorted lexemes that is not below these bytes; nfound if all are.
 */
static int
first_lexeme(const Scanner *s, const char *bytes, uint32 len)
{
	int			lo = 0;
	int			hi = s->nfound;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;
		const Found *f = &s->found[s->order[mid]];

		if (pgr_lex_compare(f->lexeme, f->len, bytes, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Where the lexemes equal to the one at `at` end. Looks in doubling steps and then by
 * halving: the cost is the logarithm of the run, and a run of one costs one
 * comparison.
 */
static int
end_of_equals(const Scanner *s, int at)
{
	const Found *f = &s->found[s->order[at]];
	int			step = 1;
	int			lo = at;
	int			hi = at + 1;

	while (hi < s->nfound &&
		   pgr_lex_compare(f->lexeme, f->len, s->found[s->order[hi]].lexeme,
						   s->found[s->order[hi]].len) == 0)
	{
		lo = hi;
		step *= 2;
		hi = s->nfound - hi > step ? hi + step : s->nfound;
	}
	while (lo + 1 < hi)
	{
		int			mid = lo + (hi - lo) / 2;
		const Found *m = &s->found[s->order[mid]];

		if (pgr_lex_compare(f->lexeme, f->len, m->lexeme, m->len) == 0)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

/* --- marks --- */

/* Adds a mark for a leaf. The array doubles in the current memory context. */
static void
add_mark(Scanner *s, PgrSpan span, int leaf)
{
	PgrHighlight *r = s->result;

	GROW(r->marks, r->nmarks, s->maxmarks);
	r->marks[r->nmarks++] = (PgrMark) {span, leaf};
}

/*
 * What mark_occurrence needs beside the positions: the scanner, and the leaf's number
 * in the query.
 */
typedef struct PhraseMarks
{
	Scanner    *s;
	int			leaf;
} PhraseMarks;

/*
 * PgrPhraseFound; arg: a PhraseMarks. Marks what stands at each position of an
 * occurrence, once for each leaf though occurrences overlap. A position has been
 * found in positions[], so first_at[] of it is set.
 */
static void
mark_occurrence(void *arg, const uint32 *positions, int n)
{
	PhraseMarks *p = arg;
	Scanner    *s = p->s;

	for (int i = 0; i < n; i++)
	{
		int			at = s->first_at[positions[i]];

		if (s->marked[at] == p->leaf + 1)
			continue;
		s->marked[at] = p->leaf + 1;
		add_mark(s, s->found[at].span, p->leaf);
	}
}

/*
 * Marks a phrase's words where the phrase occurs, by the same scan that matches
 * documents, so that nothing is marked that does not match. The leaf's fields are
 * ignored: a text by itself has none. Arrays for its words are scratch and freed.
 */
static void
mark_phrase(Scanner *s, const PgrQueryNode *leaf, int number)
{
	const uint32 **occ = palloc(sizeof(uint32 *) * leaf->nchildren);
	uint32	   *nocc = palloc0(sizeof(uint32) * leaf->nchildren);
	PgrQueryNode anywhere = *leaf;
	PhraseMarks p = {s, number};

	anywhere.fields = 0;		/* a text by itself has no fields */
	for (int i = 0; i < leaf->nchildren; i++)
	{
		const PgrQueryNode *word = leaf->children[i];
		int			at = first_lexeme(s, word->term, word->termlen);

		occ[i] = s->positions + at;
		if (at < s->nfound && pgr_leaf_accepts(word, s->found[s->order[at]].lexeme,
											   s->found[s->order[at]].len))
			nocc[i] = (uint32) (end_of_equals(s, at) - at);
	}
	pgr_phrase_scan(&anywhere, occ, nocc, NULL, mark_occurrence, &p);
	pfree(occ);
	pfree(nocc);
}

/*
 * Marks a term's lexemes: all are tried for a fuzzy one, else those from where the
 * term or its prefix would be. Interruptible, since a fuzzy word meets each distinct
 * lexeme of the text.
 */
static void
mark_term(Scanner *s, const PgrQueryNode *leaf, int number)
{
	int			at = leaf->fuzzy > 0 ? 0 : first_lexeme(s, leaf->term, leaf->termlen);

	while (at < s->nfound)
	{
		const Found *f = &s->found[s->order[at]];
		int			end = end_of_equals(s, at);

		CHECK_FOR_INTERRUPTS();
		if (pgr_leaf_accepts(leaf, f->lexeme, f->len))
		{
			for (; at < end; at++)
				add_mark(s, s->found[s->order[at]].span, number);
		}
		else if (leaf->fuzzy == 0)
			break;
		at = end;
	}
}

/*
 * qsort: by start, then by end; of one place in the order of the query's leaves,
 * which makes headlines deterministic.
 */
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

/*
 * Contract in highlight.h. Leaves of fields that the text is not are passed over.
 * Raises what parser and dictionaries raise; interruptible.
 */
void
pgr_highlight(Oid config, const char *text, int len, const PgrQuery *query, uint32 fields,
			  PgrHighlight *result)
{
	Scanner		s = {.config = lookup_ts_config_cache(config), .text = text, .result = result};

	memset(result, 0, sizeof(*result));
	scan_text(&s, text, len);
	sort_found(&s);
	for (int i = 0; i < query->nleaves; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (fields != 0 && query->leaves[i]->fields != 0 &&
			(query->leaves[i]->fields & fields) == 0)
			continue;
		if (query->leaves[i]->kind == PGR_NODE_PHRASE)
			mark_phrase(&s, query->leaves[i], i);
		else
			mark_term(&s, query->leaves[i], i);
	}
	if (result->nmarks > 0)
		qsort(result->marks, result->nmarks, sizeof(PgrMark), compare_marks);
}
