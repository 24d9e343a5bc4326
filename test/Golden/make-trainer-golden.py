#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""What optimizers and schedules do, by PyTorch and transformers.

usage: make-trainer-golden.py   (torch, transformers; writes trainer.safetensors)

Read by test/Unit/Runtime, whose TrainModel.cpp is the model below. All float32.

  adamw.CASE.{options,initial,gradients,weights,first,second}
      torch.optim.AdamW; options: lr, beta1, beta2, epsilon, weight decay;
      gradients and weights: a row for each of 20 steps
  schedule.CASE.{options,factors}
      transformers.get_scheduler; options: warm-up and training steps
  draw.weight
      the first numbers of a new parameter, by Philox and torch.special.ndtri
  fit.CASE.{losses,norms,rates,NAME...}
      20 updates of the model, and the parameters after them
"""
import pathlib
import zlib

import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).parent / "trainer.safetensors"
ADAMW = {"plain": (1e-2, 0.9, 0.999, 1e-8, 0.0),
         "decay": (3e-3, 0.8, 0.99, 1e-6, 0.1),
         "large": (0.3, 0.95, 0.9, 1e-3, 0.01)}
SCHEDULES = {"linear": (5, 40), "cosine": (7, 50), "constant": (0, 40),
             "constant_with_warmup": (6, 40)}
VOCAB, HIDDEN, LAYERS, LABELS = 11, 6, 3, 3
# lr, weight decay, max_grad_norm, schedule, warm-up, accumulation
FITS = {"class": (5e-2, 0.1, 0.0, "linear", 3, 1),
        "number": (2e-2, 0.01, 0.5, "cosine", 4, 3)}


def adamw(options, tensors, case):
    rng = np.random.default_rng(zlib.crc32(case.encode()))
    size, steps = 67, 20
    initial = rng.normal(size=size).astype(np.float32)
    gradients = (rng.normal(size=(steps, size)) *
                 10.0 ** rng.integers(-4, 2, size=(1, size))).astype(np.float32)
    gradients[:, 5] = 0
    weight = torch.nn.Parameter(torch.tensor(initial))
    lr, beta1, beta2, epsilon, decay = options
    optimizer = torch.optim.AdamW([weight], lr=lr, betas=(beta1, beta2),
                                  eps=epsilon, weight_decay=decay,
                                  foreach=False)
    rows = []
    for row in gradients:
        weight.grad = torch.tensor(row)
        optimizer.step()
        rows.append(weight.detach().numpy().copy())
    state = optimizer.state[weight]
    tensors |= {f"adamw.{case}.options": np.float32(options),
                f"adamw.{case}.initial": initial,
                f"adamw.{case}.gradients": gradients,
                f"adamw.{case}.weights": np.stack(rows),
                f"adamw.{case}.first": state["exp_avg"].numpy(),
                f"adamw.{case}.second": state["exp_avg_sq"].numpy()}


def factors(name, warmup, steps):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = transformers.get_scheduler(name, optimizer, warmup, steps)
    result = []
    for _ in range(steps + 1):
        result.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return np.float32(result)


def philox(counter, seed):
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(b >> 32) ^ counter[1] ^ key[0], b & 0xFFFFFFFF,
                   (a >> 32) ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF,
               (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def xxh64_short(data):
    """XXH64 with seed 0 of less than 32 bytes."""
    p1, p2, p3, p4, p5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F,
                          0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                          0x27D4EB2F165667C5)
    mask = (1 << 64) - 1
    rot = lambda v, n: ((v << n) | (v >> (64 - n))) & mask
    h = (p5 + len(data)) & mask
    while len(data) >= 8:
        word, data = int.from_bytes(data[:8], "little"), data[8:]
        h ^= rot(word * p2 & mask, 31) * p1 & mask
        h = (rot(h, 27) * p1 + p4) & mask
    if len(data) >= 4:
        word, data = int.from_bytes(data[:4], "little"), data[4:]
        h ^= word * p1 & mask
        h = (rot(h, 23) * p2 + p3) & mask
    for byte in data:
        h = rot(h ^ (byte * p5 & mask), 11) * p1 & mask
    h = (h ^ h >> 33) * p2 & mask
    h = (h ^ h >> 29) * p3 & mask
    return h ^ h >> 32


def draw(name, shape, seed, deviation):
    stream = xxh64_short(name.encode())
    uniform = []
    for i in range(int(np.prod(shape))):
        words = philox([i & 0xFFFFFFFF, i >> 32, stream & 0xFFFFFFFF,
                        stream >> 32], seed)
        uniform.append((((words[0] << 32 | words[1]) >> 12) + 0.5) * 2.0 ** -52)
    normal = torch.special.ndtri(torch.tensor(uniform, dtype=torch.float64))
    return (normal * deviation).float().numpy().reshape(shape)


def initial(name, shape):
    count = int(np.prod(shape))
    k = np.arange(count) * 37 + len(name) * 11
    return torch.tensor((k % 101 - 50) / 250, dtype=torch.float32).reshape(shape)


def batch(step):
    """Three sequences of 2, 3 and 1 tokens."""
    ids = [(i * 7 + step * 3) % VOCAB for i in range(6)]
    return [ids[:2], ids[2:5], ids[5:]]


def fit(case, tensors):
    lr, decay, clip, schedule, warmup, accumulation = FITS[case]
    shapes = {"embeddings.word_embeddings.weight": (VOCAB, HIDDEN)}
    for layer in range(LAYERS):
        shapes[f"encoder.layer.{layer}.dense.weight"] = (HIDDEN, HIDDEN)
        shapes[f"encoder.layer.{layer}.dense.bias"] = (HIDDEN,)
    p = {n: torch.nn.Parameter(initial(n, s)) for n, s in shapes.items()}
    p["classifier.weight"] = torch.nn.Parameter(torch.tensor(
        draw("classifier.weight", (LABELS, HIDDEN), 7, np.float32(0.02))))
    p["classifier.bias"] = torch.nn.Parameter(torch.zeros(LABELS))
    trained = {n: v for n, v in p.items() if "layer.0." not in n}
    weights = [v for n, v in trained.items() if "bias" not in n]
    biases = [v for n, v in trained.items() if "bias" in n]
    optimizer = torch.optim.AdamW(
        [{"params": weights, "weight_decay": decay},
         {"params": biases, "weight_decay": 0.0}], lr=lr, foreach=False)
    scheduler = transformers.get_scheduler(schedule, optimizer, warmup, 20)

    losses, norms, rates = [], [], []
    for step in range(20 * accumulation):
        x = torch.stack([p["embeddings.word_embeddings.weight"][ids].mean(0)
                         for ids in batch(step)])
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}.dense."
            x = x + torch.nn.functional.linear(x, p[name + "weight"],
                                               p[name + "bias"])
        logits = torch.nn.functional.linear(x, p["classifier.weight"],
                                            p["classifier.bias"])
        if case == "class":
            labels = torch.tensor([step % 3, -100 if step % 4 == 1 else 1, 2])
            loss = torch.nn.functional.cross_entropy(logits, labels)
        else:
            labels = torch.tensor([((step * 5 + i * 3) % 7) / 7
                                   for i in range(9)]).reshape(3, 3)
            loss = torch.nn.functional.mse_loss(logits, labels)
        losses.append(loss.item())
        (loss / accumulation).backward()
        if (step + 1) % accumulation:
            continue
        norms.append(torch.nn.utils.clip_grad_norm_(
            trained.values(), clip if clip else torch.inf).item())
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    tensors |= {f"fit.{case}.losses": np.float32(losses),
                f"fit.{case}.norms": np.float32(norms),
                f"fit.{case}.rates": np.float32(rates)}
    tensors |= {f"fit.{case}.{n}": v.detach().numpy() for n, v in p.items()}


def main():
    tensors = {}
    for case, options in ADAMW.items():
        adamw(options, tensors, case)
    for name, (warmup, steps) in SCHEDULES.items():
        tensors[f"schedule.{name}.options"] = np.float32([warmup, steps])
        tensors[f"schedule.{name}.factors"] = factors(name, warmup, steps)
    tensors["draw.weight"] = draw("classifier.weight", (LABELS, HIDDEN), 7,
                                  np.float32(0.02))
    for case in FITS:
        fit(case, tensors)
    save_file(tensors, OUT, metadata={"format": "pt"})


main()
