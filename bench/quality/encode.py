#!/usr/bin/env python3
"""Vectors of a judged collection, made by a model and kept.

    encode.py MODEL COLLECTION OUT [--max-tokens N] [--threads N]

COLLECTION has corpus.tsv (id, title, text), queries.tsv (id, text) and perhaps
queries_train.tsv. For each, OUT gets NAME.vectors.npy (float32 [texts, width]) and
NAME.tokens.npy (float16 [tokens, width], unit length), NAME.lengths.npy (int32, tokens of
each text, 0 for an empty one). Of a SPLADE model it gets NAME.weights.npz: the weights that
are not 0 (float32), their words (int32, from 0), how many each text has (int32), the
vocabulary's width. What is there already is not made again.
"""
import argparse
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "encoder"))
from encoder import Encoder  # noqa: E402

CHUNK = 1024        # texts whose token vectors are held as float32


def read_texts(path):
    """Texts of a file of lines id, [title,] text; title and text are one text."""
    with open(path, encoding="utf-8", newline="\n") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [". ".join(part for part in row[1:] if part) for row in rows]


def encode_dense(encoder, texts, out):
    """The number of tokens."""
    vectors, tokens, lengths = [], [], []
    for start in range(0, len(texts), CHUNK):
        for vector, words in encoder.encode(texts[start:start + CHUNK], tokens=True):
            vectors.append(np.zeros(encoder.width, np.float32) if vector is None else vector)
            lengths.append(0 if words is None else len(words))
            if words is not None:
                tokens.append(words.astype(np.float16))
    np.save(out + ".vectors.npy", np.array(vectors, np.float32))
    np.save(out + ".tokens.npy", np.concatenate(tokens))
    np.save(out + ".lengths.npy", np.array(lengths, np.int32))
    return sum(lengths)


def encode_sparse(encoder, texts, out):
    """The number of weights."""
    words, weights = [], []
    for start in range(0, len(texts), CHUNK):
        for row in encoder.encode(texts[start:start + CHUNK]):
            words.append(np.flatnonzero(row).astype(np.int32) if row is not None else np.zeros(0, np.int32))
            weights.append(row[words[-1]] if row is not None else np.zeros(0, np.float32))
    np.savez(out + ".weights.npz", words=np.concatenate(words), weights=np.concatenate(weights).astype(np.float32),
             lengths=np.array([len(w) for w in words], np.int32), width=np.int32(encoder.width))
    return sum(len(w) for w in words)


def encode_file(encoder, texts, out):
    started = time.time()
    count = (encode_sparse if encoder.is_sparse else encode_dense)(encoder, texts, out)
    print("%s: %d texts, %d %s, %.0f s" % (out, len(texts), count, "weights" if encoder.is_sparse else "tokens",
                                           time.time() - started), file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Vectors of a judged collection.")
    parser.add_argument("model")
    parser.add_argument("collection")
    parser.add_argument("out")
    parser.add_argument("--max-tokens", type=int, help="where texts are cut (the model's own limit)")
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime (as many as cores)")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    encoder = Encoder(args.model, args.max_tokens, args.threads,
                      args.model if os.access(args.model, os.W_OK) else args.out)
    for name in ("queries", "queries_train", "corpus"):
        path = os.path.join(args.collection, name + ".tsv")
        done = os.path.join(args.out, name)
        last = done + (".weights.npz" if encoder.is_sparse else ".lengths.npy")
        if os.path.exists(path) and not os.path.exists(last):
            encode_file(encoder, read_texts(path), done)


if __name__ == "__main__":
    main()
