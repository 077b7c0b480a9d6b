/*
 * segmod.h
 *		A segment as a model in memory, made from a seed, to compare real ones
 *		with.
 */
#ifndef SEGMOD_H
#define SEGMOD_H

#include "postgres.h"

#include "segment/segment.h"

typedef struct ModelTerm
{
	char	   *bytes;
	uint32		len;
	uint32		df;
	uint32	   *docs;
	uint32	   *weights;
	float		scale;
	uint64		hash;			/* occurrences depend on it and on the document */
} ModelTerm;

typedef struct Model
{
	PgrSegShape shape;
	uint32		ndocs;
	uint32		nnulls;
	PgrSegDoc  *docs;
	ItemPointerData *nulls;
	bool	   *dead;			/* [ndocs + nnulls] */
	int			nterms;
	ModelTerm  *terms;			/* ascending */
} Model;

/* Raises unless the condition holds. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
			elog(ERROR, "%s:%d: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* --- model.c --- */

/* splitmix64, seeded by model_seed */
extern void model_seed(uint64 seed);
extern uint64 model_random(void);
extern uint32 model_below(uint32 n);
extern uint64 model_mix(uint64 x);

extern int	model_compare(const ModelTerm *a, const ModelTerm *b);

/* Sizes and kinds follow from the seed; tids of different seeds differ. */
extern Model *model_make(uint32 seed, const PgrSegShape *shape);

/* Is the row one of the percent that are dead? A function of its tid. */
extern bool model_condemns(ItemPointer tid, int percent);
extern void model_kill(Model *m, int percent);

/* What a merge must give. */
extern Model *model_concat(Model **models, int n);

/*
 * Frequencies by field and occurrences of a posting, as pgr_seg_add_posting
 * wants them. The arrays are static.
 */
extern const uint32 *model_occurrences(const Model *m, const ModelTerm *t, uint32 i);
extern const uint32 *model_fields(const Model *m, const ModelTerm *t, uint32 i);

/* --- compare.c --- */
extern void model_check(PgrSegment *seg, const Model *m);

#endif							/* SEGMOD_H */
