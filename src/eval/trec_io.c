/*
 * trec_io.c
 *		TREC run and qrels files, as text, to rows and back.
 *
 * A run line is "topic Q0 document rank score tag", a qrels line "topic iteration
 * document grade"; fields are separated by blanks or tabs. trec_eval ignores the
 * second field, and of a run its rank. Empty lines are skipped here, a line that
 * does not fit is an error with its number.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/tuplestore.h"

#define MAX_FIELDS 7

/* --- reading --- */

/*
 * Cuts the line at *at, which is advanced behind it, into fields ended by zero
 * bytes (in place). Returns their number, MAX_FIELDS if there are more.
 */
static int
next_line(char **at, char **fields)
{
	char	   *p = *at;
	int			n = 0;

	for (;;)
	{
		while (*p == ' ' || *p == '\t' || *p == '\r')
			*p++ = '\0';
		if (*p == '\0' || *p == '\n')
			break;
		if (n < MAX_FIELDS)
			fields[n++] = p;
		while (*p != '\0' && strchr(" \t\r\n", *p) == NULL)
			p++;
	}
	if (*p == '\n')
		*p++ = '\0';
	*at = p;
	return n;
}

PGR_NORETURN static void
bad_line(const char *kind, int line, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid TREC %s in line %d", kind, line),
			 errdetail("%s", detail)));
}

/* An integer field in int4's range. */
static int64
integer_field(const char *field, const char *kind, int line)
{
	char	   *end;
	long long	value;

	errno = 0;
	value = strtoll(field, &end, 10);
	if (end == field || *end != '\0' || errno != 0 || value != (int32) value)
		bad_line(kind, line, psprintf("\"%s\" is not an integer.", field));
	return value;
}

static double
float_field(const char *field, const char *kind, int line)
{
	char	   *end;
	double		value;

	errno = 0;
	value = strtod(field, &end);
	if (end == field || *end != '\0' || isnan(value) || (errno == ERANGE && isinf(value)))
		bad_line(kind, line, psprintf("\"%s\" is not a score.", field));
	return value;
}

PG_FUNCTION_INFO_V1(pgr_trec_run);
Datum
pgr_trec_run(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *at = text_to_cstring(PG_GETARG_TEXT_PP(0));

	InitMaterializedSRF(fcinfo, 0);
	for (int line = 1; *at != '\0'; line++)
	{
		char	   *f[MAX_FIELDS];
		int			n = next_line(&at, f);
		Datum		values[5];
		bool		nulls[5] = {0};

		CHECK_FOR_INTERRUPTS();
		if (n == 0)
			continue;
		if (n != 6)
			bad_line("run", line, "Expected 6 fields: topic, Q0, document, rank, score, tag.");
		values[0] = CStringGetTextDatum(f[0]);
		values[1] = CStringGetTextDatum(f[2]);
		values[2] = Int32GetDatum((int32) integer_field(f[3], "run", line));
		values[3] = Float8GetDatum(float_field(f[4], "run", line));
		values[4] = CStringGetTextDatum(f[5]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(pgr_trec_qrels);
Datum
pgr_trec_qrels(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *at = text_to_cstring(PG_GETARG_TEXT_PP(0));

	InitMaterializedSRF(fcinfo, 0);
	for (int line = 1; *at != '\0'; line++)
	{
		char	   *f[MAX_FIELDS];
		int			n = next_line(&at, f);
		Datum		values[3];
		bool		nulls[3] = {0};

		CHECK_FOR_INTERRUPTS();
		if (n == 0)
			continue;
		if (n != 4)
			bad_line("qrels", line, "Expected 4 fields: topic, iteration, document, grade.");
		values[0] = CStringGetTextDatum(f[0]);
		values[1] = CStringGetTextDatum(f[2]);
		values[2] = Int32GetDatum((int32) integer_field(f[3], "qrels", line));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* --- writing --- */

/* A field of a line: not empty, without blanks. */
static char *
field(FunctionCallInfo fcinfo, int arg, const char *what)
{
	char	   *s = text_to_cstring(PG_GETARG_TEXT_PP(arg));

	if (*s == '\0' || strpbrk(s, " \t\r\n\v\f") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" cannot be written in a TREC file", what, s),
				 errdetail("Fields must not be empty or contain blanks.")));
	return s;
}

/* The score keeps all its digits, so that the file ranks as the rows did. */
PG_FUNCTION_INFO_V1(pgr_to_trec_run);
Datum
pgr_to_trec_run(PG_FUNCTION_ARGS)
{
	char		score[128];

	/* 17 digits read back as the same number */
	snprintf(score, sizeof(score), "%.17g", PG_GETARG_FLOAT8(3));
	if (isnan(PG_GETARG_FLOAT8(3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must not be NaN")));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s Q0 %s " INT64_FORMAT " %s %s",
											  field(fcinfo, 0, "topic"),
											  field(fcinfo, 1, "document"),
											  PG_GETARG_INT64(2), score,
											  field(fcinfo, 4, "tag"))));
}

PG_FUNCTION_INFO_V1(pgr_to_trec_qrels);
Datum
pgr_to_trec_qrels(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s 0 %s %d",
											  field(fcinfo, 0, "topic"),
											  field(fcinfo, 1, "document"),
											  PG_GETARG_INT32(2))));
}
