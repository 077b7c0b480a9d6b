/*
 * inv_kind.c
 *		Which access method an index is of, and the ways of reading a column that go
 *		through its row.
 */
#include "postgres.h"

#include "inverted/inv_kind.h"

#define MAX_KINDS 2

static const PgrInvKind *kinds[MAX_KINDS];
static int	nkinds = 0;

/* Called twice at start-up, never later. */
void
pgr_inv_kind_register(const PgrInvKind *kind)
{
	Assert(nkinds < MAX_KINDS);
	kinds[nkinds++] = kind;
}

/* By the options function, which an access method's handler has from its row. */
const PgrInvKind *
pgr_inv_kind(Relation index)
{
	for (int i = 0; i < nkinds; i++)
	{
		if (index->rd_indam != NULL && index->rd_indam->amoptions == kinds[i]->options)
			return kinds[i];
	}
	return NULL;
}

/* Of the metapage in hand: builds and inserts, which have just copied it. */
void
pgr_content_source(Relation index, const PgrInvMeta *meta, PgrContentSource *src)
{
	meta->kind->source(index, meta, true, src);
}

/* Scans and statistics, which run often, go by the relation's cache. */
void
pgr_content_of(Relation index, PgrContentSource *src)
{
	pgr_inv_kind(index)->source(index, NULL, true, src);
}

/* For whoever has another plan if the configuration has changed. */
bool
pgr_content_try(Relation index, PgrContentSource *src)
{
	return pgr_inv_kind(index)->source(index, NULL, false, src);
}

/* palloc'd. */
char *
pgr_content_changed(Relation index, const PgrInvMeta *meta)
{
	return meta->kind->changed(index, meta);
}

/* One indirect call a document. */
void
pgr_content_document(const PgrContentSource *src, Datum value, PgrLexDoc *doc)
{
	src->kind->document(src, value, doc);
}
