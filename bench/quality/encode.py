#!/usr/bin/env python3
"""Vectors of a judged collection, made by a model and kept.

    encode.py MODEL COLLECTION OUT

COLLECTION has corpus.tsv (id, title, text), queries.tsv (id, text) and perhaps
queries_train.tsv. For each, OUT gets NAME.vectors.npy (float32 [texts, width]) and
NAME.tokens.npy (float16 [tokens, width], unit length), NAME.lengths.npy (int32, tokens of
each text, 0 for an empty one). What is there already is not made again.
"""
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


def encode_file(encoder, texts, out):
    vectors, tokens, lengths = [], [], []
    started = time.time()
    for start in range(0, len(texts), CHUNK):
        for vector, words in encoder.encode(texts[start:start + CHUNK], tokens=True):
            vectors.append(np.zeros(encoder.width, np.float32) if vector is None else vector)
            lengths.append(0 if words is None else len(words))
            if words is not None:
                tokens.append(words.astype(np.float16))
    print("%s: %d texts, %d tokens, %.0f s" % (out, len(texts), sum(lengths), time.time() - started), flush=True)
    np.save(out + ".vectors.npy", np.array(vectors, np.float32))
    np.save(out + ".tokens.npy", np.concatenate(tokens))
    np.save(out + ".lengths.npy", np.array(lengths, np.int32))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    model, collection, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    encoder = None
    for name in ("queries", "queries_train", "corpus"):
        path = os.path.join(collection, name + ".tsv")
        done = os.path.join(out, name)
        if not os.path.exists(path) or os.path.exists(done + ".lengths.npy"):
            continue
        encoder = encoder or Encoder(model, cache_dir=os.path.dirname(os.path.abspath(out)))
        encode_file(encoder, read_texts(path), done)


if __name__ == "__main__":
    main()
