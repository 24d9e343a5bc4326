#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Bad model directories: exit code 3, an error that names the file and what is
wrong in it, and no library. The importer's unit tests have many more; these go
through the command line."""
import json
import os
import shutil
import unittest

import numpy as np

import harness

NAME = "head24-relu"
FOLDER = harness.WORK / "bad-model"


def edit_json(file, change):
    """A change of one JSON file: `change` gets the object."""
    def apply():
        path = FOLDER / file
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data, indent=2))
    return apply


def config(**fields):
    def change(data):
        for key, value in fields.items():
            if value is None:
                del data[key]
            else:
                data[key] = value
    return edit_json("config.json", change)


def write(file, content):
    def apply():
        data = content.encode() if isinstance(content, str) else content
        (FOLDER / file).write_bytes(data)
    return apply


def cut(file, keep):
    return lambda: os.truncate(FOLDER / file, keep)


def tensors(change):
    """A change of the weights: `change` gets the dictionary of tensors."""
    def apply():
        file = FOLDER / "model.safetensors"
        data = harness.load_file(file)
        change(data)
        file.unlink()
        harness.save_file(data, file)
    return apply


def replace(name, value):
    return tensors(lambda data: data.__setitem__(name, value))


QUERY = "bert.encoder.layer.0.attention.self.query.weight"

# Label -> what is done to a good directory, and words of the error.
CASES = {
    "no_config": (lambda: (FOLDER / "config.json").unlink(), "config.json"),
    "no_weights": (lambda: (FOLDER / "model.safetensors").unlink(),
                   "model.safetensors"),
    "config_empty": (write("config.json", ""), "config.json"),
    "config_deep": (write("config.json", "[" * 100000), "config.json"),
    "config_deep_objects": (write("config.json", '{"a":' * 100000),
                            "config.json"),
    "config_binary": (write("config.json", bytes(range(256))), "config.json"),
    "config_trailing_comma": (write("config.json", '{"model_type": "bert",}'),
                              "config.json:1:"),
    "config_is_folder": (lambda: ((FOLDER / "config.json").unlink(),
                                  (FOLDER / "config.json").mkdir()),
                         "config.json"),
    "other_architecture": (config(model_type="gpt2"), "gpt2"),
    "no_hidden_size": (config(hidden_size=None), "hidden_size"),
    "hidden_size_zero": (config(hidden_size=0), "hidden_size", "0"),
    "hidden_size_text": (config(hidden_size="72"), "hidden_size"),
    "hidden_size_huge": (config(hidden_size=1 << 60), "hidden_size"),
    "hidden_size_fraction": (config(hidden_size=72.5), "72.5"),
    "heads_do_not_divide": (config(num_attention_heads=5),
                            "num_attention_heads", "72"),
    "head_size_too_large": (config(hidden_size=1290, num_attention_heads=10),
                            "129"),
    "layers_negative": (config(num_hidden_layers=-1), "num_hidden_layers"),
    "layers_more_than_stored": (config(num_hidden_layers=2),
                                "encoder.layer.1"),
    "activation_unknown": (config(hidden_act="mish"), "hidden_act", "mish"),
    "relative_positions": (config(position_embedding_type="relative_key"),
                           "position_embedding_type"),
    "epsilon_negative": (config(layer_norm_eps=-1.0), "layer_norm_eps"),
    "vocab_larger_than_stored": (config(vocab_size=132), "132", "131"),
    "intermediate_other": (config(intermediate_size=101), "101", "100"),
    "is_decoder": (config(is_decoder=True), "is_decoder"),
    "weights_empty": (write("model.safetensors", b""), "model.safetensors"),
    "weights_cut_in_header": (cut("model.safetensors", 100),
                              "model.safetensors"),
    "weights_cut_in_data": (cut("model.safetensors", 40000),
                            "model.safetensors"),
    "weights_no_safetensors": (write("model.safetensors", b"PK\x03\x04" * 99),
                               "model.safetensors"),
    "tensor_missing": (tensors(lambda data: data.pop(QUERY)),
                       "attention.self.query.weight"),
    "tensor_shape": (replace(QUERY, np.zeros((72, 71), np.float32)),
                     "attention.self.query.weight", "71"),
    "tensor_rank": (replace(QUERY, np.zeros(72 * 72, np.float32)),
                    "attention.self.query.weight"),
    "tensor_integer": (replace(QUERY, np.zeros((72, 72), np.int32)),
                       "attention.self.query.weight", "I32"),
    "vocab_too_long": (write("vocab.txt", "\n".join(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        + [f"w{i}" for i in range(200)]) + "\n"), "vocab"),
    "vocab_without_unknown": (write("vocab.txt", "\n".join(
        ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
        + [f"w{i}" for i in range(127)]) + "\n"), "[UNK]"),
    "vocab_not_utf8": (write("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
                             b"[MASK]\n\xff\xfe\n"), "vocab.txt"),
    "tokenizer_json_broken": (write("tokenizer.json", "{"), "tokenizer.json"),
    "tokenizer_json_other_model": (write("tokenizer.json", json.dumps(
        {"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges":
                                     []}})), "BPE"),
    "modules_broken": (write("modules.json", "[{]"), "modules.json"),
    "modules_unknown": (write("modules.json", json.dumps(
        [{"idx": 0, "name": "0", "path": "", "type":
          "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Magic", "type":
          "sentence_transformers.models.Magic"}])), "Magic"),
}

# Wrong for an embedding only: a library with other outputs is still fine.
EMBEDDING_ONLY = {"modules_unknown"}


class Damaged(unittest.TestCase):
    """Starts from a good copy of the model `name`."""

    name = NAME

    def setUp(self):
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(harness.model(self.name), FOLDER)
        self.target = harness.WORK / "bad-model.so"
        self.target.unlink(missing_ok=True)
        self.target.with_suffix(".h").unlink(missing_ok=True)

    def refuse(self, words, *options):
        done = harness.bertc("compile", FOLDER, "-o", self.target, *options,
                             code=harness.BAD_MODEL)
        self.assertIn("error:", done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertLess(len(done.stderr), 4000, "an error should be short")
        self.assertFalse(self.target.exists(), "a library was left behind")
        self.assertFalse(self.target.with_suffix(".h").exists())


class Directory(Damaged):
    def test_unchanged_directory_is_accepted(self):
        harness.bertc("compile", FOLDER, "-o", self.target)

    def test_no_directory(self):
        shutil.rmtree(FOLDER)
        self.refuse(["bad-model"])

    def test_empty_directory(self):
        shutil.rmtree(FOLDER)
        FOLDER.mkdir()
        self.refuse(["config.json"])

    def test_pooler_that_is_not_there(self):
        shutil.rmtree(FOLDER)
        shutil.copytree(harness.model("head128-tanh"), FOLDER)
        self.refuse(["pooler"], "--outputs=pooler_output")


class Shards(Damaged):
    """A checkpoint in several files with an index."""

    name = "head32-gelu-new"
    index = "model.safetensors.index.json"

    def test_shard_missing(self):
        (FOLDER / "model-00002-of-00003.safetensors").unlink()
        self.refuse(["model-00002-of-00003.safetensors"])

    def test_index_names_another_shard(self):
        def change(data):
            name = next(iter(data["weight_map"]))
            data["weight_map"][name] = "model-00003-of-00003.safetensors"
        edit_json(self.index, change)()
        self.refuse(["model-00003-of-00003.safetensors"])

    def test_index_leaves_the_folder(self):
        def change(data):
            for name in data["weight_map"]:
                data["weight_map"][name] = "../escape.safetensors"
        edit_json(self.index, change)()
        self.refuse([self.index])

    def test_index_without_map(self):
        edit_json(self.index, lambda data: data.pop("weight_map"))()
        self.refuse(["weight_map"])


def add(label, change, words):
    def test(self):
        change()
        options = ["--outputs=sentence_embedding"] \
            if label in EMBEDDING_ONLY else []
        self.refuse(words, *options)
    setattr(Directory, f"test_{label}", test)


for case, (damage, *expected) in CASES.items():
    add(case, damage, expected)
