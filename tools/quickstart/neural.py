"""Vectors by a model: a vector for each section, one for each of its tokens.

Token vectors are projected from the model's width to TOKEN_DIM dimensions, those in which the
corpus's own tokens are longest (principal axes of a sample), and made unit length again.
"""
import os
import sys

import numpy as np

from corpus import literal, matrix_literal, unit

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "clients", "encoder"))
from encoder import Encoder as Model  # noqa: E402

TOKEN_DIM = 128
MAX_TOKENS = 128        # of a text; what is beyond is in no vector
CHUNK = 512             # texts at a time; the first are the sample
SEED = 20260101


def principal_axes(tokens):
    """[width, TOKEN_DIM]: inner products of tokens change least under it."""
    _, axes = np.linalg.eigh(tokens.T @ tokens)
    return axes[:, ::-1][:, :TOKEN_DIM].astype(np.float32)


def progress(done, total):
    if sys.stderr.isatty():
        sys.stderr.write("\r   %d of %d sections%s" % (done, total, "\r\033[K" if done == total else ""))
    elif done == total or done // CHUNK % 2 == 0:
        sys.stderr.write("   %d of %d sections\n" % (done, total))
    sys.stderr.flush()


def build(searched, out_dir, model_dir):
    """(dense, tokens) for corpus.write_copy(); projection.npz into out_dir"""
    model = Model(model_dir, MAX_TOKENS)
    order = np.random.default_rng(SEED).permutation(len(searched))
    dense = np.zeros((len(searched), model.width), np.float32)
    tokens, axes = [None] * len(searched), None
    for start in range(0, len(order), CHUNK):
        chunk = order[start:start + CHUNK]
        encoded = model.encode([searched[i] for i in chunk], tokens=True)
        if axes is None:
            axes = principal_axes(np.concatenate([own for _, own in encoded if own is not None]))
        for i, (vector, own) in zip(chunk, encoded):
            if vector is not None:
                dense[i] = vector
            tokens[i] = unit(own @ axes).astype(np.float16) if own is not None else np.zeros((0, TOKEN_DIM), np.float16)
        progress(min(start + CHUNK, len(order)), len(order))
    np.savez(os.path.join(out_dir, "projection.npz"), axes=axes, model=np.array(model_dir))
    return dense, tokens


class Encoder:
    """What makes vectors of questions, by the model and the corpus's projection."""

    def __init__(self, out_dir):
        kept = np.load(os.path.join(out_dir, "projection.npz"))
        self.axes = kept["axes"]
        self.model = Model(str(kept["model"]), MAX_TOKENS)

    def encode(self, text):
        """The question's vector and its multivector as SQL has them; "" if it has no token."""
        vector, tokens = self.model.encode([text], tokens=True)[0]
        if vector is None:
            return "", ""
        return literal(vector), matrix_literal(unit(tokens @ self.axes))
