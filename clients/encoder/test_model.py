#!/usr/bin/env python3
"""Writes a tiny BERT of random weights into a directory: test_model.py DIR [WIDTH [splade]]

What tests need of a model without one: words of the vocabulary have their own vectors, and the
same text always the same. It knows nothing.
"""
import json
import os
import struct
import sys

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + "apple banana cherry index vector search fusion zebra".split()
LAYERS, HEADS, LENGTH = 2, 2, 32


def shapes(width):
    yield "embeddings.word_embeddings.weight", (len(WORDS), width)
    yield "embeddings.position_embeddings.weight", (LENGTH, width)
    yield "embeddings.token_type_embeddings.weight", (2, width)
    yield from norm("embeddings.LayerNorm", width)
    for number in range(LAYERS):
        layer = "encoder.layer.%d." % number
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield from dense(layer + part, width, width)
        yield from norm(layer + "attention.output.LayerNorm", width)
        yield from dense(layer + "intermediate.dense", 4 * width, width)
        yield from dense(layer + "output.dense", width, 4 * width)
        yield from norm(layer + "output.LayerNorm", width)


def head_shapes(width):
    yield "cls.predictions.bias", (len(WORDS),)
    yield from dense("cls.predictions.transform.dense", width, width)
    yield from norm("cls.predictions.transform.LayerNorm", width)


def dense(name, rows, columns):
    return [(name + ".weight", (rows, columns)), (name + ".bias", (rows,))]


def norm(name, width):
    return [(name + ".weight", (width,)), (name + ".bias", (width,))]


def write_safetensors(path, arrays):
    header, at = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for array in arrays.values():
            file.write(array.astype("<f4").tobytes())


def main(path, width, splade):
    os.makedirs(path, exist_ok=True)
    rng = np.random.default_rng(1)
    named = [("bert." + name, shape) for name, shape in shapes(width)] + list(head_shapes(width)) if splade else shapes(width)
    write_safetensors(os.path.join(path, "model.safetensors"),
                      {name: rng.standard_normal(shape).astype(np.float32) for name, shape in named})
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"model_type": "bert", "architectures": ["BertForMaskedLM" if splade else "BertModel"],
                   "vocab_size": len(WORDS), "hidden_act": "gelu", "hidden_size": width, "num_hidden_layers": LAYERS,
                   "num_attention_heads": HEADS, "max_position_embeddings": LENGTH, "layer_norm_eps": 1e-12}, file)
    with open(os.path.join(path, "sentence_bert_config.json"), "w", encoding="utf-8") as file:
        json.dump({"max_seq_length": 16}, file)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(os.path.join(path, "tokenizer.json"))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 16, "splade" in sys.argv)
