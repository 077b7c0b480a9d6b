/*
 * fuzz_types.c
 *		Seeded fuzzing of the input functions of all types, text and binary.
 *
 *	fuzz_types CORPUS_DIR CONNINFO COUNT [SEED]
 *
 * For each type, COUNT mutations of the lines of CORPUS_DIR/<type>.txt go to the
 * server as text and COUNT mutations of valid binary values as binary. Each is
 * either refused with a data error (class 22, 54000 or 08P01) or accepted, and
 * then text output is read back as the same value and binary output is the
 * input byte for byte (i8 tokens and rankquery: a canonical form of it). Operators run on what
 * was accepted. Prints TAP: one test per type and format, with the inputs that
 * broke a rule; a lost connection (a crash, a sanitizer's abort) ends the run.
 */
/* covers: dense sparse multivector_io rankquery_io */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INPUT 4096
#define MAX_POOL 256
#define MAX_COMPLAINTS 5

typedef struct Input
{
	unsigned char data[MAX_INPUT];
	int			len;
} Input;

typedef struct FuzzType
{
	const char *name;			/* also of the corpus file */
	const char *type;			/* as cast to */
	const char *base;			/* the type without its modifier */
	const char *use;			/* expressions over x, whose errors are fine */
	int			canonical;		/* binary input may be stored as another form of
								 * the same value */
} FuzzType;

#define DENSE_USE "x <-> x, x <#> x, x <=> x, x <+> x, x + x, x * x, l2_normalize(x), subvector(x, 1, 2)"
#define MULTI_USE "x @# x, unnest(x), l2_normalize(x), multivector_pool(x, 2), chamfer(x, x)"
#define QUERY_USE "x && x, x || !!x, x ^ 2, min_should_match(x, 2), 'a red fox' @@@ x, 'a red fox' <@> x, " \
	"ARRAY['red', 'fox'] <@> x, to_tsvector('a red fox') @@@ x, bm25_headline('simple', 'a red fox', x)"

static const FuzzType types[] = {
	{"vector", "vector", "vector", DENSE_USE, 0},
	{"halfvec", "halfvec", "halfvec", DENSE_USE, 0},
	{"sparsevec", "sparsevec", "sparsevec", "x <-> x, x <#> x, x <=> x, x <+> x, l2_normalize(x)", 0},
	{"multivector", "multivector", "multivector", MULTI_USE, 1},
	{"multivector f16", "multivector(2,f16)", "multivector", MULTI_USE, 1},
	{"multivector i8", "multivector(2,i8)", "multivector", MULTI_USE, 1},
	{"rankquery", "rankquery", "rankquery", QUERY_USE, 1},
};

static const char *const pieces[] = {
	"NaN", "Infinity", "-inf", "1e39", "1e-46", "65520", "0x10", "[", "]", "{", "}", "}/", ",", ":", "/", "-",
	"+", ".", "e", " ", "\t", "\n", "2147483648", "-2147483649", "1000000001", "16001", "0", "1", "[]", "[[",
	"]]", "],[", "1:1", "\xc3\xa9", "99999999999999999999", "4294967297:1", "00", "'", "\\", "null", "1,1,1,1,1,1,1,1",
	"&", "|", "!", "(", ")", "\"", "''", "^", "~", "@", "'a'", "@0", "=3", ":16", "k1=", "config='simple'"
};

static uint64_t rng_state;

/* xorshift64*: the same sequence everywhere */
static uint32_t
rng(uint32_t below)
{
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return (uint32_t) ((rng_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

/* Replaces cut bytes at a place by n others, if the result fits. */
static void
splice(Input *in, int at, int cut, const void *by, int n)
{
	unsigned char copy[MAX_INPUT];

	if (in->len - cut + n > MAX_INPUT - 1)
		return;
	memcpy(copy, by, n);
	memmove(in->data + at + n, in->data + at + cut, in->len - at - cut);
	memcpy(in->data + at, copy, n);
	in->len += n - cut;
}

static void
mutate_text(Input *in, const Input *other)
{
	int			at = (int) rng(in->len + 1);
	int			left = in->len - at;
	int			cut = left ? (int) rng(left < 4 ? left + 1 : 4) : 0;
	const char *piece = pieces[rng(sizeof(pieces) / sizeof(*pieces))];
	unsigned char byte = (unsigned char) (1 + rng(127));

	switch (rng(6))
	{
		case 0:
			splice(in, at, cut, piece, (int) strlen(piece));
			break;
		case 1:
			splice(in, at, cut, &byte, 1);
			break;
		case 2:
			splice(in, at, cut, "", 0);
			break;
		case 3:					/* a span twice */
			splice(in, at, 0, in->data + at, left);
			break;
		case 4:					/* the end of another */
			splice(in, at, left, other->data + other->len / 2, other->len - other->len / 2);
			break;
		default:
			splice(in, at, 0, piece, (int) strlen(piece));
	}
}

static void
mutate_binary(Input *in, const Input *other)
{
	static const uint32_t extremes[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0xffffffff, 0x7fc00000, 0x7f800000, 0x10000, 16001, 0x40000000};
	int			at = (int) rng(in->len + 1);
	int			left = in->len - at;
	uint32_t	value = extremes[rng(16)];
	unsigned char big_endian[4] = {value >> 24, value >> 16, value >> 8, value};
	int			width = 1 << rng(3);

	switch (rng(6))
	{
		case 0:
			if (left > 0)
				in->data[at] ^= (unsigned char) (1 << rng(8));
			break;
		case 1:					/* a field of the header */
			at = (int) rng(8);
			/* fall through */
		case 2:
			if (at + width <= in->len)
				memcpy(in->data + at, big_endian + 4 - width, width);
			break;
		case 3:					/* truncated */
			in->len = at;
			break;
		case 4:					/* more data */
			splice(in, at, 0, in->data + at, left);
			break;
		default:
			splice(in, at, left, other->data + other->len / 2, other->len - other->len / 2);
	}
}

/* --- the server --- */

static PGconn *conn;
static int	complaints;

static void
complain(const char *rule, const Input *in, const char *detail)
{
	if (++complaints > MAX_COMPLAINTS)
		return;
	printf("# %s: \\x", rule);
	for (int i = 0; i < in->len; i++)
		printf("%02x", in->data[i]);
	printf("\n# %s\n", detail);
}

/*
 * Runs a prepared statement with one parameter, text (0) or binary (1). NULL if
 * it was refused, with the SQLSTATE checked.
 */
static PGresult *
run(const char *statement, const Input *in, int format)
{
	const char *value = (const char *) in->data;
	PGresult   *result = PQexecPrepared(conn, statement, 1, &value, &in->len, &format, 1);
	const char *state;

	if (PQstatus(conn) != CONNECTION_OK)
	{
		complain("connection lost", in, PQerrorMessage(conn));
		printf("Bail out! the server went away\n");
		exit(1);
	}
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	/* 42704: a configuration that a rankquery names */
	if (strncmp(state, "22", 2) != 0 && strcmp(state, "54000") != 0 && strcmp(state, "08P01") != 0 &&
		strcmp(state, "42704") != 0)
		complain("an unexpected error", in, PQresultErrorMessage(result));
	PQclear(result);
	return NULL;
}

static void
prepare(const char *name, const char *columns, const char *type)
{
	char		sql[512];
	PGresult   *result;

	/* OFFSET 0: the value is made once, not once per column */
	snprintf(sql, sizeof(sql), "SELECT %s FROM (SELECT $1::%s OFFSET 0) s (x)", columns, type);
	result = PQprepare(conn, name, sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		printf("Bail out! %s: %s", sql, PQresultErrorMessage(result));
		exit(1);
	}
	PQclear(result);
}

static void
prepare_all(const FuzzType *type)
{
	char		same[128];

	PQclear(PQexec(conn, "DEALLOCATE ALL"));
	snprintf(same, sizeof(same), "x, x::text::%s = x", type->type);
	prepare("text", same, type->type);
	snprintf(same, sizeof(same), "x, x::text::%s IS NOT NULL", type->base);
	prepare("binary", same, type->base);
	prepare("use", type->use, type->base);
}

/* Keeps a value that was accepted, for the binary mutations. */
static void
keep(Input *pool, int *npool, const void *data, int len)
{
	int			slot = *npool < MAX_POOL ? (*npool)++ : (int) rng(MAX_POOL);

	if (len >= MAX_INPUT)
		return;
	memcpy(pool[slot].data, data, len);
	pool[slot].len = len;
}

static void
finish(int test, const FuzzType *type, const char *format, int count, int accepted)
{
	printf("%sok %d - %s as %s: %d inputs, %d accepted\n",
		   complaints || !accepted || accepted == count ? "not " : "", test, type->name, format,
		   count, accepted);
	fflush(stdout);
	complaints = 0;
}

/* Fills pool with binary values; returns how many. */
static int
fuzz_text(int test, const FuzzType *type, const Input *corpus, int ncorpus, int count, Input *pool)
{
	int			accepted = 0;
	int			npool = 0;

	for (int i = 0; i < count; i++)
	{
		Input		in = corpus[rng(ncorpus)];
		PGresult   *result;

		/* the corpus itself first, then one to four mutations */
		if (i < ncorpus)
			in = corpus[i];
		else
			for (int k = 1 + (int) rng(4); k > 0; k--)
				mutate_text(&in, &corpus[rng(ncorpus)]);
		in.data[in.len] = 0;
		result = run("text", &in, 0);
		if (!result)
			continue;
		accepted++;
		if (*PQgetvalue(result, 0, 1) != 1)
			complain("text output reads back as another value", &in, "");
		keep(pool, &npool, PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0));
		PQclear(result);
		result = run("use", &in, 0);
		if (result)
			PQclear(result);
	}
	finish(test, type, "text", count, accepted);
	return npool;
}

static int
same_value(const PGresult *result, const Input *in)
{
	return PQgetlength(result, 0, 0) == in->len &&
		memcmp(PQgetvalue(result, 0, 0), in->data, in->len) == 0;
}

/* Is a result, fed to the server, returned unchanged? */
static int
same_again(const PGresult *result)
{
	Input		in;
	PGresult   *again;
	int			same;

	in.len = PQgetlength(result, 0, 0);
	memcpy(in.data, PQgetvalue(result, 0, 0), in.len);
	again = run("binary", &in, 1);
	same = again && same_value(again, &in);
	PQclear(again);
	return same;
}

static void
fuzz_binary(int test, const FuzzType *type, int count, Input *pool, int npool)
{
	int			accepted = 0;

	for (int i = 0; npool > 0 && i < count; i++)
	{
		Input		in = pool[rng(npool)];
		PGresult   *result;

		if (i >= npool)
			for (int k = 1 + (int) rng(3); k > 0; k--)
				mutate_binary(&in, &pool[rng(npool)]);
		result = run("binary", &in, 1);
		if (!result)
			continue;
		accepted++;
		if (!same_value(result, &in) && !(type->canonical && same_again(result)))
			complain("binary output is not the input", &in, "");
		PQclear(result);
		result = run("use", &in, 1);
		if (result)
		{
			keep(pool, &npool, in.data, in.len);
			PQclear(result);
		}
	}
	finish(test, type, "binary", count, accepted);
}

static int
read_corpus(const char *dir, const char *type, Input *corpus)
{
	char		path[1024];
	char		line[MAX_INPUT];
	int			n = 0;
	FILE	   *f;

	snprintf(path, sizeof(path), "%s/%.*s.txt", dir, (int) strcspn(type, " "), type);
	f = fopen(path, "r");
	while (f && n < MAX_POOL && fgets(line, sizeof(line), f))
	{
		corpus[n].len = (int) strcspn(line, "\n");
		memcpy(corpus[n++].data, line, strlen(line));
	}
	if (!n)
	{
		printf("Bail out! no corpus %s\n", path);
		exit(1);
	}
	fclose(f);
	return n;
}

int
main(int argc, char **argv)
{
	static Input corpus[MAX_POOL];
	static Input pool[MAX_POOL];
	int			ntypes = sizeof(types) / sizeof(*types);
	int			count = argc > 3 ? atoi(argv[3]) : 0;

	if (count <= 0)
	{
		fprintf(stderr, "usage: fuzz_types CORPUS_DIR CONNINFO COUNT [SEED]\n");
		return 2;
	}
	conn = PQconnectdb(argv[2]);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		printf("Bail out! %s\n", PQerrorMessage(conn));
		return 1;
	}
	PQclear(PQexec(conn, "SET client_min_messages = error"));
	printf("1..%d\n", 2 * ntypes);
	for (int t = 0; t < ntypes; t++)
	{
		int			n = read_corpus(argv[1], types[t].name, corpus);

		rng_state = (argc > 4 ? strtoull(argv[4], NULL, 10) : 1) * 1000003 + t + 1;
		prepare_all(&types[t]);
		n = fuzz_text(2 * t + 1, &types[t], corpus, n, count, pool);
		fuzz_binary(2 * t + 2, &types[t], count, pool, n);
	}
	PQfinish(conn);
	return 0;
}
