#!/usr/bin/env python3
"""Embeds a table's text with a model, and keeps the vectors in step with it.

    embed_table.py --model DIR --table docs --key id --text body --dense embedding
    embed_table.py ... --tokens tokens            token vectors too, for late interaction
    embed_table.py ... --sparse weights           a SPLADE model's weights
    embed_table.py ... --follow                   then waits for changes and embeds them
    embed_table.py --table docs --uninstall       takes queue, trigger and function away

--text is an SQL expression over the table's columns: title || E'\\n' || body. --rows N and
--max-tokens N bound a batch and a text. The connection comes from the environment (PGHOST,
PGDATABASE, ...) or --dsn. Needs: numpy, onnxruntime, tokenizers, psycopg; onnx for a model that
is a BERT's weights.

Nothing is hidden. The first run makes, in the table's schema, owned by whoever runs it:

    <table>_to_embed                    the queue: keys of rows whose text is new
    <table>_to_embed()                  the trigger function that fills it, and says NOTIFY
    triggers <table>_to_embed           on INSERT and UPDATE; a row whose text did not change
                                        is not queued

and queues all rows whose vector is NULL. A batch is one transaction: it takes keys from the
queue (FOR UPDATE SKIP LOCKED, so that several of these programs share the work), embeds the
text as it is now, and updates the rows. Stopped at any point, it loses
nothing: what was not committed is still queued. A vector is written only where the text is
still the one it was made of. An empty or NULL text gets NULL vectors.
"""
import argparse
import struct
import sys

import numpy as np

WAIT = 60           # seconds between looks at the queue, should a notification be lost
WRITTEN = 32        # rows a statement: their token vectors are some 50 MB at most
SUFFIX = "_to_embed"
MOST_BYTES = 63     # of a name

# The text of OLD and NEW is that of the same expression over one row, so that --text is written
# once, with the table's own column names. The function runs as its owner: who may write the
# table need not be able to write the queue. Nobody else may make a trigger of it: over a table of
# theirs, --text would run their types' casts with the owner's rights. No key of the queue is
# unique: else whoever changes a row that is being embedded would wait for the batch.
INSTALL = """
CREATE TABLE IF NOT EXISTS {queue} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key {key_type} NOT NULL,
    queued timestamptz NOT NULL DEFAULT now());
CREATE OR REPLACE FUNCTION {queue}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} AS $pgr_body$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.{key} IS NOT DISTINCT FROM OLD.{key}
        AND (SELECT ({text})::text FROM (SELECT NEW.*) AS {alias}) IS NOT DISTINCT FROM (SELECT ({text})::text FROM (SELECT OLD.*) AS {alias}) THEN
        RETURN NULL;
    END IF;
    INSERT INTO {queue} (key) VALUES (NEW.{key});
    PERFORM pg_notify({channel}, '');
    RETURN NULL;
END $pgr_body$;
REVOKE ALL ON FUNCTION {queue}() FROM PUBLIC;
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {queue}();
INSERT INTO {queue} (key) SELECT {key} FROM {table} AS {alias} WHERE ({missing}) AND {key} IS NOT NULL
    AND ({text})::text ~ '[^[:space:]]' AND NOT EXISTS (SELECT FROM {queue} q WHERE q.key = {alias}.{key});
"""
UNINSTALL = """
DROP TRIGGER IF EXISTS {trigger} ON {table};
DROP FUNCTION IF EXISTS {queue}();
DROP TABLE IF EXISTS {queue};
"""
TAKE = """
WITH pgr_taken AS (DELETE FROM {queue} WHERE id IN (SELECT id FROM {queue} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING key AS pgr_key)
SELECT (SELECT count(*) FROM pgr_taken), {alias}.{key}::text, ({text})::text
FROM (SELECT DISTINCT pgr_key FROM pgr_taken) pgr_keys LEFT JOIN {table} AS {alias} ON {alias}.{key} = pgr_key
"""
# Vectors of a text that has changed since are not written: the change has queued the row again.
UPDATE = """
UPDATE {table} AS {alias} SET {assignments} FROM unnest(%s::text[], %s::text[], {arrays}) AS pgr_made(pgr_key, pgr_text, {columns})
WHERE {alias}.{key} = pgr_key::{key_type} AND ({text})::text IS NOT DISTINCT FROM pgr_text
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description="Embeds a table's text with a model and keeps it in step.")
    parser.add_argument("--model", help="directory of the model")
    parser.add_argument("--table", required=True, help="table, schema-qualified if need be")
    parser.add_argument("--key", help="column that names a row (primary key or unique)")
    parser.add_argument("--text", help="SQL expression of the text")
    parser.add_argument("--dense", help="column for the text's vector")
    parser.add_argument("--tokens", help="multivector column for the token vectors")
    parser.add_argument("--sparse", help="sparsevec column for a SPLADE model's weights")
    parser.add_argument("--rows", type=int, default=256, help="rows a batch (256)")
    parser.add_argument("--max-tokens", type=int, help="tokens of a text that count (the model's own limit)")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--dsn", default="", help="connection string")
    parser.add_argument("--follow", action="store_true", help="wait for changes")
    parser.add_argument("--uninstall", action="store_true", help="remove queue, trigger and function")
    args = parser.parse_args()
    if args.uninstall:
        return args
    if not (args.model and args.key and args.text):
        parser.error("--model, --key and --text are needed")
    if not (args.dense or args.tokens or args.sparse):
        parser.error("name at least one of --dense, --tokens, --sparse")
    if args.sparse and (args.dense or args.tokens):
        parser.error("a SPLADE model makes no dense vectors: run twice, once for each model")
    if args.rows < 1:
        parser.error("--rows must be at least 1")
    if args.max_tokens is not None and args.max_tokens < 3:
        parser.error("--max-tokens must be at least 3: two are the model's marks of start and end")
    return args


def quoted(connection, *names):
    return connection.execute("SELECT array(SELECT quote_ident(n) FROM unnest(%s::text[]) n)", (list(names),)).fetchone()[0]


class Names:
    """What statements are made of: identifiers are quoted, --text is the caller's SQL."""

    def __init__(self, connection, args):
        found = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'p')", (args.table,)).fetchone()
        if found is None:
            sys.exit("there is no table %s" % args.table)
        # cut by the server, the queue's name could be the table's own
        if len((found[1] + SUFFIX).encode()) > MOST_BYTES:
            sys.exit("the name of table %s is too long: with %s it has more than %d bytes" % (args.table, SUFFIX, MOST_BYTES))
        schema, table, queue = quoted(connection, *found, found[1] + SUFFIX)
        self.parts = {"table": schema + "." + table, "alias": table, "queue": schema + "." + queue, "trigger": queue}
        self.arrays, self.types = "", []
        self.channel = found[1] + SUFFIX
        if not args.uninstall:
            self.refuse_foreign_queue(connection)
            self.add_columns(connection, args)

    def refuse_foreign_queue(self, connection):
        """Whoever owns the queue may have triggers on it, which the trigger function would run as its owner;
        whoever owns the function may make it one that runs as who writes the table."""
        if connection.execute(
                "SELECT FROM pg_class t, (SELECT relowner FROM pg_class WHERE oid = to_regclass(%s)"
                " UNION ALL SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(%s)) made (owner)"
                " WHERE t.oid = to_regclass(%s) AND owner NOT IN (t.relowner, (SELECT oid FROM pg_roles WHERE rolname = current_user))",
                (self.parts["queue"], self.parts["queue"] + "()", self.parts["table"])).fetchone() is not None:
            sys.exit("%s exists and belongs to another role" % self.parts["queue"])

    def add_columns(self, connection, args):
        columns = [c for c in (args.dense, args.tokens, args.sparse) if c]
        types = dict(connection.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (args.table,)).fetchall())
        for column in [args.key] + columns:
            if column not in types:
                sys.exit("table %s has no column %s" % (args.table, column))
        names = quoted(connection, *columns)
        self.types = [types[column] for column in columns]
        self.arrays = ", ".join("%s" if column == args.tokens else "%s::text[]" for column in columns)
        self.parts.update(
            key=quoted(connection, args.key)[0], key_type=types[args.key], text=args.text,
            missing=" OR ".join("%s.%s IS NULL" % (self.parts["alias"], name) for name in names),
            columns=", ".join("pgr_%d" % i for i in range(len(names))),
            assignments=", ".join("%s = pgr_%d::%s" % (name, i, types[column])
                                  for i, (name, column) in enumerate(zip(names, columns))),
            channel="'%s'" % self.channel.replace("'", "''"),
            path=", ".join(quoted(connection, *connection.execute("SELECT current_schemas(false)::text[]").fetchone()[0], "pg_temp")))

    def sql(self, statement, parameters=False):
        """With parameters, "%" means something to psycopg: other ones are doubled."""
        doubled = {k: v.replace("%", "%%") for k, v in self.parts.items()} if parameters else self.parts
        return statement.format(**doubled, arrays=self.arrays)


# --- vectors as SQL reads them ---

def dense_text(vector):
    return "[" + ",".join("%.7g" % x for x in vector) + "]"


def tokens_binary(tokens):
    """A multivector as COPY BINARY has it: dimensions, element kind (f32), 0, tokens, numbers. Text
    would be three times as long and cost more than the model."""
    return struct.pack(">hbbi", tokens.shape[1], 0, 0, len(tokens)) + tokens.astype(">f4").tobytes()


class Multivectors(list):
    """Parameter of a statement: an array of what tokens_binary makes and None."""


def register_multivectors(connection):
    """Parameters of class Multivectors are multivector[] on this connection, where the database has the type."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format
    for element, array in connection.execute(
            "SELECT t.oid, t.typarray FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'"
            " WHERE t.typname = 'multivector'").fetchall():
        class MultivectorsDumper(Dumper):
            format, oid = Format.BINARY, array

            def dump(self, values):
                parts = [struct.pack(">iiIii", 1, 1, element, len(values), 1)]
                for value in values:
                    parts += [struct.pack(">i", -1)] if value is None else [struct.pack(">i", len(value)), value]
                return b"".join(parts)
        connection.adapters.register_dumper(Multivectors, MultivectorsDumper)


def sparse_text(weights):
    return "{" + ",".join("%d:%.6g" % (i + 1, weights[i]) for i in np.flatnonzero(weights)) + "}/%d" % len(weights)


def vectors_of(encoder, texts, args):
    """For each column of args a list of values for a parameter or None, as long as texts."""
    given = [i for i, text in enumerate(texts) if text is not None and text.strip()]
    made = encoder.encode([texts[i] for i in given], tokens=bool(args.tokens))
    columns = []
    for column, kind in ((args.dense, dense_text), (args.tokens, tokens_binary), (args.sparse, sparse_text)):
        if not column:
            continue
        literals = (Multivectors if kind is tokens_binary else list)([None] * len(texts))
        for i, result in zip(given, made):
            vector, tokens = result if args.tokens else (result, None)
            value = tokens if kind is tokens_binary else vector
            literals[i] = None if value is None else kind(value)
        columns.append(literals)
    return columns


def load_encoder(connection, names, args):
    """The model, after one text has gone through it into the columns' types: what cannot work is
    said before anything is made."""
    from encoder import Encoder
    try:
        encoder = Encoder(args.model, args.max_tokens, args.threads)
        if bool(args.sparse) != encoder.is_sparse:
            raise ValueError("it is %sa SPLADE model" % ("" if encoder.is_sparse else "not "))
        tried = vectors_of(encoder, ["a text"], args)
    except Exception as error:      # the libraries have errors of many types for what is no model
        sys.exit("cannot use the model %s: %s" % (args.model, error))
    for kind, values in zip(names.types, tried):
        connection.execute("SELECT (%s{0})[1]::{1}".format("" if isinstance(values, Multivectors) else "::text[]", kind.replace("%", "%%")), (values,))
    return encoder


# --- the work ---

def embed_batch(connection, names, encoder, args):
    """Embeds what a batch takes from the queue; how much that was, 0 when it is empty."""
    with connection.transaction():
        taken = connection.execute(names.sql(TAKE, True), (args.rows,)).fetchall()
        rows = [row[1:] for row in taken if row[1] is not None]     # those since deleted have no key
        if rows:
            columns = vectors_of(encoder, [text for _, text in rows], args)
            for at in range(0, len(rows), WRITTEN):
                keys, texts = zip(*rows[at:at + WRITTEN])
                connection.execute(names.sql(UPDATE, True), (list(keys), list(texts), *(type(c)(c[at:at + WRITTEN]) for c in columns)))
    return taken[0][0] if taken else 0


def show_progress(done, total, last=False):
    if sys.stderr.isatty():
        width = 40 * done // max(total, 1)
        sys.stderr.write("\r[%s%s] %d of %d%s" % ("#" * width, " " * (40 - width), done, total, "\n" if last else ""))
    elif last:
        sys.stderr.write("%d rows embedded\n" % done)
    sys.stderr.flush()


def drain(connection, names, encoder, args):
    total = connection.execute(names.sql("SELECT count(*) FROM {queue}")).fetchone()[0]
    done = 0
    while True:
        count = embed_batch(connection, names, encoder, args)
        if count == 0:
            break
        done += count
        show_progress(done, max(total, done))
    if done:
        show_progress(done, done, last=True)


def follow(connection, names, encoder, args):
    connection.execute("LISTEN " + quoted(connection, names.channel)[0])
    while True:
        drain(connection, names, encoder, args)
        for _ in connection.notifies(timeout=WAIT, stop_after=1):
            pass


def work(connection, args):
    register_multivectors(connection)
    names = Names(connection, args)
    if args.uninstall:
        connection.execute(names.sql(UNINSTALL))
        return
    encoder = load_encoder(connection, names, args)
    with connection.transaction():
        connection.execute(names.sql(INSTALL))
    (follow if args.follow else drain)(connection, names, encoder, args)


def main():
    args = parse_arguments()
    import psycopg
    try:
        with psycopg.connect(args.dsn, autocommit=True) as connection:
            work(connection, args)
    except psycopg.Error as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
