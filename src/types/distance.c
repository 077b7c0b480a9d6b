/*
 * distance.c
 *		Distances by name: what within() and hybrid searches are told.
 */
#include "postgres.h"

#include "base/compat.h"
#include "lib/stringinfo.h"
#include "types/distance.h"
#include "utils/builtins.h"

bool
pgr_distance_is_named(PgrMetric metric, const text *name)
{
	const PgrDistance *d = &pgr_distances[metric];
	const char *str = VARDATA_ANY(name);
	int			len = VARSIZE_ANY_EXHDR(name);

	return (len == (int) strlen(d->name) && pg_strncasecmp(str, d->name, len) == 0) ||
		(len == (int) strlen(d->op) && strncmp(str, d->op, len) == 0);
}

PgrMetric
pgr_distance_by_name(text *name, uint32 allowed)
{
	StringInfoData list;

	for (int i = 0; i < PGR_METRIC_COUNT; i++)
		if ((allowed & PGR_METRIC_BIT(i)) && pgr_distance_is_named(i, name))
			return i;

	initStringInfo(&list);
	for (int i = 0; i < PGR_METRIC_COUNT; i++)
		if (allowed & PGR_METRIC_BIT(i))
			appendStringInfo(&list, "%s\"%s\"", list.len ? ", " : "", pgr_distances[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized metric \"%s\"", text_to_cstring(name)),
			 errhint("Metrics of this type: %s.", list.data)));
}

const PgrDistance *
pgr_distance_of_operator(const char *op)
{
	for (int i = 0; i < PGR_METRIC_COUNT; i++)
		if (strcmp(pgr_distances[i].op, op) == 0)
			return &pgr_distances[i];
	return NULL;
}

bool
pgr_within(double distance, double radius)
{
	if (isnan(radius))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("radius must not be NaN")));
	return distance <= radius;
}
