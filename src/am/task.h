/*
 * task.h
 *		Numbered tasks that the participants of a parallel build do together.
 *
 * Everybody does task 0 first. Then the leader works alone and chooses the next task, which
 * all do; so on, to PGR_TASK_END. A participant waits at a barrier before and after
 * each task: in its even phases all work, in odd ones the leader alone. A worker may come late,
 * to any phase, or never.
 *
 *	leader	pgr_tasks_init, pgr_tasks_lead; launch the workers; pgr_tasks_first; pgr_tasks_run
 *			for each task, PGR_TASK_END as the last; pgr_tasks_leave
 *	worker	pgr_tasks_join, pgr_tasks_work, which returns after PGR_TASK_END; pgr_tasks_leave
 *
 * An error in one participant ends the others where they wait: the leader's ends the workers,
 * and a worker's is raised in the leader by CHECK_FOR_INTERRUPTS while it waits.
 */
#ifndef PGR_TASK_H
#define PGR_TASK_H

#include "postgres.h"

#include "port/atomics.h"
#include "storage/barrier.h"

#define PGR_TASK_FIRST 0
#define PGR_TASK_END (-1)

/* In memory that all participants share; of a build alone in its own. */
typedef struct PgrTasks
{
	Barrier		barrier;		/* with workers only */
	bool		alone;
	int			task;
	pg_atomic_uint64 taken;		/* for the task: how much of it participants have taken */
} PgrTasks;

/* A participant's part of a task. May raise. */
typedef void (*PgrTaskFn) (int task, void *arg);

/* Before others see it. alone: there are no workers, and nobody is waited for. */
extern void pgr_tasks_init(PgrTasks *t, bool alone);

/* Leader: takes part from now on. Before workers are launched. */
extern void pgr_tasks_lead(PgrTasks *t);

/* Leader, or alone: does its part of task 0, and waits for the others. */
extern void pgr_tasks_first(PgrTasks *t, PgrTaskFn fn, void *arg);

/* Leader, or alone, after the task before it: does a task with all participants. */
extern void pgr_tasks_run(PgrTasks *t, int task, PgrTaskFn fn, void *arg);

/* Worker: takes part from now on. False if task 0 is over. */
extern bool pgr_tasks_join(PgrTasks *t);

/* Worker: does its part of all tasks that are left. */
extern void pgr_tasks_work(PgrTasks *t, PgrTaskFn fn, void *arg);

/* Leader and workers, at the end. */
extern void pgr_tasks_leave(PgrTasks *t);

#endif							/* PGR_TASK_H */
