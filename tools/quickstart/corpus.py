"""A corpus: reading it, its words, and what COPY is given of it."""
import re
import struct
import sys

import numpy as np

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


def literal(vector):
    return "[" + ",".join("%.6g" % x for x in vector) + "]"


def matrix_literal(vectors):
    return "[" + ",".join(literal(v) for v in vectors) + "]"


def copy_field(payload):
    return struct.pack(">i", len(payload)) + payload


def write_copy(path, rows, searched, dense, tokens):
    """A file in COPY's binary format: id, title, body, words, embedding, tokens.
    dense: [rows, width], zeros for none; tokens: float arrays [n, width], one a row."""
    with open(path, "wb") as out:
        out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        for (ident, title, body), text, vector, own in zip(rows, searched, dense, tokens):
            out.write(struct.pack(">h", 6))
            for field in (ident, title, body, text):
                out.write(copy_field(field.encode()))
            if vector.any():
                out.write(copy_field(struct.pack(">hh", len(vector), 0) + vector.astype(">f4").tobytes()))
            else:
                out.write(struct.pack(">i", -1))
            # element kind 1 is f16
            out.write(copy_field(struct.pack(">hbbi", own.shape[1] if len(own) else 0, 1, 0, len(own))
                                 + own.astype(">f2").tobytes()))
        out.write(struct.pack(">h", -1))
