/*
 * inv_options.c
 *		Storage parameters of bm25 and inverted, and the ranking function they
 *		describe.
 *
 * k1, b, mu, scoring, field_weights and field_b take effect when they are
 * altered; config, cjk, positions and fields describe what is stored and take
 * effect at the next REINDEX (the metapage says what is in force).
 *
 * Options are parsed by core, at CREATE INDEX with errors, later without: an index whose
 * options an earlier library allowed must stay readable.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/reloptions.h"
#include "inverted/inverted.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

static relopt_kind bm25_kind;
static relopt_kind inverted_kind;

static relopt_enum_elt_def scoring_values[] = {
	{"bm25", PGR_SCORING_BM25},
	{"bm25f", PGR_SCORING_BM25F},
	{"dirichlet", PGR_SCORING_DIRICHLET},
	{(const char *) NULL, 0}
};

static relopt_enum_elt_def cjk_values[] = {
	{"none", 0},
	{"bigram", 1},
	{(const char *) NULL, 0}
};

#define TSVECTOR_FIELDS 4		/* weights A to D */

/* kB; see README, "Pending area" */
#define DEFAULT_PENDING_LIMIT 1024
#define LEAST_PENDING_LIMIT 64
#define MOST_PENDING_LIMIT (1024 * 1024)

/*
 * A list of numbers "2, 1, 0.5" into values (at most PGR_LEX_MAX_FIELDS), each
 * in [0, max]; returns their number. Raises 22023.
 */
static int
parse_numbers(const char *option, const char *str, double max, double *values)
{
	int			n = 0;
	const char *p = str;

	for (;;)
	{
		char	   *end;
		double		x = strtod(p, &end);

		while (*end == ' ')
			end++;
		if (end == p || !(x >= 0 && x <= max) || (*end != ',' && *end != '\0') ||
			n == PGR_LEX_MAX_FIELDS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\": \"%s\"", option, str),
					 errdetail("Up to %d numbers between 0 and %g, separated by commas, are expected.",
							   PGR_LEX_MAX_FIELDS, max)));
		values[n++] = x;
		if (*end == '\0')
			return n;
		p = end + 1;
	}
}

/* Validator of a string option; raises 22023. */
static void
check_field_weights(const char *value)
{
	double		numbers[PGR_LEX_MAX_FIELDS];

	if (value && value[0])
		parse_numbers("field_weights", value, 1000, numbers);
}

/* Validator of field_b; raises 22023. */
static void
check_field_b(const char *value)
{
	double		numbers[PGR_LEX_MAX_FIELDS];

	if (value && value[0])
		parse_numbers("field_b", value, 1, numbers);
}

/* A size with or without a unit, as a setting's, in kB; false: *hint may say why. */
static bool
parse_pending_limit(const char *value, int *kb, const char **hint)
{
	return parse_int(value, kb, GUC_UNIT_KB, hint);
}

/*
 * Validator of pending_limit; raises 22023. It is a string since the reloptions of
 * core know no units.
 */
static void
check_pending_limit(const char *value)
{
	const char *hint = NULL;
	int			kb;

	if (value == NULL)
		return;
	if (!parse_pending_limit(value, &kb, &hint))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "pending_limit", value),
				 hint ? errhint("%s", _(hint)) : 0));
	if (kb < LEAST_PENDING_LIMIT || kb > MOST_PENDING_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value %s out of bounds for option \"%s\"", value, "pending_limit"),
				 errdetail("Valid values are between \"%dkB\" and \"%dkB\".",
						   LEAST_PENDING_LIMIT, MOST_PENDING_LIMIT)));
}

/*
 * Once a backend, before any index is opened. Lock levels: what changes documents
 * needs that nobody reads or writes meanwhile.
 */
void
pgr_inv_options_init(void)
{
	bm25_kind = add_reloption_kind();
	add_string_reloption(bm25_kind, "config",
						 "Text search configuration that turns text into words",
						 NULL, NULL, AccessExclusiveLock);
	add_real_reloption(bm25_kind, "k1", "Saturation of term frequency",
					   1.2, 0, 10, ShareUpdateExclusiveLock);
	add_real_reloption(bm25_kind, "b", "Weight of document length, 0 to 1",
					   0.75, 0, 1, ShareUpdateExclusiveLock);
	add_real_reloption(bm25_kind, "mu", "Smoothing of scoring = dirichlet",
					   1000, 1, 1000000, ShareUpdateExclusiveLock);
	add_enum_reloption(bm25_kind, "scoring", "Ranking function",
					   scoring_values, PGR_SCORING_BM25,
					   "Valid values are \"bm25\", \"bm25f\" and \"dirichlet\".",
					   ShareUpdateExclusiveLock);
	add_enum_reloption(bm25_kind, "cjk", "How Chinese, Japanese and Thai become words",
					   cjk_values, 0, "Valid values are \"none\" and \"bigram\".",
					   AccessExclusiveLock);
	add_bool_reloption(bm25_kind, "positions", "Store positions, for phrases",
					   true, AccessExclusiveLock);
	add_int_reloption(bm25_kind, "fields", "Number of fields of text[], 0 to find out",
					  0, 0, PGR_LEX_MAX_FIELDS, AccessExclusiveLock);
	add_string_reloption(bm25_kind, "field_weights", "Weights of fields, for scoring = bm25f",
						 NULL, check_field_weights, ShareUpdateExclusiveLock);
	add_string_reloption(bm25_kind, "field_b", "b of each field, for scoring = bm25f",
						 NULL, check_field_b, ShareUpdateExclusiveLock);
	add_string_reloption(bm25_kind, "pending_limit", "Size of the pending area (kB)",
						 NULL, check_pending_limit, ShareUpdateExclusiveLock);

	inverted_kind = add_reloption_kind();
	add_string_reloption(inverted_kind, "pending_limit", "Size of the pending area (kB)",
						 NULL, check_pending_limit, ShareUpdateExclusiveLock);
}

static const relopt_parse_elt option_table[] = {
	{"config", RELOPT_TYPE_STRING, offsetof(PgrInvOptions, config_offset)},
	{"k1", RELOPT_TYPE_REAL, offsetof(PgrInvOptions, k1)},
	{"b", RELOPT_TYPE_REAL, offsetof(PgrInvOptions, b)},
	{"mu", RELOPT_TYPE_REAL, offsetof(PgrInvOptions, mu)},
	{"scoring", RELOPT_TYPE_ENUM, offsetof(PgrInvOptions, scoring)},
	{"cjk", RELOPT_TYPE_ENUM, offsetof(PgrInvOptions, cjk)},
	{"positions", RELOPT_TYPE_BOOL, offsetof(PgrInvOptions, positions)},
	{"fields", RELOPT_TYPE_INT, offsetof(PgrInvOptions, fields)},
	{"field_weights", RELOPT_TYPE_STRING, offsetof(PgrInvOptions, field_weights_offset)},
	{"field_b", RELOPT_TYPE_STRING, offsetof(PgrInvOptions, field_b_offset)},
	{"pending_limit", RELOPT_TYPE_STRING, offsetof(PgrInvOptions, pending_limit_offset)},
};

static const relopt_parse_elt inverted_table[] = {
	{"pending_limit", RELOPT_TYPE_STRING, offsetof(PgrInvOptions, pending_limit_offset)},
};

/* True if a string option has a value that is not empty. */
static bool
given(const PgrInvOptions *options, int offset)
{
	const char *value = pgr_inv_string_option(options, offset);

	return value && value[0];
}

/*
 * The options, palloc'd, with the size of the pending area as a number; NULL where
 * reloptions are. Never raises for a stored value: validate is false then.
 */
static PgrInvOptions *
build_options(Datum reloptions, bool validate, relopt_kind kind, const relopt_parse_elt *table,
			  int n)
{
	PgrInvOptions *options = (PgrInvOptions *)
		build_reloptions(reloptions, validate, kind, sizeof(PgrInvOptions), table, n);
	const char *limit;

	if (options == NULL)
		return NULL;
	limit = pgr_inv_string_option(options, options->pending_limit_offset);
	if (limit == NULL || !parse_pending_limit(limit, &options->pending_limit, NULL))
		options->pending_limit = DEFAULT_PENDING_LIMIT;
	return options;
}

/*
 * amoptions. The result is palloc'd by core's parser in the current memory context,
 * with the strings behind the struct.
 */
bytea *
pgr_bm25_options(Datum reloptions, bool validate)
{
	PgrInvOptions *options = build_options(reloptions, validate, bm25_kind, option_table,
										   lengthof(option_table));

	/* who weighs fields expects that it changes something */
	if (validate && options && options->scoring != PGR_SCORING_BM25F &&
		(given(options, options->field_weights_offset) || given(options, options->field_b_offset)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"field_weights\" and \"field_b\" need scoring = bm25f")));
	return (bytea *) options;
}

/* amoptions of inverted, as pgr_bm25_options; it has but one option. */
bytea *
pgr_inverted_options(Datum reloptions, bool validate)
{
	return (bytea *) build_options(reloptions, validate, inverted_kind, inverted_table,
								   lengthof(inverted_table));
}

/*
 * Contract in inverted.h. Told by the function that reads its options: an access
 * method has no other mark that costs no catalog look.
 */
bool
pgr_inv_is_bm25(Relation index)
{
	return index->rd_indam && index->rd_indam->amoptions == pgr_bm25_options;
}

static const PgrInvOptions default_options = {
	.k1 = 1.2, .b = 0.75, .mu = 1000, .positions = true,
	.scoring = PGR_SCORING_BM25, .pending_limit = DEFAULT_PENDING_LIMIT
};

/*
 * Contract in inverted.h: a palloc'd copy; of an index without WITH the defaults,
 * which are static. Nobody frees either.
 */
const PgrInvOptions *
pgr_inv_options(Relation index)
{
	PgrInvOptions *copy;

	if (index->rd_options == NULL)
		return &default_options;
	copy = palloc(VARSIZE(index->rd_options));
	memcpy(copy, index->rd_options, VARSIZE(index->rd_options));
	return copy;
}

/* Without a copy: nothing here can process an invalidation. */
uint32
pgr_inv_pending_limit(Relation index)
{
	const PgrInvOptions *options = (const PgrInvOptions *) index->rd_options;

	/* nothing can invalidate it in between */
	return (options ? options->pending_limit : DEFAULT_PENDING_LIMIT) / (BLCKSZ / 1024);
}

/*
 * Contract in inverted.h. Offsets are those of core's reloptions: from the start of
 * the struct.
 */
const char *
pgr_inv_string_option(const PgrInvOptions *options, int offset)
{
	return offset > 0 ? (const char *) options + offset : NULL;
}

/*
 * Fields of a text[] index: as the option says, or as many as ARRAY[...] has
 * elements, or as many as a tsvector has.
 */
static int
array_fields(Relation index)
{
	int			given = pgr_inv_options(index)->fields;
	List	   *expressions = RelationGetIndexExpressions(index);

	if (given > 0)
		return given;
	if (expressions != NIL && IsA(linitial(expressions), ArrayExpr))
	{
		int			n = list_length(((ArrayExpr *) linitial(expressions))->elements);

		return Min(Max(n, 1), PGR_LEX_MAX_FIELDS);
	}
	return TSVECTOR_FIELDS;
}

/*
 * What is stored with the index when it is built; the option may be altered later. 1
 * to PGR_LEX_MAX_FIELDS.
 */
int
pgr_inv_nfields(Relation index, PgrContentType type)
{
	switch (type)
	{
		case PGR_CONTENT_TEXT:
			return 1;
		case PGR_CONTENT_TEXT_ARRAY:
			return array_fields(index);
		case PGR_CONTENT_TSVECTOR:
			return TSVECTOR_FIELDS;
	}
	return 1;
}

/*
 * Fills *scoring from the options as they are now: k1, b and weights are no part of
 * what is stored. Lists shorter than nfields leave the rest at 1 and b. Raises 22023
 * for a list that an earlier library took.
 */
void
pgr_inv_scoring(Relation index, int nfields, PgrScoring *scoring)
{
	const PgrInvOptions *options = pgr_inv_options(index);
	const char *weights = pgr_inv_string_option(options, options->field_weights_offset);
	const char *b = pgr_inv_string_option(options, options->field_b_offset);

	memset(scoring, 0, sizeof(*scoring));
	scoring->kind = options->scoring;
	scoring->k1 = options->k1;
	scoring->b = options->b;
	scoring->mu = options->mu;
	scoring->nfields = nfields;
	for (int i = 0; i < nfields; i++)
	{
		scoring->field_weight[i] = 1;
		scoring->field_b[i] = options->b;
	}
	if (weights && weights[0])
		parse_numbers("field_weights", weights, 1000, scoring->field_weight);
	if (b && b[0])
		parse_numbers("field_b", b, 1, scoring->field_b);
}
