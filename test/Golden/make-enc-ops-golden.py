#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Expected results of each enc op, computed by PyTorch in float64.

usage: make-enc-ops-golden.py     (needs torch; writes enc-ops.json)

Ragged batches go through PyTorch padded and masked, one padded batch at a
time, which is how the models do it; the interpreter works on packed tokens. So
the two share neither code nor layout. A case is a function in IR, its
arguments, its weights and its results; the unit test of the interpreter runs
whatever cases it finds.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

LENGTHS = [3, 1, 5]
TOKENS = sum(LENGTHS)
OFFSETS = [0, 3, 4, 9]
torch.manual_seed(3)
cases = []


def weight(*shape):
    """Multiples of 1/64: exact in float32, and short in the file."""
    return torch.round(torch.randn(*shape, dtype=torch.float64) * 32) / 64


def values(*shape):
    return weight(*shape) * 4


def numbers(tensor):
    return {"shape": list(tensor.shape), "data": tensor.flatten().tolist()}


def case(name, signature, body, arguments, result, weights=None):
    """`weights` maps names to tensors; the symbol is the name with _ for dots.
    `signature` is "arguments -> result"."""
    weights = weights or {}
    symbols = "\n".join(
        f'enc.weight @{n.replace(".", "_")} = "{n}" : '
        f'tensor<{"x".join(map(str, w.shape))}xf32>' for n, w in weights.items())
    args, out = signature.split(" -> ")
    cases.append({
        "name": name,
        "module": f"{symbols}\nfunc.func @f({args}) -> {out} {{\n{body}\n"
                  f"return %y : {out}\n}}\n",
        "arguments": [numbers(a) for a in arguments],
        "weights": {n: numbers(w) for n, w in weights.items()},
        "result": numbers(result),
    })


def pad(packed):
    """[T, ...] -> [B, longest, ...] and the mask [B, longest]."""
    parts = torch.split(packed, LENGTHS)
    mask = torch.zeros(len(parts), max(LENGTHS), dtype=torch.bool)
    for row, part in zip(mask, parts):
        row[:len(part)] = True
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), mask


def attention(q, k, v, scale):
    """[T, heads, size] each, through one padded and masked call."""
    (q, mask), (k, _), (v, _) = pad(q), pad(k), pad(v)
    y = F.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2),
        attn_mask=mask[:, None, None, :], scale=scale)
    return y.transpose(1, 2)[mask]


def norm(x, gain, bias, epsilon):
    return F.layer_norm(x, x.shape[-1:], gain, bias, epsilon)


offsets = torch.tensor(OFFSETS)
ids = torch.tensor([4, 0, 2, 4, 1, 3, 3, 0, 4])
types = torch.tensor([0, 0, 1, 0, 1, 1, 0, 0, 1])
positions = torch.cat([torch.arange(n) for n in LENGTHS])

# Unfused ops.
w = weight(5, 6)
case("embed", "%ids: !enc.tokens<i32> -> !enc.tokens<6xf32>",
     "%y = enc.embed %ids table(@w) : !enc.tokens<i32> -> !enc.tokens<6xf32>",
     [ids], F.embedding(ids, w), {"w": w})

x, z = values(TOKENS, 6), values(TOKENS, 6)
case("add", "%a: !enc.tokens<6xf32>, %b: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
     "%y = enc.add %a, %b : !enc.tokens<6xf32>", [x, z], x + z)

# 19 columns are more than one panel of the interpreter's linear.
w, b = weight(19, 6), weight(19)
case("linear", "%x: !enc.tokens<6xf32> -> !enc.tokens<19xf32>",
     "%y = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<19xf32>",
     [x], F.linear(x, w, b), {"w": w, "b": b})
case("linear without bias", "%x: !enc.tokens<6xf32> -> !enc.tokens<19xf32>",
     "%y = enc.linear %x weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<19xf32>",
     [x], F.linear(x, w), {"w": w})
rows = values(3, 6)
case("linear of sequences", "%x: !enc.sequences<6xf32> -> !enc.sequences<19xf32>",
     "%y = enc.linear %x weight(@w) bias(@b) : !enc.sequences<6xf32> -> !enc.sequences<19xf32>",
     [rows], F.linear(rows, w, b), {"w": w, "b": b})

g, b = weight(6), weight(6)
case("layer_norm", "%x: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
     "%y = enc.layer_norm %x gain(@g) bias(@b) epsilon 1.0e-3 : !enc.tokens<6xf32>",
     [x], norm(x, g, b, 1e-3), {"g": g, "b": b})
# A constant row has variance 0: only epsilon keeps it finite.
flat = torch.full((TOKENS, 6), 0.75, dtype=torch.float64)
case("layer_norm of constant rows", "%x: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
     "%y = enc.layer_norm %x gain(@g) bias(@b) epsilon 1.0e-12 : !enc.tokens<6xf32>",
     [flat], norm(flat, g, b, 1e-12), {"g": g, "b": b})

x8 = values(TOKENS, 8)
case("split_heads", "%x: !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>",
     "%y = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>",
     [x8], x8.view(TOKENS, 2, 4))
case("merge_heads", "%x: !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>",
     "%y = enc.merge_heads %x : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>",
     [x8.view(TOKENS, 2, 4)], x8)

x24 = values(TOKENS, 3, 2, 4)
for index in range(3):
    case(f"part {index}", "%x: !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>",
         f"%y = enc.part {index} of %x : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>",
         [x24], x24[:, index])

H = "!enc.tokens<2x4xf32>"
q, k, v = values(TOKENS, 2, 4), values(TOKENS, 2, 4), values(TOKENS, 2, 4)
case("scores, softmax and context",
     f"%q: {H}, %k: {H}, %v: {H}, %o: !enc.offsets -> {H}",
     f"%s = enc.scores %q, %k, %o scale 0.7 : {H}, {H} -> !enc.scores<2xf32>\n"
     "%p = enc.softmax %s : !enc.scores<2xf32>\n"
     f"%y = enc.context %p, %v, %o : !enc.scores<2xf32>, {H} -> {H}",
     [q, k, v, offsets], attention(q, k, v, 0.7))
# Scores of about 1e4: the largest must be subtracted before exp.
case("softmax of large scores",
     f"%q: {H}, %k: {H}, %v: {H}, %o: !enc.offsets -> {H}",
     f"%s = enc.scores %q, %k, %o scale 1.0 : {H}, {H} -> !enc.scores<2xf32>\n"
     "%p = enc.softmax %s : !enc.scores<2xf32>\n"
     f"%y = enc.context %p, %v, %o : !enc.scores<2xf32>, {H} -> {H}",
     [q * 60, k * 60, v, offsets], attention(q * 60, k * 60, v, 1.0))

wide = torch.cat([torch.linspace(-9, 9, TOKENS * 6 - 4, dtype=torch.float64),
                  torch.tensor([0.0, 1e-30, -40.0, 40.0], dtype=torch.float64)]
                 ).view(TOKENS, 6)
activations = {
    "gelu": F.gelu,
    "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}
for name, function in activations.items():
    case(name, "%x: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
         f"%y = enc.{name} %x : !enc.tokens<6xf32>", [wide], function(wide))

padded, mask = pad(x)
count = mask.sum(1, keepdim=True).double()
total = (padded * mask[..., None]).sum(1)
pools = {
    "cls": padded[:, 0],
    "mean": total / count,
    "max": padded.masked_fill(~mask[..., None], -1e9).max(1).values,
    "mean_sqrt_len": total / count.sqrt(),
}
for mode, result in pools.items():
    case(f"pool {mode}", "%x: !enc.tokens<6xf32>, %o: !enc.offsets -> !enc.sequences<6xf32>",
         f"%y = enc.pool {mode} %x, %o : !enc.tokens<6xf32> -> !enc.sequences<6xf32>",
         [x, offsets], result)
rows[1] = 0  # a zero row stays zero
case("normalize", "%x: !enc.sequences<6xf32> -> !enc.sequences<6xf32>",
     "%y = enc.normalize %x : !enc.sequences<6xf32>", [rows],
     F.normalize(rows, dim=1, eps=1e-12))

# Fused ops.
tables = {"word": weight(5, 6), "type": weight(2, 6), "position": weight(5, 6),
          "g": weight(6), "b": weight(6)}
I = "!enc.tokens<i32>"
case("fused_embed_norm", f"%i: {I}, %t: {I}, %p: {I} -> !enc.tokens<6xf32>",
     "%y = enc.fused_embed_norm %i, %t, %p word(@word) type(@type) position(@position) "
     f"gain(@g) bias(@b) epsilon 1.0e-6 : {I}, {I}, {I} -> !enc.tokens<6xf32>",
     [ids, types, positions],
     norm(F.embedding(ids, tables["word"]) + F.embedding(types, tables["type"])
          + F.embedding(positions, tables["position"]),
          tables["g"], tables["b"], 1e-6), tables)

parts = {n: weight(8, 6) for n in ("q", "k", "v")}
parts.update({n + "b": weight(8) for n in ("q", "k", "v")})
case("fused_qkv", "%x: !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>",
     "%y = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : "
     "!enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>", [x],
     torch.stack([F.linear(x, parts[n], parts[n + "b"]).view(TOKENS, 2, 4)
                  for n in ("q", "k", "v")], 1), parts)

qkv = torch.stack([q, k, v], 1)
case("fused_attention", "%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets -> !enc.tokens<8xf32>",
     "%y = enc.fused_attention %x, %o scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>",
     [qkv, offsets], attention(q, k, v, 0.5).flatten(1))

w = {"w": weight(6, 8), "b": weight(6), "g": weight(6), "nb": weight(6)}
case("fused_linear_add_norm",
     "%x: !enc.tokens<8xf32>, %r: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
     "%y = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) "
     "epsilon 1.0e-12 : !enc.tokens<8xf32>, !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
     [x8, z], norm(F.linear(x8, w["w"], w["b"]) + z, w["g"], w["nb"], 1e-12), w)

w = {"u": weight(20, 6), "ub": weight(20), "d": weight(6, 20), "db": weight(6),
     "g": weight(6), "nb": weight(6)}
for name, function in activations.items():
    inner = function(F.linear(x, w["u"], w["ub"]))
    case(f"fused_feed_forward {name}", "%x: !enc.tokens<6xf32> -> !enc.tokens<6xf32>",
         f"%y = enc.fused_feed_forward %x activation({name}) up(@u, @ub) down(@d, @db) "
         "gain(@g) norm_bias(@nb) epsilon 1.0e-5 : !enc.tokens<6xf32>",
         [x], norm(F.linear(inner, w["d"], w["db"]) + x, w["g"], w["nb"], 1e-5), w)

# Layers: the body is indexed by the trip; hidden states 0 and 2 are collected
# and joined so that one result shows all.
ws, bs = [weight(6, 6) for _ in range(3)], [weight(6) for _ in range(3)]
h, states = x, [x]
for wi, bi in zip(ws, bs):
    h = torch.tanh(F.linear(h, wi, bi)) + h
    states.append(h)
T6 = "!enc.tokens<6xf32>"
case("layers", f"%x: {T6} -> {T6}",
     f"%last, %h:2 = enc.layers 3 (%s = %x) collect [0, 2] : {T6} {{\n"
     f"%a = enc.linear %s weight(@w) bias(@b) : {T6} -> {T6}\n"
     f"%t = enc.tanh %a : {T6}\n%n = enc.add %t, %s : {T6}\n"
     f"enc.yield %n : {T6}\n}}\n"
     f"%c = enc.add %h#0, %last : {T6}\n"
     f"%g = enc.gelu %h#1 : {T6}\n%y = enc.add %c, %g : {T6}",
     [x], states[0] + states[3] + F.gelu(states[2]))
cases[-1]["module"] = (
    'enc.weight layers 3 @w = "l.{layer}.w" : tensor<6x6xf32>\n'
    'enc.weight layers 3 @b = "l.{layer}.b" : tensor<6xf32>\n'
    + cases[-1]["module"])
for i, (wi, bi) in enumerate(zip(ws, bs)):
    cases[-1]["weights"].update({f"l.{i}.w": numbers(wi), f"l.{i}.b": numbers(bi)})

# Training: the gradient of every weight, by autograd. The test generates the
# backward pass of the function, so these cases cover the gradient ops.
def training(name, signature, body, arguments, weights, loss):
    """`body` makes the loss %y; `loss` computes it from weights that require
    gradients."""
    for tensor in weights.values():
        tensor.requires_grad_(True)
        tensor.grad = None
    value = loss(weights)
    value.backward()
    plain = {n: w.detach() for n, w in weights.items()}
    case(name, f"{signature} -> !enc.scalar<f32>", body, arguments,
         value.detach(), plain)
    cases[-1]["gradients"] = {n: numbers(w.grad) for n, w in weights.items()}


def philox(counter, seed):
    """Philox4x32-10 of one counter of four words."""
    c, k = list(counter), [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF,
             (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


# The published known answers (Random123, kat_vectors).
assert philox([0] * 4, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox([0xFFFFFFFF] * 4, 2**64 - 1) == [
    0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]

SEED, STEP = 2**40 + 77, 9
random = torch.tensor([SEED, STEP], dtype=torch.float64)


def kept(site, rate, row, column, layer=0, head=0):
    draw = philox([column // 4, row, site + 256 * layer + (head << 20), STEP],
                  SEED)[column % 4]
    return (draw >= rate * 2**32) / (1 - rate)


def dropout(x, site, rate, layer=0):
    """Of rows."""
    mask = [[kept(site, rate, i, j, layer) for j in range(x.shape[1])]
            for i in range(x.shape[0])]
    return x * torch.tensor(mask, dtype=torch.float64)


def attend(qkv, scale, drop=None, layer=0):
    """[T, 3, heads, size] sequence by sequence; `drop` is (site, rate)."""
    out = []
    for first, last in zip(OFFSETS, OFFSETS[1:]):
        q, k, v = qkv[first:last].permute(1, 2, 0, 3)
        p = torch.softmax(scale * q @ k.transpose(1, 2), -1)
        if drop:
            p = p * torch.tensor(
                [[[kept(*drop, i, j, layer, n) for j in range(last - first)]
                  for i in range(first, last)] for n in range(p.shape[0])],
                dtype=torch.float64)
        out.append((p @ v).transpose(0, 1).flatten(1))
    return torch.cat(out)


R = "%r: !enc.random"
x, target = values(TOKENS, 6), values(TOKENS, 6)
L6 = f"%x: {T6}, %l: {T6}"
FIRST = f"%h = enc.linear %x weight(@a) bias(@ab) : {T6} -> {T6}\n"
LAST = f"%y = enc.mse %z, %l : {T6} -> !enc.scalar<f32>"


def first_layer():
    return {"a": weight(6, 6), "ab": weight(6)}


case("dropout", f"%x: {T6}, {R} -> {T6}",
     f"%y = enc.dropout %x, %r site 200 rate 0.3 : {T6}", [x, random],
     dropout(x, 200, 0.3))
case("dropout of scores", f"%q: {H}, %k: {H}, %v: {H}, %o: !enc.offsets, {R} -> {H}",
     f"%s = enc.scores %q, %k, %o scale 0.7 : {H}, {H} -> !enc.scores<2xf32>\n"
     "%p = enc.softmax %s : !enc.scores<2xf32>\n"
     "%d = enc.dropout %p, %r site 3 rate 0.4 : !enc.scores<2xf32>\n"
     f"%y = enc.context %d, %v, %o : !enc.scores<2xf32>, {H} -> {H}",
     [q, k, v, offsets, random], attend(qkv, 0.7, (3, 0.4)).view(TOKENS, 2, 4))

for name, function in activations.items():
    training(f"training of {name}", L6,
             FIRST + f"%z = enc.{name} %h : {T6}\n" + LAST, [x, target],
             first_layer(),
             lambda w: F.mse_loss(function(F.linear(x, w["a"], w["ab"])), target))
training("training of sums and dropout", f"{L6}, {R}",
         FIRST + f"%d = enc.dropout %h, %r site 7 rate 0.25 : {T6}\n"
         f"%s = enc.add %d, %h : {T6}\n%z = enc.add %s, %s : {T6}\n" + LAST,
         [x, target, random], first_layer(),
         lambda w: F.mse_loss(2 * (dropout(F.linear(x, w["a"], w["ab"]), 7, 0.25)
                                   + F.linear(x, w["a"], w["ab"])), target))
training("training of layer_norm", L6,
         FIRST + f"%z = enc.layer_norm %h gain(@g) bias(@b) epsilon 1.0e-3 : {T6}\n"
         + LAST, [x, target],
         {**first_layer(), "g": weight(6), "b": weight(6)},
         lambda w: F.mse_loss(norm(F.linear(x, w["a"], w["ab"]), w["g"], w["b"],
                                   1e-3), target))
training("training of embed", f"%i: {I}, %l: {T6}",
         f"%z = enc.embed %i table(@w) : {I} -> {T6}\n" + LAST, [ids, target],
         {"w": weight(5, 6)},
         lambda w: F.mse_loss(F.embedding(ids, w["w"]), target))
training("training of fused_embed_norm", f"%i: {I}, %t: {I}, %p: {I}, %l: {T6}",
         "%z = enc.fused_embed_norm %i, %t, %p word(@word) type(@type) "
         f"position(@position) gain(@g) bias(@b) epsilon 1.0e-6 : {I}, {I}, {I} -> {T6}\n"
         + LAST, [ids, types, positions, target],
         {"word": weight(5, 6), "type": weight(2, 6), "position": weight(5, 6),
          "g": weight(6), "b": weight(6)},
         lambda w: F.mse_loss(
             norm(F.embedding(ids, w["word"]) + F.embedding(types, w["type"])
                  + F.embedding(positions, w["position"]), w["g"], w["b"], 1e-6),
             target))

rows = values(3, 6)
starts = torch.tensor(OFFSETS[:-1])


def pooled(x, mode):
    parts = torch.split(x, LENGTHS)
    return torch.stack({
        "cls": [p[0] for p in parts],
        "mean": [p.mean(0) for p in parts],
        "max": [p.max(0).values for p in parts],
        "mean_sqrt_len": [p.sum(0) / len(p) ** 0.5 for p in parts],
    }[mode])


S6 = "!enc.sequences<6xf32>"
for mode in pools:
    training(f"training of pool {mode}", f"%x: {T6}, %o: !enc.offsets, %l: {S6}",
             FIRST + f"%p = enc.pool {mode} %h, %o : {T6} -> {S6}\n"
             f"%z = enc.normalize %p : {S6}\n"
             f"%y = enc.mse %z, %l : {S6} -> !enc.scalar<f32>",
             [x, offsets, rows], first_layer(),
             lambda w: F.mse_loss(
                 F.normalize(pooled(F.linear(x, w["a"], w["ab"]), mode), dim=1),
                 rows))


def attention_weights():
    return {n + s: weight(8, 6) if s == "w" else weight(8)
            for n in "qkv" for s in ("w", "b")}


def project(x, w):
    return torch.stack([F.linear(x, w[n + "w"], w[n + "b"]).view(TOKENS, 2, 4)
                        for n in "qkv"], 1)


Q = "!enc.tokens<3x2x4xf32>"
target8 = values(TOKENS, 8)
for drop, text in ((None, ""), ((5, 0.25), " dropout(%r, site 5, rate 0.25)")):
    suffix = " with dropout" if drop else ""
    training("training of attention" + suffix,
             f"%x: {T6}, %o: !enc.offsets, %l: !enc.tokens<8xf32>, {R}",
             FIRST + "%q = enc.fused_qkv %h query(@qw, @qb) key(@kw, @kb) "
             f"value(@vw, @vb) : {T6} -> {Q}\n"
             f"%z = enc.fused_attention %q, %o scale 0.5{text} : {Q} -> !enc.tokens<8xf32>\n"
             "%y = enc.mse %z, %l : !enc.tokens<8xf32> -> !enc.scalar<f32>",
             [x, offsets, target8, random],
             {**first_layer(), **attention_weights()},
             lambda w: F.mse_loss(
                 attend(project(F.linear(x, w["a"], w["ab"]), w), 0.5, drop),
                 target8))
    maybe = (lambda y: dropout(y, *drop)) if drop else (lambda y: y)
    training("training of fused_linear_add_norm" + suffix, f"{L6}, {R}",
             FIRST + "%z = enc.fused_linear_add_norm %h, %x weight(@w) bias(@b) "
             f"gain(@g) norm_bias(@nb) epsilon 1.0e-12{text} : {T6}, {T6} -> {T6}\n"
             + LAST, [x, target, random],
             {**first_layer(), "w": weight(6, 6), "b": weight(6), "g": weight(6),
              "nb": weight(6)},
             lambda w: F.mse_loss(
                 norm(maybe(F.linear(F.linear(x, w["a"], w["ab"]), w["w"], w["b"]))
                      + x, w["g"], w["nb"], 1e-12), target))
    for name, function in activations.items():
        def block(w):
            h = F.linear(x, w["a"], w["ab"])
            inner = function(F.linear(h, w["u"], w["ub"]))
            return norm(maybe(F.linear(inner, w["d"], w["db"])) + h, w["g"],
                        w["nb"], 1e-5)
        training(f"training of fused_feed_forward {name}" + suffix, f"{L6}, {R}",
                 FIRST + f"%z = enc.fused_feed_forward %h activation({name}) "
                 "up(@u, @ub) down(@d, @db) gain(@g) norm_bias(@nb) "
                 f"epsilon 1.0e-5{text} : {T6}\n" + LAST, [x, target, random],
                 {**first_layer(), "u": weight(20, 6), "ub": weight(20),
                  "d": weight(6, 20), "db": weight(6), "g": weight(6),
                  "nb": weight(6)},
                 lambda w: F.mse_loss(block(w), target))

# Losses. A label of -100 does not count.
C5 = "!enc.tokens<5xf32>"
HEAD = f"%z = enc.linear %x weight(@w) bias(@b) : {T6} -> "
head = lambda n: {"w": weight(n, 6), "b": weight(n)}
classes = torch.tensor([4, -100, 2, 0, -100, 3, 3, 0, 4])
training("training of cross_entropy", f"%x: {T6}, %l: {I}",
         HEAD + f"{C5}\n%y = enc.cross_entropy %z, %l : {C5}, {I} -> !enc.scalar<f32>",
         [x, classes], head(5),
         lambda w: F.cross_entropy(F.linear(x, w["w"], w["b"]), classes))
answers = torch.rand(TOKENS, 5, dtype=torch.float64)
training("training of binary_cross_entropy", f"%x: {T6}, %l: {C5}",
         HEAD + f"{C5}\n%y = enc.binary_cross_entropy %z, %l : {C5} -> !enc.scalar<f32>",
         [x, answers], head(5),
         lambda w: F.binary_cross_entropy_with_logits(
             F.linear(x, w["w"], w["b"]), answers))
# The begin of the second answer and the end of the third lie outside.
spans = torch.tensor([[0, 2], [1, 0], [4, 5]])


def span_loss(logits):
    total = 0
    for side in range(2):
        found = [F.cross_entropy(part[None, :, side], label[None, side])
                 for part, label in zip(torch.split(logits, LENGTHS), spans)
                 if 0 <= label[side] < len(part)]
        total = total + torch.stack(found).mean() / 2
    return total


training("training of span_loss",
         f"%x: {T6}, %l: !enc.sequences<2xi32>, %o: !enc.offsets",
         HEAD + "!enc.tokens<2xf32>\n%y = enc.span_loss %z, %l, %o : "
         "!enc.tokens<2xf32>, !enc.sequences<2xi32> -> !enc.scalar<f32>",
         [x, spans, offsets], head(2),
         lambda w: span_loss(F.linear(x, w["w"], w["b"])))
training("training of sequences", f"%x: {S6}, %l: !enc.sequences<i32>",
         f"%h = enc.linear %x weight(@a) bias(@ab) : {S6} -> {S6}\n"
         f"%t = enc.tanh %h : {S6}\n"
         f"%z = enc.linear %t weight(@w) bias(@b) : {S6} -> !enc.sequences<5xf32>\n"
         "%y = enc.cross_entropy %z, %l : !enc.sequences<5xf32>, "
         "!enc.sequences<i32> -> !enc.scalar<f32>",
         [rows, classes[:3]], {**first_layer(), **head(5)},
         lambda w: F.cross_entropy(
             F.linear(torch.tanh(F.linear(rows, w["a"], w["ab"])), w["w"],
                      w["b"]), classes[:3]))

# Layers: gradients by layer, dropout that differs between them.
stack = {f"l.{i}.{n}": w for i in range(3)
         for n, w in (("w", weight(6, 6)), ("b", weight(6)))}


def stacked(w):
    h = x
    for i in range(3):
        h = dropout(torch.tanh(F.linear(h, w[f"l.{i}.w"], w[f"l.{i}.b"])), 8, 0.25,
                    layer=i) + h
    return F.mse_loss(h, target)


training("training of layers", f"{L6}, {R}",
         f"%z = enc.layers 3 (%s = %x) : {T6} {{\n"
         f"%a = enc.linear %s weight(@w) bias(@b) : {T6} -> {T6}\n"
         f"%t = enc.tanh %a : {T6}\n"
         f"%d = enc.dropout %t, %r site 8 rate 0.25 : {T6}\n"
         f"%n = enc.add %d, %s : {T6}\nenc.yield %n : {T6}\n}}\n" + LAST,
         [x, target, random], stack, stacked)
cases[-1]["module"] = (
    'enc.weight layers 3 @w = "l.{layer}.w" : tensor<6x6xf32>\n'
    'enc.weight layers 3 @b = "l.{layer}.b" : tensor<6xf32>\n'
    + cases[-1]["module"].split("\n", 6)[-1])

# What the trips of a loop saved, entry by entry: the second attention matrix, and
# the first state.
S, SCORES = "!enc.tokens<8xf32>", "!enc.scores<2xf32>"
w = {n: weight(8, 8) for n in ("q", "k", "v")}
w |= {n + "b": weight(8) for n in ("q", "k", "v")}
states, keys = [x8], []
for _ in range(2):
    parts = [F.linear(states[-1], w[n], w[n + "b"]).view(TOKENS, 2, 4)
             for n in ("q", "k", "v")]
    keys.append(parts[:2])
    states.append(attention(*parts, 0.5).flatten(1))
case("entry", f"%x: {S}, %v: {H}, %o: !enc.offsets -> {S}",
     f"%last, %m, %r = enc.layers 2 (%h = %x) : {S}, !enc.stack<2x{SCORES}>, "
     f"!enc.stack<2x{S}> {{\n"
     f"%q = enc.fused_qkv %h query(@q, @qb) key(@k, @kb) value(@v, @vb) : {S} -> "
     "!enc.tokens<3x2x4xf32>\n"
     "%z, %p = enc.fused_attention %q, %o scale 0.5 : !enc.tokens<3x2x4xf32> -> "
     f"{S} probabilities {SCORES}\n"
     f"enc.yield %z saving %p, %z : {S}, {SCORES}, {S}\n}}\n"
     f"%s = enc.entry 1 of %m : !enc.stack<2x{SCORES}> -> {SCORES}\n"
     f"%t = enc.entry 0 of %r : !enc.stack<2x{S}> -> {S}\n"
     f"%c = enc.context %s, %v, %o : {SCORES}, {H} -> {H}\n"
     f"%d = enc.merge_heads %c : {H} -> {S}\n%y = enc.add %d, %t : {S}",
     [x8, v, offsets], attention(*keys[1], v, 0.5).flatten(1) + states[1], w)

path = pathlib.Path(__file__).parent / "enc-ops.json"
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KB")
