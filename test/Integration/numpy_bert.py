#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""BertForSequenceClassification with dropout in numpy, float64, sequence by
sequence: what a training step has to compute, and which elements it drops.
"""
import math

import numpy as np

# Where random bits are drawn, as compiler/Import/BuildModule.cpp numbers it.
EMBEDDINGS, PROBABILITIES, ATTENTION_OUTPUT, LAYER_OUTPUT, HEAD = range(5)
MASK = np.uint64(0xFFFFFFFF)


def philox(counter, seed):
    """Four words for each place; `counter` are four arrays."""
    c = [np.asarray(x, np.uint64) for x in np.broadcast_arrays(*counter)]
    key = [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ key[0], b & MASK,
             (a >> np.uint64(32)) ^ c[3] ^ key[1], a & MASK]
        key = [(key[0] + np.uint64(0x9E3779B9)) & MASK,
               (key[1] + np.uint64(0xBB67AE85)) & MASK]
    return np.stack(c, -1)


class Dropout:
    def __init__(self, seed, step):
        self.seed, self.step = seed, step

    def __call__(self, x, rate, site, first_row, layer=0, head=0):
        """Of rows that have the numbers first_row, ..."""
        if rate == 0:
            return x
        rows, columns = x.shape
        blocks = np.arange((columns + 3) // 4)
        row = np.arange(first_row, first_row + rows)[:, None]
        stream = site + 256 * layer + (head << 20)
        draws = philox((blocks[None], row, np.full_like(row, stream),
                        np.full_like(row, self.step)), self.seed)
        kept = draws.reshape(rows, -1)[:, :columns] >= rate * 2.0 ** 32
        return np.where(kept, x / (1 - rate), 0)


erf = np.vectorize(math.erf)


def norm(x, weights, name, epsilon):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon)
    return x * weights[name + ".weight"] + weights[name + ".bias"]


def linear(x, weights, name):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def loss(config, weights, ids, mask, types, labels, dropout):
    """The mean cross entropy; weights are float64 under Hugging Face names
    without "bert."."""
    hidden, attention = (config["hidden_dropout_prob"],
                         config["attention_probs_dropout_prob"])
    epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
    size = config["hidden_size"] // heads
    total, first = 0, 0
    for sequence in range(len(ids)):
        real = mask[sequence] == 1
        at = np.flatnonzero(real)
        x = (weights["embeddings.word_embeddings.weight"][ids[sequence][real]]
             + weights["embeddings.token_type_embeddings.weight"]
             [types[sequence][real]]
             + weights["embeddings.position_embeddings.weight"][at])
        x = norm(x, weights, "embeddings.LayerNorm", epsilon)
        x = dropout(x, hidden, EMBEDDINGS, first)
        for layer in range(config["num_hidden_layers"]):
            prefix = f"encoder.layer.{layer}."
            context = []
            for head in range(heads):
                part = slice(head * size, (head + 1) * size)
                q, k, v = (linear(x, weights, prefix + "attention.self." + n)
                           [:, part] for n in ("query", "key", "value"))
                p = np.exp(q @ k.T / math.sqrt(size))
                p = p / p.sum(-1, keepdims=True)
                p = dropout(p, attention, PROBABILITIES, first, layer, head)
                context.append(p @ v)
            y = linear(np.concatenate(context, 1), weights,
                       prefix + "attention.output.dense")
            y = dropout(y, hidden, ATTENTION_OUTPUT, first, layer)
            x = norm(x + y, weights, prefix + "attention.output.LayerNorm",
                     epsilon)
            y = linear(x, weights, prefix + "intermediate.dense")
            y = y * (1 + erf(y / math.sqrt(2))) / 2
            y = linear(y, weights, prefix + "output.dense")
            y = dropout(y, hidden, LAYER_OUTPUT, first, layer)
            x = norm(x + y, weights, prefix + "output.LayerNorm", epsilon)
        pooled = np.tanh(linear(x[:1], weights, "pooler.dense"))
        pooled = dropout(pooled, config["classifier_dropout"], HEAD, sequence)
        logits = linear(pooled, weights, "classifier")[0]
        total += np.log(np.exp(logits).sum()) - logits[labels[sequence]]
        first += len(at)
    return total / len(ids)
