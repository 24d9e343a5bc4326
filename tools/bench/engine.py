#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""One engine in a process of its own, driven by compare.py.

usage: engine.py NAME MODEL THREADS LIBRARY CACHE

A process each, because engines keep their idle threads spinning for a while,
and two thread pools in one process would slow each other. Commands are JSON
lines on standard input, answers JSON lines on standard output:
  {"cell": NAME, "load": FILE, "save": FILE}
                           read the batches of a cell, run them once and save
                           the outputs
  {"cell": NAME, "runs": N}  run the cell N times; {"ms": [...]}
"""
import json
import os
import pathlib
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


def each(call):
    """An engine that takes one batch of (ids, mask) at a time."""
    return lambda batches: lambda: [call(i, m) for i, m in batches]


def plain(model):
    import torch

    class Plain(torch.nn.Module):
        """The encoder with two inputs and one output, for the exporters."""

        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, input_ids, attention_mask):
            return self.inner(input_ids=input_ids,
                              attention_mask=attention_mask).last_hidden_state

    return Plain().eval()


def load(folder, attention):
    from transformers import AutoModel
    return AutoModel.from_pretrained(folder,
                                     attn_implementation=attention).eval()


def torch_f32(arguments):
    import torch
    torch.set_num_threads(arguments.threads)
    model = plain(load(arguments.model, "sdpa"))

    def call(ids, mask):
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    return each(call), f"torch {torch.__version__}"


def onnx_file(arguments):
    """The model as ONNX, through its transformer optimizer; kept in CACHE."""
    import torch
    name = os.path.abspath(arguments.model).strip("/").replace("/", "_")
    folder = pathlib.Path(arguments.cache) / name
    file, done = folder / "optimized.onnx", folder / "done"
    if done.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    model = load(arguments.model, "eager")
    ids = torch.randint(5, model.config.vocab_size, (2, 16))
    dynamic = {0: "b", 1: "s"}
    torch.onnx.export(plain(model), (ids, torch.ones_like(ids)),
                      folder / "plain.onnx", dynamo=False, opset_version=17,
                      input_names=["input_ids", "attention_mask"],
                      output_names=["h"], dynamic_axes={
                          "input_ids": dynamic, "attention_mask": dynamic,
                          "h": dynamic})
    from onnxruntime.transformers import optimizer
    optimizer.optimize_model(
        str(folder / "plain.onnx"), model_type="bert", opt_level=0,
        num_heads=model.config.num_attention_heads,
        hidden_size=model.config.hidden_size).save_model_to_file(
            str(file), use_external_data_format=True)
    done.touch()
    return file


def onnxruntime(arguments):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = ort.InferenceSession(str(onnx_file(arguments)), options,
                                   providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return each(lambda ids, mask: session.run(
        None, dict(zip(names, (ids, mask))))[0]), f"ort {ort.__version__}"


def openvino(arguments):
    import openvino as ov
    import torch
    ones = torch.ones(2, 16, dtype=torch.long)
    model = ov.convert_model(plain(load(arguments.model, "sdpa")),
                             example_input=(ones, ones))
    compiled = ov.Core().compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": arguments.threads})
    request = compiled.create_infer_request()
    return each(lambda ids, mask: request.infer([ids, mask])[0].copy()), \
        f"openvino {ov.__version__.split('-')[0]}"


ENGINES = {"bertc": bertc, "torch": torch_f32, "ort": onnxruntime,
           "openvino": openvino}


class Arguments:
    def __init__(self, name, model, threads, library, cache):
        self.name, self.model, self.library = name, model, library
        self.threads, self.cache = int(threads), cache


def main():
    arguments = Arguments(*sys.argv[1:])
    # Libraries print to standard output as they please; keep it for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    start = time.perf_counter()
    prepare, about = ENGINES[arguments.name](arguments)
    answer(about=about, create_ms=(time.perf_counter() - start) * 1e3)
    cells = {}
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            with np.load(command["load"]) as data:
                batches = [(data[f"ids{i}"], data[f"mask{i}"])
                           for i in range(len(data.files) // 2)]
            run = cells[command["cell"]] = prepare(batches)
            np.savez(command["save"], *run())
            answer(ready=True)
            continue
        run, times = cells[command["cell"]], []
        for _ in range(command["runs"]):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        answer(ms=times)


if __name__ == "__main__":
    main()
