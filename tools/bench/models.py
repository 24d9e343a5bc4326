#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""A model directory during a run of the grid: its library in each precision, its
cells, and its ids of real texts.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np

import capi
import turns

HERE = pathlib.Path(__file__).resolve().parent
# Of the tokens of texts, the share of the most frequent one is at most this,
# unless it is the id of "unknown word".
MOST_FREQUENT = 0.3


def stop(message):
    sys.exit(f"grid: error: {message}")


def lengths_of(cell):
    """The lengths of the sequences of a cell, without its model."""
    batch, _, seq = cell.partition("x")
    if batch.isdigit() and seq.isdigit():
        return [int(seq)] * int(batch)
    file = pathlib.Path(cell)
    if not file.is_file():
        file = HERE / f"{cell}.txt"
    if not file.is_file():
        stop(f"cell '{cell}' is neither BATCHxSEQ nor a file of lengths")
    return [int(x) for x in file.read_text().split()]


class Model:
    """A model directory and what is made of it during the run."""

    def __init__(self, name, folder, arguments, scratch):
        self.name, self.folder = name, pathlib.Path(folder)
        self.arguments, self.scratch = arguments, scratch / name
        self.scratch.mkdir()
        try:
            self.config = json.loads((self.folder / "config.json").read_text())
        except (OSError, ValueError) as error:
            stop(f"model {name}: {error}")
        self.libraries = {}
        self.text_ids = self.tokenize()
        self.calibration = self.scratch / "calibration.npz"
        ids = self.text_ids or [self.random(64, 7 + i) for i in range(300)]
        np.savez(self.calibration, *ids)

    def library(self, precision):
        """(file, None), or (None, why it cannot be compiled)."""
        if precision not in self.libraries:
            file = self.scratch / f"{precision}.so"
            command = [self.arguments.bertc, "compile", self.folder, "-o", file,
                       "-q", f"--precision={precision}",
                       "--outputs=last_hidden_state",
                       *self.arguments.compile_options]
            if precision == "int8" and self.text_ids and \
                    self.arguments.calibrate:
                command.append(f"--calibrate={self.lines()}")
            done = subprocess.run(command, capture_output=True, text=True)
            why = None
            if done.returncode:
                lines = (done.stderr or done.stdout).strip().split("\n")
                why = next((l for l in lines if "error" in l), lines[0])
            self.libraries[precision] = (None if why else file, why)
        return self.libraries[precision]

    def lines(self):
        """The texts that have no line end, one a line, for --calibrate."""
        file = self.scratch / "texts.txt"
        texts = json.loads(self.arguments.texts.read_text())
        file.write_text("".join(f"{t}\n" for t in texts
                                if t.strip() and not set(t) & set("\n\r\0")))
        return file

    def random(self, length, seed):
        vocab = self.config["vocab_size"]
        rng = np.random.default_rng(seed)
        return rng.integers(min(1000, vocab // 2), min(20000, vocab), length)

    def cell(self, name):
        lengths = lengths_of(name)
        most = self.config["max_position_embeddings"]
        if max(lengths) > most:
            stop(f"cell {self.name}:{name} has a sequence of {max(lengths)} "
                 f"tokens, the model takes {most}")
        return turns.Cell(pathlib.Path(name).stem,
                          [self.random(n, 1000 * i + n)
                           for i, n in enumerate(lengths)], self.scratch)

    def tokenize(self):
        """The ids of the texts, or None for a vocabulary of other words."""
        if not self.arguments.texts:
            return None
        file, _ = self.library("f32")
        if not file:
            return None
        limit = min(256, self.config["max_position_embeddings"])
        with capi.Model(file) as model:
            if not model.info.has_tokenizer:
                return None
            texts = json.loads(self.arguments.texts.read_text())
            ids = [model.tokenize(text, limit=limit) for text in texts]
        counts = np.bincount(np.concatenate([i[1:-1] for i in ids]))
        return ids if counts.max() <= MOST_FREQUENT * counts.sum() else None

    def flops(self, lengths):
        """The multiplications and additions of the linear layers and attention
        of a batch, as `bertc bench` counts them."""
        hidden = self.config["hidden_size"]
        inner = self.config["intermediate_size"]
        token = 2 * (4 * hidden * hidden + 2 * hidden * inner)
        pairs = sum(n * n for n in lengths)
        return self.config["num_hidden_layers"] * (
            token * sum(lengths) + 4 * pairs * hidden)
