/*
 * headline.c
 *		bm25_headline and bm25_matches: an extract of a text with the query's words
 *		marked, and their places.
 *
 * Options are ts_headline's, and Field. Fragments are chosen greedily: the window of
 * MaxWords words with the most of the query's leaves (by boost, then by number of
 * marks), then the next one apart from it. The worth of all windows is computed in one
 * pass; a fragment that is chosen changes only that of the windows that reach into it.
 * So the work is in proportion to the marks, times the logarithm of their number for
 * the tree that knows the best. The text is given back as it is: nothing is escaped,
 * tags are kept.
 *
 * Memory: everything is palloc'd in the current context, that of the SQL call, and
 * left to it; the result alone is of use after the call. Arrays are huge where the
 * text has many marks, up to some 40 bytes a mark.
 *
 * Errors: 22023 for an option that is unknown or out of range, with ts_headline's
 * wording where it has one; 22P02 and 22003 of numbers that are none. The text search
 * parser and dictionaries, user code perhaps, are called by pgr_highlight and raise
 * what they raise. Cancellable throughout.
 *
 * Why not ts_headline: it takes a tsquery, which has no fuzzy words, boosts or slop.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "lexical/highlight.h"
#include "lexical/lex_query.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

/* --- options --- */

/*
 * Options of one call: ts_headline's under its names, and Field. Strings point into
 * the option list, which lives as long as the call.
 */
typedef struct Options
{
	const char *start_sel;
	const char *stop_sel;
	const char *delimiter;
	int			max_words;
	int			min_words;
	int			short_word;
	int			max_fragments;
	uint32		fields;			/* that the text may be, as a mask; 0: not said */
	bool		all;
} Options;

/*
 * "Field": 1 to 16, or a letter A to D, as in a query. Returns a mask of one bit;
 * raises 22023 for anything else.
 */
static uint32
field_option(const char *value)
{
	if (value[0] >= 'A' && value[0] <= 'D' && value[1] == '\0')
		return 1u << (value[0] - 'A');
	if (strspn(value, "0123456789") == strlen(value) && strlen(value) <= 2 &&
		atoi(value) >= 1 && atoi(value) <= PGR_LEX_MAX_FIELDS)
		return 1u << (atoi(value) - 1);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for headline parameter \"%s\": \"%s\"", "Field", value),
			 errhint("It is a number from 1 to %d, or a letter from A to D.",
					 PGR_LEX_MAX_FIELDS)));
}

/*
 * One option of ts_headline, by its name in any case; strings are not copied, they
 * are the list's. Raises 22023 for a name that is none, and what reading a number
 * raises (22P02, 22003). HighlightAll takes what ts_headline takes for true and
 * counts all else as false.
 */
static void
set_option(Options *o, const char *name, char *value)
{
	const struct
	{
		const char *name;
		const char **string;
		int		   *number;
	}			known[] = {
		{"StartSel", &o->start_sel, NULL},
		{"StopSel", &o->stop_sel, NULL},
		{"FragmentDelimiter", &o->delimiter, NULL},
		{"MaxWords", NULL, &o->max_words},
		{"MinWords", NULL, &o->min_words},
		{"ShortWord", NULL, &o->short_word},
		{"MaxFragments", NULL, &o->max_fragments}
	};

	for (int i = 0; i < lengthof(known); i++)
		if (pg_strcasecmp(name, known[i].name) == 0)
		{
			if (known[i].string)
				*known[i].string = value;
			else
				*known[i].number = pg_strtoint32(value);
			return;
		}
	if (pg_strcasecmp(name, "Field") == 0)
	{
		o->fields = field_option(value);
		return;
	}
	if (pg_strcasecmp(name, "HighlightAll") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized headline parameter: \"%s\"", name)));
	o->all = pg_strcasecmp(value, "1") == 0 || pg_strcasecmp(value, "on") == 0 ||
		pg_strcasecmp(value, "true") == 0 || pg_strcasecmp(value, "t") == 0 ||
		pg_strcasecmp(value, "y") == 0 || pg_strcasecmp(value, "yes") == 0;
}

/* Raises 22023 with ts_headline's own message, which clients and people know. */
static void
check_option(bool ok, const char *message)
{
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message)));
}

/*
 * Reads the option list over ts_headline's defaults (35, 15 and 3 words, no fragments
 * but the one). Raises 22023 for values that do not go together, and what
 * deserialize_deflist raises for a malformed list (42601).
 */
static Options
read_options(text *list)
{
	Options		o = {
		.start_sel = "<b>", .stop_sel = "</b>", .delimiter = " ... ",
		.max_words = 35, .min_words = 15, .short_word = 3
	};
	ListCell   *lc;

	foreach(lc, deserialize_deflist(PointerGetDatum(list)))
	{
		DefElem    *def = lfirst(lc);

		set_option(&o, def->defname, defGetString(def));
	}
	check_option(o.min_words > 0, "MinWords must be positive");
	check_option(o.min_words < o.max_words || o.all, "MinWords must be less than MaxWords");
	check_option(o.short_word >= 0, "ShortWord must be at least 0");
	check_option(o.max_fragments >= 0, "MaxFragments must be at least 0");
	return o;
}

/* --- choosing fragments --- */

/*
 * Words first..last (inclusive, counted from 0) of the text. Fragments that are
 * chosen are disjoint.
 */
typedef struct Fragment
{
	int			first;
	int			last;
} Fragment;

/*
 * What a window is worth for a leaf of boost 0, to which boost adds as much again for
 * each 1, and for each further mark of a leaf that is in it already. So one more of
 * the query's words outweighs 99 repetitions of others. Boost is capped, so that a
 * sum over 1,000,000 leaves, 1e4 * 1e6 each, stays within an int64.
 */
#define LEAF_WORTH 10000
#define REPEAT_WORTH 100
#define MAX_WORTH_BOOST 1e6

/*
 * The choice of fragments. A window is a run of MaxWords words that begins with the
 * word of a mark; there is one for each mark, and no others need be looked at, since
 * moving a window's start to its first mark loses none.
 *
 * Invariant between calls: worth[i] is that of window i, cut off where the next taken
 * word begins; 0 where mark i is in a fragment already. best[] is the tournament tree
 * over worth[].
 */
typedef struct Chooser
{
	const PgrHighlight *h;
	const Options *o;
	int			nleaves;
	int64	   *leaf_worth;		/* [nleaves] */
	int		   *in_window;		/* [nleaves]: marks of the leaf, while windows pass */
	int		   *mark_word;		/* [nmarks]: the word that a mark begins in */
	int64	   *worth;			/* [nmarks]: of the window that begins with it */
	int			size;			/* leaves of the tree: a power of two */
	int		   *best;			/* [2 size]: the mark with the best window below each
								 * node, -1: none; node 1 is the root */
	bool	   *taken;			/* [nwords]: in a fragment */
	Fragment   *chosen;
	int			nchosen;
} Chooser;

#define ALLOC_ARRAY(type, n) \
	((type *) palloc_extended(sizeof(type) * (Size) Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO))

/*
 * Finds for each mark the word that it begins in. Marks and words both go by start,
 * so one pass does.
 */
static void
place_marks(Chooser *c)
{
	int			word = 0;

	for (int i = 0; i < c->h->nmarks; i++)
	{
		while (word + 1 < c->h->nwords &&
			   c->h->words[word + 1].start <= c->h->marks[i].span.start)
			word++;
		c->mark_word[i] = word;
	}
}

/*
 * The better of two marks by their windows' worth, the first in the text of equals;
 * -1 stands for "none" and loses.
 */
static int
better(const Chooser *c, int a, int b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return c->worth[b] > c->worth[a] ? b : a;
}

/*
 * Changes the worth of one window and repairs the tree from its leaf to the root:
 * log2 of the marks.
 */
static void
set_worth(Chooser *c, int mark, int64 worth)
{
	c->worth[mark] = worth;
	for (int k = (c->size + mark) / 2; k >= 1; k /= 2)
		c->best[k] = better(c, c->best[2 * k], c->best[2 * k + 1]);
}

/*
 * The windows that begin with marks [from, to) and hold marks before `stop`; into
 * worth[] alone, or into the tree as well. Two ends pass over the marks once:
 * in_window[] says how many marks of each leaf are between them. Interruptible.
 */
static void
weigh(Chooser *c, int from, int to, int stop, bool in_tree)
{
	const PgrMark *marks = c->h->marks;
	int64		worth = 0;
	int			end = from;

	for (int i = from; i < to; i++)
	{
		int64		beyond = (int64) c->mark_word[i] + c->o->max_words;

		CHECK_FOR_INTERRUPTS();
		for (; end < stop && c->mark_word[end] < beyond; end++)
		{
			int			leaf = marks[end].leaf;

			worth += c->in_window[leaf]++ == 0 ? c->leaf_worth[leaf] : REPEAT_WORTH;
		}
		if (in_tree)
			set_worth(c, i, worth);
		else
			c->worth[i] = worth;
		worth -= --c->in_window[marks[i].leaf] == 0 ?
			c->leaf_worth[marks[i].leaf] : REPEAT_WORTH;
	}
	for (int i = to; i < end; i++)
		c->in_window[marks[i].leaf]--;
}

/*
 * Computes the worth of every window, and builds the tree of the best from the leaves
 * up, which is linear. Arrays are allocated in the current memory context, huge where
 * a text has many marks; nothing is freed before the call is over.
 */
static void
chooser_init(Chooser *c, const PgrQuery *query)
{
	int			n = c->h->nmarks;

	c->nleaves = query->nleaves;
	c->leaf_worth = ALLOC_ARRAY(int64, c->nleaves);
	c->in_window = ALLOC_ARRAY(int, c->nleaves);
	for (int i = 0; i < c->nleaves; i++)
		c->leaf_worth[i] = (int64)
			(LEAF_WORTH * (1 + Min((double) query->leaves[i]->boost, MAX_WORTH_BOOST)));
	c->mark_word = ALLOC_ARRAY(int, n);
	c->worth = ALLOC_ARRAY(int64, n);
	c->taken = ALLOC_ARRAY(bool, c->h->nwords);
	place_marks(c);
	weigh(c, 0, n, n, false);

	c->size = pg_nextpower2_32(Max(n, 1));
	c->best = ALLOC_ARRAY(int, 2 * c->size);
	for (int i = 0; i < c->size; i++)
		c->best[c->size + i] = i < n ? i : -1;
	for (int k = c->size - 1; k >= 1; k--)
		c->best[k] = better(c, c->best[2 * k], c->best[2 * k + 1]);
}

/*
 * The best window that is left, from its first mark to its last mark before a taken
 * word. *mark: the window's own. false: every mark is in a fragment, or there is
 * none.
 */
static bool
best_window(const Chooser *c, Fragment *best, int *mark)
{
	int			i = c->best[1];
	int64		beyond;

	if (i < 0 || c->worth[i] <= 0)
		return false;
	*mark = i;
	best->first = c->mark_word[i];
	beyond = (int64) best->first + c->o->max_words;
	while (i + 1 < c->h->nmarks && c->mark_word[i + 1] < beyond &&
		   !c->taken[c->mark_word[i + 1]])
		i++;
	best->last = c->mark_word[i];
	return true;
}

/*
 * Enters a fragment that holds a mark. Marks in it are worth nothing from now on;
 * windows that reach into it are weighed again, cut off where it begins. Those are
 * the ones that begin less than MaxWords before it, so the work of all fragments
 * together is in proportion to the marks near them.
 */
static void
take(Chooser *c, const Fragment *f, int mark)
{
	int			stop = mark;
	int			from;

	c->chosen[c->nchosen++] = *f;
	memset(c->taken + f->first, true, f->last - f->first + 1);
	while (stop > 0 && c->mark_word[stop - 1] >= f->first)
		stop--;
	for (int i = stop; i < c->h->nmarks && c->mark_word[i] <= f->last; i++)
		set_worth(c, i, 0);
	for (from = stop; from > 0 && !c->taken[c->mark_word[from - 1]] &&
		 (int64) c->mark_word[from - 1] + c->o->max_words > f->first; from--)
		 /* a window that reaches into it */ ;
	weigh(c, from, stop, stop, true);
}

/* True if the word is in no fragment yet. word: a valid index into h->words. */
static bool
is_free(const Chooser *c, int word)
{
	return !c->taken[word];
}

/* ts_headline's ShortWord, in bytes as there: such a word does not end a fragment. */
static bool
is_short(const Chooser *c, int word)
{
	return c->h->words[word].end - c->h->words[word].start <= c->o->short_word;
}

/*
 * Adds words around the marked ones, one on either side in turn, up to MaxWords and
 * not into another fragment. Then short words at the ends are left out again, down to
 * MinWords, but never a marked one.
 */
static void
widen(Chooser *c, Fragment *f)
{
	Fragment	marked = *f;
	bool		more = true;

	while (more && f->last - f->first + 1 < c->o->max_words)
	{
		more = false;
		if (f->last + 1 < c->h->nwords && is_free(c, f->last + 1))
		{
			f->last++;
			more = true;
		}
		if (f->last - f->first + 1 < c->o->max_words && f->first > 0 && is_free(c, f->first - 1))
		{
			f->first--;
			more = true;
		}
	}
	while (f->last > marked.last && f->last - f->first >= c->o->min_words && is_short(c, f->last))
		f->last--;
	while (f->first > 0 && f->first < marked.first &&
		   f->last - f->first >= c->o->min_words && is_short(c, f->first))
		f->first++;
}

/* qsort: in the order of the text; they do not overlap. */
static int
compare_fragments(const void *a, const void *b)
{
	return ((const Fragment *) a)->first - ((const Fragment *) b)->first;
}

/*
 * Chooses up to MaxFragments fragments (one if it is 0), the best first, and leaves
 * them in the order of the text in c->chosen, palloc'd. Without any mark it is the
 * beginning of the text, MinWords long, as ts_headline's. Interruptible.
 */
static void
choose_fragments(Chooser *c)
{
	int			wanted = Max(c->o->max_fragments, 1);
	Fragment	f;
	int			mark;

	c->chosen = palloc(sizeof(Fragment) * (Min(wanted, c->h->nmarks) + 1));
	while (c->nchosen < wanted && best_window(c, &f, &mark))
	{
		CHECK_FOR_INTERRUPTS();
		widen(c, &f);
		take(c, &f, mark);
	}
	if (c->nchosen == 0)
		c->chosen[c->nchosen++] = (Fragment) {0, Min(c->o->min_words, c->h->nwords) - 1};
	qsort(c->chosen, c->nchosen, sizeof(Fragment), compare_fragments);
}

/* --- output --- */

/*
 * Appends bytes start..end of the text with the selectors around its marks. *mark:
 * the first mark that may be in the span, moved behind the last one that is, for the
 * next fragment. Marks that touch or overlap become one. A mark that reaches over the
 * end (a compound whose part is the last word) is cut there.
 */
static void
append_marked(StringInfo buf, const char *text, PgrSpan span, const PgrHighlight *h,
			  const Options *o, int *mark)
{
	int			at = span.start;

	while (*mark < h->nmarks && h->marks[*mark].span.start < span.end)
	{
		PgrSpan		m = h->marks[*mark].span;

		/* marks that touch or overlap are one */
		for ((*mark)++; *mark < h->nmarks && h->marks[*mark].span.start <= m.end; (*mark)++)
			m.end = Max(m.end, h->marks[*mark].span.end);
		m.start = Max(m.start, at);
		m.end = Min(m.end, span.end);
		if (m.end <= m.start)
			continue;
		appendBinaryStringInfo(buf, text + at, m.start - at);
		appendStringInfoString(buf, o->start_sel);
		appendBinaryStringInfo(buf, text + m.start, m.end - m.start);
		appendStringInfoString(buf, o->stop_sel);
		at = m.end;
	}
	appendBinaryStringInfo(buf, text + at, span.end - at);
}

/*
 * The fragments of the text with marks, as a palloc'd text. Nothing of the text is
 * escaped: whoever shows it as HTML escapes before or chooses selectors that survive
 * escaping. A text without any word gives an empty headline, unless all of it is
 * asked for.
 */
static text *
make_headline(const char *text, int len, const PgrQuery *query, const PgrHighlight *h,
			  const Options *o)
{
	Chooser		c = {.h = h, .o = o};
	StringInfoData buf;
	int			mark = 0;

	initStringInfo(&buf);
	if (o->all || h->nwords == 0)
		append_marked(&buf, text, (PgrSpan) {0, o->all ? len : 0}, h, o, &mark);
	else
	{
		chooser_init(&c, query);
		choose_fragments(&c);
		for (int i = 0; i < c.nchosen; i++)
		{
			if (i > 0)
				appendStringInfoString(&buf, o->delimiter);
			append_marked(&buf, text,
						  (PgrSpan) {h->words[c.chosen[i].first].start,
						  h->words[c.chosen[i].last].end}, h, o, &mark);
		}
	}
	return cstring_to_text_with_len(buf.data, buf.len);
}

/* --- SQL --- */

/*
 * The query argument number n, as a tree in the current context: words by the
 * configuration in argument 0, with bigrams since a headline does not know of the
 * index's option, or a rankquery as it is. An index that the query is bound to is not
 * opened: no privileges are needed.
 */
static PgrQuery *
query_arg(FunctionCallInfo fcinfo, int n, PgrQueryArg arg)
{
	PgrAnalyzer analyzer = {.config = PG_GETARG_OID(0), .cjk_bigram = true, .nfields = 1};

	if (arg == PGR_ARG_RANKQUERY)
		return pgr_query_unpack(PG_GETARG_RANKQUERY(n));
	return pgr_query_unpack(pgr_query_from_text(&analyzer, PG_GETARG_TEXT_PP(n)));
}

/* (config, document, query, options) -> text. STRICT, so no argument is NULL. */
static Datum
headline(FunctionCallInfo fcinfo, PgrQueryArg arg)
{
	text	   *document = PG_GETARG_TEXT_PP(1);
	PgrQuery   *query = query_arg(fcinfo, 2, arg);
	Options		o = read_options(PG_GETARG_TEXT_PP(3));
	PgrHighlight h;

	pgr_highlight(PG_GETARG_OID(0), VARDATA_ANY(document), (int) VARSIZE_ANY_EXHDR(document),
				  query, o.fields, &h);
	PG_RETURN_TEXT_P(make_headline(VARDATA_ANY(document), (int) VARSIZE_ANY_EXHDR(document),
								   query, &h, &o));
}

/*
 * An int4range of characters start..end of the text, counted from 1, without the end,
 * as a palloc'd datum.
 */
static Datum
character_range(TypeCacheEntry *type, int start, int end)
{
	RangeBound	lower = {Int32GetDatum(start), false, true, true};
	RangeBound	upper = {Int32GetDatum(end), false, false, false};

	return RangeTypePGetDatum(pgr_make_range(type, &lower, &upper));
}

/*
 * (config, document, query) -> int4range[] of characters, in order, each place once
 * though several leaves may want it. Characters are counted from mark to mark, so the
 * text is gone through once; they ascend, since marks do. Allocated in the current
 * memory context.
 */
static Datum
matches(FunctionCallInfo fcinfo, PgrQueryArg arg)
{
	text	   *document = PG_GETARG_TEXT_PP(1);
	const char *text = VARDATA_ANY(document);
	TypeCacheEntry *type = lookup_type_cache(INT4RANGEOID, TYPECACHE_RANGE_INFO);
	int			chars = 1;
	int			at = 0;
	int			n = 0;
	Datum	   *ranges;
	PgrHighlight h;

	pgr_highlight(PG_GETARG_OID(0), text, (int) VARSIZE_ANY_EXHDR(document),
				  query_arg(fcinfo, 2, arg), 0, &h);
	ranges = palloc_extended(sizeof(Datum) * Max(h.nmarks, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < h.nmarks; i++)
	{
		PgrSpan		m = h.marks[i].span;

		if (i > 0 && m.start == h.marks[i - 1].span.start && m.end == h.marks[i - 1].span.end)
			continue;			/* the same word for another leaf */
		chars += pg_mbstrlen_with_len(text + at, m.start - at);
		at = m.start;
		ranges[n++] = character_range(type, chars,
									  chars + pg_mbstrlen_with_len(text + at, m.end - at));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(ranges, n, INT4RANGEOID, type->typlen,
										  type->typbyval, type->typalign));
}

#define HEADLINE(name, function, arg) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		return function(fcinfo, arg); \
	} \
	extern int	pgr_no_such_variable

HEADLINE(pgr_bm25_headline_words, headline, PGR_ARG_WORDS);
HEADLINE(pgr_bm25_headline, headline, PGR_ARG_RANKQUERY);
HEADLINE(pgr_bm25_matches_words, matches, PGR_ARG_WORDS);
HEADLINE(pgr_bm25_matches, matches, PGR_ARG_RANKQUERY);
