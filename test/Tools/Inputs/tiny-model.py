#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Write a sentence-transformers directory of a tiny encoder with a vocabulary
of letters; the values come from a fixed generator. Python alone, because tests
of IR and files need nothing more.

usage: tiny-model.py FOLDER [LAYERS [HIDDEN [INNER]]]
"""
import array
import json
import pathlib
import random
import struct
import sys

folder = pathlib.Path(sys.argv[1])
layers = int(sys.argv[2]) if len(sys.argv) > 2 else 2
hidden = int(sys.argv[3]) if len(sys.argv) > 3 else 32
inner = int(sys.argv[4]) if len(sys.argv) > 4 else 2 * hidden
heads, positions = max(2, hidden // 128), 24
tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
letters = "abcdefghijklmnopqrstuvwxyz"
vocabulary = tokens + list(letters) + ["##" + c for c in letters]

shapes = {"embeddings.word_embeddings.weight": (len(vocabulary), hidden),
          "embeddings.position_embeddings.weight": (positions, hidden),
          "embeddings.token_type_embeddings.weight": (2, hidden)}


def linear(name, rows, columns):
    shapes[name + ".weight"], shapes[name + ".bias"] = (rows, columns), (rows,)


def norm(name):
    shapes[name + ".weight"] = shapes[name + ".bias"] = (hidden,)


norm("embeddings.LayerNorm")
for layer in range(layers):
    prefix = f"encoder.layer.{layer}."
    for part in ("query", "key", "value"):
        linear(prefix + "attention.self." + part, hidden, hidden)
    linear(prefix + "attention.output.dense", hidden, hidden)
    norm(prefix + "attention.output.LayerNorm")
    linear(prefix + "intermediate.dense", inner, hidden)
    linear(prefix + "output.dense", hidden, inner)
    norm(prefix + "output.LayerNorm")
linear("pooler.dense", hidden, hidden)

source = random.Random(7)
header, data = {}, b""
for name, shape in shapes.items():
    count = 1
    for extent in shape:
        count *= extent
    base = 1.0 if name.endswith("LayerNorm.weight") else 0.0
    values = array.array("f", (base + source.uniform(-0.3, 0.3)
                               for _ in range(count)))
    header[name] = {"dtype": "F32", "shape": shape,
                    "data_offsets": [len(data), len(data) + 4 * count]}
    data += values.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)

files = {
    "config.json": {
        "model_type": "bert", "architectures": ["BertModel"],
        "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": inner,
        "hidden_act": "gelu", "vocab_size": len(vocabulary),
        "max_position_embeddings": positions, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0},
    "modules.json": [
        {"idx": 0, "name": "0", "path": "",
         "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling",
         "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize",
         "type": "sentence_transformers.models.Normalize"}],
    "sentence_bert_config.json": {"max_seq_length": 16,
                                  "do_lower_case": False},
    "1_Pooling/config.json": {
        "word_embedding_dimension": hidden, "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False},
}
(folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
for name, content in files.items():
    (folder / name).write_text(json.dumps(content, indent=2))
(folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
(folder / "model.safetensors").write_bytes(
    struct.pack("<Q", len(text)) + text + data)
