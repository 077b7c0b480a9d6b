"""Texts to vectors by an ONNX model: dense, token vectors, sparse.

    encoder = Encoder("path/to/model")
    for vector, tokens in encoder.encode(["some text", ...], tokens=True): ...

A model is a directory with tokenizer.json and one of

    model.onnx or onnx/model.onnx     any export with input_ids, attention_mask [, token_type_ids]
    model.safetensors, config.json    a BERT, with a masked-language-model head or without
                                      (bert_onnx.py makes the graph, 8 bits, beside it or in
                                      cache_dir)

What its first output is, is told by its rank and name: [batch, length, hidden] are token
vectors, pooled as 1_Pooling/config.json says (mean where there is none); [batch, hidden] is a
sentence vector; "logits" of a vocabulary's width are SPLADE's, log(1 + relu) with the maximum
over the tokens.

Texts longer than max_tokens are cut (sentence_bert_config.json's max_seq_length, or 256; never
more than config.json's max_position_embeddings, which the model has no place for). An
empty text has the model's vector of nothing, which says nothing: vector and tokens are None.
"""
import json
import os

import numpy as np

import bert_onnx

BATCH_TOKENS = 4096         # of a batch, padding included: keeps activations in the cache
SPARSE_TOKENS = 512         # the same where each token gives a number for each word there is


def read_json(path, default):
    if not os.path.exists(path):
        return default
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def unit(rows):
    """Rows of length 1; a row of zeros stays."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def token_limit(path, asked):
    """Where texts are cut; ValueError where more is asked for than the model has positions."""
    positions = read_json(os.path.join(path, "config.json"), {}).get("max_position_embeddings")
    if asked and positions and asked > positions:
        raise ValueError("it takes at most %d tokens, not %d" % (positions, asked))
    limit = asked or read_json(os.path.join(path, "sentence_bert_config.json"), {}).get("max_seq_length") or 256
    return min(limit, positions or limit)


class Encoder:
    def __init__(self, path, max_tokens=None, threads=0, cache_dir=None):
        import onnxruntime
        from tokenizers import Tokenizer
        self.max_tokens = token_limit(path, max_tokens)
        self.tokenizer = Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)
        self.pool_first = read_json(os.path.join(path, "1_Pooling", "config.json"), {}).get("pooling_mode_cls_token", False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(find_graph(path, cache_dir or path), options,
                                                    providers=["CPUExecutionProvider"])
        self.inputs = {i.name: np.int64 if "64" in i.type else np.int32 for i in self.session.get_inputs()}
        self.output = self.session.get_outputs()[0]
        self.is_sparse = self.output.name == "logits"
        self.width = self.output.shape[-1] if isinstance(self.output.shape[-1], int) else None

    def run(self, batch):
        """Token ids of some texts -> the first output and the mask."""
        length = max(len(e.ids) for e in batch)
        ids = np.zeros((len(batch), length), np.int64)
        mask = np.zeros_like(ids)
        for row, e in enumerate(batch):
            ids[row, :len(e.ids)] = e.ids
            mask[row, :len(e.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: given[name].astype(kind) for name, kind in self.inputs.items()}
        return self.session.run([self.output.name], feed)[0], mask

    def batches(self, encoded):
        """Numbers of texts of like length together, so that little is padding."""
        most = SPARSE_TOKENS if self.is_sparse else BATCH_TOKENS
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        batch = []
        for i in order:
            if batch and (len(batch) + 1) * len(encoded[i].ids) > most:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def encode(self, texts, tokens=False, progress=None):
        """A list of vectors (unit length), or of (vector, tokens [n, hidden] of unit length)
        pairs: special tokens (start, end) take no part in tokens. progress(done, total) counts
        texts."""
        if tokens and (self.is_sparse or len(self.output.shape) != 3):
            raise ValueError("the model gives no token vectors")
        encoded = self.tokenizer.encode_batch(list(texts))
        results, done = [None] * len(encoded), 0
        for batch in self.batches(encoded):
            out, mask = self.run([encoded[i] for i in batch])
            vectors = self.pool(out, mask)
            for row, i in enumerate(batch):
                words = np.flatnonzero(np.array(encoded[i].special_tokens_mask) == 0)
                vector = vectors[row] if len(words) else None
                results[i] = (vector, unit(out[row, words]) if len(words) else None) if tokens else vector
            done += len(batch)
            if progress:
                progress(done, len(encoded))
        return results

    def pool(self, out, mask):
        if out.ndim == 2:
            return unit(out)
        if self.is_sparse:      # the logarithm of the maximum is the maximum of the logarithms
            return np.log1p(np.array([row[:length].max(axis=0, initial=0) for row, length in zip(out, mask.sum(axis=1))]))
        if self.pool_first:
            return unit(out[:, 0])
        return unit((out * mask[:, :, None]).sum(axis=1))


def find_graph(path, cache_dir):
    for name in ("model.onnx", os.path.join("onnx", "model.onnx")):
        if os.path.exists(os.path.join(path, name)):
            return os.path.join(path, name)
    made = os.path.join(cache_dir, "model_int8.onnx")
    if not os.path.exists(made):
        part = made + ".%d" % os.getpid()
        bert_onnx.build_int8(path, part)
        os.replace(part, made)
    return made
