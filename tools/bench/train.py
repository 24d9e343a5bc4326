#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Training steps of a compiled model beside PyTorch's, in turns.

usage: train.py --model DIR --peers PYTHON [--bf16] [--threads 2] [--turns 3]
                [--lengths FILE | --batch 16 --seq 128] LIBRARY...

LIBRARY is `bertc compile DIR --train --head classify:2`; of several, each has
its turn. A step is forward, backward, clipping at 1 and AdamW, with the dropout
of the config. bertc takes a ragged batch whole. PyTorch takes it padded, sorted
in eights and one by one, with gradients accumulated over the parts; --bf16 is
its autocast. Prints milliseconds, the ratio of PyTorch's best and padded median
to each library, and peak resident memory.

Each engine is a process of its own, and idle in the turns of the others.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np

from turns import WAYS, batches_of

RATE, DECAY = 2e-5, 0.01


def bertc(arguments, library):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                 "..", "..", "test", "Integration"))
    import capi
    from trainer import Trainer
    trainer = Trainer(capi.Model(library), threads=arguments.threads,
                      learning_rate=RATE, weight_decay=DECAY, max_grad_norm=1.0,
                      max_steps=1000000)

    def step(batches, labels):
        (part, ids, mask), = batches
        trainer.step(ids, labels[part], mask)
    return step


def pytorch(arguments):
    import torch
    from transformers import AutoModelForSequenceClassification, logging
    logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    model = AutoModelForSequenceClassification.from_pretrained(
        arguments.model, num_labels=2).train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY,
                                  fused=True)

    def step(batches, labels):
        for part, ids, mask in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bf16):
                loss = model(input_ids=torch.from_numpy(ids),
                             attention_mask=torch.from_numpy(mask),
                             labels=torch.from_numpy(labels[part])).loss
            (loss * (len(part) / len(labels))).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return step


def work(arguments):
    """The process of one engine: a way a line, milliseconds a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    random = np.random.default_rng(0)
    ids = [random.integers(1000, 20000, n) for n in arguments.lengths]
    labels = random.integers(0, 2, len(ids))
    batches = {way: list(batches_of(ids, way)) for way in WAYS}
    step = pytorch(arguments) if arguments.engine == "pytorch" else \
        bertc(arguments, arguments.engine)
    for line in sys.stdin:
        start = time.perf_counter()
        step(batches[line.strip()], labels)
        ms = (time.perf_counter() - start) * 1e3
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps([ms, peak]), file=answers, flush=True)


class Engine:
    def __init__(self, python, name, arguments):
        self.name, self.peak = name, 0
        command = [python, "-B", os.path.abspath(__file__), "--engine", name,
                   "--model", arguments.model, "--threads",
                   str(arguments.threads), "--lengths", arguments.file or "-"]
        if not arguments.file:
            command += ["--batch", str(arguments.batch), "--seq",
                        str(arguments.seq)]
        self.process = subprocess.Popen(
            command + ["--bf16"] * arguments.bf16, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def step(self, way):
        print(way, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} stopped")
        ms, self.peak = json.loads(line)
        return ms


def compare(arguments):
    peer = Engine(arguments.peers, "pytorch", arguments)
    own = [Engine(sys.executable, os.path.abspath(library), arguments)
           for library in arguments.library]
    ragged = len(set(arguments.lengths)) > 1
    contenders = [(engine, "padded") for engine in own] + [
        (peer, way) for way in (WAYS if ragged else ["padded"])]
    times = {contender: [] for contender in contenders}
    for turn in range(arguments.turns + 1):  # the first is not counted
        for contender in contenders:
            ms = contender[0].step(contender[1])
            if turn:
                times[contender].append(ms)
    medians = {c: statistics.median(t) for c, t in times.items()}
    theirs = {way: medians[e, way] for e, way in contenders if e is peer}
    best = min(theirs, key=theirs.get)
    print(f"{len(arguments.lengths)} sequences of {sum(arguments.lengths)} "
          f"tokens, {arguments.threads} threads, {arguments.turns} turns")
    for (engine, way), median in medians.items():
        name = f"PyTorch {way}" if engine is peer else \
            os.path.basename(engine.name)
        line = (f"{name:24} median {median:6.0f} ms, least "
                f"{min(times[engine, way]):6.0f} ms, peak {engine.peak} MB")
        if engine is not peer:
            ratios = sorted(t / o for o, t in zip(times[engine, way],
                                                  times[peer, best]))
            line += (f"; {theirs[best] / median:.2f}x of PyTorch {best} "
                     f"[{ratios[0]:.2f} to {ratios[-1]:.2f}], "
                     f"{theirs['padded'] / median:.2f}x of padded, memory "
                     f"{engine.peak / peer.peak:.2f}")
        print(line)
    for engine in own + [peer]:
        engine.process.stdin.close()
        engine.process.wait()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("library", nargs="*")
    parser.add_argument("--model", required=True)
    parser.add_argument("--peers")
    parser.add_argument("--lengths", dest="file")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seq", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.file == "-":
        arguments.file = None
    arguments.lengths = [arguments.seq] * arguments.batch
    if arguments.file:
        with open(arguments.file) as file:
            arguments.lengths = [int(n) for n in file.read().split()]
    if arguments.engine:
        work(arguments)
    elif not arguments.library or not arguments.peers:
        parser.error("expected --peers PYTHON and a LIBRARY")
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
