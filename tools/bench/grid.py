#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The whole grid: every cell in every precision beside the engines a user would
pick instead, interleaved in one run; one table and one chart come out.

usage: grid.py --bertc BERTC --model base=DIR --model minilm=DIR
         [--peers PYTHON] [--cache DIR] [--output DIR] [--cells CELL,...]
         [--precisions f32,bf16,int8] [--threads 1,2] [--samples 15]
         [--engines NAME,...] [--texts FILE] [--calibrate]

A cell is MODEL:BATCHxSEQ or MODEL:NAME, where NAME.txt beside this file (or a
path) has the length of a sequence on each line. A model that is not given is an
error only if --cells names it.

PYTHON is an interpreter that has the peers: torch transformers onnx onnxscript
onnxruntime openvino nncf. Errors are measured against PyTorch in f32: in each
cell, and on the texts of --texts for models whose vocabulary knows them.

DIR gets grid.json (after each cell), grid.md and grid.svg.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import chart
import report
import turns
from models import HERE, Model, stop

CELLS = ("base:1x128,base:8x128,base:1x384,minilm:1x32,minilm:1x128,"
         "base:glue32,base:squad32")
PEERS = {
    "f32": ["torch", "ort", "openvino"],
    "bf16": ["torch-bf16", "openvino-bf16"],
    "int8": ["ort-int8", "openvino-int8"],
    "bf16-w8": ["torch-bf16", "openvino-bf16"],
    "f32-fast": ["torch", "ort", "openvino"],
}
TEXTS = HERE.parent.parent / "test" / "Golden" / "minilm-texts.json"


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((l.split(":")[1].strip() for l in info
                     if l.startswith("model name")), "unknown")


class Grid:
    def __init__(self, arguments, scratch):
        self.arguments, self.scratch = arguments, scratch
        self.rows, self.accuracy = [], []
        self.ceilings = {}

    def start(self, name, model, threads, library):
        python = sys.executable if name == "bertc" else self.arguments.peers
        return turns.Engine(name, python, model.folder, threads, library,
                            self.arguments.cache, model.calibration)

    def references(self, model, cells):
        """Outputs of the reference by cell."""
        engine = self.start("torch", model, max(self.arguments.threads), "")
        try:
            return {c.name: c.first_run(engine, "padded")[0] for c in cells}
        finally:
            engine.close()

    def contenders(self, model, precision, threads):
        """The engines of a group, and the failures to start."""
        library, why = model.library(precision)
        failed = [{"engine": "bertc", "error": f"cannot be compiled: {why}"}
                  ] if why else []
        names = [] if why else [("bertc", threads)]
        most = max(self.arguments.threads)
        if names and threads == most > 1 and 1 in self.arguments.threads:
            names.append(("bertc", 1))
        names += [(n, threads) for n in PEERS[precision]
                  if n in self.arguments.engines]
        engines = []
        for name, count in names:
            try:
                engines.append(self.start(name, model, count, library or ""))
            except RuntimeError as error:
                failed.append({"engine": name, "error": str(error)})
        return engines, failed

    def group(self, model, cells, references, precision, threads, texts):
        engines, failed = self.contenders(model, precision, threads)
        everyone = list(engines)
        try:
            for cell in cells:
                row = turns.measure(cell, engines, references[cell.name],
                                    self.arguments.samples)
                row["failed"] = failed + row["failed"]
                row.update(model=model.name, cell=cell.name, threads=threads,
                           precision=precision, tokens=sum(cell.lengths),
                           sequences=len(cell.lengths), ragged=cell.ragged,
                           gflop=model.flops(cell.lengths) / 1e9)
                self.rows.append(row)
                print(report.line(row), flush=True)
                self.write()
            if not texts:
                return
            for engine in engines:
                if engine.name == "bertc" and engine.threads != threads:
                    continue
                got, _ = texts.first_run(engine, "sorted8")
                self.accuracy.append({
                    "model": model.name, "precision": precision,
                    "engine": engine.name, "texts": len(texts.ids),
                    **turns.errors(got, references[texts.name])})
            self.write()
        finally:
            for engine in everyone:
                engine.close()

    def run(self):
        names = list(dict.fromkeys(m for m, _ in self.arguments.cells))
        models = {n: Model(n, self.arguments.model[n], self.arguments,
                           self.scratch) for n in names}
        for name, model in models.items():
            cells = [model.cell(c) for m, c in self.arguments.cells
                     if m == name]
            texts = model.text_ids and turns.Cell("texts", model.text_ids,
                                                  model.scratch)
            references = self.references(model, cells +
                                         ([texts] if texts else []))
            for precision in self.arguments.precisions:
                for threads in self.arguments.threads:
                    last = threads == max(self.arguments.threads)
                    self.group(model, cells, references, precision, threads,
                               texts if last else None)

    def result(self):
        return {"cpu": cpu_name(), "samples": self.arguments.samples,
                "calibrated": self.arguments.calibrate,
                "ceilings": self.ceilings, "rows": self.rows,
                "accuracy": self.accuracy}

    def write(self):
        folder = self.arguments.output
        for name, text in (("grid.json", json.dumps(self.result(), indent=1)),
                           ("grid.md", report.markdown(self.result())),
                           ("grid.svg", chart.svg(self.result()))):
            (folder / name).write_text(text.rstrip("\n") + "\n")


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bertc", required=True, type=os.path.abspath)
    parser.add_argument("--model", action="append", required=True,
                        metavar="NAME=DIR")
    parser.add_argument("--peers", required=True, metavar="PYTHON")
    parser.add_argument("--cells", default=CELLS)
    parser.add_argument("--precisions", default="f32,bf16,int8")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--engines", default=",".join(sorted(
        {e for engines in PEERS.values() for e in engines})))
    parser.add_argument("--texts", type=pathlib.Path, default=TEXTS)
    parser.add_argument("--calibrate", action="store_true",
                        help="int8 of bertc on the texts too")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(
        tempfile.gettempdir()) / "bertc-peers", help="for models of the peers")
    parser.add_argument("--output", type=pathlib.Path, default=".")
    arguments = parser.parse_args()
    for model in arguments.model:
        if "=" not in model:
            stop(f"--model is '{model}', expected NAME=DIR")
    arguments.model = dict(m.split("=", 1) for m in arguments.model)
    default = arguments.cells == CELLS
    cells = [tuple(c.split(":", 1)) for c in arguments.cells.split(",")]
    for cell in cells:
        if len(cell) != 2:
            stop(f"cell '{cell[0]}', expected MODEL:BATCHxSEQ or MODEL:LENGTHS")
        if cell[0] not in arguments.model and not default:
            stop(f"cell {':'.join(cell)} needs --model {cell[0]}=DIR")
    arguments.cells = [c for c in cells if c[0] in arguments.model]
    if not arguments.cells:
        stop("no cell is of a given model\nhelp: name cells by --cells")
    arguments.precisions = arguments.precisions.split(",")
    for precision in arguments.precisions:
        if precision not in PEERS:
            stop(f"precision '{precision}', expected of {', '.join(PEERS)}")
    if not all(t.isdigit() and int(t) for t in arguments.threads.split(",")):
        stop(f"--threads is '{arguments.threads}', expected numbers")
    arguments.threads = sorted({int(t) for t in arguments.threads.split(",")})
    arguments.engines = arguments.engines.split(",")
    arguments.compile_options = []
    arguments.cache.mkdir(parents=True, exist_ok=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    return arguments


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        grid = Grid(arguments, pathlib.Path(scratch))
        for threads in arguments.threads:
            done = subprocess.run(
                [arguments.bertc, "bench", "--machine", "--json", "--threads",
                 str(threads)], capture_output=True, text=True)
            if done.returncode:
                stop(f"bertc bench --machine failed: {done.stderr.strip()}")
            grid.ceilings[str(threads)] = json.loads(done.stdout)
        grid.run()
        grid.write()


if __name__ == "__main__":
    main()
