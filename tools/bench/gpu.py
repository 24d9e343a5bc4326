#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""A GPU: bertc beside PyTorch, in turns, and the linear layers by cuBLAS alone.

usage: gpu.py --model base=DIR [--model large=DIR] [--device cuda:0]
         --bertc BERTC | --library base:bf16=FILE ...
         [--cells CELL,...] [--precisions bf16,f32-fast] [--samples 15]
         [--compile MODE] [--output DIR]

Runs in an interpreter that has torch and transformers. Cells are those of
grid.py. BERTC compiles the libraries for cuda:sm_80 and cuda:sm_90a; without it
they are given, one for each model and precision.

All engines are in this process and share the device's memory and context.
Inputs and outputs stay there; a run is timed until the device has finished.
bertc gets a ragged cell packed, PyTorch padded, sorted in eights and one by one;
a batch without padding has no mask. `torch` is SDPA, `torch-compile` the same
through torch.compile (MODE, "reduce-overhead": CUDA graphs). float32 beside
f32-fast is TF32. Errors are measured against PyTorch in float32.

DIR gets gpu.json (after each cell) and gpu.md.
"""
import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch

import capi
import turns
from models import Model, stop
from report import gpu_cells, gpu_markdown

CELLS = "base:1x128,base:8x128,base:32x384,large:32x384,base:glue32,base:squad32"
# Of peers: dtype and torch.set_float32_matmul_precision.
PRECISIONS = {"bf16": ("bfloat16", "highest"), "f16": ("float16", "highest"),
              "int8": ("bfloat16", "highest"), "f32-fast": ("float32", "high"),
              "f32": ("float32", "highest")}


class Engine:
    """What turns.py asks, of an engine in this process. `prepare` makes of a
    cell's [(ids, mask)] a function that puts a run into the stream and returns
    its outputs on the device, [batch, seq, width]."""

    threads = 1

    def __init__(self, name, about, prepare):
        self.name, self.about, self.prepare = name, about, prepare
        self.create_ms, self.cells = 0.0, {}

    def timed(self, run):
        start = time.perf_counter()
        outputs = run()
        torch.cuda.synchronize()
        return outputs, (time.perf_counter() - start) * 1e3

    def ask(self, cell, runs=None, load=None, save=None):
        try:
            if not load:
                return [self.timed(self.cells[cell])[1] for _ in range(runs)]
            with np.load(load) as data:
                batches = [(data[f"ids{i}"], data[f"mask{i}"])
                           for i in range(len(data.files) // 2)]
            run = self.cells[cell] = self.prepare(batches)
            outputs, ms = self.timed(run)
            np.savez(save, *(o.float().cpu().numpy() for o in outputs))
            return [ms]
        except (capi.Failure, RuntimeError) as error:
            raise RuntimeError(f"{self.name}: {str(error).splitlines()[0]}")


def sdpa():
    """The name of SDPA that gets no mask for a batch without padding. While
    torch.compile traces, transformers makes one of ones, and attention with a
    mask is none of the fast kernels."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def mask(*arguments, attention_mask=None, **options):
        if attention_mask is None:
            return None
        return sdpa_mask(*arguments, attention_mask=attention_mask, **options)

    AttentionInterface.register("sdpa_or_no_mask", sdpa_attention_forward)
    AttentionMaskInterface.register("sdpa_or_no_mask", mask)
    return "sdpa_or_no_mask"


def pytorch(folder, precision, device, mode=None):
    """`mode`: through torch.compile."""
    from transformers import AutoModel
    dtype, matmul = PRECISIONS[precision]
    model = AutoModel.from_pretrained(
        folder, attn_implementation=sdpa(),
        dtype=getattr(torch, dtype)).eval().to(device)
    if mode:
        # Each shape gets code and a graph of its own, the best there is.
        model = torch.compile(model, mode=mode, dynamic=False)
        torch._dynamo.config.cache_size_limit = 64

    def prepare(batches):
        inputs = [{"input_ids": torch.from_numpy(ids).to(device),
                   **({} if mask.all() else
                      {"attention_mask": torch.from_numpy(mask).to(device)})}
                  for ids, mask in batches]

        def run():
            torch.set_float32_matmul_precision(matmul)
            outputs = []
            with torch.inference_mode():
                for each in inputs:
                    if mode:
                        torch.compiler.cudagraph_mark_step_begin()
                    hidden = model(**each).last_hidden_state
                    # A graph's next run overwrites its outputs.
                    outputs.append(hidden.clone() if len(inputs) > 1 else
                                   hidden)
            return outputs
        return run

    return Engine("torch-compile" if mode else "torch",
                  f"torch {torch.__version__}, {dtype}" +
                  (", TF32" if matmul == "high" else "") +
                  (f", {mode}" if mode else ""), prepare)


def bertc(library, device):
    os.environ["BERTC_DEVICE"] = str(device)
    model = capi.Model(library)
    session = capi.Session(model)
    output = "last_hidden_state"
    width = model.outputs[output][1]

    def one(ids, mask):
        kept = mask == 1
        lengths = kept.sum(1)
        columns = np.arange(kept.shape[1]) * np.ones_like(ids)
        tensors = [torch.from_numpy(a.astype(np.int32)).to(device) for a in (
            ids[kept], np.concatenate([[0], np.cumsum(lengths)]),
            columns[kept])]
        packed = torch.zeros(int(lengths.sum()), width, device=device)
        call = session.prepare_device(
            [int(n) for n in lengths], *(t.data_ptr() for t in tensors),
            {output: (packed.data_ptr(), packed.numel())},
            torch.cuda.current_stream(device).cuda_stream)
        rows = torch.from_numpy(np.flatnonzero(kept)).to(device)
        return call, packed, tensors, rows, ids.shape

    def prepare(batches):
        runs = [one(ids, mask) for ids, mask in batches]

        def padded(packed, rows, shape):
            out = torch.zeros(shape[0] * shape[1], width, device=device)
            out[rows] = packed
            return out.reshape(*shape, width)

        class Outputs:
            """Rows are spread when somebody looks at them."""

            def __iter__(self):
                return (padded(p, rows, shape) for _, p, _, rows, shape in runs)

        def run():
            for call, *_ in runs:
                call()
            return Outputs()
        return run

    return Engine("bertc", model.selected_variant(), prepare)


def cublas(config, tokens, precision, device):
    """Milliseconds of the products of all linear layers of a batch, in a graph:
    queries, keys and values are one."""
    dtype, matmul = PRECISIONS[precision]
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    torch.set_float32_matmul_precision(matmul)
    make = lambda *shape: torch.randn(*shape, device=device,
                                      dtype=getattr(torch, dtype))
    layers = [[(make(depth, columns), make(tokens, depth))
               for depth, columns in ((hidden, 3 * hidden), (hidden, hidden),
                                      (hidden, inner), (inner, hidden))]
              for _ in range(config["num_hidden_layers"])]

    def products():
        for layer in layers:
            for weight, x in layer:
                torch.mm(x, weight)

    products()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        products()
    engine = Engine("cublas", "", None)
    return statistics.median([engine.timed(graph.replay)[1]
                              for _ in range(20)][3:])


def measure(arguments, scratch):
    rows = []

    def write():
        result = {"gpu": torch.cuda.get_device_name(arguments.device),
                  "samples": arguments.samples, "rows": rows}
        (arguments.output / "gpu.json").write_text(json.dumps(result, indent=1))
        (arguments.output / "gpu.md").write_text(gpu_markdown(result))

    for model_name in dict.fromkeys(m for m, _ in arguments.cells):
        folder = arguments.model[model_name]
        model = Model(model_name, folder, arguments, scratch)
        for (of, precision), file in arguments.library.items():
            if of == model_name:
                model.libraries[precision] = file, None
        cells = [model.cell(c) for m, c in arguments.cells if m == model_name]
        reference = pytorch(folder, "f32", arguments.device)
        expected = {c.name: c.first_run(reference, "padded")[0] for c in cells}
        for precision in arguments.precisions:
            engines, failed = start(model, precision, arguments)
            for cell in cells:
                row = turns.measure(cell, engines, expected[cell.name],
                                    arguments.samples)
                row["failed"] = failed + row["failed"]
                tokens = sum(cell.lengths)
                row.update(model=model.name, cell=cell.name, tokens=tokens,
                           precision=precision,
                           gflop=model.flops(cell.lengths) / 1e9,
                           cublas_ms=cublas(model.config, tokens, precision,
                                            arguments.device))
                rows.append(row)
                print(" | ".join(gpu_cells(row)), flush=True)
                write()


def start(model, precision, arguments):
    """The engines, bertc first, and failures to start."""
    folder, device = model.folder, arguments.device
    library, why = model.library(precision) \
        if arguments.bertc or precision in model.libraries else \
        (None, f"no --library {model.name}:{precision}=FILE")
    makers = [] if why else [("bertc", lambda: bertc(library, device))]
    makers += [("torch", lambda: pytorch(folder, precision, device)),
               ("torch-compile", lambda: pytorch(folder, precision, device,
                                                 arguments.compile))]
    engines, failed = [], [{"engine": "bertc", "error": f"bertc: {why}"}] \
        if why else []
    for engine, make in makers:
        try:
            engines.append(make())
        except (capi.Failure, RuntimeError) as error:
            failed.append({"engine": engine, "error": f"{engine}: {error}"})
    return engines, failed


def pairs(values, what):
    for value in values or []:
        if "=" not in value:
            stop(f"{what} is '{value}', expected NAME=PATH")
        yield value.split("=", 1)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", action="append", required=True,
                        metavar="NAME=DIR")
    parser.add_argument("--bertc", type=os.path.abspath)
    parser.add_argument("--library", action="append",
                        metavar="NAME:PRECISION=FILE")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--cells", default=CELLS)
    parser.add_argument("--precisions", default="bf16,f32-fast,f32")
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--compile", default="reduce-overhead")
    parser.add_argument("--output", type=pathlib.Path, default=".")
    arguments = parser.parse_args()
    arguments.model = dict(pairs(arguments.model, "--model"))
    arguments.library = {tuple(k.split(":", 1)): v for k, v in
                         pairs(arguments.library, "--library")}
    if not arguments.bertc and not arguments.library:
        stop("neither --bertc nor --library is given")
    arguments.cells = [tuple(c.split(":", 1))
                       for c in arguments.cells.split(",")]
    arguments.cells = [c for c in arguments.cells if c[0] in arguments.model]
    if not arguments.cells:
        stop("no cell is of a given model\nhelp: name cells by --cells")
    arguments.precisions = arguments.precisions.split(",")
    for precision in arguments.precisions:
        if precision not in PRECISIONS:
            stop(f"precision '{precision}', expected of {', '.join(PRECISIONS)}")
    arguments.compile_options = ["--target=cuda:sm_80,cuda:sm_90a"]
    arguments.texts, arguments.calibrate = None, False
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not torch.cuda.is_available():
        stop("torch finds no GPU")
    return arguments


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        measure(arguments, pathlib.Path(scratch))


if __name__ == "__main__":
    main()
