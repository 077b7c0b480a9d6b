/*
 * bm25_fingerprint.c
 *		What a text search configuration does, as two numbers.
 *
 * An index keeps them of the time it was built. One is of what the configuration
 * makes of sample words: it sees a stemmer that works differently now. The other
 * is of the catalog: parser, mappings, dictionaries with their templates and
 * options. It sees every change made in SQL, whatever words that touches. Names
 * are hashed, never OIDs, which pg_upgrade changes; the names of the
 * configuration itself and of its dictionaries mean nothing and may change.
 * Files that dictionaries read (stop words, synonyms, thesauri) are not looked at.
 *
 * Computed once per backend and configuration, and again whenever the catalogs of
 * text search change.
 */
#include "postgres.h"

#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "common/hashfn.h"
#include "inverted/inverted.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Words that tell stemmers, stop lists and token types apart. */
static const char sample_text[] =
"The running databases of PostgreSQL's authors and their studies were easily found "
"les nationales cheveux die H\303\244user aufeinander los corriendo \320\272\320\275\320\270\320\263\320\270 "
"state-of-the-art foo_bar 123.45 -7 http://example.com/a/b?c=1 user@example.com /usr/share x86-64";

typedef struct KnownFingerprint
{
	Oid			config;
	bool		cjk;
	PgrFingerprint value;
} KnownFingerprint;

#define MAX_FINGERPRINTS 32
static KnownFingerprint known[MAX_FINGERPRINTS];
static int	nknown = 0;
static uint64 known_at = 0;		/* pgr_lex_changes of those known */

/* What the configuration makes of the sample. */
static uint64
sample_hash(const PgrAnalyzer *analyzer)
{
	PgrAnalyzer plain = *analyzer;
	PgrLexDoc	doc;
	uint64		h = 0;

	plain.nfields = 1;
	pgr_lex_document(&plain, PGR_CONTENT_TEXT, CStringGetTextDatum(sample_text), &doc);
	for (int i = 0; i < doc.nterms; i++)
	{
		PgrLexTerm *t = &doc.terms[i];

		h = hash_combine64(h, hash_bytes_extended((const unsigned char *) t->bytes, t->len, 0));
		for (uint32 j = 0; j < t->tf && t->occ; j++)
			h = hash_combine64(h, hash_bytes_uint32_extended(t->occ[j], 0));
	}
	return h;
}

/* By a hash of its own, so that two neighbours cannot be taken for others. */
static uint64
add_string(uint64 h, const char *bytes, int len)
{
	return hash_combine64(h, hash_bytes_extended((const unsigned char *) bytes, len, 0));
}

/* The name of a parser or template. */
static uint64
add_name(uint64 h, int cache, Oid oid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(oid));
	Name		name;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search object %u", oid);
	name = DatumGetName(SysCacheGetAttr(cache, tuple, attno, &isnull));
	h = add_string(h, NameStr(*name), (int) strlen(NameStr(*name)));
	ReleaseSysCache(tuple);
	return h;
}

/*
 * Adds a dictionary by its template's name and its options: what makes its words. Its
 * own name does not matter. Files that it reads are caught by the sample only.
 */
static uint64
add_dictionary(uint64 h, Oid dict)
{
	HeapTuple	tuple = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(dict));
	Datum		options;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search dictionary %u", dict);
	h = add_name(h, TSTEMPLATEOID, ((Form_pg_ts_dict) GETSTRUCT(tuple))->dicttemplate,
				 Anum_pg_ts_template_tmplname);
	options = SysCacheGetAttr(TSDICTOID, tuple, Anum_pg_ts_dict_dictinitoption, &isnull);
	if (!isnull)
	{
		char	   *string = TextDatumGetCString(options);

		h = add_string(h, string, (int) strlen(string));
	}
	ReleaseSysCache(tuple);
	return h;
}

/* The catalog's definition; never 0, which stands for one that is not known. */
static uint32
catalog_hash(Oid config)
{
	TSConfigCacheEntry *entry = lookup_ts_config_cache(config);
	uint64		h = add_name(0, TSPARSEROID, entry->prsId, Anum_pg_ts_parser_prsname);

	for (int token = 1; token < entry->lenmap; token++)
	{
		const ListDictionary *list = &entry->map[token];

		if (list->len > 0)
			h = hash_combine64(h, hash_bytes_uint32_extended((uint32) token, 0));
		for (int i = 0; i < list->len; i++)
			h = add_dictionary(h, list->dictIds[i]);
	}
	h ^= h >> 32;
	return (uint32) h != 0 ? (uint32) h : 1;
}

/*
 * Analyses the sample words with whatever dictionaries there are: these may raise. In
 * a memory context of its own.
 */
static PgrFingerprint
compute_fingerprint(const PgrAnalyzer *analyzer)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgretrieve fingerprint",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgrFingerprint value;

	value.sample = sample_hash(analyzer);
	value.catalog = catalog_hash(analyzer->config);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return value;
}

/*
 * Kept in a static array, one a configuration and setting of bigrams, until anything
 * of text search is altered; when it is full it starts over.
 */
PgrFingerprint
pgr_fingerprint(const PgrAnalyzer *analyzer)
{
	uint64		before = pgr_lex_changes();
	PgrFingerprint value;

	if (known_at != before)
		nknown = 0;
	known_at = before;
	for (int i = 0; i < nknown; i++)
	{
		if (known[i].config == analyzer->config && known[i].cjk == analyzer->cjk_bigram)
			return known[i].value;
	}
	value = compute_fingerprint(analyzer);
	/* what changed meanwhile may be in it or not */
	if (pgr_lex_changes() != before)
		return value;
	if (nknown == MAX_FINGERPRINTS)
		nknown = 0;
	known[nknown].config = analyzer->config;
	known[nknown].cjk = analyzer->cjk_bigram;
	known[nknown].value = value;
	nknown++;
	return value;
}
