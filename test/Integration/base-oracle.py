#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Hold a compiled model against transformers on every value of every state.

usage: base-oracle.py --build BUILD MODEL_DIR    (needs torch, transformers)

The integration tests hold sampled rows of a full-size model against stored
values; this compares all rows of all hidden states with a live float32
transformers, for a padded batch, a ragged one and single sequences, and each
variant that this processor runs. It also prints both distances from a float64
run, which tell whose rounding is larger.
"""
import argparse
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
HERE = pathlib.Path(__file__).resolve().parent

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", required=True)
parser.add_argument("model")
parser.add_argument("--max", type=float, default=2e-4)
parser.add_argument("--relative-rms", type=float, default=2e-6)
arguments = parser.parse_args()
os.environ["BERTC_BUILD_FOLDER"] = os.path.abspath(arguments.build)
sys.path[:0] = [str(HERE), str(HERE.parent / "Golden"),
                str(HERE.parent.parent / "tools" / "bench")]

import numpy as np
import torch
from transformers import AutoModel

import capi
import harness

BATCHES = {"full 4x64": [64] * 4, "ragged": [128, 3, 77, 1, 30, 111, 16],
           "single 384": [384]}


def inputs(lengths, config):
    generator = np.random.default_rng(len(lengths))
    shape = (len(lengths), min(max(lengths), config.max_position_embeddings))
    mask = np.arange(shape[1])[None] < np.array(lengths)[:, None]
    ids = generator.integers(5, config.vocab_size, shape) * mask
    types = generator.integers(0, config.type_vocab_size, shape) * mask
    return ids, mask.astype(np.int64), types


def states(model, ids, mask, types):
    with torch.inference_mode():
        out = model(input_ids=torch.from_numpy(ids),
                    attention_mask=torch.from_numpy(mask),
                    token_type_ids=torch.from_numpy(types),
                    output_hidden_states=True)
    found = {f"hidden_states.{i}": h for i, h in enumerate(out.hidden_states)}
    found["last_hidden_state"] = out.last_hidden_state
    return {k: v.double().numpy()[mask == 1] for k, v in found.items()}


def distance(got, want):
    worst = max(float(np.abs(got[k] - want[k]).max()) for k in want)
    rms = max(float(harness.relative_rms(got[k], want[k])) for k in want)
    return worst, rms


def main():
    library = harness.WORK / "oracle.so"
    harness.WORK.mkdir(exist_ok=True)
    harness.bertc("compile", arguments.model, "-o", library,
                  f"--outputs={harness.OUTPUTS}")
    model = AutoModel.from_pretrained(arguments.model,
                                      attn_implementation="eager").eval()
    batches = {k: inputs(v, model.config) for k, v in BATCHES.items()}
    single = {k: states(model, *v) for k, v in batches.items()}
    model = model.double()
    exact = {k: states(model, *v) for k, v in batches.items()}
    bad = 0
    for variant in harness.cpu_variants():
        with capi.Model(library, variant=variant) as opened, \
                capi.Session(opened) as session:
            for name, (ids, mask, types) in batches.items():
                got = session.padded(ids, mask, types,
                                     names=list(single[name]))
                got = {k: v[mask == 1] for k, v in got.items()}
                worst, rms = distance(got, single[name])
                ok = worst <= arguments.max and rms <= arguments.relative_rms
                bad += not ok
                ours = distance(got, exact[name])
                theirs = distance(single[name], exact[name])
                print(f"{variant} {name}: max {worst:.1e}, relative RMS "
                      f"{rms:.1e}: {'ok' if ok else 'TOO LARGE'}; from "
                      f"float64: {ours[0]:.1e} {ours[1]:.1e}, transformers "
                      f"{theirs[0]:.1e} {theirs[1]:.1e}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
