#!/usr/bin/env python3
"""How good each search is on judged collections, as tables in Markdown.

    quality.py DATA MODEL CACHE [COLLECTION...]

DATA has a folder for each collection: corpus.tsv, queries.tsv, qrels.tsv, perhaps queries_train.tsv
and qrels_train.tsv. MODEL is a model's directory (clients/encoder). Vectors are made once and kept
in CACHE. The database is psql's (PGHOST, PGDATABASE, ...); each collection gets a schema
of its own there, made anew. measure.sql runs the searches. POOLED=0 in the environment leaves
pooled tokens out, which take long to make.
"""
import os
import subprocess
import struct
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")     # products are small: threads would wait for each other
import numpy as np  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
COLLECTIONS = ["scifact", "cranfield", "med", "cisi", "npl", "cacm"]
PROJECTED = 128
SAMPLE = 50000      # tokens that the projection is fitted on


def psql(sql):
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v", "pooled=" + os.environ.get("POOLED", "100")], input=sql, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("psql failed")
    return done.stdout


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def field(payload):
    return struct.pack(">i", -1) if payload is None else struct.pack(">i", len(payload)) + payload


def multivector(tokens):
    """float16 tokens as COPY has them: element kind 1."""
    return struct.pack(">hbbi", tokens.shape[1] if len(tokens) else 0, 1, 0, len(tokens)) + tokens.byteswap().tobytes()


def read_rows(path):
    """(id, text) of lines of id, [title,] text; title and text are one text, as encode.py has it."""
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            ident, *parts = line.rstrip("\n").split("\t")
            yield ident, ". ".join(part for part in parts if part)


class Vectors:
    """What encode.py has made of one file."""

    def __init__(self, path):
        self.dense = np.load(path + ".vectors.npy")
        self.tokens = np.load(path + ".tokens.npy", mmap_mode="r")
        self.ends = np.concatenate([[0], np.cumsum(np.load(path + ".lengths.npy"))])

    def axes(self):
        """The principal axes of the tokens, [width, PROJECTED]."""
        chosen = np.random.default_rng(1).choice(len(self.tokens), min(SAMPLE, len(self.tokens)), replace=False)
        sample = self.tokens[np.sort(chosen)].astype(np.float32)
        return np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :PROJECTED].astype(np.float32)

    def copy(self, rows, axes, path):
        """A file for COPY BINARY: id, text, vector, tokens, projected tokens."""
        with open(path, "wb") as out:
            out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
            for i, (ident, text) in enumerate(rows):
                tokens = np.asarray(self.tokens[self.ends[i]:self.ends[i + 1]])
                projected = unit(tokens.astype(np.float32) @ axes).astype(np.float16)
                dense = self.dense[i]
                vector = struct.pack(">hh", len(dense), 0) + dense.astype(">f4").tobytes() if dense.any() else None
                out.write(struct.pack(">h", 5) + field(ident.encode()) + field(text.encode()) + field(vector)
                          + field(multivector(tokens)) + field(multivector(projected)))
            out.write(struct.pack(">h", -1))


TABLE = """SET search_path = {schema}, public;
CREATE UNLOGGED TABLE {table} (id text PRIMARY KEY, body text, v vector({width}), t multivector({width}, f16), p multivector({projected}, i8));
\\copy {table} FROM '{file}' (FORMAT binary)
"""
JUDGED = """SET search_path = {schema}, public;
CREATE TABLE {judged} (topic text, doc text, grade int);
\\copy {judged} FROM '{file}'
"""


def load(schema, model, data, made):
    """The collection's tables in a schema."""
    subprocess.run([sys.executable, os.path.join(HERE, "encode.py"), model, data, made], check=True)
    corpus = Vectors(os.path.join(made, "corpus"))
    axes, width = corpus.axes(), corpus.dense.shape[1]
    scratch = os.path.join(made, "copy.%d" % os.getpid())
    psql("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}".format(schema))
    for table, name, judged in (("docs", "corpus", None), ("queries", "queries", "qrels"), ("queries_train", "queries_train", "qrels_train")):
        texts = os.path.join(data, name + ".tsv")
        if not os.path.exists(texts):
            continue
        Vectors(os.path.join(made, name)).copy(read_rows(texts), axes, scratch)
        psql(TABLE.format(schema=schema, table=table, width=width, projected=PROJECTED, file=scratch))
        os.unlink(scratch)
        if judged:
            psql(JUDGED.format(schema=schema, judged=judged, file=os.path.join(data, judged + ".tsv")))


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    data, model, cache, *wanted = sys.argv[1:]
    psql("CREATE EXTENSION IF NOT EXISTS pgretrieve")
    for collection in wanted or COLLECTIONS:
        load(collection, model, os.path.join(data, collection), os.path.join(cache, collection))
        print("### %s\n" % collection, flush=True)
        print(psql("SET search_path = %s, public;\n\\i %s\n" % (collection, os.path.join(HERE, "measure.sql"))), flush=True)


if __name__ == "__main__":
    main()
