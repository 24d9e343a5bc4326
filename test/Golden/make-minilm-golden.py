#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Expected embeddings, token ids and hidden states of all-MiniLM-L6-v2.

usage: make-minilm-golden.py MODEL_DIR    (needs torch, sentence-transformers)

Embeddings are what sentence-transformers gives for each text alone, so that no
padding takes part. Hidden states are computed in float64 like those of the
seeded encoders, for a batch of five of the texts.
"""
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

import texts

HERE = pathlib.Path(__file__).parent
HIDDEN = [0, 17, 22, 33, 46]  # indices into PLAIN


def main():
    folder = sys.argv[1]
    every = texts.all_texts()
    model = SentenceTransformer(folder, device="cpu")
    embeddings = np.stack([model.encode([t])[0] for t in every])
    ids = [model.tokenize([t])["input_ids"][0].numpy() for t in every]
    offsets = np.cumsum([0] + [len(i) for i in ids])
    (HERE / "minilm-texts.json").write_text(
        json.dumps(every, indent=0, ensure_ascii=True) + "\n")
    save_file({"embeddings": embeddings.astype(np.float32),
               "ids": np.concatenate(ids).astype(np.int32),
               "offsets": offsets.astype(np.int32)},
              HERE / "minilm.safetensors",
              {"tolerance_max": "2e-6", "tolerance_cosine": "0.999999"})

    length = max(len(ids[i]) for i in HIDDEN)
    batch = {"input_ids": np.zeros((len(HIDDEN), length), np.int64)}
    batch["attention_mask"] = np.zeros_like(batch["input_ids"])
    batch["token_type_ids"] = np.zeros_like(batch["input_ids"])
    for row, i in enumerate(HIDDEN):
        batch["input_ids"][row, :len(ids[i])] = ids[i]
        batch["attention_mask"][row, :len(ids[i])] = 1
    encoder = AutoModel.from_pretrained(
        folder, attn_implementation="eager").eval().double()
    with torch.inference_mode():
        got = encoder(**{k: torch.from_numpy(v) for k, v in batch.items()},
                      output_hidden_states=True)
    # A file keeps the memory of an array, so views must be copied.
    real = np.flatnonzero(batch["attention_mask"].reshape(-1))[::7].copy()
    tensors = dict(batch, rows=real)
    states = {f"hidden_states.{i}": h for i, h in enumerate(got.hidden_states)}
    states["last_hidden_state"] = got.last_hidden_state
    for key, value in states.items():
        value = value.numpy().reshape(-1, value.shape[-1])[real]
        tensors[key] = value.astype(np.float32)
    tensors["pooler_output"] = got.pooler_output.numpy().astype(np.float32)
    save_file(tensors, HERE / "minilm.ragged.safetensors",
              {"tolerance_max": "2e-5", "tolerance_relative_rms": "2e-6"})
    print(len(every), "texts,", offsets[-1], "tokens, longest",
          max(map(len, ids)))


if __name__ == "__main__":
    main()
