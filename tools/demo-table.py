#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Print the embeddings that `bertc embed` writes to standard input, and the
cosine similarity of each pair; the arguments are the sentences."""
import json
import sys

import numpy as np

sentences = sys.argv[1:]
rows = np.array([json.loads(line) for line in sys.stdin], np.float32)
assert len(rows) == len(sentences), "expected one embedding per sentence"
for i, (text, row) in enumerate(zip(sentences, rows)):
    first = " ".join(f"{x:+.4f}" for x in row[:5])
    print(f"[{i}] {first} ... ({row.size} numbers)  {text}")
unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
similarity = unit @ unit.T
print("\ncosine similarity")
print("     " + " ".join(f"[{i}]".rjust(6) for i in range(len(rows))))
for i, row in enumerate(similarity):
    print(f"[{i}] ".rjust(5) + " ".join(f"{x:6.3f}" for x in row))
