/*
 * chunk.c
 *		Where to cut a long text, so that its pieces give the words of the whole.
 *
 * Mostly after white space. A piece that has none is given to the parser, and cut
 * between two of its tokens. A token that is longer than a piece (the text of a file in
 * base64) stays whole, however long: the analysis then ignores it, once.
 */
#include "postgres.h"

#include "lexical/rankquery.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"

#define CHUNK 16384
#define LOOK_AHEAD 4096			/* what a parser may see behind the place of a cut */
#define LONGEST (64 * 1024 * 1024)	/* token: the parser needs four bytes for each */

/*
 * The last place in [1, CHUNK] of the text between two tokens, or if there is none, the
 * first after that; 0 if there is none at all before its end. Parts of a compound
 * follow it, and begin before its end.
 */
static int
between_tokens(TSParserCacheEntry *parser, const char *text, int len)
{
	void	   *state = DatumGetPointer(FunctionCall2(&parser->prsstart,
													  PointerGetDatum(text),
													  Int32GetDatum(len)));
	int			covered = 0;	/* by the tokens so far */
	int			place = 0;
	char	   *token = NULL;
	int			token_len = 0;

	while (DatumGetInt32(FunctionCall3(&parser->prstoken, PointerGetDatum(state),
									   PointerGetDatum(&token),
									   PointerGetDatum(&token_len))) > 0)
	{
		int			start = (int) (token - text);

		CHECK_FOR_INTERRUPTS();
		if (token < text || token_len < 0 || token_len > len || start > len - token_len)
			break;				/* a parser that does not give places of the text */
		if (start >= covered && start > 0)
		{
			if (place > 0 && start > CHUNK)
				break;
			place = start;
			if (place > CHUNK)
				break;
		}
		covered = Max(covered, start + token_len);
	}
	FunctionCall1(&parser->prsend, PointerGetDatum(state));
	return place;
}

/* A cut where there is no white space. */
static int
cut_at_token(Oid config, const char *text, int len)
{
	TSParserCacheEntry *parser = lookup_ts_parser_cache(lookup_ts_config_cache(config)->prsId);
	int			window = CHUNK + LOOK_AHEAD;

	for (;;)
	{
		int			n = window < len ? pg_mbcliplen(text, len, window) : len;
		int			place = between_tokens(parser, text, n);

		if (place > 0 && (place <= CHUNK || n == len || place < n - LOOK_AHEAD))
			return place;
		if (n == len)
			return len;
		if (window >= LONGEST)
			return place > 0 ? place : n;
		window *= 2;
	}
}

/* Raises what the configuration's parser raises. */
int
pgr_lex_chunk(Oid config, const char *text, int len)
{
	if (len <= CHUNK)
		return len;
	for (int i = CHUNK; i > CHUNK / 2; i--)
		if (isspace((unsigned char) text[i - 1]) && !IS_HIGHBIT_SET(text[i - 1]))
			return i;
	return cut_at_token(config, text, len);
}
