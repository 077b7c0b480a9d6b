"""A BERT checkpoint (model.safetensors, config.json) as an ONNX graph for onnxruntime.

    build(model_dir, out_path)      float weights
    build_int8(model_dir, out_path) weights of 8 bits a row, activations quantised as they come

Sentence encoders are published as weights; onnxruntime runs graphs. The usual exporter needs
PyTorch, 2 GB of packages. A BERT is 40 nodes of onnxruntime's fused operators, so they are
written out here. Inputs: input_ids, attention_mask, int32 [batch, length]. Output:
last_hidden_state, float [batch, length, hidden]; of a BertForMaskedLM, as SPLADE models are,
logits, float [batch, length, vocabulary].

Measured on all-MiniLM-L6-v2, scifact cut at 160 tokens, two cores: float 352 s and nDCG@10
.634, 8 bits 120 s and .620; the cosine between the two forms of a text is .995 on average.
"""
import json
import os
import struct
import tempfile

import numpy as np

MICROSOFT = "com.microsoft"     # the domain of onnxruntime's fused operators


def read_safetensors(path):
    """{name: float32 array}, mapped from the file. The format: a length of 8 bytes, that much
    JSON, then the arrays."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        if length > os.path.getsize(path) - 8:
            raise ValueError("%s is not a safetensors file" % path)
        header = json.loads(file.read(length))
    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    # older checkpoints have other names for a normalisation's parts
    modern = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
    return {next((name[:-len(old)] + new for old, new in modern.items() if name.endswith(old)), name):
            raw[entry["data_offsets"][0]:entry["data_offsets"][1]].view("<f4").reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__" and entry["dtype"] == "F32"}


class Graph:
    """Collects nodes and constants; a value is named by the node that makes it."""

    def __init__(self, weights, prefix):
        from onnx import helper, numpy_helper
        self.helper, self.numpy_helper = helper, numpy_helper
        self.weights, self.prefix = weights, prefix
        self.nodes, self.constants = [], []

    def weight(self, name):
        return self.weights[self.prefix + name]

    def constant(self, name, array):
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op, inputs, output, domain=MICROSOFT, **attributes):
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(self.helper.make_node(op, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def dense(self, value, name, output):
        """value times the transposed weight; the bias is added by the operator that follows."""
        return self.add("MatMul", [value, self.constant(name, self.weight(name + ".weight").T)], output, domain="")

    def normalised_sum(self, value, residual, norm, bias, epsilon, output):
        """LayerNorm(value + bias + residual)"""
        names = [self.constant(norm + ".gamma", self.weight(norm + ".weight")),
                 self.constant(norm + ".beta", self.weight(norm + ".bias")),
                 self.constant(bias + ".bias", self.weight(bias + ".bias"))]
        return self.add("SkipLayerNormalization", [value, residual, *names], output, epsilon=epsilon)


def add_embeddings(graph, epsilon):
    # all of a text is of token type 0, so that row is added to the positions once and for all
    positions = graph.weight("embeddings.position_embeddings.weight") + \
        graph.weight("embeddings.token_type_embeddings.weight")[0]
    names = [graph.constant("words", graph.weight("embeddings.word_embeddings.weight")),
             graph.constant("positions", positions), "",
             graph.constant("embeddings.gamma", graph.weight("embeddings.LayerNorm.weight")),
             graph.constant("embeddings.beta", graph.weight("embeddings.LayerNorm.bias"))]
    return graph.add("EmbedLayerNormalization", ["input_ids", "", *names, "attention_mask"],
                     ["embedded", "lengths"], epsilon=epsilon)


def add_layer(graph, number, value, heads, epsilon):
    layer = "encoder.layer.%d." % number
    parts = ["attention.self.%s." % part for part in ("query", "key", "value")]
    weights = np.concatenate([graph.weight(layer + part + "weight").T for part in parts], axis=1)
    biases = np.concatenate([graph.weight(layer + part + "bias") for part in parts])
    attended = graph.add("Attention", [value, graph.constant(layer + "qkv", weights),
                                       graph.constant(layer + "qkv.bias", biases), "lengths"],
                         layer + "attended", num_heads=heads)
    out = graph.dense(attended, layer + "attention.output.dense", layer + "attention.out")
    value = graph.normalised_sum(out, value, layer + "attention.output.LayerNorm",
                                 layer + "attention.output.dense", epsilon, layer + "attention.sum")
    hidden = graph.dense(value, layer + "intermediate.dense", layer + "hidden")
    bias = graph.constant(layer + "intermediate.bias", graph.weight(layer + "intermediate.dense.bias"))
    hidden = graph.add("BiasGelu", [hidden, bias], layer + "gelu")
    out = graph.dense(hidden, layer + "output.dense", layer + "out")
    return graph.normalised_sum(out, value, layer + "output.LayerNorm", layer + "output.dense",
                                epsilon, layer + "sum")


def add_logits(graph, value, epsilon):
    """The head of a BertForMaskedLM: a score for each word of the vocabulary."""
    head = "cls.predictions."
    own = {name: graph.weights[head + name] for name in ("transform.dense.weight", "transform.dense.bias", "bias",
                                                         "transform.LayerNorm.weight", "transform.LayerNorm.bias")}
    value = graph.add("MatMul", [value, graph.constant("head", own["transform.dense.weight"].T)], "head.out", domain="")
    value = graph.add("BiasGelu", [value, graph.constant("head.bias", own["transform.dense.bias"])], "head.gelu")
    value = graph.add("LayerNormalization", [value, graph.constant("head.gamma", own["transform.LayerNorm.weight"]),
                                             graph.constant("head.beta", own["transform.LayerNorm.bias"])],
                      "head.norm", domain="", epsilon=epsilon)
    words = graph.weights.get(head + "decoder.weight", graph.weight("embeddings.word_embeddings.weight"))
    value = graph.add("MatMul", [value, graph.constant("decoder", words.T)], "scores", domain="")
    return graph.add("Add", [value, graph.constant("decoder.bias", own["bias"])], "logits", domain="")


def build(model_dir, out_path):
    import onnx
    from onnx import TensorProto, helper
    with open(os.path.join(model_dir, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    if config.get("model_type") != "bert" or config.get("hidden_act", "gelu") != "gelu":
        raise ValueError("%s is not a BERT checkpoint; export it to model.onnx" % model_dir)
    weights = read_safetensors(os.path.join(model_dir, "model.safetensors"))
    graph = Graph(weights, "bert." if "bert.embeddings.word_embeddings.weight" in weights else "")
    epsilon = config.get("layer_norm_eps", 1e-12)
    value = add_embeddings(graph, epsilon)
    for number in range(config["num_hidden_layers"]):
        value = add_layer(graph, number, value, config["num_attention_heads"], epsilon)
    output, width = "last_hidden_state", config["hidden_size"]
    if "BertForMaskedLM" in config.get("architectures", []) and "cls.predictions.bias" in weights:
        output, width = "logits", config["vocab_size"]
        add_logits(graph, value, epsilon)
    else:
        graph.add("Identity", [value], output, domain="")
    ids = [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "length"])
           for name in ("input_ids", "attention_mask")]
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", "length", width])
    model = helper.make_model(helper.make_graph(graph.nodes, "bert", ids, [out], graph.constants), ir_version=9,
                              opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)])
    onnx.save(model, out_path)


def build_int8(model_dir, out_path):
    import logging
    from onnxruntime.quantization import QuantType, quantize_dynamic
    logging.getLogger().setLevel(logging.ERROR)     # it advises a step that this graph needs not
    with tempfile.TemporaryDirectory(dir=os.path.dirname(out_path) or ".") as scratch:
        whole = os.path.join(scratch, "float.onnx")
        build(model_dir, whole)
        # onnxruntime cannot tell the type of values behind its own operators: 1 is float
        quantize_dynamic(whole, out_path, weight_type=QuantType.QInt8, per_channel=True,
                         extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1})
