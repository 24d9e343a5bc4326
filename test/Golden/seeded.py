#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Seeded encoders: the same bytes from the same name on every machine.

Models are made when a test needs them, so the repository holds only expected
values. The numbers come from integers, not from a library's generator, because
those change between versions:

    key   = FNV-1a 64 of "<seed>:<tensor name>"
    z(i)  = SplitMix64 finalizer of key + (i + 1) * 0x9E3779B97F4A7C15
    n(i)  = float32(sum of the four 16-bit fields of z(i) - 131070)
            * float32(deviation / 37837.2)

n(i) is close to normal and needs one rounding. Matrices use n with a deviation
of 1/sqrt(inputs), so that attention is peaked, or the fixed one of the spec;
biases 0.02 n; layer norm gains 1 + 0.1 n, a few of them times four.
"""
import dataclasses
import json
import math
import pathlib

import numpy as np
from safetensors.numpy import save_file


@dataclasses.dataclass(frozen=True)
class Spec:
    """One model; the defaults are those most specs share."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    act: str = "gelu"
    vocab: int = 131
    positions: int = 64
    types: int = 2
    epsilon: float = 1e-12
    seed: int = 1
    deviation: float = 0.0  # 0: 1/sqrt(inputs)
    prefix: str = ""  # of every tensor name, as task models have it
    legacy: bool = False  # gamma and beta instead of weight and bias
    shards: int = 1
    pooler: bool = True
    # Lengths of the two golden batches.
    ragged: tuple = (7, 19, 1, 12)
    full: tuple = (16, 16)
    # Rows stored per output; 0: all of them.
    sampled: int = 0
    # Largest accepted difference; relative RMS is 2e-6 everywhere.
    tolerance: float = 5e-5


SPECS = {
    "head16-gelu": Spec(48, 3, 2, 112),
    "head17-odd": Spec(51, 3, 2, 33, vocab=101, types=1),
    "head20-silu": Spec(40, 2, 3, 90, "silu", legacy=True),
    "head24-relu": Spec(72, 3, 1, 100, "relu", prefix="bert."),
    "head32-gelu-new": Spec(96, 3, 2, 384, "gelu_new", shards=3),
    "head32-long": Spec(64, 2, 1, 128, positions=512, ragged=(500, 3),
                        full=(129,), sampled=48),
    "head64-gelu-pytorch-tanh": Spec(128, 2, 2, 200, "gelu_pytorch_tanh",
                                     epsilon=1e-5, types=3),
    "head128-tanh": Spec(128, 1, 1, 64, "tanh", pooler=False),
    "base": Spec(768, 12, 12, 3072, vocab=30522, positions=512, seed=3,
                 deviation=0.02, ragged=(128, 30, 1, 77, 17), full=(64, 64),
                 sampled=6, tolerance=2e-4),
    # No expected values are stored of these: a small model with the linear
    # sizes of a large one, one with the sizes of MiniLM but for its words, and
    # one for measurements.
    "wide": Spec(768, 12, 1, 3072),
    "minilm-sized": Spec(384, 12, 6, 1536, deviation=0.02),
    "large": Spec(1024, 16, 24, 4096, vocab=30522, positions=512,
                  deviation=0.02),
}

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def mix(z):
    """The SplitMix64 finalizer, in place on an array of uint64."""
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def words(seed, name, count):
    """`count` uniform uint64 of the stream (seed, name)."""
    key = 0xCBF29CE484222325
    for byte in f"{seed}:{name}".encode():
        key = ((key ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(key)
    return mix(z)


def normal(seed, name, shape, deviation):
    """Nearly normal float32 values of the stream (seed, name)."""
    z = words(seed, name, math.prod(shape))
    total = np.zeros(z.shape, np.int32)
    for shift in (0, 16, 32, 48):
        total += ((z >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int32)
    total -= 131070
    scale = np.float32(deviation / 37837.2)
    return (total.astype(np.float32) * scale).reshape(shape)


def config(spec):
    return {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": spec.act,
        "hidden_dropout_prob": 0.1,
        "hidden_size": spec.hidden,
        "initializer_range": 0.02,
        "intermediate_size": spec.intermediate,
        "layer_norm_eps": spec.epsilon,
        "max_position_embeddings": spec.positions,
        "model_type": "bert",
        "num_attention_heads": spec.heads,
        "num_hidden_layers": spec.layers,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": spec.types,
        "vocab_size": spec.vocab,
    }


def shapes(spec):
    """Hugging Face tensor name -> shape, in the order of the modules."""
    h, f = spec.hidden, spec.intermediate
    out = {
        "embeddings.word_embeddings.weight": (spec.vocab, h),
        "embeddings.position_embeddings.weight": (spec.positions, h),
        "embeddings.token_type_embeddings.weight": (spec.types, h),
        "embeddings.LayerNorm.weight": (h,),
        "embeddings.LayerNorm.bias": (h,),
    }
    linears = {"attention.self.query": (h, h), "attention.self.key": (h, h),
               "attention.self.value": (h, h),
               "attention.output.dense": (h, h),
               "intermediate.dense": (f, h), "output.dense": (h, f)}
    for layer in range(spec.layers):
        at = f"encoder.layer.{layer}."
        for name, shape in linears.items():
            out[at + name + ".weight"] = shape
            out[at + name + ".bias"] = shape[:1]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            out[at + name + ".weight"] = (h,)
            out[at + name + ".bias"] = (h,)
    if spec.pooler:
        out["pooler.dense.weight"] = (h, h)
        out["pooler.dense.bias"] = (h,)
    return out


def weights(spec):
    """Tensor name -> float32 array, under today's Hugging Face names."""
    out = {}
    for name, shape in shapes(spec).items():
        if name.endswith("LayerNorm.weight"):
            value = 1 + normal(spec.seed, name, shape, 0.1)
            value[:: max(1, spec.hidden // 4)] *= np.float32(4)
        elif name.endswith(".bias"):
            value = normal(spec.seed, name, shape, 0.02)
        elif "embeddings" in name:
            value = normal(spec.seed, name, shape, spec.deviation or 0.5)
        else:
            deviation = spec.deviation or 1 / math.sqrt(shape[1])
            value = normal(spec.seed, name, shape, deviation)
        out[name] = np.ascontiguousarray(value, np.float32)
    return out


def batch(spec, kind):
    """Inputs of the golden batch `kind`, as int64 [batch, seq] arrays; short
    sequences are padded on the right."""
    lengths = {"ragged": spec.ragged, "full": spec.full}[kind]
    shape = (len(lengths), max(lengths))
    count = math.prod(shape)
    low = len(SPECIAL)
    ids = words(spec.seed, kind + ".ids", count) >> np.uint64(16)
    ids = low + (ids % np.uint64(spec.vocab - low)).astype(np.int64)
    types = words(spec.seed, kind + ".types", count) >> np.uint64(16)
    types = (types % np.uint64(spec.types)).astype(np.int64)
    mask = (np.arange(shape[1])[None] < np.array(lengths)[:, None])
    mask = mask.astype(np.int64)
    return {"input_ids": ids.reshape(shape) * mask,
            "token_type_ids": types.reshape(shape) * mask,
            "attention_mask": mask}


def sample_rows(spec, mask):
    """Indices into the flattened [batch * seq] rows that are stored: the first
    and last token of each sequence, then some in between."""
    real = np.flatnonzero(mask.reshape(-1))
    if not spec.sampled or spec.sampled >= len(real):
        return real
    ends = set()
    for b, length in enumerate(mask.sum(1)):
        ends |= {b * mask.shape[1], b * mask.shape[1] + int(length) - 1}
    ends = sorted(ends)[:: max(1, len(ends) // max(1, spec.sampled // 2))]
    rest = [int(r) for r in real if r not in set(ends)]
    need = max(0, spec.sampled - len(ends))
    rest = rest[:: max(1, len(rest) // max(1, need))][:need]
    return np.array(sorted(set(ends) | set(rest)), np.int64)


def keeps_attentions(name):
    """Whether attention matrices of the ragged batch are stored."""
    return SPECS[name].layers <= 3


def attention_rows(matrices, rows):
    """Of [batch, heads, seq, seq], the matrices' rows of every 16th token of
    `rows`: [tokens, heads, seq]."""
    batch, heads, seq, _ = matrices.shape
    by_token = matrices.transpose(0, 2, 1, 3).reshape(batch * seq, heads, seq)
    return by_token[rows[::16]]


def vocabulary(spec):
    """Lines of vocab.txt: special tokens, letters, then two-letter words."""
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    out = SPECIAL + letters + ["##" + c for c in letters]
    out += [f"w{i}" for i in range(max(0, spec.vocab - len(out)))]
    return out[: spec.vocab]


def write(name, folder):
    """Write the model directory `name`; returns its folder."""
    spec = SPECS[name]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps(config(spec), indent=2) + "\n")
    (folder / "vocab.txt").write_text("\n".join(vocabulary(spec)) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer",
                    "model_max_length": spec.positions}) + "\n")
    tensors = {}
    for key, value in weights(spec).items():
        if spec.legacy:
            key = key.replace("LayerNorm.weight", "LayerNorm.gamma")
            key = key.replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[spec.prefix + key] = value
    if spec.prefix:  # a task head that the encoder does not use
        tensors["cls.predictions.bias"] = np.zeros(spec.vocab, np.float32)
    names = list(tensors)
    if spec.shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return folder
    index = {}
    for shard in range(spec.shards):
        file = f"model-{shard + 1:05d}-of-{spec.shards:05d}.safetensors"
        part = names[shard:: spec.shards]
        save_file({n: tensors[n] for n in part}, folder / file,
                  {"format": "pt"})
        index.update(dict.fromkeys(part, file))
    size = sum(t.nbytes for t in tensors.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": size}, "weight_map": index},
                   indent=2) + "\n")
    return folder
