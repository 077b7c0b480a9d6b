#!/usr/bin/python3
"""Makes vectors of a corpus.

    embed.py CORPUS.tsv OUT_DIR [--judged] [--model DIR]

Writes docs.copy for COPY BINARY and what makes vectors of questions alike; without --judged
also questions.tsv and qrels.tsv, made of headings that are taken out of the text (headings.py).
With --model vectors are that model's (neural.py), else they are learned from the text (lsa.py).
"""
import argparse
import os

import headings
from corpus import read_corpus, say, words_of, write_copy


def load_encoder(out_dir):
    if os.path.exists(os.path.join(out_dir, "projection.npz")):
        import neural
        return neural.Encoder(out_dir)
    import lsa
    return lsa.Encoder(out_dir)


def build(corpus, out_dir, judged, model):
    rows = read_corpus(corpus)
    held = {} if judged else headings.hold_out(rows, words_of)
    searched = [(headings.without_heading(title) if title in held else title) + "\n" + body
                for _, title, body in rows]
    if model:
        import neural
        dense, tokens = neural.build(searched, out_dir, model)
    else:
        import lsa
        dense, tokens = lsa.build(searched, out_dir)
    say("writing vectors and tokens")
    write_copy(os.path.join(out_dir, "docs.copy"), rows, searched, dense, tokens)
    if not judged:
        headings.write_judged(out_dir, rows, held)


def main():
    parser = argparse.ArgumentParser(description="Makes vectors of a corpus.")
    parser.add_argument("corpus")
    parser.add_argument("out_dir")
    parser.add_argument("--judged", action="store_true")
    parser.add_argument("--model")
    args = parser.parse_args()
    build(args.corpus, args.out_dir, args.judged, args.model)


if __name__ == "__main__":
    main()
