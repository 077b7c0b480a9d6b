/*
 * inv_accumulate.c
 *		Documents collected in memory by term, then written as a segment: what
 *		index builds and sealing share.
 *
 * A hash table of terms; each term has a growing buffer of its postings in
 * document order: varint of the document's distance from the last one, the
 * weight as its kind has it (PgrInvKind.put), then occurrences as varint deltas
 * or field frequencies, as the shape says. Memory is therefore close to what the
 * segment will need, and the caller decides by pgr_acc_memory when to write.
 *
 * No locks, no pages: the segment's writer does all that. Interruptible once a term when
 * it is written; adding a document is bounded by the document.
 *
 * Memory: one context for the content, given back as a whole after each run; the
 * accumulator itself is in its creator's. Errors: 54000 for a term too frequent,
 * XX002 for a document that has a term twice, which only a damaged pending record can
 * seem to have; and what writing raises (53100 for a full disk). After an error the
 * creator's context goes, and the accumulator with it.
 *
 * Invariant: within a buffer document numbers ascend, because documents are added one
 * by one, each with all its terms. So a term's postings need no sort when they are
 * written.
 */
#include "postgres.h"

#include "base/varint.h"
#include "common/hashfn.h"
#include "inverted/inv_kind.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * A term's bytes and their hash, computed once. The bytes of an entry are in the
 * accumulator's context; those of a key that is looked up are the document's.
 */
typedef struct AccKey
{
	const char *bytes;
	uint32		len;
	uint32		hash;
} AccKey;

/*
 * A term's postings so far, encoded. Entries move when the table grows; buffers do
 * not. next_doc is 0 for a term without postings, so the first distance is the
 * document's number itself.
 */
typedef struct AccTerm
{
	AccKey		key;
	char		status;			/* of simplehash */
	uint32		largest;		/* of its weights */
	uint32		next_doc;		/* last document plus one */
	uint32		used;			/* bytes of buffer */
	uint32		size;
	uint8	   *buffer;
} AccTerm;

/* Of simplehash, where hashes are equal already. */
static inline bool
key_equal(AccKey a, AccKey b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

#define SH_PREFIX acctab
#define SH_ELEMENT_TYPE AccTerm
#define SH_KEY_TYPE AccKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) ((key).hash)
#define SH_EQUAL(tb, a, b) key_equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->key.hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef AccTerm *AccTermPtr;

#define ST_SORT sort_terms
#define ST_ELEMENT_TYPE AccTermPtr
#define ST_COMPARE(a, b) \
	pgr_lex_compare((*(a))->key.bytes, (*(a))->key.len, (*(b))->key.bytes, (*(b))->key.len)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Documents that make up one segment to be. Numbers of documents are their order of
 * arrival; NULL rows have none until the segment is written.
 */
struct PgrAccumulator
{
	PgrSegShape shape;
	const PgrInvKind *kind;
	MemoryContext context;		/* all that follows */
	acctab_hash *terms;
	uint32		ndocs;
	uint32		docs_size;
	PgrSegDoc  *docs;
	uint32		nnulls;
	uint32		nulls_size;
	ItemPointerData *nulls;
};

/*
 * Empties the accumulator. All memory goes back: a run's terms are not the next
 * one's, and most are rare.
 */
static void
acc_reset(PgrAccumulator *acc)
{
	MemoryContextReset(acc->context);
	acc->terms = acctab_create(acc->context, 4096, NULL);
	acc->ndocs = acc->docs_size = acc->nnulls = acc->nulls_size = 0;
	acc->docs = NULL;
	acc->nulls = NULL;
}

/*
 * An empty accumulator in the current memory context, with a context for its content
 * below it. shape is copied; kind is static.
 */
PgrAccumulator *
pgr_acc_create(const PgrSegShape *shape, const PgrInvKind *kind)
{
	PgrAccumulator *acc = palloc0(sizeof(PgrAccumulator));

	acc->shape = *shape;
	acc->kind = kind;
	acc->context = AllocSetContextCreate(CurrentMemoryContext, "pgretrieve accumulator",
										 ALLOCSET_DEFAULT_SIZES);
	acc_reset(acc);
	return acc;
}

/* Frees it with its content. Not needed where its creator's context goes. */
void
pgr_acc_free(PgrAccumulator *acc)
{
	MemoryContextDelete(acc->context);
	pfree(acc);
}

/*
 * Bytes of the content's context, as the server counts them: the hash table and huge
 * chunks included, and free room in blocks. Cheap enough for each document.
 */
Size
pgr_acc_memory(PgrAccumulator *acc)
{
	return MemoryContextMemAllocated(acc->context, true);
}

/*
 * Rows so far, NULL ones included, so that a caller knows whether there is anything
 * to write.
 */
uint32
pgr_acc_ndocs(PgrAccumulator *acc)
{
	return acc->ndocs + acc->nnulls;
}

/*
 * An array that has room for element n. Doubles it when it is full; the sizes are
 * checked for overflow and may be huge. Document numbers are 32 bits, and a run ends
 * long before by its memory.
 */
static void *
acc_room(PgrAccumulator *acc, void *array, uint32 n, uint32 *size, Size element)
{
	if (n < *size)
		return array;
	*size = Max(*size * 2, 256);
	if (array == NULL)
		return MemoryContextAllocHuge(acc->context, mul_size(*size, element));
	return repalloc_huge(array, mul_size(*size, element));
}

/*
 * Notes a document, its lengths rounded as segments have them beside the exact ones,
 * of which the segment keeps sums. Returns its number.
 */
static uint32
acc_add_doc(PgrAccumulator *acc, ItemPointer tid, const PgrLexDoc *doc)
{
	PgrSegDoc  *d;

	acc->docs = acc_room(acc, acc->docs, acc->ndocs, &acc->docs_size, sizeof(PgrSegDoc));
	d = &acc->docs[acc->ndocs];
	memset(d, 0, sizeof(*d));
	d->tid = *tid;
	d->length = doc->length;
	d->norm = pgr_norm_encode(doc->length);
	d->hash = doc->hash;
	for (int f = 0; f < acc->shape.nfields && acc->shape.nfields > 1; f++)
	{
		d->field_length[f] = doc->field_length[f];
		d->field_norm[f] = pgr_norm_encode(doc->field_length[f]);
	}
	return acc->ndocs++;
}

/*
 * The term's entry, made with a copy of its bytes if it is new, so that the document
 * can go. It moves when the table grows: valid until the next call.
 */
static AccTerm *
acc_find(PgrAccumulator *acc, const PgrLexTerm *t)
{
	AccKey		key;
	AccTerm    *term;
	bool		found;

	key.bytes = t->bytes;
	key.len = t->len;
	key.hash = hash_bytes((const unsigned char *) t->bytes, t->len);
	term = acctab_insert(acc->terms, key, &found);
	if (!found)
	{
		char	   *copy = MemoryContextAlloc(acc->context, Max(t->len, 1));

		memcpy(copy, t->bytes, t->len);
		term->key.bytes = copy;
		term->largest = 0;
		term->next_doc = 0;
		term->used = term->size = 0;
		term->buffer = NULL;
	}
	return term;
}

/*
 * Where a term's buffer has room for `need` bytes. It doubles, in the accumulator's
 * context, up to 4 GB, which `used` and `size` can count; beyond that 54000, which
 * only a word of billions of occurrences meets.
 */
static uint8 *
term_room(PgrAccumulator *acc, AccTerm *term, Size need)
{
	Size		size = term->size;

	if (term->used + need > size)
	{
		size = Max(size * 2, 16);
		while (size < term->used + need)
			size *= 2;
		if (size > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a term occurs too often to be indexed within maintenance_work_mem")));
		if (term->buffer == NULL)
			term->buffer = MemoryContextAllocHuge(acc->context, size);
		else
			term->buffer = repalloc_huge(term->buffer, size);
		term->size = size;
	}
	return term->buffer + term->used;
}

/*
 * Adds a posting as bytes to the term's buffer. Room is asked for as if each number
 * took the most bytes: the varints then need no checks. Raises XX002 for a term that a
 * document has twice.
 */
static void
acc_add_posting(PgrAccumulator *acc, uint32 docno, const PgrLexDoc *doc, const PgrLexTerm *t)
{
	AccTerm    *term = acc_find(acc, t);
	uint8	   *start,
			   *p;
	Size		need = 2 * PGR_VARINT32_MAX;

	if (acc->shape.positions)
		need += mul_size(t->tf, PGR_VARINT32_MAX);
	else if (acc->shape.nfields > 1)
		need += PGR_MAX_FIELDS * PGR_VARINT32_MAX;
	/* as a damaged pending record may make it seem */
	if (docno < term->next_doc)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("a document has the same term twice"),
				 errhint("Please REINDEX the index.")));
	start = p = term_room(acc, term, need);
	p = pgr_varint_put(p, docno - term->next_doc);
	term->next_doc = docno + 1;
	term->largest = Max(term->largest, t->tf);
	p = acc->kind->put(p, t->tf);
	if (acc->shape.positions)
	{
		uint32		last = 0;

		for (uint32 i = 0; i < t->tf; i++)
		{
			/* a tsvector may lack positions: then all are position 0 of field 0 */
			uint32		occ = t->occ ? t->occ[i] : 0;

			p = pgr_varint_put(p, occ - last);
			last = occ;
		}
	}
	else if (acc->shape.nfields > 1)
	{
		for (int f = 0; f < acc->shape.nfields; f++)
			p = pgr_varint_put(p, doc->field_tf[t->first_field_tf + f]);
	}
	term->used += p - start;
}

/*
 * Adds a row; doc NULL: a row without a document. NULL rows are numbered behind the
 * documents when all are there. Nothing of *doc is kept. An error leaves a document
 * that is half there: nobody goes on after one.
 */
void
pgr_acc_add(PgrAccumulator *acc, ItemPointer tid, const PgrLexDoc *doc)
{
	uint32		docno;

	if (doc == NULL)
	{
		acc->nulls = acc_room(acc, acc->nulls, acc->nnulls, &acc->nulls_size,
							  sizeof(ItemPointerData));
		acc->nulls[acc->nnulls++] = *tid;
		return;
	}
	docno = acc_add_doc(acc, tid, doc);
	for (int i = 0; i < doc->nterms; i++)
		acc_add_posting(acc, docno, doc, &doc->terms[i]);
}

/*
 * Decodes a term's buffer into the segment, front to back. The buffer is of this
 * process, so it is not checked as a page would be. weight becomes what segments
 * store (a tf, or an impact of eight bits by `scale`). *occ, with room for *occ_size
 * occurrences, grows as it must and is the caller's to free.
 */
static void
write_postings(PgrSegWriter *w, PgrAccumulator *acc, AccTerm *term, float scale,
			   uint32 **occ, uint32 *occ_size)
{
	const uint8 *p = term->buffer,
			   *end = term->buffer + term->used;
	uint32		doc = 0;

	while (p < end)
	{
		uint32		x = 0,
					weight = 0,
					nocc = 0;

		p = pgr_varint_get32(p, end, &x);
		doc += x;
		p = acc->kind->get(p, end, &weight);
		weight = acc->kind->stored(weight, scale);
		if (acc->shape.positions)
			nocc = weight;
		else if (acc->shape.nfields > 1)
			nocc = acc->shape.nfields;
		if (nocc > *occ_size)
		{
			*occ_size = nocc;
			*occ = repalloc_huge(*occ, mul_size(nocc, sizeof(uint32)));
		}
		for (uint32 i = 0; i < nocc; i++)
		{
			p = pgr_varint_get32(p, end, &x);
			(*occ)[i] = x + (acc->shape.positions && i > 0 ? (*occ)[i - 1] : 0);
		}
		pgr_seg_add_posting(w, doc++, weight, nocc > 0 ? *occ : NULL);
	}
}

/*
 * Writes the content as a segment with the given generation, to the index's pages or
 * to a temporary file (see pgr_seg_begin), and empties the accumulator. *desc, and
 * *map for a file, say where it is. Documents first, NULL rows, then terms by their
 * bytes, since the writer streams. Interruptible between terms. If it fails the
 * accumulator is as it was, but nobody goes on with it.
 */
void
pgr_acc_write(PgrAccumulator *acc, Relation index, uint32 generation,
			  PgrRunTarget target, BufFile *file, PgrSegDesc *desc, PgrRunMap **map)
{
	PgrSegWriter *w = pgr_seg_begin(index, generation, &acc->shape, target, file);
	uint32		n = acc->terms->members,
				i = 0,
				occ_size = 64;
	uint32	   *occ = palloc(occ_size * sizeof(uint32));
	AccTerm   **sorted = MemoryContextAllocHuge(acc->context,
												mul_size(Max(n, 1), sizeof(AccTerm *)));
	acctab_iterator it;
	AccTerm    *term;

	for (i = 0; i < acc->ndocs; i++)
		pgr_seg_add_doc(w, &acc->docs[i]);
	for (i = 0; i < acc->nnulls; i++)
		pgr_seg_add_null(w, &acc->nulls[i]);

	i = 0;
	acctab_start_iterate(acc->terms, &it);
	while ((term = acctab_iterate(acc->terms, &it)) != NULL)
		sorted[i++] = term;
	sort_terms(sorted, n);
	for (i = 0; i < n; i++)
	{
		float		scale = acc->kind->scale(sorted[i]->largest);

		CHECK_FOR_INTERRUPTS();
		pgr_seg_begin_term(w, sorted[i]->key.bytes, sorted[i]->key.len, scale);
		write_postings(w, acc, sorted[i], scale, &occ, &occ_size);
	}
	pgr_seg_finish(w, desc, map);
	pfree(occ);
	acc_reset(acc);
}
