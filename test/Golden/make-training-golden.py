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

`steps.safetensors` has the losses and norms of 20 steps of torch.optim.AdamW in
float32, which take the batches of a head in turn; OPTIMIZER says how.
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


STEPS = {"classify": ("ragged", "full"), "tag": ("ragged",),
         "answer": ("full", "ragged")}
OPTIMIZER = dict(learning_rate=1e-3, weight_decay=0.01, max_grad_norm=1.0,
                 warmup_steps=3, max_steps=20)


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


def make_model(kind, config, weights, dtype):
    name, labels, problem = HEADS[kind]
    config = transformers.BertConfig(
        **config, num_labels=labels, problem_type=problem)
    model = getattr(transformers, name)(config).to(dtype).eval()
    head = head_weights(kind, labels)
    state = {"bert." + n: torch.from_numpy(w).to(dtype)
             for n, w in weights.items()}
    state.update({n: torch.from_numpy(w).to(dtype) for n, w in head.items()})
    unused = model.load_state_dict(state, strict=False)
    assert not unused.missing_keys, unused.missing_keys
    return model, head


def compute_loss(kind, model, batch_name, batch, answers):
    inputs = {n: torch.from_numpy(v) for n, v in batch.items()}
    targets = {n: torch.from_numpy(v) for n, v in answers.items()}
    if kind in ("multilabel", "regress"):
        targets["labels"] = targets["labels"].to(model.dtype)
    outputs = model(**inputs, **targets)
    loss = outputs.loss
    if kind == "answer":
        masked = span_loss(outputs, inputs, targets)
        if batch_name == "full":  # nothing is padded: the same
            tight = 1e-14 if model.dtype == torch.float64 else 1e-6
            assert torch.allclose(masked, loss, rtol=tight), (masked, loss)
        loss = masked
    return loss


def save(tensors, path):
    tensors = {n: np.ascontiguousarray(v, np.float32) for n, v in tensors.items()}
    save_file(tensors, path, {"transformers": transformers.__version__,
                              "torch": torch.__version__.split("+")[0]})
    print(f"{path.name}: {path.stat().st_size // 1024} KB")


def run(kind, batch_name, config, weights):
    labels = HEADS[kind][1]
    model, head = make_model(kind, config, weights, torch.float64)
    batch = seeded.batch(SPEC, batch_name)
    answers = labels_of(kind, labels, batch)
    loss = compute_loss(kind, model, batch_name, batch, answers)
    loss.backward()
    tensors = {**batch, **answers, **{"weight." + n: w for n, w in head.items()}}
    tensors["loss"] = np.array([loss.item()])
    for parameter, value in model.named_parameters():
        gradient = value.grad
        if gradient is None:
            gradient = torch.zeros_like(value)
        tensors["gradient." + parameter.removeprefix("bert.")] = (
            gradient.float().numpy())
    save(tensors, FOLDER / f"{kind}-{labels}.{batch_name}.safetensors")


def steps(config, weights):
    """20 steps of AdamW for each head of STEPS."""
    tensors = {}
    for kind, names in STEPS.items():
        model, _ = make_model(kind, config, weights, torch.float32)
        plain = lambda n: "bias" in n or "LayerNorm" in n
        groups = [{"params": [p for n, p in model.named_parameters()
                              if plain(n) == flag],
                   "weight_decay": 0.0 if flag else OPTIMIZER["weight_decay"]}
                  for flag in (False, True)]
        optimizer = torch.optim.AdamW(groups, lr=OPTIMIZER["learning_rate"])
        schedule = transformers.get_linear_schedule_with_warmup(
            optimizer, OPTIMIZER["warmup_steps"], OPTIMIZER["max_steps"])
        losses, norms = [], []
        for step in range(OPTIMIZER["max_steps"]):
            name = names[step % len(names)]
            batch = seeded.batch(SPEC, name)
            answers = labels_of(kind, HEADS[kind][1], batch)
            loss = compute_loss(kind, model, name, batch, answers)
            loss.backward()
            losses.append(loss.item())
            norms.append(torch.nn.utils.clip_grad_norm_(
                model.parameters(), OPTIMIZER["max_grad_norm"]).item())
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        tensors[f"{kind}.losses"], tensors[f"{kind}.norms"] = losses, norms
    save(tensors, FOLDER / "steps.safetensors")


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
    steps(config, weights)


if __name__ == "__main__":
    main()
