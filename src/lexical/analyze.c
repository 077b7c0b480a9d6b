/*
 * analyze.c
 *		Text, text[] and tsvector to PgrLexDoc: the terms of a document, how often
 *		and where they occur, and how long it is.
 *
 * Text goes through PostgreSQL's own parser and dictionaries (parsetext), which
 * takes 1 to 2 us a word; what is added here (a hash probe a word, a sort by an
 * eight-byte prefix of the distinct terms) must stay small beside it.
 *
 * parsetext keeps 14-bit positions and turns its input into wide characters, so
 * long texts are fed in chunks of 16 kB (chunk.c). Words are interned as they
 * come: a 50 MB document needs memory for its occurrences (8 bytes each, 12 while
 * it is analysed) and distinct terms, not for a ParsedWord and a palloc per word.
 *
 * Memory: a document and everything it refers to belong to the memory context that
 * was current at the call, and go with it; nobody frees a document piece by piece.
 * What the parser and dictionaries palloc beside that is in the same context for a
 * short text, in one that is reset after each chunk for a long one.
 *
 * Called back into user code: a configuration's parser (prsstart, nexttoken, end) and
 * dictionaries (lexize) are functions of the catalog, which a user may have written
 * in any language. They may raise anything, run queries, call our operators. So
 * nothing static is kept over such a call, and no lock or buffer is held.
 *
 * Errors that users see: 42704 for a configuration that was dropped, 54000 for a
 * document of more than a billion words, and whatever parser and dictionaries raise.
 * A word that is too long to be indexed is a NOTICE of the server's.
 */
#include "postgres.h"

#include "base/order.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lexical/cjk.h"
#include "lexical/lexical.h"
#include "lexical/rankquery.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "tsearch/ts_utils.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/*
 * Positions between two elements of a text[] that share a field, so that no phrase
 * spans them: the position increment gap of engines built on Lucene. It exceeds any
 * slop that is useful; a phrase with a slop of 100 and more may span them, as it does
 * there.
 */
#define ELEMENT_GAP 100

/* --- interned terms --- */

/*
 * A lexeme as the hash table knows it. The bytes are not the key's own: they are the
 * dictionary's, or the document's once the term has been entered (builder_add). The
 * hash is kept so that growing the table hashes no string again.
 */
typedef struct TermKey
{
	const char *bytes;
	uint32		len;
	uint32		hash;
} TermKey;

/*
 * A distinct term while its document is analysed. last_occ is its latest occurrence,
 * packed as PGR_OCC, valid once tf > 0. Entries move when the table grows: nothing
 * may point at one across an insertion, hence the number.
 */
typedef struct InternedTerm
{
	TermKey		key;
	uint32		number;			/* in order of first appearance */
	uint32		tf;
	uint32		last_occ;
	char		status;
} InternedTerm;

#define SH_PREFIX intern
#define SH_ELEMENT_TYPE InternedTerm
#define SH_KEY_TYPE TermKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) ((k).hash)
#define SH_EQUAL(tb, a, b) ((a).len == (b).len && memcmp((a).bytes, (b).bytes, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->key.hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/*
 * A document being analysed. Occurrences are two parallel arrays in the order of the
 * text, field by field: 8 bytes for each, whatever the term. The distribution to
 * terms happens once, at the end, when the number of each is known, so that no list
 * per term has to grow.
 */
typedef struct Builder
{
	const PgrAnalyzer *analyzer;
	MemoryContext context;		/* of the result */
	bool		copy;			/* words live in a context that is reset */
	intern_hash *terms;
	uint32	   *occ_term;		/* [nocc]: number of the term */
	uint32	   *occ;			/* [nocc], ascending */
	Size		nocc;
	Size		maxocc;
	uint64		pos;			/* last position given out in the field */
	PgrLexDoc  *doc;
} Builder;

/*
 * Begins a document. All that it will refer to is allocated in the current memory
 * context, which b->context remembers: later on the current one may be a chunk's.
 */
static void
builder_init(Builder *b, const PgrAnalyzer *analyzer, PgrLexDoc *doc)
{
	memset(b, 0, sizeof(*b));
	memset(doc, 0, sizeof(*doc));
	doc->nfields = analyzer->nfields;
	b->analyzer = analyzer;
	b->context = CurrentMemoryContext;
	b->terms = intern_create(b->context, 64, NULL);
	b->maxocc = 128;
	b->occ = palloc(b->maxocc * sizeof(uint32));
	b->occ_term = palloc(b->maxocc * sizeof(uint32));
	b->doc = doc;
}

/*
 * Doubles the arrays of occurrences, huge beyond 1 GB. Raises 54000 for a document of
 * a billion words: frequencies and counts stay within 31 bits.
 */
static void
builder_grow(Builder *b)
{
	b->maxocc *= 2;
	if (b->maxocc > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("document has more than %d words", PG_INT32_MAX / 2)));
	b->occ = repalloc_huge(b->occ, b->maxocc * sizeof(uint32));
	b->occ_term = repalloc_huge(b->occ_term, b->maxocc * sizeof(uint32));
}

/*
 * One lexeme of the word at a position (from 1 in its field). A dictionary may give
 * the same lexeme twice for one word; it counts once. Positions beyond
 * PGR_OCC_MAX_POS are all that greatest one, where every occurrence counts, since
 * "the same position" no longer means "the same word"; phrases there are not told
 * apart.
 *
 * Where words live in a context that is reset (a chunk of a long text) a new term's
 * bytes are copied into the document's memory context; a term that is known already
 * costs no memory but its occurrence.
 */
static void
builder_add(Builder *b, const char *word, uint32 len, uint32 field, uint64 pos)
{
	TermKey		key = {word, len, hash_bytes((const unsigned char *) word, (int) len)};
	uint32		occ = PGR_OCC(field, Min(pos, PGR_OCC_MAX_POS));
	bool		found;
	InternedTerm *term = intern_insert(b->terms, key, &found);

	if (!found)
	{
		if (b->copy)
		{
			char	   *own = MemoryContextAlloc(b->context, Max(len, 1));

			memcpy(own, word, len);
			term->key.bytes = own;
		}
		term->number = b->terms->members - 1;
		term->tf = 0;
	}
	else if (term->last_occ == occ && pos < PGR_OCC_MAX_POS)
		return;
	term->last_occ = occ;
	term->tf++;

	if (b->nocc == b->maxocc)
		builder_grow(b);
	b->occ[b->nocc] = occ;
	b->occ_term[b->nocc] = term->number;
	b->nocc++;
}

/*
 * A source word counts once for the document's length, however many lexemes a
 * dictionary made of it: synonyms must not make a document longer, which would lower
 * the score of all its words.
 */
static void
builder_count_word(Builder *b, uint32 field)
{
	b->doc->length++;
	b->doc->field_length[field]++;
}

/* --- text --- */

/*
 * One chunk of text through the configuration. The parser's words are allocated in the
 * current memory context: the document's, or one that is reset after the chunk. Raises
 * what the parser and dictionaries raise; words too long give a NOTICE.
 */
static void
add_chunk(Builder *b, const char *text, int len, uint32 field)
{
	ParsedText	prs;
	int			last = 0;

	prs.lenwords = Max(Min(len, 16384) / 6, 2); /* to_tsvector's guess */
	prs.curwords = 0;
	prs.pos = 0;
	prs.words = palloc(sizeof(ParsedWord) * prs.lenwords);
	parsetext(b->analyzer->config, &prs, unconstify(char *, text), len);

	for (int i = 0; i < prs.curwords; i++)
	{
		ParsedWord *w = &prs.words[i];

		if (w->len == 0)
			continue;
		if (w->pos.pos != last)
			builder_count_word(b, field);
		last = w->pos.pos;
		builder_add(b, w->word, w->len, field, b->pos + last);
	}
	b->pos += prs.pos;
}

/*
 * Text of a language that the parser knows, in chunks. A text of one chunk is
 * analysed in the document's own context and its words stay where they are, which
 * spares the copies for the common short document. Of several chunks each is analysed
 * in a memory context of its own, so that memory grows with the terms, not with the
 * text. Interruptible between chunks; an error leaves the chunk's context to its
 * parent, the document's.
 */
static void
add_words(Builder *b, const char *text, int len, uint32 field)
{
	MemoryContext chunk_context;
	MemoryContext old;
	int			n = pgr_lex_chunk(b->analyzer->config, text, len);

	if (n == len)
	{
		add_chunk(b, text, len, field);
		return;
	}
	chunk_context = AllocSetContextCreate(b->context, "pgretrieve text chunk",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(chunk_context);
	b->copy = true;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		add_chunk(b, text, n, field);
		MemoryContextReset(chunk_context);
		text += n;
		len -= n;
		if (len == 0)
			break;
		n = pgr_lex_chunk(b->analyzer->config, text, len);
	}
	b->copy = false;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(chunk_context);
}

/*
 * A run of one script as overlapping bigrams: "ABC" is AB, BC, at positions one after
 * the other, so that a query of two or more characters is found as a phrase of its
 * bigrams. A lone character stays itself, else it could not be found at all. Each
 * bigram counts as a word of the length. len is above 0, and the text is valid UTF-8,
 * as all text of the database.
 */
static void
add_bigrams(Builder *b, const char *text, int len, uint32 field)
{
	const char *end = text + len;
	const char *next = text + pg_utf_mblen((const unsigned char *) text);
	int			n = 0;

	do
	{
		const char *after = next < end ?
			next + pg_utf_mblen((const unsigned char *) next) : next;

		builder_count_word(b, field);
		builder_add(b, text, (uint32) (after - text), field, ++b->pos);
		text = next;
		next = after;
		if (++n % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
	} while (next < end);
}

/*
 * A text of one field, or the runs of it that are of different scripts. Positions go
 * on from one run to the next, so a phrase may cross the border between two scripts.
 */
static void
add_text(Builder *b, const char *text, int len, uint32 field)
{
	if (!b->analyzer->cjk_bigram || !pgr_cjk_possible())
	{
		add_words(b, text, len, field);
		return;
	}
	while (len > 0)
	{
		int			n;

		if (pgr_cjk_run(text, len, &n) == PGR_SCRIPT_OTHER)
			add_words(b, text, n, field);
		else
			add_bigrams(b, text, n, field);
		text += n;
		len -= n;
	}
}

/*
 * Elements of text[], field by field; elements beyond the last field belong to it,
 * ELEMENT_GAP positions apart. Positions begin anew with each field. A null element
 * is an empty field: the others keep their numbers. Detoasted elements stay in the
 * current memory context. Interruptible between elements.
 */
static void
add_array(Builder *b, ArrayType *array)
{
	int			last_field = b->analyzer->nfields - 1;
	int			field = 0;
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	/* text, varchar and char are stored alike */
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text	   *t;

		CHECK_FOR_INTERRUPTS();
		if (Min(i, last_field) != field)
			b->pos = 0;
		else if (i > 0)
			b->pos += ELEMENT_GAP;
		field = Min(i, last_field);
		if (nulls[i])
			continue;
		t = DatumGetTextPP(elems[i]);
		add_text(b, VARDATA_ANY(t), (int) VARSIZE_ANY_EXHDR(t), (uint32) field);
	}
}

/* --- from the builder to the document --- */

/*
 * A term in the sort: its first eight bytes as a number beside it, so that most
 * comparisons touch no string and miss no cache line. The term points into the hash
 * table, which no longer grows.
 */
typedef struct SortTerm
{
	uint64		prefix;
	const InternedTerm *term;
} SortTerm;

/*
 * Order of pgr_lex_compare. Prefixes are padded with zero bytes, so equal ones settle
 * nothing: a term may be shorter than eight bytes, or both longer.
 */
static inline int
sort_term_compare(const SortTerm *a, const SortTerm *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return pgr_lex_compare(a->term->key.bytes, a->term->key.len,
						   b->term->key.bytes, b->term->key.len);
}

#define ST_SORT sort_terms
#define ST_ELEMENT_TYPE SortTerm
#define ST_COMPARE(a, b) sort_term_compare(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * The first eight bytes as a number that compares as memcmp does them (big-endian);
 * missing ones are 0, which is no byte of a lexeme.
 */
static uint64
prefix_number(const char *bytes, uint32 len)
{
	uint64		n = 0;

	memcpy(&n, bytes, Min(len, sizeof(n)));
	return pg_ntoh64(n);
}

/*
 * The distinct terms by their bytes: palloc'd, huge where a document is, the caller's
 * to free.
 */
static SortTerm *
sorted_terms(const Builder *b)
{
	SortTerm   *sorted = palloc_extended(sizeof(SortTerm) * Max(b->terms->members, 1),
										 MCXT_ALLOC_HUGE);
	uint32		n = 0;
	intern_iterator it;
	InternedTerm *term;

	intern_start_iterate(b->terms, &it);
	while ((term = intern_iterate(b->terms, &it)) != NULL)
	{
		sorted[n].prefix = prefix_number(term->key.bytes, term->key.len);
		sorted[n++].term = term;
	}
	sort_terms(sorted, n);
	return sorted;
}

/*
 * Fills doc->field_tf, [nterms][nfields], from the fields that stand in the
 * occurrences; palloc'd, zeroed. Not made for documents of one field, where it would
 * repeat tf. Terms without positions are left at 0: vector_document sets them.
 */
static void
count_fields(PgrLexDoc *doc)
{
	int			nfields = doc->nfields;

	if (nfields <= 1)
		return;
	doc->field_tf = palloc_extended(sizeof(uint32) * nfields * Max(doc->nterms, 1),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < doc->nterms; i++)
	{
		PgrLexTerm *term = &doc->terms[i];

		term->first_field_tf = (uint32) (i * nfields);
		for (uint32 j = 0; term->occ && j < term->tf; j++)
			doc->field_tf[term->first_field_tf + PGR_OCC_FIELD(term->occ[j])]++;
	}
}

/*
 * Sorts terms and distributes the occurrences, which stay in their order: ascending,
 * since fields and positions only went up. One array for all terms, in the document's
 * memory context. The builder's own arrays and its table are freed, so that a
 * document that is kept takes no more than it needs.
 */
static void
builder_finish(Builder *b)
{
	PgrLexDoc  *doc = b->doc;
	SortTerm   *sorted = sorted_terms(b);
	uint32		n = b->terms->members;
	uint32	   *occ = palloc_extended(sizeof(uint32) * Max(b->nocc, 1), MCXT_ALLOC_HUGE);
	uint32	  **next = palloc_extended(sizeof(uint32 *) * Max(n, 1), MCXT_ALLOC_HUGE);

	doc->nterms = (int) n;
	doc->terms = palloc_extended(sizeof(PgrLexTerm) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < n; i++)
	{
		const InternedTerm *from = sorted[i].term;
		PgrLexTerm *to = &doc->terms[i];

		to->bytes = from->key.bytes;
		to->len = from->key.len;
		to->tf = from->tf;
		to->occ = occ;
		to->first_field_tf = 0;
		next[from->number] = occ;
		occ += from->tf;
	}
	for (Size i = 0; i < b->nocc; i++)
		*next[b->occ_term[i]]++ = b->occ[i];
	count_fields(doc);

	pfree(sorted);
	pfree(next);
	pfree(b->occ);
	pfree(b->occ_term);
	intern_destroy(b->terms);
}

/* --- tsvector --- */

/*
 * Positions of one lexeme of a tsvector. Weights D..A are 0..3 in its storage and
 * become fields 3..0, A being the first as in setweight's and ts_rank's thinking;
 * where the index has fewer fields the rest is the last one's. Within a tsvector
 * positions ascend whatever their weights, so with several fields the packed
 * occurrences are sorted again.
 */
static void
vector_positions(const PgrAnalyzer *analyzer, TSVector vector, WordEntry *entry,
				 PgrLexTerm *term, PgrLexDoc *doc)
{
	WordEntryPos *pos = POSDATAPTR(vector, entry);
	int			last_field = analyzer->nfields - 1;

	term->tf = POSDATALEN(vector, entry);
	term->occ = palloc(sizeof(uint32) * Max(term->tf, 1));
	for (uint32 i = 0; i < term->tf; i++)
	{
		uint32		field = (uint32) Min(3 - WEP_GETWEIGHT(pos[i]), last_field);

		term->occ[i] = PGR_OCC(field, WEP_GETPOS(pos[i]));
		doc->field_length[field]++;
	}
	if (last_field > 0)
		qsort(term->occ, term->tf, sizeof(uint32), pgr_compare_uint32);
}

/*
 * A tsvector is sorted as documents are, and its strings stay where they are: the
 * document refers to the value, which must live as long, and the rest is palloc'd. A
 * lexeme without positions counts once, in the last field, and has occ NULL: it is in
 * no phrase.
 */
static void
vector_document(const PgrAnalyzer *analyzer, TSVector vector, PgrLexDoc *doc)
{
	int			nfields = analyzer->nfields;
	uint32		no_field = (uint32) Min(3, nfields - 1);

	memset(doc, 0, sizeof(*doc));
	doc->nfields = nfields;
	doc->nterms = vector->size;
	doc->terms = palloc0(sizeof(PgrLexTerm) * Max(vector->size, 1));
	for (int i = 0; i < vector->size; i++)
	{
		WordEntry  *entry = ARRPTR(vector) + i;
		PgrLexTerm *term = &doc->terms[i];

		term->bytes = STRPTR(vector) + entry->pos;
		term->len = entry->len;
		if (entry->haspos && POSDATALEN(vector, entry) > 0)
			vector_positions(analyzer, vector, entry, term, doc);
		else
		{
			term->tf = 1;
			doc->field_length[no_field]++;
		}
		doc->length += term->tf;
	}
	count_fields(doc);
	for (int i = 0; nfields > 1 && i < doc->nterms; i++)
		if (doc->terms[i].occ == NULL)
			doc->field_tf[doc->terms[i].first_field_tf + no_field] = 1;
}

/* --- the entry --- */

/*
 * The one order of terms, in documents, dictionaries of segments and queries: by
 * bytes and then length. Not by collation: an index must not depend on one, whose
 * order may change with a library's upgrade.
 */
int
pgr_lex_compare(const char *a, uint32 alen, const char *b, uint32 blen)
{
	int			cmp = memcmp(a, b, Min(alen, blen));

	if (cmp != 0)
		return cmp;
	return alen < blen ? -1 : alen > blen;
}

/*
 * 64-bit hash of the bytes without their header, so that a value in line, one with a
 * short header and one that was compressed agree. Stored in segments: another hash
 * function would need a new version of their format.
 */
static uint64
hash_varlena(const struct varlena *v)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(v),
							   (int) VARSIZE_ANY_EXHDR(v), 0);
}

/* Detoasts, if need be, in the current memory context. */
uint64
pgr_lex_content_hash(Datum content)
{
	return hash_varlena(PG_DETOAST_DATUM_PACKED(content));
}

/*
 * 42704 for a configuration that is gone; parsetext would report it as an internal
 * error (XX000) of a cache look-up. No lock is taken: a configuration that is dropped
 * by someone else after this fails there.
 */
static void
check_config(Oid config)
{
	if (!SearchSysCacheExists1(TSCONFIGOID, ObjectIdGetDatum(config)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("text search configuration with OID %u does not exist", config)));
}

/*
 * Contract in lexical.h. A detoasted copy of the value, where one is made, stays in
 * the current memory context, too, for terms refer to its bytes. doc->hash is of the
 * content as it came, whatever the analyzer makes of it.
 */
void
pgr_lex_document(const PgrAnalyzer *analyzer, PgrContentType type, Datum content,
				 PgrLexDoc *doc)
{
	Builder		b;
	struct varlena *v;

	Assert(analyzer->nfields >= 1 && analyzer->nfields <= PGR_LEX_MAX_FIELDS);
	if (type == PGR_CONTENT_TSVECTOR)
	{
		v = PG_DETOAST_DATUM(content);
		vector_document(analyzer, DatumGetTSVector(PointerGetDatum(v)), doc);
		doc->hash = hash_varlena(v);
		return;
	}

	check_config(analyzer->config);
	builder_init(&b, analyzer, doc);
	if (type == PGR_CONTENT_TEXT_ARRAY)
	{
		v = PG_DETOAST_DATUM(content);
		add_array(&b, DatumGetArrayTypeP(PointerGetDatum(v)));
	}
	else
	{
		v = PG_DETOAST_DATUM_PACKED(content);
		add_text(&b, VARDATA_ANY(v), (int) VARSIZE_ANY_EXHDR(v), 0);
	}
	builder_finish(&b);
	doc->hash = hash_varlena(v);
}

/* --- the length byte --- */

/*
 * Lucene's SmallFloat: 24 values for themselves, then a float with a mantissa of
 * four bits, one of them implied. Exact up to 39.
 */
#define FREE_VALUES 24

/*
 * Lengths of 2^31 and more count as 2^31 - 1. Monotone: a longer document never has
 * the smaller byte, which bounds of blocks rely on.
 */
uint8
pgr_norm_encode(uint32 length)
{
	uint32		n = Min(length, PG_INT32_MAX);
	int			shift;

	if (n < FREE_VALUES)
		return (uint8) n;
	n -= FREE_VALUES;
	if (n < 8)
		return (uint8) (FREE_VALUES + n);
	shift = pg_leftmost_one_pos32(n) - 3;
	return (uint8) (FREE_VALUES + (((n >> shift) & 7) | ((uint32) (shift + 1) << 3)));
}

/*
 * The least length that has this byte, so pgr_norm_encode(pgr_norm_decode(x)) = x.
 * Scores are computed from it, never from the true length: the operator and the
 * index, which stores the byte, agree to the bit.
 */
uint32
pgr_norm_decode(uint8 norm)
{
	uint32		n;

	if (norm < FREE_VALUES)
		return norm;
	n = norm - FREE_VALUES;
	if (n < 8)
		return FREE_VALUES + n;
	return FREE_VALUES + (((n & 7) | 8) << ((n >> 3) - 1));
}
