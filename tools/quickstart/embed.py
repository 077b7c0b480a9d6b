#!/usr/bin/python3
"""Makes vectors from a corpus by latent semantic analysis (LSA).

    embed.py build CORPUS.tsv OUT_DIR [--judged]
        model.npz, and docs.copy for COPY BINARY; without --judged also questions.tsv
        and qrels.tsv, made of headings that are taken out of the text (headings.py)

LSA stands in for a neural encoder, so that this runs anywhere without one: a
term-by-section matrix (log tf x idf, unit rows) is reduced to DIM dimensions by
a truncated SVD (randomised, Halko et al. 2011). A section is one vector of DIM
dimensions. Each distinct word of a section, in order, is one token of TOKEN_DIM
dimensions: the word's own vector plus a little of its neighbours'.
"""
import os
import re
import struct
import sys

import numpy as np
import scipy.sparse as sp

import headings

DIM = 256
TOKEN_DIM = 128
MAX_TOKENS = 128
CONTEXT = 0.3           # weight of the neighbours in a token
SEED = 20260101

STOP = set("""a about above after again all also an and any are as at be because been
before being below between both but by can could did do does doing down each few for
from further had has have having he her here hers him his how i if in into is it its
itself just me more most my no nor not now of off on once only or other our out over
own same she should so some such than that the their them then there these they this
those through to too under until up very was we were what when where which while who
whom why will with would you your get got use used using way want see like one e g""".split())
WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def stem(word):
    """A small suffix stripper; enough to bring plurals and -ing forms together."""
    if "_" in word or len(word) < 5:
        return word
    for suffix, cut, add in (("ies", 3, "y"), ("sses", 2, ""), ("ing", 3, ""), ("ed", 2, ""),
                             ("es", 1, ""), ("s", 1, ""), ("ly", 2, "")):
        if word.endswith(suffix) and not word.endswith("ss") and len(word) - cut > 3:
            word = word[:-cut] + add
            if suffix in ("ing", "ed") and len(word) > 3 and word[-1] == word[-2] != "l":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def words_of(text):
    return [stem(w) for w in WORD.findall(text.lower()) if w not in STOP and len(w) > 1]


def unit(rows):
    norm = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def say(message):
    print("   " + message, file=sys.stderr, flush=True)


def read_corpus(path):
    rows, ids = [], set()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3:
                sys.exit("%s, line %d: expected 3 tab-separated fields (id, title, text), found %d"
                         % (path, number, len(fields)))
            if fields[0] in ids:
                sys.exit("%s, line %d: id %s occurs twice" % (path, number, fields[0]))
            ids.add(fields[0])
            rows.append([f.replace("\0", " ") for f in fields])
    if len(rows) < 10:
        sys.exit("%s: %d sections are too few to learn from; 10 are the least" % (path, len(rows)))
    return rows


def count_matrix(texts):
    """Sections x terms counts, terms in at least 2 sections and not in over 30 %."""
    df = {}
    for words in texts:
        for word in set(words):
            df[word] = df.get(word, 0) + 1
    terms = sorted(w for w, n in df.items() if 2 <= n <= max(2, 0.3 * len(texts)))
    index = {w: i for i, w in enumerate(terms)}
    data, cols, ptr = [], [], [0]
    for words in texts:
        row = {}
        for word in words:
            if word in index:
                row[index[word]] = row.get(index[word], 0) + 1
        cols.extend(row)
        data.extend(row.values())
        ptr.append(len(cols))
    matrix = sp.csr_matrix((np.array(data, float), cols, ptr), shape=(len(texts), len(terms)))
    idf = np.log(len(texts) / np.array([df[w] for w in terms]))
    return terms, index, idf, matrix


def truncated_svd(matrix, k):
    """The k leading right singular vectors and values."""
    rng = np.random.default_rng(SEED)
    k = min(k, min(matrix.shape) - 1)
    basis = matrix @ rng.standard_normal((matrix.shape[1], k + 20))
    for i in range(4):
        basis, _ = np.linalg.qr(basis)
        basis = matrix @ (matrix.T @ basis)
        say("singular value decomposition, step %d of 4" % (i + 1))
    basis, _ = np.linalg.qr(basis)
    _, sigma, vt = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return vt[:k].T, sigma[:k]


def pad(rows, width):
    return rows if rows.shape[1] == width else np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def weigh(matrix, idf):
    matrix = matrix.copy()
    matrix.data = 1 + np.log(matrix.data)
    matrix = matrix @ sp.diags(idf)
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.diags(1 / np.where(norm > 0, norm, 1)) @ matrix


def tokens_of(words, index, word_vectors):
    """Unit token vectors of the distinct known words, mixed with their neighbours."""
    known = [index[w] for w in words if w in index]
    first = {}
    for position, term in enumerate(known):
        first.setdefault(term, position)
    keep = sorted(first.values())[:MAX_TOKENS]
    if not keep:
        return np.zeros((0, word_vectors.shape[1]), np.float32)
    vectors = word_vectors[known]
    context = np.zeros_like(vectors)
    for shift in (1, 2):
        context[shift:] += vectors[:-shift]
        context[:-shift] += vectors[shift:]
    return unit(vectors + CONTEXT * unit(context))[keep]


def copy_field(payload):
    return struct.pack(">i", len(payload)) + payload


def write_copy(path, rows, searched, dense, texts, index, word_vectors):
    """A file in COPY's binary format: id, title, body, words, embedding, tokens."""
    with open(path, "wb") as out:
        out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        for i, (ident, title, body) in enumerate(rows):
            tokens = tokens_of(texts[i], index, word_vectors)
            out.write(struct.pack(">h", 6))
            for text in (ident, title, body, searched[i]):
                out.write(copy_field(text.encode()))
            if dense[i].any():
                out.write(copy_field(struct.pack(">hh", DIM, 0) + dense[i].astype(">f4").tobytes()))
            else:
                out.write(struct.pack(">i", -1))
            # element kind 1 is f16
            out.write(copy_field(struct.pack(">hbbi", TOKEN_DIM if len(tokens) else 0, 1, 0, len(tokens))
                                 + tokens.astype(">f2").tobytes()))
        out.write(struct.pack(">h", -1))


def build(corpus, out_dir, judged):
    rows = read_corpus(corpus)
    held = {} if judged else headings.hold_out(rows, words_of)
    searched = [(headings.without_heading(title) if title in held else title) + "\n" + body
                for _, title, body in rows]
    texts = [words_of(text) for text in searched]
    terms, index, idf, counts = count_matrix(texts)
    say("%d sections, %d distinct words" % (len(rows), len(terms)))
    matrix = weigh(counts, idf)
    vectors, sigma = truncated_svd(matrix, DIM)
    dense = pad(unit(matrix @ vectors), DIM).astype(np.float32)
    word_vectors = pad(unit((vectors * sigma)[:, :TOKEN_DIM]), TOKEN_DIM).astype(np.float32)
    say("writing vectors and tokens")
    write_copy(os.path.join(out_dir, "docs.copy"), rows, searched, dense, texts, index, word_vectors)
    np.savez(os.path.join(out_dir, "model.npz"), terms=np.array(terms), idf=idf,
             vectors=pad(vectors, DIM).astype(np.float32), word_vectors=word_vectors)
    if not judged:
        headings.write_judged(out_dir, rows, held)


def literal(vector):
    return "[" + ",".join("%.6g" % x for x in vector) + "]"


class Encoder:
    """What makes vectors of questions, read from model.npz."""

    def __init__(self, path):
        model = np.load(path)
        self.idf, self.vectors, self.word_vectors = model["idf"], model["vectors"], model["word_vectors"]
        self.index = {w: i for i, w in enumerate(model["terms"])}

    def encode(self, text):
        """The question's vector and its multivector as SQL has them; "" if no word is known."""
        words = words_of(text)
        row = np.zeros(len(self.index))
        for word in words:
            if word in self.index:
                row[self.index[word]] += 1
        if not row.any():
            return "", ""
        row = np.where(row > 0, 1 + np.log(np.maximum(row, 1)), 0) * self.idf
        return (literal(unit(row @ self.vectors)),
                "[" + ",".join(literal(t) for t in tokens_of(words, self.index, self.word_vectors)) + "]")


if __name__ == "__main__":
    if len(sys.argv) in (4, 5) and sys.argv[1] == "build" and sys.argv[4:] in ([], ["--judged"]):
        build(sys.argv[2], sys.argv[3], len(sys.argv) == 5)
    else:
        sys.exit(__doc__)
