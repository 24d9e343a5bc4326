#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What a compiled model costs besides its speed: time and memory to compile,
size, time from exec to the first result, resident memory.

usage: footprint.py BERTC MODEL_DIR... [--runs 15] [--peers PYTHON]

With --peers, also how long PyTorch takes from exec to the first result.
"""
import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

TEXT = "The cat sits on the mat."
PEER = """
import os, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModel, AutoTokenizer
folder = sys.argv[1]
model = AutoModel.from_pretrained(folder).eval()
inputs = AutoTokenizer.from_pretrained(folder)(sys.argv[2], return_tensors="pt")
with torch.inference_mode():
    model(**inputs).last_hidden_state.mean(1)
"""


def spend(*command):
    """Wall seconds, CPU seconds and peak resident MB of a command."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.execvp(str(command[0]), [str(c) for c in command])
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    if status:
        sys.exit(f"footprint: error: {' '.join(map(str, command))} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bertc", type=os.path.abspath)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--peers", help="interpreter that has torch")
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.2f}")
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            code = min(spend(arguments.bertc, "compile", model, "--emit=obj",
                             "-o", f"{folder}/code.o")[1] for _ in range(3))
            library = pathlib.Path(folder) / "model.so"
            wall, cpu, memory = spend(arguments.bertc, "compile", model, "-o",
                                      library)
            weights = sum(f.stat().st_size
                          for f in model.glob("*.safetensors"))
            size = library.stat().st_size
            print(f"{model.name}: compiled in {wall:.1f} s ({cpu:.1f} s of "
                  f"CPU; code alone {code:.1f} s), peak {memory:.0f} MB "
                  f"(checkpoint {weights / 2**20:.0f} MB); library "
                  f"{size / 2**20:.0f} MB")
            if not (model / "modules.json").exists():
                continue
            command = [arguments.bertc, "embed", library, TEXT]
            spend(*command)  # the page cache is warm from here on
            runs = [spend(*command) for _ in range(arguments.runs)]
            walls = sorted(r[0] * 1e3 for r in runs)
            print(f"{model.name}: exec to first embedding "
                  f"{statistics.median(walls):.0f} ms median, "
                  f"{walls[int(len(walls) * .95)]:.0f} p95, {walls[0]:.0f} "
                  f"min; resident {max(r[2] for r in runs):.0f} MB")
            if arguments.peers:
                peer = [arguments.peers, "-c", PEER, model, TEXT]
                spend(*peer)
                runs = [spend(*peer) for _ in range(3)]
                print(f"{model.name}: PyTorch from exec to first result "
                      f"{min(r[0] for r in runs) * 1e3:.0f} ms; resident "
                      f"{max(r[2] for r in runs):.0f} MB")


if __name__ == "__main__":
    main()
