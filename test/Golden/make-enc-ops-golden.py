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

path = pathlib.Path(__file__).parent / "enc-ops.json"
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(f"{path.name}: {len(cases)} cases, {path.stat().st_size // 1024} KB")
