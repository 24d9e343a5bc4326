#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What a compiled model costs besides its speed: time and memory to compile,
size, time from exec to the first result, memory while serving.

usage: footprint.py BERTC MODEL_DIR... [--precisions f32,bf16,int8]
         [--runs 15] [--peers PYTHON] [--json FILE]

Prints a Markdown table. Serving is 8 sequences of 128 tokens; its memory is what
the model adds to a process: weights, code, workspace. With --peers, also how long
PyTorch takes from exec to the first result.
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


class Failed(Exception):
    pass


def spend(*command):
    """Wall seconds, CPU seconds and peak resident MB of a command."""
    command = [str(c) for c in command]
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            try:
                os.execvp(command[0], command)
            except OSError as error:
                os.write(2, f"error: {command[0]}: {error}".encode())
                os._exit(127)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - start
        if status:
            errors.seek(0)
            lines = errors.read().strip().split("\n")
            raise Failed(next((l for l in lines if "error" in l), lines[0]))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compile_model(bertc, model, precision, folder):
    """(row, library), or (row with the reason, None)."""
    library, report = folder / "model.so", folder / "report.json"
    row = {"model": model.name, "precision": precision}
    try:
        wall, cpu, peak = spend(bertc, "compile", model, "-o", library, "-q",
                                "--report", report,
                                f"--precision={precision}")
    except Failed as error:
        return {**row, "error": str(error)}, None
    about = json.loads(report.read_text())
    row.update(compile_s=wall, compile_cpu_s=cpu, compile_peak_mb=peak,
               code_mb=about["code_bytes"] / 1e6,
               weights_mb=about["weights_bytes"] / 1e6)
    return row, library


def serve(bertc, library):
    """MB that the model adds to a process that serves it."""
    done = subprocess.run(
        [bertc, "bench", library, "--batch", "8", "--seq", "128", "--samples",
         "1", "--warmups", "1", "--json"], capture_output=True, text=True,
        check=True)
    memory = json.loads(done.stdout)["memory"]
    return {"serving_mb": memory["model_resident_bytes"] / 1e6,
            "private_mb": memory["model_private_bytes"] / 1e6,
            "workspace_mb": memory["workspace_bytes"] / 1e6}


def first_result(runs, *command):
    """Milliseconds from exec to the end, with a warm page cache."""
    spend(*command)
    walls = sorted(spend(*command)[0] * 1e3 for _ in range(runs))
    return {"start_ms": statistics.median(walls),
            "start_p95_ms": walls[int(len(walls) * .95)]}


COLUMNS = [("model", "model", "{}"), ("precision", "precision", "{}"),
           ("compile s", "compile_s", "{:.1f}"),
           ("CPU s", "compile_cpu_s", "{:.1f}"),
           ("peak MB", "compile_peak_mb", "{:.0f}"),
           ("code MB", "code_mb", "{:.2f}"),
           ("weights MB", "weights_mb", "{:.1f}"),
           ("exec to first embedding ms", "start_ms", "{:.0f}"),
           ("p95", "start_p95_ms", "{:.0f}"),
           ("serving MB", "serving_mb", "{:.1f}"),
           ("of which private", "private_mb", "{:.1f}"),
           ("over weights x 1.15", "over_mb", "{:+.1f}"),
           ("PyTorch exec to first ms", "peer_ms", "{:.0f}")]


def markdown(rows):
    lines = ["| " + " | ".join(c[0] for c in COLUMNS) + " |",
             "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = [form.format(row[key]) if key in row else "-"
                 for _, key, form in COLUMNS]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"- {r['model']} {r['precision']}: {r['error']}" for r in rows
              if "error" in r]
    return "\n".join(lines)


def measure(arguments, model, precision, folder):
    row, library = compile_model(arguments.bertc, model, precision, folder)
    if not library:
        return row
    row.update(serve(arguments.bertc, library))
    row["over_mb"] = row["serving_mb"] - 1.15 * row["weights_mb"]
    if (model / "modules.json").exists():
        row.update(first_result(arguments.runs, arguments.bertc, "embed",
                                library, TEXT))
        if arguments.peers and precision == "f32":
            peer = first_result(3, arguments.peers, "-c", PEER, model, TEXT)
            row["peer_ms"] = peer["start_ms"]
    return row


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bertc", type=os.path.abspath)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--precisions", default="f32,bf16,int8")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--peers", help="interpreter that has torch")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = []
    for model in arguments.models:
        for precision in arguments.precisions.split(","):
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(arguments, model, precision,
                                    pathlib.Path(folder)))
    print(markdown(rows))
    print(f"\nload average {os.getloadavg()[0]:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
