#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Expected outputs of the seeded encoders, computed by transformers.

usage: make-encoder-golden.py [NAME...]     (needs torch and transformers)

The values are computed in float64 and stored as float32, so the reference is
the function itself and not one library's rounding; the difference of float32
transformers from it is written into the metadata for comparison. Rows of
padding are stored as zeros.
"""
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel

import seeded

HERE = pathlib.Path(__file__).parent


def outputs(model, inputs):
    with torch.inference_mode():
        got = model(**{k: torch.from_numpy(v) for k, v in inputs.items()},
                    output_hidden_states=True, output_attentions=True)
    out = {f"hidden_states.{i}": h for i, h in enumerate(got.hidden_states)}
    out["last_hidden_state"] = got.last_hidden_state
    out |= {f"attentions.{i}": p for i, p in enumerate(got.attentions)}
    if got.pooler_output is not None:
        out["pooler_output"] = got.pooler_output
    return {k: v.double().numpy() for k, v in out.items()}


def select(spec, value, mask, rows):
    """Rows of padding become zeros; sampled specs keep `rows` only, and fewer
    of attention matrices."""
    if value.ndim == 2:
        return value
    if value.ndim == 4:
        value = value * mask[:, None, :, None] * mask[:, None, None, :]
        return seeded.attention_rows(value, rows) if spec.sampled else value
    value = value * mask[..., None]
    return value.reshape(-1, value.shape[-1])[rows] if spec.sampled else value


def build(spec, dtype):
    config = BertConfig(**seeded.config(spec), attn_implementation="eager")
    model = BertModel(config, add_pooling_layer=spec.pooler).eval()
    state = {k: torch.from_numpy(v) for k, v in seeded.weights(spec).items()}
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys, missing
    assert all("position_ids" in k for k in missing.missing_keys), missing
    return model.to(dtype)


def main():
    names = sys.argv[1:] or [n for n in seeded.SPECS
                             if n not in ("wide", "minilm-sized", "large")]
    for name in names:
        spec = seeded.SPECS[name]
        models = [build(spec, t) for t in (torch.float64, torch.float32)]
        for kind in ("ragged", "full"):
            inputs = seeded.batch(spec, kind)
            mask = inputs["attention_mask"]
            rows = seeded.sample_rows(spec, mask)
            exact, single = (outputs(m, inputs) for m in models)
            tensors = dict(inputs)
            worst = worst_rms = 0.0
            for key, value in exact.items():
                stored = kind == "ragged" and seeded.keeps_attentions(name)
                if key.startswith("attentions.") and not stored:
                    continue
                value = select(spec, value, mask, rows)
                other = select(spec, single[key], mask, rows)
                worst = max(worst, np.abs(value - other).max())
                worst_rms = max(worst_rms, np.linalg.norm(value - other)
                                / np.linalg.norm(value))
                tensors[key] = np.ascontiguousarray(value, np.float32)
            if spec.sampled:
                tensors["rows"] = rows
            file = HERE / f"{name}.{kind}.safetensors"
            save_file(tensors, file, {
                "tolerance_max": str(spec.tolerance),
                "tolerance_relative_rms": "2e-6",
                "float32_transformers_max": f"{worst:.1e}",
                "float32_transformers_relative_rms": f"{worst_rms:.1e}"})
            print(f"{file.name}: {file.stat().st_size // 1024} KB, float32 "
                  f"transformers differs by {worst:.1e} at most, "
                  f"{worst_rms:.1e} relative RMS", flush=True)


if __name__ == "__main__":
    main()
