/*
 * judged.h
 *		The state of the metric aggregates: one topic's retrieved and judged
 *		documents, and its ranking in trec_eval's order.
 */
#ifndef PGR_JUDGED_H
#define PGR_JUDGED_H

#include "postgres.h"

#include "base/compat.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

/* one (doc, score, grade) row */
typedef struct PgrJudgedDoc
{
	double		score;			/* if retrieved */
	int32		grade;			/* if graded */
	bool		retrieved;		/* the run has it: score was not NULL */
	bool		graded;			/* the qrels have it: grade was not NULL */
	int			name;			/* offset of its name in names */
	int			name_len;
} PgrJudgedDoc;

typedef struct PgrJudgedList
{
	MemoryContext context;		/* of docs and names */
	bool		has_k;			/* k was given and not NULL */
	int32		k;				/* cutoff, the same in every row */
	int			count;
	int			capacity;
	PgrJudgedDoc *docs;
	StringInfoData names;		/* all names, end to end */
} PgrJudgedList;

#define PGR_NOT_JUDGED (-1)

/*
 * A topic's ranking: score descending, equal scores by document name descending
 * (bytes), as trec_eval orders them whatever rank the run states.
 */
typedef struct PgrRanking
{
	int			retrieved;		/* length of grades */
	int32	   *grades;			/* by rank from 0; PGR_NOT_JUDGED if unjudged */
	int			judged;			/* documents with a grade, retrieved or not */
	int32	   *ideal;			/* their grades, descending; negative ones last */
	int			relevant;		/* of them, those with a grade of 1 or more */
} PgrRanking;

/*
 * The ranking of a list in the current memory context; the list is not changed.
 * Raises 21000 if a document appears twice in the run or in the qrels.
 */
extern void pgr_judged_rank(const PgrJudgedList *list, PgrRanking *ranking);

#endif							/* PGR_JUDGED_H */
