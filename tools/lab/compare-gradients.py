#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Gradients of a compiled model against PyTorch, parameter by parameter.

usage: compare-gradients.py MODEL_DIR LIBRARY [--lengths 64,17,40,3]
                            [--threads 2] [--variant x86-64-v3] [--beside f32]
                            [--all]

LIBRARY is `bertc compile MODEL_DIR --train --head classify:N` of a model whose
config has no dropout. The head is drawn by the trainer and given to PyTorch,
whose float64 is the reference; --beside f32 or bf16 (autocast) shows the error
of PyTorch's own arithmetic beside it. Needs torch and transformers. Prints the
worst parameters (or all), relative RMS.

A parameter is measured by the RMS of its exact gradient. That of a key's bias
is zero, since the softmax does not see it, and what is left in float64 is
rounding; it is measured by that of the query's bias of its layer.
"""
import argparse
import os
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools" / "bench"), str(ROOT / "test" / "Integration")]
os.environ["HF_HUB_OFFLINE"] = "1"
import capi  # noqa: E402
import trainer as train  # noqa: E402


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def ours(arguments, batch):
    """Labels, loss, head and gradients."""
    with capi.Model(arguments.library, variant=arguments.variant) as model, \
            train.Trainer(model, threads=arguments.threads, max_steps=1,
                          seed=3) as trainer:
        labels = np.arange(len(batch["input_ids"])) % trainer.info().num_labels
        loss = trainer.backward(batch["input_ids"], labels,
                                batch["attention_mask"])
        values = {n: trainer.read(n) for n in trainer.parameters
                  if n.startswith("classifier.")}
        return labels, loss, values, trainer.gradients()


def theirs(arguments, batch, labels, head, precision):
    """Loss and gradients of PyTorch in f64, f32 or bf16 (autocast)."""
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    config = transformers.AutoConfig.from_pretrained(
        arguments.model, num_labels=len(head["classifier.bias"]))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        arguments.model, config=config)
    model = model.double() if precision == "f64" else model.float()
    with torch.no_grad():
        for name, value in head.items():
            model.get_parameter(name).copy_(torch.from_numpy(value))
    model.train()
    tensors = {n: torch.from_numpy(v) for n, v in batch.items()}
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = model(**tensors, labels=torch.from_numpy(labels)).loss
    loss.backward()
    return loss.item(), {n: p.grad.numpy() for n, p in model.named_parameters()
                         if p.grad is not None}


def sizes(exact):
    """What the error of each parameter is relative to."""
    largest = max(map(rms, exact.values()))
    return {name: max(rms(exact[name.replace("key.bias", "query.bias")]),
                      1e-9 * largest) for name in exact}


def compare(name, got, exact):
    """The error of each parameter; prints that of all together."""
    missing = set(exact) - set(got)
    assert not missing, f"{name} has no gradients of {sorted(missing)}"
    scale = sizes(exact)
    errors = {n: rms(got[n] - value) / scale[n] for n, value in exact.items()}
    every = lambda g: np.concatenate([g[n].ravel() for n in exact])
    together = rms(every(got) - every(exact)) / rms(every(exact))
    worst = max(errors, key=errors.get)
    print(f"{name:12} all together {together:.1e}, worst {errors[worst]:.1e} "
          f"({worst}), above 1e-5: {sum(e > 1e-5 for e in errors.values())} "
          f"of {len(errors)}")
    return errors


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("library")
    parser.add_argument("--lengths", default="64,17,40,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant")
    parser.add_argument("--beside", choices=["f32", "bf16"])
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    lengths = [int(n) for n in arguments.lengths.split(",")]
    random = np.random.default_rng(1)
    shape = len(lengths), max(lengths)
    mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    batch = {"input_ids": random.integers(1000, 20000, shape) * mask,
             "attention_mask": mask}

    labels, loss, head, got = ours(arguments, batch)
    reference, exact = theirs(arguments, batch, labels, head, "f64")
    print(f"loss {loss:.7f}, PyTorch {reference:.7f}")
    columns = [compare("bertc", got, exact)]
    title = "    bertc"
    if arguments.beside:
        _, other = theirs(arguments, batch, labels, head, arguments.beside)
        columns.append(compare(f"PyTorch {arguments.beside}", other, exact))
        title += "  PyTorch"
    print(f"{title}  exact RMS  parameter")
    names = sorted(exact, key=lambda n: -columns[0][n])
    for name in names if arguments.all else names[:12]:
        print("".join(f"{c[name]:9.1e}" for c in columns),
              f" {rms(exact[name]):9.1e}  {name}")


if __name__ == "__main__":
    main()
