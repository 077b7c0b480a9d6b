/*
 * rankquery_io.c
 *		rankquery's text and binary form, which say exactly what is stored: words
 *		are lexemes already. What people type goes through to_rankquery instead.
 *
 *	query   := [ "{" option { "," option } "}" ] [ list ]
 *	option  := ("index" | "config") "=" quoted | ("docs" | "length" | "k1" | "b") "=" number
 *	         | "cjk=bigram"
 *	list    := node { "&" node } | node { "|" node }
 *	node    := "!" node | "(" list ")" [ "@" min_match ] | term | phrase
 *	term    := quoted { "*" | "~" edits | ":" fields | "^" boost | "=" df }
 *	phrase  := '"' { quoted [ "@" offset ] [ "=" df ] } '"' { "~" slop | ":" fields | "^" boost }
 *	fields  := number { "," number }         counted from 1
 *	quoted  := "'" characters, with "''" for an apostrophe "'"
 *
 * Names of the index and configuration are stored as such, with their schemas: an
 * OID would mean something else in another database, and after REINDEX
 * CONCURRENTLY or pg_upgrade in this one.
 * The binary form is a version byte and the text, as jsonb's.
 *
 * Memory: text is palloc'd in the current context, as are the tree and the value of
 * an input. Errors: 22P02 for text that is malformed, with its place; 42704 for a
 * configuration that does not exist; 54000 beyond the limits; 22P03 for an unknown
 * binary version. Those of text are soft where the caller asks (pg_input_is_valid,
 * COPY ... ON_ERROR). Names are looked up without a lock; privileges on an index are
 * asked for when a query is used.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "lexical/rankquery.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tsearch/ts_type.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#define BINARY_VERSION 1

/* --- output --- */

/* An apostrophe twice. */
static void
append_quoted(StringInfo buf, const char *bytes, uint32 len)
{
	appendStringInfoChar(buf, '\'');
	for (uint32 i = 0; i < len; i++)
	{
		if (bytes[i] == '\'')
			appendStringInfoChar(buf, '\'');
		appendStringInfoChar(buf, bytes[i]);
	}
	appendStringInfoChar(buf, '\'');
}

/* The shortest digits that are read back as the same number; nothing for NAN. */
static void
append_double(StringInfo buf, const char *before, double x)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(x))
		return;
	double_to_shortest_decimal_buf(x, digits);
	appendStringInfo(buf, "%s%s", before, digits);
}

/* What a term and a phrase have in common; nothing that is as usual. */
static void
append_fields_and_boost(StringInfo buf, const PgrQueryNode *node)
{
	char		digits[FLOAT_SHORTEST_DECIMAL_LEN];
	char		before = ':';

	for (int f = 0; f < PGR_LEX_MAX_FIELDS; f++)
		if (node->fields & (1u << f))
		{
			appendStringInfo(buf, "%c%d", before, f + 1);
			before = ',';
		}
	if (node->boost != 1)
	{
		float_to_shortest_decimal_buf(node->boost, digits);
		appendStringInfo(buf, "^%s", digits);
	}
}

/* Offsets only where they are not one after the other. */
static void
append_phrase(StringInfo buf, const PgrQueryNode *node)
{
	uint32		expected = 0;

	appendStringInfoChar(buf, '"');
	for (int i = 0; i < node->nchildren; i++)
	{
		const PgrQueryNode *child = node->children[i];

		if (i > 0)
			appendStringInfoChar(buf, ' ');
		append_quoted(buf, child->term, child->termlen);
		if (child->offset != expected)
			appendStringInfo(buf, "@%u", child->offset);
		append_double(buf, "=", child->given_df);
		expected = child->offset + 1;
	}
	appendStringInfoChar(buf, '"');
	if (node->slop > 0)
		appendStringInfo(buf, "~%u", node->slop);
	append_fields_and_boost(buf, node);
}

/*
 * A node and those below it; in parentheses, but for the outermost list. As deep as
 * the query is.
 */
static void
append_node(StringInfo buf, const PgrQueryNode *node, bool top)
{
	bool		bare = top && (node->kind == PGR_NODE_AND || node->min_match == 1);

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	switch (node->kind)
	{
		case PGR_NODE_TERM:
			append_quoted(buf, node->term, node->termlen);
			if (node->prefix)
				appendStringInfoChar(buf, '*');
			if (node->fuzzy > 0)
				appendStringInfo(buf, "~%d", node->fuzzy);
			append_fields_and_boost(buf, node);
			append_double(buf, "=", node->given_df);
			break;
		case PGR_NODE_PHRASE:
			append_phrase(buf, node);
			break;
		case PGR_NODE_NOT:
			appendStringInfoChar(buf, '!');
			append_node(buf, node->children[0], false);
			break;
		case PGR_NODE_AND:
		case PGR_NODE_OR:
			if (!bare)
				appendStringInfoChar(buf, '(');
			for (int i = 0; i < node->nchildren; i++)
			{
				if (i > 0)
					appendStringInfoString(buf, node->kind == PGR_NODE_AND ? " & " : " | ");
				append_node(buf, node->children[i], false);
			}
			if (!bare)
				appendStringInfoChar(buf, ')');
			if (node->kind == PGR_NODE_OR && node->min_match != 1)
				appendStringInfo(buf, "@%u", node->min_match);
			break;
	}
}

/* Nothing for an empty one. */
static void
append_name(StringInfo buf, const char *option, const char *name)
{
	if (name[0] == '\0')
		return;
	appendStringInfoString(buf, option);
	append_quoted(buf, name, strlen(name));
}

/* In braces, before the query. */
static void
append_options(StringInfo buf, const PgrQuery *query)
{
	int			start = buf->len;

	append_name(buf, ",index=", pgr_query_index_name(query));
	append_name(buf, ",config=", pgr_query_config_name(query));
	if (query->cjk_bigram)
		appendStringInfoString(buf, ",cjk=bigram");
	append_double(buf, ",docs=", query->given_ndocs);
	append_double(buf, ",length=", query->given_avg_length);
	append_double(buf, ",k1=", query->given_k1);
	append_double(buf, ",b=", query->given_b);
	if (buf->len > start)
	{
		buf->data[start] = '{';
		appendStringInfoString(buf, query->root ? "} " : "}");
	}
}

/* Reads back as the same bytes. */
void
pgr_query_append(StringInfo buf, const PgrQuery *query)
{
	append_options(buf, query);
	if (query->root)
		append_node(buf, query->root, true);
}

/* --- input --- */

/*
 * Where a text is being read. It is terminated, so a look at *p is always allowed.
 * After a soft error (failed) readers return NULL or false up to query_in.
 */
typedef struct Reader
{
	const char *start;
	const char *p;
	int			depth;
	struct Node *escontext;
	bool		failed;			/* an error was reported softly */
} Reader;

/* As the SQL scanner takes it. */
static void
skip_space(Reader *r)
{
	while (scanner_isspace(*r->p))
		r->p++;
}

/*
 * Reports a malformed query (22P02), softly where that is asked for; always NULL. The
 * first error is the one that is reported.
 */
static void *
syntax_error(Reader *r, const char *detail)
{
	if (r->failed)
		return NULL;
	r->failed = true;
	pgr_ereturn(r->escontext, NULL,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type rankquery: \"%s\"", r->start),
				 errdetail("%s At byte %d.", detail, (int) (r->p - r->start) + 1),
				 errhint("Use to_rankquery to make a rankquery of what a person typed.")));
}

/* The character, if it is next. */
static bool
accept(Reader *r, char c)
{
	if (*r->p != c)
		return false;
	r->p++;
	return true;
}

/* A finite number of min or more, up to max. */
static bool
read_number(Reader *r, double min, double max, double *x)
{
	char	   *end;

	/* strtod also reads names and hexadecimal numbers */
	if (!isdigit((unsigned char) *r->p) || (r->p[0] == '0' && (r->p[1] | 0x20) == 'x'))
		return syntax_error(r, "A number was expected.") != NULL;
	*x = strtod(r->p, &end);
	if (!(*x >= min && *x <= max))
		return syntax_error(r, "The number is out of range.") != NULL;
	r->p = end;
	return true;
}

/* Digits only, up to a limit. */
static bool
read_uint(Reader *r, uint32 min, uint32 max, uint32 *n)
{
	uint64		value = 0;
	const char *p = r->p;

	if (!isdigit((unsigned char) *p))
		return syntax_error(r, "A number was expected.") != NULL;
	for (; isdigit((unsigned char) *p) && value <= PG_UINT32_MAX; p++)
		value = value * 10 + (uint64) (*p - '0');
	if (value < min || value > max)
		return syntax_error(r, "The number is out of range.") != NULL;
	r->p = p;
	*n = (uint32) value;
	return true;
}

/* 'it''s' -> it's; palloc'd and terminated */
static char *
read_quoted(Reader *r, uint32 max, uint32 *len)
{
	StringInfoData buf;

	if (!accept(r, '\''))
		return syntax_error(r, "A quoted word was expected.");
	initStringInfo(&buf);
	for (;;)
	{
		if (*r->p == '\0')
			return syntax_error(r, "A quoted word does not end.");
		if (*r->p == '\'' && r->p[1] != '\'')
			break;
		if (*r->p == '\'')
			r->p++;
		appendStringInfoChar(&buf, *r->p++);
	}
	r->p++;
	if (buf.len == 0 || buf.len > max)
		return syntax_error(r, "A word must have 1 to 2047 bytes.");
	*len = buf.len;
	return buf.data;
}

/* Numbers from 1, as a mask. */
static bool
read_fields(Reader *r, uint32 *fields)
{
	uint32		n;

	do
	{
		if (!read_uint(r, 1, PGR_LEX_MAX_FIELDS, &n))
			return false;
		*fields |= 1u << (n - 1);
	} while (accept(r, ','));
	return true;
}

/* A float that is no NAN, up to the limit. */
static bool
read_boost(Reader *r, float *boost)
{
	const char *digits = r->p;
	double		x;

	if (!read_number(r, 0, PGR_QUERY_MAX_BOOST, &x))
		return false;
	*boost = strtof(digits, NULL);	/* rounds once, so that output is read back */
	return true;
}

/* 'word' with its marks, each once. NULL after a soft error. */
static PgrQueryNode *
read_term(Reader *r)
{
	uint32		len = 0;
	char	   *term = read_quoted(r, MAXSTRLEN, &len);
	PgrQueryNode *node = pgr_node_term(term, len);
	bool		ok = term != NULL;

	while (ok)
	{
		uint32		edits;

		if (accept(r, '*'))
			node->prefix = true;
		else if (accept(r, '~'))
		{
			ok = read_uint(r, 1, PGR_QUERY_MAX_FUZZY, &edits);
			node->fuzzy = ok ? (uint8) edits : 0;
		}
		else if (accept(r, ':'))
			ok = read_fields(r, &node->fields);
		else if (accept(r, '^'))
			ok = read_boost(r, &node->boost);
		else if (accept(r, '='))
			ok = read_number(r, 0, DBL_MAX, &node->given_df);
		else
			break;
	}
	if (ok && node->prefix && node->fuzzy > 0)
		return syntax_error(r, "A word is a prefix or fuzzy, not both.");
	return ok ? node : NULL;
}

/*
 * Reads the words of a phrase, after the opening quote, up to the closing one; false
 * after a soft error. Offsets do not descend, the first is 0; one that repeats the
 * last is an alternative. Interruptible.
 */
static bool
read_phrase_words(Reader *r, PgrQueryNode *node)
{
	uint32		expected = 0;

	for (skip_space(r); *r->p != '"'; skip_space(r))
	{
		uint32		len = 0;
		char	   *term = read_quoted(r, MAXSTRLEN, &len);
		PgrQueryNode *child = pgr_node_term(term, len);

		CHECK_FOR_INTERRUPTS();
		child->offset = expected;
		if (term == NULL ||
			(accept(r, '@') && !read_uint(r, expected > 0 ? expected - 1 : 0,
										  PGR_OCC_MAX_POS, &child->offset)) ||
			(accept(r, '=') && !read_number(r, 0, DBL_MAX, &child->given_df)))
			return false;
		if (node->nchildren == 0 && child->offset != 0)
			return syntax_error(r, "A phrase begins at offset 0.") != NULL;
		expected = child->offset + 1;
		pgr_node_add(node, child);
	}
	r->p++;
	return true;
}

/* "'word' ..." with its marks. NULL after a soft error. */
static PgrQueryNode *
read_phrase(Reader *r)
{
	PgrQueryNode *node = pgr_node_make(PGR_NODE_PHRASE);
	bool		ok;

	r->p++;
	ok = read_phrase_words(r, node);
	while (ok)
	{
		if (accept(r, '~'))
			ok = read_uint(r, 0, PGR_QUERY_MAX_SLOP, &node->slop);
		else if (accept(r, ':'))
			ok = read_fields(r, &node->fields);
		else if (accept(r, '^'))
			ok = read_boost(r, &node->boost);
		else
			break;
	}
	return ok ? node : NULL;
}

static PgrQueryNode *read_list(Reader *r);

/* ( list ), with @n how many of an OR must match. NULL after a soft error. */
static PgrQueryNode *
read_group(Reader *r)
{
	PgrQueryNode *node = read_list(r);
	uint32		n;

	if (node == NULL)
		return NULL;
	skip_space(r);
	if (!accept(r, ')'))
		return syntax_error(r, "A closing parenthesis was expected.");
	if (accept(r, '@'))
	{
		if (!read_uint(r, 0, PGR_QUERY_MAX_NODES, &n))
			return NULL;
		if (node->kind != PGR_NODE_OR || node->min_match != 1)
		{
			PgrQueryNode *group = pgr_node_make(PGR_NODE_OR);

			pgr_node_add(group, node);
			node = group;
		}
		node->min_match = n;
	}
	return node;
}

/*
 * Reads any node; NULL after a soft error. The depth is limited before the stack is:
 * twice PGR_QUERY_MAX_DEPTH, since the normal form may be flatter. Interruptible.
 */
static PgrQueryNode *
read_node(Reader *r)
{
	PgrQueryNode *node = NULL;

	if (r->depth > 2 * PGR_QUERY_MAX_DEPTH)
		return syntax_error(r, "It is nested too deeply.");
	r->depth++;
	CHECK_FOR_INTERRUPTS();
	skip_space(r);
	if (*r->p == '\'')
		node = read_term(r);
	else if (*r->p == '"')
		node = read_phrase(r);
	else if (accept(r, '('))
		node = read_group(r);
	else if (accept(r, '!'))
	{
		PgrQueryNode *child = read_node(r);

		if (child != NULL)
		{
			node = pgr_node_make(PGR_NODE_NOT);
			pgr_node_add(node, child);
		}
	}
	else
		syntax_error(r, "A word, a phrase or a parenthesis was expected.");
	r->depth--;
	return node;
}

/*
 * Reads nodes of one operator: & and | together need parentheses, so that no
 * precedence need be known. NULL after a soft error.
 */
static PgrQueryNode *
read_list(Reader *r)
{
	PgrQueryNode *node = read_node(r);
	PgrQueryNode *list;
	char		op;

	skip_space(r);
	op = *r->p;
	if (node == NULL || (op != '&' && op != '|'))
		return node;
	list = pgr_node_make(op == '&' ? PGR_NODE_AND : PGR_NODE_OR);
	pgr_node_add(list, node);
	while (accept(r, op))
	{
		node = read_node(r);
		if (node == NULL)
			return NULL;
		pgr_node_add(list, node);
		skip_space(r);
	}
	if (*r->p == '&' || *r->p == '|')
		return syntax_error(r, "\"&\" and \"|\" need parentheses between them.");
	return list;
}

/* --- options --- */

/* A name of one or two parts; NIL if malformed. */
static List *
name_parts(const char *name)
{
	List	   *parts;
	List	   *names = NIL;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) ||
		list_length(parts) < 1 || list_length(parts) > 2)
		return NIL;
	foreach(lc, parts)
		names = lappend(names, makeString(lfirst(lc)));
	return names;
}

/*
 * The name is kept, with its schema. A qualified one need not exist yet: pg_dump
 * restores rows before indexes.
 */
static void
set_index(PgrQuery *query, const char *name, List *names)
{
	if (list_length(names) == 2)
	{
		query->bound_name = quote_qualified_identifier(strVal(linitial(names)),
													   strVal(llast(names)));
		return;
	}
	query->bound = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);
	if (!OidIsValid(query->bound))
		ereport(NOTICE,
				(errmsg("index \"%s\" of a rankquery does not exist", name),
				 errdetail("The query is not bound to an index.")));
}

/*
 * An index or configuration by name; the bytes are palloc'd with the query. false
 * after a soft error.
 */
static bool
read_name_option(Reader *r, PgrQuery *query, bool is_index)
{
	uint32		len = 0;
	char	   *name = read_quoted(r, 3 * NAMEDATALEN * 2, &len);
	List	   *names = name ? name_parts(name) : NIL;

	if (name == NULL)
		return false;
	if (names == NIL)
		return syntax_error(r, "A name was expected.") != NULL;
	if (is_index)
	{
		set_index(query, name, names);
		return true;
	}
	query->config = get_ts_config_oid(names, true);
	if (!OidIsValid(query->config))
	{
		r->failed = true;
		pgr_ereturn(r->escontext, false,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("text search configuration \"%s\" does not exist", name)));
	}
	return true;
}

/* One option in the braces. false after a soft error. */
static bool
read_option(Reader *r, PgrQuery *query)
{
	const struct
	{
		const char *name;
		double	   *value;
		double		max;
	}			numbers[] = {
		{"docs=", &query->given_ndocs, 1e18},
		{"length=", &query->given_avg_length, 1e18},
		{"k1=", &query->given_k1, 1000},
		{"b=", &query->given_b, 1}
	};

	skip_space(r);
	for (int i = 0; i < lengthof(numbers); i++)
		if (strncmp(r->p, numbers[i].name, strlen(numbers[i].name)) == 0)
		{
			r->p += strlen(numbers[i].name);
			return read_number(r, 0, numbers[i].max, numbers[i].value);
		}
	if (strncmp(r->p, "cjk=bigram", 10) == 0)
	{
		r->p += 10;
		return query->cjk_bigram = true;
	}
	if (strncmp(r->p, "index=", 6) == 0 || strncmp(r->p, "config=", 7) == 0)
	{
		bool		is_index = *r->p == 'i';

		r->p = strchr(r->p, '=') + 1;
		return read_name_option(r, query, is_index);
	}
	return syntax_error(r, "Options are index, config, cjk, docs, length, k1 and b.") != NULL;
}

/* Reads all options in the braces, or none. false after a soft error. */
static bool
read_options(Reader *r, PgrQuery *query)
{
	skip_space(r);
	if (!accept(r, '{'))
		return true;
	do
	{
		if (!read_option(r, query))
			return false;
		skip_space(r);
	} while (accept(r, ','));
	if (!accept(r, '}'))
		return syntax_error(r, "A closing brace was expected.") != NULL;
	return true;
}

/* A stored query of its text; NULL after a soft error. */
static PgrRankQuery *
query_in(const char *str, struct Node *escontext)
{
	Reader		r = {.start = str, .p = str, .escontext = escontext};
	PgrQuery   *query = pgr_query_make();

	if (!read_options(&r, query))
		return NULL;
	skip_space(&r);
	if (*r.p != '\0')
	{
		query->root = read_list(&r);
		if (query->root == NULL)
			return NULL;
		skip_space(&r);
		if (*r.p != '\0')
			return syntax_error(&r, "There is something after the end of the query.");
	}
	return pgr_query_pack(query, escontext);
}

/* --- SQL --- */

/* Malformed text is a soft error where the server asks for one. */
PG_FUNCTION_INFO_V1(pgr_rankquery_in);
Datum
pgr_rankquery_in(PG_FUNCTION_ARGS)
{
	PgrRankQuery *rq = query_in(PG_GETARG_CSTRING(0), PGR_ESCONTEXT(fcinfo));

	if (rq == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(rq);
}

/* What is stored, lexemes and all. */
PG_FUNCTION_INFO_V1(pgr_rankquery_out);
Datum
pgr_rankquery_out(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	pgr_query_append(&buf, pgr_query_unpack(PG_GETARG_RANKQUERY(0)));
	PG_RETURN_CSTRING(buf.data);
}

/* The text behind a version byte; errors are hard. */
PG_FUNCTION_INFO_V1(pgr_rankquery_recv);
Datum
pgr_rankquery_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	int			nbytes;

	if (version != BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of a binary rankquery", version)));
	PG_RETURN_POINTER(query_in(pq_getmsgtext(buf, buf->len - buf->cursor, &nbytes), NULL));
}

/* Names of index and configuration, no OIDs. */
PG_FUNCTION_INFO_V1(pgr_rankquery_send);
Datum
pgr_rankquery_send(PG_FUNCTION_ARGS)
{
	StringInfoData text;
	StringInfoData buf;

	initStringInfo(&text);
	pgr_query_append(&text, pgr_query_unpack(PG_GETARG_RANKQUERY(0)));
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, BINARY_VERSION);
	pq_sendtext(&buf, text.data, text.len);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* --- equality: equal queries have equal bytes --- */

/*
 * The argument as it would be stored today: a value of version 1 is packed anew, so
 * that it equals one of version 2 that means the same.
 */
static PgrRankQuery *
current_form(FunctionCallInfo fcinfo, int arg)
{
	PgrRankQuery *rq = PG_GETARG_RANKQUERY(arg);

	return rq->version == PGR_RANKQUERY_VERSION ? rq : pgr_query_pack(pgr_query_unpack(rq), NULL);
}

/* True for equal queries: normal form makes them equal bytes. */
static bool
same_query(FunctionCallInfo fcinfo)
{
	PgrRankQuery *a = current_form(fcinfo, 0);
	PgrRankQuery *b = current_form(fcinfo, 1);

	return VARSIZE(a) == VARSIZE(b) &&
		memcmp(VARDATA(a), VARDATA(b), VARSIZE(a) - VARHDRSZ) == 0;
}

/* = of rankquery. */
PG_FUNCTION_INFO_V1(pgr_rankquery_eq);
Datum
pgr_rankquery_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_query(fcinfo));
}

/* <> of rankquery. */
PG_FUNCTION_INFO_V1(pgr_rankquery_ne);
Datum
pgr_rankquery_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_query(fcinfo));
}

/* Agrees with =. */
PG_FUNCTION_INFO_V1(pgr_rankquery_hash);
Datum
pgr_rankquery_hash(PG_FUNCTION_ARGS)
{
	PgrRankQuery *rq = current_form(fcinfo, 0);

	return hash_any((unsigned char *) VARDATA(rq), (int) (VARSIZE(rq) - VARHDRSZ));
}

/* The same with a seed. */
PG_FUNCTION_INFO_V1(pgr_rankquery_hash_extended);
Datum
pgr_rankquery_hash_extended(PG_FUNCTION_ARGS)
{
	PgrRankQuery *rq = current_form(fcinfo, 0);

	return hash_any_extended((unsigned char *) VARDATA(rq), (int) (VARSIZE(rq) - VARHDRSZ),
							 (uint64) PG_GETARG_INT64(1));
}
