#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The benchmarks without their engines: who takes turns when, what the errors
are, and what table and chart say."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

import numpy as np

import chart
import footprint
import report
import turns

GRID = pathlib.Path(report.__file__).parent / "grid.py"


class FakeEngine:
    """Answers with fixed times; its outputs are the ids, off by `error`."""

    def __init__(self, name, ms, error=0.0, threads=2, fails=False):
        self.name, self.ms, self.error = name, ms, error
        self.threads, self.fails = threads, fails
        self.about, self.create_ms, self.calls = f"{name} 1.0", 5.0, []

    def ask(self, cell, runs=None, load=None, save=None):
        if self.fails:
            raise RuntimeError(f"{self.name} stopped")
        self.calls.append((cell, runs))
        if load:
            with np.load(load) as data:
                count = len(data.files) // 2
                np.savez(save, *(data[f"ids{i}"][..., None] *
                                 np.ones(4, np.float32) + self.error
                                 for i in range(count)))
        return [self.ms] * (runs or 1)


class Turns(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(setattr, turns, "PAUSE", turns.PAUSE)
        turns.PAUSE = 0

    def cell(self, lengths):
        ids = [np.arange(1, n + 1) + 10 * i for i, n in enumerate(lengths)]
        cell = turns.Cell("cell", ids, pathlib.Path(self.folder.name))
        reference = [np.repeat(i[:, None], 4, 1).astype(np.float32)
                     for i in ids]
        return cell, reference

    def test_batches(self):
        ids = [np.arange(n) for n in (3, 1, 2)]
        shapes = {way: [(part, ids.shape, mask.sum(1).tolist())
                        for part, ids, mask in turns.batches_of(ids, way)]
                  for way in turns.WAYS}
        self.assertEqual(shapes, {
            "padded": [([0, 1, 2], (3, 3), [3, 1, 2])],
            "sorted8": [([1, 2, 0], (3, 3), [1, 2, 3])],
            "single": [([1], (1, 1), [1]), ([2], (1, 2), [2]),
                       ([0], (1, 3), [3])]})

    def test_ratios_and_errors(self):
        cell, reference = self.cell([4, 4])
        ours, peer = FakeEngine("bertc", 80.0), FakeEngine("torch", 120.0, 1)
        row = turns.measure(cell, [ours, peer], reference, 3)
        self.assertEqual([r["engine"] for r in row["results"]],
                         ["bertc", "torch"])
        first, second = row["results"]
        self.assertEqual(second["ratio"], 1.5)
        self.assertEqual(second["ratio_quartiles"], [1.5, 1.5])
        self.assertEqual(first["relative_rms"], 0)
        self.assertEqual(second["max_difference"], 1)
        want = np.concatenate(reference)
        self.assertAlmostEqual(second["relative_rms"],
                               (want.size / (want ** 2).sum()) ** 0.5)
        # Load, warm-ups, and three turns of an uncounted and a counted run.
        runs = [("cell-padded", None), ("cell-padded", 3)] + \
            [("cell-padded", 2)] * 3
        self.assertEqual(ours.calls, runs)
        self.assertEqual(first["samples"], 3)

    def test_ragged_cell_every_way(self):
        cell, reference = self.cell([5, 2, 3])
        engines = [FakeEngine("bertc", 10.0), FakeEngine("ort", 30.0)]
        row = turns.measure(cell, engines, reference, 1)
        self.assertEqual([(r["engine"], r["way"]) for r in row["results"]],
                         [("bertc", "padded"), ("ort", "padded"),
                          ("ort", "sorted8"), ("ort", "single")])
        # Whatever the way, outputs are in the order of the sequences.
        self.assertEqual({r["max_difference"] for r in row["results"]}, {0})

    def test_slow_engine_has_fewer_samples(self):
        cell, reference = self.cell([4])
        engines = [FakeEngine("bertc", 100.0), FakeEngine("torch", 9000.0)]
        row = turns.measure(cell, engines, reference, 7)
        self.assertEqual([r["samples"] for r in row["results"]],
                         [7, turns.LEAST])

    def test_engine_that_fails(self):
        cell, reference = self.cell([4])
        engines = [FakeEngine("bertc", 1.0), FakeEngine("ort", 1.0, fails=True)]
        row = turns.measure(cell, engines, reference, 1)
        self.assertEqual([r["engine"] for r in row["results"]], ["bertc"])
        self.assertEqual(row["failed"],
                         [{"engine": "ort", "error": "ort stopped"}])
        self.assertEqual([e.name for e in engines], ["bertc"])


def outcome(engine, ms, way="padded", threads=2, **more):
    return {"engine": engine, "way": way, "threads": threads,
            "version": f"{engine} 1.0", "median_ms": ms, "p95_ms": 2 * ms,
            "min_ms": ms, "samples": 15, "create_ms": 1.0,
            "relative_rms": 1e-6, "max_difference": 1e-5, "least_cosine": 1.0,
            **({} if engine == "bertc" else {
                "ratio": ms / 10, "ratio_quartiles": [ms / 11, ms / 9]}),
            **more}


RESULT = {
    "cpu": "Some <CPU> & more", "samples": 15, "calibrated": False,
    "ceilings": {"2": {"rates": [
        {"precision": "f32", "gops": 100.0}, {"precision": "bf16",
                                              "gops": None},
        {"precision": "int8", "gops": 200.0}]}},
    "rows": [
        {"model": "base", "cell": "1x128", "precision": "f32", "threads": 2,
         "tokens": 128, "sequences": 1, "ragged": False, "gflop": 0.5,
         "load": [0.5, 1.25], "failed": [],
         "results": [outcome("bertc", 10.0),
                     outcome("bertc", 19.0, threads=1),
                     outcome("ort", 20.0), outcome("openvino", 15.0)]},
        {"model": "base", "cell": "glue32", "precision": "int8", "threads": 2,
         "tokens": 900, "sequences": 32, "ragged": True, "gflop": 1.5,
         "load": [0.5, 0.5], "failed": [],
         "results": [outcome("bertc", 10.0, relative_rms=2e-2),
                     outcome("ort-int8", 40.0, relative_rms=6e-2),
                     outcome("ort-int8", 16.0, "sorted8", samples=3,
                             relative_rms=6e-2)]},
        {"model": "base", "cell": "1x128", "precision": "bf16", "threads": 2,
         "tokens": 128, "sequences": 1, "ragged": False, "gflop": 0.5,
         "load": [0.5, 0.5],
         "failed": [{"engine": "bertc", "error": "cannot be compiled: no"}],
         "results": [{k: v for k, v in outcome("torch-bf16", 30.0).items()
                      if "ratio" not in k}]}],
    "accuracy": [{"model": "minilm", "precision": "int8", "engine": "bertc",
                  "texts": 224, "relative_rms": 1.5e-2,
                  "max_difference": 0.1, "least_cosine": 0.9995}],
}

MARKDOWN = """\
Measured on Some <CPU> & more, engines in turns, 15 turns a cell; times are medians, ratios are the peer's median over bertc's, RMS errors are relative to PyTorch in f32 on last_hidden_state.

Engines: bertc: bertc 1.0; openvino: openvino 1.0; ort-int8: ort-int8 1.0; ort: ort 1.0; torch-bf16: torch-bf16 1.0.

| cell | precision | threads | bertc ms, median / p95 | tokens/s | GFLOP/s (of ceiling) | best peer: ratio (middle half) | best peer padded to the longest | over 1 thread | RMS error | RMS errors of peers | load |
|---|---|---|---|---|---|---|---|---|---|---|---|
| base 1x128 | f32 | 2 | 10.00 / 20.00 | 12800 | 50 (50 %) | openvino: **1.50** (1.36 to 1.67) | - | 1.90 | 1.0e-06 | openvino 1.0e-06, ort 1.0e-06 | 1.2 |
| base glue32 | int8 | 2 | 10.00 / 20.00 | 90000 | 150 (75 %) | ort-int8 (sorted8): **1.60** (1.45 to 1.78) | ort-int8: **4.00** (3.64 to 4.44) | - | 2.0e-02 | ort-int8 6.0e-02 | 0.5 |
| base 1x128 | bf16 | 2 | did not run | - | - | torch-bf16: 30.00 ms | - | - | - | torch-bf16 1.0e-06 | 0.5 |

Errors on real texts:

| model | precision | engine | texts | RMS error | least cosine of mean embeddings |
|---|---|---|---|---|---|
| minilm | int8 | bertc | 224 | 1.5e-02 | 0.999500 |

Remarks:

- base glue32 int8, 2 threads: ort-int8 (sorted8) is slow and has 3 samples
- base bf16: bertc: cannot be compiled: no
"""


GPU_MARKDOWN = """\
Measured on NVIDIA Some GPU, 15 turns a cell; times are medians, ratios the peer's median over bertc's, inputs and outputs on the device.

| cell | precision | bertc ms, median / p95 | TFLOP/s | peers: ratio (middle half) | linear layers by cuBLAS, ms | RMS error | RMS errors of peers |
|---|---|---|---|---|---|---|---|
| base 1x128 | f32 | 10.00 / 20.00 | 50.0 | ort: **2.00** (1.82 to 2.22), openvino: **1.50** (1.36 to 1.67) | 5.00 | 1.0e-06 | ort 1.0e-06, openvino 1.0e-06 |
| base glue32 | int8 | 10.00 / 20.00 | 150.0 | ort-int8: **4.00** (3.64 to 4.44), ort-int8 (sorted8): **1.60** (1.45 to 1.78) | - | 2.0e-02 | ort-int8 6.0e-02 |
| base 1x128 | bf16 | did not run | - | torch-bf16: 30.00 ms | 5.00 | - | torch-bf16 1.0e-06 |

Engines: bertc: bertc 1.0; openvino: openvino 1.0; ort-int8: ort-int8 1.0; ort: ort 1.0; torch-bf16: torch-bf16 1.0.

- base 1x128 bf16: cannot be compiled: no
"""


class Report(unittest.TestCase):
    def test_gpu_markdown(self):
        self.maxDiff = None
        rows = []
        for row, cublas in zip(RESULT["rows"], (5.0, None, 5.0)):
            rows.append({**row, "gflop": row["gflop"] * 1e3,
                         "cublas_ms": cublas, "results": [
                             r for r in row["results"] if r["threads"] == 2]})
        self.assertEqual(
            report.gpu_markdown({"gpu": "NVIDIA Some GPU", "samples": 15,
                                 "rows": rows}), GPU_MARKDOWN)

    def test_markdown(self):
        self.maxDiff = None
        self.assertEqual(report.markdown(RESULT), MARKDOWN)

    def test_calibration_is_told(self):
        text = report.markdown({**RESULT, "calibrated": True})
        self.assertIn("The int8 of bertc is calibrated on the texts", text)

    def test_chart(self):
        root = ElementTree.fromstring(chart.svg(RESULT))
        space = "{http://www.w3.org/2000/svg}"
        texts = [t.text for t in root.iter(space + "text")]
        self.assertIn("bertc beside its best peer on Some <CPU> & more", texts)
        self.assertIn("1.50 over openvino", texts)
        self.assertIn("1.60 over ort-int8 (sorted8)", texts)
        self.assertIn("bertc did not run", texts)
        bars = [r for r in root.iter(space + "rect") if r.get("height") == "14"]
        widths = [float(b.get("width")) for b in bars]
        self.assertEqual(len(bars), 2)
        self.assertAlmostEqual(widths[1] / widths[0], 1.6 / 1.5, places=2)
        height = float(root.get("height"))
        for mark in bars + list(root.iter(space + "text")):
            self.assertLess(float(mark.get("y")), height)


class Footprint(unittest.TestCase):
    def test_markdown(self):
        rows = [{"model": "minilm", "precision": "f32", "compile_s": 2.36,
                 "compile_cpu_s": 4, "compile_peak_mb": 166.4,
                 "code_mb": 1.414, "weights_mb": 90.85, "serving_mb": 95.7,
                 "private_mb": 14.2, "workspace_mb": 12.5, "over_mb": -8.8},
                {"model": "minilm", "precision": "bf16", "error": "error: no"}]
        self.assertEqual(footprint.markdown(rows).split("\n")[2:], [
            "| minilm | f32 | 2.4 | 4.0 | 166 | 1.41 | 90.8 | - | - | 95.7 | "
            "14.2 | -8.8 | - |",
            "| minilm | bf16 | - | - | - | - | - | - | - | - | - | - | - |",
            "- minilm bf16: error: no"])

    def test_failing_command(self):
        with self.assertRaises(footprint.Failed) as caught:
            footprint.spend("sh", "-c", "echo talk >&2; echo error: no >&2; "
                            "exit 3")
        self.assertEqual(str(caught.exception), "error: no")


class Arguments(unittest.TestCase):
    def refuse(self, message, *arguments):
        done = subprocess.run(
            [sys.executable, "-B", GRID, "--bertc", "bertc", "--peers",
             "python", *arguments], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.strip()),
                         (1, f"grid: error: {message}"))

    def test_bad_arguments(self):
        model = ("--model", "base=folder")
        self.refuse("--model is 'base', expected NAME=DIR", "--model", "base")
        self.refuse("cell '1x128', expected MODEL:BATCHxSEQ or MODEL:LENGTHS",
                    *model, "--cells", "1x128")
        self.refuse("cell mini:1x128 needs --model mini=DIR", *model,
                    "--cells", "mini:1x128")
        self.refuse("precision 'fp8', expected of f32, bf16, int8, bf16-w8, "
                    "f32-fast", *model, "--precisions", "fp8")
        self.refuse("--threads is '0', expected numbers", *model, "--threads",
                    "0")
