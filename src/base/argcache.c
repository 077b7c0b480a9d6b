/*
 * argcache.c
 *		A function's arguments, detoasted once where they stay the same.
 */
#include "postgres.h"

#include "base/argcache.h"
#include "utils/memutils.h"

/* What an argument was at the call before. */
typedef struct KeptArg
{
	struct varlena *image;		/* as it was passed */
	Size		room;			/* bytes of image */
	struct varlena *value;		/* detoasted; NULL until the image comes a second time */
} KeptArg;

/* Another image: of a column it is another each time, so nothing but it is copied. */
static void
remember(KeptArg *k, const struct varlena *v, MemoryContext context)
{
	Size		size = VARSIZE_ANY(v);

	if (k->value != NULL)
		pfree(k->value);
	k->value = NULL;
	if (size > k->room)
	{
		if (k->image != NULL)
			pfree(k->image);
		k->image = NULL;
		k->room = 0;
		k->image = MemoryContextAlloc(context, size);
		k->room = size;
	}
	memcpy(k->image, v, size);
}

struct varlena *
pgr_arg_kept(FunctionCallInfo fcinfo, int arg)
{
	const struct varlena *v = (struct varlena *) PG_GETARG_POINTER(arg);
	KeptArg    *k;
	MemoryContext old;

	if (fcinfo->flinfo == NULL)
		return PG_DETOAST_DATUM(PG_GETARG_DATUM(arg));
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
														  PGR_ARGS_KEPT * sizeof(KeptArg));
	k = (KeptArg *) fcinfo->flinfo->fn_extra + arg;
	if (k->image == NULL || !pgr_same_image(k->image, v))
	{
		remember(k, v, fcinfo->flinfo->fn_mcxt);
		return PG_DETOAST_DATUM(PG_GETARG_DATUM(arg));
	}
	if (k->value == NULL)
	{
		old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		k->value = PG_DETOAST_DATUM(PG_GETARG_DATUM(arg));
		MemoryContextSwitchTo(old);
	}
	return k->value;
}
