#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Time a compiled model beside the engines a user would pick instead.

usage: compare.py MODEL_DIR LIBRARY [--peers PYTHON] [--engines torch,ort,...]
         [--cells 1x128,8x128] [--lengths FILE]... [--threads 2]
         [--samples 15] [--json FILE]

Engines take turns, sample by sample, so that whatever else the machine does
hits all of them. A turn is one run that is not counted, then runs that are,
after a pause in which the threads of the engine before go to sleep. Each ratio
is the peer's median over bertc's; beside it stands the middle half of the
ratios of single turns.

A file of lengths is a ragged batch. bertc gets it as one padded batch with a
mask; a peer gets it in every way a user could choose: "padded" to its longest,
"sorted8" in batches of eight of similar length, "single" one by one.

PYTHON is an interpreter that has the peers: torch transformers onnx onnxscript
onnxruntime openvino. Without it bertc runs alone.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
WARM_UPS = 3
WAYS = {"padded": 10 ** 9, "sorted8": 8, "single": 1}  # -> sequences a batch


class Engine:
    """The process of one engine."""

    def __init__(self, name, python, arguments, cache):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("OPENBLAS_")}
        self.name, self.log = name, open(cache / f"{name}.log", "w")
        self.process = subprocess.Popen(
            [python, "-B", HERE / "engine.py", name, arguments.model,
             str(arguments.threads), arguments.library, cache],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True, env=environment)
        first = self.read()
        self.about, self.create_ms = first["about"], first["create_ms"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            tail = pathlib.Path(self.log.name).read_text()[-1500:]
            raise RuntimeError(f"{self.name} stopped:\n{tail}")
        return json.loads(line)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cell_batches(lengths, way, vocab):
    """[(sequence numbers, ids, mask)] of the batches of a cell."""
    rng = np.random.default_rng(1000 * len(lengths) + max(lengths))
    ids = rng.integers(min(1000, vocab // 2), min(20000, vocab),
                       (len(lengths), max(lengths)))
    order = list(range(len(lengths)))
    if way != "padded":
        order.sort(key=lambda i: lengths[i])
    step = min(WAYS[way], len(order))
    for start in range(0, len(order), step):
        part = order[start:start + step]
        longest = max(lengths[i] for i in part)
        mask = (np.arange(longest)[None] < np.array(
            [lengths[i] for i in part])[:, None]).astype(np.int64)
        yield part, np.ascontiguousarray(ids[part, :longest]), mask


def by_sequence(file, batches):
    """The outputs of a cell in one order for all ways: real rows only."""
    with np.load(file) as data:
        rows = {}
        for index, (part, _, mask) in enumerate(batches):
            for row, number in enumerate(part):
                rows[number] = data[f"arr_{index}"][row][mask[row] == 1]
    return np.concatenate([rows[i] for i in sorted(rows)])


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


def measure(label, lengths, engines, arguments, folder):
    """Rows of the table for one cell, bertc first."""
    ragged = len(set(lengths)) > 1
    contenders = []  # engine, way, file
    for engine in engines:
        ways = list(WAYS) if ragged and engine.name != "bertc" else ["padded"]
        contenders += [(engine, way) for way in ways]
    batches = {w: list(cell_batches(lengths, w, arguments.vocab)) for w in WAYS}
    for way, parts in batches.items():
        np.savez(folder / f"{way}.npz", **{
            f"{kind}{i}": array for i, (_, ids, mask) in enumerate(parts)
            for kind, array in (("ids", ids), ("mask", mask))})
    times = {c: [] for c in contenders}  # one list a turn
    outputs, runs = {}, {}
    for engine, way in contenders:
        saved = folder / f"{engine.name}-{way}-out.npz"
        engine.ask(cell=way, load=str(folder / f"{way}.npz"), save=str(saved))
        outputs[engine, way] = by_sequence(saved, batches[way])
        warm = engine.ask(cell=way, runs=WARM_UPS)["ms"]
        # Short runs are repeated within a turn, to 60 ms.
        runs[engine, way] = max(1, min(20, int(60 / min(warm))))
    before = os.getloadavg()[0]
    for _ in range(arguments.samples):
        for engine, way in contenders:
            time.sleep(arguments.pause)
            ms = engine.ask(cell=way, runs=1 + runs[engine, way])["ms"][1:]
            times[engine, way].append(ms)
    rows, tokens = [], sum(lengths)
    ours = times[contenders[0]]
    reference = outputs[contenders[-1 if len(contenders) == 1 else 1]]
    for contender in contenders:
        engine, way = contender
        flat = [ms for turn in times[contender] for ms in turn]
        turns = [statistics.median(a) / statistics.median(b)
                 for a, b in zip(times[contender], ours)]
        difference = np.abs(outputs[contender] - reference)
        rows.append({
            "cell": label, "engine": engine.name, "way": way,
            "version": engine.about, "sequences": len(lengths),
            "longest": max(lengths), "tokens": tokens,
            "median_ms": statistics.median(flat),
            "p95_ms": quantile(flat, 0.95), "min_ms": min(flat),
            "samples": len(flat), "create_ms": engine.create_ms,
            "tokens_per_s": tokens / statistics.median(flat) * 1e3,
            "ratio": statistics.median(flat) / statistics.median(
                [ms for turn in ours for ms in turn]),
            "ratio_quartiles": [quantile(turns, 0.25), quantile(turns, 0.75)],
            "max_difference": float(difference.max()),
            "load": [before, os.getloadavg()[0]]})
    return rows


def show(rows):
    first = rows[0]
    print(f"\n{first['cell']}: {first['sequences']} sequences, longest "
          f"{first['longest']}, {first['tokens']} tokens; load average "
          f"{first['load'][0]:.2f} before, {first['load'][1]:.2f} after")
    print(f"{'engine':18s} {'median':>9s} {'p95':>9s} {'min':>9s} ms "
          f"{'tokens/s':>9s}  ratio (middle half)   max difference")
    for row in rows:
        name = row["engine"] + ("" if row["engine"] == "bertc" or
                                row["cell"][0].isdigit()
                                else " " + row["way"])
        low, high = row["ratio_quartiles"]
        print(f"{name:18s} {row['median_ms']:9.2f} {row['p95_ms']:9.2f} "
              f"{row['min_ms']:9.2f}    {row['tokens_per_s']:9.0f}  "
              f"{row['ratio']:5.2f} ({low:.2f} to {high:.2f})   "
              f"{row['max_difference']:.1e}", flush=True)
    if len(rows) > 1:
        best = min(rows[1:], key=lambda r: r["median_ms"])
        print(f"ratio to the best peer ({best['engine']} {best['way']}): "
              f"{best['ratio']:.2f}")
        padded = [r for r in rows[1:] if r["way"] == "padded"]
        fastest = min(padded, key=lambda r: r["median_ms"])
        if fastest is not best:
            print(f"ratio to the best peer padded to the longest "
                  f"({fastest['engine']}): {fastest['ratio']:.2f}", flush=True)


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((l.split(":")[1].strip() for l in info
                     if l.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("library")
    parser.add_argument("--peers", help="interpreter that has the peers")
    parser.add_argument("--engines", default="torch,ort,openvino")
    parser.add_argument("--cells", default="1x128,8x128")
    parser.add_argument("--lengths", action="append", default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--pause", type=float, default=0.25,
                        help="seconds between turns")
    parser.add_argument("--cache", default=os.path.join(
        tempfile.gettempdir(), "bertc-peers"), help="for exported models")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    config = json.loads(
        (pathlib.Path(arguments.model) / "config.json").read_text())
    arguments.vocab = config["vocab_size"]
    cells = []
    for cell in filter(None, arguments.cells.split(",")):
        batch, seq = map(int, cell.split("x"))
        cells.append((cell, [seq] * batch))
    for file in arguments.lengths:
        lengths = [int(x) for x in pathlib.Path(file).read_text().split()]
        cells.append((pathlib.Path(file).stem, lengths))

    cache = pathlib.Path(arguments.cache)
    cache.mkdir(parents=True, exist_ok=True)
    names = ["bertc"] + (arguments.engines.split(",") if arguments.peers
                         else [])
    engines, rows = [], []
    for name in names:
        python = sys.executable if name == "bertc" else arguments.peers
        engines.append(Engine(name, python, arguments, cache))
    print(f"{cpu_name()}, {arguments.threads} threads, "
          f"{arguments.samples} turns; "
          + ", ".join(f"{e.name}: {e.about}, ready in {e.create_ms:.0f} ms"
                      for e in engines))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for label, lengths in cells:
                part = measure(label, lengths, engines, arguments,
                               pathlib.Path(folder))
                show(part)
                rows += part
    finally:
        for engine in engines:
            engine.close()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(
            {"cpu": cpu_name(), "threads": arguments.threads, "rows": rows},
            indent=1) + "\n")


if __name__ == "__main__":
    main()
