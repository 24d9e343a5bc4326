#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Check what manifests say about the memory of training against the tensors of
the checkpoint: tiny models, whose hidden sizes are multiples of 16, with a new
head of 2 labels.

usage: training-memory.py MODEL ALL LAYERS ENCODER
  the directory, and the manifests with nothing frozen, with embeddings and
  layers 0 to 1 of 3, and with all but the head
"""
import json
import pathlib
import struct
import sys

checkpoint = (pathlib.Path(sys.argv[1]) / "model.safetensors").read_bytes()
size, = struct.unpack("<Q", checkpoint[:8])
header = json.loads(checkpoint[8:8 + size])
full, layers, encoder = (json.load(open(name)) for name in sys.argv[2:])


def elements(shape):
    return shape[0] * (shape[1] if len(shape) == 2 else 1)


def counted(prefix):
    return sum(elements(tensor["shape"]) for name, tensor in header.items()
               if name.startswith(prefix))


def whole_lines(prefix):
    """Bytes of gradients: each tensor begins on a cache line."""
    return sum((elements(tensor["shape"]) * 4 + 63) // 64 * 64
               for name, tensor in header.items() if name.startswith(prefix))


hidden = header["pooler.dense.bias"]["shape"][0]
HEAD = 2 * hidden + 2
HEAD_BYTES = 4 * (16 * hidden + 16)  # columns are padded to 16
LAYER = counted("encoder.layer.0.")
expected = {
    "embeddings": (counted("embeddings."), whole_lines("embeddings.")),
    "layers[0-2]": (3 * LAYER, 3 * whole_lines("encoder.layer.0.")),
    "layers[0-1]": (2 * LAYER, 2 * whole_lines("encoder.layer.0.")),
    "layers[2]": (LAYER, whole_lines("encoder.layer.0.")),
    "pooler": (counted("pooler."), whole_lines("pooler.")),
    "classifier": (HEAD, HEAD_BYTES)}


def check(manifest, trained, frozen):
    training = manifest["training"]
    assert training["labels"] == "class" and training["num_labels"] == 2
    assert "config.json" in training["files"]
    parts = {part["name"]: part for part in training["parts"]}
    assert set(parts) == set(trained) | set(frozen), parts
    for name, part in parts.items():
        count, size = expected[name]
        assert part["parameters"] == count, part
        assert part["trained_parameters"] == count * (name in trained), part
        assert part["gradient_bytes"] == size * (name in trained), part
        assert part["optimizer_bytes"] == 2 * part["gradient_bytes"], part
        assert part["parameter_bytes"] >= 4 * count, part
    for key in ("tensors", "parameters", "trained_parameters",
                "gradient_bytes", "optimizer_bytes"):
        assert training[key] == sum(p[key] for p in parts.values()), key
    assert training["parameter_bytes"] == manifest["weights"]["bytes"]


check(full, ["embeddings", "layers[0-2]", "pooler", "classifier"], [])
check(layers, ["layers[2]", "pooler", "classifier"],
      ["embeddings", "layers[0-1]"])
check(encoder, ["classifier"], ["embeddings", "layers[0-2]", "pooler"])
for some, fewer in ((full, layers), (layers, encoder)):
    for one, other in zip(some["variants"], fewer["variants"]):
        assert (one["training"]["workspace"]["per_token"] >
                other["training"]["workspace"]["per_token"]), one["name"]
print("memory as expected")
