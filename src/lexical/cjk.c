/*
 * cjk.c
 *		Finds runs of Chinese, Japanese and Thai, which become bigrams: the
 *		default parser makes one word of a whole sentence of them.
 *
 * Only UTF-8 databases: their characters are told by code point. Hangul is left
 * to the configuration, since Korean is written with spaces.
 */
#include "postgres.h"

#include "lexical/cjk.h"
#include "mb/pg_wchar.h"

typedef struct CodeRange
{
	pg_wchar	first;
	pg_wchar	last;
	PgrScript	script;
} CodeRange;

/* Letters only: punctuation of these scripts separates words, as any other. */
static const CodeRange ranges[] = {
	{0x0E01, 0x0E3A, PGR_SCRIPT_THAI},
	{0x0E40, 0x0E4E, PGR_SCRIPT_THAI},
	{0x2E80, 0x2FDF, PGR_SCRIPT_CJ},	/* radicals */
	{0x3005, 0x3007, PGR_SCRIPT_CJ},	/* iteration marks, zero */
	{0x3021, 0x3029, PGR_SCRIPT_CJ},
	{0x3041, 0x309F, PGR_SCRIPT_CJ},	/* hiragana */
	{0x30A1, 0x30FA, PGR_SCRIPT_CJ},	/* katakana */
	{0x30FC, 0x30FF, PGR_SCRIPT_CJ},	/* its length mark */
	{0x3105, 0x312F, PGR_SCRIPT_CJ},	/* bopomofo */
	{0x31F0, 0x31FF, PGR_SCRIPT_CJ},
	{0x3400, 0x4DBF, PGR_SCRIPT_CJ},
	{0x4E00, 0x9FFF, PGR_SCRIPT_CJ},
	{0xF900, 0xFAFF, PGR_SCRIPT_CJ},
	{0xFF66, 0xFF9F, PGR_SCRIPT_CJ},	/* half-width katakana */
	{0x1B000, 0x1B16F, PGR_SCRIPT_CJ},	/* kana supplements */
	{0x20000, 0x3FFFF, PGR_SCRIPT_CJ}
};

/* The least first byte of a character in the table: U+0E01 is E0 B8 81. */
#define FIRST_LEAD_BYTE 0xE0

/* The ranges above are Unicode's. */
bool
pgr_cjk_possible(void)
{
	return GetDatabaseEncoding() == PG_UTF8;
}

/* The script of one character, and its length in bytes. */
static PgrScript
script_at(const unsigned char *p)
{
	pg_wchar	c;

	if (*p < FIRST_LEAD_BYTE)
		return PGR_SCRIPT_OTHER;
	c = utf8_to_unicode(p);
	for (int i = 0; i < lengthof(ranges) && ranges[i].first <= c; i++)
		if (c <= ranges[i].last)
			return ranges[i].script;
	return PGR_SCRIPT_OTHER;
}

/* Longest run of one script from `text` on; *n: its bytes. */
PgrScript
pgr_cjk_run(const char *text, int len, int *run_len)
{
	const unsigned char *p = (const unsigned char *) text;
	const unsigned char *end = p + len;
	PgrScript	script = script_at(p);

	do
	{
		p += pg_utf_mblen(p);
		if (script == PGR_SCRIPT_OTHER)
			while (p < end && *p < FIRST_LEAD_BYTE)
				p++;
	} while (p < end && script_at(p) == script);

	*run_len = Min((int) (p - (const unsigned char *) text), len);
	return script;
}
