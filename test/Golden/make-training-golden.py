#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Losses and gradients of every parameter, by transformers in float64.

usage: make-training-golden.py    (needs torch and transformers; writes training/)

The folder is a model directory of a tiny encoder without dropout, and holds one
file for each head and batch: inputs and labels under their Hugging Face names,
the head's own `weight.NAME`, `loss`, and `gradient.NAME` of every parameter.
Batches are padded and masked, as transformers wants them, `full` ones excepted.
All of it is float32, ids too, so that one reader serves.
"""
import json
import pathlib

import numpy as np
import seeded
import torch
import transformers
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent / "training"
SPEC = seeded.Spec(32, 2, 2, 40, vocab=29, positions=12, seed=5,
                   ragged=(5, 9, 1, 3), full=(4, 4))
HEADS = {  # kind of head: class, labels, what the config says of the loss
    "classify": ("BertForSequenceClassification", 3,
                 "single_label_classification"),
    "multilabel": ("BertForSequenceClassification", 4,
                   "multi_label_classification"),
    "regress": ("BertForSequenceClassification", 1, "regression"),
    "tag": ("BertForTokenClassification", 5, None),
    "answer": ("BertForQuestionAnswering", 2, None),
}


def head_weights(kind, labels):
    module = "qa_outputs" if kind == "answer" else "classifier"
    weight = seeded.normal(SPEC.seed, f"{kind}.weight", (labels, SPEC.hidden), 0.3)
    bias = seeded.normal(SPEC.seed, f"{kind}.bias", (labels,), 0.1)
    return {f"{module}.weight": weight, f"{module}.bias": bias}


def labels_of(kind, labels, batch):
    """Hugging Face name -> labels; some do not count."""
    rows, columns = batch["input_ids"].shape
    lengths = batch["attention_mask"].sum(1)
    words = lambda name, count: (seeded.words(SPEC.seed, f"{kind}.{name}", count)
                                 >> np.uint64(20))
    if kind == "classify":
        return {"labels": (words("labels", rows) % np.uint64(labels)).astype(np.int64)}
    if kind == "tag":
        tags = (words("labels", rows * columns) % np.uint64(labels)).astype(np.int64)
        tags = tags.reshape(rows, columns)
        tags[(batch["attention_mask"] == 0)] = -100
        tags[:, ::3] = -100
        return {"labels": tags}
    if kind == "answer":
        start = (words("start", rows) % lengths.astype(np.uint64)).astype(np.int64)
        end = (words("end", rows) % lengths.astype(np.uint64)).astype(np.int64)
        start[0] = columns  # does not count
        return {"start_positions": start, "end_positions": end}
    values = words("labels", rows * labels).astype(np.float64) % 1000 / 500 - 1
    if kind == "multilabel":
        values = (values > 0).astype(np.float64)
    return {"labels": values.reshape(rows, labels).astype(np.float32)}


def span_loss(outputs, batch, labels):
    """The loss of BertForQuestionAnswering without padding in its softmax."""
    mask = batch["attention_mask"] == 0
    total = 0
    for side in ("start", "end"):
        logits = outputs[side + "_logits"].masked_fill(mask, -torch.inf)
        total = total + torch.nn.functional.cross_entropy(
            logits, labels[side + "_positions"], ignore_index=logits.shape[1])
    return total / 2


def run(kind, batch_name, config, weights):
    name, labels, problem = HEADS[kind]
    config = transformers.BertConfig(
        **config, num_labels=labels, problem_type=problem)
    model = getattr(transformers, name)(config).double().eval()
    head = head_weights(kind, labels)
    state = {"bert." + n: torch.from_numpy(w).double() for n, w in weights.items()}
    state.update({n: torch.from_numpy(w).double() for n, w in head.items()})
    unused = model.load_state_dict(state, strict=False)
    assert not unused.missing_keys, unused.missing_keys

    batch = seeded.batch(SPEC, batch_name)
    answers = labels_of(kind, labels, batch)
    inputs = {n: torch.from_numpy(v) for n, v in batch.items()}
    targets = {n: torch.from_numpy(v) for n, v in answers.items()}
    if kind in ("multilabel", "regress"):
        targets["labels"] = targets["labels"].double()
    outputs = model(**inputs, **targets)
    loss = outputs.loss
    if kind == "answer":
        masked = span_loss(outputs, inputs, targets)
        if batch_name == "full":  # nothing is padded: the same
            assert torch.allclose(masked, loss, rtol=1e-14), (masked, loss)
        loss = masked
    loss.backward()
    tensors = {**batch, **answers, **{"weight." + n: w for n, w in head.items()}}
    tensors["loss"] = np.array([loss.item()])
    for parameter, value in model.named_parameters():
        gradient = value.grad
        if gradient is None:
            gradient = torch.zeros_like(value)
        tensors["gradient." + parameter.removeprefix("bert.")] = (
            gradient.float().numpy())
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in tensors.items()}
    path = FOLDER / f"{kind}-{labels}.{batch_name}.safetensors"
    save_file(tensors, path, {"transformers": transformers.__version__,
                              "torch": torch.__version__.split("+")[0]})
    print(f"{path.name}: loss {loss.item():.6f}, {path.stat().st_size // 1024} KB")


def main():
    FOLDER.mkdir(exist_ok=True)
    config = seeded.config(SPEC)
    config.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    (FOLDER / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = seeded.weights(SPEC)
    save_file(weights, FOLDER / "model.safetensors", {"format": "pt"})
    for key in ("architectures", "model_type"):
        config.pop(key)
    for kind in HEADS:
        run(kind, "ragged", config, weights)
    for kind in ("classify", "answer"):
        run(kind, "full", config, weights)


if __name__ == "__main__":
    main()
