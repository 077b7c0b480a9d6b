/*
 * task.c
 *		Numbered tasks that the participants of a parallel build do together.
 */
#include "postgres.h"

#include "am/task.h"
#include "pgstat.h"

void
pgr_tasks_init(PgrTasks *t, bool alone)
{
	BarrierInit(&t->barrier, 0);
	pg_atomic_init_u64(&t->taken, 0);
	t->alone = alone;
	t->task = PGR_TASK_FIRST;
}

void
pgr_tasks_lead(PgrTasks *t)
{
	BarrierAttach(&t->barrier);
}

/* Waits for all participants. */
static void
arrive(PgrTasks *t)
{
	if (!t->alone)
		BarrierArriveAndWait(&t->barrier, PG_WAIT_EXTENSION);
}

void
pgr_tasks_first(PgrTasks *t, PgrTaskFn fn, void *arg)
{
	fn(PGR_TASK_FIRST, arg);
	arrive(t);
}

void
pgr_tasks_run(PgrTasks *t, int task, PgrTaskFn fn, void *arg)
{
	t->task = task;
	pg_atomic_write_u64(&t->taken, 0);
	arrive(t);
	if (task != PGR_TASK_END)
		fn(task, arg);
	arrive(t);
}

bool
pgr_tasks_join(PgrTasks *t)
{
	return BarrierAttach(&t->barrier) == 0;
}

void
pgr_tasks_work(PgrTasks *t, PgrTaskFn fn, void *arg)
{
	for (;;)
	{
		bool		together = BarrierPhase(&t->barrier) % 2 == 0;

		if (together && t->task == PGR_TASK_END)
			return;
		if (together)
			fn(t->task, arg);
		arrive(t);
	}
}

void
pgr_tasks_leave(PgrTasks *t)
{
	if (!t->alone)
		BarrierDetach(&t->barrier);
}
