/*
 * hybrid_values.c
 *		Values in a statement in the making: parameters of one to be run, literals of
 *		one to be shown. No value becomes SQL text in another way.
 */
#include "postgres.h"

#include "fusion/hybrid.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

char *
pgr_sql_datum(PgrSqlValues *values, Datum value, Oid type)
{
	if (values->shown)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(type, &output, &varlena);
		return psprintf("%s::%s", quote_literal_cstr(OidOutputFunctionCall(output, value)),
						format_type_be(type));
	}
	if (values->count == values->capacity)
	{
		values->capacity = Max(values->capacity * 2, 8);
		if (values->types == NULL)
		{
			values->types = palloc(sizeof(Oid) * values->capacity);
			values->values = palloc(sizeof(Datum) * values->capacity);
		}
		else
		{
			values->types = repalloc(values->types, sizeof(Oid) * values->capacity);
			values->values = repalloc(values->values, sizeof(Datum) * values->capacity);
		}
	}
	values->types[values->count] = type;
	values->values[values->count] = value;
	return psprintf("$%d", ++values->count);
}

char *
pgr_sql_value(PgrSqlValues *values, const char *text, Oid type)
{
	Oid			input,
				param;

	getTypeInputInfo(type, &input, &param);
	return pgr_sql_datum(values, OidInputFunctionCall(input, (char *) text, param, -1), type);
}
