/*
 * model.c
 *		Models of segments, made from seeds: adversarial sizes, terms with long
 *		common prefixes, heavy weights, clustered and dense documents.
 */
#include "postgres.h"

#include <math.h>

#include "segmod.h"

#define MAX_WEIGHT 3000			/* of segments with positions */

static uint64 state;

uint64
model_mix(uint64 z)
{
	z += UINT64CONST(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64CONST(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void
model_seed(uint64 seed)
{
	state = seed << 32;
}

uint64
model_random(void)
{
	return model_mix(state++);
}

uint32
model_below(uint32 n)
{
	return model_random() % n;
}

int
model_compare(const ModelTerm *a, const ModelTerm *b)
{
	int			cmp = memcmp(a->bytes, b->bytes, Min(a->len, b->len));

	return cmp != 0 ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

static int
compare_terms(const void *a, const void *b)
{
	return model_compare(a, b);
}

static int
compare_docs(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

static void
make_docs(Model *m, uint32 seed)
{
	m->docs = palloc0(sizeof(PgrSegDoc) * (m->ndocs + 1));
	m->nulls = palloc0(sizeof(ItemPointerData) * (m->nnulls + 1));
	m->dead = palloc0(m->ndocs + m->nnulls + 1);
	for (uint32 i = 0; i < m->ndocs + m->nnulls; i++)
	{
		PgrSegDoc  *d = &m->docs[i];

		if (i >= m->ndocs)
		{
			ItemPointerSet(&m->nulls[i - m->ndocs], seed * 100000 + i / 100, 1 + i % 100);
			continue;
		}
		ItemPointerSet(&d->tid, seed * 100000 + i / 100, 1 + i % 100);
		d->norm = m->shape.norms ? 20 + model_below(80) : 0;
		d->length = m->shape.norms ? model_below(5000) : 0;
		d->hash = model_random();
		for (int f = 0; f < m->shape.nfields && m->shape.norms; f++)
		{
			d->field_norm[f] = model_below(256);
			d->field_length[f] = model_below(3000);
		}
	}
}

/* Short words, binary strings with a common prefix, or up to 2047 bytes. */
static void
make_term(ModelTerm *t, bool long_terms)
{
	char		buf[PGR_MAX_TERM];
	uint32		kind = long_terms ? 19 : model_below(20);

	if (kind < 14)
	{
		t->len = 1 + model_below(10);
		for (uint32 i = 0; i < t->len; i++)
			buf[i] = 'a' + model_below(model_below(2) ? 4 : 26);
	}
	else
	{
		uint32		tail = 1 + model_below(8);

		t->len = kind < 18 ? 5 + model_below(30) : 1 + model_below(PGR_MAX_TERM - 1);
		memset(buf, 'p' + (kind == 19), t->len);
		for (uint32 i = t->len > tail ? t->len - tail : 0; i < t->len; i++)
			buf[i] = (char) model_below(256);
	}
	t->bytes = palloc(t->len);
	memcpy(t->bytes, buf, t->len);
	t->hash = t->len;
	for (uint32 i = 0; i < t->len; i++)
		t->hash = t->hash * 31 + (uint8) buf[i];
}

/* df documents, anywhere or close together; fewer where they coincide. */
static void
make_postings_docs(Model *m, ModelTerm *t, uint32 df)
{
	uint32		first = model_below(m->ndocs);
	bool		cluster = model_below(3) == 0;
	uint32		span = cluster ? Min(m->ndocs - first, df * 2 + 10) : m->ndocs;
	uint32		n = 0;

	t->docs = palloc(sizeof(uint32) * df);
	if (df == m->ndocs)
	{
		for (uint32 i = 0; i < df; i++)
			t->docs[i] = i;
		t->df = df;
		return;
	}
	for (uint32 i = 0; i < df; i++)
		t->docs[i] = (cluster ? first : 0) + model_below(span);
	qsort(t->docs, df, sizeof(uint32), compare_docs);
	for (uint32 i = 0; i < df; i++)
	{
		if (i == 0 || t->docs[i] != t->docs[n - 1])
			t->docs[n++] = t->docs[i];
	}
	t->df = n;
}

static void
make_postings(Model *m, ModelTerm *t, bool heavy)
{
	static const uint32 dfs[] = {1, 1, 1, 2, 3, 5, 8, 15, 16, 17, 40, 127, 128, 129, 255, 256, 257,
	1000, 4095, 4096, 4097, 4300};
	uint32		df = dfs[model_below(lengthof(dfs))];
	uint32		kind = model_below(4);
	uint32		limit = m->shape.positions ? MAX_WEIGHT : m->shape.norms ? 1000000 : 255;

	if (m->ndocs == 0)
		return;
	if (!heavy && df > 257)
		df = 1 + model_below(20);
	if (heavy && model_below(20) == 0)
		df = m->ndocs;
	make_postings_docs(m, t, Min(df, m->ndocs));
	t->weights = palloc(sizeof(uint32) * t->df);
	for (uint32 i = 0; i < t->df; i++)
	{
		t->weights[i] = kind == 0 ? 1 : 1 + model_below(kind == 1 ? 3 : 255);
		if (kind == 2)
			t->weights[i] = model_below(50) == 0 ? 1 + model_below(limit) : 1;
	}
	t->scale = m->shape.norms ? 0 : 1 + model_below(100) / 10.0f;
}

Model *
model_make(uint32 seed, const PgrSegShape *shape)
{
	static const uint32 sizes[] = {0, 1, 7, 300, 5000, 20000, 70000};
	Model	   *m = palloc0(sizeof(Model));
	int			nterms;
	int			n = 0;

	model_seed(seed);
	m->shape = *shape;
	m->ndocs = sizes[seed % lengthof(sizes)];
	m->nnulls = model_below(3) * model_below(30);
	nterms = seed % 11 == 0 ? 0 : 1 + model_below(1500);
	make_docs(m, seed);
	m->terms = palloc0(sizeof(ModelTerm) * (nterms + 1));
	for (int i = 0; i < nterms; i++)
		make_term(&m->terms[i], seed % 5 == 0);
	qsort(m->terms, nterms, sizeof(ModelTerm), compare_terms);
	for (int i = 0; i < nterms; i++)
	{
		if (i == 0 || model_compare(&m->terms[i], &m->terms[n - 1]) != 0)
			m->terms[n++] = m->terms[i];
	}
	m->nterms = n;
	for (int i = 0; i < n; i++)
		make_postings(m, &m->terms[i], i % 32 == 0);
	return m;
}

bool
model_condemns(ItemPointer tid, int percent)
{
	uint64		key = (uint64) ItemPointerGetBlockNumber(tid) << 16 | ItemPointerGetOffsetNumber(tid);

	return model_mix(key) % 100 < percent;
}

void
model_kill(Model *m, int percent)
{
	for (uint32 i = 0; i < m->ndocs + m->nnulls; i++)
		m->dead[i] |= model_condemns(i < m->ndocs ? &m->docs[i].tid : &m->nulls[i - m->ndocs],
									 percent);
}

static Model *
concat_rows(Model **models, int n, uint32 **number)
{
	Model	   *all = palloc0(sizeof(Model));
	uint32		ndocs = 0;
	uint32		nnulls = 0;

	for (int i = 0; i < n; i++)
	{
		ndocs += models[i]->ndocs;
		nnulls += models[i]->nnulls;
	}
	all->shape = models[0]->shape;
	all->docs = palloc(sizeof(PgrSegDoc) * (ndocs + 1));
	all->nulls = palloc(sizeof(ItemPointerData) * (nnulls + 1));
	all->dead = palloc0(ndocs + nnulls + 1);
	for (int i = 0; i < n; i++)
	{
		Model	   *m = models[i];

		number[i] = palloc(sizeof(uint32) * (m->ndocs + 1));
		for (uint32 d = 0; d < m->ndocs + m->nnulls; d++)
		{
			if (d < m->ndocs)
				number[i][d] = m->dead[d] ? PGR_NO_DOC : all->ndocs;
			if (m->dead[d])
				continue;
			if (d < m->ndocs)
				all->docs[all->ndocs++] = m->docs[d];
			else
				all->nulls[all->nnulls++] = m->nulls[d - m->ndocs];
		}
	}
	return all;
}

/* Appends the live postings of a term of a model, renumbered and rescaled. */
static void
concat_postings(ModelTerm *to, const ModelTerm *from, const uint32 *number)
{
	for (uint32 i = 0; i < from->df; i++)
	{
		uint32		weight = from->weights[i];

		if (number[from->docs[i]] == PGR_NO_DOC)
			continue;
		if (from->scale != to->scale)
			weight = Max((uint32) rint(weight * ((double) from->scale / to->scale)), 1);
		to->docs[to->df] = number[from->docs[i]];
		to->weights[to->df++] = weight;
	}
}

Model *
model_concat(Model **models, int n)
{
	uint32	  **number = palloc(sizeof(uint32 *) * n);
	int		   *next = palloc0(sizeof(int) * n);
	Model	   *all = concat_rows(models, n, number);
	int			nterms = 0;

	for (int i = 0; i < n; i++)
		nterms += models[i]->nterms;
	all->terms = palloc0(sizeof(ModelTerm) * (nterms + 1));
	for (;;)
	{
		ModelTerm  *first = NULL;
		ModelTerm  *t = &all->terms[all->nterms];
		uint32		df = 0;

		for (int i = 0; i < n; i++)
		{
			ModelTerm  *x = &models[i]->terms[next[i]];

			if (next[i] < models[i]->nterms && (first == NULL || model_compare(x, first) < 0))
				first = x;
		}
		if (first == NULL)
			return all;
		*t = *first;
		t->scale = 0;
		t->df = 0;
		for (int pass = 0; pass < 2; pass++)
		{
			for (int i = 0; i < n; i++)
			{
				ModelTerm  *x = &models[i]->terms[next[i]];

				if (next[i] == models[i]->nterms || model_compare(x, t) != 0)
					continue;
				if (pass == 0)
				{
					df += x->df;
					t->scale = Max(t->scale, x->scale);
				}
				else
				{
					concat_postings(t, x, number[i]);
					next[i]++;
				}
			}
			if (pass == 0)
			{
				t->docs = palloc(sizeof(uint32) * (df + 1));
				t->weights = palloc(sizeof(uint32) * (df + 1));
			}
		}
		all->nterms++;
	}
}

const uint32 *
model_fields(const Model *m, const ModelTerm *t, uint32 i)
{
	static uint32 f[PGR_MAX_FIELDS];
	uint64		h = model_mix(m->docs[t->docs[i]].hash ^ t->hash);
	uint32		left = t->weights[i];

	/* with positions they add up to the weight, otherwise they are anything */
	for (int n = 0; n < m->shape.nfields; n++)
	{
		uint32		x = model_mix(h + n) % 3 == 0 ? 0 : model_mix(h + n + 50) % (left + 1);

		f[n] = m->shape.positions && n == m->shape.nfields - 1 ? left : x;
		left -= m->shape.positions ? f[n] : 0;
	}
	return f;
}

const uint32 *
model_occurrences(const Model *m, const ModelTerm *t, uint32 i)
{
	static uint32 occ[MAX_WEIGHT];
	uint64		h = model_mix(m->docs[t->docs[i]].hash ^ t->hash);
	uint32		weight = t->weights[i];
	uint32		step = h % 5 == 0 ? 200 : 9;
	const uint32 *f = m->shape.nfields > 1 ? model_fields(m, t, i) : &weight;
	uint32		n = 0;

	for (int field = 0; field < Max(m->shape.nfields, 1); field++)
	{
		uint32		pos = 0;

		for (uint32 j = 0; j < f[field]; j++, n++)
		{
			pos += 1 + model_mix(h + 1000 + n) % step;
			occ[n] = (uint32) field << PGR_SEG_OCC_SHIFT | pos;
		}
	}
	return occ;
}
