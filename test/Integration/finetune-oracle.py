#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Fine-tune a model with bertc and with PyTorch, on the same data in the same
order, and compare.

usage: finetune-oracle.py --build BUILD MODEL_DIR    (needs torch, transformers)

Without dropout both start from the same head and must have nearly the same
losses, step by step. With --dropout (that of the model) they draw other masks
and heads, so only their accuracies over the seeds are compared: the means must
be within one standard deviation of PyTorch's.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
HERE = pathlib.Path(__file__).resolve().parent

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", required=True)
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("--data", type=pathlib.Path, default=HERE / "sentiment")
parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--learning-rate", type=float, default=5e-5)
parser.add_argument("--weight-decay", type=float, default=0.01)
parser.add_argument("--warmup-ratio", type=float, default=0.1)
parser.add_argument("--dropout", action="store_true")
parser.add_argument("--tolerance", type=float, default=5e-3,
                    help="of the losses of single steps, without dropout")
parser.add_argument("--work", type=pathlib.Path,
                    default=pathlib.Path("finetune-oracle"))
arguments = parser.parse_args()

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
BERTC = pathlib.Path(arguments.build) / "bin" / "bertc"
MASK = (1 << 64) - 1


def splitmix64(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        yield z ^ z >> 31


def order(count, seed, epoch):
    """The documented order of an epoch: Fisher-Yates from the end."""
    numbers = splitmix64((next(splitmix64(seed)) + epoch) & MASK)
    items = list(range(count))
    for i in range(count, 1, -1):
        limit = (1 << 64) % i
        number = next(n for n in numbers if n >= limit)
        items[i - 1], items[number % i] = items[number % i], items[i - 1]
    return items


def read(name):
    lines = (arguments.data / name).read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    labels = sorted({label for _, label in rows})
    return [text for text, _ in rows], [labels.index(l) for _, l in rows]


def make_model(seed):
    """The model with a head, as a directory."""
    torch.manual_seed(seed)
    rates = {} if arguments.dropout else {
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = AutoModelForSequenceClassification.from_pretrained(
        arguments.model, num_labels=2, **rates)
    folder = arguments.work / f"start-{seed}"
    model.save_pretrained(folder)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (arguments.model / name).exists():
            shutil.copy(arguments.model / name, folder)
    return folder


def tune_bertc(folder, seed):
    library = arguments.work / "model.so"
    out = arguments.work / f"bertc-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([BERTC, "compile", folder, "--train", "-o", library, "-q"],
                   check=True)
    done = subprocess.run(
        [BERTC, "finetune", library, "--train_file",
         arguments.data / "train.tsv", "--eval_file",
         arguments.data / "dev.tsv", "--output_dir", out, "--seed", str(seed),
         "--num_train_epochs", str(arguments.epochs),
         "--per_device_train_batch_size", str(arguments.batch),
         "--learning_rate", str(arguments.learning_rate),
         "--weight_decay", str(arguments.weight_decay),
         "--warmup_ratio", str(arguments.warmup_ratio),
         "--logging_steps", "1", "--save_strategy", "no", "-q"],
        check=True, capture_output=True, text=True)
    records = map(json.loads, (out / "metrics.jsonl").open())
    return ([r["loss"] for r in records if "loss" in r],
            json.loads(done.stdout)["eval_accuracy"], out)


def evaluate(model, tokenizer, name):
    texts, labels = read(name)
    model.eval()
    with torch.no_grad():
        logits = torch.cat([
            model(**tokenizer(texts[i:i + 32], padding=True,
                              return_tensors="pt")).logits
            for i in range(0, len(texts), 32)])
    return logits.argmax(1), (logits.argmax(1) ==
                              torch.tensor(labels)).double().mean().item()


def tune_torch(folder, seed, tokenizer):
    texts, labels = read("train.tsv")
    model = AutoModelForSequenceClassification.from_pretrained(folder).train()
    decays, others = [], []
    for name, parameter in model.named_parameters():
        plain = name.endswith("bias") or "LayerNorm" in name
        (others if plain else decays).append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": decays, "weight_decay": arguments.weight_decay},
         {"params": others, "weight_decay": 0.0}], lr=arguments.learning_rate)
    steps = math.ceil(len(texts) / arguments.batch) * arguments.epochs
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, math.ceil(arguments.warmup_ratio * steps), steps)
    losses = []
    for epoch in range(arguments.epochs):
        shuffled = order(len(texts), seed, epoch)
        for i in range(0, len(texts), arguments.batch):
            batch = shuffled[i:i + arguments.batch]
            inputs = tokenizer([texts[k] for k in batch], padding=True,
                               return_tensors="pt")
            loss = model(**inputs, labels=torch.tensor(
                [labels[k] for k in batch])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    return losses, evaluate(model, tokenizer, "dev.tsv")


def main():
    arguments.work.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    accuracies, failed = ([], []), False
    for seed in arguments.seeds:
        folder = make_model(seed)
        ours, ours_accuracy, out = tune_bertc(folder, seed)
        theirs, (predicted, theirs_accuracy) = tune_torch(folder, seed,
                                                          tokenizer)
        assert len(ours) == len(theirs)
        difference = max(abs(a - b) for a, b in zip(ours, theirs))
        exported, exported_accuracy = evaluate(
            AutoModelForSequenceClassification.from_pretrained(out), tokenizer,
            "dev.tsv")
        failed |= exported_accuracy != ours_accuracy
        if not arguments.dropout:
            failed |= difference > arguments.tolerance
        accuracies[0].append(ours_accuracy)
        accuracies[1].append(theirs_accuracy)
        print(f"seed {seed}: accuracy bertc {ours_accuracy:.4f}, in "
              f"transformers {exported_accuracy:.4f}, PyTorch "
              f"{theirs_accuracy:.4f}; same labels "
              f"{(exported == predicted).double().mean():.4f}; losses differ "
              f"by {difference:.2e} at most over {len(ours)} steps", flush=True)
    means = [statistics.mean(a) for a in accuracies]
    deviation = statistics.stdev(accuracies[1]) if len(accuracies[1]) > 1 else 0
    print(f"mean accuracy: bertc {means[0]:.4f}, PyTorch {means[1]:.4f}, "
          f"standard deviation of PyTorch {deviation:.4f}")
    if arguments.dropout:
        failed |= abs(means[0] - means[1]) > deviation
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
