#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""One engine in a process of its own, driven by turns.py.

usage: engine.py NAME MODEL THREADS LIBRARY CACHE CALIBRATION

A process each, because engines keep their idle threads spinning for a while,
and two thread pools in one process would slow each other. Commands are JSON
lines on standard input, answers JSON lines on standard output; the first answer
says what the engine is:
  {"cell": NAME, "load": FILE, "save": FILE}
                           read the batches of a cell, run them once and save
                           the outputs; {"ms": [...]}
  {"cell": NAME, "runs": N}  run the cell N times; {"ms": [...]}
"""
import json
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np


def bertc(arguments):
    import capi
    model = capi.Model(arguments.library)
    session = capi.Session(model, threads=arguments.threads)

    def prepare(batches):
        calls = [session.prepare_padded(i, m, names=["last_hidden_state"])
                 for i, m in batches]

        def run():
            for call, _ in calls:
                call()
            return [outputs["last_hidden_state"] for _, outputs in calls]
        return run

    return prepare, model.selected_variant()


def find(name):
    """bertc needs no peer installed, a peer no bertc."""
    if name == "bertc":
        return bertc
    import peers
    return peers.ENGINES[name]


class Arguments:
    def __init__(self, name, model, threads, library, cache, calibration):
        self.name, self.model, self.library = name, model, library
        self.threads, self.cache = int(threads), cache
        self.calibration = calibration  # an .npz of token ids, a text each


def main():
    arguments = Arguments(*sys.argv[1:])
    # Libraries print to standard output as they please; keep it for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    def timed(run):
        start = time.perf_counter()
        outputs = run()
        return outputs, (time.perf_counter() - start) * 1e3

    (prepare, about), create_ms = timed(lambda: find(arguments.name)(arguments))
    answer(about=about, create_ms=create_ms)
    cells = {}
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            with np.load(command["load"]) as data:
                batches = [(data[f"ids{i}"], data[f"mask{i}"])
                           for i in range(len(data.files) // 2)]
            run = cells[command["cell"]] = prepare(batches)
            outputs, ms = timed(run)
            np.savez(command["save"], *outputs)
            answer(ms=[ms])
        else:
            run = cells[command["cell"]]
            answer(ms=[timed(run)[1] for _ in range(command["runs"])])


if __name__ == "__main__":
    main()
