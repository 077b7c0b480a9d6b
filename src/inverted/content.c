/*
 * content.c
 *		From the value of an indexed column to a document: terms with their
 *		frequencies and occurrences.
 *
 * An index stores the qualified name of its text search configuration, never
 * its OID (pg_upgrade keeps index files and changes OIDs), and a fingerprint of
 * what the configuration made of sample words when the index was built. A
 * configuration that is gone or does something else now would silently miss
 * documents, so it is an error. Checked once per backend and configuration, and
 * again whenever the catalogs of text search change.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "inverted/inverted.h"
#include "tsearch/ts_cache.h"
#include "types/sparse.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Words that tell stemmers, stop lists and token types apart. */
static const char sample_text[] =
"The running databases of PostgreSQL's authors and their studies were easily found "
"les nationales cheveux die H\303\244user aufeinander los corriendo \320\272\320\275\320\270\320\263\320\270 "
"state-of-the-art foo_bar 123.45 -7 http://example.com/a/b?c=1 user@example.com /usr/share x86-64";

typedef struct Fingerprint
{
	Oid			config;
	bool		cjk;
	uint64		value;
} Fingerprint;

#define MAX_FINGERPRINTS 32
static Fingerprint fingerprints[MAX_FINGERPRINTS];
static int	nfingerprints = 0;

static void
forget_fingerprints(Datum arg, int cacheid, uint32 hashvalue)
{
	nfingerprints = 0;
}

void
pgr_content_init(void)
{
	CacheRegisterSyscacheCallback(TSCONFIGOID, forget_fingerprints, 0);
	CacheRegisterSyscacheCallback(TSCONFIGMAP, forget_fingerprints, 0);
	CacheRegisterSyscacheCallback(TSDICTOID, forget_fingerprints, 0);
	CacheRegisterSyscacheCallback(TSPARSEROID, forget_fingerprints, 0);
}

static uint64
compute_fingerprint(const PgrAnalyzer *analyzer)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgretrieve fingerprint",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
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
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return h;
}

static uint64
fingerprint_of(const PgrAnalyzer *analyzer)
{
	uint64		value;

	for (int i = 0; i < nfingerprints; i++)
	{
		if (fingerprints[i].config == analyzer->config &&
			fingerprints[i].cjk == analyzer->cjk_bigram)
			return fingerprints[i].value;
	}
	value = compute_fingerprint(analyzer);
	if (nfingerprints == MAX_FINGERPRINTS)
		nfingerprints = 0;
	fingerprints[nfingerprints].config = analyzer->config;
	fingerprints[nfingerprints].cjk = analyzer->cjk_bigram;
	fingerprints[nfingerprints].value = value;
	nfingerprints++;
	return value;
}

/* "schema"."name" of a configuration */
static char *
config_name(Oid config)
{
	HeapTuple	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	Form_pg_ts_config form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search configuration %u", config);
	form = (Form_pg_ts_config) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->cfgnamespace),
									  NameStr(form->cfgname));
	ReleaseSysCache(tuple);
	return name;
}

/*
 * The configuration that an option names. A bare name is looked for in pg_catalog
 * only: dumps are restored, indexes rebuilt and, from PostgreSQL 17 on, created
 * without the user's search_path, and an index must not depend on who does it.
 */
static Oid
named_config(const char *given)
{
	List	   *names = pgr_name_list(given);
	const char *name = strVal(llast(names));
	Oid			config;
	CatCList   *others;
	char	   *other = NULL;

	config = list_length(names) > 1 ? get_ts_config_oid(names, true)
		: GetSysCacheOid2(TSCONFIGNAMENSP, Anum_pg_ts_config_oid,
						  CStringGetDatum(name), ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
	if (OidIsValid(config))
		return config;
	others = SearchSysCacheList1(TSCONFIGNAMENSP, CStringGetDatum(name));
	if (others->n_members > 0)
		other = config_name(((Form_pg_ts_config) GETSTRUCT(&others->members[0]->tuple))->oid);
	ReleaseSysCacheList(others);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("text search configuration \"%s\" does not exist", given),
			 other ? errhint("Name its schema too, since indexes are built without your search_path: config = '%s'.", other) : 0));
	return InvalidOid;
}

void
pgr_content_config(Relation index, PgrInvMeta *meta)
{
	const PgrInvOptions *options = pgr_inv_options(index);
	const char *given = pgr_inv_string_option(options, options->config_offset);
	PgrAnalyzer analyzer;
	char	   *name;

	if (meta->content == PGR_CONTENT_TSVECTOR)
	{
		if (given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"config\" has no meaning for a tsvector column"),
					 errdetail("Its words were made by to_tsvector.")));
		return;
	}
	analyzer.config = given ? named_config(given)
		: getTSCurrentConfig(true);
	analyzer.cjk_bigram = meta->cjk_bigram;
	analyzer.nfields = meta->nfields;
	name = config_name(analyzer.config);
	if (strlen(name) >= PGR_INV_CONFIG_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of text search configuration is too long: %s", name)));
	strlcpy(meta->config, name, PGR_INV_CONFIG_LEN);
	meta->fingerprint = fingerprint_of(&analyzer);
}

PgrContentType
pgr_content_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return PGR_CONTENT_TEXT;
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			return PGR_CONTENT_TEXT_ARRAY;
		case TSVECTOROID:
			return PGR_CONTENT_TSVECTOR;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("access method bm25 does not support type %s", format_type_be(type)),
			 errhint("Use text, text[] or tsvector.")));
	return PGR_CONTENT_TEXT;
}

/* Does the configuration give the words that the index holds? */
static void
check_unchanged(Relation index, const PgrAnalyzer *analyzer, uint64 fingerprint)
{
	if (fingerprint_of(analyzer) != fingerprint)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("text search configuration %s has changed since index \"%s\" was built",
						config_name(analyzer->config), RelationGetRelationName(index)),
				 errdetail("Its words no longer are those that the index holds."),
				 errhint("Please REINDEX it.")));
}

void
pgr_content_source(Relation index, const PgrInvMeta *meta, PgrContentSource *src)
{
	memset(src, 0, sizeof(*src));
	src->sparse = meta->sparse;
	src->type = meta->content;
	src->analyzer.cjk_bigram = meta->cjk_bigram;
	src->analyzer.nfields = meta->nfields;
	if (meta->sparse || meta->content == PGR_CONTENT_TSVECTOR)
		return;

	src->analyzer.config = get_ts_config_oid(pgr_name_list(meta->config), true);
	if (!OidIsValid(src->analyzer.config))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("text search configuration %s of index \"%s\" does not exist",
						meta->config, RelationGetRelationName(index)),
				 errhint("Set the index's option \"config\" and REINDEX it.")));
	check_unchanged(index, &src->analyzer, meta->fingerprint);
}

/* What rd_amcache holds: nothing of it changes but with a new file of the index. */
typedef struct CachedSource
{
	PgrContentSource source;
	uint64		fingerprint;
} CachedSource;

void
pgr_content_of(Relation index, PgrContentSource *src)
{
	CachedSource *cache = index->rd_amcache;

	if (cache == NULL)
	{
		PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));

		pgr_inv_meta_copy(index, meta);
		pgr_content_source(index, meta, src);
		cache = MemoryContextAlloc(index->rd_indexcxt, sizeof(CachedSource));
		cache->source = *src;
		cache->fingerprint = meta->fingerprint;
		index->rd_amcache = cache;
		pfree(meta);
		return;
	}
	*src = cache->source;
	if (OidIsValid(src->analyzer.config))
		check_unchanged(index, &src->analyzer, cache->fingerprint);
}

static void
sparse_document(Datum value, PgrLexDoc *doc)
{
	PgrSparse  *v = (PgrSparse *) PG_DETOAST_DATUM(value);
	const float *x = PGR_SPARSE_VALUES(v);
	char	   *keys = palloc(Max(v->nnz, 1) * PGR_SPARSE_KEY);

	memset(doc, 0, sizeof(*doc));
	doc->terms = palloc0(Max(v->nnz, 1) * sizeof(PgrLexTerm));
	for (int i = 0; i < v->nnz; i++)
	{
		PgrLexTerm *t = &doc->terms[doc->nterms];
		float		magnitude = fabsf(x[i]);

		if (magnitude == 0)
			continue;
		t->bytes = keys + doc->nterms++ * PGR_SPARSE_KEY;
		t->len = PGR_SPARSE_KEY;
		pgr_sparse_key(v->indices[i], x[i] < 0, (char *) t->bytes);
		memcpy(&t->tf, &magnitude, sizeof(float));
	}
}

void
pgr_content_document(const PgrContentSource *src, Datum value, PgrLexDoc *doc)
{
	if (src->sparse)
		sparse_document(value, doc);
	else
		pgr_lex_document(&src->analyzer, src->type, value, doc);
}
