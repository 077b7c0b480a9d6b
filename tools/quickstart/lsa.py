"""Latent semantic analysis (LSA): vectors learned in seconds from the corpus itself.

Stands in where no model can be had: a term-by-section matrix (log tf x idf, unit rows) is
reduced to DIM dimensions by a truncated SVD (randomised, Halko et al. 2011). A section is one
vector of DIM dimensions. Each distinct word of a section, in order, is one token of TOKEN_DIM
dimensions: the word's own vector plus a little of its neighbours'.
"""
import os

import numpy as np
import scipy.sparse as sp

from corpus import literal, matrix_literal, say, unit, words_of

DIM = 256
TOKEN_DIM = 128
MAX_TOKENS = 128
CONTEXT = 0.3           # weight of the neighbours in a token
SEED = 20260101


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


def build(searched, out_dir):
    """(dense, tokens) for corpus.write_copy(); model.npz into out_dir"""
    texts = [words_of(text) for text in searched]
    terms, index, idf, counts = count_matrix(texts)
    say("%d sections, %d distinct words" % (len(texts), len(terms)))
    matrix = weigh(counts, idf)
    vectors, sigma = truncated_svd(matrix, DIM)
    dense = pad(unit(matrix @ vectors), DIM).astype(np.float32)
    word_vectors = pad(unit((vectors * sigma)[:, :TOKEN_DIM]), TOKEN_DIM).astype(np.float32)
    np.savez(os.path.join(out_dir, "model.npz"), terms=np.array(terms), idf=idf,
             vectors=pad(vectors, DIM).astype(np.float32), word_vectors=word_vectors)
    return dense, (tokens_of(words, index, word_vectors) for words in texts)


class Encoder:
    """What makes vectors of questions, read from model.npz."""

    def __init__(self, out_dir):
        model = np.load(os.path.join(out_dir, "model.npz"))
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
                matrix_literal(tokens_of(words, self.index, self.word_vectors)))
