#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Where the time of a GPU goes: profiles of runs on the stand-in driver, and
what a library says that its kernels compute and move."""
import functools
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import gradients
import harness
import seeded
from devices import DEVICE, on_device

PLACE = DEVICE or "cuda:0"
HERE = pathlib.Path(__file__).resolve().parent
MODEL = "head32-gelu-new"  # heads and widths without padding
LENGTHS = (30, 7, 11)


@functools.lru_cache(None)
def compiled(precision, *options):
    stem = f"profile-{precision}" + "".join(options).replace("=", "")
    return on_device(harness.model(MODEL), stem.replace(":", "-"),
                     "--target=cuda:sm_80", f"--precision={precision}",
                     *(options or ("--outputs=last_hidden_state",)))


@functools.lru_cache(None)
def kernels(precision, *options):
    """Those of the manifest, by name."""
    library, _ = compiled(precision, *options)
    manifest = json.loads(harness.bertc("inspect", "--json", library).stdout)
    return {kernel["name"]: kernel
            for kernel in manifest["device_variants"][0]["kernels"]}


class Profile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spec = seeded.SPECS[MODEL]
        cls.library, cls.environment = compiled("bf16")
        lengths = harness.WORK / "profile-lengths"
        lengths.write_text("".join(f"{length}\n" for length in LENGTHS))
        cls.trace = harness.WORK / "profile-trace.json"
        done = harness.bertc("bench", cls.library, "--lengths", lengths,
                             "--samples", 2, "--warmups", 1, "--profile",
                             "--trace", cls.trace, "--json",
                             env=cls.environment)
        cls.result = json.loads(done.stdout)

    def test_place(self):
        self.assertEqual(self.result["device"], PLACE)
        if not DEVICE:
            self.assertEqual(self.result["processor"], "Emulated GPU sm_80")
        # What this machine's processor reaches is no ceiling of a GPU.
        self.assertEqual(self.result["ceiling_gflops"], 0)

    def test_phases_are_kernels(self):
        profile = self.result["profile"]
        phases = {phase["name"]: phase for phase in profile["phases"]}
        self.assertLessEqual(set(phases), set(kernels("bf16")))
        calls = {kind: sum(phase["calls"] for name, phase in phases.items()
                           if name.startswith(kind))
                 for kind in ("embed", "attention", "linear", "layer_norm",
                              "output")}
        layers = self.spec.layers
        self.assertEqual(calls, {"embed": 1, "attention": layers,
                                 "linear": 4 * layers,
                                 "layer_norm": 2 * layers, "output": 1})
        spent = sum(phase["ms"] for phase in phases.values())
        self.assertGreater(spent, 0)
        self.assertAlmostEqual(spent + profile["outside_ms"],
                               profile["run_ms"], delta=1e-3)
        self.assertGreaterEqual(profile["outside_ms"], 0)

    def test_operations(self):
        """Each launch counted with what it does: those of the whole model."""
        spec, tokens = self.spec, sum(LENGTHS)
        weights = 4 * spec.hidden ** 2 + 2 * spec.hidden * spec.intermediate
        pairs = sum(length * length for length in LENGTHS)
        want = spec.layers * (2 * weights * tokens + 4 * spec.hidden * pairs)
        phases = self.result["profile"]["phases"]
        got = sum(phase["gflops"] * phase["ms"] * 1e6 for phase in phases)
        self.assertAlmostEqual(got / want, 1, delta=1e-9)
        read = sum(phase["weights_gb_per_second"] * phase["ms"] * 1e6
                   for phase in phases)
        self.assertAlmostEqual(read / (2 * weights * spec.layers), 1,
                               delta=1e-9)

    def test_trace(self):
        events = json.loads(self.trace.read_text())["traceEvents"]
        threads = {e["args"]["name"] for e in events
                   if e["name"] == "thread_name"}
        self.assertEqual(threads, {PLACE})
        spans = [e for e in events if e["ph"] == "X"]
        self.assertEqual({(e["cat"], e["tid"]) for e in spans}, {("phase", 0)})
        for before, after in zip(spans, spans[1:]):
            self.assertGreaterEqual(after["ts"] + 1e-3,
                                    before["ts"] + before["dur"])
        # Kernels as they were launched, those of each layer in turn.
        kinds = [(re.match("[a-z]+(_[a-z]+)*", e["name"])[0],
                  e["args"].get("layer")) for e in spans]
        layer = ["linear", "attention", "linear", "layer_norm", "linear",
                 "linear", "layer_norm"]
        want = [("embed_norm", None)]
        for number in range(self.spec.layers):
            want += [(kind, number) for kind in layer]
        self.assertEqual(kinds, want + [("output", None)])

    def test_table(self):
        done = harness.bertc("bench", self.library, "--seq", 9, "--samples", 1,
                             "--warmups", 0, "--profile", env=self.environment)
        self.assertNotIn("ceiling of", done.stdout)
        self.assertNotIn("waiting", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^attention_\S+ +[0-9. ]+ -$")
        self.assertRegex(done.stdout, r"(?m)^outside of the phases +[0-9. ]+$")


class Models(unittest.TestCase):
    """Bytes and operations of kernels, counted here operand by operand."""

    LENGTH = 128  # of the sequences of a model
    MEMORY = {"A100": 1.555e12, "H100": 3.35e12, "H200": 4.8e12}
    TENSOR = {"A100": 312e12, "H100": 989e12, "H200": 989e12}

    def expect(self, kernel, count):
        """`count(rows)`: bytes and operations of a launch."""
        models = kernel["models"]
        self.assertEqual({model["gpu"] for model in models}, set(self.MEMORY))
        for model in models:
            moved, operations = count(model["rows"])
            where = f"{kernel['name']}, {model}"
            self.assertAlmostEqual(model["bytes"], moved, msg=where, delta=0.5)
            self.assertAlmostEqual(model["flops"], operations, msg=where,
                                   delta=0.5)
            roofline = max(moved / self.MEMORY[model["gpu"]],
                           operations / self.TENSOR[model["gpu"]])
            self.assertAlmostEqual(model["roofline_seconds"] / roofline, 1,
                                   msg=where, delta=2e-3)
            self.assertGreaterEqual(model["blocks_per_processor"], 1)

    def find(self, every, start):
        found = [kernel for name, kernel in every.items()
                 if name.startswith(start)]
        self.assertTrue(found, start)
        return found

    def check(self, precision, planes):
        spec = seeded.SPECS[MODEL]
        hidden, products = spec.hidden, planes * (planes + 1) // 2
        half = 2 * planes  # bytes of a number in planes
        every = kernels(precision)
        for kernel in every.values():
            self.assertTrue(kernel.get("models"), kernel["name"])

        def pairs(rows):
            full, rest = divmod(rows, self.LENGTH)
            return full * self.LENGTH ** 2 + rest ** 2

        both = (4 + half) * hidden  # a row of float32 and of planes
        for kernel in self.find(every, "embed_norm"):
            self.expect(kernel, lambda rows: (
                8 * hidden + rows * (3 * 4 + 3 * 4 * hidden + both), 0))
        for kernel in self.find(every, "layer_norm"):
            self.expect(kernel, lambda rows: (
                8 * hidden + rows * (4 * hidden + both), 0))
        for kernel in self.find(every, "output"):
            self.expect(kernel, lambda rows: (rows * (4 + 8 * hidden), 0))
        for kernel in self.find(every, "attention"):
            self.expect(kernel, lambda rows: (
                4 * -(-rows // self.LENGTH) + rows * half * 4 * hidden,
                products * 4 * hidden * pairs(rows)))

    def test_bf16(self):
        self.check("bf16", 1)

    def test_f32(self):
        self.check("f32", 3)

    def test_training(self):
        """Each kernel of a training, and some of them by hand."""
        every = kernels("bf16", "--train", "--head=classify:2")
        for name, kernel in every.items():
            self.assertTrue(kernel.get("models"), name)
            for model in kernel["models"]:
                self.assertGreater(model["bytes"], 0, name)
                self.assertGreater(model["roofline_seconds"], 0, name)
        library, _ = compiled("bf16", "--train", "--head=classify:2")
        manifest = json.loads(
            harness.bertc("inspect", "--json", library).stdout)
        floats = manifest["training"]["gradient_bytes"] // 4
        # Weights, gradients and two moments are read and written.
        for kernel in self.find(every, "adamw"):
            self.expect(kernel, lambda _: (32 * floats, 0))
        for kernel in self.find(every, "sum_of_squares"):
            self.expect(kernel, lambda _: (4 * floats, 0))
        hidden = seeded.SPECS[MODEL].hidden
        # x W^T of each pair of blocks: x and dy in one plane, the sum twice.
        for kernel in self.find(every, f"weight_gradient_{hidden}x{hidden}_"):
            self.expect(kernel, lambda rows: (
                8 * hidden * hidden + rows * 2 * 2 * hidden,
                2 * hidden * hidden * rows))
        # Scores, gradients of weights, dq: 3 products; dk and dv: 4. Both read
        # q, k, v, dy, log sums and sums of products of heads.
        heads = seeded.SPECS[MODEL].heads

        def pairs(rows):
            full, rest = divmod(rows, self.LENGTH)
            return full * self.LENGTH ** 2 + rest ** 2

        for kind, products, written in (("query", 3, 1), ("key", 4, 2)):
            for kernel in self.find(every, f"attention_{kind}_gradient"):
                self.expect(kernel, lambda rows: (
                    4 * -(-rows // self.LENGTH) + rows * (
                        2 * 4 * hidden + 2 * 4 * max(heads, 16)
                        + 2 * written * hidden),
                    products * 2 * hidden * pairs(rows)))


class Training(unittest.TestCase):
    def test_profile(self):
        """The layers from first to last, then back; no update."""
        library, environment = on_device(
            gradients.FOLDER, "profile-training", "--target=cuda:sm_80",
            "--precision=bf16", "--train", "--head=classify:3")
        done = subprocess.run(
            [sys.executable, HERE / "device-steps.py", library, "-",
             "classify-3.ragged", "--profile"], check=True, text=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
                 **environment})
        records = json.loads(done.stdout)
        config = json.loads((gradients.FOLDER / "config.json").read_text())
        layers = list(range(config["num_hidden_layers"]))
        seen = [layer for layer, _ in itertools.groupby(
            layer for _, layer, _, _ in records)]
        self.assertEqual(seen, [-1, *layers, -1, *reversed(layers), -1])
        for name, layer, begin, end in records:
            self.assertLess(begin, end, name)
            self.assertNotRegex(name, "adamw|sum_of_squares|planes_")
            if name.startswith("attention_"):
                self.assertGreaterEqual(layer, 0)
        for before, after in zip(records, records[1:]):
            self.assertLessEqual(before[3], after[2])
        self.assertTrue(any(name.startswith("weight_gradient_")
                            for name, *_ in records))


class Plans(unittest.TestCase):
    """Plans can be read, and are those of the kernels."""

    def test_of_linear_layers(self):
        plans = harness.bertc("compile", harness.model(MODEL), "-o", "-",
                              "--target=cuda:sm_80", "--precision=bf16",
                              "--emit=plan", "--outputs=last_hidden_state",
                              "-q").stdout
        self.assertIn('enc.target = "cuda:sm_80"', plans)
        blocks = set()
        for entry in re.findall(r"\{[^{}]*block_rows[^{}]*\}", plans):
            field = {k: int(v) for k, v in re.findall(r"(\w+) = (\d+)", entry)}
            name = ("{block_rows}x{block_columns}x{block_depth}_{warp_rows}x"
                    "{warp_columns}_{stages}").format(**field)
            if "splits" in field:
                name += f"_split{field['splits']}"
            blocks.add(name)
        self.assertTrue(blocks)
        names = [name for name in kernels("bf16")
                 if name.startswith("linear_")]
        for block in blocks:
            self.assertTrue(any(name.endswith("_" + block) for name in names),
                            block)
        for name in names:
            self.assertTrue(any(name.endswith("_" + block)
                                for block in blocks), name)


if __name__ == "__main__":
    unittest.main()
