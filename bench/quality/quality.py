#!/usr/bin/env python3
"""How good each search is on judged collections, as tables in Markdown.

    quality.py DATA MODEL CACHE [COLLECTION...] [--splade MODEL] [--max-tokens N] [--tables]

DATA has a folder for each collection: corpus.tsv, queries.tsv, qrels.tsv, perhaps queries_train.tsv
and qrels_train.tsv. MODEL is a model's directory (clients/encoder), --splade that of a SPLADE model, without which
its rows are left out. Vectors are made once and kept in CACHE; texts cut at another length need another CACHE.
The database is psql's (PGHOST, PGDATABASE, ...); each collection gets a schema
of its own there, made anew and dropped at the end. measure.sql runs the searches; what it says of a collection is kept
beside its vectors, so that collections may be measured one at a time; --tables prints the tables of all.
"""
import argparse
import os
import re
import struct
import subprocess
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")     # products are small: threads would wait for each other
import numpy as np  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
COLLECTIONS = ["scifact", "cranfield", "med", "cisi", "npl", "cacm"]
PROJECTED = 128
SAMPLE = 50000      # tokens that the projection is fitted on
TABLES = [("nDCG@10", "nDCG@10"), ("difference", "difference of nDCG@10 (p by randomisation)"), ("recall@100", "recall@100"),
          ("depth", "nDCG@10 by depth of legs and rerank, ten rows wanted"), ("bytes a document", "bytes a document"),
          ("ms a search", "ms a search"), ("ms by depth", "ms a search by depth")]
WEIGHTS = "| | 0 | .1 | .2 | .3 | .4 | .5 | .6 | .7 | .8 | .9 | 1 |\n" + "|---" * 12 + "|"


def psql(sql, **variables):
    given = [part for name, value in variables.items() for part in ("-v", "%s=%s" % (name, value))]
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *given], input=sql, stdout=subprocess.PIPE, text=True, check=False)
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


class Weights:
    """What encode.py has made of one file with a SPLADE model."""

    def __init__(self, path):
        kept = np.load(path + ".weights.npz")
        self.words, self.weights, self.width = kept["words"], kept["weights"], int(kept["width"])
        self.ends = np.concatenate([[0], np.cumsum(kept["lengths"])])

    def sparsevec(self, i):
        """Row i as COPY has it."""
        own = slice(self.ends[i], self.ends[i + 1])
        return struct.pack(">iii", self.width, self.ends[i + 1] - self.ends[i], 0) + \
            self.words[own].astype(">i4").tobytes() + self.weights[own].astype(">f4").tobytes()


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

    def copy(self, rows, axes, weights, path):
        """A file for COPY BINARY: id, text, vector, tokens, projected tokens, weights (Weights or None)."""
        with open(path, "wb") as out:
            out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
            for i, (ident, text) in enumerate(rows):
                tokens = np.asarray(self.tokens[self.ends[i]:self.ends[i + 1]])
                projected = unit(tokens.astype(np.float32) @ axes).astype(np.float16)
                dense = self.dense[i]
                vector = struct.pack(">hh", len(dense), 0) + dense.astype(">f4").tobytes() if dense.any() else None
                out.write(struct.pack(">h", 6) + field(ident.encode()) + field(text.encode()) + field(vector)
                          + field(multivector(tokens)) + field(multivector(projected)) + field(weights and weights.sparsevec(i)))
            out.write(struct.pack(">h", -1))


TABLE = """SET search_path = {schema}, public;
CREATE UNLOGGED TABLE {table} (id text PRIMARY KEY, body text, v vector({width}), t multivector({width}, f16), p multivector({projected}, i8), s sparsevec);
\\copy {table} FROM '{file}' (FORMAT binary)
"""
JUDGED = """SET search_path = {schema}, public;
CREATE TABLE {judged} (topic text, doc text, grade int);
\\copy {judged} FROM '{file}'
"""


def encode(model, data, made, max_tokens):
    subprocess.run([sys.executable, os.path.join(HERE, "encode.py"), model, data, made,
                    *(["--max-tokens", str(max_tokens)] if max_tokens else [])], check=True)


def load(schema, args, data, made):
    """The collection's tables in a schema."""
    encode(args.model, data, made, args.max_tokens)
    if args.splade:
        encode(args.splade, data, made, args.max_tokens)
    corpus = Vectors(os.path.join(made, "corpus"))
    axes, width = corpus.axes(), corpus.dense.shape[1]
    scratch = os.path.join(made, "copy.%d" % os.getpid())
    psql("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}".format(schema))
    for table, name, judged in (("docs", "corpus", None), ("queries", "queries", "qrels"), ("queries_train", "queries_train", "qrels_train")):
        texts, own = os.path.join(data, name + ".tsv"), os.path.join(made, name)
        if not os.path.exists(texts):
            continue
        Vectors(own).copy(read_rows(texts), axes, Weights(own) if args.splade else None, scratch)
        psql(TABLE.format(schema=schema, table=table, width=width, projected=PROJECTED, file=scratch))
        os.unlink(scratch)
        if judged:
            psql(JUDGED.format(schema=schema, judged=judged, file=os.path.join(data, judged + ".tsv")))


def measure(collection, args):
    """What measure.sql says of a collection, kept: {(table, row): value}"""
    made = os.path.join(args.cache, collection)
    load(collection, args, os.path.join(args.data, collection), made)
    said = psql("SET search_path = %s, public;\n\\i %s\n" % (collection, os.path.join(HERE, "measure.sql")), splade=int(bool(args.splade)))
    psql("DROP SCHEMA %s CASCADE" % collection)
    with open(os.path.join(made, "measured.tsv"), "w", encoding="utf-8") as file:
        file.write(said)


def read_measured(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return {tuple(line.rstrip("\n").split("\t")[:2]): line.rstrip("\n").split("\t")[2] for line in file}


def shown(text):
    """Without the number that orders rows, and without the 0 before a point."""
    return re.sub(r"(?<!\d)0\.(?=\d{3})", ".", re.sub(r"^\d\d ", "", text))


def write_tables(collections, args):
    """Of all collections measured, now or before."""
    measured = {c: read_measured(os.path.join(args.cache, c, "measured.tsv")) for c in collections}
    have = [c for c in collections if measured[c]]
    for key, title in TABLES:
        rows = sorted({row for c in have for table, row in measured[c] if table == key and not row.startswith("train")})
        print("| %s | %s |\n%s|" % (title, " | ".join(have), "|---" * (len(have) + 1)))
        for row in rows:
            print("| %s | %s |" % (shown(row), " | ".join(shown(measured[c].get((key, row), "")) for c in have)))
        print()
    for c in have:
        rows = sorted(row for table, row in measured[c] if table == "weight")
        if rows:
            print("Training queries of %s, nDCG@10 by the weight of MaxSim:\n\n%s" % (c, WEIGHTS))
            for row in rows:
                print("| %s | %s |" % (row, shown(measured[c]["weight", row])))


def main():
    parser = argparse.ArgumentParser(description="How good each search is on judged collections.")
    for name in ("data", "model", "cache"):
        parser.add_argument(name)
    parser.add_argument("collections", nargs="*", help="scifact cranfield med cisi npl cacm")
    parser.add_argument("--splade", help="directory of a SPLADE model")
    parser.add_argument("--max-tokens", type=int, help="where texts are cut (the model's own limit)")
    parser.add_argument("--tables", action="store_true", help="measure nothing: only the tables of what was measured")
    args = parser.parse_args()
    if not args.splade and not args.tables:
        print("no --splade MODEL: its rows are left out", file=sys.stderr)
    if not args.tables:
        psql("CREATE EXTENSION IF NOT EXISTS pgretrieve")
    for collection in () if args.tables else args.collections or COLLECTIONS:
        measure(collection, args)
    write_tables(list(dict.fromkeys(COLLECTIONS + args.collections)), args)


if __name__ == "__main__":
    main()
