/*
 * debug_point.c
 *		See debug_point.h.
 */
#include "postgres.h"

#include "base/debug_point.h"

#ifdef USE_ASSERT_CHECKING
#include <signal.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

/* the advisory lock that "wait" waits for, as pg_advisory_lock(1) takes it */
#define WAIT_KEY 1

static char *setting = NULL;
static int	passed;				/* times the point was reached since SET */

static void
assign_setting(const char *value, void *extra)
{
	passed = 0;
}

void
pgr_debug_point_init(void)
{
	DefineCustomStringVariable("pgretrieve.debug_point",
							   "Makes a backend wait, fail or die at a point of its code.",
							   "name:action[:n], see base/debug_point.h.",
							   &setting, "", PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, assign_setting,
							   NULL);
}

static void
wait_for_lock(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, WAIT_KEY, 1);
	(void) LockAcquire(&tag, ShareLock, false, false);
	LockRelease(&tag, ShareLock, false);
}

void
pgr_debug_point(const char *name)
{
	Size		length = strlen(name);
	const char *action;
	const char *times;

	if (setting == NULL || strncmp(setting, name, length) != 0 || setting[length] != ':')
		return;
	action = setting + length + 1;
	times = strchr(action, ':');
	passed++;
	if (times != NULL && passed != atoi(times + 1))
		return;
	if (strncmp(action, "wait", 4) == 0)
		wait_for_lock();
	else if (strncmp(action, "error", 5) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg_internal("debug point %s", name)));
	else if (strncmp(action, "crash", 5) == 0)
	{
		if (XactLastRecEnd != InvalidXLogRecPtr)
			XLogFlush(XactLastRecEnd);
		kill(MyProcPid, SIGKILL);
	}
}
#endif
