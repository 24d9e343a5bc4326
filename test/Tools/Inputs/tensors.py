#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Safetensors files in plain Python, for tests.

usage: tensors.py write FILE             three padded rows of inputs
       tensors.py write-holes FILE       the same, padded anywhere
       tensors.py names FILE             name, type and shape of each tensor
       tensors.py compare A B TOLERANCE  fail unless A and B hold the same
       tensors.py merge A B FILE         the tensors of both
       tensors.py damage A NAME FILE [I] A with 1 added to element I of NAME
       tensors.py attentions A B TOLERANCE
                                         fail unless rows of the attentions of B
                                         add up to 1 where A has tokens, to 0
                                         where it has not
"""
import array
import json
import struct
import sys


def read(path):
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    return {name: (entry["dtype"], entry["shape"],
                   data[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def write(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def floats(tensor):
    return array.array("f", tensor[2])


def integers(rows):
    flat = [x for row in rows for x in row]
    return ("I64", [len(rows), len(rows[0])],
            struct.pack(f"<{len(flat)}q", *flat))


command, *arguments = sys.argv[1:]
if command in ("write", "write-holes"):
    ids = [[2, 7, 9, 30, 12, 3], [2, 5, 3, 0, 0, 0], [2, 8, 8, 9, 3, 0]]
    if command == "write-holes":
        ids = [[0, 2, 7, 0, 0, 3], [0, 0, 0, 2, 5, 3], [2, 8, 8, 9, 3, 0]]
    write(arguments[0], {
        "input_ids": integers(ids),
        "attention_mask": integers([[int(i > 0) for i in r] for r in ids]),
        "token_type_ids": integers([[0, 0, 0, 1, 1, 1]] * 3)})
elif command == "names":
    for name, (dtype, shape, _) in sorted(read(arguments[0]).items()):
        print(name, dtype, shape)
elif command == "compare":
    a, b = read(arguments[0]), read(arguments[1])
    assert sorted(a) == sorted(b), (sorted(a), sorted(b))
    for name in a:
        assert a[name][:2] == b[name][:2], (name, a[name][:2], b[name][:2])
        worst = max(abs(x - y) for x, y in zip(floats(a[name]),
                                               floats(b[name])))
        assert worst <= float(arguments[2]), (name, worst)
        assert any(floats(a[name])), f"{name} is zero"
elif command == "merge":
    write(arguments[2], {**read(arguments[0]), **read(arguments[1])})
elif command == "damage":
    tensors = read(arguments[0])
    dtype, shape, _ = tensors[arguments[1]]
    values = floats(tensors[arguments[1]])
    values[int(arguments[3]) if len(arguments) > 3 else 0] += 1
    tensors[arguments[1]] = (dtype, shape, values.tobytes())
    write(arguments[2], tensors)
elif command == "attentions":
    mask, tensors = read(arguments[0])["attention_mask"], read(arguments[1])
    real = array.array("q", mask[2])
    names = [name for name in tensors if name.startswith("attentions.")]
    assert names
    for name in names:
        batch, heads, seq, _ = tensors[name][1]
        values = floats(tensors[name])
        for i in range(batch * heads * seq):
            row = i // (heads * seq) * seq
            columns = values[i * seq:(i + 1) * seq]
            wanted = real[row + i % seq]
            assert abs(sum(columns) - wanted) <= float(arguments[2]), (name, i)
            assert not any(x for j, x in enumerate(columns)
                           if not real[row + j]), (name, i)
else:
    sys.exit(__doc__)
