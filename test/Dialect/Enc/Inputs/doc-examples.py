#!/usr/bin/env python3
#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
"""Print a module of all examples in the descriptions of ops, one function each.

Operands become arguments. Their types are those that the example ends with;
offsets and random have only one type, so no op spells it.

usage: doc-examples.py ROOT, the folder of the sources
"""
import re
import sys

from enc_reference import reference

WEIGHTS = {"word": "100x768", "type": "2x768", "position": "512x768",
           "up": "3072x768", "up_bias": "3072", "down": "768x3072",
           "w": "768x3072", "q": "768x768", "k": "768x768", "v": "768x768"}
VECTORS = ["gain", "bias", "b", "norm_bias", "down_bias", "q_bias", "k_bias",
           "v_bias"]


def function(name, example):
    """A function around one op, whose syntax ends in `: types [-> types]`."""
    head = example.partition("{")[0]  # of a region
    operands = re.findall(r"%\w+", re.sub(r"^%[\w, %]* = ", "", head))
    types = head.rpartition(" : ")[2] if " : " in head else ""
    types = re.findall(r"!enc\.\w+<[^<>]*(?:<[^>]*>)?>", types.partition("->")[0])
    for argument in re.findall(r"\((%\w+) = ", head):
        operands.remove(argument)
    arguments = []
    for operand in dict.fromkeys(operands):
        if operand in ["%offsets", "%random"]:
            arguments.append(f"{operand}: !enc.{operand[1:]}")
        else:
            arguments.append(f"{operand}: {types[0]}")
            types = types[1:] or types
    return (f"func.func @{name}({', '.join(arguments)}) {{\n{example}\n"
            "return\n}")


def main(root):
    for name, shape in WEIGHTS.items():
        print(f'enc.weight @{name} = "{name}" : tensor<{shape}xf32>')
    for name in VECTORS:
        print(f'enc.weight @{name} = "{name}" : tensor<768xf32>')
    sections = re.split(r"^### `enc\.(\w+)` \(", reference(root), flags=re.M)
    for name, text in zip(sections[1::2], sections[2::2]):
        example = re.search(r"```mlir\n(.*?)```", text, flags=re.S)
        if not example:
            print(f"error: enc.{name} has no example", file=sys.stderr)
            return 1
        if name == "weight":
            print(example[1])
        elif name != "yield":  # The loop's example has one.
            print(function(name, example[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
