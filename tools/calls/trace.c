/*
 * trace.c: which function called which, in a library built with
 * -finstrument-functions. Linked into it by tools/count_calls; itself built
 * without that option.
 *
 * Addresses are kept relative to the library's beginning. The caller is told by
 * the address that the call returns to, so that a function that PostgreSQL calls
 * back has no caller of ours. An always_inline function returns to where the one
 * around it returns to; its caller is that one.
 */
#define _GNU_SOURCE				/* dladdr */
#include "postgres.h"

#include <dlfcn.h>

#include "fmgr.h"
#include "utils/builtins.h"

#define SLOTS (1 << 18)
#define DEPTH 256

extern void __cyg_profile_func_enter(void *function, void *site);
extern void __cyg_profile_func_exit(void *function, void *site);

typedef struct Call
{
	uint32		function;
	uint32		caller;			/* an address in it; 0: not in the library */
} Call;

typedef struct Frame
{
	uint32		function;
	void	   *site;
} Frame;

static Call calls[SLOTS];
static Frame frames[DEPTH];		/* of functions that have not returned */
static int	depth;
static bool tracing;
static char *library;

PG_FUNCTION_INFO_V1(pgr_trace_start);
PG_FUNCTION_INFO_V1(pgr_trace_write);

static uint32
offset_of(void *address)
{
	Dl_info		info;

	if (dladdr(address, &info) == 0 || (char *) info.dli_fbase != library)
		return 0;
	return (uint32) ((char *) address - library);
}

void
__cyg_profile_func_enter(void *function, void *site)
{
	Call		call;
	uint32		slot;

	if (!tracing || depth >= DEPTH)
		return;
	call.function = offset_of(function);
	call.caller = depth > 0 && frames[depth - 1].site == site ?
		frames[depth - 1].function : offset_of(site);
	frames[depth].function = call.function;
	frames[depth++].site = site;
	for (slot = (call.function * 31 + call.caller) % SLOTS; calls[slot].function != 0;
		 slot = (slot + 1) % SLOTS)
	{
		if (calls[slot].function == call.function && calls[slot].caller == call.caller)
			return;
	}
	calls[slot] = call;
}

void
__cyg_profile_func_exit(void *function, void *site)
{
	if (tracing && depth > 0)
		depth--;
}

Datum
pgr_trace_start(PG_FUNCTION_ARGS)
{
	Dl_info		info;

	dladdr((void *) pgr_trace_start, &info);
	library = info.dli_fbase;
	memset(calls, 0, sizeof(calls));
	depth = 0;
	tracing = true;
	PG_RETURN_VOID();
}

/* Ends it; a line "function caller" a call, addresses in hexadecimal. */
Datum
pgr_trace_write(PG_FUNCTION_ARGS)
{
	FILE	   *file = fopen(text_to_cstring(PG_GETARG_TEXT_PP(0)), "w");

	tracing = false;
	if (file == NULL)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write the calls: %m")));
	for (uint32 i = 0; i < SLOTS; i++)
	{
		if (calls[i].function != 0)
			fprintf(file, "0x%x 0x%x\n", calls[i].function, calls[i].caller);
	}
	fclose(file);
	PG_RETURN_VOID();
}
