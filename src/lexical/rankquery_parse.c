/*
 * rankquery_parse.c
 *		What a person types, to a query tree. Accepts any text whatever: a thing
 *		that is not understood is looked up as words, or ignored.
 *
 *	words              any of them; more of them rank higher
 *	+word              must be there (the others then only add to the score)
 *	-word  NOT word    must not be there
 *	a AND b  a && b    both; AND binds before OR, which is what a space means
 *	"a b"  "a b"~2     phrase, with so much slop
 *	word*  word~  word~2    prefix; one or two edits away
 *	field:word         a field by name, by letter A-D or by number 1-16
 *	(...)  (...)~2     a group; at least two of it
 *	word^2.5           boost, also of a phrase or group
 *
 * Runs of plain words are analysed in one go, which is faster and lets the parser
 * see its compounds.
 *
 * Memory: nodes and lexemes in the current context. Errors: none of its own, but for
 * a stack that is too deep; dictionaries, which may be user code, raise what they
 * like. Cancellable at each clause.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "lexical/rankquery.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tsearch/ts_type.h"
#include "utils/formatting.h"

/* Each level makes at most three of the tree's (AND, OR, NOT). */
#define PARSE_MAX_DEPTH 30

/* What is typed after this many leaves is ignored: the tree stays within limits. */
#define PARSE_MAX_LEAVES 300000

/*
 * Where a text is being read: [p, end), not terminated. A copy of the struct is a
 * look ahead that leaves no trace. nleaves counts words of phrases, too.
 */
typedef struct Parser
{
	const PgrAnalyzer *analyzer;
	const char *p;
	const char *end;
	char	  **names;
	int			nnames;
	int			depth;
	int			nleaves;
} Parser;

/* Suffixes of a word, phrase or group. */
typedef struct Suffix
{
	double		boost;
	int			tilde;			/* -1: none */
	bool		star;
} Suffix;

typedef enum Occur
{
	OCCUR_SHOULD,
	OCCUR_MUST,
	OCCUR_NOT
} Occur;

/*
 * The clauses of one level, those between two parentheses or of the whole text.
 * `chain`, where it is set, is the last child of `should`.
 */
typedef struct Clauses
{
	PgrQueryNode *must;			/* AND */
	PgrQueryNode *should;		/* OR */
	PgrQueryNode *chain;		/* AND in should that "a AND b" last made, or NULL */
	Occur		last;			/* where the last clause went */
	bool		any;			/* is there a last clause? */
} Clauses;

/* --- characters --- */

/* True at the end of the text. */
static bool
at_end(const Parser *ps)
{
	return ps->p >= ps->end;
}

/*
 * Passes over white space; bytes above 127 are part of words, so no multibyte space
 * is known.
 */
static void
skip_space(Parser *ps)
{
	while (!at_end(ps) && scanner_isspace(*ps->p))
		ps->p++;
}

/* True for white space and for what has a meaning of its own wherever it stands. */
static bool
ends_word(char c)
{
	return scanner_isspace(c) || c == '(' || c == ')' || c == '"';
}

/*
 * Bytes of the word at p, which may be 0: up to white space, a parenthesis or a
 * quotation mark.
 */
static int
word_length(const Parser *ps, const char *p)
{
	const char *start = p;

	while (p < ps->end && !ends_word(*p))
		p++;
	return (int) (p - start);
}

/* True if the word is the keyword, in capitals, as search engines take it. */
static bool
word_is(const char *word, int len, const char *keyword)
{
	return len == (int) strlen(keyword) && memcmp(word, keyword, len) == 0;
}

/* True for AND, && and &. */
static bool
is_and(const char *word, int len)
{
	return word_is(word, len, "AND") || word_is(word, len, "&&") || word_is(word, len, "&");
}

/* True for OR, || and |. */
static bool
is_or(const char *word, int len)
{
	return word_is(word, len, "OR") || word_is(word, len, "||") || word_is(word, len, "|");
}

/* True if what comes after p (white space apart) is an AND. */
static bool
and_follows(const Parser *ps, const char *p)
{
	while (p < ps->end && scanner_isspace(*p))
		p++;
	return is_and(p, word_length(ps, p));
}

/*
 * True for what names of fields are made of, beside the underscore: ASCII letters and
 * digits, and all of other scripts.
 */
static bool
is_word_char(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c);
}

/* --- suffixes --- */

/* "1.5", "2" or ".5" at p; the number of bytes it takes, 0 if there is none */
static int
scan_number(const char *p, const char *end, double *x)
{
	const char *start = p;
	double		scale = 1;

	*x = 0;
	while (p < end && isdigit((unsigned char) *p) && p - start < 18)
		*x = *x * 10 + (*p++ - '0');
	if (p + 1 < end && *p == '.' && isdigit((unsigned char) p[1]))
		for (p++; p < end && isdigit((unsigned char) *p) && p - start < 36; p++)
			*x += (*p - '0') * (scale /= 10);
	return (int) (p - start);
}

/* The same with a sign before and an exponent behind, "-1", "1e3", "2.5E-1". */
static int
scan_any_number(const char *p, const char *end, double *x)
{
	bool		negative = p < end && *p == '-';
	int			sign = p < end && (*p == '-' || *p == '+');
	int			n = scan_number(p + sign, end, x);
	const char *e = p + sign + n;
	double		exponent;
	int			digits;

	if (n == 0)
		return 0;
	n += sign;
	if (negative)
		*x = -*x;
	if (e < end && (*e == 'e' || *e == 'E'))
	{
		sign = e + 1 < end && (e[1] == '-' || e[1] == '+');
		digits = scan_number(e + 1 + sign, end, &exponent);
		if (digits > 0)
		{
			*x *= pow(10, e[1] == '-' ? -exponent : exponent);
			n += 1 + sign + digits;
		}
	}
	return n;
}

/*
 * One suffix at p: "*", "~", "~2", "^2.5"; its length, 0 if it is none. One whose
 * number makes no sense ("~-1", "^-1") is passed over.
 */
static int
scan_suffix(const char *p, const char *end, Suffix *s)
{
	double		x;
	int			n;

	if (p >= end)
		return 0;
	n = scan_any_number(p + 1, end, &x);
	switch (*p)
	{
		case '*':
			s->star = true;
			return 1;
		case '~':
			if (n == 0)
				s->tilde = 1;
			else if (x >= 0)
				s->tilde = (int) Min(x, PGR_QUERY_MAX_SLOP);
			return 1 + n;
		case '^':
			if (n > 0 && x >= 0)
				s->boost = Min(x, PGR_QUERY_MAX_BOOST);
			return n > 0 ? 1 + n : 0;
	}
	return 0;
}

/*
 * Suffixes at p up to a word's end; false and nothing set if something else
 * comes before that.
 */
static bool
scan_suffixes(const char *p, const char *end, Suffix *s)
{
	*s = (Suffix) {1, -1, false};
	while (p < end)
	{
		int			n = scan_suffix(p, end, s);

		if (n == 0)
		{
			*s = (Suffix) {1, -1, false};
			return false;
		}
		p += n;
	}
	return true;
}

/*
 * Splits a word into what is looked up, whose length (at least 1) is returned, and
 * suffixes.
 */
static int
split_word(const char *word, int len, Suffix *s)
{
	for (int i = 1; i < len; i++)
		if (strchr("*~^", word[i]) != NULL && scan_suffixes(word + i, word + len, s))
			return i;
	*s = (Suffix) {1, -1, false};
	return len;
}

/*
 * Takes suffixes after a closing quote or parenthesis, as far as they are some; *s is
 * then set.
 */
static void
take_suffixes(Parser *ps, Suffix *s)
{
	int			n;

	*s = (Suffix) {1, -1, false};
	while ((n = scan_suffix(ps->p, ps->end, s)) > 0)
		ps->p += n;
}

/* pgr_node_each_leaf; arg: a double. Multiplies the boost, within the limit. */
static void
boost_leaf(PgrQueryNode *leaf, void *arg)
{
	double		boost = leaf->boost * *(double *) arg;

	leaf->boost = (float) Min(boost, PGR_QUERY_MAX_BOOST);
}

/*
 * pgr_node_each_leaf; arg: a mask of fields. An inner field goes before the one
 * around a group.
 */
static void
restrict_leaf(PgrQueryNode *leaf, void *arg)
{
	if (leaf->fields == 0)
		leaf->fields = *(uint32 *) arg;
}

/* pgr_node_each_leaf; arg: an int. Counts a leaf, and the words of a phrase. */
static void
count_leaf(PgrQueryNode *leaf, void *arg)
{
	*(int *) arg += 1 + leaf->nchildren;
}

/* --- fields --- */

/* The field that a name stands for, or -1. Where names are given, there are no others. */
static int
field_by_name(const Parser *ps, const char *name, int len)
{
	int			nfields = ps->nnames > 0 ? ps->nnames : PGR_LEX_MAX_FIELDS;
	double		n;

	for (int i = 0; i < ps->nnames; i++)
		if (strlen(ps->names[i]) == (Size) len && pg_strncasecmp(name, ps->names[i], len) == 0)
			return i;
	if (len == 1 && *name >= 'A' && *name <= 'D' && *name - 'A' < nfields)
		return *name - 'A';
	if (len <= 2 && scan_number(name, name + len, &n) == len && n >= 1 && n <= nfields)
		return (int) n - 1;
	return -1;
}

/*
 * "title:" before a word, phrase or group; moves past it and returns the mask.
 * 12:30 is a time and C:\x a path, not fields.
 */
static uint32
take_field(Parser *ps)
{
	const char *colon = ps->p;
	int			field;

	while (colon < ps->end && (is_word_char(*colon) || *colon == '_'))
		colon++;
	if (colon == ps->p || colon + 1 >= ps->end || *colon != ':')
		return 0;
	if (!is_word_char(colon[1]) && strchr("\"(_", colon[1]) == NULL)
		return 0;
	if (isdigit((unsigned char) *ps->p) && isdigit((unsigned char) colon[1]))
		return 0;
	field = field_by_name(ps, ps->p, (int) (colon - ps->p));
	if (field < 0)
		return 0;
	ps->p = colon + 1;
	return 1u << field;
}

/* --- primaries --- */

static PgrQueryNode *parse_level(Parser *ps);

/*
 * From the quotation mark on; a text that ends without another one is a phrase to its
 * end.
 */
static PgrQueryNode *
parse_phrase(Parser *ps, Suffix *s)
{
	const char *start = ++ps->p;
	const char *close = memchr(start, '"', ps->end - start);
	PgrQueryNode *node;

	if (close == NULL)
		close = ps->end;
	ps->p = Min(close + 1, ps->end);
	take_suffixes(ps, s);
	node = pgr_query_words(ps->analyzer, start, (int) (close - start), PGR_WORD_PHRASE);
	if (node != NULL && node->kind == PGR_NODE_PHRASE && s->tilde > 0)
		node->slop = (uint32) s->tilde;
	return node;
}

/*
 * From the parenthesis on; one that is not closed ends with the text. Beyond
 * PARSE_MAX_DEPTH parentheses mean nothing.
 */
static PgrQueryNode *
parse_group(Parser *ps, Suffix *s)
{
	PgrQueryNode *node;

	ps->p++;
	ps->depth++;
	node = parse_level(ps);
	ps->depth--;
	if (!at_end(ps))
		ps->p++;				/* the closing parenthesis */
	take_suffixes(ps, s);
	if (node != NULL && node->kind == PGR_NODE_OR && node->min_match > 0 && s->tilde > 0)
		node->min_match = (uint32) s->tilde;
	return node;
}

/*
 * A word that no dictionary knows or all ignore, as it is but for its case, palloc'd;
 * NULL if it begins with no letter or digit or is too long. So that "th*" finds words
 * though "th" is a stop word.
 */
static PgrQueryNode *
raw_word(const char *word, int len)
{
	char	   *lower = str_tolower(word, len, DEFAULT_COLLATION_OID);

	if (!is_word_char(*word) || strlen(lower) > MAXSTRLEN)
		return NULL;
	return pgr_node_term(lower, strlen(lower));
}

/* Prefix and fuzziness of a word are its last lexeme's. */
static void
expand_last(PgrQueryNode *node, const Suffix *s)
{
	while (node->nchildren > 0 && node->kind != PGR_NODE_PHRASE)
		node = node->children[node->nchildren - 1];
	if (node->kind != PGR_NODE_TERM)
		return;
	if (s->star)
		node->prefix = true;
	else if (s->tilde > 0)
		node->fuzzy = (uint8) Min(s->tilde, PGR_QUERY_MAX_FUZZY);
}

/*
 * A word with its suffixes. Of several lexemes any may match; all of them beside AND,
 * or where the caller says so. A suffix of expansion is the last lexeme's.
 */
static PgrQueryNode *
parse_word(Parser *ps, bool all, Suffix *s)
{
	const char *word = ps->p;
	int			len = word_length(ps, word);
	bool		whole;
	PgrQueryNode *node;

	ps->p += len;
	whole = all || and_follows(ps, ps->p);
	len = split_word(word, len, s);
	node = pgr_query_words(ps->analyzer, word, len, whole ? PGR_WORD_ALL : PGR_WORD_ANY);
	if (s->star || s->tilde > 0)
	{
		if (node == NULL)
			node = raw_word(word, len);
		if (node != NULL)
			expand_last(node, s);
	}
	return node;
}

/*
 * True if the word at p is just a word, without any operator of ours around it. Takes
 * nothing.
 */
static bool
is_plain(Parser *ps, const char *p)
{
	int			len = word_length(ps, p);
	Parser		look = *ps;
	Suffix		s;

	look.p = p;
	return len > 0 && *p != '+' && *p != '-' && split_word(p, len, &s) == len &&
		!is_and(p, len) && !is_or(p, len) && !word_is(p, len, "NOT") &&
		take_field(&look) == 0 && !and_follows(ps, p + len);
}

/* Takes the plain words from here on, in one go; NULL if no lexeme comes of them. */
static PgrQueryNode *
parse_plain_run(Parser *ps)
{
	const char *start = ps->p;
	const char *end = start;

	while (is_plain(ps, ps->p))
	{
		ps->p += word_length(ps, ps->p);
		end = ps->p;
		skip_space(ps);
	}
	return pgr_query_words(ps->analyzer, start, (int) (end - start), PGR_WORD_ANY);
}

/*
 * Takes a word, phrase or group with its field and suffixes; NULL if nothing comes of
 * it. Moves on in any case.
 */
static PgrQueryNode *
parse_primary(Parser *ps, bool all)
{
	uint32		fields = take_field(ps);
	Suffix		s = {1, -1, false};
	PgrQueryNode *node;

	if (*ps->p == '"')
		node = parse_phrase(ps, &s);
	else if (*ps->p == '(' && ps->depth < PARSE_MAX_DEPTH)
		node = parse_group(ps, &s);
	else if (*ps->p == '(' || *ps->p == ')')
	{
		ps->p++;
		return NULL;
	}
	else
		node = parse_word(ps, all, &s);

	if (node == NULL)
		return NULL;
	if (fields != 0)
		pgr_node_each_leaf(node, restrict_leaf, &fields);
	if (s.boost != 1)
		pgr_node_each_leaf(node, boost_leaf, &s.boost);
	return node;
}

/* --- clauses --- */

/* A NOT of the node. */
static PgrQueryNode *
negated(PgrQueryNode *node)
{
	PgrQueryNode *not = pgr_node_make(PGR_NODE_NOT);

	pgr_node_add(not, node);
	return not;
}

/* Joins the last clause and this one, as "a AND b" says. */
static void
add_to_chain(Clauses *c, PgrQueryNode *node)
{
	if (c->chain == NULL)
	{
		c->chain = pgr_node_make(PGR_NODE_AND);
		pgr_node_add(c->chain, c->should->children[c->should->nchildren - 1]);
		c->should->children[c->should->nchildren - 1] = c->chain;
	}
	pgr_node_add(c->chain, node);
}

/*
 * Files a clause under what must, may or must not be there. `and`: it follows an AND,
 * which makes a chain with an optional clause and a required one of it after another.
 */
static void
add_clause(Clauses *c, PgrQueryNode *node, Occur occur, bool and)
{
	if (and && c->any && c->last == OCCUR_SHOULD && occur != OCCUR_MUST)
	{
		add_to_chain(c, occur == OCCUR_NOT ? negated(node) : node);
		return;
	}
	if (and && c->any && occur == OCCUR_SHOULD)
		occur = OCCUR_MUST;
	c->chain = NULL;
	c->any = true;
	c->last = occur;
	if (occur == OCCUR_SHOULD)
		pgr_node_add(c->should, node);
	else
		pgr_node_add(c->must, occur == OCCUR_NOT ? negated(node) : node);
}

/* True if an AND has anything but NOTs. */
static bool
requires_something(const PgrQueryNode *and)
{
	for (int i = 0; i < and->nchildren; i++)
		if (and->children[i]->kind != PGR_NODE_NOT)
			return true;
	return false;
}

/*
 * Takes NOTs, of which each takes the one before back, and returns what they come to.
 */
static Occur
take_nots(Parser *ps)
{
	Occur		occur = OCCUR_SHOULD;

	while (word_is(ps->p, word_length(ps, ps->p), "NOT"))
	{
		occur = occur == OCCUR_NOT ? OCCUR_SHOULD : OCCUR_NOT;
		ps->p += strlen("NOT");
		skip_space(ps);
	}
	return occur;
}

/* Takes "+" or "-", perhaps with NOTs behind it, and returns what they come to. */
static Occur
take_sign(Parser *ps)
{
	Occur		occur = *ps->p++ == '-' ? OCCUR_NOT : OCCUR_MUST;

	if (take_nots(ps) == OCCUR_NOT)
		return occur == OCCUR_NOT ? OCCUR_SHOULD : OCCUR_NOT;
	return occur;
}

/*
 * Counts a clause's leaves. A list of words goes as far as there is room; false: the
 * clause is beyond the limit.
 */
static bool
within_limit(Parser *ps, PgrQueryNode *node)
{
	int			before = ps->nleaves;
	int			room = PARSE_MAX_LEAVES - before;

	pgr_node_each_leaf(node, count_leaf, &ps->nleaves);
	if (ps->nleaves <= PARSE_MAX_LEAVES)
		return true;
	if (room <= 0 || node->kind != PGR_NODE_OR || node->min_match != 1 ||
		ps->nleaves - before != node->nchildren)
		return false;
	node->nchildren = room;
	return true;
}

/*
 * Takes one clause with its sign and files it; and: it follows an AND. Moves on in
 * any case, so that the loop over clauses ends.
 */
static void
parse_clause(Parser *ps, Clauses *c, bool and)
{
	Occur		occur = OCCUR_SHOULD;
	int			len = word_length(ps, ps->p);
	PgrQueryNode *node;

	if (!and && is_plain(ps, ps->p))
		node = parse_plain_run(ps);
	else
	{
		if (word_is(ps->p, len, "NOT"))
			occur = take_nots(ps);
		else if ((*ps->p == '+' || *ps->p == '-') && ps->p + 1 < ps->end &&
				 !scanner_isspace(ps->p[1]))
			occur = take_sign(ps);
		len = word_length(ps, ps->p);
		if (at_end(ps) || *ps->p == ')' || is_and(ps->p, len) || is_or(ps->p, len))
			return;				/* NOT of nothing */
		node = parse_primary(ps, and || occur != OCCUR_SHOULD);
	}
	if (node != NULL && within_limit(ps, node))
		add_clause(c, node, occur, and);
}

/*
 * Clauses up to the end or the closing parenthesis of this level, which stays.
 * At the top a parenthesis that closes nothing is passed over.
 */
static PgrQueryNode *
parse_level(Parser *ps)
{
	Clauses		c = {pgr_node_make(PGR_NODE_AND), pgr_node_make(PGR_NODE_OR)};
	bool		and = false;

	check_stack_depth();
	for (skip_space(ps); !at_end(ps); skip_space(ps))
	{
		int			len = word_length(ps, ps->p);

		CHECK_FOR_INTERRUPTS();
		if (*ps->p == ')')
		{
			if (ps->depth > 0)
				break;
			ps->p++;
		}
		else if (is_and(ps->p, len) || is_or(ps->p, len))
		{
			and = is_and(ps->p, len);
			ps->p += len;
			continue;
		}
		else
			parse_clause(ps, &c, and);
		and = false;
		if (ps->nleaves > PARSE_MAX_LEAVES)
			ps->p = ps->end;
	}
	if (c.must->nchildren == 0)
		return pgr_node_normalize(c.should);
	if (requires_something(c.must))
		c.should->min_match = 0;
	pgr_node_add(c.must, c.should);
	return pgr_node_normalize(c.must);
}

/*
 * Contract in rankquery.h. Raises nothing but what dictionaries raise. NULL: nothing
 * to look for.
 */
PgrQueryNode *
pgr_query_parse(const PgrAnalyzer *analyzer, const char *text, int len, char **names, int nnames)
{
	Parser		ps = {
		.analyzer = analyzer,
		.p = text,
		.end = text + len,
		.names = names,
		.nnames = nnames
	};

	return parse_level(&ps);
}
