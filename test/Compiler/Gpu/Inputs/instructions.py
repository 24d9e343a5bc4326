#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""Counts the instructions of kernels, for tests that pin some of them:

    instructions.py KERNEL... < text

`text` is PTX, or MLIR with gpu.func or llvm.func; KERNEL a regular expression
for whole names. Prints each kernel's name and, below it in the order of the
alphabet, "COUNT NAME" of what it does; loads and stores of MLIR have their type.
"""
import collections
import re
import sys

PTX_KERNEL = re.compile(r"\.entry (\w+)\(")
PTX_OP = re.compile(r"\s+(?:@!?%\w+\s+)?([a-z][\w.:]*)[\s;]")
MLIR_KERNEL = re.compile(r"\s*(?:gpu|llvm)\.func @(\w+)\(.*\{$")
MLIR_OP = re.compile(r"\s+(?:%[^=]* = )?([a-z]\w*(?:\.\w+)+)")
TYPE = {"llvm.load": r"-> (.+)$", "llvm.store": r" : ([^:]+), !llvm",
        "nvvm.shfl.sync": r"sync +(\w+)"}


def kernels(lines):
    """Name and counts of each kernel in the text."""
    is_ptx, counts, end = None, None, None
    for line in lines:
        if is_ptx is None and (".version" in line or "module" in line):
            is_ptx = ".version" in line
        begin = (PTX_KERNEL.search if is_ptx else MLIR_KERNEL.match)(line)
        if begin:
            counts = collections.Counter()
            yield begin[1], counts
            end = line[:len(line) - len(line.lstrip())] + "}"
            continue
        if line.rstrip() == end and not is_ptx:
            counts = None
        op = (PTX_OP if is_ptx else MLIR_OP).match(line)
        if not op or counts is None:
            continue
        name = op[1]
        kind = name in TYPE and re.search(TYPE[name], line)
        counts[f"{name} {kind[1]}" if kind else name] += 1


def main():
    wanted = [re.compile(name) for name in sys.argv[1:]]
    found = set()
    for name, counts in list(kernels(sys.stdin)):
        match = [i for i, one in enumerate(wanted) if one.fullmatch(name)]
        if not match:
            continue
        found.update(match)
        print(f"kernel {name}")
        for op, count in sorted(counts.items()):
            print(f"{count} {op}")
    for i, one in enumerate(wanted):
        if i not in found:
            sys.exit(f"error: no kernel {one.pattern}")
    print("end")


if __name__ == "__main__":
    main()
