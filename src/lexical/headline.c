/*
 * headline.c
 *		bm25_headline and bm25_matches: an extract of a text with the query's words
 *		marked, and their places.
 *
 * Options are ts_headline's. Fragments are chosen greedily: the window of
 * MaxWords words with the most of the query's leaves (by boost, then by number of
 * marks), then the next one apart from it. The text is given back as it is:
 * nothing is escaped, tags are kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "lexical/highlight.h"
#include "lexical/lex_query.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

/* --- options --- */

typedef struct Options
{
	const char *start_sel;
	const char *stop_sel;
	const char *delimiter;
	int			max_words;
	int			min_words;
	int			short_word;
	int			max_fragments;
	bool		all;
} Options;

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
	if (pg_strcasecmp(name, "HighlightAll") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized headline parameter: \"%s\"", name)));
	o->all = pg_strcasecmp(value, "1") == 0 || pg_strcasecmp(value, "on") == 0 ||
		pg_strcasecmp(value, "true") == 0 || pg_strcasecmp(value, "t") == 0 ||
		pg_strcasecmp(value, "y") == 0 || pg_strcasecmp(value, "yes") == 0;
}

static void
check_option(bool ok, const char *message)
{
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message)));
}

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

/* Words first..last (inclusive) of the text. */
typedef struct Fragment
{
	int			first;
	int			last;
} Fragment;

typedef struct Chooser
{
	const PgrHighlight *h;
	const PgrQuery *query;
	const Options *o;
	int		   *mark_word;		/* [nmarks]: the word that a mark begins in */
	int		   *seen;			/* [nleaves]: the window that last met a leaf */
	Fragment   *chosen;
	int			nchosen;
} Chooser;

/* Marks and words both go by start. */
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

static bool
is_free(const Chooser *c, int word)
{
	for (int i = 0; i < c->nchosen; i++)
		if (word >= c->chosen[i].first && word <= c->chosen[i].last)
			return false;
	return true;
}

/* The worth of a window that begins at mark i; sets the last word it marks. */
static double
window_worth(Chooser *c, int i, int *last)
{
	int			first = c->mark_word[i];
	double		worth = 0;

	for (int j = i; j < c->h->nmarks && c->mark_word[j] < first + c->o->max_words; j++)
	{
		int			leaf = c->h->marks[j].leaf;

		if (!is_free(c, c->mark_word[j]))
			break;
		if (c->seen[leaf] != i)
			worth += 1 + c->query->leaves[leaf]->boost;
		else
			worth += 0.01;
		c->seen[leaf] = i;
		*last = c->mark_word[j];
	}
	return worth;
}

/* The best window that is left; false if no mark is. */
static bool
best_window(Chooser *c, Fragment *best)
{
	double		most = 0;

	memset(c->seen, -1, sizeof(int) * Max(c->query->nleaves, 1));
	for (int i = 0; i < c->h->nmarks; i++)
	{
		int			last = c->mark_word[i];
		double		worth;

		CHECK_FOR_INTERRUPTS();
		if (!is_free(c, c->mark_word[i]))
			continue;
		worth = window_worth(c, i, &last);
		if (worth > most)
		{
			most = worth;
			*best = (Fragment) {c->mark_word[i], last};
		}
	}
	return most > 0;
}

static bool
is_short(const Chooser *c, int word)
{
	return c->h->words[word].end - c->h->words[word].start <= c->o->short_word;
}

/*
 * Words around the marked ones, as many on either side, up to MaxWords and not
 * into another fragment; short words at the ends are left out.
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

static int
compare_fragments(const void *a, const void *b)
{
	return ((const Fragment *) a)->first - ((const Fragment *) b)->first;
}

static void
choose_fragments(Chooser *c)
{
	int			wanted = Max(c->o->max_fragments, 1);
	Fragment	f;

	c->chosen = palloc(sizeof(Fragment) * (Min(wanted, c->h->nmarks) + 1));
	while (c->nchosen < wanted && best_window(c, &f))
	{
		widen(c, &f);
		c->chosen[c->nchosen++] = f;
	}
	if (c->nchosen == 0)
		c->chosen[c->nchosen++] = (Fragment) {0, Min(c->o->min_words, c->h->nwords) - 1};
	qsort(c->chosen, c->nchosen, sizeof(Fragment), compare_fragments);
}

/* --- output --- */

/* Bytes start..end of the text with marks; *mark: the first that may be in it. */
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

static text *
make_headline(const char *text, int len, const PgrQuery *query, const PgrHighlight *h,
			  const Options *o)
{
	Chooser		c = {.h = h, .query = query, .o = o};
	StringInfoData buf;
	int			mark = 0;

	initStringInfo(&buf);
	if (o->all || h->nwords == 0)
		append_marked(&buf, text, (PgrSpan) {0, o->all ? len : 0}, h, o, &mark);
	else
	{
		c.mark_word = palloc(sizeof(int) * Max(h->nmarks, 1));
		c.seen = palloc(sizeof(int) * Max(query->nleaves, 1));
		place_marks(&c);
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

/* The query argument: words by the configuration, or a rankquery. */
static PgrQuery *
query_arg(FunctionCallInfo fcinfo, int n, PgrQueryArg arg)
{
	PgrAnalyzer analyzer = {.config = PG_GETARG_OID(0), .cjk_bigram = true, .nfields = 1};

	if (arg == PGR_ARG_RANKQUERY)
		return pgr_query_unpack(PG_GETARG_RANKQUERY(n));
	return pgr_query_unpack(pgr_query_from_text(&analyzer, PG_GETARG_TEXT_PP(n)));
}

/* (config, document, query, options) */
static Datum
headline(FunctionCallInfo fcinfo, PgrQueryArg arg)
{
	text	   *document = PG_GETARG_TEXT_PP(1);
	PgrQuery   *query = query_arg(fcinfo, 2, arg);
	Options		o = read_options(PG_GETARG_TEXT_PP(3));
	PgrHighlight h;

	pgr_highlight(PG_GETARG_OID(0), VARDATA_ANY(document), (int) VARSIZE_ANY_EXHDR(document),
				  query, &h);
	PG_RETURN_TEXT_P(make_headline(VARDATA_ANY(document), (int) VARSIZE_ANY_EXHDR(document),
								   query, &h, &o));
}

/* Characters start..end of the text, counted from 1, without the end. */
static Datum
character_range(TypeCacheEntry *type, int start, int end)
{
	RangeBound	lower = {Int32GetDatum(start), false, true, true};
	RangeBound	upper = {Int32GetDatum(end), false, false, false};

	return RangeTypePGetDatum(pgr_make_range(type, &lower, &upper));
}

/* (config, document, query) */
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
				  query_arg(fcinfo, 2, arg), &h);
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
