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
                            [--threads 2] [--variant x86-64-v3] [--float32]

LIBRARY is `bertc compile MODEL_DIR --train --head classify:N` of a model whose
config has no dropout. The head is drawn by the trainer and given to PyTorch,
which computes in float64 (with --float32 in its own float32, for comparison).
Needs torch and transformers. Prints the worst parameters, relative RMS.
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


def theirs(arguments, batch, labels, head):
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    config = transformers.AutoConfig.from_pretrained(
        arguments.model, num_labels=len(head["classifier.bias"]))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        arguments.model, config=config)
    model = model.float() if arguments.float32 else model.double()
    with torch.no_grad():
        for name, value in head.items():
            model.get_parameter(name).copy_(torch.from_numpy(value))
    model.train()
    tensors = {n: torch.from_numpy(v) for n, v in batch.items()}
    loss = model(**tensors, labels=torch.from_numpy(labels)).loss
    loss.backward()
    return loss.item(), {n: p.grad.numpy() for n, p in model.named_parameters()
                         if p.grad is not None}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("library")
    parser.add_argument("--lengths", default="64,17,40,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant")
    parser.add_argument("--float32", action="store_true")
    arguments = parser.parse_args()
    lengths = [int(n) for n in arguments.lengths.split(",")]
    random = np.random.default_rng(1)
    shape = len(lengths), max(lengths)
    mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    batch = {"input_ids": random.integers(1000, 20000, shape) * mask,
             "attention_mask": mask}

    labels, loss, head, got = ours(arguments, batch)
    reference, expected = theirs(arguments, batch, labels, head)
    print(f"loss {loss:.7f}, PyTorch {reference:.7f}")
    missing = set(expected) - set(got)
    assert not missing, f"no gradients of {sorted(missing)}"
    largest = max(map(rms, expected.values()))
    errors = []
    for name, value in expected.items():
        difference = rms(got[name] - value)
        if name.endswith("key.bias"):
            continue  # softmax does not see it: rounding alone
        size = max(rms(value), 1e-9 * largest)
        errors.append((difference / size, difference / largest, rms(value), name))
    all_got = np.concatenate([got[n].ravel() for n in expected])
    all_expected = np.concatenate([expected[n].ravel() for n in expected])
    print(f"all parameters together: relative RMS "
          f"{rms(all_got - all_expected) / rms(all_expected):.1e}")
    print("  of itself  of largest    RMS      parameter")
    for own, whole, size, name in sorted(errors, reverse=True)[:12]:
        print(f"  {own:9.1e}  {whole:9.1e}  {size:9.1e}  {name}")


if __name__ == "__main__":
    main()
