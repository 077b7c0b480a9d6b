/*
 * bm25_content.c
 *		From the value of an indexed column to a document: terms with their
 *		frequencies and occurrences.
 *
 * An index stores the qualified name of its text search configuration, never
 * its OID (pg_upgrade keeps index files and changes OIDs), and fingerprints of
 * what the configuration was when the index was built (bm25_fingerprint.c). A
 * configuration that is gone or is another one now would silently miss
 * documents, so it is an error. One that got another name is found again by
 * pg_depend.
 *
 * Locks: the share lock of the metapage while it is copied; those of the system caches.
 * Memory: documents are in the current memory context; what the relation's cache entry
 * keeps is in rd_indexcxt.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "inverted/bm25_content.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* The column's type as a PgrContentType; raises for a type that is none. */
static PgrContentType
content_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return PGR_CONTENT_TEXT;
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
		case BPCHARARRAYOID:
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

/* The type of the index's one column. */
static Oid
column_type(Relation index)
{
	return getBaseType(TupleDescAttr(RelationGetDescr(index), 0)->atttypid);
}

/* Enters content, cjk_bigram and nfields; of a partitioned index too. */
static void
enter_column(Relation index, PgrInvMeta *meta)
{
	Oid			type = index->rd_opcintype[0];

	if (!OidIsValid(type) || IsPolymorphicType(type))
		type = column_type(index);
	meta->content = content_type(type);
	meta->cjk_bigram = pgr_inv_options(index)->cjk;
	meta->nfields = pgr_inv_nfields(index, meta->content);
}

/* Enters the configuration: qualified quoted name and fingerprints. */
static void
enter_config(Relation index, PgrInvMeta *meta)
{
	PgrAnalyzer analyzer = {.cjk_bigram = meta->cjk_bigram, .nfields = meta->nfields};
	PgrFingerprint print;
	char	   *name;

	/* of a tsvector only queries have words; no more than pg_depend is kept of it */
	if (meta->content == PGR_CONTENT_TSVECTOR)
		return;
	analyzer.config = pgr_config_of_documents(index);
	name = pgr_config_name(analyzer.config);
	if (strlen(name) >= PGR_INV_CONFIG_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of text search configuration is too long: %s", name)));
	strlcpy(meta->config, name, PGR_INV_CONFIG_LEN);
	print = pgr_fingerprint(&analyzer);
	meta->fingerprint = print.sample;
	meta->catalog_print = print.catalog;
}

/* Hashes let operators reuse scores; a tsvector is analysed already, so it has none. */
void
pgr_bm25_describe(Relation index, PgrInvMeta *meta)
{
	enter_column(index, meta);
	meta->hashes = meta->content != PGR_CONTENT_TSVECTOR;
	meta->positions = pgr_inv_options(index)->positions;
	enter_config(index, meta);
}

/* By the name just entered: what the index is read by is what pg_depend records. */
Oid
pgr_bm25_depends(Relation index, const PgrInvMeta *meta)
{
	return meta->content == PGR_CONTENT_TSVECTOR ? pgr_config_of_words(index) :
		pgr_config_by_name(meta->config);
}

/* --- is the configuration what it was? --- */

/* All of the metapage that tells which configuration the index was built with. */
typedef struct Built
{
	PgrFingerprint print;
	char		config[PGR_INV_CONFIG_LEN];
} Built;

/* A copy: the metapage's copy may be gone when it is compared. */
static Built
built_with(const PgrInvMeta *meta)
{
	Built		built;

	built.print.sample = meta->fingerprint;
	built.print.catalog = meta->catalog_print;
	strlcpy(built.config, meta->config, PGR_INV_CONFIG_LEN);
	return built;
}

typedef enum ConfigState
{
	CONFIG_SAME,
	CONFIG_GONE,
	CONFIG_ALTERED,				/* its definition in the catalog */
	CONFIG_WORDS_DIFFER			/* what it makes of the sample */
} ConfigState;

/*
 * The definition first, which needs the catalog alone; then what it makes of the
 * sample words. Both are kept in the backend (bm25_fingerprint.c), so this costs
 * little where nothing has changed.
 */
static ConfigState
compare_config(const PgrAnalyzer *analyzer, const Built *built)
{
	PgrFingerprint now;

	if (!OidIsValid(analyzer->config))
		return CONFIG_GONE;
	now = pgr_fingerprint(analyzer);
	/* an index of an older version has no fingerprint of the catalog */
	if (built->print.catalog != 0 && now.catalog != built->print.catalog)
		return CONFIG_ALTERED;
	return now.sample == built->print.sample ? CONFIG_SAME : CONFIG_WORDS_DIFFER;
}

/*
 * Finds the configuration by its name, or by what pg_depend records if that name
 * is gone or another one's. Sets analyzer->config to it, if there is any.
 */
static ConfigState
find_config(Oid index, const Built *built, PgrAnalyzer *analyzer)
{
	PgrAnalyzer recorded = *analyzer;
	ConfigState state;

	analyzer->config = pgr_config_by_name(built->config);
	state = compare_config(analyzer, built);
	if (state == CONFIG_SAME)
		return state;
	recorded.config = pgr_config_recorded(index);
	if (OidIsValid(recorded.config) && recorded.config != analyzer->config)
	{
		ConfigState other = compare_config(&recorded, built);

		if (other == CONFIG_SAME || state == CONFIG_GONE)
		{
			*analyzer = recorded;
			return other;
		}
	}
	return state;
}

/* For messages: in which way the configuration is another one. */
static const char *
state_detail(ConfigState state)
{
	return state == CONFIG_ALTERED ?
		"Its parser, mappings or dictionaries have been altered." :
		"Its words no longer are those that the index holds.";
}

/*
 * Raises 55000 unless the state is CONFIG_SAME; `config` is its name as the metapage
 * has it.
 */
static void
report_state(Relation index, ConfigState state, const PgrAnalyzer *analyzer, const char *config)
{
	if (state == CONFIG_GONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("text search configuration %s of index \"%s\" does not exist",
						config, RelationGetRelationName(index)),
				 errhint("Set the index's option \"config\" and REINDEX it.")));
	if (state != CONFIG_SAME)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("text search configuration %s has changed since index \"%s\" was built",
						pgr_config_name(analyzer->config), RelationGetRelationName(index)),
				 errdetail("%s", state_detail(state)),
				 errhint("Please REINDEX it.")));
}

/* Are documents made by a configuration? A tsvector's have been made already. */
static bool
has_config(const PgrContentSource *src)
{
	return src->type != PGR_CONTENT_TSVECTOR;
}

/* What a metapage says of documents, without the configuration's OID. */
static void
init_source(const PgrInvMeta *meta, PgrContentSource *src)
{
	memset(src, 0, sizeof(*src));
	src->kind = &pgr_bm25_kind;
	src->type = meta->content;
	src->analyzer.cjk_bigram = meta->cjk_bigram;
	src->analyzer.nfields = meta->nfields;
}

/*
 * The source as a metapage has it; of use only if the state is CONFIG_SAME. Of a
 * tsvector the analyzer's configuration stays InvalidOid: documents need none.
 */
static ConfigState
read_source(Relation index, const PgrInvMeta *meta, PgrContentSource *src)
{
	Built		built = built_with(meta);

	init_source(meta, src);
	return has_config(src) ? find_config(RelationGetRelid(index), &built, &src->analyzer) :
		CONFIG_SAME;
}

/* For the checker: in words, palloc'd, and without an error. */
char *
pgr_bm25_changed(Relation index, const PgrInvMeta *meta)
{
	PgrContentSource src;
	ConfigState state = read_source(index, meta, &src);

	if (state == CONFIG_SAME)
		return NULL;
	if (state == CONFIG_GONE)
		return psprintf("text search configuration %s does not exist", meta->config);
	return psprintf("text search configuration %s has changed since the index was built: %s",
					pgr_config_name(src.analyzer.config), state_detail(state));
}

/* --- how an index reads its column --- */

/* What rd_amcache holds: nothing of it changes but with a new file of the index. */
typedef struct CachedSource
{
	PgrContentSource source;
	Built		built;
} CachedSource;

/* A partitioned index has no metapage; it says what its partitions are made with. */
static void
partitioned_source(Relation index, PgrContentSource *src)
{
	PgrInvMeta *meta = palloc0(sizeof(PgrInvMeta));

	enter_column(index, meta);
	init_source(meta, src);
	src->analyzer.config = has_config(src) ? pgr_config_of_documents(index) :
		pgr_config_of_words(index);
	pfree(meta);
}

/*
 * The same from the relation's cache entry, which is made at the first call: allocated
 * in rd_indexcxt, so it goes with the entry, and only of a state that is CONFIG_SAME.
 * A configuration that has been altered since, or renamed, shows at each call. *built
 * is what the index was built with.
 */
static ConfigState
source_of(Relation index, PgrContentSource *src, Built *built)
{
	CachedSource *cache = index->rd_amcache;
	ConfigState state;

	if (cache == NULL)
	{
		PgrInvMeta *meta = palloc(sizeof(PgrInvMeta));

		pgr_inv_meta_copy(index, meta);
		state = read_source(index, meta, src);
		*built = built_with(meta);
		pfree(meta);
		if (!has_config(src))
			src->analyzer.config = pgr_config_of_words(index);
		if (state != CONFIG_SAME)
			return state;
		cache = MemoryContextAlloc(index->rd_indexcxt, sizeof(CachedSource));
		cache->source = *src;
		cache->built = *built;
		index->rd_amcache = cache;
		return state;
	}
	*src = cache->source;
	*built = cache->built;
	if (!has_config(src))
		return CONFIG_SAME;
	state = compare_config(&src->analyzer, built);
	if (state != CONFIG_SAME)
		state = find_config(RelationGetRelid(index), built, &src->analyzer);
	return state;
}

/* A partitioned index has no metapage and so nothing that could have changed. */
bool
pgr_bm25_source(Relation index, const PgrInvMeta *meta, bool raise, PgrContentSource *src)
{
	ConfigState state;
	Built		built;

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
	{
		partitioned_source(index, src);
		return true;
	}
	if (meta)
	{
		built = built_with(meta);
		state = read_source(index, meta, src);
	}
	else
		state = source_of(index, src, &built);
	if (raise)
		report_state(index, state, &src->analyzer, built.config);
	return state == CONFIG_SAME;
}

/*
 * Configurations are compared as they are found now, by OID: two names of one
 * configuration are the same.
 */
bool
pgr_content_same(Relation a, Relation b)
{
	PgrContentSource x,
				y;

	if (!pgr_content_try(a, &x) || !pgr_content_try(b, &y) ||
		x.kind != y.kind || x.type != y.type)
		return false;
	/* lexemes are lexemes, whatever made them */
	return x.type == PGR_CONTENT_TSVECTOR ||
		(x.analyzer.config == y.analyzer.config &&
		 x.analyzer.cjk_bigram == y.analyzer.cjk_bigram &&
		 x.analyzer.nfields == y.analyzer.nfields);
}

/* In the current memory context; the words do not refer to `value`. */
void
pgr_bm25_document(const PgrContentSource *src, Datum value, PgrLexDoc *doc)
{
	pgr_lex_document(&src->analyzer, src->type, value, doc);
}
