#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Engines that take turns on one cell, so that whatever else the machine does
hits all of them.

A turn is one run that is not counted, then runs that are, after a pause in
which the threads of the engine before go to sleep. bertc gets a ragged cell as
one padded batch with a mask; a peer gets it in every way a user could choose.
"""
import json
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
WARM_UPS = 3
PAUSE = 0.25  # seconds between turns
TURN_MS = 60  # short runs are repeated within a turn
LONG_MS = 200  # longer runs need no run before them to fill the caches
# A contender whose samples would take longer than this gets fewer, not below
# LEAST; its row says how many.
BUDGET_MS, LEAST = 20000, 3
WAYS = {"padded": 10 ** 9, "sorted8": 8, "single": 1}  # -> sequences a batch


class Engine:
    """The process of one engine."""

    def __init__(self, name, python, model, threads, library, cache,
                 calibration):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("OPENBLAS_")}
        self.name, self.threads = name, threads
        self.log = open(cache / f"{name}-{threads}.log", "w")
        self.process = subprocess.Popen(
            [python, "-B", HERE / "engine.py", name, model, str(threads),
             library, cache, calibration], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=environment)
        first = self.read()
        self.about, self.create_ms = first["about"], first["create_ms"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            lines = pathlib.Path(self.log.name).read_text().split("\n")
            last = next((l for l in reversed(lines) if l.strip()), "no message")
            raise RuntimeError(f"{self.name} stopped: {last.strip()[:200]} "
                               f"(log: {self.log.name})")
        return json.loads(line)

    def ask(self, **command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() says why
        return self.read()["ms"]

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it stopped with a command half read
        self.process.wait()
        self.log.close()


def batches_of(ids, way):
    """[(numbers, ids, mask)] of the batches of sequences, as `way` has it."""
    order = list(range(len(ids)))
    if way != "padded":
        order.sort(key=lambda i: len(ids[i]))
    step = min(WAYS[way], len(order))
    for start in range(0, len(order), step):
        part = order[start:start + step]
        shape = len(part), max(len(ids[i]) for i in part)
        padded, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, i in enumerate(part):
            padded[row, :len(ids[i])] = ids[i]
            mask[row, :len(ids[i])] = 1
        yield part, padded, mask


class Cell:
    """Sequences of token ids and, in `folder`, their batches for engines."""

    def __init__(self, name, ids, folder):
        self.name, self.ids, self.folder = name, ids, folder
        self.lengths = [len(i) for i in ids]
        self.batches = {}

    @property
    def ragged(self):
        return len(set(self.lengths)) > 1

    def first_run(self, engine, way):
        """Outputs by sequence, and milliseconds of a first run."""
        source = self.folder / f"{self.name}-{way}.npz"
        if way not in self.batches:
            self.batches[way] = list(batches_of(self.ids, way))
            np.savez(source, **{
                f"{kind}{i}": array
                for i, (_, ids, mask) in enumerate(self.batches[way])
                for kind, array in (("ids", ids), ("mask", mask))})
        target = self.folder / f"out-{engine.name}.npz"
        ms = engine.ask(cell=f"{self.name}-{way}", load=str(source),
                        save=str(target))[0]
        rows = [None] * len(self.ids)
        with np.load(target) as data:
            for index, (part, _, mask) in enumerate(self.batches[way]):
                for row, i in enumerate(part):
                    rows[i] = data[f"arr_{index}"][row][mask[row] == 1]
        return rows, ms


def errors(rows, reference):
    """How far outputs by sequence are from the reference."""
    got, want = np.concatenate(rows), np.concatenate(reference)
    want = want.astype(np.float64)
    cosines = []
    for a, b in zip(rows, reference):
        a, b = a.mean(0, np.float64), b.mean(0, np.float64)
        cosines.append(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return {"relative_rms": float(np.linalg.norm(got - want) /
                                  np.linalg.norm(want)),
            "max_difference": float(np.abs(got - want).max()),
            "least_cosine": float(min(cosines))}


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


class Contender:
    """An engine and the way it is given the cell."""

    def __init__(self, engine, way, cell, reference):
        self.engine, self.way, self.cell = engine, way, cell
        rows, first = cell.first_run(engine, way)
        self.errors = errors(rows, reference)
        slow = first > BUDGET_MS / 10
        warm = min(self.run(1 if slow else WARM_UPS))
        self.runs = max(1, min(20, int(TURN_MS / warm)))
        self.uncounted = int(warm < LONG_MS)
        self.most = max(LEAST, int(BUDGET_MS / warm))
        self.turns = []

    def run(self, runs):
        return self.engine.ask(cell=f"{self.cell.name}-{self.way}", runs=runs)

    def turn(self):
        if len(self.turns) < self.most:
            time.sleep(PAUSE)
            self.turns.append(
                self.run(self.uncounted + self.runs)[self.uncounted:])

    def result(self, ours):
        flat = [ms for turn in self.turns for ms in turn]
        out = {"engine": self.engine.name, "way": self.way,
               "threads": self.engine.threads, "version": self.engine.about,
               "median_ms": statistics.median(flat),
               "p95_ms": quantile(flat, 0.95), "min_ms": min(flat),
               "samples": len(flat), "create_ms": self.engine.create_ms,
               **self.errors}
        if ours:
            turns = [statistics.median(a) / statistics.median(b)
                     for a, b in zip(self.turns, ours.turns)]
            out["ratio"] = out["median_ms"] / statistics.median(
                [ms for turn in ours.turns for ms in turn])
            out["ratio_quartiles"] = [quantile(turns, 0.25),
                                      quantile(turns, 0.75)]
        return out


def measure(cell, engines, reference, samples):
    """The results of all contenders of a cell and the load meanwhile; ratios
    are to the first engine if it is bertc. An engine that fails is reported
    with its reason."""
    contenders, failed = [], []
    for engine in list(engines):
        ways = list(WAYS) if cell.ragged and engine.name != "bertc" else \
            ["padded"]
        try:
            contenders += [Contender(engine, way, cell, reference)
                           for way in ways]
        except RuntimeError as error:
            failed.append({"engine": engine.name, "error": str(error)})
            engines.remove(engine)
    before = os.getloadavg()[0]
    for _ in range(samples):
        for contender in list(contenders):
            if contender.engine not in engines:
                continue  # it stopped in another way of this round
            try:
                contender.turn()
            except RuntimeError as error:
                failed.append({"engine": contender.engine.name,
                               "error": str(error)})
                contenders = [c for c in contenders
                              if c.engine is not contender.engine]
                engines.remove(contender.engine)
    ours = contenders[0] if contenders and \
        contenders[0].engine.name == "bertc" else None
    return {"results": [c.result(ours) for c in contenders], "failed": failed,
            "load": [before, os.getloadavg()[0]]}
